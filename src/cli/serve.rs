//! `flowgate serve`: the gateway itself.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::{Global, demo, output, session};
use crate::app::App;
use crate::app::clock::Clock;
use crate::config::{Config, Override};
use crate::engine::Engine;
use crate::error::Error;
use crate::model::address::Network;
use crate::outbound;
use crate::server::{self, Server};
use crate::store::Store;

/// Run the gateway
///
/// It listens on loopback unless told otherwise; behind a proxy that ends TLS, name the proxy in
/// server.trusted_proxies. It stops gracefully on SIGTERM and SIGINT.
#[derive(Args)]
#[command(after_help = "Examples:\n  flowgate serve --demo\n  \
    flowgate serve --demo --receiver http://127.0.0.1:9000/\n  \
    flowgate serve --data /var/lib/flowgate --config /etc/flowgate.toml\n  \
    FLOWGATE__SERVER__LISTEN=127.0.0.1:9000 flowgate serve")]
pub(super) struct Arguments {
    /// Add a demo customer with well-known credentials, and print a request to try; on loopback only
    #[arg(long)]
    demo: bool,
    /// Deliver the records of the demo's flow Leads to this address: each is sent there as JSON, by POST
    #[arg(long, value_name = "URL", requires = "demo", value_parser = receiver)]
    receiver: Option<String>,
    /// Where to listen; port 0 lets the system choose [default: 127.0.0.1:8080, or server.listen of the settings]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
}

fn receiver(text: &str) -> Result<String, String> {
    match outbound::check_url(text) {
        // Braces would be read as an expression.
        Ok(()) if text.contains(['{', '}']) => Err("braces must be percent-encoded".to_owned()),
        Ok(()) => Ok(text.to_owned()),
        Err(failure) => Err(failure.text),
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let listen = arguments.listen.clone();
    let overrides = listen.map(|value| Override { option: "--listen", key: "server.listen", value });
    let mut config = session::configure(global, overrides.into_iter().collect())?;
    let is_loopback = config.server.listen.ip().to_canonical().is_loopback();
    if arguments.demo && !is_loopback {
        bail!(
            "--demo adds well-known credentials, so it is refused on {}; listen on 127.0.0.1 or [::1]",
            config.server.listen
        );
    }
    if arguments.demo {
        allow_this_machine(&mut config);
    }
    server::block_on(async {
        server::survive_size_limit()?;
        let store = Store::open(&config.store.directory, &session::store_options(&config))?;
        let app = Arc::new(App::new(config, store, Clock::system()));
        app.outbound.prepare()?;
        if let Err(error) = app.check_secrets() {
            log::warn!("Flows that use secrets will fail: {}", explain(&error));
        }
        serve(app, arguments, is_loopback).await
    })
}

/// The error with its cause, which is for the operator.
fn explain(error: &Error) -> String {
    error.cause().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Lets flows ask this machine, so that the demo works without a network.
fn allow_this_machine(config: &mut Config) {
    let loopback = ["127.0.0.0/8", "::1/128"].into_iter().filter_map(Network::parse);
    config.outbound.allow.extend(loopback.flatten());
}

async fn serve(app: Arc<App>, arguments: &Arguments, is_loopback: bool) -> anyhow::Result<()> {
    let with_demo = arguments.demo;
    if with_demo {
        demo::load(&app, arguments.receiver.as_deref()).await?;
    } else if !is_loopback && demo::is_loaded(&app)? {
        log::warn!("The demo's well-known credentials are accepted; rotate its keys, or use another data directory");
    }
    let server = Server::build(Arc::clone(&app), with_demo)?;
    let base = base_url(&app.config, server.address());
    let mut greeting = banner(&base, server.address());
    if with_demo {
        greeting.push_str(&demo::guide(&app, &base, arguments.receiver.as_deref())?);
    }
    // Nobody may be reading, or the output may go to a full disk; that must not keep the gateway from serving.
    if let Err(error) = output::print(&greeting) {
        log::warn!("The greeting could not be printed: {error:#}");
    }
    let engine = Engine::start(Arc::clone(&app))?;
    let served = server.run().await;
    engine.stop(app.config.server.drain_timeout).await;
    Ok(served?)
}

/// The address clients use, without a slash at its end.
pub(super) fn base_url(config: &Config, address: SocketAddr) -> String {
    match config.server.public_url.as_str() {
        "" => format!("http://{address}"),
        url => url.to_owned(),
    }
}

fn banner(base: &str, address: SocketAddr) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "Flowgate {version} listens on http://{address}\n\n  \
         Service page       {base}/v1/soap\n  \
         WSDL rpc/encoded   {base}/v1/soap?wsdl\n  \
         WSDL literal       {base}/v1/soap?wsdl=literal\n  \
         WSDL literal 1.2   {base}/v1/soap?wsdl=literal12\n"
    )
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_demo_may_ask_this_machine_and_nobody_else_of_its_network() {
        let mut config = Config::for_testing();
        assert!(config.outbound.allow.is_empty());
        allow_this_machine(&mut config);
        for (address, allowed) in [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("10.0.0.1", false)] {
            let address: IpAddr = address.parse().expect("an address");
            let found = config.outbound.allow.iter().any(|network| network.contains(address));
            assert_eq!(found, allowed, "{address}");
        }
    }
}

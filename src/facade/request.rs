//! What every façade needs to know of an HTTP request beside its body: who sent it from where and when, under which
//! address the sender sees us, and by which identifier the log speaks of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use actix_web::dev::RequestHead;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use actix_web::{HttpMessage, HttpRequest, HttpResponseBuilder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::app::bucket::Allowance;
use crate::auth::Credential;
use crate::auth::address::client_address;
use crate::config::server::Server;
use crate::error::Code;
use crate::model::address::Network;
use crate::telemetry::context::Context;
use crate::telemetry::metrics::Dialect;

/// The request header that carries an identifier through all systems of a call.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The reply headers that tell what is left of an allowance.
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Where the gateway listens, and whether it does so for the demonstration.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The bound address.
    pub address: SocketAddr,
    /// Whether the demonstration customer is there.
    pub demo: bool,
}

/// The identifier of a request: the sender's own, or one of ours.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Reads the identifier, or makes one.
    pub fn of(headers: &HeaderMap) -> RequestId {
        let fits = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits);
        RequestId(given.map_or_else(|| next_id().into(), Arc::from))
    }

    /// What every line of the log carries that is written for the request.
    pub fn context(&self) -> Context {
        Context::new([("request_id", Arc::clone(&self.0))])
    }

    /// The identifier as a header.
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// A request's surroundings.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The client's address; that of the connection, or what a trusted proxy says.
    pub address: IpAddr,
    id: RequestId,
    started: Instant,
}

impl RequestContext {
    /// Reads the surroundings of a request.
    #[expect(clippy::disallowed_methods, reason = "how long it takes, whatever the clock is set to")]
    pub fn of(request: &HttpRequest, app: &App) -> RequestContext {
        // Whatever stands before the façades has given it one already.
        let known = request.extensions().get::<RequestId>().cloned();
        let id = known.unwrap_or_else(|| RequestId::of(request.headers()));
        RequestContext { address: address(request.head(), app), id, started: Instant::now() }
    }

    /// Counts the request as answered, or as refused with that code. `None` as the operation: it was refused before
    /// it was clear which one was wanted.
    pub fn ended(&self, app: &App, dialect: Dialect, operation: Option<&'static str>, refused: Option<Code>) {
        app.metrics.request_ended(dialect, operation, refused, self.started.elapsed());
    }

    /// Adds what every reply to the request carries: its identifier and, if it is known, what is left of an allowance.
    pub fn complete(&self, response: &mut HttpResponseBuilder, allowance: Option<Allowance>) {
        if let Some(id) = self.id.header() {
            response.insert_header((REQUEST_ID, id));
        }
        if let Some(allowance) = allowance {
            response.insert_header((LIMIT, allowance.limit));
            response.insert_header((REMAINING, allowance.remaining));
            response.insert_header((RESET, allowance.reset));
        }
    }
}

/// An identifier that no other request of this or another run has: random digits of the process, and a count.
fn next_id() -> String {
    static PROCESS: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().simple().to_string());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed))
}

fn peer(request: &HttpRequest) -> IpAddr {
    peer_of(request.peer_addr())
}

/// The address of a connection's other end.
pub fn peer_of(address: Option<SocketAddr>) -> IpAddr {
    address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical())
}

/// Whether a connection's peer may speak plain HTTP: from this machine, a proxy that ends TLS, or anyone where the
/// operator accepts that credentials travel unencrypted (contradiction C30).
pub fn admits_plain_http(peer: IpAddr, config: &Server) -> bool {
    let peer = peer.to_canonical();
    config.plain_http || peer.is_loopback() || config.trusted_proxies.iter().any(|network| network.contains(peer))
}

fn address(request: &RequestHead, app: &App) -> IpAddr {
    let trusted = &app.config.server.trusted_proxies;
    let peer = peer_of(request.peer_addr);
    if !trusted.iter().any(|network| network.contains(peer)) {
        return peer;
    }
    client_address(peer, trusted, &texts(request.headers(), "x-forwarded-for"), &texts(request.headers(), "forwarded"))
}

/// Whether the client is in one of the networks. What was forwarded by somebody who may not say for whom, or says
/// nothing that can be read, comes from nowhere: else all the world would be in the network of such a proxy.
pub fn is_from(request: &RequestHead, app: &App, networks: &[Network]) -> bool {
    let client = address(request, app);
    let is_forwarded = ["x-forwarded-for", "forwarded"].iter().any(|name| request.headers().contains_key(*name));
    let is_unsaid = is_forwarded && client == peer_of(request.peer_addr);
    !is_unsaid && networks.iter().any(|network| network.contains(client))
}

/// The address under which the sender sees this gateway, without a slash at its end: the configured public URL, else
/// what a trusted proxy says, else that of an absolute target, else the Host header, else where we listen.
pub fn origin(request: &HttpRequest, app: &App, listens: SocketAddr) -> String {
    let server = &app.config.server;
    if !server.public_url.is_empty() {
        return server.public_url.clone();
    }
    let headers = request.headers();
    // The target wins over the header (RFC 9112 §3.2.2).
    let target = request.uri().authority().map(|authority| authority.as_str());
    let host = target.or_else(|| texts(headers, HOST.as_str()).first().copied());
    let host = host.filter(|host| is_host(host)).map(str::to_owned);
    let host = host.unwrap_or_else(|| listens.to_string());
    let trusted = server.trusted_proxies.iter().any(|network| network.contains(peer(request)));
    if !trusted {
        return format!("http://{host}");
    }
    let forwarded = Forwarded::of(headers);
    let scheme = forwarded.proto.unwrap_or("http");
    let host = forwarded.host.map_or(host, str::to_owned);
    format!("{scheme}://{}{}", with_port(host, forwarded.port), forwarded.prefix.unwrap_or_default())
}

/// What a proxy says about the address it was reached at: in the older headers or, without them, in `Forwarded`
/// (RFC 7239), as with the client's address.
#[derive(Default)]
struct Forwarded<'r> {
    proto: Option<&'r str>,
    host: Option<&'r str>,
    port: Option<u16>,
    prefix: Option<&'r str>,
}

impl<'r> Forwarded<'r> {
    fn of(headers: &'r HeaderMap) -> Forwarded<'r> {
        let first = |name: &str| texts(headers, name).first().and_then(|value| value.split(',').next()).map(str::trim);
        let mut found = Forwarded {
            proto: first("x-forwarded-proto"),
            host: first("x-forwarded-host"),
            port: first("x-forwarded-port").and_then(|port| port.parse().ok()),
            prefix: first("x-forwarded-prefix").map(|prefix| prefix.trim_end_matches('/')),
        };
        for pair in first("forwarded").unwrap_or_default().split(';') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "proto" => found.proto = found.proto.or(Some(value)),
                "host" => found.host = found.host.or(Some(value)),
                _ => {}
            }
        }
        found.proto = found.proto.filter(|proto| matches!(*proto, "http" | "https"));
        found.host = found.host.filter(|host| is_host(host));
        found.prefix = found.prefix.filter(|prefix| is_path(prefix));
        found
    }
}

fn with_port(host: String, port: Option<u16>) -> String {
    let bare = host.ends_with(']') || !host.contains(':');
    match port.filter(|port| bare && !matches!(port, 80 | 443)) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// Whether the text is a host with an optional port and nothing that could end an attribute, a line or a path.
pub fn is_host(text: &str) -> bool {
    let (host, rest) = match text.strip_prefix('[') {
        Some(address) => match address.split_once(']') {
            Some((address, rest)) if address.parse::<Ipv6Addr>().is_ok() => (address, rest),
            _ => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let is_port = |rest: &str| {
        let digits = rest.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
        digits.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
    };
    (1..=255).contains(&host.len()) && host.chars().all(fits) && (rest.is_empty() || is_port(rest))
}

fn is_path(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '/' | '%');
    text.starts_with('/') && !text.starts_with("//") && text.len() <= 255 && text.chars().all(fits)
}

fn texts<'r>(headers: &'r HeaderMap, name: &str) -> Vec<&'r str> {
    headers.get_all(name).filter_map(|value| value.to_str().ok()).collect()
}

/// The entity tags that a condition's header names, as they are written (RFC 9110 §13.1).
pub fn entity_tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|tag| !tag.is_empty())
}

/// Whether `If-None-Match` says that the client has the representation of that tag, or any. Weak tags count
/// (RFC 9110 §13.1.2).
pub fn knows(headers: &HeaderMap, tag: Option<&str>) -> bool {
    entity_tags(headers, &IF_NONE_MATCH)
        .any(|known| known == "*" || tag == Some(known.strip_prefix("W/").unwrap_or(known)))
}

/// The credential of the Authorization header (RFC 7617, RFC 6750). Document 003's PHP example spells the header
/// `Authentication`, which counts where Authorization is absent (contradiction C29).
pub fn http_credential(headers: &HeaderMap) -> Option<Credential> {
    let value = headers.get(AUTHORIZATION).or_else(|| headers.get("authentication"))?.to_str().ok()?;
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credential::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credential::Basic { user: user.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn plain_http_is_for_this_machine_and_trusted_proxies() {
        let mut config = Config::for_testing().server;
        config.trusted_proxies = Network::parse("10.0.0.0/24").expect("a network");
        let admitted = |peer: &str, config: &Server| admits_plain_http(peer.parse().expect("an address"), config);
        for peer in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "::ffff:10.0.0.7"] {
            assert!(admitted(peer, &config), "{peer}");
        }
        for peer in ["10.0.1.7", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0"] {
            assert!(!admitted(peer, &config), "{peer}");
            config.plain_http = true;
            assert!(admitted(peer, &config), "{peer}");
            config.plain_http = false;
        }
    }
}

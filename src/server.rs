//! The listener: binds, serves, stops gracefully. Which façade answers what is the façades' business.

use std::future::{Future, Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::{ServerHandle, Service, ServiceRequest, ServiceResponse};
use actix_web::web::{self, Data};
use actix_web::{App as Routes, HttpResponse, HttpServer};
use futures_util::future::Either;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::facade::soap::describe::Surroundings;
use crate::facade::{meta, request, soap};

/// A bound listener.
pub struct Server {
    address: SocketAddr,
    running: actix_web::dev::Server,
    signals: Signals,
}

impl Server {
    /// Binds to the configured address. From here on SIGTERM and SIGINT stop the server gracefully.
    /// # Errors
    /// The address cannot be bound.
    pub fn build(app: Arc<App>, demo: bool) -> Result<Server> {
        let settings = app.config.server.clone();
        let refused = |error: std::io::Error| {
            Error::new(Code::Unavailable, format!("Cannot listen on {}: {error}", settings.listen)).because(error)
        };
        let listener = std::net::TcpListener::bind(settings.listen).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (app, surroundings) = (Data::from(app), Data::new(Surroundings { address, demo }));
        let server = HttpServer::new(move || {
            Routes::new()
                .app_data(app.clone())
                .app_data(surroundings.clone())
                .wrap_fn(admit)
                .configure(meta::routes)
                .configure(soap::routes)
                .default_service(web::to(meta::not_found))
        })
        .keep_alive(settings.keep_alive)
        .client_request_timeout(settings.head_timeout)
        .max_connections(settings.max_connections)
        .shutdown_timeout(settings.drain_timeout.as_secs())
        .disable_signals();
        let server = if settings.workers > 0 { server.workers(settings.workers) } else { server };
        let running = server.listen(listener).map_err(refused)?.run();
        Ok(Server { address, running, signals: Signals::listen()? })
    }

    /// Where it listens, with the port the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until SIGTERM or SIGINT, then answers what was accepted and returns.
    /// # Errors
    /// The listener failed.
    pub async fn run(self) -> Result<()> {
        let handle = self.running.handle();
        actix_web::rt::spawn(stop_on_signal(handle, self.signals));
        self.running.await.map_err(Error::internal)
    }
}

/// What tells the server to stop. Whoever reads where it listens may send them, so they are awaited before that is told.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals> {
        let listen = |kind| {
            signal(kind).map_err(|error| Error::new(Code::Unavailable, "Signals cannot be received").because(error))
        };
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }
}

async fn stop_on_signal(handle: ServerHandle, mut signals: Signals) {
    tokio::select! {
        _ = signals.terminate.recv() => log::info!("SIGTERM: answering what was accepted, then stopping"),
        _ = signals.interrupt.recv() => log::info!("SIGINT: answering what was accepted, then stopping"),
    }
    handle.stop(true).await;
}

/// Lets a request on if its peer may speak plain HTTP; no façade reads a word of the others.
fn admit<S>(
    request: ServiceRequest,
    next: &S,
) -> Either<S::Future, Ready<std::result::Result<ServiceResponse, actix_web::Error>>>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error>,
{
    let peer = request::peer_of(request.peer_addr());
    match request.app_data::<Data<App>>() {
        Some(app) if request::admits_plain_http(peer, &app.config.server) => Either::Left(next.call(request)),
        _ => {
            log::warn!(address:% = peer; "Plain HTTP was refused");
            let answer = HttpResponse::Forbidden().content_type("text/plain; charset=utf-8").body(
                "This gateway speaks plain HTTP only to its proxy. Use the https address of the service, or ask its \
                 operator (server.trusted_proxies, server.plain_http).\n",
            );
            Either::Right(ready(Ok(request.into_response(answer))))
        }
    }
}

/// Runs a future in the runtime that serving needs.
pub fn block_on<F: Future>(future: F) -> F::Output {
    actix_web::rt::System::new().block_on(future)
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test;

    use super::*;
    use crate::app::clock::Clock;
    use crate::config::Config;
    use crate::model::time::Timestamp;
    use crate::store::{Options, Store};

    #[test]
    fn strangers_are_refused_on_plain_http_whatever_they_ask_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), &Options::default()).expect("a store");
        let app = Data::new(App::new(Config::for_testing(), store, Clock::fixed(Timestamp(0))));
        let routes = Routes::new().app_data(app).wrap_fn(admit).default_service(web::to(meta::not_found));
        block_on(async {
            let service = test::init_service(routes).await;
            for (peer, status) in [("127.0.0.1:1", StatusCode::NOT_FOUND), ("192.0.2.1:1", StatusCode::FORBIDDEN)] {
                let request = test::TestRequest::post()
                    .peer_addr(peer.parse().expect("an address"))
                    .insert_header(("X-Forwarded-For", "127.0.0.1"));
                assert_eq!(test::call_service(&service, request.to_request()).await.status(), status, "{peer}");
            }
        });
    }
}

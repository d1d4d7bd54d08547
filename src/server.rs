//! The listener: binds, serves, stops gracefully. Which façade answers what is the façades' business.

mod connection;
mod edge;

use std::future::{Future, Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, ServerHandle, Service, ServiceRequest, ServiceResponse};
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, Data};
use actix_web::{App as Routes, HttpResponse};
use futures_util::future::Either;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpSocket;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::config::server::MOST_WORKERS;
use crate::error::{Code, Error, Result};
use crate::facade::request::Surroundings;
use crate::facade::{hub, meta, oauth, request, soap, v1};
use crate::server::connection::{Connection, LINGER, Limits};

/// Clients that wait to be accepted; further ones try again by themselves.
const BACKLOG: u32 = 1024;

/// File descriptors beside those of connections: the database, the log, the runtime.
const DESCRIPTORS: u64 = 64;

/// A bound listener.
pub struct Server {
    address: SocketAddr,
    app: Arc<App>,
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
        let listener = listen(settings.listen).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let serving = Arc::clone(&app);
        let (app, surroundings) = (Data::from(app), Data::new(Surroundings { address, demo }));
        let workers = match settings.workers {
            0 => available_parallelism().map_or(1, usize::from).min(MOST_WORKERS),
            workers => workers,
        };
        raise_descriptor_limit((settings.max_connections as u64).saturating_mul(workers as u64));
        let server = actix_server::Server::build()
            .workers(workers)
            .max_concurrent_connections(settings.max_connections)
            .shutdown_timeout(settings.drain_timeout.as_secs())
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let serve = move || service(&app, &surroundings, stopping.clone());
        let running = server.listen("flowgate", listener, serve).map_err(refused)?.run();
        Ok(Server { address, app: serving, running, signals: Signals::listen()? })
    }

    /// Where it listens, with the port the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until SIGTERM or SIGINT, then answers what was accepted and returns.
    /// # Errors
    /// The listener failed, or the store lost its writer: then serving on would only refuse everything.
    pub async fn run(self) -> Result<()> {
        let handle = self.running.handle();
        actix_web::rt::spawn(stop_on_signal(handle.clone(), self.signals));
        let mut running = self.running;
        tokio::select! {
            outcome = &mut running => return outcome.map_err(Error::internal),
            () = self.app.store.writer_lost() => {}
        }
        log::error!(
            "The thread that writes to the database is gone; the gateway stops, so that it can be started anew"
        );
        let (_, outcome) = tokio::join!(handle.stop(true), running);
        outcome.map_err(Error::internal)?;
        Err(Error::new(Code::Unavailable, "The gateway stopped because it could no longer write to its database"))
    }
}

/// Keeps SIGXFSZ from killing the process when a file reaches its size limit (`RLIMIT_FSIZE`): the write then fails, and
/// whoever asked for it is told. Rust ignores SIGPIPE for the like reason, but not this one.
/// # Errors
/// The system does not let signals be received.
pub fn survive_size_limit() -> Result<()> {
    // The receiver may go: what matters is that the signal has a handler, which stays.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop).map_err(Error::internal)
}

/// Listens there, with room for a burst of clients that were not accepted yet.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the last connections of the previous process.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Takes as many file descriptors as the system allows this process. Without one left, clients wait to be accepted.
fn raise_descriptor_limit(connections: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // If that is refused, the old limit holds, and is told below.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let wanted = connections.saturating_add(DESCRIPTORS);
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < wanted) {
        log::info!(
            "The system allows {limit} file descriptors, and server.max_connections may take {wanted}; \
             clients beyond the limit wait"
        );
    }
}

/// What a worker does with each connection: HTTP/1 with our limits around it, and the façades within it.
fn service(
    app: &Data<App>,
    surroundings: &Data<Surroundings>,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<> {
    let settings = &app.config.server;
    let limits = Limits { head: settings.head_timeout, idle: settings.keep_alive, reply: settings.reply_timeout };
    let routes = Routes::new()
        .app_data(app.clone())
        .app_data(surroundings.clone())
        .configure(meta::routes)
        .configure(soap::routes)
        .configure(oauth::routes)
        .configure(v1::routes::routes)
        .configure(v1::explorer::routes)
        .configure(hub::routes)
        .default_service(web::to(v1::serve::nothing))
        .wrap_fn(admit)
        .wrap_fn(edge::pass);
    let http = HttpService::build()
        // Without it, connections on which nothing happens would hold up the stop.
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .keep_alive(settings.keep_alive)
        .client_request_timeout(settings.head_timeout)
        .client_disconnect_timeout(LINGER)
        .local_addr(surroundings.address)
        .on_connect_ext(|connection: &Connection, data| drop(data.insert(connection.watch())))
        .finish(map_config(routes.into_factory(), |()| AppConfig::default()));
    fn_service(move |stream: TcpStream| {
        let connection = Connection::new(stream, limits);
        let peer = connection.peer();
        async move { Ok::<_, DispatchError>((connection, Protocol::Http1, peer)) }
    })
    .and_then(http)
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
        let routes = Routes::new().app_data(app).wrap_fn(admit).default_service(web::to(v1::serve::nothing));
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

//! The listener: binds, serves, stops gracefully. Which façade answers what is the façades' business.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App as Routes, HttpServer};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::facade::soap::describe::Surroundings;
use crate::facade::{meta, soap};

/// A bound listener.
pub struct Server {
    address: SocketAddr,
    running: actix_web::dev::Server,
}

impl Server {
    /// Binds to the configured address.
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
        Ok(Server { address, running })
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
        actix_web::rt::spawn(stop_on_signal(handle));
        self.running.await.map_err(Error::internal)
    }
}

async fn stop_on_signal(handle: ServerHandle) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        log::error!("Signals cannot be received; stop the process by force");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => log::info!("SIGTERM: answering what was accepted, then stopping"),
        _ = interrupt.recv() => log::info!("SIGINT: answering what was accepted, then stopping"),
    }
    handle.stop(true).await;
}

/// Runs a future in the runtime that serving needs.
pub fn block_on<F: Future>(future: F) -> F::Output {
    actix_web::rt::System::new().block_on(future)
}

//! Connections: the one place where they are made, so that none is made past the guard. An address is judged here, a
//! name where it is looked up, and both within the time that a connection may take.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::address::Guard;
use super::failure::Failure;
use super::resolve::{Lookup, Resolve, literal, refused};

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Makes connections to what is allowed.
#[derive(Clone)]
pub(super) struct Connect {
    guard: Arc<Guard>,
    inner: HttpsConnector<HttpConnector<Lookup>>,
    timeout: Duration,
}

impl Connect {
    pub(super) fn new(guard: Guard, resolver: Arc<dyn Resolve>, trust: ClientConfig, timeout: Duration) -> Connect {
        let guard = Arc::new(guard);
        let mut plain = HttpConnector::new_with_resolver(Lookup { guard: Arc::clone(&guard), resolver });
        plain.enforce_http(false);
        plain.set_nodelay(true);
        // Shared out among the addresses of a name, so that a dead one leaves time for the next.
        plain.set_connect_timeout(Some(timeout));
        let inner = HttpsConnectorBuilder::new().with_tls_config(trust).https_or_http().enable_http1();
        Connect { guard, inner: inner.wrap_connector(plain), timeout }
    }
}

impl Service<Uri> for Connect {
    type Response = Stream;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default().to_owned();
        if let Some(reason) = literal(&host).and_then(|address| self.guard.refusal(address)) {
            return Box::pin(std::future::ready(Err(refused(&host, reason).into())));
        }
        let (connecting, timeout) = (self.inner.call(uri), self.timeout);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::late(&host, "did not take the connection", timeout).into()),
            }
        })
    }
}

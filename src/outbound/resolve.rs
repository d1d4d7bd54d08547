//! From a name to the addresses that may be asked. How names are looked up is a seam; what is done with the addresses is
//! not, so that whatever a name's owner answers, and however often it changes, only allowed addresses come out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::address::Guard;
use super::failure::{Failure, Kind};

/// The addresses of a name, later.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// A way to look up names.
pub trait Resolve: Send + Sync {
    /// Looks up a name; it is in lower case and has no address's form. No address is as good as an error.
    fn resolve(&self, name: &str) -> Addresses;
}

/// The system's way: its files, then its name servers.
pub struct System;

impl Resolve for System {
    fn resolve(&self, name: &str) -> Addresses {
        let name = name.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// The look-up as the connector calls it.
#[derive(Clone)]
pub(super) struct Lookup {
    pub(super) guard: Arc<Guard>,
    pub(super) resolver: Arc<dyn Resolve>,
}

impl Lookup {
    async fn find(self, name: Name) -> Result<std::vec::IntoIter<SocketAddr>, Failure> {
        let host = name.as_str().to_ascii_lowercase();
        let found = match known(&host) {
            // The reason is the system's and says little: mostly that there is no such name.
            known if known.is_empty() => self.resolver.resolve(&host).await.unwrap_or_default(),
            known => known,
        };
        let mut reasons = found.iter().map(|address| self.guard.refusal(*address));
        let Some(first) = reasons.next() else {
            return Err(Failure::new(Kind::Unresolved, format!("The name {host} has no address")));
        };
        if let Some(reason) = first
            && reasons.all(|reason| reason.is_some())
        {
            return Err(refused(&host, reason));
        }
        let allowed = found.into_iter().filter(|address| self.guard.refusal(*address).is_none());
        Ok(allowed.map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
    }
}

/// The refusal of an address, without the address: what an inner name stands for is not the author's to know.
pub(super) fn refused(host: &str, reason: &str) -> Failure {
    Failure::new(Kind::Refused, format!("{host} is at {reason}, which the operator has not allowed (outbound.allow)"))
}

/// The addresses of a host that need not be looked up: its own, or those of this machine.
pub(super) fn known(host: &str) -> Vec<IpAddr> {
    match literal(host) {
        Some(address) => vec![address],
        None if is_this_machine(host) => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        None => Vec::new(),
    }
}

/// The address that the host of a URL is, as the connector reads it: then it looks nothing up.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let v6 = || inner.unwrap_or(host).parse::<Ipv6Addr>().map(IpAddr::V6);
    host.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| v6()).ok()
}

/// Whether the name stands for this machine whatever a name server says (RFC 6761 §6.3).
fn is_this_machine(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

impl Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().find(name))
    }
}

//! `[server]`: where the gateway listens and how long and how much it lets clients send.

use std::net::SocketAddr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Problem, networks, seconds};
use crate::model::address::Network;

/// The listener takes no more.
pub const MOST_WORKERS: usize = 512;

/// The settings of `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where to listen; port 0 lets the system choose.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// The address clients use, without a slash at its end; empty for the address of the request.
    #[serde(deserialize_with = "url")]
    pub public_url: String,
    /// Proxies that may say for which client they speak.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<Network>,
    /// Who may read the metrics.
    #[serde(deserialize_with = "networks")]
    pub metrics_from: Vec<Network>,
    /// Whether plain HTTP may be served beyond loopback without a proxy.
    pub plain_http: bool,
    /// Threads that serve requests; 0 for one a core.
    pub workers: usize,
    /// The largest body in bytes, before decompression.
    pub body_limit: usize,
    /// How long the body of a request may take.
    #[serde(deserialize_with = "seconds")]
    pub body_timeout: Duration,
    /// How long the head of a request may take.
    #[serde(deserialize_with = "seconds")]
    pub head_timeout: Duration,
    /// How long a client may take for a reply, or for each 256 KiB of it.
    #[serde(deserialize_with = "seconds")]
    pub reply_timeout: Duration,
    /// Bytes of request bodies held at once.
    pub body_budget: usize,
    /// How long an idle connection is kept.
    #[serde(deserialize_with = "seconds")]
    pub keep_alive: Duration,
    /// How long requests under way may take when the gateway stops.
    #[serde(deserialize_with = "seconds")]
    pub drain_timeout: Duration,
    /// Connections held at once by each worker.
    pub max_connections: usize,
}

impl Server {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        if !self.listen.ip().to_canonical().is_loopback() && self.trusted_proxies.is_empty() && !self.plain_http {
            return Err(Problem::new(
                "server.listen",
                format!(
                    "is {}, which is not loopback, and the gateway itself speaks plain HTTP. Either name the proxies \
                     that end TLS in front of it in server.trusted_proxies, or accept that credentials travel \
                     unencrypted with server.plain_http = true",
                    self.listen
                ),
            ));
        }
        if !self.public_url.is_empty() {
            let host = self.public_url.strip_prefix("http://").or_else(|| self.public_url.strip_prefix("https://"));
            let fits = |host: &str| {
                host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                    && host.chars().all(|c| c.is_ascii_graphic() && !"\"'<>&?#\\".contains(c))
            };
            if !host.is_some_and(fits) {
                return Err(Problem::new(
                    "server.public_url",
                    "must begin with http:// or https:// and name a host, for instance https://soap.example.com",
                ));
            }
        }
        if self.body_limit < 1024 {
            return Err(Problem::new("server.body_limit", "must be at least 1024 bytes"));
        }
        if self.body_budget < self.body_limit {
            return Err(Problem::new("server.body_budget", "must be at least server.body_limit"));
        }
        for (key, duration) in [
            ("server.body_timeout", self.body_timeout),
            ("server.head_timeout", self.head_timeout),
            ("server.reply_timeout", self.reply_timeout),
        ] {
            if duration.is_zero() {
                return Err(Problem::new(key, "must be at least 1 second"));
            }
        }
        if self.max_connections == 0 {
            return Err(Problem::new("server.max_connections", "must be at least 1"));
        }
        if self.workers > MOST_WORKERS {
            return Err(Problem::new("server.workers", format!("must be at most {MOST_WORKERS}")));
        }
        Ok(())
    }
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!("'{text}' is not an address with a port, for instance 127.0.0.1:8080 or [::1]:8080"))
    })
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.trim_end_matches('/').to_owned())
}

//! The one way out: every request that the gateway makes of others goes through [`Outbound::send`], which asks only
//! addresses that are public or that the operator allowed. It knows neither who wants a request made nor what for, and
//! repeats none.

mod address;
mod answer;
mod connect;
mod failure;
mod request;
mod resolve;
mod trust;
mod turn;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::address::Guard;
pub use self::answer::Answer;
use self::connect::Connect;
pub use self::failure::{Failure, Kind};
use self::request::Call;
pub use self::request::{Request, check_url};
pub use self::resolve::{Addresses, Resolve, System};
use self::turn::Turns;
use crate::config;
use crate::error::{Error, Result};

/// Bytes of an answer's head; also what is read of its body at once.
const HEAD_LIMIT: usize = 65_536;
/// Header lines of an answer.
const HEADERS: usize = 100;
/// Connections to one host that are kept although nothing is asked.
const IDLE_CONNECTIONS: usize = 4;
/// How long such a connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// The client for all outgoing traffic; its connections are shared by whoever asks.
pub struct Outbound {
    settings: config::outbound::Outbound,
    resolver: Arc<dyn Resolve>,
    /// Made with the first request, since commands that ask nobody need not read the system's certificates.
    client: OnceLock<std::result::Result<Client<Connect, Full<Bytes>>, String>>,
    turns: Turns,
}

impl Outbound {
    /// The client with the system's way to look up names.
    pub fn new(settings: &config::outbound::Outbound) -> Outbound {
        Outbound::with_resolver(settings, Arc::new(System))
    }

    /// The client with a way of its own to look up names.
    pub fn with_resolver(settings: &config::outbound::Outbound, resolver: Arc<dyn Resolve>) -> Outbound {
        let turns = Turns::new(settings.host_limit);
        Outbound { settings: settings.clone(), resolver, client: OnceLock::new(), turns }
    }

    /// Reads the authorities that are trusted, so that a mistake in the settings shows at start.
    pub fn prepare(&self) -> Result<()> {
        match self.client() {
            Ok(_) => Ok(()),
            Err(text) => Err(Error::invalid(text.to_owned())),
        }
    }

    /// Whether a URL may be asked, as far as that is known before its name is looked up.
    /// # Errors
    /// What is wrong with it, or where it would lead.
    pub fn check(&self, url: &str) -> std::result::Result<(), Failure> {
        let guard = Guard::new(&self.settings.allow);
        let (uri, _) = request::locate(url)?;
        let host = uri.host().unwrap_or_default();
        match resolve::known(host).iter().map(|address| guard.refusal(*address)).collect::<Option<Vec<_>>>() {
            Some(reasons) => reasons.first().map_or(Ok(()), |reason| Err(resolve::refused(host, reason))),
            None => Ok(()),
        }
    }

    /// Makes one request and reads its answer to the end. Redirects are answers, and an answer of any status is no
    /// failure.
    pub async fn send(&self, request: Request) -> std::result::Result<Answer, Failure> {
        let timeout = request.timeout.unwrap_or(self.settings.timeout).min(self.settings.timeout);
        let limit = request.answer_limit.unwrap_or(self.settings.answer_limit).min(self.settings.answer_limit);
        let Call { host, message } = Call::new(request)?;
        // Not the caller's fault, and over when the operator has put it right.
        let client =
            self.client().map_err(|_| Failure::new(Kind::Tls, "The gateway's outbound.ca_file is not right"))?;
        let exchange = async {
            let _turn = self.turns.take(&host).await;
            let has_body = *message.method() != hyper::Method::HEAD;
            let answer = client.request(message).await.map_err(|error| Failure::of(&host, &error))?;
            answer::read(answer, &host, limit, has_body).await
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::late(&host, "did not answer", timeout)),
        }
    }

    fn client(&self) -> std::result::Result<&Client<Connect, Full<Bytes>>, &str> {
        self.client.get_or_init(|| self.build()).as_ref().map_err(String::as_str)
    }

    fn build(&self) -> std::result::Result<Client<Connect, Full<Bytes>>, String> {
        let guard = Guard::new(&self.settings.allow);
        let trust = trust::read(&self.settings.ca_file)?;
        let connect = Connect::new(guard, Arc::clone(&self.resolver), trust, self.settings.connect_timeout);
        Ok(Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(HEAD_LIMIT)
            .http1_max_headers(HEADERS)
            .build(connect))
    }
}

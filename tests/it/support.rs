//! What the tests stand on: a gateway of their own on a free port, with a clock they move, and a client that sends
//! bytes as they are.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::key;
use flowgate::config::Config;
use flowgate::engine;
use flowgate::model::account::{ApplicationId, Compatibility, CustomerId};
use flowgate::model::address::Network;
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::scope::Scopes;
use flowgate::model::time::Timestamp;
use flowgate::server::{self, Server};
use flowgate::store::account::{self, NewApplication};
use flowgate::store::{Store, flow, webhook};
use tempfile::TempDir;

/// 2026-01-15T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_768_478_400_000);

/// A diagram that does nothing.
pub(crate) const SMALLEST: &str = r#"{"nodes":[{"id":"end","kind":"end"}]}"#;

/// A gateway in this process.
pub(crate) struct TestApp {
    /// What its requests touch.
    pub(crate) app: Arc<App>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl TestApp {
    /// Starts a gateway with an empty store.
    pub(crate) fn start() -> TestApp {
        TestApp::with(|_| {})
    }

    /// Starts a gateway with an empty store and changed settings.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> TestApp {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = Config::for_testing();
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.workers = 1;
        config.store.directory = directory.path().to_owned();
        // Tests fail on purpose and often, all from one address.
        config.auth.failure_delay = Duration::ZERO;
        change(&mut config);
        let store = Store::open(directory.path(), &Default::default()).expect("a store");
        let app = Arc::new(App::new(config, store, Clock::fixed(NOW)));
        let (sender, receiver) = mpsc::channel();
        let served = Arc::clone(&app);
        std::thread::spawn(move || {
            server::block_on(async {
                let server = Server::build(served, false).expect("a listener");
                sender.send(server.address()).expect("the test waits");
                // It ends when the test does and takes the directory away.
                let _ = server.run().await;
            });
        });
        let address = receiver.recv().expect("the server starts");
        TestApp { app, address, _directory: directory }
    }

    /// Runs administrative work on the store and waits for it.
    pub(crate) fn administer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn flowgate::store::Tx) -> flowgate::error::Result<T> + Send + 'static,
    ) -> T {
        wait(self.app.store.administer(work)).expect("the store works")
    }

    /// A customer with one application that may do everything from everywhere.
    pub(crate) fn customer(&self, name: &str, api_key: &str, app_key: &str) -> Tenant {
        self.customer_with(name, api_key, app_key, |_| {})
    }

    /// The same with changes to its application.
    pub(crate) fn customer_with(
        &self,
        name: &str,
        api_key: &str,
        app_key: &str,
        change: impl FnOnce(&mut NewApplication),
    ) -> Tenant {
        let (name, api_hash) = (name.to_owned(), key::hash(api_key));
        let customer = self.administer(move |tx| account::insert_customer(tx, &name, &api_hash, NOW));
        let application = self.application(customer, app_key, change);
        Tenant { customer, application }
    }

    /// An application of a customer, which may do everything from everywhere but for those changes.
    pub(crate) fn application(
        &self,
        customer: CustomerId,
        app_key: &str,
        change: impl FnOnce(&mut NewApplication),
    ) -> ApplicationId {
        let mut new = new_application(customer, app_key);
        change(&mut new);
        self.administer(move |tx| account::insert_application(tx, &new, NOW))
    }

    /// A published flow in that state.
    pub(crate) fn flow(&self, tenant: &Tenant, name: &str, status: FlowStatus) -> FlowId {
        let (customer, name) = (tenant.customer, name.to_owned());
        self.administer(move |tx| {
            let id = flow::insert(tx, customer, &name, "", SMALLEST, NOW)?;
            if status != FlowStatus::Draft {
                flow::publish(tx, customer, id, status, NOW)?;
            }
            Ok(id)
        })
    }

    /// A webhook of a flow.
    pub(crate) fn webhook(&self, tenant: &Tenant, flow: FlowId, uri: &str, application: Option<ApplicationId>) {
        let (customer, uri) = (tenant.customer, uri.to_owned());
        self.administer(move |tx| webhook::insert(tx, customer, flow, application, &uri, NOW));
    }

    /// Runs every record that is due.
    pub(crate) fn run_due(&self) {
        wait(engine::drain(&self.app)).expect("the engine works");
    }

    /// Sends a request as it stands and reads the answer to the end of the connection or of its Content-Length.
    pub(crate) fn send(&self, request: &[u8]) -> Answer {
        send(self.address, request)
    }

    /// Sends a request and gives every byte until the end of the connection.
    pub(crate) fn drain(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        stream.write_all(request).expect("a connection");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        bytes
    }

    /// Posts an envelope and gives the answer.
    pub(crate) fn soap(&self, envelope: &str) -> Answer {
        self.post(&[("Content-Type", "text/xml; charset=utf-8")], envelope.as_bytes())
    }

    /// Posts bytes with headers.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = [headers, &[("Connection", "close")]].concat();
        self.send(&post_request(self.address, &headers, body))
    }

    /// Gets a path.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.bodiless("GET", path, headers)
    }

    /// Sends a request with a body.
    pub(crate) fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.send(&[request.as_bytes(), body].concat())
    }

    /// Sends a request without a body.
    pub(crate) fn bodiless(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.send(request.as_bytes())
    }
}

/// A customer of a test and its application.
pub(crate) struct Tenant {
    /// The customer.
    pub(crate) customer: CustomerId,
    /// The application.
    pub(crate) application: ApplicationId,
}

/// Waits for a future outside of any runtime.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// An answer taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The header lines.
    pub(crate) head: String,
    /// The body, with chunks put together.
    pub(crate) body: Vec<u8>,
    /// Whether the server ended the connection.
    pub(crate) closed: bool,
}

impl Answer {
    /// The body as text, decompressed if it came so.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        match self.header("content-encoding") {
            Some("gzip") => drop(flate2::read::GzDecoder::new(&self.body[..]).read_to_string(&mut text).expect("gzip")),
            _ => text.push_str(std::str::from_utf8(&self.body).expect("UTF-8")),
        }
        text
    }

    /// The body as JSON, with members in their order.
    pub(crate) fn json(&self) -> serde_json::Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}\n{text}", self.head))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The text of the first element of that name, unescaped.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let start = text.find(&format!("<{name}>")).map(|at| at + name.len() + 2);
        let start = start
            .or_else(|| text.find(&format!("<{name} ")).and_then(|at| text[at..].find('>').map(|end| at + end + 1)))?;
        let end = text[start..].find(&format!("</{name}>"))? + start;
        Some(text[start..end].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    }
}

/// A POST to the SOAP address as bytes.
pub(crate) fn post_request(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST /v1/soap HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    [request.as_bytes(), body].concat()
}

/// Sends a request to a server and reads its answer.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> Answer {
    match attempt(address, request) {
        Outcome::Answered(answer) => answer,
        Outcome::Cut(answer) => panic!("the answer ended early: {answer}"),
        outcome => panic!("no answer: {outcome:?}"),
    }
}

/// What becomes of a request to a server that may be going away.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A whole answer.
    Answered(Answer),
    /// Nobody listens.
    Refused,
    /// The connection ended before the first byte of an answer.
    Unanswered,
    /// The connection ended, or nothing more came, within an answer.
    Cut(String),
}

/// Sends a request to a server that may be gone.
pub(crate) fn attempt(address: SocketAddr, request: &[u8]) -> Outcome {
    match TcpStream::connect(address) {
        Ok(mut stream) => attempt_on(&mut stream, request),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Outcome::Refused,
        // The listener went away between the handshake and now.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Outcome::Unanswered,
        Err(error) => panic!("no connection: {error}"),
    }
}

/// Sends a request on a connection and reads its answer.
pub(crate) fn attempt_on(stream: &mut TcpStream, request: &[u8]) -> Outcome {
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request);
    answer_on(stream, request.starts_with(b"HEAD "))
}

/// Reads an answer from a connection.
pub(crate) fn answer_on(stream: &mut TcpStream, is_head: bool) -> Outcome {
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        if let Some(answer) = parse(&bytes, is_head, false) {
            return Outcome::Answered(answer);
        }
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => bytes.extend_from_slice(&buffer[..length]),
            // With a time limit, the system does not go on by itself after a signal or a stop.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Outcome::Cut(format!("{error}: {}", String::from_utf8_lossy(&bytes)));
            }
            Ok(0) | Err(_) if bytes.is_empty() => return Outcome::Unanswered,
            Ok(0) | Err(_) => {
                return parse(&bytes, is_head, true)
                    .map_or_else(|| Outcome::Cut(String::from_utf8_lossy(&bytes).into_owned()), Outcome::Answered);
            }
        }
    }
}

/// Takes an answer apart once it is complete.
fn parse(bytes: &[u8], is_head: bool, ended: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let rest = &bytes[end + 4..];
    if status == 100 {
        return parse(rest, is_head, ended);
    }
    let answer = |body: &[u8]| Some(Answer { status, head: head.clone(), body: body.to_vec(), closed: ended });
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    if is_head || matches!(status, 204 | 304) {
        return answer(b"");
    }
    if header("transfer-encoding").is_some_and(|value| value == "chunked") {
        return rest.ends_with(b"0\r\n\r\n").then(|| unchunk(rest)).and_then(|body| answer(&body));
    }
    match header("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => (rest.len() >= length).then(|| &rest[..length]).and_then(answer),
        None => ended.then_some(rest).and_then(answer),
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("a length"), 16).expect("a length");
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
        if length == 0 {
            break;
        }
    }
    body
}

/// A file under `fixtures/`.
pub(crate) fn fixture(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// An application that may do everything from everywhere.
pub(crate) fn new_application(customer: CustomerId, app_key: &str) -> NewApplication {
    NewApplication {
        customer,
        name: "test".to_owned(),
        description: String::new(),
        app_key_hash: key::hash(app_key).into(),
        client_id: None,
        client_secret_hash: None,
        addresses: Network::parse("any").expect("networks"),
        scopes: Scopes::all(),
        oauth2: false,
        rate_limit: None,
        compatibility: Compatibility::default(),
    }
}

//! The edge: what clients get that speak HTTP wrongly, slowly, or in great numbers. Everything goes over real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use flowgate::model::flow::FlowStatus;

use crate::attack::gzip_bomb;
use crate::message::{Form, call, flow, keys};
use crate::process::{Gateway, Place, STOP};
use crate::support::{TestApp, post_request, send};

/// Longer than any limit in these tests; whoever is not answered by then is not answered.
const NEVER: Duration = Duration::from_secs(60);

fn gateway(change: impl FnOnce(&mut flowgate::config::Config)) -> TestApp {
    let app = TestApp::with(|config| {
        let server = &mut config.server;
        server.head_timeout = Duration::from_millis(700);
        server.body_timeout = Duration::from_millis(300);
        server.reply_timeout = Duration::from_millis(300);
        server.keep_alive = Duration::from_secs(600);
        change(config);
    });
    let tenant = app.customer("Shop", "k", "a");
    app.flow(&tenant, "Leads", FlowStatus::Running);
    app
}

fn good() -> String {
    call(Form::Literal11, "getFlowDiagram", &[keys(), flow("Leads")])
}

fn is_served(app: &TestApp) -> bool {
    app.soap(&good()).status == 200
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(NEVER)).expect("a time limit");
    stream
}

/// Everything that the server sends until it ends the connection.
fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("the connection was not closed: {error}; {}", String::from_utf8_lossy(&bytes))
        }
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The status codes of all responses in what a server sent.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.").skip(1).filter_map(|answer| answer.split(' ').nth(1)).collect()
}

/// Sends piece after piece until the server ends the connection. The pause keeps it below all limits of size.
fn dribble(stream: &TcpStream, piece: &'static [u8]) -> Dribbling {
    let mut stream = stream.try_clone().expect("a second handle");
    let (_ending, ended) = mpsc::channel();
    std::thread::spawn(move || {
        while ended.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout)
            && stream.write_all(piece).is_ok()
        {}
    });
    Dribbling { _ending }
}

/// A client that sends slowly; it ends with the test or with its connection.
struct Dribbling {
    _ending: mpsc::Sender<()>,
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_slow_head_is_answered_408_and_the_connection_closed() {
    let app = gateway(|_| {});
    for start in ["", "GET /health HTTP/1.1\r\n"] {
        let mut stream = connect(app.address);
        stream.write_all(start.as_bytes()).expect("a start");
        let _dribbling = (!start.is_empty()).then(|| dribble(&stream, b"A: b\r\n"));
        assert_eq!(statuses(&read_to_end(&mut stream)), ["408"], "{start:?}");
    }
    assert!(is_served(&app));
}

#[test]
fn a_slow_head_after_an_answered_request_ends_the_connection_too() {
    let app = gateway(|_| {});
    let mut stream = connect(app.address);
    stream.write_all(format!("{HEALTH}GET /health HTTP/1.1\r\n").as_bytes()).expect("requests");
    let _dribbling = dribble(&stream, b"A: b\r\n");
    assert_eq!(statuses(&read_to_end(&mut stream)), ["200"]);
    assert!(is_served(&app));
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let app = gateway(|config| config.server.keep_alive = Duration::from_millis(200));
    for start in ["", "GET /health HTTP/1.1\r\n"] {
        let mut stream = connect(app.address);
        stream.write_all(format!("{HEALTH}{start}").as_bytes()).expect("a request");
        assert_eq!(statuses(&read_to_end(&mut stream)), ["200"]);
    }
}

#[test]
fn a_slow_body_is_answered_by_a_fault_and_the_connection_closed() {
    let app = gateway(|_| {});
    let length = "POST /v1/soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n<a";
    let chunked = format!("POST /v1/soap {CHUNKED}2\r\n<a\r\n");
    for (start, piece) in [(length, b"a".as_slice()), (&*chunked, b"1\r\na\r\n")] {
        for is_dribbling in [false, true] {
            let mut stream = connect(app.address);
            stream.write_all(start.as_bytes()).expect("a start");
            let _dribbling = is_dribbling.then(|| dribble(&stream, piece));
            let answer = read_to_end(&mut stream);
            assert_eq!(statuses(&answer), ["500"], "{answer}");
            assert!(answer.contains("was not received within") && answer.contains("connection: close"), "{answer}");
        }
    }
    assert!(is_served(&app));
}

#[test]
fn a_body_that_nobody_reads_does_not_keep_the_connection() {
    let app = gateway(|config| config.server.keep_alive = Duration::from_millis(700));
    for path in ["/health", "/nothing"] {
        for is_dribbling in [false, true] {
            let mut stream = connect(app.address);
            stream.write_all(format!("GET {path} {CHUNKED}").as_bytes()).expect("a start");
            let _dribbling = is_dribbling.then(|| dribble(&stream, b"1\r\na\r\n"));
            assert_eq!(statuses(&read_to_end(&mut stream)).len(), 1);
        }
    }
}

#[test]
fn a_reply_that_is_not_read_is_cut() {
    let app = gateway(|_| {});
    let mut stream = connect(app.address);
    let request = "GET /v1/soap?wsdl HTTP/1.1\r\nHost: x\r\n\r\n";
    // Replies pile up until the system takes no more of them; then nothing is read either, until the cut.
    let mut sent = 0;
    while stream.write_all(request.as_bytes()).is_ok() {
        sent += 1;
    }
    assert!(sent > 0);
    assert!(is_served(&app));
}

#[test]
fn a_client_that_has_said_all_it_wants_still_gets_its_reply() {
    let app = gateway(|_| {});
    let body = good();
    let mut stream = connect(app.address);
    write!(
        stream,
        "POST /v1/soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("a request");
    stream.shutdown(Shutdown::Write).expect("the end");
    assert_eq!(statuses(&read_to_end(&mut stream)), ["200"]);
}

/// What the server sends to a client that sends this and then ends its half of the connection.
fn exchange(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = connect(app.address);
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(&mut stream)
}

fn post_with(headers: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n{headers}\r\n\r\n{body}").into_bytes()
}

/// Sends each request with another one after it, which a server sees that takes the first for shorter than it is.
fn are_refused<'c>(app: &TestApp, status: &str, requests: impl Iterator<Item = (&'c str, Vec<u8>)>) {
    for (case, request) in requests {
        let answers = exchange(app, &[request.as_slice(), HEALTH.as_bytes()].concat());
        assert_eq!(statuses(&answers), [status], "{case:?}: {answers}");
    }
    assert!(is_served(app));
}

#[test]
fn transfer_encodings_are_chunked_or_refused() {
    let app = gateway(|_| {});
    let cases = [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunk",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: ",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \u{e7}hunked",
        "Transfer-Encoding: \u{212a}chunked",
        "Transfer-Encoding: chunked\u{a0}",
        "Transfer-Encoding: \0chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\u{c}",
        "Transfer-Encoding: \u{7f}chunked",
        "Transfer-Encoding: \rchunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding:\r\n\tchunked",
        "Transfer-Encoding:\n chunked",
        "Transfer-Encoding: chunked\r\n , identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding\0: chunked",
        "Transfer\u{ad}-Encoding: chunked",
        "Transfer Encoding: chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        ": chunked",
        "Transfer-Encoding",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "transfer-encoding: chunked\r\nTRANSFER-ENCODING: x",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked\r\nContent-Length: 5",
    ];
    are_refused(&app, "400", cases.iter().map(|case| (*case, post_with(case, "0\r\n\r\n"))));
    for good in ["Transfer-Encoding: chunked", "transfer-encoding:\tCHUNKED \t", "TRANSFER-ENCODING:chunked"] {
        let request = [post_with(good, "0\r\n\r\n").as_slice(), HEALTH.as_bytes()].concat();
        assert_eq!(statuses(&exchange(&app, &request)), ["500", "200"], "{good:?}");
    }
    // Names of other headers announce no body; what follows is no request.
    for other in ["Transfer_Encoding: chunked", "TransferEncoding: chunked", "X-Transfer-Encoding: chunked"] {
        assert_eq!(statuses(&exchange(&app, &post_with(other, "0\r\n\r\n"))), ["500", "400"], "{other:?}");
    }
}

#[test]
fn lengths_are_numbers_or_refused() {
    let app = gateway(|_| {});
    let cases = [
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5_0",
        "Content-Length: 0x5",
        "Content-Length: 5e0",
        "Content-Length: 5.0",
        "Content-Length: 5 5",
        "Content-Length: 5,5",
        "Content-Length: 5, 5",
        "Content-Length: 5;",
        "Content-Length: \"5\"",
        "Content-Length: ",
        "Content-Length: five",
        "Content-Length: \u{ff15}",
        "Content-Length: 5\u{b}",
        "Content-Length: 5\0",
        "Content-Length: 18446744073709551616",
        "Content-Length: 18446744073709551621",
        "Content-Length: 5\r\n 0",
        "Content-Length:\r\n 5",
        "Content-Length : 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 0\r\ncontent-length: 5",
    ];
    are_refused(&app, "400", cases.iter().map(|case| (*case, post_with(case, "<a/>\n"))));
    for good in ["Content-Length: 5", "content-length:\t5 ", "Content-Length: 005"] {
        let request = [post_with(good, "<a/>\n").as_slice(), HEALTH.as_bytes()].concat();
        assert_eq!(statuses(&exchange(&app, &request)), ["500", "200"], "{good:?}");
    }
    // Announced as too large: refused unread, and what follows belongs to it.
    are_refused(&app, "500", [("", post_with("Content-Length: 20000000", "<a/>\n"))].into_iter());
}

#[test]
fn chunks_are_well_formed_or_refused() {
    let app = gateway(|_| {});
    let cases = [
        "g\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "+1\r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        "1_0\r\nx\r\n0\r\n\r\n",
        " 1\r\nx\r\n0\r\n\r\n",
        "1 1\r\nx\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        ";a\r\n0\r\n\r\n",
        "1\nx\r\n0\r\n\r\n",
        "1\rx\r\n0\r\n\r\n",
        "1;a\nx\r\n0\r\n\r\n",
        "1;a\0\r\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        "10000000000000000\r\nx\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nx\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nx\r\n0\r\n\r\n",
        "2\r\nx\r\n0\r\n\r\n",
    ];
    let chunked = "Transfer-Encoding: chunked";
    are_refused(&app, "500", cases.iter().map(|case| (*case, post_with(chunked, case))));
    for good in
        ["1\r\nx\r\n0\r\n\r\n", "0001 ;a=\"b\"\r\nx\r\n000\r\n\r\n", "1\r\nx\r\n0\r\nGET: /health HTTP/1.1\r\n\r\n"]
    {
        let request = [post_with(chunked, good).as_slice(), HEALTH.as_bytes()].concat();
        assert_eq!(statuses(&exchange(&app, &request)), ["500", "200"], "{good:?}");
    }
}

#[test]
fn what_is_sent_as_a_body_is_never_a_request() {
    let app = gateway(|_| {});
    let length = HEALTH.len();
    for (path, status) in [("GET /health", "200"), ("POST /nothing", "404"), ("TRACE /health", "405"), ("GET *", "400")]
    {
        for (headers, body) in [
            (format!("Content-Length: {length}"), HEALTH.to_owned()),
            (format!("Content-Length: {}", length * 3), HEALTH.repeat(2)),
            ("Transfer-Encoding: chunked".to_owned(), format!("{length:x}\r\n{HEALTH}\r\n0\r\n\r\n")),
            ("Transfer-Encoding: chunked".to_owned(), format!("{:x}\r\n{HEALTH}", length * 3)),
            ("Transfer-Encoding: chunked".to_owned(), format!("{length:x}\r\n{HEALTH}\r\n")),
            ("Transfer-Encoding: chunked".to_owned(), format!("x\r\n{HEALTH}")),
        ] {
            let request = format!("{path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}");
            let answers = exchange(&app, request.as_bytes());
            assert_eq!(statuses(&answers), [status], "{request}: {answers}");
        }
    }
}

#[test]
fn heads_are_well_formed_and_of_bounded_size_or_refused() {
    let app = gateway(|_| {});
    let get = |headers: &str| format!("GET /health HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    for (request, status) in [
        (get("A: \0\r\n"), "400"),
        (get("A\0: b\r\n"), "400"),
        (get("A: b\rc\r\n"), "400"),
        (get("A\u{e9}: b\r\n"), "400"),
        (get("A(: b\r\n"), "400"),
        (get("A\r\n"), "400"),
        (get("A: b\r\n c\r\n"), "400"),
        (get(&"A: b\r\n".repeat(96)), "431"),
        (get(&format!("A: {}\r\n", "b".repeat(40_000))), "400"),
        (get(&format!("{}: b\r\n", "A".repeat(40_000))), "400"),
        (get(&format!("A: {}\r\n", "b".repeat(1_000_000))), "400"),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9_000)), "414"),
        (format!("GET /health?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9_000)), "414"),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)), "400"),
        ("GET /health\r\n".to_owned(), "400"),
        ("GET /health HTTP/0.9\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /health HTTP/1.2\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /health HTTP/2.0\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /health http/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /health HTTP/1.1 x\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /health\tHTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        (" GET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("G\u{e9}T /health HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("GET /health\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\0\u{1}\0".to_owned(), "400"),
        ("POST /v1/soap HTTP/1.0\r\n\r\n".to_owned(), "400"),
        ("POST /v1/soap HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), "400"),
    ] {
        let answers = exchange(&app, &[request.as_bytes(), HEALTH.as_bytes()].concat());
        assert_eq!(statuses(&answers), [status], "{:?}: {answers}", &request[..request.len().min(200)]);
    }
    for request in [
        get(&"A: b\r\n".repeat(95)),
        get(&format!("A: {}\r\n", "b".repeat(30_000))),
        "\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        // RFC 9112 §2.2 lets a lone line feed end a line; it is read so everywhere in a head and nowhere in a body.
        "GET /health HTTP/1.1\nHost: x\n\n".to_owned(),
        "GET /health HTTP/1.0\r\n\r\n".to_owned(),
    ] {
        assert_eq!(statuses(&exchange(&app, request.as_bytes())), ["200"], "{:?}", &request[..request.len().min(200)]);
    }
    // A large body that comes along with its head.
    let body = good().replace("<input>", &format!("<!--{}--><input>", " ".repeat(1_000_000)));
    assert_eq!(app.soap(&body).status, 200);
}

#[test]
fn nothing_is_answered_after_the_last_reply() {
    let app = gateway(|_| {});
    let close = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let old = "GET /health HTTP/1.0\r\n\r\n";
    let refused = "GET /health HTTP/1.1\r\nHost: a b\r\n\r\n";
    for (first, status) in [(close, "200"), (old, "200"), (refused, "400")] {
        for rest in [HEALTH, &HEALTH.repeat(100), "GET /hea", "noise\r\n\r\n"] {
            let answers = exchange(&app, format!("{first}{rest}").as_bytes());
            assert_eq!(statuses(&answers).first(), Some(&status), "{first:?} {rest:?}: {answers}");
            assert!(statuses(&answers)[1..].iter().all(|status| *status == "400"), "{first:?} {rest:?}: {answers}");
            // A client that does not end its half sees the end of ours.
            let mut stream = connect(app.address);
            stream.write_all(format!("{first}{rest}").as_bytes()).expect("requests");
            assert_eq!(statuses(&read_to_end(&mut stream)).first(), Some(&status));
        }
    }
    for first in ["GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", HEALTH] {
        assert_eq!(statuses(&exchange(&app, first.repeat(20).as_bytes())), ["200"; 20]);
    }
}

#[test]
fn a_client_that_goes_on_sending_still_reads_why_it_was_refused() {
    let app = gateway(|config| config.server.head_timeout = NEVER);
    let rest = vec![b'x'; 3_000_000];
    for (request, status) in [
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_vec(), "400"),
        (b"noise\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_vec(), "400"),
        (format!("GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(100)).into_bytes(), "431"),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(10_000)).into_bytes(), "414"),
        (post_with("Content-Length: 20000000", ""), "500"),
    ] {
        let mut stream = connect(app.address);
        stream.write_all(&request).expect("a request");
        stream.write_all(&rest).expect("the gateway reads on");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and the end");
        assert_eq!(statuses(&answer), [status], "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[test]
fn an_upgrade_is_not_taken_and_its_body_not_read_as_a_request() {
    let app = gateway(|_| {});
    for headers in [
        "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 5",
        "Upgrade: websocket\r\nConnection: upgrade",
        "Upgrade: h2c\r\nConnection: upgrade\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 100",
    ] {
        let answers = exchange(&app, &[post_with(headers, "<a/>\n").as_slice(), HEALTH.as_bytes()].concat());
        assert_eq!(statuses(&answers), ["500"], "{headers:?}: {answers}");
    }
}

#[test]
fn the_host_is_given_once_and_is_one() {
    let app = gateway(|_| {});
    for (headers, status) in [
        ("", "400"),
        ("Host: x\r\nHost: x\r\n", "400"),
        ("Host: x\r\nhost: y\r\n", "400"),
        ("Host: a b\r\n", "400"),
        ("Host: a,b\r\n", "400"),
        ("Host: a/b\r\n", "400"),
        ("Host: a@b\r\n", "400"),
        ("Host: a?b\r\n", "400"),
        ("Host: a#b\r\n", "400"),
        ("Host: a\\b\r\n", "400"),
        ("Host: http://a\r\n", "400"),
        ("Host: a\"><script>\r\n", "400"),
        ("Host: \u{e9}\r\n", "400"),
        ("Host: a:b\r\n", "400"),
        ("Host: a:80:80\r\n", "400"),
        ("Host: a:65536\r\n", "400"),
        ("Host: a:-1\r\n", "400"),
        ("Host: a:+1\r\n", "400"),
        ("Host: :80\r\n", "400"),
        ("Host: [::1\r\n", "400"),
        ("Host: [::g]\r\n", "400"),
        ("Host: [::1]x\r\n", "400"),
        ("Host: ::1\r\n", "400"),
        ("Host: x\r\n", "200"),
        ("Host: \r\n", "200"),
        ("Host: x:\r\n", "200"),
        ("Host: shop.example:8080\r\n", "200"),
        ("Host: my_service:8080\r\n", "200"),
        ("Host: 192.0.2.1\r\n", "200"),
        ("Host: [2001:db8::1]:80\r\n", "200"),
    ] {
        let answers = exchange(&app, format!("GET /health HTTP/1.1\r\n{headers}\r\n").as_bytes());
        assert_eq!(statuses(&answers), [status], "{headers:?}: {answers}");
    }
}

#[test]
fn targets_are_paths_or_addresses_of_a_known_form() {
    let app = gateway(|_| {});
    for (method, target, status) in [
        ("GET", "http://shop.example/health", "200"),
        ("GET", "https://shop.example:8443/health", "200"),
        ("GET", "HTTP://shop.example/health", "200"),
        ("GET", "ftp://shop.example/health", "400"),
        ("GET", "http://a@b/health", "400"),
        ("GET", "http://a:b@c/health", "400"),
        ("GET", "http://[::1/health", "400"),
        ("GET", "http://a:99999/health", "400"),
        ("GET", "shop.example:80", "400"),
        ("GET", "health", "400"),
        ("GET", "*", "400"),
        ("OPTIONS", "*", "204"),
        ("GET", "//health", "404"),
        ("GET", "/health/", "404"),
        ("GET", "/health/../health", "404"),
        ("GET", "/v1/./soap", "404"),
        ("GET", "/v1//soap", "404"),
        ("GET", "/../../etc/passwd", "404"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", "404"),
        ("GET", "/..%2f..%2fetc%2fpasswd", "404"),
        ("GET", "/..%5c..%5cetc%5cpasswd", "404"),
        ("GET", "/health%00", "404"),
        ("GET", "/health%0d%0aX:%20y", "404"),
        ("GET", "/%", "404"),
        ("GET", "/%zz", "404"),
        ("GET", "/%c0%ae%c0%ae/", "404"),
        ("GET", "/v1%2fsoap", "404"),
        ("GET", "/V1/SOAP", "404"),
        ("GET", "/health?a=%0d%0aX:%20y", "200"),
    ] {
        let answers = exchange(&app, format!("{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(statuses(&answers), [status], "{method} {target}: {answers}");
        assert!(!answers.contains("root:") && !answers.contains("\nX: y"), "{answers}");
    }
    let wsdl = exchange(&app, b"GET http://shop.example/v1/soap?wsdl HTTP/1.0\r\nHost: other\r\n\r\n");
    assert!(wsdl.contains("location=\"http://shop.example/v1/soap\"") && !wsdl.contains("other"), "{wsdl}");
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let app = gateway(|_| {});
    for path in ["/v1/soap", "/v1/soap/", "/health", "/ready", "/"] {
        for method in ["TRACE", "DELETE", "PUT", "PATCH", "PROPFIND", "FOO", "get"] {
            let answer = app.bodiless(method, path, &[("X-Secret", "word")]);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("allow").is_some_and(|methods| methods.contains("GET, HEAD")), "{method} {path}");
            assert!(!answer.text().contains("word"), "nothing is echoed");
        }
    }
    for target in ["shop.example:80", "/v1/soap", "http://shop.example/"] {
        let answers = exchange(&app, format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n{HEALTH}").as_bytes());
        assert_eq!(statuses(&answers), ["405"], "{target}: {answers}");
        assert!(answers.contains("allow: "), "{answers}");
    }
    let answers = exchange(&app, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answers.contains("allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"), "{answers}");
}

#[test]
fn every_reply_says_how_it_may_be_kept_and_read_and_nothing_about_the_server() {
    let app = gateway(|_| {});
    let soap = app.soap(&good());
    let fault = app.soap("<a/>");
    let get = |path: &str| app.get(path, &[]);
    for answer in [&soap, &fault, &get("/health"), &get("/ready"), &get("/"), &get("/nothing")] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.head);
    }
    for answer in [soap, fault, get("/health"), get("/v1/soap"), get("/v1/soap?wsdl"), get("/nothing"), get("/")] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.head);
        for header in ["server", "x-powered-by", "via"] {
            assert_eq!(answer.header(header), None, "{}", answer.head);
        }
    }
    let page = get("/v1/soap");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
}

#[test]
fn nothing_a_client_sends_becomes_a_header_of_the_reply() {
    let app = gateway(|_| {});
    let post = |id: &str| {
        let body = good();
        exchange(&app, &post_with(&format!("X-Request-Id: {id}\r\nContent-Length: {}", body.len()), &body))
    };
    let given = |answer: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        line.expect("an identifier").to_owned()
    };
    assert_eq!(given(&post("order-7")), "order-7");
    for bad in ["a\tb", "\u{e9}", "", &"x".repeat(129)] {
        let id = given(&post(bad));
        assert!(id.len() > 30 && id != bad, "{bad:?}: {id}");
    }
    for broken in ["a\rX-Evil: 1", "a\r\n X-Evil: 1", "a\0"] {
        let answer = post(broken);
        assert_eq!(statuses(&answer), ["400"]);
        assert!(!answer.to_lowercase().contains("x-evil"), "{answer}");
    }
    // An identifier of a record may be any text; as a header it is left out rather than bent.
    for (uuid, header) in [("r-1", Some("r-1")), ("\u{e9}", None), ("a&#x85;b", None)] {
        let parts = [keys(), crate::message::record(uuid, "e30="), flow("Leads")];
        let answer = app.soap(&call(Form::Literal11, "insertRecord", &parts).replace("&amp;", "&"));
        assert_eq!(answer.header("x-uuid"), header, "{uuid}: {}", answer.text());
    }
}

#[test]
fn large_bodies_wait_for_memory_and_small_ones_do_not() {
    let app = gateway(|config| config.server.body_budget = 1 << 20);
    let large = good().replace("<input>", &format!("<!--{}--><input>", " ".repeat(100_000)));
    assert_eq!(app.soap(&large).status, 200);
    let bodies = &app.app.bodies;
    let (mut all, mut more) = (bodies.share(), bodies.share());
    crate::support::wait(async {
        all.cover((1 << 20) + flowgate::app::bodies::FREE).await.expect("the budget");
        more.cover(1 << 20).await.expect("the place beyond it");
    });
    let answer = app.soap(&large);
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("Too many large requests"), "{}", answer.text());
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(is_served(&app));
    drop(more);
    assert_eq!(app.soap(&large).status, 200, "one at a time still comes to its end");
    drop(all);
    assert_eq!(app.soap(&large).status, 200);
}

#[test]
fn idle_connections_do_not_keep_a_client_from_being_served() {
    let app = gateway(|config| config.server.head_timeout = NEVER);
    let starts = ["", "G", "GET /health HTTP/1.1\r\nHost: x\r\n", HEALTH];
    let idle: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = connect(app.address);
            stream.write_all(starts[number % starts.len()].as_bytes()).expect("a start");
            stream
        })
        .collect();
    for _ in 0..3 {
        assert!(is_served(&app));
    }
    drop(idle);
    assert!(is_served(&app));
}

/// A demo gateway in a process of its own, with these settings of `[server]`.
fn process(settings: &str) -> (Place, Gateway) {
    let place = Place::new();
    std::fs::write(place.path("edge.toml"), format!("[server]\n{settings}\n")).expect("a file");
    let gateway = place.serve("--demo --config edge.toml");
    (place, gateway)
}

/// The most memory that a process ever held, in MiB.
fn peak(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

fn is_demo_served(gateway: &Gateway) -> bool {
    gateway.call("getFlowDiagram", vec![flow("Leads")]).status == 200
}

#[test]
fn bombs_cost_a_bounded_amount_of_memory() {
    let (_place, gateway) = process("");
    assert!(is_demo_served(&gateway));
    let before = peak(&gateway);
    let headers = [("Content-Type", "text/xml"), ("Content-Encoding", "gzip"), ("Connection", "close")];
    let request = post_request(gateway.address, &headers, &gzip_bomb());
    let address = gateway.address;
    std::thread::scope(|scope| {
        let bombs: Vec<_> = (0..32).map(|_| scope.spawn(|| send(address, &request))).collect();
        while bombs.iter().any(|bomb| !bomb.is_finished()) {
            assert!(is_demo_served(&gateway));
        }
        for bomb in bombs {
            assert!(bomb.join().expect("a client").text().contains("<value>413</value>"));
        }
    });
    // 32 bodies of 1 MiB, of which four are being decompressed to 16 MiB: about 100 MiB, and what the allocator keeps for
    // a moment. Without the limits it would be gigabytes.
    let grown = peak(&gateway) - before;
    assert!(grown < 400, "{grown} MiB");
    assert!(is_demo_served(&gateway));
}

#[test]
fn large_bodies_cost_no_more_memory_than_their_budget() {
    let (_place, gateway) = process("body_limit = 8388608\nbody_budget = 33554432\nbody_timeout = 600");
    assert!(is_demo_served(&gateway));
    let before = peak(&gateway);
    // All but the last bytes of bodies five times as large as the budget. Nobody may wait to send them all: a gateway
    // that holds no more does not take them.
    let request = post_request(gateway.address, &[("Content-Type", "text/xml")], &vec![b' '; 8_388_608]);
    let request = &request[..request.len() - 10];
    let mut clients: Vec<(TcpStream, usize)> = (0..20).map(|_| (connect(gateway.address), 0)).collect();
    for (client, _) in &clients {
        client.set_nonblocking(true).expect("a setting");
    }
    let mut refusals = 0;
    while refusals < 200 {
        let mut taken = 0;
        for (client, sent) in &mut clients {
            taken += client.write(&request[*sent..]).inspect(|length| *sent += length).unwrap_or(0);
        }
        // Asked in between, so that the gateway has the time to take more.
        assert!(is_demo_served(&gateway));
        refusals = if taken == 0 { refusals + 1 } else { 0 };
        if clients.iter().all(|(_, sent)| *sent == request.len()) {
            break;
        }
    }
    // The budget, one body beyond it, the buffers of 20 connections, and what the allocator keeps for a moment.
    let grown = peak(&gateway) - before;
    assert!(grown < 120, "{grown} MiB");
}

#[test]
fn what_is_announced_and_never_sent_costs_nothing() {
    let (_place, gateway) = process("body_timeout = 600");
    assert!(is_demo_served(&gateway));
    let before = peak(&gateway);
    let limit = flowgate::config::Config::for_testing().server.body_limit;
    let request = post_with(&format!("Content-Length: {limit}"), "<a/>");
    let clients: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect(gateway.address);
            stream.write_all(&request).expect("a start");
            stream
        })
        .collect();
    // Each worker serves some, after it has read what the others sent.
    assert!((0..10).all(|_| is_demo_served(&gateway)));
    let grown = peak(&gateway) - before;
    assert!(grown < 64, "{grown} MiB for {} clients", clients.len());
}

#[test]
fn a_stop_does_not_wait_for_connections_on_which_nothing_happens() {
    let (_place, gateway) = process("drain_timeout = 600\nhead_timeout = 600\nkeep_alive = 600");
    let partial = "GET /health HTTP/1.1\r\nHost: x\r\n";
    let unread = format!("GET /health {CHUNKED}1\r\n");
    let mut idle: Vec<TcpStream> = ["", HEALTH, partial, &format!("{HEALTH}{partial}"), &unread]
        .iter()
        .map(|start| {
            let mut stream = connect(gateway.address);
            stream.write_all(start.as_bytes()).expect("a start");
            stream
        })
        .collect();
    // Answered means that the connections before it were accepted.
    assert!(is_demo_served(&gateway));
    gateway.signal("TERM");
    assert_eq!(gateway.end_within(STOP).code(), Some(0));
    for stream in &mut idle {
        read_to_end(stream);
    }
}

#[test]
fn without_file_descriptors_clients_wait_and_are_served_when_there_are_some() {
    let (_place, gateway) = process("head_timeout = 600\nkeep_alive = 600\nworkers = 1");
    assert!(is_demo_served(&gateway));
    let id = rustix::process::Pid::from_raw(gateway.id().try_into().expect("a number"));
    let few = rustix::process::Rlimit { current: Some(100), maximum: Some(100) };
    rustix::process::prlimit(id, rustix::process::Resource::Nofile, few).expect("a limit");
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(gateway.address)).collect();
    // The last ones are not accepted; this one waits behind them until they are gone.
    let mut waiting = connect(gateway.address);
    waiting.write_all(HEALTH.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).expect("a request");
    while !gateway.log().contains("Too many open files") {
        std::thread::yield_now();
    }
    drop(idle);
    assert_eq!(statuses(&read_to_end(&mut waiting)), ["200"]);
    assert!(is_demo_served(&gateway));
    // Told each time, but not in a loop without a pause.
    assert!(gateway.log().matches("Too many open files").count() < 100, "{}", gateway.log());
}

#[test]
fn no_connection_outlives_its_client() {
    let (_place, gateway) = process("");
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", gateway.id())).expect("its descriptors").count();
    assert!(is_demo_served(&gateway));
    let before = descriptors();
    let close = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let starts = [
        String::new(),
        HEALTH.to_owned(),
        "GET /hea".to_owned(),
        format!("{HEALTH}GET /hea"),
        format!("{close}{HEALTH}{HEALTH}"),
        format!("GET /health {CHUNKED}"),
        format!("GET /health {CHUNKED}x"),
        format!("POST /v1/soap {CHUNKED}1\r\n"),
        format!("POST /v1/soap {CHUNKED}x\r\n{HEALTH}"),
        "POST /v1/soap HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n".to_owned(),
        "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\nmore".to_owned(),
        "GET /health HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nmore".to_owned(),
        "noise\r\n\r\nmore".to_owned(),
    ];
    for start in &starts {
        for half in [None, Some(Shutdown::Write), Some(Shutdown::Both)] {
            let mut stream = connect(gateway.address);
            stream.write_all(start.as_bytes()).expect("a start");
            if let Some(half) = half {
                stream.shutdown(half).expect("an end");
            }
            // An answer to somebody else means that this one was accepted, and read as far as it goes.
            assert!(is_demo_served(&gateway));
        }
    }
    let deadline = Instant::now() + NEVER;
    while descriptors() > before {
        assert!(Instant::now() < deadline, "{} descriptors, {before} at first", descriptors());
        assert!(is_demo_served(&gateway));
    }
}

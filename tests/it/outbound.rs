//! Outgoing requests, made of servers in this process: what is refused, what comes back, and what hostile servers can
//! do. The addresses 127.0.0.2 and up stand for the ones that the operator allowed, 127.0.0.1 for one that is not.

mod guard;
mod hostile;
pub(crate) mod peer;
mod tls;

use std::time::Duration;

use flowgate::config::Config;
use flowgate::model::address::Network;
use flowgate::model::http::Method;
use flowgate::outbound::{Answer, Failure, Kind, Outbound, Request};

use self::peer::{Peer, answer};
use crate::support::wait;

/// Settings that allow those networks.
fn settings(allowed: &[&str]) -> flowgate::config::outbound::Outbound {
    let mut settings = Config::for_testing().outbound;
    settings.allow = allowed.iter().flat_map(|text| Network::parse(text).expect("a network")).collect();
    settings
}

/// A client that may ask this machine.
fn local() -> Outbound {
    Outbound::new(&settings(&["127.0.0.0/8", "::1"]))
}

fn get(url: impl Into<String>) -> Request {
    Request::new(Method::Get, url)
}

fn send(outbound: &Outbound, request: Request) -> Result<Answer, Failure> {
    wait(outbound.send(request))
}

fn failure(outbound: &Outbound, request: Request) -> Failure {
    let url = request.url.clone();
    match send(outbound, request) {
        Ok(answer) => panic!("{url} should fail: {answer:?}"),
        Err(failure) => failure,
    }
}

#[test]
fn a_request_goes_out_as_it_was_meant_and_its_answer_comes_back() {
    let peer = Peer::start(|stream, request| {
        let body = format!("{}\n{}", request.head, String::from_utf8_lossy(&request.body));
        answer(stream, "HTTP/1.1 201 Created\r\nX-Two: a\r\nX-Two: b\r\nSet-Cookie: seen=1", body.as_bytes());
    });
    let outbound = local();
    let mut request = Request::new(Method::Post, format!("{}/a%20b/ä?q=1&r=%2F#part", peer.url()));
    request.headers = vec![
        ("Content-Type".to_owned(), "text/plain".to_owned()),
        ("X-Name".to_owned(), "Zoë".to_owned()),
        ("x-again".to_owned(), "1".to_owned()),
        ("X-Again".to_owned(), "2".to_owned()),
    ];
    request.body = b"what is said".to_vec();
    let first = send(&outbound, request).expect("an answer");
    assert_eq!((first.status, first.header("x-two")), (201, Some("a")));
    assert_eq!(first.headers.iter().filter(|(name, _)| name == "x-two").count(), 2);
    let text = String::from_utf8(first.body).expect("UTF-8");
    let lines: Vec<_> = text.lines().map(str::to_ascii_lowercase).collect();
    assert_eq!(text.lines().next(), Some("POST /a%20b/%C3%A4?q=1&r=%2F HTTP/1.1"), "{text}");
    assert!(text.ends_with("\nwhat is said"), "{text}");
    for line in [
        &format!("host: {}", peer.address) as &str,
        &format!("user-agent: flowgate/{}", env!("CARGO_PKG_VERSION")),
        "accept-encoding: gzip",
        "content-length: 12",
        "content-type: text/plain",
        "x-name: zoë",
        "x-again: 1",
        "x-again: 2",
    ] {
        assert_eq!(lines.iter().filter(|found| *found == line).count(), 1, "{line}: {text}");
    }
    let second = send(&outbound, get(peer.url())).expect("an answer");
    let text = String::from_utf8(second.body).expect("UTF-8").to_ascii_lowercase();
    for absent in ["cookie", "referer", "content-length", "transfer-encoding", "what is said"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}

#[test]
fn every_method_goes_out_and_none_without_a_body_claims_one() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999999999\r\nX-Way: HEAD";
    let peer = Peer::start(|stream, request| match request.head.starts_with("HEAD ") {
        true => answer(stream, HEAD, b""),
        false => answer(stream, "HTTP/1.1 200 OK", request.head.as_bytes()),
    });
    let outbound = local();
    for name in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let method = Method::parse(name).expect(name);
        let answer = send(&outbound, Request::new(method, peer.url())).expect(name);
        let head = String::from_utf8(answer.body.clone()).expect("UTF-8").to_ascii_lowercase();
        match name {
            "HEAD" => {
                assert_eq!((answer.header("x-way"), answer.body.len()), (Some("HEAD"), 0));
                assert_eq!(answer.header("content-length"), Some("999999999"), "what a GET would have had");
            }
            _ => assert!(head.starts_with(&format!("{} / http/1.1\r\n", name.to_ascii_lowercase())), "{head}"),
        }
        let expects_length = matches!(name, "POST" | "PUT" | "PATCH");
        assert_eq!(head.contains("content-length: 0"), expects_length, "{name}: {head}");
        assert!(!head.contains("transfer-encoding"), "{name}: {head}");
    }
    assert_eq!(Method::parse("get"), Some(Method::Get), "in any case");
    for name in ["CONNECT", "TRACE", "GET ", ""] {
        assert_eq!(Method::parse(name), None, "{name}");
    }
}

#[test]
fn statuses_are_answers_and_redirects_are_not_followed() {
    let canary = Peer::start(|stream, _| answer(stream, "HTTP/1.1 200 OK", b"here"));
    let target = canary.url();
    let peer = Peer::start(move |stream, request| {
        let status = request.head.split(['/', ' ']).nth(2).expect("a status");
        answer(stream, &format!("HTTP/1.1 {status} Somehow\r\nLocation: {target}/secret"), b"body");
    });
    let outbound = local();
    for status in [200, 300, 301, 302, 303, 307, 308, 400, 401, 404, 407, 418, 429, 500, 503, 599] {
        let answer = send(&outbound, get(format!("{}/{status}", peer.url()))).expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (status, &b"body"[..]));
        assert_eq!(answer.header("location"), Some(&*format!("{}/secret", canary.url())));
    }
    assert_eq!(canary.connections(), 0);
    for status in ["204 No Content", "304 Not Modified"] {
        let peer = Peer::start(move |stream, _| {
            answer(stream, &format!("HTTP/1.1 {status}\r\nContent-Encoding: gzip"), b"");
        });
        let answer = send(&outbound, get(peer.url())).expect(status);
        assert_eq!((answer.status.to_string().as_str(), answer.body.len()), (&status[..3], 0));
    }
}

#[test]
fn compressed_answers_are_read_and_others_left_as_they_are() {
    let packed = peer::gzip(b"one, two");
    let twice = [peer::gzip(b"one, "), peer::gzip(b"two")].concat();
    let outbound = local();
    for (encoding, sent, expected) in [
        ("gzip", packed.clone(), &b"one, two"[..]),
        ("x-gzip", packed.clone(), b"one, two"),
        ("GZIP", packed.clone(), b"one, two"),
        ("gzip", twice, b"one, two"),
        ("gzip", Vec::new(), b""),
        ("identity", b"one, two".to_vec(), b"one, two"),
        ("br", packed.clone(), &packed),
        ("gzip, gzip", packed.clone(), &packed),
    ] {
        let is_undone = encoding.to_ascii_lowercase().ends_with("gzip") && !encoding.contains(',') && !sent.is_empty();
        let peer = Peer::start(move |stream, _| {
            answer(stream, &format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}"), &sent);
        });
        let answer = send(&outbound, get(peer.url())).expect(encoding);
        assert_eq!(answer.body, expected, "{encoding}");
        assert_eq!(answer.header("content-encoding").is_none(), is_undone, "{encoding}");
        assert_eq!(answer.header("content-length").is_none(), is_undone, "{encoding}");
    }
}

#[test]
fn bad_urls_are_refused_with_what_is_wrong_and_without_themselves() {
    let outbound = local();
    let long = format!("http://127.0.0.1/{}", "a".repeat(8192));
    for (url, expected) in [
        ("", "malformed"),
        ("example.com/path-with-a-secret", "malformed"),
        ("/path-with-a-secret", "malformed"),
        ("http://", "malformed"),
        ("http://exa mple.com/path-with-a-secret", "malformed"),
        ("http://127.0.0.1:99999/path-with-a-secret", "malformed"),
        ("http://[::1/path-with-a-secret", "malformed"),
        ("http://[fe80::1%25eth0]/", "malformed"),
        ("http://999.1.1.1/", "malformed"),
        ("ftp://127.0.0.1/path-with-a-secret", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("gopher://127.0.0.1:70/_x", "http:// or https://"),
        ("data:text/plain,secret", "http:// or https://"),
        ("http://user:secret@127.0.0.1/", "user name or password"),
        ("http://user@127.0.0.1/", "user name or password"),
        ("http://:secret@127.0.0.1/", "user name or password"),
        ("http://127.0.0.1/\r\nX-Secret: 1", "control character"),
        ("http://127.0.0.1/a\tb", "control character"),
        ("http://127.0.0.1/\0", "control character"),
        (&long, "longer than 8192 bytes"),
    ] {
        let failure = failure(&outbound, get(url));
        assert_eq!(failure.kind, Kind::BadUrl, "{url}: {failure}");
        assert!(failure.is_final(), "{url}");
        assert!(failure.text.contains(expected) && !failure.text.contains("secret"), "{url}: {failure}");
    }
}

#[test]
fn bad_headers_are_refused_by_name_and_never_with_their_value() {
    let peer = Peer::start(|stream, _| answer(stream, "HTTP/1.1 200 OK", b""));
    let outbound = local();
    let value = "secret-4711";
    let refusal = |name: &str, value: &str| {
        let mut request = get(peer.url());
        request.headers = vec![(name.to_owned(), value.to_owned())];
        let failure = failure(&outbound, request);
        assert_eq!((failure.kind, failure.is_final()), (Kind::BadHeader, true), "{name}");
        assert!(!failure.text.contains("4711"), "{failure}");
        failure.text
    };
    for broken in ["a\r\nX-Other: 4711", "a\n4711", "a\r4711", "a\u{0}4711", "4711\u{7f}"] {
        assert!(refusal("X-Name", broken).contains("X-Name"), "{broken:?}");
    }
    for name in ["", "X Name", "X-Name:", "X\r\nName", "Näme", "(x)"] {
        assert!(refusal(name, value).contains(&name.escape_debug().to_string()), "{name:?}");
    }
    for name in [
        "Host",
        "Content-Length",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Proxy-Connection",
    ] {
        assert!(refusal(name, value).contains(name), "{name}");
    }
    assert!(refusal("X-Name", &"4711".repeat(20_000)).contains("65536 bytes"));
    assert_eq!(peer.connections(), 0);
}

#[test]
fn connections_are_used_again_and_bounded_for_each_host() {
    let peer = Peer::start(|stream, _| answer(stream, "HTTP/1.1 200 OK", b"fine"));
    let outbound = local();
    wait(async {
        for _ in 0..5 {
            outbound.send(get(peer.url())).await.expect("an answer");
        }
    });
    assert_eq!(peer.connections(), 1);

    // Each request is answered when a second one is there, and a third would be seen.
    let pairs = peer::Pairs::default();
    let most = pairs.clone();
    let peer = Peer::start(move |stream, _| pairs.meet(|| answer(stream, "HTTP/1.1 200 OK", b"fine")));
    let mut settings = settings(&["127.0.0.0/8"]);
    settings.host_limit = 2;
    let outbound = Outbound::new(&settings);
    wait(async {
        let answers = (0..8).map(|_| outbound.send(get(peer.url())));
        for answer in futures_util::future::join_all(answers).await {
            assert_eq!(answer.expect("an answer").status, 200);
        }
    });
    assert_eq!(most.most(), 2);
}

#[test]
fn a_request_may_ask_for_less_than_the_settings_allow_and_not_for_more() {
    let peer = Peer::start(|stream, _| answer(stream, "HTTP/1.1 200 OK", &[b'x'; 5000]));
    let mut settings = settings(&["127.0.0.0/8"]);
    settings.answer_limit = 4999;
    let small = Outbound::new(&settings);
    settings.answer_limit = 5000;
    let large = Outbound::new(&settings);
    let limited = |limit| Request { answer_limit: Some(limit), ..get(peer.url()) };
    assert_eq!(send(&large, get(peer.url())).expect("an answer").body.len(), 5000);
    assert_eq!(send(&large, limited(9000)).expect("an answer").body.len(), 5000);
    for (outbound, request) in [(&large, limited(4999)), (&small, limited(9000)), (&small, get(peer.url()))] {
        let failure = failure(outbound, request);
        assert_eq!((failure.kind, failure.is_final()), (Kind::TooLarge, false));
        assert!(failure.text.contains("larger than 4999 bytes"), "{failure}");
    }

    let silent = Peer::start(|stream, _| peer::outlast(stream));
    settings.timeout = Duration::from_millis(100);
    let hasty = Outbound::new(&settings);
    for timeout in [None, Some(Duration::from_secs(3600)), Some(Duration::from_millis(50))] {
        let failure = failure(&hasty, Request { timeout, ..get(silent.url()) });
        assert_eq!((failure.kind, failure.is_final()), (Kind::TimedOut, false));
        let seconds = if timeout == Some(Duration::from_millis(50)) { "0.05 seconds" } else { "0.1 seconds" };
        assert!(failure.text.contains(&silent.address.to_string()) && failure.text.contains(seconds), "{failure}");
    }
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    // Bound and not listening: nobody else can take the port meanwhile.
    let address = peer::unused();
    let failure = failure(&local(), get(format!("http://{}/path-with-a-secret", address.address)));
    assert_eq!((failure.kind, failure.is_final()), (Kind::Unreachable, false));
    assert_eq!(failure.text, format!("{} refused the connection", address.address));
}

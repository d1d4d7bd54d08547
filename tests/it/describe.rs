//! The descriptions as they are served: which one, under which address, and how caches and proxies see them.

use flowgate::config::Config;
use flowgate::model::address::Network;
use flowgate::soap::wsdl;

use crate::support::{Answer, TestApp};

/// The address that the document names for the service.
fn address(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.head);
    let read = wsdl::read(&answer.text()).expect("a well-formed description");
    let port = &read.services[0].ports[0];
    port.soap11.as_ref().or(port.soap12.as_ref()).expect("an address").location.clone()
}

fn trusting(config: &mut Config) {
    config.server.trusted_proxies = Network::parse("127.0.0.1").expect("an address");
}

#[test]
fn queries_choose_the_description_in_any_letter_case() {
    let app = TestApp::start();
    let documents = ["?wsdl", "?wsdl=literal", "?wsdl=literal12"].map(|query| {
        let answer = app.get(&format!("/v1/soap{query}"), &[]);
        assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"), "{query}");
        assert_eq!(address(&answer), format!("http://{}/v1/soap", app.address), "{query}");
        answer.text()
    });
    assert!(documents[0].contains("style=\"rpc\"") && !documents[1].contains("style=\"rpc\""));
    assert!(documents[2].contains("wsdl/soap12/") && !documents[1].contains("wsdl/soap12/"));
    for (query, document) in [
        ("?WSDL", 0),
        ("?Wsdl=", 0),
        ("?singleWsdl", 0),
        ("?singlewsdl=literal", 1),
        ("?wsdl=LITERAL", 1),
        ("?x=1&WSDL=Literal12", 2),
    ] {
        assert_eq!(app.get(&format!("/v1/soap{query}"), &[]).text(), documents[document], "{query}");
        assert_eq!(app.get(&format!("/v1/soap/{query}"), &[]).text(), documents[document], "/{query}");
    }
}

#[test]
fn an_unknown_description_is_404_and_names_the_three() {
    let app = TestApp::start();
    for query in ["?wsdl=x", "?wsdl=literal13", "?singleWsdl=%22%3E"] {
        let answer = app.get(&format!("/v1/soap{query}"), &[]);
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/plain; charset=utf-8")), "{query}");
        for name in ["?wsdl (", "?wsdl=literal (", "?wsdl=literal12 ("] {
            let line = format!("http://{}/v1/soap{name}", app.address);
            assert!(answer.text().contains(&line), "{name} is not in {}", answer.text());
        }
    }
}

#[test]
fn no_query_is_the_page() {
    let app = TestApp::start();
    for path in ["/v1/soap", "/v1/soap/", "/v1/soap?", "/v1/soap?wsdls"] {
        let answer = app.get(path, &[]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        assert!(answer.text().contains(&format!("http://{}/v1/soap", app.address)), "{path}");
    }
}

#[test]
fn the_address_is_that_of_the_request() {
    let app = TestApp::start();
    for host in ["soap.example.com", "soap.example.com:8443", "[2001:db8::1]:80", "localhost"] {
        let answer = app.get("/v1/soap?wsdl", &[("Host", host)]);
        assert_eq!(address(&answer), format!("http://{host}/v1/soap"));
    }
    // HTTP/1.0 has no Host.
    let answer = app.send(b"GET /v1/soap?wsdl HTTP/1.0\r\n\r\n");
    assert_eq!(address(&answer), format!("http://{}/v1/soap", app.address));
}

#[test]
fn an_invalid_host_is_in_no_answer() {
    let app = TestApp::with(trusting);
    for host in ["a\"b", "<x>", "a'b", "a b", "a/b", "a&b", "a?b", "ü"] {
        for (path, name) in [
            ("/v1/soap?wsdl", "Host"),
            ("/v1/soap", "Host"),
            ("/v1/soap?wsdl=x", "Host"),
            ("/v1/soap?wsdl", "X-Forwarded-Host"),
            ("/v1/soap", "X-Forwarded-Prefix"),
        ] {
            let answer = app.get(path, &[(name, host)]);
            if answer.status == 400 {
                assert_eq!(name, "Host", "what a proxy says wrongly is ignored");
                assert!(!answer.text().contains(host), "{}", answer.text());
                continue;
            }
            let own = format!("http://{}/v1/soap", app.address);
            assert!(answer.text().contains(&own), "{name}: {host} on {path}: {}", answer.text());
            let claimed = format!("http://{host}");
            assert!(!answer.text().contains(&claimed), "{name}: {host} on {path}");
        }
    }
}

/// Headers with which a proxy tells its address, and the address that results behind a trusted one.
const FORWARDED: [(&[(&str, &str)], &str); 9] = [
    (&[("X-Forwarded-Proto", "https")], "https://inner.example"),
    (&[("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "soap.example.com")], "https://soap.example.com"),
    (&[("X-Forwarded-Host", "soap.example.com, inner.example")], "http://soap.example.com"),
    (
        &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "soap.example.com"), ("X-Forwarded-Port", "8443")],
        "https://soap.example.com:8443",
    ),
    (&[("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443")], "https://inner.example"),
    (&[("X-Forwarded-Prefix", "/partners/")], "http://inner.example/partners"),
    (&[("Forwarded", "for=192.0.2.1;proto=https;host=\"soap.example.com:8443\"")], "https://soap.example.com:8443"),
    (
        &[("X-Forwarded-Host", "soap.example.com"), ("Forwarded", "host=elsewhere.example;proto=https")],
        "https://soap.example.com",
    ),
    (&[("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Prefix", "//elsewhere.example")], "http://inner.example"),
];

#[test]
fn a_trusted_proxy_says_under_which_address_it_was_reached() {
    let app = TestApp::with(trusting);
    for (headers, expected) in FORWARDED {
        let headers = [&[("Host", "inner.example")], headers].concat();
        assert_eq!(address(&app.get("/v1/soap?wsdl", &headers)), format!("{expected}/v1/soap"), "{headers:?}");
    }
}

#[test]
fn anyone_elses_forwarding_headers_are_ignored() {
    let app = TestApp::with(|config| {
        config.server.trusted_proxies = Network::parse("192.0.2.0/24").expect("a network");
    });
    for (headers, _) in FORWARDED {
        let headers = [&[("Host", "inner.example")], headers].concat();
        assert_eq!(address(&app.get("/v1/soap?wsdl", &headers)), "http://inner.example/v1/soap", "{headers:?}");
    }
}

#[test]
fn the_configured_address_wins() {
    let app = TestApp::with(|config| {
        trusting(config);
        config.server.public_url = "https://soap.example.com/partners".to_owned();
    });
    let headers = [("Host", "a.example"), ("X-Forwarded-Host", "b.example"), ("X-Forwarded-Prefix", "/c")];
    let answer = app.get("/v1/soap?wsdl", &headers);
    assert_eq!(address(&answer), "https://soap.example.com/partners/v1/soap");
}

#[test]
fn a_known_description_is_not_sent_again() {
    let app = TestApp::start();
    for query in ["wsdl", "wsdl=literal", "wsdl=literal12"] {
        let path = format!("/v1/soap?{query}");
        let answer = app.get(&path, &[]);
        let tag = answer.header("etag").expect("a tag").to_owned();
        let list = format!("\"other\", W/{tag}");
        for known in [&tag, &list, "*"] {
            let again = app.get(&path, &[("If-None-Match", known)]);
            assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), Some(&tag[..]), "{known}");
        }
        assert_eq!(app.get(&path, &[("If-None-Match", "\"other\"")]).text(), answer.text());
        // The same document under another address is another one.
        let elsewhere = app.get(&path, &[("Host", "soap.example.com"), ("If-None-Match", &tag)]);
        assert_eq!(elsewhere.status, 200);
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let app = TestApp::start();
    for path in ["/v1/soap?wsdl", "/v1/soap?wsdl=literal12", "/v1/soap?wsdl=x", "/v1/soap"] {
        for encoding in ["identity", "gzip"] {
            let lines = |method: &str| {
                // Read to the end of the connection, so that a body would be seen.
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: {}\r\nX-Request-Id: one\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n",
                    app.address
                );
                let bytes = app.drain(request.as_bytes());
                let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
                let head = String::from_utf8(bytes[..end].to_vec()).expect("UTF-8");
                let mut lines: Vec<String> =
                    head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
                lines.sort();
                (lines, bytes.len() - end - 4)
            };
            let ((get, content), (head, nothing)) = (lines("GET"), lines("HEAD"));
            assert_eq!(head, get, "{path} {encoding}");
            assert!(content > 0 && nothing == 0, "{path} {encoding}");
        }
    }
}

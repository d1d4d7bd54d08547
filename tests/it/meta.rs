//! What operators and proxies ask of a running gateway, and what it says to the lost;
//! and how the log is read by request.

use std::collections::BTreeMap;

use crate::process::{Place, call_request};
use crate::support::{TestApp, send};

#[test]
fn health_and_readiness_are_told() {
    let app = TestApp::start();
    for path in ["/health", "/ready"] {
        let answer = app.get(path, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"status":"ok"}"#), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let head = app.bodiless("HEAD", path, &[]);
        assert_eq!((head.status, head.header("content-length")), (200, answer.header("content-length")), "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            let answer = app.bodiless(method, path, &[]);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
}

#[test]
fn a_gateway_that_cannot_commit_is_healthy_and_not_ready() {
    let app = TestApp::start();
    app.app.store.clone().close();
    assert_eq!(app.get("/health", &[]).status, 200);
    let answer = app.get("/ready", &[]);
    assert_eq!(answer.status, 503);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["status"], "unavailable");
    assert!(body["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{body}");
}

#[test]
fn the_root_leads_to_the_service_page() {
    let app = TestApp::start();
    for method in ["GET", "HEAD"] {
        let answer = app.bodiless(method, "/", &[]);
        assert_eq!((answer.status, answer.header("location")), (302, Some("v1/soap")), "{method}");
    }
}

#[test]
fn an_unknown_path_is_answered_404_in_the_documented_shape_of_errors() {
    let app = TestApp::start();
    for (method, path) in [("GET", "/nothing"), ("POST", "/v1/records"), ("GET", "/v1/soap/x"), ("GET", "/health/")] {
        let answer = app.bodiless(method, path, &[("Content-Length", "0")]);
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")), "{path}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((&body["resource"], &body["error"]["code"]), (&serde_json::json!([]), &404.into()), "{path}");
        assert!(body["error"]["message"].as_str().is_some_and(|message| message.contains(path)), "{body}");
    }
}

#[test]
fn every_reply_names_its_request_and_so_does_every_line_that_is_logged_for_it() {
    let place = Place::new();
    let settings = "export FLOWGATE__LOG__LEVEL=flowgate=debug FLOWGATE__LOG__FORMAT=json";
    let gateway = place.serve_after(settings, "--demo");
    let beginning = gateway.log().len();
    let ask = |id: &str, request: &str| {
        let (line, rest) = request.split_once("\r\n").expect("a first line");
        let request =
            format!("{line}\r\nHost: {}\r\nX-Request-Id: {id}\r\nConnection: close\r\n{rest}", gateway.address);
        let answer = send(gateway.address, request.as_bytes());
        assert_eq!(answer.header("x-request-id"), Some(id), "{}", answer.head);
    };
    let keys = "X-Apikey: demo-api-key\r\nX-App: demo-app\r\n";
    ask("good", &format!("GET /v1/schema HTTP/1.1\r\n{keys}\r\n"));
    ask("missing", &format!("GET /v1/record/none HTTP/1.1\r\n{keys}\r\n"));
    ask("refused", "GET /v1/schema HTTP/1.1\r\n\r\n");
    ask("granting", "POST /oauth/token HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    let log = gateway.log();
    let mut told = BTreeMap::new();
    for line in log[beginning..].lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let id = line["fields"]["request_id"].as_str().unwrap_or_else(|| panic!("{line} belongs to no request"));
        *told.entry(id.to_owned()).or_insert(0) += 1;
    }
    // An operation tells what it did, and a façade what it refused.
    let expected = [("good", 1), ("granting", 1), ("missing", 2), ("refused", 1)];
    assert_eq!(told, expected.map(|(id, count)| (id.to_owned(), count)).into());
    // What no façade answers carries an identifier as well.
    ask("alive", "GET /health HTTP/1.1\r\n\r\n");
    ask("lost", "GET /nothing HTTP/1.1\r\n\r\n");
    ask("described", "GET /v1/soap?wsdl HTTP/1.1\r\n\r\n");
    ask("odd", "GET * HTTP/1.1\r\n\r\n");
    let call = call_request(gateway.address, ["demo-api-key", "demo-app"], "getSchema", Vec::new());
    assert!(send(gateway.address, &call).header("x-request-id").is_some_and(|id| !id.is_empty()));
    gateway.stop();
}

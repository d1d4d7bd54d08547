//! What operators and proxies ask of a running gateway, and what it says to the lost.

use crate::support::TestApp;

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

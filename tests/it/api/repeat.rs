//! Requests that are sent twice: by an Idempotency-Key, and by the record's own identifier.

use super::{KEYS, Rest, message, refused, resource, schema_body};
use crate::process::Place;
use crate::support::{Answer, send};

const FLOW: (&str, &str) = ("X-Flow", "Leads");
const DAY: i64 = 86_400_000;

/// What can be repeated, with another request under the same key.
fn repeatable() -> [(&'static str, String, String); 3] {
    [
        ("/v1/schema", schema_body("{}"), schema_body(r#"{"type":"object"}"#)),
        ("/v1/record?flow_name=Leads", r#"{"n":1}"#.to_owned(), r#"{"n":2}"#.to_owned()),
        ("/v1/webhook/hook", "{}".to_owned(), "[]".to_owned()),
    ]
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

/// Rows that requests have made.
fn rows(rest: &Rest) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM record) + (SELECT count(*) FROM webhook_payload) + (SELECT count(*) FROM data_schema)";
    rest.app.app.store.peek(|tx| tx.query(sql, &[])).expect("rows")[0].integer(0).expect("a number")
}

#[test]
fn the_same_key_gets_the_first_reply_and_does_nothing_more() {
    for (path, body, other) in repeatable() {
        let rest = Rest::start();
        let key = [("Idempotency-Key", "4711")];
        let first = rest.send("POST", path, &key, &body);
        assert_eq!((first.status, is_replayed(&first)), (201, false), "{}", first.text());
        rest.app.app.clock.advance(DAY - 1);
        let again = rest.send("POST", path, &key, &body);
        assert_eq!((again.status, is_replayed(&again), again.text()), (201, true, first.text()), "{path}");
        assert_eq!(again.header("location"), first.header("location"));
        refused(&rest.send("POST", path, &key, &other), 409, "The Idempotency-Key was used for another request");
        // A webhook keeps what was posted beside the record that it becomes.
        assert_eq!(rows(&rest), if path == "/v1/webhook/hook" { 2 } else { 1 }, "{path}");
        // After a day the key is free.
        rest.app.app.clock.advance(1);
        let after = rest.send("POST", path, &key, &other);
        let status = if path == "/v1/schema" { 409 } else { 201 };
        assert_eq!((after.status, is_replayed(&after)), (status, false), "{path}");
        assert_ne!(after.text(), first.text());
    }
}

#[test]
fn a_key_is_the_applications_own_and_failures_are_not_remembered() {
    let rest = Rest::start();
    rest.app.application(rest.tenant.customer, "b", |new| new.name = "other".to_owned());
    let insert = |app_key: &str, flow: &str| {
        let headers = [KEYS[0], ("X-App", app_key), ("X-Flow", flow), ("Idempotency-Key", "1")];
        rest.app.call("POST", "/v1/record", &headers, b"{}")
    };
    assert_eq!(insert("a", "Nowhere").status, 404);
    assert_eq!(insert("a", "Leads").status, 201);
    let other = insert("b", "Leads");
    assert_eq!((other.status, is_replayed(&other)), (201, false));
    assert_eq!(rest.stored().len(), 2);
    assert!(is_replayed(&insert("a", "Leads")) && is_replayed(&insert("b", "Leads")));
    assert_eq!(insert("a", "Invoices").status, 409, "the flow is part of the request");
    assert_eq!(rest.stored().len(), 2);
}

#[test]
fn what_is_no_key_is_refused() {
    let rest = Rest::start();
    for (key, status) in [
        ("x".repeat(255), 201),
        ("!~".to_owned(), 201),
        (String::new(), 201),
        ("x".repeat(256), 400),
        ("a b".to_owned(), 400),
        ("ü".to_owned(), 400),
    ] {
        let answer = rest.send("POST", "/v1/record", &[FLOW, ("Idempotency-Key", &key)], "{}");
        assert_eq!(answer.status, status, "{key}: {}", answer.text());
    }
    let twice = rest.send("POST", "/v1/record", &[FLOW, ("Idempotency-Key", "a"), ("Idempotency-Key", "b")], "{}");
    refused(&twice, 400, "Idempotency-Key is given twice");
    assert_eq!(rest.stored().len(), 3);
}

#[test]
fn of_fifty_at_once_one_is_carried_out() {
    let rest = Rest::start();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || rest.send("POST", "/v1/record", &[FLOW, ("Idempotency-Key", "storm")], r#"{"n":1}"#);
        let asking: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|asking| asking.join().expect("an answer")).collect()
    });
    assert_eq!(rest.stored().len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text() == answers[0].text()));
    assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1);
}

#[test]
fn a_reply_is_remembered_across_a_restart() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    let ask = |address: std::net::SocketAddr| {
        let request = format!(
            "POST /v1/record HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Apikey: demo-api-key\r\nX-App: demo-app\r\nX-Flow: Leads\r\nIdempotency-Key: k\r\nContent-Length: 13\r\n\r\n{{\"client\":[]}}"
        );
        send(address, request.as_bytes())
    };
    let first = ask(gateway.address);
    assert_eq!((first.status, is_replayed(&first)), (201, false), "{}", first.text());
    drop(gateway.kill());
    let gateway = place.serve("--demo");
    let again = ask(gateway.address);
    assert_eq!((again.status, is_replayed(&again), again.text()), (201, true, first.text()));
}

#[test]
fn a_record_that_is_sent_again_with_its_identifier_is_answered_as_before() {
    let rest = Rest::start();
    let ask = |flow: &str, body: &str| rest.send("POST", "/v1/record", &[("X-Flow", flow), ("X-Uuid", "one")], body);
    let first = ask("Leads", r#"{"n":1}"#);
    let again = ask("Leads", r#"{"n":1}"#);
    assert_eq!((again.status, again.text()), (201, first.text()));
    let sentence = "A data record with the Uuid 'one' exists already with other content";
    refused(&ask("Leads", r#"{"n":2}"#), 409, sentence);
    refused(&ask("Invoices", r#"{"n":1}"#), 409, sentence);
    assert_eq!(rest.stored(), [("one".to_owned(), r#"{"n":1}"#.to_owned())]);
    assert_eq!(resource(&first)["data_record_id"], "one");
    assert_eq!(message(&first), "Data Record is created successfully");
}

//! What happens becomes messages: to whom, with what in them, and never without what they tell of.

use flowgate::model::flow::FlowStatus;
use serde_json::json;

use super::{Receiver, deliveries, header, is_signed_with, subscribe, subscribe_with};
use crate::engine::{chain, outgoing};
use crate::support::{NOW, SMALLEST};

const ALL: [&str; 6] =
    ["record.created", "record.updated", "record.finished", "record.failed", "flow.published", "flow.paused"];

/// A graph whose record fails.
fn failing() -> String {
    chain(&[r#"{"id":"halt","kind":"stop","fields":{"as":"failed","text":"no stock"}}"#])
}

#[test]
fn every_event_is_told_as_it_is_documented() {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    let receiver = Receiver::willing();
    let subscribed = subscribe(&works, &receiver.url(), &ALL);
    works.insert("Leads", "ü-1", r#"{"name":"Zoë 🚲","none":{}}"#);
    let answer = works.send("PUT", "/v1/record/%C3%BC-1", &[], r#"{"name":"Zoë"}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    works.app.run_due();
    works.publish("Leads", &failing());
    works.insert("Leads", "r-2", "{}");
    works.status("Leads", FlowStatus::Paused);
    works.status("Leads", FlowStatus::Running);
    works.app.run_due();
    let leads = json!({"id": 1, "name": "Leads"});
    let record = |uuid: &str, status: &str, data: serde_json::Value| json!({"uuid": uuid, "flow": leads, "status": status, "record": data});
    let mut failed = record("r-2", "failed", json!({}));
    failed["error"] = json!({"step": "halt", "kind": "stopped", "message": "no stock"});
    let expected = [
        ("record.created", record("ü-1", "waiting", json!({"name": "Zoë 🚲", "none": {}}))),
        ("record.updated", record("ü-1", "waiting", json!({"name": "Zoë"}))),
        ("record.finished", record("ü-1", "finished", json!({"name": "Zoë"}))),
        ("flow.published", json!({"flow": leads, "status": "public", "version": 2})),
        ("record.created", record("r-2", "waiting", json!({}))),
        ("flow.paused", json!({"flow": leads, "status": "paused", "version": 2})),
        ("record.failed", failed),
    ];
    let mut seen = receiver.seen();
    // Those of one subscription may pass each other; their identifiers are in the order of what happened.
    seen.sort_by_key(|message| header(message, "webhook-id"));
    assert_eq!(seen.len(), expected.len());
    for (message, (event, data)) in seen.iter().zip(&expected) {
        let body: serde_json::Value = serde_json::from_slice(&message.body).expect("JSON");
        let id = header(message, "webhook-id");
        assert_eq!(
            body,
            json!({"id": id, "type": event, "timestamp": "2026-01-15T12:00:00.000Z", "data": data}),
            "{event}"
        );
        assert!(id.starts_with("msg_"), "{id}");
        assert!(message.head.starts_with("POST /events HTTP/1.1"), "{}", message.head);
        assert_eq!(header(message, "content-type"), "application/json");
        assert_eq!(header(message, "webhook-timestamp"), (NOW.0 / 1_000).to_string());
        assert!(header(message, "user-agent").starts_with("Flowgate/"));
        assert!(is_signed_with(message, &subscribed.secret), "{}", message.head);
    }
}

#[test]
fn only_what_was_subscribed_to_is_told() {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    works.publish("Orders", SMALLEST);
    let (created, orders, nothing) = (Receiver::willing(), Receiver::willing(), Receiver::willing());
    subscribe(&works, &created.url(), &["record.created"]);
    let body = json!({"url": orders.url(), "events": ["record.created", "record.finished"], "flow": "Orders"});
    subscribe_with(&works, &body);
    // What another customer hears of is its own.
    works.app.customer("Other", "k2", "a2");
    let theirs = json!({"url": nothing.url(), "events": ALL});
    let keys = [("X-Apikey", "k2"), ("X-App", "a2")];
    assert_eq!(works.app.call("POST", "/v1/hooks", &keys, theirs.to_string().as_bytes()).status, 201);
    works.insert("Leads", "l", "{}");
    works.insert("Orders", "o", "{}");
    works.app.run_due();
    assert_eq!(created.types(), ["record.created", "record.created"]);
    assert_eq!(orders.types(), ["record.created", "record.finished"]);
    assert!(nothing.seen().is_empty());
}

#[test]
fn records_that_flows_make_are_told_too() {
    let works = outgoing();
    works.publish("Child", SMALLEST);
    works.publish(
        "Parent",
        &chain(&[r#"{"id":"sub","kind":"flow","fields":{"flow":"Child","data":{"from":"{{ $run.uuid }}"}}}"#]),
    );
    let receiver = Receiver::willing();
    subscribe_with(
        &works,
        &json!({"url": receiver.url(), "events": ["record.created", "record.finished"], "flow": "Child"}),
    );
    works.insert("Parent", "p", "{}");
    works.app.run_due();
    assert_eq!(receiver.types(), ["record.created", "record.finished"]);
    assert!(receiver.bodies().iter().all(|body| body["data"]["record"] == json!({"from": "p"})));
}

#[test]
fn what_did_not_happen_is_not_told_and_what_happened_once_is_told_once() {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    let receiver = Receiver::willing();
    let subscribed = subscribe(&works, &receiver.url(), &ALL);
    works.insert("Leads", "one", r#"{"a":1}"#);
    // All or none: the second of them is there with other content.
    let both = [("X-Flow", "Leads"), ("X-Uuid", "one")];
    assert_eq!(works.send("POST", "/v1/record", &both, r#"{"a":2}"#).status, 409);
    assert_eq!(works.send("POST", "/v1/record", &both, r#"{"a":1}"#).status, 201);
    let keyed = [("X-Flow", "Leads"), ("Idempotency-Key", "k-1")];
    for _ in 0..2 {
        assert_eq!(works.send("POST", "/v1/record", &keyed, "[{},{}]").status, 201);
    }
    let headers = [("X-Uuid", "one,missing")];
    assert_eq!(works.send("PUT", "/v1/record", &headers, "[{},{}]").status, 404);
    let created = deliveries(&works, &subscribed.id);
    assert_eq!(created.len(), 3, "{created:?}");
    assert!(created.iter().all(|delivery| delivery["event"] == "record.created"));
}

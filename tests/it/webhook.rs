//! Webhooks that come in: what is posted over the wire, what is answered, and which records there are then.

mod callback;
mod content;
mod guard;
mod setting;

use flowgate::model::webhook::Guard;
use flowgate::operation::secret::SetSecret;
use flowgate::operation::webhook::{AddWebhook, ChangeWebhook, WebhookChange};
use serde_json::Value;

use crate::engine::Works;
use crate::support::Answer;

/// A signing key of Standard Webhooks.
pub(crate) const KEY: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";
/// Another one.
pub(crate) const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A gateway with the flow `Leads` and its webhook `hook`, and the secrets `word`, `key` and `other`.
fn start() -> Works {
    start_with(r#"{"nodes":[{"id":"end","kind":"end"}]}"#)
}

fn start_with(graph: &str) -> Works {
    let works = Works::start();
    works.publish("Leads", graph);
    for (name, value) in [("word", "s3cret"), ("key", KEY), ("other", OTHER)] {
        works.run(SetSecret { name: name.to_owned(), value: value.to_owned() }).expect("a secret");
    }
    add(&works, "Leads", "hook");
    works
}

fn add(works: &Works, flow: &str, uri: &str) {
    let add = AddWebhook {
        flow: flow.to_owned(),
        uri: Some(uri.to_owned()),
        application: None,
        change: WebhookChange::default(),
    };
    works.run(add).expect("a webhook");
}

fn set(works: &Works, change: WebhookChange) {
    works.run(ChangeWebhook { webhook: "hook".to_owned(), change }).expect("a change");
}

fn guard(works: &Works, guard: &str) {
    let guard: Guard = serde_json::from_str(guard).expect(guard);
    set(works, WebhookChange { guard: Some(guard), ..WebhookChange::default() });
}

fn post(works: &Works, headers: &[(&str, &str)], body: &str) -> Answer {
    works.app.call("POST", "/v1/webhook/hook", headers, body.as_bytes())
}

/// The identifier of what was stored.
fn uuid(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["resource"]["_id"]["$id"].as_str().expect("an identifier").to_owned()
}

/// The record's data.
fn data(works: &Works, uuid: &str) -> Value {
    serde_json::from_str(&works.record(uuid).data).expect("data")
}

/// How many rows a table has.
fn rows(works: &Works, table: &str) -> i64 {
    let sql = match table {
        "record" => "SELECT count(*) FROM record",
        "webhook_payload" => "SELECT count(*) FROM webhook_payload",
        "callback" => "SELECT count(*) FROM callback",
        other => panic!("{other}"),
    };
    works.app.app.store.peek(|tx| tx.query(sql, &[])).expect("rows")[0].integer(0).expect("a number")
}

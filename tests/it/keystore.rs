//! Keystores, from outside: what document 003 shows, what it leaves open as `docs/keystores.md` settles it, and what steps of
//! flows do to packages.

mod command;
mod crash;
mod definition;
mod document;
mod hostile;
mod package;
mod search;
mod step;

use serde_json::{Value, json};

use crate::engine::Works;
use crate::support::Answer;

/// A gateway with a keystore of each kind: `weather` keeps JSON, `letters` texts.
fn kept() -> Works {
    kept_with(|_| {})
}

fn kept_with(change: impl FnOnce(&mut flowgate::config::Config)) -> Works {
    let works = Works::with(change);
    let structure = json!({"city": "", "temp": {"max": null, "min": null, "average": null}});
    add(&works, &json!({"id": "weather", "description": "By city", "structure": structure}));
    add(&works, &json!({"id": "letters", "kind": "raw"}));
    works
}

fn add(works: &Works, keystore: &Value) {
    let answer = works.send("POST", "/v1/keystore", &[], &keystore.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// What is answered to a request with a Content-Type.
fn ask(works: &Works, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
    works.send(method, &format!("/v1/keystore/{path}"), &[("Content-Type", content_type)], body)
}

/// The body of an answer that is a success.
fn told(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// Keeps a JSON value.
fn put(works: &Works, path: &str, value: &Value) -> Answer {
    let answer = ask(works, "PUT", path, "application/json", &value.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// The sentence of a refusal with that status.
fn refusal(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()["message"].as_str().expect("a sentence").to_owned()
}

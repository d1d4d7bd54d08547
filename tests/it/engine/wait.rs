//! Synchronous calls: a client posts a record and is answered with what its run came to.

use std::sync::Arc;
use std::time::Duration;

use flowgate::engine::Engine;
use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus;
use serde_json::{Value, json};

use super::{Works, chain};
use crate::support::{Answer, wait};

/// A gateway whose engine runs by itself while `work` is done.
pub(crate) fn with_engine(works: &Works, work: impl FnOnce()) {
    let engine = Engine::start(Arc::clone(&works.app.app)).expect("an engine");
    work();
    wait(engine.stop(Duration::from_secs(60)));
}

fn post(works: &Works, flow: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[("X-Flow", flow), ("X-Uuid", "r 1")], headers].concat();
    works.send("POST", &format!("/v1/record{query}"), &headers, body)
}

#[test]
fn a_call_that_waits_is_answered_with_the_outcome_of_the_run() {
    let works = Works::start();
    works.publish("double", &chain(&[r#"{"id":"d","kind":"transform","fields":{"output":{"twice":"{{ n * 2 }}"}}}"#]));
    with_engine(&works, || {
        let answer =
            post(&works, "double", "?wait=60", &[], r#"{"n":21, "big":1234567890123456789012345678901234567890}"#);
        assert_eq!((answer.status, answer.header("x-run-id")), (201, Some("r%201.1")), "{}", answer.text());
        let resource = answer.json()["resource"].take();
        assert_eq!(resource["run"], json!({"run": 1, "status": "finished", "output": {"twice": 42}}));
        assert!(answer.text().contains("1234567890123456789012345678901234567890"), "{}", answer.text());
        assert!(answer.header("location").is_some_and(|at| at.ends_with("/v1/record/r%201")), "{}", answer.head);
        assert_eq!(answer.header("preference-applied"), None);
        let again = post(
            &works,
            "double",
            "",
            &[("Prefer", "respond-async, WAIT=\"60\"; x=y")],
            r#"{"n":21, "big":1234567890123456789012345678901234567890}"#,
        );
        assert_eq!(again.header("preference-applied"), Some("wait=60"));
        assert_eq!(again.json()["resource"]["run"]["output"], json!({"twice": 42}), "a repeat gets the same outcome");
        let xml = post(&works, "double", "?wait=60", &[("Accept", "application/xml"), ("X-Uuid", "")], "{\"n\":1}");
        assert_eq!(xml.status, 400, "X-Uuid is given twice");
    });
}

#[test]
fn a_flow_says_what_the_caller_is_told() {
    let works = Works::start();
    works.publish("answers", &chain(&[r#"{"id":"a","kind":"respond","fields":{
        "status":"{{ code }}","headers":{"X-Made-By":"{{ by }}","Set-Cookie":"a=b","Connection":"upgrade","Content-Length":"3",
        "X-Request-Id":"mine","bad name":"x","Access-Control-Allow-Origin":"*"},"body":{"sum":"{{ a + b }}"}}}"#]));
    works.publish(
        "texts",
        &chain(&[r#"{"id":"a","kind":"respond","fields":{
        "headers":{"Content-Type":"text/csv"},"body":"{{ line }}"}}"#]),
    );
    works.publish("plain", &chain(&[r#"{"id":"a","kind":"respond","fields":{"status":204,"body":"{{ line }}"}}"#]));
    let send = |flow: &str, body: &str| works.send("POST", "/v1/record?wait=60", &[("X-Flow", flow)], body);
    with_engine(&works, || {
        let answer = send("answers", r#"{"code":422,"a":1,"b":2,"by":"flow"}"#);
        assert_eq!((answer.status, answer.text().as_str()), (422, r#"{"sum":3}"#), "{}", answer.head);
        assert_eq!(
            (answer.header("content-type"), answer.header("x-made-by")),
            (Some("application/json"), Some("flow"))
        );
        for name in ["set-cookie", "access-control-allow-origin", "upgrade"] {
            assert_eq!(answer.header(name), None, "{}", answer.head);
        }
        assert_ne!(answer.header("x-request-id"), Some("mine"));
        assert!(answer.header("x-run-id").is_some_and(|id| id.ends_with(".1")), "{}", answer.head);
        assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; sandbox"));
        let split = send("answers", r#"{"code":200,"a":1,"b":2,"by":"x\r\nSet-Cookie: a=b"}"#);
        assert_eq!((split.status, split.header("x-made-by"), split.header("set-cookie")), (200, None, None));
        let text = send("texts", r#"{"line":"a;b"}"#);
        assert_eq!((text.status, text.text().as_str(), text.header("content-type")), (200, "a;b", Some("text/csv")));
        let empty = send("plain", r#"{"line":"a;b"}"#);
        assert_eq!((empty.status, empty.body.len()), (204, 0));
    });
}

#[test]
fn a_run_that_fails_is_told_with_its_step_and_reason() {
    let works = Works::start();
    works.publish(
        "fails",
        &chain(&[
            r#"{"id":"ok","kind":"transform","fields":{"output":1}}"#,
            r#"{"id":"bad","name":"Ask","kind":"transform","fields":{"expression":"$error(\"no stock\")"}}"#,
        ]),
    );
    works.publish("stops", &chain(&[r#"{"id":"halt","kind":"stop","fields":{"as":"failed","text":"enough"}}"#]));
    works.publish("moves", &chain(&[r#"{"id":"go","kind":"move","fields":{"flow":"fails"}}"#]));
    with_engine(&works, || {
        let answer = post(&works, "fails", "?wait=60", &[], "{}");
        assert_eq!((answer.status, answer.header("x-run-id")), (500, Some("r%201.1")), "{}", answer.text());
        let json = answer.json();
        assert_eq!((&json["id"], &json["code"], &json["resource"]), (&json!("error"), &json!(500), &json!([])));
        let run = &json["error"]["run"];
        assert_eq!(
            (&run["uuid"], &run["run"], &run["step"]),
            (&json!("r 1"), &json!(1), &json!({"id":"bad","name":"Ask"}))
        );
        assert!(json["message"].as_str().expect("a message").contains("'Ask'"), "{json}");
        assert!(run["error"]["message"].as_str().expect("a reason").contains("no stock"), "{json}");
        let send = |flow: &str| works.send("POST", "/v1/record?wait=60", &[("X-Flow", flow)], "{}");
        let stopped = send("stops");
        assert_eq!((stopped.status, &stopped.json()["error"]["run"]["step"]["id"]), (500, &json!("halt")));
        let moved = send("moves");
        assert_eq!(
            (moved.status, &moved.json()["resource"]["run"]),
            (201, &json!({"run":1,"status":"moved"})),
            "{}",
            moved.text()
        );
    });
}

#[test]
fn who_waits_in_vain_is_told_where_to_look() {
    let works = Works::start();
    works.publish("double", &chain(&[r#"{"id":"d","kind":"end"}"#]));
    works.status("double", FlowStatus::Paused);
    let answer = post(&works, "double", "", &[("Prefer", "wait=1")], "{}");
    assert_eq!((answer.status, answer.header("preference-applied")), (202, Some("wait=1")), "{}", answer.text());
    assert!(answer.header("location").is_some_and(|at| at.ends_with("/v1/record/r%201")), "{}", answer.head);
    let json = answer.json();
    assert_eq!((&json["code"], &json["resource"]["run"]["status"]), (&json!(202), &json!("running")));
    assert_eq!(works.state("r 1"), RecordStatus::Waiting);
}

#[test]
fn waiting_is_for_one_record_and_a_number_of_seconds() {
    let works = Works::start();
    works.publish("double", &chain(&[r#"{"id":"d","kind":"end"}"#]));
    let send = |query: &str, headers: &[(&str, &str)], body: &str| {
        let headers = [&[("X-Flow", "double")], headers].concat();
        works.send("POST", &format!("/v1/record{query}"), &headers, body)
    };
    for (query, headers, body) in [
        ("?wait=1", &[][..], "[{}]"),
        ("", &[("Prefer", "wait=1")], "[{},{}]"),
        ("?wait=soon", &[], "{}"),
        ("?wait=-1", &[], "{}"),
    ] {
        let answer = send(query, headers, body);
        assert_eq!(answer.status, 400, "{query} {body}");
        assert!(answer.json()["message"].as_str().expect("a message").contains("wait"), "{}", answer.text());
    }
    let rows = works.app.app.store.peek(|tx| tx.query("SELECT 1 FROM record", &[])).expect("a read");
    assert_eq!(rows.len(), 0, "what is refused is not stored");
    for (query, headers) in [("?wait=0", &[][..]), ("?wait=", &[]), ("", &[("Prefer", "wait=soon, return=minimal")])] {
        let answer = send(query, headers, "{}");
        assert_eq!((answer.status, &answer.json()["resource"]["run"]), (201, &Value::Null), "{query}");
    }
}

#[test]
fn what_waits_is_woken_by_the_end_and_not_by_another_customers() {
    let works = Works::start();
    works.app.customer("Other", "k2", "a2");
    works.publish("double", &chain(&[r#"{"id":"d","kind":"end"}"#]));
    let wait_for = |uuid: &str| flowgate::operation::wait::AwaitRun { uuid: uuid.to_owned(), patience: Duration::ZERO };
    works.insert("double", "r", "{}");
    let other = works.app.app.store.peek(|tx| flowgate::store::account::find_customer(tx, "Other")).expect("a read");
    let other = flowgate::auth::operator(other);
    let refused = wait(flowgate::operation::execute(&works.app.app, &other, wait_for("r")));
    assert_eq!(refused.expect_err("not theirs").code(), flowgate::error::Code::NotFound);
    assert!(matches!(works.run(wait_for("r")).expect("a look").end, flowgate::operation::wait::RunEnd::UnderWay));
    works.app.run_due();
    assert!(matches!(works.run(wait_for("r")).expect("a look").end, flowgate::operation::wait::RunEnd::Finished(_)));
}

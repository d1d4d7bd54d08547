//! What happened to a record, as it is told over REST, and the marks that people leave.

use flowgate::model::record::RecordStatus::{self, Failed, Finished, Handled, Reviewed};
use flowgate::operation::queue::{ChangeQueueStatus, QueueAction};
use serde_json::{Value, json};

use super::{Works, chain};

fn told(works: &Works) -> Value {
    works.resource("GET", "/v1/record/r/history", "")
}

fn mark(works: &Works, body: &str) -> Value {
    works.resource("PUT", "/v1/record/mark", body)
}

#[test]
fn a_history_tells_what_every_attempt_took_and_gave() {
    let works = Works::start();
    works.publish("orders", r#"{"mask":["iban"],"nodes":[
        {"id":"shape","name":"Shape it","kind":"transform","fields":{"output":{"n":"{{ n }}","iban":"DE1"}}},
        {"id":"risk","kind":"transform","on_error":"continue","fields":{"expression":"$error(\"broken\")"}},
        {"id":"wait","kind":"delay","fields":{"for":"1m"}},
        {"id":"after","kind":"transform","fields":{"output":"{{ error.kind & input.n }}"}}
    ],"edges":[{"source":"shape","target":"risk"},{"source":"risk","target":"wait"},{"source":"wait","target":"after"}]}"#);
    works.insert("orders", "r", r#"{"n":7,"password":"p"}"#);
    assert_eq!(told(&works)["runs"], json!([]));
    works.app.run_due();
    works.pass(60_000);
    let history = told(&works);
    assert_eq!(
        (&history["flow_name"], &history["flow_status_name"], &history["complete"]),
        (&json!("orders"), &json!("Finished"), &json!(true))
    );
    assert_eq!((&history["runs"][0]["run"], &history["runs"][0]["partial"]), (&json!(1), &json!(false)));
    let attempts = history["runs"][0]["attempts"].as_array().expect("attempts").clone();
    let shown = json!({"n": 7, "iban": "***"});
    let expected = [
        ("shape", "done", Value::Null, json!({"n":7,"password":"***"}), shown.clone()),
        ("risk", "continued", json!("shape"), shown.clone(), Value::Null),
        ("wait", "waits", json!("risk"), Value::Null, Value::Null),
        ("wait", "done", json!("risk"), Value::Null, Value::Null),
        ("after", "done", json!("risk"), Value::Null, json!("expression7")),
    ];
    assert_eq!(attempts.len(), expected.len(), "{history:#}");
    for (attempt, (step, outcome, from, input, output)) in attempts.iter().zip(expected) {
        assert_eq!((&attempt["step"], &attempt["outcome"], &attempt["from"]), (&json!(step), &json!(outcome), &from));
        assert_eq!(attempt["output"], output, "{step}");
        if from == "risk" {
            assert_eq!(attempt["input"]["input"], shown, "{attempt}");
            assert_eq!(attempt["input"]["error"]["kind"], "expression", "{attempt}");
        } else {
            assert_eq!(attempt["input"], input, "{step}");
        }
    }
    assert_eq!(
        (&attempts[0]["name"], &attempts[0]["type"], &attempts[0]["date_started"]),
        (&json!("Shape it"), &json!("transform"), &json!("2026-01-15 12:00:00"))
    );
    assert!(attempts[0]["duration_us"].is_u64(), "{history}");
    assert_eq!(attempts[2]["date_next"], "2026-01-15 12:01:00");
    assert!(attempts[1]["error"]["message"].as_str().expect("a reason").contains("broken"));
    let by_header = works.send("GET", "/v1/record/history", &[("X-Uuid", "r")], "");
    assert_eq!(by_header.json()["resource"], history);
    assert_eq!(works.send("GET", "/v1/record/history", &[], "").status, 400);
    assert_eq!(works.send("GET", "/v1/record/none/history", &[], "").status, 404);
}

#[test]
fn runs_follow_one_another_and_what_was_taken_over_is_shown() {
    let works = Works::start();
    works.publish(
        "orders",
        &chain(&[
            r#"{"id":"a","kind":"transform","fields":{"output":{"n":"{{ n }}"}}}"#,
            r#"{"id":"b","kind":"transform","fields":{"output":{"m":"{{ n }}"}}}"#,
        ]),
    );
    works.insert("orders", "r", r#"{"n":7}"#);
    works.app.run_due();
    works.resource("POST", "/v1/record/rerun", r#"{"uuids":["r"],"from":"b"}"#);
    works.app.run_due();
    works.resource("POST", "/v1/record/rerun", r#"{"uuids":["r"]}"#);
    works.app.run_due();
    let runs = told(&works)["runs"].take();
    let shown: Vec<_> = runs
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| (run["run"].as_i64(), run["partial"].as_bool(), run["attempts"].as_array().map(Vec::len)))
        .collect();
    assert_eq!(
        shown,
        [(Some(1), Some(false), Some(2)), (Some(2), Some(true), Some(1)), (Some(3), Some(false), Some(2))]
    );
    assert_eq!(runs[1]["attempts"][0]["input"], json!({"n": 7}), "what the run before gave");
}

#[test]
fn of_a_long_history_the_latest_part_is_told() {
    let works = Works::with(|config| config.server.body_limit = 4_096);
    works.publish("orders", &chain(&[r#"{"id":"a","kind":"transform","fields":{"output":"{{ n }}"}}"#]));
    works.insert("orders", "r", &format!(r#"{{"n":"{}"}}"#, "x".repeat(700)));
    for _ in 0..6 {
        works.resource("POST", "/v1/record/rerun", r#"{"uuids":["r"]}"#);
        works.app.run_due();
    }
    let history = told(&works);
    let runs: Vec<_> =
        history["runs"].as_array().expect("runs").iter().map(|run| run["run"].as_i64().expect("a number")).collect();
    assert_eq!((&history["complete"], runs.last()), (&json!(false), Some(&6)));
    assert!((1..6).contains(&runs.len()), "{runs:?}");
}

#[test]
fn marks_are_kept_with_who_made_them_and_why() {
    let works = Works::start();
    works.publish(
        "orders",
        &chain(&[r#"{"id":"a","kind":"transform","fields":{"expression":"$record.ok ? 1 : $error(\"no\")"}}"#]),
    );
    for (uuid, data) in [("r", "{}"), ("s", r#"{"ok":true}"#), ("t", "{}")] {
        works.insert("orders", uuid, data);
    }
    let refused = mark(&works, r#"{"uuids":["r","x"],"status":"handled"}"#);
    assert_eq!((&refused["matched"], &refused["changed"]), (&json!(2), &json!(0)));
    assert_eq!(refused["refused"][0]["reason"], "The data record 'r' has not ended and cannot be marked as handled");
    works.app.run_due();
    let tally = mark(&works, r#"{"uuids":["r","s"],"status":"handled","note":"Called them"}"#);
    assert_eq!(
        tally,
        json!({"matched":2,"changed":1,"refused":[{"uuid":"s","reason":"The data record 's' is finished without errors and cannot be marked as handled"}]})
    );
    assert_eq!((works.state("r"), works.state("s")), (Handled, Finished));
    assert_eq!(mark(&works, r#"{"uuids":["r","s"],"status":"reviewed"}"#)["changed"], 2);
    assert_eq!((works.state("r"), works.state("s")), (Reviewed, Reviewed));
    let history = told(&works);
    assert_eq!(
        history["notes"],
        json!([
            {"date":"2026-01-15 12:00:00","actor":"application:test","flow_status":"6","flow_status_name":"Errors handled","note":"Called them"},
            {"date":"2026-01-15 12:00:00","actor":"application:test","flow_status":"5","flow_status_name":"Reviewed","note":""},
        ])
    );
    assert_eq!(history["runs"][0]["attempts"][0]["outcome"], "failed", "what happened stays");
    let found = works.resource("GET", "/v1/record/search?datarecord_status=5", "");
    assert_eq!(
        (&found["total"], &found["records"][0]["current_step"]),
        (&json!(2), &json!({"type":"end","text":"end"}))
    );
    for action in [QueueAction::Continue, QueueAction::Execute] {
        let change = ChangeQueueStatus { uuids: vec!["r".to_owned()], action };
        assert!(works.run(change).is_err(), "it is dealt with");
    }
    assert_eq!(works.resource("POST", "/v1/record/rerun", r#"{"uuids":["r"]}"#)["changed"], 1);
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("t")), (Failed, Failed));
    for body in [
        r#"{"uuids":["r"],"status":"done"}"#.to_owned(),
        r#"{"uuids":["r"]}"#.to_owned(),
        r#"{"uuids":[],"status":"handled"}"#.to_owned(),
        format!(r#"{{"uuids":["r"],"status":"handled","note":"{}"}}"#, "x".repeat(2_001)),
    ] {
        assert_eq!(works.send("PUT", "/v1/record/mark", &[], &body).status, 400, "{body}");
    }
    assert_eq!(works.state("r"), RecordStatus::Failed);
}

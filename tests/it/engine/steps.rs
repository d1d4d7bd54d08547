//! What is shown of a record's run: the steps it went through, and the one it stands at.

use flowgate::operation::queue::{ChangeQueueStatus, QueueAction};
use serde_json::{Value, json};

use super::{Works, chain};

const PATIENT: &str = r#"{"nodes":[
    {"id":"first","name":"Take the name","kind":"transform","fields":{"output":{"who":"{{ name }}"}}},
    {"id":"pause","kind":"delay","fields":{"for":"2m"}},
    {"id":"check","name":"Check it","kind":"transform","retry":{"attempts":2,"initial":"1m","jitter":0,"retry_on":["expression"]},
     "fields":{"expression":"$record.ready ? who : $error(\"not ready\")"}}
],"edges":[{"source":"first","target":"pause"},{"source":"pause","target":"check"}]}"#;

fn shown(works: &Works) -> Value {
    works.resource("GET", "/v1/record/r", "")
}

fn found(works: &Works) -> Value {
    works.resource("GET", "/v1/record/search?uuid=r", "")["records"][0].take()
}

fn step_of(works: &Works) -> Value {
    found(works)["current_step"].take()
}

#[test]
fn a_record_shows_the_steps_of_its_last_run_and_where_it_stands() {
    let works = Works::start();
    works.publish("orders", PATIENT);
    works.insert("orders", "r", r#"{"name":"Ann","ready":false}"#);
    assert_eq!(
        (shown(&works)["flow_objects_info"].take(), step_of(&works)),
        (json!([]), json!({"type":"start","text":"start"}))
    );
    works.app.run_due();
    assert_eq!(step_of(&works), json!({"type":"delay","text":"pause"}));
    assert_eq!(found(&works)["date_next_run"], "2026-01-15 12:02:00");
    assert_eq!(
        shown(&works)["flow_objects_info"],
        json!([
            {"id":"first","name":"Take the name","type":"transform","status":"done","attempts":1,
             "date_started":"2026-01-15 12:00:00","date_ended":"2026-01-15 12:00:00"},
            {"id":"pause","name":"pause","type":"delay","status":"waits","attempts":0,
             "date_started":"2026-01-15 12:00:00","date_ended":""},
        ])
    );
    works.pass(120_000);
    let retried = shown(&works)["flow_objects_info"].take();
    assert_eq!(
        (&retried[2]["status"], &retried[2]["attempts"], &retried[2]["date_ended"]),
        (&json!("retried"), &json!(1), &json!(""))
    );
    assert_eq!(step_of(&works), json!({"type":"transform","text":"Check it"}));
    assert!(found(&works)["date_next_run"].as_str().expect("a date") > "2026-01-15 12:02:00", "the next attempt");
    works.pass(120_000);
    let failed = shown(&works);
    assert_eq!(failed["info"]["status"], "Finished with errors");
    let steps = &failed["flow_objects_info"];
    assert_eq!(
        (&steps[1]["status"], &steps[1]["attempts"], &steps[1]["date_ended"]),
        (&json!("done"), &json!(1), &json!("2026-01-15 12:02:00"))
    );
    assert_eq!(
        (&steps[2]["status"], &steps[2]["attempts"], &steps[2]["date_started"], &steps[2]["date_ended"]),
        (&json!("failed"), &json!(2), &json!("2026-01-15 12:02:00"), &json!("2026-01-15 12:04:00"))
    );
    assert!(steps[2]["error"].as_str().expect("a reason").contains("not ready"), "{steps}");
    assert_eq!(step_of(&works), json!({"type":"transform","text":"Check it"}), "where it failed");
    assert_eq!(found(&works)["date_next_run"], "");
    assert_eq!(works.send("PUT", "/v1/record/r", &[], r#"{"name":"Ann","ready":true}"#).status, 200);
    works.run(ChangeQueueStatus { uuids: vec!["r".to_owned()], action: QueueAction::Continue }).expect("a change");
    works.app.run_due();
    let ended = shown(&works);
    assert_eq!(
        (&ended["flow_objects_info"][2]["status"], &ended["flow_objects_info"][2]["error"]),
        (&json!("done"), &Value::Null)
    );
    assert_eq!(step_of(&works), json!({"type":"end","text":"end"}));
}

#[test]
fn what_a_client_has_of_a_record_is_outdated_when_its_run_goes_on() {
    let works = Works::start();
    works.publish("orders", PATIENT);
    works.insert("orders", "r", r#"{"name":"Ann","ready":true}"#);
    let tag = |tag: &str| {
        let answer = works.send("GET", "/v1/record/r", &[("If-None-Match", tag)], "");
        (answer.status, answer.header("etag").expect("a tag").to_owned())
    };
    let before = tag("").1;
    assert_eq!(tag(&before).0, 304);
    works.app.run_due();
    let (status, waiting) = tag(&before);
    assert_eq!((status, tag(&waiting).0), (200, 304));
    works.pass(120_000);
    assert_eq!(tag(&waiting).0, 200);
}

#[test]
fn the_steps_are_those_of_the_last_run_alone() {
    let works = Works::start();
    works.publish("next", &chain(&[r#"{"id":"n","kind":"end"}"#]));
    works.publish("orders", &chain(&[r#"{"id":"go","kind":"move","fields":{"flow":"next"}}"#]));
    works.insert("orders", "r", "{}");
    works.app.run_due();
    let steps = shown(&works)["flow_objects_info"].take();
    assert_eq!(
        (steps.as_array().map(Vec::len), &steps[0]["id"], &steps[0]["status"]),
        (Some(1), &json!("n"), &json!("stopped"))
    );
}

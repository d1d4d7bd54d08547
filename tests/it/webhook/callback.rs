//! Runs that wait for what is posted to an address of their own.

use flowgate::model::record::RecordStatus::{self, Failed, Finished, Scheduled};
use flowgate::operation::change::DeleteRecord;
use flowgate::operation::queue::QueueAction;
use serde_json::{Value, json};

use super::rows;
use crate::engine::{Works, chain};
use crate::message::{Form, call, text};
use crate::support::Answer;

const TELL: &str = r#"{"id":"tell","kind":"transform","fields":{"output":{"to":"{{ $run.callbacks.wait }}"}}}"#;
const WAIT: &str = r#"{"id":"wait","kind":"wait","fields":{"timeout":"2h"}}"#;
const SHOW: &str = r#"{"id":"show","kind":"transform","fields":{"expression":"body"}}"#;

fn start(wait: &str) -> Works {
    let works = Works::start();
    works.publish("waits", &chain(&[TELL, wait, SHOW]));
    works.insert("waits", "r", "{}");
    works.app.run_due();
    assert_eq!(works.state("r"), Scheduled, "{:?}", works.history("r"));
    works
}

/// The address of the record's step, as its run knows it.
fn address(works: &Works, uuid: &str) -> String {
    let address = works.outputs(uuid)["tell"]["to"].as_str().expect("an address").to_owned();
    assert_eq!(address.len(), "/v1/webhook/".len() + 64, "{address}");
    address
}

fn post(works: &Works, path: &str, body: &str) -> Answer {
    works.app.call(
        "POST",
        path,
        &[("Content-Type", "application/json"), ("X-Event", "paid"), ("Cookie", "a=b")],
        body.as_bytes(),
    )
}

fn refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!((answer.status, answer.json()["message"].as_str()), (status, Some(message)), "{}", answer.text());
}

const OVER: &str = "The run that waited at this address is over";
const NONE: &str = "There is no webhook with this Uri";
const OTHERS: &str = "Something else was posted to this address before; the first counts";

#[test]
fn a_run_goes_on_when_something_is_posted() {
    let works = start(WAIT);
    let address = address(&works, "r");
    let answer = post(&works, &format!("{address}?by=crm"), r#"{"paid":true}"#);
    let stored = answer.json()["resource"].take();
    assert_eq!(
        (answer.status, &stored["_id"]["$id"], &stored["plugin_id"], &stored["data"]["flow_id"]),
        (201, &json!("r"), &json!(""), &json!("1"))
    );
    // The same again is told the same; something else is not taken.
    let again = post(&works, &address, " {\"paid\":true}\n");
    assert_eq!((again.json()["resource"].take(), again.header("idempotency-replayed")), (stored, Some("true")));
    refused(&post(&works, &address, r#"{"paid":false}"#), 409, OTHERS);
    works.app.run_due();
    assert_eq!((works.state("r"), &works.outputs("r")["show"]), (Finished, &json!({"paid": true})));
    let given = &works.outputs("r")["wait"];
    assert_eq!((&given["query"], &given["headers"]["x-event"]), (&json!({"by": "crm"}), &json!("paid")));
    assert!(given["headers"].get("cookie").is_none(), "{given}");
    assert_eq!(post(&works, &address, r#"{"paid":true}"#).status, 201, "whoever missed the reply gets it still");
    refused(&post(&works, &address, "{}"), 410, OVER);
    assert_eq!(works.attempts("r"), ["tell 1 done", "wait 1 waits", "wait 1 done", "show 1 done"]);
}

#[test]
fn what_is_posted_before_the_run_gets_there_counts() {
    let works = Works::start();
    let delay = r#"{"id":"pause","kind":"delay","fields":{"for":"1h"}}"#;
    works.publish("waits", &chain(&[TELL, delay, WAIT, SHOW]));
    works.insert("waits", "r", "{}");
    works.app.run_due();
    assert_eq!(post(&works, &address(&works, "r"), "[1]").status, 201);
    works.app.run_due();
    assert_eq!(works.state("r"), Scheduled, "the delay is not cut short");
    works.pass(3_600_000);
    assert_eq!((works.state("r"), &works.outputs("r")["show"]), (Finished, &json!([1])));
}

#[test]
fn nothing_in_time_is_a_failure_that_can_be_led_on() {
    let works = start(WAIT);
    works.pass(2 * 3_600_000 - 1);
    assert_eq!(works.state("r"), Scheduled);
    works.pass(1);
    assert_eq!((works.state("r"), &works.error("r")["kind"]), (Failed, &json!("timeout")));
    assert_eq!(works.attempts("r").last().expect("an attempt"), "wait 1 failed", "it is final");
    refused(&post(&works, &address(&works, "r"), "{}"), 410, OVER);
    let wait = r#"{"id":"wait","kind":"wait","fields":{"timeout":"{{ 60 }}"},"on_error":"continue"}"#;
    works.publish(
        "leads on",
        &chain(&[wait, r#"{"id":"late","kind":"transform","fields":{"expression":"error.kind"}}"#]),
    );
    works.insert("leads on", "s", "{}");
    works.app.run_due();
    works.pass(60_000);
    assert_eq!((works.state("s"), &works.outputs("s")["late"]), (Finished, &json!("timeout")));
}

#[test]
fn a_record_that_is_taken_up_early_goes_on_waiting_for_its_time() {
    let works = start(WAIT);
    works.pass(3_600_000);
    works.queue("r", QueueAction::Pause);
    let address = address(&works, "r");
    assert_eq!(post(&works, &address, "1").status, 201);
    works.pass(3 * 3_600_000);
    assert_ne!(works.state("r"), Finished, "a paused record does not move");
    works.queue("r", QueueAction::Resume);
    works.app.run_due();
    assert_eq!((works.state("r"), &works.outputs("r")["show"]), (Finished, &json!(1)));
    let works = start(WAIT);
    works.pass(3_600_000);
    works.queue("r", QueueAction::Pause);
    works.queue("r", QueueAction::Resume);
    works.app.run_due();
    assert_eq!(works.state("r"), Scheduled);
    works.pass(3_600_000);
    assert_eq!(works.state("r"), Failed);
}

#[test]
fn the_step_says_who_may_post_and_what_is_answered() {
    use flowgate::operation::secret::SetSecret;
    let works = Works::start();
    works.run(SetSecret { name: "word".to_owned(), value: "s3cret".to_owned() }).expect("a secret");
    let wait = r#"{"id":"wait","kind":"wait","fields":{"timeout":"90d","guard":{"type":"bearer","secret":"word"},
        "reply":{"status":202,"body":{"thanks":true}}}}"#;
    works.publish("waits", &chain(&[TELL, wait, SHOW]));
    works.insert("waits", "r", "{}");
    works.app.run_due();
    let address = address(&works, "r");
    let answer = post(&works, &address, "{}");
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").is_some_and(|told| told.starts_with("Bearer ")));
    let send = |body: &str| works.app.call("POST", &address, &[("Authorization", "Bearer s3cret")], body.as_bytes());
    for _ in 0..2 {
        let answer = send("yes");
        assert_eq!((answer.status, answer.text().as_str()), (202, r#"{"thanks":true}"#));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_eq!(send("no").status, 409);
    works.app.run_due();
    assert_eq!((works.state("r"), &works.outputs("r")["show"]), (Finished, &json!({"text": "yes"})));
    assert!(!works.outputs("r")["wait"].to_string().contains("s3cret"));
}

#[test]
fn an_address_belongs_to_one_run_of_one_record() {
    let works = start(WAIT);
    works.insert("waits", "s", "{}");
    works.app.run_due();
    let (first, other) = (address(&works, "r"), address(&works, "s"));
    assert_ne!(first, other);
    assert_eq!(post(&works, &other, "1").status, 201);
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("s")), (Scheduled, Finished));
    refused(&post(&works, &format!("{first}0"), "1"), 404, NONE);
    // A run of its own has an address of its own.
    works.pass(2 * 3_600_000);
    rerun(&works, "s", None);
    works.app.run_due();
    let second = address(&works, "s");
    assert_ne!(second, other);
    refused(&post(&works, &other, "2"), 410, OVER);
    assert_eq!(post(&works, &second, "2").status, 201);
    works.app.run_due();
    assert_eq!((works.state("s"), &works.outputs("s")["show"]), (Finished, &json!(2)));
    // So has one that begins at the step itself.
    rerun(&works, "s", Some("wait"));
    works.app.run_due();
    assert_eq!(works.state("s"), Scheduled);
    refused(&post(&works, &second, "3"), 410, OVER);
    works.run(DeleteRecord { uuid: "s".to_owned(), expected: None }).expect("a removal");
    refused(&post(&works, &second, "2"), 404, NONE);
}

fn rerun(works: &Works, uuid: &str, from: Option<&str>) {
    let body = match from {
        None => json!({"uuids": [uuid]}),
        Some(step) => json!({"uuids": [uuid], "from": step}),
    };
    let answer = works.send("POST", "/v1/record/rerun", &[], &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_moved_record_listens_no_more() {
    let works = Works::start();
    works.publish("end", r#"{"nodes":[{"id":"end","kind":"end"}]}"#);
    works.publish("waits", &chain(&[TELL, WAIT, SHOW]));
    works.insert("waits", "r", "{}");
    works.app.run_due();
    let address = address(&works, "r");
    let moved = works.send("PUT", "/v1/record/movetoflow", &[("X-MoveToFlow-Flow", "end")], r#"["r"]"#);
    assert_eq!(moved.status, 200, "{}", moved.text());
    refused(&post(&works, &address, "1"), 410, OVER);
    works.app.run_due();
    refused(&post(&works, &address, "1"), 410, OVER);
    assert_eq!(works.state("r"), Finished);
}

#[test]
fn soap_posts_to_a_run_too() {
    let works = start(WAIT);
    let address = address(&works, "r");
    let uri = address.trim_start_matches("/v1/webhook/");
    let send = |payload: &str| {
        let message = call(Form::Encoded11, "webhook", &[text("Uri", uri), text("Payload", payload)]);
        works.app.post(&[("Content-Type", "text/xml")], message.as_bytes())
    };
    assert_eq!(send("<a><b>1</b></a>").status, 200);
    let other = send("<a><b>2</b></a>");
    assert_eq!((other.status, other.element("faultstring").as_deref()), (500, Some(OTHERS)));
    works.app.run_due();
    assert_eq!((works.state("r"), &works.outputs("r")["show"]), (Finished, &json!({"b": "1"})));
    let over = send("<a/>");
    assert_eq!((over.status, over.element("faultstring").as_deref()), (500, Some(OVER)));
}

#[test]
fn an_address_is_whole_where_the_gateway_knows_its_own() {
    let works = Works::with(|config| config.server.public_url = "https://flows.example.com".to_owned());
    works.publish("waits", &chain(&[TELL, WAIT]));
    works.insert("waits", "r", "{}");
    works.app.run_due();
    let address = works.outputs("r")["tell"]["to"].as_str().expect("an address").to_owned();
    let path = address.strip_prefix("https://flows.example.com").expect(&address);
    assert_eq!(post(&works, path, "1").status, 201);
}

#[test]
fn addresses_of_runs_that_are_over_go_with_the_history() {
    let works = start(r#"{"id":"wait","kind":"wait","fields":{"timeout":"90d"}}"#);
    works.insert("waits", "s", "{}");
    works.app.run_due();
    assert_eq!(post(&works, &address(&works, "s"), "1").status, 201);
    works.app.run_due();
    assert_eq!((works.state("s"), rows(&works, "callback")), (Finished, 2));
    let days = i64::from(works.app.app.config.engine.history_days);
    assert!(days < 90);
    works.app.app.clock.advance(days * 24 * 3_600_000 + 1);
    crate::engine::wait::with_engine(&works, || {
        crate::engine::edge::until(crate::process::PATIENCE, "an address goes", || rows(&works, "callback") == 1);
    });
    assert_eq!(post(&works, &address(&works, "r"), "1").status, 201, "one that is waited at stays");
}

#[test]
fn a_step_that_cannot_wait_is_refused_when_its_flow_is_published() {
    let works = Works::start();
    for (fields, expected) in [
        (json!({}), "timeout"),
        (json!({"timeout": "91d"}), "at most 90 days"),
        (json!({"timeout": "soon"}), "must be a duration"),
        (json!({"timeout": "1h", "guard": {"type": "magic"}}), "guard"),
        (json!({"timeout": "1h", "guard": {"type": "bearer"}}), "fields.guard"),
        (json!({"timeout": "1h", "guard": {"type": "standard", "secrets": []}}), "guard"),
        (json!({"timeout": "1h", "reply": {"status": 100}}), "status"),
        (json!({"timeout": "1h", "reply": {"body": "{{ 1 }}"}}), "no expression"),
        (json!({"timeout": "1h", "until": "1h"}), "until"),
    ] {
        let graph = chain(&[&json!({"id": "w", "kind": "wait", "fields": fields}).to_string()]);
        let findings = flowgate::operation::lint::lint(&graph);
        assert!(findings.iter().any(|finding| finding.text.contains(expected)), "{fields}: {findings:?}");
    }
    let wait = r#"{"id":"w","kind":"wait","fields":{"timeout":"{{ '91d' }}"}}"#;
    works.publish("waits", &chain(&[wait]));
    works.insert("waits", "r", "{}");
    works.app.run_due();
    assert_eq!((works.state("r"), &works.error("r")["kind"]), (Failed, &json!("expression")));
}

#[test]
fn a_killed_process_tells_the_same_address_again_and_loses_no_answer() {
    use std::sync::{Arc, Mutex};

    use crate::outbound::peer::{Peer, answer};
    use crate::process::{PATIENCE, Place};
    use crate::sink::Sight;

    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&told);
    // The first that is told never gets an answer off: the process ends meanwhile.
    let peer = Peer::start(move |stream, received| {
        let body: Value = serde_json::from_slice(&received.body).expect("JSON");
        let count = {
            let mut told = kept.lock().expect("the book");
            told.push(body["to"].as_str().expect("an address").to_owned());
            told.len()
        };
        if count > 1 {
            answer(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json", b"{}");
        } else {
            crate::outbound::peer::outlast(stream);
        }
    });
    let place = Place::new();
    let tell = json!({"id": "tell", "kind": "http", "fields": {
        "method": "POST", "url": peer.url(), "body": {"to": "{{ $run.callbacks.wait }}"}}});
    Sight::furnish(&place, &chain(&[&tell.to_string(), WAIT, SHOW]));
    let variables = [("FLOWGATE__OUTBOUND__ALLOW", "127.0.0.0/8"), ("FLOWGATE__ENGINE__LEASE", "3")];
    let gateway = place.serve_with(&variables, "--demo");
    crate::engine::edge::insert(&gateway, "r", "{}");
    let count = || told.lock().expect("the book").len();
    crate::engine::edge::until(PATIENCE, "the address is told", || count() == 1);
    gateway.kill();
    let first = told.lock().expect("the book")[0].clone();
    let gateway = place.serve_with(&variables, "--demo");
    let request = |body: &str| {
        format!(
            "POST {first} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            gateway.address,
            body.len()
        )
    };
    assert_eq!(crate::support::send(gateway.address, request("[7]").as_bytes()).status, 201);
    let sight = Sight::of(&place);
    let state = || sight.record("r").map(|record| record.status);
    crate::engine::edge::until(PATIENCE, "the record ends", || state() == Some(RecordStatus::Finished));
    let told = told.lock().expect("the book").clone();
    assert!(told.len() > 1 && told.iter().all(|address| *address == first), "{told:?}");
}

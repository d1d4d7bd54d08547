//! Running records again over REST: from the beginning and from a step, one and many, for real and to see what would be.

use flowgate::model::record::RecordStatus::{Failed, Finished, Waiting};
use flowgate::operation::queue::QueueAction;
use serde_json::{Value, json};

use super::{Works, chain};

/// Three steps: the second fails until the data say otherwise, the third reads what the first gave.
fn careful(tail: &str) -> String {
    chain(&[
        r#"{"id":"first","kind":"transform","fields":{"output":{"n":"{{ n }}","at":"{{ $run.run }}"}}}"#,
        r#"{"id":"second","kind":"transform","fields":{"expression":"$record.ready ? {\"m\": n + 1} : $error(\"not ready\")"}}"#,
        &format!(
            r#"{{"id":"third","kind":"transform","fields":{{"output":{{"sum":"{{{{ m + $steps.first.n }}}}","tail":"{tail}"}}}}}}"#
        ),
    ])
}

fn rerun(works: &Works, body: &str) -> Value {
    works.resource("POST", "/v1/record/rerun", body)
}

fn refusal(works: &Works, body: &str) -> String {
    let tally = rerun(works, body);
    assert_eq!((&tally["matched"], &tally["changed"]), (&json!(1), &json!(0)), "{tally}");
    tally["refused"][0]["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn a_run_that_begins_at_a_step_finds_what_was_done_before_it() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    assert_eq!(works.state("r"), Failed);
    assert_eq!(works.send("PUT", "/v1/record/r", &[], r#"{"n":50,"ready":true}"#).status, 200);
    let tally = rerun(&works, r#"{"uuids":["r"],"from":"second"}"#);
    assert_eq!(tally, json!({"matched":1,"changed":1,"refused":[]}));
    assert_eq!(works.state("r"), Waiting);
    works.app.run_due();
    assert_eq!((works.state("r"), works.record("r").num_runs), (Finished, 2));
    assert_eq!(works.outputs("r")["third"], json!({"sum": 3, "tail": "old"}), "the first step was not done again");
    assert_eq!(works.attempts("r")[2..], ["second 1 done", "third 1 done"]);
    // A run that began in the midst can be begun at any step that it or the run before it came to.
    for from in ["third", "second", "first"] {
        assert_eq!(rerun(&works, &format!(r#"{{"uuids":["r"],"from":"{from}"}}"#))["changed"], 1, "{from}");
        works.app.run_due();
        assert_eq!(works.state("r"), Finished, "{from}");
    }
    assert_eq!(works.outputs("r")["third"]["sum"], json!(101), "with the data as they are now");
    assert_eq!(works.outputs("r")["first"]["at"], json!(5));
}

#[test]
fn a_run_takes_the_version_it_had_or_the_latest() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":true}"#);
    works.app.run_due();
    works.publish("orders", &careful("new"));
    let tail = |body: &str| {
        assert_eq!(rerun(&works, body)["changed"], 1);
        works.app.run_due();
        (works.outputs("r")["third"]["tail"].clone(), works.record("r").flow_version)
    };
    assert_eq!(tail(r#"{"uuids":["r"]}"#), (json!("old"), 1));
    assert_eq!(tail(r#"{"uuids":["r"],"from":"third","version":"latest"}"#), (json!("new"), 2));
    assert_eq!(tail(r#"{"uuids":["r"],"version":"same"}"#), (json!("new"), 2), "which is now the one it had");
    works.publish("orders", &chain(&[r#"{"id":"only","kind":"end"}"#]));
    let reason = refusal(&works, r#"{"uuids":["r"],"from":"third","version":"latest"}"#);
    assert_eq!(reason, "The data record 'r' runs through version 3 of its flow, which has no step 'third'");
    assert_eq!(works.record("r").flow_version, 2);
}

#[test]
fn a_step_that_found_no_way_on_takes_once_more_what_it_took() {
    let works = Works::start();
    let graph = r#"{"nodes":[
        {"id":"first","kind":"transform","fields":{"output":{"n":"{{ n + 1 }}"}}},
        {"id":"second","kind":"transform","fields":{"output":{"n":"{{ n * 10 }}"}}},
        {"id":"end","kind":"end"}],"edges":[
        {"source":"first","target":"second"},{"source":"second","target":"end","when":"$record.ready"}]}"#;
    works.publish("orders", graph);
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    assert_eq!((works.state("r"), &works.error("r")["kind"]), (Failed, &json!("no_way")));
    assert_eq!(rerun(&works, r#"{"uuids":["r"],"from":"second","dry_run":true}"#)["changed"], 1);
    works.queue("r", QueueAction::Continue);
    works.app.run_due();
    assert_eq!((works.state("r"), works.outputs("r")["second"].clone()), (Failed, json!({"n": 20})));
    assert_eq!(works.send("PUT", "/v1/record/r", &[], r#"{"n":1,"ready":true}"#).status, 200);
    works.queue("r", QueueAction::Continue);
    works.app.run_due();
    assert_eq!((works.state("r"), works.outputs("r")["second"].clone()), (Finished, json!({"n": 20})));
    assert_eq!(works.record("r").num_runs, 1);
}

#[test]
fn what_cannot_be_run_again_is_refused_with_the_reason() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    assert_eq!(
        refusal(&works, r#"{"uuids":["r"],"from":"second"}"#),
        "The data record 'r' did not run yet, and can be run from the beginning alone"
    );
    works.app.run_due();
    assert_eq!(
        refusal(&works, r#"{"uuids":["r"],"from":"third"}"#),
        "The data record 'r' did not come to the step 'third' in its last run"
    );
    assert!(refusal(&works, r#"{"uuids":["r"],"from":"nowhere"}"#).contains("has no step 'nowhere'"));
    works.app.administer(|tx| tx.execute("DELETE FROM run_log", &[]));
    let gone = "The data record 'r' has a last run of which not everything is kept any more, and can be run from the beginning alone";
    assert_eq!(refusal(&works, r#"{"uuids":["r"],"from":"second"}"#), gone);
    works.app.administer(|tx| tx.execute("UPDATE record SET status = 1", &[]));
    assert_eq!(refusal(&works, r#"{"uuids":["r"]}"#), "The data record 'r' is being used and cannot be run again");
    assert_eq!(works.record("r").num_runs, 1);
}

#[test]
fn a_run_is_gone_as_soon_as_something_of_it_is() {
    let works = Works::start();
    let slow = chain(&[
        r#"{"id":"first","kind":"transform","fields":{"output":{"n":1}}}"#,
        r#"{"id":"pause","kind":"delay","fields":{"for":"1m"}}"#,
        r#"{"id":"last","kind":"transform","fields":{"output":{"m":"{{ n }}"}}}"#,
    ]);
    works.publish("orders", &slow);
    works.insert("orders", "r", "{}");
    works.app.run_due();
    works.pass(60_000);
    assert_eq!(works.state("r"), Finished);
    assert_eq!(rerun(&works, r#"{"uuids":["r"],"from":"last","dry_run":true}"#)["changed"], 1);
    works.app.administer(|tx| tx.execute("DELETE FROM run_log WHERE id = (SELECT MIN(id) FROM run_log)", &[]));
    for from in ["last", "first"] {
        let reason = refusal(&works, &format!(r#"{{"uuids":["r"],"from":"{from}"}}"#));
        assert!(reason.contains("not everything is kept"), "{reason}");
    }
}

#[test]
fn a_dry_run_tells_what_would_happen_and_changes_nothing() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    let before = works.record("r");
    for from in ["", r#","from":"second""#] {
        let answer =
            works.send("POST", "/v1/record/rerun", &[], &format!(r#"{{"uuids":["r","none"],"dry_run":true{from}}}"#));
        let expected = json!({"matched":2,"changed":1,
            "refused":[{"uuid":"none","reason":"There is no data record with the Uuid 'none'"}]});
        assert_eq!(
            (&answer.json()["message"], &answer.json()["resource"]),
            (&json!("1 datarecords would run again"), &expected)
        );
    }
    assert_eq!(works.record("r"), before);
}

#[test]
fn many_records_are_run_again_by_a_filter() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.publish("others", &careful("old"));
    for number in 0..450 {
        works.insert("orders", &format!("r{number}"), r#"{"n":1,"ready":false}"#);
    }
    works.insert("orders", "good", r#"{"n":1,"ready":true}"#);
    works.insert("others", "other", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    works.app.administer(|tx| tx.execute("UPDATE record SET status = 1 WHERE uuid < 'r2' AND uuid > 'r'", &[]));
    works.app.administer(|tx| tx.execute("UPDATE record SET status = 3 WHERE uuid = 'r1'", &[]));
    let filter = r#"{"filter":{"flow_name":"orders","datarecord_status":3},"from":"second"}"#;
    let failed = works.resource("GET", "/v1/record/search?flow_name=orders&datarecord_status=3", "")["total"].take();
    let tally = rerun(&works, filter);
    assert_eq!((&tally["matched"], &tally["changed"]), (&failed, &failed));
    assert!(failed.as_u64().expect("a number") > 300, "several transactions: {failed}");
    works.app.run_due();
    assert_eq!((works.record("r1").num_runs, works.record("other").num_runs, works.record("good").num_runs), (2, 1, 1));
    let tally = rerun(&works, r#"{"filter":{"datarecord_status":"1"}}"#);
    assert_eq!((tally["changed"].clone(), tally["refused"].as_array().map(Vec::len)), (json!(0), Some(100)), "{tally}");
    assert!(tally["matched"].as_u64().expect("a number") > 100);
    assert_eq!(rerun(&works, r#"{"filter":{"flow_name":"nowhere"}}"#)["matched"], 0);
}

#[test]
fn what_is_asked_for_must_be_clear() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    for (body, told) in [
        ("{}", "either uuids or a filter"),
        (r#"{"uuids":["r"],"filter":{"uuid":"r"}}"#, "either uuids or a filter"),
        (r#"{"filter":{}}"#, "The filter must say something"),
        (r#"{"filter":{"limit":1}}"#, "limit"),
        (r#"{"filter":{"datarecord_status":7}}"#, "datarecord_status"),
        (r#"{"uuids":[]}"#, "At least one Uuid"),
        (r#"{"uuids":["r"],"version":"oldest"}"#, "version must be same or latest"),
        (r#"{"uuids":["r"],"from":""}"#, "from must be"),
        (r#"{"uuids":["r"],"dry_run":"perhaps"}"#, "dry_run"),
        (r#"{"uuids":["r"],"dryrun":true}"#, "dryrun"),
    ] {
        let answer = works.send("POST", "/v1/record/rerun", &[], body);
        let message = answer.json()["message"].as_str().expect("a message").to_owned();
        assert_eq!(answer.status, 400, "{body}");
        assert!(message.contains(told) || told == "dry_run", "{body}: {message}");
    }
    assert_eq!(works.send("POST", "/v1/record/rerun", &[], r#"{"uuids":["x"]}"#).status, 404);
    assert_eq!(works.record("r").num_runs, 0);
}

#[test]
fn another_customers_records_are_not_there() {
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    works.app.customer("Other", "k2", "a2");
    let theirs = |method: &str, path: &str, body: &str| {
        works.app.call(method, path, &[("X-Apikey", "k2"), ("X-App", "a2")], body.as_bytes())
    };
    for (method, path, body) in [
        ("POST", "/v1/record/rerun", r#"{"uuids":["r"]}"#),
        ("POST", "/v1/record/rerun", r#"{"uuids":["r"],"from":"second","dry_run":true}"#),
        ("PUT", "/v1/record/mark", r#"{"uuids":["r"],"status":"handled"}"#),
        ("GET", "/v1/record/r/history", ""),
    ] {
        let answer = theirs(method, path, body);
        assert_eq!(
            (answer.status, &answer.json()["message"]),
            (404, &json!("There is no data record with the Uuid 'r'"))
        );
    }
    let found = theirs("POST", "/v1/record/rerun", r#"{"filter":{"datarecord_status":3}}"#);
    assert_eq!(found.json()["resource"]["matched"], 0);
    assert_eq!((works.state("r"), works.record("r").num_runs), (Failed, 1));
}

#[test]
fn a_record_that_changed_meanwhile_is_left_alone() {
    use flowgate::store::run::{self, Start};
    let works = Works::start();
    works.publish("orders", &careful("old"));
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    let customer = works.customer;
    let subject = |tx: &mut dyn flowgate::store::Tx| run::find_subject(tx, customer, "r");
    let found = works.app.app.store.peek(subject).expect("a read").expect("a record");
    let now = works.app.app.clock.now();
    let again = |start: Start<'static>| {
        let found = found.clone();
        works.app.administer(move |tx| run::rerun(tx, &found, start, 1, now))
    };
    let middle =
        Start::Step { step: "third", input_step: Some("second"), outputs: r#"{"first":{"n":1},"second":{"m":2}}"# };
    assert!(again(middle));
    assert!(!again(middle) && !again(Start::Beginning), "it is in the queue already");
    assert!(!works.app.administer(move |tx| run::mark(tx, &found, flowgate::model::record::RecordStatus::Handled)));
    works.app.run_due();
    assert_eq!((works.state("r"), works.record("r").num_runs), (Finished, 2));
    assert_eq!(works.outputs("r")["third"]["sum"], json!(3));
}

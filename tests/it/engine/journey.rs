//! What steps do to records, and which way records take.

use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus::{Failed, Finished, Processing, Scheduled, Waiting};
use flowgate::operation::queue::{ChangeQueueStatus, QueueAction};
use serde_json::json;

use super::{Works, chain};

const BRANCHING: &str = r#"{
    "nodes": [
        {"id": "shape", "kind": "transform", "fields": {"output": {"total": "{{ $sum(items.(price * count)) }}", "who": "{{ name }}"}}},
        {"id": "size", "kind": "branch"},
        {"id": "big", "kind": "transform", "fields": {"expression": "$merge([$, {\"size\": \"big\"}])"}},
        {"id": "small", "kind": "transform", "fields": {"expression": "{\"size\": \"small\", \"was\": $steps.shape.total, \"of\": $record.name}"}}
    ],
    "edges": [
        {"source": "shape", "target": "size"},
        {"source": "size", "target": "big", "when": "total >= 100"},
        {"source": "size", "target": "small"}
    ]
}"#;

#[test]
fn a_record_goes_the_way_its_content_says() {
    let works = Works::start();
    works.publish("orders", BRANCHING);
    works.insert("orders", "large", r#"{"name":"Ann","items":[{"price":40,"count":3}]}"#);
    works.insert("orders", "little", r#"{"name":"Bob","items":[{"price":1.5,"count":2}]}"#);
    works.app.run_due();
    assert_eq!((works.state("large"), works.state("little")), (Finished, Finished));
    assert_eq!(works.outputs("large")["big"], json!({"total": 120, "who": "Ann", "size": "big"}));
    assert_eq!(works.outputs("little")["small"], json!({"size": "small", "was": 3, "of": "Bob"}));
    assert_eq!(works.attempts("large"), ["shape 1 done", "size 1 done", "big 1 done"]);
    let record = works.record("large");
    assert_eq!((record.num_runs, record.started.is_some(), record.last_run.is_some()), (1, true, true));
}

#[test]
fn a_paused_flow_takes_records_and_starts_none() {
    let works = Works::start();
    works.publish("orders", BRANCHING);
    works.status("orders", FlowStatus::Paused);
    works.insert("orders", "r", r#"{"name":"Ann","items":[]}"#);
    works.app.run_due();
    assert_eq!(works.state("r"), Waiting);
    works.status("orders", FlowStatus::Running);
    works.app.run_due();
    assert_eq!(works.state("r"), Finished);
}

#[test]
fn a_scheduled_record_runs_at_its_time_and_not_before() {
    let works = Works::start();
    works.publish("orders", BRANCHING);
    works.insert_at("orders", "r", r#"{"name":"Ann","items":[]}"#, Some("2026-01-15T12:00:10+00:00"));
    works.pass(9_999);
    assert_eq!((works.state("r"), works.record("r").num_runs), (Scheduled, 0));
    works.pass(1);
    assert_eq!(works.state("r"), Finished);
}

#[test]
fn a_failed_record_is_continued_where_it_failed_and_executed_as_a_whole() {
    let works = Works::start();
    let failing = chain(&[
        r#"{"id":"first","kind":"transform","fields":{"output":{"n":"{{ n }}"}}}"#,
        r#"{"id":"second","kind":"transform","fields":{"expression":"$record.ready ? {\"done\": n} : $error(\"not ready\")"}}"#,
    ]);
    works.publish("orders", &failing);
    works.insert("orders", "r", r#"{"n":1,"ready":false}"#);
    works.app.run_due();
    assert_eq!(works.state("r"), Failed);
    assert_eq!(works.attempts("r"), ["first 1 done", "second 1 failed"]);
    assert!(works.history("r")[1]["error"]["message"].as_str().expect("a message").contains("not ready"));
    let change = |action| works.run(ChangeQueueStatus { uuids: vec!["r".to_owned()], action }).expect("a change");
    change(QueueAction::Continue);
    works.app.run_due();
    assert_eq!(works.attempts("r"), ["first 1 done", "second 1 failed", "second 1 failed"]);
    assert_eq!(works.record("r").num_runs, 1, "it is still the same run");
    change(QueueAction::Execute);
    works.app.run_due();
    assert_eq!(works.attempts("r")[3..], ["first 1 done", "second 1 failed"]);
    assert_eq!(works.record("r").num_runs, 2);
}

#[test]
fn a_delay_lets_time_pass() {
    let works = Works::start();
    let delayed = chain(&[
        r#"{"id":"wait","kind":"delay","fields":{"for":"{{ wait }}"}}"#,
        r#"{"id":"after","kind":"transform","fields":{"output":"{{ $ }}"}}"#,
    ]);
    works.publish("orders", &delayed);
    works.insert("orders", "r", r#"{"wait":"5m"}"#);
    works.insert("orders", "s", r#"{"wait":"soon"}"#);
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("s")), (Scheduled, Failed));
    works.pass(299_999);
    assert_eq!(works.state("r"), Scheduled);
    works.pass(1);
    assert_eq!((works.state("r"), works.record("r").num_runs), (Finished, 1));
    assert_eq!(works.attempts("r"), ["wait 1 waits", "wait 1 done", "after 1 done"]);
}

#[test]
fn another_flow_runs_and_its_result_comes_back() {
    let works = Works::start();
    works.publish("double", &chain(&[r#"{"id":"d","kind":"transform","fields":{"output":{"twice":"{{ n * 2 }}"}}}"#]));
    works.publish(
        "orders",
        &chain(&[
            r#"{"id":"call","kind":"flow","fields":{"flow":"double","data":{"n":"{{ n }}"}}}"#,
            r#"{"id":"after","kind":"transform","fields":{"output":{"result":"{{ twice }}"}}}"#,
        ]),
    );
    works.insert("orders", "r", r#"{"n":21}"#);
    works.app.run_due();
    assert_eq!(works.outputs("r")["after"], json!({"result": 42}));
    assert_eq!((works.state("r"), works.state("r.1.call")), (Finished, Finished));
}

#[test]
fn the_failure_of_another_flow_is_the_steps_and_continuing_resumes_it() {
    let works = Works::start();
    works.publish("picky", &chain(&[r#"{"id":"p","kind":"transform","fields":{"expression":"$record.n = 1 ? {\"ok\": true} : $error(\"no\")"}}"#]));
    works.publish(
        "orders",
        &chain(&[
            r#"{"id":"call","kind":"flow","fields":{"flow":"picky","data":{"n":"{{ n }}"}}}"#,
            r#"{"id":"after","kind":"transform","fields":{"output":"{{ ok }}"}}"#,
        ]),
    );
    works.insert("orders", "r", r#"{"n":2}"#);
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("r.1.call")), (Failed, Failed));
    let child =
        flowgate::operation::change::RecordUpdate { uuid: "r.1.call".to_owned(), data: r#"{"n":1}"#.to_owned().into() };
    works
        .run(flowgate::operation::change::UpdateRecords {
            updates: vec![child],
            execution_time: None,
            flow: None,
            expected: None,
        })
        .expect("an update");
    works.run(ChangeQueueStatus { uuids: vec!["r".to_owned()], action: QueueAction::Continue }).expect("a change");
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("r.1.call")), (Finished, Finished));
    assert_eq!(works.outputs("r")["after"], json!(true));
}

#[test]
fn a_record_waits_for_another_flow_that_is_paused_and_learns_of_its_removal() {
    let works = Works::start();
    works.publish("other", &chain(&[r#"{"id":"o","kind":"end"}"#]));
    works.publish("orders", &chain(&[r#"{"id":"call","kind":"flow","fields":{"flow":"other"}}"#]));
    works.status("other", FlowStatus::Paused);
    works.insert("orders", "r", "{}");
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("r.1.call")), (Processing, Waiting));
    let remove = flowgate::operation::change::DeleteRecord { uuid: "r.1.call".to_owned(), expected: None };
    works.run(remove).expect("a removal");
    works.app.run_due();
    assert_eq!(works.state("r"), Failed);
}

#[test]
fn moving_takes_the_record_to_the_beginning_of_another_flow() {
    let works = Works::start();
    let next =
        works.publish("next", &chain(&[r#"{"id":"n","kind":"transform","fields":{"output":{"got":"{{ $ }}"}}}"#]));
    works.publish(
        "orders",
        &chain(&[r#"{"id":"go","kind":"move","fields":{"flow":"next","data":{"n":"{{ n + 1 }}"}}}"#]),
    );
    works.insert("orders", "r", r#"{"n":1}"#);
    works.app.run_due();
    let record = works.record("r");
    assert_eq!((record.flow, record.status, record.num_runs, record.data.as_str()), (next, Finished, 2, r#"{"n":2}"#));
    assert_eq!(works.outputs("r")["n"], json!({"got": {"n": 2}}));
}

#[test]
fn failures_lead_where_the_step_says() {
    let works = Works::start();
    let graph = |on_error: &str| {
        format!(
            r#"{{"nodes":[
                {{"id":"risk","kind":"transform","fields":{{"expression":"$error(\"broken\")"}},"on_error":{on_error}}},
                {{"id":"after","kind":"transform","fields":{{"output":"{{{{ error.kind & ' ' & input.n }}}}"}}}},
                {{"id":"mend","kind":"transform","fields":{{"output":"mended"}}}}],
              "edges":[{{"source":"risk","target":"after"}},{{"source":"after","target":"mend","when":"false"}},
                {{"source":"after","target":"mend"}}]}}"#
        )
    };
    works.publish(
        "reports",
        &chain(&[r#"{"id":"r","kind":"transform","fields":{"output":"{{ error.message & record.uuid }}"}}"#]),
    );
    for (flow, on_error) in
        [("a", r#""continue""#), ("b", r#"{"goto":"mend"}"#), ("c", r#"{"flow":"reports"}"#), ("d", r#""fail""#)]
    {
        works.publish(flow, &graph(on_error));
        works.insert(flow, flow, r#"{"n":7}"#);
    }
    works.app.run_due();
    assert_eq!(
        [works.state("a"), works.state("b"), works.state("c"), works.state("d")],
        [Finished, Finished, Failed, Failed]
    );
    assert_eq!(works.outputs("a")["after"], json!("expression 7"));
    assert_eq!(works.attempts("b"), ["risk 1 continued", "mend 1 done"]);
    let reports =
        works.app.app.store.peek(|tx| tx.query("SELECT uuid FROM record WHERE flow = 1", &[])).expect("a read");
    assert_eq!(reports.len(), 1, "only c told of its failure");
}

#[test]
fn a_step_is_tried_again_as_its_policy_says() {
    let works = Works::start();
    works.publish(
        "orders",
        r#"{"nodes":[{"id":"risk","kind":"transform","fields":{"expression":"$error(\"broken\")"},
        "retry":{"attempts":3,"initial":"10s","factor":2,"jitter":0,"retry_on":["expression"]}}]}"#,
    );
    works.insert("orders", "r", "{}");
    works.app.run_due();
    assert_eq!(works.state("r"), Scheduled);
    works.pass(9_999);
    assert_eq!(works.attempts("r").len(), 1);
    works.pass(1);
    assert_eq!(works.attempts("r").len(), 2);
    works.pass(20_000);
    assert_eq!(works.state("r"), Failed);
    assert_eq!(works.attempts("r"), ["risk 1 retried", "risk 2 retried", "risk 3 failed"]);
}

#[test]
fn a_cron_line_starts_records_and_missed_times_start_one() {
    let works = Works::start();
    works.publish(
        "nightly",
        r#"{"nodes":[{"id":"e","kind":"transform","fields":{"output":"{{ scheduled }}"}}],
        "schedule":{"cron":"*/10 * * * *","time_zone":"Europe/Amsterdam","data":{"by":"clock"}}}"#,
    );
    let started = || {
        let rows = works.app.app.store.peek(|tx| tx.query("SELECT data FROM record ORDER BY id", &[])).expect("a read");
        rows.iter().map(|row| row.text(0).expect("data").to_owned()).collect::<Vec<_>>()
    };
    works.pass(599_999);
    assert_eq!(started(), [""; 0]);
    works.pass(1);
    assert_eq!(started(), [r#"{"by":"clock","scheduled":"2026-01-15T12:10:00+00:00"}"#]);
    works.pass(3_600_000);
    assert_eq!(started().len(), 2, "six times passed, and one record was started");
}

#[test]
fn records_of_a_flow_that_keeps_their_order_run_one_after_another() {
    let works = Works::start();
    works.publish(
        "orders",
        r#"{"nodes":[{"id":"w","kind":"delay","fields":{"for":"{{ wait }}"}}],"concurrency":{"order":"fifo"}}"#,
    );
    for (uuid, wait) in [("a", 60), ("b", 0), ("c", 0)] {
        works.insert("orders", uuid, &format!(r#"{{"wait":{wait}}}"#));
    }
    works.app.run_due();
    assert_eq!(["a", "b", "c"].map(|uuid| works.state(uuid)), [Scheduled, Waiting, Waiting]);
    works.pass(60_000);
    assert_eq!(["a", "b", "c"].map(|uuid| works.state(uuid)), [Finished, Finished, Finished]);
}

#[test]
fn records_too_large_to_be_read_together_run_as_well() {
    let works = Works::with(|config| config.engine.memory = 1_000);
    works.publish("orders", &chain(&[r#"{"id":"n","kind":"transform","fields":{"output":"{{ $length(text) }}"}}"#]));
    for uuid in ["a", "b", "c"] {
        works.insert("orders", uuid, &format!(r#"{{"text":"{}"}}"#, "x".repeat(200_000)));
    }
    works.app.run_due();
    assert_eq!(
        ["a", "b", "c"].map(|uuid| works.outputs(uuid)["n"].clone()),
        [json!(200_000), json!(200_000), json!(200_000)]
    );
}

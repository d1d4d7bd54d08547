//! Poison: what makes a step panic, go on for ever or end the process costs its own record, which ends with errors and
//! keeps its data and its history, and no other one.

use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus::{self, Failed, Finished, Processing, Waiting};
use flowgate::model::time::Timestamp;
use flowgate::operation::queue::{ChangeQueueStatus, QueueAction};
use flowgate::store::run;
use serde_json::{Value, json};

use super::edge::{insert, is_over, until};
use super::{Works, chain};
use crate::process::{PATIENCE, Place};
use crate::sink::Sight;

const COPY: &str = r#"{"id":"copy","kind":"transform","fields":{"output":{"got":"{{ $ }}"}}}"#;

fn kinds(works: &Works, uuid: &str) -> Vec<String> {
    let kind = |attempt: &Value| attempt["error"]["kind"].as_str().map(str::to_owned);
    works.history(uuid).iter().filter_map(kind).collect()
}

/// Replaces the data of a record behind the gateway's back.
fn poison(works: &Works, uuid: &'static str, data: String) {
    works.app.administer(move |tx| {
        tx.execute("UPDATE record SET data = $1 WHERE uuid = $2", &[(&data).into(), uuid.into()]).map(drop)
    });
}

#[test]
fn a_step_that_panics_ends_its_record_and_no_other() {
    let place = Place::new();
    Sight::furnish(&place, &chain(&[COPY, r#"{"id":"end","kind":"end"}"#]));
    let gateway = place.serve_with(&[("FAILPOINTS", "engine::step=1*panic(hush-hush)->off")], "--demo");
    let sight = Sight::of(&place);
    for uuid in ["poison", "next", "last"] {
        insert(&gateway, uuid, r#"{"a":1}"#);
        until(PATIENCE, uuid, || is_over(&sight, uuid));
    }
    let states = ["poison", "next", "last"].map(|uuid| sight.record(uuid).expect("a record").status);
    assert_eq!(states, [Failed, Finished, Finished]);
    assert_eq!(sight.record("poison").expect("a record").data, r#"{"a":1}"#);
    assert_eq!(sight.attempts("poison"), ["copy 1 failed"]);
    assert_eq!(sight.attempts("next"), ["copy 1 done", "end 1 stopped"]);
    let shown = sight.history("poison")[0]["error"].to_string();
    assert!(shown.contains("\"internal\"") && !shown.contains("hush"), "{shown}");
    gateway.stop();
}

#[test]
fn data_that_cannot_be_read_end_their_record_and_no_other() {
    let works = Works::start();
    works.publish("orders", &chain(&[COPY]));
    let deep = |levels: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let broken = [("huge", r#"{"a":1e400}"#.to_owned()), ("deep", deep(100_000)), ("torn", r#"{"a":"#.to_owned())];
    for (uuid, data) in &broken {
        works.insert("orders", uuid, "{}");
        poison(&works, uuid, data.clone());
    }
    for (uuid, data) in [("well", "{}".to_owned()), ("nested", deep(50))] {
        works.insert("orders", uuid, &data);
    }
    works.app.run_due();
    for (uuid, data) in &broken {
        assert_eq!((works.state(uuid), works.record(uuid).data), (Failed, data.clone()), "{uuid}");
        assert_eq!(kinds(&works, uuid), ["internal"], "{uuid}");
    }
    assert_eq!((works.state("well"), works.state("nested")), (Finished, Finished));
}

#[test]
fn expressions_without_end_and_outputs_without_measure_end_their_record_and_no_other() {
    let works = Works::with(|config| {
        config.engine.expression_steps = 20_000;
        config.engine.output_limit = 10_000;
    });
    let endless = [
        ("loop", r#"($f := function($n) { $f($n + 1) }; $f(0))"#),
        ("tree", r#"($f := function($n) { $f($n + 1) + $f($n + 2) }; $f(0))"#),
        ("range", r#"$sum($map([1..1000000], function($n) { $n * 2 }))"#),
        ("wide", r#"[1..9000]"#),
        ("double", r#"($f := function($n, $t) { $n = 0 ? $t : $f($n - 1, $t & $t) }; $f(60, \"x\"))"#),
    ];
    for (flow, expression) in endless {
        let step = format!(r#"{{"id":"bad","kind":"transform","fields":{{"expression":"{expression}"}}}}"#);
        works.publish(flow, &chain(&[&step]));
        works.insert(flow, flow, r#"{"keep":"me"}"#);
    }
    let template = r#"{"id":"bad","kind":"transform","fields":{"output":{"again":"{{ text }}","{{ text }}":"{{ text & text }}"}}}"#;
    works.publish("template", &chain(&[template]));
    works.insert("template", "template", r#"{"text":"{{ text }}"}"#);
    works.publish("orders", &chain(&[COPY]));
    works.insert("orders", "well", "{}");
    works.app.run_due();
    for (uuid, _) in endless {
        assert_eq!((works.state(uuid), works.record(uuid).data.as_str()), (Failed, r#"{"keep":"me"}"#), "{uuid}");
        assert_eq!(
            (works.attempts(uuid), kinds(&works, uuid)),
            (vec!["bad 1 failed".to_owned()], vec!["limit".to_owned()])
        );
    }
    assert_eq!(works.state("template"), Finished);
    let expected = json!({"again": "{{ text }}", "{{ text }}": "{{ text }}{{ text }}"});
    assert_eq!(works.outputs("template")["bad"], expected, "what a template comes to is no template");
    assert_eq!(works.state("well"), Finished);
}

#[test]
fn what_steps_give_is_read_again_however_deep_it_is_nested() {
    let works = Works::start();
    let nest = r#"{"id":"nest","kind":"transform","fields":{"expression":"($f := function($n, $v) { $n = 0 ? $v : $f($n - 1, {\"v\": $v}) }; $f($record.levels, 1))"},"on_error":"continue"}"#;
    let steps = [nest, r#"{"id":"wait","kind":"delay","fields":{"for":"10s"}}"#, COPY];
    works.publish("orders", &chain(&steps));
    for levels in [50, 100, 120, 126, 127, 128, 150, 1_000] {
        let uuid = format!("deep-{levels}");
        works.insert("orders", &uuid, &format!(r#"{{"levels":{levels}}}"#));
        works.app.run_due();
        works.pass(10_000);
        assert_eq!(works.state(&uuid), Finished, "{uuid}: {:?}", works.history(&uuid).last());
    }
}

#[test]
fn flows_that_send_records_to_one_another_do_not_do_so_for_ever() {
    let works = Works::start();
    works.publish("there", &chain(&[r#"{"id":"end","kind":"end"}"#]));
    works.publish("here", &chain(&[r#"{"id":"go","kind":"move","fields":{"flow":"there"}}"#]));
    works.publish("there", &chain(&[r#"{"id":"back","kind":"move","fields":{"flow":"here"}}"#]));
    works.insert("here", "r", "{}");
    works.app.run_due();
    assert_eq!((works.state("r"), kinds(&works, "r")), (Failed, vec!["limit".to_owned()]));
    assert_eq!(works.record("r").num_runs, 17);
    let execute = || ChangeQueueStatus { uuids: vec!["r".to_owned()], action: QueueAction::Execute };
    works.publish("there", &chain(&[r#"{"id":"end","kind":"end"}"#]));
    works.run(execute()).expect("a change");
    works.app.run_due();
    assert_eq!((works.state("r"), works.record("r").num_runs), (Finished, 19), "whoever executes it begins anew");
}

/// Ends a process again and again while a record's step is under way, and gives its attempts then.
fn interrupt(place: &Place, most: &str, times: usize) -> Sight {
    let settings = [("FLOWGATE__ENGINE__MOST_ATTEMPTS", most), ("FAILPOINTS", "engine::before_commit=return")];
    for time in 0..times {
        let mut gateway = place.serve_with(&settings, "--demo");
        if time == 0 {
            insert(&gateway, "poison", r#"{"a":1}"#);
        }
        gateway.hear_end();
    }
    Sight::of(place)
}

#[test]
fn an_interruption_is_an_attempt_and_after_the_most_of_them_the_record_ends() {
    let place = Place::new();
    Sight::furnish(&place, &chain(&[COPY]));
    let sight = interrupt(&place, "3", 3);
    assert_eq!(sight.attempts("poison"), [" 1 interrupted", " 2 interrupted"]);
    assert_eq!(sight.record("poison").expect("a record").status, Processing);
    let gateway = place.serve_with(&[("FLOWGATE__ENGINE__MOST_ATTEMPTS", "3")], "--demo");
    insert(&gateway, "well", "{}");
    until(PATIENCE, "both have ended", || is_over(&sight, "poison") && is_over(&sight, "well"));
    let (poison, well) = (sight.record("poison").expect("a record"), sight.record("well").expect("a record"));
    assert_eq!((poison.status, well.status), (Failed, Finished));
    assert_eq!((poison.data.as_str(), poison.num_runs), (r#"{"a":1}"#, 1));
    assert_eq!(sight.attempts("poison"), [" 1 interrupted", " 2 interrupted", "copy 3 failed"]);
    let history = sight.history("poison");
    assert!(history.iter().all(|attempt| attempt["error"]["kind"] == "interrupted"), "{history:?}");
    gateway.stop();
}

/// Takes records of a flow up as a process would that ends at once.
fn take_and_end(works: &Works, flow: flowgate::model::flow::FlowId) {
    let customer = works.customer;
    let taken = works.app.administer(move |tx| {
        let lease = run::Lease { token: "gone", until: Timestamp(0) };
        run::claim(tx, customer, flow, 10, lease, crate::support::NOW)
    });
    assert_eq!(taken.len(), 1);
}

#[test]
fn a_run_that_waits_for_one_that_was_interrupted_too_often_learns_of_its_end() {
    let works = Works::with(|config| config.engine.most_attempts = 1);
    let other = works.publish("other", &chain(&[COPY]));
    works.publish("orders", &chain(&[r#"{"id":"call","kind":"flow","fields":{"flow":"other"}}"#]));
    works.status("other", FlowStatus::Paused);
    works.insert("orders", "r", "{}");
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("r.1.call")), (Processing, Waiting));
    works.status("other", FlowStatus::Running);
    take_and_end(&works, other);
    works.app.run_due();
    assert_eq!((works.state("r"), works.state("r.1.call")), (Failed, Failed));
    assert_eq!(
        (kinds(&works, "r"), kinds(&works, "r.1.call")),
        (vec!["flow".to_owned()], vec!["interrupted".to_owned()])
    );
}

#[test]
fn what_follows_a_failure_follows_the_last_interruption_too() {
    let works = Works::with(|config| config.engine.most_attempts = 1);
    works.publish(
        "reports",
        &chain(&[r#"{"id":"say","kind":"transform","fields":{"output":"{{ error.kind & record.uuid }}"}}"#]),
    );
    let step = |on_error: &str| {
        let step = r#"{"id":"risk","kind":"transform","fields":{"output":"done"},"on_error":"#;
        chain(&[
            &format!("{step}{on_error}}}"),
            r#"{"id":"after","kind":"transform","fields":{"output":"{{ error.kind }}"}}"#,
        ])
    };
    for (flow, on_error) in [("told", r#"{"flow":"reports"}"#), ("goes", r#""continue""#)] {
        let id = works.publish(flow, &step(on_error));
        works.insert(flow, flow, "{}");
        take_and_end(&works, id);
    }
    works.app.run_due();
    assert_eq!((works.state("told"), works.state("goes")), (Failed, Finished));
    assert_eq!(works.attempts("goes"), ["risk 1 continued", "after 1 done"]);
    assert_eq!(works.outputs("goes")["after"], json!("interrupted"));
    let rows = works.app.app.store.peek(|tx| tx.query("SELECT uuid FROM record WHERE flow = 1", &[])).expect("a read");
    assert_eq!(rows.len(), 1);
    let report = rows[0].text(0).expect("a uuid");
    assert_eq!((works.state(report), &works.outputs(report)["say"]), (Finished, &json!("interruptedtold")));
}

#[test]
fn order_is_kept_while_a_run_waits_for_another_flow() {
    let works = Works::start();
    works.publish("other", &chain(&[r#"{"id":"o","kind":"end"}"#]));
    works.status("other", FlowStatus::Paused);
    works.publish(
        "orders",
        r#"{"nodes":[{"id":"call","kind":"flow","fields":{"flow":"other"}}],"concurrency":{"order":"fifo"}}"#,
    );
    works.insert("orders", "a", "{}");
    works.insert("orders", "b", "{}");
    works.app.run_due();
    assert_eq!(["a", "b"].map(|uuid| works.state(uuid)), [Processing, Waiting]);
    works.status("other", FlowStatus::Running);
    works.app.run_due();
    assert_eq!(["a", "b"].map(|uuid| works.state(uuid)), [RecordStatus::Finished, RecordStatus::Finished]);
}

#[test]
fn a_record_that_ends_the_process_each_time_does_not_take_others_with_it() {
    const MOST: usize = 16;
    let place = Place::new();
    Sight::furnish(&place, &chain(&[COPY]));
    let sight = Sight::of(&place);
    let well: Vec<String> = (0..40).map(|number| format!("well-{number}")).collect();
    for (number, uuid) in well.iter().enumerate() {
        sight.insert(uuid, "{}");
        if number == 10 {
            sight.insert("poison", r#"{"poison":1}"#);
        }
    }
    let most = MOST.to_string();
    let settings = [("FLOWGATE__ENGINE__MOST_ATTEMPTS", most.as_str()), ("FAILPOINTS", "engine::poison=return")];
    for _ in 0..MOST {
        place.serve_with(&settings, "--demo").hear_end();
    }
    let gateway = place.serve_with(&settings, "--demo");
    until(PATIENCE, "the poison has ended", || is_over(&sight, "poison"));
    gateway.stop();
    assert_eq!(sight.record("poison").expect("a record").status, Failed);
    let others = well.iter().filter(|uuid| sight.record(uuid).expect("a record").status != Finished);
    assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
}

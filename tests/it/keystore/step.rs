//! Steps of flows that read and write packages: each sees what those before it wrote, and of many at once none is lost.

use flowgate::operation::lint::{LintFlow, Source};
use serde_json::{Value, json};

use super::{ask, kept, kept_with, put, told};
use crate::engine::{Works, chain};

fn step(id: &str, fields: &Value) -> String {
    json!({"id": id, "kind": "keystore", "fields": fields}).to_string()
}

fn run(works: &Works, nodes: &[String], data: &str) {
    works.publish("Flow", &chain(&nodes.iter().map(String::as_str).collect::<Vec<_>>()));
    works.insert("Flow", "r", data);
    works.app.run_due();
}

#[test]
fn each_step_sees_what_those_before_it_wrote() {
    let works = kept();
    let at = |action: &str, more: Value| {
        let mut fields = json!({"action": action, "keystore": "weather", "key": "{{ $record.city }}"});
        fields.as_object_mut().expect("fields").extend(more.as_object().expect("more").clone());
        fields
    };
    run(
        &works,
        &[
            step("none", &at("get", json!({}))),
            step("made", &at("get", json!({"create": true}))),
            step("put", &at("put", json!({"value": {"n": "{{ $record.n }}", "who": "{{ $steps.made.value.city }}"}}))),
            step("add", &at("increment", json!({"path": "n"}))),
            step("more", &at("increment", json!({"path": "visits.today", "by": "{{ $record.n }}"}))),
            step("read", &at("get", json!({}))),
            step("lost", &at("compare-and-set", json!({"if_revision": "{{ $steps.put.revision }}", "value": 0}))),
            step(
                "won",
                &at("compare-and-set", json!({"if_revision": "{{ $steps.lost.revision }}", "value": {"n": 9}})),
            ),
            step("same", &at("compare-and-set", json!({"expected": {"n": 9}, "value": 5}))),
            step("grown", &at("increment", json!({"by": -7}))),
            step("gone", &at("delete", json!({}))),
            step("again", &at("delete", json!({}))),
            step("first", &at("compare-and-set", json!({"expected": null, "value": "{{ $steps.grown.value }}"}))),
            step("whole", &at("put", json!({}))),
        ],
        r#"{"city":"london","n":3}"#,
    );
    let outputs = works.outputs("r");
    let revision = |step: &str| outputs[step]["revision"].as_i64().expect(step);
    let empty = json!({"city": "", "temp": {"max": null, "min": null, "average": null}});
    assert_eq!(outputs["none"], json!({"value": null, "revision": 0}));
    assert_eq!(outputs["made"], json!({"value": empty, "revision": 1}));
    assert_eq!(outputs["put"], json!({"stored": true, "value": {"n": 3, "who": ""}, "revision": 2}));
    assert_eq!(outputs["add"], json!({"value": 4, "revision": 3}));
    assert_eq!(outputs["more"], json!({"value": 3, "revision": 4}));
    let counted = json!({"n": 4, "who": "", "visits": {"today": 3}});
    assert_eq!(outputs["read"], json!({"value": counted, "revision": 4}));
    assert_eq!(outputs["lost"], json!({"stored": false, "value": counted, "revision": 4}));
    assert_eq!(outputs["won"], json!({"stored": true, "value": {"n": 9}, "revision": 5}));
    assert_eq!(outputs["same"], json!({"stored": true, "value": 5, "revision": 6}));
    assert_eq!(outputs["grown"], json!({"value": -2, "revision": 7}));
    assert_eq!((&outputs["gone"], &outputs["again"]), (&json!({"deleted": true}), &json!({"deleted": false})));
    assert_eq!(outputs["first"], json!({"stored": true, "value": -2, "revision": 8}));
    assert_eq!(outputs["whole"]["value"], outputs["first"], "what comes in is kept");
    assert_eq!(revision("whole"), 9);
    assert!(works.attempts("r").iter().all(|attempt| attempt.ends_with(" 1 done")), "{:?}", works.attempts("r"));
    assert_eq!(told(&ask(&works, "GET", "weather/london", "application/json", "")), outputs["first"].to_string());
}

#[test]
fn texts_are_kept_and_counted_too() {
    let works = kept();
    let at = |action: &str, key: &str, value: Value| json!({"action": action, "keystore": "letters", "key": key, "value": value});
    run(
        &works,
        &[
            step("put", &at("put", "a", json!("Dear {{ $record.name }}"))),
            step("count", &json!({"action": "increment", "keystore": "letters", "key": 7})),
            step("read", &json!({"action": "get", "keystore": "letters", "key": "7"})),
            step("set", &at("compare-and-set", "b", json!("x"))),
        ]
        .map(|node| node.replace(r#""value":"x"#, r#""expected":null,"value":"x"#)),
        r#"{"name":"Ann"}"#,
    );
    let outputs = works.outputs("r");
    assert_eq!(outputs["put"]["value"], "Dear Ann");
    assert_eq!((&outputs["count"]["value"], &outputs["read"]["value"]), (&json!(1), &json!("1")));
    assert_eq!(outputs["set"]["stored"], true);
    assert_eq!(told(&ask(&works, "GET", "letters/a", "text/plain", "")), "Dear Ann");
}

#[test]
fn what_cannot_be_done_is_the_steps_failure_and_changes_nothing() {
    let works = kept();
    put(&works, "weather/london", &json!({"city": "London", "n": 1.5, "big": i64::MAX, "list": [1]}));
    let before = ask(&works, "GET", "weather/london", "application/json", "");
    for (fields, kind, reason) in [
        (json!({"action": "get", "keystore": "nowhere", "key": "k"}), "not_found", "There is no keystore 'nowhere'"),
        (json!({"action": "put", "keystore": "nowhere", "key": "k"}), "not_found", "There is no keystore 'nowhere'"),
        (
            json!({"action": "put", "keystore": "weather", "key": "{{ \"\" }}"}),
            "refused",
            "The key must have from 1 to 255",
        ),
        (
            json!({"action": "get", "keystore": "weather", "key": "{{ [] }}"}),
            "expression",
            "key: it must come to a text",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london", "path": "city"}),
            "refused",
            "holds \"London\", which is not a whole number",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london", "path": "n"}),
            "refused",
            "holds 1.5, which",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london", "path": "big"}),
            "refused",
            "to which 1 cannot be added in 64 bits",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london", "path": "city.x"}),
            "refused",
            "'city.x' cannot be reached: 'city' is a single value",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london", "path": "list.3"}),
            "refused",
            "'list' is an array without that item",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london"}),
            "refused",
            "which is not a whole number",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "london", "path": "n", "by": "{{ 0.5 }}"}),
            "expression",
            "by: it must come to a whole number",
        ),
        (
            json!({"action": "increment", "keystore": "letters", "key": "x", "path": "n"}),
            "refused",
            "The keystore 'letters' keeps texts",
        ),
        (
            json!({"action": "put", "keystore": "letters", "key": "x", "value": {"a": 1}}),
            "refused",
            "the value must be a text",
        ),
        (
            json!({"action": "put", "keystore": "weather", "key": "london", "value": ["{{ $pad(\"\", 600000) }}", "{{ $pad(\"\", 600000) }}"]}),
            "refused",
            "A package must have at most",
        ),
    ] {
        let uuid = fields.to_string();
        works.publish("Failing", &chain(&[&step("it", &fields)]));
        works.insert("Failing", "f", "{}");
        works.app.run_due();
        let error = works.error("f");
        assert_eq!(error["kind"], kind, "{uuid}: {error}");
        assert!(error["message"].as_str().expect("a sentence").contains(reason), "{uuid}: {error}");
        works
            .run(flowgate::operation::change::DeleteRecord { uuid: "f".to_owned(), expected: None })
            .expect("a removal");
    }
    let after = ask(&works, "GET", "weather/london", "application/json", "");
    assert_eq!((after.text(), after.header("etag")), (before.text(), before.header("etag")));
}

#[test]
fn what_steps_may_be_is_checked_before_they_are_published() {
    let works = kept();
    for (fields, reason) in [
        (json!({"keystore": "weather", "key": "k"}), "\"action\" is a required property"),
        (json!({"action": "take", "keystore": "weather", "key": "k"}), "fields.action: value is not one of"),
        (json!({"action": "get", "key": "k"}), "\"keystore\" is a required property"),
        (json!({"action": "get", "keystore": "weather"}), "\"key\" is a required property"),
        (json!({"action": "get", "keystore": "weather", "key": "k", "value": 1}), "there is no field fields.value"),
        (
            json!({"action": "compare-and-set", "keystore": "weather", "key": "k"}),
            "fields must have either if_revision or expected",
        ),
        (
            json!({"action": "compare-and-set", "keystore": "weather", "key": "k", "if_revision": 1, "expected": null}),
            "fields must have either",
        ),
        (
            json!({"action": "increment", "keystore": "weather", "key": "k", "by": 0.5}),
            "fields.by: value is not of types",
        ),
        (
            json!({"action": "put", "keystore": "weather", "key": "k", "value": "{{secret.x}}"}),
            "fields.value: secrets are not allowed here",
        ),
    ] {
        let graph = chain(&[&step("it", &fields)]);
        let found = works.run(LintFlow { source: Source::Graph(graph) }).expect("findings");
        assert!(found.len() == 1 && found[0].text.contains(reason), "{fields}: {found:?}");
    }
    let graph = chain(&[
        &step("it", &json!({"action": "get", "keystore": "nowhere", "key": "k"})),
        &step("that", &json!({"action": "get", "keystore": "{{ $record.x }}", "key": "k"})),
        &step("good", &json!({"action": "delete", "keystore": "weather", "key": "k"})),
    ]);
    let found = works.run(LintFlow { source: Source::Graph(graph) }).expect("findings");
    let texts: Vec<_> = found.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(texts, ["The node 'it': there is no keystore 'nowhere'"]);
}

#[test]
fn of_many_increments_at_once_none_is_lost() {
    const RECORDS: i64 = 200;
    let works = kept_with(|config| config.engine.flow_concurrency = 64);
    let count =
        |key: &str, path: Value| json!({"action": "increment", "keystore": "weather", "key": key, "path": path});
    let nodes = [
        step("one", &count("all", json!("seen.total"))),
        step("two", &count("all", json!("seen.{{ $record.kind }}"))),
        step("three", &json!({"action": "increment", "keystore": "weather", "key": "plain"})),
    ];
    works.publish("Count", &chain(&nodes.iter().map(String::as_str).collect::<Vec<_>>()));
    for number in 0..RECORDS {
        works.insert("Count", &format!("r{number}"), &format!(r#"{{"kind":"k{}"}}"#, number % 4));
    }
    works.app.run_due();
    let all = ask(&works, "GET", "weather/all", "application/json", "").json();
    assert_eq!(all["seen"], json!({"total": RECORDS, "k0": 50, "k1": 50, "k2": 50, "k3": 50}));
    assert_eq!(told(&ask(&works, "GET", "weather/plain", "application/json", "")), RECORDS.to_string());
    let mut seen: Vec<i64> = (0..RECORDS)
        .map(|number| works.outputs(&format!("r{number}"))["three"]["value"].as_i64().expect("a number"))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=RECORDS).collect::<Vec<_>>(), "each got a number of its own");
}

#[test]
fn a_record_that_is_resumed_behind_a_write_does_not_write_again() {
    let works = kept();
    let count = json!({"action": "increment", "keystore": "weather", "key": "n"});
    let node = step("count", &count);
    let end = r#"{"id":"end","kind":"end"}"#;
    // The way on from the step depends on something that is mended later.
    let graph = format!(
        r#"{{"nodes":[{node},{end}],"edges":[{{"source":"count","target":"end","when":"value > 1 or $record.ready"}}]}}"#
    );
    works.publish("Flow", &graph);
    works.insert("Flow", "r", r#"{"ready":false}"#);
    works.app.run_due();
    assert_eq!(works.error("r")["kind"], "no_way");
    works.queue("r", flowgate::operation::queue::QueueAction::Continue);
    works.app.run_due();
    assert_eq!(told(&ask(&works, "GET", "weather/n", "application/json", "")), "1");
    // A new run is a new count.
    let rerun = works.send("POST", "/v1/record/rerun", &[], r#"{"uuids":["r"]}"#);
    assert_eq!(rerun.json()["resource"]["changed"], 1, "{}", rerun.text());
    works.app.run_due();
    assert_eq!(told(&ask(&works, "GET", "weather/n", "application/json", "")), "2");
    assert_eq!(works.state("r"), flowgate::model::record::RecordStatus::Finished);
}

#[test]
fn a_failure_behind_a_write_is_tried_again_without_it() {
    let works = kept();
    let nodes = [
        step("count", &json!({"action": "increment", "keystore": "weather", "key": "n"})),
        r#"{"id":"shaky","kind":"transform","fields":{"expression":"$run.attempt < 3 ? $error(\"not yet\") : $steps.count"},
            "retry":{"attempts":3,"initial":"10s","jitter":0,"retry_on":["expression"]}}"#
            .to_owned(),
    ];
    run(&works, &nodes, "{}");
    works.pass(60_000);
    works.pass(600_000);
    assert_eq!(works.outputs("r")["shaky"], json!({"value": 1, "revision": 1}));
    assert_eq!(told(&ask(&works, "GET", "weather/n", "application/json", "")), "1");
}

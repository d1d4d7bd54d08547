//! Steps of flows that read and write rows: each sees what those before it wrote, what is refused changes nothing, and a
//! gateway that ends at any commit of a run writes once.

use flowgate::model::record::RecordStatus;
use flowgate::operation::lint::{LintFlow, Source};
use serde_json::{Value, json};

use crate::engine::edge::{at_every_edge, end_and_go_on};
use crate::engine::{Works, chain};
use crate::process::Place;
use crate::sink::Sight;

fn step(id: &str, fields: &Value) -> String {
    json!({"id": id, "kind": "table", "fields": fields}).to_string()
}

fn stocked() -> Works {
    let works = Works::start();
    let columns = json!([
        {"name": "sku", "type": "text", "required": true, "unique": true},
        {"name": "count", "type": "integer", "indexed": true, "default": 0},
    ]);
    let added = works.send("POST", "/v1/tables", &[], &json!({"name": "stock", "columns": columns}).to_string());
    assert_eq!(added.status, 201, "{}", added.text());
    works
}

/// The rows as sku and count.
fn rows(works: &Works) -> Vec<(String, i64)> {
    let found = works.send("POST", "/v1/tables/stock/search", &[], "{}").json();
    let row = |row: &Value| (row["sku"].as_str().expect("a text").to_owned(), row["count"].as_i64().expect("a number"));
    found["data"].as_array().expect("rows").iter().map(row).collect()
}

fn run(works: &Works, nodes: &[String], data: &str) {
    works.publish("Flow", &chain(&nodes.iter().map(String::as_str).collect::<Vec<_>>()));
    works.insert("Flow", "r", data);
    works.app.run_due();
}

fn rule(field: &str, operator: &str, value: &str) -> Value {
    json!({"rules": [{"field": field, "operator": operator, "value": value}]})
}

#[test]
fn each_step_sees_what_those_before_it_wrote() {
    let works = stocked();
    run(
        &works,
        &[
            step("none", &json!({"action": "find", "table": "stock"})),
            step(
                "one",
                &json!({"action": "insert", "table": "stock", "values": {"sku": "{{ $record.sku }}", "count": 3}}),
            ),
            step("two", &json!({"action": "insert", "table": "{{ \"stock\" }}", "id": 7, "values": {"sku": "b"}})),
            step(
                "all",
                &json!({"action": "find", "table": "stock", "order_field": "count", "order_type": "desc", "limit": 1}),
            ),
            step("that", &json!({"action": "find", "table": "stock", "id": "{{ $steps.two.row.id }}"})),
            step(
                "more",
                &json!({
                    "action": "update", "table": "stock", "where": rule("sku", "=", "{{ $record.sku }}"),
                    "values": {"count": "{{ $steps.one.row.count + 1 }}"},
                }),
            ),
            step(
                "miss",
                &json!({"action": "update", "table": "stock", "id": 7, "where": rule("count", ">", "5"), "values": {"count": 9}}),
            ),
            step("gone", &json!({"action": "delete", "table": "stock", "where": rule("sku", "begins_with", "B")})),
            r#"{"id":"data","kind":"transform","fields":{"output":{"sku":"c"}}}"#.to_owned(),
            step("input", &json!({"action": "insert", "table": "stock"})),
        ],
        r#"{"sku":"a"}"#,
    );
    let outputs = works.outputs("r");
    assert_eq!(outputs["none"], json!({"rows": [], "count": 0, "max_results": 0}));
    let at = "2026-01-15 12:00:00";
    let row = |id: &str, sku: &str, count: i64| json!({"id": id, "date_created": at, "date_updated": at, "sku": sku, "count": count});
    assert_eq!(outputs["one"], json!({"row": row("1", "a", 3)}));
    assert_eq!(outputs["all"], json!({"rows": [row("1", "a", 3)], "count": 1, "max_results": 2}));
    assert_eq!(outputs["that"]["rows"], json!([row("7", "b", 0)]));
    assert_eq!(outputs["more"], json!({"rows": [row("1", "a", 4)], "count": 1}));
    assert_eq!(outputs["miss"], json!({"rows": [], "count": 0}));
    assert_eq!(outputs["gone"], json!({"rows": [row("7", "b", 0)], "count": 1}));
    assert_eq!(outputs["input"], json!({"row": row("8", "c", 0)}));
    assert_eq!(rows(&works), [("a".to_owned(), 4), ("c".to_owned(), 0)]);
}

#[test]
fn what_is_refused_is_the_steps_failure_and_changes_nothing() {
    let works = stocked();
    for sku in ["a", "b"] {
        let row = json!({"sku": sku}).to_string();
        assert_eq!(works.send("POST", "/v1/tables/stock", &[], &row).status, 200);
    }
    let before = rows(&works);
    for (number, (fields, kind, message)) in [
        (json!({"action": "find", "table": "none"}), "not_found", "There is no table 'none'"),
        (json!({"action": "insert", "table": "stock", "values": {"sku": "a"}}), "refused", "sku must be unique, but another row has 'a'"),
        (json!({"action": "insert", "table": "stock", "values": {"count": 1}}), "refused", "sku is required"),
        (json!({"action": "insert", "table": "stock", "id": 2, "values": {"sku": "c"}}), "refused", "stock has a row 2 already"),
        (json!({"action": "insert", "table": "stock", "values": "{{ 1 }}"}), "expression", "values: it must come to an object"),
        (
            json!({"action": "update", "table": "stock", "where": rule("count", "=", "0"), "values": {"sku": "z", "count": 5}}),
            "refused",
            "sku must be unique, but several rows would get the same",
        ),
        (
            json!({"action": "update", "table": "stock", "where": rule("count", "=", "0"), "values": {"count": "many"}}),
            "refused",
            "count is 'many', but must be a whole number of 64 bits",
        ),
        (
            json!({"action": "update", "table": "stock", "where": "{{ {} }}", "values": {"count": 1}}),
            "refused",
            "Either the row's id must be given, or where must have rules",
        ),
        (json!({"action": "delete", "table": "stock", "id": 99}), "not_found", "There is no row '99' in table stock"),
        (json!({"action": "find", "table": "stock", "id": "x"}), "expression", "id: it must come to a whole number"),
        (json!({"action": "find", "table": "stock", "limit": 101}), "refused", "limit is 101, but must be from 0 to 100"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("Flow {number}");
        works.publish(&name, &chain(&[&step("it", &fields)]));
        works.insert(&name, &name, "{}");
        works.app.run_due();
        let history = works.resource("GET", &format!("/v1/record/history?uuid={}", name.replace(' ', "%20")), "");
        let told = history.to_string();
        assert!(told.contains(kind) && told.contains(message), "{fields}: {told}");
        assert_eq!(rows(&works), before, "{fields}");
    }
}

#[test]
fn what_steps_may_be_is_checked_before_they_are_published() {
    let works = stocked();
    for (fields, reason) in [
        (json!({"table": "stock"}), "\"action\" is a required property"),
        (json!({"action": "take", "table": "stock"}), "fields.action: value is not one of"),
        (json!({"action": "find"}), "\"table\" is a required property"),
        (json!({"action": "update", "table": "stock"}), "fields must have id or where"),
        (json!({"action": "delete", "table": "stock", "limit": 1}), "fields must have id or where"),
        (json!({"action": "insert", "table": "stock", "where": {}}), "there is no field fields.where"),
        (json!({"action": "find", "table": "stock", "values": {}}), "there is no field fields.values"),
        (json!({"action": "find", "table": "none"}), "there is no table 'none'"),
    ] {
        let graph = chain(&[&step("it", &fields)]);
        let found = works.run(LintFlow { source: Source::Graph(graph) }).expect("findings");
        assert!(found.len() == 1 && found[0].text.contains(reason), "{fields}: {found:?}");
    }
}

/// How many commits a run of two insertions is: one for each, and one at the end.
const EDGES: usize = 3;

/// Ends a gateway at the edge of that number, counted from 0; false if the run has no such edge.
fn ends_at(edge: &str, number: usize) -> bool {
    let place = Place::new();
    let insertion =
        |id: &str, sku: &str| step(id, &json!({"action": "insert", "table": "stock", "values": {"sku": sku}}));
    let last = r#"{"id":"last","kind":"transform","fields":{"output":"{{ row.id }}"}}"#;
    Sight::furnish(&place, &chain(&[&insertion("one", "a"), &insertion("two", "{{ row.id }}"), last]));
    place.succeed("table add --customer Testing stock --column sku:text");
    let (sight, points, has_ended) = end_and_go_on(&place, edge, number, EDGES);
    let rows = place.succeed("table export --customer Testing stock --no-header");
    let skus: Vec<_> = rows.lines().map(|line| line.rsplit(',').next().expect("a field")).collect();
    assert_eq!(skus, ["a", "1"], "{points}");
    assert_eq!(sight.record("r").expect("a record").status, RecordStatus::Finished, "{points}");
    has_ended
}

#[test]
fn a_row_is_inserted_once_whichever_commit_the_process_ends_at() {
    at_every_edge(EDGES, ends_at);
}

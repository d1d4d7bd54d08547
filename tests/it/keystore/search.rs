//! The search: operators on ways into packages, what is selected, and how much is answered.

use serde_json::{Value, json};

use super::{ask, kept, put, refusal};
use crate::engine::Works;

fn filled() -> Works {
    let works = kept();
    for (key, value) in [
        (
            "amsterdam",
            json!({"city": "Amsterdam", "temp": {"max": 9, "average": "9.5"}, "days": [{"max": 8}, {"max": 10}]}),
        ),
        ("berlin", json!({"city": "BERLIN", "temp": {"max": 10.0, "average": 25}, "wind": null})),
        ("london", json!({"city": "London", "temp": {"max": "15", "average": 25.5}, "tags": ["big", "wet"]})),
        ("Madrid", json!({"city": "Madrid", "temp": {"max": 9_007_199_254_740_993_i64}, "dry": true})),
        ("plain", json!("just a text")),
        ("zürich", json!({"city": "Zürich", "temp": 3, "wind": ""})),
    ] {
        put(&works, &format!("weather/{}", key.replace('ü', "%C3%BC")), &value);
    }
    works
}

fn search(works: &Works, body: &Value) -> crate::support::Answer {
    ask(works, "POST", "weather", "application/json", &body.to_string())
}

/// The keys of what satisfies a rule, in the order of the answer.
fn keys(works: &Works, condition: &Value) -> Vec<String> {
    let answer = search(works, &json!({"select": [{"field": "key"}], "where": condition}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_array().expect("rows").iter().map(|row| row["key"].as_str().expect("a key").to_owned()).collect()
}

#[test]
fn rules_are_decided_as_documented() {
    let works = filled();
    for (field, operator, value, expected) in [
        ("temp.max", ">", json!("9"), "Madrid berlin london"),
        ("temp.max", "=", json!("10"), "berlin"),
        ("temp.max", "=>", json!(10), "Madrid berlin london"),
        ("temp.max", ">=", json!(15), "Madrid london"),
        ("temp.max", "<", json!("10"), "amsterdam"),
        ("temp.max", "<=", json!("10"), "amsterdam berlin"),
        ("temp.max", "=", json!(9_007_199_254_740_992_i64), ""),
        ("temp.max", "=", json!(9_007_199_254_740_993_i64), "Madrid"),
        ("temp.max", "between", json!([9, "10"]), "amsterdam berlin"),
        ("temp.max", "in", json!(["9", 15]), "amsterdam london"),
        ("temp.average", ">", json!("25"), "london"),
        ("temp.average", "<>", json!("25"), "Madrid amsterdam london plain zürich"),
        ("temp.average", "!=", json!(25.0), "Madrid amsterdam london plain zürich"),
        ("city", "LIKE", json!("lond%"), "london"),
        ("city", "like", json!("%ER%"), "amsterdam berlin"),
        ("city", "LIKE", json!("%"), "Madrid amsterdam berlin london zürich"),
        ("city", "begins_with", json!("zÜ"), "zürich"),
        ("city", "=", json!("berlin"), ""),
        ("city", "=", json!("BERLIN"), "berlin"),
        ("wind", "is_empty", json!(null), "Madrid amsterdam berlin london plain zürich"),
        ("days.1.max", "=", json!(10), "amsterdam"),
        ("days.0.max", "=", json!(10), ""),
        ("days.2.max", "is_not_empty", json!(null), ""),
        ("tags", "contains", json!("wet"), "london"),
        ("dry", "=", json!(true), "Madrid"),
        ("dry", "=", json!("true"), "Madrid"),
        ("*", "contains", json!("just"), "plain"),
        ("key", "=", json!("london"), "london"),
        ("keystore.key", "=", json!("London"), ""),
        ("key", "in", json!(["plain", "berlin", "nowhere", "berlin"]), "berlin plain"),
        ("key", "begins_with", json!("MA"), "Madrid"),
        ("key", "not_begins_with", json!("m"), "amsterdam berlin london plain zürich"),
        ("key", ">", json!("london"), "Madrid plain zürich"),
    ] {
        let rule = json!({"rules": [{"field": field, "operator": operator, "value": value}]});
        assert_eq!(keys(&works, &rule).join(" "), expected, "{rule}");
    }
    for (condition, expected) in [
        (
            json!({"condition": "and", "rules": [
                {"field": "key", "operator": "in", "value": ["london", "berlin"]},
                {"field": "temp.average", "operator": ">", "value": 25},
            ]}),
            "london",
        ),
        (
            json!({"condition": "Or", "rules": [
                {"field": "key", "operator": "=", "value": "plain"},
                {"condition": "AND", "rules": [
                    {"field": "city", "operator": "LIKE", "value": "%n"}, {"field": "temp.max", "operator": ">", "value": 11},
                ]},
            ]}),
            "london plain",
        ),
        (json!({}), "Madrid amsterdam berlin london plain zürich"),
    ] {
        assert_eq!(keys(&works, &condition).join(" "), expected, "{condition}");
    }
}

#[test]
fn what_is_selected_is_a_text_and_what_is_missing_null() {
    let works = filled();
    let select = json!([
        {"field": "key"}, {"field": "keystore.key", "alias": "k"}, {"field": "city"}, {"field": "temp.max"},
        {"field": "days.1", "alias": "second"}, {"field": "wind"}, {"field": "dry", "alias": "D r y"}, {"field": "tags.0"},
    ]);
    let found = search(
        &works,
        &json!({"select": select, "where": {"rules": [
        {"field": "key", "operator": "in", "value": ["amsterdam", "Madrid", "london"]}]}}),
    );
    let row = |key: &str, city: &str, max: &str, second: Value, dry: Value, tag: Value| json!({"key": key, "k": key, "city": city, "temp.max": max, "second": second, "wind": null, "D r y": dry, "tags.0": tag});
    assert_eq!(
        found.json(),
        json!([
            row("Madrid", "Madrid", "9007199254740993", json!(null), json!("true"), json!(null)),
            row("amsterdam", "Amsterdam", "9", json!(r#"{"max":10}"#), json!(null), json!(null)),
            row("london", "London", "15", json!(null), json!(null), json!("big")),
        ])
    );
    ask(&works, "PUT", "letters/a", "text/plain", "Dear\n\"you\"");
    ask(&works, "PUT", "letters/b", "application/json", r#"{ "n": 1 }"#);
    let body = r#"{"select":[{"field":"*"},{"field":"n"}]}"#;
    let found = ask(&works, "POST", "letters", "application/json", body).json();
    assert_eq!(found, json!([{"*": "Dear\n\"you\"", "n": null}, {"*": "{ \"n\": 1 }", "n": "1"}]));
}

#[test]
fn a_search_may_be_plain_text_as_well() {
    let works = filled();
    let body = r#"{"select":[{"field":"key"}],"where":{"rules":[{"field":"key","operator":"=","value":"plain"}]}}"#;
    let answer = ask(&works, "POST", "weather", "text/plain", body);
    assert_eq!((answer.text().as_str(), answer.header("x-total-count")), (r#"[{"key":"plain"}]"#, Some("1")));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
}

#[test]
fn a_part_of_the_rows_can_be_asked_for_and_how_many_there_are_is_told() {
    let works = kept();
    for number in 0..40 {
        put(&works, &format!("weather/2026-01-{number:02}"), &json!({"n": number, "pad": "x".repeat(number * 100)}));
    }
    let part = |limit: i64, offset: i64| {
        let condition = json!({"rules": [{"field": "n", "operator": ">=", "value": 10}]});
        let body = json!({"select": [{"field": "n"}], "where": condition, "limit": limit, "offset": offset});
        let answer = search(&works, &body);
        let rows: Vec<Value> = answer.json().as_array().expect("rows").iter().map(|row| row["n"].clone()).collect();
        (rows.len(), rows.first().cloned(), answer.header("x-total-count").expect("a total").to_owned())
    };
    assert_eq!(part(1000, 0), (30, Some(json!("10")), "30".to_owned()));
    assert_eq!(part(7, 0), (7, Some(json!("10")), "30".to_owned()));
    assert_eq!(part(7, 28), (2, Some(json!("38")), "30".to_owned()));
    assert_eq!(part(7, 30), (0, None, "30".to_owned()));
    let narrowed = json!({"rules": [{"field": "key", "operator": "begins_with", "value": "2026-01-3"}]});
    assert_eq!(keys(&works, &narrowed).len(), 10);
    for (name, value) in [("limit", 0), ("limit", 1001), ("offset", -1)] {
        let body = json!({"select": [{"field": "n"}], name: value});
        assert!(refusal(&search(&works, &body), 400).starts_with(&format!("{name} must be from ")), "{name} {value}");
    }
}

#[test]
fn an_answer_does_not_become_larger_than_it_may() {
    let works = kept();
    let large = "x".repeat(1_000_000);
    for number in 0..18 {
        put(&works, &format!("weather/{number}"), &json!(large));
    }
    let said = refusal(&search(&works, &json!({"select": [{"field": "*"}]})), 400);
    assert_eq!(said, "The answer would be larger than 16777216 bytes; ask for fewer with limit");
    assert_eq!(search(&works, &json!({"select": [{"field": "*"}], "limit": 10})).status, 200);
    assert_eq!(search(&works, &json!({"select": [{"field": "key"}]})).header("x-total-count"), Some("18"));
}

#[test]
fn what_cannot_be_searched_is_said_with_its_place() {
    let works = filled();
    let select = json!([{"field": "key"}]);
    let rule = |rule: Value| json!({"select": [{"field": "key"}], "where": {"rules": [rule]}});
    for (body, reason) in [
        (json!({}), "missing field `select`"),
        (json!({"select": []}), "select must have from 1 to 100 fields"),
        (json!({"select": "key"}), "select must be a list of fields"),
        (json!({"select": [{"alias": "x"}]}), "select[0] is not as expected: missing field `field`"),
        (json!({"select": [{"field": "a..b"}]}), "select[0].field must be key, or from 1 to 32 names"),
        (json!({"select": [{"field": "a"}, {"field": "b", "alias": "a"}]}), "select[1].alias: there is a 'a' already"),
        (json!({"select": [{"field": "a"}, {"field": "a"}]}), "select[1].field: there is a 'a' already"),
        (json!({"select": [{"field": "a", "alias": "x".repeat(129)}]}), "select[0].alias must have from 1 to 128"),
        (json!({"select": select, "order": "key"}), "unknown field `order`"),
        (json!({"select": select, "limit": "many"}), "limit must be a whole number, not 'many'"),
        (rule(json!({"field": "a.", "operator": "=", "value": 1})), "where.rules[0].field must be key, or"),
        (rule(json!({"field": "a", "operator": "~", "value": 1})), "where.rules[0].operator is '~'"),
        (rule(json!({"field": "a", "operator": "="})), "where.rules[0].value is required"),
        (rule(json!({"operator": "=", "value": 1})), "where.rules[0].field is required"),
    ] {
        let said = refusal(&search(&works, &body), 400);
        assert!(said.contains(reason), "{body}: {said}");
    }
}

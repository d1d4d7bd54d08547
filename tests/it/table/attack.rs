//! What is written to break out of a statement, a path or a document is a name, an operator or a value like any other.

use serde_json::{Value, json};

use super::Tables;

const NASTY: [&str; 12] = [
    "'; DROP TABLE table_row; --",
    "\" OR \"1\"=\"1",
    "x') OR 1=1 --",
    "$1",
    "?1",
    ":a",
    "%",
    "_\\%",
    "a\u{0}b",
    "😀\u{301}",
    "\u{FEFF}\u{202E}",
    "1; PRAGMA journal_mode=DELETE",
];

#[test]
fn values_are_only_values() {
    let tables = Tables::start();
    tables.define(&json!({"name": "t", "columns": [
        {"name": "plain", "type": "text"}, {"name": "keyed", "type": "text", "indexed": true},
        {"name": "once", "type": "text", "unique": true},
    ]}));
    for (number, text) in NASTY.iter().enumerate() {
        let id = tables.insert("t", &json!({"plain": text, "keyed": text, "once": text}));
        assert_eq!(id, (number + 1).to_string());
        assert_eq!(tables.json("GET", &format!("/t/{id}"), &Value::Null)["data"][0]["plain"], *text);
    }
    for (number, text) in NASTY.iter().enumerate() {
        let own = [(number + 1).to_string()];
        for column in ["plain", "keyed", "once"] {
            assert_eq!(tables.by("t", column, "=", &json!(text)), own, "{column} {text:?}");
            assert_eq!(tables.by("t", column, "in", &json!([text])), own, "{column} {text:?}");
            assert_eq!(tables.by("t", column, "between", &json!([text, text])), own, "{column} {text:?}");
            assert!(tables.by("t", column, "begins_with", &json!(text)).contains(&own[0]), "{column} {text:?}");
            assert!(tables.by("t", column, "contains", &json!(text)).contains(&own[0]), "{column} {text:?}");
            assert_eq!(tables.by("t", column, "!=", &json!(text)).len(), NASTY.len() - 1, "{column} {text:?}");
        }
        assert_eq!(tables.refusal("POST", "/t", &json!({"once": text})).0, 409, "{text:?}");
    }
    assert_eq!(tables.json("POST", "/t/search", &json!({}))["max_results"], NASTY.len());
}

#[test]
fn names_and_operators_are_only_looked_up() {
    let tables = Tables::users();
    tables.insert("users", &json!({"age": 1}));
    for text in NASTY {
        for body in [
            json!({"where": {"rules": [{"field": text, "operator": "=", "value": 1}]}}),
            json!({"where": {"rules": [{"field": "age", "operator": text, "value": 1}]}}),
            json!({"where": {"condition": text, "rules": []}}),
            json!({"where": {text: []}}),
            json!({"where": {"rules": [{"field": "age", "operator": "=", "value": text}]}}),
            json!({"order_field": text}),
            json!({"order_type": text}),
            json!({"limit": text}),
            json!({text: 1}),
        ] {
            let (status, message) = tables.refusal("POST", "/users/search", &body);
            assert!(status == 400 && !message.contains("SQL") && !message.contains("syntax"), "{status} {message}");
        }
        assert_eq!(tables.refusal("POST", "/users", &json!({text: 1})).0, 400);
        assert_eq!(
            tables.refusal("PUT", "/users/1", &json!({"columns": [{"column_name": text, "column_value": 1}]})).0,
            400
        );
        assert_eq!(tables.refusal("POST", "", &json!({"name": text})).0, 400);
        assert_eq!(
            tables.refusal("POST", "", &json!({"name": "n", "columns": [{"name": text, "type": "text"}]})).0,
            400
        );
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, _) = tables.refusal("GET", &format!("/{escaped}/1"), &Value::Null);
        assert_eq!(status, 404, "{text:?}");
        assert_eq!(tables.refusal("GET", &format!("/users/{escaped}"), &Value::Null).0, 400, "{text:?}");
    }
    assert_eq!(tables.json("POST", "/users/search", &json!({}))["max_results"], 1);
}

#[test]
fn large_questions_are_answered_or_refused_and_nothing_breaks() {
    let tables = Tables::users();
    for age in 0..20 {
        tables.insert("users", &json!({"age": age, "username": format!("u{age}")}));
    }
    let values: Vec<i64> = (0..1_000).collect();
    assert_eq!(tables.by("users", "age", "in", &json!(values)).len(), 20);
    assert_eq!(tables.by("users", "username", "not_in", &json!(values)).len(), 20);
    let rule = |field: &str, value: i64| json!({"field": field, "operator": ">=", "value": value});
    let many: Vec<Value> =
        (0..100).map(|number| rule(if number % 2 == 0 { "age" } else { "id" }, number / 10)).collect();
    assert_eq!(tables.found("users", &json!({"rules": many})).len(), 11);
    assert_eq!(tables.found("users", &json!({"condition": "OR", "rules": many})).len(), 20);
    let deep = (0..7).fold(rule("age", 19), |inner, _| json!({"condition": "OR", "rules": [inner, rule("age", 19)]}));
    assert_eq!(tables.found("users", &deep), ["20"]);
    let deeper = (0..9).fold(rule("age", 19), |inner, _| json!({"rules": [inner]}));
    assert_eq!(tables.refusal("POST", "/users/search", &json!({"where": deeper})).0, 400);
    let pattern = "%a".repeat(500);
    tables.insert("users", &json!({"username": "a".repeat(100_000)}));
    assert_eq!(tables.by("users", "username", "LIKE", &json!(pattern)), ["21"]);
}

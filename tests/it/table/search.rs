//! Searching: every operator on columns with and without an index, orders, pages, and what is said of a wrong question.

use serde_json::{Value, json};

use super::{Tables, ids};

/// A table in which each column is there twice: with an index and without.
fn twice() -> Tables {
    let tables = Tables::start();
    let kinds = ["text", "integer", "number", "boolean", "date", "datetime"];
    let column = |kind: &str, indexed: bool| {
        let name = if indexed { format!("i_{kind}") } else { kind.to_owned() };
        json!({"name": name, "type": kind, "indexed": indexed})
    };
    let columns: Vec<Value> = kinds.iter().flat_map(|kind| [column(kind, false), column(kind, true)]).collect();
    tables.define(&json!({"name": "t", "columns": columns}));
    tables
}

fn put(tables: &Tables, kind: &str, value: &Value) -> String {
    tables.insert("t", &json!({kind: value, format!("i_{kind}"): value}))
}

/// What a rule finds, by both columns alike.
fn by(tables: &Tables, kind: &str, operator: &str, value: &Value) -> Vec<usize> {
    let found = tables.by("t", kind, operator, value);
    assert_eq!(found, tables.by("t", &format!("i_{kind}"), operator, value), "{kind} {operator} {value}");
    found.iter().map(|id| id.parse().expect("a number")).collect()
}

#[test]
fn every_operator_on_texts() {
    let tables = twice();
    for text in [json!("London"), json!("london"), json!("Lyon"), json!(""), json!(null), json!("100%_\\"), json!("18")]
    {
        put(&tables, "text", &text);
    }
    for (operator, value, expected) in [
        ("=", json!("London"), vec![1]),
        ("=", json!(18), vec![7]),
        ("!=", json!("London"), vec![2, 3, 4, 5, 6, 7]),
        ("<>", json!("London"), vec![2, 3, 4, 5, 6, 7]),
        ("<", json!("london"), vec![1, 4, 6, 7]),
        ("<=", json!("london"), vec![1, 2, 4, 6, 7]),
        (">", json!("London"), vec![2, 3]),
        (">=", json!("London"), vec![1, 2, 3]),
        ("=>", json!("London"), vec![1, 2, 3]),
        ("between", json!(["L", "london"]), vec![1, 2]),
        ("not_between", json!(["L", "london"]), vec![3, 4, 5, 6, 7]),
        ("between", json!(["z", "a"]), vec![]),
        ("in", json!(["Lyon", "London", "none"]), vec![1, 3]),
        ("in", json!([]), vec![]),
        ("not_in", json!(["Lyon", "London"]), vec![2, 4, 5, 6, 7]),
        ("LIKE", json!("lond%"), vec![1, 2]),
        ("like", json!("%O_"), vec![1, 2, 3]),
        ("LIKE", json!("100\\%\\_%"), vec![6]),
        ("LIKE", json!("%"), vec![1, 2, 3, 4, 6, 7]),
        ("begins_with", json!("LON"), vec![1, 2]),
        ("not_begins_with", json!("LON"), vec![3, 4, 5, 6, 7]),
        ("begins_with", json!(1), vec![6, 7]),
        ("ends_with", json!("ON"), vec![1, 2, 3]),
        ("not_ends_with", json!("ON"), vec![4, 5, 6, 7]),
        ("contains", json!("D"), vec![1, 2]),
        ("not_contains", json!("d"), vec![3, 4, 5, 6, 7]),
        ("is_empty", json!(null), vec![4, 5]),
        ("is_not_empty", json!(null), vec![1, 2, 3, 6, 7]),
    ] {
        assert_eq!(by(&tables, "text", operator, &value), expected, "{operator} {value}");
    }
}

#[test]
fn every_operator_on_numbers() {
    let tables = twice();
    for number in [json!(9), json!(10), json!(-1), json!(null), json!(i64::MAX), json!(i64::MAX - 1)] {
        put(&tables, "integer", &number);
    }
    for (operator, value, expected) in [
        ("=", json!("10"), vec![2]),
        ("=", json!(10.0), vec![2]),
        ("=", json!(9.5), vec![]),
        ("!=", json!(9.5), vec![1, 2, 3, 4, 5, 6]),
        ("<", json!("10"), vec![1, 3]),
        ("<", json!(9.5), vec![1, 3]),
        ("<=", json!(9.5), vec![1, 3]),
        (">", json!(9.5), vec![2, 5, 6]),
        (">=", json!(9.5), vec![2, 5, 6]),
        (">", json!(-0.5), vec![1, 2, 5, 6]),
        ("=", json!(i64::MAX), vec![5]),
        (">", json!(i64::MAX - 1), vec![5]),
        ("<", json!(1e300), vec![1, 2, 3, 5, 6]),
        (">", json!(-1e300), vec![1, 2, 3, 5, 6]),
        ("between", json!(["-1", 9]), vec![1, 3]),
        ("not_between", json!([-1, 9]), vec![2, 4, 5, 6]),
        ("in", json!([9, "10", 3.5]), vec![1, 2]),
        ("not_in", json!([9, "10"]), vec![3, 4, 5, 6]),
        ("contains", json!("0"), vec![2, 5, 6]),
        ("begins_with", json!("-"), vec![3]),
        ("LIKE", json!("1_"), vec![2]),
        ("is_empty", json!(""), vec![4]),
        ("is_not_empty", json!(""), vec![1, 2, 3, 5, 6]),
    ] {
        assert_eq!(by(&tables, "integer", operator, &value), expected, "{operator} {value}");
    }
    let tables = twice();
    for number in [json!(0.5), json!("-2"), json!(1e300), json!(9_007_199_254_740_992_i64), json!(0)] {
        put(&tables, "number", &number);
    }
    for (operator, value, expected) in [
        ("=", json!("0.5"), vec![1]),
        ("=", json!(0.0), vec![5]),
        ("=", json!(-0.0), vec![5]),
        (">", json!(9_007_199_254_740_991_i64), vec![3, 4]),
        (">=", json!(9_007_199_254_740_993_i64), vec![3]),
        ("=", json!(9_007_199_254_740_993_i64), vec![]),
        ("<", json!(9_007_199_254_740_993_i64), vec![1, 2, 4, 5]),
        ("between", json!([-2, 0.5]), vec![1, 2, 5]),
    ] {
        assert_eq!(by(&tables, "number", operator, &value), expected, "{operator} {value}");
    }
}

#[test]
fn every_operator_on_booleans_and_dates() {
    let tables = twice();
    for truth in [json!(true), json!("FALSE"), json!(null), json!(1)] {
        put(&tables, "boolean", &truth);
    }
    for (operator, value, expected) in [
        ("=", json!(true), vec![1, 4]),
        ("=", json!("0"), vec![2]),
        ("!=", json!(true), vec![2, 3]),
        ("<", json!(true), vec![2]),
        ("contains", json!("ALS"), vec![2]),
        ("is_empty", json!(""), vec![3]),
    ] {
        assert_eq!(by(&tables, "boolean", operator, &value), expected, "{operator} {value}");
    }
    let tables = twice();
    for moment in ["2019-04-09 15:31:21", "2019-04-09T23:59:59Z", "10-04-2019", "2019-04-10T01:00:00+02:00"] {
        put(&tables, "datetime", &json!(moment));
    }
    for (operator, value, expected) in [
        ("=", json!("2019-04-09T17:31:21+02:00"), vec![1]),
        ("<", json!("2019-04-10"), vec![1, 2, 4]),
        ("=>", json!("2019-04-10"), vec![3]),
        ("between", json!(["2019-04-09 23:00", "2019-04-10"]), vec![2, 3, 4]),
        ("begins_with", json!("2019-04-09 2"), vec![2, 4]),
        ("ends_with", json!(":00"), vec![3, 4]),
    ] {
        assert_eq!(by(&tables, "datetime", operator, &value), expected, "{operator} {value}");
    }
    put(&tables, "date", &json!("2019-04-09"));
    put(&tables, "date", &json!("10-04-2019"));
    assert_eq!(by(&tables, "date", ">", &json!("09-04-2019")), [6]);
    assert_eq!(by(&tables, "date", "LIKE", &json!("%-04-1_")), [6]);
}

#[test]
fn what_every_row_has_is_searched_and_ordered_by() {
    let tables = Tables::users();
    for number in 0..3 {
        tables.insert("users", &json!({"age": number}));
        tables.app.app.clock.advance(1_500);
    }
    tables.json("PUT", "/users/1", &json!({"username": "x"}));
    for (field, operator, value, expected) in [
        ("id", "=", json!("2"), vec!["2"]),
        ("id", ">", json!(1.5), vec!["2", "3"]),
        ("id", "in", json!([3, "1", 9]), vec!["1", "3"]),
        ("id", "!=", json!(2), vec!["1", "3"]),
        ("id", "contains", json!("2"), vec!["2"]),
        ("id", "is_empty", json!(""), vec![]),
        ("date_created", "=", json!("2026-01-15 12:00:01"), vec!["2"]),
        ("date_created", "<=", json!("2026-01-15 12:00:01"), vec!["1", "2"]),
        ("date_created", "<", json!("9999-12-31"), vec!["1", "2", "3"]),
        ("date_created", "begins_with", json!("2026-01-15 12:00:03"), vec!["3"]),
        ("date_updated", ">", json!("2026-01-15T12:00:03Z"), vec!["1"]),
        ("date_updated", "not_between", json!(["2026-01-15 12:00:02", "2026-01-16"]), vec!["2"]),
    ] {
        assert_eq!(tables.by("users", field, operator, &value), expected, "{field} {operator} {value}");
    }
    for (field, kind, expected) in [
        ("date_updated", "ASC", ["2", "3", "1"]),
        ("date_updated", "desc", ["1", "3", "2"]),
        ("date_created", "Desc", ["3", "2", "1"]),
        ("id", "DESC", ["3", "2", "1"]),
        ("", "", ["1", "2", "3"]),
    ] {
        let found = tables.json("POST", "/users/search", &json!({"order_field": field, "order_type": kind}));
        assert_eq!(ids(&found), expected, "{field} {kind}");
    }
}

#[test]
fn conditions_are_joined_and_nested() {
    let tables = Tables::users();
    for (name, age) in [("Ann", 20), ("bob", 30), ("Cid", 40), ("dan", 50)] {
        tables.insert("users", &json!({"username": name, "age": age}));
    }
    let rule =
        |field: &str, operator: &str, value: Value| json!({"field": field, "operator": operator, "value": value});
    let (old, young) = (rule("age", ">", json!(35)), rule("age", "<", json!(25)));
    let named = rule("username", "in", json!(["Ann", "dan"]));
    for (filter, expected) in [
        (json!({"rules": [old, named]}), vec!["4"]),
        (json!({"condition": "and", "rules": [old, young]}), vec![]),
        (json!({"condition": "Or", "rules": [old, young]}), vec!["1", "3", "4"]),
        (json!({"condition": "OR", "rules": [young, rule("username", "=", json!("bob"))]}), vec!["1", "2"]),
        (json!({"rules": [named, {"condition": "OR", "rules": [old, young]}]}), vec!["1", "4"]),
        (json!({"condition": "OR", "rules": [{"rules": [old, named]}, rule("id", "=", json!(2))]}), vec!["2", "4"]),
        (json!({"rules": [{"condition": "OR", "rules": [{"rules": [old, rule("age", "!=", json!(40))]}]}]}), vec!["4"]),
        (json!({"rules": []}), vec!["1", "2", "3", "4"]),
        (json!(null), vec!["1", "2", "3", "4"]),
    ] {
        assert_eq!(tables.found("users", &filter), expected, "{filter}");
    }
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let tables = Tables::users();
    for number in 0..53 {
        // Half of them have no age, and ages come several times.
        let age = if number % 2 == 0 { json!(number % 5) } else { json!(null) };
        tables.insert("users", &json!({"username": format!("{:02}", (number * 7) % 53), "age": age}));
    }
    for field in ["id", "age", "username"] {
        for kind in ["asc", "desc"] {
            for filter in [json!(null), json!({"rules": [{"field": "username", "operator": "<", "value": "40"}]})] {
                let expected = if filter.is_null() { 53 } else { 40 };
                let (mut seen, mut offset) = (Vec::new(), 0);
                loop {
                    let body = json!({"where": filter, "limit": 10, "offset": offset, "order_field": field, "order_type": kind});
                    let answer = tables.json("POST", "/users/search", &body);
                    let rows = answer["data"].as_array().expect("rows");
                    assert_eq!(answer["total"], rows.len());
                    assert_eq!((&answer["start_at"], &answer["offset"]), (&json!(offset), &json!(offset)));
                    assert_eq!((&answer["max_results"], &answer["limit"]), (&json!(expected), &json!(10)));
                    assert_eq!(answer["next_element"], offset + rows.len());
                    if rows.is_empty() {
                        break;
                    }
                    seen.extend(rows.iter().map(|row| (row[field].clone(), row["id"].clone())));
                    offset += rows.len();
                }
                assert_eq!(seen.len(), expected, "{field} {kind}");
                let key = |(value, id): &(Value, Value)| {
                    let id: i64 = id.as_str().expect("a number").parse().expect("a number");
                    let value = if field == "id" {
                        String::new()
                    } else {
                        value.as_i64().map_or(value.to_string(), |n| n.to_string())
                    };
                    // Nothing comes before everything.
                    (if value == "null" { String::new() } else { value }, id)
                };
                let mut sorted: Vec<_> = seen.iter().map(key).collect();
                sorted.sort();
                if kind == "desc" {
                    sorted.reverse();
                }
                assert_eq!(seen.iter().map(key).collect::<Vec<_>>(), sorted, "{field} {kind}");
            }
        }
    }
    let answer = tables.json("POST", "/users/search", &json!({"limit": 0}));
    assert_eq!((&answer["total"], &answer["max_results"]), (&json!(0), &json!(53)));
    assert_eq!(tables.call("POST", "/users/search", &json!(null)).json()["limit"], 100);
    assert_eq!(tables.json("POST", "/users/search", &json!({"limit": "7", "offset": "50"}))["total"], 3);
}

#[test]
fn a_wrong_question_is_refused_with_its_place() {
    let tables = Tables::users();
    let rule = |field: &str, operator: &str, value: Value| json!({"where": {"rules": [{"field": "age", "operator": "=", "value": 1}, {"field": field, "operator": operator, "value": value}]}});
    for (body, expected) in [
        (
            rule("name", "=", json!(1)),
            "where.rules[1].field: users has no column 'name'; it has username, password, type, age",
        ),
        (
            rule("age", "=", json!("x")),
            "where.rules[1].value is 'x', but age is compared with a whole number of 64 bits",
        ),
        (rule("id", "=", json!("x")), "where.rules[1].value is 'x', but id is compared with a whole number of 64 bits"),
        (
            rule("date_created", ">", json!("soon")),
            "where.rules[1].value is 'soon', but date_created is compared with a moment",
        ),
        (rule("age", "===", json!(1)), "where.rules[1].operator is '===', but must be one of =, !=, <>"),
        (rule("age", "between", json!([1])), "where.rules[1].value has 1 values, but must have two"),
        (rule("age", "in", json!(1)), "where.rules[1].value is 1, but must be a list of values"),
        (json!({"limit": 101}), "limit is 101, but must be from 0 to 100"),
        (json!({"limit": -1}), "limit is -1, but must be from 0 to 100"),
        (json!({"limit": "many"}), "limit is 'many', but must be a whole number"),
        (json!({"offset": -1}), "offset is -1, but must be at least 0"),
        (json!({"order_field": "name"}), "order_field: users has no column 'name'"),
        (json!({"order_type": "up"}), "order_type is 'up', but must be ASC or DESC"),
        (json!({"wher": {}}), "The body is not as expected: unknown field `wher`"),
        (json!({"where": []}), "where is a list, but must be an object"),
        (json!({"offset": 100_001, "order_field": "username"}), "offset is 100001, but may be at most 100000 unless"),
    ] {
        let (status, message) = tables.refusal("POST", "/users/search", &body);
        assert!(status == 400 && message.starts_with(expected), "{status} {message}");
    }
    // An offset beyond the end is no mistake where it costs nothing.
    let answer = tables.json("POST", "/users/search", &json!({"offset": i64::MAX}));
    assert_eq!((&answer["total"], &answer["next_element"]), (&json!(0), &json!(i64::MAX)));
}

//! Rows: what their columns take and refuse, what must be unique, which numbers they get, and repeated and conditional
//! requests.

use serde_json::{Value, json};

use super::Tables;

/// A table with a column of every kind.
fn kinds() -> Tables {
    let tables = Tables::start();
    tables.define(&json!({"name": "t", "columns": [
        {"name": "text", "type": "text"}, {"name": "integer", "type": "integer"}, {"name": "number", "type": "number"},
        {"name": "boolean", "type": "boolean"}, {"name": "date", "type": "date"}, {"name": "datetime", "type": "datetime"},
        {"name": "key", "type": "text", "indexed": true},
    ]}));
    tables
}

#[test]
fn values_are_kept_as_their_columns_have_them() {
    let tables = kinds();
    for (column, given, kept) in [
        ("text", json!("a'\";--\u{0}😀"), json!("a'\";--\u{0}😀")),
        ("text", json!(1.5), json!("1.5")),
        ("text", json!(true), json!("true")),
        ("text", json!(""), json!("")),
        ("integer", json!("18"), json!(18)),
        ("integer", json!(18.0), json!(18)),
        ("integer", json!(i64::MIN), json!(i64::MIN)),
        ("integer", json!(""), json!(null)),
        ("number", json!("1.50"), json!(1.5)),
        ("number", json!(2), json!(2)),
        ("number", json!(1e300), json!(1e300)),
        ("boolean", json!("True"), json!(true)),
        ("boolean", json!(0), json!(false)),
        ("date", json!("09-04-2019"), json!("2019-04-09")),
        ("datetime", json!("2019-04-09T15:31:21.5+02:00"), json!("2019-04-09 13:31:21")),
        ("datetime", json!("2019-04-09"), json!("2019-04-09 00:00:00")),
        ("datetime", json!(null), json!(null)),
    ] {
        let id = tables.insert("t", &json!({column: given}));
        let row = &tables.json("GET", &format!("/t/{id}"), &Value::Null)["data"][0];
        assert_eq!(row[column], kept, "{column} {given}");
        let others = row.as_object().expect("a row").values().filter(|value| value.is_null()).count();
        assert_eq!(others, 6 + usize::from(kept.is_null()));
    }
}

#[test]
fn what_a_column_does_not_take_is_refused_with_its_name() {
    let tables = kinds();
    let long = "x".repeat(1_001);
    for (body, status, expected) in [
        (json!({"integer": 1.5}), 400, "integer is 1.5, but must be a whole number of 64 bits"),
        (json!({"integer": "x'--"}), 400, "integer is 'x'--', but must be a whole number"),
        (json!({"integer": 9_223_372_036_854_775_808_u64}), 400, "integer is 9223372036854775808, but must be"),
        (json!({"integer": true}), 400, "integer is true, but must be"),
        (json!({"number": "1e400"}), 400, "number is '1e400', but must be a number"),
        (json!({"boolean": "yes"}), 400, "boolean is 'yes', but must be true or false"),
        (json!({"date": "2019-02-29"}), 400, "date is '2019-02-29', but must be a date such as"),
        (json!({"date": "2019-02-28 10:00:00"}), 400, "date is"),
        (json!({"datetime": 0}), 400, "datetime is 0, but must be a moment such as 2019-04-09 15:31:21"),
        (json!({"text": []}), 400, "text is a list, but must be a text"),
        (json!({"text": {"a": 1}}), 400, "text is an object, but must be a text"),
        (json!({"none": 1}), 400, "t has no column 'none'; it has text, integer"),
        (json!({"id": 1}), 400, "id is not given with the values"),
        (json!({"date_created": "2019-02-28"}), 400, "date_created is not given with the values"),
        (json!({"key": long}), 400, "key has 1001 bytes, but a text in an indexed column may have at most 1000"),
        (json!({"text": "x".repeat(256 << 10)}), 413, "The row takes 262"),
        (json!([]), 400, "The body is not as expected"),
        (
            json!({"columns": [{"column_name": "text"}]}),
            400,
            "columns[0] is not as expected: missing field `column_value`",
        ),
        (
            json!({"columns": [{"column_name": "text", "column_value": 1}, {"column_name": "text", "column_value": 1}]}),
            400,
            "columns[1]: 'text' is named twice",
        ),
        (json!({"columns": [], "text": 1}), 400, "The body has columns and 'text' beside it"),
    ] {
        let (given, message) = tables.refusal("POST", "/t", &body);
        assert!(given == status && message.starts_with(expected), "{given} {message}");
        tables.json("POST", "/t/1", &json!({"text": "there"}));
        if body.is_object() {
            let (given, message) = tables.refusal("PUT", "/t/1", &body);
            assert!(given == status && message.starts_with(expected), "{given} {message}");
        }
        let rows = tables.json("POST", "/t/search", &json!({}));
        assert_eq!((&rows["max_results"], &rows["data"][0]["text"]), (&json!(1), &json!("there")));
        tables.json("DELETE", "/t/1", &Value::Null);
    }
}

#[test]
fn required_default_and_unique_columns() {
    let tables = Tables::start();
    tables.define(&json!({"name": "t", "columns": [
        {"name": "sku", "type": "text", "required": true, "unique": true},
        {"name": "count", "type": "integer", "default": "5", "required": true},
        {"name": "code", "type": "number", "unique": true},
    ]}));
    let row = tables.json("POST", "/t", &json!({"sku": "a"}))["data"][0].clone();
    assert_eq!((&row["count"], &row["code"]), (&json!(5), &json!(null)));
    for (method, path, body, status, expected) in [
        ("POST", "/t", json!({}), 400, "sku is required"),
        ("POST", "/t", json!({"sku": null}), 400, "sku is required"),
        ("POST", "/t", json!({"sku": "b", "count": null}), 400, "count is required"),
        ("POST", "/t", json!({"sku": "a"}), 409, "sku must be unique, but another row has 'a'"),
        ("PUT", "/t/1", json!({"sku": null}), 400, "sku is required"),
    ] {
        let (given, message) = tables.refusal(method, path, &body);
        assert!(given == status && message == expected, "{given} {message}");
    }
    // What differs in case differs; what is null is never the same; and a row may keep what it has.
    for sku in ["A", "ä", "a "] {
        tables.insert("t", &json!({"sku": sku}));
    }
    tables.json("PUT", "/t/1", &json!({"sku": "a", "code": 1}));
    let (status, message) = tables.refusal("PUT", "/t/2", &json!({"code": "1.0"}));
    assert!(status == 409 && message == "code must be unique, but another row has '1'", "{message}");
    // Of several rows, all or none.
    let all = json!({"columns": [{"column_name": "code", "column_value": 7}], "where": {"rules": [{"field": "id", "operator": ">", "value": 1}]}});
    assert_eq!(tables.refusal("PUT", "/t", &all).0, 409);
    assert_eq!(tables.by("t", "code", "is_not_empty", &json!(null)), ["1"]);
    // What is free again can be taken.
    tables.json("PUT", "/t/1", &json!({"sku": "b"}));
    assert_eq!(tables.insert("t", &json!({"sku": "a"})), "5");
    tables.json("DELETE", "/t/5", &Value::Null);
    assert_eq!(tables.insert("t", &json!({"sku": "a"})), "6");
}

#[test]
fn numbers_are_given_once() {
    let tables = Tables::users();
    assert_eq!(tables.insert("users", &json!({})), "1");
    assert_eq!(tables.insert("users", &json!({})), "2");
    tables.json("DELETE", "/users/2", &Value::Null);
    assert_eq!(tables.insert("users", &json!({})), "3");
    tables.json("POST", "/users/100", &json!({}));
    tables.json("DELETE", "/users/100", &Value::Null);
    tables.json("POST", "/users/50", &json!({}));
    assert_eq!(tables.insert("users", &json!({})), "101");
    // A refused row uses none.
    assert_eq!(tables.refusal("POST", "/users", &json!({"age": "x"})).0, 400);
    assert_eq!(tables.insert("users", &json!({})), "102");
    let greatest = 9_007_199_254_740_991_i64;
    tables.json("POST", &format!("/users/{greatest}"), &json!({}));
    for path in
        ["/users/0", "/users/-1", "/users/x", "/users/9007199254740992", "/users/1.0", "/users/99999999999999999999"]
    {
        let (status, message) = tables.refusal("POST", path, &json!({}));
        assert!(status == 400 && message.contains("id is"), "{status} {message}");
    }
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"age": 1})), ("DELETE", Value::Null)] {
        assert_eq!(tables.refusal(method, "/users/x", &body).0, 400);
        let (status, message) = tables.refusal(method, "/users/4", &body);
        assert_eq!((status, message.as_str()), (404, "There is no row '4' in table users"));
    }
}

#[test]
fn rows_are_changed_only_where_it_is_said_which() {
    let tables = Tables::users();
    for age in 0..5 {
        tables.insert("users", &json!({"age": age, "username": "x"}));
    }
    let columns = json!([{"column_name": "username", "column_value": "y"}]);
    let rules = json!({"rules": [{"field": "age", "operator": ">", "value": 0}]});
    for (path, body, expected) in [
        ("/users", json!({"columns": columns}), "Either the row's id must be given, or where must have rules"),
        ("/users", json!({"columns": columns, "where": {}}), "Either the row's id"),
        ("/users", json!({"columns": columns, "where": {"rules": []}, "limit": 1}), "Either the row's id"),
        ("/users", json!({"where": rules}), "columns must name at least one column"),
        ("/users/1", json!({"columns": []}), "columns must name at least one column"),
        ("/users/1", json!({}), "columns must name at least one column"),
        ("/users", json!({"columns": columns, "where": rules, "limit": 101}), "limit is 101"),
        (
            "/users",
            json!({"columns": columns, "where": rules, "extra": 1}),
            "The body has columns and 'extra' beside it",
        ),
    ] {
        let (status, message) = tables.refusal("PUT", path, &body);
        assert!(status == 400 && message.starts_with(expected), "{status} {message}");
    }
    assert_eq!(tables.by("users", "username", "=", &json!("y")), Vec::<String>::new());
    let order = json!({"columns": columns, "where": rules, "limit": 2, "offset": 1, "order_field": "age", "order_type": "desc"});
    tables.app.app.clock.advance(5_000);
    let answer = tables.json("PUT", "/users", &order);
    assert_eq!((super::ids(&answer), &answer["total"]), (vec!["4".to_owned(), "3".to_owned()], &json!(2)));
    assert_eq!(answer["data"][0]["date_created"], "2026-01-15 12:00:00");
    assert_eq!(answer["data"][0]["date_updated"], "2026-01-15 12:00:05");
    assert_eq!(tables.by("users", "username", "=", &json!("y")), ["3", "4"]);
    // What is changed is found by what it is now, and not by what it was.
    tables.json("PUT", "/users/3", &json!({"age": 77}));
    assert_eq!(tables.by("users", "age", "=", &json!(77)), ["3"]);
    assert_eq!(tables.by("users", "age", "=", &json!(2)), Vec::<String>::new());
    tables.json("PUT", "/users/3", &json!({"age": null}));
    assert_eq!(tables.by("users", "age", "is_empty", &json!(null)), ["3"]);
}

#[test]
fn repeated_requests_insert_once() {
    let tables = Tables::users();
    let insert = |key: &str, body: &Value| tables.call_with("POST", "/users", &[("Idempotency-Key", key)], body);
    let first = insert("one", &json!({"age": 1}));
    let second = insert("one", &json!({"age": 1}));
    assert_eq!((first.text(), second.header("idempotency-replayed")), (second.text(), Some("true")));
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(insert("one", &json!({"age": 2})).status, 409);
    assert_eq!(insert("two", &json!({"age": 1})).json()["data"][0]["id"], "2");
    assert_eq!(tables.json("POST", "/users/search", &json!({}))["max_results"], 2);
}

#[test]
fn rows_are_asked_for_and_changed_under_conditions() {
    let tables = Tables::users();
    tables.insert("users", &json!({"age": 1}));
    let get = |headers: &[(&str, &str)]| tables.call_with("GET", "/users/1", headers, &Value::Null);
    let answer = get(&[]);
    let tag = answer.header("etag").expect("a tag").to_owned();
    assert_eq!(answer.header("last-modified"), Some("Thu, 15 Jan 2026 12:00:00 GMT"));
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    assert_eq!(answer.header("vary").map(|vary| vary.starts_with("Accept, Content-Type")), Some(true));
    assert!(answer.header("x-ratelimit-limit").is_some());
    let known = get(&[("If-None-Match", &tag)]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(get(&[("If-Modified-Since", "Thu, 15 Jan 2026 12:00:00 GMT")]).status, 304);
    let put = |path: &str, headers: &[(&str, &str)], age: i64| {
        tables.call_with("PUT", path, headers, &json!({"age": age})).status
    };
    assert_eq!(put("/users/1", &[("If-Match", &tag)], 2), 200);
    // Within the same second, what was seen is told from what is.
    assert_eq!(put("/users/1", &[("If-Match", &tag)], 3), 412);
    assert_eq!(get(&[("If-None-Match", &tag)]).status, 200);
    let delete = |headers: &[(&str, &str)]| tables.call_with("DELETE", "/users/1", headers, &Value::Null).status;
    assert_eq!(delete(&[("If-Match", &tag)]), 412);
    let tag = get(&[]).header("etag").expect("a tag").to_owned();
    // Another definition shows another row.
    tables.json("PATCH", "/users", &json!({"change": [{"name": "age", "rename": "years"}]}));
    assert_eq!(delete(&[("If-Match", &tag)]), 412);
    let tag = get(&[]).header("etag").expect("a tag").to_owned();
    let rules = json!({"columns": [{"column_name": "years", "column_value": 1}], "where": {"rules": [{"field": "id", "operator": "=", "value": 1}]}});
    assert_eq!(tables.call_with("PUT", "/users", &[("If-Match", &tag)], &rules).status, 400);
    assert_eq!(delete(&[("If-Match", &tag)]), 200);
}

#[test]
fn a_search_shows_the_members_that_are_asked_for() {
    let tables = Tables::users();
    tables.insert("users", &json!({"age": 1, "username": "x"}));
    let answer = tables.json("POST", "/users/search?fields=age,id", &json!({}));
    assert_eq!(answer["data"], json!([{"id": "1", "age": 1}]));
    assert_eq!(answer["max_results"], 1);
}

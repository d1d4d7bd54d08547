//! Definitions: what a table may be, changing one that has rows, and the command line.

use serde_json::{Value, json};

use super::Tables;
use crate::process::Place;

#[test]
fn tables_are_added_shown_and_removed() {
    let tables = Tables::start();
    let body = json!({"name": "stock", "description": "Ünïcode", "columns": [
        {"name": "sku", "type": "text", "required": true, "unique": true},
        {"name": "count", "type": "integer", "indexed": "true", "default": "0"},
    ]});
    let answer = tables.call("POST", "", &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(answer.header("location").expect("a location").ends_with("/v1/tables/stock"));
    let expected = json!({
        "name": "stock", "description": "Ünïcode",
        "columns": [
            {"name": "sku", "type": "text", "required": true, "unique": true, "indexed": false, "default": null},
            {"name": "count", "type": "integer", "required": false, "unique": false, "indexed": true, "default": 0},
        ],
        "date_created": "2026-01-15T12:00:00+00:00", "date_modified": "2026-01-15T12:00:00+00:00",
    });
    assert_eq!(answer.json()["resource"], expected);
    assert_eq!(tables.json("GET", "/stock", &Value::Null)["resource"], expected);
    tables.define(&json!({"name": "a"}));
    let list = tables.json("GET", "", &Value::Null)["resource"].clone();
    assert_eq!((&list["total"], &list["tables"][0]["name"], &list["tables"][1]), (&json!(2), &json!("a"), &expected));
    assert_eq!(tables.refusal("POST", "", &body), (409, "There is a table 'stock' already".to_owned()));
    let tag = tables.call("GET", "/stock", &Value::Null).header("etag").expect("a tag").to_owned();
    tables.insert("stock", &json!({"sku": "x"}));
    tables.json("PATCH", "/stock", &json!({"description": "d"}));
    assert_eq!(tables.call_with("DELETE", "/stock", &[("If-Match", &tag)], &Value::Null).status, 412);
    assert_eq!(tables.json("DELETE", "/stock", &Value::Null)["resource"]["name"], "stock");
    assert_eq!(tables.refusal("GET", "/stock", &Value::Null), (404, "There is no table 'stock'".to_owned()));
    assert_eq!(tables.refusal("POST", "/stock/search", &json!({})).0, 404);
    // A table of the same name begins anew.
    tables.define(&body);
    assert_eq!(tables.insert("stock", &json!({"sku": "x"})), "1");
}

#[test]
fn an_addition_can_be_repeated_under_its_key() {
    let tables = Tables::start();
    let body = json!({"name": "rates", "columns": [
        {"name": "rate", "type": "number", "default": 1.5, "indexed": true},
        {"name": "since", "type": "date", "default": "2026-01-15"},
        {"name": "note", "type": "text"},
    ]});
    let add = |body: &Value| tables.call_with("POST", "", &[("Idempotency-Key", "one")], body);
    let first = add(&body);
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    tables.json("PATCH", "/rates", &json!({"description": "changed"}));
    let second = add(&body);
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!((first.text(), first.header("etag")), (second.text(), second.header("etag")));
    assert_eq!(add(&json!({"name": "other"})).status, 409);
}

#[test]
fn what_a_table_cannot_be_is_refused() {
    let tables = Tables::start();
    let with = |column: Value| json!({"name": "t", "columns": [column]});
    let many: Vec<Value> = (0..101).map(|number| json!({"name": format!("c{number}"), "type": "text"})).collect();
    for (body, expected) in [
        (json!({"name": ""}), "The table's name is '', but must have from 1 to 64 letters"),
        (json!({"name": "a b"}), "The table's name is 'a b'"),
        (json!({"name": "é"}), "The table's name is 'é'"),
        (json!({"name": "x".repeat(65)}), "The table's name is 'xxx"),
        (json!({"name": "search"}), "A table must not be called 'search'"),
        (json!({"name": "t", "columns": many}), "A table may have at most 100 columns"),
        (with(json!({"name": "1a", "type": "text"})), "The column's name is '1a'"),
        (with(json!({"name": "a-b", "type": "text"})), "The column's name is 'a-b'"),
        (with(json!({"name": "", "type": "text"})), "The column's name is ''"),
        (with(json!({"name": "id", "type": "text"})), "Every table has the column 'id' already"),
        (with(json!({"name": "date_updated", "type": "text"})), "Every table has the column 'date_updated' already"),
        (
            with(json!({"name": "a", "type": "varchar"})),
            "The kind of the column 'a' is 'varchar', but must be one of text, integer",
        ),
        (
            with(json!({"name": "a", "type": "integer", "default": "x"})),
            "The default of the column 'a' is 'x', but must be a whole number",
        ),
        (with(json!({"name": "a", "type": "text", "default": []})), "The default of the column 'a' is a list"),
        (
            with(json!({"name": "a", "type": "text", "default": "x", "unique": true})),
            "The column 'a' is unique, so it cannot have a default",
        ),
        (
            with(json!({"name": "a", "type": "text", "default": "x".repeat(1_001), "indexed": true})),
            "The default of the indexed column 'a' must",
        ),
        (with(json!({"name": "a"})), "The body is not as expected: missing field `type`"),
        (
            with(json!({"name": "a", "type": "text", "required": "maybe"})),
            "The body is not as expected: true or false was expected",
        ),
        (
            json!({"name": "t", "columns": [{"name": "a", "type": "text"}, {"name": "a", "type": "text"}]}),
            "The column 'a' is there twice",
        ),
    ] {
        let (status, message) = tables.refusal("POST", "", &body);
        assert!(status == 400 && message.starts_with(expected), "{status} {message}");
    }
    assert_eq!(tables.json("GET", "", &Value::Null)["resource"]["total"], 0);
}

#[test]
fn changes_go_through_the_rows_that_are_there() {
    let tables = Tables::users();
    // More rows than are read together.
    for number in 1..=520 {
        let name = if number == 7 { Value::Null } else { json!(format!("u{}", number % 519)) };
        tables.json("POST", &format!("/users/{number}"), &json!({"username": name, "password": "p", "age": number}));
    }
    let change = |body: Value| tables.call("PATCH", "/users", &body);
    let found = |field: &str, value: Value| tables.by("users", field, "=", &value);
    for (body, status, expected) in [
        (
            json!({"change": [{"name": "username", "required": true}]}),
            400,
            "Row 7 does not allow the change: username is required",
        ),
        (
            json!({"change": [{"name": "username", "unique": true}]}),
            409,
            "username cannot be unique: rows 1 and 520 have the same value",
        ),
        (
            json!({"add": [{"name": "a", "type": "text", "required": true}]}),
            400,
            "Row 1 does not allow the change: a is required",
        ),
        (json!({"drop": ["none"]}), 400, "users has no column 'none'"),
        (json!({"change": [{"name": "age", "rename": "type"}]}), 400, "The column 'type' is there twice"),
        (
            json!({"drop": ["age"], "add": [{"name": "age", "type": "x"}]}),
            400,
            "The kind of the column 'age' is 'x', but must be one of text, integer, number, boolean, date, datetime",
        ),
    ] {
        let answer = change(body);
        assert_eq!((answer.status, answer.json()["error"]["message"].as_str()), (status, Some(expected)));
        assert_eq!(found("age", json!(520)), ["520"]);
    }
    // An index that was not there finds what was.
    assert_eq!(
        change(json!({"change": [{"name": "username", "indexed": true}, {"name": "age", "indexed": false}]})).status,
        200
    );
    assert_eq!(found("username", json!("u1")), ["1", "520"]);
    assert_eq!(found("age", json!(520)), ["520"]);
    tables.json("PUT", "/users/7", &json!({"username": "seven"}));
    tables.json("DELETE", "/users/520", &Value::Null);
    assert_eq!(
        change(json!({"change": [{"name": "username", "unique": true, "required": true, "rename": "name"}]})).status,
        200
    );
    assert_eq!(tables.refusal("POST", "/users", &json!({"name": "u1"})).0, 409);
    assert_eq!(found("name", json!("seven")), ["7"]);
    assert_eq!(tables.refusal("POST", "/users/search", &json!({"order_field": "username"})).0, 400);
    // A new column has its default everywhere; one that is dropped and added again is another.
    assert_eq!(
        change(json!({"add": [{"name": "grade", "type": "integer", "default": 3, "indexed": true, "required": true}]}))
            .status,
        200
    );
    assert_eq!(
        tables.json(
            "POST",
            "/users/search",
            &json!({"where": {"rules": [{"field": "grade", "operator": "=", "value": 3}]}})
        )["max_results"],
        519
    );
    let again = json!({"drop": ["age"], "add": [{"name": "age", "type": "text", "indexed": true}]});
    assert_eq!(change(again).status, 200);
    assert_eq!(found("age", json!("5")), Vec::<String>::new());
    assert_eq!(tables.json("GET", "/users/5", &Value::Null)["data"][0]["age"], Value::Null);
    let kept = tables.app.app.store.peek(|tx| tx.query("SELECT data FROM table_row WHERE id = 5", &[])).expect("a row");
    assert_eq!(kept[0].text(0).expect("data"), r#"{"1":"u5","2":"p","5":3}"#);
    // A text that is too long for an index stands in its way.
    tables.json("PUT", "/users/5", &json!({"password": "x".repeat(2_000)}));
    let answer = change(json!({"change": [{"name": "password", "indexed": true}]}));
    assert!(answer.text().contains("Row 5 does not allow the change: password has 2000 bytes"), "{}", answer.text());
    assert_eq!(change(json!({"change": [{"name": "grade", "default": null, "required": false}]})).status, 200);
    tables.json("POST", "/users/900", &json!({"name": "x"}));
    assert_eq!(tables.json("GET", "/users/900", &Value::Null)["data"][0]["grade"], Value::Null);
}

#[test]
fn tables_are_administered_at_the_command_line() {
    let place = Place::new();
    place.succeed("customer add --name Shop");
    let added = place.succeed(
        "table add --customer Shop users --description People --column username:text:required:unique \
         --column age:integer:indexed --column type:text=guest",
    );
    assert!(added.contains("Added the table users.") && added.contains("username  text     yes       yes"), "{added}");
    let shown = place.json("table show --customer Shop users");
    assert_eq!(
        shown["columns"][1],
        json!({"name": "age", "kind": "integer", "required": false, "unique": false, "indexed": true, "default": null})
    );
    assert_eq!(shown["columns"][2]["default"], "guest");
    place.succeed(
        "table change --customer Shop users --rename type=role --default role= --set age:required:unindexed \
         --add email:text:indexed --drop username --description Others",
    );
    let list = place.json("table list --customer Shop");
    let names: Vec<&str> =
        list[0]["columns"].as_array().expect("columns").iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["age", "role", "email"]);
    assert_eq!((&list[0]["description"], &list[0]["columns"][1]["default"]), (&json!("Others"), &Value::Null));
    assert_eq!((&list[0]["columns"][0]["required"], &list[0]["columns"][0]["indexed"]), (&json!(true), &json!(false)));
    for (arguments, expected) in [
        ("table add --customer Shop users", "There is a table 'users' already"),
        ("table add --customer Shop t --column a", "The column a needs a kind, such as a:text"),
        ("table add --customer Shop t --column a:text:big", "The column a:text:big has 'big', but may have"),
        ("table change --customer Shop users --set age:big", "--set age:big has 'big', but may have"),
        ("table change --customer Shop users --rename age", "--rename age must be OLD=NEW"),
        ("table show --customer Shop none", "There is no table 'none'"),
    ] {
        let message = place.fail(arguments, 1);
        assert!(message.contains(expected), "{message}");
    }
    place.succeed("table remove --customer Shop users");
    assert!(place.succeed("table list --customer Shop").contains("There are none yet."));
}

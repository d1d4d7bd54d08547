//! Files of rows: what they bring into a table, what comes out of one, and that they do so whole or not at all.

use std::fs;

use serde_json::{Value, json};

use crate::process::Place;
use crate::support::{Answer, TestApp};

const KEYS: [(&str, &str); 1] = [("X-Apikey", "k")];

/// A gateway whose customer has the table `stock`.
fn stocked() -> TestApp {
    let app = TestApp::start();
    app.customer("Shop", "k", "a");
    let columns = json!([
        {"name": "sku", "type": "text", "required": true, "unique": true},
        {"name": "count", "type": "integer", "indexed": true, "default": 1},
        {"name": "price", "type": "number"},
        {"name": "sold", "type": "boolean"},
        {"name": "until", "type": "date"},
        {"name": "note", "type": "text"},
    ]);
    let table = json!({"name": "stock", "columns": columns});
    let headers = [KEYS[0], ("Content-Type", "application/json")];
    let added = app.call("POST", "/v1/tables", &headers, table.to_string().as_bytes());
    assert_eq!(added.status, 201, "{}", added.text());
    app
}

fn import(app: &TestApp, query: &str, text: &[u8]) -> Answer {
    app.call("POST", &format!("/v1/tables/stock/import{query}"), &[KEYS[0], ("Content-Type", "text/csv")], text)
}

fn imported(app: &TestApp, query: &str, text: &[u8]) -> Value {
    let answer = import(app, query, text);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["resource"].clone()
}

fn export(app: &TestApp, query: &str) -> String {
    let answer = app.get(&format!("/v1/tables/stock/export{query}"), &KEYS);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// The rows, without what the table gives them.
fn rows(app: &TestApp) -> Vec<Value> {
    let headers = [KEYS[0], ("Content-Type", "application/json")];
    let found = app.call("POST", "/v1/tables/stock/search", &headers, b"{}").json();
    let mut rows = found["data"].as_array().expect("rows").clone();
    for row in &mut rows {
        let members = row.as_object_mut().expect("a row");
        members.retain(|name, _| !["id", "date_created", "date_updated"].contains(&name.as_str()));
    }
    rows
}

#[test]
fn what_separates_and_what_is_named_is_found_out() {
    let app = stocked();
    let text = "\u{FEFF}SKU; price ;count;sold;until;note\r\na;1,5;;;;\r\n";
    let told = imported(&app, "?dry_run=yes", text.as_bytes());
    // A comma is no decimal point.
    let expected = json!([{"line": 2, "message": "price is '1,5', but must be a number"}]);
    assert_eq!((&told["errors"], &told["flawed"], &told["imported"]), (&expected, &json!(1), &json!(0)));
    let text = "\u{FEFF}SKU; price ;count;sold;until;note\r\n\
                a;1.5;;;;\r\n\r\n\"b;\"\"1\"\"\";-2e3;7;TRUE;31-12-2026;\"two\r\nlines ü\"\r\n";
    let told = imported(&app, "", text.as_bytes());
    let first = json!({"sku": "a", "count": 1, "price": 1.5, "sold": null, "until": null, "note": null});
    let second = json!({"sku": "b;\"1\"", "count": 7, "price": -2000, "sold": true, "until": "2026-12-31", "note": "two\r\nlines ü"});
    assert_eq!(
        told,
        json!({
            "table": "stock", "rows": 2, "imported": 2, "dry_run": false, "delimiter": ";", "header": true,
            "columns": ["sku", "price", "count", "sold", "until", "note"], "preview": [first, second], "flawed": 0, "errors": [],
        })
    );
    assert_eq!(rows(&app), [first, second]);
    // Nothing is named here: the fields are in the order of the table.
    let told = imported(&app, "", b"c\t2\t\t\t\t\nd\t3\t0.5\t0\t2026-01-01\tx\n");
    assert_eq!((&told["header"], &told["delimiter"], &told["rows"]), (&json!(false), &json!("\t"), &json!(2)));
    assert_eq!(rows(&app).len(), 4);
    // It is as it is said to be.
    let told = imported(&app, "?header=no&delimiter=pipe", b"sku|2||||\n");
    assert_eq!((&told["header"], &rows(&app)[4]["sku"]), (&json!(false), &json!("sku")));
}

#[test]
fn every_line_with_a_flaw_is_told_and_nothing_is_imported() {
    let app = stocked();
    imported(&app, "", b"sku,count\ntaken,1\n");
    let text = b"sku,count,until\nnew,1,2026-01-01\n,2,\nx,two,2026-02-30\nshort,1\n\xFF,1,\nlast,3,\n";
    let errors = json!([
        {"line": 3, "message": "sku is required"},
        {"line": 4, "message": "count is 'two', but must be a whole number of 64 bits"},
        {"line": 5, "message": "The line has 2 fields, but must have 3"},
        {"line": 6, "message": "The line is not UTF-8 text"},
    ]);
    let told = imported(&app, "?dry_run=yes", text);
    assert_eq!((&told["errors"], &told["rows"], &told["flawed"]), (&errors, &json!(6), &json!(4)));
    let answer = import(&app, "", text);
    let body = answer.json();
    let message = "4 of 6 lines cannot be imported, and nothing was: line 3: sku is required";
    assert_eq!((answer.status, &body["message"]), (400, &json!(message)));
    assert_eq!(body["error"]["details"][3], json!({"path": "line 6", "reason": "The line is not UTF-8 text"}));
    // What others have, or an earlier line, shows when it is written, and a dry run finds it too.
    let text = b"sku,id\nfirst,\ntaken,\nfirst,\nother,1\n";
    for query in ["?dry_run=yes", ""] {
        let answer = import(&app, query, text);
        let errors = match query {
            "" => answer.json()["error"]["details"].clone(),
            _ => answer.json()["resource"]["errors"].clone(),
        };
        let told: Vec<_> = errors
            .as_array()
            .expect("flaws")
            .iter()
            .map(|flaw| flaw["message"].as_str().or(flaw["reason"].as_str()))
            .collect();
        let expected = [
            "sku must be unique, but another row has 'taken'",
            "sku must be unique, but another row has 'first'",
            "stock has a row 1 already",
        ];
        assert_eq!(told, expected.map(Some), "{}", answer.text());
    }
    assert_eq!(rows(&app).len(), 1);
    // The numbers that were given in vain are given again: nobody has seen them.
    imported(&app, "", b"sku\nnext\n");
    assert!(export(&app, "").lines().last().expect("a line").starts_with("2,"));
}

#[test]
fn what_is_no_file_of_this_table_is_refused() {
    let app = stocked();
    let long = [b"sku,note\nx,\"".to_vec(), vec![b'y'; 2 << 20]].concat();
    for (query, text, message) in [
        ("", &b""[..], "The text has no lines"),
        ("", b"sku,colour\n", "The first line names 'colour', but stock has no such column; it has sku, count"),
        ("", b"sku,SKU\n", "The first line names 'sku' twice"),
        ("?header=yes", b"x,y\n", "The first line names 'x', but"),
        ("", &long, "Line 2 has more than 1048576 bytes; perhaps a quote in it is not closed"),
        ("?delimiter=x", b"sku\n", "delimiter must be comma, semicolon, tab or pipe"),
        ("?header=maybe", b"sku\n", "header must be yes or no"),
    ] {
        let answer = import(&app, query, text);
        let told = answer.json()["message"].as_str().expect("a sentence").to_owned();
        assert!(answer.status == 400 && told.starts_with(message), "{} {told}", answer.status);
    }
    let keyed = [KEYS[0], ("Content-Type", "text/csv"), ("Idempotency-Key", "once")];
    let answer = app.call("POST", "/v1/tables/stock/import", &keyed, b"sku\nx\n");
    assert!(
        answer.status == 400 && answer.text().contains("Idempotency-Key is not honoured here"),
        "{}",
        answer.text()
    );
    assert_eq!(rows(&app).len(), 0);
    let many: String = (0..250).map(|_| ",\n").collect();
    let told = imported(&app, "?dry_run=yes", format!("sku,count\n{many}").as_bytes());
    assert_eq!((&told["flawed"], told["errors"].as_array().map(Vec::len)), (&json!(250), Some(100)));
    assert_eq!(app.call("POST", "/v1/tables/none/import", &KEYS, b"sku\n").status, 404);
    assert_eq!(app.get("/v1/tables/none/export", &KEYS).status, 404);
}

#[test]
fn what_comes_out_goes_in_again() {
    let app = stocked();
    let lines: String =
        (0..2_500).map(|number| format!("sku {number},{number},{}.25,\"a \"\"b\"\",\nc\"\n", number - 1_000)).collect();
    let told = imported(&app, "", format!("sku,count,price,note\n{lines}").as_bytes());
    assert_eq!(told["imported"], 2_500);
    let text = export(&app, "");
    let mut exported = text.split("\r\n");
    assert_eq!(exported.next(), Some("id,date_created,date_updated,sku,count,price,sold,until,note"));
    let first = "1,2026-01-15 12:00:00,2026-01-15 12:00:00,sku 0,0,-1000.25,,,\"a \"\"b\"\",\nc\"";
    assert_eq!(exported.next().map(str::to_owned), Some(first.to_owned()));
    assert_eq!(exported.filter(|line| !line.is_empty()).count(), 2_499);
    let removed = app.call("DELETE", "/v1/tables/stock/1", &KEYS, b"");
    assert_eq!(removed.status, 200);
    let other = stocked();
    imported(&other, "", text.as_bytes());
    assert_eq!(export(&other, ""), text);
    // Numbers go on behind those that came with the file.
    imported(&other, "", b"sku\nnext\n");
    assert!(
        export(&other, "?header=no&delimiter=semicolon")
            .ends_with("2501;2026-01-15 12:00:00;2026-01-15 12:00:00;next;1;;;;\r\n")
    );
}

#[test]
fn formulas_are_made_harmless_on_request() {
    let app = stocked();
    imported(&app, "", b"sku,price,note\n=1+1,-1.5,\"+cmd|' /C calc'!A0\"\n@x,,-5\n");
    let plain = export(&app, "?header=no");
    assert!(plain.contains(",=1+1,1,-1.5,,,+cmd|' /C calc'!A0\r\n") && plain.contains(",@x,1,,,,-5\r\n"), "{plain}");
    let neutral = export(&app, "?header=no&neutral=yes");
    assert!(
        neutral.contains(",'=1+1,1,-1.5,,,'+cmd|' /C calc'!A0\r\n") && neutral.contains(",'@x,1,,,,-5\r\n"),
        "{neutral}"
    );
    let answer = app.get("/v1/tables/stock/export", &KEYS);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"stock.csv\""));
}

#[test]
fn the_commands_do_the_same() {
    let place = Place::new();
    place.succeed("customer add --name Shop");
    place.succeed("table add --customer Shop stock --column sku:text:unique --column count:integer");
    let file = place.path("stock.csv");
    fs::write(&file, "sku;count\na;1\nb;x\n").expect("a file");
    let import = format!("table import --customer Shop stock {}", file.display());
    let told = place.fail(&import, 1);
    assert!(
        told.contains("3     count is 'x'") && told.contains("1 of 2 lines cannot be imported, and nothing was"),
        "{told}"
    );
    fs::write(&file, "sku;count\na;1\nb;2\n").expect("a file");
    let told = place.succeed(&format!("{import} --dry-run"));
    assert!(told.contains("sku: \"a\", count: 1") && told.contains("2 rows can be imported. Nothing was."), "{told}");
    assert_eq!(place.json(&import)["imported"], 2);
    let told = place.fail(&import, 1);
    assert!(told.contains("2 of 2 lines"), "{told}");
    let out = place.path("out.csv");
    let export = format!("table export --customer Shop stock {} --delimiter tab", out.display());
    assert!(place.succeed(&export).contains("Wrote 2 rows"));
    let text = fs::read_to_string(&out).expect("a file");
    assert!(
        text.starts_with("id\tdate_created\tdate_updated\tsku\tcount\r\n1\t") && text.ends_with("\tb\t2\r\n"),
        "{text}"
    );
    place.fail(&export, 1);
    let text = place.succeed("table export --customer Shop stock --no-header");
    assert_eq!(text.lines().count(), 2);
}

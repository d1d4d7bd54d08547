//! The API key without an application's: it may do what one of the customer's applications may do from the same address.

use flowgate::model::address::Network;
use flowgate::model::scope::Scopes;
use flowgate::store::account::NewApplication;
use serde_json::json;

use super::Tables;
use crate::support::TestApp;

fn app(applications: &[(&'static str, &'static str, &'static str)]) -> TestApp {
    let app = TestApp::start();
    let change = |name: &'static str, scopes: &'static str, networks: &'static str| {
        move |new: &mut NewApplication| {
            new.name = name.to_owned();
            new.scopes = Scopes::parse(scopes).expect("scopes");
            new.addresses = Network::parse(networks).expect("networks");
        }
    };
    let (name, scopes, networks) = applications[0];
    let tenant = app.customer_with("Shop", "k", name, change(name, scopes, networks));
    for (name, scopes, networks) in &applications[1..] {
        app.application(tenant.customer, name, change(name, scopes, networks));
    }
    app
}

fn status(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let body = if method == "GET" { "" } else { r#"{"name":"t"}"# };
    app.call(method, path, headers, body.as_bytes()).status
}

#[test]
fn it_grants_what_an_application_at_the_address_was_granted() {
    let key = [("X-Apikey", "k")];
    for (applications, define, list) in [
        (&[("a", "table.definition", "127.0.0.1")][..], 201, 200),
        (&[("a", "table", "127.0.0.1")], 401, 401),
        (&[("a", "record", "127.0.0.1"), ("b", "table.definition", "any")], 201, 200),
        (&[("a", "record", "127.0.0.1"), ("b", "table.definition", "192.0.2.0/24")], 401, 401),
        (&[("a", "table.definition", "192.0.2.0/24")], 403, 403),
    ] {
        let app = app(applications);
        assert_eq!(status(&app, "POST", "/v1/tables", &key), define, "{applications:?}");
        assert_eq!(status(&app, "GET", "/v1/tables", &key), list, "{applications:?}");
        let answer = app.get("/v1/tables", &key);
        if list == 403 {
            assert_eq!(answer.json()["error"]["code"], 437);
        }
    }
}

#[test]
fn it_opens_no_address_but_those_of_tables() {
    let app = app(&[("a", "table.definition record.read schema.read", "any")]);
    for (path, expected) in [("/v1/tables", 200), ("/v1/record/search", 401), ("/v1/schema", 401), ("/v1/hooks", 401)] {
        assert_eq!(status(&app, "GET", path, &[("X-Apikey", "k")]), expected, "{path}");
        assert_eq!(status(&app, "GET", path, &[("X-Apikey", "wrong")]), 401, "{path}");
        assert_eq!(status(&app, "GET", &format!("{path}?api_key=k"), &[]), expected, "{path}");
        // With an application's key, that must be right.
        assert_eq!(status(&app, "GET", path, &[("X-Apikey", "k"), ("X-App", "wrong")]), 401, "{path}");
    }
    let answer = app.get("/v1/tables?api_key=k", &[]);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // It can be made to do with less, and not with more.
    assert_eq!(status(&app, "GET", "/v1/tables", &[("X-Apikey", "k"), ("X-Scopes", "record.read")]), 401);
    assert_eq!(status(&app, "GET", "/v1/tables", &[("X-Apikey", "k"), ("X-Scopes", "table")]), 401);
}

#[test]
fn writing_includes_reading_and_neither_defines() {
    let tables = Tables::users();
    tables.insert("users", &json!({"age": 1}));
    let paths = [
        ("GET", "/users/1"),
        ("POST", "/users/search"),
        ("POST", "/users"),
        ("DELETE", "/users/1"),
        ("GET", "/users"),
        ("DELETE", "/users"),
    ];
    for (scopes, expected) in [
        ("table.read", [200, 200, 401, 401, 401, 401]),
        ("table.definition", [401, 401, 401, 401, 200, 200]),
        ("table", [200, 200, 200, 200, 401, 401]),
    ] {
        let tables = Tables::users();
        tables.insert("users", &json!({"age": 1}));
        for ((method, path), expected) in paths.into_iter().zip(expected) {
            let answer = tables.call_with(method, path, &[("X-Scopes", scopes)], &json!({}));
            assert_eq!(answer.status, expected, "{scopes} {method} {path}: {}", answer.text());
        }
    }
}

//! The description of the REST dialect: what it says is what the table has, its examples keep to it, and
//! `docs/openapi.json` is it. That the gateway keeps to it too is for `tests/schemathesis`. `FLOWGATE_BLESS=1` writes the
//! file anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use flowgate::facade::v1::openapi;
use flowgate::facade::v1::table::ENDPOINTS;
use serde_json::{Value, json};

use crate::support::TestApp;

fn description() -> Value {
    openapi::describe("http://127.0.0.1:8080")
}

/// Every operation with its path and method.
fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &'_ Value)| -> Vec<(String, String)> {
        let methods = item.as_object().expect("a path").keys();
        methods.map(|method| (path.clone(), method.to_uppercase())).collect()
    };
    let found = paths.iter().flat_map(methods);
    found.map(|(path, method)| (path.clone(), method.clone(), &paths[&path][&method.to_lowercase()])).collect()
}

#[test]
fn the_document_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let text = format!("{:#}\n", description());
    if std::env::var_os("FLOWGATE_BLESS").is_some() {
        fs::write(&path, &text).expect("the file can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "docs/openapi.json is not what the code says; FLOWGATE_BLESS=1 writes it anew");
}

#[test]
fn json_and_yaml_say_the_same() {
    let app = TestApp::start();
    let json: Value = serde_json::from_str(&app.get("/openapi.json", &[]).text()).expect("JSON");
    for path in ["/openapi.yaml", "/openapi.yml"] {
        let yaml: Value = yaml_serde::from_str(&app.get(path, &[]).text()).expect("YAML");
        assert_eq!(yaml, json, "{path}");
    }
    assert_eq!(json["servers"][0]["url"], json!(format!("http://{}", app.address)));
    assert_eq!(json["paths"], description()["paths"]);
}

#[test]
fn every_endpoint_is_described_and_every_description_is_served() {
    let description = description();
    let described: BTreeSet<(String, String)> = operations(&description)
        .into_iter()
        .filter(|(path, ..)| path.starts_with("/v1/"))
        .map(|(path, method, _)| (path, method))
        .collect();
    let served: BTreeSet<(String, String)> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.path.to_owned(), endpoint.method.to_string())).collect();
    assert_eq!(described, served);
    let app = TestApp::start();
    for (path, method, _) in operations(&description).iter().filter(|(path, ..)| !path.starts_with("/v1/")) {
        let status = app.bodiless(method, path, &[("Content-Length", "0")]).status;
        assert!(!matches!(status, 404 | 405), "{method} {path}: {status}");
    }
}

#[test]
fn operations_have_names_tags_and_an_answer_for_everything() {
    let description = description();
    let known: BTreeSet<&str> =
        description["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].as_str().expect("a name")).collect();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&description) {
        let name = operation["operationId"].as_str().expect("a name");
        assert!(names.insert(name), "{name} is there twice");
        assert!(known.contains(operation["tags"][0].as_str().expect("a tag")), "{name}");
        assert!(operation["summary"].is_string() && operation["security"].is_array(), "{name}");
        let statuses: Vec<&str> =
            operation["responses"].as_object().expect("replies").keys().map(String::as_str).collect();
        assert!(statuses.iter().any(|status| status.starts_with('2')), "{method} {path}: {statuses:?}");
        if path.starts_with("/v1/") {
            for status in ["400", "408", "413", "414", "429", "500", "503"] {
                assert!(statuses.contains(&status), "{method} {path} lacks {status}: {statuses:?}");
            }
        }
    }
}

/// A schema with what it refers to, fit for the validator.
fn validator(description: &Value, schema: &Value) -> jsonschema::Validator {
    let mut schema = schema.clone();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["components"] = description["components"].clone();
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}: {schema}"))
}

#[test]
fn examples_are_as_they_are_described() {
    let description = description();
    let mut count = 0;
    let mut check = |at: &str, media: &Value, example: &Value| {
        let validator = validator(&description, &media["schema"]);
        let errors: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{at}: {errors:?} in {example}");
        count += 1;
    };
    for (path, method, operation) in operations(&description) {
        let at = format!("{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if let Some(example) = parameter.get("example") {
                check(&format!("{at} {}", parameter["name"]), parameter, example);
            }
        }
        let replies = operation["responses"].as_object().expect("replies").values();
        for message in replies.chain(operation.get("requestBody")) {
            let media = &message["content"]["application/json"];
            if let Some(example) = media.get("example") {
                check(&at, media, example);
            }
        }
    }
    assert!(count > 60, "{count} examples");
}

#[test]
fn only_what_may_be_null_is_described_so() {
    fn walk(at: String, value: &Value, found: &mut Vec<String>) {
        let is_null = |kind: &Value| kind == "null";
        if value["type"].as_array().is_some_and(|kinds| kinds.iter().any(is_null))
            || value["oneOf"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| is_null(&kind["type"])))
        {
            found.push(at);
            return;
        }
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(format!("{at}/{name}"), value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(at.clone(), item, found)),
            _ => {}
        }
    }
    let description = description();
    let mut found = Vec::new();
    walk(String::new(), &description["components"]["schemas"], &mut found);
    assert_eq!(
        found,
        [
            "/IssuedTokens/properties/scopes",
            "/CurrentFlow/properties/version",
            "/ShownFlow/properties/draft",
            "/ChangedFlow/properties/version",
            "/ShownHook/properties/flow_id",
            "/ShownHook/properties/reason",
            "/ShownHook/properties/failing_since",
            "/ShownDelivery/properties/date_next",
            "/ShownDelivery/properties/date_ended",
            "/Plain",
            "/ShownKeystore/properties/structure",
            "/KeystoreBody/properties/kind",
            "/KeystoreBody/properties/structure",
            "/KeystoreChanges/properties/structure"
        ]
    );
}

#[test]
fn credentials_are_described_in_every_form() {
    let description = description();
    let schemes = &description["components"]["securitySchemes"];
    for (name, kind, place) in [
        ("bearer", "http", Value::Null),
        ("oauth2", "oauth2", Value::Null),
        ("apiKey", "apiKey", json!("header")),
        ("app", "apiKey", json!("header")),
        ("apiKeyInAddress", "apiKey", json!("query")),
        ("appInAddress", "apiKey", json!("query")),
        ("client", "http", Value::Null),
        ("clientId", "apiKey", json!("header")),
        ("clientSecret", "apiKey", json!("header")),
    ] {
        assert_eq!((&schemes[name]["type"], &schemes[name]["in"]), (&json!(kind), &place), "{name}");
    }
    for (path, _, operation) in operations(&description) {
        for name in operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|way| way.as_object().into_iter().flatten())
            .map(|(name, _)| name)
        {
            assert!(schemes.get(name).is_some(), "{path} wants {name}");
        }
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    fn references<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let description = description();
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect(reference);
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

//! Files for other explorers, drawn from the table of endpoints: a Postman collection (format 2.1) and an `.http` file
//! as editors run it. The caller's address and keys are variables in both.

use serde_json::{Value, json};

use crate::facade::v1::endpoint::{Access, Body, Endpoint};
use crate::facade::v1::parameter::{API_KEY, APP};
use crate::facade::v1::table::ENDPOINTS;

/// The name of the Postman collection.
pub const POSTMAN: &str = "flowgate.postman_collection.json";
/// The name of the `.http` file.
pub const HTTP_FILE: &str = "flowgate.http";

/// What is filled in.
#[derive(Debug, Default)]
pub struct Keys {
    api_key: String,
    app_key: String,
}

impl Keys {
    /// Reads a form. What is absent is left open, and what could end a line is left out.
    pub fn of(form: &[u8]) -> Keys {
        let value = |wanted: &str| {
            let found = form_urlencoded::parse(form).find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.chars().filter(|c| !c.is_control()).take(512).collect()).unwrap_or_default()
        };
        Keys { api_key: value("api_key"), app_key: value("app_key") }
    }
}

/// The Postman collection, as JSON text.
pub fn postman(origin: &str, keys: &Keys) -> String {
    let variable = |name: &str, value: &str| json!({"key": name, "value": value});
    let collection = json!({
        "info": {
            "name": "Flowgate API",
            "description": "Every endpoint of the gateway's REST dialect. The variables hold its address and your keys.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "variable": [
            variable("base_url", origin), variable("api_key", &keys.api_key), variable("app_key", &keys.app_key),
        ],
        "item": ENDPOINTS.iter().map(item).collect::<Vec<Value>>(),
    });
    format!("{collection:#}\n")
}

fn item(endpoint: &Endpoint) -> Value {
    let header = |(name, value): (String, String)| json!({"key": name, "value": value});
    let mut request = json!({
        "method": endpoint.method.as_str(),
        "description": endpoint.doc,
        "url": format!("{{{{base_url}}}}{}", filled(endpoint.path)),
        "header": headers(endpoint).into_iter().map(header).collect::<Vec<Value>>(),
    });
    if let (Some(body), Some(members)) = (body(endpoint), request.as_object_mut()) {
        members.insert("body".to_owned(), json!({"mode": "raw", "raw": body}));
    }
    json!({"name": endpoint.summary, "request": request})
}

/// The `.http` file.
pub fn http_file(origin: &str, keys: &Keys) -> String {
    let mut text = format!("@base_url = {origin}\n@api_key = {}\n@app_key = {}\n", keys.api_key, keys.app_key);
    for endpoint in &ENDPOINTS {
        let (method, path) = (endpoint.method.as_str(), filled(endpoint.path));
        text.push_str(&format!("\n### {}\n{method} {{{{base_url}}}}{path}\n", endpoint.summary));
        for (name, value) in headers(endpoint) {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if let Some(body) = body(endpoint) {
            text.push_str(&format!("\n{body}\n"));
        }
    }
    text
}

/// A path with examples in place of its names.
fn filled(path: &str) -> String {
    path.replace("{uuid}", "order-4711").replace("{uri}", "demo-hook")
}

fn headers(endpoint: &Endpoint) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if let Access::Scope(_) | Access::ScopeOrClient(_) = endpoint.access {
        headers.push((API_KEY.name.to_owned(), "{{api_key}}".to_owned()));
        headers.push((APP.name.to_owned(), "{{app_key}}".to_owned()));
    }
    for used in endpoint.parameters.iter().filter(|used| used.is_required) {
        headers.push((used.parameter.name.to_owned(), used.parameter.example.to_owned()));
    }
    if body(endpoint).is_some() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    headers
}

fn body(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint.body {
        Body::Value(_, example) => Some(example),
        Body::Free => Some(r#"{"anything":"at all"}"#),
        Body::None | Body::Parameters => None,
    }
}

//! Files for other explorers, drawn from the table of endpoints: a Postman collection (format 2.1) and an `.http` file
//! as editors run it. The caller's address and keys are variables in both.

use serde_json::{Value, json};

use crate::facade::v1::endpoint::{Access, Body, Endpoint};
use crate::facade::v1::parameter::{API_KEY, APP, CLIENT_ID, CLIENT_SECRET, Parameter, REFRESH_TOKEN, UUID};
use crate::facade::v1::sheet::CSV;
use crate::facade::v1::table::ENDPOINTS;

/// The name of the Postman collection.
pub const POSTMAN: &str = "flowgate.postman_collection.json";
/// The name of the `.http` file.
pub const HTTP_FILE: &str = "flowgate.http";

/// What differs from caller to caller, each with the variable that holds it.
const VARIABLES: [(&Parameter, &str); 5] = [
    (&API_KEY, "api_key"),
    (&APP, "app_key"),
    (&CLIENT_ID, "client_id"),
    (&CLIENT_SECRET, "client_secret"),
    (&REFRESH_TOKEN, "refresh_token"),
];

/// What is filled in: the address and the values of the variables.
#[derive(Debug)]
pub struct Filling {
    origin: String,
    values: Vec<(&'static str, String)>,
}

impl Filling {
    /// Reads a form. What is absent is left open, or filled in with what works with the demonstration, if there is one.
    /// What could end a line is left out.
    pub fn of(origin: String, form: &[u8], demo: bool) -> Filling {
        let value = |(parameter, name): (&Parameter, &'static str)| {
            let given = form_urlencoded::parse(form).find(|(given, _)| given == name);
            let usual = if demo { parameter.example } else { "" };
            let value = given.map_or(usual.into(), |(_, value)| value);
            (name, value.chars().filter(|c| !c.is_control()).take(512).collect())
        };
        Filling { origin, values: VARIABLES.into_iter().map(value).collect() }
    }

    fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = self.values.iter().map(|(name, value)| (*name, value.as_str()));
        std::iter::once(("base_url", self.origin.as_str())).chain(values)
    }
}

/// The endpoints in an order in which calling them one after another makes sense: what removes comes last.
fn in_order() -> Vec<&'static Endpoint> {
    let mut endpoints: Vec<&Endpoint> = ENDPOINTS.iter().collect();
    endpoints.sort_by_key(|endpoint| endpoint.method.as_str() == "DELETE");
    endpoints
}

/// The Postman collection, as JSON text.
pub fn postman(filling: &Filling) -> String {
    let variables: Vec<Value> = filling.variables().map(|(name, value)| json!({"key": name, "value": value})).collect();
    let collection = json!({
        "info": {
            "name": "Flowgate API",
            "description": "Every endpoint of the gateway's REST dialect. The variables hold its address and your keys.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "variable": variables,
        "item": in_order().into_iter().map(item).collect::<Vec<Value>>(),
    });
    format!("{collection:#}\n")
}

fn item(endpoint: &Endpoint) -> Value {
    let header = |(name, value): (String, String)| json!({"key": name, "value": value});
    let path = filled(endpoint.path);
    let mut request = json!({
        "method": endpoint.method.as_str(),
        "description": endpoint.doc,
        "url": {
            "raw": format!("{{{{base_url}}}}{path}"),
            "host": ["{{base_url}}"],
            "path": path.trim_start_matches('/').split('/').collect::<Vec<&str>>(),
        },
        "header": headers(endpoint).into_iter().map(header).collect::<Vec<Value>>(),
    });
    if let (Some(body), Some(members)) = (body(endpoint), request.as_object_mut()) {
        let options = json!({"raw": {"language": "json"}});
        members.insert("body".to_owned(), json!({"mode": "raw", "raw": body, "options": options}));
    }
    json!({"name": title(endpoint), "request": request, "response": []})
}

/// The `.http` file.
pub fn http_file(filling: &Filling) -> String {
    let mut text: String = filling.variables().map(|(name, value)| format!("@{name} = {value}\n")).collect();
    for endpoint in in_order() {
        let (method, path) = (endpoint.method.as_str(), filled(endpoint.path));
        text.push_str(&format!("\n### {}\n{method} {{{{base_url}}}}{path}\n", title(endpoint)));
        for (name, value) in headers(endpoint) {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if let Some(body) = body(endpoint) {
            text.push_str(&format!("\n{body}\n"));
        }
    }
    text
}

/// Two endpoints may have one summary; with its method and path, each is found.
fn title(endpoint: &Endpoint) -> String {
    format!("{}: {} {}", endpoint.summary, endpoint.method, endpoint.path)
}

/// A path with examples in place of its names.
fn filled(path: &str) -> String {
    let path = path.replace("{uuid}", "order-4711").replace("{uri}", "demo-hook");
    let path = path.replace("{table_name}/{id}", "users/8").replace("{table_name}", "users");
    let path = path.replace("{keystore}", "weather").replace("{key}", "london");
    path.replace("{id}", "9f1c2b7de0a4451c8f0d6b1a5c3e7f90")
        .replace("{message}", "msg_0198c1a27d4e7c1b9d553b1f3c0f8a11")
}

/// The headers of a call: what must be given, and the record's identifier, so that the calls are about one.
fn headers(endpoint: &Endpoint) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if let Access::Scope(_) | Access::ScopeOrApiKey(_) | Access::ScopeOrClient(_) = endpoint.access {
        headers.push((API_KEY.name.to_owned(), "{{api_key}}".to_owned()));
        headers.push((APP.name.to_owned(), "{{app_key}}".to_owned()));
    }
    for used in endpoint.parameters.iter().filter(|used| used.is_required || used.parameter.name == UUID.name) {
        let name = used.parameter.name;
        let variable = VARIABLES.iter().find(|(parameter, _)| parameter.name == name);
        let value = variable.map_or(used.parameter.example.to_owned(), |(_, name)| format!("{{{{{name}}}}}"));
        headers.push((name.to_owned(), value));
    }
    if body(endpoint).is_some() {
        let is_json = !matches!(endpoint.body, Body::Lines(_));
        headers.push(("Content-Type".to_owned(), if is_json { "application/json" } else { CSV }.to_owned()));
    }
    headers
}

fn body(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint.body {
        Body::Value(_, example) => Some(example),
        Body::Lines(example) => Some(example),
        Body::Free => Some(r#"{"anything":"at all"}"#),
        Body::None | Body::Parameters => None,
    }
}

//! The description of the dialect for machines, `OpenAPI` 3.1: drawn from the table of endpoints and the types that the
//! handlers read and write. It is written by hand as JSON: the library's part is the schemas of the types.

use serde_json::{Map, Value, json};

use crate::facade::v1::endpoint::{Access, Body, Endpoint, Shape, Use, optional};
use crate::facade::v1::neighbours;
use crate::facade::v1::parameter::{
    API_KEY, APP, CLIENT_ID, CLIENT_SECRET, FIELDS, Kind, NAME, Parameter, SCOPES_WANTED, WAIT,
};
use crate::facade::v1::sheet::CSV;
use crate::facade::v1::table::ENDPOINTS;
use crate::model::scope::Scope;
use crate::operation::table::row::GREATEST_ID;

const INTRODUCTION: &str = "Data goes in as records, runs through flows, and comes out again. Every endpoint answers in \
    JSON or XML: what `Accept` names, else the format of the request. Every reply has the same envelope, unless its endpoint \
    says otherwise. A parameter may \
    be a header or a part of the address; the header wins. An empty one counts as absent.";

/// The statuses that a failure may have at any endpoint.
const COMMON: [u16; 7] = [400, 408, 413, 414, 429, 500, 503];

/// The description of a gateway at that address.
pub fn describe(origin: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas = schemas_of_envelopes();
    for endpoint in &ENDPOINTS {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(endpoint.method.as_str().to_ascii_lowercase(), operation(endpoint, &mut schemas));
        }
    }
    paths.extend(neighbours::paths());
    schemas.extend(neighbours::schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Flowgate API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": origin}],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses(),
            "headers": headers(),
            "securitySchemes": security_schemes(origin),
        },
    })
}

fn tags() -> Value {
    json!([
        {"name": "Authentication", "description": "Access tokens for OAuth2 applications."},
        {"name": "Schema", "description": "What the customer's records must look like."},
        {"name": "Record", "description": "The data records."},
        {"name": "Queue", "description": "Where records stand, and changing that."},
        {"name": "Webhook", "description": "What external systems send."},
        {"name": "Subscription", "description": "Who hears of what happens, and what was sent."},
        {"name": "Flow", "description": "What records run through."},
        {"name": "Keystore", "description": "What flows and clients share by key."},
        {"name": "Table", "description": "Rows of columns that the customer keeps."},
        {"name": "Options", "description": "What there is."},
        {"name": "OAuth2", "description": "Access tokens as OAuth2 libraries get them. Failures look as the standards have them."},
        {"name": "Health", "description": "For supervisors and proxies. No credentials are needed."},
    ])
}

fn tag(path: &str) -> &'static str {
    match path {
        "/v1/checkauthentication" | "/v1/refreshtoken" => "Authentication",
        "/v1/record/changestatus" | "/v1/record/movetoflow" | "/v1/record/search" | "/v1/record/rerun" => "Queue",
        "/v1/flowdiagram" | "/v1/flowdiagram/revert" | "/v1/flow.schema.json" | "/v1/changeflowstatus" => "Flow",
        "/v1/options" => "Options",
        "/v1/schema" => "Schema",
        path if path.starts_with("/v1/webhook") => "Webhook",
        path if path.starts_with("/v1/hooks") => "Subscription",
        path if path.starts_with("/v1/keystore") => "Keystore",
        path if path.starts_with("/v1/tables") => "Table",
        _ => "Record",
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut Map<String, Value>) -> Value {
    let mut operation = json!({
        "tags": [tag(endpoint.path)],
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "description": endpoint.doc,
        "parameters": parameters(endpoint),
        "responses": responses_of(endpoint, schemas),
        "security": security(endpoint.access),
    });
    let body = match endpoint.body {
        Body::None => None,
        Body::Value(shape, example) => {
            let schema = reference(shape, schemas);
            let json = json!({"schema": schema, "example": parsed(example)});
            // Of XML, the mapping says what it means; a schema in this language cannot.
            Some(json!({"required": true, "content": {"application/json": json, "application/xml": {}}}))
        }
        // Any other type will do as well; these are what tools offer.
        Body::Free => Some(json!({"content": {
            "application/json": {"schema": {}, "example": {"anything": "at all"}},
            "text/plain": {"schema": {"type": "string"}},
            "application/xml": {},
        }})),
        Body::Lines(example) => {
            Some(json!({"required": true, "content": {CSV: {"schema": {"type": "string"}, "example": example}}}))
        }
        Body::Parameters if !takes_form(endpoint) => None,
        Body::Parameters => Some(form(endpoint)),
    };
    if let (Some(body), Some(members)) = (body, operation.as_object_mut()) {
        members.insert("requestBody".to_owned(), body);
    }
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let mut list: Vec<Value> = Vec::new();
    for name in names_in(endpoint.path) {
        let text = Kind::Name(255);
        let (doc, example, kind) = match name {
            "uuid" => ("The data record's identifier.", json!("order-4711"), text),
            "table_name" => ("The table's name.", json!("users"), text),
            "keystore" => ("The keystore's identifier.", json!("weather"), text),
            "key" => ("The package's key, of at most 255 bytes.", json!("london"), text),
            "id" if tag(endpoint.path) == "Table" => ("The row's number.", json!(8), Kind::Integer(1, GREATEST_ID)),
            "id" => ("The subscription's identifier.", json!("9f1c2b7de0a4451c8f0d6b1a5c3e7f90"), text),
            "message" => ("The message's `webhook-id`.", json!("msg_0198c1a27d4e7c1b9d553b1f3c0f8a11"), text),
            _ => ("The webhook's URI.", json!("demo-hook"), text),
        };
        list.push(json!({
            "name": name, "in": "path", "required": true, "description": doc, "example": example,
            "schema": schema_of(kind, true),
        }));
    }
    for used in endpoint.parameters {
        list.extend(place(endpoint, used).map(|place| parameter(used, place)));
    }
    if let Some(scope) = endpoint.access.scope() {
        let mut wanted = parameter(&optional(&SCOPES_WANTED), Place::Header);
        if let Some(members) = wanted.as_object_mut() {
            members.insert("example".to_owned(), json!([scope.name()]));
        }
        list.push(wanted);
    }
    if is_file(endpoint) {
        return list;
    }
    list.push(parameter(&optional(&FIELDS), Place::Query));
    let is_kept = endpoint.method.as_str() == "GET" && endpoint.access.scope().is_some();
    let condition = |name: &str, doc: &str, schema: Value| json!({"name": name, "in": "header", "required": false, "description": doc, "schema": schema});
    if endpoint.failures.contains(&412) {
        let doc = "The entity tag that must still be the present one.";
        list.push(condition("If-Match", doc, json!({"type": "string", "pattern": r#"^"[0-9a-z-]{1,64}"$"#})));
    } else if is_kept {
        list.push(condition(
            "If-None-Match",
            "An entity tag for which the answer would be 304.",
            json!({"type": "string"}),
        ));
    }
    list
}

/// Whether it answers a file, which is sent while it is read: it has no members, and no tag.
fn is_file(endpoint: &Endpoint) -> bool {
    endpoint.example.is_empty()
}

/// Whether what is asked for can be answered as plain text.
fn is_text_too(endpoint: &Endpoint) -> bool {
    endpoint.message.is_empty() && tag(endpoint.path) == "Keystore"
}

/// The names in the braces of a path.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

/// Where a parameter is described.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Query,
}

/// Whether parameters in the body are worth describing. Those of GET and DELETE are read, and many a client sends none.
fn takes_form(endpoint: &Endpoint) -> bool {
    !matches!(endpoint.method.as_str(), "GET" | "DELETE")
}

/// The place of a parameter, if it is not part of the body. Most may be in two, of which one is described as a parameter
/// and the other in words: no description can say that one overrules the other, and generated clients would offer both.
fn place(endpoint: &Endpoint, used: &Use) -> Option<Place> {
    match endpoint.body {
        Body::Parameters if !takes_form(endpoint) => Some(Place::Query),
        Body::Parameters => None,
        _ if used.parameter.headers.is_empty() => Some(Place::Query),
        _ => Some(Place::Header),
    }
}

fn parameter(used: &Use, place: Place) -> Value {
    let Use { parameter: described, is_required } = *used;
    let (place, name, other) = match place {
        Place::Header => {
            ("header", described.name, described.queries.first().map(|query| format!("`{query}` in the address")))
        }
        Place::Query => {
            let header = (!described.headers.is_empty()).then(|| format!("the header `{}`", described.name));
            ("query", described.queries.first().copied().unwrap_or_default(), header)
        }
    };
    let other = other.map(|other| format!(" It may be {other} instead.")).unwrap_or_default();
    let mut value = json!({
        "name": name, "in": place, "required": is_required, "description": format!("{}{other}", described.doc),
        "schema": schema_of(described.kind, is_required),
    });
    if let (false, Some(members)) = (described.example.is_empty(), value.as_object_mut()) {
        let example = match described.kind {
            Kind::Integer(..) => parsed(described.example),
            _ => json!(described.example),
        };
        members.insert("example".to_owned(), example);
    }
    value
}

/// The parameters as a form.
fn form(endpoint: &Endpoint) -> Value {
    let properties: Map<String, Value> = endpoint
        .parameters
        .iter()
        .map(|used| {
            let mut schema = schema_of(used.parameter.kind, used.is_required);
            if let Some(members) = schema.as_object_mut() {
                members.insert("description".to_owned(), json!(used.parameter.doc));
            }
            (used.parameter.queries.first().copied().unwrap_or_default().to_owned(), schema)
        })
        .collect();
    json!({"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": properties}}}})
}

fn schema_of(kind: Kind, is_required: bool) -> Value {
    match kind {
        Kind::Text => json!({"type": "string", "pattern": r"^[^\x00]*$"}),
        Kind::Name(most) if is_required => {
            json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": NAME})
        }
        // An empty one counts as absent.
        Kind::Name(most) => {
            json!({"type": "string", "maxLength": most, "pattern": format!("^({})?$", NAME.trim_matches(['^', '$']))})
        }
        Kind::Integer(least, most) => json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most}),
        Kind::Choice(words) => json!({"type": "string", "enum": words}),
        Kind::List(words) => json!({"type": "array", "items": {"type": "string", "enum": words}}),
        Kind::Uuids => {
            let uuid =
                json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[^\x00-\x20\x7f-\xa0,]+$"});
            json!({"type": "array", "minItems": 1, "items": uuid})
        }
        Kind::Moment => json!({"type": "string", "anyOf": [{"format": "date-time"}, {"maxLength": 0}]}),
        Kind::Date => {
            json!({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}, {"maxLength": 0}]})
        }
    }
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

/// A reference to a shape, whose schema and those it refers to are then among the others.
fn reference(shape: Shape, schemas: &mut Map<String, Value>) -> Value {
    let schema = serde_json::to_value((shape.schema)()).unwrap_or_default();
    let mut parts = Vec::new();
    (shape.parts)(&mut parts);
    for (name, part) in parts {
        schemas.entry(name).or_insert_with(|| serde_json::to_value(part).unwrap_or_default());
    }
    // What is no type of ours, a list or a text, has no name to be referred to by.
    if schema.get("type").is_some_and(|kind| kind != "object") {
        return schema;
    }
    let name = (shape.name)().into_owned();
    schemas.entry(name.clone()).or_insert(schema);
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn responses_of(endpoint: &Endpoint, schemas: &mut Map<String, Value>) -> Value {
    let resource = reference(endpoint.resource, schemas);
    if endpoint.access == Access::Public && endpoint.message.is_empty() {
        return bare(endpoint, &resource);
    }
    let (schema, example) = match endpoint.message.is_empty() {
        true => (resource, parsed(endpoint.example)),
        false => enveloped(endpoint, &resource),
    };
    let mut list = Map::new();
    list.insert(
        endpoint.status.to_string(),
        json!({
            "description": if endpoint.message.is_empty() { endpoint.summary } else { endpoint.message },
            "headers": headers_of(endpoint),
            "content": match is_file(endpoint) {
                _ if is_text_too(endpoint) => json!({
                    "application/json": {"schema": schema, "example": example},
                    "application/xml": {},
                    "text/plain": {"schema": {"type": "string"}},
                }),
                true => json!({CSV: {"schema": {"type": "string"}}}),
                false => json!({"application/json": {"schema": schema, "example": example}, "application/xml": {}}),
            },
        }),
    );
    if let (Some(links), Some(success)) = (links(endpoint), list.get_mut(&endpoint.status.to_string())) {
        success.as_object_mut().map(|members| members.insert("links".to_owned(), links));
    }
    if waits(endpoint) || endpoint.id == "postWebhook" {
        let schema = list.get("201").and_then(|success| success.pointer("/content/application~1json/schema")).cloned();
        let mut schema = schema.unwrap_or_default();
        for (place, value) in [("/properties/id/const", json!("ok")), ("/properties/code/const", json!(202))] {
            if let Some(constant) = schema.pointer_mut(place) {
                *constant = value;
            }
        }
        list.insert("202".to_owned(), awaited(&schema));
    }
    let is_read = endpoint.method.as_str() == "GET";
    if is_read && endpoint.access.scope().is_some() && !is_file(endpoint) {
        list.insert("304".to_owned(), json!({"$ref": "#/components/responses/304"}));
    }
    let asked: &[u16] = match endpoint.access {
        Access::Public => &[],
        Access::Webhook => &[404],
        Access::Client | Access::Scope(_) | Access::ScopeOrApiKey(_) | Access::ScopeOrClient(_) => &[401, 403],
    };
    let mut failures: Vec<u16> = [&COMMON[..], asked, endpoint.failures].concat();
    failures.sort_unstable();
    failures.dedup();
    for status in failures {
        list.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    Value::Object(list)
}

/// The schema and the example of the envelope around a resource.
fn enveloped(endpoint: &Endpoint, resource: &Value) -> (Value, Value) {
    let id = if endpoint.status == 201 { "created" } else { "ok" };
    let schema = json!({
        "type": "object",
        "required": ["id", "code", "request-ip", "resource", "message", "error"],
        "properties": {
            "id": {"const": id},
            "code": {"const": endpoint.status},
            "request-ip": {"type": "string"},
            "resource": resource,
            "message": {"type": "string"},
            "error": {"type": "null"},
        },
    });
    let example = json!({
        "id": id, "code": endpoint.status, "request-ip": "192.0.2.1", "resource": parsed(endpoint.example),
        "message": endpoint.message, "error": null,
    });
    (schema, example)
}

/// The responses of an endpoint that is open, and whose answer is no reply of ours but a document.
fn bare(endpoint: &Endpoint, resource: &Value) -> Value {
    let success = json!({
        "description": endpoint.summary,
        "content": {"application/schema+json": {"schema": resource, "example": parsed(endpoint.example)}},
    });
    let failures =
        COMMON.map(|status| (status.to_string(), json!({"$ref": format!("#/components/responses/{status}")})));
    Value::Object([(endpoint.status.to_string(), success)].into_iter().chain(failures).collect())
}

/// Whether a call can ask for the end of the run that it begins.
fn waits(endpoint: &Endpoint) -> bool {
    endpoint.parameters.iter().any(|used| used.parameter.name == WAIT.name)
}

/// What is answered to a call that waits, beside what a call is answered that does not.
fn awaited(schema: &Value) -> Value {
    json!({
        "description": "The data record is stored, and its run has not ended in the time that was to be waited",
        "headers": refer("headers", &["X-Request-Id", "X-Run-Id", "Preference-Applied", "Location"]),
        "content": {"application/json": {"schema": schema}, "application/xml": {}},
    })
}

/// What can be done with what was created.
fn links(endpoint: &Endpoint) -> Option<Value> {
    let (parameters, linked): (Value, &[&str]) = match endpoint.id {
        "insertRecord" => (
            json!({"uuid": "$response.body#/resource/data_record_id"}),
            &["getRecordById", "updateRecordById", "deleteRecordById"],
        ),
        "addHook" => (
            json!({"id": "$response.body#/resource/id"}),
            &["getHook", "updateHook", "rotateHookSecret", "listDeliveries", "deleteHookById"],
        ),
        _ => return None,
    };
    let link = |id: &&str| ((*id).to_owned(), json!({"operationId": id, "parameters": parameters}));
    Some(Value::Object(linked.iter().map(link).collect()))
}

fn headers_of(endpoint: &Endpoint) -> Value {
    let mut names = vec!["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
    if endpoint.method.as_str() == "GET" && endpoint.access.scope().is_some() && !is_file(endpoint) {
        names.extend(["ETag", "Last-Modified"]);
    }
    if endpoint.status == 201 && endpoint.method.as_str() == "POST" {
        names.extend(["Location", "Idempotency-Replayed"]);
    }
    if waits(endpoint) {
        names.extend(["X-Run-Id", "Preference-Applied"]);
    }
    refer("headers", &names)
}

/// Named parts of the description, by reference.
fn refer(kind: &str, names: &[&str]) -> Value {
    let refer = |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/{kind}/{name}")}));
    Value::Object(names.iter().map(refer).collect())
}

fn headers() -> Value {
    json!({
        "X-Request-Id": {"description": "Names the request in the gateway's log; yours, if you sent one.", "schema": {"type": "string"}},
        "X-RateLimit-Limit": {"description": "Requests within the window.", "schema": {"type": "integer"}},
        "X-RateLimit-Remaining": {"description": "Requests that are left.", "schema": {"type": "integer"}},
        "X-RateLimit-Reset": {"description": "Seconds until all are back.", "schema": {"type": "integer"}},
        "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}},
        "ETag": {"description": "Names this state of the resource in this representation.", "schema": {"type": "string"}},
        "Last-Modified": {"description": "When the resource last changed.", "schema": {"type": "string"}},
        "Location": {"description": "Where to find what was created.", "schema": {"type": "string", "format": "uri"}},
        "Idempotency-Replayed": {"description": "`true` if this reply was given before to a request with the same key.", "schema": {"type": "string", "const": "true"}},
        "X-Run-Id": {"description": "The run that was waited for: the data record's identifier and, behind a dot, the run's number.", "schema": {"type": "string"}},
        "Preference-Applied": {"description": "Which preference was honoured (RFC 7240), such as `wait=30`.", "schema": {"type": "string"}},
        "WWW-Authenticate": {"description": "Which credentials are wanted (RFC 6750).", "schema": {"type": "string"}},
        "Allow": {"description": "The methods there are.", "schema": {"type": "string"}},
    })
}

fn responses() -> Value {
    let all = ["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
    let failure = |doc: &str, more: &[&str]| {
        json!({
            "description": doc,
            "headers": refer("headers", &[&all[..], more].concat()),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}, "application/xml": {}},
        })
    };
    json!({
        "304": {"description": "Not modified: the client has this representation already", "headers": refer("headers", &["ETag"])},
        "400": failure("A parameter or the body is missing or not acceptable", &[]),
        "401": failure("The credentials or the permissions are not correct", &["WWW-Authenticate"]),
        "402": failure("The parameters are valid, but the state of what they name does not allow the request", &[]),
        "403": failure("Not allowed: 436, the access token is not valid; 437, the address is not allowed; 403, in use", &["WWW-Authenticate"]),
        "404": failure("There is no such thing for this customer", &[]),
        "408": failure("The request was not received in time", &[]),
        "409": failure("The request contradicts what is stored", &[]),
        "410": failure("The run that waited at this address is over", &[]),
        "412": failure("The resource changed since the client saw it", &[]),
        "413": failure("The request is too large", &[]),
        "414": {"description": "The address is too long", "content": {"text/plain": {"schema": {"type": "string"}}}},
        "429": failure("Too many requests", &["Retry-After"]),
        "500": failure("A failure of the gateway; or the run failed that was waited for, which `error.run` tells", &[]),
        "503": failure("The gateway cannot do this at the moment", &["Retry-After"]),
    })
}

fn schemas_of_envelopes() -> Map<String, Value> {
    let failure = json!({
        "type": "object",
        "description": "Why a request was not carried out.",
        "required": ["id", "code", "request-ip", "resource", "message", "error"],
        "properties": {
            "id": {"const": "error"},
            "code": {"type": "integer", "description": "The HTTP status, or a number that says more: 436, 437."},
            "request-ip": {"type": "string"},
            "resource": {"type": "array", "maxItems": 0},
            "message": {"type": "string"},
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "integer"},
                    "message": {"type": "string"},
                    "run": {
                        "type": "object",
                        "description": "The run that was waited for and failed.",
                        "required": ["uuid", "run", "step", "error"],
                        "properties": {
                            "uuid": {"type": "string", "description": "The data record's identifier."},
                            "run": {"type": "integer", "description": "The run's number."},
                            "step": {
                                "type": "object",
                                "description": "The step it failed at.",
                                "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
                            },
                            "error": {"description": "The failure: `kind`, `message` and what else there is to know."},
                        },
                    },
                    "details": {
                        "type": "array",
                        "description": "What the schema does not allow.",
                        "items": {
                            "type": "object",
                            "required": ["path", "reason"],
                            "properties": {
                                "record": {"type": "integer", "description": "Which record of an array, from 0."},
                                "path": {"type": "string", "description": "Where, as a JSON pointer."},
                                "reason": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    });
    Map::from_iter([("Failure".to_owned(), failure)])
}

fn security(access: Access) -> Value {
    let Some(scope) = access.scope().map(Scope::name) else { return json!([]) };
    let mut ways = vec![
        json!({"bearer": []}),
        json!({"oauth2": [scope]}),
        json!({"apiKey": [], "app": []}),
        json!({"apiKeyInAddress": [], "appInAddress": []}),
    ];
    if access.takes_api_key() {
        ways.extend([json!({"apiKey": []}), json!({"apiKeyInAddress": []})]);
    }
    if access.takes_client() {
        ways.push(json!({"clientId": [], "clientSecret": []}));
    }
    Value::Array(ways)
}

fn security_schemes(origin: &str) -> Value {
    let key = |parameter: &Parameter, place: &str, name: &str| json!({"type": "apiKey", "in": place, "name": name, "description": parameter.doc});
    let first = |parameter: &Parameter| parameter.queries.first().copied().unwrap_or_default();
    let scopes: Map<String, Value> =
        Scope::ALL.into_iter().map(|scope| (scope.name().to_owned(), json!(scope.describe()))).collect();
    json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token."},
        "oauth2": {
            "type": "oauth2",
            "description": "An access token got with client credentials (RFC 6749).",
            "flows": {"clientCredentials": {"tokenUrl": format!("{origin}/oauth/token"), "scopes": scopes}},
        },
        "apiKey": key(&API_KEY, "header", API_KEY.name),
        "app": key(&APP, "header", APP.name),
        "apiKeyInAddress": key(&API_KEY, "query", first(&API_KEY)),
        "appInAddress": key(&APP, "query", first(&APP)),
        "client": {"type": "http", "scheme": "basic", "description": "The application's OAuth2 client id and secret."},
        "clientId": key(&CLIENT_ID, "header", CLIENT_ID.name),
        "clientSecret": key(&CLIENT_SECRET, "header", CLIENT_SECRET.name),
    })
}

//! What the gateway's other dialects over JSON look like to a client of this one: tokens as OAuth2 libraries get them, and
//! health. It stands in the same description, because a client is generated from one.

use serde_json::{Map, Value, json};

use crate::model::scope::Scope;

/// The addresses.
pub fn paths() -> Map<String, Value> {
    let text = |doc: &str| json!({"type": "string", "minLength": 1, "description": doc});
    let token = || json!({"token": text("The access or refresh token."), "token_type_hint": {"type": "string", "description": "Not looked at: both kinds are."}});
    let words = Scope::ALL.map(Scope::name).join("|").replace('.', r"\.");
    let scope = json!({"type": "string", "pattern": format!("^(({words})( ({words}))*)?$"), "description": "The scopes that the token is to grant, separated by spaces. Absent: all that the application has."});
    let grant = json!({"grant_type": {"type": "string", "enum": ["client_credentials"]}, "scope": scope});
    let probe = |id: &str, summary: &str| json!({"tags": ["Health"], "operationId": id, "summary": summary, "security": [], "responses": {"200": json_reply("It is so", "Health")}});
    let mut ready = probe("getReadiness", "Tells whether the gateway can store");
    if let Some(responses) = ready.get_mut("responses").and_then(Value::as_object_mut) {
        responses.insert("503".to_owned(), json_reply("Not at the moment", "Health"));
    }
    let metadata = json!({
        "tags": ["OAuth2"], "operationId": "getAuthorizationServer", "summary": "Tells where the OAuth2 endpoints are", "security": [],
        "description": "The metadata of RFC 8414.",
        "responses": {"200": {"description": "The metadata", "content": {"application/json": {"schema": {"type": "object", "required": ["issuer", "token_endpoint"]}}}}},
    });
    Map::from_iter([
        (
            "/oauth/token".to_owned(),
            json!({"post": form("grantToken", "Issues an access token (RFC 6749)", grant, "grant_type", Some("GrantedToken"))}),
        ),
        (
            "/oauth/introspect".to_owned(),
            json!({"post": form("introspectToken", "Tells what a token is worth (RFC 7662)", token(), "token", Some("TokenState"))}),
        ),
        (
            "/oauth/revoke".to_owned(),
            json!({"post": form("revokeToken", "Revokes a token (RFC 7009)", token(), "token", None)}),
        ),
        ("/.well-known/oauth-authorization-server".to_owned(), json!({"get": metadata})),
        ("/health".to_owned(), json!({"get": probe("getHealth", "Tells that the gateway lives")})),
        ("/ready".to_owned(), json!({"get": ready})),
    ])
}

/// An endpoint that takes a form from a client, which proves itself with HTTP Basic or in the form.
fn form(id: &str, summary: &str, mut properties: Value, required: &str, shape: Option<&str>) -> Value {
    if let Some(members) = properties.as_object_mut() {
        members.insert(
            "client_id".to_owned(),
            json!({"type": "string", "description": "The client, unless it uses HTTP Basic."}),
        );
        members.insert(
            "client_secret".to_owned(),
            json!({"type": "string", "description": "Its secret, unless it uses HTTP Basic."}),
        );
    }
    let success = shape.map_or_else(
        || json!({"description": "Done; also if there was no such token"}),
        |shape| json_reply("Done", shape),
    );
    let mut responses = Map::from_iter([("200".to_owned(), success)]);
    for (status, doc) in [
        (400, "The request is not as it must be"),
        (401, "The client is unknown, or its secret is wrong"),
        (403, "The client may not call from this address"),
        (408, "The request was not received in time"),
        (413, "The request is too large"),
        (429, "Too many requests"),
        (500, "A failure of the gateway"),
        (503, "The gateway cannot do this at the moment"),
    ] {
        responses.insert(status.to_string(), json_reply(doc, "OAuthFailure"));
    }
    let schema = json!({"type": "object", "required": [required], "properties": properties});
    json!({
        "tags": ["OAuth2"], "operationId": id, "summary": summary,
        "security": [{"client": []}, {}],
        "requestBody": {"required": true, "content": {"application/x-www-form-urlencoded": {"schema": schema}}},
        "responses": responses,
    })
}

fn json_reply(doc: &str, shape: &str) -> Value {
    let schema = json!({"$ref": format!("#/components/schemas/{shape}")});
    json!({"description": doc, "content": {"application/json": {"schema": schema}}})
}

/// The shapes of what they answer.
pub fn schemas() -> Map<String, Value> {
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer", "format": "int64"}));
    let granted = json!({"access_token": text, "token_type": text, "expires_in": number, "scope": text});
    let state = json!({
        "active": {"type": "boolean"}, "scope": text, "client_id": text, "token_type": text, "exp": number, "iat": number, "sub": text,
    });
    let [granted, state, failure, health] = [
        object(&["access_token", "token_type", "expires_in", "scope"], granted),
        object(&["active"], state),
        object(&["error"], json!({"error": text, "error_description": text})),
        object(&["status"], json!({"status": {"type": "string", "enum": ["ok", "unavailable"]}, "reason": text})),
    ];
    Map::from_iter([
        ("GrantedToken".to_owned(), granted),
        ("TokenState".to_owned(), state),
        ("OAuthFailure".to_owned(), failure),
        ("Health".to_owned(), health),
    ])
}

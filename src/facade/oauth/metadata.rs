//! What an OAuth2 library needs to know to use the endpoints (RFC 8414).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::app::App;
use crate::facade::oauth::{INTROSPECT, REVOKE, TOKEN};
use crate::facade::request::{RequestContext, Surroundings, origin};
use crate::model::scope::Scopes;

/// Tells the addresses as the sender of this request sees them.
pub async fn get(request: HttpRequest, app: Data<App>, surroundings: Data<Surroundings>) -> HttpResponse {
    let issuer = origin(&request, &app, surroundings.address);
    let methods = ["client_secret_basic", "client_secret_post"];
    let mut response = HttpResponse::Ok();
    RequestContext::of(&request, &app).complete(&mut response, None);
    // Whoever asks through another host or proxy is told other addresses, so no shared cache may keep them.
    response.insert_header((CACHE_CONTROL, "private, max-age=3600")).json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN}"),
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint": format!("{issuer}{INTROSPECT}"),
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": format!("{issuer}{REVOKE}"),
        "revocation_endpoint_auth_methods_supported": methods,
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": Scopes::all().names(),
        "service_documentation": format!("{issuer}/docs"),
    }))
}

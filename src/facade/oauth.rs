//! The OAuth2 façade: what OAuth2 libraries expect of an authorisation server whose only grant is client credentials.
//!
//! Tokens at `/oauth/token` (RFC 6749 §4.4), what they are worth at `/oauth/introspect` (RFC 7662), their end at
//! `/oauth/revoke` (RFC 7009), and where all that is at `/.well-known/oauth-authorization-server` (RFC 8414). The
//! documented way to tokens is another dialect's.

pub mod endpoint;
pub mod error;
pub mod form;
pub mod metadata;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

/// Where an access token is got.
pub const TOKEN: &str = "/oauth/token";
/// Where a token is asked about.
pub const INTROSPECT: &str = "/oauth/introspect";
/// Where a token is revoked.
pub const REVOKE: &str = "/oauth/revoke";
/// Where the addresses above are told.
pub const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Mounts the façade. Addresses are served with and without a slash at the end: clients do not follow redirects of POST.
pub fn routes(config: &mut ServiceConfig) {
    for end in ["", "/"] {
        let resource = |path: &str, methods| resource(&format!("{path}{end}"), methods);
        config
            .service(resource(TOKEN, "OPTIONS, POST").route(web::post().to(endpoint::grant)))
            .service(resource(INTROSPECT, "OPTIONS, POST").route(web::post().to(endpoint::introspect)))
            .service(resource(REVOKE, "OPTIONS, POST").route(web::post().to(endpoint::revoke)))
            .service(
                resource(METADATA, "GET, HEAD, OPTIONS")
                    .route(web::get().to(metadata::get))
                    .route(web::head().to(metadata::get)),
            );
    }
}

fn resource(path: &str, methods: &'static str) -> Resource {
    web::resource(path)
        .route(
            web::method(Method::OPTIONS)
                .to(move || async move { HttpResponse::NoContent().insert_header((ALLOW, methods)).finish() }),
        )
        .default_service(web::to(move || async move {
            HttpResponse::MethodNotAllowed().insert_header((ALLOW, methods)).finish()
        }))
}

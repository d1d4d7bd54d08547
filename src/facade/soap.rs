//! The SOAP façade: wire in, operation, wire out, at `/v1/soap`.

pub mod answer;
pub mod credential;
pub mod describe;
pub mod endpoint;
pub mod error;
pub mod free_form;
pub mod input;
pub mod message;
pub mod page;
pub mod port;
pub mod sample;

use actix_web::web::{self, ServiceConfig};

/// Served with and without a slash at the end: some clients follow no redirect, or lose their body on the way.
const PATHS: [&str; 2] = ["/v1/soap", "/v1/soap/"];

/// Whether a path is one of the façade's.
fn is_mounted_at(path: &str) -> bool {
    PATHS.contains(&path)
}

/// Mounts the façade.
pub fn routes(config: &mut ServiceConfig) {
    for path in PATHS {
        config.service(
            web::resource(path)
                .route(web::post().to(endpoint::post))
                .route(web::get().to(describe::get))
                .route(web::head().to(describe::get))
                .route(web::method(actix_web::http::Method::OPTIONS).to(describe::options))
                .default_service(web::to(describe::refuse)),
        );
    }
}

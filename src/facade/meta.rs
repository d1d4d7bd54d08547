//! What operators and proxies ask: does the process live, can it commit. Nothing here needs or shows credentials.

use actix_web::HttpResponse;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, LOCATION};
use actix_web::web::{self, Data, ServiceConfig};
use serde_json::json;

use crate::app::App;

/// Mounts the façade.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(probe("/health").route(web::get().to(health)).route(web::head().to(health)))
        .service(probe("/ready").route(web::get().to(ready)).route(web::head().to(ready)))
        .service(probe("/").route(web::get().to(root)).route(web::head().to(root)));
}

fn probe(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(|| async {
        HttpResponse::MethodNotAllowed().insert_header((ALLOW, "GET, HEAD")).finish()
    }))
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({"status": "ok"}))
}

/// 200 once a commit has reached the disk, 503 with the reason when it cannot.
async fn ready(app: Data<App>) -> HttpResponse {
    match app.store.prove_writable().await {
        Ok(()) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({"status": "ok"})),
        Err(error) => {
            // The store tells the log, once, that it cannot commit; probes come every few seconds.
            log::debug!("Not ready: {error:?}");
            let body = json!({"status": "unavailable", "reason": error.message()});
            HttpResponse::ServiceUnavailable().insert_header((CACHE_CONTROL, "no-store")).json(body)
        }
    }
}

async fn root() -> HttpResponse {
    // Relative, so that it holds behind a proxy that serves us under a prefix.
    HttpResponse::Found().insert_header((LOCATION, "v1/soap")).finish()
}

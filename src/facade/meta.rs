//! What operators, proxies and Prometheus ask: does the process live, can it commit, what has it done. Nothing here needs
//! or shows credentials, nor what customers keep.

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, VARY};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::app::{App, figures};
use crate::facade::{compress, request};
use crate::telemetry::metrics::format::Format;

/// Mounts the façade.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(probe("/health").route(web::get().to(health)).route(web::head().to(health)))
        .service(probe("/ready").route(web::get().to(ready)).route(web::head().to(ready)))
        .service(
            probe("/metrics").guard(fn_guard(may_read)).route(web::get().to(metrics)).route(web::head().to(metrics)),
        )
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

/// Everyone else is answered like someone who asks for an address at which there is nothing.
fn may_read(context: &GuardContext<'_>) -> bool {
    let app = context.app_data::<Data<App>>();
    app.is_some_and(|app| request::is_from(context.head(), app, &app.config.server.metrics_from))
}

async fn metrics(request: HttpRequest, app: Data<App>) -> HttpResponse {
    let text = match figures::expose(&app).await {
        Ok(text) => text,
        Err(error) => {
            log::error!("The metrics could not be written: {error:?}");
            return HttpResponse::InternalServerError().finish();
        }
    };
    let accept = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let format = Format::of(&accept.collect::<Vec<_>>().join(","));
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, format.content_type()));
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((VARY, "Accept"));
    compress::finish(&request, response, format.spell(text))
}

async fn root() -> HttpResponse {
    // Relative, so that it holds behind a proxy that serves us under a prefix.
    HttpResponse::Found().insert_header((LOCATION, "v1/soap")).finish()
}

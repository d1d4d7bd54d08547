//! The pages about the dialect: the description as JSON and YAML, an explorer that calls the gateway, and files for
//! other people's explorers. All of it comes out of the binary.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, LOCATION,
    REFERRER_POLICY,
};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Resource};

use crate::app::App;
use crate::auth::key;
use crate::facade::request::{self, Surroundings};
use crate::facade::v1::collection::{self, Filling};
use crate::facade::v1::error::describe;
use crate::facade::v1::{condition, openapi};
use crate::facade::{body, compress};

const PAGE: &str = include_str!("explorer.html");
const SCRIPT: &str = include_str!("explorer.js");

/// What the explorer may do: run its own scripts, and call the gateway it came from. Its library writes style
/// attributes.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Stands for the address until a request tells it.
const PLACEHOLDER: &str = "http://address.invalid";

static JSON: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string(&openapi::describe(PLACEHOLDER)).unwrap_or_default());
static YAML: LazyLock<String> =
    LazyLock::new(|| yaml_serde::to_string(&openapi::describe(PLACEHOLDER)).unwrap_or_default());

/// Mounts the pages.
pub fn routes(config: &mut ServiceConfig) {
    for path in ["/openapi.json", "/openapi.yaml", "/openapi.yml"] {
        config.service(reader(path).route(web::get().to(description)).route(web::head().to(description)));
    }
    config
        .service(reader("/docs").route(web::get().to(page)).route(web::head().to(page)))
        .service(reader("/docs/").route(web::get().to(to_page)).route(web::head().to(to_page)))
        .service(reader("/docs/{file}").route(web::get().to(file)).route(web::head().to(file)))
        .service(
            web::resource("/docs/files/{file}")
                .route(web::post().to(download))
                .default_service(web::to(|| refuse("OPTIONS, POST"))),
        );
}

fn reader(path: &str) -> Resource {
    web::resource(path).default_service(web::to(|| refuse("GET, HEAD, OPTIONS")))
}

async fn refuse(methods: &'static str) -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header((ALLOW, methods)).finish()
}

async fn description(request: HttpRequest, app: Data<App>, surroundings: Data<Surroundings>) -> HttpResponse {
    let origin = request::origin(&request, &app, surroundings.address);
    let (text, content_type) = match request.path().ends_with(".json") {
        true => (&*JSON, "application/json"),
        false => (&*YAML, "application/yaml"),
    };
    // The address has passed a check that leaves nothing in it to escape.
    send(&request, HttpResponse::Ok(), content_type, text.replace(PLACEHOLDER, &origin))
}

async fn page(request: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
    send(&request, response, "text/html; charset=utf-8", PAGE.to_owned())
}

/// Sends a text that browsers keep, and ask about before they use it again.
fn send(
    request: &HttpRequest,
    mut response: HttpResponseBuilder,
    content_type: &'static str,
    text: String,
) -> HttpResponse {
    let packing = if compress::applies(request, &text) { "-gzip" } else { "" };
    let tag = format!("\"{}{packing}\"", key::digest(&text, 16));
    let is_known = condition::is_known(request.headers(), Some(&tag), None);
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    match is_known {
        true => response.status(StatusCode::NOT_MODIFIED).finish(),
        false => compress::finish(request, response, text),
    }
}

/// The page's links are relative to an address without a slash at its end.
async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "../docs")).finish()
}

async fn file(request: HttpRequest, name: web::Path<String>, surroundings: Data<Surroundings>) -> HttpResponse {
    const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";
    if name.as_str() == "explorer.js" {
        let keys = if surroundings.demo { r#"{apiKey: "demo-api-key", app: "demo-app"}"# } else { "{}" };
        return send(&request, HttpResponse::Ok(), SCRIPT_TYPE, SCRIPT.replace("DEMO_KEYS", keys));
    }
    let content_type = match name.as_str() {
        "swagger-ui.css" => "text/css; charset=utf-8",
        "swagger-ui-bundle.js" => SCRIPT_TYPE,
        _ => return missing(),
    };
    let config = std::sync::Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
    let file = utoipa_swagger_ui::serve(&name, config).ok().flatten();
    match file.and_then(|file| String::from_utf8(file.bytes.into_owned()).ok()) {
        Some(text) => send(&request, HttpResponse::Ok(), content_type, text),
        None => missing(),
    }
}

fn missing() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("There is no such file\n")
}

/// A file for another explorer, with the address and the keys that the form on the service page holds.
async fn download(
    request: HttpRequest,
    payload: Payload,
    name: web::Path<String>,
    app: Data<App>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let body = match body::read(&request, payload, &app).await {
        Ok(body) => body,
        Err(error) => return HttpResponse::build(describe(error.code()).0).force_close().finish(),
    };
    let origin = request::origin(&request, &app, surroundings.address);
    let filling = Filling::of(origin, &body.bytes, surroundings.demo);
    let text = match name.as_str() {
        collection::POSTMAN => collection::postman(&filling),
        collection::HTTP_FILE => collection::http_file(&filling),
        _ => return missing(),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(text)
}

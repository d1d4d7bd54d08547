//! The pages about the dialect: the description as JSON and YAML, an explorer that calls the gateway, and files for
//! other people's explorers. All of it comes out of the binary.

use std::sync::LazyLock;

use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use crate::app::App;
use crate::facade::request::{self, Surroundings};
use crate::facade::v1::collection::{self, Keys};
use crate::facade::v1::openapi;
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
static YAML: LazyLock<String> = LazyLock::new(|| openapi::to_yaml(openapi::describe(PLACEHOLDER)).unwrap_or_default());

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
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    // The address has passed a check that leaves nothing in it to escape.
    compress::finish(&request, response, text.replace(PLACEHOLDER, &origin))
}

async fn page(request: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")))
        .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    compress::finish(&request, response, PAGE.to_owned())
}

/// The page's links are relative to an address without a slash at its end.
async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "../docs")).finish()
}

async fn file(request: HttpRequest, name: web::Path<String>, surroundings: Data<Surroundings>) -> HttpResponse {
    if name.as_str() == "explorer.js" {
        let keys = if surroundings.demo { r#"{apiKey: "demo-api-key", app: "demo-app"}"# } else { "{}" };
        let mut response = HttpResponse::Ok();
        response
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")))
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
        return compress::finish(&request, response, SCRIPT.replace("DEMO_KEYS", keys));
    }
    let config = std::sync::Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
    let found = matches!(name.as_str(), "swagger-ui.css" | "swagger-ui-bundle.js")
        .then(|| utoipa_swagger_ui::serve(&name, config).ok().flatten())
        .flatten();
    match found {
        None => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("There is no such file\n"),
        Some(file) => {
            let mut response = HttpResponse::Ok();
            response
                .insert_header((CONTENT_TYPE, file.content_type))
                .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")));
            match String::from_utf8(file.bytes.into_owned()) {
                Ok(text) => compress::finish(&request, response, text),
                Err(error) => response.body(error.into_bytes()),
            }
        }
    }
}

/// A file for another explorer, with the address and the keys that the form on the service page holds.
async fn download(
    request: HttpRequest,
    payload: Payload,
    name: web::Path<String>,
    app: Data<App>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let Ok(body) = body::read(&request, payload, &app).await else {
        return HttpResponse::BadRequest().force_close().finish();
    };
    let origin = request::origin(&request, &app, surroundings.address);
    let keys = Keys::of(&body.bytes);
    let text = match name.as_str() {
        collection::POSTMAN => collection::postman(&origin, &keys),
        collection::HTTP_FILE => collection::http_file(&origin, &keys),
        _ => return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("There is no such file\n"),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(text)
}

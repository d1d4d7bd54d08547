//! What the SOAP address answers to a reader: the three descriptions, and a page for people.

use std::sync::LazyLock;

use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::app::App;
use crate::auth::key;
use crate::error::Result;
use crate::facade::request::Surroundings;
use crate::facade::soap::message::SERVICE;
use crate::facade::soap::page::{self, Page};
use crate::facade::{compress, request};
use crate::soap::wsdl::{self, Style};

/// Where the façade is mounted.
pub const PATH: &str = "/v1/soap";
const METHODS: &str = "GET, HEAD, OPTIONS, POST";
/// Stands for the address until a request tells it.
const PLACEHOLDER: &str = "http://address.invalid/";

static DOCUMENTS: LazyLock<Result<Vec<(Style, String)>>> = LazyLock::new(|| {
    Style::ALL.into_iter().map(|style| Ok((style, wsdl::render(style, &SERVICE, PLACEHOLDER)?))).collect()
});

/// Answers GET and HEAD: a description where the query asks for one, else the page.
pub async fn get(request: HttpRequest, app: Data<App>, surroundings: Data<Surroundings>) -> HttpResponse {
    let address = format!("{}{PATH}", request::origin(&request, &app, surroundings.address));
    match style_of(request.query_string()) {
        None => show_page(&request, address, surroundings.demo),
        Some(Some(style)) => show_document(&request, style, &address),
        Some(None) => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body(format!(
            "There is no such description. There are:\n{address}?wsdl (rpc/encoded)\n{address}?wsdl=literal (document/literal, SOAP 1.1)\n{address}?wsdl=literal12 (document/literal, SOAP 1.2)\n"
        )),
    }
}

/// Answers OPTIONS.
pub async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header((ALLOW, METHODS)).finish()
}

/// Answers every other method.
pub async fn refuse() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, METHODS))
        .content_type("text/plain; charset=utf-8")
        .body("Calls are sent here with POST; GET shows the service page, and the WSDL with ?wsdl\n")
}

/// The description that a query asks for, in any letter case: `None` if it asks for none, `Some(None)` for one that
/// does not exist. `singleWsdl` is how .NET asks for a document without imports, which all of ours are.
fn style_of(query: &str) -> Option<Option<Style>> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !name.eq_ignore_ascii_case("wsdl") && !name.eq_ignore_ascii_case("singlewsdl") {
            return None;
        }
        Some(match value.to_ascii_lowercase().as_str() {
            "" => Some(Style::RpcEncoded),
            "literal" => Some(Style::Literal11),
            "literal12" => Some(Style::Literal12),
            _ => None,
        })
    })
}

fn show_document(request: &HttpRequest, style: Style, address: &str) -> HttpResponse {
    let rendered = DOCUMENTS.iter().flatten().find(|(rendered, _)| *rendered == style);
    let Some((_, document)) = rendered else { return HttpResponse::InternalServerError().finish() };
    // The address has passed a check that leaves nothing in it to escape.
    let text = document.replace(PLACEHOLDER, address);
    let tag = format!("\"{}\"", key::digest(&text, 16));
    let unchanged = request::knows(request.headers(), Some(&tag));
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "no-cache"));
    if unchanged {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8")));
    compress::finish(request, response, text)
}

fn show_page(request: &HttpRequest, address: String, demo: bool) -> HttpResponse {
    let root = if request.path().ends_with('/') { "../.." } else { ".." };
    match page::render(&Page { address, root, version: env!("CARGO_PKG_VERSION"), demo }) {
        Err(error) => {
            log::error!("The service page could not be made: {error:?}");
            HttpResponse::InternalServerError().finish()
        }
        Ok(text) => {
            let mut response = HttpResponse::Ok();
            response
                .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")))
                .insert_header((CONTENT_SECURITY_POLICY, page::content_security_policy()))
                .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .insert_header((REFERRER_POLICY, "no-referrer"))
                .insert_header((CACHE_CONTROL, "no-cache"));
            compress::finish(request, response, text)
        }
    }
}

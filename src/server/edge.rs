//! What every request passes before a façade sees it, and every reply after: the rules of HTTP that the HTTP layer
//! leaves to its users, the headers that all replies carry, and the net under a handler that panics.

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{RequestHead, ResponseHead, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HOST, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;
use futures_util::future::Either;

use super::connection::Watch;
use crate::app::App;
use crate::facade::request::{REQUEST_ID, RequestId, is_host};
use crate::facade::soap::endpoint::Defect;
use crate::telemetry::context::{within, within_sync};

/// Bytes of a request's target; longer ones are nobody's.
const LONGEST_TARGET: usize = 8 * 1024;

/// Every method that any address knows.
const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/// Answers a request, or lets it on.
pub(super) fn pass<S>(
    request: ServiceRequest,
    next: &S,
) -> impl Future<Output = Result<ServiceResponse, actix_web::Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error>,
{
    let watch = request.conn_data::<Rc<Watch>>().cloned();
    if watch.as_ref().is_some_and(|watch| !watch.begin()) {
        return Either::Left(pending());
    }
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let metrics = request.app_data::<Data<App>>().map(|app| Arc::clone(&app.metrics));
    let in_flight = metrics.as_ref().map(|metrics| metrics.request_began());
    let asks_to_close = request.head().connection_type() == ConnectionType::Close;
    let answering = match refusal(request.head()) {
        Some(answer) => Either::Left(ready(Ok(request.into_response(answer)))),
        None => Either::Right(call(request, &id, next)),
    };
    Either::Right(answering.map(move |mut outcome| {
        drop(in_flight);
        if let Some(metrics) = metrics {
            let failed = |error: &actix_web::Error| error.as_response_error().status_code();
            let status = outcome.as_ref().map_or_else(failed, ServiceResponse::status);
            metrics.replied(status.as_u16());
        }
        let is_last = match &mut outcome {
            Ok(response) => {
                complete(response.headers_mut(), &id);
                asks_to_close || is_last(response.response_mut().head_mut())
            }
            Err(_) => true,
        };
        match watch {
            Some(watch) if is_last => watch.close(),
            Some(watch) => watch.finish(),
            None => {}
        }
        outcome
    }))
}

/// Calls the façades. A defect in one of them costs one request its answer and nobody else anything.
fn call<S>(
    request: ServiceRequest,
    id: &RequestId,
    next: &S,
) -> impl Future<Output = Result<ServiceResponse, actix_web::Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = actix_web::Error>,
{
    let panicked = Panicked { defect: Defect::of(request.head()), id: id.clone() };
    let context = id.context();
    match catch_unwind(AssertUnwindSafe(|| within_sync(context.clone(), || next.call(request)))) {
        Err(_) => Either::Left(ready(Err(panicked.into()))),
        Ok(answering) => Either::Right(
            AssertUnwindSafe(within(context, answering))
                .catch_unwind()
                .map(move |outcome| outcome.unwrap_or_else(|_| Err(panicked.into()))),
        ),
    }
}

/// What is answered to a request that no façade may see.
fn refusal(head: &RequestHead) -> Option<HttpResponse> {
    if head.method == Method::CONNECT {
        return Some(refused(StatusCode::METHOD_NOT_ALLOWED, "This is no proxy"));
    }
    let uri = &head.uri;
    if uri.path() == "*" {
        return Some(match head.method {
            Method::OPTIONS => HttpResponse::NoContent().insert_header((ALLOW, METHODS)).finish(),
            _ => refused(StatusCode::BAD_REQUEST, "The target * is for OPTIONS alone"),
        });
    }
    let fits = |authority: &str| authority.is_empty() || is_host(authority);
    if !uri.path().starts_with('/')
        || uri.scheme_str().is_some_and(|scheme| !matches!(scheme, "http" | "https"))
        || uri.authority().is_some_and(|authority| uri.scheme().is_none() || !fits(authority.as_str()))
    {
        return Some(refused(StatusCode::BAD_REQUEST, "The request's target is not valid"));
    }
    if !head.headers.get(HOST).is_none_or(|host| host.to_str().is_ok_and(fits)) {
        return Some(refused(StatusCode::BAD_REQUEST, "The Host header is not valid"));
    }
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > LONGEST_TARGET) {
        return Some(refused(StatusCode::URI_TOO_LONG, "The request's target is too long"));
    }
    None
}

fn refused(status: StatusCode, reason: &'static str) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.insert_header((ALLOW, METHODS));
    }
    // What else the client has to say is not likely to be a request.
    response.force_close().content_type("text/plain; charset=utf-8").body(format!("{reason}\n"))
}

/// Adds the headers that every reply carries.
fn complete(headers: &mut HeaderMap, id: &RequestId) {
    if let Some(id) = id.header().filter(|_| !headers.contains_key(&REQUEST_ID)) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(CACHE_CONTROL) {
        // Replies hold customers' data.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn is_last(head: &mut ResponseHead) -> bool {
    // Heads are used again with the version of their last use; the right one is set when they are written.
    head.version = Version::HTTP_11;
    head.connection_type() == ConnectionType::Close
}

/// The answer to a request whose handler panicked. What panicked is in the log already.
#[derive(Clone, Debug)]
struct Panicked {
    defect: Option<Defect>,
    id: RequestId,
}

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("A handler panicked")
    }
}

impl ResponseError for Panicked {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = match self.defect {
            Some(defect) => within_sync(self.id.context(), || defect.answer()),
            None => refused(StatusCode::INTERNAL_SERVER_ERROR, "The request could not be completed"),
        };
        response.head_mut().set_connection_type(ConnectionType::Close);
        complete(response.headers_mut(), &self.id);
        response
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App as Routes, web};

    use super::*;

    /// The answer of a gateway whose every handler panics.
    fn answer(request: TestRequest) -> HttpResponse {
        crate::server::block_on(async {
            let panicking = web::to(|| async { panic_on_purpose() });
            let service = init_service(Routes::new().default_service(panicking).wrap_fn(pass)).await;
            match service.call(request.to_request()).await {
                Ok(response) => response.into_parts().1,
                Err(error) => error.error_response(),
            }
        })
    }

    fn panic_on_purpose() -> HttpResponse {
        panic!("on purpose")
    }

    #[test]
    fn a_panic_is_answered_as_a_defect_of_ours_and_ends_the_connection() {
        for (request, content_type) in [
            (TestRequest::get().uri("/health"), "text/plain; charset=utf-8"),
            (TestRequest::get().uri("/v1/soap"), "text/plain; charset=utf-8"),
            (TestRequest::post().uri("/v1/soap"), "text/xml; charset=utf-8"),
            (
                TestRequest::post().uri("/v1/soap/").insert_header((CONTENT_TYPE, "application/soap+xml")),
                "application/soap+xml; charset=utf-8",
            ),
        ] {
            let mut answer = answer(request);
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers().get(CONTENT_TYPE).expect("a type"), content_type);
            assert!(is_last(answer.head_mut()));
            assert!(
                answer.headers().contains_key(CACHE_CONTROL) && answer.headers().contains_key(X_CONTENT_TYPE_OPTIONS)
            );
        }
    }
}

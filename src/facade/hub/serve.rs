//! The way of a request through the dialect: found in the table, read, admitted, answered. It is the same for every
//! endpoint; what one does is its handler's business.

use std::panic::AssertUnwindSafe;

use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;
use serde_json::Value;

use crate::app::App;
use crate::app::bucket::Allowance;
use crate::auth::{self, Caller, Credential, limit};
use crate::error::{Code, Error, Result};
use crate::facade::hub::endpoint::{Access, Call, Endpoint, Reply};
use crate::facade::hub::error::{body as error_body, describe};
use crate::facade::hub::query::Query;
use crate::facade::hub::webhook;
use crate::facade::request::{RequestContext, http_credential};
use crate::facade::{body, compress, payload};
use crate::telemetry::metrics::Dialect;

/// Seconds after which it is worth asking again when the gateway could not answer.
const PAUSE: u64 = 5;

/// Answers a request to one of the endpoints at its address.
pub(super) async fn serve(
    endpoints: &[&'static Endpoint],
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> HttpResponse {
    let context = RequestContext::of(&request, &app);
    let Some(endpoint) = find(endpoints, request.method()) else {
        return refuse_method(endpoints, &request, &context);
    };
    let mut exchange = Exchange { request: &request, context: &context, app: &app, endpoint, allowance: None };
    let body = match body::read(&request, payload, &app).await {
        Ok(body) => body,
        Err(error) => return exchange.refuse(&error),
    };
    let query = Query::of(request.query_string());
    let mut call = Call { app: &app, request: &request, query, body: &body.bytes, caller: None };
    // A defect in one call must not take the worker's other connections with it.
    let outcome = AssertUnwindSafe(answer(&mut call, endpoint, &context)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("a call panicked")));
    exchange.allowance = call.caller.as_ref().and_then(Caller::allowance);
    // What is held back holds no body meanwhile.
    drop(body);
    match outcome {
        Ok(reply) => exchange.tell(reply),
        Err(error) => {
            limit::hold_back(&app, &error).await;
            exchange.refuse(&error)
        }
    }
}

fn find(endpoints: &[&'static Endpoint], method: &Method) -> Option<&'static Endpoint> {
    let of = |method: &Method| endpoints.iter().find(|endpoint| endpoint.method == *method).copied();
    of(method).or_else(|| if method == Method::HEAD { of(&Method::GET) } else { None })
}

async fn answer(call: &mut Call<'_>, endpoint: &'static Endpoint, context: &RequestContext) -> Result<Reply> {
    call.caller = match endpoint.access {
        Access::Public => None,
        Access::Member => Some(auth::authenticate(call.app, &credential(call.request)?, context.address)?),
        Access::Flow => {
            let headers = call.request.headers();
            let (proof, flow) = (http_credential(headers), Credential::Flow(call.path("flow")));
            let header = |name: &str| payload::header(headers, name);
            let post = auth::Post { header: &header, credential: proof.as_ref(), body: call.body };
            Some(auth::authenticate_post(call.app, &flow, post, context.address)?)
        }
    };
    (endpoint.run)(call).await
}

/// A person's token or, as elsewhere, what an application proves itself with (contradiction C65).
fn credential(request: &HttpRequest) -> Result<Credential> {
    let headers = request.headers();
    if headers.get_all("authorization").nth(1).is_some() {
        return Err(Error::invalid("Authorization is given twice"));
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Ok(match http_credential(headers) {
        Some(Credential::Bearer(token)) => Credential::Person(token),
        Some(other) => other,
        None if headers.contains_key("x-apikey") => Credential::Keys { api: text("x-apikey"), app: text("x-app") },
        None => Credential::Person(String::new()),
    })
}

/// OPTIONS tells the methods of an address; so does the refusal of a method that it has not.
fn refuse_method(endpoints: &[&'static Endpoint], request: &HttpRequest, context: &RequestContext) -> HttpResponse {
    let mut methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.dedup();
    let (is_asked, allowed) = (request.method() == Method::OPTIONS, methods.join(", "));
    let status = if is_asked { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
    let mut response = HttpResponse::build(status);
    context.complete(&mut response, None);
    response.insert_header((ALLOW, allowed.as_str()));
    if is_asked {
        return response.finish();
    }
    let access = endpoints.first().map_or(Access::Public, |endpoint| endpoint.access);
    response.json(error_body(access, status, &format!("The method is not allowed here; there are {allowed}")))
}

/// A request with what is known about it when it is answered.
struct Exchange<'r> {
    request: &'r HttpRequest,
    context: &'r RequestContext,
    app: &'r App,
    endpoint: &'static Endpoint,
    allowance: Option<Allowance>,
}

impl Exchange<'_> {
    fn tell(&self, reply: Reply) -> HttpResponse {
        self.context.ended(self.app, Dialect::Hub, Some(self.endpoint.id), None);
        self.answer(reply.status, self.allowance, &reply.body, |response| {
            if reply.is_repeated {
                response.insert_header(("Idempotency-Replayed", "true"));
            }
        })
    }

    fn refuse(&self, error: &Error) -> HttpResponse {
        self.context.ended(self.app, Dialect::Hub, Some(self.endpoint.id), Some(error.code()));
        self.log(error);
        let (status, message) = self.told(error);
        let allowance = limit::allowance_of(error).or(self.allowance);
        self.answer(status, allowance, &error_body(self.endpoint.access, status, &message), |response| {
            let wait = match error.code() {
                Code::RateLimited => Some(allowance.map_or(1, Allowance::retry_after)),
                Code::Unavailable => Some(PAUSE),
                _ => None,
            };
            if let Some(seconds) = wait {
                response.insert_header((RETRY_AFTER, seconds));
            }
            if status == StatusCode::UNAUTHORIZED {
                response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"flowgate\""));
            }
            // Whoever was refused in the middle of its body may still be sending.
            if matches!(error.code(), Code::TooLarge | Code::TimedOut) {
                response.force_close();
            }
        })
    }

    /// The status and the sentence of a refusal, which are webhooks' own in places.
    fn told(&self, error: &Error) -> (StatusCode, String) {
        let own = match self.endpoint.access {
            Access::Flow => webhook::told(self.request, error),
            Access::Public | Access::Member => None,
        };
        own.unwrap_or_else(|| (describe(error.code()), error.message().to_owned()))
    }

    fn answer(
        &self,
        status: StatusCode,
        allowance: Option<Allowance>,
        body: &Value,
        complete: impl FnOnce(&mut actix_web::HttpResponseBuilder),
    ) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        self.context.complete(&mut response, allowance);
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")));
        complete(&mut response);
        compress::finish(self.request, response, body.to_string())
    }

    fn log(&self, error: &Error) {
        let level = match error.code() {
            Code::Internal => log::Level::Error,
            // The store tells the log when it stops working and when it works again.
            Code::Unavailable => log::Level::Debug,
            _ => log::Level::Info,
        };
        let (operation, cause) =
            (self.endpoint.id, error.cause().map(|cause| format!(": {cause}")).unwrap_or_default());
        log::log!(level, operation, address:% = self.context.address, code:? = error.code(); "Refused: {error}{cause}");
    }
}

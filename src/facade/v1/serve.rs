//! The way of a request through the dialect: found in the table, read, admitted, answered. It is the same for every
//! endpoint; what one does is its handler's business, and how the answer is spelled `respond`'s.

use std::panic::AssertUnwindSafe;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;

use crate::app::App;
use crate::auth::{self, limit, scope};
use crate::error::{Code, Error, Result};
use crate::facade::request::{self, RequestContext, Surroundings, http_credential};
use crate::facade::v1::call::Call;
use crate::facade::v1::content;
use crate::facade::v1::endpoint::{Access, Body, Endpoint};
use crate::facade::v1::parameter::{FIELDS, Parameters, SCOPES_WANTED};
use crate::facade::v1::reply::Reply;
use crate::facade::v1::respond::{Exchange, Refusal};
use crate::facade::v1::select::Selection;
use crate::facade::v1::wait;
use crate::facade::{body, payload};

/// Answers a request to one of the endpoints at its address.
pub async fn serve(
    endpoints: &[&'static Endpoint],
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let context = RequestContext::of(&request, &app);
    let mut exchange = Exchange::new(&request, &context, &app);
    let wanted = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.method == *wanted) else {
        return refuse_method(endpoints, &exchange);
    };
    exchange.endpoint = Some(endpoint);
    exchange.has_secret |= endpoint.access == Access::Client;
    let body = match body::read(&request, payload, &app).await {
        Ok(body) => body,
        Err(error) => {
            exchange.is_unfinished = true;
            return exchange.refuse(&error.into());
        }
    };
    let mut call = Call {
        app: &app,
        request: &request,
        context: &context,
        listens: surroundings.address,
        format: exchange.format,
        parameters: Parameters::of(request.headers(), request.query_string()),
        body: &body.bytes,
        caller: None,
    };
    // A defect in one call must not take the worker's other connections with it.
    let outcome = AssertUnwindSafe(answer(endpoint, &mut call)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("a call panicked")));
    exchange.caller = call.caller.take();
    // What waits holds no body meanwhile.
    drop(body);
    let outcome = match outcome {
        Ok(reply) if reply.awaited.is_some() => {
            let awaiting = AssertUnwindSafe(wait::finish(&app, exchange.caller.as_ref(), reply)).catch_unwind().await;
            awaiting.unwrap_or_else(|_| Err(Error::internal("a call panicked")))
        }
        outcome => outcome,
    };
    let origin = || request::origin(&request, &app, surroundings.address);
    match outcome {
        Ok(reply) => exchange.tell(endpoint, origin, reply),
        Err(error) => {
            limit::hold_back(&app, &error).await;
            exchange.refuse(&error.into())
        }
    }
}

/// Answers a request to an address at which there is nothing.
pub async fn nothing(request: HttpRequest, app: Data<App>) -> HttpResponse {
    let context = RequestContext::of(&request, &app);
    let path: String = request.path().chars().take(200).collect();
    let message = format!("There is nothing at {path}; OPTIONS /v1/options lists what there is");
    Exchange::new(&request, &context, &app).refuse(&Error::new(Code::NotFound, message).into())
}

/// OPTIONS tells the methods of an address; so does the refusal of a method that it has not.
fn refuse_method(endpoints: &[&'static Endpoint], exchange: &Exchange<'_>) -> HttpResponse {
    let allowed = allowed(endpoints);
    if exchange.request.method() == Method::OPTIONS {
        return exchange.tell_methods(&allowed);
    }
    let message = format!("The method is not allowed here; there are {allowed}");
    let error = Error::invalid(message);
    exchange.refuse(&Refusal { status: StatusCode::METHOD_NOT_ALLOWED, code: 405, error, allowed: Some(allowed) })
}

fn allowed(endpoints: &[&'static Endpoint]) -> String {
    let mut methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

async fn answer(endpoint: &'static Endpoint, call: &mut Call<'_>) -> Result<Reply> {
    if let Body::Parameters = endpoint.body {
        let parameters = content::parameters(call)?;
        call.parameters.extend(parameters);
    }
    let selection = call.parameters.in_query(&FIELDS)?.map(Selection::parse).transpose()?;
    if endpoint.access != Access::Public {
        let credential = call.credential(endpoint.access)?;
        let caller = match endpoint.access {
            Access::Webhook => {
                let proof = http_credential(call.headers());
                let header = |name: &str| payload::header(call.headers(), name);
                let post = auth::Post { header: &header, credential: proof.as_ref(), body: call.body };
                auth::authenticate_post(call.app, &credential, post, call.context.address)?
            }
            _ => auth::authenticate(call.app, &credential, call.context.address)?,
        };
        call.caller = Some(caller);
        if let Some(scope) = endpoint.access.scope() {
            narrow(call)?;
            call.caller()?.require(scope)?;
        }
    }
    let mut reply = (endpoint.run)(call).await?;
    if let Some(selection) = selection {
        reply.resource = selection.apply(&reply.resource);
        reply.is_partial = true;
    }
    Ok(reply)
}

/// Lets a request have no more than the scopes that it names (contradiction C46).
fn narrow(call: &mut Call<'_>) -> Result<()> {
    let Some(names) = call.parameters.get(&SCOPES_WANTED)? else { return Ok(()) };
    let wanted = scope::parse(&names)?;
    call.caller = call.caller.take().map(|caller| caller.narrowed(wanted)).transpose()?;
    Ok(())
}

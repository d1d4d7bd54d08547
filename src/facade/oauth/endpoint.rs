//! The three endpoints: a form and a client to an operation, its outcome to JSON.

use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use crate::app::App;
use crate::app::bucket::Allowance;
use crate::auth::{self, Caller, scope};
use crate::facade::body;
use crate::facade::oauth::error::{Refusal, answer};
use crate::facade::oauth::form::Form;
use crate::facade::request::RequestContext;
use crate::operation::token::{GrantToken, IntrospectToken, RevokeToken};
use crate::operation::{Operation, execute};
use crate::telemetry::metrics::Dialect;

type Outcome = std::result::Result<Option<Value>, Refusal>;

/// A request and what is known of it so far.
struct Exchange {
    request: HttpRequest,
    context: RequestContext,
    operation: &'static str,
    app: Data<App>,
    allowance: Option<Allowance>,
}

/// Grants an access token for client credentials (RFC 6749 §4.4).
pub async fn grant(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let mut exchange = Exchange::of(request, app, GrantToken::NAME);
    let outcome = exchange.grant(payload).await;
    exchange.respond(outcome)
}

/// Tells what a token of the client is worth (RFC 7662).
pub async fn introspect(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let mut exchange = Exchange::of(request, app, IntrospectToken::NAME);
    let outcome = exchange.introspect(payload).await;
    exchange.respond(outcome)
}

/// Revokes a token of the client (RFC 7009).
pub async fn revoke(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let mut exchange = Exchange::of(request, app, RevokeToken::NAME);
    let outcome = exchange.revoke(payload).await;
    exchange.respond(outcome)
}

/// Adds what keeps replies that hold tokens out of caches (RFC 6749 §5.1).
pub(super) fn secret_headers(response: &mut HttpResponseBuilder) {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
}

impl Exchange {
    fn of(request: HttpRequest, app: Data<App>, operation: &'static str) -> Exchange {
        Exchange { context: RequestContext::of(&request, &app), operation, request, app, allowance: None }
    }

    async fn grant(&mut self, payload: Payload) -> Outcome {
        let form = self.form(payload).await?;
        if form.require("grant_type")? != "client_credentials" {
            return Err(Refusal::GrantType);
        }
        let caller = self.caller(&form).await?;
        let scopes = form.get("scope").map(scope::parse).transpose().map_err(Refusal::Scope)?;
        let granted = execute(&self.app, &caller, GrantToken { scopes }).await?;
        Ok(Some(json!({
            "access_token": granted.access,
            "token_type": "bearer",
            "expires_in": granted.lifetime / 1_000,
            "scope": granted.scopes.names().join(" "),
        })))
    }

    async fn introspect(&mut self, payload: Payload) -> Outcome {
        let form = self.form(payload).await?;
        let token = form.require("token")?.to_owned();
        let caller = self.caller(&form).await?;
        let Some(found) = execute(&self.app, &caller, IntrospectToken { token }).await? else {
            return Ok(Some(json!({"active": false})));
        };
        let shown = json!({
            "active": true,
            "scope": found.scopes.names().join(" "),
            "client_id": caller.client_id(),
            "token_type": found.is_access.then_some("bearer"),
            "exp": found.expires.map(|expires| expires.0 / 1_000),
            "iat": found.issued.0 / 1_000,
            "sub": caller.application().map(|application| application.id.0.to_string()),
        });
        // What a refresh token has not is left out; some readers take a null for a mistake.
        let members = shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        Ok(Some(members.map(|(name, value)| (name.clone(), value.clone())).collect()))
    }

    async fn revoke(&mut self, payload: Payload) -> Outcome {
        let form = self.form(payload).await?;
        let token = form.require("token")?.to_owned();
        let caller = self.caller(&form).await?;
        execute(&self.app, &caller, RevokeToken { token }).await?;
        Ok(None)
    }

    async fn form(&self, payload: Payload) -> Result<Form, Refusal> {
        let body = body::read(&self.request, payload, &self.app).await?;
        Ok(Form::read(&self.request, &body.bytes)?)
    }

    async fn caller(&mut self, form: &Form) -> Result<Caller, Refusal> {
        let credential = form.client(&self.request)?;
        let caller = auth::admit(&self.app, &credential, self.context.address).await?;
        self.allowance = caller.allowance();
        Ok(caller)
    }

    fn respond(self, outcome: Outcome) -> HttpResponse {
        let refused = outcome.as_ref().err().map(Refusal::code);
        self.context.ended(&self.app, Dialect::OAuth, Some(self.operation), refused);
        let shown = match outcome {
            Err(refusal) => return answer(&refusal, &self.context, self.allowance),
            Ok(shown) => shown,
        };
        let mut response = HttpResponse::Ok();
        self.context.complete(&mut response, self.allowance);
        secret_headers(&mut response);
        match shown {
            Some(shown) => response.json(shown),
            None => response.finish(),
        }
    }
}

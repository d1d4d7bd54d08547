//! The end of an exchange: a reply or a refusal becomes an HTTP response in the caller's format, with what caches,
//! clients and people read in its headers.

use std::borrow::Cow;
use std::io;

use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, HeaderName, HeaderValue, LOCATION, PRAGMA, REFERRER_POLICY,
    RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::TryStreamExt;

use crate::app::App;
use crate::app::bucket::Allowance;
use crate::auth::guard::Scheme;
use crate::auth::{Caller, key, limit};
use crate::error::{Code, Error};
use crate::facade::request::RequestContext;
use crate::facade::v1::condition;
use crate::facade::v1::endpoint::{Access, Endpoint};
use crate::facade::v1::error::describe;
use crate::facade::v1::format::Format;
use crate::facade::v1::parameter::has_secret;
use crate::facade::v1::reply::{self, Instead, Pieces, Reply};
use crate::facade::{compress, tree};
use crate::telemetry::metrics::Dialect;

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What a reply depends on beside the address.
const VARIES: &str = "Accept, Content-Type, Authorization, X-Apikey";
/// Seconds after which it is worth asking again when the gateway could not answer.
const PAUSE: u64 = 5;

/// A request with what is known about it when it is answered.
pub struct Exchange<'r> {
    /// The request.
    pub request: &'r HttpRequest,
    /// Its surroundings.
    pub context: &'r RequestContext,
    /// The gateway.
    pub app: &'r App,
    /// What the reply is to be.
    pub format: Format,
    /// The endpoint, if there is one.
    pub endpoint: Option<&'static Endpoint>,
    /// Who called, if that was found out.
    pub caller: Option<Caller>,
    /// Whether the address, or every reply, holds a secret.
    pub has_secret: bool,
    /// Whether the client may still be sending, so that nothing it sends can be taken for a further request.
    pub is_unfinished: bool,
}

/// A failure as this dialect has it: some belong to HTTP alone.
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The documented number in the body.
    pub code: u16,
    /// What is told.
    pub error: Error,
    /// The methods of the address, if another one was used.
    pub allowed: Option<String>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let (status, code) = describe(error.code());
        Refusal { status, code, error, allowed: None }
    }
}

impl<'r> Exchange<'r> {
    /// An exchange of which nothing but the request is known.
    pub fn new(request: &'r HttpRequest, context: &'r RequestContext, app: &'r App) -> Exchange<'r> {
        Exchange {
            request,
            context,
            app,
            format: Format::of_reply(request.headers()),
            endpoint: None,
            caller: None,
            has_secret: has_secret(request.query_string()),
            is_unfinished: false,
        }
    }

    /// Answers with a reply, or with 304 if the client has it already.
    pub fn tell(&self, endpoint: &Endpoint, origin: impl FnOnce() -> String, reply: Reply) -> HttpResponse {
        let is_secret = self.has_secret || reply.is_secret;
        let message = reply.message.as_deref().unwrap_or(endpoint.message);
        let success = StatusCode::from_u16(endpoint.status).unwrap_or_default();
        let success = reply.status.unwrap_or(success);
        let text = match reply.instead {
            Some(Instead::Stream(pieces)) => return self.pour(success, reply.headers, pieces),
            None => self.spell(reply::success(success.as_u16(), self.context.address, &reply.resource, message)),
            Some(Instead::Resource) => self.spell(reply.resource.clone()),
            Some(Instead::Verbatim(text)) => Ok(text),
            Some(Instead::Failure(message, run)) => {
                let error = Error::new(Code::Internal, message);
                self.spell(reply::failure(success.as_u16(), self.context.address, &error, Some(&run)))
            }
        };
        let part = if reply.is_partial { format!("-{}", key::digest(&reply.resource, 4)) } else { String::new() };
        // Large ones are not held longer than they are needed.
        drop(reply.resource);
        let text = match text {
            Ok(text) => text,
            Err(error) => return self.refuse(&error.into()),
        };
        self.count(None);
        let is_read = matches!(*self.request.method(), Method::GET | Method::HEAD);
        let is_kept = is_read && !is_secret;
        let packing = if compress::applies(self.request, &text) { "-gzip" } else { "" };
        let tag = match reply.revision {
            Some(revision) => Some(format!("\"{revision}{}{}{part}{packing}\"", self.format.suffix(), reply.variant)),
            // A list has no revision, and yet is worth nothing to a client that has it.
            None => is_kept.then(|| format!("\"{}{packing}\"", key::digest(&text, 16))),
        };
        let is_known = is_read && condition::is_known(self.request.headers(), tag.as_deref(), reply.modified);
        let mut response = HttpResponse::build(if is_known { StatusCode::NOT_MODIFIED } else { success });
        self.complete(&mut response, self.caller.as_ref().and_then(Caller::allowance));
        let keeping = if is_kept { "private, no-cache" } else { "no-store" };
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static(keeping)));
        if let Some(tag) = tag {
            response.insert_header((ETAG, tag));
        }
        if let Some(modified) = reply.modified.filter(|_| is_read) {
            response.insert_header(condition::last_modified(modified));
        }
        if let Some(path) = reply.location {
            response.insert_header((LOCATION, format!("{}{path}", origin())));
        }
        if reply.is_repeated {
            response.insert_header(("Idempotency-Replayed", "true"));
        }
        for header in reply.headers {
            response.insert_header(header);
        }
        if matches!(success, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
            return response.finish();
        }
        if is_known {
            compress::vary(&mut response, &text);
            return response.finish();
        }
        compress::finish(self.request, response, text)
    }

    /// Answers with what comes bit by bit.
    fn pour(&self, success: StatusCode, headers: Vec<(HeaderName, HeaderValue)>, pieces: Pieces) -> HttpResponse {
        self.count(None);
        let mut response = HttpResponse::build(success);
        self.complete(&mut response, self.caller.as_ref().and_then(Caller::allowance));
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
        for header in headers {
            response.insert_header(header);
        }
        response.streaming(pieces.map_err(|error| {
            log::error!("An answer was cut off: {error}");
            io::Error::other("cut off")
        }))
    }

    /// Counts the request as answered, or as refused with that code.
    fn count(&self, refused: Option<Code>) {
        self.context.ended(self.app, Dialect::Rest, self.endpoint.map(|endpoint| endpoint.id), refused);
    }

    /// Answers with a failure, and tells the log.
    pub fn refuse(&self, refusal: &Refusal) -> HttpResponse {
        let Refusal { status, code, error, allowed } = refusal;
        self.log(error);
        self.count(Some(error.code()));
        let envelope = reply::failure(*code, self.context.address, error, None);
        let text = self.spell(envelope.clone()).unwrap_or(envelope);
        let mut response = HttpResponse::build(*status);
        let allowance = limit::allowance_of(error).or_else(|| self.caller.as_ref().and_then(Caller::allowance));
        self.complete(&mut response, allowance);
        response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if let Some(methods) = allowed {
            response.insert_header((ALLOW, methods.as_str()));
        }
        if let Some(challenge) = self.challenge(error) {
            response.insert_header((WWW_AUTHENTICATE, &*challenge));
        }
        let wait = match error.code() {
            Code::RateLimited => Some(allowance.map_or(1, Allowance::retry_after)),
            Code::Unavailable => Some(PAUSE),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.is_unfinished {
            response.force_close();
        }
        compress::finish(self.request, response, text)
    }

    /// Answers OPTIONS.
    pub fn tell_methods(&self, methods: &str) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        self.complete(&mut response, None);
        response.insert_header((ALLOW, methods)).finish()
    }

    /// The envelope in the caller's format.
    fn spell(&self, envelope: String) -> crate::error::Result<String> {
        match self.format {
            Format::Json => Ok(envelope),
            Format::Xml => tree::to_xml(&envelope, "response"),
        }
    }

    /// What every answer carries.
    ///
    /// Where nobody was found out, the allowance is that of the address: the failed attempts it may make. An application
    /// without a limit has none to tell. Beside the documented headers stand those of the IETF's draft (`RateLimit` header
    /// fields for HTTP).
    fn complete(&self, response: &mut HttpResponseBuilder, left: Option<Allowance>) {
        let of_address = || self.caller.is_none().then(|| limit::of_address(self.app, self.context.address));
        let left = left.or_else(of_address);
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static(self.format.content_type())));
        response.insert_header((VARY, HeaderValue::from_static(VARIES)));
        self.context.complete(response, left);
        if let Some(Allowance { limit, remaining, reset, window }) = left {
            response.insert_header((RATE_LIMIT_POLICY, format!(r#""default";q={limit};w={window}"#)));
            response.insert_header((RATE_LIMIT, format!(r#""default";r={remaining};t={reset}"#)));
        }
        if self.has_secret {
            response.insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")));
        }
        if self.caller.as_ref().is_some_and(|caller| caller.compatibility().php_cache_headers) {
            response.insert_header((EXPIRES, HeaderValue::from_static("Thu, 19 Nov 1981 08:52:00 GMT")));
            response.insert_header((PRAGMA, HeaderValue::from_static("no-cache")));
        }
    }

    /// How the caller is told which credentials are wanted (RFC 6750 §3).
    fn challenge(&self, error: &Error) -> Option<Cow<'static, str>> {
        match (error.code(), self.endpoint.map(|endpoint| endpoint.access)) {
            (Code::TokenInvalid, _) => Some(
                r#"Bearer realm="flowgate", error="invalid_token", error_description="The access token is unknown, expired or revoked""#
                    .into(),
            ),
            (Code::Forbidden, access) => {
                let scope = access.and_then(Access::scope).map_or("", |scope| scope.name());
                Some(format!(r#"Bearer realm="flowgate", error="insufficient_scope", scope="{scope}""#).into())
            }
            (Code::Unauthenticated, _) => Some(
                match limit::scheme_of(error) {
                    Some(Scheme::Basic) => r#"Basic realm="flowgate", charset="UTF-8""#,
                    Some(Scheme::Signature) => r#"Signature realm="flowgate""#,
                    Some(Scheme::Bearer) | None => r#"Bearer realm="flowgate""#,
                }
                .into(),
            ),
            _ => None,
        }
    }

    fn log(&self, error: &Error) {
        // The path is part of the message, and could be anything: a mistyped or misplaced secret must not stand here.
        let Some(operation) = self.endpoint.map(|endpoint| endpoint.id) else { return };
        let level = match error.code() {
            Code::Internal => log::Level::Error,
            // The store tells the log when it stops working and when it works again.
            Code::Unavailable => log::Level::Debug,
            _ => log::Level::Info,
        };
        let cause = error.cause().map(|cause| format!(": {cause}")).unwrap_or_default();
        log::log!(level, operation, address:% = self.context.address, code:? = error.code(); "Refused: {error}{cause}");
    }
}

//! How a failure looks to an OAuth2 client (RFC 6749 §5.2).

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::json;

use crate::app::bucket::Allowance;
use crate::auth::limit;
use crate::error::{Code, Error};
use crate::facade::oauth::endpoint::secret_headers;
use crate::facade::request::RequestContext;

/// A refusal: the neutral error, or one that only this dialect has.
#[derive(Debug)]
pub enum Refusal {
    /// What went wrong below.
    Error(Error),
    /// `unsupported_grant_type`: there is no other grant than client credentials.
    GrantType,
    /// `invalid_scope`: a scope that does not exist.
    Scope(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Error(error)
    }
}

impl Refusal {
    /// Why it was refused, in neutral terms.
    pub fn code(&self) -> Code {
        match self {
            Refusal::Error(error) | Refusal::Scope(error) => error.code(),
            Refusal::GrantType => Code::InvalidInput,
        }
    }
}

/// The status and the error code of a failure.
///
/// A refused address has the registered code of a client that may not do this, and the status 403 that it has in the
/// gateway's other dialects. Codes that the standard has not for this endpoint are those of its §4.1.2.1.
pub fn describe(code: Code) -> (u16, &'static str) {
    match code {
        Code::Unauthenticated => (401, "invalid_client"),
        Code::TokenInvalid => (400, "invalid_grant"),
        Code::AddressRefused => (403, "unauthorized_client"),
        Code::Forbidden => (400, "invalid_scope"),
        Code::InvalidInput
        | Code::InUse
        | Code::NotFound
        | Code::Gone
        | Code::Conflict
        | Code::Outdated
        | Code::Refused => (400, "invalid_request"),
        Code::TooLarge => (413, "invalid_request"),
        Code::TimedOut => (408, "invalid_request"),
        Code::RateLimited => (429, "temporarily_unavailable"),
        Code::Unavailable => (503, "temporarily_unavailable"),
        Code::Internal => (500, "server_error"),
    }
}

/// The answer to a refused request.
pub fn answer(refusal: &Refusal, context: &RequestContext, allowance: Option<Allowance>) -> HttpResponse {
    let (status, name, description) = match refusal {
        Refusal::GrantType => (400, "unsupported_grant_type", "The only grant_type is client_credentials"),
        Refusal::Scope(error) => (400, "invalid_scope", error.message()),
        Refusal::Error(error) => {
            log(error, context);
            let (status, name) = describe(error.code());
            (status, name, error.message())
        }
    };
    let allowance = match refusal {
        Refusal::Error(error) => limit::allowance_of(error).or(allowance),
        Refusal::GrantType | Refusal::Scope(_) => allowance,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    context.complete(&mut response, allowance);
    secret_headers(&mut response);
    match status {
        // Also without an Authorization header: a 401 has a challenge (RFC 9110 §15.5.2).
        StatusCode::UNAUTHORIZED => {
            response.insert_header((WWW_AUTHENTICATE, "Basic realm=\"flowgate\", charset=\"UTF-8\""));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = allowance.map_or(1, Allowance::retry_after);
            response.insert_header((RETRY_AFTER, seconds));
        }
        // Whoever was refused in the middle of its body may still be sending.
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
            response.force_close();
        }
        _ => {}
    }
    response.json(json!({"error": name, "error_description": printable(description)}))
}

/// The text with what the standard does not admit in a description replaced: it may quote the request.
fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\') { c } else { '?' }).collect()
}

fn log(error: &Error, context: &RequestContext) {
    let level = match error.code() {
        Code::Internal => log::Level::Error,
        // The store tells the log itself.
        Code::Unavailable => log::Level::Debug,
        _ => log::Level::Info,
    };
    let cause = error.cause().map(|cause| format!(": {cause}")).unwrap_or_default();
    log::log!(level, address:% = context.address, code:? = error.code(); "OAuth2 request refused: {error}{cause}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_hold_what_the_standard_admits() {
        assert_eq!(printable("There is no scope 'a\"b\\ü\n'"), "There is no scope 'a?b???'");
    }
}

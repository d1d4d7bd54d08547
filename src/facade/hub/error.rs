//! How a failure looks in this dialect: the status, and one of two forms. Users and flows answer a list of errors,
//! webhooks a sentence.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::error::Code;
use crate::facade::hub::endpoint::Access;

/// The status for a failure.
pub fn describe(code: Code) -> StatusCode {
    match code {
        Code::InvalidInput => StatusCode::BAD_REQUEST,
        Code::Unauthenticated | Code::TokenInvalid => StatusCode::UNAUTHORIZED,
        Code::AddressRefused | Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Gone => StatusCode::GONE,
        Code::InUse | Code::Conflict => StatusCode::CONFLICT,
        Code::Outdated => StatusCode::PRECONDITION_FAILED,
        Code::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::TimedOut => StatusCode::REQUEST_TIMEOUT,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The body of a refusal.
pub fn body(access: Access, status: StatusCode, message: &str) -> Value {
    match access {
        Access::Public | Access::Member => json!({"errors": [{"message": message, "code": status.as_u16()}]}),
        Access::Flow => json!({"error": message}),
    }
}

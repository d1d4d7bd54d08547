//! How a failure looks to a REST client: HTTP status, documented number, and what else the answer must carry.

use actix_web::http::StatusCode;

use crate::error::Code;

/// The status of document 003 for a failure and the number within the body, which differs for tokens and addresses.
pub fn describe(code: Code) -> (StatusCode, u16) {
    match code {
        Code::InvalidInput => (StatusCode::BAD_REQUEST, 400),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, 401),
        Code::TokenInvalid => (StatusCode::FORBIDDEN, 436),
        Code::AddressRefused => (StatusCode::FORBIDDEN, 437),
        // Contradiction C44: a missing scope is 401, not 403.
        Code::Forbidden => (StatusCode::UNAUTHORIZED, 401),
        Code::InUse => (StatusCode::FORBIDDEN, 403),
        Code::NotFound => (StatusCode::NOT_FOUND, 404),
        Code::Gone => (StatusCode::GONE, 410),
        Code::Conflict => (StatusCode::CONFLICT, 409),
        Code::Outdated => (StatusCode::PRECONDITION_FAILED, 412),
        Code::Refused => (StatusCode::PAYMENT_REQUIRED, 402),
        Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 413),
        Code::TimedOut => (StatusCode::REQUEST_TIMEOUT, 408),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, 429),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, 503),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, 500),
    }
}

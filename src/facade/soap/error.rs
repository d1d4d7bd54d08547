//! How a failure looks to a SOAP client: its documented number and who is to blame.

use crate::error::Code;
use crate::soap::reply::Blame;

/// The number of document 003 for a failure, and its standard fault code. Bad credentials are 404 here and nowhere
/// else (contradiction C43); a missing scope is 401 (C44); the others are what REST answers.
pub fn describe(code: Code) -> (u16, Blame) {
    match code {
        Code::InvalidInput => (400, Blame::Sender),
        Code::Unauthenticated => (404, Blame::Sender),
        Code::TokenInvalid => (436, Blame::Sender),
        Code::AddressRefused => (437, Blame::Sender),
        Code::Forbidden => (401, Blame::Sender),
        Code::InUse => (403, Blame::Sender),
        Code::NotFound => (404, Blame::Sender),
        Code::Gone => (410, Blame::Sender),
        Code::Conflict => (409, Blame::Sender),
        Code::Outdated => (412, Blame::Sender),
        Code::Refused => (402, Blame::Sender),
        Code::TooLarge => (413, Blame::Sender),
        Code::TimedOut => (408, Blame::Sender),
        Code::RateLimited => (429, Blame::Sender),
        Code::Unavailable => (503, Blame::Receiver),
        Code::Internal => (500, Blame::Receiver),
    }
}

//! What an operation's reply says, before it is spelled in a dialect.

use std::borrow::Cow;

use crate::facade::soap::message::{Outcome, outcome};

/// The reply to a call.
#[derive(Debug)]
pub enum Answer {
    /// The documented `Response`.
    Response(Response),
    /// The reply of the introduction's `postRecord` (contradiction C33), with the record's identifier.
    Posted(String),
}

/// The documented reply. The caller's address completes it.
#[derive(Debug)]
pub struct Response {
    /// Its fixed part.
    pub outcome: Outcome,
    /// The outcome as a sentence.
    pub message: Cow<'static, str>,
    /// What was asked for.
    pub resource: String,
    /// Identifiers of the records it is about, for the `X-Uuid` header.
    pub uuids: Vec<String>,
}

impl Response {
    /// The documented success of an operation with what was asked for.
    pub fn of(operation: &str, resource: String) -> Response {
        let outcome = outcome(operation);
        Response { outcome, message: Cow::Borrowed(outcome.message), resource, uuids: Vec::new() }
    }

    /// The same, about those records.
    pub fn about(mut self, uuids: impl IntoIterator<Item = String>) -> Response {
        self.uuids.extend(uuids);
        self
    }
}

//! Why an attempt of a step was in vain.
//! What is done about it is the diagram's to say.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::error::{Code, Error};
use crate::expression;

/// A failed attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StepFailure {
    /// What kind it is of, as retry policies name it: `http.503`, `timeout`, `expression`.
    pub(super) kind: Cow<'static, str>,
    /// A sentence for whoever made the flow.
    pub(super) text: String,
    /// Whether another attempt would be of no use.
    pub(super) is_final: bool,
    /// How many milliseconds the partner asked to be left alone for.
    pub(super) wish: Option<i64>,
    /// What else there is to know, for instance a fault's detail.
    pub(super) detail: Option<Box<Value>>,
}

impl StepFailure {
    /// A failure that comes again whatever is done.
    pub(super) fn lasting(kind: impl Into<Cow<'static, str>>, text: impl Into<String>) -> StepFailure {
        StepFailure { kind: kind.into(), text: text.into(), is_final: true, wish: None, detail: None }
    }

    /// A failure that may pass.
    pub(super) fn passing(kind: impl Into<Cow<'static, str>>, text: impl Into<String>) -> StepFailure {
        StepFailure { is_final: false, ..StepFailure::lasting(kind, text) }
    }

    /// A step that panicked; what it said is in the log.
    pub(super) fn panicked() -> StepFailure {
        StepFailure::lasting("internal", "The step ended unexpectedly because of an internal error")
    }

    /// A step that the process ended in.
    pub(super) fn interrupted() -> StepFailure {
        StepFailure::passing("interrupted", "The step was interrupted before it ended")
    }

    /// What those are told who subscribed to the end of runs.
    pub(super) fn summary(&self, step: &str) -> Value {
        json!({"step": step, "kind": self.kind, "message": self.text})
    }

    /// What further steps, error flows and people see.
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({"kind": self.kind, "message": self.text});
        if let (Some(detail), Some(members)) = (&self.detail, shown.as_object_mut()) {
            members.insert("detail".to_owned(), Value::clone(detail));
        }
        shown
    }
}

/// Of an expression, in that place of the step.
pub(super) fn expression(place: &str, failure: &expression::Failure) -> StepFailure {
    let kind = match failure.kind {
        expression::Kind::Expression => "expression",
        _ => "limit",
    };
    StepFailure::lasting(kind, format!("{place}: {}", failure.text))
}

/// Of an operation: what is refused comes again, what is unavailable may pass.
impl From<Error> for StepFailure {
    fn from(error: Error) -> StepFailure {
        match error.code() {
            Code::Unavailable | Code::TimedOut | Code::RateLimited => {
                StepFailure::passing("unavailable", error.message().to_owned())
            }
            Code::Internal => {
                log::error!("A step failed: {error:?}");
                StepFailure::passing("internal", error.message().to_owned())
            }
            Code::NotFound => StepFailure::lasting("not_found", error.message().to_owned()),
            _ => StepFailure::lasting("refused", error.message().to_owned()),
        }
    }
}

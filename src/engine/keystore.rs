//! Steps that read and write packages of keystores: what is to be done, made of the step's templates.
//!
//! What is only read is read at once. What is written is written in the commit of all that came before it, and what came of
//! it is kept with it, so that it is done once whatever happens to the process.

use serde_json::Value;

use super::failure::StepFailure;
use super::journey::{Done, Journey, Terms};
use super::local::{Outcome, render, render_optional};
use crate::diagram::step::keystore::{Action, Expected, KeystoreStep};
use crate::expression::template::Template;
use crate::model::time::Timestamp;
use crate::operation::errand::Errand;
use crate::operation::keystore::change::{self, Change, Expectation};
use crate::operation::keystore::path::JsonPath;

/// Goes for what a step is after, or says what has to be done.
pub(super) fn go(terms: &Terms<'_>, journey: &mut Journey, step: &KeystoreStep, now: Timestamp) -> Outcome<Done> {
    let keystore = text(terms, journey, "keystore", &step.keystore, now)?;
    let key = text(terms, journey, "key", &step.key, now)?;
    let change = change(terms, journey, &step.action, now)?;
    send(terms, journey, Errand::Package(change::Errand { keystore, key, change }))
}

/// Reads at once what is only read; else says what has to be done.
pub(super) fn send(terms: &Terms<'_>, journey: &Journey, errand: Errand) -> Outcome<Done> {
    let customer = journey.claim.customer;
    match terms.app.store.peek(|tx| errand.read(tx, customer))? {
        Some(value) => Ok(Done::Output(value)),
        None => Ok(Done::Errand(errand)),
    }
}

fn change(terms: &Terms<'_>, journey: &mut Journey, action: &Action, now: Timestamp) -> Outcome<Change> {
    Ok(match action {
        Action::Get { creates } => Change::Get { creates: *creates },
        Action::Put(value) => Change::Put(message(terms, journey, value.as_ref(), now)?),
        Action::CompareAndSet { expected, value } => Change::CompareAndSet {
            expected: match expected {
                Expected::Revision(template) => {
                    Expectation::Revision(integer(terms, journey, "if_revision", template, now)?)
                }
                Expected::Value(template) => Expectation::Value(render(terms, journey, "expected", template, now)?),
            },
            value: message(terms, journey, value.as_ref(), now)?,
        },
        Action::Increment { path, by } => Change::Increment {
            path: match path {
                None => None,
                Some(template) => {
                    let path = text(terms, journey, "path", template, now)?;
                    Some(JsonPath::parse("path", &path)?)
                }
            },
            by: match by {
                None => 1,
                Some(template) => integer(terms, journey, "by", template, now)?,
            },
        },
        Action::Delete => Change::Delete,
    })
}

/// What is to be written: what the template comes to or, without one, the step's input.
pub(super) fn message(
    terms: &Terms<'_>,
    journey: &mut Journey,
    template: Option<&Template>,
    now: Timestamp,
) -> Outcome<Value> {
    match render_optional(terms, journey, "value", template, now)? {
        Some(value) => Ok(value),
        None => Ok(Value::clone(&journey.input())),
    }
}

/// What is a text, or a number that is written as one.
pub(super) fn text(
    terms: &Terms<'_>,
    journey: &mut Journey,
    place: &str,
    template: &Template,
    now: Timestamp,
) -> Outcome<String> {
    match render(terms, journey, place, template, now)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(StepFailure::lasting("expression", format!("{place}: it must come to a text"))),
    }
}

pub(super) fn integer(
    terms: &Terms<'_>,
    journey: &mut Journey,
    place: &str,
    template: &Template,
    now: Timestamp,
) -> Outcome<i64> {
    let value = render(terms, journey, place, template, now)?;
    let number = match &value {
        // Numbers in expressions are doubles; one that is whole is written without a point.
        Value::Number(number) => number.to_string().trim_end_matches(".0").parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| StepFailure::lasting("expression", format!("{place}: it must come to a whole number")))
}

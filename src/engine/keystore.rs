//! Steps that read and write packages of keystores: what is to be done, made of the step's templates.
//!
//! What is only read is read at once. What is written is written in the commit of all that came before it, and what came of
//! it is kept with it, so that it is done once whatever happens to the process.

use super::journey::{Done, Journey, Terms};
use super::local::{Outcome, integer, render, render_or_input, send, text};
use crate::diagram::step::keystore::{Action, Expected, KeystoreStep};
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

fn change(terms: &Terms<'_>, journey: &mut Journey, action: &Action, now: Timestamp) -> Outcome<Change> {
    Ok(match action {
        Action::Get { creates } => Change::Get { creates: *creates },
        Action::Put(value) => Change::Put(render_or_input(terms, journey, "value", value.as_ref(), now)?),
        Action::CompareAndSet { expected, value } => Change::CompareAndSet {
            expected: match expected {
                Expected::Revision(template) => {
                    Expectation::Revision(integer(terms, journey, "if_revision", template, now)?)
                }
                Expected::Value(template) => Expectation::Value(render(terms, journey, "expected", template, now)?),
            },
            value: render_or_input(terms, journey, "value", value.as_ref(), now)?,
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

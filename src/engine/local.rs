//! Steps that need nothing from the outside world: what they come to, given what the record's run knows.
//! They write nothing: what they want written is part of what they come to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::failure::{self, StepFailure};
use super::journey::{Child, Done, Journey, Performed, Terms};
use super::{keystore, table};
use crate::auth::key;
use crate::diagram::policy::duration_of;
use crate::diagram::step::{
    Delay, Kind, LONGEST_WAIT, MoveTo, Output, RecordChange, Respond, RunFlow, Step, Stop, Wait,
};
use crate::error::Error;
use crate::expression::template::Template;
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;
use crate::operation::errand::Errand;
use crate::operation::internal::{Content, Destination};
use crate::operation::wait;
use crate::store::{callback, record};

/// How many records deep flows may make records, and how often they may move one.
const DEEPEST: i64 = 16;
/// Characters of a record's identifier.
const LONGEST_UUID: usize = 255;

pub(super) type Outcome<T> = Result<T, StepFailure>;

/// Makes one attempt of a step. One that panics has failed.
pub(super) fn perform(terms: &Terms<'_>, journey: &mut Journey, step: &Step) -> Performed {
    let at = terms.app.clock.now();
    #[expect(clippy::disallowed_methods, reason = "how long it took, whatever the clock is set to")]
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| outcome(terms, journey, step, at)));
    Performed {
        at,
        duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        outcome: outcome.unwrap_or_else(|_| Err(StepFailure::panicked())),
    }
}

fn outcome(terms: &Terms<'_>, journey: &mut Journey, step: &Step, now: Timestamp) -> Outcome<Done> {
    fail::fail_point!("engine::step");
    fail::fail_point!("engine::poison", journey.data().get("poison").is_some(), |_| std::process::abort());
    match &step.kind {
        Kind::Transform(output) => transform(terms, journey, output, now),
        Kind::Branch => Ok(Done::Pass),
        Kind::Record(change) => change_record(terms, journey, change, now),
        Kind::Keystore(_) | Kind::Table(_) if journey.has_stored() => Ok(Done::Stored),
        Kind::Keystore(step) => keystore::go(terms, journey, step, now),
        Kind::Table(step) => table::go(terms, journey, step, now),
        Kind::Move(target) => move_on(terms, journey, target, now),
        Kind::Flow(call) => run_flow(terms, journey, call, step, now),
        Kind::Delay(step) => delay(terms, journey, step, now),
        Kind::Wait(wait) => listen(terms, journey, wait, step, now),
        Kind::Respond(respond) => reply(terms, journey, respond, now),
        Kind::Stop(stop) => end(terms, journey, stop, now),
        Kind::End => Ok(Done::Stop { fails: false, text: None }),
        Kind::Http(_) | Kind::Webhook(_) | Kind::Soap(_) => Err(StepFailure::panicked()),
    }
}

/// What a template without secrets comes to.
pub(super) fn render(
    terms: &Terms<'_>,
    journey: &mut Journey,
    place: &str,
    template: &Template,
    now: Timestamp,
) -> Outcome<Value> {
    let input = journey.input();
    let rendered = template.render(&input, journey.names(now), &terms.limits, &|_| None);
    rendered.map_err(|failure| failure::expression(place, &failure))
}

/// The same for one that may be left out.
pub(super) fn render_optional(
    terms: &Terms<'_>,
    journey: &mut Journey,
    place: &str,
    template: Option<&Template>,
    now: Timestamp,
) -> Outcome<Option<Value>> {
    template.map(|template| render(terms, journey, place, template, now)).transpose()
}

/// The same, and the step's input where it is left out.
pub(super) fn render_or_input(
    terms: &Terms<'_>,
    journey: &mut Journey,
    place: &str,
    template: Option<&Template>,
    now: Timestamp,
) -> Outcome<Value> {
    let value = render_optional(terms, journey, place, template, now)?;
    Ok(value.unwrap_or_else(|| Value::clone(&journey.input())))
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

/// What is a whole number, or a text that is written as one.
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

/// Reads at once what is only read; else says what has to be done.
pub(super) fn send(terms: &Terms<'_>, journey: &Journey, errand: Errand) -> Outcome<Done> {
    let customer = journey.claim.customer;
    match terms.app.store.peek(|tx| errand.read(tx, customer))? {
        Some(value) => Ok(Done::Output(value)),
        None => Ok(Done::Errand(errand)),
    }
}

fn transform(terms: &Terms<'_>, journey: &mut Journey, output: &Output, now: Timestamp) -> Outcome<Done> {
    let value = match output {
        Output::Template(template) => render(terms, journey, "output", template, now)?,
        Output::Expression(expression) => {
            let input = journey.input();
            let value = expression.evaluate(&*input, journey.names(now), &terms.limits);
            value.map_err(|failure| failure::expression("expression", &failure))?.unwrap_or(Value::Null)
        }
    };
    Ok(Done::Output(value))
}

fn change_record(terms: &Terms<'_>, journey: &mut Journey, change: &RecordChange, now: Timestamp) -> Outcome<Done> {
    let place = if change.merges { "merge" } else { "data" };
    let mut data = render(terms, journey, place, &change.data, now)?;
    if change.merges {
        let Value::Object(members) = data else {
            return Err(StepFailure::lasting("expression", "merge: it must come to an object"));
        };
        let mut merged = journey.data().as_object().cloned().unwrap_or_default();
        merged.extend(members);
        data = Value::Object(merged);
    }
    let content = Content::checked(terms.app, journey.claim.customer, journey.claim.flow, &data)?;
    Ok(Done::Data(data, content))
}

/// The flow that a template names.
fn destination(terms: &Terms<'_>, journey: &mut Journey, template: &Template, now: Timestamp) -> Outcome<Destination> {
    let flow = match render(terms, journey, "flow", template, now)? {
        Value::String(name) => name,
        Value::Number(number) => number.to_string(),
        _ => return Err(StepFailure::lasting("expression", "flow: it must come to a flow's name or number")),
    };
    Ok(Destination::find(terms.app, journey.claim.customer, &flow)?)
}

fn move_on(terms: &Terms<'_>, journey: &mut Journey, target: &MoveTo, now: Timestamp) -> Outcome<Done> {
    if journey.claim.depth + journey.claim.moves >= DEEPEST {
        return Err(too_deep());
    }
    let to = destination(terms, journey, &target.flow, now)?;
    let data = match render_optional(terms, journey, "data", target.data.as_ref(), now)? {
        Some(data) => data,
        None => Value::clone(&journey.data()),
    };
    // The data fields are those that the other flow declares, whether or not the data change.
    let content = Content::of(terms.app, journey.claim.customer, &to, &data)?;
    Ok(Done::Move { to, content: Some(content) })
}

fn too_deep() -> StepFailure {
    StepFailure::lasting("limit", format!("Flows may lead to one another at most {DEEPEST} times"))
}

/// Runs another flow: makes a record in it, waits for its end, and goes on with what it gave.
///
/// The record's identifier follows from the step, so that the step finds the one it made when it looks again.
fn run_flow(terms: &Terms<'_>, journey: &mut Journey, call: &RunFlow, step: &Step, now: Timestamp) -> Outcome<Done> {
    let claim = &journey.claim;
    let customer = claim.customer;
    let mut uuid = format!("{}.{}.{}", claim.uuid, claim.run, step.id);
    if uuid.chars().count() > LONGEST_UUID {
        uuid = key::digest(&uuid, 32);
    }
    let Some(child) = terms.app.store.peek(|tx| record::find(tx, customer, &uuid))? else {
        if journey.has_entered() {
            return Err(StepFailure::lasting("flow", "The data record whose end was awaited was removed"));
        }
        if claim.depth >= DEEPEST {
            return Err(too_deep());
        }
        let to = destination(terms, journey, &call.flow, now)?;
        let data = render_or_input(terms, journey, "data", call.data.as_ref(), now)?;
        let content = Content::of(terms.app, customer, &to, &data)?;
        return Ok(Done::Await(Child { uuid, made: Some((to, content)), resumed: false }));
    };
    match child.status {
        RecordStatus::Finished | RecordStatus::Reviewed | RecordStatus::Handled => {
            let output = terms.app.store.peek(|tx| wait::outcome(tx, &child))?;
            Ok(Done::Output(serde_json::from_str(&output).map_err(Error::internal)?))
        }
        // Its failure is this step's; a further attempt takes the failed record up again.
        RecordStatus::Failed if !journey.has_failed() => Err(StepFailure {
            detail: Some(Box::new(json!({"uuid": uuid}))),
            ..StepFailure::lasting("flow", format!("The data record '{uuid}' of the other flow ended with errors"))
        }),
        RecordStatus::Failed => Ok(Done::Await(Child { uuid, made: None, resumed: true })),
        RecordStatus::Waiting | RecordStatus::Processing | RecordStatus::Scheduled => {
            Ok(Done::Await(Child { uuid, made: None, resumed: false }))
        }
    }
}

fn delay(terms: &Terms<'_>, journey: &mut Journey, delay: &Delay, now: Timestamp) -> Outcome<Done> {
    // The record was taken up again because its time has come, or because somebody made it due.
    if journey.has_entered() {
        return Ok(Done::Pass);
    }
    let due = match delay {
        Delay::For(template) => {
            let value = render(terms, journey, "for", template, now)?;
            let duration = duration_of(&value).ok_or_else(|| {
                StepFailure::lasting(
                    "expression",
                    "for: it must come to a number of seconds, or a text such as 90s, 5m or 2h",
                )
            })?;
            Timestamp(now.0.saturating_add(duration))
        }
        Delay::Until(template) => {
            let value = render(terms, journey, "until", template, now)?;
            value.as_str().and_then(Timestamp::parse_atom).ok_or_else(|| {
                StepFailure::lasting("expression", "until: it must come to a date such as 2005-08-15T15:52:01+00:00")
            })?
        }
    };
    Ok(if due > now { Done::Until(due) } else { Done::Pass })
}

/// Takes what was posted to the step's address, be it before the run came here, or waits for it.
fn listen(terms: &Terms<'_>, journey: &mut Journey, wait: &Wait, step: &Step, now: Timestamp) -> Outcome<Done> {
    let (record, run) = (journey.claim.record, journey.claim.run);
    if let Some(posted) = terms.app.store.peek(|tx| callback::payload(tx, record, run, &step.id))? {
        return Ok(Done::Output(serde_json::from_str(&posted).map_err(Error::internal)?));
    }
    let timeout = render(terms, journey, "timeout", &wait.timeout, now)?;
    let timeout = duration_of(&timeout).filter(|timeout| *timeout <= LONGEST_WAIT).ok_or_else(|| {
        StepFailure::lasting(
            "expression",
            "timeout: it must come to a number of seconds, or a text such as 5m, 2h or 30d, and at most 90 days",
        )
    })?;
    let due = Timestamp(journey.since(now).0.saturating_add(timeout));
    match due > now {
        true => Ok(Done::Listen(due)),
        false => Err(StepFailure::lasting("timeout", "Nothing was posted to the step's address in time")),
    }
}

fn reply(terms: &Terms<'_>, journey: &mut Journey, respond: &Respond, now: Timestamp) -> Outcome<Done> {
    let status = match render_optional(terms, journey, "status", respond.status.as_ref(), now)? {
        None => 200,
        Some(status) => status
            .as_u64()
            .filter(|status| (200..=599).contains(status))
            .ok_or_else(|| StepFailure::lasting("expression", "status: it must come to a number from 200 to 599"))?,
    };
    let headers = match render_optional(terms, journey, "headers", respond.headers.as_ref(), now)? {
        None => Map::new(),
        Some(Value::Object(headers)) if headers.values().all(Value::is_string) => headers,
        Some(_) => {
            return Err(StepFailure::lasting("expression", "headers: they must come to an object of texts"));
        }
    };
    let body = render_or_input(terms, journey, "body", respond.body.as_ref(), now)?;
    Ok(Done::Reply(json!({"status": status, "headers": headers, "body": body})))
}

fn end(terms: &Terms<'_>, journey: &mut Journey, stop: &Stop, now: Timestamp) -> Outcome<Done> {
    let text = match render_optional(terms, journey, "text", stop.text.as_ref(), now)? {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
    };
    Ok(Done::Stop { fails: stop.fails, text })
}

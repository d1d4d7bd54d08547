//! What is kept of attempts for people to read: without the values of masked members, and no longer than it may be.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::StepFailure;
use crate::model::time::Timestamp;
use crate::telemetry::metrics::Metrics;

/// What stands in the place of a masked value.
const MASK: &str = "***";

/// The rules by which values are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Showing<'m> {
    /// The masked names of the gateway.
    pub(super) masked: &'m [String],
    /// The masked names of the flow.
    pub(super) also_masked: &'m [String],
    /// Bytes of one value.
    pub(super) limit: usize,
}

impl Showing<'_> {
    fn hides(&self, name: &str) -> bool {
        let names = self.masked.iter().chain(self.also_masked);
        names.into_iter().any(|masked| masked.len() == name.len() && masked.eq_ignore_ascii_case(name))
    }

    /// The JSON text that is kept of a value.
    fn text(&self, value: &Value) -> Option<Box<RawValue>> {
        let text = serde_json::to_string(&Shown { value, showing: self }).ok()?;
        let text = if text.len() > self.limit { cut(&text, self.limit) } else { text };
        RawValue::from_string(text).ok()
    }
}

/// The beginning of a text that is too long, as JSON that says so.
fn cut(text: &str, limit: usize) -> String {
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let beginning = text.get(..end).unwrap_or_default();
    serde_json::json!({"bytes": text.len(), "beginning": beginning}).to_string()
}

struct Shown<'v> {
    value: &'v Value,
    showing: &'v Showing<'v>,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let showing = self.showing;
        match self.value {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    match showing.hides(name) && !value.is_null() {
                        true => map.serialize_entry(name, MASK)?,
                        false => map.serialize_entry(name, &Shown { value, showing })?,
                    }
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&Shown { value, showing })?;
                }
                list.end()
            }
            value => value.serialize(serializer),
        }
    }
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// The step is done.
    Done,
    /// It was in vain, and there will be another one.
    Retried,
    /// It was in vain, and the run goes on all the same.
    Continued,
    /// It was in vain, and the run has failed.
    Failed,
    /// The step waits for something.
    Waits,
    /// It was interrupted, for instance by the end of the process.
    Interrupted,
    /// The run was stopped by it.
    Stopped,
    /// The record was moved to another flow by it.
    Moved,
}

impl Outcome {
    /// What metrics call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Retried => "retried",
            Outcome::Continued => "continued",
            Outcome::Failed => "failed",
            Outcome::Waits => "waits",
            Outcome::Interrupted => "interrupted",
            Outcome::Stopped => "stopped",
            Outcome::Moved => "moved",
        }
    }
}

/// One attempt, as it is kept.
#[derive(Debug, serde::Serialize)]
pub(super) struct Attempt {
    step: String,
    name: String,
    kind: &'static str,
    attempt: i64,
    at: i64,
    duration_us: u64,
    outcome: Outcome,
    /// The step whose output this one took; absent for the record's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// What it took, where that is no other step's output.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<RawValue>>,
    /// When it goes on, where that is later.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

impl Attempt {
    pub(super) fn new(
        step: &crate::diagram::step::Step,
        attempt: i64,
        at: Timestamp,
        duration_us: u64,
        outcome: Outcome,
    ) -> Attempt {
        Attempt {
            step: step.id.clone(),
            name: step.name.clone(),
            kind: step.kind.name(),
            attempt,
            at: at.0,
            duration_us,
            outcome,
            from: None,
            input: None,
            output: None,
            error: None,
            next: None,
        }
    }

    pub(super) fn after(mut self, source: Option<&str>) -> Attempt {
        self.from = source.map(str::to_owned);
        self
    }

    pub(super) fn with_input(mut self, showing: &Showing<'_>, input: &Value) -> Attempt {
        self.input = showing.text(input);
        self
    }

    pub(super) fn with_output(mut self, showing: &Showing<'_>, output: &Value) -> Attempt {
        self.output = showing.text(output);
        self
    }

    pub(super) fn with_failure(mut self, showing: &Showing<'_>, failure: &StepFailure) -> Attempt {
        self.error = showing.text(&failure.shown());
        self
    }

    /// Counts it.
    pub(super) fn count(&self, metrics: &Metrics) {
        metrics.step_ended(self.kind, self.outcome.name(), Duration::from_micros(self.duration_us));
        if self.outcome == Outcome::Retried {
            metrics.retried(self.kind);
        }
    }

    pub(super) fn outcome(mut self, outcome: Outcome) -> Attempt {
        self.outcome = outcome;
        self
    }

    pub(super) fn until(mut self, next: Timestamp) -> Attempt {
        self.next = Some(next.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: &Value, limit: usize) -> String {
        let (masked, also_masked) = (vec!["password".to_owned()], vec!["iban".to_owned()]);
        let showing = Showing { masked: &masked, also_masked: &also_masked, limit };
        showing.text(value).expect("a text").get().to_owned()
    }

    #[test]
    fn masked_members_are_hidden_at_any_depth() {
        let value = json!({"a": [{"Password": "x", "IBAN": {"n": 1}}], "password": null, "passwords": "y"});
        assert_eq!(shown(&value, 1_000), r#"{"a":[{"Password":"***","IBAN":"***"}],"password":null,"passwords":"y"}"#);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(shown(&json!("ää"), 4), r#"{"bytes":6,"beginning":"\"ä"}"#);
    }
}

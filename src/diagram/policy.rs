//! What is done about a step that failed: how often it is tried, how long between, and what follows after the last time.
//! Pure arithmetic: the time, and chance, are given.

use serde_json::Value;

use super::raw::RawRetry;
use crate::error::{Error, Result};
use crate::model::time::{MILLISECONDS_OF_A_SECOND, parse_duration};

/// Attempts that a policy may ask for.
const MOST_ATTEMPTS: i64 = 100;
/// The longest time between two attempts: a week.
const LONGEST: i64 = 7 * 24 * 3_600 * MILLISECONDS_OF_A_SECOND;

/// How often a step is tried, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How often in all, the first time included.
    pub attempts: i64,
    /// Milliseconds between the first attempt and the second.
    pub initial: i64,
    /// How many times as long each further time is.
    pub factor: f64,
    /// The most milliseconds between two attempts.
    pub max: i64,
    /// The share by which a time may be longer or shorter, so that what failed together does not come back together.
    pub jitter: f64,
    /// Kinds of errors after which no attempt is made, whatever the step says; `*` at the end stands for any rest.
    pub final_on: Vec<String>,
    /// Kinds of errors after which another attempt is made, whatever the step says.
    pub retry_on: Vec<String>,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            attempts: 20,
            initial: 1_000,
            factor: 2.0,
            max: 600_000,
            jitter: 0.2,
            final_on: Vec::new(),
            retry_on: Vec::new(),
        }
    }
}

impl Retry {
    pub(super) fn of(place: &str, raw: RawRetry) -> Result<Retry> {
        let usual = Retry::default();
        let duration = |member: &str, value: Option<Value>, usual| match value {
            None => Ok(usual),
            Some(value) => milliseconds(&format!("{place}.{member}"), &value),
        };
        let retry = Retry {
            attempts: raw.attempts.unwrap_or(usual.attempts),
            initial: duration("initial", raw.initial, usual.initial)?,
            factor: raw.factor.unwrap_or(usual.factor),
            max: duration("max", raw.max, usual.max)?,
            jitter: raw.jitter.unwrap_or(usual.jitter),
            final_on: raw.final_on,
            retry_on: raw.retry_on,
        };
        match &retry {
            Retry { attempts, .. } if !(1..=MOST_ATTEMPTS).contains(attempts) => {
                Err(Error::invalid(format!("{place}.attempts must be a whole number from 1 to {MOST_ATTEMPTS}")))
            }
            Retry { factor, .. } if !(1.0..=10.0).contains(factor) => {
                Err(Error::invalid(format!("{place}.factor must be a number from 1 to 10")))
            }
            Retry { jitter, .. } if !(0.0..=1.0).contains(jitter) => {
                Err(Error::invalid(format!("{place}.jitter must be a number from 0 to 1")))
            }
            _ => Ok(retry),
        }
    }

    /// How many milliseconds after the failure of that attempt, counted from 1, the next one is due; `None` if there is
    /// to be none. `wish` is what the partner asked for (Retry-After), which is never undercut; `chance` is from 0 to 1.
    pub fn pause(&self, attempt: i64, wish: Option<i64>, chance: f64) -> Option<i64> {
        if attempt >= self.attempts {
            return None;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        #[expect(clippy::cast_precision_loss, reason = "a week of milliseconds is far below 2^53")]
        let (initial, max) = (self.initial as f64, self.max as f64);
        let pause = (initial * self.factor.powi(exponent)).min(max) * (1.0 + self.jitter * (2.0 * chance - 1.0));
        #[expect(clippy::cast_possible_truncation, reason = "bounded by twice a week of milliseconds")]
        let pause = pause as i64;
        Some(wish.map_or(pause, |wish| pause.max(wish.min(LONGEST))))
    }

    /// Whether an error of that kind is worth another attempt; `is_final` is what the step itself thinks of it.
    pub fn is_worth_it(&self, kind: &str, is_final: bool) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, kind));
        !named(&self.final_on) && (!is_final || named(&self.retry_on))
    }
}

fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => pattern == kind,
    }
}

/// What follows on the last attempt of a step in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The record fails.
    #[default]
    Fail,
    /// The run goes on with the step's edges.
    Continue,
    /// The run goes on with that step.
    Goto(String),
    /// The record fails, and is told to that flow, whatever the flow's own policy says.
    Flow(String),
}

impl OnError {
    pub(super) fn of(value: Value) -> Result<OnError> {
        let refused = || {
            Error::invalid(
                "on_error must be \"fail\", \"continue\", {\"goto\": \"a node's id\"} or {\"flow\": \"a flow's name\"}",
            )
        };
        match value {
            Value::String(text) if text == "fail" => Ok(OnError::Fail),
            Value::String(text) if text == "continue" => Ok(OnError::Continue),
            Value::Object(members) if members.len() == 1 => match members.into_iter().next() {
                Some((name, Value::String(node))) if name == "goto" => Ok(OnError::Goto(node)),
                Some((name, Value::String(flow))) if name == "flow" => Ok(OnError::Flow(flow)),
                _ => Err(refused()),
            },
            _ => Err(refused()),
        }
    }

    /// The step that follows.
    pub fn target(&self) -> Option<&str> {
        match self {
            OnError::Goto(node) => Some(node),
            OnError::Fail | OnError::Continue | OnError::Flow(_) => None,
        }
    }
}

/// What becomes of a flow's records that fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FlowError {
    /// They are told to the error flow of the customer, if it has one.
    #[default]
    Usual,
    /// Nobody is told.
    Fail,
    /// They are told to that flow.
    Flow(String),
}

impl FlowError {
    pub(super) fn of(value: Value) -> Result<FlowError> {
        match OnError::of(value)? {
            OnError::Fail => Ok(FlowError::Fail),
            OnError::Flow(flow) => Ok(FlowError::Flow(flow)),
            OnError::Continue | OnError::Goto(_) => {
                Err(Error::invalid("on_error of the flow must be \"fail\" or {\"flow\": \"a flow's name\"}"))
            }
        }
    }
}

/// A duration as diagrams write it: a number of seconds, or a text such as `90s`, `5m`, `2h 30m` or `PT5M`.
/// # Errors
/// What is none, or is longer than a week.
pub(super) fn milliseconds(place: &str, value: &Value) -> Result<i64> {
    duration_of(value).filter(|duration| (0..=LONGEST).contains(duration)).ok_or_else(|| {
        Error::invalid(format!(
            "{place} must be a number of seconds, or a text such as 90s, 5m or 2h, and at most a week"
        ))
    })
}

/// The milliseconds of a value that is a duration.
pub fn duration_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(seconds) => {
            let milliseconds = seconds.as_f64()? * 1_000.0;
            #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
            (0.0..=1e15).contains(&milliseconds).then_some(milliseconds as i64)
        }
        Value::String(text) => parse_duration(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_end() {
        let retry = Retry { attempts: 5, initial: 1_000, factor: 3.0, max: 20_000, jitter: 0.0, ..Retry::default() };
        let pauses: Vec<_> = (1..=5).map(|attempt| retry.pause(attempt, None, 0.5)).collect();
        assert_eq!(pauses, [Some(1_000), Some(3_000), Some(9_000), Some(20_000), None]);
        assert_eq!(retry.pause(1, Some(7_000), 0.0), Some(7_000));
        assert_eq!(retry.pause(4, Some(7_000), 0.0), Some(20_000), "a wish lengthens and never shortens");
        assert_eq!(retry.pause(1, Some(i64::MAX), 0.0), Some(LONGEST));
    }

    #[test]
    fn chance_moves_a_pause_by_its_share_and_no_more() {
        let retry = Retry { jitter: 0.25, initial: 1_000, ..Retry::default() };
        assert_eq!([0.0, 0.5, 1.0].map(|chance| retry.pause(1, None, chance)), [Some(750), Some(1_000), Some(1_250)]);
        assert!(
            Retry { attempts: 1_000, ..Retry::default() }.pause(900, None, 1.0).is_some_and(|pause| pause <= 720_000)
        );
    }

    #[test]
    fn what_is_final_can_be_said() {
        let retry = Retry {
            final_on: vec!["http.404".to_owned(), "soap.*".to_owned()],
            retry_on: vec!["http.4*".to_owned()],
            ..Retry::default()
        };
        let worth = |kind| retry.is_worth_it(kind, true);
        assert_eq!(["http.404", "http.409", "soap.sender", "refused"].map(worth), [false, true, false, false]);
        assert!(retry.is_worth_it("timeout", false) && !retry.is_worth_it("soap.receiver", false));
    }
}

//! What a schema says of records that came together: all that is wrong, with its place, up to a number.
//! It decides how that is told, and not whether a record may be kept all the same.

use serde_json::Value;

use crate::app::rules::Rules;
use crate::error::{Error, Result, Violation};

/// Violations that are listed.
const LISTED: usize = 20;
/// Violations that the message tells, which is for people.
const TOLD: usize = 5;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// What the first wrong record is called in the message.
    which: String,
    found: Vec<Violation>,
}

impl Verdict {
    /// Checks one more record; `index` is its number among those that came together, if there are several.
    pub(super) fn add(&mut self, which: &str, index: Option<usize>, rules: &Rules, record: &Value) {
        if self.found.len() >= LISTED {
            return;
        }
        let violations = rules.check(record, LISTED - self.found.len());
        if self.found.is_empty() && !violations.is_empty() {
            which.clone_into(&mut self.which);
        }
        self.found.extend(violations.into_iter().map(|violation| Violation { record: index, ..violation }));
    }

    /// # Errors
    /// Something was found wrong: the message tells the first of it, the list more.
    pub(super) fn finish(self) -> Result<()> {
        let Some(first) = self.found.first() else { return Ok(()) };
        let told = self.found.iter().filter(|violation| violation.record == first.record).take(TOLD);
        let told: Vec<_> = told.map(|violation| format!("{}: {}", violation.path, violation.reason)).collect();
        let more = if self.found.len() > told.len() { "; and more" } else { "" };
        let message = format!("{} does not satisfy the schema: {}{more}", self.which, told.join("; "));
        Err(Error::invalid(message).about(self.found))
    }
}

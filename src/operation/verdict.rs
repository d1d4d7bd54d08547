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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(records: &[Value]) -> Result<()> {
        let rules = Rules::compile(&json!({"additionalProperties": {"type": "integer"}})).expect("a schema");
        let mut verdict = Verdict::default();
        for (index, record) in records.iter().enumerate() {
            verdict.add(&format!("Record {index}"), Some(index), &rules, record);
        }
        verdict.finish()
    }

    #[test]
    fn all_records_are_listed_and_the_first_wrong_one_is_told() {
        assert!(verdict(&[]).is_ok() && verdict(&[json!({"a": 1})]).is_ok());
        let error =
            verdict(&[json!({"a": 1}), json!({"b": "x"}), json!({}), json!({"c": {"d": "x"}})]).expect_err("wrong");
        let places: Vec<_> = error.violations().iter().map(|found| (found.record, found.path.as_str())).collect();
        assert_eq!(places, [(Some(1), "/b"), (Some(3), "/c")]);
        let told = error.message();
        assert!(
            told.starts_with("Record 1 does not satisfy the schema: /b: ") && told.ends_with("; and more"),
            "{told}"
        );
        assert!(!told.contains("/c") && !verdict(&[json!({"b": "x"})]).expect_err("wrong").message().contains("more"));
    }

    #[test]
    fn there_is_an_end_to_what_is_listed() {
        let wrong: Value = (0..8).map(|n| (format!("m{n}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
        let error = verdict(&vec![wrong; 1_000]).expect_err("wrong");
        assert_eq!(error.violations().len(), LISTED);
        assert_eq!(error.message().matches("/m").count(), TOLD);
    }
}

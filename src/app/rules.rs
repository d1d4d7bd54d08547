//! A customer's schema made ready to be applied: JSON Schema draft 4, nothing fetched, patterns bounded.
//! It says what is wrong and where; whether that matters is decided above.

use std::sync::OnceLock;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::schema::DataSchema;

/// Bytes a compiled pattern may take; a pattern that would grow beyond is refused with its schema.
const PATTERN_SIZE: usize = 1 << 20;
/// Violations told in one message.
const SHOWN: usize = 5;
/// Characters of one violation's description.
const CLIP: usize = 300;

/// A compiled schema.
#[derive(Debug)]
pub struct Rules(Validator);

impl Rules {
    /// Compiles a schema. A `$schema` of another draft is not obeyed: schemas here are draft 4.
    /// # Errors
    /// A schema that the draft 4 meta-schema refuses, a reference that leaves the document, a pattern that is no
    /// regular expression or too large.
    pub fn compile(schema: &Value) -> Result<Rules> {
        if !schema.is_object() {
            return Err(Error::invalid("Schema must be a JSON object"));
        }
        let options = jsonschema::draft4::options()
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE));
        match options.build(schema) {
            Ok(validator) => Ok(Rules(validator)),
            Err(error) => {
                let place = place(error.instance_path().as_str());
                Err(Error::invalid(format!(
                    "Schema is not a valid JSON Schema (draft 4): {place}: {}",
                    clip(&error.masked().to_string())
                )))
            }
        }
    }

    /// Whether the value satisfies the schema; `Err` describes what does not, each with its path.
    pub fn check(&self, value: &Value) -> std::result::Result<(), String> {
        if self.0.is_valid(value) {
            return Ok(());
        }
        let mut violations = self.0.iter_errors(value);
        let shown: Vec<String> = violations
            .by_ref()
            .take(SHOWN)
            .map(|error| format!("{}: {}", place(error.instance_path().as_str()), clip(&error.masked().to_string())))
            .collect();
        let more = if violations.next().is_some() { "; and more" } else { "" };
        Err(format!("{}{more}", shown.join("; ")))
    }
}

/// A customer's schema as stored, ready to be applied.
#[derive(Debug)]
pub struct StoredSchema {
    /// What was stored.
    pub schema: DataSchema,
    /// The reply that shows it, made by whoever shows it first.
    pub shown: OnceLock<String>,
    /// What it demands.
    pub rules: Rules,
}

impl StoredSchema {
    /// Compiles what was stored.
    /// # Errors
    /// A document that compiled when it was accepted and does not now, which would be a defect.
    pub fn of(schema: DataSchema) -> Result<StoredSchema> {
        let document: Value = serde_json::from_str(&schema.document).map_err(Error::internal)?;
        let rules = Rules::compile(&document).map_err(Error::internal)?;
        Ok(StoredSchema { schema, shown: OnceLock::new(), rules })
    }
}

fn place(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(CLIP) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

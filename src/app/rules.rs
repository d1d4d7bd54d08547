//! A customer's schema made ready to be applied: JSON Schema draft 4, nothing fetched, patterns bounded.
//! It says what is wrong and where; whether that matters is decided above.

mod effort;

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::{PatternOptions, Retrieve, Uri, ValidationError, Validator};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use self::effort::Effort;
use crate::app::fields::Fields;
use crate::error::{Error, Result, Violation};
use crate::model::schema::DataSchema;

/// Bytes a compiled pattern may take; a pattern that would grow beyond is refused with its schema.
const PATTERN_SIZE: usize = 1 << 20;
/// Bytes all compiled patterns of a schema may take, which they share evenly.
const PATTERNS_SIZE: usize = 16 << 20;
/// References that lead to references.
const REFERENCES: usize = 32;
/// Characters of one violation's description.
const CLIP: usize = 300;

/// Values up to which all violations are looked for; in larger texts, the first one must do.
const SEARCHED: usize = 1_000;

/// A compiled schema.
#[derive(Debug)]
pub struct Rules {
    validator: Validator,
    effort: Effort,
}

impl Rules {
    /// Compiles a schema. A `$schema` of another draft is not obeyed: schemas here are draft 4.
    /// # Errors
    /// A schema that the draft 4 meta-schema refuses, a reference that leaves the document, a pattern that is no
    /// regular expression or too large.
    pub fn compile(schema: &Value) -> Result<Rules> {
        Rules::compile_with(schema, &[])
    }

    /// The same for a schema that may refer to documents which are known beforehand, each with its address. Nothing is
    /// fetched here either; the gateway itself knows no such documents.
    /// # Errors
    /// As for [`Rules::compile`].
    pub fn compile_with(schema: &Value, known: &[(String, Value)]) -> Result<Rules> {
        if !schema.is_object() {
            return Err(Error::invalid("Schema must be a JSON object"));
        }
        let size = PATTERN_SIZE.min(PATTERNS_SIZE / patterns(schema).max(1));
        let options = jsonschema::draft4::options()
            .with_retriever(Known(known.iter().cloned().collect()))
            .with_pattern_options(PatternOptions::regex().size_limit(size).dfa_size_limit(size));
        match options.build(schema) {
            Ok(validator) => Ok(Rules { validator, effort: Effort::of(schema, known) }),
            Err(error) => {
                let place = place(error.instance_path().as_str());
                Err(Error::invalid(format!(
                    "Schema is not a valid JSON Schema (draft 4): {place}: {}",
                    clip(&error.masked().to_string())
                )))
            }
        }
    }

    /// What in the value does not satisfy the schema, each with its place; at most that many, and nothing if it does.
    pub fn check(&self, value: &Value, most: usize) -> Vec<Violation> {
        let size = effort::size(value);
        if !self.effort.is_bearable(value, size) {
            return vec![violation("", format!("it takes more than {} steps to check", effort::STEPS))];
        }
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        if size > SEARCHED {
            return self.validator.validate(value).err().as_ref().map(describe).into_iter().collect();
        }
        self.validator.iter_errors(value).take(most).map(|error| describe(&error)).collect()
    }

    /// The schema as it was given.
    pub fn schema(&self) -> &Value {
        self.effort.schema()
    }

    /// The schema, or what it refers to; `None` for a reference that leads elsewhere than into the document, or in a
    /// circle.
    pub fn resolved<'r>(&'r self, mut schema: &'r Value) -> Option<&'r Value> {
        for _ in 0..REFERENCES {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return Some(schema) };
            let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
            schema = self.schema().pointer(&pointer)?;
        }
        None
    }
}

/// The documents that schemas may refer to, by their addresses.
struct Known(HashMap<String, Value>);

impl Retrieve for Known {
    fn retrieve(&self, address: &Uri<String>) -> std::result::Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.0
            .get(address.as_str())
            .cloned()
            .ok_or_else(|| format!("Retrieval is disabled, cannot fetch {address}").into())
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
    /// What it declares its records to be searchable by.
    pub fields: Fields,
}

impl StoredSchema {
    /// Compiles what was stored.
    /// # Errors
    /// A document that compiled when it was accepted and does not now, which would be a defect.
    pub fn of(schema: DataSchema) -> Result<StoredSchema> {
        let document: Value = serde_json::from_str(&schema.document).map_err(Error::internal)?;
        let rules = Rules::compile(&document).map_err(Error::internal)?;
        // What an older version accepted was not yet read as a declaration, and a wrong one then declares nothing.
        let fields = Fields::of_schema(&document).unwrap_or_default();
        Ok(StoredSchema { schema, shown: OnceLock::new(), rules, fields })
    }
}

/// How many patterns a schema has, at least: what only looks like one is counted too.
fn patterns(schema: &Value) -> usize {
    let mut found = 0;
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                found += usize::from(members.get("pattern").is_some_and(Value::is_string));
                found += members.get("patternProperties").and_then(Value::as_object).map_or(0, |named| named.len());
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

fn describe(error: &ValidationError<'_>) -> Violation {
    violation(error.instance_path().as_str(), clip(&error.masked().to_string()))
}

fn violation(path: &str, reason: String) -> Violation {
    Violation { record: None, path: place(path).to_owned(), reason }
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

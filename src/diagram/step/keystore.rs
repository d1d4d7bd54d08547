//! Steps that read and write packages of keystores.

use serde_json::Value;

use super::Fields;
use crate::error::{Error, Result};
use crate::expression::template::Template;

/// What is done to a package.
#[derive(Debug)]
pub struct KeystoreStep {
    /// The keystore's identifier.
    pub keystore: Template,
    /// The package's key.
    pub key: Template,
    /// What is done.
    pub action: Action,
}

/// What is done.
#[derive(Debug)]
pub enum Action {
    /// What it holds is wanted.
    Get {
        /// Whether one that is missing is made.
        creates: bool,
    },
    /// It holds this from now on; absent for the input.
    Put(Option<Template>),
    /// The same, if it is as it is expected to be.
    CompareAndSet {
        /// How it is expected to be.
        expected: Expected,
        /// What it then holds; absent for the input.
        value: Option<Template>,
    },
    /// A number in it grows.
    Increment {
        /// The way to it; absent if the package is the number.
        path: Option<Template>,
        /// By how much; absent for 1.
        by: Option<Template>,
    },
    /// There is none from now on.
    Delete,
}

/// How a package is expected to be.
#[derive(Debug)]
pub enum Expected {
    /// Of that revision.
    Revision(Template),
    /// Holding that.
    Value(Template),
}

pub(super) fn read(fields: &mut Fields) -> Result<KeystoreStep> {
    let action: String = fields.required("action")?;
    let action = match action.as_str() {
        "get" => Action::Get { creates: fields.optional("create")?.unwrap_or(false) },
        "put" => Action::Put(fields.optional_plain("value")?),
        "compare-and-set" => {
            Action::CompareAndSet { expected: expected(fields)?, value: fields.optional_plain("value")? }
        }
        "increment" => {
            let step = fields.0.get("by").filter(|value| !value.is_null() && !value.is_string());
            if step.is_some_and(|step| step.as_i64().is_none()) {
                return Err(Error::invalid("fields.by must be a whole number"));
            }
            Action::Increment { path: fields.optional_plain("path")?, by: fields.optional_plain("by")? }
        }
        "delete" => Action::Delete,
        _ => {
            return Err(Error::invalid("fields.action must be get, put, compare-and-set, increment or delete"));
        }
    };
    Ok(KeystoreStep { keystore: fields.plain("keystore")?, key: fields.plain("key")?, action })
}

/// What is expected to be null is to be told from what is left out, so that it is taken before the others are looked at.
fn expected(fields: &mut Fields) -> Result<Expected> {
    let value = match fields.0.shift_remove("expected") {
        Some(Value::Null) => Some(Template::compile_without_secrets(&Value::Null)?),
        Some(value) => {
            fields.0.insert("expected".to_owned(), value);
            fields.optional_plain("expected")?
        }
        None => None,
    };
    match (fields.optional_plain("if_revision")?, value) {
        (Some(revision), None) => Ok(Expected::Revision(revision)),
        (None, Some(value)) => Ok(Expected::Value(value)),
        _ => Err(Error::invalid("fields must have either if_revision or expected")),
    }
}

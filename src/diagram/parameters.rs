//! What a flow says it is sent, and what it gives back: names and types (document 002, payload).

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The types that a parameter may have.
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "any"];

/// Names and types, in the order of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(pub Map<String, Value>);

impl Parameters {
    pub(super) fn parse(member: &str, declared: Option<Value>) -> Result<Parameters> {
        let refused = || {
            Error::invalid(format!("{member} must be an object of names and types, each one of {}", TYPES.join(", ")))
        };
        match declared {
            None | Some(Value::Null) => Ok(Parameters::default()),
            Some(Value::Object(declared)) => {
                let fits = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
                if declared.values().all(fits) { Ok(Parameters(declared)) } else { Err(refused()) }
            }
            Some(_) => Err(refused()),
        }
    }
}

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

    /// The same for the text of a JSON object, which is not read if nothing is declared.
    /// # Errors
    /// As for [`Parameters::check`].
    pub fn check_text(&self, sent: &str) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sent = serde_json::from_str(sent).map_err(|_| Error::invalid("An object is required"))?;
        self.check(&sent)
    }

    /// Checks that what was sent has every member that is declared, each of its type. Others may be there too.
    /// # Errors
    /// `InvalidInput` that names the member and what it must be.
    pub fn check(&self, sent: &Map<String, Value>) -> Result<()> {
        for (name, kind) in &self.0 {
            let kind = kind.as_str().unwrap_or("any");
            match sent.get(name) {
                None => return Err(Error::invalid(format!("The member '{name}' is required: {}", article(kind)))),
                Some(value) if !is_of(kind, value) => {
                    return Err(Error::invalid(format!("The member '{name}' must be {}", article(kind))));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Makes values of texts: numbers and truths where they are declared and the text is one. A member that is a list has
    /// values of that type.
    pub fn typed(&self, mut fields: Map<String, Value>) -> Map<String, Value> {
        for (name, value) in &mut fields {
            let kind = self.0.get(name).and_then(Value::as_str).unwrap_or("string");
            match value {
                Value::String(text) => *value = value_of(kind, std::mem::take(text)),
                Value::Array(values) => {
                    for value in values {
                        if let Value::String(text) = value {
                            *value = value_of(kind, std::mem::take(text));
                        }
                    }
                }
                _ => {}
            }
        }
        fields
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => true,
    }
}

fn article(kind: &str) -> String {
    match kind {
        "any" => "any value".to_owned(),
        "integer" | "object" | "array" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

fn value_of(wanted: &str, text: String) -> Value {
    let read = match wanted {
        "number" | "integer" => text.parse().ok().map(Value::Number),
        "boolean" => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    read.unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_declared_must_be_sent() {
        let declared = json!({"name": "string", "age": "integer", "tags": "array", "more": "any"});
        let declared = Parameters::parse("inputParameters", Some(declared)).expect("a declaration");
        let told = |sent: Value| declared.check(sent.as_object().expect("an object")).err();
        assert!(told(json!({"name": "", "age": 1.0, "tags": [], "more": null, "other": 1})).is_none());
        for (sent, expected) in [
            (json!({}), "The member 'name' is required: a string"),
            (json!({"name": 1}), "The member 'name' must be a string"),
            (json!({"name": "", "age": 1.5}), "The member 'age' must be an integer"),
            (json!({"name": "", "age": 1, "tags": {}}), "The member 'tags' must be an array"),
            (json!({"name": "", "age": 1, "tags": []}), "The member 'more' is required: any value"),
        ] {
            assert_eq!(told(sent).expect("a refusal").message(), expected);
        }
    }

    #[test]
    fn texts_stand_for_what_was_declared() {
        let parameters =
            Parameters::parse("inputParameters", Some(json!({"n": "number", "b": "boolean", "s": "string"})))
                .expect("a declaration");
        let typed = |sent: Value| Value::Object(parameters.typed(sent.as_object().expect("an object").clone()));
        let sent = json!({"n": "1.5", "b": "true", "s": "1", "x": ["2", "3", "4"]});
        assert_eq!(typed(sent), json!({"n": 1.5, "b": true, "s": "1", "x": ["2", "3", "4"]}));
        assert_eq!(typed(json!({"n": ["1", "2"]})), json!({"n": [1, 2]}));
        assert_eq!(typed(json!({"n": "one", "b": {"n": "1"}})), json!({"n": "one", "b": {"n": "1"}}));
    }
}

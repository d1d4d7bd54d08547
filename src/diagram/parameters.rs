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

    /// Checks what was sent: each parameter must be there with its type. What else was sent may be there too.
    /// # Errors
    /// `InvalidInput` that names the first member which is not as it was declared.
    pub fn check(&self, data: &Map<String, Value>) -> Result<()> {
        for (name, declared) in &self.0 {
            let wanted = declared.as_str().unwrap_or("any");
            match data.get(name) {
                Some(value) if is_of(wanted, value) => {}
                found => {
                    let how = if found.is_none() { "is missing" } else { "is of another type" };
                    let kind = match wanted {
                        "any" => "any value".to_owned(),
                        "integer" | "object" | "array" => format!("an {wanted}"),
                        _ => format!("a {wanted}"),
                    };
                    return Err(Error::invalid(format!("The member {name} {how}: {kind} is expected")));
                }
            }
        }
        Ok(())
    }

    /// Makes values of names and texts: numbers and truths where they are declared and the text is one. A name that is
    /// there more than once has a list of texts.
    pub fn typed(&self, texts: Vec<(String, String)>) -> Map<String, Value> {
        let mut data = Map::new();
        for (name, text) in texts {
            let value = value_of(self.0.get(&name).and_then(Value::as_str).unwrap_or("string"), text);
            match data.get_mut(&name) {
                None => drop(data.insert(name, value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        data
    }
}

fn is_of(wanted: &str, value: &Value) -> bool {
    match wanted {
        "string" => value.is_string(),
        "number" => value.is_number(),
        // A number is whole whatever it is written like.
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => true,
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

    fn declared(value: Value) -> Parameters {
        Parameters::parse("inputParameters", Some(value)).expect("parameters")
    }

    #[test]
    fn what_is_sent_is_as_it_was_declared() {
        for (wanted, good, bad) in [
            ("string", json!(""), json!(1)),
            ("number", json!(1.5), json!("1.5")),
            ("integer", json!(2.0), json!(1.5)),
            ("boolean", json!(false), json!("false")),
            ("object", json!({}), json!([])),
            ("array", json!([]), json!({})),
        ] {
            let parameters = declared(json!({"a": wanted}));
            for (value, fits) in [(good, true), (bad, false), (Value::Null, false)] {
                let data = json!({"a": value, "more": 1});
                assert_eq!(parameters.check(data.as_object().expect("one")).is_ok(), fits, "{wanted} {value}");
            }
        }
        let parameters = declared(json!({"a": "any", "b": "integer"}));
        let refused = parameters.check(&Map::new()).expect_err("nothing");
        assert_eq!(refused.message(), "The member a is missing: any value is expected");
        let refused = parameters.check(json!({"a": null, "b": ""}).as_object().expect("one")).expect_err("no integer");
        assert_eq!(refused.message(), "The member b is of another type: an integer is expected");
    }

    #[test]
    fn texts_stand_for_what_was_declared() {
        let parameters = declared(json!({"n": "number", "b": "boolean", "s": "string"}));
        let texts = [("n", "1.5"), ("b", "true"), ("s", "1"), ("x", "2"), ("x", "3"), ("x", "4")];
        let typed = parameters.typed(texts.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec());
        assert_eq!(Value::Object(typed), json!({"n": 1.5, "b": true, "s": "1", "x": ["2", "3", "4"]}));
        let wrong = parameters.typed(vec![("n".to_owned(), "one".to_owned())]);
        assert_eq!(wrong["n"], "one");
    }
}

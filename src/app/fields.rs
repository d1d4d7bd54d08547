//! Data fields: what a flow or a schema declares its records to be searchable by, and how it is found in a record.
//! It finds values; where they are kept, and who searches, is decided above.
//!
//! A declaration is a JSON object of names and paths: the member `data_fields` of a flow's graph, the member
//! `x-data-fields` of a customer's schema. A path is a list of steps with dots between them, for instance `client.name`:
//!
//! * a step into an object names its member;
//! * a step into an array applies to each of its items, so that `client.name` has many values where `client` is an array;
//! * a step that is a whole number selects that item of an array, counted from 0: `client.0.name`; so does the same in
//!   brackets, `client[0].name`, which names no member of an object.
//!
//! A member whose name has a dot or a bracket cannot be reached. Values are texts as they are, numbers as their JSON
//! text, and `true` and `false`. What is null, an object or an array has no value, nor has a text with a NUL character,
//! which not every database keeps. Of longer values, the first [`LONGEST_VALUE`] characters count.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::flow::Flow;
use crate::model::record::FieldValue;

/// Fields that one declaration may have.
const MOST_FIELDS: usize = 32;
/// Values that a field may have in one record; those after them are not kept.
const MOST_VALUES: usize = 16;
/// Characters of a field's name.
pub const LONGEST_NAME: usize = 128;
/// Characters of a value that count.
pub const LONGEST_VALUE: usize = 255;
/// Characters of a path.
const LONGEST_PATH: usize = 512;
/// Steps of a path.
const MOST_STEPS: usize = 32;

/// The data fields that one declaration has, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<Field>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: String,
    path: Vec<Step>,
}

/// A step: the member it names in an object, the item it selects in an array.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    member: Option<String>,
    item: Option<usize>,
}

/// A flow as it is remembered between requests.
#[derive(Debug)]
pub struct StoredFlow {
    /// The flow.
    pub flow: Arc<Flow>,
    /// What the graph that its records run through declares.
    pub fields: Fields,
}

impl Fields {
    /// The declaration in a flow's graph.
    /// # Errors
    /// A declaration that is none.
    pub fn of_graph(graph: &Map<String, Value>) -> Result<Fields> {
        Fields::parse("data_fields", graph.get("data_fields"))
    }

    /// The declaration in a schema.
    /// # Errors
    /// A declaration that is none.
    pub fn of_schema(schema: &Value) -> Result<Fields> {
        Fields::parse("x-data-fields", schema.get("x-data-fields"))
    }

    fn parse(member: &str, declared: Option<&Value>) -> Result<Fields> {
        let Some(declared) = declared else { return Ok(Fields::default()) };
        let Some(declared) = declared.as_object().filter(|declared| declared.len() <= MOST_FIELDS) else {
            return Err(Error::invalid(format!(
                "The member {member} must be an object of at most {MOST_FIELDS} names and paths"
            )));
        };
        declared.iter().map(|(name, path)| field(member, name, path)).collect::<Result<_>>().map(Fields)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn field(member: &str, name: &str, path: &Value) -> Result<Field> {
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "The member {member} has a name that is not from 1 to {LONGEST_NAME} characters long, or has control characters"
        )));
    }
    let steps = path.as_str().filter(|path| path.len() <= LONGEST_PATH).and_then(steps);
    match steps {
        Some(path) => Ok(Field { name: name.to_owned(), path }),
        None => Err(Error::invalid(format!(
            "The data field '{name}' of {member} must be a path such as client.name or client[0].name"
        ))),
    }
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, brackets) = match part.split_once('[') {
            Some((name, brackets)) => (name, brackets.strip_suffix(']').map(Some)?),
            None => (part, None),
        };
        match (name, brackets) {
            ("", None) => return None,
            ("", Some(_)) => {}
            (name, _) if name.contains(']') || name.chars().any(char::is_control) => return None,
            (name, _) => steps.push(Step { member: Some(name.to_owned()), item: number(name) }),
        }
        for number_text in brackets.into_iter().flat_map(|brackets| brackets.split("][")) {
            steps.push(Step { member: None, item: Some(number(number_text)?) });
        }
    }
    (steps.len() <= MOST_STEPS).then_some(steps)
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a record has of the fields that its flow and its schema declare. The flow's come first, and hide those of the
/// schema that have the same name.
pub fn values(flow: &Fields, schema: &Fields, record: &Value) -> Vec<FieldValue> {
    let hidden = |field: &Field| flow.0.iter().any(|other| other.name == field.name);
    let fields = flow.0.iter().chain(schema.0.iter().filter(|field| !hidden(field)));
    let mut values = Vec::new();
    for field in fields {
        let mut texts = Vec::new();
        collect(&field.path, record, &mut texts);
        values.extend(texts.into_iter().map(|value| FieldValue { name: field.name.clone(), value }));
    }
    values
}

fn collect(path: &[Step], value: &Value, texts: &mut Vec<String>) {
    if texts.len() >= MOST_VALUES {
        return;
    }
    let Some((step, rest)) = path.split_first() else {
        texts.extend(text(value));
        return;
    };
    match (value, step.item) {
        (Value::Object(members), _) => {
            if let Some(member) = step.member.as_ref().and_then(|name| members.get(name)) {
                collect(rest, member, texts);
            }
        }
        (Value::Array(items), Some(item)) => {
            if let Some(item) = items.get(item) {
                collect(rest, item, texts);
            }
        }
        (Value::Array(items), None) => items.iter().for_each(|item| collect(path, item, texts)),
        _ => {}
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains('\0') => None,
        Value::String(text) => Some(clip(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As much of a value as counts: what is searched for is cut as what is kept.
pub fn clip(value: &str) -> String {
    value.chars().take(LONGEST_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(text: &str) -> Result<Fields> {
        Fields::parse("data_fields", Some(&serde_json::from_str(text).expect("JSON")))
    }

    #[test]
    fn a_path_finds_what_it_says() {
        let record = serde_json::json!({
            "client": [{"name": "Ann", "age": 7, "vip": true, "tags": ["x", "y"]}, {"name": "Bob", "age": 1.5}],
            "0": "zero", "none": null, "deep": [[{"a": "b"}, {"a": "c"}]],
        });
        for (path, found) in [
            ("client.name", vec!["Ann", "Bob"]),
            ("client.age", vec!["7", "1.5"]),
            ("client.vip", vec!["true"]),
            ("client.1.name", vec!["Bob"]),
            ("client[1].name", vec!["Bob"]),
            ("client[2].name", vec![]),
            ("client.tags", vec![]),
            ("client.tags[1]", vec!["y"]),
            ("0", vec!["zero"]),
            ("[0]", vec![]),
            ("none", vec![]),
            ("client", vec![]),
            ("deep.a", vec!["b", "c"]),
            ("deep[0][1].a", vec!["c"]),
            ("client.name.first", vec![]),
        ] {
            let fields = declared(&format!("{{\"f\":\"{path}\"}}")).expect(path);
            let values: Vec<_> =
                values(&fields, &Fields::default(), &record).into_iter().map(|field| field.value).collect();
            assert_eq!(values, found, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["", ".", "a.", ".a", "a..b", "a[", "a]", "a[x]", "a[0", "a[0]b", "a[-1]", "a[+1]", "a[]", "a[0][]"]
        {
            assert!(declared(&format!("{{\"f\":\"{path}\"}}")).is_err(), "{path}");
        }
        for text in ["[]", "1", "{\"f\":1}", "{\"\":\"a\"}", "{\"a\\u0000\":\"a\"}"] {
            assert!(declared(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_flow_hides_fields_of_the_schema_and_values_are_bounded() {
        let flow = declared(r#"{"n":"a","l":"long"}"#).expect("fields");
        let schema = declared(r#"{"n":"b","m":"many"}"#).expect("fields");
        let record = serde_json::json!({"a": "A", "b": "B", "long": "ä".repeat(300), "many": vec![1; 20]});
        let many = declared(r#"{"m":"many.x"}"#).expect("fields");
        let found = values(&flow, &schema, &record);
        assert_eq!(found.first().map(|field| (field.name.as_str(), field.value.as_str())), Some(("n", "A")));
        assert_eq!(found.get(1).map(|field| field.value.clone()), Some("ä".repeat(255)));
        assert_eq!(found.len(), 2);
        let items: Vec<_> = (0..20).map(|x| serde_json::json!({"x": x})).collect();
        assert_eq!(values(&many, &Fields::default(), &serde_json::json!({"many": items})).len(), MOST_VALUES);
    }
}

//! Values that are text on the wire: JSON's scalars by their simple types, and back.
//! It knows nothing of elements; what a value is part of says where it stands.

use serde_json::Value;

use super::schema::{Kind, Name, Schema, Simple, Type};
use super::service::list;
use crate::soap::wsdl::canonical::XSD;

/// A JSON scalar as it would stand in any text.
pub(super) fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Types that narrow, list or unite each other in a row.
const LINE: usize = 32;

/// The text of a value of that type, or what is wrong with it.
pub(super) fn kind_text(schema: &Schema, kind: &Kind, value: &Value, depth: usize) -> Result<String, String> {
    match schema.resolve(kind) {
        Ok(Type::Simple(simple)) => text_of(schema, simple, value, depth),
        // The text of a structure that is text with attributes.
        Ok(Type::Complex(complex)) if depth < LINE => {
            match schema.layout(complex).ok().and_then(|layout| layout.text) {
                Some(kind) => kind_text(schema, kind, value, depth + 1),
                None => Err("is of a type that has no text".to_owned()),
            }
        }
        Ok(Type::Any) if !value.is_object() && !value.is_array() => Ok(scalar_text(value)),
        Ok(_) => Err("is of a type that has no text".to_owned()),
        Err(error) => Err(format!("cannot be written: {error}")),
    }
}

/// The text of a value of a simple type, or what is wrong with it.
pub(super) fn text_of(schema: &Schema, simple: &Simple, value: &Value, depth: usize) -> Result<String, String> {
    if depth > LINE {
        return Err("is of a type that narrows itself".to_owned());
    }
    match simple {
        Simple::Builtin(builtin) => builtin.write(value),
        Simple::Narrowed { base, values } => {
            let text = kind_text(schema, base, value, depth + 1)?;
            if values.is_empty() || values.contains(&text) {
                return Ok(text);
            }
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            Err(format!("must be one of: {}", list(&values)))
        }
        Simple::List(item) => {
            let Value::Array(values) = value else { return Err(format!("must be an array (list of {item})")) };
            let words: Result<Vec<_>, _> =
                values.iter().map(|value| kind_text(schema, item, value, depth + 1)).collect();
            Ok(words?.join(" "))
        }
        Simple::Union(members) => {
            let mut texts = members.iter().map(|member| kind_text(schema, member, value, depth + LINE / 2));
            let names: Vec<String> = members.iter().map(Kind::to_string).collect();
            texts.find_map(Result::ok).ok_or_else(|| format!("is of none of the types {}", names.join(", ")))
        }
    }
}

/// The type of XML Schema's own that a type without a name comes from.
pub(super) fn builtin_name(schema: &Schema, simple: &Simple) -> Name {
    let mut simple = simple;
    for _ in 0..LINE {
        simple = match simple {
            Simple::Builtin(builtin) => return Name::new(XSD, builtin.name),
            Simple::Narrowed { base: Kind::Named(name), .. } => return name.clone(),
            Simple::Narrowed { base, .. } => match schema.resolve(base) {
                Ok(Type::Simple(simple)) => simple,
                _ => break,
            },
            Simple::List(_) | Simple::Union(_) => break,
        };
    }
    Name::new(XSD, "string")
}

/// The JSON value of a simple type's text.
pub(super) fn scalar(schema: &Schema, simple: &Simple, text: &str, depth: usize) -> Value {
    if depth > LINE {
        return text.into();
    }
    let by = |kind, text: &str| match schema.resolve(kind) {
        Ok(Type::Simple(simple)) => scalar(schema, simple, text, depth + 1),
        _ => text.into(),
    };
    match simple {
        Simple::Builtin(builtin) => builtin.read(text),
        Simple::Narrowed { base, .. } => by(base, text),
        Simple::List(item) => text.split_whitespace().map(|word| by(item, word)).collect(),
        Simple::Union(_) => text.into(),
    }
}

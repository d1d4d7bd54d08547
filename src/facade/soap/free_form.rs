//! Free-form structures as JSON: what document 003's introduction sends as `Customer`.

use serde_json::{Map, Number, Value as Json};

use crate::error::{Error, Result};
use crate::soap::encoded::Value;

/// Structures within each other; references could otherwise nest one in itself without end.
const DEPTH: usize = 64;

/// The structure as a JSON object: members by name, repeated ones as an array, numbers and booleans where their
/// `xsi:type` says so, everything else as text.
/// # Errors
/// A value that cannot be read, or that is nested too deeply.
pub fn to_json(value: Value<'_>) -> Result<Json> {
    convert(value, DEPTH)
}

fn convert(value: Value<'_>, depth: usize) -> Result<Json> {
    let deeper =
        depth.checked_sub(1).ok_or_else(|| Error::invalid(format!("The input is nested more than {DEPTH} deep")))?;
    if let Some(items) = value.items()? {
        return items.into_iter().map(|item| convert(item, deeper)).collect();
    }
    if !value.is_structure() {
        return scalar(value);
    }
    let mut object = Map::new();
    for (name, member) in value.members()? {
        let member = member.map_or(Ok(Json::Null), |member| convert(member, deeper))?;
        match object.get_mut(&*name) {
            None => drop(object.insert(name.into_owned(), member)),
            Some(Json::Array(several)) => several.push(member),
            Some(first) => *first = Json::Array(vec![first.take(), member]),
        }
    }
    Ok(Json::Object(object))
}

fn scalar(value: Value<'_>) -> Result<Json> {
    let text = value.text()?;
    let typed = match value.type_name() {
        Some("boolean") => match text.trim() {
            "true" | "1" => Some(Json::Bool(true)),
            "false" | "0" => Some(Json::Bool(false)),
            _ => None,
        },
        Some("int" | "integer" | "long" | "short" | "byte" | "decimal" | "double" | "float") => {
            text.trim().parse::<Number>().ok().map(Json::Number)
        }
        _ => None,
    };
    Ok(typed.unwrap_or_else(|| Json::String(text.into_owned())))
}

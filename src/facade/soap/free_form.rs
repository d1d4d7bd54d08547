//! Free-form structures as JSON: what document 003's introduction sends as `Customer`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Number;

use crate::error::{Error, Result};
use crate::soap::encoded::Value;

/// Structures within each other; references could otherwise nest one in itself without end.
const DEPTH: usize = 64;

/// The structure as the text of a JSON object: members by name, repeated ones as an array, numbers and booleans where
/// their `xsi:type` says so, everything else as text.
/// # Errors
/// A value that cannot be read, or that is nested too deeply.
pub fn to_json(value: Value<'_>) -> Result<String> {
    let mut json = String::new();
    write(&mut json, Some(value), DEPTH)?;
    Ok(json)
}

/// Text rather than a tree, which would take a hundred bytes for each of the shortest members.
fn write(json: &mut String, value: Option<Value<'_>>, depth: usize) -> Result<()> {
    let deeper =
        depth.checked_sub(1).ok_or_else(|| Error::invalid(format!("The input is nested more than {DEPTH} deep")))?;
    let Some(value) = value else {
        json.push_str("null");
        return Ok(());
    };
    if let Some(items) = value.items()? {
        return write_array(json, items.into_iter().map(Some), deeper);
    }
    match value.is_structure() {
        true => write_object(json, &value.members()?, deeper),
        false => write_scalar(json, value),
    }
}

fn write_array<'c>(json: &mut String, items: impl Iterator<Item = Option<Value<'c>>>, depth: usize) -> Result<()> {
    json.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(json, item, depth)?;
    }
    json.push(']');
    Ok(())
}

type Member<'c> = (Cow<'c, str>, Option<Value<'c>>);

fn write_object(json: &mut String, members: &[Member<'_>], depth: usize) -> Result<()> {
    json.push('{');
    for (index, (name, values)) in by_name(members).into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_text(json, name)?;
        json.push(':');
        match values.as_slice() {
            [value] => write(json, *value, depth)?,
            _ => write_array(json, values.into_iter(), depth)?,
        }
    }
    json.push('}');
    Ok(())
}

/// Each name with the values it has, in the order of the names' first occurrences.
fn by_name<'m, 'c>(members: &'m [Member<'c>]) -> Vec<(&'m str, Vec<Option<Value<'c>>>)> {
    let mut places = HashMap::with_capacity(members.len());
    let mut found: Vec<(&str, Vec<Option<Value<'c>>>)> = Vec::new();
    for (name, value) in members {
        let place = *places.entry(&**name).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, values)) => values.push(*value),
            None => found.push((name, vec![*value])),
        }
    }
    found
}

fn write_scalar(json: &mut String, value: Value<'_>) -> Result<()> {
    let text = value.text()?;
    let typed = match value.type_name() {
        Some("boolean") => match text.trim() {
            "true" | "1" => Some("true".to_owned()),
            "false" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Some("int" | "integer" | "long" | "short" | "byte" | "decimal" | "double" | "float") => {
            text.trim().parse::<Number>().ok().map(|number| number.to_string())
        }
        _ => None,
    };
    match typed {
        Some(typed) => json.push_str(&typed),
        None => write_text(json, &text)?,
    }
    Ok(())
}

fn write_text(json: &mut String, text: &str) -> Result<()> {
    json.push_str(&serde_json::to_string(text).map_err(Error::internal)?);
    Ok(())
}

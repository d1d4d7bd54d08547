//! A JSON value taken apart by one level, with what is in it as it is written: no number changes on the way.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A value and what is in it.
pub enum Parts<'j> {
    /// An object's members, in their order.
    Object(Vec<(String, &'j RawValue)>),
    /// An array's items.
    Array(Vec<&'j RawValue>),
    /// A text, a number, a truth value or null.
    Plain,
}

/// Takes a JSON text apart.
/// # Errors
/// Text that is not JSON; of a plain value that is not looked at.
pub fn parts(json: &str) -> serde_json::Result<Parts<'_>> {
    match json.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => serde_json::Deserializer::from_str(json).deserialize_any(Taker),
        _ => Ok(Parts::Plain),
    }
}

/// An object of members that are JSON texts already.
pub fn object<'m>(members: impl Iterator<Item = (&'m str, String)>) -> String {
    let members: Vec<String> =
        members.map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name))).collect();
    format!("{{{}}}", members.join(","))
}

struct Taker;

impl<'de> Visitor<'de> for Taker {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Parts::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Parts<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Parts::Array(items))
    }
}

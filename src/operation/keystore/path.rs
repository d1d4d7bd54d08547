//! Ways into a JSON value: names and numbers with dots between them, such as `days.0.max`. Texts are read and changed as they
//! are written, so that what a way does not lead to stays as it was, digit by digit.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Code, Error, Result};
use crate::operation::json::parts::{Parts, object, parts};

/// Names on one way.
const DEEPEST: usize = 32;
/// Bytes of a way.
const LONGEST: usize = 1_024;

/// A way into a JSON value; an item of an array is named by its place, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<String>);

impl JsonPath {
    /// Reads a way.
    /// # Errors
    /// `InvalidInput` that names the field: an empty name, or too many of them.
    pub fn parse(field: &str, text: &str) -> Result<JsonPath> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        let fits = text.len() <= LONGEST && names.len() <= DEEPEST && names.iter().all(|name| !name.is_empty());
        match fits && !text.chars().any(char::is_control) {
            true => Ok(JsonPath(names)),
            false => Err(Error::invalid(format!(
                "{field} must be key, or from 1 to {DEEPEST} names with dots between them, such as temp.max"
            ))),
        }
    }

    /// The JSON text at the end of the way, as it is written; `None` if the way does not lead that far.
    pub fn find<'j>(&self, json: &'j str) -> Option<&'j str> {
        Finder(&self.0).deserialize(&mut serde_json::Deserializer::from_str(json)).ok().flatten()
    }

    /// The JSON text with another value at the end of the way. Objects that are missing on the way are made.
    /// # Errors
    /// `Conflict` if there is something on the way that has no members, or not that item.
    pub fn replaced(&self, json: &str, value: &str) -> Result<String> {
        replaced(json, &self.0, 0, value)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

fn replaced(json: &str, path: &[String], depth: usize, value: &str) -> Result<String> {
    let Some(name) = path.get(depth) else { return Ok(value.to_owned()) };
    match parts(json).map_err(Error::internal)? {
        Parts::Object(members) => {
            let mut is_there = false;
            let mut changed = Vec::with_capacity(members.len() + 1);
            for (known, member) in &members {
                let text = match known == name {
                    true => {
                        is_there = true;
                        replaced(member.get(), path, depth + 1, value)?
                    }
                    false => member.get().to_owned(),
                };
                changed.push((known.as_str(), text));
            }
            if !is_there {
                changed.push((name, replaced("null", path, depth + 1, value)?));
            }
            Ok(object(changed.into_iter()))
        }
        Parts::Array(items) => {
            let place = name.parse::<usize>().ok().filter(|place| *place < items.len());
            let place = place.ok_or_else(|| astray(path, depth, "is an array without that item"))?;
            let item = |(at, item): (usize, &&RawValue)| match at == place {
                true => replaced(item.get(), path, depth + 1, value),
                false => Ok(item.get().to_owned()),
            };
            let items = items.iter().enumerate().map(item).collect::<Result<Vec<_>>>()?;
            Ok(format!("[{}]", items.join(",")))
        }
        Parts::Plain if json.trim() == "null" => {
            Ok(object(std::iter::once((name.as_str(), replaced("null", path, depth + 1, value)?))))
        }
        Parts::Plain => Err(astray(path, depth, "is a single value and has no members")),
    }
}

/// What stands in the way before the name at that place.
fn astray(path: &[String], depth: usize, what: &str) -> Error {
    let before = path.get(..depth).unwrap_or_default().join(".");
    let place = if before.is_empty() { "The package".to_owned() } else { format!("'{before}'") };
    Error::new(Code::Conflict, format!("'{}' cannot be reached: {place} {what}", path.join(".")))
}

/// Looks for the end of a way.
struct Finder<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Finder<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Option<&'de str>, D::Error> {
        match self.0.is_empty() {
            true => <&RawValue as serde::Deserialize>::deserialize(deserializer).map(|raw| Some(raw.get())),
            false => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Finder<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Option<&'de str>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Option<&'de str>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Option<&'de str>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Option<&'de str>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Option<&'de str>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> std::result::Result<Option<&'de str>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Option<&'de str>, A::Error> {
        let Some((name, rest)) = self.0.split_first() else { return Ok(None) };
        let wanted = name.parse::<usize>().ok();
        let (mut found, mut place) = (None, 0);
        loop {
            if wanted == Some(place) {
                let Some(item) = items.next_element_seed(Finder(rest))? else { return Ok(None) };
                found = item;
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            place += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Option<&'de str>, A::Error> {
        let Some((name, rest)) = self.0.split_first() else { return Ok(None) };
        let mut found = None;
        while let Some(known) = members.next_key::<String>()? {
            match known == *name {
                true => found = members.next_value_seed(Finder(rest))?,
                false => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> JsonPath {
        JsonPath::parse("field", text).expect(text)
    }

    #[test]
    fn what_a_way_leads_to_is_taken_as_it_is_written() {
        let json =
            r#"{"temp":{"max":24.50,"days":[{"max":1},{"max":12345678901234567890123}]},"a\u0062":"x","n":null}"#;
        for (way, found) in [
            ("temp.max", Some("24.50")),
            ("temp.days.1.max", Some("12345678901234567890123")),
            ("temp.days.2.max", None),
            ("temp.days.max", None),
            ("ab", Some("\"x\"")),
            ("n", Some("null")),
            ("n.deeper", None),
            ("temp.max.deeper", None),
            ("missing", None),
        ] {
            assert_eq!(path(way).find(json), found, "{way}");
        }
        assert_eq!(path("a").find("24"), None);
    }

    #[test]
    fn what_a_way_does_not_lead_to_stays_as_it_was() {
        let json = r#"{"a":{"n":1,"big":12345678901234567890123},"list":[1,{"n":2.50}]}"#;
        for (way, changed) in [
            ("a.n", r#"{"a":{"n":7,"big":12345678901234567890123},"list":[1,{"n":2.50}]}"#),
            ("list.1.n", r#"{"a":{"n":1,"big":12345678901234567890123},"list":[1,{"n":7}]}"#),
            ("b.c", r#"{"a":{"n":1,"big":12345678901234567890123},"list":[1,{"n":2.50}],"b":{"c":7}}"#),
        ] {
            assert_eq!(path(way).replaced(json, "7").expect(way), changed);
        }
        for (way, reason) in [
            ("a.n.x", "'a.n.x' cannot be reached: 'a.n' is a single value and has no members"),
            ("list.2", "'list.2' cannot be reached: 'list' is an array without that item"),
        ] {
            assert_eq!(path(way).replaced(json, "7").expect_err(way).message(), reason);
        }
        assert!(path("a").replaced("5", "7").expect_err("no members").message().contains("The package is a single"));
    }

    #[test]
    fn ways_are_names_with_dots_between_them() {
        for text in ["", ".", "a..b", "a.", "a\nb", &"a.".repeat(40), &"a".repeat(2_000)] {
            let error = JsonPath::parse("where.rules[0].field", text).expect_err(text);
            assert!(error.message().starts_with("where.rules[0].field must be key, or"), "{error}");
        }
    }
}

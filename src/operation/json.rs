//! JSON texts from outside, looked through before they are taken apart: in memory a value takes up to a hundred times
//! the room of its text, so values are counted, and a list's items are taken as texts. What JSON leaves open is decided
//! here, once for texts that are only checked and for those that become values. It does not know what a text is for.

pub mod parts;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Values that a record may hold: members of objects and items of arrays, however deep.
pub const MOST_VALUES: usize = 100_000;
/// Arrays and objects within each other; the parser counts them.
pub const DEPTH: usize = 127;
/// Names up to which comparing a number for each with each is faster than a table of them. A client that knows how the
/// numbers are made gains no more than that many comparisons.
const FEW_NAMES: usize = 64;
/// Characters of a name in a message, and of a place.
const CLIP: usize = 100;

/// Checks that the text is JSON of at most so many values.
/// # Errors
/// Text that is not JSON, has two members of one name in an object, a number that no double comes near, or too many
/// values within each other or in all.
pub fn check(field: &str, text: &str, most: usize) -> Result<()> {
    read(field, text, most)
}

/// Reads the text as a JSON value.
/// # Errors
/// As for [`check`].
pub fn parse(field: &str, text: &str, most: usize) -> Result<Value> {
    read(field, text, most)
}

fn read<'de, M: Made<'de>>(field: &str, text: &'de str, most: usize) -> Result<M> {
    let notes = Notes { left: Cell::new(most), many: Cell::new(false), twice: RefCell::new(None) };
    let mut reading = serde_json::Deserializer::from_str(text);
    let value = Seed { notes: &notes, made: PhantomData }.deserialize(&mut reading);
    let value = value.and_then(|value| reading.end().map(|()| value));
    value.map_err(|error| match notes.twice.take() {
        Some(twice) => Error::invalid(format!("{field} has {twice}")),
        None if notes.many.get() => Error::invalid(format!("{field} holds more than {most} JSON values")),
        None => refusal(field, text, &error),
    })
}

/// The items of a JSON array as they are written; if there are more than `most`, then one more than that.
/// # Errors
/// Text that is not a JSON array.
pub fn items<'t>(field: &str, text: &'t str, most: usize) -> Result<Vec<&'t str>> {
    let mut reading = serde_json::Deserializer::from_str(text);
    let items = reading.deserialize_seq(Items { most }).and_then(|items| reading.end().map(|()| items));
    items.map_err(|error| refusal(field, text, &error))
}

/// The text without the white space around it that JSON allows; there is less of it than elsewhere.
pub fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// Whether the text is a number as JSON writes it, and nothing else.
pub fn is_number(text: &str) -> bool {
    let is_framed =
        text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit());
    is_framed && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn refusal(field: &str, text: &str, error: &serde_json::Error) -> Error {
    let place = format!("at line {} column {}", error.line(), error.column());
    let described = error.to_string();
    Error::invalid(match described.as_str() {
        _ if text.starts_with('\u{FEFF}') => {
            format!("{field} is not valid JSON: it begins with a byte order mark; leave that out")
        }
        // The parser has no other way to tell these from what is wrong with the text.
        words if words.starts_with("recursion limit exceeded") => {
            format!("{field} is nested more than {DEPTH} deep {place}")
        }
        words if words.starts_with("number out of range") => {
            format!("{field} holds a number larger than 1.8e308 {place}")
        }
        words => format!("{field} is not valid JSON: {words}"),
    })
}

fn clip(text: &str) -> String {
    let mut clipped: String = text.chars().take(CLIP).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(CLIP).is_some() {
        clipped.push('…');
    }
    clipped
}

/// What is remembered while a text is read.
struct Notes {
    left: Cell<usize>,
    many: Cell<bool>,
    twice: RefCell<Option<Twice>>,
}

impl Notes {
    /// While a text is given up because of a repeated name, each value on the way out says where it was.
    fn leave(&self, step: impl fmt::Display) {
        if let Some(twice) = &mut *self.twice.borrow_mut() {
            twice.path.push(step.to_string());
        }
    }
}

/// A name that an object has twice.
struct Twice {
    name: String,
    /// From the inside out.
    path: Vec<String>,
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.path.iter().rev().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")));
        let place: String = steps.collect();
        let place = if place.is_empty() { "/" } else { &place };
        write!(f, "the member '{}' twice at {}", clip(&self.name), clip(place))
    }
}

/// What a value becomes: nothing, if it is only checked, or a [`Value`].
trait Made<'de>: Sized {
    type Items: Default;
    type Members: Default;

    fn scalar(value: impl Into<Value>) -> Self;
    fn text(text: &str) -> Self;
    fn put_item(items: &mut Self::Items, item: Self);
    fn array(items: Self::Items) -> Self;
    fn object(members: Self::Members) -> Self;

    /// Reads a member, unless there is one of that name; `name` is told which one it was if that fails.
    fn put_member<E>(
        members: &mut Self::Members,
        name: Cow<'de, str>,
        value: impl FnOnce() -> std::result::Result<Self, E>,
        failed: impl FnOnce(&str, Option<E>) -> E,
    ) -> std::result::Result<(), E>;
}

impl<'de> Made<'de> for () {
    type Items = ();
    type Members = Names<'de>;

    fn scalar(_: impl Into<Value>) {}

    fn text(_: &str) {}

    fn put_item((): &mut (), (): ()) {}

    fn array((): ()) {}

    fn object(_: Names<'de>) {}

    fn put_member<E>(
        members: &mut Names<'de>,
        name: Cow<'de, str>,
        value: impl FnOnce() -> std::result::Result<(), E>,
        failed: impl FnOnce(&str, Option<E>) -> E,
    ) -> std::result::Result<(), E> {
        if members.has(&name) {
            return Err(failed(&name, None));
        }
        value().map_err(|error| failed(&name, Some(error)))?;
        members.put(name);
        Ok(())
    }
}

impl<'de> Made<'de> for Value {
    type Items = Vec<Value>;
    type Members = Map<String, Value>;

    fn scalar(value: impl Into<Value>) -> Value {
        value.into()
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn put_item(items: &mut Vec<Value>, item: Value) {
        items.push(item);
    }

    fn array(items: Vec<Value>) -> Value {
        Value::Array(items)
    }

    fn object(members: Map<String, Value>) -> Value {
        Value::Object(members)
    }

    fn put_member<E>(
        members: &mut Map<String, Value>,
        name: Cow<'de, str>,
        value: impl FnOnce() -> std::result::Result<Value, E>,
        failed: impl FnOnce(&str, Option<E>) -> E,
    ) -> std::result::Result<(), E> {
        match members.entry(name) {
            Entry::Occupied(there) => Err(failed(there.key(), None)),
            Entry::Vacant(free) => match value() {
                Ok(value) => {
                    free.insert(value);
                    Ok(())
                }
                Err(error) => Err(failed(free.key(), Some(error))),
            },
        }
    }
}

/// The names of an object's members so far.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    /// A number for each of the few.
    prints: Vec<u64>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    fn has(&self, name: &str) -> bool {
        match self.many.is_empty() {
            true => self.prints.contains(&print(name)) && self.few.iter().any(|known| known == name),
            false => self.many.contains(name),
        }
    }

    fn put(&mut self, name: Cow<'de, str>) {
        if self.many.is_empty() && self.few.len() < FEW_NAMES {
            self.prints.push(print(&name));
            return self.few.push(name);
        }
        self.many.extend(self.few.drain(..));
        self.many.insert(name);
    }
}

/// A number that two different names rarely share (FNV-1a).
fn print(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |print, byte| (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Reads any value.
struct Seed<'n, M> {
    notes: &'n Notes,
    made: PhantomData<M>,
}

impl<M> Clone for Seed<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Seed<'_, M> {}

impl<'de, M: Made<'de>> DeserializeSeed<'de> for Seed<'_, M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<M, D::Error> {
        let Some(left) = self.notes.left.get().checked_sub(1) else {
            self.notes.many.set(true);
            return Err(D::Error::custom("too many values"));
        };
        self.notes.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Made<'de>> Visitor<'de> for Seed<'_, M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, truth: bool) -> std::result::Result<M, E> {
        Ok(M::scalar(truth))
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<M, E> {
        Ok(M::scalar(number))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<M, E> {
        Ok(M::scalar(number))
    }

    fn visit_f64<E>(self, number: f64) -> std::result::Result<M, E> {
        Ok(M::scalar(number))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<M, E> {
        Ok(M::text(text))
    }

    fn visit_unit<E>(self) -> std::result::Result<M, E> {
        Ok(M::scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> std::result::Result<M, A::Error> {
        let mut items = M::Items::default();
        let mut index = 0_usize;
        while let Some(item) = access.next_element_seed(self).inspect_err(|_| self.notes.leave(index))? {
            M::put_item(&mut items, item);
            index += 1;
        }
        Ok(M::array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<M, A::Error> {
        let mut members = M::Members::default();
        while let Some(name) = access.next_key_seed(NameSeed)? {
            let value = || access.next_value_seed(self);
            M::put_member(&mut members, name, value, |name, error| match error {
                Some(error) => {
                    self.notes.leave(name);
                    error
                }
                None => {
                    self.notes.twice.replace(Some(Twice { name: name.to_owned(), path: Vec::new() }));
                    A::Error::custom("a member twice")
                }
            })?;
        }
        Ok(M::object(members))
    }
}

/// Reads a member's name, as it is written where it has no escapes.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> std::result::Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

struct Items {
    most: usize,
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Vec<&'de str>, A::Error> {
        let mut texts = Vec::new();
        while texts.len() <= self.most {
            let Some(item) = items.next_element::<&RawValue>()? else { return Ok(texts) };
            texts.push(item.get());
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_check_accepts_is_what_the_parser_accepts() {
        for text in [
            "{}",
            " [1, -2, 3.5e3, true, null, \"a\\u00e9\"] ",
            "{\"a\":{\"b\":[[]]}}",
            "\"\"",
            "0",
            "1e400",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1 \"b\":2}",
            "",
            " ",
            "[",
            "nul",
            "01",
            "{} {}",
            "\"\\ud800\"",
            "\u{FEFF}{}",
            "{1:2}",
            "'a'",
            "\"\u{1}\"",
            "NaN",
            "{\"\\ud800\":1}",
            "{\"\\u00e9\":1}",
            "{\"\\x\":1}",
        ] {
            let plain = serde_json::from_str::<Value>(text).ok();
            assert_eq!(parse("Data", text, MOST_VALUES).ok(), plain, "{text}");
            assert_eq!(check("Data", text, MOST_VALUES).is_ok(), plain.is_some(), "{text}");
        }
        for deep in [100, 200, 100_000] {
            let text = "[".repeat(deep) + &"]".repeat(deep);
            assert_eq!(
                check("Data", &text, MOST_VALUES).is_ok(),
                serde_json::from_str::<Value>(&text).is_ok(),
                "{deep}"
            );
        }
    }

    #[test]
    fn values_are_counted_however_they_are_nested() {
        let many = |count: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(count - 3));
        assert!(check("Data", &many(MOST_VALUES), MOST_VALUES).is_ok());
        assert!(parse("Data", &many(MOST_VALUES), MOST_VALUES).is_ok());
        for text in [many(MOST_VALUES + 1), many(3_000_000), format!("[{}{{}}]", "{},".repeat(MOST_VALUES))] {
            for error in [check("Data", &text, MOST_VALUES).err(), parse("Data", &text, MOST_VALUES).err()] {
                assert_eq!(error.expect("a refusal").message(), "Data holds more than 100000 JSON values");
            }
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_with_its_place() {
        let wide = |last: &str| {
            let names: Vec<_> = (0..100).map(|n| format!("\"n{n}\":{{\"a\":0}}")).collect();
            format!("[0,{{{},\"{last}\":1}}]", names.join(","))
        };
        for (text, told) in [
            (r#"{"a":1,"a":1}"#.to_owned(), "the member 'a' twice at /"),
            (r#"{"a":1,"\u0061":2}"#.to_owned(), "the member 'a' twice at /"),
            (r#"{"client":[{"a":{},"b":[],"a":null}]}"#.to_owned(), "the member 'a' twice at /client/0"),
            (r#"{"x":0,"a/b":{"~":[0,1,{"":1,"":2}]}}"#.to_owned(), "the member '' twice at /a~1b/~0/2"),
            (wide("n0"), "the member 'n0' twice at /1"),
            (wide("n99"), "the member 'n99' twice at /1"),
        ] {
            for error in [check("Data", &text, 1_000).err(), parse("Data", &text, 1_000).err()] {
                assert_eq!(error.expect(told).message(), format!("Data has {told}"));
            }
        }
        for text in [r#"{"a":{"a":{"a":1}},"b":{"a":1},"A":[{"a":1},{"a":1}]}"#, &wide("n100")] {
            assert!(check("Data", text, 1_000).is_ok() && parse("Data", text, 1_000).is_ok(), "{text}");
        }
        let long = format!("{{\"{0}\":1,\"{0}\":1}}", "\\u0001".repeat(10_000));
        let told = check("Data", &long, 1_000).expect_err("a refusal").to_string();
        assert!(told.chars().count() < 200 && !told.contains('\u{1}'), "{told}");
    }

    #[test]
    fn what_is_too_much_is_told_apart_from_what_is_no_json() {
        for (text, told) in [
            ("[".repeat(DEPTH + 1) + &"]".repeat(DEPTH + 1), "Data is nested more than 127 deep at line 1 column 128"),
            ("[1e999]".to_owned(), "Data holds a number larger than 1.8e308 at line 1 column 6"),
            ("\u{FEFF}{}".to_owned(), "Data is not valid JSON: it begins with a byte order mark; leave that out"),
            ("{]".to_owned(), "Data is not valid JSON: key must be a string at line 1 column 2"),
        ] {
            assert_eq!(check("Data", &text, 1_000).expect_err(told).message(), told);
            assert_eq!(parse("Data", &text, 1_000).expect_err(told).message(), told);
        }
        assert!(check("Data", &("[".repeat(DEPTH) + &"]".repeat(DEPTH)), 1_000).is_ok());
    }

    #[test]
    fn items_are_texts_and_no_more_than_asked_for() {
        assert_eq!(items("Data", " [ {\"a\": 1} , 2,[ 3 ]] ", 10).expect("items"), ["{\"a\": 1}", "2", "[ 3 ]"]);
        assert_eq!(items("Data", "[1,2,3,4,5]", 2).expect("items").len(), 3);
        for text in ["[1,2", "[1] 2", "{}", "[1,2,3,4,x]", "[1,,2]"] {
            assert!(items("Data", text, 2).is_err(), "{text}");
        }
    }
}

//! JSON texts from outside, looked through before they are taken apart: in memory a value takes up to a hundred times
//! the room of its text, so values are counted, and a list's items are taken as texts.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// Values that a record may hold: members of objects and items of arrays, however deep.
pub const MOST_VALUES: usize = 100_000;

/// Checks that the text is JSON of at most so many values.
/// # Errors
/// Text that is not JSON, or holds too many values.
pub fn check(field: &str, text: &str, most: usize) -> Result<()> {
    let values = Cell::new(0);
    let mut reading = serde_json::Deserializer::from_str(text);
    let read = Count(&values).deserialize(&mut reading).and_then(|()| reading.end());
    read.map_err(|error| refusal(field, &error))?;
    match values.get() > most {
        true => Err(Error::invalid(format!("{field} holds more than {most} JSON values"))),
        false => Ok(()),
    }
}

/// Reads the text as a JSON value.
/// # Errors
/// As for [`check`].
pub fn parse(field: &str, text: &str, most: usize) -> Result<Value> {
    // Every value but the outermost one takes two characters at least.
    if text.len() / 2 >= most {
        check(field, text, most)?;
    }
    serde_json::from_str(text).map_err(|error| refusal(field, &error))
}

/// The items of a JSON array as they are written; if there are more than `most`, then one more than that.
/// # Errors
/// Text that is not a JSON array.
pub fn items<'t>(field: &str, text: &'t str, most: usize) -> Result<Vec<&'t str>> {
    let mut reading = serde_json::Deserializer::from_str(text);
    let items = reading.deserialize_seq(Items { most }).and_then(|items| reading.end().map(|()| items));
    items.map_err(|error| refusal(field, &error))
}

fn refusal(field: &str, error: &serde_json::Error) -> Error {
    Error::invalid(format!("{field} is not valid JSON: {error}"))
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

/// Reads any value and forgets it, but for its being there.
#[derive(Clone, Copy)]
struct Count<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        self.0.set(self.0.get() + 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<(), A::Error> {
        while members.next_key::<IgnoredAny>()?.is_some() {
            members.next_value_seed(self)?;
        }
        Ok(())
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
            assert_eq!(check("Data", text, MOST_VALUES).is_ok(), serde_json::from_str::<Value>(text).is_ok(), "{text}");
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
    fn items_are_texts_and_no_more_than_asked_for() {
        assert_eq!(items("Data", " [ {\"a\": 1} , 2,[ 3 ]] ", 10).expect("items"), ["{\"a\": 1}", "2", "[ 3 ]"]);
        assert_eq!(items("Data", "[1,2,3,4,5]", 2).expect("items").len(), 3);
        for text in ["[1,2", "[1] 2", "{}", "[1,2,3,4,x]", "[1,,2]"] {
            assert!(items("Data", text, 2).is_err(), "{text}");
        }
    }
}

//! Plain values: what fields hold and rules compare them with, and their order.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// Up to here, every whole number is a double.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A plain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scalar<'v> {
    /// Nothing: null, or absent.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number; never infinite, never not a number.
    Float(f64),
    /// A text.
    Text(Cow<'v, str>),
}

impl<'v> Scalar<'v> {
    /// A JSON value as a plain one; a whole number beyond 64 bits is the nearest one that a double has. `None` for an array
    /// or an object.
    pub fn of_json(value: &'v Value) -> Option<Scalar<'v>> {
        match value {
            Value::Null => Some(Scalar::Null),
            Value::Bool(truth) => Some(Scalar::Boolean(*truth)),
            Value::Number(number) => Scalar::of_number(number),
            Value::String(text) => Some(Scalar::Text(Cow::Borrowed(text))),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Reads a plain value that is written as JSON.
    pub fn parse(text: &str) -> Option<Scalar<'static>> {
        let value: Value = serde_json::from_str(text).ok()?;
        Scalar::of_json(&value).map(Scalar::into_owned)
    }

    /// The value as JSON. A float that is a whole number is written without a point.
    pub fn to_json(&self) -> Value {
        match self {
            Scalar::Null => Value::Null,
            Scalar::Boolean(truth) => Value::Bool(*truth),
            Scalar::Integer(number) => Value::from(*number),
            #[expect(clippy::cast_possible_truncation, reason = "it has nothing behind the point, and 53 bits before")]
            Scalar::Float(number) if number.fract() == 0.0 && number.abs() <= MOST_EXACT => Value::from(*number as i64),
            Scalar::Float(number) => Value::from(*number),
            Scalar::Text(text) => Value::from(&**text),
        }
    }

    /// The same, with its text as its own.
    pub fn into_owned(self) -> Scalar<'static> {
        match self {
            Scalar::Null => Scalar::Null,
            Scalar::Boolean(truth) => Scalar::Boolean(truth),
            Scalar::Integer(number) => Scalar::Integer(number),
            Scalar::Float(number) => Scalar::Float(number),
            Scalar::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
        }
    }

    /// Whether it is null or `""`.
    pub fn is_empty(&self) -> bool {
        match self {
            Scalar::Null => true,
            Scalar::Text(text) => text.is_empty(),
            Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Float(_) => false,
        }
    }

    /// The number that it is, or that its text is as JSON writes one: an integer, or else a float. `None` if it is none.
    pub fn to_number(&self) -> Option<Scalar<'static>> {
        match self {
            Scalar::Integer(number) => Some(Scalar::Integer(*number)),
            Scalar::Float(number) => Some(Scalar::Float(*number)),
            Scalar::Text(text) => {
                let begins = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
                // The parser would pass over white space.
                let is_framed = begins && text.ends_with(|last: char| last.is_ascii_digit());
                let number: Option<Number> = is_framed.then(|| serde_json::from_str(text).ok()).flatten();
                number.as_ref().and_then(Scalar::of_number)
            }
            Scalar::Null | Scalar::Boolean(_) => None,
        }
    }

    /// The value's text: a number's digits as JSON writes them, without a point that has nothing behind it.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Scalar::Null => Cow::Borrowed(""),
            Scalar::Boolean(true) => Cow::Borrowed("true"),
            Scalar::Boolean(false) => Cow::Borrowed("false"),
            Scalar::Integer(number) => Cow::Owned(number.to_string()),
            Scalar::Float(number) => {
                let text = Value::from(*number).to_string();
                Cow::Owned(text.strip_suffix(".0").map(str::to_owned).unwrap_or(text))
            }
            Scalar::Text(text) => Cow::Borrowed(text),
        }
    }

    fn of_number(number: &Number) -> Option<Scalar<'static>> {
        let float = || number.as_f64().filter(|number| number.is_finite()).map(Scalar::Float);
        number.as_i64().map(Scalar::Integer).or_else(float)
    }

    /// The order of two numbers; `None` if one of them is none.
    pub(super) fn compare_numbers(&self, other: &Scalar<'_>) -> Option<Ordering> {
        match (self.to_number()?, other.to_number()?) {
            (Scalar::Integer(one), Scalar::Integer(other)) => Some(one.cmp(&other)),
            (Scalar::Float(one), Scalar::Float(other)) => one.partial_cmp(&other),
            (Scalar::Integer(one), Scalar::Float(other)) => compare_mixed(one, other),
            (Scalar::Float(one), Scalar::Integer(other)) => compare_mixed(other, one).map(Ordering::reverse),
            _ => None,
        }
    }
}

impl From<&str> for Scalar<'static> {
    fn from(text: &str) -> Scalar<'static> {
        Scalar::Text(Cow::Owned(text.to_owned()))
    }
}

/// Compares without rounding the integer, as making a float of it would beyond 2^53.
fn compare_mixed(integer: i64, float: f64) -> Option<Ordering> {
    /// The first float above every integer; its negative is the least integer.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float >= BEYOND {
        return Some(Ordering::Less);
    }
    if float < -BEYOND {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within the bounds and has nothing behind the point")]
    let whole = float.trunc() as i64;
    let rest = 0.0.partial_cmp(&float.fract())?;
    Some(integer.cmp(&whole).then(rest))
}

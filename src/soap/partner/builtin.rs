//! The types of text that XML Schema brings along, and how their values look in JSON.
//! A number that JSON's own numbers cannot hold to its last digit stays text.

use serde_json::{Number, Value};

use crate::soap::encoded::decode_base64;

/// A type that XML Schema defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Builtin {
    /// Its name.
    pub(super) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    Decimal,
    /// The least and the greatest value, where there are any.
    Integer(Option<i128>, Option<i128>),
    Float,
    Base64,
    Hex,
    /// Names separated by white space.
    Tokens,
    /// `anySimpleType`: whatever JSON's scalars are.
    Any,
}

const fn of(name: &'static str, kind: Kind) -> Builtin {
    Builtin { name, kind }
}

const fn integer(name: &'static str, least: i128, greatest: i128) -> Builtin {
    Builtin { name, kind: Kind::Integer(Some(least), Some(greatest)) }
}

/// All of them.
pub(super) const BUILTINS: [Builtin; 46] = [
    of("string", Kind::Text),
    of("normalizedString", Kind::Text),
    of("token", Kind::Text),
    of("language", Kind::Text),
    of("Name", Kind::Text),
    of("NCName", Kind::Text),
    of("NMTOKEN", Kind::Text),
    of("NMTOKENS", Kind::Tokens),
    of("ID", Kind::Text),
    of("IDREF", Kind::Text),
    of("IDREFS", Kind::Tokens),
    of("ENTITY", Kind::Text),
    of("ENTITIES", Kind::Tokens),
    of("QName", Kind::Text),
    of("NOTATION", Kind::Text),
    of("anyURI", Kind::Text),
    of("date", Kind::Text),
    of("time", Kind::Text),
    of("dateTime", Kind::Text),
    of("dateTimeStamp", Kind::Text),
    of("duration", Kind::Text),
    of("gYear", Kind::Text),
    of("gYearMonth", Kind::Text),
    of("gMonth", Kind::Text),
    of("gMonthDay", Kind::Text),
    of("gDay", Kind::Text),
    of("boolean", Kind::Boolean),
    of("decimal", Kind::Decimal),
    of("float", Kind::Float),
    of("double", Kind::Float),
    of("integer", Kind::Integer(None, None)),
    of("nonPositiveInteger", Kind::Integer(None, Some(0))),
    of("negativeInteger", Kind::Integer(None, Some(-1))),
    of("nonNegativeInteger", Kind::Integer(Some(0), None)),
    of("positiveInteger", Kind::Integer(Some(1), None)),
    integer("long", i64::MIN as i128, i64::MAX as i128),
    integer("int", i32::MIN as i128, i32::MAX as i128),
    integer("short", i16::MIN as i128, i16::MAX as i128),
    integer("byte", i8::MIN as i128, i8::MAX as i128),
    integer("unsignedLong", 0, u64::MAX as i128),
    integer("unsignedInt", 0, u32::MAX as i128),
    integer("unsignedShort", 0, u16::MAX as i128),
    integer("unsignedByte", 0, u8::MAX as i128),
    of("base64Binary", Kind::Base64),
    of("hexBinary", Kind::Hex),
    of("anySimpleType", Kind::Any),
];

impl Builtin {
    /// The text of a JSON value.
    /// # Errors
    /// What the value must be, to follow its name in a sentence.
    pub(super) fn write(self, value: &Value) -> Result<String, String> {
        match (self.kind, value) {
            (Kind::Text, Value::String(text)) => Ok(text.clone()),
            (Kind::Boolean, Value::Bool(truth)) => Ok(truth.to_string()),
            (Kind::Decimal, _) => decimal(value).ok_or_else(|| self.expected("a number")),
            (Kind::Integer(least, greatest), _) => {
                let text = decimal(value).filter(|text| is_within(text, least, greatest));
                text.ok_or_else(|| self.expected(&range(least, greatest)))
            }
            (Kind::Float, Value::Number(number)) => Ok(number.to_string()),
            (Kind::Float, Value::String(text)) if matches!(text.as_str(), "NaN" | "INF" | "-INF") => Ok(text.clone()),
            (Kind::Float, Value::String(text)) if is_float(text.trim()) => Ok(text.trim().to_owned()),
            (Kind::Base64, Value::String(text)) if decode_base64(text).is_some() => Ok(text.clone()),
            (Kind::Hex, Value::String(text)) if is_hex(text) => Ok(text.clone()),
            (Kind::Any, Value::String(text)) => Ok(text.clone()),
            (Kind::Any, Value::Number(number)) => Ok(number.to_string()),
            (Kind::Any, Value::Bool(truth)) => Ok(truth.to_string()),
            (Kind::Tokens, Value::Array(words)) if words.iter().all(Value::is_string) => {
                Ok(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
            }
            (Kind::Text | Kind::Any, _) => Err(self.expected("text")),
            (Kind::Boolean, _) => Err(self.expected("true or false")),
            (Kind::Float, _) => Err(self.expected("a number, NaN, INF or -INF")),
            (Kind::Base64, _) => Err(self.expected("base64")),
            (Kind::Hex, _) => Err(self.expected("hexadecimal digits")),
            (Kind::Tokens, _) => Err(self.expected("an array of words")),
        }
    }

    fn expected(self, what: &str) -> String {
        format!("must be {what} (xsd:{})", self.name)
    }

    /// The JSON value of a text. Text that is none of the type stays text; no text at all, where text is no value of
    /// the type, is null.
    pub(super) fn read(self, text: &str) -> Value {
        let bare = text.trim_matches([' ', '\t', '\r', '\n']);
        let is_text = matches!(self.kind, Kind::Text | Kind::Any | Kind::Base64 | Kind::Hex | Kind::Tokens);
        if bare.is_empty() && !is_text {
            return Value::Null;
        }
        let value = match self.kind {
            Kind::Text | Kind::Any => None,
            Kind::Boolean => match bare {
                "true" | "1" => Some(Value::Bool(true)),
                "false" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::Integer(..) | Kind::Decimal => exact(bare),
            Kind::Float => Some(bare).filter(|bare| is_float(bare)).and_then(double),
            Kind::Base64 | Kind::Hex => Some(text.split_whitespace().collect::<String>().into()),
            Kind::Tokens => Some(text.split_whitespace().collect()),
        };
        value.unwrap_or_else(|| Value::String(text.to_owned()))
    }
}

/// The type that a JSON scalar is sent as where the description leaves it open.
pub(super) fn of_scalar(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => "int",
        Value::Number(number) if number.is_i64() => "long",
        Value::Number(number) if number.is_u64() => "unsignedLong",
        Value::Number(_) => "double",
        _ => "string",
    }
}

/// A number as `xsd:decimal` writes it, without an exponent.
fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64().map(|number| number.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| parts(text).is_some()),
        _ => None,
    }
}

/// Sign, digits before the point without zeros at the front, digits after it without zeros at the end.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    let is_negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !fraction.contains('.')
        && !(whole.is_empty() && fraction.is_empty());
    is_number.then(|| (is_negative, whole.trim_start_matches('0'), fraction.trim_end_matches('0')))
}

fn is_within(text: &str, least: Option<i128>, greatest: Option<i128>) -> bool {
    let Some((_, _, "")) = parts(text) else { return false };
    let whole = text.split('.').next().unwrap_or_default();
    match whole.parse::<i128>() {
        Ok(number) => least.is_none_or(|least| number >= least) && greatest.is_none_or(|greatest| number <= greatest),
        // A number that long is beyond every bound but none.
        Err(_) if text.starts_with('-') => least.is_none(),
        Err(_) => greatest.is_none(),
    }
}

fn range(least: Option<i128>, greatest: Option<i128>) -> String {
    match (least, greatest) {
        (Some(least), Some(greatest)) => format!("a whole number from {least} to {greatest}"),
        (Some(least), None) => format!("a whole number of at least {least}"),
        (None, Some(greatest)) => format!("a whole number of at most {greatest}"),
        (None, None) => "a whole number".to_owned(),
    }
}

/// A decimal number as JSON's, if that holds every digit.
fn exact(text: &str) -> Option<Value> {
    let (_, whole, fraction) = parts(text)?;
    if fraction.is_empty() && !text.contains('.') {
        let text = text.strip_prefix('+').unwrap_or(text);
        return text
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| text.parse::<u64>().map(Value::from))
            .ok()
            .or_else(|| Some(Value::String(text.to_owned())));
    }
    let number: f64 = text.parse().ok()?;
    let written = number.to_string();
    let (_, same_whole, same_fraction) = parts(&written)?;
    let is_same = (whole, fraction) == (same_whole, same_fraction);
    if is_same { Number::from_f64(number).map(Value::Number) } else { Some(Value::String(text.to_owned())) }
}

fn double(text: &str) -> Option<Value> {
    text.parse().ok().and_then(Number::from_f64).map(Value::Number)
}

fn is_float(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(is_part) && text.parse::<f64>().is_ok()
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn builtin(name: &str) -> Builtin {
        *BUILTINS.iter().find(|builtin| builtin.name == name).expect(name)
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (name, text, value) in [
            ("decimal", "12.50", json!(12.5)),
            ("decimal", "+007", json!(7)),
            ("decimal", "-0.1", json!(-0.1)),
            ("decimal", "12.340000000000000001", json!("12.340000000000000001")),
            ("decimal", "123456789012345678901234567890", json!("123456789012345678901234567890")),
            ("decimal", "1e5", json!("1e5")),
            ("long", "9223372036854775807", json!(9_223_372_036_854_775_807_i64)),
            ("unsignedLong", "18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("integer", "-18446744073709551616", json!("-18446744073709551616")),
            ("int", " 5\n", json!(5)),
            ("int", "", json!(null)),
            ("int", "n/a", json!("n/a")),
            ("double", "1e5", json!(1e5)),
            ("double", "INF", json!("INF")),
            ("float", "inf", json!("inf")),
            ("boolean", "1", json!(true)),
            ("boolean", "yes", json!("yes")),
            ("string", " a ", json!(" a ")),
            ("string", "", json!("")),
            ("base64Binary", "YW\nJj", json!("YWJj")),
            ("IDREFS", "a  b", json!(["a", "b"])),
        ] {
            assert_eq!(builtin(name).read(text), value, "{name} {text:?}");
        }
    }

    #[test]
    fn values_are_written_as_their_type_says_or_refused() {
        for (name, value, text) in [
            ("decimal", json!(1e21), Some("1000000000000000000000")),
            ("decimal", json!(1.5e-7), Some("0.00000015")),
            ("decimal", json!("12.340000000000000001"), Some("12.340000000000000001")),
            ("decimal", json!("1,5"), None),
            ("decimal", json!("."), None),
            ("decimal", json!("1.2.3"), None),
            ("int", json!(5.0), Some("5")),
            ("int", json!(5.5), None),
            ("int", json!(2_147_483_648_i64), None),
            ("int", json!(true), None),
            ("byte", json!(-129), None),
            ("long", json!("9223372036854775807"), Some("9223372036854775807")),
            ("long", json!("9223372036854775808"), None),
            ("negativeInteger", json!(0), None),
            (
                "integer",
                json!("99999999999999999999999999999999999999999999"),
                Some("99999999999999999999999999999999999999999999"),
            ),
            ("nonPositiveInteger", json!("99999999999999999999999999999999999999999999"), None),
            ("boolean", json!("true"), None),
            ("string", json!(5), None),
            ("double", json!("NaN"), Some("NaN")),
            ("double", json!("abc"), None),
            ("base64Binary", json!("a*"), None),
            ("hexBinary", json!("abc"), None),
            ("IDREFS", json!(["a", "b"]), Some("a b")),
            ("IDREFS", json!("a"), None),
        ] {
            assert_eq!(builtin(name).write(&value).ok().as_deref(), text, "{name} {value}");
        }
        let refusal = builtin("int").write(&json!("x"));
        assert_eq!(refusal, Err("must be a whole number from -2147483648 to 2147483647 (xsd:int)".to_owned()));
    }
}

//! What is posted to webhooks, read: JSON, XML, forms, packages of files and plain text become one JSON value, and the text
//! of what was sent is kept beside it. What becomes of it is not known here.
//!
//! JSON is the value that it is. Of XML the outermost element is an object of what is within it. The fields of a form are
//! the members of an object, those that come several times arrays; a file is an object of `name`, `type` and `content`,
//! which is in base64. Plain text is `{"text": …}`.

mod xml;

use std::borrow::Cow;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::error::{Code, Error, Result};
use crate::operation::json::MOST_VALUES;
use crate::operation::payload::Message;
use crate::soap::media::{MediaType, form_parts};
use crate::xml::text::decode_within;

/// Parts that a package may have.
const MOST_PARTS: usize = 1_000;

/// What a request's body says it is; nothing without a Content-Type.
pub fn content_type(headers: &HeaderMap) -> MediaType {
    let value = headers.get(CONTENT_TYPE);
    value.map(|value| MediaType::parse(&String::from_utf8_lossy(value.as_bytes()))).unwrap_or_default()
}

/// Reads a body. Without a media type it is what it looks like. Text that has to be decoded, and what JSON makes of it, may
/// have so many bytes.
/// # Errors
/// What is not what its media type says, bytes that are no text, or more than that.
pub fn read(media_type: &MediaType, bytes: &[u8], longest: usize) -> Result<String> {
    let essence = media_type.essence.as_str();
    let is_json = matches!(essence, "application/json" | "text/json") || essence.ends_with("+json");
    let is_xml = matches!(essence, "application/xml" | "text/xml") || essence.ends_with("+xml");
    if is_json {
        let text = utf8(bytes)?;
        return match is_json_text(text) {
            true => Ok(text.to_owned()),
            false => Err(Error::invalid("The payload is not JSON, as its Content-Type says")),
        };
    }
    if is_xml {
        let text = decode_within(bytes, media_type.parameter("charset"), longest);
        let value = text.and_then(|text| xml::read(&text));
        let value = value.map_err(|error| Error::invalid(format!("The payload is not acceptable XML: {error}")))?;
        return Ok(value.to_string());
    }
    if escaped(bytes) > longest {
        return Err(Error::new(Code::TooLarge, format!("The payload is larger than {longest} bytes as JSON")));
    }
    match essence {
        "multipart/form-data" => package(media_type, bytes),
        "" => Ok(guess(utf8(bytes)?)),
        "application/x-www-form-urlencoded" => {
            let text = utf8(bytes)?;
            // curl calls everything a form (contradiction C5).
            match text.trim_start().starts_with(['{', '[']) && is_json_text(text) {
                true => Ok(text.to_owned()),
                false => Ok(Value::Object(pairs(text)?).to_string()),
            }
        }
        _ => Ok(plain(utf8(bytes)?)),
    }
}

/// The text that is kept of a body: what was sent, or in a data URL where that is no text.
pub fn kept(media_type: &MediaType, bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("data:{};base64,{}", media_type.essence, STANDARD.encode(bytes)),
    }
}

/// What was posted, with what came with it.
/// # Errors
/// Names or values in the address that are no text.
pub fn message(body: String, headers: &HeaderMap, query: &str) -> Result<Message> {
    let mut shown: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        match shown.iter_mut().find(|(known, _)| known == name.as_str()) {
            Some((_, known)) => *known = format!("{known}, {value}"),
            None => shown.push((name.as_str().to_owned(), value.to_owned())),
        }
    }
    shown.sort();
    Ok(Message { body, headers: shown, query: pairs(query)?, method: "POST" })
}

/// The value of a header that is given once; guards look at no other.
pub fn header<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// What text without a media type looks like.
fn guess(text: &str) -> String {
    match text.trim_start().chars().next() {
        Some('{' | '[') if is_json_text(text) => text.to_owned(),
        Some('<') => xml::read(text).map_or_else(|_| plain(text), |value| value.to_string()),
        _ => plain(text),
    }
}

/// How many bytes JSON takes for these, if they are text.
fn escaped(bytes: &[u8]) -> usize {
    let of = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    bytes.iter().map(of).sum()
}

fn plain(text: &str) -> String {
    // In one piece, since it may be large.
    let mut json = Vec::with_capacity(text.len() + 16);
    json.extend_from_slice(br#"{"text":"#);
    // Texts can be written, and to memory.
    let _ = serde_json::to_writer(&mut json, text);
    json.push(b'}');
    String::from_utf8(json).unwrap_or_default()
}

fn is_json_text(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::invalid("The payload must be UTF-8 text"))?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// The fields of a form or an address; one that comes several times has an array.
/// # Errors
/// Bytes that are no text, and more fields than any request may have.
pub fn pairs(text: &str) -> Result<Map<String, Value>> {
    let mut members = Map::new();
    for (count, (name, value)) in form_urlencoded::parse(text.as_bytes()).enumerate() {
        if count >= MOST_VALUES {
            return Err(Error::invalid(format!("The form has more than {MOST_VALUES} fields")));
        }
        let is_text =
            |decoded: &str| !decoded.contains('\u{FFFD}') || text.contains('\u{FFFD}') || text.contains("%EF%BF%BD");
        if !is_text(&name) || !is_text(&value) {
            return Err(Error::invalid("A form or an address holds bytes that are not UTF-8 text"));
        }
        add(&mut members, &name, value.into());
    }
    Ok(members)
}

fn package(media_type: &MediaType, bytes: &[u8]) -> Result<String> {
    let mut members = Map::new();
    // Each value is moved and none copied, since they may be large.
    for part in form_parts(media_type, bytes, MOST_PARTS).map_err(Error::invalid)? {
        let value = match part.file {
            None => {
                let text: Cow<'_, str> = utf8(&part.content)?.into();
                Value::from(text)
            }
            Some(name) => {
                json!({"name": name, "type": part.media_type.essence, "content": STANDARD.encode(&part.content)})
            }
        };
        add(&mut members, &part.name, value);
    }
    Ok(Value::Object(members).to_string())
}

/// Adds a member, which becomes an array if it was there.
fn add(members: &mut Map<String, Value>, name: &str, value: Value) {
    match members.get_mut(name) {
        None => drop(members.insert(name.to_owned(), value)),
        // No field is an array by itself.
        Some(Value::Array(values)) => values.push(value),
        Some(known) => *known = Value::Array(vec![known.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(content_type: &str, body: &str) -> Value {
        let text = read(&MediaType::parse(content_type), body.as_bytes(), 10_000).expect(body);
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn every_kind_becomes_a_value() {
        for (content_type, body, expected) in [
            ("application/json", r#"{"a":1}"#, json!({"a": 1})),
            ("application/vnd.x+json; charset=utf-8", "[1]", json!([1])),
            ("", " {\"a\": 1}", json!({"a": 1})),
            ("", "{a}", json!({"text": "{a}"})),
            ("", "<a><b>1</b></a>", json!({"b": "1"})),
            ("", "<a", json!({"text": "<a"})),
            ("", "", json!({"text": ""})),
            ("text/plain", "{\"a\":1}", json!({"text": "{\"a\":1}"})),
            (
                "application/x-www-form-urlencoded",
                "a=1&b=%C3%BC+x&a=2&c",
                json!({"a": ["1", "2"], "b": "ü x", "c": ""}),
            ),
            ("application/x-www-form-urlencoded", "{\"a\":1}", json!({"a": 1})),
            ("application/x-www-form-urlencoded", "{a}=1", json!({"{a}": "1"})),
            ("application/octet-stream", "x", json!({"text": "x"})),
            ("application/json", "\u{FEFF}\"x\"", json!("x")),
        ] {
            assert_eq!(read_as(content_type, body), expected, "{content_type} {body}");
        }
        let text = read(&MediaType::parse("application/json"), b"{\"a\": 12345678901234567890.10}", 9).expect("JSON");
        assert_eq!(text, "{\"a\": 12345678901234567890.10}", "it is kept as it is");
    }

    #[test]
    fn packages_have_fields_and_files() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nü\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"f\"; filename=\"a b.bin\"\r\nContent-Type: image/png\r\n\r\n\u{0}\r\n--x\r\n\
                    Content-Disposition: form-data; name=a\r\n\r\n2\r\n--x--\r\n";
        let expected = json!({"a": ["ü", "2"], "f": {"name": "a b.bin", "type": "image/png", "content": "AA=="}});
        assert_eq!(read_as("multipart/form-data; boundary=x", body), expected);
    }

    #[test]
    fn what_is_not_what_it_says_is_refused() {
        for (content_type, body) in [
            ("application/json", &b"{"[..]),
            ("application/json", b""),
            ("application/xml", b"<a>"),
            ("application/xml", b"<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>"),
            ("text/plain", b"\xFF"),
            ("application/x-www-form-urlencoded", b"a=%FF"),
            ("multipart/form-data", b"--x"),
            ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"),
        ] {
            assert!(read(&MediaType::parse(content_type), body, 10_000).is_err(), "{content_type}");
        }
        let kept = kept(&MediaType::parse("image/png; x=y"), b"\xFF");
        assert_eq!(kept, "data:image/png;base64,/w==");
    }
}

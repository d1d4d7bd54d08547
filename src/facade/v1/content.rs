//! Reading a request's body: JSON or XML into the JSON texts and values that operations take.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::Number;

use crate::error::{Error, Result};
use crate::facade::payload;
use crate::facade::tree::{MOST_SHOWN, from_xml};
use crate::facade::v1::call::Call;
use crate::facade::v1::format::{self, Format};
use crate::facade::v1::parameter::is_text;
use crate::operation::content::Data;
use crate::operation::json;
use crate::operation::tree::{Node, Tree};
use crate::soap::media::MediaType;
use crate::xml::text::decode_within;

/// Values in a body that is no record.
const MOST_VALUES: usize = 50_000;
/// Identifiers in one request.
pub const MOST_UUIDS: usize = 10_000;

/// The body as a value of that shape.
/// # Errors
/// What is neither JSON nor XML, or lacks a member, or has one too many; the member is named.
pub fn value<T: DeserializeOwned>(call: &Call<'_>) -> Result<T> {
    value_of(&json_text(call)?)
}

/// The same where JSON may be called plain text.
/// # Errors
/// As for [`value`].
pub fn value_or_text<T: DeserializeOwned>(call: &Call<'_>) -> Result<T> {
    let media_type = payload::content_type(call.headers());
    match media_type.essence == "text/plain" {
        true => value_of(format::plain_text(&media_type, call.body)?),
        false => value(call),
    }
}

fn value_of<T: DeserializeOwned>(text: &str) -> Result<T> {
    json::check("The body", text, MOST_VALUES)?;
    serde_json::from_str(text).map_err(|error| {
        let text = error.to_string();
        // The position says nothing to a client that sent XML, or one that makes its JSON by machine.
        let reason = text.split(" at line ").next().unwrap_or_default();
        Error::invalid(format!("The body is not as expected: {reason}"))
    })
}

/// A member that may be left out, but is not null where it is given: as it is described.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// An integer, also as JSON Schema has them: with a point and nothing behind it.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<i64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    digits(&number).parse().map_err(|_| D::Error::custom(format!("{number} is not an integer")))
}

/// The digits of a number, without a point that has nothing behind it.
pub fn digits(number: &Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The body as JSON text; empty for an empty body.
fn json_text(call: &Call<'_>) -> Result<String> {
    let media_type = payload::content_type(call.headers());
    match format::of_body(&media_type, call.body)? {
        Format::Json => Ok(format::json_text(&media_type, call.body)?.into_owned()),
        Format::Xml => Ok(tree(call, &media_type)?.to_json(None)),
    }
}

fn tree(call: &Call<'_>, media_type: &MediaType) -> Result<Tree> {
    let longest = call.app.config.soap.max_decoded.max(call.app.config.server.body_limit);
    let text = decode_within(call.body, media_type.parameter("charset"), longest);
    let text = text.map_err(|error| Error::invalid(format!("The body is not acceptable XML: {error}")))?;
    from_xml(&text)
}

/// A record, or an array of them.
/// # Errors
/// An empty body, or one in another format.
pub fn record(call: &Call<'_>) -> Result<Data> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid("The body is empty; it must hold a data record, or an array of them"));
    }
    let media_type = payload::content_type(call.headers());
    match format::of_body(&media_type, call.body)? {
        Format::Json => {
            let text = format::json_text(&media_type, call.body)?;
            // Found out before anything is stored: afterwards the reply could only fail.
            if call.format == Format::Xml {
                json::check("Data", &text, MOST_SHOWN)?;
            }
            Ok(Data::Json(text.into_owned()))
        }
        Format::Xml => Ok(Data::Tree(tree(call, &media_type)?)),
    }
}

/// Whether several records were sent, be it only one in a list.
pub fn is_array(data: &Data) -> bool {
    match data {
        Data::Json(text) => text.trim_start().starts_with('['),
        Data::Tree(tree) => matches!(tree.node, Node::Array(_)),
    }
}

/// Several records one by one.
pub fn items(data: Data) -> Result<Vec<Data>> {
    match data {
        Data::Json(text) => {
            let items = json::items("The body", &text, MOST_UUIDS)?;
            Ok(items.into_iter().map(|item| Data::Json(item.to_owned())).collect())
        }
        Data::Tree(Tree { node: Node::Array(items), .. }) => Ok(items.into_iter().map(Data::Tree).collect()),
        one => Ok(vec![one]),
    }
}

/// The identifiers in the body: a JSON or XML array of texts, or one text; none for an empty body.
pub fn uuids(call: &Call<'_>) -> Result<Vec<String>> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let text = json_text(call)?;
    json::check("The body", &text, MOST_VALUES)?;
    let uuids: Vec<String> = serde_json::from_str(&text)
        .or_else(|_| serde_json::from_str(&text).map(|uuid| vec![uuid]))
        .map_err(|_| Error::invalid("The body must be an array of the data records' identifiers"))?;
    match uuids.len() <= MOST_UUIDS {
        true => Ok(uuids),
        false => Err(Error::invalid(format!("The body names more than {MOST_UUIDS} data records"))),
    }
}

/// Parameters in the body: a JSON or XML object of plain values, or a form whatever the Content-Type says, as curl sends
/// it (contradiction C5).
pub fn parameters(call: &Call<'_>) -> Result<Vec<(String, String)>> {
    let is_blank = call.body.iter().all(u8::is_ascii_whitespace);
    let media_type = payload::content_type(call.headers());
    let is_xml = !is_blank && matches!(format::of_body(&media_type, call.body), Ok(Format::Xml));
    let text = match is_xml {
        true => tree(call, &media_type)?.to_json(None).into(),
        false => format::json_text(&media_type, call.body)?,
    };
    let text = text.trim();
    // A form has no brackets that are not escaped; a list would be a name without a meaning.
    if !is_xml && !text.starts_with(['{', '[', '"', '<']) {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let are_text = pairs.iter().all(|(name, value)| is_text(name, text) && is_text(value, text));
        return are_text.then_some(pairs).ok_or_else(|| Error::invalid("The form in the body is not UTF-8 text"));
    }
    json::check("The body", text, MOST_VALUES)?;
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| Error::invalid("The body must be an object or a form"))?;
    let member = |(name, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(text) => Ok((name, text)),
        serde_json::Value::Number(number) => Ok((name, number.to_string())),
        serde_json::Value::Null => Ok((name, String::new())),
        _ => Err(Error::invalid(format!("{name} must be a text or a number"))),
    };
    members.into_iter().map(member).collect()
}

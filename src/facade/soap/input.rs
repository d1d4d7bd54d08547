//! Reading a message's parameters: what is missing or malformed is named by its path within `input`.

use crate::error::{Error, Result};
use crate::soap::encoded::{Content, Value, decode_base64};

/// A structure within the input, which must be there.
pub fn required<'c>(input: Option<Value<'c>>, name: &str) -> Result<Value<'c>> {
    optional(input, name)?.ok_or_else(|| Error::invalid(format!("{name} is required")))
}

/// A structure within the input; absent, nil and empty are the same.
pub fn optional<'c>(input: Option<Value<'c>>, name: &str) -> Result<Option<Value<'c>>> {
    Ok(input.map(|input| input.member(name)).transpose()?.flatten())
}

/// A text within a structure, without white space around it; absent, nil and empty are the same.
pub fn text_member(structure: Value<'_>, parent: &str, name: &str) -> Result<Option<String>> {
    let Some(value) = structure.member(name)? else { return Ok(None) };
    let text = value.text().map_err(|error| within(parent, &error))?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A text that must be there, byte for byte; it may be empty.
pub fn verbatim(input: Option<Value<'_>>, name: &str) -> Result<String> {
    let value = required(input, name)?;
    Ok(value.text()?.into_owned())
}

/// A text in base64 within a structure, decoded; absent, nil and empty are the same.
///
/// An attachment may hold the decoded text itself, since that is what MTOM makes of base64; and a client that marks the
/// element as `base64Binary` may have encoded twice.
pub fn base64_member(structure: Value<'_>, parent: &str, name: &str) -> Result<Option<String>> {
    let Some(value) = structure.member(name)? else { return Ok(None) };
    let refused = || Error::invalid(format!("{parent}/{name} is not base64"));
    let bytes = match value.content().map_err(|error| within(parent, &error))? {
        Content::Text(text) if text.trim().is_empty() => return Ok(None),
        Content::Text(text) => decode_base64(&text).ok_or_else(refused)?,
        Content::Binary(bytes) if looks_like_json(&bytes) => bytes.into_owned(),
        Content::Binary(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| refused())?;
            decode_base64(text).ok_or_else(refused)?
        }
    };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| Error::invalid(format!("{parent}/{name} does not hold text in UTF-8 once decoded")))
}

/// No base64 begins with a brace or a bracket.
fn looks_like_json(bytes: &[u8]) -> bool {
    matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

fn within(parent: &str, error: &Error) -> Error {
    Error::invalid(format!("{parent}/{error}"))
}

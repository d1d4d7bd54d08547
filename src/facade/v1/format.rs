//! Which format a request is in and which its reply takes: JSON or XML.
//! What stands in either is not known here.

use std::borrow::Cow;

use actix_web::http::header::{ACCEPT, HeaderMap};

use crate::error::{Error, Result};
use crate::facade::payload;
use crate::soap::media::MediaType;

/// A format of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// XML as `facade/tree` maps it.
    Xml,
}

impl Format {
    /// What the reply is to be: what `Accept` names, else what the request is, else JSON (contradiction C18).
    pub fn of_reply(headers: &HeaderMap) -> Format {
        accepted(headers, Format::of_type)
            .or_else(|| Format::of_type(&payload::content_type(headers).essence))
            .unwrap_or(Format::Json)
    }

    /// The format of a media type, if it is one of the two.
    fn of_type(essence: &str) -> Option<Format> {
        match essence {
            "application/json" | "text/json" => Some(Format::Json),
            "application/xml" | "text/xml" => Some(Format::Xml),
            "application/xhtml+xml" | "application/soap+xml" => None,
            other if other.ends_with("+json") => Some(Format::Json),
            other if other.ends_with("+xml") => Some(Format::Xml),
            _ => None,
        }
    }

    /// The Content-Type of replies.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Xml => "application/xml; charset=UTF-8",
        }
    }

    /// What tells its entity tags from those of the other.
    pub fn suffix(self) -> &'static str {
        match self {
            Format::Json => "",
            Format::Xml => "-xml",
        }
    }
}

/// Whether what is kept as a text is wanted as one: by the same rule as [`Format::of_reply`] (contradiction C18).
pub fn wants_text(headers: &HeaderMap) -> bool {
    let is_text = |essence: &str| match essence {
        "text/plain" | "text/*" => Some(true),
        other => Format::of_type(other).map(|_| false),
    };
    accepted(headers, is_text).or_else(|| is_text(&payload::content_type(headers).essence)).unwrap_or(false)
}

/// What `Accept` names with the highest weight, of the media types that mean something; among equals, the first.
fn accepted<T>(headers: &HeaderMap, meant: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut best: Option<(f32, T)> = None;
    let lines = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let range = MediaType::parse(range);
        let Some(format) = meant(&range.essence) else { continue };
        let weight = range.parameter("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if weight > best.as_ref().map_or(0.0, |(weight, _)| *weight) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format)
}

/// What a request's body is, by its Content-Type or, without one, by its first character.
/// # Errors
/// Another Content-Type.
pub fn of_body(media_type: &MediaType, bytes: &[u8]) -> Result<Format> {
    let essence = &media_type.essence;
    if essence.is_empty() {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        return Ok(if first == Some(&b'<') { Format::Xml } else { Format::Json });
    }
    Format::of_type(essence).ok_or_else(|| {
        let shown: String = essence.chars().take(80).collect();
        Error::invalid(format!("The Content-Type '{shown}' is not accepted; send application/json or application/xml"))
    })
}

/// The text of a JSON body. RFC 8259 knows no encoding but UTF-8; a byte order mark is passed over.
/// # Errors
/// Another charset, or bytes that are not UTF-8.
pub fn json_text<'b>(media_type: &MediaType, bytes: &'b [u8]) -> Result<Cow<'b, str>> {
    let text = text_of("a JSON body", media_type, bytes)?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text).into())
}

/// The text of a body that is nothing but text, as it is.
/// # Errors
/// Another charset than UTF-8, or bytes that are not UTF-8.
pub fn plain_text<'b>(media_type: &MediaType, bytes: &'b [u8]) -> Result<&'b str> {
    text_of("a text", media_type, bytes)
}

fn text_of<'b>(what: &str, media_type: &MediaType, bytes: &'b [u8]) -> Result<&'b str> {
    let charset = media_type.parameter("charset").map(str::to_ascii_lowercase);
    if charset.as_deref().is_some_and(|charset| !matches!(charset, "utf-8" | "utf8" | "us-ascii")) {
        return Err(Error::invalid(format!("The charset of {what} must be UTF-8")));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| Error::invalid(format!("The body is not UTF-8: byte {} cannot be read", error.valid_up_to())))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_TYPE, HeaderValue};

    use super::*;

    #[test]
    fn accept_wins_then_the_requests_own_format() {
        for (accept, content_type, expected) in [
            ("", "", Format::Json),
            ("", "application/xml", Format::Xml),
            ("*/*", "application/xml; charset=utf-8", Format::Xml),
            ("application/json", "application/xml", Format::Json),
            ("application/xml;q=0.5, application/json;q=0.4", "", Format::Xml),
            ("application/xml;q=0, */*", "", Format::Json),
            ("text/html", "", Format::Json),
            ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "", Format::Xml),
            ("application/problem+json", "text/xml", Format::Json),
            ("application/json, application/xml", "", Format::Json),
            ("nonsense;;q=", "text/xml", Format::Xml),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(ACCEPT, accept), (CONTENT_TYPE, content_type)] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(Format::of_reply(&headers), expected, "{accept} {content_type}");
        }
    }
}

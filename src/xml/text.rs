//! From bytes to text: which encoding a document is in, and its decoding.
//! A charset given by the transport wins over the document's own declaration (RFC 7303).

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "positions were found in the text they cut, beside characters of ASCII"
)]

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::xml::XmlError;

/// Decodes a document. `charset` is what the transport says, if it says anything.
///
/// A byte order mark decides where there is one; then the charset; then the XML declaration; then UTF-8. What a mark, or
/// UTF-16 without one, shows must not be contradicted: by the charset if there is one, else by the XML declaration
/// (XML 1.0 §4.3.3).
/// # Errors
/// An unknown charset, a contradiction, or bytes that are not text in the encoding.
pub fn decode<'i>(bytes: &'i [u8], charset: Option<&str>) -> Result<Cow<'i, str>, XmlError> {
    decode_within(bytes, charset, usize::MAX)
}

/// The same, but text that had to be decoded may have at most that many bytes: it can be three times as long as before.
/// # Errors
/// As for [`decode`], or text that is longer.
pub fn decode_within<'i>(bytes: &'i [u8], charset: Option<&str>, limit: usize) -> Result<Cow<'i, str>, XmlError> {
    let (shown, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (Some(encoding), &bytes[length..]),
        None => (sniff(bytes), bytes),
    };
    let Some(encoding) = shown else {
        let label = charset.or_else(|| declared_encoding(bytes));
        return decode_as(labelled(label)?, label, rest, limit);
    };
    let text = decode_as(encoding, charset, rest, limit)?;
    match charset.or_else(|| declared_encoding(text.as_bytes())) {
        Some(label) if !agrees(label, encoding) => {
            Err(refusal(format!("The text is {}, but its charset is given as '{}'", encoding.name(), clip(label))))
        }
        _ => Ok(text),
    }
}

fn decode_as<'i>(
    encoding: &'static Encoding,
    label: Option<&str>,
    bytes: &'i [u8],
    limit: usize,
) -> Result<Cow<'i, str>, XmlError> {
    if encoding == UTF_8 {
        return std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|error| XmlError::new("The text is not valid UTF-8", error.valid_up_to()));
    }
    let too_long = || refusal(format!("The text is longer than {limit} bytes in UTF-8"));
    if encoding == WINDOWS_1252 && label.is_some_and(is_latin1) {
        let wide = bytes.iter().filter(|byte| !byte.is_ascii()).count();
        return if bytes.len() + wide > limit { Err(too_long()) } else { Ok(encoding_rs::mem::decode_latin1(bytes)) };
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let longest = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).ok_or_else(too_long)?;
    let mut text = String::with_capacity(longest.min(limit));
    match decoder.decode_to_string_without_replacement(bytes, &mut text, true).0 {
        DecoderResult::InputEmpty => Ok(Cow::Owned(text)),
        DecoderResult::OutputFull => Err(too_long()),
        DecoderResult::Malformed(..) => Err(refusal(format!("The text is not valid {}", encoding.name()))),
    }
}

fn labelled(label: Option<&str>) -> Result<&'static Encoding, XmlError> {
    let Some(label) = label else { return Ok(UTF_8) };
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())
        .ok_or_else(|| refusal(format!("The charset '{}' is not known", clip(label))))?;
    match encoding.is_ascii_compatible() {
        true => Ok(encoding),
        // UTF-16 without a byte order mark is recognised by its zero bytes, so this text is not UTF-16.
        false => Err(refusal(format!("The text is not {}, though its charset is given so", encoding.name()))),
    }
}

/// Recognises UTF-16 without a byte order mark by the zero byte beside the first `<` (XML 1.0, appendix F).
fn sniff(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, b'<', ..] => Some(UTF_16BE),
        [b'<', 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

/// Labels for UTF-16 leave the byte order open, unless they name one.
fn agrees(label: &str, encoding: &'static Encoding) -> bool {
    let named = Encoding::for_label_no_replacement(label.as_bytes());
    let is_open = named == Some(UTF_16LE) && !label.trim().eq_ignore_ascii_case("utf-16le");
    named == Some(encoding) || is_open && encoding == UTF_16BE
}

/// ISO-8859-1 in the strict sense; the encoding library follows browsers and reads windows-1252 instead.
fn is_latin1(label: &str) -> bool {
    let label = label.trim();
    ["iso-8859-1", "iso8859-1", "latin1", "iso_8859-1"].iter().any(|name| label.eq_ignore_ascii_case(name))
}

/// The `encoding` of an XML declaration in an encoding that agrees with ASCII.
fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    if !bytes.starts_with(b"<?xml") {
        return None;
    }
    let end = bytes.iter().take(200).position(|byte| *byte == b'>')?;
    let declaration = std::str::from_utf8(&bytes[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(name, _)| name)
}

fn refusal(message: String) -> XmlError {
    XmlError { message, offset: None }
}

fn clip(label: &str) -> String {
    label.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn the_encoding_is_found_by_mark_then_charset_then_declaration() {
        let e_acute = "<a>\u{e9}</a>";
        let cases: Vec<(Vec<u8>, Option<&str>, Option<&str>)> = vec![
            (e_acute.into(), None, Some(e_acute)),
            (e_acute.into(), Some("UTF-8"), Some(e_acute)),
            (b"<a>\xe9</a>".to_vec(), Some("ISO-8859-1"), Some(e_acute)),
            (b"<a>\xe9</a>".to_vec(), None, None),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>".to_vec(),
                None,
                Some("<?xml version='1.0' encoding='ISO-8859-1'?><a>\u{e9}</a>"),
            ),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa9</a>".to_vec(),
                Some("utf-8"),
                Some("<?xml version='1.0' encoding='ISO-8859-1'?><a>\u{e9}</a>"),
            ),
            (b"<a>\x80</a>".to_vec(), Some("windows-1252"), Some("<a>\u{20ac}</a>")),
            (b"<a>\x80</a>".to_vec(), Some("latin1"), Some("<a>\u{80}</a>")),
            ([b"\xEF\xBB\xBF".to_vec(), e_acute.into()].concat(), None, Some(e_acute)),
            ([b"\xFE\xFF".to_vec(), utf16(e_acute, true)].concat(), None, Some(e_acute)),
            ([b"\xFF\xFE".to_vec(), utf16(e_acute, false)].concat(), Some("utf-16"), Some(e_acute)),
            (utf16(e_acute, true), Some("utf-16"), Some(e_acute)),
            (utf16(e_acute, false), None, Some(e_acute)),
            ([b"\xFE\xFF".to_vec(), utf16(e_acute, true)].concat(), Some("utf-8"), None),
            (e_acute.into(), Some("utf-16"), None),
            (b"\xEF\xBB\xBF<?xml version='1.0' encoding='iso-8859-1'?><a/>".to_vec(), None, None),
            (utf16("<?xml version='1.0' encoding='utf-8'?><a/>", true), None, None),
            (utf16("<?xml version='1.0' encoding='utf-16le'?><a/>", true), None, None),
            (
                utf16("<?xml version='1.0' encoding='UTF-16'?><a/>", true),
                None,
                Some("<?xml version='1.0' encoding='UTF-16'?><a/>"),
            ),
            (
                b"\xEF\xBB\xBF<?xml version='1.0' encoding='iso-8859-1'?><a/>".to_vec(),
                Some("utf-8"),
                Some("<?xml version='1.0' encoding='iso-8859-1'?><a/>"),
            ),
            (b"\xFF\xFE<\0a\0\0\xD8/\0>\0".to_vec(), None, None),
            (b"<a>\xC0\xAF</a>".to_vec(), None, None),
            (e_acute.into(), Some("utf-7"), None),
            (e_acute.into(), Some("klingon"), None),
        ];
        for (label, byte, bytes_each) in [("latin1", 0xE9, 2), ("windows-1252", 0x80, 3), ("windows-1252", b'a', 1)] {
            let bytes = vec![byte; 1_000];
            assert!(decode_within(&bytes, Some(label), bytes_each * 1_000 - 1).is_err(), "{label} {byte}");
            assert!(decode_within(&bytes, Some(label), bytes_each * 1_000 + 16).is_ok(), "{label} {byte}");
        }
        for (bytes, charset, text) in cases {
            assert_eq!(decode(&bytes, charset).ok().as_deref(), text, "{bytes:?} {charset:?}");
        }
    }
}

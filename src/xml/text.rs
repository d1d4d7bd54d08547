//! From bytes to text: which encoding a document is in, and its decoding.
//! A charset given by the transport wins over the document's own declaration (RFC 7303).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::xml::XmlError;

/// Decodes a document. `charset` is what the transport says, if it says anything.
///
/// A byte order mark decides where there is one; then the charset; then the XML declaration; then UTF-8.
/// # Errors
/// An unknown charset, one that contradicts the byte order mark, or bytes that are not text in it.
pub fn decode<'i>(bytes: &'i [u8], charset: Option<&str>) -> Result<Cow<'i, str>, XmlError> {
    let declared = charset.or_else(|| declared_encoding(bytes));
    let (encoding, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => (sniff(bytes).map_or_else(|| labelled(declared), Ok)?, bytes),
    };
    if let Some(label) = charset
        && !agrees(label, encoding)
    {
        return Err(refusal(format!("The text is {}, but its charset is given as '{}'", encoding.name(), clip(label))));
    }
    if encoding == UTF_8 {
        return std::str::from_utf8(rest)
            .map(Cow::Borrowed)
            .map_err(|error| XmlError::new("The text is not valid UTF-8", error.valid_up_to()));
    }
    if declared.is_some_and(is_latin1) {
        return Ok(encoding_rs::mem::decode_latin1(rest));
    }
    encoding
        .decode_without_bom_handling_and_without_replacement(rest)
        .ok_or_else(|| refusal(format!("The text is not valid {}", encoding.name())))
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

fn agrees(label: &str, encoding: &'static Encoding) -> bool {
    label.eq_ignore_ascii_case("utf-16") && (encoding == UTF_16LE || encoding == UTF_16BE)
        || Encoding::for_label_no_replacement(label.as_bytes()) == Some(encoding)
}

/// ISO-8859-1 in the strict sense; the encoding library follows browsers and reads windows-1252 instead.
fn is_latin1(label: &str) -> bool {
    let label = label.trim();
    ["iso-8859-1", "iso8859-1", "latin1", "iso_8859-1"].iter().any(|name| label.eq_ignore_ascii_case(name))
}

/// The `encoding` of an XML declaration in an encoding that agrees with ASCII.
fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
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
            (b"<a>\xC0\xAF</a>".to_vec(), None, None),
            (e_acute.into(), Some("utf-7"), None),
            (e_acute.into(), Some("klingon"), None),
        ];
        for (bytes, charset, text) in cases {
            assert_eq!(decode(&bytes, charset).ok().as_deref(), text, "{bytes:?} {charset:?}");
        }
    }
}

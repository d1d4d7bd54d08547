//! What a message travels in: media types with their parameters, and multipart packages (SOAP with Attachments, MTOM).
//! Parsed by hand, since toolkits send unquoted parameters with colons that general parsers refuse.

#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "positions were found in the bytes they cut")]

use std::borrow::Cow;

use crate::soap::encoded::decode_base64;

/// A `Content-Type` value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype` in lower case.
    pub essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads a value, forgiving what real senders do: no space or several after `;`, unquoted values of any characters.
    pub fn parse(value: &str) -> MediaType {
        let (essence, mut rest) = value.split_once(';').unwrap_or((value, ""));
        let mut parameters = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ';']);
            let Some((name, after)) = rest.split_once('=') else { break };
            let after = after.trim_start();
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted),
                None => {
                    let (value, after) = after.split_once(';').unwrap_or((after, ""));
                    (value.trim().to_owned(), after)
                }
            };
            parameters.push((name.trim().to_ascii_lowercase(), value));
            rest = after;
        }
        MediaType { essence: essence.trim().to_ascii_lowercase(), parameters }
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a quoted string up to its closing quote; gives what follows too.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}

/// The parts of a package beside the message itself.
#[derive(Debug, Default)]
pub struct Attachments<'a> {
    parts: Vec<(&'a str, Cow<'a, [u8]>)>,
}

impl Attachments<'_> {
    /// The content of the part with that Content-ID, as it stands in a `cid:` URL.
    pub fn find(&self, id: &str) -> Option<&[u8]> {
        let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        self.parts.iter().find(|(name, _)| *name == id).map(|(_, content)| &**content)
    }
}

/// Characters of a boundary (RFC 2046 §5.1.1); each line of a package is compared with it.
const LONGEST_BOUNDARY: usize = 70;

/// A package taken apart.
#[derive(Debug)]
pub struct Package<'a> {
    /// The media type of the part that holds the envelope.
    pub root_type: MediaType,
    /// The bytes of the envelope.
    pub root: Cow<'a, [u8]>,
    /// The other parts.
    pub attachments: Attachments<'a>,
}

/// Takes a `multipart/related` body apart (RFC 2387, XOP §4.1); the root is the part that `start` names, or the first.
/// # Errors
/// A sentence for the caller: no boundary, parts that do not end, too many of them, an unknown transfer encoding.
pub fn unpack<'a>(media_type: &MediaType, body: &'a [u8], max_parts: usize) -> Result<Package<'a>, String> {
    let mut parts = split(body, boundary(media_type)?, max_parts)?;
    let start = media_type.parameter("start").map(strip_brackets);
    let root = match start {
        Some(start) => parts
            .iter()
            .position(|part| part.id == start)
            .ok_or("No part of the package is the one that 'start' names")?,
        None => 0,
    };
    if parts.is_empty() {
        return Err("The package has no parts".to_owned());
    }
    let root = parts.remove(root);
    let attachments = Attachments { parts: parts.into_iter().map(|part| (part.id, part.content)).collect() };
    Ok(Package { root_type: root.media_type, root: root.content, attachments })
}

/// A field of a form that came as a package.
#[derive(Debug)]
pub struct FormPart<'a> {
    /// Its name.
    pub name: String,
    /// The file's name, if it is a file.
    pub file: Option<String>,
    /// Its media type.
    pub media_type: MediaType,
    /// Its content.
    pub content: Cow<'a, [u8]>,
}

/// Takes a `multipart/form-data` body apart (RFC 7578).
/// # Errors
/// A sentence for the caller, as for [`unpack`]; or a part without a name.
pub fn form_parts<'a>(media_type: &MediaType, body: &'a [u8], max_parts: usize) -> Result<Vec<FormPart<'a>>, String> {
    let form_part = |part: Part<'a>| {
        let name = part.disposition.parameter("name").ok_or("A part of the form has no name")?.to_owned();
        let file = part.disposition.parameter("filename").map(str::to_owned);
        Ok(FormPart { name, file, media_type: part.media_type, content: part.content })
    };
    split(body, boundary(media_type)?, max_parts)?.into_iter().map(form_part).collect()
}

struct Part<'a> {
    id: &'a str,
    disposition: MediaType,
    media_type: MediaType,
    content: Cow<'a, [u8]>,
}

fn boundary(media_type: &MediaType) -> Result<&str, String> {
    let boundary = media_type.parameter("boundary").filter(|boundary| !boundary.is_empty());
    let boundary = boundary.ok_or("The multipart Content-Type has no boundary")?;
    match boundary.len() <= LONGEST_BOUNDARY {
        true => Ok(boundary),
        false => Err(format!("The multipart boundary is longer than {LONGEST_BOUNDARY} characters")),
    }
}

fn split<'a>(body: &'a [u8], boundary: &str, max_parts: usize) -> Result<Vec<Part<'a>>, String> {
    let delimiter = format!("--{boundary}");
    let mut at = find_delimiter(body, delimiter.as_bytes(), 0).ok_or("The package's boundary does not occur in it")?;
    let mut parts = Vec::new();
    loop {
        let rest = &body[at + delimiter.len()..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if parts.len() >= max_parts {
            return Err(format!("The package has more than {max_parts} parts"));
        }
        let begin = at
            + delimiter.len()
            + rest.iter().position(|byte| *byte == b'\n').ok_or("A part of the package has no content")?
            + 1;
        at = find_delimiter(body, delimiter.as_bytes(), begin).ok_or("The package's last part does not end")?;
        // The line break before a delimiter belongs to the delimiter.
        let content = &body[begin..at.max(begin)];
        let content =
            content.strip_suffix(b"\n").map_or(content, |content| content.strip_suffix(b"\r").unwrap_or(content));
        parts.push(part(content)?);
    }
}

/// Where the delimiter next stands at the beginning of a line.
fn find_delimiter(body: &[u8], delimiter: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        if (at == 0 || body[at - 1] == b'\n') && body[at..].starts_with(delimiter) {
            return Some(at);
        }
        at += 1 + body[at..].iter().position(|byte| *byte == b'\n')?;
    }
}

fn part(bytes: &[u8]) -> Result<Part<'_>, String> {
    let (mut id, mut media_type, mut encoding) = ("", MediaType::default(), "");
    let mut disposition = MediaType::default();
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or("A part of the package has no content")?;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let line = std::str::from_utf8(line).map_err(|_| "A header of a part is not UTF-8")?;
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-id" => id = strip_brackets(value),
            "content-disposition" => disposition = MediaType::parse(value),
            "content-type" => media_type = MediaType::parse(value),
            "content-transfer-encoding" => encoding = value.trim(),
            _ => {}
        }
    }
    let content = match encoding.to_ascii_lowercase().as_str() {
        "" | "binary" | "8bit" | "7bit" => Cow::Borrowed(rest),
        "base64" => {
            let decoded = std::str::from_utf8(rest).ok().and_then(decode_base64);
            Cow::Owned(decoded.ok_or("A part of the package is not base64, as its header says")?)
        }
        other => {
            return Err(format!(
                "The Content-Transfer-Encoding '{}' is not accepted",
                other.chars().take(40).collect::<String>()
            ));
        }
    };
    Ok(Part { id, disposition, media_type, content })
}

fn strip_brackets(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

//! JSON text to XML text, value by value as they stand: numbers must keep their digits, and a tree in memory would take
//! many times the room.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::{BASE64, ENCODING, LONGEST_NAME, MOST_WRITTEN, NAME, NAME_ENCODING, TYPE};
use crate::error::{Error, Result};
use crate::operation::json::{DEPTH, trim};
use crate::operation::tree::ITEM;
use crate::xml::name::is_ncname;
use crate::xml::read::forbidden_character;
use crate::xml::write::Writer;

/// The JSON text as an XML document; `root` is the name of its outermost element.
/// # Errors
/// Text that is not JSON, or nested deeper than our own JSON may be, or of more values than are shown as XML.
pub fn to_xml(json: &str, root: &str) -> Result<String> {
    let valid: &RawValue = serde_json::from_str(json).map_err(Error::internal)?;
    let mut walk =
        Walk { left: MOST_WRITTEN, rest: valid.get(), writer: Writer::with_capacity(json.len().saturating_mul(2)) };
    walk.writer.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    walk.value(root, &mut Vec::new(), DEPTH)?;
    Ok(walk.writer.finish())
}

/// A walk over text that is known to be JSON.
struct Walk<'j> {
    /// How many further values may be written.
    left: usize,
    rest: &'j str,
    writer: Writer,
}

type Attributes<'a> = Vec<(&'static str, &'a str)>;

impl<'j> Walk<'j> {
    /// Writes the next value as an element, which may have its name in an attribute.
    fn value(&mut self, tag: &str, attributes: &mut Attributes<'_>, depth: usize) -> Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            Error::invalid(format!("The answer holds more than {MOST_WRITTEN} values, too many for XML; ask for JSON"))
        })?;
        self.rest = trim(self.rest);
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(tag, attributes, depth),
            Some(b'[') => self.array(tag, attributes, depth),
            Some(b'"') => {
                let text = self.string()?;
                match forbidden_character(&text) {
                    None => self.writer.element(tag, attributes, &text),
                    Some(_) => {
                        attributes.push((ENCODING, BASE64));
                        self.writer.element(tag, attributes, &STANDARD.encode(&*text))
                    }
                };
                Ok(())
            }
            _ => {
                let literal = self.take(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
                let (kind, text) = match literal {
                    "null" => ("null", ""),
                    "true" | "false" => ("boolean", literal),
                    _ => ("number", literal),
                };
                attributes.push((TYPE, kind));
                self.writer.element(tag, attributes, text);
                Ok(())
            }
        }
    }

    fn object(&mut self, tag: &str, attributes: &mut Attributes<'_>, depth: usize) -> Result<()> {
        let deeper = deeper(depth)?;
        self.skip(b'{');
        if self.skip(b'}') {
            attributes.push((TYPE, "object"));
            self.writer.element(tag, attributes, "");
            return Ok(());
        }
        self.writer.open(tag, attributes);
        while !self.skip(b'}') {
            self.rest = trim(self.rest);
            let name = self.string()?;
            self.skip(b':');
            self.member(&name, deeper)?;
            self.skip(b',');
        }
        self.writer.close(tag);
        Ok(())
    }

    fn member(&mut self, name: &str, depth: usize) -> Result<()> {
        if is_plain(name) {
            return self.value(name, &mut Vec::new(), depth);
        }
        match forbidden_character(name) {
            None => self.value(ITEM, &mut vec![(NAME, name)], depth),
            Some(_) => {
                let encoded = STANDARD.encode(name);
                self.value(ITEM, &mut vec![(NAME, &encoded), (NAME_ENCODING, BASE64)], depth)
            }
        }
    }

    fn array(&mut self, tag: &str, attributes: &mut Attributes<'_>, depth: usize) -> Result<()> {
        let deeper = deeper(depth)?;
        attributes.push((TYPE, "array"));
        self.writer.open(tag, attributes);
        self.skip(b'[');
        while !self.skip(b']') {
            self.value(ITEM, &mut Vec::new(), deeper)?;
            self.skip(b',');
        }
        self.writer.close(tag);
        Ok(())
    }

    /// Takes the string that the rest begins with, and resolves its escapes.
    fn string(&mut self) -> Result<Cow<'j, str>> {
        let mut quotes = 0;
        let mut is_escaped = false;
        let quoted = self.take(|byte| {
            let ends = quotes == 2;
            quotes += u8::from(byte == b'"' && !is_escaped);
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let plain = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match plain.filter(|plain| !plain.contains('\\')) {
            Some(plain) => Ok(Cow::Borrowed(plain)),
            None => serde_json::from_str(quoted).map(Cow::Owned).map_err(Error::internal),
        }
    }

    /// Takes what stands before the first such byte, which is an ASCII character.
    fn take(&mut self, ends: impl FnMut(u8) -> bool) -> &'j str {
        let end = self.rest.bytes().position(ends).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// Steps over that byte if it comes next, and over white space before it.
    fn skip(&mut self, byte: u8) -> bool {
        let trimmed = trim(self.rest);
        let after = trimmed.strip_prefix(char::from(byte));
        self.rest = after.unwrap_or(trimmed);
        after.is_some()
    }
}

fn deeper(depth: usize) -> Result<usize> {
    depth.checked_sub(1).ok_or_else(|| Error::internal(format!("the JSON is nested more than {DEPTH} deep")))
}

/// Whether a member's name can be an element's.
fn is_plain(name: &str) -> bool {
    let is_reserved = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    is_ncname(name) && !is_reserved && name != ITEM && name.len() <= LONGEST_NAME
}

//! Writing XML: text and attributes escaped, characters that XML cannot carry replaced.
//! What is written is well-formed as long as every element that is opened is closed.

use std::borrow::Cow;

use quick_xml::escape::escape;

use crate::xml::name::is_char;
use crate::xml::read::any_byte;

/// A document being written, as UTF-8.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    /// An empty document with room for that many bytes.
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer { text: String::with_capacity(bytes) }
    }

    /// Appends markup that is known to be well-formed.
    pub fn markup(&mut self, markup: &str) -> &mut Writer {
        self.text.push_str(markup);
        self
    }

    /// Opens an element; the attributes' values are escaped.
    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Writer {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            match any_byte(value, |byte| byte < 0x20 || matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\'' | 0xEF)) {
                false => self.text.push_str(value),
                // Bare white space would be read back as spaces.
                true => self.text.push_str(
                    &escape(carriable(value)).replace('\t', "&#9;").replace('\n', "&#10;").replace('\r', "&#13;"),
                ),
            }
            self.text.push('"');
        }
        self.text.push('>');
        self
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) -> &mut Writer {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
        self
    }

    /// Appends character data.
    pub fn text(&mut self, text: &str) -> &mut Writer {
        // Base64 and most other text needs nothing done to it, and one pass shows it.
        if !any_byte(text, |byte| byte < 0x20 || matches!(byte, b'<' | b'>' | b'&' | 0xEF)) {
            self.text.push_str(text);
            return self;
        }
        let text = carriable(text);
        // Room for all of it at once: what grows bit by bit is held twice each time.
        self.text.reserve(text.len() + text.bytes().filter_map(reference).map(str::len).sum::<usize>());
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            let Some(reference) = reference(byte) else { continue };
            self.text.push_str(text.get(written..at).unwrap_or_default());
            self.text.push_str(reference);
            written = at + 1;
        }
        self.text.push_str(text.get(written..).unwrap_or_default());
        self
    }

    /// An element that holds nothing but text.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> &mut Writer {
        self.open(name, attributes).text(text).close(name)
    }

    /// The document's text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// What stands for the character in a text, if it cannot stand there itself.
fn reference(byte: u8) -> Option<&'static str> {
    match byte {
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'&' => Some("&amp;"),
        // A bare carriage return would be read back as a line feed.
        b'\r' => Some("&#13;"),
        _ => None,
    }
}

/// The text with every character that XML cannot carry replaced by U+FFFD.
fn carriable(text: &str) -> Cow<'_, str> {
    match crate::xml::read::forbidden_character(text) {
        None => Cow::Borrowed(text),
        Some(_) => text.chars().map(|c| if is_char(c) { c } else { '\u{FFFD}' }).collect::<String>().into(),
    }
}

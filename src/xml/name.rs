//! Names: what may be one (XML 1.0, fifth edition, productions 4 and 4a; Namespaces in XML 1.0), and expanded names.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// The namespace of `xml:` attributes.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of namespace declarations.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace's URI. Every name of a document may be in the same one, so a copy costs nothing, even of a URI that had
/// to be put together because it was written with references.
#[derive(Clone, Debug)]
pub enum Uri<'i> {
    /// As it stands in the text.
    Written(&'i str),
    /// Put together.
    Resolved(Arc<str>),
}

impl<'i> From<&Cow<'i, str>> for Uri<'i> {
    fn from(text: &Cow<'i, str>) -> Uri<'i> {
        match text {
            Cow::Borrowed(text) => Uri::Written(text),
            Cow::Owned(text) => Uri::Resolved(text.as_str().into()),
        }
    }
}

impl Default for Uri<'_> {
    fn default() -> Self {
        Uri::Written("")
    }
}

impl Deref for Uri<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Uri::Written(text) => text,
            Uri::Resolved(text) => text,
        }
    }
}

impl PartialEq for Uri<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Uri<'_> {}

impl PartialEq<str> for Uri<'_> {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Uri<'_> {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl Hash for Uri<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// An expanded name: a namespace, empty for none, and a local part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name<'i> {
    /// The local part. It is compared first, since it tells more names apart.
    pub local: &'i str,
    /// The namespace's URI, or nothing.
    pub namespace: Uri<'i>,
}

impl Name<'_> {
    /// Whether this is the name of that namespace and local part.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

/// Whether the text is a name without a colon.
pub fn is_ncname(text: &str) -> bool {
    // Nearly all names are ASCII, and bytes are looked at faster than characters.
    match text.as_bytes() {
        [b'a'..=b'z' | b'A'..=b'Z' | b'_', rest @ ..] if rest.iter().all(|byte| is_plain_name_byte(*byte)) => true,
        bytes if bytes.is_ascii() => false,
        _ => {
            let mut chars = text.chars();
            chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
        }
    }
}

fn is_plain_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Splits a qualified name into prefix (empty for none) and local part; `None` if it is not one.
pub fn split(qualified: &str) -> Option<(&str, &str)> {
    let colon = qualified.bytes().position(|byte| byte == b':');
    let (prefix, local) = colon.and_then(|at| qualified.split_at_checked(at)).unwrap_or(("", qualified));
    match local.strip_prefix(':') {
        None => is_ncname(local).then_some(("", local)),
        Some(local) => (is_ncname(prefix) && is_ncname(local)).then_some((prefix, local)),
    }
}

/// Whether the character may stand in a document at all (production 2).
pub fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn is_name_start(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '_' => true,
        _ if c.is_ascii() => false,
        _ => matches!(c,
            '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
            | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
            | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}'),
    }
}

fn is_name_char(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '_' | '0'..='9' | '-' | '.' => true,
        _ if c.is_ascii() => false,
        _ => is_name_start(c) || matches!(c, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}'),
    }
}

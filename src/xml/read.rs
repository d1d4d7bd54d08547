//! The strict reader: well-formed, namespace-well-formed, within limits, or refused.
//! quick-xml finds the markup; names, attributes, references, the declaration and the document's shape are checked here,
//! because a tokenizer alone lets much pass that is not XML. DTDs and processing instructions are refused (SOAP 1.1 §3,
//! SOAP 1.2 §5).

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "positions were found in the text they cut, beside characters of ASCII"
)]

use std::borrow::Cow;
use std::collections::HashSet;

use quick_xml::Reader as Tokenizer;
use quick_xml::events::Event;

use crate::xml::name::{self, Name, Uri};
use crate::xml::{Limits, XmlError};

/// What the reader finds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'i> {
    /// An element begins; its attributes are in [`Reader::attributes`].
    Start(Name<'i>),
    /// Character data, references resolved and line ends normalised. Adjacent pieces come one by one.
    Text(Cow<'i, str>),
    /// The innermost element ends.
    End,
    /// The document ended.
    Eof,
}

/// An attribute that is not a namespace declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'i> {
    /// Its expanded name.
    pub name: Name<'i>,
    /// Its value, normalised.
    pub value: Cow<'i, str>,
}

struct Binding<'i> {
    prefix: &'i str,
    uri: Uri<'i>,
}

struct Open {
    bindings: usize,
    children: usize,
}

/// A pull reader over one document.
pub struct Reader<'i> {
    tokens: Tokenizer<&'i [u8]>,
    input: &'i str,
    limits: Limits,
    bindings: Vec<Binding<'i>>,
    open: Vec<Open>,
    attributes: Vec<Attribute<'i>>,
    raw: Vec<(&'i str, Cow<'i, str>)>,
    nodes: usize,
    empty: bool,
    rooted: bool,
}

impl<'i> Reader<'i> {
    /// A reader of that text.
    pub fn new(input: &'i str, limits: Limits) -> Reader<'i> {
        let mut tokens = Tokenizer::from_str(input);
        tokens.config_mut().check_comments = true;
        Reader {
            tokens,
            input,
            limits,
            bindings: Vec::with_capacity(8),
            open: Vec::with_capacity(8),
            attributes: Vec::new(),
            raw: Vec::new(),
            nodes: 0,
            empty: false,
            rooted: false,
        }
    }

    /// The attributes of the element that [`Token::Start`] last announced.
    pub fn attributes(&self) -> &[Attribute<'i>] {
        &self.attributes
    }

    /// Moves the attributes of the element that [`Token::Start`] last announced to the end of `into`.
    pub(crate) fn take_attributes(&mut self, into: &mut Vec<Attribute<'i>>) {
        into.append(&mut self.attributes);
    }

    /// The namespace that a prefix (empty for the default) is bound to here; empty for none, `None` if it is not bound.
    pub fn resolve(&self, prefix: &str) -> Option<&Uri<'i>> {
        self.bindings.iter().rev().find(|binding| binding.prefix == prefix).map(|binding| &binding.uri)
    }

    /// Where in the text the reader stands, in bytes.
    pub fn offset(&self) -> usize {
        usize::try_from(self.tokens.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The next token.
    /// # Errors
    /// Text that is not well-formed or exceeds a limit; the reader is of no use after that.
    pub fn token(&mut self) -> Result<Token<'i>, XmlError> {
        if self.empty {
            self.empty = false;
            self.close();
            return Ok(Token::End);
        }
        loop {
            let before = self.offset();
            // The tokenizer would skip a byte order mark without counting it, and every slice after it would be shifted.
            if before == 0 && self.input.starts_with('\u{FEFF}') {
                self.inside(before)?;
            }
            let event = self.tokens.read_event().map_err(|error| XmlError::new(plain(&error), before))?;
            match event {
                Event::Start(tag) => return self.start(tag.len(), 1, before),
                Event::Empty(tag) => {
                    self.empty = true;
                    return self.start(tag.len(), 2, before);
                }
                Event::End(_) => {
                    self.close();
                    return Ok(Token::End);
                }
                Event::Text(text) => {
                    if let Some(text) = self.text(text.into_inner(), before)? {
                        return Ok(Token::Text(text));
                    }
                }
                Event::CData(text) => {
                    self.inside(before)?;
                    return Ok(Token::Text(line_ends(text.into_inner())));
                }
                Event::GeneralRef(reference) => {
                    self.inside(before)?;
                    let c = resolve_reference(&reference).ok_or_else(|| refused_reference(&reference, before))?;
                    return Ok(Token::Text(Cow::Owned(c.to_string())));
                }
                Event::Comment(comment) => {
                    if comment.ends_with('-') {
                        return Err(XmlError::new("A comment may not end with '--->'", before));
                    }
                }
                Event::Decl(_) => self.declaration(before)?,
                Event::PI(_) => return Err(XmlError::new("Processing instructions are not accepted", before)),
                Event::DocType(_) => {
                    return Err(XmlError::new("A document type declaration (DTD) is not accepted", before));
                }
                Event::Eof => return self.end(before),
            }
        }
    }

    fn end(&self, offset: usize) -> Result<Token<'i>, XmlError> {
        match (self.open.is_empty(), self.rooted) {
            (false, _) => Err(XmlError::new("The document ends before its elements do", offset)),
            (true, false) => Err(XmlError::new("The document has no root element", offset)),
            (true, true) => Ok(Token::Eof),
        }
    }

    fn inside(&self, offset: usize) -> Result<(), XmlError> {
        match self.open.is_empty() {
            true => Err(XmlError::new("Text is not allowed outside of the root element", offset)),
            false => Ok(()),
        }
    }

    fn text(&self, text: Cow<'i, str>, offset: usize) -> Result<Option<Cow<'i, str>>, XmlError> {
        if self.open.is_empty() {
            let blank = text.bytes().all(is_space);
            return if blank { Ok(None) } else { self.inside(offset).map(|()| None) };
        }
        if text.as_bytes().contains(&b']') && text.contains("]]>") {
            return Err(XmlError::new("The text contains ']]>'", offset));
        }
        Ok(Some(line_ends(text)))
    }

    fn declaration(&self, offset: usize) -> Result<(), XmlError> {
        let end = self.offset();
        let text = &self.input[offset..end];
        match offset == 0 && is_declaration(text) {
            true => Ok(()),
            false => Err(XmlError::new("The XML declaration is malformed or not at the document's beginning", offset)),
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.bindings.truncate(open.bindings);
        }
    }

    /// `length` is that of the tag's content, `closing` that of what follows it: `>` or `/>`.
    fn start(&mut self, length: usize, closing: usize, offset: usize) -> Result<Token<'i>, XmlError> {
        let end = self.offset() - closing;
        let content = &self.input[end - length..end];
        self.enter(offset)?;
        let name_end = content.bytes().position(is_space).unwrap_or(content.len());
        let (qualified, rest) = content.split_at(name_end);
        if qualified.len() > self.limits.name_length {
            return Err(XmlError::new(
                format!("An element's name is longer than {} bytes", self.limits.name_length),
                offset,
            ));
        }
        let (prefix, local) = name::split(qualified)
            .ok_or_else(|| XmlError::new(format!("'{}' is not an element's name", clip(qualified)), offset))?;
        self.read_attributes(rest, offset)?;
        self.declare(offset)?;
        let namespace = self.namespace_of(prefix, offset)?;
        self.expand_attributes(offset)?;
        Ok(Token::Start(Name { namespace, local }))
    }

    fn enter(&mut self, offset: usize) -> Result<(), XmlError> {
        match self.open.last_mut() {
            None if self.rooted => return Err(XmlError::new("The document has a second root element", offset)),
            None => self.rooted = true,
            Some(parent) => {
                parent.children += 1;
                if parent.children > self.limits.children {
                    return Err(XmlError::new(
                        format!("An element has more than {} children", self.limits.children),
                        offset,
                    ));
                }
            }
        }
        if self.open.len() >= self.limits.depth {
            return Err(XmlError::new(format!("Elements are nested more than {} deep", self.limits.depth), offset));
        }
        self.open.push(Open { bindings: self.bindings.len(), children: 0 });
        self.count(1, offset)
    }

    fn count(&mut self, nodes: usize, offset: usize) -> Result<(), XmlError> {
        self.nodes += nodes;
        match self.nodes > self.limits.nodes {
            true => {
                let message = format!("The document has more than {} elements and attributes", self.limits.nodes);
                Err(XmlError::new(message, offset))
            }
            false => Ok(()),
        }
    }

    /// Splits a tag's attributes into qualified names and values.
    fn read_attributes(&mut self, mut rest: &'i str, offset: usize) -> Result<(), XmlError> {
        self.raw.clear();
        loop {
            let trimmed = trim_start(rest);
            if trimmed.is_empty() {
                return self.count(self.raw.len(), offset);
            }
            if trimmed.len() == rest.len() {
                return Err(XmlError::new("White space is missing before an attribute", offset));
            }
            if self.raw.len() >= self.limits.attributes {
                return Err(XmlError::new(
                    format!("An element has more than {} attributes", self.limits.attributes),
                    offset,
                ));
            }
            let malformed = || XmlError::new("An attribute is not of the form name=\"value\"", offset);
            let (key, after) = split_at_byte(trimmed, b'=').ok_or_else(malformed)?;
            let key = key.trim_end_matches(is_space_char);
            let after = trim_start(after);
            let quote = after.bytes().next().filter(|byte| matches!(byte, b'"' | b'\'')).ok_or_else(malformed)?;
            let (value, after) = split_at_byte(&after[1..], quote).ok_or_else(malformed)?;
            if key.len() > self.limits.name_length || value.len() > self.limits.attribute_length {
                return Err(XmlError::new("An attribute's name or value is too long", offset));
            }
            self.raw.push((key, attribute_value(value, offset)?));
            rest = after;
        }
    }

    /// Takes the namespace declarations among the raw attributes into scope.
    fn declare(&mut self, offset: usize) -> Result<(), XmlError> {
        let scope = self.open.last().map_or(0, |open| open.bindings);
        for (key, value) in &self.raw {
            let prefix = match key.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => &rest[1..],
                _ => continue,
            };
            if key.len() > "xmlns".len() && !name::is_ncname(prefix) {
                return Err(XmlError::new(format!("'{}' is not a namespace prefix", clip(prefix)), offset));
            }
            let reserved = match prefix {
                "xml" => value != name::XML,
                "xmlns" => true,
                _ => value == name::XML || value == name::XMLNS,
            };
            if reserved || !prefix.is_empty() && value.is_empty() {
                return Err(XmlError::new(
                    format!("The namespace prefix '{}' may not be bound so", clip(prefix)),
                    offset,
                ));
            }
            if self.bindings[scope..].iter().any(|binding| binding.prefix == prefix) {
                return Err(XmlError::new(
                    format!("The namespace prefix '{}' is declared twice", clip(prefix)),
                    offset,
                ));
            }
            if self.bindings.len() >= self.limits.namespaces {
                let message = format!("More than {} namespace declarations are in scope", self.limits.namespaces);
                return Err(XmlError::new(message, offset));
            }
            // Names are compared by it over and over, so its length must be bounded like theirs.
            if value.len() > self.limits.name_length {
                let message = format!("A namespace's name is longer than {} bytes", self.limits.name_length);
                return Err(XmlError::new(message, offset));
            }
            self.bindings.push(Binding { prefix, uri: value.into() });
        }
        Ok(())
    }

    fn namespace_of(&self, prefix: &str, offset: usize) -> Result<Uri<'i>, XmlError> {
        match (self.resolve(prefix), prefix) {
            (Some(uri), _) => Ok(uri.clone()),
            (None, "") => Ok(Uri::default()),
            (None, "xml") => Ok(Uri::Written(name::XML)),
            (None, _) => Err(XmlError::new(format!("The namespace prefix '{}' is not declared", clip(prefix)), offset)),
        }
    }

    fn expand_attributes(&mut self, offset: usize) -> Result<(), XmlError> {
        self.attributes.clear();
        let raw = std::mem::take(&mut self.raw);
        for (key, value) in &raw {
            if *key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let (prefix, local) = name::split(key)
                .ok_or_else(|| XmlError::new(format!("'{}' is not an attribute's name", clip(key)), offset))?;
            // The default namespace does not apply to attributes.
            let namespace = match prefix {
                "" => Uri::default(),
                _ => self.namespace_of(prefix, offset)?,
            };
            self.attributes.push(Attribute { name: Name { namespace, local }, value: value.clone() });
        }
        self.raw = raw;
        match has_duplicates(&self.attributes) {
            true => Err(XmlError::new("An element has the same attribute twice", offset)),
            false => Ok(()),
        }
    }
}

fn has_duplicates(attributes: &[Attribute<'_>]) -> bool {
    // Comparing pairs is fastest for the handful that real elements have; a set keeps hostile ones linear.
    if attributes.len() <= 16 {
        let later = |index: usize| &attributes[index + 1..];
        return attributes
            .iter()
            .enumerate()
            .any(|(index, one)| later(index).iter().any(|other| other.name == one.name));
    }
    let mut seen = HashSet::with_capacity(attributes.len());
    !attributes.iter().all(|attribute| seen.insert(&attribute.name))
}

fn attribute_value(raw: &str, offset: usize) -> Result<Cow<'_, str>, XmlError> {
    if !raw.bytes().any(|byte| matches!(byte, b'<' | b'&' | b'\t' | b'\n' | b'\r')) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['<', '&', '\t', '\n', '\r']) {
        value.push_str(&rest[..at]);
        let found = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match found {
            b'<' => return Err(XmlError::new("An attribute's value contains '<'", offset)),
            b'&' => {
                let (reference, after) =
                    rest.split_once(';').ok_or_else(|| XmlError::new("A reference does not end with ';'", offset))?;
                value.push(resolve_reference(reference).ok_or_else(|| refused_reference(reference, offset))?);
                rest = after;
            }
            b'\r' => {
                value.push(' ');
                rest = rest.strip_prefix('\n').unwrap_or(rest);
            }
            _ => value.push(' '),
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// The character that a reference, without `&` and `;`, stands for.
fn resolve_reference(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let (digits, radix) = match reference.strip_prefix("#x") {
                Some(digits) => (digits, 16),
                None => (reference.strip_prefix('#')?, 10),
            };
            // The parser would take a sign, which a reference may not have.
            let plain = digits.chars().all(|c| c.is_digit(radix));
            let number = u32::from_str_radix(digits, radix).ok().filter(|_| plain)?;
            char::from_u32(number).filter(|c| name::is_char(*c))
        }
    }
}

fn refused_reference(reference: &str, offset: usize) -> XmlError {
    XmlError::new(format!("The reference '&{};' is not accepted", clip(reference)), offset)
}

/// XML 1.0 production 23: version, then perhaps encoding, then perhaps standalone.
fn is_declaration(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix("<?xml").and_then(|text| text.strip_suffix("?>")) else { return false };
    let Some(version) = pseudo_attribute(&mut rest, "version") else { return false };
    if !version.strip_prefix("1.").is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    let encoding = pseudo_attribute(&mut rest, "encoding").is_none_or(|encoding| {
        encoding.starts_with(|c: char| c.is_ascii_alphabetic())
            && encoding.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    });
    let standalone = pseudo_attribute(&mut rest, "standalone").is_none_or(|value| matches!(value, "yes" | "no"));
    encoding && standalone && rest.bytes().all(is_space)
}

fn pseudo_attribute<'t>(rest: &mut &'t str, name: &str) -> Option<&'t str> {
    let trimmed = rest.trim_start_matches(is_space_char);
    if trimmed.len() == rest.len() {
        return None;
    }
    let value = trimmed.strip_prefix(name)?.trim_start_matches(is_space_char).strip_prefix('=')?;
    let value = value.trim_start_matches(is_space_char);
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = value[1..].split_once(quote)?;
    *rest = after;
    Some(value)
}

fn line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.as_bytes().contains(&b'\r') {
        return text;
    }
    let Some(first) = text.find('\r') else { return text };
    let mut normalised = String::with_capacity(text.len());
    normalised.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(after) = rest.strip_prefix('\r') {
        normalised.push('\n');
        let after = after.strip_prefix('\n').unwrap_or(after);
        let (line, next) = after.split_at(after.find('\r').unwrap_or(after.len()));
        normalised.push_str(line);
        rest = next;
    }
    Cow::Owned(normalised)
}

/// Finds the first character that no XML document may contain, as a byte offset.
pub fn forbidden_character(text: &str) -> Option<usize> {
    // Whole blocks first, without a branch a byte, so that the compiler can use wide instructions. U+FFFE and U+FFFF
    // begin with 0xEF, which real text rarely holds.
    let suspicious = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0xEF;
    match any_byte(text, suspicious) {
        false => None,
        true => text.char_indices().find(|(_, c)| !name::is_char(*c)).map(|(offset, _)| offset),
    }
}

/// Whether any byte of the text is one of those.
pub(crate) fn any_byte(text: &str, wanted: impl Fn(u8) -> bool) -> bool {
    text.as_bytes().chunks(64).any(|block| block.iter().fold(false, |found, byte| found | wanted(*byte)))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn trim_start(text: &str) -> &str {
    &text[text.bytes().position(|byte| !is_space(byte)).unwrap_or(text.len())..]
}

/// What stands before and after the first byte of that value, which is an ASCII character.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|other| other == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

fn is_space_char(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn plain(error: &quick_xml::Error) -> String {
    use quick_xml::Error;
    match error {
        Error::Syntax(error) => format!("The XML is malformed: {error}"),
        Error::IllFormed(error) => format!("The XML is not well-formed: {error}"),
        _ => "The text is not well-formed XML".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let mut reader = Reader::new(text, Limits::default());
        loop {
            match reader.token() {
                Ok(Token::Eof) => return String::new(),
                Ok(_) => {}
                Err(error) => return error.message,
            }
        }
    }

    #[test]
    fn line_ends_become_line_feeds() {
        for text in ["", "a", "\r", "\n", "\r\n", "a\r\r\nb\n\rc\r", "\r\r\r", "\n\n", "a\r\n\r\nb\r"] {
            assert_eq!(line_ends(text.into()), text.replace("\r\n", "\n").replace('\r', "\n"), "{text:?}");
        }
    }

    #[test]
    fn what_a_tokenizer_lets_pass_is_refused_here() {
        for (text, words) in [
            // A mark that the tokenizer skips would shift every name by its length.
            ("\u{FEFF}<aaa/>", "outside of the root element"),
            ("\u{FEFF}\u{FEFF}<aaa/>", "outside of the root element"),
            ("<a b=\"&amp\"/>", "does not end with ';'"),
            ("<a b=\"&amp b;\"/>", "is not accepted"),
            ("<a xmlns:=\"u\"/>", "is not a namespace prefix"),
            ("<a xmlns:b:c=\"u\"/>", "is not a namespace prefix"),
            ("<a b:=\"u\"/>", "is not an attribute's name"),
            ("<a b=\"1\" / >", "name=\"value\""),
        ] {
            assert!(refusal(text).contains(words), "{text}: '{}'", refusal(text));
        }
    }
}

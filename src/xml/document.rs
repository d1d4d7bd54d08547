//! A whole document as two flat tables, elements and attributes, whose texts are slices of the input.
//! There is nothing to recurse into and nothing to free but two vectors, however deep or wide the document is.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "indices are of rows this file has pushed, and the limits keep their number far below 2^32"
)]

use std::borrow::Cow;

use crate::xml::name::{Name, Uri};
use crate::xml::read::{Attribute, Reader, Token, forbidden_character};
use crate::xml::{Limits, XmlError};

/// The namespace of `xsi:type` and `xsi:nil`.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A document.
#[derive(Debug)]
pub struct Document<'i> {
    elements: Vec<ElementRow<'i>>,
    attributes: Vec<Attribute<'i>>,
}

#[derive(Debug)]
struct ElementRow<'i> {
    name: Name<'i>,
    text: Cow<'i, str>,
    /// The namespace that the prefix of `xsi:type` stands for, since prefixes are forgotten after reading.
    type_namespace: Uri<'i>,
    attributes: (u32, u32),
    /// The element after this one and all within it.
    end: u32,
}

impl<'i> Document<'i> {
    /// Reads a document.
    /// # Errors
    /// Text that is not a namespace-well-formed document without DTD, or exceeds a limit.
    pub fn read(input: &'i str, limits: Limits) -> Result<Document<'i>, XmlError> {
        if let Some(offset) = forbidden_character(input) {
            return Err(XmlError::new("The text contains a character that XML does not allow", offset));
        }
        let mut reader = Reader::new(input, limits);
        let mut document =
            Document { elements: Vec::with_capacity(most_elements(input, limits)), attributes: Vec::with_capacity(24) };
        let mut open: Vec<usize> = Vec::with_capacity(8);
        loop {
            match reader.token()? {
                Token::Start(name) => {
                    open.push(document.elements.len());
                    document.push(name, &mut reader);
                }
                Token::Text(text) => {
                    if let Some(index) = open.last() {
                        append(&mut document.elements[*index].text, text);
                    }
                }
                Token::End => {
                    if let Some(index) = open.pop() {
                        document.elements[index].end = document.elements.len() as u32;
                    }
                }
                Token::Eof => return Ok(document),
            }
        }
    }

    fn push(&mut self, name: Name<'i>, reader: &mut Reader<'i>) {
        let first = self.attributes.len();
        reader.take_attributes(&mut self.attributes);
        let attributes = &self.attributes[first..];
        let type_namespace = attributes
            .iter()
            .find(|attribute| attribute.name.is(XSI, "type"))
            .and_then(|attribute| {
                reader.resolve(attribute.value.split_once(':').map_or("", |(prefix, _)| prefix.trim()))
            })
            .cloned()
            .unwrap_or_default();
        let attributes = (first as u32, self.attributes.len() as u32);
        self.elements.push(ElementRow { name, text: Cow::Borrowed(""), type_namespace, attributes, end: 0 });
    }

    /// The root element.
    pub fn root(&self) -> Element<'_, 'i> {
        Element { document: self, index: 0 }
    }

    /// Every element, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_, 'i>> {
        (0..self.elements.len()).map(|index| Element { document: self, index })
    }
}

/// Growing the table of a large document step by step would take twice its memory.
fn most_elements(input: &str, limits: Limits) -> usize {
    match input.len() {
        0..=65_536 => 24,
        _ => input.bytes().filter(|byte| *byte == b'<').count().min(limits.nodes),
    }
}

fn append<'i>(text: &mut Cow<'i, str>, piece: Cow<'i, str>) {
    match text.is_empty() {
        true => *text = piece,
        false => text.to_mut().push_str(&piece),
    }
}

/// An element of a document.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d, 'i> {
    document: &'d Document<'i>,
    index: usize,
}

impl<'d, 'i> Element<'d, 'i> {
    fn row(self) -> &'d ElementRow<'i> {
        &self.document.elements[self.index]
    }

    /// Its expanded name.
    pub fn name(self) -> &'d Name<'i> {
        &self.row().name
    }

    /// Its local name.
    pub fn local(self) -> &'i str {
        self.row().name.local
    }

    /// The character data directly within it, in one piece.
    pub fn text(self) -> &'d str {
        &self.row().text
    }

    /// Its attributes without the namespace declarations.
    pub fn attributes(self) -> &'d [Attribute<'i>] {
        let (first, end) = self.row().attributes;
        &self.document.attributes[first as usize..end as usize]
    }

    /// The value of the attribute of that name.
    pub fn attribute(self, namespace: &str, local: &str) -> Option<&'d str> {
        self.attributes()
            .iter()
            .find(|attribute| attribute.name.is(namespace, local))
            .map(|attribute| &*attribute.value)
    }

    /// The expanded name that `xsi:type` gives, if there is one: namespace, empty for none, and local part.
    pub fn xsi_type(self) -> Option<(&'d str, &'d str)> {
        let value = self.attribute(XSI, "type")?.trim();
        let local = value.split_once(':').map_or(value, |(_, local)| local);
        Some((&self.row().type_namespace, local))
    }

    /// Whether `xsi:nil` says that there is no value.
    pub fn is_nil(self) -> bool {
        self.attribute(XSI, "nil").is_some_and(|value| matches!(value.trim(), "true" | "1"))
    }

    /// The elements directly within it.
    pub fn children(self) -> Children<'d, 'i> {
        Children { document: self.document, next: self.index + 1, end: self.row().end as usize }
    }

    /// It and all elements within it, in document order.
    pub fn subtree(self) -> impl Iterator<Item = Element<'d, 'i>> {
        let document = self.document;
        (self.index..self.row().end as usize).map(move |index| Element { document, index })
    }

    /// How many elements it and all within it are.
    pub fn size(self) -> usize {
        self.row().end as usize - self.index
    }

    /// The first child of that expanded name.
    pub fn child(self, namespace: &str, local: &str) -> Option<Element<'d, 'i>> {
        self.children().find(|child| child.name().is(namespace, local))
    }
}

/// The elements directly within one.
#[derive(Clone)]
pub struct Children<'d, 'i> {
    document: &'d Document<'i>,
    next: usize,
    end: usize,
}

impl<'d, 'i> Iterator for Children<'d, 'i> {
    type Item = Element<'d, 'i>;

    fn next(&mut self) -> Option<Element<'d, 'i>> {
        if self.next >= self.end {
            return None;
        }
        let element = Element { document: self.document, index: self.next };
        self.next = element.row().end as usize;
        Some(element)
    }
}

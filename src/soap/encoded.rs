//! Values of a message whatever way they are laid out: literal elements, section 5 structures with `href` and `id`,
//! arrays, Apache maps, attachments. Readers above see members, items and text, and nothing of the encoding.
//!
//! References are followed under a budget, and nothing is ever sized by what a message declares about itself.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, Result};
use crate::soap::media::Attachments;
use crate::soap::version::Version;
use crate::xml::document::Element;

/// The namespace of `xop:Include` (XML-binary Optimized Packaging).
const XOP: &str = "http://www.w3.org/2004/08/xop/include";
/// Elements that references may lead to, each counted with all within it and again each time it is led to; far more
/// than any real message holds.
const BUDGET: usize = 100_000;
/// Bytes of text by which references may make a message larger.
const TEXT: usize = 1 << 20;
/// References that may stand behind each other.
const CHAIN: usize = 8;

static LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads base64 in the standard or the URL-safe alphabet, with or without padding, white space ignored.
/// `None` if it is not base64.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let plain = text.bytes().all(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'-' | b'_'));
    if plain {
        return LENIENT.decode(text).ok();
    }
    let standard: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    LENIENT.decode(standard).ok()
}

/// Writes base64 in the standard alphabet, with padding.
pub fn encode_base64(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

/// What a message's values refer to: elements with an `id`, and attachments.
pub struct Context<'a> {
    body: Element<'a, 'a>,
    attachments: &'a Attachments<'a>,
    identified: OnceCell<HashMap<&'a str, Element<'a, 'a>>>,
    budget: Cell<usize>,
    text: Cell<usize>,
}

/// A text value, or bytes where the message marks them as such.
#[derive(Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text as it stands.
    Text(Cow<'a, str>),
    /// Bytes: typed `base64Binary`, or an attachment.
    Binary(Cow<'a, [u8]>),
}

/// A value of a message. A nil value never becomes one: it is absent.
#[derive(Clone, Copy)]
pub struct Value<'c> {
    context: &'c Context<'c>,
    element: Element<'c, 'c>,
}

impl<'a> Context<'a> {
    /// The context of one message, which has that many bytes.
    pub fn new(body: Element<'a, 'a>, attachments: &'a Attachments<'a>, size: usize) -> Context<'a> {
        let text = Cell::new(size.saturating_add(TEXT));
        Context { body, attachments, identified: OnceCell::new(), budget: Cell::new(BUDGET), text }
    }

    /// The value of an element; `None` if it is nil.
    /// # Errors
    /// A reference that leads nowhere.
    pub fn value(&'a self, element: Element<'a, 'a>) -> Result<Option<Value<'a>>> {
        let element = self.resolve(element)?;
        Ok((!element.is_nil()).then_some(Value { context: self, element }))
    }

    fn resolve(&self, mut element: Element<'a, 'a>) -> Result<Element<'a, 'a>> {
        for _ in 0..CHAIN {
            let Some(id) = reference(element) else { return Ok(element) };
            element = *self.identified()?.get(id).ok_or_else(|| {
                Error::invalid(format!("The reference '#{}' of {} leads nowhere", clip(id), element.local()))
            })?;
            // Whoever reads the value may look at everything in it.
            let left = self
                .budget
                .get()
                .checked_sub(element.size())
                .ok_or_else(|| Error::invalid("The message's references expand to too many elements"))?;
            self.budget.set(left);
        }
        Err(Error::invalid(format!("The references at {} form a circle", element.local())))
    }

    fn spend(&self, bytes: usize) -> Result<()> {
        let left = self.text.get().checked_sub(bytes);
        self.text.set(left.ok_or_else(|| Error::invalid("The message's references expand to too much text"))?);
        Ok(())
    }

    fn identified(&self) -> Result<&HashMap<&'a str, Element<'a, 'a>>> {
        if let Some(map) = self.identified.get() {
            return Ok(map);
        }
        let mut map = HashMap::new();
        for element in self.body.subtree() {
            let Some(id) = element.attributes().iter().find(|a| {
                a.name.local == "id" && (a.name.namespace.is_empty() || Version::is_encoding(&a.name.namespace))
            }) else {
                continue;
            };
            if map.insert(&*id.value, element).is_some() {
                return Err(Error::invalid(format!("The id '{}' is given twice", clip(&id.value))));
            }
        }
        Ok(self.identified.get_or_init(|| map))
    }
}

impl<'c> Value<'c> {
    /// The element that holds it, with references followed.
    pub fn element(self) -> Element<'c, 'c> {
        self.element
    }

    /// The value's members by name: the children of a structure, or the entries of an Apache map.
    /// # Errors
    /// A reference that leads nowhere, or a map entry without key and value.
    pub fn members(self) -> Result<Vec<(Cow<'c, str>, Option<Value<'c>>)>> {
        if !self.is_map() {
            return self
                .element
                .children()
                .map(|child| Ok((Cow::Borrowed(child.local()), self.context.value(child)?)))
                .collect();
        }
        self.element.children().filter(|item| item.local() == "item").map(|item| self.entry(item)).collect()
    }

    fn entry(self, item: Element<'c, 'c>) -> Result<(Cow<'c, str>, Option<Value<'c>>)> {
        let part = |name: &str| {
            item.children()
                .find(|child| child.local() == name)
                .ok_or_else(|| Error::invalid(format!("An entry of the map {} has no '{name}'", self.element.local())))
        };
        let key = self
            .context
            .value(part("key")?)?
            .ok_or_else(|| Error::invalid(format!("A key of the map {} is nil", self.element.local())))?;
        Ok((key.text()?, self.context.value(part("value")?)?))
    }

    /// The member of that name; absent, empty of content by `xsi:nil`, and not there are the same.
    /// # Errors
    /// Two members of that name: taking the first or the last would both be guesses.
    pub fn member(self, name: &str) -> Result<Option<Value<'c>>> {
        // The common layout needs no list of its own.
        if !self.is_map() {
            let mut named = self.element.children().filter(|child| child.local() == name);
            return match (named.next(), named.next()) {
                (None, _) => Ok(None),
                (Some(child), None) => self.context.value(child),
                (Some(_), Some(_)) => Err(Error::invalid(format!("{name} is given twice"))),
            };
        }
        let mut named = self.members()?.into_iter().filter(|(key, _)| key == name);
        match (named.next(), named.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => Ok(value),
            (Some(_), Some(_)) => Err(Error::invalid(format!("{name} is given twice"))),
        }
    }

    /// The items, if the value is an array: typed as one, or made of nothing but `item` elements.
    /// # Errors
    /// A reference that leads nowhere.
    pub fn items(self) -> Result<Option<Vec<Value<'c>>>> {
        let typed = self.type_name() == Some("Array")
            || self.element.attributes().iter().any(|a| {
                matches!(a.name.local, "arrayType" | "itemType" | "arraySize")
                    && Version::is_encoding(&a.name.namespace)
            });
        let mut children = self.element.children();
        let itemised =
            !self.is_map() && children.clone().next().is_some() && children.all(|child| child.local() == "item");
        if !typed && !itemised {
            return Ok(None);
        }
        let items = self.element.children().filter_map(|child| self.context.value(child).transpose());
        items.collect::<Result<Vec<_>>>().map(Some)
    }

    /// Whether it has members or items rather than text.
    pub fn is_structure(self) -> bool {
        self.element.children().next().is_some() && self.attachment_name().is_none()
    }

    /// The value's text or bytes.
    /// # Errors
    /// Elements where text belongs, base64 that is none, an attachment that is not in the message.
    pub fn content(self) -> Result<Content<'c>> {
        if let Some(name) = self.attachment_name() {
            return self.attachment(name);
        }
        if self.is_structure() {
            return Err(Error::invalid(format!("{} holds elements where text is expected", self.element.local())));
        }
        let text = self.element.text();
        self.context.spend(text.len())?;
        match self.element.xsi_type() {
            Some((namespace, "base64Binary" | "base64")) if !namespace.is_empty() => {
                let bytes = decode_base64(text).ok_or_else(|| {
                    Error::invalid(format!("{} is not base64, as its type says", self.element.local()))
                })?;
                Ok(Content::Binary(Cow::Owned(bytes)))
            }
            _ => Ok(Content::Text(Cow::Borrowed(text))),
        }
    }

    /// The value's text; bytes are read as UTF-8.
    /// # Errors
    /// As for [`Value::content`], or bytes that are not UTF-8.
    pub fn text(self) -> Result<Cow<'c, str>> {
        match self.content()? {
            Content::Text(text) => Ok(text),
            Content::Binary(Cow::Borrowed(bytes)) => {
                std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| self.not_text())
            }
            Content::Binary(Cow::Owned(bytes)) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| self.not_text()),
        }
    }

    fn not_text(self) -> Error {
        Error::invalid(format!("{} is not text in UTF-8", self.element.local()))
    }

    /// The local part of its `xsi:type`, if it has one.
    pub fn type_name(self) -> Option<&'c str> {
        self.element.xsi_type().map(|(_, local)| local)
    }

    /// Typed as a map, or, as PHP writes header blocks, made of entries without saying so.
    pub fn is_map(self) -> bool {
        let is_entry = |item: Element<'c, 'c>| {
            let has = |name: &str| item.children().any(|child| child.local() == name);
            item.local() == "item" && has("key") && has("value")
        };
        match self.type_name() {
            Some(name) => name == "Map",
            None => self.element.children().next().is_some_and(is_entry),
        }
    }

    /// What `xop:Include` (MTOM) or an `href` that is no fragment (SOAP with Attachments) points to.
    fn attachment_name(self) -> Option<&'c str> {
        let included = self.element.child(XOP, "Include").and_then(|include| include.attribute("", "href"));
        included.or_else(|| self.element.attribute("", "href").filter(|href| !href.starts_with('#')))
    }

    fn attachment(self, name: &'c str) -> Result<Content<'c>> {
        let refused = || {
            Error::invalid(format!(
                "{} refers to '{}', which is not an attachment of this message",
                self.element.local(),
                clip(name)
            ))
        };
        let id = name.strip_prefix("cid:").ok_or_else(refused)?;
        let bytes = self.context.attachments.find(id).ok_or_else(refused)?;
        self.context.spend(bytes.len())?;
        Ok(Content::Binary(Cow::Borrowed(bytes)))
    }
}

/// The id that an element refers to: `href="#id"` (SOAP 1.1 §5.4.1) or `enc:ref="id"` (SOAP 1.2 part 2 §3.1.5).
fn reference<'a>(element: Element<'a, 'a>) -> Option<&'a str> {
    element.attributes().iter().find_map(|attribute| match attribute.name.local {
        "href" if attribute.name.namespace.is_empty() => attribute.value.strip_prefix('#'),
        "ref" if Version::is_encoding(&attribute.name.namespace) => Some(&*attribute.value),
        _ => None,
    })
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}

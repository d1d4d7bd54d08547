//! XML text to values: what [`to_xml`](super::to_xml) wrote, and what clients write that know nothing of it.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{BASE64, ENCODING, LONGEST_NAME, MOST_SHOWN, NAME, NAME_ENCODING, TYPE};
use crate::error::{Error, Result};
use crate::operation::json::{DEPTH, MOST_VALUES, is_number, trim};
use crate::operation::tree::{ITEM, Node, Tree};
use crate::xml::Limits;
use crate::xml::document::{Document, Element, XSI};

/// The namespace of the types that `xsi:type` names.
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// The XML document as a value. Text and elements of which it does not say what they are stay open to a schema.
/// # Errors
/// Text that is not XML or too large, an attribute that says nothing of the value, text beside elements, two members of
/// one name, a value that is not of its type.
pub fn from_xml(xml: &str) -> Result<Tree> {
    // As much as any record may hold, if most of its names can be elements'.
    let limits = Limits {
        depth: DEPTH + 1,
        children: MOST_VALUES,
        nodes: MOST_SHOWN,
        name_length: LONGEST_NAME,
        // The attribute holds a member's name, which JSON does not limit.
        attribute_length: usize::MAX,
        ..Limits::default()
    };
    let document = Document::read(xml, limits).map_err(|error| Error::invalid(error.to_string()))?;
    let root = document.root();
    let marks = Marks::of(root)?;
    match marks.name {
        Some(_) => Err(refused(root, "has the attribute 'name', which only the members of an object have")),
        None => value(root, &marks),
    }
}

/// What an element's value is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Array,
    Object,
    Number,
    Boolean,
    Null,
    String,
}

impl Kind {
    fn parse(text: &str) -> Option<Kind> {
        Some(match text {
            "array" => Kind::Array,
            "object" => Kind::Object,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            "null" => Kind::Null,
            "string" => Kind::String,
            _ => return None,
        })
    }

    /// What a type of XML Schema is in JSON: a number, a truth value, or text with some form.
    fn of_schema(local: &str) -> Kind {
        match local {
            "decimal" | "integer" | "int" | "long" | "short" | "byte" | "double" | "float" | "nonNegativeInteger"
            | "positiveInteger" | "nonPositiveInteger" | "negativeInteger" | "unsignedLong" | "unsignedInt"
            | "unsignedShort" | "unsignedByte" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => Kind::String,
        }
    }
}

/// What an element's attributes say.
struct Marks {
    kind: Option<Kind>,
    name: Option<String>,
    is_encoded: bool,
}

impl Marks {
    fn of(element: Element<'_, '_>) -> Result<Marks> {
        let mut marks = Marks { kind: schema_kind(element)?, name: None, is_encoded: false };
        for attribute in element.attributes() {
            let (local, value) = (attribute.name.local, &*attribute.value);
            match (&*attribute.name.namespace, local) {
                (XSI, "type" | "nil" | "schemaLocation" | "noNamespaceSchemaLocation") => {}
                ("", TYPE) => {
                    let kind = Kind::parse(value)
                        .ok_or_else(|| unknown(element, TYPE, "array, object, string, number, boolean or null"))?;
                    marks.kind = Some(kind);
                }
                ("", NAME) if element.local() == ITEM => marks.name = Some(value.to_owned()),
                ("", NAME_ENCODING) if element.attribute("", NAME).is_some() => {}
                ("", ENCODING) => marks.is_encoded = true,
                _ => {
                    return Err(refused(
                        element,
                        format!("has the attribute '{}', which has no meaning here; make it an element", clip(local)),
                    ));
                }
            }
        }
        for name in [ENCODING, NAME_ENCODING] {
            if element.attribute("", name).is_some_and(|value| value != BASE64) {
                return Err(unknown(element, name, BASE64));
            }
        }
        if element.attribute("", NAME_ENCODING).is_some() {
            let name = marks.name.as_deref().and_then(decoded);
            marks.name = Some(name.ok_or_else(|| refused(element, "has a 'name' that is not base64 of UTF-8"))?);
        }
        if element.is_nil() {
            marks.kind = Some(Kind::Null);
        }
        match marks.kind {
            Some(kind) if marks.is_encoded && kind != Kind::String => {
                Err(refused(element, "has the attribute 'encoding', which only text has"))
            }
            _ => Ok(marks),
        }
    }
}

fn schema_kind(element: Element<'_, '_>) -> Result<Option<Kind>> {
    match element.xsi_type() {
        None => Ok(None),
        Some((XSD, local)) => Ok(Some(Kind::of_schema(local))),
        Some(_) => Err(unknown(element, "xsi:type", "one of XML Schema's own types")),
    }
}

fn value(element: Element<'_, '_>, marks: &Marks) -> Result<Tree> {
    let is_leaf = element.children().next().is_none();
    let is_blank = element.text().bytes().all(|byte| byte.is_ascii_whitespace());
    let is_bare = marks.kind.is_none() && !marks.is_encoded;
    let node = match marks.kind {
        Some(Kind::Null) if is_leaf && is_blank => Node::Literal("null".to_owned()),
        Some(Kind::Null) => return Err(refused(element, "is null, and must be empty")),
        Some(Kind::Number | Kind::Boolean | Kind::String) if !is_leaf => {
            return Err(refused(element, "is said to be a single value, and holds elements"));
        }
        Some(Kind::Number) => number(element)?,
        Some(Kind::Boolean) => boolean(element)?,
        Some(Kind::Array | Kind::Object) | None if !is_leaf && !is_blank => {
            return Err(refused(element, "holds text beside its elements"));
        }
        Some(Kind::Array | Kind::Object) if !is_blank => {
            return Err(refused(element, "is said to hold elements, and holds text"));
        }
        Some(Kind::Array) => array(element)?,
        Some(Kind::Object) => object(element)?,
        Some(Kind::String) => text(element, marks)?,
        None if is_leaf => text(element, marks)?,
        None if marks.is_encoded => return Err(refused(element, "has the attribute 'encoding', which only text has")),
        None if element.children().all(is_item) => array(element)?,
        None => object(element)?,
    };
    Ok(Tree { node, is_typed: !is_bare })
}

fn text(element: Element<'_, '_>, marks: &Marks) -> Result<Node> {
    match marks.is_encoded {
        false => Ok(Node::Text(element.text().to_owned())),
        true => decoded(element.text()).map(Node::Text).ok_or_else(|| refused(element, "is not base64 of UTF-8")),
    }
}

fn number(element: Element<'_, '_>) -> Result<Node> {
    match trim(element.text()) {
        digits if is_number(digits) => Ok(Node::Literal(digits.to_owned())),
        _ => Err(refused(element, "is not a number as JSON writes it")),
    }
}

fn boolean(element: Element<'_, '_>) -> Result<Node> {
    match trim(element.text()) {
        "true" | "1" => Ok(Node::Literal("true".to_owned())),
        "false" | "0" => Ok(Node::Literal("false".to_owned())),
        _ => Err(refused(element, "is neither true nor false")),
    }
}

fn is_item(element: Element<'_, '_>) -> bool {
    element.local() == ITEM && element.attribute("", NAME).is_none()
}

fn array(element: Element<'_, '_>) -> Result<Node> {
    let first = element.children().next().map(Element::local);
    let items = element.children().map(|item| {
        let marks = Marks::of(item)?;
        match marks.name {
            None if Some(item.local()) == first => value(item, &marks),
            _ => Err(refused(element, "is an array, and its elements must all have one name")),
        }
    });
    items.collect::<Result<_>>().map(Node::Array)
}

/// A member while the object is read.
struct Member {
    name: String,
    values: Vec<Tree>,
    /// Whether the name was given in an attribute, as JSON has it; then there are no two of them.
    is_exact: bool,
}

fn object(element: Element<'_, '_>) -> Result<Node> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut members: Vec<Member> = Vec::new();
    for child in element.children() {
        let mut marks = Marks::of(child)?;
        let given = marks.name.take();
        let is_exact = given.is_some();
        let name = given.unwrap_or_else(|| child.local().to_owned());
        let value = value(child, &marks)?;
        match places.get(&name).and_then(|place| members.get_mut(*place)) {
            Some(known) if known.is_exact || is_exact => {
                return Err(refused(element, format!("has the member '{}' twice", clip(&name))));
            }
            Some(known) => known.values.push(value),
            None => {
                places.insert(name.clone(), members.len());
                members.push(Member { name, values: vec![value], is_exact });
            }
        }
    }
    Ok(Node::Object(members.into_iter().map(joined).collect()))
}

/// Elements of one name are one member, and an array if there are several.
fn joined(mut member: Member) -> (String, Tree) {
    match (member.values.pop(), member.values.is_empty()) {
        (Some(one), true) => (member.name, one),
        (last, _) => {
            member.values.extend(last);
            (member.name, Tree { node: Node::Array(member.values), is_typed: true })
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let plain: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(plain).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

fn unknown(element: Element<'_, '_>, attribute: &str, expected: &str) -> Error {
    refused(element, format!("has an attribute '{attribute}' that is not known; it must be {expected}"))
}

fn refused(element: Element<'_, '_>, why: impl std::fmt::Display) -> Error {
    Error::invalid(format!("The element '{}' {why}", clip(element.local())))
}

fn clip(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

//! An answer to JSON: typed by the schema where it says something, kept as text and objects where it does not.
//! The reader is the one that reads our own callers, with its limits; what came is named where it is no answer.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::request::DEPTH;
use super::schema::{Complex, Element as Declared, Items, Known, Layout, Name, Schema, Type};
use super::service::{Direction, Operation, Part, PartContent, clip};
use super::text::scalar;
use super::{ANY, Reply, Style, TYPE, VALUE, Version};
use crate::error::{Code, Error, Result};
use crate::soap::encoded::{Content, Context, encode_base64};
use crate::soap::envelope::Envelope;
use crate::soap::media::{self, Attachments, MediaType};
use crate::xml::Limits;
use crate::xml::document::{Document, Element, XSI};
use crate::xml::text::decode_within;

/// Parts of a package.
const PARTS: usize = 50;
/// Bytes of a text after its encoding was undone.
const DECODED: usize = 32 << 20;
/// The namespace of `xop:Include`.
const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// The namespace of the element that names the part that is the result (SOAP 1.2 part 2 §4.2.1).
const RPC: &str = "http://www.w3.org/2003/05/soap-rpc";

/// Reads what a partner answered.
pub(super) fn read(
    schema: &Schema,
    operation: &Operation,
    status: u16,
    content_type: &str,
    body: &[u8],
) -> Result<Reply> {
    let is_success = (200..300).contains(&status);
    if body.iter().all(u8::is_ascii_whitespace) {
        return match &operation.output {
            None if is_success => Ok(Reply::Done(Value::Null)),
            Some(output) if is_success && output.parts.is_empty() => Ok(Reply::Done(Value::Object(Map::new()))),
            _ => Err(refusal(status, "nothing in it")),
        };
    }
    let media_type = MediaType::parse(content_type);
    let came = || match media_type.essence.as_str() {
        "" => "something that is no SOAP envelope".to_owned(),
        essence => format!("{}, which is no SOAP envelope", clip(essence)),
    };
    let package = match media_type.essence.as_str() {
        "multipart/related" => Some(
            media::unpack(&media_type, body, PARTS)
                .map_err(|reason| refusal(status, &format!("a package that cannot be taken apart: {reason}")))?,
        ),
        _ => None,
    };
    let (root_type, root) = match &package {
        Some(package) => (&package.root_type, &*package.root),
        None => (&media_type, body),
    };
    let none = Attachments::default();
    let attachments = package.as_ref().map_or(&none, |package| &package.attachments);
    let decoded = decode_within(root, root_type.parameter("charset"), DECODED);
    let decoded = decoded.map_err(|error| refusal(status, &format!("{} ({error})", came())))?;
    let decoded = decoded.trim_start();
    let document = Document::read(decoded, Limits::default())
        .map_err(|error| refusal(status, &format!("{} ({error})", came())))?;
    let envelope = Envelope::of(&document).map_err(|_| {
        let root = document.root().name();
        refusal(status, &format!("the element '{}', which is no SOAP envelope", clip(root.local)))
    })?;
    let context = Context::new(envelope.body, attachments, decoded.len());
    let is_encoded = operation.output.as_ref().is_some_and(|output| output.is_encoded);
    let reader = Reader { schema, context: &context, is_encoded, layouts: RefCell::new(HashMap::new()) };
    let first = calls(envelope.body).next();
    if let Some(fault) = first.filter(|first| first.local() == "Fault" && first.name().namespace == envelope.namespace)
    {
        return reader.fault(envelope.version, fault, operation);
    }
    if !is_success {
        return Err(refusal(status, "an envelope without a fault"));
    }
    match &operation.output {
        Some(output) => reader.body(operation.style, output, envelope.body).map(Reply::Done),
        None => Ok(Reply::Done(Value::Null)),
    }
}

/// An answer that is none. Trouble on the partner's side may pass; anything else will be the same the next time.
fn refusal(status: u16, came: &str) -> Error {
    let code = match status {
        408 | 425 | 429 | 500.. => Code::Unavailable,
        _ => Code::Refused,
    };
    Error::new(code, format!("The partner answered {status} with {came}"))
}

fn unlike(reason: String) -> Error {
    Error::new(Code::Refused, reason)
}

/// The body's children but for the independent elements of the section 5 encoding.
fn calls<'d>(body: Element<'d, 'd>) -> impl Iterator<Item = Element<'d, 'd>> {
    body.children().filter(|child| {
        !child.attributes().iter().any(|attribute| {
            let is_encoding = Version::is_encoding(&attribute.name.namespace);
            match attribute.name.local {
                "id" => child.local() == "multiRef" || is_encoding,
                "root" => is_encoding && attribute.value == "0",
                _ => false,
            }
        })
    })
}

/// Whether it is there for what refers to it.
fn is_referred_to(element: Element<'_, '_>) -> bool {
    let is_id = |namespace: &str| namespace.is_empty() || Version::is_encoding(namespace);
    element.attributes().iter().any(|attribute| attribute.name.local == "id" && is_id(&attribute.name.namespace))
}

struct Reader<'r> {
    schema: &'r Schema,
    context: &'r Context<'r>,
    is_encoded: bool,
    /// By the address of the structure.
    layouts: RefCell<HashMap<usize, Rc<Layout<'r>>>>,
}

impl<'r> Reader<'r> {
    fn body(&self, style: Style, output: &'r Direction, body: Element<'r, 'r>) -> Result<Value> {
        let first = calls(body).next();
        match (style, &output.parts[..]) {
            (Style::Rpc, parts) => {
                let wrapper = first.ok_or_else(|| unlike("The partner's reply has an empty body".to_owned()))?;
                self.parts(parts, wrapper)
            }
            (Style::Document, []) => Ok(Value::Object(Map::new())),
            (Style::Document, [part]) => {
                let element = first.ok_or_else(|| unlike("The partner's reply has an empty body".to_owned()))?;
                self.only(part, element)
            }
            (Style::Document, parts) => self.parts(parts, body),
        }
    }

    fn only(&self, part: &'r Part, element: Element<'r, 'r>) -> Result<Value> {
        match &part.content {
            PartContent::Element(name) if name.local != element.local() => Err(unlike(format!(
                "The partner's reply holds '{}' where '{}' is expected",
                clip(element.local()),
                name.local
            ))),
            PartContent::Element(name) => match self.schema.elements.get(name) {
                Some(declared) => self.declared(declared, element, 0),
                None => self.free(element, 0),
            },
            PartContent::Type(kind) => self.value(self.schema.known(kind)?, element, 0),
        }
    }

    /// Parts by their names; those that are not there by name are taken in their order, since the name of what is
    /// returned means nothing (SOAP 1.1 §7.1).
    fn parts(&self, parts: &'r [Part], wrapper: Element<'r, 'r>) -> Result<Value> {
        let label = |part: &'r Part| match &part.content {
            PartContent::Element(name) => name.local.as_str(),
            PartContent::Type(_) => part.name.as_str(),
        };
        let children: Vec<_> = wrapper.children().filter(|child| !child.name().is(RPC, "result")).collect();
        let is_named =
            |child: &Element<'r, 'r>| parts.iter().any(|part| [label(part), &part.name].contains(&child.local()));
        let mut others = children.iter().copied().filter(|child| !is_named(child));
        let mut values = Map::new();
        for part in parts {
            let named = children.iter().copied().find(|child| [label(part), &part.name].contains(&child.local()));
            let Some(child) = named.or_else(|| others.next()) else { continue };
            let value = match &part.content {
                PartContent::Element(name) => match self.schema.elements.get(name) {
                    Some(declared) => self.declared(declared, child, 1)?,
                    None => self.free(child, 1)?,
                },
                PartContent::Type(kind) => self.value(self.schema.known(kind)?, child, 1)?,
            };
            values.insert(part.name.clone(), value);
        }
        for other in others.filter(|other| !is_referred_to(*other)) {
            add(&mut values, other.local(), self.free(other, 1)?);
        }
        Ok(Value::Object(values))
    }

    fn declared(&self, declared: &'r Declared, element: Element<'r, 'r>, depth: usize) -> Result<Value> {
        match self.schema.kind(declared).and_then(|kind| self.schema.known(kind)) {
            Ok(known) => self.value(known, element, depth),
            // What the description does not explain is read as it comes.
            Err(_) => self.free(element, depth),
        }
    }

    /// Follows references, where the encoding has any; none if it is nil.
    fn target(&self, element: Element<'r, 'r>) -> Result<Option<Element<'r, 'r>>> {
        if !self.is_encoded {
            return Ok((!element.is_nil()).then_some(element));
        }
        let value = self.context.value(element).map_err(|error| unlike(error.to_string()))?;
        Ok(value.map(|value| value.element()))
    }

    fn value(&self, declared: Known<'r>, element: Element<'r, 'r>, depth: usize) -> Result<Value> {
        if depth > DEPTH {
            return Err(unlike(format!("The partner's reply is nested more than {DEPTH} structures deep")));
        }
        let Some(element) = self.target(element)? else { return Ok(Value::Null) };
        let actual = self.actual(declared, element);
        match actual.kind {
            Type::Any => self.free(element, depth),
            Type::Simple(simple) => match element.children().next() {
                Some(child) if !child.name().is(XOP, "Include") => self.free(element, depth),
                _ => Ok(scalar(self.schema, simple, &self.text(element)?, 0)),
            },
            Type::Complex(complex) => {
                let layout = self.layout(complex)?;
                if let Some(items) = layout.array {
                    return self.array(items, element, depth);
                }
                let mut members = Map::new();
                if let (Some(name), true) = (actual.name, actual.name != declared.name) {
                    let near = declared.name.map_or("", |name| name.namespace.as_str());
                    members.insert(TYPE.to_owned(), self.schema.type_text(name, near).into());
                }
                self.structure(&layout, element, members, depth)
            }
        }
    }

    /// The type that the value says to have, if that is a better one than the declared.
    fn actual(&self, declared: Known<'r>, element: Element<'r, 'r>) -> Known<'r> {
        let Some((namespace, local)) = element.xsi_type() else { return declared };
        let found = self.schema.types.get_key_value(&Name::new(namespace, local));
        let Some((name, kind)) = found else { return declared };
        let is_better = match (declared.kind, kind) {
            (Type::Any, _) => true,
            (Type::Complex(_), Type::Complex(_)) => declared.name.is_some_and(|from| self.schema.derives(name, from)),
            (Type::Simple(_), Type::Simple(_)) => declared.name.is_some_and(|from| self.schema.derives(name, from)),
            _ => false,
        };
        if is_better { Known { kind, name: Some(name) } } else { declared }
    }

    fn layout(&self, complex: &'r Complex) -> Result<Rc<Layout<'r>>> {
        let key = std::ptr::from_ref(complex).addr();
        if let Some(layout) = self.layouts.borrow().get(&key) {
            return Ok(Rc::clone(layout));
        }
        let layout = self.schema.layout(complex)?;
        self.layouts.borrow_mut().insert(key, Rc::clone(&layout));
        Ok(layout)
    }

    fn structure(
        &self,
        layout: &Layout<'r>,
        element: Element<'r, 'r>,
        mut members: Map<String, Value>,
        depth: usize,
    ) -> Result<Value> {
        self.attributes(layout, element, &mut members);
        if let Some(kind) = layout.text {
            let text = self.text(element)?;
            let value = match self.schema.resolve(kind) {
                Ok(Type::Simple(simple)) => scalar(self.schema, simple, &text, 0),
                _ => self.base_text(kind, &text),
            };
            members.insert(VALUE.to_owned(), value);
            return Ok(Value::Object(members));
        }
        let is_text = element.children().next().is_none() && !element.text().trim().is_empty();
        if is_text && !layout.is_mixed && members.is_empty() {
            return Ok(Value::String(element.text().to_owned()));
        }
        if layout.is_mixed && !element.text().trim().is_empty() {
            members.insert(VALUE.to_owned(), element.text().into());
        }
        for (name, _) in layout.slots.iter().filter(|(_, slot)| slot.repeats && !slot.is_optional) {
            members.insert((*name).to_owned(), Value::Array(Vec::new()));
        }
        for child in element.children() {
            self.member(layout, child, &mut members, depth)?;
        }
        Ok(Value::Object(members))
    }

    /// The text of a structure whose base is text with attributes too.
    fn base_text(&self, kind: &'r super::schema::Kind, text: &str) -> Value {
        let mut kind = kind;
        for _ in 0..DEPTH {
            match self.schema.resolve(kind) {
                Ok(Type::Simple(simple)) => return scalar(self.schema, simple, text, 0),
                Ok(Type::Complex(complex)) => match self.layout(complex).ok().and_then(|layout| layout.text) {
                    Some(base) => kind = base,
                    None => break,
                },
                _ => break,
            }
        }
        text.into()
    }

    fn member(
        &self,
        layout: &Layout<'r>,
        child: Element<'r, 'r>,
        members: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<()> {
        if let Some(slot) = layout.slots.get(child.local()) {
            let value = self.declared(slot.element, child, depth + 1)?;
            match members.get_mut(child.local()) {
                Some(Value::Array(values)) if slot.repeats => values.push(value),
                None if slot.repeats => drop(members.insert(child.local().to_owned(), Value::Array(vec![value]))),
                _ => add(members, child.local(), value),
            }
            return Ok(());
        }
        if !layout.has_any {
            add(members, child.local(), self.free(child, depth + 1)?);
            return Ok(());
        }
        let name = Name::new(&child.name().namespace, child.local());
        let value = match self.schema.elements.get(&name) {
            Some(declared) => self.declared(declared, child, depth + 1)?,
            None => self.free(child, depth + 1)?,
        };
        let item = Value::Object(Map::from_iter([(full(&name), value)]));
        match members.get_mut(ANY) {
            Some(Value::Array(items)) => items.push(item),
            _ => drop(members.insert(ANY.to_owned(), Value::Array(vec![item]))),
        }
        Ok(())
    }

    fn attributes(&self, layout: &Layout<'r>, element: Element<'r, 'r>, members: &mut Map<String, Value>) {
        for attribute in element.attributes() {
            let (namespace, local) = (&*attribute.name.namespace, attribute.name.local);
            let declared = layout.attributes.iter().find(|declared| declared.name.local == local);
            let value = match declared.map(|declared| self.schema.resolve(&declared.kind)) {
                Some(Ok(Type::Simple(simple))) => scalar(self.schema, simple, &attribute.value, 0),
                Some(_) => (*attribute.value).into(),
                None if self.is_plumbing(namespace, local) => continue,
                None => (*attribute.value).into(),
            };
            members.insert(format!("@{local}"), value);
        }
    }

    /// Attributes that say how a value is sent, and not what it is.
    fn is_plumbing(&self, namespace: &str, local: &str) -> bool {
        namespace == XSI
            || Version::is_encoding(namespace)
            || Version::of_envelope(namespace).is_some()
            || self.is_encoded && namespace.is_empty() && matches!(local, "id" | "href")
    }

    fn array(&self, declared: &'r Items, element: Element<'r, 'r>, depth: usize) -> Result<Value> {
        let encoding = |local: &str| {
            [Version::V11, Version::V12].iter().find_map(|version| element.attribute(version.names().encoding, local))
        };
        let is_partial = encoding("offset").is_some()
            || element.children().any(|child| {
                [Version::V11, Version::V12]
                    .iter()
                    .any(|version| child.attribute(version.names().encoding, "position").is_some())
            });
        let has_dimensions =
            encoding("arrayType").is_some_and(|kind| kind.rsplit('[').next().is_some_and(|size| size.contains(',')));
        if is_partial || has_dimensions {
            return Err(unlike(format!(
                "The partner's reply has the array '{}' with gaps or several dimensions, which is not read",
                clip(element.local())
            )));
        }
        let known = self.schema.known(&declared.kind)?;
        let children: Result<Vec<Value>> =
            element.children().map(|child| self.value(known, child, depth + 1)).collect();
        Ok(Value::Array(children?))
    }

    fn text(&self, element: Element<'r, 'r>) -> Result<Cow<'r, str>> {
        let is_included = element.child(XOP, "Include").is_some();
        let is_attached = self.is_encoded && element.attribute("", "href").is_some_and(|href| href.starts_with("cid:"));
        if !is_included && !is_attached {
            return Ok(Cow::Borrowed(element.text()));
        }
        let value = self.context.value(element).map_err(|error| unlike(error.to_string()))?;
        let Some(value) = value else { return Ok(Cow::Borrowed("")) };
        match value.content().map_err(|error| unlike(error.to_string()))? {
            Content::Text(text) => Ok(text),
            Content::Binary(bytes) => Ok(encode_base64(&bytes).into()),
        }
    }

    /// A value of which no schema says anything: text, an array, or an object of its children and attributes.
    fn free(&self, element: Element<'r, 'r>, depth: usize) -> Result<Value> {
        if depth > DEPTH {
            return Err(unlike(format!("The partner's reply is nested more than {DEPTH} structures deep")));
        }
        let Some(element) = self.target(element)? else { return Ok(Value::Null) };
        if let Some(known) = self.named(element) {
            static ANYTHING: Type = Type::Any;
            if !matches!(known.kind, Type::Any) {
                return self.value(Known { kind: &ANYTHING, name: None }, element, depth);
            }
        }
        if self.is_encoded
            && let Some(value) = self.collection(element, depth)?
        {
            return Ok(value);
        }
        let mut members = Map::new();
        for attribute in element.attributes() {
            if !self.is_plumbing(&attribute.name.namespace, attribute.name.local) {
                members.insert(format!("@{}", attribute.name.local), (*attribute.value).into());
            }
        }
        let mut children = element.children().peekable();
        if children.peek().is_none() || element.child(XOP, "Include").is_some() {
            let text = self.text(element)?;
            if members.is_empty() {
                return Ok(text.into_owned().into());
            }
            members.insert(VALUE.to_owned(), text.into_owned().into());
            return Ok(Value::Object(members));
        }
        if !element.text().trim().is_empty() {
            members.insert(VALUE.to_owned(), element.text().into());
        }
        for child in children {
            add(&mut members, child.local(), self.free(child, depth + 1)?);
        }
        Ok(Value::Object(members))
    }

    /// The type that a value says to have, where that says more than nothing.
    fn named(&self, element: Element<'r, 'r>) -> Option<Known<'r>> {
        let (namespace, local) = element.xsi_type()?;
        let (name, kind) = self.schema.types.get_key_value(&Name::new(namespace, local))?;
        let is_array = local == "Array" && Version::is_encoding(namespace);
        let has_children = element.children().next().is_some();
        let is_text = matches!(kind, Type::Simple(_));
        let is_telling = !is_array && (!is_text || !has_children);
        is_telling.then_some(Known { kind, name: Some(name) })
    }

    /// An encoded array or map.
    fn collection(&self, element: Element<'r, 'r>, depth: usize) -> Result<Option<Value>> {
        let Some(value) = self.context.value(element).map_err(|error| unlike(error.to_string()))? else {
            return Ok(Some(Value::Null));
        };
        if value.is_map() {
            let mut members = Map::new();
            for (key, entry) in value.members().map_err(|error| unlike(error.to_string()))? {
                let entry = match entry {
                    Some(entry) => self.free(entry.element(), depth + 1)?,
                    None => Value::Null,
                };
                add(&mut members, &key, entry);
            }
            return Ok(Some(Value::Object(members)));
        }
        let array_type = element.attribute(Version::V11.names().encoding, "arrayType");
        let item_type = element.attribute(Version::V12.names().encoding, "itemType");
        let is_array = value.type_name() == Some("Array") || array_type.is_some() || item_type.is_some();
        if !is_array {
            return Ok(None);
        }
        let items: Result<Vec<Value>> = element.children().map(|child| self.free(child, depth + 1)).collect();
        Ok(Some(Value::Array(items?)))
    }
}

impl<'r> Reader<'r> {
    fn fault(&self, version: Version, fault: Element<'r, 'r>, operation: &'r Operation) -> Result<Reply> {
        let child = |name: &str| fault.children().find(|child| child.local().eq_ignore_ascii_case(name));
        let text = |element: Option<Element<'r, 'r>>| element.map_or("", |element| element.text().trim());
        let (code, reason, actor) = match version {
            Version::V11 => {
                (local_part(text(child("faultcode"))).to_owned(), text(child("faultstring")), text(child("faultactor")))
            }
            Version::V12 => {
                let texts = child("Reason").into_iter().flat_map(Element::children);
                let is_english = |text: &Element<'r, 'r>| {
                    text.attribute(crate::xml::name::XML, "lang").is_some_and(|lang| lang.starts_with("en"))
                };
                let reason = texts.clone().find(is_english).or_else(|| texts.clone().next());
                (codes(child("Code")), text(reason), text(child("Role").or_else(|| child("Node"))))
            }
        };
        let first = code.split('.').next().unwrap_or_default();
        let is_number = code.len() == 3 && code.starts_with('4') && code.bytes().all(|byte| byte.is_ascii_digit());
        let is_sender = is_number
            || matches!(first, "Client" | "Sender" | "MustUnderstand" | "VersionMismatch" | "DataEncodingUnknown");
        // A fault stays a fault, whatever its detail is.
        let detail = child("detail").map(|detail| self.detail(detail, operation));
        let detail = detail.and_then(Result::ok).unwrap_or(Value::Null);
        let actor = (!actor.is_empty()).then(|| actor.to_owned());
        Ok(Reply::Fault { is_sender, code, text: reason.to_owned(), actor, detail })
    }

    fn detail(&self, detail: Element<'r, 'r>, operation: &'r Operation) -> Result<Value> {
        if detail.children().next().is_none() {
            let text = detail.text().trim();
            return Ok(if text.is_empty() { Value::Null } else { text.into() });
        }
        let mut members = Map::new();
        for entry in detail.children() {
            let local = entry.local();
            let name = Name::new(&entry.name().namespace, local);
            let by_local = || operation.faults.iter().find(|name| name.local == local);
            let declared = self.schema.elements.get(&name);
            let declared = declared.or_else(|| by_local().and_then(|name| self.schema.elements.get(name)));
            let value = match declared {
                Some(declared) => self.declared(declared, entry, 1)?,
                None => self.free(entry, 1)?,
            };
            add(&mut members, local, value);
        }
        Ok(Value::Object(members))
    }
}

fn local_part(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// A SOAP 1.2 code with its subcodes, in the manner of SOAP 1.1: `Sender.OutOfStock`.
fn codes(code: Option<Element<'_, '_>>) -> String {
    let mut codes = Vec::new();
    let mut next = code;
    while let Some(code) = next {
        let part = |name: &str| code.children().find(|child| child.local() == name);
        codes.extend(part("Value").map(|value| local_part(value.text().trim()).to_owned()));
        next = part("Subcode");
    }
    codes.join(".")
}

/// A name in full, as JSON has it.
fn full(name: &Name) -> String {
    match name.namespace.as_str() {
        "" => name.local.clone(),
        namespace => format!("{{{namespace}}}{}", name.local),
    }
}

/// Adds a member; those of one name become an array.
fn add(members: &mut Map<String, Value>, name: &str, value: Value) {
    match members.get_mut(name) {
        None => drop(members.insert(name.to_owned(), value)),
        Some(Value::Array(values)) => values.push(value),
        Some(first) => {
            let first = first.take();
            members.insert(name.to_owned(), Value::Array(vec![first, value]));
        }
    }
}

//! JSON to an envelope: the schema says in which order, under which names and in which form members are written.
//! What does not fit is refused with the path of the member; nothing is guessed.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::builtin::of_scalar;
use super::schema::{Complex, Element, Items, Kind, Known, Layout, Name, Particle, Schema, Term, Type};
use super::service::{Direction, Operation, Part, PartContent, clip, list};
use super::text::{builtin_name, kind_text, scalar_text, text_of};
use super::{ANY, Style, TYPE, VALUE, Version};
use crate::error::{Error, Result};
use crate::soap::wsdl::canonical::XSD;
use crate::xml::Limits;
use crate::xml::document::{Document, XSI};
use crate::xml::name::is_ncname;
use crate::xml::write::Writer;

/// Structures within each other that a message may have; our own reader admits no more.
pub(super) const DEPTH: usize = 90;
/// Namespaces that a message may use; our own reader admits no more in scope.
const NAMESPACES: usize = 120;

/// Where in the arguments something is.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    above: Option<&'p Path<'p>>,
    step: Step<'p>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root(&'p str),
    Member(&'p str),
    Item(usize),
}

impl<'p> Path<'p> {
    pub(super) fn root(name: &'p str) -> Path<'p> {
        Path { above: None, step: Step::Root(name), depth: 0 }
    }

    fn member(&'p self, name: &'p str) -> Path<'p> {
        Path { above: Some(self), step: Step::Member(name), depth: self.depth + 1 }
    }

    fn item(&'p self, index: usize) -> Path<'p> {
        Path { above: Some(self), step: Step::Item(index), depth: self.depth }
    }

    fn refuse<T>(&self, reason: impl fmt::Display) -> Result<T> {
        Err(Error::invalid(format!("{self} {reason}")))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.above, self.step) {
            (_, Step::Root(name)) => f.write_str(name),
            (Some(Path { step: Step::Root(_), .. }) | None, Step::Member(name)) => f.write_str(&clip(name)),
            (Some(above), Step::Member(name)) => write!(f, "{above}.{}", clip(name)),
            (above, Step::Item(index)) => {
                above.map_or(Ok(()), |above| above.fmt(f))?;
                write!(f, "[{index}]")
            }
        }
    }
}

/// Writes a call.
pub(super) fn write<'s>(
    schema: &'s Schema,
    operation: &'s Operation,
    arguments: &Value,
    headers: Option<&Value>,
) -> Result<String> {
    let mut out = Out {
        schema,
        version: operation.version,
        is_encoded: operation.input.is_encoded,
        writer: Writer::with_capacity(1024),
        prefixes: Vec::new(),
        layouts: HashMap::new(),
    };
    let names = operation.version.names();
    if let Some(headers) = headers.filter(|headers| !headers.is_null()) {
        out.writer.open(names.tags.header, &[]);
        out.headers(&operation.input, headers)?;
        out.writer.close(names.tags.header);
    }
    out.writer.open(names.tags.body, &[]);
    match operation.style {
        Style::Document => out.document(operation, arguments)?,
        Style::Rpc => out.rpc(operation, arguments)?,
    }
    out.writer.close(names.tags.body);
    let mut envelope = Writer::with_capacity(256);
    envelope.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let declarations: Vec<(String, String)> =
        out.prefixes.into_iter().map(|(prefix, namespace)| (format!("xmlns:{prefix}"), namespace)).collect();
    let mut attributes = vec![(names.tags.xmlns, names.envelope)];
    attributes.extend(declarations.iter().map(|(name, namespace)| (name.as_str(), namespace.as_str())));
    envelope.open(names.tags.envelope, &attributes);
    envelope.markup(&out.writer.finish()).close(names.tags.envelope);
    Ok(envelope.finish())
}

struct Out<'s> {
    schema: &'s Schema,
    version: Version,
    is_encoded: bool,
    writer: Writer,
    /// Prefixes and the namespaces that they stand for, declared once the message is written.
    prefixes: Vec<(String, String)>,
    /// By the address of the structure.
    layouts: HashMap<usize, Rc<Layout<'s>>>,
}

/// Values of one member that are still to be written.
struct Pending<'v> {
    values: &'v [Value],
    repeats: bool,
    written: usize,
}

impl<'v> Pending<'v> {
    fn left(&self) -> usize {
        self.values.len().saturating_sub(self.written)
    }
}

type Members<'v> = HashMap<&'v str, Pending<'v>>;
type Attributes = Vec<(String, String)>;

impl<'s> Out<'s> {
    fn prefix(&mut self, namespace: &str) -> Result<String> {
        if namespace == self.version.names().envelope {
            return Ok(self.version.names().tags.xmlns.trim_start_matches("xmlns:").to_owned());
        }
        if namespace == crate::xml::name::XML {
            return Ok("xml".to_owned());
        }
        if let Some((prefix, _)) = self.prefixes.iter().find(|(_, known)| known == namespace) {
            return Ok(prefix.clone());
        }
        if self.prefixes.len() >= NAMESPACES {
            return Err(Error::invalid(format!("The message would use more than {NAMESPACES} namespaces")));
        }
        let prefix = match namespace {
            XSD => "xsd".to_owned(),
            XSI => "xsi".to_owned(),
            namespace if Version::is_encoding(namespace) => "SOAP-ENC".to_owned(),
            _ => format!("ns{}", self.prefixes.len() + 1),
        };
        self.prefixes.push((prefix.clone(), namespace.to_owned()));
        Ok(prefix)
    }

    fn qualified(&mut self, name: &Name) -> Result<String> {
        match name.namespace.as_str() {
            "" => Ok(name.local.clone()),
            namespace => Ok(format!("{}:{}", self.prefix(namespace)?, name.local)),
        }
    }

    /// An element's tag; the members of encoded structures are in no namespace (SOAP 1.1 §5.1).
    fn tag(&mut self, name: &Name) -> Result<String> {
        if self.is_encoded { Ok(name.local.clone()) } else { self.qualified(name) }
    }

    fn xsi(&mut self, local: &str) -> Result<String> {
        self.qualified(&Name::new(XSI, local))
    }

    fn open(&mut self, tag: &str, attributes: &[(String, String)]) {
        let borrowed: Vec<(&str, &str)> =
            attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.writer.open(tag, &borrowed);
    }

    fn headers(&mut self, input: &'s Direction, headers: &Value) -> Result<()> {
        let path = Path::root("The header");
        let Value::Object(blocks) = headers else {
            return path.refuse("must be an object with a member for each block");
        };
        for (name, value) in blocks {
            let path = path.member(name);
            let declared = input.headers.iter().find(|part| match &part.content {
                PartContent::Element(element) => element.local == *name || part.name == *name,
                PartContent::Type(_) => part.name == *name,
            });
            match declared {
                Some(part) => self.part(part, value, &path)?,
                None => self.open_block(name, value, &path)?,
            }
        }
        Ok(())
    }

    /// A header block that the description does not mention: by its full name, for instance WS-Security's.
    fn open_block(&mut self, name: &str, value: &Value, path: &Path<'_>) -> Result<()> {
        if !name.starts_with('{') {
            return path.refuse("is not a declared header; others must be named in full, as {namespace}name");
        }
        let is_encoded = std::mem::replace(&mut self.is_encoded, false);
        let written = self.free(name, value, path);
        self.is_encoded = is_encoded;
        written
    }

    fn document(&mut self, operation: &'s Operation, arguments: &Value) -> Result<()> {
        let path = Path::root("The message");
        match &operation.input.parts[..] {
            [] => self.nothing(arguments, &path),
            [part] => {
                let empty = Value::Object(Map::new());
                self.part(part, if arguments.is_null() { &empty } else { arguments }, &path)
            }
            parts => self.parts(parts, arguments, &path),
        }
    }

    fn nothing(&self, arguments: &Value, path: &Path<'_>) -> Result<()> {
        match arguments {
            Value::Null => Ok(()),
            Value::Object(members) if members.is_empty() => Ok(()),
            _ => path.refuse("has no members"),
        }
    }

    fn rpc(&mut self, operation: &'s Operation, arguments: &Value) -> Result<()> {
        let wrapper = self.qualified(&Name::new(&operation.input.namespace, &operation.name))?;
        let mut attributes = Vec::new();
        if operation.input.is_encoded {
            let names = operation.version.names();
            attributes.push((self.qualified(&Name::new(names.envelope, "encodingStyle"))?, names.encoding.to_owned()));
        }
        self.open(&wrapper, &attributes);
        let empty = Value::Object(Map::new());
        let arguments = if arguments.is_null() { &empty } else { arguments };
        self.parts(&operation.input.parts, arguments, &Path::root("The message"))?;
        self.writer.close(&wrapper);
        Ok(())
    }

    fn parts(&mut self, parts: &'s [Part], arguments: &Value, path: &Path<'_>) -> Result<()> {
        let Value::Object(members) = arguments else { return path.refuse("must be an object") };
        if let Some(name) = members.keys().find(|name| !parts.iter().any(|part| part.name == **name)) {
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            return path.member(name).refuse(format!("is not known here; expected are: {}", list(&names)));
        }
        for part in parts {
            let path = path.member(&part.name);
            match members.get(&part.name) {
                Some(value) => self.part(part, value, &path)?,
                // An encoded part without a value is sent as such.
                None if self.is_encoded => self.part(part, &Value::Null, &path)?,
                None => return path.refuse("is missing"),
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &'s Part, value: &Value, path: &Path<'_>) -> Result<()> {
        match &part.content {
            PartContent::Element(name) => {
                let schema = self.schema;
                let declared = schema.elements.get(name).ok_or_else(|| {
                    Error::invalid(format!("The description uses the element {name}, but does not say what it is"))
                })?;
                let tag = self.qualified(name)?;
                self.declared(declared, &tag, value, path)
            }
            PartContent::Type(kind) => match value {
                Value::Null if self.is_encoded => self.nil(&part.name),
                Value::Null => path.refuse("must not be null"),
                value => {
                    let known = self.schema.known(kind)?;
                    self.value(&part.name, known, value, Vec::new(), path)
                }
            },
        }
    }

    fn nil(&mut self, tag: &str) -> Result<()> {
        let nil = (self.xsi("nil")?, "true".to_owned());
        self.open(tag, &[nil]);
        self.writer.close(tag);
        Ok(())
    }

    fn declared(&mut self, element: &'s Element, tag: &str, value: &Value, path: &Path<'_>) -> Result<()> {
        let known = self.schema.known(self.schema.kind(element)?)?;
        let element = self.schema.declaration(element).unwrap_or(element);
        match value {
            Value::Null if element.is_nillable || self.is_encoded => self.nil(tag),
            Value::Null => path.refuse(format!("must not be null ({known})")),
            _ if element.is_abstract => path.refuse("is abstract; an element that stands in for it is expected"),
            value => self.value(tag, known, value, Vec::new(), path),
        }
    }

    fn value(
        &mut self,
        tag: &str,
        known: Known<'s>,
        value: &Value,
        mut attributes: Attributes,
        path: &Path<'_>,
    ) -> Result<()> {
        if path.depth > DEPTH {
            return path.refuse(format!("is nested more than {DEPTH} structures deep"));
        }
        match known.kind {
            Type::Any => self.anything(tag, value, attributes, path),
            Type::Simple(simple) => {
                let text = text_of(self.schema, simple, value, 0).or_else(|reason| path.refuse(reason))?;
                if self.is_encoded {
                    let name = known.name.cloned().unwrap_or_else(|| builtin_name(self.schema, simple));
                    attributes.push((self.xsi("type")?, self.qualified(&name)?));
                }
                self.open(tag, &attributes);
                self.writer.text(&text).close(tag);
                Ok(())
            }
            Type::Complex(complex) => self.complex(tag, known, complex, value, attributes, path),
        }
    }

    /// A value of a type that the description leaves open.
    fn anything(&mut self, tag: &str, value: &Value, mut attributes: Attributes, path: &Path<'_>) -> Result<()> {
        match value {
            Value::Object(members) => match members.get(TYPE).and_then(Value::as_str) {
                Some(name) => {
                    let actual = self.named_type(name, "", path)?;
                    attributes.push((self.xsi("type")?, self.qualified(&actual.0)?));
                    self.value(tag, actual.1, value, attributes, path)
                }
                None => self.free_content(tag, members, attributes, path),
            },
            Value::Array(items) if self.is_encoded => {
                static ANY_ITEMS: std::sync::LazyLock<Items> = std::sync::LazyLock::new(|| Items {
                    kind: Kind::xsd("anyType"),
                    name: Name::new(XSD, "anyType"),
                    element: "item".to_owned(),
                });
                self.array(tag, &ANY_ITEMS, items, attributes, path)
            }
            Value::Array(_) => path.refuse("must not be an array"),
            Value::Null => self.nil(tag),
            scalar => {
                attributes.push((self.xsi("type")?, self.qualified(&Name::new(XSD, of_scalar(scalar)))?));
                self.open(tag, &attributes);
                self.writer.text(&scalar_text(scalar)).close(tag);
                Ok(())
            }
        }
    }

    fn named_type(&self, name: &str, near: &str, path: &Path<'_>) -> Result<(Name, Known<'s>)> {
        let schema = self.schema;
        let found = schema.find_type(name, near).and_then(|name| Some((name, schema.types.get(name)?)));
        match found {
            Some((name, kind)) => Ok((name.clone(), Known { kind, name: Some(name) })),
            None => path.refuse(format!("has the {TYPE} '{}', which the description does not have", clip(name))),
        }
    }

    fn complex(
        &mut self,
        tag: &str,
        known: Known<'s>,
        complex: &'s Complex,
        value: &Value,
        mut attributes: Attributes,
        path: &Path<'_>,
    ) -> Result<()> {
        let layout = self.layout(complex)?;
        if let Some(items) = layout.array {
            return match value {
                Value::Array(values) => self.array(tag, items, values, attributes, path),
                _ => path.refuse(format!("must be an array ({known})")),
            };
        }
        let empty = Map::new();
        let members = match value {
            Value::Object(members) => members,
            _ if layout.text.is_some() => &empty,
            _ => return path.refuse(format!("must be an object ({known})")),
        };
        let is_marked = attributes.iter().any(|(name, _)| name == "xsi:type");
        if let Some(name) = members.get(TYPE).and_then(Value::as_str).filter(|_| !is_marked) {
            let (name, actual) = self.named_type(name, known.name.map_or("", |name| &name.namespace), path)?;
            if known.name.is_some_and(|declared| !self.schema.derives(&name, declared)) {
                return path.refuse(format!("has the {TYPE} {}, which is no {known}", name.local));
            }
            attributes.push((self.xsi("type")?, self.qualified(&name)?));
            return self.value(tag, actual, value, attributes, path);
        }
        if complex.is_abstract {
            return self.refuse_abstract(known, path);
        }
        if self.is_encoded
            && !is_marked
            && let Some(name) = known.name
        {
            attributes.push((self.xsi("type")?, self.qualified(name)?));
        }
        self.check_members(&layout, members, path)?;
        self.attributes(&layout, members, &mut attributes, path)?;
        self.open(tag, &attributes);
        match layout.text {
            Some(kind) => {
                let bare = if value.is_object() { members.get(VALUE).unwrap_or(&Value::Null) } else { value };
                self.content_text(kind, bare, path)?;
            }
            None => {
                if let Some(text) = members.get(VALUE).and_then(Value::as_str) {
                    self.writer.text(text);
                }
                self.members(&layout, members, path)?;
            }
        }
        self.writer.close(tag);
        Ok(())
    }

    fn layout(&mut self, complex: &'s Complex) -> Result<Rc<Layout<'s>>> {
        let key = std::ptr::from_ref(complex).addr();
        if let Some(layout) = self.layouts.get(&key) {
            return Ok(Rc::clone(layout));
        }
        let layout = self.schema.layout(complex)?;
        self.layouts.insert(key, Rc::clone(&layout));
        Ok(layout)
    }

    fn refuse_abstract(&self, known: Known<'_>, path: &Path<'_>) -> Result<()> {
        let names = known.name.map(|name| self.schema.concrete(name)).unwrap_or_default();
        let names: Vec<&str> = names.iter().map(|name| name.local.as_str()).collect();
        path.refuse(format!("is of the abstract type {known}; its {TYPE} must be one of: {}", list(&names)))
    }

    fn content_text(&mut self, kind: &'s Kind, value: &Value, path: &Path<'_>) -> Result<()> {
        let text = kind_text(self.schema, kind, value, 0).or_else(|reason| path.member(VALUE).refuse(reason))?;
        self.writer.text(&text);
        Ok(())
    }

    fn check_members(&self, layout: &Layout<'_>, members: &Map<String, Value>, path: &Path<'_>) -> Result<()> {
        let is_known = |name: &str| match name {
            TYPE => true,
            ANY => layout.has_any,
            VALUE => layout.text.is_some() || layout.is_mixed,
            name => match name.strip_prefix('@') {
                Some(name) => {
                    layout.has_any_attribute || layout.attributes.iter().any(|attribute| attribute.name.local == name)
                }
                None => layout.slots.contains_key(name),
            },
        };
        let Some(unknown) = members.keys().find(|name| !is_known(name)) else { return Ok(()) };
        let attributes: Vec<String> =
            layout.attributes.iter().map(|attribute| format!("@{}", attribute.name.local)).collect();
        let mut names: Vec<&str> = layout.slots.keys().copied().collect();
        names.sort_unstable();
        names.extend(attributes.iter().map(String::as_str));
        names.extend(layout.text.is_some().then_some(VALUE));
        path.member(unknown).refuse(format!("is not known here; expected are: {}", list(&names)))
    }

    fn attributes(
        &mut self,
        layout: &Layout<'s>,
        members: &Map<String, Value>,
        into: &mut Attributes,
        path: &Path<'_>,
    ) -> Result<()> {
        for attribute in &layout.attributes {
            let key = format!("@{}", attribute.name.local);
            let path = path.member(&key);
            let text = match (members.get(&key).filter(|value| !value.is_null()), &attribute.fixed) {
                (Some(value), _) => {
                    kind_text(self.schema, &attribute.kind, value, 0).or_else(|reason| path.refuse(reason))?
                }
                (None, Some(fixed)) if attribute.is_required => fixed.clone(),
                (None, _) if attribute.is_required => return path.refuse(format!("is missing ({})", attribute.kind)),
                (None, _) => continue,
            };
            into.push((self.qualified(&attribute.name)?, text));
        }
        for (key, value) in members.iter().filter(|_| layout.has_any_attribute) {
            let Some(name) = key.strip_prefix('@').filter(|_| key != TYPE) else { continue };
            if !layout.attributes.iter().any(|attribute| attribute.name.local == name) {
                into.push(self.free_attribute(name, value, &path.member(key))?);
            }
        }
        Ok(())
    }

    fn members(&mut self, layout: &Layout<'s>, members: &Map<String, Value>, path: &Path<'_>) -> Result<()> {
        let mut pending: Members<'_> = HashMap::new();
        for (name, value) in members {
            let (repeats, takes_null) = match layout.slots.get(name.as_str()) {
                Some(slot) => {
                    let is_nillable = self.schema.declaration(slot.element).is_ok_and(|element| element.is_nillable);
                    (slot.repeats, is_nillable || self.is_encoded)
                }
                None if name == ANY => (true, false),
                None => continue,
            };
            let values = match value {
                Value::Array(values) if repeats => &values[..],
                Value::Null if repeats || !takes_null => &[],
                value => std::slice::from_ref(value),
            };
            pending.insert(name, Pending { values, repeats, written: 0 });
        }
        for particle in &layout.content {
            self.particle(particle, &mut pending, path)?;
        }
        let left = pending.iter().filter(|(_, pending)| pending.left() > 0).min_by_key(|(name, _)| **name);
        let Some((name, pending)) = left else { return Ok(()) };
        let path = path.member(name);
        match pending.written {
            0 => path.refuse("cannot be given together with the others: they exclude each other"),
            written => path.refuse(format!("has {} values; at most {written} are admitted", pending.values.len())),
        }
    }

    fn particle(&mut self, particle: &'s Particle, pending: &mut Members<'_>, path: &Path<'_>) -> Result<()> {
        match &particle.term {
            Term::Element(element) => self.element(particle, element, pending, path),
            Term::Any => self.any(particle, pending, path),
            Term::Sequence(parts) => {
                let mut rounds = 0;
                while rounds < particle.max {
                    let is_needed = rounds == 0 && particle.min > 0;
                    if !is_needed && parts.iter().all(|part| present(part, pending) == 0) {
                        break;
                    }
                    for part in parts {
                        self.particle(part, pending, path)?;
                    }
                    rounds += 1;
                }
                Ok(())
            }
            Term::Choice(parts) => self.choice(particle, parts, pending, path),
        }
    }

    fn choice(
        &mut self,
        particle: &'s Particle,
        parts: &'s [Particle],
        pending: &mut Members<'_>,
        path: &Path<'_>,
    ) -> Result<()> {
        for round in 0..particle.max {
            // The first of those that account for most members.
            let best = parts.iter().rev().max_by_key(|part| present(part, pending));
            match best.filter(|part| present(part, pending) > 0) {
                Some(part) => self.particle(part, pending, path)?,
                None if round >= particle.min || parts.iter().any(may_be_empty) => return Ok(()),
                None => {
                    let mut names = Vec::new();
                    parts.iter().for_each(|part| element_names(part, &mut names));
                    return path.refuse(format!("needs one of: {}", list(&names)));
                }
            }
        }
        Ok(())
    }

    fn element(
        &mut self,
        particle: &Particle,
        element: &'s Element,
        pending: &mut Members<'_>,
        path: &Path<'_>,
    ) -> Result<()> {
        let name = element.name.local.as_str();
        let path = path.member(name);
        let count = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let taken = match pending.get_mut(name) {
            Some(pending) => {
                let first = pending.written;
                pending.written += pending.left().min(count(particle.max));
                let values = pending.values.get(first..pending.written).unwrap_or_default();
                Some((values, first, pending.repeats))
            }
            None => None,
        };
        let (values, first, repeats) = taken.unwrap_or((&[], 0, false));
        if values.len() < count(particle.min) {
            return match (values, self.schema.kind(element)) {
                (_, Err(error)) => Err(error),
                ([], Ok(kind)) => path.refuse(format!("is missing ({kind})")),
                (values, Ok(_)) => {
                    path.refuse(format!("has {} values; at least {} are needed", values.len(), particle.min))
                }
            };
        }
        let tag = self.tag(&element.name)?;
        for (index, value) in values.iter().enumerate() {
            let item = path.item(first + index);
            self.declared(element, &tag, value, if repeats { &item } else { &path })?;
        }
        Ok(())
    }

    fn any(&mut self, particle: &Particle, pending: &mut Members<'_>, path: &Path<'_>) -> Result<()> {
        let path = path.member(ANY);
        let (values, first) = match pending.get_mut(ANY) {
            Some(pending) => {
                let first = pending.written;
                pending.written += pending.left().min(usize::try_from(particle.max).unwrap_or(usize::MAX));
                (pending.values.get(first..pending.written).unwrap_or_default(), first)
            }
            None => (&[][..], 0),
        };
        if values.is_empty() && particle.min > 0 {
            return path.refuse("is missing (an array of elements)");
        }
        for (index, value) in values.iter().enumerate() {
            self.any_element(value, &path.item(first + index))?;
        }
        Ok(())
    }

    /// An element of any name: as XML, or as an object with one member, the element's full name.
    fn any_element(&mut self, value: &Value, path: &Path<'_>) -> Result<()> {
        match value {
            Value::String(text) => {
                let text = text.trim();
                let text = match text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
                    Some((_, rest)) => rest,
                    None => text,
                };
                if let Err(error) = Document::read(text, Limits { depth: DEPTH / 2, ..Limits::default() }) {
                    return path.refuse(format!("must be one element of well-formed XML: {error}"));
                }
                self.writer.markup(text);
                Ok(())
            }
            Value::Object(members) if members.len() == 1 => {
                let Some((name, value)) = members.iter().next() else { return Ok(()) };
                let path = path.member(name);
                match self.schema.elements.get(&Name::parse(name)) {
                    Some(element) => {
                        let tag = self.qualified(&element.name)?;
                        self.declared(element, &tag, value, &path)
                    }
                    None => self.free(name, value, &path),
                }
            }
            _ => path.refuse("must be XML as text, or an object with one member"),
        }
    }

    fn array(
        &mut self,
        tag: &str,
        items: &'s Items,
        values: &[Value],
        mut attributes: Attributes,
        path: &Path<'_>,
    ) -> Result<()> {
        if path.depth > DEPTH {
            return path.refuse(format!("is nested more than {DEPTH} structures deep"));
        }
        if self.is_encoded {
            let encoding = self.version.names().encoding;
            if !attributes.iter().any(|(name, _)| name == "xsi:type") {
                attributes.push((self.xsi("type")?, self.qualified(&Name::new(encoding, "Array"))?));
            }
            let item = self.qualified(&items.name)?;
            let mut attribute = |out: &mut Out<'s>, local: &str, value: String| -> Result<()> {
                attributes.push((out.qualified(&Name::new(encoding, local))?, value));
                Ok(())
            };
            match self.version {
                Version::V11 => attribute(self, "arrayType", format!("{item}[{}]", values.len()))?,
                Version::V12 => {
                    if !items.name.local.contains('[') {
                        attribute(self, "itemType", item)?;
                    }
                    attribute(self, "arraySize", values.len().to_string())?;
                }
            }
        }
        self.open(tag, &attributes);
        let known = self.schema.known(&items.kind)?;
        for (index, value) in values.iter().enumerate() {
            // An array within an array is a level of its own, though the path does not name it.
            let path = Path { depth: path.depth + 1, ..path.item(index) };
            match value {
                Value::Null => self.nil(&items.element)?,
                value => self.value(&items.element, known, value, Vec::new(), &path)?,
            }
        }
        self.writer.close(tag);
        Ok(())
    }

    /// An element that no schema describes: text, or members as elements and attributes.
    fn free(&mut self, name: &str, value: &Value, path: &Path<'_>) -> Result<()> {
        if path.depth > DEPTH {
            return path.refuse(format!("is nested more than {DEPTH} structures deep"));
        }
        let parsed = Name::parse(name);
        if !is_ncname(&parsed.local) {
            return path.refuse("cannot be an element's name");
        }
        let tag = self.qualified(&parsed)?;
        match value {
            Value::Null => self.nil(&tag),
            Value::Object(members) => self.free_content(&tag, members, Vec::new(), path),
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    if value.is_array() {
                        return path.item(index).refuse("must not be an array");
                    }
                    self.free(name, value, &path.item(index))?;
                }
                Ok(())
            }
            scalar => {
                self.writer.element(&tag, &[], &scalar_text(scalar));
                Ok(())
            }
        }
    }

    fn free_attribute(&mut self, name: &str, value: &Value, path: &Path<'_>) -> Result<(String, String)> {
        let name = Name::parse(name);
        // One that declares namespaces would be no attribute.
        if !is_ncname(&name.local) || name.local == "xmlns" || value.is_object() || value.is_array() {
            return path.refuse("cannot be an attribute");
        }
        Ok((self.qualified(&name)?, scalar_text(value)))
    }

    fn free_content(
        &mut self,
        tag: &str,
        members: &Map<String, Value>,
        mut attributes: Attributes,
        path: &Path<'_>,
    ) -> Result<()> {
        for (name, value) in members {
            let Some(name) = name.strip_prefix('@') else { continue };
            attributes.push(self.free_attribute(name, value, &path.member(name))?);
        }
        self.open(tag, &attributes);
        for (name, value) in members.iter().filter(|(name, _)| !name.starts_with('@')) {
            match (name.as_str(), value) {
                (VALUE, value) if !value.is_object() && !value.is_array() => {
                    self.writer.text(&scalar_text(value));
                }
                (name, value) => self.free(name, value, &path.member(name))?,
            }
        }
        self.writer.close(tag);
        Ok(())
    }
}

/// How many members with values left a particle has a place for.
fn present(particle: &Particle, pending: &Members<'_>) -> usize {
    let left = |name: &str| usize::from(pending.get(name).is_some_and(|pending| pending.left() > 0));
    match &particle.term {
        Term::Element(element) => left(&element.name.local),
        Term::Any => left(ANY),
        Term::Sequence(parts) | Term::Choice(parts) => parts.iter().map(|part| present(part, pending)).sum(),
    }
}

fn may_be_empty(particle: &Particle) -> bool {
    let inner = match &particle.term {
        Term::Element(_) | Term::Any => false,
        Term::Sequence(parts) => parts.iter().all(may_be_empty),
        Term::Choice(parts) => parts.iter().any(may_be_empty),
    };
    particle.min == 0 || inner
}

fn element_names<'p>(particle: &'p Particle, names: &mut Vec<&'p str>) {
    match &particle.term {
        Term::Element(element) => names.push(&element.name.local),
        Term::Any => names.push(ANY),
        Term::Sequence(parts) | Term::Choice(parts) => parts.iter().for_each(|part| element_names(part, names)),
    }
}

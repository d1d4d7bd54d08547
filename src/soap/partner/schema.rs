//! A partner's types with every reference by full name: what a structure holds, in which order, and what it derives from.
//! It knows neither JSON nor envelopes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::builtin::{BUILTINS, Builtin};
use crate::error::{Error, Result};
use crate::soap::wsdl::canonical::XSD;

/// How many types may derive from each other in a row, and how many references may be followed for one name.
const CHAIN: usize = 64;

/// An expanded name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name {
    /// The namespace, empty for none.
    pub(super) namespace: String,
    /// The local part.
    pub(super) local: String,
}

impl Name {
    /// A name from its parts.
    pub(super) fn new(namespace: &str, local: &str) -> Name {
        Name { namespace: namespace.to_owned(), local: local.to_owned() }
    }

    /// A name as it stands in a document written anew, `{namespace}local`; without braces it is in no namespace.
    pub(super) fn parse(text: &str) -> Name {
        match text.strip_prefix('{').and_then(|text| text.rsplit_once('}')) {
            Some((namespace, local)) => Name::new(namespace, local),
            None => Name::new("", text),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => f.write_str(&self.local),
            XSD => write!(f, "xsd:{}", self.local),
            namespace => write!(f, "{{{namespace}}}{}", self.local),
        }
    }
}

/// A type, by its name or as it is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// By its name.
    Named(Name),
    /// The type of one element alone.
    Own(Arc<Type>),
}

impl Kind {
    /// One of XML Schema's types.
    pub(super) fn xsd(local: &str) -> Kind {
        Kind::Named(Name::new(XSD, local))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Named(name) if name.namespace == XSD => name.fmt(f),
            Kind::Named(name) => f.write_str(&name.local),
            Kind::Own(kind) => match &**kind {
                Type::Any => f.write_str("xsd:anyType"),
                Type::Simple(Simple::Builtin(builtin)) => write!(f, "xsd:{}", builtin.name),
                Type::Simple(Simple::Narrowed { base, .. }) => base.fmt(f),
                Type::Simple(Simple::List(item)) => write!(f, "list of {item}"),
                Type::Simple(Simple::Union(_)) => f.write_str("union"),
                Type::Complex(_) => f.write_str("structure"),
            },
        }
    }
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Type {
    /// Anything.
    Any,
    /// Text.
    Simple(Simple),
    /// A structure, or text with attributes.
    Complex(Box<Complex>),
}

/// A type of text.
#[derive(Debug)]
pub(super) enum Simple {
    /// One that XML Schema defines.
    Builtin(Builtin),
    /// Another with less values.
    Narrowed {
        /// The other.
        base: Kind,
        /// The texts that are admitted; none means all.
        values: Vec<String>,
    },
    /// Values separated by white space.
    List(Kind),
    /// One of several.
    Union(Vec<Kind>),
}

/// A structure.
#[derive(Debug, Default)]
pub(super) struct Complex {
    /// Its name, if it has one.
    pub(super) name: Option<Name>,
    /// What it derives from.
    pub(super) base: Option<Base>,
    /// Its own elements.
    pub(super) content: Option<Particle>,
    /// Its own attributes.
    pub(super) attributes: Vec<Attribute>,
    /// Whether it has text and attributes, but no elements.
    pub(super) is_text: bool,
    /// The type of the text, where the type that it derives from does not tell.
    pub(super) text: Option<Kind>,
    /// Whether text may stand between the elements.
    pub(super) is_mixed: bool,
    /// Whether only derived types have values.
    pub(super) is_abstract: bool,
    /// Whether attributes of any name are admitted.
    pub(super) has_any_attribute: bool,
    /// What its items are, if it is an array of the section 5 encoding.
    pub(super) array: Option<Items>,
}

/// What a type derives from.
#[derive(Debug)]
pub(super) struct Base {
    /// The other type.
    pub(super) name: Name,
    /// Whether it is the other type with more, rather than with less.
    pub(super) is_extension: bool,
}

/// The items of a section 5 array.
#[derive(Clone, Debug)]
pub(super) struct Items {
    /// Their type.
    pub(super) kind: Kind,
    /// The type's name as an array's type gives it, with the brackets of arrays within.
    pub(super) name: Name,
    /// The name of the items' elements.
    pub(super) element: String,
}

/// A part of a structure's content.
#[derive(Clone, Debug)]
pub(super) struct Particle {
    /// How often it must occur.
    pub(super) min: u32,
    /// How often it may occur; the greatest number for any number.
    pub(super) max: u32,
    /// What it is.
    pub(super) term: Term,
}

/// What a particle is.
#[derive(Clone, Debug)]
pub(super) enum Term {
    /// An element.
    Element(Element),
    /// All of them, in this order; what may stand in any order is written in this one too.
    Sequence(Vec<Particle>),
    /// One of them.
    Choice(Vec<Particle>),
    /// An element of any name.
    Any,
}

/// An element.
#[derive(Clone, Debug)]
pub(super) struct Element {
    /// Its name on the wire.
    pub(super) name: Name,
    /// Its type; none if it is that of the global element of the name.
    pub(super) kind: Option<Kind>,
    /// Whether it may be there without a value.
    pub(super) is_nillable: bool,
    /// Whether only elements that stand in for it have values.
    pub(super) is_abstract: bool,
}

/// An attribute.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    /// Its name on the wire.
    pub(super) name: Name,
    /// Its type.
    pub(super) kind: Kind,
    /// Whether it must be there.
    pub(super) is_required: bool,
    /// Whether it must not.
    pub(super) is_prohibited: bool,
    /// The only value it may have.
    pub(super) fixed: Option<String>,
}

/// A type that was looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'s> {
    /// The type.
    pub(super) kind: &'s Type,
    /// Its name, if it has one.
    pub(super) name: Option<&'s Name>,
}

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) if name.namespace == XSD => name.fmt(f),
            Some(name) => f.write_str(&name.local),
            None => f.write_str("structure"),
        }
    }
}

/// All of a description's types.
#[derive(Debug)]
pub(super) struct Schema {
    /// Global elements.
    pub(super) elements: HashMap<Name, Element>,
    /// Named types.
    pub(super) types: HashMap<Name, Type>,
}

/// A structure with all it inherits.
#[derive(Debug)]
pub(super) struct Layout<'s> {
    /// Its elements, those of the base first.
    pub(super) content: Vec<&'s Particle>,
    /// Its attributes.
    pub(super) attributes: Vec<&'s Attribute>,
    /// The type of its text, if it has no elements.
    pub(super) text: Option<&'s Kind>,
    /// Whether text may stand between the elements.
    pub(super) is_mixed: bool,
    /// What its items are, if it is an array.
    pub(super) array: Option<&'s Items>,
    /// The elements by their local names.
    pub(super) slots: HashMap<&'s str, Slot<'s>>,
    /// Whether elements of any name are admitted.
    pub(super) has_any: bool,
    /// Whether attributes of any name are admitted.
    pub(super) has_any_attribute: bool,
}

/// Where a member of a structure goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'s> {
    /// The element.
    pub(super) element: &'s Element,
    /// Whether it may occur more than once, and so is an array in JSON.
    pub(super) repeats: bool,
    /// Whether it is always an option among others.
    pub(super) is_optional: bool,
}

impl Schema {
    /// Nothing but the types that need no description.
    pub(super) fn new() -> Schema {
        let mut types = HashMap::new();
        for builtin in BUILTINS {
            let kind = || Type::Simple(Simple::Builtin(builtin));
            types.insert(Name::new(XSD, builtin.name), kind());
            for version in [super::Version::V11, super::Version::V12] {
                types.insert(Name::new(version.names().encoding, builtin.name), kind());
            }
        }
        types.insert(Name::new(XSD, "anyType"), Type::Any);
        types.insert(Name::new(XSD, "anyAtomicType"), Type::Any);
        for version in [super::Version::V11, super::Version::V12] {
            let items =
                Items { kind: Kind::xsd("anyType"), name: Name::new(XSD, "anyType"), element: "item".to_owned() };
            let array = Complex { array: Some(items), ..Complex::default() };
            types.insert(Name::new(version.names().encoding, "Array"), Type::Complex(array.into()));
            types.insert(Name::new(version.names().encoding, "Struct"), Type::Any);
        }
        if let Some(base64) = BUILTINS.iter().find(|builtin| builtin.name == "base64Binary") {
            let name = Name::new(super::Version::V11.names().encoding, "base64");
            types.insert(name, Type::Simple(Simple::Builtin(*base64)));
        }
        types.insert(Name::new("http://xml.apache.org/xml-soap", "Map"), Type::Any);
        Schema { elements: HashMap::new(), types }
    }

    /// The type.
    /// # Errors
    /// A name that the description does not explain.
    pub(super) fn resolve<'s>(&'s self, kind: &'s Kind) -> Result<&'s Type> {
        match kind {
            Kind::Own(kind) => Ok(kind),
            Kind::Named(name) => self.types.get(name).ok_or_else(|| {
                Error::invalid(format!("The description uses the type {name}, but does not say what it is"))
            }),
        }
    }

    /// The type with its name.
    /// # Errors
    /// As for [`Schema::resolve`].
    pub(super) fn known<'s>(&'s self, kind: &'s Kind) -> Result<Known<'s>> {
        let name = match kind {
            Kind::Named(name) => Some(name),
            Kind::Own(_) => None,
        };
        Ok(Known { kind: self.resolve(kind)?, name })
    }

    /// The element itself, or the global one that it repeats.
    /// # Errors
    /// A name that the description does not explain.
    pub(super) fn declaration<'s>(&'s self, element: &'s Element) -> Result<&'s Element> {
        if element.kind.is_some() {
            return Ok(element);
        }
        self.elements.get(&element.name).filter(|element| element.kind.is_some()).ok_or_else(|| {
            Error::invalid(format!("The description uses the element {}, but does not say what it is", element.name))
        })
    }

    /// The type of an element.
    /// # Errors
    /// As for [`Schema::declaration`].
    pub(super) fn kind<'s>(&'s self, element: &'s Element) -> Result<&'s Kind> {
        static ANY: std::sync::LazyLock<Kind> = std::sync::LazyLock::new(|| Kind::xsd("anyType"));
        // A schema within a message (a .NET DataSet) is described by nobody.
        if element.kind.is_none() && element.name.namespace == XSD {
            return Ok(&ANY);
        }
        Ok(self.declaration(element)?.kind.as_ref().unwrap_or(&ANY))
    }

    /// The types above a type, nearest first, itself included.
    fn line<'s>(&'s self, complex: &'s Complex) -> Result<Vec<&'s Complex>> {
        let mut line = vec![complex];
        let mut next = complex.base.as_ref();
        while let Some(base) = next {
            next = match self.types.get(&base.name) {
                Some(Type::Complex(complex)) => {
                    line.push(complex);
                    complex.base.as_ref()
                }
                Some(Type::Any | Type::Simple(_)) => None,
                None => {
                    return Err(Error::invalid(format!(
                        "The description derives a type from {}, but does not say what that is",
                        base.name
                    )));
                }
            };
            if line.len() > CHAIN {
                return Err(Error::invalid(format!("The description derives types from {} without end", base.name)));
            }
        }
        Ok(line)
    }

    /// Whether a value of the one type may stand where the other is declared.
    pub(super) fn derives(&self, name: &Name, from: &Name) -> bool {
        let mut name = name;
        for _ in 0..CHAIN {
            if name == from {
                return true;
            }
            name = match self.types.get(name) {
                Some(Type::Complex(complex)) if complex.base.is_some() => {
                    complex.base.as_ref().map_or(name, |base| &base.name)
                }
                Some(Type::Simple(Simple::Narrowed { base: Kind::Named(base), .. })) => base,
                _ => return *from == Name::new(XSD, "anyType"),
            };
        }
        false
    }

    /// A structure with all it inherits.
    /// # Errors
    /// Names that the description does not explain, and types that derive from themselves.
    pub(super) fn layout<'s>(&'s self, complex: &'s Complex) -> Result<Rc<Layout<'s>>> {
        let line = self.line(complex)?;
        let mut content = Vec::new();
        let mut attributes: Vec<&Attribute> = Vec::new();
        let (mut text, mut array) = (None, None);
        for complex in line.iter().rev() {
            let is_extension = complex.base.as_ref().is_none_or(|base| base.is_extension);
            if !is_extension {
                content.clear();
            }
            content.extend(&complex.content);
            for attribute in &complex.attributes {
                attributes.retain(|known| known.name != attribute.name);
                attributes.push(attribute);
            }
            text = complex.text.as_ref().or(text);
            array = complex.array.as_ref().or(array);
        }
        attributes.retain(|attribute| !attribute.is_prohibited);
        let mut slots = HashMap::new();
        for particle in &content {
            collect(particle, false, false, &mut slots);
        }
        let has_any = content.iter().any(|particle| holds_any(particle));
        let text = text.filter(|_| line.iter().any(|complex| complex.is_text));
        let has_any_attribute = line.iter().any(|complex| complex.has_any_attribute);
        let is_mixed = line.iter().any(|complex| complex.is_mixed);
        Ok(Rc::new(Layout { content, attributes, text, is_mixed, array, slots, has_any, has_any_attribute }))
    }

    /// The type of that name, as JSON gives it: in full, or its local part alone, which is looked for beside `near`.
    pub(super) fn find_type(&self, text: &str, near: &str) -> Option<&Name> {
        let local = match text.split_once(':') {
            _ if text.starts_with('{') => return self.types.get_key_value(&Name::parse(text)).map(|(name, _)| name),
            Some((_, local)) => local,
            None => text,
        };
        let beside = self.types.get_key_value(&Name::new(near, local)).map(|(name, _)| name);
        beside.or_else(|| self.types.keys().filter(|name| name.local == local).min())
    }

    /// The name by which [`Schema::find_type`] finds that type again.
    pub(super) fn type_text(&self, name: &Name, near: &str) -> String {
        match self.find_type(&name.local, near) == Some(name) {
            true => name.local.clone(),
            false => format!("{{{}}}{}", name.namespace, name.local),
        }
    }

    /// The named types that a value may be where an abstract one is declared.
    pub(super) fn concrete(&self, from: &Name) -> Vec<&Name> {
        let is_concrete = |name: &Name| match self.types.get(name) {
            Some(Type::Complex(complex)) => !complex.is_abstract && self.derives(name, from),
            _ => false,
        };
        let mut names: Vec<_> = self.types.keys().filter(|name| is_concrete(name)).collect();
        names.sort();
        names
    }
}

/// Notes where members go. What may stand in two places of a sequence is one member with two values.
fn collect<'s>(particle: &'s Particle, repeats: bool, is_optional: bool, slots: &mut HashMap<&'s str, Slot<'s>>) {
    let repeats = repeats || particle.max > 1;
    match &particle.term {
        Term::Element(element) => {
            let known = slots.get(element.name.local.as_str());
            let slot = Slot { element, repeats: repeats || known.is_some(), is_optional };
            slots.insert(&element.name.local, slot);
        }
        Term::Sequence(parts) => parts.iter().for_each(|part| collect(part, repeats, is_optional, slots)),
        Term::Choice(parts) => {
            let before: HashSet<&str> = slots.keys().copied().collect();
            for part in parts {
                let mut own = HashMap::new();
                collect(part, repeats, true, &mut own);
                for (name, mut slot) in own {
                    let known = slots.get(name);
                    slot.repeats |= before.contains(name) || known.is_some_and(|known| known.repeats);
                    slots.insert(name, slot);
                }
            }
        }
        Term::Any => {}
    }
}

fn holds_any(particle: &Particle) -> bool {
    match &particle.term {
        Term::Element(_) => false,
        Term::Sequence(parts) | Term::Choice(parts) => parts.iter().any(holds_any),
        Term::Any => true,
    }
}

//! Calling other people's SOAP services: their description read, JSON to an envelope and the answer back to JSON.
//! It opens no connection and fetches no document; `docs/partner.md` says what of WSDL and XML Schema it knows.

mod builtin;
mod location;
mod read;
mod reply;
mod request;
mod schema;
mod service;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::schema::{Kind, Name, Particle, Schema, Term, Type};
use self::service::{Direction, PartContent};
use crate::error::{Error, Result};
pub use crate::soap::version::Version;
use crate::soap::wsdl::{self, Foreign, schema as model};

/// The member that names a value's type where it is not the declared one.
const TYPE: &str = "@xsi:type";
/// The member that holds the text of a value that has attributes.
const VALUE: &str = "$value";
/// The member that holds elements of any name.
const ANY: &str = "$any";
/// Schemas of one description, each counted for every namespace that takes it over.
const PARTS: usize = 2_000;

/// A document of a description.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it was found.
    pub location: String,
    /// What it says.
    pub text: String,
}

/// How a binding lays a body out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The body holds an element that the schema describes.
    Document,
    /// The body holds an element named like the operation, and in it the parts.
    Rpc,
}

/// A description that was read.
#[derive(Debug)]
pub struct Partner {
    schema: Schema,
    operations: Vec<service::Operation>,
}

/// What an operation is, for lists and for checks of what will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// The service it is part of.
    pub service: String,
    /// The port.
    pub port: String,
    /// Where it is called.
    pub url: String,
    /// The version of SOAP.
    pub version: Version,
    /// The style of its body.
    pub style: Style,
    /// Whether its values are encoded by section 5.
    pub is_encoded: bool,
    /// Whether nothing is answered.
    pub is_one_way: bool,
    /// The action, empty for none.
    pub action: String,
    /// What the description says about it.
    pub documentation: Option<String>,
    /// The members of its arguments.
    pub input: Vec<Member>,
    /// The members of its result.
    pub output: Vec<Member>,
    /// The header blocks it declares.
    pub headers: Vec<Member>,
}

/// A member of arguments or results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in JSON; `$value` for the whole of what is no object.
    pub name: String,
    /// Its type, for readers.
    pub kind: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// Whether it is an array.
    pub repeats: bool,
}

/// One operation at one port.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'p> {
    schema: &'p Schema,
    operation: &'p service::Operation,
}

/// A call, ready to be sent by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingCall {
    /// Where to.
    pub url: String,
    /// The headers that SOAP asks for.
    pub headers: Vec<(&'static str, String)>,
    /// The envelope, in UTF-8.
    pub body: Vec<u8>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The result; null if the operation has none.
    Done(Value),
    /// A fault.
    Fault {
        /// The code without its prefix, with the subcodes after points.
        code: String,
        /// The sentence for people.
        text: String,
        /// Who says so, if anybody is named.
        actor: Option<String>,
        /// The detail, its entries by their names; null if there is none.
        detail: Value,
        /// Whether the call was at fault, so that repeating it is of no use.
        is_sender: bool,
    },
}

impl Partner {
    /// Where the other documents are that a document imports or includes, each once, resolved against its own address.
    /// # Errors
    /// Text that is no WSDL 1.1 description and no schema.
    pub fn imports(text: &str, location: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        match wsdl::read_foreign(text)? {
            Foreign::Definitions(definitions) => {
                found.extend(definitions.imports.iter().filter_map(|import| import.location.clone()));
                for schema in definitions.types.iter().flat_map(|types| &types.schemas) {
                    references(schema, &mut found);
                }
            }
            Foreign::Schema(schema) => references(&schema, &mut found),
        }
        let mut locations: Vec<String> = Vec::new();
        for reference in found.iter().filter(|reference| !reference.trim().is_empty()) {
            let resolved = location::resolve(location, reference);
            if !locations.contains(&resolved) && resolved != location {
                locations.push(resolved);
            }
        }
        Ok(locations)
    }

    /// Reads a description: the document that was asked for and all that it imports.
    /// # Errors
    /// Documents that are none, or that contradict themselves where it matters.
    pub fn read(documents: &[Document]) -> Result<Partner> {
        let mut definitions = Vec::new();
        let mut schemas: Vec<(&str, model::Schema)> = Vec::new();
        let mut seen = BTreeSet::new();
        for document in documents.iter().filter(|document| seen.insert(&document.location)) {
            match wsdl::read_foreign(&document.text).map_err(|error| in_document(&error, &document.location))? {
                Foreign::Definitions(mut read) => {
                    let inline = read.types.take().map(|types| types.schemas).unwrap_or_default();
                    schemas.extend(inline.into_iter().map(|schema| (document.location.as_str(), schema)));
                    definitions.push(*read);
                }
                Foreign::Schema(schema) => schemas.push((&document.location, *schema)),
            }
        }
        let adopters = adopters(&schemas);
        let mut parts = Vec::new();
        for (location, schema) in &schemas {
            match (&schema.target_namespace, adopters.get(*location)) {
                (Some(namespace), _) => parts.push(read::Part { schema, namespace }),
                (None, None) => parts.push(read::Part { schema, namespace: "" }),
                (None, Some(namespaces)) => {
                    parts.extend(namespaces.iter().map(|namespace| read::Part { schema, namespace }));
                }
            }
            if parts.len() > PARTS {
                return Err(Error::invalid(format!("The description consists of more than {PARTS} schemas")));
            }
        }
        let schema = read::schema(&parts)?;
        let operations = service::operations(&definitions)?;
        Ok(Partner { schema, operations })
    }

    /// All operations of all ports.
    pub fn operations(&self) -> Vec<Summary> {
        self.operations.iter().map(|operation| Operation { schema: &self.schema, operation }.summary()).collect()
    }

    /// The operation of that name: at the named port, or else where it is understood best: SOAP 1.2 literal, then
    /// SOAP 1.1 literal, then encoded.
    /// # Errors
    /// A sentence that lists what there is, if there is no such operation.
    pub fn operation(&self, name: &str, port: Option<&str>) -> Result<Operation<'_>> {
        let operation = service::choose(&self.operations, name, port)?;
        Ok(Operation { schema: &self.schema, operation })
    }
}

impl Operation<'_> {
    /// Writes a call with those arguments and header blocks.
    /// # Errors
    /// Arguments that do not fit the description, with the path of what does not.
    pub fn request(&self, arguments: &Value, headers: Option<&Value>) -> Result<OutgoingCall> {
        let body = request::write(self.schema, self.operation, arguments, headers)?.into_bytes();
        let action = &self.operation.action;
        let content_type = self.operation.version.names().content_type;
        let headers = match self.operation.version {
            Version::V11 => {
                vec![("Content-Type", content_type.to_owned()), ("SOAPAction", format!("\"{action}\""))]
            }
            Version::V12 if action.is_empty() => vec![("Content-Type", content_type.to_owned())],
            Version::V12 => vec![("Content-Type", format!("{content_type}; action=\"{action}\""))],
        };
        Ok(OutgoingCall { url: self.operation.url.clone(), headers, body })
    }

    /// Reads what was answered. `content_type` is empty if nothing was said.
    /// # Errors
    /// What is no answer to this operation; `Unavailable` if it may be another time.
    pub fn reply(&self, status: u16, content_type: &str, body: &[u8]) -> Result<Reply> {
        reply::read(self.schema, self.operation, status, content_type, body)
    }

    /// What it is.
    pub fn summary(&self) -> Summary {
        let operation = self.operation;
        let output = operation.output.as_ref();
        Summary {
            name: operation.name.clone(),
            service: operation.service.clone(),
            port: operation.port.clone(),
            url: operation.url.clone(),
            version: operation.version,
            style: operation.style,
            is_encoded: operation.input.is_encoded,
            is_one_way: operation.output.is_none(),
            action: operation.action.clone(),
            documentation: operation.documentation.clone(),
            input: self.members(&operation.input),
            output: output.map(|output| self.members(output)).unwrap_or_default(),
            headers: operation.input.headers.iter().map(|part| self.part(part)).collect(),
        }
    }

    fn members(&self, direction: &Direction) -> Vec<Member> {
        match (self.operation.style, &direction.parts[..]) {
            (Style::Document, [only]) => self.content(only),
            (_, parts) => parts.iter().map(|part| self.part(part)).collect(),
        }
    }

    fn part(&self, part: &service::Part) -> Member {
        let kind = match &part.content {
            PartContent::Element(name) => self.element_kind(name).map_or_else(|| name.to_string(), Kind::to_string),
            PartContent::Type(kind) => kind.to_string(),
        };
        Member { name: part.name.clone(), kind, is_required: true, repeats: false }
    }

    fn element_kind(&self, name: &Name) -> Option<&Kind> {
        self.schema.elements.get(name).and_then(|element| self.schema.kind(element).ok())
    }

    /// The members of what the body's one element holds.
    fn content(&self, part: &service::Part) -> Vec<Member> {
        let kind = match &part.content {
            PartContent::Element(name) => self.element_kind(name),
            PartContent::Type(kind) => Some(kind),
        };
        let complex = match kind.map(|kind| self.schema.resolve(kind)) {
            Some(Ok(Type::Complex(complex))) => complex,
            _ => return vec![Member { name: VALUE.to_owned(), ..self.part(part) }],
        };
        let Ok(layout) = self.schema.layout(complex) else { return Vec::new() };
        let mut members: Vec<Member> = layout
            .attributes
            .iter()
            .map(|attribute| Member {
                name: format!("@{}", attribute.name.local),
                kind: attribute.kind.to_string(),
                is_required: attribute.is_required && attribute.fixed.is_none(),
                repeats: false,
            })
            .collect();
        members.extend(layout.text.map(|kind| Member {
            name: VALUE.to_owned(),
            kind: kind.to_string(),
            is_required: true,
            repeats: false,
        }));
        layout.content.iter().for_each(|particle| self.collect(particle, false, false, &mut members));
        members
    }

    fn collect(&self, particle: &Particle, is_optional: bool, repeats: bool, members: &mut Vec<Member>) {
        let (is_optional, repeats) = (is_optional || particle.min == 0, repeats || particle.max > 1);
        match &particle.term {
            Term::Element(element) => members.push(Member {
                name: element.name.local.clone(),
                kind: self.schema.kind(element).map_or_else(|_| element.name.to_string(), Kind::to_string),
                is_required: !is_optional,
                repeats,
            }),
            Term::Any => members.push(Member {
                name: ANY.to_owned(),
                kind: "xsd:any".to_owned(),
                is_required: !is_optional,
                repeats: true,
            }),
            Term::Sequence(parts) => parts.iter().for_each(|part| self.collect(part, is_optional, repeats, members)),
            Term::Choice(parts) => parts.iter().for_each(|part| self.collect(part, true, repeats, members)),
        }
    }
}

fn in_document(error: &Error, location: &str) -> Error {
    Error::new(error.code(), format!("{}: {}", service::clip(location), error.message()))
}

/// What a schema refers to; the schemas of the standards need no fetching.
fn references(schema: &model::Schema, into: &mut Vec<String>) {
    let imports =
        schema.imports.iter().filter(|import| !import.namespace.as_deref().is_some_and(read::is_known_elsewhere));
    into.extend(imports.chain(&schema.includes).filter_map(|reference| reference.location.clone()));
}

/// The namespaces into which each document without one is included.
fn adopters<'s>(schemas: &'s [(&'s str, model::Schema)]) -> BTreeMap<String, BTreeSet<&'s str>> {
    let mut adopters: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for _ in 0..schemas.len() {
        let mut has_grown = false;
        for (location, schema) in schemas {
            let namespaces: BTreeSet<&str> = match &schema.target_namespace {
                Some(namespace) => BTreeSet::from([namespace.as_str()]),
                None => adopters.get(*location).cloned().unwrap_or_default(),
            };
            for reference in schema.includes.iter().filter_map(|include| include.location.as_deref()) {
                let known = adopters.entry(location::resolve(location, reference)).or_default();
                for namespace in &namespaces {
                    has_grown |= known.insert(*namespace);
                }
            }
        }
        if !has_grown {
            break;
        }
    }
    adopters.retain(|_, namespaces| !namespaces.is_empty());
    adopters
}

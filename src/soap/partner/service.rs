//! A partner's ports and operations: from messages, port types and bindings to what one call needs.
//! It knows nothing of values; which operation is meant where several have a name is decided here.

use std::collections::HashMap;

use super::schema::{Kind, Name};
use super::{Style, Version};
use crate::error::{Error, Result};
use crate::soap::wsdl::document::{
    Binding, Body, BoundExchange, BoundOperation, Definitions, Exchange, Header, Message, Operation as Abstract, Port,
};
use crate::xml::name::is_ncname;

/// An operation at a port.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) service: String,
    pub(super) port: String,
    pub(super) url: String,
    pub(super) version: Version,
    pub(super) style: Style,
    pub(super) action: String,
    pub(super) documentation: Option<String>,
    pub(super) input: Direction,
    /// None if nothing is answered.
    pub(super) output: Option<Direction>,
    /// The elements that may stand in a fault's detail.
    pub(super) faults: Vec<Name>,
}

/// A message as it travels.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// Whether values are encoded by section 5.
    pub(super) is_encoded: bool,
    /// The namespace of the element around the parts, in rpc style.
    pub(super) namespace: String,
    /// What is in the body.
    pub(super) parts: Vec<Part>,
    /// What is in the header.
    pub(super) headers: Vec<Part>,
}

/// A part of a message.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: PartContent,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(super) enum PartContent {
    /// A global element.
    Element(Name),
    /// A value of a type.
    Type(Kind),
}

/// The definitions of all documents by their names.
struct Index<'d> {
    messages: HashMap<Name, &'d Message>,
    operations: HashMap<Name, &'d [Abstract]>,
    bindings: HashMap<Name, &'d Binding>,
}

/// The operations of all ports that speak SOAP over HTTP.
/// # Errors
/// Ports, bindings and messages that refer to what is not there, and a description without any such port.
pub(super) fn operations(documents: &[Definitions]) -> Result<Vec<Operation>> {
    let index = index(documents);
    let mut operations = Vec::new();
    for service in documents.iter().flat_map(|document| &document.services) {
        for port in &service.ports {
            let Some((version, url)) = address(port) else { continue };
            let binding = find(&index.bindings, &port.binding, "binding")?;
            let Some(protocol) = protocol(binding, version) else { continue };
            let abstracts = *find(&index.operations, &binding.kind, "port type")?;
            let is_rpc = protocol == Some("rpc");
            for bound in &binding.operations {
                let endpoint =
                    Endpoint { index: &index, service: &service.name, port: &port.name, version, url, is_rpc };
                operations.push(endpoint.operation(bound, abstracts)?);
            }
        }
    }
    if operations.is_empty() {
        return Err(Error::invalid("The description has no port with operations that speaks SOAP over HTTP"));
    }
    Ok(operations)
}

fn index(documents: &[Definitions]) -> Index<'_> {
    let mut index = Index { messages: HashMap::new(), operations: HashMap::new(), bindings: HashMap::new() };
    for document in documents {
        let name = |local: &str| Name::new(document.target_namespace.as_deref().unwrap_or_default(), local);
        for message in &document.messages {
            index.messages.insert(name(&message.name), message);
        }
        for port_type in &document.port_types {
            index.operations.insert(name(&port_type.name), &port_type.operations);
        }
        for binding in &document.bindings {
            index.bindings.insert(name(&binding.name), binding);
        }
    }
    index
}

fn find<'i, T>(definitions: &'i HashMap<Name, T>, name: &str, what: &str) -> Result<&'i T> {
    let name = Name::parse(name);
    definitions
        .get(&name)
        .ok_or_else(|| Error::invalid(format!("The description uses the {what} {name}, but does not have it")))
}

fn address(port: &Port) -> Option<(Version, &str)> {
    let (version, address) = match (&port.soap11, &port.soap12) {
        (Some(address), _) => (Version::V11, address),
        (None, Some(address)) => (Version::V12, address),
        (None, None) => return None,
    };
    let url = address.location.trim();
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    matches!(scheme.as_str(), "http" | "https").then_some((version, url))
}

/// The binding's style, if it is of that version.
fn protocol(binding: &Binding, version: Version) -> Option<Option<&str>> {
    let protocol = match version {
        Version::V11 => &binding.soap11,
        Version::V12 => &binding.soap12,
    };
    protocol.as_ref().map(|protocol| protocol.style.as_deref())
}

/// A port and what is shared by its operations.
struct Endpoint<'d> {
    index: &'d Index<'d>,
    service: &'d str,
    port: &'d str,
    version: Version,
    url: &'d str,
    is_rpc: bool,
}

impl Endpoint<'_> {
    fn operation(&self, bound: &BoundOperation, abstracts: &[Abstract]) -> Result<Operation> {
        let name = &bound.name;
        if !is_ncname(name) {
            return Err(Error::invalid(format!(
                "The description names an operation '{}', which is no name",
                clip(name)
            )));
        }
        let found = abstracts.iter().find(|operation| operation.name == *name).ok_or_else(|| {
            Error::invalid(format!("The description binds the operation '{name}', but its port type does not have it"))
        })?;
        let action = match self.version {
            Version::V11 => &bound.soap11,
            Version::V12 => &bound.soap12,
        };
        let own_style = action.as_ref().and_then(|action| action.style.as_deref());
        let is_rpc = own_style.map_or(self.is_rpc, |style| style == "rpc");
        let action = action.as_ref().and_then(|action| action.soap_action.as_deref()).unwrap_or_default().trim();
        if action.chars().any(|c| c.is_control() || c == '"' || !c.is_ascii()) {
            return Err(Error::invalid(format!("The action of the operation '{name}' cannot stand in a header")));
        }
        let input = self.direction(found.input.as_ref(), bound.input.as_ref())?;
        let output = match &found.output {
            Some(output) => Some(self.direction(Some(output), bound.output.as_ref())?),
            None => None,
        };
        let mut faults = Vec::new();
        for fault in &found.faults {
            let message = find(&self.index.messages, &fault.message, "message")?;
            faults.extend(message.parts.iter().filter_map(|part| part.element.as_deref()).map(Name::parse));
        }
        let documentation = found.documentation.as_ref().and_then(|documentation| documentation.text.clone());
        Ok(Operation {
            name: name.clone(),
            service: self.service.to_owned(),
            port: self.port.to_owned(),
            url: self.url.to_owned(),
            version: self.version,
            style: if is_rpc { Style::Rpc } else { Style::Document },
            action: action.to_owned(),
            documentation: documentation.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            input,
            output,
            faults,
        })
    }

    fn direction(&self, message: Option<&Exchange>, bound: Option<&BoundExchange>) -> Result<Direction> {
        let Some(message) = message else { return Ok(Direction::default()) };
        let (body, headers) = match (bound, self.version) {
            (Some(bound), Version::V11) => (bound.soap11.as_ref(), &bound.headers11[..]),
            (Some(bound), Version::V12) => (bound.soap12.as_ref(), &bound.headers12[..]),
            (None, _) => (None, &[][..]),
        };
        let name = Name::parse(&message.message);
        let message = find(&self.index.messages, &message.message, "message")?;
        let mut parts = Vec::new();
        for part in &message.parts {
            if is_in_body(&part.name, &name, body, headers) {
                parts.push(self.part(message, &part.name)?);
            }
        }
        Ok(Direction {
            is_encoded: body.is_some_and(|body| body.usage.as_deref() == Some("encoded")),
            namespace: body.and_then(|body| body.namespace.clone()).unwrap_or_default(),
            parts,
            headers: headers.iter().map(|header| self.header(header)).collect::<Result<_>>()?,
        })
    }

    fn header(&self, header: &Header) -> Result<Part> {
        let message = find(&self.index.messages, header.message.as_deref().unwrap_or_default(), "message")?;
        self.part(message, header.part.as_deref().unwrap_or_default())
    }

    fn part(&self, message: &Message, name: &str) -> Result<Part> {
        let part = message.parts.iter().find(|part| part.name == name).filter(|_| is_ncname(name));
        let part = part.ok_or_else(|| {
            Error::invalid(format!(
                "The description uses a part '{}' that the message '{}' does not have",
                clip(name),
                clip(&message.name)
            ))
        })?;
        let content = match (&part.element, &part.kind) {
            (Some(element), _) => {
                let element = Name::parse(element);
                if !is_ncname(&element.local) {
                    return Err(Error::invalid(format!("The part '{name}' is of an element that has no name")));
                }
                PartContent::Element(element)
            }
            (None, Some(kind)) => PartContent::Type(Kind::Named(Name::parse(kind))),
            (None, None) => PartContent::Type(Kind::xsd("anyType")),
        };
        Ok(Part { name: name.to_owned(), content })
    }
}

/// All parts are in the body that are not said to be elsewhere.
fn is_in_body(part: &str, message: &Name, body: Option<&Body>, headers: &[Header]) -> bool {
    if let Some(parts) = body.and_then(|body| body.parts.as_deref()) {
        return parts.split_whitespace().any(|name| name == part);
    }
    let is_header = |header: &Header| {
        header.part.as_deref() == Some(part) && header.message.as_deref().map(Name::parse).as_ref() == Some(message)
    };
    !headers.iter().any(is_header)
}

/// The operation of that name: at the named port, or else at the one that is understood best: SOAP 1.2 literal, then
/// SOAP 1.1 literal, then encoded.
/// # Errors
/// A sentence that lists what there is, if there is no such operation.
pub(super) fn choose<'o>(operations: &'o [Operation], name: &str, port: Option<&str>) -> Result<&'o Operation> {
    let at_port = |operation: &&Operation| port.is_none_or(|port| operation.port == port);
    let found = operations.iter().filter(at_port).filter(|operation| operation.name == name);
    found.min_by_key(|operation| rank(operation)).ok_or_else(|| missing(operations, name, port))
}

fn rank(operation: &Operation) -> (bool, bool) {
    (operation.input.is_encoded, operation.version == Version::V11)
}

fn missing(operations: &[Operation], name: &str, port: Option<&str>) -> Error {
    let at_port: Vec<&Operation> =
        operations.iter().filter(|operation| port.is_none_or(|port| operation.port == port)).collect();
    if at_port.is_empty() {
        let mut ports: Vec<&str> = operations.iter().map(|operation| operation.port.as_str()).collect();
        ports.dedup();
        return Error::invalid(format!(
            "The description has no port '{}'; it has {}",
            clip(port.unwrap_or_default()),
            list(&ports)
        ));
    }
    let mut names: Vec<&str> = at_port.iter().map(|operation| operation.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let place = port.map_or_else(|| "The description".to_owned(), |port| format!("The port '{port}'"));
    Error::invalid(format!("{place} has no operation '{}'; it has {}", clip(name), list(&names)))
}

/// Some names for a sentence.
pub(super) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 30;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| clip(name)).collect();
    match names.len() {
        0 => "none".to_owned(),
        length if length > SHOWN => format!("{} and {} more", shown.join(", "), length - SHOWN),
        _ => shown.join(", "),
    }
}

/// So much of a text from outside as a sentence takes.
pub(super) fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

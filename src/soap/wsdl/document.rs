//! A WSDL 1.1 document as typed elements, written and read by yaserde.
//! It knows the grammar's shape only; which names and styles a service uses is decided by whoever fills it in.

use yaserde::{YaDeserialize, YaSerialize};

use super::schema::Schema;

/// Free text about the element it stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Documentation {
    /// The text. Markup that a partner's tool put inside is left out on reading.
    #[yaserde(text = true)]
    pub text: Option<String>,
}

/// `wsdl:definitions`, the document's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(
    prefix = "wsdl",
    rename = "definitions",
    namespaces = {
        "wsdl" = "http://schemas.xmlsoap.org/wsdl/",
        "soap" = "http://schemas.xmlsoap.org/wsdl/soap/",
        "soap12" = "http://schemas.xmlsoap.org/wsdl/soap12/",
        "xsd" = "http://www.w3.org/2001/XMLSchema",
    }
)]
pub struct Definitions {
    /// What the prefix `tns` stands for. It is an attribute to the writer alone: a parser takes it for a declaration.
    #[yaserde(attribute = true, rename = "xmlns:tns")]
    pub tns: Option<String>,
    /// The document's name.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// The namespace of the messages, bindings and services.
    #[yaserde(attribute = true, rename = "targetNamespace")]
    pub target_namespace: Option<String>,
    /// About the whole.
    #[yaserde(prefix = "wsdl")]
    pub documentation: Option<Documentation>,
    /// Other documents of the description.
    #[yaserde(prefix = "wsdl", rename = "import")]
    pub imports: Vec<Import>,
    /// The data types.
    #[yaserde(prefix = "wsdl")]
    pub types: Option<Types>,
    /// The messages, in document order.
    #[yaserde(prefix = "wsdl", rename = "message")]
    pub messages: Vec<Message>,
    /// The abstract interfaces.
    #[yaserde(prefix = "wsdl", rename = "portType")]
    pub port_types: Vec<PortType>,
    /// The interfaces' forms on the wire.
    #[yaserde(prefix = "wsdl", rename = "binding")]
    pub bindings: Vec<Binding>,
    /// Where they are served.
    #[yaserde(prefix = "wsdl", rename = "service")]
    pub services: Vec<Service>,
}

/// `wsdl:import`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Import {
    /// The namespace of what is there.
    #[yaserde(attribute = true)]
    pub namespace: Option<String>,
    /// Where it is.
    #[yaserde(attribute = true)]
    pub location: Option<String>,
}

/// `wsdl:types`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Types {
    /// The inline schemas. Ours is one; partners have several.
    #[yaserde(prefix = "xsd", rename = "schema")]
    pub schemas: Vec<Schema>,
}

/// `wsdl:message`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
pub struct Message {
    /// The message's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// Its parts.
    #[yaserde(prefix = "wsdl", rename = "part")]
    pub parts: Vec<Part>,
}

/// `wsdl:part`: of a type (rpc) or an element (document).
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Part {
    /// The part's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// The element that stands for the part, as a prefixed name.
    #[yaserde(attribute = true)]
    pub element: Option<String>,
    /// The part's type, as a prefixed name.
    #[yaserde(attribute = true, rename = "type")]
    pub kind: Option<String>,
}

/// `wsdl:portType`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
pub struct PortType {
    /// The interface's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// Its operations.
    #[yaserde(prefix = "wsdl", rename = "operation")]
    pub operations: Vec<Operation>,
}

/// `wsdl:operation` in a port type.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
pub struct Operation {
    /// The operation's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// What it does.
    #[yaserde(prefix = "wsdl")]
    pub documentation: Option<Documentation>,
    /// The request.
    #[yaserde(prefix = "wsdl")]
    pub input: Option<Exchange>,
    /// The reply; a one-way operation has none.
    #[yaserde(prefix = "wsdl")]
    pub output: Option<Exchange>,
    /// The declared faults.
    #[yaserde(prefix = "wsdl", rename = "fault")]
    pub faults: Vec<Exchange>,
}

/// A message sent one way: `wsdl:input`, `wsdl:output` or `wsdl:fault` in a port type.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Exchange {
    /// Its name; a fault must have one.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// The message, as a prefixed name.
    #[yaserde(attribute = true)]
    pub message: String,
}

/// `wsdl:binding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = {
    "wsdl" = "http://schemas.xmlsoap.org/wsdl/",
    "soap" = "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12" = "http://schemas.xmlsoap.org/wsdl/soap12/",
})]
pub struct Binding {
    /// The binding's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// The port type, as a prefixed name.
    #[yaserde(attribute = true, rename = "type")]
    pub kind: String,
    /// Says that it is SOAP 1.1.
    #[yaserde(prefix = "soap", rename = "binding")]
    pub soap11: Option<Protocol>,
    /// Says that it is SOAP 1.2.
    #[yaserde(prefix = "soap12", rename = "binding")]
    pub soap12: Option<Protocol>,
    /// The operations' forms.
    #[yaserde(prefix = "wsdl", rename = "operation")]
    pub operations: Vec<BoundOperation>,
}

/// `soap:binding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Protocol {
    /// `rpc` or `document`; document if nothing is said.
    #[yaserde(attribute = true)]
    pub style: Option<String>,
    /// What carries the envelopes.
    #[yaserde(attribute = true)]
    pub transport: Option<String>,
}

/// `wsdl:operation` in a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = {
    "wsdl" = "http://schemas.xmlsoap.org/wsdl/",
    "soap" = "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12" = "http://schemas.xmlsoap.org/wsdl/soap12/",
})]
pub struct BoundOperation {
    /// The operation's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// Its action in SOAP 1.1.
    #[yaserde(prefix = "soap", rename = "operation")]
    pub soap11: Option<Action>,
    /// Its action in SOAP 1.2.
    #[yaserde(prefix = "soap12", rename = "operation")]
    pub soap12: Option<Action>,
    /// The request's form.
    #[yaserde(prefix = "wsdl")]
    pub input: Option<BoundExchange>,
    /// The reply's form.
    #[yaserde(prefix = "wsdl")]
    pub output: Option<BoundExchange>,
    /// The faults' forms.
    #[yaserde(prefix = "wsdl", rename = "fault")]
    pub faults: Vec<BoundFault>,
}

/// `soap:operation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Action {
    /// The action's address.
    #[yaserde(attribute = true, rename = "soapAction")]
    pub soap_action: Option<String>,
    /// `rpc` or `document`, if it differs from the binding's.
    #[yaserde(attribute = true)]
    pub style: Option<String>,
}

/// `wsdl:input` or `wsdl:output` in a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = {
    "soap" = "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12" = "http://schemas.xmlsoap.org/wsdl/soap12/",
})]
pub struct BoundExchange {
    /// The body's form in SOAP 1.1.
    #[yaserde(prefix = "soap", rename = "body")]
    pub soap11: Option<Body>,
    /// The body's form in SOAP 1.2.
    #[yaserde(prefix = "soap12", rename = "body")]
    pub soap12: Option<Body>,
    /// The header blocks in SOAP 1.1.
    #[yaserde(prefix = "soap", rename = "header")]
    pub headers11: Vec<Header>,
    /// The header blocks in SOAP 1.2.
    #[yaserde(prefix = "soap12", rename = "header")]
    pub headers12: Vec<Header>,
}

/// `soap:header`: a part of a message that travels in the envelope's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Header {
    /// The message, as a prefixed name.
    #[yaserde(attribute = true)]
    pub message: Option<String>,
    /// Its part.
    #[yaserde(attribute = true)]
    pub part: Option<String>,
    /// `literal` or `encoded`.
    #[yaserde(attribute = true, rename = "use")]
    pub usage: Option<String>,
}

/// `soap:body`, and `soap:fault`, which is the same with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Body {
    /// The fault's name; a body has none.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// `literal` or `encoded`.
    #[yaserde(attribute = true, rename = "use")]
    pub usage: Option<String>,
    /// The parts that are in the body, if not all of them are.
    #[yaserde(attribute = true)]
    pub parts: Option<String>,
    /// The namespace of the rpc wrapper.
    #[yaserde(attribute = true)]
    pub namespace: Option<String>,
    /// The encoding, where the use is encoded.
    #[yaserde(attribute = true, rename = "encodingStyle")]
    pub encoding_style: Option<String>,
}

/// `wsdl:fault` in a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = {
    "soap" = "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12" = "http://schemas.xmlsoap.org/wsdl/soap12/",
})]
pub struct BoundFault {
    /// The fault's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// Its form in SOAP 1.1.
    #[yaserde(prefix = "soap", rename = "fault")]
    pub soap11: Option<Body>,
    /// Its form in SOAP 1.2.
    #[yaserde(prefix = "soap12", rename = "fault")]
    pub soap12: Option<Body>,
}

/// `wsdl:service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "wsdl" = "http://schemas.xmlsoap.org/wsdl/" })]
pub struct Service {
    /// The service's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// What it is for.
    #[yaserde(prefix = "wsdl")]
    pub documentation: Option<Documentation>,
    /// Its ports.
    #[yaserde(prefix = "wsdl", rename = "port")]
    pub ports: Vec<Port>,
}

/// `wsdl:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = {
    "soap" = "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12" = "http://schemas.xmlsoap.org/wsdl/soap12/",
})]
pub struct Port {
    /// The port's name.
    #[yaserde(attribute = true)]
    pub name: String,
    /// The binding, as a prefixed name.
    #[yaserde(attribute = true)]
    pub binding: String,
    /// Where SOAP 1.1 is served.
    #[yaserde(prefix = "soap", rename = "address")]
    pub soap11: Option<Address>,
    /// Where SOAP 1.2 is served.
    #[yaserde(prefix = "soap12", rename = "address")]
    pub soap12: Option<Address>,
}

/// `soap:address`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Address {
    /// The endpoint.
    #[yaserde(attribute = true)]
    pub location: String,
}

//! Service descriptions: renders a table of signatures as WSDL 1.1, and reads WSDL into the same model.
//! It knows none of our operations; the façade brings the table, the names and the address.
//!
//! The same service is described three times, one port in each document, since no single document suits every
//! toolkit: several pick the wrong port, or refuse the whole, where there are two.

pub mod canonical;
pub mod document;
mod layout;
pub mod schema;

use yaserde::ser::Config;

use crate::error::{Error, Result};
use crate::soap::shape::{Shape, Signature};
use document::Definitions;

/// Which of the three descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// SOAP 1.1, rpc style, section 5 encoding: the documented form.
    RpcEncoded,
    /// SOAP 1.1, document/literal wrapped: what code generators of the last twenty years want.
    Literal11,
    /// SOAP 1.2, document/literal wrapped.
    Literal12,
}

impl Style {
    /// All three, in the order in which they are listed.
    pub const ALL: [Style; 3] = [Style::RpcEncoded, Style::Literal11, Style::Literal12];

    /// The query string under which the document is served at the SOAP address.
    pub fn query(self) -> &'static str {
        match self {
            Style::RpcEncoded => "wsdl",
            Style::Literal11 => "wsdl=literal",
            Style::Literal12 => "wsdl=literal12",
        }
    }

    /// The name of the checked-in file, in `wsdl/`.
    pub fn file_name(self) -> &'static str {
        match self {
            Style::RpcEncoded => "flowize-rpc.wsdl",
            Style::Literal11 => "flowize-literal.wsdl",
            Style::Literal12 => "flowize-literal12.wsdl",
        }
    }

    /// The namespace of a service's messages. The rpc form keeps the documented relative name; Canonical XML, and
    /// with it every signature, refuses relative names, so the literal forms take an absolute one.
    pub fn namespace(self, service: &str) -> String {
        match self {
            Style::RpcEncoded => service.to_owned(),
            Style::Literal11 | Style::Literal12 => format!("urn:{service}"),
        }
    }

    /// The action of an operation; the same in all three.
    pub fn action(service: &str, operation: &str) -> String {
        format!("urn:{service}:{operation}")
    }
}

/// What is described.
#[derive(Debug)]
pub struct Service {
    /// The stem of every name that generated code will show: `Flowize` makes `FlowizeService`, `FlowizePort`,
    /// `FlowizePortType` and `FlowizeBinding`.
    pub name: &'static str,
    /// What the service is for.
    pub doc: &'static str,
    /// What it can do.
    pub operations: &'static [Signature],
    /// The first entry of a literal fault's detail.
    pub fault: &'static Shape,
}

/// Renders one description of `service`, served at `address`.
pub fn render(style: Style, service: &Service, address: &str) -> Result<String> {
    write(&layout::definitions(style, service, address))
}

/// Writes a document: UTF-8, two spaces an indent, the same bytes for the same model.
pub fn write(definitions: &Definitions) -> Result<String> {
    let config =
        Config { perform_indent: true, write_document_declaration: true, indent_string: Some("  ".to_owned()) };
    let mut text = yaserde::ser::to_string_with_config(definitions, &config).map_err(Error::internal)?;
    // yaserde declares what a structure may use. Toolkits judge by the declarations (pysimplesoap takes a document
    // that declares the SOAP 1.2 binding for one that has it), so those that nothing uses are taken out.
    for (prefix, namespace) in [("soap", SOAP11), ("soap12", SOAP12)] {
        if !text.contains(&format!("<{prefix}:")) {
            text = text.replacen(&format!(" xmlns:{prefix}=\"{namespace}\""), "", 1);
        }
    }
    text.push('\n');
    Ok(text)
}

/// Reads a document. Prefixed names stay as written and declarations are not kept, save that `tns` is taken to be the
/// target namespace, as it is in practice.
///
/// The parser below takes time quadratic in hostile nesting and declarations: text from outside must have passed the
/// `xml` room's limits first.
pub fn read(text: &str) -> Result<Definitions> {
    const REFUSAL: &str = "The document is not a WSDL 1.1 description";
    let mut definitions: Definitions =
        yaserde::de::from_str(text).map_err(|error| Error::invalid(REFUSAL).because(error))?;
    // yaserde does not look at the root's name and skips what it does not know: any document would be read as nothing.
    if definitions.port_types.is_empty() && definitions.bindings.is_empty() {
        return Err(Error::invalid(REFUSAL));
    }
    definitions.tns = definitions.target_namespace.clone();
    Ok(definitions)
}

/// A document from outside, read.
#[derive(Debug)]
pub enum Foreign {
    /// A service description.
    Definitions(Box<Definitions>),
    /// A schema on its own.
    Schema(Box<schema::Schema>),
}

/// Reads a document from outside, whatever its prefixes. Prefixed names are given in full, as `{namespace}local`.
/// # Errors
/// Text that is refused as XML, and documents that are neither WSDL 1.1 nor XML Schema or lack what those require.
pub fn read_foreign(text: &str) -> Result<Foreign> {
    let canonical = canonical::rewrite(text)?;
    let read = match canonical.root {
        canonical::Root::Definitions => {
            yaserde::de::from_str(&canonical.text).map(|read| Foreign::Definitions(Box::new(read)))
        }
        canonical::Root::Schema => yaserde::de::from_str(&canonical.text).map(|read| Foreign::Schema(Box::new(read))),
    };
    read.map_err(|error| {
        Error::invalid("The description lacks a name or a reference that WSDL requires").because(error)
    })
}

const SOAP11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";

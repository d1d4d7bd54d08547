//! A partner's document written anew, as the typed model reads it: one prefix a vocabulary, qualified names in full,
//! particles numbered, and nothing in it that the model does not know. It knows no operation and resolves no reference.
//!
//! The typed model's parser keeps no declarations, forgets in which order different particles stood, and takes too long
//! over hostile text. So it never sees what came from outside, only what this file wrote after the strict reader had
//! passed it.

use crate::error::{Error, Result};
use crate::xml::name::XML;
use crate::xml::read::{Reader, Token, forbidden_character};
use crate::xml::write::Writer;
use crate::xml::{Limits, XmlError};

/// The namespace of XML Schema.
pub const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace of WSDL 1.1.
pub const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const MIME: &str = "http://schemas.xmlsoap.org/wsdl/mime/";

/// Prefixes, what they stand for, and the elements that are kept.
const VOCABULARIES: [(&str, &str, &[&str]); 4] = [
    (
        "wsdl",
        WSDL,
        &[
            "definitions",
            "import",
            "types",
            "message",
            "part",
            "portType",
            "operation",
            "input",
            "output",
            "fault",
            "binding",
            "service",
            "port",
            "documentation",
        ],
    ),
    ("soap", super::SOAP11, &["binding", "operation", "body", "header", "fault", "address"]),
    ("soap12", super::SOAP12, &["binding", "operation", "body", "header", "fault", "address"]),
    (
        "xsd",
        XSD,
        &[
            "schema",
            "import",
            "include",
            "redefine",
            "element",
            "complexType",
            "simpleType",
            "all",
            "sequence",
            "choice",
            "group",
            "any",
            "attribute",
            "attributeGroup",
            "anyAttribute",
            "complexContent",
            "simpleContent",
            "extension",
            "restriction",
            "list",
            "union",
            "enumeration",
        ],
    ),
];

/// Attributes whose values are qualified names, wherever the vocabularies have them.
const NAMES: [&str; 9] =
    ["type", "ref", "base", "element", "message", "binding", "itemType", "substitutionGroup", "memberTypes"];

/// Elements of the vocabularies within each other: the typed model's parser takes tens of kilobytes of stack for each.
/// That is enough for nine structures without names within each other.
const DEPTH: usize = 32;

/// What a description may ask of us; real ones are large, but not deep.
const LIMITS: Limits = Limits {
    depth: 64,
    attributes: 200,
    namespaces: 128,
    children: 50_000,
    nodes: 1_000_000,
    name_length: 1_000,
    attribute_length: 65_536,
};

/// What the root of a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `wsdl:definitions`.
    Definitions,
    /// `xsd:schema`.
    Schema,
}

/// A document written anew.
#[derive(Debug)]
pub struct Canonical {
    /// What it is.
    pub root: Root,
    /// Its text.
    pub text: String,
}

/// Writes a document anew. Qualified names become `{namespace}local`.
/// # Errors
/// Text that is refused as XML, that is neither WSDL 1.1 nor XML Schema, or whose names have undeclared prefixes.
pub fn rewrite(text: &str) -> Result<Canonical> {
    if let Some(offset) = forbidden_character(text) {
        return Err(refused(XmlError {
            message: "The text contains a character that XML does not allow".to_owned(),
            offset: Some(offset),
        }));
    }
    let mut reader = Reader::new(text, LIMITS);
    let mut copy =
        Copy { writer: Writer::with_capacity(text.len()), open: Vec::new(), hidden: 0, root: None, count: 0 };
    loop {
        match reader.token().map_err(refused)? {
            Token::Start(name) => copy.start(&reader, &name.namespace, name.local)?,
            Token::Text(text) => copy.text(&text),
            Token::End => copy.end(),
            Token::Eof => break,
        }
    }
    match copy.root {
        Some(root) => Ok(Canonical { root, text: copy.writer.finish() }),
        None => Err(Error::invalid("The description is empty")),
    }
}

fn refused(error: XmlError) -> Error {
    Error::invalid(format!("The description cannot be read as XML: {error}"))
}

struct Copy {
    writer: Writer,
    /// The tags that are open, none for an element of which only the content is kept.
    open: Vec<Option<String>>,
    /// How deep we are in something that is left out.
    hidden: usize,
    root: Option<Root>,
    count: usize,
}

impl Copy {
    fn start(&mut self, reader: &Reader<'_>, namespace: &str, local: &str) -> Result<()> {
        if self.root.is_none() {
            self.root = Some(root(namespace, local)?);
        }
        // An attachment's binding wraps the body's, which is all that is asked for.
        let is_wrapper = namespace == MIME && matches!(local, "multipartRelated" | "part");
        if self.hidden == 0 && is_wrapper {
            self.open.push(None);
            return Ok(());
        }
        let known = VOCABULARIES.iter().find(|(_, name, kept)| *name == namespace && kept.contains(&local));
        let in_documentation = matches!(self.open.last(), Some(Some(tag)) if tag == "wsdl:documentation");
        let Some((prefix, ..)) = known.filter(|_| self.hidden == 0 && !in_documentation) else {
            self.hidden += 1;
            return Ok(());
        };
        if self.open.len() >= DEPTH {
            return Err(Error::invalid(format!("The description nests more than {DEPTH} elements")));
        }
        // What is redefined is taken as it was defined.
        let tag = match (*prefix, local) {
            ("xsd", "redefine") => "xsd:include".to_owned(),
            (prefix, local) => format!("{prefix}:{local}"),
        };
        let attributes = self.attributes(reader, prefix, local)?;
        let borrowed: Vec<(&str, &str)> = attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.writer.open(&tag, &borrowed);
        self.open.push(Some(tag));
        Ok(())
    }

    fn attributes<'r>(&mut self, reader: &'r Reader<'_>, prefix: &str, local: &str) -> Result<Vec<(&'r str, String)>> {
        let mut attributes = Vec::new();
        if self.open.is_empty() {
            attributes.extend([
                ("xmlns:wsdl", WSDL.to_owned()),
                ("xmlns:soap", super::SOAP11.to_owned()),
                ("xmlns:soap12", super::SOAP12.to_owned()),
                ("xmlns:xsd", XSD.to_owned()),
            ]);
        }
        for attribute in reader.attributes() {
            let name = attribute.name.local;
            if attribute.name.is(WSDL, "arrayType") {
                attributes.push(("arrayType", expand(reader, &attribute.value)?));
            } else if !attribute.name.namespace.is_empty() || name == "arrayType" || name == "position" {
                continue;
            } else if NAMES.contains(&name) {
                let expanded: Result<Vec<_>> =
                    attribute.value.split_whitespace().map(|value| expand(reader, value)).collect();
                attributes.push((name, expanded?.join(" ")));
            } else {
                attributes.push((name, attribute.value.clone().into_owned()));
            }
        }
        if prefix == "xsd" && matches!(local, "element" | "choice" | "sequence" | "all" | "group" | "any") {
            attributes.push(("position", self.count.to_string()));
            self.count += 1;
        }
        Ok(attributes)
    }

    fn text(&mut self, text: &str) {
        if self.hidden == 0 && matches!(self.open.last(), Some(Some(tag)) if tag == "wsdl:documentation") {
            self.writer.text(text);
        }
    }

    fn end(&mut self) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else if let Some(Some(tag)) = self.open.pop() {
            self.writer.close(&tag);
        }
    }
}

fn root(namespace: &str, local: &str) -> Result<Root> {
    match (namespace, local) {
        (WSDL, "definitions") => Ok(Root::Definitions),
        (XSD, "schema") => Ok(Root::Schema),
        ("http://www.w3.org/ns/wsdl", _) => Err(Error::invalid("The description is WSDL 2.0; WSDL 1.1 is expected")),
        _ => Err(Error::invalid(format!(
            "The document is neither a WSDL 1.1 description nor an XML schema; its root is '{}'",
            local.chars().take(60).collect::<String>()
        ))),
    }
}

/// A qualified name in full; what follows the local part, as in `x:string[]`, stays.
fn expand(reader: &Reader<'_>, name: &str) -> Result<String> {
    let name = name.trim();
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    match reader.resolve(prefix) {
        Some(namespace) => Ok(format!("{{{}}}{local}", &**namespace)),
        None if prefix == "xml" => Ok(format!("{{{XML}}}{local}")),
        None if prefix.is_empty() => Ok(format!("{{}}{local}")),
        None => Err(Error::invalid(format!(
            "The description uses '{}', but the prefix is not declared there",
            name.chars().take(100).collect::<String>()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_in_full_and_particles_are_numbered() {
        let text = r#"<!-- a comment --><s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns="urn:d" targetNamespace="urn:d">
            <s:annotation><s:element name="none"/></s:annotation><other/>
            <s:complexType name="T"><s:choice><s:element name="a" type="q:t" xmlns:q="urn:&amp;q" position="9"/>
            <s:element ref="b"/><s:any/></s:choice><s:attribute ref="xml:lang"/></s:complexType></s:schema>"#;
        let canonical = rewrite(text).expect("a schema");
        assert_eq!(canonical.root, Root::Schema);
        let body = canonical.text.split_once('>').expect("a root").1;
        assert_eq!(
            body,
            r#"<xsd:complexType name="T"><xsd:choice position="0"><xsd:element name="a" type="{urn:&amp;q}t" position="1"></xsd:element><xsd:element ref="{urn:d}b" position="2"></xsd:element><xsd:any position="3"></xsd:any></xsd:choice><xsd:attribute ref="{http://www.w3.org/XML/1998/namespace}lang"></xsd:attribute></xsd:complexType></xsd:schema>"#
        );
    }

    #[test]
    fn the_bodys_binding_is_found_within_an_attachments() {
        let text = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
            xmlns:m="http://schemas.xmlsoap.org/wsdl/mime/"><documentation>One <b>two</b> three</documentation>
            <input><m:multipartRelated><m:part><s:body use="literal"/></m:part><m:part><m:content/></m:part>
            </m:multipartRelated></input></definitions>"#;
        let canonical = rewrite(text).expect("a description");
        assert!(canonical.text.ends_with(
            "<wsdl:documentation>One  three</wsdl:documentation><wsdl:input><soap:body use=\"literal\"></soap:body>\
             </wsdl:input></wsdl:definitions>"
        ));
    }

    #[test]
    fn what_is_no_description_is_refused_by_name() {
        for (text, reason) in [
            ("", "XML"),
            ("<a/>", "its root is 'a'"),
            ("<description xmlns='http://www.w3.org/ns/wsdl'/>", "WSDL 2.0"),
            ("<!DOCTYPE a><a/>", "XML"),
            ("<s:schema xmlns:s='http://www.w3.org/2001/XMLSchema'><s:element type='t:x'/></s:schema>", "'t:x'"),
        ] {
            let error = rewrite(text).expect_err(text);
            assert!(error.message().contains(reason), "{error}");
        }
    }
}

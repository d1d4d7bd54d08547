//! The part of XML Schema that message descriptions need: global elements, complex types, `all` and `sequence`.
//! What a partner's schema says beyond it is skipped on reading; nothing here validates.

use yaserde::{YaDeserialize, YaSerialize};

use super::document::Documentation;

/// `xsd:schema`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(prefix = "xsd", rename = "schema", namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Schema {
    /// The namespace of its elements and types.
    #[yaserde(attribute = true, rename = "targetNamespace")]
    pub target_namespace: Option<String>,
    /// Whether local elements are in that namespace.
    #[yaserde(attribute = true, rename = "elementFormDefault")]
    pub element_form_default: Option<String>,
    /// The global elements.
    #[yaserde(prefix = "xsd", rename = "element")]
    pub elements: Vec<Element>,
    /// The named structures.
    #[yaserde(prefix = "xsd", rename = "complexType")]
    pub complex_types: Vec<ComplexType>,
}

/// `xsd:annotation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Annotation {
    /// What it says.
    #[yaserde(prefix = "xsd")]
    pub documentation: Option<Documentation>,
}

/// `xsd:complexType`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct ComplexType {
    /// The type's name; an element's own type has none.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// About the type.
    #[yaserde(prefix = "xsd")]
    pub annotation: Option<Annotation>,
    /// Its elements, in any order.
    #[yaserde(prefix = "xsd")]
    pub all: Option<Group>,
    /// Its elements, in this order.
    #[yaserde(prefix = "xsd")]
    pub sequence: Option<Group>,
}

/// The content of `xsd:all` and `xsd:sequence`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Group {
    /// The elements.
    #[yaserde(prefix = "xsd", rename = "element")]
    pub elements: Vec<Element>,
}

/// `xsd:element`, global or local.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Element {
    /// The element's name.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// Its type, as a prefixed name.
    #[yaserde(attribute = true, rename = "type")]
    pub kind: Option<String>,
    /// The global element it repeats, as a prefixed name.
    #[yaserde(attribute = true, rename = "ref")]
    pub reference: Option<String>,
    /// How often it must occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "minOccurs")]
    pub min_occurs: Option<String>,
    /// How often it may occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "maxOccurs")]
    pub max_occurs: Option<String>,
    /// About the element.
    #[yaserde(prefix = "xsd")]
    pub annotation: Option<Annotation>,
    /// Its own type.
    #[yaserde(prefix = "xsd", rename = "complexType")]
    pub complex_type: Option<ComplexType>,
}

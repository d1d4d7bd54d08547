//! The part of XML Schema that message descriptions need: elements, types, groups and attributes, and how types derive.
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
    /// Whether local attributes are in that namespace.
    #[yaserde(attribute = true, rename = "attributeFormDefault")]
    pub attribute_form_default: Option<String>,
    /// Schemas of other namespaces.
    #[yaserde(prefix = "xsd", rename = "import")]
    pub imports: Vec<Reference>,
    /// Further parts of this schema.
    #[yaserde(prefix = "xsd", rename = "include")]
    pub includes: Vec<Reference>,
    /// The global elements.
    #[yaserde(prefix = "xsd", rename = "element")]
    pub elements: Vec<Element>,
    /// The named structures.
    #[yaserde(prefix = "xsd", rename = "complexType")]
    pub complex_types: Vec<ComplexType>,
    /// The named types of text.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_types: Vec<SimpleType>,
    /// The named groups of elements.
    #[yaserde(prefix = "xsd", rename = "group")]
    pub groups: Vec<NamedGroup>,
    /// The global attributes.
    #[yaserde(prefix = "xsd", rename = "attribute")]
    pub attributes: Vec<Attribute>,
    /// The named groups of attributes.
    #[yaserde(prefix = "xsd", rename = "attributeGroup")]
    pub attribute_groups: Vec<AttributeGroup>,
}

/// `xsd:import` and `xsd:include`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Reference {
    /// The namespace of what is there.
    #[yaserde(attribute = true)]
    pub namespace: Option<String>,
    /// Where it is.
    #[yaserde(attribute = true, rename = "schemaLocation")]
    pub location: Option<String>,
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
    /// Whether only types derived from it have values.
    #[yaserde(attribute = true, rename = "abstract")]
    pub is_abstract: Option<String>,
    /// Whether text may stand between its elements.
    #[yaserde(attribute = true)]
    pub mixed: Option<String>,
    /// About the type.
    #[yaserde(prefix = "xsd")]
    pub annotation: Option<Annotation>,
    /// Its elements, in any order.
    #[yaserde(prefix = "xsd")]
    pub all: Option<Group>,
    /// Its elements, in this order.
    #[yaserde(prefix = "xsd")]
    pub sequence: Option<Group>,
    /// Its elements, of which one is there.
    #[yaserde(prefix = "xsd")]
    pub choice: Option<Group>,
    /// Its elements, defined elsewhere.
    #[yaserde(prefix = "xsd")]
    pub group: Option<NamedGroup>,
    /// Its attributes.
    #[yaserde(prefix = "xsd", rename = "attribute")]
    pub attributes: Vec<Attribute>,
    /// Attributes defined elsewhere.
    #[yaserde(prefix = "xsd", rename = "attributeGroup")]
    pub attribute_groups: Vec<AttributeGroup>,
    /// Says that any attribute is admitted.
    #[yaserde(prefix = "xsd", rename = "anyAttribute")]
    pub any_attribute: Option<Any>,
    /// Its text, and how that derives from another type.
    #[yaserde(prefix = "xsd", rename = "simpleContent")]
    pub simple_content: Option<Content>,
    /// How it derives from another structure.
    #[yaserde(prefix = "xsd", rename = "complexContent")]
    pub complex_content: Option<Content>,
}

/// `xsd:simpleContent` and `xsd:complexContent`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Content {
    /// Whether text may stand between the elements.
    #[yaserde(attribute = true)]
    pub mixed: Option<String>,
    /// It is the other type with more.
    #[yaserde(prefix = "xsd")]
    pub extension: Option<Derivation>,
    /// It is the other type with less.
    #[yaserde(prefix = "xsd")]
    pub restriction: Option<Derivation>,
}

/// `xsd:extension` and `xsd:restriction` of a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Derivation {
    /// The other type, as a prefixed name.
    #[yaserde(attribute = true)]
    pub base: Option<String>,
    /// Its elements, in any order.
    #[yaserde(prefix = "xsd")]
    pub all: Option<Group>,
    /// Its elements, in this order.
    #[yaserde(prefix = "xsd")]
    pub sequence: Option<Group>,
    /// Its elements, of which one is there.
    #[yaserde(prefix = "xsd")]
    pub choice: Option<Group>,
    /// Its elements, defined elsewhere.
    #[yaserde(prefix = "xsd")]
    pub group: Option<NamedGroup>,
    /// Its attributes.
    #[yaserde(prefix = "xsd", rename = "attribute")]
    pub attributes: Vec<Attribute>,
    /// Attributes defined elsewhere.
    #[yaserde(prefix = "xsd", rename = "attributeGroup")]
    pub attribute_groups: Vec<AttributeGroup>,
    /// Says that any attribute is admitted.
    #[yaserde(prefix = "xsd", rename = "anyAttribute")]
    pub any_attribute: Option<Any>,
    /// The type of the text, where it is given here.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_type: Option<SimpleType>,
    /// The texts that are admitted, if not all are.
    #[yaserde(prefix = "xsd", rename = "enumeration")]
    pub enumerations: Vec<Enumeration>,
}

/// The content of `xsd:all`, `xsd:sequence` and `xsd:choice`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Group {
    /// Where it stands among all particles of its document; only a document written anew has it.
    #[yaserde(attribute = true)]
    pub position: Option<u32>,
    /// How often it must occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "minOccurs")]
    pub min_occurs: Option<String>,
    /// How often it may occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "maxOccurs")]
    pub max_occurs: Option<String>,
    /// The elements.
    #[yaserde(prefix = "xsd", rename = "element")]
    pub elements: Vec<Element>,
    /// Sequences within.
    #[yaserde(prefix = "xsd", rename = "sequence")]
    pub sequences: Vec<Group>,
    /// Choices within.
    #[yaserde(prefix = "xsd", rename = "choice")]
    pub choices: Vec<Group>,
    /// Groups within, defined elsewhere.
    #[yaserde(prefix = "xsd", rename = "group")]
    pub groups: Vec<NamedGroup>,
    /// Places for elements of any name.
    #[yaserde(prefix = "xsd", rename = "any")]
    pub anys: Vec<Any>,
}

/// `xsd:group`: a named group, or the use of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct NamedGroup {
    /// Its name, where it is defined.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// The group, as a prefixed name, where it is used.
    #[yaserde(attribute = true, rename = "ref")]
    pub reference: Option<String>,
    /// Where it stands among all particles of its document; only a document written anew has it.
    #[yaserde(attribute = true)]
    pub position: Option<u32>,
    /// How often it must occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "minOccurs")]
    pub min_occurs: Option<String>,
    /// How often it may occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "maxOccurs")]
    pub max_occurs: Option<String>,
    /// Its elements, in any order.
    #[yaserde(prefix = "xsd")]
    pub all: Option<Group>,
    /// Its elements, in this order.
    #[yaserde(prefix = "xsd")]
    pub sequence: Option<Group>,
    /// Its elements, of which one is there.
    #[yaserde(prefix = "xsd")]
    pub choice: Option<Group>,
}

/// `xsd:any` and `xsd:anyAttribute`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Any {
    /// Where it stands among all particles of its document; only a document written anew has it.
    #[yaserde(attribute = true)]
    pub position: Option<u32>,
    /// How often it must occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "minOccurs")]
    pub min_occurs: Option<String>,
    /// How often it may occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "maxOccurs")]
    pub max_occurs: Option<String>,
}

/// `xsd:attribute`, global or local.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Attribute {
    /// The attribute's name.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// Its type, as a prefixed name.
    #[yaserde(attribute = true, rename = "type")]
    pub kind: Option<String>,
    /// The global attribute it repeats, as a prefixed name.
    #[yaserde(attribute = true, rename = "ref")]
    pub reference: Option<String>,
    /// `required`, `optional` or `prohibited`; optional if nothing is said.
    #[yaserde(attribute = true, rename = "use")]
    pub usage: Option<String>,
    /// The only value it may have.
    #[yaserde(attribute = true)]
    pub fixed: Option<String>,
    /// Whether it is `qualified`, where that differs from the default.
    #[yaserde(attribute = true)]
    pub form: Option<String>,
    /// The type of the items, where it makes a structure a section 5 array; from a document written anew.
    #[yaserde(attribute = true, rename = "arrayType")]
    pub array_type: Option<String>,
    /// Its own type.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_type: Option<SimpleType>,
}

/// `xsd:attributeGroup`: a named group, or the use of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct AttributeGroup {
    /// Its name, where it is defined.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// The group, as a prefixed name, where it is used.
    #[yaserde(attribute = true, rename = "ref")]
    pub reference: Option<String>,
    /// Its attributes.
    #[yaserde(prefix = "xsd", rename = "attribute")]
    pub attributes: Vec<Attribute>,
    /// Attributes defined elsewhere.
    #[yaserde(prefix = "xsd", rename = "attributeGroup")]
    pub attribute_groups: Vec<AttributeGroup>,
    /// Says that any attribute is admitted.
    #[yaserde(prefix = "xsd", rename = "anyAttribute")]
    pub any_attribute: Option<Any>,
}

/// `xsd:simpleType`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct SimpleType {
    /// The type's name; an element's own type has none.
    #[yaserde(attribute = true)]
    pub name: Option<String>,
    /// The type it narrows.
    #[yaserde(prefix = "xsd")]
    pub restriction: Option<Restriction>,
    /// The type it lists.
    #[yaserde(prefix = "xsd")]
    pub list: Option<List>,
    /// The types it is one of.
    #[yaserde(prefix = "xsd")]
    pub union: Option<Union>,
}

/// `xsd:restriction` of a simple type.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Restriction {
    /// The type that is narrowed, as a prefixed name.
    #[yaserde(attribute = true)]
    pub base: Option<String>,
    /// The type that is narrowed, where it is given here.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_types: Vec<SimpleType>,
    /// The texts that are admitted, if not all are.
    #[yaserde(prefix = "xsd", rename = "enumeration")]
    pub enumerations: Vec<Enumeration>,
}

/// `xsd:enumeration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Enumeration {
    /// The text.
    #[yaserde(attribute = true)]
    pub value: Option<String>,
}

/// `xsd:list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct List {
    /// The type of the items, as a prefixed name.
    #[yaserde(attribute = true, rename = "itemType")]
    pub item_type: Option<String>,
    /// The type of the items, where it is given here.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_types: Vec<SimpleType>,
}

/// `xsd:union`.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
#[yaserde(namespaces = { "xsd" = "http://www.w3.org/2001/XMLSchema" })]
pub struct Union {
    /// The types, as prefixed names.
    #[yaserde(attribute = true, rename = "memberTypes")]
    pub member_types: Option<String>,
    /// The types that are given here.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_types: Vec<SimpleType>,
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
    /// Where it stands among all particles of its document; only a document written anew has it.
    #[yaserde(attribute = true)]
    pub position: Option<u32>,
    /// How often it must occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "minOccurs")]
    pub min_occurs: Option<String>,
    /// How often it may occur; once if nothing is said.
    #[yaserde(attribute = true, rename = "maxOccurs")]
    pub max_occurs: Option<String>,
    /// Whether it may be there without a value.
    #[yaserde(attribute = true)]
    pub nillable: Option<String>,
    /// Whether only elements that stand in for it have values.
    #[yaserde(attribute = true, rename = "abstract")]
    pub is_abstract: Option<String>,
    /// The global element for which it may stand in, as a prefixed name.
    #[yaserde(attribute = true, rename = "substitutionGroup")]
    pub substitution_group: Option<String>,
    /// Whether it is `qualified`, where that differs from the default.
    #[yaserde(attribute = true)]
    pub form: Option<String>,
    /// About the element.
    #[yaserde(prefix = "xsd")]
    pub annotation: Option<Annotation>,
    /// Its own type, a structure.
    #[yaserde(prefix = "xsd", rename = "complexType")]
    pub complex_type: Option<ComplexType>,
    /// Its own type, of text.
    #[yaserde(prefix = "xsd", rename = "simpleType")]
    pub simple_type: Option<SimpleType>,
}

//! The message table's vocabulary: which elements a message has, of which type, and whether they may be left out.
//! One table of shapes is read by the decoder, the WSDL renderer, the service page and the tests.

/// A named structure, rendered as an XSD complex type.
#[derive(Debug)]
pub struct Shape {
    /// The type's name, for instance `InsertRecordRequest`.
    pub name: &'static str,
    /// What it is, for the WSDL and the service page.
    pub doc: &'static str,
    /// Its elements, in the order in which they are written.
    pub fields: &'static [Field],
}

/// One element of a [`Shape`].
#[derive(Debug)]
pub struct Field {
    /// The element's name.
    pub name: &'static str,
    /// What it is, for the WSDL and the service page.
    pub doc: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be left out.
    pub presence: Presence,
    /// What the service page fills in.
    pub sample: &'static str,
}

/// What an element holds.
#[derive(Debug)]
pub enum Kind {
    /// Text (`xsd:string`).
    Text,
    /// A structure.
    Structure(&'static Shape),
}

/// Whether an element may be left out (`minOccurs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must be there.
    Required,
    /// It may be left out.
    Optional,
}

/// An operation as the WSDL and the service page present it.
#[derive(Debug)]
pub struct Signature {
    /// The operation's name, for instance `insertRecord`; also the request element's local name.
    pub name: &'static str,
    /// One sentence for readers of the WSDL.
    pub doc: &'static str,
    /// The type of the `input` part.
    pub request: &'static Shape,
    /// The type of the `<name>Result` part.
    pub response: &'static Shape,
}

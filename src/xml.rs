//! XML 1.0 with namespaces, under limits from the first byte: a strict reader, a flat document, a writer.
//! It knows no SOAP, never fetches anything and expands no entity but the five predefined ones.

pub mod document;
pub mod name;
pub mod read;
pub mod text;
pub mod write;

/// How much one document may ask of us. Everything beyond is refused while it is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements nested in each other.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations in scope at one place.
    pub namespaces: usize,
    /// Elements directly within one element.
    pub children: usize,
    /// Elements and attributes of the whole document.
    pub nodes: usize,
    /// Bytes of one name, and of a namespace's.
    pub name_length: usize,
    /// Bytes of one attribute's value.
    pub attribute_length: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            depth: 100,
            attributes: 500,
            namespaces: 128,
            children: 50_000,
            nodes: 200_000,
            name_length: 1_000,
            attribute_length: 65_536,
        }
    }
}

/// Why a document was refused: a sentence for the caller, with where in the text it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// The byte offset in the decoded text, where one is known.
    pub offset: Option<usize>,
}

impl XmlError {
    pub(crate) fn new(message: impl Into<String>, offset: usize) -> XmlError {
        XmlError { message: message.into(), offset: Some(offset) }
    }
}

impl std::fmt::Display for XmlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} (at byte {offset})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for XmlError {}

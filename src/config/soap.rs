//! `[soap]`: how large and how intricate an envelope may be.

use serde::Deserialize;

use super::Problem;

/// The settings of `[soap]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soap {
    /// How deep elements may be nested.
    pub max_depth: usize,
    /// Attributes of one element.
    pub max_attributes: usize,
    /// Namespace declarations of one element.
    pub max_namespaces: usize,
    /// Children of one element.
    pub max_children: usize,
    /// Bytes of a name.
    pub max_name_length: usize,
    /// Bytes of an attribute's value.
    pub max_attribute_length: usize,
    /// Parts of a multipart request.
    pub max_attachments: usize,
    /// Bytes of a request after decompression.
    pub max_decoded: usize,
    /// Whether a message with a `MessageID` that was seen before is answered as that one was, without effect.
    pub message_id_repeats: bool,
}

impl Soap {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        // Below these numbers not even an ordinary envelope of a common client passes.
        for (key, value, least) in [
            ("soap.max_depth", self.max_depth, 8),
            ("soap.max_attributes", self.max_attributes, 16),
            ("soap.max_namespaces", self.max_namespaces, 16),
            ("soap.max_children", self.max_children, 16),
            ("soap.max_name_length", self.max_name_length, 64),
            ("soap.max_attribute_length", self.max_attribute_length, 256),
            ("soap.max_attachments", self.max_attachments, 1),
            ("soap.max_decoded", self.max_decoded, 1024),
        ] {
            if value < least {
                return Err(Problem::new(key, format!("must be at least {least}")));
            }
        }
        // Reading, and dropping what was read, recurse with the nesting.
        match self.max_depth {
            0..=1000 => Ok(()),
            _ => Err(Problem::new("soap.max_depth", "must be at most 1000")),
        }
    }
}

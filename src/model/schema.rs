//! A customer's data schema: the JSON Schema (draft 4) that its records must satisfy.
//! Compiling and applying it is the operations' business.

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

/// The schema of one customer, with the sample record it was accepted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSchema {
    /// Where the customer says it lives; stored and returned, never fetched.
    pub url: String,
    /// The JSON text of the schema, byte for byte as it was sent.
    pub document: String,
    /// The JSON text of the sample record, byte for byte as it was sent.
    pub sample: String,
    /// When it was first inserted.
    pub created: Timestamp,
    /// When it was last updated.
    pub modified: Timestamp,
}

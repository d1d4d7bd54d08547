//! Keystores: what a customer's flows and clients share by key, a package each (document 003, "Keystore").
//! What a package holds is not looked into here.

use serde::{Deserialize, Serialize};

use crate::model::account::CustomerId;
use crate::model::time::Timestamp;

/// Characters of a keystore's identifier.
pub const LONGEST_NAME: usize = 64;
/// Bytes of a key, as UTF-8.
pub const LONGEST_KEY: usize = 255;

/// What the packages of a keystore are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeystoreKind {
    /// JSON values.
    Json,
    /// Texts, each with its media type.
    Raw,
}

impl KeystoreKind {
    /// Both kinds.
    pub const ALL: [KeystoreKind; 2] = [KeystoreKind::Json, KeystoreKind::Raw];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            KeystoreKind::Json => "json",
            KeystoreKind::Raw => "raw",
        }
    }

    /// The kind of that name in capitals or not, if there is one.
    pub fn parse(name: &str) -> Option<KeystoreKind> {
        KeystoreKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A keystore's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeystoreId(pub i64);

/// A keystore of one customer. It is serialised where the outcome of an addition is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keystore {
    /// Its own number.
    pub id: KeystoreId,
    /// Whose it is.
    pub customer: CustomerId,
    /// What it is called by: document 003's `keystore_id`.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What its packages are.
    pub kind: KeystoreKind,
    /// What a new package holds: a JSON object, or of texts nothing.
    pub structure: String,
    /// The structure's version, counted from 1.
    pub version: i64,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last changed; its packages have dates of their own.
    pub modified: Timestamp,
}

/// A package: what a keystore holds under one key. It is serialised where the outcome of an insert is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// What it is found by.
    pub key: String,
    /// The JSON text, or the text, as it was sent.
    pub content: String,
    /// The media type of a text; absent for JSON.
    pub media_type: Option<String>,
    /// The version of the structure that was the keystore's when the package came to be.
    pub structure: i64,
    /// Which state of the package this is; within a keystore no two states have the same.
    pub revision: i64,
    /// When it came to be.
    pub created: Timestamp,
    /// When it was last written.
    pub modified: Timestamp,
}

//! Packages of keystores: getting, inserting, writing and removing them (document 003, "Keystore").
//!
//! A structure says what a new package holds and nothing else: what is written need not look like it.

use serde::Serialize;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::keystore::{Keystore, KeystoreKind, Package};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::keystore::find;
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::{Access, Operation, check, json};
use crate::store::Tx;
use crate::store::keystore::{self, Content};

/// Bytes of a package.
pub const LARGEST: usize = 1 << 20;
/// The media type of a text that is nothing more.
pub const PLAIN: &str = "text/plain";
/// That of a text that is JSON.
pub const JSON: &str = "application/json";
/// That of a text that is XML.
pub const XML: &str = "application/xml";

/// What was sent to be kept.
#[derive(Clone, Debug, Serialize)]
pub enum Given {
    /// JSON, or what is said to be.
    Json(String),
    /// XML, or what is said to be.
    Xml {
        /// As it was sent.
        text: String,
        /// Whether it is well-formed.
        is_xml: bool,
        /// The JSON that it means, or why it means none.
        json: std::result::Result<String, String>,
    },
    /// Any other text.
    Text(String),
}

/// What a package is to hold, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    kind: KeystoreKind,
    pub(super) text: String,
    media_type: Option<&'static str>,
}

impl Kept {
    /// A JSON text for a keystore of JSON, any text for one of texts.
    pub(super) fn of(kind: KeystoreKind, given: Given) -> Result<Kept> {
        let (text, media_type) = match (kind, given) {
            (KeystoreKind::Json, Given::Json(text) | Given::Text(text)) => (text, None),
            (KeystoreKind::Json, Given::Xml { json, .. }) => (json.map_err(Error::invalid)?, None),
            (KeystoreKind::Raw, Given::Text(text)) => (text, Some(PLAIN)),
            (KeystoreKind::Raw, Given::Xml { text, is_xml, .. }) => (text, Some(if is_xml { XML } else { PLAIN })),
            (KeystoreKind::Raw, Given::Json(text)) => {
                let is_json = text.len() <= LARGEST && json::check("", &text, json::MOST_VALUES).is_ok();
                (text, Some(if is_json { JSON } else { PLAIN }))
            }
        };
        if text.len() > LARGEST {
            return Err(Error::new(Code::TooLarge, format!("A package must have at most {LARGEST} bytes")));
        }
        match kind {
            KeystoreKind::Json => json::check("The package", &text, json::MOST_VALUES)?,
            KeystoreKind::Raw if text.contains('\0') => {
                return Err(Error::invalid("The package must not hold a NUL character"));
            }
            KeystoreKind::Raw => {}
        }
        Ok(Kept { kind, text, media_type })
    }

    /// What a new package of the keystore holds.
    pub(super) fn empty(keystore: &Keystore) -> Kept {
        let media_type = (keystore.kind == KeystoreKind::Raw).then_some(PLAIN);
        Kept { kind: keystore.kind, text: keystore.structure.clone(), media_type }
    }

    /// Writes it under the key, whether or not there is a package.
    pub(super) fn put(&self, tx: &mut dyn Tx, keystore: &Keystore, key: &str, now: Timestamp) -> Result<Package> {
        // Removed and added again since it was looked at.
        if self.kind != keystore.kind {
            return Err(Error::new(Code::Conflict, "The keystore has just been replaced by one of another kind"));
        }
        keystore::put_package(tx, keystore.id, key, Content { text: &self.text, media_type: self.media_type }, now)
    }
}

/// Gets a package (document 003, "Get Keystore data").
pub struct GetPackage {
    /// The keystore's identifier.
    pub keystore: String,
    /// The package's key.
    pub key: String,
    /// Whether one that is missing may be made of the keystore's structure. It is if the caller may write, and the settings
    /// do not forbid it (contradiction C15).
    pub creates: bool,
}

impl Operation for GetPackage {
    const NAME: &'static str = "getPackage";
    const ACCESS: Access = Access::Scope(Scope::KeystoreRead);
    type Output = Package;

    async fn run(self, app: &App, caller: &Caller) -> Result<Package> {
        let customer = caller.customer().id;
        check::package_key(&self.key)?;
        let found = app.store.peek(|tx| {
            let keystore = find(tx, customer, &self.keystore)?;
            keystore::find_package(tx, keystore.id, &self.key)
        })?;
        match found {
            Some(package) => Ok(package),
            None if self.creates && app.config.keystore.autocreate_on_get && caller.grants(Scope::Keystore) => {
                let now = app.clock.now();
                app.store.write(move |tx| get_or_create(tx, customer, &self.keystore, &self.key, now)).await
            }
            None => Err(missing(&self.keystore, &self.key)),
        }
    }
}

/// The package of that key, made of the keystore's structure if there is none.
pub(super) fn get_or_create(
    tx: &mut dyn Tx,
    customer: CustomerId,
    keystore: &str,
    key: &str,
    now: Timestamp,
) -> Result<Package> {
    let keystore = find(tx, customer, keystore)?;
    match keystore::find_package(tx, keystore.id, key)? {
        Some(package) => Ok(package),
        None => Kept::empty(&keystore).put(tx, &keystore, key, now),
    }
}

/// Inserts a package (document 003, "Insert Keystore data").
#[derive(Serialize)]
pub struct InsertPackage {
    /// The keystore's identifier.
    pub keystore: String,
    /// The package's key.
    pub key: String,
    /// What it is to hold.
    pub given: Given,
}

impl Operation for InsertPackage {
    const NAME: &'static str = "insertPackage";
    const ACCESS: Access = Access::Scope(Scope::Keystore);
    type Output = Package;

    async fn run(self, app: &App, caller: &Caller) -> Result<Package> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for InsertPackage {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<Package>> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        check::package_key(&self.key)?;
        let kind = app.store.peek(|tx| find(tx, customer, &self.keystore))?.kind;
        let kept = Kept::of(kind, self.given)?;
        let (keystore, key) = (self.keystore, self.key);
        Ok(Write::data(move |tx| {
            let keystore = find(tx, customer, &keystore)?;
            match keystore::find_package(tx, keystore.id, &key)? {
                None => kept.put(tx, &keystore, &key, now),
                Some(_) => {
                    let message = format!("There is a package '{key}' in the keystore '{}' already", keystore.name);
                    Err(Error::new(Code::Conflict, message))
                }
            }
        }))
    }
}

/// Writes a package, whether or not there is one (document 003, "Insert or Update Keystore data").
pub struct PutPackage {
    /// The keystore's identifier.
    pub keystore: String,
    /// The package's key.
    pub key: String,
    /// What it is to hold.
    pub given: Given,
    /// In which state the client expects the package to be.
    pub expected: Expected,
}

/// In which state a package must be to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any, or none.
    Any,
    /// There must be none.
    Absent,
    /// There must be one.
    Present,
    /// There must be one, of any of these revisions.
    Revisions(Vec<Revision>),
}

impl Expected {
    fn require(&self, found: Option<&Package>) -> Result<()> {
        match (self, found) {
            (Expected::Any, _) | (Expected::Absent, None) | (Expected::Present, Some(_)) => Ok(()),
            (Expected::Revisions(revisions), Some(found)) => {
                revision::require(Some(revisions), || Revision::of_package(found))
            }
            (Expected::Absent, Some(_)) => {
                Err(Error::new(Code::Outdated, "There is such a package already, which must not be there"))
            }
            (Expected::Present | Expected::Revisions(_), None) => {
                Err(Error::new(Code::Outdated, "There is no such package, which must be there"))
            }
        }
    }
}

impl Operation for PutPackage {
    const NAME: &'static str = "putPackage";
    const ACCESS: Access = Access::Scope(Scope::Keystore);
    type Output = Package;

    async fn run(self, app: &App, caller: &Caller) -> Result<Package> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        check::package_key(&self.key)?;
        let kind = app.store.peek(|tx| find(tx, customer, &self.keystore))?.kind;
        let kept = Kept::of(kind, self.given)?;
        let (keystore, key, expected) = (self.keystore, self.key, self.expected);
        app.store
            .write(move |tx| {
                let keystore = find(tx, customer, &keystore)?;
                if expected != Expected::Any {
                    expected.require(keystore::find_package(tx, keystore.id, &key)?.as_ref())?;
                }
                kept.put(tx, &keystore, &key, now)
            })
            .await
    }
}

/// Removes a package (document 003, "Delete Keystore data").
pub struct DeletePackage {
    /// The keystore's identifier.
    pub keystore: String,
    /// The package's key.
    pub key: String,
    /// In which state the client expects the package to be.
    pub expected: Expected,
}

impl Operation for DeletePackage {
    const NAME: &'static str = "deletePackage";
    const ACCESS: Access = Access::Scope(Scope::Keystore);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let customer = caller.customer().id;
        check::package_key(&self.key)?;
        app.store
            .write(move |tx| {
                let keystore = find(tx, customer, &self.keystore)?;
                let found = keystore::find_package(tx, keystore.id, &self.key)?;
                let found = found.ok_or_else(|| missing(&keystore.name, &self.key))?;
                self.expected.require(Some(&found))?;
                keystore::remove_package(tx, keystore.id, &self.key)?;
                Ok(())
            })
            .await
    }
}

/// What is said where there is no package of that key.
pub(super) fn missing(keystore: &str, key: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no package '{key}' in the keystore '{keystore}'"))
}

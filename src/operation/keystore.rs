//! Keystores: adding, changing and removing them. What is kept in them is `package`'s business, how it is searched
//! `search`'s, and what steps of flows do to it `change`'s.

pub mod change;
pub mod package;
pub mod path;
pub mod search;

use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::keystore::{Keystore, KeystoreKind};
use crate::model::scope::Scope;
use crate::operation::account::record;
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::{Access, Operation, check, json};
use crate::store::Tx;
use crate::store::keystore::{self, NewKeystore};

/// Keystores that a customer may have.
pub const MOST_KEYSTORES: i64 = 1_000;
/// Bytes of a structure.
const LARGEST_STRUCTURE: usize = 65_536;
/// JSON values of a structure.
const MOST_VALUES: usize = 5_000;
/// Versions that a structure may have.
const MOST_VERSIONS: i64 = 10_000;

/// Adds a keystore to the caller's customer.
#[derive(Serialize)]
pub struct AddKeystore {
    /// What it is to be called by.
    pub id: String,
    /// Free text.
    pub description: String,
    /// `json` or `raw`; absent for `json`.
    pub kind: Option<String>,
    /// What a new package holds: a JSON object as text; absent for an empty one.
    pub structure: Option<String>,
}

impl Operation for AddKeystore {
    const NAME: &'static str = "addKeystore";
    const ACCESS: Access = Access::Scope(Scope::KeystoreDefinition);
    type Output = Keystore;

    async fn run(self, app: &App, caller: &Caller) -> Result<Keystore> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for AddKeystore {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<Keystore>> {
        check::keystore_name(&self.id)?;
        check::description(&self.description)?;
        let kind = match self.kind.as_deref() {
            None => KeystoreKind::Json,
            Some(name) => KeystoreKind::parse(name).ok_or_else(|| {
                let shown: String = name.chars().take(64).collect();
                Error::invalid(format!("kind must be json or raw, not '{shown}'"))
            })?,
        };
        let structure = match (kind, self.structure) {
            (KeystoreKind::Raw, None) => String::new(),
            (KeystoreKind::Raw, Some(_)) => return Err(no_structure()),
            (KeystoreKind::Json, None) => "{}".to_owned(),
            (KeystoreKind::Json, Some(structure)) => checked_structure(structure)?,
        };
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let (id, description) = (self.id, self.description);
        Ok(Write::administration(move |tx| {
            let (name, description, structure) = (id.as_str(), description.as_str(), structure.as_str());
            if keystore::find(tx, customer, name)?.is_none() && keystore::count(tx, customer)? >= MOST_KEYSTORES {
                let message = format!("There are {MOST_KEYSTORES} keystores already, the most that there can be");
                return Err(Error::new(Code::Conflict, message));
            }
            if !keystore::insert(tx, &NewKeystore { customer, name, description, kind, structure }, now)? {
                return Err(Error::new(Code::Conflict, format!("There is a keystore '{id}' already")));
            }
            record(tx, customer, &actor, AddKeystore::NAME, name, now)?;
            find(tx, customer, name)
        }))
    }
}

/// The keystores of the caller's customer, by identifier.
pub struct ListKeystores;

impl Operation for ListKeystores {
    const NAME: &'static str = "listKeystores";
    const ACCESS: Access = Access::Scope(Scope::KeystoreRead);
    type Output = Vec<Keystore>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<Keystore>> {
        let customer = caller.customer().id;
        app.store.read(move |tx| keystore::list(tx, customer)).await
    }
}

/// A keystore of the caller's customer.
pub struct GetKeystore {
    /// What it is called by.
    pub id: String,
}

impl Operation for GetKeystore {
    const NAME: &'static str = "getKeystore";
    const ACCESS: Access = Access::Scope(Scope::KeystoreRead);
    type Output = Keystore;

    async fn run(self, app: &App, caller: &Caller) -> Result<Keystore> {
        app.store.peek(|tx| find(tx, caller.customer().id, &self.id))
    }
}

/// Changes a keystore; what is not said stays as it is. Another structure is a new version, which packages get that come to
/// be from then on.
#[derive(Default)]
pub struct UpdateKeystore {
    /// What it is called by.
    pub id: String,
    /// Free text.
    pub description: Option<String>,
    /// What a new package holds: a JSON object as text.
    pub structure: Option<String>,
    /// The revisions that the client will see changed; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for UpdateKeystore {
    const NAME: &'static str = "updateKeystore";
    const ACCESS: Access = Access::Scope(Scope::KeystoreDefinition);
    type Output = Keystore;

    async fn run(self, app: &App, caller: &Caller) -> Result<Keystore> {
        self.description.as_deref().map_or(Ok(()), check::description)?;
        let structure = self.structure.map(checked_structure).transpose()?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let (id, description, expected) = (self.id, self.description, self.expected);
        app.store
            .administer(move |tx| {
                let found = find(tx, customer, &id)?;
                revision::require(expected.as_deref(), || Revision::of_keystore(&found))?;
                if let Some(description) = description.filter(|description| *description != found.description) {
                    keystore::update(tx, found.id, &description, now)?;
                }
                match structure {
                    Some(_) if found.kind == KeystoreKind::Raw => return Err(no_structure()),
                    Some(structure) if structure != found.structure => {
                        if found.version >= MOST_VERSIONS {
                            let message = format!(
                                "There are {MOST_VERSIONS} versions of the structure, the most that there can be"
                            );
                            return Err(Error::new(Code::Conflict, message));
                        }
                        keystore::restructure(tx, found.id, found.version + 1, &structure, now)?;
                    }
                    _ => {}
                }
                record(tx, customer, &actor, Self::NAME, &id, now)?;
                find(tx, customer, &id)
            })
            .await
    }
}

/// Removes a keystore with all its packages.
pub struct RemoveKeystore {
    /// What it is called by.
    pub id: String,
    /// The revisions that the client will see removed; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for RemoveKeystore {
    const NAME: &'static str = "removeKeystore";
    const ACCESS: Access = Access::Scope(Scope::KeystoreDefinition);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find(tx, customer, &self.id)?;
                revision::require(self.expected.as_deref(), || Revision::of_keystore(&found))?;
                keystore::remove(tx, customer, &self.id)?;
                record(tx, customer, &actor, Self::NAME, &self.id, now)
            })
            .await
    }
}

/// The customer's keystore.
/// # Errors
/// `NotFound` if there is none.
pub(super) fn find(tx: &mut dyn Tx, customer: CustomerId, id: &str) -> Result<Keystore> {
    keystore::find(tx, customer, id)?.ok_or_else(|| {
        let shown: String = id.chars().take(64).collect();
        Error::new(Code::NotFound, format!("There is no keystore '{shown}'"))
    })
}

fn no_structure() -> Error {
    Error::invalid("structure: a keystore of the kind raw has none")
}

fn checked_structure(text: String) -> Result<String> {
    if text.len() > LARGEST_STRUCTURE {
        return Err(Error::invalid(format!("structure must have at most {LARGEST_STRUCTURE} bytes")));
    }
    match json::parse("structure", &text, MOST_VALUES)? {
        Value::Object(_) => Ok(text),
        _ => Err(Error::invalid("structure must be a JSON object")),
    }
}

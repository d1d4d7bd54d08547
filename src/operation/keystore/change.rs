//! What steps of flows do to packages: getting, writing, comparing and counting, each within one transaction, so that of
//! two that do it at once neither is lost.
//! No caller is asked for: it is the customer's own flow that acts, within what its customer has.

use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::keystore::{Keystore, KeystoreKind, Package};
use crate::model::time::Timestamp;
use crate::operation::check;
use crate::operation::keystore::find;
use crate::operation::keystore::package::{Given, Kept};
use crate::operation::keystore::path::JsonPath;
use crate::store::{Tx, keystore};

/// Something to be done to a package.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// The keystore's identifier.
    pub keystore: String,
    /// The package's key.
    pub key: String,
    /// What is to be done.
    pub change: Change,
}

/// What is to be done to a package.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing: what it holds is wanted.
    Get {
        /// Whether one that is missing is made of the keystore's structure.
        creates: bool,
    },
    /// It holds this from now on, whether or not there is one.
    Put(Value),
    /// It holds this from now on, if it is as it is expected to be.
    CompareAndSet {
        /// How it is expected to be.
        expected: Expectation,
        /// What it then holds.
        value: Value,
    },
    /// A whole number in it grows by so much. What is missing counts as 0.
    Increment {
        /// The way to the number; absent if the package is the number.
        path: Option<JsonPath>,
        /// By how much; negative to make it smaller.
        by: i64,
    },
    /// There is none from now on.
    Delete,
}

/// How a package is expected to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// Of that revision; 0: there is none.
    Revision(i64),
    /// Holding just that; null: there is none, or it holds null.
    Value(Value),
}

impl Errand {
    /// What it comes to if nothing has to be written for it.
    /// # Errors
    /// As for [`Errand::run`].
    pub fn read(&self, tx: &mut dyn Tx, customer: CustomerId) -> Result<Option<Value>> {
        let Change::Get { creates } = self.change else { return Ok(None) };
        let (_, found) = self.find(tx, customer)?;
        match found {
            None if creates => Ok(None),
            found => told(found.as_ref()).map(Some),
        }
    }

    /// Does it, and tells what it comes to: `value` and `revision` of the package as it is then, and what became of the
    /// wish.
    /// # Errors
    /// `InvalidInput`, `NotFound`, `Conflict` or `TooLarge`: nothing was changed, and it would not be the next time. Any
    /// other: the store's own.
    pub fn run(&self, tx: &mut dyn Tx, customer: CustomerId, now: Timestamp) -> Result<Value> {
        let (keystore, found) = self.find(tx, customer)?;
        match &self.change {
            Change::Get { creates } => match found {
                None if *creates => told(Some(&Kept::empty(&keystore).put(tx, &keystore, &self.key, now)?)),
                found => told(found.as_ref()),
            },
            Change::Put(value) => stored(true, Some(&kept(&keystore, value)?.put(tx, &keystore, &self.key, now)?)),
            Change::CompareAndSet { expected, value } => {
                let kept = kept(&keystore, value)?;
                match expected.is_met_by(found.as_ref())? {
                    true => stored(true, Some(&kept.put(tx, &keystore, &self.key, now)?)),
                    false => stored(false, found.as_ref()),
                }
            }
            Change::Increment { path, by } => {
                let (text, number) = match path {
                    None => self.counted(found.as_ref(), *by)?,
                    Some(path) => self.counted_within(&keystore, found.as_ref(), path, *by)?,
                };
                let package = Kept::of(keystore.kind, Given::Text(text))?.put(tx, &keystore, &self.key, now)?;
                Ok(json!({"value": number, "revision": package.revision}))
            }
            Change::Delete => {
                let deleted = keystore::remove_package(tx, keystore.id, &self.key)?;
                Ok(json!({"deleted": deleted}))
            }
        }
    }

    fn find(&self, tx: &mut dyn Tx, customer: CustomerId) -> Result<(Keystore, Option<Package>)> {
        check::package_key(&self.key)?;
        let keystore = find(tx, customer, &self.keystore)?;
        let found = keystore::find_package(tx, keystore.id, &self.key)?;
        Ok((keystore, found))
    }

    /// The package as a number that has grown.
    fn counted(&self, found: Option<&Package>, by: i64) -> Result<(String, i64)> {
        let number = self.sum(found.map(|package| package.content.as_str()), by)?;
        Ok((number.to_string(), number))
    }

    /// The package with a number in it that has grown.
    fn counted_within(
        &self,
        keystore: &Keystore,
        found: Option<&Package>,
        path: &JsonPath,
        by: i64,
    ) -> Result<(String, i64)> {
        if keystore.kind == KeystoreKind::Raw {
            let message = format!("The keystore '{}' keeps texts, in which there is no '{path}'", keystore.name);
            return Err(Error::new(Code::Conflict, message));
        }
        let text = found.map_or(keystore.structure.as_str(), |package| package.content.as_str());
        let number = self.sum(path.find(text), by)?;
        Ok((path.replaced(text, &number.to_string())?, number))
    }

    fn sum(&self, text: Option<&str>, by: i64) -> Result<i64> {
        let refused = |what: String| Error::new(Code::Conflict, format!("The package '{}' {what}", self.key));
        let number = match text.map(str::trim) {
            None | Some("" | "null") => 0,
            Some(digits) => digits.parse::<i64>().map_err(|_| {
                let shown: String = digits.chars().take(40).collect();
                refused(format!("holds {shown}, which is not a whole number of 64 bits"))
            })?,
        };
        number
            .checked_add(by)
            .ok_or_else(|| refused(format!("holds {number}, to which {by} cannot be added in 64 bits")))
    }
}

impl Expectation {
    fn is_met_by(&self, found: Option<&Package>) -> Result<bool> {
        Ok(match self {
            Expectation::Revision(revision) => found.map_or(0, |package| package.revision) == *revision,
            Expectation::Value(value) => content(found)? == *value,
        })
    }
}

fn kept(keystore: &Keystore, value: &Value) -> Result<Kept> {
    let text = match (keystore.kind, value) {
        (KeystoreKind::Json, value) => value.to_string(),
        (KeystoreKind::Raw, Value::String(text)) => text.clone(),
        (KeystoreKind::Raw, _) => {
            return Err(Error::invalid(format!(
                "The keystore '{}' keeps texts; the value must be a text",
                keystore.name
            )));
        }
    };
    Kept::of(keystore.kind, Given::Text(text))
}

/// What a package holds; null for none.
fn content(found: Option<&Package>) -> Result<Value> {
    match found {
        None => Ok(Value::Null),
        Some(Package { media_type: Some(_), content, .. }) => Ok(Value::String(content.clone())),
        Some(package) => serde_json::from_str(&package.content).map_err(Error::internal),
    }
}

fn told(found: Option<&Package>) -> Result<Value> {
    Ok(json!({"value": content(found)?, "revision": found.map_or(0, |package| package.revision)}))
}

fn stored(is_stored: bool, found: Option<&Package>) -> Result<Value> {
    Ok(json!({"stored": is_stored, "value": content(found)?, "revision": found.map_or(0, |package| package.revision)}))
}

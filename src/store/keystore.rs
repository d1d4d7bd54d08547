//! Keystores of customers, the versions of their structures, and their packages.
//! What a package may hold, and who may read it, is not known here.

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::keystore::{Keystore, KeystoreId, KeystoreKind, Package};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx, Value};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT keystore.id, keystore.customer_id, keystore.name, keystore.description, keystore.kind, ",
            "keystore_structure.document, keystore.version, keystore.created_at, keystore.modified_at FROM keystore ",
            "JOIN keystore_structure ON keystore_structure.keystore_id = keystore.id ",
            "AND keystore_structure.version = keystore.version WHERE ",
            $rest
        )
    };
}

/// A keystore before it is stored.
#[derive(Clone, Debug)]
pub struct NewKeystore<'k> {
    /// Whose it is.
    pub customer: CustomerId,
    /// What it is called by.
    pub name: &'k str,
    /// Free text.
    pub description: &'k str,
    /// What its packages are.
    pub kind: KeystoreKind,
    /// What a new package holds.
    pub structure: &'k str,
}

/// Inserts a keystore with the first version of its structure; false if the customer has one of that name.
pub fn insert(tx: &mut dyn Tx, new: &NewKeystore<'_>, now: Timestamp) -> Result<bool> {
    let rows = tx.query(
        "INSERT INTO keystore (customer_id, name, description, kind, version, revision, created_at, modified_at) \
         VALUES ($1, $2, $3, $4, 1, 0, $5, $5) ON CONFLICT (customer_id, name) DO NOTHING RETURNING id",
        &[new.customer.0.into(), new.name.into(), new.description.into(), new.kind.name().into(), now.0.into()],
    )?;
    let Some(row) = rows.first() else { return Ok(false) };
    insert_structure(tx, KeystoreId(row.integer(0)?), 1, new.structure, now)?;
    Ok(true)
}

/// How many keystores the customer has.
pub fn count(tx: &mut dyn Tx, customer: CustomerId) -> Result<i64> {
    let rows = tx.query("SELECT COUNT(*) FROM keystore WHERE customer_id = $1", &[customer.0.into()])?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// The customer's keystore of that name.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Option<Keystore>> {
    let rows =
        tx.query(select!("keystore.customer_id = $1 AND keystore.name = $2"), &[customer.0.into(), name.into()])?;
    rows.into_iter().next().map(keystore).transpose()
}

/// The customer's keystores, by name.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Keystore>> {
    let rows = tx.query(select!("keystore.customer_id = $1 ORDER BY keystore.name"), &[customer.0.into()])?;
    rows.into_iter().map(keystore).collect()
}

/// Replaces what a keystore is said to be for.
pub fn update(tx: &mut dyn Tx, id: KeystoreId, description: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE keystore SET description = $2, modified_at = $3 WHERE id = $1",
        &[id.0.into(), description.into(), now.0.into()],
    )?;
    Ok(())
}

/// Gives a keystore the next version of its structure.
pub fn restructure(tx: &mut dyn Tx, id: KeystoreId, version: i64, structure: &str, now: Timestamp) -> Result<()> {
    insert_structure(tx, id, version, structure, now)?;
    tx.execute(
        "UPDATE keystore SET version = $2, modified_at = $3 WHERE id = $1",
        &[id.0.into(), version.into(), now.0.into()],
    )?;
    Ok(())
}

fn insert_structure(tx: &mut dyn Tx, id: KeystoreId, version: i64, structure: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO keystore_structure (keystore_id, version, document, created_at) VALUES ($1, $2, $3, $4)",
        &[id.0.into(), version.into(), structure.into(), now.0.into()],
    )?;
    Ok(())
}

/// The structure of that version, if the keystore had one.
pub fn find_structure(tx: &mut dyn Tx, id: KeystoreId, version: i64) -> Result<Option<String>> {
    let rows = tx.query(
        "SELECT document FROM keystore_structure WHERE keystore_id = $1 AND version = $2",
        &[id.0.into(), version.into()],
    )?;
    rows.into_iter().next().map(|mut row| row.take_text(0)).transpose()
}

/// Removes a keystore with all its packages; false if the customer has none of that name.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<bool> {
    let removed =
        tx.execute("DELETE FROM keystore WHERE customer_id = $1 AND name = $2", &[customer.0.into(), name.into()])?;
    Ok(removed > 0)
}

/// How many packages a keystore has.
pub fn count_packages(tx: &mut dyn Tx, id: KeystoreId) -> Result<i64> {
    let rows = tx.query("SELECT COUNT(*) FROM keystore_package WHERE keystore_id = $1", &[id.0.into()])?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// The package of that key.
pub fn find_package(tx: &mut dyn Tx, id: KeystoreId, key: &str) -> Result<Option<Package>> {
    let rows = tx.query(
        "SELECT key, content, media_type, structure, revision, created_at, modified_at FROM keystore_package \
         WHERE keystore_id = $1 AND key = $2",
        &[id.0.into(), key.as_bytes().into()],
    )?;
    rows.into_iter().next().map(package).transpose()
}

/// What a package is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Content<'c> {
    /// The JSON text, or the text.
    pub text: &'c str,
    /// The media type of a text.
    pub media_type: Option<&'c str>,
}

/// Writes a package, be it there or not. One that is new is of the keystore's present structure.
pub fn put_package(
    tx: &mut dyn Tx,
    id: KeystoreId,
    key: &str,
    content: Content<'_>,
    now: Timestamp,
) -> Result<Package> {
    let rows = tx.query(
        "UPDATE keystore SET revision = revision + 1 WHERE id = $1 RETURNING revision, version",
        &[id.0.into()],
    )?;
    let row = rows.first().ok_or_else(|| Error::internal("a package of no keystore"))?;
    let (revision, structure) = (row.integer(0)?, row.integer(1)?);
    let rows = tx.query(
        "INSERT INTO keystore_package (keystore_id, key, structure, revision, media_type, created_at, modified_at, \
         content) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (keystore_id, key) DO UPDATE SET \
         revision = excluded.revision, media_type = excluded.media_type, modified_at = excluded.modified_at, \
         content = excluded.content RETURNING structure, created_at",
        &[
            id.0.into(),
            key.as_bytes().into(),
            structure.into(),
            revision.into(),
            content.media_type.into(),
            now.0.into(),
            content.text.into(),
        ],
    )?;
    let row = rows.first().ok_or_else(|| Error::internal("a package was not written"))?;
    Ok(Package {
        key: key.to_owned(),
        content: content.text.to_owned(),
        media_type: content.media_type.map(str::to_owned),
        structure: row.integer(0)?,
        revision,
        created: Timestamp(row.integer(1)?),
        modified: now,
    })
}

/// Removes a package; false if there is none of that key.
pub fn remove_package(tx: &mut dyn Tx, id: KeystoreId, key: &str) -> Result<bool> {
    let removed = tx.execute(
        "DELETE FROM keystore_package WHERE keystore_id = $1 AND key = $2",
        &[id.0.into(), key.as_bytes().into()],
    )?;
    Ok(removed > 0)
}

/// Packages in the order of their keys: those from one key on and before another, at most that many.
pub fn list_packages(tx: &mut dyn Tx, id: KeystoreId, from: &[u8], before: &[u8], most: i64) -> Result<Vec<Package>> {
    let rows = tx.query(
        "SELECT key, content, media_type, structure, revision, created_at, modified_at FROM keystore_package \
         WHERE keystore_id = $1 AND key >= $2 AND key < $3 ORDER BY key LIMIT $4",
        &[id.0.into(), Value::Blob(from), Value::Blob(before), most.into()],
    )?;
    rows.into_iter().map(package).collect()
}

fn keystore(mut row: Row) -> Result<Keystore> {
    let kind = KeystoreKind::parse(row.text(4)?).ok_or_else(|| Error::internal("a stored kind is unknown"))?;
    Ok(Keystore {
        id: KeystoreId(row.integer(0)?),
        customer: CustomerId(row.integer(1)?),
        name: row.take_text(2)?,
        description: row.take_text(3)?,
        kind,
        structure: row.take_text(5)?,
        version: row.integer(6)?,
        created: Timestamp(row.integer(7)?),
        modified: Timestamp(row.integer(8)?),
    })
}

fn package(mut row: Row) -> Result<Package> {
    let key = String::from_utf8(row.take_blob(0)?).map_err(|_| Error::internal("a stored key is not UTF-8"))?;
    Ok(Package {
        key,
        content: row.take_text(1)?,
        media_type: row.take_optional_text(2)?,
        structure: row.integer(3)?,
        revision: row.integer(4)?,
        created: Timestamp(row.integer(5)?),
        modified: Timestamp(row.integer(6)?),
    })
}

//! Secrets of customers, as sealed bytes.
//! What opens them is not known here, and is not in the database.

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::secret::{SealedSecret, Secret};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx};

/// Inserts a secret; false if there is one of that name.
pub fn insert(tx: &mut dyn Tx, customer: CustomerId, name: &str, sealed: &[u8], now: Timestamp) -> Result<bool> {
    let inserted = tx.execute(
        "INSERT INTO secret (customer_id, name, sealed, created_at, modified_at) VALUES ($1, $2, $3, $4, $4) \
         ON CONFLICT (customer_id, name) DO NOTHING",
        &[customer.0.into(), name.into(), sealed.into(), now.0.into()],
    )?;
    Ok(inserted > 0)
}

/// Replaces a secret by another one; false if there is none of that name.
pub fn update(tx: &mut dyn Tx, customer: CustomerId, name: &str, sealed: &[u8], now: Timestamp) -> Result<bool> {
    let updated = tx.execute(
        "UPDATE secret SET sealed = $3, modified_at = $4 WHERE customer_id = $1 AND name = $2",
        &[customer.0.into(), name.into(), sealed.into(), now.0.into()],
    )?;
    Ok(updated > 0)
}

/// Replaces the sealed form of a secret that stays the same.
pub fn update_sealed(tx: &mut dyn Tx, secret: &SealedSecret) -> Result<()> {
    tx.execute(
        "UPDATE secret SET sealed = $3 WHERE customer_id = $1 AND name = $2",
        &[secret.customer.0.into(), (&secret.name).into(), secret.sealed.as_slice().into()],
    )?;
    Ok(())
}

/// The customer's secrets by name, without what they are.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Secret>> {
    let rows = tx.query(
        "SELECT name, created_at, modified_at FROM secret WHERE customer_id = $1 ORDER BY name",
        &[customer.0.into()],
    )?;
    let secret = |mut row: Row| {
        let (created, modified) = (Timestamp(row.integer(1)?), Timestamp(row.integer(2)?));
        Ok(Secret { name: row.take_text(0)?, created, modified })
    };
    rows.into_iter().map(secret).collect()
}

/// The customer's secrets, name and sealed bytes.
pub fn list_sealed(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = tx.query("SELECT name, sealed FROM secret WHERE customer_id = $1", &[customer.0.into()])?;
    rows.into_iter().map(|mut row| Ok((row.take_text(0)?, row.take_blob(1)?))).collect()
}

/// The secrets of all customers.
pub fn list_all(tx: &mut dyn Tx) -> Result<Vec<SealedSecret>> {
    let rows = tx.query("SELECT customer_id, name, sealed FROM secret ORDER BY customer_id, name", &[])?;
    let secret = |mut row: Row| {
        let customer = CustomerId(row.integer(0)?);
        Ok(SealedSecret { customer, name: row.take_text(1)?, sealed: row.take_blob(2)? })
    };
    rows.into_iter().map(secret).collect()
}

/// Removes a secret; false if there is none of that name.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<bool> {
    let removed =
        tx.execute("DELETE FROM secret WHERE customer_id = $1 AND name = $2", &[customer.0.into(), name.into()])?;
    Ok(removed > 0)
}

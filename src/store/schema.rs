//! The one data schema of a customer.
//! Whether it is a schema, and what it allows, is not known here.

use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::schema::DataSchema;
use crate::model::time::Timestamp;
use crate::store::{Tx, Value};

/// Inserts the customer's schema; `Conflict` if it has one.
pub fn insert(tx: &mut dyn Tx, customer: CustomerId, schema: &DataSchema) -> Result<()> {
    let inserted = tx.execute(
        "INSERT INTO data_schema (customer_id, url, document, sample, created_at, modified_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (customer_id) DO NOTHING",
        &[
            customer.0.into(),
            Value::Text(&schema.url),
            Value::Text(&schema.document),
            Value::Text(&schema.sample),
            schema.created.0.into(),
            schema.modified.0.into(),
        ],
    )?;
    if inserted > 0 { Ok(()) } else { Err(Error::new(Code::Conflict, "A schema exists already; update it instead")) }
}

/// The customer's schema.
pub fn find(tx: &mut dyn Tx, customer: CustomerId) -> Result<Option<DataSchema>> {
    let rows = tx.query(
        "SELECT url, document, sample, created_at, modified_at FROM data_schema WHERE customer_id = $1",
        &[customer.0.into()],
    )?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    Ok(Some(DataSchema {
        url: row.take_text(0)?,
        document: row.take_text(1)?,
        sample: row.take_text(2)?,
        created: Timestamp(row.integer(3)?),
        modified: Timestamp(row.integer(4)?),
    }))
}

/// Replaces the customer's schema; false if it has none.
pub fn update(
    tx: &mut dyn Tx,
    customer: CustomerId,
    url: &str,
    document: &str,
    sample: &str,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE data_schema SET url = $2, document = $3, sample = $4, modified_at = $5 WHERE customer_id = $1",
        &[customer.0.into(), url.into(), document.into(), sample.into(), now.0.into()],
    )?;
    Ok(changed > 0)
}

/// Removes the customer's schema; false if it has none.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId) -> Result<bool> {
    Ok(tx.execute("DELETE FROM data_schema WHERE customer_id = $1", &[customer.0.into()])? > 0)
}

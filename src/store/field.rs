//! The data fields that records can be searched by, in a table of their own beside the records.
//! Which fields there are, and how they are read from a record, is not known here.

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::record::FieldValue;
use crate::store::Tx;

/// Inserts the fields of a record that has none yet.
pub fn insert(tx: &mut dyn Tx, customer: CustomerId, uuid: &str, fields: &[FieldValue]) -> Result<()> {
    for (position, field) in (0_i64..).zip(fields) {
        tx.execute(
            "INSERT INTO record_field (record_id, position, customer_id, name, value) \
             SELECT id, CAST($3 AS BIGINT), customer_id, $4, $5 FROM record WHERE customer_id = $1 AND uuid = $2",
            &[customer.0.into(), uuid.into(), position.into(), field.name.as_str().into(), field.value.as_str().into()],
        )?;
    }
    Ok(())
}

/// Replaces the fields of a record.
pub fn update(tx: &mut dyn Tx, customer: CustomerId, uuid: &str, fields: &[FieldValue]) -> Result<()> {
    tx.execute(
        "DELETE FROM record_field WHERE record_id = (SELECT id FROM record WHERE customer_id = $1 AND uuid = $2)",
        &[customer.0.into(), uuid.into()],
    )?;
    insert(tx, customer, uuid, fields)
}

/// The fields of the customer's record, in the order in which they were inserted.
pub fn list(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<Vec<FieldValue>> {
    let rows = tx.query(
        "SELECT record_field.name, record_field.value FROM record_field JOIN record ON record.id = record_field.record_id \
         WHERE record.customer_id = $1 AND record.uuid = $2 ORDER BY record_field.position",
        &[customer.0.into(), uuid.into()],
    )?;
    rows.into_iter().map(|mut row| Ok(FieldValue { name: row.take_text(0)?, value: row.take_text(1)? })).collect()
}

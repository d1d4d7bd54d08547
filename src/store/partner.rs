//! Descriptions of partners' services, kept as they were read.
//! What they say is not known here.

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::time::Timestamp;
use crate::store::Tx;

/// The documents of a description, as JSON.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, url: &str) -> Result<Option<String>> {
    let rows = tx
        .query("SELECT documents FROM partner WHERE customer_id = $1 AND url = $2", &[customer.0.into(), url.into()])?;
    rows.into_iter().next().map(|mut row| row.take_text(0)).transpose()
}

/// Keeps a description, unless there is one already.
pub fn insert(tx: &mut dyn Tx, customer: CustomerId, url: &str, documents: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO partner (customer_id, url, documents, fetched_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (customer_id, url) DO NOTHING",
        &[customer.0.into(), url.into(), documents.into(), now.0.into()],
    )?;
    Ok(())
}

/// Forgets all descriptions of a customer's partners, so that they are read again.
pub fn remove_all(tx: &mut dyn Tx, customer: CustomerId) -> Result<u64> {
    tx.execute("DELETE FROM partner WHERE customer_id = $1", &[customer.0.into()])
}

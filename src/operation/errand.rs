//! What a step of a flow does to what the customer keeps, in one transaction with what came before it.

use serde_json::Value;

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::time::Timestamp;
use crate::operation::keystore::change;
use crate::operation::table::errand::RowErrand;
use crate::store::Tx;

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Errand {
    /// To a package of a keystore.
    Package(change::Errand),
    /// To rows of a table.
    Rows(RowErrand),
}

impl Errand {
    /// What it comes to if nothing has to be written for it.
    /// # Errors
    /// As for [`Errand::run`].
    pub fn read(&self, tx: &mut dyn Tx, customer: CustomerId) -> Result<Option<Value>> {
        match self {
            Errand::Package(errand) => errand.read(tx, customer),
            Errand::Rows(errand) => errand.read(tx, customer),
        }
    }

    /// Does it, and tells what it comes to.
    /// # Errors
    /// `InvalidInput`, `NotFound`, `Conflict` or `TooLarge`: nothing was changed, and it would not be the next time. Any other:
    /// the store's own.
    pub fn run(&self, tx: &mut dyn Tx, customer: CustomerId, now: Timestamp) -> Result<Value> {
        match self {
            Errand::Package(errand) => errand.run(tx, customer, now),
            Errand::Rows(errand) => errand.run(tx, customer, now),
        }
    }
}

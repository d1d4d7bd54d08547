//! Secrets of a customer, which its flows use by name and nobody reads again.
//! How they are sealed is not known here.

use crate::model::account::CustomerId;
use crate::model::time::Timestamp;

/// A secret as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name, unique within its customer.
    pub name: String,
    /// When it was first set.
    pub created: Timestamp,
    /// When it was last set.
    pub modified: Timestamp,
}

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Whose it is.
    pub customer: CustomerId,
    /// Its name.
    pub name: String,
    /// What it is, sealed.
    pub sealed: Vec<u8>,
}

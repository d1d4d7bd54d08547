//! Customers (tenants) and their applications: who owns data and who may call.
//! Secrets are not part of these types; only their hashes exist, and only in the store.

use serde::{Deserialize, Serialize};

use crate::model::address::Network;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;

/// A customer's number. Everything that is stored belongs to exactly one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CustomerId(pub i64);

/// An application's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicationId(pub i64);

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its number.
    pub id: CustomerId,
    /// Its unique name.
    pub name: String,
    /// When it was added.
    pub created: Timestamp,
}

/// A client program of one customer, registered as document 003 ("Application registration") asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its number.
    pub id: ApplicationId,
    /// Whose application it is.
    pub customer: CustomerId,
    /// A name unique within the customer, at most 128 characters.
    pub name: String,
    /// Free text, at most 512 characters.
    pub description: String,
    /// Where it may call from. Empty means nowhere.
    pub addresses: Vec<Network>,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether OAuth2 access tokens may be issued for it.
    pub oauth2: bool,
    /// Requests it may make within the configured window; `None` means the configured default, `Some(0)` no limit.
    pub rate_limit: Option<u32>,
    /// How closely replies follow the documented oddities.
    pub compatibility: Compatibility,
    /// When it was added.
    pub created: Timestamp,
}

/// Switches of one application that bring back documented behaviour most clients are better off without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Which form SOAP faults take.
    pub fault_dialect: FaultDialect,
    /// Answer a stored SOAP webhook with the documented fault 201 (contradiction C36).
    pub webhook_success_as_fault: bool,
    /// Send PHP's `Expires` and `Pragma` headers (contradiction C68).
    pub php_cache_headers: bool,
}

/// Which form SOAP faults take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultDialect {
    /// The documented form for encoded requests, the standard form for literal ones.
    #[default]
    Mirror,
    /// Always numeric codes and `item` details, as documented.
    Documented,
    /// Always `Client`/`Server` codes and a typed detail.
    Standard,
}

impl FaultDialect {
    /// The dialect's name in the store and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            FaultDialect::Mirror => "mirror",
            FaultDialect::Documented => "documented",
            FaultDialect::Standard => "standard",
        }
    }

    /// The dialect of that name, if there is one.
    pub fn parse(name: &str) -> Option<FaultDialect> {
        [FaultDialect::Mirror, FaultDialect::Documented, FaultDialect::Standard]
            .into_iter()
            .find(|dialect| dialect.name() == name)
    }
}

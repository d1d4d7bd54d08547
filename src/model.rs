//! The nouns of the gateway as plain types: what a customer, a flow, a record is.
//! No wire format and no SQL is known here; text becomes a type through `parse` functions only.

pub mod account;
pub mod address;
pub mod catalogue;
pub mod distribution;
pub mod filter;
pub mod flow;
pub mod hook;
pub mod http;
pub mod keystore;
pub mod person;
pub mod record;
pub mod run;
pub mod schema;
pub mod scope;
pub mod search;
pub mod secret;
pub mod table;
pub mod time;
pub mod webhook;

//! The REST façade: document 003's `/v1`, in JSON and XML. It translates and decides nothing that SOAP decides too.
//!
//! [`table`] lists every endpoint; a request's way through it is in [`serve`], the end of that way in [`respond`].

pub mod call;
pub mod collection;
pub mod condition;
pub mod content;
pub mod definition;
pub mod endpoint;
pub mod error;
pub mod explorer;
pub mod flow;
pub mod format;
pub mod hook;
pub mod keystore;
pub mod neighbours;
pub mod openapi;
pub mod options;
pub mod package;
pub mod parameter;
pub mod queue;
pub mod record;
pub mod reply;
pub mod respond;
pub mod routes;
pub mod rows;
pub mod run;
pub mod schema;
pub mod search;
pub mod select;
pub mod serve;
pub mod sheet;
pub mod table;
pub mod token;
pub mod wait;
pub mod webhook;

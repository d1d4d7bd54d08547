//! Flowgate: a self-hosted SOAP/WSDL gateway and integration service.
//!
//! ```text
//! bytes ─▶ façade ─▶ credentials ─▶ Caller            (auth: who)
//!            │
//!            ├─ from the wire ─▶ InsertRecord{…}      (operation: what, in plain types)
//!            │                       │ execute: scope → run
//!            │                       ▼
//!            │                 store.write(|tx| record::insert(tx, …))
//!            │                       │ Output | Error{code,message}
//! bytes ◀────┴─ to the wire ◀────────┘
//! ```
//!
//! The rooms, from the ground up; a room uses only rooms below it (`docs/ARCHITECTURE.md`).

pub mod config;
pub mod error;
pub mod model;
pub mod xml;

pub mod delimited;
pub mod expression;
pub mod outbound;
pub mod soap;
pub mod store;
pub mod telemetry;

pub mod diagram;

pub mod app;
pub mod auth;

pub mod operation;

pub mod engine;
pub mod facade;

pub mod cli;
pub mod server;

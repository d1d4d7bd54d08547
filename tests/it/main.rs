//! The integration tests: one binary, one module a subject.

mod auth;
mod cli;
mod envelope;
mod message;
mod page;
mod soap;
mod store;
mod support;
mod toolkits;
mod wsdl;

//! The integration tests: one binary, one module a subject.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test stops where something is not as it must be"
)]
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "what was not tested, and what was counted, is said")]
#![expect(clippy::too_many_lines, reason = "a test tells its whole story in one place")]
#![expect(clippy::disallowed_methods, reason = "the settings of the tests themselves are not the gateway's")]

mod api;
mod attack;
mod auth;
mod cli;
mod cost;
mod crash;
mod curl;
mod describe;
mod docs;
mod draft4;
mod edge;
mod engine;
mod engines;
mod envelope;
mod errors;
mod examples;
mod explorer;
mod expression;
mod faults;
mod hook;
mod house;
mod hub;
mod json;
mod jsonata;
mod keystore;
mod message;
mod meta;
mod metrics;
mod oauth;
mod openapi;
mod outbound;
mod page;
mod partner;
mod process;
mod properties;
mod queue;
mod routes;
mod secrets;
mod serve;
mod sheet;
mod sink;
mod soap;
mod store;
mod support;
mod table;
mod token;
mod toolkits;
mod tree;
mod vault;
mod webhook;
mod wsdl;
mod xml_suite;

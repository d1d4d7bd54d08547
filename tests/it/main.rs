//! The integration tests: one binary, one module a subject.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test stops where something is not as it must be"
)]
#![expect(clippy::print_stderr, reason = "what was not tested is said")]
#![expect(clippy::too_many_lines, reason = "a test tells its whole story in one place")]
#![expect(clippy::disallowed_methods, reason = "the settings of the tests themselves are not the gateway's")]

mod attack;
mod auth;
mod cli;
mod curl;
mod describe;
mod docs;
mod envelope;
mod errors;
mod house;
mod message;
mod meta;
mod page;
mod process;
mod serve;
mod soap;
mod store;
mod support;
mod toolkits;
mod wsdl;
mod xml_suite;

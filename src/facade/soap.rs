//! The SOAP façade: wire in, operation, wire out, at `/v1/soap`.

pub mod message;

//! SOAP 1.1 and 1.2 and WSDL 1.1: envelopes, faults, the section 5 encoding, attachments, service descriptions.
//! It knows none of our operations; those come to it as tables of shapes.

pub mod encoded;
pub mod envelope;
pub mod media;
pub mod partner;
pub mod reply;
pub mod shape;
pub mod version;
pub mod wsdl;

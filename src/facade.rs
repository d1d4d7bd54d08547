//! The dialects. Each translates its wire into operations and their outcome back; none decides anything else.

pub mod body;
pub mod compress;
pub mod hub;
pub mod meta;
pub mod oauth;
pub mod payload;
pub mod request;
pub mod resource;
pub mod soap;
pub mod tree;
pub mod v1;

//! The dialects. Each translates its wire into operations and their outcome back; none decides anything else.

pub mod soap;

//! `[keystore]`: how keystores are read.

use serde::Deserialize;

/// The settings of `[keystore]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keystore {
    /// Whether GET makes a package that is missing (contradiction C15).
    pub autocreate_on_get: bool,
}

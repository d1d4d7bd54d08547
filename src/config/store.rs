//! `[store]`: where the database lies and how it is read and looked after.

use std::path::PathBuf;

use serde::Deserialize;

use super::Problem;

/// The settings of `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The directory of the database.
    pub directory: PathBuf,
    /// The file of the keys that seal secrets; empty for `secret.key` in the directory.
    pub secret_key_file: PathBuf,
    /// Connections for reading.
    pub readers: usize,
    /// Bytes to which the write-ahead log may grow.
    pub wal_limit: u64,
    /// The size in bytes above which the check at start is left out.
    pub check_limit: u64,
}

impl Store {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        if self.directory.as_os_str().is_empty() {
            return Err(Problem::new("store.directory", "must name a directory"));
        }
        if !(1..=256).contains(&self.readers) {
            return Err(Problem::new("store.readers", "must be from 1 to 256"));
        }
        if self.wal_limit < 65536 {
            return Err(Problem::new("store.wal_limit", "must be at least 65536 bytes"));
        }
        Ok(())
    }
}

//! `flowgate migrate`: bringing the database to this version.

use clap::Args;
use serde_json::json;

use super::{Global, output, session};
use crate::store;

/// Bring the database to the version of this program
///
/// 'serve' does the same at its start. This command is for those who want to see it happen, with the server stopped
/// and a backup made. An empty directory gets a new database.
#[derive(Args)]
#[command(after_help = "Example:\n  flowgate migrate --data /var/lib/flowgate")]
pub(super) struct Arguments {}

pub(super) fn run(global: &Global, _arguments: &Arguments) -> anyhow::Result<()> {
    let config = session::configure(global, Vec::new())?;
    let (from, to) = store::migrate(&config.store.directory)?;
    let text = match from {
        0 => format!("Created a database of version {to}.\n"),
        from if from == to => format!("The database is of version {to} already.\n"),
        from => format!("Migrated the database from version {from} to {to}.\n"),
    };
    output::show(global.json, &json!({"from": from, "to": to}), &text)
}

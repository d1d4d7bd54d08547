//! `flowgate backup`: a copy of the database.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Global, output, session};
use crate::store;

/// Copy the database to a file, also while the server runs
///
/// The copy is one consistent state, is checked, and has mode 0600. An existing file is never overwritten.
#[derive(Args)]
#[command(after_help = "Examples:\n  flowgate backup /var/backups/flowgate-monday.db\n\n\
    To restore, stop the server, empty its data directory, and put the copy there as flowgate.db.")]
pub(super) struct Arguments {
    /// The file to write; it must not exist
    file: PathBuf,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let config = session::configure(global, Vec::new())?;
    // Draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:40} {percent}% of {len} pages")?);
    let outcome = store::backup(&config.store.directory, &arguments.file, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    outcome?;
    let file = arguments.file.display().to_string();
    output::show(global.json, &json!({"file": file}), &format!("Copied the database to {file}.\n"))
}

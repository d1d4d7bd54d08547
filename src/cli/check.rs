//! `flowgate check`: whether the settings and the database are sound.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::{Global, output, session};
use crate::outbound::Outbound;
use crate::store;

/// Check the settings and read the whole database for damage
///
/// Nothing is changed. It may run beside a running server and takes about a second for each quarter gigabyte.
#[derive(Args)]
#[command(after_help = "Example:\n  flowgate check --data /var/lib/flowgate\n\n\
    Exit status 1 means that something is wrong; restore a backup if the database is damaged.")]
pub(super) struct Arguments {}

pub(super) fn run(global: &Global, _arguments: &Arguments) -> anyhow::Result<()> {
    let config = session::configure(global, Vec::new())?;
    Outbound::new(&config.outbound).prepare()?;
    let report = store::check(&config.store.directory)
        .context("The settings are valid, but the database could not be checked")?;
    let store::Report { version, known, bytes, problems } = report;
    let mut text = format!("The settings are valid.\nThe database has version {version} and {bytes} bytes.\n");
    match problems.is_empty() {
        true => text.push_str("No damage was found.\n"),
        false => problems.iter().for_each(|problem| text.push_str(&format!("  {problem}\n"))),
    }
    if version < known {
        text.push_str(&format!("This program works with version {known}; 'flowgate migrate' brings it there.\n"));
    }
    let value = json!({"version": version, "known": known, "bytes": bytes, "problems": problems});
    output::show(global.json, &value, &text)?;
    match problems.len() {
        0 => Ok(()),
        count => bail!("The database is damaged: {count} problems were found"),
    }
}

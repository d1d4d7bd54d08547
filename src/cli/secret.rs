//! `flowgate secret`: what flows use by name and nobody reads again.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Global, output, session};
use crate::auth;
use crate::operation::secret::{ListSecrets, RemoveSecret, RotateSecretKey, SetSecret};

/// One byte more than a secret and the line break after it may have.
const READ: u64 = 65_536 + 3;

/// Set secrets of a customer, list and remove them, and change the key they are sealed with
#[derive(Subcommand)]
pub(super) enum Command {
    Set(Set),
    /// List the secrets of a customer: names and dates, never values
    #[command(after_help = "Example:\n  flowgate secret list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Remove a secret; flows that use it fail from then on
    #[command(after_help = "Example:\n  flowgate secret remove --customer Shop crm_token")]
    Remove {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The secret's name
        name: String,
    },
    /// Make a new key and seal the secrets of all customers with it
    ///
    /// The old keys stay in the key file, because backups of the database need them.
    #[command(after_help = "Example:\n  flowgate secret rotate-key\n\n\
        Back up the key file afterwards, apart from the database.")]
    RotateKey,
}

/// Set a secret, which flows then use as {{secret.NAME}}
///
/// The value is read from standard input or a file; one line break at its end is left out. It is stored sealed, with a
/// key that is not in the database, and cannot be shown again.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate secret set --customer Shop crm_token < token.txt\n  \
    flowgate secret set --customer Shop tls_key --from-file key.pem")]
pub(super) struct Set {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The secret's name: letters, digits, '_', '-' and '.', at most 128
    name: String,
    /// Read the value from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Here only to be refused.
    #[arg(hide = true)]
    value: Option<String>,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Set(arguments) => set(global, arguments),
        Command::List { customer } => list(global, &customer),
        Command::Remove { customer, name } => remove(global, &customer, name),
        Command::RotateKey => rotate_key(global),
    }
}

fn set(global: &Global, arguments: Set) -> anyhow::Result<()> {
    if arguments.value.is_some() {
        bail!(
            "A secret on the command line can be read by every user of this machine; give it on standard input or with \
             --from-file, and change it where it is used"
        );
    }
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let value = read(arguments.from_file.as_deref())?;
    let name = arguments.name.clone();
    let is_new = session::perform(&app, &caller, SetSecret { name: arguments.name, value })?;
    let what = if is_new { "Added" } else { "Replaced" };
    let text = format!("{what} the secret {name}. A running server follows within a second.\n");
    output::show(global.json, &json!({"name": name, "added": is_new}), &text)
}

fn read(file: Option<&Path>) -> anyhow::Result<String> {
    let mut value = Vec::new();
    match file {
        None => io::stdin().lock().take(READ).read_to_end(&mut value).context("Standard input cannot be read")?,
        Some(file) => {
            let cannot = || format!("The file {} cannot be read", file.display());
            File::open(file).with_context(cannot)?.take(READ).read_to_end(&mut value).with_context(cannot)?
        }
    };
    // The bytes that were wrong may be most of the secret, so the error says no more.
    let Ok(mut value) = String::from_utf8(value) else { bail!("A secret must be text in UTF-8; encode other bytes") };
    let end = value.strip_suffix('\n').map(|rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    value.truncate(end.unwrap_or(value.len()));
    Ok(value)
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let secrets = session::perform(&app, &caller, ListSecrets)?;
    let rows: Vec<_> =
        secrets.into_iter().map(|secret| [secret.name, secret.created.to_atom(), secret.modified.to_atom()]).collect();
    let value = rows.iter().map(|[name, added, set]| json!({"name": name, "added": added, "set": set})).collect();
    output::show(global.json, &value, &output::table(["NAME", "ADDED", "SET"], &rows))
}

fn remove(global: &Global, customer: &str, name: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let text = format!("Removed the secret {name}. A running server follows within a second.\n");
    let value = json!({"name": name});
    session::perform(&app, &caller, RemoveSecret { name })?;
    output::show(global.json, &value, &text)
}

fn rotate_key(global: &Global) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let rotated = session::perform(&app, &auth::operator(None), RotateSecretKey)?;
    let text = format!(
        "Sealed {} secrets with the new key {}.\nBack up the key file now; it holds the old keys too.\n",
        rotated.secrets, rotated.key
    );
    output::show(global.json, &json!({"key": rotated.key, "secrets": rotated.secrets}), &text)
}

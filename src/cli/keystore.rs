//! `flowgate keystore`: the keystores of a customer, and what is in them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::model::keystore::{Keystore, KeystoreKind, Package};
use crate::operation::keystore::package::{DeletePackage, Expected, GetPackage, Given, LARGEST, PutPackage};
use crate::operation::keystore::{AddKeystore, GetKeystore, ListKeystores, RemoveKeystore, UpdateKeystore};
use crate::store::keystore;

/// Add keystores of a customer, list, show, change and remove them, and read and write what is in them
#[derive(Subcommand)]
pub(super) enum Command {
    Add(Add),
    /// List the keystores of a customer
    #[command(after_help = "Example:\n  flowgate keystore list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Show a keystore with its structure
    #[command(after_help = "Example:\n  flowgate keystore show --customer Shop weather")]
    Show(Named),
    Change(Change),
    /// Remove a keystore with all that is in it
    #[command(after_help = "Example:\n  flowgate keystore remove --customer Shop weather")]
    Remove(Named),
    /// Print what is kept under a key
    #[command(after_help = "Example:\n  flowgate keystore get --customer Shop weather london")]
    Get(Keyed),
    Put(Put),
    /// Remove what is kept under a key
    #[command(after_help = "Example:\n  flowgate keystore delete --customer Shop weather london")]
    Delete(Keyed),
}

/// Add a keystore of JSON values, or of texts
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate keystore add --customer Shop weather --structure weather.json\n  \
    flowgate keystore add --customer Shop letters --raw --description 'Letters as they were sent'")]
pub(super) struct Add {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// What it is to be called by: letters, digits, '_', '.' and '-', at most 64
    id: String,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// It keeps texts
    #[arg(long, conflicts_with = "structure")]
    raw: bool,
    /// A file with what new packages hold, a JSON object [default: {}]
    #[arg(long, value_name = "FILE")]
    structure: Option<PathBuf>,
}

/// Change a keystore; what is not named stays as it is
///
/// Another structure is a new version, of which packages are that come to be from then on.
#[derive(Args)]
#[command(after_help = "Example:\n  flowgate keystore change --customer Shop weather --structure weather.json")]
pub(super) struct Change {
    #[command(flatten)]
    named: Named,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// A file with what new packages hold, a JSON object
    #[arg(long, value_name = "FILE")]
    structure: Option<PathBuf>,
}

/// Keep something under a key, in the place of what is there
///
/// It is read from standard input or a file; one line break at its end is left out.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate keystore put --customer Shop weather london < london.json\n  \
    flowgate keystore put --customer Shop letters welcome --from-file welcome.txt")]
pub(super) struct Put {
    #[command(flatten)]
    keyed: Keyed,
    /// Read it from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Named {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The keystore's identifier
    id: String,
}

#[derive(Args)]
pub(super) struct Keyed {
    #[command(flatten)]
    named: Named,
    /// The key
    key: String,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(global, arguments),
        Command::List { customer } => list(global, &customer),
        Command::Show(named) => show(global, named),
        Command::Change(arguments) => change(global, arguments),
        Command::Remove(named) => remove(global, named),
        Command::Get(keyed) => get(global, keyed),
        Command::Put(arguments) => put(global, arguments),
        Command::Delete(keyed) => delete(global, keyed),
    }
}

fn add(global: &Global, arguments: Add) -> anyhow::Result<()> {
    let structure = structure(arguments.structure.as_deref())?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let kind = if arguments.raw { KeystoreKind::Raw } else { KeystoreKind::Json };
    let (id, description, kind) = (arguments.id, arguments.description, Some(kind.name().to_owned()));
    let added = session::perform(&app, &caller, AddKeystore { id, description, kind, structure })?;
    let text = format!("Added the keystore {}.\n", added.name);
    output::show(global.json, &value(&added)?, &text)
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let keystores = session::perform(&app, &caller, ListKeystores)?;
    let rows: Vec<_> = keystores
        .iter()
        .map(|keystore| {
            let (name, kind) = (keystore.name.clone(), keystore.kind.name().to_owned());
            [name, kind, keystore.version.to_string(), keystore.created.to_atom(), keystore.description.clone()]
        })
        .collect();
    let values = keystores.iter().map(value).collect::<anyhow::Result<Vec<_>>>()?;
    let headings = ["ID", "KIND", "VERSION", "ADDED", "DESCRIPTION"];
    output::show(global.json, &Value::Array(values), &output::table(headings, &rows))
}

fn show(global: &Global, named: Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &named.customer)?;
    let found = session::perform(&app, &caller, GetKeystore { id: named.id })?;
    let packages = app.store.peek(|tx| keystore::count_packages(tx, found.id))?;
    tell(global, "", &found, Some(packages))
}

fn change(global: &Global, arguments: Change) -> anyhow::Result<()> {
    let structure = structure(arguments.structure.as_deref())?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.named.customer)?;
    let (id, description) = (arguments.named.id, arguments.description);
    let changed = session::perform(&app, &caller, UpdateKeystore { id, description, structure, expected: None })?;
    tell(global, "Changed the keystore.\n\n", &changed, None)
}

fn remove(global: &Global, named: Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &named.customer)?;
    let id = named.id;
    session::perform(&app, &caller, RemoveKeystore { id: id.clone(), expected: None })?;
    output::show(global.json, &json!({"id": id}), &format!("Removed the keystore {id} with all that was in it.\n"))
}

fn get(global: &Global, keyed: Keyed) -> anyhow::Result<()> {
    let Keyed { named: Named { customer, id }, key } = keyed;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let found = session::perform(&app, &caller, GetPackage { keystore: id, key, creates: false })?;
    output::show(global.json, &package(&found), &format!("{}\n", found.content))
}

fn put(global: &Global, arguments: Put) -> anyhow::Result<()> {
    let Keyed { named: Named { customer, id }, key } = arguments.keyed;
    let text = match &arguments.from_file {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("The file {} cannot be read", path.display()))?;
            read(file).with_context(|| format!("The file {} cannot be read", path.display()))?
        }
        None => read(io::stdin().lock()).context("Standard input cannot be read")?,
    };
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let operation = PutPackage { keystore: id, key, given: Given::Text(text), expected: Expected::Any };
    let kept = session::perform(&app, &caller, operation)?;
    output::show(global.json, &package(&kept), &format!("Kept {} bytes under {}.\n", kept.content.len(), kept.key))
}

fn delete(global: &Global, keyed: Keyed) -> anyhow::Result<()> {
    let Keyed { named: Named { customer, id }, key } = keyed;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let operation = DeletePackage { keystore: id.clone(), key: key.clone(), expected: Expected::Any };
    session::perform(&app, &caller, operation)?;
    let text = format!("Removed what was kept under {key} in the keystore {id}.\n");
    output::show(global.json, &json!({"keystore": id, "key": key}), &text)
}

fn structure(path: Option<&Path>) -> anyhow::Result<Option<String>> {
    path.map(|path| fs::read_to_string(path).with_context(|| format!("The file {} cannot be read", path.display())))
        .transpose()
}

/// What is to be kept, up to one byte more than may be.
fn read(source: impl Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source.take(u64::try_from(LARGEST)?.saturating_add(3)).read_to_end(&mut bytes)?;
    let Ok(mut text) = String::from_utf8(bytes) else { bail!("What is kept must be text in UTF-8") };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn tell(global: &Global, head: &str, keystore: &Keystore, packages: Option<i64>) -> anyhow::Result<()> {
    let mut value = value(keystore)?;
    if let (Some(packages), Some(members)) = (packages, value.as_object_mut()) {
        members.insert("packages".to_owned(), packages.into());
    }
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows: Vec<_> =
        value.as_object().into_iter().flatten().map(|(name, value)| [name.clone(), plain(value)]).collect();
    output::show(global.json, &value, &format!("{head}{}", output::table(["SETTING", "VALUE"], &rows)))
}

fn value(keystore: &Keystore) -> anyhow::Result<Value> {
    let structure: Value = match keystore.kind {
        KeystoreKind::Json => serde_json::from_str(&keystore.structure)?,
        KeystoreKind::Raw => Value::Null,
    };
    Ok(json!({
        "id": keystore.name,
        "kind": keystore.kind.name(),
        "description": keystore.description,
        "structure": structure,
        "version": keystore.version,
        "created": keystore.created.to_atom(),
        "modified": keystore.modified.to_atom(),
    }))
}

fn package(package: &Package) -> Value {
    json!({
        "key": package.key,
        "content": package.content,
        "media_type": package.media_type,
        "structure": package.structure,
        "revision": package.revision,
        "created": package.created.to_atom(),
        "modified": package.modified.to_atom(),
    })
}

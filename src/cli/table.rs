//! `flowgate table`: the tables that a customer keeps rows in, and their columns.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::model::table::{Column, Table};
use crate::operation::table::{AddTable, ChangeTable, ColumnChange, GetTable, ListTables, NewColumn, RemoveTable};

/// Add tables to a customer, change their columns, list and remove them
#[derive(Subcommand)]
pub(super) enum Command {
    Add(Add),
    /// List the tables of a customer
    #[command(after_help = "Example:\n  flowgate table list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Show the columns of a table
    #[command(after_help = "Example:\n  flowgate table show --customer Shop users")]
    Show(Named),
    Change(Change),
    /// Remove a table with all its rows
    #[command(after_help = "Example:\n  flowgate table remove --customer Shop users")]
    Remove(Named),
}

/// Add a table
#[derive(Args)]
#[command(
    after_help = "A column is written NAME:KIND, with :required, :unique or :indexed behind it, and =VALUE for what \
    a row gets that says nothing. The kinds are text, integer, number, boolean, date and datetime.\n\n\
    Example:\n  \
    flowgate table add --customer Shop users --column username:text:required:unique --column age:integer:indexed \
    --column type:text=guest"
)]
pub(super) struct Add {
    #[command(flatten)]
    named: Named,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    /// A column
    #[arg(long = "column", value_name = "NAME:KIND[:FLAG…][=VALUE]")]
    columns: Vec<String>,
}

/// Change a table: columns are dropped, then changed, then added; rows that are there must allow it
#[derive(Args)]
#[command(after_help = "What can be set of a column: required, optional, unique, repeatable, indexed, unindexed.\n\n\
    Examples:\n  \
    flowgate table change --customer Shop users --add email:text:indexed --set age:required:unindexed\n  \
    flowgate table change --customer Shop users --rename type=role --default role=guest --drop password")]
pub(super) struct Change {
    #[command(flatten)]
    named: Named,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Add a column, written as for `add`
    #[arg(long, value_name = "NAME:KIND[:FLAG…][=VALUE]")]
    add: Vec<String>,
    /// Drop a column, with what is in it
    #[arg(long, value_name = "NAME")]
    drop: Vec<String>,
    /// Give a column another name; other options then mean the new one
    #[arg(long, value_name = "OLD=NEW")]
    rename: Vec<String>,
    /// Ask more or less of a column
    #[arg(long, value_name = "NAME:FLAG[:FLAG…]")]
    set: Vec<String>,
    /// Say what a row gets in a column that says nothing; without a value, nothing
    #[arg(long, value_name = "NAME=[VALUE]")]
    default: Vec<String>,
}

#[derive(Args)]
pub(super) struct Named {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The table's name
    name: String,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(global, arguments),
        Command::List { customer } => list(global, &customer),
        Command::Show(Named { customer, name }) => show(global, &customer, name),
        Command::Change(arguments) => change(global, arguments),
        Command::Remove(Named { customer, name }) => remove(global, &customer, name),
    }
}

fn add(global: &Global, arguments: Add) -> anyhow::Result<()> {
    let Add { named: Named { customer, name }, description, columns } = arguments;
    let columns = columns.iter().map(|text| column(text)).collect::<anyhow::Result<_>>()?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let table = session::perform(&app, &caller, AddTable { name, description, columns })?;
    output::show(global.json, &spelled(&table), &format!("Added the table {}.\n\n{}", table.name, listing(&table)))
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let tables = session::perform(&app, &caller, ListTables)?;
    let rows: Vec<_> = tables
        .iter()
        .map(|table| {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            [table.name.clone(), names.join(" "), table.created.to_atom(), table.description.clone()]
        })
        .collect();
    let value = tables.iter().map(spelled).collect();
    output::show(global.json, &value, &output::table(["NAME", "COLUMNS", "ADDED", "DESCRIPTION"], &rows))
}

fn show(global: &Global, customer: &str, name: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let table = session::perform(&app, &caller, GetTable { name })?;
    output::show(global.json, &spelled(&table), &listing(&table))
}

fn change(global: &Global, arguments: Change) -> anyhow::Result<()> {
    let Change { named: Named { customer, name }, description, add, drop, rename, set, default } = arguments;
    let add = add.iter().map(|text| column(text)).collect::<anyhow::Result<_>>()?;
    let renamed = rename.iter().map(|text| {
        let (old, new) = text.split_once('=').with_context(|| format!("--rename {text} must be OLD=NEW"))?;
        Ok(ColumnChange { name: old.to_owned(), rename: Some(new.to_owned()), ..ColumnChange::default() })
    });
    let set = set.iter().map(|text| flags(text));
    let defaults = default.iter().map(|text| {
        let (name, value) = text.split_once('=').with_context(|| format!("--default {text} must be NAME=VALUE"))?;
        let value = if value.is_empty() { Value::Null } else { Value::from(value) };
        Ok(ColumnChange { name: name.to_owned(), default: Some(value), ..ColumnChange::default() })
    });
    let change = renamed.chain(set).chain(defaults).collect::<anyhow::Result<_>>()?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let operation = ChangeTable { name, description, drop, change, add, expected: None };
    let table = session::perform(&app, &caller, operation)?;
    output::show(global.json, &spelled(&table), &format!("Changed the table {}.\n\n{}", table.name, listing(&table)))
}

fn remove(global: &Global, customer: &str, name: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    session::perform(&app, &caller, RemoveTable { name: name.clone(), expected: None })?;
    output::show(global.json, &json!({"name": name}), &format!("Removed the table {name}.\n"))
}

/// A column as it is written for `add`.
fn column(text: &str) -> anyhow::Result<NewColumn> {
    let (described, default) = match text.split_once('=') {
        Some((described, value)) => (described, Some(Value::from(value))),
        None => (text, None),
    };
    let mut parts = described.split(':');
    let name = parts.next().unwrap_or_default().to_owned();
    let kind = parts.next().with_context(|| format!("The column {text} needs a kind, such as {name}:text"))?.to_owned();
    let (mut required, mut unique, mut indexed) = (false, false, false);
    for flag in parts {
        match flag {
            "required" => required = true,
            "unique" => unique = true,
            "indexed" => indexed = true,
            other => bail!("The column {text} has '{other}', but may have required, unique or indexed"),
        }
    }
    Ok(NewColumn { name, kind, required, unique, indexed, default })
}

/// What is to be set of a column.
fn flags(text: &str) -> anyhow::Result<ColumnChange> {
    let mut parts = text.split(':');
    let mut change = ColumnChange { name: parts.next().unwrap_or_default().to_owned(), ..ColumnChange::default() };
    for flag in parts {
        match flag {
            "required" => change.required = Some(true),
            "optional" => change.required = Some(false),
            "unique" => change.unique = Some(true),
            "repeatable" => change.unique = Some(false),
            "indexed" => change.indexed = Some(true),
            "unindexed" => change.indexed = Some(false),
            other => bail!(
                "--set {text} has '{other}', but may have required, optional, unique, repeatable, indexed or unindexed"
            ),
        }
    }
    Ok(change)
}

fn listing(table: &Table) -> String {
    let yes = |is: bool| if is { "yes" } else { "" }.to_owned();
    let rows: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            let default = column.default.as_ref().map(|value| value.to_text().into_owned()).unwrap_or_default();
            let [required, unique, indexed] = [column.is_required, column.is_unique, column.is_indexed].map(yes);
            [column.name.clone(), column.kind.name().to_owned(), required, unique, indexed, default]
        })
        .collect();
    output::table(["COLUMN", "KIND", "REQUIRED", "UNIQUE", "INDEXED", "DEFAULT"], &rows)
}

fn spelled(table: &Table) -> Value {
    json!({
        "name": table.name,
        "description": table.description,
        "columns": table.columns.iter().map(spelled_column).collect::<Vec<_>>(),
        "created": table.created.to_atom(),
        "modified": table.modified.to_atom(),
    })
}

fn spelled_column(column: &Column) -> Value {
    json!({
        "name": column.name,
        "kind": column.kind.name(),
        "required": column.is_required,
        "unique": column.is_unique,
        "indexed": column.is_indexed,
        "default": column.default.as_ref().map(|value| value.to_json()),
    })
}

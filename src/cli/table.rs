//! `flowgate table`: the tables that a customer keeps rows in, and their columns.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::model::table::{Column, Table};
use crate::operation::table::export::{ExportRows, Writing};
use crate::operation::table::import::{ImportRows, Imported, Progress, Reading};
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
    Import(Import),
    Export(Export),
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

/// Insert a row for each line of a file whose fields are separated by commas or the like: all rows, or none
#[derive(Args)]
#[command(
    after_help = "While rows are being written, a running server takes no other writes; checking them before takes most of \
    the time.\n\n\
    Examples:\n  \
    flowgate table import --customer Shop users users.csv --dry-run\n  \
    flowgate table import --customer Shop users users.csv --delimiter semicolon --header yes"
)]
pub(super) struct Import {
    #[command(flatten)]
    named: Named,
    /// The file
    file: PathBuf,
    /// What separates the fields [default: found out]
    #[arg(long, value_enum)]
    delimiter: Option<Delimiter>,
    /// Whether the first line names the columns [default: found out]
    #[arg(long, value_parser = ["yes", "no"])]
    header: Option<String>,
    /// Tell what would come of it, line by line, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Write all rows of a table as lines whose fields are separated by commas or the like
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate table export --customer Shop users > users.csv\n  \
    flowgate table export --customer Shop users users.csv --delimiter semicolon --neutral")]
pub(super) struct Export {
    #[command(flatten)]
    named: Named,
    /// The file, which must not be there yet [default: standard output]
    file: Option<PathBuf>,
    /// What separates the fields
    #[arg(long, value_enum, default_value = "comma")]
    delimiter: Delimiter,
    /// Leave out the line with the names of the columns
    #[arg(long)]
    no_header: bool,
    /// Put an apostrophe before every value that a spreadsheet may take for a formula
    #[arg(long)]
    neutral: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Delimiter {
    Comma,
    Semicolon,
    Tab,
    Pipe,
}

impl Delimiter {
    fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
            Delimiter::Pipe => b'|',
        }
    }
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
        Command::Import(arguments) => import(global, arguments),
        Command::Export(arguments) => export(global, arguments),
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

fn import(global: &Global, arguments: Import) -> anyhow::Result<()> {
    let Import { named: Named { customer, name }, file, delimiter, header, dry_run } = arguments;
    let unreadable = || format!("{} cannot be read", file.display());
    let source = File::open(&file).with_context(unreadable)?;
    let bytes = source.metadata().with_context(unreadable)?.len();
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let has_header = header.map(|word| word == "yes");
    let reading = Reading { delimiter: delimiter.map(Delimiter::byte), has_header, is_dry: dry_run };
    // Draws on standard error, and only if that is a terminal.
    let style = ProgressStyle::with_template("{msg:8} {bar:40} {percent}% of {total_bytes}, {eta} left")?;
    let bar = ProgressBar::new(bytes).with_style(style).with_message("Checking");
    let shown = bar.clone();
    let told = Box::new(move |progress: Progress| {
        shown.set_message(if progress.writes { "Writing" } else { "Checking" });
        shown.set_position(progress.bytes);
    });
    let operation = ImportRows { table: name, source: Box::new(BufReader::new(source)), reading, told };
    let outcome = session::perform(&app, &caller, operation);
    bar.finish_and_clear();
    let imported = outcome?;
    let Imported { rows, flawed, .. } = imported;
    match flawed {
        0 => output::show(global.json, &told_as_json(&imported), &told_as_text(&imported)),
        _ if global.json => {
            output::show(true, &told_as_json(&imported), "")?;
            bail!("{flawed} of {rows} lines cannot be imported, and nothing was")
        }
        _ => bail!("{flawed} of {rows} lines cannot be imported, and nothing was:\n\n{}", flaws(&imported)),
    }
}

fn flaws(imported: &Imported) -> String {
    let flaws: Vec<_> = imported.flaws.iter().map(|flaw| [flaw.line.to_string(), flaw.message.clone()]).collect();
    let table = output::table(["LINE", "WHAT IS WRONG"], &flaws);
    match imported.flawed.saturating_sub(imported.flaws.len() as u64) {
        0 => table,
        more => format!("{table}{more} more lines have flaws.\n"),
    }
}

fn told_as_json(imported: &Imported) -> Value {
    let errors: Vec<_> =
        imported.flaws.iter().map(|flaw| json!({"line": flaw.line, "message": flaw.message})).collect();
    json!({
        "rows": imported.rows,
        "imported": if imported.is_done { imported.rows } else { 0 },
        "delimiter": char::from(imported.delimiter).to_string(),
        "header": imported.has_header,
        "columns": imported.columns,
        "preview": imported.preview,
        "flawed": imported.flawed,
        "errors": errors,
    })
}

fn told_as_text(imported: &Imported) -> String {
    let separated = match imported.delimiter {
        b'\t' => "tabs".to_owned(),
        other => format!("'{}'", char::from(other)),
    };
    let names = if imported.has_header { "named in the first line" } else { "in the order of the table" };
    let columns = imported.columns.join(", ");
    let mut text = format!("Fields are separated by {separated}; columns are {names}: {columns}\n\n");
    for row in &imported.preview {
        let values: Vec<String> = row.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        text.push_str(&format!("  {}\n", values.join(", ")));
    }
    let rows = imported.rows;
    text.push_str(&match imported.is_done {
        true => format!("\nImported {rows} rows.\n"),
        false => format!("\n{rows} rows can be imported. Nothing was.\n"),
    });
    text
}

fn export(global: &Global, arguments: Export) -> anyhow::Result<()> {
    let Export { named: Named { customer, name }, file, delimiter, no_header, neutral } = arguments;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let writing = Writing { delimiter: delimiter.byte(), has_header: !no_header, is_neutral: neutral };
    let mut to: Box<dyn Write> = match &file {
        None => Box::new(std::io::stdout().lock()),
        Some(file) => {
            Box::new(File::create_new(file).with_context(|| format!("{} cannot be created", file.display()))?)
        }
    };
    let (mut after, mut rows) = (None, 0);
    loop {
        let operation = ExportRows { table: name.clone(), after, writing };
        let exported = session::perform(&app, &caller, operation)?;
        to.write_all(&exported.text).context("The rows cannot be written")?;
        rows += exported.rows;
        match exported.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    to.flush().context("The rows cannot be written")?;
    match file {
        None => Ok(()),
        Some(file) => {
            let file = file.display().to_string();
            output::show(global.json, &json!({"file": file, "rows": rows}), &format!("Wrote {rows} rows to {file}.\n"))
        }
    }
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

//! Rows from text whose fields are separated, a line each: all of them are inserted, or none.
//!
//! The text is gone through twice. The first time nothing is written and nobody waits: values are read and checked line by
//! line. Only what has no flaw then is written, in one transaction, in which numbers and unique values that are taken show.

use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::delimited::{self, Flaw, Line, Lines};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::scope::Scope;
use crate::model::table::{DATE_CREATED, DATE_UPDATED, ID, Table};
use crate::model::time::Timestamp;
use crate::operation::table::row::{self, GREATEST_ID};
use crate::operation::table::values::columns;
use crate::operation::table::{clip, find};
use crate::operation::{Access, Operation};
use crate::store::{Tx, table};

/// Lines with flaws that are told; the others are counted.
pub const MOST_FLAWS: usize = 100;
/// Rows that are shown as they will be.
pub const PREVIEWED: usize = 5;
/// Lines between two words about how far it has come.
const STEP: u64 = 1_000;

/// A text that can be gone through more than once.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// How a text is read as rows; what is not said is found out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// What separates fields.
    pub delimiter: Option<u8>,
    /// Whether the first line names columns. It does if it has the name of at least one.
    pub has_header: Option<bool>,
    /// Whether nothing is to be written.
    pub is_dry: bool,
}

/// Inserts the rows of a text.
pub struct ImportRows {
    /// The table.
    pub table: String,
    /// The text.
    pub source: Box<dyn Source>,
    /// How it is read.
    pub reading: Reading,
    /// Is told how far it has come.
    pub told: Box<dyn Fn(Progress) + Send>,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Whether rows are being written.
    pub writes: bool,
    /// How many bytes of the text were gone through this time.
    pub bytes: u64,
}

/// What came of an import.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// What separates the fields.
    pub delimiter: u8,
    /// Whether the first line names the columns.
    pub has_header: bool,
    /// The columns that the fields are for, in the order of the fields.
    pub columns: Vec<String>,
    /// How many rows the text has.
    pub rows: u64,
    /// The first of them, as they are or would be.
    pub preview: Vec<Map<String, Value>>,
    /// What is wrong with lines, of the first [`MOST_FLAWS`] with which something is.
    pub flaws: Vec<LineFlaw>,
    /// How many lines something is wrong with.
    pub flawed: u64,
    /// Whether the rows are there now.
    pub is_done: bool,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFlaw {
    /// The number of the line in the text, from 1.
    pub line: u64,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Imported {
    fn flaw(&mut self, line: u64, message: String) {
        self.flawed += 1;
        if self.flaws.len() < MOST_FLAWS {
            self.flaws.push(LineFlaw { line, message });
        }
    }
}

impl Operation for ImportRows {
    const NAME: &'static str = "importTableRows";
    const ACCESS: Access = Access::Scope(Scope::Table);
    type Output = Imported;

    async fn run(self, app: &App, caller: &Caller) -> Result<Imported> {
        let ImportRows { table: name, mut source, reading, told } = self;
        let (customer, now) = (caller.customer().id, row::seconds(app.clock.now()));
        let checking = move |tx: &mut dyn Tx| {
            let mut table = find(tx, customer, &name)?;
            let mut walk = Walk { reading, now, writes: false, told: &*told };
            let checked = walk.go(tx, &mut table, &mut *source)?;
            let may_collide = checked.columns.iter().any(|column| column == ID)
                || table.columns.iter().any(|column| column.is_unique);
            Ok((checked, may_collide, name, source, told))
        };
        let (checked, may_collide, name, mut source, told) = app.store.read(checking).await?;
        if checked.flawed > 0 || (reading.is_dry && !may_collide) {
            return Ok(checked);
        }
        // What was found out leaves the transaction also where that is taken back.
        let outcome = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&outcome);
        let written = app
            .store
            .write(move |tx| {
                let walk = Walk { reading, now, writes: true, told: &*told };
                let mut imported = write(tx, customer, &name, &mut *source, walk)?;
                imported.is_done = imported.flawed == 0 && !reading.is_dry;
                let is_done = imported.is_done;
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(imported);
                match is_done {
                    true => Ok(()),
                    false => Err(Error::new(Code::Conflict, "The import is taken back")),
                }
            })
            .await;
        match outcome.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A commit that failed is the operation's failure, whatever was found out before.
            Some(imported) if written.is_ok() || !imported.is_done => Ok(imported),
            _ => Err(written.err().unwrap_or_else(|| Error::internal("an import ended without an outcome"))),
        }
    }
}

fn write(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    source: &mut dyn Source,
    mut walk: Walk<'_>,
) -> Result<Imported> {
    let mut target = find(tx, customer, name)?;
    table::lock(tx, &target, target.next_row)?;
    let imported = walk.go(tx, &mut target, source)?;
    table::lock(tx, &target, target.next_row)?;
    Ok(imported)
}

/// One way through a text.
struct Walk<'w> {
    reading: Reading,
    now: Timestamp,
    writes: bool,
    told: &'w dyn Fn(Progress),
}

/// What a field of every line is for.
#[derive(Clone, PartialEq, Eq)]
enum Target {
    /// The row's number.
    Id,
    /// The column of that name.
    Column(String),
    /// Nothing: the table gives it itself.
    Nothing(&'static str),
}

impl Target {
    fn name(&self) -> &str {
        match self {
            Target::Id => ID,
            Target::Column(name) => name,
            Target::Nothing(name) => name,
        }
    }
}

impl Walk<'_> {
    fn go(&mut self, tx: &mut dyn Tx, table: &mut Table, source: &mut dyn Source) -> Result<Imported> {
        let delimiter = self.delimiter(source)?;
        let mut lines = Lines::new(source, delimiter);
        let mut imported = Imported { delimiter, ..Imported::default() };
        let Some(first) = lines.read().map_err(unreadable)? else {
            return Err(Error::invalid("The text has no lines"));
        };
        let (targets, has_header) = targets(table, &first, self.reading.has_header)?;
        imported.has_header = has_header;
        imported.columns = targets.iter().map(|target| target.name().to_owned()).collect();
        let mut next = if has_header { lines.read().map_err(unreadable)? } else { Some(first) };
        while let Some(line) = next {
            imported.rows += 1;
            let number = line.number;
            match self.row(tx, table, &targets, line) {
                Ok(row) if imported.preview.len() < PREVIEWED => imported.preview.push(row),
                Ok(_) => {}
                Err(error) if is_of_line(&error) => imported.flaw(number, error.message().to_owned()),
                Err(error) => return Err(error),
            }
            if imported.rows.is_multiple_of(STEP) {
                (self.told)(Progress { writes: self.writes, bytes: lines.bytes() });
            }
            next = lines.read().map_err(unreadable)?;
        }
        (self.told)(Progress { writes: self.writes, bytes: lines.bytes() });
        Ok(imported)
    }

    /// What separates fields; afterwards the source is at its beginning.
    fn delimiter(&self, source: &mut dyn Source) -> Result<u8> {
        let failed = |cause| unreadable(Flaw::Unreadable(cause));
        source.seek(SeekFrom::Start(0)).map_err(failed)?;
        if let Some(delimiter) = self.reading.delimiter {
            return Ok(delimiter);
        }
        let mut sample = Vec::with_capacity(delimited::SAMPLE);
        (&mut *source).take(delimited::SAMPLE as u64).read_to_end(&mut sample).map_err(failed)?;
        source.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(delimited::detect(&sample))
    }

    /// The row of a line: written, or as it would be.
    fn row(&self, tx: &mut dyn Tx, table: &mut Table, targets: &[Target], line: Line) -> Result<Map<String, Value>> {
        let fields = line.fields.ok_or_else(|| Error::invalid("The line is not UTF-8 text"))?;
        if fields.len() != targets.len() {
            let (count, expected) = (fields.len(), targets.len());
            return Err(Error::invalid(format!("The line has {count} fields, but must have {expected}")));
        }
        let (mut id, mut values) = (None, Map::new());
        for (target, field) in targets.iter().zip(fields) {
            match target {
                // An empty field says nothing.
                _ if field.is_empty() => {}
                Target::Nothing(_) => {}
                Target::Id => id = Some(row_id(&field)?),
                Target::Column(name) => drop(values.insert(name.clone(), Value::String(field))),
            }
        }
        let row = match self.writes {
            true => {
                let id = id.unwrap_or(table.next_row);
                table.next_row = table.next_row.max(id.saturating_add(1));
                row::insert(tx, table, id, &values, self.now)?
            }
            false => row::check(table, id.unwrap_or(0), &values, self.now)?,
        };
        Ok(row.values)
    }
}

fn row_id(field: &str) -> Result<i64> {
    let id = field.trim().parse().ok().filter(|id| (1..=GREATEST_ID).contains(id));
    id.ok_or_else(|| {
        Error::invalid(format!("id is '{}', but must be a whole number from 1 to {GREATEST_ID}", clip(field)))
    })
}

/// Whether an error is about one line; else nothing more can be done.
fn is_of_line(error: &Error) -> bool {
    matches!(error.code(), Code::InvalidInput | Code::Conflict | Code::TooLarge)
}

/// What the fields are for, and whether the first line says it.
fn targets(table: &Table, first: &Line, has_header: Option<bool>) -> Result<(Vec<Target>, bool)> {
    let fields = first.fields.as_deref();
    let named: Vec<Option<Target>> =
        fields.unwrap_or_default().iter().map(|field| target(table, field.trim())).collect();
    if !has_header.unwrap_or_else(|| named.iter().any(Option::is_some)) {
        let targets: Vec<Target> = table.columns.iter().map(|column| Target::Column(column.name.clone())).collect();
        return Ok((targets, false));
    }
    let fields = fields.ok_or_else(|| Error::invalid("The first line is not UTF-8 text"))?;
    let mut targets = Vec::with_capacity(named.len());
    for (found, field) in named.into_iter().zip(fields) {
        let found = found.ok_or_else(|| {
            let (name, shown, known) = (&table.name, clip(field), columns(table));
            Error::invalid(format!("The first line names '{shown}', but {name} has no such column{known}"))
        })?;
        if targets.contains(&found) {
            return Err(Error::invalid(format!("The first line names '{}' twice", found.name())));
        }
        targets.push(found);
    }
    Ok((targets, true))
}

/// What a name in the first line stands for, whatever its case.
fn target(table: &Table, name: &str) -> Option<Target> {
    let own = |known: &'static str| name.eq_ignore_ascii_case(known);
    let column = |exact: bool| {
        let is_it = |known: &str| if exact { known == name } else { known.eq_ignore_ascii_case(name) };
        table.columns.iter().find(|column| is_it(&column.name)).map(|column| Target::Column(column.name.clone()))
    };
    match () {
        () if own(ID) => Some(Target::Id),
        () if own(DATE_CREATED) => Some(Target::Nothing(DATE_CREATED)),
        () if own(DATE_UPDATED) => Some(Target::Nothing(DATE_UPDATED)),
        () => column(true).or_else(|| column(false)),
    }
}

fn unreadable(flaw: Flaw) -> Error {
    match flaw {
        Flaw::TooLong(line) => Error::invalid(format!(
            "Line {line} has more than {} bytes; perhaps a quote in it is not closed",
            delimited::LONGEST_LINE
        )),
        Flaw::Unreadable(cause) => Error::new(Code::Unavailable, "The text cannot be read").because(cause),
    }
}

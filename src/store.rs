//! Where everything is kept: a transaction seam of two methods, and the functions that speak SQL through it.
//! It knows nouns and durability, not who may ask or why.
//!
//! An answer from [`Store::write`] means that the commit's fsync is done. The SQL of the noun files runs on SQLite and
//! PostgreSQL alike: columns are TEXT, BIGINT or BLOB, time is BIGINT milliseconds UTC, parameters are `$1`, `$2`, … and
//! count by their number, and no statement uses JSON operators. What is promised, and how: `docs/store.md`.

pub mod account;
pub mod audit;
pub mod callback;
pub mod catalogue;
pub mod delivery;
pub mod field;
pub mod flow;
pub mod hook;
pub mod keystore;
pub mod partner;
pub mod person;
pub mod queue;
pub mod record;
pub mod repeat;
pub mod run;
pub mod schema;
pub mod search;
pub mod secret;
pub mod table;
pub mod token;
pub mod webhook;

mod backup;
mod condition;
mod database;
mod directory;
mod migrate;
mod readers;
mod sqlite;
mod verify;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::model::distribution::Spread;
use crate::store::database::Database;
use crate::store::writer::Purpose;

/// How the store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many [`Store::read`]s may run at once; at least 1.
    pub readers: usize,
    /// How many bytes the write-ahead log may grow to before readers are made to let it start over.
    pub wal_limit: u64,
    /// Databases of up to this many bytes are checked for damage when they are opened.
    pub check_limit: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { readers: 4, wal_limit: 16 << 20, check_limit: 256 << 20 }
    }
}

/// The opened store. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens the data directory for a server, and holds it until the store is closed.
    ///
    /// The directory (0700) and the database (0600) are created if absent; an older database is migrated. A database
    /// that is damaged, foreign or newer is refused, and not one byte of it is changed.
    ///
    /// # Errors
    ///
    /// `Unavailable` with a sentence for the operator, also if another process holds the directory.
    pub fn open(directory: &Path, options: &Options) -> Result<Store> {
        Ok(Store { database: Arc::new(Database::open(directory, options)?) })
    }

    /// Opens the data directory beside a server that may be running, for administrative commands.
    ///
    /// Nothing is created or migrated.
    ///
    /// # Errors
    ///
    /// `Unavailable` with a sentence for the operator if there is no database, or it is of another version.
    pub fn attach(directory: &Path, options: &Options) -> Result<Store> {
        Ok(Store { database: Arc::new(Database::attach(directory, options)?) })
    }

    /// Runs the work in a transaction and answers once that is durable.
    ///
    /// An error of the work undoes the work alone. The work is carried out even if the caller stops waiting for it.
    ///
    /// # Errors
    ///
    /// The work's own; `Unavailable` if it could not be committed; `Internal` if it panicked.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        F: FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.database.write(Purpose::Data, work).await
    }

    /// As [`Store::write`], for what administers: accounts, schemas, flows, webhooks.
    ///
    /// The generation is advanced after the commit and before the answer.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn administer<T, F>(&self, work: F) -> Result<T>
    where
        F: FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.database.write(Purpose::Administration, work).await
    }

    /// Runs a possibly long read off the caller's thread, inside one read transaction.
    ///
    /// # Errors
    ///
    /// The work's own; `Internal` if it panicked.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        database::read(&self.database, work).await
    }

    /// Runs a point read on the caller's own thread, inside one read transaction.
    ///
    /// It takes microseconds and never waits for a transaction that writes; it may wait for the moment in which the
    /// write-ahead log starts over.
    ///
    /// # Errors
    ///
    /// The work's own.
    pub fn peek<T>(&self, work: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        self.database.peek(work)
    }

    /// A number that advances whenever something administrative changed, here or by another process.
    ///
    /// It follows other processes within a quarter of a second.
    pub fn generation(&self) -> u64 {
        self.database.generation()
    }

    /// What changes whenever something was committed, here or, within a quarter of a second, by another process.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.database.news()
    }

    /// Proves that the writer can commit, by changing one row. After a write failed, there must be room for more too.
    ///
    /// # Errors
    ///
    /// As [`Store::write`]; why writes fail at the moment.
    pub async fn prove_writable(&self) -> Result<()> {
        self.database.prove_writable().await
    }

    /// Waits until the thread that writes has ended unasked, which is never unless there is a defect.
    ///
    /// From then on every write fails and nothing mends that but a new process: what the thread left behind is unknown.
    pub async fn writer_lost(&self) {
        self.database.writer_lost().await;
    }

    /// What the store has done since it was opened.
    pub fn counters(&self) -> Counters {
        self.database.counters()
    }

    /// How its commits were distributed since it was opened: by the writes they held, and by the time they took.
    pub fn distributions(&self) -> Distributions {
        self.database.distributions()
    }

    /// The room that its files take on the disk, and what is left there.
    pub fn room(&self) -> Room {
        self.database.room()
    }

    /// Whether writing works as far as is known: the last write did not fail for want of a disk, and there is a writer.
    pub fn is_writable(&self) -> bool {
        self.database.is_writable()
    }

    /// Commits what waits, folds the write-ahead log into the database and lets the directory go.
    ///
    /// Other clones stay usable for reading what they already began; whatever they begin afterwards is `Unavailable`.
    pub fn close(self) {
        self.database.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

/// What a store has done since it was opened, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes that were committed and answered.
    pub writes: u64,
    /// Commits that made them durable; with group commit, fewer than the writes.
    pub commits: u64,
    /// Writes that failed, by their own error or by the commit's.
    pub failures: u64,
    /// Writes that wait or are being carried out now.
    pub waiting: u64,
    /// Times the write-ahead log was folded into the database, wholly or in part.
    pub checkpoints: u64,
}

/// How a store's commits were distributed since it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distributions {
    /// The writes that each commit held.
    pub groups: Spread,
    /// The nanoseconds that each commit took, the fsync included.
    pub commits: Spread,
}

/// The bytes that a store's files take; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The database.
    pub database: Option<u64>,
    /// The write-ahead log. Its file keeps the length that the log once had.
    pub log: Option<u64>,
    /// What the file system still has for whoever runs the gateway.
    pub available: Option<u64>,
}

/// Copies the database to a file that does not exist yet, consistently, also while a server runs.
///
/// `progress` is told the pages done and the pages in all. The copy is checked and durable when this returns; it has
/// mode 0600.
///
/// # Errors
///
/// `Conflict` if the destination exists; `Unavailable` if the database cannot be read or the copy not be written.
pub fn backup(directory: &Path, destination: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    backup::backup(directory, destination, progress)
}

/// Reads the whole database and reports what is wrong with it; changes nothing.
///
/// # Errors
///
/// `Unavailable` if there is no database, or it is not one of Flowgate's.
pub fn check(directory: &Path) -> Result<Report> {
    verify::check(directory)
}

/// Brings the database to the version this program knows, creating it if absent; gives the versions before and after.
///
/// # Errors
///
/// As [`Store::open`].
pub fn migrate(directory: &Path) -> Result<(u32, u32)> {
    database::bring_up_to_date(directory)
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The version of the database's tables.
    pub version: u32,
    /// The version of the tables this program knows.
    pub known: u32,
    /// The size of the database, without its write-ahead log, in bytes.
    pub bytes: u64,
    /// What is wrong, a line each; empty if nothing is.
    pub problems: Vec<String>,
}

/// A value bound to a statement's parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A BIGINT: numbers, booleans as 0 and 1, times in milliseconds.
    Integer(i64),
    /// A TEXT.
    Text(&'a str),
    /// A BLOB.
    Blob(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Value::Blob(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A transaction, whatever the engine.
pub trait Tx {
    /// Runs a statement that returns no rows; gives the number of rows it changed.
    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64>;
    /// Runs a statement and gives all its rows.
    fn query(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Vec<Row>>;
}

/// A value read from a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// A BIGINT.
    Integer(i64),
    /// A TEXT.
    Text(String),
    /// A BLOB.
    Blob(Vec<u8>),
}

/// One row of a query's answer; columns are taken by position, once each.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// The BIGINT of that column.
    ///
    /// # Errors
    ///
    /// `Internal` if the column holds something else; so for the other columns below.
    pub fn integer(&self, column: usize) -> Result<i64> {
        match self.cell(column)? {
            Cell::Integer(number) => Ok(*number),
            _ => Err(mistyped("BIGINT", column)),
        }
    }

    /// The BIGINT of that column, or `None` for NULL.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>> {
        if self.is_null(column)? { Ok(None) } else { self.integer(column).map(Some) }
    }

    /// The TEXT of that column.
    pub fn text(&self, column: usize) -> Result<&str> {
        match self.cell(column)? {
            Cell::Text(text) => Ok(text),
            _ => Err(mistyped("TEXT", column)),
        }
    }

    /// The TEXT of that column, or `None` for NULL.
    pub fn optional_text(&self, column: usize) -> Result<Option<&str>> {
        if self.is_null(column)? { Ok(None) } else { self.text(column).map(Some) }
    }

    /// The TEXT of that column, moved out of the row.
    pub fn take_text(&mut self, column: usize) -> Result<String> {
        match self.take(column)? {
            Cell::Text(text) => Ok(text),
            _ => Err(mistyped("TEXT", column)),
        }
    }

    /// The TEXT of that column, moved out of the row, or `None` for NULL.
    pub fn take_optional_text(&mut self, column: usize) -> Result<Option<String>> {
        if self.is_null(column)? { Ok(None) } else { self.take_text(column).map(Some) }
    }

    /// The BLOB of that column.
    pub fn blob(&self, column: usize) -> Result<&[u8]> {
        match self.cell(column)? {
            Cell::Blob(bytes) => Ok(bytes),
            _ => Err(mistyped("BLOB", column)),
        }
    }

    /// The BLOB of that column, or `None` for NULL.
    pub fn optional_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        if self.is_null(column)? { Ok(None) } else { self.blob(column).map(Some) }
    }

    /// The BLOB of that column, moved out of the row.
    pub fn take_blob(&mut self, column: usize) -> Result<Vec<u8>> {
        match self.take(column)? {
            Cell::Blob(bytes) => Ok(bytes),
            _ => Err(mistyped("BLOB", column)),
        }
    }

    fn is_null(&self, column: usize) -> Result<bool> {
        Ok(*self.cell(column)? == Cell::Null)
    }

    fn cell(&self, column: usize) -> Result<&Cell> {
        self.0.get(column).ok_or_else(|| mistyped("present", column))
    }

    fn take(&mut self, column: usize) -> Result<Cell> {
        let cell = self.0.get_mut(column).ok_or_else(|| mistyped("present", column))?;
        Ok(std::mem::replace(cell, Cell::Null))
    }
}

/// Neither the column's value nor its SQL is told: the log must not hold what customers store.
fn mistyped(wanted: &str, column: usize) -> Error {
    Error::internal(format!("column {column} of a row is not {wanted}"))
}

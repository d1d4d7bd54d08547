//! SQLite: connections with the settings durability rests on, the transaction seam over them, and what their errors mean.
//! It is the only file that knows the SQLite library; who opens which connection, and when, is decided elsewhere.

use std::error::Error as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::ffi::{self, ErrorCode};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, OpenFlags, ToSql};

use crate::error::{Code, Error, Result};
use crate::store::{Cell, Row, Tx, Value};

/// How long a connection waits for another process that holds the lock it needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How many compiled statements a connection keeps; more than all the noun files have together.
const STATEMENTS: usize = 256;

/// How many pages a copy moves between two calls of its progress function: one mebibyte.
const COPY_PAGES: i32 = 256;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read and write; every commit is fsynced.
    Write,
    /// Read what is committed, beside a writer. Such a connection never folds the write-ahead log into the database.
    Read,
    /// Read a file that nobody writes to and that has no write-ahead log. No other file is created beside it.
    Immutable,
}

/// One connection. It is the transaction seam as well: what runs between BEGIN and COMMIT is its caller's business.
pub(super) struct Connection {
    handle: rusqlite::Connection,
}

impl Connection {
    /// Opens an existing file.
    pub(super) fn open(path: &Path, access: Access) -> Result<Connection> {
        let location = location(path, access);
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI
            | match access {
                Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
                Access::Read | Access::Immutable => OpenFlags::SQLITE_OPEN_READ_ONLY,
            };
        #[expect(clippy::disallowed_methods, reason = "the one place that opens databases")]
        let handle = rusqlite::Connection::open_with_flags(location, flags).map_err(failure)?;
        handle.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan that depends on the values would be made again each time they are bound, which takes longer than most
        // statements do.
        handle.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
        let mut connection = Connection { handle };
        connection.wait_for_others(PATIENCE)?;
        connection.query("PRAGMA trusted_schema = OFF", &[])?;
        // Savepoints must not fail because the folder of temporary files is full.
        connection.query("PRAGMA temp_store = MEMORY", &[])?;
        if access == Access::Write {
            connection.make_durable()?;
        }
        Ok(connection)
    }

    /// The settings that an acknowledged write rests on, read back because SQLite ignores what it does not understand.
    fn make_durable(&mut self) -> Result<()> {
        if self.handle.is_readonly("main").map_err(failure)? {
            return Err(Error::new(Code::Unavailable, "The database file cannot be written; check its permissions"));
        }
        for (setting, value, expected) in [
            ("synchronous", "FULL", Cell::Integer(2)),
            ("fullfsync", "ON", Cell::Integer(1)),
            ("foreign_keys", "ON", Cell::Integer(1)),
            ("wal_autocheckpoint", "0", Cell::Integer(0)),
            ("cache_size", "-16384", Cell::Integer(-16384)),
        ] {
            self.query(&format!("PRAGMA {setting} = {value}"), &[])?;
            let actual = self.pragma(setting)?;
            if actual != expected {
                return Err(Error::internal(format!("PRAGMA {setting} is {actual:?} after it was set to {value}")));
            }
        }
        Ok(())
    }

    /// How long this connection waits for locks of other processes.
    pub(super) fn wait_for_others(&self, patience: Duration) -> Result<()> {
        self.handle.busy_timeout(patience).map_err(failure)
    }

    /// The value of a PRAGMA.
    pub(super) fn pragma(&mut self, name: &str) -> Result<Cell> {
        let rows = self.query(&format!("PRAGMA {name}"), &[])?;
        rows.into_iter()
            .next()
            .and_then(|row| row.0.into_iter().next())
            .ok_or_else(|| Error::internal(format!("PRAGMA {name} has no value")))
    }

    /// Runs several statements, for instance a migration.
    pub(super) fn batch(&mut self, sql: &str) -> Result<()> {
        self.handle.execute_batch(sql).map_err(failure)
    }

    /// Whether a transaction is open; some errors make SQLite end it on its own.
    pub(super) fn in_transaction(&self) -> bool {
        !self.handle.is_autocommit()
    }

    /// Copies the database into another, all pages from one moment.
    pub(super) fn copy_to(&mut self, copy: &mut Connection, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        // Without a read transaction of our own, every commit of the server would make the copy start again.
        self.execute("BEGIN", &[])?;
        self.query("SELECT count(*) FROM sqlite_schema", &[])?;
        let backup = Backup::new(&self.handle, &mut copy.handle).map_err(failure)?;
        loop {
            let step = backup.step(COPY_PAGES).map_err(failure)?;
            let pages = backup.progress();
            let total = u64::try_from(pages.pagecount).unwrap_or(0);
            progress(total.saturating_sub(u64::try_from(pages.remaining).unwrap_or(0)), total);
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(busy()),
            }
        }
        drop(backup);
        self.execute("ROLLBACK", &[])?;
        Ok(())
    }
}

impl Tx for Connection {
    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64> {
        let mut statement = self.handle.prepare_cached(sql).map_err(failure)?;
        bind(&mut statement, params)?;
        let changed = statement.raw_execute().map_err(failure)?;
        Ok(changed as u64)
    }

    fn query(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Vec<Row>> {
        let mut statement = self.handle.prepare_cached(sql).map_err(failure)?;
        bind(&mut statement, params)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().map_err(failure)? {
            let cells = (0..columns).map(|column| cell(row.get_ref(column).map_err(failure)?));
            answer.push(Row(cells.collect::<Result<_>>()?));
        }
        Ok(answer)
    }
}

/// Binds `$N` to the N-th value. To SQLite `$N` is a mere name, numbered by its first appearance in the statement.
fn bind(statement: &mut CachedStatement<'_>, params: &[Value<'_>]) -> Result<()> {
    let mut highest = 0;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or_default();
        let number: usize = name.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let Some(value) = number.checked_sub(1).and_then(|position| params.get(position)) else {
            return Err(Error::internal(format!("parameter {name:?} of a statement has no value")));
        };
        highest = highest.max(number);
        statement.raw_bind_parameter(index, value).map_err(failure)?;
    }
    if highest == params.len() {
        Ok(())
    } else {
        Err(Error::internal(format!("a statement uses {highest} of {} values", params.len())))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell> {
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(number) => Ok(Cell::Integer(number)),
        ValueRef::Text(bytes) => Ok(Cell::Text(std::str::from_utf8(bytes).map_err(Error::internal)?.to_owned())),
        ValueRef::Blob(bytes) => Ok(Cell::Blob(bytes.to_vec())),
        _ => Err(Error::internal("a column holds neither a BIGINT nor a TEXT nor a BLOB")),
    }
}

/// Where SQLite finds the file: a URI, because only a URI can say that the file is immutable.
fn location(path: &Path, access: Access) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    if access == Access::Immutable {
        uri.push_str("?immutable=1");
    }
    uri
}

/// What a failure of SQLite means to the caller; the failure itself is for the log.
fn failure(cause: rusqlite::Error) -> Error {
    let no_room_for_index = cause.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE);
    let message = match cause.sqlite_error_code() {
        Some(_) if no_room_for_index => "The database could not be opened because the disk is full",
        Some(ErrorCode::DiskFull) => "The data could not be stored because the disk is full",
        Some(ErrorCode::ReadOnly) => "The data could not be stored because the database is read-only",
        // A page that the disk does not give is told as damage once a statement is under way.
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt) => {
            "The data could not be read or stored because of a disk error"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => "The database could not be opened",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return busy().because(cause),
        Some(ErrorCode::TooBig) => {
            return Error::new(Code::TooLarge, "The data is larger than the database can hold").because(cause);
        }
        _ => return Error::internal(cause),
    };
    Error::new(Code::Unavailable, message).because(cause)
}

/// Whether SQLite found what it read to be damaged, or could not read it.
pub(super) fn is_damage(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    cause.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DatabaseCorrupt)
}

fn busy() -> Error {
    Error::new(Code::Unavailable, "The database is in use by another process; try again")
}

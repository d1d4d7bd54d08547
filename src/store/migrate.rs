//! The versions of the tables, and the way from one to the next: all pending steps in one transaction, or none.
//! A step is never edited once released; a database that took it would differ from one that takes it later.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::store::directory::{self, Directory};
use crate::store::sqlite::{Access, Connection};
use crate::store::verify::{self, APPLICATION_ID};
use crate::store::{Cell, Tx};

/// One step; its version is its place in the list, counted from 1.
struct Migration {
    sqlite: &'static str,
}

/// Every step. Each has a twin for PostgreSQL beside it, which differs in the engine's own spellings only.
const MIGRATIONS: [Migration; 1] = [Migration { sqlite: include_str!("migrations/0001_base.sqlite.sql") }];

/// The version of the tables this program knows.
pub(super) fn known() -> u32 {
    MIGRATIONS.len() as u32
}

/// Creates the database under another name and renames it when it is whole, so that a crash leaves none or all of it.
pub(super) fn create(directory: &Directory) -> Result<()> {
    refuse_orphaned_log(directory)?;
    let unfinished = directory.unfinished();
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut leftover = unfinished.clone().into_os_string();
        leftover.push(suffix);
        match std::fs::remove_file(&leftover) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(directory::unusable("The file", Path::new(&leftover), cause));
            }
            _ => {}
        }
    }
    directory::create_private(&unfinished)?;
    let mut connection = Connection::open(&unfinished, Access::Write)?;
    apply(&mut connection, &MIGRATIONS)?;
    if connection.pragma("journal_mode = WAL")? != Cell::Text("wal".into()) {
        return Err(Error::internal("the file system does not allow a write-ahead log"));
    }
    drop(connection);
    directory::publish(&unfinished, &directory.database())
}

/// A log without its database would be replayed into the next database of that name.
fn refuse_orphaned_log(directory: &Directory) -> Result<()> {
    let log = directory.log();
    if !log.exists() {
        return Ok(());
    }
    let (database, log) = (directory.database(), log.display());
    let database = database.display();
    let message =
        format!("{database} is missing but its write-ahead log {log} is there; restore both, or move it away");
    Err(Error::new(Code::Unavailable, message))
}

/// Brings the opened database to the version this program knows.
pub(super) fn upgrade(connection: &mut Connection) -> Result<()> {
    apply(connection, &MIGRATIONS)
}

fn apply(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    // A step may rebuild a table that others refer to; what refers to what is checked at the end instead.
    connection.query("PRAGMA foreign_keys = OFF", &[])?;
    connection.execute("BEGIN EXCLUSIVE", &[])?;
    let outcome = apply_pending(connection, migrations).and_then(|()| connection.execute("COMMIT", &[]));
    if outcome.is_err() && connection.in_transaction() {
        connection.execute("ROLLBACK", &[])?;
    }
    connection.query("PRAGMA foreign_keys = ON", &[])?;
    outcome.map(|_| ())
}

fn apply_pending(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    let from = verify::user_version(connection)? as usize;
    let pending = migrations.get(from..).unwrap_or_default();
    if pending.is_empty() {
        return Ok(());
    }
    for migration in pending {
        connection.batch(migration.sqlite)?;
    }
    if let Some(row) = connection.query("PRAGMA foreign_key_check", &[])?.first() {
        return Err(Error::internal(format!("a migration leaves rows of {} without what they refer to", row.text(0)?)));
    }
    connection.query(&format!("PRAGMA application_id = {APPLICATION_ID}"), &[])?;
    connection.query(&format!("PRAGMA user_version = {}", migrations.len()), &[])?;
    Ok(())
}

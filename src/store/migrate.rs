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
const MIGRATIONS: [Migration; 6] = [
    Migration { sqlite: include_str!("migrations/0001_base.sqlite.sql") },
    Migration { sqlite: include_str!("migrations/0002_api.sqlite.sql") },
    Migration { sqlite: include_str!("migrations/0003_engine.sqlite.sql") },
    Migration { sqlite: include_str!("migrations/0004_webhook.sqlite.sql") },
    Migration { sqlite: include_str!("migrations/0005_keystore.sqlite.sql") },
    Migration { sqlite: include_str!("migrations/0006_table.sqlite.sql") },
];

/// The version of the tables this program knows.
#[expect(clippy::cast_possible_truncation, reason = "there will not be four thousand million steps")]
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

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration = Migration { sqlite: "CREATE TABLE a (x BIGINT); INSERT INTO a VALUES (1);" };
    const SECOND: Migration = Migration { sqlite: "ALTER TABLE a ADD COLUMN y BIGINT; CREATE TABLE b (x BIGINT);" };
    const BROKEN: Migration = Migration { sqlite: "CREATE TABLE c (x BIGINT); INSERT INTO missing VALUES (1);" };

    fn empty() -> (tempfile::TempDir, Connection) {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("test.db");
        directory::create_private(&path).expect("a file");
        let connection = Connection::open(&path, Access::Write).expect("a connection");
        (directory, connection)
    }

    fn tables(connection: &mut Connection) -> Vec<String> {
        let rows = connection.query("SELECT name FROM sqlite_schema ORDER BY name", &[]).expect("the tables");
        rows.into_iter().map(|mut row| row.take_text(0).expect("a name")).collect()
    }

    #[test]
    fn pending_steps_are_taken_once_and_in_order() {
        let (_directory, mut connection) = empty();
        apply(&mut connection, &[FIRST]).expect("the first");
        assert_eq!(verify::user_version(&mut connection).expect("a version"), 1);
        apply(&mut connection, &[FIRST, SECOND]).expect("the second");
        apply(&mut connection, &[FIRST, SECOND]).expect("nothing");
        assert_eq!(verify::user_version(&mut connection).expect("a version"), 2);
        assert_eq!(tables(&mut connection), ["a", "b"]);
        let rows = connection.query("SELECT x, y FROM a", &[]).expect("rows");
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn a_step_that_fails_undoes_those_before_it() {
        let (_directory, mut connection) = empty();
        apply(&mut connection, &[FIRST]).expect("the first");
        apply(&mut connection, &[FIRST, SECOND, BROKEN]).expect_err("the third is broken");
        assert_eq!(verify::user_version(&mut connection).expect("a version"), 1);
        assert_eq!(tables(&mut connection), ["a"]);
        assert!(!connection.in_transaction());
        assert_eq!(connection.pragma("foreign_keys").expect("a setting"), Cell::Integer(1));
    }

    #[test]
    fn a_step_must_not_leave_references_to_nothing() {
        let (_directory, mut connection) = empty();
        let dangling = Migration {
            sqlite: "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p BIGINT REFERENCES p (id)); \
                     INSERT INTO c VALUES (7);",
        };
        let error = apply(&mut connection, &[dangling]).expect_err("a dangling reference");
        assert!(format!("{error:?}").contains("rows of c"), "{error:?}");
        assert!(tables(&mut connection).is_empty());
    }

    #[test]
    fn the_twins_differ_in_the_engines_spellings_only() {
        let identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY";
        let twins: [&str; MIGRATIONS.len()] = [
            include_str!("migrations/0001_base.postgres.sql"),
            include_str!("migrations/0002_api.postgres.sql"),
            include_str!("migrations/0003_engine.postgres.sql"),
            include_str!("migrations/0004_webhook.postgres.sql"),
            include_str!("migrations/0005_keystore.postgres.sql"),
            include_str!("migrations/0006_table.postgres.sql"),
        ];
        for (migration, postgres) in MIGRATIONS.iter().zip(twins) {
            let spelled = postgres
                .replace(identity, "INTEGER PRIMARY KEY")
                .replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
                .replace("BYTEA", "BLOB");
            // A table that is its own index; there, tables are not.
            assert_eq!(migration.sqlite.replace(" WITHOUT ROWID", ""), spelled);
        }
    }
}

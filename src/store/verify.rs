//! Whether a database is one of Flowgate's, of which version, and sound; found out without changing a byte of it.
//! What to do about it is its callers' business.

#![expect(clippy::indexing_slicing, reason = "the header is read to its full length before fields are taken from it")]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::store::directory::{self, Directory};
use crate::store::migrate;
use crate::store::sqlite::{Access, Connection, is_damage};
use crate::store::{Cell, Report, Tx};

/// The mark of Flowgate's databases in SQLite's header: "FLOW".
pub(super) const APPLICATION_ID: u32 = 0x464C_4F57;

/// The length of SQLite's header; no database is shorter.
const HEADER: usize = 100;

/// How much of the database is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The header and the list of tables: microseconds.
    Schema,
    /// Every page: about a second for each quarter gigabyte.
    Pages,
}

/// The version of the database's tables, if the database is sound so far as was looked.
///
/// `Unavailable` with a sentence for the operator if it is not.
pub(super) fn version(directory: &Directory, depth: Depth) -> Result<u32> {
    let path = directory.database();
    recognise(&path)?;
    // Without a log the main file is all there is, and can be read without creating the files SQLite needs beside it.
    let settled = is_settled(directory);
    let access = if settled { Access::Immutable } else { Access::Read };
    match examine(&path, access, depth) {
        // A command that began to write since then makes an immutable file look damaged.
        Err(_) if settled && !is_settled(directory) => examine(&path, Access::Read, depth),
        outcome => outcome,
    }
}

/// The bytes that a check of every page reads.
pub(super) fn size(directory: &Directory) -> u64 {
    [directory.database(), directory.log()]
        .iter()
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// See [`crate::store::check()`].
pub(super) fn check(path: &Path) -> Result<Report> {
    let directory = Directory::at(path);
    recognise(&directory.database())?;
    let access = if is_settled(&directory) { Access::Immutable } else { Access::Read };
    let bytes = std::fs::metadata(directory.database())
        .map_err(|cause| directory::unusable("The file", &directory.database(), cause))?
        .len();
    let mut report = Report { version: 0, known: migrate::known(), bytes, problems: Vec::new() };
    if access == Access::Immutable && is_cut_short(&directory.database())? {
        report.problems.push("the file is shorter than its header says".to_owned());
    }
    if let Err(error) = inspect(&directory.database(), access, &mut report) {
        if error.code() == Code::Unavailable && !is_damage(&error) {
            return Err(error);
        }
        report.problems.push(reason(&error));
    }
    Ok(report)
}

fn inspect(path: &Path, access: Access, report: &mut Report) -> Result<()> {
    let mut connection = Connection::open(path, access)?;
    report.version = user_version(&mut connection)?;
    for mut row in connection.query("PRAGMA integrity_check", &[])? {
        let line = row.take_text(0)?;
        if line != "ok" {
            report.problems.push(line);
        }
    }
    for mut row in connection.query("PRAGMA foreign_key_check", &[])? {
        let (table, parent) = (row.take_text(0)?, row.take_text(2)?);
        report.problems.push(format!("row {:?} of {table} refers to no row of {parent}", row.optional_integer(1)?));
    }
    Ok(())
}

/// Refuses a file that is not a database of Flowgate, by its header alone: SQLite is not asked to open strangers.
pub(super) fn recognise(path: &Path) -> Result<()> {
    let (header, _) = header(path)?;
    let ours = header.len() == HEADER
        && header.starts_with(b"SQLite format 3\0")
        && header[68..72] == APPLICATION_ID.to_be_bytes();
    if !ours {
        return Err(Error::new(Code::Unavailable, format!("{} is not a Flowgate database", path.display())));
    }
    let version = number(&header, 60);
    if version > migrate::known() { Err(newer(path, version)) } else { Ok(()) }
}

/// Whether the end of a database without a log is missing. SQLite reads the missing part of a page as zeros.
fn is_cut_short(path: &Path) -> Result<bool> {
    let (header, length) = header(path)?;
    if header.len() < HEADER || number(&header, 24) != number(&header, 92) {
        // The header does not know how many pages there are.
        return Ok(false);
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    Ok(length < u64::from(number(&header, 28)) * page_size)
}

/// The header, or as much of it as there is, and the length of the file.
fn header(path: &Path) -> Result<(Vec<u8>, u64)> {
    let mut header = Vec::with_capacity(HEADER);
    File::open(path)
        .and_then(|file| {
            let length = file.metadata()?.len();
            file.take(HEADER as u64).read_to_end(&mut header)?;
            Ok(length)
        })
        .map(|length| (header, length))
        .map_err(|cause| directory::unusable("The file", path, cause))
}

fn number(header: &[u8], at: usize) -> u32 {
    header[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn examine(path: &Path, access: Access, depth: Depth) -> Result<u32> {
    if access == Access::Immutable && is_cut_short(path)? {
        return Err(damaged(path, "the file is shorter than its header says"));
    }
    let outcome = Connection::open(path, access).and_then(|mut connection| {
        let version = user_version(&mut connection)?;
        connection.query("SELECT count(*) FROM sqlite_schema", &[])?;
        let damage = match depth {
            Depth::Schema => None,
            Depth::Pages => first_damage(&mut connection)?,
        };
        Ok((version, damage))
    });
    match outcome {
        Ok((version, _)) if version > migrate::known() => Err(newer(path, version)),
        Ok((version, None)) => Ok(version),
        Ok((_, Some(line))) => Err(damaged(path, &line)),
        Err(error) if error.code() == Code::Unavailable && !is_damage(&error) => Err(error),
        Err(error) => Err(damaged(path, &reason(&error))),
    }
}

fn first_damage(connection: &mut Connection) -> Result<Option<String>> {
    match connection.pragma("quick_check(1)")? {
        Cell::Text(line) if line == "ok" => Ok(None),
        Cell::Text(report) => Ok(Some(report)),
        other => Ok(Some(format!("{other:?}"))),
    }
}

/// The version of the tables as the connection sees it, which may be ahead of the main file's header.
pub(super) fn user_version(connection: &mut Connection) -> Result<u32> {
    match connection.pragma("user_version")? {
        Cell::Integer(version) => u32::try_from(version).map_err(Error::internal),
        other => Err(Error::internal(format!("user_version is {other:?}"))),
    }
}

/// Whether the main file is the whole database.
fn is_settled(directory: &Directory) -> bool {
    std::fs::metadata(directory.log()).map_or(true, |log| log.len() == 0)
}

/// What SQLite said, for a sentence to the operator.
fn reason(error: &Error) -> String {
    let text = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
    text.lines().next().unwrap_or_default().to_owned()
}

fn damaged(path: &Path, report: &str) -> Error {
    let line = report.lines().find(|line| !line.starts_with("***")).unwrap_or(report);
    Error::new(Code::Unavailable, format!("{} is damaged: {line}; restore a backup", path.display()))
}

fn newer(path: &Path, version: u32) -> Error {
    let known = migrate::known();
    let path = path.display();
    let message =
        format!("{path} was written by a newer version of Flowgate (schema {version}, this binary knows {known})");
    Error::new(Code::Unavailable, message)
}

//! Copies of the database, taken while it is in use and found sound before they get their name.
//! When to take one, and where to keep it, is the operator's business.

use std::ffi::OsString;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::store::Tx;
use crate::store::directory::{self, Directory};
use crate::store::sqlite::{Access, Connection};
use crate::store::verify;

/// See [`crate::store::backup()`].
pub(super) fn backup(path: &Path, destination: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let directory = Directory::at(path);
    verify::recognise(&directory.database())?;
    refuse_existing(destination)?;
    let mut name = OsString::from(destination);
    name.push(format!(".partial-{}", std::process::id()));
    let unfinished = Path::new(&name);
    directory::create_private(unfinished)?;
    let outcome = copy(&directory, unfinished, progress)
        .and_then(|()| refuse_existing(destination))
        .and_then(|()| directory::publish(unfinished, destination));
    if outcome.is_err() {
        // The error at hand tells more than one about the leftover would.
        let _ = std::fs::remove_file(unfinished);
    }
    outcome
}

fn refuse_existing(destination: &Path) -> Result<()> {
    match destination.symlink_metadata() {
        Ok(_) => Err(Error::new(Code::Conflict, format!("{} exists already", destination.display()))),
        Err(_) => Ok(()),
    }
}

fn copy(directory: &Directory, unfinished: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let mut source = Connection::open(&directory.database(), Access::Read)?;
    let mut target = Connection::open(unfinished, Access::Write)?;
    // The file has no name yet: after a crash it is thrown away, so it needs neither a journal nor an order of writes.
    target.query("PRAGMA journal_mode = OFF", &[])?;
    target.query("PRAGMA synchronous = OFF", &[])?;
    source.copy_to(&mut target, progress)?;
    drop(target);
    for mut row in Connection::open(unfinished, Access::Immutable)?.query("PRAGMA integrity_check", &[])? {
        let line = row.take_text(0)?;
        if line != "ok" {
            let message = "The backup was not kept because the copy is damaged, and so perhaps the database; check it";
            return Err(Error::new(Code::Unavailable, message).because(line));
        }
    }
    Ok(())
}

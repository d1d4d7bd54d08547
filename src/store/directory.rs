//! The data directory: its files, their permissions, and the lock that keeps a second server out.
//! What is inside the database is not known here.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::store::Room;

/// The bytes that must find a place before a disk that was full counts as having room.
const ROOM: usize = 1 << 20;

/// A data directory.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn at(path: &Path) -> Directory {
        Directory { path: path.to_owned() }
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join("flowgate.db")
    }

    /// A database that is being created, and is not yet one.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.path.join("flowgate.db.new")
    }

    /// The database's write-ahead log.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("flowgate.db-wal")
    }

    /// Creates the directory for its owner alone if there is none; warns about one that others may enter.
    pub(super) fn create(&self) -> Result<()> {
        if !self.path.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.path)
                .map_err(|cause| unusable("The data directory", &self.path, cause))?;
        }
        let mode = std::fs::metadata(&self.path)
            .map_err(|cause| unusable("The data directory", &self.path, cause))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            log::warn!(
                "The data directory {} is open to other users (mode {:03o}); 0700 is advised",
                self.path.display(),
                mode & 0o777
            );
        }
        Ok(())
    }

    /// Takes the permissions of group and others off the database's files. SQLite gives new ones the database's own.
    pub(super) fn tighten(&self) {
        for name in ["flowgate.db", "flowgate.db-wal", "flowgate.db-shm"] {
            let path = self.path.join(name);
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let mode = metadata.permissions().mode();
            if mode & 0o077 == 0 {
                continue;
            }
            if let Err(cause) = std::fs::set_permissions(&path, Permissions::from_mode(mode & 0o700)) {
                log::warn!("The file {} is open to other users and stays so: {cause}", path.display());
            }
        }
    }

    /// See [`crate::store::Store::room`].
    pub(super) fn room(&self) -> Room {
        let length = |path: PathBuf| std::fs::metadata(path).ok().map(|metadata| metadata.len());
        let system = rustix::fs::statvfs(&self.path).ok();
        let available = system.map(|system| system.f_bavail.saturating_mul(system.f_frsize));
        Room { database: length(self.database()), log: length(self.log()), available }
    }

    /// Takes the lock, which lasts until the answer is dropped or the process ends, however it ends.
    pub(super) fn lock(&self) -> Result<Lock> {
        let path = self.path.join("flowgate.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|cause| unusable("The file", &path, cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.in_use(&mut file)),
            Err(TryLockError::Error(cause)) => return Err(unusable("The file", &path, cause)),
        }
        // The number helps whoever finds the directory in use; a full disk must not stop a server that can still read.
        if let Err(cause) = write_process_id(&mut file) {
            log::warn!("The process id could not be written to {}: {cause}", path.display());
        }
        Ok(Lock { file })
    }

    /// Whether the database and its log are still those files; a file that was not known yet is from now on. Only their
    /// names are looked at: to open and close one of them would take SQLite's locks off it.
    pub(super) fn holds(&self, files: &mut Files) -> bool {
        let is_same = |path: PathBuf, known: &mut Option<(u64, u64)>| match std::fs::metadata(path) {
            Ok(metadata) => {
                let found = (metadata.dev(), metadata.ino());
                *known.get_or_insert(found) == found
            }
            // A disk that fails for a while does not take files away.
            Err(cause) => known.is_none() || cause.kind() != ErrorKind::NotFound,
        };
        is_same(self.database(), &mut files.database) && is_same(self.log(), &mut files.log)
    }

    /// Proves that the disk has room for a while of writing, with a file that has no name and is gone at once.
    pub(super) fn prove_room(&self) -> Result<()> {
        let path = self.path.join("flowgate.room");
        let attempt = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            std::fs::remove_file(&path)?;
            // Not zeros, which some file systems do not store.
            file.write_all(&vec![0xA5; ROOM])?;
            file.sync_data()
        };
        attempt().map_err(|cause: io::Error| {
            let message = match cause.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "Data cannot be stored because the disk is full",
                _ => "Data cannot be stored because of a disk error",
            };
            Error::new(Code::Unavailable, message).because(cause)
        })
    }

    fn in_use(&self, file: &mut File) -> Error {
        let mut holder = String::new();
        // The holder may be about to write its number; then the sentence does without.
        let _ = file.take(20).read_to_string(&mut holder);
        let holder = match holder.trim() {
            "" => String::new(),
            id => format!(" (pid {id})"),
        };
        let path = self.path.display();
        let message = format!("The data directory {path} is in use by another flowgate process{holder}");
        Error::new(Code::Unavailable, message)
    }
}

/// The files of a database, by device and number.
#[derive(Debug, Default)]
pub(super) struct Files {
    database: Option<(u64, u64)>,
    log: Option<(u64, u64)>,
}

fn write_process_id(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// A held data directory.
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough while a process that is just being started still has a copy of it.
        if let Err(cause) = self.file.unlock() {
            log::warn!("The data directory stays locked until this process ends: {cause}");
        }
    }
}

/// Creates an empty file for its owner alone, whatever the umask; an existing one is an error.
pub(super) fn create_private(path: &Path) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .map_err(|cause| unusable("The file", path, cause))
}

/// Gives a finished file its name, durably: a crash leaves either no file of that name or the whole one.
pub(super) fn publish(unfinished: &Path, finished: &Path) -> Result<()> {
    let folder = match finished.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(unfinished, finished))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|cause| unusable("The file", finished, cause))
}

/// A file or directory that the operating system does not let us use.
pub(super) fn unusable(what: &str, path: &Path, cause: io::Error) -> Error {
    Error::new(Code::Unavailable, format!("{what} {} cannot be used: {cause}", path.display())).because(cause)
}

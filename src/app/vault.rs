//! The keys under which secrets are sealed: a file outside of the database, so that a copy of the one is worth nothing
//! without the other. It makes the file, reads it and adds keys to it; what is sealed is not known here.

mod keyring;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use self::keyring::Keyring;
use crate::config;
use crate::error::{Code, Error, Result};

/// Bytes of a key file; far more than anybody's keys.
const FILE_LIMIT: u64 = 65_536;

/// The place of the keys.
pub struct Vault {
    file: PathBuf,
}

impl Vault {
    /// The vault that the settings name. Nothing is read or created yet.
    pub fn new(settings: &config::store::Store) -> Vault {
        let file = match settings.secret_key_file.as_os_str().is_empty() {
            true => settings.directory.join("secret.key"),
            false => settings.secret_key_file.clone(),
        };
        Vault { file }
    }

    /// The keys; `None` if there is no file.
    /// # Errors
    /// `Unavailable` if the file cannot be read, can be read by others, or holds something else. The message is for
    /// everyone, its cause for the operator.
    pub fn find(&self) -> Result<Option<Keyring>> {
        match self.read() {
            Ok(text) => text.map(|text| self.parse(&text)).transpose(),
            Err(cause) => Err(self.unusable(format!("cannot be read ({cause})"))),
        }
    }

    /// The keys, where something is sealed already.
    /// # Errors
    /// As for [`Vault::find`], and if there is no file.
    pub fn require(&self) -> Result<Keyring> {
        self.find()?.ok_or_else(|| self.unusable("is missing; put it back, or the secrets are lost".to_owned()))
    }

    /// Makes the file with a first key, unless somebody else was faster; gives the keys.
    /// # Errors
    /// `Unavailable` if the file cannot be written.
    pub fn create(&self) -> Result<Keyring> {
        let key = keyring::generate()?;
        match self.write(&format!("{}\n", *key), false) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
                Err(self.unusable(format!("cannot be written ({cause})")))
            }
            Ok(()) | Err(_) => self.require(),
        }
    }

    /// Puts a new key before the others, which stay, for the sake of backups that were made under them.
    /// # Errors
    /// `Unavailable` if the file cannot be read or written.
    pub fn add_key(&self) -> Result<Keyring> {
        let Some(text) = self.read().map_err(|cause| self.unusable(format!("cannot be read ({cause})")))? else {
            return self.create();
        };
        self.parse(&text)?;
        let key = keyring::generate()?;
        let text = Zeroizing::new(format!("{}\n{}", *key, *text));
        self.write(&text, true).map_err(|cause| self.unusable(format!("cannot be written ({cause})")))?;
        self.require()
    }

    fn read(&self) -> io::Result<Option<Zeroizing<String>>> {
        let metadata = match fs::metadata(&self.file) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let text =
                format!("other users can read or change it, mode {mode:04o}; take that from them with chmod 600");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        if metadata.len() > FILE_LIMIT || !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file of keys"));
        }
        fs::read_to_string(&self.file).map(|text| Some(Zeroizing::new(text)))
    }

    fn parse(&self, text: &str) -> Result<Keyring> {
        Keyring::parse(text).map_err(|problem| self.unusable(problem))
    }

    /// Writes all of the file or nothing, durably, for its owner alone; another one is kept unless it is to be replaced.
    fn write(&self, text: &str, replaces: bool) -> io::Result<()> {
        let unfinished = self.unfinished();
        let written = fill(&unfinished, text).and_then(|()| match replaces {
            true => keep_owner(&self.file, &unfinished).and_then(|()| fs::rename(&unfinished, &self.file)),
            false => fs::hard_link(&unfinished, &self.file),
        });
        // Renamed, it is not there any more.
        let _ = fs::remove_file(&unfinished);
        written?;
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Beside the file, with a name that two processes do not share.
    fn unfinished(&self) -> PathBuf {
        let mut name = self.file.as_os_str().to_owned();
        name.push(format!(".{}.new", keyring::unique()));
        name.into()
    }

    fn unusable(&self, problem: String) -> Error {
        let cause = format!("the key file {} {problem}", self.file.display());
        Error::new(Code::Unavailable, "Secrets cannot be used: the operator's key file is not in order").because(cause)
    }
}

/// The administrator's command must not take the file from the user that the gateway runs as.
fn keep_owner(old: &Path, new: &Path) -> io::Result<()> {
    let (old, made) = (fs::metadata(old)?, fs::metadata(new)?);
    match (old.uid(), old.gid()) == (made.uid(), made.gid()) {
        true => Ok(()),
        false => chown(new, Some(old.uid()), Some(old.gid())),
    }
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

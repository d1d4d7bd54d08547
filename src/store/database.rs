//! The embedded database as a whole: the directory it lives in, its one writer and its readers, opened and closed in order.
//! What is written and read is not known here.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{Semaphore, watch};

use crate::error::{Code, Error, Result};
use crate::store::condition::Condition;
use crate::store::directory::{Directory, Lock};
use crate::store::readers::{self, Readers};
use crate::store::sqlite::{Access, Connection};
use crate::store::verify::{self, Depth};
use crate::store::writer::{self, Log, Message, PROOF, Progress, Purpose, Task, Writer};
use crate::store::{Counters, Distributions, Options, Room, Tx, migrate};

/// How many writes may wait; whoever comes next waits for a place.
const QUEUE: usize = 4096;

/// An opened database.
pub(super) struct Database {
    jobs: Sender<Message>,
    places: Arc<Semaphore>,
    progress: Arc<Progress>,
    /// Whether writing works.
    writing: Arc<Condition>,
    readers: Arc<Readers>,
    directory: Directory,
    /// How many long reads may run at once.
    reading: Semaphore,
    /// The writer's thread, until the database is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Closed when the writer's thread ends, for whatever reason.
    ended: watch::Receiver<()>,
}

impl Database {
    /// See [`crate::store::Store::open`].
    pub(super) fn open(path: &Path, options: &Options) -> Result<Database> {
        let directory = Directory::at(path);
        let (lock, _, _) = prepare(&directory, options.check_limit)?;
        Database::start(&directory, options, Some(lock))
    }

    /// See [`crate::store::Store::attach`].
    pub(super) fn attach(path: &Path, options: &Options) -> Result<Database> {
        let directory = Directory::at(path);
        if !directory.database().exists() {
            let message = format!("There is no Flowgate database in {}", path.display());
            return Err(Error::new(Code::Unavailable, message));
        }
        let (version, known) = (verify::version(&directory, Depth::Schema)?, migrate::known());
        if version < known {
            let database = directory.database();
            let message = format!(
                "{} is of an older version of Flowgate (schema {version}, this binary needs {known}); migrate it first",
                database.display()
            );
            return Err(Error::new(Code::Unavailable, message));
        }
        Database::start(&directory, options, None)
    }

    fn start(directory: &Directory, options: &Options, lock: Option<Lock>) -> Result<Database> {
        let mut connection = Connection::open(&directory.database(), Access::Write)?;
        let readers = Arc::new(Readers::open(directory.database(), options.readers.max(1))?);
        let progress = Arc::new(Progress::default());
        let log = Log::new(options.wal_limit, &mut connection, readers.clone())?;
        let (jobs, waiting) = mpsc::channel();
        let writing = Arc::new(Condition::new("written"));
        let writer = Writer::new(connection, waiting, progress.clone(), writing.clone(), log, directory.clone())?;
        directory.tighten();
        let (end, ended) = watch::channel(());
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || {
            let _end = end;
            writer.run();
            // Whoever takes the directory next must find nobody writing in it.
            drop(lock);
        });
        let writer = thread.map_err(Error::internal)?;
        Ok(Database {
            jobs,
            places: Arc::new(Semaphore::new(QUEUE)),
            progress,
            writing,
            readers,
            directory: directory.clone(),
            reading: Semaphore::new(options.readers.max(1)),
            writer: Mutex::new(Some(writer)),
            ended,
        })
    }

    pub(super) async fn write<T, F>(&self, purpose: Purpose, work: F) -> Result<T>
    where
        F: FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let place = self.places.clone().acquire_owned().await.map_err(|_| readers::closed())?;
        let (task, answer) = Task::new(purpose, work, place);
        self.jobs.send(Message::Job(Box::new(task))).map_err(|_| readers::closed())?;
        answer.await.map_err(|_| readers::closed())?
    }

    /// See [`crate::store::Store::prove_writable`].
    pub(super) async fn prove_writable(&self) -> Result<()> {
        self.write(Purpose::Proof, |tx| tx.execute(PROOF, &[])).await?;
        self.writing.trouble().map_or(Ok(()), Err)
    }

    pub(super) fn peek<T>(&self, work: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        self.readers.run(work)
    }

    pub(super) fn generation(&self) -> u64 {
        self.progress.generation.load(Ordering::Acquire)
    }

    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.progress.news.subscribe()
    }

    /// See [`crate::store::Store::writer_lost`].
    pub(super) async fn writer_lost(&self) {
        let mut ended = self.ended.clone();
        // Nothing is ever sent; the sender is dropped when the thread ends or unwinds.
        while ended.changed().await.is_ok() {}
        if self.places.is_closed() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn counters(&self) -> Counters {
        let progress = &self.progress;
        Counters {
            writes: progress.writes.load(Ordering::Relaxed),
            commits: progress.commits.read().total(),
            failures: progress.failures.load(Ordering::Relaxed),
            waiting: (QUEUE - self.places.available_permits()) as u64,
            checkpoints: progress.checkpoints.load(Ordering::Relaxed),
        }
    }

    /// See [`crate::store::Store::distributions`].
    pub(super) fn distributions(&self) -> Distributions {
        Distributions { groups: self.progress.groups.read(), commits: self.progress.commits.read() }
    }

    /// See [`crate::store::Store::room`].
    pub(super) fn room(&self) -> Room {
        self.directory.room()
    }

    /// See [`crate::store::Store::is_writable`].
    pub(super) fn is_writable(&self) -> bool {
        !self.writing.is_failing() && self.ended.has_changed().is_ok()
    }

    pub(super) fn close(&self) {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.places.close();
        self.reading.close();
        // Whichever connection closes last folds the log into the database; only the writer's can.
        self.readers.close();
        // A writer that is gone already has nothing left to stop.
        let _ = self.jobs.send(Message::Stop);
        // A job may own the last clone of the store; the writer cannot wait for itself.
        if writer.thread().id() != thread::current().id() && writer.join().is_err() {
            log::error!("The thread that writes to the database panicked");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

/// See [`crate::store::Store::read`].
pub(super) async fn read<T, F>(database: &Arc<Database>, work: F) -> Result<T>
where
    F: FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let _turn = database.reading.acquire().await.map_err(|_| readers::closed())?;
    let readers = database.readers.clone();
    match tokio::task::spawn_blocking(move || readers.run(work)).await {
        Ok(outcome) => outcome,
        Err(failure) if failure.is_panic() => Err(writer::panicked(&*failure.into_panic())),
        Err(_) => Err(readers::closed()),
    }
}

/// See [`crate::store::migrate()`].
pub(super) fn bring_up_to_date(path: &Path) -> Result<(u32, u32)> {
    let (_lock, from, to) = prepare(&Directory::at(path), u64::MAX)?;
    Ok((from, to))
}

/// Takes the directory, creating it if absent, and makes sure that a sound database of the known version is in it.
/// Gives the lock and the versions before and after.
fn prepare(directory: &Directory, check_limit: u64) -> Result<(Lock, u32, u32)> {
    directory.create()?;
    let lock = directory.lock()?;
    let known = migrate::known();
    if !directory.database().exists() {
        migrate::create(directory)?;
        return Ok((lock, 0, known));
    }
    let depth = if verify::size(directory) <= check_limit { Depth::Pages } else { Depth::Schema };
    let from = verify::version(directory, depth)?;
    if from < known {
        migrate::upgrade(&mut Connection::open(&directory.database(), Access::Write)?)?;
        log::info!("The database was migrated from schema {from} to {known}");
    }
    Ok((lock, from, known))
}

//! The one thread that writes: it takes every job that waits, runs each in a savepoint, commits once, then answers them all.
//! It does not know what the jobs do; that a job fails or panics concerns that job alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::error::{Code, Error, Result};
use crate::model::distribution::Distribution;
use crate::store::condition::{Condition, copy};
use crate::store::directory::{Directory, Files};
use crate::store::readers::Readers;
use crate::store::sqlite::Connection;
use crate::store::{Cell, Tx};

/// How many jobs share a commit at most, so that the first of them does not wait long for the last.
const GROUP: usize = 512;

/// How often an idle writer looks whether another process has committed.
const WATCH: Duration = Duration::from_millis(250);

/// How often relief is sought while writing fails.
const RELIEF: Duration = Duration::from_secs(1);

/// The smallest write there is.
pub(super) const PROOF: &str = "UPDATE proof SET touched = touched + 1 WHERE id = 1";

/// How long readers may keep the log from starting over, each time it has outgrown its limit.
const PATIENCE: Duration = Duration::from_millis(100);

/// The same once it has outgrown twice its limit: on a busy machine even short reads can take longer than that.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// What is sent to the thread.
pub(super) enum Message {
    /// Carry this out.
    Job(Box<dyn Job>),
    /// Carry out what waits, then end.
    Stop,
}

/// What a write is for, which decides what else happens with its answer.
///
/// Administration changes what other rooms keep in caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Data,
    Administration,
    /// To learn whether writing works; the answer comes once that is known.
    Proof,
}

/// A write that waits for its commit.
pub(super) trait Job: Send {
    /// Runs the work; if it failed, what it did must be undone.
    fn run(&mut self, tx: &mut dyn Tx);
    /// Turns success into failure, because what the work did is lost. A failure of its own is kept.
    fn lose(&mut self, cause: &Error);
    /// What the write was for.
    fn purpose(&self) -> Purpose;
    /// The failure to answer, if there is one.
    fn failure(&self) -> Option<&Error>;
    /// Answers the caller, if it still waits.
    fn answer(self: Box<Self>);
}

/// A job made of a closure.
pub(super) struct Task<T, F> {
    purpose: Purpose,
    work: Option<F>,
    outcome: Result<T>,
    caller: oneshot::Sender<Result<T>>,
    /// The job's place in the queue, free again once it is answered.
    place: OwnedSemaphorePermit,
}

impl<T, F> Task<T, F> {
    /// The job, and where its answer will arrive.
    pub(super) fn new(
        purpose: Purpose,
        work: F,
        place: OwnedSemaphorePermit,
    ) -> (Task<T, F>, oneshot::Receiver<Result<T>>) {
        let (caller, answer) = oneshot::channel();
        let outcome = Err(Error::internal("the job was never run"));
        (Task { purpose, work: Some(work), outcome, caller, place }, answer)
    }
}

impl<T, F> Job for Task<T, F>
where
    F: FnOnce(&mut dyn Tx) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut dyn Tx) {
        if let Some(work) = self.work.take() {
            self.outcome = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|panic| Err(panicked(&*panic)));
        }
    }

    fn lose(&mut self, cause: &Error) {
        if self.outcome.is_ok() || self.work.is_some() {
            self.outcome = Err(copy(cause));
        }
    }

    fn purpose(&self) -> Purpose {
        self.purpose
    }

    fn failure(&self) -> Option<&Error> {
        self.outcome.as_ref().err()
    }

    fn answer(self: Box<Self>) {
        let Task { caller, outcome, place, .. } = *self;
        // Whoever has its answer no longer counts as waiting.
        drop(place);
        // A caller that stopped waiting has no use for the answer.
        let _ = caller.send(outcome);
    }
}

/// A panic as an error.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref().cloned());
    Error::internal(format!("the work on the database panicked: {}", text.unwrap_or_default()))
}

/// Jobs of one commit: the ends of the ranges they are counted by.
const GROUPS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Nanoseconds of one commit: the same.
const COMMITS: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

/// What the thread tells everybody.
pub(super) struct Progress {
    pub(super) generation: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    /// The jobs of each commit.
    pub(super) groups: Distribution,
    /// The nanoseconds of each commit.
    pub(super) commits: Distribution,
    /// Advances with each commit, by this process or another one; whoever has work to look for awaits it.
    pub(super) news: watch::Sender<u64>,
}

impl Progress {
    fn tell(&self) {
        self.news.send_modify(|commits| *commits = commits.wrapping_add(1));
    }
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            generation: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            groups: Distribution::new(GROUPS),
            commits: Distribution::new(COMMITS),
            news: watch::Sender::new(0),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The thread's own belongings.
pub(super) struct Writer {
    connection: Connection,
    jobs: Receiver<Message>,
    progress: Arc<Progress>,
    log: Log,
    /// SQLite's count of the commits that others made, as far as they were noticed.
    others: Cell,
    /// Whether jobs can be committed.
    writing: Arc<Condition>,
    /// Whether the log can be folded and other processes be noticed, of which no caller hears.
    order: Condition,
    directory: Directory,
    /// The files that the connection has open.
    files: Files,
    /// When relief was last sought.
    relieved: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        mut connection: Connection,
        jobs: Receiver<Message>,
        progress: Arc<Progress>,
        writing: Arc<Condition>,
        log: Log,
        directory: Directory,
    ) -> Result<Writer> {
        let others = connection.pragma("data_version")?;
        connection.query(&format!("PRAGMA journal_size_limit = {}", log.limit), &[])?;
        let mut files = Files::default();
        directory.holds(&mut files);
        Ok(Writer {
            connection,
            jobs,
            progress,
            log,
            others,
            writing,
            order: Condition::new("kept in order"),
            files,
            directory,
            relieved: None,
        })
    }

    /// Serves until told to stop, then carries out what still waits and closes the connection. Ends unasked if the
    /// files are no longer those it writes to.
    pub(super) fn run(mut self) {
        let mut stopping = false;
        while !stopping {
            let mut group = Vec::new();
            match self.jobs.recv_timeout(WATCH) {
                Ok(Message::Job(job)) => group.push(job),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => stopping = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            loop {
                while group.len() < GROUP {
                    match self.jobs.try_recv() {
                        Ok(Message::Job(job)) => group.push(job),
                        Ok(Message::Stop) => stopping = true,
                        Err(_) => break,
                    }
                }
                if !self.directory.holds(&mut self.files) {
                    return self.give_up(group);
                }
                let noticed = self.notice_others();
                self.carry_out(std::mem::take(&mut group));
                match noticed.and_then(|()| self.log.keep_short(&mut self.connection, &self.progress)) {
                    Ok(Kept::Folded) => self.order.works(),
                    Ok(Kept::AsItWas) => {}
                    Err(error) => self.order.fails(&error),
                }
                if self.writing.is_failing() && self.relieved.is_none_or(|last| last.elapsed() >= RELIEF) {
                    self.seek_relief();
                }
                if !stopping || self.is_idle(&mut group) {
                    break;
                }
            }
        }
    }

    /// What is committed to files without a name is gone with the process, so it must not be acknowledged.
    fn give_up(self, mut group: Vec<Box<dyn Job>>) {
        let error = Error::new(
            Code::Unavailable,
            "The data could not be stored because the database was removed or replaced while it was in use",
        );
        self.writing.fails(&error);
        group.iter_mut().for_each(|job| job.lose(&error));
        group.into_iter().for_each(Job::answer);
    }

    /// Whether nothing waits any more; else the group holds the next job.
    fn is_idle(&self, group: &mut Vec<Box<dyn Job>>) -> bool {
        match self.jobs.try_recv() {
            Ok(Message::Job(job)) => group.push(job),
            Ok(Message::Stop) => {}
            Err(_) => return true,
        }
        false
    }

    /// Advances the generation if another process committed; what it changed is not known.
    fn notice_others(&mut self) -> Result<()> {
        let version = self.connection.pragma("data_version")?;
        if version != self.others {
            self.others = version;
            self.progress.generation.fetch_add(1, Ordering::Release);
            self.progress.tell();
        }
        Ok(())
    }

    /// Makes what room there can be, and finds out whether writing works again.
    ///
    /// That a write succeeded does not prove it: on a full disk a small one may still find a place at the log's end.
    #[expect(clippy::disallowed_methods, reason = "how long ago it was, whatever the clock is set to")]
    fn seek_relief(&mut self) {
        self.relieved = Some(Instant::now());
        // Once the log is in the database it starts over, so that it need not grow for a while.
        if let Err(error) = self.log.empty(&mut self.connection) {
            log::debug!("The write-ahead log cannot be emptied: {error:?}");
        }
        match self.directory.prove_room().and_then(|()| self.prove_commit()) {
            Ok(()) => {
                self.writing.works();
                // Should writing fail again, what helped now helps at once.
                self.relieved = None;
            }
            Err(error) => self.writing.fails(&error),
        }
    }

    fn prove_commit(&mut self) -> Result<()> {
        self.leave_transaction()?;
        self.connection.execute("BEGIN IMMEDIATE", &[])?;
        let outcome = self.connection.execute(PROOF, &[]).and_then(|_| self.connection.execute("COMMIT", &[]));
        self.leave_transaction()?;
        outcome.map(|_| ())
    }

    fn carry_out(&mut self, group: Vec<Box<dyn Job>>) {
        let mut waiting = group.into_iter();
        // More than one turn only if SQLite gives up a whole transaction in the middle, for instance on a disk error.
        while waiting.len() > 0 {
            let mut done = Vec::with_capacity(waiting.len());
            match self.commit_together(&mut waiting, &mut done) {
                Ok(took) => {
                    self.progress.commits.count(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
                    self.progress.groups.count(done.len() as u64);
                }
                Err(error) => done.iter_mut().for_each(|job| job.lose(&error)),
            }
            self.answer(done);
        }
    }

    /// Runs the jobs and commits them; those that took part are in `done`, whether or not it succeeds. Gives how long
    /// the commit alone took, which is the fsync and little else.
    fn commit_together(
        &mut self,
        waiting: &mut std::vec::IntoIter<Box<dyn Job>>,
        done: &mut Vec<Box<dyn Job>>,
    ) -> Result<Duration> {
        let outcome = self.begin_and_run(waiting, done).and_then(|()| self.commit());
        if outcome.is_err() {
            // Whoever has not run yet, because the transaction could not even begin, fails with the others.
            if done.is_empty() {
                done.extend(waiting);
            }
            self.leave_transaction()?;
        }
        outcome
    }

    #[expect(clippy::disallowed_methods, reason = "how long it takes, whatever the clock is set to")]
    fn commit(&mut self) -> Result<Duration> {
        let started = Instant::now();
        self.connection.execute("COMMIT", &[])?;
        Ok(started.elapsed())
    }

    fn begin_and_run(
        &mut self,
        waiting: &mut std::vec::IntoIter<Box<dyn Job>>,
        done: &mut Vec<Box<dyn Job>>,
    ) -> Result<()> {
        self.leave_transaction()?;
        self.connection.execute("BEGIN IMMEDIATE", &[])?;
        for mut job in waiting {
            let outcome = self.run_alone(job.as_mut());
            done.push(job);
            outcome?;
        }
        Ok(())
    }

    fn leave_transaction(&mut self) -> Result<()> {
        if self.connection.in_transaction() {
            self.connection.execute("ROLLBACK", &[])?;
        }
        Ok(())
    }

    /// Runs one job so that it can be undone alone; an error means that the whole transaction is lost.
    fn run_alone(&mut self, job: &mut dyn Job) -> Result<()> {
        self.connection.execute("SAVEPOINT job", &[])?;
        job.run(&mut self.connection);
        if !self.connection.in_transaction() {
            return Err(Error::new(
                Code::Unavailable,
                "The data could not be stored because the disk is full or failing",
            ));
        }
        if job.failure().is_some() {
            self.connection.execute("ROLLBACK TO job", &[])?;
        }
        self.connection.execute("RELEASE job", &[])?;
        Ok(())
    }

    fn answer(&mut self, done: Vec<Box<dyn Job>>) {
        if done.iter().any(|job| job.purpose() == Purpose::Administration && job.failure().is_none()) {
            self.progress.generation.fetch_add(1, Ordering::Release);
        }
        // A job's own refusal says nothing about the disk.
        match done.iter().filter_map(|job| job.failure()).find(|error| error.code() == Code::Unavailable) {
            Some(error) => self.writing.fails(error),
            None => {
                if self.writing.is_failing() && done.iter().any(|job| job.purpose() == Purpose::Proof) {
                    self.seek_relief();
                }
            }
        }
        for job in done {
            count(if job.failure().is_some() { &self.progress.failures } else { &self.progress.writes });
            job.answer();
        }
        self.progress.tell();
    }
}

/// The write-ahead log, and when it is folded into the database.
///
/// SQLite's own rule never makes readers wait, so under readers that overlap the log would grow without end.
pub(super) struct Log {
    /// The bytes it may grow to.
    limit: u64,
    /// The bytes that one page takes in it.
    frame: u64,
    /// Its length in pages when folding was last tried.
    tried: u64,
    readers: Arc<Readers>,
}

/// What was done about the log's length.
enum Kept {
    AsItWas,
    Folded,
}

/// The bytes in front of each page of the log.
const FRAME_HEADER: u64 = 24;

impl Log {
    pub(super) fn new(limit: u64, connection: &mut Connection, readers: Arc<Readers>) -> Result<Log> {
        let page = match connection.pragma("page_size")? {
            Cell::Integer(bytes) => u64::try_from(bytes).map_err(Error::internal)?,
            other => return Err(Error::internal(format!("page_size is {other:?}"))),
        };
        Ok(Log { limit, frame: page + FRAME_HEADER, tried: 0, readers })
    }

    /// Folds the log into the database each time it has grown by a quarter of its limit, and makes it start over past
    /// the limit.
    fn keep_short(&mut self, connection: &mut Connection, progress: &Progress) -> Result<Kept> {
        let (length, folded) = checkpoint(connection, LENGTH)?;
        if length < self.tried {
            self.tried = 0;
        }
        let quarter = (self.limit / 4 / self.frame).max(1);
        if length - self.tried < quarter || (length == folded && length * self.frame < self.limit) {
            return Ok(Kept::AsItWas);
        }
        self.tried = length;
        count(&progress.checkpoints);
        // Most of the work is done beside the readers; they wait for the rest only.
        checkpoint(connection, FOLD)?;
        if length * self.frame >= self.limit {
            let is_pressing = length * self.frame >= 2 * self.limit;
            self.start_over(connection, if is_pressing { LAST_PATIENCE } else { PATIENCE })?;
        }
        Ok(Kept::Folded)
    }

    /// Folds all of the log into the database and lets it start over, however short it is.
    fn empty(&mut self, connection: &mut Connection) -> Result<()> {
        checkpoint(connection, FOLD)?;
        self.start_over(connection, PATIENCE)
    }

    fn start_over(&mut self, connection: &mut Connection, patience: Duration) -> Result<()> {
        let Some(_closed) = self.readers.gate.close(patience) else {
            log::debug!("A long read keeps the write-ahead log from starting over");
            return Ok(());
        };
        // Readers of other processes, such as a backup, do not pass our gate. The writer does not wait long for them.
        connection.wait_for_others(PATIENCE)?;
        let outcome = checkpoint(connection, START_OVER);
        connection.wait_for_others(crate::store::sqlite::PATIENCE)?;
        outcome.map(|_| ())
    }
}

/// Only reports.
const LENGTH: &str = "PRAGMA wal_checkpoint(NOOP)";
/// Folds as much as readers let it, waiting for nobody.
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Folds everything and lets the next commit write at the log's beginning. The file keeps its length: to write over it
/// is cheaper than to let it grow again.
const START_OVER: &str = "PRAGMA wal_checkpoint(RESTART)";

/// The length of the log and how much of it is in the database, both in pages.
fn checkpoint(connection: &mut Connection, how: &str) -> Result<(u64, u64)> {
    let rows = connection.query(how, &[])?;
    let row = rows.first().ok_or_else(|| Error::internal("a checkpoint reports nothing"))?;
    let pages = |column| Ok(u64::try_from(row.integer(column)?).unwrap_or(0));
    Ok((pages(1)?, pages(2)?))
}

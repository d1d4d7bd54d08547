//! Read-only connections, lent for one read transaction each, and the gate at which they let the write-ahead log start over.
//! It does not know what is read, and never opens a connection that could write.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::store::Tx;
use crate::store::condition::Condition;
use crate::store::sqlite::{Access, Connection};

/// The connections of one database.
pub(super) struct Readers {
    database: PathBuf,
    /// Those that nobody uses; `None` once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
    /// Passed by every reader, closed by the writer.
    pub(super) gate: Gate,
    reading: Condition,
}

impl Readers {
    /// Opens that many connections ahead of their use. More are opened when more are in use at once.
    pub(super) fn open(database: PathBuf, count: usize) -> Result<Readers> {
        let idle = (0..count).map(|_| Readers::connect(&database)).collect::<Result<_>>()?;
        Ok(Readers { database, idle: Mutex::new(Some(idle)), gate: Gate::default(), reading: Condition::new("read") })
    }

    /// Opens a connection and reads with it. The first read looks at the files more closely than all later ones, which do
    /// without what a failing disk may not tell any more.
    fn connect(database: &Path) -> Result<Connection> {
        let mut connection = Connection::open(database, Access::Read)?;
        connection.query("SELECT count(*) FROM sqlite_schema", &[])?;
        Ok(connection)
    }

    /// Runs the work inside one read transaction on a connection of its own.
    pub(super) fn run<T>(&self, work: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        let outcome = self.run_untold(work);
        match &outcome {
            Ok(_) => self.reading.works(),
            Err(error) if error.code() == Code::Unavailable && !self.is_closed() => self.reading.fails(error),
            Err(_) => {}
        }
        outcome
    }

    fn run_untold<T>(&self, work: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        let mut connection = match lock(&self.idle).as_mut().map(Vec::pop) {
            Some(Some(connection)) => connection,
            Some(None) => Connection::open(&self.database, Access::Read)?,
            None => return Err(closed()),
        };
        let _pass = self.gate.pass();
        connection.execute("BEGIN", &[])?;
        // A panic of the work passes through here and drops the connection, and its transaction with it.
        let outcome = work(&mut connection);
        connection.execute("ROLLBACK", &[])?;
        if let Some(idle) = lock(&self.idle).as_mut() {
            idle.push(connection);
        }
        outcome
    }

    fn is_closed(&self) -> bool {
        lock(&self.idle).is_none()
    }

    /// Closes the connections that nobody uses; those in use close when their reads end.
    pub(super) fn close(&self) {
        lock(&self.idle).take();
    }
}

/// What whoever comes after the store was closed is told.
pub(super) fn closed() -> Error {
    Error::new(Code::Unavailable, "The database is closed because the gateway is stopping")
}

/// A gate that any number of readers pass, and that can be closed for a moment until all of them have left.
///
/// SQLite can start the write-ahead log over only while nobody reads from it. Under readers that overlap, that moment
/// would never come on its own and the log would grow without end.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    closed: bool,
}

impl Gate {
    /// Waits while the gate is closed.
    fn pass(&self) -> Pass<'_> {
        let state = lock(&self.state);
        let mut state = self.changed.wait_while(state, |state| state.closed).unwrap_or_else(PoisonError::into_inner);
        state.inside += 1;
        Pass { gate: self }
    }

    /// Closes the gate and waits until all have left, or gives up and opens it again.
    pub(super) fn close(&self, patience: Duration) -> Option<Closed<'_>> {
        let mut state = lock(&self.state);
        state.closed = true;
        let closed = Closed { gate: self };
        let (state, wait) = self
            .changed
            .wait_timeout_while(state, patience, |state| state.inside > 0)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        (!wait.timed_out()).then_some(closed)
    }
}

/// A reader inside the gate.
struct Pass<'a> {
    gate: &'a Gate,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        state.inside -= 1;
        if state.inside == 0 && state.closed {
            self.gate.changed.notify_all();
        }
    }
}

/// The closed gate; it opens when this is dropped.
pub(super) struct Closed<'a> {
    gate: &'a Gate,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        lock(&self.gate.state).closed = false;
        self.gate.changed.notify_all();
    }
}

/// Locks, also after a panic elsewhere: nothing behind these locks is ever left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_opens_again_and_an_occupied_one_does_not_stay_closed() {
        let gate = Gate::default();
        let inside = gate.pass();
        assert!(gate.close(Duration::from_millis(1)).is_none());
        let second = gate.pass();
        drop((inside, second));
        let closed = gate.close(Duration::from_secs(60));
        assert!(closed.is_some());
        drop(closed);
        drop(gate.pass());
    }
}

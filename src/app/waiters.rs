//! Callers that wait until a record is not being used. They are woken, and look for themselves what has become of it.
//! It knows neither records nor runs: a caller that is woken for nothing has lost nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::model::account::CustomerId;

type Key = (CustomerId, String);

/// Who waits, by the record.
#[derive(Debug, Default)]
pub struct Waiters {
    waiting: Mutex<HashMap<Key, Vec<oneshot::Sender<()>>>>,
}

/// Somebody who waits. Whoever stops is forgotten.
#[derive(Debug)]
pub struct Waiting<'w> {
    waiters: &'w Waiters,
    key: Key,
    receiver: Option<oneshot::Receiver<()>>,
}

impl Waiting<'_> {
    /// Waits until woken, or that long.
    pub async fn woken(mut self, patience: Duration) {
        if let Some(receiver) = &mut self.receiver {
            // Either way it is time to look.
            let _ = tokio::time::timeout(patience, receiver).await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        drop(self.receiver.take());
        self.waiters.tidy(self.key.0, &self.key.1);
    }
}

impl Waiters {
    /// As [`Waiters::wait`], for as long as what it gives is kept.
    pub fn attend(&self, customer: CustomerId, uuid: &str) -> Waiting<'_> {
        let receiver = Some(self.wait(customer, uuid));
        Waiting { waiters: self, key: (customer, uuid.to_owned()), receiver }
    }

    /// Begins to wait for that record. What is received says only that it is time to look.
    pub fn wait(&self, customer: CustomerId, uuid: &str) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        let others = waiting.entry((customer, uuid.to_owned())).or_default();
        others.retain(|other| !other.is_closed());
        others.push(sender);
        receiver
    }

    /// Wakes those who wait for that record.
    pub fn wake(&self, customer: CustomerId, uuid: &str) {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        for sender in waiting.remove(&(customer, uuid.to_owned())).into_iter().flatten() {
            // Whoever stopped waiting need not be woken.
            let _ = sender.send(());
        }
    }

    /// Forgets those of that record who stopped waiting.
    pub fn tidy(&self, customer: CustomerId, uuid: &str) {
        let mut waiting = self.lock();
        let key = (customer, uuid.to_owned());
        if let Some(others) = waiting.get_mut(&key) {
            others.retain(|other| !other.is_closed());
            if others.is_empty() {
                waiting.remove(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<oneshot::Sender<()>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_woken_and_nobody_else() {
        let waiters = Waiters::default();
        let (mut one, mut other) = (waiters.wait(CustomerId(1), "a"), waiters.wait(CustomerId(2), "a"));
        let gone = waiters.wait(CustomerId(1), "b");
        waiters.wake(CustomerId(1), "a");
        assert!(one.try_recv().is_ok() && other.try_recv().is_err());
        drop((gone, other));
        waiters.tidy(CustomerId(1), "b");
        waiters.tidy(CustomerId(2), "a");
        assert!(waiters.lock().is_empty());
    }

    #[tokio::test]
    async fn nobody_is_kept_who_does_not_wait_any_more() {
        let waiters = Waiters::default();
        let (one, other) = (waiters.attend(CustomerId(1), "a"), waiters.attend(CustomerId(1), "a"));
        drop(other);
        waiters.wake(CustomerId(1), "a");
        one.woken(Duration::MAX).await;
        waiters.attend(CustomerId(1), "b").woken(Duration::ZERO).await;
        assert!(waiters.lock().is_empty());
    }
}

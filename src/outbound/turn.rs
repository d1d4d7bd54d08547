//! How many requests are under way to one host: one that is slow does not take more and more of the gateway's sockets,
//! and one that is small is not overrun.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hosts that are remembered before those without a request are forgotten.
const HOSTS: usize = 1024;

/// The turns of each host.
pub(super) struct Turns {
    limit: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    pub(super) fn new(limit: usize) -> Turns {
        Turns { limit, hosts: Mutex::default() }
    }

    /// Waits until the host may be asked; the turn ends when it is dropped.
    pub(super) async fn take(&self, host: &str) -> Option<OwnedSemaphorePermit> {
        let turns = self.of(host);
        // There is none only if the turns were closed, which nobody does.
        turns.acquire_owned().await.ok()
    }

    fn of(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(host) {
            // Whoever has a turn or waits for one holds on to the host's.
            hosts.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let turns = hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.limit)));
        Arc::clone(turns)
    }
}

//! How many bytes of request bodies the gateway holds at once. Who goes beyond waits for others to end.
//! It counts; it neither reads bodies nor knows whose they are.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// Bytes of each body that are not counted: ordinary calls are served whatever large ones are under way. As much is
/// buffered for any connection.
pub const FREE: usize = 16 * 1024;

const UNIT: usize = 1024;

/// The budget.
#[derive(Clone, Debug)]
pub struct Bodies {
    units: Arc<Semaphore>,
    last: Arc<Semaphore>,
}

impl Bodies {
    /// A budget of that many bytes.
    pub fn new(bytes: usize) -> Bodies {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Bodies { units: Arc::new(Semaphore::new(units)), last: Arc::new(Semaphore::new(1)) }
    }

    /// The share of a body of which nothing was read yet.
    pub fn share(&self) -> Share {
        Share { bodies: self.clone(), held: None, last: None }
    }
}

/// What one body holds of the budget, until it is dropped.
#[derive(Debug)]
pub struct Share {
    bodies: Bodies,
    held: Option<OwnedSemaphorePermit>,
    last: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Makes the share cover that many bytes, waiting while others hold too many.
    ///
    /// Bodies that wait hold what they have, so all might wait for each other. One of them at a time may therefore
    /// exceed the budget and so come to its end.
    pub async fn cover(&mut self, bytes: usize) -> Result<()> {
        let missing = units(bytes).saturating_sub(self.held());
        if missing == 0 || self.last.is_some() {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(Error::internal)?;
        let Bodies { units, last } = self.bodies.clone();
        tokio::select! {
            biased;
            more = units.acquire_many_owned(missing) => {
                let more = more.map_err(Error::internal)?;
                match &mut self.held {
                    Some(held) => held.merge(more),
                    none => *none = Some(more),
                }
            }
            last = last.acquire_owned() => self.last = Some(last.map_err(Error::internal)?),
        }
        Ok(())
    }

    /// Gives back what is held beyond that many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let excess = self.held().saturating_sub(units(bytes));
        drop(self.held.as_mut().and_then(|held| held.split(excess)));
    }

    fn held(&self) -> usize {
        self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

fn units(bytes: usize) -> usize {
    bytes.saturating_sub(FREE).div_ceil(UNIT)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn covers(share: &mut Share, bytes: usize) -> bool {
        share.cover(bytes).now_or_never().is_some_and(|covered| covered.is_ok())
    }

    #[test]
    fn bodies_beyond_the_budget_wait_but_one() {
        let bodies = Bodies::new(64 * UNIT);
        let (mut first, mut second, mut third) = (bodies.share(), bodies.share(), bodies.share());
        assert!(covers(&mut first, FREE + 40 * UNIT));
        assert!(covers(&mut second, FREE), "what is free is free");
        assert!(covers(&mut second, FREE + 30 * UNIT), "one may exceed the budget");
        assert!(!covers(&mut third, FREE + 30 * UNIT), "a second one may not");
        assert!(covers(&mut third, FREE + 24 * UNIT), "what is left can be had");
        drop(second);
        assert!(covers(&mut third, FREE + 1000 * UNIT), "the place beyond the budget is free again");
    }

    #[test]
    fn a_share_gives_back_what_it_does_not_need() {
        let bodies = Bodies::new(64 * UNIT);
        let (mut first, mut second, mut third) = (bodies.share(), bodies.share(), bodies.share());
        assert!(covers(&mut first, FREE + 64 * UNIT));
        first.shrink(FREE + 10 * UNIT);
        assert!(covers(&mut second, FREE + 54 * UNIT));
        assert_eq!(bodies.units.available_permits(), 0);
        assert!(covers(&mut third, FREE + 1));
        drop((first, second, third));
        assert_eq!((bodies.units.available_permits(), bodies.last.available_permits()), (64, 1));
    }
}

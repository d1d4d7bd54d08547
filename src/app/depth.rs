//! How many records wait and how many there are, remembered for a few seconds. Whoever asks often, or has a million
//! records, pays no more than a known number of rows each time. What the numbers are for is not known here.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::Result;
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;
use crate::store::queue::{self, Waiting};
use crate::store::{Store, delivery};

/// Milliseconds for which the numbers are given again.
const FRESH: i64 = 5_000;

/// Records that one read counts: some milliseconds, so that the write-ahead log can start over in between.
const STRETCH: i64 = 10_000;

/// Reads that follow one another when the numbers are asked for: a quarter of a million records, some 0.2 s.
const STRETCHES: usize = 25;

/// How long whoever asks waits for the store, whose readers may all be busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many records there are of each status, in the order of [`RecordStatus::ALL`].
pub type Counts = [u64; RecordStatus::ALL.len()];

/// The numbers as they are known. What could not be read, or was not counted to the end yet, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The queue.
    pub waiting: Option<Waiting>,
    /// All records.
    pub records: Option<Counts>,
    /// Messages to subscribers that wait.
    pub messages: Option<u64>,
}

/// What remembers the numbers.
#[derive(Debug)]
pub struct Depth {
    stretch: i64,
    stretches: usize,
    state: Mutex<State>,
}

impl Default for Depth {
    fn default() -> Depth {
        Depth { stretch: STRETCH, stretches: STRETCHES, state: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct State {
    /// When the store was last asked.
    asked: Option<Timestamp>,
    known: Known,
    /// The last record that the present count has seen, and the count so far.
    walk: (i64, Counts),
}

impl Depth {
    /// The numbers, at most five seconds old for the queue. All records are counted a stretch at a time, so with many
    /// of them that takes several calls; meanwhile the last whole count is given.
    pub async fn read(&self, store: &Store, now: Timestamp) -> Known {
        let mut state = self.state.lock().await;
        let is_fresh = state.asked.is_some_and(|asked| (0..FRESH).contains(&now.0.saturating_sub(asked.0)));
        if !is_fresh {
            state.asked = Some(now);
            let asking = self.ask(&mut state, store, now);
            // Why the store fails, it tells the log.
            if !matches!(timeout(PATIENCE, asking).await, Ok(Ok(()))) {
                state.known = Known::default();
            }
        }
        state.known
    }

    async fn ask(&self, state: &mut State, store: &Store, now: Timestamp) -> Result<()> {
        state.known.waiting = Some(store.read(move |tx| queue::count_waiting(tx, now)).await?);
        state.known.messages = Some(store.read(|tx| delivery::count_waiting(tx)).await?);
        let most = self.stretch;
        for _ in 0..self.stretches {
            let (after, _) = state.walk;
            let stretch = store.read(move |tx| queue::count_statuses(tx, after, most)).await?;
            let (last, counts) = &mut state.walk;
            for (status, count) in &stretch.counts {
                let place = RecordStatus::ALL.iter().position(|known| known == status);
                if let Some(counted) = place.and_then(|place| counts.get_mut(place)) {
                    *counted += count;
                }
            }
            *last = stretch.last.unwrap_or(*last);
            let counted: u64 = stretch.counts.iter().map(|(_, count)| count).sum();
            if counted < most.unsigned_abs() {
                state.known.records = Some(std::mem::take(&mut state.walk).1);
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flow::FlowStatus;
    use crate::store::record::{self, NewRecord};
    use crate::store::{Tx, account, flow};

    /// A store with a record of each status, and another one that waits.
    fn fill(tx: &mut dyn Tx) -> Result<()> {
        let customer = account::insert_customer(tx, "Shop", b"key", Timestamp(0))?;
        let flow = flow::insert(tx, customer, "Leads", "", "{}", Timestamp(0))?;
        flow::publish(tx, customer, flow, FlowStatus::Public, Timestamp(0))?;
        for (number, status) in RecordStatus::ALL.into_iter().chain([RecordStatus::Waiting]).enumerate() {
            let new = NewRecord {
                customer,
                uuid: &format!("r-{number}"),
                flow,
                flow_version: 1,
                data: "{}",
                request_hash: &[0; 32],
                status,
                due: Timestamp(100),
                created: Timestamp(0),
            };
            record::insert(tx, &new)?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn many_records_are_counted_over_several_calls() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), &crate::store::Options::default()).expect("a store");
        store.administer(fill).await.expect("records");
        // Eight records in reads of two, three reads a call: the second call finds the end.
        let depth = Depth { stretch: 2, stretches: 3, state: Mutex::default() };
        let first = depth.read(&store, Timestamp(100)).await;
        assert_eq!(first.waiting, Some(Waiting { due: 3, later: 0, first: Some(Timestamp(100)) }));
        assert_eq!(first.records, None);
        assert_eq!(depth.read(&store, Timestamp(100 + FRESH - 1)).await, first);
        let second = depth.read(&store, Timestamp(100 + FRESH)).await;
        assert_eq!(second.records, Some([2, 1, 1, 1, 1, 1, 1]));
        // The next count begins anew, and until it is whole the last one is given.
        for calls in 2..4 {
            assert_eq!(depth.read(&store, Timestamp(100 + calls * FRESH)).await, second);
        }
    }
}

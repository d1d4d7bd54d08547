//! What is left of each allowance, refilling steadily as in Yii's rate limiter: `allowance += elapsed * limit / window`.
//! Who has which limit is decided in `auth`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::person::PersonId;
use crate::model::time::Timestamp;

const SHARDS: usize = 16;

/// Allowances in a shard from which on those that are whole again are forgotten. Anyone can fill addresses.
const MOST: usize = 4_096;

/// Whose allowance it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BucketKey {
    /// An application's.
    Application(ApplicationId),
    /// That of whoever comes with a customer's API key alone.
    Customer(CustomerId),
    /// A webhook's, by its number.
    Webhook(i64),
    /// A person's.
    Person(PersonId),
    /// That of whoever sends data to a flow by its public identifier.
    Flow(CustomerId, FlowId),
    /// That of an address that a run waits at, by its number.
    Callback(i64),
    /// That of failed attempts from an address.
    Failures(IpAddr),
}

/// An allowance as the `X-RateLimit-*` headers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests within a window.
    pub limit: u32,
    /// Requests left now.
    pub remaining: u32,
    /// Seconds until the allowance is whole again.
    pub reset: u64,
    /// The window, in seconds.
    pub window: u64,
}

impl Allowance {
    /// Seconds until another request can be granted, as `Retry-After` tells them.
    pub fn retry_after(self) -> u64 {
        let used = u64::from(self.limit.saturating_sub(self.remaining)).max(1);
        self.reset.div_ceil(used).max(1)
    }
}

/// All allowances in use. Each shard has its own lock, held for a few instructions.
#[derive(Default)]
pub struct Buckets {
    shards: [Mutex<HashMap<BucketKey, Bucket>>; SHARDS],
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// Requests left, with the fraction that has come back: a client that asks faster than one whole request comes
    /// back would otherwise never get one.
    left: f64,
    at: Timestamp,
    limit: u32,
    /// In milliseconds.
    window: u64,
}

impl Bucket {
    /// Requests left at a time. A clock that was set back gives nothing and takes nothing.
    fn left_at(&self, now: Timestamp) -> f64 {
        let elapsed = now.0.saturating_sub(self.at.0).max(0) as f64;
        let limit = f64::from(self.limit);
        (self.left + elapsed * limit / self.window as f64).min(limit)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is left is between 0 and a limit of 32 bits, and casts saturate"
    )]
    fn allowance(&self) -> Allowance {
        let missing = f64::from(self.limit) - self.left;
        Allowance {
            limit: self.limit,
            remaining: self.left as u32,
            reset: (missing * self.window as f64 / f64::from(self.limit) / 1000.0).ceil() as u64,
            window: self.window.div_ceil(1_000),
        }
    }
}

impl Buckets {
    /// Takes one request from an allowance; `Err` if there is none left. The window is in milliseconds.
    pub fn take(&self, key: BucketKey, limit: u32, window: u64, now: Timestamp) -> Result<Allowance, Allowance> {
        let mut buckets = self.shard(key);
        if buckets.len() >= MOST && !buckets.contains_key(&key) {
            forget(&mut buckets, now);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: f64::from(limit), at: now, limit, window });
        (bucket.limit, bucket.window) = (limit, window);
        (bucket.left, bucket.at) = (bucket.left_at(now), now);
        let granted = bucket.left >= 1.0;
        if granted {
            bucket.left -= 1.0;
        }
        if granted { Ok(bucket.allowance()) } else { Err(bucket.allowance()) }
    }

    /// What is left of an allowance of which nothing is taken.
    pub fn look(&self, key: BucketKey, limit: u32, window: u64, now: Timestamp) -> Allowance {
        let left = self.shard(key).get(&key).map_or(f64::from(limit), |bucket| bucket.left_at(now));
        Bucket { left: left.min(f64::from(limit)), at: now, limit, window }.allowance()
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than the divisor, which is the number of shards")]
    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
    fn shard(&self, key: BucketKey) -> MutexGuard<'_, HashMap<BucketKey, Bucket>> {
        self.shards[self.hasher.hash_one(key) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room: an allowance that is whole is as good as none. If failures come from more addresses than that, theirs
/// start over, which whoever has so many addresses gains nothing by.
fn forget(buckets: &mut HashMap<BucketKey, Bucket>, now: Timestamp) {
    buckets.retain(|_, bucket| bucket.left_at(now) < f64::from(bucket.limit));
    if buckets.len() >= MOST {
        buckets.retain(|key, _| !matches!(key, BucketKey::Failures(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: BucketKey = BucketKey::Webhook(1);

    #[test]
    fn an_allowance_refills_steadily() {
        let buckets = Buckets::default();
        let take = |at: i64| buckets.take(KEY, 3, 60_000, Timestamp(at));
        assert_eq!(take(0), Ok(Allowance { limit: 3, remaining: 2, reset: 20, window: 60 }));
        assert_eq!(take(0), Ok(Allowance { limit: 3, remaining: 1, reset: 40, window: 60 }));
        assert_eq!(take(0), Ok(Allowance { limit: 3, remaining: 0, reset: 60, window: 60 }));
        assert_eq!(take(0), Err(Allowance { limit: 3, remaining: 0, reset: 60, window: 60 }));
        assert!(take(19_000).is_err());
        assert!(take(20_001).is_ok());
        assert!(take(20_002).is_err());
        assert_eq!(take(200_000), Ok(Allowance { limit: 3, remaining: 2, reset: 20, window: 60 }));
    }

    #[test]
    fn asking_too_fast_does_not_stop_the_refill() {
        let buckets = Buckets::default();
        let granted = (0..6_000).filter(|at| buckets.take(KEY, 1, 1_000, Timestamp(*at)).is_ok()).count();
        assert_eq!(granted, 6);
    }

    #[test]
    fn allowances_are_separate_and_a_clock_set_back_does_no_harm() {
        let buckets = Buckets::default();
        assert!(buckets.take(KEY, 1, 1_000, Timestamp(5_000)).is_ok());
        assert!(buckets.take(KEY, 1, 1_000, Timestamp(1_000)).is_err());
        assert!(buckets.take(BucketKey::Application(ApplicationId(1)), 1, 1_000, Timestamp(1_000)).is_ok());
        assert!(buckets.take(KEY, 1, 1_000, Timestamp(2_001)).is_ok());
    }

    #[test]
    fn the_number_of_addresses_is_bounded_and_those_of_applications_stay() {
        let buckets = Buckets::default();
        let count = || buckets.shards.iter().map(|shard| shard.lock().expect("a lock").len()).sum::<usize>();
        let fail = |number: u32, at: i64| {
            let address = IpAddr::from(number.to_be_bytes());
            buckets.take(BucketKey::Failures(address), 30, 60_000, Timestamp(at)).expect("an allowance");
        };
        let used = BucketKey::Application(ApplicationId(7));
        buckets.take(used, 1, i64::MAX as u64, Timestamp(0)).expect("an allowance");
        (0..1_000).for_each(|number| fail(number, 0));
        assert_eq!(count(), 1_001, "few are not forgotten");
        (0..200_000).for_each(|number| fail(number, 0));
        assert!(count() <= SHARDS * MOST, "{}", count());
        (0..200_000).for_each(|number| fail(number, i64::from(number) * 1_000));
        assert!(count() <= SHARDS * MOST, "{}", count());
        buckets.take(used, 1, i64::MAX as u64, Timestamp(1)).expect_err("still used up");
    }

    #[test]
    fn the_next_request_comes_back_before_the_allowance_is_whole() {
        for (limit, remaining, reset, seconds) in [(60, 0, 60, 1), (2, 0, 60, 30), (600_000, 0, 60, 1), (3, 3, 0, 1)] {
            assert_eq!(
                Allowance { limit, remaining, reset, window: 60 }.retry_after(),
                seconds,
                "{limit} {remaining} {reset}"
            );
        }
    }
}

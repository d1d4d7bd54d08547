//! How measured values are distributed: how many fell into each of some fixed ranges, and their sum.
//! It knows neither what is measured nor who reads it; counting takes two atomic additions and no lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Values counted by range while others count too.
#[derive(Debug)]
pub struct Distribution {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Distribution {
    /// A distribution over ranges that end at these values, which belong to them. The bounds ascend.
    pub fn new(bounds: &'static [u64]) -> Distribution {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Distribution { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn count(&self, value: u64) {
        let range = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(range) {
            self.sum.fetch_add(value, Ordering::Relaxed);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted so far. A value that is being counted meanwhile may be in the sum and not yet in its range.
    pub fn read(&self) -> Spread {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Spread { bounds: self.bounds, counts, sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// What a distribution held at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Where the ranges end.
    pub bounds: &'static [u64],
    /// How many values fell into each range, and beyond the last: one more than there are bounds.
    pub counts: Vec<u64>,
    /// All values added up.
    pub sum: u64,
}

impl Spread {
    /// How many values there were.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_range_it_ends() {
        let distribution = Distribution::new(&[1, 5, 10]);
        for value in [0, 1, 2, 5, 6, 10, 11, 1_000] {
            distribution.count(value);
        }
        let spread = distribution.read();
        assert_eq!(spread.counts, [2, 2, 2, 2]);
        assert_eq!((spread.total(), spread.sum), (8, 1_035));
    }
}

//! What was read from the store and may be used again until an administrator changes something.
//!
//! An entry carries the store's generation from before it was read. A lookup names the generation of now: an older
//! entry is a miss, so that a rotated key or a changed flow takes effect with the next request. Absence is not
//! remembered, so that guessing names cannot fill the cache.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

/// A bounded map of values that are cheap to clone.
pub struct Cache<K, V> {
    entries: RwLock<HashMap<K, (u64, V)>>,
    capacity: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// An empty cache for at most this many entries.
    pub fn new(capacity: usize) -> Cache<K, V> {
        Cache { entries: RwLock::default(), capacity }
    }

    /// The value of that key, if it was put in the same generation.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, generation: u64, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(stamp, _)| *stamp == generation).map(|(_, value)| value.clone())
    }

    /// Remembers a value. The generation is the one from before the value was read: a change in between then makes
    /// the entry a miss rather than a lie.
    pub fn put(&self, generation: u64, key: K, value: V) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            entries.retain(|_, (stamp, _)| *stamp == generation);
            // Reading everything again now and then costs less than keeping count of what was used last.
            if entries.len() >= self.capacity {
                entries.clear();
            }
        }
        entries.insert(key, (generation, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_an_older_generation_is_a_miss() {
        let cache = Cache::new(10);
        cache.put(1, "a".to_owned(), 1);
        assert_eq!(cache.get(1, "a"), Some(1));
        assert_eq!(cache.get(2, "a"), None);
        cache.put(2, "a".to_owned(), 2);
        assert_eq!(cache.get(2, "a"), Some(2));
    }

    #[test]
    fn a_full_cache_drops_what_is_stale_first() {
        let cache = Cache::new(2);
        cache.put(1, 1, ());
        cache.put(2, 2, ());
        cache.put(2, 3, ());
        assert_eq!([1, 2, 3].map(|key| cache.get(2, &key).is_some()), [false, true, true]);
        cache.put(2, 4, ());
        assert_eq!([2, 3, 4].map(|key| cache.get(2, &key).is_some()), [false, false, true]);
    }
}

//! The names an evaluation knows besides its input, and the clock and the chance it is given.
//! What flows call `$record` or `$steps` is decided above.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

/// Variables, each bound to a value or to an object that gains members; without the `$`.
///
/// Made once for a run and added to as it goes on. A clone shares the values, and so does an evaluation, which copies
/// no more of them than its expression reads.
#[derive(Clone, Debug, Default)]
pub struct Names {
    bound: BTreeMap<String, Bound>,
    now: i64,
    seed: u64,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    Value(Arc<Value>),
    /// An object, by its members in the order they came.
    Members(Vec<(String, Arc<Value>)>),
}

impl Names {
    /// No names yet; `$now()` and `$millis()` tell `now`, in milliseconds since 1970, and `$random()` and `$shuffle()`
    /// follow the seed.
    pub fn new(now: i64, seed: u64) -> Names {
        Names { bound: BTreeMap::new(), now, seed }
    }

    /// Binds a name to a value, instead of what it was bound to.
    pub fn insert(&mut self, name: &str, value: impl Into<Arc<Value>>) {
        self.bound.insert(name.to_owned(), Bound::Value(value.into()));
    }

    /// Gives the object of that name one more member, or another value for a member it has. A name that is not bound to
    /// such an object becomes one.
    pub fn insert_member(&mut self, name: &str, member: &str, value: impl Into<Arc<Value>>) {
        let bound = self.bound.entry(name.to_owned()).or_insert_with(|| Bound::Members(Vec::new()));
        if let Bound::Value(_) = bound {
            *bound = Bound::Members(Vec::new());
        }
        let Bound::Members(members) = bound else { return };
        match members.iter_mut().find(|(known, _)| known == member) {
            Some((_, known)) => *known = value.into(),
            None => members.push((member.to_owned(), value.into())),
        }
    }

    /// A member that was given to the object of that name.
    pub fn member(&self, name: &str, member: &str) -> Option<&Arc<Value>> {
        match self.bound.get(name)? {
            Bound::Members(members) => members.iter().find(|(known, _)| known == member).map(|(_, value)| value),
            Bound::Value(_) => None,
        }
    }

    /// Binds a name to an object without members, to which [`Names::insert_member`] adds.
    pub fn insert_empty(&mut self, name: &str) {
        self.bound.insert(name.to_owned(), Bound::Members(Vec::new()));
    }

    /// The same names with another time and another seed, for the next step.
    pub fn restart(&mut self, now: i64, seed: u64) {
        (self.now, self.seed) = (now, seed);
    }

    pub(super) fn now(&self) -> i64 {
        self.now
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn bound(&self) -> impl Iterator<Item = (&str, &Bound)> {
        self.bound.iter().map(|(name, bound)| (name.as_str(), bound))
    }
}

impl Bound {
    /// A copy of all of it.
    pub(super) fn whole(&self) -> Value {
        match self {
            Bound::Value(value) => Value::clone(value),
            Bound::Members(members) => Value::Object(
                members.iter().map(|(name, value)| (name.clone(), Value::clone(value))).collect::<Map<_, _>>(),
            ),
        }
    }
}

//! A customer's secrets as flows use them: found by customer, opened for the moment of their use.
//! Who may use them, and what for, is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::hook::seal_name;
use crate::app::vault::Keyring;
use crate::error::Result;
use crate::model::account::CustomerId;
use crate::store::{hook, secret};

/// The sealed secrets of one customer, and what opens them.
pub struct Secrets {
    customer: CustomerId,
    sealed: BTreeMap<String, Vec<u8>>,
    /// There need not be any as long as nothing is sealed.
    keys: Option<Keyring>,
}

/// Secrets in clear. They are wiped from memory when this is dropped, and nothing prints them.
#[derive(Default)]
pub struct Opened(BTreeMap<String, Zeroizing<String>>);

impl Secrets {
    /// Opens those that are named. A name that no secret has is left out; whoever uses it says so.
    /// # Errors
    /// `Unavailable` if one of them cannot be opened.
    pub fn open<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Opened> {
        let mut opened = BTreeMap::new();
        for name in names {
            if let (Some(sealed), Some(keys)) = (self.sealed.get(name), &self.keys) {
                opened.insert(name.to_owned(), keys.open(self.customer, name, sealed)?);
            }
        }
        Ok(Opened(opened))
    }
}

impl Opened {
    /// The secret of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|secret| secret.as_str())
    }

    /// All of them, for looking whether a text holds one.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|secret| secret.as_str())
    }
}

impl App {
    /// The customer's secrets, remembered until something administrative changes.
    /// # Errors
    /// `Unavailable` if there are some and the key file is missing or not in order.
    pub fn secrets(&self, customer: CustomerId) -> Result<Arc<Secrets>> {
        let generation = self.store.generation();
        if let Some(found) = self.sealed.get(generation, &customer) {
            return Ok(found);
        }
        let sealed: BTreeMap<_, _> = self.store.peek(|tx| secret::list_sealed(tx, customer))?.into_iter().collect();
        let keys = if sealed.is_empty() { None } else { Some(self.vault.require()?) };
        let found = Arc::new(Secrets { customer, sealed, keys });
        // A key file that lacks a key may be put right without anything administrative happening.
        if found.open(found.sealed.keys().map(String::as_str)).is_ok() {
            self.sealed.put(generation, customer, Arc::clone(&found));
        }
        Ok(found)
    }

    /// Whether every secret there is can be opened, for the operator to hear of it at the start.
    /// # Errors
    /// Why the first that cannot be opened cannot.
    pub fn check_secrets(&self) -> Result<()> {
        let (sealed, hooks) = self.store.peek(|tx| Ok((secret::list_all(tx)?, hook::list_all(tx)?)))?;
        if sealed.is_empty() && hooks.is_empty() {
            return Ok(());
        }
        let keys = self.vault.require()?;
        sealed.iter().try_for_each(|secret| keys.open(secret.customer, &secret.name, &secret.sealed).map(drop))?;
        hooks.iter().try_for_each(|hook| {
            let name = seal_name(&hook.public_id);
            let old = hook.old_secret.iter().map(|(sealed, _)| sealed);
            std::iter::once(&hook.secret)
                .chain(old)
                .try_for_each(|sealed| keys.open(hook.customer, &name, sealed).map(drop))
        })
    }
}

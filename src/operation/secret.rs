//! Secrets of customers: setting, listing and removing them, and sealing them under a new key. None of it gives one
//! back; what flows use is `App::secrets`.

use zeroize::Zeroizing;

use crate::app::App;
use crate::app::hook::seal_name;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::secret::{SealedSecret, Secret};
use crate::operation::account::record;
use crate::operation::{Access, Operation, check};
use crate::store::audit::{self, Entry};
use crate::store::{hook, secret};

/// Bytes of a secret: a private key with its certificates has room.
const LONGEST: usize = 65_536;

/// Sets a secret of the caller's customer; gives whether there was none of that name before.
pub struct SetSecret {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: String,
}

impl Operation for SetSecret {
    const NAME: &'static str = "setSecret";
    const ACCESS: Access = Access::Operator;
    type Output = bool;

    async fn run(self, app: &App, caller: &Caller) -> Result<bool> {
        let (name, value) = (self.name, Zeroizing::new(self.value));
        check::secret_name(&name)?;
        if !(1..=LONGEST).contains(&value.len()) {
            return Err(Error::invalid(format!("The secret must have from 1 to {LONGEST} bytes")));
        }
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let sealed = app.sealing_keys()?.seal(customer, &name, &value)?;
        app.store
            .administer(move |tx| {
                let is_new = secret::insert(tx, customer, &name, &sealed, now)?;
                if !is_new {
                    secret::update(tx, customer, &name, &sealed, now)?;
                }
                record(tx, customer, &actor, Self::NAME, &name, now)?;
                Ok(is_new)
            })
            .await
    }
}

/// The secrets of the caller's customer: their names and dates.
pub struct ListSecrets;

impl Operation for ListSecrets {
    const NAME: &'static str = "listSecrets";
    const ACCESS: Access = Access::Operator;
    type Output = Vec<Secret>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<Secret>> {
        let customer = caller.customer().id;
        app.store.peek(|tx| secret::list(tx, customer))
    }
}

/// Removes a secret of the caller's customer.
pub struct RemoveSecret {
    /// Its name.
    pub name: String,
}

impl Operation for RemoveSecret {
    const NAME: &'static str = "removeSecret";
    const ACCESS: Access = Access::Operator;
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                if !secret::remove(tx, customer, &self.name)? {
                    return Err(Error::new(Code::NotFound, format!("There is no secret '{}'", self.name)));
                }
                record(tx, customer, &actor, Self::NAME, &self.name, now)
            })
            .await
    }
}

/// Makes a new key and seals the secrets of all customers under it, with the signing keys of subscriptions.
pub struct RotateSecretKey;

/// What was sealed anew.
pub struct RotatedSecretKey {
    /// What tells the new key from others.
    pub key: String,
    /// How many secrets and subscriptions there are.
    pub secrets: usize,
}

impl Operation for RotateSecretKey {
    const NAME: &'static str = "rotateSecretKey";
    const ACCESS: Access = Access::Operator;
    type Output = RotatedSecretKey;

    async fn run(self, app: &App, caller: &Caller) -> Result<RotatedSecretKey> {
        // Before there is another key: a secret that does not open is to be looked after first.
        app.check_secrets()?;
        let keys = app.vault.add_key()?;
        let (now, actor) = (app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let secrets = secret::list_all(tx)?;
                for SealedSecret { customer, name, sealed } in &secrets {
                    let value = keys.open(*customer, name, sealed)?;
                    let sealed = keys.seal(*customer, name, &value)?;
                    secret::update_sealed(tx, &SealedSecret { customer: *customer, name: name.clone(), sealed })?;
                }
                let hooks = hook::list_all(tx)?;
                for hook in &hooks {
                    let name = seal_name(&hook.public_id);
                    let anew =
                        |sealed: &[u8]| keys.seal(hook.customer, &name, &keys.open(hook.customer, &name, sealed)?);
                    let old = hook.old_secret.as_ref().map(|(sealed, _)| anew(sealed)).transpose()?;
                    hook::update_sealed(tx, hook.id, &anew(&hook.secret)?, old.as_deref())?;
                }
                let key = keys.id();
                let entry = Entry { at: now, customer: None, actor: &actor, verb: Self::NAME, target: &key };
                audit::insert(tx, &entry)?;
                Ok(RotatedSecretKey { secrets: secrets.len() + hooks.len(), key })
            })
            .await
    }
}

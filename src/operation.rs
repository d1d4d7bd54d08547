//! What can be asked of the gateway: a struct a verb, one door. It knows no wire and no SQL.
//!
//! [`execute`] is the only way in. It checks that the caller may run the operation before it touches anything.

pub mod account;
pub mod bulk;
pub mod catalogue;
pub mod change;
pub mod check;
pub mod content;
pub mod delivery;
pub mod diagram;
pub mod errand;
pub mod event;
pub mod execution;
pub mod flow;
pub mod history;
pub mod hook;
pub mod internal;
pub mod json;
pub mod keystore;
pub mod lint;
pub mod mark;
pub mod payload;
pub mod person;
pub mod queue;
pub mod record;
pub mod repeat;
pub mod rerun;
pub mod revision;
pub mod schema;
pub mod search;
pub mod secret;
pub mod sketch;
pub mod table;
pub mod token;
pub mod tree;
pub mod trigger;
mod verdict;
pub mod wait;
pub mod webhook;

use std::future::Future;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::person::Permission;
use crate::model::scope::Scope;

/// A request in plain types; the struct's fields are its parameters.
pub trait Operation: Sized + Send + 'static {
    /// Its name: the SOAP operation where there is one, and the verb in log and audit.
    const NAME: &'static str;
    /// Who may run it.
    const ACCESS: Access;
    /// What it gives.
    type Output: Send;

    /// Does the work; called by [`execute`] alone.
    fn run(self, app: &App, caller: &Caller) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// Who may run an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Applications that were granted this scope, and the operator.
    Scope(Scope),
    /// Whoever knows the URI of a webhook.
    Webhook,
    /// People with this permission, applications that were granted this scope, and the operator.
    Member(Permission, Scope),
    /// People, whatever they may do, applications that were granted this scope, and the operator.
    Person(Scope),
    /// Admins among the people, applications that were granted this scope, and the operator.
    Admin(Scope),
    /// Whoever knows the public identifier of a flow.
    Flow,
    /// Whoever knows an address that a run waits at.
    Callback,
    /// Applications that prove themselves with their OAuth2 client id and secret.
    Client,
    /// The operator at the command line alone.
    Operator,
}

/// Runs an operation if the caller may.
pub async fn execute<O: Operation>(app: &App, caller: &Caller, operation: O) -> Result<O::Output> {
    admitted::<O, _>(caller, operation.run(app, caller)).await
}

/// Waits for the work of an operation that the caller may run, and logs what came of it.
async fn admitted<O: Operation, T>(caller: &Caller, work: impl Future<Output = Result<T>>) -> Result<T> {
    admit(O::ACCESS, caller)?;
    #[expect(clippy::disallowed_methods, reason = "how long it took is for the log, whatever the clock is set to")]
    let started = Instant::now();
    let outcome = work.await;
    log_outcome(O::NAME, caller, outcome.as_ref().err(), started.elapsed());
    outcome
}

fn admit(access: Access, caller: &Caller) -> Result<()> {
    match access {
        Access::Scope(scope) => caller.require(scope),
        Access::Member(permission, scope) => caller.require_either(permission, scope),
        Access::Person(_) if caller.person().is_some() => Ok(()),
        Access::Admin(_) if caller.person().is_some() => caller.require_admin(),
        Access::Person(scope) | Access::Admin(scope) => caller.require(scope),
        Access::Flow if caller.flow().is_some() => Ok(()),
        Access::Webhook if caller.webhook().is_some() => Ok(()),
        Access::Callback if caller.callback().is_some() => Ok(()),
        Access::Client if caller.client_id().is_some() => Ok(()),
        Access::Operator if caller.is_operator() => Ok(()),
        Access::Flow | Access::Webhook | Access::Callback | Access::Client | Access::Operator => {
            Err(Error::new(Code::Forbidden, "The permissions are not correct"))
        }
    }
}

fn log_outcome(name: &str, caller: &Caller, error: Option<&Error>, duration: Duration) {
    let customer = caller.customer().id.0;
    let duration = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match error {
        None => log::debug!(operation = name, customer, duration_us = duration; "Done"),
        Some(error) => {
            log::debug!(operation = name, customer, duration_us = duration, code:? = error.code(); "Refused: {error}");
        }
    }
}

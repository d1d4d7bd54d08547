//! What an administrative command works with: the settings, and the store beside a server that may be running.

use std::future::Future;
use std::sync::Arc;
use std::{fs, io};

use anyhow::Context as _;

use super::Global;
use crate::app::App;
use crate::app::clock::Clock;
use crate::auth::{self, Caller};
use crate::config::{Config, Override};
use crate::error::{Code, Error};
use crate::operation::{Operation, execute};
use crate::store::{self, Store, account};
use crate::telemetry;

/// Reads the settings of all layers, and starts the log.
pub(super) fn configure(global: &Global, mut overrides: Vec<Override>) -> anyhow::Result<Config> {
    if let Some(directory) = &global.data {
        let value = directory.to_str().context("The name of the data directory must be valid Unicode")?.to_owned();
        overrides.push(Override { option: "--data", key: "store.directory", value });
    }
    let config = Config::load(global.config.as_deref(), &overrides)?;
    telemetry::log::start(&config.log)?;
    telemetry::panic::log_panics();
    Ok(config)
}

/// How the store is opened with these settings.
pub(super) fn store_options(config: &Config) -> store::Options {
    let store = &config.store;
    store::Options { readers: store.readers, wal_limit: store.wal_limit, check_limit: store.check_limit }
}

/// Opens the store for an administrative command, beside a server that may be running.
pub(super) fn open(global: &Global) -> anyhow::Result<Arc<App>> {
    attach(configure(global, Vec::new())?)
}

/// As [`open`], and creates the database if the directory is absent or empty, so that a new gateway can be set up before
/// it first serves.
pub(super) fn open_or_create(global: &Global) -> anyhow::Result<Arc<App>> {
    let config = configure(global, Vec::new())?;
    let directory = &config.store.directory;
    let is_fresh = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_fresh {
        store::migrate(directory)?;
    }
    attach(config)
}

fn attach(config: Config) -> anyhow::Result<Arc<App>> {
    let store = Store::attach(&config.store.directory, &store_options(&config))?;
    Ok(Arc::new(App::new(config, store, Clock::system())))
}

/// The operator, acting for the customer of that name.
pub(super) fn operator_for(app: &App, customer: &str) -> anyhow::Result<Caller> {
    let found = app.store.peek(|tx| account::find_customer(tx, customer))?;
    let found = found.ok_or_else(|| {
        Error::new(Code::NotFound, format!("There is no customer '{customer}'; 'flowgate customer list' shows all"))
    })?;
    Ok(auth::operator(Some(found)))
}

/// The same; without a name, for the only customer.
pub(super) fn operator_for_any(app: &App, customer: Option<&str>) -> anyhow::Result<Caller> {
    if let Some(customer) = customer {
        return operator_for(app, customer);
    }
    let mut customers = app.store.peek(|tx| account::list_customers(tx))?.into_iter();
    match (customers.next(), customers.next()) {
        (Some(only), None) => Ok(auth::operator(Some(only))),
        (None, _) => anyhow::bail!("There is no customer yet; 'flowgate customer add' adds one"),
        (Some(_), Some(_)) => anyhow::bail!("There are several customers; --customer says whose it is"),
    }
}

/// Runs one operation to its end.
pub(super) fn perform<O: Operation>(app: &App, caller: &Caller, operation: O) -> anyhow::Result<O::Output> {
    Ok(block_on(execute(app, caller, operation))??)
}

fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(future))
}

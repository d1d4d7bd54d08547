//! The store: what every engine must do, and what the embedded one promises besides.

mod administration;
mod catalogue;
mod conformance;
mod durability;
mod keystores;
mod process;
mod records;
mod refusal;
mod runs;
mod tables;
pub(crate) mod writing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flowgate::error::Result;
use flowgate::model::account::{ApplicationId, Compatibility, CustomerId};
use flowgate::model::flow::FlowId;
use flowgate::model::record::RecordStatus;
use flowgate::model::scope::Scopes;
use flowgate::model::time::Timestamp;
use flowgate::store::account::NewApplication;
use flowgate::store::record::NewRecord;
use flowgate::store::{Options, Store, Tx, account, flow, record};
use tempfile::TempDir;

/// A data directory that is gone when the test ends, and the store in it.
struct Fresh {
    directory: TempDir,
    store: Store,
}

impl Fresh {
    fn new() -> Fresh {
        Fresh::with(&Options::default())
    }

    fn with(options: &Options) -> Fresh {
        let directory = TempDir::new().expect("a directory");
        let store = Store::open(&data(&directory), options).expect("a fresh store");
        Fresh { directory, store }
    }

    fn data(&self) -> PathBuf {
        data(&self.directory)
    }
}

/// The data directory in a temporary one; it does not exist before the store creates it.
fn data(directory: &TempDir) -> PathBuf {
    directory.path().join("data")
}

fn open(directory: &Path) -> Result<Store> {
    Store::open(directory, &Options::default())
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const LATER: Timestamp = Timestamp(1_700_000_060_000);

/// A customer, with its name as the hash of its API key.
fn customer(tx: &mut dyn Tx, name: &str) -> Result<CustomerId> {
    account::insert_customer(tx, name, name.as_bytes(), NOW)
}

/// A customer with one flow.
fn customer_with_flow(tx: &mut dyn Tx, name: &str) -> Result<(CustomerId, FlowId)> {
    let customer = customer(tx, name)?;
    Ok((customer, flow::insert(tx, customer, "orders", "", "{}", NOW)?))
}

fn new_application(customer: CustomerId, name: &str) -> NewApplication {
    NewApplication {
        customer,
        name: name.to_owned(),
        description: String::new(),
        app_key_hash: format!("key of {name}").into_bytes(),
        client_id: None,
        client_secret_hash: None,
        addresses: Vec::new(),
        scopes: Scopes::all(),
        oauth2: false,
        rate_limit: None,
        compatibility: Compatibility::default(),
    }
}

fn application(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<ApplicationId> {
    account::insert_application(tx, &new_application(customer, name), NOW)
}

fn new_record<'a>(customer: CustomerId, flow: FlowId, uuid: &'a str) -> NewRecord<'a> {
    NewRecord {
        customer,
        uuid,
        flow,
        flow_version: 1,
        data: r#"{"a": 1}"#,
        request_hash: b"hash",
        status: RecordStatus::Waiting,
        due: NOW,
        created: NOW,
    }
}

/// A store with one customer and one flow.
async fn store_with_flow(options: &Options) -> (Fresh, CustomerId, FlowId) {
    let fresh = Fresh::with(options);
    let (customer, flow) = fresh.store.write(|tx| customer_with_flow(tx, "acme")).await.expect("a flow");
    (fresh, customer, flow)
}

/// Lets others run until the condition holds. The limit only keeps a defect from stopping the tests for good.
async fn until(mut condition: impl FnMut() -> bool) {
    let turns = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), turns).await.expect("the condition to hold within a minute");
}

async fn insert_record(store: &Store, customer: CustomerId, flow: FlowId, uuid: String) -> Result<bool> {
    store.write(move |tx| record::insert(tx, &new_record(customer, flow, &uuid))).await
}

fn record_exists(store: &Store, customer: CustomerId, uuid: &str) -> bool {
    store.peek(|tx| record::find(tx, customer, uuid)).expect("a read").is_some()
}

/// The names and bytes of a directory's files, but for those of the lock and of SQLite's shared memory.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name().into_string().expect("a name"), entry.path()))
        .filter(|(name, _)| name != "flowgate.lock" && name != "flowgate.db-shm")
        .map(|(name, path)| (name, std::fs::read(path).expect("a file")))
        .collect()
}

/// A directory with the database and its write-ahead log as they are on disk at this moment.
fn snapshot(directory: &Path) -> TempDir {
    let copy = TempDir::new().expect("a directory");
    for name in ["flowgate.db", "flowgate.db-wal"] {
        if directory.join(name).exists() {
            std::fs::copy(directory.join(name), copy.path().join(name)).expect("a copy");
        }
    }
    copy
}

//! Where the flows of tests deliver to, and a gateway in a process of its own that has such a flow: what reaches the other
//! side, how often, and by which key, is counted here.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::{self, Caller, key};
use flowgate::config::Config;
use flowgate::model::account::CustomerId;
use flowgate::model::record::{Record, RecordStatus};
use flowgate::model::run::LogEntry;
use flowgate::operation::diagram::FlowReference;
use flowgate::operation::execute;
use flowgate::operation::flow::{AddFlow, PublishFlow};
use flowgate::operation::record::{InsertRecords, Submission};
use flowgate::store::account;
use flowgate::store::{Options, Store, record, run};
use serde_json::Value;

use crate::outbound::peer::{Peer, answer};
use crate::process::{PATIENCE, Place};
use crate::support::{NOW, new_application, wait};

/// A server that answers every delivery, and keeps by which keys each record came. It stays until the tests end.
pub(crate) struct Sink {
    peer: Peer,
    book: Arc<(Mutex<Book>, Condvar)>,
}

#[derive(Default)]
struct Book {
    /// The keys of the requests for each record, in the order in which they came.
    keys: BTreeMap<String, Vec<String>>,
    /// Whether answers are held back.
    is_shut: bool,
}

impl Sink {
    pub(crate) fn start() -> Sink {
        let book: Arc<(Mutex<Book>, Condvar)> = Arc::default();
        let shared = Arc::clone(&book);
        let peer = Peer::start(move |stream, received| {
            let (book, changed) = &*shared;
            let body: Value = serde_json::from_slice(&received.body).expect("a delivery is JSON");
            let uuid = body["uuid"].as_str().expect("a delivery names its record").to_owned();
            let key = received.head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("Idempotency-Key").then(|| value.trim().to_owned())
            });
            let mut open = book.lock().expect("the book");
            open.keys.entry(uuid).or_default().push(key.expect("a delivery has a key"));
            changed.notify_all();
            drop(changed.wait_while(open, |book| book.is_shut).expect("the book"));
            answer(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json", b"{\"taken\":true}");
        });
        Sink { peer, book }
    }

    /// A step that delivers here, for the record that a template comes to.
    pub(crate) fn step(&self, id: &str, uuid: &str) -> String {
        let url = self.peer.url();
        let fields = format!(r#"{{"method":"POST","url":"{url}","body":{{"uuid":"{uuid}"}}}}"#);
        format!(r#"{{"id":"{id}","kind":"http","fields":{fields}}}"#)
    }

    /// A flow of three steps, of which the second one delivers here.
    pub(crate) fn flow(&self) -> String {
        crate::engine::chain(&[
            r#"{"id":"shape","kind":"transform","fields":{"output":{"uuid":"{{ $run.uuid }}"}}}"#,
            &self.step("deliver", "{{ uuid }}"),
            r#"{"id":"thank","kind":"transform","fields":{"output":{"taken":"{{ taken }}","of":"{{ $steps.shape.uuid }}"}}}"#,
        ])
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.0.lock().expect("the book")
    }

    /// Holds answers back from now on.
    pub(crate) fn shut(&self) {
        self.book().is_shut = true;
    }

    /// Gives the answers that were held back, and all further ones.
    pub(crate) fn open(&self) {
        self.book().is_shut = false;
        self.book.1.notify_all();
    }

    /// Waits until a record came so many times.
    pub(crate) fn wait_for(&self, uuid: &str, times: usize) {
        let came = |book: &Book| book.keys.get(uuid).map_or(0, Vec::len);
        let waited = self.book.1.wait_timeout_while(self.book(), PATIENCE, |book| came(book) < times);
        let (book, _) = waited.expect("the book");
        assert!(came(&book) >= times, "{uuid} came {} times", came(&book));
    }

    /// The keys by which a record came.
    pub(crate) fn keys(&self, uuid: &str) -> Vec<String> {
        self.book().keys.get(uuid).cloned().unwrap_or_default()
    }

    /// The keys by which all records came.
    pub(crate) fn all_keys(&self) -> BTreeMap<String, Vec<String>> {
        self.book().keys.clone()
    }
}

/// The data directory of a gateway, seen beside it: the customer of the demo's keys, its flow `Leads`, and what becomes
/// of records.
pub(crate) struct Sight {
    app: Arc<App>,
    customer: CustomerId,
}

impl Sight {
    /// Makes the customer and the flow, before the gateway is started for the first time. `--demo` then loads nothing.
    pub(crate) fn furnish(place: &Place, graph: &str) {
        let store = Store::open(&place.path("data"), &Options::default()).expect("a store");
        let app = Arc::new(App::new(Config::for_testing(), store, Clock::fixed(NOW)));
        let customer = wait(app.store.administer(|tx| {
            let customer = account::insert_customer(tx, "Testing", &key::hash("demo-api-key"), NOW)?;
            let new = new_application(customer, "demo-app");
            account::insert_application(tx, &new, NOW)?;
            Ok(customer)
        }))
        .expect("a customer");
        let sight = Sight { app, customer };
        let name = "Leads".to_owned();
        let add = AddFlow { name: name.clone(), description: String::new(), graph: graph.to_owned() };
        wait(execute(&sight.app, &sight.operator(), add)).expect("a flow");
        wait(execute(&sight.app, &sight.operator(), PublishFlow { flow: name })).expect("a version");
    }

    /// Opens the directory beside the gateway that may be running on it.
    pub(crate) fn of(place: &Place) -> Sight {
        let store = Store::attach(&place.path("data"), &Options::default()).expect("the store");
        let app = Arc::new(App::new(Config::for_testing(), store, Clock::fixed(NOW)));
        let customer = app.store.peek(|tx| account::find_customer(tx, "Testing")).expect("a read").expect("there").id;
        Sight { app, customer }
    }

    /// Inserts a record, while no gateway runs.
    pub(crate) fn insert(&self, uuid: &str, data: &str) {
        let submission = Submission { uuid: Some(uuid.to_owned()), execution_time: None, data: data.to_owned().into() };
        let flow = FlowReference { id: None, name: Some("Leads".to_owned()) };
        wait(execute(&self.app, &self.operator(), InsertRecords { flow, submissions: vec![submission] })).expect(uuid);
    }

    fn operator(&self) -> Caller {
        auth::operator(self.app.store.peek(|tx| account::find_customer(tx, "Testing")).expect("a read"))
    }

    pub(crate) fn record(&self, uuid: &str) -> Option<Record> {
        self.app.store.peek(|tx| record::find(tx, self.customer, uuid)).expect("a read")
    }

    /// How many records have not ended well.
    pub(crate) fn unfinished(&self) -> usize {
        let sql = "SELECT count(*) FROM record WHERE status <> $1";
        let rows = self.app.store.peek(|tx| tx.query(sql, &[RecordStatus::Finished.number().into()]));
        usize::try_from(rows.expect("a read")[0].integer(0).expect("a number")).expect("a number")
    }

    /// What was tried of every record, in order.
    pub(crate) fn histories(&self) -> BTreeMap<String, Vec<Value>> {
        let sql = "SELECT record.uuid, run_log.attempts FROM record LEFT JOIN run_log ON run_log.record_id = record.id \
                   ORDER BY run_log.id";
        let mut histories = BTreeMap::<String, Vec<Value>>::new();
        for mut row in self.app.store.peek(|tx| tx.query(sql, &[])).expect("a read") {
            let history = histories.entry(row.take_text(0).expect("a uuid")).or_default();
            let attempts = row.take_optional_text(1).expect("attempts").unwrap_or_else(|| "[]".to_owned());
            history.extend(serde_json::from_str::<Vec<Value>>(&attempts).expect("attempts"));
        }
        histories
    }

    /// The step that a record stands at; nothing if that is none.
    pub(crate) fn step(&self, uuid: &str) -> String {
        let rows = self.app.store.peek(|tx| tx.query("SELECT step FROM record WHERE uuid = $1", &[uuid.into()]));
        let mut row = rows.expect("a read").remove(0);
        row.take_optional_text(0).expect("a step").unwrap_or_default()
    }

    /// What was tried, in order: step, attempt and outcome.
    pub(crate) fn attempts(&self, uuid: &str) -> Vec<String> {
        let record = self.record(uuid).expect("a record");
        let entries = self.app.store.peek(|tx| run::history(tx, record.id)).expect("a read");
        entries.iter().flat_map(|entry| crate::engine::told(&entry.attempts)).collect()
    }

    /// The same as it is kept.
    pub(crate) fn history(&self, uuid: &str) -> Vec<Value> {
        let record = self.record(uuid).expect("a record");
        let entries = self.app.store.peek(|tx| run::history(tx, record.id)).expect("a read");
        let attempts = |entry: &LogEntry| serde_json::from_str::<Vec<Value>>(&entry.attempts).expect("attempts");
        entries.iter().flat_map(attempts).collect()
    }
}

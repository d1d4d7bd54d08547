//! The record queue as operations: searching, holding back, moving, changing under a condition, and sending twice.

mod repeat;
mod search;

use flowgate::auth::Caller;
use flowgate::error::{Code, Error};
use flowgate::model::record::{Hold, Place, RecordStatus};
use flowgate::operation::change::{DeleteRecord, RecordUpdate, UpdateRecords};
use flowgate::operation::diagram::{FlowReference, GetFlowDiagram};
use flowgate::operation::flow::{AddFlow, PublishFlow, UpdateDraft};
use flowgate::operation::queue::{ChangeQueueStatus, MoveToFlow, QueueAction, QueueChanges};
use flowgate::operation::record::{GetRecord, InsertRecords, InsertedRecords, Submission};
use flowgate::operation::revision::Revision;
use flowgate::operation::schema::{DeleteSchema, GetSchema, InsertSchema, SchemaText, UpdateSchema};
use flowgate::operation::{Operation, execute};
use flowgate::store::record::{self, Standing};
use flowgate::store::{Value, field};

use crate::auth::{Gateway, HOME, keys};
use crate::support::SMALLEST;

/// A gateway with a customer, its client, and two flows that take records.
struct Queue {
    gateway: Gateway,
    client: Caller,
}

impl Queue {
    async fn start() -> Queue {
        let gateway = Gateway::start(|_| {}).await;
        let client = gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller");
        let queue = Queue { gateway, client };
        queue.publish("orders", r#"{"data_fields":{"name":"client.name"}}"#).await;
        queue.publish("returns", r#"{"data_fields":{"reason":"reason"}}"#).await;
        queue
    }

    /// Publishes a flow that does nothing, with those members besides.
    async fn publish(&self, name: &str, members: &str) {
        let add = AddFlow { name: name.to_owned(), description: String::new(), graph: diagram(members) };
        self.gateway.run(add).await.expect("a flow");
        self.gateway.run(PublishFlow { flow: name.to_owned() }).await.expect("a version");
    }

    async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        execute(&self.gateway.app, &self.client, operation).await
    }

    async fn insert(&self, flow: &str, uuid: &str, data: &str) -> InsertedRecords {
        self.run(insertion(flow, uuid, data)).await.expect("an insertion")
    }

    /// Puts a record somewhere, whichever way led there.
    async fn put(&self, uuid: &'static str, to: Place) {
        let customer = self.client.customer().id;
        let put = self.gateway.app.store.write(move |tx| {
            let Standing { place, due } = record::find_standing(tx, customer, uuid)?.expect("a record");
            record::update_place(tx, customer, uuid, place, to, due, record::Begin::There)
        });
        assert!(put.await.expect("a place"));
    }

    fn place(&self, uuid: &str) -> Place {
        let customer = self.client.customer().id;
        let found = self.gateway.app.store.peek(|tx| record::find_standing(tx, customer, uuid));
        found.expect("a read").expect("a record").place
    }

    fn fields(&self, uuid: &str) -> Vec<String> {
        let customer = self.client.customer().id;
        let fields = self.gateway.app.store.peek(|tx| field::list(tx, customer, uuid)).expect("a read");
        fields.into_iter().map(|field| format!("{}={}", field.name, field.value)).collect()
    }

    async fn change(&self, action: QueueAction, uuids: &[&str]) -> Result<QueueChanges, Error> {
        self.run(ChangeQueueStatus { action, uuids: texts(uuids) }).await
    }

    async fn update(&self, updates: &[(&str, &str)], expected: Option<Vec<Revision>>) -> Result<(), Error> {
        let update =
            |(uuid, data): &(&str, &str)| RecordUpdate { uuid: (*uuid).to_owned(), data: (*data).to_owned().into() };
        let updates = updates.iter().map(update).collect();
        self.run(UpdateRecords { updates, execution_time: None, flow: None, expected }).await.map(|_| ())
    }

    async fn revision(&self, uuid: &str) -> Revision {
        Revision::of_record(&self.run(GetRecord { uuid: uuid.to_owned() }).await.expect("a record").record)
    }
}

/// A diagram that does nothing, with those members besides.
fn diagram(members: &str) -> String {
    SMALLEST
        .strip_suffix('}')
        .map(|nodes| match members {
            "{}" => SMALLEST.to_owned(),
            members => format!("{nodes},{}", &members[1..]),
        })
        .expect("an object")
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn named(flow: &str) -> FlowReference {
    FlowReference { id: None, name: Some(flow.to_owned()) }
}

fn insertion(flow: &str, uuid: &str, data: &str) -> InsertRecords {
    let submission = Submission { uuid: Some(uuid.to_owned()), execution_time: None, data: data.to_owned().into() };
    InsertRecords { flow: named(flow), submissions: vec![submission] }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Code, String) {
    let error = outcome.expect_err("a refusal");
    (error.code(), error.message().to_owned())
}

#[tokio::test]
async fn each_action_takes_records_from_where_it_may_to_where_it_says() {
    use QueueAction::{Continue, Execute, Pause, Remove, Resume};
    use RecordStatus::{Failed, Scheduled, Waiting};
    let queue = Queue::start().await;
    let soon = Submission {
        uuid: Some("r".to_owned()),
        execution_time: Some("2040-01-01T00:00:00Z".to_owned()),
        data: "{}".to_owned().into(),
    };
    queue.run(InsertRecords { flow: named("orders"), submissions: vec![soon] }).await.expect("a record for later");
    let place = |status, hold| Place { status, hold };
    let places = RecordStatus::ALL.into_iter().flat_map(|status| Hold::ALL.map(|hold| place(status, hold)));
    for (from, action) in places.flat_map(|place| QueueAction::ALL.map(|action| (place, action))) {
        queue.put("r", from).await;
        let waits = matches!(from.status, Waiting | Scheduled);
        let expected = match (action, from.status, from.hold) {
            (Pause, _, Hold::None) if waits => Some(place(Waiting, Hold::Paused)),
            (Remove, _, Hold::None | Hold::Paused) if waits => Some(place(Waiting, Hold::Removed)),
            (Resume, _, Hold::Paused | Hold::Removed) if waits => Some(place(Scheduled, Hold::None)),
            (Execute, Waiting | Scheduled | Failed, _) | (Continue, Failed, _) => Some(place(Waiting, Hold::None)),
            _ => None,
        };
        let outcome = queue.change(action, &["r"]).await;
        assert_eq!(queue.place("r"), expected.unwrap_or(from), "{action:?} from {from:?}");
        match expected {
            Some(to) => assert_eq!(outcome.expect("a change").records[0].outcome, Ok(to)),
            None => assert_eq!(refusal(outcome).0, Code::Refused, "{action:?} from {from:?}"),
        }
        if action == Execute && expected.is_some() {
            let due = queue.run(GetRecord { uuid: "r".to_owned() }).await.expect("the record").record.due;
            assert_eq!(due, queue.gateway.app.clock.now());
            let later = UpdateRecords {
                updates: vec![RecordUpdate { uuid: "r".to_owned(), data: "{}".to_owned().into() }],
                execution_time: Some("2040-01-01T00:00:00Z".to_owned()),
                flow: None,
                expected: None,
            };
            queue.run(later).await.expect("the old time");
        }
    }
}

#[tokio::test]
async fn what_became_of_each_record_is_told() {
    let queue = Queue::start().await;
    for uuid in ["a", "b", "c"] {
        queue.insert("orders", uuid, "{}").await;
    }
    queue.put("a", Place { status: RecordStatus::Failed, hold: Hold::None }).await;
    let changes = queue.change(QueueAction::Continue, &["a", "b", "none", "a"]).await.expect("a change");
    assert_eq!((changes.changed, changes.message.as_str()), (1, "1 datarecords resumed from error status"));
    let place = changes.records[0].outcome.clone().expect("a place");
    let shown = place.queue_status().map(|status| (status.number(), status.key()));
    assert_eq!(shown, Some(("0", "New")));
    let problems: Vec<_> =
        changes.records[1..].iter().map(|change| change.outcome.clone().expect_err("a problem")).collect();
    assert_eq!(
        problems,
        [
            "The data record 'b' waits to run and cannot be resumed from error status",
            "There is no data record with the Uuid 'none'"
        ]
    );
    for (action, sentence) in [
        (QueueAction::Pause, "2 datarecords paused"),
        (QueueAction::Resume, "2 datarecords resumed"),
        (QueueAction::Execute, "2 datarecords executed"),
        (QueueAction::Remove, "2 datarecords deleted from the queue"),
    ] {
        assert_eq!(queue.change(action, &["b", "c"]).await.expect("a change").message, sentence);
    }
    assert!(queue.run(GetRecord { uuid: "b".to_owned() }).await.is_ok(), "the record stays");
    let none = "There is no data record with the Uuid 'x'".to_owned();
    assert_eq!(refusal(queue.change(QueueAction::Pause, &["x"]).await), (Code::NotFound, none));
    assert_eq!(refusal(queue.change(QueueAction::Pause, &["x", "y"]).await).0, Code::NotFound);
    let reason = "The data record 'b' is not in the queue and cannot be paused".to_owned();
    assert_eq!(refusal(queue.change(QueueAction::Pause, &["x", "b", "c"]).await), (Code::Refused, reason));
    assert_eq!(refusal(queue.change(QueueAction::Pause, &[]).await).0, Code::InvalidInput);
    assert_eq!(refusal(queue.change(QueueAction::Pause, &["a", ""]).await).0, Code::InvalidInput);
    assert_eq!(QueueAction::parse("Pause-Queue").expect("an action"), QueueAction::Pause);
    assert_eq!(refusal(QueueAction::parse("stop")).0, Code::InvalidInput);
}

#[tokio::test]
async fn a_held_record_stays_held_when_its_content_changes() {
    let queue = Queue::start().await;
    queue.insert("orders", "r", "{}").await;
    queue.change(QueueAction::Pause, &["r"]).await.expect("a pause");
    queue.update(&[("r", r#"{"client":{"name":"Ann"}}"#)], None).await.expect("an update");
    assert_eq!(queue.place("r"), Place { status: RecordStatus::Waiting, hold: Hold::Paused });
    assert_eq!(queue.fields("r"), ["name=Ann"]);
}

#[tokio::test]
async fn moved_records_wait_at_the_beginning_of_the_other_flow() {
    let queue = Queue::start().await;
    let data = r#"{"client":[{"name":"Ann"},{"name":"Bob"}],"reason":"late"}"#;
    for uuid in ["a", "b"] {
        queue.insert("orders", uuid, data).await;
    }
    assert_eq!(queue.fields("a"), ["name=Ann", "name=Bob"]);
    queue.put("a", Place { status: RecordStatus::Finished, hold: Hold::None }).await;
    queue.put("b", Place { status: RecordStatus::Processing, hold: Hold::None }).await;
    let to = |uuids: &[&str], flow: &str| MoveToFlow { uuids: texts(uuids), flow: named(flow) };
    let moved = queue.run(to(&["a", "b", "none"], "returns")).await.expect("a move");
    assert_eq!((moved.flow_name.as_str(), moved.changes.message.as_str()), ("returns", "1 flows moved to the new one"));
    let outcomes: Vec<_> = moved.changes.records.iter().map(|change| change.outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, false, false]);
    assert_eq!(queue.fields("a"), ["reason=late"]);
    assert_eq!(queue.place("a"), Place { status: RecordStatus::Waiting, hold: Hold::None });
    let found = queue.run(GetRecord { uuid: "a".to_owned() }).await.expect("the record");
    assert_eq!(
        (found.flow_name.as_str(), found.record.flow, found.record.due),
        ("returns", moved.flow, queue.gateway.app.clock.now())
    );
    assert_eq!(refusal(queue.run(to(&["b"], "returns")).await).0, Code::Refused);
    assert_eq!(refusal(queue.run(to(&["none"], "returns")).await).0, Code::NotFound);
    assert_eq!(refusal(queue.run(to(&["a"], "nowhere")).await).0, Code::NotFound);
    let draft = AddFlow { name: "draft".to_owned(), description: String::new(), graph: "{}".to_owned() };
    queue.gateway.run(draft).await.expect("a draft");
    assert_eq!(refusal(queue.run(to(&["a"], "draft")).await).0, Code::Conflict);
}

fn schema_text(document: &str) -> SchemaText {
    SchemaText { url: String::new(), document: document.to_owned(), sample: "{}".to_owned() }
}

#[tokio::test]
async fn a_declaration_that_is_none_is_refused_where_it_is_set() {
    let queue = Queue::start().await;
    let graph = || r#"{"data_fields":{"name":"client..name"}}"#.to_owned();
    let expected = "The data field 'name' of data_fields must be a path such as client.name or client[0].name";
    let add = AddFlow { name: "new".to_owned(), description: String::new(), graph: graph() };
    assert_eq!(refusal(queue.gateway.run(add).await), (Code::InvalidInput, expected.to_owned()));
    let update = UpdateDraft { flow: "orders".to_owned(), graph: graph(), expected: None };
    assert_eq!(refusal(queue.gateway.run(update).await), (Code::InvalidInput, expected.to_owned()));
    let document = r#"{"x-data-fields":["name"]}"#;
    let expected = "The member x-data-fields must be an object of at most 32 names and paths";
    let insert = InsertSchema(schema_text(document));
    assert_eq!(refusal(queue.gateway.run(insert).await), (Code::InvalidInput, expected.to_owned()));
    queue.gateway.run(InsertSchema(schema_text("{}"))).await.expect("a schema");
    let update = UpdateSchema { text: schema_text(document), expected: None };
    assert_eq!(refusal(queue.gateway.run(update).await), (Code::InvalidInput, expected.to_owned()));
}

#[tokio::test]
async fn records_keep_the_fields_of_when_they_were_accepted_or_updated() {
    let queue = Queue::start().await;
    queue.publish("plain", "{}").await;
    let data = r#"{"client":{"name":"Ann"},"city":"Rome","reason":1.5}"#;
    queue.insert("plain", "before", data).await;
    assert_eq!(queue.gateway.app.store.peek(|tx| tx.query("SELECT name FROM record_field", &[])).expect("rows"), []);
    let document = r#"{"x-data-fields":{"city":"city","name":"city"}}"#;
    queue.gateway.run(InsertSchema(schema_text(document))).await.expect("a schema");
    queue.insert("plain", "plain", data).await;
    queue.insert("orders", "ours", data).await;
    assert_eq!(queue.fields("before"), Vec::<String>::new());
    assert_eq!(queue.fields("plain"), ["city=Rome", "name=Rome"]);
    assert_eq!(queue.fields("ours"), ["name=Ann", "city=Rome"], "the flow's come first and hide the schema's");
    queue.gateway.run(DeleteSchema { expected: None }).await.expect("no schema");
    assert_eq!(queue.fields("plain"), ["city=Rome", "name=Rome"]);
    queue.update(&[("plain", data)], None).await.expect("an update");
    assert_eq!(queue.fields("plain"), Vec::<String>::new());
    let declare =
        UpdateDraft { flow: "plain".to_owned(), graph: diagram(r#"{"data_fields":{"r":"reason"}}"#), expected: None };
    queue.gateway.run(declare).await.expect("a draft");
    queue.insert("plain", "draft", data).await;
    assert_eq!(queue.fields("draft"), Vec::<String>::new(), "a draft declares nothing yet");
    queue.gateway.run(PublishFlow { flow: "plain".to_owned() }).await.expect("a version");
    queue.insert("plain", "published", data).await;
    assert_eq!(queue.fields("published"), ["r=1.5"]);
}

#[tokio::test]
async fn several_records_are_updated_together_or_not_at_all() {
    let queue = Queue::start().await;
    queue.insert("orders", "a", "{}").await;
    queue.insert("returns", "b", "{}").await;
    let new = r#"{"new":1}"#;
    let updates = ["b", "a"].map(|uuid| RecordUpdate { uuid: uuid.to_owned(), data: new.to_owned().into() });
    let update = UpdateRecords { updates: updates.into(), execution_time: None, flow: None, expected: None };
    let updated = queue.run(update).await.expect("an update").records;
    let shown: Vec<_> = updated.iter().map(|record| (record.uuid.as_str(), record.flow_name.as_str())).collect();
    assert_eq!(shown, [("b", "returns"), ("a", "orders")]);
    let before = queue.revision("a").await;
    assert_eq!(refusal(queue.update(&[("a", "{}"), ("none", "{}")], None).await).0, Code::NotFound);
    let (code, message) = refusal(queue.update(&[("a", "{}"), ("b", "1")], None).await);
    assert_eq!(
        (code, message.as_str()),
        (Code::InvalidInput, "Record 1 of Data must be a JSON object, or an array of objects")
    );
    assert_eq!(refusal(queue.update(&[("a", "{}"), ("a", "{}")], None).await).0, Code::InvalidInput);
    assert_eq!(refusal(queue.update(&[], None).await).0, Code::InvalidInput);
    queue.put("b", Place { status: RecordStatus::Processing, hold: Hold::None }).await;
    assert_eq!(refusal(queue.update(&[("a", "{}"), ("b", "{}")], None).await).0, Code::InUse);
    assert_eq!(queue.revision("a").await, before);
}

#[tokio::test]
async fn a_change_waits_a_while_for_a_record_that_is_being_used() {
    let queue = Queue::start().await;
    let waiting = Place { status: RecordStatus::Waiting, hold: Hold::None };
    let release = async || {
        queue.put("r", waiting).await;
        queue.gateway.app.waiters.wake(queue.client.customer().id, "r");
    };
    queue.insert("orders", "r", "{}").await;
    queue.put("r", Place { status: RecordStatus::Processing, hold: Hold::None }).await;
    // The first attempt comes before the release: what is written is written in the order in which it was asked for.
    let (updated, ()) = tokio::join!(queue.update(&[("r", r#"{"new":1}"#)], None), release());
    updated.expect("an update");
    queue.put("r", Place { status: RecordStatus::Processing, hold: Hold::None }).await;
    let delete = DeleteRecord { uuid: "r".to_owned(), expected: None };
    let (deleted, ()) = tokio::join!(queue.run(delete), release());
    assert_eq!(deleted.expect("a removal").uuid, "r");
}

#[tokio::test]
async fn a_change_can_depend_on_what_was_last_seen() {
    let queue = Queue::start().await;
    queue.insert("orders", "r", "{}").await;
    let first = queue.revision("r").await;
    assert_eq!(Revision::parse(&first.to_string()), Some(first));
    assert_eq!(Revision::parse("+0000000000000000000000000000000"), None);
    queue.update(&[("r", r#"{"a":1}"#)], Some(vec![first])).await.expect("an update");
    let second = queue.revision("r").await;
    assert_ne!(first, second);
    assert_eq!(refusal(queue.update(&[("r", "{}")], Some(vec![first])).await).0, Code::Outdated);
    assert_eq!(refusal(queue.update(&[("r", "{}")], Some(Vec::new())).await).0, Code::Outdated);
    queue.change(QueueAction::Pause, &["r"]).await.expect("a pause");
    let third = queue.revision("r").await;
    let remove = |expected| DeleteRecord { uuid: "r".to_owned(), expected: Some(expected) };
    assert_eq!(refusal(queue.run(remove(vec![first, second])).await).0, Code::Outdated);
    let removed = queue.run(remove(vec![first, third])).await.expect("a removal");
    assert_eq!((removed.uuid.as_str(), removed.flow_name.as_str()), ("r", "orders"));
    assert_eq!(refusal(queue.run(remove(vec![third])).await).0, Code::NotFound);

    queue.gateway.run(InsertSchema(schema_text("{}"))).await.expect("a schema");
    let seen = Revision::of_schema(&queue.run(GetSchema).await.expect("the schema").schema);
    let update = |expected| UpdateSchema { text: schema_text("{\"title\":\"t\"}"), expected: Some(vec![expected]) };
    queue.gateway.run(update(seen)).await.expect("an update");
    assert_eq!(refusal(queue.gateway.run(update(seen)).await).0, Code::Outdated);
    assert_eq!(refusal(queue.gateway.run(DeleteSchema { expected: Some(vec![seen]) }).await).0, Code::Outdated);
    let seen = Revision::of_schema(&queue.run(GetSchema).await.expect("the schema").schema);
    queue.gateway.run(DeleteSchema { expected: Some(vec![seen]) }).await.expect("a removal");

    let diagram = || GetFlowDiagram { flow: named("orders") };
    let before = Revision::of_flow_diagram(&queue.gateway.run(diagram()).await.expect("a flow"));
    assert_eq!(Revision::of_flow_diagram(&queue.gateway.run(diagram()).await.expect("a flow")), before);
    let draft = UpdateDraft { flow: "orders".to_owned(), graph: SMALLEST.to_owned(), expected: None };
    queue.gateway.run(draft).await.expect("a draft");
    queue.gateway.run(PublishFlow { flow: "orders".to_owned() }).await.expect("a version");
    assert_ne!(Revision::of_flow_diagram(&queue.gateway.run(diagram()).await.expect("a flow")), before);
}

/// How many rows the query gives.
fn count(queue: &Queue, sql: &str, value: &str) -> usize {
    let parameters: &[Value<'_>] = if sql.contains("$1") { &[Value::Text(value)] } else { &[] };
    queue.gateway.app.store.peek(|tx| tx.query(sql, parameters)).expect("rows").len()
}

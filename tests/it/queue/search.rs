//! Searching: each filter, what a row shows, what is refused, and the same answers as a loop over all records gives.

use flowgate::error::Code;
use flowgate::model::account::CustomerId;
use flowgate::model::flow::FlowId;
use flowgate::model::record::{FieldValue, Hold, Place, RecordStatus};
use flowgate::model::search::{Content, DateType, FoundRecord, Page};
use flowgate::model::time::Timestamp;
use flowgate::operation::account::AddCustomer;
use flowgate::operation::queue::QueueAction;
use flowgate::operation::search::{FoundRecords, SearchTexts};
use flowgate::store::record::{self, NewRecord};
use flowgate::store::search::{self, Filter};
use flowgate::store::{Store, Tx, account, field, flow};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{Queue, execute, insertion, refusal};
use crate::support::wait;

impl Queue {
    async fn search(&self, texts: SearchTexts, content: Content) -> FoundRecords {
        let search = texts.parse(&self.gateway.app, content).expect("a search");
        self.run(search).await.expect("rows")
    }

    async fn found(&self, change: impl FnOnce(&mut SearchTexts)) -> Vec<String> {
        let mut texts = SearchTexts::default();
        change(&mut texts);
        let found = self.search(texts, Content::Omitted).await;
        assert_eq!(usize::try_from(found.total).expect("a number"), found.records.len());
        found.records.into_iter().map(|record| record.uuid).collect()
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn every_filter_finds_what_it_says() {
    let queue = Queue::start().await;
    let clock = queue.gateway.app.clock.clone();
    let start = clock.now();
    for (uuid, flow, data) in [
        ("a", "orders", r#"{"client":{"name":"Ann"}}"#),
        ("b", "orders", r#"{"client":[{"name":"Bob"},{"name":"Ann"}]}"#),
        ("c", "returns", r#"{"reason":"late"}"#),
    ] {
        queue.insert(flow, uuid, data).await;
        clock.advance(1_000);
    }
    queue.put("b", Place { status: RecordStatus::Finished, hold: Hold::None }).await;
    queue.change(QueueAction::Pause, &["c"]).await.expect("a pause");
    assert_eq!(queue.found(|_| {}).await, ["c", "b", "a"]);
    assert_eq!(queue.found(|texts| texts.uuid = text("b")).await, ["b"]);
    assert_eq!(queue.found(|texts| texts.flow_name = text("orders")).await, ["b", "a"]);
    assert_eq!(queue.found(|texts| texts.flow_name = text("2")).await, ["c"]);
    assert_eq!(queue.found(|texts| texts.flow_name = text("nowhere")).await, Vec::<String>::new());
    assert_eq!(queue.found(|texts| texts.datarecord_status = text("0")).await, ["c", "a"]);
    assert_eq!(queue.found(|texts| texts.datarecord_status = text("2")).await, ["b"]);
    assert_eq!(queue.found(|texts| texts.datafield_name = text("name")).await, ["b", "a"]);
    let named = |texts: &mut SearchTexts, value: &str| {
        (texts.datafield_name, texts.datafield_value) = (text("name"), text(value));
    };
    assert_eq!(queue.found(|texts| named(texts, "Ann")).await, ["b", "a"]);
    assert_eq!(queue.found(|texts| named(texts, "Bob")).await, ["b"]);
    assert_eq!(queue.found(|texts| named(texts, "bob")).await, Vec::<String>::new());
    assert_eq!(queue.found(|texts| texts.date_from = text(&Timestamp(start.0 + 1_000).to_atom())).await, ["c", "b"]);
    assert_eq!(queue.found(|texts| texts.date_to = text(&Timestamp(start.0 + 1_000).to_atom())).await, ["b", "a"]);
    let started = |texts: &mut SearchTexts| {
        (texts.date_type, texts.date_from) = (text("date_started"), text("2000-01-01"));
    };
    assert_eq!(queue.found(started).await, Vec::<String>::new());
}

#[tokio::test]
async fn data_that_are_too_large_together_are_not_read() {
    let queue = Queue::start().await;
    let most = queue.gateway.app.config.server.body_limit;
    let large = format!(r#"{{"a":"{}"}}"#, "ä".repeat(most / 6));
    for uuid in ["a", "b", "c"] {
        queue.insert("orders", uuid, &large).await;
    }
    let search = |limit: &str, content| {
        let texts = SearchTexts { limit: text(limit), ..SearchTexts::default() };
        queue.run(texts.parse(&queue.gateway.app, content).expect("a search"))
    };
    let (code, told) = refusal(search("3", Content::Included).await);
    assert_eq!(code, Code::InvalidInput);
    assert_eq!(
        told,
        format!(
            "The data of these records are {} bytes together, and one answer holds {most}; ask for fewer with the limit, or \
             without the data",
            3 * large.len()
        )
    );
    for (limit, content) in [("2", Content::Included), ("3", Content::Omitted)] {
        assert_eq!(search(limit, content).await.expect("rows").total, 3);
    }
}

#[tokio::test]
async fn a_row_shows_where_a_record_stands() {
    let queue = Queue::start().await;
    let now = queue.gateway.app.clock.now();
    let mut later = insertion("orders", "r", r#"{"client":[{"name":"Bob"},{"name":"Ann"}]}"#);
    later.submissions[0].execution_time = text("2040-01-01T00:00:00Z");
    queue.run(later).await.expect("a record");
    let row = |found: FoundRecords| -> FoundRecord { found.records.into_iter().next().expect("a row") };
    let shown = row(queue.search(SearchTexts::default(), Content::Omitted).await);
    assert_eq!((shown.flow, shown.flow_name.as_str(), shown.flow_version), (FlowId(1), "orders", 1));
    assert_eq!((shown.created, shown.started, shown.last_run, shown.num_runs), (now, None, None, 0));
    assert_eq!(shown.next_run, Timestamp::parse_atom("2040-01-01T00:00:00Z"));
    assert_eq!((shown.dynamic_value.as_str(), shown.data), ("Bob", None));
    assert_eq!((shown.place.status.name(), shown.step), ("Scheduled", None));
    assert_eq!(shown.place.queue_status().map(|status| status.number()), Some("4"));
    let texts = SearchTexts { datafield_name: text("name"), datafield_value: text("Ann"), ..SearchTexts::default() };
    let shown = row(queue.search(texts, Content::Included).await);
    assert_eq!(shown.dynamic_value, "Ann");
    assert_eq!(shown.data.as_deref(), Some(r#"{"client":[{"name":"Bob"},{"name":"Ann"}]}"#));
    queue.change(QueueAction::Remove, &["r"]).await.expect("a removal");
    let shown = row(queue.search(SearchTexts::default(), Content::Omitted).await);
    assert_eq!((shown.next_run, shown.place.queue_status()), (None, None));
}

#[tokio::test]
async fn pages_have_the_total_of_all() {
    let queue = Queue::start().await;
    for number in 0..12 {
        queue.insert("orders", &format!("r-{number}"), "{}").await;
    }
    for (limit, offset, first, rows) in [
        (None, None, Some("r-11"), 10),
        (text("5"), text("10"), Some("r-1"), 2),
        (text("1"), text("0"), Some("r-11"), 1),
        (text(""), text("12"), None, 0),
        (text("3"), text("9223372036854775807"), None, 0),
    ] {
        let texts = SearchTexts { limit, offset, ..SearchTexts::default() };
        let found = queue.search(texts, Content::Omitted).await;
        assert_eq!((found.total, found.records.len()), (12, rows));
        assert_eq!(found.records.first().map(|record| record.uuid.as_str()), first);
    }
}

#[tokio::test]
async fn what_cannot_be_searched_by_is_named() {
    let queue = Queue::start().await;
    let most = queue.gateway.app.config.api.search_limit;
    type Set = fn(&mut SearchTexts, Option<String>);
    let cases: [(Set, &[&str], &str); 8] = [
        (|texts, text| texts.limit = text, &["abc", "0", "-1", "1.5", "9223372036854775808"], "limit"),
        (|texts, text| texts.offset = text, &["x", "-1", "9223372036854775808"], "offset"),
        (|texts, text| texts.datarecord_status = text, &["7", "-1", "Finished"], "datarecord_status"),
        (|texts, text| texts.datafield_value = text, &["value without name"], "datafield_name"),
        (|texts, text| texts.date_type = text, &["created"], "date_type"),
        (|texts, text| texts.date_from = text, &["today", "2017-02-30"], "date_from"),
        (|texts, text| texts.date_to = text, &["31-12"], "date_to"),
        (|texts, text| texts.uuid = text, &["a\nb"], "Uuid"),
    ];
    for (set, values, name) in cases {
        for value in values {
            let mut texts = SearchTexts::default();
            set(&mut texts, text(value));
            let (code, message) = refusal(texts.parse(&queue.gateway.app, Content::Omitted));
            assert_eq!(code, Code::InvalidInput);
            assert!(message.contains(name), "{message}");
        }
    }
    let mut texts = SearchTexts { limit: text(&most.to_string()), ..SearchTexts::default() };
    assert!(texts.parse(&queue.gateway.app, Content::Omitted).is_ok());
    texts.limit = text(&(u64::from(most) + 1).to_string());
    assert_eq!(refusal(texts.parse(&queue.gateway.app, Content::Omitted)).0, Code::InvalidInput);
}

#[tokio::test]
async fn the_records_of_others_are_never_found() {
    let queue = Queue::start().await;
    queue.insert("orders", "r", r#"{"client":{"name":"Ann"}}"#).await;
    let add = AddCustomer { name: "Other".to_owned(), api_key: None };
    let other = queue.gateway.run(add).await.expect("a customer").customer;
    let other = flowgate::auth::operator(Some(other));
    for texts in [
        SearchTexts::default(),
        SearchTexts { uuid: text("r"), ..SearchTexts::default() },
        SearchTexts { datafield_name: text("name"), ..SearchTexts::default() },
        SearchTexts { flow_name: text("orders"), ..SearchTexts::default() },
    ] {
        let search = texts.parse(&queue.gateway.app, Content::Included).expect("a search");
        let found = execute(&queue.gateway.app, &other, search).await.expect("no rows");
        assert_eq!((found.total, found.records), (0, Vec::new()));
    }
}

/// A record of the model.
#[derive(Clone, Debug)]
struct Known {
    customer: usize,
    flow: i64,
    status: RecordStatus,
    created: i64,
    fields: Vec<(&'static str, &'static str)>,
}

fn any_known() -> impl Strategy<Value = Known> {
    let fields = vec![("a", "1"), ("a", "2"), ("b", "1"), ("b", "'")];
    (0..2_usize, 1..3_i64, select(RecordStatus::ALL.to_vec()), 0..6_i64, subsequence(fields, 0..=4))
        .prop_map(|(customer, flow, status, created, fields)| Known { customer, flow, status, created, fields })
}

type Asked = (Option<usize>, Option<i64>, Option<RecordStatus>, Option<(&'static str, Option<&'static str>)>);

fn any_asked() -> impl Strategy<Value = (Asked, Option<i64>, Option<i64>, Page)> {
    let field = (select(vec!["a", "b", "c"]), proptest::option::of(select(vec!["1", "2", "'", "%"])));
    let asked = (
        proptest::option::weighted(0.2, 0..12_usize),
        proptest::option::of(1..4_i64),
        proptest::option::weighted(0.3, select(RecordStatus::ALL.to_vec())),
        proptest::option::of(field),
    );
    let bound = || proptest::option::weighted(0.3, 0..6_i64);
    (asked, bound(), bound(), (1..5_i64, 0..4_i64).prop_map(|(limit, offset)| Page { limit, offset }))
}

fn store_all(tx: &mut dyn Tx, known: &[Known], round: u64) -> flowgate::error::Result<Vec<CustomerId>> {
    let mut customers = Vec::new();
    for whose in 0..2 {
        let name = format!("{round} {whose}");
        let customer = account::insert_customer(tx, &name, name.as_bytes(), Timestamp(0))?;
        flow::insert(tx, customer, "one", "", "{}", Timestamp(0))?;
        flow::insert(tx, customer, "two", "", "{}", Timestamp(0))?;
        customers.push(customer);
    }
    for (number, known) in known.iter().enumerate() {
        let (customer, uuid) = (customers[known.customer], number.to_string());
        let new = NewRecord {
            customer,
            uuid: &uuid,
            flow: FlowId(known.flow),
            flow_version: 1,
            data: "{}",
            request_hash: b"",
            status: known.status,
            due: Timestamp(0),
            created: Timestamp(known.created),
        };
        record::insert(tx, &new)?;
        let value = |(name, value): &(&str, &str)| FieldValue { name: (*name).to_owned(), value: (*value).to_owned() };
        field::insert(tx, customer, &uuid, &known.fields.iter().map(value).collect::<Vec<_>>())?;
    }
    Ok(customers)
}

#[test]
fn a_search_finds_what_a_loop_over_all_records_finds() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path(), &Default::default()).expect("a store");
    let round = std::cell::Cell::new(0_u64);
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let records = proptest::collection::vec(any_known(), 0..12);
    let outcome = runner.run(&(records, proptest::collection::vec(any_asked(), 8)), |(known, searches)| {
        round.set(round.get() + 1);
        let (kept, number) = (known.clone(), round.get());
        let customers = wait(store.write(move |tx| store_all(tx, &kept, number))).expect("the store works");
        for ((uuid, flow, status, field), from, to, page) in searches {
            let mut expected: Vec<(i64, usize)> = known
                .iter()
                .enumerate()
                .filter(|(number, known)| {
                    let has = |(name, value): (&str, Option<&str>)| {
                        known.fields.iter().any(|(own, held)| *own == name && value.is_none_or(|value| value == *held))
                    };
                    known.customer == 0
                        && uuid.is_none_or(|uuid| uuid == *number)
                        && flow.is_none_or(|flow| flow == known.flow)
                        && status.is_none_or(|status| status == known.status)
                        && field.is_none_or(has)
                        && from.is_none_or(|from| known.created >= from)
                        && to.is_none_or(|to| known.created <= to)
                })
                .map(|(number, known)| (known.created, number))
                .collect();
            expected.sort_unstable();
            expected.reverse();
            let uuid = uuid.map(|uuid| uuid.to_string());
            let filter = Filter {
                customer: customers[0],
                uuid: uuid.as_deref(),
                flow: flow.map(FlowId),
                status,
                field,
                date: DateType::Created,
                from: from.map(Timestamp),
                to: to.map(Timestamp),
            };
            let (total, found) = store
                .peek(|tx| {
                    let rows = search::list(tx, &filter, page, Content::Omitted, Timestamp(0))?;
                    Ok((search::count(tx, &filter)?, rows))
                })
                .expect("the store works");
            prop_assert_eq!(usize::try_from(total).expect("a number"), expected.len());
            let (limit, offset) = (usize::try_from(page.limit), usize::try_from(page.offset));
            let expected = expected.into_iter().map(|(_, number)| number.to_string());
            let expected: Vec<_> = expected.skip(offset.expect("a number")).take(limit.expect("a number")).collect();
            prop_assert_eq!(found.into_iter().map(|record| record.uuid).collect::<Vec<_>>(), expected);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

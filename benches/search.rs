//! What a search of records costs, by how many there are and by what is asked for.
//!
//! `cargo bench --bench search` fills one database after the other, which takes a minute, and prints a table of medians.
//! Figures are of this machine and this minute.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement stops where it cannot measure, and is printed"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::time::Instant;

use flowgate::error::Result;
use flowgate::model::account::CustomerId;
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::record::{FieldValue, RecordStatus};
use flowgate::model::search::{Content, DateType, Page};
use flowgate::model::time::Timestamp;
use flowgate::store::record::NewRecord;
use flowgate::store::search::{self, Filter};
use flowgate::store::{Options, Store, Tx, account, field, flow, record};

const BEGIN: i64 = 1_768_478_400_000;
/// Between two records.
const STEP: i64 = 1_000;
/// Records in a transaction while the database is filled.
const BATCH: i64 = 10_000;
/// Times each search is run, after one that warms the cache.
const RUNS: usize = 7;

fn main() {
    println!("| records | search | found | page ms | total ms |\n|---|---|---|---|---|");
    for count in [1_000, 100_000, 1_000_000] {
        measure(count);
    }
}

fn uuid(number: i64) -> String {
    format!("01980000-0000-7000-8000-{number:012}")
}

/// Half of the records belong to another customer. Of each thousand one has failed, and five have the looked-for city.
fn fill(store: &Store, runtime: &tokio::runtime::Runtime, count: i64) -> CustomerId {
    let customers = runtime
        .block_on(store.administer(|tx| {
            let mut made = Vec::new();
            for name in ["Measured", "Other"] {
                let customer = account::insert_customer(tx, name, name.as_bytes(), Timestamp(BEGIN))?;
                let flow = flow::insert(tx, customer, "Leads", "", "{}", Timestamp(BEGIN))?;
                flow::publish(tx, customer, flow, FlowStatus::Public, Timestamp(BEGIN))?;
                made.push((customer, flow));
            }
            Ok(made)
        }))
        .expect("customers");
    for begin in (0..count).step_by(usize::try_from(BATCH).expect("a size")) {
        let customers = customers.clone();
        let work = move |tx: &mut dyn Tx| {
            for number in begin..(begin + BATCH).min(count) {
                for &(customer, flow) in &customers {
                    insert(tx, customer, flow, number)?;
                }
            }
            Ok(())
        };
        runtime.block_on(store.write(work)).expect("records");
    }
    customers.first().expect("a customer").0
}

fn insert(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId, number: i64) -> Result<()> {
    let (uuid, at) = (uuid(number), Timestamp(BEGIN + number * STEP));
    let new = NewRecord {
        customer,
        uuid: &uuid,
        flow,
        flow_version: 1,
        data: &format!(r#"{{"city":"City {}","text":"{}"}}"#, number % 200, "x".repeat(400)),
        request_hash: &[0; 32],
        status: if number % 1_000 == 7 { RecordStatus::Failed } else { RecordStatus::Finished },
        due: at,
        created: at,
    };
    record::insert(tx, &new)?;
    let city = FieldValue { name: "city".to_owned(), value: format!("City {}", number % 200) };
    field::insert(tx, customer, &uuid, &[city])
}

fn measure(count: i64) {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = Store::open(directory.path(), &Options::default()).expect("a store");
    let customer = fill(&store, &runtime, count);
    let all = Filter {
        customer,
        uuid: None,
        flow: None,
        status: None,
        field: None,
        date: DateType::Created,
        from: None,
        to: None,
    };
    let middle = uuid(count / 2);
    let at = |number: i64| Some(Timestamp(BEGIN + number * STEP));
    let first = Page { limit: 10, offset: 0 };
    let deep = Page { limit: 10, offset: count * 9 / 10 };
    for (name, filter, page) in [
        ("everything", all, first),
        ("everything, from 90% on", all, deep),
        ("status 3, one in a thousand", Filter { status: Some(RecordStatus::Failed), ..all }, first),
        ("status 2, nearly all", Filter { status: Some(RecordStatus::Finished), ..all }, first),
        ("uuid", Filter { uuid: Some(&middle), ..all }, first),
        ("flow", Filter { flow: Some(FlowId(1)), ..all }, first),
        ("data field, one in 200", Filter { field: Some(("city", Some("City 7"))), ..all }, first),
        ("data field, any value", Filter { field: Some(("city", None)), ..all }, first),
        ("data field that none has", Filter { field: Some(("city", Some("Nowhere"))), ..all }, first),
        ("a hundredth by date", Filter { from: at(count / 2), to: at(count / 2 + count / 100), ..all }, first),
        ("started, which none is", Filter { date: DateType::Started, from: at(0), ..all }, first),
    ] {
        let mut found = 0;
        let times = [true, false].map(|is_page| {
            let mut search = || {
                let begun = Instant::now();
                store
                    .peek(|tx| {
                        if is_page {
                            search::list(tx, &filter, page, Content::Omitted, Timestamp(BEGIN)).map(drop)
                        } else {
                            found = search::count(tx, &filter)?;
                            Ok(())
                        }
                    })
                    .expect("a search");
                begun.elapsed().as_secs_f64() * 1_000.0
            };
            search();
            let mut runs = [(); RUNS].map(|()| search());
            runs.sort_by(f64::total_cmp);
            runs.get(RUNS / 2).copied().unwrap_or_default()
        });
        let [listed, counted] = times;
        println!("| {count} | {name} | {found} | {listed:.2} | {counted:.2} |");
    }
}

//! What it costs to count a request and to put its identifier on the lines of the log, to write the metrics, and to
//! count a million records for them.
//!
//! `cargo bench --bench metrics`. Figures are of this machine and this minute.

#![expect(clippy::expect_used, reason = "a measurement stops where it cannot measure")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use flowgate::error::{Code, Result};
use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus;
use flowgate::model::time::Timestamp;
use flowgate::store::record::NewRecord;
use flowgate::store::{Options, Store, Tx, account, flow, queue, record};
use flowgate::telemetry::context::{Context, within_sync};
use flowgate::telemetry::metrics::{Dialect, Metrics};

const OPERATIONS: [&str; 20] =
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "insertRecord", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s"];

/// Records that are counted.
const RECORDS: i64 = 1_000_000;
/// Records in a transaction while the database is filled.
const BATCH: i64 = 10_000;

/// Metrics in which every operation was used in two dialects.
fn filled() -> Metrics {
    let metrics = Metrics::default();
    for operation in OPERATIONS {
        for dialect in [Dialect::Soap, Dialect::Rest] {
            metrics.request_ended(dialect, Some(operation), Some(Code::NotFound), Duration::from_millis(3));
        }
    }
    metrics
}

fn counting(criterion: &mut Criterion) {
    let metrics = filled();
    criterion.bench_function("a request is counted", |bencher| {
        bencher.iter(|| {
            let in_flight = metrics.request_began();
            metrics.request_ended(Dialect::Soap, black_box(Some("insertRecord")), None, Duration::from_micros(300));
            metrics.replied(black_box(200));
            drop(in_flight);
        });
    });
    let id: Arc<str> = "0123456789abcdef0123456789abcdef-1".into();
    criterion.bench_function("a request's identifier is put on its lines", |bencher| {
        bencher.iter(|| within_sync(Context::new([("request_id", Arc::clone(&id))]), || black_box(())));
    });
    criterion.bench_function("the metrics of 40 operations are written", |bencher| {
        bencher.iter(|| metrics.expose(Vec::new()).map(|text| text.len()));
    });
}

/// A store with records that all wait.
fn waiting(directory: &std::path::Path) -> Result<Store> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = Store::open(directory, &Options::default())?;
    let (customer, flow) = runtime.block_on(store.administer(|tx| {
        let customer = account::insert_customer(tx, "Measured", b"key", Timestamp(0))?;
        let flow = flow::insert(tx, customer, "Leads", "", "{}", Timestamp(0))?;
        flow::publish(tx, customer, flow, FlowStatus::Public, Timestamp(0))?;
        Ok((customer, flow))
    }))?;
    let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(480));
    for begin in (0..RECORDS).step_by(usize::try_from(BATCH).expect("a size")) {
        let data = data.clone();
        let work = move |tx: &mut dyn Tx| {
            for number in begin..begin + BATCH {
                let new = NewRecord {
                    customer,
                    uuid: &format!("01980000-0000-7000-8000-{number:012}"),
                    flow,
                    flow_version: 1,
                    data: &data,
                    request_hash: &[0; 32],
                    status: RecordStatus::Waiting,
                    due: Timestamp(number),
                    created: Timestamp(number),
                };
                record::insert(tx, &new)?;
            }
            Ok(())
        };
        runtime.block_on(store.write(work))?;
    }
    Ok(store)
}

fn depth(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = waiting(directory.path()).expect("records");
    let mut group = criterion.benchmark_group("of a million records");
    group.sample_size(10);
    group.bench_function("the queue is counted", |bencher| {
        bencher.iter(|| store.peek(|tx| queue::count_waiting(tx, Timestamp(RECORDS / 2))).expect("a count"));
    });
    group.bench_function("10,000 are counted by status", |bencher| {
        bencher.iter(|| store.peek(|tx| queue::count_statuses(tx, RECORDS / 2, 10_000)).expect("a count"));
    });
    group.finish();
}

criterion_group!(benches, counting, depth);
criterion_main!(benches);

//! What the engine costs: records through a flow of three steps beside the same records merely inserted, and taking up
//! records when few or very many wait.
//!
//! Everything is durable, and in one process: the records are inserted by 64 tasks through the operation, without HTTP,
//! while the flow is paused; then the flow is resumed, and the time is taken until the last record has ended. The order
//! of rounds is insert, run, insert, run, and medians are reported. Run it with `cargo bench --bench flow`; the disk is
//! that of `target/` or of the folder named in the first argument.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement stops where it cannot measure, and is printed"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::{self, Caller};
use flowgate::config::Config;
use flowgate::engine::Engine;
use flowgate::error::Result;
use flowgate::model::account::CustomerId;
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::record::RecordStatus;
use flowgate::model::time::Timestamp;
use flowgate::operation::diagram::{ChangeFlowStatus, FlowReference};
use flowgate::operation::execute;
use flowgate::operation::flow::{AddFlow, PublishFlow};
use flowgate::operation::record::{InsertRecords, Submission};
use flowgate::store::record::NewRecord;
use flowgate::store::run::{self, Lease, Place};
use flowgate::store::{Options, Store, Tx, account, flow, record};

/// What the program allocates with as well.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of a round.
const RECORDS: usize = 30_000;
/// Rounds.
const ROUNDS: usize = 5;
/// Tasks that insert at once.
const TASKS: usize = 64;

const GRAPH: &str = r#"{
    "nodes": [
        {"id": "shape", "kind": "transform", "fields": {"output": {"name": "{{ client[0].name }}", "adults": "{{ $count(client[age >= 18]) }}"}}},
        {"id": "which", "kind": "branch"},
        {"id": "adult", "kind": "transform", "fields": {"output": {"greeting": "Dear {{ name }}", "of": "{{ adults }}"}}},
        {"id": "minor", "kind": "transform", "fields": {"output": {"greeting": "Hello {{ name }}"}}}
    ],
    "edges": [
        {"source": "shape", "target": "which"},
        {"source": "which", "target": "adult", "when": "adults > 0"},
        {"source": "which", "target": "minor"}
    ]
}"#;

fn main() {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let parent = named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(throughput(&parent));
    println!();
    runtime.block_on(claims(&parent));
}

/// Seconds of processor time that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a figure");
    let fields: Vec<_> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|place| fields[*place].parse::<f64>().expect("a number")).sum();
    ticks / 100.0
}

async fn throughput(parent: &Path) {
    let directory = tempfile::tempdir_in(parent).expect("a folder");
    let app = app(directory.path());
    let caller = customer(&app).await;
    execute(&app, &caller, AddFlow { name: "three".to_owned(), description: String::new(), graph: GRAPH.to_owned() })
        .await
        .expect("a flow");
    execute(&app, &caller, PublishFlow { flow: "three".to_owned() }).await.expect("a version");
    let engine = Engine::start(Arc::clone(&app)).expect("the engine");
    let (mut inserts, mut runs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        status(&app, &caller, FlowStatus::Paused).await;
        inserts.push(measure(insert(&app, &caller, round)).await);
        let begin = (Instant::now(), cpu());
        status(&app, &caller, FlowStatus::Running).await;
        until_ended(&app, (round + 1) * RECORDS).await;
        runs.push((begin.0.elapsed().as_secs_f64(), cpu() - begin.1));
    }
    engine.stop(Duration::from_secs(10)).await;
    let per_second = |seconds: f64| RECORDS as f64 / seconds;
    let micros = |seconds: f64| seconds / RECORDS as f64 * 1e6;
    let (insert, run) = (median(&inserts), median(&runs));
    println!("{ROUNDS} rounds of {RECORDS} records, medians\n");
    println!("| | records/s | CPU µs/record |\n|---|---|---|");
    println!("| insert alone, {TASKS} at once | {:.0} | {:.1} |", per_second(insert.0), micros(insert.1));
    println!("| three steps (transform, branch, transform) | {:.0} | {:.1} |", per_second(run.0), micros(run.1));
    println!("\nratio of the rates: {:.2}; of the CPU: {:.2}", insert.0 / run.0, run.1 / insert.1);
}

async fn measure(work: impl Future<Output = ()>) -> (f64, f64) {
    let begin = (Instant::now(), cpu());
    work.await;
    (begin.0.elapsed().as_secs_f64(), cpu() - begin.1)
}

fn median(figures: &[(f64, f64)]) -> (f64, f64) {
    let middle = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    (middle(figures.iter().map(|figure| figure.0).collect()), middle(figures.iter().map(|figure| figure.1).collect()))
}

fn app(directory: &Path) -> Arc<App> {
    let store = Store::open(directory, &Options::default()).expect("a store");
    Arc::new(App::new(Config::for_testing(), store, Clock::system()))
}

async fn customer(app: &App) -> Caller {
    app.store
        .administer(|tx| account::insert_customer(tx, "Measured", b"key", Timestamp(0)))
        .await
        .expect("a customer");
    auth::operator(app.store.peek(|tx| account::find_customer(tx, "Measured")).expect("a read"))
}

fn three() -> FlowReference {
    FlowReference { id: None, name: Some("three".to_owned()) }
}

async fn status(app: &App, caller: &Caller, status: FlowStatus) {
    let change = ChangeFlowStatus { flow: three(), status: status.name().to_owned() };
    execute(app, caller, change).await.expect("a status");
}

async fn insert(app: &Arc<App>, caller: &Caller, round: usize) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (app, caller) = (Arc::clone(app), caller.clone());
            tokio::spawn(async move {
                for number in (task..RECORDS).step_by(TASKS) {
                    let street = "x".repeat(400);
                    let data = format!(
                        r#"{{"client":[{{"name":"Jane {round} {number}","street":"{street}","postcode":"1234 AB","age":41}}]}}"#
                    );
                    let submission = Submission { uuid: None, execution_time: None, data: data.into() };
                    let insertion = InsertRecords { flow: three(), submissions: vec![submission] };
                    execute(&app, &caller, insertion).await.expect("an insertion");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
}

async fn until_ended(app: &App, count: usize) {
    let count = i64::try_from(count).expect("a number");
    let ended = move |tx: &mut dyn Tx| {
        let rows = tx.query("SELECT 1 FROM record WHERE waits_until IS NOT NULL LIMIT 1", &[])?;
        if !rows.is_empty() {
            return Ok(false);
        }
        let rows =
            tx.query("SELECT COUNT(*) FROM record WHERE status = $1", &[RecordStatus::Finished.number().into()])?;
        Ok(rows[0].integer(0)? == count)
    };
    while !app.store.peek(ended).expect("a read") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn claims(parent: &Path) {
    println!("| records waiting | looking for work µs | taking up 64 and leaving them, ms |\n|---|---|---|");
    for count in [1_000_i64, 100_000, 1_000_000] {
        let directory = tempfile::tempdir_in(parent).expect("a folder");
        let store = Store::open(directory.path(), &Options::default()).expect("a store");
        let (customer, flow) = fill(&store, count).await;
        let looks: Vec<_> = (0..101).map(|_| timed(|| drop(store.peek(run::lanes).expect("a read")))).collect();
        let mut taken = Vec::new();
        for round in 0..51_i64 {
            let begin = Instant::now();
            store.write(move |tx| take_and_leave(tx, customer, flow, round)).await.expect("a write");
            taken.push(begin.elapsed().as_secs_f64());
        }
        println!("| {count} | {:.0} | {:.2} |", middle(looks) * 1e6, middle(taken) * 1e3);
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn take_and_leave(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId, round: i64) -> Result<()> {
    let (token, now) = (format!("bench-{round}"), Timestamp(2_000_000_000));
    let claims = run::claim(tx, customer, flow, 64, Lease { token: &token, until: Timestamp(i64::MAX) }, now)?;
    assert_eq!(claims.len(), 64);
    for claim in claims {
        let place = Place { status: RecordStatus::Waiting, step: None, input_step: None, attempt: 0, due: Some(now) };
        assert!(run::leave(tx, claim.record, &token, place)?);
    }
    Ok(())
}

/// Half of the records wait in a flow that is paused.
async fn fill(store: &Store, count: i64) -> (CustomerId, FlowId) {
    let (customer, flows) = store
        .administer(|tx| {
            let customer = account::insert_customer(tx, "Measured", b"key", Timestamp(0))?;
            let mut flows = Vec::new();
            for (name, status) in [("paused", FlowStatus::Paused), ("running", FlowStatus::Running)] {
                let flow = flow::insert(tx, customer, name, "", GRAPH, Timestamp(0))?;
                flow::publish(tx, customer, flow, status, Timestamp(0))?;
                flows.push(flow);
            }
            Ok((customer, flows))
        })
        .await
        .expect("a customer");
    for begin in (0..count).step_by(10_000) {
        let flows = flows.clone();
        let insert = move |tx: &mut dyn Tx| {
            for number in begin..(begin + 10_000).min(count) {
                let uuid = format!("01980000-0000-7000-8000-{number:012}");
                let new = NewRecord {
                    customer,
                    uuid: &uuid,
                    flow: flows[usize::from(number % 2 == 0)],
                    flow_version: 1,
                    data: r#"{"client":[{"name":"Jane","age":41}]}"#,
                    request_hash: b"hash",
                    status: RecordStatus::Waiting,
                    due: Timestamp(number),
                    created: Timestamp(number),
                };
                record::insert(tx, &new)?;
            }
            Ok(())
        };
        store.write(insert).await.expect("records");
    }
    (customer, flows[1])
}

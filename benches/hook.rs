//! What a dead subscriber costs the others: 10,000 events to 100 subscribers, of which none is dead or one, that takes
//! connections and never answers. Measured is the time from an event until its message has arrived, at the 99 that are
//! never dead.
//!
//! Everything is in one process and durable; events are records that 16 tasks insert through the operation, 2,000 a second
//! together and a hundred to each subscriber in turn: with more, what is measured is how long the queue of a busy machine is. The
//! order of rounds is none, one, none, one, after one that does not count, and medians are reported. Run it with
//! `cargo bench --bench hook`; the disk is that of `target/` or of the folder named in the first argument.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement stops where it cannot measure, and is printed"
)]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::{self, Caller};
use flowgate::config::Config;
use flowgate::engine::Engine;
use flowgate::model::address::Network;
use flowgate::model::time::Timestamp;
use flowgate::operation::diagram::FlowReference;
use flowgate::operation::execute;
use flowgate::operation::flow::{AddFlow, PublishFlow};
use flowgate::operation::hook::AddHook;
use flowgate::operation::record::{InsertRecords, Submission};
use flowgate::store::{Options, Store, account};

/// What the program allocates with as well.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Subscribers; the first may be dead.
const HOOKS: usize = 100;
/// Events of each.
const EVENTS: usize = 100;
/// Rounds of each kind.
const ROUNDS: usize = 5;
/// Tasks that insert at once.
const TASKS: usize = 16;
/// From one event of a task to its next.
const PACE: Duration = Duration::from_millis(8);

/// When records were inserted and when the good subscribers heard of them, by their identifiers.
#[derive(Default)]
struct Book {
    inserted: Mutex<HashMap<String, Instant>>,
    delays: Mutex<Vec<f64>>,
}

fn main() {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let parent = named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut figures: [Vec<(f64, f64)>; 2] = Default::default();
    runtime.block_on(round(&parent, false));
    for _ in 0..ROUNDS {
        for (dead, figures) in figures.iter_mut().enumerate() {
            figures.push(runtime.block_on(round(&parent, dead == 1)));
        }
    }
    let [none, one] = figures
        .map(|figures| (median(figures.iter().map(|figure| figure.0)), median(figures.iter().map(|figure| figure.1))));
    println!("{} events to {HOOKS} subscribers, {ROUNDS} rounds of each kind, medians\n", HOOKS * EVENTS);
    println!("| | median delay, ms | 99 of 100 within, ms |\n|---|---|---|");
    for (name, (half, most)) in [("none is dead", none), ("one is dead", one)] {
        println!("| {name} | {half:.1} | {most:.1} |");
    }
    println!("\nratio of the medians: {:.2}; of the 99th of 100: {:.2}", one.0 / none.0, one.1 / none.1);
}

/// The delays at the good subscribers, in milliseconds: the median, and what 99 of 100 keep within.
async fn round(parent: &Path, is_one_dead: bool) -> (f64, f64) {
    let directory = tempfile::tempdir_in(parent).expect("a folder");
    let mut config = Config::for_testing();
    config.store.directory = directory.path().to_owned();
    config.outbound.allow = Network::parse("127.0.0.0/8").expect("a network").to_vec();
    let store = Store::open(directory.path(), &Options::default()).expect("a store");
    let app = Arc::new(App::new(config, store, Clock::system()));
    app.store
        .administer(|tx| account::insert_customer(tx, "Measured", b"key", Timestamp(0)))
        .await
        .expect("a customer");
    let caller = auth::operator(app.store.peek(|tx| account::find_customer(tx, "Measured")).expect("a read"));
    let (book, dead) = (Arc::new(Book::default()), Arc::new(AtomicBool::new(is_one_dead)));
    for number in 0..HOOKS {
        let is_dead = (number == 0).then(|| Arc::clone(&dead));
        let address = receiver(Arc::clone(&book), number > 0, is_dead);
        subscribe(&app, &caller, number, address).await;
    }
    let engine = Engine::start(Arc::clone(&app)).expect("the engine");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (app, caller, book) = (Arc::clone(&app), caller.clone(), Arc::clone(&book));
            tokio::spawn(async move {
                let mut pace = tokio::time::interval(PACE);
                for number in (task..HOOKS * EVENTS).step_by(TASKS) {
                    pace.tick().await;
                    insert(&app, &caller, &book, number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    while book.delays.lock().expect("the book").len() < (HOOKS - 1) * EVENTS {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    dead.store(false, Ordering::Relaxed);
    engine.stop(Duration::from_secs(60)).await;
    let mut delays = book.delays.lock().expect("the book").clone();
    delays.sort_by(f64::total_cmp);
    (delays[delays.len() / 2], delays[delays.len() * 99 / 100])
}

async fn subscribe(app: &App, caller: &Caller, number: usize, address: SocketAddr) {
    let name = format!("flow {number}");
    let graph = r#"{"nodes":[{"id":"end","kind":"end"}]}"#.to_owned();
    execute(app, caller, AddFlow { name: name.clone(), description: String::new(), graph }).await.expect("a flow");
    execute(app, caller, PublishFlow { flow: name.clone() }).await.expect("a version");
    let events = vec!["record.created".to_owned()];
    let (url, description) = (format!("http://{address}/"), String::new());
    let add = AddHook { url, events, flow: Some(name), description, secret: None };
    execute(app, caller, add).await.expect("a subscription");
}

async fn insert(app: &App, caller: &Caller, book: &Book, number: usize) {
    let uuid = format!("r-{number}");
    let flow = FlowReference { id: None, name: Some(format!("flow {}", number % HOOKS)) };
    let submission =
        Submission { uuid: Some(uuid.clone()), execution_time: None, data: r#"{"name":"Jane"}"#.to_owned().into() };
    book.inserted.lock().expect("the book").insert(uuid, Instant::now());
    execute(app, caller, InsertRecords { flow, submissions: vec![submission] }).await.expect("an insertion");
}

/// A subscriber, which notes what arrives if that counts, and answers once it is not dead.
fn receiver(book: Arc<Book>, counts: bool, dead: Option<Arc<AtomicBool>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, book, dead) = (stream.expect("a connection"), Arc::clone(&book), dead.clone());
            std::thread::spawn(move || {
                while let Some(body) = receive(&mut stream) {
                    while dead.as_ref().is_some_and(|dead| dead.load(Ordering::Relaxed)) {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    if counts {
                        note(&book, &body);
                    }
                    // Whoever gave up waiting is gone.
                    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                }
            });
        }
    });
    address
}

fn note(book: &Book, body: &[u8]) {
    let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let uuid = body["data"]["uuid"].as_str().expect("a record");
    // What comes a second time was heard of before.
    if let Some(inserted) = book.inserted.lock().expect("the book").remove(uuid) {
        book.delays.lock().expect("the book").push(inserted.elapsed().as_secs_f64() * 1e3);
    }
}

/// The body of the next request; `None` at the end of the connection.
fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8_192]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Some(bytes.split_off(end + 4));
            }
        }
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
            Ok(0) | Err(_) => return None,
        }
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

//! The crash loop: clients insert without pause, the gateway is killed at some moment, and again it is stopped at some
//! moment; what was acknowledged must be there, once and as it was sent, and nothing that nobody sent. Every record runs
//! through a flow that delivers it to another side: no step that was done is done again, and what comes there twice is marked
//! as the same.
//!
//! `FLOWGATE_CRASH_ROUNDS` says how often; `tests/crash/run` runs many rounds against a build of choice.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowgate::model::record::RecordStatus;
use flowgate::store::{self, Options, Store};
use serde_json::Value;

use crate::message::{Form, call, flow, keys_of, record};
use crate::process::{Gateway, Place, STOP};
use crate::sink::{Sight, Sink};
use crate::soap::{b64, reply, unb64};
use crate::support::{Outcome, attempt_on, post_request, send};

/// The promised time from a start to readiness.
const READY: Duration = Duration::from_secs(10);

/// The promised time from a start until what was interrupted goes on, and the longest in which nothing may come of work.
const RESUMED: Duration = Duration::from_secs(10);

const CLIENTS: usize = 8;

/// How many of the acknowledged records are asked for and sent again, over SOAP, after each kill.
const REPEATS: usize = 200;

/// A record that a client sent.
struct Sent {
    uuid: String,
    data: String,
    /// The reply, if there was one.
    reply: Option<String>,
    /// How many requests for it ended without an answer.
    unanswered: usize,
    /// How many ended in the middle of one.
    cut: usize,
}

/// The record's request, always the same bytes but for the connection's fate.
fn request(address: SocketAddr, uuid: &str, data: &str, keeps: bool) -> Vec<u8> {
    let data = b64(data);
    let parts = [keys_of("demo-api-key", "demo-app"), record(uuid, &data), flow("Leads")];
    let connection = if keeps { "keep-alive" } else { "close" };
    let headers = [("Content-Type", Form::Encoded11.content_type()), ("Connection", connection)];
    post_request(address, &headers, call(Form::Encoded11, "insertRecord", &parts).as_bytes())
}

fn is_acknowledged(status: u16, text: &str) -> bool {
    status == 200 && text.contains("<Code xsi:type=\"xsd:string\">201</Code>")
}

/// Numbers that differ from run to run.
struct Chance(u64);

impl Chance {
    fn new() -> Chance {
        Chance(RandomState::new().hash_one(0) | 1)
    }

    fn below(&mut self, limit: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from(self.0 % u64::from(limit)).expect("less than the limit")
    }
}

/// Clients at work, until told to stop or until nobody answers them.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<std::thread::JoinHandle<Vec<Sent>>>,
}

impl Load {
    fn start(address: SocketAddr, name: &str) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..CLIENTS)
            .map(|client| {
                let (stop, name) = (stop.clone(), format!("{name}-{client}"));
                std::thread::spawn(move || insert_endlessly(address, &name, client % 2 == 0, &stop))
            })
            .collect();
        Load { stop, clients }
    }

    fn end(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    }
}

fn insert_endlessly(address: SocketAddr, name: &str, keeps: bool, stop: &AtomicBool) -> Vec<Sent> {
    let mut chance = Chance::new();
    let mut kept = None;
    let mut sent = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let uuid = format!("{name}-{}", sent.len());
        let filler = "x".repeat(chance.below(3000).into());
        let data = format!(r#"{{"client":[{{"name":"{uuid} {filler}"}}]}}"#);
        let mut record = Sent { uuid, data, reply: None, unanswered: 0, cut: 0 };
        let is_alive = match chance.below(5) {
            0 => send_twice(address, &mut record),
            _ => send_once(address, &mut record, keeps, &mut kept),
        };
        sent.push(record);
        if !is_alive {
            break;
        }
    }
    sent
}

/// Sends a record; whether the gateway still answers.
fn send_once(address: SocketAddr, record: &mut Sent, keeps: bool, kept: &mut Option<TcpStream>) -> bool {
    let Some(mut stream) = kept.take().or_else(|| TcpStream::connect(address).ok()) else { return false };
    let outcome = attempt_on(&mut stream, &request(address, &record.uuid, &record.data, keeps));
    let closes = |head: &str| head.to_ascii_lowercase().contains("connection: close");
    if keeps && matches!(&outcome, Outcome::Answered(answer) if !closes(&answer.head)) {
        *kept = Some(stream);
    }
    take(record, outcome)
}

/// Sends a record on two connections at once.
fn send_twice(address: SocketAddr, record: &mut Sent) -> bool {
    let (Ok(mut one), Ok(mut other)) = (TcpStream::connect(address), TcpStream::connect(address)) else { return false };
    let request = request(address, &record.uuid, &record.data, false);
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| attempt_on(&mut one, &request));
        let second = attempt_on(&mut other, &request);
        let first = first.join().expect("a client");
        take(record, second);
        first
    });
    take(record, first)
}

fn take(record: &mut Sent, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Answered(answer) => {
            let text = answer.text();
            assert!(is_acknowledged(answer.status, &text), "{text}");
            assert!(record.reply.as_ref().is_none_or(|reply| *reply == text), "two replies for {}", record.uuid);
            record.reply = Some(text);
            return true;
        }
        Outcome::Refused | Outcome::Unanswered => record.unanswered += 1,
        Outcome::Cut(_) => record.cut += 1,
    }
    false
}

/// Starts the gateway and waits until it is ready; gives the time that took.
fn start(place: &Place) -> (Gateway, Duration) {
    let started = Instant::now();
    let gateway = place.serve("--demo");
    assert_eq!(gateway.get("/ready").status, 200, "{}", gateway.log());
    let took = started.elapsed();
    assert!(took < READY, "it took {took:?} to be ready");
    (gateway, took)
}

/// Everything that was ever sent, and what is found of it.
#[derive(Default)]
struct Ledger {
    sent: BTreeMap<String, Sent>,
    slowest_start: Duration,
    repeats: usize,
    lost: usize,
    phantoms: usize,
    untold: usize,
    duplicates: usize,
    /// Records that were left in the midst of a step by SIGTERM.
    stuck: usize,
    /// Records that waited when SIGTERM had its end.
    parked: usize,
}

impl Ledger {
    fn add(&mut self, sent: Vec<Sent>) {
        self.sent.extend(sent.into_iter().map(|record| (record.uuid.clone(), record)));
    }

    fn acknowledged(&self) -> impl Iterator<Item = &Sent> {
        self.sent.values().filter(|record| record.reply.is_some())
    }

    /// Asks for some of the records of that name, and sends them again.
    fn repeat(&mut self, gateway: &Gateway, name: &str) {
        let mut repeats = 0;
        for record in self.acknowledged().filter(|record| record.uuid.starts_with(name)).take(REPEATS) {
            let found = gateway.call("getRecord", vec![crate::message::record(&record.uuid, "")]);
            let found = reply(&found, "ok", "200", "Data Record structure was retrieving successfully", "null");
            assert_eq!(unb64(&found), record.data);
            let again = send(gateway.address, &request(gateway.address, &record.uuid, &record.data, false));
            assert_eq!(Some(again.text()), record.reply, "a repeat is answered as before");
            repeats += 1;
        }
        self.repeats += repeats;
    }

    /// Compares the whole database with what was sent.
    fn compare(&mut self, place: &Place) {
        let store = Store::open(&place.path("data"), &Options::default()).expect("the store");
        let mut stored: BTreeMap<String, String> = BTreeMap::new();
        for mut row in store.peek(|tx| tx.query("SELECT uuid, data, status FROM record", &[])).expect("the records") {
            match RecordStatus::from_number(row.integer(2).expect("a status")).expect("a status") {
                RecordStatus::Waiting => self.parked += 1,
                RecordStatus::Finished => {}
                _ => self.stuck += 1,
            }
            let (uuid, data) = (row.take_text(0).expect("a uuid"), row.take_text(1).expect("data"));
            self.phantoms += usize::from(self.sent.get(&uuid).is_none_or(|sent| sent.data != data));
            self.duplicates += usize::from(stored.insert(uuid, data).is_some());
        }
        // SIGTERM gave everything that was accepted the time to be answered.
        self.untold += stored
            .keys()
            .filter(|uuid| uuid.starts_with("term") && self.sent.get(*uuid).is_some_and(|sent| sent.reply.is_none()))
            .count();
        let lost: Vec<_> =
            self.acknowledged().map(|record| &record.uuid).filter(|uuid| !stored.contains_key(*uuid)).collect();
        if !lost.is_empty() {
            eprintln!("lost: {lost:?}");
        }
        self.lost += lost.len();
        store.close();
        assert_eq!(store::check(&place.path("data")).expect("a check").problems, Vec::<String>::new());
    }
}

/// What came of the runs of all records.
#[derive(Debug, Default)]
struct Runs {
    records: usize,
    interrupted: usize,
    /// Steps that were done more than once, or not at all.
    wrong: usize,
    /// Deliveries beyond the first of a record.
    delivered_again: usize,
    /// Records that came by several keys, or never.
    unmarked: usize,
    /// Keys by which several records came.
    shared: usize,
}

/// Waits until every record has ended well; something must come of the waiting all the time.
fn settle(place: &Place, started: Instant) {
    let sight = Sight::of(place);
    let (mut left, mut deadline) = (usize::MAX, started + RESUMED);
    loop {
        let now_left = sight.unfinished();
        if now_left == 0 {
            return;
        }
        if now_left < left {
            (left, deadline) = (now_left, deadline.max(Instant::now() + RESUMED));
        }
        assert!(Instant::now() < deadline, "nothing comes of {now_left} records");
        // Counting them all must not take the time that they need.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Compares the history of every record with what came to the other side.
fn review(place: &Place, sink: &Sink) -> Runs {
    let (mut runs, keys) = (Runs::default(), sink.all_keys());
    let mut used = BTreeMap::<&str, &str>::new();
    for (uuid, attempts) in Sight::of(place).histories() {
        runs.records += 1;
        let outcomes = |step: &str, outcome: &str| {
            attempts.iter().filter(|attempt: &&Value| attempt["step"] == step && attempt["outcome"] == outcome).count()
        };
        runs.wrong += ["shape", "deliver", "thank"].iter().filter(|step| outcomes(step, "done") != 1).count();
        runs.interrupted += attempts.iter().filter(|attempt| attempt["outcome"] == "interrupted").count();
        let Some((came, keys)) = keys.get_key_value(&uuid) else {
            runs.unmarked += 1;
            continue;
        };
        runs.delivered_again += keys.len() - 1;
        runs.unmarked += usize::from(keys.iter().any(|key| *key != keys[0]));
        runs.shared += usize::from(used.insert(&keys[0], came).is_some());
    }
    runs
}

#[test]
fn a_gateway_killed_and_stopped_again_and_again_neither_loses_nor_invents_a_record() {
    let rounds: usize =
        std::env::var("FLOWGATE_CRASH_ROUNDS").map_or(3, |rounds| rounds.parse().expect("a number of rounds"));
    let (place, mut ledger, mut chance) = (Place::new(), Ledger::default(), Chance::new());
    let sink = Sink::start();
    Sight::furnish(&place, &sink.flow());
    // A few rounds are for every day, and take less time each.
    let longest = if rounds > 3 { 3000 } else { 1200 };
    for round in 0..rounds {
        let (gateway, _) = start(&place);
        let name = format!("kill-{round}");
        let load = Load::start(gateway.address, &name);
        std::thread::sleep(Duration::from_millis((300 + chance.below(longest - 300)).into()));
        gateway.kill();
        ledger.add(load.end());

        let (gateway, took) = start(&place);
        ledger.slowest_start = ledger.slowest_start.max(took);
        ledger.repeat(&gateway, &name);
        let name = format!("term-{round}");
        let load = Load::start(gateway.address, &name);
        std::thread::sleep(Duration::from_millis((300 + chance.below(longest - 300)).into()));
        gateway.signal("TERM");
        let asked = Instant::now();
        assert_eq!(gateway.end_within(STOP).code(), Some(0), "after {:?}", asked.elapsed());
        let sent = load.end();
        assert_eq!(sent.iter().map(|record| record.cut).sum::<usize>(), 0, "answers were cut off by SIGTERM");
        ledger.add(sent);
        ledger.compare(&place);
    }
    let started = Instant::now();
    let (gateway, _) = start(&place);
    settle(&place, started);
    let settled = started.elapsed();
    gateway.stop();
    let runs = review(&place, &sink);
    let unanswered: usize = ledger.sent.values().map(|record| record.unanswered + record.cut).sum();
    let acknowledged = ledger.acknowledged().count();
    eprintln!(
        "{rounds} rounds: {acknowledged} acknowledged, {} lost, {} phantom, {} duplicates, {unanswered} unanswered, \
         {} untold by SIGTERM, {} repeated; slowest start {} ms\n{runs:?}, {} parked by SIGTERM, {} stuck; all ended {} ms \
         after the last start",
        ledger.lost,
        ledger.phantoms,
        ledger.duplicates,
        ledger.untold,
        ledger.repeats,
        ledger.slowest_start.as_millis(),
        ledger.parked,
        ledger.stuck,
        settled.as_millis()
    );
    assert!(acknowledged > 0);
    assert_eq!((ledger.lost, ledger.phantoms, ledger.duplicates, ledger.untold), (0, 0, 0, 0));
    assert_eq!((runs.wrong, runs.unmarked, runs.shared, ledger.stuck), (0, 0, 0, 0));
    assert!(runs.records >= acknowledged);
}

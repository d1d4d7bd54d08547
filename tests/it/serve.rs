//! The gateway as its operator and its clients meet it: a process that starts, stops, is killed, and keeps its promises.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver, Sender};

use flowgate::store::{Options, Store};
use serde_json::Value;

use crate::curl::Curl;
use crate::message::{Form, Part, call, flow, keys_of, record, text};
use crate::process::{Gateway, PATIENCE, Place, STOP, call_request, eventually};
use crate::soap::{b64, fault, reply, unb64};
use crate::support::{Answer, Outcome, answer_on, attempt, attempt_on, fixture, post_request, send};

const DEMO: [&str; 2] = ["demo-api-key", "demo-app"];
const STORED: &str = "Data Record is created successfully and it is included in the queue.";
const FOUND: &str = "Data Record structure was retrieving successfully";

/// The documented record.
static RECORD: LazyLock<String> = LazyLock::new(|| {
    let text = fs::read_to_string(fixture("demo/record.json")).expect("the record");
    // What stands around the value is not kept.
    text.trim().to_owned()
});

fn demo() -> (Place, Gateway) {
    let place = Place::new();
    let gateway = place.serve("--demo");
    (place, gateway)
}

fn insert(gateway: &Gateway, uuid: &str, data: &str) -> Answer {
    gateway.call("insertRecord", vec![record(uuid, &b64(data)), flow("Leads")])
}

/// The data of a record that must be there.
fn find(gateway: &Gateway, uuid: &str) -> String {
    unb64(&reply(&gateway.call("getRecord", vec![record(uuid, "")]), "ok", "200", FOUND, "null"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn the_demo_prints_what_works() {
    let place = Place::new();
    let mut gateway = place.serve("--demo --data new/data");
    gateway.hear(|line| line == "Try it:");
    gateway.hear(str::is_empty);
    let before = gateway.printed.len();
    gateway.hear(str::is_empty);
    let (guide, command) = gateway.printed.split_at(before);

    let addresses: Vec<&str> = guide.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    let base = format!("http://{}", gateway.address);
    let page = format!("{base}/v1/soap");
    let [wsdl, literal, literal12] = ["wsdl", "wsdl=literal", "wsdl=literal12"].map(|query| format!("{page}?{query}"));
    assert_eq!(addresses, [&base, &page, &wsdl, &literal, &literal12]);
    for address in &addresses[1..] {
        let answer = gateway.get(&address[base.len()..]);
        assert_eq!(answer.status, 200, "{address}");
        assert!(answer.text().contains(&page), "{address} names the service's address");
    }
    assert_eq!(gateway.get("/").status, 302);
    for credential in ["demo-api-key", "demo-app", "demo-client", "demo-secret", "demo-hook"] {
        assert!(guide.contains(credential), "{credential} is not in {guide}");
    }

    let curl = Curl::parse(command);
    assert_eq!((curl.method.as_str(), &curl.url), ("POST", &page));
    let answer = send(gateway.address, &curl.request(gateway.address));
    assert_eq!(unb64(&reply(&answer, "created", "201", STORED, "null")), *RECORD);
    assert_eq!(find(&gateway, answer.header("x-uuid").expect("an identifier")), *RECORD);
}

#[test]
fn data_is_open_to_its_owner_alone() {
    let place = Place::new();
    let gateway = place.serve("--demo --data new/data");
    insert(&gateway, "one", &RECORD);
    assert_eq!(mode(&place.path("new/data")), 0o700);
    let files: Vec<_> =
        fs::read_dir(place.path("new/data")).expect("files").map(|file| file.expect("a file")).collect();
    assert!(files.iter().any(|file| file.file_name() == "flowgate.db"), "{files:?}");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[test]
fn the_demos_schema_flows_and_webhook_are_as_described() {
    let (_place, gateway) = demo();
    reply(&insert(&gateway, "documented", &RECORD), "created", "201", STORED, "null");
    fault(&insert(&gateway, "empty", "{}"), "400", "client");
    fault(&gateway.call("getRecord", vec![record("empty", "")]), "404", "empty");
    for (id, name, status) in [("1", "Leads", "public"), ("2", "Invoices", "paused"), ("3", "Returns", "draft")] {
        let named = Part::Struct("FlowDiagramObject", vec![text("FlowId", id)]);
        let answer = gateway.call("getFlowDiagram", vec![named]);
        let diagram = unb64(&reply(&answer, "ok", "200", "Flow diagram is retrieving successfully", "null"));
        let diagram: Value = serde_json::from_str(&diagram).expect("JSON");
        let current = &diagram["current_flow"];
        assert_eq!(
            [&diagram["flow_name"], &current["status"], &current["id"]],
            [&Value::from(name), &status.into(), &id.parse::<i64>().expect("a number").into()]
        );
    }
    let webhook = |uri: &str| {
        let message = call(Form::Literal11, "webhook", &[text("Uri", uri), text("Payload", "{}")]);
        send(gateway.address, &post_request(gateway.address, &[("Connection", "close")], message.as_bytes()))
    };
    reply(&webhook("demo-hook"), "created", "201", "Webhook response has been saved successfully", "null");
    fault(&webhook("no-hook"), "404", "There is no webhook");
    for keys in [["wrong", "demo-app"], ["demo-api-key", "wrong"]] {
        fault(&gateway.call_with(keys, "getSchema", vec![]), "404", "The credentials are not correct.");
    }
}

#[test]
fn a_second_start_keeps_what_was_stored_and_brings_nothing_back() {
    let (place, gateway) = demo();
    insert(&gateway, "kept", &RECORD);
    let removed = gateway.call("deleteSchema", vec![]);
    reply(&removed, "ok", "200", "Schema has been removed successfully", "null");
    gateway.stop();
    for arguments in ["--demo", ""] {
        let gateway = place.serve(arguments);
        assert_eq!(find(&gateway, "kept"), *RECORD, "{arguments}");
        fault(&gateway.call("getSchema", vec![]), "404", "There is no schema");
        gateway.stop();
    }
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let (place, gateway) = demo();
    let error = place.fail("serve --listen 127.0.0.1:0", 1);
    assert!(error.starts_with("error: The data directory ./data is in use"), "{error}");
    assert!(error.contains(&format!("(pid {})", gateway.id())), "{error}");
    reply(&insert(&gateway, "one", &RECORD), "created", "201", STORED, "null");
}

#[test]
fn an_address_in_use_is_refused_with_a_sentence() {
    let (place, gateway) = demo();
    let error = place.fail(&format!("serve --data other --listen {}", gateway.address), 1);
    assert!(error.starts_with(&format!("error: Cannot listen on {}: ", gateway.address)), "{error}");
}

/// Clients that insert records, one after the other, until the gateway answers no more.
struct Load {
    acknowledged: Receiver<Acknowledged>,
    clients: Vec<std::thread::JoinHandle<Ended>>,
}

/// A record whose insertion was answered with 201.
struct Acknowledged {
    uuid: String,
    request: Vec<u8>,
    reply: String,
}

/// How a client's last request ended, and which record it was about.
struct Ended {
    uuid: String,
    outcome: Outcome,
}

impl Load {
    /// Starts clients: every other one keeps its connection.
    fn start(address: SocketAddr, name: &str, clients: usize) -> Load {
        let (sender, acknowledged) = mpsc::channel();
        let clients = (0..clients)
            .map(|client| {
                let (sender, prefix) = (sender.clone(), format!("{name}-{client}"));
                std::thread::spawn(move || insert_endlessly(address, &prefix, client % 2 == 0, &sender))
            })
            .collect();
        Load { acknowledged, clients }
    }

    /// Waits for so many acknowledged records, with those that arrived besides.
    fn wait_for(&self, count: usize) -> Vec<Acknowledged> {
        let mut records: Vec<_> =
            (0..count).map(|_| self.acknowledged.recv_timeout(PATIENCE).expect("an insertion")).collect();
        records.extend(self.acknowledged.try_iter());
        records
    }

    /// Waits for the clients, whose gateway must be going away; gives what was acknowledged since, and how they ended.
    fn end(self) -> (Vec<Acknowledged>, Vec<Ended>) {
        let ended = self.clients.into_iter().map(|client| client.join().expect("a client")).collect();
        (self.acknowledged.iter().collect(), ended)
    }
}

fn insert_endlessly(address: SocketAddr, prefix: &str, keeps: bool, sender: &Sender<Acknowledged>) -> Ended {
    let mut kept = keeps.then(|| TcpStream::connect(address).expect("the server listens"));
    for number in 0_u64.. {
        let uuid = format!("{prefix}-{number}");
        let request = insertion(address, &uuid, keeps);
        let outcome = match &mut kept {
            Some(stream) => attempt_on(stream, &request),
            None => attempt(address, &request),
        };
        let Outcome::Answered(answer) = outcome else { return Ended { uuid, outcome } };
        let reply = answer.text();
        assert!(answer.status == 200 && reply.contains("<Code>201</Code>"), "{reply}");
        // A gateway that stops says so in its last answer on a connection.
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            kept = kept.map(|_| TcpStream::connect(address)).and_then(Result::ok);
        }
        let request = insertion(address, &uuid, false);
        // The test may have heard enough.
        let _ = sender.send(Acknowledged { uuid, request, reply });
    }
    panic!("there are more numbers than a test has time")
}

fn insertion(address: SocketAddr, uuid: &str, keeps: bool) -> Vec<u8> {
    let data = b64(&format!(r#"{{"client":[{{"name":"{uuid}"}}]}}"#));
    let parts = [keys_of(DEMO[0], DEMO[1]), record(uuid, &data), flow("Leads")];
    let connection = if keeps { "keep-alive" } else { "close" };
    let headers = [("Content-Type", Form::Literal11.content_type()), ("Connection", connection)];
    post_request(address, &headers, call(Form::Literal11, "insertRecord", &parts).as_bytes())
}

/// The records of a data directory that no gateway holds.
fn stored(place: &Place) -> BTreeSet<String> {
    let store = Store::open(&place.path("data"), &Options::default()).expect("the store");
    let rows = store.peek(|tx| tx.query("SELECT uuid FROM record", &[])).expect("the records");
    let count = rows.len();
    let uuids: BTreeSet<_> = rows.into_iter().map(|mut row| row.take_text(0).expect("an identifier")).collect();
    assert_eq!(uuids.len(), count, "no record is there twice");
    uuids
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_repeating_it_changes_nothing() {
    let place = Place::new();
    let (mut acknowledged, mut unanswered) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..6 {
        let gateway = place.serve("--demo");
        let load = Load::start(gateway.address, &format!("round-{round}"), 6);
        let mut records = load.wait_for(30);
        gateway.kill();
        let (more, ended) = load.end();
        records.extend(more);
        unanswered.extend(ended.into_iter().map(|ended| ended.uuid));

        let gateway = place.serve("--demo");
        for Acknowledged { uuid, request, reply } in records {
            assert!(find(&gateway, &uuid).contains(&uuid));
            assert_eq!(send(gateway.address, &request).text(), reply, "{uuid}");
            acknowledged.insert(uuid);
        }
        gateway.kill();
    }
    let stored = stored(&place);
    assert_eq!(acknowledged.difference(&stored).next(), None);
    unanswered.extend(acknowledged);
    assert_eq!(stored.difference(&unanswered).next(), None, "nobody inserted it");
}

#[test]
fn sigterm_under_load_answers_what_was_accepted_and_loses_nothing() {
    let (place, gateway) = demo();
    let load = Load::start(gateway.address, "load", 6);
    let mut records = load.wait_for(60);
    gateway.stop();
    let (more, ended) = load.end();
    records.extend(more);
    for Ended { uuid, outcome } in ended {
        assert!(matches!(outcome, Outcome::Refused | Outcome::Unanswered), "{uuid}: {outcome:?}");
    }
    // What is stored was answered, and what was answered is stored.
    let acknowledged: BTreeSet<_> = records.into_iter().map(|record| record.uuid).collect();
    assert_eq!(stored(&place), acknowledged);
}

#[test]
fn a_request_under_way_is_answered_after_sigterm_while_new_ones_are_refused() {
    let (place, gateway) = demo();
    let address = gateway.address;
    let request = insertion(address, "under-way", false);
    let (begin, rest) = request.split_at(request.len() - 20);
    let mut stream = TcpStream::connect(address).expect("the server listens");
    // The server asks for the body once it is at work on the request.
    let head_end = begin.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 2;
    let head = [&begin[..head_end], b"Expect: 100-continue\r\n\r\n"].concat();
    stream.write_all(&head).expect("a connection");
    let mut asked = [0; 25];
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream.read_exact(&mut asked).expect("100 Continue");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&begin[head_end + 2..]).expect("a connection");

    gateway.signal("TERM");
    eventually(address, b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", |outcome| {
        matches!(outcome, Outcome::Refused)
    });
    stream.write_all(rest).expect("a connection");
    let Outcome::Answered(answer) = answer_on(&mut stream, false) else { panic!("no answer") };
    reply(&answer, "created", "201", STORED, "null");
    assert_eq!(gateway.end_within(STOP).code(), Some(0));
    assert!(stored(&place).contains("under-way"));
}

#[test]
fn sigint_stops_it_too_and_an_idle_connection_does_not_hold_it() {
    let (_place, gateway) = demo();
    let mut idle = TcpStream::connect(gateway.address).expect("the server listens");
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address);
    let Outcome::Answered(answer) = attempt_on(&mut idle, request.as_bytes()) else { panic!("no answer") };
    assert_eq!((answer.status, answer.closed), (200, false));
    gateway.signal("INT");
    assert_eq!(gateway.end_within(STOP).code(), Some(0));
    assert!(matches!(answer_on(&mut idle, false), Outcome::Unanswered));
}

/// Repeats a call until its reply has that code, or its fault that number.
fn follow(gateway: &Gateway, keys: [&str; 2], operation: &str, parts: Vec<Part<'_>>, code: &str) {
    let marks = [format!("<Code>{code}</Code>"), format!("<value>{code}</value>")];
    eventually(gateway.address, &call_request(gateway.address, keys, operation, parts), |outcome| match outcome {
        Outcome::Answered(answer) => marks.iter().any(|mark| answer.text().contains(mark)),
        outcome => panic!("the server is gone: {outcome:?}"),
    });
}

#[test]
fn a_running_server_follows_what_is_administered_beside_it() {
    let place = Place::new();
    let gateway = place.serve("");
    let secret = |arguments: &str, name: &str| place.json(arguments)[name].as_str().expect(name).to_owned();
    let api_key = secret("customer add --name Shop", "api_key");
    let app_key = secret("app add --customer Shop --name orders --ip any --scope all", "app_key");
    let keys = [api_key.as_str(), app_key.as_str()];
    let parts = || vec![record("order-1", "e30="), flow("Leads")];
    follow(&gateway, keys, "insertRecord", parts(), "404");
    place.succeed("flow add --customer Shop --name Leads");
    follow(&gateway, keys, "getFlowDiagram", vec![flow("Leads")], "200");
    place.succeed("flow publish --customer Shop --name Leads");
    follow(&gateway, keys, "insertRecord", parts(), "201");
    let hook = secret("webhook add --customer Shop --flow Leads", "uri");
    follow(&gateway, keys, "webhook", vec![text("Uri", &hook), text("Payload", "x")], "201");

    let rotated = secret("key rotate --customer Shop --app orders", "app_key");
    follow(&gateway, keys, "getRecord", vec![record("order-1", "")], "404");
    follow(&gateway, [&api_key, &rotated], "getRecord", vec![record("order-1", "")], "200");
    let rotated_api = secret("key rotate --customer Shop", "api_key");
    follow(&gateway, [&api_key, &rotated], "getRecord", vec![record("order-1", "")], "404");
    follow(&gateway, [&rotated_api, &rotated], "getRecord", vec![record("order-1", "")], "200");
}

#[test]
fn a_backup_of_a_running_server_restores_elsewhere_and_a_damaged_one_is_refused() {
    let (place, gateway) = demo();
    let load = Load::start(gateway.address, "load", 4);
    let before = load.wait_for(50);
    place.succeed("backup copy.db");
    // Insertions went on meanwhile.
    load.wait_for(1);
    gateway.kill();
    load.end();

    fs::DirBuilder::new().mode(0o700).create(place.path("restored")).expect("a directory");
    fs::copy(place.path("copy.db"), place.path("restored/flowgate.db")).expect("a copy");
    assert!(place.succeed("check --data restored").contains("No damage was found"));
    let gateway = place.serve("--data restored");
    for Acknowledged { uuid, request, reply } in before {
        assert!(find(&gateway, &uuid).contains(&uuid));
        assert_eq!(send(gateway.address, &request).text(), reply, "{uuid}");
    }
    gateway.stop();

    let mut bytes = fs::read(place.path("copy.db")).expect("the copy");
    let (_, pages) = bytes.split_at_mut(2 * 4096);
    pages.fill(0xA5);
    fs::DirBuilder::new().mode(0o700).create(place.path("damaged")).expect("a directory");
    fs::write(place.path("damaged/flowgate.db"), &bytes).expect("a damaged copy");
    for arguments in ["check --data damaged", "serve --listen 127.0.0.1:0 --data damaged"] {
        let output = place.run(arguments);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{arguments}: {error}");
        assert!(error.starts_with("error: ") && error.contains("damaged"), "{arguments}: {error}");
    }
    assert!(fs::read(place.path("damaged/flowgate.db")).expect("the copy") == bytes, "nothing is repaired in silence");
}

//! The process ends while messages are under way: none is lost, and one that comes again comes under its identifier.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Receiver, header};
use crate::outbound::peer::{Received, answer, outlast};
use crate::process::{Gateway, PATIENCE, Place};
use crate::sink::Sight;
use crate::support::{SMALLEST, send};

const RECORDS: usize = 40;

fn insert(gateway: &Gateway, uuid: &str) {
    let request = format!(
        "POST /v1/record HTTP/1.1\r\nHost: {}\r\nX-Apikey: demo-api-key\r\nX-App: demo-app\r\nX-Flow: Leads\r\n\
         X-Uuid: {uuid}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}",
        gateway.address
    );
    assert_eq!(send(gateway.address, request.as_bytes()).status, 201);
}

/// By which identifiers each record was told of.
fn by_record(messages: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for message in messages {
        let body: Value = serde_json::from_slice(&message.body).expect("JSON");
        let uuid = body["data"]["uuid"].as_str().expect("a record").to_owned();
        found.entry(uuid).or_default().push(header(message, "webhook-id"));
    }
    found
}

#[test]
fn kill_9_loses_nothing_and_what_comes_again_is_known() {
    let place = Place::new();
    Sight::furnish(&place, SMALLEST);
    // The messages that came before the end are not answered, as far as they are among the first ten.
    let receiver = Receiver::start(|stream, number| match number {
        0..10 => outlast(stream),
        _ => answer(stream, "HTTP/1.1 204 No Content", b""),
    });
    let allow = ("FLOWGATE__OUTBOUND__ALLOW", "127.0.0.0/8");
    let add = format!("--json hook add --customer Testing --event record.created --url {}", receiver.url());
    let added = place.command(&add).env(allow.0, allow.1).output().expect("the command");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let added: Value = serde_json::from_slice(&added.stdout).expect("JSON");
    let gateway = place.serve_with(&[allow], "--demo");
    for number in 0..RECORDS {
        insert(&gateway, &format!("r-{number}"));
    }
    // As many as are sent to one subscriber at once.
    receiver.wait_until(|messages| messages.len() >= 8);
    gateway.kill();
    let before = by_record(&receiver.seen());
    let gateway = place.serve_with(&[allow], "--demo");
    receiver.wait_until(|messages| by_record(messages).len() == RECORDS);
    receiver.wait_until(|messages| {
        let now = by_record(messages);
        before.keys().all(|uuid| now[uuid].len() > before[uuid].len())
    });
    for (uuid, ids) in by_record(&receiver.seen()) {
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1, "{uuid}: {ids:?}");
    }
    let hook = added["id"].as_str().expect("an identifier");
    let list = format!("hook deliveries --customer Testing {hook} --limit 1000");
    let deadline = std::time::Instant::now() + PATIENCE;
    while place.json(&list).as_array().expect("messages").iter().any(|message| message["status"] != "delivered") {
        assert!(std::time::Instant::now() < deadline, "{}\n{}", place.json(&list), gateway.log());
    }
    gateway.stop();
    let log = std::fs::read_to_string(place.path("serve.log")).expect("the log");
    assert!(log.contains("The sending of messages was interrupted"), "{log}");
}

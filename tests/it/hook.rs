//! Subscriptions to events, from outside: what happens is told to those who subscribed, signed, once as far as that can
//! be, and again where it must be.

mod crash;
mod delivery;
mod event;
mod step;
mod subscription;

use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};

use flowgate::app::signature::{SigningKey, is_signed};
use serde_json::{Value, json};

use crate::engine::Works;
use crate::outbound::peer::{Peer, Received, answer};
use crate::process::PATIENCE;

/// A subscriber that remembers what it was sent.
struct Receiver {
    peer: Peer,
    seen: Arc<(Mutex<Vec<Received>>, Condvar)>,
}

impl Receiver {
    /// Answers the messages, which are counted from 0.
    fn start(handler: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Receiver {
        let seen: Arc<(Mutex<Vec<Received>>, Condvar)> = Arc::default();
        let kept = Arc::clone(&seen);
        let peer = Peer::start(move |stream, request| {
            let number = {
                let mut messages = kept.0.lock().expect("messages");
                messages.push(request.clone());
                kept.1.notify_all();
                messages.len() - 1
            };
            handler(stream, number);
        });
        Receiver { peer, seen }
    }

    /// Answers the messages in turn with these heads, and those that follow with the last.
    fn of(heads: &'static [&'static str]) -> Receiver {
        Receiver::start(move |stream, number| answer(stream, heads[number.min(heads.len() - 1)], b"noted"))
    }

    /// Takes everything.
    fn willing() -> Receiver {
        Receiver::of(&["HTTP/1.1 200 OK"])
    }

    fn url(&self) -> String {
        format!("{}/events", self.peer.url())
    }

    fn seen(&self) -> Vec<Received> {
        self.seen.0.lock().expect("messages").clone()
    }

    /// Waits until what came is as wanted.
    fn wait_until(&self, wanted: impl Fn(&[Received]) -> bool) {
        let (messages, changed) = &*self.seen;
        let waited =
            changed.wait_timeout_while(messages.lock().expect("messages"), PATIENCE, |messages| !wanted(messages));
        let (messages, _) = waited.expect("messages");
        assert!(wanted(&messages), "{} messages came", messages.len());
    }

    /// The messages' bodies.
    fn bodies(&self) -> Vec<Value> {
        self.seen().iter().map(|message| serde_json::from_slice(&message.body).expect("JSON")).collect()
    }

    /// The types of the messages, sorted.
    fn types(&self) -> Vec<String> {
        let mut types: Vec<_> =
            self.bodies().iter().map(|body| body["type"].as_str().expect("a type").to_owned()).collect();
        types.sort();
        types
    }

    /// The values of a header in all messages.
    fn headers(&self, name: &str) -> Vec<String> {
        self.seen().iter().map(|message| header(message, name)).collect()
    }
}

fn header(message: &Received, name: &str) -> String {
    let mut lines = message.head.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

/// Whether a message is signed with that key.
fn is_signed_with(message: &Received, secret: &str) -> bool {
    let key = SigningKey::parse(secret).expect("a key");
    let [id, timestamp, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| header(message, name));
    is_signed(&[key], &id, &timestamp, &message.body, &signature)
}

/// A subscription: its identifier and its signing key.
struct Subscribed {
    id: String,
    secret: String,
}

fn subscribe(works: &Works, url: &str, events: &[&str]) -> Subscribed {
    subscribe_with(works, &json!({"url": url, "events": events}))
}

fn subscribe_with(works: &Works, body: &Value) -> Subscribed {
    let answer = works.send("POST", "/v1/hooks", &[], &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let resource = &answer.json()["resource"];
    let text = |name: &str| resource[name].as_str().expect(name).to_owned();
    assert!(answer.header("location").expect("a location").ends_with(&format!("/v1/hooks/{}", text("id"))));
    Subscribed { id: text("id"), secret: text("secret") }
}

/// The subscription as it is shown.
fn shown(works: &Works, id: &str) -> Value {
    works.resource("GET", &format!("/v1/hooks/{id}"), "")
}

/// The messages of a subscription as they are shown, newest first.
fn deliveries(works: &Works, id: &str) -> Vec<Value> {
    let mut resource = works.resource("GET", &format!("/v1/hooks/{id}/deliveries?limit=1000"), "");
    match resource["deliveries"].take() {
        Value::Array(deliveries) => deliveries,
        other => panic!("no list: {other}"),
    }
}

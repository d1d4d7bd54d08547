//! Attempts: what counts as arrival, when another one is made, when no more, and what a subscriber that fails means to
//! the others.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use flowgate::engine::Engine;
use flowgate::model::account::CustomerId;
use flowgate::model::hook::Event;
use flowgate::operation::secret::RotateSecretKey;
use flowgate::store::hook::{self, NewHook};
use serde_json::{Value, json};

use super::{Receiver, deliveries, header, is_signed_with, shown, subscribe};
use crate::engine::{Works, allow_this_machine, outgoing};
use crate::outbound::peer::answer;
use crate::process::PATIENCE;
use crate::support::{NOW, SMALLEST, wait};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// The pauses before further attempts.
const SCHEDULE: [i64; 9] =
    [5 * SECOND, 300 * SECOND, 1_800 * SECOND, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

fn works() -> Works {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    works
}

/// Milliseconds until the message's next attempt, as the store has it.
fn wait_of(works: &Works) -> Option<i64> {
    let sql = "SELECT due_at FROM delivery ORDER BY id DESC LIMIT 1";
    let rows = works.app.app.store.peek(|tx| tx.query(sql, &[])).expect("a read");
    rows[0].optional_integer(0).expect("a time").map(|due| due - works.app.app.clock.now().0)
}

fn attempts(works: &Works, hook: &str, message: &Value) -> Vec<Value> {
    let message = message["id"].as_str().expect("an identifier");
    let mut whole = works.resource("GET", &format!("/v1/hooks/{hook}/deliveries/{message}"), "");
    assert_eq!(whole["body"]["id"], message);
    serde_json::from_value(whole["attempts"].take()).expect("attempts")
}

#[test]
fn only_2xx_is_arrival() {
    let works = works();
    let elsewhere = Receiver::willing();
    let location: &'static str = format!("HTTP/1.1 302 Found\r\nLocation: {}", elsewhere.url()).leak();
    let heads: &'static [&'static str] = vec![location].leak();
    let redirecting = Receiver::of(heads);
    let moved = subscribe(&works, &redirecting.url(), &["record.created"]);
    for (head, arrived) in [
        ("HTTP/1.1 200 OK", true),
        ("HTTP/1.1 204 No Content", true),
        ("HTTP/1.1 299 Odd", true),
        ("HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere", false),
        ("HTTP/1.1 304 Not Modified", false),
        ("HTTP/1.1 400 Bad Request", false),
        ("HTTP/1.1 404 Not Found", false),
        ("HTTP/1.1 429 Too Many Requests", false),
        ("HTTP/1.1 500 Internal Server Error", false),
        ("HTTP/1.1 503 Service Unavailable", false),
    ] {
        let heads: &'static [&'static str] = vec![head].leak();
        let receiver = Receiver::of(heads);
        let subscribed = subscribe(&works, &receiver.url(), &["record.created"]);
        works.insert("Leads", &head[9..12], "{}");
        works.app.run_due();
        let [message] = &deliveries(&works, &subscribed.id)[..] else { panic!("one message") };
        assert_eq!(message["status"], if arrived { "delivered" } else { "waiting" }, "{head}");
        assert_eq!(receiver.seen().len(), 1, "{head}");
        let [attempt] = &attempts(&works, &subscribed.id, message)[..] else { panic!("one attempt") };
        assert_eq!(attempt["status"].to_string(), head[9..12], "{attempt}");
        assert_eq!(attempt["error"].is_null(), arrived, "{attempt}");
        let failing = &shown(&works, &subscribed.id)["failing_since"];
        assert_eq!(failing.is_null(), arrived, "{head}");
        assert_eq!(works.send("DELETE", &format!("/v1/hooks/{}", subscribed.id), &[], "").status, 200);
    }
    assert!(!deliveries(&works, &moved.id).is_empty() && elsewhere.seen().is_empty(), "a redirect was followed");
}

#[test]
fn attempts_follow_the_schedule_until_the_message_is_given_up() {
    let works = works();
    let receiver = Receiver::of(&["HTTP/1.1 500 Internal Server Error"]);
    let subscribed = subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "r", "{}");
    works.app.run_due();
    for (number, pause) in SCHEDULE.into_iter().enumerate() {
        assert_eq!(receiver.seen().len(), number + 1);
        let wait = wait_of(&works).expect("another attempt");
        assert!((pause..=pause + pause / 5).contains(&wait), "{pause} {wait}");
        works.pass(wait - 1);
        assert_eq!(receiver.seen().len(), number + 1, "not before its time");
        works.pass(1);
    }
    assert_eq!(receiver.seen().len(), 10);
    let [message] = &deliveries(&works, &subscribed.id)[..] else { panic!("one message") };
    assert_eq!((&message["status"], &message["failures"]), (&json!("given_up"), &json!(10)));
    assert_eq!(wait_of(&works), None);
    works.pass(10 * DAY);
    assert_eq!(receiver.seen().len(), 10);
    let kept = attempts(&works, &subscribed.id, message);
    assert_eq!(kept.len(), 10);
    assert_eq!(kept[0]["error"], "The receiver answered 500; 2xx was expected");
    assert_eq!(kept[0]["answer"], "noted");
    // Once more by hand: the same message, from the beginning of the schedule.
    let id = message["id"].as_str().expect("an identifier");
    let path = format!("/v1/hooks/{}/deliveries/{id}/redeliver", subscribed.id);
    assert_eq!(works.send("POST", &path, &[], "").status, 202);
    works.app.run_due();
    assert_eq!(receiver.seen().len(), 11);
    assert!((5 * SECOND..=6 * SECOND).contains(&wait_of(&works).expect("another attempt")));
    let ids = receiver.headers("webhook-id");
    assert!(ids.iter().all(|other| other == id), "{ids:?}");
    let times: Vec<i64> =
        receiver.headers("webhook-timestamp").iter().map(|time| time.parse().expect("seconds")).collect();
    assert!(times.is_sorted() && times[0] < times[1], "{times:?}");
    assert!(receiver.seen().iter().all(|message| is_signed_with(message, &subscribed.secret)));
}

#[test]
fn a_receiver_may_ask_to_be_left_alone() {
    let works = works();
    let receiver = Receiver::of(&[
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600",
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: Thu, 15 Jan 2026 15:00:00 GMT",
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1",
        "HTTP/1.1 200 OK",
    ]);
    subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "r", "{}");
    works.app.run_due();
    assert_eq!(wait_of(&works), Some(HOUR));
    works.pass(HOUR);
    assert_eq!(wait_of(&works), Some(2 * HOUR));
    works.pass(2 * HOUR);
    // Sooner than the schedule it is not.
    assert!((1_800 * SECOND..=2_160 * SECOND).contains(&wait_of(&works).expect("another attempt")));
}

#[test]
fn gone_disables_and_enabling_goes_on_with_what_waited() {
    let works = works();
    let receiver = Receiver::of(&["HTTP/1.1 410 Gone", "HTTP/1.1 200 OK"]);
    let subscribed = subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "first", "{}");
    works.app.run_due();
    let hook = shown(&works, &subscribed.id);
    assert_eq!(hook["enabled"], false);
    assert_eq!(hook["reason"], "The receiver answered 410: it wants no more messages");
    works.insert("Leads", "unheard", "{}");
    works.app.run_due();
    let [gone] = &deliveries(&works, &subscribed.id)[..] else { panic!("what a disabled one would hear is not kept") };
    assert_eq!(gone["status"], "given_up");
    let again = format!("/v1/hooks/{}/deliveries/{}/redeliver", subscribed.id, gone["id"].as_str().expect("an id"));
    assert_eq!(works.send("POST", &again, &[], "").status, 409);
    let enabled = works.resource("PUT", &format!("/v1/hooks/{}", subscribed.id), r#"{"enabled":true}"#);
    assert_eq!((&enabled["enabled"], &enabled["reason"]), (&json!(true), &Value::Null));
    assert_eq!(enabled["failing_since"], Value::Null);
    assert_eq!(works.send("POST", &again, &[], "").status, 202);
    works.insert("Leads", "heard", "{}");
    works.app.run_due();
    assert_eq!(receiver.seen().len(), 3);
    assert!(deliveries(&works, &subscribed.id).iter().all(|delivery| delivery["status"] == "delivered"));
}

#[test]
fn five_days_without_success_disable() {
    let works = works();
    let receiver = Receiver::of(&["HTTP/1.1 500 Internal Server Error"]);
    let subscribed = subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "first", "{}");
    works.app.run_due();
    works.pass(5 * DAY - 2 * SECOND);
    works.insert("Leads", "second", "{}");
    works.app.run_due();
    assert_eq!(shown(&works, &subscribed.id)["enabled"], true, "a moment too early");
    works.pass(2 * SECOND);
    works.insert("Leads", "third", "{}");
    works.app.run_due();
    let hook = shown(&works, &subscribed.id);
    assert_eq!(hook["enabled"], false);
    assert_eq!(
        hook["reason"],
        "Nothing could be delivered for 5 days; last: The receiver answered 500; 2xx was expected"
    );
    let seen = receiver.seen().len();
    works.pass(10 * DAY);
    assert_eq!(receiver.seen().len(), seen, "a disabled one is not asked");
    assert!(deliveries(&works, &subscribed.id).iter().all(|delivery| delivery["status"] == "waiting"));
    works.resource("PUT", &format!("/v1/hooks/{}", subscribed.id), r#"{"enabled":true}"#);
    works.app.run_due();
    assert_eq!(receiver.seen().len(), seen + 3, "what waited goes on");
    assert_eq!(shown(&works, &subscribed.id)["enabled"], true);
}

#[test]
fn two_keys_sign_for_a_day() {
    let works = works();
    let receiver = Receiver::willing();
    let old = subscribe(&works, &receiver.url(), &["record.created"]);
    let answer = works.send("POST", &format!("/v1/hooks/{}/rotate", old.id), &[], "");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let new = answer.json()["resource"]["secret"].as_str().expect("a key").to_owned();
    assert_ne!(new, old.secret);
    let arrived = |uuid: &str| {
        works.insert("Leads", uuid, "{}");
        works.app.run_due();
        let seen = receiver.seen();
        let last = seen.last().expect("a message");
        let signatures = header(last, "webhook-signature").split(' ').count();
        (signatures, is_signed_with(last, &new), is_signed_with(last, &old.secret))
    };
    assert_eq!(arrived("at once"), (2, true, true));
    works.pass(DAY - 1);
    assert_eq!(arrived("just within"), (2, true, true));
    works.pass(1);
    assert_eq!(arrived("after a day"), (1, true, false));
    // Sealing everything anew changes no key.
    works.run(RotateSecretKey).expect("another key file");
    assert_eq!(arrived("sealed anew"), (1, true, false));
}

#[test]
fn what_may_not_be_asked_is_not_asked() {
    let works = Works::start();
    works.publish("Leads", SMALLEST);
    works.app.app.vault.create().expect("a key file");
    let receiver = Receiver::willing();
    let customer = works.customer;
    let sealed = |id: &str| {
        let keys = works.app.app.vault.require().expect("keys");
        let name = flowgate::app::hook::seal_name(id);
        keys.seal(customer, &name, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("sealed")
    };
    // As if its name had led elsewhere when it was added.
    let new = NewHook {
        customer: CustomerId(customer.0),
        public_id: "h".to_owned(),
        application: None,
        url: receiver.url(),
        description: String::new(),
        events: vec![Event::RecordCreated],
        flow: None,
        secret: sealed("h"),
    };
    works.app.administer(move |tx| hook::insert(tx, &new, NOW));
    works.insert("Leads", "r", "{}");
    works.app.run_due();
    assert_eq!(receiver.peer.connections(), 0);
    let [message] = &deliveries(&works, "h")[..] else { panic!("one message") };
    let [attempt] = &attempts(&works, "h", message)[..] else { panic!("one attempt") };
    let told = attempt["error"].as_str().expect("a reason");
    assert!(told.contains("is at an address of this machine, which the operator has not allowed"), "{told}");
}

#[test]
fn one_that_hangs_does_not_hold_up_others() {
    let works = works();
    // It answers once the other one has everything, which it would never do if that waited for it.
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let (shut, opened) = (Arc::clone(&gate), Arc::clone(&gate));
    let hanging = Receiver::start(move |stream, _| {
        let (is_open, changed) = &*shut;
        let waited = changed.wait_timeout_while(is_open.lock().expect("the gate"), PATIENCE, |is_open| !*is_open);
        drop(waited.expect("the gate"));
        answer(stream, "HTTP/1.1 200 OK", b"");
    });
    let good = Receiver::start(move |stream, number| {
        answer(stream, "HTTP/1.1 200 OK", b"");
        if number + 1 == 100 {
            *opened.0.lock().expect("the gate") = true;
            opened.1.notify_all();
        }
    });
    let stuck = subscribe(&works, &hanging.url(), &["record.created"]);
    let quick = subscribe(&works, &good.url(), &["record.created"]);
    for number in 0..100 {
        works.insert("Leads", &number.to_string(), "{}");
    }
    let engine = Engine::start(Arc::clone(&works.app.app)).expect("an engine");
    let (is_open, changed) = &*gate;
    let waited = changed.wait_timeout_while(is_open.lock().expect("the gate"), PATIENCE, |is_open| !*is_open);
    assert!(*waited.expect("the gate").0, "{} of 100 arrived", good.seen().len());
    wait(engine.stop(Duration::from_secs(60)));
    assert_eq!(good.seen().len(), 100);
    for (id, hook) in [(&stuck.id, "hanging"), (&quick.id, "good")] {
        let failed = deliveries(&works, id).iter().filter(|delivery| delivery["failures"] != 0).count();
        assert_eq!(failed, 0, "{hook}");
    }
}

/// How many messages a subscriber dealt with at once at most, if each is held until another comes or none has come for a
/// while, and it answers all of them like that.
fn most_at_once(head: &'static str) -> usize {
    let works = Works::with(|config| {
        allow_this_machine(config);
        config.hooks.hook_concurrency = 3;
    });
    works.publish("Leads", SMALLEST);
    let present: Arc<(Mutex<(usize, usize)>, Condvar)> = Arc::default();
    let counted = Arc::clone(&present);
    let receiver = Receiver::start(move |stream, _| {
        let mut state = counted.0.lock().expect("the state");
        state.0 += 1;
        state.1 = state.1.max(state.0);
        counted.1.notify_all();
        let held = counted.1.wait_timeout_while(state, Duration::from_millis(50), |state| state.0 < 2);
        held.expect("the state").0.0 -= 1;
        answer(stream, head, b"");
    });
    subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "first", "{}");
    works.app.run_due();
    for number in 0..5 {
        works.insert("Leads", &number.to_string(), "{}");
    }
    works.app.run_due();
    assert_eq!(receiver.seen().len(), 6);
    present.0.lock().expect("the state").1
}

#[test]
fn one_that_fails_gets_one_message_at_a_time() {
    assert!(most_at_once("HTTP/1.1 200 OK") > 1);
    assert_eq!(most_at_once("HTTP/1.1 500 Internal Server Error"), 1);
}

#[test]
fn what_is_over_is_kept_for_a_time_and_counted() {
    let works = works();
    let receiver = Receiver::of(&["HTTP/1.1 200 OK", "HTTP/1.1 500 Internal Server Error"]);
    let subscribed = subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "one", "{}");
    works.app.run_due();
    works.insert("Leads", "two", "{}");
    works.app.run_due();
    let metrics = works.app.get("/metrics", &[]).text();
    for line in [
        r#"flowgate_deliveries_total{outcome="delivered"} 1"#,
        r#"flowgate_deliveries_total{outcome="failed"} 1"#,
        "flowgate_deliveries_waiting 1",
        "flowgate_delivery_duration_seconds_count 2",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
    works.pass(30 * DAY);
    assert_eq!(deliveries(&works, &subscribed.id).len(), 2);
    works.pass(1);
    let [left] = &deliveries(&works, &subscribed.id)[..] else { panic!("what waits is kept") };
    assert_eq!(left["status"], "waiting");
}

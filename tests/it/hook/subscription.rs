//! Subscribing over REST and at the command line: what is accepted, what is refused, and what clients made for Zapier send.

use flowgate::model::scope::Scopes;
use serde_json::{Value, json};

use super::{Receiver, shown, subscribe, subscribe_with};
use crate::engine::{Works, outgoing};
use crate::process::Place;
use crate::support::{NOW, SMALLEST};

fn refusal(works: &Works, body: &Value) -> (u16, String) {
    let answer = works.send("POST", "/v1/hooks", &[], &body.to_string());
    (answer.status, answer.json()["message"].as_str().expect("a sentence").to_owned())
}

#[test]
fn subscriptions_are_added_shown_changed_and_removed() {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    let body = json!({"url": "https://example.com/x", "events": ["record.failed", "record.failed"], "flow": 1, "description": "Ünïcode"});
    let one = subscribe_with(&works, &body);
    let other = subscribe(&works, "https://example.com/y", &["flow.paused"]);
    assert!(one.secret.starts_with("whsec_") && one.secret != other.secret);
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({"url": "https://example.com/", "events": ["flow.paused"], "secret": own});
    let mine = subscribe_with(&works, &body);
    assert_eq!(mine.secret, own);
    works.resource("DELETE", &format!("/v1/hooks/{}", mine.id), "");
    let hook = shown(&works, &one.id);
    assert_eq!(
        hook,
        json!({
            "id": one.id, "url": "https://example.com/x", "events": ["record.failed"], "flow_id": 1,
            "description": "Ünïcode", "enabled": true, "reason": null, "failing_since": null,
            "date_created": "2026-01-15T12:00:00+00:00", "date_modified": "2026-01-15T12:00:00+00:00",
        })
    );
    let list = works.resource("GET", "/v1/hooks", "");
    assert_eq!((&list["total"], &list["hooks"][0]), (&json!(2), &hook));
    works.app.app.clock.advance(60_000);
    let path = format!("/v1/hooks/{}", one.id);
    let changed = works.resource("PUT", &path, r#"{"url":"https://example.com/z","events":["record.created"]}"#);
    assert_eq!((&changed["url"], &changed["events"]), (&json!("https://example.com/z"), &json!(["record.created"])));
    assert_eq!((&changed["description"], &changed["flow_id"]), (&json!("Ünïcode"), &json!(1)));
    assert_eq!(changed["date_modified"], "2026-01-15T12:01:00+00:00");
    let disabled = works.resource("PUT", &path, r#"{"enabled":false}"#);
    assert_eq!(disabled["reason"], "It was disabled by request");
    assert_eq!(works.resource("DELETE", &path, "")["id"], one.id.as_str());
    assert_eq!(works.send("GET", &path, &[], "").status, 404);
    // What is in the database opens nothing.
    let bytes = works.app.app.store.peek(|tx| tx.query("SELECT secret FROM hook", &[])).expect("a read");
    let sealed = String::from_utf8_lossy(bytes[0].blob(0).expect("bytes")).into_owned();
    assert!(!sealed.contains("whsec_") && !sealed.contains(&other.secret["whsec_".len()..]));
}

#[test]
fn what_is_no_subscription_is_refused_by_name() {
    let works = Works::start();
    let long = format!("https://example.com/{}", "x".repeat(2_048));
    let events = json!(["record.created"]);
    for (body, field) in [
        (json!({"events": events}), "url"),
        (json!({"url": "", "events": events}), "url is required"),
        (json!({"url": long, "events": events}), "url must have at most 2048 bytes"),
        (json!({"url": "example.com", "events": events}), "url: The URL is malformed"),
        (json!({"url": "ftp://example.com/", "events": events}), "url: The URL must begin with http"),
        (json!({"url": "https://u:p@example.com/", "events": events}), "url: The URL must not have a user name"),
        (json!({"url": "http://127.0.0.1/", "events": events}), "url: 127.0.0.1 is at an address of this machine"),
        (json!({"url": "http://0x7f.1/", "events": events}), "url: 127.0.0.1 is at an address of this machine"),
        (json!({"url": "http://[::ffff:10.0.0.1]/", "events": events}), "is at a private address"),
        (json!({"url": "http://169.254.169.254/latest", "events": events}), "is at a link-local address"),
        (json!({"url": "http://LOCALHOST:8080/", "events": events}), "url: localhost is at an address of this machine"),
        (json!({"url": "https://example.com/", "events": []}), "events must name at least one event"),
        (json!({"url": "https://example.com/", "events": ["record.seen"]}), "events: 'record.seen' is none of"),
        (json!({"url": "https://example.com/"}), "events"),
        (
            json!({"url": "https://example.com/", "events": events, "secret": "whsec_s"}),
            "must be whsec_ and the base64",
        ),
        (json!({"url": "https://example.com/", "events": events, "headers": {}}), "headers"),
        (json!({"url": "https://example.com/", "targetUrl": "https://example.com/", "events": events}), "url"),
        (json!({"url": "https://example.com/", "events": events, "description": "x".repeat(513)}), "description"),
    ] {
        let (status, sentence) = refusal(&works, &body);
        assert_eq!(status, 400, "{body}: {sentence}");
        assert!(sentence.contains(field), "{body}: {sentence}");
    }
    let (status, sentence) = refusal(&works, &json!({"url": "https://example.com/", "events": events, "flow": "None"}));
    assert_eq!((status, sentence.as_str()), (404, "There is no flow 'None'"));
    assert_eq!(works.resource("GET", "/v1/hooks", "")["total"], 0);
}

#[test]
fn there_are_at_most_a_thousand() {
    let works = Works::start();
    let first = subscribe(&works, "https://example.com/", &["record.created"]);
    let customer = works.customer.0;
    works.app.administer(move |tx| {
        for number in 1..1_000 {
            let id = format!("h-{number}");
            let sql = "INSERT INTO hook (customer_id, public_id, url, description, events, secret, enabled, created_at, \
                       modified_at) SELECT $1, $2, url, description, events, secret, 1, $3, $3 FROM hook LIMIT 1";
            tx.execute(sql, &[customer.into(), id.as_str().into(), NOW.0.into()])?;
        }
        Ok(())
    });
    let one_more = json!({"url": "https://example.com/", "events": ["record.created"]});
    assert_eq!(refusal(&works, &one_more).0, 409);
    assert_eq!(works.send("DELETE", &format!("/v1/hooks/{}", first.id), &[], "").status, 200);
    subscribe_with(&works, &one_more);
}

#[test]
fn nobody_hears_what_it_may_not_read() {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    let receiver = Receiver::willing();
    let all = subscribe(&works, &receiver.url(), &["record.created"]);
    works.insert("Leads", "r", "{}");
    works.app.run_due();
    works.app.application(works.customer, "narrow", |new| {
        new.name = "narrow".to_owned();
        new.scopes = Scopes::parse("hook flowdiagram.read").expect("scopes");
    });
    let narrow = |method: &str, path: &str, body: &str| {
        works.app.call(method, path, &[("X-Apikey", "k"), ("X-App", "narrow")], body.as_bytes()).status
    };
    let body = |event: &str| json!({"url": "https://example.com/", "events": [event]}).to_string();
    assert_eq!(narrow("POST", "/v1/hooks", &body("flow.paused")), 201);
    assert_eq!(narrow("POST", "/v1/hooks", &body("record.created")), 401);
    let list = works.resource("GET", &format!("/v1/hooks/{}/deliveries", all.id), "");
    let message = list["deliveries"][0]["id"].as_str().expect("an identifier");
    assert_eq!(narrow("GET", &format!("/v1/hooks/{}/deliveries/{message}", all.id), ""), 401);
    // The end of an application is that of its subscriptions.
    assert_eq!(works.resource("GET", "/v1/hooks", "")["total"], 2);
    works.app.administer(|tx| tx.execute("DELETE FROM application WHERE name = 'narrow'", &[]));
    assert_eq!(works.resource("GET", "/v1/hooks", "")["total"], 1);
}

#[test]
fn zapier_s_shapes_are_understood() {
    let works = outgoing();
    works.publish("Leads", SMALLEST);
    let receiver = Receiver::willing();
    for name in ["targetUrl", "target_url"] {
        let subscribed = subscribe_with(&works, &json!({name: receiver.url(), "event": "record.created"}));
        assert_eq!(shown(&works, &subscribed.id)["events"], json!(["record.created"]));
        let by_body = json!({"id": subscribed.id}).to_string();
        let (path, body) = match name {
            "targetUrl" => ("/v1/hooks".to_owned(), by_body),
            _ => (format!("/v1/hooks?id={}", subscribed.id), String::new()),
        };
        let json = [("Content-Type", "application/json"), ("User-Agent", "Zapier")];
        assert_eq!(works.send("DELETE", &path, &json, &body).status, 200);
    }
    subscribe(&works, &receiver.url(), &["record.created", "record.finished", "flow.published"]);
    works.insert("Leads", "r", "{}");
    works.publish("Leads", SMALLEST);
    works.app.run_due();
    // A sample has the members of what is delivered, with values of the same kind.
    for message in receiver.bodies() {
        let event = message["type"].as_str().expect("a type");
        let sample = works.resource("GET", &format!("/v1/hooks/sample?event={event}"), "");
        assert_eq!(kinds(&sample[0]), kinds(&message), "{event}");
    }
}

/// What a value is made of; a record is anything.
fn kinds(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), if name == "record" { json!("record") } else { kinds(value) }))
            .collect(),
        Value::Array(items) => items.iter().map(kinds).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "truth".into(),
        Value::Null => "null".into(),
    }
}

#[test]
fn the_operator_has_it_at_the_command_line() {
    let place = Place::new();
    place.succeed("customer add --name Shop --data data");
    let added = place.json(
        "hook add --customer Shop --data data --url https://example.com/events --event record.failed --event flow.paused",
    );
    let id = added["id"].as_str().expect("an identifier");
    assert!(added["secret"].as_str().expect("a key").starts_with("whsec_"));
    let list = place.json("hook list --customer Shop --data data");
    assert_eq!(list[0]["events"], json!(["record.failed", "flow.paused"]));
    assert!(place.succeed("hook list --customer Shop --data data").contains("enabled"));
    assert_eq!(place.json(&format!("hook deliveries --customer Shop --data data {id}")), json!([]));
    let told = place.fail(&format!("hook redeliver --customer Shop --data data {id} msg_none"), 1);
    assert!(told.contains("There is no message 'msg_none'"), "{told}");
    assert_eq!(place.json(&format!("hook enable --customer Shop --data data {id}"))["enabled"], true);
    let told = place.fail("hook add --customer Shop --data data --url http://10.0.0.1/ --event record.failed", 1);
    assert!(told.contains("url: 10.0.0.1 is at a private address"), "{told}");
    place.succeed(&format!("hook remove --customer Shop --data data {id}"));
    assert_eq!(place.json("hook list --customer Shop --data data"), json!([]));
}

//! Data sent to flows by their identifiers.

use serde_json::{Value, json};

use super::{Hub, JSON, named};
use crate::support::Answer;

fn post(hub: &Hub, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    hub.app.call("POST", path, headers, body.as_bytes())
}

/// A flow that takes a first and a last name, and perhaps more.
fn contacts(hub: &Hub) -> String {
    let mut body = named("Contacts");
    body["inputParameters"] = json!({"firstName": "string", "age": "number", "vip": "boolean"});
    hub.active(&body)
}

fn request_id(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!((answer.status, &body["data"]["message"]), (200, &"thank you".into()), "{body}");
    body["data"]["requestId"].as_str().expect("an id").to_owned()
}

#[test]
fn the_documented_request_starts_a_run() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    let answer = post(&hub, &format!("/webhooks/{id}"), &[JSON], r#"{"data": {"key1": "value1", "key2": 1.0}}"#);
    let request = request_id(&answer);
    assert!(request.len() == 32 && request.bytes().all(|byte| byte.is_ascii_hexdigit()), "{request}");
    assert_eq!(hub.records(), [json!({"key1": "value1", "key2": 1.0})]);
    hub.app.run_due();
    let execution = hub.read(&format!("/executions/{request}"))["data"].clone();
    assert_eq!((&execution["id"], &execution["status"]), (&request.into(), &"finished".into()));
    assert_eq!(execution["flowId"], id.as_str());
    // With a slash at the end as well, and what belongs to the data is kept as it was written.
    post(&hub, &format!("/webhooks/{id}/"), &[JSON], r#"{"data": {"n":  12345678901234567890123}}"#);
    let rows = hub.app.app.store.peek(|tx| tx.query("SELECT data FROM record ORDER BY id DESC LIMIT 1", &[]));
    assert_eq!(rows.expect("rows")[0].text(0).expect("a text"), r#"{"n":  12345678901234567890123}"#);
}

#[test]
fn the_request_may_have_a_name() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    let path = format!("/webhooks/{id}");
    let send = |name: &str, body: &str| post(&hub, &path, &[JSON, ("X-Request-Id", name)], body);
    assert_eq!(request_id(&send("order 17".replace(' ', "-").as_str(), r#"{"data":{}}"#)), "order-17");
    let name = "0190a2b0c0d07000800000000000abcd";
    for _ in 0..2 {
        assert_eq!(request_id(&send(name, r#"{"data":{"a":1}}"#)), name);
    }
    assert_eq!(hub.records().len(), 2, "the same once more has no effect");
    assert_eq!(hub.read(&format!("/executions/{name}"))["data"]["id"], name);
    let other = send(name, r#"{"data":{"a":2}}"#);
    assert_eq!((other.status, other.json()["error"].is_string()), (409, true));
    let key = ("Idempotency-Key", "once");
    let first = post(&hub, &path, &[JSON, key], r#"{"data":{"b":1}}"#);
    let again = post(&hub, &path, &[JSON, key], r#"{"data":{"b":1}}"#);
    assert_eq!(request_id(&first), request_id(&again));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
    assert_eq!(hub.records().len(), 3);
}

#[test]
fn what_is_sent_must_be_what_the_flow_takes() {
    let hub = Hub::start();
    let id = contacts(&hub);
    let path = format!("/webhooks/{id}");
    for (body, message) in [
        (json!({"data": {"age": 1, "vip": true}}), "The member 'firstName' is required: a string"),
        (json!({"data": {"firstName": "Ann", "age": "1", "vip": true}}), "The member 'age' must be a number"),
        (json!({"data": {"firstName": "Ann", "age": 1, "vip": null}}), "The member 'vip' must be a boolean"),
    ] {
        let answer = post(&hub, &path, &[JSON], &body.to_string());
        assert_eq!((answer.status, answer.json()), (400, json!({"error": message})));
    }
    for body in
        ["", "{", "[]", "{}", r#"{"data":[]}"#, r#"{"data":1}"#, r#"{"firstName":"Ann"}"#, r#"{"data":{"a":1,"a":2}}"#]
    {
        let answer = post(&hub, &path, &[JSON], body);
        assert_eq!((answer.status, answer.json()["error"].is_string()), (400, true), "{body}");
    }
    assert_eq!(hub.records(), [json!(null); 0]);
    let good = json!({"firstName": "Ann", "age": 41, "vip": false, "more": [1]});
    request_id(&post(&hub, &path, &[JSON], &json!({"data": good}).to_string()));
    request_id(&post(&hub, &format!("/hook/{id}"), &[JSON], &good.to_string()));
    assert_eq!(hub.records(), [good.clone(), good]);
    let bare = post(&hub, &format!("/hook/{id}"), &[JSON], "[1]");
    assert_eq!((bare.status, bare.json()), (400, json!({"error": "The data must be a JSON object"})));
}

#[test]
fn forms_and_addresses_become_what_the_flow_takes() {
    let hub = Hub::start();
    let id = contacts(&hub);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let text = "firstName=Ann+%C3%84&age=41&vip=true&tag=a&tag=b";
    request_id(&post(&hub, &format!("/hook/{id}"), &[form], text));
    request_id(&post(&hub, &format!("/webhooks/{id}"), &[form], text));
    request_id(&hub.app.get(&format!("/hook/{id}?{text}"), &[]));
    let expected = json!({"firstName": "Ann Ä", "age": 41, "vip": true, "tag": ["a", "b"]});
    assert_eq!(hub.records(), [expected.clone(), expected.clone(), expected]);
    let wrong = hub.app.get(&format!("/hook/{id}?firstName=Ann&age=old&vip=true"), &[]);
    assert_eq!(wrong.json(), json!({"error": "The member 'age' must be a number"}));
    let plain = ("Content-Type", "text/plain; charset=utf-8");
    request_id(&post(&hub, &format!("/hook/{id}"), &[plain], r#"{"firstName":"Bo","age":1,"vip":true}"#));
}

#[test]
fn a_body_has_a_type_that_is_read_and_a_size() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    let path = format!("/webhooks/{id}");
    let untyped = post(&hub, &path, &[], r#"{"data":{}}"#);
    assert_eq!((untyped.status, untyped.json()), (415, json!({"error": "Content-Type header is missing"})));
    let other = post(&hub, &path, &[("Content-Type", "image/png")], "x");
    assert_eq!((other.status, other.json()["error"].is_string()), (415, true));
    let large = format!(r#"{{"data":{{"a":"{}"}}}}"#, "x".repeat(10 * 1024 * 1024));
    let large = post(&hub, &path, &[JSON], &large);
    assert_eq!((large.status, large.json()["error"].is_string()), (413, true));
    assert_eq!(hub.records(), [json!(null); 0]);
}

#[test]
fn only_active_flows_take_data() {
    let hub = Hub::start();
    let id = hub.flow(&named("Orders"));
    let answers = |id: &str| -> Vec<(u16, Option<Value>)> {
        let mut answers = Vec::new();
        for path in [format!("/webhooks/{id}"), format!("/hook/{id}")] {
            answers.push((hub.app.bodiless("HEAD", &path, &[]).status, None));
            for answer in [hub.app.get(&path, &[]), post(&hub, &path, &[JSON], r#"{"data":{}}"#)] {
                answers.push((answer.status, (answer.status != 200).then(|| answer.json())));
            }
        }
        answers
    };
    let expected = |id: &str| {
        let told = json!({"error": format!("Flow {id} either does not exist or is inactive.")});
        vec![vec![(404, None), (404, Some(told.clone())), (404, Some(told))]; 2].concat()
    };
    assert_eq!(answers(&id), expected(&id));
    let turn = |verb: &str| hub.send(&hub.ann, "POST", &format!("/flows/{id}/{verb}"), "").status;
    assert_eq!(turn("start"), 200);
    assert_eq!(answers(&id), vec![(200, None); 6]);
    // To ask whether there is a flow starts no run.
    assert_eq!(hub.records().len(), 4);
    assert_eq!(turn("stop"), 200);
    assert_eq!(answers(&id), expected(&id));
    for nobodys in ["000000000000000000000000", "x", "1", "Orders"] {
        assert_eq!(answers(nobodys), expected(nobodys));
    }
    assert_eq!(hub.records().len(), 4);
}

#[test]
fn guesses_are_counted_for_the_address() {
    let hub = Hub::start();
    let left = |answer: &Answer| {
        answer.header("x-ratelimit-remaining").and_then(|left| left.parse::<i64>().ok()).expect("a number")
    };
    let guess = || hub.app.get("/hook/000000000000000000000000", &[]);
    let first = left(&guess());
    assert_eq!(left(&guess()), first - 1);
}

#[test]
fn a_flow_has_an_allowance() {
    let app = crate::support::TestApp::with(|config| config.auth.rate_limit = 3);
    let shop = super::shop(&app, "Shop", "k", "a");
    let ann = shop.person(&app, "ann", &["admin"]);
    let id = super::added(&app, &ann, &named("Orders"));
    assert_eq!(super::send(&app, &ann, "POST", &format!("/flows/{id}/start"), "").status, 200);
    let statuses: Vec<u16> = (0..4).map(|_| app.get(&format!("/hook/{id}"), &[]).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let refused = app.get(&format!("/hook/{id}"), &[]);
    assert_eq!(
        (refused.json(), refused.header("retry-after").is_some()),
        (json!({"error": "Too many requests."}), true)
    );
}

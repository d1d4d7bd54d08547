//! Data sent to flows by their identifiers.

use flowgate::model::webhook::Guard;
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
    assert_eq!(hub.records(), [expected.clone(), expected.clone(), expected.clone()]);
    let wrong = hub.app.get(&format!("/hook/{id}?firstName=Ann&age=old&vip=true"), &[]);
    assert_eq!(wrong.json(), json!({"error": "The member 'age' must be a number"}));
    let xml = ("Content-Type", "application/xml");
    let members = "<firstName>Ann Ä</firstName><age>41</age><vip>true</vip><tag>a</tag><tag>b</tag>";
    request_id(&post(&hub, &format!("/hook/{id}/from/shop?x=1"), &[xml], &format!("<order>{members}</order>")));
    request_id(&post(&hub, &format!("/webhooks/{id}"), &[xml], &format!("<order><data>{members}</data></order>")));
    let package = ("Content-Type", "multipart/form-data; boundary=x");
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n");
    let parts = [("firstName", "Ann Ä"), ("age", "41"), ("vip", "true"), ("tag", "a"), ("tag", "b")];
    let parts: String = parts.iter().map(|(name, value)| part(name, value)).collect();
    request_id(&post(&hub, &format!("/webhooks/{id}"), &[package], &format!("{parts}--x--")));
    assert_eq!(hub.records()[3..], [expected.clone(), expected.clone(), expected]);
    let unwrapped = post(&hub, &format!("/webhooks/{id}"), &[xml], &format!("<order>{members}</order>"));
    assert_eq!((unwrapped.status, unwrapped.json()["error"].is_string()), (400, true));
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

#[test]
fn a_webhook_of_the_flows_name_says_what_has_to_be_proved() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    let (path, body) = (format!("/webhooks/{id}"), r#"{"data":{"a":1}}"#);
    let open = |headers: &[(&str, &str)]| post(&hub, &path, &[&[JSON], headers].concat(), body);
    request_id(&open(&[]));
    hub.keep_secret("word", "open sesame");
    hub.add_webhook("Orders", &id, |change| {
        change.guard = Some(Guard::Bearer { secret: "word".to_owned() });
        change.deduplicate_by = Some(Some("X-Message".to_owned()));
        change.body_limit = Some(Some(64));
    });
    let refused = (403, json!({"error": "Unauthorized"}));
    for headers in [vec![], vec![("Authorization", "Bearer sesame")], vec![("Authorization", "Basic YTpi")]] {
        let answer = open(&headers);
        assert_eq!((answer.status, answer.json()), refused);
    }
    let hook = format!("/hook/{id}?a=1");
    assert_eq!((hub.app.get(&hook, &[]).status, hub.app.bodiless("HEAD", &hook, &[]).status), (403, 403));
    assert_eq!(hub.records().len(), 1);
    let proof = ("Authorization", "Bearer open sesame");
    let first = request_id(&open(&[proof, ("X-Message", "m-1")]));
    assert_eq!(request_id(&open(&[proof, ("X-Message", "m-1")])), first);
    request_id(&hub.app.get(&hook, &[proof]));
    assert_eq!(hub.records().len(), 3);
    let large = format!(r#"{{"data":{{"a":"{}"}}}}"#, "x".repeat(64));
    assert_eq!(post(&hub, &path, &[JSON, proof], &large).status, 413);
}

#[test]
fn what_is_signed_is_posted() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    hub.keep_secret("key", "key");
    hub.add_webhook("Orders", &id, |change| {
        change.guard = serde_json::from_str(r#"{"type":"hmac","secret":"key","header":"X-Hmac"}"#).ok();
    });
    let signed = |body: &str| {
        let signature = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key"), body.as_bytes());
        signature.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    let (path, body) = (format!("/hook/{id}"), r#"{"a":1}"#);
    let proof = signed(body);
    request_id(&post(&hub, &path, &[JSON, ("X-Hmac", &proof)], body));
    assert_eq!(post(&hub, &path, &[JSON, ("X-Hmac", &proof)], r#"{"a":2}"#).status, 403);
    // The signature of nothing would say nothing of what stands in the address.
    let asked = hub.app.get(&format!("{path}?a=2"), &[("X-Hmac", &signed(""))]);
    let told = json!({"error": "What this flow is sent has to be signed, so that it has to be posted"});
    assert_eq!((asked.status, asked.json()), (403, told));
    assert_eq!(hub.records(), [json!({"a": 1})]);
}

#[test]
fn a_webhook_of_the_flows_name_and_another_flow_says_nothing() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    hub.active(&named("Others"));
    hub.keep_secret("word", "open sesame");
    hub.add_webhook("Others", &id, |change| change.guard = Some(Guard::Bearer { secret: "word".to_owned() }));
    request_id(&post(&hub, &format!("/webhooks/{id}"), &[JSON], r#"{"data":{}}"#));
}

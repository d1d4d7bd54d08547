//! What is posted, of every kind, and the record that it becomes.

use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus;
use flowgate::operation::flow::AddFlow;
use flowgate::operation::webhook::WebhookChange;
use flowgate::store::webhook;
use serde_json::json;

use super::{add, data, guard, post, rows, set, start, start_with, uuid};
use crate::engine::edge::until;
use crate::engine::wait::with_engine;
use crate::message::{Form, call, text};
use crate::process::PATIENCE;

#[test]
fn a_payload_of_every_kind_becomes_a_record_that_runs() {
    let works = start_with(r#"{"nodes":[{"id":"t","kind":"transform","fields":{"expression":"$"}}]}"#);
    let file = "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nü\r\n--b\r\nContent-Disposition: form-data; \
                name=\"scan\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\n";
    for (content_type, body, expected) in [
        ("application/json", r#"{"a":{"b":[1,null]}}"#, json!({"a": {"b": [1, null]}})),
        ("application/json", "[1,2]", json!({"body": [1, 2]})),
        ("application/json", "\"x\"", json!({"body": "x"})),
        ("application/cloudevents+json", r#"{"a":1}"#, json!({"a": 1})),
        ("application/xml", "<o id=\"7\"><l>1</l><l>2</l></o>", json!({"@id": "7", "l": ["1", "2"]})),
        ("text/xml; charset=utf-8", "<o>1</o>", json!({"body": "1"})),
        ("application/x-www-form-urlencoded", "a=1&b=x%20y&a=2", json!({"a": ["1", "2"], "b": "x y"})),
        ("text/plain", "hello", json!({"text": "hello"})),
        ("text/csv", "a;b", json!({"text": "a;b"})),
        (
            "multipart/form-data; boundary=b",
            file,
            json!({"title": "ü", "scan": {"name": "a.png", "type": "image/png", "content": "UE5H"}}),
        ),
    ] {
        let id = uuid(&post(&works, &[("Content-Type", content_type), ("Accept", "application/json")], body));
        assert_eq!(data(&works, &id), expected, "{content_type}");
        let kept = works.app.app.store.peek(|tx| webhook::find_payloads(tx, works.customer, 1, 1)).expect("a read");
        assert_eq!((kept[0].uuid.as_str(), kept[0].payload.as_str()), (id.as_str(), body), "{content_type}");
        works.app.run_due();
        assert_eq!((works.state(&id), works.outputs(&id)["t"].clone()), (RecordStatus::Finished, expected));
    }
    let exact = r#"{"n": 12345678901234567890.10,  "m":"\u00fc"}"#;
    assert_eq!(works.record(&uuid(&post(&works, &[("Content-Type", "application/json")], exact))).data, exact);
    for (content_type, body) in
        [("application/json", "{"), ("application/xml", "<a>"), ("multipart/form-data", "x"), ("application/json", "")]
    {
        let answer = post(&works, &[("Content-Type", content_type), ("Accept", "application/json")], body);
        assert_eq!(answer.status, 400, "{content_type} {}", answer.text());
    }
    assert_eq!((rows(&works, "record"), rows(&works, "webhook_payload")), (11, 11));
}

#[test]
fn bytes_that_are_no_text_are_kept_too() {
    let works = start();
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a><b>\xFC</b></a>";
    let answer = works.app.call(
        "POST",
        "/v1/webhook/hook",
        &[("Content-Type", "application/xml"), ("Accept", "application/json")],
        latin,
    );
    assert_eq!(data(&works, &uuid(&answer)), json!({"b": "ü"}));
    let kept = works.app.app.store.peek(|tx| webhook::find_payloads(tx, works.customer, 1, 1)).expect("a read");
    assert!(kept[0].payload.starts_with("data:application/xml;base64,PD94bWwg"), "{}", kept[0].payload);
    let answer = works.app.call("POST", "/v1/webhook/hook", &[("Content-Type", "text/plain")], b"\xFF");
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn an_envelope_holds_what_came_beside_the_body_but_no_secret() {
    let works = start();
    guard(&works, r#"{"type":"hmac","secret":"word","header":"X-Sig"}"#);
    set(&works, WebhookChange { envelope: Some(true), ..WebhookChange::default() });
    guard(&works, r#"{"type":"bearer","secret":"word"}"#);
    let headers = [
        ("Authorization", "Bearer s3cret"),
        ("Cookie", "a=b"),
        ("X-Apikey", "k"),
        ("X-Event", "push"),
        ("Content-Type", "application/json"),
    ];
    let answer = works.app.call("POST", "/v1/webhook/hook?a=1&b=x%20y&a=2", &headers, b"[1]");
    let made = data(&works, &uuid(&answer));
    let members: Vec<_> = made.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["data", "headers", "query", "method"]);
    assert_eq!((&made["data"], &made["method"]), (&json!({"body": [1]}), &json!("POST")));
    assert_eq!(made["query"], json!({"a": ["1", "2"], "b": "x y"}));
    assert_eq!(
        (&made["headers"]["x-event"], &made["headers"]["content-type"]),
        (&json!("push"), &json!("application/json"))
    );
    for secret in ["authorization", "cookie", "x-apikey"] {
        assert!(made["headers"].get(secret).is_none(), "{made}");
    }
    assert!(!made.to_string().contains("s3cret"));
}

#[test]
fn what_a_flow_declares_must_be_sent_and_its_customers_schema_is_not_asked() {
    let works = start_with(
        r#"{"nodes":[{"id":"end","kind":"end"}],"inputParameters":{"name":"string","age":"integer"},"data_fields":{"who":"name"}}"#,
    );
    let schema = crate::soap::b64(r#"{"type":"object","required":["client"]}"#);
    let schema = format!(r#"{{"schema":"{schema}","data_record":"eyJjbGllbnQiOltdfQ==","url":"www.example.nl"}}"#);
    assert_eq!(works.send("POST", "/v1/schema", &[], &schema).status, 201);
    for (body, expected) in [
        (r#"{"age":1}"#, "The member 'name' is required: a string"),
        (r#"{"name":"x","age":"1"}"#, "The member 'age' must be an integer"),
        ("[]", "The member 'name' is required: a string"),
    ] {
        let answer = post(&works, &[], body);
        assert_eq!((answer.status, answer.json()["message"].as_str()), (400, Some(expected)));
    }
    assert_eq!((rows(&works, "record"), rows(&works, "webhook_payload")), (0, 0));
    let id = uuid(&post(&works, &[], r#"{"name":"x","age":1,"more":true}"#));
    let found = works.resource("GET", "/v1/record/search?dynamic_value=x", "");
    assert_eq!(found["records"][0]["uuid"].as_str(), Some(id.as_str()), "{found}");
    set(&works, WebhookChange { envelope: Some(true), ..WebhookChange::default() });
    assert_eq!(post(&works, &[], r#"{"age":1}"#).status, 400);
}

#[test]
fn what_becomes_of_a_payload_depends_on_the_state_of_the_flow() {
    let works = start();
    works.status("Leads", FlowStatus::Paused);
    let id = uuid(&post(&works, &[], "{}"));
    works.app.run_due();
    assert_eq!(works.state(&id), RecordStatus::Waiting);
    works.status("Leads", FlowStatus::Inactive);
    let answer = post(&works, &[], "{}");
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.json()["message"].as_str().is_some_and(|text| text.contains("takes no records")));
    assert_eq!(rows(&works, "webhook_payload"), 1, "what is refused is not stored");
    let graph = r#"{"nodes":[{"id":"end","kind":"end"}]}"#.to_owned();
    works.run(AddFlow { name: "New".to_owned(), description: String::new(), graph }).expect("a draft");
    add(&works, "New", "new-hook");
    let answer = works.app.call("POST", "/v1/webhook/new-hook", &[], b"{}");
    assert_eq!((answer.status, rows(&works, "record"), rows(&works, "webhook_payload")), (201, 1, 2));
}

#[test]
fn soap_makes_records_too() {
    let works = start();
    for (form, payload, expected) in [
        (Form::Encoded11, r#"{"a":1}"#, json!({"a": 1})),
        (Form::Literal12, "<o><a>1</a></o>", json!({"a": "1"})),
        (Form::Literal11, "plain", json!({"text": "plain"})),
    ] {
        let message = call(form, "webhook", &[text("Uri", "hook"), text("Payload", payload)]);
        let answer = works.app.post(&[("Content-Type", form.content_type())], message.as_bytes());
        assert_eq!((answer.status, answer.element("Code").as_deref()), (200, Some("201")), "{}", answer.text());
        let kept = works.app.app.store.peek(|tx| webhook::find_payloads(tx, works.customer, 1, 1)).expect("a read");
        assert_eq!((data(&works, &kept[0].uuid), kept[0].payload.as_str()), (expected, payload));
    }
}

#[test]
fn payloads_are_removed_with_the_history_and_records_stay() {
    let works = start();
    let id = uuid(&post(&works, &[], "{}"));
    works.app.run_due();
    let days = i64::from(works.app.app.config.engine.history_days);
    works.app.app.clock.advance(days * 24 * 3_600_000 + 1);
    let fresh = uuid(&post(&works, &[], "{}"));
    with_engine(&works, || until(PATIENCE, "the old payload goes", || rows(&works, "webhook_payload") == 1));
    let kept = works.app.app.store.peek(|tx| webhook::find_payloads(tx, works.customer, 1, 9)).expect("a read");
    assert_eq!(kept[0].uuid, fresh);
    assert_eq!(works.state(&id), RecordStatus::Finished);
}

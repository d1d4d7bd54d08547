//! The step that sends a signed message: to whom the flow says, with the key that the flow names.

use flowgate::operation::secret::SetSecret;
use serde_json::json;

use super::{Receiver, header, is_signed_with};
use crate::engine::{Works, chain, outgoing};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn sending(works: &Works, url: &str, more: &str) {
    let fields = format!(r#"{{"url":"{url}","type":"order.{{{{ kind }}}}","secret":"{{{{secret.partner}}}}"{more}}}"#);
    works.publish("Leads", &chain(&[&format!(r#"{{"id":"tell","kind":"webhook","fields":{fields}}}"#)]));
}

#[test]
fn a_signed_message_leaves_with_the_token_of_the_step() {
    let works = outgoing();
    works.run(SetSecret { name: "partner".to_owned(), value: SECRET.to_owned() }).expect("a secret");
    let receiver = Receiver::of(&["HTTP/1.1 503 Service Unavailable", "HTTP/1.1 200 OK"]);
    let more = r#","data":{"name":"{{ name }}"},"headers":{"X-Of":"{{ $flow.name }}","webhook-signature":"v1,none","Webhook-Id":"mine"},"output":"status""#;
    sending(&works, &receiver.url(), more);
    works.insert("Leads", "r", r#"{"kind":"paid","name":"Zoë"}"#);
    works.app.run_due();
    works.pass(3_600_000);
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    let ids = receiver.headers("webhook-id");
    assert!(ids[0] == ids[1] && ids[0] == receiver.headers("Idempotency-Key")[0] && ids[0] != "mine", "{ids:?}");
    for message in &seen {
        assert!(is_signed_with(message, SECRET), "{}", message.head);
        assert_eq!(header(message, "x-of"), "Leads");
    }
    let body = &receiver.bodies()[0];
    assert_eq!(
        (&body["id"], &body["type"], &body["data"]),
        (&json!(ids[0]), &json!("order.paid"), &json!({"name": "Zoë"}))
    );
    assert_eq!(works.outputs("r")["tell"], 200);
    assert!(!works.history("r").iter().any(|attempt| attempt.to_string().contains(&SECRET[6..])));
}

#[test]
fn without_data_it_tells_its_input_and_without_a_key_nothing() {
    let works = outgoing();
    let receiver = Receiver::willing();
    sending(&works, &receiver.url(), "");
    works.run(SetSecret { name: "partner".to_owned(), value: "no key".to_owned() }).expect("a secret");
    works.insert("Leads", "wrong", r#"{"kind":"paid"}"#);
    works.app.run_due();
    let error = works.error("wrong");
    assert_eq!(error["kind"], "secret");
    assert!(error["message"].as_str().expect("a sentence").contains("must be whsec_"), "{error}");
    assert!(receiver.seen().is_empty());
    works.run(SetSecret { name: "partner".to_owned(), value: SECRET.to_owned() }).expect("a secret");
    works.insert("Leads", "right", r#"{"kind":"paid"}"#);
    works.app.run_due();
    assert_eq!(receiver.bodies()[0]["data"], json!({"kind": "paid"}));
}

//! Requests that are sent twice under one key.

use flowgate::auth::Credential;
use flowgate::error::Code;
use flowgate::operation::payload::{Message, PostWebhook};
use flowgate::operation::repeat::{Key, Once, execute_once};
use flowgate::operation::schema::InsertSchema;
use flowgate::operation::webhook::{AddWebhook, WebhookChange};

use super::{HOME, InsertRecords, Queue, Submission, count, insertion, named, refusal, schema_text};

/// An insertion whose identifier is made here, so that carrying it out twice would leave two records.
fn anonymous(data: &str) -> InsertRecords {
    let submission = Submission { uuid: None, execution_time: None, data: data.to_owned().into() };
    InsertRecords { flow: named("orders"), submissions: vec![submission] }
}

const RECORDS: &str = "SELECT id FROM record";

#[tokio::test]
async fn a_repeated_request_has_one_effect_and_the_same_answer() {
    let queue = Queue::start().await;
    let (app, client) = (&queue.gateway.app, &queue.client);
    let once = |key, data| execute_once(app, client, Some(Key::Idempotency(key)), anonymous(data));
    let Once::First(first) = once("k", r#"{"a":1}"#).await.expect("an insertion") else { panic!("nothing before") };
    assert_eq!(once("k", r#"{"a":1}"#).await.expect("the same"), Once::Repeated(first));
    let other = (Code::Conflict, "The Idempotency-Key was used for another request".to_owned());
    assert_eq!(refusal(once("k", r#"{"a": 1}"#).await), other);
    assert_eq!(
        refusal(execute_once(app, client, Some(Key::Idempotency("k")), InsertSchema(schema_text("{}"))).await).0,
        Code::Forbidden
    );
    assert!(matches!(once("K", r#"{"a":1}"#).await, Ok(Once::First(_))), "another key");
    let operator =
        execute_once(app, &queue.gateway.operator, Some(Key::Idempotency("k")), anonymous(r#"{"a":1}"#)).await;
    assert!(matches!(operator, Ok(Once::First(_))), "another caller");
    assert_eq!(count(&queue, RECORDS, ""), 3);
    for _ in 0..2 {
        let unkeyed = execute_once(app, client, None, anonymous("{}")).await;
        assert!(matches!(unkeyed, Ok(Once::First(_))));
    }
    assert_eq!(count(&queue, RECORDS, ""), 5);
}

#[tokio::test]
async fn two_at_once_have_one_effect() {
    let queue = Queue::start().await;
    let (app, client) = (&queue.gateway.app, &queue.client);
    let once = || execute_once(app, client, Some(Key::Idempotency("k")), anonymous("{}"));
    let (one, two, three) = tokio::join!(once(), once(), once());
    let (mut firsts, mut uuids) = (0, Vec::new());
    for outcome in [one, two, three] {
        let (first, output) = match outcome.expect("an outcome") {
            Once::First(output) => (1, output),
            Once::Repeated(output) => (0, output),
        };
        firsts += first;
        uuids.push(output.records[0].uuid.clone());
    }
    uuids.dedup();
    assert_eq!((firsts, uuids.len(), count(&queue, RECORDS, "")), (1, 1, 1));
}

#[tokio::test]
async fn failures_are_not_remembered_and_keys_expire() {
    let queue = Queue::start().await;
    let (app, client) = (&queue.gateway.app, &queue.client);
    queue.insert("orders", "r", "{}").await;
    let conflict = || execute_once(app, client, Some(Key::Idempotency("k")), insertion("orders", "r", r#"{"a":1}"#));
    assert_eq!(refusal(conflict().await).0, Code::Conflict);
    assert_eq!(count(&queue, "SELECT outcome FROM repeat", ""), 0);
    assert!(matches!(
        execute_once(app, client, Some(Key::Idempotency("k")), anonymous("{}")).await,
        Ok(Once::First(_))
    ));
    assert!(matches!(
        execute_once(app, client, Some(Key::Idempotency("k")), anonymous("{}")).await,
        Ok(Once::Repeated(_))
    ));
    app.clock.advance(app.config.api.idempotency_milliseconds());
    assert!(matches!(
        execute_once(app, client, Some(Key::Idempotency("other")), anonymous("{}")).await,
        Ok(Once::First(_))
    ));
    assert_eq!(count(&queue, "SELECT outcome FROM repeat WHERE idempotency_key = $1", "k"), 0, "it was forgotten");
    assert!(matches!(
        execute_once(app, client, Some(Key::Idempotency("k")), anonymous("{}")).await,
        Ok(Once::First(_))
    ));
}

#[tokio::test]
async fn keys_are_short_and_visible() {
    let queue = Queue::start().await;
    let longest = "x".repeat(255);
    let too_long = "x".repeat(256);
    for (key, fits) in [("!~", true), (&longest, true), (&too_long, false), ("", false), ("a b", false), ("ä", false)]
    {
        let outcome =
            execute_once(&queue.gateway.app, &queue.client, Some(Key::Idempotency(key)), anonymous("{}")).await;
        assert_eq!(
            outcome.map(|_| ()).map_err(|error| error.code()),
            fits.then_some(()).ok_or(Code::InvalidInput),
            "{key}"
        );
    }
}

#[tokio::test]
async fn schemas_and_payloads_can_be_sent_twice() {
    let queue = Queue::start().await;
    let (app, operator) = (&queue.gateway.app, &queue.gateway.operator);
    let schema = || execute_once(app, operator, Some(Key::Idempotency("k")), InsertSchema(schema_text("{}")));
    let Once::First(first) = schema().await.expect("a schema") else { panic!("nothing before") };
    assert_eq!(schema().await.expect("the same"), Once::Repeated(first));
    let (uri, change) = (Some("hook".to_owned()), WebhookChange::default());
    let add = AddWebhook { flow: "orders".to_owned(), uri, application: None, change };
    queue.gateway.run(add).await.expect("a webhook");
    let hook = queue.gateway.call(&Credential::Webhook("hook".to_owned()), HOME).expect("a caller");
    let post = || {
        let message =
            Message { body: "{}".to_owned(), headers: Vec::new(), query: serde_json::Map::new(), method: "POST" };
        execute_once(app, &hook, Some(Key::Idempotency("k")), PostWebhook { payload: "p".to_owned(), message })
    };
    let Once::First(first) = post().await.expect("a payload") else { panic!("nothing before") };
    assert_eq!(post().await.expect("the same"), Once::Repeated(first));
    assert_eq!(count(&queue, "SELECT uuid FROM webhook_payload", ""), 1);
}

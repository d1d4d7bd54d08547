//! What a webhook is set to beside its guard: limits, messages that come again, waiting for the run; and the commands.

use flowgate::operation::webhook::WebhookChange;
use serde_json::json;

use super::{data, post, rows, set, start, start_with, uuid};
use crate::engine::wait::with_engine;
use crate::process::Place;
use crate::support::send;

const DAY: i64 = 24 * 3_600_000;

#[test]
fn a_body_and_the_number_of_requests_are_limited_for_each_webhook() {
    let works = start();
    set(&works, WebhookChange { body_limit: Some(Some(10)), ..WebhookChange::default() });
    uuid(&post(&works, &[], "0123456789"));
    let answer = post(&works, &[], "0123456789a");
    assert_eq!((answer.status, answer.json()["message"].as_str()), (413, Some("The body is larger than 10 bytes")));
    set(&works, WebhookChange { body_limit: Some(None), ..WebhookChange::default() });
    uuid(&post(&works, &[], "0123456789a"));
    set(&works, WebhookChange { rate_limit: Some(Some(3)), ..WebhookChange::default() });
    let codes: Vec<_> = (0..4).map(|_| post(&works, &[], "{}")).map(|answer| (answer.status, answer)).collect();
    assert_eq!(codes.iter().filter(|(status, _)| *status == 201).count(), 3);
    let (status, last) = codes.last().expect("an answer");
    assert_eq!(
        (*status, last.header("x-ratelimit-limit"), last.header("x-ratelimit-remaining")),
        (429, Some("3"), Some("0"))
    );
    assert!(last.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok()), "{}", last.head);
    set(&works, WebhookChange { rate_limit: Some(Some(0)), ..WebhookChange::default() });
    let free = post(&works, &[], "{}");
    assert_eq!((free.status, free.header("x-ratelimit-limit")), (201, None));
}

#[test]
fn a_message_that_comes_again_makes_no_second_record_for_a_day() {
    let works = start();
    set(&works, WebhookChange { deduplicate_by: Some(Some("X-Delivery".to_owned())), ..WebhookChange::default() });
    let first = post(&works, &[("X-Delivery", "a"), ("X-Try", "1")], r#"{"n":1}"#);
    let id = uuid(&first);
    works.app.app.clock.advance(DAY - 1);
    let again = post(&works, &[("X-Delivery", "a"), ("X-Try", "2")], r#"{"n":1,"sent":2}"#);
    assert_eq!((again.text(), again.header("idempotency-replayed")), (first.text(), Some("true")));
    assert_ne!(uuid(&post(&works, &[("X-Delivery", "b")], r#"{"n":1}"#)), id);
    assert_eq!((rows(&works, "record"), rows(&works, "webhook_payload")), (2, 2));
    works.app.app.clock.advance(1);
    let after = uuid(&post(&works, &[("X-Delivery", "a")], r#"{"n":2}"#));
    assert_eq!(data(&works, &after), json!({"n": 2}));
    for _ in 0..2 {
        uuid(&post(&works, &[], "{}"));
    }
    assert_eq!(rows(&works, "record"), 5, "without the header every message counts");
}

#[test]
fn a_webhook_that_waits_is_answered_with_what_the_run_came_to() {
    let works = start_with(r#"{"nodes":[{"id":"t","kind":"transform","fields":{"output":{"twice":"{{ n * 2 }}"}}}]}"#);
    set(&works, WebhookChange { wait: Some(Some(60)), ..WebhookChange::default() });
    with_engine(&works, || {
        let answer = post(&works, &[], r#"{"n":21}"#);
        let id = uuid(&answer);
        assert_eq!(answer.json()["resource"]["run"], json!({"run": 1, "status": "finished", "output": {"twice": 42}}));
        assert_eq!(answer.header("x-run-id"), Some(format!("{id}.1").as_str()));
        let failed = post(&works, &[], r#"{"n":"x"}"#);
        assert_eq!(
            (failed.status, &failed.json()["error"]["run"]["step"]["id"]),
            (500, &json!("t")),
            "{}",
            failed.text()
        );
    });
    works.publish("Leads", r#"{"nodes":[{"id":"r","kind":"respond","fields":{"status":202,"body":"{{ n }}"}}]}"#);
    with_engine(&works, || {
        let answer = post(&works, &[], r#"{"n":21}"#);
        assert_eq!((answer.status, answer.text().as_str()), (202, "21"));
    });
    set(&works, WebhookChange { wait: Some(None), ..WebhookChange::default() });
    assert!(post(&works, &[], "{}").json()["resource"].get("run").is_none());
}

#[test]
fn the_commands_change_a_webhook_while_it_is_served() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    let add = "webhook add --customer Testing --flow Leads --uri new-hook";
    let error = place.fail(&format!("{add} --guard bearer --secret none"), 1);
    assert!(error.contains("There is no secret 'none'"), "{error}");
    place.succeed(add);
    std::fs::write(place.path("word"), "s3cret\n").expect("a file");
    place.succeed("secret set --customer Testing word --from-file word");
    let request = |token: &str| {
        format!(
            "POST /v1/webhook/new-hook HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Id: 1\r\n{token}Content-Length: 2\r\n\r\n{{}}",
            gateway.address
        )
    };
    assert_eq!(send(gateway.address, request("").as_bytes()).status, 201);
    let set = "webhook set --customer Testing new-hook";
    let text = place
        .succeed(&format!("{set} --guard bearer --secret word --deduplicate-by X-Id --rate-limit 9 --envelope true"));
    assert!(
        text.contains("follows within a second") && !text.contains("s3cret") && !text.contains("new-hook"),
        "{text}"
    );
    crate::process::eventually(
        gateway.address,
        request("").as_bytes(),
        |outcome| matches!(outcome, crate::support::Outcome::Answered(answer) if answer.status == 401),
    );
    let with_token = request("Authorization: Bearer s3cret\r\n");
    let first = send(gateway.address, with_token.as_bytes());
    assert_eq!((first.status, first.header("x-ratelimit-limit")), (201, Some("9")), "{}", first.text());
    let shown = place.json("webhook show --customer Testing new-hook");
    assert_eq!(
        (&shown["guard"], &shown["deduplicate_by"], &shown["envelope"], &shown["wait"]),
        (&json!({"type": "bearer", "secret": "word"}), &json!("X-Id"), &json!(true), &json!(null))
    );
    // The message that was taken is known to the next process too.
    gateway.kill();
    let gateway = place.serve("--demo");
    let again = send(gateway.address, with_token.as_bytes());
    assert_eq!((again.text(), again.header("idempotency-replayed")), (first.text(), Some("true")));
    let id = shown["id"].as_i64().expect("a number");
    assert_eq!(
        place.json(&format!("webhook set --customer Testing {id} --guard open --rate-limit none"))["guard"],
        json!({"type": "open"})
    );
    let listed = place.json("webhook list --customer Testing");
    assert_eq!(listed[1]["guard"], "open", "{listed}");
    place.succeed(&format!("webhook remove --customer Testing {id}"));
    assert!(place.fail(&format!("webhook show --customer Testing {id}"), 1).contains("no such webhook"));
    for wrong in [
        "--user x",
        "--guard basic --secret word",
        "--guard hmac --secret word",
        "--guard open --secret word",
        "--guard standard",
        "--guard bearer --secret word --header X",
    ] {
        let output = place.run(&format!("webhook set --customer Testing demo-hook {wrong}"));
        assert!(!output.status.success(), "{wrong}");
    }
    assert!(
        place.fail("webhook set --customer Testing demo-hook --guard standard --secret word", 1).contains("whsec_")
    );
    assert_eq!(place.json("webhook show --customer Testing demo-hook")["guard"], json!({"type": "open"}));
}

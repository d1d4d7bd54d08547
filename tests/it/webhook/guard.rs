//! What whoever posts has to prove: good and bad proofs of every kind.

use flowgate::app::signature::{SigningKey, seconds, sign};
use flowgate::model::time::Timestamp;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};

use super::{KEY, OTHER, guard, post, rows, start, uuid};
use crate::engine::Works;
use crate::message::{Form, call, text};
use crate::support::{Answer, NOW};

fn b64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const BODY: &str = r#"{"n": "ü"}"#;

fn refused(answer: &Answer, challenge: &str, message: &str) {
    assert_eq!(answer.status, 401, "{}", answer.text());
    let told = answer.header("www-authenticate").expect("a challenge");
    assert!(told.starts_with(challenge), "{told}");
    assert_eq!(answer.json()["message"], message);
}

#[test]
fn a_password_or_a_token_is_compared_with_the_secret() {
    let works = start();
    guard(&works, r#"{"type":"basic","user":"git","secret":"word"}"#);
    // git:s3cret, and what is wrong in one of the parts.
    uuid(&post(&works, &[("Authorization", "Basic Z2l0OnMzY3JldA==")], BODY));
    let wrong = "The credentials are not correct.";
    for bad in ["Basic Z2l0OnMzY3JlVA==", "Basic R2l0OnMzY3JldA=="] {
        refused(&post(&works, &[("Authorization", bad)], BODY), "Basic ", wrong);
    }
    let missing = "A user and a password (HTTP Basic) is required";
    for headers in [&[][..], &[("Authorization", "Bearer s3cret")], &[("Authorization", "Basic ??")]] {
        refused(&post(&works, headers, BODY), "Basic ", missing);
    }
    guard(&works, r#"{"type":"bearer","secret":"word"}"#);
    uuid(&post(&works, &[("Authorization", "bearer s3cret")], BODY));
    refused(&post(&works, &[("Authorization", "Bearer s3creT")], BODY), "Bearer ", wrong);
    refused(&post(&works, &[], BODY), "Bearer ", "A token (HTTP Bearer) is required");
    assert_eq!(rows(&works, "record"), 2, "what is refused leaves nothing");
}

#[test]
fn failed_proofs_are_counted_for_the_address() {
    let works = start();
    guard(&works, r#"{"type":"bearer","secret":"word"}"#);
    let left = |answer: &Answer| -> u32 {
        answer.header("x-ratelimit-remaining").expect("an allowance").parse().expect("a number")
    };
    let first = left(&post(&works, &[], BODY));
    assert_eq!(left(&post(&works, &[("Authorization", "Bearer x")], BODY)), first - 1);
    uuid(&post(&works, &[("Authorization", "Bearer s3cret")], BODY));
}

#[test]
fn a_signature_is_over_the_body_as_it_was_sent() {
    let works = start();
    let hex = hmac(HMAC_SHA256, BODY);
    guard(&works, r#"{"type":"hmac","secret":"word","header":"X-Hub-Signature-256","prefix":"sha256="}"#);
    let signed = format!("sha256={hex}");
    uuid(&post(&works, &[("X-Hub-Signature-256", &signed)], BODY));
    let wrong = "The credentials are not correct.";
    refused(&post(&works, &[("X-Hub-Signature-256", &signed)], r#"{"n":"ü"}"#), "Signature ", wrong);
    refused(&post(&works, &[("X-Hub-Signature-256", &hex)], BODY), "Signature ", wrong);
    refused(&post(&works, &[("X-Hub-Signature-256", &signed[..70])], BODY), "Signature ", wrong);
    let missing = "The header X-Hub-Signature-256 is required";
    refused(&post(&works, &[], BODY), "Signature ", missing);
    let twice = [("X-Hub-Signature-256", signed.as_str()), ("X-Hub-Signature-256", "sha256=00")];
    refused(&post(&works, &twice, BODY), "Signature ", missing);
    guard(&works, r#"{"type":"hmac","secret":"word","header":"X-S","algorithm":"sha1","encoding":"hex"}"#);
    uuid(&post(&works, &[("X-S", &hmac(HMAC_SHA1_FOR_LEGACY_USE_ONLY, BODY))], BODY));
    refused(&post(&works, &[("X-S", &hex)], BODY), "Signature ", wrong);
    guard(&works, r#"{"type":"hmac","secret":"word","header":"X-S","algorithm":"sha512","encoding":"base64"}"#);
    let tag = ring::hmac::sign(&ring::hmac::Key::new(HMAC_SHA512, b"s3cret"), BODY.as_bytes());
    uuid(&post(&works, &[("X-S", &b64(tag.as_ref()))], BODY));
    refused(&post(&works, &[("X-S", &hmac(HMAC_SHA512, BODY))], BODY), "Signature ", wrong);
}

/// The signature under the secret `word`, as hexadecimal digits.
fn hmac(algorithm: ring::hmac::Algorithm, message: &str) -> String {
    let tag = ring::hmac::sign(&ring::hmac::Key::new(algorithm, b"s3cret"), message.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_signature_with_a_time_is_good_for_that_time_alone() {
    let works = start();
    guard(&works, r#"{"type":"hmac","secret":"word","header":"X-S","timestamp_header":"X-T","tolerance":60}"#);
    let now = NOW.0 / 1_000;
    let send = |at: i64, signed_at: i64| {
        let signature = hmac(HMAC_SHA256, &format!("{signed_at}.{BODY}"));
        post(&works, &[("X-S", &signature), ("X-T", &at.to_string())], BODY)
    };
    for at in [now, now - 60, now + 60] {
        uuid(&send(at, at));
    }
    let late = "The message was signed more than 60 seconds ago, or for a time to come";
    for at in [now - 61, now + 61] {
        refused(&send(at, at), "Signature ", late);
    }
    refused(&send(now, now - 1), "Signature ", "The credentials are not correct.");
    let unsigned = hmac(HMAC_SHA256, BODY);
    refused(&post(&works, &[("X-S", &unsigned)], BODY), "Signature ", "The header X-T is required");
}

/// What a sender of Standard Webhooks sends.
struct Sent {
    id: String,
    timestamp: String,
    signatures: String,
    body: String,
}

impl Sent {
    fn of(keys: &[&str], at: Timestamp) -> Sent {
        let keys: Vec<_> = keys.iter().map(|key| SigningKey::parse(key).expect("a key")).collect();
        Sent {
            id: "msg_1".to_owned(),
            timestamp: seconds(at),
            signatures: sign(&keys, "msg_1", at, BODY.as_bytes()),
            body: BODY.to_owned(),
        }
    }

    fn post(&self, works: &Works) -> Answer {
        let headers = [
            ("webhook-id", self.id.as_str()),
            ("webhook-timestamp", &self.timestamp),
            ("webhook-signature", &self.signatures),
        ];
        post(works, &headers, &self.body)
    }
}

#[test]
fn standard_webhooks_are_taken_once_and_only_as_they_were_signed() {
    let works = start();
    guard(&works, r#"{"type":"standard","secrets":["key"]}"#);
    let at = |seconds: i64| Timestamp(NOW.0 + seconds * 1_000);
    let wrong = "The credentials are not correct.";
    for change in [
        |sent: &mut Sent| sent.body = r#"{"n": "u"}"#.to_owned(),
        |sent: &mut Sent| sent.id = "msg_2".to_owned(),
        |sent: &mut Sent| sent.timestamp = seconds(Timestamp(NOW.0 + 1_000)),
        |sent: &mut Sent| sent.signatures = sent.signatures.replace("v1,", "v1a,"),
        |sent: &mut Sent| sent.signatures.truncate(20),
    ] {
        let mut sent = Sent::of(&[KEY], NOW);
        change(&mut sent);
        refused(&sent.post(&works), "Signature ", wrong);
    }
    refused(&Sent::of(&[OTHER], NOW).post(&works), "Signature ", wrong);
    let late = "The message was signed more than 300 seconds ago, or for a time to come";
    for seconds in [-301, 301] {
        refused(&Sent::of(&[KEY], at(seconds)).post(&works), "Signature ", late);
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let sent = Sent::of(&[KEY], NOW);
        let all =
            [("webhook-id", &sent.id), ("webhook-timestamp", &sent.timestamp), ("webhook-signature", &sent.signatures)];
        let fewer: Vec<_> =
            all.iter().filter(|(other, _)| *other != name).map(|(name, value)| (*name, value.as_str())).collect();
        refused(&post(&works, &fewer, BODY), "Signature ", &format!("The header {name} is required"));
    }
    assert_eq!(rows(&works, "webhook_payload"), 0);
    // Of two signatures one is enough, as while the sender changes its key.
    let first = Sent::of(&[OTHER, KEY], NOW).post(&works);
    let id = uuid(&first);
    for again in [Sent::of(&[KEY], NOW), Sent::of(&[KEY], at(299))] {
        let again = again.post(&works);
        assert_eq!((uuid(&again), again.header("idempotency-replayed")), (id.clone(), Some("true")));
    }
    assert_eq!((rows(&works, "record"), rows(&works, "webhook_payload")), (1, 1));
    // And of two keys one is, as while the receiver does.
    guard(&works, r#"{"type":"standard","secrets":["other","key"]}"#);
    for key in [KEY, OTHER] {
        let mut sent = Sent::of(&[key], NOW);
        sent.id = key.replace('_', "-");
        let keys = [SigningKey::parse(key).expect("a key")];
        sent.signatures = sign(&keys, &sent.id, NOW, BODY.as_bytes());
        assert_ne!(uuid(&sent.post(&works)), id);
    }
    assert_eq!(rows(&works, "record"), 3);
}

#[test]
fn a_guard_holds_for_soap_too_and_a_lost_secret_opens_nothing() {
    use flowgate::operation::secret::RemoveSecret;
    let works = start();
    guard(&works, r#"{"type":"bearer","secret":"word"}"#);
    let message = call(Form::Literal11, "webhook", &[text("Uri", "hook"), text("Payload", BODY)]);
    let send = |token: &str| {
        let headers = [("Content-Type", "text/xml"), ("Authorization", token)];
        works.app.post(&headers, message.as_bytes())
    };
    let refused = send("Bearer x");
    assert_eq!(
        (refused.status, refused.element("faultstring")),
        (500, Some("The credentials are not correct.".to_owned()))
    );
    assert_eq!(rows(&works, "record"), 0);
    assert_eq!(send("Bearer s3cret").status, 200);
    assert_eq!((rows(&works, "record"), rows(&works, "webhook_payload")), (1, 1));
    works.run(RemoveSecret { name: "word".to_owned() }).expect("a removal");
    let answer = post(&works, &[("Authorization", "Bearer s3cret")], BODY);
    assert_eq!(
        (answer.status, answer.json()["message"].as_str()),
        (503, Some("The webhook cannot check who posts at the moment"))
    );
    assert_eq!(rows(&works, "record"), 1);
}

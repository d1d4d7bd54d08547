//! Keystores themselves: added, listed, changed and removed.

use serde_json::json;

use super::{add, ask, kept, put, refusal, told};

#[test]
fn a_keystore_is_added_shown_changed_and_removed() {
    let works = kept();
    let body = r#"{"id":"tides","description":"By harbour","structure":{"high":null}}"#;
    let added = works.send("POST", "/v1/keystore/", &[], body);
    assert_eq!(added.status, 201, "{}", added.text());
    assert!(added.header("location").expect("a place").ends_with("/v1/keystore/tides"));
    let shown = json!({
        "id": "tides", "description": "By harbour", "kind": "json", "structure": {"high": null}, "version": 1,
        "date_created": "2026-01-15T12:00:00+00:00", "date_modified": "2026-01-15T12:00:00+00:00",
    });
    assert_eq!(
        (&added.json()["resource"], &added.json()["message"]),
        (&shown, &json!("The keystore has been added successfully"))
    );
    assert_eq!(works.resource("GET", "/v1/keystore/tides", ""), shown);
    let listed = works.resource("GET", "/v1/keystore", "");
    let ids: Vec<_> = listed["keystores"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
    assert_eq!((ids, &listed["total"]), (vec![json!("letters"), json!("tides"), json!("weather")], &json!(3)));
    assert_eq!((&listed["keystores"][0]["kind"], &listed["keystores"][0]["structure"]), (&json!("raw"), &json!(null)));

    let tag = works.send("GET", "/v1/keystore/tides", &[], "").header("etag").expect("a tag").to_owned();
    let change =
        |tag: &str| works.send("PATCH", "/v1/keystore/tides", &[("If-Match", tag)], r#"{"description":"Tides"}"#);
    assert_eq!(change(&tag).json()["resource"]["description"], "Tides");
    assert_eq!(change(&tag).status, 412);
    assert_eq!(works.send("DELETE", "/v1/keystore/tides", &[("If-Match", &tag)], "").status, 412);
    put(&works, "tides/dover", &json!(1));
    assert_eq!(works.resource("DELETE", "/v1/keystore/tides", ""), json!({"id": "tides"}));
    assert_eq!(refusal(&works.send("GET", "/v1/keystore/tides", &[], ""), 404), "There is no keystore 'tides'");
    // One of that name knows nothing of the other's packages.
    add(&works, &json!({"id": "tides"}));
    assert_eq!(told(&ask(&works, "GET", "tides/dover", "application/json", "")), "{}");
}

#[test]
fn what_a_keystore_cannot_be_is_said() {
    let works = kept();
    for (body, status, reason) in [
        (json!({"id": "weather"}), 409, "There is a keystore 'weather' already"),
        (json!({"id": ""}), 400, "The keystore's id must have from 1 to 64 letters, digits, '_', '.' or '-'"),
        (json!({"id": "a b"}), 400, "The keystore's id must have"),
        (json!({"id": ".."}), 400, "The keystore's id must have"),
        (json!({"id": "ä"}), 400, "The keystore's id must have"),
        (json!({"id": "a".repeat(65)}), 400, "The keystore's id must have"),
        (json!({"id": "x", "kind": "xml"}), 400, "kind must be json or raw, not 'xml'"),
        (json!({"id": "x", "kind": "raw", "structure": {}}), 400, "structure: a keystore of the kind raw has none"),
        (json!({"id": "x", "structure": []}), 400, "structure must be a JSON object"),
        (json!({"id": "x", "structure": {"a": "x".repeat(70_000)}}), 400, "structure must have at most 65536 bytes"),
        (json!({"id": "x", "colour": "red"}), 400, "colour"),
        (json!({"description": "none"}), 400, "id"),
        (json!({"id": "x", "description": "x".repeat(513)}), 400, "description"),
    ] {
        let said = refusal(&works.send("POST", "/v1/keystore", &[], &body.to_string()), status);
        assert!(said.contains(reason), "{body}: {said}");
    }
    let said = refusal(&works.send("PATCH", "/v1/keystore/letters", &[], r#"{"structure":{}}"#), 400);
    assert_eq!(said, "structure: a keystore of the kind raw has none");
    add(&works, &json!({"id": "a".repeat(64), "kind": "JSON"}));
}

#[test]
fn an_addition_can_be_repeated_under_its_key() {
    let works = kept();
    let again = || works.send("POST", "/v1/keystore", &[("Idempotency-Key", "x")], r#"{"id":"tides"}"#);
    assert_eq!(again().header("idempotency-replayed"), None);
    let answer = again();
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, Some("true")));
}

#[test]
fn changes_are_in_the_audit_log() {
    let works = kept();
    works.resource("PATCH", "/v1/keystore/weather", r#"{"description":"x"}"#);
    works.resource("DELETE", "/v1/keystore/weather", "");
    let customer = works.customer;
    let entries = works.app.administer(move |tx| {
        let sql = "SELECT verb, target FROM audit WHERE customer_id = $1 AND target = 'weather' ORDER BY id";
        let rows = tx.query(sql, &[customer.0.into()])?;
        rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<flowgate::error::Result<Vec<_>>>()
    });
    assert_eq!(entries, ["addKeystore", "updateKeystore", "removeKeystore"]);
}

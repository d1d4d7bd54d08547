//! Bodies: what is taken as one, and what is said of those that are not.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{JSON, Rest, XML, message, refused, resource, schema_body};

const FLOW: (&str, &str) = ("X-Flow", "Leads");

#[test]
fn a_record_is_taken_as_json_and_as_xml() {
    let rest = Rest::start();
    let json = r#"{"client":[{"name":"Zoë","age":41,"ok":true,"none":null}],"empty":{}}"#;
    let xml = r#"<record><client type="array"><item><name>Zoë</name><age type="number">41</age><ok type="boolean">true</ok><none type="null"/></item></client><empty type="object"/></record>"#;
    for (uuid, headers, body) in [
        ("json", &[JSON][..], json),
        ("charset", &[("Content-Type", "application/json; charset=UTF-8")], json),
        ("suffix", &[("Content-Type", "application/vnd.shop+json")], json),
        ("none", &[], json),
        ("xml", &[XML], xml),
        ("text/xml", &[("Content-Type", "text/xml;charset=utf-8")], xml),
        ("untyped xml", &[], xml),
    ] {
        let headers = [headers, &[FLOW, ("X-Uuid", uuid), ("Accept", "application/json")]].concat();
        let answer = rest.send("POST", "/v1/record", &headers, body);
        assert_eq!(answer.status, 201, "{uuid}: {}", answer.text());
        assert_eq!(resource(&answer)["data_record"].to_string(), json, "{uuid}");
    }
    assert!(rest.stored().iter().all(|(_, data)| data == json), "{:?}", rest.stored());
}

#[test]
fn numbers_keep_their_digits_and_texts_their_escapes() {
    let rest = Rest::start();
    let data = r#"{"n":1.10,"big":123456789012345678901234567890,"small":1e-400,"t":"é\/\u0000","e":[]}"#;
    rest.insert("one", data);
    let answer = rest.get("/v1/record/one", &[]);
    assert!(answer.text().contains(&format!("\"data_record\":{data},")), "{}", answer.text());
    assert_eq!(rest.stored(), [("one".to_owned(), data.to_owned())]);
}

#[test]
fn an_array_is_inserted_whole_or_not_at_all() {
    let rest = Rest::start();
    let answer = rest.send("POST", "/v1/record", &[FLOW], r#"[{"n":1},{"n":2}]"#);
    let found = resource(&answer);
    assert_eq!((answer.status, found["total"].clone()), (201, json!(2)));
    let records: Vec<_> =
        found["records"].as_array().expect("records").iter().map(|record| record["data_record"].to_string()).collect();
    assert_eq!(records, [r#"{"n":1}"#, r#"{"n":2}"#]);
    assert_eq!(answer.header("location"), None, "there are two places");
    let one = rest.send("POST", "/v1/record", &[FLOW], r#"[{"n":3}]"#);
    assert_eq!(resource(&one)["total"], 1, "a list of one stays a list");
    rest.schema(r#"{"properties":{"n":{"type":"integer","maximum":9}}}"#);
    let answer = rest.send("POST", "/v1/record", &[FLOW], r#"[{"n":1},{"n":"x"},{"n":null},{"n":10}]"#);
    assert_eq!(answer.status, 400);
    let details = answer.json()["error"]["details"].take();
    let places: Vec<(u64, &str)> = details
        .as_array()
        .expect("details")
        .iter()
        .map(|detail| (detail["record"].as_u64().expect("a number"), detail["path"].as_str().expect("a path")))
        .collect();
    assert_eq!(places, [(1, "/n"), (2, "/n"), (3, "/n")], "{details}");
    assert!(details[0]["reason"].as_str().is_some_and(|reason| reason.contains("integer")), "{details}");
    assert_eq!(rest.stored().len(), 3);
    let answer = rest.send("POST", "/v1/record", &[FLOW, ("X-Uuid", "one")], "[{},{}]");
    assert_eq!(answer.status, 400, "one identifier for two records");
    assert_eq!(rest.send("POST", "/v1/record", &[FLOW], "[]").status, 400);
}

#[test]
fn a_violation_of_the_schema_is_told_with_its_place() {
    let rest = Rest::start();
    rest.schema(r#"{"properties":{"client":{"items":{"properties":{"age":{"type":"integer"}}}}}}"#);
    let body = r#"{"client":[{"age":1},{"age":"old"}]}"#;
    let answer = rest.send("POST", "/v1/record", &[FLOW], body);
    let details = answer.json()["error"]["details"].take();
    assert_eq!((answer.status, details[0]["path"].as_str()), (400, Some("/client/1/age")), "{}", answer.text());
    assert_eq!(details.as_array().map(Vec::len), Some(1));
    assert!(message(&answer).contains("/client/1/age"), "the sentence says it too: {}", answer.text());
    // The same as XML, answered as XML.
    let xml = "<r><client type='array'><item><age>1</age></item><item><age>old</age></item></client></r>";
    let answer = rest.send("POST", "/v1/record", &[FLOW, XML], xml);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.element("path").as_deref(), Some("/client/1/age"), "{}", answer.text());
    rest.insert("good", r#"{"client":[{"age":1}]}"#);
    assert_eq!(rest.send("PUT", "/v1/record/good", &[], body).status, 400);
    assert_eq!(rest.stored(), [("good".to_owned(), r#"{"client":[{"age":1}]}"#.to_owned())]);
}

#[test]
fn what_is_no_record_is_refused_with_what_is_wrong() {
    let rest = Rest::start();
    let empty = "The body is empty; it must hold a data record, or an array of them";
    for (headers, body, sentence) in [
        (&[JSON][..], "", Some(empty)),
        (&[JSON], " \r\n", Some(empty)),
        (&[], "", Some(empty)),
        (&[XML], "", Some(empty)),
        (&[JSON], "{", None),
        (&[JSON], "1", None),
        (&[JSON], "null", None),
        (&[JSON], "\"text\"", None),
        (&[JSON], "[1]", None),
        (&[JSON], "{} {}", None),
        (&[JSON], r#"{"a":1,"a":2}"#, None),
        (&[JSON], "<r/>", None),
        (&[XML], "{}", None),
        (&[XML], "<r", None),
        (&[XML], "<!DOCTYPE r [<!ENTITY e 'x'>]><r>&e;</r>", None),
        (&[XML], "<r>text</r>", None),
        (
            &[("Content-Type", "text/plain")],
            "{}",
            Some("The Content-Type 'text/plain' is not accepted; send application/json or application/xml"),
        ),
        (&[("Content-Type", "application/x-www-form-urlencoded")], "a=b", None),
        (&[("Content-Type", "multipart/form-data; boundary=x")], "--x--", None),
        (
            &[("Content-Type", "application/json; charset=utf-16")],
            "{}",
            Some("The charset of a JSON body must be UTF-8"),
        ),
        (
            &[("Content-Type", "application/json; charset=latin1")],
            "{}",
            Some("The charset of a JSON body must be UTF-8"),
        ),
        (&[JSON, ("Content-Encoding", "gzip")], "{}", None),
        (&[JSON, ("Content-Encoding", "br")], "{}", Some("The Content-Encoding must be gzip, deflate or identity")),
    ] {
        let headers = [headers, &[FLOW, ("Accept", "application/json")]].concat();
        let answer = rest.send("POST", "/v1/record", &headers, body);
        assert_eq!(answer.status, 400, "{headers:?} {body}: {}", answer.text());
        let told = message(&answer);
        assert!(sentence.is_none_or(|sentence| sentence == told), "{headers:?} {body}: {told}");
        assert!(told.is_ascii() && !told.contains('\n') && told.len() < 300, "{told}");
    }
    assert_eq!(rest.stored(), []);
}

#[test]
fn bytes_are_read_as_their_encoding_says_or_refused() {
    let rest = Rest::start();
    let utf16: Vec<u8> = "\u{FEFF}<r><a>ü</a></r>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (uuid, headers, body, expected) in [
        ("bom", &[JSON][..], b"\xEF\xBB\xBF{\"a\":1}".to_vec(), Some(r#"{"a":1}"#)),
        ("latin1 json", &[JSON], b"{\"a\":\"\xFC\"}".to_vec(), None),
        ("surrogate", &[JSON], b"{\"a\":\"\xED\xA0\x80\"}".to_vec(), None),
        ("lone escape", &[JSON], br#"{"a":"\ud800"}"#.to_vec(), None),
        ("nul", &[JSON], b"{\"a\":\"\0\"}".to_vec(), None),
        (
            "latin1 xml",
            &[("Content-Type", "application/xml; charset=iso-8859-1")],
            b"<r><a>\xFC</a></r>".to_vec(),
            Some(r#"{"a":"ü"}"#),
        ),
        ("utf16 xml", &[XML], utf16, Some(r#"{"a":"ü"}"#)),
        ("latin1 as utf8", &[XML], b"<r><a>\xFC</a></r>".to_vec(), None),
    ] {
        let headers = [headers, &[FLOW, ("X-Uuid", uuid)]].concat();
        let answer = rest.send_bytes("POST", "/v1/record", &headers, &body);
        let stored = rest.stored().into_iter().find(|(stored, _)| stored == uuid).map(|(_, data)| data);
        assert_eq!(stored.as_deref(), expected, "{uuid}: {}", answer.text());
        assert_eq!(answer.status, if expected.is_some() { 201 } else { 400 }, "{uuid}: {}", answer.text());
    }
}

#[test]
fn compressed_bodies_are_read_and_large_ones_refused() {
    let rest = Rest::with(|config| {
        config.server.body_limit = 100_000;
        config.soap.max_decoded = 100_000;
    });
    let pack = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    };
    let record = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
    let gzip = [FLOW, JSON, ("Content-Encoding", "gzip")];
    let answer = rest.send_bytes("POST", "/v1/record", &gzip, &pack(&record(50_000)));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(rest.stored()[0].1, record(50_000));
    let sentence = "The request's body is larger than 100000 bytes";
    refused(&rest.send_bytes("POST", "/v1/record", &gzip, &pack(&record(100_000))), 413, sentence);
    refused(&rest.send("POST", "/v1/record", &[FLOW, JSON], &record(100_000)), 413, sentence);
    assert_eq!(rest.stored().len(), 1);
}

#[test]
fn a_schema_is_described_by_three_members_and_no_other() {
    let rest = Rest::start();
    let base64 = |text: &str| STANDARD.encode(text);
    let body = |schema: &str, sample: &str| format!(r#"{{"schema":"{schema}","data_record":"{sample}","url":"u"}}"#);
    for (body, told) in [
        (String::new(), "The body is not valid JSON"),
        ("[]".to_owned(), "The body is not as expected"),
        (r#"{"schema":"e30=","data_record":"e30="}"#.to_owned(), "missing field `url`"),
        (r#"{"schema":"e30=","url":"u"}"#.to_owned(), "missing field `data_record`"),
        (r#"{"schema":"e30=","data_record":"e30=","url":"u","more":1}"#.to_owned(), "unknown field `more`"),
        (r#"{"schema":{},"data_record":"e30=","url":"u"}"#.to_owned(), "invalid type"),
        (body("!", "e30="), "schema must be base64"),
        (body("/w==", "e30="), "schema must be base64 of UTF-8 text"),
        (body(&base64("{"), "e30="), "Schema is not valid JSON"),
        (body(&base64("[]"), "e30="), "Schema"),
        (body(&base64(r#"{"type":"nothing"}"#), "e30="), "Schema"),
        (body(&base64(r#"{"required":["a"]}"#), "e30="), "DataRecord"),
        (body("e30=", &base64("1")), "DataRecord must be a JSON object, or an array of objects"),
    ] {
        for method in ["POST", "PUT"] {
            let answer = rest.send(method, "/v1/schema", &[JSON], &body);
            assert_eq!(answer.status, 400, "{body}: {}", answer.text());
            assert!(message(&answer).contains(told), "{body}: {}", answer.text());
        }
    }
    assert_eq!(rest.get("/v1/schema", &[]).status, 404);
    let answer = rest.send(
        "POST",
        "/v1/schema",
        &[XML, ("Accept", "application/json")],
        "<s><schema>e30=</schema><data_record>e30=</data_record><url>u</url></s>",
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(rest.send("POST", "/v1/schema", &[], &schema_body("{}")).status, 409);
}

#[test]
fn a_webhook_takes_any_text() {
    let rest = Rest::start();
    let payloads = [
        ("application/json", r#"{"a":1}"#),
        ("application/xml", "<a>1</a>"),
        ("application/x-www-form-urlencoded", "a=1&b=%20"),
        ("text/plain; charset=utf-8", "plain ü"),
        ("", "no type"),
    ];
    for (content_type, body) in payloads {
        let headers: &[(&str, &str)] = if content_type.is_empty() { &[] } else { &[("Content-Type", content_type)] };
        let answer = rest.app.call(
            "POST",
            "/v1/webhook/hook",
            &[headers, &[("Accept", "application/json")]].concat(),
            body.as_bytes(),
        );
        let found = resource(&answer);
        assert_eq!((answer.status, found["data"]["flow_id"].as_str()), (201, Some("1")), "{content_type}");
        assert_eq!(found["date_created"], "2026-01-15T12:00:00+00:00");
    }
    let sql = "SELECT payload FROM webhook_payload ORDER BY received_at, uuid";
    let rows = rest.app.app.store.peek(|tx| tx.query(sql, &[])).expect("rows");
    let stored: Vec<_> = rows.iter().map(|row| row.text(0).expect("a text")).collect();
    assert_eq!(stored, payloads.map(|(_, body)| body));
}

//! Keys and values that are made to be taken for something else.

use serde_json::json;

use super::{ask, kept, put, refusal, told};

/// Each with how it is written in a path.
const KEYS: [(&str, &str); 14] = [
    ("it's", "it's"),
    ("a\"b", "a%22b"),
    ("x'; DROP TABLE keystore; --", "x'%3B%20DROP%20TABLE%20keystore%3B%20--"),
    ("a/b", "a%2Fb"),
    ("a/../b", "a%2F..%2Fb"),
    ("...", "..."),
    ("a%2Fb", "a%252Fb"),
    ("100%", "100%25"),
    ("😀 é", "%F0%9F%98%80%20%C3%A9"),
    ("a\u{FFFD}b", "a%EF%BF%BDb"),
    ("a+b&c=d?e#f", "a%2Bb&c=d%3Fe%23f"),
    ("{key}", "%7Bkey%7D"),
    ("\\", "%5C"),
    ("$1", "$1"),
];

#[test]
fn every_key_is_itself_and_no_other() {
    let works = kept();
    for (number, (_, path)) in KEYS.iter().enumerate() {
        put(&works, &format!("weather/{path}"), &json!({"n": number}));
    }
    let found =
        ask(&works, "POST", "weather", "application/json", r#"{"select":[{"field":"key"},{"field":"n"}]}"#).json();
    let mut expected: Vec<_> = KEYS.iter().enumerate().map(|(number, (key, _))| (*key, number.to_string())).collect();
    expected.sort();
    let rows: Vec<_> = found
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["key"].as_str().expect("a key"), row["n"].as_str().expect("a number").to_owned()))
        .collect();
    assert_eq!(rows, expected);
    for (number, (key, path)) in KEYS.iter().enumerate() {
        assert_eq!(
            told(&ask(&works, "GET", &format!("weather/{path}"), "application/json", "")),
            format!("{{\"n\":{number}}}")
        );
        let rule =
            json!({"select": [{"field": "n"}], "where": {"rules": [{"field": "key", "operator": "=", "value": key}]}});
        let found = ask(&works, "POST", "weather", "application/json", &rule.to_string()).json();
        assert_eq!(found, json!([{"n": number.to_string()}]), "{key}");
    }
    for (key, path) in KEYS {
        let answer = ask(&works, "DELETE", &format!("weather/{path}"), "application/json", "");
        assert_eq!(answer.json()["message"], format!("Successfully deleted key {key} in keystore weather"));
    }
    let longest = "é".repeat(127);
    put(&works, &format!("weather/{}", "%C3%A9".repeat(127)), &json!(1));
    assert_eq!(
        told(&ask(&works, "GET", &format!("weather/{}x", "%C3%A9".repeat(127)), "application/json", "")).len(),
        57,
        "{longest}"
    );
}

#[test]
fn what_is_no_key_is_refused() {
    let works = kept();
    for path in
        ["%00", "a%00b", "a%0Ab", "a%7Fb", "%C2%85", "..", ".", "%2E%2E", &"a".repeat(256), &"%C3%A9".repeat(128)]
    {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let answer = ask(&works, method, &format!("weather/{path}"), "application/json", "{}");
            let said = refusal(&answer, 400);
            assert!(said.starts_with("The key must have from 1 to 255 bytes of UTF-8"), "{method} {path}: {said}");
        }
    }
    for path in ["weather/%FF", "weather/a%ED%A0%80"] {
        assert_eq!(refusal(&ask(&works, "GET", path, "application/json", ""), 400), "The path's key is not UTF-8 text");
    }
    assert_eq!(ask(&works, "POST", "weather", "application/json", r#"{"select":[{"field":"key"}]}"#).json(), json!([]));
}

#[test]
fn what_is_searched_for_is_no_statement() {
    let works = kept();
    put(
        &works,
        "weather/london",
        &json!({"city": "Robert'); DROP TABLE keystore_package;--", "$1": 1, "a\"b": {"c'd": 2}}),
    );
    for (field, operator, value, count) in [
        ("city", "=", "Robert'); DROP TABLE keystore_package;--", 1),
        ("city", "=", "' OR '1'='1", 0),
        ("city", "LIKE", "%'); DROP%", 1),
        ("key", "=", "' OR 1=1 --", 0),
        ("key", "begins_with", "\u{0}", 0),
        ("key", "begins_with", "😀", 0),
        ("$1", "=", "1", 1),
        ("a\"b.c'd", "=", "2", 1),
        ("1=1) OR (1", "=", "1", 0),
    ] {
        let rule = json!({"field": field, "operator": operator, "value": value});
        let body = json!({"select": [{"field": field, "alias": "'; --"}], "where": {"rules": [rule]}});
        let found = ask(&works, "POST", "weather", "application/json", &body.to_string());
        assert_eq!(found.json().as_array().expect("rows").len(), count, "{rule}: {}", found.text());
    }
    // Keystores are found by name alone.
    for path in ["weather'%20OR%20'1'='1/london", "%25/london", "WEATHER/london", "weather%00/london"] {
        let answer = ask(&works, "GET", path, "application/json", "");
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.text());
    }
}

#[test]
fn unlucky_texts_survive_every_format() {
    let works = kept();
    for text in
        ["\u{1}\u{8}", "]]>", "<![CDATA[x]]>", "a\r\nb\tc ", "\u{FEFF}x", "\u{2028}", "𝄞", "&amp;", "null", "\u{FFFF}"]
    {
        let value = json!({"t": text, "item": {"xml:lang": text}});
        put(&works, "weather/x", &value);
        let xml = works.send("GET", "/v1/keystore/weather/x", &[("Accept", "application/xml")], "").text();
        let back = ask(&works, "PUT", "weather/y", "application/xml", &xml);
        assert_eq!(back.status, 200, "{}", back.text());
        let json = works.send("GET", "/v1/keystore/weather/y", &[("Accept", "application/json")], "");
        assert_eq!(json.json(), value, "{xml}");
        assert_eq!(ask(&works, "PUT", "letters/x", "text/plain", text).text(), text);
        let json = works.send("GET", "/v1/keystore/letters/x", &[("Accept", "application/json")], "");
        assert_eq!(json.json(), json!(text));
    }
}

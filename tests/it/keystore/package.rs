//! Packages: formats, conditions, what is made by reading and what is not, and what stays over a restart.

use serde_json::json;

use super::{add, ask, kept, kept_with, put, refusal, told};
use crate::process::Place;
use crate::support::{Answer, send};

fn accepting(works: &crate::engine::Works, path: &str, accept: &str, content_type: &str) -> Answer {
    let mut headers = Vec::new();
    for (name, value) in [("Accept", accept), ("Content-Type", content_type)] {
        if !value.is_empty() {
            headers.push((name, value));
        }
    }
    works.send("GET", &format!("/v1/keystore/{path}"), &headers, "")
}

#[test]
fn accept_wins_then_the_requests_own_format_then_json() {
    let works = kept();
    put(&works, "weather/london", &json!({"city": "London & more"}));
    ask(&works, "PUT", "letters/hello", "text/plain", "Hello, <world>\n");
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let (json, xml) = (
        r#"{"city":"London & more"}"#.to_owned(),
        format!("{head}<response><city>London &amp; more</city></response>"),
    );
    let (text, string) = ("Hello, <world>\n".to_owned(), r#""Hello, <world>\n""#.to_owned());
    let data = format!("{head}<data>Hello, &lt;world&gt;\n</data>");
    for (accept, content_type, kind, of_json, of_text) in [
        ("", "", "application/json", &json, &string),
        ("*/*", "", "application/json", &json, &string),
        ("*/*", "text/plain", "text/plain; charset=UTF-8", &json, &text),
        ("", "text/plain; charset=utf-8", "text/plain; charset=UTF-8", &json, &text),
        ("", "application/xml", "application/xml; charset=UTF-8", &xml, &data),
        ("application/json", "text/plain", "application/json", &json, &string),
        ("application/xml", "text/plain", "application/xml; charset=UTF-8", &xml, &data),
        ("text/plain", "application/xml", "text/plain; charset=UTF-8", &json, &text),
        ("text/plain;q=0.4, text/xml", "", "application/xml; charset=UTF-8", &xml, &data),
        ("text/plain, application/json;q=0.9", "", "text/plain; charset=UTF-8", &json, &text),
        ("text/html, */*", "", "application/json", &json, &string),
    ] {
        for (path, expected) in [("weather/london", of_json), ("letters/hello", of_text)] {
            let answer = accepting(&works, path, accept, content_type);
            assert_eq!(told(&answer), *expected, "{path} {accept} {content_type}");
            assert_eq!(answer.header("content-type"), Some(kind), "{path} {accept} {content_type}");
            let varies = answer.header("vary").expect("what it varies by");
            assert!(varies.contains("Accept") && varies.contains("Content-Type"), "{varies}");
        }
    }
}

#[test]
fn a_text_that_was_sent_as_json_or_xml_comes_back_as_it_was_sent() {
    let works = kept();
    let (object, document) = ("{\"b\": 1,\n \"a\": 2.50}", "<?xml version=\"1.0\"?><a href=\"x\">y<b/></a>");
    for (key, content_type, sent, as_json, as_xml) in [
        ("object", "application/json", object, object, None),
        (
            "document",
            "application/xml",
            document,
            "\"<?xml version=\\\"1.0\\\"?><a href=\\\"x\\\">y<b/></a>\"",
            Some(document),
        ),
        // Not what it is said to be, and so a text.
        ("broken", "application/json", "{broken", "\"{broken\"", None),
        ("torn", "application/xml", "<torn>", "\"<torn>\"", None),
        ("table", "text/csv", "a;b", "\"a;b\"", None),
        ("empty", "text/plain", "", "\"\"", None),
    ] {
        let path = format!("letters/{key}");
        assert_eq!(ask(&works, "POST", &path, content_type, sent).status, 200, "{key}");
        assert_eq!(accepting(&works, &path, "text/plain", "").text(), sent, "{key}");
        assert_eq!(accepting(&works, &path, "application/json", "").text(), as_json, "{key}");
        let xml = accepting(&works, &path, "application/xml", "");
        match as_xml {
            Some(expected) => assert_eq!(xml.text(), expected),
            None => assert_eq!(xml.element("data").expect("the text"), sent, "{key}"),
        }
        assert_eq!(xml.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    }
    let nul = ask(&works, "PUT", "letters/nul", "text/plain", "a\0b");
    assert_eq!(refusal(&nul, 400), "The package must not hold a NUL character");
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let works = kept();
    for (content_type, body, status, reason) in [
        ("application/json", "{\n \"a\": }", 400, "The package is not valid JSON: expected value at line 2 column 7"),
        ("application/json", "", 400, "The package is not valid JSON: EOF while parsing a value at line 1 column 0"),
        ("text/plain", "hello", 400, "The package is not valid JSON: expected value at line 1 column 1"),
        ("application/json", r#"{"a":1,"a":2}"#, 400, "The package has the member 'a' twice at /"),
        ("application/json; charset=latin1", "{}", 400, "The charset of a JSON body must be UTF-8"),
        ("application/x-www-form-urlencoded", "a=1", 400, "send application/json, application/xml or text/plain"),
        ("image/png", "x", 400, "The Content-Type 'image/png' is not accepted"),
    ] {
        let said = refusal(&ask(&works, "PUT", "weather/london", content_type, body), status);
        assert!(said.contains(reason), "{said}");
    }
    let answer = works.send(
        "PUT",
        "/v1/keystore/weather/london",
        &[("Content-Type", "application/xml"), ("Accept", "application/json")],
        "<a>1<b/></a>",
    );
    assert_eq!(refusal(&answer, 400), "The element 'a' holds text beside its elements");
    // Any JSON value will do; the structure asks for nothing.
    for value in [json!(1), json!("x"), json!(null), json!([1, {"a": []}]), json!({"temp": "warm", "new": true})] {
        assert_eq!(put(&works, "weather/any", &value).json(), value);
    }
    let largest = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    assert_eq!(ask(&works, "PUT", "weather/large", "application/json", &largest).status, 200);
    let larger = format!("\"{}\"", "x".repeat((1 << 20) - 1));
    for path in ["weather/large", "letters/large"] {
        let answer = ask(&works, "PUT", path, "application/json", &larger);
        assert_eq!(refusal(&answer, 413), "A package must have at most 1048576 bytes");
    }
    let numbers = "[12345678901234567890123,1.50,-0.0,1e3]";
    assert_eq!(told(&ask(&works, "PUT", "weather/numbers", "application/json", numbers)), numbers);
}

/// The packages that there are.
fn keys(works: &crate::engine::Works, keystore: &str) -> Vec<String> {
    let found = ask(works, "POST", keystore, "application/json", r#"{"select":[{"field":"key"}]}"#).json();
    let rows = found.as_array().expect("rows");
    rows.iter().map(|row| row["key"].as_str().expect("a key").to_owned()).collect()
}

#[test]
fn getting_a_package_that_is_missing_makes_it_of_the_structure() {
    let works = kept();
    let empty = r#"{"city":"","temp":{"max":null,"min":null,"average":null}}"#;
    let conditions =
        [("If-None-Match", "\"x\""), ("If-Modified-Since", "Thu, 15 Jan 2026 12:00:00 GMT"), ("If-Match", "*")];
    for condition in conditions {
        assert_eq!(works.send("GET", "/v1/keystore/weather/paris", &[condition], "").status, 404, "{condition:?}");
    }
    assert_eq!(works.send("HEAD", "/v1/keystore/weather/paris", &[], "").status, 404);
    assert_eq!(keys(&works, "weather"), Vec::<String>::new());
    let made = ask(&works, "GET", "weather/paris", "application/json", "");
    assert_eq!(told(&made), empty);
    assert_eq!(told(&ask(&works, "GET", "letters/paris", "text/plain", "")), "");
    assert_eq!((keys(&works, "weather"), keys(&works, "letters")), (vec!["paris".into()], vec!["paris".into()]));
    // It is there now, and the same whoever asks in whatever way.
    let head = works.send("HEAD", "/v1/keystore/weather/paris", &[], "");
    assert_eq!((head.status, head.header("etag")), (200, made.header("etag")));
    let tag = made.header("etag").expect("a tag").to_owned();
    assert_eq!(works.send("GET", "/v1/keystore/weather/paris", &[("If-None-Match", &tag)], "").status, 304);

    let works = kept_with(|config| config.keystore.autocreate_on_get = false);
    let said = refusal(&ask(&works, "GET", "weather/paris", "application/json", ""), 404);
    assert_eq!(said, "There is no package 'paris' in the keystore 'weather'");
    assert!(keys(&works, "weather").is_empty());
}

#[test]
fn another_structure_is_for_new_packages_only() {
    let works = kept();
    let version = || works.resource("GET", "/v1/keystore/weather", "")["version"].take();
    ask(&works, "GET", "weather/old", "application/json", "");
    let old = r#"{"city":"","temp":{"max":null,"min":null,"average":null}}"#;
    assert_eq!(version(), 1);
    works.resource("PATCH", "/v1/keystore/weather", r#"{"structure":{"rain":0}}"#);
    assert_eq!(version(), 2);
    // The same again is none.
    works.resource("PATCH", "/v1/keystore/weather", r#"{"structure":{"rain":0},"description":"Rain"}"#);
    assert_eq!(version(), 2);
    assert_eq!(told(&ask(&works, "GET", "weather/new", "application/json", "")), r#"{"rain":0}"#);
    assert_eq!(told(&ask(&works, "GET", "weather/old", "application/json", "")), old);
    let structure = |key: &str| {
        let (customer, key) = (works.customer, key.to_owned());
        works.app.administer(move |tx| {
            let found = flowgate::store::keystore::find(tx, customer, "weather")?.expect("a keystore");
            let package = flowgate::store::keystore::find_package(tx, found.id, &key)?.expect("a package");
            let document = flowgate::store::keystore::find_structure(tx, found.id, package.structure)?;
            Ok((package.structure, document.expect("a structure")))
        })
    };
    assert_eq!(structure("old"), (1, old.to_owned()));
    assert_eq!(structure("new"), (2, r#"{"rain":0}"#.to_owned()));
    // What a package is of stays, whatever it holds.
    put(&works, "weather/old", &json!({"rain": 1}));
    assert_eq!(structure("old").0, 1);
}

#[test]
fn writing_can_be_made_to_depend_on_what_is_there() {
    let works = kept();
    let path = "/v1/keystore/weather/london";
    let when = |method: &str, condition: (&str, &str), body: &str| {
        works.send(method, path, &[("Content-Type", "application/json"), condition], body)
    };
    assert_eq!(when("PUT", ("If-Match", "*"), "0").status, 412);
    assert_eq!(when("PUT", ("If-Match", "\"unknown\""), "0").status, 412);
    let made = when("PUT", ("If-None-Match", "*"), "1");
    assert_eq!(made.status, 200);
    assert_eq!(when("PUT", ("If-None-Match", "*"), "2").status, 412);
    let tag = made.header("etag").expect("a tag").to_owned();
    let next = when("PUT", ("If-Match", &tag), "3");
    assert_eq!((next.status, next.text().as_str()), (200, "3"));
    for method in ["PUT", "DELETE"] {
        assert_eq!(when(method, ("If-Match", &tag), "4").status, 412, "{method}");
    }
    // The tag of any representation names the state.
    let text = works.send("GET", path, &[("Accept", "text/plain")], "");
    let xml = works.send("GET", path, &[("Accept", "application/xml")], "");
    let tags: Vec<_> =
        [&next, &text, &xml].iter().map(|answer| answer.header("etag").expect("a tag").to_owned()).collect();
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
    assert_eq!(when("PUT", ("If-Match", &tags[1]), "3").status, 200);
    assert_eq!(when("DELETE", ("If-Match", "*"), "").status, 200);
    assert_eq!(when("DELETE", ("If-Match", "*"), "").status, 404);
    // What comes back with the same content is not what it was.
    let back = when("PUT", ("If-None-Match", "*"), "3");
    assert_ne!(back.header("etag"), Some(tags[0].as_str()));
    let modified = works.send("GET", path, &[], "").header("last-modified").expect("a date").to_owned();
    assert_eq!(modified, "Thu, 15 Jan 2026 12:00:00 GMT");
    assert_eq!(works.send("GET", path, &[("If-Modified-Since", &modified)], "").status, 304);
    assert!(works.send("GET", path, &[], "").header("x-ratelimit-limit").is_some());
}

#[test]
fn an_insert_can_be_repeated_under_its_key() {
    let works = kept();
    let insert = |key: &str, body: &str| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        works.send("POST", "/v1/keystore/weather/london", &headers, body)
    };
    let first = insert("one", "{\"n\":1}");
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    let again = insert("one", "{\"n\":1}");
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!((again.text(), again.header("etag")), (first.text(), first.header("etag")));
    assert_eq!(insert("one", "{\"n\":2}").status, 409);
    assert_eq!(insert("two", "{\"n\":1}").status, 409);
}

/// The numbers that many calls at once gave.
fn at_once<T: Send>(call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16)
            .map(|number| {
                scope.spawn({
                    let call = &call;
                    move || call(number)
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("a call")).collect()
    })
}

#[test]
fn of_many_that_insert_at_once_one_does() {
    let works = kept();
    let statuses = at_once(|number| ask(&works, "POST", "weather/one", "application/json", &number.to_string()).status);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 15, "{statuses:?}");
    // Those that read what is missing all read the same.
    let tags = at_once(|_| {
        let answer = ask(&works, "GET", "weather/two", "application/json", "");
        assert_eq!(answer.status, 200);
        answer.header("etag").expect("a tag").to_owned()
    });
    assert!(tags.iter().all(|tag| *tag == tags[0]), "{tags:?}");
    // Of those that change what they saw, one does.
    let statuses = at_once(|number| {
        let headers = [("Content-Type", "application/json"), ("If-Match", tags[0].as_str())];
        works.send("PUT", "/v1/keystore/weather/two", &headers, &number.to_string()).status
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 15, "{statuses:?}");
}

#[test]
fn some_members_alone_can_be_answered() {
    let works = kept();
    put(&works, "weather/london", &json!({"city": "London", "temp": {"max": 15, "min": 8}}));
    let answer = works.send("GET", "/v1/keystore/weather/london?fields=temp.max", &[], "");
    assert_eq!(answer.text(), r#"{"temp":{"max":15}}"#);
}

#[test]
fn two_customers_have_keystores_of_one_name() {
    let works = kept();
    put(&works, "weather/london", &json!("ours"));
    works.app.customer("Other", "k2", "a2");
    let theirs = |method: &str, path: &str, body: &str| {
        let headers = [("X-Apikey", "k2"), ("Content-Type", "application/json")];
        works.app.call(method, path, &headers, body.as_bytes())
    };
    for (method, path, body) in [
        ("GET", "/v1/keystore/weather", ""),
        ("PATCH", "/v1/keystore/weather", "{}"),
        ("DELETE", "/v1/keystore/weather", ""),
        ("POST", "/v1/keystore/weather", r#"{"select":[{"field":"*"}]}"#),
        ("GET", "/v1/keystore/weather/london", ""),
        ("PUT", "/v1/keystore/weather/london", "1"),
        ("POST", "/v1/keystore/weather/paris", "1"),
        ("DELETE", "/v1/keystore/weather/london", ""),
    ] {
        let answer = theirs(method, path, body);
        assert_eq!(refusal(&answer, 404), "There is no keystore 'weather'", "{method} {path}");
    }
    assert_eq!(theirs("POST", "/v1/keystore", r#"{"id":"weather"}"#).status, 201);
    assert_eq!(theirs("GET", "/v1/keystore/weather/london", "").text(), "{}");
    assert_eq!(ask(&works, "GET", "weather/london", "application/json", "").text(), "\"ours\"");
    add(&works, &json!({"id": "more"}));
    assert_eq!(theirs("GET", "/v1/keystore", "").json()["resource"]["total"], 1);
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    let path = "/v1/keystore/weather/paris";
    let request = |method: &str, address: std::net::SocketAddr, body: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nX-Apikey: demo-api-key\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        send(address, request.as_bytes())
    };
    let written = request("PUT", gateway.address, "{\"city\":\"Paris\"}");
    assert_eq!(written.status, 200);
    gateway.kill();
    let gateway = place.serve("--demo");
    let read = request("GET", gateway.address, "");
    assert_eq!((read.text().as_str(), read.header("etag")), ("{\"city\":\"Paris\"}", written.header("etag")));
    gateway.stop();
}

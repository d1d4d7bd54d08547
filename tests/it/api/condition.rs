//! Conditional requests: what a client has already it is not sent again, and what it has not seen it does not replace.

use std::collections::BTreeMap;

use super::{Rest, XML, schema_body};
use crate::support::Answer;

/// Header fields without those that differ from one request to the next.
fn fields(answer: &Answer) -> BTreeMap<String, Vec<String>> {
    let own = ["x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "date"];
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in answer.head.lines().filter_map(|line| line.split_once(':')) {
        let name = name.to_ascii_lowercase();
        if !own.contains(&name.as_str()) {
            fields.entry(name).or_default().push(value.trim().to_owned());
        }
    }
    fields.values_mut().for_each(|values| values.sort());
    fields
}

/// What can be read, each with what identifies it.
const READABLE: [(&str, &[(&str, &str)]); 4] = [
    ("/v1/record/one", &[]),
    ("/v1/record", &[("X-Uuid", "one")]),
    ("/v1/schema", &[]),
    ("/v1/flowdiagram", &[("X-Flow", "Leads")]),
];

fn filled() -> Rest {
    let rest = Rest::start();
    rest.schema("{}");
    rest.insert("one", &format!(r#"{{"a":"{}"}}"#, "x".repeat(3_000)));
    rest
}

#[test]
fn what_the_client_has_is_answered_with_304_and_the_same_headers() {
    let rest = filled();
    for (path, headers) in READABLE {
        for accept in [&[][..], &[("Accept-Encoding", "gzip")], &[("Accept", "application/xml")]] {
            let headers = [headers, accept].concat();
            let answer = rest.get(path, &headers);
            let tag = answer.header("etag").expect("an entity tag").to_owned();
            let date = answer.header("last-modified").expect("a date").to_owned();
            assert_eq!(date, "Thu, 15 Jan 2026 12:00:00 GMT");
            let weak = format!("W/{tag}");
            let list = format!("\"other\", {tag}");
            for condition in [
                &[("If-None-Match", tag.as_str())][..],
                &[("If-None-Match", &weak)],
                &[("If-None-Match", &list)],
                &[("If-None-Match", "\"other\""), ("If-None-Match", &tag)],
                &[("If-None-Match", "*")],
                &[("If-Modified-Since", &date)],
                &[("If-Modified-Since", "Thu, 15 Jan 2026 12:00:01 GMT")],
            ] {
                let known = rest.get(path, &[&headers, condition].concat());
                assert_eq!((known.status, known.body.len()), (304, 0), "{path} {condition:?}");
                let mut expected = fields(&answer);
                let mut found = fields(&known);
                for of_body in ["content-length", "content-encoding"] {
                    expected.remove(of_body);
                    found.remove(of_body);
                }
                assert_eq!(found, expected, "{path} {condition:?}");
            }
            for condition in [
                &[("If-None-Match", "\"other\"")][..],
                &[("If-None-Match", "\"other\""), ("If-Modified-Since", &date)],
                &[("If-Modified-Since", "Thu, 15 Jan 2026 11:59:59 GMT")],
                &[("If-Modified-Since", "nonsense")],
                &[("If-None-Match", tag.trim_matches('"'))],
            ] {
                let sent = rest.get(path, &[&headers, condition].concat());
                assert_eq!((sent.status, sent.text()), (200, answer.text()), "{path} {condition:?}");
            }
        }
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let rest = filled();
    for (path, headers) in READABLE.into_iter().chain([
        ("/v1/record/search", &[][..]),
        ("/v1/options", &[]),
        ("/v1/record/none", &[]),
        ("/v1/record", &[("Accept", "application/xml")]),
    ]) {
        let get = rest.get(path, headers);
        let head = rest.app.bodiless("HEAD", path, &[&super::KEYS, headers].concat());
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(fields(&head), fields(&get), "{path}");
        let Some(tag) = get.header("etag") else { continue };
        let known = rest.app.bodiless("HEAD", path, &[&super::KEYS, headers, &[("If-None-Match", tag)]].concat());
        assert_eq!(known.status, 304, "{path}");
    }
}

#[test]
fn every_representation_has_its_own_tag_which_changes_with_the_resource() {
    let rest = filled();
    let tag = |headers: &[(&str, &str)], path: &str| rest.get(path, headers).header("etag").expect("a tag").to_owned();
    let tags = || {
        [
            tag(&[], "/v1/record/one"),
            tag(&[XML], "/v1/record/one"),
            tag(&[("Accept-Encoding", "gzip")], "/v1/record/one"),
            tag(&[XML, ("Accept-Encoding", "gzip")], "/v1/record/one"),
            tag(&[], "/v1/record/one?fields=data_record"),
            tag(&[], "/v1/record/one?fields=info"),
        ]
    };
    let before = tags();
    assert_eq!(before, tags(), "reading changes nothing");
    for (index, tag) in before.iter().enumerate() {
        assert!(!before[..index].contains(tag), "{before:?}");
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is strong");
    }
    rest.app.app.clock.advance(1_000);
    assert_eq!(rest.send("PUT", "/v1/record/one", &[], "{}").status, 200);
    let changed = rest.get("/v1/record/one", &[]);
    assert!(!before.contains(&changed.header("etag").expect("a tag").to_owned()));
    assert_eq!(changed.header("last-modified"), Some("Thu, 15 Jan 2026 12:00:01 GMT"));
    assert_eq!(rest.get("/v1/record/one", &[("If-None-Match", &before[0])]).status, 200);
}

#[test]
fn what_has_changed_meanwhile_is_neither_replaced_nor_removed() {
    let rest = filled();
    let schema = schema_body("{}");
    for (path, body) in [("/v1/record/one", r#"{"new":1}"#), ("/v1/schema", schema.as_str())] {
        let current = rest.get(path, &[]).header("etag").expect("a tag").to_owned();
        let before = rest.stored();
        for condition in ["\"other\"", "\"other\", \"another\"", "\"\""] {
            for method in ["PUT", "DELETE"] {
                let answer = rest.send(method, path, &[("If-Match", condition)], body);
                assert_eq!((answer.status, answer.json()["code"].as_u64()), (412, Some(412)), "{method} {condition}");
            }
        }
        for method in ["PUT", "DELETE"] {
            assert_eq!(rest.send(method, path, &[("If-None-Match", "*")], body).status, 412, "it is there");
        }
        let weak = format!("W/{current}");
        for (condition, status) in [("other", 400), ("\"open", 400), (weak.as_str(), 412)] {
            assert_eq!(rest.send("PUT", path, &[("If-Match", condition)], body).status, status, "{condition}");
        }
        assert_eq!(rest.stored(), before);
        for method in ["PUT", "DELETE"] {
            assert_eq!(rest.send(method, path, &[("If-Match", "*")], body).status / 100, 2, "{method} {path}");
        }
        assert_eq!(rest.send("PUT", path, &[("If-Match", "*")], body).status, 404, "there is nothing any more");
        assert_eq!(rest.send("DELETE", path, &[], "").status, 404, "removed is removed");
    }
}

#[test]
fn a_draft_is_not_replaced_by_whoever_has_not_seen_the_flow_as_it_is() {
    let rest = filled();
    let body = r#"{"flow":"Leads","graph":{"nodes":[{"id":"end","kind":"end"}]}}"#;
    let seen = rest.get("/v1/flowdiagram", &[("X-Flow", "Leads")]).header("etag").expect("a tag").to_owned();
    let draft = || rest.get("/v1/flowdiagram?expand=draft", &[("X-Flow", "Leads")]).json()["resource"]["draft"].clone();
    rest.app.app.clock.advance(1_000);
    assert_eq!(rest.send("PUT", "/v1/flowdiagram", &[("If-Match", "\"other\"")], body).status, 412);
    assert_eq!(draft(), serde_json::Value::Null);
    assert_eq!(rest.send("PUT", "/v1/flowdiagram", &[("If-Match", &seen)], body).status, 200);
    assert_eq!(draft()["nodes"][0]["id"], "end");
    assert_eq!(rest.send("PUT", "/v1/flowdiagram", &[("If-Match", &seen)], body).status, 412, "it has changed");
}

#[test]
fn a_tag_of_any_representation_proves_what_the_client_has_seen() {
    for headers in [&[][..], &[XML], &[("Accept-Encoding", "gzip")]] {
        for (path, body) in [("/v1/record/one", "{}".to_owned()), ("/v1/schema", schema_body("{}"))] {
            let rest = filled();
            let tag = rest.get(path, headers).header("etag").expect("a tag").to_owned();
            rest.app.app.clock.advance(1_000);
            let condition = [("If-Match", tag.as_str())];
            assert_eq!(rest.send("PUT", path, &condition, &body).status / 100, 2, "{path} {tag}");
            assert_eq!(rest.send("PUT", path, &condition, &body).status, 412, "{path} {tag} is of before");
            let answer = rest.get(path, headers);
            let condition = [("If-Match", answer.header("etag").expect("a tag"))];
            assert_eq!(rest.send("DELETE", path, &condition, "").status, 200, "{path}");
        }
    }
}

#[test]
fn the_reply_to_a_change_of_the_schema_has_the_tag_to_go_on_with() {
    let rest = filled();
    let body = schema_body("{}");
    rest.app.app.clock.advance(1_000);
    let answer = rest.send("PUT", "/v1/schema", &[], &body);
    let tag = answer.header("etag").expect("a tag").to_owned();
    assert_eq!(rest.send("PUT", "/v1/schema", &[("If-Match", &tag)], &body).status, 201);
}

#[test]
fn php_cache_headers_are_sent_to_applications_that_want_them() {
    let rest = filled();
    let php =
        |answer: &Answer| (answer.header("expires").map(str::to_owned), answer.header("pragma").map(str::to_owned));
    assert_eq!(php(&rest.get("/v1/record/one", &[])), (None, None));
    let id = rest.tenant.application.0;
    rest.app
        .administer(move |tx| tx.execute("UPDATE application SET php_cache_headers = 1 WHERE id = $1", &[id.into()]));
    let wanted = (Some("Thu, 19 Nov 1981 08:52:00 GMT".to_owned()), Some("no-cache".to_owned()));
    let answer = rest.get("/v1/record/one", &[]);
    assert_eq!(php(&answer), wanted);
    let tag = answer.header("etag").expect("a tag").to_owned();
    let known = rest.get("/v1/record/one", &[("If-None-Match", &tag)]);
    assert_eq!((known.status, php(&known)), (304, wanted.clone()));
    assert_eq!(php(&rest.get("/v1/record/none", &[])), wanted);
}

#[test]
fn of_those_who_have_seen_the_same_one_replaces_it() {
    let rest = filled();
    let tag = rest.get("/v1/record/one", &[]).header("etag").expect("a tag").to_owned();
    rest.app.app.clock.advance(1_000);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let rest = &rest;
        let tag = &tag;
        let replace = move |number: usize| {
            let condition = [("If-Match", tag.as_str())];
            rest.send("PUT", "/v1/record/one", &condition, &format!(r#"{{"n":{number}}}"#)).status
        };
        let replacing: Vec<_> = (0..20).map(|number| scope.spawn(move || replace(number))).collect();
        replacing.into_iter().map(|replacing| replacing.join().expect("an answer")).collect()
    });
    let winner = statuses.iter().position(|status| *status == 200).expect("one of them");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 19, "{statuses:?}");
    assert_eq!(rest.stored(), [("one".to_owned(), format!(r#"{{"n":{winner}}}"#))]);
}

#[test]
fn a_list_that_the_client_has_is_not_sent_again() {
    let rest = filled();
    for path in ["/v1/record/search", "/v1/record/search?flow_name=Leads&limit=1", "/v1/options"] {
        for headers in [&[][..], &[XML], &[("Accept-Encoding", "gzip")]] {
            let answer = rest.get(path, headers);
            let tag = answer.header("etag").expect("an entity tag").to_owned();
            let known = rest.get(path, &[headers, &[("If-None-Match", &tag)]].concat());
            assert_eq!((known.status, known.header("etag")), (304, Some(tag.as_str())), "{path} {headers:?}");
            assert_eq!(answer.header("last-modified"), None, "{path}");
        }
    }
    let tag = rest.get("/v1/record/search", &[]).header("etag").expect("an entity tag").to_owned();
    rest.insert("two", "{}");
    assert_eq!(rest.get("/v1/record/search", &[("If-None-Match", &tag)]).status, 200);
    assert_eq!(rest.send("PUT", "/v1/record/search", &[], "").header("etag"), None, "what is no GET is not kept");
}

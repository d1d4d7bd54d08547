//! Parameters: where they may stand, which one wins, and what scopes a request makes do with.

use super::{KEYS, Rest, message, refused, resource};

#[test]
fn headers_win_over_the_address_and_unprefixed_names_count() {
    let rest = Rest::start();
    for uuid in ["one", "two"] {
        rest.insert(uuid, "{}");
    }
    for (path, headers) in [
        ("/v1/record?uuid=two", &[("X-Uuid", "one")][..]),
        ("/v1/record?uuid=two", &[("uuid", "one")]),
        ("/v1/record", &[("UUID", " one ")]),
        ("/v1/record?uuid=one", &[("X-Uuid", "")]),
        ("/v1/record/one", &[]),
        ("/v1/record/one/", &[("X-Uuid", "one")]),
        ("/v1/record/one?uuid=one", &[]),
        ("/v1/record/%6Fne", &[]),
        ("/v1/record?uuid=%6Fne&executiontime=x&flow_name=nowhere", &[]),
    ] {
        let answer = rest.get(path, headers);
        assert_eq!(resource(&answer)["info"]["uuid"], "one", "{path} {headers:?}");
    }
    assert_eq!(rest.stored().len(), 2, "reading inserts nothing, whatever else the address says");
}

#[test]
fn a_parameter_that_is_given_twice_is_refused() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    for (path, headers, sentence) in [
        ("/v1/record", &[("X-Uuid", "one"), ("X-Uuid", "one")][..], "X-Uuid is given twice"),
        ("/v1/record", &[("X-Uuid", "one"), ("uuid", "two")], "X-Uuid is given twice"),
        ("/v1/record?uuid=one&uuid=one", &[], "X-Uuid is given twice in the address"),
        ("/v1/record", &[("Authorization", "Bearer a"), ("Authorization", "Bearer b")], "Authorization is given twice"),
        ("/v1/record/search?limit=1&limit=2", &[], "X-limit is given twice in the address"),
        ("/v1/record/one", &[("X-Scopes", "record"), ("scopes", "record")], "X-Scopes is given twice"),
    ] {
        refused(&rest.get(path, headers), 400, sentence);
    }
    let answer = rest.app.get("/v1/record/one", &[KEYS[0], KEYS[1], ("X-App", "a")]);
    refused(&answer, 400, "X-App is given twice");
}

#[test]
fn the_path_and_a_parameter_that_differ_are_refused() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    rest.insert("two", "{}");
    for method in ["GET", "PUT", "DELETE"] {
        let sentence = "X-Uuid is 'two', but the path names 'one'";
        refused(&rest.send(method, "/v1/record/one", &[("X-Uuid", "two")], "{}"), 400, sentence);
        refused(&rest.send(method, "/v1/record/one?uuid=two", &[], "{}"), 400, sentence);
        refused(&rest.send(method, "/v1/record", &[], "{}"), 400, "X-Uuid is required");
    }
    assert_eq!(rest.stored().len(), 2);
}

#[test]
fn a_request_makes_do_with_the_scopes_it_names() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    for (scopes, status) in [
        ("", 200),
        ("record.read", 200),
        ("record", 200),
        ("schema record.read", 200),
        ("schema,record.read", 200),
        ("schema", 401),
        ("record.delete", 401),
        ("nonsense", 400),
        ("record.read nonsense", 400),
        ("RECORD.READ", 400),
    ] {
        for name in ["X-Scopes", "scopes"] {
            let answer = rest.get("/v1/record/one", &[(name, scopes)]);
            assert_eq!(answer.status, status, "{name} {scopes}: {}", answer.text());
        }
        let query = scopes.replace([' ', ','], "%20");
        assert_eq!(rest.get(&format!("/v1/record/one?scopes={query}"), &[]).status, status, "{scopes}");
    }
    assert_eq!(rest.get("/v1/record/one?scopes=schema", &[("X-Scopes", "record")]).status, 200, "the header wins");
}

#[test]
fn scopes_that_were_not_granted_are_refused_though_they_would_not_be_needed() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    let id = rest.tenant.application.0;
    let sql = "UPDATE application SET scopes = 'record.read schema.read' WHERE id = $1";
    assert_eq!(rest.app.administer(move |tx| tx.execute(sql, &[id.into()])), 1);
    assert_eq!(rest.get("/v1/record/one", &[("X-Scopes", "record.read")]).status, 200);
    assert_eq!(rest.get("/v1/record/one", &[("X-Scopes", "schema.read record.read")]).status, 200);
    for scopes in ["record", "record.read flowdiagram.read"] {
        let answer = rest.get("/v1/record/one", &[("X-Scopes", scopes)]);
        assert_eq!(answer.status, 401, "{scopes}: {}", answer.text());
        assert!(answer.header("www-authenticate").expect("a challenge").contains("insufficient_scope"));
        assert!(message(&answer).starts_with("The permissions are not correct"), "{}", answer.text());
    }
}

#[test]
fn credentials_may_stand_in_the_address_and_are_then_not_kept_by_anyone() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    for path in [
        "/v1/record/one?api_key=k&app_key=a",
        "/v1/record/one?api_key=k&app_key=wrong",
        "/v1/record/two?api_key=k&app_key=a",
        "/v1/record/search?api_key=k&app_key=a",
        "/v1/nothing?api_key=k&app_key=a",
    ] {
        let answer = rest.app.get(path, &[]);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(!answer.head.to_ascii_lowercase().contains("location:"), "{path}");
    }
    let answer = rest.get("/v1/record/one", &[]);
    assert_eq!((answer.header("cache-control"), answer.header("referrer-policy")), (Some("private, no-cache"), None));
    // One in the address, one in a header; and a bearer token before both.
    assert_eq!(rest.app.get("/v1/record/one?api_key=k", &[KEYS[1]]).status, 200);
    let wrong = [KEYS[0], KEYS[1], ("Authorization", "Bearer wrong")];
    assert_eq!(rest.app.get("/v1/record/one", &wrong).status, 403);
}

#[test]
fn authorization_is_read_in_every_spelling_that_is_documented() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    for (name, value, status) in [
        ("Authorization", "Basic azph", 200),
        ("authorization", "basic azph", 200),
        ("Authentication", "Basic azph", 200),
        ("Authorization", "Bearer unknown", 403),
        ("Authentication", "Bearer unknown", 403),
        ("Authorization", "Digest x", 401),
        ("Authorization", "Basic !", 401),
    ] {
        assert_eq!(rest.app.get("/v1/record/one", &[(name, value)]).status, status, "{name}: {value}");
    }
}

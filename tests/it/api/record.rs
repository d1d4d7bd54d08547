//! Records: when they are to run, what stands in their way, and how they may be called.

use serde_json::{Value, json};

use super::{Rest, message, refused, resource};

const FLOW: (&str, &str) = ("X-Flow", "Leads");

#[test]
fn a_record_runs_at_once_or_when_it_is_told_to() {
    let rest = Rest::start();
    for (number, (time, status, next)) in [
        ("", "Not running", ""),
        ("2009-11-04T19:55:41Z", "Not running", ""),
        ("2026-01-15T12:00:00+00:00", "Not running", ""),
        ("2026-01-15T12:00:01+00:00", "Scheduled", "2026-01-15 12:00:01"),
        ("2026-01-15T12:00:01.999Z", "Scheduled", "2026-01-15 12:00:01"),
        ("2026-01-15T14:00:00+01:00", "Scheduled", "2026-01-15 13:00:00"),
        ("2026-01-15T12:30:00+01:00", "Not running", ""),
        ("2026-01-15T07:00:00-06:00", "Scheduled", "2026-01-15 13:00:00"),
        ("9999-12-30T21:59:59Z", "Scheduled", "9999-12-30 21:59:59"),
        ("2026-06-30T23:59:60Z", "Scheduled", "2026-06-30 23:59:59"),
    ]
    .into_iter()
    .enumerate()
    {
        let escaped = time.replace('+', "%2B");
        for (way, path, header) in [
            ("header", String::new(), time),
            ("address", format!("?executiontime={escaped}"), ""),
            ("alias", format!("?realtime={escaped}"), ""),
            // As document 003 shows it, without an escape.
            ("plain", format!("?executiontime={time}"), ""),
        ] {
            let uuid = format!("{way}-{number}");
            let headers = [FLOW, ("X-Uuid", &uuid), ("X-Executiontime", header)];
            let answer = rest.send("POST", &format!("/v1/record{path}"), &headers, "{}");
            assert_eq!(answer.status, 201, "{way} {time}: {}", answer.text());
            let shown = resource(&rest.get(&format!("/v1/record/{uuid}"), &[]));
            assert_eq!(shown["info"]["status"], status, "{way} {time}");
            let found = resource(&rest.get(&format!("/v1/record/search?uuid={uuid}"), &[]));
            assert_eq!(found["records"][0]["date_next_run"], next, "{way} {time}");
        }
    }
}

#[test]
fn what_is_no_time_is_refused() {
    let rest = Rest::start();
    let sentence = "ExecutionTime must be an ATOM date such as 2005-08-15T15:52:01+00:00, or empty";
    for time in [
        "now",
        "2026-01-15",
        "2026-01-15T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-15T24:00:00Z",
        "2026-01-15T12:00:61Z",
        "99999-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "1768478400",
    ] {
        refused(&rest.send("POST", "/v1/record", &[FLOW, ("X-Executiontime", time)], "{}"), 400, sentence);
    }
    assert_eq!(rest.stored(), []);
}

#[test]
fn an_update_can_put_a_record_off_and_back() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    let status = || resource(&rest.get("/v1/record/one", &[]))["info"]["status"].clone();
    for (time, expected) in
        [("2027-01-01T00:00:00Z", "Scheduled"), ("", "Scheduled"), ("2020-01-01T00:00:00Z", "Not running")]
    {
        let answer = rest.send("PUT", "/v1/record/one", &[("X-Executiontime", time)], "{}");
        assert_eq!((answer.status, status()), (200, json!(expected)), "{time}");
    }
    assert_eq!(rest.send("PUT", "/v1/record/one", &[("X-Flow", "Invoices")], "{}").status, 409);
    assert_eq!(rest.send("PUT", "/v1/record/one", &[FLOW], "{}").status, 200);
}

#[test]
fn a_record_in_use_is_neither_replaced_nor_removed() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    rest.update("UPDATE record SET status = 1, waits_until = NULL WHERE customer_id = $1 AND uuid = $2", "one");
    let answer = rest.send("DELETE", "/v1/record/one", &[], "");
    refused(&answer, 403, "Data record cannot be deleted: it is being used");
    assert_eq!(answer.json()["code"], 403);
    refused(
        &rest.send("PUT", "/v1/record/one", &[], r#"{"n":1}"#),
        403,
        "Data record cannot be updated: it is being used",
    );
    assert_eq!(rest.stored(), [("one".to_owned(), "{}".to_owned())]);
    let shown = resource(&rest.get("/v1/record/one", &[]));
    assert_eq!(shown["info"]["status"], "Processing");
}

#[test]
fn several_records_are_replaced_together_or_not_at_all() {
    let rest = Rest::start();
    for uuid in ["one", "two"] {
        rest.insert(uuid, "{}");
    }
    let put = |uuids: &str, body: &str| rest.send("PUT", "/v1/record", &[("X-Uuid", uuids)], body);
    assert_eq!(put("one,three", r#"[{"n":1},{"n":2}]"#).status, 404);
    assert_eq!(put("one,one", r#"[{"n":1},{"n":2}]"#).status, 400);
    let sentence = "X-Uuid names 1 data records, but the body holds 2; they must be as many, in the same order";
    refused(&put("one", r#"[{"n":1},{"n":2}]"#), 400, sentence);
    assert!(rest.stored().iter().all(|(_, data)| data == "{}"));
    let answer = put("two, one", r#"[{"n":2},{"n":1}]"#);
    let found = resource(&answer);
    assert_eq!((message(&answer).as_str(), &found["total"]), ("Data Record was updated successfully", &json!(2)));
    let uuids: Vec<&Value> =
        found["records"].as_array().expect("a list").iter().map(|record| &record["uuid"]).collect();
    assert_eq!(uuids, ["two", "one"]);
    let stored = [("one".to_owned(), r#"{"n":1}"#.to_owned()), ("two".to_owned(), r#"{"n":2}"#.to_owned())];
    assert_eq!(rest.stored(), stored);
    let one = resource(&put("one", r#"[{"n":3}]"#));
    assert_eq!((&one["total"], &one["records"][0]["data_record"]), (&json!(1), &json!({"n":3})));
}

#[test]
fn any_identifier_is_kept_and_found_again_where_the_reply_says() {
    let rest = Rest::start();
    let long = "ü".repeat(255);
    for uuid in [
        "../../x",
        "..",
        ".",
        "a/b",
        "a/",
        "/",
        "a?b#c",
        "%41",
        "%2e%2e%2f",
        "100%",
        "a+b",
        "a b",
        "search",
        "movetoflow",
        "changestatus",
        "1' OR '1'='1",
        "%_",
        "\\",
        "\"",
        "<&>",
        "漢字\u{1F600}",
        "e\u{301}",
        "\u{e9}",
        &long,
        "{uuid}",
        "null",
    ] {
        let answer = rest.send("POST", "/v1/record", &[FLOW, ("X-Uuid", uuid)], "{}");
        assert_eq!(answer.status, 201, "{uuid}: {}", answer.text());
        assert_eq!(resource(&answer)["data_record_id"], uuid);
        let place = answer.header("location").expect("a place").to_owned();
        let path = place.strip_prefix(&format!("http://{}", rest.app.address)).expect("our address").to_owned();
        assert!(
            path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.ends_with("/.") && !path.ends_with("/.."),
            "{path}"
        );
        let found = rest.get(&path, &[]);
        assert_eq!(resource(&found)["info"]["uuid"], uuid, "{path}");
        let found = rest.get("/v1/record", &[("X-Uuid", uuid)]);
        assert_eq!(resource(&found)["info"]["uuid"], uuid);
        let found = resource(&rest.get("/v1/record/search", &[("X-uuid", uuid)]));
        assert_eq!((&found["total"], &found["records"][0]["uuid"]), (&json!(1), &json!(uuid)));
        assert_eq!(rest.send("DELETE", "/v1/record", &[("X-Uuid", uuid)], "").status, 200);
    }
    assert_eq!(rest.stored(), []);
}

#[test]
fn what_is_no_identifier_is_refused_and_reaches_no_header() {
    let rest = Rest::start();
    rest.insert("x", "{}");
    for part in ["%00", "a%00b", "%0d%0aX-Evil:%201", "a%0Ab", "%7F", "%C2%85", &"x".repeat(256), &"x".repeat(10_000)] {
        for (method, path) in [
            ("GET", format!("/v1/record/{part}")),
            ("DELETE", format!("/v1/record/{part}")),
            ("PUT", format!("/v1/record/{part}")),
            ("POST", format!("/v1/record?flow_name=Leads&uuid={part}")),
            ("GET", format!("/v1/record?uuid={part}")),
            ("GET", format!("/v1/record/search?uuid={part}")),
        ] {
            let answer = rest.send(method, &path, &[], "{}");
            let status = if part.len() > 8_000 { 414 } else { 400 };
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
            assert_eq!(answer.header("x-evil"), None, "{}", answer.head);
        }
        let answer = rest.send("POST", &format!("/v1/record?flow_name={part}"), &[], "{}");
        assert!(matches!(answer.status, 400 | 404 | 414) && answer.header("x-evil").is_none(), "{}", answer.head);
    }
    for path in ["/v1/record/../record/x", "/v1/record/./x", "/v1/record/%2e%2e/x", "/v1//record/x"] {
        assert_eq!(rest.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(rest.stored(), [("x".to_owned(), "{}".to_owned())]);
}

#[test]
fn a_record_needs_a_flow_that_takes_records() {
    let rest = Rest::start();
    rest.app.flow(&rest.tenant, "Draft", flowgate::model::flow::FlowStatus::Draft);
    refused(&rest.send("POST", "/v1/record", &[], "{}"), 400, "X-Flow is required");
    for (flow, status) in [("Leads", 201), ("1", 201), ("leads", 404), ("9", 404), ("Draft", 409), ("-1", 404)] {
        let answer = rest.send("POST", "/v1/record", &[("X-Flow", flow)], "{}");
        assert_eq!(answer.status, status, "{flow}: {}", answer.text());
    }
    assert_eq!(rest.stored().len(), 2);
}

#[test]
fn names_that_are_not_utf_8_are_refused_and_name_no_other_record() {
    let rest = Rest::start();
    // What decoding makes of each of them is a name too.
    rest.insert("caf\u{FFFD}", "{}");
    assert_eq!(rest.get("/v1/record/caf%EF%BF%BD", &[]).status, 200);
    assert_eq!(rest.get("/v1/record?uuid=caf%EF%BF%BD", &[]).status, 200);
    for (method, path, body, sentence) in [
        ("GET", "/v1/record/caf%E9", "", "The path's uuid is not UTF-8 text"),
        ("DELETE", "/v1/record/caf%E9", "", "The path's uuid is not UTF-8 text"),
        ("GET", "/v1/record?uuid=caf%E9", "", "X-Uuid is not UTF-8 text"),
        ("POST", "/v1/record?flow_name=Leads&uuid=caf%E9", "{}", "X-Uuid is not UTF-8 text"),
        ("POST", "/v1/record?flow_name=L%E9ads", "{}", "X-Flow is not UTF-8 text"),
        ("GET", "/v1/record/search?uuid=caf%E9", "", "X-uuid is not UTF-8 text"),
        ("PUT", "/v1/record/search", "uuid=caf%E9", "The form in the body is not UTF-8 text"),
    ] {
        refused(&rest.send(method, path, &[], body), 400, sentence);
    }
    let raw = rest.app.send(b"GET /v1/record HTTP/1.1\r\nHost: a\r\nX-Apikey: k\r\nX-App: a\r\nX-Uuid: caf\xE9\r\nConnection: close\r\n\r\n");
    refused(&raw, 400, "X-Uuid is not UTF-8 text");
    assert_eq!(rest.stored().len(), 1);
}

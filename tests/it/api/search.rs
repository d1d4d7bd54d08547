//! The search: what it takes, from where, and what it finds.

use flowgate::facade::tree::to_xml;
use flowgate::model::time::TimeZone;
use serde_json::{Value, json};

use super::{Rest, XML, message, refused, resource};
use crate::support::{Answer, NOW};

/// The identifiers that were found.
fn found(answer: &Answer) -> Vec<String> {
    let resource = resource(answer);
    let records = resource["records"].as_array().expect("a list");
    records.iter().map(|record| record["uuid"].as_str().expect("a text").to_owned()).collect()
}

/// Four records, the newest last: in two flows, in four states, one with a field.
fn filled() -> Rest {
    let rest = Rest::start();
    let graph = r#"{"data_fields":{"name":"client.name","age":"client.age"}}"#;
    rest.publish("Orders", graph);
    rest.schema(r#"{"x-data-fields":{"city":"city"}}"#);
    for (uuid, flow, time, data) in [
        ("a", "Leads", "", r#"{"city":"Rome"}"#),
        ("b", "Orders", "", r#"{"client":{"name":"100%","age":41}}"#),
        ("c", "Orders", "2030-01-01T00:00:00Z", r#"{"client":{"name":"100x"},"city":"Rome"}"#),
        ("d", "Invoices", "", "{}"),
    ] {
        rest.app.app.clock.advance(60_000);
        let headers = [("X-Flow", flow), ("X-Uuid", uuid), ("X-Executiontime", time)];
        let answer = rest.send("POST", "/v1/record", &headers, data);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    rest.update("UPDATE record SET status = 2, waits_until = NULL WHERE customer_id = $1 AND uuid = $2", "d");
    rest
}

#[test]
fn every_filter_finds_what_satisfies_it_newest_first() {
    let rest = filled();
    for (parameters, expected) in [
        (&[][..], "dcba"),
        (&[("limit", "2")], "dc"),
        (&[("limit", "2"), ("offset", "1")], "cb"),
        (&[("offset", "4")], ""),
        (&[("limit", "1000"), ("offset", "9223372036854775807")], ""),
        (&[("uuid", "b")], "b"),
        (&[("uuid", "B")], ""),
        (&[("flow", "Orders")], "cb"),
        (&[("flow", "1")], "a"),
        (&[("flow", "Nowhere")], ""),
        (&[("datarecord-status", "0")], "ba"),
        (&[("datarecord-status", "2")], "d"),
        (&[("datarecord-status", "4")], "c"),
        (&[("datarecord-status", "6")], ""),
        (&[("datafield-name", "city")], "ca"),
        (&[("datafield-name", "city"), ("datafield-value", "Rome")], "ca"),
        (&[("datafield-name", "city"), ("datafield-value", "rome")], ""),
        (&[("datafield-name", "city"), ("datafield-value", "R%")], ""),
        (&[("datafield-name", "name"), ("datafield-value", "100%")], "b"),
        (&[("datafield-name", "name"), ("datafield-value", "100_")], ""),
        (&[("datafield-name", "age"), ("datafield-value", "41")], "b"),
        (&[("datafield-name", "nothing"), ("datafield-value", "x")], ""),
        (&[("flow", "Orders"), ("datafield-name", "city"), ("datarecord-status", "4")], "c"),
        (&[("flow", "Leads"), ("datarecord-status", "4")], ""),
    ] {
        let headers: Vec<(String, &str)> =
            parameters.iter().map(|(name, value)| (format!("X-{name}"), *value)).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let in_query = |(name, value): &(&str, &str)| {
            let name = if *name == "flow" { "flow_name".to_owned() } else { name.replace('-', "_") };
            format!("{name}={}", value.replace('%', "%25"))
        };
        let query = parameters.iter().map(in_query).collect::<Vec<_>>().join("&");
        let object: Value = parameters
            .iter()
            .map(|(name, value)| (in_query(&(*name, "")).trim_end_matches('=').to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let xml = to_xml(&object.to_string(), "search").expect("XML");
        let expected: Vec<String> = expected.chars().map(String::from).collect();
        for (way, answer) in [
            ("headers", rest.get("/v1/record/search", &headers)),
            ("PUT headers", rest.send("PUT", "/v1/record/search", &headers, "")),
            ("address", rest.get(&format!("/v1/record/search?{query}"), &[])),
            ("form", rest.send("PUT", "/v1/record/search", &[], &query)),
            ("GET form", rest.send("GET", "/v1/record/search", &[("Content-Type", "application/json")], &query)),
            ("object", rest.send("PUT", "/v1/record/search", &[], &object.to_string())),
            ("XML", rest.send("PUT", "/v1/record/search", &[XML, ("Accept", "application/json")], &xml)),
        ] {
            assert_eq!(found(&answer), expected, "{way} {parameters:?}");
            assert_eq!(message(&answer), "The query has been executed successfully.");
        }
    }
}

#[test]
fn the_total_is_that_of_all_pages() {
    let rest = filled();
    let page = |query: &str| {
        let mut found = resource(&rest.get(&format!("/v1/record/search?{query}"), &[]));
        found["records"] = found["records"].as_array().map(Vec::len).into();
        found
    };
    assert_eq!(page("limit=3"), json!({"records":3,"total":4,"offset":0,"limit":3}));
    assert_eq!(page("limit=3&offset=3"), json!({"records":1,"total":4,"offset":3,"limit":3}));
    assert_eq!(page("flow_name=Orders&limit=1"), json!({"records":1,"total":2,"offset":0,"limit":1}));
    assert_eq!(page("offset=9"), json!({"records":0,"total":4,"offset":9,"limit":10}));
}

#[test]
fn a_filter_in_a_header_makes_those_of_the_address_void_but_for_dates() {
    let rest = filled();
    let after_b = "date_from=2026-01-15T12:02:30Z";
    for (headers, query, expected) in [
        (&[("X-limit", "1")][..], "uuid=a", "d"),
        (&[("X-Flow", "Orders")], "limit=1&datarecord_status=0", "cb"),
        (&[("X-Flow", "Orders")], after_b, "c"),
        (&[("X-limit", "")], "uuid=a", "a"),
        (&[("uuid", "b")], "uuid=a", "b"),
        (&[], after_b, "dc"),
    ] {
        let answer = rest.get(&format!("/v1/record/search?{query}"), headers);
        assert_eq!(found(&answer).concat(), expected, "{headers:?} {query}");
    }
    let keys_apart = rest.app.get("/v1/record/search?api_key=k&app_key=a&uuid=a", &[("X-limit", "1")]);
    assert_eq!(found(&keys_apart), ["d"], "credentials stay where they are");
}

#[test]
fn dates_are_read_in_every_documented_form_and_included() {
    let rest = Rest::start();
    for (uuid, minutes) in [("a", 0_i64), ("b", 1), ("c", 60 * 24)] {
        rest.app.app.clock.advance(minutes * 60_000);
        rest.insert(uuid, "{}");
    }
    // 12:00:00 and 12:01:00 on the 15th, 12:01:00 on the 16th.
    assert_eq!(NOW.to_atom(), "2026-01-15T12:00:00+00:00");
    for (query, expected) in [
        ("date_from=2026-01-15", "cba"),
        ("date_to=2026-01-15", "ba"),
        ("date_from=15-01-2026&date_to=15-01-2026", "ba"),
        ("date_from=2026-01-16", "c"),
        ("date_from=2026-01-15%2012:01:00", "cb"),
        ("date_from=15-01-2026+12:01:00", "cb"),
        ("date_to=2026-01-15%2012:00:59", "a"),
        ("date_to=2026-01-15%2012:01", "ba"),
        ("date_to=2026-01-15%2024:00:00", "ba"),
        ("date_from=2026-01-15%2024:00:00", "c"),
        ("date_from=2026-01-15T13:01:00%2B01:00", "cb"),
        ("date_from=2026-01-15T12:01:00Z&date_to=2026-01-15T12:01:00Z", "b"),
        ("date_from=2026-01-15T12:01:00.001Z", "c"),
        ("date_from=2026-01-16&date_to=2026-01-15", ""),
        ("date_type=date_created&date_from=2026-01-16", "c"),
        ("date_type=date_started&date_from=2000-01-01", ""),
        ("date_type=date_last_run&date_to=2030-01-01", ""),
    ] {
        assert_eq!(found(&rest.get(&format!("/v1/record/search?{query}"), &[])).concat(), expected, "{query}");
    }
    rest.update("UPDATE record SET started_at = 1, last_run_at = 86400000 WHERE customer_id = $1 AND uuid = $2", "b");
    for query in ["date_type=date_started&date_to=01-01-1970", "date_type=date_last_run&date_from=02-01-1970"] {
        assert_eq!(found(&rest.get(&format!("/v1/record/search?{query}"), &[])), ["b"], "{query}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    let rest = filled();
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "limit=1.0",
        "limit=9223372036854775808",
        "offset=-1",
        "offset=9223372036854775808",
        "offset=1e3",
        "datarecord_status=7",
        "datarecord_status=-1",
        "datarecord_status=finished",
        "datafield_value=Rome",
        "date_type=date_modified&date_from=2026-01-15",
        "date_from=yesterday",
        "date_from=2026-13-01",
        "date_to=2026-02-30",
        "date_to=2026-01-15%2025:00:00",
        "date_from=1768478400",
        "expand=everything",
    ] {
        let answer = rest.get(&format!("/v1/record/search?{query}"), &[]);
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        let name = query
            .split(['=', '&'])
            .next()
            .expect("a name")
            .replace("datafield_value", "datafield")
            .replace("datarecord_status", "status");
        let told = message(&answer).to_ascii_lowercase().replace('-', "_");
        assert!(told.contains(&name.to_ascii_lowercase()), "{query}: {told}");
    }
    for body in
        ["{", "[]", "[\"limit\"]", "\"limit=1\"", r#"{"limit":[1]}"#, r#"{"limit":{"a":1}}"#, "<s", "<s>limit=1</s>"]
    {
        assert_eq!(rest.send("PUT", "/v1/record/search", &[], body).status, 400, "{body}");
    }
    refused(
        &rest.send("PUT", "/v1/record/search", &[], r#"{"limit":1,"limit":2}"#),
        400,
        "The body has the member 'limit' twice at /",
    );
    assert_eq!(found(&rest.send("PUT", "/v1/record/search", &[], r#"{"limit":1}"#)), ["d"], "a number is one");
}

#[test]
fn the_field_that_was_searched_by_is_shown_else_the_first_one() {
    let rest = filled();
    let shown = |query: &str| {
        let resource = resource(&rest.get(&format!("/v1/record/search?{query}"), &[]));
        resource["records"][0]["dynamic_value"].as_str().expect("a text").to_owned()
    };
    for (query, expected) in [
        ("uuid=a", "Rome"),
        ("uuid=b", "100%"),
        ("uuid=c", "100x"),
        ("uuid=c&datafield_name=city", "Rome"),
        ("uuid=c&datafield_name=city&datafield_value=Rome", "Rome"),
        ("uuid=b&datafield_name=age", "41"),
        ("uuid=d", ""),
    ] {
        assert_eq!(shown(query), expected, "{query}");
    }
}

#[test]
fn a_record_is_shown_with_texts_for_its_numbers() {
    let rest = filled();
    let found = resource(&rest.get("/v1/record/search?uuid=c", &[]));
    let id = found["records"][0]["id"].as_str().expect("a text").to_owned();
    assert!(id.parse::<i64>().is_ok(), "{id}");
    let expected = json!({
        "id": id, "uuid": "c", "flow_id": "3", "flow_name": "Orders", "flow_version": "1",
        "date_created": "2026-01-15 12:03:00", "date_started": "", "date_last_run": "",
        "date_next_run": "2030-01-01 00:00:00", "queue_status": "4", "dynamic_value": "100x",
        "current_step": {"type": "start", "text": "start"}, "num_runs": "0", "flow_status": "4",
        "flow_status_name": "Scheduled",
    });
    assert_eq!(found["records"][0].to_string(), expected.to_string(), "in this order");
    let xml = rest.get("/v1/record/search?uuid=c", &[XML]);
    assert_eq!(xml.element("flow_status_name").as_deref(), Some("Scheduled"));
}

#[test]
fn dates_without_a_zone_are_in_the_configured_one() {
    let rest = Rest::with(|config| config.api.time_zone = TimeZone::get("Europe/Amsterdam").expect("a zone"));
    rest.schema("{}");
    rest.insert("one", "{}");
    let text = |path: &str, pointer: &str| {
        let resource = resource(&rest.get(path, &[("X-Flow", "Leads")]));
        resource.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned()
    };
    assert_eq!(text("/v1/record/one", "/info/date_created"), "2026-01-15 13:00:00");
    assert_eq!(text("/v1/schema", "/creation_date"), "2026-01-15 13:00:00");
    assert_eq!(text("/v1/flowdiagram", "/versions/0/date_published"), "2026-01-15 13:00:00");
    let hook = resource(&rest.send("POST", "/v1/webhook/hook", &[], "{}"));
    assert_eq!(hook["date_created"], "2026-01-15T12:00:00+00:00", "this one says its zone");
    for (query, expected) in [
        // The webhook made one too.
        ("date_from=2026-01-15%2013:00:00", 2),
        ("date_from=2026-01-15%2013:00:01", 0),
        ("date_to=2026-01-15%2012:59:59", 0),
        ("date_from=2026-01-15T12:00:00Z", 2),
        ("date_from=2026-01-15T12:00:01Z", 0),
    ] {
        assert_eq!(resource(&rest.get(&format!("/v1/record/search?{query}"), &[]))["total"], expected, "{query}");
    }
}

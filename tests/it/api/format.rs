//! The format of replies: JSON and XML of the same, some of their members, and compressed.

use flowgate::facade::tree::from_xml;
use flowgate::model::flow::FlowStatus;
use serde_json::Value;

use super::{JSON, Rest, XML, resource};

#[test]
fn accept_decides_then_the_format_of_the_request_then_json() {
    let rest = Rest::start();
    rest.insert("one", "{}");
    for (headers, xml) in [
        (&[][..], false),
        (&[("Accept", "*/*")], false),
        (&[("Accept", "application/xml")], true),
        (&[("Accept", "text/xml")], true),
        (&[XML], true),
        (&[XML, ("Accept", "*/*")], true),
        (&[XML, ("Accept", "application/json")], false),
        (&[JSON, ("Accept", "application/xml")], true),
        (&[("Accept", "application/json;q=0.1, application/xml;q=0.9")], true),
        (&[("Accept", "application/json;q=0.1"), ("Accept", "application/xml;q=0.9")], true),
        (&[("Accept", "application/xml;q=0, */*")], false),
        (&[("Accept", "image/png")], false),
    ] {
        for (path, status) in [("/v1/record/one", 200), ("/v1/record/two", 404), ("/v1/nothing", 404)] {
            let answer = rest.get(path, headers);
            let expected = if xml { "application/xml; charset=UTF-8" } else { "application/json" };
            assert_eq!((answer.status, answer.header("content-type")), (status, Some(expected)), "{path} {headers:?}");
            assert_eq!(answer.text().starts_with("<?xml"), xml, "{path} {headers:?}");
            assert!(answer.header("vary").expect("Vary").contains("Accept, Content-Type"), "{}", answer.head);
        }
    }
}

/// Method, path, headers and body.
type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn every_reply_as_xml_says_what_it_says_as_json() {
    let rest = Rest::start();
    let data = r#"{"a b":[1.50,true,null,"<&\u0000>",{}],"xmlns":"x","item":[[]],"":{"é":""}}"#;
    let flow = [("X-Flow", "Leads")];
    let requests: &[Request<'_>] = &[
        ("GET", "/v1/options", &[], ""),
        ("POST", "/v1/schema", &[("Idempotency-Key", "s")], &super::schema_body("{}")),
        ("PUT", "/v1/schema", &[], &super::schema_body("{}")),
        ("GET", "/v1/schema", &[], ""),
        ("POST", "/v1/record?uuid=one", &flow, data),
        ("POST", "/v1/record", &[("X-Flow", "Leads"), ("Idempotency-Key", "r")], "[{},{}]"),
        ("PUT", "/v1/record/one", &[], data),
        ("GET", "/v1/record/one", &[], ""),
        ("GET", "/v1/record?uuid=nothing", &[], ""),
        ("GET", "/v1/record/search?expand=data_record", &[], ""),
        ("PUT", "/v1/record/search", &[], "limit=1"),
        ("PUT", "/v1/record/changestatus?queue_status=pause-queue", &[("X-Queue-Uuids", "one,other")], ""),
        ("PUT", "/v1/record/movetoflow?movetoflow_flow=Invoices", &[], r#"["one","other"]"#),
        ("GET", "/v1/flowdiagram?expand=draft", &flow, ""),
        ("PUT", "/v1/changeflowstatus?flow_id=9&status=paused", &[], ""),
        ("POST", "/v1/webhook/hook", &[("Idempotency-Key", "w")], "{}"),
    ];
    for (method, path, headers, body) in requests {
        let [json, xml] = ["application/json", "application/xml"].map(|accept| {
            let headers = [headers, &[JSON, ("Accept", accept)][..]].concat();
            // A record paused twice, or moved twice, is told differently.
            rest.app.administer(|tx| tx.execute("UPDATE record SET hold = 0", &[]));
            rest.send(method, path, &headers, body)
        });
        assert_eq!(json.status, xml.status, "{method} {path}");
        let tree = from_xml(&xml.text()).expect("the mapping reads what it wrote");
        assert_eq!(tree.to_json(None), json.text(), "{method} {path}");
    }
    let removed = rest.send("DELETE", "/v1/record/one", &[("Accept", "application/xml")], "");
    let json = from_xml(&removed.text()).expect("XML").to_json(None);
    let resource = r#""resource":{"flow_name":"Invoices","uuid":"one"}"#;
    assert!(json.contains(resource), "{json}");
    let removed = rest.send("DELETE", "/v1/schema", &[XML], "");
    assert!(from_xml(&removed.text()).expect("XML").to_json(None).contains(r#""resource":{}"#), "{}", removed.text());
}

#[test]
fn fields_select_members_of_the_resource_alone() {
    let rest = Rest::start();
    rest.insert("one", r#"{"client":{"name":"Ann","age":1.0}}"#);
    rest.insert("two", "{}");
    for (path, expected) in [
        ("/v1/record/one?fields=info.uuid", r#"{"info":{"uuid":"one"}}"#),
        ("/v1/record/one?fields=data_record", r#"{"data_record":{"client":{"name":"Ann","age":1.0}}}"#),
        (
            "/v1/record/one?fields=data_record.client.age,info.status",
            r#"{"info":{"status":"Not running"},"data_record":{"client":{"age":1.0}}}"#,
        ),
        ("/v1/record/one?fields=nothing", "{}"),
        (
            "/v1/record/search?fields=uuid",
            r#"{"records":[{"uuid":"two"},{"uuid":"one"}],"total":2,"offset":0,"limit":10}"#,
        ),
        ("/v1/record/search?fields=total", r#"{"records":[{},{}],"total":2,"offset":0,"limit":10}"#),
    ] {
        let answer = rest.get(path, &[]);
        assert!(answer.text().contains(&format!("\"resource\":{expected},\"message\"")), "{path}: {}", answer.text());
    }
    let xml = rest.get("/v1/record/one?fields=info.uuid", &[("Accept", "application/xml")]);
    assert!(xml.text().contains("<resource><info><uuid>one</uuid></info></resource>"), "{}", xml.text());
    for wrong in ["a,,b", ".", "a..b", &"a,".repeat(65)] {
        assert_eq!(rest.get(&format!("/v1/record/one?fields={wrong}"), &[]).status, 400, "{wrong}");
    }
    // A refusal is told whole.
    assert_eq!(rest.get("/v1/record/none?fields=info.uuid", &[]).json()["error"]["code"], 404);
}

#[test]
fn expand_adds_what_is_left_out() {
    let rest = Rest::start();
    rest.insert("one", r#"{"n":1.0}"#);
    let found = rest.get("/v1/record/search", &[]);
    assert!(!found.text().contains("data_record"), "{}", found.text());
    let found = rest.get("/v1/record/search?expand=data_record", &[]);
    assert!(found.text().contains(r#""data_record":{"n":1.0}"#), "{}", found.text());
    rest.app.flow(&rest.tenant, "Later", FlowStatus::Draft);
    let flow = |path: &str, name: &str| resource(&rest.get(path, &[("X-Flow", name)]));
    assert_eq!(flow("/v1/flowdiagram", "Later").get("draft"), None);
    assert!(flow("/v1/flowdiagram?expand=draft", "Later")["draft"].is_object());
    assert_eq!(flow("/v1/flowdiagram?expand=draft", "Leads")["draft"], Value::Null);
    for path in ["/v1/record/search?expand=draft", "/v1/flowdiagram?expand=data_record&flow_name=Leads"] {
        assert_eq!(rest.get(path, &[]).status, 400, "{path}");
    }
}

#[test]
fn long_replies_are_compressed_for_those_who_ask() {
    let rest = Rest::start();
    let data = format!(r#"{{"a":"{}"}}"#, "x".repeat(5_000));
    rest.insert("one", &data);
    let plain = rest.get("/v1/record/one", &[]);
    let packed = rest.get("/v1/record/one", &[("Accept-Encoding", "gzip")]);
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
    assert_eq!(plain.text(), packed.text());
    assert!(packed.body.len() < plain.body.len() / 10);
    assert_ne!(plain.header("etag"), packed.header("etag"));
    for answer in [&plain, &packed] {
        assert!(answer.head.to_ascii_lowercase().contains("vary: accept-encoding"), "{}", answer.head);
    }
}

//! Flows over REST: what they look like, and the moves from one state to another.

use flowgate::model::flow::FlowStatus;
use serde_json::{Value, json};

use super::{Rest, message, refused, resource};

#[test]
fn a_flow_goes_through_its_states_with_a_sentence_for_each() {
    let rest = Rest::start();
    rest.app.flow(&rest.tenant, "New", FlowStatus::Draft);
    let go = |status: &str| rest.send("PUT", "/v1/changeflowstatus", &[("X-Flow-Id", "3"), ("X-Status", status)], "");
    let state = || resource(&rest.get("/v1/flowdiagram", &[("X-Flow", "New")]))["current_flow"]["status"].clone();
    for (status, sentence) in [
        ("public", "Flow diagram has been published successfully"),
        ("paused", "Flow diagram has been paused successfully"),
        ("running", "Flow diagram has been resumed successfully"),
        ("Paused", "Flow diagram has been paused successfully"),
        ("inactive", "Flow diagram has been stopped successfully"),
    ] {
        let answer = go(status);
        assert_eq!((answer.status, message(&answer).as_str(), resource(&answer)), (200, sentence, json!("")));
        assert_eq!(state(), status.to_ascii_lowercase());
    }
    refused(&go("running"), 409, "The flow 'New' is inactive and cannot become running");
    refused(&go("inactive"), 409, "The flow 'New' is inactive and cannot become inactive");
    refused(&go("public"), 409, "The flow 'New' has no draft to publish");
    assert_eq!(go("public").json()["code"], 409);
    refused(&go("draft"), 400, "Status must be public, paused, running or inactive");
    refused(&go("stopped"), 400, "Status must be public, paused, running or inactive");
    refused(&go(""), 400, "X-Status is required");
    assert_eq!(state(), "inactive");
}

#[test]
fn a_flow_is_named_by_its_number_or_its_name() {
    let rest = Rest::start();
    let put = |headers: &[(&str, &str)], query: &str| {
        rest.send("PUT", &format!("/v1/changeflowstatus{query}"), headers, "").status
    };
    assert_eq!(put(&[("X-Flow-Id", "1"), ("X-Status", "paused")], ""), 200);
    assert_eq!(put(&[], "?flow_id=1&status=running"), 200);
    assert_eq!(put(&[("X-Flow", "Leads"), ("X-Status", "paused")], ""), 200);
    assert_eq!(put(&[("X-Flow-Id", "1")], "?flow_id=2&status=running"), 200, "the header wins");
    for (id, status) in [("9", 404), ("Leads", 400), ("-1", 404), ("1.0", 400), ("9223372036854775808", 400)] {
        assert_eq!(put(&[("X-Flow-Id", id), ("X-Status", "paused")], ""), status, "{id}");
    }
    assert_eq!(put(&[("X-Status", "paused")], ""), 400);
    let state =
        |flow: &str| resource(&rest.get("/v1/flowdiagram", &[("X-Flow", flow)]))["current_flow"]["status"].clone();
    assert_eq!((state("1"), state("Invoices")), (json!("running"), json!("public")));
    assert_eq!(rest.get("/v1/flowdiagram", &[]).status, 400);
    assert_eq!(rest.get("/v1/flowdiagram", &[("X-Flow", "Nowhere")]).status, 404);
}

#[test]
fn a_flow_is_shown_with_its_versions_and_its_graph_as_it_was_published() {
    let rest = Rest::start();
    rest.publish("Orders", r#"{"nodes":[{"id":"a","kind":"delay","fields":{"for":1.5}}]}"#);
    let shown = resource(&rest.get("/v1/flowdiagram?flow_name=Orders", &[]));
    let graph = json!({"nodes":[{"id":"a","kind":"delay","fields":{"for":1.5}}]});
    let expected = json!({
        "customer": "Shop", "flow_name": "Orders", "description": "",
        "current_flow": {"id": 3, "status": "public", "version": 1, "graph": graph},
        "versions": [{"version": 1, "date_published": "2026-01-15 12:00:00", "graph": graph}],
    });
    assert_eq!(shown.to_string(), expected.to_string());
    rest.app.flow(&rest.tenant, "New", FlowStatus::Draft);
    let shown = resource(&rest.get("/v1/flowdiagram?flow_name=New", &[]));
    assert_eq!((&shown["current_flow"]["version"], &shown["versions"]), (&Value::Null, &json!([])));
}

#[test]
fn a_paused_flow_takes_records_and_an_inactive_one_does_not() {
    let rest = Rest::start();
    let insert = || rest.send("POST", "/v1/record", &[("X-Flow", "Leads")], "{}").status;
    let go =
        |status: &str| rest.send("PUT", "/v1/changeflowstatus", &[("X-Flow-Id", "1"), ("X-Status", status)], "").status;
    assert_eq!((go("paused"), insert()), (200, 201));
    assert_eq!((go("inactive"), insert()), (200, 409));
    assert_eq!(rest.stored().len(), 1);
}

const GRAPH: &str = r#"{"nodes":[{"id":"a","kind":"delay","fields":{"for":1.5}}]}"#;

#[test]
fn a_flow_is_added_changed_and_published_over_rest() {
    let rest = Rest::start();
    let body = format!(r#"{{"name":"Orders","description":"All of them","graph":{GRAPH}}}"#);
    let add = || rest.send("POST", "/v1/flowdiagram", &[("Idempotency-Key", "1")], &body);
    let answer = add();
    let added = json!({"flow_id":3,"flow_name":"Orders","status":"draft","version":null});
    assert_eq!((answer.status, resource(&answer)), (201, added), "{}", answer.text());
    assert_eq!((add().text(), add().header("idempotency-replayed")), (answer.text(), Some("true")));
    let location = answer.header("location").expect("a place").to_owned();
    let path = location.strip_prefix(&format!("http://{}", rest.app.address)).expect("here");
    let shown = resource(&rest.get(&format!("{path}&expand=draft"), &[]));
    assert_eq!((&shown["description"], shown["draft"].to_string().as_str()), (&json!("All of them"), GRAPH));
    refused(&rest.send("POST", "/v1/flowdiagram", &[], &body), 409, "Flow 'Orders' already exists");
    let publish = || rest.send("PUT", "/v1/changeflowstatus", &[("X-Flow-Id", "3"), ("X-Status", "public")], "").status;
    assert_eq!(publish(), 200);
    let draft = rest.send("PUT", "/v1/flowdiagram", &[], r#"{"flow":3,"graph":{"nodes":[]}}"#);
    let changed = json!({"flow_id":3,"flow_name":"Orders","status":"public","version":1});
    assert_eq!((draft.status, resource(&draft)), (200, changed));
    assert_eq!(publish(), 400, "it is not finished");
    for (method, path, body, status) in [
        ("POST", "/v1/flowdiagram", r#"{"name":"","graph":{}}"#, 400),
        ("POST", "/v1/flowdiagram", r#"{"name":"N","graph":[]}"#, 400),
        ("POST", "/v1/flowdiagram", r#"{"name":"N"}"#, 400),
        ("PUT", "/v1/flowdiagram", r#"{"flow":"Nowhere","graph":{}}"#, 404),
        ("PUT", "/v1/flowdiagram", r#"{"flow":"Orders","graph":7}"#, 400),
        ("PUT", "/v1/flowdiagram/revert", r#"{"flow":"Nowhere","version":1}"#, 404),
        ("PUT", "/v1/flowdiagram/revert", r#"{"flow":"Orders","version":"one"}"#, 400),
    ] {
        assert_eq!(rest.send(method, path, &[], body).status, status, "{method} {path} {body}");
    }
}

#[test]
fn an_earlier_version_is_published_again_and_a_draft_stays() {
    let rest = Rest::start();
    let put = |path: &str, body: &str| rest.send("PUT", path, &[], body);
    let publish =
        || rest.send("PUT", "/v1/changeflowstatus", &[("X-Flow", "Leads"), ("X-Status", "public")], "").status;
    let before = resource(&rest.get("/v1/flowdiagram?flow_name=Leads", &[]))["current_flow"]["graph"].clone();
    put("/v1/flowdiagram", &format!(r#"{{"flow":"Leads","graph":{GRAPH}}}"#));
    assert_eq!(publish(), 200);
    put("/v1/flowdiagram", r#"{"flow":"Leads","graph":{"nodes":[]}}"#);
    let reverted = put("/v1/flowdiagram/revert", r#"{"flow":"Leads","version":1}"#);
    assert_eq!(resource(&reverted), json!({"flow_id":1,"flow_name":"Leads","status":"public","version":3}));
    let shown = resource(&rest.get("/v1/flowdiagram?flow_name=Leads&expand=draft", &[]));
    assert_eq!((&shown["current_flow"]["version"], &shown["current_flow"]["graph"]), (&json!(3), &before));
    assert_eq!((shown["versions"].as_array().map(Vec::len), &shown["draft"]), (Some(3), &json!({"nodes":[]})));
    refused(
        &put("/v1/flowdiagram/revert", r#"{"flow":"Leads","version":9}"#),
        404,
        "The flow 'Leads' has no version 9",
    );
}

#[test]
fn the_schema_of_graphs_is_there_for_editors() {
    let rest = Rest::start();
    let answer = rest.app.get("/v1/flow.schema.json", &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/schema+json")));
    assert_eq!(answer.text(), include_str!("../../../docs/flow.schema.json"));
    let tag = answer.header("etag").expect("a tag").to_owned();
    assert_eq!(rest.app.get("/v1/flow.schema.json", &[("If-None-Match", &tag)]).status, 304);
}

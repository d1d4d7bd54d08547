//! The queue over REST: its actions, and moving records to other flows.

use flowgate::model::flow::FlowStatus;
use serde_json::{Value, json};

use super::{Rest, XML, message, refused, resource};
use crate::support::Answer;

const FAILED: &str = "UPDATE record SET status = 3, waits_until = NULL WHERE customer_id = $1 AND uuid = $2";
const IN_USE: &str = "UPDATE record SET status = 1, waits_until = NULL WHERE customer_id = $1 AND uuid = $2";

fn filled() -> Rest {
    let rest = Rest::start();
    for uuid in ["one", "two", "three"] {
        rest.insert(uuid, "{}");
    }
    rest
}

fn change(rest: &Rest, action: &str, uuids: &str, body: &str) -> Answer {
    rest.send("PUT", "/v1/record/changestatus", &[("X-Queue-Status", action), ("X-Queue-Uuids", uuids)], body)
}

#[test]
fn every_action_says_what_it_did_and_where_the_records_stand() {
    let rest = filled();
    for (action, status, key, sentence) in [
        ("pause-queue", "2", "Paused", "1 datarecords paused"),
        ("resume-queue", "0", "New", "1 datarecords resumed"),
        ("delete-from-queue", "", "", "1 datarecords deleted from the queue"),
        ("execute-queue", "0", "New", "1 datarecords executed"),
        ("PAUSE-QUEUE", "2", "Paused", "1 datarecords paused"),
    ] {
        let answer = change(&rest, action, "one", "");
        let expected = json!({"records":[{"uuid":"one","queue_status":status,"queue_status_key":key}],"total":1});
        assert_eq!((message(&answer).as_str(), resource(&answer)), (sentence, expected), "{action}");
        let found = resource(&rest.get("/v1/record/search?uuid=one", &[]));
        assert_eq!(found["records"][0]["queue_status"], status, "{action}");
    }
    rest.update(FAILED, "two");
    let answer = change(&rest, "resume-and-continue", "two", "");
    assert_eq!(message(&answer), "1 datarecords resumed from error status");
    let sentence = "The queue status must be one of pause-queue, resume-queue, execute-queue, delete-from-queue, resume-and-continue";
    refused(&change(&rest, "stop", "one", ""), 400, sentence);
    refused(&change(&rest, "", "one", ""), 400, "X-Queue-Status is required");
}

#[test]
fn records_are_named_in_the_header_in_the_body_or_in_both() {
    let rest = filled();
    for (uuids, body, headers, expected) in [
        ("one,two", "", &[][..], &["one", "two"][..]),
        ("one two", "", &[], &["one", "two"]),
        (" one , two ,", "", &[], &["one", "two"]),
        ("", r#"["one","two"]"#, &[], &["one", "two"]),
        ("two", r#"["one","two"]"#, &[], &["two", "one"]),
        ("one,one", r#"["one"]"#, &[], &["one"]),
        (
            "",
            "<uuids><item>one</item><item>two</item></uuids>",
            &[XML, ("Accept", "application/json")],
            &["one", "two"],
        ),
    ] {
        for action in ["pause-queue", "resume-queue"] {
            let headers = [&[("X-Queue-Status", action), ("X-Queue-Uuids", uuids)], headers].concat();
            let answer = rest.send("PUT", "/v1/record/changestatus", &headers, body);
            let found = resource(&answer);
            let named: Vec<&Value> =
                found["records"].as_array().expect("a list").iter().map(|record| &record["uuid"]).collect();
            assert_eq!(named, expected, "{uuids} {body}");
            assert_eq!(found["total"], expected.len());
        }
    }
    let sentence = "The data records are not named: X-Queue-Uuids or an array in the body is required";
    for body in ["", "[]", " "] {
        refused(&change(&rest, "pause-queue", "", body), 400, sentence);
    }
    for body in ["{}", "[1]", "[null]", "7", "[[\"one\"]]", "[", r#"[""]"#] {
        let answer = change(&rest, "pause-queue", "one", body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    let found = resource(&rest.get("/v1/record/search?uuid=one", &[]));
    assert_eq!(found["records"][0]["queue_status"], "0", "none of these did anything");
}

#[test]
fn what_could_not_be_changed_is_told_beside_what_was() {
    let rest = filled();
    rest.update(IN_USE, "two");
    let answer = change(&rest, "pause-queue", "one,two,none", "");
    let expected = json!({"records":[
        {"uuid":"one","queue_status":"2","queue_status_key":"Paused"},
        {"uuid":"two","error":"The data record 'two' is being used and cannot be paused"},
        {"uuid":"none","error":"There is no data record with the Uuid 'none'"},
    ],"total":3});
    assert_eq!((answer.status, message(&answer).as_str(), resource(&answer)), (200, "1 datarecords paused", expected));
    refused(&change(&rest, "pause-queue", "one,none", ""), 402, "The data record 'one' is paused and cannot be paused");
    assert_eq!(change(&rest, "pause-queue", "one", "").json()["code"], 402);
    refused(&change(&rest, "pause-queue", "none", ""), 404, "There is no data record with the Uuid 'none'");
    refused(
        &change(&rest, "pause-queue", "none", r#"["nothing"]"#),
        404,
        "There is no data record with any of the Uuids",
    );
}

#[test]
fn records_are_moved_to_another_flow() {
    let rest = filled();
    rest.app.flow(&rest.tenant, "Draft", FlowStatus::Draft);
    let go = |flow: &str, uuids: &str, body: &str| {
        rest.send("PUT", "/v1/record/movetoflow", &[("X-MoveToFlow-Flow", flow), ("X-Queue-Uuids", uuids)], body)
    };
    rest.update(IN_USE, "three");
    let answer = go("Invoices", "two", r#"["one","three","none"]"#);
    let moved = "Data Record is moved to a new flow successfully and it is included in the queue.";
    let expected = json!({"records":[
        {"uuid":"two","message":moved,"movetoflow":"Invoices"},
        {"uuid":"one","message":moved,"movetoflow":"Invoices"},
        {"uuid":"three","error":"The data record 'three' is being used and cannot be moved"},
        {"uuid":"none","error":"There is no data record with the Uuid 'none'"},
    ],"total":4});
    assert_eq!((message(&answer).as_str(), resource(&answer)), ("2 flows moved to the new one", expected));
    let found = resource(&rest.get("/v1/record/search?flow_name=Invoices", &[]));
    assert_eq!(found["total"], 2);
    assert_eq!(resource(&go("1", "one", ""))["records"][0]["movetoflow"], "Leads", "a number names it too");
    refused(&go("Leads", "three", ""), 402, "The data record 'three' is being used and cannot be moved");
    assert_eq!(go("Leads", "none", "").status, 404);
    refused(&go("Nowhere", "one", ""), 404, "There is no flow 'Nowhere'");
    assert_eq!(go("Draft", "one", "").status, 409);
    refused(&go("", "one", ""), 400, "X-MoveToFlow-Flow is required");
    let found = resource(&rest.get("/v1/record/search?uuid=one", &[]));
    assert_eq!(found["records"][0]["flow_name"], "Leads");
}

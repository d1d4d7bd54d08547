//! Executions and the logs of steps.

use serde_json::{Value, json};

use super::{Hub, JSON, refused};

/// A flow whose second step fails for data with `bad`.
fn failing(hub: &Hub) -> String {
    hub.active(&json!({
        "name": "Sums",
        "graph": {
            "nodes": [
                {"id": "take", "kind": "transform", "fields": {"output": {"sum": "{{ a + 1 }}", "bad": "{{ bad }}"}}},
                {"id": "check", "kind": "branch"},
                {"id": "refuse", "kind": "stop"},
                {"id": "end", "kind": "end"},
            ],
            "edges": [
                {"source": "take", "target": "check"},
                {"source": "check", "target": "refuse", "when": "bad"},
                {"source": "check", "target": "end"},
            ],
        },
    }))
}

fn send(hub: &Hub, id: &str, data: &Value) -> String {
    let answer = hub.app.call("POST", &format!("/hook/{id}"), &[JSON], data.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"]["requestId"].as_str().expect("an id").to_owned()
}

#[test]
fn executions_are_counted_step_by_step() {
    let hub = Hub::start();
    let id = failing(&hub);
    let tenant = hub.read("/users/me")["tenant"].clone();
    let good = send(&hub, &id, &json!({"a": 1, "bad": false}));
    hub.app.app.clock.advance(1_000);
    hub.app.run_due();
    hub.app.app.clock.advance(1_000);
    let wrong = send(&hub, &id, &json!({"a": "x", "bad": false}));
    hub.app.run_due();
    let waiting = send(&hub, &id, &json!({"a": 1, "bad": true}));
    let list = hub.read(&format!("/executions?filter%5BflowId%5D={id}"));
    assert_eq!(list["meta"], json!({"total": 3, "page": 1, "perPage": 100, "totalPages": 1}));
    let ids: Vec<_> = list["data"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [waiting.as_str(), wrong.as_str(), good.as_str()], "newest first");
    let one = hub.read(&format!("/executions/{good}"))["data"].clone();
    assert_eq!(one, list["data"][2]);
    let counted = json!({"in": 1, "out": 1, "errors": 0});
    assert_eq!(
        one,
        json!({
            "id": good, "flowExecId": good, "flowId": id, "tenant": tenant, "created": "2026-01-15T12:00:00.000Z",
            "started": "2026-01-15T12:00:01.000Z", "finished": one["finished"], "status": "finished",
            "succeeded": true, "errors": 0, "stepCounters": {"take": counted, "check": counted, "end": counted},
        })
    );
    assert!(one["finished"].as_str().is_some_and(|at| at.starts_with("2026-01-15T12:00:01.")), "{one}");
    let failed = &list["data"][1];
    assert_eq!((&failed["succeeded"], &failed["status"]), (&false.into(), &"failed".into()));
    assert_eq!(failed["stepCounters"]["take"]["out"], 0);
    assert!(failed["errors"].as_i64().is_some_and(|errors| errors > 0), "{failed}");
    let waits = &list["data"][0];
    assert_eq!(
        (&waits["status"], &waits["started"], &waits["finished"]),
        (&"waiting".into(), &json!(null), &json!(null))
    );
    assert_eq!(waits["stepCounters"], json!({}));
    let page = hub.read(&format!("/executions?filter[flowId]={id}&page[size]=1&page[number]=2"));
    assert_eq!((&page["data"][0]["id"], &page["meta"]["totalPages"]), (&wrong.into(), &3.into()));
}

#[test]
fn a_record_of_another_dialect_is_an_execution_too() {
    let hub = Hub::start();
    let id = failing(&hub);
    let keys = [("X-Apikey", "k"), ("X-App", "a"), ("X-Flow", "Sums"), ("X-Uuid", "order-17")];
    assert_eq!(hub.app.call("POST", "/v1/record", &keys, br#"{"a":1}"#).status, 201);
    let list = hub.read(&format!("/executions?filter[flowId]={id}"));
    assert_eq!(list["data"][0]["id"], "order-17");
    assert_eq!(hub.read("/executions/order-17")["data"], list["data"][0]);
}

#[test]
fn what_cannot_be_found_is_said() {
    let hub = Hub::start();
    refused(&hub.get("/executions"), 400, "The filter[flowId] is required");
    let nothing = hub.read("/executions?filter[flowId]=000000000000000000000000");
    assert_eq!((&nothing["data"], &nothing["meta"]["total"]), (&json!([]), &0.into()));
    refused(&hub.get("/executions/0190a2b0c0d07000800000000000abcd"), 404, "There is no execution with this id");
    refused(&hub.get("/flows/000000000000000000000000/steps/a/logs"), 404, "There is no flow with this id");
}

#[test]
fn the_log_of_a_step_comes_in_pages() {
    let hub = Hub::start();
    let id = failing(&hub);
    let mut sent = Vec::new();
    for number in 0..7 {
        sent.push(send(&hub, &id, &json!({"a": if number == 3 { json!("x") } else { number.into() }, "bad": false})));
        hub.app.run_due();
    }
    let path = format!("/flows/{id}/steps/take/logs");
    let whole = hub.read(&path);
    assert_eq!(whole["meta"], json!({"pageSize": 1000, "nextPageToken": null}));
    let lines = whole["data"].as_array().expect("a list").clone();
    let records: Vec<_> = lines.iter().map(|line| line["execId"].as_str().expect("an id").to_owned()).collect();
    assert!(sent.iter().all(|id| records.contains(id)), "{records:?}");
    let first = &lines[0];
    let told = json!({"flowId": id, "stepId": "take", "execId": sent[0], "timestamp": "2026-01-15T12:00:00.000Z",
        "level": "info", "status": "done", "attempt": 1, "duration": first["duration"], "message": null});
    assert_eq!(*first, told);
    let error = lines.iter().find(|line| line["execId"] == sent[3].as_str()).expect("a line");
    assert_eq!((&error["level"], error["message"].is_string()), (&"error".into(), true));
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let page = hub.read(&format!("{path}?pageSize=2&pageToken={token}"));
        paged.extend(page["data"].as_array().expect("a list").clone());
        match page["meta"]["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(paged, lines);
    assert_eq!(hub.read(&format!("/flows/{id}/steps/nothing/logs"))["data"], json!([]));
    refused(&hub.get(&format!("{path}?pageToken=x")), 400, "Invalid pageToken parameter");
    assert_eq!(hub.get(&format!("{path}?pageSize=1001")).status, 400);
}

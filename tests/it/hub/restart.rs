//! What outlives the process: identifiers, what was accepted, and whether a flow is active.

use serde_json::{Value, json};

use super::named;
use crate::process::{Gateway, Place};
use crate::support::{Answer, send};

fn ask(gateway: &Gateway, method: &str, path: &str, body: &str) -> Answer {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer demo-user-token\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        gateway.address,
        body.len()
    );
    send(gateway.address, format!("{head}{body}").as_bytes())
}

fn read(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, "GET", path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    let before = (read(&gateway, "/flows?sort=name"), read(&gateway, "/users/me"));
    let added = ask(&gateway, "POST", "/flows", &named("Orders").to_string());
    let id = added.json()["data"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(ask(&gateway, "POST", &format!("/flows/{id}/start"), "").status, 200);
    let sent = ask(&gateway, "POST", &format!("/webhooks/{id}"), r#"{"data":{"a":1}}"#).json();
    let request = sent["data"]["requestId"].as_str().expect("an id").to_owned();
    gateway.kill();
    let gateway = place.serve("--demo");
    let listed = read(&gateway, "/flows?sort=name&filter[status]=active&search=Orders");
    assert_eq!((&listed["data"][0]["id"], &listed["meta"]["total"]), (&id.as_str().into(), &1.into()));
    assert_eq!(read(&gateway, "/users/me"), before.1);
    let ids = |list: &Value| {
        let flows = list["data"].as_array().expect("a list").iter();
        flows.filter(|flow| flow["name"] != "Orders").map(|flow| flow["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&read(&gateway, "/flows?sort=name")), ids(&before.0));
    let executions = read(&gateway, &format!("/executions?filter[flowId]={id}"));
    assert_eq!((&executions["data"][0]["id"], &executions["meta"]["total"]), (&request.as_str().into(), &json!(1)));
    assert_eq!(read(&gateway, &format!("/executions/{request}"))["data"]["flowId"], id.as_str());
    let sent = ask(&gateway, "POST", &format!("/hook/{id}"), "{}");
    assert_eq!(sent.status, 200, "{}", sent.text());
    gateway.stop();
}

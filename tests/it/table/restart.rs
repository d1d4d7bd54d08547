//! What outlives the process: what was answered is there after a kill, and the demo has its table.

use serde_json::{Value, json};

use crate::process::{Gateway, Place};
use crate::support::{Answer, send};

fn ask(gateway: &Gateway, method: &str, path: &str, body: &str) -> Answer {
    let head = format!(
        "{method} /v1/tables{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Apikey: demo-api-key\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        gateway.address,
        body.len()
    );
    send(gateway.address, format!("{head}{body}").as_bytes())
}

fn done(gateway: &Gateway, method: &str, path: &str, body: &str) -> Value {
    let answer = ask(gateway, method, path, body);
    assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    answer.json()
}

#[test]
fn rows_numbers_and_keys_are_there_after_a_kill() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    assert_eq!(done(&gateway, "GET", "/users/8", "")["data"][0]["username"], "myusername");
    let old = r#"{"where":{"rules":[{"field":"age","operator":">","value":"35"}]}}"#;
    assert_eq!(done(&gateway, "POST", "/users/search", old)["max_results"], 2);
    let id = done(&gateway, "POST", "/users", r#"{"username":"kept","age":99}"#)["data"][0]["id"].clone();
    assert_eq!(id, "608");
    done(&gateway, "PUT", "/users/34", r#"{"age":3}"#);
    done(&gateway, "DELETE", "/users/607", "");
    done(&gateway, "POST", "", r#"{"name":"more","columns":[{"name":"a","type":"text","unique":true}]}"#);
    done(&gateway, "POST", "/more", r#"{"a":"x"}"#);
    let gone = done(&gateway, "POST", "/users", r#"{"age":50}"#)["data"][0]["id"].clone();
    done(&gateway, "DELETE", &format!("/users/{}", gone.as_str().expect("a number")), "");
    let before = done(&gateway, "POST", "/users/search", "{}");
    gateway.kill();
    let gateway = place.serve("--demo");
    assert_eq!(done(&gateway, "POST", "/users/search", "{}"), before);
    let found = done(&gateway, "POST", "/users/search", old);
    assert_eq!((&found["max_results"], &found["data"][0]["username"]), (&json!(1), &json!("kept")));
    assert_eq!(ask(&gateway, "POST", "/more", r#"{"a":"x"}"#).status, 409);
    assert_eq!(done(&gateway, "POST", "/users", "{}")["data"][0]["id"], "610");
    gateway.stop();
}

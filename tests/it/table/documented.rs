//! Every example of document 003's section on tables, in the three ways of authentication that it shows.

use flowgate::operation::execute;
use flowgate::operation::token::IssueToken;
use flowgate::store::account;
use serde_json::{Map, Value, json};

use super::Tables;
use crate::support::{Answer, wait};

const SEARCH: &str = r#"{
  "where": {
    "condition": "AND",
    "rules": [
      {
        "field": "age",
        "operator": ">",
        "value": "35"
      }
    ]
  },
  "limit": 10,
  "offset": 0,
  "order_field": "age",
  "order_type": "desc"
}"#;
const INSERT: &str = r#"{
    "username": "newuser",
    "password": "jsytd6756d5s",
    "age": 23
}"#;
const INSERT_COLUMNS: &str = r#"{
    "columns": [
    {
      "column_name": "username",
      "column_value": "newuser"
    },
    {
      "column_name": "password",
      "column_value": "jsytd6756d5s"
    },
    {
      "column_name": "age",
      "column_value": 23
    }
  ]
}"#;
const UPDATE: &str = r#"{
  "columns": [
    {
      "column_name": "username",
      "column_value": "newusername"
    },
    {
      "column_name": "age",
      "column_value": 102
    }
  ],
  "where": {
    "condition": "AND",
    "rules": [
      {
        "field": "age",
        "operator": ">",
        "value": "20"
      }
    ]
  },
  "limit": 2,
  "offset": 2,
  "order_field": "age",
  "order_type": "desc"
}"#;

/// The ways: a token, the API key in a header, the API key in the address.
fn ways(tables: &Tables) -> [(Vec<(&'static str, String)>, &'static str); 3] {
    let shop = tables.app.app.store.peek(|tx| account::find_customer(tx, "Shop")).expect("a read");
    let issue = IssueToken { application: "test".to_owned() };
    let token = wait(execute(&tables.app.app, &flowgate::auth::operator(shop), issue)).expect("a token").access;
    [
        (vec![("Authorization", format!("Bearer {token}"))], ""),
        (vec![("X-Apikey", "k".to_owned())], ""),
        (Vec::new(), "?api_key=k"),
    ]
}

fn arranged() -> Tables {
    let tables = Tables::users();
    let path = |id: i64| format!("/users/{id}");
    let user = |name: &str, password: &str, age: i64| json!({"username": name, "password": password, "age": age});
    let mut admin = user("myusername", "7ff47e867e6166cb7e1fb1116a84de44", 18);
    admin["type"] = json!("admin");
    tables.json("POST", &path(8), &admin);
    tables.json("POST", &path(34), &user("user12", "lzDoaCPlVGrpOYfBqTPMkqMme+nQon7j", 45));
    tables.json("POST", &path(607), &user("user1", "e87f23c6bda7ca05c828c4c042db50ed", 54));
    tables
}

fn each(work: impl Fn(&dyn Fn(&str, &str, &str) -> Answer)) {
    for number in 0..3 {
        let tables = arranged();
        let (headers, query) = ways(&tables)[number].clone();
        work(&|method, path, body| {
            let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            headers.push(("Content-Type", "application/json"));
            tables.app.call(method, &format!("/v1/tables/users{path}{query}"), &headers, body.as_bytes())
        });
    }
}

/// The members of the envelope but for `data`.
fn envelope(answer: &Value) -> Value {
    let members: Map<String, Value> =
        answer.as_object().expect("an object").clone().into_iter().filter(|(name, _)| name != "data").collect();
    Value::Object(members)
}

#[test]
fn getting_a_row() {
    each(|call| {
        let answer = call("GET", "/8", "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        // Values are answered as what their columns declare, so that the age is a number (contradiction C21).
        let expected = concat!(
            r#"{"data":[{"id":"8","date_created":"2026-01-15 12:00:00","date_updated":"2026-01-15 12:00:00","#,
            r#""username":"myusername","password":"7ff47e867e6166cb7e1fb1116a84de44","type":"admin","age":18}],"#,
            r#""total":1,"start_at":0,"next_element":1,"limit":100,"offset":0,"max_results":1}"#
        );
        assert_eq!(answer.text(), expected);
        assert_eq!(call("GET", "/8/", "").text(), expected);
    });
}

#[test]
fn searching() {
    each(|call| {
        for path in ["/search", "/search/"] {
            let answer = call("POST", path, SEARCH);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let json = answer.json();
            let counts =
                json!({"total": 2, "start_at": 0, "next_element": 2, "limit": 10, "offset": 0, "max_results": 2});
            assert_eq!(envelope(&json), counts);
            assert_eq!(
                json["data"][0],
                json!({
                    "id": "607", "date_created": "2026-01-15 12:00:00", "date_updated": "2026-01-15 12:00:00",
                    "username": "user1", "password": "e87f23c6bda7ca05c828c4c042db50ed", "type": null, "age": 54,
                })
            );
            assert_eq!((&json["data"][1]["id"], &json["data"][1]["age"]), (&json!("34"), &json!(45)));
        }
    });
}

#[test]
fn inserting() {
    each(|call| {
        for (path, body, id) in [("/", INSERT, "608"), ("", INSERT, "609"), ("/700", INSERT_COLUMNS, "700")] {
            let answer = call("POST", path, body);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let json = answer.json();
            let counts =
                json!({"total": 1, "start_at": 0, "next_element": 0, "limit": 100, "offset": 0, "max_results": 0});
            assert_eq!(envelope(&json), counts);
            assert_eq!(
                json["data"],
                json!([{
                    "id": id, "date_created": "2026-01-15 12:00:00", "date_updated": "2026-01-15 12:00:00",
                    "username": "newuser", "password": "jsytd6756d5s", "type": null, "age": 23,
                }])
            );
        }
        // The number of the alternative way is taken now, and the next one comes after it.
        assert_eq!(call("POST", "/700", INSERT_COLUMNS).status, 409);
        assert_eq!(call("POST", "/", INSERT).json()["data"][0]["id"], "701");
    });
}

#[test]
fn updating() {
    each(|call| {
        // Of the row that the path names and the rules find, the second is to be passed over twice: there is none.
        let answer = call("PUT", "/34", UPDATE);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        let counts = json!({"total": 0, "start_at": 2, "next_element": 0, "limit": 2, "offset": 2, "max_results": 0});
        assert_eq!((envelope(&json), &json["data"]), (counts, &json!([])));
        // Without passing over any, it is changed (contradiction C22).
        let once = UPDATE.replace("\"offset\": 2", "\"offset\": 0");
        let json = call("PUT", "/34", &once).json();
        let counts = json!({"total": 1, "start_at": 0, "next_element": 0, "limit": 2, "offset": 0, "max_results": 0});
        assert_eq!(envelope(&json), counts);
        assert_eq!(
            (&json["data"][0]["username"], &json["data"][0]["age"], &json["data"][0]["password"]),
            (&json!("newusername"), &json!(102), &json!("lzDoaCPlVGrpOYfBqTPMkqMme+nQon7j"))
        );
        // One that the rules do not find stays as it is.
        assert_eq!(call("PUT", "/8", &once).json()["total"], 0);
        assert_eq!(call("GET", "/8", "").json()["data"][0]["age"], 18);
        // Without a number in the path, the rules alone say which.
        let json = call("PUT", "", &once).json();
        assert_eq!(
            (&json["total"], &json["data"][0]["id"], &json["data"][1]["id"]),
            (&json!(2), &json!("34"), &json!("607"))
        );
    });
}

#[test]
fn deleting() {
    each(|call| {
        let answer = call("DELETE", "/8", "");
        assert_eq!(
            answer.text(),
            concat!(
                r#"{"id":"ok","code":200,"request-ip":"127.0.0.1","resource":1,"#,
                r#""message":"Successfully deleted row 8 in table users","error":null}"#
            )
        );
        assert_eq!(call("DELETE", "/8", "").status, 404);
        assert_eq!(call("GET", "/8", "").status, 404);
    });
}

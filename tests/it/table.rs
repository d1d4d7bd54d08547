//! Tables, from outside: rows go in over REST and are found again, and what does not belong into a table is refused.

mod attack;
mod definition;
mod documented;
mod key;
mod property;
mod restart;
mod row;
mod search;
mod step;
mod wire;

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

/// A gateway with a customer whose application may do everything.
struct Tables {
    app: TestApp,
}

impl Tables {
    fn start() -> Tables {
        let app = TestApp::start();
        app.customer_with("Shop", "k", "a", |new| new.oauth2 = true);
        Tables { app }
    }

    /// One with the demo's table, without rows.
    fn users() -> Tables {
        let tables = Tables::start();
        tables.define(&json!({"name": "users", "columns": [
            {"name": "username", "type": "text"}, {"name": "password", "type": "text"}, {"name": "type", "type": "text"},
            {"name": "age", "type": "integer", "indexed": true},
        ]}));
        tables
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call_with(method, path, &[], body)
    }

    fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let keys = [("X-Apikey", "k"), ("X-App", "a"), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.app.call(method, &format!("/v1/tables{path}"), &[&keys, headers].concat(), body.as_bytes())
    }

    /// The answer to what is done.
    fn json(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.call(method, path, body);
        assert!(answer.status < 300, "{method} {path} {body}: {}", answer.text());
        answer.json()
    }

    /// The status and the sentence of a refusal.
    fn refusal(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let answer = self.call(method, path, body);
        let sentence =
            answer.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
        (answer.status, sentence)
    }

    fn define(&self, table: &Value) {
        assert_eq!(self.call("POST", "", table).status, 201);
    }

    /// Inserts a row and gives its number.
    fn insert(&self, table: &str, values: &Value) -> String {
        let answer = self.json("POST", &format!("/{table}"), values);
        answer["data"][0]["id"].as_str().expect("a number").to_owned()
    }

    /// The numbers of the rows that satisfy the rules, by number.
    fn found(&self, table: &str, filter: &Value) -> Vec<String> {
        ids(&self.json("POST", &format!("/{table}/search"), &json!({"where": filter})))
    }

    /// The numbers of the rows that satisfy one rule.
    fn by(&self, table: &str, field: &str, operator: &str, value: &Value) -> Vec<String> {
        self.found(table, &json!({"rules": [{"field": field, "operator": operator, "value": value}]}))
    }
}

fn ids(answer: &Value) -> Vec<String> {
    let rows = answer["data"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    rows.map(|row| row["id"].as_str().expect("a number").to_owned()).collect()
}

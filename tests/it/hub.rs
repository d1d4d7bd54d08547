//! The dialect of document 002 from outside: what goes in over the wire, what comes out, and what is stored then.

mod execution;
mod flow;
mod isolation;
mod restart;
mod user;
mod webhook;

use flowgate::auth::{self, Caller};
use flowgate::error::Error;
use flowgate::operation::person::{AddPerson, IssuePersonToken, PersonTexts, UpdatePerson};
use flowgate::operation::secret::SetSecret;
use flowgate::operation::webhook::{AddWebhook, WebhookChange};
use flowgate::operation::{Operation, execute};
use flowgate::store::account;
use serde_json::{Value, json};

use crate::support::{Answer, Tenant, TestApp, wait};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A customer with people, in a gateway of a test.
struct Shop {
    tenant: Tenant,
    operator: Caller,
}

/// A person as a test knows one.
#[derive(Clone)]
struct Member {
    id: String,
    token: String,
}

fn shop(app: &TestApp, name: &str, api_key: &str, app_key: &str) -> Shop {
    let tenant = app.customer(name, api_key, app_key);
    let customer = app.app.store.peek(|tx| account::find_customer(tx, name)).expect("a read");
    Shop { tenant, operator: auth::operator(customer) }
}

impl Shop {
    fn run<O: Operation>(&self, app: &TestApp, operation: O) -> Result<O::Output, Error> {
        wait(execute(&app.app, &self.operator, operation))
    }

    /// A person with these permissions; `admin` is a role.
    fn person(&self, app: &TestApp, username: &str, permissions: &[&str]) -> Member {
        let names = |is_role: bool| {
            let named = permissions.iter().filter(|name| (**name == "admin") == is_role);
            Some(named.map(|name| (*name).to_owned()).collect())
        };
        let texts = PersonTexts { roles: names(true), permissions: names(false), ..PersonTexts::default() };
        let id = self.run(app, AddPerson { username: username.to_owned(), texts }).expect("a person").public_id;
        Member { id, token: self.token(app, username, None) }
    }

    fn token(&self, app: &TestApp, username: &str, days: Option<i64>) -> String {
        let issue = IssuePersonToken { username: username.to_owned(), description: String::new(), days };
        self.run(app, issue).expect("a token").token
    }

    fn set(&self, app: &TestApp, username: &str, texts: PersonTexts) {
        self.run(app, UpdatePerson { username: username.to_owned(), texts }).expect("a change");
    }
}

/// A gateway with the customer `Shop`, whose admin is Ann.
struct Hub {
    app: TestApp,
    shop: Shop,
    ann: Member,
}

impl Hub {
    fn start() -> Hub {
        let app = TestApp::start();
        let shop = shop(&app, "Shop", "k", "a");
        let ann = shop.person(&app, "ann", &["admin"]);
        Hub { app, shop, ann }
    }

    fn person(&self, username: &str, permissions: &[&str]) -> Member {
        self.shop.person(&self.app, username, permissions)
    }

    /// Sends a request with a person's token.
    fn send(&self, member: &Member, method: &str, path: &str, body: &str) -> Answer {
        send(&self.app, member, method, path, body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send(&self.ann, "GET", path, "")
    }

    /// The body of an answer that must be a success.
    fn read(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Adds a flow of Ann's; gives its identifier.
    fn flow(&self, body: &Value) -> String {
        added(&self.app, &self.ann, body)
    }

    /// The same, started.
    fn active(&self, body: &Value) -> String {
        let id = self.flow(body);
        let answer = self.send(&self.ann, "POST", &format!("/flows/{id}/start"), "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        id
    }

    fn keep_secret(&self, name: &str, value: &str) {
        let set = SetSecret { name: name.to_owned(), value: value.to_owned() };
        self.shop.run(&self.app, set).expect("a secret");
    }

    fn add_webhook(&self, flow: &str, uri: &str, settings: impl FnOnce(&mut WebhookChange)) {
        let mut change = WebhookChange::default();
        settings(&mut change);
        let add = AddWebhook { flow: flow.to_owned(), uri: Some(uri.to_owned()), application: None, change };
        self.shop.run(&self.app, add).expect("a webhook");
    }

    /// The data of the customer's records, in the order of acceptance.
    fn records(&self) -> Vec<Value> {
        let customer = self.shop.tenant.customer.0;
        let sql = "SELECT data FROM record WHERE customer_id = $1 ORDER BY id";
        let rows = self.app.app.store.peek(|tx| tx.query(sql, &[customer.into()])).expect("rows");
        rows.iter().map(|row| serde_json::from_str(row.text(0).expect("a text")).expect("JSON")).collect()
    }
}

fn send(app: &TestApp, member: &Member, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {}", member.token);
    app.call(method, path, &[JSON, ("Authorization", &bearer)], body.as_bytes())
}

fn added(app: &TestApp, member: &Member, body: &Value) -> String {
    let answer = send(app, member, "POST", "/flows", &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["data"]["id"].as_str().expect("an id").to_owned()
}

/// A flow that does nothing.
fn named(name: &str) -> Value {
    json!({"name": name, "graph": {"nodes": [{"id": "end", "kind": "end"}]}})
}

fn is_public_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// That an answer is a refusal in this dialect's form.
fn refused(answer: &Answer, status: u16, message: &str) {
    let expected = json!({"errors": [{"message": message, "code": status}]});
    assert_eq!((answer.status, answer.json()), (status, expected), "{}", answer.head);
}

/// The names of flows in a list.
fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().expect("a list").iter().map(|flow| flow["name"].as_str().expect("a name")).collect()
}

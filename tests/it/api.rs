//! The REST façade from outside, by subject: what goes in over the wire, what comes out, and what is stored then.

mod body;
mod condition;
mod flow;
mod format;
mod limit;
mod method;
mod parameter;
mod property;
mod queue;
mod record;
mod repeat;
mod search;
mod token;

use flowgate::config::Config;
use flowgate::model::flow::FlowStatus;
use flowgate::store::{Value as Sql, flow as flow_rows};
use serde_json::Value;

use crate::support::{Answer, NOW, Tenant, TestApp};

/// The credentials of most requests.
const KEYS: [(&str, &str); 2] = [("X-Apikey", "k"), ("X-App", "a")];
const JSON: (&str, &str) = ("Content-Type", "application/json");
const XML: (&str, &str) = ("Content-Type", "application/xml");

/// A gateway with the customer `Shop`, keys `k` and `a`, its flows `Leads` and `Invoices`, and the webhook `hook`.
struct Rest {
    app: TestApp,
    tenant: Tenant,
}

impl Rest {
    fn start() -> Rest {
        Rest::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Rest {
        let app = TestApp::with(change);
        let tenant = app.customer("Shop", "k", "a");
        let flow = app.flow(&tenant, "Leads", FlowStatus::Public);
        app.flow(&tenant, "Invoices", FlowStatus::Public);
        app.webhook(&tenant, flow, "hook", Some(tenant.application));
        Rest { app, tenant }
    }

    /// Sends a request with the keys.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_bytes(method, path, headers, body.as_bytes())
    }

    fn send_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.app.call(method, path, &[&KEYS, headers].concat(), body)
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.app.get(path, &[&KEYS, headers].concat())
    }

    /// Inserts a record that is accepted.
    fn insert(&self, uuid: &str, data: &str) {
        let answer = self.send("POST", "/v1/record", &[("X-Flow", "Leads"), ("X-Uuid", uuid)], data);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// A published flow with that graph.
    fn publish(&self, name: &'static str, graph: &'static str) {
        let customer = self.tenant.customer;
        self.app.administer(move |tx| {
            let id = flow_rows::insert(tx, customer, name, "", graph, NOW)?;
            flow_rows::publish(tx, customer, id, FlowStatus::Public, NOW)
        });
    }

    /// Inserts a schema that is accepted.
    fn schema(&self, schema: &str) {
        let answer = self.send("POST", "/v1/schema", &[], &schema_body(schema));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// The records of the customer, in the order of acceptance: identifier and data as they are stored.
    fn stored(&self) -> Vec<(String, String)> {
        let customer = self.tenant.customer.0;
        let sql = "SELECT uuid, data FROM record WHERE customer_id = $1 ORDER BY id";
        let rows = self.app.app.store.peek(|tx| tx.query(sql, &[customer.into()])).expect("rows");
        rows.iter()
            .map(|row| (row.text(0).expect("a text").to_owned(), row.text(1).expect("a text").to_owned()))
            .collect()
    }

    /// Changes rows as the engine or a person would have.
    fn update(&self, sql: &'static str, uuid: &str) {
        let (customer, uuid) = (self.tenant.customer.0, uuid.to_owned());
        let values = move |tx: &mut dyn flowgate::store::Tx| tx.execute(sql, &[customer.into(), Sql::Text(&uuid)]);
        assert_eq!(self.app.administer(values), 1);
    }
}

fn schema_body(schema: &str) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(schema);
    format!(r#"{{"schema":"{encoded}","data_record":"e30=","url":"www.example.nl"}}"#)
}

/// The sentence of an answer, which says it twice if it is a refusal.
fn message(answer: &Answer) -> String {
    let json = answer.json();
    if answer.status >= 400 {
        assert_eq!(json["error"]["message"], json["message"], "{}", answer.text());
        assert_eq!(json["id"], "error", "{}", answer.text());
        assert_eq!(json["resource"], serde_json::json!([]), "{}", answer.text());
    }
    json["message"].as_str().expect("a message").to_owned()
}

fn refused(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!((answer.status, message(answer).as_str()), (status, sentence), "{}", answer.head);
}

fn resource(answer: &Answer) -> Value {
    assert!(answer.status < 300, "{}", answer.text());
    answer.json()["resource"].take()
}

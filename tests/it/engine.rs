//! The engine, from outside: records go in, time is moved, and what became of them is read from the store.

pub(crate) mod edge;
mod fault;
mod history;
mod http;
mod journey;
mod lease;
mod model;
mod rerun;
mod soap;
mod steps;
pub(crate) mod wait;

use flowgate::model::account::CustomerId;
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::record::{Record, RecordStatus};
use flowgate::operation::flow::{AddFlow, PublishFlow, UpdateDraft};
use flowgate::store::{account, record, run};
use serde_json::{Map, Value};

use crate::support::{Answer, TestApp, wait};

/// A gateway whose engine runs when it is told to.
pub(crate) struct Works {
    pub(crate) app: TestApp,
    pub(crate) customer: CustomerId,
    pub(crate) operator: flowgate::auth::Caller,
}

impl Works {
    pub(crate) fn start() -> Works {
        Works::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut flowgate::config::Config)) -> Works {
        let app = TestApp::with(change);
        let customer = app.customer("Shop", "k", "a").customer;
        let shop = app.app.store.peek(|tx| account::find_customer(tx, "Shop")).expect("a read");
        let operator = flowgate::auth::operator(shop);
        Works { app, customer, operator }
    }

    pub(crate) fn run<O: flowgate::operation::Operation>(
        &self,
        operation: O,
    ) -> Result<O::Output, flowgate::error::Error> {
        wait(flowgate::operation::execute(&self.app.app, &self.operator, operation))
    }

    /// Publishes a flow, or a further version of it.
    pub(crate) fn publish(&self, name: &str, graph: &str) -> FlowId {
        let graph = graph.to_owned();
        let add = AddFlow { name: name.to_owned(), description: String::new(), graph: graph.clone() };
        if self.run(add).is_err() {
            self.run(UpdateDraft { flow: name.to_owned(), graph, expected: None }).expect("a draft");
        }
        self.run(PublishFlow { flow: name.to_owned() }).expect("a version").id
    }

    pub(crate) fn status(&self, flow: &str, status: FlowStatus) {
        use flowgate::operation::diagram::{ChangeFlowStatus, FlowReference};
        let flow = FlowReference { id: None, name: Some(flow.to_owned()) };
        self.run(ChangeFlowStatus { flow, status: status.name().to_owned() }).expect("a status");
    }

    pub(crate) fn insert_at(&self, flow: &str, uuid: &str, data: &str, time: Option<&str>) {
        use flowgate::operation::diagram::FlowReference;
        use flowgate::operation::record::{InsertRecords, Submission};
        let submission = Submission {
            uuid: Some(uuid.to_owned()),
            execution_time: time.map(str::to_owned),
            data: data.to_owned().into(),
        };
        let flow = FlowReference { id: None, name: Some(flow.to_owned()) };
        self.run(InsertRecords { flow, submissions: vec![submission] }).expect("an insertion");
    }

    pub(crate) fn insert(&self, flow: &str, uuid: &str, data: &str) {
        self.insert_at(flow, uuid, data, None);
    }

    pub(crate) fn record(&self, uuid: &str) -> Record {
        let found = self.app.app.store.peek(|tx| record::find(tx, self.customer, uuid));
        found.expect("a read").unwrap_or_else(|| panic!("a record {uuid}"))
    }

    pub(crate) fn state(&self, uuid: &str) -> RecordStatus {
        self.record(uuid).status
    }

    /// What the steps of the record's last run gave.
    pub(crate) fn outputs(&self, uuid: &str) -> Map<String, Value> {
        let record = self.record(uuid);
        let texts = self.app.app.store.peek(|tx| run::outputs(tx, record.id, record.num_runs)).expect("a read");
        let mut outputs = Map::new();
        for text in texts {
            let kept: Map<String, Value> = serde_json::from_str(&text).expect("outputs");
            outputs.extend(kept.into_iter().filter(|(step, _)| !step.starts_with(':')));
        }
        outputs
    }

    /// The history of the record's runs: step, attempt and outcome.
    pub(crate) fn attempts(&self, uuid: &str) -> Vec<String> {
        self.history(uuid).iter().map(line).collect()
    }

    pub(crate) fn history(&self, uuid: &str) -> Vec<Value> {
        let record = self.record(uuid);
        let entries = self.app.app.store.peek(|tx| run::history(tx, record.id)).expect("a read");
        entries
            .iter()
            .flat_map(|entry| serde_json::from_str::<Vec<Value>>(&entry.attempts).expect("attempts"))
            .collect()
    }

    /// Sends a request of the customer's application.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("X-Apikey", "k"), ("X-App", "a")], headers].concat();
        self.app.call(method, path, &headers, body.as_bytes())
    }

    /// What is answered to a request that succeeds.
    pub(crate) fn resource(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(method, path, &[], body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["resource"].take()
    }

    /// The error of the record's last attempt.
    pub(crate) fn error(&self, uuid: &str) -> Value {
        self.history(uuid).last().expect("an attempt")["error"].clone()
    }

    /// Changes the records' places in the queue.
    pub(crate) fn queue(&self, uuid: &str, action: flowgate::operation::queue::QueueAction) {
        let change = flowgate::operation::queue::ChangeQueueStatus { uuids: vec![uuid.to_owned()], action };
        self.run(change).expect("a change");
    }

    /// Lets time pass and runs what is due.
    pub(crate) fn pass(&self, milliseconds: i64) {
        self.app.app.clock.advance(milliseconds);
        self.app.run_due();
    }
}

/// The attempts of one row of a history, a line each.
pub(crate) fn told(attempts: &str) -> Vec<String> {
    serde_json::from_str::<Vec<Value>>(attempts).expect("attempts").iter().map(line).collect()
}

fn line(attempt: &Value) -> String {
    format!("{} {} {}", text(attempt, "step"), attempt["attempt"], text(attempt, "outcome"))
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

/// A gateway that may ask this machine, and whose engine runs when it is told to.
pub(crate) fn outgoing() -> Works {
    Works::with(allow_this_machine)
}

pub(crate) fn allow_this_machine(config: &mut flowgate::config::Config) {
    config.outbound.allow = flowgate::model::address::Network::parse("127.0.0.0/8").expect("a network").to_vec();
}

/// A graph of steps one after another, each given as its node.
pub(crate) fn chain(nodes: &[&str]) -> String {
    let ids: Vec<String> = nodes
        .iter()
        .map(|node| serde_json::from_str::<Value>(node).expect(node)["id"].as_str().expect("an id").to_owned())
        .collect();
    let edges: Vec<String> =
        ids.windows(2).map(|pair| format!(r#"{{"source":"{}","target":"{}"}}"#, pair[0], pair[1])).collect();
    format!(r#"{{"nodes":[{}],"edges":[{}]}}"#, nodes.join(","), edges.join(","))
}

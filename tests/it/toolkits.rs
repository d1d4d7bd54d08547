//! Raw requests of seventeen SOAP toolkits, byte for byte as they were sent, and the answers they must get.
//!
//! Beside each `NAME.http` in `fixtures/soap/toolkits` lies `NAME.expected`. `FLOWGATE_BLESS=1` writes the answers of
//! now into these files, to be read before they are committed.

use std::fs;

use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus;
use flowgate::model::schema::DataSchema;
use flowgate::store::record::{self, NewRecord};
use flowgate::store::schema;

use crate::support::{Answer, NOW, TestApp, fixture};

/// What the samples refer to: keys `k` and `a`, the flow `f`, the webhook `h`, the record `x`, a schema.
fn gateway() -> TestApp {
    let app = TestApp::start();
    let tenant = app.customer("Samples", "k", "a");
    let flow = app.flow(&tenant, "f", FlowStatus::Public);
    app.webhook(&tenant, flow, "h", None);
    let customer = tenant.customer;
    app.administer(move |tx| {
        let text = |text: &str| text.to_owned();
        schema::insert(
            tx,
            customer,
            &DataSchema {
                url: text("https://example.com/s.json"),
                document: text("{}"),
                sample: text("{}"),
                created: NOW,
                modified: NOW,
            },
        )?;
        let new = NewRecord {
            customer,
            uuid: "x",
            flow,
            flow_version: 1,
            data: "{\"kept\":true}",
            request_hash: b"",
            status: RecordStatus::Waiting,
            due: NOW,
            created: NOW,
        };
        record::insert(tx, &new)
    });
    app
}

/// Sends a sample to our own path; nothing else of it is touched.
fn replay(app: &TestApp, raw: &[u8]) -> Answer {
    let line_end = raw.iter().position(|byte| *byte == b'\n').expect("a request line");
    let line = std::str::from_utf8(&raw[..line_end]).expect("a request line").trim();
    let mut parts = line.split(' ');
    let (method, target, version) =
        (parts.next().expect("a method"), parts.next().expect("a target"), parts.next().expect("a version"));
    let query = target.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let mut request = format!("{method} /v1/soap{query} {version}\r\n").into_bytes();
    request.extend_from_slice(&raw[line_end + 1..]);
    app.send(&request)
}

/// The answer without what differs from run to run.
fn stable(app: &TestApp, answer: &Answer) -> String {
    let mut text = answer.text().replace(&app.address.to_string(), "ADDRESS");
    for name in ["faultactor", "Reference"] {
        if let Some(value) = answer.element(name) {
            assert_eq!(value.len(), 88, "the documented reference has 88 digits: {value}");
            text = text.replace(&value, "REFERENCE");
        }
    }
    let body = if text.contains("<wsdl:definitions") || text.contains("definitions xmlns") {
        "(a description)\n".to_owned()
    } else {
        text
    };
    let close = answer.header("connection").unwrap_or("-");
    format!(
        "{}\nContent-Type: {}\nConnection: {close}\n\n{body}\n",
        answer.status,
        answer.header("content-type").unwrap_or("-")
    )
}

#[test]
fn every_sample_gets_its_expected_answer() {
    let app = gateway();
    let bless = std::env::var_os("FLOWGATE_BLESS").is_some();
    let mut paths: Vec<_> = fs::read_dir(fixture("soap/toolkits"))
        .expect("the samples")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    paths.sort();
    assert!(paths.len() >= 80, "samples are missing: {}", paths.len());
    let mut wrong = Vec::new();
    for path in &paths {
        let answer = stable(&app, &replay(&app, &fs::read(path).expect("a sample")));
        let expected_path = path.with_extension("expected");
        if bless {
            fs::write(&expected_path, &answer).expect("the file can be written");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if answer != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- got\n{answer}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} samples:\n{}", wrong.len(), paths.len(), wrong.join("\n"));
}

//! What holds for any record: it comes back as it was sent, whichever format it went in and comes out.

use flowgate::facade::tree::{from_xml, to_xml};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::{JSON, Rest, XML, message};
use crate::properties::few;
use crate::tree::any_json_text;

/// The text of a reply's `data_record`, as it stands there.
fn data_of(reply: &str) -> &str {
    let (_, rest) = reply.split_once("\"data_record\":").expect("a record");
    rest.split_once(",\"flow_process\":{\"date_started\":\"\"").expect("its end").0
}

#[test]
fn any_record_is_read_as_it_was_sent() {
    let rest = Rest::start();
    let mut runner = TestRunner::new(few(60));
    let outcome = runner.run(&any_json_text(), |json| {
        // As XML, what stands between values is not kept.
        let [record, plain] = [format!("{{ \"value\":{json} }}"), format!("{{\"value\":{json}}}")];
        let insert = |uuid: &str, content_type, body: &str| {
            let headers = [content_type, ("Accept", "application/json"), ("X-Flow", "Leads"), ("X-Uuid", uuid)];
            rest.send("POST", "/v1/record", &headers, body)
        };
        let answer = insert("json", JSON, &record);
        if serde_json::from_str::<Value>(&record).is_err() {
            prop_assert_eq!(answer.status, 400, "{}", answer.text());
            prop_assert!(message(&answer).contains("holds a number larger than 1.8e308"), "{}", answer.text());
            return Ok(());
        }
        prop_assert_eq!(answer.status, 201, "{}", answer.text());
        let shown = rest.get("/v1/record/json", &[]).text();
        prop_assert_eq!(data_of(&shown), record.as_str());
        let shown = from_xml(&rest.get("/v1/record/json", &[XML]).text()).expect("XML").to_json(None);
        prop_assert_eq!(data_of(&shown), plain.as_str());
        let answer = insert("xml", XML, &to_xml(&record, "record").expect("XML"));
        prop_assert_eq!(answer.status, 201, "{}", answer.text());
        let shown = rest.get("/v1/record/xml", &[]).text();
        prop_assert_eq!(data_of(&shown), plain.as_str());
        for uuid in ["json", "xml"] {
            let removed = rest.send("DELETE", &format!("/v1/record/{uuid}"), &[], "");
            prop_assert_eq!(removed.status, 200);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

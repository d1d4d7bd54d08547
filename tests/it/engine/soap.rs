//! Steps that call SOAP services: the gateway's own, which another customer of it offers, and one that fails.

use std::sync::{Arc, Mutex};

use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus::{Failed, Finished, Scheduled};
use flowgate::soap::wsdl::Style;
use flowgate::store::record;
use serde_json::{Value, json};

use super::{Works, chain, outgoing};
use crate::outbound::peer::{Peer, answer};
use crate::support::Tenant;

/// A gateway with a second customer, `Other`, whose keys are `other-api` and `other-app`, and its flow `intake`.
fn neighbours() -> (Works, Tenant) {
    let works = outgoing();
    let other = works.app.customer("Other", "other-api", "other-app");
    works.app.flow(&other, "intake", FlowStatus::Public);
    (works, other)
}

fn description(works: &Works, style: Style) -> String {
    let query = match style {
        Style::RpcEncoded => "wsdl",
        Style::Literal11 => "wsdl=literal",
        Style::Literal12 => "wsdl=literal12",
    };
    format!("http://{}/v1/soap?{query}", works.app.address)
}

fn calling(fields: &Value, rest: &str) -> String {
    chain(&[&format!(r#"{{"id":"call","kind":"soap","fields":{fields}{rest}}}"#)])
}

/// The fields of a step that inserts a record at the other customer.
fn insertion(wsdl: &str) -> Value {
    json!({
        "wsdl": wsdl,
        "operation": "insertRecord",
        "arguments": { "input": {
            "AuthenticationObject": { "Apikey": "other-api", "Appkey": "other-app" },
            "DataRecordObject": { "Uuid": "{{ 'of-' & $run.uuid }}", "Data": "{{ $base64encode($string({'name': name})) }}" },
            "FlowDiagramObject": { "Flow": "intake" },
        } },
        "output": "insertRecordResult.{\"code\": Code, \"message\": Message}",
    })
}

#[test]
fn a_record_becomes_one_of_another_customer() {
    let (works, other) = neighbours();
    for (number, style) in Style::ALL.into_iter().enumerate() {
        let uuid = format!("r{number}");
        works.publish(&uuid, &calling(&insertion(&description(&works, style)), ""));
        works.insert(&uuid, &uuid, r#"{"name":"Zoe & <sons>"}"#);
        works.app.run_due();
        assert_eq!(works.state(&uuid), Finished, "{style:?}: {:?}", works.history(&uuid));
        assert_eq!(works.outputs(&uuid)["call"]["code"], "201", "{style:?}");
        let customer = other.customer;
        let made = works.app.app.store.peek(|tx| record::find(tx, customer, &format!("of-{uuid}"))).expect("a read");
        assert_eq!(made.expect("a record").data.as_str(), r#"{"name":"Zoe & <sons>"}"#, "{style:?}");
    }
}

#[test]
fn faults_are_failures_with_all_that_they_say() {
    let (works, _) = neighbours();
    for (number, (style, code)) in Style::ALL.into_iter().zip(["404", "Client", "Sender.E404"]).enumerate() {
        let fields = json!({
            "wsdl": description(&works, style),
            "operation": "getRecord",
            "arguments": { "input": {
                "AuthenticationObject": { "Apikey": "other-api", "Appkey": "other-app" },
                "DataRecordObject": { "Uuid": "nobody" },
            } },
        });
        let uuid = format!("r{number}");
        works.publish(&uuid, &calling(&fields, ""));
        works.insert(&uuid, &uuid, "{}");
        works.app.run_due();
        assert_eq!(works.attempts(&uuid), ["call 1 failed"], "{style:?}: it is the caller's fault");
        let error = works.error(&uuid);
        assert_eq!((&error["kind"], &error["detail"]["code"]), (&json!("soap.sender"), &json!(code)), "{style:?}");
        let text = error["detail"]["text"].as_str().expect("a text");
        assert_eq!(error["message"], format!("The partner answered with the fault {code}: {text}"));
        assert!(error["detail"]["detail"]["item"][0]["value"] == "404", "{style:?}: {error}");
    }
}

const FAULT: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><e:Fault>\
    <faultcode>e:Server</faultcode><faultstring>The warehouse is on fire</faultstring>\
    <detail><until>noon</until></detail></e:Fault></e:Body></e:Envelope>";

#[test]
fn what_is_the_receivers_fault_is_tried_again_and_so_is_what_is_no_answer() {
    let (works, _) = neighbours();
    let cases: [(&str, &str, &str, bool); 5] = [
        ("500 Oops\r\nContent-Type: text/xml", FAULT, "soap.receiver", true),
        ("500 Oops\r\nContent-Type: text/html", "<p>Oops</p>", "http.500", true),
        ("400 No\r\nContent-Type: text/html", "<p>No</p>", "http.400", false),
        ("403 No\r\nContent-Type: text/html", "<p>No</p>", "http.403", false),
        ("200 OK\r\nContent-Type: text/xml", "<html/>", "broken", true),
    ];
    for (number, (head, body, kind, is_tried_again)) in cases.into_iter().enumerate() {
        let peer = Peer::start(move |stream, _| answer(stream, &format!("HTTP/1.1 {head}"), body.as_bytes()));
        let mut fields = insertion(&description(&works, Style::Literal11));
        fields["url"] = json!(peer.url());
        let uuid = format!("r{number}");
        let retry = r#","retry":{"attempts":2,"initial":"10s","jitter":0}"#;
        works.publish(&uuid, &calling(&fields, retry));
        works.insert(&uuid, &uuid, r#"{"name":"x"}"#);
        works.app.run_due();
        let error = works.error(&uuid);
        assert_eq!(error["kind"], kind, "{head}: {error}");
        assert_eq!(works.state(&uuid), if is_tried_again { Scheduled } else { Failed }, "{head}");
        if kind == "soap.receiver" {
            let detail = json!({
                "code": "Server", "text": "The warehouse is on fire", "actor": null, "detail": { "until": "noon" },
            });
            assert_eq!(error["detail"], detail);
            works.pass(10_000);
            assert_eq!(works.attempts(&uuid), ["call 1 retried", "call 2 failed"]);
        }
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_path() {
    let (works, other) = neighbours();
    let wsdl = description(&works, Style::Literal12);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut fields = insertion(&wsdl);
        change(&mut fields);
        fields
    };
    let cases = [
        (with(&|f| f["operation"] = json!("buy")), "operation: The description has no operation 'buy'; it has "),
        (with(&|f| f["port"] = json!("Door")), "operation: The description has no port 'Door'; it has "),
        (
            with(&|f| f["arguments"]["input"]["DataRecordObject"]["Weight"] = json!(1)),
            "arguments: input.DataRecordObject.Weight is not known here; expected are: ",
        ),
        (
            with(&|f| f["arguments"]["input"]["DataRecordObject"]["Data"] = json!({ "a": 1 })),
            "arguments: input.DataRecordObject.Data must be ",
        ),
        (with(&|f| f["arguments"]["input"] = json!("x")), "arguments: input must be an object"),
    ];
    for (number, (fields, text)) in cases.into_iter().enumerate() {
        let uuid = format!("r{number}");
        works.publish(&uuid, &calling(&fields, ""));
        works.insert(&uuid, &uuid, r#"{"name":"x"}"#);
        works.app.run_due();
        assert_eq!(works.attempts(&uuid), ["call 1 failed"], "{text}");
        let error = works.error(&uuid);
        assert_eq!(error["kind"], "soap.call", "{error}");
        assert!(error["message"].as_str().expect("a message").starts_with(text), "{error}\n  where {text}");
    }
    let customer = other.customer;
    let made = works.app.app.store.peek(|tx| record::find(tx, customer, "of-r0")).expect("a read");
    assert!(made.is_none(), "nothing was sent");
}

/// A server of descriptions: what it gives can be changed, and how often it was asked is known.
struct Library {
    peer: Peer,
    text: Arc<Mutex<String>>,
    asked: Arc<Mutex<usize>>,
}

impl Library {
    fn start(text: String) -> Library {
        let (text, asked) = (Arc::new(Mutex::new(text)), Arc::new(Mutex::new(0)));
        let (given, counted) = (Arc::clone(&text), Arc::clone(&asked));
        let peer = Peer::start(move |stream, _| {
            *counted.lock().expect("the count") += 1;
            let text = given.lock().expect("the text").clone();
            let head = if text.is_empty() { "HTTP/1.1 503 Busy" } else { "HTTP/1.1 200 OK\r\nContent-Type: text/xml" };
            answer(stream, head, text.as_bytes());
        });
        Library { peer, text, asked }
    }

    fn asked(&self) -> usize {
        *self.asked.lock().expect("the count")
    }

    fn set(&self, text: &str) {
        text.clone_into(&mut self.text.lock().expect("the text"));
    }
}

#[test]
fn a_description_is_read_once_and_again_after_a_flow_was_published() {
    let (works, _) = neighbours();
    let text = works.app.get("/v1/soap?wsdl=literal", &[]).text();
    let library = Library::start(text.clone());
    let graph = calling(&insertion(&library.peer.url()), "");
    works.publish("orders", &graph);
    let run = |uuid: &str| {
        works.insert("orders", uuid, r#"{"name":"x"}"#);
        works.app.run_due();
        works.state(uuid)
    };
    // Each of these runs is an engine of its own, as after a restart.
    assert_eq!((run("a"), run("b"), run("c")), (Finished, Finished, Finished));
    assert_eq!(library.asked(), 1);
    // What the partner says by now counts once the flow is published again.
    library.set(&text.replace("insertRecord", "putRecord"));
    assert_eq!((run("d"), library.asked()), (Finished, 1));
    works.publish("orders", &graph);
    assert_eq!((run("e"), library.asked()), (Failed, 2));
    assert!(works.error("e")["message"].as_str().expect("a message").contains("putRecord"));
}

#[test]
fn a_description_that_cannot_be_read_is_not_kept() {
    let (works, _) = neighbours();
    let text = works.app.get("/v1/soap?wsdl=literal", &[]).text();
    let library = Library::start(String::new());
    works.publish("orders", &calling(&insertion(&library.peer.url()), r#","retry":{"initial":"1s","jitter":0}"#));
    works.insert("orders", "r", r#"{"name":"x"}"#);
    works.app.run_due();
    let error = works.error("r");
    assert_eq!((&error["kind"], works.state("r")), (&json!("wsdl"), Scheduled), "{error}");
    assert_eq!(
        error["message"],
        "The description of the service cannot be read: The partner answered 503; 200 was expected"
    );
    library.set(&text);
    works.pass(1_000);
    assert_eq!((works.state("r"), library.asked()), (Finished, 2));

    let library = Library::start("<html/>".to_owned());
    works.publish("other", &calling(&insertion(&library.peer.url()), ""));
    works.insert("other", "s", r#"{"name":"x"}"#);
    works.app.run_due();
    assert_eq!(works.attempts("s"), ["call 1 failed"], "another attempt would read the same");
    library.set(&text);
    works.queue("s", flowgate::operation::queue::QueueAction::Continue);
    works.app.run_due();
    assert_eq!((works.state("s"), library.asked()), (Finished, 2));
}

#[test]
fn the_place_of_a_description_is_kept_so_it_holds_no_secret() {
    let works = outgoing();
    let graph = calling(&insertion("http://127.0.0.1/?key={{secret.key}}"), "");
    let add = flowgate::operation::flow::AddFlow { name: "orders".to_owned(), description: String::new(), graph };
    works.run(add).expect("a draft");
    let publish = flowgate::operation::flow::PublishFlow { flow: "orders".to_owned() };
    let refusal = works.run(publish).map(|_| ()).expect_err("no version").to_string();
    assert!(refusal.contains("call") && refusal.contains("fields.wsdl") && refusal.contains("secret"), "{refusal}");
}

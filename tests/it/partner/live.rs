//! Services that others wrote, called over plain connections; `tests/interop/partner/run` starts them.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use flowgate::soap::partner::{Document, Partner, Reply};
use serde_json::{Value, json};

use crate::support::{Answer, Outcome, answer_on};

pub(crate) fn exchange(url: &str, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let (host, path) = rest.split_once('/').expect("a path");
    let address: SocketAddr = host.parse().expect("an address");
    let mut request =
        format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).expect("the partner listens");
    std::io::Write::write_all(&mut stream, &[request.as_bytes(), body].concat()).expect("a connection");
    match answer_on(&mut stream, false) {
        Outcome::Answered(answer) => answer,
        outcome => panic!("{url}: {outcome:?}"),
    }
}

fn partner(variable: &str, path: &str) -> Partner {
    let address = std::env::var(variable).unwrap_or_else(|_| panic!("tests/interop/partner/run sets {variable}"));
    let location = format!("{address}{path}?wsdl");
    let text = exchange(&location, "GET", &[], b"").text();
    assert_eq!(Partner::imports(&text, &location).expect("a description"), Vec::<String>::new());
    Partner::read(&[Document { location, text }]).expect("the description is readable")
}

fn call(partner: &Partner, name: &str, port: Option<&str>, arguments: &Value) -> Reply {
    let operation = partner.operation(name, port).expect("it is described");
    let call = operation.request(arguments, None).expect("it fits");
    let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = exchange(&call.url, "POST", &headers, &call.body);
    let content_type = answer.header("content-type").unwrap_or_default().to_owned();
    let reply = operation.reply(answer.status, &content_type, &answer.body);
    reply.unwrap_or_else(|error| panic!("{name}: {error}\n{}", String::from_utf8_lossy(&answer.body)))
}

#[test]
#[ignore = "needs servers; tests/interop/partner/run starts them"]
fn spyne_is_understood_in_both_versions() {
    for path in ["/soap11", "/soap12"] {
        let partner = partner("FLOWGATE_PARTNER_SPYNE", path);
        let order = json!({
            "customer": "Zoë & <sons>",
            "lines": { "Line": [
                { "@unit": "kg", "article": "A1", "price": "12345678901234567.89", "amount": 2 },
                { "article": "B2", "price": 0.25, "amount": 9_007_199_254_740_993_i64 },
            ] },
            "due": "2024-02-29",
            "urgent": true,
            "note": ["one", "🙂"],
        });
        let reply = call(&partner, "place", None, &json!({ "order": order }));
        let Reply::Done(result) = &reply else { panic!("{path}: {reply:?}") };
        let receipt = &result["placeResult"];
        assert_eq!(receipt["order"], order, "{path}");
        assert_eq!(receipt["total"], "26943157616154384.03", "{path}");
        assert_eq!(receipt["count"], json!(9_007_199_254_740_995_i64), "{path}");
        assert_eq!(receipt["at"], "2024-02-29T12:30:00+00:00", "{path}");
        assert_eq!(receipt["proof"], "AAFhYmM=", "{path}");
        assert!(receipt["ratio"].is_f64(), "{path}");

        let repeated = call(&partner, "repeat", None, &json!({ "text": "ab", "times": 3 }));
        assert_eq!(repeated, Reply::Done(json!({ "repeatResult": { "string": ["ab", "ab", "ab"] } })), "{path}");
        let told = call(&partner, "tell", None, &json!({ "text": "x" }));
        assert!(matches!(told, Reply::Done(_)), "{path}: {told:?}");
        let Reply::Done(nothing) = call(&partner, "nothing", None, &Value::Null) else { panic!("{path}: a fault") };
        assert!(nothing["nothingResult"].is_null(), "{path}: {nothing}");

        let fault = call(&partner, "fail", None, &json!({ "reason": "sold out" }));
        let Reply::Fault { code, text, detail, is_sender, .. } = fault else { panic!("{path}: {fault:?}") };
        assert_eq!((text.as_str(), is_sender), ("sold out", true), "{path}");
        assert!(code.ends_with("Stock"), "{path}: {code}");
        assert_eq!(detail["reason"]["text"], "sold out", "{path}");
        // The server validates what it takes. In SOAP 1.2 it fails over the fault that was to say so.
        if path == "/soap11" {
            let order = json!({ "customer": "x", "lines": null, "due": "never" });
            let refused = call(&partner, "place", None, &json!({ "order": order }));
            assert!(matches!(refused, Reply::Fault { is_sender: true, .. }), "{path}: {refused:?}");
        }
    }
}

#[test]
#[ignore = "needs servers; tests/interop/partner/run starts them"]
fn node_is_understood_in_both_versions_and_in_rpc_style() {
    let partner = partner("FLOWGATE_PARTNER_NODE", "/mail11");
    let parcels = json!([
        { "to": "Zoë & <sons>", "weight": 1.5, "item": ["a", "b"], "insured": true },
        { "to": "x", "weight": 2, "item": [] },
    ]);
    for port in ["Mail11", "Mail12"] {
        let reply = call(&partner, "send", Some(port), &json!({ "parcel": parcels }));
        assert_eq!(reply, Reply::Done(json!({ "parcel": parcels, "total": 3.5, "sent": 2 })), "{port}");
        let fault = call(&partner, "lose", Some(port), &json!({ "why": "a storm" }));
        let Reply::Fault { text, is_sender, .. } = &fault else { panic!("{port}: {fault:?}") };
        assert_eq!((text.as_str(), *is_sender), ("a storm", false), "{port}: {fault:?}");
    }
    assert_eq!(call(&partner, "add", None, &json!({ "a": 2, "b": -5 })), Reply::Done(json!({ "sum": -3 })));
}

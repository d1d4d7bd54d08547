//! A partner that answers every call with what another once answered: the file that the address names.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use flowgate::soap::partner::{Document, Partner, Reply};

use super::live::exchange;
use super::{account, listed};
use crate::support::fixture;

/// Listens for as long as the test runs. `POST /multiref.xml` is answered with `fixtures/partner/replies/multiref.xml`.
pub(crate) fn listen() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !is_whole(&request) {
                match stream.read(&mut buffer) {
                    Ok(length @ 1..) => request.extend_from_slice(&buffer[..length]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&request);
            let name = head.strip_prefix("POST /").and_then(|rest| rest.split(' ').next()).expect("a call");
            let body = std::fs::read(fixture(&format!("partner/replies/{name}"))).expect(name);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=utf-8\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // A client that went away is not this test's concern.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    address
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// The bank's description, with one answer's address.
pub(crate) fn description(address: SocketAddr, answer: &str) -> Vec<Document> {
    let document = |file: &str| Document {
        location: format!("http://{address}/{file}"),
        text: std::fs::read_to_string(fixture(&format!("partner/{file}")))
            .expect(file)
            .replace("http://bank.example/encoded\"", &format!("http://{address}/{answer}\"")),
    };
    ["accounts.wsdl", "bank.wsdl"].map(document).into()
}

#[test]
fn encoded_answers_come_over_a_connection() {
    let address = listen();
    for answer in ["inline.xml", "multiref.xml", "siblings.xml"] {
        let partner = Partner::read(&description(address, answer)).expect("the description is readable");
        let operation = partner.operation("list", Some("Encoded")).expect("it is there");
        let call = operation.request(&serde_json::json!({ "owner": "Bo", "limit": 3 }), None).expect("it fits");
        let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let received = exchange(&call.url, "POST", &headers, &call.body);
        let content_type = received.header("content-type").expect("a type").to_owned();
        let reply = operation.reply(received.status, &content_type, &received.body).expect(answer);
        assert_eq!(reply, Reply::Done(listed()), "{answer}");
    }
    let partner = Partner::read(&description(address, "map.xml")).expect("the description is readable");
    let operation = partner.operation("book", Some("Encoded")).expect("it is there");
    let call = operation.request(&account(), None).expect("it fits");
    let received = exchange(&call.url, "POST", &[("Content-Type", "text/xml")], &call.body);
    assert!(matches!(operation.reply(received.status, "text/xml", &received.body), Ok(Reply::Done(_))));
}

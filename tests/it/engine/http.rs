//! Steps that call partners over HTTP: what partners get, what becomes of what they answer, and what partners that mean
//! no good can do.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};

use flowgate::model::record::RecordStatus::{Failed, Finished, Scheduled};
use flowgate::operation::change::DeleteRecord;
use flowgate::operation::queue::QueueAction;
use flowgate::operation::secret::SetSecret;
use serde_json::{Value, json};

use super::{Works, allow_this_machine, chain, outgoing};
use crate::outbound::peer::{Peer, Received, answer, outlast, receive, trickle};
use crate::process::{Place, eventually};
use crate::support::{NOW, Outcome};

/// A partner that remembers what it was sent.
struct Partner {
    peer: Peer,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Partner {
    /// Answers the requests, which are counted from 0.
    fn start(handler: impl Fn(&mut TcpStream, &Received, usize) + Send + Sync + 'static) -> Partner {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept: Arc<Mutex<Vec<Received>>> = Arc::clone(&seen);
        let peer = Peer::start(move |stream, request| {
            let number = {
                let mut kept = kept.lock().expect("requests");
                kept.push(request.clone());
                kept.len() - 1
            };
            handler(stream, request, number);
        });
        Partner { peer, seen }
    }

    /// Answers the requests in turn with these heads, and those that follow with the last.
    fn of(heads: &'static [&'static str]) -> Partner {
        Partner::start(move |stream, _, number| answer(stream, heads[number.min(heads.len() - 1)], b""))
    }

    fn url(&self) -> String {
        self.peer.url()
    }

    fn seen(&self) -> Vec<Received> {
        self.seen.lock().expect("requests").clone()
    }

    /// The values of a header in all requests.
    fn headers(&self, name: &str) -> Vec<String> {
        self.seen().iter().map(|request| header(request, name).unwrap_or_default()).collect()
    }
}

fn header(request: &Received, name: &str) -> Option<String> {
    let mut lines = request.head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// A graph whose one step `ask` has those fields, and members beside them.
fn asking_with(fields: &Value, rest: &str) -> String {
    chain(&[&format!(r#"{{"id":"ask","kind":"http","fields":{fields}{rest}}}"#)])
}

fn asking(fields: &Value) -> String {
    asking_with(fields, "")
}

#[test]
fn requests_go_out_as_they_are_written() {
    let works = outgoing();
    let partner = Partner::of(&["HTTP/1.1 204 No Content"]);
    let url = partner.url();
    type Case = (Value, &'static str, &'static [(&'static str, Option<&'static str>)], &'static str);
    let cases: [Case; 8] = [
        (
            json!({
                "method": "PUT",
                "url": format!("{url}/orders/{{{{ id }}}}"),
                "query": { "q": "{{ name }}", "n": "{{ id }}", "many": ["a", "b"], "gone": null, "none": "{{ nothing }}" },
                "headers": { "X-Id": "{{ id }}", "X-Gone": null, "X-Of": "{{ $flow.name }}" },
                "body": { "name": "{{ name }}", "items": "{{ items }}", "text": "{{ id }}/{{ name }}" },
            }),
            "PUT /orders/7?q=Zo%C3%AB+%26+Co&n=7&many=a&many=b HTTP/1.1",
            &[
                ("content-type", Some("application/json")),
                ("x-id", Some("7")),
                ("x-gone", None),
                ("x-of", Some("flow0")),
            ],
            r#"{"name":"Zoë & Co","items":[1,2],"text":"7/Zoë & Co"}"#,
        ),
        (
            json!({
                "method": "POST",
                "url": format!("{url}/form?a=1#part"),
                "query": { "b": 2 },
                "body_type": "form",
                "body": { "name": "{{ name }}", "tag": ["x", true], "gone": null },
            }),
            "POST /form?a=1&b=2 HTTP/1.1",
            &[("content-type", Some("application/x-www-form-urlencoded"))],
            "name=Zo%C3%AB+%26+Co&tag=x&tag=true",
        ),
        (
            json!({ "method": "PATCH", "url": url, "body_type": "text", "body": "Hello {{ name }}" }),
            "PATCH / HTTP/1.1",
            &[("content-type", Some("text/plain; charset=utf-8"))],
            "Hello Zoë & Co",
        ),
        (
            json!({
                "method": "POST", "url": url, "body_type": "xml", "body": "<a>{{ id }}</a>",
                "headers": { "content-type": "text/xml", "Idempotency-Key": "{{ id }}" },
            }),
            "POST / HTTP/1.1",
            &[("content-type", Some("text/xml")), ("idempotency-key", Some("7"))],
            "<a>7</a>",
        ),
        (
            json!({ "url": url }),
            "GET / HTTP/1.1",
            &[
                ("content-type", None),
                ("content-length", None),
                ("authorization", None),
                ("accept", Some("application/json, */*;q=0.5")),
            ],
            "",
        ),
        (
            json!({ "url": url, "auth": { "type": "basic", "user": "me", "password": "{{ id }}" } }),
            "GET / HTTP/1.1",
            &[("authorization", Some("Basic bWU6Nw=="))],
            "",
        ),
        (
            json!({
                "url": url, "headers": { "authorization": "mine", "accept": "text/plain" },
                "auth": { "type": "bearer", "token": "t-{{ id }}" },
            }),
            "GET / HTTP/1.1",
            &[("authorization", Some("Bearer t-7")), ("accept", Some("text/plain"))],
            "",
        ),
        (
            json!({ "method": "DELETE", "url": url, "headers": { "authorization": "mine" }, "auth": { "type": "none" } }),
            "DELETE / HTTP/1.1",
            &[("authorization", Some("mine"))],
            "",
        ),
    ];
    for (number, (fields, line, headers, body)) in cases.into_iter().enumerate() {
        let name = format!("flow{number}");
        works.publish(&name, &asking(&fields));
        works.insert(&name, &name, r#"{"id":7,"name":"Zoë & Co","items":[1,2]}"#);
        works.app.run_due();
        assert_eq!(works.state(&name), Finished, "{fields}: {:?}", works.history(&name));
        let seen = partner.seen().pop().expect("a request");
        assert_eq!(seen.head.lines().next(), Some(line));
        for (name, value) in headers {
            assert_eq!(header(&seen, name).as_deref(), *value, "{name} of {fields}");
        }
        assert_eq!(String::from_utf8_lossy(&seen.body), body, "{fields}");
    }
}

#[test]
fn what_does_not_become_a_request_says_which_field() {
    let works = outgoing();
    let cases = [
        (json!({ "url": "{{ nothing }}" }), "url: it must come to a text"),
        (json!({ "url": "http://127.0.0.1/", "query": { "a": "{{ $ }}" } }), "query.a: it must come to a text"),
        (json!({ "url": "http://127.0.0.1/", "headers": { "X-A": "{{ [[1]] }}" } }), "headers.X-A: it must come to"),
        (
            json!({ "url": "http://127.0.0.1/", "method": "POST", "body_type": "form", "body": "a" }),
            "body: it must come",
        ),
        (json!({ "url": "http://127.0.0.1/", "body": { "a": "{{ $error('no') }}" } }), "body: a"),
    ];
    for (number, (fields, text)) in cases.into_iter().enumerate() {
        let name = format!("flow{number}");
        works.publish(&name, &asking(&fields));
        works.insert(&name, &name, r#"{"a":1}"#);
        works.app.run_due();
        assert_eq!(works.attempts(&name), ["ask 1 failed"], "{fields}");
        let error = works.error(&name);
        assert_eq!(error["kind"], "expression", "{fields}: {error}");
        assert!(error["message"].as_str().expect("a message").starts_with(text), "{fields}: {error}");
    }
}

#[test]
fn answers_become_messages() {
    let works = outgoing();
    let partner = Partner::start(|stream, request, _| {
        let path = request.head.split(' ').nth(1).expect("a path");
        let (head, body): (&str, &[u8]) = match path {
            "/json" => ("200 OK\r\nContent-Type: application/json; charset=utf-8", br#"{"id": 9007199254740993}"#),
            "/problem" => ("404 Not Found\r\nContent-Type: application/problem+json", br#"{"title":"gone"}"#),
            "/text" => ("200 OK\r\nContent-Type: text/plain", "naïve".as_bytes()),
            "/xml" => ("200 OK\r\nContent-Type: application/xml", b"<a/>"),
            "/untyped" => ("200 OK", br#"{"a":1}"#),
            "/binary" => ("200 OK\r\nContent-Type: image/png", &[0x89, b'P', 0xff]),
            "/empty" => ("200 OK\r\nContent-Type: application/json", b""),
            "/none" => ("204 No Content", b""),
            _ => ("503 Service Unavailable\r\nX-Two: a\r\nX-Why: storm", b"later"),
        };
        answer(stream, &format!("HTTP/1.1 {head}"), body);
    });
    let cases = [
        ("json", json!({}), json!({ "id": 9_007_199_254_740_993_i64 })),
        ("problem", json!({ "expect": [200, 404] }), json!({ "title": "gone" })),
        ("text", json!({}), json!("naïve")),
        ("xml", json!({}), json!("<a/>")),
        ("untyped", json!({}), json!("{\"a\":1}")),
        ("binary", json!({}), json!("iVD/")),
        ("empty", json!({}), json!(null)),
        ("none", json!({ "output": "{\"status\": status, \"body\": body}" }), json!({ "status": 204, "body": null })),
        (
            "other",
            json!({ "expect": ["5xx"], "output": "[status, headers.`x-why`, body, $record.a, $run.attempt]" }),
            json!([503, "storm", "later", 1, 1]),
        ),
    ];
    for (path, rest, expected) in cases {
        let mut fields = json!({ "url": format!("{}/{path}", partner.url()) });
        fields.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        works.publish(path, &asking(&fields));
        works.insert(path, path, r#"{"a":1}"#);
        works.app.run_due();
        assert_eq!(works.state(path), Finished, "{path}: {:?}", works.history(path));
        assert_eq!(works.outputs(path)["ask"], expected, "{path}");
    }
    works.publish("unexpected", &asking(&json!({ "url": format!("{}/json", partner.url()), "expect": [201, "3xx"] })));
    works.insert("unexpected", "unexpected", "{}");
    works.app.run_due();
    let expected = json!({
        "kind": "http.200",
        "message": "The partner answered 200; 201, 3xx was expected",
        "detail": { "status": 200, "body": "{\"id\": 9007199254740993}" },
    });
    assert_eq!(works.error("unexpected"), expected);
}

#[test]
fn a_step_keeps_its_key_however_often_it_is_tried_and_no_other_has_it() {
    let works = outgoing();
    let partner = Partner::of(&[
        "HTTP/1.1 500 Oops",
        "HTTP/1.1 500 Oops",
        "HTTP/1.1 410 Gone",
        "HTTP/1.1 410 Gone",
        "HTTP/1.1 204 No Content",
    ]);
    let node = |id: &str| {
        format!(
            r#"{{"id":"{id}","kind":"http","fields":{{"method":"POST","url":"{}"}},"retry":{{"initial":"1s","jitter":0}}}}"#,
            partner.url()
        )
    };
    works.publish("orders", &chain(&[&node("first"), &node("second")]));
    works.insert("orders", "r", "{}");
    works.app.run_due();
    works.pass(1_000);
    works.pass(2_000);
    assert_eq!(works.attempts("r"), ["first 1 retried", "first 2 retried", "first 3 failed"]);
    works.queue("r", QueueAction::Continue);
    works.app.run_due();
    assert_eq!((works.state("r"), works.record("r").num_runs), (Failed, 1));
    let keys = partner.headers("idempotency-key");
    assert!(keys.len() == 4 && keys[0].len() > 16 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(partner.headers("webhook-id"), keys);
    works.queue("r", QueueAction::Execute);
    works.app.run_due();
    assert_eq!((works.state("r"), works.record("r").num_runs), (Finished, 2));
    works.insert("orders", "s", "{}");
    works.app.run_due();
    works.run(DeleteRecord { uuid: "s".to_owned(), expected: None }).expect("a removal");
    works.insert("orders", "t", "{}");
    works.app.run_due();
    let keys = partner.headers("idempotency-key");
    assert_eq!(keys.len(), 10);
    let distinct: std::collections::BTreeSet<_> = keys[3..].iter().collect();
    assert_eq!(distinct.len(), 7, "another step, another run, another record, and one in the place of a removed one");
}

/// A partner that gives tokens and refuses some, and the flow that asks it, one record after another.
fn with_tokens(works: &Works, handler: impl Fn(&mut TcpStream, &Received, usize) + Send + Sync + 'static) -> Partner {
    let partner = Partner::start(handler);
    let url = partner.url();
    let auth = json!({
        "type": "oauth2", "token_url": format!("{url}/token"), "client_id": "me:1", "client_secret": "{{ 'p&w' }}",
        "scope": "read write",
    });
    let fields = json!({ "url": format!("{url}/orders"), "auth": auth });
    let step =
        format!(r#"{{"nodes":[{{"id":"ask","kind":"http","fields":{fields}}}],"concurrency":{{"order":"fifo"}}}}"#);
    works.publish("orders", &step);
    for uuid in ["a", "b", "c"] {
        works.insert("orders", uuid, "{}");
    }
    partner
}

fn is_for_token(request: &Received) -> bool {
    request.head.starts_with("POST /token ")
}

fn give(stream: &mut TcpStream, number: usize, rest: &str) {
    let body = format!(r#"{{"access_token":"token-{number}","token_type":"bearer"{rest}}}"#);
    answer(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json", body.as_bytes());
}

/// What was asked for, in turn: tokens by their word, the rest by the token it bore.
fn asked(partner: &Partner) -> Vec<String> {
    let shown = |request: &Received| match is_for_token(request) {
        true => "token".to_owned(),
        false => header(request, "authorization").unwrap_or_default(),
    };
    partner.seen().iter().map(shown).collect()
}

#[test]
fn a_token_is_got_once_and_used_again() {
    let works = outgoing();
    let partner = with_tokens(&works, |stream, request, number| match is_for_token(request) {
        true => give(stream, number, r#","expires_in":3600"#),
        false => answer(stream, "HTTP/1.1 200 OK", b""),
    });
    works.app.run_due();
    assert_eq!(asked(&partner), ["token", "Bearer token-0", "Bearer token-0", "Bearer token-0"]);
    let request = &partner.seen()[0];
    assert_eq!(String::from_utf8_lossy(&request.body), "grant_type=client_credentials&scope=read+write");
    assert_eq!(header(request, "authorization").as_deref(), Some("Basic bWUlM0ExOnAlMjZ3"), "me%3A1:p%26w");
    assert_eq!(header(request, "content-type").as_deref(), Some("application/x-www-form-urlencoded"));
    assert_eq!(works.state("c"), Finished);
}

#[test]
fn a_token_that_expired_is_replaced() {
    let works = outgoing();
    let clock = Arc::clone(&works.app.app);
    let partner = with_tokens(&works, move |stream, request, number| match is_for_token(request) {
        true => give(stream, number, r#","expires_in":3600"#),
        false => {
            clock.clock.advance(if number == 1 { 3_500_000 } else { 100_000 });
            answer(stream, "HTTP/1.1 200 OK", b"");
        }
    });
    works.app.run_due();
    assert_eq!(asked(&partner), ["token", "Bearer token-0", "Bearer token-0", "token", "Bearer token-3"]);
    assert_eq!(works.state("c"), Finished);
}

#[test]
fn a_token_that_is_refused_is_replaced_at_once_and_a_new_one_is_not() {
    let works = outgoing();
    let partner = with_tokens(&works, |stream, request, number| match (is_for_token(request), number) {
        (true, _) => give(stream, number, r#","expires_in":3600"#),
        (false, 0..=1) => answer(stream, "HTTP/1.1 200 OK", b""),
        // The first token is taken back, the second works once, the third never.
        (false, 2 | 5..) => answer(stream, "HTTP/1.1 401 Unauthorized", b""),
        (false, _) => answer(stream, "HTTP/1.1 200 OK", b""),
    });
    works.app.run_due();
    let expected = ["token", "Bearer token-0", "Bearer token-0", "token", "Bearer token-3", "Bearer token-3", "token"];
    assert_eq!(asked(&partner)[..7], expected);
    assert_eq!(asked(&partner)[7..], ["Bearer token-6"], "it is not tried for ever");
    assert_eq!(["a", "b", "c"].map(|uuid| works.state(uuid)), [Finished, Finished, Failed]);
    assert_eq!(works.attempts("c"), ["ask 1 failed"]);
    assert_eq!(works.error("c")["kind"], "http.401");
    let keys = partner.headers("idempotency-key");
    assert_eq!((&keys[2], &keys[5]), (&keys[4], &keys[7]), "asking again is the same attempt");
}

#[test]
fn a_token_that_is_not_given_is_told_as_such() {
    for (head, body, is_tried_again) in [
        ("HTTP/1.1 503 Busy\r\nRetry-After: 60", "", true),
        ("HTTP/1.1 401 Unauthorized", r#"{"error":"invalid_client"}"#, false),
        ("HTTP/1.1 200 OK", "{}", true),
        ("HTTP/1.1 200 OK", "not json", true),
    ] {
        let works = outgoing();
        let partner = with_tokens(&works, move |stream, _, _| answer(stream, head, body.as_bytes()));
        works.app.run_due();
        let error = works.error("a");
        assert_eq!(error["kind"], "token", "{head}: {error}");
        assert!(error["message"].as_str().expect("a message").starts_with("No access token was given: "), "{error}");
        assert_eq!(works.state("a"), if is_tried_again { Scheduled } else { Failed }, "{head} {body}");
        if head.contains("Retry-After") {
            assert_eq!(works.history("a")[0]["next"], NOW.0 + 60_000);
        }
        assert!(partner.seen().iter().all(is_for_token), "nothing is asked without one");
    }
}

const SECRETS: [(&str, &str); 4] = [
    ("key", "q&uery-\"key\""),
    ("password", "pass-word-1"),
    ("longer", "pass-word-1-and-more"),
    ("number", "8812345678"),
];

/// A step that uses each of the secrets in another place.
fn secretive(url: &str) -> Value {
    json!({
        "method": "POST",
        "url": format!("{url}/orders"),
        "query": { "key": "{{secret.key}}" },
        "headers": { "X-Longer": "{{secret.longer}}" },
        "body": { "number": "{{secret.number}}", "key": "{{secret.key}}" },
        "auth": { "type": "basic", "user": "me", "password": "{{secret.password}}" },
        "output": "{\"head\": headers.`x-echo`, \"body\": body, \"upper\": $uppercase($string(body))}",
    })
}

/// Sends back all that it was sent, in several forms.
fn echo(stream: &mut TcpStream, request: &Received, head: &str) {
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    let line = request.head.lines().next().unwrap_or_default();
    let proof = header(request, "authorization").unwrap_or_default();
    let longer = header(request, "x-longer").unwrap_or_default();
    let number: Value = serde_json::from_str(body["number"].as_str().expect("text")).expect("a number");
    let mut echoed = json!({ "line": line, "proof": proof, "longer": longer, "body": body, "number": number });
    let text = serde_json::to_string(&echoed).expect("JSON");
    echoed[longer.as_str()] = json!([text, "that is all"]);
    let head = format!("HTTP/1.1 {head}\r\nContent-Type: application/json\r\nX-Echo: {proof} {longer}");
    answer(stream, &head, echoed.to_string().as_bytes());
}

/// What may be nowhere: the secrets, in clear or as they travelled.
fn traces() -> Vec<String> {
    let mut traces: Vec<String> = SECRETS.iter().map(|(_, value)| (*value).to_owned()).collect();
    traces.extend(["q%26uery", "q&uery", "bWU6cGFzcy13b3JkLTE", "PASS-WORD", "-and-more"].map(str::to_owned));
    traces
}

fn assert_no_trace(place: &str, text: &str) {
    for trace in traces() {
        assert!(!text.contains(&trace), "{trace} is in {place}: {text}");
    }
}

#[test]
fn secrets_reach_the_partner_and_stay_there_even_if_it_sends_them_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let works = Works::with(|config| {
        allow_this_machine(config);
        config.store.directory = directory.path().to_owned();
    });
    for (name, value) in SECRETS {
        works.run(SetSecret { name: name.to_owned(), value: value.to_owned() }).expect("a secret");
    }
    let partner = Partner::start(|stream, request, number| {
        echo(stream, request, if number == 0 { "400 Bad Request" } else { "200 OK" });
    });
    works.publish("orders", &asking(&secretive(&partner.url())));
    works.insert("orders", "refused", "{}");
    works.app.run_due();
    works.insert("orders", "done", "{}");
    works.app.run_due();
    assert_eq!((works.state("refused"), works.state("done")), (Failed, Finished));
    let seen = partner.seen().pop().expect("a request");
    assert!(seen.head.starts_with("POST /orders?key=q%26uery-%22key%22 HTTP/1.1"), "{}", seen.head);
    assert_eq!(header(&seen, "x-longer").as_deref(), Some("pass-word-1-and-more"));
    assert_eq!(header(&seen, "authorization").as_deref(), Some("Basic bWU6cGFzcy13b3JkLTE="));
    assert_eq!(seen.body, br#"{"number":"8812345678","key":"q&uery-\"key\""}"#);

    let told = works.outputs("done")["ask"].clone();
    assert_eq!((&told["head"], &told["body"]["number"]), (&json!("Basic *** ***"), &json!("***")));
    assert!(told["upper"].as_str().expect("text").contains("THAT IS ALL"), "the rest of the answer is there: {told}");
    assert_eq!(works.error("refused")["kind"], "http.400");
    for uuid in ["refused", "done"] {
        let record = works.record(uuid);
        assert_no_trace("the history", &format!("{:?}", works.history(uuid)));
        assert_no_trace("the outputs", &format!("{:?}", works.outputs(uuid)));
        assert_no_trace("the record", &record.data.as_str().replace(uuid, ""));
    }
    let rows = works.app.app.store.peek(|tx| tx.query("SELECT attempts || outputs FROM run_log", &[])).expect("a read");
    assert_eq!(rows.len(), 4);
    rows.iter().for_each(|row| assert_no_trace("run_log", row.text(0).expect("text")));
    let keys = [("X-Apikey", "k"), ("X-App", "a")];
    let diagram = works.app.get("/v1/flowdiagram?flow_name=orders", &keys);
    assert_eq!(diagram.status, 200);
    assert!(diagram.text().contains("{{secret.longer}}"), "{}", diagram.text());
    assert_no_trace("the flow diagram", &diagram.text());
    assert_no_trace("the record's answer", &works.app.get("/v1/record/done", &keys).text());
}

#[test]
fn a_secret_at_the_end_of_what_is_kept_of_an_answer_is_not_kept_by_half() {
    let directory = tempfile::tempdir().expect("a directory");
    let works = Works::with(|config| {
        allow_this_machine(config);
        config.store.directory = directory.path().to_owned();
    });
    works.run(SetSecret { name: "key".to_owned(), value: "ABCDEFGHIJKLMNOP".to_owned() }).expect("a secret");
    let partner = Partner::start(|stream, request, number| {
        let key = header(request, "x-key").unwrap_or_default();
        match number {
            0 => answer(stream, "HTTP/1.1 400 No", format!("{}{key}", "é".repeat(1_020)).as_bytes()),
            _ => answer(stream, "HTTP/1.1 200 OK", &[b"\xff\xfe", key.as_bytes()].concat()),
        }
    });
    let graph = asking(&json!({ "url": partner.url(), "headers": { "X-Key": "{{secret.key}}" } }));
    works.publish("orders", &graph);
    works.insert("orders", "r", "{}");
    works.app.run_due();
    let body = works.error("r")["detail"]["body"].as_str().expect("a body").to_owned();
    assert_eq!(body, format!("{}***", "é".repeat(1_020)));
    works.insert("orders", "binary", "{}");
    works.app.run_due();
    assert_eq!(works.outputs("binary")["ask"], "//4qKio=", "the bytes ff fe and three stars");
}

#[test]
fn a_secret_that_is_missing_is_named() {
    let works = outgoing();
    let partner = Partner::of(&["HTTP/1.1 200 OK"]);
    for (flow, fields) in [
        ("a", json!({ "url": partner.url(), "headers": { "X-Key": "{{secret.crm_token}}" } })),
        ("b", json!({ "url": partner.url(), "auth": { "type": "bearer", "token": "{{secret.crm_token}}" } })),
    ] {
        works.publish(flow, &asking(&fields));
        works.insert(flow, flow, "{}");
        works.app.run_due();
        assert_eq!(works.attempts(flow), ["ask 1 failed"]);
        let error = works.error(flow);
        assert!(error["message"].as_str().expect("a message").contains("crm_token"), "{error}");
    }
    assert_eq!(partner.seen().len(), 0);
}

#[test]
fn the_log_holds_no_secret_at_any_level() {
    let partner = Partner::start(|stream, request, _| echo(stream, request, "410 Gone"));
    let place = Place::new();
    let key = place.json("customer add --name Shop")["api_key"].as_str().map(str::to_owned);
    let app =
        place.json("app add --customer Shop --name app --ip any --scope all")["app_key"].as_str().map(str::to_owned);
    for (name, value) in SECRETS {
        std::fs::write(place.path("value"), value).expect("a file");
        place.succeed(&format!("secret set --customer Shop {name} --from-file value"));
    }
    std::fs::write(place.path("graph"), asking(&secretive(&partner.url()))).expect("a file");
    place.succeed("flow add --customer Shop --name orders --graph graph");
    place.succeed("flow publish --customer Shop --name orders");
    let settings = "export FLOWGATE__LOG__LEVEL=trace FLOWGATE__OUTBOUND__ALLOW=127.0.0.0/8";
    let gateway = place.serve_after(settings, "");
    let headers = format!(
        "Host: {}\r\nConnection: close\r\nX-Apikey: {}\r\nX-App: {}\r\n",
        gateway.address,
        key.expect("a key"),
        app.expect("a key"),
    );
    let insertion = format!(
        "POST /v1/record HTTP/1.1\r\n{headers}X-Uuid: r\r\nX-Flow: orders\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let inserted = crate::support::send(gateway.address, insertion.as_bytes());
    assert_eq!(inserted.status, 201, "{}", inserted.text());
    let reading = format!("GET /v1/record/r HTTP/1.1\r\n{headers}\r\n");
    eventually(
        gateway.address,
        reading.as_bytes(),
        |outcome| matches!(outcome, Outcome::Answered(answer) if answer.text().contains("Finished with errors")),
    );
    assert_eq!(partner.seen().len(), 1);
    let log = gateway.log();
    assert!(log.contains("TRACE") || log.contains("trace"), "it is the log with everything: {log}");
    assert_no_trace("the log", &log);
    assert_no_trace("the output", &gateway.kill());
}

/// What a partner does to a connection once it has read the request.
type Conduct = fn(&mut TcpStream);

#[test]
fn whatever_a_partner_does_ends_as_the_policy_says_and_others_go_on() {
    // Its kind, and after how many milliseconds it is tried again; `None` for what is final.
    let cases: [(&str, Conduct, &str, Option<i64>); 12] = [
        ("hangs", outlast, "timeout", Some(10_000)),
        (
            "hangs half-way",
            |stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").expect("a connection");
                outlast(stream);
            },
            "timeout",
            Some(10_000),
        ),
        ("resets", |_| {}, "broken", Some(10_000)),
        ("fails", |stream| answer(stream, "HTTP/1.1 500 Oops", b"no"), "http.500", Some(10_000)),
        ("waits", |stream| answer(stream, "HTTP/1.1 429 Slow\r\nRetry-After: 120", b""), "http.429", Some(120_000)),
        (
            "waits till",
            |stream| {
                answer(stream, "HTTP/1.1 429 Slow\r\nRetry-After: Thu, 15 Jan 2026 12:02:00 GMT", b"");
            },
            "http.429",
            Some(120_000),
        ),
        ("is brief", |stream| answer(stream, "HTTP/1.1 503 Busy\r\nRetry-After: 1", b""), "http.503", Some(10_000)),
        ("is vague", |stream| answer(stream, "HTTP/1.1 503 Busy\r\nRetry-After: soon", b""), "http.503", Some(10_000)),
        ("is gone", |stream| answer(stream, "HTTP/1.1 410 Gone", b""), "http.410", None),
        (
            "is endless",
            |stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("a connection");
                trickle(stream, &[b'a'; 10_000], None);
            },
            "too_large",
            Some(10_000),
        ),
        (
            "stammers",
            |stream| {
                answer(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json", b"{\"a\":");
            },
            "broken",
            Some(10_000),
        ),
        ("babbles", |stream| drop(stream.write_all(b"SSH-2.0-OpenSSH\r\n")), "broken", Some(10_000)),
    ];
    let works = Works::with(|config| {
        allow_this_machine(config);
        config.outbound.answer_limit = 100_000;
    });
    works.publish("other", &chain(&[r#"{"id":"done","kind":"transform","fields":{"output":"{{ n }}"}}"#]));
    for (number, (name, conduct, kind, pause)) in cases.into_iter().enumerate() {
        let peer = Peer::raw(move |stream| {
            while receive(stream).is_some() {
                conduct(stream);
                if !name.starts_with("is ") && !name.starts_with("waits") {
                    return;
                }
            }
        });
        let (flow, uuid, other) = (format!("flow{number}"), format!("r{number}"), format!("o{number}"));
        let limit = if kind == "timeout" { "0.3" } else { "60" };
        let retry = r#"{"attempts":2,"initial":"10s","jitter":0}"#;
        let graph = asking_with(&json!({ "url": peer.url() }), &format!(r#","retry":{retry},"timeout":{limit}"#));
        works.publish(&flow, &graph);
        // The dates that partners give are after the first moment.
        works.app.app.clock.advance(NOW.0 - works.app.app.clock.now().0);
        works.insert(&flow, &uuid, "{}");
        works.insert("other", &other, "{}");
        works.app.run_due();
        assert_eq!(works.state(&other), Finished, "{name}");
        let error = works.error(&uuid);
        assert_eq!(error["kind"], kind, "{name}: {error}");
        let Some(pause) = pause else {
            assert_eq!(works.attempts(&uuid), ["ask 1 failed"], "{name}");
            continue;
        };
        assert_eq!(works.history(&uuid)[0]["next"], NOW.0 + pause, "{name}");
        works.pass(pause - 1);
        assert_eq!((works.attempts(&uuid).len(), works.state(&uuid)), (1, Scheduled), "{name}");
        works.pass(1);
        assert_eq!(works.attempts(&uuid), ["ask 1 retried", "ask 2 failed"], "{name}");
        assert_eq!((works.error(&uuid)["kind"].as_str(), works.state(&uuid)), (Some(kind), Failed), "{name}");
    }
}

#[test]
fn redirects_are_answers_and_nobody_follows_them() {
    let works = outgoing();
    let canary = Partner::of(&["HTTP/1.1 200 OK"]);
    let target = canary.url();
    for (number, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let target = target.clone();
        let partner = Partner::start(move |stream, _, _| {
            answer(stream, &format!("HTTP/1.1 {status} Moved\r\nLocation: {target}/"), b"");
        });
        let name = format!("flow{number}");
        works.publish(&name, &asking(&json!({ "method": "POST", "url": partner.url(), "body": {} })));
        works.insert(&name, &name, "{}");
        works.app.run_due();
        assert_eq!(
            (works.attempts(&name), works.error(&name)["kind"].as_str()),
            (vec!["ask 1 failed".to_owned()], Some(&*format!("http.{status}")))
        );
    }
    assert_eq!(canary.peer.connections(), 0);
}

#[test]
fn a_partner_that_keeps_one_flow_waiting_keeps_no_other() {
    let works = outgoing();
    let called = Arc::new((Mutex::new(false), Condvar::new()));
    let (told, heard) = (Arc::clone(&called), called);
    // It answers once the other one was asked, and not before.
    let slow = Partner::start(move |stream, _, _| {
        let (called, changed) = &*heard;
        drop(changed.wait_while(called.lock().expect("the state"), |called| !*called).expect("the state"));
        answer(stream, "HTTP/1.1 200 OK", b"");
    });
    let quick = Partner::start(move |stream, _, _| {
        *told.0.lock().expect("the state") = true;
        told.1.notify_all();
        answer(stream, "HTTP/1.1 200 OK", b"");
    });
    works.publish("slow", &asking(&json!({ "url": slow.url() })));
    works.publish("quick", &asking(&json!({ "url": quick.url() })));
    works.insert("slow", "s", "{}");
    works.insert("quick", "q", "{}");
    works.app.run_due();
    assert_eq!(
        (works.attempts("s"), works.attempts("q")),
        (vec!["ask 1 done".to_owned()], vec!["ask 1 done".to_owned()])
    );
}

#[test]
fn addresses_that_are_not_allowed_are_refused_for_good_and_the_host_is_named() {
    let works = Works::start();
    let canary = Partner::of(&["HTTP/1.1 200 OK"]);
    let port = canary.peer.address.port();
    let cases = [
        ("http://169.254.169.254/latest/meta-data".to_owned(), "169.254.169.254"),
        ("http://10.0.0.1/".to_owned(), "10.0.0.1"),
        (format!("http://localhost:{port}/"), "localhost"),
        (format!("http://127.0.0.1:{port}/"), "127.0.0.1"),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), "::ffff"),
        ("file:///etc/passwd".to_owned(), "http"),
    ];
    for (number, (url, host)) in cases.into_iter().enumerate() {
        let name = format!("flow{number}");
        let node = json!({ "url": "{{ url }}", "auth": { "type": "none" } });
        works.publish(&name, &asking(&node));
        works.insert(&name, &name, &json!({ "url": url }).to_string());
        works.app.run_due();
        assert_eq!(works.attempts(&name), ["ask 1 failed"], "{url}");
        let error = works.error(&name);
        let kind = if host == "http" { "url" } else { "address" };
        assert_eq!(error["kind"], kind, "{url}: {error}");
        assert!(error["message"].as_str().expect("a message").contains(host), "{url}: {error}");
    }
    assert_eq!(canary.peer.connections(), 0);
}

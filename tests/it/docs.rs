//! The examples of the README and of `docs/`, run against a demo gateway of each document's own.
//!
//! A fenced block marked `sh,run` holds a curl command, the block marked `text,reply` after it what must be in the
//! answer: line after line, whitespace aside, with `…` for anything. A reply names its status with a line
//! `HTTP/1.1 404 …`, else it is 200. The address `http://127.0.0.1:8080` stands for the gateway's. What is read, with GET,
//! is read until it is as the document says: records run meanwhile.
//!
//! A block marked `sh,receiver` is one command that serves on port 9000 and prints what it is sent; the gateway delivers
//! to it, calls may name its address, and it is ended with the document. A block marked `text,received` holds what it must then have printed.
//!
//! A block marked `json,flow` is a flow's diagram. The block marked `json,record` after it is a record's data, with which
//! it runs and finishes; a diagram that talks to the outside world has none.
//!
//! A block marked `jsonata,run` holds an expression, one marked `json,template` a template; the block after it, marked
//! `json,result` or `text,failure`, is what it comes to for the last `json,input` with the last `json,names`.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use flowgate::app::blueprint;
use flowgate::diagram::SCHEMA;
use flowgate::model::record::RecordStatus;
use flowgate::operation::keystore::AddKeystore;
use flowgate::operation::table::{AddTable, NewColumn};
use serde_json::{Map, Value};

use flowgate::expression::names::Names;
use flowgate::expression::template::Template;
use flowgate::expression::{Expression, Limits};

use crate::curl::Curl;
use crate::engine::Works;
use crate::jsonata::same;
use crate::process::{PATIENCE, Place};
use crate::support::send;

/// What a document shows.
enum Example {
    /// A command, and what the document says of its answer.
    Call { command: String, reply: String },
    /// What the receiver prints.
    Arrival(String),
}

/// A program of a document that prints what it is sent. It is ended when this is dropped.
struct Listening {
    child: Child,
    lines: Receiver<String>,
    url: String,
}

impl Listening {
    fn start(command: &str) -> Listening {
        // Whoever listens there next does so before anybody else is given the port.
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        assert!(command.contains("9000"), "the receiver's port is 9000: {command}");
        let command = format!("exec {}", command.replace("9000", &port.to_string()));
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = shell.spawn().expect("a shell");
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Listening { child, lines, url: format!("http://127.0.0.1:{port}/") }
    }

    /// Waits until it prints that line.
    fn hear(&self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut printed = Vec::new();
        while printed.last().is_none_or(|line: &String| line.trim() != wanted.trim()) {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => printed.push(line),
                Err(error) => panic!("{error}: the receiver should print\n{wanted}\nand printed\n{printed:#?}"),
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The documents that have examples, or must have some.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |directory: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let mut documents: Vec<PathBuf> = [files(root), files(&root.join("docs"))].concat();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.sort();
    documents
}

/// The marked blocks of a document, in their order: the mark and what is in it.
fn blocks(document: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let content: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        blocks.push((kind.trim(), content.join("\n")));
    }
    blocks
}

/// The examples of a document, in their order, and its receiver.
fn examples(document: &str) -> (Vec<Example>, Option<String>) {
    let (mut examples, mut receiver) = (Vec::new(), None);
    let mut pending: Option<String> = None;
    for (kind, content) in blocks(document) {
        match kind {
            "sh,run" => {
                assert!(pending.is_none(), "a command has no reply: {pending:?}");
                pending = Some(content);
            }
            "text,reply" => {
                let command = pending.take().expect("a reply follows no command");
                assert!(!content.trim().is_empty(), "the reply to {command} is empty");
                examples.push(Example::Call { command, reply: content });
            }
            "sh,receiver" => assert!(receiver.replace(content).is_none(), "a document has one receiver"),
            "text,received" => {
                assert!(receiver.is_some() && content.lines().count() == 1, "one line of a receiver: {content}");
                examples.push(Example::Arrival(content));
            }
            _ => {}
        }
    }
    assert!(pending.is_none(), "a command has no reply: {pending:?}");
    (examples, receiver)
}

/// What of the reply is not in the answer, after what came before it.
fn missing<'r>(reply: &'r str, answer: &str) -> Option<&'r str> {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let answer = bare(answer);
    let mut rest = answer.as_str();
    reply.lines().find(|line| {
        line.split('…').map(bare).any(|part| match rest.split_once(&part) {
            Some((_, after)) => {
                rest = after;
                false
            }
            None => true,
        })
    })
}

fn run(name: &str, command: &str, reply: &str, address: SocketAddr) {
    let curl = Curl::parse(&command.replace("http://127.0.0.1:8080", &format!("http://{address}")));
    let named = reply.lines().find_map(|line| line.trim().strip_prefix("HTTP/1.1 "));
    let status = named.map_or(200, |status| status.get(..3).and_then(|code| code.parse().ok()).expect("a status"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = send(address, &curl.request(address));
        let head = if curl.shows_head { answer.head.as_str() } else { "" };
        let shown = format!("{head}\n\n{}", answer.text()).replace(&address.to_string(), "127.0.0.1:8080");
        let lacking = missing(reply, &shown);
        if answer.status == status && lacking.is_none() {
            return;
        }
        let may_change = curl.method == "GET" && answer.status == status && Instant::now() < deadline;
        assert!(
            may_change,
            "{name}: {command}\nshould be answered {status} with:\n{}\nand was answered:\n{shown}",
            lacking.unwrap_or_default()
        );
    }
}

#[test]
fn every_example_does_what_its_document_says() {
    let mut count = 0;
    for path in documents() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let (examples, receiver) = examples(&std::fs::read_to_string(&path).expect("a document"));
        assert!(name != "README.md" || !examples.is_empty(), "README.md has no example that is run");
        if examples.is_empty() {
            continue;
        }
        count += examples.len();
        let place = Place::new();
        let receiver = receiver.map(|command| Listening::start(&command));
        let delivery = receiver.as_ref().map(|receiver| format!(" --receiver {}", receiver.url)).unwrap_or_default();
        let gateway = place.serve(&format!("--demo{delivery}"));
        for example in &examples {
            match (example, &receiver) {
                (Example::Call { command, reply }, receiver) => {
                    let url = receiver.as_ref().map_or("", |receiver| &receiver.url);
                    run(&name, &command.replace("http://127.0.0.1:9000/", url), reply, gateway.address);
                }
                (Example::Arrival(line), Some(receiver)) => receiver.hear(line),
                (Example::Arrival(line), None) => panic!("{name}: nobody receives {line}"),
            }
        }
    }
    assert!(count > 0, "no document has an example that is run");
}

/// What a document says of expressions: how many it has.
fn evaluate(name: &str, document: &str) -> usize {
    let (mut input, mut names, mut outcome, mut count) = (Value::Null, Names::new(0, 0), None, 0);
    for (kind, content) in blocks(document) {
        let json =
            || -> Value { serde_json::from_str(&content).unwrap_or_else(|error| panic!("{name}: {error}: {content}")) };
        match kind {
            "json,input" => input = json(),
            "json,names" => {
                json().as_object().expect("names").iter().for_each(|(name, value)| names.insert(name, value.clone()));
            }
            "jsonata,run" | "json,template" => {
                let (limits, told) = (Limits::default(), outcome.take());
                assert!(told.is_none(), "{name}: nothing is said of what comes to {told:?}");
                outcome = Some(if kind == "json,template" {
                    let template = Template::compile(&json()).expect(&content);
                    let secret = |name: &str| (name == "API_KEY").then_some("(the secret API_KEY)");
                    template.render(&input, &names, &limits, &secret)
                } else {
                    let expression = Expression::compile(&content).expect(&content);
                    expression.evaluate(&input, &names, &limits).map(Option::unwrap_or_default)
                });
            }
            "json,result" => {
                let value = outcome.take().expect("an expression before its result").expect(&content);
                assert!(same(&value, &json()), "{name}: {value}\nis not\n{content}");
                count += 1;
            }
            "text,failure" => {
                let failure = outcome.take().expect("an expression before its failure").expect_err(&content);
                assert_eq!(failure.text, content.trim(), "{name}");
                count += 1;
            }
            _ => {}
        }
    }
    assert!(outcome.is_none(), "{name}: nothing is said of what comes to {outcome:?}");
    count
}

#[test]
fn every_expression_comes_to_what_its_document_says() {
    let mut counts = Vec::new();
    for path in documents() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let count = evaluate(&name, &std::fs::read_to_string(&path).expect("a document"));
        counts.push((name, count));
    }
    let written = counts.iter().find(|(name, _)| name == "expressions.md").map(|(_, count)| *count);
    assert!(written.is_some_and(|count| count > 10), "{counts:?}");
}

#[test]
fn replies_are_compared_line_by_line_whatever_the_spaces() {
    let answer = "<a>\n  <b>1</b>\n  <c>2</c>\n</a>";
    for reply in ["<a><b>1</b>", "<b>1</b>\n<c>…</c>", "<a>\n…\n</a>", "<b> 1 </b>"] {
        assert_eq!(missing(reply, answer), None, "{reply}");
    }
    for (reply, line) in [("<b>2</b>", "<b>2</b>"), ("<c>2</c>\n<b>…</b>", "<b>…</b>"), ("<a>…<d>", "<a>…<d>")]
    {
        assert_eq!(missing(reply, answer), Some(line), "{reply}");
    }
}

#[test]
fn examples_are_found_in_a_document() {
    let document =
        "# T\n```sh\nnot run\n```\n1. x\n   ```sh,run\n   curl \\\n     a\n   ```\n\n   ```text,reply\n   ok\n   ```\n";
    let (examples, receiver) = examples(document);
    assert!(matches!(&examples[..], [Example::Call { command, reply }] if command == "curl \\\n  a" && reply == "ok"));
    assert_eq!(receiver, None);
}

/// The diagrams of `docs/`, each with the record that it is run with.
fn diagrams() -> Vec<(String, Map<String, Value>, Option<String>)> {
    let mut diagrams: Vec<(String, Map<String, Value>, Option<String>)> = Vec::new();
    for path in documents() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a document");
        let marked = |kind: &str| kind == "json,flow" || kind == "json,record";
        for (kind, content) in blocks(&text).into_iter().filter(|(kind, _)| marked(kind)) {
            match kind {
                "json,flow" => {
                    let graph =
                        serde_json::from_str(&content).unwrap_or_else(|error| panic!("{name}: {error}: {content}"));
                    diagrams.push((name.clone(), graph, None));
                }
                _ => {
                    let (of, _, record) = diagrams.last_mut().expect("a diagram before the record");
                    assert!(*of == name && record.replace(content).is_none(), "{name}: one record follows a diagram");
                }
            }
        }
    }
    diagrams
}

#[test]
fn every_diagram_of_the_documents_is_one_and_runs_as_they_say() {
    let diagrams = diagrams();
    assert!(diagrams.iter().any(|(_, _, record)| record.is_some()), "no diagram is run");
    let works = Works::start();
    // Those that the demo has too.
    let keystore = AddKeystore { id: "weather".to_owned(), description: String::new(), kind: None, structure: None };
    works.run(keystore).expect("a keystore");
    let column = |name: &str, kind: &str| NewColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        required: false,
        unique: false,
        indexed: false,
        default: None,
    };
    let columns = vec![column("username", "text"), column("type", "text"), column("age", "integer")];
    works.run(AddTable { name: "users".to_owned(), description: String::new(), columns }).expect("a table");
    for (number, (name, graph, record)) in diagrams.into_iter().enumerate() {
        let text = Value::Object(graph.clone()).to_string();
        let diagram = blueprint::read(graph).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        let is_external = ["http", "webhook", "soap"].iter().any(|kind| text.contains(&format!("\"{kind}\"")));
        assert!(is_external != record.is_some(), "{name}: a diagram has a record unless it talks to others: {text}");
        let Some(record) = record else { continue };
        let flow = format!("flow{number}");
        works.publish(&flow, &text);
        works.insert(&flow, &flow, &record);
        works.app.run_due();
        assert_eq!(works.state(&flow), RecordStatus::Finished, "{name}: {:?}", works.history(&flow));
        assert!(diagram.entry().is_some());
    }
}

#[test]
fn the_published_schema_accepts_the_documents_and_the_demos_diagrams() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/flow.schema.json")).expect("the schema");
    assert_eq!(text, SCHEMA, "it is the one that the gateway checks by");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::draft4::new(&schema).expect("a schema");
    let mut graphs: Vec<(String, Value)> =
        diagrams().into_iter().map(|(name, graph, _)| (name, Value::Object(graph))).collect();
    for entry in std::fs::read_dir(root.join("fixtures/demo/flows")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
        let graph = file["graph"].clone();
        blueprint::read(graph.as_object().expect("a graph").clone())
            .unwrap_or_else(|error| panic!("{path:?}: {error}"));
        graphs.push((path.display().to_string(), graph));
    }
    assert!(graphs.len() > 4, "the demo has four");
    for (name, graph) in graphs {
        if let Err(error) = validator.validate(&graph) {
            panic!("{name}: {error} at {}", error.instance_path());
        }
        let mut wrong = graph;
        wrong["nodes"][0]["kind"] = Value::from("nonsense");
        assert!(!validator.is_valid(&wrong), "{name}: it says what a step is");
    }
}

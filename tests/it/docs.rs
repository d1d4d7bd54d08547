//! The examples of the README and of `docs/`, run against a demo gateway of each document's own.
//!
//! A fenced block marked `sh,run` holds a curl command, the block marked `text,reply` after it what must be in the
//! answer: line after line, whitespace aside, with `…` for anything. A reply names its status with a line
//! `HTTP/1.1 404 …`, else it is 200. The address `http://127.0.0.1:8080` stands for the gateway's.

use std::path::{Path, PathBuf};

use crate::curl::Curl;
use crate::process::Place;
use crate::support::send;

/// A command of a document, and what the document says of its answer.
struct Example {
    command: String,
    reply: String,
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

/// The examples of a document, in their order.
fn examples(document: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut pending: Option<String> = None;
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let content: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        match kind.trim() {
            "sh,run" => {
                assert!(pending.is_none(), "a command has no reply: {pending:?}");
                pending = Some(content.join("\n"));
            }
            "text,reply" => {
                let command = pending.take().expect("a reply follows no command");
                assert!(content.iter().any(|line| !line.trim().is_empty()), "the reply to {command} is empty");
                examples.push(Example { command, reply: content.join("\n") });
            }
            _ => {}
        }
    }
    assert!(pending.is_none(), "a command has no reply: {pending:?}");
    examples
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

fn run(name: &str, example: &Example, address: std::net::SocketAddr) {
    let curl = Curl::parse(&example.command.replace("http://127.0.0.1:8080", &format!("http://{address}")));
    let answer = send(address, &curl.request(address));
    let named = example.reply.lines().find_map(|line| line.trim().strip_prefix("HTTP/1.1 "));
    let status = named.map_or(200, |status| status.get(..3).and_then(|code| code.parse().ok()).expect("a status"));
    let head = if curl.shows_head { answer.head.as_str() } else { "" };
    let shown = format!("{head}\n\n{}", answer.text()).replace(&address.to_string(), "127.0.0.1:8080");
    let command = &example.command;
    assert_eq!(answer.status, status, "{name}: {command}\nwas answered:\n{shown}");
    if let Some(line) = missing(&example.reply, &shown) {
        panic!("{name}: {command}\nshould be answered with:\n{line}\nand was answered:\n{shown}");
    }
}

#[test]
fn every_example_does_what_its_document_says() {
    let mut count = 0;
    for path in documents() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let examples = examples(&std::fs::read_to_string(&path).expect("a document"));
        assert!(name != "README.md" || !examples.is_empty(), "README.md has no example that is run");
        if examples.is_empty() {
            continue;
        }
        count += examples.len();
        let place = Place::new();
        let gateway = place.serve("--demo");
        examples.iter().for_each(|example| run(&name, example, gateway.address));
    }
    assert!(count > 0, "no document has an example that is run");
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
    let examples = examples(document);
    let found: Vec<_> = examples.iter().map(|example| (example.command.as_str(), example.reply.as_str())).collect();
    assert_eq!(found, [("curl \\\n  a", "ok")]);
}

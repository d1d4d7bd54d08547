//! Flow diagrams checked by the schema that is published for them, before they are read.
//! What is wrong is told by the step and the field; what a diagram means is not known here.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::app::rules::Rules;
use crate::diagram::step::KINDS;
use crate::diagram::{Diagram, SCHEMA};
use crate::error::{Error, Result, Violation};

/// Violations that are told.
const TOLD: usize = 5;

/// The schema, and what it says of the fields of each kind.
struct Blueprint {
    whole: Rules,
    fields: Vec<(&'static str, Rules)>,
}

/// Reads a diagram's document.
/// # Errors
/// `InvalidInput` that names the node or edge, the field, and what was expected.
pub fn read(document: Map<String, Value>) -> Result<Diagram> {
    let blueprint = blueprint()?;
    let document = Value::Object(document);
    let mut found: Vec<_> =
        blueprint.whole.check(&document, TOLD).into_iter().map(|wrong| named(&document, wrong)).collect();
    if found.is_empty() {
        for node in document.get("nodes").and_then(Value::as_array).into_iter().flatten() {
            let rules =
                blueprint.fields.iter().find(|(kind, _)| node.get("kind").and_then(Value::as_str) == Some(kind));
            let Some((_, rules)) = rules else { continue };
            let none = json!({});
            let wrong = rules.check(node.get("fields").unwrap_or(&none), TOLD);
            found.extend(
                wrong
                    .into_iter()
                    .map(|wrong| of_node(node, &format!("/fields{}", trimmed(&wrong.path)), &wrong.reason)),
            );
        }
    }
    match found.is_empty() {
        false => {
            found.truncate(TOLD);
            Err(Error::invalid(format!("The graph is not a flow diagram: {}", found.join("; "))))
        }
        true => match document {
            Value::Object(document) => Diagram::of(document),
            _ => Err(Error::internal("a document that was an object is none")),
        },
    }
}

fn blueprint() -> Result<&'static Blueprint> {
    static BLUEPRINT: OnceLock<Option<Blueprint>> = OnceLock::new();
    BLUEPRINT
        .get_or_init(|| compile().ok())
        .as_ref()
        .ok_or_else(|| Error::internal("the schema of diagrams does not compile"))
}

fn compile() -> Result<Blueprint> {
    let schema: Value = serde_json::from_str(SCHEMA).map_err(Error::internal)?;
    let of_kind = |kind: &'static str| {
        let rules = json!({"$ref": format!("#/definitions/fields/{kind}"), "definitions": schema.get("definitions")});
        Ok((kind, Rules::compile(&rules)?))
    };
    Ok(Blueprint { whole: Rules::compile(&schema)?, fields: KINDS.into_iter().map(of_kind).collect::<Result<_>>()? })
}

/// What is wrong, with the node or edge it is about by its name rather than its place.
fn named(document: &Value, wrong: Violation) -> String {
    let mut parts = wrong.path.splitn(4, '/').skip(1);
    let (list, place) = (parts.next().unwrap_or_default(), parts.next().and_then(|place| place.parse::<usize>().ok()));
    let rest = parts.next().map(|rest| format!("/{rest}")).unwrap_or_default();
    let item = place.and_then(|place| document.get(list)?.get(place));
    match (list, item) {
        ("nodes", Some(node)) => of_node(node, &rest, &wrong.reason),
        ("edges", Some(edge)) => {
            let end = |name| edge.get(name).and_then(Value::as_str).unwrap_or("?");
            format!("the edge from '{}' to '{}': {}", end("source"), end("target"), told(&rest, &wrong.reason))
        }
        _ => told(trimmed(&wrong.path), &wrong.reason),
    }
}

fn of_node(node: &Value, path: &str, reason: &str) -> String {
    match node.get("id").and_then(Value::as_str) {
        Some(id) => format!("the node '{}': {}", id.chars().take(64).collect::<String>(), told(path, reason)),
        None => format!("a node without an id: {}", told(path, reason)),
    }
}

fn told(path: &str, reason: &str) -> String {
    match path.trim_start_matches('/') {
        "" => reason.to_owned(),
        path => format!("{}: {reason}", path.replace('/', ".")),
    }
}

fn trimmed(path: &str) -> &str {
    if path == "/" { "" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let document = serde_json::from_str(text).expect("an object");
        read(document).map(drop).expect_err(text).message().to_owned()
    }

    #[test]
    fn what_is_wrong_is_told_by_node_and_field() {
        for (text, expected) in [
            (r#"{}"#, r#""nodes" is a required property"#),
            (r#"{"nodes":[]}"#, "nodes: "),
            (r#"{"nodes":[{"id":"a","kind":"http"}]}"#, r#"the node 'a': fields: "url" is a required property"#),
            (r#"{"nodes":[{"id":"a","kind":"http","fields":{"url":1}}]}"#, "the node 'a': fields.url: "),
            (r#"{"nodes":[{"id":"a","kind":"htp"}]}"#, "the node 'a': kind: "),
            (r#"{"nodes":[{"kind":"end"}]}"#, "a node without an id: "),
            (r#"{"nodes":[{"id":"a","kind":"end","retries":1}]}"#, "the node 'a': "),
            (r#"{"nodes":[{"id":"a","kind":"end"}],"edges":[{"source":"a"}]}"#, "the edge from 'a' to '?': "),
            (
                r#"{"nodes":[{"id":"a","kind":"end"}],"edges":[{"source":"a","target":"b"}]}"#,
                "there is no node 'b', its target",
            ),
            (
                r#"{"nodes":[{"id":"a","kind":"transform","fields":{"expression":"1 +"}}]}"#,
                "The node 'a': fields.expression: ",
            ),
            (r#"{"nodes":[{"id":"a","kind":"branch"},{"id":"b","kind":"branch"}]}"#, "has no edge that leaves it"),
            (
                r#"{"nodes":[{"id":"a","kind":"end"},{"id":"b","kind":"end"}]}"#,
                "several nodes to begin with, among them 'a' and 'b'",
            ),
            (r#"{"nodes":[{"id":"a","kind":"end"},{"id":"a","kind":"end"}]}"#, "two nodes with the id 'a'"),
            (
                r#"{"nodes":[{"id":"a","kind":"branch"},{"id":"b","kind":"branch"},{"id":"c","kind":"branch"}],
                    "edges":[{"source":"a","target":"b"},{"source":"b","target":"c"},{"source":"c","target":"b"}]}"#,
                "part of a circle",
            ),
            (
                r#"{"nodes":[{"id":"a","kind":"end"}],"schedule":{"cron":"* * *"}}"#,
                "schedule: cron must be five fields",
            ),
            (
                r#"{"nodes":[{"id":"a","kind":"end"}],"schedule":{"cron":"0 0 * * *","time_zone":"Mars/Base"}}"#,
                "schedule: ",
            ),
            (r#"{"nodes":[{"id":"a","kind":"end"}],"concurrency":{"order":"fifo","limit":2}}"#, "concurrency.limit"),
            (r#"{"nodes":[{"id":"a","kind":"end","on_error":{"goto":"x"}}]}"#, "on_error.goto: there is no node 'x'"),
            (r#"{"nodes":[{"id":"a","kind":"stop","fields":{"text":"{{secret.x}}"}}]}"#, "The node 'a': fields.text: "),
        ] {
            let told = refusal(text);
            assert!(told.contains(expected), "{text}: {told}");
        }
    }

    #[test]
    fn the_schema_and_the_reader_know_the_same_kinds() {
        let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
        assert_eq!(schema["definitions"]["node"]["properties"]["kind"]["enum"], json!(KINDS));
    }
}

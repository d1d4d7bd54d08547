//! Looking through a flow's graph before it is published: what would be refused, and what is likely to be a mistake.
//! What a graph means is `diagram`'s business.

use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::diagram::Diagram;
use crate::error::{Code, Error, Result};
use crate::model::flow::FlowKey;
use crate::model::scope::Scope;
use crate::model::secret::Secret;
use crate::operation::flow::{find_flow, look_up};
use crate::operation::{Access, Operation, check};
use crate::store::{flow, keystore, secret, table};

/// Something that was found in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, as a sentence.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The graph cannot be published so.
    Error,
    /// It can, but does perhaps not do what was meant.
    Warning,
}

impl Severity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Looks through a graph, and asks whether the flows and secrets that it names are there.
pub struct LintFlow {
    /// What to look through.
    pub source: Source,
}

/// Where a graph is.
pub enum Source {
    /// Here, as JSON text.
    Graph(String),
    /// The draft of the flow of that number or name, or else its current version.
    Flow(String),
}

impl Operation for LintFlow {
    const NAME: &'static str = "lintFlow";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagramRead);
    type Output = Vec<Finding>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<Finding>> {
        let customer = caller.customer().id;
        app.store
            .read(move |tx| {
                let graph = match self.source {
                    Source::Graph(graph) => graph,
                    Source::Flow(name) => {
                        let found = find_flow(tx, customer, &FlowKey::NumberOrName(name))?;
                        let current = match found.version {
                            Some(version) => flow::find_version(tx, customer, found.id, version)?,
                            None => None,
                        };
                        found.draft.or_else(|| current.map(|version| version.graph)).ok_or_else(|| {
                            Error::new(Code::Conflict, format!("The flow '{}' has no graph", found.name))
                        })?
                    }
                };
                let mut findings = lint(&graph);
                let read: Map<String, Value> = serde_json::from_str(&graph).unwrap_or_default();
                for (place, name) in named_flows(&read) {
                    let text = match look_up(tx, customer, &FlowKey::NumberOrName(name.clone()))? {
                        None => format!("{place}: there is no flow '{name}'"),
                        Some(flow) if !flow.status.accepts_records() => {
                            format!("{place}: the flow '{name}' is {} and takes no records", flow.status.name())
                        }
                        Some(_) => continue,
                    };
                    findings.push(Finding { severity: Severity::Warning, text });
                }
                findings.extend(missing_secrets(&graph, &secret::list(tx, customer)?));
                for kept in ["keystore", "table"] {
                    for (id, name) in named(&read, kept) {
                        let is_there = match kept {
                            "keystore" => keystore::find(tx, customer, &name)?.is_some(),
                            _ => table::find(tx, customer, &name)?.is_some(),
                        };
                        if !is_there {
                            let text = format!("The node '{id}': there is no {kept} '{name}'");
                            findings.push(Finding { severity: Severity::Warning, text });
                        }
                    }
                }
                Ok(findings)
            })
            .await
    }
}

/// The secrets that the graph asks for and the customer does not have.
fn missing_secrets(graph: &str, known: &[Secret]) -> Vec<Finding> {
    let Ok(diagram) = Diagram::parse(graph) else { return Vec::new() };
    let asked = diagram.steps().iter().flat_map(|step| step.kind.secrets().into_iter().map(|name| (&step.id, name)));
    asked
        .filter(|(_, name)| !known.iter().any(|secret| secret.name == *name))
        .map(|(id, name)| Finding {
            severity: Severity::Warning,
            text: format!("The node '{id}': there is no secret '{name}'"),
        })
        .collect()
}

/// What can be found in a graph without knowing whose it is.
pub fn lint(graph: &str) -> Vec<Finding> {
    if let Err(error) = check::diagram(graph) {
        return vec![Finding { severity: Severity::Error, text: error.message().to_owned() }];
    }
    let graph: Map<String, Value> = serde_json::from_str(graph).unwrap_or_default();
    let warning = |text| Finding { severity: Severity::Warning, text };
    nodes(&graph).flat_map(|node| suspicions(&graph, node)).map(warning).collect()
}

fn nodes(graph: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    graph.get("nodes").and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// What is odd about a node.
fn suspicions(graph: &Map<String, Value>, node: &Value) -> Vec<String> {
    let (id, kind) = (text(node, "id"), text(node, "kind"));
    let given = |member: &str| node.get(member).is_some_and(|value| !value.is_null());
    let mut found = Vec::new();
    let edges = graph.get("edges").and_then(Value::as_array).into_iter().flatten();
    let mut leaving = edges.filter(|edge| text(edge, "source") == id).peekable();
    if leaving.peek().is_some() && leaving.all(|edge| edge.get("when").is_some_and(Value::is_string)) {
        found.push(format!(
            "The node '{id}': a record for which no condition holds fails here; a last edge without one would lead it on"
        ));
    }
    if given("retry") && matches!(kind, "branch" | "delay" | "end" | "stop") {
        found
            .push(format!("The node '{id}': a node of the kind {kind} is not tried again, so that retry says nothing"));
    }
    if given("timeout") && !matches!(kind, "http" | "soap") {
        found.push(format!("The node '{id}': timeout is for nodes of the kinds http and soap"));
    }
    found
}

/// The flows that the graph names as they are, each with the place.
fn named_flows(graph: &Map<String, Value>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut add = |place: String, value: Option<&Value>| match value {
        Some(Value::String(name)) if !name.contains("{{") => found.push((place, name.clone())),
        Some(Value::Number(number)) => found.push((place, number.to_string())),
        _ => {}
    };
    add("on_error".to_owned(), graph.get("on_error").and_then(|policy| policy.get("flow")));
    for node in nodes(graph) {
        let id = text(node, "id");
        if matches!(text(node, "kind"), "move" | "flow") {
            add(format!("The node '{id}'"), node.get("fields").and_then(|fields| fields.get("flow")));
        }
        add(format!("The node '{id}': on_error"), node.get("on_error").and_then(|policy| policy.get("flow")));
    }
    found
}

/// What steps of that kind name as it is in the field that is called like them, each with its node.
fn named(graph: &Map<String, Value>, kind: &str) -> Vec<(String, String)> {
    let used = nodes(graph).filter(|node| text(node, "kind") == kind);
    let named = used.filter_map(|node| Some((text(node, "id"), text(node.get("fields")?, kind))));
    let plain = named.filter(|(_, name)| !name.is_empty() && !name.contains("{{"));
    plain.map(|(id, name)| (id.to_owned(), name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_published_is_an_error_and_what_is_odd_a_warning() {
        for (graph, severity, expected) in [
            ("{", Severity::Error, "The graph must be a JSON object"),
            (r#"{"nodes":[]}"#, Severity::Error, "nodes"),
            (
                r#"{"nodes":[{"id":"a","kind":"branch"},{"id":"b","kind":"end"}],
                    "edges":[{"source":"a","target":"b","when":"n = 1"}]}"#,
                Severity::Warning,
                "The node 'a': a record for which no condition holds",
            ),
            (
                r#"{"nodes":[{"id":"a","kind":"end","retry":{"attempts":2}}]}"#,
                Severity::Warning,
                "The node 'a': a node of the kind end is not tried again",
            ),
            (r#"{"nodes":[{"id":"a","kind":"end","timeout":5}]}"#, Severity::Warning, "The node 'a': timeout"),
        ] {
            let found = lint(graph);
            assert_eq!(
                found.iter().map(|finding| finding.severity).collect::<Vec<_>>(),
                [severity],
                "{graph}: {found:?}"
            );
            assert!(found.iter().all(|finding| finding.text.contains(expected)), "{found:?}");
        }
        let sound = r#"{"nodes":[{"id":"a","kind":"branch"},{"id":"b","kind":"end"}],
            "edges":[{"source":"a","target":"b","when":"n = 1"},{"source":"a","target":"b"}]}"#;
        assert_eq!(lint(sound), []);
    }
}

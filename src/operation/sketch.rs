//! The graph of a flow as document 002 has it: what that document says of a wrong one, and the members that stand beside
//! the graph there and within it here.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::operation::check;

/// What stands beside the graph in document 002; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct Beside {
    /// When the flow starts a record by itself; an empty text for never.
    pub cron: Option<String>,
    /// What callers are to send.
    pub input: Option<Value>,
    /// What callers get back.
    pub output: Option<Value>,
}

/// The members that are taken over where a new graph has none of its own.
const KEPT: [&str; 3] = ["schedule", "inputParameters", "outputParameters"];

/// Puts a graph together and checks it: the new one, else the one there was, with what stands beside it.
/// # Errors
/// `InvalidInput`, in the words of document 002 where it has some.
pub(super) fn compose(graph: Option<Map<String, Value>>, before: Map<String, Value>, beside: Beside) -> Result<String> {
    let mut graph = match graph {
        None => before,
        Some(mut graph) => {
            for (name, value) in before {
                if KEPT.contains(&name.as_str()) {
                    graph.entry(name).or_insert(value);
                }
            }
            graph
        }
    };
    for (name, value) in [("inputParameters", beside.input), ("outputParameters", beside.output)] {
        match value {
            None => {}
            Some(Value::Null) => drop(graph.remove(name)),
            Some(value) => drop(graph.insert(name.to_owned(), value)),
        }
    }
    match beside.cron {
        None => {}
        Some(cron) if cron.trim().is_empty() => drop(graph.remove("schedule")),
        Some(cron) => {
            check_cron(&cron)?;
            let schedule = graph.entry("schedule").or_insert_with(|| json!({}));
            if let Some(schedule) = schedule.as_object_mut() {
                schedule.insert("cron".to_owned(), cron.into());
            }
        }
    }
    check_form(&graph)?;
    let text = Value::Object(graph).to_string();
    check::diagram(&text)?;
    Ok(text)
}

fn check_cron(cron: &str) -> Result<()> {
    let smallest = json!({"nodes": [{"id": "end", "kind": "end"}], "schedule": {"cron": cron}});
    check::diagram(&smallest.to_string()).map(drop).map_err(|_| Error::invalid("Invalid cron expression."))
}

fn check_form(graph: &Map<String, Value>) -> Result<()> {
    if graph.is_empty() {
        return Err(Error::invalid("Flows require a graph."));
    }
    let list = |name: &str| graph.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (nodes, edges) = (list("nodes"), list("edges"));
    match nodes.len() {
        0 => return Err(Error::invalid("Flows require at least one node.")),
        1 => {}
        _ if edges.is_empty() => return Err(Error::invalid("Flows with more than one node require edges.")),
        _ => {}
    }
    for edge in edges {
        for end in ["source", "target"] {
            let Some(id) = edge.get(end).and_then(Value::as_str) else { continue };
            if !nodes.iter().any(|node| node.get("id").and_then(Value::as_str) == Some(id)) {
                let shown: String = id.chars().take(64).collect();
                return Err(Error::invalid(format!("Edge {end} with id \"{shown}\" could not be found among nodes.")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_document() {
        let end = json!({"id": "a", "kind": "end"});
        for (graph, sentence) in [
            (json!({}), "Flows require a graph."),
            (json!({"nodes": []}), "Flows require at least one node."),
            (json!({"nodes": [end, end]}), "Flows with more than one node require edges."),
            (
                json!({"nodes": [end], "edges": [{"source": "x", "target": "a"}]}),
                "Edge source with id \"x\" could not be found among nodes.",
            ),
            (
                json!({"nodes": [end], "edges": [{"source": "a", "target": "y"}]}),
                "Edge target with id \"y\" could not be found among nodes.",
            ),
        ] {
            let refused = compose(Some(object(graph)), Map::new(), Beside::default()).expect_err(sentence);
            assert_eq!(refused.message(), sentence);
        }
        let cron = Beside { cron: Some("every day".to_owned()), ..Beside::default() };
        let refused = compose(Some(object(json!({"nodes": [end]}))), Map::new(), cron).expect_err("no cron");
        assert_eq!(refused.message(), "Invalid cron expression.");
    }

    #[test]
    fn a_new_graph_keeps_what_stood_beside_the_old_one() {
        let end = json!({"id": "a", "kind": "end"});
        let before = json!({"nodes": [end], "schedule": {"cron": "*/2 * * * *"}, "inputParameters": {"a": "string"}});
        let graph = json!({"nodes": [{"id": "b", "kind": "end"}]});
        let composed = |beside| {
            let text = compose(Some(object(graph.clone())), object(before.clone()), beside).expect("a graph");
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        let kept = composed(Beside::default());
        assert_eq!(kept["nodes"][0]["id"], "b");
        assert_eq!(
            (&kept["schedule"]["cron"], &kept["inputParameters"]["a"]),
            (&"*/2 * * * *".into(), &"string".into())
        );
        let cleared = composed(Beside { cron: Some(String::new()), input: Some(Value::Null), output: None });
        assert_eq!((cleared.get("schedule"), cleared.get("inputParameters")), (None, None));
    }
}

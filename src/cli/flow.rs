//! `flowgate flow`: the flows of a customer.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::operation::diagram::{FlowDiagram, FlowReference, GetFlowDiagram};
use crate::operation::flow::{AddFlow, PublishFlow, RevertFlow, UpdateDraft};
use crate::operation::lint::{self, LintFlow, Severity, Source};
use crate::store::flow;

/// Add flows, look through them, publish, list and show them
#[derive(Subcommand)]
pub(super) enum Command {
    /// Add a flow as a draft
    #[command(after_help = "Example:\n  flowgate flow add --customer Shop --name Leads --graph leads.json")]
    Add {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// Its name, unique within the customer, at most 128 characters
        #[arg(long)]
        name: String,
        /// What it is for, at most 512 characters
        #[arg(long, default_value = "")]
        description: String,
        /// A file with its graph, a JSON object [default: a graph with nothing but an end]
        #[arg(long, value_name = "FILE")]
        graph: Option<PathBuf>,
    },
    /// List the flows of a customer
    #[command(after_help = "Example:\n  flowgate flow list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Publish a flow's draft as its next version
    ///
    /// The first version makes the flow public, so that records are accepted. A later one leaves its status as it is.
    #[command(after_help = "Examples:\n  flowgate flow publish --customer Shop --name Leads\n  \
        flowgate flow publish --customer Shop --name Leads --graph leads-2.json")]
    Publish {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The flow's name or number
        #[arg(long)]
        name: String,
        /// A file with a graph that becomes the draft first
        #[arg(long, value_name = "FILE")]
        graph: Option<PathBuf>,
    },
    /// Show a flow with its versions
    #[command(after_help = "Examples:\n  flowgate flow show --customer Shop --name Leads\n  \
        flowgate flow show --customer Shop --name Leads --json")]
    Show {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The flow's name or number
        #[arg(long)]
        name: String,
    },
    /// Publish an earlier version of a flow again, as its next version
    ///
    /// The draft stays as it is, and so does the flow's status.
    #[command(after_help = "Example:\n  flowgate flow revert --customer Shop --name Leads --version 3")]
    Revert {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The flow's name or number
        #[arg(long)]
        name: String,
        /// The version's number
        #[arg(long)]
        version: i64,
    },
    /// Tell what is wrong or odd about a graph; exits with 1 if it cannot be published
    ///
    /// A file is looked through by itself; with --customer, also whether the flows that it names are there. With --name, it
    /// is the draft of that flow, or else its current version.
    #[command(after_help = "Examples:\n  flowgate flow lint leads.json\n  \
        flowgate flow lint leads.json --customer Shop\n  flowgate flow lint --customer Shop --name Leads")]
    Lint {
        /// A file with a graph
        #[arg(required_unless_present_all = ["customer", "name"], conflicts_with = "name")]
        file: Option<PathBuf>,
        /// The customer's name
        #[arg(long)]
        customer: Option<String>,
        /// The flow's name or number
        #[arg(long, requires = "customer")]
        name: Option<String>,
    },
}

const EMPTY_GRAPH: &str = r#"{"nodes":[{"id":"end","kind":"end"}]}"#;

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { customer, name, description, graph } => add(global, &customer, name, description, graph),
        Command::List { customer } => list(global, &customer),
        Command::Publish { customer, name, graph } => publish(global, &customer, name, graph),
        Command::Show { customer, name } => show(global, &customer, name),
        Command::Revert { customer, name, version } => revert(global, &customer, name, version),
        Command::Lint { file, customer, name } => lint(global, file, customer.as_deref(), name),
    }
}

fn add(
    global: &Global,
    customer: &str,
    name: String,
    description: String,
    graph: Option<PathBuf>,
) -> anyhow::Result<()> {
    let graph = match graph {
        Some(file) => read_graph(file)?,
        None => EMPTY_GRAPH.to_owned(),
    };
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let id = session::perform(&app, &caller, AddFlow { name: name.clone(), description, graph })?.0;
    let text = format!(
        "Added flow '{name}' as number {id}, a draft. Publish it before records are sent to it:\n  \
         flowgate flow publish --customer '{customer}' --name '{name}'\n"
    );
    output::show(global.json, &json!({"id": id, "name": name, "status": "draft"}), &text)
}

fn publish(global: &Global, customer: &str, flow: String, graph: Option<PathBuf>) -> anyhow::Result<()> {
    let graph = graph.map(read_graph).transpose()?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    if let Some(graph) = graph {
        session::perform(&app, &caller, UpdateDraft { flow: flow.clone(), graph, expected: None })?;
    }
    let published = session::perform(&app, &caller, PublishFlow { flow })?;
    let (id, version, status) = (published.id.0, published.version, published.status.name());
    output::show(
        global.json,
        &json!({"id": id, "version": version, "status": status}),
        &format!("Published version {version} of flow {id}; it is {status}.\n"),
    )
}

fn show(global: &Global, customer: &str, name: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let flow = FlowReference { id: None, name: Some(name) };
    let FlowDiagram { flow, versions, .. } = session::perform(&app, &caller, GetFlowDiagram { flow })?;
    let graph = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let steps = |text: &str| graph(text).get("nodes").and_then(Value::as_array).map_or(0, Vec::len);
    let is_current = |version: i64| flow.version == Some(version);
    let mut rows: Vec<_> = versions
        .iter()
        .map(|version| {
            let current = if is_current(version.version) { "yes" } else { "" };
            let published = version.published.to_atom();
            [version.version.to_string(), published, steps(&version.graph).to_string(), current.to_owned()]
        })
        .collect();
    if let Some(draft) = &flow.draft {
        rows.push(["draft".to_owned(), String::new(), steps(draft).to_string(), String::new()]);
    }
    let shown: Vec<_> = versions
        .iter()
        .map(|version| {
            let (number, published) = (version.version, version.published.to_atom());
            json!({"version": number, "published": published, "graph": graph(&version.graph)})
        })
        .collect();
    let value = json!({
        "id": flow.id.0,
        "name": flow.name,
        "description": flow.description,
        "status": flow.status.name(),
        "version": flow.version,
        "draft": flow.draft.as_deref().map(graph),
        "versions": shown,
    });
    let table = output::table(["VERSION", "PUBLISHED", "STEPS", "CURRENT"], &rows);
    let text = format!("Flow {}, '{}': {}\n\n{table}", flow.id.0, flow.name, flow.status.name());
    output::show(global.json, &value, &text)
}

fn revert(global: &Global, customer: &str, flow: String, version: i64) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let published = session::perform(&app, &caller, RevertFlow { flow, version })?;
    let (id, new, status) = (published.id.0, published.version, published.status.name());
    output::show(
        global.json,
        &json!({"id": id, "version": new, "status": status}),
        &format!("Published version {version} of flow {id} again, as version {new}; it is {status}.\n"),
    )
}

fn lint(global: &Global, file: Option<PathBuf>, customer: Option<&str>, name: Option<String>) -> anyhow::Result<()> {
    let graph = file.map(read_graph).transpose()?;
    let findings = match (graph, customer, name) {
        (Some(graph), None, _) => lint::lint(&graph),
        (graph, Some(customer), name) => {
            let app = session::open(global)?;
            let caller = session::operator_for(&app, customer)?;
            let source = match graph {
                Some(graph) => Source::Graph(graph),
                None => Source::Flow(name.unwrap_or_default()),
            };
            session::perform(&app, &caller, LintFlow { source })?
        }
        (None, None, _) => anyhow::bail!("Either a file, or a customer and the name of a flow is needed"),
    };
    let value: Value =
        findings.iter().map(|found| json!({"severity": found.severity.name(), "text": found.text})).collect();
    let mut text: String =
        findings.iter().map(|found| format!("{}: {}\n", found.severity.name(), found.text)).collect();
    if findings.is_empty() {
        text.push_str("Nothing was found.\n");
    }
    output::show(global.json, &value, &text)?;
    match findings.iter().any(|found| found.severity == Severity::Error) {
        true => anyhow::bail!("The graph cannot be published so"),
        false => Ok(()),
    }
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customer = session::operator_for(&app, customer)?.customer().id;
    let flows = app.store.peek(|tx| flow::list(tx, customer))?;
    let version = |version: Option<i64>| version.map_or("none".to_owned(), |version| version.to_string());
    let rows: Vec<_> = flows
        .iter()
        .map(|flow| {
            let draft = if flow.draft.is_some() { "yes" } else { "no" };
            let name = flow.name.clone();
            [flow.id.0.to_string(), name, flow.status.name().to_owned(), version(flow.version), draft.to_owned()]
        })
        .collect();
    let value = flows
        .iter()
        .map(|flow| {
            json!({
                "id": flow.id.0,
                "name": flow.name,
                "description": flow.description,
                "status": flow.status.name(),
                "version": flow.version,
                "draft": flow.draft.is_some(),
                "created": flow.created.to_atom(),
                "modified": flow.modified.to_atom(),
            })
        })
        .collect();
    output::show(global.json, &value, &output::table(["ID", "NAME", "STATUS", "VERSION", "DRAFT"], &rows))
}

fn read_graph(file: PathBuf) -> anyhow::Result<String> {
    fs::read_to_string(&file).with_context(|| format!("The graph {} cannot be read", file.display()))
}

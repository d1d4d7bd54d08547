//! `flowgate flow`: the flows of a customer.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::{Global, output, session};
use crate::operation::flow::{AddFlow, PublishFlow, UpdateDraft};
use crate::store::flow;

/// Add flows, publish and list them
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
}

const EMPTY_GRAPH: &str = r#"{"nodes":[{"id":"end","kind":"end"}]}"#;

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { customer, name, description, graph } => add(global, &customer, name, description, graph),
        Command::List { customer } => list(global, &customer),
        Command::Publish { customer, name, graph } => publish(global, &customer, name, graph),
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
        session::perform(&app, &caller, UpdateDraft { flow: flow.clone(), graph })?;
    }
    let published = session::perform(&app, &caller, PublishFlow { flow })?;
    let (id, version, status) = (published.id.0, published.version, published.status.name());
    output::show(
        global.json,
        &json!({"id": id, "version": version, "status": status}),
        &format!("Published version {version} of flow {id}; it is {status}.\n"),
    )
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

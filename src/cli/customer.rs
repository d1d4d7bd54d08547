//! `flowgate customer`: the tenants.

use clap::Subcommand;
use serde_json::json;

use super::{Global, output, session};
use crate::auth;
use crate::operation::account::{AddCustomer, SetErrorFlow};
use crate::store::account;

/// Add customers and list them
///
/// A customer is a tenant: it owns an API key, applications, a schema, flows, records and webhooks. No request ever
/// sees the data of another customer.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Add a customer and print its API key, once
    #[command(after_help = "Example:\n  flowgate customer add --name Shop")]
    Add {
        /// Its name, unique in the gateway, at most 128 characters
        #[arg(long)]
        name: String,
    },
    /// List the customers
    #[command(after_help = "Example:\n  flowgate customer list --json")]
    List,
    /// Say to which flow the failures of a customer's records are told
    ///
    /// A record that fails then makes a record of that flow, with what failed and why, unless its own flow says otherwise.
    #[command(after_help = "Examples:\n  flowgate customer error-flow --name Shop --flow Failures\n  \
        flowgate customer error-flow --name Shop --none")]
    ErrorFlow {
        /// The customer's name
        #[arg(long)]
        name: String,
        /// The flow's name or number
        #[arg(long, required_unless_present = "none", conflicts_with = "none")]
        flow: Option<String>,
        /// They are told to nobody
        #[arg(long)]
        none: bool,
    },
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { name } => add(global, name),
        Command::List => list(global),
        Command::ErrorFlow { name, flow, .. } => set_error_flow(global, &name, flow),
    }
}

fn add(global: &Global, name: String) -> anyhow::Result<()> {
    let app = session::open_or_create(global)?;
    let added = session::perform(&app, &auth::operator(None), AddCustomer { name, api_key: None })?;
    let (customer, api_key) = (added.customer, added.api_key);
    output::show(
        global.json,
        &json!({"id": customer.id.0, "name": customer.name, "api_key": api_key}),
        &format!("Added customer '{}'.\n\n  API key  {api_key}\n\n{}\n", customer.name, output::ONCE),
    )
}

fn set_error_flow(global: &Global, customer: &str, flow: Option<String>) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let flow = session::perform(&app, &caller, SetErrorFlow { flow })?;
    let name = flow.as_ref().map(|flow| flow.name.as_str());
    let text = match name {
        Some(name) => format!("Failures of the records of '{customer}' are told to the flow '{name}'.\n"),
        None => format!("Failures of the records of '{customer}' are told to no flow.\n"),
    };
    output::show(global.json, &json!({"customer": customer, "error_flow": name}), &text)
}

fn list(global: &Global) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customers = app.store.peek(|tx| account::list_customers(tx))?;
    let rows: Vec<_> = customers
        .iter()
        .map(|customer| [customer.id.0.to_string(), customer.name.clone(), customer.created.to_atom()])
        .collect();
    let value = customers
        .iter()
        .map(|customer| json!({"id": customer.id.0, "name": customer.name, "created": customer.created.to_atom()}))
        .collect();
    output::show(global.json, &value, &output::table(["ID", "NAME", "ADDED"], &rows))
}

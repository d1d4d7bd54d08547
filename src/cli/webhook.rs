//! `flowgate webhook`: the webhooks of a customer.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Global, output, session};
use crate::operation::webhook::AddWebhook;
use crate::store::{account, flow, webhook};

/// Add webhooks and list them
#[derive(Subcommand)]
pub(super) enum Command {
    Add(Add),
    /// List the webhooks of a customer
    #[command(after_help = "Example:\n  flowgate webhook list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
}

/// Add a webhook to a flow and print its URI
///
/// Whoever knows the URI may post to it; no other credentials are asked for.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate webhook add --customer Shop --flow Leads\n  \
    flowgate webhook add --customer Shop --flow 1 --uri shop-orders --app orders")]
pub(super) struct Add {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The flow's name or number
    #[arg(long, value_name = "NAME|ID")]
    flow: String,
    /// The URI, if it is not to be made up: letters, digits, '.', '_', '~' and '-', at most 128
    #[arg(long)]
    uri: Option<String>,
    /// The application whose reply format and rate limit the webhook follows
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(global, arguments),
        Command::List { customer } => list(global, &customer),
    }
}

fn add(global: &Global, arguments: Add) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let operation = AddWebhook { flow: arguments.flow, uri: arguments.uri, application: arguments.app };
    let uri = session::perform(&app, &caller, operation)?;
    output::show(global.json, &json!({"uri": uri}), &format!("Added a webhook.\n\n  URI  {uri}\n"))
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customer = session::operator_for(&app, customer)?.customer().id;
    let (webhooks, flows, applications) = app.store.peek(|tx| {
        Ok((webhook::list(tx, customer)?, flow::list(tx, customer)?, account::list_applications(tx, customer)?))
    })?;
    let rows: Vec<_> = webhooks
        .iter()
        .map(|webhook| {
            let flow = flows.iter().find(|flow| flow.id == webhook.flow).map(|flow| flow.name.clone());
            let application = applications.iter().find(|application| Some(application.id) == webhook.application);
            let application = application.map(|application| application.name.clone());
            let created = webhook.created.to_atom();
            [webhook.uri.clone(), flow.unwrap_or_default(), application.unwrap_or_default(), created]
        })
        .collect();
    let value = rows
        .iter()
        .map(|[uri, flow, application, created]| {
            let application = (!application.is_empty()).then_some(application);
            json!({"uri": uri, "flow": flow, "app": application, "created": created})
        })
        .collect();
    output::show(global.json, &value, &output::table(["URI", "FLOW", "APP", "ADDED"], &rows))
}

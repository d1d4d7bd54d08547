//! `flowgate hook`: who hears of a customer's events, and what was sent.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::model::hook::{Delivery, Event, Hook};
use crate::model::time::Timestamp;
use crate::operation::delivery::{ListDeliveries, Redeliver};
use crate::operation::hook::{AddHook, ListHooks, RemoveHook, UpdateHook};

/// Subscribe to events of a customer, list subscriptions and what was sent to them
#[derive(Subcommand)]
pub(super) enum Command {
    /// List the subscriptions of a customer
    #[command(after_help = "Example:\n  flowgate hook list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    Add(Add),
    /// Remove a subscription, with what was to be sent to it
    #[command(after_help = "Example:\n  flowgate hook remove --customer Shop 9f1c2b7de0a4451c8f0d6b1a5c3e7f90")]
    Remove(Named),
    /// Enable a subscription again; messages that waited are then sent
    #[command(after_help = "Example:\n  flowgate hook enable --customer Shop 9f1c2b7de0a4451c8f0d6b1a5c3e7f90")]
    Enable(Named),
    Deliveries(Deliveries),
    Redeliver(Again),
}

/// Subscribe to events and print the signing key, which cannot be shown again
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate hook add --customer Shop --url https://example.com/events --event record.finished --event record.failed\n  \
    flowgate hook add --customer Shop --url https://example.com/leads --event record.created --flow Leads")]
pub(super) struct Add {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// Where messages go
    #[arg(long)]
    url: String,
    /// An event: record.created, record.updated, record.finished, record.failed, flow.published or flow.paused
    #[arg(long = "event", value_name = "EVENT", required = true)]
    events: Vec<String>,
    /// The flow it is about, if not all: its name or number
    #[arg(long, value_name = "NAME|ID")]
    flow: Option<String>,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
}

#[derive(Args)]
pub(super) struct Named {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The subscription's identifier
    id: String,
}

/// List what was sent to a subscriber, newest first
#[derive(Args)]
#[command(after_help = "Example:\n  \
    flowgate hook deliveries --customer Shop 9f1c2b7de0a4451c8f0d6b1a5c3e7f90 --limit 20")]
pub(super) struct Deliveries {
    #[command(flatten)]
    named: Named,
    /// How many at most, from 1 to 1000
    #[arg(long, default_value_t = 20)]
    limit: i64,
}

/// Send a message again, under the same webhook-id
#[derive(Args)]
#[command(after_help = "Example:\n  flowgate hook redeliver --customer Shop 9f1c2b7de0a4451c8f0d6b1a5c3e7f90 \
    msg_0198c1a27d4e7c1b9d553b1f3c0f8a11")]
pub(super) struct Again {
    #[command(flatten)]
    named: Named,
    /// The message's webhook-id
    message: String,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { customer } => list(global, &customer),
        Command::Add(arguments) => add(global, arguments),
        Command::Remove(Named { customer, id }) => remove(global, &customer, id),
        Command::Enable(Named { customer, id }) => enable(global, &customer, id),
        Command::Deliveries(arguments) => deliveries(global, arguments),
        Command::Redeliver(arguments) => redeliver(global, arguments),
    }
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let hooks = session::perform(&app, &caller, ListHooks)?;
    let rows: Vec<_> = hooks.iter().map(row).collect();
    let value = hooks.iter().map(spelled).collect();
    output::show(global.json, &value, &output::table(["ID", "URL", "EVENTS", "STATE", "ADDED"], &rows))
}

fn add(global: &Global, arguments: Add) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let Add { url, events, flow, description, .. } = arguments;
    let added = session::perform(&app, &caller, AddHook { url, events, flow, description, secret: None })?;
    let id = &added.hook.public_id;
    let text = format!(
        "Added a subscription.\n\n  ID           {id}\n  Signing key  {}\n\nThe key cannot be shown again.\n",
        added.secret
    );
    output::show(global.json, &json!({"id": id, "secret": added.secret}), &text)
}

fn remove(global: &Global, customer: &str, id: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    session::perform(&app, &caller, RemoveHook { id: id.clone() })?;
    output::show(global.json, &json!({"id": id}), &format!("Removed the subscription {id}.\n"))
}

fn enable(global: &Global, customer: &str, id: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let hook = session::perform(&app, &caller, UpdateHook { id, enabled: Some(true), ..UpdateHook::default() })?;
    let text = format!("The subscription {} is enabled; messages that waited are sent.\n", hook.public_id);
    output::show(global.json, &spelled(&hook), &text)
}

fn deliveries(global: &Global, arguments: Deliveries) -> anyhow::Result<()> {
    let Deliveries { named: Named { customer, id }, limit } = arguments;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let deliveries = session::perform(&app, &caller, ListDeliveries { hook: id, limit, offset: 0 })?;
    let rows: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            let next = delivery.due.map(Timestamp::to_atom).unwrap_or_default();
            let (event, status) = (delivery.event.name().to_owned(), delivery.status.name().to_owned());
            [delivery.message.clone(), event, status, delivery.attempt.to_string(), next, delivery.created.to_atom()]
        })
        .collect();
    let value = deliveries.iter().map(spelled_delivery).collect();
    output::show(global.json, &value, &output::table(["ID", "EVENT", "STATUS", "FAILURES", "NEXT", "CREATED"], &rows))
}

fn redeliver(global: &Global, arguments: Again) -> anyhow::Result<()> {
    let Again { named: Named { customer, id }, message } = arguments;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &customer)?;
    let delivery = session::perform(&app, &caller, Redeliver { hook: id, message })?;
    let text = format!("The message {} is sent again.\n", delivery.message);
    output::show(global.json, &spelled_delivery(&delivery), &text)
}

fn row(hook: &Hook) -> [String; 5] {
    let state = match (&hook.reason, hook.enabled, hook.failing_since) {
        (_, true, None) => "enabled".to_owned(),
        (_, true, Some(since)) => format!("failing since {}", since.to_atom()),
        (reason, false, _) => format!("disabled: {}", reason.as_deref().unwrap_or_default()),
    };
    [hook.public_id.clone(), hook.url.clone(), names(hook).join(" "), state, hook.created.to_atom()]
}

fn names(hook: &Hook) -> Vec<&'static str> {
    hook.events.iter().copied().map(Event::name).collect()
}

fn spelled(hook: &Hook) -> Value {
    json!({
        "id": hook.public_id,
        "url": hook.url,
        "events": names(hook),
        "flow": hook.flow.map(|flow| flow.0),
        "description": hook.description,
        "enabled": hook.enabled,
        "reason": hook.reason,
        "failing_since": hook.failing_since.map(Timestamp::to_atom),
        "created": hook.created.to_atom(),
    })
}

fn spelled_delivery(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.message,
        "event": delivery.event.name(),
        "status": delivery.status.name(),
        "failures": delivery.attempt,
        "next": delivery.due.map(Timestamp::to_atom),
        "created": delivery.created.to_atom(),
        "ended": delivery.ended.map(Timestamp::to_atom),
    })
}

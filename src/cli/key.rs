//! `flowgate key`: replacing secrets.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Global, output, session};
use crate::operation::account::{RotateKey, Rotated};

/// Replace secrets
#[derive(Subcommand)]
pub(super) enum Command {
    Rotate(Rotate),
}

/// Replace a secret and print the new one, once
///
/// Without --app it is the customer's API key, with --app the application's key, and with --client-secret as well its
/// OAuth2 client secret. The old secret stops working at once, in a running server within a second.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate key rotate --customer Shop\n  \
    flowgate key rotate --customer Shop --app orders\n  \
    flowgate key rotate --customer Shop --app portal --client-secret")]
pub(super) struct Rotate {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The application's name
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Replace the OAuth2 client secret instead of the application's key
    #[arg(long, requires = "app")]
    client_secret: bool,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    let Command::Rotate(arguments) = command;
    let (field, label, secret) = match (arguments.app, arguments.client_secret) {
        (None, _) => ("api_key", "API key", Rotated::ApiKey),
        (Some(name), false) => ("app_key", "App key", Rotated::AppKey(name)),
        (Some(name), true) => ("client_secret", "Client secret", Rotated::ClientSecret(name)),
    };
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let rotated = session::perform(&app, &caller, RotateKey { secret })?;
    let value = match &rotated.client_id {
        Some(client_id) => json!({field: rotated.secret, "client_id": client_id}),
        None => json!({field: rotated.secret}),
    };
    let mut text = "Replaced; the old one no longer works. A running server follows within a second.\n\n".to_owned();
    if let Some(client_id) = rotated.client_id {
        text.push_str(&format!("  {:13}  {client_id}\n", "Client id"));
    }
    text.push_str(&format!("  {label:13}  {}\n\n{}\n", rotated.secret, output::ONCE));
    output::show(global.json, &value, &text)
}

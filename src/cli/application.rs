//! `flowgate app`: the applications of a customer.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Global, output, session};
use crate::model::account::{Application, Compatibility, FaultDialect};
use crate::model::address::Network;
use crate::model::scope::Scopes;
use crate::operation::account::{AddApplication, RemoveApplication};
use crate::store::account;

/// Add applications, list and remove them
///
/// An application is a client program of one customer. It calls with the customer's API key and its own key, or with
/// OAuth2 access tokens, from the addresses it was given, within the scopes it was granted.
#[derive(Subcommand)]
pub(super) enum Command {
    Add(Add),
    /// List the applications of a customer
    #[command(after_help = "Example:\n  flowgate app list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Remove an application; its key, its client secret and its tokens stop working at once
    #[command(after_help = "Example:\n  flowgate app remove --customer Shop --app portal\n\n\
        What it stored stays. Its webhooks stay too, and belong to no application.")]
    Remove {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The application's name
        #[arg(long, value_name = "NAME")]
        app: String,
    },
}

/// Add an application and print its secrets, once
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate app add --customer Shop --name orders --ip 192.0.2.0/24 --scope record\n  \
    flowgate app add --customer Shop --name portal --ip any --scope all --oauth2 --rate-limit 1000\n\n\
    A scope includes its narrower ones: record includes record.read and record.delete.")]
pub(super) struct Add {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// Its name, unique within the customer, at most 128 characters
    #[arg(long)]
    name: String,
    /// What it is for, at most 512 characters
    #[arg(long, default_value = "")]
    description: String,
    /// Where it may call from: an address, a network such as 192.0.2.0/24, or 'any'; repeatable
    #[arg(long = "ip", value_name = "NETWORK", required = true, value_delimiter = ',')]
    addresses: Vec<String>,
    /// What it may do; repeatable
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',', value_parser = scope_names())]
    scopes: Vec<String>,
    /// Also give it an OAuth2 client id and secret
    #[arg(long)]
    oauth2: bool,
    /// Requests it may make within the window of the settings; 0 for no limit [default: auth.rate_limit]
    #[arg(long, value_name = "REQUESTS")]
    rate_limit: Option<u32>,
    /// The form of SOAP faults: as the request's style suggests, as documented, or as the standard has it
    #[arg(long, value_name = "DIALECT", default_value = "mirror", value_parser = PossibleValuesParser::new(["mirror", "documented", "standard"]))]
    fault_dialect: String,
    /// Answer a stored webhook with the documented fault 201 instead of a reply
    #[arg(long)]
    webhook_success_as_fault: bool,
    /// Send the documented Expires and Pragma headers
    #[arg(long)]
    php_cache_headers: bool,
}

fn scope_names() -> PossibleValuesParser {
    let names = Scopes::all().names();
    PossibleValuesParser::new(names.into_iter().chain(["all"]))
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(global, arguments),
        Command::List { customer } => list(global, &customer),
        Command::Remove { customer, app } => remove(global, &customer, app),
    }
}

fn remove(global: &Global, customer: &str, name: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let value = json!({"removed": name});
    let text = format!("Removed application '{name}'. A running server follows within a second.\n");
    session::perform(&app, &caller, RemoveApplication { name })?;
    output::show(global.json, &value, &text)
}

fn add(global: &Global, arguments: Add) -> anyhow::Result<()> {
    let scopes = match arguments.scopes.iter().any(|name| name == "all") {
        true => Scopes::all(),
        false => {
            let names = arguments.scopes.join(",");
            Scopes::parse(&names).map_err(|name| anyhow::anyhow!("'{name}' is no scope"))?
        }
    };
    let compatibility = Compatibility {
        fault_dialect: FaultDialect::parse(&arguments.fault_dialect).context("There is no such fault dialect")?,
        webhook_success_as_fault: arguments.webhook_success_as_fault,
        php_cache_headers: arguments.php_cache_headers,
    };
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let operation = AddApplication {
        name: arguments.name,
        description: arguments.description,
        addresses: arguments.addresses,
        scopes,
        oauth2: arguments.oauth2,
        rate_limit: arguments.rate_limit,
        compatibility,
        app_key: None,
        client: None,
    };
    let added = session::perform(&app, &caller, operation)?;
    let mut text = format!("Added application '{}'.\n\n  App key        {}\n", added.name, added.app_key);
    if let Some((id, secret)) = &added.client {
        write!(text, "  Client id      {id}\n  Client secret  {secret}\n")?;
    }
    write!(text, "\n{}\n", output::ONCE)?;
    let (client_id, client_secret) = added.client.unzip();
    let value = json!({
        "id": added.id.0, "name": added.name, "app_key": added.app_key,
        "client_id": client_id, "client_secret": client_secret,
    });
    output::show(global.json, &value, &text)
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customer = session::operator_for(&app, customer)?.customer().id;
    let applications = app.store.peek(|tx| account::list_applications(tx, customer))?;
    let limit = |application: &Application| match application.rate_limit {
        None => "default".to_owned(),
        Some(0) => "none".to_owned(),
        Some(limit) => limit.to_string(),
    };
    let rows: Vec<_> = applications
        .iter()
        .map(|application| {
            [
                application.name.clone(),
                addresses(application).join(" "),
                scopes(application),
                if application.oauth2 { "yes" } else { "no" }.to_owned(),
                limit(application),
            ]
        })
        .collect();
    let value = applications
        .iter()
        .map(|application| {
            json!({
                "id": application.id.0,
                "name": application.name,
                "description": application.description,
                "addresses": addresses(application),
                "scopes": application.scopes.names(),
                "oauth2": application.oauth2,
                "rate_limit": application.rate_limit,
                "fault_dialect": application.compatibility.fault_dialect.name(),
                "webhook_success_as_fault": application.compatibility.webhook_success_as_fault,
                "php_cache_headers": application.compatibility.php_cache_headers,
                "created": application.created.to_atom(),
            })
        })
        .collect();
    output::show(global.json, &value, &output::table(["NAME", "ADDRESSES", "SCOPES", "OAUTH2", "LIMIT"], &rows))
}

/// The networks as they are given to `app add`.
fn addresses(application: &Application) -> Vec<String> {
    let networks = &application.addresses;
    match Network::parse("any") {
        Some(any) if any.iter().all(|network| networks.contains(network)) => vec!["any".to_owned()],
        _ => networks.iter().map(ToString::to_string).collect(),
    }
}

/// The scopes as they are given to `app add`.
fn scopes(application: &Application) -> String {
    match application.scopes == Scopes::all() {
        true => "all".to_owned(),
        false => application.scopes.names().join(" "),
    }
}

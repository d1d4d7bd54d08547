//! `flowgate webhook`: the webhooks of a customer.

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::model::webhook::{Algorithm, Encoding, Guard, Hmac, TOLERANCE, Webhook};
use crate::operation::webhook::{AddWebhook, ChangeWebhook, RemoveWebhook, WebhookChange, find_webhook};
use crate::store::{account, flow, webhook};

/// Add webhooks, list them, say what they ask of whoever posts, and remove them
#[derive(Subcommand)]
pub(super) enum Command {
    Add(Box<Add>),
    /// List the webhooks of a customer
    #[command(after_help = "Example:\n  flowgate webhook list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Show what a webhook asks of whoever posts
    #[command(after_help = "Example:\n  flowgate webhook show --customer Shop shop-orders")]
    Show(Named),
    Set(Box<Set>),
    /// Remove a webhook, with the payloads that were posted to it; their records stay
    #[command(after_help = "Example:\n  flowgate webhook remove --customer Shop shop-orders")]
    Remove(Named),
}

/// Add a webhook to a flow and print its URI
///
/// Whoever knows the URI may post to it, unless a guard asks for more.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate webhook add --customer Shop --flow Leads\n  \
    flowgate webhook add --customer Shop --flow 1 --uri shop-orders --app orders\n  \
    flowgate webhook add --customer Shop --flow Leads --guard hmac --secret git_key --header X-Hub-Signature-256 --prefix sha256=")]
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
    #[command(flatten)]
    wishes: Wishes,
}

/// Change what a webhook asks of whoever posts; what is not named stays as it is
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate webhook set --customer Shop shop-orders --guard standard --secret new_key --secret old_key\n  \
    flowgate webhook set --customer Shop 3 --rate-limit 60 --deduplicate-by X-Delivery --wait none\n\n\
    A running server follows within a second.")]
pub(super) struct Set {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The webhook's URI or number
    webhook: String,
    #[command(flatten)]
    wishes: Wishes,
}

#[derive(Args)]
pub(super) struct Named {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The webhook's URI or number
    webhook: String,
}

/// What a webhook asks for.
#[derive(Args)]
struct Wishes {
    /// What whoever posts has to prove
    #[arg(long, value_enum)]
    guard: Option<GuardName>,
    /// The user of the guard 'basic'
    #[arg(long, requires = "guard")]
    user: Option<String>,
    /// The name of the secret that is the password, the token or the key; for 'standard' it may be given twice
    #[arg(long, value_name = "NAME", requires = "guard")]
    secret: Vec<String>,
    /// The header that holds the signature of the guard 'hmac'
    #[arg(long, requires = "guard")]
    header: Option<String>,
    /// The hash of the guard 'hmac' [default: sha256]
    #[arg(long, value_enum, requires = "guard")]
    algorithm: Option<AlgorithmName>,
    /// How the signature of the guard 'hmac' is written [default: hex]
    #[arg(long, value_enum, requires = "guard")]
    encoding: Option<EncodingName>,
    /// What stands before the signature of the guard 'hmac', such as sha256=
    #[arg(long, requires = "guard")]
    prefix: Option<String>,
    /// The header that holds when the body was signed, in seconds since 1970; then TIMESTAMP.BODY is signed
    #[arg(long, value_name = "HEADER", requires = "guard")]
    timestamp_header: Option<String>,
    /// Seconds by which that may differ from now [default: 300]
    #[arg(long, value_name = "SECONDS", requires = "timestamp_header")]
    tolerance: Option<u32>,
    /// Bytes that a body may have, or 'none' for what the gateway takes
    #[arg(long, value_name = "BYTES|none", value_parser = number_or_none)]
    body_limit: Option<Limit>,
    /// Requests within the window of the settings, 0 for no limit, or 'none' for that of its application or of the gateway
    #[arg(long, value_name = "N|none", value_parser = number_or_none)]
    rate_limit: Option<Limit>,
    /// The header by whose value a message that comes again is known, or 'none'
    #[arg(long, value_name = "HEADER|none")]
    deduplicate_by: Option<String>,
    /// Seconds for which the reply waits for the end of the run, or 'none'
    #[arg(long, value_name = "SECONDS|none", value_parser = number_or_none)]
    wait: Option<Limit>,
    /// Whether the record holds headers and query beside what was posted
    #[arg(long, value_name = "true|false")]
    envelope: Option<bool>,
}

/// A number, or none.
#[derive(Clone, Copy)]
struct Limit(Option<u32>);

fn number_or_none(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => {
            text.parse().map(|number| Limit(Some(number))).map_err(|_| "a whole number or 'none' is needed".to_owned())
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GuardName {
    /// Nothing: knowing the URI is enough
    Open,
    /// A user and a password (HTTP Basic)
    Basic,
    /// A token (HTTP Bearer)
    Bearer,
    /// A signature over the body, in a header
    Hmac,
    /// A signature as Standard Webhooks has it
    Standard,
}

#[derive(Clone, Copy, ValueEnum)]
enum AlgorithmName {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Clone, Copy, ValueEnum)]
enum EncodingName {
    Hex,
    Base64,
}

impl Wishes {
    fn into_change(self) -> anyhow::Result<WebhookChange> {
        Ok(WebhookChange {
            body_limit: self.body_limit.map(|Limit(limit)| limit),
            rate_limit: self.rate_limit.map(|Limit(limit)| limit),
            wait: self.wait.map(|Limit(limit)| limit),
            deduplicate_by: self.deduplicate_by.clone().map(|name| Some(name).filter(|name| name != "none")),
            envelope: self.envelope,
            guard: match self.guard {
                None => None,
                Some(name) => Some(self.into_guard(name)?),
            },
        })
    }

    fn into_guard(mut self, name: GuardName) -> anyhow::Result<Guard> {
        let is_signature = self.header.is_some()
            || self.algorithm.is_some()
            || self.encoding.is_some()
            || self.prefix.is_some()
            || self.timestamp_header.is_some();
        if is_signature && name != GuardName::Hmac {
            bail!("--header, --algorithm, --encoding, --prefix and --timestamp-header belong to --guard hmac");
        }
        if self.user.is_some() != (name == GuardName::Basic) {
            bail!("--user belongs to --guard basic, which needs it");
        }
        let count = self.secret.len();
        let wanted = match name {
            GuardName::Open => 0..=0,
            GuardName::Standard => 1..=2,
            GuardName::Basic | GuardName::Bearer | GuardName::Hmac => 1..=1,
        };
        if !wanted.contains(&count) {
            bail!(
                "--secret must be given once for --guard basic, bearer and hmac, once or twice for standard, and not for open"
            );
        }
        let secret = self.secret.pop().unwrap_or_default();
        Ok(match name {
            GuardName::Open => Guard::Open,
            GuardName::Basic => Guard::Basic { user: self.user.unwrap_or_default(), secret },
            GuardName::Bearer => Guard::Bearer { secret },
            GuardName::Standard => {
                self.secret.push(secret);
                Guard::Standard { secrets: self.secret }
            }
            GuardName::Hmac => {
                let Some(header) = self.header else { bail!("--guard hmac needs --header") };
                Guard::Hmac(Hmac {
                    secret,
                    header,
                    algorithm: match self.algorithm {
                        Some(AlgorithmName::Sha1) => Algorithm::Sha1,
                        Some(AlgorithmName::Sha512) => Algorithm::Sha512,
                        Some(AlgorithmName::Sha256) | None => Algorithm::Sha256,
                    },
                    encoding: match self.encoding {
                        Some(EncodingName::Base64) => Encoding::Base64,
                        Some(EncodingName::Hex) | None => Encoding::Hex,
                    },
                    prefix: self.prefix.unwrap_or_default(),
                    timestamp_header: self.timestamp_header,
                    tolerance: self.tolerance.unwrap_or(TOLERANCE),
                })
            }
        })
    }
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(global, *arguments),
        Command::List { customer } => list(global, &customer),
        Command::Show(named) => show(global, &named),
        Command::Set(arguments) => set(global, *arguments),
        Command::Remove(named) => remove(global, named),
    }
}

fn add(global: &Global, arguments: Add) -> anyhow::Result<()> {
    let change = arguments.wishes.into_change()?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let operation = AddWebhook { flow: arguments.flow, uri: arguments.uri, application: arguments.app, change };
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
            let guard = webhook.settings.guard.name().to_owned();
            let created = webhook.created.to_atom();
            let (uri, number) = (webhook.uri.clone(), webhook.id.to_string());
            [number, uri, flow.unwrap_or_default(), application.unwrap_or_default(), guard, created]
        })
        .collect();
    let value = rows
        .iter()
        .zip(&webhooks)
        .map(|([_, uri, flow, application, guard, created], webhook)| {
            let application = (!application.is_empty()).then_some(application);
            json!({"id": webhook.id, "uri": uri, "flow": flow, "app": application, "guard": guard, "created": created})
        })
        .collect();
    output::show(global.json, &value, &output::table(["ID", "URI", "FLOW", "APP", "GUARD", "ADDED"], &rows))
}

fn show(global: &Global, named: &Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customer = session::operator_for(&app, &named.customer)?.customer().id;
    let found = app.store.peek(|tx| find_webhook(tx, customer, &named.webhook))?;
    tell(global, "", &found)
}

fn set(global: &Global, arguments: Set) -> anyhow::Result<()> {
    let change = arguments.wishes.into_change()?;
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &arguments.customer)?;
    let changed = session::perform(&app, &caller, ChangeWebhook { webhook: arguments.webhook, change })?;
    tell(global, "Changed the webhook. A running server follows within a second.\n\n", &changed)
}

fn remove(global: &Global, named: Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &named.customer)?;
    let id = session::perform(&app, &caller, RemoveWebhook { webhook: named.webhook })?;
    let text = format!("Removed the webhook {id}. A running server follows within a second.\n");
    output::show(global.json, &json!({"id": id}), &text)
}

/// Shows a webhook's settings. Of secrets there are only names.
fn tell(global: &Global, head: &str, webhook: &Webhook) -> anyhow::Result<()> {
    let mut value = serde_json::to_value(&webhook.settings)?;
    if let Some(members) = value.as_object_mut() {
        members.insert("wait".to_owned(), json!(webhook.wait));
        members.insert("id".to_owned(), json!(webhook.id));
    }
    let rows: Vec<_> =
        value.as_object().into_iter().flatten().map(|(name, value)| [name.clone(), plain(value)]).collect();
    output::show(global.json, &value, &format!("{head}{}", output::table(["SETTING", "VALUE"], &rows)))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

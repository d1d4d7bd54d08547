//! `flowgate user`: the people of a customer.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::model::person::{Permission, Person, PersonRole};
use crate::operation::person::{
    AddPerson, IssuePersonToken, PersonTexts, RemovePerson, RevokePersonTokens, UpdatePerson,
};
use crate::store::person;

/// Add users, list and change them, and issue their tokens
///
/// A user is a person of one customer, who uses the addresses /users and /flows with a token, within permissions.
#[derive(Subcommand)]
pub(super) enum Command {
    Add(Add),
    /// List the users of a customer
    #[command(after_help = "Example:\n  flowgate user list --customer Shop")]
    List {
        /// The customer's name
        #[arg(long)]
        customer: String,
    },
    /// Show a user with the permissions
    #[command(after_help = "Example:\n  flowgate user show --customer Shop ann@example.com")]
    Show(Named),
    Set(Set),
    /// Remove a user with all tokens; the user's flows stay
    #[command(after_help = "Example:\n  flowgate user remove --customer Shop ann@example.com")]
    Remove(Named),
    Token(Token),
    /// Revoke all tokens of a user
    #[command(after_help = "Example:\n  flowgate user revoke --customer Shop ann@example.com")]
    Revoke(Named),
}

/// A user of a customer.
#[derive(Args)]
pub(super) struct Named {
    /// The customer's name
    #[arg(long)]
    customer: String,
    /// The user's name
    username: String,
}

/// Add a user and print the id
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate user add --customer Shop ann@example.com --permission flows.read,flows.control\n  \
    flowgate user add --customer Shop 4711 --role admin\n\n\
    'flowgate user token' then issues a token for the user.")]
pub(super) struct Add {
    #[command(flatten)]
    user: Named,
    #[command(flatten)]
    chosen: Chosen,
}

/// Change a user; what is not named stays as it is
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate user set --customer Shop ann@example.com --status disabled\n  \
    flowgate user set --customer Shop ann@example.com --permission all\n  \
    flowgate user set --customer Shop ann@example.com --role none\n\n\
    Roles and permissions replace those there were. A running server follows within a second.")]
pub(super) struct Set {
    #[command(flatten)]
    user: Named,
    #[command(flatten)]
    chosen: Chosen,
}

/// What of a user can be chosen.
#[derive(Args)]
struct Chosen {
    /// The first name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The last name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// Whether the user may call
    #[arg(long, value_parser = PossibleValuesParser::new(["active", "disabled", "pending"]))]
    status: Option<String>,
    /// What the user is; an admin needs no permissions and sees all users; repeatable
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Option<Vec<String>>,
    /// What the user may do: names of document 002, 'all' or 'none'; repeatable
    #[arg(long = "permission", value_name = "PERMISSION", value_delimiter = ',')]
    permissions: Option<Vec<String>>,
}

impl Chosen {
    fn texts(self) -> PersonTexts {
        let named = |names: Vec<String>, all: Vec<&str>| match names.first().map(String::as_str) {
            Some("all") if names.len() == 1 => all.into_iter().map(str::to_owned).collect(),
            Some("none") if names.len() == 1 => Vec::new(),
            _ => names,
        };
        PersonTexts {
            first_name: self.first_name,
            last_name: self.last_name,
            status: self.status,
            roles: self.roles.map(|names| named(names, PersonRole::ALL.map(PersonRole::name).to_vec())),
            permissions: self.permissions.map(|names| named(names, Permission::ALL.map(Permission::name).to_vec())),
        }
    }
}

/// Issue a token for a user and print it, once
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    flowgate user token --customer Shop ann@example.com\n  \
    flowgate user token --customer Shop ann@example.com --days 90 --description 'nightly export'")]
pub(super) struct Token {
    #[command(flatten)]
    user: Named,
    /// Days until it ends [default: it does not end]
    #[arg(long)]
    days: Option<i64>,
    /// What it is for, at most 512 characters
    #[arg(long, default_value = "")]
    description: String,
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(global, arguments),
        Command::List { customer } => list(global, &customer),
        Command::Show(user) => show(global, &user),
        Command::Set(arguments) => set(global, arguments),
        Command::Remove(user) => remove(global, user),
        Command::Token(arguments) => token(global, arguments),
        Command::Revoke(user) => revoke(global, user),
    }
}

fn add(global: &Global, Add { user, chosen }: Add) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &user.customer)?;
    let operation = AddPerson { username: user.username, texts: chosen.texts() };
    let added = session::perform(&app, &caller, operation)?;
    let text = format!("Added user '{}'.\n\n  Id  {}\n", added.username, added.public_id);
    output::show(global.json, &described(&added), &text)
}

fn list(global: &Global, customer: &str) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customer = session::operator_for(&app, customer)?.customer().id;
    let people = app.store.peek(|tx| person::list(tx, customer))?;
    let rows: Vec<_> = people
        .iter()
        .map(|person| {
            let roles = person.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ");
            let status = person.status.name().to_owned();
            [person.username.clone(), person.public_id.clone(), status, roles, person.created.to_atom()]
        })
        .collect();
    let value = people.iter().map(described).collect();
    output::show(global.json, &value, &output::table(["USERNAME", "ID", "STATUS", "ROLES", "ADDED"], &rows))
}

fn show(global: &Global, user: &Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let customer = session::operator_for(&app, &user.customer)?.customer().id;
    let found = app.store.peek(|tx| person::find_by_username(tx, customer, &user.username.to_lowercase()))?;
    let Some(found) = found else { anyhow::bail!("There is no user '{}'", user.username) };
    let value = described(&found);
    let mut text = String::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let shown = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        text.push_str(format!("{name:<12} {shown}").trim_end());
        text.push('\n');
    }
    output::show(global.json, &value, &text)
}

fn set(global: &Global, Set { user, chosen }: Set) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &user.customer)?;
    let operation = UpdatePerson { username: user.username, texts: chosen.texts() };
    let changed = session::perform(&app, &caller, operation)?;
    let text = format!("Changed user '{}'. A running server follows within a second.\n", changed.username);
    output::show(global.json, &described(&changed), &text)
}

fn remove(global: &Global, user: Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &user.customer)?;
    let value = json!({"removed": user.username});
    let text = format!("Removed user '{}'. A running server follows within a second.\n", user.username);
    session::perform(&app, &caller, RemovePerson { username: user.username })?;
    output::show(global.json, &value, &text)
}

fn token(global: &Global, Token { user, days, description }: Token) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &user.customer)?;
    let operation = IssuePersonToken { username: user.username, description, days };
    let issued = session::perform(&app, &caller, operation)?;
    let expires = issued.expires.map(|at| at.to_atom());
    let until = expires.as_deref().unwrap_or("it is revoked");
    output::show(
        global.json,
        &json!({"token": issued.token, "expires": expires}),
        &format!("Issued a token.\n\n  Token        {}\n  Valid until  {until}\n\n{}\n", issued.token, output::ONCE),
    )
}

fn revoke(global: &Global, user: Named) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, &user.customer)?;
    let revoked = session::perform(&app, &caller, RevokePersonTokens { username: user.username })?;
    let text = format!("Revoked {revoked} tokens. A running server follows within a second.\n");
    output::show(global.json, &json!({"revoked": revoked}), &text)
}

fn described(person: &Person) -> Value {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.name()).collect();
    let permissions: Vec<&str> = person.permissions.iter().map(|permission| permission.name()).collect();
    json!({
        "username": person.username,
        "id": person.public_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "status": person.status.name(),
        "roles": roles,
        "permissions": permissions,
        "last_login": person.last_login.map(|at| at.to_atom()),
        "created": person.created.to_atom(),
        "modified": person.modified.to_atom(),
    })
}

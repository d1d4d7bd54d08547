//! `flowgate token`: OAuth2 tokens.

use clap::Subcommand;
use serde_json::json;

use super::{Global, output, session};
use crate::operation::token::{IssueToken, RevokeTokens};

/// Issue OAuth2 tokens and revoke them
#[derive(Subcommand)]
pub(super) enum Command {
    /// Issue an access and a refresh token for an application and print them, once
    #[command(after_help = "Example:\n  flowgate token issue --customer Shop --app portal\n\n\
        The application must have been added with --oauth2. An access token is valid for\n\
        auth.token_lifetime days; a refresh token does not expire.")]
    Issue {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The application's name
        #[arg(long, value_name = "NAME")]
        app: String,
    },
    /// Revoke all tokens of an application, access and refresh tokens alike
    #[command(after_help = "Example:\n  flowgate token revoke --customer Shop --app portal\n\n\
        The application can get new ones with its client id and secret; to keep it from that,\n\
        replace the secret first: flowgate key rotate --client-secret.")]
    Revoke {
        /// The customer's name
        #[arg(long)]
        customer: String,
        /// The application's name
        #[arg(long, value_name = "NAME")]
        app: String,
    },
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Issue { customer, app } => issue(global, &customer, app),
        Command::Revoke { customer, app } => revoke(global, &customer, app),
    }
}

fn issue(global: &Global, customer: &str, application: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let tokens = session::perform(&app, &caller, IssueToken { application })?;
    let expires = tokens.expires.to_atom();
    output::show(
        global.json,
        &json!({"access_token": tokens.access, "refresh_token": tokens.refresh, "expires": expires}),
        &format!(
            "Issued tokens.\n\n  Access token   {}\n  Refresh token  {}\n  Valid until    {expires}\n\n{}\n",
            tokens.access,
            tokens.refresh,
            output::ONCE
        ),
    )
}

fn revoke(global: &Global, customer: &str, application: String) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = session::operator_for(&app, customer)?;
    let revoked = session::perform(&app, &caller, RevokeTokens { application })?;
    output::show(
        global.json,
        &json!({"revoked": revoked}),
        &format!("Revoked {revoked} tokens. A running server follows within a second.\n"),
    )
}

//! Who calls: the one way from a credential to a [`Caller`], without which no operation runs.
//! It knows no wire; a façade finds the credential and hands it over.

pub mod address;
pub mod caller;
pub mod credential;
pub mod key;
pub mod limit;
pub mod token;

use std::net::IpAddr;
use std::sync::Arc;

pub use self::caller::{Caller, operator};
pub use self::credential::Credential;
use crate::app::App;
use crate::app::bucket::BucketKey;
use crate::app::principal::{Pass, Principal, PrincipalKey, Role};
use crate::error::{Code, Error, Result};
use crate::model::account::Application;
use crate::store::token::TokenKind;
use crate::store::{account, token as tokens, webhook};

/// Longer keys are not even looked up (document 003: "string(512)").
const LONGEST_KEY: usize = 512;

/// Longer URIs of webhooks are not even looked up.
const LONGEST_URI: usize = 128;

/// Turns a credential and the client's address into a caller, and takes one request from its allowance.
///
/// A credential that is unknown and one that is wrong take the same path to the same answer.
pub fn authenticate(app: &App, credential: &Credential, address: IpAddr) -> Result<Caller> {
    let principal = match credential {
        Credential::Keys { api, app: application } => by_keys(app, api, application)?,
        Credential::Basic { user, password } => by_keys(app, user, password)?,
        Credential::Bearer(token) => by_token(app, token)?,
        Credential::Webhook(uri) => by_webhook(app, uri)?,
    };
    let default_limit = app.config.auth.rate_limit;
    let (key, limit) = match &principal.role {
        Role::Application(application) => {
            admit_address(application, address)?;
            (BucketKey::Application(application.id), application.rate_limit.unwrap_or(default_limit))
        }
        Role::Webhook { webhook, application } => {
            let limit = application.as_ref().and_then(|application| application.rate_limit).unwrap_or(default_limit);
            (BucketKey::Webhook(webhook.id), limit)
        }
        Role::Operator => return Err(wrong_credentials()),
    };
    let allowance = limit::take(app, key, limit)?;
    Ok(Caller::new(principal, address, allowance))
}

fn by_keys(app: &App, api_key: &str, app_key: &str) -> Result<Arc<Principal>> {
    if !(1..=LONGEST_KEY).contains(&api_key.len()) || !(1..=LONGEST_KEY).contains(&app_key.len()) {
        return Err(wrong_credentials());
    }
    let (api_hash, app_hash) = (key::hash(api_key), key::hash(app_key));
    let cache_key = PrincipalKey::Keys(api_hash, app_hash);
    let generation = app.store.generation();
    if let Some(principal) = app.principals.get(generation, &cache_key) {
        return Ok(principal);
    }
    let found = app.store.peek(|tx| account::find_by_keys(tx, &api_hash, &app_hash))?;
    let (customer, application) = found.ok_or_else(wrong_credentials)?;
    let actor = format!("application:{}", application.name);
    let principal = Arc::new(Principal { customer, role: Role::Application(application), actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
}

fn by_token(app: &App, token: &str) -> Result<Arc<Principal>> {
    if !(1..=LONGEST_KEY).contains(&token.len()) {
        return Err(token::invalid());
    }
    let hash = key::hash(token);
    let generation = app.store.generation();
    let pass = match app.passes.get(generation, &hash) {
        Some(pass) => pass,
        None => {
            let pass = find_pass(app, &hash)?.ok_or_else(token::invalid)?;
            app.passes.put(generation, hash, pass.clone());
            pass
        }
    };
    match pass.expires {
        Some(expires) if expires <= app.clock.now() => Err(token::invalid()),
        _ => Ok(pass.principal),
    }
}

fn find_pass(app: &App, hash: &[u8; 32]) -> Result<Option<Pass>> {
    app.store.peek(|tx| {
        let Some((id, expires)) = tokens::find(tx, hash, TokenKind::Access)? else { return Ok(None) };
        let Some((customer, application)) = account::find_by_id(tx, id)? else { return Ok(None) };
        // Turning OAuth2 off for an application ends the tokens it has.
        if !application.oauth2 {
            return Ok(None);
        }
        let actor = format!("application:{}", application.name);
        let principal = Arc::new(Principal { customer, role: Role::Application(application), actor });
        Ok(Some(Pass { principal, expires }))
    })
}

fn by_webhook(app: &App, uri: &str) -> Result<Arc<Principal>> {
    let uri = uri.strip_prefix('/').unwrap_or(uri);
    if uri.len() > LONGEST_URI {
        return Err(no_webhook());
    }
    let cache_key = PrincipalKey::Webhook(uri.to_owned());
    let generation = app.store.generation();
    if let Some(principal) = app.principals.get(generation, &cache_key) {
        return Ok(principal);
    }
    let found = app.store.peek(|tx| {
        let Some(webhook) = webhook::find_by_uri(tx, uri)? else { return Ok(None) };
        let application = match webhook.application {
            Some(id) => account::find_by_id(tx, id)?.map(|(_, application)| application),
            None => None,
        };
        let customer = account::find_customer_by_id(tx, webhook.customer)?;
        Ok(customer.map(|customer| (customer, webhook, application)))
    })?;
    let (customer, webhook, application) = found.ok_or_else(no_webhook)?;
    let actor = format!("webhook:{}", webhook.id);
    let principal = Arc::new(Principal { customer, role: Role::Webhook { webhook, application }, actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
}

fn admit_address(application: &Application, address: IpAddr) -> Result<()> {
    if application.addresses.iter().any(|network| network.contains(address)) {
        return Ok(());
    }
    let shown = address.to_canonical();
    let message = format!("The address {shown} is not allowed for this application");
    Err(Error::new(Code::AddressRefused, message))
}

/// The URI is not shown: the log gets this sentence too, and a mistyped or misplaced secret must not stand there.
fn no_webhook() -> Error {
    Error::new(Code::NotFound, "There is no webhook with this Uri")
}

/// The documented sentence, with its full stop (document 003, SOAP fault).
fn wrong_credentials() -> Error {
    Error::new(Code::Unauthenticated, "The credentials are not correct.")
}

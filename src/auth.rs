//! Who calls: the one way from a credential to a [`Caller`], without which no operation runs.
//! It knows no wire; a façade finds the credential and hands it over.

pub mod address;
pub mod caller;
pub mod credential;
pub mod guard;
pub mod key;
pub mod limit;
pub mod scope;
pub mod token;

use std::net::IpAddr;
use std::sync::Arc;

pub use self::caller::{Caller, operator};
pub use self::credential::Credential;
pub use self::guard::Post;
use self::guard::Scheme;
use crate::app::App;
use crate::app::bucket::BucketKey;
use crate::app::principal::{Pass, Principal, PrincipalKey, Role};
use crate::error::{Code, Error, Result};
use crate::model::account::{Application, CustomerId};
use crate::model::catalogue::is_active;
use crate::model::person::PersonStatus;
use crate::model::scope::Scopes;
use crate::model::webhook::{Guard, Webhook};
use crate::store::Tx;
use crate::store::token::TokenKind;
use crate::store::{account, callback, catalogue, person, token as tokens, webhook};

/// Longer keys are not even looked up (document 003: "string(512)").
const LONGEST_KEY: usize = 512;

/// Longer URIs of webhooks are not even looked up.
const LONGEST_URI: usize = 128;

/// As [`authenticate`], and holds the answer to a failed attempt back where that is due (see [`limit::hold_back`]).
///
/// A façade that has a request's body at hand lets go of it in between: it would be held as well.
/// # Errors
/// As [`authenticate`].
pub async fn admit(app: &App, credential: &Credential, address: IpAddr) -> Result<Caller> {
    let outcome = authenticate(app, credential, address);
    if let Err(error) = &outcome {
        limit::hold_back(app, error).await;
    }
    outcome
}

/// What is said where no active flow has the public identifier. Like a webhook's URI, it is not shown.
const NO_FLOW: &str = "There is no active flow with this identifier";

/// Turns a credential and the client's address into a caller, and takes one request from its allowance.
///
/// A credential that is unknown and one that is wrong take the same path to the same answer, which is counted for the
/// address.
/// # Errors
/// `Unauthenticated`, `TokenInvalid`, or for a webhook `NotFound`: nobody stands behind the credential. `AddressRefused`
/// and `RateLimited`: somebody does.
pub fn authenticate(app: &App, credential: &Credential, address: IpAddr) -> Result<Caller> {
    authenticate_post(app, credential, guard::NOTHING, address)
}

/// As [`authenticate`] for what is posted to a webhook, which may have to prove more than that it knows the URI.
/// # Errors
/// As [`authenticate`]; `Unauthenticated` too where the proof is missing or wrong, and `TooLarge` for a body that is larger
/// than the webhook takes.
pub fn authenticate_post(app: &App, credential: &Credential, post: Post<'_>, address: IpAddr) -> Result<Caller> {
    identify(app, credential, post, address).map_err(|error| match error.code() {
        Code::Unauthenticated | Code::TokenInvalid | Code::NotFound => limit::failed(app, address, error),
        _ => error,
    })
}

fn identify(app: &App, credential: &Credential, post: Post<'_>, address: IpAddr) -> Result<Caller> {
    let (principal, narrowed) = match credential {
        Credential::Keys { api, app: application } => (by_keys(app, api, application)?, None),
        Credential::ApiKey(api) => {
            let principal = by_api_key(app, api)?;
            let scopes = scopes_from(&principal.role, address)?;
            (principal, Some(scopes))
        }
        Credential::Basic { user, password } => (by_keys(app, user, password)?, None),
        Credential::Client { id, secret } => (by_client(app, id, secret)?, None),
        Credential::Webhook(uri) => (by_webhook(app, uri)?, None),
        Credential::Flow(public_id) => (by_flow(app, public_id)?, None),
        Credential::Bearer(token) | Credential::Person(token) => {
            let pass = by_token(app, token)?;
            // What people hold is good at their own addresses alone.
            let is_persons = matches!(pass.principal.role, Role::Person(_));
            if is_persons && !matches!(credential, Credential::Person(_)) {
                return Err(token::invalid());
            }
            (pass.principal, Some(pass.scopes))
        }
    };
    let default_limit = app.config.auth.rate_limit;
    let (key, limit) = match &principal.role {
        Role::Application(application) | Role::Client { application, .. } => {
            admit_address(application, address)?;
            (BucketKey::Application(application.id), application.rate_limit.unwrap_or(default_limit))
        }
        Role::Customer { .. } => (BucketKey::Customer(principal.customer.id), default_limit),
        Role::Webhook { webhook, application } => {
            let settings = &webhook.settings;
            admit_post(app, webhook, post)?;
            let of_application = || application.as_ref().and_then(|application| application.rate_limit);
            (BucketKey::Webhook(webhook.id), settings.rate_limit.or_else(of_application).unwrap_or(default_limit))
        }
        Role::Callback(callback) => {
            guarded(app, callback.customer, &callback.settings.guard, post)?;
            (BucketKey::Callback(callback.id), default_limit)
        }
        Role::Person(person) => (BucketKey::Person(person.id), default_limit),
        Role::Flow { flow, webhook } => {
            webhook.as_ref().map_or(Ok(()), |webhook| admit_post(app, webhook, post))?;
            let limit = webhook.as_ref().and_then(|webhook| webhook.settings.rate_limit);
            (BucketKey::Flow(principal.customer.id, *flow), limit.unwrap_or(default_limit))
        }
        Role::Operator => return Err(wrong_credentials()),
    };
    let allowance = limit::take(app, key, limit)?;
    let scopes = narrowed.unwrap_or_else(|| scopes_of(&principal.role));
    Ok(Caller::new(principal, scopes, address, allowance))
}

/// What a webhook asks of whatever is posted.
fn admit_post(app: &App, webhook: &Webhook, post: Post<'_>) -> Result<()> {
    admit_size(webhook.settings.body_limit, post)?;
    guarded(app, webhook.customer, &webhook.settings.guard, post)
}

fn scopes_of(role: &Role) -> Scopes {
    match role {
        Role::Application(application) | Role::Client { application, .. } => application.scopes,
        // People have permissions instead.
        Role::Webhook { .. } | Role::Callback(_) | Role::Person(_) | Role::Flow { .. } => Scopes::default(),
        // It depends on the address.
        Role::Customer { .. } => Scopes::default(),
        Role::Operator => Scopes::all(),
    }
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
    let actor = actor_of(&application);
    let principal = Arc::new(Principal { customer, role: Role::Application(application), actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
}

fn by_api_key(app: &App, api_key: &str) -> Result<Arc<Principal>> {
    if !(1..=LONGEST_KEY).contains(&api_key.len()) {
        return Err(wrong_credentials());
    }
    let hash = key::hash(api_key);
    let cache_key = PrincipalKey::ApiKey(hash);
    let generation = app.store.generation();
    if let Some(principal) = app.principals.get(generation, &cache_key) {
        return Ok(principal);
    }
    let found = app.store.peek(|tx| account::find_by_api_key(tx, &hash))?;
    let (customer, applications) = found.ok_or_else(wrong_credentials)?;
    let actor = format!("customer:{}", customer.name);
    let principal = Arc::new(Principal { customer, role: Role::Customer { applications }, actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
}

/// What the API key alone grants at an address: what one of the customer's applications may do that may call from there.
/// So an operator who limits all applications limits this too.
fn scopes_from(role: &Role, address: IpAddr) -> Result<Scopes> {
    let Role::Customer { applications } = role else { return Ok(Scopes::default()) };
    let mut here = applications.iter().filter(|application| admit_address(application, address).is_ok()).peekable();
    if here.peek().is_none() {
        let message = format!("The address {} is not allowed for this customer's applications", address.to_canonical());
        return Err(Error::new(Code::AddressRefused, message));
    }
    Ok(here.fold(Scopes::default(), |scopes, application| scopes.with(application.scopes)))
}

fn by_client(app: &App, id: &str, secret: &str) -> Result<Arc<Principal>> {
    if !(1..=LONGEST_KEY).contains(&id.len()) || !(1..=LONGEST_KEY).contains(&secret.len()) {
        return Err(wrong_credentials());
    }
    let secret_hash = key::hash(secret);
    let cache_key = PrincipalKey::Client(key::hash(id), secret_hash);
    let generation = app.store.generation();
    if let Some(principal) = app.principals.get(generation, &cache_key) {
        return Ok(principal);
    }
    let found = app.store.peek(|tx| account::find_by_client(tx, id))?;
    // An unknown client costs the same comparison as a known one.
    let (stored, found) = match found {
        Some((customer, application, stored)) => (stored, Some((customer, application))),
        None => (vec![0; 32], None),
    };
    let is_proved = key::same(&secret_hash, &stored);
    let found = found.filter(|(_, application)| is_proved && application.oauth2);
    let (customer, application) = found.ok_or_else(wrong_credentials)?;
    let actor = actor_of(&application);
    let role = Role::Client { application, client_id: id.to_owned() };
    let principal = Arc::new(Principal { customer, role, actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
}

fn actor_of(application: &Application) -> String {
    format!("application:{}", application.name)
}

fn by_token(app: &App, token: &str) -> Result<Pass> {
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
        _ => Ok(pass),
    }
}

fn find_pass(app: &App, hash: &[u8; 32]) -> Result<Option<Pass>> {
    app.store.peek(|tx| {
        let Some(found) = tokens::find(tx, hash, TokenKind::Access)? else { return find_persons_pass(tx, hash) };
        let Some((customer, application)) = account::find_by_id(tx, found.application)? else { return Ok(None) };
        // Turning OAuth2 off for an application ends the tokens it has.
        if !application.oauth2 {
            return Ok(None);
        }
        let (actor, scopes) = (actor_of(&application), token::scopes(&application, &found));
        let principal = Arc::new(Principal { customer, role: Role::Application(application), actor });
        Ok(Some(Pass { principal, scopes, expires: found.expires }))
    })
}

fn find_persons_pass(tx: &mut dyn Tx, hash: &[u8; 32]) -> Result<Option<Pass>> {
    let Some((person, expires)) = person::find_by_token(tx, hash)? else { return Ok(None) };
    let customer = account::find_customer_by_id(tx, person.customer)?;
    let Some(customer) = customer.filter(|_| person.status == PersonStatus::Active) else { return Ok(None) };
    let actor = format!("user:{}", person.username);
    let principal = Arc::new(Principal { customer, role: Role::Person(person), actor });
    Ok(Some(Pass { principal, scopes: Scopes::default(), expires }))
}

fn by_flow(app: &App, public_id: &str) -> Result<Arc<Principal>> {
    let public_id = public_id.to_ascii_lowercase();
    let is_one = public_id.len() == 24 && public_id.bytes().all(|digit| digit.is_ascii_hexdigit());
    let no_flow = || Error::new(Code::NotFound, NO_FLOW);
    if !is_one {
        return Err(no_flow());
    }
    let cache_key = PrincipalKey::Flow(public_id.clone());
    let generation = app.store.generation();
    if let Some(principal) = app.principals.get(generation, &cache_key) {
        return Ok(principal);
    }
    let found = app.store.peek(|tx| {
        let found = catalogue::find_anybodys(tx, &public_id)?;
        let Some(flow) = found.filter(|flow| is_active(flow.status)) else { return Ok(None) };
        let Some(customer) = account::find_customer_by_id(tx, flow.customer)? else { return Ok(None) };
        // Anybody may name a webhook so; only the flow's own counts.
        let webhook = webhook::find_by_uri(tx, &public_id)?;
        let webhook = webhook.filter(|webhook| (webhook.customer, webhook.flow) == (customer.id, flow.id));
        Ok(Some((customer, flow.id, webhook)))
    })?;
    let (customer, flow, webhook) = found.ok_or_else(no_flow)?;
    let actor = format!("flow:{}", flow.0);
    let principal = Arc::new(Principal { customer, role: Role::Flow { flow, webhook }, actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
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
    let Some((customer, webhook, application)) = found else { return by_callback(app, uri) };
    let actor = format!("webhook:{}", webhook.id);
    let principal = Arc::new(Principal { customer, role: Role::Webhook { webhook, application }, actor });
    app.principals.put(generation, cache_key, Arc::clone(&principal));
    Ok(principal)
}

/// An address that a run waits at. It is not remembered: it comes and goes with its record, and is used once.
fn by_callback(app: &App, uri: &str) -> Result<Arc<Principal>> {
    let found = app.store.peek(|tx| {
        let Some(callback) = callback::find_by_uri(tx, uri)? else { return Ok(None) };
        let customer = account::find_customer_by_id(tx, callback.customer)?;
        Ok(customer.map(|customer| (customer, callback)))
    })?;
    let (customer, callback) = found.ok_or_else(no_webhook)?;
    let actor = format!("callback:{}", callback.id);
    Ok(Arc::new(Principal { customer, role: Role::Callback(callback), actor }))
}

/// The guard's refusal, which knows by what something was to be proved.
fn guarded(app: &App, customer: CustomerId, guard: &Guard, post: Post<'_>) -> Result<()> {
    guard::check(app, customer, guard, post).map_err(|error| match (error.code(), Scheme::of(guard)) {
        (Code::Unauthenticated, Some(scheme)) => error.because(limit::Unproved(scheme)),
        _ => error,
    })
}

fn admit_size(limit: Option<u32>, post: Post<'_>) -> Result<()> {
    match limit.filter(|limit| usize::try_from(*limit).is_ok_and(|limit| post.body.len() > limit)) {
        None => Ok(()),
        Some(limit) => Err(Error::new(Code::TooLarge, format!("The body is larger than {limit} bytes"))),
    }
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

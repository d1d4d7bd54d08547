//! What whoever posts to a webhook has to prove, checked. It sees what was posted as its façade found it, and no wire.
//!
//! All that is wrong is answered alike, but for what is missing and for a time that is too far away: whoever posts can
//! do something about these.

use crate::app::App;
use crate::app::secret::Opened;
use crate::app::signature::{SigningKey, is_authentic, is_recent, is_signed};
use crate::auth::{Credential, key};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::time::MILLISECONDS_OF_A_SECOND;
use crate::model::webhook::{Guard, Hmac, TOLERANCE};

/// What was posted, as far as it may prove something.
#[derive(Clone, Copy)]
pub struct Post<'p> {
    /// The value of the header of that name; `None` if there is none, or several.
    pub header: &'p dyn Fn(&str) -> Option<&'p str>,
    /// The credential that HTTP carries.
    pub credential: Option<&'p Credential>,
    /// The body, as it was sent.
    pub body: &'p [u8],
}

/// Nothing was posted: only what asks for no proof is open to it.
pub const NOTHING: Post<'static> = Post { header: &|_| None, credential: None, body: &[] };

/// By what a guard has whoever posts prove something, for the challenge of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A user and a password.
    Basic,
    /// A token.
    Bearer,
    /// A signature.
    Signature,
}

impl Scheme {
    pub(super) fn of(guard: &Guard) -> Option<Scheme> {
        match guard {
            Guard::Open => None,
            Guard::Basic { .. } => Some(Scheme::Basic),
            Guard::Bearer { .. } => Some(Scheme::Bearer),
            Guard::Hmac(_) | Guard::Standard { .. } => Some(Scheme::Signature),
        }
    }
}

/// Refuses what does not prove what the guard asks for.
/// # Errors
/// `Unauthenticated`; `Unavailable` if the guard's own secrets cannot be had.
pub(super) fn check(app: &App, customer: CustomerId, guard: &Guard, post: Post<'_>) -> Result<()> {
    if *guard == Guard::Open {
        return Ok(());
    }
    let secrets = app.secrets(customer)?.open(guard.secrets())?;
    match guard {
        Guard::Open => Ok(()),
        Guard::Basic { user, secret } => {
            let expected = secret_of(&secrets, secret)?;
            match post.credential {
                Some(Credential::Basic { user: given, password }) => {
                    // Both are compared, so that the time does not tell which is wrong.
                    let (name, word) = (is_same(given, user), is_same(password, expected));
                    wrong_unless(name & word)
                }
                _ => Err(missing("A user and a password (HTTP Basic)")),
            }
        }
        Guard::Bearer { secret } => {
            let expected = secret_of(&secrets, secret)?;
            match post.credential {
                Some(Credential::Bearer(token)) => wrong_unless(is_same(token, expected)),
                _ => Err(missing("A token (HTTP Bearer)")),
            }
        }
        Guard::Hmac(hmac) => check_hmac(app, hmac, secret_of(&secrets, &hmac.secret)?, post),
        Guard::Standard { secrets: names } => {
            let keys = names.iter().map(|name| SigningKey::parse(secret_of(&secrets, name)?).map_err(unusable));
            check_standard(app, &keys.collect::<Result<Vec<_>>>()?, post)
        }
    }
}

fn check_hmac(app: &App, hmac: &Hmac, secret: &str, post: Post<'_>) -> Result<()> {
    let given = header(post, &hmac.header)?;
    let timestamp = hmac.timestamp_header.as_deref().map(|name| header(post, name)).transpose()?;
    let message: Vec<&[u8]> = match timestamp {
        Some(timestamp) => vec![timestamp.as_bytes(), b".", post.body],
        None => vec![post.body],
    };
    let is_good = given
        .strip_prefix(hmac.prefix.as_str())
        .is_some_and(|signature| is_authentic(hmac.algorithm, hmac.encoding, secret.as_bytes(), &message, signature));
    wrong_unless(is_good)?;
    timestamp.map_or(Ok(()), |timestamp| recent(app, timestamp, hmac.tolerance))
}

fn check_standard(app: &App, keys: &[SigningKey], post: Post<'_>) -> Result<()> {
    let (id, timestamp) = (header(post, "webhook-id")?, header(post, "webhook-timestamp")?);
    wrong_unless(is_signed(keys, id, timestamp, post.body, header(post, "webhook-signature")?))?;
    recent(app, timestamp, TOLERANCE)
}

fn recent(app: &App, timestamp: &str, tolerance: u32) -> Result<()> {
    match is_recent(timestamp, app.clock.now(), i64::from(tolerance) * MILLISECONDS_OF_A_SECOND) {
        true => Ok(()),
        false => Err(Error::new(
            Code::Unauthenticated,
            format!("The message was signed more than {tolerance} seconds ago, or for a time to come"),
        )),
    }
}

fn header<'p>(post: Post<'p>, name: &str) -> Result<&'p str> {
    (post.header)(name).ok_or_else(|| missing(&format!("The header {name}")))
}

fn is_same(given: &str, expected: &str) -> bool {
    key::same(&key::hash(given), &key::hash(expected))
}

fn secret_of<'s>(secrets: &'s Opened, name: &str) -> Result<&'s str> {
    secrets.get(name).ok_or_else(|| unusable(format!("there is no secret '{name}'")))
}

/// The operator hears why; whoever posts only that it is not their fault.
fn unusable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Code::Unavailable, "The webhook cannot check who posts at the moment").because(cause)
}

fn missing(what: &str) -> Error {
    Error::new(Code::Unauthenticated, format!("{what} is required"))
}

fn wrong_unless(is_good: bool) -> Result<()> {
    match is_good {
        true => Ok(()),
        false => Err(Error::new(Code::Unauthenticated, "The credentials are not correct.")),
    }
}

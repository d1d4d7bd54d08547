//! OAuth2 tokens of applications: how they come to be, follow one another and end.
//!
//! Tokens that come from one log-in are a family. Refresh tokens may be replaced each time they are used (RFC 9700
//! §4.14.2); a replaced one that turns up again was stolen, or its successor was, so the family ends.

use crate::error::{Code, Error, Result};
use crate::model::account::Application;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::store::Tx;
use crate::store::token::{self, Token, TokenKind};

use super::key;

/// Tokens of one application. Some clients log in for each request, and refresh tokens do not expire; beyond this number
/// the oldest tokens end.
const MOST_TOKENS: i64 = 10_000;
/// What is left of them then, so that counting them all out is rare.
const KEPT_TOKENS: i64 = MOST_TOKENS / 10 * 9;

/// A pair of tokens, at the only moment they can be read.
pub struct Tokens {
    /// What requests carry: 64 hexadecimal digits.
    pub access: String,
    /// What a new access token is got with: 64 hexadecimal digits; it does not expire.
    pub refresh: String,
    /// When the access token ends.
    pub expires: Timestamp,
}

/// A new access token, at the only moment it can be read.
pub struct Refreshed {
    /// What requests carry.
    pub access: String,
    /// What takes the place of the refresh token that was used, if it was replaced.
    pub refresh: Option<String>,
    /// When the access token ends.
    pub expires: Timestamp,
}

/// What came of a refresh token.
pub enum Use {
    /// It was good.
    Good(Refreshed),
    /// It was replaced before: all tokens of this family are to be revoked.
    Again(String),
    /// It is unknown, or another application's.
    Unknown,
}

/// When and for how long tokens are issued.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The time.
    pub now: Timestamp,
    /// Milliseconds that an access token lives.
    pub lifetime: i64,
}

impl Validity {
    fn end(self) -> Timestamp {
        Timestamp(self.now.0.saturating_add(self.lifetime))
    }
}

/// Issues an access and a refresh token for an application that uses OAuth2, with these scopes at most.
/// # Errors
/// `InvalidInput` if the application does not use OAuth2.
pub fn issue(tx: &mut dyn Tx, application: &Application, scopes: Option<Scopes>, validity: Validity) -> Result<Tokens> {
    make_room(tx, application, validity)?;
    let mut token = blank(application, scopes, validity);
    token.family = Some(key::generate_id()?);
    let refresh = insert(tx, TokenKind::Refresh, &token)?;
    token.expires = Some(validity.end());
    Ok(Tokens { access: insert(tx, TokenKind::Access, &token)?, refresh, expires: validity.end() })
}

/// Issues an access token alone (RFC 6749 §4.4.3), with these scopes at most.
/// # Errors
/// As [`issue`].
pub fn grant(tx: &mut dyn Tx, application: &Application, scopes: Option<Scopes>, validity: Validity) -> Result<String> {
    make_room(tx, application, validity)?;
    let token = Token { expires: Some(validity.end()), ..blank(application, scopes, validity) };
    insert(tx, TokenKind::Access, &token)
}

/// Issues an access token for a refresh token, and another refresh token if that is to be replaced.
/// # Errors
/// As [`issue`].
pub fn refresh(
    tx: &mut dyn Tx,
    application: &Application,
    refresh_token: &str,
    replaces: bool,
    validity: Validity,
) -> Result<Use> {
    let hash = key::hash(refresh_token);
    let is_own = |token: &Token| token.application == application.id;
    let Some(used) = token::find(tx, &hash, TokenKind::Refresh)?.filter(is_own) else {
        let replaced = token::find(tx, &hash, TokenKind::Replaced)?.filter(is_own);
        return Ok(replaced.and_then(|token| token.family).map_or(Use::Unknown, Use::Again));
    };
    make_room(tx, application, validity)?;
    let family = match used.family {
        Some(family) => family,
        None => {
            let family = key::generate_id()?;
            token::update_family(tx, &hash, &family)?;
            family
        }
    };
    let mut token = Token { family: Some(family), ..blank(application, used.scopes, validity) };
    let successor = match replaces {
        true => {
            // As long as the access tokens of the family can be misused.
            token::replace(tx, &hash, validity.end())?;
            Some(insert(tx, TokenKind::Refresh, &token)?)
        }
        false => None,
    };
    token.expires = Some(validity.end());
    let access = insert(tx, TokenKind::Access, &token)?;
    Ok(Use::Good(Refreshed { access, refresh: successor, expires: validity.end() }))
}

/// What a token grants: within what its application was granted, which may have become less since.
pub fn scopes(application: &Application, token: &Token) -> Scopes {
    token.scopes.map_or(application.scopes, |scopes| application.scopes.common(scopes))
}

/// The documented answer to an unknown, expired or revoked token.
pub fn invalid() -> Error {
    Error::new(Code::TokenInvalid, "Invalid Token Error")
}

/// Here and nowhere else tokens come to be, so their number stays bounded.
fn make_room(tx: &mut dyn Tx, application: &Application, validity: Validity) -> Result<()> {
    if !application.oauth2 {
        return Err(Error::invalid("The application does not use OAuth2, so it has no tokens"));
    }
    token::remove_expired(tx, validity.now)?;
    token::remove_oldest(tx, application.id, MOST_TOKENS, KEPT_TOKENS)?;
    Ok(())
}

fn blank(application: &Application, scopes: Option<Scopes>, validity: Validity) -> Token {
    Token { application: application.id, scopes, family: None, created: validity.now, expires: None }
}

fn insert(tx: &mut dyn Tx, kind: TokenKind, token: &Token) -> Result<String> {
    let secret = key::generate_secret()?;
    token::insert(tx, &key::hash(&secret), kind, token)?;
    Ok(secret)
}

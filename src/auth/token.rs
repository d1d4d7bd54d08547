//! OAuth2 tokens of applications: how they are issued and by what an application proves itself to get them.

use std::net::IpAddr;

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::model::account::Application;
use crate::model::time::Timestamp;
use crate::store::token::{self, TokenKind};
use crate::store::{Tx, account};

use super::{admit_address, key, wrong_credentials};

/// A pair of tokens, at the only moment they can be read.
pub struct Tokens {
    /// What requests carry.
    pub access: String,
    /// What a new access token is got with; it does not expire.
    pub refresh: String,
    /// When the access token ends.
    pub expires: Timestamp,
}

/// Issues an access and a refresh token for an application that uses OAuth2.
pub fn issue(tx: &mut dyn Tx, application: &Application, now: Timestamp, lifetime: i64) -> Result<Tokens> {
    if !application.oauth2 {
        return Err(Error::invalid("The application does not use OAuth2, so it has no tokens"));
    }
    // Here and nowhere else tokens come to be, so their number stays bounded by those that are valid.
    token::remove_expired(tx, now)?;
    let expires = Timestamp(now.0.saturating_add(lifetime));
    let tokens = Tokens { access: key::generate_secret()?, refresh: key::generate_secret()?, expires };
    token::insert(tx, &key::hash(&tokens.access), TokenKind::Access, application.id, Some(expires), now)?;
    token::insert(tx, &key::hash(&tokens.refresh), TokenKind::Refresh, application.id, None, now)?;
    Ok(tokens)
}

/// The application that a client id and secret belong to, if it uses OAuth2 and may call from there.
pub fn find_client(app: &App, client_id: &str, client_secret: &str, address: IpAddr) -> Result<Application> {
    let found = app.store.peek(|tx| account::find_by_client(tx, client_id))?;
    // An unknown client costs the same hash and comparison as a known one.
    let (stored, application) = match found {
        Some((_, application, stored)) => (stored, Some(application)),
        None => (vec![0; 32], None),
    };
    let proved = key::same(&key::hash(client_secret), &stored);
    match application {
        Some(application) if proved && application.oauth2 => {
            admit_address(&application, address)?;
            Ok(application)
        }
        _ => Err(wrong_credentials()),
    }
}

/// The documented answer to an unknown, expired or revoked token.
pub(super) fn invalid() -> Error {
    Error::new(Code::TokenInvalid, "Invalid Token Error")
}

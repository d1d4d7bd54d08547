//! OAuth2 tokens: what a client gets, exchanges, asks about and gives up with its client id and secret, and what the
//! operator does for it. What clients do is not audited: there may be as much of it as of requests.

use crate::app::App;
use crate::auth::token::{self, Refreshed, Tokens, Use, Validity};
use crate::auth::{Caller, key, limit};
use crate::error::{Error, Result};
use crate::model::account::Application;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::operation::account::{find_application, record};
use crate::operation::{Access, Operation};
use crate::store::token::{self as tokens, TokenKind};

/// Issues an access and a refresh token to the client that calls (document 003, checkAuthentication).
pub struct CheckAuthentication;

impl Operation for CheckAuthentication {
    const NAME: &'static str = "checkAuthentication";
    const ACCESS: Access = Access::Client;
    type Output = Tokens;

    async fn run(self, app: &App, caller: &Caller) -> Result<Tokens> {
        let (application, scopes) = client(caller)?;
        let validity = validity(app);
        app.store.write(move |tx| token::issue(tx, &application, scopes, validity)).await
    }
}

/// Issues another access token for a refresh token (document 003, refreshToken), and another refresh token where the
/// settings have it so (`auth.rotate_refresh_tokens`).
///
/// A refresh token that was replaced and is used again revokes all tokens that came from the same log-in.
pub struct RefreshToken {
    /// The refresh token.
    pub refresh_token: String,
}

impl Operation for RefreshToken {
    const NAME: &'static str = "refreshToken";
    const ACCESS: Access = Access::Client;
    type Output = Refreshed;

    async fn run(self, app: &App, caller: &Caller) -> Result<Refreshed> {
        let (application, _) = client(caller)?;
        let (replaces, validity) = (app.config.auth.rotate_refresh_tokens, validity(app));
        let used = app
            .store
            .write(move |tx| token::refresh(tx, &application, &self.refresh_token, replaces, validity))
            .await?;
        match used {
            Use::Good(refreshed) => return Ok(refreshed),
            Use::Again(family) => {
                let application = caller.actor();
                log::warn!(application; "A refresh token that was replaced has been used again; its tokens are revoked");
                app.store.administer(move |tx| tokens::remove_family(tx, &family)).await?;
            }
            Use::Unknown => {}
        }
        Err(limit::failed(app, caller.address(), token::invalid()))
    }
}

/// Issues an access token alone to the client that calls (RFC 6749 §4.4).
pub struct GrantToken {
    /// What the token is to grant; `None` for all that the client's application may do.
    pub scopes: Option<Scopes>,
}

/// An access token, at the only moment it can be read.
pub struct Granted {
    /// What requests carry.
    pub access: String,
    /// Milliseconds until it ends.
    pub lifetime: i64,
    /// What it grants.
    pub scopes: Scopes,
}

impl Operation for GrantToken {
    const NAME: &'static str = "grantToken";
    const ACCESS: Access = Access::Client;
    type Output = Granted;

    async fn run(self, app: &App, caller: &Caller) -> Result<Granted> {
        let caller = match self.scopes {
            Some(scopes) => caller.clone().narrowed(scopes)?,
            None => caller.clone(),
        };
        let (application, scopes) = client(&caller)?;
        let validity = validity(app);
        let access = app.store.write(move |tx| token::grant(tx, &application, scopes, validity)).await?;
        Ok(Granted { access, lifetime: validity.lifetime, scopes: caller.scopes() })
    }
}

/// Tells the client that calls about a token of its own (RFC 7662). `None` if the token is unknown, ended, or another
/// application's: the client learns no more than that it cannot be used.
pub struct IntrospectToken {
    /// The token, of either kind.
    pub token: String,
}

/// A token that can be used.
pub struct Introspection {
    /// Whether requests can carry it; a refresh token is good for access tokens alone.
    pub is_access: bool,
    /// What it grants now.
    pub scopes: Scopes,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends; `None` for a refresh token.
    pub expires: Option<Timestamp>,
}

impl Operation for IntrospectToken {
    const NAME: &'static str = "introspectToken";
    const ACCESS: Access = Access::Client;
    type Output = Option<Introspection>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Option<Introspection>> {
        let (application, _) = client(caller)?;
        let Some((kind, token)) = find_own(app, &application, &key::hash(&self.token))? else { return Ok(None) };
        let is_over = token.expires.is_some_and(|expires| expires <= app.clock.now());
        if is_over || kind == TokenKind::Replaced {
            return Ok(None);
        }
        let scopes = token::scopes(&application, &token);
        let is_access = kind == TokenKind::Access;
        Ok(Some(Introspection { is_access, scopes, issued: token.created, expires: token.expires }))
    }
}

/// Revokes a token of the client that calls (RFC 7009); a refresh token takes with it what came from the same log-in.
/// A token that is unknown, or another application's, is left as it is, and that is no failure.
pub struct RevokeToken {
    /// The token, of either kind.
    pub token: String,
}

impl Operation for RevokeToken {
    const NAME: &'static str = "revokeToken";
    const ACCESS: Access = Access::Client;
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (application, _) = client(caller)?;
        let hash = key::hash(&self.token);
        // Nothing is administered for nothing: that would make the gateway forget all it remembers.
        let Some((kind, token)) = find_own(app, &application, &hash)? else { return Ok(()) };
        let family = token.family.filter(|_| kind != TokenKind::Access);
        app.store
            .administer(move |tx| {
                tokens::remove(tx, &hash, kind)?;
                match family {
                    Some(family) => tokens::remove_family(tx, &family).map(drop),
                    None => Ok(()),
                }
            })
            .await
    }
}

/// Issues an access and a refresh token for an application of the caller's customer.
pub struct IssueToken {
    /// The application's name.
    pub application: String,
}

impl Operation for IssueToken {
    const NAME: &'static str = "issueToken";
    const ACCESS: Access = Access::Operator;
    type Output = Tokens;

    async fn run(self, app: &App, caller: &Caller) -> Result<Tokens> {
        let (customer, actor, validity) = (caller.customer().id, caller.actor().to_owned(), validity(app));
        // A token changes nothing that is remembered, so the generation need not advance.
        app.store
            .write(move |tx| {
                let application = find_application(tx, customer, &self.application)?;
                let tokens = token::issue(tx, &application, None, validity)?;
                record(tx, customer, &actor, Self::NAME, &application.name, validity.now)?;
                Ok(tokens)
            })
            .await
    }
}

/// Revokes all tokens of an application of the caller's customer; gives their number.
pub struct RevokeTokens {
    /// The application's name.
    pub application: String,
}

impl Operation for RevokeTokens {
    const NAME: &'static str = "revokeTokens";
    const ACCESS: Access = Access::Operator;
    type Output = u64;

    async fn run(self, app: &App, caller: &Caller) -> Result<u64> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let application = find_application(tx, customer, &self.application)?;
                let revoked = tokens::remove_all(tx, application.id)?;
                record(tx, customer, &actor, Self::NAME, &application.name, now)?;
                Ok(revoked)
            })
            .await
    }
}

/// The application that calls, and what its tokens are limited to: a caller that narrowed itself gets no wider tokens.
fn client(caller: &Caller) -> Result<(Application, Option<Scopes>)> {
    let application = caller.application().ok_or_else(|| Error::internal("a client without an application"))?;
    let scopes = Some(caller.scopes()).filter(|scopes| *scopes != application.scopes);
    Ok((application.clone(), scopes))
}

fn validity(app: &App) -> Validity {
    Validity { now: app.clock.now(), lifetime: app.config.auth.token_milliseconds() }
}

fn find_own(app: &App, application: &Application, hash: &[u8]) -> Result<Option<(TokenKind, tokens::Token)>> {
    app.store.peek(|tx| {
        for kind in TokenKind::ALL {
            if let Some(token) = tokens::find(tx, hash, kind)? {
                return Ok(Some((kind, token)).filter(|(_, token)| token.application == application.id));
            }
        }
        Ok(None)
    })
}

//! `/v1/checkauthentication` and `/v1/refreshtoken` (document 003, "Authentication").

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::parameter::{GRANT_TYPE, REFRESH_TOKEN};
use crate::facade::v1::reply::Reply;
use crate::operation::execute;
use crate::operation::token::{CheckAuthentication, RefreshToken};

/// Tokens at the only moment they can be read.
#[derive(Serialize, ToSchema)]
pub struct IssuedTokens {
    /// What requests carry as `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// What a new access token is got with; it does not expire.
    refresh_token: String,
    /// When the access token ends, in seconds since 1970.
    expires_in: i64,
    /// Always null: the token has the scopes of its application.
    #[schema(required)]
    scopes: Option<String>,
    /// The application's number.
    user_id: String,
    /// The address to use in further requests.
    url: String,
}

/// A new access token.
#[derive(Serialize, ToSchema)]
pub struct RefreshedToken {
    /// The access token.
    access_token: String,
    /// When it ends, in seconds since 1970.
    expires_at: i64,
    /// The refresh token that replaces the one that was sent, where the gateway replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

/// GET /v1/checkauthentication.
pub async fn check(call: &Call<'_>) -> Result<Reply> {
    require_grant_type(call)?;
    let caller = call.caller()?;
    let tokens = execute(call.app, caller, CheckAuthentication).await?;
    secret(&IssuedTokens {
        access_token: tokens.access,
        token_type: "bearer",
        refresh_token: tokens.refresh,
        expires_in: tokens.expires.0 / 1_000,
        scopes: None,
        user_id: caller.application().map(|application| application.id.0.to_string()).unwrap_or_default(),
        url: format!("{}/v1", call.origin()),
    })
}

/// GET /v1/refreshtoken.
pub async fn refresh(call: &Call<'_>) -> Result<Reply> {
    require_grant_type(call)?;
    let refresh_token = call.parameters.require(&REFRESH_TOKEN)?.into_owned();
    let refreshed = execute(call.app, call.caller()?, RefreshToken { refresh_token }).await?;
    secret(&RefreshedToken {
        access_token: refreshed.access,
        expires_at: refreshed.expires.0 / 1_000,
        refresh_token: refreshed.refresh,
    })
}

fn require_grant_type(call: &Call<'_>) -> Result<()> {
    match &*call.parameters.require(&GRANT_TYPE)? {
        "client_credentials" => Ok(()),
        _ => Err(Error::invalid("grant_type must be client_credentials, which is the only one there is")),
    }
}

fn secret(resource: &impl Serialize) -> Result<Reply> {
    let mut reply = Reply::of(resource)?;
    reply.is_secret = true;
    Ok(reply)
}

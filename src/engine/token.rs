//! Access tokens of partners, got for a client id and secret (RFC 6749 §4.4) and used until shortly before they expire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::external;
use super::failure::StepFailure;
use crate::app::App;
use crate::auth::key;
use crate::model::account::CustomerId;
use crate::model::http::Method;
use crate::model::time::Timestamp;
use crate::outbound::Request;

/// Tokens that are remembered; then they are got anew.
const MOST: usize = 1_000;
/// How long before its end a token is not used any more, in milliseconds.
const MARGIN: i64 = 30_000;
/// How long a token is used of which it is not said how long it is valid, in milliseconds.
const USUAL: i64 = 300_000;

/// The tokens that were given, each until it expires.
#[derive(Default)]
pub(super) struct Tokens {
    given: Mutex<HashMap<[u8; 32], (String, Timestamp)>>,
}

/// Who asks whom for a token.
pub(super) struct Asked {
    pub(super) customer: CustomerId,
    pub(super) url: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) scope: Option<String>,
}

impl Asked {
    /// What tells a request for a token from others. The secret is part of it, so that a changed one counts at once.
    fn key(&self) -> [u8; 32] {
        let scope = self.scope.as_deref().unwrap_or_default();
        key::hash(&format!("{}\n{}\n{}\n{}\n{scope}", self.customer.0, self.url, self.client_id, self.client_secret))
    }
}

impl Tokens {
    /// A token: one that was given before, or a new one; and whether it was given before.
    pub(super) async fn get(&self, app: &App, asked: Asked) -> Result<(String, bool), StepFailure> {
        let (key, now) = (asked.key(), app.clock.now());
        let known = self.given.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((token, _)) = known.filter(|(_, until)| *until > now) {
            return Ok((token, true));
        }
        let (token, until) = ask(app, &asked).await?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.len() >= MOST {
            given.retain(|_, (_, until)| *until > now);
            if given.len() >= MOST {
                given.clear();
            }
        }
        given.insert(key, (token.clone(), until));
        Ok((token, false))
    }

    /// Forgets a token that was refused.
    pub(super) fn forget(&self, token: &str) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (known, _)| known != token);
    }
}

async fn ask(app: &App, asked: &Asked) -> Result<(String, Timestamp), StepFailure> {
    let answer = external::send(app, request(asked)).await.map_err(|failure| {
        let what = format!("No access token was given: {}", failure.text);
        if failure.is_final() { StepFailure::lasting("token", what) } else { StepFailure::passing("token", what) }
    })?;
    let now = app.clock.now();
    if answer.status != 200 {
        let failure = external::status(&answer, "200", now);
        return Err(StepFailure {
            kind: "token".into(),
            text: format!("No access token was given: the server of tokens answered {}", answer.status),
            ..failure
        });
    }
    let reply: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = reply.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| {
        StepFailure::passing("token", "No access token was given: the answer of the server of tokens has none")
    })?;
    let lifetime =
        reply.get("expires_in").and_then(Value::as_i64).map_or(USUAL, |seconds| seconds.saturating_mul(1_000));
    Ok((token.to_owned(), Timestamp(now.0.saturating_add(lifetime.saturating_sub(MARGIN)))))
}

fn request(asked: &Asked) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = &asked.scope {
        form.append_pair("scope", scope);
    }
    // Id and secret are encoded before they are put together (RFC 6749 §2.3.1).
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = base64(&format!("{}:{}", encode(&asked.client_id), encode(&asked.client_secret)));
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Accept", "application/json".to_owned()),
        ("Authorization", format!("Basic {credentials}")),
    ];
    Request {
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: form.finish().into_bytes(),
        ..Request::new(Method::Post, asked.url.clone())
    }
}

/// A text in base64.
pub(super) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

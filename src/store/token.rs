//! Issued tokens, found by their hash.
//! Whether one has expired is for its reader to decide, who has the clock.

use crate::error::{Error, Result};
use crate::model::account::ApplicationId;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::store::Tx;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Calling the gateway.
    Access,
    /// Getting another access token.
    Refresh,
    /// Nothing any more: a refresh token that was replaced, kept to notice who uses it again.
    Replaced,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [TokenKind; 3] = [TokenKind::Access, TokenKind::Refresh, TokenKind::Replaced];

    /// The kind's name in the store.
    pub fn name(self) -> &'static str {
        match self {
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
            TokenKind::Replaced => "replaced",
        }
    }
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whose it is.
    pub application: ApplicationId,
    /// What it gives at most; `None` for all that its application may do.
    pub scopes: Option<Scopes>,
    /// What it has in common with the tokens that it comes from and that come from it.
    pub family: Option<String>,
    /// When it was issued.
    pub created: Timestamp,
    /// When it ends; `None` for when it is removed.
    pub expires: Option<Timestamp>,
}

/// Inserts a token.
pub fn insert(tx: &mut dyn Tx, hash: &[u8], kind: TokenKind, token: &Token) -> Result<()> {
    let scopes = token.scopes.map(|scopes| scopes.names().join(" "));
    tx.execute(
        "INSERT INTO token (hash, kind, application_id, scopes, family, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            hash.into(),
            kind.name().into(),
            token.application.0.into(),
            scopes.as_deref().into(),
            token.family.as_deref().into(),
            token.created.0.into(),
            token.expires.map(|at| at.0).into(),
        ],
    )?;
    Ok(())
}

/// The token of that hash and kind; also if it has expired.
pub fn find(tx: &mut dyn Tx, hash: &[u8], kind: TokenKind) -> Result<Option<Token>> {
    let rows = tx.query(
        "SELECT application_id, scopes, family, created_at, expires_at FROM token WHERE hash = $1 AND kind = $2",
        &[hash.into(), kind.name().into()],
    )?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let scopes = row.optional_text(1)?.map(Scopes::parse).transpose();
    Ok(Some(Token {
        application: ApplicationId(row.integer(0)?),
        scopes: scopes.map_err(|_| Error::internal("a stored scope is unknown"))?,
        family: row.take_optional_text(2)?,
        created: Timestamp(row.integer(3)?),
        expires: row.optional_integer(4)?.map(Timestamp),
    }))
}

/// Puts a refresh token into a family.
pub fn update_family(tx: &mut dyn Tx, hash: &[u8], family: &str) -> Result<()> {
    tx.execute(
        "UPDATE token SET family = $3 WHERE hash = $1 AND kind = $2",
        &[hash.into(), TokenKind::Refresh.name().into(), family.into()],
    )?;
    Ok(())
}

/// Turns a refresh token into a replaced one, which is kept until then.
pub fn replace(tx: &mut dyn Tx, hash: &[u8], until: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE token SET kind = $3, expires_at = $4 WHERE hash = $1 AND kind = $2",
        &[hash.into(), TokenKind::Refresh.name().into(), TokenKind::Replaced.name().into(), until.0.into()],
    )?;
    Ok(())
}

/// Removes a token; false if there was none.
pub fn remove(tx: &mut dyn Tx, hash: &[u8], kind: TokenKind) -> Result<bool> {
    let removed = tx.execute("DELETE FROM token WHERE hash = $1 AND kind = $2", &[hash.into(), kind.name().into()])?;
    Ok(removed > 0)
}

/// Removes the tokens of a family; gives their number.
pub fn remove_family(tx: &mut dyn Tx, family: &str) -> Result<u64> {
    tx.execute("DELETE FROM token WHERE family = $1", &[family.into()])
}

/// Removes the tokens of an application; gives their number.
pub fn remove_all(tx: &mut dyn Tx, application: ApplicationId) -> Result<u64> {
    tx.execute("DELETE FROM token WHERE application_id = $1", &[application.0.into()])
}

/// Removes the tokens that expire now or earlier; gives their number.
pub fn remove_expired(tx: &mut dyn Tx, now: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM token WHERE expires_at <= $1", &[now.0.into()])
}

/// Removes an application's oldest tokens down to about `left` if it has more than `most`; gives their number.
///
/// Those issued in the same millisecond stay together, so that some more may be left.
pub fn remove_oldest(tx: &mut dyn Tx, application: ApplicationId, most: i64, left: i64) -> Result<u64> {
    let rows = tx.query("SELECT COUNT(*) FROM token WHERE application_id = $1", &[application.0.into()])?;
    let count = rows.first().map_or(Ok(0), |row| row.integer(0))?;
    if count <= most {
        return Ok(0);
    }
    tx.execute(
        "DELETE FROM token WHERE application_id = $1 AND created_at < (SELECT created_at FROM token \
         WHERE application_id = $1 ORDER BY created_at DESC LIMIT 1 OFFSET $2)",
        &[application.0.into(), left.saturating_sub(1).into()],
    )
}

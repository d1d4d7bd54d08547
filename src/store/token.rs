//! Issued tokens, found by their hash.
//! Whether one has expired is for its reader to decide, who has the clock.

use crate::error::Result;
use crate::model::account::ApplicationId;
use crate::model::time::Timestamp;
use crate::store::Tx;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Calling the gateway.
    Access,
    /// Getting another access token.
    Refresh,
}

impl TokenKind {
    /// The kind's name in the store.
    pub fn name(self) -> &'static str {
        match self {
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
        }
    }
}

/// Inserts a token; one without an expiry is good until it is removed.
pub fn insert(
    tx: &mut dyn Tx,
    hash: &[u8],
    kind: TokenKind,
    application: ApplicationId,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO token (hash, kind, application_id, expires_at, created_at) VALUES ($1, $2, $3, $4, $5)",
        &[hash.into(), kind.name().into(), application.0.into(), expires.map(|at| at.0).into(), now.0.into()],
    )?;
    Ok(())
}

/// Whose token it is, and when it expires; also if that has passed.
pub fn find(tx: &mut dyn Tx, hash: &[u8], kind: TokenKind) -> Result<Option<(ApplicationId, Option<Timestamp>)>> {
    let rows = tx.query(
        "SELECT application_id, expires_at FROM token WHERE hash = $1 AND kind = $2",
        &[hash.into(), kind.name().into()],
    )?;
    match rows.first() {
        Some(row) => Ok(Some((ApplicationId(row.integer(0)?), row.optional_integer(1)?.map(Timestamp)))),
        None => Ok(None),
    }
}

/// Removes a token; false if there was none.
pub fn remove(tx: &mut dyn Tx, hash: &[u8], kind: TokenKind) -> Result<bool> {
    let removed = tx.execute("DELETE FROM token WHERE hash = $1 AND kind = $2", &[hash.into(), kind.name().into()])?;
    Ok(removed > 0)
}

/// Removes the tokens that expire now or earlier; gives their number.
pub fn remove_expired(tx: &mut dyn Tx, now: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM token WHERE expires_at <= $1", &[now.0.into()])
}

//! Requests that may be sent twice: under the same key, the second one has no effect and gets the answer of the first.
//! What happened and that it happened are one transaction, so that neither is ever there without the other.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::{Caller, key};
use crate::error::{Code, Error, Result};
use crate::model::time::Timestamp;
use crate::operation::{Operation, admitted, execute};
use crate::store::Tx;
use crate::store::repeat::{self, Remembered, RepeatKey};

/// Characters of a key.
const LONGEST_KEY: usize = 255;
/// Milliseconds for which a webhook's messages are told apart: a day.
const DELIVERY_LIFETIME: i64 = 24 * 3_600_000;
/// How many expired keys are forgotten whenever one is remembered.
const FORGOTTEN: i64 = 100;

/// An operation that decides everything first and then writes once, so that it can be remembered with what it wrote.
/// Its fields say what was asked for, and its output can be kept as text.
pub trait Repeatable: Operation<Output: Serialize + DeserializeOwned + 'static> + Serialize {
    /// Checks everything that can be checked before writing.
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<Self::Output>>;
}

/// What is left to do in one transaction.
pub struct Write<T> {
    kind: Kind,
    work: Work<T>,
}

type Work<T> = Box<dyn FnOnce(&mut dyn Tx) -> Result<T> + Send>;

enum Kind {
    Data,
    Administration,
}

impl<T> Write<T> {
    /// A write of what is sent.
    pub(super) fn data(work: impl FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static) -> Write<T> {
        Write { kind: Kind::Data, work: Box::new(work) }
    }

    /// A write of what administers, after which nothing that is remembered counts.
    pub(super) fn administration(work: impl FnOnce(&mut dyn Tx) -> Result<T> + Send + 'static) -> Write<T> {
        Write { kind: Kind::Administration, work: Box::new(work) }
    }
}

/// Does what is left to do.
pub(super) async fn commit<T: Send + 'static>(app: &App, write: Write<T>) -> Result<T> {
    match write.kind {
        Kind::Data => app.store.write(write.work).await,
        Kind::Administration => app.store.administer(write.work).await,
    }
}

/// How a client names a request that it may send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'k> {
    /// The header `Idempotency-Key`.
    Idempotency(&'k str),
    /// The value of a header by which a webhook's sender tells its messages apart. Whatever comes under it again, perhaps with
    /// another date or count in it, is the same message.
    Delivery(&'k str),
    /// The `MessageID` of WS-Addressing, which must be another one for each message (WS-Addressing 1.0 Core §3.1).
    Message(&'k str),
}

impl Key<'_> {
    fn name(self) -> &'static str {
        match self {
            Key::Idempotency(_) => "Idempotency-Key",
            Key::Delivery(_) => "message's identifier",
            Key::Message(_) => "MessageID",
        }
    }

    /// What is kept of it. A message's identifier may be of any length and characters, so that of it is a digest.
    /// # Errors
    /// `InvalidInput` for a text that is no key.
    fn kept(self) -> Result<String> {
        match self {
            Key::Delivery(id) => Ok(format!("delivery {}", key::hex(&key::hash(id)))),
            Key::Message(id) => Ok(format!("message {}", key::hex(&key::hash(id)))),
            Key::Idempotency(text) => {
                match (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    true => Ok(text.to_owned()),
                    false => Err(Error::invalid(format!(
                        "Idempotency-Key must have from 1 to {LONGEST_KEY} visible ASCII characters"
                    ))),
                }
            }
        }
    }
}

/// An outcome, and whether it was made by this request or by an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once<T> {
    /// The operation was carried out.
    First(T),
    /// It had been carried out, and this is what came of it then.
    Repeated(T),
}

impl<T> Once<T> {
    /// The outcome, and whether it was made by an earlier request.
    pub fn into_parts(self) -> (T, bool) {
        match self {
            Once::First(output) => (output, false),
            Once::Repeated(output) => (output, true),
        }
    }
}

/// Runs an operation if the caller may, unless the same was carried out for this caller under the same key before.
/// Without a key it simply runs. Failures are not remembered.
/// # Errors
/// `InvalidInput` for a key that is none, `Conflict` for one that was used for something else, and the operation's own.
pub async fn execute_once<O: Repeatable>(
    app: &App,
    caller: &Caller,
    key: Option<Key<'_>>,
    operation: O,
) -> Result<Once<O::Output>> {
    match key {
        None => execute(app, caller, operation).await.map(Once::First),
        Some(key) => admitted::<O, _>(caller, run_once(app, caller, key, operation)).await,
    }
}

async fn run_once<O: Repeatable>(app: &App, caller: &Caller, key: Key<'_>, operation: O) -> Result<Once<O::Output>> {
    let request = Request {
        key: RepeatKey { customer: caller.customer().id, actor: caller.actor().to_owned(), key: key.kept()? },
        name: key.name(),
        hash: match key {
            Key::Delivery(_) => Vec::new(),
            Key::Idempotency(_) | Key::Message(_) => fingerprint(&operation)?,
        },
        now: app.clock.now(),
        lifetime: match key {
            Key::Delivery(_) => DELIVERY_LIFETIME,
            Key::Idempotency(_) | Key::Message(_) => app.config.api.idempotency_milliseconds(),
        },
    };
    if let Some(output) = app.store.peek(|tx| request.recall(tx))? {
        return Ok(Once::Repeated(output));
    }
    let Write { kind, work } = operation.prepare(app, caller)?;
    // Looked for again where nothing else can write: of two at the same time, one waits here for the other's outcome.
    let once = move |tx: &mut dyn Tx| match request.recall(tx)? {
        Some(output) => Ok(Once::Repeated(output)),
        None => {
            let output = work(tx)?;
            request.remember(tx, &output)?;
            Ok(Once::First(output))
        }
    };
    commit(app, Write { kind, work: Box::new(once) }).await
}

/// A request with a key.
struct Request {
    key: RepeatKey,
    /// What the client calls the key.
    name: &'static str,
    hash: Vec<u8>,
    now: Timestamp,
    lifetime: i64,
}

impl Request {
    /// What came of the request if it was carried out before.
    fn recall<T: DeserializeOwned>(&self, tx: &mut dyn Tx) -> Result<Option<T>> {
        match repeat::find(tx, &self.key, self.now)? {
            None => Ok(None),
            Some(found) if found.request_hash == self.hash => {
                serde_json::from_str(&found.outcome).map(Some).map_err(Error::internal)
            }
            Some(_) => Err(Error::new(Code::Conflict, format!("The {} was used for another request", self.name))),
        }
    }

    fn remember<T: Serialize>(&self, tx: &mut dyn Tx, output: &T) -> Result<()> {
        repeat::remove_expired(tx, self.now, FORGOTTEN)?;
        let outcome = serde_json::to_string(output).map_err(Error::internal)?;
        let remembered = Remembered { request_hash: self.hash.clone(), outcome };
        repeat::insert(tx, &self.key, &remembered, Timestamp(self.now.0.saturating_add(self.lifetime)))
    }
}

/// What makes a request the same: the operation and everything it was given.
fn fingerprint<O: Repeatable>(operation: &O) -> Result<Vec<u8>> {
    let mut hash = Sha256::new();
    hash.update(O::NAME.as_bytes());
    hash.update([0]);
    hash.update(serde_json::to_vec(operation).map_err(Error::internal)?);
    Ok(hash.finalize().to_vec())
}

//! Replies: the documented envelope around a resource, in the caller's format, with the headers that caches and clients
//! read. What the resource says is decided by the handlers.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::pin::Pin;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Bytes;
use futures_util::Stream;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::facade::v1::wait::Awaited;
use crate::model::time::Timestamp;
use crate::operation::revision::Revision;

/// A success before it is spelled.
pub struct Reply {
    /// The outcome as a sentence, where it is not the endpoint's documented one.
    pub message: Option<String>,
    /// The JSON text of what was asked for.
    pub resource: String,
    /// Which state of the resource this is, where it can be asked for again.
    pub revision: Option<Revision>,
    /// When the resource last changed.
    pub modified: Option<Timestamp>,
    /// The path of what was created.
    pub location: Option<String>,
    /// Whether it holds a secret.
    pub is_secret: bool,
    /// Whether it was given before to a request with the same key.
    pub is_repeated: bool,
    /// Whether it shows some members of the resource alone.
    pub is_partial: bool,
    /// The status, where it is not the endpoint's documented one.
    pub status: Option<StatusCode>,
    /// What tells its entity tags from those of other representations, beside the format.
    pub variant: &'static str,
    /// Headers that belong to this reply.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is answered in the place of the envelope of a success.
    pub instead: Option<Instead>,
    /// The run whose end the reply waits for.
    pub awaited: Option<Awaited>,
}

/// What is sent bit by bit; with an error, the connection is ended.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes>>>>;

/// What is answered in the place of the envelope of a success.
pub enum Instead {
    /// The resource without an envelope, in the format of replies.
    Resource,
    /// A text as it is; its media type is among the headers.
    Verbatim(String),
    /// What comes bit by bit; its media type is among the headers.
    Stream(Pieces),
    /// The envelope of a failure that is not the request's: why, and the run as JSON text.
    Failure(String, String),
}

impl Reply {
    /// A success with what was asked for.
    /// # Errors
    /// A resource that is no JSON, which would be a defect.
    pub fn of(resource: &impl Serialize) -> Result<Reply> {
        Reply::with_room(128, resource)
    }

    /// The same where it is known about how many bytes its text takes, so that it need not be moved while it grows.
    /// # Errors
    /// As for [`Reply::of`].
    pub fn with_room(bytes: usize, resource: &impl Serialize) -> Result<Reply> {
        let mut text = Vec::with_capacity(bytes);
        serde_json::to_writer(&mut text, resource).map_err(Error::internal)?;
        String::from_utf8(text).map(Reply::of_text).map_err(Error::internal)
    }

    /// The same with the resource as JSON text.
    pub fn of_text(resource: String) -> Reply {
        Reply {
            message: None,
            resource,
            revision: None,
            modified: None,
            location: None,
            is_secret: false,
            is_repeated: false,
            is_partial: false,
            status: None,
            variant: "",
            headers: Vec::new(),
            instead: None,
            awaited: None,
        }
    }
}

/// A text that is JSON already, to be written as it stands.
/// # Errors
/// A text that is none: what is stored was checked, so that would be a defect.
pub fn raw(json: &str) -> Result<&RawValue> {
    serde_json::from_str(json).map_err(Error::internal)
}

/// The documented envelope of a success (contradiction C56), as JSON text.
pub fn success(code: u16, address: IpAddr, resource: &str, message: &str) -> String {
    let id = if code == 201 { "created" } else { "ok" };
    let message = quote(message);
    // With room for all of it, so that it need not be moved while it grows.
    let mut text = String::with_capacity(resource.len() + message.len() + 128);
    // Writing to a text does not fail.
    let _ = write!(
        text,
        r#"{{"id":"{id}","code":{code},"request-ip":"{address}","resource":{resource},"message":{message},"error":null}}"#
    );
    text
}

/// The documented envelope of a failure, as JSON text. What a schema does not allow is listed, and the run is told that
/// failed.
pub fn failure(code: u16, address: IpAddr, error: &Error, run: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Detail<'e> {
        #[serde(skip_serializing_if = "Option::is_none")]
        record: Option<usize>,
        path: &'e str,
        reason: &'e str,
    }
    let message = quote(error.message());
    let details: Vec<Detail<'_>> = error
        .violations()
        .iter()
        .map(|violation| Detail { record: violation.record, path: &violation.path, reason: &violation.reason })
        .collect();
    let details = match details.is_empty() {
        true => String::new(),
        false => format!(r#","details":{}"#, serde_json::to_string(&details).unwrap_or_else(|_| "[]".to_owned())),
    };
    let run = run.map(|run| format!(r#","run":{run}"#)).unwrap_or_default();
    format!(
        r#"{{"id":"error","code":{code},"request-ip":"{address}","resource":[],"message":{message},"error":{{"code":{code},"message":{message}{details}{run}}}}}"#
    )
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

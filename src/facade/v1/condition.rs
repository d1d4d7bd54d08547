//! Conditional requests (RFC 9110 §13): entity tags, and which state of a resource a request is about.
//!
//! A tag is the revision of the resource and, behind a dash, what makes this representation another one: its format,
//! the selected members, the compression. Only the revision says whether the resource changed, so a client may send the
//! tag of any representation with `If-Match`.

use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};

use crate::error::{Error, Result};
use crate::facade::request::{entity_tags, knows};
use crate::model::time::Timestamp;
use crate::operation::revision::Revision;

/// The states of which a resource must be in one for a request to change it; `None` if any will do.
///
/// Nothing is made by a request to change it, so one that must not be there yet can be in no state.
/// # Errors
/// Something that is no entity tag.
pub fn expected(headers: &HeaderMap) -> Result<Option<Vec<Revision>>> {
    if entity_tags(headers, &IF_NONE_MATCH).any(|tag| tag == "*") {
        return Ok(Some(Vec::new()));
    }
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let mut revisions = Vec::new();
    for tag in entity_tags(headers, &IF_MATCH) {
        // It must only exist, which is asked for anyway.
        if tag == "*" {
            return Ok(None);
        }
        // A weak one matches nothing (§13.1.1).
        if tag.starts_with("W/\"") {
            continue;
        }
        let quoted = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        let quoted = quoted.ok_or_else(|| Error::invalid("If-Match must hold entity tags in double quotes, or *"))?;
        // A tag that was not made here matches nothing, which is what is wanted.
        let revision = quoted.split('-').next().unwrap_or_default();
        revisions.extend(Revision::parse(revision));
    }
    Ok(Some(revisions))
}

/// Whether the client has this representation already. With `If-None-Match`, the date is not looked at (§13.1.3).
pub fn is_known(headers: &HeaderMap, tag: Option<&str>, modified: Option<Timestamp>) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return knows(headers, tag);
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok()).and_then(Timestamp::parse_http);
    match (since, modified) {
        (Some(since), Some(modified)) => modified.0.div_euclid(1_000) <= since.0.div_euclid(1_000),
        _ => false,
    }
}

/// The header and value that tell when the resource changed.
pub fn last_modified(modified: Timestamp) -> (HeaderName, String) {
    (LAST_MODIFIED, modified.to_http())
}

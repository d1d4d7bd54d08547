//! Allowances: which limit applies to whom, and what a caller who used it up is told.

use std::error::Error as StdError;
use std::fmt;

use crate::app::App;
use crate::app::bucket::{Allowance, BucketKey};
use crate::error::{Code, Error, Result};

/// Takes one request from an allowance. `None` if there is no limit.
pub(super) fn take(app: &App, key: BucketKey, limit: u32) -> Result<Option<Allowance>> {
    let window = app.config.auth.rate_window.as_millis();
    let window = u64::try_from(window).unwrap_or(u64::MAX);
    if limit == 0 || window == 0 {
        return Ok(None);
    }
    match app.buckets.take(key, limit, window, app.clock.now()) {
        Ok(allowance) => Ok(Some(allowance)),
        // Document 003's sentence, with its full stop.
        Err(allowance) => Err(Error::new(Code::RateLimited, "Too many requests.").because(Exceeded(allowance))),
    }
}

/// The allowance that an error is about, so that a refusal can carry the `X-RateLimit-*` headers as well.
pub fn exceeded(error: &Error) -> Option<Allowance> {
    error.source()?.downcast_ref::<Exceeded>().map(|Exceeded(allowance)| *allowance)
}

/// The cause of a refusal for want of allowance.
#[derive(Debug)]
struct Exceeded(Allowance);

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Allowance { limit, reset, .. } = self.0;
        write!(f, "the allowance of {limit} requests is used up and whole again in {reset} seconds")
    }
}

impl StdError for Exceeded {}

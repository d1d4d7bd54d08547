//! Allowances: which limit applies to whom, what a caller who used it up is told, and when a failed attempt is answered.
//!
//! Failed attempts are counted for the address they come from. Those beyond its allowance are answered late and not
//! refused, and right credentials not even that: a client must not be locked out by others behind the same address.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use tokio::sync::Semaphore;

use crate::app::App;
use crate::app::bucket::{Allowance, BucketKey};
use crate::auth::guard::Scheme;
use crate::error::{Code, Error, Result};

/// Milliseconds in which the allowance of failed attempts comes back.
const FAILURE_WINDOW: u64 = 60_000;

/// Answers that are held back at once. Further ones are given at once: a flood must not cost more than it would without.
static HELD_BACK: Semaphore = Semaphore::const_new(1_000);

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
        Err(allowance) => Err(Error::new(Code::RateLimited, "Too many requests.").because(Cause::UsedUp(allowance))),
    }
}

/// Counts a failed attempt from that address. Gives the error, which then knows what is left to the address.
pub fn failed(app: &App, address: IpAddr, error: Error) -> Error {
    let key = BucketKey::Failures(network_of(address));
    let scheme = error.source().and_then(|source| source.downcast_ref()).map(|Unproved(scheme)| *scheme);
    let cause = match app.buckets.take(key, app.config.auth.failure_limit, FAILURE_WINDOW, app.clock.now()) {
        Ok(allowance) => Cause::Failed(allowance, scheme),
        Err(allowance) => Cause::FailedAgain(allowance, scheme),
    };
    error.because(cause)
}

/// The failed attempts that are left to an address.
pub fn of_address(app: &App, address: IpAddr) -> Allowance {
    let key = BucketKey::Failures(network_of(address));
    app.buckets.look(key, app.config.auth.failure_limit, FAILURE_WINDOW, app.clock.now())
}

/// The allowance that an error is about: the caller's that is used up, or the address's of failed attempts. So a refusal
/// can carry the `X-RateLimit-*` headers as well.
pub fn allowance_of(error: &Error) -> Option<Allowance> {
    Some(match cause_of(error)? {
        Cause::UsedUp(allowance) | Cause::Failed(allowance, _) | Cause::FailedAgain(allowance, _) => *allowance,
    })
}

/// By what a webhook that refused has its senders prove something; `None` if it was no webhook's guard that did.
pub fn scheme_of(error: &Error) -> Option<Scheme> {
    match cause_of(error)? {
        Cause::UsedUp(_) => None,
        Cause::Failed(_, scheme) | Cause::FailedAgain(_, scheme) => *scheme,
    }
}

/// Whether the error is a failed attempt beyond the allowance of its address.
pub fn is_excessive(error: &Error) -> bool {
    matches!(cause_of(error), Some(Cause::FailedAgain(..)))
}

/// Waits for `auth.failure_delay` if the error is a failed attempt beyond the allowance of its address, unless too many
/// answers are held back already.
pub async fn hold_back(app: &App, error: &Error) {
    let delay = app.config.auth.failure_delay;
    if delay.is_zero() || !is_excessive(error) {
        return;
    }
    if let Ok(_permit) = HELD_BACK.try_acquire() {
        tokio::time::sleep(delay).await;
    }
}

/// Whom an address stands for: whoever has one address of IPv6 has the network of 2^64 around it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

fn cause_of(error: &Error) -> Option<&Cause> {
    error.source()?.downcast_ref()
}

/// The allowance behind a refusal.
#[derive(Debug)]
enum Cause {
    UsedUp(Allowance),
    Failed(Allowance, Option<Scheme>),
    FailedAgain(Allowance, Option<Scheme>),
}

/// What a webhook's guard was not shown, until the attempt is counted.
#[derive(Debug)]
pub(super) struct Unproved(pub(super) Scheme);

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the webhook's guard was not satisfied ({:?})", self.0)
    }
}

impl StdError for Unproved {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::UsedUp(Allowance { limit, reset, .. }) => {
                write!(f, "the allowance of {limit} requests is used up and whole again in {reset} seconds")
            }
            Cause::Failed(Allowance { remaining, .. }, _) => {
                write!(f, "{remaining} failed attempts are left to the address")
            }
            Cause::FailedAgain(Allowance { limit, .. }, _) => {
                write!(f, "the address has used up its {limit} failed attempts a minute")
            }
        }
    }
}

impl StdError for Cause {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::app::clock::Clock;
    use crate::config::Config;
    use crate::model::time::Timestamp;
    use crate::store::{Options, Store};

    #[tokio::test]
    async fn so_many_answers_are_held_back_and_no_more() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), &Options::default()).expect("a store");
        let mut config = Config::for_testing();
        (config.auth.failure_limit, config.auth.failure_delay) = (1, Duration::from_secs(30));
        let app = App::new(config, store, Clock::fixed(Timestamp(0)));
        let fail = || failed(&app, IpAddr::from([192, 0, 2, 1]), Error::new(Code::Unauthenticated, ""));
        let (first, second, uncounted) = (fail(), fail(), Error::new(Code::Unauthenticated, ""));
        let is_at_once = |error| hold_back(&app, error).now_or_never().is_some();
        assert!(is_at_once(&first) && is_at_once(&uncounted) && !is_at_once(&second));
        let others = HELD_BACK.try_acquire_many(1_000).expect("nobody else waits");
        assert!(is_at_once(&second));
        drop(others);
        assert!(!is_at_once(&second));
    }

    #[test]
    fn an_address_of_version_6_stands_for_its_network() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:0:0:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let [one, other] = [one, other].map(|text| text.parse().expect("an address"));
            assert_eq!(network_of(one) == network_of(other), same, "{one} {other}");
        }
    }
}

//! The one error of the rooms below the façades: a neutral code, a message for the caller, a source for the log.
//! It knows no wire; each façade decides how a [`Code`] looks in its own dialect.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// What every fallible function of the lower floors returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was not carried out, without saying how any dialect spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A field is missing, malformed or refused by a schema.
    InvalidInput,
    /// No credentials, or credentials that name nobody.
    Unauthenticated,
    /// An access token that is unknown, expired or revoked (document 003, internal code 436).
    TokenInvalid,
    /// The caller's address is not on its application's list (document 003, internal code 437).
    AddressRefused,
    /// The application lacks the scope that the operation asks for.
    Forbidden,
    /// The resource is being used and cannot be changed now (document 003, 403).
    InUse,
    /// What was named does not exist for this caller.
    NotFound,
    /// What was named existed, and will not again.
    Gone,
    /// The request contradicts what is stored.
    Conflict,
    /// What the client last saw has changed since, and it asked to be told (RFC 9110 §13.1.1).
    Outdated,
    /// Everything in the request is right, but the state of what it names does not allow it (document 003, 402).
    Refused,
    /// The request is larger than the gateway accepts.
    TooLarge,
    /// The caller did not send its request in time.
    TimedOut,
    /// The application used up its allowance.
    RateLimited,
    /// The gateway cannot do this now, for instance because the disk is full; worth repeating.
    Unavailable,
    /// A defect or an unforeseen condition on our side.
    Internal,
}

impl Code {
    /// Every code, for tables and tests that must not forget one.
    pub const ALL: [Code; 16] = [
        Code::InvalidInput,
        Code::Unauthenticated,
        Code::TokenInvalid,
        Code::AddressRefused,
        Code::Forbidden,
        Code::InUse,
        Code::NotFound,
        Code::Gone,
        Code::Conflict,
        Code::Outdated,
        Code::Refused,
        Code::TooLarge,
        Code::TimedOut,
        Code::RateLimited,
        Code::Unavailable,
        Code::Internal,
    ];

    /// Its name where programs read it, such as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Code::InvalidInput => "invalid_input",
            Code::Unauthenticated => "unauthenticated",
            Code::TokenInvalid => "token_invalid",
            Code::AddressRefused => "address_refused",
            Code::Forbidden => "forbidden",
            Code::InUse => "in_use",
            Code::NotFound => "not_found",
            Code::Gone => "gone",
            Code::Conflict => "conflict",
            Code::Outdated => "outdated",
            Code::Refused => "refused",
            Code::TooLarge => "too_large",
            Code::TimedOut => "timed_out",
            Code::RateLimited => "rate_limited",
            Code::Unavailable => "unavailable",
            Code::Internal => "internal",
        }
    }
}

/// A failure with a public message and a private source.
///
/// `Display` prints only what the caller may read; the source is for the log and never leaves the process.
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    violations: Vec<Violation>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// One thing in the data that a schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which of the records that were sent together, counted from 0; `None` if only one was sent.
    pub record: Option<usize>,
    /// Where in the data, as a JSON pointer (RFC 6901); `/` for all of it.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

impl Error {
    /// An error whose message may be shown to the caller: capital first, no full stop, the field named, no secret.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Error {
        Error { code, message: message.into(), violations: Vec::new(), source: None }
    }

    /// A refusal of bad input.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Code::InvalidInput, message)
    }

    /// A failure of our own: the caller reads a neutral sentence, the log the source.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(Code::Internal, "The request could not be completed because of an internal error").because(source)
    }

    /// The same error with what caused it, for the log.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// The same error with what a schema does not allow, for dialects that list it.
    pub fn about(mut self, violations: Vec<Violation>) -> Error {
        self.violations = violations;
        self
    }

    /// What a schema does not allow, if that is why the request failed.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Why the request failed.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The cause, for the log alone.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync)> {
        self.source.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

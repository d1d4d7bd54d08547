//! HTTP as flows write it: methods, statuses, and ways to prove oneself to a partner.
//! Nothing is sent here.

use std::fmt;

use serde_json::Value;

/// The methods that a step may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
}

impl Method {
    /// Every method.
    pub const ALL: [Method; 7] =
        [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Head, Method::Options];

    /// The method as it is sent.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        }
    }

    /// The method of that name, in any case.
    pub fn parse(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}

/// Statuses from one to another, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    from: u16,
    to: u16,
}

impl StatusRange {
    /// All that mean success.
    pub const SUCCESS: StatusRange = StatusRange { from: 200, to: 299 };

    /// Reads a number such as 201, or a text such as `2xx` or `201`.
    pub fn parse(value: &Value) -> Option<StatusRange> {
        let one = |status: u16| (100..=599).contains(&status).then_some(StatusRange { from: status, to: status });
        match value {
            Value::Number(number) => one(u16::try_from(number.as_u64()?).ok()?),
            Value::String(text) => match text.strip_suffix("xx") {
                Some(class) => {
                    let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
                    Some(StatusRange { from: class * 100, to: class * 100 + 99 })
                }
                None => one(text.parse().ok()?),
            },
            _ => None,
        }
    }

    /// Whether that status is one of them.
    pub fn contains(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, to) if from == to => write!(f, "{from}"),
            (from, _) => write!(f, "{}xx", from / 100),
        }
    }
}

/// How the gateway proves itself to a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth<T> {
    /// With a name and a password (RFC 7617).
    Basic {
        /// The name.
        user: T,
        /// The password.
        password: T,
    },
    /// With a token that it has (RFC 6750).
    Bearer {
        /// The token.
        token: T,
    },
    /// With a token that it gets for its client id and secret (RFC 6749 §4.4).
    ClientCredentials {
        /// Where tokens are given.
        token_url: T,
        /// The client id.
        client_id: T,
        /// The client secret.
        client_secret: T,
        /// What is asked for.
        scope: Option<T>,
    },
}

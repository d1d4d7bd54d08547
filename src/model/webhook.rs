//! Incoming webhooks: an unguessable URI of a customer's flow, and the payloads that were posted to it. And callbacks: the
//! same for a step that waits in one run. What whoever posts has to prove is here as settings; it is checked elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::time::Timestamp;

/// A webhook of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// Whose webhook it is.
    pub customer: CustomerId,
    /// The flow it feeds.
    pub flow: FlowId,
    /// The application whose compatibility switches its replies follow, if one was named.
    pub application: Option<ApplicationId>,
    /// The last part of its address, unique in the whole gateway; knowing it is the permission to post.
    pub uri: String,
    /// When it was added.
    pub created: Timestamp,
    /// Seconds that whoever posts waits for the end of the run; `None`: does not.
    pub wait: Option<u32>,
    /// What it asks of whoever posts, and what it makes of it.
    pub settings: Settings,
}

/// What a webhook asks of whoever posts, and what it makes of what is posted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What has to be proved.
    pub guard: Guard,
    /// Bytes that a body may have; `None` for what the gateway takes.
    pub body_limit: Option<u32>,
    /// Requests within the window; `None` for its application's or the gateway's own limit.
    pub rate_limit: Option<u32>,
    /// The header whose value tells a message from every other, so that it counts once.
    pub deduplicate_by: Option<String>,
    /// Whether the record holds headers and query beside what was posted.
    pub envelope: bool,
}

impl Settings {
    /// Reads them as they are stored; `None` for what are none.
    pub fn parse(text: &str) -> Option<Settings> {
        serde_json::from_str(text).ok()
    }

    /// As they are stored.
    pub fn to_text(&self) -> String {
        // Names, numbers and texts can be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The header that tells messages apart; Standard Webhooks brings its own.
    pub fn distinguishing_header(&self) -> Option<&str> {
        match &self.guard {
            Guard::Standard { .. } => Some(self.deduplicate_by.as_deref().unwrap_or("webhook-id")),
            _ => self.deduplicate_by.as_deref(),
        }
    }
}

/// What whoever posts has to prove. Secrets are named, and kept elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Guard {
    /// Nothing: knowing the URI is enough.
    #[default]
    Open,
    /// A user and a password (HTTP Basic).
    Basic {
        /// The user.
        user: String,
        /// The name of the secret that is the password.
        secret: String,
    },
    /// A token (HTTP Bearer).
    Bearer {
        /// The name of the secret that is the token.
        secret: String,
    },
    /// A signature over the body.
    Hmac(Hmac),
    /// A signature as Standard Webhooks has it.
    Standard {
        /// The names of the signing keys: one, or two while they are changed.
        secrets: Vec<String>,
    },
}

/// A signature over the body, in a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    /// The name of the secret that is the key.
    pub secret: String,
    /// The header that holds the signature.
    pub header: String,
    /// The hash.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands before it.
    #[serde(default)]
    pub prefix: String,
    /// The header that holds when it was signed, in seconds since 1970; it is signed too, before the body and a full stop.
    #[serde(default)]
    pub timestamp_header: Option<String>,
    /// Seconds by which that may differ from now.
    #[serde(default = "usual_tolerance")]
    pub tolerance: u32,
}

/// A hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As hexadecimal digits.
    #[default]
    Hex,
    /// In base64.
    Base64,
}

/// Seconds by which a signature's time may usually differ from now.
pub const TOLERANCE: u32 = 300;
/// Characters of a header's name, a user or a prefix.
const LONGEST: usize = 128;

fn usual_tolerance() -> u32 {
    TOLERANCE
}

impl Guard {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Guard::Open => "open",
            Guard::Basic { .. } => "basic",
            Guard::Bearer { .. } => "bearer",
            Guard::Hmac(_) => "hmac",
            Guard::Standard { .. } => "standard",
        }
    }

    /// The names of the secrets it needs.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Guard::Open => Vec::new(),
            Guard::Basic { secret, .. } | Guard::Bearer { secret } | Guard::Hmac(Hmac { secret, .. }) => vec![secret],
            Guard::Standard { secrets } => secrets.iter().map(String::as_str).collect(),
        }
    }

    /// The headers that hold a signature.
    pub fn headers(&self) -> Vec<&str> {
        match self {
            Guard::Hmac(hmac) => vec![&hmac.header],
            Guard::Standard { .. } => vec!["webhook-signature"],
            Guard::Open | Guard::Basic { .. } | Guard::Bearer { .. } => Vec::new(),
        }
    }

    /// What is wrong with it, as a sentence; `None`: nothing.
    pub fn flaw(&self) -> Option<&'static str> {
        let flaw = match self {
            Guard::Open | Guard::Bearer { .. } => None,
            Guard::Basic { user, .. } => {
                let fits =
                    (1..=LONGEST).contains(&user.len()) && !user.contains(':') && !user.contains(char::is_control);
                (!fits).then_some("The guard's user must have from 1 to 128 characters, none a colon")
            }
            Guard::Hmac(hmac) => hmac.flaw(),
            Guard::Standard { secrets } => {
                (!(1..=2).contains(&secrets.len())).then_some("The guard must name one secret or two")
            }
        };
        flaw.or_else(|| {
            self.secrets()
                .iter()
                .any(|name| name.is_empty())
                .then_some("The guard must name a secret that is not empty")
        })
    }
}

impl Hmac {
    fn flaw(&self) -> Option<&'static str> {
        let is_header = |name: &String| is_header(name);
        if !is_header(&self.header) || !self.timestamp_header.iter().all(is_header) {
            return Some("The guard's header must be the name of a header");
        }
        if self.prefix.len() > LONGEST || !self.prefix.chars().all(|c| matches!(c, ' '..='~')) {
            return Some("The guard's prefix must have at most 128 printable ASCII characters");
        }
        (!(1..=86_400).contains(&self.tolerance)).then_some("The guard's tolerance must be from 1 to 86400 seconds")
    }
}

/// Whether a text can be a header's name (RFC 9110 §5.6.2).
pub fn is_header(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (1..=LONGEST).contains(&name.len()) && name.chars().all(fits)
}

/// An address that one step of one run waits at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Its number.
    pub id: i64,
    /// Whose record it is.
    pub customer: CustomerId,
    /// What it asks of whoever posts, and what it answers.
    pub settings: CallbackSettings,
}

/// What a step's address asks of whoever posts, and what it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackSettings {
    /// What has to be proved.
    pub guard: Guard,
    /// What is answered; `None` for what every webhook answers.
    pub reply: Option<CallbackReply>,
}

impl CallbackSettings {
    /// Reads them as they are stored; `None` for what are none.
    pub fn parse(text: &str) -> Option<CallbackSettings> {
        serde_json::from_str(text).ok()
    }
}

/// What whoever posts to a step's address is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackReply {
    /// The HTTP status.
    #[serde(default = "usual_status")]
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: Value,
}

fn usual_status() -> u16 {
    200
}

/// One payload that was posted to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookPayload {
    /// Its public identifier, a UUIDv7.
    pub uuid: String,
    /// The webhook it came through.
    pub webhook: i64,
    /// Whose payload it is.
    pub customer: CustomerId,
    /// What was posted, as text.
    pub payload: String,
    /// The address it came from.
    pub address: String,
    /// When it was accepted.
    pub received: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        let guard = |text: &str| Settings::parse(&format!("{{\"guard\":{text}}}")).map(|settings| settings.guard);
        let hmac = guard(r#"{"type":"hmac","secret":"s","header":"X-Signature"}"#).expect("a guard");
        let Guard::Hmac(hmac) = hmac else { panic!("{hmac:?}") };
        assert_eq!((hmac.algorithm, hmac.encoding, hmac.tolerance), (Algorithm::Sha256, Encoding::Hex, 300));
        assert_eq!(Settings::parse("{}"), Some(Settings::default()));
        for text in [
            r#"{"type":"hmac","secret":"s"}"#,
            r#"{"type":"basic","user":"u"}"#,
            r#"{"type":"bearer","secret":"s","user":"u"}"#,
            r#"{"type":"none"}"#,
        ] {
            assert_eq!(guard(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_a_flaw() {
        let hmac = |header: &str, timestamp: Option<&str>, tolerance| {
            Guard::Hmac(Hmac {
                secret: "s".to_owned(),
                header: header.to_owned(),
                algorithm: Algorithm::Sha1,
                encoding: Encoding::Base64,
                prefix: String::new(),
                timestamp_header: timestamp.map(str::to_owned),
                tolerance,
            })
        };
        let basic = |user: &str| Guard::Basic { user: user.to_owned(), secret: "s".to_owned() };
        let standard = |count| Guard::Standard { secrets: vec!["s".to_owned(); count] };
        for (guard, is_sound) in [
            (hmac("X-Signature", Some("X-Time"), 1), true),
            (hmac("X Signature", None, 1), false),
            (hmac("X-Signature", Some(""), 1), false),
            (hmac("X-Signature", None, 0), false),
            (basic("u"), true),
            (basic("u:v"), false),
            (standard(0), false),
            (standard(2), true),
            (standard(3), false),
            (Guard::Bearer { secret: String::new() }, false),
        ] {
            assert_eq!(guard.flaw().is_none(), is_sound, "{guard:?}");
        }
    }
}

//! Why there is no answer: a kind for the program, a sentence for the author of a flow.
//! The sentence names the host and what happened. It has nothing of what was sent, nor the rest of the address, both of
//! which may hold secrets.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use rustls::CertificateError;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The address is not public and was not allowed.
    Refused,
    /// The URL is malformed, or is none that may be asked.
    BadUrl,
    /// A header is malformed, or is the gateway's to set.
    BadHeader,
    /// The name has no address, as far as is known now.
    Unresolved,
    /// No connection could be made.
    Unreachable,
    /// There was no agreement on an encrypted connection, or the certificate is not good.
    Tls,
    /// The time was up.
    TimedOut,
    /// The connection ended early, or what came is not HTTP.
    Broken,
    /// The answer is larger than may be.
    TooLarge,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: Kind,
    /// The same in a sentence: capital first, no full stop, no secret.
    pub text: String,
    is_certificate: bool,
}

impl Failure {
    /// Whether the same request would fail again, until somebody has changed something.
    pub fn is_final(&self) -> bool {
        match self.kind {
            Kind::Refused | Kind::BadUrl | Kind::BadHeader => true,
            Kind::Tls => self.is_certificate,
            Kind::Unresolved | Kind::Unreachable | Kind::TimedOut | Kind::Broken | Kind::TooLarge => false,
        }
    }

    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Failure {
        Failure { kind, text: text.into(), is_certificate: false }
    }

    /// What the host did not do in time.
    pub(super) fn late(host: &str, what: &str, timeout: Duration) -> Failure {
        Failure::new(Kind::TimedOut, format!("{host} {what} within {} seconds", timeout.as_secs_f32()))
    }

    /// What an error of the libraries means.
    pub(super) fn of(host: &str, error: &(dyn StdError + 'static)) -> Failure {
        let causes = causes(error);
        if let Some(failure) = causes.iter().find_map(|cause| cause.downcast_ref::<Failure>()) {
            return failure.clone();
        }
        if let Some(error) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return of_tls(host, error);
        }
        let http = causes.iter().find_map(|cause| cause.downcast_ref::<hyper::Error>());
        if http.is_some_and(hyper::Error::is_parse_too_large) {
            return Failure::new(Kind::TooLarge, format!("The head of the answer from {host} is too large"));
        }
        if http.is_some_and(hyper::Error::is_parse) {
            return Failure::new(Kind::Broken, format!("{host} did not answer in HTTP/1.1"));
        }
        let system = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        if http.is_none() {
            return of_connection(host, system);
        }
        let how = match system {
            Some(io::ErrorKind::ConnectionReset) => "reset the connection",
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => "sent a malformed body",
            _ => "ended the connection",
        };
        Failure::new(Kind::Broken, format!("{host} {how} before it had answered to the end"))
    }
}

fn of_tls(host: &str, error: &rustls::Error) -> Failure {
    let (what, is_certificate) = match error {
        rustls::Error::InvalidCertificate(error) => (of_certificate(error), true),
        rustls::Error::NoCertificatesPresented => ("sent no certificate", true),
        _ => ("did not agree on an encrypted connection", false),
    };
    Failure { kind: Kind::Tls, text: format!("{host} {what}"), is_certificate }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer => {
            "has a certificate of an authority that is not trusted here; the operator can add it in outbound.ca_file"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has a certificate that has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "has a certificate that is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "has a certificate for another name"
        }
        _ => "has a certificate that is not valid",
    }
}

fn of_connection(host: &str, error: Option<io::ErrorKind>) -> Failure {
    let text = match error {
        Some(io::ErrorKind::ConnectionRefused) => format!("{host} refused the connection"),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            format!("There is no way to {host} from here")
        }
        Some(io::ErrorKind::TimedOut) => format!("{host} did not take the connection in time"),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
            format!("{host} ended the connection before the request was sent")
        }
        _ => format!("No connection to {host} could be made"),
    };
    let kind = if error == Some(io::ErrorKind::TimedOut) { Kind::TimedOut } else { Kind::Unreachable };
    Failure::new(kind, text)
}

/// The error and what is behind it. What an I/O error wraps is not among its own sources.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    causes
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Failure {}

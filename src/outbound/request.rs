//! Requests: what a caller wants, checked and put into the form that goes out.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Uri, Version};
use url::Url;

use super::failure::{Failure, Kind};
use crate::model::http::Method;

/// Bytes of a URL.
const URL_LIMIT: usize = 8192;
/// Bytes of all headers together.
const HEADERS_LIMIT: usize = 65_536;

/// Headers that describe the connection or the message as it is sent, and are the gateway's to set.
const OURS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn write(method: Method) -> hyper::Method {
    match method {
        Method::Get => hyper::Method::GET,
        Method::Head => hyper::Method::HEAD,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
        Method::Delete => hyper::Method::DELETE,
        Method::Options => hyper::Method::OPTIONS,
    }
}

/// What is asked of whom.
#[derive(Clone)]
pub struct Request {
    /// How it is asked.
    pub method: Method,
    /// Whom: an absolute address with http or https.
    pub url: String,
    /// Header lines. `User-Agent` and `Accept-Encoding` have values of their own unless they are given.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// How long the exchange may take, if that is less than the setting.
    pub timeout: Option<Duration>,
    /// Bytes that the answer may have, if that is less than the setting.
    pub answer_limit: Option<usize>,
}

impl Request {
    /// A request without headers and body, within the limits of the settings.
    pub fn new(method: Method, url: impl Into<String>) -> Request {
        let (headers, body) = (Vec::new(), Vec::new());
        Request { method, url: url.into(), headers, body, timeout: None, answer_limit: None }
    }
}

/// A request that may go out.
pub(super) struct Call {
    /// The host as it is named in messages, with its port if that is not the usual one.
    pub(super) host: String,
    pub(super) message: hyper::Request<Full<Bytes>>,
}

impl Call {
    pub(super) fn new(request: Request) -> Result<Call, Failure> {
        let (uri, host) = locate(&request.url)?;
        let mut headers = headers(&request.headers)?;
        if request.body.is_empty() && matches!(request.method, Method::Post | Method::Put | Method::Patch) {
            // The library says so only where there is a body; many servers ask for it.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut message = hyper::Request::new(Full::new(Bytes::from(request.body)));
        *message.method_mut() = write(request.method);
        *message.uri_mut() = uri;
        *message.version_mut() = Version::HTTP_11;
        *message.headers_mut() = headers;
        Ok(Call { host, message })
    }
}

/// Whether a URL can be asked at all; whether its host may be is known once it is.
/// # Errors
/// What is wrong with it.
pub fn check_url(text: &str) -> Result<(), Failure> {
    locate(text).map(drop)
}

/// Where a URL leads, in the one spelling that is then both judged and used.
pub(super) fn locate(text: &str) -> Result<(Uri, String), Failure> {
    let bad = |text: &str| Failure::new(Kind::BadUrl, text);
    if text.len() > URL_LIMIT {
        return Err(bad("The URL is longer than 8192 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("The URL has a line break or another control character"));
    }
    let mut url = Url::parse(text).map_err(|error| bad(&format!("The URL is malformed: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("The URL must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("The URL must not have a user name or password; send them in a header"));
    }
    url.set_fragment(None);
    let host = url.host_str().ok_or_else(|| bad("The URL names no host"))?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let uri = url.as_str().parse().map_err(|_| bad("The URL has a character that must be percent-encoded"))?;
    Ok((uri, host))
}

fn headers(lines: &[(String, String)]) -> Result<HeaderMap, Failure> {
    let bad = |text: String| Failure::new(Kind::BadHeader, text);
    if lines.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS_LIMIT {
        return Err(bad(format!("The headers have more than {HEADERS_LIMIT} bytes together")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| bad(format!("'{}' is not the name of a header", name.escape_debug())))?;
        if OURS.contains(&parsed.as_str()) {
            return Err(bad(format!("The header {name} is set by the gateway and cannot be given")));
        }
        // The value is not shown: it may be a secret.
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            bad(format!("The value of the header {name} has a line break or another control character"))
        })?;
        headers.try_append(parsed, value).map_err(|_| bad("There are too many headers".to_owned()))?;
    }
    let agent = concat!("Flowgate/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [(USER_AGENT, agent), (ACCEPT_ENCODING, "gzip")] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(headers)
}

//! Answers, read to their end within a limit that holds for what comes out of decompression.

use std::fmt;
use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};

use super::failure::{Failure, Kind};

/// What was answered, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header lines in their order, names in lower case. Those of a compression that was undone are left out.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of the first header line of that name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Says little, since answers are private and large.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} headers, {} bytes)", self.status, self.headers.len(), self.body.len())
    }
}

/// Reads the answer to its end.
pub(super) async fn read(
    answer: Response<Incoming>,
    host: &str,
    limit: usize,
    has_body: bool,
) -> Result<Answer, Failure> {
    let (mut head, mut body) = answer.into_parts();
    let too_large = || Failure::new(Kind::TooLarge, format!("The answer from {host} is larger than {limit} bytes"));
    if has_body && body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut sink = Sink::new(has_body && is_gzip(&head.headers), limit);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::of(host, &error))?;
        let Ok(data) = frame.into_data() else { continue };
        sink.write(&data).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => too_large(),
            _ => Failure::new(Kind::Broken, format!("The answer from {host} cannot be decompressed")),
        })?;
    }
    if matches!(sink, Sink::Gzip { is_begun: true, .. }) {
        head.headers.remove(CONTENT_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
    }
    let body = sink.finish().map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => too_large(),
        _ => Failure::new(Kind::Broken, format!("The answer from {host} ends before its compression does")),
    })?;
    Ok(Answer { status: head.status.as_u16(), headers: spell(&head.headers), body })
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let first = encodings.next().and_then(|value| value.to_str().ok()).map(|value| value.trim().to_ascii_lowercase());
    matches!(first.as_deref(), Some("gzip" | "x-gzip")) && encodings.next().is_none()
}

fn spell(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

/// Where a body goes: as it comes, or through decompression.
enum Sink {
    Plain(Bounded),
    Gzip {
        decoder: Box<MultiGzDecoder<Bounded>>,
        /// Whether anything came. An answer may name a compression and be empty.
        is_begun: bool,
    },
}

impl Sink {
    fn new(is_gzip: bool, limit: usize) -> Sink {
        let bounded = Bounded { bytes: Vec::new(), limit };
        match is_gzip {
            true => Sink::Gzip { decoder: Box::new(MultiGzDecoder::new(bounded)), is_begun: false },
            false => Sink::Plain(bounded),
        }
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Sink::Plain(bounded) => bounded.write_all(data),
            Sink::Gzip { decoder, is_begun } => {
                *is_begun |= !data.is_empty();
                decoder.write_all(data)
            }
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Sink::Plain(bounded) => Ok(bounded.bytes),
            Sink::Gzip { is_begun: false, .. } => Ok(Vec::new()),
            Sink::Gzip { decoder, .. } => Ok(decoder.finish()?.bytes),
        }
    }
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.len() > self.limit.saturating_sub(self.bytes.len()) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Reading a request's body: within a size, within a time, decompressed under the same size, and counted as long as it
//! is held.

use std::io::{ErrorKind, Read};

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::{Bytes, Payload};
use flate2::bufread::{GzDecoder, ZlibDecoder};
use futures_util::StreamExt;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::app::bodies::{FREE, Share};
use crate::error::{Code, Error, Result};

/// Bodies decompressed at once; the others wait, so that a flood of them costs time and not memory.
static DECOMPRESSIONS: Semaphore = Semaphore::const_new(4);

/// No byte of deflate gives more.
const HIGHEST_RATIO: usize = 1032;

/// Members of one gzip body. Each takes time even if it is empty, and empty ones take twenty bytes.
const MOST_MEMBERS: usize = 10_000;

/// Bytes from which on decompressed text is measured before it is kept: so a bomb takes time and no memory, and any
/// other text the room it needs and no more.
const LARGE: usize = 1 << 20;

/// A body, and the memory that is counted for it until it is dropped.
#[derive(Debug)]
pub struct Body {
    /// The content.
    pub bytes: Bytes,
    _share: Share,
}

/// Reads the whole body and undoes its Content-Encoding.
/// # Errors
/// Too large, too slow, an encoding that is not accepted, or bytes that are not in it; or other bodies took all
/// memory for too long.
pub async fn read(request: &HttpRequest, payload: Payload, app: &App) -> Result<Body> {
    let encoding = Encoding::of(request)?;
    let limit = app.config.server.body_limit;
    // What is announced as too large is not waited for. A length that is none was refused before.
    let announced: Option<usize> =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut share = app.bodies.share();
    let mut is_short_of_memory = false;
    let reading = async {
        let bytes = receive(payload, announced, limit, &mut share, &mut is_short_of_memory).await?;
        is_short_of_memory = true;
        decode(encoding, bytes, app.config.soap.max_decoded, share).await
    };
    let timeout = app.config.server.body_timeout;
    match tokio::time::timeout(timeout, reading).await {
        Ok(body) => body,
        Err(_) if is_short_of_memory => {
            Err(Error::new(Code::Unavailable, "Too many large requests are being answered; try again later"))
        }
        Err(_) => {
            let seconds = timeout.as_secs();
            let message = format!("The request's body was not received within {seconds} seconds");
            Err(Error::new(Code::TimedOut, message))
        }
    }
}

async fn receive(
    mut payload: Payload,
    announced: Option<usize>,
    limit: usize,
    share: &mut Share,
    waits: &mut bool,
) -> Result<Bytes> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk =
            chunk.map_err(|error| Error::invalid("The request's body could not be read").because(error.to_string()))?;
        let length = body.len() + chunk.len();
        if length > limit {
            return Err(too_large(limit));
        }
        *waits = true;
        share.cover(length.next_multiple_of(FREE)).await?;
        *waits = false;
        // No more room than twice what came: what was only announced must cost nothing, and the allocator takes some of
        // the room at once. No more than will come: the last step would cost as much as all before.
        if length > body.capacity() {
            let room = length.saturating_mul(2).min(announced.unwrap_or(limit)).max(length);
            body.reserve_exact(room - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

#[derive(Clone, Copy)]
enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    fn of(request: &HttpRequest) -> Result<Encoding> {
        let value = request.headers().get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "deflate" => Ok(Encoding::Deflate),
            _ => Err(Error::invalid("The Content-Encoding must be gzip, deflate or identity")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Deflate => "deflate",
        }
    }
}

async fn decode(encoding: Encoding, bytes: Bytes, limit: usize, mut share: Share) -> Result<Body> {
    if matches!(encoding, Encoding::Identity) {
        return Ok(Body { bytes, _share: share });
    }
    let permit = DECOMPRESSIONS.acquire().await.map_err(Error::internal)?;
    let largest = bytes.len().saturating_mul(HIGHEST_RATIO).min(limit);
    share.cover(bytes.len().saturating_add(largest)).await?;
    // The thread cannot be stopped, so what it holds is counted until it ends.
    let decoding = tokio::task::spawn_blocking(move || {
        let decoded = decompress(encoding, &bytes, limit);
        drop((bytes, permit));
        let bytes = decoded?;
        share.shrink(bytes.len());
        Ok(Body { bytes, _share: share })
    });
    decoding.await.map_err(Error::internal)?
}

fn decompress(encoding: Encoding, bytes: &[u8], limit: usize) -> Result<Bytes> {
    let refuse = |_| {
        let name = encoding.name();
        Error::invalid(format!("The request's body is not {name}, as its Content-Encoding says"))
    };
    let mut decoder = decoder(encoding, bytes);
    let mut decoded = Vec::new();
    // One byte more than allowed tells whether there are more.
    let most = limit.saturating_add(1);
    let mut size = decoder.by_ref().take(LARGE.min(most) as u64).read_to_end(&mut decoded).map_err(refuse)?;
    if size == LARGE {
        let rest = decoder.take(most.saturating_sub(size) as u64);
        size = size.saturating_add(usize::try_from(drain(rest).map_err(refuse)?).map_err(Error::internal)?);
    }
    if size > limit {
        return Err(too_large(limit));
    }
    if size > decoded.len() {
        decoded = Vec::with_capacity(size);
        self::decoder(encoding, bytes).take(size as u64).read_to_end(&mut decoded).map_err(refuse)?;
    }
    Ok(Bytes::from(decoded))
}

fn decoder(encoding: Encoding, bytes: &[u8]) -> Box<dyn Read + '_> {
    match encoding {
        Encoding::Deflate => Box::new(ZlibDecoder::new(bytes)),
        _ => Box::new(Members { member: GzDecoder::new(bytes), left: MOST_MEMBERS }),
    }
}

fn drain(mut reader: impl Read) -> std::io::Result<u64> {
    std::io::copy(&mut reader, &mut std::io::sink())
}

/// The members of a gzip file, one after the other.
struct Members<'b> {
    member: GzDecoder<&'b [u8]>,
    left: usize,
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let length = self.member.read(buffer)?;
            let rest: &[u8] = self.member.get_ref();
            if length > 0 || buffer.is_empty() || rest.is_empty() {
                return Ok(length);
            }
            self.left = self.left.checked_sub(1).ok_or(ErrorKind::InvalidData)?;
            self.member = GzDecoder::new(rest);
        }
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(Code::TooLarge, format!("The request's body is larger than {limit} bytes"))
}

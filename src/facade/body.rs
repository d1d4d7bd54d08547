//! Reading a request's body: within a size, within a time, decompressed under the same size.

use std::io::Read;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::{Bytes, Payload};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::error::{Code, Error, Result};

/// Bodies decompressed at once; the others wait, so that a flood of them costs time and not memory.
static DECOMPRESSIONS: Semaphore = Semaphore::const_new(4);

/// Reads the whole body and undoes its Content-Encoding.
/// # Errors
/// Too large, too slow, an encoding that is not accepted, or bytes that are not in it.
pub async fn read(request: &HttpRequest, payload: Payload, app: &App) -> Result<Bytes> {
    let server = &app.config.server;
    let limit = server.body_limit;
    // What is announced as too large is not waited for. A length that is none was refused before.
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large(limit));
    }
    let reading = tokio::time::timeout(server.body_timeout, payload.to_bytes_limited(limit));
    let body = match reading.await {
        Err(_) => {
            let seconds = server.body_timeout.as_secs();
            return Err(Error::new(
                Code::TimedOut,
                format!("The request's body was not received within {seconds} seconds"),
            ));
        }
        Ok(Err(_)) => return Err(too_large(limit)),
        Ok(Ok(Err(error))) => {
            return Err(Error::invalid("The request's body could not be read").because(error.to_string()));
        }
        Ok(Ok(Ok(body))) => body,
    };
    let encoding = request
        .headers()
        .get(CONTENT_ENCODING)
        .map_or("", |value| value.to_str().unwrap_or("?"))
        .trim()
        .to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" | "deflate" => decompress(encoding, body, app.config.soap.max_decoded).await,
        _ => Err(Error::invalid("The Content-Encoding must be gzip, deflate or identity")),
    }
}

async fn decompress(encoding: String, body: Bytes, limit: usize) -> Result<Bytes> {
    let _permit = DECOMPRESSIONS.acquire().await.map_err(Error::internal)?;
    let decoding = tokio::task::spawn_blocking(move || {
        let mut decoder: Box<dyn Read> = match encoding.as_str() {
            "deflate" => Box::new(ZlibDecoder::new(&body[..])),
            _ => Box::new(MultiGzDecoder::new(&body[..])),
        };
        let mut decoded = Vec::new();
        let read = decoder.by_ref().take(limit as u64 + 1).read_to_end(&mut decoded);
        match read {
            Err(_) => {
                Err(Error::invalid(format!("The request's body is not {encoding}, as its Content-Encoding says")))
            }
            Ok(size) if size > limit => Err(too_large(limit)),
            Ok(_) => Ok(Bytes::from(decoded)),
        }
    });
    decoding.await.map_err(Error::internal)?
}

fn too_large(limit: usize) -> Error {
    Error::new(Code::TooLarge, format!("The request's body is larger than {limit} bytes"))
}

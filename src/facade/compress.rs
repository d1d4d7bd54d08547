//! Sending a text, compressed where the client asked for gzip by name.
//! A client that names only other codings, or none, gets plain text: half of the toolkits cannot undo what they did not
//! ask for.

use std::io::Write;

use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Smaller texts are not worth a client's time to decompress.
const SMALLEST: usize = 1_400;

/// Whether a text of that length is sent compressed.
pub fn applies(request: &HttpRequest, text: &str) -> bool {
    text.len() >= SMALLEST && accepts_gzip(request)
}

/// Says that the text is sent in another coding to others, if it is.
pub fn vary(response: &mut HttpResponseBuilder, text: &str) {
    if text.len() >= SMALLEST {
        response.append_header((VARY, HeaderValue::from_static("Accept-Encoding")));
    }
}

/// Completes a response with its text.
pub fn finish(request: &HttpRequest, mut response: HttpResponseBuilder, text: String) -> HttpResponse {
    vary(&mut response, &text);
    if !applies(request, &text) {
        return response.body(text);
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 3), Compression::fast());
    match encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(compressed) => response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip"))).body(compressed),
        Err(_) => response.body(text),
    }
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    request
        .headers()
        .get_all(ACCEPT_ENCODING)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip"));
            let refused = parts
                .any(|part| part.strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)));
            named && !refused
        })
}

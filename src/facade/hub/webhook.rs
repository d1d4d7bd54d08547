//! `/webhooks/{flowID}` and `/hook/{flowID}` (document 002, "Send information based on payload"; contradiction C63).
//! Both start the same runs. The first takes what is sent out of a member `data`, the second takes the body as it is.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::{Code, Error, Result};
use crate::facade::hub::endpoint::{Call, Reply};
use crate::facade::payload;
use crate::facade::request::REQUEST_ID;
use crate::model::webhook::{Guard, Settings};
use crate::operation::json;
use crate::operation::payload::delivery_key;
use crate::operation::repeat::{Key, execute_once};
use crate::operation::trigger::{Sent, TriggerFlow};

/// Bytes of a body.
const LARGEST: usize = 10 * 1024 * 1024;
/// What is said of a body without a type.
const NO_TYPE: &str = "Content-Type header is missing";
/// What is said of a body of a type that is not read.
const OTHER_TYPE: &str = "The Content-Type must be application/json, application/xml, application/x-www-form-urlencoded or multipart/form-data";

/// HEAD: that there is such a flow was found out on the way.
pub(super) fn is_active() -> Reply {
    Reply::of(json!({}))
}

/// GET: what stands in the address is the data.
pub(super) async fn by_address(call: &Call<'_>) -> Result<Reply> {
    if matches!(call.caller()?.settings(), Some(Settings { guard: Guard::Hmac(_) | Guard::Standard { .. }, .. })) {
        let message = "What this flow is sent has to be signed, so that it has to be posted";
        return Err(Error::new(Code::Forbidden, message));
    }
    trigger(call, Sent::Fields(payload::pairs(call.request.query_string())?)).await
}

/// POST /webhooks/{flowID}: an object with the data as its member, or a form.
pub(super) async fn wrapped(call: &Call<'_>) -> Result<Reply> {
    let (sent, is_form) = read(call)?;
    let sent = match sent {
        Sent::Fields(fields) if is_form => Sent::Fields(fields),
        Sent::Fields(mut fields) => match fields.remove("data") {
            Some(Value::Object(fields)) => Sent::Fields(fields),
            _ => return Err(no_data()),
        },
        Sent::Object(text) => {
            json::check("The body", &text, json::MOST_VALUES)?;
            let members: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(&text).ok();
            let data = members.and_then(|mut members| members.remove("data"));
            let data = data.filter(|data| data.get().starts_with('{'));
            Sent::Object(data.ok_or_else(no_data)?.get().to_owned())
        }
    };
    trigger(call, sent).await
}

/// POST /hook/{flowID}: the body is the data.
pub(super) async fn bare(call: &Call<'_>) -> Result<Reply> {
    let (sent, _) = read(call)?;
    trigger(call, sent).await
}

fn no_data() -> Error {
    Error::invalid(
        "The body must be an object with the member data, an object such as {\"data\": {\"key1\": \"value1\"}}",
    )
}

/// The body, by its type, and whether it is a form.
fn read(call: &Call<'_>) -> Result<(Sent, bool)> {
    if call.body.len() > LARGEST {
        return Err(Error::new(Code::TooLarge, format!("The request's body is larger than {LARGEST} bytes")));
    }
    if !call.request.headers().contains_key(CONTENT_TYPE) {
        return Err(Error::invalid(NO_TYPE));
    }
    let media_type = payload::content_type(call.request.headers());
    let essence = media_type.essence.as_str();
    let is_form = matches!(essence, "application/x-www-form-urlencoded" | "multipart/form-data");
    match essence {
        // A text is read as JSON too, because that is what senders of it mean.
        "application/json" | "text/json" | "text/plain" => {}
        other if other.ends_with("+json") => {}
        other if is_form || matches!(other, "application/xml" | "text/xml") || other.ends_with("+xml") => {
            let text = payload::read(&media_type, call.body, LARGEST)?;
            return match json::parse("The body", &text, json::MOST_VALUES)? {
                Value::Object(fields) => Ok((Sent::Fields(fields), is_form)),
                _ => Err(Error::invalid("The outermost element must have others within it")),
            };
        }
        _ => return Err(Error::invalid(OTHER_TYPE)),
    }
    Ok((Sent::Object(json::trim(call.text()?).to_owned()), false))
}

async fn trigger(call: &Call<'_>, data: Sent) -> Result<Reply> {
    let (headers, caller) = (call.request.headers(), call.caller()?);
    let fits = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let request = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits).map(str::to_owned);
    let own = || headers.get("idempotency-key").map(|value| Key::Idempotency(value.to_str().unwrap_or_default()));
    let key = delivery_key(caller, |name| payload::header(headers, name)).or_else(own);
    let operation = TriggerFlow { data, request: request.clone() };
    let (triggered, is_repeated) = execute_once(call.app, caller, key, operation).await?.into_parts();
    let id = request.unwrap_or_else(|| triggered.uuid.replace('-', ""));
    let reply = Reply::of(json!({"data": {"requestId": id, "message": "thank you"}}));
    Ok(Reply { is_repeated, ..reply })
}

/// The status and the sentence of a refusal where webhooks have their own.
pub(super) fn told(request: &HttpRequest, error: &Error) -> Option<(StatusCode, String)> {
    match error.code() {
        Code::NotFound => {
            let shown: String = request.match_info().get("flow").unwrap_or_default().chars().take(64).collect();
            Some((StatusCode::NOT_FOUND, format!("Flow {shown} either does not exist or is inactive.")))
        }
        Code::InvalidInput if matches!(error.message(), NO_TYPE | OTHER_TYPE) => {
            Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, error.message().to_owned()))
        }
        // A challenge would be answered 401; partners know this (contradiction C65).
        Code::Unauthenticated => Some((StatusCode::FORBIDDEN, "Unauthorized".to_owned())),
        _ => None,
    }
}

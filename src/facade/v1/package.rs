//! `/v1/keystore/{keystore}/{key}`: the packages of a keystore (document 003, "Keystore"). They are answered as they are, without
//! an envelope, in JSON, in XML or as plain text (contradiction C18).
//!
//! * A JSON value is itself in JSON and as text, and is mapped to XML as everything else of this dialect is.
//! * A text is itself as text; in JSON it is a string, in XML the element `data`. One that was sent as JSON or as XML is
//!   answered as it was sent where that is asked for.

use actix_web::http::Method;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};
use serde_json::Value;
use utoipa::openapi::schema::{Object, SchemaType};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::facade::payload;
use crate::facade::request::entity_tags;
use crate::facade::tree::{from_xml, to_xml};
use crate::facade::v1::call::Call;
use crate::facade::v1::condition;
use crate::facade::v1::format::{self, Format};
use crate::facade::v1::keystore::identifier;
use crate::facade::v1::reply::{Instead, Reply};
use crate::model::keystore::Package;
use crate::operation::execute;
use crate::operation::keystore::package::{
    DeletePackage, Expected, GetPackage, Given, InsertPackage, JSON, PutPackage, XML,
};
use crate::operation::repeat::execute_once;
use crate::operation::revision::Revision;
use crate::soap::media::MediaType;
use crate::xml::Limits;
use crate::xml::document::Document;
use crate::xml::text::decode_within;

/// The element that a text is in XML.
const DATA: &str = "data";

/// What a package holds: any JSON value.
pub struct PackageValue;

impl PartialSchema for PackageValue {
    fn schema() -> RefOr<Schema> {
        Object::builder().schema_type(SchemaType::AnyValue).description(Some("What the package holds.")).into()
    }
}

impl ToSchema for PackageValue {}

/// What is answered where a package was removed: nothing.
pub struct NoValue;

impl PartialSchema for NoValue {
    fn schema() -> RefOr<Schema> {
        Object::with_type(utoipa::openapi::schema::Type::Null).into()
    }
}

impl ToSchema for NoValue {}

/// GET. Neither HEAD nor a question whether something has changed makes a package (contradiction C15).
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    let is_conditional =
        [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH].iter().any(|name| call.headers().contains_key(name));
    let creates = *call.request.method() == Method::GET && !is_conditional;
    let get = GetPackage { keystore: identifier(call)?, key: key(call)?, creates };
    let package = execute(call.app, call.caller()?, get).await?;
    let mut reply = told(call, &package)?;
    reply.modified = Some(package.modified);
    Ok(reply)
}

/// POST.
pub async fn insert(call: &Call<'_>) -> Result<Reply> {
    let insert = InsertPackage { keystore: identifier(call)?, key: key(call)?, given: given(call)? };
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, insert).await?;
    let (package, is_repeated) = once.into_parts();
    let mut reply = told(call, &package)?;
    reply.is_repeated = is_repeated;
    Ok(reply)
}

/// PUT.
pub async fn put(call: &Call<'_>) -> Result<Reply> {
    let put =
        PutPackage { keystore: identifier(call)?, key: key(call)?, given: given(call)?, expected: expected(call)? };
    told(call, &execute(call.app, call.caller()?, put).await?)
}

/// DELETE.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let (keystore, key) = (identifier(call)?, key(call)?);
    let message = format!("Successfully deleted key {key} in keystore {keystore}");
    execute(call.app, call.caller()?, DeletePackage { keystore, key, expected: expected(call)? }).await?;
    let mut reply = Reply::of_text("null".to_owned());
    reply.message = Some(message);
    Ok(reply)
}

fn key(call: &Call<'_>) -> Result<String> {
    Ok(call.path("key")?.unwrap_or_default().into_owned())
}

/// In which state the client expects the package to be; other than what else there is, one can be made by PUT.
fn expected(call: &Call<'_>) -> Result<Expected> {
    if entity_tags(call.headers(), &IF_NONE_MATCH).any(|tag| tag == "*") {
        return Ok(Expected::Absent);
    }
    // Any will do, but there must be one.
    if entity_tags(call.headers(), &IF_MATCH).any(|tag| tag == "*") {
        return Ok(Expected::Present);
    }
    Ok(condition::expected(call.headers())?.map_or(Expected::Any, Expected::Revisions))
}

/// What was sent.
fn given(call: &Call<'_>) -> Result<Given> {
    let media_type = payload::content_type(call.headers());
    if media_type.essence.starts_with("text/") && media_type.essence != "text/xml" && media_type.essence != "text/json"
    {
        return Ok(Given::Text(format::plain_text(&media_type, call.body)?.to_owned()));
    }
    match format::of_body(&media_type, call.body) {
        Ok(Format::Json) => Ok(Given::Json(format::json_text(&media_type, call.body)?.into_owned())),
        Ok(Format::Xml) => xml(call, &media_type),
        Err(_) => {
            let shown: String = media_type.essence.chars().take(80).collect();
            Err(Error::invalid(format!(
                "The Content-Type '{shown}' is not accepted; send application/json, application/xml or text/plain"
            )))
        }
    }
}

fn xml(call: &Call<'_>, media_type: &MediaType) -> Result<Given> {
    let longest = call.app.config.soap.max_decoded.max(call.app.config.server.body_limit);
    let text = decode_within(call.body, media_type.parameter("charset"), longest);
    let text = text.map_err(|error| Error::invalid(format!("The body is not acceptable XML: {error}")))?.into_owned();
    let json = from_xml(&text).map(|tree| tree.to_json(None)).map_err(|error| error.message().to_owned());
    // What means no JSON can be XML nevertheless.
    let is_xml = json.is_ok() || Document::read(&text, Limits::default()).is_ok();
    Ok(Given::Xml { text, is_xml, json })
}

/// A package as it is asked for.
fn told(call: &Call<'_>, package: &Package) -> Result<Reply> {
    let media_type = package.media_type.as_deref();
    let json = match media_type {
        None | Some(JSON) => package.content.clone(),
        Some(_) => Value::from(package.content.as_str()).to_string(),
    };
    let mut reply = Reply::of_text(json);
    reply.revision = Some(Revision::of_package(package));
    reply.instead = Some(Instead::Resource);
    if format::wants_text(call.headers()) {
        reply.resource.clone_from(&package.content);
        as_text(&mut reply);
        return Ok(reply);
    }
    match (call.format, media_type) {
        (Format::Xml, Some(XML)) => verbatim(&mut reply, package.content.clone(), Format::Xml.content_type()),
        (Format::Xml, Some(_)) => {
            let text = to_xml(&Value::from(package.content.as_str()).to_string(), DATA)?;
            verbatim(&mut reply, text, Format::Xml.content_type());
        }
        (Format::Json, _) | (Format::Xml, None) => {}
    }
    Ok(reply)
}

/// Answers with the resource as plain text.
pub fn as_text(reply: &mut Reply) {
    let text = std::mem::take(&mut reply.resource);
    verbatim(reply, text, "text/plain; charset=UTF-8");
    reply.variant = "-text";
}

fn verbatim(reply: &mut Reply, text: String, media_type: &'static str) {
    reply.headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
    // It must not become a page of the gateway's own.
    reply.headers.push((CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")));
    reply.instead = Some(Instead::Verbatim(text));
}

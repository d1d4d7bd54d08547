//! The SOAP endpoint: a request's bytes to a call, the call's outcome to a reply or a fault.
//! Every outcome is HTTP 200 or, for faults, 500, because many toolkits lose a fault with any other status.

use std::panic::AssertUnwindSafe;

use actix_web::dev::RequestHead;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;

use crate::app::App;
use crate::auth::{self, Caller, Credential, key, limit};
use crate::error::{Code, Error, Result};
use crate::facade::request::{RequestContext, http_credential};
use crate::facade::soap::answer::{Answer, Response};
use crate::facade::soap::error::describe;
use crate::facade::soap::port::{self, Sent};
use crate::facade::soap::{credential, is_mounted_at};
use crate::facade::{body, compress, payload};
use crate::model::account::FaultDialect;
use crate::soap::encoded::Context;
use crate::soap::envelope::{Envelope, EnvelopeError, action_name};
use crate::soap::media::{Attachments, MediaType, unpack};
use crate::soap::reply::{
    Addressing, Blame, Dialect, Fault, FaultForm, ProtocolFault, Reply, write_fault, write_protocol_fault, write_reply,
};
use crate::soap::version::Version;
use crate::telemetry::metrics;
use crate::xml::Limits;
use crate::xml::document::{Document, Element};
use crate::xml::text::decode_within;

/// The namespaces of the WS-Addressing versions in use.
const ADDRESSING: [&str; 2] =
    ["http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"];

/// Identifiers that one header holds; some clients refuse headers beyond 8 KiB.
const MOST_UUIDS: usize = 20;

/// A call and what became of it.
struct Exchange {
    dialect: Dialect,
    operation: &'static str,
    caller: Option<Caller>,
    outcome: std::result::Result<Answer, Failure>,
    /// Whether the client may still be sending, so that nothing it sends can be taken for a further request.
    is_unfinished: bool,
}

enum Failure {
    Error(Error),
    VersionMismatch,
    MustUnderstand { namespace: String, local: String },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

/// Answers a call.
pub async fn post(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let context = RequestContext::of(&request, &app);
    let media_type = payload::content_type(request.headers());
    let version = version_of(&media_type);
    let mut exchange = Exchange {
        dialect: Dialect::unread(version),
        operation: "",
        caller: None,
        outcome: Err(Failure::VersionMismatch),
        is_unfinished: false,
    };
    exchange.outcome = match body::read(&request, payload, &app).await {
        Err(error) => {
            exchange.is_unfinished = true;
            Err(error.into())
        }
        Ok(body) => survive(answer(&request, &context, &app, &media_type, &body.bytes, &mut exchange)).await,
    };
    if let Err(Failure::Error(error)) = &exchange.outcome {
        // The body is gone by now: held back, it would keep its share of the memory for bodies from others.
        limit::hold_back(&app, error).await;
    }
    let operation = Some(exchange.operation).filter(|operation| !operation.is_empty());
    let refused = match &exchange.outcome {
        Ok(_) => None,
        Err(Failure::Error(error)) => Some(error.code()),
        Err(Failure::VersionMismatch | Failure::MustUnderstand { .. }) => Some(Code::InvalidInput),
    };
    let response = respond(&request, &context, exchange);
    context.ended(&app, metrics::Dialect::Soap, operation, refused);
    response
}

/// A defect in one call must not take the worker's other connections with it.
async fn survive(
    answering: impl Future<Output = std::result::Result<Answer, Failure>>,
) -> std::result::Result<Answer, Failure> {
    let outcome = AssertUnwindSafe(answering).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(Error::internal("a call panicked").into()))
}

async fn answer(
    request: &HttpRequest,
    context: &RequestContext,
    app: &App,
    media_type: &MediaType,
    bytes: &Bytes,
    exchange: &mut Exchange,
) -> std::result::Result<Answer, Failure> {
    let (root_type, root, attachments) = message_of(app, media_type, bytes)?;
    let longest = app.config.soap.max_decoded.max(app.config.server.body_limit);
    let text = decode_within(&root, root_type.parameter("charset"), longest).map_err(|error| not_xml(&error))?;
    let document = Document::read(&text, limits(app)).map_err(|error| not_xml(&error))?;
    let envelope = Envelope::of(&document).map_err(|error| match error {
        EnvelopeError::VersionMismatch => Failure::VersionMismatch,
        EnvelopeError::Malformed(message) => Error::invalid(message).into(),
    })?;
    exchange.dialect = dialect(&envelope);
    understand(&envelope)?;
    let action = request.headers().get("soapaction").and_then(|value| value.to_str().ok());
    let action = action.or_else(|| media_type.parameter("action")).map(action_name).and_then(port::find);
    let call = envelope.call(port::find, port::is_parameter, action).map_err(Error::invalid)?;
    exchange.operation = call.operation;
    exchange.dialect.namespace = call.namespace.to_owned();
    let values = Context::new(envelope.body, &attachments, text.len().max(bytes.len()));
    let input = values.value(call.element)?;
    let proof = http_credential(request.headers());
    let caller = match port::webhook_uri(call.operation, input)? {
        Some(uri) => {
            let header = |name: &str| payload::header(request.headers(), name);
            let post = auth::Post { header: &header, credential: proof.as_ref(), body: bytes };
            auth::authenticate_post(app, &Credential::Webhook(uri), post, context.address)?
        }
        None => {
            let credential = credential::find(&envelope, &values, input, proof)?;
            auth::authenticate(app, &credential.unwrap_or_else(nobody), context.address)?
        }
    };
    let caller = exchange.caller.insert(caller).clone();
    let addressing = exchange.dialect.addressing.as_ref().filter(|_| app.config.soap.message_id_repeats);
    let message_id = addressing.map(|addressing| addressing.message_id.as_str());
    let sent = Sent { message_id, headers: request.headers() };
    Ok(port::call(call.operation, app, &caller, sent, input).await?)
}

/// A call without credentials takes the way of wrong ones.
fn nobody() -> Credential {
    Credential::Keys { api: String::new(), app: String::new() }
}

/// The envelope's bytes, taken out of a package where they travel in one.
fn message_of<'b>(
    app: &App,
    media_type: &MediaType,
    bytes: &'b [u8],
) -> Result<(MediaType, std::borrow::Cow<'b, [u8]>, Attachments<'b>)> {
    match media_type.essence.as_str() {
        "text/xml" | "application/soap+xml" | "application/xml" | "" => {
            Ok((media_type.clone(), bytes.into(), Attachments::default()))
        }
        "multipart/related" => {
            let package = unpack(media_type, bytes, app.config.soap.max_attachments).map_err(Error::invalid)?;
            Ok((package.root_type, package.root, package.attachments))
        }
        other => {
            let other: String = other.chars().take(80).collect();
            Err(Error::invalid(format!(
                "The Content-Type '{other}' is not accepted; send text/xml or application/soap+xml"
            )))
        }
    }
}

fn limits(app: &App) -> Limits {
    let soap = &app.config.soap;
    Limits {
        depth: soap.max_depth,
        attributes: soap.max_attributes,
        namespaces: soap.max_namespaces,
        children: soap.max_children,
        name_length: soap.max_name_length,
        attribute_length: soap.max_attribute_length,
        ..Limits::default()
    }
}

fn not_xml(error: &crate::xml::XmlError) -> Failure {
    Error::invalid(format!("The request is not acceptable XML: {error}")).into()
}

fn dialect(envelope: &Envelope<'_>) -> Dialect {
    let first = envelope.body.children().next();
    Dialect {
        version: envelope.version,
        envelope: envelope.namespace.to_owned(),
        encoded: envelope.encoded,
        namespace: first.map(|call| call.name().namespace.to_string()).unwrap_or_default(),
        addressing: envelope.header_blocks().find_map(addressing),
    }
}

fn addressing(block: Element<'_, '_>) -> Option<Addressing> {
    let namespace = &*block.name().namespace;
    let message_id = (block.local() == "MessageID" && ADDRESSING.contains(&namespace)).then(|| block.text().trim())?;
    Some(Addressing { namespace: namespace.to_owned(), message_id: message_id.to_owned() })
}

/// Refuses header blocks that must be understood and are not, before anything is done (SOAP 1.1 §4.2.3, 1.2 §2.6).
fn understand(envelope: &Envelope<'_>) -> std::result::Result<(), Failure> {
    for block in envelope.header_blocks().filter(|block| envelope.must_understand(*block)) {
        let known = ADDRESSING.contains(&&*block.name().namespace)
            || block.local() == "AuthenticationHeader"
            || credential::is_security(block) && credential::is_understood(block);
        if !known {
            let namespace = block.name().namespace.to_string();
            return Err(Failure::MustUnderstand { namespace, local: block.local().to_owned() });
        }
    }
    Ok(())
}

fn respond(request: &HttpRequest, context: &RequestContext, exchange: Exchange) -> HttpResponse {
    let caller = exchange.caller.as_ref();
    let refused = match &exchange.outcome {
        Err(Failure::Error(error)) => limit::allowance_of(error),
        _ => None,
    };
    let allowance = refused.or_else(|| caller.and_then(Caller::allowance));
    let (status, text, uuids) = match exchange.outcome {
        Ok(Answer::Response(response)) if wants_fault(caller, exchange.operation) => {
            (StatusCode::INTERNAL_SERVER_ERROR, success_fault(&exchange.dialect, &response), Vec::new())
        }
        Ok(Answer::Response(response)) => {
            let text = write_response(&exchange.dialect, exchange.operation, &response, context);
            (StatusCode::OK, text, response.uuids)
        }
        Ok(Answer::Posted(uuid)) => (StatusCode::OK, write_posted(&exchange.dialect, &uuid), vec![uuid]),
        Err(failure) => {
            let text = write_failure(&exchange.dialect, exchange.operation, &failure, caller, context);
            (StatusCode::INTERNAL_SERVER_ERROR, text, Vec::new())
        }
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(exchange.dialect.version.names().content_type)));
    if exchange.is_unfinished {
        response.force_close();
    }
    context.complete(&mut response, allowance);
    // Replies are documented without the identifiers that were made for records, so they travel in a header.
    if let Some(uuids) = header_list(&uuids) {
        response.insert_header(("X-Uuid", uuids));
    }
    compress::finish(request, response, text)
}

/// How a defect of ours is told to the sender of a call that nobody else can answer any more.
#[derive(Clone, Copy, Debug)]
pub struct Defect {
    version: Version,
}

impl Defect {
    /// What a request would be told, if it is a call.
    pub fn of(head: &RequestHead) -> Option<Defect> {
        let is_call = head.method == Method::POST && is_mounted_at(head.uri.path());
        is_call.then(|| Defect { version: version_of(&payload::content_type(&head.headers)) })
    }

    /// The fault.
    pub fn answer(self) -> HttpResponse {
        let reference = reference();
        let error = Error::internal("a handler panicked");
        let (code, blame) = describe(error.code());
        log::error!(reference, code:? = error.code(); "Fault: {error}");
        let fault = Fault { blame, code, message: error.message(), reference: &reference, form: FaultForm::Standard };
        HttpResponse::InternalServerError()
            .content_type(self.version.names().content_type)
            .body(write_fault(&Dialect::unread(self.version), &fault))
    }
}

/// The SOAP version that a Content-Type stands for, as long as no envelope says it.
fn version_of(media_type: &MediaType) -> Version {
    if media_type.essence == "application/soap+xml" { Version::V12 } else { Version::V11 }
}

/// The texts as one header, if they fit into one. Beyond ASCII, clients read headers in different ways.
fn header_list(texts: &[String]) -> Option<HeaderValue> {
    let fits = (1..=MOST_UUIDS).contains(&texts.len()) && texts.iter().all(|text| text.is_ascii());
    fits.then(|| HeaderValue::from_str(&texts.join(", ")).ok()).flatten()
}

fn write_response(dialect: &Dialect, operation: &str, response: &Response, context: &RequestContext) -> String {
    let element = format!("{operation}Result");
    let address = context.address.to_string();
    let fields = [
        ("Id", response.outcome.id),
        ("Code", response.outcome.code),
        ("RequestIP", address.as_str()),
        ("Resource", response.resource.as_str()),
        ("Message", &*response.message),
        ("Error", response.outcome.error),
    ];
    write_reply(dialect, &Reply { operation, element: &element, type_name: "Response", fields: &fields })
}

fn write_posted(dialect: &Dialect, uuid: &str) -> String {
    let fields = [("Result", "SUCCESS"), ("DataRecordID", uuid), ("Message", "Data Record created successfully")];
    write_reply(
        dialect,
        &Reply { operation: "postRecord", element: "return", type_name: "postRecordResponse", fields: &fields },
    )
}

/// Whether success is to be told as the documented fault (contradiction C36).
fn wants_fault(caller: Option<&Caller>, operation: &str) -> bool {
    operation == "webhook" && caller.is_some_and(|caller| caller.compatibility().webhook_success_as_fault)
}

fn success_fault(dialect: &Dialect, response: &Response) -> String {
    let reference = reference();
    let fault = Fault {
        blame: Blame::Sender,
        code: response.outcome.code.parse().unwrap_or(200),
        message: &response.message,
        reference: &reference,
        form: FaultForm::Documented,
    };
    write_fault(dialect, &fault)
}

fn write_failure(
    dialect: &Dialect,
    operation: &str,
    failure: &Failure,
    caller: Option<&Caller>,
    context: &RequestContext,
) -> String {
    match failure {
        Failure::VersionMismatch => write_protocol_fault(dialect, &ProtocolFault::VersionMismatch),
        Failure::MustUnderstand { namespace, local } => {
            write_protocol_fault(dialect, &ProtocolFault::MustUnderstand(namespace, local))
        }
        Failure::Error(error) => {
            let (code, blame) = describe(error.code());
            let reference = reference();
            log(operation, error, &reference, context);
            let form = match caller.map(|caller| caller.compatibility().fault_dialect).unwrap_or_default() {
                FaultDialect::Documented => FaultForm::Documented,
                FaultDialect::Standard => FaultForm::Standard,
                FaultDialect::Mirror if dialect.is_documented() => FaultForm::Documented,
                FaultDialect::Mirror => FaultForm::Standard,
            };
            write_fault(dialect, &Fault { blame, code, message: error.message(), reference: &reference, form })
        }
    }
}

fn log(operation: &str, error: &Error, reference: &str, context: &RequestContext) {
    let level = match error.code() {
        Code::Internal => log::Level::Error,
        // The store tells the log when it stops working and when it works again. A line for each request would fill a
        // full disk further.
        Code::Unavailable => log::Level::Debug,
        _ => log::Level::Info,
    };
    let cause = error.cause().map(|cause| format!(": {cause}")).unwrap_or_default();
    log::log!(level, operation, address:% = context.address, reference, code:? = error.code(); "Fault: {error}{cause}");
}

/// An opaque reference in the documented form: the hexadecimal digits of the base64 of 32 bytes.
fn reference() -> String {
    let secret = key::generate_secret().unwrap_or_default();
    let bytes = key::hash(&secret);
    key::hex(STANDARD.encode(bytes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_panics_is_a_failure_of_ours() {
        let panicking = async { panic!("on purpose") };
        let Some(Err(Failure::Error(error))) = survive(panicking).now_or_never() else { panic!("no failure") };
        assert_eq!(error.code(), Code::Internal);
        assert!(!error.message().contains("purpose"), "{error}");
        let well = async { Ok(Answer::Posted("r-1".to_owned())) };
        assert!(matches!(survive(well).now_or_never(), Some(Ok(Answer::Posted(_)))));
    }
}

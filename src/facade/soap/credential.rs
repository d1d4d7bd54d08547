//! Where a SOAP request may carry its credential, and which place counts: the AuthenticationObject in the body; else
//! the AuthenticationHeader; else a WS-Security UsernameToken; else the HTTP Authorization header.

use crate::auth::Credential;
use crate::error::{Error, Result};
use crate::facade::soap::input::text_member;
use crate::soap::encoded::{Context, Value};
use crate::soap::envelope::Envelope;
use crate::xml::document::Element;

/// The namespace of WS-Security headers (OASIS WSS 1.0).
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// Finds the credential of a call. `http` is what the HTTP header holds.
/// # Errors
/// An element that cannot be read, a version that does not exist, a kind of password that cannot be checked.
pub fn find<'c>(
    envelope: &Envelope<'c>,
    context: &'c Context<'c>,
    input: Option<Value<'c>>,
    http: Option<Credential>,
) -> Result<Option<Credential>> {
    if let Some(keys) = authentication_object(input)? {
        return Ok(Some(keys));
    }
    // Document 003's introduction puts the header into the input as well.
    let inner = input.map(|input| input.member("Header")).transpose()?.flatten();
    let inner = inner.map(|header| header.member("AuthenticationHeader")).transpose()?.flatten();
    let outer = envelope.header_blocks().find(|block| block.local() == "AuthenticationHeader");
    let outer = outer.map(|block| context.value(block)).transpose()?.flatten();
    for header in [outer, inner].into_iter().flatten() {
        for name in ["AccessToken", "SessionID"] {
            if let Some(token) = text_member(header, "AuthenticationHeader", name)? {
                return Ok(Some(Credential::Bearer(token)));
            }
        }
    }
    let security = envelope.header_blocks().find(|block| is_security(*block));
    match security.map(username_token).transpose()?.flatten() {
        Some(keys) => Ok(Some(keys)),
        None => Ok(http),
    }
}

fn authentication_object(input: Option<Value<'_>>) -> Result<Option<Credential>> {
    const OBJECT: &str = "AuthenticationObject";
    let Some(object) = input.map(|input| input.member(OBJECT)).transpose()?.flatten() else { return Ok(None) };
    let version = text_member(object, OBJECT, "Version")?;
    if version.as_deref().is_some_and(|version| !matches!(version, "1" | "1.0")) {
        return Err(Error::invalid("AuthenticationObject/Version must be 1"));
    }
    let api = text_member(object, OBJECT, "Apikey")?;
    let app = text_member(object, OBJECT, "Appkey")?;
    match (api, app) {
        // Generated clients send the object empty where the keys travel elsewhere.
        (None, None) => Ok(None),
        (api, app) => Ok(Some(Credential::Keys { api: api.unwrap_or_default(), app: app.unwrap_or_default() })),
    }
}

/// Whether the block is a WS-Security header.
pub fn is_security(block: Element<'_, '_>) -> bool {
    block.name().is(WSSE, "Security")
}

/// Whether everything in a WS-Security header is understood: a UsernameToken, and a Timestamp, which promises nothing.
pub fn is_understood(security: Element<'_, '_>) -> bool {
    security.children().all(|child| child.name().is(WSSE, "UsernameToken") || child.name().is(WSU, "Timestamp"))
}

/// The API key as user and the application key as password (WSS UsernameToken Profile 1.0).
fn username_token(security: Element<'_, '_>) -> Result<Option<Credential>> {
    let mut tokens = security.children().filter(|child| child.name().is(WSSE, "UsernameToken"));
    let Some(token) = tokens.next() else { return Ok(None) };
    if tokens.next().is_some() {
        return Err(Error::invalid("The Security header holds two UsernameTokens"));
    }
    let password = token.child(WSSE, "Password");
    let kind = password.and_then(|password| password.attribute("", "Type")).unwrap_or("#PasswordText");
    if !kind.ends_with("#PasswordText") {
        return Err(Error::invalid(
            "The UsernameToken's Password must be of the type PasswordText, since keys are not kept in a readable form",
        ));
    }
    let user = token.child(WSSE, "Username").map(|user| user.text().trim().to_owned()).unwrap_or_default();
    let password = password.map(|password| password.text().trim().to_owned()).unwrap_or_default();
    Ok(Some(Credential::Basic { user, password }))
}

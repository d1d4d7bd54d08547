//! A form as clients send it (`application/x-www-form-urlencoded`), and the client that it or Basic names.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use percent_encoding::percent_decode_str;

use crate::auth::Credential;
use crate::error::{Error, Result};
use crate::facade::request::http_credential;

/// The parameters of a form, each at most once and none without a value (RFC 6749 §3.2).
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form.
    /// # Errors
    /// `InvalidInput` for another media type, text that is not UTF-8, or a parameter that is there twice.
    pub fn read(request: &HttpRequest, bytes: &[u8]) -> Result<Form> {
        let essence = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::invalid("The Content-Type must be application/x-www-form-urlencoded"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| not_text())?;
        Form::parse(text)
    }

    fn parse(text: &str) -> Result<Form> {
        let mut form = Form::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            // A parameter without a value counts as left out.
            if value.is_empty() {
                continue;
            }
            // Those that nobody knows are ignored, so they need no room.
            let Some(name) = KNOWN.into_iter().find(|known| *known == name) else { continue };
            if form.get(name).is_some() {
                return Err(Error::invalid(format!("The parameter {name} is there twice")));
            }
            form.0.push((name.to_owned(), value));
        }
        Ok(form)
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there.
    /// # Errors
    /// `InvalidInput` if it is not.
    pub fn require(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| Error::invalid(format!("The parameter {name} is missing")))
    }

    /// What the client proves itself with: HTTP Basic, or `client_id` and `client_secret` (RFC 6749 §2.3.1). Without
    /// either, and with a scheme that is not Basic, a credential that is nobody's.
    /// # Errors
    /// `InvalidInput` if the request uses both ways.
    pub fn client(&self, request: &HttpRequest) -> Result<Credential> {
        let (id, secret) = (self.get("client_id"), self.get("client_secret"));
        let headers = request.headers();
        let (user, password) = match http_credential(headers) {
            Some(Credential::Basic { user, password }) => (decode(&user)?, decode(&password)?),
            None if !headers.contains_key(AUTHORIZATION) => {
                let [id, secret] = [id, secret].map(|text| text.unwrap_or_default().to_owned());
                return Ok(Credential::Client { id, secret });
            }
            _ => (String::new(), String::new()),
        };
        // Naming oneself once more is no second proof.
        if secret.is_some() || id.is_some_and(|id| id != user) {
            return Err(Error::invalid("The client must use either HTTP Basic or client_id and client_secret"));
        }
        Ok(Credential::Client { id: user, secret: password })
    }
}

/// The parameters of all endpoints.
const KNOWN: [&str; 6] = ["grant_type", "scope", "client_id", "client_secret", "token", "token_type_hint"];

fn decode(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned).map_err(|_| not_text())
}

fn not_text() -> Error {
    Error::invalid("The request's parameters are not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_they_are_written() {
        let form = Form::parse("grant_type=client_credentials&scope=a+b%20c&&other=1&other=2&client_id=&token=%c3%a4")
            .expect("a form");
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!((form.get("scope"), form.get("token")), (Some("a b c"), Some("ä")));
        assert_eq!((form.get("client_id"), form.get("other")), (None, None));
        assert_eq!(
            form.require("client_secret").expect_err("nothing").message(),
            "The parameter client_secret is missing"
        );
        let twice = Form::parse("scope=a&sc%6fpe=b").expect_err("twice");
        assert_eq!(twice.message(), "The parameter scope is there twice");
        Form::parse("token=%ff").expect_err("not UTF-8");
    }
}

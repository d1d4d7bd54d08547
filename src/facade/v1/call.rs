//! One call under way: what a handler reads of its request, and who asks.

use std::borrow::Cow;
use std::net::SocketAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::auth::{Caller, Credential};
use crate::error::{Error, Result};
use crate::facade::request::{self, RequestContext, http_credential};
use crate::facade::v1::endpoint::Access;
use crate::facade::v1::format::Format;
use crate::facade::v1::parameter::{
    API_KEY, APP, CLIENT_ID, CLIENT_SECRET, IDEMPOTENCY_KEY, Parameters, UUID, is_text,
};
use crate::operation::repeat::Key;

/// A call.
pub struct Call<'r> {
    /// What it may touch.
    pub app: &'r App,
    /// Its HTTP request.
    pub request: &'r HttpRequest,
    /// Its surroundings.
    pub context: &'r RequestContext,
    /// Where the gateway listens.
    pub listens: SocketAddr,
    /// What its reply is to be.
    pub format: Format,
    /// Its parameters.
    pub parameters: Parameters<'r>,
    /// Its body.
    pub body: &'r Bytes,
    /// Who calls, where that is asked.
    pub caller: Option<Caller>,
}

impl<'r> Call<'r> {
    /// Who calls.
    /// # Errors
    /// Nobody was asked for, which would be a defect of the table of endpoints.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| Error::internal("an endpoint without access has no caller"))
    }

    /// The gateway's address as the caller sees it, without a slash at its end.
    pub fn origin(&self) -> String {
        request::origin(self.request, self.app, self.listens)
    }

    /// The request's headers.
    pub fn headers(&self) -> &'r HeaderMap {
        self.request.headers()
    }

    /// A part of the path, decoded; `None` if the path has no such part.
    pub fn path(&self, name: &str) -> Result<Option<Cow<'r, str>>> {
        let Some(part) = self.request.match_info().get(name) else { return Ok(None) };
        let decoded = percent_decode_str(part).decode_utf8();
        let decoded = decoded.ok().filter(|decoded| is_text(decoded, self.request.uri().path()));
        decoded.map(Some).ok_or_else(|| Error::invalid(format!("The path's {name} is not UTF-8 text")))
    }

    /// The identifier of the record that the call is about. The path names it, or a header, or the address; two that
    /// differ are refused (contradiction C6).
    pub fn uuid(&self) -> Result<String> {
        let given = self.parameters.get(&UUID)?;
        match (self.path("uuid")?, given) {
            (Some(path), Some(given)) if path != given => {
                Err(Error::invalid(format!("X-Uuid is '{given}', but the path names '{path}'")))
            }
            (Some(path), _) => Ok(path.into_owned()),
            (None, Some(given)) => Ok(given.into_owned()),
            (None, None) => Err(Error::invalid("X-Uuid is required")),
        }
    }

    /// The client's name for this request.
    pub fn idempotency_key(&self) -> Result<Option<Key<'r>>> {
        Ok(self.parameters.in_header(&IDEMPOTENCY_KEY)?.map(Key::Idempotency))
    }

    /// The credential that the request carries: Authorization, else both keys, each from its header or the address,
    /// else a client's id and secret where the endpoint takes them (contradiction C3).
    /// # Errors
    /// A parameter that is given twice.
    pub fn credential(&self, access: Access) -> Result<Credential> {
        if let Access::Webhook = access {
            return Ok(Credential::Webhook(self.path("uri")?.unwrap_or_default().into_owned()));
        }
        if access == Access::Client {
            let (id, secret) = (self.parameters.require(&CLIENT_ID)?, self.parameters.require(&CLIENT_SECRET)?);
            return Ok(Credential::Client { id: id.into_owned(), secret: secret.into_owned() });
        }
        let headers = self.headers();
        if ["authorization", "authentication"].iter().any(|name| headers.get_all(*name).nth(1).is_some()) {
            return Err(Error::invalid("Authorization is given twice"));
        }
        if let Some(credential) = http_credential(headers) {
            return Ok(credential);
        }
        let (api, app) = (self.parameters.get(&API_KEY)?, self.parameters.get(&APP)?);
        if api.is_none() && app.is_none() && access.takes_client() && self.app.config.api.delete_client_secret {
            let (id, secret) = (self.parameters.in_header(&CLIENT_ID)?, self.parameters.in_header(&CLIENT_SECRET)?);
            if let (Some(id), Some(secret)) = (id, secret) {
                return Ok(Credential::Client { id: id.to_owned(), secret: secret.to_owned() });
            }
        }
        if let (Some(api), None, true) = (&api, &app, access.takes_api_key()) {
            return Ok(Credential::ApiKey(api.clone().into_owned()));
        }
        Ok(Credential::Keys { api: api.unwrap_or_default().into_owned(), app: app.unwrap_or_default().into_owned() })
    }
}

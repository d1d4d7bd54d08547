//! The table's type: an endpoint is its address, who may call it, and the function that answers; and what that function
//! reads and gives.

use std::future::Future;
use std::pin::Pin;

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::facade::hub::query::Query;
use crate::operation::json;

/// What a handler gives, some time.
pub type Answering<'c> = Pin<Box<dyn Future<Output = Result<Reply>> + 'c>>;

/// One endpoint.
pub struct Endpoint {
    /// The method. GET stands for HEAD too where there is no other for it.
    pub method: Method,
    /// The path, with names in braces. It is served with a slash at its end as well.
    pub path: &'static str,
    /// What it is called in metrics and in the log.
    pub id: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Answers a call.
    pub run: for<'c> fn(&'c Call<'c>) -> Answering<'c>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// People with a token, and applications.
    Member,
    /// Whoever knows the identifier of a flow that is active. What is refused here is told in another form.
    Flow,
}

/// A call under way.
pub struct Call<'r> {
    /// What it may touch.
    pub app: &'r App,
    /// Its HTTP request.
    pub request: &'r HttpRequest,
    /// The parameters of its address.
    pub query: Query,
    /// Its body.
    pub body: &'r Bytes,
    /// Who calls, where that is asked.
    pub caller: Option<Caller>,
}

impl Call<'_> {
    /// Who calls.
    /// # Errors
    /// Nobody was asked for, which would be a defect of the table of endpoints.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| Error::internal("an endpoint without access has no caller"))
    }

    /// A part of the path as it is written: what the identifiers of this dialect are made of needs no escaping.
    pub fn path(&self, name: &str) -> String {
        self.request.match_info().get(name).unwrap_or_default().to_owned()
    }

    /// The body as text.
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(self.body).map_err(|_| Error::invalid("The body is not UTF-8 text"))?;
        Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
    }

    /// The body as JSON.
    /// # Errors
    /// It is not.
    pub fn json(&self) -> Result<Value> {
        json::parse("The body", self.text()?, json::MOST_VALUES)
    }

    /// The members of the body.
    /// # Errors
    /// It is no JSON object.
    pub fn members(&self) -> Result<Map<String, Value>> {
        match self.json()? {
            Value::Object(members) => Ok(members),
            _ => Err(Error::invalid("The body must be a JSON object")),
        }
    }
}

/// What a handler gives.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Value,
    /// Whether an earlier request had done it.
    pub is_repeated: bool,
}

impl Reply {
    /// A success.
    pub fn of(body: Value) -> Reply {
        Reply { status: StatusCode::OK, body, is_repeated: false }
    }
}

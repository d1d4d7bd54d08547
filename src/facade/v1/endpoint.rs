//! The table's type: an endpoint is its address, who may call it, what it takes and gives, and the function that
//! answers. Routing, checking and the description all read the same entry.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use actix_web::http::Method;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::error::Result;
use crate::facade::v1::call::Call;
use crate::facade::v1::parameter::Parameter;
use crate::facade::v1::reply::Reply;
use crate::model::scope::Scope;

/// What a handler gives, some time.
pub type Answering<'c> = Pin<Box<dyn Future<Output = Result<Reply>> + 'c>>;

/// One endpoint.
pub struct Endpoint {
    /// The method; GET stands for HEAD too.
    pub method: Method,
    /// The path, with names in braces. It is served with a slash at its end as well.
    pub path: &'static str,
    /// What it is called in descriptions and generated code.
    pub id: &'static str,
    /// A line of what it does.
    pub summary: &'static str,
    /// What it does, in full.
    pub doc: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it takes beside the body and the credentials.
    pub parameters: &'static [Use],
    /// What it takes as body.
    pub body: Body,
    /// The status of success.
    pub status: u16,
    /// The documented sentence of success; where it depends on the request, an example of it. It is empty where
    /// there is no envelope, or another one.
    pub message: &'static str,
    /// What `resource` looks like, by name.
    pub resource: Shape,
    /// An example of it, as JSON text.
    pub example: &'static str,
    /// The statuses of failure beside those that every endpoint has.
    pub failures: &'static [u16],
    /// Answers a call.
    pub run: for<'c> fn(&'c Call<'c>) -> Answering<'c>,
}

/// The shape of a value in the description: its name, its schema and those it refers to.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: fn() -> Cow<'static, str>,
    /// Makes its schema.
    pub schema: fn() -> RefOr<Schema>,
    /// Adds the schemas it refers to, each with its name.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

/// The shape of a type that handlers read or write.
pub const fn shape<T: ToSchema>() -> Shape {
    Shape { name: T::name, schema: T::schema, parts: T::schemas }
}

/// A parameter and how an endpoint uses it.
#[derive(Clone, Copy)]
pub struct Use {
    /// The parameter.
    pub parameter: &'static Parameter,
    /// Whether a call without it is refused.
    pub is_required: bool,
}

/// Uses a parameter that must be given.
pub const fn required(parameter: &'static Parameter) -> Use {
    Use { parameter, is_required: true }
}

/// Uses a parameter that may be given.
pub const fn optional(parameter: &'static Parameter) -> Use {
    Use { parameter, is_required: false }
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever proves to be an application's OAuth2 client; the handler checks it.
    Client,
    /// Applications with this scope.
    Scope(Scope),
    /// The same, also by the customer's API key alone (contradiction C17).
    ScopeOrApiKey(Scope),
    /// The same as [`Access::Scope`], also by `client_id` and `client_secret` (contradiction C3).
    ScopeOrClient(Scope),
    /// Whoever knows the webhook's URI.
    Webhook,
}

impl Access {
    /// Whether a client's id and secret are taken in place of keys.
    pub fn takes_client(self) -> bool {
        matches!(self, Access::ScopeOrClient(_))
    }

    /// Whether the customer's API key does without an application's.
    pub fn takes_api_key(self) -> bool {
        matches!(self, Access::ScopeOrApiKey(_))
    }

    /// The scope that is needed.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Access::Scope(scope) | Access::ScopeOrApiKey(scope) | Access::ScopeOrClient(scope) => Some(scope),
            Access::Public | Access::Client | Access::Webhook => None,
        }
    }
}

/// What an endpoint takes as body.
#[derive(Clone, Copy)]
pub enum Body {
    /// Nothing; what is sent is not looked at.
    None,
    /// JSON or XML of that shape, with an example as JSON text.
    Value(Shape, &'static str),
    /// Anything.
    Free,
    /// Parameters, as a form or a JSON object, in place of the address.
    Parameters,
}

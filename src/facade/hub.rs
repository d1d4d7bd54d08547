//! The dialect of document 002: users, flows, webhooks and executions at the root of the address.
//!
//! `table` lists the endpoints, `serve` is the way of a request to one of them, the noun's files read requests and spell
//! replies.

pub mod endpoint;
pub mod error;
mod execution;
mod flow;
mod query;
mod serve;
pub mod table;
mod user;
mod webhook;

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Payload, ServiceConfig};

use crate::app::App;
use crate::facade::hub::endpoint::Endpoint;
use crate::facade::hub::table::{ENDPOINTS, HOOK};

/// Mounts the endpoints, with and without a slash at the end; a flow's hook with anything behind it. A path without names comes before one with them that it
/// could be taken for.
pub fn routes(config: &mut ServiceConfig) {
    let mut paths: Vec<&'static str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
    paths.sort_unstable_by_key(|path| (path.contains('{'), *path));
    paths.dedup();
    for path in paths {
        let endpoints: Vec<&'static Endpoint> = ENDPOINTS.iter().filter(|endpoint| endpoint.path == path).collect();
        let end = if path == HOOK { "/{suffix:.*}" } else { "/" };
        for path in [path.to_owned(), format!("{path}{end}")] {
            let endpoints = endpoints.clone();
            let answer = move |request: HttpRequest, payload: Payload, app: Data<App>| {
                let endpoints = endpoints.clone();
                async move { serve::serve(&endpoints, request, payload, app).await }
            };
            config.service(web::resource(path).default_service(web::to(answer)));
        }
    }
}

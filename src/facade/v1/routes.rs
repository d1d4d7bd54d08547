//! Where the dialect is mounted: every path of the table, with and without a slash at its end, because some clients
//! follow no redirect.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Payload, ServiceConfig};

use crate::app::App;
use crate::facade::request::Surroundings;
use crate::facade::v1::endpoint::Endpoint;
use crate::facade::v1::serve::serve;
use crate::facade::v1::table::ENDPOINTS;

/// Mounts the endpoints. A path without names comes before one with them that it could be taken for.
pub fn routes(config: &mut ServiceConfig) {
    let mut paths: Vec<&'static str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
    paths.sort_unstable_by_key(|path| (path.contains('{'), *path));
    paths.dedup();
    for path in paths {
        let endpoints: Vec<&'static Endpoint> = ENDPOINTS.iter().filter(|endpoint| endpoint.path == path).collect();
        for path in [path.to_owned(), format!("{path}/")] {
            let endpoints = endpoints.clone();
            let answer =
                move |request: HttpRequest, payload: Payload, app: Data<App>, surroundings: Data<Surroundings>| {
                    let endpoints = endpoints.clone();
                    async move { serve(&endpoints, request, payload, app, surroundings).await }
                };
            config.service(web::resource(path).default_service(web::to(answer)));
        }
    }
}

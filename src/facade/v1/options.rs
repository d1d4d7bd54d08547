//! `/v1/options`: what there is (document 003, "Endpoints API Methods").

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::facade::v1::call::Call;
use crate::facade::v1::reply::Reply;
use crate::facade::v1::table::ENDPOINTS;

/// One endpoint in the list of all.
#[derive(Serialize, ToSchema)]
pub struct ListedEndpoint {
    /// The HTTP method.
    method: String,
    /// The path, with names in braces.
    endpoint: String,
    /// What it does.
    usage: String,
}

/// OPTIONS and GET.
pub async fn list(_call: &Call<'_>) -> Result<Reply> {
    let list: Vec<ListedEndpoint> = ENDPOINTS
        .iter()
        .map(|endpoint| ListedEndpoint {
            method: endpoint.method.to_string(),
            endpoint: endpoint.path.to_owned(),
            usage: endpoint.summary.to_owned(),
        })
        .collect();
    Reply::of(&list)
}

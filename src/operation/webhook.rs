//! Webhooks: adding them to flows.

use crate::app::App;
use crate::auth::{Caller, key};
use crate::error::Result;
use crate::model::flow::FlowKey;
use crate::operation::account::{find_application, record};
use crate::operation::flow::find_flow;
use crate::operation::{Access, Operation, check};
use crate::store::webhook;

/// Adds a webhook to a flow of the caller's customer.
pub struct AddWebhook {
    /// The flow's number or its name.
    pub flow: String,
    /// The URI; `None` to generate one that cannot be guessed.
    pub uri: Option<String>,
    /// The name of the application whose compatibility switches and allowance it follows.
    pub application: Option<String>,
}

impl Operation for AddWebhook {
    const NAME: &'static str = "addWebhook";
    const ACCESS: Access = Access::Operator;
    type Output = String;

    async fn run(self, app: &App, caller: &Caller) -> Result<String> {
        let uri = match self.uri {
            Some(uri) => check::uri(&uri).map(|()| uri)?,
            None => key::generate_id()?,
        };
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let flow = find_flow(tx, customer, &FlowKey::NumberOrName(self.flow))?;
                let application = match &self.application {
                    Some(name) => Some(find_application(tx, customer, name)?.id),
                    None => None,
                };
                webhook::insert(tx, customer, flow.id, application, &uri, now)?;
                record(tx, customer, &actor, Self::NAME, &uri, now)?;
                Ok(uri)
            })
            .await
    }
}

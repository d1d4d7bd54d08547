//! The demo: a customer with well-known credentials, and a request to try them with.
//!
//! It is loaded in one transaction, and only where its customer does not exist: what a user changed or removed stays
//! so. Its data lies in `fixtures/demo/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::app::App;
use crate::auth::key;
use crate::error::{Error, Result};
use crate::model::account::{Compatibility, CustomerId};
use crate::model::address::Network;
use crate::model::flow::FlowStatus;
use crate::model::schema::DataSchema;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::store::account::NewApplication;
use crate::store::{Tx, account, flow, schema, webhook};

const PROJECT: &str = include_str!("../../fixtures/demo/project.json");
const SCHEMA: &str = include_str!("../../fixtures/demo/schema.json");
const RECORD: &str = include_str!("../../fixtures/demo/record.json");
const FLOWS: [&str; 4] = [
    include_str!("../../fixtures/demo/flows/leads.json"),
    include_str!("../../fixtures/demo/flows/invoices.json"),
    include_str!("../../fixtures/demo/flows/returns.json"),
    include_str!("../../fixtures/demo/flows/failing.json"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    customer: String,
    api_key: String,
    schema_url: String,
    application: Application,
    flows: Vec<PlacedFlow>,
    webhook: PlacedWebhook,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    name: String,
    description: String,
    app_key: String,
    client_id: String,
    client_secret: String,
    addresses: Vec<String>,
    scopes: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacedFlow {
    name: String,
    id: i64,
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacedWebhook {
    uri: String,
    flow: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowFile {
    name: String,
    description: String,
    graph: serde_json::Value,
}

/// Loads the demo unless its customer exists.
pub(super) async fn load(app: &App) -> Result<()> {
    let project = project()?;
    let files: Vec<FlowFile> = FLOWS
        .iter()
        .map(|text| serde_json::from_str(text))
        .collect::<std::result::Result<_, _>>()
        .map_err(Error::internal)?;
    let now = app.clock.now();
    app.store
        .administer(move |tx| match account::find_customer(tx, &project.customer)? {
            Some(_) => Ok(()),
            None => insert(tx, &project, &files, now),
        })
        .await
}

/// Whether the demo's well-known credentials are accepted.
pub(super) fn is_loaded(app: &App) -> Result<bool> {
    let project = project()?;
    let (api_hash, app_hash) = (key::hash(&project.api_key), key::hash(&project.application.app_key));
    let found = app.store.peek(|tx| account::find_by_keys(tx, &api_hash, &app_hash))?;
    Ok(found.is_some())
}

/// The credentials, and a request to paste into a shell.
pub(super) fn guide(base: &str) -> Result<String> {
    let project = project()?;
    let application = &project.application;
    let flows: Vec<String> =
        project.flows.iter().map(|flow| format!("{} ({}, {})", flow.name, flow.id, flow.status)).collect();
    let flow = &project.webhook.flow;
    Ok(format!(
        "\nDemo customer '{}'\n\n  \
         API key            {}\n  \
         App key            {}\n  \
         OAuth2 client      {} / {}\n  \
         Webhook URI        {}\n  \
         Flows              {}\n\n\
         Try it:\n\n{}\n\n",
        project.customer,
        project.api_key,
        application.app_key,
        application.client_id,
        application.client_secret,
        project.webhook.uri,
        flows.join(", "),
        request(base, &project.api_key, &application.app_key, flow),
    ))
}

/// A curl command that inserts the documented sample record, rpc/encoded. There is no single quote in it but its own.
fn request(base: &str, api_key: &str, app_key: &str, flow: &str) -> String {
    let data = STANDARD.encode(RECORD);
    format!(
        "curl -sS '{base}/v1/soap' \\\n  \
         -H 'Content-Type: text/xml; charset=utf-8' \\\n  \
         -H 'SOAPAction: \"urn:Flowize:insertRecord\"' \\\n  \
         -d '<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:ns1=\"Flowize\" \
         SOAP-ENV:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><SOAP-ENV:Body>\
         <ns1:insertRecord><input xsi:type=\"ns1:InsertRecordRequest\">\
         <AuthenticationObject xsi:type=\"ns1:AuthenticationObject\">\
         <Apikey xsi:type=\"xsd:string\">{api_key}</Apikey>\
         <Appkey xsi:type=\"xsd:string\">{app_key}</Appkey>\
         <Version xsi:type=\"xsd:string\">1</Version></AuthenticationObject>\
         <DataRecordObject xsi:type=\"ns1:DataRecordObject\">\
         <Data xsi:type=\"xsd:string\">{data}</Data></DataRecordObject>\
         <FlowDiagramObject xsi:type=\"ns1:FlowDiagramObject\">\
         <Flow xsi:type=\"xsd:string\">{flow}</Flow></FlowDiagramObject>\
         </input></ns1:insertRecord></SOAP-ENV:Body></SOAP-ENV:Envelope>'"
    )
}

fn project() -> Result<Project> {
    serde_json::from_str(PROJECT).map_err(Error::internal)
}

fn insert(tx: &mut dyn Tx, project: &Project, files: &[FlowFile], now: Timestamp) -> Result<()> {
    let customer = account::insert_customer(tx, &project.customer, &key::hash(&project.api_key), now)?;
    insert_application(tx, customer, &project.application, now)?;
    let (url, document, sample) = (project.schema_url.clone(), SCHEMA.to_owned(), RECORD.to_owned());
    schema::insert(tx, customer, &DataSchema { url, document, sample, created: now, modified: now })?;
    for PlacedFlow { name, id: _, status } in &project.flows {
        let file = files.iter().find(|file| file.name == *name);
        let file = file.ok_or_else(|| Error::internal(format!("the demo has no file for the flow {name}")))?;
        let status = FlowStatus::parse(status).ok_or_else(|| Error::internal("a flow of the demo has no status"))?;
        let id = flow::insert(tx, customer, &file.name, &file.description, &file.graph.to_string(), now)?;
        if status != FlowStatus::Draft {
            flow::publish(tx, customer, id, status, now)?;
        }
        if project.webhook.flow == file.name {
            webhook::insert(tx, customer, id, None, &project.webhook.uri, now)?;
        }
    }
    Ok(())
}

fn insert_application(tx: &mut dyn Tx, customer: CustomerId, application: &Application, now: Timestamp) -> Result<()> {
    let addresses = application.addresses.iter().filter_map(|text| Network::parse(text)).flatten().collect();
    let new = NewApplication {
        customer,
        name: application.name.clone(),
        description: application.description.clone(),
        app_key_hash: key::hash(&application.app_key).to_vec(),
        client_id: Some(application.client_id.clone()),
        client_secret_hash: Some(key::hash(&application.client_secret).to_vec()),
        addresses,
        scopes: Scopes::parse(&application.scopes).unwrap_or_default(),
        oauth2: true,
        rate_limit: None,
        compatibility: Compatibility::default(),
    };
    account::insert_application(tx, &new, now)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::clock::Clock;
    use crate::config::Config;
    use crate::store::{Options, Store};

    #[test]
    fn the_demos_files_fit_together() {
        let project = project().expect("a project");
        let files: Vec<FlowFile> = FLOWS.iter().map(|text| serde_json::from_str(text).expect("a flow")).collect();
        for (position, flow) in project.flows.iter().enumerate() {
            assert_eq!(flow.id, position as i64 + 1);
            assert_eq!(files[position].name, flow.name);
            assert!(files[position].graph.is_object());
        }
        assert_eq!(Scopes::parse(&project.application.scopes), Ok(Scopes::all()));
        assert!(project.application.addresses.iter().all(|text| Network::parse(text).is_some()));
    }

    #[test]
    fn the_schema_accepts_the_documented_record_and_sensible_ones() {
        let schema = serde_json::from_str(SCHEMA).expect("JSON");
        let validator = jsonschema::draft4::new(&schema).expect("a schema");
        let sensible = r#"{"client": [{"name": "Jane Doe", "house_number": 12, "country": "NL", "age": 41}]}"#;
        for record in [RECORD, sensible, r#"{"client": []}"#] {
            let record = serde_json::from_str(record).expect("JSON");
            assert!(validator.is_valid(&record), "{record}");
        }
        for record in [r#"{}"#, r#"{"client": "Jane"}"#, r#"{"client": [{"age": "old"}]}"#, "[]"] {
            assert!(!validator.is_valid(&serde_json::from_str(record).expect("JSON")), "{record}");
        }
    }

    #[tokio::test]
    async fn loading_again_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), &Options::default()).expect("a store");
        let app = App::new(Config::for_testing(), store, Clock::fixed(Timestamp(0)));
        assert!(!is_loaded(&app).expect("an answer"));
        load(&app).await.expect("the demo");
        assert!(is_loaded(&app).expect("an answer"));
        let customer = app.store.peek(|tx| account::find_customer(tx, "Testing")).expect("an answer");
        let customer = customer.expect("the customer").id;
        let flows = app.store.peek(|tx| flow::list(tx, customer)).expect("flows");
        let flows: Vec<_> = flows.iter().map(|flow| (flow.id.0, flow.name.as_str(), flow.status.name())).collect();
        assert_eq!(flows, [(1, "Leads", "public"), (2, "Invoices", "paused"), (3, "Returns", "draft")]);
        let webhook = app.store.peek(|tx| webhook::find_by_uri(tx, "demo-hook")).expect("an answer");
        assert_eq!(webhook.expect("the webhook").flow.0, 1);
        app.store.administer(move |tx| schema::remove(tx, customer)).await.expect("a removal");
        load(&app).await.expect("nothing to do");
        assert_eq!(app.store.peek(|tx| schema::find(tx, customer)).expect("an answer"), None);
    }

    #[test]
    fn the_request_can_be_pasted_into_a_shell() {
        let guide = guide("http://127.0.0.1:8080").expect("a guide");
        let (_, request) = guide.split_once("curl").expect("a request");
        // The address, two headers and the body.
        assert_eq!(request.matches('\'').count(), 8, "{request}");
    }
}

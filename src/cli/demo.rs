//! The demo: a customer with well-known credentials, and a request to try them with.
//!
//! It is loaded in one transaction, and only where its customer does not exist: what a user changed or removed stays
//! so. Only where its leads are delivered to can be said again. Its data lies in `fixtures/demo/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::{self, key};
use crate::error::{Error, Result};
use crate::model::account::{Compatibility, Customer, CustomerId};
use crate::model::address::Network;
use crate::model::flow::FlowStatus;
use crate::model::keystore::KeystoreKind;
use crate::model::person::{Permission, Person, PersonId, PersonRole, PersonStatus};
use crate::model::schema::DataSchema;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::operation::execute;
use crate::operation::flow::{PublishFlow, UpdateDraft};
use crate::operation::table::{self, AddTable, NewColumn};
use crate::store::account::NewApplication;
use crate::store::keystore::{Content, NewKeystore};
use crate::store::{Tx, account, catalogue, flow, keystore, person, schema, webhook};

const PROJECT: &str = include_str!("../../fixtures/demo/project.json");
const SCHEMA: &str = include_str!("../../fixtures/demo/schema.json");
const RECORD: &str = include_str!("../../fixtures/demo/record.json");
const FLOWS: [&str; 4] = [
    include_str!("../../fixtures/demo/flows/leads.json"),
    include_str!("../../fixtures/demo/flows/invoices.json"),
    include_str!("../../fixtures/demo/flows/returns.json"),
    include_str!("../../fixtures/demo/flows/failing.json"),
];

const TABLE: &str = include_str!("../../fixtures/demo/tables/users.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    customer: String,
    api_key: String,
    schema_url: String,
    application: Application,
    flows: Vec<PlacedFlow>,
    user: PlacedUser,
    webhook: PlacedWebhook,
    keystore: PlacedKeystore,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacedKeystore {
    id: String,
    description: String,
    structure: Value,
    packages: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacedUser {
    username: String,
    id: String,
    /// What the customer is called by.
    tenant: String,
    /// What the flow of the webhook is called by, which is the user's.
    flow: String,
    token: String,
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
    graph: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    name: String,
    description: String,
    columns: Vec<NewColumn>,
    rows: Vec<PlacedRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacedRow {
    id: i64,
    values: Map<String, Value>,
}

/// Loads the demo unless its customer exists, and has its leads delivered to the receiver, if there is one and nobody
/// changed their flow.
pub(super) async fn load(app: &App, receiver: Option<&str>) -> Result<()> {
    let project = project()?;
    let mut files = files()?;
    if let Some(receiver) = receiver {
        files.iter_mut().filter_map(|file| receiver_in(&mut file.graph)).for_each(|place| *place = receiver.into());
    }
    let now = app.clock.now();
    let customer = app
        .store
        .administer(move |tx| {
            let found = account::find_customer(tx, &project.customer)?;
            if found.is_none() {
                insert(tx, &project, &files, now)?;
            }
            Ok(found)
        })
        .await?;
    match (customer, receiver) {
        (Some(customer), Some(receiver)) => deliver_to(app, customer, receiver).await,
        _ => Ok(()),
    }
}

/// Publishes the demo's own flow with another receiver.
async fn deliver_to(app: &App, customer: Customer, receiver: &str) -> Result<()> {
    let Some(mut leads) = leads(app)? else { return Ok(()) };
    match receiver_in(&mut leads.graph) {
        Some(place) if place.as_str() != Some(receiver) => *place = receiver.into(),
        _ => return Ok(()),
    }
    let caller = auth::operator(Some(customer));
    execute(app, &caller, UpdateDraft { flow: leads.name.clone(), graph: leads.graph.to_string(), expected: None })
        .await?;
    execute(app, &caller, PublishFlow { flow: leads.name }).await?;
    Ok(())
}

/// The demo's flow with a receiver as it is published; `None` if it is no more the demo's own, or is being changed.
fn leads(app: &App) -> Result<Option<FlowFile>> {
    let project = project()?;
    let Some(mut file) = files()?.into_iter().find(|file| file.name == project.webhook.flow) else { return Ok(None) };
    let published = app.store.peek(|tx| {
        let Some(customer) = account::find_customer(tx, &project.customer)? else { return Ok(None) };
        let found = flow::find_by_name(tx, customer.id, &file.name)?.filter(|found| found.draft.is_none());
        let Some((id, version)) = found.and_then(|found| Some((found.id, found.version?))) else { return Ok(None) };
        flow::find_version(tx, customer.id, id, version)
    })?;
    let Some(published) = published else { return Ok(None) };
    let mut graph: Value = serde_json::from_str(&published.graph).map_err(Error::internal)?;
    let published = graph.clone();
    // Wherever leads are delivered to, the rest must be as it was.
    let (Some(place), Some(own)) = (receiver_in(&mut graph), receiver_in(&mut file.graph)) else { return Ok(None) };
    own.clone_into(place);
    Ok((graph == file.graph).then_some(FlowFile { graph: published, ..file }))
}

/// The place of the receiver's address in a graph that has one.
fn receiver_in(graph: &mut Value) -> Option<&mut Value> {
    let nodes = graph.get_mut("nodes")?.as_array_mut()?;
    nodes.iter_mut().find_map(|node| node.pointer_mut("/fields/output/receiver"))
}

/// Where leads are delivered to, for people.
fn delivery(app: &App, wanted: Option<&str>) -> Result<String> {
    let receiver = leads(app)?.and_then(|mut leads| receiver_in(&mut leads.graph)?.as_str().map(str::to_owned));
    Ok(match (receiver.as_deref(), wanted) {
        (Some(""), _) => "none; --receiver URL has Leads delivered there".to_owned(),
        (Some(receiver), _) => format!("{receiver} gets Leads"),
        (None, Some(_)) => "left as it is, because the flow Leads was changed".to_owned(),
        (None, None) => "as the flow Leads says, which was changed".to_owned(),
    })
}

fn files() -> Result<Vec<FlowFile>> {
    let files = FLOWS.iter().map(|text| serde_json::from_str(text));
    files.collect::<std::result::Result<_, _>>().map_err(Error::internal)
}

/// Whether the demo's well-known credentials are accepted.
pub(super) fn is_loaded(app: &App) -> Result<bool> {
    let project = project()?;
    let (api_hash, app_hash) = (key::hash(&project.api_key), key::hash(&project.application.app_key));
    let found = app.store.peek(|tx| account::find_by_keys(tx, &api_hash, &app_hash))?;
    Ok(found.is_some())
}

/// The credentials, where leads go, and a request to paste into a shell.
pub(super) fn guide(app: &App, base: &str, receiver: Option<&str>) -> Result<String> {
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
         User token         {}\n  \
         Webhook URI        {}\n  \
         Keystore           {}\n  \
         Flows              {}\n  \
         Receiver           {}\n\n\
         Try it:\n\n{}\n\n",
        project.customer,
        project.api_key,
        application.app_key,
        application.client_id,
        application.client_secret,
        project.user.token,
        project.webhook.uri,
        project.keystore.id,
        flows.join(", "),
        delivery(app, receiver)?,
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
    insert_keystore(tx, customer, &project.keystore, now)?;
    let user = insert_user(tx, customer, &project.user, now)?;
    catalogue::name_tenant(tx, customer, &project.user.tenant)?;
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
            catalogue::name(tx, customer, id, &project.user.flow)?;
            person::insert_ownership(tx, customer, id, user)?;
        }
    }
    insert_table(tx, customer, now)
}

fn insert_table(tx: &mut dyn Tx, customer: CustomerId, now: Timestamp) -> Result<()> {
    let TableFile { name, description, columns, rows } = serde_json::from_str(TABLE).map_err(Error::internal)?;
    let rows: Vec<_> = rows.into_iter().map(|row| (Some(row.id), row.values)).collect();
    let table = table::add(tx, customer, &AddTable { name, description, columns }, now)?;
    table::row::insert_rows(tx, customer, &table.name, &rows, now).map(drop)
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

fn insert_keystore(tx: &mut dyn Tx, customer: CustomerId, placed: &PlacedKeystore, now: Timestamp) -> Result<()> {
    let new = NewKeystore {
        customer,
        name: &placed.id,
        description: &placed.description,
        kind: KeystoreKind::Json,
        structure: &placed.structure.to_string(),
    };
    keystore::insert(tx, &new, now)?;
    let added = keystore::find(tx, customer, &placed.id)?;
    let added = added.ok_or_else(|| Error::internal("the demo's keystore was not added"))?;
    for (key, value) in &placed.packages {
        keystore::put_package(tx, added.id, key, Content { text: &value.to_string(), media_type: None }, now)?;
    }
    Ok(())
}

/// A person who may do everything within the customer.
fn insert_user(tx: &mut dyn Tx, customer: CustomerId, user: &PlacedUser, now: Timestamp) -> Result<PersonId> {
    let id = person::insert(
        tx,
        &Person {
            id: PersonId(0),
            customer,
            public_id: user.id.clone(),
            username: user.username.clone(),
            first_name: String::new(),
            last_name: String::new(),
            status: PersonStatus::Active,
            roles: vec![PersonRole::Admin],
            permissions: Permission::ALL.to_vec(),
            last_login: None,
            has_token: false,
            created: now,
            modified: now,
        },
    )?;
    person::insert_token(tx, id, &key::hash(&user.token), "The demo's well-known token", now, None)?;
    Ok(id)
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

    fn empty(directory: &tempfile::TempDir) -> App {
        let store = Store::open(directory.path(), &Options::default()).expect("a store");
        App::new(Config::for_testing(), store, Clock::fixed(Timestamp(0)))
    }

    /// The version of the flow with the receiver, and the greeting's line about that.
    fn delivers(app: &App, wanted: Option<&str>) -> (i64, String) {
        let customer = app.store.peek(|tx| account::find_customer(tx, "Testing")).expect("an answer");
        let customer = customer.expect("the customer").id;
        let flow = app.store.peek(|tx| flow::find_by_name(tx, customer, "Leads")).expect("an answer").expect("a flow");
        let guide = guide(app, "http://127.0.0.1:8080", wanted).expect("a guide");
        let line = guide.lines().find_map(|line| line.trim().strip_prefix("Receiver")).expect("a line").trim();
        (flow.version.expect("a version"), line.to_owned())
    }

    #[tokio::test]
    async fn where_leads_go_can_be_said_at_first_and_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let app = empty(&directory);
        let (one, two) = (Some("http://127.0.0.1:9000/a"), Some("http://127.0.0.1:9001/"));
        load(&app, one).await.expect("the demo");
        assert_eq!(delivers(&app, one), (1, "http://127.0.0.1:9000/a gets Leads".to_owned()));
        load(&app, None).await.expect("nothing to do");
        load(&app, one).await.expect("nothing to do");
        assert_eq!(delivers(&app, None), (1, "http://127.0.0.1:9000/a gets Leads".to_owned()));
        load(&app, two).await.expect("a version");
        assert_eq!(delivers(&app, two), (2, "http://127.0.0.1:9001/ gets Leads".to_owned()));
    }

    #[tokio::test]
    async fn a_flow_that_was_changed_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let wanted = Some("http://127.0.0.1:9000/");
        let app = empty(&directory);
        load(&app, None).await.expect("the demo");
        assert_eq!(delivers(&app, None), (1, "none; --receiver URL has Leads delivered there".to_owned()));
        let customer = app.store.peek(|tx| account::find_customer(tx, "Testing")).expect("an answer");
        let caller = auth::operator(customer);
        let graph = FLOWS[0].replace("\"attempts\": 5", "\"attempts\": 6");
        let graph: Value = serde_json::from_str(&graph).expect("JSON");
        let draft = || UpdateDraft { flow: "Leads".to_owned(), graph: graph["graph"].to_string(), expected: None };
        execute(&app, &caller, draft()).await.expect("a draft");
        let left = "left as it is, because the flow Leads was changed";
        load(&app, wanted).await.expect("nothing to do");
        assert_eq!(delivers(&app, wanted), (1, left.to_owned()), "a draft would be lost");
        execute(&app, &caller, PublishFlow { flow: "Leads".to_owned() }).await.expect("a version");
        load(&app, wanted).await.expect("nothing to do");
        assert_eq!(delivers(&app, wanted), (2, left.to_owned()));
        assert_eq!(delivers(&app, None).1, "as the flow Leads says, which was changed");
    }

    #[tokio::test]
    async fn loading_again_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let app = empty(&directory);
        assert!(!is_loaded(&app).expect("an answer"));
        load(&app, None).await.expect("the demo");
        assert!(is_loaded(&app).expect("an answer"));
        let customer = app.store.peek(|tx| account::find_customer(tx, "Testing")).expect("an answer");
        let customer = customer.expect("the customer").id;
        let flows = app.store.peek(|tx| flow::list(tx, customer)).expect("flows");
        let flows: Vec<_> = flows.iter().map(|flow| (flow.id.0, flow.name.as_str(), flow.status.name())).collect();
        assert_eq!(
            flows,
            [(1, "Leads", "public"), (2, "Invoices", "paused"), (3, "Returns", "draft"), (4, "Failing", "public")]
        );
        let webhook = app.store.peek(|tx| webhook::find_by_uri(tx, "demo-hook")).expect("an answer");
        assert_eq!(webhook.expect("the webhook").flow.0, 1);
        app.store.administer(move |tx| schema::remove(tx, customer)).await.expect("a removal");
        load(&app, None).await.expect("nothing to do");
        assert_eq!(app.store.peek(|tx| schema::find(tx, customer)).expect("an answer"), None);
    }

    #[tokio::test]
    async fn the_request_can_be_pasted_into_a_shell() {
        let directory = tempfile::tempdir().expect("a directory");
        let app = empty(&directory);
        load(&app, None).await.expect("the demo");
        let guide = guide(&app, "http://127.0.0.1:8080", None).expect("a guide");
        let (_, request) = guide.split_once("curl").expect("a request");
        // The address, two headers and the body.
        assert_eq!(request.matches('\'').count(), 8, "{request}");
    }
}

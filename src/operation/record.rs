//! Records: inserting into a flow's queue, reading, replacing, removing.
//! An insertion is all or nothing, and repeating it with the same identifier and content is harmless.

use sha2::{Digest, Sha256};

use crate::app::App;
use crate::app::rules::Rules;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{Flow, FlowId};
use crate::model::record::{Record, RecordStatus};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::diagram::{FlowReference, flow_of};
use crate::operation::schema::stored;
use crate::operation::tree::Tree;
use crate::operation::verdict::Verdict;
use crate::operation::{Access, Operation, json};
use crate::store::Tx;
use crate::store::record::{self, NewRecord};

/// Records that one insertion may hold.
const MOST_RECORDS: usize = 10_000;
/// Characters of an identifier.
const LONGEST_UUID: usize = 255;

/// Inserts records into a flow's queue (document 003, insertRecord and POST record).
pub struct InsertRecords {
    /// The flow they belong to.
    pub flow: FlowReference,
    /// What was sent.
    pub submissions: Vec<Submission>,
}

/// Records sent together.
pub struct Submission {
    /// The identifier the client gave; made here if absent.
    pub uuid: Option<String>,
    /// When to run, as an ATOM date; absent for now.
    pub execution_time: Option<String>,
    /// One object, or an array of objects.
    pub data: Data,
}

/// The content of records as it was sent.
#[derive(Debug)]
pub enum Data {
    /// JSON text, kept byte for byte.
    Json(String),
    /// Values that may lack their types, which the customer's schema then gives them.
    Tree(Tree),
}

impl From<String> for Data {
    fn from(json: String) -> Data {
        Data::Json(json)
    }
}

/// What became of an insertion.
#[derive(Debug)]
pub struct InsertedRecords {
    /// The flow.
    pub flow: FlowId,
    /// The flow's name.
    pub flow_name: String,
    /// The records, in the order in which they were sent.
    pub records: Vec<InsertedRecord>,
}

/// A record that was accepted, now or when the same was sent before.
#[derive(Clone, Debug)]
pub struct InsertedRecord {
    /// Its identifier.
    pub uuid: String,
    /// Its JSON text.
    pub data: String,
}

/// An accepted submission before it is stored.
struct Prepared {
    record: InsertedRecord,
    request_hash: [u8; 32],
    status: RecordStatus,
    due: Timestamp,
}

impl Operation for InsertRecords {
    const NAME: &'static str = "insertRecord";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = InsertedRecords;

    async fn run(self, app: &App, caller: &Caller) -> Result<InsertedRecords> {
        let customer = caller.customer().id;
        let flow = flow_of(app, customer, &self.flow)?;
        let version = accepting_version(&flow)?;
        let now = app.clock.now();
        let prepared = prepare(app, customer, flow.id, self.submissions, now)?;
        let id = flow.id;
        let records = app
            .store
            .write(move |tx| {
                for item in &prepared {
                    insert(tx, customer, id, version, item, now)?;
                }
                Ok(prepared.into_iter().map(|item| item.record).collect())
            })
            .await?;
        Ok(InsertedRecords { flow: id, flow_name: flow.name.clone(), records })
    }
}

fn accepting_version(flow: &Flow) -> Result<i64> {
    match flow.version.filter(|_| flow.status.accepts_records()) {
        Some(version) => Ok(version),
        None => Err(Error::new(
            Code::Conflict,
            format!("The flow '{}' is {} and takes no records; publish it first", flow.name, flow.status.name()),
        )),
    }
}

fn prepare(
    app: &App,
    customer: CustomerId,
    flow: FlowId,
    submissions: Vec<Submission>,
    now: Timestamp,
) -> Result<Vec<Prepared>> {
    let schema = stored(app, customer)?;
    let rules = schema.as_deref().map(|schema| &schema.rules);
    let mut prepared = Vec::with_capacity(submissions.len());
    let mut verdict = Verdict::default();
    let only = submissions.len() == 1;
    for submission in submissions {
        let due = submission.execution_time.as_deref().map(parse_execution_time).transpose()?;
        let texts = split(submission.data, rules)?;
        let uuid = submission.uuid.map(|uuid| parse_uuid(&uuid)).transpose()?;
        if uuid.is_some() && texts.len() > 1 {
            return Err(Error::invalid(format!(
                "Uuid names one record, but Data holds {}; leave Uuid out or send them one by one",
                texts.len()
            )));
        }
        let several = texts.len() > 1;
        for (index, data) in texts.into_iter().enumerate() {
            let which = if several { format!("Record {index} of Data") } else { "Data".to_owned() };
            let number = (several || !only).then_some(prepared.len());
            check_record(&mut verdict, &which, &data, number, rules)?;
            let hash = request_hash(flow, due, &data);
            let uuid = uuid.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
            let status = if due.is_some_and(|due| due > now) { RecordStatus::Scheduled } else { RecordStatus::Waiting };
            prepared.push(Prepared {
                record: InsertedRecord { uuid, data },
                request_hash: hash,
                status,
                due: due.unwrap_or(now),
            });
        }
        if prepared.len() > MOST_RECORDS {
            return Err(too_many());
        }
    }
    verdict.finish()?;
    match prepared.is_empty() {
        true => Err(Error::invalid("Data holds no record")),
        false => Ok(prepared),
    }
}

fn insert(
    tx: &mut dyn Tx,
    customer: CustomerId,
    flow: FlowId,
    flow_version: i64,
    item: &Prepared,
    now: Timestamp,
) -> Result<()> {
    let new = NewRecord {
        customer,
        uuid: &item.record.uuid,
        flow,
        flow_version,
        data: &item.record.data,
        request_hash: &item.request_hash,
        status: item.status,
        due: item.due,
        created: now,
    };
    if record::insert(tx, &new)? {
        return Ok(());
    }
    let stored = record::find(tx, customer, &item.record.uuid)?;
    match stored.is_some_and(|stored| stored.request_hash == item.request_hash) {
        true => Ok(()),
        false => Err(Error::new(
            Code::Conflict,
            format!("A data record with the Uuid '{}' exists already with other content", item.record.uuid),
        )),
    }
}

/// What makes a repeat a repeat: the flow, the wanted time and the content, byte for byte.
fn request_hash(flow: FlowId, due: Option<Timestamp>, data: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(flow.0.to_be_bytes());
    hash.update(due.map_or(i64::MIN, |due| due.0).to_be_bytes());
    hash.update(data.as_bytes());
    hash.finalize().into()
}

/// Splits an array of records into their texts, byte for byte; one record stays as it is.
fn split(data: Data, rules: Option<&Rules>) -> Result<Vec<String>> {
    let data = match data {
        Data::Json(data) => data,
        Data::Tree(tree) => return counted(tree.to_records(rules)),
    };
    let text = json::trim(&data);
    if !text.starts_with('[') {
        return Ok(vec![if text.len() == data.len() { data } else { text.to_owned() }]);
    }
    counted(json::items("Data", text, MOST_RECORDS)?.into_iter().map(str::to_owned).collect())
}

fn counted(records: Vec<String>) -> Result<Vec<String>> {
    match records.len() {
        0 => Err(Error::invalid("Data is an empty array; it must hold at least one record")),
        1..=MOST_RECORDS => Ok(records),
        _ => Err(too_many()),
    }
}

fn check_record(
    verdict: &mut Verdict,
    which: &str,
    data: &str,
    index: Option<usize>,
    rules: Option<&Rules>,
) -> Result<()> {
    let value = match rules {
        None => json::check(which, data, json::MOST_VALUES).map(|()| None)?,
        Some(rules) => Some((rules, json::parse(which, data, json::MOST_VALUES)?)),
    };
    if !data.trim_start().starts_with('{') {
        return Err(Error::invalid(format!("{which} must be a JSON object, or an array of objects")));
    }
    if let Some((rules, value)) = value {
        verdict.add(which, index, rules, &value);
    }
    Ok(())
}

fn too_many() -> Error {
    Error::invalid(format!("Data holds more than {MOST_RECORDS} records"))
}

fn parse_execution_time(text: &str) -> Result<Timestamp> {
    Timestamp::parse_atom(text)
        .ok_or_else(|| Error::invalid("ExecutionTime must be an ATOM date such as 2005-08-15T15:52:01+00:00, or empty"))
}

/// Checks a client's identifier, which is kept as it is.
fn parse_uuid(uuid: &str) -> Result<String> {
    if uuid.is_empty() {
        return Err(Error::invalid("Uuid is required"));
    }
    if uuid.chars().count() > LONGEST_UUID || uuid.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "Uuid must be at most {LONGEST_UUID} characters long, without control characters"
        )));
    }
    Ok(uuid.to_owned())
}

fn not_found(uuid: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no data record with the Uuid '{uuid}'"))
}

/// Gets one record (document 003, getRecord).
pub struct GetRecord {
    /// Its identifier.
    pub uuid: String,
}

impl Operation for GetRecord {
    const NAME: &'static str = "getRecord";
    const ACCESS: Access = Access::Scope(Scope::RecordRead);
    type Output = Record;

    async fn run(self, app: &App, caller: &Caller) -> Result<Record> {
        let uuid = parse_uuid(&self.uuid)?;
        let customer = caller.customer().id;
        app.store.peek(|tx| record::find(tx, customer, &uuid))?.ok_or_else(|| not_found(&uuid))
    }
}

/// Replaces one record's content (document 003, updateRecord).
pub struct UpdateRecord {
    /// Its identifier.
    pub uuid: String,
    /// One object.
    pub data: Data,
    /// When to run, if it still waits; absent to leave that as it is.
    pub execution_time: Option<String>,
    /// The flow it is thought to belong to, if the client said so.
    pub flow: Option<FlowReference>,
}

impl Operation for UpdateRecord {
    const NAME: &'static str = "updateRecord";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = InsertedRecord;

    async fn run(self, app: &App, caller: &Caller) -> Result<InsertedRecord> {
        let customer = caller.customer().id;
        let uuid = parse_uuid(&self.uuid)?;
        let flow = self.flow.as_ref().map(|flow| flow_of(app, customer, flow)).transpose()?;
        let due = self.execution_time.as_deref().map(parse_execution_time).transpose()?;
        let schema = stored(app, customer)?;
        let rules = schema.as_deref().map(|schema| &schema.rules);
        let mut texts = split(self.data, rules)?;
        let data = match (texts.pop(), texts.is_empty()) {
            (Some(data), true) => data,
            _ => return Err(Error::invalid("Data must hold one record, the new content of the one that Uuid names")),
        };
        let mut verdict = Verdict::default();
        check_record(&mut verdict, "Data", &data, None, rules)?;
        verdict.finish()?;
        let now = app.clock.now();
        app.store
            .write(move |tx| {
                let stored = record::find(tx, customer, &uuid)?.ok_or_else(|| not_found(&uuid))?;
                if let Some(flow) = flow.filter(|flow| flow.id != stored.flow) {
                    return Err(Error::new(
                        Code::Conflict,
                        format!("The data record does not belong to the flow '{}'", flow.name),
                    ));
                }
                let (status, due) = rescheduled(&stored, due, now);
                match record::update(tx, customer, &uuid, &data, status, due, now)? {
                    true => Ok(InsertedRecord { uuid, data }),
                    false => Err(Error::new(Code::InUse, "Data record cannot be updated: it is being used")),
                }
            })
            .await
    }
}

/// A new time counts only for a record that still waits.
fn rescheduled(stored: &Record, due: Option<Timestamp>, now: Timestamp) -> (RecordStatus, Timestamp) {
    match (stored.status, due) {
        (RecordStatus::Waiting | RecordStatus::Scheduled, Some(due)) if due > now => (RecordStatus::Scheduled, due),
        (RecordStatus::Waiting | RecordStatus::Scheduled, Some(due)) => (RecordStatus::Waiting, due),
        (status, _) => (status, stored.due),
    }
}

/// Removes one record (document 003, deleteRecord).
pub struct DeleteRecord {
    /// Its identifier.
    pub uuid: String,
}

impl Operation for DeleteRecord {
    const NAME: &'static str = "deleteRecord";
    const ACCESS: Access = Access::Scope(Scope::RecordDelete);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let customer = caller.customer().id;
        let uuid = parse_uuid(&self.uuid)?;
        app.store
            .write(move |tx| {
                if record::remove(tx, customer, &uuid)? {
                    return Ok(());
                }
                match record::find(tx, customer, &uuid)? {
                    None => Err(not_found(&uuid)),
                    Some(_) => Err(Error::new(Code::InUse, "Data record cannot be deleted: it is being used")),
                }
            })
            .await
    }
}

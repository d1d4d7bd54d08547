//! Records: inserting them into a flow's queue, and reading one.
//! An insertion is all or nothing, and repeating it with the same identifier and content is harmless.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{Flow, FlowId};
use crate::model::hook::Event;
use crate::model::record::{FieldValue, Record, RecordStatus};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::content::{Data, Demands, MOST_RECORDS, split, too_many};
use crate::operation::diagram::{FlowReference, flow_of, flow_of_record};
use crate::operation::event::{Audience, RecordNews};
use crate::operation::history::{self, RunStep};
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::verdict::Verdict;
use crate::operation::{Access, Operation};
use crate::store::record::{self, NewRecord};
use crate::store::{Tx, field, run};

/// Characters of an identifier.
const LONGEST_UUID: usize = 255;

/// Inserts records into a flow's queue (document 003, insertRecord and POST record).
#[derive(Serialize)]
pub struct InsertRecords {
    /// The flow they belong to.
    pub flow: FlowReference,
    /// What was sent.
    pub submissions: Vec<Submission>,
}

/// Records sent together.
#[derive(Serialize)]
pub struct Submission {
    /// The identifier the client gave; made here if absent.
    pub uuid: Option<String>,
    /// When to run, as an ATOM date; absent for now.
    pub execution_time: Option<String>,
    /// One object, or an array of objects.
    pub data: Data,
}

/// What became of an insertion.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsertedRecords {
    /// The flow.
    pub flow: FlowId,
    /// The flow's name.
    pub flow_name: String,
    /// The records, in the order in which they were sent.
    pub records: Vec<InsertedRecord>,
}

/// A record that was accepted, now or when the same was sent before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsertedRecord {
    /// Its identifier.
    pub uuid: String,
    /// Its JSON text.
    pub data: String,
}

/// An accepted submission before it is stored.
pub(super) struct Prepared {
    record: InsertedRecord,
    fields: Vec<FieldValue>,
    request_hash: [u8; 32],
    status: RecordStatus,
    due: Timestamp,
}

impl Prepared {
    /// One that was checked, and is to run now.
    pub(super) fn now(flow: FlowId, uuid: String, data: String, fields: Vec<FieldValue>, now: Timestamp) -> Prepared {
        let request_hash = request_hash(flow, None, &data);
        let record = InsertedRecord { uuid, data };
        Prepared { record, fields, request_hash, status: RecordStatus::Waiting, due: now }
    }

    /// What it is called.
    pub(super) fn uuid(&self) -> &str {
        &self.record.uuid
    }

    /// What is told of it.
    pub(super) fn news(&self) -> RecordNews<'_> {
        let InsertedRecord { uuid, data } = &self.record;
        RecordNews { event: Event::RecordCreated, uuid, status: self.status, data, error: None }
    }
}

impl Operation for InsertRecords {
    const NAME: &'static str = "insertRecord";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = InsertedRecords;

    async fn run(self, app: &App, caller: &Caller) -> Result<InsertedRecords> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for InsertRecords {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<InsertedRecords>> {
        let customer = caller.customer().id;
        let demands = Demands::of(app, customer, flow_of(app, customer, &self.flow)?)?;
        let (id, flow_name) = (demands.flow().flow.id, demands.flow().flow.name.clone());
        let version = accepting_version(&demands.flow().flow)?;
        let now = app.clock.now();
        let prepared = prepare(app, &demands, self.submissions, now)?;
        let audience = Audience::of(app, demands.flow())?;
        Ok(Write::data(move |tx| {
            for item in &prepared {
                if insert(tx, customer, id, version, item, now)? {
                    audience.tell(tx, &item.news(), now)?;
                }
            }
            let records = prepared.into_iter().map(|item| item.record).collect();
            Ok(InsertedRecords { flow: id, flow_name, records })
        }))
    }
}

/// The version that records sent to the flow now run through.
/// # Errors
/// The flow takes no records in the state it is in.
pub(super) fn accepting_version(flow: &Flow) -> Result<i64> {
    match flow.version.filter(|_| flow.status.accepts_records()) {
        Some(version) => Ok(version),
        None => Err(Error::new(
            Code::Conflict,
            format!("The flow '{}' is {} and takes no records; publish it first", flow.name, flow.status.name()),
        )),
    }
}

fn prepare(app: &App, demands: &Demands, submissions: Vec<Submission>, now: Timestamp) -> Result<Vec<Prepared>> {
    let flow = demands.flow().flow.id;
    let mut prepared = Vec::with_capacity(submissions.len());
    let mut verdict = Verdict::default();
    let only = submissions.len() == 1;
    for submission in submissions {
        let due = submission.execution_time.as_deref().map(parse_execution_time).transpose()?;
        let texts = split(app, submission.data, demands.rules())?;
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
            let fields = demands.check(&mut verdict, &which, number, &data)?;
            let hash = request_hash(flow, due, &data);
            let uuid = uuid.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
            let status = if due.is_some_and(|due| due > now) { RecordStatus::Scheduled } else { RecordStatus::Waiting };
            prepared.push(Prepared {
                record: InsertedRecord { uuid, data },
                fields,
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

/// Stores what was accepted, unless the same is there already; false if it was.
/// # Errors
/// `Conflict` if the identifier has other content.
pub(super) fn insert(
    tx: &mut dyn Tx,
    customer: CustomerId,
    flow: FlowId,
    flow_version: i64,
    item: &Prepared,
    now: Timestamp,
) -> Result<bool> {
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
        return field::insert(tx, customer, &item.record.uuid, &item.fields).map(|()| true);
    }
    let stored = record::find(tx, customer, &item.record.uuid)?;
    match stored.is_some_and(|stored| stored.request_hash == item.request_hash) {
        true => Ok(false),
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

/// Reads when to run.
pub(super) fn parse_execution_time(text: &str) -> Result<Timestamp> {
    Timestamp::parse_atom(text)
        .ok_or_else(|| Error::invalid("ExecutionTime must be an ATOM date such as 2005-08-15T15:52:01+00:00, or empty"))
}

/// Checks a client's identifier, which is kept as it is.
pub(super) fn parse_uuid(uuid: &str) -> Result<String> {
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

/// What is said of a record that the customer does not have.
pub(super) fn not_found(uuid: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no data record with the Uuid '{uuid}'"))
}

/// Gets one record (document 003, getRecord).
pub struct GetRecord {
    /// Its identifier.
    pub uuid: String,
}

/// A record with the name of the flow it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRecord {
    /// The record.
    pub record: Record,
    /// The flow's name.
    pub flow_name: String,
    /// The steps that its last run went through.
    pub steps: Vec<RunStep>,
}

impl Operation for GetRecord {
    const NAME: &'static str = "getRecord";
    const ACCESS: Access = Access::Scope(Scope::RecordRead);
    type Output = NamedRecord;

    async fn run(self, app: &App, caller: &Caller) -> Result<NamedRecord> {
        let uuid = parse_uuid(&self.uuid)?;
        let customer = caller.customer().id;
        let (record, entries) = app.store.peek(|tx| {
            let record = record::find(tx, customer, &uuid)?.ok_or_else(|| not_found(&uuid))?;
            let entries = match record.num_runs {
                0 => Vec::new(),
                last => run::shown(tx, record.id, last)?,
            };
            Ok((record, entries))
        })?;
        let flow = flow_of_record(app, customer, record.flow)?;
        Ok(NamedRecord { record, flow_name: flow.flow.name.clone(), steps: history::steps(&entries)? })
    }
}

//! Records changed: replacing what one or several hold, and removing one.
//! Both can be made to depend on nobody else having changed them since the client looked.

use std::collections::HashSet;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::app::rules::Rules;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::hook::Event;
use crate::model::record::{FieldValue, Hold, Record, RecordStatus};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::content::{Data, Demands, MOST_RECORDS, split};
use crate::operation::diagram::{FlowReference, flow_of, flow_of_record};
use crate::operation::event::{Audience, RecordNews};
use crate::operation::record::{not_found, parse_execution_time, parse_uuid};
use crate::operation::revision::{self, Revision};
use crate::operation::schema::stored;
use crate::operation::verdict::Verdict;
use crate::operation::wait::seen;
use crate::operation::{Access, Operation};
use crate::store::{Tx, field, record};

/// How long a change waits for a record that is being used. Most flows are through with theirs long before, and a client that
/// changes what it has just sent need not know that there are any.
const IN_USE_PATIENCE: Duration = Duration::from_secs(2);

/// Replaces the content of one record, or of several: of all of them or, if one of them cannot be, of none
/// (document 003, updateRecord and PUT record).
pub struct UpdateRecords {
    /// What to replace.
    pub updates: Vec<RecordUpdate>,
    /// When to run, for those that still wait; absent to leave that as it is.
    pub execution_time: Option<String>,
    /// The flow they are thought to belong to, if the client said so.
    pub flow: Option<FlowReference>,
    /// The revisions that the client will see replaced, each record's being one of them; absent for any.
    pub expected: Option<Vec<Revision>>,
}

/// New content of a record.
pub struct RecordUpdate {
    /// Its identifier.
    pub uuid: String,
    /// One object.
    pub data: Data,
}

/// Records that were updated.
#[derive(Debug)]
pub struct UpdatedRecords {
    /// They, in the order in which they were sent.
    pub records: Vec<UpdatedRecord>,
}

/// A record that was updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatedRecord {
    /// The flow it belongs to.
    pub flow: FlowId,
    /// That flow's name.
    pub flow_name: String,
    /// Its identifier.
    pub uuid: String,
    /// Its new JSON text.
    pub data: String,
}

/// An update that was checked before it is stored.
#[derive(Clone)]
struct Checked {
    record: UpdatedRecord,
    fields: Vec<FieldValue>,
    audience: Audience,
}

/// What holds for all updates of a request.
struct Terms {
    customer: CustomerId,
    due: Option<Timestamp>,
    expected: Option<Vec<Revision>>,
}

impl Operation for UpdateRecords {
    const NAME: &'static str = "updateRecord";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = UpdatedRecords;

    async fn run(self, app: &App, caller: &Caller) -> Result<UpdatedRecords> {
        let customer = caller.customer().id;
        let schema = stored(app, customer)?;
        let rules = schema.as_deref().map(|schema| &schema.rules);
        let parse = |update| parse_update(app, update, rules);
        let updates = self.updates.into_iter().map(parse).collect::<Result<Vec<_>>>()?;
        check_distinct(&updates)?;
        let flow = self.flow.as_ref().map(|flow| flow_of(app, customer, flow)).transpose()?;
        let due = self.execution_time.as_deref().map(parse_execution_time).transpose()?;
        let checked = check_updates(app, customer, updates).await?;
        if let Some(flow) = flow.filter(|flow| checked.iter().any(|update| update.record.flow != flow.flow.id)) {
            return Err(Error::new(
                Code::Conflict,
                format!("The data record does not belong to the flow '{}'", flow.flow.name),
            ));
        }
        let terms = Terms { customer, due, expected: self.expected };
        let (terms, checked) = (Arc::new(terms), Arc::new(checked));
        let replaced = patiently(app, customer, checked.iter().map(|update| update.record.uuid.as_str()), || {
            let (terms, checked, now) = (Arc::clone(&terms), Arc::clone(&checked), app.clock.now());
            app.store.write(move |tx| checked.iter().try_for_each(|update| replace(tx, &terms, update, now)))
        });
        replaced.await?;
        // What was written with is let go of before the outcome is told, so nothing is copied.
        let checked = Arc::unwrap_or_clone(checked);
        Ok(UpdatedRecords { records: checked.into_iter().map(|update| update.record).collect() })
    }
}

/// An update that was read: an identifier, and the JSON text of one record.
struct Parsed {
    uuid: String,
    data: String,
}

fn parse_update(app: &App, update: RecordUpdate, rules: Option<&Rules>) -> Result<Parsed> {
    let uuid = parse_uuid(&update.uuid)?;
    let mut texts = split(app, update.data, rules)?;
    match (texts.pop(), texts.is_empty()) {
        (Some(data), true) => Ok(Parsed { uuid, data }),
        _ => Err(Error::invalid("Data must hold one record, the new content of the one that Uuid names")),
    }
}

fn check_distinct(updates: &[Parsed]) -> Result<()> {
    if !(1..=MOST_RECORDS).contains(&updates.len()) {
        return Err(Error::invalid(format!("From 1 to {MOST_RECORDS} records can be updated together")));
    }
    let mut seen = HashSet::new();
    match updates.iter().find(|update| !seen.insert(update.uuid.as_str())) {
        Some(twice) => Err(Error::invalid(format!("The Uuid '{}' is named twice", twice.uuid))),
        None => Ok(()),
    }
}

/// Checks the new contents before they go to the one thread that writes. The flow a record belongs to says what it can
/// be searched by, and must be known for that.
async fn check_updates(app: &App, customer: CustomerId, updates: Vec<Parsed>) -> Result<Vec<Checked>> {
    let several = updates.len() > 1;
    let find_flows = move |tx: &mut dyn Tx| {
        let with_flow = |update: Parsed| match record::find_flow(tx, customer, &update.uuid)? {
            Some(flow) => Ok((flow, update)),
            None => Err(not_found(&update.uuid)),
        };
        updates.into_iter().map(with_flow).collect::<Result<Vec<_>>>()
    };
    // One record is found at once, and must not wait behind the long reads of others.
    let found = match several {
        false => app.store.peek(find_flows)?,
        true => app.store.read(find_flows).await?,
    };
    let mut checked = Vec::with_capacity(found.len());
    let mut verdict = Verdict::default();
    for (index, (flow, Parsed { uuid, data })) in found.into_iter().enumerate() {
        let demands = Demands::of(app, customer, flow_of_record(app, customer, flow)?)?;
        let which = if several { format!("Record {index} of Data") } else { "Data".to_owned() };
        let fields = demands.check(&mut verdict, &which, several.then_some(index), &data)?;
        let flow_name = demands.flow().flow.name.clone();
        let audience = Audience::of(app, demands.flow())?;
        checked.push(Checked { record: UpdatedRecord { flow, flow_name, uuid, data }, fields, audience });
    }
    verdict.finish()?;
    Ok(checked)
}

fn replace(tx: &mut dyn Tx, terms: &Terms, update: &Checked, now: Timestamp) -> Result<()> {
    let UpdatedRecord { flow, uuid, data, .. } = &update.record;
    let stored = record::find(tx, terms.customer, uuid)?.ok_or_else(|| not_found(uuid))?;
    revision::require(terms.expected.as_deref(), || Revision::of_record(&stored))?;
    if stored.flow != *flow {
        return Err(Error::new(
            Code::Conflict,
            format!("The data record '{uuid}' was moved to another flow at the same time; send the update again"),
        ));
    }
    let (status, due) = rescheduled(&stored, terms.due, now);
    match record::update(tx, terms.customer, uuid, data, status, due, now)? {
        true => field::update(tx, terms.customer, uuid, &update.fields)?,
        false => return Err(Error::new(Code::InUse, "Data record cannot be updated: it is being used")),
    }
    let news = RecordNews { event: Event::RecordUpdated, uuid, status, data, error: None };
    update.audience.tell(tx, &news, now)
}

/// A new time counts only for a record that still waits, and one that is held waits for nothing but its release.
fn rescheduled(stored: &Record, due: Option<Timestamp>, now: Timestamp) -> (RecordStatus, Timestamp) {
    match (stored.status, due) {
        (RecordStatus::Waiting | RecordStatus::Scheduled, Some(due)) if due > now && stored.hold == Hold::None => {
            (RecordStatus::Scheduled, due)
        }
        (RecordStatus::Waiting | RecordStatus::Scheduled, Some(due)) => (RecordStatus::Waiting, due),
        (status, _) => (status, stored.due),
    }
}

/// Removes one record (document 003, deleteRecord and DELETE record).
pub struct DeleteRecord {
    /// Its identifier.
    pub uuid: String,
    /// The revisions that the client will see removed; absent for any.
    pub expected: Option<Vec<Revision>>,
}

/// A record that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRecord {
    /// The flow it belonged to.
    pub flow: FlowId,
    /// That flow's name.
    pub flow_name: String,
    /// Its identifier.
    pub uuid: String,
}

impl Operation for DeleteRecord {
    const NAME: &'static str = "deleteRecord";
    const ACCESS: Access = Access::Scope(Scope::RecordDelete);
    type Output = DeletedRecord;

    async fn run(self, app: &App, caller: &Caller) -> Result<DeletedRecord> {
        let customer = caller.customer().id;
        let uuid = parse_uuid(&self.uuid)?;
        let expected = Arc::new(self.expected);
        let removed = patiently(app, customer, iter::once(uuid.as_str()), || {
            let (uuid, expected) = (uuid.clone(), Arc::clone(&expected));
            app.store.write(move |tx| remove(tx, customer, &uuid, expected.as_deref()))
        });
        let flow = removed.await?;
        Ok(DeletedRecord { flow, flow_name: flow_of_record(app, customer, flow)?.flow.name.clone(), uuid })
    }
}

/// Removes a record, and gives the flow it belonged to.
fn remove(tx: &mut dyn Tx, customer: CustomerId, uuid: &str, expected: Option<&[Revision]>) -> Result<FlowId> {
    let flow = record::find_flow(tx, customer, uuid)?.ok_or_else(|| not_found(uuid))?;
    if let (Some(expected), Some(stored)) = (expected, record::find(tx, customer, uuid)?) {
        revision::require(Some(expected), || Revision::of_record(&stored))?;
    }
    match record::remove(tx, customer, uuid)? {
        true => Ok(flow),
        false => Err(Error::new(Code::InUse, "Data record cannot be deleted: it is being used")),
    }
}

/// Changes records, as often as one of them is being used and some patience is left.
async fn patiently<T, F: Future<Output = Result<T>>>(
    app: &App,
    customer: CustomerId,
    uuids: impl Iterator<Item = &str> + Clone,
    change: impl Fn() -> F,
) -> Result<T> {
    #[expect(clippy::disallowed_methods, reason = "how long somebody waits, whatever the clock is set to")]
    let started = Instant::now();
    loop {
        let outcome = change().await;
        match &outcome {
            Err(error) if error.code() == Code::InUse => {}
            _ => return outcome,
        }
        for uuid in uuids.clone() {
            let left = IN_USE_PATIENCE.saturating_sub(started.elapsed());
            let is_free = |tx: &mut dyn Tx| {
                let found = record::find_standing(tx, customer, uuid)?;
                Ok(found.is_none_or(|standing| standing.place.status != RecordStatus::Processing).then_some(()))
            };
            seen(app, customer, uuid, left, is_free).await?;
        }
        if started.elapsed() >= IN_USE_PATIENCE {
            return outcome;
        }
    }
}

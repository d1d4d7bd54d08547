//! Searching a customer's records. How the texts of a request become a search is decided here, once for all dialects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::app::App;
use crate::app::fields::{LONGEST_NAME, clip};
use crate::auth::Caller;
use crate::diagram::Diagram;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{FlowId, FlowKey};
use crate::model::record::RecordStatus;
use crate::model::scope::Scope;
use crate::model::search::{Content, DateType, FoundRecord, Page};
use crate::model::time::{Bound, Timestamp};
use crate::operation::diagram::diagram_of;
use crate::operation::flow::look_up;
use crate::operation::history::{self, CurrentStep};
use crate::operation::record::parse_uuid;
use crate::operation::{Access, Operation};
use crate::store::Tx;
use crate::store::search::{self, Filter};

/// Records of a page, unless the client says otherwise (document 003, record/search).
const USUAL_LIMIT: i64 = 10;

/// Searches records, newest first (document 003, record/search). All that is given must hold for a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRecords {
    /// How many at most, and how many are passed over.
    pub page: Page,
    /// The one of that identifier.
    pub uuid: Option<String>,
    /// Those of the flow of that number or name. If there is no such flow, it has no records.
    pub flow: Option<String>,
    /// Those of that status.
    pub status: Option<RecordStatus>,
    /// Those with that data field.
    pub field: Option<FieldFilter>,
    /// The date that the bounds are about. A record without it lies within no bounds.
    pub date: DateType,
    /// Those from then on.
    pub from: Option<Timestamp>,
    /// Those until then, inclusive.
    pub to: Option<Timestamp>,
    /// Whether the records' data are wanted.
    pub content: Content,
}

/// A data field to search by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFilter {
    /// Its name.
    pub name: String,
    /// Its value; absent for any.
    pub value: Option<String>,
}

/// A search as it was sent: the texts of its parameters. An empty text is as good as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchTexts {
    /// `limit`: a whole number from 1.
    pub limit: Option<String>,
    /// `offset`: a whole number from 0.
    pub offset: Option<String>,
    /// `uuid`.
    pub uuid: Option<String>,
    /// `flow_name`: a flow's number or name.
    pub flow_name: Option<String>,
    /// `datarecord_status`: a number from 0 to 6.
    pub datarecord_status: Option<String>,
    /// `datafield_name`.
    pub datafield_name: Option<String>,
    /// `datafield_value`.
    pub datafield_value: Option<String>,
    /// `date_type`: `date_created`, `date_started` or `date_last_run`.
    pub date_type: Option<String>,
    /// `date_from`; see [`Timestamp::parse_bound`].
    pub date_from: Option<String>,
    /// `date_to`.
    pub date_to: Option<String>,
}

impl SearchTexts {
    /// Reads the texts. Dates without a zone are in the configured one.
    /// # Errors
    /// A text that is not what it must be; the parameter is named.
    pub fn parse(&self, app: &App, content: Content) -> Result<SearchRecords> {
        let bound = |name: &str, text: &Option<String>, bound| {
            let zone = &app.config.api.time_zone;
            let read = given(text).map(|text| Timestamp::parse_bound(text, bound, zone).ok_or_else(|| no_date(name)));
            read.transpose()
        };
        let number = |text: &Option<String>, usual: i64, refusal: fn(i64) -> Error| match given(text) {
            Some(text) => text.trim().parse().map_err(|_| refusal(most(app))),
            None => Ok(usual),
        };
        let search = SearchRecords {
            page: Page {
                limit: number(&self.limit, USUAL_LIMIT, no_limit)?,
                offset: number(&self.offset, 0, |_| no_offset())?,
            },
            uuid: given(&self.uuid).map(str::to_owned),
            flow: given(&self.flow_name).map(str::to_owned),
            status: given(&self.datarecord_status).map(parse_status).transpose()?,
            field: parse_field(given(&self.datafield_name), given(&self.datafield_value))?,
            date: given(&self.date_type).map(parse_date_type).transpose()?.unwrap_or_default(),
            from: bound("date_from", &self.date_from, Bound::From)?,
            to: bound("date_to", &self.date_to, Bound::To)?,
            content,
        };
        search.check(app).map(|()| search)
    }
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn most(app: &App) -> i64 {
    i64::from(app.config.api.search_limit)
}

fn no_limit(most: i64) -> Error {
    Error::invalid(format!("The limit must be a whole number from 1 to {most}"))
}

fn too_much(bytes: i64, most: i64) -> Error {
    Error::invalid(format!(
        "The data of these records are {bytes} bytes together, and one answer holds {most}; ask for fewer with the limit, or \
         without the data"
    ))
}

fn no_offset() -> Error {
    Error::invalid("The offset must be a whole number from 0")
}

fn no_date(name: &str) -> Error {
    Error::invalid(format!("The {name} must be a date such as 2017-12-31 12:00:00, 31-12-2017 or 2017-12-31T12:00:00Z"))
}

fn parse_status(text: &str) -> Result<RecordStatus> {
    let status = text.trim().parse().ok().and_then(RecordStatus::from_number);
    status.ok_or_else(|| Error::invalid("The datarecord_status must be a number from 0 to 6"))
}

fn parse_date_type(text: &str) -> Result<DateType> {
    DateType::parse(&text.to_ascii_lowercase())
        .ok_or_else(|| Error::invalid("The date_type must be date_created, date_started or date_last_run"))
}

fn parse_field(name: Option<&str>, value: Option<&str>) -> Result<Option<FieldFilter>> {
    match (name, value) {
        (Some(name), value) => Ok(Some(FieldFilter { name: name.to_owned(), value: value.map(str::to_owned) })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::invalid("The datafield_name is required where there is a datafield_value")),
    }
}

/// A page of records that were found.
#[derive(Debug)]
pub struct FoundRecords {
    /// They, newest first.
    pub records: Vec<FoundRecord>,
    /// How many there are in all (contradiction C12).
    pub total: i64,
    /// Which of them these are.
    pub page: Page,
    /// What those run through that stand at a step.
    diagrams: HashMap<(FlowId, i64), Arc<Diagram>>,
}

impl FoundRecords {
    /// The step that one of the records is at.
    pub fn current_step<'s>(&'s self, record: &'s FoundRecord) -> CurrentStep<'s> {
        let diagram = self.diagrams.get(&(record.flow, record.flow_version));
        history::current_step(record.place.status, record.step.as_deref(), diagram.map(Arc::as_ref))
    }
}

/// The diagrams of the records that stand at a step, each read once. One that cannot be read names no steps.
fn diagrams(app: &App, customer: CustomerId, records: &[FoundRecord]) -> HashMap<(FlowId, i64), Arc<Diagram>> {
    let under_way = records.iter().filter(|record| record.step.as_ref().is_some_and(|step| !step.is_empty()));
    let distinct: HashSet<_> = under_way.map(|record| (record.flow, record.flow_version)).collect();
    let read = |(flow, version)| Some(((flow, version), diagram_of(app, customer, flow, Some(version)).ok()?));
    distinct.into_iter().filter_map(read).collect()
}

impl SearchRecords {
    /// Whether every record of the customer satisfies it.
    pub(super) fn is_unbounded(&self) -> bool {
        let is_bounded = self.uuid.is_some() || self.flow.is_some() || self.status.is_some() || self.field.is_some();
        !is_bounded && self.from.is_none() && self.to.is_none()
    }

    /// Works with the filter that is meant; `None` if it names a flow that there is not.
    pub(super) fn filtered<T>(
        &self,
        tx: &mut dyn Tx,
        customer: CustomerId,
        work: impl FnOnce(&mut dyn Tx, &Filter<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let flow = match self.flow.clone().map(FlowKey::NumberOrName) {
            None => None,
            Some(key) => match look_up(tx, customer, &key)? {
                Some(flow) => Some(flow.id),
                None => return Ok(None),
            },
        };
        // What is kept of a value was cut to a length, and so is what is compared with it.
        let field = self.field.as_ref().map(|field| (&field.name, field.value.as_deref().map(clip)));
        let filter = Filter {
            customer,
            uuid: self.uuid.as_deref(),
            flow,
            status: self.status,
            field: field.as_ref().map(|(name, value)| (name.as_str(), value.as_deref())),
            date: self.date,
            from: self.from,
            to: self.to,
        };
        work(tx, &filter).map(Some)
    }

    pub(super) fn check(&self, app: &App) -> Result<()> {
        if !(1..=most(app)).contains(&self.page.limit) {
            return Err(no_limit(most(app)));
        }
        if self.page.offset < 0 {
            return Err(no_offset());
        }
        if let Some(uuid) = &self.uuid {
            parse_uuid(uuid)?;
        }
        if self.flow.as_ref().is_some_and(|flow| flow.contains('\0')) {
            return Err(Error::invalid("The flow_name must not hold a NUL character"));
        }
        let Some(FieldFilter { name, value }) = &self.field else { return Ok(()) };
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "The datafield_name must be at most {LONGEST_NAME} characters long, without control characters"
            )));
        }
        match value.as_ref().is_some_and(|value| value.contains('\0')) {
            true => Err(Error::invalid("The datafield_value must not hold a NUL character")),
            false => Ok(()),
        }
    }
}

impl Operation for SearchRecords {
    const NAME: &'static str = "searchRecords";
    const ACCESS: Access = Access::Scope(Scope::RecordRead);
    type Output = FoundRecords;

    async fn run(self, app: &App, caller: &Caller) -> Result<FoundRecords> {
        self.check(app)?;
        let (customer, now, page) = (caller.customer().id, app.clock.now(), self.page);
        // What comes back together is no more than what may be sent together.
        let most = i64::try_from(app.config.server.body_limit).unwrap_or(i64::MAX);
        let search = move |tx: &mut dyn Tx| {
            let find = |tx: &mut dyn Tx, filter: &Filter<'_>| {
                // A single record can be read whatever its size.
                if self.content == Content::Included && page.limit > 1 {
                    let bytes = search::size(tx, filter, page)?;
                    if bytes > most {
                        return Err(too_much(bytes, most));
                    }
                }
                Ok((search::list(tx, filter, page, self.content, now)?, search::count(tx, filter)?))
            };
            Ok(self.filtered(tx, customer, find)?.unwrap_or_default())
        };
        let (records, total) = app.store.read(search).await?;
        let diagrams = diagrams(app, customer, &records);
        Ok(FoundRecords { records, total, page, diagrams })
    }
}

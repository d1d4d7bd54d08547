//! The search for records: a statement put together from fixed fragments, with everything that was asked for bound to
//! its parameters. Which filters there are is decided here; what they are called, and who may search, is not.

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::RecordStatus;
use crate::model::search::{Content, DateType, FoundRecord, Page};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx, Value, record};

/// Which records of a customer are looked for; those that satisfy all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter<'f> {
    /// Whose records.
    pub customer: CustomerId,
    /// The one of that identifier.
    pub uuid: Option<&'f str>,
    /// Those of that flow.
    pub flow: Option<FlowId>,
    /// Those of that status.
    pub status: Option<RecordStatus>,
    /// Those with a data field of that name and, if there is one, of that value.
    pub field: Option<(&'f str, Option<&'f str>)>,
    /// The date that the bounds are about.
    pub date: DateType,
    /// Those from then on.
    pub from: Option<Timestamp>,
    /// Those until then, inclusive.
    pub to: Option<Timestamp>,
}

/// How the bounds of that date are asked for.
fn bounds(date: DateType) -> (&'static str, &'static str) {
    match date {
        DateType::Created => (" AND record.created_at >= ", " AND record.created_at <= "),
        DateType::Started => (" AND record.started_at >= ", " AND record.started_at <= "),
        DateType::LastRun => (" AND record.last_run_at >= ", " AND record.last_run_at <= "),
    }
}

/// A statement that grows, and the values of its parameters.
struct Statement<'f> {
    sql: String,
    values: Vec<Value<'f>>,
}

impl<'f> Statement<'f> {
    fn fragment(&mut self, fragment: &'static str) {
        self.sql.push_str(fragment);
    }

    /// Binds a value to the next parameter.
    fn bind(&mut self, value: impl Into<Value<'f>>) {
        self.values.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
    }

    fn and(&mut self, fragment: &'static str, value: Option<impl Into<Value<'f>>>) {
        if let Some(value) = value {
            self.fragment(fragment);
            self.bind(value);
        }
    }

    fn conditions(&mut self, filter: &Filter<'f>) {
        // The plus keeps SQLite from walking through all of the customer's records by date, with an index that says
        // nothing about the value, when the few that have it can be looked up.
        self.fragment(match filter.field {
            Some((_, Some(_))) => " WHERE +record.customer_id = ",
            Some((_, None)) | None => " WHERE record.customer_id = ",
        });
        self.bind(filter.customer.0);
        self.and(" AND record.uuid = ", filter.uuid);
        self.and(" AND record.flow = ", filter.flow.map(|flow| flow.0));
        self.and(" AND record.status = ", filter.status.map(RecordStatus::number));
        if let Some((name, value)) = filter.field {
            self.fragment(" AND record.id IN (SELECT record_id FROM record_field WHERE customer_id = ");
            self.bind(filter.customer.0);
            self.and(" AND name = ", Some(name));
            self.and(" AND value = ", value);
            self.fragment(")");
        }
        let (from, to) = bounds(filter.date);
        self.and(from, filter.from.map(|from| from.0));
        self.and(to, filter.to.map(|to| to.0));
    }

    fn page(&mut self, page: Page) {
        self.fragment(" ORDER BY record.created_at DESC, record.id DESC LIMIT ");
        self.bind(page.limit);
        self.fragment(" OFFSET ");
        self.bind(page.offset);
    }

    /// The column that shows the value that was searched for, else the record's first one.
    fn dynamic_value(&mut self, filter: &Filter<'f>) {
        self.fragment("(SELECT value FROM record_field WHERE record_id = record.id");
        self.and(" AND name = ", filter.field.map(|(name, _)| name));
        self.and(" AND value = ", filter.field.and_then(|(_, value)| value));
        self.fragment(" ORDER BY position LIMIT 1)");
    }
}

/// How many records satisfy the filter.
pub fn count(tx: &mut dyn Tx, filter: &Filter<'_>) -> Result<i64> {
    let mut statement = Statement { sql: "SELECT COUNT(*) FROM record".to_owned(), values: Vec::new() };
    statement.conditions(filter);
    let rows = tx.query(&statement.sql, &statement.values)?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// How many bytes the data of such a page are together. The data are not read for that.
pub fn size(tx: &mut dyn Tx, filter: &Filter<'_>, page: Page) -> Result<i64> {
    let sum =
        "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM (SELECT octet_length(record.data) AS bytes FROM record";
    let mut statement = Statement { sql: sum.to_owned(), values: Vec::new() };
    statement.conditions(filter);
    statement.page(page);
    statement.fragment(") AS page");
    let rows = tx.query(&statement.sql, &statement.values)?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// The identifiers of records that satisfy the filter, in the order of acceptance: so many of those after that one and
/// up to the other, each with the record's own number.
pub fn matching(tx: &mut dyn Tx, filter: &Filter<'_>, after: i64, until: i64, most: i64) -> Result<Vec<(i64, String)>> {
    let mut statement = Statement { sql: "SELECT record.id, record.uuid FROM record".to_owned(), values: Vec::new() };
    statement.conditions(filter);
    statement.and(" AND record.id > ", Some(after));
    statement.and(" AND record.id <= ", Some(until));
    statement.and(" ORDER BY record.id LIMIT ", Some(most));
    let rows = tx.query(&statement.sql, &statement.values)?;
    rows.into_iter().map(|mut row| Ok((row.integer(0)?, row.take_text(1)?))).collect()
}

/// The number of the record that was accepted last; 0 if there is none.
pub fn last(tx: &mut dyn Tx) -> Result<i64> {
    let rows = tx.query("SELECT MAX(id) FROM record", &[])?;
    Ok(rows.first().map_or(Ok(None), |row| row.optional_integer(0))?.unwrap_or_default())
}

/// A page of the records that satisfy the filter, newest first.
pub fn list(
    tx: &mut dyn Tx,
    filter: &Filter<'_>,
    page: Page,
    content: Content,
    now: Timestamp,
) -> Result<Vec<FoundRecord>> {
    let mut statement = Statement { sql: "SELECT ".to_owned(), values: Vec::new() };
    statement.fragment(match content {
        Content::Included => "record.data, ",
        Content::Omitted => "NULL, ",
    });
    statement.dynamic_value(filter);
    statement.fragment(", CASE WHEN record.waits_until > ");
    statement.bind(now.0);
    statement.fragment(
        " THEN record.waits_until ELSE NULL END, record.id, record.uuid, record.flow, flow.name, record.flow_version, \
         record.created_at, record.started_at, record.last_run_at, record.status, record.hold, record.num_runs, record.step \
         FROM record JOIN flow ON flow.customer_id = record.customer_id AND flow.number = record.flow \
         WHERE record.id IN (SELECT record.id FROM record",
    );
    // The page is chosen first, so that of the records that are passed over no more is read than an index holds.
    statement.conditions(filter);
    statement.page(page);
    statement.fragment(") ORDER BY record.created_at DESC, record.id DESC");
    let rows = tx.query(&statement.sql, &statement.values)?;
    rows.into_iter().map(found_record).collect()
}

fn found_record(mut row: Row) -> Result<FoundRecord> {
    Ok(FoundRecord {
        data: row.take_optional_text(0)?,
        dynamic_value: row.take_optional_text(1)?.unwrap_or_default(),
        next_run: row.optional_integer(2)?.map(Timestamp),
        id: row.integer(3)?,
        uuid: row.take_text(4)?,
        flow: FlowId(row.integer(5)?),
        flow_name: row.take_text(6)?,
        flow_version: row.integer(7)?,
        created: Timestamp(row.integer(8)?),
        started: row.optional_integer(9)?.map(Timestamp),
        last_run: row.optional_integer(10)?.map(Timestamp),
        place: record::place(&row, 11, 12)?,
        num_runs: row.integer(13)?,
        step: row.take_optional_text(14)?,
    })
}

//! Flows as document 002 lists them: pages of a customer's flows, sorted and filtered, and flows by public identifier.
//! Who may see a flow, and what the identifiers look like, is not known here.

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::catalogue::{FlowKind, Listed, Order, SortBy, is_active};
use crate::model::flow::{Flow, FlowId};
use crate::model::person::PersonId;
use crate::model::record::RecordStatus;
use crate::model::search::Page;
use crate::model::time::Timestamp;
use crate::store::{Tx, Value, flow};

/// Which flows of a customer are looked for; those that satisfy all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Whose flows.
    pub customer: CustomerId,
    /// Those that are active, or those that are not.
    pub is_active: Option<bool>,
    /// Those that belong to that person.
    pub owner: Option<PersonId>,
    /// Those of that kind.
    pub kind: Option<FlowKind>,
    /// Those whose name or description holds that text. ASCII letters are compared whatever their case.
    pub text: Option<String>,
}

/// The conditions of a filter, the first five parameters.
macro_rules! matching {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " FROM flow WHERE customer_id = $1 ",
            "AND (CAST($2 AS BIGINT) IS NULL ",
            "OR CASE WHEN status IN ('public', 'running') THEN 1 ELSE 0 END = CAST($2 AS BIGINT)) ",
            "AND (CAST($3 AS BIGINT) IS NULL OR EXISTS (SELECT 1 FROM flow_owner ",
            "WHERE flow_owner.customer_id = flow.customer_id AND flow_owner.flow = flow.number ",
            "AND flow_owner.person_id = CAST($3 AS BIGINT))) ",
            "AND (CAST($4 AS TEXT) IS NULL OR kind = CAST($4 AS TEXT)) ",
            "AND (CAST($5 AS TEXT) IS NULL OR LOWER(name) LIKE CAST($5 AS TEXT) ESCAPE '!' ",
            "OR LOWER(description) LIKE CAST($5 AS TEXT) ESCAPE '!')",
            $after
        )
    };
}

fn sorted(order: Order) -> &'static str {
    match (order.by, order.is_descending) {
        (SortBy::Created, false) => matching!("SELECT number", " ORDER BY created_at, number LIMIT $6 OFFSET $7"),
        (SortBy::Created, true) => {
            matching!("SELECT number", " ORDER BY created_at DESC, number DESC LIMIT $6 OFFSET $7")
        }
        (SortBy::Updated, false) => matching!("SELECT number", " ORDER BY modified_at, number LIMIT $6 OFFSET $7"),
        (SortBy::Updated, true) => {
            matching!("SELECT number", " ORDER BY modified_at DESC, number DESC LIMIT $6 OFFSET $7")
        }
        (SortBy::Name, false) => matching!("SELECT number", " ORDER BY name LIMIT $6 OFFSET $7"),
        (SortBy::Name, true) => matching!("SELECT number", " ORDER BY name DESC LIMIT $6 OFFSET $7"),
    }
}

/// A text as a pattern that finds it anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for letter in text.chars() {
        if matches!(letter, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(letter.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

/// The numbers of a page of flows that satisfy the filter, and how many there are in all.
pub fn list(tx: &mut dyn Tx, filter: &Filter, order: Order, page: Page) -> Result<(Vec<FlowId>, i64)> {
    let text = filter.text.as_deref().map(pattern);
    let mut values: Vec<Value<'_>> = vec![
        filter.customer.0.into(),
        filter.is_active.map(i64::from).into(),
        filter.owner.map(|owner| owner.0).into(),
        filter.kind.map(FlowKind::name).into(),
        text.as_deref().into(),
    ];
    let counted = tx.query(matching!("SELECT COUNT(*)", ""), &values)?;
    let total = counted.first().map_or(Ok(0), |row| row.integer(0))?;
    values.extend([Value::from(page.limit), page.offset.into()]);
    let rows = tx.query(sorted(order), &values)?;
    Ok((rows.iter().map(|row| row.integer(0).map(FlowId)).collect::<Result<_>>()?, total))
}

/// A flow of the customer with what the catalogue shows of it; `None` if there is none, or it has no public identifier.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, id: FlowId) -> Result<Option<Listed>> {
    let Some(found) = flow::find(tx, customer, id)? else { return Ok(None) };
    let rows = tx.query(
        "SELECT public_id, kind FROM flow WHERE customer_id = $1 AND number = $2 AND public_id IS NOT NULL",
        &[customer.0.into(), id.0.into()],
    )?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let kind = FlowKind::parse(row.text(1)?).ok_or_else(|| Error::internal("a stored kind of flow is unknown"))?;
    let graph = graph(tx, &found)?;
    let owners = tx.query(
        "SELECT public_id FROM person JOIN flow_owner ON flow_owner.person_id = person.id \
         WHERE flow_owner.customer_id = $1 AND flow_owner.flow = $2 ORDER BY person.id",
        &[customer.0.into(), id.0.into()],
    )?;
    let owners = owners.into_iter().map(|mut row| row.take_text(0)).collect::<Result<_>>()?;
    Ok(Some(Listed { flow: found, public_id: row.take_text(0)?, kind, owners, graph }))
}

fn graph(tx: &mut dyn Tx, found: &Flow) -> Result<String> {
    match (&found.draft, found.version) {
        (Some(draft), version) if version.is_none() || !is_active(found.status) => Ok(draft.clone()),
        (_, Some(version)) => {
            let version = flow::find_version(tx, found.customer, found.id, version)?;
            version.map(|version| version.graph).ok_or_else(|| Error::internal("a flow has no version of its number"))
        }
        (draft, None) => Ok(draft.clone().unwrap_or_else(|| "{}".to_owned())),
    }
}

/// The customer's flow of that public identifier.
pub fn find_number(tx: &mut dyn Tx, customer: CustomerId, public_id: &str) -> Result<Option<FlowId>> {
    let rows = tx.query(
        "SELECT number FROM flow WHERE customer_id = $1 AND public_id = $2",
        &[customer.0.into(), public_id.into()],
    )?;
    rows.first().map(|row| row.integer(0).map(FlowId)).transpose()
}

/// The flow of that public identifier, whosever it is: knowing it is the permission to send data.
pub fn find_anybodys(tx: &mut dyn Tx, public_id: &str) -> Result<Option<Flow>> {
    let rows = tx.query("SELECT customer_id, number FROM flow WHERE public_id = $1", &[public_id.into()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    flow::find(tx, CustomerId(row.integer(0)?), FlowId(row.integer(1)?))
}

/// The public identifier of a customer's flow, if it has one.
pub fn find_public_id(tx: &mut dyn Tx, customer: CustomerId, id: FlowId) -> Result<Option<String>> {
    let rows = tx.query(
        "SELECT public_id FROM flow WHERE customer_id = $1 AND number = $2",
        &[customer.0.into(), id.0.into()],
    )?;
    rows.into_iter().next().map_or(Ok(None), |mut row| row.take_optional_text(0))
}

/// The customer's flows that have no public identifier.
pub fn unnamed(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<FlowId>> {
    let rows = tx.query(
        "SELECT number FROM flow WHERE customer_id = $1 AND public_id IS NULL ORDER BY number",
        &[customer.0.into()],
    )?;
    rows.iter().map(|row| row.integer(0).map(FlowId)).collect()
}

/// Gives the customer's flow a public identifier, unless it has one.
pub fn name(tx: &mut dyn Tx, customer: CustomerId, id: FlowId, public_id: &str) -> Result<()> {
    tx.execute(
        "UPDATE flow SET public_id = $3 WHERE customer_id = $1 AND number = $2 AND public_id IS NULL",
        &[customer.0.into(), id.0.into(), public_id.into()],
    )?;
    Ok(())
}

/// The customer's public identifier, if it has one.
pub fn find_tenant(tx: &mut dyn Tx, customer: CustomerId) -> Result<Option<String>> {
    let rows = tx.query("SELECT public_id FROM customer WHERE id = $1", &[customer.0.into()])?;
    rows.into_iter().next().map_or(Ok(None), |mut row| row.take_optional_text(0))
}

/// Gives the customer a public identifier, unless it has one.
pub fn name_tenant(tx: &mut dyn Tx, customer: CustomerId, public_id: &str) -> Result<()> {
    tx.execute(
        "UPDATE customer SET public_id = $2 WHERE id = $1 AND public_id IS NULL",
        &[customer.0.into(), public_id.into()],
    )?;
    Ok(())
}

/// Stores what a flow of the customer is called, what it is for and what it is taken for; false if another one has the
/// name.
pub fn update(tx: &mut dyn Tx, changed: &Listed, now: Timestamp) -> Result<bool> {
    let Flow { customer, id, name, description, .. } = &changed.flow;
    let taken = tx.query(
        "SELECT number FROM flow WHERE customer_id = $1 AND name = $2 AND number <> $3",
        &[customer.0.into(), name.into(), id.0.into()],
    )?;
    if !taken.is_empty() {
        return Ok(false);
    }
    tx.execute(
        "UPDATE flow SET name = $3, description = $4, kind = $5, modified_at = $6 \
         WHERE customer_id = $1 AND number = $2",
        &[customer.0.into(), id.0.into(), name.into(), description.into(), changed.kind.name().into(), now.0.into()],
    )?;
    Ok(true)
}

/// Whether records of the customer's flow wait or run, or failed and nobody has looked at them since.
pub fn has_unfinished(tx: &mut dyn Tx, customer: CustomerId, id: FlowId) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM record WHERE customer_id = $1 AND flow = $2 AND status IN ($3, $4, $5, $6) LIMIT 1",
        &[
            customer.0.into(),
            id.0.into(),
            RecordStatus::Waiting.number().into(),
            RecordStatus::Processing.number().into(),
            RecordStatus::Scheduled.number().into(),
            RecordStatus::Failed.number().into(),
        ],
    )?;
    Ok(!rows.is_empty())
}

/// Removes a flow of the customer with its versions, its records and its webhooks. Its number is not given again.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, id: FlowId) -> Result<bool> {
    tx.execute(
        "UPDATE customer SET last_flow = CASE WHEN last_flow < $2 THEN $2 ELSE last_flow END, \
         error_flow = CASE WHEN error_flow = $2 THEN NULL ELSE error_flow END WHERE id = $1",
        &[customer.0.into(), id.0.into()],
    )?;
    let removed =
        tx.execute("DELETE FROM flow WHERE customer_id = $1 AND number = $2", &[customer.0.into(), id.0.into()])?;
    Ok(removed > 0)
}

/// What people may see of attempts that were committed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// The row's number; later ones have higher numbers.
    pub id: i64,
    /// The record's public identifier.
    pub uuid: String,
    /// The attempts, as a JSON array.
    pub attempts: String,
}

/// What happened to the records of the customer's flow after that row, so many rows.
pub fn log(tx: &mut dyn Tx, customer: CustomerId, id: FlowId, after: i64, most: i64) -> Result<Vec<LogRow>> {
    let rows = tx.query(
        "SELECT run_log.id, record.uuid, run_log.attempts FROM run_log JOIN record ON record.id = run_log.record_id \
         WHERE record.customer_id = $1 AND record.flow = $2 AND run_log.id > $3 ORDER BY run_log.id LIMIT $4",
        &[customer.0.into(), id.0.into(), after.into(), most.into()],
    )?;
    rows.into_iter()
        .map(|mut row| Ok(LogRow { id: row.integer(0)?, uuid: row.take_text(1)?, attempts: row.take_text(2)? }))
        .collect()
}

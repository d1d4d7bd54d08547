//! Flows of a customer: one draft each, published versions that never change, and a status changed under guard.
//! What a graph means, and which status may follow which, is not known here.

use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{Flow, FlowId, FlowStatus, FlowVersion};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT customer_id, number, name, description, status, draft, version, created_at, modified_at ",
            "FROM flow WHERE ",
            $rest
        )
    };
}

/// Inserts a flow with the customer's next number, which none of its flows has had before; `Conflict` if the name is taken within the customer.
pub fn insert(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    description: &str,
    draft: &str,
    now: Timestamp,
) -> Result<FlowId> {
    let rows = tx.query(
        "INSERT INTO flow (customer_id, number, name, description, status, draft, created_at, modified_at) \
         VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM (SELECT number FROM flow WHERE customer_id = $1 \
         UNION ALL SELECT last_flow FROM customer WHERE id = $1) AS used), \
         $2, $3, $4, $5, $6, $6) ON CONFLICT (customer_id, name) DO NOTHING RETURNING number",
        &[
            customer.0.into(),
            name.into(),
            description.into(),
            FlowStatus::Draft.name().into(),
            draft.into(),
            now.0.into(),
        ],
    )?;
    match rows.first() {
        Some(row) => Ok(FlowId(row.integer(0)?)),
        None => Err(Error::new(Code::Conflict, format!("Flow '{name}' already exists"))),
    }
}

/// The customer's flow of that number.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, id: FlowId) -> Result<Option<Flow>> {
    let rows = tx.query(select!("customer_id = $1 AND number = $2"), &[customer.0.into(), id.0.into()])?;
    rows.into_iter().next().map(flow).transpose()
}

/// The customer's flow of that name.
pub fn find_by_name(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Option<Flow>> {
    let rows = tx.query(select!("customer_id = $1 AND name = $2"), &[customer.0.into(), name.into()])?;
    rows.into_iter().next().map(flow).transpose()
}

/// The customer's flows, by number.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Flow>> {
    let rows = tx.query(select!("customer_id = $1 ORDER BY number"), &[customer.0.into()])?;
    rows.into_iter().map(flow).collect()
}

/// Replaces the draft, or begins one; false if the customer has no such flow.
pub fn update_draft(tx: &mut dyn Tx, customer: CustomerId, id: FlowId, draft: &str, now: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE flow SET draft = $3, modified_at = $4 WHERE customer_id = $1 AND number = $2",
        &[customer.0.into(), id.0.into(), draft.into(), now.0.into()],
    )?;
    Ok(changed > 0)
}

/// Makes the draft the next version and gives its number, or `None` if there is no draft.
pub fn publish(
    tx: &mut dyn Tx,
    customer: CustomerId,
    id: FlowId,
    to: FlowStatus,
    now: Timestamp,
) -> Result<Option<i64>> {
    let Some(draft) = find(tx, customer, id)?.and_then(|flow| flow.draft) else { return Ok(None) };
    tx.execute(
        "UPDATE flow SET draft = NULL WHERE customer_id = $1 AND number = $2",
        &[customer.0.into(), id.0.into()],
    )?;
    insert_version(tx, customer, id, &draft, to, now)
}

/// Makes a graph the next version and gives its number; the draft stays as it is. `None` if the customer has no such flow.
pub fn insert_version(
    tx: &mut dyn Tx,
    customer: CustomerId,
    id: FlowId,
    graph: &str,
    to: FlowStatus,
    now: Timestamp,
) -> Result<Option<i64>> {
    let rows = tx.query(
        "INSERT INTO flow_version (customer_id, flow, version, graph, published_at) \
         SELECT customer_id, number, COALESCE(version, 0) + 1, $3, $4 FROM flow \
         WHERE customer_id = $1 AND number = $2 RETURNING version",
        &[customer.0.into(), id.0.into(), graph.into(), now.0.into()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    let version = row.integer(0)?;
    tx.execute(
        "UPDATE flow SET version = $3, status = $4, modified_at = $5 WHERE customer_id = $1 AND number = $2",
        &[customer.0.into(), id.0.into(), version.into(), to.name().into(), now.0.into()],
    )?;
    Ok(Some(version))
}

/// Changes the status if it is the expected one; false if it is not, or the customer has no such flow.
pub fn update_status(
    tx: &mut dyn Tx,
    customer: CustomerId,
    id: FlowId,
    from: FlowStatus,
    to: FlowStatus,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE flow SET status = $4, modified_at = $5 WHERE customer_id = $1 AND number = $2 AND status = $3",
        &[customer.0.into(), id.0.into(), from.name().into(), to.name().into(), now.0.into()],
    )?;
    Ok(changed > 0)
}

/// The published versions of the customer's flow, oldest first.
pub fn versions(tx: &mut dyn Tx, customer: CustomerId, id: FlowId) -> Result<Vec<FlowVersion>> {
    let rows = tx.query(
        "SELECT version, graph, published_at FROM flow_version WHERE customer_id = $1 AND flow = $2 ORDER BY version",
        &[customer.0.into(), id.0.into()],
    )?;
    rows.into_iter().map(flow_version).collect()
}

/// One published version of the customer's flow.
pub fn find_version(tx: &mut dyn Tx, customer: CustomerId, id: FlowId, version: i64) -> Result<Option<FlowVersion>> {
    let rows = tx.query(
        "SELECT version, graph, published_at FROM flow_version \
         WHERE customer_id = $1 AND flow = $2 AND version = $3",
        &[customer.0.into(), id.0.into(), version.into()],
    )?;
    rows.into_iter().next().map(flow_version).transpose()
}

fn flow(mut row: Row) -> Result<Flow> {
    Ok(Flow {
        customer: CustomerId(row.integer(0)?),
        id: FlowId(row.integer(1)?),
        name: row.take_text(2)?,
        description: row.take_text(3)?,
        status: FlowStatus::parse(row.text(4)?).ok_or_else(|| Error::internal("a stored flow status is unknown"))?,
        draft: row.take_optional_text(5)?,
        version: row.optional_integer(6)?,
        created: Timestamp(row.integer(7)?),
        modified: Timestamp(row.integer(8)?),
    })
}

fn flow_version(mut row: Row) -> Result<FlowVersion> {
    Ok(FlowVersion { version: row.integer(0)?, graph: row.take_text(1)?, published: Timestamp(row.integer(2)?) })
}

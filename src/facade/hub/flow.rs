//! `/flows` (document 002, "Retrieve all active flows for the user").

use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::facade::hub::endpoint::{Call, Reply};
use crate::facade::hub::query::invalid;
use crate::model::catalogue::{FlowKind, Listed, Order, SortBy};
use crate::operation::catalogue::{
    Catalogued, ChangeFlow, ControlFlows, CreateFlow, DeleteFlow, FlowTexts, GetFlow, ListFlows, MOST_FLOWS, Turn,
};
use crate::operation::execute;
use crate::operation::sketch::Beside;

/// Flows of a page, unless the client says otherwise.
const USUAL: i64 = 10;

/// What a flow is answered with and cannot be chosen; it may come back with a change.
const SHOWN: [&str; 4] = ["id", "tenant", "createdAt", "updatedAt"];

/// GET /flows.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply> {
    let query = &call.query;
    let (page, number) = query.page(USUAL, MOST_FLOWS)?;
    let is_active = match query.get("filter[status]")? {
        None => None,
        Some("active" | "1") => Some(true),
        Some("inactive" | "0") => Some(false),
        Some(_) => return Err(invalid("filter[status]")),
    };
    let kind = match query.get("filter[type]")? {
        None => None,
        Some(kind) => Some(FlowKind::parse(kind).ok_or_else(|| invalid("filter[type]"))?),
    };
    let order = match query.get("sort")? {
        None => Order { by: SortBy::Created, is_descending: false },
        Some(sort) => Order::parse(sort).ok_or_else(|| invalid("sort"))?,
    };
    let (owner, text) = (query.get("filter[user]")?.map(str::to_owned), query.get("search")?.map(str::to_owned));
    let found = execute(call.app, call.caller()?, ListFlows { page, order, is_active, owner, kind, text }).await?;
    let data: Vec<Value> = found.flows.iter().map(|flow| shown(flow, &found.tenant)).collect();
    Ok(Reply::of(json!({"data": data, "meta": meta(found.total, number, page.limit)})))
}

/// What is said of a page of a list.
pub(super) fn meta(total: i64, number: i64, size: i64) -> Value {
    let pages = total.div_euclid(size) + i64::from(total.rem_euclid(size) > 0);
    json!({"total": total, "page": number, "perPage": size, "totalPages": pages})
}

/// GET /flows/{id}.
pub(super) async fn get(call: &Call<'_>) -> Result<Reply> {
    let found = execute(call.app, call.caller()?, GetFlow { id: call.path("id") }).await?;
    Ok(Reply::of(one(&found)))
}

/// POST /flows.
pub(super) async fn create(call: &Call<'_>) -> Result<Reply> {
    let texts = match call.json()? {
        Value::Object(members) => texts(members)?,
        Value::Array(_) => return Err(no_bulk()),
        _ => return Err(Error::invalid("The body must be a JSON object")),
    };
    let added = execute(call.app, call.caller()?, CreateFlow { texts }).await?;
    Ok(Reply { status: StatusCode::CREATED, ..Reply::of(one(&added)) })
}

/// PATCH /flows/{id}.
pub(super) async fn change(call: &Call<'_>) -> Result<Reply> {
    let operation = ChangeFlow { id: call.path("id"), texts: texts(call.members()?)? };
    let changed = execute(call.app, call.caller()?, operation).await?;
    Ok(Reply::of(one(&changed)))
}

/// DELETE /flows/{id}.
pub(super) async fn delete(call: &Call<'_>) -> Result<Reply> {
    execute(call.app, call.caller()?, DeleteFlow { id: call.path("id") }).await?;
    Ok(Reply::of(json!({"msg": "Flow was successfully deleted"})))
}

/// POST /flows/{id}/start and /flows/{id}/stop.
pub(super) async fn control(call: &Call<'_>, turn: Turn) -> Result<Reply> {
    let mut ids = execute(call.app, call.caller()?, ControlFlows { ids: vec![call.path("id")], turn }).await?;
    Ok(Reply::of(json!({"data": turned(&ids.pop().unwrap_or_default(), turn), "meta": {}})))
}

/// POST /flows/multiple/start and /flows/multiple/stop: a list of identifiers.
pub(super) async fn control_several(call: &Call<'_>, turn: Turn) -> Result<Reply> {
    let ids = serde_json::from_value(call.json()?);
    let ids = ids.map_err(|_| Error::invalid("The body must be an array of the ids of flows"))?;
    let ids = execute(call.app, call.caller()?, ControlFlows { ids, turn }).await?;
    let data: Vec<Value> = ids.iter().map(|id| turned(id, turn)).collect();
    Ok(Reply::of(json!({"data": data, "meta": {}})))
}

/// PATCH /flows/bulk.
pub(super) async fn refuse_bulk() -> Result<Reply> {
    Err(no_bulk())
}

fn no_bulk() -> Error {
    Error::invalid("Several flows in one request are not accepted; send them one by one")
}

fn turned(id: &str, turn: Turn) -> Value {
    let status = match turn {
        Turn::Start => "starting",
        Turn::Stop => "stopping",
    };
    json!({"id": id, "status": status})
}

fn one(found: &Catalogued) -> Value {
    json!({"data": shown(&found.flow, &found.tenant), "meta": {}})
}

/// A flow as documented, with what callers are to send both where document 002 speaks of it and within the payload
/// (contradiction C64).
fn shown(listed: &Listed, tenant: &str) -> Value {
    let graph: Map<String, Value> = serde_json::from_str(&listed.graph).unwrap_or_default();
    let parameters =
        |name: &str| graph.get(name).filter(|value| value.is_object()).cloned().unwrap_or_else(|| json!({}));
    let (input, output) = (parameters("inputParameters"), parameters("outputParameters"));
    let cron = graph.get("schedule").and_then(|schedule| schedule.get("cron")).cloned();
    let mut owners: Vec<Value> = listed.owners.iter().map(|id| json!({"id": id, "type": "user"})).collect();
    owners.push(json!({"id": tenant, "type": "tenant"}));
    let mut shown = json!({
        "id": listed.public_id,
        "name": listed.flow.name,
        "description": listed.flow.description,
        "type": listed.kind.name(),
        "tenant": tenant,
        "status": if listed.is_active() { "active" } else { "inactive" },
        "owners": owners,
        "payload": {"inputParameters": input, "outputParameters": output},
        "inputParameters": input,
        "outputParameters": output,
        "createdAt": listed.flow.created.to_iso(),
        "updatedAt": listed.flow.modified.to_iso(),
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(cron.map(|cron| ("cron".to_owned(), cron)));
        shown.insert("graph".to_owned(), Value::Object(graph));
    }
    shown
}

/// Reads what of a flow can be chosen.
fn texts(members: Map<String, Value>) -> Result<FlowTexts> {
    let mut texts = FlowTexts::default();
    for (name, value) in members {
        match name.as_str() {
            "status" => {
                return Err(Error::invalid(
                    "Flow status cannot be set manually. Use the flow start/stop end points instead.",
                ));
            }
            "name" => texts.name = Some(text(&name, value)?),
            "description" => texts.description = Some(text(&name, value)?),
            "type" => {
                let kind = FlowKind::parse(&text(&name, value)?);
                texts.kind = Some(
                    kind.ok_or_else(|| Error::invalid("The member type must be ordinary, realtime or long_running"))?,
                );
            }
            "graph" => texts.graph = Some(object(&name, value)?),
            "cron" if value.is_null() => texts.beside.cron = Some(String::new()),
            "cron" => texts.beside.cron = Some(text(&name, value)?),
            "inputParameters" => texts.beside.input = Some(value),
            "outputParameters" => texts.beside.output = Some(value),
            "payload" => payload(&mut texts.beside, object(&name, value)?)?,
            "owners" => texts.owners = Some(owners(value)?),
            name if SHOWN.contains(&name) => {}
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(Error::invalid(format!("The member {shown} is not supported for flows")));
            }
        }
    }
    Ok(texts)
}

/// What stands within the payload counts where it does not stand beside it.
fn payload(beside: &mut Beside, members: Map<String, Value>) -> Result<()> {
    for (name, value) in members {
        match name.as_str() {
            "inputParameters" => drop(beside.input.get_or_insert(value)),
            "outputParameters" => drop(beside.output.get_or_insert(value)),
            _ => return Err(Error::invalid("The payload must have inputParameters and outputParameters alone")),
        }
    }
    Ok(())
}

fn owners(value: Value) -> Result<Vec<String>> {
    let refused =
        || Error::invalid("The member owners must be an array of objects with an id and the type user or tenant");
    let Value::Array(owners) = value else { return Err(refused()) };
    let id = |owner: &Value| match owner.get("type").and_then(Value::as_str) {
        Some("user" | "tenant") => owner.get("id").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    owners.iter().map(id).collect::<Option<_>>().ok_or_else(refused)
}

fn text(name: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Error::invalid(format!("The member {name} must be a text"))),
    }
}

fn object(name: &str, value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Error::invalid(format!("The member {name} must be an object"))),
    }
}

//! Steps that read and write rows of tables: what is to be done, made of the step's templates. When it is done, is as with
//! [keystores](super::keystore).

use serde_json::{Map, Value};

use super::failure::StepFailure;
use super::journey::{Done, Journey, Terms};
use super::local::{Outcome, integer, render_optional, render_or_input, send, text};
use crate::diagram::step::table::{Action, TableStep};
use crate::expression::template::Template;
use crate::model::time::Timestamp;
use crate::operation::errand::Errand;
use crate::operation::table::errand::{RowChange, RowErrand};
use crate::operation::table::search::Query;

/// Goes for what a step is after, or says what has to be done.
pub(super) fn go(terms: &Terms<'_>, journey: &mut Journey, step: &TableStep, now: Timestamp) -> Outcome<Done> {
    let table = text(terms, journey, "table", &step.table, now)?;
    let mut number = |place: &str, template: Option<&Template>| {
        template.map(|template| integer(terms, journey, place, template, now)).transpose()
    };
    let id = number("id", step.id.as_ref())?;
    let limit = number("limit", step.limit.as_ref())?;
    let offset = number("offset", step.offset.as_ref())?;
    let mut word = |place: &str, template: Option<&Template>| {
        template.map(|template| text(terms, journey, place, template, now)).transpose()
    };
    let order_field = word("order_field", step.order_field.as_ref())?;
    let order_type = word("order_type", step.order_type.as_ref())?;
    let filter = render_optional(terms, journey, "where", step.condition.as_ref(), now)?;
    let query = Query { filter, limit, offset, order_field, order_type };
    let change = match &step.action {
        Action::Find => RowChange::Find,
        Action::Insert(values) => {
            RowChange::Insert(members(render_or_input(terms, journey, "value", values.as_ref(), now)?)?)
        }
        Action::Update(values) => {
            RowChange::Update(members(render_or_input(terms, journey, "value", values.as_ref(), now)?)?)
        }
        Action::Delete => RowChange::Delete,
    };
    send(terms, journey, Errand::Rows(RowErrand { table, id, query, change }))
}

fn members(values: Value) -> Outcome<Map<String, Value>> {
    match values {
        Value::Object(members) => Ok(members),
        _ => Err(StepFailure::lasting(
            "expression",
            "values: it must come to an object of columns and values".to_owned(),
        )),
    }
}

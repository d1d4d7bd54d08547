//! Steps that read and write rows of tables.

use super::Fields;
use crate::error::{Error, Result};
use crate::expression::template::Template;

/// What is done to rows of a table.
#[derive(Debug)]
pub struct TableStep {
    /// The table's name.
    pub table: Template,
    /// The row's number, if one is meant.
    pub id: Option<Template>,
    /// What is done.
    pub action: Action,
    /// What rows must satisfy, as a search has it.
    pub condition: Option<Template>,
    /// How many rows at most.
    pub limit: Option<Template>,
    /// How many rows are passed over.
    pub offset: Option<Template>,
    /// The column that orders them.
    pub order_field: Option<Template>,
    /// `ASC` or `DESC`.
    pub order_type: Option<Template>,
}

/// What is done.
#[derive(Debug)]
pub enum Action {
    /// They are wanted.
    Find,
    /// One is inserted with these values; absent for the input.
    Insert(Option<Template>),
    /// They get these values; absent for the input.
    Update(Option<Template>),
    /// They are removed.
    Delete,
}

pub(super) fn read(fields: &mut Fields) -> Result<TableStep> {
    let action: String = fields.required("action")?;
    let action = match action.as_str() {
        "find" => Action::Find,
        "insert" => Action::Insert(fields.optional_plain("values")?),
        "update" => Action::Update(fields.optional_plain("values")?),
        "delete" => Action::Delete,
        _ => return Err(Error::invalid("fields.action must be find, insert, update or delete")),
    };
    let (table, id) = (fields.plain("table")?, fields.optional_plain("id")?);
    if let Action::Insert(_) = action {
        let none = || None;
        let [condition, limit, offset, order_field, order_type] = [none(), none(), none(), none(), none()];
        return Ok(TableStep { table, id, action, condition, limit, offset, order_field, order_type });
    }
    let condition = fields.optional_plain("where")?;
    if !matches!(action, Action::Find) && id.is_none() && condition.is_none() {
        return Err(Error::invalid("fields must have id or where, to say which rows are meant"));
    }
    Ok(TableStep {
        table,
        id,
        action,
        condition,
        limit: fields.optional_plain("limit")?,
        offset: fields.optional_plain("offset")?,
        order_field: fields.optional_plain("order_field")?,
        order_type: fields.optional_plain("order_type")?,
    })
}

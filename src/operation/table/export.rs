//! Rows as text whose fields are separated, bit by bit.

use crate::app::App;
use crate::auth::Caller;
use crate::delimited::Writer;
use crate::error::{Error, Result};
use crate::model::filter::Scalar;
use crate::model::scope::Scope;
use crate::model::table::{DATE_CREATED, DATE_UPDATED, ID, Table};
use crate::model::time::TimeZone;
use crate::operation::table::find;
use crate::operation::table::row::TableRow;
use crate::operation::table::values::Content;
use crate::operation::{Access, Operation};
use crate::store::table::row;

/// Rows that are written together.
const CHUNK: i64 = 1_000;

/// How rows are written.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// What separates fields.
    pub delimiter: u8,
    /// Whether the first line names the columns.
    pub has_header: bool,
    /// Whether a field that a spreadsheet may take for a formula gets an apostrophe before it.
    pub is_neutral: bool,
}

/// Writes the rows that follow a number, by number: the next thousand of them. Whoever goes on behind the last one gets all rows
/// that were there from the beginning to the end; what changes meanwhile may be seen or not.
#[derive(Clone, Debug)]
pub struct ExportRows {
    /// The table.
    pub table: String,
    /// The number that was written last; `None` for none, and then the header is written where that is wanted.
    pub after: Option<i64>,
    /// How they are written.
    pub writing: Writing,
}

/// Rows that were written.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The text.
    pub text: Vec<u8>,
    /// How many rows it has.
    pub rows: u64,
    /// The number of the last; `None` if there were no more.
    pub last: Option<i64>,
}

impl Operation for ExportRows {
    const NAME: &'static str = "exportTableRows";
    const ACCESS: Access = Access::Scope(Scope::TableRead);
    type Output = Exported;

    async fn run(self, app: &App, caller: &Caller) -> Result<Exported> {
        let customer = caller.customer().id;
        app.store
            .read(move |tx| {
                let table = find(tx, customer, &self.table)?;
                let mut writer = Writer::new(Vec::new(), self.writing.delimiter, self.writing.is_neutral);
                let of_every_row = [ID, DATE_CREATED, DATE_UPDATED];
                if self.after.is_none() && self.writing.has_header {
                    let names = table.columns.iter().map(|column| column.name.as_str());
                    writer.write(of_every_row.into_iter().chain(names)).map_err(Error::internal)?;
                }
                let stored = row::list_after(tx, table.id, self.after.unwrap_or(0), CHUNK)?;
                let (rows, last) = (stored.len() as u64, stored.last().map(|row| row.id));
                for row in &stored {
                    let fields = fields(&table, Content::of(row)?.shown(&table));
                    writer.write(fields.iter().map(String::as_str)).map_err(Error::internal)?;
                }
                Ok(Exported { text: writer.finish().map_err(Error::internal)?, rows, last })
            })
            .await
    }
}

fn fields(table: &Table, row: TableRow) -> Vec<String> {
    let mut fields = Vec::with_capacity(table.columns.len() + 3);
    fields.push(row.id.to_string());
    fields.extend([row.created, row.updated].map(|at| at.to_date_time(&TimeZone::UTC)));
    fields.extend(row.values.values().map(|value| match Scalar::of_json(value) {
        None | Some(Scalar::Null) => String::new(),
        Some(value) => value.to_text().into_owned(),
    }));
    fields
}

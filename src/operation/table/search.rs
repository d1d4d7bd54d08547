//! Searching the rows of a table: by its keys where they can tell, else by reading rows bit by bit and deciding each.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::filter::{Condition, Rule, Scalar, Test};
use crate::model::scope::Scope;
use crate::model::table::{Field, ID, Order, StoredRow, Table};
use crate::operation::table::row::TableRow;
use crate::operation::table::values::{Content, columns};
use crate::operation::table::{clip, find};
use crate::operation::{Access, Operation};
use crate::store::Tx;
use crate::store::table::search::{self as keys, Page, Wanted};
use crate::store::table::{key, row};

/// Rows that one search answers with (document 003, Search in Table data).
pub const MOST_ROWS: i64 = 100;
/// Rows that are read together where each is decided by itself.
const CHUNK: usize = 500;
/// Up to so many rows that keys narrow a search to, their numbers are put together; beyond, all rows are gone through.
const FEW: usize = 20_000;
/// How far a page may lie behind the first row where the order is found out by comparing values.
const FARTHEST: i64 = 100_000;
/// Bytes of values that may be compared for that.
const MOST_BYTES: usize = 64 << 20;

/// Which rows are wanted, as it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The condition as JSON ([`crate::model::filter`]); absent or null for all.
    pub filter: Option<Value>,
    /// How many at most; absent for [`MOST_ROWS`].
    pub limit: Option<i64>,
    /// How many are passed over; absent for none.
    pub offset: Option<i64>,
    /// The column that orders them; absent for `id`.
    pub order_field: Option<String>,
    /// `ASC` or `DESC` in any case; absent for `ASC`.
    pub order_type: Option<String>,
}

/// Rows that were found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRows {
    /// Those on the page, in order.
    pub rows: Vec<TableRow>,
    /// How many there are on all pages.
    pub total: i64,
    /// How many were wanted at most.
    pub limit: i64,
    /// How many were passed over.
    pub offset: i64,
}

/// Searches a table (document 003, Search in Table data).
pub struct SearchRows {
    /// The table.
    pub table: String,
    /// Which rows.
    pub query: Query,
}

impl Operation for SearchRows {
    const NAME: &'static str = "searchTable";
    const ACCESS: Access = Access::Scope(Scope::TableRead);
    type Output = FoundRows;

    async fn run(self, app: &App, caller: &Caller) -> Result<FoundRows> {
        let customer = caller.customer().id;
        app.store.read(move |tx| find_rows(tx, customer, &self.table, None, &self.query)).await
    }
}

/// Finds rows of the customer's table: of those that the query finds, that of the number if there is one.
///
/// # Errors
///
/// `NotFound` for the table. `InvalidInput` that names the place: a column that is none, a value that is not of its kind, a
/// limit that is too high.
pub fn find_rows(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    id: Option<i64>,
    query: &Query,
) -> Result<FoundRows> {
    let table = find(tx, customer, name)?;
    let mut search = prepare(&table, query)?;
    if let Some(id) = id {
        search.narrow(id);
    }
    let Found { rows, total } = run(tx, &table, &search)?;
    let rows = rows.iter().map(|row| Ok(Content::of(row)?.shown(&table))).collect::<Result<_>>()?;
    Ok(FoundRows { rows, total, limit: search.limit, offset: search.offset })
}

/// A query that was understood.
pub(super) struct Search {
    pub(super) condition: Condition<Field>,
    order: Order,
    limit: i64,
    offset: i64,
}

impl Search {
    /// Finds no row but that of this number.
    pub(super) fn narrow(&mut self, id: i64) {
        let rule = Rule {
            place: ID.to_owned(),
            field: Field::Id,
            test: Test::Equal(Scalar::Integer(id)),
            is_negated: false,
            as_text: false,
        };
        let asked = std::mem::replace(&mut self.condition, Condition::All(Vec::new()));
        self.condition = Condition::All(vec![Condition::Rule(rule), asked]);
    }
}

/// What a search came to.
pub(super) struct Found {
    pub(super) rows: Vec<StoredRow>,
    total: i64,
}

/// Understands a query about that table.
pub(super) fn prepare(table: &Table, query: &Query) -> Result<Search> {
    let condition = match &query.filter {
        None | Some(Value::Null) => Condition::All(Vec::new()),
        // How XML has none.
        Some(Value::String(text)) if text.is_empty() => Condition::All(Vec::new()),
        Some(filter) => Condition::read(filter).map_err(Error::invalid)?,
    };
    let condition = condition.try_map(&mut |rule| of_column(table, rule))?;
    let limit = query.limit.unwrap_or(MOST_ROWS);
    if !(0..=MOST_ROWS).contains(&limit) {
        return Err(Error::invalid(format!("limit is {limit}, but must be from 0 to {MOST_ROWS}")));
    }
    let offset = query.offset.unwrap_or(0);
    if offset < 0 {
        return Err(Error::invalid(format!("offset is {offset}, but must be at least 0")));
    }
    let field = match query.order_field.as_deref().filter(|name| !name.is_empty()) {
        None => Field::Id,
        Some(name) => Field::of(table, name).ok_or_else(|| no_field(table, "order_field", name))?,
    };
    let is_descending = match query.order_type.as_deref().unwrap_or_default() {
        word if word.is_empty() || word.eq_ignore_ascii_case("asc") => false,
        word if word.eq_ignore_ascii_case("desc") => true,
        word => return Err(Error::invalid(format!("order_type is '{}', but must be ASC or DESC", clip(word)))),
    };
    Ok(Search { condition, order: Order { field, is_descending }, limit, offset })
}

/// The rule with the column that it names, and values as they are compared with that.
fn of_column(table: &Table, rule: Rule<String>) -> Result<Rule<Field>> {
    let Rule { place, field: name, test, is_negated, .. } = rule;
    let field = Field::of(table, &name).ok_or_else(|| no_field(table, &format!("{place}.field"), &name))?;
    let kind = field.kind();
    let test = test.try_map(&mut |value: Scalar<'static>| {
        kind.compared(&value).ok_or_else(|| {
            let (given, expected) = (clip(&value.to_text()), kind.describe());
            Error::invalid(format!("{place}.value is '{given}', but {name} is compared with {expected}"))
        })
    })?;
    Ok(Rule { place, field, test, is_negated, as_text: kind.is_text() })
}

fn no_field(table: &Table, place: &str, name: &str) -> Error {
    Error::invalid(format!("{place}: {} has no column '{}'{}", table.name, clip(name), columns(table)))
}

/// Carries a search out.
pub(super) fn run(tx: &mut dyn Tx, table: &Table, search: &Search) -> Result<Found> {
    let Search { condition, order, limit, offset } = search;
    let is_keyed = !matches!(order.field, Field::Column { has_keys: false, .. });
    if !keys::is_decidable(condition) || !is_keyed {
        return sift(tx, table, search);
    }
    let wanted = Wanted { table: table.id, condition };
    let total = keys::count(tx, wanted)?;
    if total <= *offset || *limit == 0 {
        return Ok(Found { rows: Vec::new(), total });
    }
    let page = Page { order, limit: *limit, offset: *offset };
    let ids = keys::page(tx, wanted, page, total, table.next_row)?;
    Ok(Found { rows: in_order(tx, table, &ids)?, total })
}

/// Those rows, in that order.
fn in_order(tx: &mut dyn Tx, table: &Table, ids: &[i64]) -> Result<Vec<StoredRow>> {
    let mut rows = row::find_each(tx, table.id, ids)?;
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows)
}

/// Decides each row by itself, and keeps no more than what the page needs.
fn sift(tx: &mut dyn Tx, table: &Table, search: &Search) -> Result<Found> {
    let narrowed = keys::narrowed(&search.condition);
    let wanted = Wanted { table: table.id, condition: &narrowed };
    let mut leading = Leading::of(search)?;
    let few = match narrowed.is_empty() {
        true => None,
        false => Some(keys::some(tx, wanted, FEW as i64 + 1)?).filter(|ids| ids.len() <= FEW),
    };
    match few {
        Some(mut ids) => {
            ids.sort_unstable();
            for ids in ids.chunks(CHUNK) {
                leading.take(search, &row::find_each(tx, table.id, ids)?)?;
            }
        }
        None => {
            let mut last = i64::MIN;
            loop {
                let rows = keys::after(tx, wanted, last, CHUNK as i64)?;
                let Some(row) = rows.last() else { break };
                last = row.id;
                leading.take(search, &rows)?;
            }
        }
    }
    let total = leading.total;
    Ok(Found { rows: in_order(tx, table, &leading.page(search))?, total })
}

/// The first rows of an order, as far as a page goes.
struct Leading {
    rows: BinaryHeap<Ranked>,
    /// As many as that are kept.
    most: usize,
    bytes: usize,
    total: i64,
}

/// A row where it stands in the order.
#[derive(PartialEq, Eq)]
struct Ranked {
    key: Vec<u8>,
    id: i64,
    is_descending: bool,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        let order = self.key.cmp(&other.key).then(self.id.cmp(&other.id));
        if self.is_descending { order.reverse() } else { order }
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Leading {
    fn of(search: &Search) -> Result<Leading> {
        if search.offset > FARTHEST {
            return Err(Error::invalid(format!(
                "offset is {}, but may be at most {FARTHEST} unless all columns that are searched and ordered by are indexed",
                search.offset
            )));
        }
        let most = usize::try_from(search.offset + search.limit).unwrap_or(usize::MAX);
        Ok(Leading { rows: BinaryHeap::new(), most, bytes: 0, total: 0 })
    }

    fn take(&mut self, search: &Search, rows: &[StoredRow]) -> Result<()> {
        let Order { field, is_descending } = &search.order;
        for row in rows {
            let content = Content::of(row)?;
            if !search.condition.matches(&mut |field| content.value(field)) {
                continue;
            }
            self.total += 1;
            let key = match field {
                // Their numbers order them in any case.
                Field::Id => Vec::new(),
                field => key::encode(field.kind(), &content.value(field)),
            };
            self.bytes += key.len();
            self.rows.push(Ranked { key, id: row.id, is_descending: *is_descending });
            if self.rows.len() > self.most {
                self.bytes -= self.rows.pop().map_or(0, |last| last.key.len());
            }
            if self.bytes > MOST_BYTES {
                return Err(Error::invalid(
                    "order_field: its values are too long to be ordered by unless it is indexed",
                ));
            }
        }
        Ok(())
    }

    /// The numbers of the rows on the page.
    fn page(self, search: &Search) -> Vec<i64> {
        let offset = usize::try_from(search.offset).unwrap_or(usize::MAX);
        self.rows.into_sorted_vec().into_iter().skip(offset).map(|row| row.id).collect()
    }
}

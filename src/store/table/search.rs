//! Searching rows by what keys and the rows' own columns can decide. Statements are put together from fixed fragments;
//! everything that was asked for is bound.
//!
//! A statement walks along one thing: the rows, or the keys of one column. Rules on that column are limits of the walk;
//! each other rule looks up the row's key in its column. Where what narrows most is several rules of which one must hold, the
//! rows that they find are put together first.

mod statement;

pub(super) use self::statement::Statement;

use crate::error::Result;
use crate::model::filter::{Condition, Rule, Scalar, Test};
use crate::model::table::{Field, Order, StoredRow, TableId};
use crate::model::time::{Bound, TimeZone, Timestamp};
use crate::store::Tx;
use crate::store::table::key::{self, Limit, Range};
use crate::store::table::row::stored;

/// Rules of which it is seen how many rows they find, and how many rows are looked at for that.
const COMPARED: usize = 8;
const MEASURED: i64 = 10_000;

/// Which rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// The table.
    pub table: TableId,
    /// What they must satisfy; nothing but what [`is_decidable`] says.
    pub condition: &'w Condition<Field>,
}

/// Which of them, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Page<'p> {
    /// The order; its field is one of the row's own or has keys.
    pub order: &'p Order,
    /// How many.
    pub limit: i64,
    /// How many are passed over.
    pub offset: i64,
}

/// Whether keys and the rows' own columns can decide the condition.
pub fn is_decidable(condition: &Condition<Field>) -> bool {
    match condition {
        Condition::All(rules) | Condition::Any(rules) => rules.iter().all(is_decidable),
        Condition::Rule(rule) => Keys::of(rule).is_some(),
    }
}

/// What of the condition they can decide, so that nothing that satisfies it is left out.
pub fn narrowed(condition: &Condition<Field>) -> Condition<Field> {
    match condition {
        decidable if is_decidable(decidable) => decidable.clone(),
        Condition::All(rules) => Condition::All(rules.iter().map(narrowed).collect()),
        Condition::Any(_) | Condition::Rule(_) => Condition::All(Vec::new()),
    }
}

/// How many rows are wanted.
pub fn count(tx: &mut dyn Tx, wanted: Wanted<'_>) -> Result<i64> {
    let plan = Plan::narrowest(tx, wanted)?;
    let mut statement = Statement::of("SELECT COUNT(*)");
    plan.walk(&mut statement, plan.reads_row());
    let rows = statement.query(tx)?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// The numbers of the rows on a page, in order.
///
/// `count` is how many rows are wanted altogether, and `next_row` about how many there are: many are soon met on the way
/// through all rows in order, few are sooner found and then sorted.
pub fn page(tx: &mut dyn Tx, wanted: Wanted<'_>, page: Page<'_>, count: i64, next_row: i64) -> Result<Vec<i64>> {
    let last = i128::from(page.offset) + i128::from(page.limit);
    let are_many = i128::from(count) * i128::from(count) >= last * i128::from(next_row);
    let mut plan = Plan::narrowest(tx, wanted)?;
    if are_many || plan.walks(&page.order.field) {
        plan = Plan::ordered(wanted, &page.order.field);
    }
    let of_row = plan.reads_row() || matches!(page.order.field, Field::Created | Field::Updated);
    let mut statement = Statement::of("SELECT ");
    statement.push(plan.id());
    plan.walk(&mut statement, of_row);
    plan.order(&mut statement, page.order);
    statement.push(" LIMIT ");
    statement.bind(page.limit);
    statement.push(" OFFSET ");
    statement.bind(page.offset);
    statement.query(tx)?.iter().map(|row| row.integer(0)).collect()
}

/// The numbers of rows that are wanted, in no order; not more than so many.
pub fn some(tx: &mut dyn Tx, wanted: Wanted<'_>, most: i64) -> Result<Vec<i64>> {
    let plan = Plan::narrowest(tx, wanted)?;
    let mut statement = Statement::of("SELECT ");
    statement.push(plan.id());
    plan.walk(&mut statement, plan.reads_row());
    statement.push(" LIMIT ");
    statement.bind(most);
    statement.query(tx)?.iter().map(|row| row.integer(0)).collect()
}

/// So many of the rows that are wanted after that number, by number.
pub fn after(tx: &mut dyn Tx, wanted: Wanted<'_>, after: i64, most: i64) -> Result<Vec<StoredRow>> {
    let plan = Plan { wanted, walked: None, found: Vec::new(), is_scattered: false };
    let mut statement = Statement::of("SELECT r.id, r.created_at, r.updated_at, r.data");
    plan.walk(&mut statement, true);
    statement.push(" AND r.id > ");
    statement.bind(after);
    statement.push(" ORDER BY r.id LIMIT ");
    statement.bind(most);
    statement.query(tx)?.into_iter().map(stored).collect()
}

/// What a rule comes to.
enum Keys {
    /// Keys in its column.
    Column(i64, Range<Vec<u8>>),
    /// Values of a column that the row itself has.
    Own(Range<i64>),
}

impl Keys {
    fn of(rule: &Rule<Field>) -> Option<Keys> {
        let moment = |value: &Scalar<'_>| {
            // Of the moments that can be written, only those at the very end are no instants.
            let at = Timestamp::parse_bound(&value.to_text(), Bound::From, &TimeZone::UTC);
            Some(Limit { at: at.map_or(i64::MAX, |at| at.0), is_included: true })
        };
        match &rule.field {
            Field::Id => key::numbers(&rule.test, key::integer_at_or_below).map(Keys::Own),
            Field::Created | Field::Updated => key::numbers(&rule.test, moment).map(Keys::Own),
            Field::Column { has_keys: false, .. } => None,
            Field::Column { number, kind, .. } => {
                key::range(*kind, &rule.test).map(|range| Keys::Column(*number, range))
            }
        }
    }

    /// How little it may find: the less, the better it is to begin with.
    fn rank(&self, test: &Test) -> usize {
        const BOTH_ENDS: usize = 2_000;
        const NOTHING: usize = 3_000;
        const ONE_END: usize = 4_000;
        fn of_range<K>(range: &Range<K>) -> usize {
            match range {
                Range::OneOf(keys) => keys.len(),
                Range::Within { from: Some(_), to: Some(_) } => BOTH_ENDS,
                Range::Within { .. } => ONE_END,
            }
        }
        match (self, test) {
            (_, Test::Empty) => NOTHING,
            // Below every null there is nothing, so that this is no end.
            (_, Test::Less(_) | Test::AtMost(_)) => ONE_END,
            (Keys::Column(_, range), _) => of_range(range),
            (Keys::Own(range), _) => of_range(range),
        }
    }
}

/// How a statement goes about it.
struct Plan<'w> {
    wanted: Wanted<'w>,
    /// The column whose keys are walked along; `None`: the rows.
    walked: Option<i64>,
    /// The rules of which one must hold, if the rows that they find are put together first.
    found: Vec<&'w Rule<Field>>,
    /// Whether it begins with several keys that are not side by side. The engine would rather go through all keys of the column
    /// in the order of the rows, which is wanted then, than sort the few that there are.
    is_scattered: bool,
}

impl<'w> Plan<'w> {
    /// Begins with what narrows most: of several rules that must all hold, that which is seen to find the fewest rows.
    fn narrowest(tx: &mut dyn Tx, wanted: Wanted<'w>) -> Result<Plan<'w>> {
        let mut candidates: Vec<_> = match wanted.condition {
            Condition::All(rules) => rules.iter().filter_map(narrowest).collect(),
            other => narrowest(other).into_iter().collect(),
        };
        candidates.sort_by_key(|(rank, _)| *rank);
        candidates.truncate(COMPARED);
        let mut best: Option<(i64, Vec<&'w Rule<Field>>)> = None;
        let are_several = candidates.len() > 1;
        for (_, rules) in candidates {
            let size = if are_several { measure(tx, wanted.table, &rules)? } else { 0 };
            if best.as_ref().is_none_or(|(least, _)| size < *least) {
                best = Some((size, rules));
            }
        }
        let is_scattered = best.as_ref().is_some_and(|(_, rules)| match rules.as_slice() {
            [rule] => match Keys::of(rule) {
                Some(Keys::Column(_, Range::OneOf(keys))) => keys.len() > 1,
                Some(Keys::Column(_, Range::Within { .. })) => true,
                Some(Keys::Own(_)) | None => false,
            },
            _ => false,
        });
        let (walked, found) = match best {
            // Rules about no more than one column are decided by its keys, whatever they are.
            None => (only_column(wanted.condition), Vec::new()),
            Some((_, rules)) => match rules.as_slice() {
                [Rule { field: Field::Column { number, .. }, .. }] => (Some(*number), Vec::new()),
                // The row's own columns have indexes of their own.
                [_] => (None, Vec::new()),
                _ => (None, rules),
            },
        };
        Ok(Plan { wanted, walked, found, is_scattered })
    }

    /// Goes through all in their order.
    fn ordered(wanted: Wanted<'w>, field: &Field) -> Plan<'w> {
        let walked = if let Field::Column { number, .. } = field { Some(*number) } else { None };
        Plan { wanted, walked, found: Vec::new(), is_scattered: false }
    }

    /// Whether it goes along that column.
    fn walks(&self, field: &Field) -> bool {
        matches!(field, Field::Column { number, .. } if self.walked == Some(*number))
    }

    fn id(&self) -> &'static str {
        if self.walked.is_some() { "o.row_id" } else { "r.id" }
    }

    /// Whether the condition looks at what only the row itself has.
    fn reads_row(&self) -> bool {
        any_rule(self.wanted.condition, &|rule| matches!(rule.field, Field::Created | Field::Updated))
    }

    /// From where, and under which conditions.
    fn walk(&self, statement: &mut Statement, of_row: bool) {
        let table = self.wanted.table.0;
        match self.walked {
            None => statement.push(" FROM table_row AS r WHERE r.table_id = "),
            Some(_) if of_row => {
                // The engine is not to begin with the rows, as it might if it were free to.
                statement.push(" FROM table_key AS o CROSS JOIN table_row AS r WHERE r.table_id = ");
                statement.bind(table);
                statement.push(" AND r.id = o.row_id AND o.table_id = ");
            }
            Some(_) => statement.push(" FROM table_key AS o WHERE o.table_id = "),
        }
        statement.bind(table);
        if let Some(number) = self.walked {
            statement.push(" AND o.number = ");
            statement.bind(number);
        }
        if !self.found.is_empty() {
            statement.push(" AND r.id IN (");
            find(statement, self.wanted.table, &self.found);
            statement.push(")");
        }
        if !self.wanted.condition.is_empty() {
            statement.push(" AND ");
            self.condition(statement, self.wanted.condition);
        }
    }

    fn condition(&self, statement: &mut Statement, condition: &Condition<Field>) {
        let (rules, between, none) = match condition {
            Condition::Rule(rule) => return self.rule(statement, rule),
            Condition::All(rules) => (rules, " AND ", "1 = 1"),
            Condition::Any(rules) => (rules, " OR ", "1 = 0"),
        };
        statement.push("(");
        statement.push(if rules.is_empty() { none } else { "" });
        for (index, rule) in rules.iter().enumerate() {
            statement.push(if index == 0 { "" } else { between });
            self.condition(statement, rule);
        }
        statement.push(")");
    }

    fn rule(&self, statement: &mut Statement, rule: &Rule<Field>) {
        statement.push(if rule.is_negated { "NOT " } else { "" });
        match Keys::of(rule) {
            Some(Keys::Own(range)) => {
                let column = match rule.field {
                    Field::Created => "r.created_at",
                    Field::Updated => "r.updated_at",
                    Field::Id | Field::Column { .. } => self.id(),
                };
                statement.range(column, range);
            }
            Some(Keys::Column(number, range)) if self.walked == Some(number) => statement.range("o.value", range),
            Some(Keys::Column(number, range)) => {
                statement.push("EXISTS (SELECT 1 FROM table_key AS k WHERE k.table_id = ");
                statement.bind(self.wanted.table.0);
                statement.push(" AND k.number = ");
                statement.bind(number);
                statement.push(" AND k.row_id = ");
                statement.push(self.id());
                statement.push(" AND ");
                statement.range("k.value", range);
                statement.push(")");
            }
            // It was asked whether there are any.
            None => statement.push("(1 = 0)"),
        }
    }

    fn order(&self, statement: &mut Statement, order: &Order) {
        statement.push(" ORDER BY ");
        let first = match order.field {
            Field::Id => None,
            Field::Created => Some("r.created_at"),
            Field::Updated => Some("r.updated_at"),
            Field::Column { .. } if self.walks(&order.field) => Some("o.value"),
            Field::Column { number, .. } => {
                statement.push("(SELECT s.value FROM table_key AS s WHERE s.table_id = ");
                statement.bind(self.wanted.table.0);
                statement.push(" AND s.number = ");
                statement.bind(number);
                statement.push(" AND s.row_id = ");
                statement.push(self.id());
                Some(")")
            }
        };
        let direction = if order.is_descending { " DESC" } else { "" };
        if let Some(first) = first {
            statement.push(first);
            statement.push(direction);
            statement.push(", ");
        }
        statement.push(if self.is_scattered && self.walked.is_some() { "+" } else { "" });
        statement.push(self.id());
        statement.push(direction);
    }
}

/// How many rows the rules find of which one must hold, as far as it is worth knowing.
fn measure(tx: &mut dyn Tx, table: TableId, rules: &[&Rule<Field>]) -> Result<i64> {
    let mut statement = Statement::of("SELECT COUNT(*) FROM (");
    find(&mut statement, table, rules);
    statement.push(" LIMIT ");
    statement.bind(MEASURED);
    statement.push(") AS found");
    let rows = statement.query(tx)?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// The rows that these rules find, each by itself.
fn find(statement: &mut Statement, table: TableId, rules: &[&Rule<Field>]) {
    for (index, rule) in rules.iter().enumerate() {
        statement.push(if index == 0 { "" } else { " UNION ALL " });
        match Keys::of(rule) {
            Some(Keys::Column(number, range)) => {
                statement.push("SELECT k.row_id FROM table_key AS k WHERE k.table_id = ");
                statement.bind(table.0);
                statement.push(" AND k.number = ");
                statement.bind(number);
                statement.push(" AND ");
                statement.range("k.value", range);
            }
            Some(Keys::Own(range)) => {
                statement.push("SELECT s.id FROM table_row AS s WHERE s.table_id = ");
                statement.bind(table.0);
                statement.push(" AND ");
                let column = match rule.field {
                    Field::Created => "s.created_at",
                    Field::Updated => "s.updated_at",
                    Field::Id | Field::Column { .. } => "s.id",
                };
                statement.range(column, range);
            }
            // It was asked whether there are any.
            None => {}
        }
    }
}

/// The rules of which one must hold that find the fewest rows, as far as that can be told without looking.
fn narrowest(condition: &Condition<Field>) -> Option<(usize, Vec<&Rule<Field>>)> {
    match condition {
        Condition::Rule(rule) if rule.is_negated => None,
        Condition::Rule(rule) => Some((Keys::of(rule)?.rank(&rule.test), vec![rule])),
        Condition::All(rules) => rules.iter().filter_map(narrowest).min_by_key(|(rank, _)| *rank),
        Condition::Any(rules) => {
            let each = rules.iter().map(narrowest).collect::<Option<Vec<_>>>()?;
            let rank = each.iter().map(|(rank, _)| rank).sum();
            Some((rank, each.into_iter().flat_map(|(_, rules)| rules).collect()))
        }
    }
}

/// The column that all rules are about, if it is one.
fn only_column(condition: &Condition<Field>) -> Option<i64> {
    let mut column = None;
    let is_other = any_rule(condition, &|rule| !matches!(rule.field, Field::Column { .. }));
    if is_other {
        return None;
    }
    let mut rest = vec![condition];
    while let Some(condition) = rest.pop() {
        match condition {
            Condition::All(rules) | Condition::Any(rules) => rest.extend(rules),
            Condition::Rule(Rule { field: Field::Column { number, .. }, .. }) => match column {
                None => column = Some(*number),
                Some(first) if first == *number => {}
                Some(_) => return None,
            },
            Condition::Rule(_) => return None,
        }
    }
    column
}

fn any_rule(condition: &Condition<Field>, is: &dyn Fn(&Rule<Field>) -> bool) -> bool {
    match condition {
        Condition::All(rules) | Condition::Any(rules) => rules.iter().any(|rule| any_rule(rule, is)),
        Condition::Rule(rule) => is(rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::table::Kind;
    use crate::store::directory;
    use crate::store::sqlite::{Access, Connection};

    const AGE: Field = Field::Column { number: 1, kind: Kind::Integer, has_keys: true };
    const NAME: Field = Field::Column { number: 2, kind: Kind::Text, has_keys: true };

    fn rule(field: &Field, test: Test, is_negated: bool) -> Condition<Field> {
        let (place, field, as_text) = (String::new(), field.clone(), field.kind().is_text());
        Condition::Rule(Rule { place, field, test, is_negated, as_text })
    }

    /// How the engine goes about a statement, a line each step.
    fn steps(connection: &mut Connection, plan: &Plan<'_>, order: Option<&Order>) -> String {
        let mut statement = Statement::of("EXPLAIN QUERY PLAN SELECT ");
        statement.push(plan.id());
        plan.walk(&mut statement, plan.reads_row());
        if let Some(order) = order {
            plan.order(&mut statement, order);
        }
        let rows = statement.query(connection).expect("a plan");
        // A look for one row may be told apart.
        let lines: Vec<String> =
            rows.into_iter().map(|mut row| row.take_text(3).expect("a step").replace(" EXISTS", "")).collect();
        lines.join("\n")
    }

    #[test]
    fn the_engine_goes_along_indexes_alone() {
        let directory = tempfile::TempDir::new().expect("a directory");
        let path = directory.path().join("test.db");
        directory::create_private(&path).expect("a file");
        let mut connection = Connection::open(&path, Access::Write).expect("a connection");
        crate::store::migrate::upgrade(&mut connection).expect("the tables");
        let five = || Test::Equal(Scalar::Integer(5));
        let above = || Test::Greater(Scalar::Integer(5));
        let begins = || Test::Begins("a".to_owned());
        let since = Test::AtLeast(Scalar::from("2019-04-09 15:31:21"));
        let all = Condition::All;
        for (condition, expected) in [
            (rule(&AGE, above(), false), "SEARCH o USING PRIMARY KEY (table_id=? AND number=? AND value>?)"),
            (rule(&AGE, above(), true), "SEARCH o USING COVERING INDEX table_key_row (table_id=? AND number=?)"),
            (
                all(vec![rule(&AGE, above(), false), rule(&NAME, begins(), false)]),
                "SEARCH o USING PRIMARY KEY (table_id=? AND number=? AND value>? AND value<?)\n\
                 SEARCH k USING COVERING INDEX table_key_row (table_id=? AND number=? AND row_id=? AND value>?)",
            ),
            (
                Condition::Any(vec![rule(&AGE, five(), false), rule(&NAME, begins(), false)]),
                "SEARCH r USING COVERING INDEX sqlite_autoindex_table_row_1 (table_id=? AND id=?)\n\
                 SEARCH k USING PRIMARY KEY (table_id=? AND number=? AND value=?)\n\
                 SEARCH k USING PRIMARY KEY (table_id=? AND number=? AND value>? AND value<?)\n\
                 SEARCH k USING PRIMARY KEY (table_id=? AND number=? AND value=? AND row_id=?)\n\
                 SEARCH k USING COVERING INDEX table_key_row (table_id=? AND number=? AND row_id=? AND value>? AND value<?)",
            ),
            (
                rule(&Field::Id, five(), false),
                "SEARCH r USING COVERING INDEX sqlite_autoindex_table_row_1 (table_id=? AND id=?)",
            ),
            (
                rule(&Field::Updated, since, false),
                "SEARCH r USING COVERING INDEX table_row_updated (table_id=? AND updated_at>?)",
            ),
        ] {
            let wanted = Wanted { table: TableId(1), condition: &condition };
            let plan = Plan::narrowest(&mut connection, wanted).expect("a plan");
            let found = steps(&mut connection, &plan, None);
            let found: Vec<&str> =
                found.lines().filter(|step| step.starts_with("SEARCH") || step.starts_with("SCAN")).collect();
            assert_eq!(found.len(), expected.lines().count(), "{condition:?}\n{found:#?}");
            for (step, expected) in found.iter().zip(expected.lines()) {
                assert!(step.starts_with(expected.trim_end_matches(')')), "{step}\n{expected}");
            }
        }
        // Few are found by their keys and sorted, rather than met on the way through all in the order of the rows.
        let several = Test::In(vec![Scalar::Integer(5), Scalar::Integer(7)]);
        for test in [several, above()] {
            let condition = rule(&AGE, test, false);
            let wanted = Wanted { table: TableId(1), condition: &condition };
            let plan = Plan::narrowest(&mut connection, wanted).expect("a plan");
            let order = Order { field: Field::Id, is_descending: false };
            let found = steps(&mut connection, &plan, Some(&order));
            assert!(found.contains("USING PRIMARY KEY (table_id=? AND number=? AND value"), "{found}");
        }
        // Along an order that an index has, nothing is sorted.
        for field in [&AGE, &NAME, &Field::Id, &Field::Created, &Field::Updated] {
            let condition = all(vec![rule(&AGE, above(), false), rule(&NAME, begins(), true)]);
            let wanted = Wanted { table: TableId(1), condition: &condition };
            for is_descending in [false, true] {
                let order = Order { field: field.clone(), is_descending };
                let found = steps(&mut connection, &Plan::ordered(wanted, field), Some(&order));
                assert!(!found.contains("TEMP B-TREE") && !found.contains("SCAN"), "{field:?}\n{found}");
            }
        }
    }
}

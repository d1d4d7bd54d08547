//! What the noun files of tables promise, whatever the engine.

use flowgate::error::Result;
use flowgate::model::filter::{Condition, Rule, Scalar, Test};
use flowgate::model::table::{Column, Field, Kind, Order, StoredRow, Table};
use flowgate::store::table::search::{self, Page, Wanted};
use flowgate::store::table::{self, key, row};
use flowgate::store::{Tx, Value};

use super::conformance::on_every_engine;
use super::{NOW, customer};

const AGE: Field = Field::Column { number: 1, kind: Kind::Integer, has_keys: true };

/// A table of a customer with an indexed column.
fn ages(tx: &mut dyn Tx, name: &str) -> Result<Table> {
    let owner = customer(tx, name)?;
    table::insert(tx, owner, "ages", "", NOW)?.expect("a table");
    let mut ages = table::find(tx, owner, "ages")?.expect("the table");
    ages.columns.push(Column {
        number: 1,
        name: "age".to_owned(),
        kind: Kind::Integer,
        is_required: false,
        is_unique: false,
        is_indexed: true,
        default: Some(Scalar::Integer(7)),
    });
    table::put_columns(tx, &ages)?;
    Ok(ages)
}

fn put(tx: &mut dyn Tx, ages: &Table, id: i64, age: i64) -> Result<bool> {
    let row = StoredRow { id, created: NOW, updated: NOW, data: format!("{{\"1\":{age}}}") };
    row::insert(tx, ages.id, &row, &[(1, key::encode(Kind::Integer, &Scalar::Integer(age)))])
}

fn rule(test: Test, is_negated: bool) -> Condition<Field> {
    Condition::Rule(Rule { place: String::new(), field: AGE, test, is_negated, as_text: false })
}

fn count_all(tx: &mut dyn Tx, sql: &str) -> Result<i64> {
    tx.query(sql, &[] as &[Value<'_>])?[0].integer(0)
}

#[tokio::test]
async fn tables_belong_to_one_customer_each() {
    on_every_engine(|tx| {
        let (ours, theirs) = (ages(tx, "acme")?, ages(tx, "zeta")?);
        assert_eq!(table::insert(tx, ours.customer, "ages", "", NOW)?, None);
        assert_eq!(table::find(tx, ours.customer, "ages")?.expect("ours").columns, ours.columns);
        for (table, age) in [(&ours, 1), (&theirs, 2)] {
            assert!(put(tx, table, 1, age)?);
            assert!(!put(tx, table, 1, age)?, "the number is taken");
        }
        let all = Condition::All(Vec::new());
        let any = rule(Test::Greater(Scalar::Integer(0)), false);
        for condition in [&all, &any] {
            assert_eq!(search::count(tx, Wanted { table: ours.id, condition })?, 1);
        }
        assert!(!table::remove(tx, theirs.customer, "none")?);
        assert!(table::remove(tx, theirs.customer, "ages")?);
        assert_eq!(table::find(tx, theirs.customer, "ages")?, None);
        for sql in
            ["SELECT COUNT(*) FROM table_row", "SELECT COUNT(*) FROM table_key", "SELECT COUNT(*) FROM table_column"]
        {
            assert_eq!(count_all(tx, sql)?, 1, "{sql}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn pages_are_the_same_whichever_way_they_are_found() {
    on_every_engine(|tx| {
        let ages = ages(tx, "acme")?;
        for id in 1..=40 {
            put(tx, &ages, id, (id * 7) % 10)?;
        }
        let few = Condition::All(vec![rule(Test::Equal(Scalar::Integer(3)), false)]);
        let most = Condition::All(vec![
            rule(Test::Equal(Scalar::Integer(3)), true),
            rule(Test::Less(Scalar::Integer(9)), false),
        ]);
        let either = Condition::Any(vec![
            rule(Test::Equal(Scalar::Integer(3)), false),
            rule(Test::Equal(Scalar::Integer(5)), false),
        ]);
        for (condition, expected) in [(&few, 4), (&most, 32), (&either, 8)] {
            let wanted = Wanted { table: ages.id, condition };
            assert_eq!(search::count(tx, wanted)?, expected);
            for field in [AGE, Field::Id, Field::Created, Field::Updated] {
                for is_descending in [false, true] {
                    let order = Order { field: field.clone(), is_descending };
                    let page = Page { order: &order, limit: 5, offset: 1 };
                    // Many of few rows are gone through in order, few of many are sorted.
                    let walked = search::page(tx, wanted, page, 1_000, 1)?;
                    assert_eq!(walked, search::page(tx, wanted, page, 1, i64::MAX)?, "{order:?}");
                    assert_eq!(walked.len() as i64, 5.min(expected - 1));
                }
            }
        }
        Ok(())
    })
    .await;
}

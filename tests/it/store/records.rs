//! What the store promises of records in the queue, of what they are searched by, and of requests that are repeated.

use std::path::Path;

use flowgate::error::Result;
use flowgate::model::account::CustomerId;
use flowgate::model::flow::FlowId;
use flowgate::model::record::{FieldValue, Hold, Place, RecordStatus};
use flowgate::model::time::Timestamp;
use flowgate::store::record::{self, NewRecord};
use flowgate::store::repeat::{self, Remembered, RepeatKey};
use flowgate::store::{Cell, Tx, field, flow};
use tempfile::TempDir;

use super::conformance::on_every_engine;
use super::{Fresh, LATER, NOW, customer_with_flow, data, new_record, open};

fn waits_until(tx: &mut dyn Tx, uuid: &str) -> Result<Cell> {
    let rows = tx.query("SELECT waits_until FROM record WHERE uuid = $1", &[uuid.into()])?;
    Ok(rows[0].0[0].clone())
}

fn place(status: RecordStatus, hold: Hold) -> Place {
    Place { status, hold }
}

#[tokio::test]
async fn held_records_are_not_in_the_engines_index() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        for (status, hold) in RecordStatus::ALL.into_iter().flat_map(|status| Hold::ALL.map(|hold| (status, hold))) {
            let uuid = format!("{status:?} {hold:?}");
            record::insert(tx, &new_record(acme, orders, &uuid))?;
            let (from, to) = (place(RecordStatus::Waiting, Hold::None), place(status, hold));
            assert!(record::update_place(tx, acme, &uuid, from, to, LATER, record::Begin::There)?);
            assert_eq!(
                record::update_place(tx, acme, &uuid, from, to, NOW, record::Begin::There)?,
                from == to,
                "{uuid}"
            );
            record::update_place(tx, acme, &uuid, from, to, LATER, record::Begin::There)?;
            let expected = |status, due: Timestamp| match place(status, hold).is_queued() {
                true => Cell::Integer(due.0),
                false => Cell::Null,
            };
            assert_eq!(waits_until(tx, &uuid)?, expected(status, LATER), "moved to {uuid}");
            let found = record::find_standing(tx, acme, &uuid)?.expect("a record");
            assert_eq!((found.place, found.due), (to, LATER));
            for next in RecordStatus::ALL {
                if record::update(tx, acme, &uuid, "{}", next, NOW, NOW)? {
                    assert_eq!(waits_until(tx, &uuid)?, expected(next, NOW), "{uuid} updated to {next:?}");
                    assert!(record::update_status(tx, acme, &uuid, next, status, NOW)?);
                    assert_eq!(waits_until(tx, &uuid)?, expected(status, NOW), "{uuid} after {next:?}");
                }
            }
            assert_eq!(record::find(tx, acme, &uuid)?.expect("a record").hold, hold, "an update keeps the hold");
        }
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn a_record_moves_to_another_flow_unless_it_is_processed() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let (zeta, _) = customer_with_flow(tx, "zeta")?;
        let returns = flow::insert(tx, acme, "returns", "", "{}", NOW)?;
        for status in RecordStatus::ALL {
            let uuid = format!("{status:?}");
            record::insert(tx, &NewRecord { status, ..new_record(acme, orders, &uuid) })?;
            tx.execute("UPDATE record SET attempt = $1, hold = $1", &[2.into()])?;
            assert!(!record::update_flow(tx, zeta, &uuid, returns, 3, LATER)?, "another customer's");
            let moves = record::update_flow(tx, acme, &uuid, returns, 3, LATER)?;
            assert_eq!(moves, status != RecordStatus::Processing, "{status:?}");
            if moves {
                let found = record::find(tx, acme, &uuid)?.expect("a record");
                assert_eq!((found.flow, found.flow_version, found.due, found.attempt), (returns, 3, LATER, 0));
                assert_eq!(found.place(), place(RecordStatus::Waiting, Hold::None));
                assert_eq!(waits_until(tx, &uuid)?, Cell::Integer(LATER.0));
            }
        }
        assert_eq!(record::find_flow(tx, acme, "Waiting")?, Some(returns));
        assert_eq!(record::find_flow(tx, zeta, "Waiting")?, None);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn data_fields_are_replaced_with_their_record_and_go_with_it() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let (zeta, theirs) = customer_with_flow(tx, "zeta")?;
        let value = |name: &str, value: &str| FieldValue { name: name.to_owned(), value: value.to_owned() };
        let (first, second) = ([value("name", "Ann"), value("name", "Bob"), value("city", "")], [value("city", "Ö")]);
        for (customer, flow) in [(acme, orders), (zeta, theirs)] {
            record::insert(tx, &new_record(customer, flow, "r"))?;
            field::insert(tx, customer, "r", &first)?;
        }
        assert_eq!(field::list(tx, acme, "r")?, first);
        field::update(tx, acme, "r", &second)?;
        assert_eq!(field::list(tx, acme, "r")?, second);
        record::remove(tx, acme, "r")?;
        assert_eq!(field::list(tx, acme, "r")?, []);
        assert_eq!(field::list(tx, zeta, "r")?, first);
        assert_eq!(tx.query("SELECT record_id FROM record_field", &[])?.len(), first.len());
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn a_remembered_request_is_forgotten_when_it_expires() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, _) = customer_with_flow(tx, "acme")?;
        let key = |key: &str| RepeatKey { customer: acme, actor: "application:shop".to_owned(), key: key.to_owned() };
        let remembered = |outcome: &str| Remembered { request_hash: b"hash".to_vec(), outcome: outcome.to_owned() };
        for name in ["a", "b", "c"] {
            repeat::insert(tx, &key(name), &remembered(name), LATER)?;
        }
        assert_eq!(repeat::find(tx, &key("a"), NOW)?, Some(remembered("a")));
        assert_eq!(repeat::find(tx, &key("A"), NOW)?, None);
        assert_eq!(repeat::find(tx, &RepeatKey { actor: "webhook".to_owned(), ..key("a") }, NOW)?, None);
        assert_eq!(repeat::find(tx, &key("a"), LATER)?, None, "expired");
        repeat::insert(tx, &key("a"), &remembered("again"), Timestamp(LATER.0 + 1))?;
        assert_eq!(repeat::find(tx, &key("a"), LATER)?, Some(remembered("again")));
        assert_eq!(repeat::remove_expired(tx, NOW, 9)?, 0);
        assert_eq!(repeat::remove_expired(tx, LATER, 1)?, 1);
        assert_eq!(repeat::remove_expired(tx, LATER, 9)?, 1);
        assert_eq!(repeat::remove_expired(tx, LATER, 9)?, 0);
        Ok(())
    }
    on_every_engine(case).await;
}

/// A data directory as the first version of the tables left it, with what the statements add.
fn version_1(directory: &Path, statements: &str) {
    let fresh = Fresh::new();
    let original = rusqlite::Connection::open(fresh.data().join("flowgate.db")).expect("a database");
    let mark: i64 = original.pragma_query_value(None, "application_id", |row| row.get(0)).expect("a mark");
    std::fs::create_dir(directory).expect("a directory");
    let older = rusqlite::Connection::open(directory.join("flowgate.db")).expect("a database");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations/0001_base.sqlite.sql");
    older.execute_batch(&std::fs::read_to_string(base).expect("the first version")).expect("its tables");
    older.execute_batch(statements).expect("its rows");
    older.pragma_update(None, "application_id", mark).expect("its mark");
    older.pragma_update(None, "user_version", 1).expect("its version");
}

#[tokio::test]
async fn an_older_database_keeps_every_record() {
    let directory = TempDir::new().expect("a directory");
    let data = data(&directory);
    version_1(
        &data,
        "INSERT INTO customer VALUES (7, 'acme', x'01', 1, 1);
         INSERT INTO flow VALUES (7, 1, 'orders', '', 'public', 1, 1, 1, NULL);
         INSERT INTO flow_version VALUES (7, 1, 1, 1, '{}');
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 99)
         INSERT INTO record SELECT 1000 + n, 7, 'r-' || n, 1, 1, n % 7, n, CASE WHEN n % 7 IN (0, 4) THEN n END, 2,
            NULL, NULL, 100 + n, 200 + n, n, NULL, 3, x'AB', '{\"n\": ' || n || '}' FROM n;",
    );
    let store = open(&data).expect("a migrated store");
    store
        .write(|tx| {
            for n in 0..100_i64 {
                let uuid = format!("r-{n}");
                let found = record::find(tx, CustomerId(7), &uuid)?.expect("a record");
                assert_eq!((found.id, found.flow, found.status.number()), (1_000 + n, FlowId(1), n % 7));
                assert_eq!((found.hold, found.num_runs, found.attempt), (Hold::None, 3, 2));
                assert_eq!((found.due.0, found.created.0, found.modified.0), (n, 100 + n, 200 + n));
                assert_eq!((found.started, found.last_run), (Some(Timestamp(n)), None));
                assert_eq!((found.data, found.request_hash), (format!("{{\"n\": {n}}}"), vec![0xAB]));
                let waits = if found.status.number() % 4 == 0 { Cell::Integer(n) } else { Cell::Null };
                assert_eq!(waits_until(tx, &uuid)?, waits);
            }
            record::insert(tx, &new_record(CustomerId(7), FlowId(1), "new"))?;
            tx.execute("DELETE FROM flow", &[])?;
            assert_eq!(tx.query("SELECT id FROM record", &[])?.len(), 0, "records still go with their flow");
            Ok(())
        })
        .await
        .expect("every record");
}

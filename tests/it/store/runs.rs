//! What the store promises the engine: which records it takes up and in which order, that who lost a lease changes nothing,
//! and what is kept of runs and for how long.

use flowgate::error::Result;
use flowgate::model::account::CustomerId;
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::record::RecordStatus::{self, Failed, Finished, Processing, Scheduled, Waiting};
use flowgate::model::record::{Hold, Place as Held};
use flowgate::model::run::{Claim, Lane};
use flowgate::model::time::Timestamp;
use flowgate::store::record::{self, NewRecord};
use flowgate::store::run::{self, Lease, Place};
use flowgate::store::{Cell, Tx, flow};

use super::conformance::on_every_engine;
use super::{LATER, NOW, customer, customer_with_flow, new_record};

/// When leases of these tests end.
const END: Timestamp = Timestamp(NOW.0 + 30_000);

/// A flow that runs.
fn running(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<FlowId> {
    let id = flow::insert(tx, customer, name, "", "{}", NOW)?;
    flow::publish(tx, customer, id, FlowStatus::Running, NOW)?;
    Ok(id)
}

fn insert(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId, uuid: &str, due: i64) -> Result<()> {
    let due = Timestamp(NOW.0 + due);
    let status = if due > NOW { Scheduled } else { Waiting };
    assert!(record::insert(tx, &NewRecord { status, due, ..new_record(customer, flow, uuid) })?, "{uuid}");
    Ok(())
}

fn take(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId, most: i64, token: &str) -> Result<Vec<Claim>> {
    run::claim(tx, customer, flow, most, Lease { token, until: END }, NOW)
}

fn uuids(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.uuid.as_str()).collect()
}

/// The columns of a record that leases guard.
fn guarded(tx: &mut dyn Tx, uuid: &str) -> Result<Vec<Cell>> {
    let rows = tx.query(
        "SELECT status, step, input_step, attempt, due_at, waits_until, lease, lease_until, flow, flow_version, data, \
         modified_at, moves, num_runs FROM record WHERE uuid = $1",
        &[uuid.into()],
    )?;
    Ok(rows[0].0.clone())
}

fn place(status: RecordStatus, step: Option<&str>, attempt: i64, due: Option<Timestamp>) -> Place<'_> {
    Place { status, step, input_step: Some("before"), attempt, due }
}

#[tokio::test]
async fn lanes_are_the_flows_that_run_with_the_first_record_that_waits() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        assert_eq!(run::lanes(tx)?, []);
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        let flows = [running(tx, acme, "a")?, running(tx, acme, "b")?, running(tx, acme, "c")?];
        let theirs = running(tx, zeta, "a")?;
        for (flow, uuid, due) in [(0, "a-2", 5), (0, "a-1", -5), (0, "a-3", -5), (1, "b-1", 7), (2, "c-1", 0)] {
            insert(tx, acme, flows[flow], uuid, due)?;
        }
        insert(tx, zeta, theirs, "z-1", 3)?;
        let lane = |customer, flow, due: i64| Lane { customer, flow, due: Timestamp(NOW.0 + due) };
        let all = [lane(acme, flows[0], -5), lane(acme, flows[1], 7), lane(acme, flows[2], 0), lane(zeta, theirs, 3)];
        assert_eq!(run::lanes(tx)?, all);
        for status in [FlowStatus::Paused, FlowStatus::Inactive, FlowStatus::Draft] {
            tx.execute("UPDATE flow SET status = $1 WHERE name = 'b'", &[status.name().into()])?;
            assert_eq!(run::lanes(tx)?, [all[0], all[2], all[3]], "{status:?}");
        }
        tx.execute("UPDATE flow SET status = $1 WHERE name = 'b'", &[FlowStatus::Public.name().into()])?;
        let held = Held { status: Waiting, hold: Hold::Paused };
        let waits = Held { status: Waiting, hold: Hold::None };
        assert!(record::update_place(tx, acme, "a-1", waits, held, NOW, record::Begin::There)?);
        assert_eq!(uuids(&take(tx, acme, flows[0], 1, "l")?), ["a-3"]);
        assert_eq!(run::lanes(tx)?, [lane(acme, flows[0], 5), all[1], all[2], all[3]]);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn claims_take_what_is_due_the_longest_due_first_and_no_record_twice() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let (orders, others) = (running(tx, acme, "orders")?, running(tx, acme, "others")?);
        for (uuid, due) in [("late", 1), ("third", 0), ("first", -20), ("second", -10)] {
            insert(tx, acme, orders, uuid, due)?;
        }
        insert(tx, acme, others, "other", -30)?;
        let mut two = take(tx, acme, orders, 2, "one")?;
        two.sort_by_key(|claim| claim.uuid.clone());
        assert_eq!(uuids(&two), ["first", "second"]);
        let first = two[0].clone();
        let expected = Claim {
            record: first.record,
            customer: acme,
            uuid: "first".into(),
            flow: orders,
            flow_version: 1,
            step: String::new(),
            input_step: None,
            run: 1,
            attempt: 0,
            parent: None,
            depth: 0,
            moves: 0,
            created: NOW,
            data: Some(r#"{"a": 1}"#.into()),
            lease: "one".into(),
        };
        assert_eq!(first, expected);
        let stored = record::find(tx, acme, "first")?.expect("a record");
        assert_eq!(
            (stored.status, stored.started, stored.last_run, stored.num_runs),
            (Processing, Some(NOW), Some(NOW), 1)
        );
        assert_eq!(uuids(&take(tx, acme, orders, 9, "two")?), ["third"]);
        assert_eq!(take(tx, acme, orders, 9, "three")?, []);
        // Taken up again in the midst of a run it is the same run, and where it was left.
        assert!(run::leave(tx, first.record, "one", place(Waiting, Some("here"), 3, Some(NOW)))?);
        let again = take(tx, acme, orders, 9, "four")?;
        let left = Claim {
            step: "here".into(),
            input_step: Some("before".into()),
            attempt: 3,
            lease: "four".into(),
            ..expected
        };
        assert_eq!(again, [left]);
        let long = format!("{:?}", "x".repeat(usize::try_from(run::INLINE).expect("a size")));
        insert(tx, acme, others, "long", -40)?;
        assert!(record::update(tx, acme, "long", &long, Waiting, NOW, NOW)?);
        let others = take(tx, acme, others, 9, "five")?;
        let data: Vec<_> = others.iter().map(|claim| (claim.uuid.as_str(), claim.data.is_some())).collect();
        assert_eq!(data, [("other", true), ("long", false)]);
        assert_eq!(run::data(tx, others[1].record)?.as_ref(), Some(&long));
        assert_eq!(usize::try_from(run::data_size(tx, others[1].record)?), Ok(long.len()));
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn in_order_the_record_under_way_comes_before_all_others() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let orders = running(tx, acme, "orders")?;
        for (uuid, due) in [("b", -10), ("a", -20), ("c", -5)] {
            insert(tx, acme, orders, uuid, due)?;
        }
        let next = |tx: &mut dyn Tx, now: Timestamp| {
            run::claim_in_order(tx, acme, orders, Lease { token: "l", until: END }, now)
        };
        let a = next(tx, NOW)?.expect("the longest due");
        assert_eq!(a.uuid, "a");
        // It waits for a further attempt, and those behind it wait for it.
        assert!(run::leave(tx, a.record, "l", place(Scheduled, Some("step"), 1, Some(LATER)))?);
        assert_eq!(next(tx, NOW)?, None);
        assert_eq!(next(tx, LATER)?.expect("its time has come").uuid, "a");
        // It waits for another record's end.
        assert!(run::leave(tx, a.record, "l", place(Processing, Some("step"), 0, None))?);
        assert_eq!(next(tx, LATER)?, None);
        assert!(run::wake(tx, a.record, LATER)?);
        assert!(!run::wake(tx, a.record + 1, LATER)?, "it waits for nobody");
        assert_eq!(next(tx, LATER)?.expect("it was woken").uuid, "a");
        // One that has failed, or is held, holds up nobody.
        assert!(run::leave(tx, a.record, "l", place(Failed, Some("step"), 0, None))?);
        let b = next(tx, LATER)?.expect("the next one");
        assert_eq!(b.uuid, "b");
        assert!(run::leave(tx, b.record, "l", place(Waiting, Some("step"), 0, Some(LATER)))?);
        let (waits, held) = (Held { status: Waiting, hold: Hold::None }, Held { status: Waiting, hold: Hold::Paused });
        assert!(record::update_place(tx, acme, "b", waits, held, LATER, record::Begin::There)?);
        assert_eq!(next(tx, LATER)?.expect("the one after it").uuid, "c");
        assert_eq!(next(tx, LATER)?, None);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn whoever_lost_a_lease_changes_nothing() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let (orders, others) = (running(tx, acme, "orders")?, running(tx, acme, "others")?);
        insert(tx, acme, orders, "r", 0)?;
        let record = take(tx, acme, orders, 1, "mine")?[0].record;
        let before = guarded(tx, "r")?;
        for lost in ["yours", "", "MINE"] {
            assert!(!run::leave(tx, record, lost, place(Finished, None, 0, None))?);
            assert!(!run::advance(tx, record, lost, "next", Some("here"), 1, LATER)?);
            assert!(!run::extend(tx, record, lost, LATER)?);
            assert!(!run::transfer(tx, record, lost, others, 1, LATER)?);
            assert!(!run::update_data(tx, record, lost, "{}", LATER)?);
            assert_eq!(guarded(tx, "r")?, before, "{lost:?}");
        }
        assert!(run::extend(tx, record, "mine", LATER)?);
        assert!(run::advance(tx, record, "mine", "next", Some("here"), 2, LATER)?);
        assert!(run::update_data(tx, record, "mine", "{}", LATER)?);
        let stored = record::find(tx, acme, "r")?.expect("a record");
        assert_eq!((stored.status, stored.attempt, stored.data.as_str()), (Processing, 2, "{}"));
        assert!(run::leave(tx, record, "mine", place(Finished, None, 0, None))?);
        let after = guarded(tx, "r")?;
        assert_eq!(after[6..8], [Cell::Null, Cell::Null], "the lease has ended");
        assert!(!run::leave(tx, record, "mine", place(Failed, Some("x"), 0, None))?, "it was left");
        assert!(!run::extend(tx, record, "mine", LATER)?);
        assert_eq!(guarded(tx, "r")?, after);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn a_record_is_left_where_it_was_brought() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let (orders, others) = (running(tx, acme, "orders")?, running(tx, acme, "others")?);
        for (uuid, status, step, due) in [
            ("finished", Finished, None, None),
            ("failed", Failed, Some("bad"), None),
            ("later", Scheduled, Some("wait"), Some(LATER)),
            ("awaits", Processing, Some("call"), None),
        ] {
            insert(tx, acme, orders, uuid, 0)?;
            let record = take(tx, acme, orders, 1, uuid)?[0].record;
            assert!(run::leave(tx, record, uuid, place(status, step, 1, due))?);
            let found = record::find(tx, acme, uuid)?.expect("a record");
            assert_eq!((found.status, found.due, found.attempt), (status, due.unwrap_or(NOW), 1), "{uuid}");
            let [_, step_now, _, _, _, waits_until, ..] = &guarded(tx, uuid)?[..] else { panic!("columns") };
            assert_eq!(*step_now, step.map_or(Cell::Null, |step| Cell::Text(step.into())), "{uuid}");
            assert_eq!(*waits_until, due.map_or(Cell::Null, |due| Cell::Integer(due.0)), "{uuid}");
        }
        insert(tx, acme, orders, "moved", 0)?;
        let moved = take(tx, acme, orders, 1, "l")?[0].record;
        assert!(run::transfer(tx, moved, "l", others, 4, LATER)?);
        let claims = run::claim(tx, acme, others, 9, Lease { token: "m", until: END }, LATER)?;
        assert_eq!(uuids(&claims), ["moved"]);
        assert_eq!((claims[0].run, claims[0].step.as_str(), claims[0].moves, claims[0].flow_version), (2, "", 1, 4));
        assert!(!run::resume(tx, acme, "finished", LATER)?);
        assert!(run::resume(tx, acme, "failed", LATER)?);
        let resumed = run::claim(tx, acme, orders, 9, Lease { token: "n", until: END }, LATER)?;
        let resumed: Vec<_> =
            resumed.iter().map(|claim| (claim.uuid.as_str(), claim.step.as_str(), claim.attempt)).collect();
        assert_eq!(resumed, [("failed", "bad", 0), ("later", "wait", 1)]);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn records_whose_lease_has_ended_are_orphans() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let orders = running(tx, acme, "orders")?;
        for (uuid, end) in [("b", 2), ("a", 1), ("c", 3)] {
            insert(tx, acme, orders, uuid, 0)?;
            let lease = Lease { token: uuid, until: Timestamp(END.0 + end) };
            let record = run::claim(tx, acme, orders, 1, lease, NOW)?[0].record;
            assert!(run::update_parent(tx, record, Some(7), 1)?);
        }
        insert(tx, acme, orders, "waits", 0)?;
        let orphans = |tx: &mut dyn Tx, end: i64, most| -> Result<Vec<String>> {
            let orphans = run::orphans(tx, Timestamp(END.0 + end), most)?;
            Ok(orphans.into_iter().map(|orphan| orphan.uuid).collect())
        };
        assert_eq!(orphans(tx, 0, 9)?, [""; 0]);
        assert_eq!(orphans(tx, 2, 9)?, ["a", "b"]);
        assert_eq!(orphans(tx, 9, 2)?, ["a", "b"]);
        let a = run::orphans(tx, Timestamp(END.0 + 1), 1)?.remove(0);
        assert_eq!((a.lease.as_str(), a.customer, a.flow, a.run), ("a", acme, orders, 1));
        assert_eq!((a.step.as_str(), a.input_step, a.attempt, a.parent), ("", None, 0, Some(7)));
        assert!(run::extend(tx, a.record, "a", LATER)?);
        assert_eq!(orphans(tx, 9, 9)?, ["b", "c"]);
        assert!(run::leave(tx, a.record, "a", place(Finished, None, 0, None))?);
        assert_eq!(orphans(tx, i64::MAX - END.0, 9)?, ["b", "c"]);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn history_is_kept_in_order_and_pruned_when_its_record_needs_it_no_more() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let mut records = Vec::new();
        for (uuid, step) in [("over", None), ("failed", Some("bad"))] {
            insert(tx, acme, orders, uuid, 0)?;
            let record = take(tx, acme, orders, 1, uuid)?[0].record;
            let status = if step.is_some() { Failed } else { Finished };
            assert!(run::leave(tx, record, uuid, place(status, step, 0, None))?);
            records.push(record);
        }
        let at = |offset: i64| Timestamp(NOW.0 + offset);
        for (number, (run, offset)) in [(1, 0), (1, 1), (2, 2), (2, 9)].into_iter().enumerate() {
            for record in &records {
                let (attempts, outputs) = (format!("[{number}]"), format!("{{\"n\":{number}}}"));
                run::insert_log(tx, *record, run, at(offset), &attempts, &outputs)?;
            }
        }
        let told = |tx: &mut dyn Tx, record| -> Result<Vec<(i64, i64, String)>> {
            let history = run::history(tx, record)?;
            Ok(history.into_iter().map(|entry| (entry.run, entry.at.0 - NOW.0, entry.attempts)).collect())
        };
        let all = [(1, 0, "[0]".to_owned()), (1, 1, "[1]".into()), (2, 2, "[2]".into()), (2, 9, "[3]".into())];
        assert_eq!(told(tx, records[0])?, all);
        assert_eq!(run::log(tx, records[0], 2)?.len(), 2);
        assert_eq!(run::outputs(tx, records[1], 1)?, [r#"{"n":0}"#, r#"{"n":1}"#]);
        assert!(!run::has_log_before(tx, at(0), 0)? && run::has_log_before(tx, at(1), 0)?);
        // Three rows at a time, of which the middle one belongs to the record that has failed.
        let last = run::prune_log(tx, at(9), 0, 3)?;
        assert_eq!((told(tx, records[0])?, told(tx, records[1])?), (all[2..].to_vec(), all.to_vec()));
        let last = run::prune_log(tx, at(9), last, 3)?;
        assert_eq!((told(tx, records[0])?, told(tx, records[1])?), (all[3..].to_vec(), all.to_vec()));
        assert!(!run::has_log_before(tx, at(9), last)?);
        assert_eq!(run::prune_log(tx, at(9), last, 3)?, last);
        assert_eq!(told(tx, records[0])?, all[3..]);
        assert!(record::remove(tx, acme, "failed")?);
        assert_eq!(told(tx, records[1])?, []);
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn a_schedule_is_moved_on_by_one_alone() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        let (orders, theirs) = (running(tx, acme, "orders")?, running(tx, zeta, "orders")?);
        assert_eq!(run::due_schedules(tx, LATER)?, (vec![], None));
        run::update_schedule(tx, acme, orders, Some(LATER))?;
        run::update_schedule(tx, zeta, theirs, Some(NOW))?;
        let lane = |customer, flow, due| Lane { customer, flow, due };
        assert_eq!(run::due_schedules(tx, NOW)?, (vec![lane(zeta, theirs, NOW)], Some(LATER)));
        assert_eq!(run::due_schedules(tx, LATER)?, (vec![lane(zeta, theirs, NOW), lane(acme, orders, LATER)], None));
        assert!(run::move_schedule(tx, zeta, theirs, NOW, Some(LATER))?);
        assert!(!run::move_schedule(tx, zeta, theirs, NOW, Some(LATER))?, "somebody else has moved it on");
        assert!(!run::move_schedule(tx, acme, orders, NOW, None)?);
        run::update_schedule(tx, acme, orders, Some(NOW))?;
        assert_eq!(run::due_schedules(tx, NOW)?, (vec![lane(acme, orders, NOW)], Some(LATER)));
        assert!(run::move_schedule(tx, acme, orders, NOW, None)?);
        run::update_schedule(tx, zeta, theirs, None)?;
        assert_eq!(run::due_schedules(tx, LATER)?, (vec![], None));
        Ok(())
    }
    on_every_engine(case).await;
}

#[tokio::test]
async fn a_run_has_an_unfinished_child_until_that_has_ended() {
    fn case(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        for status in RecordStatus::ALL {
            let uuid = format!("{status:?}");
            record::insert(tx, &NewRecord { status, ..new_record(acme, orders, &uuid) })?;
            let child = record::find(tx, acme, &uuid)?.expect("a record").id;
            let parent = 1_000 + child;
            assert!(run::update_parent(tx, child, Some(parent), 1)?);
            let unfinished = matches!(status, Waiting | Processing | Scheduled);
            assert_eq!(run::has_unfinished_child(tx, acme, parent)?, unfinished, "{status:?}");
        }
        assert!(!run::has_unfinished_child(tx, acme, 1)?);
        assert!(!run::update_parent(tx, 9_999, None, 0)?);
        Ok(())
    }
    on_every_engine(case).await;
}

//! The writer: who shares a commit, who is answered when, and what one job can do to its neighbours.

use std::sync::mpsc;

use flowgate::error::{Code, Error, Result};
use flowgate::model::account::CustomerId;
use flowgate::store::{Options, Store, Value, account, record};
use tokio::task::JoinHandle;

use super::{Fresh, NOW, customer, insert_record, new_record, open, record_exists, snapshot, store_with_flow, until};

/// Keeps the writer busy with one job until the answer is dropped; everything sent meanwhile waits together.
async fn occupy(store: &Store) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (started, begun) = tokio::sync::oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        let blocker = store.write(move |_| {
            let _ = started.send(());
            let _ = released.recv();
            Ok(())
        });
        blocker.await.expect("the job that waits");
    });
    begun.await.expect("the writer to begin");
    release
}

/// Lets the tasks run until that many writes wait, the occupying one included.
async fn until_waiting(store: &Store, count: u64) {
    until(|| store.counters().waiting >= count).await;
}

fn name_of(store: &Store, customer: CustomerId) -> Option<String> {
    let customers = store.peek(|tx| account::list_customers(tx)).expect("a read");
    customers.into_iter().find(|found| found.id == customer).map(|found| found.name)
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let fresh = Fresh::new();
    let release = occupy(&fresh.store).await;
    let before = fresh.store.counters();
    let writes: Vec<JoinHandle<Result<CustomerId>>> = (0..300)
        .map(|number| {
            let store = fresh.store.clone();
            tokio::spawn(async move { store.write(move |tx| customer(tx, &format!("c{number}"))).await })
        })
        .collect();
    until_waiting(&fresh.store, 301).await;
    drop(release);
    for write in writes {
        write.await.expect("a task").expect("a customer");
    }
    let after = fresh.store.counters();
    assert_eq!(after.writes - before.writes, 301);
    assert_eq!(after.commits - before.commits, 2);
    assert_eq!((after.failures, after.waiting), (0, 0));
}

#[tokio::test]
async fn an_answer_means_that_the_commit_is_on_disk() {
    let (fresh, customer, flow) = store_with_flow(&Options::default()).await;
    for number in 0..5 {
        let uuid = format!("r-{number}");
        assert!(insert_record(&fresh.store, customer, flow, uuid.clone()).await.expect("a record"));
        let copy = snapshot(&fresh.data());
        let reopened = open(copy.path()).expect("the copy");
        assert!(record_exists(&reopened, customer, &uuid));
    }
}

#[tokio::test]
async fn a_job_that_fails_or_panics_does_not_harm_its_neighbours() {
    let fresh = Fresh::new();
    let release = occupy(&fresh.store).await;
    let store = fresh.store.clone();
    let jobs = async {
        tokio::join!(
            store.write(|tx| customer(tx, "first")),
            store.write(|tx| {
                customer(tx, "refused")?;
                Err::<(), _>(Error::invalid("Name is refused"))
            }),
            store.write(|tx| {
                customer(tx, "panicked")?;
                if tx.query("SELECT 1", &[])?.len() == 1 {
                    panic!("a defect");
                }
                Ok(())
            }),
            store.write(|tx| tx.execute("not SQL", &[])),
            store.write(|tx| customer(tx, "last")),
        )
    };
    let jobs = async {
        let ((first, refused, panicked, senseless, last), ()) = tokio::join!(jobs, async {
            until_waiting(&store, 6).await;
            drop(release);
        });
        assert_eq!(name_of(&store, first.expect("the first")).as_deref(), Some("first"));
        assert_eq!(refused.expect_err("refused").message(), "Name is refused");
        assert_eq!(panicked.expect_err("panicked").code(), Code::Internal);
        assert_eq!(senseless.expect_err("senseless").code(), Code::Internal);
        assert_eq!(name_of(&store, last.expect("the last")).as_deref(), Some("last"));
    };
    jobs.await;
    let names: Vec<_> =
        store.peek(|tx| account::list_customers(tx)).expect("a read").into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["first", "last"]);
    assert_eq!(store.counters().failures, 3);
}

#[tokio::test]
async fn when_the_commit_fails_nobody_is_told_otherwise() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    let release = occupy(&fresh.store).await;
    let store = &fresh.store;
    let ((), innocent, guilty, refused) = tokio::join!(
        async {
            until_waiting(store, 4).await;
            drop(release);
        },
        insert_record(store, acme, flow, "innocent".into()),
        // A reference that is checked at the commit makes the commit fail.
        store.administer(|tx| {
            tx.query("PRAGMA defer_foreign_keys = ON", &[])?;
            tx.execute("UPDATE flow SET customer_id = $1", &[Value::Integer(-1)])
        }),
        store.write(|_| Err::<(), _>(Error::invalid("Name is refused"))),
    );
    assert_eq!(innocent.expect_err("lost").code(), Code::Internal);
    assert_eq!(guilty.expect_err("lost").code(), Code::Internal);
    assert_eq!(refused.expect_err("its own error").code(), Code::InvalidInput);
    assert!(!record_exists(store, acme, "innocent"));
    assert_eq!(store.generation(), 0);
    assert!(insert_record(store, acme, flow, "next".into()).await.expect("the writer lives on"));
}

#[tokio::test]
async fn a_write_is_carried_out_even_if_its_caller_is_gone() {
    let (fresh, customer, flow) = store_with_flow(&Options::default()).await;
    tokio::select! {
        biased;
        _ = insert_record(&fresh.store, customer, flow, "abandoned".into()) => {}
        () = std::future::ready(()) => {}
    }
    insert_record(&fresh.store, customer, flow, "next".into()).await.expect("the next");
    assert!(record_exists(&fresh.store, customer, "abandoned"));
}

#[tokio::test]
async fn what_waits_when_the_store_is_closed_is_still_written() {
    let (fresh, customer, flow) = store_with_flow(&Options::default()).await;
    let release = occupy(&fresh.store).await;
    let writes: Vec<_> = (0..20)
        .map(|number| {
            let store = fresh.store.clone();
            tokio::spawn(async move { insert_record(&store, customer, flow, format!("r-{number}")).await })
        })
        .collect();
    until_waiting(&fresh.store, 21).await;
    drop(release);
    let (data, other) = (fresh.data(), fresh.store.clone());
    fresh.store.close();
    for write in writes {
        assert!(write.await.expect("a task").expect("a record"));
    }
    assert_eq!(insert_record(&other, customer, flow, "late".into()).await.expect_err("late").code(), Code::Unavailable);
    assert_eq!(other.peek(|_| Ok(())).expect_err("late").code(), Code::Unavailable);
    assert_eq!(other.read(|_| Ok(())).await.expect_err("late").code(), Code::Unavailable);
    let log = std::fs::metadata(data.join("flowgate.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the log was not folded into the database");
    let reopened = open(&data).expect("the same directory");
    assert!((0..20).all(|number| record_exists(&reopened, customer, &format!("r-{number}"))));
}

#[tokio::test]
async fn the_last_clone_may_go_inside_the_writer() {
    let fresh = Fresh::new();
    let (data, inner) = (fresh.data(), fresh.store.clone());
    let (release, released) = mpsc::channel::<()>();
    let abandoned = fresh.store.write(move |tx| {
        let _ = released.recv();
        customer(tx, "acme")?;
        drop(inner);
        Ok(())
    });
    tokio::select! {
        biased;
        _ = abandoned => {}
        () = std::future::ready(()) => {}
    }
    drop(fresh.store);
    drop(release);
    // The directory is free once the writer has committed and ended on its own.
    let mut reopened = None;
    until(|| {
        reopened = open(&data).ok();
        reopened.is_some()
    })
    .await;
    let reopened = reopened.expect("the store");
    assert!(reopened.peek(|tx| account::find_customer(tx, "acme")).expect("a read").is_some());
}

/// A value that the writer cannot even throw away: nothing else makes its thread panic.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a defect");
    }
}

/// Ends the writer's thread by a panic.
pub(crate) async fn lose_writer(store: &Store) {
    let (release, released) = mpsc::channel::<()>();
    let abandoned = store.write(move |_| {
        let _ = released.recv();
        Ok(Bomb)
    });
    // The caller stops waiting, so that the value is the writer's to drop.
    tokio::select! {
        biased;
        _ = abandoned => {}
        () = std::future::ready(()) => {}
    }
    drop(release);
}

#[tokio::test]
async fn a_writer_that_ends_unasked_is_noticed_and_nothing_is_acknowledged_any_more() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    insert_record(&fresh.store, acme, flow, "r-1".into()).await.expect("a record");
    tokio::select! {
        biased;
        () = fresh.store.writer_lost() => panic!("it is there"),
        () = std::future::ready(()) => {}
    }
    lose_writer(&fresh.store).await;
    fresh.store.writer_lost().await;
    let refused = insert_record(&fresh.store, acme, flow, "r-2".into()).await.expect_err("no writer");
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(fresh.store.prove_writable().await.expect_err("no writer").code(), Code::Unavailable);
    assert!(record_exists(&fresh.store, acme, "r-1"));
    let data = fresh.data();
    fresh.store.close();
    let store = open(&data).expect("the next process");
    assert!(record_exists(&store, acme, "r-1") && !record_exists(&store, acme, "r-2"));
}

#[tokio::test]
async fn a_writer_that_is_asked_to_end_is_not_missed() {
    let fresh = Fresh::new();
    let store = fresh.store.clone();
    fresh.store.close();
    let waited = tokio::time::timeout(std::time::Duration::from_millis(50), store.writer_lost()).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn files_that_were_removed_or_replaced_are_not_written_to() {
    for name in ["flowgate.db", "flowgate.db-wal"] {
        for is_replaced in [true, false] {
            let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
            insert_record(&fresh.store, acme, flow, "before".into()).await.expect("a record");
            let path = fresh.data().join(name);
            std::fs::rename(&path, path.with_extension("old")).expect("another name");
            if is_replaced {
                std::fs::copy(path.with_extension("old"), &path).expect("a copy");
            }
            let refused = insert_record(&fresh.store, acme, flow, "after".into()).await.expect_err(name);
            assert_eq!(refused.code(), Code::Unavailable, "{name}");
            fresh.store.writer_lost().await;
        }
    }
}

#[tokio::test]
async fn reads_see_one_moment_and_do_not_write() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    let (store, writer) = (fresh.store.clone(), fresh.store.clone());
    let (begun, wait) = tokio::sync::oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let read = tokio::spawn(async move {
        let read = store.read(move |tx| {
            let before = record::find(tx, acme, "r-1")?;
            let _ = begun.send(());
            let _ = released.recv();
            Ok((before, record::find(tx, acme, "r-1")?))
        });
        read.await
    });
    wait.await.expect("the read to begin");
    insert_record(&writer, acme, flow, "r-1".into()).await.expect("a record beside the read");
    assert!(record_exists(&writer, acme, "r-1"));
    drop(release);
    assert_eq!(read.await.expect("a task").expect("a read"), (None, None));
    let refused = writer.peek(|tx| record::insert(tx, &new_record(acme, flow, "r-2"))).expect_err("a write");
    assert_eq!(refused.code(), Code::Unavailable);
    let panicked = writer.read(|_| -> Result<()> { panic!("a defect") }).await.expect_err("a panic");
    assert_eq!(panicked.code(), Code::Internal);
    assert_eq!(writer.read(move |tx| record::find(tx, acme, "r-2")).await.expect("a read"), None);
}

#[tokio::test]
async fn many_inserts_of_one_uuid_make_one_record() {
    let (fresh, customer, flow) = store_with_flow(&Options::default()).await;
    let writes: Vec<_> = (0..50)
        .map(|_| {
            let store = fresh.store.clone();
            tokio::spawn(async move { insert_record(&store, customer, flow, "same".into()).await })
        })
        .collect();
    let mut inserted = 0;
    for write in writes {
        inserted += usize::from(write.await.expect("a task").expect("an answer"));
    }
    assert_eq!(inserted, 1);
}

#[tokio::test]
async fn the_generation_follows_administration_only() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    let store = &fresh.store;
    let start = store.generation();
    insert_record(store, acme, flow, "r-1".into()).await.expect("a record");
    store.prove_writable().await.expect("a writable store");
    store.read(move |tx| record::find(tx, acme, "r-1")).await.expect("a read");
    assert_eq!(store.generation(), start);
    store.administer(|_| Err::<(), _>(Error::invalid("Name is refused"))).await.expect_err("refused");
    assert_eq!(store.generation(), start);
    store.administer(|tx| account::update_api_key(tx, CustomerId(1), b"new", NOW)).await.expect("a new key");
    assert!(store.generation() > start);
}

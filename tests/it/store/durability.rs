//! What survives: kill -9, a full disk, readers that never pause; and copies taken while all of it goes on.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use flowgate::error::{Code, Result};
use flowgate::model::account::CustomerId;
use flowgate::model::flow::FlowId;
use flowgate::store::record::{self, NewRecord};
use flowgate::store::{self, Cell, Options, Store, account};
use tempfile::TempDir;

use super::process::Process;
use super::store_with_flow;
use super::{Fresh, contents, customer, customer_with_flow, insert_record, new_record, open, record_exists};

#[tokio::test]
async fn every_commit_is_fsynced() {
    let fresh = Fresh::new();
    for (setting, value) in [("synchronous", 2), ("foreign_keys", 1), ("wal_autocheckpoint", 0)] {
        let rows = fresh.store.write(move |tx| tx.query(&format!("PRAGMA {setting}"), &[])).await.expect(setting);
        assert_eq!(rows[0].0, [Cell::Integer(value)], "{setting}");
    }
    let mode = fresh.store.write(|tx| tx.query("PRAGMA journal_mode", &[])).await.expect("the mode");
    assert_eq!(mode[0].text(0).expect("text"), "wal");
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_9() {
    let (fresh, acme, _) = store_with_flow(&Options::default()).await;
    let data = fresh.data();
    fresh.store.close();
    let mut acknowledged = Vec::new();
    for round in 1..=3 {
        let mut process = Process::start("", "write until killed", &data);
        while acknowledged.len() < round * 200 {
            acknowledged.push(process.hear().expect("an answer"));
        }
        acknowledged.extend(process.kill());
        let store = open(&data).expect("the store after kill -9");
        let lost: Vec<_> = acknowledged.iter().filter(|uuid| !record_exists(&store, acme, uuid)).collect();
        assert_eq!(lost, Vec::<&String>::new(), "round {round}");
        store.close();
        assert_eq!(store::check(&data).expect("a check").problems, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_full_database_refuses_writes_until_there_is_room_again() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    let store = &fresh.store;
    insert_record(store, acme, flow, "before".into()).await.expect("a record");
    let limit = |pages: i64| {
        store.write(move |tx| {
            tx.query(&format!("PRAGMA max_page_count = {pages}"), &[])?;
            Ok(())
        })
    };
    let pages =
        store.write(|tx| tx.query("PRAGMA page_count", &[])).await.expect("a size")[0].integer(0).expect("pages");
    limit(pages).await.expect("a limit");
    for attempt in 0..3 {
        let large = store.write(move |tx| {
            let data = "x".repeat(100_000);
            record::insert(tx, &NewRecord { data: &data, ..new_record(acme, flow, "large") })
        });
        let refused = large.await.expect_err("no room");
        assert_eq!(refused.code(), Code::Unavailable, "attempt {attempt}");
        assert_eq!(refused.message(), "The data could not be stored because the disk is full");
        assert!(refused.cause().is_some());
    }
    assert!(record_exists(store, acme, "before"));
    assert!(!record_exists(store, acme, "large"));
    assert_eq!(store.read(|tx| account::list_customers(tx)).await.expect("a read").len(), 1);
    limit(pages + 1000).await.expect("room");
    assert!(insert_record(store, acme, flow, "after".into()).await.expect("a record"));
    store.prove_writable().await.expect("a writable store");
}

#[tokio::test]
async fn a_file_that_may_not_grow_loses_nothing_acknowledged() {
    let (fresh, acme, _) = store_with_flow(&Options::default()).await;
    let data = fresh.data();
    fresh.store.close();
    // The write-ahead log is limited to half a megabyte; the write past it fails as on a failing disk.
    let mut process = Process::start("trap '' XFSZ\nulimit -f 1024", "write until full", &data);
    let error = process.hear().expect("an error");
    assert!(error.starts_with("Unavailable: The data could not be "), "{error}");
    // The log has started over, so that it need not grow.
    assert_eq!(process.hear().as_deref(), Some("None"));
    assert_eq!(process.hear().as_deref(), Some("1 customers"));
    let written: usize = process.hear().expect("a count").parse().expect("a number");
    assert!(written > 0);
    process.finish();
    let store = open(&data).expect("the store");
    assert!((0..written).all(|number| record_exists(&store, acme, &format!("r-{number}"))));
    assert!(insert_record(&store, acme, FlowId(1), "after".into()).await.expect("a record"));
}

#[tokio::test]
async fn the_log_stays_short_under_readers_that_never_pause() {
    let limit: u64 = 256 << 10;
    let options = Options { wal_limit: limit, ..Options::default() };
    let (fresh, acme, flow) = store_with_flow(&options).await;
    let done = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, done, reads) = (fresh.store.clone(), done.clone(), reads.clone());
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let count = store.peek(|tx| tx.query("SELECT count(data) FROM record", &[]));
                    count.expect("a read");
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let log = fresh.data().join("flowgate.db-wal");
    let mut longest = 0;
    for number in 0..400 {
        let write = fresh.store.write(move |tx| {
            let data = "x".repeat(8 << 10);
            record::insert(tx, &NewRecord { data: &data, ..new_record(acme, flow, &format!("r-{number}")) })
        });
        assert!(write.await.expect("a record"));
        longest = longest.max(std::fs::metadata(&log).expect("the log").len());
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().expect("a reader");
    }
    assert!(reads.load(Ordering::Relaxed) > 0);
    assert!(fresh.store.counters().checkpoints > 0);
    // Readers are waited for no longer than a second, which they may lose where the processor is busy with other things;
    // left alone, the log would hold all that was written, thirteen times the limit and more.
    assert!(longest < 4 * limit, "the log grew to {longest} bytes");
}

#[tokio::test]
async fn the_log_stays_below_64_mebibytes_however_much_is_written_and_read() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (fresh.store.clone(), done.clone());
            std::thread::spawn(move || {
                let (mut pages, mut last) = (0, String::new());
                while !done.load(Ordering::Relaxed) {
                    let page = "SELECT uuid, data FROM record WHERE uuid > $1 ORDER BY uuid LIMIT 100";
                    let rows = store.peek(|tx| tx.query(page, &[last.as_str().into()])).expect("a page");
                    last = rows.last().map(|row| row.text(0).expect("a uuid").to_owned()).unwrap_or_default();
                    pages += 1;
                }
                pages
            })
        })
        .collect();
    let log = fresh.data().join("flowgate.db-wal");
    let length = Arc::new(AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (store, log, length) = (fresh.store.clone(), log.clone(), length.clone());
        writers.spawn(async move {
            let data = "x".repeat(32 << 10);
            for number in 0..400 {
                let (data, uuid) = (data.clone(), format!("{writer}-{number}"));
                let write = store
                    .write(move |tx| record::insert(tx, &NewRecord { data: &data, ..new_record(acme, flow, &uuid) }));
                assert!(write.await.expect("a record"));
                let now = std::fs::metadata(&log).expect("the log").len();
                length.fetch_max(now, Ordering::Relaxed);
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.expect("a writer");
    }
    done.store(true, Ordering::Relaxed);
    let pages: Vec<u32> = readers.into_iter().map(|reader| reader.join().expect("a reader")).collect();
    assert!(pages.iter().all(|pages| *pages > 0), "{pages:?}");
    // 3,200 records of 32 KiB are more than 100 MiB.
    let (longest, checkpoints) = (length.load(Ordering::Relaxed), fresh.store.counters().checkpoints);
    eprintln!("the log grew to {} KiB; {checkpoints} checkpoints; pages read: {pages:?}", longest >> 10);
    assert!(longest < 64 << 20, "the log grew to {longest} bytes");
}

#[tokio::test]
async fn a_long_read_delays_the_log_but_not_for_good() {
    let limit: u64 = 64 << 10;
    let options = Options { wal_limit: limit, ..Options::default() };
    let (fresh, acme, flow) = store_with_flow(&options).await;
    let log = fresh.data().join("flowgate.db-wal");
    let length = || std::fs::metadata(&log).expect("the log").len();
    let mut written = 0;
    let (begun, wait) = tokio::sync::oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let store = fresh.store.clone();
    let read = tokio::spawn(async move {
        let read = store.read(move |tx| {
            let count = tx.query("SELECT count(*) FROM record", &[])?[0].integer(0)?;
            let _ = begun.send(());
            let _ = released.recv();
            Ok(count == tx.query("SELECT count(*) FROM record", &[])?[0].integer(0)?)
        });
        read.await
    });
    wait.await.expect("the read to begin");
    while length() <= limit {
        insert_record(&fresh.store, acme, flow, format!("r-{written}")).await.expect("a record");
        written += 1;
    }
    assert!(record_exists(&fresh.store, acme, &format!("r-{}", written - 1)));
    drop(release);
    assert!(read.await.expect("a task").expect("a read"));
    for number in written..written + 40 {
        insert_record(&fresh.store, acme, flow, format!("r-{number}")).await.expect("a record");
    }
    assert!(length() <= limit + 8192, "the log is {} bytes long", length());
}

#[tokio::test]
async fn a_backup_under_load_holds_all_that_was_acknowledged() {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    let data = "x".repeat(2000);
    for number in 0..500 {
        let data = data.clone();
        let write = fresh.store.write(move |tx| {
            record::insert(tx, &NewRecord { data: &data, ..new_record(acme, flow, &format!("before-{number}")) })
        });
        write.await.expect("a record");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (store, stop) = (fresh.store.clone(), stop.clone());
        async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                insert_record(&store, acme, flow, format!("during-{number}")).await.expect("a record");
                number += 1;
            }
            number
        }
    });
    let folder = TempDir::new().expect("a folder");
    let (directory, destination) = (fresh.data(), folder.path().join("copy.db"));
    let to = destination.clone();
    let backup = tokio::task::spawn_blocking(move || -> Result<Vec<(u64, u64)>> {
        let mut steps = Vec::new();
        store::backup(&directory, &to, &mut |done, total| steps.push((done, total)))?;
        Ok(steps)
    });
    let steps = backup.await.expect("a thread").expect("a backup");
    stop.store(true, Ordering::Relaxed);
    assert!(load.await.expect("the load") > 0);
    assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{steps:?}");
    let (done, total) = *steps.last().expect("progress");
    assert!(done == total && total > 100, "{steps:?}");
    assert_eq!(contents(folder.path()).keys().collect::<Vec<_>>(), ["copy.db"]);
    assert_eq!(std::fs::metadata(&destination).expect("the copy").permissions().mode() & 0o777, 0o600);
    let again = store::backup(&fresh.data(), &destination, &mut |_, _| {}).expect_err("it exists");
    assert_eq!(again.code(), Code::Conflict);
    let restored = folder.path().join("restored");
    std::fs::create_dir(&restored).expect("a directory");
    std::fs::rename(&destination, restored.join("flowgate.db")).expect("a restore");
    let store = open(&restored).expect("the restored store");
    assert!((0..500).all(|number| record_exists(&store, acme, &format!("before-{number}"))));
    assert!(insert_record(&store, acme, flow, "new".into()).await.expect("a record"));
}

#[tokio::test]
async fn a_backup_of_a_store_at_rest_changes_nothing_there() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| customer_with_flow(tx, "acme")).await.expect("a flow");
    let data = fresh.data();
    fresh.store.close();
    let before = contents(&data);
    let folder = TempDir::new().expect("a folder");
    store::backup(&data, &folder.path().join("copy.db"), &mut |_, _| {}).expect("a backup");
    let changed: Vec<_> = contents(&data).into_iter().filter(|(name, bytes)| before.get(name) != Some(bytes)).collect();
    assert!(changed.iter().all(|(name, bytes)| name == "flowgate.db-wal" && bytes.is_empty()), "{changed:?}");
    let nowhere = store::backup(&data, &folder.path().join("no/copy.db"), &mut |_, _| {}).expect_err("no folder");
    assert_eq!(nowhere.code(), Code::Unavailable);
}

#[tokio::test]
async fn the_ids_of_a_store_outlive_it() {
    let fresh = Fresh::new();
    let first = fresh.store.write(|tx| customer(tx, "acme")).await.expect("a customer");
    let data = fresh.data();
    fresh.store.close();
    let store = open(&data).expect("the store");
    let second: CustomerId = store.write(|tx| customer(tx, "zeta")).await.expect("a customer");
    assert!(second > first);
    let store: Store = store;
    assert_eq!(store.peek(|tx| account::list_customers(tx)).expect("a read").len(), 2);
}

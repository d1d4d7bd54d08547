//! The data directory and its neighbours: who may enter it, who may open it, and what a start does to it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flowgate::error::Code;
use flowgate::model::account::CustomerId;
use flowgate::store::{self, Options, Store, account};
use tempfile::TempDir;

use super::process::Process;
use super::{Fresh, LATER, contents, customer, data, open, until};

fn modes(directory: &Path) -> BTreeMap<String, u32> {
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name().into_string().expect("a name"), mode(&entry.path())))
        .chain([(".".to_owned(), mode(directory))])
        .collect()
}

#[test]
fn the_files_are_for_their_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let directory = TempDir::new().expect("a directory");
        let data = data(&directory);
        let mut process = Process::start(&format!("umask {umask}"), "hold", &data);
        assert_eq!(process.hear().as_deref(), Some("open"));
        let expected = [
            (".", 0o700),
            ("flowgate.db", 0o600),
            ("flowgate.db-shm", 0o600),
            ("flowgate.db-wal", 0o600),
            ("flowgate.lock", 0o600),
        ];
        assert_eq!(modes(&data), expected.map(|(name, mode)| (name.to_owned(), mode)).into(), "umask {umask}");
        process.finish();
    }
}

#[tokio::test]
async fn files_that_others_could_read_are_closed_to_them() {
    let fresh = Fresh::new();
    let data = fresh.data();
    fresh.store.close();
    std::fs::set_permissions(data.join("flowgate.db"), PermissionsExt::from_mode(0o644)).expect("a loose mode");
    let store = open(&data).expect("the store");
    store.prove_writable().await.expect("a write");
    assert!(modes(&data).iter().all(|(_, mode)| mode & 0o077 == 0), "{:?}", modes(&data));
}

#[tokio::test]
async fn a_directory_is_held_by_one_process() {
    let fresh = Fresh::new();
    let data = fresh.data();
    let second = open(&data).expect_err("in use");
    let holder = std::process::id();
    let sentence =
        format!("The data directory {} is in use by another flowgate process (pid {holder})", data.display());
    assert_eq!((second.code(), second.message()), (Code::Unavailable, sentence.as_str()));
    assert_eq!(store::migrate(&data).expect_err("in use").message(), sentence);
    fresh.store.prove_writable().await.expect("the holder is not disturbed");
    fresh.store.close();
    open(&data).expect("free again").close();

    let mut process = Process::start("", "hold", &data);
    assert_eq!(process.hear().as_deref(), Some("open"));
    let other = open(&data).expect_err("in use by the child");
    assert!(other.message().ends_with(&format!("(pid {})", process.id())), "{other}");
    process.kill();
    open(&data).expect("free after kill -9");
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| customer(tx, "acme")).await.expect("a customer");
    let data = fresh.data();
    fresh.store.close();
    let before = contents(&data);
    assert_eq!(before.keys().collect::<Vec<_>>(), ["flowgate.db"]);
    open(&data).expect("a second start").close();
    assert!(contents(&data) == before);
    assert_eq!(store::migrate(&data).expect("nothing to do"), (5, 5));
    assert!(contents(&data) == before);
}

#[test]
fn a_database_is_created_whole_or_not_at_all() {
    let directory = TempDir::new().expect("a directory");
    let data = data(&directory);
    std::fs::create_dir(&data).expect("a data directory");
    for leftover in ["flowgate.db.new", "flowgate.db.new-journal"] {
        std::fs::write(data.join(leftover), b"half of one").expect("a leftover of a crash");
    }
    assert_eq!(store::migrate(&data).expect("a database"), (0, 5));
    assert_eq!(contents(&data).keys().collect::<Vec<_>>(), ["flowgate.db"]);
    open(&data).expect("the store");
}

#[tokio::test]
async fn an_unusable_directory_is_named() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, b"").expect("a file");
    for path in [file.clone(), file.join("below")] {
        let error = open(&path).expect_err("no directory");
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.message().contains(&path.display().to_string()), "{error}");
    }
    let absent = Store::attach(&data(&directory), &Options::default()).expect_err("nothing to attach to");
    assert!(absent.message().starts_with("There is no Flowgate database in "), "{absent}");
    assert!(!data(&directory).exists());
}

#[tokio::test]
async fn commands_work_beside_a_running_server() {
    let fresh = Fresh::new();
    let beside = Store::attach(&fresh.data(), &Options::default()).expect("a second store");
    let (here, there) = (fresh.store.generation(), beside.generation());
    beside.administer(|tx| customer(tx, "acme")).await.expect("a customer");
    assert!(beside.generation() > there);
    // The writer looks before each group, so the next answer comes after it has noticed.
    fresh.store.prove_writable().await.expect("a write");
    assert!(fresh.store.generation() > here);
    assert!(fresh.store.peek(|tx| account::find_customer(tx, "acme")).expect("a read").is_some());
    beside.close();
    fresh.store.prove_writable().await.expect("the server goes on");
}

#[tokio::test]
async fn an_idle_server_notices_another_process() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| customer(tx, "acme")).await.expect("a customer");
    let before = fresh.store.generation();
    let mut process = Process::start("", "administer", &fresh.data());
    assert_eq!(process.hear().as_deref(), Some("done"));
    process.finish();
    until(|| fresh.store.generation() > before).await;
    let changed = fresh.store.peek(|tx| account::update_api_key(tx, CustomerId(1), b"", LATER));
    assert!(changed.is_err(), "a peek does not write");
}

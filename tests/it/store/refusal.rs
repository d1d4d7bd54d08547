//! Databases that are not opened: foreign, newer, truncated, damaged. Not one byte of them changes.

use std::path::{Path, PathBuf};

use flowgate::error::Code;
use flowgate::store::record::NewRecord;
use flowgate::store::{self, Options, Store, record};
use tempfile::TempDir;

use super::{Fresh, contents, customer_with_flow, data, new_record, open, snapshot, store_with_flow};

/// The size of SQLite's pages.
const PAGE: usize = 4096;

/// The bytes of a sound database with something in every kind of page.
async fn sound() -> Vec<u8> {
    let (fresh, acme, flow) = store_with_flow(&Options::default()).await;
    for number in 0..40 {
        let write = fresh.store.write(move |tx| {
            let data = "x".repeat(6000);
            record::insert(tx, &NewRecord { data: &data, ..new_record(acme, flow, &format!("r-{number}")) })
        });
        write.await.expect("a record");
    }
    let path = fresh.data().join("flowgate.db");
    fresh.store.close();
    std::fs::read(path).expect("the database")
}

/// A data directory with these bytes as its database.
fn with_database(bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a directory");
    let path = data(&directory);
    std::fs::create_dir(&path).expect("a data directory");
    std::fs::write(path.join("flowgate.db"), bytes).expect("a database");
    (directory, path)
}

/// Opens the directory in every way there is, and gives the sentence of the refusal.
fn refused(directory: &Path, what: &str) -> String {
    let before = contents(directory);
    let error = open(directory).expect_err(what);
    assert_eq!(error.code(), Code::Unavailable, "{what}: {error:?}");
    assert_eq!(store::migrate(directory).expect_err(what).message(), error.message());
    assert!(contents(directory) == before, "{what}: the files were changed");
    error.message().to_owned()
}

#[tokio::test]
async fn what_is_not_a_flowgate_database_is_refused() {
    let sound = sound().await;
    let mut foreign = sound.clone();
    foreign[68..72].copy_from_slice(b"\0\0\0\0");
    let mut magic = sound.clone();
    magic[3] = b'X';
    for (what, bytes) in [
        ("an empty file", &[][..]),
        (
            "a text",
            b"not a database, but long enough to be one if only its first words were others. ".repeat(9).as_slice(),
        ),
        ("less than a header", &sound[..99]),
        ("another program's database", &foreign),
        ("another file format", &magic),
    ] {
        let (_keep, directory) = with_database(bytes);
        let message = refused(&directory, what);
        assert_eq!(message, format!("{}/flowgate.db is not a Flowgate database", directory.display()), "{what}");
        assert!(Store::attach(&directory, &Options::default()).is_err(), "{what}");
        assert!(store::check(&directory).is_err(), "{what}");
        assert!(store::backup(&directory, &directory.join("copy"), &mut |_, _| {}).is_err(), "{what}");
        assert!(!directory.join("copy").exists());
    }
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let mut newer = sound().await;
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let (_keep, directory) = with_database(&newer);
    let message = refused(&directory, "a newer database");
    assert!(
        message.ends_with("was written by a newer version of Flowgate (schema 99, this binary knows 5)"),
        "{message}"
    );
    let attached = Store::attach(&directory, &Options::default()).expect_err("newer");
    assert_eq!(attached.message(), message);
}

#[tokio::test]
async fn a_newer_version_in_the_log_alone_is_refused() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| tx.query("PRAGMA user_version = 99", &[])).await.expect("a version");
    let copy = snapshot(&fresh.data());
    let message = refused(copy.path(), "a newer log");
    assert!(message.contains("schema 99"), "{message}");
    let attached = Store::attach(copy.path(), &Options::default()).expect_err("newer");
    assert!(attached.message().contains("schema 99"));
}

#[tokio::test]
async fn a_truncated_database_is_refused() {
    let sound = sound().await;
    for length in [100, 512, PAGE - 1, PAGE, PAGE + 1, sound.len() / 2, sound.len() - PAGE, sound.len() - 1] {
        let (_keep, directory) = with_database(&sound[..length]);
        let message = refused(&directory, &format!("{length} bytes of {}", sound.len()));
        assert!(message.contains(" is damaged: ") && message.ends_with("; restore a backup"), "{message}");
        // Too large to be checked page by page, it is refused all the same.
        let unchecked = Options { check_limit: 0, ..Options::default() };
        assert!(Store::open(&directory, &unchecked).is_err(), "{length} bytes");
    }
}

#[tokio::test]
async fn damage_to_any_page_is_refused() {
    let sound = sound().await;
    type Damage = fn(&mut [u8]);
    let kinds: [(&str, Damage); 3] = [
        ("a page of zeros", |page| page.fill(0)),
        ("a page of noise", |page| {
            page.iter_mut().zip((1..=255_u8).cycle()).for_each(|(byte, noise)| *byte = noise.wrapping_mul(167));
        }),
        ("a damaged page header", |page| page[..12].fill(0xFF)),
    ];
    for (what, damage) in kinds {
        for number in 0..sound.len() / PAGE {
            let mut bytes = sound.clone();
            // The first page keeps the header that says whose database it is.
            let start = if number == 0 { 100 } else { number * PAGE };
            damage(&mut bytes[start..(number + 1) * PAGE]);
            if is_overflow(&sound, number) {
                continue;
            }
            let (_keep, directory) = with_database(&bytes);
            let message = refused(&directory, &format!("{what}, page {}", number + 1));
            assert!(message.contains(" is damaged: ") && message.ends_with("; restore a backup"), "{message}");
            let report = store::check(&directory).expect("a report");
            assert!(!report.problems.is_empty(), "{what}, page {}", number + 1);
        }
    }
}

/// Whether a page holds nothing but the end of a long value, in which no damage can be told from data.
fn is_overflow(sound: &[u8], number: usize) -> bool {
    number > 0 && !matches!(sound[number * PAGE], 2 | 5 | 10 | 13)
}

#[tokio::test]
async fn damage_is_found_beside_a_log_too() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| customer_with_flow(tx, "acme")).await.expect("a flow");
    let copy = snapshot(&fresh.data());
    let path = copy.path().join("flowgate.db");
    let mut bytes = std::fs::read(&path).expect("the database");
    let last = bytes.len() - PAGE;
    bytes[last..].fill(0xFF);
    std::fs::write(&path, &bytes).expect("a damaged database");
    let message = refused(copy.path(), "damage beside a log");
    assert!(message.contains(" is damaged: "), "{message}");
}

#[tokio::test]
async fn a_log_without_its_database_is_refused() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| customer_with_flow(tx, "acme")).await.expect("a flow");
    let copy = snapshot(&fresh.data());
    std::fs::remove_file(copy.path().join("flowgate.db")).expect("the log alone");
    let message = refused(copy.path(), "a log alone");
    assert!(message.contains("is missing but its write-ahead log"), "{message}");
}

#[tokio::test]
async fn a_sound_database_is_reported_as_sound() {
    let fresh = Fresh::new();
    fresh.store.write(|tx| customer_with_flow(tx, "acme")).await.expect("a flow");
    let running = store::check(&fresh.data()).expect("a report beside the writer");
    assert_eq!((running.version, running.known, running.problems.len()), (5, 5, 0));
    let data = fresh.data();
    fresh.store.close();
    let before = contents(&data);
    let report = store::check(&data).expect("a report");
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.bytes, before["flowgate.db"].len() as u64);
    assert!(contents(&data) == before);
}

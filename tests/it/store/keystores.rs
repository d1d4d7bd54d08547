//! Keystores and their packages, on every engine.

use flowgate::error::Result;
use flowgate::model::keystore::{Keystore, KeystoreKind};
use flowgate::store::Tx;
use flowgate::store::keystore::{self, Content, NewKeystore};

use super::conformance::on_every_engine;
use super::{LATER, NOW, customer};

fn content(text: &str) -> Content<'_> {
    Content { text, media_type: None }
}

fn add(tx: &mut dyn Tx, customer: flowgate::model::account::CustomerId, name: &str) -> Result<Keystore> {
    let new = NewKeystore { customer, name, description: "d", kind: KeystoreKind::Json, structure: "{}" };
    assert!(keystore::insert(tx, &new, NOW)?);
    assert!(!keystore::insert(tx, &new, LATER)?, "the name is taken");
    Ok(keystore::find(tx, customer, name)?.expect("a keystore"))
}

fn keystores(tx: &mut dyn Tx) -> Result<()> {
    let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
    let (ours, theirs) = (add(tx, acme, "b")?, add(tx, zeta, "b")?);
    add(tx, acme, "B")?;
    assert_eq!((ours.version, ours.created, ours.structure.as_str()), (1, NOW, "{}"));
    keystore::update(tx, ours.id, "new", LATER)?;
    keystore::restructure(tx, ours.id, 2, r#"{"a":1}"#, LATER)?;
    let found = keystore::find(tx, acme, "b")?.expect("a keystore");
    assert_eq!((found.version, found.description.as_str(), found.structure.as_str()), (2, "new", r#"{"a":1}"#));
    assert_eq!(keystore::find_structure(tx, ours.id, 1)?.as_deref(), Some("{}"));
    assert_eq!(keystore::find_structure(tx, ours.id, 3)?, None);
    assert_eq!(keystore::find(tx, zeta, "b")?, Some(theirs.clone()));
    assert_eq!((keystore::count(tx, acme)?, keystore::list(tx, acme)?.len(), keystore::count(tx, zeta)?), (2, 2, 1));
    keystore::put_package(tx, ours.id, "k", content("1"), NOW)?;
    keystore::put_package(tx, theirs.id, "k", content("2"), NOW)?;
    assert!(keystore::remove(tx, acme, "b")? && !keystore::remove(tx, acme, "b")?);
    assert_eq!(keystore::find_package(tx, ours.id, "k")?, None);
    assert_eq!(keystore::find_package(tx, theirs.id, "k")?.expect("a package").content, "2");
    tx.execute("DELETE FROM customer WHERE id = $1", &[zeta.0.into()])?;
    let rows = tx.query("SELECT COUNT(*) FROM keystore_package", &[])?;
    assert_eq!(rows[0].integer(0)?, 0, "packages go with their customer");
    Ok(())
}

fn packages(tx: &mut dyn Tx) -> Result<()> {
    let acme = customer(tx, "acme")?;
    let id = add(tx, acme, "s")?.id;
    let first = keystore::put_package(tx, id, "é", content("1"), NOW)?;
    keystore::restructure(tx, id, 2, "{}", NOW)?;
    let text = Content { text: "x", media_type: Some("text/plain") };
    let second = keystore::put_package(tx, id, "é", text, LATER)?;
    assert_eq!((first.revision, first.structure, first.created, first.modified), (1, 1, NOW, NOW));
    assert_eq!((second.revision, second.structure, second.created, second.modified), (2, 1, NOW, LATER));
    assert_eq!(keystore::find_package(tx, id, "é")?, Some(second));
    assert_eq!(keystore::find_package(tx, id, "É")?, None, "keys are bytes");
    assert!(keystore::remove_package(tx, id, "é")? && !keystore::remove_package(tx, id, "é")?);
    let third = keystore::put_package(tx, id, "é", content("1"), LATER)?;
    assert_eq!((third.revision, third.structure, third.created), (3, 2, LATER), "no revision is given twice");
    for key in ["a", "B", "a\u{1}", "😀", "ab"] {
        keystore::put_package(tx, id, key, content("null"), NOW)?;
    }
    let mut keys = |from: &[u8], before: &[u8], most| -> Result<Vec<String>> {
        Ok(keystore::list_packages(tx, id, from, before, most)?.into_iter().map(|package| package.key).collect())
    };
    assert_eq!(keys(b"", &[0xFF], 9)?, ["B", "a", "a\u{1}", "ab", "é", "😀"]);
    assert_eq!(keys(b"a\0", &[0xFF], 2)?, ["a\u{1}", "ab"]);
    assert_eq!(keys(b"a", b"b", 9)?, ["a", "a\u{1}", "ab"]);
    assert_eq!(keystore::count_packages(tx, id)?, 6);
    Ok(())
}

#[tokio::test]
async fn keystores_are_found_by_customer_and_name() {
    on_every_engine(keystores).await;
}

#[tokio::test]
async fn packages_are_found_by_keystore_and_key() {
    on_every_engine(packages).await;
}

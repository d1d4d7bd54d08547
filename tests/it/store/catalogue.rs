//! People, and flows by public identifiers, on every engine.

use flowgate::error::{Code, Result};
use flowgate::model::account::CustomerId;
use flowgate::model::catalogue::{FlowKind, Order};
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::person::{Permission, Person, PersonId, PersonRole, PersonStatus};
use flowgate::model::search::Page;
use flowgate::store::catalogue::{self, Filter};
use flowgate::store::{Tx, account, flow, person};

use super::conformance::on_every_engine;
use super::{LATER, NOW, customer};

fn named(customer: CustomerId, username: &str, public_id: &str) -> Person {
    Person {
        id: PersonId(0),
        customer,
        public_id: public_id.to_owned(),
        username: username.to_owned(),
        first_name: "Zoë".to_owned(),
        last_name: String::new(),
        status: PersonStatus::Pending,
        roles: vec![PersonRole::Admin],
        permissions: vec![Permission::FlowsDelete, Permission::FlowsRead],
        last_login: None,
        has_token: false,
        created: NOW,
        modified: NOW,
    }
}

fn people(tx: &mut dyn Tx) -> Result<()> {
    let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
    let new = named(acme, "ann", "a1");
    let ann = Person { id: person::insert(tx, &new)?, ..new.clone() };
    let taken = person::insert(tx, &named(acme, "ann", "a2")).expect_err("taken");
    assert_eq!((taken.code(), taken.message()), (Code::Conflict, "User 'ann' already exists"));
    let theirs = person::insert(tx, &named(zeta, "ann", "z1"))?;
    assert_eq!(person::find_by_username(tx, acme, "ann")?.as_ref(), Some(&ann));
    assert_eq!(person::find_by_public_id(tx, acme, "a1")?.as_ref(), Some(&ann));
    assert_eq!(person::find_by_public_id(tx, acme, "z1")?, None);
    assert_eq!(person::list(tx, acme)?.len(), 1);
    person::insert_token(tx, ann.id, b"one", "", NOW, Some(LATER))?;
    person::insert_token(tx, ann.id, b"two", "", LATER, None)?;
    let twice = person::insert_token(tx, theirs, b"two", "", NOW, None).expect_err("taken");
    assert_eq!(twice.code(), Code::Conflict);
    let (found, expires) = person::find_by_token(tx, b"one")?.expect("a person");
    assert_eq!((found.id, found.last_login, found.has_token, expires), (ann.id, Some(LATER), true, Some(LATER)));
    assert_eq!(person::remove_expired_tokens(tx, ann.id, LATER)?, 1);
    assert_eq!(person::find_by_token(tx, b"one")?, None);
    assert_eq!(person::remove_tokens(tx, ann.id)?, 1);
    let changed = Person { permissions: Vec::new(), roles: Vec::new(), status: PersonStatus::Active, ..ann.clone() };
    assert!(person::update(tx, &changed, LATER)?);
    let stored = person::find_by_username(tx, acme, "ann")?.expect("a person");
    assert_eq!((stored.status, stored.permissions.len(), stored.modified), (PersonStatus::Active, 0, LATER));
    assert!(!person::remove(tx, zeta, ann.id)? && person::remove(tx, acme, ann.id)?);
    assert!(!person::update(tx, &changed, LATER)?);
    Ok(())
}

#[tokio::test]
async fn people_are_found_by_name_identifier_and_token() {
    on_every_engine(people).await;
}

fn flows(tx: &mut dyn Tx) -> Result<()> {
    let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
    let first = flow::insert(tx, acme, "Orders", "", "{\"a\":1}", NOW)?;
    let second = flow::insert(tx, acme, "orders_2", "all", "{}", LATER)?;
    flow::insert(tx, zeta, "Orders", "", "{}", NOW)?;
    assert_eq!(catalogue::find(tx, acme, first)?, None, "it has no public identifier");
    assert_eq!(catalogue::unnamed(tx, acme)?, [first, second]);
    for (id, public_id) in [(first, "f1"), (second, "f2"), (first, "f3")] {
        catalogue::name(tx, acme, id, public_id)?;
    }
    assert_eq!(catalogue::find_public_id(tx, acme, first)?.as_deref(), Some("f1"), "the first one stays");
    assert_eq!((catalogue::find_number(tx, acme, "f1")?, catalogue::find_number(tx, zeta, "f1")?), (Some(first), None));
    assert_eq!(catalogue::find_anybodys(tx, "f2")?.map(|flow| flow.id), Some(second));
    let owner = person::insert(tx, &named(acme, "ann", "a1"))?;
    person::insert_ownership(tx, acme, second, owner)?;
    person::insert_ownership(tx, acme, second, owner)?;
    let numbers = |tx: &mut dyn Tx, filter: &Filter, order: &str| {
        let order = Order::parse(order).expect("an order");
        catalogue::list(tx, filter, order, Page { limit: 10, offset: 0 })
    };
    let all = Filter { customer: acme, is_active: None, owner: None, kind: None, text: None };
    assert_eq!(numbers(tx, &all, "-name")?, (vec![second, first], 2));
    let of = |text: &str| Filter { text: Some(text.to_owned()), ..all.clone() };
    assert_eq!(numbers(tx, &of("ORDERS"), "createdAt")?.1, 2);
    assert_eq!(numbers(tx, &of("s_2"), "createdAt")?.0, [second], "a pattern's letters are letters");
    assert_eq!(numbers(tx, &Filter { owner: Some(owner), ..all.clone() }, "name")?.0, [second]);
    assert_eq!(numbers(tx, &Filter { is_active: Some(true), ..all.clone() }, "name")?.1, 0);
    assert_eq!(numbers(tx, &Filter { kind: Some(FlowKind::Realtime), ..all.clone() }, "name")?.1, 0);
    flow::publish(tx, acme, first, FlowStatus::Public, LATER)?;
    flow::update_draft(tx, acme, first, "{\"a\":2}", LATER)?;
    assert_eq!(numbers(tx, &Filter { is_active: Some(true), ..all.clone() }, "-updatedAt")?.0, [first]);
    let mut listed = catalogue::find(tx, acme, first)?.expect("a flow");
    assert_eq!((listed.graph.as_str(), listed.is_active()), ("{\"a\":1}", true), "what records run through");
    flow::update_status(tx, acme, first, FlowStatus::Public, FlowStatus::Paused, LATER)?;
    assert_eq!(catalogue::find(tx, acme, first)?.expect("a flow").graph, "{\"a\":2}", "what would be started");
    assert_eq!(catalogue::find(tx, acme, second)?.expect("a flow").owners, ["a1"]);
    listed.flow.name = "orders_2".to_owned();
    assert!(!catalogue::update(tx, &listed, LATER)?, "another one has the name");
    listed.flow.name = "Returns".to_owned();
    listed.kind = FlowKind::Realtime;
    assert!(catalogue::update(tx, &listed, LATER)?);
    assert_eq!(numbers(tx, &Filter { kind: Some(FlowKind::Realtime), ..all }, "name")?.0, [first]);
    Ok(())
}

#[tokio::test]
async fn flows_are_found_by_identifier_and_filter() {
    on_every_engine(flows).await;
}

fn removal(tx: &mut dyn Tx) -> Result<()> {
    let acme = customer(tx, "acme")?;
    let add = |tx: &mut dyn Tx| flow::insert(tx, acme, "orders", "", "{}", NOW);
    let (zeta, first) = (customer(tx, "zeta")?, add(tx)?);
    account::update_error_flow(tx, acme, Some(first), NOW)?;
    assert!(catalogue::remove(tx, acme, first)? && !catalogue::remove(tx, acme, first)?);
    assert_eq!(account::find_error_flow(tx, acme)?, None);
    assert_eq!((add(tx)?, flow::insert(tx, zeta, "orders", "", "{}", NOW)?), (FlowId(2), FlowId(1)));
    catalogue::name_tenant(tx, acme, "t1")?;
    catalogue::name_tenant(tx, acme, "t2")?;
    assert_eq!(catalogue::find_tenant(tx, acme)?.as_deref(), Some("t1"));
    Ok(())
}

#[tokio::test]
async fn the_number_of_a_removed_flow_is_not_given_again() {
    on_every_engine(removal).await;
}

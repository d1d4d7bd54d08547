//! What the noun files promise, whatever the engine: each case runs in one transaction on a fresh store of every engine.

use flowgate::error::{Code, Result};
use flowgate::model::account::{Application, ApplicationId, Compatibility, CustomerId, FaultDialect};
use flowgate::model::address::Network;
use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::record::RecordStatus;
use flowgate::model::schema::DataSchema;
use flowgate::model::scope::Scopes;
use flowgate::model::secret::{SealedSecret, Secret};
use flowgate::model::time::Timestamp;
use flowgate::model::webhook::WebhookPayload;
use flowgate::store::account::{self, NewApplication};
use flowgate::store::audit::{self, Entry};
use flowgate::store::record::{self, NewRecord};
use flowgate::store::token::{self, Token, TokenKind};
use flowgate::store::{Cell, Tx, Value, flow, schema, secret, webhook};

use super::{Fresh, LATER, NOW, application, customer, customer_with_flow, new_application, new_record};

/// An engine, and how to get an empty store of it; `None` if this machine has none.
struct Engine {
    name: &'static str,
    fresh: fn() -> Option<Fresh>,
}

const ENGINES: [Engine; 2] = [
    Engine { name: "SQLite", fresh: || Some(Fresh::new()) },
    // The tables exist (`0001_base.postgres.sql`), the engine does not yet.
    Engine { name: "PostgreSQL", fresh: || None },
];

pub(super) async fn on_every_engine(case: fn(&mut dyn Tx) -> Result<()>) {
    for engine in &ENGINES {
        match (engine.fresh)() {
            Some(fresh) => fresh.store.write(case).await.expect(engine.name),
            None => eprintln!("{}: not configured, nothing was tested", engine.name),
        }
    }
}

macro_rules! cases {
    ($($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                on_every_engine(cases::$case).await;
            }
        )*
    };
}

cases! {
    parameters_count_by_their_number
    customers_are_found_by_name
    applications_keep_everything_they_were_given
    applications_conflict_within_their_customer_only
    an_application_is_updated_but_for_its_keys
    keys_name_an_application_together
    a_client_names_an_application_and_its_secret
    tokens_are_found_by_hash_and_kind
    tokens_are_removed_by_family_and_application
    the_oldest_tokens_make_room
    expired_tokens_are_removed
    a_customer_has_one_schema
    flows_are_numbered_within_their_customer
    publishing_moves_the_draft_into_a_version
    a_flow_status_changes_under_guard
    a_record_is_inserted_once
    a_record_is_changed_unless_it_is_processed
    a_record_status_changes_under_guard
    waiting_records_are_in_the_engines_index
    webhooks_are_found_by_uri
    payloads_are_listed_newest_first
    secrets_are_kept_by_customer_and_name
    audit_entries_are_listed_newest_first
    what_belongs_to_one_customer_is_hidden_from_another
    what_belongs_to_a_customer_goes_with_it
}

fn new_token(application: ApplicationId, expires: Option<Timestamp>) -> Token {
    Token { application, scopes: None, family: None, created: NOW, expires }
}

mod cases {
    use super::*;

    pub(super) fn parameters_count_by_their_number(tx: &mut dyn Tx) -> Result<()> {
        customer(tx, "a")?;
        customer(tx, "b")?;
        let rows = tx.query(
            "SELECT name FROM customer WHERE name <> $2 AND created_at = $1 AND name <> $2",
            &[NOW.0.into(), "a".into()],
        )?;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].text(0)?, "b");
        assert_eq!(rows[0].integer(0).expect_err("a text").code(), Code::Internal);
        assert_eq!(rows[0].text(1).expect_err("one column").code(), Code::Internal);
        let few = tx.query("SELECT name FROM customer WHERE name = $1 OR name = $2", &["a".into()]);
        assert_eq!(few.expect_err("a value short").code(), Code::Internal);
        let many = tx.query("SELECT name FROM customer WHERE name = $1", &["a".into(), Value::Null]);
        assert_eq!(many.expect_err("a value over").code(), Code::Internal);
        Ok(())
    }

    pub(super) fn customers_are_found_by_name(tx: &mut dyn Tx) -> Result<()> {
        let zeta = customer(tx, "zeta")?;
        let acme = customer(tx, "acme")?;
        let taken = account::insert_customer(tx, "acme", b"another hash", NOW).expect_err("taken");
        assert_eq!((taken.code(), taken.message()), (Code::Conflict, "Customer 'acme' already exists"));
        let found = account::find_customer(tx, "acme")?.expect("acme");
        assert_eq!((found.id, found.name.as_str(), found.created), (acme, "acme", NOW));
        assert_eq!(account::find_customer(tx, "Acme")?, None);
        assert_eq!(account::find_customer_by_id(tx, acme)?, Some(found));
        assert_eq!(account::find_customer_by_id(tx, CustomerId(-1))?, None);
        let ids: Vec<_> = account::list_customers(tx)?.into_iter().map(|customer| customer.id).collect();
        assert_eq!(ids, [acme, zeta]);
        account::update_api_key(tx, acme, b"new", LATER)?;
        let nobody = account::update_api_key(tx, CustomerId(-1), b"newer", LATER).expect_err("nobody");
        assert_eq!(nobody.code(), Code::NotFound);
        Ok(())
    }

    pub(super) fn applications_keep_everything_they_were_given(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let mut addresses = Network::parse("10.0.0.0/8").expect("a network");
        addresses.extend(Network::parse("2001:db8::7").expect("an address"));
        addresses.extend(Network::parse("any").expect("networks"));
        let new = NewApplication {
            description: "Übernimmt\nBestellungen\0".into(),
            addresses: addresses.clone(),
            scopes: Scopes::parse("record schema.read").expect("scopes"),
            oauth2: true,
            rate_limit: Some(u32::MAX),
            compatibility: Compatibility {
                fault_dialect: FaultDialect::Documented,
                webhook_success_as_fault: true,
                php_cache_headers: true,
            },
            ..new_application(acme, "shop")
        };
        let id = account::insert_application(tx, &new, NOW)?;
        let kept = account::find_application(tx, acme, "shop")?.expect("shop");
        assert_eq!(
            kept,
            Application {
                id,
                customer: acme,
                name: new.name,
                description: new.description,
                addresses,
                scopes: new.scopes,
                oauth2: true,
                rate_limit: Some(u32::MAX),
                compatibility: new.compatibility,
                created: NOW,
            }
        );
        application(tx, acme, "plain")?;
        let plain = account::find_application(tx, acme, "plain")?.expect("plain");
        assert_eq!((plain.addresses, plain.rate_limit, plain.oauth2), (Vec::new(), None, false));
        let names: Vec<_> = account::list_applications(tx, acme)?.into_iter().map(|app| app.name).collect();
        assert_eq!(names, ["plain", "shop"]);
        Ok(())
    }

    pub(super) fn applications_conflict_within_their_customer_only(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        let client = |new: NewApplication| NewApplication { client_id: Some("client".into()), ..new };
        account::insert_application(tx, &client(new_application(acme, "shop")), NOW)?;
        application(tx, zeta, "shop")?;
        let same_name = NewApplication { app_key_hash: b"own".to_vec(), ..new_application(acme, "shop") };
        let same_key = NewApplication { name: "other".into(), ..new_application(acme, "shop") };
        for (new, sentence) in [
            (same_name, "Application 'shop' already exists"),
            (same_key, "The application key is in use by another application of the customer"),
            (client(new_application(zeta, "other")), "The client id is in use by another application"),
        ] {
            let error = account::insert_application(tx, &new, NOW).expect_err(sentence);
            assert_eq!((error.code(), error.message()), (Code::Conflict, sentence));
        }
        Ok(())
    }

    pub(super) fn an_application_is_updated_but_for_its_keys(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        application(tx, acme, "shop")?;
        application(tx, acme, "till")?;
        let mut shop = account::find_application(tx, acme, "shop")?.expect("shop");
        shop.name = "store".into();
        shop.description = "renamed".into();
        shop.addresses = Network::parse("192.0.2.0/24").expect("a network");
        shop.scopes = Scopes::parse("record.read").expect("a scope");
        shop.oauth2 = true;
        shop.rate_limit = Some(0);
        shop.compatibility.fault_dialect = FaultDialect::Standard;
        account::update_application(tx, &shop)?;
        assert_eq!(account::find_by_keys(tx, b"acme", b"key of shop")?.expect("the same keys").1, shop);
        let taken = Application { name: "till".into(), ..shop.clone() };
        assert_eq!(account::update_application(tx, &taken).expect_err("taken").code(), Code::Conflict);
        let foreign = Application { customer: zeta, ..shop };
        assert_eq!(account::update_application(tx, &foreign).expect_err("not theirs").code(), Code::NotFound);
        Ok(())
    }

    pub(super) fn keys_name_an_application_together(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        let shop = application(tx, acme, "shop")?;
        let till = application(tx, acme, "till")?;
        let theirs = application(tx, zeta, "shop")?;
        let (owner, found) = account::find_by_keys(tx, b"acme", b"key of shop")?.expect("acme's shop");
        assert_eq!((owner.id, owner.name.as_str(), found.id), (acme, "acme", shop));
        assert_eq!(account::find_by_keys(tx, b"zeta", b"key of shop")?.expect("zeta's shop").1.id, theirs);
        assert_eq!(account::find_by_keys(tx, b"zeta", b"key of till")?, None);
        account::update_app_key(tx, shop, b"new", LATER)?;
        assert_eq!(account::find_by_keys(tx, b"acme", b"key of shop")?, None);
        assert_eq!(account::find_by_keys(tx, b"acme", b"new")?.expect("the new key").1.id, shop);
        let taken = account::update_app_key(tx, till, b"new", LATER).expect_err("taken");
        assert_eq!(taken.code(), Code::Conflict);
        account::update_app_key(tx, theirs, b"new", LATER)?;
        account::update_app_key(tx, shop, b"new", LATER)?;
        account::update_api_key(tx, acme, b"newer", LATER)?;
        assert_eq!(account::find_by_keys(tx, b"acme", b"new")?, None);
        assert_eq!(account::find_by_keys(tx, b"newer", b"new")?.expect("both new").1.id, shop);
        assert_eq!(account::find_by_id(tx, shop)?.map(|(owner, app)| (owner.id, app.id)), Some((acme, shop)));
        Ok(())
    }

    pub(super) fn a_client_names_an_application_and_its_secret(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let shop = application(tx, acme, "shop")?;
        let till = application(tx, acme, "till")?;
        assert_eq!(account::find_by_client(tx, "client")?, None);
        account::update_client_secret(tx, shop, "client", b"secret", LATER)?;
        let (owner, found, secret) = account::find_by_client(tx, "client")?.expect("a client");
        assert_eq!((owner.id, found.id, secret.as_slice()), (acme, shop, b"secret".as_slice()));
        account::update_client_secret(tx, shop, "client", b"newer", LATER)?;
        assert_eq!(account::find_by_client(tx, "client")?.expect("a client").2, b"newer");
        assert_eq!(account::find_client_id(tx, shop)?.as_deref(), Some("client"));
        assert_eq!(account::find_client_id(tx, till)?, None);
        let taken = account::update_client_secret(tx, till, "client", b"mine", LATER).expect_err("taken");
        assert_eq!(taken.code(), Code::Conflict);
        Ok(())
    }

    pub(super) fn tokens_are_found_by_hash_and_kind(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let shop = application(tx, acme, "shop")?;
        let (access, refresh) = (new_token(shop, Some(LATER)), new_token(shop, None));
        token::insert(tx, b"one", TokenKind::Access, &access)?;
        token::insert(tx, b"one", TokenKind::Refresh, &refresh)?;
        assert_eq!(token::find(tx, b"one", TokenKind::Access)?, Some(access));
        assert_eq!(token::find(tx, b"one", TokenKind::Refresh)?, Some(refresh));
        assert_eq!(token::find(tx, b"two", TokenKind::Access)?, None);
        assert!(token::remove(tx, b"one", TokenKind::Access)?);
        assert!(!token::remove(tx, b"one", TokenKind::Access)?);
        assert_eq!(token::find(tx, b"one", TokenKind::Access)?, None);
        assert!(token::find(tx, b"one", TokenKind::Refresh)?.is_some());
        Ok(())
    }

    pub(super) fn tokens_are_removed_by_family_and_application(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let (shop, till) = (application(tx, acme, "shop")?, application(tx, acme, "till")?);
        let narrow = Token { scopes: Some(Scopes::parse("record.read").expect("a scope")), ..new_token(shop, None) };
        token::insert(tx, b"login", TokenKind::Refresh, &narrow)?;
        token::update_family(tx, b"login", "family")?;
        let family = Some("family".to_owned());
        let login = Token { family: family.clone(), ..narrow };
        assert_eq!(token::find(tx, b"login", TokenKind::Refresh)?.as_ref(), Some(&login));
        token::replace(tx, b"login", LATER)?;
        assert_eq!(token::find(tx, b"login", TokenKind::Refresh)?, None);
        let replaced = Token { expires: Some(LATER), ..login };
        assert_eq!(token::find(tx, b"login", TokenKind::Replaced)?.as_ref(), Some(&replaced));
        token::insert(tx, b"access", TokenKind::Access, &replaced)?;
        token::insert(tx, b"alone", TokenKind::Access, &new_token(shop, None))?;
        token::insert(tx, b"theirs", TokenKind::Access, &new_token(till, None))?;
        assert_eq!(token::remove_family(tx, "family")?, 2);
        assert_eq!(token::remove_all(tx, shop)?, 1);
        assert!(token::find(tx, b"theirs", TokenKind::Access)?.is_some());
        Ok(())
    }

    pub(super) fn the_oldest_tokens_make_room(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let (shop, till) = (application(tx, acme, "shop")?, application(tx, acme, "till")?);
        token::insert(tx, b"theirs", TokenKind::Access, &new_token(till, None))?;
        for number in 0..6_u8 {
            let created = Timestamp(NOW.0 + i64::from(number));
            token::insert(tx, &[number], TokenKind::Refresh, &Token { created, ..new_token(shop, None) })?;
        }
        assert_eq!(token::remove_oldest(tx, shop, 6, 4)?, 0);
        assert_eq!(token::remove_oldest(tx, shop, 5, 4)?, 2);
        for number in 0..6_u8 {
            assert_eq!(token::find(tx, &[number], TokenKind::Refresh)?.is_some(), number >= 2, "{number}");
        }
        assert!(token::find(tx, b"theirs", TokenKind::Access)?.is_some());
        Ok(())
    }

    pub(super) fn expired_tokens_are_removed(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let shop = application(tx, acme, "shop")?;
        token::insert(tx, b"past", TokenKind::Access, &new_token(shop, Some(NOW)))?;
        token::insert(tx, b"future", TokenKind::Access, &new_token(shop, Some(LATER)))?;
        token::insert(tx, b"endless", TokenKind::Refresh, &new_token(shop, None))?;
        assert_eq!(token::remove_expired(tx, NOW)?, 1);
        assert_eq!(token::find(tx, b"past", TokenKind::Access)?, None);
        assert_eq!(token::remove_expired(tx, LATER)?, 1);
        assert!(token::find(tx, b"endless", TokenKind::Refresh)?.is_some());
        Ok(())
    }

    pub(super) fn a_customer_has_one_schema(tx: &mut dyn Tx) -> Result<()> {
        let acme = customer(tx, "acme")?;
        let given = DataSchema {
            url: "https://example.com/schema".into(),
            document: "{ \"type\" : \"object\" }\n".into(),
            sample: "{}".into(),
            created: NOW,
            modified: NOW,
        };
        assert!(!schema::update(tx, acme, "u", "d", "s", NOW)?);
        schema::insert(tx, acme, &given)?;
        assert_eq!(schema::find(tx, acme)?, Some(given.clone()));
        let second = schema::insert(tx, acme, &given).expect_err("a second");
        assert_eq!((second.code(), second.message()), (Code::Conflict, "A schema exists already; update it instead"));
        assert!(schema::update(tx, acme, "u", "d", "s", LATER)?);
        let updated = schema::find(tx, acme)?.expect("a schema");
        assert_eq!((updated.url.as_str(), updated.document.as_str(), updated.sample.as_str()), ("u", "d", "s"));
        assert_eq!((updated.created, updated.modified), (NOW, LATER));
        assert!(schema::remove(tx, acme)?);
        assert!(!schema::remove(tx, acme)?);
        assert_eq!(schema::find(tx, acme)?, None);
        Ok(())
    }

    pub(super) fn flows_are_numbered_within_their_customer(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        assert_eq!(flow::insert(tx, acme, "orders", "all of them", "{\"a\":1}", NOW)?, FlowId(1));
        let taken = flow::insert(tx, acme, "orders", "", "{}", NOW).expect_err("taken");
        assert_eq!((taken.code(), taken.message()), (Code::Conflict, "Flow 'orders' already exists"));
        assert_eq!(flow::insert(tx, acme, "returns", "", "{}", NOW)?, FlowId(2));
        assert_eq!(flow::insert(tx, zeta, "orders", "", "{}", NOW)?, FlowId(1));
        let found = flow::find(tx, acme, FlowId(1))?.expect("orders");
        assert_eq!((found.customer, found.name.as_str(), found.description.as_str()), (acme, "orders", "all of them"));
        assert_eq!((found.status, found.draft.as_deref()), (FlowStatus::Draft, Some("{\"a\":1}")));
        assert_eq!((found.version, found.created, found.modified), (None, NOW, NOW));
        assert_eq!(flow::find_by_name(tx, acme, "orders")?, Some(found));
        assert_eq!(flow::find_by_name(tx, acme, "Orders")?, None);
        let numbers: Vec<_> = flow::list(tx, acme)?.into_iter().map(|flow| flow.id).collect();
        assert_eq!(numbers, [FlowId(1), FlowId(2)]);
        Ok(())
    }

    pub(super) fn publishing_moves_the_draft_into_a_version(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        assert!(flow::update_draft(tx, acme, orders, "one", NOW)?);
        assert_eq!(flow::publish(tx, acme, orders, FlowStatus::Public, LATER)?, Some(1));
        let published = flow::find(tx, acme, orders)?.expect("a flow");
        assert_eq!((published.status, published.version, published.draft), (FlowStatus::Public, Some(1), None));
        assert_eq!((published.created, published.modified), (NOW, LATER));
        assert_eq!(flow::publish(tx, acme, orders, FlowStatus::Public, LATER)?, None);
        assert!(flow::update_draft(tx, acme, orders, "two", LATER)?);
        assert_eq!(flow::publish(tx, acme, orders, FlowStatus::Running, LATER)?, Some(2));
        let graphs: Vec<_> = flow::versions(tx, acme, orders)?.into_iter().map(|v| (v.version, v.graph)).collect();
        assert_eq!(graphs, [(1, "one".into()), (2, "two".into())]);
        let first = flow::find_version(tx, acme, orders, 1)?.expect("the first");
        assert_eq!((first.graph.as_str(), first.published), ("one", LATER));
        assert_eq!(flow::find_version(tx, acme, orders, 3)?, None);
        assert_eq!(flow::publish(tx, acme, FlowId(9), FlowStatus::Public, NOW)?, None);
        assert!(!flow::update_draft(tx, acme, FlowId(9), "", NOW)?);
        Ok(())
    }

    pub(super) fn a_flow_status_changes_under_guard(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        for to in FlowStatus::ALL {
            let from = flow::find(tx, acme, orders)?.expect("a flow").status;
            for wrong in FlowStatus::ALL.into_iter().filter(|status| *status != from) {
                assert!(!flow::update_status(tx, acme, orders, wrong, to, LATER)?, "{wrong:?}");
            }
            assert!(flow::update_status(tx, acme, orders, from, to, LATER)?);
            assert_eq!(flow::find(tx, acme, orders)?.expect("a flow").status, to);
        }
        assert!(!flow::update_status(tx, acme, FlowId(9), FlowStatus::Draft, FlowStatus::Public, NOW)?);
        Ok(())
    }

    pub(super) fn a_record_is_inserted_once(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let (zeta, theirs) = customer_with_flow(tx, "zeta")?;
        let new = NewRecord {
            flow_version: 7,
            data: "{ \"name\": \"Zoë \\u0000\" }",
            status: RecordStatus::Scheduled,
            due: LATER,
            ..new_record(acme, orders, "r-1")
        };
        assert!(record::insert(tx, &new)?);
        assert!(!record::insert(tx, &NewRecord { data: "changed", request_hash: b"other", ..new })?);
        assert!(record::insert(tx, &new_record(zeta, theirs, "r-1"))?);
        let found = record::find(tx, acme, "r-1")?.expect("a record");
        assert_eq!((found.customer, found.uuid.as_str(), found.flow, found.flow_version), (acme, "r-1", orders, 7));
        assert_eq!((found.data.as_str(), found.request_hash.as_slice()), (new.data, b"hash".as_slice()));
        assert_eq!((found.status, found.due, found.created), (RecordStatus::Scheduled, LATER, NOW));
        assert_eq!((found.modified, found.started, found.last_run), (NOW, None, None));
        assert_eq!(record::find(tx, acme, "R-1")?, None);
        Ok(())
    }

    pub(super) fn a_record_is_changed_unless_it_is_processed(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        for status in RecordStatus::ALL {
            let uuid = format!("r-{status:?}");
            record::insert(tx, &NewRecord { status, ..new_record(acme, orders, &uuid) })?;
            let free = status != RecordStatus::Processing;
            let to = RecordStatus::Scheduled;
            assert_eq!(record::update(tx, acme, &uuid, "new", to, LATER, LATER)?, free, "{status:?}");
            let found = record::find(tx, acme, &uuid)?.expect("a record");
            if free {
                assert_eq!((found.data.as_str(), found.status, found.due), ("new", to, LATER));
                assert_eq!((found.created, found.modified), (NOW, LATER));
            } else {
                assert_eq!((found.status, found.due, found.modified), (status, NOW, NOW));
            }
            assert_eq!(record::remove(tx, acme, &uuid)?, free, "{status:?}");
            assert_eq!(record::find(tx, acme, &uuid)?.is_none(), free, "{status:?}");
        }
        assert!(!record::update(tx, acme, "none", "", RecordStatus::Waiting, NOW, NOW)?);
        assert!(!record::remove(tx, acme, "none")?);
        Ok(())
    }

    pub(super) fn a_record_status_changes_under_guard(tx: &mut dyn Tx) -> Result<()> {
        use RecordStatus::{Failed, Finished, Handled, Processing, Waiting};
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        record::insert(tx, &new_record(acme, orders, "r-1"))?;
        assert!(!record::update_status(tx, acme, "r-1", Finished, Handled, NOW)?);
        assert!(!record::update_status(tx, acme, "none", Waiting, Processing, NOW)?);
        assert!(record::update_status(tx, acme, "r-1", Waiting, Processing, NOW)?);
        assert!(!record::update_status(tx, acme, "r-1", Waiting, Processing, LATER)?);
        assert!(record::update_status(tx, acme, "r-1", Processing, Failed, LATER)?);
        let ran = record::find(tx, acme, "r-1")?.expect("a record");
        assert_eq!((ran.status, ran.started, ran.last_run), (Failed, Some(NOW), Some(NOW)));
        assert!(record::update_status(tx, acme, "r-1", Failed, Waiting, LATER)?);
        assert!(record::update_status(tx, acme, "r-1", Waiting, Processing, LATER)?);
        let again = record::find(tx, acme, "r-1")?.expect("a record");
        assert_eq!((again.started, again.last_run, again.modified), (Some(NOW), Some(LATER), NOW));
        let runs = tx.query("SELECT num_runs FROM record WHERE uuid = $1", &["r-1".into()])?;
        assert_eq!(runs[0].integer(0)?, 2);
        Ok(())
    }

    pub(super) fn waiting_records_are_in_the_engines_index(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        for status in RecordStatus::ALL {
            let uuid = format!("r-{status:?}");
            let waits = matches!(status, RecordStatus::Waiting | RecordStatus::Scheduled);
            let waits_until = |tx: &mut dyn Tx, uuid: &str| -> Result<Cell> {
                let rows = tx.query("SELECT waits_until FROM record WHERE uuid = $1", &[uuid.into()])?;
                Ok(rows[0].0[0].clone())
            };
            let expected = |due: i64| if waits { Cell::Integer(due) } else { Cell::Null };
            record::insert(tx, &NewRecord { status, ..new_record(acme, orders, &uuid) })?;
            assert_eq!(waits_until(tx, &uuid)?, expected(NOW.0), "inserted as {status:?}");
            record::remove(tx, acme, &uuid)?;
            let uuid = format!("s-{status:?}");
            record::insert(tx, &NewRecord { due: LATER, ..new_record(acme, orders, &uuid) })?;
            record::update_status(tx, acme, &uuid, RecordStatus::Waiting, status, NOW)?;
            assert_eq!(waits_until(tx, &uuid)?, expected(LATER.0), "became {status:?}");
            if record::update(tx, acme, &uuid, "", status, NOW, NOW)? {
                assert_eq!(waits_until(tx, &uuid)?, expected(NOW.0), "updated to {status:?}");
            }
        }
        Ok(())
    }

    pub(super) fn webhooks_are_found_by_uri(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let (zeta, theirs) = customer_with_flow(tx, "zeta")?;
        let shop = application(tx, acme, "shop")?;
        let first = webhook::insert(tx, acme, orders, Some(shop), "secret-1", NOW)?;
        let second = webhook::insert(tx, acme, orders, None, "secret-2", LATER)?;
        let taken = webhook::insert(tx, zeta, theirs, None, "secret-1", NOW).expect_err("taken");
        assert_eq!(taken.code(), Code::Conflict);
        assert!(!taken.message().contains("secret-1"));
        let found = webhook::find_by_uri(tx, "secret-1")?.expect("a webhook");
        assert_eq!((found.id, found.customer, found.flow, found.application), (first, acme, orders, Some(shop)));
        assert_eq!((found.uri.as_str(), found.created), ("secret-1", NOW));
        assert_eq!(webhook::find_by_uri(tx, "SECRET-1")?, None);
        let ids: Vec<_> = webhook::list(tx, acme)?.into_iter().map(|webhook| webhook.id).collect();
        assert_eq!(ids, [first, second]);
        Ok(())
    }

    pub(super) fn payloads_are_listed_newest_first(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let hook = webhook::insert(tx, acme, orders, None, "secret", NOW)?;
        let payload = |uuid: &str| WebhookPayload {
            uuid: uuid.into(),
            webhook: hook,
            customer: acme,
            payload: "<a/>".into(),
            address: "192.0.2.1".into(),
            received: LATER,
        };
        for uuid in ["u-1", "u-3", "u-2"] {
            webhook::insert_payload(tx, &payload(uuid))?;
        }
        assert_eq!(webhook::find_payloads(tx, acme, hook, 2)?, [payload("u-3"), payload("u-2")]);
        assert_eq!(webhook::find_payloads(tx, acme, hook + 1, 2)?, []);
        Ok(())
    }

    pub(super) fn audit_entries_are_listed_newest_first(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        for (customer, target) in [(Some(acme), "1"), (Some(zeta), "2"), (None, "3"), (Some(acme), "4")] {
            audit::insert(tx, &Entry { at: NOW, customer, actor: "root", verb: "insertFlow", target })?;
        }
        let targets = |entries: Vec<audit::StoredEntry>| -> Vec<String> {
            entries.into_iter().map(|entry| entry.target).collect()
        };
        assert_eq!(targets(audit::list(tx, None, 3)?), ["4", "3", "2"]);
        let mine = audit::list(tx, Some(acme), 10)?;
        assert_eq!((mine[0].at, mine[0].customer, mine[0].actor.as_str()), (NOW, Some(acme), "root"));
        assert_eq!(mine[0].verb, "insertFlow");
        assert_eq!(targets(mine), ["4", "1"]);
        Ok(())
    }

    pub(super) fn what_belongs_to_one_customer_is_hidden_from_another(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let zeta = customer(tx, "zeta")?;
        application(tx, acme, "shop")?;
        flow::publish(tx, acme, orders, FlowStatus::Public, NOW)?;
        record::insert(tx, &new_record(acme, orders, "r-1"))?;
        let hook = webhook::insert(tx, acme, orders, None, "secret", NOW)?;
        let payload = WebhookPayload {
            uuid: "u".into(),
            webhook: hook,
            customer: acme,
            payload: String::new(),
            address: String::new(),
            received: NOW,
        };
        webhook::insert_payload(tx, &payload)?;
        assert_eq!(account::find_application(tx, zeta, "shop")?, None);
        assert_eq!(account::list_applications(tx, zeta)?, []);
        assert_eq!(schema::find(tx, zeta)?, None);
        assert_eq!((flow::find(tx, zeta, orders)?, flow::find_by_name(tx, zeta, "orders")?), (None, None));
        assert_eq!((flow::list(tx, zeta)?, flow::versions(tx, zeta, orders)?), (vec![], vec![]));
        assert_eq!(flow::find_version(tx, zeta, orders, 1)?, None);
        assert!(!flow::update_draft(tx, zeta, orders, "mine", NOW)?);
        assert_eq!(flow::publish(tx, zeta, orders, FlowStatus::Public, NOW)?, None);
        assert!(!flow::update_status(tx, zeta, orders, FlowStatus::Public, FlowStatus::Inactive, NOW)?);
        let (waiting, finished) = (RecordStatus::Waiting, RecordStatus::Finished);
        assert_eq!(record::find(tx, zeta, "r-1")?, None);
        assert!(!record::update(tx, zeta, "r-1", "mine", waiting, NOW, NOW)?);
        assert!(!record::update_status(tx, zeta, "r-1", waiting, finished, NOW)?);
        assert!(!record::remove(tx, zeta, "r-1")?);
        assert_eq!(webhook::list(tx, zeta)?, []);
        assert_eq!(webhook::find_payloads(tx, zeta, hook, 9)?, []);
        assert_eq!(record::find(tx, acme, "r-1")?.expect("untouched").status, waiting);
        Ok(())
    }

    pub(super) fn secrets_are_kept_by_customer_and_name(tx: &mut dyn Tx) -> Result<()> {
        let (acme, zeta) = (customer(tx, "acme")?, customer(tx, "zeta")?);
        assert!(!secret::update(tx, acme, "b", b"none", NOW)?);
        assert!(secret::insert(tx, acme, "b", b"one", NOW)? && secret::insert(tx, acme, "a", b"two", NOW)?);
        assert!(secret::insert(tx, zeta, "b", b"theirs", NOW)?);
        assert!(!secret::insert(tx, acme, "b", b"other", LATER)?, "there is one");
        assert!(secret::update(tx, acme, "b", b"three", LATER)?);
        let listed = |name: &str, modified| Secret { name: name.to_owned(), created: NOW, modified };
        assert_eq!(secret::list(tx, acme)?, [listed("a", NOW), listed("b", LATER)]);
        let sealed = |customer, name: &str, bytes: &[u8]| SealedSecret {
            customer,
            name: name.to_owned(),
            sealed: bytes.to_vec(),
        };
        secret::update_sealed(tx, &sealed(acme, "a", b"anew"))?;
        assert_eq!(secret::list(tx, acme)?, [listed("a", NOW), listed("b", LATER)], "sealed anew is not modified");
        let all = [sealed(acme, "a", b"anew"), sealed(acme, "b", b"three"), sealed(zeta, "b", b"theirs")];
        assert_eq!(secret::list_all(tx)?, all);
        assert_eq!(secret::list_sealed(tx, zeta)?, [("b".to_owned(), b"theirs".to_vec())]);
        assert!(secret::remove(tx, acme, "b")? && !secret::remove(tx, acme, "b")?);
        assert_eq!(secret::list_all(tx)?, [sealed(acme, "a", b"anew"), sealed(zeta, "b", b"theirs")]);
        tx.execute("DELETE FROM customer WHERE id = $1", &[acme.0.into()])?;
        assert_eq!(secret::list_all(tx)?.len(), 1);
        Ok(())
    }

    pub(super) fn what_belongs_to_a_customer_goes_with_it(tx: &mut dyn Tx) -> Result<()> {
        let (acme, orders) = customer_with_flow(tx, "acme")?;
        let (zeta, theirs) = customer_with_flow(tx, "zeta")?;
        let shop = application(tx, acme, "shop")?;
        token::insert(tx, b"t", TokenKind::Access, &new_token(shop, None))?;
        flow::publish(tx, acme, orders, FlowStatus::Public, NOW)?;
        record::insert(tx, &new_record(acme, orders, "r-1"))?;
        record::insert(tx, &new_record(zeta, theirs, "r-1"))?;
        webhook::insert(tx, acme, orders, Some(shop), "secret", NOW)?;
        tx.execute("DELETE FROM customer WHERE id = $1", &[acme.0.into()])?;
        assert_eq!(token::find(tx, b"t", TokenKind::Access)?, None);
        assert_eq!(record::find(tx, acme, "r-1")?, None);
        assert_eq!(webhook::find_by_uri(tx, "secret")?, None);
        assert!(record::find(tx, zeta, "r-1")?.is_some());
        let orphan = record::insert(tx, &new_record(zeta, FlowId(9), "r-2")).expect_err("no such flow");
        assert_eq!(orphan.code(), Code::Internal);
        Ok(())
    }
}

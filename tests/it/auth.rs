//! Credentials, addresses, scopes, tokens and allowances, against a real store and a clock that is moved by hand.

use std::net::IpAddr;

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::auth::{self, Caller, Credential, limit};
use flowgate::config::Config;
use flowgate::error::{Code, Error};
use flowgate::model::account::Compatibility;
use flowgate::model::scope::{Scope, Scopes};
use flowgate::model::time::Timestamp;
use flowgate::operation::account::{AddApplication, AddCustomer, RotateKey, Rotated};
use flowgate::operation::flow::{AddFlow, PublishFlow, UpdateDraft};
use flowgate::operation::token::IssueToken;
use flowgate::operation::webhook::{AddWebhook, WebhookChange};
use flowgate::operation::{Operation, execute};
use flowgate::store::{Options, Store, account, audit};
use tempfile::TempDir;

use crate::support::SMALLEST;

pub(crate) const HOME: &str = "192.0.2.7";
pub(crate) const DAY: i64 = 86_400_000;

/// A gateway with one customer `Shop` and its application `orders`.
pub(crate) struct Gateway {
    pub(crate) app: App,
    pub(crate) operator: Caller,
    _directory: TempDir,
}

impl Gateway {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Gateway {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = Config::for_testing();
        config.store.directory = directory.path().to_owned();
        change(&mut config);
        let store = Store::open(directory.path(), &Options::default()).expect("a store");
        let app = App::new(config, store, Clock::fixed(Timestamp(1_800_000_000_000)));
        let add = AddCustomer { name: "Shop".to_owned(), api_key: Some("api-key".to_owned()) };
        let added = execute(&app, &auth::operator(None), add).await.expect("a customer");
        let gateway = Gateway { app, operator: auth::operator(Some(added.customer)), _directory: directory };
        gateway.run(orders()).await.expect("an application");
        gateway
    }

    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        execute(&self.app, &self.operator, operation).await
    }

    pub(crate) fn call(&self, credential: &Credential, address: &str) -> Result<Caller, Error> {
        auth::authenticate(&self.app, credential, address.parse::<IpAddr>().expect("an address"))
    }
}

pub(crate) fn orders() -> AddApplication {
    AddApplication {
        name: "orders".to_owned(),
        description: String::new(),
        addresses: vec!["192.0.2.0/24".to_owned(), "2001:db8::/32".to_owned()],
        scopes: Scopes::parse("record schema.read").expect("scopes"),
        oauth2: true,
        rate_limit: None,
        compatibility: Compatibility::default(),
        app_key: Some("app-key".to_owned()),
        client: Some(("client".to_owned(), "secret".to_owned())),
    }
}

pub(crate) fn keys(api: &str, app: &str) -> Credential {
    Credential::Keys { api: api.to_owned(), app: app.to_owned() }
}

pub(crate) fn client(id: &str, secret: &str) -> Credential {
    Credential::Client { id: id.to_owned(), secret: secret.to_owned() }
}

pub(crate) fn refusal(outcome: Result<Caller, Error>) -> (Code, String) {
    let error = outcome.expect_err("a refusal");
    (error.code(), error.message().to_owned())
}

#[tokio::test]
async fn unknown_and_wrong_credentials_get_the_same_answer() {
    let gateway = Gateway::start(|_| {}).await;
    gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller");
    let long = "x".repeat(513);
    for (api, app) in [
        ("api-key", "wrong"),
        ("wrong", "app-key"),
        ("unknown", "unknown"),
        ("app-key", "api-key"),
        ("", ""),
        ("api-key", ""),
        (&long, "app-key"),
        ("api-key", &long),
        ("api-key ", "app-key"),
        ("API-KEY", "app-key"),
    ] {
        let basic = Credential::Basic { user: api.to_owned(), password: app.to_owned() };
        for credential in [keys(api, app), basic] {
            let expected = (Code::Unauthenticated, "The credentials are not correct.".to_owned());
            assert_eq!(refusal(gateway.call(&credential, HOME)), expected, "{api} {app}");
        }
    }
}

#[tokio::test]
async fn basic_credentials_are_the_same_keys() {
    let gateway = Gateway::start(|_| {}).await;
    let basic = Credential::Basic { user: "api-key".to_owned(), password: "app-key".to_owned() };
    let caller = gateway.call(&basic, HOME).expect("a caller");
    assert_eq!(caller.actor(), "application:orders");
    assert_eq!(caller.customer().name, "Shop");
    assert_eq!(caller.address().to_string(), HOME);
    assert!(!format!("{basic:?}").contains("key"), "{basic:?}");
}

#[tokio::test]
async fn only_listed_addresses_are_admitted() {
    let gateway = Gateway::start(|_| {}).await;
    for (address, admitted) in [
        ("192.0.2.7", true),
        ("::ffff:192.0.2.7", true),
        ("2001:db8::7", true),
        ("192.0.3.7", false),
        ("127.0.0.1", false),
        ("2001:db9::7", false),
    ] {
        let outcome = gateway.call(&keys("api-key", "app-key"), address);
        if admitted {
            outcome.expect(address);
        } else {
            let message = format!("The address {address} is not allowed for this application");
            assert_eq!(refusal(outcome), (Code::AddressRefused, message));
        }
    }
}

#[tokio::test]
async fn an_application_may_do_what_it_was_granted() {
    let gateway = Gateway::start(|_| {}).await;
    let caller = gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller");
    assert!(caller.grants(Scope::RecordDelete) && caller.grants(Scope::SchemaRead));
    let error = caller.require(Scope::Schema).expect_err("a refusal");
    assert_eq!(error.code(), Code::Forbidden);
    assert_eq!(error.message(), "The permissions are not correct: scope 'schema' is needed");
    let flow = || AddFlow { name: "Leads".to_owned(), description: String::new(), graph: SMALLEST.to_owned() };
    let error = execute(&gateway.app, &caller, flow()).await.expect_err("no scope for flows");
    assert_eq!(error.message(), "The permissions are not correct: scope 'flowdiagram' is needed");
    let rotate = RotateKey { secret: Rotated::ApiKey };
    let error = execute(&gateway.app, &caller, rotate).await.err().expect("the operator's business");
    assert_eq!(error.code(), Code::Forbidden);
    gateway.run(flow()).await.expect("the operator may");
}

#[tokio::test]
async fn tokens_expire() {
    let gateway = Gateway::start(|config| config.auth.token_lifetime = 2).await;
    let tokens = gateway.run(IssueToken { application: "orders".to_owned() }).await.expect("tokens");
    let bearer = Credential::Bearer(tokens.access);
    gateway.call(&bearer, HOME).expect("a fresh token");
    gateway.app.clock.advance(2 * DAY - 1);
    gateway.call(&bearer, HOME).expect("a token in its last millisecond");
    gateway.app.clock.advance(1);
    let expected = (Code::TokenInvalid, "Invalid Token Error".to_owned());
    assert_eq!(refusal(gateway.call(&bearer, HOME)), expected);
    for wrong in [tokens.refresh.as_str(), "unknown", "", &"x".repeat(600)] {
        assert_eq!(refusal(gateway.call(&Credential::Bearer(wrong.to_owned()), HOME)), expected);
    }
}

#[tokio::test]
async fn a_token_does_not_widen_the_addresses() {
    let gateway = Gateway::start(|_| {}).await;
    let tokens = gateway.run(IssueToken { application: "orders".to_owned() }).await.expect("tokens");
    assert_eq!(refusal(gateway.call(&Credential::Bearer(tokens.access), "127.0.0.1")).0, Code::AddressRefused);
}

#[tokio::test]
async fn tokens_are_only_issued_with_oauth2() {
    let gateway = Gateway::start(|_| {}).await;
    let plain = AddApplication { name: "plain".to_owned(), oauth2: false, app_key: None, ..orders() };
    assert!(gateway.run(plain).await.expect("an application").client.is_none());
    let error = gateway.run(IssueToken { application: "plain".to_owned() }).await.err().expect("a refusal");
    assert_eq!(error.code(), Code::InvalidInput);
    let error = gateway.run(IssueToken { application: "none".to_owned() }).await.err().expect("a refusal");
    assert_eq!(error.message(), "There is no application 'none'");
}

#[tokio::test]
async fn a_client_proves_itself_with_its_secret() {
    let gateway = Gateway::start(|_| {}).await;
    let caller = gateway.call(&client("client", "secret"), HOME).expect("a client");
    assert_eq!((caller.actor(), caller.client_id()), ("application:orders", Some("client")));
    assert!(caller.grants(Scope::Record) && !caller.grants(Scope::Schema));
    assert!(!format!("{:?}", client("client", "secret")).contains("secret"));
    let expected = (Code::Unauthenticated, "The credentials are not correct.".to_owned());
    let long = "x".repeat(513);
    for (id, secret) in [("client", "wrong"), ("unknown", "secret"), ("", ""), ("client", &long), (&long, "secret")] {
        assert_eq!(refusal(gateway.call(&client(id, secret), HOME)), expected, "{id}");
    }
    assert_eq!(refusal(gateway.call(&client("client", "secret"), "127.0.0.1")).0, Code::AddressRefused);
    let by_keys = gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller");
    assert_eq!(by_keys.client_id(), None);
}

#[tokio::test]
async fn rotation_takes_effect_at_once() {
    let gateway = Gateway::start(|_| {}).await;
    gateway.call(&keys("api-key", "app-key"), HOME).expect("the old keys");
    let api = gateway.run(RotateKey { secret: Rotated::ApiKey }).await.expect("a key").secret;
    assert_eq!(refusal(gateway.call(&keys("api-key", "app-key"), HOME)).0, Code::Unauthenticated);
    gateway.call(&keys(&api, "app-key"), HOME).expect("the new API key");
    let app = gateway.run(RotateKey { secret: Rotated::AppKey("orders".to_owned()) }).await.expect("a key").secret;
    assert_eq!(refusal(gateway.call(&keys(&api, "app-key"), HOME)).0, Code::Unauthenticated);
    gateway.call(&keys(&api, &app), HOME).expect("both new keys");
    gateway.call(&client("client", "secret"), HOME).expect("the old secret");
    let rotate = RotateKey { secret: Rotated::ClientSecret("orders".to_owned()) };
    let rotated = gateway.run(rotate).await.expect("a secret");
    assert_eq!(rotated.client_id.as_deref(), Some("client"));
    gateway.call(&client("client", "secret"), HOME).expect_err("the old secret");
    gateway.call(&client("client", &rotated.secret), HOME).expect("the new secret");
}

#[tokio::test]
async fn a_change_of_an_application_takes_effect_at_once() {
    let gateway = Gateway::start(|_| {}).await;
    let tokens = gateway.run(IssueToken { application: "orders".to_owned() }).await.expect("tokens");
    let bearer = Credential::Bearer(tokens.access);
    let caller = gateway.call(&bearer, HOME).expect("a caller");
    let mut changed = caller.application().expect("an application").clone();
    changed.oauth2 = false;
    changed.scopes = Scopes::parse("schema.read").expect("scopes");
    gateway.app.store.administer(move |tx| account::update_application(tx, &changed)).await.expect("a change");
    assert_eq!(refusal(gateway.call(&bearer, HOME)).0, Code::TokenInvalid);
    let caller = gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller");
    assert!(!caller.grants(Scope::Record));
}

#[tokio::test]
async fn an_allowance_is_used_up_and_refills() {
    let gateway = Gateway::start(|config| config.auth.rate_limit = 2).await;
    let call = || gateway.call(&keys("api-key", "app-key"), HOME);
    let allowance = call().expect("a caller").allowance().expect("an allowance");
    assert_eq!((allowance.limit, allowance.remaining, allowance.reset), (2, 1, 30));
    call().expect("a caller");
    let error = call().expect_err("a refusal");
    assert_eq!((error.code(), error.message()), (Code::RateLimited, "Too many requests."));
    let allowance = limit::allowance_of(&error).expect("an allowance");
    assert_eq!((allowance.limit, allowance.remaining, allowance.reset), (2, 0, 60));
    gateway.app.clock.advance(29_000);
    call().expect_err("a refusal");
    gateway.app.clock.advance(1_001);
    call().expect("a caller");
    // Refused addresses use nothing up.
    gateway.app.clock.advance(30_000);
    gateway.call(&keys("api-key", "app-key"), "127.0.0.1").expect_err("a refusal");
    call().expect("a caller");
}

#[tokio::test]
async fn applications_and_webhooks_have_allowances_of_their_own() {
    let gateway = Gateway::start(|config| config.auth.rate_limit = 1).await;
    let busy = AddApplication {
        name: "busy".to_owned(),
        rate_limit: Some(0),
        oauth2: false,
        app_key: Some("busy".to_owned()),
        client: None,
        ..orders()
    };
    gateway.run(busy).await.expect("an application");
    let graph = SMALLEST.to_owned();
    gateway.run(AddFlow { name: "Leads".to_owned(), description: String::new(), graph }).await.expect("a flow");
    for uri in ["one", "two"] {
        let (flow, uri) = ("Leads".to_owned(), Some(uri.to_owned()));
        gateway
            .run(AddWebhook { flow, uri, application: None, change: WebhookChange::default() })
            .await
            .expect("a webhook");
    }
    for _ in 0..5 {
        assert_eq!(gateway.call(&keys("api-key", "busy"), HOME).expect("no limit").allowance(), None);
    }
    gateway.call(&keys("api-key", "app-key"), HOME).expect("the first");
    gateway.call(&keys("api-key", "app-key"), HOME).expect_err("the second");
    for uri in ["one", "two"] {
        gateway.call(&Credential::Webhook(uri.to_owned()), HOME).expect("the first");
        gateway.call(&Credential::Webhook(uri.to_owned()), HOME).expect_err("the second");
    }
}

#[tokio::test]
async fn a_window_of_zero_turns_limits_off() {
    let gateway = Gateway::start(|config| {
        config.auth.rate_limit = 1;
        config.auth.rate_window = std::time::Duration::ZERO;
    })
    .await;
    for _ in 0..3 {
        gateway.call(&keys("api-key", "app-key"), HOME).expect("no limit");
    }
}

#[tokio::test]
async fn a_webhook_is_known_by_its_uri_alone() {
    let gateway = Gateway::start(|_| {}).await;
    let graph = SMALLEST.to_owned();
    gateway.run(AddFlow { name: "Leads".to_owned(), description: String::new(), graph }).await.expect("a flow");
    let add = |flow: &str, uri: Option<&str>| AddWebhook {
        flow: flow.to_owned(),
        uri: uri.map(str::to_owned),
        application: Some("orders".to_owned()),
        change: WebhookChange::default(),
    };
    let uri = gateway.run(add("1", None)).await.expect("a webhook");
    assert_eq!(uri.len(), 32);
    for spelling in [uri.clone(), format!("/{uri}")] {
        let caller = gateway.call(&Credential::Webhook(spelling), "203.0.113.9").expect("a caller");
        assert_eq!((caller.customer().name.as_str(), caller.actor()), ("Shop", "webhook:1"));
        assert_eq!(caller.application().expect("an application").name, "orders");
        assert!(!caller.grants(Scope::RecordRead));
    }
    let (unknown, message) = ("x".repeat(300), "There is no webhook with this Uri".to_owned());
    assert_eq!(refusal(gateway.call(&Credential::Webhook(unknown), HOME)), (Code::NotFound, message));
    for bad in ["a b", "a/b", ""] {
        assert_eq!(gateway.run(add("Leads", Some(bad))).await.expect_err(bad).code(), Code::InvalidInput);
    }
    gateway.run(add("Leads", Some("hook"))).await.expect("a webhook");
    assert_eq!(gateway.run(add("Leads", Some("hook"))).await.expect_err("taken").code(), Code::Conflict);
    assert_eq!(gateway.run(add("None", None)).await.expect_err("no flow").code(), Code::NotFound);
}

#[tokio::test]
async fn flows_are_published_version_by_version() {
    let gateway = Gateway::start(|_| {}).await;
    let name = || "Leads".to_owned();
    let add = || AddFlow { name: name(), description: String::new(), graph: SMALLEST.to_owned() };
    gateway.run(add()).await.expect("a flow");
    assert_eq!(gateway.run(add()).await.expect_err("a repeat").code(), Code::Conflict);
    let published = gateway.run(PublishFlow { flow: name() }).await.expect("a version");
    assert_eq!((published.id.0, published.version, published.status.name()), (1, 1, "public"));
    let error = gateway.run(PublishFlow { flow: name() }).await.err().expect("no draft");
    assert_eq!(error.message(), "The flow 'Leads' has no draft to publish");
    let draft = |graph: &str| UpdateDraft { flow: "1".to_owned(), graph: graph.to_owned(), expected: None };
    assert_eq!(gateway.run(draft("[]")).await.expect_err("no object").code(), Code::InvalidInput);
    gateway.run(draft(SMALLEST)).await.expect("a draft");
    assert_eq!(gateway.run(PublishFlow { flow: name() }).await.expect("a version").version, 2);
}

#[tokio::test]
async fn what_administers_is_audited_with_the_change() {
    let gateway = Gateway::start(|_| {}).await;
    gateway.run(RotateKey { secret: Rotated::AppKey("orders".to_owned()) }).await.expect("a key");
    gateway.run(RotateKey { secret: Rotated::AppKey("none".to_owned()) }).await.err().expect("a refusal");
    let entries = gateway.app.store.peek(|tx| audit::list(tx, None, 10)).expect("entries");
    let entries: Vec<_> = entries.iter().map(|entry| (entry.actor.as_str(), entry.verb.as_str())).collect();
    let expected = [("operator", "rotateKey"), ("operator", "addApplication"), ("operator", "addCustomer")];
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn bad_names_and_lists_are_refused() {
    let gateway = Gateway::start(|_| {}).await;
    let refused = [
        AddApplication { name: String::new(), ..orders() },
        AddApplication { name: "a".repeat(129), ..orders() },
        AddApplication { name: "a\nb".to_owned(), ..orders() },
        AddApplication { name: "new".to_owned(), description: "d".repeat(513), ..orders() },
        AddApplication { name: "new".to_owned(), addresses: Vec::new(), ..orders() },
        AddApplication { name: "new".to_owned(), addresses: vec!["home".to_owned()], ..orders() },
        AddApplication { name: "new".to_owned(), scopes: Scopes::default(), ..orders() },
        AddApplication { name: "new".to_owned(), app_key: Some("k".repeat(513)), ..orders() },
    ];
    for operation in refused {
        assert_eq!(gateway.run(operation).await.err().expect("a refusal").code(), Code::InvalidInput);
    }
    assert_eq!(gateway.run(orders()).await.err().expect("a repeat").code(), Code::Conflict);
}

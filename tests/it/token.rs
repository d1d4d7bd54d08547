//! Tokens from within: how they follow one another and end, what they grant, and what becomes of failed attempts.

use std::collections::HashSet;

use flowgate::auth::token::{Refreshed, Tokens, Validity};
use flowgate::auth::{self, Caller, Credential, limit, token};
use flowgate::config::Config;
use flowgate::error::{Code, Error};
use flowgate::model::scope::{Scope, Scopes};
use flowgate::operation::account::AddApplication;
use flowgate::operation::token::{
    CheckAuthentication, GrantToken, IntrospectToken, IssueToken, RefreshToken, RevokeToken, RevokeTokens,
};
use flowgate::operation::{Operation, execute};
use flowgate::store::{account, audit};
use futures_util::FutureExt;

use crate::auth::{DAY, Gateway, HOME, client, keys, orders, refusal};

/// A gateway whose application `orders` has called with its client id and secret.
struct Session {
    gateway: Gateway,
    caller: Caller,
}

impl Session {
    async fn start(change: impl FnOnce(&mut Config)) -> Session {
        let gateway = Gateway::start(change).await;
        let caller = gateway.call(&client("client", "secret"), HOME).expect("a client");
        Session { gateway, caller }
    }

    async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        execute(&self.gateway.app, &self.caller, operation).await
    }

    async fn log_in(&self) -> Tokens {
        self.run(CheckAuthentication).await.expect("tokens")
    }

    async fn refresh(&self, refresh_token: &str) -> Result<Refreshed, Error> {
        self.run(RefreshToken { refresh_token: refresh_token.to_owned() }).await
    }

    fn bearer(&self, token: &str) -> Result<Caller, Error> {
        self.gateway.call(&Credential::Bearer(token.to_owned()), HOME)
    }

    async fn revoke(&self, token: &str) {
        self.run(RevokeToken { token: token.to_owned() }).await.expect("a revocation");
    }

    async fn is_active(&self, token: &str) -> bool {
        self.run(IntrospectToken { token: token.to_owned() }).await.expect("an answer").is_some()
    }
}

fn scopes(names: &str) -> Scopes {
    Scopes::parse(names).expect("scopes")
}

#[tokio::test]
async fn a_client_logs_in_and_refreshes_its_access_token() {
    let session = Session::start(|config| config.auth.token_lifetime = 2).await;
    let tokens = session.log_in().await;
    assert_eq!((tokens.access.len(), tokens.refresh.len()), (64, 64));
    assert_eq!(tokens.expires.0, session.gateway.app.clock.now().0 + 2 * DAY);
    assert_eq!(session.bearer(&tokens.access).expect("a caller").actor(), "application:orders");
    session.gateway.app.clock.advance(2 * DAY);
    assert_eq!(refusal(session.bearer(&tokens.access)).0, Code::TokenInvalid);
    // Refresh tokens do not expire, and stay as long as the settings do not replace them.
    for _ in 0..2 {
        let refreshed = session.refresh(&tokens.refresh).await.expect("a token");
        assert!(refreshed.refresh.is_none());
        assert_eq!(refreshed.expires.0, session.gateway.app.clock.now().0 + 2 * DAY);
        session.bearer(&refreshed.access).expect("a caller");
    }
    assert_eq!(refusal(session.bearer(&tokens.refresh)).0, Code::TokenInvalid, "a refresh token calls nothing");
    for wrong in [tokens.access.as_str(), "unknown", "", &"x".repeat(600)] {
        let error = session.refresh(wrong).await.err().expect("a refusal");
        assert_eq!((error.code(), error.message()), (Code::TokenInvalid, "Invalid Token Error"));
    }
}

#[tokio::test]
async fn only_a_client_id_and_secret_give_tokens() {
    let session = Session::start(|_| {}).await;
    let tokens = session.log_in().await;
    let others = [
        session.bearer(&tokens.access).expect("a caller"),
        session.gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller"),
        session.gateway.operator.clone(),
    ];
    for caller in others {
        let app = &session.gateway.app;
        let token = tokens.access.clone();
        let outcomes = [
            execute(app, &caller, CheckAuthentication).await.err(),
            execute(app, &caller, RefreshToken { refresh_token: tokens.refresh.clone() }).await.err(),
            execute(app, &caller, GrantToken { scopes: None }).await.err(),
            execute(app, &caller, IntrospectToken { token: token.clone() }).await.err(),
            execute(app, &caller, RevokeToken { token }).await.err(),
        ];
        for error in outcomes {
            assert_eq!(error.expect("a refusal").code(), Code::Forbidden, "{}", caller.actor());
        }
    }
    session.bearer(&tokens.access).expect("not revoked");
}

#[tokio::test]
async fn a_replaced_refresh_token_that_is_used_again_ends_its_family() {
    let session = Session::start(|config| config.auth.rotate_refresh_tokens = true).await;
    let (first, other) = (session.log_in().await, session.log_in().await);
    let second = session.refresh(&first.refresh).await.expect("tokens");
    let successor = second.refresh.expect("a refresh token");
    assert_ne!(successor, first.refresh);
    let third = session.refresh(&successor).await.expect("tokens");
    for access in [&first.access, &second.access, &third.access] {
        session.bearer(access).expect("a caller");
    }
    let error = session.refresh(&first.refresh).await.err().expect("it was replaced");
    assert_eq!((error.code(), error.message()), (Code::TokenInvalid, "Invalid Token Error"));
    for access in [&first.access, &second.access, &third.access] {
        assert_eq!(refusal(session.bearer(access)).0, Code::TokenInvalid);
    }
    session.refresh(&third.refresh.expect("a refresh token")).await.err().expect("the family has ended");
    session.bearer(&other.access).expect("another log-in");
    session.refresh(&other.refresh).await.expect("another log-in");
}

#[tokio::test]
async fn replaced_refresh_tokens_are_forgotten_after_a_lifetime() {
    let session = Session::start(|config| config.auth.rotate_refresh_tokens = true).await;
    let first = session.log_in().await;
    let second = session.refresh(&first.refresh).await.expect("tokens");
    session.gateway.app.clock.advance(31 * DAY);
    let third = session.refresh(&second.refresh.expect("a refresh token")).await.expect("it does not expire");
    session.refresh(&first.refresh).await.err().expect("it was replaced");
    session.bearer(&third.access).expect("nobody remembers the first");
}

#[tokio::test]
async fn revoking_takes_effect_with_the_next_request() {
    let session = Session::start(|_| {}).await;
    let (one, other) = (session.log_in().await, session.log_in().await);
    let refreshed = session.refresh(&one.refresh).await.expect("a token");
    session.bearer(&one.access).expect("remembered from here on");
    session.revoke(&one.access).await;
    assert_eq!(refusal(session.bearer(&one.access)).0, Code::TokenInvalid);
    session.bearer(&refreshed.access).expect("an access token is revoked alone");
    session.revoke(&one.refresh).await;
    assert_eq!(refusal(session.bearer(&refreshed.access)).0, Code::TokenInvalid);
    session.refresh(&one.refresh).await.err().expect("revoked");
    session.bearer(&other.access).expect("another log-in");
    let generation = session.gateway.app.store.generation();
    for unknown in ["unknown", "", &one.access] {
        session.revoke(unknown).await;
    }
    assert_eq!(session.gateway.app.store.generation(), generation, "nothing is forgotten for nothing");
}

#[tokio::test]
async fn tokens_of_other_applications_are_nobodys() {
    let session = Session::start(|_| {}).await;
    let tokens = session.log_in().await;
    let till = AddApplication {
        name: "till".to_owned(),
        app_key: None,
        client: Some(("till".to_owned(), "secret".to_owned())),
        ..orders()
    };
    session.gateway.run(till).await.expect("an application");
    let caller = session.gateway.call(&client("till", "secret"), HOME).expect("a client");
    let till = Session { gateway: session.gateway, caller };
    assert!(!till.is_active(&tokens.access).await && !till.is_active(&tokens.refresh).await);
    till.refresh(&tokens.refresh).await.err().expect("not its own");
    till.revoke(&tokens.access).await;
    till.revoke(&tokens.refresh).await;
    till.bearer(&tokens.access).expect("left alone");
    let session = Session { caller: till.gateway.call(&client("client", "secret"), HOME).expect("a client"), ..till };
    assert!(session.is_active(&tokens.access).await && session.is_active(&tokens.refresh).await);
    session.gateway.app.clock.advance(31 * DAY);
    assert!(!session.is_active(&tokens.access).await && session.is_active(&tokens.refresh).await);
}

#[tokio::test]
async fn a_granted_token_grants_what_was_asked_for() {
    let session = Session::start(|_| {}).await;
    let all = session.run(GrantToken { scopes: None }).await.expect("a token");
    assert_eq!((all.scopes, all.lifetime), (scopes("record schema.read"), 30 * DAY));
    let narrow = session.run(GrantToken { scopes: Some(scopes("record.read")) }).await.expect("a token");
    assert_eq!(narrow.scopes.names(), ["record.read"]);
    let caller = session.bearer(&narrow.access).expect("a caller");
    assert!(caller.grants(Scope::RecordRead) && !caller.grants(Scope::Record) && !caller.grants(Scope::SchemaRead));
    let error = session.run(GrantToken { scopes: Some(scopes("record schema")) }).await.err().expect("a refusal");
    assert_eq!(error.code(), Code::Forbidden);
    assert_eq!(error.message(), "The permissions are not correct: scope 'schema' is not granted");

    // What the application loses its tokens lose, and what it wins a narrow one does not.
    let mut changed = caller.application().expect("an application").clone();
    changed.scopes = scopes("schema record.delete");
    let administer =
        |changed| session.gateway.app.store.administer(move |tx| account::update_application(tx, &changed));
    administer(changed.clone()).await.expect("a change");
    assert_eq!(session.bearer(&narrow.access).expect("a caller").scopes(), Scopes::default());
    assert!(session.bearer(&all.access).expect("a caller").grants(Scope::Schema));
    changed.scopes = Scopes::all();
    administer(changed.clone()).await.expect("a change");
    assert_eq!(session.bearer(&narrow.access).expect("a caller").scopes(), scopes("record.read"));
    changed.oauth2 = false;
    administer(changed).await.expect("a change");
    for access in [&all.access, &narrow.access] {
        assert_eq!(refusal(session.bearer(access)).0, Code::TokenInvalid);
    }
    assert_eq!(refusal(session.gateway.call(&client("client", "secret"), HOME)).0, Code::Unauthenticated);
}

#[tokio::test]
async fn a_request_can_ask_for_less_than_it_is_granted() {
    let session = Session::start(|_| {}).await;
    let caller = || session.gateway.call(&keys("api-key", "app-key"), HOME).expect("a caller");
    assert!(caller().grants(Scope::Record), "without a list all is granted");
    let narrowed = caller().narrowed(scopes("record.delete schema.read")).expect("a subset");
    assert!(narrowed.grants(Scope::RecordDelete) && !narrowed.grants(Scope::RecordRead));
    assert_eq!(narrowed.require(Scope::Record).expect_err("not asked for").code(), Code::Forbidden);
    let error = narrowed.narrowed(scopes("record.read")).expect_err("it was given up");
    assert_eq!(error.message(), "The permissions are not correct: scope 'record.read' is not granted");
    let error = caller().narrowed(scopes("record flowdiagram")).expect_err("not granted");
    assert_eq!((error.code(), error.message().contains("'flowdiagram'")), (Code::Forbidden, true));
    // A narrowed client gets narrow tokens.
    let narrowed = session.caller.clone().narrowed(scopes("record.read")).expect("a subset");
    let tokens = execute(&session.gateway.app, &narrowed, CheckAuthentication).await.expect("tokens");
    let refreshed = session.refresh(&tokens.refresh).await.expect("a token");
    for access in [&tokens.access, &refreshed.access] {
        assert_eq!(session.bearer(access).expect("a caller").scopes(), scopes("record.read"));
    }
    assert!(auth::operator(None).grants(Scope::Schema));
}

#[tokio::test]
async fn the_operator_revokes_what_an_application_has() {
    let session = Session::start(|_| {}).await;
    let tokens = session.log_in().await;
    let issued = session.gateway.run(IssueToken { application: "orders".to_owned() }).await.expect("tokens");
    session.bearer(&tokens.access).expect("a caller");
    let revoke = || RevokeTokens { application: "orders".to_owned() };
    assert_eq!(session.gateway.run(revoke()).await.expect("a number"), 4);
    for access in [&tokens.access, &issued.access] {
        assert_eq!(refusal(session.bearer(access)).0, Code::TokenInvalid);
    }
    session.refresh(&issued.refresh).await.err().expect("revoked");
    assert_eq!(session.gateway.run(revoke()).await.expect("a number"), 0);
    let error = session.run(revoke()).await.expect_err("the operator's business");
    assert_eq!(error.code(), Code::Forbidden);
    let newest = session.gateway.app.store.peek(|tx| audit::list(tx, None, 1)).expect("entries");
    assert_eq!((newest[0].verb.as_str(), newest[0].target.as_str()), ("revokeTokens", "orders"));
}

#[tokio::test]
async fn ten_thousand_tokens_are_all_different() {
    let session = Session::start(|_| {}).await;
    let application = session.caller.application().expect("an application").clone();
    let validity = Validity { now: session.gateway.app.clock.now(), lifetime: DAY };
    let issue = session.gateway.app.store.write(move |tx| {
        let mut issued = Vec::new();
        for number in 0..5_000 {
            if number % 500 == 0 {
                flowgate::store::token::remove_all(tx, application.id)?;
            }
            let tokens = token::issue(tx, &application, None, validity)?;
            issued.extend([tokens.access, tokens.refresh]);
        }
        Ok(issued)
    });
    let issued = issue.await.expect("tokens");
    let is_hex = |token: &String| token.len() == 64 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    assert!(issued.iter().all(is_hex));
    // No part of one tells anything of another.
    for part in [0..64, 0..16, 48..64] {
        let parts: HashSet<_> = issued.iter().map(|token| &token[part.clone()]).collect();
        assert_eq!(parts.len(), 10_000);
    }
    assert!(!issued.is_sorted());
}

#[tokio::test]
async fn failed_attempts_beyond_an_allowance_are_answered_late_and_right_credentials_at_once() {
    let gateway = Gateway::start(|config| {
        config.auth.failure_limit = 3;
        config.auth.failure_delay = std::time::Duration::from_secs(30);
    })
    .await;
    let home: std::net::IpAddr = HOME.parse().expect("an address");
    let right = keys("api-key", "app-key");
    let wrong = [
        keys("api-key", "guess"),
        client("client", "guess"),
        Credential::Bearer("guess".to_owned()),
        Credential::Webhook("guess".to_owned()),
    ];
    for (credential, left) in wrong.iter().zip([2, 1, 0]) {
        let answered = auth::admit(&gateway.app, credential, home).now_or_never().expect("answered at once");
        let error = answered.expect_err("a refusal");
        assert!(!limit::is_excessive(&error));
        let allowance = limit::allowance_of(&error).expect("an allowance");
        assert_eq!((allowance.limit, allowance.remaining), (3, left));
    }
    for credential in &wrong {
        assert!(auth::admit(&gateway.app, credential, home).now_or_never().is_none(), "held back");
        let error = gateway.call(credential, HOME).expect_err("a refusal");
        assert!(limit::is_excessive(&error));
        assert_eq!(limit::allowance_of(&error).expect("an allowance").remaining, 0);
        let served = auth::admit(&gateway.app, &right, home).now_or_never().expect("at once");
        served.expect("right credentials are not held back");
    }
    // Neighbours are not concerned, and the allowance comes back.
    assert!(!limit::is_excessive(&gateway.call(&wrong[0], "192.0.2.8").expect_err("a refusal")));
    gateway.app.clock.advance(20_001);
    assert!(!limit::is_excessive(&gateway.call(&wrong[0], HOME).expect_err("a refusal")));
    assert!(limit::is_excessive(&gateway.call(&wrong[0], HOME).expect_err("a refusal")));
    // A refused address had the right credentials.
    let refused = gateway.call(&right, "127.0.0.1").expect_err("a refusal");
    assert_eq!((refused.code(), limit::allowance_of(&refused)), (Code::AddressRefused, None));
}

#[tokio::test]
async fn an_address_of_version_6_counts_for_its_network() {
    let gateway = Gateway::start(|config| config.auth.failure_limit = 1).await;
    let wrong = keys("api-key", "guess");
    let is_excessive = |address| limit::is_excessive(&gateway.call(&wrong, address).expect_err("a refusal"));
    assert!(!is_excessive("2001:db8::1"));
    assert!(is_excessive("2001:db8::ffff:0:0:2"));
    assert!(!is_excessive("2001:db8:0:1::1"));
}

#[tokio::test]
async fn wrong_refresh_tokens_are_failed_attempts_too() {
    let session = Session::start(|config| config.auth.failure_limit = 2).await;
    let mut excessive = Vec::new();
    for _ in 0..3 {
        excessive.push(limit::is_excessive(&session.refresh("guess").await.err().expect("a refusal")));
    }
    assert_eq!(excessive, [false, false, true]);
}

//! OAuth2 from outside: what a library of any language sees of the endpoints.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::auth::key;
use flowgate::error::Code;
use flowgate::facade::oauth::error::describe;
use flowgate::model::address::Network;
use flowgate::model::scope::Scopes;
use flowgate::store::account;
use serde_json::{Value, json};

use crate::message::{Form, call};
use crate::support::{Answer, NOW, Tenant, TestApp};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const GRANT: &str = "grant_type=client_credentials";
const CLIENT: &str = "client_id=client&client_secret=secret";

/// A gateway with an application `client`/`secret`, and another, `odd id+%&`/`odd: secret`.
fn gateway() -> (TestApp, Tenant) {
    let app = TestApp::start();
    let tenant = app.customer_with("Shop", "k", "a", |new| {
        new.scopes = Scopes::parse("record schema.read").expect("scopes");
        new.oauth2 = true;
        new.client_id = Some("client".to_owned());
        new.client_secret_hash = Some(key::hash("secret").to_vec());
    });
    app.customer_with("Other", "k2", "a2", |new| {
        new.oauth2 = true;
        new.client_id = Some("odd id+%&".to_owned());
        new.client_secret_hash = Some(key::hash("odd: secret").to_vec());
    });
    (app, tenant)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    app.call("POST", path, headers, body.as_bytes())
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.head);
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// An access token for these further parameters.
fn token(app: &TestApp, parameters: &str) -> String {
    let answer = post(app, "/oauth/token", &[FORM], &format!("{GRANT}&{CLIENT}{parameters}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    json_of(&answer)["access_token"].as_str().expect("a token").to_owned()
}

fn introspect(app: &TestApp, client: &str, token: &str) -> Value {
    let answer = post(app, "/oauth/introspect", &[FORM], &format!("{client}&token={token}"));
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.text());
    json_of(&answer)
}

/// The status of the fault, or 200, of a call that needs `schema.read`, with that token.
fn call_with(app: &TestApp, token: &str) -> String {
    let bearer = format!("Bearer {token}");
    let headers = [("Content-Type", Form::Literal11.content_type()), ("Authorization", bearer.as_str())];
    let answer = app.post(&headers, call(Form::Literal11, "getSchema", &[]).as_bytes());
    answer.element("Code").unwrap_or_else(|| panic!("no code: {}", answer.text()))
}

#[test]
fn a_client_gets_a_token_with_basic_or_with_parameters() {
    let (app, _) = gateway();
    let header = basic("client", "secret");
    let basic = [FORM, ("Authorization", header.as_str())];
    let named = format!("{GRANT}&client_id=client");
    let given = format!("{CLIENT}&{GRANT}&unknown=1&unknown=2&scope=");
    let charset = ("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    for (path, headers, body) in [
        ("/oauth/token", &basic[..], GRANT),
        ("/oauth/token/", &basic, &named),
        ("/oauth/token", &[FORM], &given),
        ("/oauth/token?ignored=1", &[charset], &format!("{GRANT}&{CLIENT}")),
    ] {
        let answer = post(&app, path, headers, body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        assert!(answer.header("x-ratelimit-remaining").is_some(), "{}", answer.head);
        assert!(answer.header("x-request-id").is_some(), "{}", answer.head);
        let mut reply = json_of(&answer);
        let token = reply["access_token"].take();
        let token = token.as_str().expect("a token");
        assert!(token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()), "{token}");
        let expected = json!({"access_token": null, "token_type": "bearer", "expires_in": 2_592_000, "scope": "schema.read record"});
        assert_eq!(reply, expected);
        // The customer has no schema; the token is good.
        assert_eq!(call_with(&app, token), "404");
    }
}

#[test]
fn names_in_basic_are_decoded_as_forms_are() {
    let (app, _) = gateway();
    for (user, password) in [("odd+id%2B%25%26", "odd%3A+secret"), ("odd%20id%2b%25%26", "odd: secret")] {
        let header = basic(user, password);
        let answer = post(&app, "/oauth/token", &[FORM, ("Authorization", &header)], GRANT);
        assert_eq!(answer.status, 200, "{user} {}", answer.text());
    }
    let answer = post(
        &app,
        "/oauth/token",
        &[FORM],
        &format!("{GRANT}&client_id=odd+id%2B%25%26&client_secret=odd%3a%20secret"),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn refusals_are_those_of_the_standard() {
    let (app, _) = gateway();
    let (right, wrong) = (basic("client", "secret"), basic("client", "wrong"));
    let full = format!("{GRANT}&{CLIENT}");
    let with = |more: &str| format!("{full}&{more}");
    let bare = |more: &str| format!("{GRANT}&{more}");
    let long = format!("scope={}", "x".repeat(3_000));
    for (authorization, body, status, error) in [
        ("", String::new(), 400, "invalid_request"),
        ("", CLIENT.to_owned(), 400, "invalid_request"),
        ("", format!("grant_type=&{CLIENT}"), 400, "invalid_request"),
        ("", with(GRANT), 400, "invalid_request"),
        ("", with("scope=record&scope=record"), 400, "invalid_request"),
        ("", with("client%5Fid=client"), 400, "invalid_request"),
        ("", with("scope=%FF"), 400, "invalid_request"),
        (right.as_str(), full.clone(), 400, "invalid_request"),
        (&right, bare("client_secret=secret"), 400, "invalid_request"),
        (&right, bare("client_id=other"), 400, "invalid_request"),
        ("", format!("grant_type=password&{CLIENT}"), 400, "unsupported_grant_type"),
        ("", format!("grant_type=refresh_token&refresh_token=x&{CLIENT}"), 400, "unsupported_grant_type"),
        ("", with("scope=everything"), 400, "invalid_scope"),
        ("", with("scope=%22%5C%C3%BC"), 400, "invalid_scope"),
        ("", with("scope=record+schema"), 400, "invalid_scope"),
        ("", with(&long), 400, "invalid_scope"),
        ("", GRANT.to_owned(), 401, "invalid_client"),
        ("", bare("client_id=client"), 401, "invalid_client"),
        ("", bare("client_id=client&client_secret=wrong"), 401, "invalid_client"),
        ("", bare("client_id=nobody&client_secret=secret"), 401, "invalid_client"),
        (&wrong, GRANT.to_owned(), 401, "invalid_client"),
        ("Basic ???", GRANT.to_owned(), 401, "invalid_client"),
        ("Bearer client", GRANT.to_owned(), 401, "invalid_client"),
    ] {
        let headers = [FORM, ("Authorization", authorization)];
        let headers = if authorization.is_empty() { &headers[..1] } else { &headers };
        let answer = post(&app, "/oauth/token", headers, &body);
        refused(&answer, status, error);
    }
    for headers in [&[][..], &[("Content-Type", "application/json")], &[("Content-Type", "text/plain")]] {
        let answer = post(&app, "/oauth/token", headers, &full);
        refused(&answer, 400, "invalid_request");
        assert!(answer.text().contains("must be application/x-www-form-urlencoded"), "{}", answer.text());
    }
}

/// Checks an answer that refuses.
fn refused(answer: &Answer, status: u16, error: &str) {
    let reply = json_of(answer);
    assert_eq!((answer.status, reply["error"].as_str()), (status, Some(error)), "{reply}");
    let description = reply["error_description"].as_str().expect("a description");
    assert!((1..120).contains(&description.len()) && !description.contains("secret="), "{description}");
    assert!(description.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\')), "{description}");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.is_some_and(|value| value.starts_with("Basic realm=\"flowgate\"")), status == 401);
}

#[test]
fn every_failure_is_documented() {
    let document = include_str!("../../docs/auth.md");
    for code in Code::ALL {
        let (status, error) = describe(code);
        // A wrong token is none of a client's failures here: there is no grant with one.
        let is_row = |line: &str| {
            line.starts_with("| ") && line.contains(&status.to_string()) && line.contains(&format!("`{error}`"))
        };
        assert!(code == Code::TokenInvalid || document.lines().any(is_row), "{code:?}: {status} {error}");
    }
}

#[test]
fn methods_and_slashes() {
    let (app, _) = gateway();
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke/"] {
        for method in ["GET", "PUT", "DELETE", "HEAD"] {
            let answer = app.bodiless(method, path, &[]);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("OPTIONS, POST")), "{method} {path}");
        }
        let answer = app.bodiless("OPTIONS", path, &[]);
        assert_eq!((answer.status, answer.header("allow")), (204, Some("OPTIONS, POST")), "{path}");
    }
    let path = "/.well-known/oauth-authorization-server";
    let answer = app.bodiless("POST", path, &[("Content-Length", "0")]);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(app.bodiless("OPTIONS", path, &[]).status, 204);
}

#[test]
fn the_addresses_are_told_as_the_sender_sees_them() {
    let (app, _) = gateway();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/"] {
        let answer = app.get(path, &[("Host", "gateway.example:8443")]);
        let told = json_of(&answer);
        let origin = "http://gateway.example:8443";
        for (member, path) in [
            ("issuer", ""),
            ("token_endpoint", "/oauth/token"),
            ("introspection_endpoint", "/oauth/introspect"),
            ("revocation_endpoint", "/oauth/revoke"),
            ("service_documentation", "/docs"),
        ] {
            assert_eq!(told[member], format!("{origin}{path}"), "{member}");
        }
        assert_eq!(told["grant_types_supported"], json!(["client_credentials"]));
        assert_eq!(told["response_types_supported"], json!([]));
        assert_eq!(told["token_endpoint_auth_methods_supported"], json!(["client_secret_basic", "client_secret_post"]));
        assert_eq!(told["scopes_supported"].as_array().map(Vec::len), Some(12));
        let head = app.bodiless("HEAD", path, &[("Host", "gateway.example:8443")]);
        assert_eq!((head.status, head.header("content-length")), (200, answer.header("content-length")));
    }
}

#[test]
fn a_token_grants_the_scopes_it_was_asked_for_until_it_ends() {
    let (app, _) = gateway();
    let narrow = token(&app, "&scope=record.read");
    assert_eq!(call_with(&app, &narrow), "401", "schema.read was not asked for");
    let shown = introspect(&app, CLIENT, &narrow);
    let seconds = NOW.0 / 1_000;
    assert_eq!((&shown["scope"], &shown["client_id"]), (&json!("record.read"), &json!("client")));
    assert_eq!((&shown["iat"], &shown["exp"]), (&json!(seconds), &json!(seconds + 2_592_000)));
    assert_eq!((&shown["active"], &shown["token_type"]), (&json!(true), &json!("bearer")));
    let wide = token(&app, "&scope=schema.read+record");
    assert_eq!(call_with(&app, &wide), "404", "there is no schema");
    app.app.clock.advance(30 * 86_400_000 - 1);
    assert_eq!(call_with(&app, &wide), "404");
    app.app.clock.advance(1);
    assert_eq!(call_with(&app, &wide), "436");
    assert_eq!(introspect(&app, CLIENT, &wide), json!({"active": false}));
}

#[test]
fn a_revoked_token_is_refused_with_the_next_call() {
    let (app, _) = gateway();
    let (token, other) = (token(&app, ""), token(&app, ""));
    assert_eq!(call_with(&app, &token), "404");
    let foreign = "client_id=odd+id%2B%25%26&client_secret=odd%3A+secret";
    assert_eq!(introspect(&app, foreign, &token), json!({"active": false}));
    for (client, expected) in [(foreign, "404"), (CLIENT, "436"), (CLIENT, "436")] {
        for hint in ["", "&token_type_hint=refresh_token", "&token_type_hint=unheard_of"] {
            let answer = post(&app, "/oauth/revoke", &[FORM], &format!("{client}&token={token}{hint}"));
            assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{hint}");
            assert_eq!(call_with(&app, &token), expected);
        }
    }
    assert_eq!(call_with(&app, &other), "404");
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let missing = post(&app, path, &[FORM], CLIENT);
        refused(&missing, 400, "invalid_request");
        let nobody = post(&app, path, &[FORM, ("Authorization", &basic("client", "x"))], &format!("token={other}"));
        refused(&nobody, 401, "invalid_client");
    }
}

#[test]
fn refused_addresses_large_requests_and_used_up_allowances_are_told() {
    let (app, tenant) = gateway();
    let limited = move |change: fn(&mut flowgate::model::account::Application)| {
        app.administer(move |tx| {
            let (_, mut application) = account::find_by_id(tx, tenant.application)?.expect("the application");
            change(&mut application);
            account::update_application(tx, &application)
        });
        post(&app, "/oauth/token", &[FORM, ("X-Request-Id", "mine")], &format!("{GRANT}&{CLIENT}"))
    };
    let answer = limited(|application| application.addresses = Network::parse("192.0.2.1").expect("a network"));
    refused(&answer, 403, "unauthorized_client");
    let open = |application: &mut flowgate::model::account::Application| {
        application.addresses = Network::parse("any").expect("networks");
        application.rate_limit = Some(1);
    };
    assert_eq!(limited(open).status, 200);
    let answer = limited(open);
    refused(&answer, 429, "temporarily_unavailable");
    assert_eq!((answer.header("retry-after"), answer.header("x-ratelimit-remaining")), (Some("60"), Some("0")));
    assert_eq!(answer.header("x-request-id"), Some("mine"));

    let app = TestApp::with(|config| config.server.body_limit = 100);
    let answer = post(&app, "/oauth/token", &[FORM], &"x".repeat(200));
    refused(&answer, 413, "invalid_request");
    app.app.store.clone().close();
    let answer = post(&app, "/oauth/token", &[FORM], &format!("{GRANT}&{CLIENT}"));
    refused(&answer, 503, "temporarily_unavailable");
}

#[test]
fn failed_attempts_are_counted_for_the_address_whatever_the_dialect() {
    let (app, _) = gateway();
    let limit = app.app.config.auth.failure_limit;
    let wrong = format!("{GRANT}&client_id=client&client_secret=guess");
    let answer = post(&app, "/oauth/token", &[FORM], &wrong);
    assert_eq!(answer.header("x-ratelimit-limit"), Some(limit.to_string().as_str()));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some((limit - 1).to_string().as_str()));
    let guess = call(Form::Literal11, "webhook", &[crate::message::text("Uri", "guess")]);
    let answer = app.soap(&guess);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some((limit - 2).to_string().as_str()), "{}", answer.head);
    for _ in 0..limit {
        assert_eq!(post(&app, "/oauth/token", &[FORM], &wrong).status, 401);
    }
    // Right credentials are served as if nothing had been.
    token(&app, "");
}

//! Allowances: what every answer says of them, and what happens beyond.

use serde_json::json;

use super::{KEYS, Rest};
use crate::support::Answer;

/// Limit, remaining and reset, which the headers of the IETF's draft must say too.
fn allowance(answer: &Answer) -> [u64; 3] {
    let [limit, remaining, reset] = ["limit", "remaining", "reset"].map(|name| {
        let value = answer.header(&format!("x-ratelimit-{name}"));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}: {}", answer.head))
    });
    let expected = format!("\"default\";r={remaining};t={reset}");
    assert_eq!(answer.header("ratelimit"), Some(expected.as_str()));
    let policy = format!("\"default\";q={limit};w=60");
    assert_eq!(answer.header("ratelimit-policy"), Some(policy.as_str()));
    [limit, remaining, reset]
}

fn limited() -> Rest {
    let rest = Rest::start();
    rest.app.application(rest.tenant.customer, "small", |new| {
        new.name = "small".to_owned();
        new.rate_limit = Some(3);
    });
    rest.insert("one", "{}");
    rest
}

#[test]
fn what_is_left_is_told_with_every_answer_and_the_wait_is_true() {
    let rest = limited();
    let get = |path: &str| rest.app.get(path, &[KEYS[0], ("X-App", "small")]);
    assert_eq!(allowance(&get("/v1/record/one")), [3, 2, 20]);
    assert_eq!(allowance(&get("/v1/record/none")), [3, 1, 40], "a failure counts too");
    let known = rest.app.get("/v1/record/one", &[KEYS[0], ("X-App", "small"), ("If-None-Match", "*")]);
    assert_eq!((known.status, allowance(&known)), (304, [3, 0, 60]));
    for _ in 0..3 {
        let refused = get("/v1/record/one");
        assert_eq!((refused.status, allowance(&refused)), (429, [3, 0, 60]));
        assert_eq!(refused.header("retry-after"), Some("20"));
        assert_eq!(
            refused.json(),
            json!({"id":"error","code":429,"request-ip":"127.0.0.1","resource":[],"message":"Too many requests.","error":{"code":429,"message":"Too many requests."}})
        );
    }
    rest.app.app.clock.advance(19_999);
    assert_eq!(get("/v1/record/one").status, 429);
    rest.app.app.clock.advance(1);
    assert_eq!(get("/v1/record/one").status, 200);
    assert_eq!(get("/v1/record/one").status, 429);
    rest.app.app.clock.advance(60_000);
    assert_eq!(allowance(&get("/v1/record/one")), [3, 2, 20]);
}

#[test]
fn one_applications_flood_is_nobody_elses() {
    let rest = limited();
    let other = rest.app.customer("Other", "k2", "a2");
    rest.app.flow(&other, "Leads", flowgate::model::flow::FlowStatus::Public);
    let ours = || allowance(&rest.get("/v1/record/one", &[]))[1];
    let theirs = || allowance(&rest.app.get("/v1/record/search", &[("X-Apikey", "k2"), ("X-App", "a2")]))[1];
    let before = (ours(), theirs());
    for _ in 0..50 {
        rest.app.get("/v1/record/one", &[KEYS[0], ("X-App", "small")]);
    }
    assert_eq!(rest.app.get("/v1/record/one", &[KEYS[0], ("X-App", "small")]).status, 429);
    assert_eq!((ours(), theirs()), (before.0 - 1, before.1 - 1));
}

#[test]
fn where_nobody_was_found_out_the_failed_attempts_of_the_address_are_told() {
    let rest = Rest::with(|config| config.auth.failure_limit = 5);
    for (method, path, headers, status) in [
        ("GET", "/v1/record/one", &[][..], 401),
        ("GET", "/v1/nothing", &KEYS, 404),
        ("PATCH", "/v1/record/one", &KEYS, 405),
        ("OPTIONS", "/v1/record/one", &[], 204),
        ("GET", "/v1/options", &[], 200),
        ("HEAD", "/v1/options", &[], 200),
        ("POST", "/v1/webhook/none", &[], 404),
        ("GET", "/v1/record/one", &[("Authorization", "Bearer x")], 403),
    ] {
        let answer = rest.app.bodiless(method, path, headers);
        assert_eq!((answer.status, allowance(&answer)[0]), (status, 5), "{method} {path}");
    }
    // Three of these were attempts.
    assert_eq!(allowance(&rest.app.get("/v1/options", &[])), [5, 2, 36]);
    assert_eq!(allowance(&rest.get("/v1/record/none", &[]))[0], 600_000, "right keys have their own allowance");
}

#[test]
fn an_application_without_a_limit_has_none_to_tell() {
    let rest = Rest::with(|config| config.auth.rate_limit = 0);
    let answer = rest.get("/v1/record/none", &[]);
    for name in ["x-ratelimit-limit", "ratelimit", "ratelimit-policy", "retry-after"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

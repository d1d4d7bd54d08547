//! Tokens over REST: got with a client's id and secret, refreshed, and never kept by anyone on the way.

use flowgate::auth::key;
use flowgate::config::Config;
use serde_json::json;

use super::{Rest, refused, resource};
use crate::support::Answer;

const DAY: i64 = 86_400_000;
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn with(change: impl FnOnce(&mut Config)) -> Rest {
    let rest = Rest::with(change);
    for name in ["one", "two"] {
        rest.app.application(rest.tenant.customer, name, |new| {
            new.name = name.to_owned();
            new.oauth2 = true;
            new.client_id = Some(name.to_owned());
            new.client_secret_hash = Some(key::hash(&format!("{name} secret")).to_vec());
        });
    }
    rest
}

fn ask(rest: &Rest, endpoint: &str, client: &str, headers: &[(&str, &str)]) -> Answer {
    let secret = format!("{client} secret");
    let headers = [&[("client_id", client), ("client_secret", secret.as_str())], headers].concat();
    let answer = rest.app.get(&format!("/v1/{endpoint}"), &headers);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.head);
    assert_eq!((answer.header("etag"), answer.header("referrer-policy")), (None, Some("no-referrer")));
    answer
}

fn text(answer: &Answer, name: &str) -> String {
    resource(answer)[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", answer.text())).to_owned()
}

fn use_token(rest: &Rest, token: &str) -> Answer {
    rest.app.get("/v1/record/search", &[("Authorization", &format!("Bearer {token}"))])
}

#[test]
fn a_token_is_valid_until_the_second_it_says_and_can_be_refreshed_then() {
    let rest = with(|config| config.auth.token_lifetime = 2);
    let first = ask(&rest, "checkauthentication", "one", &[GRANT]);
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    let now = rest.app.app.clock.now().0 / 1_000;
    assert_eq!(resource(&first)["expires_in"], json!(now + 2 * 86_400));
    rest.app.app.clock.advance(2 * DAY - 1);
    assert_eq!(use_token(&rest, &access).status, 200);
    rest.app.app.clock.advance(1);
    let expired = use_token(&rest, &access);
    refused(&expired, 403, "Invalid Token Error");
    assert_eq!(expired.json()["code"], 436);
    let refreshed = ask(&rest, "refreshtoken", "one", &[GRANT, ("refresh_token", &refresh)]);
    assert_eq!(resource(&refreshed)["expires_at"], json!(now + 4 * 86_400));
    assert_eq!(resource(&refreshed).get("refresh_token"), None, "the old one goes on");
    assert_eq!(use_token(&rest, &text(&refreshed, "access_token")).status, 200);
    assert_eq!(use_token(&rest, &refresh).status, 403, "it is for refreshing alone");
    rest.app.app.clock.advance(1_000 * DAY);
    let again = ask(&rest, "refreshtoken", "one", &[GRANT, ("refresh_token", &refresh)]);
    assert_eq!(again.status, 200, "a refresh token does not expire");
}

#[test]
fn what_gives_no_token_is_refused() {
    let rest = with(|_| {});
    let first = ask(&rest, "checkauthentication", "one", &[GRANT]);
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    let grant = "grant_type must be client_credentials, which is the only one there is";
    for endpoint in ["checkauthentication", "refreshtoken"] {
        let token = ("refresh_token", refresh.as_str());
        refused(&ask(&rest, endpoint, "one", &[token]), 400, "grant_type is required");
        refused(&ask(&rest, endpoint, "one", &[token, ("grant_type", "password")]), 400, grant);
        refused(&ask(&rest, endpoint, "one", &[token, GRANT, GRANT]), 400, "grant_type is given twice");
        refused(&ask(&rest, endpoint, "three", &[token, GRANT]), 401, "The credentials are not correct.");
    }
    refused(&ask(&rest, "refreshtoken", "one", &[GRANT]), 400, "refresh_token is required");
    for wrong in ["wrong", &access] {
        let answer = ask(&rest, "refreshtoken", "one", &[GRANT, ("refresh_token", wrong)]);
        refused(&answer, 403, "Invalid Token Error");
    }
    let foreign = ask(&rest, "refreshtoken", "two", &[GRANT, ("refresh_token", &refresh)]);
    refused(&foreign, 403, "Invalid Token Error");
    // Secrets are not read from addresses, which are logged on their way.
    let path = "/v1/checkauthentication?client_id=one&client_secret=one%20secret&grant_type=client_credentials";
    assert_eq!(rest.app.get(path, &[]).status, 400);
    let sql = "UPDATE application SET oauth2 = 0 WHERE name = 'one'";
    rest.app.administer(move |tx| tx.execute(sql, &[]));
    assert_eq!(ask(&rest, "checkauthentication", "one", &[GRANT]).status, 401, "OAuth2 is off");
    assert_eq!(use_token(&rest, &access).status, 403, "which ends the tokens there are");
}

#[test]
fn a_refresh_token_is_replaced_where_that_is_wanted() {
    let rest = with(|config| config.auth.rotate_refresh_tokens = true);
    let old = text(&ask(&rest, "checkauthentication", "one", &[GRANT]), "refresh_token");
    let refreshed = ask(&rest, "refreshtoken", "one", &[GRANT, ("refresh_token", &old)]);
    let new = text(&refreshed, "refresh_token");
    assert_ne!(new, old);
    let refresh = |token: &str| ask(&rest, "refreshtoken", "one", &[GRANT, ("refresh_token", token)]).status;
    assert_eq!(refresh(&old), 403);
    assert_eq!(refresh(&new), 403, "the old one was used again, so somebody has stolen one");
}

//! Users: what is told of them and to whom, and their tokens.

use flowgate::operation::person::{AddPerson, PersonTexts, RemovePerson, RevokePersonTokens};
use serde_json::json;

use super::{Hub, Member, is_public_id, refused};

const DAY: i64 = 86_400_000;

#[test]
fn a_user_is_told_as_documented() {
    let hub = Hub::start();
    let permissions = [
        "flows.read",
        "tenant.flows.update",
        "flows.update",
        "flows.delete",
        "flows.control",
        "icenter.read",
        "icenter.write",
        "secrets.create",
        "secrets.read",
        "secrets.delete",
        "templates.read",
        "components.read",
        "components.write",
    ];
    let bob = hub.person("BOB-4711", &permissions);
    for path in ["/users?username=bob-4711", "/users/?username=Bob-4711", &format!("/users?userId={}", bob.id)] {
        let users = hub.read(path);
        let user = &users[0];
        assert_eq!(users.as_array().map(Vec::len), Some(1), "{path}");
        let tenant = user["tenant"].as_str().expect("a tenant");
        assert!(is_public_id(&bob.id) && is_public_id(tenant));
        let expected = json!({
            "_id": bob.id, "id": bob.id, "username": "bob-4711", "firstname": "", "lastname": "", "status": "ACTIVE",
            "confirmed": true, "canLogin": true, "tenant": tenant, "roles": [], "permissions": permissions,
            "createdAt": "2026-01-15T12:00:00.000Z", "updatedAt": "2026-01-15T12:00:00.000Z", "__v": 0,
            "safeguard": {"failedLoginAttempts": 0, "lastLogin": "2026-01-15T12:00:00.000Z"},
        });
        assert_eq!(*user, expected);
        assert_eq!(hub.send(&bob, "GET", "/users/me", "").json(), expected);
        assert_eq!(hub.send(&bob, "GET", &format!("/users/{}", bob.id), "").json(), expected);
        assert_eq!(hub.read(&format!("/users/{}/", bob.id)), expected);
    }
}

#[test]
fn the_list_is_bare_or_has_meta_and_leaves_out_who_is_not_active() {
    let hub = Hub::start();
    for name in ["bob", "cy"] {
        hub.person(name, &[]);
    }
    let status = |text: &str| PersonTexts { status: Some(text.to_owned()), ..PersonTexts::default() };
    hub.shop.set(&hub.app, "cy", status("disabled"));
    hub.shop.run(&hub.app, AddPerson { username: "dee".to_owned(), texts: status("PENDING") }).expect("a person");
    let usernames = |path: &str| {
        let users = hub.read(path);
        let users = if users.is_array() { users } else { users["data"].clone() };
        let names = users.as_array().expect("a list").iter().map(|user| user["username"].as_str().map(str::to_owned));
        names.collect::<Option<Vec<_>>>().expect("names").join(" ")
    };
    assert_eq!(usernames("/users"), "ann bob");
    assert_eq!(usernames("/users?username=cy&username=dee&username=nobody"), "cy dee");
    let listed = hub.read("/users?meta=true");
    assert_eq!((listed["meta"].clone(), listed["data"].as_array().map(Vec::len)), (json!({"total": 2}), Some(2)));
    assert!(hub.read("/users?meta=false").is_array());
    refused(&hub.get("/users?meta=maybe"), 400, "Invalid meta parameter");
    assert_eq!(hub.read("/users?username=nobody"), json!([]));
    let cy = hub.read("/users?username=cy");
    assert_eq!(
        (&cy[0]["status"], &cy[0]["canLogin"], &cy[0]["confirmed"]),
        (&"DISABLED".into(), &false.into(), &true.into())
    );
    let dee = hub.read("/users?username=dee");
    assert_eq!((&dee[0]["confirmed"], &dee[0]["safeguard"]["lastLogin"]), (&false.into(), &json!(null)));
}

#[test]
fn only_admins_and_applications_see_others() {
    let hub = Hub::start();
    let (bob, cy) = (hub.person("bob", &["flows.read", "flows.update"]), hub.person("cy", &[]));
    let needed = "The permissions are not correct: role 'admin' is needed";
    refused(&hub.send(&bob, "GET", "/users", ""), 403, needed);
    // Whether there is such a user is not told either.
    for id in [&cy.id, "000000000000000000000000"] {
        refused(&hub.send(&bob, "GET", &format!("/users/{id}"), ""), 403, needed);
    }
    refused(&hub.get("/users/000000000000000000000000"), 404, "There is no user with this id");
    let keys = [("X-Apikey", "k"), ("X-App", "a")];
    let listed = hub.app.get("/users", &keys);
    assert_eq!((listed.status, listed.json().as_array().map(Vec::len)), (200, Some(3)), "{}", listed.text());
    assert_eq!(hub.app.get(&format!("/users/{}", cy.id), &keys).json()["username"], "cy");
    refused(&hub.app.get("/users/me", &keys), 403, "The credentials are an application's, not a person's");
    let customer = hub.shop.tenant.customer;
    hub.app.application(customer, "narrow", |new| {
        new.name = "narrow".to_owned();
        new.scopes = flowgate::model::scope::Scopes::parse("record").expect("a scope");
    });
    let needed = "The permissions are not correct: scope 'flowdiagram.read' is needed";
    refused(&hub.app.get("/users", &[("X-Apikey", "k"), ("X-App", "narrow")]), 403, needed);
    refused(&hub.app.get("/users/me", &[("X-Apikey", "k"), ("X-App", "narrow")]), 403, needed);
}

#[test]
fn a_token_ends_when_it_is_told_to() {
    let hub = Hub::start();
    let bob = hub.person("bob", &[]);
    let short = Member { id: bob.id.clone(), token: hub.shop.token(&hub.app, "bob", Some(1)) };
    let status = |member: &Member| hub.send(member, "GET", "/users/me", "").status;
    assert_eq!((status(&bob), status(&short)), (200, 200));
    hub.app.app.clock.advance(DAY);
    assert_eq!((status(&bob), status(&short)), (200, 401));
    let change = |text: &str| PersonTexts { status: Some(text.to_owned()), ..PersonTexts::default() };
    for (text, expected) in [("DISABLED", 401), ("ACTIVE", 200), ("PENDING", 401), ("ACTIVE", 200)] {
        hub.shop.set(&hub.app, "bob", change(text));
        assert_eq!(status(&bob), expected, "{text}");
    }
    assert_eq!(hub.shop.run(&hub.app, RevokePersonTokens { username: "bob".to_owned() }).expect("a number"), 2);
    assert_eq!(status(&bob), 401);
    let fresh = Member { id: bob.id, token: hub.shop.token(&hub.app, "bob", None) };
    assert_eq!(status(&fresh), 200);
    hub.shop.run(&hub.app, RemovePerson { username: "bob".to_owned() }).expect("a removal");
    assert_eq!(status(&fresh), 401);
}

#[test]
fn wrong_tokens_are_refused_and_counted_for_the_address() {
    let hub = Hub::start();
    let limit = |answer: &crate::support::Answer| {
        answer.header("x-ratelimit-remaining").and_then(|left| left.parse::<i64>().ok()).expect("a number")
    };
    let nobody = Member { id: String::new(), token: "wrong".to_owned() };
    let first = hub.send(&nobody, "GET", "/flows", "");
    assert_eq!((first.status, first.header("www-authenticate")), (401, Some("Bearer realm=\"flowgate\"")));
    assert!(first.json()["errors"][0]["message"].is_string());
    let second = hub.app.get("/users", &[]);
    assert_eq!(second.status, 401);
    assert_eq!(limit(&second), limit(&first) - 1);
    // What people hold is good at their own addresses alone, also once it is remembered.
    assert_eq!(hub.get("/users/me").status, 200);
    let bearer = format!("Bearer {}", hub.ann.token);
    let elsewhere = hub.app.get("/v1/flowdiagram?flow_id=1", &[("Authorization", &bearer)]);
    assert_eq!((elsewhere.status, elsewhere.json()["code"].clone()), (403, json!(436)));
}

#[test]
fn what_people_are_given_is_checked() {
    let hub = Hub::start();
    let add = |username: &str, texts: PersonTexts| {
        hub.shop.run(&hub.app, AddPerson { username: username.to_owned(), texts }).map(|person| person.username)
    };
    let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let told = |outcome: Result<String, flowgate::error::Error>| outcome.expect_err("a refusal").message().to_owned();
    let unknown = told(add("x", PersonTexts { permissions: list(&["flows.write"]), ..PersonTexts::default() }));
    assert!(unknown.starts_with("There is no permission 'flows.write'; there are flows.read, tenant.flows.update, "));
    let unknown = told(add("x", PersonTexts { roles: list(&["owner"]), ..PersonTexts::default() }));
    assert_eq!(unknown, "There is no role 'owner'; there are admin");
    let status = PersonTexts { status: Some("gone".to_owned()), ..PersonTexts::default() };
    assert_eq!(told(add("x", status)), "The status must be ACTIVE, DISABLED or PENDING");
    assert_eq!(told(add("ANN", PersonTexts::default())), "User 'ann' already exists");
    assert_eq!(add("Élodie", PersonTexts::default()).expect("a person"), "élodie");
    for wrong in ["", " x", "a\nb"] {
        assert!(add(wrong, PersonTexts::default()).is_err(), "{wrong:?}");
    }
}

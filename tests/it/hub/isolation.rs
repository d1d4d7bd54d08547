//! Two customers, each with people and flows of the same names: neither sees anything of the other, through any address
//! and any parameter. An endpoint that is added and not told of here fails the walk.

use flowgate::facade::hub::endpoint::Access;
use flowgate::facade::hub::table::ENDPOINTS;
use serde_json::{Value, json};

use super::{Member, Shop, added, named, send, shop};
use crate::support::{Answer, TestApp};

/// What one of the two has.
struct Side {
    shop: Shop,
    admin: Member,
    other: Member,
    tenant: String,
    flow: String,
    execution: String,
}

fn side(app: &TestApp, name: &str, api_key: &str) -> Side {
    let shop = shop(app, name, api_key, "a");
    let (admin, other) = (shop.person(app, "ann", &["admin"]), shop.person(app, "bob", &["flows.read"]));
    let mut body = named("Orders");
    body["description"] = format!("of {name}").into();
    let flow = added(app, &admin, &body);
    assert_eq!(send(app, &admin, "POST", &format!("/flows/{flow}/start"), "").status, 200);
    let sent = app.call("POST", &format!("/hook/{flow}"), &[super::JSON], br#"{"secret":"x"}"#);
    let execution = sent.json()["data"]["requestId"].as_str().expect("an id").to_owned();
    app.run_due();
    let tenant = send(app, &admin, "GET", "/users/me", "").json()["tenant"].as_str().expect("a tenant").to_owned();
    Side { shop, admin, other, tenant, flow, execution }
}

/// An answer without what no two have in common, and without what was asked for.
fn compared(answer: &Answer, asked: &[&str]) -> (u16, String) {
    let mut text = answer.text();
    for name in asked {
        text = text.replace(name, "…");
    }
    (answer.status, text)
}

#[test]
fn nothing_of_another_customer_is_seen_through_any_address() {
    let app = TestApp::start();
    let (ours, theirs) = (side(&app, "Ours", "k1"), side(&app, "Theirs", "k2"));
    let nobodys = "000000000000000000000000";
    // The foreign thing and the one that nobody has are answered alike.
    for endpoint in &ENDPOINTS {
        if endpoint.access != Access::Member {
            continue;
        }
        let foreign: &str = match endpoint.id {
            "listUsers" | "getMe" | "listFlows" | "createFlow" | "changeFlows" | "listExecutions" => continue,
            "getUser" => &theirs.other.id,
            "getExecution" => &theirs.execution,
            "getFlow" | "changeFlow" | "deleteFlow" | "startFlow" | "stopFlow" | "startFlows" | "stopFlows"
            | "listStepLog" => &theirs.flow,
            other => panic!("say which foreign requests to {other} there are"),
        };
        let ask = |id: &str| {
            let path = endpoint.path.replace("{id}", id).replace("{step}", "end");
            let body = if path.contains("multiple") { json!([id]).to_string() } else { "{}".to_owned() };
            send(&app, &ours.admin, endpoint.method.as_str(), &path, &body)
        };
        let (one, other) = (ask(foreign), ask(nobodys));
        assert_eq!(one.status, 404, "{}: {}", endpoint.id, one.text());
        assert_eq!(compared(&one, &[foreign]), compared(&other, &[nobodys]), "{}", endpoint.id);
    }
    assert_eq!(
        send(&app, &theirs.admin, "GET", &format!("/flows/{}", theirs.flow), "").json()["data"]["status"],
        "active"
    );
}

#[test]
fn nothing_of_another_customer_is_seen_through_any_parameter() {
    let app = TestApp::start();
    let (ours, theirs) = (side(&app, "Ours", "k1"), side(&app, "Theirs", "k2"));
    let secrets = [&theirs.admin.id, &theirs.other.id, &theirs.tenant, &theirs.flow, &theirs.execution];
    let paths = [
        "/users".to_owned(),
        "/users?meta=true".to_owned(),
        "/users?username=ann".to_owned(),
        format!("/users?userId={}", theirs.admin.id),
        format!("/users?username=ann&userId={}", theirs.other.id),
        "/users/me".to_owned(),
        "/flows".to_owned(),
        "/flows?page[size]=100&sort=-name&filter[status]=active".to_owned(),
        "/flows?search=Theirs".to_owned(),
        format!("/flows?filter[user]={}", theirs.admin.id),
        format!("/flows?filter[user]={}", theirs.other.id),
        format!("/flows?filter[user]={}", theirs.tenant),
        format!("/executions?filter[flowId]={}", theirs.flow),
        format!("/executions?filter[flowId]={}", ours.flow),
        format!("/flows/{}/steps/end/logs", ours.flow),
    ];
    let keys = [("X-Apikey", "k1"), ("X-App", "a")];
    for path in &paths {
        for answer in
            [send(&app, &ours.admin, "GET", path, ""), send(&app, &ours.other, "GET", path, ""), app.get(path, &keys)]
        {
            let text = answer.text();
            for secret in secrets {
                assert!(!text.contains(secret.as_str()), "{path}: {text}");
            }
            assert!(!text.contains("of Theirs"), "{path}: {text}");
        }
        let json = send(&app, &ours.admin, "GET", path, "").json();
        let is_foreign = path.contains("filter[user]") || path.contains(&theirs.flow) || path.contains("Theirs");
        assert!(!is_foreign || json["data"] == json!([]), "{path}: {json}");
    }
    // Nor can a flow be given to somebody else's people.
    let gift =
        json!({"name": "Gift", "graph": named("x")["graph"], "owners": [{"id": theirs.admin.id, "type": "user"}]});
    let nobody = gift.to_string().replace(&theirs.admin.id, "000000000000000000000000");
    let (foreign, unknown) = (
        send(&app, &ours.admin, "POST", "/flows", &gift.to_string()),
        send(&app, &ours.admin, "POST", "/flows", &nobody),
    );
    assert_eq!((foreign.status, foreign.text()), (400, unknown.text()));
}

#[test]
fn keys_and_tokens_do_not_mix() {
    let app = TestApp::start();
    let (ours, theirs) = (side(&app, "Ours", "k1"), side(&app, "Theirs", "k2"));
    let users = |answer: &Answer| -> Vec<Value> { answer.json().as_array().expect("a list").clone() };
    for (member, side) in [(&ours.admin, &ours), (&theirs.admin, &theirs)] {
        let found = users(&send(&app, member, "GET", "/users", ""));
        assert!(found.len() == 2 && found.iter().all(|user| user["tenant"] == side.tenant.as_str()), "{found:?}");
    }
    assert_ne!(ours.shop.tenant.customer, theirs.shop.tenant.customer);
    // Without keys that belong together nobody is found.
    assert_eq!(app.get("/users", &[("X-Apikey", "k1"), ("X-App", "wrong")]).status, 401);
}

#[test]
fn every_endpoint_asks_who_calls() {
    let app = TestApp::start();
    for endpoint in &ENDPOINTS {
        let path = endpoint.path.replace("{id}", "x").replace("{step}", "x").replace("{flow}", "x");
        for path in [path.clone(), format!("{path}/")] {
            let answer = app.call(endpoint.method.as_str(), &path, &[super::JSON], b"{}");
            let expected = match endpoint.access {
                Access::Public => 200,
                Access::Member => 401,
                Access::Flow => 404,
            };
            assert_eq!(answer.status, expected, "{} {path}", endpoint.method);
        }
    }
}

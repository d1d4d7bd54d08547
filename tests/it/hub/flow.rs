//! Flows: listed, added, changed, started, stopped and removed.

use flowgate::model::flow::FlowStatus;
use serde_json::{Value, json};

use super::{Hub, is_public_id, named, names, refused};

#[test]
fn a_flow_is_told_as_documented() {
    let hub = Hub::start();
    let tenant = hub.read("/users/me")["tenant"].clone();
    let answer = hub.send(
        &hub.ann,
        "POST",
        "/flows",
        &json!({
            "name": "Contacts",
            "description": "To the mailing list",
            "type": "realtime",
            "cron": "*/2 * * * *",
            "graph": {
                "nodes": [{"id": "a", "kind": "transform", "fields": {"output": {}}}, {"id": "b", "kind": "end"}],
                "edges": [{"source": "a", "target": "b"}],
            },
            "payload": {
                "inputParameters": {"firstName": "string", "lastName": "string"},
                "outputParameters": {"ID": "number", "active": "boolean"},
            },
        })
        .to_string(),
    );
    let body = answer.json();
    assert_eq!((answer.status, &body["meta"]), (201, &json!({})), "{body}");
    let flow = &body["data"];
    let id = flow["id"].as_str().expect("an id");
    assert!(is_public_id(id));
    assert_eq!(flow["owners"], json!([{"id": hub.ann.id, "type": "user"}, {"id": tenant, "type": "tenant"}]));
    for payload in [&flow["payload"], flow] {
        assert_eq!(payload["inputParameters"], json!({"firstName": "string", "lastName": "string"}));
        assert_eq!(payload["outputParameters"], json!({"ID": "number", "active": "boolean"}));
    }
    let told = ["name", "description", "type", "cron", "status", "createdAt"].map(|name| flow[name].as_str());
    let expected =
        ["Contacts", "To the mailing list", "realtime", "*/2 * * * *", "inactive", "2026-01-15T12:00:00.000Z"];
    assert_eq!(told, expected.map(Some));
    assert_eq!((&flow["tenant"], &flow["graph"]["nodes"][1]["id"]), (&tenant, &"b".into()));
    assert_eq!(hub.read(&format!("/flows/{id}")), body);
    assert_eq!(hub.read(&format!("/flows/{id}/"))["data"], *flow);
    let listed = hub.read(&format!("/flows?filter[user]={}", hub.ann.id));
    assert_eq!(listed["data"], json!([flow]));
    assert_eq!(listed["meta"], json!({"total": 1, "page": 1, "perPage": 10, "totalPages": 1}));
}

#[test]
fn flows_come_in_pages_sorted_and_filtered() {
    let hub = Hub::start();
    for number in 0..23 {
        hub.app.app.clock.advance(1_000);
        let description = if number == 7 { "of a 100% Kind" } else { "" };
        let mut body = named(&format!("flow {:02}", 22 - number));
        body["description"] = description.into();
        match number % 4 {
            0 => drop(hub.active(&body)),
            _ => drop(hub.flow(&body)),
        }
    }
    let first = hub.read("/flows");
    assert_eq!(first["meta"], json!({"total": 23, "page": 1, "perPage": 10, "totalPages": 3}));
    assert_eq!((names(&first).len(), names(&first)[0]), (10, "flow 22"), "the oldest first");
    for path in ["/flows?page[size]=5&page[number]=5", "/flows/?page%5Bsize%5D=5&page%5bnumber%5d=5"] {
        let last = hub.read(path);
        assert_eq!(names(&last), ["flow 02", "flow 01", "flow 00"], "{path}");
        assert_eq!(last["meta"], json!({"total": 23, "page": 5, "perPage": 5, "totalPages": 5}));
    }
    assert_eq!(names(&hub.read("/flows?page[number]=9")), [""; 0]);
    for (sort, name) in [
        ("name", "flow 00"),
        ("-name", "flow 22"),
        ("createdAt", "flow 22"),
        ("-createdAt", "flow 00"),
        ("updatedAt", "flow 22"),
        ("-updatedAt", "flow 00"),
    ] {
        let path = format!("/flows?page[size]=1&sort={sort}");
        assert_eq!(names(&hub.read(&path)), [name], "{sort}");
    }
    for (filter, total) in [("active", 6), ("1", 6), ("inactive", 17), ("0", 17)] {
        assert_eq!(hub.read(&format!("/flows?filter[status]={filter}"))["meta"]["total"], total, "{filter}");
    }
    for (text, total) in [("flow+0", 10), ("100%25+kind", 1), ("%25", 1), ("_", 0), ("FLOW", 23), ("!", 0)] {
        assert_eq!(hub.read(&format!("/flows?search={text}"))["meta"]["total"], total, "{text}");
    }
    assert_eq!(hub.read("/flows?filter[type]=ordinary")["meta"]["total"], 23);
    assert_eq!(hub.read("/flows?filter[type]=long_running")["meta"]["total"], 0);
    let both = hub.read("/flows?filter[status]=active&search=flow 2&sort=name".replace(' ', "+").as_str());
    assert_eq!(names(&both), ["flow 22"]);
    let nobody = hub.person("bob", &[]);
    for owner in [nobody.id.as_str(), "000000000000000000000000", "x", "'%20OR%201=1"] {
        let found = hub.read(&format!("/flows?filter[user]={owner}"));
        let meta = json!({"total": 0, "page": 1, "perPage": 10, "totalPages": 0});
        assert_eq!((&found["data"], &found["meta"]), (&json!([]), &meta), "{owner}");
    }
}

#[test]
fn wrong_parameters_are_named() {
    let hub = Hub::start();
    for (query, message) in [
        ("filter[status]=running", "Invalid filter[status] parameter"),
        ("filter[status]=2", "Invalid filter[status] parameter"),
        ("filter[type]=quick", "Invalid filter[type] parameter"),
        ("sort=size", "Invalid sort parameter"),
        ("search=%00", "Invalid search parameter"),
        ("page[size]=0", "Invalid page[size] parameter: a whole number from 1 to 100 is expected"),
        ("page[size]=101", "Invalid page[size] parameter: a whole number from 1 to 100 is expected"),
        ("sort=name&sort=name", "The parameter sort is given twice"),
    ] {
        refused(&hub.get(&format!("/flows?{query}")), 400, message);
    }
}

#[test]
fn flows_of_other_dialects_are_listed_too() {
    let hub = Hub::start();
    for (name, status) in [
        ("one", FlowStatus::Public),
        ("two", FlowStatus::Paused),
        ("three", FlowStatus::Draft),
        ("four", FlowStatus::Inactive),
    ] {
        hub.app.flow(&hub.shop.tenant, name, status);
    }
    let listed = hub.read("/flows");
    assert_eq!(names(&listed), ["one", "two", "three", "four"]);
    let statuses: Vec<_> =
        listed["data"].as_array().expect("a list").iter().map(|flow| flow["status"].clone()).collect();
    assert_eq!(statuses, ["active", "inactive", "inactive", "inactive"]);
    assert_eq!(hub.read("/flows"), listed, "identifiers stay");
    let owners: Vec<_> = listed["data"][0]["owners"].as_array().expect("a list").clone();
    assert_eq!(owners, [json!({"id": listed["data"][0]["tenant"], "type": "tenant"})]);
    // Each of them can be started, whatever it was.
    for flow in &listed["data"].as_array().expect("a list")[1..] {
        let id = flow["id"].as_str().expect("an id");
        let answer = hub.send(&hub.ann, "POST", &format!("/flows/{id}/start"), "");
        assert_eq!(answer.json(), json!({"data": {"id": id, "status": "starting"}, "meta": {}}));
    }
    assert_eq!(hub.read("/flows?filter[status]=active")["meta"]["total"], 4);
}

#[test]
fn a_flow_is_started_stopped_changed_and_removed() {
    let hub = Hub::start();
    let id = hub.flow(&named("Orders"));
    let path = format!("/flows/{id}");
    let turn = |verb: &str| hub.send(&hub.ann, "POST", &format!("{path}/{verb}"), "");
    refused(&turn("stop"), 409, "The flow 'Orders' is not active");
    assert_eq!(turn("start").json(), json!({"data": {"id": id, "status": "starting"}, "meta": {}}));
    refused(&turn("start/"), 409, "The flow 'Orders' is active already");
    let change = |body: Value| hub.send(&hub.ann, "PATCH", &path, &body.to_string());
    let active = "The flow 'Orders' is active; stop it first";
    refused(&change(json!({"description": "x"})), 409, active);
    refused(&hub.send(&hub.ann, "DELETE", &path, ""), 409, active);
    assert_eq!(turn("stop").json(), json!({"data": {"id": id, "status": "stopping"}, "meta": {}}));
    let before = hub.read(&path)["data"].clone();
    let changed = change(json!({"name": "Returns", "cron": "0 5 * * *", "inputParameters": {"n": "integer"}}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json()["data"].clone();
    assert_eq!((&changed["name"], &changed["cron"]), (&"Returns".into(), &"0 5 * * *".into()));
    assert_eq!(changed["payload"]["inputParameters"], json!({"n": "integer"}));
    assert_eq!(changed["graph"]["nodes"], before["graph"]["nodes"]);
    let cleared = change(json!({"cron": null, "type": "long_running"})).json()["data"].clone();
    assert_eq!((cleared.get("cron"), &cleared["type"]), (None, &"long_running".into()));
    // What was read can be sent back, but for the status.
    let mut whole = cleared.clone();
    refused(
        &change(whole.clone()),
        400,
        "Flow status cannot be set manually. Use the flow start/stop end points instead.",
    );
    whole.as_object_mut().expect("an object").remove("status");
    assert_eq!(change(whole).json()["data"]["owners"], before["owners"]);
    assert_eq!(turn("start").status, 200);
    assert_eq!(hub.read(&path)["data"]["payload"]["inputParameters"], json!({"n": "integer"}));
    assert_eq!(turn("stop").status, 200);
    let removed = hub.send(&hub.ann, "DELETE", &path, "");
    assert_eq!((removed.status, removed.json()), (200, json!({"msg": "Flow was successfully deleted"})));
    refused(&hub.get(&path), 404, "There is no flow with this id");
    refused(&hub.send(&hub.ann, "DELETE", &path, ""), 404, "There is no flow with this id");
}

#[test]
fn a_flow_goes_with_its_records_but_not_with_those_that_wait() {
    let hub = Hub::start();
    let id = hub.active(&named("Orders"));
    let post = || hub.app.call("POST", &format!("/hook/{id}"), &[super::JSON], b"{}").status;
    assert_eq!(post(), 200);
    let stop = || hub.send(&hub.ann, "POST", &format!("/flows/{id}/stop"), "").status;
    assert_eq!(stop(), 200);
    let delete = || hub.send(&hub.ann, "DELETE", &format!("/flows/{id}"), "");
    refused(&delete(), 409, "Records of the flow 'Orders' wait, run or have failed; let them end, mark or remove them");
    assert_eq!(hub.send(&hub.ann, "POST", &format!("/flows/{id}/start"), "").status, 200);
    hub.app.run_due();
    assert_eq!((stop(), hub.records().len(), delete().status), (200, 1, 200));
    assert_eq!(hub.records().len(), 0);
    // What is remembered of a version holds for ever, so no number is given twice.
    let numbers = || {
        let customer = hub.shop.tenant.customer.0;
        let rows =
            hub.app.app.store.peek(|tx| tx.query("SELECT number FROM flow WHERE customer_id = $1", &[customer.into()]));
        rows.expect("rows").iter().map(|row| row.integer(0).expect("a number")).collect::<Vec<_>>()
    };
    hub.flow(&named("Orders"));
    assert_eq!(numbers(), [2]);
}

#[test]
fn what_is_no_flow_is_refused_in_the_words_of_the_document() {
    let hub = Hub::start();
    let end = json!({"id": "a", "kind": "end"});
    hub.flow(&named("Taken"));
    for (body, status, message) in [
        (json!({"name": "x"}), 400, "Flows require a graph."),
        (json!({"name": "x", "graph": {}}), 400, "Flows require a graph."),
        (json!({"name": "x", "graph": {"nodes": []}}), 400, "Flows require at least one node."),
        (json!({"name": "x", "graph": {"nodes": [end, end]}}), 400, "Flows with more than one node require edges."),
        (
            json!({"name": "x", "graph": {"nodes": [end], "edges": [{"source": "step_1", "target": "a"}]}}),
            400,
            "Edge source with id \"step_1\" could not be found among nodes.",
        ),
        (json!({"name": "x", "cron": "often", "graph": {"nodes": [end]}}), 400, "Invalid cron expression."),
        (
            json!({"name": "x", "status": "active", "graph": {"nodes": [end]}}),
            400,
            "Flow status cannot be set manually. Use the flow start/stop end points instead.",
        ),
        (json!({"graph": {"nodes": [end]}}), 400, "Flows require a name."),
        (named("Taken"), 409, "Flow 'Taken' already exists"),
        (json!({"name": 1}), 400, "The member name must be a text"),
        (json!({"name": "x", "flowSettings": {}}), 400, "The member flowSettings is not supported for flows"),
        (json!([named("x")]), 400, "Several flows in one request are not accepted; send them one by one"),
        (json!("x"), 400, "The body must be a JSON object"),
        (
            json!({"name": "x", "graph": {"nodes": [end]}, "owners": [{"id": "0", "type": "user"}]}),
            400,
            "The owners must be users of this tenant, or the tenant",
        ),
    ] {
        refused(&hub.send(&hub.ann, "POST", "/flows", &body.to_string()), status, message);
    }
    let wrong = json!({"name": "x", "graph": {"nodes": [{"id": "a", "kind": "rocket"}]}});
    let answer = hub.send(&hub.ann, "POST", "/flows", &wrong.to_string());
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("The graph is not a flow diagram"), "{}", answer.text());
    let wrong = json!({"name": "x", "graph": {"nodes": [end]}, "inputParameters": {"a": "text"}});
    assert_eq!(hub.send(&hub.ann, "POST", "/flows", &wrong.to_string()).status, 400);
    assert_eq!(hub.send(&hub.ann, "POST", "/flows", "{").status, 400);
    refused(
        &hub.send(&hub.ann, "PATCH", "/flows/bulk", "[]"),
        400,
        "Several flows in one request are not accepted; send them one by one",
    );
    assert_eq!(names(&hub.read("/flows")), ["Taken"]);
}

#[test]
fn several_flows_are_started_all_or_none() {
    let hub = Hub::start();
    let (one, two) = (hub.flow(&named("one")), hub.flow(&named("two")));
    let turn =
        |verb: &str, ids: &Value| hub.send(&hub.ann, "POST", &format!("/flows/multiple/{verb}"), &ids.to_string());
    refused(&turn("start", &json!([one, "000000000000000000000000"])), 404, "There is no flow with this id");
    assert_eq!(hub.read("/flows?filter[status]=active")["meta"]["total"], 0);
    let started = turn("start", &json!([one, two])).json();
    let starting = |id: &str| json!({"id": id, "status": "starting"});
    assert_eq!(started, json!({"data": [starting(&one), starting(&two)], "meta": {}}));
    assert_eq!(turn("stop", &json!([two])).json()["data"][0]["status"], "stopping");
    assert_eq!(names(&hub.read("/flows?filter[status]=1")), ["one"]);
    refused(&turn("stop", &json!([])), 400, "From 1 to 100 flows can be named at once");
    refused(&turn("stop", &json!({"id": one})), 400, "The body must be an array of the ids of flows");
}

#[test]
fn permissions_decide_and_ones_own_flows_come_first() {
    let hub = Hub::start();
    let rights = ["flows.update", "flows.delete", "flows.control"];
    let owner = hub.person("owner", &rights);
    let other = hub.person("other", &[&rights[..], &["flows.read"]].concat());
    let wide = hub.person("wide", &["flows.update", "flows.control", "tenant.flows.update"]);
    let reader = hub.person("reader", &["flows.read"]);
    let id = super::added(&hub.app, &owner, &named("Orders"));
    let path = format!("/flows/{id}");
    let lacks = |answer, permission: &str| {
        refused(&answer, 403, &format!("The permissions are not correct: permission '{permission}' is needed"));
    };
    lacks(hub.send(&owner, "GET", "/flows", ""), "flows.read");
    lacks(hub.send(&owner, "GET", &path, ""), "flows.read");
    lacks(hub.send(&owner, "GET", &format!("/executions?filter[flowId]={id}"), ""), "flows.read");
    lacks(hub.send(&reader, "POST", "/flows", &named("x").to_string()), "flows.update");
    lacks(hub.send(&reader, "PATCH", &path, "{}"), "flows.update");
    lacks(hub.send(&reader, "DELETE", &path, ""), "flows.delete");
    lacks(hub.send(&reader, "POST", &format!("{path}/start"), ""), "flows.control");
    lacks(hub.send(&wide, "DELETE", &path, ""), "flows.delete");
    assert_eq!(hub.send(&reader, "GET", &path, "").status, 200, "flows belong to the tenant too");
    let foreign = "The permissions are not correct: the flow is not yours, and 'tenant.flows.update' is needed";
    for (method, at) in [("PATCH", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/start"))] {
        refused(&hub.send(&other, method, &at, "{}"), 403, foreign);
    }
    assert_eq!(hub.send(&wide, "PATCH", &path, r#"{"description": "wide"}"#).status, 200);
    let owners = json!({"owners": [{"id": owner.id, "type": "user"}, {"id": other.id, "type": "user"}]});
    assert_eq!(hub.send(&owner, "PATCH", &path, &owners.to_string()).status, 200);
    assert_eq!(hub.send(&other, "POST", &format!("{path}/start"), "").status, 200);
    assert_eq!(hub.send(&owner, "POST", &format!("{path}/stop"), "").status, 200);
    assert_eq!(hub.send(&owner, "DELETE", &path, "").status, 200);
    // An application does what its scopes allow, whosever the flow is.
    let id = super::added(&hub.app, &owner, &named("Orders"));
    let keys = [("X-Apikey", "k"), ("X-App", "a")];
    assert_eq!(hub.app.call("POST", &format!("/flows/{id}/start"), &keys, b"").status, 200);
    assert_eq!(names(&hub.app.get("/flows?filter[status]=active", &keys).json()), ["Orders"]);
}

#[test]
fn addresses_answer_every_method_as_http_has_it() {
    let hub = Hub::start();
    assert_eq!(hub.app.get("/healthcheck", &[]).json(), json!({"status": "pass", "details": {}}));
    let options = hub.app.bodiless("OPTIONS", "/flows", &[]);
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS, POST")));
    let other = hub.send(&hub.ann, "PUT", "/flows", "{}");
    assert_eq!(other.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
    refused(&other, 405, "The method is not allowed here; there are GET, HEAD, OPTIONS, POST");
    let hook = hub.app.bodiless("PUT", "/hook/x", &[]);
    assert_eq!((hook.status, hook.json()["error"].is_string()), (405, true));
    let bearer = format!("Bearer {}", hub.ann.token);
    let head = hub.app.bodiless("HEAD", "/flows", &[("Authorization", &bearer)]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), Some("application/json; charset=utf-8"));
}

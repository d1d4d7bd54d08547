//! The built command, run as an operator runs it.

use std::fs;
use std::path::Path;

use flowgate::store::{Options, Store, account};
use serde_json::Value;

use crate::process::Place;
use crate::support::send;

fn with_shop() -> Place {
    let place = Place::new();
    place.succeed("customer add --name Shop");
    place
}

/// Whether any file of the directory holds these bytes.
fn holds(directory: &Path, text: &str) -> bool {
    fs::read_dir(directory).expect("a directory").any(|entry| {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    for command in [
        "",
        "serve",
        "customer",
        "customer add",
        "customer list",
        "customer error-flow",
        "app",
        "app add",
        "app list",
        "app remove",
        "key",
        "key rotate",
        "token",
        "token issue",
        "token revoke",
        "user",
        "user add",
        "user list",
        "user show",
        "user set",
        "user remove",
        "user token",
        "user revoke",
        "users",
        "flow",
        "flow add",
        "flow list",
        "flow publish",
        "flow show",
        "flow revert",
        "flow lint",
        "flows",
        "records",
        "records list",
        "records show",
        "records retry",
        "records replay",
        "webhook",
        "webhook add",
        "webhook list",
        "webhook show",
        "webhook set",
        "webhook remove",
        "secret",
        "secret set",
        "secret list",
        "secret remove",
        "secret rotate-key",
        "migrate",
        "wsdl",
        "backup",
        "check",
    ] {
        let help = place.succeed(&format!("{command} --help"));
        assert!(help.lines().next().is_some_and(|line| line.len() > 10), "{command}: {help}");
        let is_group = help.contains("<COMMAND>");
        assert!(is_group || help.contains("Example"), "{command} has no example");
    }
    assert!(!place.path("data").exists());
}

#[test]
fn usage_errors_exit_with_2() {
    let place = Place::new();
    for arguments in [
        "customer add",
        "nonsense",
        "serve --nonsense",
        "app add --customer Shop --name a --ip any --scope everything",
        "app add --customer Shop --name a --ip any --scope all --fault-dialect dutch",
        "app add --customer Shop --name a --scope all",
        "key rotate --customer Shop --client-secret",
        "user add --customer Shop",
        "user set --customer Shop ann --status gone",
        "user token ann",
        "records list --status broken",
        "records retry r --flow Leads",
        "records show",
        "flow lint",
        "flow lint --customer Shop",
        "flow lint graph.json --customer Shop --name Leads",
        "customer error-flow --name Shop",
        "customer error-flow --name Shop --flow Leads --none",
    ] {
        assert!(!place.fail(arguments, 2).is_empty(), "{arguments}");
    }
}

#[test]
fn customers_are_added_and_listed() {
    let place = Place::new();
    let text = place.succeed("customer add --name Shop");
    assert!(text.contains("API key") && text.contains("cannot be shown again"), "{text}");
    let added = place.json("customer add --name Other");
    assert_eq!((added["name"].as_str(), added["api_key"].as_str().map(str::len)), (Some("Other"), Some(64)));
    let listed = place.json("customer list");
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|customer| &customer["name"]).collect();
    assert_eq!(names, ["Other", "Shop"]);
    assert!(place.succeed("customer list").starts_with("ID"));
    assert!(place.fail("customer add --name Shop", 1).starts_with("error: "));
}

#[test]
fn applications_are_added_and_listed() {
    let place = with_shop();
    let plain = place.json("app add --customer Shop --name orders --ip any --scope all");
    assert_eq!(plain["app_key"].as_str().map(str::len), Some(64));
    assert!(plain["client_id"].is_null() && plain["client_secret"].is_null());
    let portal = place.json(
        "app add --customer Shop --name portal --ip 192.0.2.0/24 --ip ::1 --scope record.read,schema --oauth2 \
         --rate-limit 10 --fault-dialect standard --webhook-success-as-fault --php-cache-headers",
    );
    assert_eq!(portal["client_id"].as_str().map(str::len), Some(32));
    assert_eq!(portal["client_secret"].as_str().map(str::len), Some(64));
    let listed = place.json("app list --customer Shop");
    assert_eq!((&listed[0]["name"], &listed[0]["addresses"]), (&"orders".into(), &serde_json::json!(["any"])));
    let expected = serde_json::json!({
        "id": 2, "name": "portal", "description": "", "addresses": ["192.0.2.0/24", "::1/128"],
        "scopes": ["schema", "record.read"], "oauth2": true, "rate_limit": 10, "fault_dialect": "standard",
        "webhook_success_as_fault": true, "php_cache_headers": true, "created": listed[1]["created"],
    });
    assert_eq!(listed[1], expected);
    let error = place.fail("app add --customer None --name a --ip any --scope all", 1);
    assert!(error.contains("There is no customer 'None'"), "{error}");
    let error = place.fail("app add --customer Shop --name a --ip home --scope all", 1);
    assert!(error.contains("'home' is neither an address"), "{error}");
}

#[test]
fn secrets_are_shown_once_and_never_stored() {
    let place = Place::new();
    let mut secrets = Vec::new();
    let mut collect = |value: &Value, names: &[&str]| {
        secrets.extend(names.iter().map(|name| value[*name].as_str().expect(name).to_owned()));
    };
    collect(&place.json("customer add --name Shop"), &["api_key"]);
    let added = place.json("app add --customer Shop --name portal --ip any --scope all --oauth2");
    collect(&added, &["app_key", "client_secret"]);
    collect(&place.json("key rotate --customer Shop"), &["api_key"]);
    collect(&place.json("key rotate --customer Shop --app portal"), &["app_key"]);
    let rotated = place.json("key rotate --customer Shop --app portal --client-secret");
    assert_eq!(rotated["client_id"], added["client_id"]);
    collect(&rotated, &["client_secret"]);
    collect(&place.json("token issue --customer Shop --app portal"), &["access_token", "refresh_token"]);
    let distinct: std::collections::HashSet<_> = secrets.iter().collect();
    assert_eq!((secrets.len(), distinct.len()), (8, 8));
    let lists = ["customer list", "app list --customer Shop"].map(|arguments| place.json(arguments).to_string());
    // The search works: a name that is stored is found.
    assert!(holds(&place.path("data"), "portal"));
    for secret in &secrets {
        assert!(!holds(&place.path("data"), secret));
        assert!(lists.iter().all(|list| !list.contains(secret)));
    }
}

#[test]
fn all_tokens_of_an_application_are_revoked() {
    let place = with_shop();
    place.succeed("app add --customer Shop --name portal --ip any --scope all --oauth2");
    for _ in 0..2 {
        place.succeed("token issue --customer Shop --app portal");
    }
    let revoke = "token revoke --customer Shop --app portal";
    assert_eq!(place.json(revoke), serde_json::json!({"revoked": 4}));
    assert!(place.succeed(revoke).starts_with("Revoked 0 tokens."));
    let error = place.fail("token revoke --customer Shop --app none", 1);
    assert!(error.contains("There is no application 'none'"), "{error}");
}

#[test]
fn users_are_added_changed_and_removed() {
    let place = with_shop();
    let added = place.json("user add --customer Shop ANN --first-name Ann --permission flows.read,flows.control");
    let id = added["id"].as_str().expect("an id").to_owned();
    assert_eq!((added["username"].as_str(), id.len()), (Some("ann"), 24));
    let expected = serde_json::json!({
        "username": "ann", "id": id, "first_name": "Ann", "last_name": "", "status": "ACTIVE", "roles": [],
        "permissions": ["flows.read", "flows.control"], "last_login": null, "created": added["created"],
        "modified": added["created"],
    });
    assert_eq!(place.json("user show --customer Shop ann"), expected);
    assert!(place.succeed("user show --customer Shop Ann").contains("permissions  flows.read flows.control\n"));
    let changed = place.json("user set --customer Shop ann --role admin --permission all --status disabled");
    assert_eq!((&changed["roles"], &changed["status"]), (&serde_json::json!(["admin"]), &"DISABLED".into()));
    assert_eq!(changed["permissions"].as_array().map(Vec::len), Some(13));
    let changed = place.json("user set --customer Shop ann --role none --status active");
    assert_eq!(
        (&changed["roles"], changed["permissions"].as_array().map(Vec::len)),
        (&serde_json::json!([]), Some(13))
    );
    assert_eq!(place.json("users list --customer Shop")[0]["id"], id.as_str());
    assert!(place.succeed("user list --customer Shop").starts_with("USERNAME"));
    for (arguments, message) in [
        ("user add --customer Shop ann", "User 'ann' already exists"),
        ("user add --customer Shop bob --permission flows.write", "There is no permission 'flows.write'; there are "),
        ("user set --customer Shop bob --role none", "There is no user 'bob'"),
        ("user show --customer Shop bob", "There is no user 'bob'"),
        ("user token --customer Shop bob", "There is no user 'bob'"),
        ("user token --customer Shop ann --days 0", "The days must be a whole number from 1 to 36500"),
        ("user add --customer None ann", "There is no customer 'None'"),
    ] {
        let error = place.fail(arguments, 1);
        assert!(error.contains(message), "{arguments}: {error}");
    }
}

#[test]
fn a_users_token_is_shown_once_and_ends_with_the_user() {
    let place = with_shop();
    place.succeed("user add --customer Shop ann");
    let mut tokens = Vec::new();
    for options in ["", " --days 1 --description export"] {
        let issued = place.json(&format!("user token --customer Shop ann{options}"));
        assert_eq!(issued["expires"].is_null(), options.is_empty());
        tokens.push(issued["token"].as_str().expect("a token").to_owned());
    }
    assert!(tokens.iter().all(|token| token.len() == 64 && !holds(&place.path("data"), token)));
    let gateway = place.serve("");
    let ask = |token: &str| {
        let request =
            format!("GET /users/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        send(gateway.address, request.as_bytes()).status
    };
    assert_eq!((ask(&tokens[0]), ask(&tokens[1])), (200, 200));
    assert_eq!(place.json("user revoke --customer Shop ann"), serde_json::json!({"revoked": 2}));
    // The server follows what other processes change within a moment, which is asked for rather than waited for.
    assert!((0..10_000).any(|_| ask(&tokens[0]) == 401), "a revoked token is still good");
    let last = place.json("user token --customer Shop ann")["token"].as_str().expect("a token").to_owned();
    assert!((0..10_000).any(|_| ask(&last) == 200), "a new token is not good");
    assert_eq!(place.json("user remove --customer Shop ann"), serde_json::json!({"removed": "ann"}));
    assert!((0..10_000).any(|_| ask(&last) == 401), "the token of a removed user is still good");
}

#[test]
fn an_application_goes_with_its_tokens() {
    let place = with_shop();
    place.succeed("app add --customer Shop --name portal --ip any --scope all --oauth2");
    let token = place.json("token issue --customer Shop --app portal")["access_token"].as_str().map(str::to_owned);
    let bearer = ("Authorization", format!("Bearer {}", token.expect("a token")));
    let gateway = place.serve("");
    let ask = || {
        let request =
            format!("GET /v1/schema HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}: {}\r\n\r\n", bearer.0, bearer.1);
        send(gateway.address, request.as_bytes()).status
    };
    assert_eq!(ask(), 404, "the customer has no schema, and the token is good");
    assert_eq!(place.json("app remove --customer Shop --app portal"), serde_json::json!({"removed": "portal"}));
    // The server follows what other processes change within a moment, which is asked for rather than waited for.
    let followed = (0..10_000).any(|_| ask() == 403);
    assert!(followed, "the token of a removed application is still good");
    let error = place.fail("app remove --customer Shop --app portal", 1);
    assert!(error.contains("There is no application 'portal'"), "{error}");
}

#[test]
fn flows_and_webhooks_are_added_and_listed() {
    let place = with_shop();
    place.succeed("app add --customer Shop --name orders --ip any --scope all");
    fs::write(place.path("graph.json"), r#"{"nodes":[{"id":"end","kind":"end"}]}"#).expect("a file");
    fs::write(place.path("bad.json"), "[]").expect("a file");
    let added = place.json("flow add --customer Shop --name Leads --description New --graph graph.json");
    assert_eq!((&added["id"], &added["status"]), (&1.into(), &"draft".into()));
    let published = place.json("flow publish --customer Shop --name Leads");
    assert_eq!((&published["version"], &published["status"]), (&1.into(), &"public".into()));
    let error = place.fail("flow publish --customer Shop --name Leads", 1);
    assert!(error.contains("no draft to publish"), "{error}");
    assert_eq!(place.json("flow publish --customer Shop --name 1 --graph graph.json")["version"], 2);
    let error = place.fail("flow add --customer Shop --name Bad --graph bad.json", 1);
    assert!(error.contains("must be a JSON object"), "{error}");
    let error = place.fail("flow add --customer Shop --name Bad --graph none.json", 1);
    assert!(error.contains("none.json cannot be read\n  because: "), "{error}");
    assert_eq!(place.json("flow list --customer Shop")[0]["description"], "New");
    let made_up = place.json("webhook add --customer Shop --flow 1");
    assert_eq!(made_up["uri"].as_str().map(str::len), Some(32));
    place.succeed("webhook add --customer Shop --flow Leads --uri shop-hook --app orders");
    let listed = place.json("webhook list --customer Shop");
    assert_eq!(
        (&listed[1]["uri"], &listed[1]["flow"], &listed[1]["app"]),
        (&"shop-hook".into(), &"Leads".into(), &"orders".into(),)
    );
    assert!(place.fail("webhook add --customer Shop --flow Leads --uri shop-hook", 1).starts_with("error: "));
}

#[test]
fn a_backup_is_a_whole_database_and_overwrites_nothing() {
    let place = with_shop();
    place.succeed("backup copy.db");
    let error = place.fail("backup copy.db", 1);
    assert!(error.starts_with("error: ") && error.contains("copy.db"), "{error}");
    fs::create_dir(place.path("restored")).expect("a directory");
    fs::copy(place.path("copy.db"), place.path("restored/flowgate.db")).expect("a copy");
    assert_eq!(place.json("customer list --data restored")[0]["name"], "Shop");
    assert!(place.succeed("check --data restored").contains("No damage was found"));
}

#[test]
fn damage_is_found() {
    let place = with_shop();
    assert_eq!(place.json("check")["problems"], serde_json::json!([]));
    fs::write(place.path("data/flowgate.db"), "not a database").expect("a file");
    assert!(place.fail("check", 1).contains("is not a Flowgate database"));
}

#[test]
fn migrate_creates_a_database_and_then_has_nothing_to_do() {
    let place = Place::new();
    let created = place.json("migrate --data elsewhere");
    assert_eq!(created["from"], 0);
    let again = place.json("migrate --data elsewhere");
    assert_eq!((&again["from"], &again["to"]), (&created["to"], &created["to"]));
}

#[test]
fn only_what_adds_a_customer_creates_a_database() {
    let place = Place::new();
    for arguments in ["customer list", "app list --customer Shop", "key rotate --customer Shop", "check", "backup b"] {
        let error = place.fail(arguments, 1);
        assert!(error.starts_with("error: ") && error.contains("data"), "{arguments}: {error}");
        assert!(!place.path("data").exists(), "{arguments}");
    }
}

#[test]
fn bad_settings_stop_every_command() {
    let place = Place::new();
    fs::write(place.path("bad.toml"), "[server]\nbody_limit = \"much\"").expect("a file");
    let expected = "error: bad.toml: server.body_limit must be a whole number, not \"much\"\n";
    assert_eq!(place.fail("customer list --config bad.toml", 1), expected);
    assert_eq!(place.fail("--config bad.toml serve", 1), expected);
    let error = place.fail("serve --config none.toml", 1);
    assert!(error.starts_with("error: none.toml: The file cannot be read\n  because: "), "{error}");
    let output = place.command("check").env("FLOWGATE__SERVER__LISTENS", "x").output().expect("the command");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error, "error: FLOWGATE__SERVER__LISTENS: There is no setting server.listens\n");
    let error = place.fail("serve --listen 0.0.0.0:0", 1);
    assert!(error.contains("server.trusted_proxies") && error.contains("server.plain_http"), "{error}");
    assert!(!place.path("data").exists());
}

#[test]
fn the_demo_is_refused_off_loopback() {
    let place = Place::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let mut command = place.command("serve --demo --listen");
        let output = command.arg(address).env("FLOWGATE__SERVER__PLAIN_HTTP", "true").output().expect("the command");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with("error: --demo adds well-known credentials, so it is refused on"), "{error}");
    }
    assert!(!place.path("data").exists());
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let place = Place::new();
    place.succeed("--data there customer add --name Shop");
    place.succeed("customer --data there list");
    assert_eq!(place.json("customer list --data there")[0]["name"], "Shop");
}

#[test]
fn a_receiver_is_checked_before_anything_is_done() {
    let place = Place::new();
    for (url, reason) in [
        ("ftp://127.0.0.1/", "must begin with http:// or https://"),
        ("127.0.0.1:9000", "The URL"),
        ("http://me:secret@127.0.0.1/", "must not have a user name or password"),
        ("http://127.0.0.1/{{name}}", "braces must be percent-encoded"),
    ] {
        let error = place.fail(&format!("serve --demo --receiver {url}"), 2);
        assert!(error.contains("--receiver") && error.contains(reason), "{url}: {error}");
    }
    let error = place.fail("serve --receiver http://127.0.0.1:9000/", 2);
    assert!(error.contains("--demo"), "{error}");
    assert!(!place.path("data").exists());
    assert!(place.succeed("serve --help").contains("--receiver"));
}

#[test]
fn administration_works_beside_a_running_server_and_a_second_server_does_not() {
    let place = with_shop();
    let store = Store::open(&place.path("data"), &Options::default()).expect("the server's store");
    place.succeed("customer add --name Other");
    place.succeed("key rotate --customer Shop");
    place.succeed("backup copy.db");
    place.succeed("check");
    let customers = store.peek(|tx| account::list_customers(tx)).expect("customers");
    assert_eq!(customers.len(), 2);
    for arguments in ["serve --listen 127.0.0.1:0", "migrate"] {
        let error = place.fail(arguments, 1);
        assert!(error.contains("is in use by another flowgate process"), "{error}");
    }
}

#[test]
fn flows_are_looked_through_shown_and_taken_back() {
    let place = with_shop();
    let write = |name: &str, graph: &str| fs::write(place.path(name), graph).expect("a file");
    write("one.json", r#"{"nodes":[{"id":"end","kind":"end"}]}"#);
    write("two.json", r#"{"nodes":[{"id":"go","kind":"move","fields":{"flow":"Nowhere"}}]}"#);
    write("bad.json", r#"{"nodes":[{"id":"a","kind":"branch"}]}"#);
    assert_eq!(place.succeed("flow lint one.json"), "Nothing was found.\n");
    assert_eq!(place.succeed("flow lint two.json"), "Nothing was found.\n", "whose it is was not said");
    let warned = place.json("flow lint two.json --customer Shop");
    assert_eq!(
        warned,
        serde_json::json!([{"severity": "warning", "text": "The node 'go': there is no flow 'Nowhere'"}])
    );
    write(
        "key.json",
        r#"{"nodes":[{"id":"ask","kind":"http","fields":{"url":"http://example.com/?k={{ secret.KEY }}"}}]}"#,
    );
    assert_eq!(
        place.json("flow lint key.json --customer Shop"),
        serde_json::json!([{"severity": "warning", "text": "The node 'ask': there is no secret 'KEY'"}])
    );
    let wrong = place.run("flow lint bad.json --json");
    let found: Value = serde_json::from_slice(&wrong.stdout).expect("JSON");
    assert_eq!((wrong.status.code(), &found[0]["severity"]), (Some(1), &"error".into()), "{found}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("cannot be published"));
    place.succeed("flow add --customer Shop --name Leads");
    assert!(place.succeed("flows lint --customer Shop --name Leads").contains("Nothing was found"));
    place.succeed("flow publish --customer Shop --name Leads --graph one.json");
    place.succeed("flow publish --customer Shop --name Leads --graph two.json");
    assert!(place.succeed("flow lint --customer Shop --name Leads").contains("no flow 'Nowhere'"));
    let reverted = place.json("flows revert --customer Shop --name Leads --version 1");
    assert_eq!(reverted, serde_json::json!({"id": 1, "version": 3, "status": "public"}));
    let shown = place.json("flows show --customer Shop --name Leads");
    assert_eq!((&shown["version"], &shown["versions"][2]["graph"]), (&3.into(), &shown["versions"][0]["graph"]));
    assert!(place.succeed("flow show --customer Shop --name Leads").contains("VERSION"));
    assert!(place.fail("flow revert --customer Shop --name Leads --version 9", 1).contains("has no version 9"));
}

#[test]
fn an_error_flow_is_set_and_taken_away() {
    let place = with_shop();
    place.succeed("flow add --customer Shop --name Failures");
    let set =
        |arguments: &str| place.json(&format!("customer error-flow --name Shop {arguments}"))["error_flow"].take();
    assert_eq!(set("--flow 1"), "Failures");
    let kept = || {
        let store = Store::attach(&place.path("data"), &Options::default()).expect("a store");
        let shop = store.peek(|tx| account::find_customer(tx, "Shop")).expect("a read").expect("a customer");
        store.peek(|tx| account::find_error_flow(tx, shop.id)).expect("a read").map(|flow| flow.0)
    };
    assert_eq!(kept(), Some(1));
    assert!(place.fail("customer error-flow --name Shop --flow None", 1).contains("There is no flow 'None'"));
    assert_eq!((set("--none"), kept()), (Value::Null, None));
}

#[test]
fn records_are_listed_shown_and_run_again_beside_a_server() {
    let place = Place::new();
    let api = place.json("customer add --name Shop")["api_key"].as_str().map(str::to_owned).expect("a key");
    let app = place.json("app add --customer Shop --name a --ip any --scope all");
    let app = app["app_key"].as_str().map(str::to_owned).expect("a key");
    fs::write(
        place.path("graph.json"),
        r#"{"nodes":[{"id":"one","kind":"transform","fields":{"output":1}},
            {"id":"two","name":"Check","kind":"transform","fields":{"expression":"$record.ok ? 2 : $error(\"not yet\")"}}],
            "edges":[{"source":"one","target":"two"}]}"#,
    )
    .expect("a file");
    place.succeed("flow add --customer Shop --name Leads");
    place.succeed("flow publish --customer Shop --name Leads --graph graph.json");
    let gateway = place.serve("");
    let ask = |method: &str, path: &str, body: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Apikey: {api}\r\nX-App: {app}\r\nX-Flow: Leads\r\n\
             X-Uuid: r\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        send(gateway.address, request.as_bytes()).status
    };
    // Sent again, it tells when the run has ended.
    let ended = || ask("POST", "/v1/record?wait=60", "{}");
    assert_eq!(ended(), 500);
    let listed = place.json("records list --status failed --since 1h --flow Leads");
    assert_eq!((&listed["total"], &listed["records"][0]["uuid"]), (&1.into(), &"r".into()));
    assert_eq!(listed["records"][0]["step"], serde_json::json!({"type": "transform", "text": "Check"}));
    assert!(place.succeed("records list").starts_with("UUID"));
    assert_eq!(place.succeed("records list --status finished"), "There are none.\n");
    let dry = place.json("records replay --flow Leads --dry-run");
    assert_eq!(dry, serde_json::json!({"matched": 1, "changed": 1, "refused": []}));
    assert!(place.fail("records replay", 1).contains("The filter must say something"));
    assert_eq!(ask("PUT", "/v1/record", r#"{"ok":true}"#), 200);
    assert_eq!(place.succeed("records retry --since 1h"), "1 of 1 records taken up again.\n");
    assert_eq!(ended(), 201);
    assert_eq!(place.succeed("records replay r --from two"), "1 of 1 records will run again.\n");
    assert_eq!(ended(), 201);
    let shown = place.json("records show r --customer Shop");
    let runs: Vec<_> = shown["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| (&run["partial"], run["attempts"].as_array().map(Vec::len)))
        .collect();
    assert_eq!(runs, [(&false.into(), Some(3)), (&true.into(), Some(1))]);
    assert!(place.succeed("records show r").contains("not yet"));
    let refused = place.json("records retry r");
    assert_eq!((&refused["changed"], &refused["refused"][0]["uuid"]), (&0.into(), &"r".into()));
    assert!(place.fail("records show none", 1).contains("There is no data record with the Uuid 'none'"));
    assert!(place.fail("records retry none", 1).contains("There is no data record with the Uuid 'none'"));
    place.succeed("customer add --name Other");
    assert!(place.fail("records list", 1).contains("There are several customers"));
    assert!(place.fail("records show r --customer Other", 1).contains("There is no data record"));
    gateway.stop();
}

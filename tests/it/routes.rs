//! Every endpoint of the REST façade, walked: without credentials, with wrong, expired and foreign ones, beyond its scope,
//! from a refused address. After each the next good request is served. An endpoint that is added and not told of here
//! fails the walk.

use flowgate::auth::{self, key};
use flowgate::facade::v1::endpoint::{Access, Endpoint};
use flowgate::facade::v1::table::ENDPOINTS;
use flowgate::model::account::CustomerId;
use flowgate::model::address::Network;
use flowgate::model::flow::FlowStatus;
use flowgate::model::hook::Event;
use flowgate::model::keystore::KeystoreKind;
use flowgate::model::scope::{Scope, Scopes};
use flowgate::operation::execute;
use flowgate::operation::table::{self, AddTable, NewColumn};
use flowgate::operation::token::IssueToken;
use flowgate::store::account::{self, NewApplication};
use flowgate::store::hook::{self, NewHook};
use flowgate::store::keystore::{self, Content, NewKeystore};
use flowgate::store::{Tx, delivery};

use crate::support::{Answer, NOW, TestApp, wait};

const SCHEMA: &str = r#"{"schema":"e30=","data_record":"e30=","url":"u"}"#;
const DAY: i64 = 86_400_000;
/// What those before the walk have of everything and nobody else may see; and the same that nobody has.
const FOREIGN: [&str; 2] = ["foreign-record-1", "unknown-record-1"];
const FOREIGN_FLOW: [&str; 2] = ["Foreign", "Unknown"];
const FOREIGN_HOOK: [&str; 2] = ["foreign-subscription", "unknown-subscription"];
const FOREIGN_MESSAGE: [&str; 2] = ["msg_foreign", "msg_unknown"];
const FOREIGN_TABLE: [&str; 2] = ["foreign", "unknown"];
const FOREIGN_STORE: [&str; 2] = ["foreign-store", "unknown-store"];
const FOREIGN_NUMBER: [&str; 2] = ["3", "9"];

/// A request without credentials.
struct Ask {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Ask {
    fn new(path: &str, headers: &[(&'static str, &str)], body: &str) -> Ask {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Ask { path: path.to_owned(), headers, body: body.to_owned() }
    }

    /// The same with one thing in the place of another, wherever it stands.
    fn with(&self, from: &str, to: &str) -> Ask {
        let headers = self.headers.iter().map(|(name, value)| (*name, value.replace(from, to))).collect();
        Ask { path: self.path.replace(from, to), headers, body: self.body.replace(from, to) }
    }
}

/// A request that an endpoint serves, which must be arranged for.
fn good(endpoint: &Endpoint) -> Ask {
    let path = endpoint.path;
    let on_flow = |body: &str| Ask::new(path, &[("X-Flow", "Leads"), ("X-Uuid", "fresh")], body);
    let on_record = |body: &str| Ask::new(path, &[("X-Uuid", "ours")], body);
    let by_id = |body: &str| Ask::new("/v1/record/ours", &[], body);
    match endpoint.id {
        "options" | "getOptions" => Ask::new(path, &[], ""),
        "checkAuthentication" => Ask::new(path, &[("grant_type", "client_credentials")], ""),
        "refreshToken" => Ask::new(path, &[("grant_type", "client_credentials"), ("refresh_token", "{refresh}")], ""),
        "insertSchema" | "updateSchema" => Ask::new(path, &[], SCHEMA),
        "getSchema" | "deleteSchema" => Ask::new(path, &[], ""),
        "insertRecord" => on_flow("{}"),
        "getRecord" | "deleteRecord" => on_record(""),
        "updateRecord" => on_record("{}"),
        "getRecordById" | "deleteRecordById" => by_id(""),
        "updateRecordById" => by_id("{}"),
        "searchRecords" | "searchRecordsByPut" => Ask::new(path, &[("X-uuid", "ours"), ("X-flow", "Leads")], ""),
        "changeStatus" => Ask::new(path, &[("X-Queue-Status", "pause-queue"), ("X-Queue-Uuids", "ours")], ""),
        "moveToFlow" => Ask::new(path, &[("X-MoveToFlow-Flow", "Invoices")], r#"["ours"]"#),
        "postWebhook" => Ask::new("/v1/webhook/our-hook", &[], "{}"),
        "getFlowDiagram" => Ask::new(path, &[("X-Flow", "Leads")], ""),
        "changeFlowStatus" => Ask::new(path, &[("X-Flow-Id", "{number}"), ("X-Status", "paused")], ""),
        "getRecordHistory" => on_record(""),
        "getRecordHistoryById" => Ask::new("/v1/record/ours/history", &[], ""),
        "rerunRecords" => Ask::new(path, &[], r#"{"uuids":["ours"]}"#),
        "markRecords" => Ask::new(path, &[], r#"{"uuids":["ours"],"status":"reviewed"}"#),
        "addHook" => {
            Ask::new(path, &[], r#"{"url":"https://example.com/","events":["record.created"],"flow":"Leads"}"#)
        }
        "listHooks" => Ask::new(path, &[], ""),
        "deleteHook" => Ask::new("/v1/hooks?id=our-subscription", &[], ""),
        "getSampleMessages" => Ask::new("/v1/hooks/sample?event=record.failed", &[], ""),
        "updateHook" => Ask::new("/v1/hooks/our-subscription", &[], r#"{"description":"ours"}"#),
        "getHook" | "deleteHookById" | "rotateHookSecret" | "listDeliveries" | "getDelivery" | "redeliver" => {
            Ask::new(&path.replace("{id}", "our-subscription").replace("{message}", "msg_ours"), &[], "")
        }
        "addFlow" => Ask::new(path, &[], r#"{"name":"New","graph":{}}"#),
        "updateFlowDraft" => Ask::new(path, &[], r#"{"flow":"Leads","graph":{}}"#),
        "revertFlow" => Ask::new(path, &[], r#"{"flow":"Leads","version":1}"#),
        "getFlowSchema" | "listTables" => Ask::new(path, &[], ""),
        "addTable" => Ask::new(path, &[], r#"{"name":"new","columns":[]}"#),
        "getTable" | "removeTable" => Ask::new("/v1/tables/ours", &[], ""),
        "changeTable" => Ask::new("/v1/tables/ours", &[], r#"{"description":"ours"}"#),
        "searchTable" => Ask::new("/v1/tables/ours/search", &[], "{}"),
        "importTableRows" => Ask::new("/v1/tables/ours/import", &[("Content-Type", "text/csv")], "word\nnew\n"),
        "exportTableRows" => Ask::new("/v1/tables/ours/export", &[], ""),
        "insertTableRow" => Ask::new("/v1/tables/ours", &[], r#"{"word":"new"}"#),
        "insertNumberedTableRow" => Ask::new("/v1/tables/ours/2", &[], r#"{"word":"new"}"#),
        "getTableRow" | "deleteTableRow" => Ask::new("/v1/tables/ours/1", &[], ""),
        "updateTableRow" => Ask::new("/v1/tables/ours/1", &[], r#"{"word":"new"}"#),
        "updateTableRows" => {
            let rules = r#""where":{"rules":[{"field":"word","operator":"=","value":"old"}]}"#;
            let columns = r#""columns":[{"column_name":"word","column_value":"new"}]"#;
            Ask::new("/v1/tables/ours", &[], &format!("{{{columns},{rules}}}"))
        }
        "addKeystore" => Ask::new(path, &[], r#"{"id":"new"}"#),
        "listKeystores" => Ask::new(path, &[], ""),
        "getKeystore" | "deleteKeystore" => Ask::new("/v1/keystore/our-store", &[], ""),
        "updateKeystore" => Ask::new("/v1/keystore/our-store", &[], r#"{"description":"ours"}"#),
        "searchKeystore" => Ask::new("/v1/keystore/our-store", &[], r#"{"select":[{"field":"key"},{"field":"*"}]}"#),
        "getPackage" | "deletePackage" => Ask::new("/v1/keystore/our-store/ours", &[], ""),
        "putPackage" => Ask::new("/v1/keystore/our-store/ours", &[], "{}"),
        "insertPackage" => Ask::new("/v1/keystore/our-store/fresh", &[], "{}"),
        other => panic!("say what a good request to {other} is, and which foreign ones there are"),
    }
}

/// The same about what another customer has, beside what nobody has, each with its name; and whether that is a 404.
fn foreign(endpoint: &Endpoint) -> Vec<([(Ask, &'static str); 2], bool)> {
    let ask = good(endpoint);
    let each = |from: &str, to: [&'static str; 2]| to.map(|to| (ask.with(from, to), to));
    match endpoint.id {
        "options"
        | "getOptions"
        | "checkAuthentication"
        | "refreshToken"
        | "insertSchema"
        | "getSchema"
        | "updateSchema"
        | "deleteSchema" => Vec::new(),
        // What knowing it permits, and what is nobody's.
        "postWebhook" => Vec::new(),
        "listHooks" | "getSampleMessages" => Vec::new(),
        "addHook" => vec![(each("Leads", FOREIGN_FLOW), true), (each("Leads", FOREIGN_NUMBER), true)],
        "deleteHook" | "getHook" | "updateHook" | "deleteHookById" | "rotateHookSecret" | "listDeliveries" => {
            vec![(each("our-subscription", FOREIGN_HOOK), true)]
        }
        "getDelivery" | "redeliver" => {
            vec![(each("our-subscription", FOREIGN_HOOK), true), (each("msg_ours", FOREIGN_MESSAGE), true)]
        }
        "insertRecord" | "getFlowDiagram" => {
            vec![(each("Leads", FOREIGN_FLOW), true), (each("Leads", FOREIGN_NUMBER), true)]
        }
        "getRecord" | "deleteRecord" | "updateRecord" | "getRecordById" | "deleteRecordById" | "updateRecordById" => {
            vec![(each("ours", FOREIGN), true)]
        }
        // A filter that nothing satisfies.
        "searchRecords" | "searchRecordsByPut" => {
            vec![(each("ours", FOREIGN), false), (each("Leads", FOREIGN_FLOW), false)]
        }
        "changeStatus" => vec![(each("ours", FOREIGN), true)],
        "moveToFlow" => vec![(each("ours", FOREIGN), true), (each("Invoices", FOREIGN_FLOW), true)],
        "changeFlowStatus" => vec![(each("{number}", FOREIGN_NUMBER), true)],
        "getRecordHistory" | "getRecordHistoryById" | "rerunRecords" | "markRecords" => {
            vec![(each("ours", FOREIGN), true)]
        }
        "updateFlowDraft" | "revertFlow" => {
            vec![(each("Leads", FOREIGN_FLOW), true), (each("Leads", FOREIGN_NUMBER), true)]
        }
        // A name may be anybody's.
        "addFlow" | "getFlowSchema" | "addTable" | "listTables" | "addKeystore" | "listKeystores" => Vec::new(),
        "getTable"
        | "removeTable"
        | "changeTable"
        | "searchTable"
        | "importTableRows"
        | "exportTableRows"
        | "insertTableRow"
        | "insertNumberedTableRow"
        | "getTableRow"
        | "deleteTableRow"
        | "updateTableRow"
        | "updateTableRows" => {
            vec![(each("ours", FOREIGN_TABLE), true)]
        }
        "getKeystore" | "deleteKeystore" | "updateKeystore" | "searchKeystore" | "getPackage" | "deletePackage"
        | "putPackage" | "insertPackage" => vec![(each("our-store", FOREIGN_STORE), true)],
        other => panic!("say which foreign requests to {other} there are"),
    }
}

type Change = fn(&mut NewApplication);

/// A customer with applications of every kind, and another one.
struct Walk {
    app: TestApp,
    customer: i64,
    refresh: String,
    /// Of applications that are refused, in the order of [`Walk::start`].
    tokens: Vec<String>,
    steps: usize,
}

const OURS: [(&str, &str); 2] = [("X-Apikey", "k"), ("X-App", "a")];
const CLIENT: [(&str, &str); 2] = [("client_id", "c-test"), ("client_secret", "s-test")];

impl Walk {
    fn start() -> Walk {
        let app = TestApp::start();
        let change = |name: &'static str, change: Change| {
            move |new: &mut NewApplication| {
                new.name = name.to_owned();
                new.oauth2 = true;
                new.client_id = Some(format!("c-{name}"));
                new.client_secret_hash = Some(key::hash(&format!("s-{name}")).to_vec());
                change(new);
            }
        };
        let ours = app.customer_with("Ours", "k", "a", change("test", |_| {}));
        let limited: [(&str, Change); 3] = [
            ("no records", |new| new.scopes = Scopes::parse("schema flowdiagram").expect("scopes")),
            ("records", |new| new.scopes = Scopes::parse("record").expect("scopes")),
            ("elsewhere", |new| new.addresses = Network::parse("192.0.2.0/24").expect("networks")),
        ];
        for (name, limit) in limited {
            app.application(ours.customer, name, change(name, limit));
        }
        app.flow(&ours, "Leads", FlowStatus::Public);
        let flow = app.flow(&ours, "Invoices", FlowStatus::Public);
        app.webhook(&ours, flow, "our-hook", None);
        let theirs = app.customer("Theirs", "k2", "a2");
        app.app.vault.create().expect("a key file");
        app.administer(move |tx| {
            tabulate(tx, theirs.customer.0, "foreign", "secret")?;
            keep(tx, theirs.customer.0, FOREIGN_STORE[0])?;
            subscribe(tx, theirs.customer.0, "foreign-subscription", "msg_foreign")
        });
        for name in ["One", "Two", "Foreign"] {
            app.flow(&theirs, name, FlowStatus::Public);
        }
        let insert = Ask::new("/v1/record", &[("X-Flow", "Foreign"), ("X-Uuid", FOREIGN[0])], r#"{"secret":1}"#);
        assert_eq!(send(&app, "POST", &insert, &[("X-Apikey", "k2"), ("X-App", "a2")]).status, 201);
        let customer = app.app.store.peek(|tx| account::find_customer_by_id(tx, ours.customer)).expect("a read");
        let operator = auth::operator(customer);
        let token = |name: &str| {
            let issue = IssueToken { application: name.to_owned() };
            wait(execute(&app.app, &operator, issue)).expect("tokens")
        };
        let tokens = ["test", "no records", "records", "elsewhere"].map(|name| token(name).access).to_vec();
        let refresh = token("test").refresh;
        Walk { customer: ours.customer.0, refresh, tokens, app, steps: 0 }
    }

    /// Puts everything where it was before the walk.
    fn arrange(&self, endpoint: &Endpoint) {
        let customer = self.customer;
        self.app.administer(move |tx| {
            for sql in [
                "DELETE FROM record WHERE customer_id = $1",
                "DELETE FROM data_schema WHERE customer_id = $1",
                "UPDATE flow SET status = 'public' WHERE customer_id = $1",
                "DELETE FROM flow WHERE customer_id = $1 AND name = 'New'",
                "DELETE FROM hook WHERE customer_id = $1",
                "DELETE FROM data_table WHERE customer_id = $1",
                "DELETE FROM keystore WHERE customer_id = $1",
            ] {
                tx.execute(sql, &[customer.into()])?;
            }
            tabulate(tx, customer, "ours", "old")?;
            keep(tx, customer, "our-store")?;
            subscribe(tx, customer, "our-subscription", "msg_ours")
        });
        let insert = Ask::new("/v1/record", &[("X-Flow", "Leads"), ("X-Uuid", "ours")], "{}");
        assert_eq!(send(&self.app, "POST", &insert, &OURS).status, 201);
        if endpoint.id != "insertSchema" {
            assert_eq!(send(&self.app, "POST", &Ask::new("/v1/schema", &[], SCHEMA), &OURS).status, 201);
        }
    }

    fn ask(&self, endpoint: &Endpoint) -> Ask {
        good(endpoint).with("{refresh}", &self.refresh).with("{number}", "1")
    }

    /// Sends a request that must be refused or come to nothing, and then a good one.
    fn step(&mut self, endpoint: &Endpoint, ask: &Ask, credentials: &[(&str, &str)]) -> Answer {
        self.steps += 1;
        self.arrange(endpoint);
        let answer = send(&self.app, endpoint.method.as_str(), ask, credentials);
        let own: &[(&str, &str)] = if endpoint.access == Access::Client { &CLIENT } else { &OURS };
        let next = send(&self.app, endpoint.method.as_str(), &self.ask(endpoint), own);
        assert_eq!(next.status, endpoint.status, "{} after {}: {}", endpoint.id, answer.text(), next.text());
        answer
    }

    fn is_refused(&mut self, endpoint: &Endpoint, credentials: &[(&str, &str)], status: u16, code: u16) -> Answer {
        let ask = self.ask(endpoint);
        let answer = self.step(endpoint, &ask, credentials);
        let (json, told) = (answer.json(), format!("{} {credentials:?} {}", endpoint.id, answer.text()));
        assert_eq!((answer.status, json["code"].as_u64()), (status, Some(code.into())), "{told}");
        assert_eq!(json["error"]["code"], json["code"], "{told}");
        assert_eq!(json["resource"], serde_json::json!([]), "{told}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{told}");
        if endpoint.method == "GET" {
            let head = send(&self.app, "HEAD", &ask, credentials);
            assert_eq!((head.status, head.body.len()), (status, 0), "{told}");
        }
        answer
    }

    fn bearer(&self, number: usize) -> String {
        format!("Bearer {}", self.tokens[number])
    }
}

/// A table with a row.
fn tabulate(tx: &mut dyn Tx, customer: i64, name: &str, word: &str) -> flowgate::error::Result<()> {
    let column = NewColumn {
        name: "word".to_owned(),
        kind: "text".to_owned(),
        required: false,
        unique: false,
        indexed: true,
        default: None,
    };
    let new = AddTable { name: name.to_owned(), description: String::new(), columns: vec![column] };
    table::add(tx, CustomerId(customer), &new, NOW)?;
    let values = [("word".to_owned(), word.into())].into_iter().collect();
    table::row::insert_rows(tx, CustomerId(customer), name, &[(None, values)], NOW).map(drop)
}

/// A subscription with a message that was given up.
fn subscribe(tx: &mut dyn Tx, customer: i64, id: &str, message: &str) -> flowgate::error::Result<()> {
    let new = NewHook {
        customer: CustomerId(customer),
        public_id: id.to_owned(),
        application: None,
        url: "https://example.com/secret".to_owned(),
        description: String::new(),
        events: vec![Event::RecordCreated],
        flow: None,
        secret: b"secret".to_vec(),
    };
    hook::insert(tx, &new, NOW)?;
    let hook = hook::find(tx, new.customer, id)?.expect("a subscription");
    delivery::insert(tx, hook.id, message, Event::RecordCreated, "{}", NOW)?;
    tx.execute("UPDATE delivery SET status = 2, due_at = NULL, ended_at = $1", &[NOW.0.into()]).map(drop)
}

/// A keystore with a package.
fn keep(tx: &mut dyn Tx, customer: i64, name: &str) -> flowgate::error::Result<()> {
    let (customer, kind) = (CustomerId(customer), KeystoreKind::Json);
    keystore::insert(tx, &NewKeystore { customer, name, description: "", kind, structure: "{}" }, NOW)?;
    let added = keystore::find(tx, customer, name)?.expect("a keystore");
    let secret = Content { text: r#"{"name":"secret"}"#, media_type: None };
    keystore::put_package(tx, added.id, "ours", secret, NOW).map(drop)
}

fn send(app: &TestApp, method: &str, ask: &Ask, credentials: &[(&str, &str)]) -> Answer {
    let mut headers: Vec<(&str, &str)> = ask.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.extend(credentials);
    app.call(method, &ask.path, &headers, ask.body.as_bytes())
}

/// An answer without what no two have in common.
fn compared(answer: &Answer, echoed: &str) -> String {
    let own = ["x-request-id", "date", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit"];
    let is_common =
        |line: &&str| line.split_once(':').is_none_or(|(name, _)| !own.contains(&name.to_ascii_lowercase().as_str()));
    let mut lines: Vec<&str> = answer.head.lines().filter(is_common).collect();
    lines.sort_unstable();
    format!("{}\n{}", lines.join("\n"), answer.text()).replace(&format!("'{echoed}'"), "'…'")
}

#[test]
fn every_endpoint_refuses_who_may_not_call_it_and_serves_the_next_one() {
    let mut walk = Walk::start();
    for endpoint in &ENDPOINTS {
        let wrong = [("X-Apikey", "k"), ("X-App", "wrong")];
        let unknown_token = [("Authorization", "Bearer unknown")];
        match endpoint.access {
            Access::Public | Access::Webhook => {
                for credentials in [&[][..], &wrong, &unknown_token] {
                    let ask = walk.ask(endpoint);
                    let answer = walk.step(endpoint, &ask, credentials);
                    assert_eq!(answer.status, endpoint.status, "{} is open", endpoint.id);
                }
            }
            Access::Client => {
                walk.is_refused(endpoint, &[], 400, 400);
                walk.is_refused(endpoint, &OURS, 400, 400);
                for (id, secret) in [("c-test", "wrong"), ("unknown", "s-test"), ("k", "a")] {
                    walk.is_refused(endpoint, &[("client_id", id), ("client_secret", secret)], 401, 401);
                }
                let elsewhere = [("client_id", "c-elsewhere"), ("client_secret", "s-elsewhere")];
                walk.is_refused(endpoint, &elsewhere, 403, 437);
            }
            Access::Scope(scope) | Access::ScopeOrApiKey(scope) | Access::ScopeOrClient(scope) => {
                let key_alone = if endpoint.access.takes_api_key() { &[("X-Apikey", "wrong")] } else { &OURS[..1] };
                for credentials in [&[][..], &wrong, &[("X-Apikey", "k2"), ("X-App", "a")], key_alone, &OURS[1..]] {
                    let answer = walk.is_refused(endpoint, credentials, 401, 401);
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"flowgate\""));
                }
                let answer = walk.is_refused(endpoint, &unknown_token, 403, 436);
                let challenge = answer.header("www-authenticate").expect("a challenge");
                assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
                walk.is_refused(endpoint, &[("X-Apikey", "k"), ("X-App", "elsewhere")], 403, 437);
                let elsewhere = walk.bearer(3);
                walk.is_refused(endpoint, &[("Authorization", &elsewhere)], 403, 437);
                let (name, number) = match scope {
                    Scope::Record | Scope::RecordRead | Scope::RecordDelete => ("no records", 1),
                    _ => ("records", 2),
                };
                let token = walk.bearer(number);
                for credentials in [
                    &[("X-Apikey", "k"), ("X-App", name)][..],
                    &[("Authorization", &token)],
                    &[OURS[0], OURS[1], ("X-Scopes", other(scope))],
                ] {
                    let answer = walk.is_refused(endpoint, credentials, 401, 401);
                    let expected =
                        format!("Bearer realm=\"flowgate\", error=\"insufficient_scope\", scope=\"{}\"", scope.name());
                    assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
                }
                if endpoint.access.takes_client() {
                    walk.is_refused(endpoint, &[CLIENT[0], ("client_secret", "wrong")], 401, 401);
                } else {
                    walk.is_refused(endpoint, &CLIENT, 401, 401);
                }
            }
        }
    }
    // All tokens end.
    walk.app.app.clock.advance(31 * DAY);
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.access.scope().is_some()) {
        let expired = walk.bearer(0);
        walk.is_refused(endpoint, &[("Authorization", &expired)], 403, 436);
    }
    println!("{} requests that were refused, each before a good one", walk.steps);
}

/// A scope that is granted and does not do.
fn other(scope: Scope) -> &'static str {
    match scope {
        Scope::Record | Scope::RecordRead | Scope::RecordDelete => "schema",
        Scope::Schema => "schema.read",
        Scope::FlowDiagram => "flowdiagram.read",
        Scope::SchemaRead | Scope::FlowDiagramRead | Scope::HookRead => "record",
        Scope::Hook => "hook.read",
        Scope::Table => "table.read",
        Scope::Keystore => "keystore.read",
        Scope::TableRead | Scope::TableDefinition | Scope::KeystoreRead | Scope::KeystoreDefinition => "record",
    }
}

#[test]
fn what_another_customer_has_is_answered_like_what_nobody_has() {
    let mut walk = Walk::start();
    for endpoint in &ENDPOINTS {
        for (asks, is_missing) in foreign(endpoint) {
            let [first, second] = asks.map(|(ask, name)| {
                let answer = walk.step(endpoint, &ask, &OURS);
                assert!(!is_missing || answer.status == 404, "{}: {}", endpoint.id, answer.text());
                assert!(!answer.text().contains("secret"), "{}", answer.text());
                compared(&answer, name)
            });
            assert_eq!(first, second, "{}", endpoint.id);
        }
    }
    // Nor does an identifier that another customer uses stand in the way.
    let insert = Ask::new("/v1/record", &[("X-Flow", "Leads"), ("X-Uuid", FOREIGN[0])], "{}");
    assert_eq!(send(&walk.app, "POST", &insert, &OURS).status, 201);
    let read = Ask::new("/v1/record", &[("X-Uuid", FOREIGN[0])], "");
    let theirs = send(&walk.app, "GET", &read, &[("X-Apikey", "k2"), ("X-App", "a2")]);
    assert!(theirs.text().contains("\"secret\":1"), "{}", theirs.text());
    let [unknown, wrong] = ["other-hook", "wrong-hook"].map(|uri| {
        let answer = send(&walk.app, "POST", &Ask::new(&format!("/v1/webhook/{uri}"), &[], "{}"), &[]);
        assert_eq!(answer.status, 404);
        compared(&answer, uri)
    });
    assert_eq!(unknown, wrong);
}

#[test]
fn the_pages_beside_the_table_are_open_and_oauth_is_not() {
    let app = TestApp::start();
    for path in ["/openapi.json", "/docs", "/health", "/ready", "/v1/soap", "/.well-known/oauth-authorization-server"] {
        assert_eq!(app.get(path, &[]).status, 200, "{path}");
        assert_eq!(app.get(path, &[("Authorization", "Bearer wrong"), ("X-Apikey", "wrong")]).status, 200, "{path}");
    }
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer =
            app.call("POST", path, &form, b"grant_type=client_credentials&token=t&client_id=c&client_secret=s");
        assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")), "{path}");
    }
}

//! Every curl command of document 003 for what is served, run as it is written there, and its reply, which must be the
//! documented one byte for byte: in the way of authentication that the document shows, and in the other two.
//!
//! The commands and replies are in `fixtures/api/examples`, a file a section, as they are printed. What is a slip of the
//! document is mended here, by lists that say how.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::auth::key;
use flowgate::model::flow::FlowStatus;
use serde_json::{Map, Value};

use crate::curl::Curl;
use crate::support::{Answer, SMALLEST, Tenant, TestApp, fixture};

/// Slips in commands, and what is meant.
const COMMANDS: &[(&str, &str)] = &[
    ("$ curl", "curl"),
    // The address goes on in the next line.
    ("&\n", "&"),
    // A brace too many.
    ("}}}", "}}"),
    // The quote before the address is missing.
    ("POST https://cloud-api.flowize.com/v1/record", "POST \"https://cloud-api.flowize.com/v1/record"),
    ("POST https://cloud-api.flowize.com/v1/webhook", "POST \"https://cloud-api.flowize.com/v1/webhook"),
    // The quotes end after the name.
    ("\"X-Flow\": \"", "\"X-Flow: "),
    ("\"X-Uuid\": \"", "\"X-Uuid: "),
    // A remark.
    ("{{uuid}} (Optional)", "{{uuid}}"),
    // One of the two.
    ("{{empty/2009-11-04T19:55:41Z}}", "2009-11-04T19:55:41Z"),
    // A value in the braces of a placeholder.
    ("{{record.delete}}", "record.delete"),
    // JSON in double quotes, which end at its first one.
    ("-d \"{{payload}}\"", "-d '{ {{payload}} }'"),
    // An option without a value.
    ("-H \"Cache-Control: no-cache\" -H", "-H \"Cache-Control: no-cache\""),
    // Contradiction C7: the application's key where the customer's belongs.
    ("X-Apikey: {{app_key}}", "X-Apikey: {{api_key}}"),
    // curl refuses a space in an address.
    ("-d 'date_from=31-12-2017 12:00:00'", "--data-urlencode 'date_from=31-12-2017 12:00:00'"),
    // The interface is the application.
    ("{{interface_name}}", "{{app_key}}"),
];

/// The same in replies, and what other dates and numbers there are here.
const REPLIES: &[(&str, &str)] = &[
    ("}}}", "}}"),
    // Contradiction C55: a number without a comma, in the place of `ok`.
    ("  \"id\" : {{http code}}\n", ""),
    // Contradiction C13: the total is the number of records.
    (
        "],\n        \"total\": 1\n    },\n    \"message\": \"2 flows",
        "],\n        \"total\": 2\n    },\n    \"message\": \"2 flows",
    ),
    // Contradiction C12: the total is that of all that were found.
    ("\"total\": 4", "\"total\": 2"),
    // The search's own filter would leave out the dates that it shows.
    ("2017-07-2", "2018-07-2"),
    // Contradiction C31: what the text promises beside what is shown.
    ("\"scopes\": null", "\"scopes\": null, \"user_id\": \"{{application_id}}\", \"url\": \"{{address}}/v1\""),
    ("1462719906", "1771070400"),
    ("1462532689", "1771070400"),
    ("2016-05-03 11:47:38", "2026-01-15 12:00:00"),
    ("2016-05-03 11:53:44", "2026-01-15 12:00:00"),
    ("2016-05-03 11:06:41", "2026-01-15 12:00:00"),
    ("2016-05-03T14:27:20+02:00", "2026-01-15T12:00:00+00:00"),
    ("www.example.com", "www.example.nl"),
    ("\"{{flow_information}}\"", "{{flow_information}}"),
    ("\"{{versions}}\"", "{{versions}}"),
];

/// A file of examples.
struct Section {
    file: &'static str,
    /// The file whose reply is documented for it, if it has none of its own.
    reply: &'static str,
    commands: usize,
    status: u16,
    scopes: &'static str,
    /// Whether applications are admitted in the three ways.
    takes_applications: bool,
    arrange: fn(&Stage<'_>),
}

const SECTIONS: &[Section] = &[
    section("check_authentication", 1, 200, "", |_| {}),
    section("refresh_token", 1, 200, "", |_| {}),
    section("insert_schema", 3, 201, "schema", |_| {}),
    section("get_schema", 4, 200, "schema.read", |stage| stage.schema()),
    section("update_schema", 3, 201, "schema", |stage| stage.schema()),
    section("delete_schema", 1, 200, "schema", |stage| stage.schema()),
    section("insert_record", 3, 201, "record", |_| {}),
    Section { reply: "get_record", ..section("url_authorization", 1, 200, "record.read", |stage| stage.record()) },
    section("get_record", 3, 200, "record.read", |stage| stage.record()),
    section("update_record", 3, 200, "record", |stage| stage.record()),
    section("delete_record", 2, 200, "record.delete", |stage| stage.record()),
    section("search_records", 3, 200, "record.read", |stage| stage.two_that_ran()),
    section("change_status", 1, 200, "record", |stage| stage.failed()),
    section("move_to_flow", 1, 200, "record", |stage| stage.two()),
    Section { takes_applications: false, ..section("post_webhook", 1, 201, "", |_| {}) },
    section("flow_diagram", 3, 200, "flowdiagram.read", |_| {}),
    section("change_flow_status", 3, 200, "flowdiagram", |_| {}),
];

const fn section(
    file: &'static str,
    commands: usize,
    status: u16,
    scopes: &'static str,
    arrange: fn(&Stage<'_>),
) -> Section {
    Section { file, reply: file, commands, status, scopes, takes_applications: !scopes.is_empty(), arrange }
}

/// The parts of a file that begin so.
fn parts(file: &str, beginnings: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(fixture("api/examples").join(format!("{file}.txt"))).expect(file);
    let is_meant = |part: &&str| beginnings.iter().any(|beginning| part.starts_with(beginning));
    text.trim_end().split("\n\n").filter(is_meant).map(str::to_owned).collect()
}

fn mended(mut text: String, mends: &[(&str, &str)]) -> String {
    for (slip, meant) in mends {
        text = text.replace(slip, meant);
    }
    text
}

/// A command in several lines, of which the document leaves out most of the backslashes, and prints one at the end.
fn joined(command: &str) -> String {
    let mut text = String::new();
    for line in command.lines() {
        if line.trim_start().starts_with('-') && !text.ends_with('\\') {
            text.push_str(" \\");
        }
        text.push('\n');
        text.push_str(line);
    }
    text.trim_end_matches('\\').to_owned()
}

/// How a request proves whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AsWritten,
    Bearer,
    Headers,
    Address,
}

/// A customer of its own for each run, with what the examples' placeholders stand for.
struct Stage<'a> {
    app: &'a TestApp,
    tenant: Tenant,
    number: usize,
    values: Map<String, Value>,
}

impl<'a> Stage<'a> {
    fn set(app: &'a TestApp, number: usize, section: &Section) -> Stage<'a> {
        let [api_key, app_key, client, secret] =
            ["api", "app", "client", "secret"].map(|name| format!("{name}-{number}"));
        let tenant = app.customer_with(&format!("Customer {number}"), &api_key, &app_key, |new| {
            new.oauth2 = true;
            new.client_id = Some(client.clone());
            new.client_secret_hash = Some(key::hash(&secret).to_vec());
        });
        let flow = app.flow(&tenant, "Leads", FlowStatus::Public);
        app.flow(&tenant, "Invoices", FlowStatus::Public);
        app.webhook(&tenant, flow, &format!("hook-{number}"), Some(tenant.application));
        let mut stage = Stage { app, tenant, number, values: Map::new() };
        let graph = SMALLEST;
        let base64 = |text: &str| STANDARD.encode(text);
        let (uuid, address) = (format!("record-{number}"), format!("http://{}", app.address));
        for (name, value) in [
            ("api_key", api_key.as_str()),
            ("app_key", &app_key),
            ("client_id", &client),
            ("client_secret", &secret),
            ("flow_name", "Leads"),
            ("flow_id", "1"),
            ("target_flow", "Invoices"),
            ("status", "inactive"),
            ("description", ""),
            ("uuid", &uuid),
            ("datarecord_id", &uuid),
            ("uuid_1", &uuid),
            ("uuid_2", &format!("{uuid}-b")),
            ("executiontime", ""),
            ("webhook_uri", &format!("hook-{number}")),
            ("scopes", section.scopes),
            ("payload", &payload()),
            ("customer_name", &format!("Customer {number}")),
            ("customer_id", &stage.tenant.customer.0.to_string()),
            ("application_id", &stage.tenant.application.0.to_string()),
            ("ip", "127.0.0.1"),
            ("address", &address),
            ("flow_information", &format!(r#"{{"id":1,"status":"public","version":1,"graph":{graph}}}"#)),
            ("versions", &format!(r#"[{{"version":1,"date_published":"2026-01-15 12:00:00","graph":{graph}}}]"#)),
        ] {
            stage.values.insert(name.to_owned(), value.into());
        }
        stage.values.insert("schema)".to_owned(), base64(r#"{"type":"object"}"#).into());
        stage.values.insert("data_record)".to_owned(), base64("{}").into());
        stage.log_in();
        stage
    }

    /// Gets tokens as the document says.
    fn log_in(&mut self) {
        let answer = self.run(&parts("check_authentication", &["$ curl"]).remove(0), Mode::AsWritten);
        let resource = answer.json()["resource"].take();
        for name in ["access_token", "refresh_token"] {
            let token = resource[name].as_str().expect(name);
            assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
            self.values.insert(name.to_owned(), token.into());
        }
    }

    fn value(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} is not known"))
    }

    /// The text with what its placeholders stand for.
    fn filled(&self, text: &str) -> String {
        let mut text =
            text.replace("base64({{schema}})", "{{schema)}}").replace("base64({{data_record}})", "{{data_record)}}");
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap_or_default());
        }
        assert!(!text.contains("{{"), "a placeholder is not known: {text}");
        text
    }

    fn run(&self, command: &str, mode: Mode) -> Answer {
        let command = self.filled(&joined(&mended(command.to_owned(), COMMANDS)));
        let mut curl = Curl::parse(&command.replace("https://cloud-api.flowize.com", self.value("address")));
        self.prove(&mut curl, mode);
        self.app.send(&curl.request(self.app.address))
    }

    /// Puts the credentials of that way in the place of those there are.
    fn prove(&self, curl: &mut Curl, mode: Mode) {
        if mode == Mode::AsWritten {
            return;
        }
        let secrets = ["authorization", "x-apikey", "x-app", "client_id", "client_secret"];
        curl.headers.retain(|(name, _)| !secrets.contains(&name.to_ascii_lowercase().as_str()));
        let plain = |text: &str| {
            let pairs = text.split('&').filter(|pair| !pair.starts_with("api_key=") && !pair.starts_with("app_key="));
            pairs.collect::<Vec<_>>().join("&")
        };
        if let Some((path, query)) = curl.url.clone().split_once('?') {
            curl.url = format!("{path}?{}", plain(query));
        }
        if let Some(body) = curl.body.take_if(|body| body.starts_with(b"api_key=")) {
            curl.body = Some(plain(&String::from_utf8(body).expect("text")).into_bytes());
        }
        let (api, app) = (self.value("api_key"), self.value("app_key"));
        match mode {
            Mode::AsWritten => {}
            Mode::Bearer => {
                curl.headers.push(("Authorization".to_owned(), format!("Bearer {}", self.value("access_token"))));
            }
            Mode::Headers => {
                curl.headers.push(("X-Apikey".to_owned(), api.to_owned()));
                curl.headers.push(("X-App".to_owned(), app.to_owned()));
            }
            Mode::Address => {
                curl.url.push(if curl.url.contains('?') { '&' } else { '?' });
                curl.url.push_str(&format!("api_key={api}&app_key={app}"));
            }
        }
    }

    /// Sends JSON with the keys in headers, and is answered well.
    fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let keys = [("X-Apikey", self.value("api_key")), ("X-App", self.value("app_key"))];
        let answer = self.app.call(method, path, &keys, body.as_bytes());
        assert!(answer.status < 300, "{method} {path}: {}", answer.text());
        answer
    }

    fn schema(&self) {
        self.send(
            "POST",
            "/v1/schema",
            r#"{"schema":"eyJ0eXBlIjoib2JqZWN0In0=","data_record":"e30=","url":"www.example.nl"}"#,
        );
    }

    fn record(&self) {
        let path = format!("/v1/record?flow_name=Leads&uuid={}", self.value("uuid_1"));
        self.send("POST", &path, &format!("{{{}}}", self.value("payload")));
    }

    fn two(&self) {
        self.record();
        self.send("POST", &format!("/v1/record?flow_name=Leads&uuid={}", self.value("uuid_2")), "{}");
    }

    fn failed(&self) {
        self.record();
        self.update(self.value("uuid_1"), "status = 3, waits_until = NULL");
    }

    /// The documented result of a search, newest first.
    fn two_that_ran(&self) {
        self.two();
        let ran = "status = 2, waits_until = NULL";
        self.update(
            self.value("uuid_1"),
            &format!(
                "{ran}, num_runs = 2, created_at = 1532191517000, started_at = 1532512013000, last_run_at = 1532525278000"
            ),
        );
        self.update(
            self.value("uuid_2"),
            &format!(
                "{ran}, num_runs = 1, created_at = 1532191091000, started_at = 1532191109000, last_run_at = 1532191108000"
            ),
        );
    }

    /// Puts a record where a flow that ran would have put it.
    fn update(&self, uuid: &str, assignments: &str) {
        let (customer, uuid) = (self.tenant.customer.0, uuid.to_owned());
        let sql = format!("UPDATE record SET {assignments} WHERE customer_id = $1 AND uuid = $2");
        assert_eq!(self.app.administer(move |tx| tx.execute(&sql, &[customer.into(), uuid.as_str().into()])), 1);
    }

    fn count(&self, table: &str) -> i64 {
        let (customer, sql) = (self.tenant.customer.0, format!("SELECT count(*) FROM {table} WHERE customer_id = $1"));
        let rows = self.app.app.store.peek(|tx| tx.query(&sql, &[customer.into()])).expect("rows");
        rows[0].integer(0).expect("a number")
    }

    /// Our numbers of the two records.
    fn ids(&self) -> Vec<String> {
        ["uuid_1", "uuid_2"]
            .map(|name| {
                let (customer, uuid) = (self.tenant.customer.0, self.value(name));
                let sql = "SELECT id FROM record WHERE customer_id = $1 AND uuid = $2";
                let rows = self.app.app.store.peek(|tx| tx.query(sql, &[customer.into(), uuid.into()])).expect("rows");
                rows[0].integer(0).expect("a number").to_string()
            })
            .to_vec()
    }

    /// The documented reply with the values of this run, and what is in every reply whether or not it is printed there
    /// (contradiction C56).
    fn expected(&self, section: &Section, answer: &Value) -> String {
        let text = parts(section.reply, &["Success Response"]).remove(0);
        let (_, text) = text.split_once('\n').expect("a reply below its heading");
        let mut text = mended(text.to_owned(), REPLIES);
        if section.file == "search_records" {
            for id in self.ids() {
                text = text.replacen("{{id}}", &id, 1);
            }
            text = text.replacen("{{uuid}}", "{{uuid_1}}", 1).replacen("{{uuid}}", "{{uuid_2}}", 1);
        }
        // What is made for this reply alone.
        for (name, pointer) in [
            ("access_token", "/resource/access_token"),
            ("refresh_token", "/resource/refresh_token"),
            ("identifier", "/resource/_id/$id"),
            ("plugin_id", "/resource/plugin_id"),
        ] {
            let made = answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            text = text.replace(&format!("{{{{{name}}}}}"), made);
        }
        let text = self.filled(&text);
        let mut documented: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let mut take = |name: &str, other: Value| documented.get_mut(name).map_or(other, Value::take);
        let id = if section.status == 201 { "created" } else { "ok" };
        let whole: Map<String, Value> = [
            ("id", id.into()),
            ("code", section.status.into()),
            ("request-ip", "127.0.0.1".into()),
            ("resource", Value::Null),
            ("message", Value::Null),
            ("error", Value::Null),
        ]
        .map(|(name, other)| (name.to_owned(), take(name, other)))
        .into_iter()
        .collect();
        Value::Object(whole).to_string()
    }
}

/// The document's sample record without its outermost braces.
fn payload() -> String {
    let reply = parts("insert_record", &["Success Response"]).remove(0);
    let (_, json) = reply.split_once('\n').expect("a reply");
    let json: Value = serde_json::from_str(json).expect("JSON");
    let record = json["resource"]["data_record"].to_string();
    record.trim_start_matches('{').strip_suffix('}').expect("an object").to_owned()
}

#[test]
fn every_example_of_the_document_is_answered_as_documented_in_every_way_of_authentication() {
    let app = TestApp::start();
    let mut number = 0;
    for section in SECTIONS {
        let commands = parts(section.file, &["$ curl", "curl"]);
        assert_eq!(commands.len(), section.commands, "{}", section.file);
        for command in commands {
            // Contradiction C1: a GET never removes anything.
            let command = match section.file {
                "delete_schema" => command.replace("-X GET", "-X DELETE"),
                _ => command,
            };
            let modes: &[Mode] = match section.takes_applications {
                true => &[Mode::AsWritten, Mode::Bearer, Mode::Headers, Mode::Address],
                false => &[Mode::AsWritten],
            };
            for mode in modes {
                number += 1;
                let stage = Stage::set(&app, number, section);
                (section.arrange)(&stage);
                let answer = stage.run(&command, *mode);
                let told = format!("{mode:?} {command}\n{}\n{}", answer.head, answer.text());
                assert_eq!(answer.status, section.status, "{told}");
                let json = answer.json();
                assert_eq!(json.to_string(), stage.expected(section, &json), "{told}");
                assert_eq!(answer.header("content-type"), Some("application/json"), "{told}");
                for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
                    assert!(answer.header(name).is_some_and(|value| value.parse::<u64>().is_ok()), "{told}");
                }
                stage.is_done(section.file);
            }
        }
    }
    println!("{number} runs of the document's examples");
}

impl Stage<'_> {
    /// What is stored after the example.
    fn is_done(&self, file: &str) {
        let (schemas, records) = match file {
            "insert_schema" | "get_schema" | "update_schema" => (1, 0),
            "insert_record" | "url_authorization" | "get_record" | "update_record" | "change_status"
            | "post_webhook" => (0, 1),
            "search_records" | "move_to_flow" => (0, 2),
            _ => (0, 0),
        };
        assert_eq!((self.count("data_schema"), self.count("record")), (schemas, records), "{file} {}", self.number);
    }
}

#[test]
fn every_file_of_examples_is_run() {
    let files: BTreeSet<String> = fs::read_dir(fixture("api/examples"))
        .expect("the examples")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    let run: BTreeSet<String> = SECTIONS.iter().map(|section| format!("{}.txt", section.file)).collect();
    assert_eq!(files, run);
}

#[test]
fn a_get_removes_nothing_whatever_the_document_prints() {
    let app = TestApp::start();
    let section = SECTIONS.iter().find(|section| section.file == "delete_schema").expect("a section");
    let stage = Stage::set(&app, 1, section);
    stage.schema();
    let command = parts("delete_schema", &["$ curl"]).remove(0);
    assert_eq!(stage.run(&command, Mode::AsWritten).status, 401, "reading takes no client id and secret");
    assert_eq!(stage.run(&command, Mode::Headers).status, 200);
    assert_eq!(stage.count("data_schema"), 1);
}

#[test]
fn deleting_by_client_id_and_secret_can_be_turned_off_and_is_checked_like_everything_else() {
    let app = TestApp::with(|config| config.api.delete_client_secret = false);
    let command = |file: &str| parts(file, &["$ curl"]).remove(0).replace("-X GET", "-X DELETE");
    for (number, file) in ["delete_schema", "delete_record"].into_iter().enumerate() {
        let section = SECTIONS.iter().find(|section| section.file == file).expect("a section");
        let stage = Stage::set(&app, number, section);
        (section.arrange)(&stage);
        let before = (stage.count("data_schema"), stage.count("record"));
        assert_eq!(stage.run(&command(file), Mode::AsWritten).status, 401);
        assert_eq!((stage.count("data_schema"), stage.count("record")), before);
        assert_eq!(stage.run(&command(file), Mode::Headers).status, 200);
    }
    let app = TestApp::start();
    for (number, (change, status)) in [
        ("UPDATE application SET scopes = 'record.read' WHERE id = $1", 401),
        ("UPDATE application SET addresses = '192.0.2.0/24' WHERE id = $1", 403),
        ("UPDATE application SET oauth2 = 0 WHERE id = $1", 401),
    ]
    .into_iter()
    .enumerate()
    {
        let section = SECTIONS.iter().find(|section| section.file == "delete_record").expect("a section");
        let stage = Stage::set(&app, number, section);
        stage.record();
        let application = stage.tenant.application.0;
        assert_eq!(app.administer(move |tx| tx.execute(change, &[application.into()])), 1);
        assert_eq!(stage.run(&command("delete_record"), Mode::AsWritten).status, status, "{change}");
        assert_eq!(stage.count("record"), 1);
    }
}

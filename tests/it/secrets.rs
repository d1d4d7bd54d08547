//! Secrets: used in every way there is while the log says all it can, and then looked for everywhere. A webhook's URI
//! is stored in clear, because it must be shown again, but it is not logged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::facade::v1::table::ENDPOINTS;
use serde_json::Value;

use crate::message::{Form, Part, call, flow, keys_of, record, text, with_header};
use crate::process::{Gateway, Place};
use crate::support::{Outcome, attempt, post_request};

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// Files below a directory that hold the bytes.
fn holders(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holders(&path, text));
        } else if contains(&fs::read(&path).expect("a file"), text) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Everything that a customer can be given to keep to itself.
struct Secrets {
    named: BTreeMap<&'static str, String>,
    webhook: String,
}

impl Secrets {
    fn make(place: &Place) -> Secrets {
        let mut named = BTreeMap::new();
        let mut keep = |value: &Value, fields: &[(&'static str, &str)]| {
            for (name, field) in fields {
                named.insert(*name, value[*field].as_str().expect(field).to_owned());
            }
        };
        keep(&place.json("customer add --name Shop"), &[("first API key", "api_key")]);
        let added = place.json("app add --customer Shop --name portal --ip any --scope all --oauth2");
        keep(&added, &[("first app key", "app_key"), ("first client secret", "client_secret")]);
        keep(&place.json("key rotate --customer Shop"), &[("API key", "api_key")]);
        keep(&place.json("key rotate --customer Shop --app portal"), &[("app key", "app_key")]);
        keep(
            &place.json("key rotate --customer Shop --app portal --client-secret"),
            &[("client secret", "client_secret")],
        );
        keep(
            &place.json("key rotate --customer Shop --app portal --client-secret"),
            &[("client id", "client_id"), ("last client secret", "client_secret")],
        );
        let token = place.json("token issue --customer Shop --app portal");
        keep(&token, &[("access token", "access_token"), ("refresh token", "refresh_token")]);
        place.succeed("flow add --customer Shop --name Leads");
        place.succeed("flow publish --customer Shop --name Leads");
        let webhook = place.json("webhook add --customer Shop --flow Leads")["uri"].as_str().expect("a URI").to_owned();
        Secrets { named, webhook }
    }

    /// Gets a token over HTTP, asks about it, and refuses to say more; revoked, it is a secret still.
    fn use_oauth(&mut self, gateway: &Gateway) {
        let (id, secret) = (self.named.remove("client id").expect("an id"), self.get("last client secret").to_owned());
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let granted = oauth(gateway, "token", &[("Authorization", &basic)], "grant_type=client_credentials");
        let granted: Value = serde_json::from_str(&granted).expect("JSON");
        let token = granted["access_token"].as_str().expect("a token").to_owned();
        let client = format!("client_id={id}&client_secret={secret}");
        for endpoint in ["introspect", "revoke"] {
            oauth(gateway, endpoint, &[], &format!("{client}&token={token}"));
        }
        self.named.insert("granted token", token);
    }

    fn get(&self, name: &str) -> &str {
        &self.named[name]
    }
}

/// Posts a message with headers; what the answer is does not matter here.
fn post(gateway: &Gateway, headers: &[(&str, &str)], body: &str) -> String {
    let headers = [headers, &[("Connection", "close")]].concat();
    match attempt(gateway.address, &post_request(gateway.address, &headers, body.as_bytes())) {
        Outcome::Answered(answer) => answer.text(),
        outcome => panic!("no answer: {outcome:?}"),
    }
}

/// Posts a form to an OAuth2 endpoint and gives the answer.
fn oauth(gateway: &Gateway, endpoint: &str, headers: &[(&str, &str)], body: &str) -> String {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [headers, &[form, ("Connection", "close")]].concat();
    let request = String::from_utf8(post_request(gateway.address, &headers, body.as_bytes())).expect("text");
    match attempt(gateway.address, request.replacen("/v1/soap", &format!("/oauth/{endpoint}"), 1).as_bytes()) {
        Outcome::Answered(answer) => answer.text(),
        outcome => panic!("no answer: {outcome:?}"),
    }
}

/// Makes calls that succeed and calls that fail, with the pair of secrets wherever a request can carry one.
fn use_everywhere(gateway: &Gateway, one: &str, other: &str) -> Vec<String> {
    let mut answers = Vec::new();
    let basic = format!("Basic {}", STANDARD.encode(format!("{one}:{other}")));
    let bearer = format!("Bearer {one}");
    let security = format!(
        "<w:Security xmlns:w=\"{WSSE}\"><w:UsernameToken><w:Username>{one}</w:Username>\
         <w:Password>{other}</w:Password></w:UsernameToken></w:Security>"
    );
    let header = format!("<AuthenticationHeader><AccessToken>{one}</AccessToken></AuthenticationHeader>");
    let session = format!("<AuthenticationHeader><SessionID>{one}</SessionID></AuthenticationHeader>");
    for form in Form::ALL {
        let content_type = ("Content-Type", form.content_type());
        let keyed = || -> Vec<Part<'_>> { vec![keys_of(one, other), record("a-record", "e30="), flow("Leads")] };
        for operation in ["insertRecord", "getRecord", "getSchema", "noSuchOperation"] {
            let body = call(form, operation, &keyed());
            answers.push(post(gateway, &[content_type], &body));
            // The same, ill-formed, cut off, of another type, and in another encoding than it says.
            answers.push(post(gateway, &[content_type], &body.replace("</input>", "</inputs>")));
            answers.push(post(gateway, &[content_type], &body[..body.len() / 2]));
            answers.push(post(gateway, &[("Content-Type", "application/json")], &body));
            answers.push(post(gateway, &[content_type, ("Content-Encoding", "gzip")], &body));
        }
        for extra in [("Authorization", basic.as_str()), ("Authorization", &bearer), ("Authentication", &basic)] {
            let plain = vec![record("a-record", "e30="), flow("Leads")];
            answers.push(post(gateway, &[content_type, extra], &call(form, "insertRecord", &plain)));
            answers.push(post(gateway, &[content_type, extra], "not XML"));
        }
        for block in [&security, &header, &session] {
            let plain = vec![record("a-record", "e30="), flow("Leads")];
            answers.push(post(gateway, &[content_type], &with_header(form, block, "insertRecord", &plain)));
        }
        let misnamed = vec![text("Uri", one), text("Payload", "{}")];
        answers.push(post(gateway, &[content_type], &call(form, "webhook", &misnamed)));
        answers.push(post(gateway, &[content_type], &call(form, "postRecord", &keyed())));
    }
    for endpoint in ["token", "introspect", "revoke"] {
        let form = format!("grant_type=client_credentials&client_id={one}&client_secret={other}&token={one}");
        answers.push(oauth(gateway, endpoint, &[], &form));
        answers.push(oauth(gateway, endpoint, &[], &format!("{form}&scope={other}&scope={one}")));
        answers.push(oauth(gateway, endpoint, &[("Authorization", &basic)], &format!("{one}={other}&scope={other}")));
        answers.push(oauth(gateway, endpoint, &[("Authorization", &bearer)], &form));
    }
    for endpoint in &ENDPOINTS {
        let path = endpoint.path.replace("{uuid}", "a-record").replace("{uri}", other);
        let client = format!(
            "client_id: {one}\r\nclient_secret: {other}\r\nrefresh_token: {one}\r\ngrant_type: client_credentials\r\n"
        );
        for (query, headers) in [
            (format!("?api_key={one}&app_key={other}"), String::new()),
            (String::new(), format!("X-Apikey: {one}\r\nX-App: {other}\r\n")),
            (String::new(), format!("X-Apikey: {one}\r\nX-App: {other}\r\nX-App: {other}\r\n")),
            (String::new(), format!("Authorization: {bearer}\r\n")),
            (String::new(), format!("Authentication: {basic}\r\n")),
            (String::new(), client),
        ] {
            for method in [endpoint.method.as_str(), "PATCH"] {
                let request = format!(
                    "{method} {path}{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: 2\r\n\r\n{{}}"
                );
                match attempt(gateway.address, request.as_bytes()) {
                    Outcome::Answered(answer) => answers.push(answer.text()),
                    outcome => panic!("no answer: {outcome:?}"),
                }
            }
        }
    }
    // In places where they do not belong.
    for request in [
        format!("GET /v1/soap?api_key={one}&app_key={other} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        format!("GET /{one} HTTP/1.1\r\nHost: a\r\nAuthorization: {basic}\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization {bearer}\r\nConnection: close\r\n\r\n"),
        format!("POST /v1/soap HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Length: x\r\n\r\n"),
    ] {
        // A refusal may say what was asked for; the sender knows that.
        attempt(gateway.address, request.as_bytes());
    }
    answers
}

#[test]
fn no_secret_is_found_in_the_database_a_backup_the_output_or_the_log() {
    let place = Place::new();
    let mut secrets = Secrets::make(&place);
    let gateway = place.serve_after("export FLOWGATE__LOG__LEVEL=trace", "");
    secrets.use_oauth(&gateway);
    let mut answers = Vec::new();
    let values: Vec<&str> = secrets.named.values().map(String::as_str).collect();
    answers.extend(use_everywhere(&gateway, secrets.get("API key"), secrets.get("app key")));
    answers.extend(use_everywhere(&gateway, secrets.get("access token"), secrets.get("refresh token")));
    answers.extend(use_everywhere(&gateway, secrets.get("client secret"), secrets.get("first API key")));
    answers.extend(use_everywhere(&gateway, secrets.get("refresh token"), secrets.get("first client secret")));
    answers.extend(use_everywhere(&gateway, secrets.get("first app key"), &secrets.webhook));
    for form in Form::ALL {
        for payload in ["{}", "not JSON"] {
            let message = call(form, "webhook", &[text("Uri", &secrets.webhook), text("Payload", payload)]);
            answers.push(post(&gateway, &[("Content-Type", form.content_type())], &message));
        }
    }
    assert!(answers.iter().any(|answer| answer.contains(">201</Code>")), "some calls succeed");
    assert!(answers.iter().any(|answer| answer.contains("Fault>")), "some calls fail");
    assert!(answers.iter().any(|answer| answer.contains("Data stored successfully")), "some are those of REST");
    place.succeed("backup copy.db");

    // The write-ahead log is still there.
    let printed = gateway.kill();
    let log = fs::read(place.path("serve.log")).expect("the log");
    assert!(contains(&log, "TRACE") && contains(&log, "insertRecord"), "the log says what it can");
    assert!(!holders(&place.path("."), "portal").is_empty(), "the search finds what is there");
    for (name, secret) in &secrets.named {
        let told: Vec<_> = String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| line.contains(secret.as_str()))
            .map(str::to_owned)
            .collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
        // A record may be given a secret as its identifier or content; nobody did that here.
        let encoded = STANDARD.encode(secret);
        for form in [secret.as_str(), encoded.trim_end_matches('=')] {
            assert_eq!(holders(&place.path("."), form), Vec::<String>::new(), "{name}");
            assert!(!printed.contains(form), "{name} was printed");
        }
    }
    for pair in values.windows(2) {
        let basic = STANDARD.encode(format!("{}:{}", pair[0], pair[1]));
        assert_eq!(holders(&place.path("."), &basic), Vec::<String>::new());
    }
    let hook = holders(&place.path("."), &secrets.webhook);
    assert!(hook.iter().all(|file| file.contains("flowgate.db") || file.contains("copy.db")), "{hook:?}");
    assert!(hook.iter().any(|file| file.contains("copy.db")), "stored to be shown again: {hook:?}");
}

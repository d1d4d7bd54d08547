//! The examples of document 003, "Keystore", as they are written: the three ways to prove oneself, the five calls, three formats.

use flowgate::operation::token::IssueToken;
use serde_json::json;

use super::{add, kept};
use crate::engine::Works;
use crate::support::Answer;

const TYPES: [&str; 3] = ["application/json", "application/xml", "text/plain"];

/// The three ways: OAuth2, headers, and the address, where the documented examples send the header nevertheless.
fn ways(works: &Works) -> Vec<(String, Vec<(&'static str, String)>)> {
    let oauth = "flowgate";
    works.app.application(works.customer, oauth, |new| {
        new.name = oauth.to_owned();
        new.oauth2 = true;
        new.client_id = Some("c".to_owned());
        new.client_secret_hash = Some(vec![0; 32]);
    });
    let issued = works.run(IssueToken { application: oauth.to_owned() }).expect("tokens");
    vec![
        (String::new(), vec![("Authorization", format!("Bearer {}", issued.access))]),
        (String::new(), vec![("X-Apikey", "k".to_owned())]),
        ("?api_key=k".to_owned(), Vec::new()),
    ]
}

fn call(
    works: &Works,
    method: &str,
    path: &str,
    way: &(String, Vec<(&'static str, String)>),
    content_type: &str,
    body: &str,
) -> Answer {
    let (query, headers) = way;
    let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.push(("Content-Type", content_type));
    works.app.call(method, &format!("/v1/keystore/{path}{query}"), &headers, body.as_bytes())
}

#[test]
fn the_five_calls_work_in_every_way_and_format() {
    let works = kept();
    for (number, way) in ways(&works).iter().enumerate() {
        for (place, content_type) in TYPES.iter().enumerate() {
            for slash in ["", "/"] {
                let path = format!("weather/london-{number}-{place}{slash}");
                let (body, answered) = match *content_type {
                    "application/xml" => (
                        "<weather><temp type=\"number\">15</temp><wind>2 km/h S</wind></weather>",
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><temp type=\"number\">15</temp>\
                         <wind>2 km/h S</wind></response>",
                    ),
                    _ => (r#"{"temp":15,"wind":"2 km\/h S"}"#, r#"{"temp":15,"wind":"2 km\/h S"}"#),
                };
                let ask = |method: &str, body: &str| call(&works, method, &path, way, content_type, body);
                let empty = ask("GET", "").text();
                assert!(empty.contains("average"), "{path}: {empty}");
                let refused = ask("POST", body);
                assert_eq!((refused.status, refused.json_or_xml()), (409, "409".to_owned()), "{}", refused.text());
                assert_eq!(ask("DELETE", "").status, 200);
                for method in ["POST", "GET", "PUT"] {
                    let answer = ask(method, body);
                    assert_eq!((answer.status, answer.text().as_str()), (200, answered), "{method} {path}");
                    let kind = answer.header("content-type").expect("a type");
                    assert!(kind.starts_with(content_type), "{kind}");
                }
                assert_eq!(ask("DELETE", "").status, 200);
            }
        }
    }
}

trait Coded {
    fn json_or_xml(&self) -> String;
}

impl Coded for Answer {
    /// The code of a failure in either format.
    fn json_or_xml(&self) -> String {
        let text = self.text();
        match text.starts_with('<') {
            true => self.element("code").expect("a code"),
            false => self.json()["code"].to_string(),
        }
    }
}

#[test]
fn deleting_answers_the_documented_envelope() {
    let works = kept();
    super::put(&works, "weather/london", &json!({}));
    let answer = super::ask(&works, "DELETE", "weather/london", "application/json", "");
    assert_eq!(
        answer.json(),
        json!({
            "id": "ok", "code": 200, "request-ip": "127.0.0.1", "resource": null,
            "message": "Successfully deleted key london in keystore weather", "error": null,
        })
    );
    let answer = super::ask(&works, "DELETE", "weather/london", "application/json", "");
    assert_eq!(super::refusal(&answer, 404), "There is no package 'london' in the keystore 'weather'");
}

/// Document 003's search, of which the sample's values are those of these packages.
#[test]
fn the_search_answers_as_the_sample_does() {
    let works = Works::start();
    add(&works, &json!({"id": "weather"}));
    for (key, text) in [
        ("Madrid", r#"{"temp":24,"wind":"5 km\/h N","city":"Madrid"}"#),
        ("London", r#"{"temp":15,"wind":"2 km\/h S","city":"London"}"#),
        ("Oslo", r#"{"temp":{"max":24,"average":26},"city":"Oslo"}"#),
        ("Rome", r#"{"temp":{"max":24,"average":25},"city":"Rome"}"#),
    ] {
        assert_eq!(super::ask(&works, "POST", &format!("weather/{key}"), "application/json", text).text(), text);
    }
    let search = |field: &str| {
        format!(
            r#"{{"select":[{{"field":"keystore.key","alias":"MyKey"}},{{"field":"{field}","alias":"temperature"}},
            {{"field":"*","alias":"all_info"}}],"where":{{"condition":"OR","rules":[
            {{"field":"temp.average","operator":">","value":"25"}},{{"field":"city","operator":"LIKE","value":"lond%"}}]}}}}"#
        )
    };
    for (index, way) in ways(&works).iter().enumerate() {
        let found = |field: &str| {
            call(&works, "POST", if index == 1 { "weather/" } else { "weather" }, way, TYPES[0], &search(field))
        };
        let rows = found("temp").json();
        assert_eq!(
            rows[0],
            json!({"MyKey": "London", "temperature": "15", "all_info": r#"{"temp":15,"wind":"2 km\/h S","city":"London"}"#})
        );
        assert_eq!(
            found("temp.max").json(),
            json!([
                {"MyKey": "London", "temperature": null, "all_info": r#"{"temp":15,"wind":"2 km\/h S","city":"London"}"#},
                {"MyKey": "Oslo", "temperature": "24", "all_info": r#"{"temp":{"max":24,"average":26},"city":"Oslo"}"#},
            ])
        );
    }
    let answer = super::ask(&works, "POST", "weather", "application/json", &search("temp"));
    assert_eq!(answer.header("x-total-count"), Some("2"));
}

/// What is asked in XML is answered in XML.
#[test]
fn the_search_is_in_xml_as_well() {
    let works = kept();
    super::put(&works, "weather/london", &json!({"city": "London", "temp": {"average": 11.5}}));
    let one = "<search><select><field>key</field></select><where><rules><field>city</field><operator>LIKE</operator>\
               <value>lond%</value></rules></where><limit>5</limit></search>";
    let answer = super::ask(&works, "POST", "weather", "application/xml", one);
    assert_eq!(
        super::told(&answer),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response type=\"array\"><item><key>london</key></item></response>"
    );
    let several = "<search><select><item><field>key</field><alias>k</alias></item><item><field>temp.average</field>\
                   <alias/></item></select></search>";
    let answer = works.send(
        "POST",
        "/v1/keystore/weather",
        &[("Content-Type", "application/xml"), ("Accept", "application/json")],
        several,
    );
    assert_eq!(answer.json(), json!([{"k": "london", "temp.average": "11.5"}]));
}

/// Whoever has a key of an application besides is held to what that was granted; a key alone to what any of them was.
#[test]
fn the_scopes_are_asked_for() {
    let works = kept();
    let scopes = |names: &str| flowgate::model::scope::Scopes::parse(names).expect("scopes");
    for (key, granted) in [("reader", "keystore.read"), ("writer", "keystore"), ("maker", "keystore.definition")] {
        works.app.application(works.customer, key, |new| {
            new.name = key.to_owned();
            new.scopes = scopes(granted);
        });
    }
    let as_of = |app: &str, method: &str, path: &str, body: &str| {
        let headers = [("X-Apikey", "k"), ("X-App", app), ("Content-Type", "application/json")];
        works.app.call(method, &format!("/v1/keystore{path}"), &headers, body.as_bytes()).status
    };
    assert_eq!(as_of("writer", "PUT", "/weather/london", "1"), 200);
    let search = r#"{"select":[{"field":"key"}]}"#;
    for (method, path, body, who) in [
        ("GET", "/weather/london", "", [200, 200, 401]),
        ("GET", "/weather/missing", "", [404, 200, 401]),
        ("POST", "/weather", search, [200, 200, 401]),
        ("GET", "/weather", "", [200, 200, 401]),
        ("PUT", "/weather/london", "1", [401, 200, 401]),
        ("PATCH", "/weather", "{}", [401, 401, 200]),
        ("POST", "", r#"{"id":"x"}"#, [401, 401, 201]),
        ("DELETE", "/x", "", [401, 401, 200]),
        ("DELETE", "/weather/london", "", [401, 200, 401]),
    ] {
        let statuses = ["reader", "writer", "maker"].map(|app| as_of(app, method, path, body));
        assert_eq!(statuses, who, "{method} {path}");
    }
}

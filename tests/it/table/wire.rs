//! JSON and XML, in and out.

use serde_json::{Value, json};

use super::Tables;
use crate::support::Answer;

const XML: (&str, &str) = ("Content-Type", "application/xml");

fn send(tables: &Tables, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    tables.app.call(method, &format!("/v1/tables{path}"), &[&[("X-Apikey", "k")], headers].concat(), body.as_bytes())
}

#[test]
fn rows_go_in_and_come_out_as_xml() {
    let tables = Tables::users();
    let answer =
        send(&tables, "POST", "/users/", &[XML], "<row><username>a &lt; b</username><age>23</age><type/></row>");
    assert_eq!(answer.header("content-type"), Some("application/xml; charset=UTF-8"));
    let expected = concat!(
        "<data type=\"array\"><item><id>1</id><date_created>2026-01-15 12:00:00</date_created>",
        "<date_updated>2026-01-15 12:00:00</date_updated><username>a &lt; b</username><password type=\"null\"></password>",
        "<type></type><age type=\"number\">23</age></item></data><total type=\"number\">1</total>",
        "<start_at type=\"number\">0</start_at><next_element type=\"number\">0</next_element>",
        "<limit type=\"number\">100</limit><offset type=\"number\">0</offset>",
        "<max_results type=\"number\">0</max_results></response>"
    );
    assert!(answer.text().ends_with(expected), "{}", answer.text());
    let columns = "<insert><columns><item><column_name>username</column_name><column_value>x</column_value></item>\
                   <item><column_name>age</column_name><column_value>40</column_value></item></columns></insert>";
    assert_eq!(send(&tables, "POST", "/users/7", &[XML], columns).status, 200);
    let single = "<update><columns><column_name>age</column_name><column_value>41</column_value></columns></update>";
    assert_eq!(send(&tables, "PUT", "/users/7", &[XML], single).status, 200);
    let search = "<search><where><condition>AND</condition><rules><item><field>age</field><operator>between</operator>\
                  <value><item>20</item><item>50</item></value></item></rules></where><limit>1</limit>\
                  <order_field>age</order_field><order_type>desc</order_type></search>";
    let answer = send(&tables, "POST", "/users/search", &[XML, ("Accept", "application/json")], search);
    let json = answer.json();
    assert_eq!((&json["data"][0]["id"], &json["max_results"]), (&json!("7"), &json!(2)), "{json}");
    // One rule needs no list around it.
    let search =
        "<search><where><rules><field>age</field><operator>&gt;</operator><value>30</value></rules></where></search>";
    assert_eq!(send(&tables, "POST", "/users/search", &[XML], search).element("max_results").as_deref(), Some("1"));
    let update = format!(
        "<u>{}<where><rules><field>age</field><operator>=</operator><value>41</value></rules></where></u>",
        &single[8..single.len() - 9]
    );
    assert_eq!(send(&tables, "PUT", "/users", &[XML], &update).element("total").as_deref(), Some("1"));
    let nothing = "<search><where/><limit/><offset/><order_field/><order_type/></search>";
    assert_eq!(send(&tables, "POST", "/users/search", &[XML], nothing).element("max_results").as_deref(), Some("2"));
    let table = "<table><name>t</name><columns><item><name>a</name><type>text</type><indexed>true</indexed></item></columns></table>";
    assert_eq!(send(&tables, "POST", "", &[XML], table).status, 201);
    let refused = send(&tables, "POST", "/t", &[XML], "<row><b>1</b></row>");
    assert_eq!((refused.status, refused.element("message").as_deref()), (400, Some("t has no column 'b'; it has a")));
    assert!(send(&tables, "DELETE", "/users/7", &[XML], "").text().contains("<resource type=\"number\">1</resource>"));
}

#[test]
fn the_reply_is_what_accept_names_else_what_the_request_is() {
    let tables = Tables::users();
    tables.insert("users", &json!({"age": 1}));
    for (accept, content, expected) in [
        ("", "", "application/json"),
        ("", "application/xml", "application/xml; charset=UTF-8"),
        ("*/*", "application/xml", "application/xml; charset=UTF-8"),
        ("application/json", "application/xml", "application/json"),
        ("text/xml", "application/json", "application/xml; charset=UTF-8"),
    ] {
        let mut headers = Vec::new();
        headers.extend((!accept.is_empty()).then_some(("Accept", accept)));
        headers.extend((!content.is_empty()).then_some(("Content-Type", content)));
        let answer = send(&tables, "GET", "/users/1", &headers, "");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(expected)), "{accept} {content}");
        assert!(answer.header("vary").is_some_and(|vary| vary.starts_with("Accept, Content-Type")));
        let head = send(&tables, "HEAD", "/users/1", &headers, "");
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, answer.header("etag")));
    }
    let [json, xml] = ["application/json", "application/xml"]
        .map(|accept| send(&tables, "GET", "/users/1", &[("Accept", accept)], ""));
    assert_ne!(json.header("etag"), xml.header("etag"));
    // The tag of either representation names the state of the row.
    let tag = xml.header("etag").expect("a tag").to_owned();
    let body = json!({"age": 2}).to_string();
    assert_eq!(send(&tables, "PUT", "/users/1", &[("If-Match", &tag)], &body).status, 200);
    assert_eq!(send(&tables, "PUT", "/users/1", &[("If-Match", &tag)], &body).status, 412);
}

#[test]
fn methods_that_there_are_not_are_refused() {
    let tables = Tables::users();
    for (method, path, allowed) in [
        ("GET", "/users/search", "OPTIONS, POST"),
        ("PATCH", "/users/1", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("PUT", "", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/users/1/2", ""),
    ] {
        let answer = send(&tables, method, path, &[], "{}");
        assert_eq!(answer.header("allow").unwrap_or_default(), allowed, "{method} {path}");
        assert_eq!(answer.status, if allowed.is_empty() { 404 } else { 405 });
    }
    let _: Value = send(&tables, "POST", "/users/1/2", &[], "{}").json();
}

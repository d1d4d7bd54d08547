//! The service page: complete, well-formed in every sample, and safe with whatever address a request claims.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flowgate::facade::soap::message::{Need, OPERATIONS, SERVICE, need, outcome};
use flowgate::facade::soap::page::{self, Page};
use flowgate::facade::soap::sample;
use flowgate::soap::wsdl::Style;
use quick_xml::NsReader;
use quick_xml::events::Event;
use sha2::{Digest, Sha256};

const ADDRESS: &str = "http://127.0.0.1:8080/v1/soap";

fn page(address: &str) -> Page {
    Page { address: address.to_owned(), root: "..", version: "0.1.0", demo: true }
}

fn render(address: &str) -> String {
    page::render(&page(address)).expect("the page renders")
}

/// The content of the first element with that start tag.
fn between<'a>(html: &'a str, start: &str, end: &str) -> &'a str {
    let after = html.split_once(start).unwrap_or_else(|| panic!("the page has no {start}")).1;
    after.split_once(end).expect("the element ends").0
}

/// Reads to the end with every check on, and panics at the first flaw.
fn assert_well_formed(xml: &str) {
    let mut reader = NsReader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut depth = 0_i32;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in {xml}")) {
            Event::Start(start) => {
                depth += 1;
                for attribute in start.attributes() {
                    attribute.unwrap_or_else(|error| panic!("{error} in {xml}"));
                }
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "every element ends in {xml}");
}

#[test]
fn every_operation_is_on_the_page_with_its_samples_in_both_styles() {
    let html = render(ADDRESS);
    for operation in &OPERATIONS {
        let name = operation.name;
        assert!(html.contains(&format!("<a href=\"#{name}\">")), "{name} is in the index");
        assert!(html.contains(&format!("<h3>{name}</h3>")), "{name} has a heading");
        for style in ["rpc", "literal"] {
            for sample in ["request", "reply", "curl"] {
                let id = format!("{name}-{style}-{sample}");
                assert!(html.contains(&format!("<pre id=\"{id}\"")), "{id} is there");
                assert!(html.contains(&format!("data-copy=\"{id}\"")), "{id} can be copied");
            }
        }
    }
}

#[test]
fn the_three_descriptions_are_linked_by_absolute_address() {
    let html = render(ADDRESS);
    for style in Style::ALL {
        assert!(html.contains(&format!("href=\"{ADDRESS}?{}\"", style.query())));
    }
}

#[test]
fn every_sample_is_well_formed() {
    for style in Style::ALL {
        for operation in &OPERATIONS {
            assert_well_formed(&sample::request(style, operation));
            assert_well_formed(&sample::reply(style, operation));
        }
        assert_well_formed(&sample::fault(style));
        assert_well_formed(&sample::with_header(style, &["<a/>"]));
    }
}

#[test]
fn the_encoded_reply_has_the_documented_form() {
    let operation = &OPERATIONS[1];
    let expected = r#"<SOAP-ENV:Envelope
    SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"
    xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:xsd="http://www.w3.org/2001/XMLSchema"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xmlns:ns1="Flowize"
    xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/">
  <SOAP-ENV:Body>
    <ns1:insertRecordResponse xsi:type="ns1:insertRecordResponse">
      <insertRecordResult xsi:type="ns1:Response">
        <Id xsi:type="xsd:string">created</Id>
        <Code xsi:type="xsd:string">201</Code>
        <RequestIP xsi:type="xsd:string">127.0.0.1</RequestIP>
        <Resource xsi:type="xsd:string">eyJjbGllbnQiOlt7Im5hbWUiOiJKYW5lIERvZSJ9XX0=</Resource>
        <Message xsi:type="xsd:string">Data Record is created successfully and it is included in the queue.</Message>
        <Error xsi:type="xsd:string">null</Error>
      </insertRecordResult>
    </ns1:insertRecordResponse>
  </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
"#;
    assert_eq!(sample::reply(Style::RpcEncoded, operation), expected);
}

#[test]
fn a_request_fills_in_what_its_operation_needs_and_nothing_that_it_ignores() {
    for operation in &OPERATIONS {
        let request = sample::request(Style::Literal11, operation);
        for structure in operation.request.fields {
            let flowgate::soap::shape::Kind::Structure(shape) = structure.kind else { continue };
            for field in shape.fields {
                let is_there = request.contains(&format!("<{}>", field.name));
                match need(operation.name, field) {
                    Need::Required => assert!(is_there, "{} needs {}", operation.name, field.name),
                    Need::Unused => assert!(!is_there, "{} ignores {}", operation.name, field.name),
                    Need::Either | Need::Optional => {}
                }
            }
        }
    }
}

#[test]
fn every_operation_has_its_documented_outcome() {
    for operation in &OPERATIONS {
        let outcome = outcome(operation.name);
        assert!(!outcome.message.is_empty(), "{} has a sentence", operation.name);
        assert_eq!(outcome.id == "ok", outcome.code == "200", "{}: ok goes with 200", operation.name);
    }
    assert_eq!(outcome("changeFlowStatus").error, "false");
    assert_eq!(outcome("deleteRecord").code, "201");
}

#[test]
fn a_hostile_address_is_escaped_in_text_attributes_and_shell_lines() {
    let hostile = "http://a'b\"><script>alert(1)</script>&amp;{{x}}/v1/soap";
    let html = render(hostile);
    assert_eq!(html.matches("<script").count(), 1, "the page's own script is the only one");
    assert!(!html.contains("a'b"), "no raw quote is left");
    assert!(!html.contains("b\">"), "no attribute ends early");
    // What the reader copies is the unescaped text: in it the quote must not end the shell's word.
    let curl = sample::curl(Style::RpcEncoded, hostile, "getRecord", "<a/>\n");
    assert!(curl.starts_with(r#"curl -sS 'http://a'\''b"><script>"#));
    for id in ["endpoint", "getRecord-rpc-curl"] {
        let content = between(&html, &format!("id=\"{id}\""), "</").split_once('>').expect("the tag ends").1;
        assert!(content.contains("&#60;script&#62;") || content.contains("&lt;script&gt;"), "{content}");
    }
}

#[test]
fn an_address_that_is_no_web_address_is_refused() {
    for address in ["", "javascript:alert(1)", "//example.com/v1/soap", "http://a b/", "http://a\n/"] {
        assert!(page::render(&page(address)).is_err(), "{address:?} does not become a link");
    }
}

#[test]
fn a_shell_word_survives_quotes() {
    assert_eq!(sample::shell_quoted("plain"), "'plain'");
    assert_eq!(sample::shell_quoted("it's $(x) `y`"), r"'it'\''s $(x) `y`'");
}

#[test]
fn the_policy_admits_exactly_the_pages_own_style_and_script() {
    let html = render(ADDRESS);
    let policy = page::content_security_policy();
    assert!(policy.starts_with("default-src 'none'; "));
    assert!(!policy.contains("unsafe"));
    for (kind, start, end) in [("style-src", "<style>", "</style>"), ("script-src", "<script>", "</script>")] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(between(&html, start, end)));
        assert!(policy.contains(&format!("{kind} 'sha256-{hash}';")), "{kind} knows its block");
    }
    for forbidden in ["style=\"", " onclick", "src=\"", "@import", "url("] {
        assert!(!html.contains(forbidden), "the page has {forbidden}");
    }
}

#[test]
fn files_for_other_tools_are_posted_for_with_the_demos_keys_only_in_the_demo() {
    for (root, demo) in [("..", true), ("../..", false)] {
        let html = page::render(&Page { root, demo, ..page(ADDRESS) }).expect("the page renders");
        let form = between(&html, "<form", "</form>");
        assert!(form.contains("method=\"post\"") && form.contains("autocomplete=\"off\""), "{form}");
        for file in ["flowgate.postman_collection.json", "flowgate.http"] {
            assert!(form.contains(&format!("formaction=\"{root}/docs/files/{file}\"")), "{form}");
        }
        for (name, value) in [("api_key", "demo-api-key"), ("app_key", "demo-app")] {
            let input = between(form, &format!("<input name=\"{name}\""), ">");
            assert_eq!(input.contains(&format!("value=\"{value}\"")), demo, "{input}");
        }
        for page in ["docs", "openapi.json", "openapi.yaml"] {
            assert!(html.contains(&format!("href=\"{root}/{page}\"")), "{page} is linked");
        }
    }
    assert!(page::content_security_policy().contains("form-action 'self'"));
}

#[test]
fn samples_speak_the_namespaces_of_the_descriptions() {
    for style in Style::ALL {
        let namespace = format!("\"{}\"", style.namespace(SERVICE.name));
        assert!(sample::request(style, &OPERATIONS[0]).contains(&namespace));
        assert!(sample::reply(style, &OPERATIONS[0]).contains(&namespace));
    }
}

//! The attacks on SOAP and XML that are known, row by row: each is answered as it should be, nothing is executed, fetched
//! or shown, and the next request is served. What a request may cost is measured in `cost.rs`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::model::record::Record;
use flowgate::model::scope::Scopes;
use flowgate::store::{record, webhook};
use tempfile::NamedTempFile;

use crate::envelope::{FLOW, KEYS, envelope, gateway, get_flow, gzip, is_refused, package};
use crate::message::{Form, flow, keys, with_header};
use crate::support::{Answer, Tenant, TestApp};

/// A gateway, and what an attacker would like it to reach.
struct Target {
    app: TestApp,
    tenant: Tenant,
    /// A server that nobody may call.
    canary: TcpListener,
    /// A file that nobody may read.
    secret: NamedTempFile,
}

const SECRET: &str = "the content of a file";

impl Target {
    fn new() -> Target {
        let (app, tenant) = gateway();
        let canary = TcpListener::bind("127.0.0.1:0").expect("a listener");
        canary.set_nonblocking(true).expect("a setting");
        let secret = NamedTempFile::new().expect("a file");
        secret.as_file().write_all(SECRET.as_bytes()).expect("a file");
        Target { app, tenant, canary, secret }
    }

    fn url(&self) -> String {
        format!("http://{}/x", self.canary.local_addr().expect("an address"))
    }

    fn file(&self) -> String {
        format!("file://{}", self.secret.path().display())
    }

    /// Posts a body and expects a fault with the words, nothing reached and the next request served.
    fn refuses(&self, body: &str, words: &str) {
        self.is_unharmed(&self.app.soap(body), words);
    }

    /// The same of an answer.
    fn is_unharmed(&self, answer: &Answer, words: &str) {
        is_refused(answer, "400", words);
        self.is_untouched(answer);
    }

    fn is_untouched(&self, answer: &Answer) {
        assert!(!answer.text().contains(SECRET), "{}", answer.text());
        let called = self.canary.accept().map(|_| ()).map_err(|error| error.kind());
        assert_eq!(called, Err(ErrorKind::WouldBlock), "the gateway called an address that a request named");
        assert_eq!(self.app.soap(&envelope(&get_flow())).status, 200);
    }

    fn record(&self, uuid: &str) -> Option<Record> {
        self.app.app.store.peek(|tx| record::find(tx, self.tenant.customer, uuid)).expect("a read")
    }

    fn records(&self) -> i64 {
        let count = |tx: &mut dyn flowgate::store::Tx| tx.query("SELECT count(*) FROM record", &[])?[0].integer(0);
        self.app.app.store.peek(count).expect("a read")
    }
}

/// A good message with something more within its input.
fn within(inner: &str) -> String {
    envelope(&get_flow()).replace("<input>", &format!("<input>{inner}"))
}

fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

fn insert(uuid: &str, data: &str) -> String {
    let data = format!("<DataRecordObject><Uuid>{uuid}</Uuid><Data>{data}</Data></DataRecordObject>");
    envelope(&format!("<m:insertRecord><input>{KEYS}{data}{FLOW}</input></m:insertRecord>"))
}

fn post_record(customer: &str) -> String {
    envelope(&format!("<m:postRecord><input>{KEYS}{customer}</input></m:postRecord>"))
}

#[test]
fn entities_are_not_expanded() {
    let target = Target::new();
    let nested: String = (1..30).map(|n| format!("<!ENTITY l{n} \"&l{};&l{};\">", n - 1, n - 1)).collect();
    let large = "x".repeat(100_000);
    for (declared, used) in [
        (format!("<!ENTITY l0 \"lol\">{nested}"), "&l29;".to_owned()),
        (format!("<!ENTITY l0 \"{large}\">"), "&l0;".repeat(100_000)),
        ("<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">".to_owned(), "&a;".to_owned()),
        ("<!ENTITY unused \"x\">".to_owned(), String::new()),
        ("<!ENTITY lt \"x\">".to_owned(), "&lt;".to_owned()),
        ("<!ATTLIST Flow default CDATA \"x\">".to_owned(), String::new()),
    ] {
        let content = within(&format!("<x>{used}</x>"));
        let attribute = within(&format!("<x a=\"{used}\"/>"));
        for body in [content, attribute] {
            target.refuses(&format!("<!DOCTYPE e [{declared}]>{body}"), "document type declaration");
            target
                .refuses(&format!("<?xml version=\"1.0\"?>\n<!-- c --><!DOCTYPE e [{declared}]>{body}"), "type declar");
        }
    }
    // Without its declaration a reference is an error too, and so is a declaration where none belongs.
    target.refuses(&within("&l0;"), "'&l0;' is not accepted");
    target.refuses(&within("<x a=\"&l0;\"/>"), "'&l0;' is not accepted");
    target.refuses(&within("<!DOCTYPE e [<!ENTITY a \"b\">]>"), "document type declaration");
}

#[test]
fn external_entities_are_not_fetched() {
    let target = Target::new();
    let (url, file) = (target.url(), target.file());
    for declaration in [
        format!("<!DOCTYPE e [<!ENTITY x SYSTEM \"{file}\">]>"),
        format!("<!DOCTYPE e [<!ENTITY x SYSTEM \"{url}\">]>"),
        format!("<!DOCTYPE e [<!ENTITY x PUBLIC \"-//x\" \"{url}\">]>"),
        format!("<!DOCTYPE e [<!ENTITY % p SYSTEM \"{url}\"> %p;]>"),
        format!(
            "<!DOCTYPE e [<!ENTITY % f SYSTEM \"{file}\"><!ENTITY % d \"<!ENTITY &#37; s SYSTEM '{url}?%f;'>\">%d;%s;]>"
        ),
        format!("<!DOCTYPE e SYSTEM \"{url}\">"),
        format!("<!DOCTYPE e PUBLIC \"-//x\" \"{file}\">"),
        "<!DOCTYPE e [<!ENTITY x SYSTEM \"file:///dev/urandom\">]>".to_owned(),
    ] {
        let body = format!("{declaration}{}", within("<x>&x;</x>"));
        target.refuses(&body, "document type declaration");
        let big = [&[0xFE, 0xFF], &*body.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()].concat();
        let little: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for wide in [big, little] {
            target.is_unharmed(&target.app.post(&[("Content-Type", "text/xml")], &wide), "document type declaration");
        }
    }
}

#[test]
fn what_refers_to_documents_elsewhere_is_plain_data() {
    let target = Target::new();
    let (url, file) = (target.url(), target.file());
    let xi = "xmlns:xi=\"http://www.w3.org/2001/XInclude\"";
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    for address in [&url, &file] {
        // Where nobody looks it is ignored; where text belongs it is refused.
        let include = format!("<xi:include {xi} parse=\"text\" href=\"{address}\"/>");
        let ignored = target.app.soap(&within(&include));
        assert_eq!(ignored.status, 200, "{}", ignored.text());
        target.is_untouched(&ignored);
        let payload = format!("<m:webhook><input><Uri>hook</Uri><Payload>{include}</Payload></input></m:webhook>");
        target.refuses(&envelope(&payload), "elements where text is expected");
        for hint in [
            format!("{xsi} xsi:schemaLocation=\"urn:Flowize {address}\""),
            format!("{xsi} xsi:noNamespaceSchemaLocation=\"{address}\""),
            format!("xml:base=\"{address}\""),
        ] {
            let answer = target.app.soap(&within("").replace("<input>", &format!("<input {hint}>")));
            assert_eq!(answer.status, 200, "{}", answer.text());
            target.is_untouched(&answer);
        }
        let body = within("");
        target.refuses(&format!("<?xml-stylesheet type=\"text/xsl\" href=\"{address}\"?>{body}"), "Processing instr");
    }
}

#[test]
fn descriptions_from_outside_make_nothing_be_fetched() {
    let target = Target::new();
    let url = target.url();
    let imports = format!(
        "<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" targetNamespace=\"urn:x\">\
         <import namespace=\"urn:y\" location=\"{url}\"/><import namespace=\"urn:x\" location=\"\"/>\
         <types><schema xmlns=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:x\">\
         <import namespace=\"urn:z\" schemaLocation=\"{url}\"/><include schemaLocation=\"{}\"/></schema></types>\
         <portType name=\"p\"/></definitions>",
        target.file()
    );
    let _ = flowgate::soap::wsdl::read(&imports);
    target.is_untouched(&target.app.soap(&within("")));
}

#[test]
fn attachments_come_from_the_same_message_only() {
    let target = Target::new();
    let mtom =
        "multipart/related; type=\"application/xop+xml\"; start=\"<r>\"; start-info=\"text/xml\"; boundary=\"b:1\"";
    let root = "Content-Type: application/xop+xml\r\nContent-ID: <r>";
    let include =
        |href: &str| format!("<i:Include xmlns:i=\"http://www.w3.org/2004/08/xop/include\" href=\"{href}\"/>");
    for href in [&target.url(), &target.file(), "cid:other", "cid:", "", "r", "data:,x", "//127.0.0.1/"] {
        let body = insert("ssrf", &include(href));
        let content: &[(&str, &[u8])] = &[(root, body.as_bytes()), ("Content-ID: <a>", b"{}")];
        let answer = target.app.post(&[("Content-Type", mtom)], &package(content));
        target.is_unharmed(&answer, "not an attachment of this message");
        target.refuses(&body, "not an attachment of this message");
        let reference = insert("ssrf", "").replace("<Data></Data>", &format!("<Data href=\"{href}\"/>"));
        target.refuses(&reference, "not an attachment of this message");
    }
    assert!(target.record("ssrf").is_none());
}

#[test]
fn a_flood_of_attachments_is_cut_off() {
    let target = Target::new();
    let root = "Content-Type: text/xml\r\nContent-ID: <r>";
    let body = within("");
    let part: (&str, &[u8]) = ("Content-ID: <n>", b"x");
    let mut parts = vec![(root, body.as_bytes())];
    parts.extend(std::iter::repeat_n(part, 49));
    let related = "multipart/related; start=\"<r>\"; boundary=\"b:1\"";
    let answer = target.app.post(&[("Content-Type", related)], &package(&parts));
    assert_eq!(answer.status, 200, "{}", answer.text());
    parts.extend(std::iter::repeat_n(part, 4_951));
    target.is_unharmed(&target.app.post(&[("Content-Type", related)], &package(&parts)), "more than 50 parts");
    // A boundary that nearly matches everywhere would make the search for it as long as both together.
    let long = format!("multipart/related; boundary=\"{}x\"", "-".repeat(20_000));
    let dashes = vec![b'-'; 1_000_000];
    target.is_unharmed(&target.app.post(&[("Content-Type", &long)], &dashes), "longer than 70 characters");
}

#[test]
fn deep_nesting_is_refused_where_it_becomes_too_deep() {
    let target = Target::new();
    for body in [
        within(&("<x>".repeat(100_000) + &"</x>".repeat(100_000))),
        within(&"<x>".repeat(1_000_000)),
        within(&"<x a=\"b\" xmlns=\"u\">".repeat(30_000)),
        "<x>".repeat(75_000),
    ] {
        target.refuses(&body, "nested more than 100 deep");
    }
    let nested = "<c>".repeat(90) + &"</c>".repeat(90);
    target.refuses(&post_record(&format!("<Customer>{nested}</Customer>")), "nested more than 64 deep");
    let json = STANDARD.encode("{\"a\":".repeat(100_000));
    target.refuses(&insert("deep", &json), "Data is nested more than 127 deep");
}

#[test]
fn nesting_that_is_pumped_through_an_open_socket_is_refused_when_it_ends() {
    let target = Target::new();
    let mut socket = TcpStream::connect(target.app.address).expect("the server listens");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    let head = "POST /v1/soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).expect("the head");
    for _ in 0..200 {
        socket.write_all(format!("12c\r\n{}\r\n", "<x>".repeat(100)).as_bytes()).expect("a chunk");
        socket.flush().expect("a chunk");
        assert_eq!(target.app.soap(&within("")).status, 200, "while it is pumped");
    }
    socket.write_all(b"0\r\n\r\n").expect("the end");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("nested more than 100 deep"), "{answer}");
}

#[test]
fn attributes_and_namespaces_are_counted() {
    let target = Target::new();
    let one = |tag: &str| within(&format!("<{tag}/>"));
    for (body, words) in [
        (one(&format!("x{}", many(80_000, |n| format!(" a{n}=\"\"")))), "more than 500 attributes"),
        (one(&format!("x{}", " a=\"\"".repeat(25_000))), "more than 500 attributes"),
        (one(&format!("x{}", many(50_000, |n| format!(" xmlns:n{n}=\"u{n}\"")))), "more than 500 attributes"),
        (one(&format!("x{}", many(499, |n| format!(" xmlns:n{n}=\"u{n}\"")))), "namespace declarations are in scope"),
        (one(&format!("x{}", " xmlns:n=\"u\"".repeat(499))), "declared twice"),
        (
            within(&many(90, |n| format!("<x xmlns:a{n}=\"u\" xmlns:b{n}=\"u\">"))),
            "namespace declarations are in scope",
        ),
        // Every element and attribute within would be compared by these.
        (one(&format!("x xmlns=\"{}\"", "u".repeat(60_000))), "namespace's name is longer than 1000 bytes"),
        (one(&format!("x xmlns=\"&#117;{}\"", "u".repeat(60_000))), "namespace's name is longer than 1000 bytes"),
    ] {
        target.refuses(&body, words);
    }
}

#[test]
fn elements_are_counted_and_comments_cost_nothing() {
    let target = Target::new();
    for (body, words) in [
        (within(&"<x/>".repeat(1_000_000)), "more than 50000 children"),
        (within(&("<y>".to_owned() + &"<x/>".repeat(49_000) + "</y>").repeat(20)), "more than 200000 elements"),
        (
            within(&format!("<x{}/>", many(400, |n| format!(" a{n}=\"\""))).repeat(501)),
            "more than 200000 elements and attributes",
        ),
    ] {
        target.refuses(&body, words);
    }
    let commented = target.app.soap(&within(&"<!--X-->".repeat(200_000)));
    assert_eq!(commented.status, 200, "{}", commented.text());
}

#[test]
fn names_and_values_are_measured() {
    let target = Target::new();
    let name = "n".repeat(1_000_000);
    for (inner, words) in [
        (format!("<{name}/>"), "name is longer than 1000 bytes"),
        (format!("<{name}:x xmlns:{name}=\"u\"/>"), "name is longer than 1000 bytes"),
        (format!("<x {name}=\"\"/>"), "too long"),
        (format!("<x xmlns:{name}=\"u\"/>"), "too long"),
        (format!("<x a=\"{}\"/>", "v".repeat(8_000_000)), "too long"),
        (format!("<x xmlns=\"{}\"/>", "v".repeat(8_000_000)), "too long"),
        (format!("&{name};"), "is not accepted"),
        (format!("<x></{name}>"), ""),
    ] {
        target.refuses(&within(&inner), words);
    }
}

#[test]
fn names_that_collide_in_weak_hashes_are_names_like_others() {
    let target = Target::new();
    // "Ez" and "FY" have the same DJBX33A value, and so has every text made of as many of them.
    let colliding = |length: u32, number: usize| -> String {
        (0..length).map(|bit| if number >> bit & 1 == 0 { "Ez" } else { "FY" }).collect()
    };
    let answer = target.app.soap(&within(&format!("<x{}/>", many(490, |n| format!(" {}=\"\"", colliding(9, n))))));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let members = many(10_000, |n| format!("<{}/>", colliding(14, n)));
    let answer = target.app.soap(&post_record(&format!("<Customer>{members}</Customer>")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let uuid = answer.element("DataRecordID").expect("an identifier");
    let data = target.record(&uuid).expect("the record").data;
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&data).expect("JSON");
    assert_eq!(object.len(), 10_000);
}

#[test]
fn what_an_array_says_of_its_size_is_not_believed() {
    let target = Target::new();
    let xml =
        "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:s=\"http://schemas.xmlsoap.org/soap/encoding/\"";
    let array = |size: &str, items: usize| {
        let items = many(items, |n| format!("<item><Uuid>{size}-{n}</Uuid><Data>e30=</Data></item>"));
        let array = format!(
            "<DataRecordObject {xml} i:type=\"s:Array\" s:arrayType=\"m:T[{size}]\">{items}</DataRecordObject>"
        );
        envelope(&format!("<m:insertRecord><input>{KEYS}{array}{FLOW}</input></m:insertRecord>"))
    };
    for (size, items) in [("2000000000", 1), ("99999999999999999999", 2), ("-1", 2), ("1", 1_000), ("1,1", 3)] {
        let before = target.records();
        let answer = target.app.soap(&array(size, items));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(target.records() - before, i64::try_from(items).expect("a number"));
    }
    target.refuses(&array("2000000000", 0), "Data holds no record");
    let records = STANDARD.encode(format!("[{}{{}}]", "{},".repeat(10_000)));
    target.refuses(&insert("", &records), "more than 10000 records");
    let values = STANDARD.encode(format!("{{\"a\":[{}0]}}", "0,".repeat(300_000)));
    target.refuses(&insert("", &values), "more than 100000 JSON values");
}

#[test]
fn references_are_followed_within_reason() {
    let target = Target::new();
    let body = |input: &str, others: &str| envelope(&format!("<m:getFlowDiagram>{input}</m:getFlowDiagram>{others}"));
    let keys_at = |id: &str| KEYS.replacen("<AuthenticationObject>", &format!("<AuthenticationObject id=\"{id}\">"), 1);
    let answer = target.app.soap(&body(
        "<input href=\"#1\"/>",
        &format!("<multiRef id=\"1\"><AuthenticationObject href=\"#2\"/>{FLOW}</multiRef>{}", keys_at("2")),
    ));
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (input, others, words) in [
        ("<input href=\"#9\"/>", "", "'#9' of input leads nowhere"),
        ("<input href=\"#1\"/>", "<a id=\"1\" href=\"#2\"/><b id=\"2\" href=\"#1\"/>", "form a circle"),
        ("<input href=\"#1\"/>", "<a id=\"1\" href=\"#1\"/>", "form a circle"),
        ("<input href=\"#1\"/>", "<a id=\"1\"/><b id=\"1\"/>", "he id '1' is given twice"),
    ] {
        target.refuses(&body(input, others), words);
    }
    // A structure that holds itself, and ones that fan out, where any structure is taken.
    let post = |others: &str| {
        envelope(&format!("<m:postRecord><input>{KEYS}<Customer href=\"#c\"/></input></m:postRecord>{others}"))
    };
    target.refuses(&post("<c id=\"c\"><again href=\"#c\"/></c>"), "nested more than 64 deep");
    let fan = many(12, |n| format!("<l id=\"l{n}\">{}</l>", format!("<x href=\"#l{}\"/>", n + 1).repeat(10)));
    let billions = format!("<c id=\"c\"><x href=\"#l0\"/></c>{fan}<l id=\"l12\">lol</l>");
    let to_wide = |wide: &str| format!("<c id=\"c\">{}</c><l id=\"l\">{wide}</l>", "<x href=\"#l\"/>".repeat(10_000));
    for others in [
        billions,
        to_wide(&"<y/>".repeat(10_000)),
        // What is looked at in vain counts too.
        to_wide(&("<item/>".repeat(10_000) + "<y/>")),
        to_wide(&format!("<item>{}<key>k</key><value>v</value></item>", "<y/>".repeat(10_000))),
    ] {
        target.refuses(&post(&others), "expand to too many elements");
    }
    target.refuses(&post(&to_wide(&"x".repeat(1_000_000))), "expand to too much text");
}

#[test]
fn schemas_are_bounded_in_what_they_make_of_a_record() {
    let target = Target::new();
    let insert_schema = |schema: &str| {
        let schema = STANDARD.encode(schema);
        let object = format!("<SchemaObject><Schema>{schema}</Schema><DataRecord>e30=</DataRecord></SchemaObject>");
        envelope(&format!("<m:insertSchema><input>{KEYS}{object}</input></m:insertSchema>"))
    };
    let twice =
        |n: usize| format!("\"l{n}\":{{\"allOf\":[{0},{0}]}},", format!("{{\"$ref\":\"#/definitions/l{}\"}}", n + 1));
    let billions = format!(
        "{{\"definitions\":{{{}\"l40\":{{}}}},\"allOf\":[{{\"$ref\":\"#/definitions/l0\"}}]}}",
        many(40, twice)
    );
    let (url, file) = (target.url(), target.file());
    for (schema, words) in [
        (billions.as_str(), "takes more than 1000000 steps to check"),
        ("{\"allOf\":[{\"$ref\":\"#\"}]}", "takes more than 1000000 steps to check"),
        (&format!("{{\"enum\":[{}0]}}", "0,".repeat(30_000)), "more than 20000 JSON values"),
        (&format!("{{\"not\":{}1{}}}", "{\"not\":".repeat(200), "}".repeat(200)), "nested more than 127 deep"),
        ("{\"pattern\":\"(a{999}){999}{999}\"}", "not a valid JSON Schema"),
        (&format!("{{\"$ref\":\"{url}\"}}"), ""),
        (&format!("{{\"items\":{{\"$ref\":\"{file}\"}}}}"), ""),
    ] {
        target.refuses(&insert_schema(schema), words);
    }
    // What multiplies itself with the record's depth only is refused with the record.
    let branching = "{\"properties\":{\"a\":{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}}}";
    assert_eq!(target.app.soap(&insert_schema(branching)).status, 200);
    let nested = |depth: usize| STANDARD.encode("{\"a\":".repeat(depth) + "{}" + &"}".repeat(depth));
    assert_eq!(target.app.soap(&insert("shallow", &nested(5))).status, 200);
    target.refuses(&insert("deep", &nested(60)), "takes more than 1000000 steps to check");
    assert!(target.record("deep").is_none());
}

#[test]
fn bodies_that_are_too_large_are_refused_without_being_read() {
    let target = Target::new();
    let head = |length: &str| {
        format!("POST /v1/soap HTTP/1.1\r\nHost: {}\r\nContent-Type: text/xml\r\n{length}\r\n\r\n", target.app.address)
    };
    // A length that is none, before anything of the body is sent.
    for length in [
        "Content-Length: 9223372036854775808",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 5, 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: five",
        "Content-Length: ",
    ] {
        let answer = target.app.send(head(length).as_bytes());
        let is_refusal = answer.status == 400 || answer.status == 500 && answer.text().contains("<value>413</value>");
        assert!(is_refusal, "{length}: {} {}", answer.status, answer.text());
        target.is_untouched(&answer);
    }
    // The answer comes although the rest of the body never does.
    let announced = [head("Content-Length: 67108864").as_bytes(), b"<x>"].concat();
    let limit = target.app.app.config.server.body_limit;
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 65_536], b"\r\n"].concat();
    let endless = [head("Transfer-Encoding: chunked").as_bytes(), &chunk.repeat(limit / 65_536 + 1)].concat();
    for request in [announced, endless] {
        let answer = target.app.send(&request);
        is_refused(&answer, "413", "larger than 12582912 bytes");
        target.is_untouched(&answer);
    }
}

/// A gigabyte of nothing in a megabyte: gzip members one after the other, each of a mebibyte.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    gzip(&vec![b' '; 1 << 20]).repeat(1_024)
}

#[test]
fn compressed_bodies_are_measured_while_they_grow() {
    let target = Target::new();
    let post = |encoding: &str, body: &[u8]| {
        target.app.post(&[("Content-Type", "text/xml"), ("Content-Encoding", encoding)], body)
    };
    let bomb = gzip_bomb();
    assert!(bomb.len() < 2 << 20);
    let answer = post("gzip", &bomb);
    is_refused(&answer, "413", "larger than 12582912 bytes");
    target.is_untouched(&answer);
    let nested = gzip(&bomb);
    target.is_unharmed(&post("gzip, gzip", &nested), "Content-Encoding");
    // Each empty member takes as long as a small body.
    target.is_unharmed(&post("gzip", &gzip(b"").repeat(500_000)), "is not gzip");
    let halves = within("");
    let (one, other) = halves.split_at(100);
    assert_eq!(post("gzip", &[gzip(one.as_bytes()), gzip(b""), gzip(other.as_bytes())].concat()).status, 200);
    assert_eq!(post("gzip", &[gzip(halves.as_bytes()), b"tail".to_vec()].concat()).status, 500);
    // Undone once, it is no XML.
    assert_eq!(post("gzip", &nested).status, 500);
    for encoding in ["br", "zstd", "compress", "gzip, identity, gzip", "gzip;q=1", "\u{7f}"] {
        target.is_untouched(&post(encoding, &bomb));
    }
}

#[test]
fn soap_action_does_not_decide_what_is_allowed() {
    let target = Target::new();
    let may_read = "record.read flowdiagram.read";
    let add = |key: &str, scopes: &str| {
        let (hash, scopes) = (flowgate::auth::key::hash(key), Scopes::parse(scopes).expect("scopes"));
        let customer = target.tenant.customer;
        target.app.administer(move |tx| {
            let new = flowgate::store::account::NewApplication {
                customer,
                name: "reader".to_owned(),
                description: String::new(),
                app_key_hash: hash.into(),
                client_id: None,
                client_secret_hash: None,
                addresses: flowgate::model::address::Network::parse("any").expect("networks"),
                scopes,
                oauth2: false,
                rate_limit: None,
                compatibility: Default::default(),
            };
            flowgate::store::account::insert_application(tx, &new, crate::support::NOW)
        });
    };
    add("reader", may_read);
    assert_eq!(target.app.soap(&insert("kept", "e30=")).status, 200);
    let record = "<DataRecordObject><Uuid>kept</Uuid></DataRecordObject>";
    let delete = envelope(&format!("<m:deleteRecord><input>{KEYS}{record}</input></m:deleteRecord>"));
    let delete = delete.replace("<Appkey>a<", "<Appkey>reader<");
    for action in ["\"urn:Flowize:getRecord\"", "getRecord", "Flowize#getRecord", "\"\""] {
        for (name, value) in [("SOAPAction", action), ("X-Other", action)] {
            let answer = target.app.post(&[("Content-Type", "text/xml"), (name, value)], delete.as_bytes());
            is_refused(&answer, "401", "");
            target.is_untouched(&answer);
        }
        let content_type = format!("application/soap+xml; action={action}");
        is_refused(&target.app.post(&[("Content-Type", &content_type)], delete.as_bytes()), "401", "");
    }
    // Nor does it forbid: what is run is what the body says.
    let get = delete.replace("deleteRecord", "getRecord");
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "\"urn:Flowize:deleteRecord\"")];
    let answer = target.app.post(&headers, get.as_bytes());
    assert!(answer.text().contains("getRecordResponse"), "{}", answer.text());
    // Where the body names nothing, the action does, under its own scope.
    let bare = envelope(&format!("<input>{KEYS}{record}</input>")).replace("<Appkey>a<", "<Appkey>reader<");
    is_refused(&target.app.post(&headers, bare.as_bytes()), "401", "");
    assert!(target.record("kept").is_some());
}

#[test]
fn addresses_to_answer_to_are_not_called() {
    let target = Target::new();
    let elsewhere = target.url();
    for version in ["http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"] {
        let blocks: String = ["ReplyTo", "FaultTo", "From", "AcksTo"]
            .iter()
            .map(|name| format!("<w:{name} xmlns:w=\"{version}\" e:mustUnderstand=\"1\"><w:Address>{elsewhere}</w:Address></w:{name}>"))
            .collect();
        let header = format!(
            "<w:MessageID xmlns:w=\"{version}\">uuid:1</w:MessageID><w:To xmlns:w=\"{version}\">{elsewhere}</w:To>{blocks}"
        );
        for flow_name in ["Leads", "None"] {
            let body = with_header(Form::Literal11, &header, "getFlowDiagram", &[keys(), flow(flow_name)]);
            let answer = target.app.soap(&body);
            assert!(answer.text().contains("RelatesTo>uuid:1<"), "{}", answer.text());
            assert!(!answer.text().contains(&elsewhere), "{}", answer.text());
            target.is_untouched(&answer);
        }
    }
}

#[test]
fn signatures_and_encryption_that_must_be_understood_are_not() {
    let target = Target::new();
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let (dsig, xenc) = ("http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#");
    let url = target.url();
    for content in [
        format!("<d:Signature xmlns:d=\"{dsig}\"/>"),
        format!(
            "<d:Signature xmlns:d=\"{dsig}\"><d:SignedInfo><d:Reference URI=\"{url}\"/></d:SignedInfo></d:Signature>"
        ),
        format!("<x:EncryptedKey xmlns:x=\"{xenc}\"/>"),
        format!("<x:ReferenceList xmlns:x=\"{xenc}\"/>"),
        format!("<w:UsernameToken xmlns:w=\"{wsse}\"/><d:Signature xmlns:d=\"{dsig}\"/>"),
        "<unknown/>".to_owned(),
    ] {
        for form in [Form::Literal11, Form::Encoded11, Form::Literal12, Form::Encoded12] {
            let header = format!("<w:Security xmlns:w=\"{wsse}\" e:mustUnderstand=\"1\">{content}</w:Security>");
            let parts = [keys(), crate::message::record("signed", "e30="), flow("Leads")];
            let body = with_header(form, &header, "insertRecord", &parts);
            let answer = target.app.post(&[("Content-Type", form.content_type())], body.as_bytes());
            let code = answer.element("faultcode").or_else(|| answer.element("env:Value")).expect("a code");
            assert!(answer.status == 500 && code.ends_with(":MustUnderstand"), "{}", answer.text());
            target.is_untouched(&answer);
        }
    }
    assert!(target.record("signed").is_none());
    let encrypted = format!("<x:EncryptedData xmlns:x=\"{xenc}\"/>");
    target.refuses(&envelope(&encrypted), "There is no operation 'EncryptedData'");
}

#[test]
fn a_message_that_can_be_read_in_two_ways_is_read_in_none() {
    let target = Target::new();
    let good = insert("twice", "e30=");
    let call = &good[good.find("<m:insertRecord>").expect("the call")..good.find("</e:Body>").expect("the end")];
    let other = get_flow();
    for (body, words) in [
        (envelope(&format!("{call}{call}")), "more than one call"),
        (envelope(&format!("{call}{other}")), "more than one call"),
        (envelope(&format!("{other}{call}")), "more than one call"),
        (envelope(&format!("{call}<trailer/>")), "more than one call"),
        (good.replace("</e:Envelope>", &format!("<e:Body>{other}</e:Body></e:Envelope>")), "two Bodies"),
        (good.replace("<e:Body>", &format!("<e:Body>{other}</e:Body><e:Body>")), "two Bodies"),
        (good.replace("</e:Envelope>", "<trailer/></e:Envelope>"), "besides Header and Body"),
        (good.replace("</e:Envelope>", "<e:Trailer/></e:Envelope>"), "besides Header and Body"),
        (good.replace("<e:Body>", "<Body/><e:Body>"), "besides Header and Body"),
        (good.replace("<e:Body>", "<e:Header/><e:Header/><e:Body>"), "second or misplaced Header"),
        (format!("{good}{good}"), "second root element"),
        (good.replace(KEYS, &format!("{KEYS}{KEYS}")), "AuthenticationObject is given twice"),
        (good.replace("<Apikey>", "<Apikey>x</Apikey><Apikey>"), "Apikey is given twice"),
        (good.replace("</Appkey>", "</Appkey><Appkey>x</Appkey>"), "Appkey is given twice"),
        (good.replace("<Uuid>", "<Uuid>x</Uuid><Uuid>"), "Uuid is given twice"),
        (good.replace("<Data>", "<Data>W10=</Data><Data>"), "Data is given twice"),
        (good.replace("<Data>", "<o:Data xmlns:o=\"urn:other\">W10=</o:Data><Data>"), "Data is given twice"),
        (good.replace(FLOW, &format!("{FLOW}{FLOW}")), "FlowDiagramObject is given twice"),
        (good.replace("<input>", "<input/><input>"), "two parts 'input'"),
    ] {
        target.refuses(&body, words);
    }
    assert_eq!(target.records(), 0);
}

#[test]
fn nothing_is_executed_for_a_version_or_a_header_that_is_not_understood() {
    let target = Target::new();
    let form = |form: Form, header: &str| {
        let parts = [keys(), crate::message::record("never", "e30="), flow("Leads")];
        with_header(form, header, "insertRecord", &parts)
    };
    for namespace in
        ["urn:other", "http://schemas.xmlsoap.org/soap/envelope", "http://www.w3.org/2001/12/soap-envelope"]
    {
        let body = form(Form::Literal11, "").replace("http://schemas.xmlsoap.org/soap/envelope/", namespace);
        for (content_type, code) in
            [("text/xml", "SOAP-ENV:VersionMismatch"), ("application/soap+xml", "env:VersionMismatch")]
        {
            let answer = target.app.post(&[("Content-Type", content_type)], body.as_bytes());
            assert!(answer.status == 500 && answer.text().contains(code), "{}", answer.text());
            assert_eq!(answer.text().contains("<env:Upgrade>"), content_type == "application/soap+xml");
            target.is_untouched(&answer);
        }
    }
    for version in [Form::Literal11, Form::Encoded11, Form::Literal12, Form::Encoded12] {
        for block in ["<x:T xmlns:x=\"urn:x\" e:mustUnderstand=\"1\"/>", "<T e:mustUnderstand=\" true \"/>"] {
            let answer = target.app.post(&[("Content-Type", "text/xml")], form(version, block).as_bytes());
            assert!(answer.status == 500 && answer.text().contains(":MustUnderstand"), "{}", answer.text());
            target.is_untouched(&answer);
        }
    }
    assert!(target.record("never").is_none());
}

#[test]
fn text_is_in_one_encoding_or_refused() {
    let target = Target::new();
    let payload = |content: &str| {
        envelope(&format!("<m:webhook><input><Uri>hook</Uri><Payload>{content}</Payload></input></m:webhook>"))
    };
    let raw = |content: &[u8]| {
        let (before, after) = ("<Payload>", "</Payload>");
        let whole = payload("");
        let at = whole.find(before).expect("the payload") + before.len();
        assert!(whole[at..].starts_with(after));
        [&whole.as_bytes()[..at], content, &whole.as_bytes()[at..]].concat()
    };
    let wide = |text: &str, big: bool| -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let declared = |name: &str| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>{}", payload("x"));
    let marked = |mark: &[u8], body: &[u8]| [mark, body].concat();
    let plain = "text/xml";
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (plain, raw(b"\xFF"), "not valid UTF-8"),
        (plain, raw(b"\xC3"), "not valid UTF-8"),
        (plain, raw(b"\xC0\xBCscript\xC0\xBE"), "not valid UTF-8"),
        (plain, raw(b"\xE0\x80\xAF"), "not valid UTF-8"),
        (plain, raw(b"\xF0\x80\x80\xAF"), "not valid UTF-8"),
        (plain, raw(b"\xED\xA0\x80"), "not valid UTF-8"),
        (plain, raw(b"\xED\xA0\xB4\xED\xB4\x9E"), "not valid UTF-8"),
        (plain, raw(b"\xF4\x90\x80\x80"), "not valid UTF-8"),
        (plain, raw(b"\0"), "character that XML does not allow"),
        (plain, raw(b"\x0B"), "character that XML does not allow"),
        (plain, raw(b"\xEF\xBF\xBE"), "character that XML does not allow"),
        (plain, raw(b"&#0;"), "'&#0;' is not accepted"),
        (plain, raw(b"&#x0;"), "'&#x0;' is not accepted"),
        (plain, raw(b"&#11;"), "is not accepted"),
        (plain, raw(b"&#xD800;"), "is not accepted"),
        (plain, raw(b"&#xD834;&#xDD1E;"), "is not accepted"),
        (plain, raw(b"&#xFFFE;"), "is not accepted"),
        (plain, raw(b"&#x110000;"), "is not accepted"),
        (plain, raw(b"&#99999999999999999999;"), "is not accepted"),
        (plain, raw(b"&#-1;"), "is not accepted"),
        (plain, raw(b"&#x;"), "is not accepted"),
        (plain, wide(&payload("\u{1D11E}"), true).into_iter().filter(|b| *b != 0xD8).collect(), ""),
        (plain, [wide(&payload("x"), true), vec![0]].concat(), "not valid UTF-16BE"),
        ("text/xml; charset=utf-7", raw(b"+ADw-x+AD4-"), "'utf-7' is not known"),
        ("text/xml; charset=utf-7", b"+ADw-x+AD4-".to_vec(), "'utf-7' is not known"),
        ("text/xml; charset=utf-32", raw(b"x"), "'utf-32' is not known"),
        ("text/xml; charset=ebcdic-cp-us", raw(b"x"), "is not known"),
        ("text/xml; charset=\"\"", raw(b"x"), "is not known"),
        (plain, declared("utf-7").into_bytes(), "'utf-7' is not known"),
        (plain, declared("utf-16").into_bytes(), "not UTF-16"),
        (plain, marked(b"\xEF\xBB\xBF", declared("iso-8859-1").as_bytes()), "is given as 'iso-8859-1'"),
        (plain, marked(b"\xEF\xBB\xBF", declared("utf-16").as_bytes()), "is given as 'utf-16'"),
        (plain, marked(b"\xFE\xFF", &wide(&declared("utf-8"), true)), "is given as 'utf-8'"),
        (plain, wide(&declared("utf-16le"), true), "is given as 'utf-16le'"),
        (plain, marked(b"\xEF\xBB\xBF\xEF\xBB\xBF", payload("x").as_bytes()), "outside of the root element"),
        (plain, marked(b"\xFF\xFE", payload("x").as_bytes()), ""),
        ("text/xml; charset=utf-8", wide(&payload("x"), true), "is UTF-16BE"),
        ("text/xml; charset=utf-8", marked(b"\xFF\xFE", &wide(&payload("x"), false)), "is UTF-16LE"),
        ("text/xml; charset=utf-16", payload("x").into_bytes(), "not UTF-16"),
        ("text/xml; charset=iso-8859-1", marked(b"\xEF\xBB\xBF", payload("x").as_bytes()), "is UTF-8"),
        ("text/xml; charset=utf-16be", marked(b"\xFF\xFE", &wide(&payload("x"), false)), "is UTF-16LE"),
    ];
    for (content_type, body, words) in rows {
        target.is_unharmed(&target.app.post(&[("Content-Type", content_type)], &body), words);
    }
    let payloads = || -> Vec<String> {
        let found = |tx: &mut dyn flowgate::store::Tx| webhook::find_payloads(tx, target.tenant.customer, 1, 100);
        target.app.app.store.peek(found).expect("payloads").into_iter().map(|payload| payload.payload).collect()
    };
    assert!(payloads().is_empty());
    // What a charset says counts, and then every character arrives as it was sent.
    let composed = "\u{e9} e\u{301} \u{202e}rtl \u{1D11E} \u{feff} ]]&gt;";
    for (charset, bytes) in [
        ("UTF-8", payload(composed).into_bytes()),
        ("utf-16", marked(b"\xFE\xFF", &wide(&payload(composed), true))),
        ("utf-16le", wide(&payload(composed), false)),
        ("utf-8", declared("iso-8859-1").replace(">x<", &format!(">{composed}<")).into_bytes()),
    ] {
        let answer = target.app.post(&[("Content-Type", &format!("text/xml; charset={charset}"))], &bytes);
        assert_eq!(answer.status, 200, "{charset}: {}", answer.text());
    }
    assert_eq!(payloads(), vec![composed.replace("&gt;", ">"); 4]);
}

#[test]
fn content_of_another_kind_is_not_taken_for_xml() {
    let target = Target::new();
    let good = within("");
    for content_type in
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/svg+xml", "text/html"]
    {
        let answer = target.app.post(&[("Content-Type", content_type)], good.as_bytes());
        target.is_unharmed(&answer, "is not accepted");
    }
    for body in ["{\"a\":1}", "[]", "a=b", "\u{1F}\u{8B}", "%PDF-1.7", "\\x00"] {
        assert_eq!(target.app.soap(body).status, 500, "{body}");
    }
}

#[test]
fn identifiers_are_kept_as_they_are_or_refused() {
    let target = Target::new();
    for uuid in
        ["../../x", "..%2f", "a/b#c?d", "\u{e9}", "e\u{301}", "\u{202e}x", "'; DROP TABLE record; --", "\u{feff}x"]
    {
        let answer = target.app.soap(&insert(uuid, "e30="));
        assert_eq!(answer.status, 200, "{uuid}: {}", answer.text());
        assert_eq!(target.record(uuid).expect("the record").uuid, uuid);
    }
    assert_eq!(target.records(), 8);
    for uuid in ["a&#10;b", "a&#9;b", "a&#x85;b", &"x".repeat(256), &"x".repeat(10_240)] {
        target.refuses(&insert(uuid, "e30="), "Uuid must be at most 255 characters long, without control characters");
    }
    // Nothing that XML can carry is lost on its way through JSON and base64, a NUL and lone surrogates included.
    for (uuid, data) in [("nul", "{\"a\":\"\\u0000\"}"), ("pair", "{\"a\":\"\\ud834\\udd1e\"}")] {
        assert_eq!(target.app.soap(&insert(uuid, &STANDARD.encode(data))).status, 200);
        assert_eq!(target.record(uuid).expect("the record").data, data);
    }
    target.refuses(&insert("lone", &STANDARD.encode("{\"a\":\"\\ud834\"}")), "Data is not valid JSON");
    target.refuses(&insert("lone", &STANDARD.encode(b"{\"a\":\"\xED\xA0\x80\"}")), "does not hold text in UTF-8");
}

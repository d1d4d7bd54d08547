//! Envelopes, encodings and packages at the edges: what is read all the same, and what is refused and how.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use flowgate::model::flow::FlowStatus;
use flowgate::store::{record, webhook};

use crate::message::{Form, call, flow, keys, record as record_part, text, with_header};
use crate::support::{Answer, Tenant, TestApp};

pub(crate) const KEYS: &str = "<AuthenticationObject><Apikey>k</Apikey><Appkey>a</Appkey></AuthenticationObject>";
pub(crate) const FLOW: &str = "<FlowDiagramObject><Flow>Leads</Flow></FlowDiagramObject>";

pub(crate) fn gateway() -> (TestApp, Tenant) {
    gateway_with(|_| {})
}

pub(crate) fn gateway_with(change: impl FnOnce(&mut flowgate::config::Config)) -> (TestApp, Tenant) {
    let app = TestApp::with(change);
    let tenant = app.customer("Testing", "k", "a");
    let flow = app.flow(&tenant, "Leads", FlowStatus::Public);
    app.webhook(&tenant, flow, "hook", None);
    (app, tenant)
}

/// A SOAP 1.1 envelope around a body.
pub(crate) fn envelope(body: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:m=\"urn:Flowize\"><e:Body>{body}</e:Body></e:Envelope>"
    )
}

pub(crate) fn get_flow() -> String {
    format!("<m:getFlowDiagram><input>{KEYS}{FLOW}</input></m:getFlowDiagram>")
}

pub(crate) fn is_refused(answer: &Answer, code: &str, words: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 500, "{text}");
    assert!(text.contains(&format!("<value>{code}</value>")), "not {code}: {text}");
    let message = answer.element("faultstring").or_else(|| answer.element("env:Text")).expect("a message");
    assert!(message.contains(words), "'{words}' is not in '{message}'");
}

#[test]
fn the_version_is_that_of_the_envelope_whatever_the_content_type_says() {
    let (app, _) = gateway();
    let v12 = call(Form::Literal12, "getFlowDiagram", &[keys(), flow("Leads")]);
    for (content_type, body, answered) in [
        ("text/xml", v12.clone(), "application/soap+xml; charset=utf-8"),
        ("application/soap+xml", envelope(&get_flow()), "text/xml; charset=utf-8"),
        ("text/xml", v12.replace("soap-envelope\"", "soap-envelope/\""), "application/soap+xml; charset=utf-8"),
    ] {
        let answer = app.post(&[("Content-Type", content_type)], body.as_bytes());
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(answered)), "{}", answer.text());
    }
}

#[test]
fn an_unknown_version_is_a_version_mismatch() {
    let (app, _) = gateway();
    let body = envelope(&get_flow()).replace("http://schemas.xmlsoap.org/soap/envelope/", "urn:other");
    let answer = app.post(&[("Content-Type", "text/xml")], body.as_bytes());
    assert_eq!((answer.status, answer.element("faultcode").as_deref()), (500, Some("SOAP-ENV:VersionMismatch")));
    let answer = app.post(&[("Content-Type", "application/soap+xml")], body.as_bytes());
    let text = answer.text();
    assert_eq!((answer.status, answer.element("env:Value").as_deref()), (500, Some("env:VersionMismatch")));
    assert!(text.contains("<env:Upgrade><env:SupportedEnvelope qname=\"ns1:Envelope\""), "{text}");
}

#[test]
fn header_blocks_that_must_be_understood_are_or_nothing_is_done() {
    let (app, tenant) = gateway();
    let insert = |form: Form, header: &str| {
        let parts = [keys(), crate::message::record("never", "e30="), flow("Leads")];
        app.post(&[("Content-Type", form.content_type())], with_header(form, header, "insertRecord", &parts).as_bytes())
    };
    let answer = insert(Form::Literal11, "<x:T xmlns:x=\"urn:x\" e:mustUnderstand=\"1\"/>");
    assert_eq!((answer.status, answer.element("faultcode").as_deref()), (500, Some("SOAP-ENV:MustUnderstand")));
    let answer = insert(Form::Literal12, "<x:T xmlns:x=\"urn:x\" e:mustUnderstand=\"true\"/>");
    assert_eq!(answer.element("env:Value").as_deref(), Some("env:MustUnderstand"));
    assert!(answer.text().contains("<env:NotUnderstood qname=\"ns1:T\" xmlns:ns1=\"urn:x\">"), "{}", answer.text());
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let signed = format!(
        "<w:Security xmlns:w=\"{wsse}\" e:mustUnderstand=\"1\"><d:Signature xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"/></w:Security>"
    );
    assert_eq!(insert(Form::Literal11, &signed).element("faultcode").as_deref(), Some("SOAP-ENV:MustUnderstand"));
    assert!(app.app.store.peek(|tx| record::find(tx, tenant.customer, "never")).expect("a read").is_none());
    for header in [
        "<x:T xmlns:x=\"urn:x\" e:mustUnderstand=\"0\"/>",
        "<x:T xmlns:x=\"urn:x\"/>",
        "<x:T xmlns:x=\"urn:x\" e:mustUnderstand=\"1\" e:actor=\"http://someone.else/\"/>",
        "<a:Action xmlns:a=\"http://www.w3.org/2005/08/addressing\" e:mustUnderstand=\"1\">urn:Flowize:insertRecord</a:Action>",
        "<m:AuthenticationHeader e:mustUnderstand=\"1\"/>",
    ] {
        let answer = insert(Form::Literal11, header);
        assert_eq!(answer.status, 200, "{header}: {}", answer.text());
    }
}

#[test]
fn addressing_is_answered_and_never_followed() {
    let (app, _) = gateway();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let elsewhere = format!("http://{}/", listener.local_addr().expect("an address"));
    for version in ["http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"] {
        let header = format!(
            "<w:MessageID xmlns:w=\"{version}\">uuid:1&amp;2</w:MessageID><w:ReplyTo xmlns:w=\"{version}\"><w:Address>{elsewhere}</w:Address></w:ReplyTo>\
             <w:FaultTo xmlns:w=\"{version}\"><w:Address>{elsewhere}</w:Address></w:FaultTo>"
        );
        let answer = app.soap(&with_header(Form::Literal11, &header, "getFlowDiagram", &[keys(), flow("Leads")]));
        let expected = format!(
            "<SOAP-ENV:Header xmlns:wsa=\"{version}\"><wsa:Action>urn:Flowize:FlowizePortType:getFlowDiagramResponse</wsa:Action>\
             <wsa:RelatesTo>uuid:1&amp;2</wsa:RelatesTo></SOAP-ENV:Header>"
        );
        assert!(answer.text().contains(&expected), "{}", answer.text());
        let answer = app.soap(&with_header(Form::Literal11, &header, "getFlowDiagram", &[keys(), flow("None")]));
        assert!(answer.text().contains(&format!("<wsa:Action>{version}/soap/fault</wsa:Action>")), "{}", answer.text());
    }
    listener.set_nonblocking(true).expect("a setting");
    assert!(listener.accept().is_err(), "the gateway called the address in ReplyTo");
}

#[test]
fn a_message_that_is_sent_again_has_no_second_effect() {
    let insert = |app: &TestApp, id: &str, data: &str| {
        let header = format!("<w:MessageID xmlns:w=\"http://www.w3.org/2005/08/addressing\">{id}</w:MessageID>");
        let data = STANDARD.encode(data);
        app.soap(&with_header(
            Form::Literal11,
            &header,
            "insertRecord",
            &[keys(), record_part("", &data), flow("Leads")],
        ))
    };
    let (app, tenant) = gateway();
    let first = insert(&app, "urn:uuid:1 ünï", r#"{"a":1}"#);
    assert_eq!((first.status, first.element("Code").as_deref()), (200, Some("201")), "{}", first.text());
    let again = insert(&app, "urn:uuid:1 ünï", r#"{"a":1}"#);
    assert_eq!((again.header("x-uuid"), again.text()), (first.header("x-uuid"), first.text()));
    is_refused(&insert(&app, "urn:uuid:1 ünï", r#"{"a":2}"#), "409", "The MessageID was used for another request");
    assert_ne!(insert(&app, "urn:uuid:2", r#"{"a":1}"#).header("x-uuid"), first.header("x-uuid"));
    let count = |app: &TestApp, tenant: &Tenant| {
        let customer = tenant.customer.0;
        let count = "SELECT COUNT(*) FROM record WHERE customer_id = $1";
        app.app.store.peek(|tx| tx.query(count, &[customer.into()])?[0].integer(0)).expect("a number")
    };
    assert_eq!(count(&app, &tenant), 2);
    let (app, tenant) = gateway_with(|config| config.soap.message_id_repeats = false);
    for data in [r#"{"a":1}"#, r#"{"a":1}"#, r#"{"a":2}"#] {
        assert_eq!(insert(&app, "always the same", data).status, 200);
    }
    assert_eq!(count(&app, &tenant), 3, "a client may send one MessageID for everything where the operator allows it");
}

#[test]
fn one_call_in_one_body_is_what_a_message_holds() {
    let (app, _) = gateway();
    let call = get_flow();
    for (body, words) in [
        (envelope(&format!("{call}{call}")), "more than one call"),
        (envelope(&format!("{call}<m:extra/>")), "more than one call"),
        (envelope(""), "The Body holds no operation"),
        (envelope("<m:dropTables/>"), "There is no operation 'dropTables'"),
        (envelope(&format!("<input>{KEYS}{FLOW}</input>")), "SOAPAction names no operation"),
        (envelope(&call).replace("</e:Envelope>", "<e:Body/></e:Envelope>"), "two Bodies"),
        (envelope(&call).replace("</e:Envelope>", "<m:trailer/></e:Envelope>"), "something besides Header and Body"),
        (envelope(&call).replace("</e:Envelope>", "<e:Header/></e:Envelope>"), "misplaced Header"),
        ("<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"/>".to_owned(), "no Body"),
        ("<order/>".to_owned(), "not a SOAP Envelope"),
        (envelope(&call.replace("<Apikey>", "<Apikey>x</Apikey><Apikey>")), "Apikey is given twice"),
        (envelope(&call.replace(KEYS, &format!("{KEYS}{KEYS}"))), "AuthenticationObject is given twice"),
        (envelope(&call.replace("<Apikey>k", "<Apikey><b>k</b>")), "elements where text is expected"),
        (envelope(&call.replace("</Appkey>", "</Appkey><Version>2</Version>")), "Version must be 1"),
    ] {
        is_refused(&app.soap(&body), "400", words);
    }
    assert_eq!(app.soap(&envelope(&call)).status, 200);
}

#[test]
fn the_body_decides_what_is_run_and_soap_action_only_where_the_body_does_not() {
    let (app, tenant) = gateway();
    let with_action = |action: &str, body: &str| {
        app.post(&[("Content-Type", "text/xml"), ("SOAPAction", action)], envelope(body).as_bytes())
    };
    let insert = format!(
        "<m:insertRecord><input>{KEYS}<DataRecordObject><Uuid>r</Uuid><Data>e30=</Data></DataRecordObject>{FLOW}</input></m:insertRecord>"
    );
    for action in ["\"urn:Flowize:deleteRecord\"", "\"\"", "Flowize#deleteRecord", "urn:Flowize:insertRecord"] {
        let answer = with_action(action, &insert);
        assert!(answer.text().contains("insertRecordResponse"), "{action}: {}", answer.text());
    }
    assert!(app.app.store.peek(|tx| record::find(tx, tenant.customer, "r")).expect("a read").is_some());
    let bare = format!("<input>{KEYS}{FLOW}</input>");
    for action in [
        "\"urn:Flowize:getFlowDiagram\"",
        "Flowize/getFlowDiagram",
        "\"\"Flowize#getFlowDiagram\"\"",
        "#getFlowDiagram",
    ] {
        assert_eq!(with_action(action, &bare).status, 200, "{action}");
    }
    let answer = app.post(
        &[("Content-Type", "application/soap+xml;action=urn:Flowize:getFlowDiagram")],
        envelope(&bare).as_bytes(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn text_that_is_not_a_namespace_well_formed_document_is_refused() {
    let (app, _) = gateway();
    let good = envelope(&get_flow());
    let within = |inner: &str| good.replace("<input>", &format!("<input>{inner}"));
    let start = |attributes: &str| good.replace("<m:getFlowDiagram>", &format!("<m:getFlowDiagram {attributes}>"));
    let documented_introduction = "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:dig=\"Flowize\"><soapenv:Header/>\
        <soapenv:Body><mym:postRecord><input/></mym:postRecord></soapenv:Body></soapenv:Envelope>";
    for (body, words) in [
        (String::new(), "no root element"),
        ("not XML".to_owned(), "outside of the root element"),
        (documented_introduction.to_owned(), "prefix 'mym' is not declared"),
        (format!("<!DOCTYPE e [<!ENTITY a \"b\">]>{good}"), "document type declaration"),
        (format!("<!DOCTYPE e SYSTEM \"file:///etc/passwd\">{good}"), "document type declaration"),
        (format!("<?xml-stylesheet href=\"http://127.0.0.1/\"?>{good}"), "Processing instructions"),
        (within("<?go now?>"), "Processing instructions"),
        (within("&nbsp;"), "'&nbsp;'"),
        (within("&#0;"), "'&#0;'"),
        (within("&#xD800;"), "'&#xD800;'"),
        (within("&#99999999999;"), "'&#99999999999;'"),
        (within("&#+65;"), "'&#+65;'"),
        (within("a & b"), "not well-formed"),
        (within("]]>"), "']]>'"),
        (within("\u{1}"), "character that XML does not allow"),
        (within("\u{FFFE}"), "character that XML does not allow"),
        (within("<a></b>"), "not well-formed"),
        (within("<1a/>"), "not an element's name"),
        (within("<a:b:c/>"), "not an element's name"),
        (within("<!-- a -- b -->"), "not well-formed"),
        (within("<!-- a --->"), ""),
        (good.replace("</e:Envelope>", ""), "ends before its elements"),
        (format!("{good}<again/>"), "second root element"),
        (format!("{good}tail"), "outside of the root element"),
        (format!(" <?xml version=\"1.0\"?>{good}"), "XML declaration"),
        (format!("<?xml version=\"2.0\"?>{good}"), "XML declaration"),
        (format!("<?xml encoding=\"utf-8\" version=\"1.0\"?>{good}"), "XML declaration"),
        (start("a=\"1\" a=\"2\""), "the same attribute twice"),
        (start("xmlns:p=\"u\" xmlns:q=\"u\" p:a=\"1\" q:a=\"2\""), "the same attribute twice"),
        (start("a=\"1\"b=\"2\""), "White space is missing"),
        (start("a=1"), "name=\"value\""),
        (start("a"), "name=\"value\""),
        (start("a=\"<\""), "contains '<'"),
        (start("xmlns:p=\"\""), "may not be bound so"),
        (start("xmlns:xmlns=\"u\""), "may not be bound so"),
        (start("xmlns:xml=\"u\""), "may not be bound so"),
    ] {
        is_refused(&app.soap(&body), "400", words);
    }
    for body in [
        format!("<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\r\n<!-- c -->{good}<!-- d -->\n"),
        within("<![CDATA[<not> & markup]]><!-- comment -->&#x41;"),
        start("xmlns=\"u\" xml:lang=\"en\" a='\"&lt;&#10;'"),
    ] {
        let answer = app.soap(&body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    }
}

#[test]
fn charsets_are_honoured_or_refused() {
    let (app, tenant) = gateway();
    let latin: Vec<u8> = call(Form::Literal11, "webhook", &[text("Uri", "hook"), text("Payload", "caf\u{e9} \u{a3}")])
        .chars()
        .map(|c| c as u8)
        .collect();
    let utf16: Vec<u8> = std::iter::once(0xFEFF_u16)
        .chain(envelope("<m:webhook><input><Uri>hook</Uri><Payload>𝄞</Payload></input></m:webhook>").encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    let declared = [
        b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>".as_slice(),
        &latin[latin.iter().position(|b| *b == b'\n').expect("a line") + 1..],
    ]
    .concat();
    for (content_type, body) in [
        ("text/xml; charset=ISO-8859-1", &latin),
        ("text/xml; charset=utf-16", &utf16),
        ("application/xml", &utf16),
        ("text/xml", &declared),
    ] {
        let answer = app.post(&[("Content-Type", content_type)], body);
        assert_eq!(answer.status, 200, "{content_type}: {}", answer.text());
    }
    let payloads = app.app.store.peek(|tx| webhook::find_payloads(tx, tenant.customer, 1, 10)).expect("payloads");
    let mut texts: Vec<_> = payloads.into_iter().map(|payload| payload.payload).collect();
    texts.sort();
    assert_eq!(texts, ["caf\u{e9} \u{a3}", "caf\u{e9} \u{a3}", "𝄞", "𝄞"]);
    for (content_type, body, words) in [
        ("text/xml; charset=utf-8", latin.as_slice(), "not valid UTF-8"),
        ("text/xml; charset=utf-7", latin.as_slice(), "'utf-7' is not known"),
        ("text/xml; charset=utf-8", utf16.as_slice(), "UTF-16BE"),
        ("text/xml", b"<a>\xC0\xAF</a>".as_slice(), "not valid UTF-8"),
    ] {
        is_refused(&app.post(&[("Content-Type", content_type)], body), "400", words);
    }
}

#[test]
fn content_types_other_than_xml_are_refused_in_soap() {
    let (app, _) = gateway();
    for content_type in [
        "application/json",
        "application/fastinfoset",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        is_refused(
            &app.post(&[("Content-Type", content_type)], envelope(&get_flow()).as_bytes()),
            "400",
            "is not accepted",
        );
    }
    for content_type in [
        "text/xml",
        "TEXT/XML;charset=\"UTF-8\"",
        "application/xml",
        "application/soap+xml; charset=utf-8; action=\"\"",
    ] {
        let answer = app.post(&[("Content-Type", content_type)], envelope(&get_flow()).as_bytes());
        assert_eq!(answer.status, 200, "{content_type}: {}", answer.text());
    }
    assert_eq!(app.post(&[], envelope(&get_flow()).as_bytes()).status, 200, "without a Content-Type");
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("compression");
    encoder.finish().expect("compression")
}

#[test]
fn bodies_are_decompressed_under_the_limit_and_replies_compressed_only_when_asked() {
    let (app, _) = gateway_with(|config| {
        config.server.body_limit = 1 << 20;
        config.soap.max_decoded = 1 << 20;
    });
    let good = envelope(&get_flow());
    let post =
        |encoding: &str, body: &[u8]| app.post(&[("Content-Type", "text/xml"), ("Content-Encoding", encoding)], body);
    assert_eq!(post("gzip", &gzip(good.as_bytes())).status, 200);
    assert_eq!(post("identity", good.as_bytes()).status, 200);
    is_refused(&post("gzip", good.as_bytes()), "400", "is not gzip");
    is_refused(&post("gzip, gzip", &gzip(&gzip(good.as_bytes()))), "400", "Content-Encoding must be");
    is_refused(&post("br", good.as_bytes()), "400", "Content-Encoding must be");
    is_refused(&post("gzip", &gzip(&vec![b' '; 200 << 20])), "413", "larger than 1048576 bytes");
    is_refused(&app.soap(&" ".repeat(2 << 20)), "413", "larger than 1048576 bytes");

    let long = "x".repeat(4_000);
    let insert = call(
        Form::Literal11,
        "insertRecord",
        &[keys(), crate::message::record("long", &STANDARD.encode(format!("{{\"a\":\"{long}\"}}"))), flow("Leads")],
    );
    for (accepted, compressed) in [
        ("gzip", true),
        ("deflate, gzip;q=0.5", true),
        ("gzip;q=0", false),
        ("none", false),
        ("compress", false),
        ("identity", false),
        ("*", false),
    ] {
        let answer = app.post(&[("Content-Type", "text/xml"), ("Accept-Encoding", accepted)], insert.as_bytes());
        assert_eq!(answer.header("content-encoding") == Some("gzip"), compressed, "{accepted}");
        assert!(answer.text().contains("insertRecordResponse") && answer.status == 200);
    }
    assert_eq!(app.soap(&insert).header("content-encoding"), None);
}

/// A multipart/related message of parts: headers and content.
pub(crate) fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"preamble\r\n".to_vec();
    for (headers, content) in parts {
        bytes.extend_from_slice(format!("--b:1\r\n{headers}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"--b:1--\r\n");
    bytes
}

#[test]
fn attachments_stand_for_what_refers_to_them() {
    let (app, tenant) = gateway();
    let insert = |uuid: &str, data: &str| {
        envelope(&format!(
            "<m:insertRecord><input>{KEYS}<DataRecordObject><Uuid>{uuid}</Uuid>{data}</DataRecordObject>{FLOW}</input></m:insertRecord>"
        ))
    };
    let include = "<Data><x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:a%40b\"/></Data>";
    let mtom =
        "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; start-info=\"text/xml\"; boundary=\"b:1\"";
    let root = "Content-Type: application/xop+xml; charset=utf-8\r\nContent-ID: <root>";
    let json = b"{\"n\":\"\xc3\xbc\"}".as_slice();
    let send =
        |content_type: &str, parts: &[(&str, &[u8])]| app.post(&[("Content-Type", content_type)], &package(parts));
    let stored = |uuid: &str| {
        app.app.store.peek(|tx| record::find(tx, tenant.customer, uuid)).expect("a read").map(|record| record.data)
    };

    let envelope_of = insert("mtom", include);
    let answer =
        send(mtom, &[("Content-ID: <a@b>\r\nContent-Transfer-Encoding: binary", json), (root, envelope_of.as_bytes())]);
    assert_eq!((answer.status, stored("mtom").as_deref()), (200, Some("{\"n\":\"ü\"}")), "{}", answer.text());
    let envelope_of = insert("swa", "<Data href=\"cid:a@b\"/>");
    let swa = "multipart/related; type=text/xml; boundary=b:1";
    let encoded = STANDARD.encode(json);
    let answer =
        send(swa, &[("Content-Type: text/xml", envelope_of.as_bytes()), ("Content-ID: <a@b>", encoded.as_bytes())]);
    assert_eq!((answer.status, stored("swa").as_deref()), (200, Some("{\"n\":\"ü\"}")), "{}", answer.text());

    for href in ["http://127.0.0.1:1/x", "file:///etc/passwd", "cid:other"] {
        let envelope_of = insert("evil", &include.replace("cid:a%40b", href));
        is_refused(&send(mtom, &[(root, envelope_of.as_bytes())]), "400", "not an attachment of this message");
    }
    let envelope_of = insert("many", include);
    let mut parts = vec![(root, envelope_of.as_bytes())];
    parts.extend(std::iter::repeat_n(("Content-ID: <n>", json), 5_000));
    is_refused(&send(mtom, &parts), "400", "more than 50 parts");
    is_refused(&send("multipart/related; type=text/xml", &[(root, b"")]), "400", "no boundary");
    is_refused(&send("multipart/related; boundary=other", &[(root, b"")]), "400", "does not occur");
    is_refused(&send(&mtom.replace("<root>", "<none>"), &[(root, b"")]), "400", "'start' names");
    assert_eq!(stored("evil").or(stored("many")), None);
}

#[test]
fn base64_typed_text_and_typed_maps_are_unwrapped() {
    let (app, tenant) = gateway();
    let xsd = "xmlns:s=\"http://www.w3.org/2001/XMLSchema\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let twice = STANDARD.encode("e30=");
    for (uuid, data) in [("once", "e30="), ("twice", twice.as_str())] {
        let body = format!(
            "<m:insertRecord {xsd}><input>{KEYS}<DataRecordObject><Uuid>{uuid}</Uuid><Data i:type=\"s:base64Binary\">{data}</Data></DataRecordObject>{FLOW}</input></m:insertRecord>"
        );
        let answer = app.soap(&envelope(&body));
        assert_eq!(answer.status, 200, "{uuid}: {}", answer.text());
        let stored = app.app.store.peek(|tx| record::find(tx, tenant.customer, uuid)).expect("a read");
        assert_eq!(stored.expect("the record").data, "{}");
    }
    let map = "<input i:type=\"a:Map\" xmlns:a=\"http://xml.apache.org/xml-soap\"><item><key>Uri</key><value>hook</value></item><item><value i:type=\"s:base64Binary\">4oKs</value><key>Payload</key></item></input>";
    let answer = app.soap(&envelope(&format!("<m:webhook {xsd}>{map}</m:webhook>")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let payloads = app.app.store.peek(|tx| webhook::find_payloads(tx, tenant.customer, 1, 1)).expect("payloads");
    assert_eq!(payloads[0].payload, "€");
    let missing = envelope(&format!("<m:webhook {xsd}>{}</m:webhook>", map.replace("<key>Uri</key>", "")));
    is_refused(&app.soap(&missing), "400", "has no 'key'");
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let (app, _) = gateway();
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = app.bodiless(method, "/v1/soap", &[("Content-Length", "0")]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS, POST")), "{method}");
    }
    let answer = app.bodiless("OPTIONS", "/v1/soap/", &[]);
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, OPTIONS, POST")));
    let page = app.get("/v1/soap", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    assert!(page.text().contains(&format!("http://{}/v1/soap?wsdl=literal12", app.address)));
}

#[test]
fn a_request_keeps_its_identifier_and_connections_close_when_asked() {
    let (app, _) = gateway();
    let answer =
        app.post(&[("Content-Type", "text/xml"), ("X-Request-Id", "trace-1")], envelope(&get_flow()).as_bytes());
    assert_eq!(answer.header("x-request-id"), Some("trace-1"));
    assert_eq!(answer.header("connection"), Some("close"));
    let body = envelope(&get_flow());
    let old =
        format!("POST /v1/soap HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = app.send(old.as_bytes());
    assert_eq!((answer.status, answer.header("transfer-encoding")), (200, None));
    let chunked: String = body
        .as_bytes()
        .chunks(100)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)))
        .collect();
    let request = format!(
        "POST /v1/soap HTTP/1.1\r\nHost: {}\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}0\r\n\r\n",
        app.address
    );
    assert_eq!(app.send(request.as_bytes()).status, 200);
}

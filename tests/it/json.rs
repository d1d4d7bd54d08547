//! JSON texts at the edges of RFC 8259, over the wire: accepted and kept byte for byte, or refused with a reason; and the
//! same whether the customer has a schema or not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::model::flow::FlowStatus;
use flowgate::store::{record as records, schema};

use crate::message::{Form, Part, call, flow, keys, record, text};
use crate::soap::{b64, fault};
use crate::support::{Answer, NOW, Tenant, TestApp};

/// A gateway with a customer, who may have a schema that allows everything.
fn gateway(document: Option<&str>) -> (TestApp, Tenant) {
    let app = TestApp::start();
    let tenant = app.customer("Testing", "k", "a");
    app.flow(&tenant, "Leads", FlowStatus::Public);
    if let Some(document) = document {
        let (customer, document) = (tenant.customer, document.to_owned());
        app.administer(move |tx| {
            let schema = flowgate::model::schema::DataSchema {
                url: String::new(),
                document,
                sample: "{}".to_owned(),
                created: NOW,
                modified: NOW,
            };
            schema::insert(tx, customer, &schema)
        });
    }
    (app, tenant)
}

fn insert(app: &TestApp, uuid: &str, data: &[u8]) -> Answer {
    let data = STANDARD.encode(data);
    let parts = [keys(), record(uuid, &data), flow("Leads")];
    app.post(
        &[("Content-Type", Form::Literal11.content_type())],
        call(Form::Literal11, "insertRecord", &parts).as_bytes(),
    )
}

/// Values that are kept as they are written, each within an object.
const ACCEPTED: [&str; 46] = [
    // Numbers.
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1",
    "10",
    "1.0",
    "1.10",
    "0.1",
    "1e1",
    "1E1",
    "1e+1",
    "1E-1",
    "1e01",
    "0e0",
    "0e+99",
    "1.5e300",
    "-1.7976931348623157e308",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "1234567890123456789012345678901234567890",
    "0.1234567890123456789012345678901234567890",
    "1e-400",
    "4.9e-324",
    // Strings.
    r#""""#,
    r#""a""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0041\u00e9\u00E9\uABCD""#,
    r#""\u0000""#,
    r#""\u001f\u007f""#,
    r#""\ud83d\ude00""#,
    r#""\uDBFF\uDFFF""#,
    r#""\ufffe\uffff\ufeff""#,
    "\"\u{7f}\u{80}\u{a0}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\u{feff}\u{fffe}\u{ffff}\u{10ffff}\"",
    "\"é漢\u{1f680}\"",
    r#""\\u0000""#,
    // The rest.
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[ [ ] , { \"\" : [ null ] } ,\t\r\n 1 ]",
];

/// Whole texts that are kept as they are written.
const DOCUMENTS: [&str; 8] = [
    "{}",
    "{ }",
    "{\"\":0}",
    "{\"a\":1,\"b\":2,\"A\":3,\"a \":4}",
    "{\"\\u0061\":1,\"\\u0062\":2}",
    "{\"e\u{301}\":1,\"\u{e9}\":2}",
    "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
    "{\t\r\n \"a\"\t\r\n :\t\r\n 1\t\r\n }",
];

const NOT_JSON: &str = "Data is not valid JSON";

/// Values that are no JSON, each within an object.
const REFUSED: [&str; 58] = [
    // Numbers.
    "+1",
    "01",
    "-01",
    "00",
    "-",
    "--1",
    "1.",
    ".5",
    "-.5",
    "1.e1",
    "1e",
    "1e+",
    "1e1.5",
    "1.2.3",
    "0x10",
    "0b1",
    "1_000",
    "1,000",
    "1f",
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "Inf",
    "\u{ff11}",
    // Strings.
    "'a'",
    "\"a",
    "a",
    r#""\x41""#,
    r#""\a""#,
    r#""\'""#,
    r#""\0""#,
    r#""\u""#,
    r#""\u004""#,
    r#""\u004g""#,
    r#""\U00000041""#,
    r#""\u{41}""#,
    r#""\ud800""#,
    r#""\udc00""#,
    r#""\ud800\ud800""#,
    r#""\ud800a""#,
    r#""\ud83d \ude00""#,
    r#""\ude00\ud83d""#,
    "\"\u{0}\"",
    "\"\u{1}\"",
    "\"\t\"",
    "\"a\nb\"",
    "\"\u{1f}\"",
    "\"a\\\n\"",
    // The rest.
    "True",
    "nul",
    "undefined",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{\"b\":1,}",
    "{\"b\"}",
];

/// Whole texts that are no JSON, or no record.
const WRONG: [(&[u8], &str); 29] = [
    (b"{", NOT_JSON),
    (b"}", NOT_JSON),
    (b"{\"a\":1", NOT_JSON),
    (b"{\"a\":1}}", NOT_JSON),
    (b"{\"a\":1} {}", NOT_JSON),
    (b"{\"a\":1},", NOT_JSON),
    (b"{\"a\":1}\0", NOT_JSON),
    (b"{\"a\" 1}", NOT_JSON),
    (b"{\"a\":1 \"b\":2}", NOT_JSON),
    (b"{\"a\":}", NOT_JSON),
    (b"{a:1}", NOT_JSON),
    (b"{1:1}", NOT_JSON),
    (b"{null:1}", NOT_JSON),
    (b"{,}", NOT_JSON),
    (b"{\"a\":1,,\"b\":2}", NOT_JSON),
    (b"{\"\\ud800\":1}", NOT_JSON),
    (b"{}//", NOT_JSON),
    (b"{/* */}", NOT_JSON),
    (b"#{}", NOT_JSON),
    (b"\x0c{}", NOT_JSON),
    ("\u{a0}{}".as_bytes(), NOT_JSON),
    ("{\u{a0}}".as_bytes(), NOT_JSON),
    ("\u{feff}{}".as_bytes(), "byte order mark"),
    ("\u{feff}[{}]".as_bytes(), "byte order mark"),
    (b"7", "Data must be a JSON object"),
    (b"\"a\"", "Data must be a JSON object"),
    (b"null", "Data must be a JSON object"),
    (b"[1]", "Data must be a JSON object"),
    (b"[]", "Data is an empty array"),
];

/// Bytes within a string that are no UTF-8: too long, cut off, surrogates, beyond Unicode.
const NOT_UTF8: [&[u8]; 9] = [
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xed\xa0\x80",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf0\x9f\x9a",
    b"\xf4\x90\x80\x80",
];

/// What JSON allows and this gateway does not, for the programs that read a record later would not agree on it.
fn excessive() -> Vec<(String, &'static str)> {
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    vec![
        ("{\"a\":1,\"a\":2}".to_owned(), "Data has the member 'a' twice at /"),
        ("{\"a\":1,\"a\":1}".to_owned(), "Data has the member 'a' twice at /"),
        ("{\"\":1,\"\":1}".to_owned(), "Data has the member '' twice at /"),
        ("{\"a\":1,\"\\u0061\":2}".to_owned(), "Data has the member 'a' twice at /"),
        ("{\"c\":[{},{\"a\":1,\"b\":{},\"a\":2}]}".to_owned(), "Data has the member 'a' twice at /c/1"),
        ("[{\"b\":1},{\"a\":{\"x\":1,\"x\":2}}]".to_owned(), "Record 1 of Data has the member 'x' twice at /a"),
        ("{\"a\":1e309}".to_owned(), "Data holds a number larger than 1.8e308"),
        ("{\"a\":-1e400}".to_owned(), "Data holds a number larger than 1.8e308"),
        (format!("{{\"a\":{}}}", "9".repeat(400)), "Data holds a number larger than 1.8e308"),
        (deep(127), "Data is nested more than 127 deep"),
        (deep(100_000), "Data is nested more than 127 deep"),
        (format!("{{\"a\":[{}0]}}", "0,".repeat(100_000)), "Data holds more than 100000 JSON values"),
    ]
}

#[test]
fn json_is_kept_byte_for_byte_or_refused_with_and_without_a_schema() {
    for document in [None, Some("{}")] {
        let (app, tenant) = gateway(document);
        let kept = |uuid: &str, data: &str| {
            let answer = insert(&app, uuid, data.as_bytes());
            assert_eq!(answer.status, 200, "{data}: {}", answer.text());
            let stored = app.app.store.peek(|tx| records::find(tx, tenant.customer, uuid)).expect("the store reads");
            assert_eq!(stored.expect("the record").data, data);
        };
        for (index, value) in ACCEPTED.iter().enumerate() {
            kept(&format!("value {index}"), &format!("{{\"a\": {value} }}"));
        }
        for (index, data) in DOCUMENTS.iter().enumerate() {
            kept(&format!("document {index}"), data);
        }
        kept("deep", &format!("{{\"a\":{}{}}}", "[".repeat(126), "]".repeat(126)));
        for value in REFUSED {
            fault(&insert(&app, "refused", format!("{{\"a\":{value}}}").as_bytes()), "400", NOT_JSON);
        }
        for (data, words) in WRONG {
            fault(&insert(&app, "refused", data), "400", words);
        }
        for bytes in NOT_UTF8 {
            fault(&insert(&app, "refused", &[b"{\"a\":\"", bytes, b"\"}"].concat()), "400", "UTF-8");
        }
        for (data, words) in excessive() {
            // An identifier is for one record only.
            let uuid = if data.starts_with('[') { "" } else { "refused" };
            fault(&insert(&app, uuid, data.as_bytes()), "400", words);
        }
        let none = app.app.store.peek(|tx| records::find(tx, tenant.customer, "refused")).expect("the store reads");
        assert!(none.is_none());
    }
}

#[test]
fn white_space_around_a_record_is_not_kept() {
    let (app, tenant) = gateway(None);
    for (uuid, data) in [("one", " \r\n\t{ \"a\" : 1 }\n"), ("of a list", "[ { \"a\" : 1 } ]")] {
        assert_eq!(insert(&app, uuid, data.as_bytes()).status, 200);
        let stored = app.app.store.peek(|tx| records::find(tx, tenant.customer, uuid)).expect("the store reads");
        assert_eq!(stored.expect("the record").data, "{ \"a\" : 1 }");
    }
}

#[test]
fn schemas_and_their_samples_are_json_by_the_same_rules() {
    let (app, _) = gateway(None);
    let put = |schema: &str, sample: &str| {
        let (schema, sample) = (b64(schema), b64(sample));
        let object = Part::Struct("SchemaObject", vec![text("Schema", &schema), text("DataRecord", &sample)]);
        let call = call(Form::Literal11, "insertSchema", &[keys(), object]);
        app.post(&[("Content-Type", Form::Literal11.content_type())], call.as_bytes())
    };
    fault(&put("{\"type\":\"object\",\"type\":\"array\"}", "{}"), "400", "Schema has the member 'type' twice at /");
    fault(&put("{}", "[{\"a\":{\"b\":1,\"b\":2}}]"), "400", "DataRecord has the member 'b' twice at /0/a");
    fault(&put("\u{feff}{}", "{}"), "400", "Schema is not valid JSON: it begins with a byte order mark");
    assert_eq!(put("{}", "{}").status, 200);
}

#[test]
fn everything_wrong_with_records_is_listed_with_its_record() {
    use flowgate::app::rules::Rules;
    let schema = r#"{"properties":{"a":{"type":"integer"},"b":{"type":"string","maxLength":3}}}"#;
    let rules = Rules::compile(&serde_json::from_str(schema).expect("JSON")).expect("a schema");
    let wrong = serde_json::from_str(r#"{"a":"secret","b":"also secret"}"#).expect("JSON");
    let violations = rules.check(&wrong, 20);
    let places: Vec<_> = violations.iter().map(|violation| (violation.record, violation.path.as_str())).collect();
    assert_eq!(places, [(None, "/a"), (None, "/b")]);
    assert!(violations.iter().all(|violation| !violation.reason.contains("secret")), "{violations:?}");
    assert_eq!(rules.check(&wrong, 1).len(), 1);

    let (app, _) = gateway(Some(schema));
    let data = br#"[{},{"a":"x","b":"long text"},{"a":1},{"a":"x"}]"#;
    let told = insert(&app, "", data).element("faultstring").expect("a message");
    assert!(
        told.starts_with("Record 1 of Data does not satisfy the schema: /a: ") && told.ends_with("; and more"),
        "{told}"
    );
    assert!(told.contains("; /b: ") && !told.contains("long text"), "{told}");
}

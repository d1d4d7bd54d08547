//! JSON as XML and back: nothing is lost on the way, plain XML is read as its author meant it, and what could not be kept
//! is refused.

use std::fmt::Write;

use flowgate::auth::{self, credential::Credential};
use flowgate::error::Code;
use flowgate::error::Violation;
use flowgate::facade::tree::{from_xml, to_xml};
use flowgate::model::flow::FlowStatus;
use flowgate::model::schema::DataSchema;
use flowgate::operation::content::Data;
use flowgate::operation::diagram::FlowReference;
use flowgate::operation::execute;
use flowgate::operation::json::MOST_VALUES;
use flowgate::operation::record::{InsertRecords, Submission};
use flowgate::store::schema;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::properties::{any_text, few};
use crate::support::{NOW, TestApp, wait};

/// There and back.
fn returned(json: &str) -> String {
    let xml = to_xml(json, "response").expect("XML");
    from_xml(&xml).unwrap_or_else(|error| panic!("{error}: {xml}")).to_json(None)
}

fn read(xml: &str) -> String {
    from_xml(xml).unwrap_or_else(|error| panic!("{error}: {xml}")).to_json(None)
}

#[test]
fn every_kind_of_value_has_its_form() {
    for (json, content) in [
        (r#"{"a":"x"}"#, "<response><a>x</a></response>"),
        (r#"{"a":""}"#, "<response><a></a></response>"),
        (r#"{"a":" \r\n\t<&]]>"}"#, "<response><a> &#13;\n\t&lt;&amp;]]&gt;</a></response>"),
        (r#"{"a":1.50}"#, r#"<response><a type="number">1.50</a></response>"#),
        (r#"{"a":true}"#, r#"<response><a type="boolean">true</a></response>"#),
        (r#"{"a":null}"#, r#"<response><a type="null"></a></response>"#),
        (r#"{"a":{}}"#, r#"<response><a type="object"></a></response>"#),
        (r#"{"a":{"b":"c"}}"#, "<response><a><b>c</b></a></response>"),
        (r#"{"a":[]}"#, r#"<response><a type="array"></a></response>"#),
        (
            r#"{"a":["x",[1],{}]}"#,
            r#"<response><a type="array"><item>x</item><item type="array"><item type="number">1</item></item><item type="object"></item></a></response>"#,
        ),
        (r#"{"item":"x"}"#, r#"<response><item name="item">x</item></response>"#),
        (r#"{"a b":"x"}"#, r#"<response><item name="a b">x</item></response>"#),
        (r#"{"":"x"}"#, r#"<response><item name="">x</item></response>"#),
        (r#"{"a:b":2}"#, r#"<response><item name="a:b" type="number">2</item></response>"#),
        (r#"{"XmlData":"x"}"#, r#"<response><item name="XmlData">x</item></response>"#),
        (r#"{"1":"x"}"#, r#"<response><item name="1">x</item></response>"#),
        (r#"{"\t\n\"<":"x"}"#, r#"<response><item name="&#9;&#10;&quot;&lt;">x</item></response>"#),
        (r#"{"a\u0000":"x"}"#, r#"<response><item name="YQA=" nameEncoding="base64">x</item></response>"#),
        (r#"{"a":"\u0000"}"#, r#"<response><a encoding="base64">AA==</a></response>"#),
        (r#"{"a":"\ufffe"}"#, r#"<response><a encoding="base64">77++</a></response>"#),
        (r#"{"Größe":"漢"}"#, "<response><Größe>漢</Größe></response>"),
        ("[]", r#"<response type="array"></response>"#),
        ("7", r#"<response type="number">7</response>"#),
        (r#""x""#, "<response>x</response>"),
    ] {
        let xml = to_xml(json, "response").expect(json);
        assert_eq!(xml, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{content}"), "{json}");
        let expected: Value = serde_json::from_str(json).expect(json);
        assert_eq!(serde_json::from_str::<Value>(&returned(json)).expect("JSON"), expected, "{xml}");
    }
}

#[test]
fn numbers_keep_their_digits_and_members_their_order() {
    let json =
        r#"{"z":1.0,"a":1e400,"b":-0,"c":12345678901234567890123456789012345678901234567890,"A":[0.10,1E+5,1e-400]}"#;
    assert_eq!(returned(json), json);
    let spaced = " {\n \"z\" : [ 1 , 2 ] ,\t\"y\" : { } , \"x\" : [ ] , \"q\\\\\\\"\" : \"\\\\\" }\r\n";
    assert_eq!(returned(spaced), r#"{"z":[1,2],"y":{},"x":[],"q\\\"":"\\"}"#);
}

#[test]
fn plain_xml_is_read_as_it_is_usually_meant() {
    const XSI: &str =
        "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:x=\"http://www.w3.org/2001/XMLSchema\"";
    for (xml, json) in [
        ("<order><name>Ann</name><age>18</age></order>".to_owned(), r#"{"name":"Ann","age":"18"}"#),
        ("<?xml version='1.0'?><!-- a --><o>\n  <a>1</a>\n  <!-- b -->\n</o>\n".to_owned(), r#"{"a":"1"}"#),
        ("<o><a>1</a><b/><a>2</a></o>".to_owned(), r#"{"a":["1","2"],"b":""}"#),
        ("<o><a type='array'><item>1</item></a><a type='array'/></o>".to_owned(), r#"{"a":[["1"],[]]}"#),
        ("<o><tags><item>1</item><item>2</item></tags></o>".to_owned(), r#"{"tags":["1","2"]}"#),
        ("<o><tags type='array'><tag>1</tag><tag>2</tag></tags></o>".to_owned(), r#"{"tags":["1","2"]}"#),
        ("<o><item>1</item><other>2</other></o>".to_owned(), r#"{"item":"1","other":"2"}"#),
        ("<o type='object'><item>1</item></o>".to_owned(), r#"{"item":"1"}"#),
        ("<item><item>1</item></item>".to_owned(), r#"["1"]"#),
        ("<p:o xmlns:p='u' xmlns='v'><p:a>1</p:a><b>2</b></p:o>".to_owned(), r#"{"a":"1","b":"2"}"#),
        ("<o><a><![CDATA[<b>]]>&amp;&#233;</a></o>".to_owned(), r#"{"a":"<b>&é"}"#),
        ("<o><a type='string'>18</a><n type='number'> 1.0 </n></o>".to_owned(), r#"{"a":"18","n":1.0}"#),
        (
            format!("<o {XSI}><a i:nil='true'/><b i:type='x:int'>7</b><c i:type='x:boolean'>1</c></o>"),
            r#"{"a":null,"b":7,"c":true}"#,
        ),
        (
            format!("<o {XSI} i:schemaLocation='u v'><a i:type='x:dateTime'>2026</a><b i:nil='0'>x</b></o>"),
            r#"{"a":"2026","b":"x"}"#,
        ),
        ("<o><a encoding='base64'>\n AA==\n</a></o>".to_owned(), "{\"a\":\"\\u0000\"}"),
        ("<o/>".to_owned(), "\"\""),
    ] {
        assert_eq!(read(&xml), json, "{xml}");
    }
}

#[test]
fn what_could_not_be_kept_is_refused() {
    const XSI: &str = "xmlns:i='http://www.w3.org/2001/XMLSchema-instance'";
    for (xml, words) in [
        ("<o><a id='1'>x</a></o>".to_owned(), "The element 'a' has the attribute 'id'"),
        ("<o><a xml:lang='en'>x</a></o>".to_owned(), "The element 'a' has the attribute 'lang'"),
        ("<o><a name='b'>x</a></o>".to_owned(), "The element 'a' has the attribute 'name'"),
        ("<item name='b'>x</item>".to_owned(), "The element 'item' has the attribute 'name'"),
        ("<o>text<a/></o>".to_owned(), "The element 'o' holds text beside its elements"),
        ("<o type='object'>text</o>".to_owned(), "is said to hold elements, and holds text"),
        ("<o><a type='number'>1<b/></a></o>".to_owned(), "is said to be a single value, and holds elements"),
        ("<o><a type='number'>01</a></o>".to_owned(), "The element 'a' is not a number as JSON writes it"),
        ("<o><a type='number'/></o>".to_owned(), "is not a number"),
        ("<o><a type='number'>\u{A0}1</a></o>".to_owned(), "is not a number"),
        ("<o><a type='number'>NaN</a></o>".to_owned(), "is not a number"),
        ("<o><a type='boolean'>yes</a></o>".to_owned(), "is neither true nor false"),
        ("<o><a type='null'>x</a></o>".to_owned(), "is null, and must be empty"),
        ("<o><a type='integer'>1</a></o>".to_owned(), "an attribute 'type' that is not known"),
        ("<o><a encoding='hex'>1</a></o>".to_owned(), "an attribute 'encoding' that is not known"),
        ("<o><a encoding='base64'>?</a></o>".to_owned(), "is not base64 of UTF-8"),
        ("<o><a encoding='base64'>/w==</a></o>".to_owned(), "is not base64 of UTF-8"),
        ("<o><a encoding='base64'><b/></a></o>".to_owned(), "which only text has"),
        ("<o><a encoding='base64' type='number'>1</a></o>".to_owned(), "which only text has"),
        ("<o><item name='?' nameEncoding='base64'>1</item></o>".to_owned(), "'name' that is not base64"),
        ("<o><item nameEncoding='base64'>1</item></o>".to_owned(), "has the attribute 'nameEncoding'"),
        ("<o><a type='array'><x/><y/></a></o>".to_owned(), "its elements must all have one name"),
        ("<o><a type='array'><item name='x'/></a></o>".to_owned(), "its elements must all have one name"),
        ("<o><item name='a'/><item name='a'/></o>".to_owned(), "The element 'o' has the member 'a' twice"),
        ("<o><a/><item name='a'/></o>".to_owned(), "The element 'o' has the member 'a' twice"),
        (format!("<o {XSI}><a i:nil='true'>x</a></o>"), "is null, and must be empty"),
        (format!("<o {XSI} xmlns:p='u'><a i:type='p:Client'>x</a></o>"), "an attribute 'xsi:type' that is not known"),
        (format!("<o {XSI}><a i:type='int'>1</a></o>"), "an attribute 'xsi:type' that is not known"),
        ("<o><a>".to_owned(), "ends before its elements do"),
        ("<!DOCTYPE o><o/>".to_owned(), "(DTD) is not accepted"),
        ("".to_owned(), ""),
        (format!("{}{}", "<o>".repeat(200), "</o>".repeat(200)), "nested more than 128 deep"),
        (format!("<o>{}</o>", "<a/>".repeat(100_001)), "more than 100000 children"),
    ] {
        let error = from_xml(&xml).expect_err(&xml);
        assert!(error.code() == Code::InvalidInput && error.message().contains(words), "{error}, for {xml:.200}");
    }
}

#[test]
fn the_deepest_and_the_widest_record_can_return() {
    let deep = format!("{}1{}", "{\"a\":".repeat(127), "}".repeat(127));
    assert_eq!(returned(&deep), deep);
    let wide = format!("{{\"a\":[{}0]}}", "0,".repeat(99_997));
    assert_eq!(returned(&wide), wide);
    let long = format!("{{\"{0}\":1,\"{0}\\u0001\":1}}", "n".repeat(100_000));
    assert_eq!(returned(&long), long);
    let items = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    assert!(to_xml(&items(4 * MOST_VALUES - 1), "response").is_ok());
    let told = to_xml(&items(4 * MOST_VALUES), "response").expect_err("too many").to_string();
    assert!(told.contains("holds more than 400000 values, too many for XML; ask for JSON"), "{told}");
    assert!(to_xml(&"[".repeat(100_000), "response").is_err());
    assert!(to_xml(&("[".repeat(200) + &"]".repeat(200)), "response").is_err());
}

#[test]
fn records_from_xml_take_their_types_from_the_schema() {
    let app = TestApp::start();
    let tenant = app.customer("Testing", "k", "a");
    app.flow(&tenant, "Leads", FlowStatus::Public);
    let credential = Credential::Keys { api: "k".to_owned(), app: "a".to_owned() };
    let caller = auth::authenticate(&app.app, &credential, app.address.ip()).expect("a caller");
    let insert = |xml: &str| {
        let data = Data::Tree(from_xml(xml).expect(xml));
        let flow = FlowReference { id: None, name: Some("Leads".to_owned()) };
        let insert = InsertRecords { flow, submissions: vec![Submission { uuid: None, execution_time: None, data }] };
        let inserted = wait(execute(&app.app, &caller, insert))?;
        Ok::<_, flowgate::error::Error>(inserted.records.into_iter().map(|record| record.data).collect::<Vec<_>>())
    };
    let order = "<order><name>7</name><age>18</age><line><n>2</n></line></order>";
    assert_eq!(insert(order).expect("a record"), [r#"{"name":"7","age":"18","line":{"n":"2"}}"#]);
    let document = r##"{
        "type": "object", "definitions": {"line": {"type": "object", "properties": {"n": {"type": "number"}}}},
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "line": {"type": "array", "items": {"$ref": "#/definitions/line"}}}
    }"##;
    let (customer, document) = (tenant.customer, document.to_owned());
    app.administer(move |tx| {
        let (url, sample) = (String::new(), "{}".to_owned());
        schema::insert(tx, customer, &DataSchema { url, document, sample, created: NOW, modified: NOW })
    });
    assert_eq!(insert(order).expect("a record"), [r#"{"name":"7","age":18,"line":[{"n":2}]}"#]);
    let several = insert("<orders><item><age>1</age></item><item><age>2</age></item></orders>").expect("records");
    assert_eq!(several, [r#"{"age":1}"#, r#"{"age":2}"#]);
    for (xml, words) in [
        ("<order>7</order>", "Data must be a JSON object"),
        ("<order type='array'/>", "Data is an empty array"),
        ("<order><x type='number'>1e400</x></order>", "a number larger than 1.8e308"),
    ] {
        assert!(insert(xml).expect_err(xml).message().contains(words), "{xml}");
    }
    // A few bytes of base64 are many of JSON.
    let swollen = format!("<order><x encoding='base64'>{}</x></order>", "AQEB".repeat(1 << 20));
    let error = insert(&swollen).expect_err("too large");
    assert!(error.code() == Code::TooLarge && error.message().ends_with(" bytes as JSON"), "{error}");
    let wrong =
        "<orders><item><age>1</age></item><item><age>x</age></item><item><age type='string'>2</age></item></orders>";
    let error = insert(wrong).expect_err("two wrong records");
    let places: Vec<_> =
        error.violations().iter().map(|Violation { record, path, .. }| (*record, path.as_str())).collect();
    assert_eq!(places, [(Some(1), "/age"), (Some(2), "/age")]);
}

/// JSON whose numbers are texts.
#[derive(Clone, Debug)]
enum Json {
    Literal(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        "(null|true|false|-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?)".prop_map(Json::Literal),
        any_text().prop_map(Json::Text),
    ];
    let name = prop_oneof![any_text(), "[a-c]", "item|name|type|xml|xmlns|XML1|a:b|_|-"];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::Array),
            vec((name.clone(), inner), 0..6).prop_map(|mut members| {
                let mut names = std::collections::HashSet::new();
                members.retain(|(name, _)| names.insert(name.clone()));
                Json::Object(members)
            }),
        ]
    })
}

/// Any JSON value as text, which no parser has touched.
pub(crate) fn any_json_text() -> impl Strategy<Value = String> {
    any_json().prop_map(|json| {
        let mut text = String::new();
        write(&mut text, &json);
        text
    })
}

fn write(out: &mut String, json: &Json) {
    let text = |text: &str| Value::from(text).to_string();
    match json {
        Json::Literal(literal) => out.push_str(literal),
        Json::Text(value) => out.push_str(&text(value)),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                write!(out, "{}{}:", if index > 0 { "," } else { "" }, text(name)).expect("a string");
                write(out, member);
            }
            out.push('}');
        }
    }
}

/// XML with much of what the mapping gives a meaning to.
fn any_xml() -> impl Strategy<Value = String> {
    let tag = "(item|a|type|p:a)";
    let attribute = prop_oneof![
        " (type|name|encoding|nameEncoding)=\"(array|object|number|boolean|null|string|base64|a|YQ==)\"",
        " i:(type|nil)=\"(x:int|x:string|true|1|0|int)\"",
        Just(String::new()),
    ];
    let leaf = prop_oneof![any_text(), "(1|true|YQ==|<a/>|&#13;|<!---->)"];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        (tag, vec(attribute.clone(), 0..3), vec(inner, 0..4)).prop_map(|(tag, attributes, content)| {
            format!("<{tag}{}>{}</{tag}>", attributes.concat(), content.concat())
        })
    })
}

proptest! {
    #![proptest_config(few(300))]

    #[test]
    fn any_json_returns_with_its_digits(text in any_json_text()) {
        prop_assert_eq!(returned(&text), text);
    }

    #[test]
    fn any_xml_is_a_value_or_refused(content in any_xml()) {
        for xml in [
            content.clone(),
            format!("<o xmlns:p='u' xmlns:i='http://www.w3.org/2001/XMLSchema-instance' xmlns:x='http://www.w3.org/2001/XMLSchema'>{content}</o>"),
        ] {
            if let Ok(tree) = from_xml(&xml) {
                let json = tree.to_json(None);
                prop_assert_eq!(returned(&json), json, "{}", xml);
            }
        }
    }
}

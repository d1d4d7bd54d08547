//! Other people's descriptions and answers: what comes before a line of dashes is a WSDL document, what comes after it
//! an answer. Calls are written for whatever was described, and what was written is well-formed.

#![no_main]

use flowgate::soap::partner::{Document, Member, Partner, Summary};
use flowgate::xml::Limits;
use flowgate::xml::document;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

fuzz_target!(|data: &[u8]| {
    let (description, answer) = match data.windows(6).position(|window| window == b"\n----\n") {
        Some(at) => (&data[..at], &data[at + 6..]),
        None => (data, &b""[..]),
    };
    let Ok(text) = std::str::from_utf8(description) else { return };
    let location = "http://partner.example/service?wsdl";
    let _ = Partner::imports(text, location);
    let document = Document { location: location.to_owned(), text: text.to_owned() };
    let Ok(partner) = Partner::read(&[document]) else { return };
    for summary in partner.operations().iter().take(8) {
        let operation = partner.operation(&summary.name, Some(&summary.port)).expect("it is listed");
        for arguments in [Value::Null, json!({}), arguments(summary, &json!("1")), arguments(summary, &json!({}))] {
            let Ok(call) = operation.request(&arguments, Some(&json!({ "{urn:x}y": 1 }))) else { continue };
            let text = std::str::from_utf8(&call.body).expect("UTF-8");
            document::Document::read(text, Limits::default()).expect("a well-formed envelope");
        }
        for content_type in ["text/xml", "multipart/related; boundary=b"] {
            let _ = operation.reply(200, content_type, answer);
        }
    }
});

fn arguments(summary: &Summary, value: &Value) -> Value {
    let member = |member: &Member| {
        let value = if member.repeats { json!([value, value]) } else { value.clone() };
        (member.name.clone(), value)
    };
    Value::Object(summary.input.iter().map(member).collect::<Map<_, _>>())
}

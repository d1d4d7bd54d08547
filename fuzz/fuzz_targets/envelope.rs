//! From bytes to the parameters of a call, the whole way a request goes; and what was read is read again once written.

#![no_main]

use std::fmt::Write;

use flowgate::facade::soap::free_form::to_json;
use flowgate::facade::soap::{credential, port};
use flowgate::soap::encoded::{Context, Value};
use flowgate::soap::envelope::Envelope;
use flowgate::soap::media::{Attachments, MediaType, unpack};
use flowgate::xml::Limits;
use flowgate::xml::document::{Document, Element};
use flowgate::xml::text::decode;
use flowgate::xml::write::Writer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if !bytes.starts_with(b"--") {
        return read(bytes, None, &Attachments::default());
    }
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let boundary = String::from_utf8_lossy(&line[2..]);
    let package = MediaType::parse(&format!("multipart/related; boundary={boundary}"));
    if let Ok(package) = unpack(&package, bytes, 50) {
        read(&package.root, package.root_type.parameter("charset"), &package.attachments);
    }
});

fn read(bytes: &[u8], charset: Option<&str>, attachments: &Attachments<'_>) {
    let Ok(text) = decode(bytes, charset) else { return };
    let Ok(document) = Document::read(&text, Limits::default()) else { return };
    is_read_again(&document);
    let Ok(envelope) = Envelope::of(&document) else { return };
    for block in envelope.header_blocks() {
        let _ = (envelope.must_understand(block), credential::is_security(block) && credential::is_understood(block));
    }
    let Ok(call) = envelope.call(port::find, port::is_parameter, Some("webhook")) else { return };
    let values = Context::new(envelope.body, attachments, text.len().max(bytes.len()));
    let Ok(input) = values.value(call.element) else { return };
    let _ = port::webhook_uri(call.operation, input);
    let _ = credential::find(&envelope, &values, input, None);
    let Some(input) = input else { return };
    members(input, 64);
    let _ = to_json(input);
}

fn members(value: Value<'_>, depth: usize) {
    let Some(deeper) = depth.checked_sub(1) else { return };
    let _ = (value.content(), value.text(), value.is_structure());
    for item in value.items().ok().flatten().unwrap_or_default() {
        members(item, deeper);
    }
    for (name, member) in value.members().unwrap_or_default() {
        let _ = value.member(&name);
        if let Some(member) = member {
            members(member, deeper);
        }
    }
}

/// Writing a document from what was read of it must give the same document.
fn is_read_again(document: &Document<'_>) {
    let mut writer = Writer::default();
    write(&mut writer, document.root());
    let text = writer.finish();
    let limits = Limits {
        attributes: usize::MAX,
        namespaces: usize::MAX,
        name_length: usize::MAX,
        attribute_length: usize::MAX,
        ..Limits::default()
    };
    let again = Document::read(&text, limits).expect("what was written");
    assert_eq!(document.elements().count(), again.elements().count());
    for (one, other) in document.elements().zip(again.elements()) {
        assert_eq!((one.name(), one.text(), one.is_nil()), (other.name(), other.text(), other.is_nil()));
        assert_eq!(one.attributes(), other.attributes());
        assert_eq!((one.size(), one.children().count()), (other.size(), other.children().count()));
    }
}

fn write(writer: &mut Writer, element: Element<'_, '_>) {
    let name = element.name();
    let (tag, mut attributes) = match name.namespace.is_empty() {
        true => (name.local.to_owned(), vec![("xmlns".to_owned(), String::new())]),
        false => (format!("n:{}", name.local), vec![("xmlns:n".to_owned(), name.namespace.to_string())]),
    };
    // The prefix xml alone may stand for its namespace, and for nothing else.
    if &*name.namespace == flowgate::xml::name::XML {
        attributes.clear();
    }
    let tag = if attributes.is_empty() { format!("xml:{}", name.local) } else { tag };
    for (index, attribute) in element.attributes().iter().enumerate() {
        let mut key = String::new();
        match &*attribute.name.namespace {
            "" => key.push_str(attribute.name.local),
            flowgate::xml::name::XML => write!(key, "xml:{}", attribute.name.local).expect("text"),
            namespace => {
                attributes.push((format!("xmlns:a{index}"), namespace.to_owned()));
                write!(key, "a{index}:{}", attribute.name.local).expect("text");
            }
        }
        attributes.push((key, attribute.value.to_string()));
    }
    let attributes: Vec<_> = attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    writer.open(&tag, &attributes).text(element.text());
    for child in element.children() {
        write(writer, child);
    }
    writer.close(&tag);
}

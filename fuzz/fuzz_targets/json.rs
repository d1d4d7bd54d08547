//! Free-form structures as JSON: whatever XML there is, and back again where a JSON text has a form in XML.

#![no_main]

use flowgate::facade::soap::free_form::to_json;
use flowgate::soap::encoded::Context;
use flowgate::soap::media::Attachments;
use flowgate::xml::Limits;
use flowgate::xml::document::{Document, XSI};
use flowgate::xml::name::{is_char, is_ncname};
use flowgate::xml::write::Writer;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value as Json};

fuzz_target!(|text: &str| {
    if let Ok(document) = Document::read(text, Limits::default()) {
        let _ = convert(&document, text.len());
    }
    let Ok(Json::Object(object)) = serde_json::from_str(text) else { return };
    let Some(object) = expressible(object, 60) else { return };
    let json = Json::Object(object);
    let mut writer = Writer::default();
    write(&mut writer, "Customer", &json);
    let written = writer.finish();
    let limits = Limits { name_length: usize::MAX, ..Limits::default() };
    let document = Document::read(&written, limits).expect("what was written");
    let read = convert(&document, written.len()).expect("a structure").expect("a value");
    assert_eq!(read, json, "{written}");
});

fn convert(document: &Document<'_>, size: usize) -> Result<Option<Json>, flowgate::error::Error> {
    let attachments = Attachments::default();
    let context = Context::new(document.root(), &attachments, size);
    let json = context.value(document.root())?.map(to_json).transpose()?;
    Ok(json.map(|json| serde_json::from_str(&json).expect("JSON")))
}

/// The object without what has no form in XML; `None` if nothing is left, since an empty element is an empty text.
fn expressible(object: Map<String, Json>, depth: usize) -> Option<Map<String, Json>> {
    let deeper = depth.checked_sub(1)?;
    let kept: Map<String, Json> = object
        .into_iter()
        // These names are those of arrays and maps.
        .filter(|(name, _)| is_ncname(name) && !matches!(name.as_str(), "item" | "key" | "value" | "Include"))
        .filter_map(|(name, value)| Some((name, expressible_value(value, deeper)?)))
        .collect();
    (!kept.is_empty()).then_some(kept)
}

fn expressible_value(value: Json, depth: usize) -> Option<Json> {
    match value {
        Json::Object(object) => expressible(object, depth).map(Json::Object),
        Json::Array(items) => {
            let items: Vec<_> = items
                .into_iter()
                .filter(|item| !item.is_array())
                .filter_map(|item| expressible_value(item, depth))
                .collect();
            // One alone is a member, not a list.
            (items.len() > 1).then_some(Json::Array(items))
        }
        Json::String(text) => text.chars().all(is_char).then_some(Json::String(text)),
        other => Some(other),
    }
}

fn write(writer: &mut Writer, name: &str, value: &Json) {
    let typed = |name| [("xmlns:xsi", XSI), ("xsi:type", name)];
    match value {
        Json::Null => drop(writer.element(name, &[("xmlns:xsi", XSI), ("xsi:nil", "true")], "")),
        Json::Bool(truth) => drop(writer.element(name, &typed("boolean"), &truth.to_string())),
        Json::Number(number) => drop(writer.element(name, &typed("double"), &number.to_string())),
        Json::String(text) => drop(writer.element(name, &[], text)),
        Json::Array(items) => items.iter().for_each(|item| write(writer, name, item)),
        Json::Object(object) => {
            writer.open(name, &[]);
            object.iter().for_each(|(name, value)| write(writer, name, value));
            writer.close(name);
        }
    }
}

//! JSON as XML and back: what is JSON returns as it was, and what XML means something means it once written again.

#![no_main]

use flowgate::facade::tree::{from_xml, to_xml};
use flowgate::operation::json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    if let Ok(tree) = from_xml(text) {
        let json = tree.to_json(None);
        // What is nested, or counted, is more in one than in the other.
        if let Ok(xml) = to_xml(&json, "response") {
            let again = from_xml(&xml).expect("what was written").to_json(None);
            assert_eq!(again, json, "{xml}");
        }
    }
    let Ok(value) = json::parse("Data", text, json::MOST_VALUES) else { return };
    let xml = to_xml(text, "response").expect("what is JSON");
    let json = from_xml(&xml).expect("what was written").to_json(None);
    assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), value, "{xml}");
});

//! What a record goes through on its way in: base64, splitting, the check of its JSON; dates and media types besides.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::model::time::Timestamp;
use flowgate::operation::json;
use flowgate::soap::encoded::decode_base64;
use flowgate::soap::envelope::action_name;
use flowgate::soap::media::MediaType;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(decode_base64(&STANDARD.encode(bytes)).as_deref(), Some(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lenient = decode_base64(text);
    if let Ok(strict) = STANDARD.decode(text) {
        assert_eq!(lenient.as_ref(), Some(&strict));
    }
    record(text);
    if let Some(decoded) = lenient.and_then(|decoded| String::from_utf8(decoded).ok()) {
        record(&decoded);
    }
    let _ = Timestamp::parse_atom(text);
    let media_type = MediaType::parse(text);
    let _ = (media_type.parameter("charset"), media_type.parameter("action").map(action_name));
});

fn record(text: &str) {
    let value = serde_json::from_str::<Value>(text);
    assert_eq!(json::check("Data", text, json::MOST_VALUES).is_ok(), value.is_ok(), "{text}");
    assert_eq!(json::parse("Data", text, json::MOST_VALUES).ok(), value.ok());
    let items = json::items("Data", text, 5);
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(all) => {
            let all: Vec<_> = all.into_iter().map(RawValue::get).take(6).collect();
            assert_eq!(items.ok(), Some(all));
        }
        Err(_) => assert!(items.is_err()),
    }
}

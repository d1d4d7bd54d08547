//! Descriptions from outside: within the XML room's limits, then taken apart; what was read is read again once written.

#![no_main]

use flowgate::soap::wsdl;
use flowgate::xml::Limits;
use flowgate::xml::document::Document;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if Document::read(text, Limits::default()).is_err() {
        return;
    }
    let Ok(definitions) = wsdl::read(text) else { return };
    let written = wsdl::write(&definitions).expect("a document");
    let _ = wsdl::read(&written);
});

//! The W3C XML conformance suite against our reader. `.ci/xml-suite` fetches it; the variable `FLOWGATE_XML_SUITE`
//! names the directory. Our profile is narrower than XML 1.0: no DTD and no processing instruction is read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use flowgate::xml::document::{Document, Element};
use flowgate::xml::name;
use flowgate::xml::text::decode;
use flowgate::xml::{Limits, XmlError};

/// A case of the suite.
struct Case {
    id: String,
    /// `valid`, `invalid` (and both well-formed), `not-wf`, or `error`, which a parser may or may not report.
    class: String,
    path: PathBuf,
    xml_1_1: bool,
    /// Whether it is well-formed, or not, by the fifth edition of XML 1.0, which is the one we read.
    fifth_edition: bool,
    /// Whether it is well-formed only for parsers that know no namespaces.
    without_namespaces: bool,
}

/// Writes past the test harness, which keeps what passing tests print to itself.
pub(crate) fn report(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").expect("standard output");
}

#[test]
fn documents_of_the_w3c_suite_are_accepted_and_refused_as_our_profile_says() {
    let Some(directory) = std::env::var_os("FLOWGATE_XML_SUITE") else {
        report("XML conformance suite: SKIPPED, for FLOWGATE_XML_SUITE is not set (see .ci/xml-suite)");
        return;
    };
    let cases = cases(&Path::new(&directory).join("build/dist"));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        match judge(case) {
            Ok(kind) => *counts.entry(kind).or_default() += 1,
            Err(problem) => wrong.push(format!("{} ({}, {}): {problem}", case.id, case.class, case.path.display())),
        }
    }
    report(&format!("XML conformance suite: {} cases", cases.len()));
    for (kind, count) in &counts {
        report(&format!("  {count:5} {kind}"));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    // A suite that is not there in full would pass for nothing.
    assert!(cases.len() > 2_500, "the suite has {} cases", cases.len());
}

fn cases(suite: &Path) -> Vec<Case> {
    let manifest = std::fs::read_to_string(suite.join("cleaned/xmlconf-flattened.xml")).expect("the suite's list");
    // The list itself has a DTD.
    let list = &manifest[manifest.find("<TESTSUITE").expect("the list's root")..];
    let document = Document::read(list, Limits::default()).expect("a list that is well-formed");
    let mut cases = Vec::new();
    collect(document.root(), suite.join("xmlconf"), &mut cases);
    cases
}

fn collect(element: Element<'_, '_>, base: PathBuf, cases: &mut Vec<Case>) {
    let base = element.attribute(name::XML, "base").map_or(base.clone(), |inner| base.join(inner));
    for child in element.children() {
        match child.local() {
            "TEST" => cases.push(case(child, &base)),
            _ => collect(child, base.clone(), cases),
        }
    }
}

fn case(test: Element<'_, '_>, base: &Path) -> Case {
    let attribute = |name: &str| test.attribute("", name).unwrap_or_default();
    let (recommendation, edition) = (attribute("RECOMMENDATION"), attribute("EDITION"));
    Case {
        id: attribute("ID").to_owned(),
        class: attribute("TYPE").to_owned(),
        path: base.join(attribute("URI")),
        xml_1_1: attribute("VERSION") == "1.1" || matches!(recommendation, "XML1.1" | "NS1.1"),
        fifth_edition: edition.is_empty() || edition.split(' ').any(|edition| edition == "5"),
        without_namespaces: attribute("NAMESPACE") == "no",
    }
}

/// What became of a case, or what is wrong about it.
fn judge(case: &Case) -> Result<&'static str, String> {
    let bytes = std::fs::read(&case.path).map_err(|error| error.to_string())?;
    let read = read(&bytes);
    let apparent = apparent(&bytes);
    if case.xml_1_1 {
        return Ok(if read.is_ok() { "XML 1.1: accepted as 1.0" } else { "XML 1.1: refused" });
    }
    let must = |held: bool, kind| if held { Ok(kind) } else { Err(format!("{read:?}")) };
    if has_doctype(&apparent) {
        return must(read.is_err(), "XML 1.0 with DOCTYPE: refused");
    }
    let instructed = read.as_ref().is_err_and(|error| error.message.contains("Processing instructions"));
    match (case.class.as_str(), case.fifth_edition) {
        ("error", _) => Ok("optional errors without DOCTYPE: accepted or refused"),
        (_, false) => Ok("not of the fifth edition, without DOCTYPE: accepted or refused"),
        ("not-wf", true) if instructed => Ok("not well-formed without DOCTYPE: refused at a processing instruction"),
        ("not-wf", true) => must(read.is_err(), "not well-formed without DOCTYPE: refused"),
        ("valid" | "invalid", true) if case.without_namespaces => {
            must(read.is_err(), "well-formed, but not with namespaces: refused")
        }
        ("valid" | "invalid", true) if instructed => {
            // Nothing else may be wrong with it.
            let rest = Document::read(&without_instructions(&apparent), Limits::default()).map(drop);
            rest.map(|()| "well-formed without DOCTYPE: refused for nothing but a processing instruction")
                .map_err(|error| error.to_string())
        }
        ("valid" | "invalid", true) => must(read.is_ok(), "well-formed without DOCTYPE: accepted"),
        (other, true) => Err(format!("the class '{other}' is not known")),
    }
}

fn read(bytes: &[u8]) -> Result<(), XmlError> {
    Document::read(&decode(bytes, None)?, Limits::default()).map(drop)
}

/// The text as well as it can be guessed, without relying on what is tested.
fn apparent(bytes: &[u8]) -> String {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xFE, 0xFF, ..] | [0, b'<', ..] => wide(u16::from_be_bytes),
        [0xFF, 0xFE, ..] | [b'<', 0, ..] => wide(u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.trim_start_matches('\u{FEFF}').to_owned()
}

/// Whether there is a DOCTYPE outside of comments and CDATA sections.
fn has_doctype(mut text: &str) -> bool {
    while let Some(at) = text.find("<!") {
        let markup = &text[at..];
        let end = match markup {
            _ if markup.starts_with("<!DOCTYPE") => return true,
            _ if markup.starts_with("<!--") => "-->",
            _ if markup.starts_with("<![CDATA[") => "]]>",
            _ => "!",
        };
        text = markup[1..].split_once(end).map_or("", |(_, after)| after);
    }
    false
}

fn without_instructions(text: &str) -> String {
    let (declaration, mut rest) = match text.starts_with("<?xml ") {
        true => text.split_at(text.find("?>").map_or(text.len(), |end| end + 2)),
        false => ("", text),
    };
    let mut left = declaration.to_owned();
    while let Some((before, after)) = rest.split_once("<?") {
        left.push_str(before);
        rest = after.split_once("?>").map_or("", |(_, after)| after);
    }
    left + rest
}

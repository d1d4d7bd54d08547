//! `docs/errors.md`: every failure as the dialects tell it, with what a user can do about it. The file is written
//! from the code; `FLOWGATE_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use flowgate::error::Code;
use flowgate::facade::soap::error::describe;
use flowgate::facade::{hub, v1};
use flowgate::soap::reply::{Dialect, Fault, FaultForm, ProtocolFault, write_fault, write_protocol_fault};
use flowgate::soap::version::Version;

use crate::support::TestApp;

const HEAD: &str = "\
# Errors

Every failed SOAP call is answered with HTTP 500 and a fault, because many toolkits lose a fault that comes with another
status. The message (`faultstring`, in SOAP 1.2 `Reason`) says what was wrong with this request; `faultactor`, or
`Reference` in the detail, is an opaque reference that the gateway's log shows too.

Which code a SOAP 1.1 client reads depends on its dialect. A user of the documented rpc/encoded service reads the
documented number in `faultcode`; every other reads the standard code, with the number as `Code` in the detail. An
application's fault dialect can be set to either. SOAP 1.2 has the standard code as `Value` and `E` with the number as
`Subcode`.

Over REST a failure has an HTTP status, and its number is `code` in the body, which says more than the status where the
two differ. What a schema does not allow is listed as `error.details`, each with its `path` and `reason` and, of several
records, the number of the `record`. The hub's addresses ([hub.md](hub.md)) have a status alone. OAuth2's own failures are in [auth.md](auth.md).

This file is written by a test from the code.

| Failure | SOAP number | SOAP 1.1 | SOAP 1.2 | REST status | REST number | Hub status | What to do |
|---|---|---|---|---|---|---|---|
";

/// What belongs to HTTP and not to an operation.
const HTTP: &str = "
Over REST, a method that an address has not is 405, with the methods there are in `Allow`; 502 and 504 come from proxies.
";

const PROTOCOL: &str = "
Two faults belong to SOAP itself and have no number:

| Failure | SOAP 1.1 | SOAP 1.2 | HTTP | What to do |
|---|---|---|---|---|
";

/// What whoever reads the fault should do.
fn advice(code: Code) -> &'static str {
    match code {
        Code::InvalidInput => {
            "Correct the field that the message names, or the XML if it says so; repeating changes nothing."
        }
        Code::Unauthenticated => {
            "Check both keys, or the user and password, that the request carries; the customer's API key and the application's key belong together."
        }
        Code::TokenInvalid => "Get a new access token, or refresh the old one; it is unknown, expired or revoked.",
        Code::AddressRefused => {
            "Call from an address on the application's list, or have the address in the message added to it."
        }
        Code::Forbidden => "Have the scope that the operation asks for granted to the application.",
        Code::InUse => "Wait until the record has been processed, or pause its flow; then repeat.",
        Code::NotFound => {
            "Check the name or number; what belongs to another customer does not exist for this one. For `webhook`, check the URI."
        }
        Code::Gone => "Stop: the run that waited at this address is over.",
        Code::Conflict => {
            "Read what is stored and decide: the same Uuid has other content, the name is taken, or the state forbids the change."
        }
        Code::Outdated => "Read what is stored, which has changed since you last did, and decide again.",
        Code::Refused => "Read the state of what the request names; it does not allow what was asked for.",
        Code::TooLarge => "Send less in one request, for instance fewer records, or have `server.body_limit` raised.",
        Code::TimedOut => "Send the whole request sooner; the connection stalled before its end.",
        Code::RateLimited => "Wait for the seconds in `X-RateLimit-Reset`, then repeat more slowly.",
        Code::Unavailable => {
            "Repeat later. If it lasts, the operator looks in the log and at the disk of the data directory."
        }
        Code::Internal => {
            "Report the reference to the operator, who finds the cause beside it in the log; repeat only what is harmless to repeat."
        }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(found, _)| found)
}

/// The code that a fault shows: `faultcode`, or the first `Value`.
fn shown(version: Version, fault: &str) -> &str {
    match version {
        Version::V11 => between(fault, "<faultcode>", "</faultcode>"),
        Version::V12 => between(fault, "<env:Value>", "</env:Value>"),
    }
}

fn render() -> String {
    let mut text = HEAD.to_owned();
    for code in Code::ALL {
        let (number, blame) = describe(code);
        let tell = |version, form| {
            let fault = Fault { blame, code: number, message: "", reference: "", form };
            let text = write_fault(&Dialect::unread(version), &fault);
            shown(version, &text).to_owned()
        };
        let documented = tell(Version::V11, FaultForm::Documented);
        let (old, new) = (tell(Version::V11, FaultForm::Standard), tell(Version::V12, FaultForm::Standard));
        let advice = advice(code);
        let (status, shown) = v1::error::describe(code);
        let (status, hub) = (status.as_u16(), hub::error::describe(code).as_u16());
        writeln!(text, "| {code:?} | {documented} | `{old}` | `{new}` | {status} | {shown} | {hub} | {advice} |")
            .expect("text");
    }
    text.push_str(HTTP);
    text.push_str(PROTOCOL);
    let faults = [
        (
            "VersionMismatch",
            ProtocolFault::VersionMismatch,
            "Send an envelope in the namespace of SOAP 1.1 or SOAP 1.2.",
        ),
        (
            "MustUnderstand",
            ProtocolFault::MustUnderstand("urn:x", "Header"),
            "Leave the header block out, or its `mustUnderstand`; WS-Addressing and a UsernameToken are understood.",
        ),
    ];
    for (name, fault, advice) in faults {
        let tell = |version| shown(version, &write_protocol_fault(&Dialect::unread(version), &fault)).to_owned();
        let (old, new) = (tell(Version::V11), tell(Version::V12));
        writeln!(text, "| {name} | `{old}` | `{new}` | 500 | {advice} |").expect("text");
    }
    text
}

#[test]
fn the_document_shows_every_failure() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let text = render();
    assert!(!text.contains("``"), "a fault without a code:\n{text}");
    if std::env::var_os("FLOWGATE_BLESS").is_some() {
        fs::write(&path, &text).expect("the file can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, text, "docs/errors.md is not what the code says; FLOWGATE_BLESS=1 writes it anew");
}

#[test]
fn failures_come_with_http_500_also_before_a_message_is_read() {
    let app = TestApp::with(|config| config.server.body_limit = 2_000);
    let large = "x".repeat(3_000);
    for (body, code) in [("no XML", "400"), (large.as_str(), "413")] {
        let answer = app.soap(body);
        assert_eq!((answer.status, answer.element("Code").as_deref()), (500, Some(code)));
        assert!(!answer.closed, "the answer says its length");
    }
}

//! What holds for any input: the codec reads back what it wrote, the two layouts of a message mean the same, and the
//! store does what a model in memory does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use flowgate::facade::soap::free_form::to_json;
use flowgate::model::account::CustomerId;
use flowgate::model::flow::FlowId;
use flowgate::model::record::{Hold, Record, RecordStatus};
use flowgate::model::time::Timestamp;
use flowgate::soap::encoded::{Context, Value, decode_base64};
use flowgate::soap::media::Attachments;
use flowgate::store::record::{self, NewRecord};
use flowgate::store::{Store, account, flow};
use flowgate::xml::Limits;
use flowgate::xml::document::{Document, Element};
use flowgate::xml::name::is_char;
use flowgate::xml::write::Writer;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::wait;

/// As many cases as `cargo test` has time for.
pub(crate) fn few(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Text with much of what needs care.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let odd = select(vec![
        '<',
        '>',
        '&',
        '"',
        '\'',
        ']',
        '\r',
        '\n',
        '\t',
        ' ',
        '\0',
        '\u{1}',
        '\u{7F}',
        '\u{85}',
        '\u{2028}',
        '\u{FEFF}',
        '\u{FFFD}',
        '\u{FFFE}',
        '\u{FFFF}',
        '\u{1D11E}',
        '\u{10FFFF}',
        'ü',
    ]);
    vec(prop_oneof![odd, any::<char>()], 0..20).prop_map(String::from_iter)
}

fn any_name() -> impl Strategy<Value = String> {
    "[A-Za-z_Ü漢][A-Za-z0-9._漢\u{B7}-]{0,6}"
}

/// What becomes of text that XML cannot carry.
fn carried(text: &str) -> String {
    text.chars().map(|c| if is_char(c) { c } else { '\u{FFFD}' }).collect()
}

#[derive(Clone, Debug)]
struct Tree {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Tree>,
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let node = || (any_name(), btree_map(any_name(), any_text(), 0..4), any_text());
    let leaf = node().prop_map(|(name, attributes, text)| Tree { name, attributes, text, children: Vec::new() });
    leaf.prop_recursive(6, 40, 5, move |inner| {
        (node(), vec(inner, 0..5)).prop_map(|((name, attributes, text), children)| Tree {
            name,
            attributes,
            text,
            children,
        })
    })
}

fn write(writer: &mut Writer, tree: &Tree) {
    let attributes: Vec<_> = tree.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    writer.open(&tree.name, &attributes).text(&tree.text);
    tree.children.iter().for_each(|child| write(writer, child));
    writer.close(&tree.name);
}

fn is_read(element: Element<'_, '_>, tree: &Tree) -> Result<(), TestCaseError> {
    prop_assert!(element.name().is("", &tree.name), "{:?} for {:?}", element.name(), tree.name);
    prop_assert_eq!(element.text(), carried(&tree.text));
    prop_assert_eq!(element.attributes().len(), tree.attributes.len());
    for (name, value) in &tree.attributes {
        let expected = carried(value);
        prop_assert_eq!(element.attribute("", name), Some(expected.as_str()));
    }
    prop_assert_eq!(element.children().count(), tree.children.len());
    element.children().zip(&tree.children).try_for_each(|(element, tree)| is_read(element, tree))
}

proptest! {
    #![proptest_config(few(200))]

    #[test]
    fn a_tree_that_was_written_is_read_back(tree in any_tree()) {
        // The prefix of declarations is no attribute of its own.
        let is_plain = |name: &String| name != "xmlns";
        prop_assume!(tree.attributes.keys().all(is_plain));
        let mut writer = Writer::default();
        write(&mut writer, &tree);
        let text = writer.finish();
        let document = Document::read(&text, Limits::default());
        prop_assert!(document.is_ok(), "{:?}: {text}", document.err());
        is_read(document.expect("a document").root(), &tree)?;
    }

    #[test]
    fn any_text_is_a_document_or_refused(text in any_text()) {
        let _ = Document::read(&text, Limits::default());
        let _ = Document::read(&format!("<a b='{text}'>{text}</a>"), Limits::default());
    }

    #[test]
    fn base64_is_read_as_the_strict_decoder_reads_it(bytes in vec(any::<u8>(), 0..100), at in any::<Index>()) {
        let strict = STANDARD.encode(&bytes);
        let mut spaced = strict.clone();
        spaced.insert_str(at.index(strict.len() + 1), "\r\n ");
        for text in [strict, spaced, STANDARD_NO_PAD.encode(&bytes), URL_SAFE.encode(&bytes)] {
            let decoded = decode_base64(&text);
            prop_assert_eq!(decoded.as_deref(), Some(bytes.as_slice()), "{}", text);
        }
    }

    #[test]
    fn what_the_strict_decoder_accepts_is_read_so(text in "[A-Za-z0-9+/=]{0,12}") {
        if let Ok(bytes) = STANDARD.decode(&text) {
            prop_assert_eq!(decode_base64(&text), Some(bytes));
        }
    }
}

/// Parameters before they are laid out.
#[derive(Clone, Debug, PartialEq)]
enum Parameter {
    Nil,
    Text(String),
    Structure(BTreeMap<String, Parameter>),
    Array(Vec<Parameter>),
}

fn any_parameter() -> impl Strategy<Value = Parameter> {
    let text = any_text().prop_map(|text| Parameter::Text(carried(&text)));
    let leaf = prop_oneof![1 => Just(Parameter::Nil), 9 => text];
    leaf.prop_recursive(5, 30, 5, |inner| {
        prop_oneof![
            3 => btree_map("m[a-zA-Z0-9]{0,5}", inner.clone(), 1..5).prop_map(Parameter::Structure),
            1 => vec(inner.prop_filter("a nil item is none", |item| *item != Parameter::Nil), 1..4).prop_map(Parameter::Array),
        ]
    })
}

/// Lays parameters out as section 5 does, some of them as independent elements.
struct Encoded {
    independent: Vec<String>,
    choices: Vec<bool>,
}

impl Encoded {
    fn element(&mut self, name: &str, parameter: &Parameter) -> String {
        let (attributes, content) = match parameter {
            Parameter::Nil => return format!("<{name} i:nil=\"1\"/>"),
            Parameter::Text(text) => {
                let mut writer = Writer::default();
                writer.text(text);
                (" i:type=\"x:string\"".to_owned(), writer.finish())
            }
            Parameter::Structure(members) => (
                " i:type=\"x:Struct\"".to_owned(),
                members.iter().map(|(name, part)| self.element(name, part)).collect(),
            ),
            Parameter::Array(items) => {
                let content = items.iter().map(|item| self.element("item", item)).collect();
                (format!(" i:type=\"s:Array\" s:arrayType=\"x:anyType[{}]\"", items.len()), content)
            }
        };
        let number = self.independent.len();
        if !self.choices.get(number % self.choices.len().max(1)).copied().unwrap_or_default() {
            return format!("<{name}{attributes}>{content}</{name}>");
        }
        self.independent.push(format!("<multiRef id=\"id{number}\" s:root=\"0\"{attributes}>{content}</multiRef>"));
        format!("<{name} href=\"#id{number}\"/>")
    }
}

fn literal(writer: &mut Writer, name: &str, parameter: &Parameter) {
    match parameter {
        Parameter::Nil => drop(writer.open(name, &[("i:nil", "true")]).close(name)),
        Parameter::Text(text) => drop(writer.element(name, &[], text)),
        Parameter::Structure(members) => {
            writer.open(name, &[]);
            members.iter().for_each(|(name, part)| literal(writer, name, part));
            writer.close(name);
        }
        Parameter::Array(items) => {
            writer.open(name, &[]);
            items.iter().for_each(|item| literal(writer, "item", item));
            writer.close(name);
        }
    }
}

fn parameter(value: Option<Value<'_>>) -> Parameter {
    let Some(value) = value else { return Parameter::Nil };
    if let Some(items) = value.items().expect("items") {
        return Parameter::Array(items.into_iter().map(|item| parameter(Some(item))).collect());
    }
    if !value.is_structure() {
        return Parameter::Text(value.text().expect("text").into_owned());
    }
    let members = value.members().expect("members");
    for (name, _) in &members {
        value.member(name).expect("one member of that name");
    }
    Parameter::Structure(members.into_iter().map(|(name, member)| (name.into_owned(), parameter(member))).collect())
}

/// The parameter in the body's first element, and its JSON.
fn read(body: &str) -> (Parameter, Option<String>) {
    let document = Document::read(body, Limits::default()).expect("a document");
    let attachments = Attachments::default();
    let context = Context::new(document.root(), &attachments, body.len());
    let first = document.root().children().next().expect("the parameter");
    let value = context.value(first).expect("a value");
    (parameter(value), value.map(|value| to_json(value).expect("JSON")))
}

const NAMESPACES: &str = "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:x=\"http://www.w3.org/2001/XMLSchema\" \
                          xmlns:s=\"http://schemas.xmlsoap.org/soap/encoding/\"";

proptest! {
    #![proptest_config(few(200))]

    #[test]
    fn encoded_and_literal_messages_mean_the_same(given in any_parameter(), choices in vec(any::<bool>(), 1..8)) {
        let mut writer = Writer::default();
        literal(&mut writer, "p", &given);
        let literal = format!("<Body {NAMESPACES}>{}</Body>", writer.finish());
        let mut encoding = Encoded { independent: Vec::new(), choices };
        let element = encoding.element("p", &given);
        let encoded = format!("<Body {NAMESPACES}>{element}{}</Body>", encoding.independent.concat());
        let (meant, json) = read(&literal);
        prop_assert_eq!(&meant, &given, "{}", literal);
        prop_assert_eq!(read(&encoded), (meant, json), "{}", encoded);
    }
}

/// Something that happens to a record of one of two customers.
#[derive(Clone, Debug)]
enum Event {
    Insert { data: String, status: RecordStatus, due: i64 },
    Update { data: String, status: RecordStatus, due: i64 },
    UpdateStatus { from: RecordStatus, to: RecordStatus },
    Remove,
}

fn any_event() -> impl Strategy<Value = (usize, &'static str, Event)> {
    let status = || select(RecordStatus::ALL.to_vec());
    let data = || any_text();
    let event = prop_oneof![
        3 => (data(), status(), 0..1_000_i64).prop_map(|(data, status, due)| Event::Insert { data, status, due }),
        2 => (data(), status(), 0..1_000_i64).prop_map(|(data, status, due)| Event::Update { data, status, due }),
        3 => (status(), status()).prop_map(|(from, to)| Event::UpdateStatus { from, to }),
        1 => Just(Event::Remove),
    ];
    (0..2_usize, select(vec!["a", "A", "a ", "ä", "a\u{308}"]), event)
}

type Model = BTreeMap<(usize, &'static str), Record>;

/// What the event does to the model, and whether it does anything.
fn happen(
    model: &mut Model,
    customer: CustomerId,
    place: (usize, &'static str),
    event: &Event,
    now: Timestamp,
) -> bool {
    let is_free = model.get(&place).is_some_and(|record| record.status != RecordStatus::Processing);
    match event {
        Event::Insert { data, status, due } => {
            let record = Record {
                id: 0,
                customer,
                uuid: place.1.to_owned(),
                flow: FlowId(1),
                flow_version: 1,
                data: data.clone(),
                request_hash: data.clone().into_bytes(),
                status: *status,
                hold: Hold::None,
                due: Timestamp(*due),
                created: now,
                modified: now,
                started: None,
                last_run: None,
                num_runs: 0,
                attempt: 0,
                step: None,
            };
            let is_new = !model.contains_key(&place);
            model.entry(place).or_insert(record);
            is_new
        }
        Event::Update { data, status, due } => {
            if let Some(record) = model.get_mut(&place).filter(|_| is_free) {
                (record.data, record.status, record.due) = (data.clone(), *status, Timestamp(*due));
                record.modified = now;
            }
            is_free
        }
        Event::UpdateStatus { from, to } => {
            let Some(record) = model.get_mut(&place).filter(|record| record.status == *from) else { return false };
            record.status = *to;
            if *to == RecordStatus::Processing {
                record.started = record.started.or(Some(now));
                record.last_run = Some(now);
                record.num_runs += 1;
            }
            true
        }
        Event::Remove => is_free && model.remove(&place).is_some(),
    }
}

/// The same in the store.
async fn happen_in(store: &Store, customer: CustomerId, uuid: &'static str, event: Event, now: Timestamp) -> bool {
    let work = store.write(move |tx| match event {
        Event::Insert { data, status, due } => {
            let new = NewRecord {
                customer,
                uuid,
                flow: FlowId(1),
                flow_version: 1,
                data: &data,
                request_hash: data.as_bytes(),
                status,
                due: Timestamp(due),
                created: now,
            };
            record::insert(tx, &new)
        }
        Event::Update { data, status, due } => record::update(tx, customer, uuid, &data, status, Timestamp(due), now),
        Event::UpdateStatus { from, to } => record::update_status(tx, customer, uuid, from, to, now),
        Event::Remove => record::remove(tx, customer, uuid),
    });
    work.await.expect("the store works")
}

#[test]
fn the_store_does_what_a_model_in_memory_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path(), &Default::default()).expect("a store");
    let number = AtomicU64::new(0);
    let customer = || {
        let name = format!("customer {}", number.fetch_add(1, Ordering::Relaxed));
        wait(store.administer(move |tx| {
            let customer = account::insert_customer(tx, &name, name.as_bytes(), Timestamp(0))?;
            flow::insert(tx, customer, "flow", "", "{}", Timestamp(0))?;
            Ok(customer)
        }))
        .expect("a customer")
    };
    let mut runner = proptest::test_runner::TestRunner::new(few(40));
    let outcome = runner.run(&vec(any_event(), 1..40), |events| {
        let customers = [customer(), customer()];
        let mut model = Model::new();
        for (step, (whose, uuid, event)) in events.into_iter().enumerate() {
            let now = Timestamp(i64::try_from(step).expect("a number") + 1);
            let expected = happen(&mut model, customers[whose], (whose, uuid), &event, now);
            let shown = format!("{event:?}");
            let done = wait(happen_in(&store, customers[whose], uuid, event, now));
            prop_assert_eq!(done, expected, "{} of {:?}", shown, uuid);
        }
        for (whose, customer) in customers.into_iter().enumerate() {
            for uuid in ["a", "A", "a ", "ä", "a\u{308}"] {
                let found = store.peek(|tx| record::find(tx, customer, uuid)).expect("a read");
                let found = found.map(|record| Record { id: 0, ..record });
                prop_assert_eq!(found.as_ref(), model.get(&(whose, uuid)));
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

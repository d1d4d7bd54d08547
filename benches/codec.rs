//! What one call costs without HTTP: reading its envelope or its JSON, writing its reply, committing its record.
//!
//! `cargo bench --bench codec`. Figures are of this machine and this minute; only their ratios within one run mean
//! anything.

#![expect(clippy::expect_used, reason = "a measurement stops where it cannot measure")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowgate::facade::tree::{from_xml, to_xml};
use flowgate::model::flow::FlowStatus;
use flowgate::model::record::RecordStatus;
use flowgate::model::time::Timestamp;
use flowgate::operation::json;
use flowgate::soap::encoded::Context;
use flowgate::soap::envelope::Envelope;
use flowgate::soap::media::Attachments;
use flowgate::soap::reply::{Dialect, Reply, write_reply};
use flowgate::soap::version::Version;
use flowgate::store::record::{self, NewRecord};
use flowgate::store::{Options, Store, account, flow};
use flowgate::xml::Limits;
use flowgate::xml::document::Document;

/// The documented request, as one toolkit sends it.
const REQUEST: &str = include_str!("../fixtures/soap/toolkits/php-wsdl-A-insertRecord.http");
const NOW: Timestamp = Timestamp(1_768_478_400_000);

fn read(c: &mut Criterion) {
    let (_, envelope_text) = REQUEST.split_once("\r\n\r\n").or_else(|| REQUEST.split_once("\n\n")).unwrap_or_default();
    let mut group = c.benchmark_group("envelope");
    group.throughput(Throughput::Bytes(envelope_text.len() as u64));
    group.bench_function("read", |b| {
        b.iter(|| {
            let document = Document::read(black_box(envelope_text), Limits::default()).expect("a document");
            let envelope = Envelope::of(&document).expect("an envelope");
            let known = |name: &str| (name == "insertRecord").then_some("insertRecord");
            let call = envelope.call(known, |_, _| false, None).expect("a call");
            let attachments = Attachments::default();
            let context = Context::new(envelope.body, &attachments, envelope_text.len());
            let input = context.value(call.element).expect("a value").expect("an input");
            let object = input.member("DataRecordObject").expect("a member").expect("an object");
            let data = object.member("Data").expect("a member").expect("a value");
            black_box(data.text().expect("text").len())
        });
    });
    group.finish();
}

fn write(c: &mut Criterion) {
    let resource = "e30=".repeat(160);
    let fields = [
        ("Id", "created"),
        ("Code", "201"),
        ("RequestIP", "127.0.0.1"),
        ("Resource", resource.as_str()),
        ("Message", "Data Record is created successfully and it is included in the queue."),
        ("Error", "null"),
    ];
    let mut dialect = Dialect::unread(Version::V11);
    dialect.encoded = true;
    let reply =
        Reply { operation: "insertRecord", element: "insertRecordResult", type_name: "Response", fields: &fields };
    c.bench_function("reply/write", |b| b.iter(|| black_box(write_reply(&dialect, black_box(&reply)))));
}

/// A record of a few members, one of many, and one that is nothing but short values.
fn records() -> [(&'static str, String); 3] {
    let street = "x".repeat(430);
    let members: Vec<_> = (0..50).map(|n| format!("\"member_{n}\":\"value {n}\"")).collect();
    [
        ("small", format!(r#"{{"client":[{{"name":"Jane Doe","street":"{street}","postcode":"1234 AB","age":41}}]}}"#)),
        ("50 members", format!("{{{}}}", members.join(","))),
        ("90,000 values", format!(r#"{{"rows":[{}{{"a":0}}]}}"#, r#"{"a":1,"b":"x"},"#.repeat(30_000 - 1))),
    ]
}

/// What our reading of JSON adds to the library's: names that stand twice are refused, and values counted.
fn read_json(c: &mut Criterion) {
    for (name, record) in records() {
        let mut group = c.benchmark_group(format!("json, {name}"));
        group.throughput(Throughput::Bytes(record.len() as u64));
        group
            .bench_function("check", |b| b.iter(|| json::check("Data", black_box(&record), json::MOST_VALUES).is_ok()));
        group.bench_function("the library's check", |b| {
            b.iter(|| serde_json::from_str::<serde::de::IgnoredAny>(black_box(&record)).is_ok());
        });
        group
            .bench_function("parse", |b| b.iter(|| json::parse("Data", black_box(&record), json::MOST_VALUES).is_ok()));
        group.bench_function("the library's parse", |b| {
            b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&record)).is_ok());
        });
        group.finish();
    }
}

/// A record as XML and back.
fn translate(c: &mut Criterion) {
    for (name, record) in records() {
        let xml = to_xml(&record, "response").expect("XML");
        let mut group = c.benchmark_group(format!("tree, {name}"));
        group.throughput(Throughput::Bytes(record.len() as u64));
        group.bench_function("to XML", |b| b.iter(|| to_xml(black_box(&record), "response").is_ok()));
        group.bench_function("from XML", |b| {
            b.iter(|| from_xml(black_box(&xml)).map(|tree| tree.to_json(None).len()).is_ok());
        });
        group.finish();
    }
}

/// The time of one durable insertion when this many wait at once: they share a commit. And what the index costs that
/// searches by date, or by nothing, rest on.
fn commit(c: &mut Criterion) {
    for (name, has_index) in [("commit", true), ("commit without record_created", false)] {
        commit_with(c, name, has_index);
    }
}

fn commit_with(c: &mut Criterion, name: &str, has_index: bool) {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = Store::open(directory.path(), &Options::default()).expect("a store");
    let (customer, flow) = runtime
        .block_on(store.administer(move |tx| {
            let customer = account::insert_customer(tx, "Bench", b"key", NOW)?;
            let flow = flow::insert(tx, customer, "Bench", "", "{}", NOW)?;
            flow::publish(tx, customer, flow, FlowStatus::Public, NOW)?;
            if !has_index {
                tx.execute("DROP INDEX record_created", &[])?;
            }
            Ok((customer, flow))
        }))
        .expect("a customer");
    let data = format!("{{\"a\":\"{}\"}}", "x".repeat(480));
    let insert = |data: String| {
        store.write(move |tx| {
            let uuid = uuid::Uuid::now_v7().to_string();
            let new = NewRecord {
                customer,
                uuid: &uuid,
                flow,
                flow_version: 1,
                data: &data,
                request_hash: &[0; 32],
                status: RecordStatus::Waiting,
                due: NOW,
                created: NOW,
            };
            record::insert(tx, &new)
        })
    };
    let mut group = c.benchmark_group(name);
    for waiting in [1_usize, 16, 64] {
        group.throughput(Throughput::Elements(waiting as u64));
        group.bench_function(format!("{waiting} waiting"), |b| {
            let records = || vec![data.clone(); waiting];
            let all = |records: Vec<String>| {
                runtime.block_on(futures_util::future::join_all(records.into_iter().map(insert)))
            };
            b.iter_batched(records, all, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, read, write, read_json, translate, commit);
criterion_main!(benches);

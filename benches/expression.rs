//! What an expression costs beside reading the record that it is for: a mapping, a condition, a template.
//!
//! `cargo bench --bench expression`. Figures are of this machine and this minute; only their ratios within one run mean
//! anything.

#![expect(clippy::expect_used, reason = "a measurement stops where it cannot measure")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use flowgate::expression::names::Names;
use flowgate::expression::template::Template;
use flowgate::expression::{Expression, Limits};
use serde_json::{Value, json};

/// 481 bytes.
const RECORD: &str = r#"{"id":"0192f0c4-6a8e-7d3a-9c1b-2f4e5d6c7b8a","client":{"name":"Jansen","first":"Piet","age":42,"email":"piet.jansen@example.nl","address":{"street":"Dorpsstraat 12","zip":"1234 AB","city":"Utrecht","country":"NL"}},"orders":[{"sku":"A-100","qty":2,"price":12.5},{"sku":"B-200","qty":1,"price":99.95},{"sku":"C-300","qty":10,"price":0.75}],"paid":true,"tags":["new","web","newsletter"],"created":"2026-11-01T12:00:00Z","remark":"please ring twice, the dog is deaf, thanks!!!!!!!!!"}"#;

const MAPPING: &str = r#"{
    "reference": id,
    "name": client.first & " " & client.name,
    "city": $uppercase(client.address.city),
    "total": $sum(orders.(qty * price)),
    "lines": orders.{"article": sku, "amount": qty * price}
}"#;
const CONDITION: &str = "client.age >= 18 and client.address.country = 'NL'";
/// Functions on the way, which are evaluated on a stack of their own.
const FUNCTIONS: &str = "$map(orders, function($order){ $order.qty * $order.price }) ~> $sum()";

fn evaluate(c: &mut Criterion) {
    assert_eq!(RECORD.len(), 481, "the record");
    let record: Value = serde_json::from_str(RECORD).expect("a record");
    let mut names = Names::new(1_768_478_400_000, 1);
    names.insert("record", record.clone());
    let limits = Limits::default();
    let mut group = c.benchmark_group("expression");
    group.bench_function("parse the record", |b| {
        b.iter(|| serde_json::from_str::<Value>(black_box(RECORD)).expect("a record"));
    });
    let named = CONDITION.replace("client.", "$record.client.");
    for (name, source) in
        [("mapping", MAPPING), ("condition", CONDITION), ("condition on a name", &named), ("functions", FUNCTIONS)]
    {
        let expression = Expression::compile(source).expect("an expression");
        group.bench_function(name, |b| {
            b.iter(|| expression.evaluate(black_box(&record), &names, &limits).expect("a value"));
        });
    }
    let template = json!({"to": "{{ client.email }}", "text": "Dear {{ client.first }}, of {{ client.address.city }}"});
    let template = Template::compile(&template).expect("a template");
    group.bench_function("template", |b| {
        b.iter(|| template.render(black_box(&record), &names, &limits, &|_| None).expect("a value"));
    });
    for (name, source) in [("compile the mapping", MAPPING), ("compile the condition", CONDITION)] {
        group.bench_function(name, |b| b.iter(|| Expression::compile(black_box(source)).expect("an expression")));
    }
    group.finish();
}

criterion_group!(benches, evaluate);
criterion_main!(benches);

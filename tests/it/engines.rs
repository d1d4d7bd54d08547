//! Two engines for one language: what ours makes of an expression, another one that nobody of the same hand wrote makes
//! of it too. Where they are known to differ, the generator does not go; `docs/design.md` lists these places.

use flowgate::expression::names::Names;
use flowgate::expression::{Expression, Limits};
use jsonata_core::value::JValue;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::jsonata::same;

/// Input with few names, so that expressions find something.
fn input() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (-3..10_i32).prop_map(|number| json!(number)),
        select(vec![0.5, 2.25, -1.5]).prop_map(|number| json!(number)),
        select(vec!["", "a", "b", "ab", "Straße", "1", "2026-01-01"]).prop_map(|text| json!(text)),
        any::<bool>().prop_map(|truth| json!(truth)),
        Just(Value::Null),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name(), inner, 0..4).prop_map(|members| json!(members)),
        ]
    });
    btree_map(name(), value, 0..5).prop_map(|members| json!(members))
}

fn name() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
}

/// An expression of one operand.
const WITH_ONE: [&str; 25] = [
    "$split(_, 'a')",
    "$count(_)",
    "$sum(_)",
    "$max(_)",
    "$min(_)",
    "$average(_)",
    "$string(_)",
    "$length(_)",
    "$uppercase(_)",
    "$lowercase(_)",
    "$trim(_)",
    "$boolean(_)",
    "$not(_)",
    "$reverse(_)",
    "$distinct(_)",
    "$type(_)",
    "$number(_)",
    "$abs(_)",
    "$floor(_)",
    "$round(_)",
    "$sort(_)",
    "$merge(_)",
    "[_]",
    "(_)[0]",
    "-(_)",
];

/// An expression of two operands.
const WITH_TWO: [&str; 26] = [
    "[_, 1][_]",
    "(_) + (_)",
    "(_) - (_)",
    "(_) * (_)",
    "(_) & (_)",
    "(_) = (_)",
    "(_) != (_)",
    "(_) < (_)",
    "(_) >= (_)",
    "(_) and (_)",
    "(_) or (_)",
    "(_) in (_)",
    "(_).(_)",
    "[_, _]",
    "{'x': _, 'y': _}",
    "$append(_, _)",
    "$join(_, _)",
    "$contains(_, _)",
    "$substringBefore(_, _)",
    "$substringAfter(_, _)",
    "$lookup(_, _)",
    "$map(_, function($x){ [$x, _] })",
    "$filter([_, 1], function($x){ _ })",
    "($x := _; [$x, _])",
    "(_) ~> $count() + (_)",
    "_ ? _ : null",
];

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => name(),
        2 => (name(), name()).prop_map(|(one, other)| format!("{one}.{other}")),
        1 => name().prop_map(|name| format!("{name}[]")),
        1 => Just("$".to_owned()),
        1 => Just("$$".to_owned()),
        1 => Just("*".to_owned()),
        1 => Just("**".to_owned()),
        1 => (0..4_i32).prop_map(|number| number.to_string()),
        1 => select(vec!["'a'", "'ab'", "''", "true", "null", "[1..3]", "[]", "{}"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (select(WITH_ONE.to_vec()), inner.clone()).prop_map(|(form, part)| form.replacen('_', &part, 1)),
            (select(WITH_TWO.to_vec()), inner.clone(), inner).prop_map(|(form, one, other)| {
                let (first, second) = form.split_once('_').expect("two operands");
                format!("{first}{one}{}", second.replacen('_', &other, 1))
            }),
        ]
    })
}

/// What the other engine makes of it: a value, none, or no more than that it failed.
fn other(source: &str, input: &Value) -> Result<Option<Value>, String> {
    let expression = jsonata_core::Expression::compile(source).map_err(|error| error.to_string())?;
    let input = JValue::from_json_str(&input.to_string()).map_err(|error| error.to_string())?;
    let value = expression.evaluate(&input).map_err(|error| error.to_string())?;
    if value.is_undefined() {
        return Ok(None);
    }
    let text = value.to_json_string().map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(&text).ok())
}

fn ours(source: &str, input: &Value) -> Result<Option<Value>, String> {
    let expression = Expression::compile(source).map_err(|error| error.to_string())?;
    expression.evaluate(input, &Names::new(0, 0), &Limits::default()).map_err(|failure| failure.to_string())
}

/// The same cases each time: a difference that nobody has met yet is for whoever looks for one, not for whoever changes
/// something else.
#[test]
fn two_engines_agree() {
    let config = Config { cases: 4_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&(expression(), input()), |(source, input)| {
        match (ours(&source, &input), other(&source, &input)) {
            (Ok(Some(ours)), Ok(Some(other))) => {
                prop_assert!(same(&ours, &other), "{source}\n{input}\n{ours}\n{other}");
            }
            (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
            (ours, other) => prop_assert!(false, "{source}\n{input}\n{ours:?}\n{other:?}"),
        }
        Ok(())
    });
    assert_eq!(outcome.map_err(|error| error.to_string()), Ok(()));
}

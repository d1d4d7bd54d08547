//! Expressions and templates: whatever the text, they are refused, fail within their limits, or come to the same value
//! every time; and no failure tells a secret.

#![no_main]

use std::time::Duration;

use flowgate::expression::names::Names;
use flowgate::expression::template::Template;
use flowgate::expression::{Expression, Kind, Limits};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// No part of any message that is meant to be read.
const SECRET: &str = "qZ7!kW";

// The first line is the input, where it is JSON; the rest the expression, and a template.
fuzz_target!(|text: &str| {
    let (first, rest) = text.split_once('\n').unwrap_or(("", text));
    let input: Value = serde_json::from_str(first).unwrap_or_else(|_| json!({"a": [{"b": 1}, {"b": "x"}], "c": first}));
    let mut names = Names::new(1_700_000_000_000, 7);
    names.insert("record", input.clone());
    names.insert_member("steps", "one", input.clone());
    let time = Duration::from_secs(60);
    let limits =
        Limits { steps: 5_000, time, text: 1 << 16, items: 5_000, output: 1 << 16, memory: 1 << 20, depth: 100 };

    if let Ok(expression) = Expression::compile(rest) {
        let outcome = expression.evaluate(&input, &names, &limits);
        assert_eq!(outcome, expression.clone().evaluate(&input, &names, &limits), "{rest}");
        match outcome {
            Ok(Some(value)) => assert!(value.to_string().len() < 20 * limits.output, "{rest}"),
            Ok(None) => {}
            Err(failure) => assert!(failure.kind != Kind::TooLong && failure.text.len() < 2_000, "{rest}: {failure}"),
        }
    }
    for template in [json!(rest), json!({"a": [rest, "{{secret.A}}"]})] {
        let Ok(template) = Template::compile(&template) else { continue };
        let rendered = template.render(&input, &names, &limits, &|name| (name == "A").then_some(SECRET));
        if let Err(failure) = rendered {
            assert!(!failure.text.contains(SECRET), "{failure}");
        }
    }
});

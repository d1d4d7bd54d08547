//! The public test suite of JSONata, through the entry point that flows take. It lies beside the project;
//! `FLOWGATE_JSONATA_SUITE` names another place, and where that is set, the suite must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flowgate::expression::names::Names;
use flowgate::expression::{Expression, Kind, Limits};
use serde_json::Value;

use crate::xml_suite::report;

/// Cases whose expression lies in a file of its own, which the suite beside the project has not.
const ELSEWHERE: usize = 27;

/// Files that are no JSON for a strict reader: a half of a surrogate pair, which is no character.
const UNREADABLE: [&str; 2] = ["function-encodeUrl/case002", "function-encodeUrlComponent/case002"];

/// Cases with another outcome here than the suite says, told in `docs/expressions.md`: `$eval` is refused when an
/// expression is compiled.
const REFUSED: [&str; 12] = [
    "function-eval/case000 0",
    "function-eval/case001 0",
    "function-eval/case002 0",
    "function-eval/case003 0",
    "function-eval/case004 0",
    "function-eval/case005 0",
    "function-eval/case006 0",
    "function-eval/case007 0",
    "function-eval/case008 0",
    "function-eval/case008 1",
    "function-eval/case008 2",
    "function-eval/case008 3",
];

/// The same: they fail as they should, and give another code for why.
const OTHER_CODE: [&str; 1] = ["function-string/case019 0"];

fn suite() -> Option<PathBuf> {
    match std::env::var_os("FLOWGATE_JSONATA_SUITE") {
        Some(named) => Some(PathBuf::from(named)),
        None => {
            Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/jsonata")).filter(|suite| suite.exists())
        }
    }
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a directory in their order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// What became of an expression: its value, or the text of why there is none.
type Outcome = Result<Option<Value>, (Option<Kind>, String)>;

/// As much as the largest cases need; that the usual limits hold is for other tests.
const LIMITS: Limits = Limits {
    steps: 10_000_000,
    time: Duration::from_secs(600),
    depth: 1_000,
    text: 16 << 20,
    items: 10_000_000,
    output: 16 << 20,
    memory: 4 << 30,
};

fn evaluate(case: &Value, input: Option<&Value>) -> Outcome {
    let source = case["expr"].as_str().expect("an expression");
    let expression = Expression::compile(source).map_err(|error| (None, error.message().to_owned()))?;
    let mut names = Names::new(1_700_000_000_000, 1);
    for (name, value) in case["bindings"].as_object().into_iter().flatten() {
        names.insert(name, value.clone());
    }
    // Some cases say how deep they may go, and mean to go deeper.
    let depth = case["depth"].as_u64().and_then(|depth| usize::try_from(depth).ok()).unwrap_or(LIMITS.depth);
    expression
        .evaluate(input, &names, &Limits { depth, ..LIMITS })
        .map_err(|failure| (Some(failure.kind), failure.text))
}

/// Whether two values are one for JSONata, which has but one kind of number.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

/// The same with the items of an array in whatever order.
fn same_unordered(one: &Value, other: &Value) -> bool {
    let sorted = |value: &Value| {
        let mut items: Vec<_> = value.as_array().expect("an array").iter().map(Value::to_string).collect();
        items.sort();
        items
    };
    sorted(one) == sorted(other)
}

/// What is wrong with an outcome; nothing if it is what the case says.
fn complaint(case: &Value, outcome: &Outcome) -> Option<String> {
    let code = case.get("code").or_else(|| case.get("error")?.get("code")).and_then(Value::as_str);
    let right = match (outcome, code, case.get("result")) {
        (Err((kind, text)), Some(code), _) => match code {
            // What takes too much is told by its kind.
            "U1001" => matches!(kind, Some(Kind::TooDeep | Kind::TooManySteps)),
            _ => text.contains(&format!("({code}")),
        },
        (Err(_), None, _) => case.get("error").is_some(),
        (Ok(None), _, _) => case["undefinedResult"] == Value::Bool(true),
        (Ok(Some(value)), None, Some(result)) if case["unordered"] == Value::Bool(true) => {
            same_unordered(value, result)
        }
        (Ok(Some(value)), None, Some(result)) => same(value, result),
        (Ok(Some(_)), _, _) => false,
    };
    (!right).then(|| format!("{outcome:?}"))
}

#[test]
fn expressions_mean_what_the_suite_says() {
    let Some(suite) = suite() else {
        report("JSONata suite: SKIPPED, for it is not beside the project (see FLOWGATE_JSONATA_SUITE)");
        return;
    };
    let root = suite.join("test/test-suite");
    let datasets: BTreeMap<String, Value> =
        files(&root.join("datasets")).iter().map(|path| (name(path), read(path))).collect();
    let (mut passed, mut elsewhere, mut failed, mut unreadable) = (0, 0, BTreeMap::new(), Vec::new());
    for group in files(&root.join("groups")) {
        for file in files(&group).iter().filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
            let place = format!("{}/{}", name(&group), name(file));
            let text = fs::read_to_string(file).expect("a file");
            let Ok(cases) = serde_json::from_str::<Value>(&text) else {
                unreadable.push(place);
                continue;
            };
            let cases = cases.as_array().cloned().unwrap_or_else(|| vec![cases]);
            for (number, case) in cases.iter().enumerate() {
                if case.get("expr-file").is_some() {
                    elsewhere += 1;
                    continue;
                }
                let dataset = case["dataset"].as_str();
                let input = case.get("data").or_else(|| Some(&datasets[dataset?]));
                match complaint(case, &evaluate(case, input)) {
                    None => passed += 1,
                    Some(complaint) => {
                        failed.insert(format!("{place} {number}"), complaint);
                    }
                }
            }
        }
    }
    report(&format!(
        "JSONata suite: {} cases: {passed} passed, {} refused or otherwise decided, {} unreadable, {elsewhere} in files \
         of their own",
        passed + failed.len() + unreadable.len() + elsewhere,
        failed.len(),
        unreadable.len(),
    ));
    // A suite that is not there in full would pass for nothing.
    assert_eq!((passed, elsewhere), (1_644, ELSEWHERE), "{failed:#?}");
    assert_eq!(unreadable, UNREADABLE);
    let known: BTreeSet<&str> = REFUSED.into_iter().chain(OTHER_CODE).collect();
    assert_eq!(failed.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "{failed:#?}");
    assert!(REFUSED.iter().all(|case| failed[*case].contains("$eval is not available")), "{failed:#?}");
}

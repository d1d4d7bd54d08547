//! The public test suite of JSON Schema, draft 4, through the entry point that records take. It lies beside the project;
//! `FLOWGATE_SCHEMA_SUITE` names another place, and where that is set, the suite must be there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flowgate::app::rules::Rules;
use serde_json::Value;

use crate::xml_suite::report;

/// Groups whose schemas refer to documents elsewhere. We fetch nothing, so these schemas are refused when they are sent.
const REMOTE: [&str; 8] = [
    "refRemote: Location-independent identifier in remote ref",
    "refRemote: base URI change",
    "refRemote: base URI change - change folder",
    "refRemote: base URI change - change folder in subschema",
    "refRemote: fragment within remote ref",
    "refRemote: ref within remote ref",
    "refRemote: remote ref",
    "refRemote: root ref in remote ref",
];

fn suite() -> Option<PathBuf> {
    match std::env::var_os("FLOWGATE_SCHEMA_SUITE") {
        Some(named) => Some(PathBuf::from(named)),
        None => Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/suites/json-schema-draft4"))
            .filter(|suite| suite.exists()),
    }
}

/// What became of the cases of a directory.
#[derive(Default)]
struct Outcome {
    passed: usize,
    /// Groups whose schema was refused, with the refusal and how many cases they have.
    refused: BTreeMap<String, (String, usize)>,
    failed: Vec<String>,
}

impl Outcome {
    fn count(&self) -> usize {
        self.passed + self.failed.len() + self.refused.values().map(|(_, cases)| cases).sum::<usize>()
    }
}

fn run(directory: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let mut files: Vec<_> =
        fs::read_dir(directory).expect("the suite").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let groups: Value = serde_json::from_str(&fs::read_to_string(file).expect("a file")).expect("JSON");
        for group in groups.as_array().expect("groups") {
            let text = |value: &Value| value["description"].as_str().expect("a description").to_owned();
            let group_name = format!("{name}: {}", text(group));
            let cases = group["tests"].as_array().expect("cases");
            let rules = match Rules::compile(&group["schema"]) {
                Ok(rules) => rules,
                Err(error) => {
                    outcome.refused.insert(group_name, (error.message().to_owned(), cases.len()));
                    continue;
                }
            };
            for case in cases {
                let violations = rules.check(&case["data"], 20);
                match Some(violations.is_empty()) == case["valid"].as_bool() {
                    true => outcome.passed += 1,
                    false => outcome.failed.push(format!("{group_name}: {}", text(case))),
                }
            }
        }
    }
    outcome
}

#[test]
fn schemas_mean_what_the_suite_of_draft_4_says() {
    let Some(suite) = suite() else {
        report("JSON Schema suite, draft 4: SKIPPED, for it is not beside the project (see FLOWGATE_SCHEMA_SUITE)");
        return;
    };
    let tests = suite.join("tests/draft4");
    let counts = [618, 100, 219];
    let parts =
        [("required", tests.clone()), ("optional", tests.join("optional")), ("formats", tests.join("optional/format"))];
    let outcomes = parts.map(|(part, directory)| {
        let outcome = run(&directory);
        let refused: usize = outcome.refused.values().map(|(_, cases)| cases).sum();
        report(&format!(
            "JSON Schema suite, draft 4: {} {part} cases: {} passed, {refused} of schemas that are refused, {} failed",
            outcome.count(),
            outcome.passed,
            outcome.failed.len()
        ));
        outcome
    });
    // A suite that is not there in full would pass for nothing.
    assert_eq!(outcomes.each_ref().map(Outcome::count), counts);
    let [required, optional, formats] = outcomes;
    assert_eq!(required.refused.keys().collect::<Vec<_>>(), REMOTE.iter().collect::<Vec<_>>(), "refused");
    for (group, (message, _)) in &required.refused {
        assert!(message.contains("cannot fetch http://localhost:1234/"), "{group}: {message}");
    }
    // What a validator may leave out, this one does not.
    for (part, outcome) in [("required", &required), ("optional", &optional), ("formats", &formats)] {
        assert_eq!(outcome.failed, [""; 0], "{part}");
    }
    assert!(optional.refused.is_empty() && formats.refused.is_empty(), "{:?} {:?}", optional.refused, formats.refused);
}

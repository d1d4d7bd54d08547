//! The public test suite of JSON Schema, draft 4, through the entry point that records take. It lies beside the project;
//! `FLOWGATE_SCHEMA_SUITE` names another place, and where that is set, the suite must be there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flowgate::app::rules::Rules;
use serde_json::Value;

use crate::xml_suite::report;

/// Where the suite expects its remote documents to be served.
const SERVED: &str = "http://localhost:1234/";

/// Groups whose schemas refer to documents elsewhere. We fetch nothing, so these schemas are refused when they are sent,
/// and obeyed where the documents are known beforehand.
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

/// The suite's remote documents, by the addresses they are expected at.
fn remotes(suite: &Path) -> Vec<(String, Value)> {
    let root = suite.join("remotes");
    let mut documents = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("the suite's remotes") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let place = path.strip_prefix(&root).expect("a place").to_str().expect("a name").replace('\\', "/");
            documents.push((format!("{SERVED}{place}"), read(&path)));
        }
    }
    documents
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("JSON")
}

fn run(directory: &Path, known: &[(String, Value)]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut files: Vec<_> =
        fs::read_dir(directory).expect("the suite").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let groups = read(file);
        for group in groups.as_array().expect("groups") {
            let text = |value: &Value| value["description"].as_str().expect("a description").to_owned();
            let group_name = format!("{name}: {}", text(group));
            let cases = group["tests"].as_array().expect("cases");
            let rules = match Rules::compile_with(&group["schema"], known) {
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
    let remotes = remotes(&suite);
    let parts = [
        ("required", tests.clone(), remotes.as_slice(), 618),
        ("required", tests.clone(), &[], 618),
        ("optional", tests.join("optional"), &[], 100),
        ("formats", tests.join("optional/format"), &[], 219),
    ];
    let outcomes = parts.map(|(part, directory, known, count)| {
        let outcome = run(&directory, known);
        let refused: usize = outcome.refused.values().map(|(_, cases)| cases).sum();
        let remotes = if known.is_empty() { "" } else { " with the remote documents known beforehand" };
        report(&format!(
            "JSON Schema suite, draft 4: {} {part} cases{remotes}: {} passed, {refused} of schemas that are refused, {} failed",
            outcome.count(),
            outcome.passed,
            outcome.failed.len()
        ));
        // A suite that is not there in full would pass for nothing.
        assert_eq!(outcome.count(), count, "{part}");
        // What a validator may leave out, this one does not.
        assert_eq!(outcome.failed, [""; 0], "{part}");
        outcome
    });
    let [informed, required, optional, formats] = outcomes;
    assert_eq!(required.refused.keys().collect::<Vec<_>>(), REMOTE.iter().collect::<Vec<_>>(), "refused");
    for (group, (message, _)) in &required.refused {
        assert!(message.contains(&format!("cannot fetch {SERVED}")), "{group}: {message}");
    }
    for outcome in [informed, optional, formats] {
        assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    }
}

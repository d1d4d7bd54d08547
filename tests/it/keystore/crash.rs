//! A gateway that ends right before or right after any commit of a run counts once.

use flowgate::model::record::RecordStatus;
use serde_json::{Value, json};

use crate::engine::chain;
use crate::engine::edge::{at_every_edge, end_and_go_on};
use crate::process::Place;
use crate::sink::Sight;

/// Two counts, one of which goes on by what the other came to, and one of what was read between them.
fn graph() -> String {
    let step = |id: &str, fields: Value| json!({"id": id, "kind": "keystore", "fields": fields}).to_string();
    chain(&[
        &step("one", json!({"action": "increment", "keystore": "counts", "key": "one"})),
        &step("read", json!({"action": "get", "keystore": "counts", "key": "one"})),
        &step(
            "two",
            json!({"action": "increment", "keystore": "counts", "key": "two", "by": "{{ $steps.read.value }}"}),
        ),
        r#"{"id":"last","kind":"transform","fields":{"output":"{{ $steps.two.value }}"}}"#,
    ])
}

/// How many commits a run is: one for each count, and one at the end.
const EDGES: usize = 3;

/// Ends a gateway at the edge of that number, counted from 0; false if the run has no such edge.
fn ends_at(edge: &str, number: usize) -> bool {
    let place = Place::new();
    Sight::furnish(&place, &graph());
    place.succeed("keystore add --customer Testing counts");
    let (sight, points, has_ended) = end_and_go_on(&place, edge, number, EDGES);
    let count = |key: &str| place.succeed(&format!("keystore get --customer Testing counts {key}"));
    assert_eq!((count("one"), count("two")), ("1\n".to_owned(), "1\n".to_owned()), "{points}");
    let record = sight.record("r").expect("a record");
    assert_eq!((record.status, record.num_runs), (RecordStatus::Finished, 1), "{points}");
    let attempts = sight.attempts("r");
    for step in ["one", "two", "last"] {
        let done = attempts.iter().filter(|line| line.starts_with(step) && line.ends_with(" done")).count();
        assert_eq!(done, 1, "{points}: {step} in {attempts:?}");
    }
    has_ended
}

#[test]
fn a_count_is_made_once_whichever_commit_the_process_ends_at() {
    at_every_edge(EDGES, ends_at);
}

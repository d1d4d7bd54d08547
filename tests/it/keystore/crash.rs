//! A gateway that ends right before or right after any commit of a run counts once.

use flowgate::model::record::RecordStatus;
use serde_json::{Value, json};

use crate::engine::chain;
use crate::engine::edge::{insert, until};
use crate::process::{PATIENCE, Place};
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

fn is_over(sight: &Sight) -> bool {
    let ends = [RecordStatus::Finished, RecordStatus::Failed];
    sight.record("r").is_some_and(|record| ends.contains(&record.status))
}

/// Ends a gateway at the edge of that number, counted from 0; false if the run has no such edge.
fn ends_at(edge: &str, number: usize) -> bool {
    let place = Place::new();
    Sight::furnish(&place, &graph());
    place.succeed("keystore add --customer Testing counts");
    let action = if number == 0 { "return".to_owned() } else { format!("{number}*off->return") };
    let points = format!("engine::{edge}={action}");
    let mut gateway = place.serve_with(&[("FAILPOINTS", &points)], "--demo");
    insert(&gateway, "r", "{}");
    let sight = Sight::of(&place);
    let mut has_ended = false;
    until(PATIENCE, "the gateway or the run is at its end", || {
        has_ended = gateway.has_ended();
        has_ended || is_over(&sight)
    });
    // It may end right after the run's last commit.
    let has_ended = has_ended
        || edge == "after_commit" && number + 1 == EDGES && {
            gateway.hear_end();
            true
        };
    drop(gateway);
    if has_ended {
        let gateway = place.serve("--demo");
        until(PATIENCE, &points, || is_over(&sight));
        gateway.stop();
    }
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
    for edge in ["before_commit", "after_commit"] {
        let edges = (0..).take_while(|number| ends_at(edge, *number)).count();
        assert_eq!(edges, EDGES, "{edge}");
    }
}

//! The edges of commits: a gateway that ends right before or right after one goes on after its next start where the last
//! commit left the record, and the other side can tell a repeat by its key. One that is told to stop ends what it has begun.

use std::time::{Duration, Instant};

use flowgate::model::record::RecordStatus::{self, Processing, Waiting};

use crate::message::{flow, record};
use crate::process::{Gateway, PATIENCE, Place, STOP, call_request};
use crate::sink::{Sight, Sink};
use crate::soap::b64;
use crate::support::attempt;

/// The promised time from a start until what was interrupted goes on.
const RESUMED: Duration = Duration::from_secs(10);

/// Inserts a record. The gateway may end before it answers.
pub(crate) fn insert(gateway: &Gateway, uuid: &str, data: &str) {
    let data = b64(data);
    let parts = vec![record(uuid, &data), flow("Leads")];
    attempt(gateway.address, &call_request(gateway.address, ["demo-api-key", "demo-app"], "insertRecord", parts));
}

pub(crate) fn is_over(sight: &Sight, uuid: &str) -> bool {
    let ends = [RecordStatus::Finished, RecordStatus::Failed];
    sight.record(uuid).is_some_and(|record| ends.contains(&record.status))
}

/// Repeats a question until the answer is yes.
pub(crate) fn until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "after {limit:?} still not: {what}");
        std::thread::yield_now();
    }
}

/// Starts a gateway that ends at the edge of that number, counted from 0, and has it run a record `r`. Gives how the edge is
/// called, and whether the run, of so many commits, has such an edge.
pub(crate) fn end_at(place: &Place, edge: &str, number: usize, edges: usize) -> (String, bool) {
    let action = if number == 0 { "return".to_owned() } else { format!("{number}*off->return") };
    let points = format!("engine::{edge}={action}");
    let mut gateway = place.serve_with(&[("FAILPOINTS", &points)], "--demo");
    insert(&gateway, "r", "{}");
    let sight = Sight::of(place);
    let mut has_ended = false;
    until(PATIENCE, "the gateway or the run is at its end", || {
        has_ended = gateway.has_ended();
        has_ended || is_over(&sight, "r")
    });
    // It may end right after the run's last commit.
    let has_ended = has_ended
        || edge == "after_commit" && number + 1 == edges && {
            gateway.hear_end();
            true
        };
    (points, has_ended)
}

/// As [`end_at`], and another gateway brings the record's run to its end if the first one did not.
pub(crate) fn end_and_go_on(place: &Place, edge: &str, number: usize, edges: usize) -> (Sight, String, bool) {
    let (points, has_ended) = end_at(place, edge, number, edges);
    let sight = Sight::of(place);
    if has_ended {
        let gateway = place.serve("--demo");
        until(PATIENCE, &points, || is_over(&sight, "r"));
        gateway.stop();
    }
    (sight, points, has_ended)
}

/// Ends a gateway right before and right after each of a run's commits, of which there are so many.
pub(crate) fn at_every_edge(commits: usize, ends_at: impl Fn(&str, usize) -> bool) {
    for edge in ["before_commit", "after_commit"] {
        let edges = (0..).take_while(|number| ends_at(edge, *number)).count();
        assert_eq!(edges, commits, "{edge}");
    }
}

/// Ends a gateway at the edge of that number, counted from 0; false if the run has no such edge.
fn ends_at(edge: &str, number: usize) -> bool {
    let (sink, place) = (Sink::start(), Place::new());
    Sight::furnish(&place, &sink.flow());
    let (points, has_ended) = end_at(&place, edge, number, EDGES);
    let sight = Sight::of(&place);
    let what = format!("{points}: {}", std::fs::read_to_string(place.path("serve.log")).unwrap_or_default());
    if !has_ended {
        assert_eq!(sight.attempts("r"), WHOLE, "{what}");
        return false;
    }
    let (before, came) = (sight.attempts("r"), sink.keys("r"));
    drop(sight);

    let started = Instant::now();
    let gateway = place.serve("--demo");
    let sight = Sight::of(&place);
    until(RESUMED.saturating_sub(started.elapsed()), &what, || is_over(&sight, "r"));
    gateway.stop();
    assert_eq!(sight.record("r").map(|record| (record.status, record.num_runs)), Some((RecordStatus::Finished, 1)));
    let (after, keys) = (sight.attempts("r"), sink.keys("r"));
    assert_eq!(after[..before.len()], before, "{what}: what was committed stays");
    for step in ["shape", "deliver", "thank"] {
        let done = after.iter().filter(|line| line.starts_with(step) && line.ends_with(" done")).count();
        assert_eq!(done, 1, "{what}: {step} in {after:?}");
    }
    // The second commit holds what came of the delivery: only right before it has that had its effect in vain.
    let repeats = usize::from(edge == "before_commit" && number == 1);
    assert_eq!((came.len(), keys.len()), (usize::from(number > 0), 1 + repeats), "{what}");
    assert!(keys.iter().all(|key| *key == keys[0]), "{what}: {keys:?}");
    true
}

/// How many commits a run of the flow is: one before the delivery, and one at the end.
const EDGES: usize = 2;

/// What happens where nothing ends.
const WHOLE: [&str; 3] = ["shape 1 done", "deliver 1 done", "thank 1 done"];

#[test]
fn no_committed_step_runs_again_whichever_commit_the_process_ends_at() {
    at_every_edge(EDGES, ends_at);
}

const UUIDS: [&str; 6] = ["r-0", "r-1", "r-2", "r-3", "r-4", "r-5"];

/// Places of the records: status, and the step that they stand at.
fn places(sight: &Sight) -> Vec<(RecordStatus, String)> {
    UUIDS.map(|uuid| (sight.record(uuid).expect("a record").status, sight.step(uuid))).to_vec()
}

/// Starts a gateway that runs two records at once, whose records deliver twice, and waits until two are at it.
fn deliver_twice(sink: &Sink, place: &Place, drain: &str) -> Gateway {
    Sight::furnish(
        place,
        &crate::engine::chain(&[&sink.step("one", "{{ $run.uuid }}"), &sink.step("two", "{{ $record.name }}")]),
    );
    sink.shut();
    let settings = [("FLOWGATE__ENGINE__FLOW_CONCURRENCY", "2"), ("FLOWGATE__SERVER__DRAIN_TIMEOUT", drain)];
    let gateway = place.serve_with(&settings, "--demo");
    for uuid in UUIDS {
        insert(&gateway, uuid, &format!(r#"{{"name":"{uuid}"}}"#));
    }
    sink.wait_for("r-0", 1);
    sink.wait_for("r-1", 1);
    gateway
}

/// Starts the gateway again, until every record has ended.
fn finish(place: &Place, sight: &Sight) {
    let gateway = place.serve("--demo");
    until(PATIENCE, "all have ended", || UUIDS.iter().all(|uuid| is_over(sight, uuid)));
    gateway.stop();
    assert!(places(sight).iter().all(|(status, _)| *status == RecordStatus::Finished), "{:?}", places(sight));
}

#[test]
fn a_stop_lets_steps_end_and_begins_no_further_ones() {
    let (sink, place) = (Sink::start(), Place::new());
    let gateway = deliver_twice(&sink, &place, "25");
    gateway.signal("TERM");
    until(PATIENCE, "nothing is begun any more", || gateway.log().contains("The engine begins nothing new"));
    sink.open();
    assert_eq!(gateway.end_within(STOP).code(), Some(0));
    let sight = Sight::of(&place);
    let parked = |step: &str| (Waiting, step.to_owned());
    let (begun, waits) = (parked("two"), parked(""));
    assert_eq!(places(&sight), [&begun, &begun, &waits, &waits, &waits, &waits].map(Clone::clone));
    finish(&place, &sight);
    for uuid in UUIDS {
        assert_eq!(sight.attempts(uuid), ["one 1 done", "two 1 done"], "{uuid}");
        let keys = sink.keys(uuid);
        assert!(keys.len() == 2 && keys[0] != keys[1], "each step has a key of its own: {keys:?}");
    }
}

#[test]
fn a_stop_does_not_wait_for_ever_and_what_it_cut_off_is_repeated_with_the_same_key() {
    let (sink, place) = (Sink::start(), Place::new());
    let gateway = deliver_twice(&sink, &place, "1");
    gateway.signal("TERM");
    assert_eq!(gateway.end_within(STOP).code(), Some(0));
    let sight = Sight::of(&place);
    let statuses: Vec<_> = places(&sight).into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [Processing, Processing, Waiting, Waiting, Waiting, Waiting]);
    sink.open();
    finish(&place, &sight);
    for uuid in ["r-0", "r-1"] {
        assert_eq!(sight.attempts(uuid), ["one 1 interrupted", "one 2 done", "two 1 done"], "{uuid}");
        let keys = sink.keys(uuid);
        assert!(keys.len() == 3 && keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
    }
}

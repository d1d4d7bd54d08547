//! The queue's states, as a model in memory that was written after the documentation: whatever happens to records in
//! whatever order, the store holds what the model foretells.

use std::collections::BTreeMap;

use flowgate::model::flow::{FlowId, FlowStatus};
use flowgate::model::record::Hold;
use flowgate::model::record::RecordStatus::{self, Failed, Finished, Processing, Scheduled, Waiting};
use flowgate::model::time::Timestamp;
use flowgate::operation::change::{DeleteRecord, RecordUpdate, UpdateRecords};
use flowgate::operation::diagram::FlowReference;
use flowgate::operation::queue::{ChangeQueueStatus, MoveToFlow, QueueAction};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use super::{Works, chain};
use crate::properties::few;

/// The steps of both flows, one after another.
const STEPS: [&str; 4] = ["shape", "risk", "wait", "last"];
const FLOWS: [&str; 2] = ["orders", "returns"];
/// How often `risk` is tried, and how long after the first time in vain.
const ATTEMPTS: i64 = 3;
const PAUSE: i64 = 10_000;

fn graph() -> String {
    chain(&[
        r#"{"id":"shape","kind":"transform","fields":{"output":{"n":"{{ risk }}"}}}"#,
        r#"{"id":"risk","kind":"transform",
            "fields":{"expression":"$run.attempt < $record.risk ? $error(\"not yet\") : {\"after\": $run.attempt}"},
            "retry":{"attempts":3,"initial":"10s","factor":2,"jitter":0,"retry_on":["expression"]}}"#,
        r#"{"id":"wait","kind":"delay","fields":{"for":"{{ $record.wait }}"}}"#,
        r#"{"id":"last","kind":"transform","fields":{"expression":"$record.bad ? $error(\"bad\") : {\"well\": true}"}}"#,
    ])
}

/// What a record holds, and so what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Content {
    /// The attempt at `risk` that succeeds.
    risk: i64,
    /// The seconds that `wait` waits.
    wait: i64,
    /// Whether `last` fails.
    bad: bool,
}

impl Content {
    fn text(self) -> String {
        format!(r#"{{"risk":{},"wait":{},"bad":{}}}"#, self.risk, self.wait, self.bad)
    }
}

#[derive(Clone, Debug)]
enum Event {
    /// Due now, or in so many seconds.
    Insert {
        flow: usize,
        content: Content,
        after: Option<i64>,
    },
    Update {
        content: Content,
        after: Option<i64>,
    },
    Change(QueueAction),
    Move(usize),
    Delete,
    /// Pauses a flow, or lets it run.
    Flow {
        flow: usize,
        runs: bool,
    },
    /// Seconds pass.
    Pass(i64),
    Run,
}

fn any_content() -> impl Strategy<Value = Content> {
    let risk = prop_oneof![4 => Just(1_i64), 3 => 2..=ATTEMPTS, 1 => Just(9)];
    let wait = prop_oneof![2 => Just(0_i64), 1 => select(vec![5_i64, 10, 30])];
    (risk, wait, prop::bool::weighted(0.2)).prop_map(|(risk, wait, bad)| Content { risk, wait, bad })
}

fn any_event() -> impl Strategy<Value = (usize, Event)> {
    let after = || prop_oneof![2 => Just(None), 1 => select(vec![-5_i64, 0, 5, 20]).prop_map(Some)];
    let event = prop_oneof![
        5 => (0..2_usize, any_content(), after()).prop_map(|(flow, content, after)| Event::Insert { flow, content, after }),
        2 => (any_content(), after()).prop_map(|(content, after)| Event::Update { content, after }),
        8 => select(QueueAction::ALL.to_vec()).prop_map(Event::Change),
        1 => (0..2_usize).prop_map(Event::Move),
        1 => Just(Event::Delete),
        2 => (0..2_usize, any::<bool>()).prop_map(|(flow, runs)| Event::Flow { flow, runs }),
        3 => select(vec![1_i64, 5, 10, 20]).prop_map(Event::Pass),
        6 => Just(Event::Run),
    ];
    (0..3_usize, event)
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    flow: usize,
    content: Content,
    status: RecordStatus,
    hold: Hold,
    due: i64,
    runs: i64,
    /// The number of the step it stands at, once a run has begun and until it has ended well.
    step: Option<usize>,
    attempt: i64,
    /// Whether the run waits, or has waited, at the step it stands at.
    waited: bool,
}

impl Entry {
    fn waits(&self) -> bool {
        matches!(self.status, Waiting | Scheduled)
    }

    /// In the queue for that time.
    fn queue(&mut self, due: i64, now: i64) {
        self.hold = Hold::None;
        self.due = due;
        self.status = if due > now { Scheduled } else { Waiting };
    }

    fn hold(&mut self, hold: Hold) {
        self.hold = hold;
        self.status = Waiting;
    }

    fn begin_anew(&mut self) {
        (self.step, self.attempt, self.waited) = (None, 0, false);
    }

    fn change(&mut self, action: QueueAction, now: i64) -> bool {
        match action {
            QueueAction::Pause if self.waits() && self.hold == Hold::None => self.hold(Hold::Paused),
            QueueAction::Remove if self.waits() && self.hold != Hold::Removed => self.hold(Hold::Removed),
            QueueAction::Resume if self.waits() && self.hold != Hold::None => self.queue(self.due, now),
            QueueAction::Execute if self.waits() => self.queue(now, now),
            QueueAction::Execute if self.status == Failed => {
                self.begin_anew();
                self.queue(now, now);
            }
            QueueAction::Continue if self.status == Failed => {
                self.attempt = 0;
                self.queue(now, now);
            }
            _ => return false,
        }
        true
    }

    /// Goes as far as it gets.
    fn run(&mut self, now: i64) {
        if self.step.is_none() {
            self.runs += 1;
        }
        loop {
            let step = self.step.unwrap_or(0);
            self.step = Some(step);
            match STEPS.get(step).copied() {
                Some("risk") if self.attempt + 1 < self.content.risk => {
                    let tried = self.attempt + 1;
                    if tried >= ATTEMPTS {
                        self.status = Failed;
                        return;
                    }
                    self.attempt = tried;
                    return self.queue(now + (PAUSE << (tried - 1)), now);
                }
                Some("wait") if !self.waited && self.content.wait > 0 => {
                    self.waited = true;
                    return self.queue(now + self.content.wait * 1_000, now);
                }
                Some("last") if self.content.bad => {
                    self.status = Failed;
                    return;
                }
                Some(_) => (self.step, self.attempt, self.waited) = (Some(step + 1), 0, false),
                None => {
                    (self.status, self.step) = (Finished, None);
                    return;
                }
            }
        }
    }
}

/// The model of all records of a case.
struct Model {
    entries: BTreeMap<String, Entry>,
    runs: [bool; 2],
    now: i64,
}

impl Model {
    fn moment(&self, after: Option<i64>) -> i64 {
        self.now + after.unwrap_or(0) * 1_000
    }

    /// What the event does; `None` if it is nothing that could be asked for, else whether it is accepted.
    fn happen(&mut self, uuid: &str, event: &Event) -> Option<bool> {
        let now = self.now;
        match *event {
            Event::Insert { flow, content, after } => {
                if self.entries.contains_key(uuid) {
                    return None;
                }
                let mut entry = Entry {
                    flow,
                    content,
                    status: Waiting,
                    hold: Hold::None,
                    due: now,
                    runs: 0,
                    step: None,
                    attempt: 0,
                    waited: false,
                };
                entry.queue(self.moment(after), now);
                self.entries.insert(uuid.to_owned(), entry);
                Some(true)
            }
            Event::Update { content, after } => {
                let moment = self.moment(after);
                let Some(entry) = self.entries.get_mut(uuid) else { return Some(false) };
                (entry.content, entry.attempt) = (content, 0);
                // A time counts for what still waits; what is held waits for nothing but its release.
                if entry.waits() && after.is_some() {
                    match entry.hold {
                        Hold::None => entry.queue(moment, now),
                        _ => entry.due = moment,
                    }
                }
                Some(true)
            }
            Event::Change(action) => Some(self.entries.get_mut(uuid).is_some_and(|entry| entry.change(action, now))),
            Event::Move(flow) => {
                let Some(entry) = self.entries.get_mut(uuid) else { return Some(false) };
                entry.flow = flow;
                entry.begin_anew();
                entry.queue(now, now);
                Some(true)
            }
            Event::Delete => Some(self.entries.remove(uuid).is_some()),
            Event::Flow { flow, runs } => {
                let changes = self.runs[flow] != runs;
                self.runs[flow] = runs;
                changes.then_some(true)
            }
            Event::Pass(seconds) => {
                self.now += seconds * 1_000;
                Some(true)
            }
            Event::Run => {
                let runs = self.runs;
                let due = |entry: &&mut Entry| {
                    entry.waits() && entry.hold == Hold::None && entry.due <= now && runs[entry.flow]
                };
                self.entries.values_mut().filter(due).for_each(|entry| entry.run(now));
                Some(true)
            }
        }
    }
}

fn reference(flow: usize) -> FlowReference {
    FlowReference { id: None, name: Some(FLOWS[flow].to_owned()) }
}

/// The same in a gateway; whether it is accepted.
fn happen_in(works: &Works, uuid: &str, event: &Event) -> bool {
    let now = works.app.app.clock.now();
    let uuids = || vec![uuid.to_owned()];
    let time = |after: Option<i64>| after.map(|seconds| Timestamp(now.0 + seconds * 1_000).to_atom());
    match *event {
        Event::Insert { flow, content, after } => {
            works.insert_at(FLOWS[flow], uuid, &content.text(), time(after).as_deref());
            true
        }
        Event::Update { content, after } => {
            let update = RecordUpdate { uuid: uuid.to_owned(), data: content.text().into() };
            let execution_time = time(after);
            works.run(UpdateRecords { updates: vec![update], execution_time, flow: None, expected: None }).is_ok()
        }
        Event::Change(action) => works.run(ChangeQueueStatus { uuids: uuids(), action }).is_ok(),
        Event::Move(flow) => works.run(MoveToFlow { uuids: uuids(), flow: reference(flow) }).is_ok(),
        Event::Delete => works.run(DeleteRecord { uuid: uuid.to_owned(), expected: None }).is_ok(),
        Event::Flow { flow, runs } => {
            works.status(FLOWS[flow], if runs { FlowStatus::Running } else { FlowStatus::Paused });
            true
        }
        Event::Pass(seconds) => {
            works.app.app.clock.advance(seconds * 1_000);
            true
        }
        Event::Run => {
            works.app.run_due();
            true
        }
    }
}

type Seen = (usize, RecordStatus, Hold, i64, i64, Option<String>, i64);

fn foretold(entry: &Entry) -> Seen {
    let step = entry.step.map(|step| STEPS[step].to_owned());
    (entry.flow, entry.status, entry.hold, entry.due, entry.runs, step, entry.attempt)
}

fn seen(works: &Works, flows: [FlowId; 2]) -> BTreeMap<String, Seen> {
    let rows = works
        .app
        .app
        .store
        .peek(|tx| tx.query("SELECT uuid, flow, status, hold, due_at, num_runs, step, attempt FROM record", &[]));
    let mut seen = BTreeMap::new();
    for mut row in rows.expect("a read") {
        let number = |column| row.integer(column).expect("a number");
        let flow = flows.iter().position(|flow| flow.0 == number(1)).expect("a flow");
        let status = RecordStatus::from_number(number(2)).expect("a status");
        let hold = Hold::from_number(number(3)).expect("a hold");
        let (due, runs, attempt) = (number(4), number(5), number(7));
        let step = row.take_optional_text(6).expect("a step");
        seen.insert(row.take_text(0).expect("a uuid"), (flow, status, hold, due, runs, step, attempt));
    }
    seen
}

#[test]
fn records_in_the_queue_are_where_the_model_foretells() {
    let works = Works::start();
    let flows = FLOWS.map(|flow| works.publish(flow, &graph()));
    let statuses = std::cell::RefCell::new(BTreeMap::<i64, usize>::new());
    let mut case = 0;
    let mut runner = TestRunner::new(few(150));
    let cases = std::cell::RefCell::new(&mut case);
    let outcome = runner.run(&vec(any_event(), 1..60), |events| {
        let case = {
            let mut cases = cases.borrow_mut();
            **cases += 1;
            **cases
        };
        works.app.administer(|tx| tx.execute("DELETE FROM record", &[]).map(drop));
        for flow in [0, 1] {
            let runs = "UPDATE flow SET status = 'running' WHERE name = $1";
            works.app.administer(move |tx| tx.execute(runs, &[FLOWS[flow].into()]).map(drop));
        }
        let mut model = Model { entries: BTreeMap::new(), runs: [true; 2], now: works.app.app.clock.now().0 };
        for (number, (which, event)) in events.iter().enumerate() {
            let uuid = format!("{case}-{which}");
            let Some(accepted) = model.happen(&uuid, event) else { continue };
            prop_assert_eq!(happen_in(&works, &uuid, event), accepted, "event {}: {:?} of {}", number, event, uuid);
            let foretold: BTreeMap<_, _> =
                model.entries.iter().map(|(uuid, entry)| (uuid.clone(), foretold(entry))).collect();
            prop_assert_eq!(seen(&works, flows), foretold, "event {}: {:?} of {}", number, event, uuid);
            for entry in model.entries.values() {
                *statuses.borrow_mut().entry(entry.status.number()).or_default() += 1;
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // A model that never gets anywhere foretells nothing.
    for status in [Waiting, Finished, Failed, Scheduled] {
        assert!(statuses.borrow().get(&status.number()).is_some_and(|seen| *seen > 20), "{status:?} was hardly seen");
    }
    assert!(!statuses.borrow().contains_key(&Processing.number()));
}

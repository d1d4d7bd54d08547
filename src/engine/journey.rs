//! A record on its way: which step comes next, what it is given, and what follows from its outcome.
//!
//! A journey changes nothing but itself. It goes as far as it can without the outside world, and gives what has to be
//! committed before it may go further.

use std::collections::HashMap;
use std::sync::Arc;

use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::failure::{self, StepFailure};
use super::history::{Attempt, Outcome, Showing};
use super::local;
use crate::app::App;
use crate::app::fields::StoredFlow;
use crate::auth::key;
use crate::diagram::policy::{FlowError, OnError};
use crate::diagram::step::{Kind, Step};
use crate::diagram::{Diagram, Next, NoWay};
use crate::error::{Error, Result};
use crate::expression::Limits;
use crate::expression::names::Names;
use crate::model::run::Claim;
use crate::model::time::Timestamp;
use crate::operation::errand::Errand;
use crate::operation::internal::{Content, Destination};
use crate::operation::wait::REPLY;
use crate::store::{callback, run};

/// The variable that holds the outputs of the steps done.
const STEPS: &str = "steps";
/// The member of kept outputs that says at which step the record stands, and since when. Steps have no such ids.
const ENTERED: &str = ":entered";
/// The member of kept outputs that says at which step the last attempt was in vain.
const FAILED: &str = ":failed";
/// The member of kept outputs that names the step that has last written into a keystore. Its output is kept with what it wrote.
pub(super) const STORED: &str = ":stored";

/// A record that was taken up, with all that its steps may read.
pub(super) struct Journey {
    pub(super) claim: Arc<Claim>,
    pub(super) diagram: Arc<Diagram>,
    pub(super) flow: Arc<StoredFlow>,
    data: Arc<Value>,
    /// The step it stands at, and the one whose output that takes.
    step: String,
    source: Option<String>,
    attempt: i64,
    /// Since when it stands there, if that was committed.
    entered: Option<Timestamp>,
    /// Whether its last attempt at that step was in vain.
    failed: bool,
    /// Whether that step has written into a keystore, so that only the way on from it is to be found.
    stored: bool,
    names: Names,
    /// The addresses that its steps wait at, by step, as expressions see them.
    callbacks: Map<String, Value>,
    /// Those of them that were made just now, to be committed with the first segment.
    made: Vec<NewCallback>,
    /// What `$run` was last made of, since making it is most of the work of an attempt that computes little.
    named: Option<(Timestamp, i64)>,
}

/// An address that was made for a step to wait at.
pub(super) struct NewCallback {
    pub(super) step: String,
    pub(super) uri: String,
    /// As JSON text.
    pub(super) settings: String,
}

/// What has to be committed before a journey goes on, or because it is over.
pub(super) struct Segment {
    pub(super) attempts: Vec<Attempt>,
    pub(super) outputs: Outputs,
    /// Addresses that were made for steps to wait at.
    pub(super) callbacks: Vec<NewCallback>,
    /// New data of the record.
    pub(super) content: Option<Content>,
    pub(super) end: End,
}

/// The outputs of steps, in the order they came, and what else is kept beside them.
#[derive(Default)]
pub(super) struct Outputs(Vec<(String, Arc<Value>)>);

impl Outputs {
    /// Adds one, or replaces it where it stands.
    fn insert(&mut self, step: &str, output: impl Into<Arc<Value>>) {
        match self.0.iter_mut().find(|(known, _)| known == step) {
            Some((_, known)) => *known = output.into(),
            None => self.0.push((step.to_owned(), output.into())),
        }
    }
}

impl Serialize for Outputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(step, output)| (step, &**output)))
    }
}

/// Where a segment ends.
pub(super) enum End {
    /// Before a step that talks to the outside world.
    External,
    /// At the end of the run.
    Finished,
    /// The record fails, and a flow may be told.
    Failed { failure: StepFailure, told: Option<String> },
    /// It goes on later, at the same step.
    Later { due: Timestamp },
    /// It goes on at the same step once something was posted to that step's address, or at that time.
    Posted { due: Timestamp },
    /// With something to be done to a package of a keystore; it goes on at once with what that comes to.
    Errand { errand: Errand, at: Timestamp },
    /// In another flow.
    Moved { to: Destination, content: Option<Content> },
    /// Once the record of another flow has ended, which may have to be made first.
    Child(Child),
}

/// The record of another flow whose end is waited for.
pub(super) struct Child {
    pub(super) uuid: String,
    pub(super) made: Option<(Destination, Content)>,
    /// Whether it is there, has failed, and is to be resumed.
    pub(super) resumed: bool,
}

/// What a step came to.
pub(super) enum Done {
    /// A new message.
    Output(Value),
    /// The message goes on as it was.
    Pass,
    /// The same, and this is what a caller that waits is told.
    Reply(Value),
    /// The record has new data, which are the new message.
    Data(Value, Content),
    /// Something is to be done to a package of a keystore.
    Errand(Errand),
    /// That was done: its output is kept already.
    Stored,
    /// The record goes on at that time.
    Until(Timestamp),
    /// The same, or before that as soon as something is posted to the step's address.
    Listen(Timestamp),
    /// The run ends here.
    Stop { fails: bool, text: Option<String> },
    /// The record goes to another flow.
    Move { to: Destination, content: Option<Content> },
    /// The end of another record is awaited.
    Await(Child),
}

/// An attempt that was made outside of the journey.
pub(super) struct Performed {
    pub(super) at: Timestamp,
    pub(super) duration_us: u64,
    pub(super) outcome: std::result::Result<Done, StepFailure>,
}

/// What came of an errand.
pub(super) struct Ran {
    pub(super) at: Timestamp,
    pub(super) duration_us: u64,
    /// The step's output, which is kept already.
    pub(super) outcome: std::result::Result<Value, StepFailure>,
}

/// What every journey needs to know.
pub(super) struct Terms<'a> {
    pub(super) app: &'a App,
    pub(super) limits: Limits,
}

impl Terms<'_> {
    pub(super) fn of(app: &App) -> Terms<'_> {
        let settings = &app.config.engine;
        let limits = Limits { steps: settings.expression_steps, output: settings.output_limit, ..Limits::default() };
        Terms { app, limits }
    }

    fn showing<'s>(&'s self, diagram: &'s Diagram) -> Showing<'s> {
        let settings = &self.app.config.engine;
        Showing { masked: &settings.masked, also_masked: &diagram.masked, limit: settings.history_limit }
    }
}

impl Journey {
    /// Reads what the steps of a claimed record may read.
    /// # Errors
    /// `InvalidInput` if its flow's version is no diagram, or what is stored cannot be read.
    pub(super) fn resume(
        app: &App,
        claim: Arc<Claim>,
        data: Option<String>,
        diagram: Arc<Diagram>,
        flow: Arc<StoredFlow>,
    ) -> Result<Journey> {
        let text = match data {
            Some(data) => data,
            None => app.store.peek(|tx| run::data(tx, claim.record))?.unwrap_or_default(),
        };
        let data: Value = serde_json::from_str(&text).map_err(Error::internal)?;
        let mut journey = Journey {
            step: claim.step.clone(),
            source: claim.input_step.clone(),
            attempt: claim.attempt,
            names: Names::new(claim.created.0, seed(&claim, "", 0)),
            data: Arc::new(data),
            entered: None,
            failed: false,
            stored: false,
            callbacks: Map::new(),
            made: Vec::new(),
            named: None,
            claim,
            diagram,
            flow,
        };
        journey.names.insert("record", Arc::clone(&journey.data));
        journey.names.insert_empty(STEPS);
        journey.names.insert(
            "flow",
            json!({
                "id": journey.claim.flow.0, "name": journey.flow.flow.name, "version": journey.claim.flow_version,
            }),
        );
        match journey.step.is_empty() {
            false => journey.read_outputs(app)?,
            true => journey.step = journey.diagram.entry().map(|step| step.id.clone()).unwrap_or_default(),
        }
        journey.find_callbacks(app)?;
        Ok(journey)
    }

    /// Finds the addresses that the run has for its steps, and makes those that it lacks: all of them when it begins. They
    /// are committed before anything leaves, so that a step that is repeated tells the same ones.
    fn find_callbacks(&mut self, app: &App) -> Result<()> {
        let diagram = Arc::clone(&self.diagram);
        let mut waits = diagram.steps().iter().filter_map(|step| match &step.kind {
            Kind::Wait(wait) => Some((step, wait)),
            _ => None,
        });
        let Some(first) = waits.next() else { return Ok(()) };
        let (record, run) = (self.claim.record, self.claim.run);
        let known: HashMap<_, _> = app.store.peek(|tx| callback::list(tx, record, run))?.into_iter().collect();
        for (step, wait) in std::iter::once(first).chain(waits) {
            let uri = match known.get(&step.id) {
                Some(uri) => uri.clone(),
                None => {
                    let uri = key::generate_secret()?;
                    let settings = serde_json::to_string(&wait.settings).map_err(Error::internal)?;
                    self.made.push(NewCallback { step: step.id.clone(), uri: uri.clone(), settings });
                    uri
                }
            };
            let address = format!("{}/v1/webhook/{uri}", app.config.server.public_url);
            self.callbacks.insert(step.id.clone(), address.into());
        }
        Ok(())
    }

    fn read_outputs(&mut self, app: &App) -> Result<()> {
        let (record, run) = (self.claim.record, self.claim.run);
        for text in app.store.peek(|tx| run::outputs(tx, record, run))? {
            let kept: Map<String, Value> = serde_json::from_str(&text).map_err(Error::internal)?;
            for (step, output) in kept {
                match step.as_str() {
                    ENTERED => (self.entered, self.failed) = (entered(&output, &self.step), false),
                    FAILED => self.failed = output.as_str() == Some(&self.step),
                    STORED => self.stored = output.as_str() == Some(&self.step),
                    REPLY => {}
                    _ => self.names.insert_member(STEPS, &step, output),
                }
            }
        }
        Ok(())
    }

    /// Keeps the output of the step it stands at, which is what the next one takes.
    fn keep(&mut self, segment: &mut Segment, output: Value) {
        let output = Arc::new(output);
        segment.outputs.insert(&self.step, Arc::clone(&output));
        self.names.insert_member(STEPS, &self.step, output);
        self.source = Some(self.step.clone());
    }

    /// The step it stands at.
    pub(super) fn step(&self) -> Option<&Step> {
        self.diagram.step(&self.step)
    }

    /// The id of that step, and of the one whose output it takes.
    pub(super) fn position(&self) -> (&str, Option<&str>) {
        (&self.step, self.source.as_deref())
    }

    /// How often the step was tried in vain.
    pub(super) fn attempt(&self) -> i64 {
        self.attempt
    }

    /// The record's data.
    pub(super) fn data(&self) -> Arc<Value> {
        Arc::clone(&self.data)
    }

    /// What the step takes.
    pub(super) fn input(&self) -> Arc<Value> {
        match &self.source {
            None => Arc::clone(&self.data),
            Some(source) => self.names.member(STEPS, source).map_or_else(|| Arc::new(Value::Null), Arc::clone),
        }
    }

    /// What names stand for in the step's expressions; made anew for each attempt, so that it is the same if the attempt
    /// has to be made again.
    pub(super) fn names(&mut self, now: Timestamp) -> &Names {
        let since = self.entered.unwrap_or(now);
        self.names.restart(since.0, seed(&self.claim, &self.step, 0));
        if self.named != Some((since, self.attempt)) {
            self.named = Some((since, self.attempt));
            let mut run = json!({
                "uuid": self.claim.uuid,
                "run": self.claim.run,
                "attempt": self.attempt + 1,
                "started": since.to_atom(),
            });
            if let Some(members) = run.as_object_mut().filter(|_| !self.callbacks.is_empty()) {
                members.insert("callbacks".to_owned(), Value::Object(self.callbacks.clone()));
            }
            self.names.insert("run", run);
        }
        &self.names
    }

    /// Since when the record stands at the step.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        self.entered.unwrap_or(now)
    }

    /// Whether the record had come to stand at the step it stands at before it was taken up.
    pub(super) fn has_entered(&self) -> bool {
        self.entered.is_some()
    }

    /// Whether the last attempt at the step, before the record was taken up, was in vain.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether the step has written into a keystore already.
    pub(super) fn has_stored(&self) -> bool {
        self.stored
    }

    /// Takes in what came of an errand that was committed with all that came before it.
    pub(super) fn take_in(&mut self, done: Ran) -> Performed {
        let Ran { at, duration_us, outcome } = done;
        let outcome = outcome.map(|output| {
            self.names.insert_member(STEPS, &self.step, output);
            self.stored = true;
            Done::Stored
        });
        Performed { at, duration_us, outcome }
    }

    /// What came of the last attempt, after which there must be none: the process ended in it.
    pub(super) fn give_up(&mut self, at: Timestamp) -> Performed {
        self.attempt -= 1;
        Performed { at, duration_us: 0, outcome: Err(StepFailure::interrupted()) }
    }

    /// Goes on until something has to be committed. `performed` is what came of the step it stands at, if that was one
    /// that talks to the outside world.
    pub(super) fn advance(&mut self, terms: &Terms<'_>, mut performed: Option<Performed>) -> Segment {
        let mut segment = Segment {
            attempts: Vec::new(),
            outputs: Outputs::default(),
            callbacks: std::mem::take(&mut self.made),
            content: None,
            end: End::Finished,
        };
        loop {
            let diagram = Arc::clone(&self.diagram);
            let Some(step) = diagram.step(&self.step) else {
                let failure = StepFailure::lasting("diagram", format!("The flow has no step '{}'", self.step));
                segment.end = End::Failed { failure, told: None };
                return segment;
            };
            let performed = match performed.take() {
                Some(performed) => performed,
                None if step.kind.is_external() => {
                    self.enter(terms, &mut segment);
                    segment.end = End::External;
                    segment.attempts.iter().for_each(|attempt| attempt.count(&terms.app.metrics));
                    return segment;
                }
                None => local::perform(terms, self, step),
            };
            if let Some(end) = self.settle(terms, &mut segment, step, performed) {
                segment.end = end;
                segment.attempts.iter().for_each(|attempt| attempt.count(&terms.app.metrics));
                return segment;
            }
        }
    }

    /// Notes since when the record stands at the step.
    fn enter(&mut self, terms: &Terms<'_>, segment: &mut Segment) {
        if self.entered.is_none() || self.failed {
            let since = *self.entered.get_or_insert_with(|| terms.app.clock.now());
            segment.outputs.insert(ENTERED, json!({"step": self.step, "at": since.0}));
        }
    }

    /// Takes in what came of an attempt; `None` if the journey goes on at once.
    fn settle(&mut self, terms: &Terms<'_>, segment: &mut Segment, step: &Step, performed: Performed) -> Option<End> {
        let diagram = Arc::clone(&self.diagram);
        let showing = terms.showing(&diagram);
        let attempt = self.attempted(&showing, step, &performed);
        match performed.outcome {
            Ok(Done::Output(output)) => {
                segment.attempts.push(attempt.with_output(&showing, &output));
                self.leave(terms, segment, step, Some(output))
            }
            Ok(Done::Pass) => {
                segment.attempts.push(attempt);
                self.leave(terms, segment, step, None)
            }
            Ok(Done::Reply(reply)) => {
                segment.attempts.push(attempt.with_output(&showing, &reply));
                segment.outputs.insert(REPLY, reply);
                self.leave(terms, segment, step, None)
            }
            Ok(Done::Data(output, content)) => {
                segment.attempts.push(attempt.with_output(&showing, &output));
                segment.content = Some(content);
                self.data = Arc::new(output.clone());
                self.names.insert("record", Arc::clone(&self.data));
                self.leave(terms, segment, step, Some(output))
            }
            Ok(Done::Errand(errand)) => {
                self.enter(terms, segment);
                Some(End::Errand { errand, at: performed.at })
            }
            Ok(Done::Stored) => {
                let output = self.names.member(STEPS, &step.id).map_or_else(|| Arc::new(Value::Null), Arc::clone);
                segment.attempts.push(attempt.with_output(&showing, &output));
                let taken = self.source.replace(step.id.clone());
                self.go_along(terms, segment, step, taken)
            }
            Ok(Done::Until(due)) => {
                segment.attempts.push(attempt.outcome(Outcome::Waits).until(due));
                self.enter(terms, segment);
                Some(End::Later { due })
            }
            Ok(Done::Listen(due)) => {
                segment.attempts.push(attempt.outcome(Outcome::Waits).until(due));
                self.enter(terms, segment);
                Some(End::Posted { due })
            }
            Ok(Done::Await(child)) => {
                segment.attempts.push(attempt.outcome(Outcome::Waits));
                self.enter(terms, segment);
                Some(End::Child(child))
            }
            Ok(Done::Stop { fails: false, text }) => {
                let attempt = attempt.outcome(Outcome::Stopped);
                segment.attempts.push(match text {
                    Some(text) => attempt.with_output(&showing, &Value::String(text)),
                    None => attempt,
                });
                Some(End::Finished)
            }
            Ok(Done::Stop { fails: true, text }) => {
                let failure = stopped(step, text.as_deref());
                segment.attempts.push(attempt.outcome(Outcome::Stopped).with_failure(&showing, &failure));
                Some(self.end_in_failure(failure))
            }
            Ok(Done::Move { to, content }) => {
                segment.attempts.push(attempt.outcome(Outcome::Moved));
                Some(End::Moved { to, content })
            }
            Err(failure) => self.fail(terms, segment, step, failure, attempt.outcome(Outcome::Failed)),
        }
    }

    /// Begins the history of an attempt; unless it is said otherwise, the step is done.
    fn attempted(&self, showing: &Showing<'_>, step: &Step, performed: &Performed) -> Attempt {
        let attempt = Attempt::new(step, self.attempt + 1, performed.at, performed.duration_us, Outcome::Done)
            .after(self.source.as_deref());
        match self.source {
            None => attempt.with_input(showing, &self.data),
            Some(_) => attempt,
        }
    }

    /// Leaves a step which is done, with its output if it has one; an end if there is no way on.
    fn leave(&mut self, terms: &Terms<'_>, segment: &mut Segment, step: &Step, output: Option<Value>) -> Option<End> {
        let taken = self.source.clone();
        if let Some(output) = output {
            self.keep(segment, output);
        }
        self.go_along(terms, segment, step, taken)
    }

    /// Goes along an edge that leaves a step which has taken the output of `taken`. If there is none, the record stands at
    /// that step still, which takes the same once more should it be continued.
    fn go_along(
        &mut self,
        terms: &Terms<'_>,
        segment: &mut Segment,
        step: &Step,
        taken: Option<String>,
    ) -> Option<End> {
        self.attempt = 0;
        let message = self.input();
        let now = terms.app.clock.now();
        let diagram = Arc::clone(&self.diagram);
        let next = diagram.next(step, &message, self.names(now), &terms.limits);
        let failure = match next {
            Ok(Next::Step(next)) => {
                self.stand_at(&next.id);
                return None;
            }
            Ok(Next::End) => return Some(End::Finished),
            Err(NoWay::Condition(target, failure)) => {
                failure::expression(&format!("The condition of the edge to '{target}'"), &failure)
            }
            Err(NoWay::NoneHolds) => {
                StepFailure::lasting("no_way", "No condition of the edges that leave the step holds")
            }
        };
        self.source = taken;
        let showing = terms.showing(&diagram);
        let attempt = Attempt::new(step, 1, now, 0, Outcome::Failed)
            .after(self.source.as_deref())
            .with_failure(&showing, &failure);
        segment.attempts.push(attempt);
        Some(self.end_in_failure(failure))
    }

    fn stand_at(&mut self, step: &str) {
        step.clone_into(&mut self.step);
        self.entered = None;
        self.failed = false;
        self.stored = false;
        self.attempt = 0;
    }

    /// Decides what follows from a failure: another attempt, another way, or the end.
    fn fail(
        &mut self,
        terms: &Terms<'_>,
        segment: &mut Segment,
        step: &Step,
        failure: StepFailure,
        attempt: Attempt,
    ) -> Option<End> {
        let diagram = Arc::clone(&self.diagram);
        let showing = terms.showing(&diagram);
        let attempt = attempt.with_failure(&showing, &failure);
        segment.outputs.insert(FAILED, Value::String(self.step.clone()));
        if let Some(due) = self.retry_at(terms, step, &failure) {
            segment.attempts.push(attempt.outcome(Outcome::Retried).until(due));
            self.attempt += 1;
            return Some(End::Later { due });
        }
        let told = json!({"error": failure.shown(), "input": *self.input()});
        match &step.on_error {
            OnError::Continue => {
                segment.attempts.push(attempt.outcome(Outcome::Continued));
                self.leave(terms, segment, step, Some(told))
            }
            OnError::Goto(target) => {
                segment.attempts.push(attempt.outcome(Outcome::Continued));
                self.keep(segment, told);
                self.stand_at(target);
                None
            }
            OnError::Fail => {
                segment.attempts.push(attempt);
                Some(self.end_in_failure(failure))
            }
            OnError::Flow(flow) => {
                segment.attempts.push(attempt);
                Some(End::Failed { failure, told: Some(flow.clone()) })
            }
        }
    }

    fn retry_at(&self, terms: &Terms<'_>, step: &Step, failure: &StepFailure) -> Option<Timestamp> {
        let policy = step.retry.as_ref().unwrap_or(&self.diagram.retry);
        let tried = self.attempt + 1;
        if !policy.is_worth_it(&failure.kind, failure.is_final) || tried >= terms.app.config.engine.most_attempts {
            return None;
        }
        let pause = policy.pause(tried, failure.wish, chance(seed(&self.claim, &self.step, tried)))?;
        Some(Timestamp(terms.app.clock.now().0.saturating_add(pause)))
    }

    fn end_in_failure(&self, failure: StepFailure) -> End {
        let told = match &self.diagram.on_error {
            FlowError::Flow(flow) => Some(flow.clone()),
            FlowError::Usual | FlowError::Fail => None,
        };
        End::Failed { failure, told }
    }

    /// What the record holds, as JSON text.
    pub(super) fn data_text(&self) -> Result<String> {
        serde_json::to_string(&*self.data).map_err(Error::internal)
    }

    /// What an error flow is told.
    pub(super) fn report(&self, failure: &StepFailure) -> Value {
        json!({
            "error": failure.shown(),
            "step": self.step,
            "record": {"uuid": self.claim.uuid, "run": self.claim.run, "data": *self.data},
            "flow": {"id": self.claim.flow.0, "name": self.flow.flow.name, "version": self.claim.flow_version},
        })
    }

    /// What every attempt of the step carries to the outside, so that whoever gets it twice can tell. A record's number
    /// may be given again once the record is removed; its identifier with the time it was accepted is not.
    pub(super) fn token(&self) -> String {
        let Claim { customer, record, uuid, created, run, .. } = &*self.claim;
        let what = format!("{}\n{record}\n{uuid}\n{}\n{run}\n{}", customer.0, created.0, self.step);
        format!("fg_{}", key::digest(&what, 16))
    }
}

/// The failure of a run that a step ended.
fn stopped(step: &Step, text: Option<&str>) -> StepFailure {
    let text = text.map_or_else(|| format!("The step '{}' stopped the run", step.id), str::to_owned);
    StepFailure::lasting("stopped", text)
}

fn entered(kept: &Value, step: &str) -> Option<Timestamp> {
    let at = kept.get("at").and_then(Value::as_i64)?;
    (kept.get("step").and_then(Value::as_str) == Some(step)).then_some(Timestamp(at))
}

/// Chance that comes out alike whenever the same attempt is made (FNV-1a over what the attempt is of).
pub(super) fn seed(claim: &Claim, step: &str, attempt: i64) -> u64 {
    let numbers = [claim.record, claim.run, attempt].into_iter().flat_map(i64::to_be_bytes);
    numbers
        .chain(step.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A number from 0 to 1.
fn chance(seed: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept, as many as there are")]
    let share = (seed >> 11) as f64 / (1_u64 << 53) as f64;
    share
}

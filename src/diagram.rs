//! Flow diagrams: a JSON document of steps and edges, read into something that can be followed.
//!
//! A diagram that exists is sound: one step to begin with, no way back, every expression compiled. What steps do to the
//! outside world, and how a record on its way is kept, is not known here. The form of the document, with examples, is
//! in `docs/flows.md`; its JSON Schema is [`SCHEMA`].

mod parameters;
pub mod policy;
mod raw;
pub mod schedule;
pub mod step;

use std::collections::HashMap;

use serde_json::{Map, Value};

use self::policy::{FlowError, Retry};
use self::raw::{RawDiagram, RawEdge};
use self::schedule::Schedule;
use self::step::Step;
use crate::error::{Error, Result};
use crate::expression::names::Names;
use crate::expression::{Expression, Failure, Limits};

pub use self::parameters::Parameters;

/// The JSON Schema (draft 4) of a diagram's document.
pub const SCHEMA: &str = include_str!("../docs/flow.schema.json");

/// Steps that a diagram may have.
const MOST_STEPS: usize = 500;
/// Edges that a diagram may have.
const MOST_EDGES: usize = 2_000;

/// A diagram that can be followed.
#[derive(Debug)]
pub struct Diagram {
    steps: Vec<Step>,
    /// Where each step is in the list.
    places: HashMap<String, usize>,
    /// The edges that leave each step, in the order of the document.
    edges: Vec<Vec<Edge>>,
    entry: usize,
    /// Whether a step talks to somebody outside of the gateway.
    pub asks_others: bool,
    /// What callers are to send.
    pub input: Parameters,
    /// What callers get back.
    pub output: Parameters,
    /// When the flow starts a record by itself.
    pub schedule: Option<Schedule>,
    /// How many records run at once.
    pub concurrency: Concurrency,
    /// How often a step that says nothing else is tried.
    pub retry: Retry,
    /// What becomes of a record's failure.
    pub on_error: FlowError,
    /// The names of members that nobody is to read in the history, in lower case.
    pub masked: Vec<String>,
}

#[derive(Debug)]
struct Edge {
    target: usize,
    when: Option<Expression>,
}

/// How many records of a flow run at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// At most so many; absent for the engine's own limit.
    pub limit: Option<usize>,
    /// Whether one begins only when the one before it has ended.
    pub in_order: bool,
}

/// Where the way leads after a step.
#[derive(Debug)]
pub enum Next<'d> {
    /// To that step.
    Step(&'d Step),
    /// Nowhere: the run ends here.
    End,
}

/// Why no edge could be taken.
#[derive(Debug)]
pub enum NoWay {
    /// The condition of the edge to that step could not be evaluated.
    Condition(String, Failure),
    /// There are edges, and none of their conditions holds.
    NoneHolds,
}

impl Diagram {
    /// Reads a diagram's document.
    /// # Errors
    /// `InvalidInput` that names the step or edge, its field, and what was expected.
    pub fn parse(text: &str) -> Result<Diagram> {
        let document: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("The graph must be a JSON object: {error}")))?;
        Diagram::of(document)
    }

    /// The same for a document that was read as JSON before.
    /// # Errors
    /// As for [`Diagram::parse`].
    pub fn of(document: Map<String, Value>) -> Result<Diagram> {
        let raw: RawDiagram = serde_json::from_value(Value::Object(document))
            .map_err(|error| Error::invalid(format!("The graph is not a flow diagram: {error}")))?;
        if !(1..=MOST_STEPS).contains(&raw.nodes.len()) {
            return Err(Error::invalid(format!("The graph must have from 1 to {MOST_STEPS} nodes")));
        }
        if raw.edges.len() > MOST_EDGES {
            return Err(Error::invalid(format!("The graph must have at most {MOST_EDGES} edges")));
        }
        let mut places = HashMap::new();
        let mut steps = Vec::with_capacity(raw.nodes.len());
        for node in raw.nodes {
            let id = node.id.clone();
            if places.insert(id.clone(), steps.len()).is_some() {
                return Err(Error::invalid(format!("There are two nodes with the id '{id}'")));
            }
            steps.push(Step::of(node)?);
        }
        let edges = join(&steps, &places, raw.edges)?;
        let entry = check_ways(&steps, &places, &edges)?;
        let mut masked = raw.mask;
        masked.iter_mut().for_each(|name| *name = name.to_lowercase());
        Ok(Diagram {
            input: Parameters::parse("inputParameters", raw.input)?,
            output: Parameters::parse("outputParameters", raw.output)?,
            schedule: raw.schedule.map(Schedule::of).transpose()?,
            concurrency: raw.concurrency.map(Concurrency::of).transpose()?.unwrap_or_default(),
            retry: raw.retry.map(|retry| Retry::of("retry", retry)).transpose()?.unwrap_or_default(),
            on_error: raw.on_error.map(FlowError::of).transpose()?.unwrap_or_default(),
            masked,
            asks_others: steps.iter().any(|step| step.kind.is_external()),
            steps,
            places,
            edges,
            entry,
        })
    }

    /// The steps, in the order of the document.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step of that id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.get(*self.places.get(id)?)
    }

    /// The step that a run begins with.
    pub fn entry(&self) -> Option<&Step> {
        self.steps.get(self.entry)
    }

    /// Where the way leads from a step with that output: along the first edge whose condition holds or that has none.
    /// # Errors
    /// A condition that cannot be evaluated, or none that holds.
    pub fn next(
        &self,
        step: &Step,
        output: &Value,
        names: &Names,
        limits: &Limits,
    ) -> std::result::Result<Next<'_>, NoWay> {
        let edges = self.places.get(&step.id).and_then(|place| self.edges.get(*place));
        let Some(edges) = edges.filter(|edges| !edges.is_empty()) else { return Ok(Next::End) };
        for edge in edges {
            let Some(target) = self.steps.get(edge.target) else { continue };
            let holds = match &edge.when {
                None => true,
                Some(when) => match when.evaluate(output, names, limits) {
                    Ok(value) => value.as_ref().is_some_and(is_true),
                    Err(failure) => return Err(NoWay::Condition(target.id.clone(), failure)),
                },
            };
            if holds {
                return Ok(Next::Step(target));
            }
        }
        Err(NoWay::NoneHolds)
    }

    /// The ids of the steps from which that one can be reached: what it may read the outputs of.
    pub fn before(&self, id: &str) -> Vec<&str> {
        let Some(target) = self.places.get(id) else { return Vec::new() };
        let (mut found, mut open) = (vec![false; self.steps.len()], vec![*target]);
        while let Some(place) = open.pop() {
            for (source, step) in self.steps.iter().enumerate() {
                let leads = self.ways(source, step).any(|target| target == place);
                if let Some(found) = found.get_mut(source).filter(|found| leads && !**found) {
                    *found = true;
                    open.push(source);
                }
            }
        }
        self.steps.iter().zip(found).filter(|(_, found)| *found).map(|(step, _)| step.id.as_str()).collect()
    }

    fn ways<'d>(&'d self, place: usize, step: &'d Step) -> impl Iterator<Item = usize> + 'd {
        let edges = self.edges.get(place).into_iter().flatten().map(|edge| edge.target);
        edges.chain(step.on_error.target().and_then(|id| self.places.get(id)).copied())
    }
}

/// What JSONata takes for true: neither false, nor nothing, zero or empty, nor an array of such.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(is_true),
        Value::Object(members) => !members.is_empty(),
    }
}

fn join(steps: &[Step], places: &HashMap<String, usize>, raw: Vec<RawEdge>) -> Result<Vec<Vec<Edge>>> {
    let mut edges: Vec<Vec<Edge>> = steps.iter().map(|_| Vec::new()).collect();
    for edge in raw {
        let place = |end: &str, id: &str| {
            places.get(id).copied().ok_or_else(|| {
                Error::invalid(format!(
                    "The edge from '{}' to '{}': there is no node '{id}', its {end}",
                    edge.source, edge.target
                ))
            })
        };
        let (source, target) = (place("source", &edge.source)?, place("target", &edge.target)?);
        let when = edge.when.as_deref().map(Expression::compile).transpose().map_err(|error| {
            Error::invalid(format!("The edge from '{}' to '{}': when: {error}", edge.source, edge.target))
        })?;
        let Some(leaving) = edges.get_mut(source) else { continue };
        if leaving.last().is_some_and(|last| last.when.is_none()) {
            return Err(Error::invalid(format!(
                "The edge from '{}' to '{}' is never taken: an edge before it has no condition (when), and only one is \
                 taken",
                edge.source, edge.target
            )));
        }
        leaving.push(Edge { target, when });
    }
    Ok(edges)
}

/// Finds the step to begin with, and proves that every way from there comes to an end.
fn check_ways(steps: &[Step], places: &HashMap<String, usize>, edges: &[Vec<Edge>]) -> Result<usize> {
    let mut ways: Vec<Vec<usize>> = edges.iter().map(|edges| edges.iter().map(|edge| edge.target).collect()).collect();
    for ((step, ways), edges) in steps.iter().zip(&mut ways).zip(edges) {
        if step.kind.ends() && !edges.is_empty() {
            return Err(Error::invalid(format!(
                "The node '{}' is of the kind {} and has an edge that leaves it",
                step.id,
                step.kind.name()
            )));
        }
        if step.kind.branches() && edges.is_empty() {
            return Err(Error::invalid(format!(
                "The node '{}' is of the kind branch and has no edge that leaves it",
                step.id
            )));
        }
        if let Some(id) = step.on_error.target() {
            let target = places.get(id).ok_or_else(|| {
                Error::invalid(format!("The node '{}': on_error.goto: there is no node '{id}'", step.id))
            })?;
            ways.push(*target);
        }
    }
    let mut entered = vec![0_usize; steps.len()];
    for target in ways.iter().flatten() {
        if let Some(count) = entered.get_mut(*target) {
            *count += 1;
        }
    }
    let mut entries = entered.iter().enumerate().filter(|(_, count)| **count == 0).map(|(place, _)| place);
    let entry = match (entries.next(), entries.next()) {
        (Some(entry), None) => entry,
        (None, _) => return Err(Error::invalid("The graph has no node to begin with: an edge leads to each of them")),
        (Some(one), Some(other)) => {
            let id = |place: usize| steps.get(place).map_or("", |step| step.id.as_str());
            return Err(Error::invalid(format!(
                "The graph has several nodes to begin with, among them '{}' and '{}': exactly one may be without an edge \
                 that leads to it",
                id(one),
                id(other)
            )));
        }
    };
    match in_a_circle(&ways, entered, entry) {
        Some(place) => Err(Error::invalid(format!(
            "The node '{}' is part of a circle, and a flow must come to its end",
            steps.get(place).map_or("", |step| step.id.as_str())
        ))),
        None => Ok(entry),
    }
}

/// A node that is on a circle, or behind one; `None` if there is no circle.
fn in_a_circle(ways: &[Vec<usize>], mut entered: Vec<usize>, entry: usize) -> Option<usize> {
    let mut open = vec![entry];
    while let Some(place) = open.pop() {
        for target in ways.get(place).into_iter().flatten() {
            if let Some(count) = entered.get_mut(*target) {
                *count -= 1;
                if *count == 0 {
                    open.push(*target);
                }
            }
        }
    }
    entered.iter().position(|count| *count > 0)
}

impl Concurrency {
    fn of(raw: raw::RawConcurrency) -> Result<Concurrency> {
        let in_order = match raw.order.as_deref() {
            None | Some("parallel") => false,
            Some("fifo") => true,
            Some(_) => return Err(Error::invalid("concurrency.order must be fifo or parallel")),
        };
        match raw.limit {
            Some(limit) if limit == 0 || (in_order && limit > 1) => Err(Error::invalid(
                "concurrency.limit must be a whole number from 1, and not more than 1 where the order is fifo",
            )),
            limit => Ok(Concurrency { limit: if in_order { Some(1) } else { limit }, in_order }),
        }
    }
}

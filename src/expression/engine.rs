//! The JSONata engine behind its seam: what is refused, what is limited, and how its errors read here.
//! Only this file and its neighbours `meter`, `wrap` and `guard`, which bound what the library does not, name the library.

use std::collections::BTreeMap;
use std::sync::Arc;

use jlens_core::ast::{Node, NodeKind};
use jlens_core::reads::{Read, Reads};
use jlens_core::{Bindings, Options};
use serde_json::{Map, Value};

use super::guard;
use super::meter::{Budget, Meter};
use super::names::{Bound, Names};
use super::wrap::{Refused, Wrapped, wrap};
use super::{Failure, Kind, Limits};
use crate::error::{Error, Result};

/// Characters of a failure's text.
const CLIP: usize = 300;
/// Levels of an outcome; what reads JSON here goes no deeper than 128.
const DEEPEST_OUTCOME: usize = 100;
/// Bytes of stack for each step that may be taken, where functions can be chained: a chain as long as the steps allow
/// is taken apart link by link.
const STACK_PER_STEP: u64 = 1 << 10;
/// Bytes of stack such an evaluation has in any case.
const LEAST_STACK: u64 = 4 << 20;
/// Steps that such an evaluation may take at most, whatever its limits say, so that its stack remains one that can be had.
const MOST_STEPS: u64 = 1 << 20;
/// Bytes of stack for visiting all of an expression, which the library lets nest 1,000 levels deep.
const VISIT_STACK: usize = 2 << 20;

/// A compiled expression, with what is known of it before it is evaluated.
pub(super) struct Program {
    source: String,
    expression: jlens_core::Expression,
    /// How the expression's own source differs from the one that was given, if it does.
    wrapped: Option<Wrapped>,
    reads: Reads,
    makes_functions: bool,
}

impl Program {
    pub(super) fn compile(source: &str) -> Result<Program> {
        stacker::maybe_grow(VISIT_STACK, 4 * VISIT_STACK, || Program::compile_here(source))
    }

    fn compile_here(source: &str) -> Result<Program> {
        let expression = jlens_core::Expression::compile(source).map_err(|error| refusal(source, &error))?;
        let mut evaluates = None;
        expression.ast().root.walk(&mut |node| {
            if evaluates.is_none() && matches!(&node.kind, NodeKind::Variable { name } if name == "eval") {
                evaluates = Some(node.span.start);
            }
        });
        if let Some(at) = evaluates {
            return Err(invalid(source, at, "$eval is not available"));
        }
        let wrapped = wrap(expression.ast()).map_err(|Refused { at, reason }| invalid(source, at, &reason))?;
        let expression = match &wrapped {
            Some(wrapped) => {
                // What was fine before may be nested too deeply now.
                jlens_core::Expression::compile(&wrapped.source).map_err(|error| {
                    let at = error.span().and_then(|span| wrapped.origin(span.start)).unwrap_or_default();
                    invalid(source, at, &clip(&error.message()))
                })?
            }
            None => expression,
        };
        let mut makes_functions = false;
        expression.ast().root.walk(&mut |node| makes_functions |= makes_function(node));
        let reads = expression.reads();
        Ok(Program { source: source.to_owned(), expression, wrapped, reads, makes_functions })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether a path of the expression begins with that name, and goes on.
    pub(super) fn begins_a_path_with(&self, name: &str) -> bool {
        let mut begins = false;
        let root = &self.expression.ast().root;
        let mut visit = |node: &Node| {
            let NodeKind::Path { steps, .. } = &node.kind else { return };
            let first = steps.first().map(|step| &step.kind);
            begins |= steps.len() > 1 && matches!(first, Some(NodeKind::Name { name: first }) if first == name);
        };
        stacker::maybe_grow(VISIT_STACK, 4 * VISIT_STACK, || root.walk(&mut visit));
        begins
    }

    pub(super) fn evaluate(
        &self,
        input: Option<&Value>,
        names: &Names,
        left: &mut Left<'_>,
    ) -> std::result::Result<Option<Value>, Failure> {
        let budget = Arc::new(Budget::new(left.memory));
        let bindings = self.bindings(names, left.limits, &budget);
        let steps = left.steps.min(self.most_steps());
        let mut meter = Meter::new(&budget);
        let options = Options::new()
            .now(names.now())
            .seed(names.seed())
            .max_steps(steps)
            .timeout(left.limits.time)
            .max_depth(left.limits.depth)
            .max_string_length(left.limits.text)
            .max_array_length(left.limits.items)
            .max_result_size(left.limits.output)
            .cancel_token(budget.token());
        let mut evaluate = || self.expression.evaluate_traced(input, &bindings, &options, &mut meter);
        let outcome = match self.makes_functions {
            true => stacker::grow(stack(steps), evaluate),
            false => evaluate(),
        };
        left.steps = left.steps.saturating_sub(meter.steps());
        left.memory = budget.left();
        let value = outcome.map_err(|error| self.failure(&error, left.limits))?;
        // What is too much at the very end, no further part is left to notice.
        if left.memory == 0 {
            return Err(too_much(left.limits));
        }
        if let Some(value) = &value {
            left.spend_output(size(value)?)?;
        }
        Ok(value)
    }

    fn most_steps(&self) -> u64 {
        if self.makes_functions { MOST_STEPS } else { u64::MAX }
    }

    /// What the expression reads of the names, and no more.
    fn bindings(&self, names: &Names, limits: &Limits, budget: &Arc<Budget>) -> Bindings {
        let functions = match &self.wrapped {
            Some(_) => guard::bindings(Bindings::new(), limits.text, budget),
            None => Bindings::new(),
        };
        names.bound().fold(functions, |bindings, (name, bound)| match self.reads.binding(name) {
            Some(read) => bindings.var(name, cut(read, bound)),
            None if self.reads.every_binding() => bindings.var(name, bound.whole()),
            None => bindings,
        })
    }

    /// Where in the source as it was given something is, if it is there.
    fn place(&self, at: usize) -> Option<String> {
        let at = match &self.wrapped {
            Some(wrapped) => wrapped.origin(at)?,
            None => at,
        };
        Some(place(&self.source, at))
    }

    fn failure(&self, error: &jlens_core::Error, limits: &Limits) -> Failure {
        let message = guard::as_known(clip(&error.message()));
        let place = error.span().and_then(|span| self.place(span.start));
        let (kind, text) = match error.code() {
            "U1006" => {
                let most = limits.steps.min(self.most_steps());
                (Kind::TooManySteps, format!("The expression takes more than {most} steps"))
            }
            "D1012" => {
                (Kind::TooLong, format!("The expression takes longer than {} seconds", limits.time.as_secs_f64()))
            }
            "D1011" => (Kind::TooDeep, format!("The expression goes deeper than {} levels", limits.depth)),
            "U1003" => return too_much(limits),
            "U1001" if message.contains("nested more than") => (Kind::TooDeep, message),
            "U1001" => (Kind::TooLarge, message),
            code => {
                let kind = if matches!(code, "D2014" | "D2015" | "D2016") { Kind::TooLarge } else { Kind::Expression };
                let place = place.map_or_else(String::new, |place| format!(", {place}"));
                return Failure { text: format!("{message} ({code}{place})"), kind };
            }
        };
        let text = match place {
            Some(place) => format!("{text} ({place})"),
            None => text,
        };
        Failure { text, kind }
    }
}

/// What is left of the limits for the expressions that share them.
pub(super) struct Left<'l> {
    limits: &'l Limits,
    steps: u64,
    memory: usize,
    output: usize,
}

impl<'l> Left<'l> {
    /// All of them.
    pub(super) fn of(limits: &'l Limits) -> Left<'l> {
        Left { limits, steps: limits.steps, memory: limits.memory, output: limits.output }
    }

    /// Takes as many bytes of the outcome.
    pub(super) fn spend_output(&mut self, bytes: usize) -> std::result::Result<(), Failure> {
        self.output = self.output.checked_sub(bytes).ok_or_else(|| Failure {
            text: format!("The outcome would be larger than {} bytes", self.limits.output),
            kind: Kind::TooLarge,
        })?;
        Ok(())
    }
}

/// Why a source is none that can be evaluated.
fn refusal(source: &str, error: &jlens_core::Error) -> Error {
    let at = error.span().map_or(source.len(), |span| span.start);
    invalid(source, at, &format!("{} ({})", clip(&error.message()), error.code()))
}

fn invalid(source: &str, at: usize, reason: &str) -> Error {
    Error::invalid(format!("The expression is not valid at {}: {reason}", place(source, at)))
}

fn too_much(limits: &Limits) -> Failure {
    Failure { text: format!("The expression puts together more than {} bytes", limits.memory), kind: Kind::TooLarge }
}

/// Bytes of a value as JSON, about; fails if it is nested more deeply than a reader would take it.
fn size(value: &Value) -> std::result::Result<usize, Failure> {
    let mut bytes = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        if depth > DEEPEST_OUTCOME {
            let text = format!("The outcome is nested deeper than {DEEPEST_OUTCOME} levels");
            return Err(Failure { text, kind: Kind::TooDeep });
        }
        bytes += match value {
            Value::String(text) => text.len() + 2,
            Value::Array(items) => {
                open.extend(items.iter().map(|item| (item, depth + 1)));
                items.len() + 2
            }
            Value::Object(members) => {
                open.extend(members.values().map(|member| (member, depth + 1)));
                members.keys().map(|name| name.len() + 4).sum::<usize>() + 2
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 5,
        };
    }
    Ok(bytes)
}

/// Bytes of stack for an evaluation that makes functions.
fn stack(steps: u64) -> usize {
    usize::try_from(steps.saturating_mul(STACK_PER_STEP).max(LEAST_STACK)).unwrap_or(usize::MAX)
}

/// Whether a part of an expression makes functions, which can be chained without end.
fn makes_function(node: &Node) -> bool {
    matches!(
        node.kind,
        NodeKind::Lambda(_) | NodeKind::Partial { .. } | NodeKind::Apply { .. } | NodeKind::Transform(_)
    )
}

/// A copy of what is read.
fn cut(read: &Read, bound: &Bound) -> Value {
    match (bound, read.fields()) {
        (_, None) => bound.whole(),
        (Bound::Value(value), Some(_)) => read.cut(value),
        (Bound::Members(members), Some(fields)) => Value::Object(members_read(members, fields)),
    }
}

fn members_read(members: &[(String, Arc<Value>)], fields: &BTreeMap<String, Read>) -> Map<String, Value> {
    let read = members.iter().filter_map(|(name, value)| Some((name.clone(), fields.get(name)?.cut(value))));
    read.collect()
}

/// Where in the source a byte is, as an author counts: lines and characters from 1.
fn place(source: &str, at: usize) -> String {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = source.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(CLIP) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

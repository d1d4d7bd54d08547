//! How much an evaluation puts together, counted as it goes, so that many texts of moderate length are as bounded as
//! a single long one. What is read of the input and not changed does not count.

use std::sync::atomic::{AtomicUsize, Ordering};

use jlens_core::CancelToken;
use jlens_core::ast::{Node, NodeKind};
use jlens_core::audit::{CaptureLimits, Outcome, Tracer, ValueRef};
use serde_json::Value;

/// Bytes that a part of an expression takes whatever it evaluates to.
const PART: usize = 32;
/// Bytes of an item of an array, without what the item itself takes.
const ITEM: usize = 64;
/// Bytes of an object, and of each of its members.
const MEMBER: usize = 128;
/// Bytes of a small object or array that a function has put into an array, such as what `$match` tells of a match.
const MADE_ITEM: usize = 1_024;
/// Shows of an array how many items it has more than one, of an object how many members, and of both next to nothing else.
const COUNT: CaptureLimits =
    CaptureLimits { max_items: 1, max_string: 1, max_depth: 1, max_rejected: 0, max_nodes: 0, max_source: 0 };
/// What stands for an object or an array that is not shown.
const HIDDEN: &str = "…";

/// What is left to be put together. Once nothing is, the evaluation stops.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
    token: CancelToken,
}

impl Budget {
    /// That many bytes.
    pub(super) fn new(most: usize) -> Budget {
        Budget { left: AtomicUsize::new(most), token: CancelToken::new() }
    }

    pub(super) fn spend(&self, bytes: usize) {
        // One evaluation is the work of one thread.
        let left = self.left().saturating_sub(bytes);
        self.left.store(left, Ordering::Relaxed);
        if left == 0 {
            self.token.cancel();
        }
    }

    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// What stops the evaluation.
    pub(super) fn token(&self) -> CancelToken {
        self.token.clone()
    }
}

/// Counts what each part of the expression has made.
pub(super) struct Meter<'b> {
    budget: &'b Budget,
    steps: u64,
}

impl<'b> Meter<'b> {
    pub(super) fn new(budget: &'b Budget) -> Meter<'b> {
        Meter { budget, steps: 0 }
    }

    /// The steps the evaluation took.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }
}

impl Tracer for Meter<'_> {
    fn steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    fn exit(&mut self, node: &Node, outcome: Outcome<'_>) {
        if let Outcome::Value(value) = outcome {
            self.budget.spend(PART + made(node, value));
        }
    }
}

/// Bytes of what the part of the expression has made; 0 for what was there before.
fn made(node: &Node, value: ValueRef<'_>) -> usize {
    match &node.kind {
        NodeKind::String { value } => value.len(),
        NodeKind::Name { .. }
        | NodeKind::Variable { .. }
        | NodeKind::Number { .. }
        | NodeKind::Bool { .. }
        | NodeKind::Null
        | NodeKind::Bind { .. }
        | NodeKind::Block { .. }
        | NodeKind::Condition { .. }
        | NodeKind::Fallback { .. } => 0,
        NodeKind::Function { .. } | NodeKind::Apply { .. } => size(value, MADE_ITEM),
        _ => size(value, ITEM),
    }
}

/// Bytes of a value that was put together, where an array of objects takes as many for each as told.
fn size(value: ValueRef<'_>, object: usize) -> usize {
    match value.type_name() {
        "string" => value.to_json().as_ref().and_then(Value::as_str).map_or(0, str::len),
        "array" => {
            let shown = value.capture(&COUNT).unwrap_or_default();
            let holds_objects = shown.get(0).and_then(Value::as_str) == Some(HIDDEN);
            let more = shown.get(1).and_then(Value::as_str).map_or(0, more);
            (more + 1).saturating_mul(if holds_objects { object } else { ITEM })
        }
        "object" => {
            let shown = value.capture(&COUNT).unwrap_or_default();
            let more = shown.get(HIDDEN).and_then(Value::as_str).map_or(0, more);
            (more + 2).saturating_mul(MEMBER)
        }
        _ => 0,
    }
}

/// How many there are beyond those that are shown. The library tells it in words only: `… 12 more`, or `12 more`.
fn more(words: &str) -> usize {
    words.split(' ').find_map(|word| word.parse().ok()).unwrap_or(0)
}

//! How much an evaluation puts together, counted as it goes, so that many texts of moderate length are as bounded as
//! a single long one. What is read of the input and not changed does not count.

use jlens_core::CancelToken;
use jlens_core::ast::{Node, NodeKind};
use jlens_core::audit::{CaptureLimits, Outcome, Tracer, ValueRef};
use serde_json::Value;

/// Bytes that a part of an expression takes whatever it evaluates to.
const PART: usize = 32;
/// Bytes of an item of an array, without what the item itself takes.
const ITEM: usize = 64;
/// Shows of an array how many items it has, and nothing of them.
const COUNT: CaptureLimits =
    CaptureLimits { max_items: 0, max_string: 0, max_depth: 1, max_rejected: 0, max_nodes: 0, max_source: 0 };

/// Counts, and stops the evaluation once there is too much.
pub(super) struct Meter {
    left: usize,
    steps: u64,
    token: CancelToken,
}

impl Meter {
    /// Stops at the first part after that many bytes.
    pub(super) fn new(most: usize) -> Meter {
        Meter { left: most, steps: 0, token: CancelToken::new() }
    }

    /// The steps the evaluation took.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The bytes it left.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// What stops the evaluation.
    pub(super) fn token(&self) -> CancelToken {
        self.token.clone()
    }
}

impl Tracer for Meter {
    fn steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    fn exit(&mut self, node: &Node, outcome: Outcome<'_>) {
        let Outcome::Value(value) = outcome else { return };
        self.left = self.left.saturating_sub(PART + made(node, value));
        if self.left == 0 {
            self.token.cancel();
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
        _ => match value.type_name() {
            "string" => value.to_json().as_ref().and_then(Value::as_str).map_or(0, str::len),
            "array" => items(value).saturating_mul(ITEM),
            _ => 0,
        },
    }
}

/// How many items an array has. The library tells it in words only, `… 12 more`.
fn items(value: ValueRef<'_>) -> usize {
    let shown = value.capture(&COUNT);
    let words = shown.as_ref().and_then(|shown| shown.get(0)).and_then(Value::as_str);
    words.and_then(|words| words.split(' ').nth(1)).and_then(|count| count.parse().ok()).unwrap_or(0)
}

//! The language of flows: JSONata over JSON, compiled once and evaluated within limits, and templates that hold it.
//! What a value means, who may write an expression and when it is evaluated is not known here.

mod engine;
mod guard;
mod meter;
pub mod names;
pub mod template;
mod wrap;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use self::engine::{Left, Program};
use self::names::Names;
use crate::error::{Error, Result};

/// Bytes of one expression's source.
pub const LONGEST_SOURCE: usize = 64 << 10;

/// A compiled expression; a clone shares it.
#[derive(Clone)]
pub struct Expression(Arc<Program>);

impl Expression {
    /// Compiles JSONata.
    /// # Errors
    /// The source is no JSONata, longer than [`LONGEST_SOURCE`], nested too deeply, or asks for `$eval`. The message
    /// names the place, by line and column, and what was expected there.
    pub fn compile(source: &str) -> Result<Expression> {
        if source.len() > LONGEST_SOURCE {
            return Err(Error::invalid(format!("An expression must not be longer than {LONGEST_SOURCE} bytes")));
        }
        Program::compile(source).map(|program| Expression(Arc::new(program)))
    }

    /// The source as it was given.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// The value for an input, `None` if the expression has none for it (which is not null). There may be no input
    /// either, and then `$` has no value.
    ///
    /// The same expression, input, names and limits have the same outcome whenever and wherever they are evaluated,
    /// unless the time of the limits runs out.
    /// # Errors
    /// The expression does not suit the input, or takes more than the limits allow.
    pub fn evaluate<'i>(
        &self,
        input: impl Into<Option<&'i Value>>,
        names: &Names,
        limits: &Limits,
    ) -> std::result::Result<Option<Value>, Failure> {
        self.0.evaluate(input.into(), names, &mut Left::of(limits))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}

/// What one evaluation may take.
///
/// The steps decide: they are counted alike on every machine. The time is there for what the count does not see, and
/// should be so long that a busy machine never comes near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Parts of the expression evaluated and functions called; 1,024 steps of a regular expression count as one. An
    /// expression that makes functions gets 1,048,576 at most.
    pub steps: u64,
    /// The time it may take.
    pub time: Duration,
    /// Levels of nested calls and parts.
    pub depth: usize,
    /// Bytes of one text that is put together.
    pub text: usize,
    /// Items of one array that is put together.
    pub items: usize,
    /// Bytes of the outcome, written as JSON, about.
    pub output: usize,
    /// Bytes of all that is put together on the way, whether or not it is still needed.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            steps: 200_000,
            time: Duration::from_secs(30),
            depth: 250,
            text: 1 << 20,
            items: 100_000,
            output: 8 << 20,
            memory: 64 << 20,
        }
    }
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A sentence for whoever wrote the expression, with the place where one is known, without a full stop. It may
    /// quote the input.
    pub text: String,
    /// What kind of failure it is.
    pub kind: Kind,
}

/// What an evaluation failed of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The expression does not suit its input, or says itself that it fails.
    Expression,
    /// More steps than [`Limits::steps`].
    TooManySteps,
    /// More time than [`Limits::time`].
    TooLong,
    /// Deeper than [`Limits::depth`], or a value nested deeper than JSON may be here.
    TooDeep,
    /// A text, an array, the outcome, or all that was put together is larger than the limits allow.
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

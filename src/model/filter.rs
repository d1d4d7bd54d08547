//! The search language of tables and keystores (document 003, Tables and Keystore): conditions on fields, read from JSON
//! and decided by one evaluator. Where the fields' values come from, and which of them an index knows, is not known here.
//!
//! A condition is `{"condition": "AND", "rules": […]}`; each rule is `{"field", "operator", "value"}` or a condition again.
//! Both nouns take all operators, in any case (contradiction C19):
//!
//! | Operator | True if the field |
//! |---|---|
//! | `=`, `!=` or `<>` | is the value, or is not |
//! | `<` `<=` `>` `>=` (or `=>`) | comes before or after the value |
//! | `between` `not_between` | is within the two values, both of them included |
//! | `in` `not_in` | is one of the values |
//! | `LIKE` | has that form: `%` is any text, `_` one character, `\` makes the next character itself |
//! | `begins_with` `ends_with` `contains`, each with `not_` | has that text there |
//! | `is_empty` `is_not_empty` | is absent, null or `""` |
//!
//! * **Order and equality.** Two numbers are compared as numbers, exactly: an integer is never rounded to compare it with a
//!   fraction. A text that is written like a JSON number counts as one where the other side is a number too (`"25"` is `25`
//!   and `25.0`), unless the field is declared to be text ([`Rule::as_text`]). All else is compared as text: equal if it is
//!   the same, character by character; ordered by lower case, and among those that are the same in lower case by their
//!   characters' numbers. A boolean's text is `true` or `false`.
//! * **Likeness.** `LIKE` and the operators on parts of texts look at a value's text, and do not tell upper case from lower:
//!   each character counts as its simple lower case in Unicode.
//! * **What is not there.** A field that is absent or null is not equal to anything, comes before and after nothing and
//!   has no parts. So the positive operators are false for it, and the negative ones (`!=`, `<>` and all `not_…`) true.
//! * **Limits.** [`DEEPEST`], [`MOST_RULES`], [`MOST_VALUES`], [`LONGEST_PATTERN`].

mod evaluate;
mod read;
mod scalar;

pub use self::evaluate::{begins, compare, fold};
pub use self::scalar::Scalar;

/// Conditions within each other.
pub const DEEPEST: usize = 8;
/// Rules of a search, together.
pub const MOST_RULES: usize = 100;
/// Values that the lists of one search hold together.
pub const MOST_VALUES: usize = 1_000;
/// Characters of a pattern for `LIKE`; how long matching takes grows with them.
pub const LONGEST_PATTERN: usize = 1_000;

/// What a search asks for. Fields are names when it is read; [`Condition::try_map`] makes of them what they stand for.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition<F = String> {
    /// All of these; with none, everything.
    All(Vec<Condition<F>>),
    /// At least one of these.
    Any(Vec<Condition<F>>),
    /// This.
    Rule(Rule<F>),
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule<F> {
    /// Where it stands in the request, such as `where.rules[1]`, for messages.
    pub place: String,
    /// What it is about.
    pub field: F,
    /// What is asked.
    pub test: Test,
    /// Whether the opposite is asked.
    pub is_negated: bool,
    /// Whether the field is text, so that its digits are no number.
    pub as_text: bool,
}

/// What a rule asks, without its negation.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is the value.
    Equal(Scalar<'static>),
    /// It comes before the value.
    Less(Scalar<'static>),
    /// It comes before the value, or is it.
    AtMost(Scalar<'static>),
    /// It comes after the value.
    Greater(Scalar<'static>),
    /// It comes after the value, or is it.
    AtLeast(Scalar<'static>),
    /// It is neither before the one nor after the other.
    Between(Scalar<'static>, Scalar<'static>),
    /// It is one of these.
    In(Vec<Scalar<'static>>),
    /// Its text has this form.
    Like(Pattern),
    /// Its text begins so; in lower case, as [`fold`] makes it.
    Begins(String),
    /// Its text ends so, in lower case.
    Ends(String),
    /// Its text has this in it, in lower case.
    Contains(String),
    /// It is absent, null or `""`.
    Empty,
}

/// What `LIKE` compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// `%`.
    Any,
    /// `_`.
    One,
    /// This character, in lower case.
    This(char),
}

impl<F> Condition<F> {
    /// Whether nothing is asked, so that everything satisfies it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Condition::All(rules) if rules.is_empty())
    }

    /// The same with each rule made into another, such as one whose field is a column and whose values are of its kind.
    ///
    /// # Errors
    ///
    /// The first that `make` gives.
    pub fn try_map<G, E>(self, make: &mut impl FnMut(Rule<F>) -> Result<Rule<G>, E>) -> Result<Condition<G>, E> {
        Ok(match self {
            Condition::All(rules) => Condition::All(try_map_each(rules, make)?),
            Condition::Any(rules) => Condition::Any(try_map_each(rules, make)?),
            Condition::Rule(rule) => Condition::Rule(make(rule)?),
        })
    }
}

fn try_map_each<F, G, E>(
    rules: Vec<Condition<F>>,
    make: &mut impl FnMut(Rule<F>) -> Result<Rule<G>, E>,
) -> Result<Vec<Condition<G>>, E> {
    rules.into_iter().map(|rule| rule.try_map(make)).collect()
}

impl Test {
    /// The same with each value that the field is compared with made into another. The texts of the operators on parts
    /// of texts stay as they are: they need not look like a value.
    ///
    /// # Errors
    ///
    /// The first that `make` gives.
    pub fn try_map<E>(self, make: &mut impl FnMut(Scalar<'static>) -> Result<Scalar<'static>, E>) -> Result<Test, E> {
        Ok(match self {
            Test::Equal(value) => Test::Equal(make(value)?),
            Test::Less(value) => Test::Less(make(value)?),
            Test::AtMost(value) => Test::AtMost(make(value)?),
            Test::Greater(value) => Test::Greater(make(value)?),
            Test::AtLeast(value) => Test::AtLeast(make(value)?),
            Test::Between(from, to) => Test::Between(make(from)?, make(to)?),
            Test::In(values) => Test::In(values.into_iter().map(make).collect::<Result<_, E>>()?),
            other @ (Test::Like(_) | Test::Begins(_) | Test::Ends(_) | Test::Contains(_) | Test::Empty) => other,
        })
    }
}

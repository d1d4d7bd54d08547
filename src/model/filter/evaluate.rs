//! Deciding whether what a search asks for is so. Every index must come to the same decisions as this.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::model::filter::{Condition, Pattern, Piece, Rule, Scalar, Test};

impl<F> Condition<F> {
    /// Whether something whose fields have these values satisfies it.
    pub fn matches<'v>(&self, lookup: &mut dyn FnMut(&F) -> Scalar<'v>) -> bool {
        match self {
            Condition::All(rules) => rules.iter().all(|rule| rule.matches(lookup)),
            Condition::Any(rules) => rules.iter().any(|rule| rule.matches(lookup)),
            Condition::Rule(rule) => rule.matches(&lookup(&rule.field)),
        }
    }
}

impl<F> Rule<F> {
    /// Whether a field with this value satisfies it.
    pub fn matches(&self, value: &Scalar<'_>) -> bool {
        self.is_satisfied(value) != self.is_negated
    }

    fn is_satisfied(&self, value: &Scalar<'_>) -> bool {
        let is = |other: &Scalar<'_>, wanted: fn(Ordering) -> bool| wanted(compare(value, other, self.as_text));
        match &self.test {
            Test::Empty => value.is_empty(),
            _ if *value == Scalar::Null => false,
            Test::Equal(other) => is(other, Ordering::is_eq),
            Test::Less(other) => is(other, Ordering::is_lt),
            Test::AtMost(other) => is(other, Ordering::is_le),
            Test::Greater(other) => is(other, Ordering::is_gt),
            Test::AtLeast(other) => is(other, Ordering::is_ge),
            Test::Between(from, to) => is(from, Ordering::is_ge) && is(to, Ordering::is_le),
            Test::In(others) => others.iter().any(|other| is(other, Ordering::is_eq)),
            Test::Like(pattern) => pattern.matches(&value.to_text()),
            Test::Begins(start) => begins(&value.to_text(), start),
            Test::Ends(end) => fold(&value.to_text()).ends_with(end),
            Test::Contains(part) => fold(&value.to_text()).contains(part),
        }
    }
}

/// The order of two values that are not null: that of their numbers, if both are numbers and the field is not text, else
/// that of their texts.
pub fn compare(one: &Scalar<'_>, other: &Scalar<'_>, as_text: bool) -> Ordering {
    let numbers = if as_text { None } else { one.compare_numbers(other) };
    numbers.unwrap_or_else(|| compare_texts(&one.to_text(), &other.to_text()))
}

fn compare_texts(one: &str, other: &str) -> Ordering {
    one.chars().map(lower).cmp(other.chars().map(lower)).then_with(|| one.cmp(other))
}

/// The text in lower case, character by character, so that a part's lower case is a part of the whole's.
pub fn fold(text: &str) -> Cow<'_, str> {
    match text.chars().all(|c| lower(c) == c) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().map(lower).collect()),
    }
}

/// Whether the text in lower case begins with what is in lower case already.
pub fn begins(text: &str, start: &str) -> bool {
    let mut lowered = text.chars().map(lower);
    start.chars().all(|wanted| lowered.next() == Some(wanted))
}

/// Unicode's simple lower case: of the one character that has two, the first.
pub(super) fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl Pattern {
    /// The form that is written so.
    pub fn of(text: &str) -> Pattern {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                // One at the end has nothing to make itself, and so is itself.
                '\\' => Piece::This(lower(chars.next().unwrap_or('\\'))),
                '%' => Piece::Any,
                '_' => Piece::One,
                other => Piece::This(lower(other)),
            });
        }
        Pattern(pieces)
    }

    /// The text that it is the form of beginning with, if it is no more than that.
    pub(super) fn start(&self) -> Option<String> {
        let (Piece::Any, start) = self.0.split_last()? else { return None };
        let this = |piece: &Piece| if let Piece::This(c) = piece { Some(*c) } else { None };
        start.iter().map(this).collect()
    }

    /// Whether the text has this form.
    pub fn matches(&self, text: &str) -> bool {
        let (mut pieces, mut rest) = (self.0.as_slice(), text.chars());
        // Where to go on if what follows the last `%` is not here: one character further.
        let mut again: Option<(&[Piece], std::str::Chars<'_>)> = None;
        loop {
            let here = rest.clone().next();
            match pieces.split_first() {
                Some((Piece::Any, behind)) => {
                    again = Some((behind, rest.clone()));
                    pieces = behind;
                    continue;
                }
                Some((Piece::One, behind)) if here.is_some() => {
                    rest.next();
                    pieces = behind;
                    continue;
                }
                Some((Piece::This(wanted), behind)) if here.map(lower) == Some(*wanted) => {
                    rest.next();
                    pieces = behind;
                    continue;
                }
                None if here.is_none() => return true,
                _ => {}
            }
            let Some((behind, from)) = &mut again else { return false };
            if from.next().is_none() {
                return false;
            }
            (pieces, rest) = (behind, from.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(value: &serde_json::Value, operator: &str, operand: &serde_json::Value, as_text: bool) -> bool {
        let rules = json!({"rules": [{"field": "f", "operator": operator, "value": operand}]});
        let condition = Condition::read(&rules).expect("a condition");
        let condition = condition.try_map(&mut |rule| Ok::<_, String>(Rule { as_text, ..rule })).expect("a condition");
        condition.matches(&mut |_| Scalar::of_json(value).expect("a scalar").into_owned())
    }

    #[test]
    fn values_are_compared_as_numbers_or_as_texts() {
        for (value, operator, operand, expected) in [
            (json!(25), "=", json!("25"), true),
            (json!("25"), "=", json!(25.0), true),
            (json!("25"), "=", json!("25.0"), true),
            (json!("9"), "<", json!("10"), true),
            (json!(" 9"), "<", json!("10"), true),
            (json!("9a"), "<", json!("10"), false),
            (json!(9_007_199_254_740_993_i64), "=", json!(9_007_199_254_740_992.0), false),
            (json!(9_007_199_254_740_993_i64), ">", json!(9_007_199_254_740_992.0), true),
            (json!(i64::MAX), "<", json!(9_223_372_036_854_775_808.0), true),
            (json!(i64::MIN), "=", json!(-9_223_372_036_854_775_808.0), true),
            (json!(i64::MIN), ">", json!(-1e19), true),
            (json!(-2), "<", json!(-1.5), true),
            (json!(-1), ">", json!(-1.5), true),
            (json!(0), "=", json!(-0.0), true),
            (json!("a"), "<", json!("B"), true),
            (json!("B"), "<", json!("b"), true),
            (json!("b"), "=", json!("B"), false),
            (json!("b"), "between", json!(["A", "C"]), true),
            (json!(5), "not_between", json!([1, 4]), true),
            (json!(5), "=>", json!(5), true),
            (json!(5), "in", json!(["4", "5"]), true),
            (json!(true), "=", json!("true"), true),
            (json!("1e400"), "=", json!("1e400"), true),
        ] {
            assert_eq!(matches(&value, operator, &operand, false), expected, "{value} {operator} {operand}");
        }
        assert!(matches(&json!("9"), ">", &json!("10"), true));
        assert!(!matches(&json!("25"), "=", &json!(25.5), true));
    }

    #[test]
    fn of_what_is_not_there_only_negative_operators_are_true() {
        let one = json!("x");
        for (operator, operand, expected) in [
            ("=", &one, false),
            ("!=", &one, true),
            ("<>", &one, true),
            ("<", &one, false),
            ("LIKE", &json!("%"), false),
            ("contains", &json!(""), false),
            ("not_contains", &one, true),
            ("not_in", &json!(["x"]), true),
            ("in", &json!([]), false),
            ("not_between", &json!(["a", "b"]), true),
            ("is_empty", &one, true),
            ("is_not_empty", &one, false),
        ] {
            assert_eq!(matches(&json!(null), operator, operand, false), expected, "{operator}");
        }
        assert!(matches(&json!(""), "is_empty", &json!(null), false));
        assert!(matches(&json!(0), "is_not_empty", &json!(null), false));
    }

    #[test]
    fn texts_are_alike_whatever_their_case() {
        for (text, operator, part, expected) in [
            ("London", "LIKE", "lond%", true),
            ("London", "like", "%DO%", true),
            ("London", "LIKE", "l_nd__", true),
            ("London", "LIKE", "l_nd_", false),
            ("100%", "LIKE", r"100\%", true),
            ("1000", "LIKE", r"100\%", false),
            (r"a\", "LIKE", r"a\", true),
            ("", "LIKE", "", true),
            ("", "LIKE", "%%", true),
            ("aab", "LIKE", "%ab", true),
            ("abcabd", "LIKE", "%ab_", true),
            ("ÄRGER", "begins_with", "är", true),
            ("İz", "LIKE", "_z", true),
            ("ΟΔΟΣ", "begins_with", "οδοσ", true),
            ("ΟΔΟΣ", "not_ends_with", "σ", false),
            ("a\0b", "contains", "\0", true),
            ("😀b", "LIKE", "_b", true),
        ] {
            assert_eq!(matches(&json!(text), operator, &json!(part), true), expected, "{text} {operator} {part}");
        }
        assert!(matches(&json!(1234.0), "begins_with", &json!(12), false));
        assert!(matches(&json!(12.5), "ends_with", &json!(".5"), false));
    }
}

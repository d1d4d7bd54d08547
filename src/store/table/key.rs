//! Keys: values as bytes whose order is the order of the values ([`crate::model::filter`]), on every engine, so that what a
//! rule asks of a column is a range of keys.
//!
//! A key is `NULL`, or `VALUE` and then: the eight bytes of an integer, the first bit turned over; those of a double,
//! turned over so that they sort; 0 or 1; the spelling of a date; or a text in lower case, an end mark and the text itself. In
//! the text in lower case, a zero byte is followed by 255, so that the end mark, a zero and a one, comes before any text that
//! goes on.

use crate::model::filter::{Scalar, Test, compare, fold};
use crate::model::table::Kind;

const NULL: u8 = 0;
const VALUE: u8 = 1;
const END: [u8; 2] = [0, 1];

/// Bytes of a text that has a key. Longer ones would make the index worse than none.
pub const LONGEST_TEXT: usize = 1_000;

/// The keys, or the numbers, of what satisfies a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Range<K> {
    /// One of these; none, if there are none.
    OneOf(Vec<K>),
    /// Those from there and up to there, if there are bounds.
    Within {
        /// The least.
        from: Option<Limit<K>>,
        /// The greatest.
        to: Option<Limit<K>>,
    },
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit<K> {
    /// Where it is.
    pub at: K,
    /// Whether that belongs to it.
    pub is_included: bool,
}

fn including<K>(at: K) -> Option<Limit<K>> {
    Some(Limit { at, is_included: true })
}

fn excluding<K>(at: K) -> Option<Limit<K>> {
    Some(Limit { at, is_included: false })
}

/// The key of a value as its column keeps it.
pub fn encode(kind: Kind, value: &Scalar<'_>) -> Vec<u8> {
    let mut key = vec![VALUE];
    match (kind, value) {
        (_, Scalar::Null) => return vec![NULL],
        (Kind::Number, value) => key.extend(sortable(double(value)).to_be_bytes()),
        (_, Scalar::Integer(number)) => key.extend(number.wrapping_sub(i64::MIN).to_be_bytes()),
        (_, Scalar::Boolean(truth)) => key.push(u8::from(*truth)),
        (Kind::Date | Kind::DateTime, value) => key.extend(value.to_text().as_bytes()),
        (_, value) => {
            let text = value.to_text();
            key.extend(escaped(&fold(&text)));
            key.extend(END);
            key.extend(text.as_bytes());
        }
    }
    key
}

fn escaped(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().flat_map(|byte| std::iter::once(byte).chain((byte == 0).then_some(u8::MAX)))
}

#[expect(clippy::cast_precision_loss, reason = "a number in such a column is a double")]
fn double(value: &Scalar<'_>) -> f64 {
    match value {
        Scalar::Integer(number) => *number as f64,
        Scalar::Float(number) => *number,
        Scalar::Null | Scalar::Boolean(_) | Scalar::Text(_) => 0.0,
    }
}

/// The bits of a double so that their order is its own; of the two zeroes, those of the positive one.
fn sortable(number: f64) -> u64 {
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The keys of what satisfies the test, whose values are such as the column's kind is compared with; `None` if keys cannot
/// tell.
pub fn range(kind: Kind, test: &Test) -> Option<Range<Vec<u8>>> {
    let exact = |value: &Scalar<'_>| at_or_below(kind, value).filter(|limit| limit.is_included).map(|limit| limit.at);
    // Whatever is below every value is this, which no value has.
    let least = || Limit { at: vec![VALUE], is_included: false };
    let below = |value: &Scalar<'_>| at_or_below(kind, value).unwrap_or_else(least);
    let from = |value: &Scalar<'_>, is_included: bool| {
        let limit = below(value);
        Some(Limit { is_included: limit.is_included && is_included, ..limit })
    };
    let to = |value: &Scalar<'_>, is_included: bool| {
        let limit = below(value);
        // Where the value lies between two keys, the lower one is before it.
        Some(Limit { is_included: !limit.is_included || is_included, ..limit })
    };
    Some(match test {
        Test::Equal(value) => Range::OneOf(exact(value).into_iter().collect()),
        Test::In(values) => Range::OneOf(values.iter().filter_map(exact).collect()),
        Test::Less(value) => Range::Within { from: Some(least()), to: to(value, false) },
        Test::AtMost(value) => Range::Within { from: Some(least()), to: to(value, true) },
        Test::Greater(value) => Range::Within { from: from(value, false), to: None },
        Test::AtLeast(value) => Range::Within { from: from(value, true), to: None },
        Test::Between(first, last) => Range::Within { from: from(first, true), to: to(last, true) },
        Test::Begins(start) if kind.is_text() => {
            let first: Vec<u8> = std::iter::once(VALUE).chain(escaped(start)).collect();
            let mut beyond = first.clone();
            // The first key that does not begin so: one more in the last place where there is one.
            while beyond.last() == Some(&u8::MAX) {
                beyond.pop();
            }
            if let Some(last) = beyond.last_mut() {
                *last += 1;
            }
            Range::Within { from: including(first), to: excluding(beyond) }
        }
        Test::Empty if kind == Kind::Text => Range::OneOf(vec![vec![NULL], encode(kind, &Scalar::from(""))]),
        Test::Empty => Range::OneOf(vec![vec![NULL]]),
        Test::Begins(_) | Test::Like(_) | Test::Ends(_) | Test::Contains(_) => return None,
    })
}

/// The same for whole numbers that stand in the row itself, as `number` makes them of values.
pub fn numbers(test: &Test, number: impl Fn(&Scalar<'_>) -> Option<Limit<i64>>) -> Option<Range<i64>> {
    let exact = |value: &Scalar<'_>| number(value).filter(|limit| limit.is_included).map(|limit| limit.at);
    // Nothing in a row is as low as that.
    let below = |value: &Scalar<'_>| number(value).unwrap_or(Limit { at: i64::MIN, is_included: false });
    let bound = |value: &Scalar<'_>, is_included: bool, is_upper: bool| {
        let limit = below(value);
        let inside = if limit.is_included { is_included } else { is_upper };
        Some(Limit { is_included: inside, ..limit })
    };
    Some(match test {
        Test::Equal(value) => Range::OneOf(exact(value).into_iter().collect()),
        Test::In(values) => Range::OneOf(values.iter().filter_map(exact).collect()),
        Test::Less(value) => Range::Within { from: None, to: bound(value, false, true) },
        Test::AtMost(value) => Range::Within { from: None, to: bound(value, true, true) },
        Test::Greater(value) => Range::Within { from: bound(value, false, false), to: None },
        Test::AtLeast(value) => Range::Within { from: bound(value, true, false), to: None },
        Test::Between(first, last) => Range::Within { from: bound(first, true, false), to: bound(last, true, true) },
        // Every row has them.
        Test::Empty => Range::OneOf(Vec::new()),
        Test::Begins(_) | Test::Like(_) | Test::Ends(_) | Test::Contains(_) => return None,
    })
}

/// The greatest key that a column can have at or below the value; it is included if it is the value's own. `None` if every
/// key is above.
fn at_or_below(kind: Kind, value: &Scalar<'_>) -> Option<Limit<Vec<u8>>> {
    match kind {
        Kind::Integer => {
            let limit = integer_at_or_below(value)?;
            Some(Limit { at: encode(kind, &Scalar::Integer(limit.at)), is_included: limit.is_included })
        }
        Kind::Number => {
            let near = double(value);
            let is_above = compare(&Scalar::Float(near), value, false).is_gt();
            let at = if is_above { near.next_down() } else { near };
            let is_included = compare(&Scalar::Float(at), value, false).is_eq();
            Some(Limit { at: encode(kind, &Scalar::Float(at)), is_included })
        }
        Kind::Text | Kind::Boolean | Kind::Date | Kind::DateTime => including(encode(kind, value)),
    }
}

/// The greatest integer at or below the value; it is included if it is the value.
pub fn integer_at_or_below(value: &Scalar<'_>) -> Option<Limit<i64>> {
    match value {
        Scalar::Integer(number) => including(*number),
        Scalar::Float(number) => {
            let floor = number.floor();
            #[expect(clippy::cast_possible_truncation, reason = "what is beyond becomes the first or the last integer")]
            let at = floor as i64;
            let is_exact = compare(&Scalar::Integer(at), value, false);
            if is_exact.is_gt() { None } else { Some(Limit { at, is_included: is_exact.is_eq() }) }
        }
        Scalar::Null | Scalar::Boolean(_) | Scalar::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_that_of_values() {
        let texts = ["", "\0", "\0a", "A", "a", "a\0", "aB", "ab", "B", "é", "ｚ", "😀"];
        let text = texts.map(Scalar::from);
        let integers = [i64::MIN, -2, -1, 0, 1, 255, 256, i64::MAX].map(Scalar::Integer);
        let doubles = [f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 1.0, 1.5, f64::MAX].map(Scalar::Float);
        let booleans = [false, true].map(Scalar::Boolean);
        let dates = ["0000-01-01", "2019-04-09", "2019-04-10", "9999-12-31"].map(Scalar::from);
        for (kind, values) in [
            (Kind::Text, &text[..]),
            (Kind::Integer, &integers),
            (Kind::Number, &doubles),
            (Kind::Boolean, &booleans),
            (Kind::Date, &dates),
        ] {
            let null = encode(kind, &Scalar::Null);
            for one in values {
                assert!(null < encode(kind, one));
                for other in values {
                    let expected = compare(one, other, kind.is_text());
                    assert_eq!(encode(kind, one).cmp(&encode(kind, other)), expected, "{one:?} {other:?}");
                }
            }
        }
        assert_eq!(encode(Kind::Number, &Scalar::Float(-0.0)), encode(Kind::Number, &Scalar::Float(0.0)));
    }

    /// Whether the range holds the key.
    fn holds(range: &Range<Vec<u8>>, key: &Vec<u8>) -> bool {
        match range {
            Range::OneOf(keys) => keys.contains(key),
            Range::Within { from, to } => {
                let from = from.as_ref().is_none_or(|l| key > &l.at || (l.is_included && key == &l.at));
                from && to.as_ref().is_none_or(|l| key < &l.at || (l.is_included && key == &l.at))
            }
        }
    }

    #[test]
    fn ranges_hold_what_the_evaluator_says() {
        use crate::model::filter::Rule;
        let big = 9_007_199_254_740_993_i64;
        let operands = [-1e19, -1.5, -0.0, 0.5, 2.0, 1e19]
            .map(Scalar::Float)
            .into_iter()
            .chain([i64::MIN, -2, 0, 2, big - 1, big, i64::MAX].map(Scalar::Integer))
            .collect::<Vec<_>>();
        let integers = [i64::MIN, -2, -1, 0, 1, 2, big - 1, big, big + 1, i64::MAX].map(Scalar::Integer);
        let doubles = [-1e19, -1.5, 0.0, 0.5, 2.0, 9_007_199_254_740_992.0, 9.3e18, 1e19].map(Scalar::Float);
        let words = ["", "a", "A", "ab", "Ab\0", "a\u{ff}", "b", "ÿ", "ÿÿ"].map(Scalar::from);
        let text = words.clone();
        for (kind, kept, operands) in [
            (Kind::Integer, &integers[..], &operands[..]),
            (Kind::Number, &doubles, &operands),
            (Kind::Text, &words, &text),
        ] {
            for operand in operands {
                for test in [
                    Test::Equal(operand.clone()),
                    Test::Less(operand.clone()),
                    Test::AtMost(operand.clone()),
                    Test::Greater(operand.clone()),
                    Test::AtLeast(operand.clone()),
                    Test::Between(operand.clone(), operands[0].clone()),
                    Test::Between(operands[0].clone(), operand.clone()),
                    Test::In(vec![operand.clone()]),
                    Test::Begins(fold(&operand.to_text()).into_owned()),
                    Test::Empty,
                ] {
                    let Some(range) = range(kind, &test) else { continue };
                    let rule =
                        Rule { place: String::new(), field: (), test, is_negated: false, as_text: kind.is_text() };
                    for value in kept.iter().chain([&Scalar::Null]) {
                        let key = encode(kind, value);
                        assert_eq!(holds(&range, &key), rule.matches(value), "{kind:?} {value:?} {:?}", rule.test);
                    }
                }
            }
        }
    }
}

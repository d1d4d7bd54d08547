//! Whatever is in a table: what is found, in which order and on which page is what a plain filter over all rows says. That
//! filter is written here, by what the documentation promises, and shares nothing with the gateway's.

use std::cmp::Ordering;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering as Atomically};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Tables, ids};
use crate::properties::few;

/// Columns of which every value is kept twice: in one that is indexed and in one that is not.
const COLUMNS: [&str; 5] = ["word", "count", "ratio", "flag", "day"];

#[derive(Clone, Debug)]
struct Row([Value; 5]);

fn any_word() -> impl Strategy<Value = Value> {
    let odd = select(vec![
        'a', 'A', 'b', 'B', 'ß', 'İ', 'Σ', 'ς', 'é', '%', '_', '\\', '\0', '\'', '1', '.', '😀', 'ÿ', '\u{301}',
    ]);
    prop_oneof![
        1 => Just(Value::Null),
        5 => vec(odd, 0..4).prop_map(|chars| Value::from(String::from_iter(chars))),
        1 => vec(any::<char>(), 0..3).prop_map(|chars| Value::from(String::from_iter(chars))),
    ]
}

fn any_count() -> impl Strategy<Value = Value> {
    let far =
        select(vec![i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, 9_007_199_254_740_993, -9_007_199_254_740_993]);
    prop_oneof![1 => Just(Value::Null), 5 => (-5_i64..15).prop_map(Value::from), 1 => far.prop_map(Value::from)]
}

fn any_ratio() -> impl Strategy<Value = Value> {
    let few = select(vec![-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 10.0, 1e300, -1e300, 5e-324, 9_007_199_254_740_992.0]);
    prop_oneof![1 => Just(Value::Null), 6 => few.prop_map(Value::from)]
}

fn any_flag() -> impl Strategy<Value = Value> {
    select(vec![Value::Null, Value::Bool(true), Value::Bool(false)])
}

fn any_day() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!("2019-04-09"),
        json!("2019-04-10"),
        json!("2020-02-29"),
        json!("0001-01-01"),
        json!("9999-12-31"),
    ])
}

fn any_row() -> impl Strategy<Value = Row> {
    (any_word(), any_count(), any_ratio(), any_flag(), any_day()).prop_map(|(a, b, c, d, e)| Row([a, b, c, d, e]))
}

#[derive(Clone, Debug)]
enum Asked {
    Rule { column: usize, indexed: bool, operator: &'static str, value: Value },
    Group { all: bool, parts: Vec<Asked> },
}

const ORDERED: [&str; 8] = ["=", "!=", "<>", "<", ">", "<=", ">=", "=>"];
const TEXTUAL: [&str; 7] =
    ["begins_with", "not_begins_with", "ends_with", "not_ends_with", "contains", "not_contains", "LIKE"];

/// A value that a column can be compared with, also one that it could not hold.
fn any_operand(column: usize) -> BoxedStrategy<Value> {
    let numbers = prop_oneof![
        any_count(),
        any_ratio(),
        (-5_i64..15).prop_map(|n| Value::from(n.to_string())),
        select(vec![json!(0.25), json!("1e1"), json!(9.5), json!(1e19), json!(-1e19)]),
    ];
    let value = match column {
        0 => prop_oneof![4 => any_word(), 1 => any_count()].boxed(),
        1 | 2 => numbers.boxed(),
        3 => select(vec![json!(true), json!(false), json!("true"), json!(0)]).boxed(),
        _ => any_day().boxed(),
    };
    value.prop_filter("rules have values", |value| !value.is_null()).boxed()
}

fn any_rule() -> impl Strategy<Value = Asked> {
    (0..COLUMNS.len(), any::<bool>()).prop_flat_map(|(column, indexed)| {
        let part =
            prop_oneof![any_word(), (0_i64..12).prop_map(|n| Value::from(n.to_string())), Just(json!("2019-04%"))];
        let part = part.prop_map(|part| if part.is_null() { json!("") } else { part });
        let made = prop_oneof![
            4 => (select(ORDERED.to_vec()), any_operand(column)),
            2 => (select(vec!["between", "not_between"]), vec(any_operand(column), 2).prop_map(Value::from)),
            2 => (select(vec!["in", "not_in"]), vec(any_operand(column), 0..4).prop_map(Value::from)),
            3 => (select(TEXTUAL.to_vec()), part),
            1 => (select(vec!["is_empty", "is_not_empty"]), Just(json!(null))),
        ];
        made.prop_map(move |(operator, value)| Asked::Rule { column, indexed, operator, value })
    })
}

fn any_condition() -> impl Strategy<Value = Asked> {
    any_rule().prop_recursive(3, 8, 3, |inner| {
        (any::<bool>(), vec(inner, 1..4)).prop_map(|(all, parts)| Asked::Group { all, parts })
    })
}

/// The condition as it is sent.
fn sent(asked: &Asked) -> Value {
    match asked {
        Asked::Rule { column, indexed, operator, value } => {
            json!({"field": name(*column, *indexed), "operator": operator, "value": value})
        }
        Asked::Group { all, parts } => {
            json!({"condition": if *all { "and" } else { "OR" }, "rules": parts.iter().map(sent).collect::<Vec<_>>()})
        }
    }
}

fn name(column: usize, indexed: bool) -> String {
    format!("{}{}", if indexed { "i_" } else { "" }, COLUMNS[column])
}

// The model.

fn lowered(text: &str) -> Vec<char> {
    // Each character by itself, and of several the first.
    text.chars().map(|c| c.to_lowercase().next().expect("a character")).collect()
}

fn spelled(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // Zero has no sign once it is kept.
        Value::Number(number) if number.as_f64() == Some(0.0) => "0".to_owned(),
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).to_owned()
        }
        other => other.to_string(),
    }
}

/// A number as a whole and what is left, which tells numbers apart that no double does.
fn exact(value: &Value) -> Option<(i128, f64)> {
    let number: serde_json::Number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => serde_json::from_str(text).ok()?,
        _ => return None,
    };
    if let Some(whole) = number.as_i64() {
        return Some((whole.into(), 0.0));
    }
    let float = number.as_f64().expect("a number");
    let floor = float.floor();
    // Beyond the integers, the whole is as far as it goes and the rest orders them.
    if floor.abs() >= 1e30 {
        return Some((if floor > 0.0 { i128::MAX } else { i128::MIN }, floor));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and not as far as that")]
    let whole = floor as i128;
    Some((whole, float - floor))
}

fn truth(value: &Value) -> bool {
    matches!(spelled(value).as_str(), "true" | "1")
}

/// The order of two values of a column that are there.
fn compared(column: usize, one: &Value, other: &Value) -> Ordering {
    match column {
        1 | 2 => exact(one).partial_cmp(&exact(other)).expect("numbers"),
        3 => truth(one).cmp(&truth(other)),
        _ => {
            let (one, other) = (spelled(one), spelled(other));
            lowered(&one).cmp(&lowered(&other)).then(one.chars().cmp(other.chars()))
        }
    }
}

fn is_like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| is_like(&text[skipped..], rest)),
        ['_', rest @ ..] => !text.is_empty() && is_like(&text[1..], rest),
        ['\\', wanted, rest @ ..] | [wanted, rest @ ..] => text.first() == Some(wanted) && is_like(&text[1..], rest),
    }
}

fn holds(column: usize, value: &Value, operator: &str, operand: &Value) -> bool {
    if operator == "is_empty" || operator == "is_not_empty" {
        return (value.is_null() || *value == json!("")) == (operator == "is_empty");
    }
    let positive = operator.strip_prefix("not_").unwrap_or(match operator {
        "!=" | "<>" => "=",
        other => other,
    });
    if value.is_null() {
        return positive != operator;
    }
    let order = |operand: &Value| compared(column, value, operand);
    let text = lowered(&spelled(value));
    let part = || lowered(&spelled(operand));
    let is_so = match positive {
        "=" => order(operand).is_eq(),
        "<" => order(operand).is_lt(),
        ">" => order(operand).is_gt(),
        "<=" => order(operand).is_le(),
        ">=" | "=>" => order(operand).is_ge(),
        "between" => order(&operand[0]).is_ge() && order(&operand[1]).is_le(),
        "in" => operand.as_array().expect("a list").iter().any(|one| order(one).is_eq()),
        "begins_with" => text.starts_with(&part()),
        "ends_with" => text.ends_with(&part()),
        "contains" => {
            let part = part();
            part.is_empty() || text.windows(part.len()).any(|window| window == part)
        }
        "LIKE" => is_like(&text, &part()),
        other => panic!("{other}"),
    };
    is_so == (positive == operator)
}

fn satisfies(row: &Row, asked: &Asked) -> bool {
    match asked {
        Asked::Rule { column, operator, value, .. } => holds(*column, &row.0[*column], operator, value),
        Asked::Group { all: true, parts } => parts.iter().all(|part| satisfies(row, part)),
        Asked::Group { all: false, parts } => parts.iter().any(|part| satisfies(row, part)),
    }
}

/// The numbers of what is found, in order.
fn expected(rows: &[Row], asked: &Asked, order: Option<usize>, descending: bool) -> Vec<usize> {
    let mut found: Vec<usize> = (0..rows.len()).filter(|number| satisfies(&rows[*number], asked)).collect();
    if let Some(column) = order {
        found.sort_by(|one, other| {
            let (one, other) = (&rows[*one].0[column], &rows[*other].0[column]);
            match (one.is_null(), other.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => compared(column, one, other),
            }
        });
    }
    if descending {
        // Those that are alike go backwards too.
        found.reverse();
    }
    found
}

fn gateway() -> &'static Tables {
    static GATEWAY: OnceLock<Tables> = OnceLock::new();
    GATEWAY.get_or_init(Tables::start)
}

/// A table with those rows, whose numbers are counted from 1.
fn filled(tables: &Tables, rows: &[Row]) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let table = format!("t{}", NUMBER.fetch_add(1, Atomically::Relaxed));
    let kinds = ["text", "integer", "number", "boolean", "date"];
    let column = |column: usize, indexed: bool| json!({"name": name(column, indexed), "type": kinds[column], "indexed": indexed});
    let columns: Vec<Value> =
        (0..COLUMNS.len()).flat_map(|number| [column(number, false), column(number, true)]).collect();
    tables.define(&json!({"name": table, "columns": columns}));
    for Row(values) in rows {
        let pairs = values
            .iter()
            .enumerate()
            .flat_map(|(column, value)| [(name(column, false), value), (name(column, true), value)]);
        let body: serde_json::Map<String, Value> = pairs.map(|(name, value)| (name, value.clone())).collect();
        tables.insert(&table, &Value::Object(body));
    }
    table
}

proptest! {
    #![proptest_config(few(24))]

    #[test]
    fn searches_find_what_a_plain_filter_finds(
        rows in vec(any_row(), 0..25),
        questions in vec((any_condition(), 0..COLUMNS.len() + 1, any::<bool>(), any::<bool>(), 0_usize..6, 0_usize..8), 12),
    ) {
        let tables = gateway();
        let table = filled(tables, &rows);
        for (asked, order, order_indexed, descending, offset, limit) in questions {
            let order = order.checked_sub(1);
            let field = order.map_or("id".to_owned(), |column| name(column, order_indexed));
            let filter = match sent(&asked) {
                rule if rule.get("field").is_some() => json!({"rules": [rule]}),
                group => group,
            };
            let body = json!({
                "where": filter, "order_field": field, "order_type": if descending { "DESC" } else { "asc" },
                "limit": limit, "offset": offset,
            });
            let answer = tables.json("POST", &format!("/{table}/search"), &body);
            let all = expected(&rows, &asked, order, descending);
            let page: Vec<String> = all.iter().skip(offset).take(limit).map(|number| (number + 1).to_string()).collect();
            prop_assert_eq!(&answer["max_results"], &json!(all.len()), "{}", body);
            prop_assert_eq!(ids(&answer), page, "{}", body);
        }
        tables.json("DELETE", &format!("/{table}"), &Value::Null);
    }
}

//! Reading what a search asks for. What is wrong is told with its place.

use serde_json::{Map, Value};

use crate::model::filter::evaluate::fold;
use crate::model::filter::{Condition, DEEPEST, LONGEST_PATTERN, MOST_RULES, MOST_VALUES, Pattern, Rule, Scalar, Test};

/// What operators there are, for messages.
const OPERATORS: &str = "=, !=, <>, <, >, <=, >=, =>, LIKE, between, not_between, in, not_in, begins_with, not_begins_with, \
                         ends_with, not_ends_with, contains, not_contains, is_empty or is_not_empty";
/// Characters of what was given that a message repeats.
const SHOWN: usize = 64;

impl Condition<String> {
    /// Reads the `where` of a request. One without rules asks for nothing.
    ///
    /// A single rule may stand without a list around it, as it does when it comes from XML.
    ///
    /// # Errors
    ///
    /// A sentence that names the place, such as `where.rules[1].operator`, and what is expected there.
    pub fn read(value: &Value) -> Result<Condition, String> {
        let mut reading = Reading { rules: 0, values: 0 };
        reading.condition(members(value, "where")?, "where", 1)
    }
}

/// What has been read so far.
struct Reading {
    rules: usize,
    values: usize,
}

impl Reading {
    fn condition(&mut self, members: &Map<String, Value>, place: &str, depth: usize) -> Result<Condition, String> {
        if depth > DEEPEST {
            return Err(format!("{place}: conditions may be nested at most {DEEPEST} deep"));
        }
        known(members, place, &["condition", "rules"])?;
        let are_all = match members.get("condition") {
            None | Some(Value::Null) => true,
            Some(Value::String(word)) if word.eq_ignore_ascii_case("and") => true,
            Some(Value::String(word)) if word.eq_ignore_ascii_case("or") => false,
            Some(other) => return Err(format!("{place}.condition is {}, but must be AND or OR", shown(other))),
        };
        let rules = match members.get("rules") {
            Some(Value::Array(rules)) => rules.iter().enumerate().collect(),
            Some(one @ Value::Object(_)) => vec![(0, one)],
            // How an empty list is written in XML.
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            None | Some(Value::Null) if depth == 1 => Vec::new(),
            None => return Err(format!("{place}.rules is required: a list of rules")),
            Some(other) => return Err(format!("{place}.rules is {}, but must be a list of rules", shown(other))),
        };
        if rules.is_empty() {
            return match depth {
                1 => Ok(Condition::All(Vec::new())),
                _ => Err(format!("{place}.rules must have at least one rule")),
            };
        }
        let rules = rules.into_iter().map(|(index, rule)| {
            let place = format!("{place}.rules[{index}]");
            let members = self::members(rule, &place)?;
            match members.contains_key("rules") || members.contains_key("condition") {
                true => self.condition(members, &place, depth + 1),
                false => Ok(Condition::Rule(self.rule(members, place)?)),
            }
        });
        let rules = rules.collect::<Result<Vec<_>, String>>()?;
        Ok(if are_all { Condition::All(rules) } else { Condition::Any(rules) })
    }

    fn rule(&mut self, members: &Map<String, Value>, place: String) -> Result<Rule<String>, String> {
        self.rules += 1;
        if self.rules > MOST_RULES {
            return Err(format!("{place}: there may be at most {MOST_RULES} rules"));
        }
        known(members, &place, &["field", "operator", "value"])?;
        let text = |name: &str| match members.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
            None | Some(Value::Null) => Err(format!("{place}.{name} is required")),
            Some(other) => Err(format!("{place}.{name} is {}, but must be a text", shown(other))),
        };
        let (field, operator) = (text("field")?.to_owned(), text("operator")?);
        let (test, is_negated) = self.test(operator, members.get("value"), &place)?;
        Ok(Rule { place, field, test, is_negated, as_text: false })
    }

    fn test(&mut self, operator: &str, value: Option<&Value>, place: &str) -> Result<(Test, bool), String> {
        let one = || scalar(value, &format!("{place}.value"));
        let folded = || Ok::<_, String>(fold(&one()?.to_text()).into_owned());
        let word = operator.to_ascii_lowercase();
        let (positive, is_negated) = match word.strip_prefix("not_") {
            Some("between" | "in" | "begins_with" | "ends_with" | "contains") => {
                (word.strip_prefix("not_").unwrap_or_default(), true)
            }
            _ => (word.as_str(), matches!(word.as_str(), "!=" | "<>" | "is_not_empty")),
        };
        let test = match positive {
            "=" | "!=" | "<>" => Test::Equal(one()?),
            "<" => Test::Less(one()?),
            "<=" => Test::AtMost(one()?),
            ">" => Test::Greater(one()?),
            ">=" | "=>" => Test::AtLeast(one()?),
            "between" => match self.list(value, place)?.as_slice() {
                [from, to] => Test::Between(from.clone(), to.clone()),
                list => return Err(format!("{place}.value has {} values, but must have two", list.len())),
            },
            "in" => Test::In(self.list(value, place)?),
            "like" => like(&one()?.to_text(), place)?,
            "begins_with" => Test::Begins(folded()?),
            "ends_with" => Test::Ends(folded()?),
            "contains" => Test::Contains(folded()?),
            "is_empty" | "is_not_empty" => Test::Empty,
            _ => {
                let shown: String = operator.chars().take(SHOWN).collect();
                return Err(format!("{place}.operator is '{shown}', but must be one of {OPERATORS}"));
            }
        };
        Ok((test, is_negated))
    }

    fn list(&mut self, value: Option<&Value>, place: &str) -> Result<Vec<Scalar<'static>>, String> {
        let values = match value {
            Some(Value::Array(values)) => values.as_slice(),
            Some(Value::String(text)) if text.is_empty() => &[],
            None | Some(Value::Null) => return Err(format!("{place}.value is required: a list of values")),
            Some(other) => return Err(format!("{place}.value is {}, but must be a list of values", shown(other))),
        };
        self.values += values.len();
        if self.values > MOST_VALUES {
            return Err(format!("{place}.value: lists may hold at most {MOST_VALUES} values together"));
        }
        let values = values.iter().enumerate();
        values.map(|(index, value)| scalar(Some(value), &format!("{place}.value[{index}]"))).collect()
    }
}

/// Beginning with something is what `LIKE` is mostly for, and what an index knows.
fn like(text: &str, place: &str) -> Result<Test, String> {
    if text.chars().nth(LONGEST_PATTERN).is_some() {
        return Err(format!("{place}.value must have at most {LONGEST_PATTERN} characters"));
    }
    let pattern = Pattern::of(text);
    Ok(pattern.start().map_or(Test::Like(pattern), Test::Begins))
}

fn scalar(value: Option<&Value>, place: &str) -> Result<Scalar<'static>, String> {
    match value.and_then(Scalar::of_json) {
        Some(Scalar::Null) => Err(format!("{place} is null, but must be a text, a number or a boolean; ask is_empty")),
        Some(scalar) => Ok(scalar.into_owned()),
        None => match value {
            None => Err(format!("{place} is required")),
            Some(other) => Err(format!("{place} is {}, but must be a text, a number or a boolean", shown(other))),
        },
    }
}

fn members<'v>(value: &'v Value, place: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{place} is {}, but must be an object", shown(value)))
}

/// A name that is not known could be a mistyped one, and what it should have asked for would be passed over.
fn known(members: &Map<String, Value>, place: &str, names: &[&str]) -> Result<(), String> {
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let shown: String = name.chars().take(SHOWN).collect();
            Err(format!("{place} has the member '{shown}', but may have {} only", names.join(", ")))
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("'{}'", text.chars().take(SHOWN).collect::<String>()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(value: &Value) -> String {
        Condition::read(value).expect_err("a refusal")
    }

    #[test]
    fn conditions_are_read_as_they_are_documented() {
        let documented = json!({"condition": "AND", "rules": [{"field": "age", "operator": ">", "value": "35"}]});
        let rule = Rule {
            place: "where.rules[0]".to_owned(),
            field: "age".to_owned(),
            test: Test::Greater(Scalar::from("35")),
            is_negated: false,
            as_text: false,
        };
        assert_eq!(Condition::read(&documented), Ok(Condition::All(vec![Condition::Rule(rule.clone())])));
        // As XML has it: one rule without a list.
        let single = json!({"rules": {"field": "age", "operator": ">", "value": "35"}});
        assert_eq!(Condition::read(&single), Ok(Condition::All(vec![Condition::Rule(rule)])));
        let nested = json!({"condition": "or", "rules": [{"condition": "and", "rules": [
            {"field": "a", "operator": "NOT_IN", "value": [1]}, {"field": "b", "operator": "Like", "value": "x%"}]}]});
        let Ok(Condition::Any(outer)) = Condition::read(&nested) else { panic!("an OR") };
        let [Condition::All(inner)] = outer.as_slice() else { panic!("an AND") };
        let [Condition::Rule(first), Condition::Rule(second)] = inner.as_slice() else { panic!("two rules") };
        assert!(first.is_negated && first.place == "where.rules[0].rules[0]");
        assert_eq!(second.test, Test::Begins("x".to_owned()));
        for nothing in [json!({}), json!({"rules": []}), json!({"condition": "or", "rules": []})] {
            assert!(Condition::read(&nothing).expect("nothing").is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let rule = |members: Value| json!({"rules": [members]});
        for (value, expected) in [
            (json!([]), "where is a list, but must be an object"),
            (json!({"rules": 1}), "where.rules is 1, but must be a list of rules"),
            (json!({"condition": "xor"}), "where.condition is 'xor', but must be AND or OR"),
            (json!({"rule": []}), "where has the member 'rule', but may have condition, rules only"),
            (rule(json!(1)), "where.rules[0] is 1, but must be an object"),
            (rule(json!({"operator": "="})), "where.rules[0].field is required"),
            (rule(json!({"field": 1, "operator": "="})), "where.rules[0].field is 1, but must be a text"),
            (rule(json!({"field": "a", "operator": "=", "value": null})), "where.rules[0].value is null"),
            (rule(json!({"field": "a", "operator": "="})), "where.rules[0].value is required"),
            (rule(json!({"field": "a", "operator": "=", "value": [1]})), "where.rules[0].value is a list"),
            (
                rule(json!({"field": "a", "operator": "in", "value": 1})),
                "where.rules[0].value is 1, but must be a list",
            ),
            (rule(json!({"field": "a", "operator": "in", "value": [[]]})), "where.rules[0].value[0] is a list"),
            (rule(json!({"field": "a", "operator": "between", "value": [1]})), "where.rules[0].value has 1 values"),
            (
                rule(json!({"field": "a", "operator": "==", "value": 1})),
                "where.rules[0].operator is '==', but must be one of =,",
            ),
            (rule(json!({"field": "a", "operator": "not_like", "value": 1})), "where.rules[0].operator is 'not_like'"),
            (rule(json!({"rules": []})), "where.rules[0].rules must have at least one rule"),
            (
                rule(json!({"field": "a", "operator": "LIKE", "value": "x".repeat(1_001)})),
                "where.rules[0].value must have",
            ),
        ] {
            let message = refusal(&value);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn searches_have_limits() {
        let rule = json!({"field": "a", "operator": "is_empty"});
        let many = |count: usize| json!({"rules": vec![rule.clone(); count]});
        assert!(Condition::read(&many(MOST_RULES)).is_ok());
        assert!(refusal(&many(MOST_RULES + 1)).contains("at most 100 rules"));
        let deep = |depth: usize| (1..depth).fold(json!({"rules": [rule]}), |inner, _| json!({"rules": [inner]}));
        assert!(Condition::read(&deep(DEEPEST)).is_ok());
        assert!(refusal(&deep(DEEPEST + 1)).contains("nested at most 8 deep"));
        let list = |count: usize| json!({"rules": [{"field": "a", "operator": "in", "value": vec![1; count]}]});
        assert!(Condition::read(&list(MOST_VALUES)).is_ok());
        assert!(refusal(&list(MOST_VALUES + 1)).contains("at most 1000 values"));
    }
}

//! The search in a keystore (document 003, "Search in Keystore data"): packages are looked at one by one, in the order of their
//! keys, a part of them at a time. What is asked of the key itself narrows down which.

use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::model::filter::{Condition, Rule, Scalar, Test};
use crate::model::keystore::Package;
use crate::model::scope::Scope;
use crate::operation::json::parts::object;
use crate::operation::keystore::find;
use crate::operation::keystore::package::JSON;
use crate::operation::keystore::path::JsonPath;
use crate::operation::{Access, Operation};
use crate::store::{Tx, keystore};

/// Fields that one search may select.
const MOST_FIELDS: usize = 100;
/// Characters of a field's other name.
const LONGEST_ALIAS: usize = 128;
/// Rows that one search answers with.
pub const MOST_ROWS: usize = 1_000;
/// Bytes of all rows.
const LARGEST_ANSWER: usize = 16 << 20;
/// Bytes of packages that are looked at together, about.
const TOGETHER: usize = 4 << 20;
/// Packages that are looked at together at first, and at most.
const FEW: usize = 16;
const MANY: usize = 512;
/// What comes after every key: no byte of UTF-8 is so large.
const END: &[u8] = &[0xFF];

/// Searches a keystore of the caller's customer.
pub struct SearchPackages {
    /// The keystore's identifier.
    pub keystore: String,
    /// What is wanted of each package: a field and, if it is to be called otherwise, its name in the answer.
    pub select: Vec<(String, Option<String>)>,
    /// Which packages are wanted: document 003's `where`, as JSON.
    pub condition: Value,
    /// The most rows; absent for [`MOST_ROWS`].
    pub limit: Option<i64>,
    /// How many of them are passed over; absent for none.
    pub offset: Option<i64>,
}

/// What was found.
pub struct FoundPackages {
    /// A JSON array with an object for each package.
    pub rows: String,
    /// How many packages satisfy the search in all.
    pub total: usize,
}

impl Operation for SearchPackages {
    const NAME: &'static str = "searchPackages";
    const ACCESS: Access = Access::Scope(Scope::KeystoreRead);
    type Output = FoundPackages;

    async fn run(self, app: &App, caller: &Caller) -> Result<FoundPackages> {
        let customer = caller.customer().id;
        let columns = columns(self.select)?;
        let condition = condition(&self.condition)?;
        let within = |field: &str, given: Option<i64>, least: i64, most: i64, usual: usize| match given {
            None => Ok(usual),
            Some(number) => usize::try_from(number)
                .ok()
                .filter(|_| (least..=most).contains(&number))
                .ok_or_else(|| Error::invalid(format!("{field} must be from {least} to {most}, not {number}"))),
        };
        let limit = within("limit", self.limit, 1, 1_000, MOST_ROWS)?;
        let offset = within("offset", self.offset, 0, i64::from(i32::MAX), 0)?;
        let mut answer = Answer { columns, limit, offset, rows: Vec::new(), bytes: 0, total: 0 };
        app.store
            .read(move |tx| {
                let keystore = find(tx, customer, &self.keystore)?;
                let mut look = |package: &Package| match condition.matches(&mut |field| field.scalar(package)) {
                    true => answer.take(package),
                    false => Ok(()),
                };
                match Narrowed::by(&condition) {
                    Narrowed::Keys(keys) => {
                        for key in keys {
                            if let Some(package) = keystore::find_package(tx, keystore.id, &key)? {
                                look(&package)?;
                            }
                        }
                    }
                    Narrowed::Range(from, before) => {
                        each(tx, &from, &before, &mut look, |tx, from, most| {
                            keystore::list_packages(tx, keystore.id, from, &before, most)
                        })?;
                    }
                }
                Ok(FoundPackages { rows: format!("[{}]", answer.rows.join(",")), total: answer.total })
            })
            .await
    }
}

/// Looks at the packages of a range, a part at a time that is the smaller the larger they are.
fn each(
    tx: &mut dyn Tx,
    from: &[u8],
    before: &[u8],
    look: &mut dyn FnMut(&Package) -> Result<()>,
    list: impl Fn(&mut dyn Tx, &[u8], i64) -> Result<Vec<Package>>,
) -> Result<()> {
    let (mut from, mut most) = (from.to_vec(), FEW);
    while from.as_slice() < before {
        let packages = list(tx, &from, i64::try_from(most).unwrap_or(i64::MAX))?;
        packages.iter().try_for_each(&mut *look)?;
        let Some(last) = packages.last().filter(|_| packages.len() == most) else { return Ok(()) };
        // The key that comes next after this one.
        from = [last.key.as_bytes(), &[0]].concat();
        let bytes: usize = packages.iter().map(|package| package.content.len()).sum();
        most = (TOGETHER / (bytes / packages.len()).max(1)).clamp(1, MANY);
    }
    Ok(())
}

/// A field of a package.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    /// The key.
    Key,
    /// All that it holds, as it was saved.
    Whole,
    /// A value in it.
    Path(JsonPath),
}

impl Field {
    fn parse(place: &str, text: &str) -> Result<Field> {
        Ok(match text {
            "key" | "keystore.key" => Field::Key,
            "*" => Field::Whole,
            text => Field::Path(JsonPath::parse(place, text)?),
        })
    }

    /// The text at the end of a way, if what the package holds is JSON.
    fn find<'p>(path: &JsonPath, package: &'p Package) -> Option<&'p str> {
        match package.media_type.as_deref() {
            None | Some(JSON) => path.find(&package.content),
            Some(_) => None,
        }
    }

    /// The field's value, to be compared. An array or an object is the text that it is written as.
    fn scalar<'p>(&self, package: &'p Package) -> Scalar<'p> {
        match self {
            Field::Key => Scalar::Text(package.key.as_str().into()),
            Field::Whole => Scalar::Text(package.content.as_str().into()),
            Field::Path(path) => match Field::find(path, package) {
                None => Scalar::Null,
                Some(json) if json.starts_with(['{', '[']) => Scalar::Text(json.into()),
                Some(json) => {
                    let value: Value = serde_json::from_str(json).unwrap_or_default();
                    Scalar::of_json(&value).map_or(Scalar::Null, Scalar::into_owned)
                }
            },
        }
    }

    /// The field's value as document 003 shows it: a text whatever it is, and null where there is none.
    fn shown(&self, package: &Package) -> Value {
        match self {
            Field::Key => Value::from(package.key.as_str()),
            Field::Whole => Value::from(package.content.as_str()),
            Field::Path(path) => match Field::find(path, package) {
                None | Some("null") => Value::Null,
                Some(json) if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
                Some(json) => Value::from(json),
            },
        }
    }
}

/// What is wanted of each package, by its name in the answer.
fn columns(select: Vec<(String, Option<String>)>) -> Result<Vec<(String, Field)>> {
    if !(1..=MOST_FIELDS).contains(&select.len()) {
        return Err(Error::invalid(format!("select must have from 1 to {MOST_FIELDS} fields")));
    }
    let mut columns: Vec<(String, Field)> = Vec::new();
    for (index, (field, alias)) in select.into_iter().enumerate() {
        let parsed = Field::parse(&format!("select[{index}].field"), &field)?;
        let place = if alias.is_some() { "alias" } else { "field" };
        let name = alias.unwrap_or(field);
        let length = name.chars().count();
        if place == "alias" && (!(1..=LONGEST_ALIAS).contains(&length) || name.chars().any(char::is_control)) {
            return Err(Error::invalid(format!(
                "select[{index}].alias must have from 1 to {LONGEST_ALIAS} characters, none of them a control character"
            )));
        }
        if columns.iter().any(|(known, _)| *known == name) {
            let shown: String = name.chars().take(LONGEST_ALIAS).collect();
            return Err(Error::invalid(format!("select[{index}].{place}: there is a '{shown}' already")));
        }
        columns.push((name, parsed));
    }
    Ok(columns)
}

fn condition(given: &Value) -> Result<Condition<Field>> {
    if given.is_null() {
        return Ok(Condition::All(Vec::new()));
    }
    Condition::read(given).map_err(Error::invalid)?.try_map(&mut |rule: Rule<String>| {
        let Rule { place, field, test, is_negated, as_text: _ } = rule;
        let field = Field::parse(&format!("{place}.field"), &field)?;
        // The digits of a key are no number.
        let as_text = field == Field::Key;
        Ok(Rule { place, field, test, is_negated, as_text })
    })
}

/// Which packages have to be looked at.
#[derive(Debug, PartialEq)]
enum Narrowed {
    /// Those of these keys.
    Keys(Vec<String>),
    /// Those from the one on and before the other.
    Range(Vec<u8>, Vec<u8>),
}

impl Narrowed {
    fn by(condition: &Condition<Field>) -> Narrowed {
        Narrowed::of(condition).unwrap_or_else(|| Narrowed::Range(Vec::new(), END.to_vec()))
    }

    fn of(condition: &Condition<Field>) -> Option<Narrowed> {
        match condition {
            // Any of them will do, and one that names keys is the best.
            Condition::All(rules) => {
                rules.iter().filter_map(Narrowed::of).min_by_key(|narrowed| matches!(narrowed, Narrowed::Range(..)))
            }
            Condition::Any(rules) => match rules.as_slice() {
                [one] => Narrowed::of(one),
                _ => None,
            },
            Condition::Rule(rule) if rule.field != Field::Key || rule.is_negated => None,
            Condition::Rule(rule) => match &rule.test {
                Test::Equal(value) => Some(Narrowed::keys(std::slice::from_ref(value))),
                Test::In(values) => Some(Narrowed::keys(values)),
                Test::Begins(start) => Narrowed::start(start),
                _ => None,
            },
        }
    }

    fn keys(values: &[Scalar<'_>]) -> Narrowed {
        let mut keys: Vec<String> = values.iter().map(|value| value.to_text().into_owned()).collect();
        // In the order that the others are answered in, and each once.
        keys.sort_unstable();
        keys.dedup();
        Narrowed::Keys(keys)
    }

    /// Keys that begin so in either case: all have what stands before the first letter.
    fn start(start: &str) -> Option<Narrowed> {
        let is_caseless = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphabetic();
        let prefix: Vec<u8> = start.bytes().take_while(is_caseless).collect();
        let mut before = prefix.clone();
        *before.last_mut()? += 1;
        Some(Narrowed::Range(prefix, before))
    }
}

/// The rows so far.
struct Answer {
    columns: Vec<(String, Field)>,
    limit: usize,
    offset: usize,
    rows: Vec<String>,
    bytes: usize,
    total: usize,
}

impl Answer {
    fn take(&mut self, package: &Package) -> Result<()> {
        self.total += 1;
        if self.total <= self.offset || self.rows.len() >= self.limit {
            return Ok(());
        }
        let members = self.columns.iter().map(|(name, field)| (name.as_str(), field.shown(package).to_string()));
        let row = object(members);
        self.bytes += row.len();
        if self.bytes > LARGEST_ANSWER {
            let message = format!("The answer would be larger than {LARGEST_ANSWER} bytes; ask for fewer with limit");
            return Err(Error::invalid(message));
        }
        self.rows.push(row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_of_the_key_narrows_down_which_packages_are_looked_at() {
        let all = || Narrowed::Range(Vec::new(), END.to_vec());
        let range = |from: &str, before: &str| Narrowed::Range(from.into(), before.into());
        let rule =
            |field: &str, operator: &str, value: Value| json!({"field": field, "operator": operator, "value": value});
        for (rules, condition, narrowed) in [
            (json!([rule("key", "=", json!("b"))]), "and", Narrowed::Keys(vec!["b".to_owned()])),
            (
                json!([rule("n", "=", json!(1)), rule("keystore.key", "in", json!(["b", "a", "b"]))]),
                "and",
                Narrowed::Keys(vec!["a".to_owned(), "b".to_owned()]),
            ),
            (json!([rule("key", "begins_with", json!("2026-jan"))]), "and", range("2026-", "2026.")),
            (
                json!([rule("key", "begins_with", json!("2")), rule("key", "=", json!("20"))]),
                "and",
                Narrowed::Keys(vec!["20".to_owned()]),
            ),
            (json!([rule("key", "begins_with", json!("jan"))]), "and", all()),
            (json!([rule("key", "=", json!("b")), rule("n", "=", json!(1))]), "or", all()),
            (json!([rule("key", "!=", json!("b"))]), "and", all()),
            (json!([rule("key", "<", json!("b"))]), "and", all()),
            (json!([]), "and", all()),
        ] {
            let condition = super::condition(&json!({"condition": condition, "rules": rules})).expect("a condition");
            assert_eq!(Narrowed::by(&condition), narrowed, "{rules}");
        }
    }
}

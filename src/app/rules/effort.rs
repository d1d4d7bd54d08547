//! How much work it is to check a value against a schema, found out before it is done: references make a schema of three
//! kilobytes take longer than anybody waits. It knows what schemas apply where, and nothing of what they say.

use std::collections::HashMap;

use serde_json::Value;

/// Applications of one schema to one value that a check may take.
pub(super) const STEPS: usize = 1_000_000;
/// Schemas up to which a schema is expanded beforehand.
const EXPANDED: usize = 10_000;
/// Schemas within each other, references followed; a schema that applies itself to the same value never ends.
const DEPTH: usize = 300;
/// Steps for each value where the meta-schema is applied, which is not written out in the schema.
const META: usize = 200;

/// The effort of a schema.
#[derive(Debug)]
pub(super) struct Effort {
    schema: Value,
    /// Documents it may refer to, with their addresses.
    known: Vec<(String, Value)>,
    /// The schemas that any one value could meet at most, if references do not lead in circles.
    expanded: Option<usize>,
}

impl Effort {
    pub(super) fn of(schema: &Value, known: &[(String, Value)]) -> Effort {
        let mut walk = Walk::over(schema, known, EXPANDED);
        let expanded = walk.expand(schema, 0).is_some().then(|| EXPANDED - walk.left);
        Effort { schema: schema.clone(), known: known.to_vec(), expanded }
    }

    pub(super) fn schema(&self) -> &Value {
        &self.schema
    }

    /// Whether the value, which has that size, can be checked in as many steps as we take.
    pub(super) fn is_bearable(&self, value: &Value, size: usize) -> bool {
        // The product is enough for nearly every schema there is.
        let simply = self.expanded.is_some_and(|expanded| expanded.saturating_mul(size) <= STEPS);
        simply || Walk::over(&self.schema, &self.known, STEPS).apply(&self.schema, value, 0).is_some()
    }
}

/// How many values the value is, itself included.
pub(super) fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// A walk through a schema. It follows every branch, so it never takes fewer steps than a check, which may stop early.
struct Walk<'s> {
    /// The schema, the known documents, and all in them that have an `id`, with their addresses: what a reference may be
    /// relative to.
    bases: Vec<(Option<&'s str>, &'s Value)>,
    targets: HashMap<&'s str, Vec<&'s Value>>,
    left: usize,
}

impl<'s> Walk<'s> {
    fn over(schema: &'s Value, known: &'s [(String, Value)], steps: usize) -> Walk<'s> {
        let mut bases = vec![(id(schema), schema)];
        bases.extend(known.iter().map(|(address, document)| (Some(address.as_str()), document)));
        let mut open: Vec<_> = bases.iter().map(|(_, document)| *document).collect();
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if id(value).is_some() && !std::ptr::eq(value, schema) {
                        bases.push((id(value), value));
                    }
                    open.extend(members.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        Walk { bases, targets: HashMap::new(), left: steps }
    }

    /// What the reference may lead to. It is not resolved; all are taken that it could be meant for.
    fn targets(&mut self, reference: &'s str) -> Vec<&'s Value> {
        if let Some(known) = self.targets.get(reference) {
            return known.clone();
        }
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let named: Vec<_> = self.bases.iter().filter(|(id, _)| may_be(*id, address)).collect();
        let bases = if named.is_empty() { self.bases.iter().collect() } else { named };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy();
        let found: Vec<_> = match pointer.is_empty() || pointer.starts_with('/') {
            true => bases.into_iter().filter_map(|(_, base)| base.pointer(&pointer)).collect(),
            false => self
                .bases
                .iter()
                .filter(|(id, _)| id.is_some_and(|id| id.contains('#')))
                .map(|(_, base)| *base)
                .collect(),
        };
        self.targets.insert(reference, found.clone());
        found
    }

    fn spend(&mut self, steps: usize) -> Option<()> {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }

    /// Counts the schema and all that are reached from it; `None` if they are too many or a circle.
    fn expand(&mut self, schema: &'s Value, depth: usize) -> Option<()> {
        self.enter(depth)?;
        if let Some(reference) = reference(schema) {
            self.spend(if is_meta(reference) { META } else { 0 })?;
            return self.targets(reference).into_iter().try_for_each(|target| self.expand(target, depth + 1));
        }
        let Value::Object(keywords) = schema else { return Some(()) };
        for (keyword, value) in keywords {
            self.spend(compared(keyword, value))?;
            match (keyword.as_str(), value) {
                ("allOf" | "anyOf" | "oneOf" | "items", Value::Array(schemas)) => {
                    schemas.iter().try_for_each(|schema| self.expand(schema, depth + 1))?;
                }
                ("properties" | "patternProperties" | "dependencies", Value::Object(schemas)) => {
                    schemas.values().try_for_each(|schema| self.expand(schema, depth + 1))?;
                }
                ("not" | "items" | "additionalItems" | "additionalProperties", Value::Object(_)) => {
                    self.expand(value, depth + 1)?;
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Applies the schema to the value; `None` if that takes too many steps.
    fn apply(&mut self, schema: &'s Value, value: &Value, depth: usize) -> Option<()> {
        self.enter(depth)?;
        let depth = depth + 1;
        if let Some(reference) = reference(schema) {
            if is_meta(reference) {
                return self.spend(META.saturating_mul(size(value)));
            }
            return self.targets(reference).into_iter().try_for_each(|target| self.apply(target, value, depth));
        }
        let Value::Object(keywords) = schema else { return Some(()) };
        for (keyword, part) in keywords {
            self.spend(compared(keyword, part))?;
            match (keyword.as_str(), part) {
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    schemas.iter().try_for_each(|schema| self.apply(schema, value, depth))?;
                }
                ("not", Value::Object(_)) => self.apply(part, value, depth)?,
                ("dependencies", Value::Object(schemas)) => {
                    schemas.values().try_for_each(|schema| self.apply(schema, value, depth))?;
                }
                (_, Value::Object(_) | Value::Array(_)) => self.apply_within(schema, keyword, part, value, depth)?,
                _ => {}
            }
        }
        Some(())
    }

    /// Applies what concerns the value's members or items.
    fn apply_within(
        &mut self,
        schema: &'s Value,
        keyword: &str,
        part: &'s Value,
        value: &Value,
        depth: usize,
    ) -> Option<()> {
        match (keyword, part, value) {
            ("properties", Value::Object(schemas), Value::Object(members)) => {
                let both = schemas.iter().filter_map(|(name, schema)| Some((schema, members.get(name)?)));
                both.into_iter().try_for_each(|(schema, member)| self.apply(schema, member, depth))
            }
            // Whether a pattern matches is not found out.
            ("patternProperties", Value::Object(schemas), Value::Object(members)) => {
                let mut pairs =
                    schemas.values().flat_map(|schema| members.values().map(move |member| (schema, member)));
                pairs.try_for_each(|(schema, member)| self.apply(schema, member, depth))
            }
            ("additionalProperties", _, Value::Object(members)) => {
                let named = schema.get("properties");
                let is_additional = |name: &str| named.is_none_or(|named| named.get(name).is_none());
                let mut others = members.iter().filter(|(name, _)| is_additional(name));
                others.try_for_each(|(_, member)| self.apply(part, member, depth))
            }
            ("items", Value::Array(schemas), Value::Array(items)) => {
                schemas.iter().zip(items).try_for_each(|(schema, item)| self.apply(schema, item, depth))
            }
            ("items" | "additionalItems", Value::Object(_), Value::Array(items)) => {
                items.iter().try_for_each(|item| self.apply(part, item, depth))
            }
            _ => Some(()),
        }
    }

    fn enter(&mut self, depth: usize) -> Option<()> {
        self.spend(1)?;
        (depth < DEPTH).then_some(())
    }
}

/// What a keyword compares a value with takes far less than a schema does: a step for every sixteen.
fn compared(keyword: &str, part: &Value) -> usize {
    match (keyword, part) {
        ("enum" | "required", Value::Array(listed)) => listed.len() / 16,
        ("properties" | "dependencies" | "patternProperties", Value::Object(named)) => named.len() / 16,
        _ => 0,
    }
}

fn id(schema: &Value) -> Option<&str> {
    schema.get("id")?.as_str()
}

/// Whether the address may be that of a schema with that `id`: of the same last part, or of one that could be written otherwise.
fn may_be(id: Option<&str>, address: &str) -> bool {
    let last = |address: &str| address.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(id) = id else { return address.is_empty() };
    let path = id.split('#').next().unwrap_or_default();
    address.is_empty()
        || last(path) == last(address)
        || [path, address]
            .iter()
            .any(|path| path.contains('%') || path.split('/').any(|part| matches!(part, "." | "..")))
}

/// What the schema refers to; then nothing else in it counts in draft 4.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()
}

fn is_meta(reference: &str) -> bool {
    reference.starts_with("http://json-schema.org/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_bearable(schema: &Value, value: &Value) -> bool {
        Effort::of(schema, &[]).is_bearable(value, size(value))
    }

    /// Each definition applies the next one twice.
    fn laughs(count: usize, apply: fn(Value) -> Value) -> Value {
        let mut definitions: serde_json::Map<String, Value> = (0..count)
            .map(|n| (format!("l{n}"), apply(json!({"$ref": format!("#/definitions/l{}", n + 1)}))))
            .collect();
        definitions.insert(format!("l{count}"), json!({"type": "object"}));
        json!({"definitions": definitions, "allOf": [{"$ref": "#/definitions/l0"}]})
    }

    #[test]
    fn schemas_that_multiply_themselves_are_not_applied() {
        for apply in [
            |next: Value| json!({"allOf": [next, next]}),
            |next: Value| json!({"anyOf": [{"not": next}, next]}),
            |next: Value| json!({"oneOf": [next, {"dependencies": {"a": next}}]}),
        ] {
            assert!(is_bearable(&laughs(10, apply), &json!({})));
            assert!(!is_bearable(&laughs(40, apply), &json!({})));
        }
        let branching = json!({"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}});
        let deep = |count| (0..count).fold(json!({}), |inner, _| json!({"a": inner}));
        assert!(is_bearable(&branching, &deep(10)));
        assert!(!is_bearable(&branching, &deep(60)));
        let named = json!({"id": "http://x/", "definitions": {"a": {"id": "#a", "items": {"anyOf": [{"$ref": "#a"}, {"$ref": "#a"}]}}}, "$ref": "#a"});
        let deep = |count| (0..count).fold(json!([]), |inner, _| json!([inner]));
        assert!(is_bearable(&named, &deep(10)));
        assert!(!is_bearable(&named, &deep(60)));
    }

    #[test]
    fn schemas_that_never_end_are_not_applied() {
        for schema in [
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}, "not": {"$ref": "#/definitions/a"}}),
        ] {
            assert!(!is_bearable(&schema, &json!({})));
        }
    }

    #[test]
    fn references_by_address_are_told_apart() {
        let other = json!({"definitions": {"other": {"id": "http://x/other.json", "type": "object"}}, "allOf": [{"$ref": "http://x/other.json"}]});
        assert!(is_bearable(&other, &json!({})));
        let disguised = json!({
            "id": "http://x/roo%74",
            "definitions": {"decoy": {"id": "http://y/root"}},
            "allOf": [{"$ref": "http://x/root"}],
        });
        assert!(!is_bearable(&disguised, &json!({})));
        let tree = json!({
            "id": "http://x/tree",
            "properties": {"nodes": {"items": {"$ref": "node"}}},
            "definitions": {"node": {"id": "http://x/node", "properties": {"subtree": {"$ref": "tree"}}}},
        });
        let deep = |count| (0..count).fold(json!({"nodes": []}), |inner, _| json!({"nodes": [{"subtree": inner}]}));
        assert!(is_bearable(&tree, &deep(20)));
    }

    #[test]
    fn large_schemas_meet_small_values_and_small_schemas_large_ones() {
        let listed: Vec<_> = (0..9_000).map(|n| json!(n)).collect();
        let large = json!({"items": {"enum": listed}});
        let numbers = |count: usize| Value::Array(vec![json!(1); count]);
        assert!(is_bearable(&large, &numbers(1_000)));
        assert!(!is_bearable(&large, &numbers(10_000)));
        let tree = json!({"properties": {"children": {"items": {"$ref": "#"}}, "name": {"type": "string"}}});
        let wide = json!({"children": vec![json!({"name": "x", "children": []}); 20_000]});
        assert!(is_bearable(&tree, &wide));
        assert!(is_bearable(&json!({"$ref": "http://json-schema.org/draft-04/schema#"}), &tree));
    }
}

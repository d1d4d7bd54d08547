//! `?fields=`: answering with some members of a resource alone. Members are kept as they are written, so that no number
//! changes on the way.

use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::operation::json::parts::{Parts, object, parts};

/// Members that one request may name, and names on the way to one.
const MOST: usize = 64;
const DEEPEST: usize = 8;

/// Which members are wanted: the way to each.
#[derive(Debug)]
pub struct Selection(Vec<Vec<String>>);

impl Selection {
    /// Reads names separated by commas, each with the way to it: `info.uuid,data_record`.
    /// # Errors
    /// An empty name, or too many.
    pub fn parse(text: &str) -> Result<Selection> {
        let paths: Vec<Vec<String>> =
            text.split(',').map(|path| path.trim().split('.').map(str::to_owned).collect()).collect();
        let fits = |path: &Vec<String>| path.len() <= DEEPEST && path.iter().all(|name| !name.is_empty());
        match paths.len() <= MOST && paths.iter().all(fits) && !text.contains('\0') {
            true => Ok(Selection(paths)),
            false => Err(Error::invalid(format!(
                "fields must be at most {MOST} names separated by commas, such as info.uuid,data_record"
            ))),
        }
    }

    /// The resource with the wanted members. Of a list of records, each is shown so, and what counts them stays.
    pub fn apply(&self, resource: &str) -> String {
        let paths: Vec<&[String]> = self.0.iter().map(Vec::as_slice).collect();
        let Ok(Parts::Object(members)) = parts(resource) else { return show(resource, &paths) };
        let Some((list, _)) = members.iter().find(|(name, value)| is_list(name, value)) else {
            return show(resource, &paths);
        };
        if paths.iter().any(|path| path.first() == Some(list)) {
            return show(resource, &paths);
        }
        let shown = members.iter().map(|(name, value)| match name == list {
            true => (name.as_str(), show(value.get(), &paths)),
            false => (name.as_str(), value.get().to_owned()),
        });
        object(shown)
    }
}

/// Whether a member is what the resource lists: records, or the rows of a table.
fn is_list(name: &str, value: &RawValue) -> bool {
    name == "records" || name == "data" && value.get().starts_with('[')
}

fn show(json: &str, paths: &[&[String]]) -> String {
    match parts(json) {
        Ok(Parts::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| show(item.get(), paths)).collect();
            format!("[{}]", items.join(","))
        }
        Ok(Parts::Object(members)) => object(members.iter().filter_map(|(name, value)| {
            let rests: Vec<&[String]> = paths
                .iter()
                .filter_map(|path| path.split_first().filter(|(first, _)| *first == name))
                .map(|(_, rest)| rest)
                .collect();
            match rests.is_empty() {
                true => None,
                false if rests.iter().any(|rest| rest.is_empty()) => Some((name.as_str(), value.get().to_owned())),
                false => Some((name.as_str(), show(value.get(), &rests))),
            }
        })),
        // A way that leads beyond a plain value ends at it.
        _ => json.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_kept_as_they_are_written() {
        let resource = r#"{"a":{"b":1.0e400,"c":"\u00e9"},"list":[{"x":1,"y":2},{"x":3}],"n":null}"#;
        for (fields, expected) in [
            ("a", r#"{"a":{"b":1.0e400,"c":"\u00e9"}}"#),
            ("a.b", r#"{"a":{"b":1.0e400}}"#),
            ("a.b,a", r#"{"a":{"b":1.0e400,"c":"\u00e9"}}"#),
            ("list.x, n", r#"{"list":[{"x":1},{"x":3}],"n":null}"#),
            ("n.deeper", r#"{"n":null}"#),
            ("missing", "{}"),
        ] {
            assert_eq!(Selection::parse(fields).expect(fields).apply(resource), expected, "{fields}");
        }
    }

    #[test]
    fn of_lists_each_record_is_shown_so() {
        let resource = r#"{"records":[{"uuid":"a","id":1},{"uuid":"b","id":2}],"total":2}"#;
        for (fields, expected) in [
            ("uuid", r#"{"records":[{"uuid":"a"},{"uuid":"b"}],"total":2}"#),
            ("records.id", r#"{"records":[{"id":1},{"id":2}]}"#),
        ] {
            assert_eq!(Selection::parse(fields).expect(fields).apply(resource), expected, "{fields}");
        }
        for (resource, expected) in [
            (r#"{"data":[{"id":"1","age":2}],"total":1}"#, r#"{"data":[{"age":2}],"total":1}"#),
            (r#"{"data":{"age":2},"total":1}"#, "{}"),
        ] {
            assert_eq!(Selection::parse("age").expect("a name").apply(resource), expected, "{resource}");
        }
        assert!(Selection::parse("a,,b").is_err() && Selection::parse(&"a,".repeat(100)).is_err());
    }
}

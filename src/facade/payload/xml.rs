//! XML of systems that know nothing of the gateway, as a JSON value. Nothing is refused that XML allows, and everything is
//! text: what [`facade/tree`](crate::facade::tree) reads has types, but no attributes and no text beside elements.
//!
//! An element with nothing but text is a text. Else it is an object of the elements within it, by their names without
//! prefixes, those of one name in an array; attributes are called `@name`, and text beside them `#text`.

use serde_json::{Map, Value};

use super::add;
use crate::operation::json::{DEPTH, MOST_VALUES};
use crate::xml::document::{Document, Element, XSI};
use crate::xml::{Limits, XmlError};

/// Reads a document; what its outermost element is called is left out.
/// # Errors
/// What is not XML, or too much of it.
pub(super) fn read(text: &str) -> Result<Value, XmlError> {
    let limits = Limits { depth: DEPTH - 1, children: MOST_VALUES, nodes: MOST_VALUES, ..Limits::default() };
    Ok(value(Document::read(text, limits)?.root()))
}

fn value(element: Element<'_, '_>) -> Value {
    if element.is_nil() {
        return Value::Null;
    }
    let mut members = Map::new();
    for attribute in element.attributes().iter().filter(|attribute| &*attribute.name.namespace != XSI) {
        add(&mut members, &format!("@{}", attribute.name.local), (&*attribute.value).into());
    }
    let mut arrays = Map::new();
    for child in element.children() {
        match arrays.get_mut(child.local()) {
            Some(Value::Array(values)) => values.push(value(child)),
            _ => drop(arrays.insert(child.local().to_owned(), Value::Array(vec![value(child)]))),
        }
    }
    let is_leaf = members.is_empty() && arrays.is_empty();
    for (name, values) in arrays {
        match values {
            Value::Array(mut values) if values.len() == 1 => drop(members.insert(name, values.remove(0))),
            values => drop(members.insert(name, values)),
        }
    }
    let text = element.text();
    match is_leaf {
        true => Value::from(text),
        false if text.trim().is_empty() => Value::Object(members),
        false => {
            members.insert("#text".to_owned(), text.trim().into());
            Value::Object(members)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_attributes_and_text_become_members() {
        for (text, expected) in [
            ("<a>1</a>", json!("1")),
            ("<a/>", json!("")),
            ("<a><b>1</b><b>2</b><c/></a>", json!({"b": ["1", "2"], "c": ""})),
            ("<a><b><c>1</c></b><b><c>2</c></b></a>", json!({"b": [{"c": "1"}, {"c": "2"}]})),
            ("<a id=\"7\">x</a>", json!({"@id": "7", "#text": "x"})),
            ("<a>x <b>y</b> z</a>", json!({"b": "y", "#text": "x  z"})),
            ("<n:a xmlns:n=\"urn:n\"><n:b n:k=\"v\">1</n:b></n:a>", json!({"b": {"@k": "v", "#text": "1"}})),
            (
                "<a xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><b i:nil=\"true\"/><c i:type=\"x\">1</c></a>",
                json!({"b": null, "c": "1"}),
            ),
        ] {
            assert_eq!(read(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn too_much_is_refused() {
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(&deep(DEPTH - 2)).is_ok() && read(&deep(DEPTH)).is_err());
        assert!(read(&format!("<a>{}</a>", "<b/>".repeat(MOST_VALUES + 1))).is_err());
    }
}

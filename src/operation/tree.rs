//! Data that came without JSON's types, as plain XML does: which type a bare text has is found out from the customer's
//! schema. It knows nothing of XML, and does not check anything: whether the data satisfies the schema is asked later.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::app::rules::Rules;
use crate::operation::json;

/// The name of an array's items in XML; an element with nothing else in it is taken for an array.
pub const ITEM: &str = "item";

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// What it seems to be.
    pub node: Node,
    /// Whether the client said so; then no schema makes anything else of it.
    pub is_typed: bool,
}

/// What a value seems to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Node {
    /// A number, `true`, `false` or `null`, as JSON writes it.
    Literal(String),
    /// Text.
    Text(String),
    /// Values in their order.
    Array(Vec<Tree>),
    /// Values by name, each name once.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// A value of which the client said what it is.
    pub fn typed(node: Node) -> Tree {
        Tree { node, is_typed: true }
    }

    /// A value of which the client did not say what it is.
    pub fn bare(node: Node) -> Tree {
        Tree { node, is_typed: false }
    }

    /// The value as JSON text, with the types that the schema asks for where the client said nothing.
    pub fn to_json(&self, rules: Option<&Rules>) -> String {
        let mut json = String::new();
        write(&mut json, self, Wanted::of(rules));
        json
    }

    /// How long the value's texts are together as JSON writes them, without what stands between them.
    pub(super) fn text_length(&self) -> usize {
        match &self.node {
            Node::Literal(literal) => literal.len(),
            Node::Text(text) => escaped_length(text),
            Node::Array(items) => items.iter().map(Tree::text_length).sum(),
            Node::Object(members) => {
                members.iter().map(|(name, member)| escaped_length(name) + member.text_length()).sum()
            }
        }
    }

    /// The records that the value is, each as JSON text: an array's items, or the value itself.
    pub(super) fn to_records(&self, rules: Option<&Rules>) -> Vec<String> {
        match &self.node {
            // The schema is that of one record, so an array can only be several.
            Node::Array(records) => records.iter().map(|record| record.to_json(rules)).collect(),
            _ => vec![self.to_json(rules)],
        }
    }
}

/// What the schema asks for at one place.
#[derive(Clone, Copy)]
struct Wanted<'r> {
    rules: Option<&'r Rules>,
    schema: Option<&'r Value>,
}

impl<'r> Wanted<'r> {
    fn of(rules: Option<&'r Rules>) -> Wanted<'r> {
        Wanted { rules, schema: rules.and_then(|rules| rules.resolved(rules.schema())) }
    }

    fn within(self, find: impl FnOnce(&'r Value) -> Option<&'r Value>) -> Wanted<'r> {
        let schema = self.schema.and_then(find).and_then(|schema| self.rules?.resolved(schema));
        Wanted { schema, ..self }
    }

    fn member(self, name: &str) -> Wanted<'r> {
        self.within(|schema| schema.get("properties")?.get(name))
    }

    fn item(self, index: usize) -> Wanted<'r> {
        self.within(|schema| match schema.get("items")? {
            Value::Array(each) => each.get(index),
            all => Some(all),
        })
    }

    /// Whether the type is among those that the schema allows, if it names any.
    fn allows(self, name: &str) -> bool {
        match self.schema.and_then(|schema| schema.get("type")) {
            Some(Value::String(one)) => one == name,
            Some(Value::Array(several)) => several.iter().any(|one| one == name),
            _ => false,
        }
    }
}

/// What may be made of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Freedom {
    /// Nothing but what it is.
    Typed,
    /// A value of another type, but not an array around it: it is in one already.
    Item,
    /// Whatever the schema asks for.
    Bare,
}

fn write(json: &mut String, tree: &Tree, wanted: Wanted<'_>) {
    let freedom = if tree.is_typed { Freedom::Typed } else { Freedom::Bare };
    write_node(json, &tree.node, wanted, freedom);
}

fn write_node(json: &mut String, node: &Node, wanted: Wanted<'_>, freedom: Freedom) {
    let own = match node {
        Node::Literal(literal) => return json.push_str(literal),
        Node::Text(_) => "string",
        Node::Array(_) => "array",
        Node::Object(_) => "object",
    };
    let is_free = freedom != Freedom::Typed && !wanted.allows(own);
    if is_free && write_as_wanted(json, node, wanted, freedom) {
        return;
    }
    match node {
        Node::Literal(literal) => json.push_str(literal),
        Node::Text(text) => write_text(json, text),
        Node::Array(items) => write_array(json, items, wanted),
        Node::Object(members) => {
            json.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                write_name(json, index, name);
                write(json, member, wanted.member(name));
            }
            json.push('}');
        }
    }
}

/// Writes the value as something other than it seems to be, if the schema asks for that and it can be.
fn write_as_wanted(json: &mut String, node: &Node, wanted: Wanted<'_>, freedom: Freedom) -> bool {
    let allows = |name: &str| wanted.allows(name);
    let literal = match node {
        Node::Text(text) => match json::trim(text) {
            number if (allows("number") || allows("integer")) && json::is_number(number) => Some(number),
            truth @ ("true" | "false") if allows("boolean") => Some(truth),
            "" if !text.is_empty() => None,
            "" if allows("null") => Some("null"),
            "" if allows("array") => Some("[]"),
            "" if allows("object") => Some("{}"),
            _ => None,
        },
        _ => None,
    };
    match (literal, node) {
        (Some(literal), _) => json.push_str(literal),
        // Something of which there can be several, and is one.
        (None, Node::Text(_) | Node::Object(_)) if allows("array") && freedom == Freedom::Bare => {
            json.push('[');
            write_node(json, node, wanted.item(0), Freedom::Item);
            json.push(']');
        }
        // Something that has nothing but members of just that name.
        (None, Node::Array(items)) if allows("object") => {
            json.push('{');
            write_name(json, 0, ITEM);
            match items.as_slice() {
                [one] => write(json, one, wanted.member(ITEM)),
                several => write_array(json, several, wanted.member(ITEM)),
            }
            json.push('}');
        }
        _ => return false,
    }
    true
}

fn write_array(json: &mut String, items: &[Tree], wanted: Wanted<'_>) {
    json.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(json, item, wanted.item(index));
    }
    json.push(']');
}

fn write_name(json: &mut String, index: usize, name: &str) {
    if index > 0 {
        json.push(',');
    }
    write_text(json, name);
    json.push(':');
}

fn escaped_length(text: &str) -> usize {
    let length = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        // \u0001; of the others that are shorter there are few.
        0..=0x1F => 6,
        _ => 1,
    };
    text.bytes().map(length).sum()
}

fn write_text(json: &mut String, text: &str) {
    // Room for all of it at once: what grows bit by bit is held twice each time.
    json.reserve(escaped_length(text) + 2);
    // Writing to a text does not fail.
    let _ = write!(json, "{}", Value::from(text));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Tree {
        Tree::bare(Node::Text(text.to_owned()))
    }

    fn object(members: &[(&str, Tree)]) -> Tree {
        let members = members.iter().map(|(name, member)| ((*name).to_owned(), member.clone())).collect();
        Tree::bare(Node::Object(members))
    }

    fn becomes(tree: &Tree, schema: &Value, expected: &str) {
        let rules = Rules::compile(&json!({"definitions": {"n a": {"type": "number"}}, "properties": {"a": schema}}));
        let json = object(&[("a", tree.clone())]).to_json(Some(&rules.expect("a schema")));
        assert_eq!(json, format!("{{\"a\":{expected}}}"), "{tree:?} by {schema}");
    }

    #[test]
    fn bare_texts_become_what_the_schema_asks_for() {
        for (given, schema, expected) in [
            ("18", json!({}), "\"18\""),
            ("18", json!({"type": "integer"}), "18"),
            (" 1.50 ", json!({"type": "number"}), "1.50"),
            ("1.5", json!({"type": "integer"}), "1.5"),
            ("018", json!({"type": "number"}), "\"018\""),
            ("18", json!({"type": ["string", "number"]}), "\"18\""),
            ("18", json!({"type": ["null", "number"]}), "18"),
            ("18", json!({"$ref": "#/definitions/n%20a"}), "18"),
            ("1e400", json!({"type": "number"}), "1e400"),
            ("true", json!({"type": "boolean"}), "true"),
            ("1", json!({"type": "boolean"}), "\"1\""),
            ("", json!({"type": ["number", "null"]}), "null"),
            ("", json!({"type": ["string", "null"]}), "\"\""),
            ("", json!({"type": "array"}), "[]"),
            ("", json!({"type": "object"}), "{}"),
            (" ", json!({"type": "null"}), "\" \""),
            ("x", json!({"type": "array"}), "[\"x\"]"),
            ("7", json!({"type": "array", "items": {"type": "integer"}}), "[7]"),
            ("7", json!({"type": "array", "items": [{"type": "integer"}]}), "[7]"),
        ] {
            becomes(&text(given), &schema, expected);
        }
    }

    #[test]
    fn what_seems_one_or_several_becomes_what_the_schema_asks_for() {
        let numbers = json!({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "number"}}}});
        becomes(&object(&[("n", text("1"))]), &numbers, r#"[{"n":1}]"#);
        let items = |items: &[&str]| Tree::bare(Node::Array(items.iter().map(|item| text(item)).collect()));
        becomes(&items(&["1", "2"]), &json!({"type": "array", "items": {"type": "number"}}), "[1,2]");
        let named = json!({"type": "object", "properties": {"item": {"type": "number"}}});
        becomes(&items(&["1"]), &named, r#"{"item":1}"#);
        let named = json!({"type": "object", "properties": {"item": {"items": {"type": "number"}}}});
        becomes(&items(&["1", "2"]), &named, r#"{"item":[1,2]}"#);
    }

    #[test]
    fn what_the_client_called_by_its_type_stays_so() {
        becomes(&Tree::typed(Node::Text("18".to_owned())), &json!({"type": "number"}), "\"18\"");
        becomes(&Tree::typed(Node::Object(Vec::new())), &json!({"type": "array"}), "{}");
        becomes(&Tree::typed(Node::Array(Vec::new())), &json!({"type": "object"}), "[]");
    }

    #[test]
    fn schemas_that_lead_in_circles_end() {
        becomes(&text("1"), &json!({"$ref": "#/properties/a"}), "\"1\"");
        becomes(&text("1"), &json!({"type": "array", "items": {"$ref": "#/properties/a"}}), "[\"1\"]");
    }
}

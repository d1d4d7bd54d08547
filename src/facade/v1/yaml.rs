//! JSON as YAML, so that a description says the same in both. Texts stand in double quotes, in which JSON's escapes mean the
//! same to YAML 1.2 (§5.7), and so does everything else that JSON has.

use serde_json::Value;

/// The value as a document.
pub fn write(value: &Value) -> String {
    let mut text = String::new();
    append(&mut text, value, 0);
    let mut text = text.trim_start().to_owned();
    text.push('\n');
    text
}

/// Adds a value behind a name or a dash.
fn append(text: &mut String, value: &Value, depth: usize) {
    let begin = |text: &mut String| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                begin(text);
                text.push_str(&key(name));
                text.push(':');
                append(text, value, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                begin(text);
                text.push('-');
                append(text, item, depth + 1);
            }
        }
        plain => {
            text.push(' ');
            text.push_str(&plain.to_string());
        }
    }
}

/// A name as it is where nobody could take it for anything else. Readers of YAML 1.1 take `on` and `n` for truth values.
fn key(name: &str) -> String {
    let is_word = name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    match is_word && !matches!(name, "true" | "false" | "null") {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_mean_something_else_is_quoted() {
        let value = json!({"name": "a: \"b\"\n# c", "200": [], "on": {"null": null}, "list": [1, {"text": "", "flag": true}, [-1.5]]});
        let expected = r##"name: "a: \"b\"\n# c"
"200": []
"on":
  "null": null
list:
  - 1
  -
    text: ""
    flag: true
  -
    - -1.5
"##;
        assert_eq!(write(&value), expected);
    }
}

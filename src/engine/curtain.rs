//! Takes secrets out of what partners send back, in whatever form it may hold them: as they are, or escaped for an
//! address, for JSON or for XML. Which secrets those are is not known here.

use serde_json::{Map, Value};

/// Secrets shorter than this are too likely to be found where they are not meant.
const SHORTEST: usize = 6;
/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// What may not be seen.
pub(super) struct Curtain {
    /// Longer ones first, because a shorter one may be part of them.
    forms: Vec<String>,
}

impl Curtain {
    /// Hides those secrets.
    pub(super) fn of<'s>(secrets: impl Iterator<Item = &'s str>) -> Curtain {
        let mut forms: Vec<String> = secrets.filter(|secret| secret.len() >= SHORTEST).flat_map(forms).collect();
        forms.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        forms.dedup();
        Curtain { forms }
    }

    /// A text without them.
    pub(super) fn hidden(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| match text.contains(form) {
            true => text.replace(form, HIDDEN),
            false => text,
        })
    }

    /// Bytes without them.
    pub(super) fn hidden_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.forms.iter().fold(bytes.to_vec(), |bytes, form| replace(&bytes, form.as_bytes()))
    }

    /// Takes them out of the texts, the names and the numbers of a value.
    pub(super) fn hide(&self, value: &mut Value) {
        if !self.forms.is_empty() {
            self.hide_in(value);
        }
    }

    fn hide_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hidden(text),
            Value::Number(number) => {
                let text = number.to_string();
                if self.holds(&text) {
                    *value = Value::String(self.hidden(&text));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.hide_in(member));
                if members.keys().any(|name| self.holds(name)) {
                    let named = |(name, member): (String, Value)| (self.hidden(&name), member);
                    *members = std::mem::take(members).into_iter().map(named).collect::<Map<_, _>>();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn holds(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form))
    }
}

/// The forms in which a secret may come back.
fn forms(secret: &str) -> [String; 6] {
    let encoded = form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
    let quoted = quote(secret);
    // JSON that tells what it was sent, which was JSON.
    let requoted = quote(&quoted);
    let escaped = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    [secret.to_owned(), encoded.replace('+', "%20"), encoded, quoted, requoted, escaped]
}

/// A text as it stands between the quotes of JSON.
fn quote(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

fn replace(bytes: &[u8], form: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut replaced = Vec::with_capacity(bytes.len());
    while let Some(at) = rest.windows(form.len()).position(|window| window == form) {
        let (before, after) = rest.split_at(at);
        replaced.extend_from_slice(before);
        replaced.extend_from_slice(HIDDEN.as_bytes());
        rest = after.get(form.len()..).unwrap_or_default();
    }
    replaced.extend_from_slice(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form_and_place() {
        let curtain = Curtain::of(["a\"b&c d", "abcdef", "abcdefgh", "71234567", "short"].into_iter());
        let mut value = json!({
            "plain": "<a\"b&c d>",
            "query": ["?k=a%22b%26c+d", "a%22b%26c%20d"],
            "json": r#"{"k":"a\"b&c d","in":"{\"k\":\"a\\\"b&c d\"}"}"#,
            "xml": "a\"b&amp;c d",
            "longer": "abcdefgh abcdef",
            "number": 712_345_678,
            "short": "short",
            "the abcdef": true,
        });
        curtain.hide(&mut value);
        let expected = json!({
            "plain": "<***>",
            "query": ["?k=***", "***"],
            "json": r#"{"k":"***","in":"{\"k\":\"***\"}"}"#,
            "xml": "***",
            "longer": "*** ***",
            "number": "***8",
            "short": "short",
            "the ***": true,
        });
        assert_eq!(value, expected);
        assert_eq!(curtain.hidden_bytes(b"\xff abcdefgh\xfe"), b"\xff ***\xfe");
    }
}

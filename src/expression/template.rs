//! A JSON value whose texts may hold expressions and secrets in double braces, and what it becomes for an input.
//! Where such a value stands, and who keeps the secrets, is not known here.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::engine::Left;
use super::names::Names;
use super::{Expression, Failure, Kind, Limits};
use crate::error::{Error, Result};

/// Arrays and objects in each other.
const DEEPEST: usize = 64;
/// Expressions and secrets of one template.
const MOST_PIECES: usize = 1_000;
/// Bytes of a secret's name.
const LONGEST_NAME: usize = 128;

/// What begins an expression or a secret in a text, and what writes these two braces themselves.
const OPEN: &str = "{{";
const LITERAL: &str = "{{{{";

/// A compiled template.
///
/// * A text that is one expression in braces, `"{{ $.age + 1 }}"`, becomes its value with its type. Without a value, a
///   member is left out of its object, an item of an array is null, and so is the template as a whole.
/// * Expressions among other text, `"Dear {{ $.name }}"`, become text: a text itself, null and no value nothing,
///   anything else its JSON.
/// * `{{secret.NAME}}` is no expression but the secret of that name, where the place of the template may have any.
/// * `{{{{` is two braces. `}}` outside of an expression is itself.
///
/// Members' names are taken as they are.
#[derive(Clone)]
pub struct Template {
    part: Part,
    secrets: Vec<String>,
}

/// A part of the value.
#[derive(Clone, Debug)]
enum Part {
    Constant(Value),
    Whole(Piece),
    Text(Vec<Piece>),
    Array(Vec<Part>),
    Object(Vec<(String, Part)>),
}

/// A part of a text.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Expression(Expression),
    Secret(String),
}

impl Template {
    /// Compiles a value.
    /// # Errors
    /// An expression that is none, braces that are not closed, a value nested too deeply or with too many expressions.
    /// The message begins with the place in the value, such as `headers.Authorization`.
    pub fn compile(value: &Value) -> Result<Template> {
        Compiler { pieces: 0, secrets: Some(Vec::new()) }.template(value)
    }

    /// The same for a place where secrets are not allowed.
    /// # Errors
    /// As for [`Template::compile`]; a secret.
    pub fn compile_without_secrets(value: &Value) -> Result<Template> {
        Compiler { pieces: 0, secrets: None }.template(value)
    }

    /// The names of the secrets it asks for, each once.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// What the template becomes for an input. The limits are for all its expressions together, save the time, which
    /// each of them has.
    /// # Errors
    /// An expression fails, there is no secret of a name, or the outcome is too large. The text begins with the place
    /// in the value, and never holds a secret.
    pub fn render<'s>(
        &self,
        input: &Value,
        names: &Names,
        limits: &Limits,
        secrets: &dyn Fn(&str) -> Option<&'s str>,
    ) -> std::result::Result<Value, Failure> {
        let mut rendering = Rendering { input, names, secrets, left: Left::of(limits) };
        let rendered = rendering.part(&self.part).map_err(Misplaced::failure)?;
        Ok(rendered.unwrap_or(Value::Null))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)
    }
}

/// Something wrong, with the steps that lead to its place, the last one first.
struct Misplaced<T> {
    what: T,
    steps: Vec<String>,
}

impl<T> Misplaced<T> {
    fn here(what: T) -> Misplaced<T> {
        Misplaced { what, steps: Vec::new() }
    }

    fn within(mut self, step: String) -> Misplaced<T> {
        self.steps.push(step);
        self
    }

    /// The place with a colon after it; nothing for the value as a whole.
    fn place(&self) -> String {
        if self.steps.is_empty() {
            return String::new();
        }
        let path: String = self.steps.iter().rev().map(String::as_str).collect();
        format!("{}: ", path.strip_prefix('.').unwrap_or(&path))
    }
}

impl Misplaced<String> {
    fn error(self) -> Error {
        Error::invalid(format!("{}{}", self.place(), self.what))
    }
}

impl Misplaced<Failure> {
    fn failure(self) -> Failure {
        Failure { text: format!("{}{}", self.place(), self.what.text), kind: self.what.kind }
    }
}

fn member(name: &str) -> String {
    format!(".{name}")
}

fn item(at: usize) -> String {
    format!("[{at}]")
}

type Compiled<T> = std::result::Result<T, Misplaced<String>>;

struct Compiler {
    pieces: usize,
    /// The names met so far; `None` where there must not be any.
    secrets: Option<Vec<String>>,
}

impl Compiler {
    fn template(mut self, value: &Value) -> Result<Template> {
        let part = self.part(value, 0).map_err(Misplaced::error)?;
        Ok(Template { part, secrets: self.secrets.unwrap_or_default() })
    }

    fn part(&mut self, value: &Value, depth: usize) -> Compiled<Part> {
        if depth > DEEPEST {
            return Err(Misplaced::here(format!("must not be nested deeper than {DEEPEST} levels")));
        }
        match value {
            Value::String(text) => self.text(text).map_err(Misplaced::here),
            Value::Array(items) => {
                let parts = items
                    .iter()
                    .enumerate()
                    .map(|(at, value)| self.part(value, depth + 1).map_err(|misplaced| misplaced.within(item(at))));
                Ok(Part::array(parts.collect::<Compiled<_>>()?))
            }
            Value::Object(members) => {
                let parts = members.iter().map(|(name, value)| {
                    let part = self.part(value, depth + 1).map_err(|misplaced| misplaced.within(member(name)))?;
                    Ok((name.clone(), part))
                });
                Ok(Part::object(parts.collect::<Compiled<_>>()?))
            }
            constant => Ok(Part::Constant(constant.clone())),
        }
    }

    fn text(&mut self, text: &str) -> std::result::Result<Part, String> {
        let mut pieces = Vec::new();
        let (mut plain, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once(OPEN) {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix(OPEN) {
                plain.push_str(OPEN);
                rest = after;
                continue;
            }
            let Range { start, end } = closing(after).ok_or_else(|| {
                format!("'{OPEN}' without the '}}}}' that closes it; two braces themselves are written '{LITERAL}'")
            })?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(self.piece(after.get(..start).unwrap_or_default())?);
            rest = after.get(end..).unwrap_or_default();
        }
        plain.push_str(rest);
        if pieces.is_empty() {
            return Ok(Part::Constant(Value::String(plain)));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(match <[Piece; 1]>::try_from(pieces) {
            Ok([piece]) => Part::Whole(piece),
            Err(pieces) => Part::Text(pieces),
        })
    }

    fn piece(&mut self, source: &str) -> std::result::Result<Piece, String> {
        self.pieces += 1;
        if self.pieces > MOST_PIECES {
            return Err(format!("a template must not have more than {MOST_PIECES} expressions"));
        }
        if let Some(name) = source.trim().strip_prefix("secret.").filter(|name| is_secret_name(name)) {
            let secrets = self.secrets.as_mut().ok_or("secrets are not allowed here")?;
            if !secrets.iter().any(|known| known == name) {
                secrets.push(name.to_owned());
            }
            return Ok(Piece::Secret(name.to_owned()));
        }
        let expression = Expression::compile(source).map_err(|error| error.message().to_owned())?;
        if expression.0.begins_a_path_with("secret") {
            return Err("a secret stands alone in its braces, as {{secret.NAME}}, and no expression reads it; \
                        a field of that name is $.secret"
                .to_owned());
        }
        Ok(Piece::Expression(expression))
    }
}

impl Part {
    fn array(parts: Vec<Part>) -> Part {
        match parts.iter().all(|part| matches!(part, Part::Constant(_))) {
            true => Part::Constant(Value::Array(parts.into_iter().filter_map(Part::constant).collect())),
            false => Part::Array(parts),
        }
    }

    fn object(parts: Vec<(String, Part)>) -> Part {
        match parts.iter().all(|(_, part)| matches!(part, Part::Constant(_))) {
            true => {
                let members = parts.into_iter().filter_map(|(name, part)| Some((name, part.constant()?)));
                Part::Constant(Value::Object(members.collect()))
            }
            false => Part::Object(parts),
        }
    }

    fn constant(self) -> Option<Value> {
        match self {
            Part::Constant(value) => Some(value),
            _ => None,
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// Where the braces are that close an expression which begins with the text: the first two in a row that stand in no
/// text, name, comment or regular expression, and close no brace of the expression itself.
fn closing(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut at, mut open, mut operand) = (0, 0_usize, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at + 1..).unwrap_or_default();
        let skipped = match byte {
            b'"' | b'\'' | b'`' => after(rest, byte),
            b'/' if rest.starts_with('*') => rest.find("*/").map(|end| end + 2),
            // A regular expression stands where a value may begin; elsewhere this is a division.
            b'/' if !operand => pattern(rest),
            _ => None,
        };
        match byte {
            b'{' => open += 1,
            b'}' if open > 0 => open -= 1,
            b'}' if rest.starts_with('}') => return Some(at..at + 2),
            _ => {}
        }
        let is_comment = byte == b'/' && rest.starts_with('*');
        if !byte.is_ascii_whitespace() && !is_comment {
            operand = skipped.is_some() || byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_$)]}".contains(&byte);
        }
        at += 1 + skipped.unwrap_or(0);
    }
    None
}

/// How many bytes it is to behind the mark that ends what has begun, where a backslash takes the character after it
/// along; `None` if nothing ends it.
fn after(text: &str, mark: u8) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == mark && !escaped;
        // Between backquotes, a backslash is nothing special.
        escaped = byte == b'\\' && !escaped && mark != b'`';
        ends
    })?;
    Some(end + 1)
}

/// How many bytes it is to behind the slash that ends a regular expression: one that stands in no brackets.
fn pattern(text: &str) -> Option<usize> {
    let (mut open, mut escaped) = (0, false);
    let end = text.bytes().position(|byte| {
        let counts = !std::mem::take(&mut escaped);
        match byte {
            b'\\' => escaped = counts,
            b'(' | b'[' | b'{' if counts => open += 1,
            b')' | b']' | b'}' if counts => open -= 1,
            _ => {}
        }
        counts && byte == b'/' && open == 0
    })?;
    Some(end + 1)
}

type Rendered<T> = std::result::Result<T, Misplaced<Failure>>;

struct Rendering<'a, 's> {
    input: &'a Value,
    names: &'a Names,
    secrets: &'a dyn Fn(&str) -> Option<&'s str>,
    left: Left<'a>,
}

impl Rendering<'_, '_> {
    /// The value of a part; `None` if it has none.
    fn part(&mut self, part: &Part) -> Rendered<Option<Value>> {
        match part {
            Part::Constant(value) => Ok(Some(value.clone())),
            Part::Whole(Piece::Expression(expression)) => self.value(expression).map_err(Misplaced::here),
            Part::Whole(piece) => self.text(std::slice::from_ref(piece)).map(Some).map_err(Misplaced::here),
            Part::Text(pieces) => self.text(pieces).map(Some).map_err(Misplaced::here),
            Part::Array(parts) => {
                let mut items = Vec::with_capacity(parts.len());
                for (at, part) in parts.iter().enumerate() {
                    let value = self.part(part).map_err(|misplaced| misplaced.within(item(at)))?;
                    items.push(value.unwrap_or(Value::Null));
                }
                Ok(Some(Value::Array(items)))
            }
            Part::Object(parts) => {
                let mut members = Map::new();
                for (name, part) in parts {
                    if let Some(value) = self.part(part).map_err(|misplaced| misplaced.within(member(name)))? {
                        members.insert(name.clone(), value);
                    }
                }
                Ok(Some(Value::Object(members)))
            }
        }
    }

    fn text(&mut self, pieces: &[Piece]) -> std::result::Result<Value, Failure> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(plain) => text.push_str(self.spend(plain)?),
                Piece::Secret(name) => {
                    let secret = (self.secrets)(name).ok_or_else(|| missing(name))?;
                    text.push_str(self.spend(secret)?);
                }
                Piece::Expression(expression) => match self.value(expression)? {
                    None | Some(Value::Null) => {}
                    Some(Value::String(value)) => text.push_str(&value),
                    Some(value) => text.push_str(&value.to_string()),
                },
            }
        }
        Ok(Value::String(text))
    }

    fn value(&mut self, expression: &Expression) -> std::result::Result<Option<Value>, Failure> {
        expression.0.evaluate(Some(self.input), self.names, &mut self.left)
    }

    fn spend<'t>(&mut self, text: &'t str) -> std::result::Result<&'t str, Failure> {
        self.left.spend_output(text.len())?;
        Ok(text)
    }
}

fn missing(secret: &str) -> Failure {
    Failure { text: format!("there is no secret named '{secret}'"), kind: Kind::Expression }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(template: &Value) -> std::result::Result<Value, Failure> {
        let input = json!({"name": "Ada", "age": 36, "none": null, "list": [1, 2], "secret": {"x": 1}});
        let secret = |name: &str| (name == "API_KEY").then_some("hush-hush");
        let template = Template::compile(template).expect("a template");
        template.render(&input, &Names::default(), &Limits::default(), &secret)
    }

    #[test]
    fn a_whole_text_takes_the_value_and_a_part_of_one_its_text() {
        for (template, expected) in [
            (json!("{{ age + 1 }}"), json!(37)),
            (json!("{{ list }}"), json!([1, 2])),
            (json!("{{ nothing }}"), json!(null)),
            (json!("Dear {{ name }}, {{age}}!"), json!("Dear Ada, 36!")),
            (json!("<{{ none }}|{{ nothing }}|{{ list }}|{{ age > 1 }}>"), json!("<||[1,2]|true>")),
            (json!({"a": "{{ nothing }}", "b": "{{ none }}", "c": 1}), json!({"b": null, "c": 1})),
            (json!(["{{ nothing }}", "x"]), json!([null, "x"])),
            (json!({"{{ name }}": [{"x": "{{ name }}"}, true]}), json!({"{{ name }}": [{"x": "Ada"}, true]})),
            (json!("plain }} text"), json!("plain }} text")),
            (json!("{{{{ name }} is {{ name }}"), json!("{{ name }} is Ada")),
            (json!("{{ $.secret.x }}"), json!(1)),
        ] {
            assert_eq!(render(&template), Ok(expected), "{template}");
        }
    }

    #[test]
    fn braces_within_an_expression_do_not_close_it() {
        for (template, expected) in [
            (r#"{{ "}}" & name }}"#, json!("}}Ada")),
            (r#"{{ "}}\"}}" }}"#, json!("}}\"}}")),
            (r#"{{{"a":{"b":name}}}}"#, json!({"a": {"b": "Ada"}})),
            (r#"{{ /* }} " */ name }}"#, json!("Ada")),
            (r#"{{ $replace(name, /[/"]{1}|d/, "b") }}"#, json!("Aba")),
            (r#"{{ age / 2 / 3 }}{{ "/" }}"#, json!("6/")),
            (r#"{{ `}}\` ? 1 : "é}}" }}"#, json!("é}}")),
            (r#"{{ (list)[0] / 1 }}x{{ '}}' }}"#, json!("1x}}")),
        ] {
            assert_eq!(render(&json!(template)), Ok(expected), "{template}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let nested = (0..70).fold(json!("x"), |value, _| json!([value]));
        for (template, expected) in [
            (
                json!({"headers": {"Authorization": "x {{ a + }}"}}),
                "headers.Authorization: The expression is not valid",
            ),
            (json!(["a", {"b": ["{{ a"]}]), "[1].b[0]: '{{' without the '}}' that closes it"),
            (json!("{{ $eval('1') }}"), "The expression is not valid at line 1, column 2: $eval is not available"),
            (json!("{{ 'x' & secret.X }}"), "a secret stands alone in its braces"),
            (json!("{{ secret.X-ä }}"), "a secret stands alone in its braces"),
            (nested, "must not be nested deeper than 64 levels"),
            (json!("{{1}}".repeat(1_001)), "a template must not have more than 1000 expressions"),
        ] {
            let error = Template::compile(&template).expect_err("no template");
            let message = error.message().trim_start_matches("[0]").trim_start_matches(": ");
            assert!(message.starts_with(expected), "{template}: {}", error.message());
        }
        let failure = render(&json!({"a": [{"b": "{{ 1 + name }}"}]})).expect_err("no number");
        assert_eq!(failure.kind, Kind::Expression);
        assert!(failure.text.starts_with("a[0].b: The right side of the \"+\" operator"), "{failure}");
    }

    #[test]
    fn secrets_are_named_given_and_never_told() {
        let value = json!({"h": {"key": "{{secret.API_KEY}}", "auth": "Bearer {{ secret.API_KEY }}!"}});
        let template = Template::compile(&value).expect("a template");
        assert_eq!(template.secrets().collect::<Vec<_>>(), ["API_KEY"]);
        assert_eq!(render(&value), Ok(json!({"h": {"key": "hush-hush", "auth": "Bearer hush-hush!"}})));
        let refused = Template::compile_without_secrets(&value).expect_err("no secrets");
        assert_eq!(refused.message(), "h.key: secrets are not allowed here");
        assert!(!format!("{template:?}").contains("hush"));
        let missing = render(&json!({"h": ["{{secret.API_KEY}}", "{{secret.other.one-2}}"]})).expect_err("none such");
        assert_eq!(missing.text, "h[1]: there is no secret named 'other.one-2'");
        let failed = render(&json!("{{secret.API_KEY}} {{ $error('no') }}")).expect_err("it says so");
        assert!(!failed.text.contains("hush"), "{failed}");
    }

    #[test]
    fn the_limits_are_for_all_expressions_together() {
        let template = |count: usize, source: &str| vec![json!(format!("{{{{ {source} }}}}")); count];
        let limits = Limits { steps: 1_000, memory: 100_000, output: 10_000, ..Limits::default() };
        let render = |count, source| {
            let template = Template::compile(&Value::Array(template(count, source))).expect("a template");
            template.render(&json!({"big": "x".repeat(3_000)}), &Names::default(), &limits, &|_| None)
        };
        for (source, kind) in [
            ("$sum([1..30].($ * 2))", Kind::TooManySteps),
            ("$length($pad('x', 20000))", Kind::TooLarge),
            ("big", Kind::TooLarge),
        ] {
            assert!(render(3, source).is_ok(), "{source}: {:?}", render(3, source));
            assert_eq!(render(30, source).map_err(|failure| failure.kind), Err(kind), "{source}");
        }
    }
}

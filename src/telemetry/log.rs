//! The log: one line an event on standard error, as text or as JSON, with the event's fields.
//!
//! Much of what is logged comes from clients. Control characters are escaped in both forms, so that nobody can write
//! a line of the log by sending one.

use std::fmt::Write as _;
use std::io::Write as _;

use env_logger::{Builder, Target, WriteStyle};
use log::kv::{Key, Value, VisitSource};
use log::{LevelFilter, Record};
use serde_json::{Map, Value as Json};

use super::context;
use crate::config::log::{Format, Log};
use crate::error::{Error, Result};

/// Starts the log. It can be started once in a process.
pub fn start(settings: &Log) -> Result<()> {
    let mut builder = Builder::new();
    // Every client that breaks off or speaks wrongly is an error to the HTTP layer; unless asked for, it is none to us.
    builder.filter_module("actix_http", LevelFilter::Off);
    builder.parse_filters(&settings.level).target(Target::Stderr);
    match settings.format {
        Format::Text => builder.format(|out, record| {
            let time = out.timestamp_millis();
            let style = out.default_level_style(record.level());
            let level = format!("{style}{:5}{style:#}", record.level());
            writeln!(out, "{time} {level} {}", text(record))
        }),
        Format::Json => builder.write_style(WriteStyle::Never).format(|out, record| {
            let time = out.timestamp_millis().to_string();
            writeln!(out, "{}", json(record, time))
        }),
    };
    builder.try_init().map_err(Error::internal)
}

/// `auth: The address was refused address=192.0.2.7`.
fn text(record: &Record<'_>) -> String {
    let mut line = String::new();
    push_escaped(&mut line, room(record));
    line.push_str(": ");
    push_escaped(&mut line, &record.args().to_string());
    for (key, value) in &fields(record) {
        line.push(' ');
        push_escaped(&mut line, key);
        line.push('=');
        match value {
            Json::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => {
                push_escaped(&mut line, text);
            }
            // Quoted, so that a value cannot pass for another field.
            other => push_escaped(&mut line, &other.to_string()),
        }
    }
    line
}

fn json(record: &Record<'_>, time: String) -> Json {
    let fields = fields(record);
    let mut line = Map::new();
    line.insert("time".to_owned(), Json::String(time));
    line.insert("level".to_owned(), Json::String(record.level().to_string().to_lowercase()));
    line.insert("room".to_owned(), Json::String(room(record).to_owned()));
    line.insert("message".to_owned(), Json::String(record.args().to_string()));
    if !fields.is_empty() {
        line.insert("fields".to_owned(), Json::Object(fields));
    }
    Json::Object(line)
}

/// The event's own fields, then those of the work that it happened in.
fn fields(record: &Record<'_>) -> Map<String, Json> {
    let mut fields = Fields(Map::new());
    if record.key_values().visit(&mut fields).is_err() {
        fields.0.clear();
    }
    context::visit(&mut |key, value| {
        fields.0.entry(key).or_insert_with(|| Json::String(value.to_owned()));
    });
    fields.0
}

fn room<'a>(record: &'a Record<'_>) -> &'a str {
    record.target().strip_prefix("flowgate::").unwrap_or(record.target())
}

fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            // The line and paragraph separators break lines in some viewers.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                // Writing to a String does not fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}

struct Fields(Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> std::result::Result<(), log::kv::Error> {
        let value = match (value.to_i64(), value.to_bool(), value.to_f64()) {
            (Some(number), _, _) => Json::from(number),
            (_, Some(flag), _) => Json::Bool(flag),
            (_, _, Some(number)) if value.to_borrowed_str().is_none() => Json::from(number),
            _ => Json::String(value.to_string()),
        };
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn with_record<T>(message: &str, check: impl Fn(&Record<'_>) -> T) -> T {
        let fields: &[(&str, Value<'_>)] =
            &[("count", Value::from(3)), ("flow", Value::from("Leads\nx")), ("ok", Value::from(true))];
        check(
            &Record::builder()
                .args(format_args!("{message}"))
                .level(Level::Warn)
                .target("flowgate::auth")
                .key_values(&fields)
                .build(),
        )
    }

    #[test]
    fn text_lines_carry_fields_and_stay_one_line() {
        let line = with_record("Refused\r\n2026 INFO forged \u{1b}[31m\u{2028}", text);
        let expected = r#"auth: Refused\r\n2026 INFO forged \u{1b}[31m\u{2028} count=3 flow="Leads\nx" ok=true"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn lines_carry_the_fields_of_the_work_they_are_written_in() {
        let around = [("request_id", "r 1\n"), ("flow", "not this one")];
        let context = context::Context::new(around.map(|(key, value)| (key, value.into())));
        let (text, json) = context::within_sync(context, || {
            (with_record("Refused", text), with_record("Refused", |record| json(record, String::new())))
        });
        assert_eq!(text, r#"auth: Refused count=3 flow="Leads\nx" ok=true request_id="r 1\n""#);
        let expected = serde_json::json!({"count": 3, "flow": "Leads\nx", "ok": true, "request_id": "r 1\n"});
        assert_eq!(json["fields"], expected);
    }

    #[test]
    fn json_lines_are_objects() {
        let line = with_record("Refused\n", |record| json(record, "2026-01-01T00:00:00.000Z".to_owned())).to_string();
        assert!(!line.contains('\n'));
        let line: Json = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["message"], "Refused\n");
        assert_eq!(line["room"], "auth");
        assert_eq!(line["fields"], serde_json::json!({"count": 3, "flow": "Leads\nx", "ok": true}));
    }
}

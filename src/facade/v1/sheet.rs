//! Rows of tables as text whose fields are separated by commas or the like (RFC 4180): taken in, and given out bit by bit.

use std::io::Cursor;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result, Violation};
use crate::facade::v1::call::Call;
use crate::facade::v1::definition::name;
use crate::facade::v1::parameter::{Kind, Parameter};
use crate::facade::v1::reply::{Instead, Reply};
use crate::operation::execute;
use crate::operation::table::export::{ExportRows, Exported, Writing};
use crate::operation::table::import::{ImportRows, Imported, Reading};

/// The media type.
pub const CSV: &str = "text/csv";
/// What separates the fields.
pub const DELIMITER: Parameter = Parameter {
    name: "delimiter",
    headers: &[],
    queries: &["delimiter"],
    doc: "What separates the fields; an import finds it out if it is absent, an export uses commas.",
    kind: Kind::Choice(&["comma", "semicolon", "tab", "pipe"]),
    example: "comma",
};
/// Whether the first line has names.
pub const HEADER: Parameter = Parameter {
    name: "header",
    headers: &[],
    queries: &["header"],
    doc: "Whether the first line names the columns; an import finds it out if it is absent, an export names them.",
    kind: Kind::Choice(&["yes", "no"]),
    example: "yes",
};
/// Whether nothing is written.
pub const DRY_RUN: Parameter = Parameter {
    name: "dry_run",
    headers: &[],
    queries: &["dry_run"],
    doc: "`yes` to be told what would come of it, line by line, and to change nothing.",
    kind: Kind::Choice(&["yes", "no"]),
    example: "yes",
};
/// Whether formulas are made harmless.
pub const NEUTRAL: Parameter = Parameter {
    name: "neutral",
    headers: &[],
    queries: &["neutral"],
    doc: "`yes` to put an apostrophe before every value that a spreadsheet may take for a formula.",
    kind: Kind::Choice(&["yes", "no"]),
    example: "yes",
};

/// What came of an import.
#[derive(Serialize, ToSchema)]
pub struct ShownImport {
    /// The table.
    table: String,
    /// How many rows the text has.
    rows: u64,
    /// How many rows were inserted: all, or none.
    imported: u64,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// What separates the fields.
    delimiter: String,
    /// Whether the first line names the columns.
    header: bool,
    /// The columns that the fields are for.
    columns: Vec<String>,
    /// The first rows as they are, or would be.
    #[schema(value_type = Vec<Object>)]
    preview: Vec<Map<String, Value>>,
    /// How many lines something is wrong with.
    flawed: u64,
    /// What is wrong, of the first hundred of them.
    errors: Vec<ShownFlaw>,
}

/// What is wrong with a line.
#[derive(Serialize, ToSchema)]
pub struct ShownFlaw {
    /// The number of the line, from 1.
    line: u64,
    /// What is wrong, and what was expected.
    message: String,
}

/// `POST /v1/tables/{table_name}/import`.
pub async fn import(call: &Call<'_>) -> Result<Reply> {
    if call.idempotency_key()?.is_some() {
        let message = "Idempotency-Key is not honoured here; a unique column refuses what was imported before";
        return Err(Error::invalid(message));
    }
    let table = name(call)?;
    let reading = Reading {
        delimiter: call.parameters.in_query(&DELIMITER)?.map(delimiter).transpose()?,
        has_header: yes(call, &HEADER)?,
        is_dry: yes(call, &DRY_RUN)?.unwrap_or(false),
    };
    let source = Box::new(Cursor::new(call.body.clone()));
    let operation = ImportRows { table: table.clone(), source, reading, told: Box::new(|_| {}) };
    let imported = execute(call.app, call.caller()?, operation).await?;
    if imported.flawed > 0 && !reading.is_dry {
        return Err(refused(&imported));
    }
    let Imported { delimiter, has_header, columns, rows, preview, flaws, flawed, is_done } = imported;
    let errors = flaws.into_iter().map(|flaw| ShownFlaw { line: flaw.line, message: flaw.message }).collect();
    let delimiter = char::from(delimiter).to_string();
    let imported = if is_done { rows } else { 0 };
    let mut reply = Reply::of(&ShownImport {
        table,
        rows,
        imported,
        dry_run: reading.is_dry,
        delimiter,
        header: has_header,
        columns,
        preview,
        flawed,
        errors,
    })?;
    reply.message = Some(match (reading.is_dry, flawed) {
        (false, _) => format!("{imported} rows were imported"),
        (true, 0) => format!("{rows} rows can be imported; nothing was"),
        (true, _) => format!("{flawed} of {rows} lines cannot be imported"),
    });
    Ok(reply)
}

fn refused(imported: &Imported) -> Error {
    let Imported { rows, flawed, flaws, .. } = imported;
    let about = flaws.iter().map(|flaw| Violation {
        record: None,
        path: format!("line {}", flaw.line),
        reason: flaw.message.clone(),
    });
    let first = flaws.first().map(|flaw| format!(": line {}: {}", flaw.line, flaw.message)).unwrap_or_default();
    Error::invalid(format!("{flawed} of {rows} lines cannot be imported, and nothing was{first}"))
        .about(about.collect())
}

/// `GET /v1/tables/{table_name}/export`.
pub async fn export(call: &Call<'_>) -> Result<Reply> {
    let table = name(call)?;
    let writing = Writing {
        delimiter: call.parameters.in_query(&DELIMITER)?.map_or(Ok(b','), delimiter)?,
        has_header: yes(call, &HEADER)?.unwrap_or(true),
        is_neutral: yes(call, &NEUTRAL)?.unwrap_or(false),
    };
    let (caller, first) = (call.caller()?.clone(), ExportRows { table: table.clone(), after: None, writing });
    let begun = execute(call.app, &caller, first.clone()).await?;
    let mut reply = Reply::of_text("null".to_owned());
    let header = if writing.has_header { "present" } else { "absent" };
    let file = format!("attachment; filename=\"{table}.csv\"");
    reply.headers = vec![
        (CONTENT_TYPE, text(&format!("{CSV}; charset=utf-8; header={header}"))?),
        (CONTENT_DISPOSITION, text(&file)?),
    ];
    reply.instead = Some(Instead::Stream(Box::pin(rest(app(call.request)?, caller, first, begun))));
    Ok(reply)
}

/// What was written, and what follows it.
fn rest(
    app: Data<App>,
    caller: Caller,
    operation: ExportRows,
    begun: Exported,
) -> impl stream::Stream<Item = Result<Bytes>> {
    stream::unfold(Some(begun), move |written| {
        let (app, caller, operation) = (app.clone(), caller.clone(), operation.clone());
        async move {
            let Exported { text, last, .. } = written?;
            let next = match last {
                None => None,
                Some(last) => Some(execute(&app, &caller, ExportRows { after: Some(last), ..operation }).await),
            };
            match next {
                // What was cut off must not look like a whole file: the connection is ended.
                Some(Err(error)) => Some((Err(error), None)),
                next => Some((Ok(Bytes::from(text)), next.and_then(Result::ok))),
            }
        }
    })
}

fn app(request: &HttpRequest) -> Result<Data<App>> {
    request.app_data::<Data<App>>().cloned().ok_or_else(|| Error::internal("a request came to no gateway"))
}

fn text(value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(Error::internal)
}

fn delimiter(written: &str) -> Result<u8> {
    match written {
        "comma" | "," => Ok(b','),
        "semicolon" | ";" => Ok(b';'),
        "tab" | "\t" => Ok(b'\t'),
        "pipe" | "|" => Ok(b'|'),
        _ => Err(Error::invalid("delimiter must be comma, semicolon, tab or pipe")),
    }
}

fn yes(call: &Call<'_>, parameter: &Parameter) -> Result<Option<bool>> {
    match call.parameters.in_query(parameter)? {
        None => Ok(None),
        Some("yes" | "true" | "1") => Ok(Some(true)),
        Some("no" | "false" | "0") => Ok(Some(false)),
        Some(_) => Err(Error::invalid(format!("{} must be yes or no", parameter.name))),
    }
}

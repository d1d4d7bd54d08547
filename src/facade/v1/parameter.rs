//! Parameters of a request that are not its body: a header, or else a part of the address.
//!
//! Document 003 lets every parameter travel either way, and has the header win. The table here names each once; the
//! handlers read by it and the description is drawn from it.

use std::borrow::Cow;

use actix_web::http::header::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};

/// One parameter, wherever it may stand.
#[derive(Debug)]
pub struct Parameter {
    /// How messages call it: its documented header or, if it has none, its name in the address.
    pub name: &'static str,
    /// Header names that carry it.
    pub headers: &'static [&'static str],
    /// Names in the address that carry it; the first is the documented one.
    pub queries: &'static [&'static str],
    /// What it says.
    pub doc: &'static str,
    /// What it looks like.
    pub kind: Kind,
    /// A value that works with the demonstration's data.
    pub example: &'static str,
}

/// What a parameter looks like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text of at least one and at most so many characters, none of them a control character.
    Name(u32),
    /// A whole number between the two.
    Integer(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words of one list, separated by commas or spaces.
    List(&'static [&'static str]),
    /// Data records' identifiers, separated by commas or spaces.
    Uuids,
    /// A moment (RFC 3339), or nothing.
    Moment,
    /// A date, or a moment.
    Date,
}

/// What names look like: no control characters, and no space at either end, since headers lose those.
pub const NAME: &str = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$";

/// The parameters of one request.
#[derive(Debug)]
pub struct Parameters<'r> {
    headers: &'r HeaderMap,
    /// The query as it stands in the address.
    written: &'r str,
    query: Vec<(Cow<'r, str>, Cow<'r, str>)>,
}

impl<'r> Parameters<'r> {
    /// Takes the headers and the query of the address.
    pub fn of(headers: &'r HeaderMap, written: &'r str) -> Parameters<'r> {
        let query = if written.is_empty() { Vec::new() } else { form_urlencoded::parse(written.as_bytes()).collect() };
        Parameters { headers, written, query }
    }

    /// Adds what a form in the body says, where that has the meaning of the address (contradiction C5).
    pub fn extend(&mut self, pairs: Vec<(String, String)>) {
        self.query.extend(pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
    }

    /// The value of a parameter: of its header, else of the address. An empty one counts as absent.
    /// # Errors
    /// Two values in headers, or two in the address: either could be the one that was meant.
    pub fn get(&self, parameter: &Parameter) -> Result<Option<Cow<'_, str>>> {
        match self.in_header(parameter)? {
            Some(value) => Ok(Some(value.into())),
            None => Ok(self.in_query(parameter)?.map(Cow::Borrowed)),
        }
    }

    /// The same as a text of its own.
    /// # Errors
    /// As for [`Parameters::get`].
    pub fn text(&self, parameter: &Parameter) -> Result<Option<String>> {
        Ok(self.get(parameter)?.map(Cow::into_owned))
    }

    /// The same where it must be given.
    /// # Errors
    /// As for [`Parameters::get`], or it is absent.
    pub fn require(&self, parameter: &Parameter) -> Result<Cow<'_, str>> {
        self.get(parameter)?.ok_or_else(|| Error::invalid(format!("{} is required", parameter.name)))
    }

    /// The value in a header alone.
    /// # Errors
    /// Two values, or one that is not text.
    pub fn in_header(&self, parameter: &Parameter) -> Result<Option<&'r str>> {
        let mut values = parameter.headers.iter().flat_map(|name| self.headers.get_all(*name));
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Error::invalid(format!("{} is given twice", parameter.name)));
        }
        let text = std::str::from_utf8(value.as_bytes());
        let text = text.map_err(|_| Error::invalid(format!("{} is not UTF-8 text", parameter.name)))?.trim();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The value in the address alone.
    /// # Errors
    /// Two values, or one that is not text.
    pub fn in_query(&self, parameter: &Parameter) -> Result<Option<&str>> {
        let is_named = |name: &str| parameter.queries.contains(&name);
        let mut values = self.query.iter().filter(|(name, _)| is_named(name)).map(|(_, value)| &**value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Error::invalid(format!("{} is given twice in the address", parameter.name)));
        }
        match is_text(value, self.written) {
            true => Ok(Some(value).filter(|value| !value.is_empty())),
            false => Err(Error::invalid(format!("{} is not UTF-8 text", parameter.name))),
        }
    }

    /// The request's headers.
    pub fn headers(&self) -> &'r HeaderMap {
        self.headers
    }
}

/// Whether what was decoded from a part of the address or a form stands there so. Whatever is not UTF-8 becomes the same
/// character in decoding, and would so name what others named.
pub fn is_text(decoded: &str, written: &str) -> bool {
    !decoded.contains(char::REPLACEMENT_CHARACTER) || percent_decode_str(written).decode_utf8().is_ok()
}

/// Whether an address with that query holds a key, so that neither the reply may be kept nor the address passed on.
pub fn has_secret(query: &str) -> bool {
    let is_secret = |name: &str| [&API_KEY, &APP].iter().any(|key| key.queries.contains(&name));
    !query.is_empty() && form_urlencoded::parse(query.as_bytes()).any(|(name, _)| is_secret(&name))
}

const SCOPES: &[&str] = &[
    "schema",
    "schema.read",
    "record",
    "record.read",
    "record.delete",
    "flowdiagram",
    "flowdiagram.read",
    "hook",
    "hook.read",
    "table",
    "table.read",
    "table.definition",
    "keystore",
    "keystore.read",
    "keystore.definition",
];

/// The customer's key.
pub const API_KEY: Parameter = Parameter {
    name: "X-Apikey",
    headers: &["x-apikey"],
    queries: &["api_key"],
    doc: "The customer's API key.",
    kind: Kind::Name(512),
    example: "demo-api-key",
};
/// The application's key.
pub const APP: Parameter = Parameter {
    name: "X-App",
    headers: &["x-app"],
    queries: &["app_key"],
    doc: "The application's key.",
    kind: Kind::Name(512),
    example: "demo-app",
};
/// What the request wants to be allowed.
pub const SCOPES_WANTED: Parameter = Parameter {
    name: "X-Scopes",
    headers: &["x-scopes", "scopes"],
    queries: &["scopes"],
    doc: "The scopes this request makes do with, separated by commas or spaces. Absent: all that were granted.",
    kind: Kind::List(SCOPES),
    example: "",
};
/// A client's identifier.
pub const CLIENT_ID: Parameter = Parameter {
    name: "client_id",
    headers: &["client_id"],
    queries: &[],
    doc: "The application's OAuth2 client id.",
    kind: Kind::Name(512),
    example: "demo-client",
};
/// A client's secret.
pub const CLIENT_SECRET: Parameter = Parameter {
    name: "client_secret",
    headers: &["client_secret"],
    queries: &[],
    doc: "The application's OAuth2 client secret.",
    kind: Kind::Name(512),
    example: "demo-secret",
};
/// The only grant there is.
pub const GRANT_TYPE: Parameter = Parameter {
    name: "grant_type",
    headers: &["grant_type"],
    queries: &[],
    doc: "The grant: `client_credentials`.",
    kind: Kind::Choice(&["client_credentials"]),
    example: "client_credentials",
};
/// A refresh token.
pub const REFRESH_TOKEN: Parameter = Parameter {
    name: "refresh_token",
    headers: &["refresh_token"],
    queries: &[],
    doc: "The refresh token.",
    kind: Kind::Name(512),
    example: "633d3d4493db0b4abaa1645987acf9e3375daef05b38b8c08571f661a190b808",
};
/// A record's identifier.
pub const UUID: Parameter = Parameter {
    name: "X-Uuid",
    headers: &["x-uuid", "uuid"],
    queries: &["uuid"],
    doc: "The data record's identifier.",
    kind: Kind::Name(255),
    example: "order-4711",
};
/// The flow of a record.
pub const FLOW: Parameter = Parameter {
    name: "X-Flow",
    headers: &["x-flow"],
    queries: &["flow_name"],
    doc: "The flow, by its number or its name.",
    kind: Kind::Name(128),
    example: "Leads",
};
/// When a record runs.
pub const EXECUTION_TIME: Parameter = Parameter {
    name: "X-Executiontime",
    headers: &["x-executiontime"],
    queries: &["executiontime", "realtime"],
    doc: "When to run, as an ATOM date such as 2005-08-15T15:52:01+00:00. Absent or empty: at once.",
    kind: Kind::Moment,
    example: "",
};
/// A flow by number.
pub const FLOW_ID: Parameter = Parameter {
    name: "X-Flow-Id",
    headers: &["x-flow-id"],
    queries: &["flow_id"],
    doc: "The flow's number.",
    kind: Kind::Integer(1, i64::MAX),
    example: "2",
};
/// A flow's wanted state.
pub const STATUS: Parameter = Parameter {
    name: "X-Status",
    headers: &["x-status"],
    queries: &["status"],
    doc: "`public` publishes the draft, `paused` pauses, `running` resumes, `inactive` deactivates.",
    kind: Kind::Choice(&["public", "paused", "running", "inactive"]),
    example: "running",
};
/// Which members are shown.
pub const FIELDS: Parameter = Parameter {
    name: "fields",
    headers: &[],
    queries: &["fields"],
    doc: "The members of `resource` to answer with, separated by commas; `info.uuid` reaches into a member. The reply \
          lacks the others, even if they are described as always there.",
    kind: Kind::Text,
    example: "",
};
/// What is shown of a flow in addition.
pub const EXPAND_FLOW: Parameter = Parameter {
    name: "expand",
    headers: &[],
    queries: &["expand"],
    doc: "`draft` adds the graph that is not yet published.",
    kind: Kind::Choice(&["draft"]),
    example: "",
};
/// What is shown of found records in addition.
pub const EXPAND_RECORD: Parameter = Parameter {
    name: "expand",
    headers: &[],
    queries: &["expand"],
    doc: "`data_record` adds the content of each record.",
    kind: Kind::Choice(&["data_record"]),
    example: "",
};
/// What makes a repeat recognisable.
pub const IDEMPOTENCY_KEY: Parameter = Parameter {
    name: "Idempotency-Key",
    headers: &["idempotency-key"],
    queries: &[],
    doc: "Names the request, so that it can be repeated: the same key with the same request is answered with the first \
          reply and has no further effect; with another request it is refused.",
    kind: Kind::Name(255),
    example: "",
};

/// How long to wait for the end of a run.
pub const WAIT: Parameter = Parameter {
    name: "wait",
    headers: &[],
    queries: &["wait"],
    doc: "Seconds to wait for the end of the data record's run, at most as many as the gateway allows; the reply is then \
          what the run came to. Absent or 0: the reply says that the record is stored. `Prefer: wait=30` (RFC 7240) asks \
          for the same.",
    kind: Kind::Integer(0, 3_600),
    example: "",
};

/// How many records a search answers with.
pub const LIMIT: Parameter = Parameter {
    name: "X-limit",
    headers: &["x-limit"],
    queries: &["limit"],
    doc: "The most records to answer with; 10 if absent.",
    kind: Kind::Integer(1, 1_000),
    example: "10",
};
/// How many records a search passes over.
pub const OFFSET: Parameter = Parameter {
    name: "X-offset",
    headers: &["x-offset"],
    queries: &["offset"],
    doc: "How many records to pass over; 0 if absent.",
    kind: Kind::Integer(0, i64::MAX),
    example: "0",
};
/// The record a search is for.
pub const SEARCHED_UUID: Parameter = Parameter {
    name: "X-uuid",
    headers: &["x-uuid", "uuid"],
    queries: &["uuid"],
    doc: "The data record of this identifier alone.",
    kind: Kind::Name(255),
    example: "",
};
/// The flow whose records a search is for.
pub const SEARCHED_FLOW: Parameter = Parameter {
    name: "X-flow",
    headers: &["x-flow"],
    queries: &["flow_name"],
    doc: "Data records of this flow alone, by its number or its name.",
    kind: Kind::Text,
    example: "",
};
/// The status of the records a search is for.
pub const RECORD_STATUS: Parameter = Parameter {
    name: "X-datarecord-status",
    headers: &["x-datarecord-status"],
    queries: &["datarecord_status"],
    doc: "0 not started, new or paused; 1 processing; 2 finished; 3 finished with errors; 4 scheduled; 5 reviewed; \
          6 errors handled.",
    kind: Kind::Integer(0, 6),
    example: "",
};
/// A data field by which a search is made.
pub const FIELD_NAME: Parameter = Parameter {
    name: "X-datafield-name",
    headers: &["x-datafield-name"],
    queries: &["datafield_name"],
    doc: "Data records that have this data field, which their flow or the schema declares.",
    kind: Kind::Name(128),
    example: "",
};
/// Its value.
pub const FIELD_VALUE: Parameter = Parameter {
    name: "X-datafield-value",
    headers: &["x-datafield-value"],
    queries: &["datafield_value"],
    doc: "The value that the data field must have. It needs X-datafield-name.",
    kind: Kind::Text,
    example: "",
};
/// Which date a search looks at.
pub const DATE_TYPE: Parameter = Parameter {
    name: "date_type",
    headers: &[],
    queries: &["date_type"],
    doc: "The date that date_from and date_to are about; date_created if absent.",
    kind: Kind::Choice(&["date_created", "date_started", "date_last_run"]),
    example: "",
};
/// The earliest date.
pub const DATE_FROM: Parameter = Parameter {
    name: "date_from",
    headers: &[],
    queries: &["date_from"],
    doc: "The earliest date: 2017-12-31 24:00:00, 31-12-2017 12:00:00, 2017-12-31, or an RFC 3339 date with a zone.",
    kind: Kind::Date,
    example: "",
};
/// The latest date.
pub const DATE_TO: Parameter = Parameter {
    name: "date_to",
    headers: &[],
    queries: &["date_to"],
    doc: "The latest date, in the same forms; it is included.",
    kind: Kind::Date,
    example: "",
};
/// What to do with records in the queue.
pub const ACTION: Parameter = Parameter {
    name: "X-Queue-Status",
    headers: &["x-queue-status"],
    queries: &["queue_status"],
    doc: "What to do: pause-queue, resume-queue, execute-queue (run now), delete-from-queue, or resume-and-continue \
          (run a failed record on).",
    kind: Kind::Choice(&["pause-queue", "resume-queue", "execute-queue", "delete-from-queue", "resume-and-continue"]),
    example: "pause-queue",
};
/// The records it is about.
pub const UUIDS: Parameter = Parameter {
    name: "X-Queue-Uuids",
    headers: &["x-queue-uuids"],
    queries: &["queue_uuids"],
    doc: "The data records' identifiers, separated by commas or spaces. Those in the body are added to them, and the \
          body may be left out with this header.",
    kind: Kind::Uuids,
    example: "",
};
/// Where records are moved.
pub const TARGET_FLOW: Parameter = Parameter {
    name: "X-MoveToFlow-Flow",
    headers: &["x-movetoflow-flow"],
    queries: &["movetoflow_flow"],
    doc: "The flow to move them to, by its number or its name.",
    kind: Kind::Name(128),
    example: "Invoices",
};

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn headers_win_over_the_address() {
        for (pairs, query, expected) in [
            (&[("x-uuid", "a")][..], "uuid=b", Some("a")),
            (&[("uuid", "a")], "uuid=b", Some("a")),
            (&[("x-uuid", " ")], "uuid=b", Some("b")),
            (&[], "uuid=b%20c&flow_name=d", Some("b c")),
            (&[], "uuid=", None),
            (&[], "Uuid=b", None),
        ] {
            let headers = headers(pairs);
            let parameters = Parameters::of(&headers, query);
            assert_eq!(parameters.get(&UUID).expect("one value").as_deref(), expected, "{pairs:?} {query}");
        }
    }

    #[test]
    fn two_values_are_refused() {
        for (pairs, query) in [
            (&[("x-uuid", "a"), ("x-uuid", "a")][..], ""),
            (&[("x-uuid", "a"), ("uuid", "b")], ""),
            (&[], "uuid=a&uuid=b"),
        ] {
            let headers = headers(pairs);
            let error = Parameters::of(&headers, query).get(&UUID).expect_err("two values");
            assert!(error.message().starts_with("X-Uuid is given twice"), "{error}");
        }
    }
}

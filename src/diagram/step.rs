//! Steps of a flow: what each kind is given, with its expressions compiled.
//! How a step is carried out is not known here.

pub mod keystore;
pub mod table;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::policy::{OnError, Retry, duration_of, milliseconds};
use super::raw::RawNode;
use crate::error::{Error, Result};
use crate::expression::Expression;
use crate::expression::template::Template;
use crate::model::http::{Auth, Method, StatusRange};
use crate::model::webhook::{CallbackReply, CallbackSettings, Guard};

/// Characters of a step's id.
const LONGEST_ID: usize = 64;
/// Milliseconds that a step may wait for what is posted to it: 90 days.
pub const LONGEST_WAIT: i64 = 90 * 24 * 3_600_000;
/// Characters of a step's name.
const LONGEST_NAME: usize = 128;

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Its id, unique in the diagram.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// How often it is tried; absent for the flow's own policy.
    pub retry: Option<Retry>,
    /// What follows on the last attempt in vain.
    pub on_error: OnError,
    /// Milliseconds that one attempt may take; absent for what is usual.
    pub timeout: Option<i64>,
}

/// What a step does.
#[derive(Debug)]
pub enum Kind {
    /// Makes a new message of its input.
    Transform(Output),
    /// Does nothing: its edges choose the way.
    Branch,
    /// Calls an HTTP service.
    Http(Box<Http>),
    /// Sends a signed message.
    Webhook(Box<Webhook>),
    /// Calls an operation of a SOAP service.
    Soap(Box<Soap>),
    /// Changes the record's data.
    Record(RecordChange),
    /// Reads or writes a package of a keystore.
    Keystore(Box<keystore::KeystoreStep>),
    /// Reads or writes rows of a table.
    Table(Box<table::TableStep>),
    /// Moves the record to the beginning of another flow.
    Move(MoveTo),
    /// Runs another flow with a record of its own, and goes on with what that gives.
    Flow(RunFlow),
    /// Waits.
    Delay(Delay),
    /// Waits until something is posted to an address that the run has for it.
    Wait(Box<Wait>),
    /// Says what a caller that waits is to be told.
    Respond(Respond),
    /// Ends the run, in success or failure.
    Stop(Stop),
    /// Ends the run.
    End,
}

/// What a message is made of.
#[derive(Debug)]
pub enum Output {
    /// An expression's value.
    Expression(Expression),
    /// A value with expressions in its texts.
    Template(Template),
}

/// The request of an HTTP step, and what is made of its answer.
#[derive(Debug)]
pub struct Http {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Template,
    /// Parameters that are added to the address: an object.
    pub query: Option<Template>,
    /// Headers: an object.
    pub headers: Option<Template>,
    /// The body; absent for none.
    pub body: Option<Template>,
    /// How the body is written.
    pub body_type: BodyType,
    /// How the gateway proves itself.
    pub auth: Option<Auth<Template>>,
    /// The statuses that are a success.
    pub expect: Vec<StatusRange>,
    /// What is made of `{status, headers, body}`; absent for the body.
    pub output: Option<Expression>,
}

/// A signed message, and what is made of its answer.
#[derive(Debug)]
pub struct Webhook {
    /// The address.
    pub url: Template,
    /// What the message tells of: a text.
    pub event: Template,
    /// What happened; absent for the input.
    pub data: Option<Template>,
    /// The key it is signed with.
    pub secret: Template,
    /// Further headers: an object.
    pub headers: Option<Template>,
    /// The statuses that are a success.
    pub expect: Vec<StatusRange>,
    /// What is made of `{status, headers, body}`; absent for the body.
    pub output: Option<Expression>,
}

/// How the body of a request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// As JSON.
    #[default]
    Json,
    /// As a form: the body is an object of texts.
    Form,
    /// As it is: the body is a text.
    Text,
    /// As it is, and called XML: the body is a text.
    Xml,
}

/// The call of a SOAP step, and what is made of its answer.
#[derive(Debug)]
pub struct Soap {
    /// Where the service's description is.
    pub wsdl: Template,
    /// The operation's name.
    pub operation: String,
    /// The port, where several offer the operation.
    pub port: Option<String>,
    /// The address, where it differs from that in the description.
    pub url: Option<Template>,
    /// What is passed: an object.
    pub arguments: Template,
    /// SOAP headers: an object.
    pub headers: Option<Template>,
    /// How the gateway proves itself to the HTTP server.
    pub auth: Option<Auth<Template>>,
    /// What is made of the reply; absent for the reply.
    pub output: Option<Expression>,
}

/// A change of the record's data.
#[derive(Debug)]
pub struct RecordChange {
    /// What is written.
    pub data: Template,
    /// Whether members that it does not name stay.
    pub merges: bool,
}

/// A move to another flow.
#[derive(Debug)]
pub struct MoveTo {
    /// That flow's name or number.
    pub flow: Template,
    /// New data; absent for those the record has.
    pub data: Option<Template>,
}

/// A run of another flow.
#[derive(Debug)]
pub struct RunFlow {
    /// That flow's name or number.
    pub flow: Template,
    /// The data of its record; absent for the input.
    pub data: Option<Template>,
}

/// A delay.
#[derive(Debug)]
pub enum Delay {
    /// For that long, from when the step begins.
    For(Template),
    /// Until that time.
    Until(Template),
}

/// Waiting for what is posted.
#[derive(Debug)]
pub struct Wait {
    /// How long at most: a duration.
    pub timeout: Template,
    /// What the address asks of whoever posts, and what it answers.
    pub settings: CallbackSettings,
}

/// What a caller that waits is told.
#[derive(Debug)]
pub struct Respond {
    /// The HTTP status: a number.
    pub status: Option<Template>,
    /// Headers: an object.
    pub headers: Option<Template>,
    /// The body; absent for the input.
    pub body: Option<Template>,
}

/// The end of a run before the end of its way.
#[derive(Debug)]
pub struct Stop {
    /// Whether the record fails.
    pub fails: bool,
    /// Why, for people.
    pub text: Option<Template>,
}

impl Kind {
    /// The name that diagrams use.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Transform(_) => "transform",
            Kind::Branch => "branch",
            Kind::Http(_) => "http",
            Kind::Webhook(_) => "webhook",
            Kind::Soap(_) => "soap",
            Kind::Record(_) => "record",
            Kind::Keystore(_) => "keystore",
            Kind::Table(_) => "table",
            Kind::Move(_) => "move",
            Kind::Flow(_) => "flow",
            Kind::Delay(_) => "delay",
            Kind::Wait(_) => "wait",
            Kind::Respond(_) => "respond",
            Kind::Stop(_) => "stop",
            Kind::End => "end",
        }
    }

    /// Whether nothing can follow.
    pub fn ends(&self) -> bool {
        matches!(self, Kind::Stop(_) | Kind::End | Kind::Move(_))
    }

    /// Whether something must follow.
    pub fn branches(&self) -> bool {
        matches!(self, Kind::Branch)
    }

    /// Whether it talks to somebody outside of the gateway.
    pub fn is_external(&self) -> bool {
        matches!(self, Kind::Http(_) | Kind::Webhook(_) | Kind::Soap(_))
    }

    /// The names of the secrets it asks for.
    pub fn secrets(&self) -> Vec<&str> {
        let mut templates: Vec<&Template> = Vec::new();
        let auth = match self {
            Kind::Http(step) => {
                templates.push(&step.url);
                templates.extend(step.query.iter().chain(&step.headers).chain(&step.body));
                &step.auth
            }
            Kind::Webhook(step) => {
                templates.extend([&step.url, &step.secret]);
                templates.extend(step.data.iter().chain(&step.headers));
                &None
            }
            Kind::Soap(step) => {
                templates.push(&step.arguments);
                templates.extend(step.url.iter().chain(&step.headers));
                &step.auth
            }
            Kind::Wait(wait) => return wait.settings.guard.secrets(),
            _ => return Vec::new(),
        };
        match auth {
            None => {}
            Some(Auth::Basic { user, password }) => templates.extend([user, password]),
            Some(Auth::Bearer { token }) => templates.push(token),
            Some(Auth::ClientCredentials { token_url, client_id, client_secret, scope }) => {
                templates.extend([token_url, client_id, client_secret]);
                templates.extend(scope);
            }
        }
        templates.into_iter().flat_map(Template::secrets).collect()
    }
}

/// The names of all kinds, as diagrams write them.
pub const KINDS: [&str; 15] = [
    "transform",
    "branch",
    "http",
    "webhook",
    "soap",
    "record",
    "keystore",
    "table",
    "move",
    "flow",
    "delay",
    "wait",
    "respond",
    "stop",
    "end",
];

impl Step {
    pub(super) fn of(node: RawNode) -> Result<Step> {
        let fits = |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '));
        if !(1..=LONGEST_ID).contains(&node.id.chars().count()) || !fits(&node.id) || node.id.trim() != node.id {
            return Err(Error::invalid(format!(
                "The node '{}': id must have from 1 to {LONGEST_ID} letters, digits, '_', '-', '.' or spaces",
                clip(&node.id)
            )));
        }
        let id = node.id.clone();
        read(node).map_err(|error| Error::invalid(format!("The node '{id}': {error}")))
    }
}

fn clip(text: &str) -> String {
    text.chars().take(LONGEST_ID).collect()
}

fn read(node: RawNode) -> Result<Step> {
    let name = node.name.unwrap_or_else(|| node.id.clone());
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "name must have at most {LONGEST_NAME} characters, none a control character"
        )));
    }
    let mut fields = Fields(node.fields);
    let kind = kind(&node.kind, &mut fields)?;
    fields.finish()?;
    Ok(Step {
        id: node.id,
        name,
        kind,
        retry: node.retry.map(|retry| Retry::of("retry", retry)).transpose()?,
        on_error: node.on_error.map(OnError::of).transpose()?.unwrap_or_default(),
        timeout: node
            .timeout
            .map(|timeout| milliseconds("timeout", &timeout))
            .transpose()?
            .filter(|timeout| *timeout > 0),
    })
}

fn kind(name: &str, fields: &mut Fields) -> Result<Kind> {
    Ok(match name {
        "transform" => Kind::Transform(transform(fields)?),
        "branch" => Kind::Branch,
        "http" => Kind::Http(Box::new(http(fields)?)),
        "webhook" => Kind::Webhook(Box::new(webhook(fields)?)),
        "soap" => Kind::Soap(Box::new(soap(fields)?)),
        "record" => Kind::Record(record(fields)?),
        "keystore" => Kind::Keystore(Box::new(keystore::read(fields)?)),
        "table" => Kind::Table(Box::new(table::read(fields)?)),
        "move" => Kind::Move(MoveTo { flow: fields.plain("flow")?, data: fields.optional_plain("data")? }),
        "flow" => Kind::Flow(RunFlow { flow: fields.plain("flow")?, data: fields.optional_plain("data")? }),
        "delay" => Kind::Delay(delay(fields)?),
        "wait" => Kind::Wait(Box::new(wait(fields)?)),
        "respond" => Kind::Respond(Respond {
            status: fields.optional_plain("status")?,
            headers: fields.optional_plain("headers")?,
            body: fields.optional_plain("body")?,
        }),
        "stop" => Kind::Stop(Stop {
            fails: match fields.optional::<String>("as")?.as_deref() {
                None | Some("finished") => false,
                Some("failed") => true,
                Some(_) => return Err(Error::invalid("fields.as must be finished or failed")),
            },
            text: fields.optional_plain("text")?,
        }),
        "end" => Kind::End,
        _ => return Err(Error::invalid(format!("kind must be one of {}", KINDS.join(", ")))),
    })
}

fn transform(fields: &mut Fields) -> Result<Output> {
    match (fields.optional_expression("expression")?, fields.optional_plain("output")?) {
        (Some(expression), None) => Ok(Output::Expression(expression)),
        (None, Some(template)) => Ok(Output::Template(template)),
        _ => Err(Error::invalid("fields must have either expression or output")),
    }
}

fn http(fields: &mut Fields) -> Result<Http> {
    let method: Option<String> = fields.optional("method")?;
    let body_type: Option<String> = fields.optional("body_type")?;
    Ok(Http {
        method: Method::parse(method.as_deref().unwrap_or("GET")).ok_or_else(|| {
            Error::invalid(format!("fields.method must be one of {}", Method::ALL.map(Method::name).join(", ")))
        })?,
        url: fields.secretive("url")?,
        query: fields.optional_secretive("query")?,
        headers: fields.optional_secretive("headers")?,
        body: fields.optional_secretive("body")?,
        body_type: match body_type.as_deref() {
            None | Some("json") => BodyType::Json,
            Some("form") => BodyType::Form,
            Some("text") => BodyType::Text,
            Some("xml") => BodyType::Xml,
            Some(_) => return Err(Error::invalid("fields.body_type must be json, form, text or xml")),
        },
        auth: auth(fields)?,
        expect: expect(fields)?,
        output: fields.optional_expression("output")?,
    })
}

fn expect(fields: &mut Fields) -> Result<Vec<StatusRange>> {
    let ranges: Option<Vec<Value>> = fields.optional("expect")?;
    let ranges = ranges.map(|ranges| ranges.iter().map(StatusRange::parse).collect::<Option<Vec<_>>>());
    ranges
        .unwrap_or(Some(vec![StatusRange::SUCCESS]))
        .ok_or_else(|| Error::invalid("fields.expect must be a list of statuses such as 201 or \"2xx\""))
}

fn webhook(fields: &mut Fields) -> Result<Webhook> {
    Ok(Webhook {
        url: fields.secretive("url")?,
        event: fields.plain("type")?,
        data: fields.optional_secretive("data")?,
        secret: fields.secretive("secret")?,
        headers: fields.optional_secretive("headers")?,
        expect: expect(fields)?,
        output: fields.optional_expression("output")?,
    })
}

fn soap(fields: &mut Fields) -> Result<Soap> {
    Ok(Soap {
        // Descriptions are kept, by where they are.
        wsdl: fields.plain("wsdl")?,
        operation: fields.required("operation")?,
        port: fields.optional("port")?,
        url: fields.optional_secretive("url")?,
        arguments: match fields.optional_secretive("arguments")? {
            Some(arguments) => arguments,
            None => Template::compile(&Value::Object(Map::new()))?,
        },
        headers: fields.optional_secretive("headers")?,
        auth: auth(fields)?,
        output: fields.optional_expression("output")?,
    })
}

fn auth(fields: &mut Fields) -> Result<Option<Auth<Template>>> {
    let Some(members) = fields.optional::<Map<String, Value>>("auth")? else { return Ok(None) };
    let mut members = Fields(members);
    let auth = (|| {
        let kind: String = members.required("type")?;
        let auth = match kind.as_str() {
            "none" => None,
            "basic" => Some(Auth::Basic { user: members.secretive("user")?, password: members.secretive("password")? }),
            "bearer" => Some(Auth::Bearer { token: members.secretive("token")? }),
            "oauth2" => Some(Auth::ClientCredentials {
                token_url: members.secretive("token_url")?,
                client_id: members.secretive("client_id")?,
                client_secret: members.secretive("client_secret")?,
                scope: members.optional_secretive("scope")?,
            }),
            _ => return Err(Error::invalid("fields.type must be none, basic, bearer or oauth2")),
        };
        members.finish()?;
        Ok(auth)
    })();
    auth.map_err(|error: Error| Error::invalid(error.message().replacen("fields.", "fields.auth.", 1)))
}

fn record(fields: &mut Fields) -> Result<RecordChange> {
    match (fields.optional_plain("data")?, fields.optional_plain("merge")?) {
        (Some(data), None) => Ok(RecordChange { data, merges: false }),
        (None, Some(data)) => Ok(RecordChange { data, merges: true }),
        _ => Err(Error::invalid("fields must have either data or merge")),
    }
}

fn delay(fields: &mut Fields) -> Result<Delay> {
    match (fields.optional_plain("for")?, fields.optional_plain("until")?) {
        (Some(duration), None) => Ok(Delay::For(duration)),
        (None, Some(time)) => Ok(Delay::Until(time)),
        _ => Err(Error::invalid("fields must have either for or until")),
    }
}

fn wait(fields: &mut Fields) -> Result<Wait> {
    // What is written out can be checked now.
    let timeout = fields.0.get("timeout").filter(|value| !value.as_str().is_some_and(|text| text.contains("{{")));
    if timeout.is_some_and(|timeout| !duration_of(timeout).is_some_and(|length| (1..=LONGEST_WAIT).contains(&length))) {
        return Err(Error::invalid("fields.timeout must be a duration such as 2h or 30d, and at most 90 days"));
    }
    let guard: Option<Guard> = fields.optional("guard")?;
    let reply: Option<CallbackReply> = fields.optional("reply")?;
    if let Some(flaw) = guard.as_ref().and_then(Guard::flaw) {
        return Err(Error::invalid(format!("fields.guard: {flaw}")));
    }
    if let Some(reply) = &reply {
        if !(200..=599).contains(&reply.status) {
            return Err(Error::invalid("fields.reply.status must be a number from 200 to 599"));
        }
        if reply.body.to_string().contains("{{") {
            return Err(Error::invalid(
                "fields.reply.body must hold no expression: what is posted may come before the run is there",
            ));
        }
    }
    Ok(Wait {
        timeout: fields.plain("timeout")?,
        settings: CallbackSettings { guard: guard.unwrap_or_default(), reply },
    })
}

/// The fields of a step that were not read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let value = self.take(name).map(serde_json::from_value).transpose();
        value.map_err(|error| Error::invalid(format!("fields.{name}: {error}")))
    }

    fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    fn optional_expression(&mut self, name: &str) -> Result<Option<Expression>> {
        let Some(source) = self.optional::<String>(name)? else { return Ok(None) };
        Expression::compile(&source).map(Some).map_err(|error| at(name, &error))
    }

    /// A template in which secrets may be named.
    fn optional_secretive(&mut self, name: &str) -> Result<Option<Template>> {
        self.take(name).map(|value| Template::compile(&value)).transpose().map_err(|error| at(name, &error))
    }

    fn secretive(&mut self, name: &str) -> Result<Template> {
        self.optional_secretive(name)?.ok_or_else(|| missing(name))
    }

    /// A template that becomes part of what is kept and shown: without secrets.
    fn optional_plain(&mut self, name: &str) -> Result<Option<Template>> {
        self.take(name)
            .map(|value| Template::compile_without_secrets(&value))
            .transpose()
            .map_err(|error| at(name, &error))
    }

    fn plain(&mut self, name: &str) -> Result<Template> {
        self.optional_plain(name)?.ok_or_else(|| missing(name))
    }

    /// # Errors
    /// A field that the kind does not have.
    fn finish(self) -> Result<()> {
        match self.0.into_iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(format!("there is no field fields.{}", clip(&name)))),
        }
    }
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("fields.{name} is required"))
}

fn at(name: &str, error: &Error) -> Error {
    Error::invalid(format!("fields.{name}: {error}"))
}

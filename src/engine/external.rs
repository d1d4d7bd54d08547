//! Steps that talk to the outside world: one attempt within its time, and what every request to a partner carries.
//! What is asked and what is made of the answer is `http`'s and `soap`'s business.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::Value;

use super::curtain::Curtain;
use super::failure::{self, StepFailure};
use super::journey::{Done, Journey, Performed, Terms};
use super::token::Tokens;
use super::{http, soap};
use crate::app::App;
use crate::app::secret::Opened;
use crate::diagram::step::Kind;
use crate::expression::template::Template;
use crate::model::http::{Auth, Method};
use crate::model::time::Timestamp;
use crate::outbound::{self, Answer, Request};
use crate::telemetry::metrics;

/// The longest that a partner's wish to be left alone is read as: a week.
const LONGEST_WISH: i64 = 7 * 24 * 3_600_000;

/// What attempts share beside the gateway's own.
#[derive(Default)]
pub(super) struct Partners {
    /// Access tokens that partners gave.
    pub(super) tokens: Tokens,
    /// Services that were described.
    pub(super) services: soap::Services,
}

/// Makes one attempt of the step that the journey stands at. One that panics has failed.
pub(super) async fn perform(app: &App, partners: &Partners, journey: &mut Journey) -> Performed {
    let at = app.clock.now();
    #[expect(clippy::disallowed_methods, reason = "how long it took, whatever the clock is set to")]
    let started = Instant::now();
    let limit = journey.step().and_then(|step| step.timeout).and_then(|limit| u64::try_from(limit).ok());
    let limit = limit.map_or(app.config.engine.step_timeout, Duration::from_millis);
    let attempt = AssertUnwindSafe(attempt(app, partners, journey, at, limit)).catch_unwind();
    let outcome = match tokio::time::timeout(limit, attempt).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(StepFailure::panicked()),
        Err(_) => Err(StepFailure::passing("timeout", format!("The step took longer than {} ms", limit.as_millis()))),
    };
    Performed { at, duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), outcome }
}

async fn attempt(
    app: &App,
    partners: &Partners,
    journey: &mut Journey,
    now: Timestamp,
    limit: Duration,
) -> Result<Done, StepFailure> {
    let diagram = std::sync::Arc::clone(&journey.diagram);
    let step = journey.step().and_then(|step| diagram.step(&step.id)).ok_or_else(StepFailure::panicked)?;
    let names = step.kind.secrets();
    let secrets = match names.is_empty() {
        true => Opened::default(),
        false => app.secrets(journey.claim.customer)?.open(names)?,
    };
    let mut visit = Visit { app, partners, terms: Terms::of(app), journey, secrets, now, limit, given: Vec::new() };
    let outcome = match &step.kind {
        Kind::Http(step) => http::call(&mut visit, step).await,
        Kind::Webhook(step) => http::send_signed(&mut visit, step).await,
        Kind::Soap(step) => soap::call(&mut visit, step).await,
        _ => Err(StepFailure::panicked()),
    };
    match outcome {
        Ok(mut output) => {
            visit.curtain().hide(&mut output);
            Ok(Done::Output(output))
        }
        Err(mut failure) => {
            let curtain = visit.curtain();
            failure.text = curtain.hidden(&failure.text);
            if let Some(detail) = &mut failure.detail {
                curtain.hide(detail);
            }
            Err(failure)
        }
    }
}

/// One attempt, with all that it may use.
pub(super) struct Visit<'v> {
    pub(super) app: &'v App,
    pub(super) partners: &'v Partners,
    terms: Terms<'v>,
    pub(super) journey: &'v mut Journey,
    secrets: Opened,
    pub(super) now: Timestamp,
    /// How long the attempt may take.
    pub(super) limit: Duration,
    /// Tokens that partners gave for it, and what was made of secrets, which are no more to be seen than these.
    given: Vec<String>,
}

impl Visit<'_> {
    /// What a template comes to.
    pub(super) fn render(&mut self, place: &str, template: &Template) -> Result<Value, StepFailure> {
        let input = self.journey.input();
        let names = self.journey.names(self.now);
        let rendered = template.render(&input, names, &self.terms.limits, &|name| self.secrets.get(name));
        rendered.map_err(|failure| failure::expression(place, &failure))
    }

    /// The same where it must be a text; numbers and truths are written as JSON writes them.
    pub(super) fn text(&mut self, place: &str, template: &Template) -> Result<String, StepFailure> {
        let value = self.render(place, template)?;
        plain(&value).ok_or_else(|| StepFailure::lasting("expression", format!("{place}: it must come to a text")))
    }

    /// What an expression makes of an answer, in which there are no secrets: what it makes of one could not be told.
    pub(super) fn output(
        &mut self,
        expression: &crate::expression::Expression,
        mut answer: Value,
    ) -> Result<Value, StepFailure> {
        self.curtain().hide(&mut answer);
        let value = expression.evaluate(&answer, self.journey.names(self.now), &self.terms.limits);
        Ok(value.map_err(|failure| failure::expression("output", &failure))?.unwrap_or(Value::Null))
    }

    /// What the gateway proves itself by.
    async fn proof(&mut self, auth: Option<&Auth<Template>>) -> Result<Proof, StepFailure> {
        Ok(match auth {
            None => Proof::None,
            Some(Auth::Basic { user, password }) => {
                let (user, password) = (self.text("auth.user", user)?, self.text("auth.password", password)?);
                let credentials = super::token::base64(&format!("{user}:{password}"));
                self.given.push(credentials.clone());
                Proof::Lasting(format!("Basic {credentials}"))
            }
            Some(Auth::Bearer { token }) => Proof::Lasting(format!("Bearer {}", self.text("auth.token", token)?)),
            Some(Auth::ClientCredentials { token_url, client_id, client_secret, scope }) => {
                let request = super::token::Asked {
                    customer: self.journey.claim.customer,
                    url: self.text("auth.token_url", token_url)?,
                    client_id: self.text("auth.client_id", client_id)?,
                    client_secret: self.text("auth.client_secret", client_secret)?,
                    scope: scope.as_ref().map(|scope| self.text("auth.scope", scope)).transpose()?,
                };
                let (token, is_known) = self.partners.tokens.get(self.app, request).await?;
                self.given.push(token.clone());
                Proof::Token { token, is_known }
            }
        })
    }

    /// Sends a request, with what every request of this step carries and what proves who asks. A token that was given
    /// before and is refused is replaced at once.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        url: String,
        mut headers: Vec<(String, String)>,
        body: Vec<u8>,
        auth: Option<&Auth<Template>>,
    ) -> Result<Answer, StepFailure> {
        let token = self.journey.token();
        for name in ["Idempotency-Key", "webhook-id"] {
            if !has(&headers, name) {
                headers.push((name.to_owned(), token.clone()));
            }
        }
        let request = Request { method, url, headers, body, timeout: Some(self.limit), answer_limit: None };
        let proof = self.proof(auth).await?;
        let again = matches!(proof, Proof::Token { is_known: true, .. }).then(|| request.clone());
        let answer = self.send(request, &proof).await?;
        let Proof::Token { token, .. } = proof else { return Ok(answer) };
        if answer.status != 401 {
            return Ok(answer);
        }
        self.partners.tokens.forget(&token);
        let Some(request) = again else { return Ok(answer) };
        let proof = self.proof(auth).await?;
        self.send(request, &proof).await
    }

    async fn send(&self, mut request: Request, proof: &Proof) -> Result<Answer, StepFailure> {
        let proof = match proof {
            Proof::None => None,
            Proof::Lasting(proof) => Some(proof.clone()),
            Proof::Token { token, .. } => Some(format!("Bearer {token}")),
        };
        if let Some(proof) = proof {
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
            request.headers.push(("Authorization".to_owned(), proof));
        }
        send(self.app, request).await.map_err(|failure| unanswered(&failure))
    }

    /// What hides the secrets that the step used up to now.
    pub(super) fn curtain(&self) -> Curtain {
        Curtain::of(self.secrets.values().chain(self.given.iter().map(String::as_str)))
    }
}

/// By what a request proves who asks.
enum Proof {
    None,
    /// The header's value, as good or bad the next time.
    Lasting(String),
    /// A token that a partner gave, for this attempt or before it.
    Token {
        token: String,
        is_known: bool,
    },
}

/// Makes a request, and counts it.
pub(super) async fn send(app: &App, request: Request) -> Result<Answer, outbound::Failure> {
    #[expect(clippy::disallowed_methods, reason = "how long it took, whatever the clock is set to")]
    let started = Instant::now();
    let outcome = app.outbound.send(request).await;
    let counted = match &outcome {
        Ok(answer) => metrics::status_class(answer.status),
        Err(failure) => kind(failure.kind),
    };
    app.metrics.outbound_answered(counted, started.elapsed());
    outcome
}

/// Whether there is a header of that name.
pub(super) fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
}

/// A value as the text it is in an address, a header or a form; `None` for what has none.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn kind(kind: outbound::Kind) -> &'static str {
    match kind {
        outbound::Kind::Refused => "address",
        outbound::Kind::BadUrl => "url",
        outbound::Kind::BadHeader => "header",
        outbound::Kind::Unresolved => "unresolved",
        outbound::Kind::Unreachable => "unreachable",
        outbound::Kind::Tls => "tls",
        outbound::Kind::TimedOut => "timeout",
        outbound::Kind::Broken => "broken",
        outbound::Kind::TooLarge => "too_large",
    }
}

fn unanswered(failure: &outbound::Failure) -> StepFailure {
    let kind = kind(failure.kind);
    match failure.is_final() {
        true => StepFailure::lasting(kind, failure.text.clone()),
        false => StepFailure::passing(kind, failure.text.clone()),
    }
}

/// The failure that a status is.
pub(super) fn status(answer: &Answer, expected: &str, now: Timestamp) -> StepFailure {
    let status = answer.status;
    let passes = matches!(status, 408 | 425 | 429 | 500..=599);
    StepFailure {
        kind: format!("http.{status}").into(),
        text: format!("The partner answered {status}; {expected} was expected"),
        is_final: !passes,
        wish: answer.header("retry-after").and_then(|wish| retry_after(wish, now)),
        detail: None,
    }
}

/// How many milliseconds a `Retry-After` asks for (RFC 9110 §10.2.3).
pub(super) fn retry_after(wish: &str, now: Timestamp) -> Option<i64> {
    let wish = match wish.trim().parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1_000)?,
        Err(_) => Timestamp::parse_http(wish)?.0 - now.0,
    };
    Some(wish.clamp(0, LONGEST_WISH))
}

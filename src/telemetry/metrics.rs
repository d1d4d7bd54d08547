//! What the gateway counts and measures of its own work, and how Prometheus reads it. Counting takes a few atomic
//! additions; names and labels are decided here, and never come from a request.

pub mod family;
pub mod format;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use self::family::{Family, SECOND, expose};
use super::{panic, process};
use crate::error::{Code, Error, Result};
use crate::model::distribution::Distribution;

const MS: u64 = 1_000_000;

/// Nanoseconds of a request, of a step, and of a request to a partner: the ends of the ranges they are counted by.
const DURATIONS: &[u64] = &[
    MS / 4,
    MS / 2,
    MS,
    5 * MS / 2,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    1_000 * MS,
    2_500 * MS,
    5_000 * MS,
    10_000 * MS,
    30_000 * MS,
];

/// Nanoseconds of a run: the same. A run may wait for days.
const RUNS: &[u64] = &[
    5 * MS,
    25 * MS,
    100 * MS,
    500 * MS,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3_600 * SECOND,
    6 * 3_600 * SECOND,
    24 * 3_600 * SECOND,
    7 * 24 * 3_600 * SECOND,
];

/// The classes of HTTP status codes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A way in which requests are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// SOAP, at `/v1/soap`.
    Soap,
    /// REST, at the other addresses under `/v1`.
    Rest,
    /// OAuth2, at `/oauth`.
    OAuth,
    /// Users, flows and webhooks, at the root.
    Hub,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Dialect::Soap => "soap",
            Dialect::Rest => "rest",
            Dialect::OAuth => "oauth",
            Dialect::Hub => "hub",
        }
    }
}

/// Everything that is counted in this process.
pub struct Metrics {
    started: Instant,
    requests: Table<(Dialect, &'static str), Requests>,
    requests_in_flight: Arc<AtomicU64>,
    replies: [AtomicU64; CLASSES.len()],
    runs: Table<&'static str, AtomicU64>,
    run_durations: Distribution,
    runs_in_flight: Arc<AtomicU64>,
    steps: Table<(&'static str, &'static str), AtomicU64>,
    step_durations: Table<&'static str, Durations>,
    retries: Table<&'static str, AtomicU64>,
    lease_rescues: AtomicU64,
    scheduled: AtomicU64,
    outbound: Table<&'static str, AtomicU64>,
    outbound_durations: Distribution,
    deliveries: Table<&'static str, AtomicU64>,
    delivery_durations: Distribution,
}

impl Default for Metrics {
    #[expect(clippy::disallowed_methods, reason = "how long the process has run, whatever the clock is set to")]
    fn default() -> Metrics {
        Metrics {
            started: Instant::now(),
            requests: Table::default(),
            requests_in_flight: Arc::default(),
            replies: Default::default(),
            runs: Table::default(),
            run_durations: Distribution::new(RUNS),
            runs_in_flight: Arc::default(),
            steps: Table::default(),
            step_durations: Table::default(),
            retries: Table::default(),
            lease_rescues: AtomicU64::new(0),
            scheduled: AtomicU64::new(0),
            outbound: Table::default(),
            outbound_durations: Distribution::new(DURATIONS),
            deliveries: Table::default(),
            delivery_durations: Distribution::new(DURATIONS),
        }
    }
}

impl Metrics {
    /// An HTTP request is being answered, until what this gives is dropped.
    pub fn request_began(&self) -> InFlight {
        InFlight::new(&self.requests_in_flight)
    }

    /// An HTTP request was answered with that status.
    pub fn replied(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(replies) = class.and_then(|class| self.replies.get(class)) {
            count(replies, 1);
        }
    }

    /// A request for an operation was answered, or refused with that code. `None` as the operation: it was refused
    /// before it was clear which one was wanted.
    pub fn request_ended(
        &self,
        dialect: Dialect,
        operation: Option<&'static str>,
        refused: Option<Code>,
        took: Duration,
    ) {
        self.requests.with((dialect, operation.unwrap_or("none")), |requests| {
            let code = refused.and_then(|code| Code::ALL.iter().position(|known| *known == code));
            match code.and_then(|code| requests.refused.get(code)) {
                Some(refused) => count(refused, 1),
                None => count(&requests.done, 1),
            }
            requests.durations.count(nanoseconds(took));
        });
    }

    /// The engine works on a run, until what this gives is dropped.
    pub fn run_began(&self) -> InFlight {
        InFlight::new(&self.runs_in_flight)
    }

    /// A run came to its end, that long after it began, waiting included.
    pub fn run_ended(&self, outcome: &'static str, took: Duration) {
        self.runs.with(outcome, |runs| count(runs, 1));
        self.run_durations.count(nanoseconds(took));
    }

    /// A step of that kind was tried once.
    pub fn step_ended(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.steps.with((kind, outcome), |steps| count(steps, 1));
        self.step_durations.with(kind, |Durations(durations)| durations.count(nanoseconds(took)));
    }

    /// A step of that kind failed and is to be tried again.
    pub fn retried(&self, kind: &'static str) {
        self.retries.with(kind, |retries| count(retries, 1));
    }

    /// Runs were taken back from workers that no longer answered for them.
    pub fn leases_rescued(&self, runs: u64) {
        count(&self.lease_rescues, runs);
    }

    /// Schedules put records into the queue.
    pub fn scheduled(&self, records: u64) {
        count(&self.scheduled, records);
    }

    /// A request to a partner ended: with a status, as [`status_class`] has it, or in a kind of failure.
    pub fn outbound_answered(&self, outcome: &'static str, took: Duration) {
        self.outbound.with(outcome, |requests| count(requests, 1));
        self.outbound_durations.count(nanoseconds(took));
    }

    /// An attempt to bring a message to a subscriber ended.
    pub fn delivered(&self, outcome: &'static str, took: Duration) {
        self.deliveries.with(outcome, |deliveries| count(deliveries, 1));
        self.delivery_durations.count(nanoseconds(took));
    }

    /// Everything that was counted, and what the caller adds, in the OpenMetrics text format. The order is always the
    /// same.
    /// # Errors
    /// `Internal`: a name or a label could not be written, which would be a defect.
    pub fn expose(&self, others: Vec<Family>) -> Result<String> {
        let mut families = self.process();
        families.extend(self.requests());
        families.extend(self.engine());
        families.extend(others);
        expose(families).map_err(Error::internal)
    }

    fn process(&self) -> Vec<Family> {
        let mut families = vec![
            Family::info("build", "The version of the gateway", vec![("version", env!("CARGO_PKG_VERSION"))]),
            Family::gauge("uptime", "Time since the start of the process")
                .seconds()
                .value(self.started.elapsed().as_secs_f64()),
            Family::counter("panics", "Defects that ended a request or a task").number(panic::count()),
        ];
        if let Some(bytes) = process::resident_memory() {
            families.push(Family::gauge("resident_memory", "Memory that the process holds").bytes().number(bytes));
        }
        if let Some(open) = process::open_descriptors() {
            families.push(Family::gauge("open_descriptors", "File descriptors that the process has open").number(open));
        }
        families
    }

    fn requests(&self) -> Vec<Family> {
        let mut requests = Family::counter("requests", "Requests for operations, by what became of them");
        let mut durations =
            Family::histogram("request_duration", "Time to answer a request for an operation").seconds();
        self.requests.each(|(dialect, operation), counted| {
            let labels = vec![("dialect", dialect.name()), ("operation", *operation)];
            let with = |code: &'static str| [labels.clone(), vec![("code", code)]].concat();
            requests.push(with("ok"), read(&counted.done));
            for (code, refused) in Code::ALL.iter().zip(&counted.refused) {
                // Most codes never happen to most operations.
                if read(refused) > 0 {
                    requests.push(with(code.name()), read(refused));
                }
            }
            durations.push_spread(labels, &counted.durations.read(), SECOND);
        });
        let mut replies = Family::counter("http_replies", "HTTP replies to requests of any kind, by class of status");
        for (class, counted) in CLASSES.iter().zip(&self.replies) {
            replies.push(vec![("status", *class)], read(counted));
        }
        let in_flight = Family::gauge("requests_in_flight", "HTTP requests that are being answered");
        vec![requests, durations, replies, in_flight.number(read(&self.requests_in_flight))]
    }

    fn engine(&self) -> Vec<Family> {
        let mut runs = Family::counter("runs", "Runs that came to their end");
        self.runs.each(|outcome, counted| runs.push(vec![("outcome", *outcome)], read(counted)));
        let mut run_durations =
            Family::histogram("run_duration", "Time from the beginning of a run to its end").seconds();
        run_durations.push_spread(Vec::new(), &self.run_durations.read(), SECOND);
        let in_flight = Family::gauge("runs_in_flight", "Runs that the engine works on");
        let mut steps = Family::counter("steps", "Attempts at steps of flows");
        self.steps.each(|(kind, outcome), counted| {
            steps.push(vec![("kind", *kind), ("outcome", *outcome)], read(counted));
        });
        let mut step_durations = Family::histogram("step_duration", "Time of an attempt at a step").seconds();
        self.step_durations.each(|kind, Durations(durations)| {
            step_durations.push_spread(vec![("kind", *kind)], &durations.read(), SECOND);
        });
        let mut retries = Family::counter("retries", "Attempts at steps that failed and are made again");
        self.retries.each(|kind, counted| retries.push(vec![("kind", *kind)], read(counted)));
        let mut outbound = Family::counter("outbound_requests", "Requests to partners, by class of status or failure");
        self.outbound.each(|outcome, counted| outbound.push(vec![("outcome", *outcome)], read(counted)));
        let mut outbound_durations = Family::histogram("outbound_duration", "Time of a request to a partner").seconds();
        outbound_durations.push_spread(Vec::new(), &self.outbound_durations.read(), SECOND);
        let mut deliveries =
            Family::counter("deliveries", "Attempts to bring messages to subscribers, by what followed from them");
        self.deliveries.each(|outcome, counted| deliveries.push(vec![("outcome", *outcome)], read(counted)));
        let mut delivery_durations =
            Family::histogram("delivery_duration", "Time of an attempt to bring a message").seconds();
        delivery_durations.push_spread(Vec::new(), &self.delivery_durations.read(), SECOND);
        vec![
            runs,
            run_durations,
            in_flight.number(read(&self.runs_in_flight)),
            steps,
            step_durations,
            retries,
            Family::counter("lease_rescues", "Runs taken back from workers that no longer answered for them")
                .number(read(&self.lease_rescues)),
            Family::counter("scheduled", "Records that schedules put into the queue").number(read(&self.scheduled)),
            outbound,
            outbound_durations,
            deliveries,
            delivery_durations,
        ]
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("started", &self.started).finish_non_exhaustive()
    }
}

/// The class of an HTTP status, as a label: `2xx`. Statuses that do not exist count as failures of whoever sent them.
pub fn status_class(status: u16) -> &'static str {
    let class = usize::from(status / 100).checked_sub(1).and_then(|class| CLASSES.get(class));
    class.copied().unwrap_or("5xx")
}

/// Something that is under way, and counted until this is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicU64>);

impl InFlight {
    fn new(counter: &Arc<AtomicU64>) -> InFlight {
        count(counter, 1);
        InFlight(Arc::clone(counter))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The requests for one operation in one dialect.
struct Requests {
    done: AtomicU64,
    /// In the order of [`Code::ALL`].
    refused: [AtomicU64; Code::ALL.len()],
    durations: Distribution,
}

impl Default for Requests {
    fn default() -> Requests {
        Requests { done: AtomicU64::new(0), refused: Default::default(), durations: Distribution::new(DURATIONS) }
    }
}

struct Durations(Distribution);

impl Default for Durations {
    fn default() -> Durations {
        Durations(Distribution::new(DURATIONS))
    }
}

/// Counters by label, in the order of their labels. There are as many as the program has names for them.
struct Table<K, V>(RwLock<BTreeMap<K, V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Table<K, V> {
        Table(RwLock::default())
    }
}

impl<K: Ord, V: Default> Table<K, V> {
    /// Counts with the counter of that label.
    fn with(&self, label: K, count: impl Fn(&V)) {
        if let Some(counter) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&label) {
            return count(counter);
        }
        count(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(label).or_default());
    }

    fn each(&self, mut tell: impl FnMut(&K, &V)) {
        for (label, counter) in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            tell(label, counter);
        }
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics) -> Vec<String> {
        metrics.expose(Vec::new()).expect("metrics").lines().map(str::to_owned).collect()
    }

    fn assert_has(metrics: &Metrics, expected: &[&str]) {
        let lines = lines(metrics);
        for line in expected {
            assert!(lines.iter().any(|known| known == line), "{line} is not in\n{}", lines.join("\n"));
        }
    }

    #[test]
    fn requests_are_counted_once_by_what_became_of_them() {
        let metrics = Metrics::default();
        let quick = Duration::from_micros(400);
        metrics.request_ended(Dialect::Soap, Some("getFlow"), None, quick);
        metrics.request_ended(Dialect::Soap, Some("getFlow"), Some(Code::NotFound), Duration::from_secs(60));
        metrics.request_ended(Dialect::Rest, None, Some(Code::InvalidInput), quick);
        assert_has(
            &metrics,
            &[
                r#"flowgate_requests_total{dialect="soap",operation="getFlow",code="ok"} 1"#,
                r#"flowgate_requests_total{dialect="soap",operation="getFlow",code="not_found"} 1"#,
                r#"flowgate_requests_total{dialect="rest",operation="none",code="ok"} 0"#,
                r#"flowgate_requests_total{dialect="rest",operation="none",code="invalid_input"} 1"#,
                r#"flowgate_request_duration_seconds_bucket{le="0.00025",dialect="soap",operation="getFlow"} 0"#,
                r#"flowgate_request_duration_seconds_bucket{le="0.0005",dialect="soap",operation="getFlow"} 1"#,
                r#"flowgate_request_duration_seconds_bucket{le="30.0",dialect="soap",operation="getFlow"} 1"#,
                r#"flowgate_request_duration_seconds_bucket{le="+Inf",dialect="soap",operation="getFlow"} 2"#,
                r#"flowgate_request_duration_seconds_count{dialect="soap",operation="getFlow"} 2"#,
                r#"flowgate_request_duration_seconds_sum{dialect="soap",operation="getFlow"} 60.0004"#,
            ],
        );
    }

    #[test]
    fn replies_are_counted_by_class_and_only_what_is_under_way_is_in_flight() {
        let metrics = Metrics::default();
        let (one, other) = (metrics.request_began(), metrics.request_began());
        for status in [200, 204, 404, 503, 99, 700] {
            metrics.replied(status);
        }
        assert_has(
            &metrics,
            &[
                r#"flowgate_http_replies_total{status="2xx"} 2"#,
                r#"flowgate_http_replies_total{status="3xx"} 0"#,
                r#"flowgate_http_replies_total{status="4xx"} 1"#,
                r#"flowgate_http_replies_total{status="5xx"} 1"#,
                "flowgate_requests_in_flight 2",
            ],
        );
        drop(one);
        assert_has(&metrics, &["flowgate_requests_in_flight 1"]);
        drop(other);
        assert_has(&metrics, &["flowgate_requests_in_flight 0"]);
    }

    #[test]
    fn the_engine_s_work_is_counted() {
        let metrics = Metrics::default();
        let running = metrics.run_began();
        assert_has(
            &metrics,
            &["flowgate_runs_in_flight 1", "flowgate_lease_rescues_total 0", "flowgate_scheduled_total 0"],
        );
        drop(running);
        metrics.run_ended("finished", Duration::from_secs(7 * 24 * 3_600));
        metrics.step_ended("http", "done", Duration::from_millis(20));
        metrics.step_ended("http", "failed", Duration::from_millis(30));
        metrics.retried("http");
        metrics.leases_rescued(2);
        metrics.scheduled(3);
        metrics.outbound_answered(status_class(204), Duration::from_millis(7));
        metrics.outbound_answered("timed_out", Duration::from_secs(31));
        assert_has(
            &metrics,
            &[
                "flowgate_runs_in_flight 0",
                r#"flowgate_runs_total{outcome="finished"} 1"#,
                r#"flowgate_run_duration_seconds_bucket{le="86400.0"} 0"#,
                r#"flowgate_run_duration_seconds_bucket{le="604800.0"} 1"#,
                r#"flowgate_steps_total{kind="http",outcome="done"} 1"#,
                r#"flowgate_steps_total{kind="http",outcome="failed"} 1"#,
                r#"flowgate_step_duration_seconds_count{kind="http"} 2"#,
                r#"flowgate_step_duration_seconds_sum{kind="http"} 0.05"#,
                r#"flowgate_retries_total{kind="http"} 1"#,
                "flowgate_lease_rescues_total 2",
                "flowgate_scheduled_total 3",
                r#"flowgate_outbound_requests_total{outcome="2xx"} 1"#,
                r#"flowgate_outbound_requests_total{outcome="timed_out"} 1"#,
                r#"flowgate_outbound_duration_seconds_bucket{le="30.0"} 1"#,
                "flowgate_outbound_duration_seconds_count 2",
            ],
        );
    }

    #[test]
    fn the_order_does_not_depend_on_what_happened_first() {
        let names = |operations: [&'static str; 3]| {
            let metrics = Metrics::default();
            for operation in operations {
                metrics.request_ended(Dialect::Soap, Some(operation), None, Duration::ZERO);
                metrics.retried(operation);
            }
            let lines = lines(&metrics);
            lines.iter().map(|line| line.rsplit_once(' ').map_or("", |(name, _)| name).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(["a", "b", "c"]), names(["c", "a", "b"]));
    }

    #[test]
    fn classes_of_statuses_are_known() {
        assert_eq!([200, 302, 418, 599, 0, 1_000].map(status_class), ["2xx", "3xx", "4xx", "5xx", "5xx", "5xx"]);
    }
}

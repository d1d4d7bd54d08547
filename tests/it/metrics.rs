//! The metrics as Prometheus reads them: that they can be read, that they follow what happens, and who may read them.

use std::collections::{BTreeMap, BTreeSet};

use flowgate::model::flow::FlowStatus;
use flowgate::model::record::{Hold, Place as Standing, RecordStatus};
use flowgate::store::record;

use crate::message::{Form, call, flow, keys, keys_of, record as new_record};
use crate::soap::b64;
use crate::support::{Answer, NOW, TestApp, wait};

const KEYS: [(&str, &str); 2] = [("X-Apikey", "k"), ("X-App", "a")];
const OPENMETRICS: (&str, &str) = ("Accept", "application/openmetrics-text; version=1.0.0");

/// A gateway with a tenant that has the keys `k` and `a`, and the flow `Leads`.
fn gateway() -> TestApp {
    let app = TestApp::start();
    let tenant = app.customer("Testing", "k", "a");
    app.flow(&tenant, "Leads", FlowStatus::Public);
    app
}

/// The series of an exposition, by name and labels as they are written.
struct Series(BTreeMap<String, f64>);

impl Series {
    fn of(app: &TestApp) -> Series {
        Series::read(&app.get("/metrics", &[OPENMETRICS]))
    }

    fn read(answer: &Answer) -> Series {
        assert_eq!(answer.status, 200, "{}", answer.text());
        Series(check(&answer.text()))
    }

    fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("{series} is not in {:#?}", self.0.keys()))
    }

    /// What was added to a series since, which may be new.
    fn since(&self, before: &Series, series: &str) -> f64 {
        self.get(series) - before.0.get(series).unwrap_or(&0.0)
    }
}

/// Reads an exposition by the rules of OpenMetrics 1.0, and gives its samples.
fn check(text: &str) -> BTreeMap<String, f64> {
    let text = text.strip_suffix("# EOF\n").expect("an end");
    let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut name, mut kind) = ("", "");
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", new, help] => {
                assert!(families.insert(new) && new.starts_with("flowgate_") && !help.is_empty(), "{line}");
                name = new;
            }
            ["#", "TYPE", of, new] => {
                assert!(of == name && ["counter", "gauge", "histogram", "info"].contains(&new), "{line}");
                kind = new;
            }
            ["#", "UNIT", of, unit] => assert!(of == name && name.ends_with(&format!("_{unit}")), "{line}"),
            [_, _] => {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let (series_name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let suffixes: &[&str] = match kind {
                    "counter" => &["_total"],
                    "histogram" => &["_bucket", "_count", "_sum"],
                    "info" => &["_info"],
                    _ => &[""],
                };
                let suffix = series_name.strip_prefix(name).unwrap_or_else(|| panic!("{line} is not of {name}"));
                assert!(suffixes.contains(&suffix), "{line}");
                for label in labels.strip_suffix('}').expect("an end").split(',').filter(|label| !label.is_empty()) {
                    let (key, value) = label.split_once("=\"").expect(label);
                    assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
                    let value = value.strip_suffix('"').expect(label);
                    assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c)), "{line}");
                }
                let value: f64 = value.parse().expect(line);
                assert!(value >= 0.0, "{line}");
                assert!(samples.insert(series.to_owned(), value).is_none(), "{line} is there twice");
            }
            _ => panic!("'{line}' is no line of an exposition"),
        }
    }
    check_histograms(&samples, text);
    samples
}

/// Ranges must add up, in the order they are written, to the count.
fn check_histograms(samples: &BTreeMap<String, f64>, text: &str) {
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("_bucket{le=")) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once("_bucket{le=\"").expect("a range");
        let labels = labels.split_once('"').expect("a bound").1.trim_start_matches(',');
        let whole = if labels == "}" { format!("{name}_count") } else { format!("{name}_count{{{labels}") };
        let value: f64 = value.parse().expect(line);
        assert!(last.insert(whole, value).is_none_or(|before| before <= value), "{line}");
    }
    assert!(!last.is_empty());
    for (whole, value) in last {
        assert_eq!(samples.get(&whole), Some(&value), "{whole}");
    }
}

fn insert(app: &TestApp, uuid: &str, keys: crate::message::Part<'_>) -> Answer {
    let data = b64("{}");
    let parts = [keys, new_record(uuid, &data), flow("Leads")];
    app.soap(&call(Form::Literal11, "insertRecord", &parts))
}

#[test]
fn requests_are_counted_in_every_dialect_and_refusals_by_their_reason() {
    let app = gateway();
    let before = Series::of(&app);
    assert_eq!(insert(&app, "r-1", keys()).status, 200);
    assert_eq!(insert(&app, "r-2", keys_of("k", "wrong")).status, 500);
    assert_eq!(app.soap("no envelope").status, 500);
    assert_eq!(app.soap("<e:Envelope xmlns:e=\"urn:of-no-version\"/>").status, 500);
    assert_eq!(app.get("/v1/record/r-1", &KEYS).status, 200);
    assert_eq!(app.get("/v1/record/r-0", &KEYS).status, 404);
    assert_eq!(app.bodiless("HEAD", "/v1/record/r-1", &[]).status, 401);
    assert_eq!(app.bodiless("PATCH", "/v1/record", &KEYS).status, 405);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(app.call("POST", "/oauth/token", &form, b"grant_type=password").status, 400);
    let after = Series::of(&app);
    let get = r#"dialect="rest",operation="getRecordById""#;
    let requests = |labels: &str| after.since(&before, &format!("flowgate_requests_total{{{labels}}}"));
    for (labels, count) in [
        (r#"dialect="soap",operation="insertRecord",code="ok""#.to_owned(), 1.0),
        (r#"dialect="soap",operation="insertRecord",code="unauthenticated""#.to_owned(), 1.0),
        (r#"dialect="soap",operation="none",code="invalid_input""#.to_owned(), 2.0),
        (format!(r#"{get},code="ok""#), 1.0),
        (format!(r#"{get},code="not_found""#), 1.0),
        (format!(r#"{get},code="unauthenticated""#), 1.0),
        (r#"dialect="rest",operation="none",code="invalid_input""#.to_owned(), 1.0),
        (r#"dialect="oauth",operation="grantToken",code="invalid_input""#.to_owned(), 1.0),
    ] {
        assert_eq!(requests(&labels), count, "{labels}");
    }
    let timed = |labels: &str| after.since(&before, &format!("flowgate_request_duration_seconds_count{{{labels}}}"));
    assert_eq!(timed(r#"dialect="soap",operation="insertRecord""#), 2.0);
    assert_eq!(timed(get), 3.0);
    let replies = |class: &str| after.since(&before, &format!("flowgate_http_replies_total{{status=\"{class}\"}}"));
    // The reading of the metrics before counts as well, once it was answered.
    assert_eq!([replies("2xx"), replies("3xx"), replies("4xx"), replies("5xx")], [3.0, 0.0, 4.0, 3.0]);
    // Only the reading itself is under way.
    assert_eq!(after.get("flowgate_requests_in_flight"), 1.0);
}

#[test]
fn the_store_s_commits_are_told_as_the_store_counts_them() {
    let app = gateway();
    for number in 0..5 {
        assert_eq!(insert(&app, &format!("r-{number}"), keys()).status, 200);
    }
    // Fails in the store, in a transaction that is committed nevertheless.
    let refused: Result<(), _> = wait(app.app.store.write(|_| Err(flowgate::error::Error::invalid("on purpose"))));
    assert!(refused.is_err());
    let series = Series::of(&app);
    let (counters, distributions) = (app.app.store.counters(), app.app.store.distributions());
    assert!(counters.writes >= 7 && counters.failures == 1, "{counters:?}");
    assert_eq!(distributions.groups.sum, counters.writes + counters.failures);
    assert_eq!([distributions.groups.total(), distributions.commits.total()], [counters.commits; 2]);
    let number = |number: u64| number as f64;
    for (name, value) in [
        ("writes_total", number(counters.writes)),
        ("failures_total", 1.0),
        ("waiting", 0.0),
        ("checkpoints_total", number(counters.checkpoints)),
        ("commit_writes_count", number(counters.commits)),
        ("commit_writes_sum", number(distributions.groups.sum)),
        ("commit_writes_bucket{le=\"1.0\"}", number(distributions.groups.counts[0])),
        ("commit_duration_seconds_count", number(counters.commits)),
        ("commit_duration_seconds_sum", number(distributions.commits.sum) / 1e9),
        ("writable", 1.0),
    ] {
        assert_eq!(series.get(&format!("flowgate_store_{name}")), value, "{name}");
    }
    for name in ["database", "log", "available"] {
        assert!(series.get(&format!("flowgate_store_{name}_bytes")) > 4096.0, "{name}");
    }
}

#[test]
fn a_store_that_cannot_write_is_told() {
    let app = gateway();
    app.app.store.clone().close();
    let series = Series::of(&app);
    assert_eq!(series.get("flowgate_store_writable"), 0.0);
    // What cannot be read is left out rather than told as nothing.
    assert!(!series.0.keys().any(|name| name.starts_with("flowgate_queue") || name.starts_with("flowgate_records")));
}

#[test]
fn the_queue_is_told_and_remembered_for_five_seconds() {
    let app = gateway();
    let tenant = app.customer("Other", "k2", "a2");
    app.flow(&tenant, "Leads", FlowStatus::Public);
    let queue = |series: &Series| {
        ["queue_waiting{due=\"now\"}", "queue_waiting{due=\"later\"}", "records{status=\"waiting\"}"]
            .map(|name| series.get(&format!("flowgate_{name}")))
    };
    assert_eq!(queue(&Series::of(&app)), [0.0, 0.0, 0.0]);
    for uuid in ["r-1", "r-2", "r-3"] {
        assert_eq!(insert(&app, uuid, keys()).status, 200);
    }
    assert_eq!(insert(&app, "r-1", keys_of("k2", "a2")).status, 200);
    let later = [KEYS[0], KEYS[1], ("X-Flow", "Leads"), ("X-Executiontime", "2027-01-01T00:00:00+00:00")];
    let answer = app.call("POST", "/v1/record", &later, b"{}");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let customer = tenant.customer;
    let (from, to) =
        ([RecordStatus::Waiting, RecordStatus::Failed]).map(|status| Standing { status, hold: Hold::None }).into();
    let failed =
        app.administer(move |tx| record::update_place(tx, customer, "r-1", from, to, NOW, record::Begin::There));
    assert!(failed);
    assert_eq!(queue(&Series::of(&app)), [0.0, 0.0, 0.0]);
    app.app.clock.advance(4_999);
    assert_eq!(queue(&Series::of(&app)), [0.0, 0.0, 0.0]);
    app.app.clock.advance(1);
    let series = Series::of(&app);
    assert_eq!(queue(&series), [3.0, 1.0, 3.0]);
    assert_eq!(series.get("flowgate_records{status=\"scheduled\"}"), 1.0);
    assert_eq!(series.get("flowgate_records{status=\"failed\"}"), 1.0);
    assert_eq!(series.get("flowgate_records{status=\"finished\"}"), 0.0);
    assert_eq!(series.get("flowgate_queue_oldest_seconds"), 5.0);
}

#[test]
fn both_text_formats_are_given_to_those_who_ask_for_them() {
    let app = gateway();
    let answer = app.get("/metrics", &[OPENMETRICS]);
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let series = Series::read(&answer);
    let plain = app.get("/metrics", &[("Accept", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")]);
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let names = |text: &str| {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        samples.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&plain.text()), series.0.keys().cloned().collect());
    assert!(plain.text().contains("# TYPE flowgate_http_replies_total counter\nflowgate_http_replies_total{"));
    assert!(plain.text().contains("# TYPE flowgate_build_info gauge\nflowgate_build_info{"));
    let packed = app.get("/metrics", &[OPENMETRICS, ("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    Series::read(&packed);
    let head = app.bodiless("HEAD", "/metrics", &[OPENMETRICS]);
    assert_eq!((head.status, head.header("content-type")), (200, answer.header("content-type")));
    assert!(head.header("content-length").is_some_and(|length| length != "0"), "{}", head.head);
    let posted = app.bodiless("POST", "/metrics", &[]);
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn to_strangers_there_is_nothing() {
    let app = TestApp::with(|config| {
        config.server.trusted_proxies = flowgate::model::address::Network::parse("127.0.0.1").expect("a network");
        config.server.metrics_from = ["10.1.0.0/16", "::1", "127.0.0.0/8"]
            .iter()
            .flat_map(|text| flowgate::model::address::Network::parse(text).expect(text))
            .collect();
    });
    let status = |headers: &[(&str, &str)]| app.get("/metrics", headers).status;
    assert_eq!(status(&[]), 200);
    for client in ["10.1.2.3", "::1", "127.0.0.9", "192.0.2.1, 10.1.2.3"] {
        assert_eq!(status(&[("X-Forwarded-For", client)]), 200, "{client}");
    }
    assert_eq!(status(&[("Forwarded", "for=10.1.2.3")]), 200);
    // The proxy itself may; whoever it does not name may not.
    for client in ["192.0.2.1", "10.2.0.1", "10.1.2.3, 192.0.2.1", "unknown", "10.1.2.3, unknown", "2001:db8::1"] {
        assert_eq!(status(&[("X-Forwarded-For", client)]), 404, "{client}");
    }
    let own = |head: &str| -> Vec<String> {
        let lines = head.lines().map(str::to_ascii_lowercase);
        lines.filter(|line| !["x-request-id", "date"].iter().any(|name| line.starts_with(name))).collect()
    };
    let stranger = ("X-Forwarded-For", "192.0.2.1");
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        let (metrics, nothing) =
            (app.bodiless(method, "/metrics", &[stranger]), app.bodiless(method, "/cirtems", &[stranger]));
        assert_eq!(
            own(&metrics.head),
            own(&nothing.head).iter().map(|line| line.replace("cirtems", "metrics")).collect::<Vec<_>>()
        );
        assert_eq!(metrics.text(), nothing.text().replace("cirtems", "metrics"));
    }
}

#[test]
fn whoever_is_not_trusted_as_a_proxy_cannot_pass_the_metrics_on() {
    let app = gateway();
    assert_eq!(app.get("/metrics", &[]).status, 200);
    for name in ["X-Forwarded-For", "Forwarded"] {
        assert_eq!(app.get("/metrics", &[(name, "for=127.0.0.1")]).status, 404, "{name}");
    }
}

#[test]
fn nothing_of_customers_is_in_the_metrics() {
    let app = TestApp::start();
    let tenant = app.customer("Quite-Secret-Name", "Secret-Api-Key", "Secret-App-Key");
    let flow = app.flow(&tenant, "Secret-Flow", FlowStatus::Public);
    app.webhook(&tenant, flow, "Secret-Hook", Some(tenant.application));
    let keys = [("X-Apikey", "Secret-Api-Key"), ("X-App", "Secret-App-Key"), ("X-Flow", "Secret-Flow")];
    assert_eq!(app.call("POST", "/v1/record", &keys, br#"{"name":"Secret-Data"}"#).status, 201);
    assert_eq!(app.call("POST", "/v1/webhook/Secret-Hook", &[], b"{}").status, 201);
    app.get("/v1/Secret-Path?Secret-Query=1", &[("X-Request-Id", "Secret-Id")]);
    app.soap("<Secret-Element/>");
    let text = app.get("/metrics", &[]).text();
    assert!(text.contains("flowgate_requests_total{") && !text.to_lowercase().contains("secret"), "{text}");
}

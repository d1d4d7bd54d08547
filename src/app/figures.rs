//! The metrics as they are read: what was counted along the way, and what the store and its queue are like just now.

use crate::app::App;
use crate::app::depth::Known;
use crate::error::Result;
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::telemetry::metrics::family::{Family, SECOND};

/// All metrics in the OpenMetrics text format.
/// # Errors
/// As [`Metrics::expose`](crate::telemetry::metrics::Metrics::expose).
pub async fn expose(app: &App) -> Result<String> {
    let now = app.clock.now();
    let known = app.depth.read(&app.store, now).await;
    let mut families = of_store(&app.store);
    families.extend(of_queue(&known, now));
    app.metrics.expose(families)
}

fn of_store(store: &Store) -> Vec<Family> {
    let (counters, distributions, room) = (store.counters(), store.distributions(), store.room());
    let mut groups = Family::histogram("store_commit_writes", "Writes that one commit made durable together");
    groups.push_spread(Vec::new(), &distributions.groups, 1);
    let mut commits =
        Family::histogram("store_commit_duration", "Time of a commit, which is its fsync and little else");
    commits = commits.seconds();
    commits.push_spread(Vec::new(), &distributions.commits, SECOND);
    let mut families = vec![
        Family::counter("store_writes", "Writes that were committed and answered").number(counters.writes),
        Family::counter("store_failures", "Writes that failed, by a refusal of their own or with their commit")
            .number(counters.failures),
        Family::gauge("store_waiting", "Writes that wait or are being carried out").number(counters.waiting),
        groups,
        commits,
        Family::counter("store_checkpoints", "Times the write-ahead log was folded into the database")
            .number(counters.checkpoints),
        Family::gauge("store_writable", "Whether the database can be written, as far as is known: 1 or 0")
            .number(u64::from(store.is_writable())),
    ];
    for (name, help, bytes) in [
        ("store_database", "Length of the database's file", room.database),
        ("store_log", "Length of the write-ahead log's file", room.log),
        ("store_available", "Room that is left on the database's file system", room.available),
    ] {
        families.extend(bytes.map(|bytes| Family::gauge(name, help).bytes().number(bytes)));
    }
    families
}

fn of_queue(known: &Known, now: Timestamp) -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(waiting) = known.waiting {
        let mut family = Family::gauge("queue_waiting", "Records in the queue, by whether their time has come");
        family.push(vec![("due", "now")], waiting.due);
        family.push(vec![("due", "later")], waiting.later);
        let late = waiting.first.map_or(0, |first| now.0.saturating_sub(first.0).max(0));
        let oldest = Family::gauge("queue_oldest", "Time for which the record that is due longest has waited since");
        families.extend([family, oldest.seconds().value(late as f64 / 1_000.0)]);
    }
    if let Some(messages) = known.messages {
        families.push(Family::gauge("deliveries_waiting", "Messages to subscribers that wait").number(messages));
    }
    if let Some(records) = known.records {
        let mut family = Family::gauge("records", "Records by status, as they were last counted");
        for (status, count) in RecordStatus::ALL.into_iter().zip(records) {
            family.push(vec![("status", status.label())], count);
        }
        families.push(family);
    }
    families
}

//! Flows that start records by themselves, at the times of their cron lines.
//!
//! When a flow's next record is due is kept beside it. A time that passed while the gateway was down starts one record
//! when it is up again, however many times passed.

use std::sync::Arc;

use serde_json::Value;

use crate::app::App;
use crate::error::Result;
use crate::model::run::Lane;
use crate::model::time::Timestamp;
use crate::operation::diagram::diagram_of;
use crate::operation::internal::{Content, Destination, MadeRecord};
use crate::store::run;

/// What looking after schedules came to.
pub(super) struct Started {
    /// How many records were started.
    pub(super) started: usize,
    /// When the next one is due.
    pub(super) next: Option<Timestamp>,
}

/// Starts a record of every flow whose time has come.
pub(super) async fn start_due(app: &Arc<App>) -> Result<Started> {
    let now = app.clock.now();
    let (due, next) = app.store.peek(|tx| run::due_schedules(tx, now))?;
    let mut started = 0;
    for lane in due {
        started += usize::from(start(app, lane, now).await?);
    }
    app.metrics.scheduled(started as u64);
    Ok(Started { started, next })
}

async fn start(app: &Arc<App>, lane: Lane, now: Timestamp) -> Result<bool> {
    let Lane { customer, flow, due } = lane;
    let made = prepare(app, lane);
    if let Err(error) = &made {
        log::warn!(customer = customer.0, flow = flow.0; "A scheduled record could not be started: {error}");
    }
    let schedule = diagram_of(app, customer, flow, None).ok().and_then(|diagram| diagram.schedule.clone());
    let next = schedule.and_then(|schedule| schedule.next(now));
    let made = made.ok();
    app.store
        .write(move |tx| {
            // Only whoever moves the time on starts the record.
            if !run::move_schedule(tx, customer, flow, due, next)? {
                return Ok(false);
            }
            made.as_ref().map_or(Ok(false), |made| made.insert(tx, now))
        })
        .await
}

fn prepare(app: &App, lane: Lane) -> Result<MadeRecord> {
    let to = Destination::of(app, lane.customer, lane.flow)?;
    let diagram = diagram_of(app, lane.customer, lane.flow, None)?;
    let mut data = diagram.schedule.as_ref().map(|schedule| schedule.data.clone()).unwrap_or_default();
    data.insert("scheduled".to_owned(), Value::String(lane.due.to_atom()));
    Ok(MadeRecord {
        customer: lane.customer,
        uuid: uuid::Uuid::now_v7().to_string(),
        flow: to.flow(),
        version: to.version,
        content: Content::of(app, lane.customer, &to, &Value::Object(data))?,
        parent: None,
        depth: 0,
    })
}

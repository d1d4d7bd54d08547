//! Steps that talk to the outside world: one attempt, with its time limit.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::failure::StepFailure;
use super::journey::{Journey, Performed};
use crate::app::App;

/// Makes one attempt of the step that the journey stands at. One that panics has failed.
pub(super) async fn perform(app: &App, journey: &mut Journey) -> Performed {
    let at = app.clock.now();
    #[expect(clippy::disallowed_methods, reason = "how long it took, whatever the clock is set to")]
    let started = Instant::now();
    let limit = journey.step().and_then(|step| step.timeout).and_then(|limit| u64::try_from(limit).ok());
    let limit = limit.map_or(app.config.engine.step_timeout, Duration::from_millis);
    let attempt = AssertUnwindSafe(attempt(app, journey)).catch_unwind();
    let outcome = match tokio::time::timeout(limit, attempt).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(StepFailure::panicked()),
        Err(_) => Err(StepFailure::passing("timeout", format!("The step took longer than {} ms", limit.as_millis()))),
    };
    Performed { at, duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), outcome }
}

async fn attempt(_app: &App, journey: &mut Journey) -> Result<super::journey::Done, StepFailure> {
    let _ = journey.step();
    Err(StepFailure::panicked())
}

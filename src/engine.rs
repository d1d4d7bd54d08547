//! The engine: takes up records that are due, runs them through their flows step by step, and leaves them where they
//! stand.
//!
//! A record is claimed under a lease, goes as far as it can, and is committed before each step that talks to the outside
//! world and at the end of its way. What was committed is never done again. How a flow is written is `diagram`'s
//! business, what a step does to records is `operation`'s.

mod attempt;
mod commit;
mod curtain;
mod delivery;
mod dispatch;
mod external;
mod failure;
mod history;
mod http;
mod journey;
mod keystore;
mod local;
mod rescue;
mod runner;
mod schedule;
mod soap;
mod table;
mod token;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use self::delivery::Deliverer;
use self::dispatch::Dispatcher;
use crate::app::App;
use crate::error::{Error, Result};

/// Threads that records run on. What computes for long runs beside them.
const THREADS: usize = 2;

/// A running engine.
pub struct Engine {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    ended: watch::Receiver<bool>,
}

impl Engine {
    /// Takes back what an earlier process left unfinished, and starts.
    /// # Errors
    /// The system gives no thread, or the store cannot be read.
    pub fn start(app: Arc<App>) -> Result<Engine> {
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let runtime = runtime()?;
        let thread = thread::Builder::new().name("engine".into()).spawn(move || {
            let deliverer = Deliverer::new(Arc::clone(&app), stopping.clone());
            runtime.block_on(async { tokio::join!(Dispatcher::new(app, stopping).run(), deliverer.run()) });
            // Steps that did not end in time are left to the next process.
            runtime.shutdown_background();
            // Nobody may be waiting any more.
            let _ = end.send(true);
        });
        Ok(Engine { stop, thread: Some(thread.map_err(Error::internal)?), ended })
    }

    /// Begins nothing new and waits until every step under way has ended and been committed, at most that long.
    pub async fn stop(mut self, patience: Duration) {
        // Without a receiver the engine has ended already.
        let _ = self.stop.send(true);
        log::info!("The engine begins nothing new, and waits until the steps under way have ended");
        match tokio::time::timeout(patience, self.ended.wait_for(|ended| *ended)).await {
            Ok(_) => drop(self.thread.take().map(JoinHandle::join)),
            Err(_) => {
                log::warn!("Steps that were under way did not end in time; they are repeated after the next start");
            }
        }
    }
}

/// Runs everything that is due, and everything that becomes due by that, until there is nothing left to do now, and
/// brings the messages that tell of it. For
/// tests: time stands still meanwhile.
/// # Errors
/// The store cannot be read or written.
pub async fn drain(app: &Arc<App>) -> Result<()> {
    let (_stop, stopping) = watch::channel(false);
    Dispatcher::new(Arc::clone(app), stopping.clone()).drain().await?;
    Deliverer::new(Arc::clone(app), stopping).drain().await.map(drop)
}

fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("engine-worker")
        .enable_all()
        .build()
        .map_err(Error::internal)
}

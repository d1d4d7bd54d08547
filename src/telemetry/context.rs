//! What every line of the log carries that is written while some work is done: the request or the run it belongs to.
//! It does not know what the fields mean, and costs nothing but their keeping as long as nothing is logged.

use std::future::Future;
use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static CONTEXT: Context;
}

/// Fields of the log, with those of the work around it. Copies share them.
#[derive(Clone, Debug)]
pub struct Context(Arc<Layer>);

#[derive(Debug)]
struct Layer {
    fields: Box<[(&'static str, Arc<str>)]>,
    around: Option<Context>,
}

impl Context {
    /// These fields, beside those that count here already.
    pub fn new(fields: impl IntoIterator<Item = (&'static str, Arc<str>)>) -> Context {
        Context(Arc::new(Layer { fields: fields.into_iter().collect(), around: Context::current() }))
    }

    /// The fields that count here, to be taken along to another thread or task.
    pub fn current() -> Option<Context> {
        CONTEXT.try_with(Context::clone).ok()
    }

    /// Tells each field, those of the outermost work first.
    fn visit(&self, tell: &mut impl FnMut(&'static str, &str)) {
        if let Some(around) = &self.0.around {
            around.visit(tell);
        }
        for (key, value) in &self.0.fields {
            tell(key, value);
        }
    }
}

/// The future, with the fields on every line that is logged while it is polled.
pub fn within<F: Future>(context: Context, work: F) -> TaskLocalFuture<Context, F> {
    CONTEXT.scope(context, work)
}

/// Does the work, with the fields on every line that it logs on this thread.
pub fn within_sync<T>(context: Context, work: impl FnOnce() -> T) -> T {
    CONTEXT.sync_scope(context, work)
}

/// Tells each field that counts here, those of the outermost work first.
pub(super) fn visit(tell: &mut impl FnMut(&'static str, &str)) {
    // While a thread ends its locals are gone; its last lines stand alone.
    let _ = CONTEXT.try_with(|context| context.visit(tell));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> String {
        let mut text = String::new();
        visit(&mut |key, value| text.push_str(&format!("{key}={value} ")));
        text
    }

    fn context(key: &'static str, value: &str) -> Context {
        Context::new([(key, value.into())])
    }

    #[test]
    fn fields_count_within_the_work_and_add_up() {
        assert_eq!(fields(), "");
        within_sync(context("request_id", "a"), || {
            within_sync(context("run", "7"), || assert_eq!(fields(), "request_id=a run=7 "));
            assert_eq!(fields(), "request_id=a ");
        });
        assert_eq!(fields(), "");
    }

    #[test]
    fn fields_stay_with_their_future_wherever_it_is_polled() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let seen = |id: &'static str| {
            within(context("request_id", id), async {
                let before = fields();
                tokio::task::yield_now().await;
                (before, fields())
            })
        };
        let (one, other) = runtime.block_on(async { tokio::join!(seen("one"), seen("other")) });
        for (id, (before, after)) in [("one", one), ("other", other)] {
            assert_eq!(
                (before.as_str(), after.as_str()),
                (&*format!("request_id={id} "), &*format!("request_id={id} "))
            );
        }
    }

    #[test]
    fn fields_can_be_taken_along_to_another_thread() {
        let carried = within_sync(context("request_id", "a"), Context::current).expect("fields");
        let there = std::thread::spawn(move || within_sync(carried, fields)).join().expect("a thread");
        assert_eq!(there, "request_id=a ");
    }
}

//! Panics: defects of ours that end one request or one task. Each is logged with its place and counted.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Sends the reports of panics to the log instead of to standard error.
pub fn log_panics() {
    std::panic::set_hook(Box::new(report));
}

/// Panics since the start of the process.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn report(panic: &PanicHookInfo<'_>) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
    let thread = std::thread::current();
    // A text made at run time may quote what a client sent; one from the source cannot.
    let words = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown)");
    log::error!(place, thread = thread.name().unwrap_or_default(); "A defect ended a task: {words}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_counted() {
        let before = count();
        // The hook is the process's, and other tests want theirs.
        let usual = std::panic::take_hook();
        log_panics();
        let panicked = std::panic::catch_unwind(|| panic!("on purpose"));
        std::panic::set_hook(usual);
        assert!(panicked.is_err());
        assert!(count() > before);
    }
}

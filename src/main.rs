//! The `flowgate` command.

use std::process::ExitCode;

// Measured on the request path, where many small buffers live for one request.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Failpoints named in FAILPOINTS are there in tests alone; elsewhere this does nothing.
    let _failpoints = fail::FailScenario::setup();
    flowgate::cli::run()
}

//! What the gateway tells its operator while it runs. It does not decide what is worth telling.

pub mod context;
pub mod log;
pub mod metrics;
pub mod panic;
mod process;

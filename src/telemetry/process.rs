//! What the system says of this process: its memory and its open files. Where the system does not say it, nothing is told.

use std::fs;

/// The bytes of memory that the process holds.
pub(super) fn resident_memory() -> Option<u64> {
    // Pages: all, resident, shared, … (proc_pid_statm(5)).
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// The file descriptors that the process has open.
pub(super) fn open_descriptors() -> Option<u64> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // One of them lists the others.
    Some(listed.saturating_sub(1))
}

//! What the operator reads: results on standard output, errors on standard error.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde_json::Value;

/// Said with every secret that was just made.
pub(super) const ONCE: &str = "Keep it safe: only its hash is stored, so it cannot be shown again.";

/// Prints a result: as JSON if that was asked for, else as text.
pub(super) fn show(json: bool, value: &Value, text: &str) -> anyhow::Result<()> {
    match json {
        true => print(&format!("{value:#}\n")),
        false => print(text),
    }
}

/// Prints text as it is.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Aligns rows under their headings; without rows it says so.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return "There are none yet.\n".to_owned();
    }
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&headings.map(str::to_owned)).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // Writing to a String does not fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Prints an error with its causes, each on a line of its own.
pub(super) fn report(error: &anyhow::Error) {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  because: {cause}");
    }
    // There is nowhere left to report a failure to.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether the reader of our output went away, as `head` does; that is its right and no failure.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [["1".to_owned(), "Änne".to_owned()], ["20".to_owned(), "Bo".to_owned()]];
        assert_eq!(table(["ID", "NAME"], &rows), "ID  NAME\n1   Änne\n20  Bo\n");
        assert_eq!(table(["ID"], &[]), "There are none yet.\n");
    }
}

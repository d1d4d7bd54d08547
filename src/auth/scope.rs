//! The scopes that a request names, as text from the wire.

use crate::error::{Error, Result};
use crate::model::scope::Scopes;

/// Characters of an unknown name that are repeated to its sender.
const SHOWN: usize = 40;

/// Reads the names of scopes, separated by spaces or commas (`X-Scopes`, `scope`).
/// # Errors
/// `InvalidInput` that names the first name which is no scope.
pub fn parse(names: &str) -> Result<Scopes> {
    Scopes::parse(names).map_err(|name| {
        let name: String = name.chars().take(SHOWN).collect();
        Error::invalid(format!("There is no scope '{name}'"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_scope_is_told() {
        assert_eq!(parse("record, schema.read").expect("scopes").names(), ["schema.read", "record"]);
        assert_eq!(parse("record recrod").expect_err("no scope").message(), "There is no scope 'recrod'");
        let long = parse(&"x".repeat(5_000)).expect_err("no scope");
        assert!(long.message().len() < 80, "{long}");
    }
}

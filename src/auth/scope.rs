//! The scopes that a request names, as text from the wire.

use crate::error::{Error, Result};
use crate::model::scope::Scopes;

/// Characters of an unknown name that is repeated to its sender. Secrets are longer, and one that was put into the wrong
/// place must not stand in a message.
const SHOWN: usize = 24;

/// Reads the names of scopes, separated by spaces or commas (`X-Scopes`, `scope`).
/// # Errors
/// `InvalidInput` that names the first name which is no scope.
pub fn parse(names: &str) -> Result<Scopes> {
    Scopes::parse(names).map_err(|name| match name.chars().count() {
        ..=SHOWN => Error::invalid(format!("There is no scope '{name}'")),
        _ => Error::invalid("A scope is named that does not exist"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_that_is_no_scope_is_told() {
        assert_eq!(parse("record, schema.read").expect("scopes").names(), ["schema.read", "record"]);
        assert_eq!(parse("record recrod").expect_err("no scope").message(), "There is no scope 'recrod'");
        let long = parse(&"5f".repeat(16)).expect_err("no scope");
        assert_eq!(long.message(), "A scope is named that does not exist");
    }
}

//! What names and texts must look like before anything is stored under them.

use serde_json::{Map, Value};

use crate::app::blueprint;
use crate::app::fields::Fields;
use crate::diagram::Diagram;
use crate::error::{Error, Result};
use crate::model::address::Network;
use crate::model::keystore;

/// A name: 1 to 128 characters (document 003: "string(128)"), none of them a control character.
pub(super) fn name(field: &str, text: &str) -> Result<()> {
    match text.chars().count() {
        1..=128 if !text.chars().any(char::is_control) && text.trim() == text => Ok(()),
        1..=128 => {
            Err(Error::invalid(format!("{field} must not hold control characters, nor begin or end with a space")))
        }
        _ => Err(Error::invalid(format!("{field} must have from 1 to 128 characters"))),
    }
}

/// A description: at most 512 characters (document 003: "string(512)").
pub(super) fn description(text: &str) -> Result<()> {
    match text.chars().count() {
        0..=512 if !text.contains('\0') => Ok(()),
        0..=512 => Err(Error::invalid("The description must not hold a NUL character")),
        _ => Err(Error::invalid("The description must have at most 512 characters")),
    }
}

/// A key or secret that was chosen rather than generated: 1 to 512 visible characters (contradiction C52).
pub(super) fn key(field: &str, text: &str) -> Result<()> {
    match text.len() {
        1..=512 if text.chars().all(|c| c.is_ascii_graphic()) => Ok(()),
        _ => Err(Error::invalid(format!("{field} must have from 1 to 512 visible ASCII characters"))),
    }
}

/// A webhook's URI: 1 to 128 characters that need no escaping in an address (RFC 3986, "unreserved").
pub(super) fn uri(text: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '~' | '-');
    match text.len() {
        1..=128 if text.chars().all(fits) => Ok(()),
        _ => Err(Error::invalid("The URI must have from 1 to 128 letters, digits, '.', '_', '~' or '-'")),
    }
}

/// A secret's name, as templates can write it: `{{secret.crm_token}}`.
pub(super) fn secret_name(text: &str) -> Result<()> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match begins && text.len() <= 128 && text.chars().all(fits) {
        true => Ok(()),
        false => Err(Error::invalid(
            "The secret's name must have from 1 to 128 letters, digits, '_', '-' or '.', and begin with a letter or '_'",
        )),
    }
}

/// A keystore's identifier, which is a part of addresses.
pub(super) fn keystore_name(text: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match (1..=keystore::LONGEST_NAME).contains(&text.len()) && text.chars().all(fits) && !is_step(text) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "The keystore's id must have from 1 to {} letters, digits, '_', '.' or '-', and be neither . nor ..",
            keystore::LONGEST_NAME
        ))),
    }
}

/// The key of a package, which is a part of addresses.
pub(super) fn package_key(text: &str) -> Result<()> {
    match (1..=keystore::LONGEST_KEY).contains(&text.len()) && !text.chars().any(char::is_control) && !is_step(text) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "The key must have from 1 to {} bytes of UTF-8, none of them a control character, and be neither . nor ..",
            keystore::LONGEST_KEY
        ))),
    }
}

/// What clients and proxies resolve before a path is sent (RFC 3986 §5.2.4), however it is escaped.
fn is_step(text: &str) -> bool {
    matches!(text, "." | "..")
}

/// At least one network.
pub(super) fn networks(texts: &[String]) -> Result<Vec<Network>> {
    let mut networks = Vec::new();
    for text in texts {
        networks.extend(Network::parse(text.trim()).ok_or_else(|| {
            Error::invalid(format!("'{text}' is neither an address, nor a network such as 192.0.2.0/24, nor 'any'"))
        })?);
    }
    match networks.is_empty() {
        true => Err(Error::invalid("At least one address, or 'any', is needed")),
        false => Ok(networks),
    }
}

/// The graph of a draft: a JSON object with the data fields it declares. It may be unfinished otherwise.
pub(super) fn draft(text: &str) -> Result<()> {
    Fields::of_graph(&object(text)?).map(|_| ())
}

/// The graph of a version that records can run through.
pub(super) fn diagram(text: &str) -> Result<Diagram> {
    let graph = object(text)?;
    Fields::of_graph(&graph)?;
    blueprint::read(graph)
}

fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(|error| Error::invalid(format!("The graph must be a JSON object: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        for (text, fits) in [
            ("Leads", true),
            ("Ünïcode 名前", true),
            ("", false),
            ("a\nb", false),
            (" a", false),
            (&"ä".repeat(128), true),
            (&"a".repeat(129), false),
        ] {
            assert_eq!(name("The name", text).is_ok(), fits, "{text:?}");
        }
    }

    #[test]
    fn uris_need_no_escaping() {
        for (text, fits) in [("demo-hook", true), ("a.b_c~d", true), ("", false), ("a/b", false), ("ä", false)] {
            assert_eq!(uri(text).is_ok(), fits, "{text:?}");
        }
    }

    #[test]
    fn drafts_are_objects_and_versions_are_diagrams() {
        assert!(draft(r#"{"nodes":[]}"#).is_ok() && diagram(r#"{"nodes":[]}"#).is_err());
        assert!(draft(r#"{"data_fields":{"name":"client.name"}}"#).is_ok());
        assert!(diagram(r#"{"nodes":[{"id":"a","kind":"end"}],"data_fields":{"name":"client.name"}}"#).is_ok());
        for text in [r#"{"data_fields":{"name":"client..name"}}"#, "[]", "{"] {
            assert!(draft(text).is_err() && diagram(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_application_needs_at_least_one_network() {
        assert_eq!(networks(&["any".to_owned(), "10.0.0.1".to_owned()]).expect("networks").len(), 3);
        assert!(networks(&[]).is_err());
        assert!(networks(&["10.0.0.0/40".to_owned()]).is_err());
    }
}

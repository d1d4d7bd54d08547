//! Secrets: how they are made, and the only form in which they are kept.
//!
//! They are long and random, so a plain SHA-256 is enough: there is nothing to guess that a slow hash would protect.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Code, Error, Result};

/// A new secret of 256 bits: 64 hexadecimal digits, as document 003 shows them.
pub fn generate_secret() -> Result<String> {
    generate::<32>()
}

/// A new public identifier of 128 bits: 32 hexadecimal digits.
pub fn generate_id() -> Result<String> {
    generate::<16>()
}

/// A new public identifier as document 002 has them: 24 hexadecimal digits.
pub fn generate_public_id() -> Result<String> {
    generate::<12>()
}

fn generate<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(Code::Unavailable, "The system gives no random numbers at the moment").because(error)
    })?;
    Ok(hex(&bytes))
}

/// Bytes as hexadecimal digits, two for each.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What tells a text from others, for instance in an entity tag: the first bytes of its hash, at most 32, as hexadecimal
/// digits.
pub fn digest(text: &str, bytes: usize) -> String {
    hex(hash(text).get(..bytes).unwrap_or_default())
}

/// The form in which a secret is stored and compared.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares two hashes in a time that does not depend on where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_random_hexadecimal_digits() {
        let (one, other) = (generate_secret().expect("a secret"), generate_secret().expect("a secret"));
        assert_ne!(one, other);
        assert_eq!((one.len(), generate_id().expect("an identifier").len()), (64, 32));
        assert!(one.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{one}");
    }

    #[test]
    fn hashes_are_compared_whole() {
        assert!(same(&hash("a"), &hash("a")));
        assert!(!same(&hash("a"), &hash("b")));
        assert!(!same(&hash("a"), &hash("a")[..31]));
    }
}

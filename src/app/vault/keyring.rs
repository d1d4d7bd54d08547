//! Sealing and opening: ChaCha20-Poly1305 under the first of the keys, opened with whichever it was.
//!
//! Sealed bytes are a version, the key's id, a random nonce and the ciphertext with its tag. Customer and name are
//! authenticated with it, so that a row which is moved to another customer or name does not open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a key's id.
const ID: usize = 4;
/// The form of what is sealed; another one would begin with another byte.
const VERSION: u8 = 1;

struct Key {
    id: [u8; ID],
    key: LessSafeKey,
}

/// Keys, the first of which seals; never empty.
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

impl Keyring {
    /// Reads keys, one a line, as 64 hexadecimal digits or in base64. Empty lines and those that begin with `#` are
    /// left out. The error tells what is wrong with the file, to be read after its name.
    pub(super) fn parse(text: &str) -> std::result::Result<Keyring, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys.push(decode(line).and_then(|bytes| Key::new(&bytes)).ok_or_else(|| {
                format!("has no key of 32 bytes in line {number}: neither 64 hexadecimal digits nor their base64")
            })?);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or("holds no key")?;
        Ok(Keyring { first, others: keys.collect() })
    }

    /// Tells the key that seals from others: the beginning of its hash, as hexadecimal digits.
    pub fn id(&self) -> String {
        spell(&self.first.id)
    }

    /// Seals a secret of that customer and name.
    /// # Errors
    /// `Unavailable` if the system gives no random numbers.
    pub fn seal(&self, customer: CustomerId, name: &str, secret: &str) -> Result<Vec<u8>> {
        let nonce = random::<NONCE_LEN>()?;
        let mut text = secret.as_bytes().to_vec();
        let sealing = Nonce::assume_unique_for_key(*nonce);
        self.first
            .key
            .seal_in_place_append_tag(sealing, Aad::from(owner(customer, name)), &mut text)
            .map_err(|_| Error::internal("a secret could not be sealed"))?;
        Ok([&[VERSION], self.first.id.as_slice(), nonce.as_slice(), &text].concat())
    }

    /// Opens what was sealed for that customer and name.
    /// # Errors
    /// `Unavailable` if it was sealed with a key that is not among these, is damaged, or belongs to somebody else.
    pub fn open(&self, customer: CustomerId, name: &str, sealed: &[u8]) -> Result<Zeroizing<String>> {
        let closed = |why: &str| Error::new(Code::Unavailable, format!("The secret '{name}' cannot be opened: {why}"));
        let parts = sealed.split_first().and_then(|(version, rest)| {
            let (id, rest) = rest.split_first_chunk::<ID>()?;
            let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
            (*version == VERSION).then_some((id, *nonce, text))
        });
        let Some((id, nonce, text)) = parts else { return Err(closed("it is in no form that is known here")) };
        let Some(key) = std::iter::once(&self.first).chain(&self.others).find(|key| key.id == *id) else {
            return Err(closed("it was sealed with a key that the operator's key file does not hold"));
        };
        let mut text = Zeroizing::new(text.to_vec());
        let (nonce, owner) = (Nonce::assume_unique_for_key(nonce), Aad::from(owner(customer, name)));
        let opened = key.key.open_in_place(nonce, owner, &mut text).map_err(|_| closed("it is damaged"))?;
        let opened = std::str::from_utf8(opened).map_err(|_| closed("it is damaged"))?;
        Ok(Zeroizing::new(opened.to_owned()))
    }
}

impl Key {
    fn new(bytes: &[u8]) -> Option<Key> {
        let id = digest(&SHA256, &[b"flowgate secret key ", bytes].concat());
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, bytes).ok()?);
        Some(Key { id: *id.as_ref().first_chunk()?, key })
    }
}

/// A new key as it stands in the file.
pub(super) fn generate() -> Result<Zeroizing<String>> {
    Ok(Zeroizing::new(spell(&*random::<KEY>()?)))
}

/// A text that no other process makes.
pub(super) fn unique() -> String {
    // Without random numbers there is no key to be written either.
    random::<8>().map(|bytes| spell(&*bytes)).unwrap_or_default()
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new()
        .fill(&mut *bytes)
        .map_err(|_| Error::new(Code::Unavailable, "The system gives no random numbers at the moment"))?;
    Ok(bytes)
}

fn owner(customer: CustomerId, name: &str) -> Vec<u8> {
    [&customer.0.to_be_bytes(), name.as_bytes()].concat()
}

fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(line: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = match line.len() == 2 * KEY && line.is_ascii() {
        true => (0..KEY).map(|at| u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()).collect(),
        false => STANDARD.decode(line).ok(),
    };
    bytes.filter(|bytes: &Vec<u8>| bytes.len() == KEY).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn keys(text: &str) -> Keyring {
        Keyring::parse(text).expect(text)
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_alone() {
        let (keys, customer) = (keys(ONE), CustomerId(7));
        let sealed = keys.seal(customer, "token", "hush").expect("sealed");
        assert_eq!(*keys.open(customer, "token", &sealed).expect("opened"), "hush");
        assert_ne!(sealed, keys.seal(customer, "token", "hush").expect("sealed"), "each time otherwise");
        for (customer, name) in [(CustomerId(8), "token"), (customer, "Token"), (customer, "")] {
            let error = keys.open(customer, name, &sealed).expect_err("not theirs");
            assert!(error.message().ends_with("it is damaged") && error.code() == Code::Unavailable, "{error}");
        }
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(keys.open(customer, "token", &damaged).is_err(), "byte {at}");
            assert!(keys.open(customer, "token", &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let customer = CustomerId(1);
        let old = keys(ONE).seal(customer, "token", "hush").expect("sealed");
        let both = keys(&format!("# a new one\n{OTHER}\n\n  {ONE}\n"));
        assert_eq!(*both.open(customer, "token", &old).expect("opened"), "hush");
        let new = both.seal(customer, "token", "hush").expect("sealed");
        assert_eq!(*keys(OTHER).open(customer, "token", &new).expect("opened"), "hush");
        let error = keys(ONE).open(customer, "token", &new).expect_err("another key");
        assert!(error.message().contains("'token'") && error.message().contains("key file does not hold"), "{error}");
        assert_ne!(keys(ONE).id(), keys(OTHER).id());
    }

    #[test]
    fn what_is_no_key_is_told_with_its_line() {
        for (text, expected) in [
            ("", "holds no key"),
            ("# nothing\n\n", "holds no key"),
            ("hush", "line 1"),
            (ONE.split_at(62).0, "line 1"),
            (&format!("{ONE}\n{ONE}00"), "line 2"),
            (&format!("{ONE}\n\n{}", ONE.replace('f', "g")), "line 3"),
            (OTHER.split_at(40).0, "line 1"),
        ] {
            let problem = Keyring::parse(text).err().expect(text);
            assert!(problem.contains(expected) && !problem.contains("0011"), "{text}: {problem}");
        }
    }
}

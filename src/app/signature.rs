//! Signatures of webhooks as Standard Webhooks 1.0 has them: made for those that leave, checked of those that come in. And
//! those that other senders make, by what is said of them.
//! Where a signature stands in a message, and whose keys there are, is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::model::time::{MILLISECONDS_OF_A_SECOND, Timestamp};
use crate::model::webhook::{Algorithm, Encoding};

/// What a key begins with where it is written down.
const PREFIX: &str = "whsec_";
/// What a signature of this kind begins with.
const VERSION: &str = "v1,";
/// Bytes of a key that is generated here.
const GENERATED: usize = 32;
/// The fewest and the most bytes that a key may have. The standard asks for 24 to 64; keys of 16 are in use.
const KEY: std::ops::RangeInclusive<usize> = 16..=64;

/// A key that is shared with whoever is on the other side.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads `whsec_` with the key in base64, also without the prefix.
    /// # Errors
    /// `InvalidInput` if it is neither, or has fewer than 16 or more than 64 bytes; the message does not repeat it.
    pub fn parse(text: &str) -> Result<SigningKey> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = STANDARD.decode(encoded).map(Zeroizing::new).ok().filter(|bytes| KEY.contains(&bytes.len()));
        let bytes = bytes.ok_or_else(|| {
            Error::invalid("The signing secret must be whsec_ and the base64 of a key of 16 to 64 bytes")
        })?;
        Ok(SigningKey(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A key that somebody chose, as it is written down.
    /// # Errors
    /// As for [`SigningKey::parse`].
    pub fn chosen(text: String) -> Result<Zeroizing<String>> {
        let text = Zeroizing::new(text);
        SigningKey::parse(&text).map(|_| text)
    }

    /// Makes a key, as it is written down.
    /// # Errors
    /// `Unavailable` if the system gives no random numbers.
    pub fn generate() -> Result<Zeroizing<String>> {
        let mut bytes = Zeroizing::new([0; GENERATED]);
        SystemRandom::new()
            .fill(&mut *bytes)
            .map_err(|_| Error::new(Code::Unavailable, "The system gives no random numbers at the moment"))?;
        Ok(Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(*bytes))))
    }
}

/// The value of `webhook-signature`: a signature under each of the keys, the newest first. The message is known by its id,
/// and sent at that time, which goes into `webhook-timestamp` as [`seconds`].
pub fn sign(keys: &[SigningKey], id: &str, at: Timestamp, body: &[u8]) -> String {
    let signed: Vec<_> =
        keys.iter().map(|key| format!("{VERSION}{}", STANDARD.encode(tag(key, id, &seconds(at), body)))).collect();
    signed.join(" ")
}

/// Whether one of the signatures, which stand after each other with spaces between them, is good under one of the keys.
/// `timestamp` is the text of the header, since it is that which was signed; how old it may be is asked of [`is_recent`].
/// Signatures of other versions are passed over.
pub fn is_signed(keys: &[SigningKey], id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
    let given = signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix(VERSION)?).ok());
    let message = message(id, timestamp, body);
    // All are tried, so that the time tells nothing.
    given.fold(false, |good, tag| {
        keys.iter().fold(good, |good, key| hmac::verify(&key.0, &message, &tag).is_ok() | good)
    })
}

/// Whether the time that a message says it was sent at, in seconds since 1970, is no further from now than that many
/// milliseconds, in either direction.
pub fn is_recent(timestamp: &str, now: Timestamp, tolerance: i64) -> bool {
    let sent = timestamp.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(MILLISECONDS_OF_A_SECOND));
    sent.is_some_and(|sent| now.0.abs_diff(sent) <= tolerance.unsigned_abs())
}

/// Whether a signature of a message's parts, written in that way, is good under the key.
pub fn is_authentic(algorithm: Algorithm, encoding: Encoding, key: &[u8], message: &[&[u8]], signature: &str) -> bool {
    let algorithm = match algorithm {
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => hmac::HMAC_SHA256,
        Algorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let given = match encoding {
        Encoding::Hex => from_hex(signature),
        Encoding::Base64 => STANDARD.decode(signature).ok(),
    };
    let key = hmac::Key::new(algorithm, key);
    given.is_some_and(|given| hmac::verify(&key, &message.concat(), &given).is_ok())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<_>>>()?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

/// The value of `webhook-timestamp`.
pub fn seconds(at: Timestamp) -> String {
    at.0.div_euclid(MILLISECONDS_OF_A_SECOND).to_string()
}

fn tag(key: &SigningKey, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
    hmac::sign(&key.0, &message(id, timestamp, body))
}

fn message(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"event_type":"ping","data":{"success":true}}"#;
    const ID: &str = "msg_loFOjxBNrRLzqYUf";
    const AT: &str = "1731705121";

    fn key(text: &str) -> SigningKey {
        SigningKey::parse(text).expect("a key")
    }

    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        let keys = [key("whsec_plJ3nmyCDGBKInavdOK15jsl")];
        let signed = sign(&keys, ID, Timestamp(1_731_705_121_999), BODY);
        assert_eq!(signed, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
        assert!(is_signed(&keys, ID, AT, BODY, &signed));
        assert!(is_signed(&keys, ID, AT, BODY, &format!("v1a,AAAA v1,c3Bvb2Y= {signed}")));
    }

    #[test]
    fn what_was_changed_is_not_signed() {
        let (old, new) = (key("plJ3nmyCDGBKInavdOK15jsl"), key(&SigningKey::generate().expect("a key")));
        let signed = sign(&[new.clone(), old.clone()], ID, Timestamp(1_731_705_121_000), BODY);
        assert_eq!(signed.split(' ').count(), 2);
        for keys in [[old.clone()], [new.clone()]] {
            assert!(is_signed(&keys, ID, AT, BODY, &signed));
            for (id, at, body, signatures) in [
                ("msg_other", AT, BODY, signed.as_str()),
                (ID, "1731705122", BODY, signed.as_str()),
                (ID, AT, &BODY[1..], signed.as_str()),
                (ID, AT, BODY, &signed.replace("v1,", "v2,")),
                (ID, AT, BODY, ""),
            ] {
                assert!(!is_signed(&keys, id, at, body, signatures), "{id} {at} {signatures}");
            }
        }
        assert!(!is_signed(&[key(&SigningKey::generate().expect("a key"))], ID, AT, BODY, &signed));
        assert!(!is_signed(&[], ID, AT, BODY, &signed));
    }

    #[test]
    fn other_signatures_are_checked_by_what_is_said_of_them() {
        let (key, body): (&[u8], &[u8]) = (b"key", b"The quick brown fox jumps over the lazy dog");
        for (algorithm, hex) in [
            (Algorithm::Sha1, "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"),
            (Algorithm::Sha256, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
            (
                Algorithm::Sha512,
                "b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb82f948a549f7b791a5b41915ee4d1ec3935357e4e2317250d0372afa2ebeeb3a",
            ),
        ] {
            let (front, back) = body.split_at(7);
            let base64 = STANDARD.encode(from_hex(hex).expect("digits"));
            let is_good =
                |encoding, key, message: &[&[u8]], text: &str| is_authentic(algorithm, encoding, key, message, text);
            assert!(is_good(Encoding::Hex, key, &[body], hex) && is_good(Encoding::Hex, key, &[front, back], hex));
            assert!(is_good(Encoding::Hex, key, &[body], &hex.to_uppercase()));
            assert!(is_good(Encoding::Base64, key, &[body], &base64));
            assert!(!is_good(Encoding::Hex, b"other", &[body], hex) && !is_good(Encoding::Hex, key, &[back], hex));
            let (first, rest) = hex.split_at(2);
            for wrong in [base64.as_str(), rest, first, "", &format!("{hex}0"), "zz", "ää"] {
                assert!(!is_good(Encoding::Hex, key, &[body], wrong), "{wrong}");
            }
        }
    }

    #[test]
    fn only_recent_messages_are_recent() {
        let now = Timestamp(1_731_705_121_000);
        for (timestamp, recent) in [
            ("1731705121", true),
            ("1731704821", true),
            ("1731705421", true),
            ("1731704820", false),
            ("1731705422", false),
            ("-1", false),
            ("9223372036854775807", false),
            ("", false),
            ("now", false),
        ] {
            assert_eq!(is_recent(timestamp, now, 300_000), recent, "{timestamp}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for text in
            ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all", &format!("whsec_{}", STANDARD.encode([1; 65]))]
        {
            let error = SigningKey::parse(text).err().expect("a refusal");
            assert!(error.message().contains("16 to 64 bytes") && !error.message().contains("c2hv"), "{error}");
        }
    }
}

//! Key sets (RFC 7517): a document into the keys that may vouch for an access token.

use std::collections::HashMap;
use std::fmt;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::crypto::{self, sha256};
use crate::json::{is_object, not_null};

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// The most keys that are used of one document, in its order.
pub const MAX_KEYS: usize = 16;
/// The longest `kid` of a key that is used, in bytes.
pub const MAX_KID: usize = 256;
/// The largest modulus and exponent, in bytes.
const MAX_MODULUS: usize = 8192 / 8;
const MAX_EXPONENT: usize = 5;
/// Bytes in which any set that was parsed can be written down by [`KeySet::to_bytes`].
pub const MAX_SERIALISED: usize = 8 + MAX_KEYS * (3 * 4 + MAX_KID + MAX_MODULUS + MAX_EXPONENT);
/// Begins what [`KeySet::to_bytes`] writes; another number with every other format.
const FORMAT: u32 = 1;
/// Stands for a key without a `kid`.
const NO_KID: u32 = u32::MAX;

/// One RSA public key that may vouch for a token.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    thumbprint: [u8; 32],
    decoding_key: DecodingKey,
}

/// The usable keys of a project, at least one, in the document's order.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// A document, parsed.
#[derive(Debug)]
pub struct Parsed {
    /// The keys that are used.
    pub set: KeySet,
    /// The keys that are not, and why.
    pub ignored: Vec<Ignored>,
    /// How many usable keys stand beyond [`MAX_KEYS`].
    pub beyond: usize,
}

/// Why a key of a document is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It is not an object, or a member stands twice or has the wrong type.
    Malformed,
    /// `kty` is not RSA.
    NotRsa,
    /// `use`, `alg` or `key_ops` says that it is for something else.
    OtherPurpose,
    /// Its modulus or exponent is not strict base64url of a key of 2048 to 8192 bits.
    BadNumbers,
    /// Its `kid` is too long.
    LongKid,
    /// Another key of the document has its `kid`.
    SameKid,
}

/// Why a document gives no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwksError {
    /// Larger than [`MAX_DOCUMENT`].
    TooLarge,
    /// Not a JSON object with an array `keys`.
    NotAKeySet,
    /// It has keys, none of them usable, or no key at all.
    NoUsableKey,
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the key set is larger than 262144 bytes",
            Self::NotAKeySet => "it is not a JSON object with an array \"keys\" (RFC 7517)",
            Self::NoUsableKey => "it holds no usable key (RSA, 2048 to 8192 bits, for RS256 signatures)",
        })
    }
}

impl std::error::Error for JwksError {}

#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    #[serde(rename = "use", default, deserialize_with = "not_null")]
    purpose: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    alg: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    key_ops: Option<Vec<String>>,
    #[serde(default, deserialize_with = "not_null")]
    kid: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    kid: Option<String>,
}

impl KeySet {
    /// Parses a JWK Set document.
    ///
    /// # Errors
    /// When it is no such document, or holds no key that is usable. One bad key does not spoil the others.
    pub fn parse(document: &[u8]) -> Result<Parsed, JwksError> {
        if document.len() > MAX_DOCUMENT {
            return Err(JwksError::TooLarge);
        }
        if !is_object(document) {
            return Err(JwksError::NotAKeySet);
        }
        let document: Document<'_> = serde_json::from_slice(document).map_err(|_| JwksError::NotAKeySet)?;
        let kids = kids(&document);
        let mut keys = Vec::new();
        let mut ignored = Vec::new();
        let mut beyond: usize = 0;
        for raw in &document.keys {
            match usable(raw, &kids) {
                Ok(_) if keys.len() >= MAX_KEYS => beyond = beyond.saturating_add(1),
                Ok(key) => keys.push(key),
                Err(why) => ignored.push(why),
            }
        }
        if keys.is_empty() {
            return Err(JwksError::NoUsableKey);
        }
        Ok(Parsed {
            set: Self { keys },
            ignored,
            beyond,
        })
    }

    /// The key for a token with this `kid`; for a token without one, the only key there is.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match (kid, self.keys.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set has at least one key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key with this thumbprint (RFC 7638) is in the set.
    #[must_use]
    pub fn contains(&self, thumbprint: &[u8; 32]) -> bool {
        self.keys.iter().any(|key| key.thumbprint == *thumbprint)
    }

    /// The set in a compact form for shared memory; at most [`MAX_SERIALISED`] bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_number(&mut bytes, FORMAT);
        push_number(&mut bytes, length(self.keys.len()));
        for key in &self.keys {
            match &key.kid {
                Some(kid) => push(&mut bytes, kid.as_bytes()),
                None => push_number(&mut bytes, NO_KID),
            }
            push(&mut bytes, &key.modulus);
            push(&mut bytes, &key.exponent);
        }
        bytes
    }

    /// What [`Self::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if number(&mut rest)? != FORMAT {
            return None;
        }
        let count = usize::try_from(number(&mut rest)?)
            .ok()
            .filter(|count| (1..=MAX_KEYS).contains(count))?;
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            let kid = match number(&mut rest)? {
                NO_KID => None,
                len => {
                    let kid = take(&mut rest, len).filter(|kid| kid.len() <= MAX_KID)?;
                    Some(String::from_utf8(kid.to_vec()).ok()?)
                }
            };
            let len = number(&mut rest)?;
            let modulus = take(&mut rest, len)?.to_vec();
            let len = number(&mut rest)?;
            let exponent = take(&mut rest, len)?.to_vec();
            keys.push(Key::new(kid, modulus, exponent).ok()?);
        }
        rest.is_empty().then_some(Self { keys })
    }
}

impl Key {
    fn new(kid: Option<String>, modulus: Vec<u8>, exponent: Vec<u8>) -> Result<Self, Ignored> {
        if !is_modulus(&modulus) || !is_exponent(&exponent) {
            return Err(Ignored::BadNumbers);
        }
        // Whoever has a key can verify with it.
        crypto::install();
        let decoding_key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
        let thumbprint = thumbprint(&modulus, &exponent);
        Ok(Self {
            kid,
            modulus,
            exponent,
            thumbprint,
            decoding_key,
        })
    }

    /// The key as `jsonwebtoken` takes it.
    pub(crate) fn decoding_key(&self) -> &DecodingKey {
        &self.decoding_key
    }

    /// The key's SHA-256 thumbprint (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}

/// How often each `kid` stands in the document, usable or not.
fn kids(document: &Document<'_>) -> HashMap<String, usize> {
    let mut kids = HashMap::new();
    for raw in &document.keys {
        if !is_object(raw.get().as_bytes()) {
            continue;
        }
        if let Ok(Named { kid: Some(kid) }) = serde_json::from_str(raw.get()) {
            let count: &mut usize = kids.entry(kid).or_default();
            *count = count.saturating_add(1);
        }
    }
    kids
}

fn usable(raw: &RawValue, kids: &HashMap<String, usize>) -> Result<Key, Ignored> {
    if !is_object(raw.get().as_bytes()) {
        return Err(Ignored::Malformed);
    }
    let key: RawKey = serde_json::from_str(raw.get()).map_err(|_| Ignored::Malformed)?;
    if key.kty != "RSA" {
        return Err(Ignored::NotRsa);
    }
    let verifies = key
        .key_ops
        .is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    if key.purpose.is_some_and(|purpose| purpose != "sig")
        || key.alg.is_some_and(|alg| alg != "RS256")
        || !verifies
    {
        return Err(Ignored::OtherPurpose);
    }
    if let Some(kid) = &key.kid {
        if kid.len() > MAX_KID {
            return Err(Ignored::LongKid);
        }
        if kids.get(kid).is_some_and(|&count| count > 1) {
            return Err(Ignored::SameKid);
        }
    }
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Ignored::BadNumbers);
    Key::new(key.kid, number(&key.n)?, number(&key.e)?)
}

/// 2048 to 8192 bits, without a leading zero octet (RFC 7518, section 6.3.1.1), and odd as a product of odd
/// primes is.
fn is_modulus(bytes: &[u8]) -> bool {
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    let smallest = 2048 / 8;
    first != 0
        && last & 1 == 1
        && bytes.len() <= MAX_MODULUS
        && (bytes.len() > smallest || (bytes.len() == smallest && first >= 0x80))
}

/// Odd, at least 3 and below 2^33: what `ring` takes.
fn is_exponent(bytes: &[u8]) -> bool {
    if bytes.len() > MAX_EXPONENT || bytes.first().is_none_or(|&first| first == 0) {
        return false;
    }
    let value = bytes
        .iter()
        .fold(0_u64, |value, &byte| (value << 8) | u64::from(byte));
    value >= 3 && value & 1 == 1 && value < 1 << 33
}

/// RFC 7638: SHA-256 over the required members in order, without white space.
fn thumbprint(modulus: &[u8], exponent: &[u8]) -> [u8; 32] {
    let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
    sha256(&[
        br#"{"e":""#,
        e.as_bytes(),
        br#"","kty":"RSA","n":""#,
        n.as_bytes(),
        br#""}"#,
    ])
}

fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn push_number(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    push_number(bytes, length(part.len()));
    bytes.extend_from_slice(part);
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*number))
}

fn take<'b>(rest: &mut &'b [u8], len: u32) -> Option<&'b [u8]> {
    let (part, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = after;
    Some(part)
}

//! A compact JWS (RFC 7515, section 7.1), taken apart: three parts of strict base64url, and a header that says what it is.

use std::borrow::Cow;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde::de::IgnoredAny;
use serde::Deserialize;

use crate::jwks::{is_object, not_null};
use crate::session::is_printable;
use crate::verdict::Reason;

/// The largest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// What looks like a compact JWS: printable ASCII that begins as an encoded JSON object does, in three parts. Nothing else is known of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Compact<'h>(Cow<'h, [u8]>);

impl<'h> Compact<'h> {
    /// What these bytes are, if they look like one.
    #[must_use]
    pub fn of(bytes: Cow<'h, [u8]>) -> Option<Self> {
        // `{"` in base64url.
        if !bytes.starts_with(b"eyJ") || !is_printable(&bytes) {
            return None;
        }
        let dots = memchr::memchr_iter(b'.', &bytes).take(3).count();
        (dots == 2).then_some(Self(bytes))
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It is ASCII; there is no other outcome.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A token whose form and header are right; nothing of it is believed yet.
#[derive(Debug)]
pub struct Jws<'t> {
    /// What was signed: header and payload as they were sent.
    pub signing_input: &'t [u8],
    /// The signature as it was sent.
    pub signature: &'t str,
    /// The decoded payload.
    pub payload: Vec<u8>,
    /// The header's `kid`.
    pub kid: Option<String>,
    /// The header's `typ`.
    pub typ: String,
}

#[derive(Deserialize)]
struct Header<'h> {
    #[serde(borrow)]
    alg: Cow<'h, str>,
    #[serde(borrow, default)]
    typ: Option<Cow<'h, str>>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    kid: Option<Cow<'h, str>>,
    /// Whatever it holds: being there is enough (RFC 7515, section 4.1.11).
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// With the first thing that is not as an access token of Authgear's has it.
    pub fn parse(token: &'t str) -> Result<Self, Reason> {
        if token.len() > MAX_TOKEN {
            return Err(Reason::TooLarge);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Reason::Malformed)?;
        if payload.contains('.') {
            return Err(Reason::Malformed);
        }
        let header = decode(header)?;
        let header: Header<'_> = object(&header)?;
        if header.alg != "RS256" {
            return Err(Reason::UnsupportedAlgorithm);
        }
        let typ = header.typ.unwrap_or_default();
        if !typ.eq_ignore_ascii_case("at+jwt") && !typ.eq_ignore_ascii_case("application/at+jwt") {
            return Err(Reason::WrongType);
        }
        if header.crit {
            return Err(Reason::CriticalHeader);
        }
        // jsonwebtoken decodes it again, and says only whether it fits: an encoding that is not strict is refused as what it is.
        decode(signature)?;
        Ok(Self {
            signing_input: signing_input.as_bytes(),
            signature,
            payload: decode(payload)?,
            kid: header.kid.map(Cow::into_owned),
            typ: typ.into_owned(),
        })
    }
}

/// The `exp` that stands in a token, in seconds since 1970, of whatever worth the token is. `None` for what is no token, or has none.
#[must_use]
pub fn claimed_end(token: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct End {
        exp: u64,
    }
    let payload = token.strip_prefix("eyJ")?.split('.').nth(1)?;
    let payload = decode(payload).ok()?;
    object(&payload).ok().map(|End { exp }| exp)
}

/// Reads a JSON object that is UTF-8 throughout (RFC 8259, section 8.1), also where nobody looks.
pub(crate) fn object<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, Reason> {
    if !is_object(json) {
        return Err(Reason::Malformed);
    }
    let text = std::str::from_utf8(json).map_err(|_| Reason::Malformed)?;
    serde_json::from_str(text).map_err(|_| Reason::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|IgnoredAny| true)
}

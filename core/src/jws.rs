//! A compact JWS (RFC 7515, section 7.1), taken apart: three parts of strict base64url, and a header that
//! says what it is.

use std::borrow::Cow;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde::de::IgnoredAny;
use serde::Deserialize;

use crate::header_text::printable;
use crate::json::{not_null, object};
use crate::verdict::Reason;

/// The largest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Bytes that begin as a compact JWS does: as an encoded JSON object. Nothing else is known of them until
/// [`Self::form`] looks, which nobody has to do for the bytes of a token that verified before.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate<'h>(Cow<'h, [u8]>);

/// What looks like a compact JWS: printable ASCII that begins as an encoded JSON object does, in three parts.
/// Nothing else is known of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Compact<'c>(&'c str);

/// What a [`Candidate`] is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form<'c> {
    /// A token that can be judged here.
    Token(Compact<'c>),
    /// No token, but what a credential may hold: printable ASCII.
    Other(&'c str),
    /// Bytes that no credential has.
    Malformed,
}

/// `{"` in base64url.
const BEGIN: &str = "eyJ";

impl<'h> Candidate<'h> {
    /// These bytes, if they begin as a token does.
    #[must_use]
    pub fn of(bytes: &'h [u8]) -> Option<Self> {
        bytes
            .starts_with(BEGIN.as_bytes())
            .then_some(Self(Cow::Borrowed(bytes)))
    }

    /// The same with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Candidate<'static> {
        Candidate(Cow::Owned(self.0.into_owned()))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What they are.
    #[must_use]
    pub fn form(&self) -> Form<'_> {
        match printable(&self.0) {
            None => Form::Malformed,
            Some(text) if memchr::memchr_iter(b'.', &self.0).take(3).count() == 2 => {
                Form::Token(Compact(text))
            }
            Some(text) => Form::Other(text),
        }
    }
}

impl<'c> Compact<'c> {
    /// All of it.
    #[must_use]
    pub fn as_str(self) -> &'c str {
        self.0
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
        let header: Header<'_> = object(&header).ok_or(Reason::Malformed)?;
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
        // jsonwebtoken decodes it again, and says only whether it fits: an encoding that is not strict is
        // refused as what it is.
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

/// The `exp` that stands in a token, in seconds since 1970, of whatever worth the token is. `None` for what
/// is no token, or has none.
#[must_use]
pub fn claimed_end(token: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct End {
        exp: u64,
    }
    let payload = token.strip_prefix(BEGIN)?.split('.').nth(1)?;
    let payload = decode(payload).ok()?;
    object(&payload).map(|End { exp }| exp)
}

fn decode(part: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|IgnoredAny| true)
}

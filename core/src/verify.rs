//! A token, a key set and a policy into a judgement.

use jsonwebtoken::Algorithm;

use crate::claims::{Audience, Claims, RawClaims};
use crate::header_text::NotHeaderText;
use crate::jwks::KeySet;
use crate::jws::Jws;
use crate::policy::Policy;
use crate::session::Session;
use crate::verdict::Reason;

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It verifies.
    Verified(Box<Verified>),
    /// It does not; with what it says of itself once the signature is good.
    Refused(Reason, Option<TokenSummary>),
    /// The set has no key of its `kid`; another set may.
    NoKey,
}

/// A token that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its session.
    pub session: Session,
    /// Its claims.
    pub claims: Claims,
    /// Its `kid`.
    pub kid: Option<String>,
    /// The key that vouches for it (RFC 7638).
    pub thumbprint: [u8; 32],
}

/// What a token of good signature says of itself, for the log, cut where it is long. To be escaped there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSummary {
    /// `iss`
    pub iss: String,
    /// `aud`, several joined by a space.
    pub aud: String,
    /// `typ`
    pub typ: String,
    /// `kid`
    pub kid: String,
}

/// The most characters of one text of [`TokenSummary`]: a log line stays readable.
const MAX_SUMMARY: usize = 256;

/// Judges `token` at `now` (seconds since 1970).
#[must_use]
pub fn verify(token: &str, keys: &KeySet, policy: &Policy, now: u64) -> Judgement {
    match judge(token, keys, policy, now) {
        Ok(judgement) => judgement,
        Err(reason) => Judgement::Refused(reason, None),
    }
}

/// Why no key can make `token` verify, when that is so: then nobody need be asked for one.
#[must_use]
pub fn refused_without_key(token: &str, policy: &Policy, now: u64) -> Option<Reason> {
    Jws::parse(token).and_then(|jws| session(&jws, policy, now)).err()
}

fn judge(token: &str, keys: &KeySet, policy: &Policy, now: u64) -> Result<Judgement, Reason> {
    let jws = Jws::parse(token)?;
    let Some(key) = keys.find(jws.kid.as_deref()) else {
        // Another set would not help a token that does not say which of several keys it means.
        return if jws.kid.is_some() {
            Ok(Judgement::NoKey)
        } else {
            Err(Reason::UnknownKey)
        };
    };
    let good = jsonwebtoken::crypto::verify(
        jws.signature,
        jws.signing_input,
        key.decoding_key(),
        Algorithm::RS256,
    );
    if !matches!(good, Ok(true)) {
        return Err(Reason::BadSignature);
    }
    Ok(match session(&jws, policy, now) {
        Ok((claims, session)) => Judgement::Verified(Box::new(Verified {
            session,
            claims,
            kid: jws.kid,
            thumbprint: *key.thumbprint(),
        })),
        Err(reason) => Judgement::Refused(reason, Some(summary(&jws))),
    })
}

/// What the payload claims, if it may be believed.
fn session(jws: &Jws<'_>, policy: &Policy, now: u64) -> Result<(Claims, Session), Reason> {
    let claims = RawClaims::read(&jws.payload)?.check(policy, now)?;
    let session = claims.session().map_err(|NotHeaderText| Reason::BadClaim)?;
    Ok((claims, session))
}

fn summary(jws: &Jws<'_>) -> TokenSummary {
    let (iss, aud) = match RawClaims::read(&jws.payload) {
        Ok(claims) => (claims.iss.value(), claims.aud.value().map(Audience::joined)),
        Err(_) => (None, None),
    };
    TokenSummary {
        iss: cut(iss.unwrap_or_default()),
        aud: cut(aud.unwrap_or_default()),
        typ: cut(jws.typ.clone()),
        kid: cut(jws.kid.clone().unwrap_or_default()),
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_SUMMARY) {
        text.truncate(end);
    }
    text
}

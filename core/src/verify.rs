//! A token, a key set and a policy into a judgement.

use jsonwebtoken::Algorithm;

use crate::claims::{Audience, Claim, Claims, Written};
use crate::credential::Allowed;
use crate::jwks::KeySet;
use crate::jws::Jws;
use crate::session::Session;
use crate::verdict::Reason;

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Here where it can be, else the resolver.
    On,
    /// Here alone.
    Local,
    /// The resolver alone.
    Remote,
}

/// What is accepted where a request arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who judges.
    pub mode: Mode,
    /// Accepted `iss`.
    pub issuers: Vec<String>,
    /// Accepted `aud` values.
    pub audiences: Vec<String>,
    /// Allowed clock difference, in seconds.
    pub leeway: u64,
    /// Which credentials count.
    pub allowed: Allowed,
    /// The project's `http.cookie_prefix`.
    pub cookie_prefix: String,
}

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It verifies.
    Verified(Box<Verified>),
    /// It does not; with what it says of itself once the signature is good.
    Refused(Reason, Option<Seen>),
    /// The set has no key for it.
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

/// What a token of good signature says of itself, for the log. To be escaped there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `iss`
    pub iss: String,
    /// `aud`, several joined by a space.
    pub aud: String,
    /// `typ`
    pub typ: String,
    /// `kid`
    pub kid: String,
}

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
pub fn hopeless(token: &str, policy: &Policy, now: u64) -> Option<Reason> {
    let claims = Jws::parse(token).and_then(|jws| Written::read(&jws.payload)?.check(policy, now));
    claims
        .and_then(|claims| Session::from_claims(&claims).map_err(|_| Reason::BadClaim))
        .err()
}

fn judge(token: &str, keys: &KeySet, policy: &Policy, now: u64) -> Result<Judgement, Reason> {
    let jws = Jws::parse(token)?;
    let Some(key) = keys.find(jws.kid.as_deref()) else {
        return Ok(Judgement::NoKey);
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
    let written = Written::read(&jws.payload)?;
    let seen = seen(&written, &jws);
    let claims = match written.check(policy, now) {
        Ok(claims) => claims,
        Err(reason) => return Ok(Judgement::Refused(reason, Some(seen))),
    };
    Ok(match Session::from_claims(&claims) {
        Ok(session) => Judgement::Verified(Box::new(Verified {
            session,
            claims,
            kid: jws.kid,
            thumbprint: *key.thumbprint(),
        })),
        Err(_) => Judgement::Refused(Reason::BadClaim, Some(seen)),
    })
}

fn seen(written: &Written, jws: &Jws<'_>) -> Seen {
    let iss = match &written.iss {
        Claim::Is(iss) => iss.clone(),
        Claim::Absent | Claim::Wrong => String::new(),
    };
    let aud = match &written.aud {
        Claim::Is(Audience::One(aud)) => aud.clone(),
        Claim::Is(Audience::Many(auds)) => auds.join(" "),
        Claim::Absent | Claim::Wrong => String::new(),
    };
    Seen {
        iss,
        aud,
        typ: jws.typ.clone(),
        kid: jws.kid.clone().unwrap_or_default(),
    }
}

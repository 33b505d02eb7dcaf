//! A token, a key set and a policy into a judgement.

use jsonwebtoken::Algorithm;

use crate::claims::{Audience, Checked, Claims, RawClaims, Times};
use crate::credential::Credential;
use crate::grant::Machine;
use crate::header_text::NotHeaderText;
use crate::jwks::KeySet;
use crate::jws::{Compact, Form, Jws};
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

/// What comes of a token where machines are admitted.
pub(crate) enum Admitted {
    /// No machine's.
    User(Judgement),
    /// A machine's, which verifies.
    Machine(Box<VerifiedMachine>),
}

/// A machine's token that verifies.
pub(crate) struct VerifiedMachine {
    pub(crate) machine: Machine,
    pub(crate) times: Times,
    /// The key that vouches for it (RFC 7638).
    pub(crate) thumbprint: [u8; 32],
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

/// Judges `token` at `now` (seconds since 1970), as a user's.
#[must_use]
pub fn verify(token: &str, keys: &KeySet, policy: &Policy, now: u64) -> Judgement {
    match admit(token, keys, policy, now) {
        Admitted::User(judgement) => judgement,
        Admitted::Machine(_) => {
            Judgement::Refused(Reason::MachineToken, Jws::parse(token).ok().as_ref().map(summary))
        }
    }
}

/// Judges `token` at `now` (seconds since 1970): a user's, or, where the policy admits them, a machine's.
pub(crate) fn admit(token: &str, keys: &KeySet, policy: &Policy, now: u64) -> Admitted {
    judge(token, keys, policy, now).unwrap_or_else(|reason| Admitted::User(Judgement::Refused(reason, None)))
}

/// Why no key can make `token` verify, when that is so: then nobody need be asked for one.
#[must_use]
pub fn refused_without_key(token: &str, policy: &Policy, now: u64) -> Option<Reason> {
    Jws::parse(token).and_then(|jws| holder(&jws, policy, now)).err()
}

impl Policy {
    /// Whether a question may be about this credential.
    pub(crate) fn asks_about(&self, credential: &Credential<'_>) -> bool {
        match credential.value.form() {
            Form::Token(token) => !self.never_asks_about(token),
            Form::Other(_) => true,
            Form::Malformed => false,
        }
    }

    /// Whether this is a machine's token, by what it says itself, where machines are admitted: the resolver
    /// knows none of them.
    pub(crate) fn never_asks_about(&self, token: Compact<'_>) -> bool {
        let claims = || Jws::parse(token.as_str()).and_then(|jws| RawClaims::read(&jws.payload));
        self.machines && claims().is_ok_and(|claims| claims.is_a_machines())
    }
}

fn judge(token: &str, keys: &KeySet, policy: &Policy, now: u64) -> Result<Admitted, Reason> {
    let jws = Jws::parse(token)?;
    let Some(key) = keys.find(jws.kid.as_deref()) else {
        // Another set would not help a token that does not say which of several keys it means.
        return if jws.kid.is_some() {
            Ok(Admitted::User(Judgement::NoKey))
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
    let thumbprint = *key.thumbprint();
    Ok(match holder(&jws, policy, now) {
        Ok(Holder::User(claims, session)) => Admitted::User(Judgement::Verified(Box::new(Verified {
            session,
            claims,
            kid: jws.kid,
            thumbprint,
        }))),
        Ok(Holder::Machine(machine, times)) => Admitted::Machine(Box::new(VerifiedMachine {
            machine,
            times,
            thumbprint,
        })),
        Err(reason) => Admitted::User(Judgement::Refused(reason, Some(summary(&jws)))),
    })
}

/// Whom the payload speaks of, if it may be believed.
enum Holder {
    User(Claims, Session),
    Machine(Machine, Times),
}

fn holder(jws: &Jws<'_>, policy: &Policy, now: u64) -> Result<Holder, Reason> {
    match RawClaims::read(&jws.payload)?.check(policy, now)? {
        Checked::User(claims) => {
            let session = claims.session().map_err(|NotHeaderText| Reason::BadClaim)?;
            Ok(Holder::User(claims, session))
        }
        Checked::Machine(machine, times) => Ok(Holder::Machine(machine, times)),
    }
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

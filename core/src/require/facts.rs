//! What requirements look at.

use super::refusal::Denial;
use super::Requirements;
use crate::basis::Basis;
use crate::grant::{Grant, Machine};
use crate::session::{Name, Session};
use crate::verdict::{Reason, Verdict, Why};

/// Who is calling, and what else requirements look at.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    /// Who is calling.
    pub caller: Caller<'f>,
    /// Whether a variable holds, by its place among [`super::Requirements::variables`]: [`variable_holds`].
    pub variables: &'f dyn Fn(usize) -> bool,
    /// Allowed clock difference, in seconds: so far in the future a user may have authenticated.
    pub leeway: u64,
}

/// Who is calling, where a verdict could be had.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'f> {
    /// There was no credential.
    Nobody,
    /// There was one, and it is worth nothing.
    Invalid(Reason),
    /// A user, and what the verdict rests on; `None` where that is not known.
    User(&'f Session, Option<&'f Basis>),
    /// A machine.
    Machine(&'f Machine),
}

/// The lines of a session that are looked at, by their places.
const ANONYMOUS: u8 = 1;
const VERIFIED: u8 = 2;
const ROLES: u8 = 4;
const AMR: u8 = 5;
const AUTHENTICATED_AT: u8 = 7;

const _: () = {
    let [_, anonymous, verified, _, roles, amr, _, at] = Name::KNOWN;
    assert!(matches!(anonymous.as_bytes(), b"x-authgear-user-anonymous"));
    assert!(matches!(verified.as_bytes(), b"x-authgear-user-verified"));
    assert!(matches!(roles.as_bytes(), b"x-authgear-user-roles"));
    assert!(matches!(amr.as_bytes(), b"x-authgear-session-amr"));
    assert!(matches!(at.as_bytes(), b"x-authgear-session-authenticated-at"));
};

/// Whether `$variable` holds: it is neither empty nor `0`.
#[must_use]
pub fn variable_holds(value: &[u8]) -> bool {
    !matches!(value, [] | [b'0'])
}

impl<'f> Caller<'f> {
    /// Who a verdict and its basis speak of.
    ///
    /// # Errors
    /// When no verdict could be had: that is no refusal.
    pub fn of(verdict: &'f Verdict, basis: Option<&'f Basis>) -> Result<Self, Why> {
        match (verdict, basis) {
            (Verdict::Unknown(why), _) => Err(*why),
            (Verdict::None, _) => Ok(Self::Nobody),
            (Verdict::Invalid(Reason::MachineToken), Some(Basis::Machine(_, machine))) => {
                Ok(Self::Machine(machine))
            }
            (Verdict::Invalid(reason), _) => Ok(Self::Invalid(*reason)),
            (Verdict::Valid(session, _), basis) => Ok(Self::User(session, basis)),
        }
    }
}

impl<'f> Facts<'f> {
    /// Why this is nobody whose further facts would matter.
    pub(super) fn stranger(&self, requirements: &Requirements) -> Option<Denial> {
        match self.caller {
            Caller::Nobody => Some(Denial::NoCredential),
            Caller::Invalid(reason) => Some(Denial::Invalid(reason)),
            // It may have been admitted elsewhere, before a redirect or for the request that this is a part
            // of.
            Caller::Machine(_) if !requirements.admit_machines() => {
                Some(Denial::Invalid(Reason::MachineToken))
            }
            Caller::Machine(_) | Caller::User(..) => None,
        }
    }

    pub(super) fn is_machine(&self) -> bool {
        matches!(self.caller, Caller::Machine(_))
    }

    pub(super) fn is_verified(&self) -> bool {
        self.line(VERIFIED) == Some(b"true")
    }

    pub(super) fn is_no_anonymous(&self) -> bool {
        self.line(ANONYMOUS) == Some(b"false")
    }

    pub(super) fn has_role(&self, any: &[String]) -> bool {
        self.has(ROLES, b",", any)
    }

    /// The specification separates them by a comma, the server by a space; neither stands in a method's name.
    pub(super) fn has_amr(&self, any: &[String]) -> bool {
        self.has(AMR, b", ", any)
    }

    /// Seconds since the user authenticated.
    pub(super) fn authenticated_ago(&self, now: u64) -> Option<u64> {
        let at = number(self.line(AUTHENTICATED_AT)?)?;
        (at <= now.saturating_add(self.leeway)).then(|| now.saturating_sub(at))
    }

    /// What the token was issued for that verified here.
    pub(super) fn grant(&self) -> Option<&'f Grant> {
        match self.caller {
            Caller::User(_, basis) => basis.and_then(Basis::grant),
            Caller::Machine(machine) => Some(machine.grant()),
            Caller::Nobody | Caller::Invalid(_) => None,
        }
    }

    pub(super) fn is_first_party(&self, full_access: &str) -> bool {
        match self.caller {
            Caller::User(_, Some(Basis::Token(_, grant))) => grant.has(full_access),
            Caller::User(_, Some(Basis::Resolver(kinds))) => kinds.are_cookies_of_sessions(),
            Caller::User(_, Some(Basis::Machine(..)) | None)
            | Caller::Machine(_)
            | Caller::Nobody
            | Caller::Invalid(_) => false,
        }
    }

    fn has(&self, line: u8, separators: &[u8], any: &[String]) -> bool {
        let Some(value) = self.line(line) else {
            return false;
        };
        let mut elements = value.split(|byte| separators.contains(byte));
        elements.any(|element| any.iter().any(|one| one.as_bytes() == element))
    }

    /// The value of a line of the user's session.
    fn line(&self, place: u8) -> Option<&'f [u8]> {
        let session = match self.caller {
            Caller::User(session, _) => session,
            Caller::Nobody | Caller::Invalid(_) | Caller::Machine(_) => return None,
        };
        session.value_of(place)
    }
}

/// Digits and nothing else: where Rust parses a number, a sign may stand before it.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().all(u8::is_ascii_digit).then_some(())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

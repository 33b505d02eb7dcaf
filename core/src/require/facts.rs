//! What requirements look at.

use super::refusal::Denial;
use super::{Requirement, Requirements};
use crate::basis::Basis;
use crate::grant::{Grant, Machine};
use crate::session::{KnownValues, Name, Session};
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

/// What a user's session says of what requirements ask, for those that stand in the order of
/// [`Requirement::line`]: it is found in one pass.
pub(super) struct SessionFacts<'f>(KnownValues<'f>);

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
}

impl<'f> SessionFacts<'f> {
    /// Of a user; of anybody else there is nothing.
    pub(super) fn of(caller: Caller<'f>) -> Self {
        Self(match caller {
            Caller::User(session, _) => session.known_values(),
            Caller::Nobody | Caller::Invalid(_) | Caller::Machine(_) => KnownValues::default(),
        })
    }

    pub(super) fn is_no_anonymous(&mut self) -> bool {
        self.0.get(ANONYMOUS) == Some(b"false")
    }

    pub(super) fn is_verified(&mut self) -> bool {
        self.0.get(VERIFIED) == Some(b"true")
    }

    pub(super) fn has_role(&mut self, any: &[String]) -> bool {
        has_element(self.0.get(ROLES), any, |byte| byte == b',')
    }

    /// The specification separates them by a comma, the server by a space; neither stands in a method's name.
    pub(super) fn has_amr(&mut self, any: &[String]) -> bool {
        has_element(self.0.get(AMR), any, |byte| matches!(byte, b',' | b' '))
    }

    /// When the user authenticated, in seconds since 1970.
    pub(super) fn authenticated_at(&mut self) -> Option<u64> {
        number(self.0.get(AUTHENTICATED_AT)?)
    }
}

impl Requirement {
    /// The position of the session's line that it looks at.
    pub(super) fn line(&self) -> Option<u8> {
        match self {
            Self::NotAnonymous => Some(ANONYMOUS),
            Self::Verified => Some(VERIFIED),
            Self::Role(_) => Some(ROLES),
            Self::Amr(_) => Some(AMR),
            Self::MaxAge(_) => Some(AUTHENTICATED_AT),
            Self::Valid
            | Self::Scope(_)
            | Self::ClientId(_)
            | Self::FirstParty
            | Self::Machine
            | Self::Variable(..) => None,
        }
    }
}

fn has_element(value: Option<&[u8]>, any: &[String], separates: impl Fn(u8) -> bool) -> bool {
    let Some(value) = value else {
        return false;
    };
    // The first by itself, as most lists have no other.
    let is_first = |one: &String| match value.strip_prefix(one.as_bytes()) {
        Some([]) => true,
        Some([next, ..]) => separates(*next),
        None => false,
    };
    let is_one = |element: &[u8]| any.iter().any(|one| one.as_bytes() == element);
    any.iter().any(is_first) || value.split(|byte| separates(*byte)).any(is_one)
}

/// Digits and nothing else: where Rust parses a number, a sign may stand before it. So many always fit.
fn number(digits: &[u8]) -> Option<u64> {
    const MOST: usize = 19;
    (1..=MOST).contains(&digits.len()).then_some(())?;
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number.wrapping_mul(10).wrapping_add(u64::from(digit)))
    })
}

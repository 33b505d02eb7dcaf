//! `authgear_require`: who may enter.
//!
//! What enters: the requirements of a location, and the facts that the verdict brought. What leaves: yes, or
//! a refusal. All requirements must hold; a fact that is missing, malformed or in the future holds nothing;
//! who only the resolver vouched for has no scope and no client.

mod facts;
mod parse;
mod refusal;

use facts::SessionFacts;
pub use facts::{variable_holds, Caller, Facts};
pub use parse::RequirementError;
pub use refusal::{Denial, Refusal, Status};

use crate::challenge::Challenge;
use crate::grant::{Scope, FULL_ACCESS};

/// What `authgear_require` demands at one place. A caller who is valid, always; and all of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    list: Vec<Requirement>,
    /// The same, in the order of the session's lines that they look at.
    by_line: Vec<Requirement>,
    /// All that it demands of a token's scope.
    scope: Option<Scope>,
    /// `error=`
    error: Status,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Requirement {
    /// `valid`: a caller. Implied by all others.
    Valid,
    /// `verified`: the user's identity is verified.
    Verified,
    /// `not_anonymous`: the user is known not to be anonymous.
    NotAnonymous,
    /// `role=a|b`: the user has one of these roles.
    Role(Vec<String>),
    /// `max_age=TIME`: the user authenticated at most so many seconds ago.
    MaxAge(u64),
    /// `scope=a`: the token has this scope-token.
    Scope(Scope),
    /// `client_id=a|b`: the token was issued to one of these clients.
    ClientId(Vec<String>),
    /// `first_party`: the token's scope has Authgear's full access, or the session came by a cookie of the
    /// project's own sign-in.
    FirstParty,
    /// `amr=a|b`: the user authenticated by one of these methods (RFC 8176).
    Amr(Vec<String>),
    /// `machine`: the caller is a client with a token of its own, and no user.
    Machine,
    /// `$variable`, by its place among [`Requirements::variables`]: it is neither empty nor `0`.
    Variable(usize, String),
}

impl Requirements {
    /// They, as they were written, `valid` too.
    #[must_use]
    pub fn list(&self) -> &[Requirement] {
        &self.list
    }

    /// Whether machines are admitted, and nobody else: [`crate::verify::Policy::machines`].
    #[must_use]
    pub fn admit_machines(&self) -> bool {
        self.list.contains(&Requirement::Machine)
    }

    /// The names of the variables, without `$`, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(Requirement::variable)
    }

    /// The longest time that is required at most since the user authenticated, in seconds.
    fn max_age(&self) -> Option<u64> {
        self.list.iter().find_map(|requirement| match requirement {
            Requirement::MaxAge(seconds) => Some(*seconds),
            Requirement::Valid
            | Requirement::Verified
            | Requirement::NotAnonymous
            | Requirement::Role(_)
            | Requirement::Scope(_)
            | Requirement::ClientId(_)
            | Requirement::FirstParty
            | Requirement::Amr(_)
            | Requirement::Machine
            | Requirement::Variable(..) => None,
        })
    }

    /// Of those that do not hold: one did not, and only a variable may have changed since.
    #[cold]
    fn first_denial(&self, facts: &Facts<'_>, now: u64) -> Denial {
        let denials = self.list.iter().filter_map(|requirement| {
            let mut session = SessionFacts::of(facts.caller);
            requirement.denial(facts, &mut session, now)
        });
        denials
            .min_by_key(|denial| denial.order())
            .unwrap_or(Denial::Variable)
    }

    /// The refusal for a requirement that does not hold.
    #[must_use]
    pub fn refusal(&self, denial: Denial) -> Refusal {
        let stepping_up = || Challenge::InsufficientUserAuthentication {
            max_age: self.max_age(),
        };
        let (status, challenge) = match denial {
            Denial::NoCredential => (Status::Unauthorized, Some(Challenge::Plain)),
            Denial::Invalid(reason) => (Status::Unauthorized, Some(Challenge::InvalidToken(reason))),
            Denial::InsufficientScope | Denial::ScopeUnknown => (
                Status::Forbidden,
                self.scope.clone().map(Challenge::InsufficientScope),
            ),
            Denial::AuthenticationTooOld | Denial::AuthenticationTimeUnknown | Denial::MissingAmr => {
                (Status::Unauthorized, Some(stepping_up()))
            }
            Denial::NotVerified
            | Denial::Anonymous
            | Denial::MissingRole
            | Denial::WrongClient
            | Denial::ClientUnknown
            | Denial::NotFirstParty
            | Denial::NotAMachine
            | Denial::Variable => (self.error, self.error.challenge()),
        };
        Refusal {
            status,
            challenge,
            reason: denial,
        }
    }
}

impl Requirement {
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(_, name) => Some(name),
            Self::Valid
            | Self::Verified
            | Self::NotAnonymous
            | Self::Role(_)
            | Self::MaxAge(_)
            | Self::Scope(_)
            | Self::ClientId(_)
            | Self::FirstParty
            | Self::Amr(_)
            | Self::Machine => None,
        }
    }

    /// Why it does not hold for a caller who is valid. A call each is a tenth of what requirements cost.
    #[inline(always)]
    fn denial(&self, facts: &Facts<'_>, session: &mut SessionFacts<'_>, now: u64) -> Option<Denial> {
        let unless = |holds: bool, denial| (!holds).then_some(denial);
        match self {
            Self::Valid => None,
            Self::Verified => unless(session.is_verified(), Denial::NotVerified),
            Self::NotAnonymous => unless(session.is_no_anonymous(), Denial::Anonymous),
            Self::Role(any) => unless(session.has_role(any), Denial::MissingRole),
            Self::MaxAge(seconds) => match session.authenticated_at() {
                Some(at) if at <= now.saturating_add(facts.leeway) => {
                    unless(now.saturating_sub(at) <= *seconds, Denial::AuthenticationTooOld)
                }
                Some(_) | None => Some(Denial::AuthenticationTimeUnknown),
            },
            Self::Scope(scope) => match facts.grant() {
                Some(grant) => unless(grant.has(scope.as_str()), Denial::InsufficientScope),
                None => Some(Denial::ScopeUnknown),
            },
            Self::ClientId(any) => match facts.grant() {
                Some(grant) => {
                    let is_one = |client_id| any.iter().any(|one| one == client_id);
                    unless(grant.client_id().is_some_and(is_one), Denial::WrongClient)
                }
                None => Some(Denial::ClientUnknown),
            },
            Self::FirstParty => unless(facts.is_first_party(FULL_ACCESS), Denial::NotFirstParty),
            Self::Amr(any) => unless(session.has_amr(any), Denial::MissingAmr),
            Self::Machine => unless(facts.is_machine(), Denial::NotAMachine),
            Self::Variable(at, _) => unless((facts.variables)(*at), Denial::Variable),
        }
    }
}

/// Whether the caller may enter. `now` in seconds since 1970.
///
/// Where several requirements fail, the reason is of one that no new sign-in can heal, else of the scope,
/// else of how and when the user authenticated; of equals, of the one written first.
///
/// # Errors
/// With the reason, when not all of the requirements hold: [`Requirements::refusal`].
pub fn check(requirements: &Requirements, facts: &Facts<'_>, now: u64) -> Result<(), Denial> {
    if let Some(stranger) = facts.stranger(requirements) {
        return Err(stranger);
    }
    let mut session = SessionFacts::of(facts.caller);
    let mut list = requirements.by_line.iter();
    match list.all(|requirement| requirement.denial(facts, &mut session, now).is_none()) {
        true => Ok(()),
        false => Err(requirements.first_denial(facts, now)),
    }
}

//! A refusal, and every reason for one.

use crate::challenge::Challenge;
use crate::verdict::Reason;

/// What who may not enter gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: Status,
    /// What is said in `WWW-Authenticate`: something with every 401 (RFC 9110, section 15.5.2).
    pub challenge: Option<Challenge>,
    /// Why, for the log and `$authgear_reason`.
    pub reason: Denial,
}

/// The status of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
}

/// Why somebody may not enter. The words are stable: operators search for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// There was no credential.
    NoCredential,
    /// There was one, and it is worth nothing.
    Invalid(Reason),
    /// `verified`
    NotVerified,
    /// `not_anonymous`
    Anonymous,
    /// `role=`
    MissingRole,
    /// `client_id=`: the token is another client's, or no client's.
    WrongClient,
    /// `client_id=`: no token verified here, and the resolver does not say.
    ClientUnknown,
    /// `first_party`
    NotFirstParty,
    /// `machine`
    NotAMachine,
    /// `$variable`
    Variable,
    /// `scope=`
    InsufficientScope,
    /// `scope=`: no token verified here, and the resolver does not say.
    ScopeUnknown,
    /// `max_age=`
    AuthenticationTooOld,
    /// `max_age=`: it is not known when the user authenticated, or it was in the future.
    AuthenticationTimeUnknown,
    /// `amr=`
    MissingAmr,
}

impl Status {
    /// As a number.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
        }
    }

    /// What has to stand beside it where nothing better can be said.
    pub(super) fn challenge(self) -> Option<Challenge> {
        match self {
            Self::Unauthorized => Some(Challenge::Plain),
            Self::Forbidden => None,
        }
    }
}

impl Denial {
    /// The reason as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::Invalid(reason) => reason.as_str(),
            Self::NotVerified => "not_verified",
            Self::Anonymous => "anonymous",
            Self::MissingRole => "missing_role",
            Self::WrongClient => "wrong_client",
            Self::ClientUnknown => "client_unknown",
            Self::NotFirstParty => "not_first_party",
            Self::NotAMachine => "not_a_machine",
            Self::Variable => "variable",
            Self::InsufficientScope => "insufficient_scope",
            Self::ScopeUnknown => "scope_unknown",
            Self::AuthenticationTooOld => "authentication_too_old",
            Self::AuthenticationTimeUnknown => "authentication_time_unknown",
            Self::MissingAmr => "missing_amr",
        }
    }

    /// Which of several goes first: nobody is sent to sign in anew who would be refused all the same.
    pub(super) fn order(self) -> u8 {
        match self {
            Self::NoCredential | Self::Invalid(_) => 0,
            Self::NotVerified
            | Self::Anonymous
            | Self::MissingRole
            | Self::WrongClient
            | Self::ClientUnknown
            | Self::NotFirstParty
            | Self::NotAMachine
            | Self::Variable => 1,
            Self::InsufficientScope | Self::ScopeUnknown => 2,
            Self::AuthenticationTooOld | Self::AuthenticationTimeUnknown | Self::MissingAmr => 3,
        }
    }
}

//! What a verdict rests on: which credential, and what its token was issued for.

use crate::credential::Kind;
use crate::grant::{Grant, Machine};
use crate::verdict::{Reason, Verdict};

/// What a verdict rests on. A verdict that nobody vouched for rests on nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A token that verified here, also where the resolver was asked about it and its session goes before the
    /// claims.
    Token(Kind, Grant),
    /// The resolver's answer about these credentials. It does not say which of them it means.
    Resolver(Kinds),
    /// A machine's token that verified here, where the policy admits machines. The verdict beside it is
    /// `machine_token`, since there is no session: who does not look here refuses it.
    Machine(Kind, Machine),
}

/// Kinds of credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    first: Option<Kind>,
    are_more: bool,
    are_cookies_of_sessions: bool,
}

impl Basis {
    /// The one credential that it rests on; `None` where the resolver was asked about several.
    #[must_use]
    pub fn credential(&self) -> Option<Kind> {
        match self {
            Self::Token(kind, _) | Self::Machine(kind, _) => Some(*kind),
            Self::Resolver(kinds) => kinds.first.filter(|_| !kinds.are_more),
        }
    }

    /// Whether a verdict can rest on it.
    pub(crate) fn is_of(&self, verdict: &Verdict) -> bool {
        match (verdict, self) {
            (Verdict::Valid(..), Self::Token(..) | Self::Resolver(_)) => true,
            (Verdict::Invalid(Reason::MachineToken), Self::Machine(..)) => true,
            (Verdict::Valid(..), Self::Machine(..)) => false,
            (Verdict::Invalid(_) | Verdict::None | Verdict::Unknown(_), _) => false,
        }
    }

    /// What its token was issued for; `None` where no token verified here.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Token(_, grant) => Some(grant),
            Self::Machine(_, machine) => Some(machine.grant()),
            Self::Resolver(_) => None,
        }
    }
}

impl Kinds {
    /// Whether there is one, and each is `app_session` or `session`: cookies that only the project's own
    /// sign-in sets.
    #[must_use]
    pub fn are_cookies_of_sessions(self) -> bool {
        self.are_cookies_of_sessions
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::default(), |before, kind| Self {
            first: before.first.or(Some(kind)),
            are_more: before.first.is_some(),
            are_cookies_of_sessions: match kind {
                Kind::AppSession | Kind::Session => before.first.is_none() || before.are_cookies_of_sessions,
                Kind::Bearer | Kind::AppAccessToken => false,
            },
        })
    }
}

//! What is counted: closed lists, whose words are the values of labels in the metrics.
//!
//! What always holds: each value has a place of its own in its list, from 0 on, and a value without one
//! breaks the build.

use crate::require::Denial;
use crate::verdict::{Reason, Source, UnknownAnswer, Verdict, Why};

/// Gives each value of an enum its place, and lists them in that order.
macro_rules! places {
    ($kind:ident: $($value:ident),+ $(; $other:pat => $place:expr)?) => {
        impl Place for $kind {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn place(self) -> usize {
                enum At { $($value),+ }
                match self {
                    $(Self::$value => At::$value as usize,)+
                    $($other => count::<Self>().saturating_add($place),)?
                }
            }
        }
    };
}

/// A value of a closed list. Named in full wherever it is used: the enum may have an `ALL` of its own.
trait Place: Copy + 'static {
    /// All that hold no other.
    const ALL: &'static [Self];

    fn place(self) -> usize;
}

places! {
    Reason: TooLarge, Malformed, UnsupportedAlgorithm, WrongType, CriticalHeader, UnknownKey, BadSignature,
    WrongIssuer, WrongAudience, Expired, NotYetValid, IssuedInFuture, NoSubject, MachineToken, BadClaim,
    MalformedCredential, RemoteCredential, ResolverSaidNo, SessionEnded, UserBarred
}

places! {
    Why: NoKeys, UnknownKey, Unreachable, TimedOut, CutShort, NotAuthgears, NoConnection, Limit, Failing,
    Silent, Unproven, NotRemembered, Abandoned; Self::Answer(answer) => answer.place()
}

places! {
    UnknownAnswer: Status, ServerError, Body, Contradiction, BadHeader, TooLarge
}

places! {
    Denial: NoCredential, NotVerified, Anonymous, MissingRole, WrongClient, ClientUnknown, NotFirstParty,
    NotAMachine, Variable, InsufficientScope, ScopeUnknown, AuthenticationTooOld, AuthenticationTimeUnknown,
    MissingAmr; Self::Invalid(reason) => reason.place()
}

places! {
    Source: Token, TokenCache, Resolver, ResolverCache
}

/// How many values hold no other.
const fn count<P: Place>() -> usize {
    P::ALL.len()
}

fn all<P: Place>() -> impl Iterator<Item = P> {
    P::ALL.iter().copied()
}

const SOURCES: usize = count::<Source>();
const REASONS: usize = count::<Reason>();
const WHYS: usize = count::<Why>().saturating_add(count::<UnknownAnswer>());
const DENIALS: usize = count::<Denial>();

fn whys() -> impl Iterator<Item = Why> {
    all::<Why>().chain(all::<UnknownAnswer>().map(Why::Answer))
}

fn source_word(source: Source) -> &'static str {
    match source {
        Source::Token => "token",
        Source::TokenCache => "token_cache",
        Source::Resolver => "resolver",
        Source::ResolverCache => "resolver_cache",
    }
}

/// What a request's credentials came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// A session, and who vouched for it.
    Valid(Source),
    /// A client with a token of its own, where such are admitted.
    Machine,
    /// Nothing good.
    Invalid,
    /// There were none.
    Nobody,
    /// No verdict could be had.
    Unknown,
}

impl Decided {
    /// How many there are.
    pub const COUNT: usize = SOURCES.saturating_add(4);

    /// What a verdict is; `is_machine`: it rests on a machine's token that is admitted.
    #[must_use]
    pub fn of(verdict: &Verdict, is_machine: impl FnOnce() -> bool) -> Self {
        match verdict {
            Verdict::Valid(_, source) => Self::Valid(*source),
            Verdict::Invalid(_) if is_machine() => Self::Machine,
            Verdict::Invalid(_) => Self::Invalid,
            Verdict::None => Self::Nobody,
            Verdict::Unknown(_) => Self::Unknown,
        }
    }

    /// All, in the order of their places.
    pub fn all() -> impl Iterator<Item = Self> {
        let valid = all::<Source>().map(Self::Valid);
        valid.chain([Self::Machine, Self::Invalid, Self::Nobody, Self::Unknown])
    }

    /// Where it stands among all.
    #[must_use]
    pub fn place(self) -> usize {
        let behind: usize = match self {
            Self::Valid(source) => return source.place(),
            Self::Machine => 0,
            Self::Invalid => 1,
            Self::Nobody => 2,
            Self::Unknown => 3,
        };
        SOURCES.saturating_add(behind)
    }

    /// The labels `verdict` and `source`.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Valid(source) => ("valid", source_word(source)),
            Self::Machine => ("machine", "token"),
            Self::Invalid => ("invalid", ""),
            Self::Nobody => ("none", ""),
            Self::Unknown => ("unknown", "unavailable"),
        }
    }
}

/// Why a credential or a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A credential that is worth nothing.
    Credential(Reason),
    /// No verdict could be had.
    NoVerdict(Why),
    /// Who is calling may not enter.
    Access(Denial),
    /// The request has two `Authorization` headers.
    TwoAuthorizations,
}

impl Refused {
    /// How many there are. A credential that is worth nothing is the same whoever says so.
    pub const COUNT: usize = REASONS
        .saturating_add(WHYS)
        .saturating_add(DENIALS)
        .saturating_add(1);

    /// All, in the order of their places.
    pub fn all() -> impl Iterator<Item = Self> {
        let credentials = all::<Reason>().map(Self::Credential);
        let denials = all::<Denial>().map(Self::Access);
        credentials
            .chain(whys().map(Self::NoVerdict))
            .chain(denials)
            .chain([Self::TwoAuthorizations])
    }

    /// Where it stands among all.
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Credential(reason) | Self::Access(Denial::Invalid(reason)) => reason.place(),
            Self::NoVerdict(why) => REASONS.saturating_add(why.place()),
            Self::Access(denial) => REASONS.saturating_add(WHYS).saturating_add(denial.place()),
            Self::TwoAuthorizations => Self::COUNT.saturating_sub(1),
        }
    }

    /// As one word, the same as in the error log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential(reason) => reason.as_str(),
            Self::NoVerdict(why) => why.as_str(),
            Self::Access(denial) => denial.as_str(),
            Self::TwoAuthorizations => "two_authorizations",
        }
    }
}

/// What came of a question to the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Yes.
    Valid,
    /// No.
    Invalid,
    /// Nothing was said.
    Silent,
    /// Anything else; or it was not asked at all.
    Failed(Why),
}

impl Asked {
    /// How many there are.
    pub const COUNT: usize = WHYS.saturating_add(3);

    /// All, in the order of their places.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Valid, Self::Invalid, Self::Silent]
            .into_iter()
            .chain(whys().map(Self::Failed))
    }

    /// Where it stands among all.
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Silent => 2,
            Self::Failed(why) => why.place().saturating_add(3),
        }
    }

    /// As one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Silent => "silent",
            Self::Failed(why) => why.as_str(),
        }
    }
}

/// What came of a fetch of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A key set.
    KeySet,
    /// Another status than 200.
    Status,
    /// No key set, or none with a usable key.
    Malformed,
    /// It stopped before its end.
    CutShort,
    /// It was too large, its header or its body.
    TooLarge,
    /// The server could not be reached.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The location gave something of its own.
    NotTheServers,
    /// The worker had no connection or memory left.
    NoConnection,
    /// The worker is leaving.
    Abandoned,
}

places! {
    Fetched: KeySet, Status, Malformed, CutShort, TooLarge, Unreachable, TimedOut, NotTheServers,
    NoConnection, Abandoned
}

impl Fetched {
    /// How many there are.
    pub const COUNT: usize = count::<Self>();

    /// All, in the order of their places.
    pub fn all() -> impl Iterator<Item = Self> {
        all::<Self>()
    }

    /// Where it stands among all.
    #[must_use]
    pub fn place(self) -> usize {
        <Self as Place>::place(self)
    }

    /// As one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeySet => "key_set",
            Self::Status => "status",
            Self::Malformed => "malformed",
            Self::CutShort => "cut_short",
            Self::TooLarge => "too_large",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::NotTheServers => "not_the_servers",
            Self::NoConnection => "no_connection",
            Self::Abandoned => "worker_leaving",
        }
    }
}

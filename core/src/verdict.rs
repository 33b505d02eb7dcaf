//! What comes of a request's credentials, and every reason why.

use crate::session::Session;

/// Who is calling, as far as it could be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A session, and who vouched for it.
    Valid(Session, Source),
    /// There was a credential, and it is worth nothing: for the first reason met.
    Invalid(Reason),
    /// No credential.
    None,
    /// No verdict could be had.
    Unknown(Why),
}

/// Who vouched for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The token itself, verified here.
    Token,
    /// The token itself, verified here earlier.
    TokenCache,
    /// The resolver.
    Resolver,
    /// The resolver, earlier.
    ResolverCache,
}

/// Why a credential is refused. The words are stable: operators search for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The token is larger than 16 KiB.
    TooLarge,
    /// The token is not a compact JWS (RFC 7515, section 7.1), or its header or claims are not the JSON they
    /// should be.
    Malformed,
    /// `alg` is not RS256.
    UnsupportedAlgorithm,
    /// `typ` is not an access token's (RFC 9068, section 2.1).
    WrongType,
    /// The header has `crit`.
    CriticalHeader,
    /// The key set has no usable key for the token's `kid`.
    UnknownKey,
    /// The signature does not fit.
    BadSignature,
    /// `iss` is not accepted.
    WrongIssuer,
    /// No `aud` is accepted.
    WrongAudience,
    /// `exp` is over, or missing.
    Expired,
    /// `nbf` has not come yet.
    NotYetValid,
    /// `iat` has not come yet.
    IssuedInFuture,
    /// `sub` is missing or empty.
    NoSubject,
    /// A machine's token: never a user.
    MachineToken,
    /// A claim has the wrong type, or a value that cannot stand in a header.
    BadClaim,
    /// The credential's bytes are not what its syntax allows.
    MalformedCredential,
    /// Only the server knows it, and `authgear_resolve local` never asks.
    RemoteCredential,
    /// The resolver said no.
    ResolverSaidNo,
    /// The token verifies, and the resolver says that its session has ended.
    SessionEnded,
    /// The token verifies, and the resolver says that its user may not, for now.
    UserBarred,
}

impl Reason {
    /// The reason as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::WrongType => "wrong_type",
            Self::CriticalHeader => "critical_header",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::NoSubject => "no_subject",
            Self::MachineToken => "machine_token",
            Self::BadClaim => "bad_claim",
            Self::MalformedCredential => "malformed_credential",
            Self::RemoteCredential => "remote_credential",
            Self::ResolverSaidNo => "resolver_said_no",
            Self::SessionEnded => "session_ended",
            Self::UserBarred => "user_barred",
        }
    }
}

/// Why no verdict could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// There is no key set, and nobody may be asked.
    NoKeys,
    /// The token's key is not in the set, a fetch is paused or has failed, and nobody may be asked.
    UnknownKey,
    /// The resolver could not be reached.
    Unreachable,
    /// The resolver took too long.
    TimedOut,
    /// Its answer stopped before its end.
    CutShort,
    /// The location of `authgear_resolve_request` gave something that was not the resolver's own answer.
    NotAuthgears,
    /// The worker had no connection or memory left to ask.
    NoConnection,
    /// As many questions are under way as `authgear_resolver_limit` allows.
    Limit,
    /// The resolver has failed several times in a row, and somebody else tries whether it still does.
    Failing,
    /// It said nothing where a `session` cookie was in the question, which gets a `false` at least: its
    /// database failed it half-way.
    Silent,
    /// It knows nothing of a good token, and has not yet said yes to one under this configuration.
    Unproven,
    /// What it said of the token was too long to be remembered, and nobody may be asked.
    NotRemembered,
    /// The worker is leaving.
    Abandoned,
    /// The resolver answered something that it never says.
    Answer(UnknownAnswer),
}

impl Why {
    /// Whether the resolver failed: it could not be reached, took too long, broke off, said so or said
    /// nothing at all. No client can bring this about.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut | Self::CutShort | Self::Failing | Self::Silent => true,
            Self::Answer(answer) => answer == UnknownAnswer::ServerError,
            Self::NoKeys
            | Self::UnknownKey
            | Self::NotAuthgears
            | Self::NoConnection
            | Self::Limit
            | Self::Unproven
            | Self::NotRemembered
            | Self::Abandoned => false,
        }
    }

    /// The reason as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKeys => "no_keys",
            Self::UnknownKey => "key_not_fetched",
            Self::Unreachable => "resolver_unreachable",
            Self::TimedOut => "resolver_timed_out",
            Self::CutShort => "resolver_cut_short",
            Self::NotAuthgears => "not_the_resolvers_answer",
            Self::NoConnection => "no_connection",
            Self::Limit => "resolver_limit",
            Self::Failing => "resolver_failing",
            Self::Silent => "resolver_silent",
            Self::Unproven => "resolver_unproven",
            Self::NotRemembered => "not_remembered",
            Self::Abandoned => "worker_leaving",
            Self::Answer(answer) => answer.as_str(),
        }
    }
}

/// What is wrong with an answer of the resolver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownAnswer {
    /// Not 200, and not the server's own failure.
    Status,
    /// 5xx: the server failed.
    ServerError,
    /// It has a body.
    Body,
    /// A header of ours stands twice, or they contradict each other.
    Contradiction,
    /// A header of ours has a name or a value that can't be handed on.
    BadHeader,
    /// More headers of ours than are handed on.
    TooLarge,
}

impl UnknownAnswer {
    /// As one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "resolver_status",
            Self::ServerError => "resolver_failed",
            Self::Body => "resolver_body",
            Self::Contradiction => "resolver_contradiction",
            Self::BadHeader => "resolver_bad_header",
            Self::TooLarge => "resolver_too_large",
        }
    }
}

//! What the tests of requirements share: words into requirements, callers, and what is said to them in short.

use authgear_core::basis::Basis;
use authgear_core::credential::Kind;
use authgear_core::grant::Grant;
use authgear_core::require::{check, Caller, Facts, Refusal, Requirements};
use authgear_core::session::Session;

use super::answered::answered;
use super::{NOW, USER};

/// Minutes and seconds; nginx's own reader is its module's.
pub fn seconds(text: &str) -> Option<u64> {
    match text.strip_suffix('m') {
        Some(minutes) => Some(minutes.parse::<u64>().ok()? * 60),
        None => text.parse().ok(),
    }
}

pub fn requirements(words: &str) -> Requirements {
    Requirements::parse(words.split_whitespace(), seconds)
        .unwrap()
        .unwrap()
}

/// A user with these lines.
pub fn user(lines: &[(&str, &str)]) -> Session {
    let lines = lines.iter().map(|(name, value)| (*name, *value));
    answered(USER, lines).unwrap()
}

pub fn token(client_id: &str, scope: &str) -> Basis {
    Basis::Token(Kind::Bearer, Grant::new(Some(client_id), Some(scope)))
}

pub fn resolver(kinds: &[Kind]) -> Basis {
    Basis::Resolver(kinds.iter().copied().collect())
}

pub fn judged(words: &str, caller: Caller<'_>) -> Result<(), Refusal> {
    let facts = Facts {
        caller,
        variables: &|_| false,
        leeway: 0,
    };
    let requirements = requirements(words);
    check(&requirements, &facts, NOW).map_err(|denial| requirements.refusal(denial))
}

/// What comes of it in short: `ok`, or status, reason and challenge.
pub fn said(words: &str, caller: Caller<'_>) -> String {
    match judged(words, caller) {
        Ok(()) => "ok".to_owned(),
        Err(refusal) => {
            let challenge = refusal.challenge.map(|challenge| challenge.value(None));
            let parts = [
                Some(refusal.status.code().to_string()),
                Some(refusal.reason.as_str().to_owned()),
                challenge,
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

pub fn said_of(words: &str, lines: &[(&str, &str)]) -> String {
    said(words, Caller::User(&user(lines), Some(&token("web", "openid"))))
}

pub const ROLES: &str = "x-authgear-user-roles";
pub const VERIFIED: &str = "x-authgear-user-verified";
pub const ANONYMOUS: &str = "x-authgear-user-anonymous";
pub const AMR: &str = "x-authgear-session-amr";
pub const AT: &str = "x-authgear-session-authenticated-at";

pub const EVERY: &str =
    "valid verified not_anonymous role=admin max_age=15m scope=a client_id=web first_party amr=mfa $ok";

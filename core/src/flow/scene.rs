//! What a walk's step is taken with: the request's credentials, the policy, the keys, what is remembered, the time.

use crate::credential::Credentials;
use crate::freshness::Standing;
use crate::jwks::KeySet;
use crate::jws::Candidate;
use crate::policy::Policy;
use crate::record;
use crate::resolver::Question;
use crate::session::Session;

/// The keys as they are now.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'k> {
    /// The set that may be used.
    pub set: Option<&'k KeySet>,
    /// It is from a file, or was fetched after the request came: a key that is not in it does not exist.
    pub current: bool,
}

/// Where keys are: looked at once a token has to be judged, and not before.
pub trait KeySource {
    /// As they are now. `tried`: the walk has waited for a fetch; then a set counts that is so old that it should have waited for another.
    fn keys(&self, tried: bool) -> Keys<'_>;
}

impl KeySource for Keys<'_> {
    fn keys(&self, _: bool) -> Keys<'_> {
        *self
    }
}

/// Where a request's credentials are: looked at while the walk goes on, and not when an answer has ended it.
pub trait CredentialSource {
    /// The same each time.
    fn credentials(&self) -> &Credentials<'_>;
}

impl CredentialSource for Credentials<'_> {
    fn credentials(&self) -> &Credentials<'_> {
        self
    }
}

/// What is remembered of earlier requests. None of it has to be.
///
/// A candidate is looked for before anybody knows what it is: it counts as found under all of its bytes, exactly as they were remembered, or not at all.
pub trait Memory {
    /// The token, if these bytes verified earlier under the same policy.
    fn verified(&self, token: &Candidate<'_>) -> Option<record::Token>;
    /// Remembers a token that verified.
    fn remember(&self, token: &Candidate<'_>, verified: &record::Token);
    /// How a token that verifies stands.
    fn standing(&self, token: &Candidate<'_>, iat: u64) -> Standing;
    /// The answer to a question, if it is remembered.
    fn answer(&self, question: &Question) -> Option<Remembered>;
}

/// An answer that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The session; `None` when the resolver said that there is none.
    pub session: Option<Session>,
    /// Its time is not over. Else it counts only while the resolver fails.
    pub is_fresh: bool,
}

/// What a step is taken with.
#[derive(Clone, Copy)]
pub struct Scene<'s> {
    /// The request's credentials.
    pub credentials: &'s dyn CredentialSource,
    /// What is accepted where it arrived.
    pub policy: &'s Policy,
    /// The keys.
    pub keys: &'s dyn KeySource,
    /// The memory.
    pub memory: &'s dyn Memory,
    /// Seconds since 1970.
    pub now: u64,
}

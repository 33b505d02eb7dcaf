//! What a step of the evaluation is taken with: the request's credentials, the policy, the keys, what is
//! remembered, the time.

use crate::credential::Credentials;
use crate::freshness::Freshness;
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
pub trait KeyLookup {
    /// As they are now. `tried`: the evaluation has waited for a fetch; then a set counts that is so old that
    /// it should have waited for another.
    fn keys(&self, tried: bool) -> Keys<'_>;
}

impl KeyLookup for Keys<'_> {
    fn keys(&self, _: bool) -> Keys<'_> {
        *self
    }
}

/// Where a request's credentials are: looked at while the evaluation goes on, and not when an answer has
/// ended it.
pub trait CredentialLookup {
    /// The same each time.
    fn credentials(&self) -> &Credentials<'_>;
}

impl CredentialLookup for Credentials<'_> {
    fn credentials(&self) -> &Credentials<'_> {
        self
    }
}

/// What is remembered of earlier requests. None of it has to be.
///
/// A candidate is looked for before anybody knows what it is: it counts as found under all of its bytes,
/// exactly as they were remembered, or not at all.
pub trait VerdictMemory {
    /// The token, if these bytes verified earlier under the same policy.
    fn verified(&self, token: &Candidate<'_>) -> Option<record::Token>;
    /// Remembers a token that verified.
    fn remember(&self, token: &Candidate<'_>, verified: &record::Token);
    /// How fresh a token that verifies is.
    fn freshness(&self, token: &Candidate<'_>, iat: u64) -> Freshness;
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
pub struct Inputs<'s> {
    /// The request's credentials.
    pub credentials: &'s dyn CredentialLookup,
    /// What is accepted where it arrived.
    pub policy: &'s Policy,
    /// The keys.
    pub keys: &'s dyn KeyLookup,
    /// The memory.
    pub memory: &'s dyn VerdictMemory,
    /// Seconds since 1970.
    pub now: u64,
}

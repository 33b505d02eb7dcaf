//! What the resolver is asked about alone.

use std::fmt;

use crate::session::Session;

/// A verified token that the resolver is asked about, alone. Its `Debug` keeps the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedToken {
    /// The token.
    pub token: String,
    /// The session that its claims speak of.
    pub claimed: Session,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
}

impl fmt::Debug for AskedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedToken").finish_non_exhaustive()
    }
}

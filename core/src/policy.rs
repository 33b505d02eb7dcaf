//! What is accepted where a request arrived, and who judges it there.

use crate::credential::Allowed;

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Here where it can be, else the resolver.
    On,
    /// Here alone.
    Local,
    /// The resolver alone.
    Remote,
}

/// What is accepted where a request arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who judges.
    pub mode: Mode,
    /// Accepted `iss`.
    pub issuers: Vec<String>,
    /// Accepted `aud` values.
    pub audiences: Vec<String>,
    /// Allowed clock difference, in seconds.
    pub leeway: u64,
    /// Which credentials count.
    pub allowed: Allowed,
    /// The project's `http.cookie_prefix`.
    pub cookie_prefix: String,
    /// Whether a machine is admitted by its own token. Everywhere else such a token is
    /// [`crate::verdict::Reason::MachineToken`].
    pub machines: bool,
}

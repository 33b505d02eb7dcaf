//! All that one stand-in holds, shared by its ports.
//!
//! Always holds: where two locks are taken, the sessions' comes before the keys'.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fail::Fail;
use crate::faults::Faults;
use crate::issuer::{Issuer, Key};
use crate::seen::Seen;
use crate::sessions::Sessions;

/// What the command line decided about the project.
pub struct Policy {
    pub origin: String,
    pub cookie_prefix: String,
    pub cookie_domain: Option<String>,
    /// Where the login page may send a browser.
    pub redirect_uris: Vec<String>,
    pub trust_any_host: bool,
}

/// An answer of the test's own in the key set's place.
pub struct Override {
    pub status: u16,
    pub content_type: Vec<u8>,
    pub body: Vec<u8>,
}

/// The state of one project.
pub struct World {
    pub policy: Policy,
    sessions: RwLock<Sessions>,
    issuer: RwLock<Issuer>,
    jwks: RwLock<Option<Override>>,
    pub faults: Faults,
    pub seen: Seen,
    pub backend_seen: Seen,
}

impl World {
    /// A project with one key and nobody in it.
    pub fn new(policy: Policy, log: bool) -> Result<Self, Fail> {
        let mut issuer = Issuer::default();
        issuer.publish(Key::generate(2048, None, now())?, true)?;
        Ok(Self {
            policy,
            sessions: RwLock::default(),
            issuer: RwLock::new(issuer),
            jwks: RwLock::default(),
            faults: Faults::default(),
            seen: Seen::new(log),
            backend_seen: Seen::new(log),
        })
    }

    pub fn sessions(&self) -> RwLockReadGuard<'_, Sessions> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn sessions_mut(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn issuer(&self) -> RwLockReadGuard<'_, Issuer> {
        self.issuer.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn issuer_mut(&self) -> RwLockWriteGuard<'_, Issuer> {
        self.issuer.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn jwks(&self) -> RwLockReadGuard<'_, Option<Override>> {
        self.jwks.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_jwks(&self, jwks: Option<Override>) {
        *self.jwks.write().unwrap_or_else(PoisonError::into_inner) = jwks;
    }
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Unix seconds.
pub fn now() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

/// The same with its fraction.
pub fn now_exact() -> f64 {
    since_epoch().as_secs_f64()
}

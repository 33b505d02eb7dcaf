//! What is written at each level, and how a level inherits.
//!
//! What always holds: `None` is "not written here"; inheriting fills only what is `None`, so an inner level always wins; every value keeps
//! the file and line of its directive, however far it is inherited.

use std::fmt;
use std::rc::Rc;

use authgear_core::credential::Allowed;
use authgear_core::endpoint::Endpoint;

use super::{
    Cache, JwksTimes, KeySource, LogLevel, Millis, Resolve, Revalidation, Switch, Unavailable, ZoneSpec,
};

/// Where a directive stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    File { name: Rc<str>, line: usize },
    CommandLine,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A value, and where it is written.
pub struct Written<T> {
    pub value: T,
    pub place: Place,
}

/// What one directive says at one level; shared with the levels that inherit it.
pub type Setting<T> = Option<Rc<Written<T>>>;

/// The value alone.
pub fn value<T>(setting: &Setting<T>) -> Option<&T> {
    setting.as_deref().map(|written| &written.value)
}

/// In the `http` block only.
#[derive(Default)]
pub struct MainWritten {
    pub zone: Setting<ZoneSpec>,
}

/// In `http` and `server`.
#[derive(Default)]
pub struct ServerWritten {
    pub endpoint: Setting<Endpoint>,
    pub issuers: Setting<Vec<String>>,
    pub resolve_request: Setting<String>,
    pub jwks_request: Setting<String>,
    pub jwks_file: Setting<KeySource>,
    pub jwks_times: Setting<JwksTimes>,
    pub cookie_prefix: Setting<String>,
    pub resolver_limit: Setting<u32>,
    pub trust_request_headers: Setting<bool>,
}

/// In `http`, `server` and `location`.
#[derive(Default)]
pub struct LocationWritten {
    pub resolve: Setting<Resolve>,
    pub audiences: Setting<Vec<String>>,
    pub credentials: Setting<Allowed>,
    /// Seconds.
    pub leeway: Setting<u64>,
    pub revalidate: Setting<Revalidation>,
    /// `authgear_resolve` is written further in than `authgear_revalidate`.
    pub revalidate_is_outer: bool,
    pub cache: Setting<Switch<Cache>>,
    pub stale_if_error: Setting<Switch<Millis>>,
    pub unavailable: Setting<Unavailable>,
    pub pass_set_cookie: Setting<bool>,
    pub log_level: Setting<LogLevel>,
}

/// A level that takes from the one around it what it does not say itself.
pub trait Inherit {
    fn inherit(&mut self, outer: &Self);
}

impl Inherit for ServerWritten {
    fn inherit(&mut self, outer: &Self) {
        take(&mut self.endpoint, &outer.endpoint);
        take(&mut self.issuers, &outer.issuers);
        take(&mut self.resolve_request, &outer.resolve_request);
        // Two ways to say where keys come from: the inner level's counts, whichever it is.
        if self.jwks_request.is_none() {
            take(&mut self.jwks_file, &outer.jwks_file);
        }
        take(&mut self.jwks_request, &outer.jwks_request);
        take(&mut self.jwks_times, &outer.jwks_times);
        take(&mut self.cookie_prefix, &outer.cookie_prefix);
        take(&mut self.resolver_limit, &outer.resolver_limit);
        take(&mut self.trust_request_headers, &outer.trust_request_headers);
    }
}

impl Inherit for LocationWritten {
    fn inherit(&mut self, outer: &Self) {
        self.revalidate_is_outer =
            self.revalidate.is_none() && (self.resolve.is_some() || outer.revalidate_is_outer);
        take(&mut self.resolve, &outer.resolve);
        take(&mut self.revalidate, &outer.revalidate);
        take(&mut self.cache, &outer.cache);
        take(&mut self.stale_if_error, &outer.stale_if_error);
        take(&mut self.audiences, &outer.audiences);
        take(&mut self.credentials, &outer.credentials);
        take(&mut self.leeway, &outer.leeway);
        take(&mut self.unavailable, &outer.unavailable);
        take(&mut self.pass_set_cookie, &outer.pass_set_cookie);
        take(&mut self.log_level, &outer.log_level);
    }
}

fn take<T>(inner: &mut Setting<T>, outer: &Setting<T>) {
    *inner = inner.take().or_else(|| outer.clone());
}

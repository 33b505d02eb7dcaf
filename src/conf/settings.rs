//! What is written at each level, and how a level inherits.
//!
//! What always holds: `None` is "not written here"; inheriting fills only what is `None`, so an inner level
//! always wins; every value keeps the file and line of its directive, however far it is inherited.

use std::rc::Rc;

use authgear_core::challenge::ResourceMetadata;
use authgear_core::credential::Allowed;
use authgear_core::endpoint::Endpoint;
use nginx::conf::{NamedVariable, Position};

use super::{
    Cache, JwksTimes, KeySource, LogLevel, Millis, Phase, Require, Resolve, Revalidation, Switch,
    Unavailable, ZoneSpec,
};

/// A value, and where it is written.
#[derive(Debug)]
pub struct Setting<T> {
    pub value: T,
    pub position: Position,
}

/// What one directive says at one level; shared with the levels that inherit it.
pub type Inherited<T> = Option<Rc<Setting<T>>>;

/// The value alone.
pub fn value<T>(setting: &Inherited<T>) -> Option<&T> {
    setting.as_deref().map(|setting| &setting.value)
}

/// The position alone.
pub fn position<T>(setting: &Inherited<T>) -> Option<&Position> {
    setting.as_deref().map(|setting| &setting.position)
}

/// A level's settings, each of which is taken from the level around it where it is not written.
macro_rules! settings {
    ($(#[$about:meta])* $level:ident { $($field:ident: $value:ty,)* } $(and $derived:ident: $kind:ty)*) => {
        $(#[$about])*
        #[derive(Default)]
        pub struct $level {
            $(pub $field: Inherited<$value>,)*
            $(pub $derived: $kind,)*
        }

        impl $level {
            fn take_missing(&mut self, outer: &Self) {
                $(self.$field = self.$field.take().or_else(|| outer.$field.clone());)*
            }
        }
    };
}

/// In the `http` block only.
#[derive(Default)]
pub struct MainSettings {
    pub zone: Inherited<ZoneSpec>,
    /// `authgear_claim_set`, in the order of the file.
    pub claims: Vec<Setting<ClaimVariable>>,
}

/// A variable of `authgear_claim_set`, without the `$`, and the names that lead to its claim.
#[derive(Debug)]
pub struct ClaimVariable {
    pub name: String,
    pub path: Vec<String>,
}

/// The variable of `authgear_token`, and its name in lower case, without the `$`.
#[derive(Debug)]
pub struct TokenVariable {
    pub name: String,
    pub variable: NamedVariable,
}

settings! {
    /// In `http` and `server`.
    ServerSettings {
        endpoint: Endpoint,
        issuers: Vec<String>,
        resolve_request: String,
        jwks_request: String,
        jwks_file: KeySource,
        jwks_times: JwksTimes,
        cookie_prefix: String,
        resolver_limit: u32,
        trust_request_headers: bool,
    }
}

settings! {
    /// In `http`, `server` and `location`. `leeway` in seconds; `revalidate_is_outer`: `authgear_resolve` is
    /// written further in than `authgear_revalidate`; `metrics`: it is written in this very location.
    LocationSettings {
        resolve: Resolve,
        phase: Phase,
        audiences: Vec<String>,
        credentials: Allowed,
        token: TokenVariable,
        leeway: u64,
        revalidate: Revalidation,
        cache: Switch<Cache>,
        stale_if_error: Switch<Millis>,
        unavailable: Unavailable,
        pass_set_cookie: bool,
        log_level: LogLevel,
        require: Option<Rc<Require>>,
        resource_metadata: ResourceMetadata,
        preflight: bool,
        dry_run: bool,
    }
    and revalidate_is_outer: bool
    and metrics: Inherited<()>
}

impl ServerSettings {
    pub fn inherit(&mut self, outer: &Self) {
        // Two ways to say where keys come from: the inner level's counts, whichever it is.
        let is_own = self.jwks_request.is_some();
        let file = self.jwks_file.take();
        self.take_missing(outer);
        self.jwks_file = file.or_else(|| self.jwks_file.take().filter(|_| !is_own));
    }
}

impl LocationSettings {
    pub fn inherit(&mut self, outer: &Self) {
        self.revalidate_is_outer =
            self.revalidate.is_none() && (self.resolve.is_some() || outer.revalidate_is_outer);
        self.take_missing(outer);
    }
}

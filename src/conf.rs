//! What the configuration says, as a request meets it.
//!
//! What enters: the words of our directives, and what nginx knows of its servers and locations. What leaves:
//! one [`Main`], one [`Server`] for each `server`, one [`Location`] for each location, or a refusal that
//! names a directive's file and line. What always holds: nothing here changes once nginx has read its
//! configuration, and nothing half-configured becomes a [`Location`] that resolves.
//!
//! - [`directives`]: the table of directives
//! - [`defaults`]: what holds where nothing is written
//! - [`readers`]: the words of each directive, into what is written at its level; [`value`]: single words
//! - [`settings`]: what is written at each level, and its inheritance
//! - [`complete`]: checks, once everything is read
//! - [`entry_rules`]: what is required of who enters, held against what else is written there
//! - [`in_vain`]: what is required or tried, and nobody will meet or see
//! - [`site`]: what one server comes to
//! - [`policy`]: what one location comes to
//! - [`shared_locations`]: in which server a request of the worker's own is answered
//! - [`other_modules`]: what other modules do there
//! - [`levels`]: what is kept at each level, and what of it holds for a request
//! - [`error`]: everything that can be wrong, in words; [`warning`]: what is only worth a line

pub mod complete;
mod defaults;
mod entry_rules;
mod in_vain;
pub mod directives;
pub mod error;
mod levels;
mod other_modules;
mod policy;
pub mod readers;
pub mod settings;
mod shared_locations;
mod site;
mod value;
mod warning;

use std::cell::OnceCell;
use std::rc::Rc;

use authgear_core::challenge::ResourceMetadata;
use authgear_core::endpoint::Endpoint;
use authgear_core::freshness::{Revalidate, Rules};
use authgear_core::jwks::KeySet;
use authgear_core::policy::Policy;
use authgear_core::require::Requirements;

use nginx::conf::{NamedVariable, ServerRef};
use nginx::log::{ErrorLog, Level};

use self::in_vain::DryRun;
use self::warning::{Note, Warning};
use crate::digest::Digest;

pub use self::levels::{
    claim_path, header_variables, location, site, trust_request_headers, with_site, with_sites, zone_size,
    Levels, LocationLevel, MainLevel, MergedServer, ServerLevel,
};
pub use self::settings::position;

/// The variables that say what became of a request.
const OUTCOME_VARIABLES: [&str; 2] = ["authgear_result", "authgear_reason"];

/// Milliseconds.
pub type Millis = u64;

/// What holds for the whole `http` block.
#[derive(Debug)]
pub struct Main {
    /// Resolving is on somewhere.
    pub active: bool,
    pub zone: ZoneSpec,
    /// The number of different key sets that are fetched, or of resolvers that are asked, whichever is
    /// larger.
    pub projects: usize,
    /// What is worth a line at level info.
    pub notes: Vec<Note>,
    /// Which dry runs there are.
    pub dry_runs: Vec<DryRun>,
    /// Some location tells what is counted.
    pub tells_metrics: bool,
}

/// The shared memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSpec {
    pub name: String,
    pub size: usize,
}

/// What holds for one `server`.
#[derive(Default)]
pub struct Server {
    /// `None` without an endpoint.
    pub site: Option<Site>,
    pub trust_request_headers: bool,
}

/// A server's project: where it is, and what is accepted as its own.
pub struct Site {
    pub endpoint: Endpoint,
    pub issuers: Vec<String>,
    pub resolve_request: String,
    pub keys: KeySource,
    /// Some location of it judges by keys.
    pub uses_keys: bool,
    pub jwks_times: JwksTimes,
    pub cookie_prefix: String,
    /// Where keys are fetched: this server, or another of the same endpoint.
    pub keys_server: ServerRef,
    /// Where the resolver is asked, likewise.
    pub resolver_server: ServerRef,
    /// SHA-256 over that server's sorted listen addresses and sorted names: the same after any reload that
    /// changes neither.
    pub resolver_server_digest: Digest,
    /// SHA-256 over the endpoint and the keys' source.
    pub key_set_id: Digest,
    /// SHA-256 over who is asked, and where: sites that have it share what is known of tokens.
    pub knowledge_id: Digest,
    /// The same with the cookies' prefix: sites that have it share whether the resolver fails, too.
    pub resolver_id: Digest,
    /// Questions that a worker may have under way at that resolver when one more is asked for a request to
    /// this server.
    pub resolver_limit: u32,
    /// The longest of all locations whose servers have the same resolver, in seconds.
    pub longest_leeway: u64,
    /// The longest times of their `authgear_cache_valid`; `None` where no answer is remembered.
    pub longest_cache: Option<Cache>,
    /// Their longest `authgear_stale_if_error`.
    pub longest_stale: Millis,
    pub counted_as: CountedAs,
}

/// Under which name a server's requests are counted.
pub struct CountedAs {
    /// The first of its names. Servers that share it are counted together.
    pub name: String,
    /// SHA-256 over the name.
    pub id: Digest,
    /// Where its set of numbers stands: found later, once.
    pub at: OnceCell<Option<usize>>,
}

/// Where keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// A file, read with the configuration; `id` is its SHA-256.
    File { set: Rc<KeySet>, id: [u8; 32] },
    /// A location of [`Site::keys_server`].
    Request { uri: String },
}

/// How keys age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwksTimes {
    pub valid: Millis,
    pub stale: Millis,
    pub refetch: Millis,
}

/// What holds for one location.
pub struct Location {
    /// `authgear_resolve` is written for it, here or at an outer level.
    pub written: bool,
    /// `None` where resolving is off.
    pub policy: Option<Policy>,
    pub phase: Phase,
    /// Where a bearer token may stand besides `Authorization`.
    pub token: Option<NamedVariable>,
    /// SHA-256 over everything that a verdict here depends on, besides the credential.
    pub policy_digest: Digest,
    pub rules: Rules,
    /// `None`: no answer is remembered.
    pub cache: Option<Cache>,
    pub unavailable: Unavailable,
    pub pass_set_cookie: bool,
    pub log_level: LogLevel,
    /// `None`: everybody may enter.
    pub require: Option<Rc<Require>>,
    /// What a challenge says of where this resource is described.
    pub resource_metadata: Option<ResourceMetadata>,
    /// A CORS preflight enters whatever is required.
    pub preflight: bool,
    /// What would be refused is said, and let in.
    pub dry_run: bool,
}

impl Location {
    /// Whether there is nothing to do here for a request whose headers have no credential.
    pub fn is_all_in_headers(&self) -> bool {
        self.require.is_none() && self.token.is_none()
    }
}

/// What is required of who enters, and the variables that it names, in their order.
pub struct Require {
    pub requirements: Requirements,
    pub variables: Vec<NamedVariable>,
}

/// How long an answer of the resolver's is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    pub valid: Millis,
    /// `None`: a no is not remembered.
    pub invalid: Option<Millis>,
}

/// A directive that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch<T> {
    Off,
    On(T),
}

/// `authgear_revalidate TIME [max=TIME] | off`.
pub type Revalidation = Switch<Revalidate>;

/// Who judges a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolve {
    Off,
    /// The worker where it can, else the resolver.
    On,
    /// The worker alone.
    Local,
    /// The resolver alone.
    Remote,
}

/// When the verdict is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Access,
    /// Before `limit_req`, `limit_conn` and the access rules of other modules.
    Preaccess,
}

/// What a request gets when no verdict can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    Status(u16),
    /// As without a credential.
    Pass,
}

/// The level of a refusal's line in the error log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Info,
    Notice,
    Warn,
    Error,
}

impl Default for Main {
    fn default() -> Self {
        Self {
            active: false,
            zone: complete::default_zone(),
            projects: 0,
            notes: Vec::new(),
            dry_runs: Vec::new(),
            tells_metrics: false,
        }
    }
}

impl Main {
    /// Warnings of dry runs that nobody sees, once it is known whether a log has lines of a level, and
    /// whether the configuration names a variable.
    pub fn unseen(
        &self,
        log_has: impl Fn(ErrorLog, Level) -> bool,
        names: impl Fn(&str) -> bool,
    ) -> Vec<&Warning> {
        if self.tells_metrics || OUTCOME_VARIABLES.into_iter().any(names) {
            return Vec::new();
        }
        let unseen = self.dry_runs.iter().filter(|run| !log_has(run.log, run.level));
        unseen.map(|run| &run.warning).collect()
    }
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Info => Self::Info,
            LogLevel::Notice => Self::Notice,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
        }
    }
}

impl<T: Copy> Switch<T> {
    pub fn value(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

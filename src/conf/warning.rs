//! What is worth a line though the configuration is taken.
//!
//! What always holds: a warning names the directive and, where nginx's own line does not, its place, and says
//! what is wrong with it; a configuration that means what it says gets none.

use std::fmt::{self, Display, Formatter};

use authgear_core::jwks::MAX_KEYS;
use nginx::conf::Position;
use nginx::log::{escape, Level};

/// What is worth a warning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Warning {
    PlainHttp {
        endpoint: String,
    },
    LongLeeway {
        minutes: u64,
    },
    KeysBeyond {
        count: usize,
    },
    /// `auth_request` asks the resolver, too.
    AskedTwice {
        position: Position,
    },
    /// A directive sends its own value under the name of one of our headers.
    Hidden {
        directive: &'static str,
        names: Vec<String>,
        location: String,
        position: Position,
    },
    /// Resolving is written in a location for subrequests.
    NeverRun {
        asks: &'static str,
        location: String,
        position: Position,
    },
    /// Machines are admitted where no token of theirs counts.
    NoMachine {
        place: String,
        position: Position,
    },
    /// A dry run writes lines of this level, and the error log leaves them out.
    Unseen {
        place: String,
        level: Level,
        position: Position,
    },
    /// The resolver's location answers from a cache.
    Cached {
        location: String,
        server: Position,
    },
}

/// What is worth a line at level info.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A server asks through the location of another one.
    SharedLocation {
        server: Position,
        uri: String,
        other: Position,
    },
}

impl Display for Warning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp { endpoint } => write!(
                f,
                "\"authgear_endpoint\" {endpoint} is neither https:// nor on this machine: credentials travel unprotected"
            ),
            Self::LongLeeway { minutes } => write!(
                f,
                "\"authgear_leeway\" of {minutes} minutes is long: a token counts that much longer than Authgear says"
            ),
            Self::KeysBeyond { count } => write!(
                f,
                "\"authgear_jwks_file\" holds {count} usable key(s) beyond the first {MAX_KEYS}, which are not used"
            ),
            Self::AskedTwice { position } => write!(
                f,
                "\"auth_request\" asks the resolver once more where \"authgear_resolve\" does, on every request, in {position}"
            ),
            Self::Hidden { directive, names, location, position } => write!(
                f,
                "\"{directive}\" of {} in the location \"{location}\" hides what \"authgear_resolve\" sets: leave it out; resolving is on in {position}",
                names.join(", ")
            ),
            Self::NeverRun { asks, location, position } => write!(
                f,
                "\"authgear_resolve\" never runs for a subrequest, and \"{asks}\" of this server asks its location \"{location}\" by one: write it where \"{asks}\" stands in {position}"
            ),
            Self::NoMachine { place, position } => write!(
                f,
                "\"machine\" of \"authgear_require\" admits no machine in {place}, as long as only tokens for the endpoint itself count there: name the resource that their tokens are for, by \"authgear_audience\", in {position}"
            ),
            Self::Unseen { place, level, position } => write!(
                f,
                "\"authgear_dry_run\" says at level \"{level}\" who would be refused, which the error log of {place} leaves out: write \"error_log FILE {level};\" there, or nobody sees what is tried in {position}"
            ),
            Self::Cached { location, server } => write!(
                f,
                "\"proxy_cache\" is on in the location \"{location}\" of the server at {server}: an answer from a cache does not count as the resolver's"
            ),
        }
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self::SharedLocation { server, uri, other } = self;
        write!(
            f,
            "authgear: the server at {server} has no \"location = {}\": it uses that of the server at {other}",
            escape(uri.as_bytes())
        )
    }
}

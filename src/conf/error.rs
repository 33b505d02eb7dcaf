//! Why a configuration is refused: what is wrong with a word, with a directive, with all of it.
//!
//! What always holds: each names the directive at fault and, where nginx's own line does not, its file and
//! line, and says what to do. The words stand here and nowhere else, but for those of
//! [`super::entry_rules`].

use std::fmt::{self, Display, Formatter};
use std::io;

use authgear_core::challenge::ResourceMetadataError;
use authgear_core::credential::Kind;
use authgear_core::endpoint::EndpointError;
use authgear_core::jwks::JwksError;
use authgear_core::require::RequirementError;
use nginx::conf::Position;
use nginx::log::escape;
use nginx::pool::OutOfMemory;
use nginx::zone::ZoneError;

use super::entry_rules::EntryFault;

/// What is wrong with a word.
#[derive(Debug)]
pub enum Problem {
    NotUtf8,
    Empty,
    Twice,
    ParameterTwice(&'static str),
    HostInUri,
    NotAUri,
    CharacterInUri(char),
    Endpoint(EndpointError),
    NotATime,
    NotSeconds,
    /// What a time may be followed by.
    NotTimes(&'static [&'static str]),
    NoFirstTime,
    NoInterval,
    MaxBelowInterval,
    LeewayTooLong,
    NotACount,
    NotAFlag,
    NotAMode,
    NotAPhase,
    NotAVariable,
    OurToken,
    NotALevel,
    NotAStatus,
    NotACredential,
    NotACookieName,
    NotANewVariable,
    OurVariable,
    NotAZone,
    NotASize,
    File(io::Error),
    Jwks(JwksError),
    Requirement(RequirementError),
    /// A variable that is required is never empty or `0`, and what to require instead.
    NeverNo {
        variable: String,
        requirement: Option<&'static str>,
    },
    ResourceMetadata(ResourceMetadataError),
    OutOfMemory,
}

/// Why a directive is refused: the fault of the line that nginx is reading.
#[derive(Debug)]
pub struct Refusal {
    pub directive: &'static str,
    pub why: Why,
}

/// See [`Refusal`].
#[derive(Debug)]
pub enum Why {
    /// It stands twice at its level.
    Duplicate,
    /// Another directive at its level says where the same thing comes from.
    Beside { other: &'static str, position: Position },
    /// One of its words cannot be.
    Word { word: String, problem: Problem },
}

/// Why a configuration is refused that has been read.
#[derive(Debug)]
pub enum Fault {
    /// Resolving is on at `user`, in a server without an endpoint.
    NoEndpoint {
        server: Position,
        user: Position,
    },
    /// A request of the worker's own would reach nobody who may answer it.
    Unreached {
        directive: &'static str,
        /// Where its URI is written, if it is.
        written: Option<Position>,
        uri: String,
        server: Position,
        /// The directive that makes such a request possible.
        user: Position,
        how: Unreached,
    },
    /// Keys and answers would come from one location.
    SameLocation {
        directives: [&'static str; 2],
        uri: String,
        position: Position,
    },
    /// Nobody could say who may enter a location.
    Entry(EntryFault),
    /// Asking again is configured where nobody is asked.
    RevalidatesLocally {
        resolve: Position,
        revalidate: Position,
    },
    /// A token is looked for in what a verdict brings.
    TokenOfClaim {
        name: String,
        position: Position,
    },
    /// A variable of `authgear_claim_set` is somebody else's.
    VariableTaken {
        name: String,
        position: Position,
    },
    /// `least` in bytes; `position` of the directive, if it is written.
    ZoneTooSmall {
        key_sets: usize,
        least: usize,
        position: Option<Position>,
        default_name: &'static str,
    },
    /// nginx could not make the zone.
    Zone {
        error: ZoneError,
        position: Option<Position>,
    },
    OutOfMemory,
    NoHttpBlock,
}

/// What is wrong with the location that a URI leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    Public,
    Inexact,
    Missing,
}

impl From<OutOfMemory> for Fault {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<EntryFault> for Fault {
    fn from(fault: EntryFault) -> Self {
        Self::Entry(fault)
    }
}

impl From<OutOfMemory> for Problem {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "it is not UTF-8",
            Self::Empty => "it must not be empty",
            Self::Twice => "it is there twice",
            Self::HostInUri => {
                "it must be the URI of a location of this server; the host comes from authgear_endpoint"
            }
            Self::NotAUri => "it must be the URI of a location of this server, and begin with \"/\"",
            Self::NotATime => "it is not a time, like 30s or 10m",
            Self::NotSeconds => "it is not a time in seconds, like 30s or 1m",
            Self::NoFirstTime => "its first argument must be a time",
            Self::NoInterval => {
                "its time must be longer than nothing: to ask about every request write \"authgear_resolve remote\""
            }
            Self::MaxBelowInterval => "its \"max\" must not be shorter than its time",
            Self::LeewayTooLong => "it is for clocks that differ a little: an hour at most",
            Self::NotACount => "it must be a whole number, at least 1",
            Self::NotAFlag => "it must be \"on\" or \"off\"",
            Self::NotAMode => "it must be \"on\", \"local\", \"remote\" or \"off\"",
            Self::NotAPhase => "it must be \"access\" or \"preaccess\"",
            Self::NotAVariable => "it must be a variable, like $arg_access_token",
            Self::OurToken => {
                "no token stands in a variable of the module's own: write where clients send it, like $arg_access_token"
            }
            Self::NotALevel => "it must be \"info\", \"notice\", \"warn\" or \"error\"",
            Self::NotAStatus => "it must be a status from 500 to 599, or \"pass\"",
            Self::NotACookieName => "it holds a character that no cookie's name may hold",
            Self::NotANewVariable => "its first argument must be a variable, like $tenant",
            Self::OurVariable => "the names that begin with \"authgear_\" are the module's own",
            Self::NotAZone => "it must be zone=NAME:SIZE",
            Self::NotASize => "its size is not one, like 512k or 8m",
            Self::OutOfMemory => "out of memory",
            Self::ParameterTwice(name) => return write!(f, "\"{name}\" is there twice"),
            Self::CharacterInUri(character) => {
                let character = character.escape_default();
                return write!(
                    f,
                    "it must be the URI of a location as it stands, without \"{character}\""
                );
            }
            Self::NotTimes(names) => {
                let parameters: String = names.iter().map(|name| format!(" [{name}=TIME]")).collect();
                return write!(f, "it must be TIME{parameters}");
            }
            Self::NotACredential => {
                return write!(f, "the credentials are {}", Kind::ALL.map(Kind::name).join(", "));
            }
            Self::Endpoint(error) => return error.fmt(f),
            Self::File(error) => return write!(f, "the file cannot be read: {error}"),
            Self::Jwks(error) => return error.fmt(f),
            Self::Requirement(error) => return error.fmt(f),
            Self::NeverNo { variable, requirement } => {
                write!(f, "\"${variable}\" is never 0: where it does not hold it is \"false\", which counts as met; ")?;
                return match requirement {
                    Some(word) => write!(f, "write \"{word}\""),
                    None => f.write_str("make \"0\" of \"false\" by a map"),
                };
            }
            Self::ResourceMetadata(error) => return error.fmt(f),
        })
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let directive = self.directive;
        match &self.why {
            Why::Duplicate => write!(f, "\"{directive}\" directive is duplicate"),
            Why::Beside { other, position } => write!(
                f,
                "\"{directive}\" directive can't stand beside \"{other}\" of {position}: keys come from one of them"
            ),
            Why::Word { word, problem } => write!(
                f,
                "invalid value \"{}\" in \"{directive}\" directive, {problem}",
                escape(word.as_bytes())
            ),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoint { server, user } => write!(
                f,
                "\"authgear_resolve\" needs \"authgear_endpoint\", but the server at {server} has none: write one there, or \"authgear_resolve off\" in {user}"
            ),
            Self::Unreached { directive, written, uri, server, user, how } => {
                let uri = escape(uri.as_bytes());
                match written {
                    Some(_) => write!(f, "\"{directive}\" leads to \"{uri}\", ")?,
                    None => write!(f, "\"authgear_resolve\" needs \"{directive}\", by default \"{uri}\", ")?,
                }
                how.write(f, &uri, server)?;
                write!(f, " in {}", written.as_ref().unwrap_or(user))
            }
            Self::SameLocation { directives: [one, other], uri, position } => write!(
                f,
                "\"{one}\" and \"{other}\" both lead to \"{}\": keys and answers come from different places in {position}",
                escape(uri.as_bytes())
            ),
            Self::Entry(fault) => fault.fmt(f),
            Self::RevalidatesLocally { resolve, revalidate } => write!(
                f,
                "\"authgear_revalidate\" asks the resolver, but \"authgear_resolve local\" at {resolve} never does: write \"authgear_revalidate off\" or leave it out in {revalidate}"
            ),
            Self::TokenOfClaim { name, position } => write!(
                f,
                "\"authgear_token\" can't take \"${name}\", which \"authgear_claim_set\" defines: it is empty until there is a verdict; write where clients send the token, like $arg_access_token, in {position}"
            ),
            Self::VariableTaken { name, position } => write!(
                f,
                "\"authgear_claim_set\" can't define \"${name}\", which is defined already: choose another name in {position}"
            ),
            Self::ZoneTooSmall { key_sets, least, position, default_name } => {
                let least = least.div_ceil(1024);
                match position {
                    Some(position) => write!(
                        f,
                        "\"authgear_zone\" is too small for {key_sets} key set(s): its smallest size is {least}k in {position}"
                    ),
                    None => write!(
                        f,
                        "the default \"authgear_zone\" is too small for {key_sets} key sets: write \"authgear_zone zone={default_name}:{least}k\""
                    ),
                }
            }
            Self::Zone { error, position } => {
                write!(f, "\"authgear_zone\": {error}")?;
                position.iter().try_for_each(|position| write!(f, " in {position}"))
            }
            Self::OutOfMemory => f.write_str("authgear: out of memory"),
            Self::NoHttpBlock => f.write_str("authgear: no http block"),
        }
    }
}

impl Unreached {
    fn write(self, f: &mut Formatter<'_>, uri: &str, server: &Position) -> fmt::Result {
        match self {
            Self::Public => write!(f, "but that location of the server at {server} is not internal"),
            Self::Inexact => write!(
                f,
                "but that location of the server at {server} is not exact: write \"location = {uri}\""
            ),
            Self::Missing => write!(
                f,
                "but neither the server at {server} nor another one of this endpoint has an internal \"location = {uri}\": write it, or include authgear.conf"
            ),
        }
    }
}

//! Single words of a directive, into values. An error is what is wrong with the word, without naming the
//! directive.

use nginx::conf::parse;

use super::error::Problem;
use super::{LogLevel, Millis, Phase, Resolve, Switch, Unavailable};

/// How the names of the module's own variables begin.
const OURS: &str = "authgear_";

/// The location that a request of ours goes to.
pub fn request_uri(word: &str) -> Result<String, Problem> {
    let lower = word.to_ascii_lowercase();
    if ["http://", "https://", "//"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
    {
        return Err(Problem::HostInUri);
    }
    if !word.starts_with('/') {
        return Err(Problem::NotAUri);
    }
    if let Some(forbidden) = word
        .chars()
        .find(|&each| matches!(each, '$' | '?' | '#') || each.is_ascii_control())
    {
        return Err(Problem::CharacterInUri(forbidden));
    }
    Ok(word.to_owned())
}

/// A time in any of nginx's units, milliseconds to years.
pub fn time(word: &str) -> Result<Millis, Problem> {
    let seconds = || parse::seconds(word).and_then(|seconds| seconds.checked_mul(1000));
    parse::milliseconds(word)
        .or_else(seconds)
        .ok_or(Problem::NotATime)
}

/// A time of whole seconds.
pub fn seconds(word: &str) -> Result<u64, Problem> {
    parse::seconds(word).ok_or(Problem::NotSeconds)
}

/// The value of a parameter `name=value` whose name may stand once.
pub fn time_parameter(
    parameter: &str,
    name: &'static str,
    into: &mut Option<Millis>,
) -> Result<bool, Problem> {
    let Some(word) = parameter
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('='))
    else {
        return Ok(false);
    };
    if into.is_some() {
        return Err(Problem::ParameterTwice(name));
    }
    *into = Some(time(word)?);
    Ok(true)
}

/// `off`, or a value.
pub fn switch<T>(word: &str, read: impl FnOnce(&str) -> Result<T, Problem>) -> Result<Switch<T>, Problem> {
    if word == "off" {
        return Ok(Switch::Off);
    }
    read(word).map(Switch::On)
}

/// A number of things, at least one.
pub fn count(word: &str) -> Result<u32, Problem> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse()
        .ok()
        .filter(|&count| digits && count > 0)
        .ok_or(Problem::NotACount)
}

/// `on` or `off`, in any case, as nginx takes them.
pub fn flag(word: &str) -> Result<bool, Problem> {
    match word.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Problem::NotAFlag),
    }
}

pub fn resolve(word: &str) -> Result<Resolve, Problem> {
    match word {
        "on" => Ok(Resolve::On),
        "local" => Ok(Resolve::Local),
        "remote" => Ok(Resolve::Remote),
        "off" => Ok(Resolve::Off),
        _ => Err(Problem::NotAMode),
    }
}

pub fn phase(word: &str) -> Result<Phase, Problem> {
    match word {
        "access" => Ok(Phase::Access),
        "preaccess" => Ok(Phase::Preaccess),
        _ => Err(Problem::NotAPhase),
    }
}

/// The name of a variable in which a client may send something, as nginx keeps it, without the `$`.
pub fn token_variable(word: &str) -> Result<String, Problem> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let name = word.strip_prefix('$');
    let name = name.filter(|name| !name.is_empty() && name.bytes().all(is_of_name));
    match name.ok_or(Problem::NotAVariable)?.to_ascii_lowercase() {
        ours if ours.starts_with(OURS) => Err(Problem::OurToken),
        name => Ok(name),
    }
}

/// What is wrong with a variable that is required, by its name: it says `true` or `false`, and never `0`.
pub fn never_no(name: &str) -> Option<Problem> {
    let lower = name.to_ascii_lowercase();
    let ours = lower.strip_prefix("http_x_").unwrap_or(&lower);
    let requirement = match ours.strip_prefix(OURS)? {
        "session_valid" => Some("valid"),
        "user_verified" => Some("verified"),
        "user_anonymous" => Some("not_anonymous"),
        "user_can_reauthenticate" => None,
        _ => return None,
    };
    Some(Problem::NeverNo {
        variable: name.to_owned(),
        requirement,
    })
}

pub fn log_level(word: &str) -> Result<LogLevel, Problem> {
    match word {
        "info" => Ok(LogLevel::Info),
        "notice" => Ok(LogLevel::Notice),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err(Problem::NotALevel),
    }
}

pub fn unavailable(word: &str) -> Result<Unavailable, Problem> {
    if word == "pass" {
        return Ok(Unavailable::Pass);
    }
    let digits = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let status = word
        .parse()
        .ok()
        .filter(|status| digits && (500..=599).contains(status));
    status.map(Unavailable::Status).ok_or(Problem::NotAStatus)
}

/// The name of a variable that a directive defines, as nginx's own take it, without the `$` before it.
pub fn new_variable(word: &str) -> Result<String, Problem> {
    let name = word.strip_prefix('$').ok_or(Problem::NotANewVariable)?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(is_word) || matches!(name.as_bytes(), [] | [b'0'..=b'9', ..]) {
        return Err(Problem::NotANewVariable);
    }
    match name.to_ascii_lowercase() {
        ours if ours.starts_with(OURS) => Err(Problem::OurVariable),
        name => Ok(name),
    }
}

/// The beginning of a cookie's name (RFC 6265: a token), maybe empty.
pub fn cookie_prefix(word: &str) -> Result<String, Problem> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !word.bytes().all(token) {
        return Err(Problem::NotACookieName);
    }
    Ok(word.to_owned())
}

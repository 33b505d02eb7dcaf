//! Single words of a directive, into values. An error is what is wrong with the word, without naming the directive.

use super::{LogLevel, Millis, Resolve, Switch, Unavailable};
use crate::ffi::conf::parse;

/// What is wrong with a word.
pub type Problem = String;

/// The location that a request of ours goes to.
pub fn request_uri(word: &str) -> Result<String, Problem> {
    let lower = word.to_ascii_lowercase();
    if ["http://", "https://", "//"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
    {
        return Err(
            "it must be the URI of a location of this server; the host comes from authgear_endpoint"
                .to_owned(),
        );
    }
    if !word.starts_with('/') {
        return Err("it must be the URI of a location of this server, and begin with \"/\"".to_owned());
    }
    if let Some(forbidden) = word
        .chars()
        .find(|&each| matches!(each, '$' | '?' | '#') || each.is_ascii_control())
    {
        return Err(format!(
            "it must be the URI of a location as it stands, without \"{}\"",
            forbidden.escape_default()
        ));
    }
    Ok(word.to_owned())
}

/// A time in any of nginx's units, milliseconds to years.
pub fn time(word: &str) -> Result<Millis, Problem> {
    let seconds = || parse::seconds(word).and_then(|seconds| seconds.checked_mul(1000));
    parse::milliseconds(word)
        .or_else(seconds)
        .ok_or_else(|| "it is not a time, like 30s or 10m".to_owned())
}

/// A time of whole seconds.
pub fn seconds(word: &str) -> Result<u64, Problem> {
    parse::seconds(word).ok_or_else(|| "it is not a time in seconds, like 30s or 1m".to_owned())
}

/// The value of a parameter `name=value` whose name may stand once.
pub fn time_parameter(parameter: &str, name: &str, into: &mut Option<Millis>) -> Result<bool, Problem> {
    let Some(word) = parameter
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('='))
    else {
        return Ok(false);
    };
    if into.is_some() {
        return Err(format!("\"{name}\" is there twice"));
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
        .ok_or_else(|| "it must be a whole number, at least 1".to_owned())
}

/// `on` or `off`, in any case, as nginx takes them.
pub fn flag(word: &str) -> Result<bool, Problem> {
    match word.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("it must be \"on\" or \"off\"".to_owned()),
    }
}

pub fn resolve(word: &str) -> Result<Resolve, Problem> {
    match word {
        "on" => Ok(Resolve::On),
        "local" => Ok(Resolve::Local),
        "remote" => Ok(Resolve::Remote),
        "off" => Ok(Resolve::Off),
        _ => Err("it must be \"on\", \"local\", \"remote\" or \"off\"".to_owned()),
    }
}

pub fn log_level(word: &str) -> Result<LogLevel, Problem> {
    match word {
        "info" => Ok(LogLevel::Info),
        "notice" => Ok(LogLevel::Notice),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err("it must be \"info\", \"notice\", \"warn\" or \"error\"".to_owned()),
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
    status
        .map(Unavailable::Status)
        .ok_or_else(|| "it must be a status from 500 to 599, or \"pass\"".to_owned())
}

/// The beginning of a cookie's name (RFC 6265: a token), maybe empty.
pub fn cookie_prefix(word: &str) -> Result<String, Problem> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !word.bytes().all(token) {
        return Err("it holds a character that no cookie's name may hold".to_owned());
    }
    Ok(word.to_owned())
}

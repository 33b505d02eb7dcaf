//! The words of each directive, into what is written at its level.
//!
//! What enters: one statement as nginx has split it into words. What leaves: a value with its place, or what is wrong with which word.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use authgear_core::credential::{Allowed, Kind};
use authgear_core::endpoint::{self, Endpoint, Scheme};
use authgear_core::freshness::Revalidate;
use authgear_core::jwks::{KeySet, MAX_DOCUMENT, MAX_KEYS};

use super::value::{self, Problem};
use super::written::{LocationWritten, MainWritten, Place, ServerWritten, Setting, Written};
use super::{complete, policy, Cache, JwksTimes, KeySource, Millis, Revalidation, Switch, ZoneSpec};
use crate::digest;
use crate::ffi::conf::{parse, Statement};

/// Seconds by which clocks that are looked after never differ, and those by which none may.
const LONG_LEEWAY: u64 = 300;
const LONGEST_LEEWAY: u64 = 3600;

/// Why a statement is refused.
pub enum Refusal {
    /// It stands twice at its level.
    Duplicate,
    /// Another directive at its level says where the same thing comes from.
    Beside { other: &'static str, place: Place },
    /// One of its words cannot be.
    Word { word: String, problem: Problem },
    /// No such directive at this level.
    Unknown,
}

type Outcome = Result<(), Refusal>;

/// A directive of the `http` block.
pub fn main(level: &mut MainWritten, statement: &Statement<'_>) -> Outcome {
    match statement.directive() {
        "authgear_zone" => one(&mut level.zone, statement, zone),
        _ => Err(Refusal::Unknown),
    }
}

/// A directive of `http` and `server`.
pub fn server(level: &mut ServerWritten, statement: &Statement<'_>) -> Outcome {
    match statement.directive() {
        "authgear_endpoint" => {
            one(&mut level.endpoint, statement, endpoint)?;
            warn_of_plain_http(&level.endpoint, statement);
            Ok(())
        }
        "authgear_issuer" => each(&mut level.issuers, statement, issuer),
        "authgear_resolve_request" => one(&mut level.resolve_request, statement, value::request_uri),
        "authgear_jwks_request" => {
            alone("authgear_jwks_file", &level.jwks_file)?;
            one(&mut level.jwks_request, statement, value::request_uri)
        }
        "authgear_jwks_file" => {
            alone("authgear_jwks_request", &level.jwks_request)?;
            one(&mut level.jwks_file, statement, |word| jwks_file(word, statement))
        }
        "authgear_jwks_valid" => all(&mut level.jwks_times, statement, jwks_times),
        "authgear_cookie_prefix" => one(&mut level.cookie_prefix, statement, value::cookie_prefix),
        "authgear_resolver_limit" => one(&mut level.resolver_limit, statement, value::count),
        "authgear_trust_request_headers" => one(&mut level.trust_request_headers, statement, value::flag),
        _ => Err(Refusal::Unknown),
    }
}

/// A directive of `http`, `server` and `location`.
pub fn location(level: &mut LocationWritten, statement: &Statement<'_>) -> Outcome {
    match statement.directive() {
        "authgear_resolve" => one(&mut level.resolve, statement, value::resolve),
        "authgear_audience" => each(&mut level.audiences, statement, audience),
        "authgear_credentials" => all(&mut level.credentials, statement, credentials),
        "authgear_leeway" => {
            one(&mut level.leeway, statement, leeway)?;
            warn_of_long_leeway(&level.leeway, statement);
            Ok(())
        }
        "authgear_revalidate" => all(&mut level.revalidate, statement, revalidation),
        "authgear_cache_valid" => all(&mut level.cache, statement, cache),
        "authgear_stale_if_error" => one(&mut level.stale_if_error, statement, |word| {
            value::switch(word, value::time)
        }),
        "authgear_unavailable" => one(&mut level.unavailable, statement, value::unavailable),
        "authgear_pass_set_cookie" => one(&mut level.pass_set_cookie, statement, value::flag),
        "authgear_log_level" => one(&mut level.log_level, statement, value::log_level),
        _ => Err(Refusal::Unknown),
    }
}

/// A directive with one argument.
fn one<T>(
    setting: &mut Setting<T>,
    statement: &Statement<'_>,
    read: impl FnOnce(&str) -> Result<T, Problem>,
) -> Outcome {
    all(setting, statement, |words| {
        let word = words.first().copied().unwrap_or_default();
        read(word).map_err(|problem| refused(word, problem))
    })
}

/// A directive whose arguments are alike.
fn each<T>(
    setting: &mut Setting<Vec<T>>,
    statement: &Statement<'_>,
    read: impl Fn(&str) -> Result<T, Problem>,
) -> Outcome {
    all(setting, statement, |words| {
        words
            .iter()
            .map(|word| read(word).map_err(|problem| refused(word, problem)))
            .collect()
    })
}

/// A directive that reads all its arguments at once.
fn all<T>(
    setting: &mut Setting<T>,
    statement: &Statement<'_>,
    read: impl FnOnce(&[&str]) -> Result<T, Refusal>,
) -> Outcome {
    if setting.is_some() {
        return Err(Refusal::Duplicate);
    }
    let words = statement
        .arguments()
        .map_err(|word| refused(&word, "it is not UTF-8".to_owned()))?;
    *setting = Some(Rc::new(Written {
        value: read(&words)?,
        place: statement.place(),
    }));
    Ok(())
}

/// Keys come from one place at each level.
fn alone<T>(other: &'static str, setting: &Setting<T>) -> Outcome {
    match setting.as_deref() {
        None => Ok(()),
        Some(Written { place, .. }) => Err(Refusal::Beside {
            other,
            place: place.clone(),
        }),
    }
}

fn refused(word: &str, problem: Problem) -> Refusal {
    Refusal::Word {
        word: word.to_owned(),
        problem,
    }
}

fn endpoint(word: &str) -> Result<Endpoint, Problem> {
    Endpoint::parse(word).map_err(|error| error.to_string())
}

/// Whoever reads plain HTTP on the way reads every credential.
fn warn_of_plain_http(setting: &Setting<Endpoint>, statement: &Statement<'_>) {
    let Some(written) = setting else { return };
    let endpoint = &written.value;
    if endpoint.scheme() == Scheme::Http && !endpoint.is_loopback() {
        statement.warn(&format!("\"authgear_endpoint\" {} is neither https:// nor on this machine: credentials travel unprotected", endpoint.as_str()));
    }
}

fn leeway(word: &str) -> Result<u64, Problem> {
    let seconds = value::seconds(word)?;
    if seconds > LONGEST_LEEWAY {
        return Err("it is for clocks that differ a little: an hour at most".to_owned());
    }
    Ok(seconds)
}

/// A session's end is told by its tokens' end where nobody is asked.
fn warn_of_long_leeway(setting: &Setting<u64>, statement: &Statement<'_>) {
    let Some(written) = setting.as_deref().filter(|written| written.value > LONG_LEEWAY) else {
        return;
    };
    let minutes = written.value.div_ceil(60);
    statement.warn(&format!(
        "\"authgear_leeway\" of {minutes} minutes is long: a token counts that much longer than Authgear says"
    ));
}

fn issuer(word: &str) -> Result<String, Problem> {
    endpoint::issuer(word).map_err(|error| error.to_string())
}

fn audience(word: &str) -> Result<String, Problem> {
    if word.is_empty() {
        return Err("it must not be empty".to_owned());
    }
    Ok(word.to_owned())
}

fn credentials(words: &[&str]) -> Result<Allowed, Refusal> {
    let mut seen = HashSet::new();
    if let Some(twice) = words.iter().find(|word| !seen.insert(**word)) {
        return Err(refused(twice, "it is there twice".to_owned()));
    }
    Allowed::from_names(words.iter().copied()).map_err(|unknown| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        refused(&unknown.0, format!("the credentials are {names}"))
    })
}

fn jwks_times(words: &[&str]) -> Result<JwksTimes, Refusal> {
    let (valid, [stale, refetch]) = times(words, ["stale", "refetch"])?;
    let default = complete::JWKS_TIMES;
    Ok(JwksTimes {
        valid,
        stale: stale.unwrap_or(default.stale),
        refetch: refetch.unwrap_or(default.refetch),
    })
}

fn revalidation(words: &[&str]) -> Result<Revalidation, Refusal> {
    if let ["off"] = words {
        return Ok(Switch::Off);
    }
    let (interval, [max]) = times(words, ["max"])?;
    let word = words.join(" ");
    if interval == 0 {
        return Err(refused(&word, "its time must be longer than nothing: to ask about every request write \"authgear_resolve remote\"".to_owned()));
    }
    let max = max.unwrap_or_else(|| interval.saturating_mul(policy::MAX_INTERVALS));
    if max < interval {
        return Err(refused(
            &word,
            "its \"max\" must not be shorter than its time".to_owned(),
        ));
    }
    Ok(Switch::On(Revalidate { interval, max }))
}

fn cache(words: &[&str]) -> Result<Switch<Cache>, Refusal> {
    if let ["off"] = words {
        return Ok(Switch::Off);
    }
    let (valid, [invalid]) = times(words, ["invalid"])?;
    Ok(Switch::On(Cache { valid, invalid }))
}

/// `TIME` and parameters `NAME=TIME`, each of them once.
fn times<const N: usize>(words: &[&str], names: [&str; N]) -> Result<(Millis, [Option<Millis>; N]), Refusal> {
    let mut first = None;
    let mut others = [None; N];
    for word in words {
        let mut read = || -> Result<(), Problem> {
            for (name, other) in names.iter().zip(&mut others) {
                if value::time_parameter(word, name, other)? {
                    return Ok(());
                }
            }
            if first.is_some() {
                let parameters: String = names.iter().map(|name| format!(" [{name}=TIME]")).collect();
                return Err(format!("it must be TIME{parameters}"));
            }
            first = Some(value::time(word)?);
            Ok(())
        };
        read().map_err(|problem| refused(word, problem))?;
    }
    let first =
        first.ok_or_else(|| refused(&words.join(" "), "its first argument must be a time".to_owned()))?;
    Ok((first, others))
}

fn zone(word: &str) -> Result<ZoneSpec, Problem> {
    let form = || "it must be zone=NAME:SIZE".to_owned();
    let (name, size) = word
        .strip_prefix("zone=")
        .and_then(|spec| spec.rsplit_once(':'))
        .ok_or_else(form)?;
    if name.is_empty() {
        return Err(form());
    }
    let size = parse::size(size).ok_or_else(|| "its size is not one, like 512k or 8m".to_owned())?;
    Ok(ZoneSpec {
        name: name.to_owned(),
        size,
    })
}

fn jwks_file(word: &str, statement: &Statement<'_>) -> Result<KeySource, Problem> {
    let path = statement
        .conf_path(word)
        .ok_or_else(|| "out of memory".to_owned())?;
    let bytes = read(&path).map_err(|error| format!("the file cannot be read: {error}"))?;
    let parsed = KeySet::parse(&bytes).map_err(|error| error.to_string())?;
    if parsed.beyond > 0 {
        let beyond = parsed.beyond;
        statement.warn(&format!("\"authgear_jwks_file\" holds {beyond} usable key(s) beyond the first {MAX_KEYS}, which are not used"));
    }
    Ok(KeySource::File {
        set: Rc::new(parsed.set),
        id: digest::of(&bytes),
    })
}

/// A file, but never more of it than a key set may be long, and one byte.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

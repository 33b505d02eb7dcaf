//! The words of each directive, into what is written at its level.
//!
//! What enters: one directive's words, as nginx has split it. What leaves: a value with its position, or what
//! is wrong with which word.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use authgear_core::challenge::ResourceMetadata;
use authgear_core::credential::Allowed;
use authgear_core::endpoint::{self, Endpoint, Scheme};
use authgear_core::freshness::Revalidate;
use authgear_core::jwks::{KeySet, MAX_DOCUMENT};
use authgear_core::require::Requirements;
use nginx::conf::{parse, Severity, Statement};
use nginx::pool::OutOfMemory;

use super::defaults::{JWKS_TIMES, MAX_INTERVALS};
use super::error::{Problem, Refusal, Why};
use super::settings::{
    ClaimVariable, Inherited, LocationSettings, MainSettings, ServerSettings, Setting, TokenVariable,
};
use super::warning::Warning;
use super::{value, Cache, JwksTimes, KeySource, Millis, Require, Revalidation, Switch, ZoneSpec};
use crate::digest;

/// Seconds by which clocks that are looked after never differ, and those by which none may.
const LONG_LEEWAY: u64 = 300;
const LONGEST_LEEWAY: u64 = 3600;

/// A directive that is being read.
pub struct Read<'s> {
    pub directive: &'static str,
    pub statement: &'s Statement<'s>,
}

type Outcome = Result<(), Refusal>;

pub fn zone(level: &mut MainSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.zone, zone_spec)
}

/// Each defines a variable of its own, so there may be many.
pub fn claim_set(level: &mut MainSettings, read: &Read<'_>) -> Outcome {
    let mut one = None;
    let known: Vec<&str> = level
        .claims
        .iter()
        .map(|claim| claim.value.name.as_str())
        .collect();
    read.all(&mut one, |words| claim_variable(words, &known))?;
    level.claims.extend(one.and_then(Rc::into_inner));
    Ok(())
}

pub fn endpoint(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.endpoint, |word| {
        Endpoint::parse(word).map_err(Problem::Endpoint)
    })?;
    // Whoever reads plain HTTP on the way reads every credential.
    if let Some(Setting { value: endpoint, .. }) = level.endpoint.as_deref() {
        if endpoint.scheme() == Scheme::Http && !endpoint.is_loopback() {
            read.warn(&Warning::PlainHttp {
                endpoint: endpoint.as_str().to_owned(),
            });
        }
    }
    Ok(())
}

pub fn issuers(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.each(&mut level.issuers, |word| {
        endpoint::issuer(word).map_err(Problem::Endpoint)
    })
}

pub fn resolve_request(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.resolve_request, value::request_uri)
}

pub fn jwks_request(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.alone("authgear_jwks_file", &level.jwks_file)?;
    read.one(&mut level.jwks_request, value::request_uri)
}

pub fn jwks_file(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.alone("authgear_jwks_request", &level.jwks_request)?;
    read.one(&mut level.jwks_file, |word| key_file(word, read))
}

pub fn jwks_times(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.all(&mut level.jwks_times, |words| {
        let (valid, [stale, refetch]) = times(words, &["stale", "refetch"])?;
        Ok(JwksTimes {
            valid,
            stale: stale.unwrap_or(JWKS_TIMES.stale),
            refetch: refetch.unwrap_or(JWKS_TIMES.refetch),
        })
    })
}

pub fn cookie_prefix(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.cookie_prefix, value::cookie_prefix)
}

pub fn resolver_limit(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.resolver_limit, value::count)
}

pub fn trust_request_headers(level: &mut ServerSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.trust_request_headers, value::flag)
}

pub fn resolve(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.resolve, value::resolve)
}

pub fn phase(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.phase, value::phase)
}

pub fn audiences(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.each(&mut level.audiences, |word| match word {
        "" => Err(Problem::Empty),
        word => Ok(word.to_owned()),
    })
}

pub fn credentials(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.all(&mut level.credentials, |words| {
        let mut seen = HashSet::new();
        if let Some(twice) = words.iter().find(|word| !seen.insert(**word)) {
            return Err(of_word(twice, Problem::Twice));
        }
        Allowed::from_names(words.iter().copied())
            .map_err(|unknown| of_word(&unknown.0, Problem::NotACredential))
    })
}

pub fn token(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.token, |word| {
        let name = value::token_variable(word)?;
        let variable = read.statement.variable(&name)?;
        Ok(TokenVariable { name, variable })
    })
}

pub fn leeway(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.leeway, |word| match value::seconds(word)? {
        seconds @ 0..=LONGEST_LEEWAY => Ok(seconds),
        _ => Err(Problem::LeewayTooLong),
    })?;
    // A session's end is told by its tokens' end where nobody is asked.
    if let Some(Setting { value: seconds, .. }) = level.leeway.as_deref() {
        if *seconds > LONG_LEEWAY {
            let minutes = seconds.div_ceil(60);
            read.warn(&Warning::LongLeeway { minutes });
        }
    }
    Ok(())
}

pub fn revalidate(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.all(&mut level.revalidate, revalidation)
}

pub fn cache(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.all(&mut level.cache, |words| {
        if let ["off"] = words {
            return Ok(Switch::Off);
        }
        let (valid, [invalid]) = times(words, &["invalid"])?;
        Ok(Switch::On(Cache { valid, invalid }))
    })
}

pub fn stale_if_error(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.stale_if_error, |word| value::switch(word, value::time))
}

pub fn unavailable(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.unavailable, value::unavailable)
}

pub fn pass_set_cookie(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.pass_set_cookie, value::flag)
}

pub fn log_level(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.log_level, value::log_level)
}

pub fn require(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.all(&mut level.require, |words| {
        let wrong = |problem| of_word(&words.join(" "), problem);
        let parsed = Requirements::parse(words.iter().copied(), parse::seconds);
        let parsed = parsed.map_err(|error| wrong(Problem::Requirement(error)))?;
        let Some(requirements) = parsed else {
            return Ok(None);
        };
        if let Some(problem) = requirements.variables().find_map(value::never_no) {
            return Err(wrong(problem));
        }
        let variables = requirements.variables();
        let variables: Result<_, _> = variables.map(|name| read.statement.variable(name)).collect();
        let variables = variables.map_err(|OutOfMemory| wrong(Problem::OutOfMemory))?;
        Ok(Some(Rc::new(Require {
            requirements,
            variables,
        })))
    })
}

pub fn resource_metadata(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.resource_metadata, |word| {
        ResourceMetadata::parse(word).map_err(Problem::ResourceMetadata)
    })
}

pub fn preflight(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.preflight, value::flag)
}

pub fn dry_run(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.one(&mut level.dry_run, value::flag)
}

pub fn metrics(level: &mut LocationSettings, read: &Read<'_>) -> Outcome {
    read.all(&mut level.metrics, |_| Ok(()))
}

impl Read<'_> {
    /// A directive with one argument.
    fn one<T>(&self, setting: &mut Inherited<T>, value: impl FnOnce(&str) -> Result<T, Problem>) -> Outcome {
        self.all(setting, |words| {
            let word = words.first().copied().unwrap_or_default();
            value(word).map_err(|problem| of_word(word, problem))
        })
    }

    /// A directive whose arguments are alike.
    fn each<T>(
        &self,
        setting: &mut Inherited<Vec<T>>,
        value: impl Fn(&str) -> Result<T, Problem>,
    ) -> Outcome {
        self.all(setting, |words| {
            let values = words.iter();
            let values = values.map(|word| value(word).map_err(|problem| of_word(word, problem)));
            values.collect()
        })
    }

    /// A directive that reads all its arguments at once.
    fn all<T>(&self, setting: &mut Inherited<T>, value: impl FnOnce(&[&str]) -> Result<T, Why>) -> Outcome {
        if setting.is_some() {
            return Err(self.refusal(Why::Duplicate));
        }
        let words = self.statement.arguments();
        let words = words.map_err(|word| of_word(&word, Problem::NotUtf8));
        let value = words.and_then(|words| value(&words));
        *setting = Some(Rc::new(Setting {
            value: value.map_err(|why| self.refusal(why))?,
            position: self.statement.position(),
        }));
        Ok(())
    }

    /// Keys come from one place at each level.
    fn alone<T>(&self, other: &'static str, setting: &Inherited<T>) -> Outcome {
        match setting.as_deref() {
            None => Ok(()),
            Some(Setting { position, .. }) => Err(self.refusal(Why::Beside {
                other,
                position: position.clone(),
            })),
        }
    }

    fn refusal(&self, why: Why) -> Refusal {
        Refusal {
            directive: self.directive,
            why,
        }
    }

    fn warn(&self, warning: &Warning) {
        self.statement.say(Severity::Warning, warning);
    }
}

fn of_word(word: &str, problem: Problem) -> Why {
    Why::Word {
        word: word.to_owned(),
        problem,
    }
}

fn revalidation(words: &[&str]) -> Result<Revalidation, Why> {
    if let ["off"] = words {
        return Ok(Switch::Off);
    }
    let (interval, [max]) = times(words, &["max"])?;
    let wrong = |problem| Err(of_word(&words.join(" "), problem));
    if interval == 0 {
        return wrong(Problem::NoInterval);
    }
    let max = max.unwrap_or_else(|| interval.saturating_mul(MAX_INTERVALS));
    if max < interval {
        return wrong(Problem::MaxBelowInterval);
    }
    Ok(Switch::On(Revalidate { interval, max }))
}

/// A variable that is none of `known`, and names of claims.
fn claim_variable(words: &[&str], known: &[&str]) -> Result<ClaimVariable, Why> {
    let (variable, path) = words.split_first().unwrap_or((&"", &[]));
    let name = value::new_variable(variable).map_err(|problem| of_word(variable, problem))?;
    if known.contains(&name.as_str()) {
        return Err(of_word(variable, Problem::Twice));
    }
    if path.contains(&"") {
        return Err(of_word("", Problem::Empty));
    }
    let path = path.iter().map(|&name| name.to_owned()).collect();
    Ok(ClaimVariable { name, path })
}

/// `TIME` and parameters `NAME=TIME`, each of them once.
fn times<const N: usize>(
    words: &[&str],
    names: &'static [&'static str; N],
) -> Result<(Millis, [Option<Millis>; N]), Why> {
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
                return Err(Problem::NotTimes(names));
            }
            first = Some(value::time(word)?);
            Ok(())
        };
        read().map_err(|problem| of_word(word, problem))?;
    }
    let first = first.ok_or_else(|| of_word(&words.join(" "), Problem::NoFirstTime))?;
    Ok((first, others))
}

fn zone_spec(word: &str) -> Result<ZoneSpec, Problem> {
    let spec = word.strip_prefix("zone=").and_then(|spec| spec.rsplit_once(':'));
    let (name, size) = spec
        .filter(|(name, _)| !name.is_empty())
        .ok_or(Problem::NotAZone)?;
    Ok(ZoneSpec {
        name: name.to_owned(),
        size: parse::size(size).ok_or(Problem::NotASize)?,
    })
}

fn key_file(word: &str, read: &Read<'_>) -> Result<KeySource, Problem> {
    let path = read.statement.conf_path(word)?;
    let bytes = bytes_of(&path).map_err(Problem::File)?;
    let parsed = KeySet::parse(&bytes).map_err(Problem::Jwks)?;
    if parsed.beyond > 0 {
        read.warn(&Warning::KeysBeyond { count: parsed.beyond });
    }
    Ok(KeySource::File {
        set: Rc::new(parsed.set),
        id: digest::of(&bytes),
    })
}

/// A file, but never more of it than a key set may be long, and one byte.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_DOCUMENT).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

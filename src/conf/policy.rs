//! What one location comes to: who judges there, how fresh a verdict has to be, and what follows from it.

use authgear_core::credential::Allowed;
use authgear_core::freshness::{Revalidate, Rules};
use authgear_core::policy::{Mode, Policy};

use super::complete::Fault;
use super::written::{value, LocationWritten};
use super::{Location, LogLevel, Resolve, Revalidation, Site, Switch, Unavailable};
use crate::digest::{Digest, Parts};

// What holds where nothing is written. Audiences are then the endpoint, credentials all that there are, the rest nothing.
const RESOLVE: Resolve = Resolve::Off;
pub const LEEWAY: u64 = 0;
/// `max` of `authgear_revalidate` is so many times its interval unless it says otherwise.
pub const MAX_INTERVALS: u64 = 5;
const REVALIDATION: Revalidation = Switch::On(Revalidate {
    interval: 60_000,
    max: 60_000 * MAX_INTERVALS,
});
const UNAVAILABLE: Unavailable = Unavailable::Status(503);
const LOG_LEVEL: LogLevel = LogLevel::Notice;

/// What a location comes to that belongs to this site, if it belongs to any.
pub fn location(written: &LocationWritten, site: Option<&Site>) -> Location {
    let resolve = value(&written.resolve).copied().unwrap_or(RESOLVE);
    let policy = site.and_then(|site| policy(written, site, resolve));
    let policy_digest = match (site, &policy) {
        (Some(site), Some(policy)) => policy_digest(site, policy),
        (None, _) | (_, None) => [0; 32],
    };
    Location {
        written: written.resolve.is_some(),
        policy,
        policy_digest,
        rules: rules(written, resolve),
        cache: value(&written.cache).copied().and_then(Switch::value),
        unavailable: value(&written.unavailable).copied().unwrap_or(UNAVAILABLE),
        pass_set_cookie: value(&written.pass_set_cookie).copied().unwrap_or(false),
        log_level: value(&written.log_level).copied().unwrap_or(LOG_LEVEL),
    }
}

/// How fresh a token has to be. Where nobody can be asked, nobody is.
fn rules(written: &LocationWritten, resolve: Resolve) -> Rules {
    let revalidate = value(&written.revalidate).copied().unwrap_or(REVALIDATION);
    let stale = value(&written.stale_if_error).copied().and_then(Switch::value);
    Rules {
        asks: matches!(resolve, Resolve::On | Resolve::Remote),
        revalidate: revalidate.value(),
        stale_if_error: stale.unwrap_or(0),
        leeway: value(&written.leeway).copied().unwrap_or(LEEWAY),
    }
}

/// A time to ask again is no good where nobody is asked.
pub fn check_revalidation(written: &LocationWritten) -> Result<(), Fault> {
    let (Some(resolve), Some(revalidate)) = (&written.resolve, &written.revalidate) else {
        return Ok(());
    };
    let is_asked_for = matches!(revalidate.value, Switch::On(_)) && !written.revalidate_is_outer;
    if resolve.value != Resolve::Local || !is_asked_for {
        return Ok(());
    }
    Err(format!(
        "\"authgear_revalidate\" asks the resolver, but \"authgear_resolve local\" at {} never does: write \"authgear_revalidate off\" or leave it out in {}",
        resolve.place, revalidate.place
    ))
}

fn policy(written: &LocationWritten, site: &Site, resolve: Resolve) -> Option<Policy> {
    let mode = match resolve {
        Resolve::Off => return None,
        Resolve::On => Mode::On,
        Resolve::Local => Mode::Local,
        Resolve::Remote => Mode::Remote,
    };
    Some(Policy {
        mode,
        issuers: site.issuers.clone(),
        audiences: value(&written.audiences)
            .cloned()
            .unwrap_or_else(|| vec![site.endpoint.as_str().to_owned()]),
        leeway: value(&written.leeway).copied().unwrap_or(LEEWAY),
        allowed: value(&written.credentials).copied().unwrap_or(Allowed::ALL),
        cookie_prefix: site.cookie_prefix.clone(),
    })
}

fn policy_digest(site: &Site, policy: &Policy) -> Digest {
    let mode: &[u8] = match policy.mode {
        Mode::On => b"on",
        Mode::Local => b"local",
        Mode::Remote => b"remote",
    };
    Parts::new("policy")
        .part(site.endpoint.as_str().as_bytes())
        .part(&site.key_set_id)
        .part(mode)
        .list(policy.issuers.iter().map(String::as_bytes))
        .list(policy.audiences.iter().map(String::as_bytes))
        .part(&policy.leeway.to_be_bytes())
        .part(policy.cookie_prefix.as_bytes())
        .part(site.resolve_request.as_bytes())
        .part(&site.resolver_server_digest)
        .part(&[policy.allowed.bits()])
        .finish()
}

//! What one location comes to: who judges there, how fresh a verdict has to be, and what follows from it.

use std::rc::Rc;

use authgear_core::credential::Allowed;
use authgear_core::freshness::Rules;
use authgear_core::policy::{Mode, Policy};

use super::defaults::{LEEWAY, LOG_LEVEL, PHASE, RESOLVE, REVALIDATION, UNAVAILABLE};
use super::error::Fault;
use super::settings::{value, LocationSettings};
use super::{Location, Require, Resolve, Site, Switch};
use crate::digest::{Digest, Parts};

/// What a location comes to that belongs to this site, if it belongs to any.
pub fn location(settings: &LocationSettings, site: Option<&Site>) -> Location {
    let resolve = resolve(settings);
    let policy = site.and_then(|site| policy(settings, site, resolve));
    let policy_digest = match (site, &policy) {
        (Some(site), Some(policy)) => policy_digest(site, policy),
        (None, _) | (_, None) => [0; 32],
    };
    Location {
        written: settings.resolve.is_some(),
        policy,
        phase: value(&settings.phase).copied().unwrap_or(PHASE),
        token: value(&settings.token).map(|token| token.variable),
        policy_digest,
        rules: rules(settings, resolve),
        cache: value(&settings.cache).copied().and_then(Switch::value),
        unavailable: value(&settings.unavailable).copied().unwrap_or(UNAVAILABLE),
        pass_set_cookie: value(&settings.pass_set_cookie).copied().unwrap_or(false),
        log_level: value(&settings.log_level).copied().unwrap_or(LOG_LEVEL),
        require: require(settings).cloned(),
        resource_metadata: value(&settings.resource_metadata).cloned(),
        preflight: value(&settings.preflight).copied().unwrap_or(false),
        dry_run: value(&settings.dry_run).copied().unwrap_or(false),
    }
}

/// Who judges in a location: nobody where metrics are told, whatever holds around it.
fn resolve(settings: &LocationSettings) -> Resolve {
    match settings.metrics {
        Some(_) => Resolve::Off,
        None => value(&settings.resolve).copied().unwrap_or(RESOLVE),
    }
}

/// How fresh a token has to be. Where nobody can be asked, nobody is.
fn rules(settings: &LocationSettings, resolve: Resolve) -> Rules {
    let revalidate = value(&settings.revalidate).copied().unwrap_or(REVALIDATION);
    let stale = value(&settings.stale_if_error).copied().and_then(Switch::value);
    Rules {
        asks: matches!(resolve, Resolve::On | Resolve::Remote),
        revalidate: revalidate.value(),
        stale_if_error: stale.unwrap_or(0),
        leeway: value(&settings.leeway).copied().unwrap_or(LEEWAY),
    }
}

/// What is required in a location; `None`: nothing.
fn require(settings: &LocationSettings) -> Option<&Rc<Require>> {
    value(&settings.require)?.as_ref()
}

/// A time to ask again is no good where nobody is asked.
pub fn check_revalidation(settings: &LocationSettings) -> Result<(), Fault> {
    let (Some(resolve), Some(revalidate)) = (&settings.resolve, &settings.revalidate) else {
        return Ok(());
    };
    let is_asked_for = matches!(revalidate.value, Switch::On(_)) && !settings.revalidate_is_outer;
    if resolve.value != Resolve::Local || !is_asked_for {
        return Ok(());
    }
    Err(Fault::RevalidatesLocally {
        resolve: resolve.position.clone(),
        revalidate: revalidate.position.clone(),
    })
}

fn policy(settings: &LocationSettings, site: &Site, resolve: Resolve) -> Option<Policy> {
    let mode = match resolve {
        Resolve::Off => return None,
        Resolve::On => Mode::On,
        Resolve::Local => Mode::Local,
        Resolve::Remote => Mode::Remote,
    };
    Some(Policy {
        mode,
        issuers: site.issuers.clone(),
        audiences: value(&settings.audiences)
            .cloned()
            .unwrap_or_else(|| vec![site.endpoint.as_str().to_owned()]),
        leeway: value(&settings.leeway).copied().unwrap_or(LEEWAY),
        allowed: value(&settings.credentials).copied().unwrap_or(Allowed::ALL),
        cookie_prefix: site.cookie_prefix.clone(),
        machines: require(settings).is_some_and(|require| require.requirements.admit_machines()),
    })
}

fn policy_digest(site: &Site, policy: &Policy) -> Digest {
    // All of it: what a verdict depends on is part of where it is remembered.
    let Policy {
        mode,
        issuers,
        audiences,
        leeway,
        allowed,
        cookie_prefix,
        machines,
    } = policy;
    let mode: &[u8] = match mode {
        Mode::On => b"on",
        Mode::Local => b"local",
        Mode::Remote => b"remote",
    };
    Parts::new("policy")
        .part(site.endpoint.as_str().as_bytes())
        .part(&site.key_set_id)
        .part(mode)
        .list(issuers.iter().map(String::as_bytes))
        .list(audiences.iter().map(String::as_bytes))
        .part(&leeway.to_be_bytes())
        .part(cookie_prefix.as_bytes())
        .part(site.resolve_request.as_bytes())
        .part(&site.resolver_server_digest)
        .part(&[allowed.bits(), u8::from(*machines)])
        .finish()
}

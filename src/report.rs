//! What is said about a credential that was refused, and about a verdict that could not be had: the lines in
//! the error log.
//!
//! At most a few lines a second for each reason: a client can't fill a log.

use std::cell::RefCell;
use std::collections::HashMap;

use authgear_core::freshness::TokenAnswer;
use authgear_core::policy::Policy;
use authgear_core::require::Denial;
use authgear_core::verdict::{Reason, Why};
use authgear_core::verify::TokenSummary;

use crate::conf::{Location, LogLevel, Site};
use nginx::clock;
use nginx::log::{self, Level};
use nginx::request::Request;
use nginx::request_log;

/// Lines of one reason in one second; those beyond are counted and told with the next line.
const LINES_A_SECOND: u32 = 10;

/// The reason of [`log_two_authorizations`].
pub const TWO_AUTHORIZATIONS: &str = "two_authorizations";

/// A credential was refused.
pub fn log_invalid(
    request: Request<'_>,
    level: LogLevel,
    reason: Reason,
    seen: Option<&TokenSummary>,
    policy: &Policy,
) {
    let Some(skipped) = allowance(reason.as_str()) else {
        return;
    };
    let mut line = format!("authgear: credential refused: {}", reason.as_str());
    if let Some(seen) = seen {
        line.push_str(&format!(
            "; token has iss \"{}\" aud \"{}\" typ \"{}\" kid \"{}\"; expected iss \"{}\" aud \"{}\"",
            log::escape(seen.iss.as_bytes()),
            log::escape(seen.aud.as_bytes()),
            log::escape(seen.typ.as_bytes()),
            log::escape(seen.kid.as_bytes()),
            policy.issuers.join(" "),
            policy.audiences.join(" "),
        ));
    }
    write(request, level.into(), line, skipped);
}

/// Who is calling may not enter, or may only since it is a dry run.
pub fn log_denied(request: Request<'_>, location: &Location, denial: Denial) {
    let Some(skipped) = allowance(denial.as_str()) else {
        return;
    };
    let what = match location.dry_run {
        true => "authgear: access would be refused (dry run): ",
        false => "authgear: access refused: ",
    };
    let line = format!("{what}{}", denial.as_str());
    write(request, location.log_level.into(), line, skipped);
}

/// A request has two `Authorization` headers.
pub fn log_two_authorizations(request: Request<'_>, level: LogLevel) {
    let Some(skipped) = allowance(TWO_AUTHORIZATIONS) else {
        return;
    };
    let line = "authgear: request refused: more than one Authorization header".to_owned();
    write(request, level.into(), line, skipped);
}

/// nginx knows nothing of the request's location.
pub fn log_incomplete(request: Request<'_>) {
    let Some(skipped) = allowance("incomplete") else {
        return;
    };
    let line = "authgear: request refused: another module made its location while nginx ran, and authgear_resolve is on there".to_owned();
    write(request, Level::Error, line, skipped);
}

/// No verdict could be had.
pub fn log_unknown(request: Request<'_>, site: &Site, why: &Why) {
    let Some(skipped) = allowance(why.as_str()) else {
        return;
    };
    let line = format!(
        "authgear: no verdict could be had: {} (endpoint {}, asked at {}){}",
        why.as_str(),
        site.endpoint.as_str(),
        site.resolve_request,
        hint(why)
    );
    write(request, Level::Error, line, skipped);
}

/// What is commonly behind it, where its name does not tell.
fn hint(why: &Why) -> &'static str {
    if *why != Why::NotAuthgears {
        return "";
    }
    ": this nginx answered there itself: look for return, rewrite, try_files, limit_req, error_page, proxy_cache, X-Accel-Redirect and a missing proxy_pass"
}

/// What the resolver said of a token, where somebody has to look at it.
pub fn log_token_answer(site: &Site, token_answer: &TokenAnswer) {
    let origin = site.endpoint.as_str();
    let (reason, line) = match token_answer {
        TokenAnswer::Unproven => (
            "unproven",
            format!(
                "authgear: the resolver of {origin} answered a good token with no headers, and has said yes to none under this configuration: look at Host and X-Forwarded-Proto in the location \"{}\"",
                site.resolve_request
            ),
        ),
        TokenAnswer::AnotherUser => (
            "another_user",
            format!("authgear: the resolver of {origin} answered a token of one user with another user: the token counts as ended"),
        ),
        TokenAnswer::Yes(_) | TokenAnswer::No(_) | TokenAnswer::Unknown(_) => return,
    };
    log_fault(reason, line);
}

/// A made-up cookie was answered with nothing, by a resolver that says yes to others.
pub fn log_silence(site: &Site) {
    let line = format!(
        "authgear: the resolver of {} answered a made-up cookie \"{}session\" with no headers: its database fails half-way, or authgear_cookie_prefix is not the project's http.cookie_prefix",
        site.endpoint.as_str(),
        site.cookie_prefix
    );
    log_fault("silence", line);
}

fn log_fault(reason: &'static str, line: String) {
    if let Some(skipped) = allowance(reason) {
        log::process(Level::Error, &with_skipped(line, skipped));
    }
}

fn write(request: Request<'_>, level: Level, line: String, skipped: u32) {
    request_log::write(request, level, &with_skipped(line, skipped));
}

fn with_skipped(line: String, skipped: u32) -> String {
    if skipped == 0 {
        return line;
    }
    format!("{line} ({skipped} more such lines left out)")
}

#[derive(Default)]
struct Tally {
    second: u64,
    lines: u32,
    skipped: u32,
}

thread_local! {
    static TALLIES: RefCell<HashMap<&'static str, Tally>> = RefCell::new(HashMap::new());
}

/// Whether one more line of this reason may be written now, and how many were left out since the last.
fn allowance(reason: &'static str) -> Option<u32> {
    TALLIES.with_borrow_mut(|tallies| {
        let tally = tallies.entry(reason).or_default();
        let now = clock::unix();
        if tally.second != now {
            tally.second = now;
            tally.lines = 0;
        }
        if tally.lines >= LINES_A_SECOND {
            tally.skipped = tally.skipped.saturating_add(1);
            return None;
        }
        tally.lines = tally.lines.saturating_add(1);
        Some(std::mem::take(&mut tally.skipped))
    })
}

//! The pages that a browser meets: signing in and signing out, each a button.
//!
//! Enters: a request for one of them. Leaves: a page, or a redirect with the session cookie. Always holds: a
//! browser is sent only to a place that the command line registered.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use crate::cookies;
use crate::fail::Fail;
use crate::random;
use crate::resolver::set_session;
use crate::sessions::{Change, Grant, Kind};
use crate::wire::{Answer, Request};
use crate::world::{now, now_exact, World};

const SIGN_IN: &str = "<!doctype html><title>Sign in</title><h1>A stand-in for Authgear</h1>\
    <form method=\"post\"><button id=\"sign-in\">Sign in</button></form>\n";
const SIGN_OUT: &str = "<!doctype html><title>Sign out</title><h1>A stand-in for Authgear</h1>\
    <form method=\"post\"><button id=\"sign-out\">Sign out</button></form>\n";

/// The two pages.
#[derive(Clone, Copy)]
pub enum Page {
    Authorize,
    EndSession,
}

/// A request's parameters, decoded; the last of a name counts.
struct Parameters(HashMap<String, String>);

impl Parameters {
    fn of(request: &Request) -> Self {
        let path = String::from_utf8_lossy(&request.path);
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let decoded = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
        )
    }

    fn value(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn has_word(&self, name: &str, word: &str) -> bool {
        self.value(name).split(' ').any(|have| have == word)
    }

    /// The redirect URI of that name, if it is registered.
    fn place<'w>(&self, name: &str, world: &'w World) -> Option<&'w str> {
        let known = world.policy.redirect_uris.iter();
        known.map(String::as_str).find(|known| *known == self.value(name))
    }
}

fn page(text: &str) -> Answer {
    Answer::body(200, "text/html; charset=utf-8", text)
}

fn refused(why: &str) -> Answer {
    Answer::body(400, "text/plain; charset=utf-8", why)
}

fn redirect(place: &str) -> Answer {
    Answer::status(302).with("Location", place)
}

fn session(request: &Request, world: &World) -> Option<String> {
    let lines = request.headers.iter().filter(|(name, _)| name == b"cookie");
    let name = format!("{}session", world.policy.cookie_prefix);
    cookies::first(lines.map(|(_, value)| value.as_slice()), &name).map(str::to_owned)
}

fn is_signed_in(request: &Request, world: &World) -> bool {
    let Some(value) = session(request, world) else {
        return false;
    };
    let sessions = world.sessions();
    let found = sessions.find(Kind::Session, &value);
    found.is_some_and(|(grant, _)| grant.holds(now_exact()))
}

/// The answer to a request for a page.
pub fn answer(request: &Request, page: Page, world: &World) -> Answer {
    let parameters = Parameters::of(request);
    let is_sent = request.method == b"POST";
    match page {
        Page::Authorize => authorize(request, &parameters, is_sent, world),
        Page::EndSession => end_session(request, &parameters, is_sent, world),
    }
}

fn authorize(request: &Request, parameters: &Parameters, is_sent: bool, world: &World) -> Answer {
    let Some(place) = parameters.place("redirect_uri", world) else {
        return refused("invalid_request: this redirect_uri is not registered\n");
    };
    if parameters.value("client_id").is_empty() || parameters.value("response_type") != "none" {
        return refused("invalid_request: client_id, and response_type=none\n");
    }
    if !parameters.has_word("scope", "openid") {
        return redirect(&format!("{place}?error=invalid_scope"));
    }
    if is_sent {
        return sign_in(request, place, world).unwrap_or_else(|fail| refused(&fail.error));
    }
    match is_signed_in(request, world) && !parameters.has_word("prompt", "login") {
        true => redirect(place),
        false if parameters.has_word("prompt", "none") => redirect(&format!("{place}?error=login_required")),
        false => page(SIGN_IN),
    }
}

/// A new user's session.
fn sign_in(request: &Request, place: &str, world: &World) -> Result<Answer, Fail> {
    let value = random::session()?;
    let mut sessions = world.sessions_mut();
    let user = sessions.add(random::uuid()?, Change::default())?;
    let grant = Grant::new(user.id, Some(now()));
    sessions.give(Kind::Session, value.clone(), grant)?;
    let cookie = set_session(&value, proto(request), &world.policy);
    Ok(redirect(place).with("Set-Cookie", cookie))
}

fn end_session(request: &Request, parameters: &Parameters, is_sent: bool, world: &World) -> Answer {
    if !is_sent {
        return page(SIGN_OUT);
    }
    if let Some(value) = session(request, world) {
        // Who has none any more is signed out all the same.
        drop(world.sessions_mut().end(&value));
    }
    parameters
        .place("post_logout_redirect_uri", world)
        .map_or_else(|| page("<!doctype html><p>Signed out\n"), redirect)
        .with("Set-Cookie", set_session("", proto(request), &world.policy))
}

fn proto(request: &Request) -> &[u8] {
    request.header("x-forwarded-proto").unwrap_or(b"http")
}

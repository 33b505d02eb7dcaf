//! `$authgear_...`: their names, and what they say of a request.

use std::borrow::Cow;

use authgear_core::session::Name;
use nginx::request::Request;

use crate::access::Inspection;
use crate::conf::{self, Site};

/// Where a variable has its value from.
#[derive(Clone, Copy)]
pub enum Variable {
    /// The request's server.
    Site(fn(&Site) -> &str),
    /// One of few words.
    Word(fn(Inspection<'_>) -> Option<&'static str>),
    /// What this request alone has.
    Text(fn(Inspection<'_>) -> Option<String>),
    /// A line of the session, by its place among [`Name::KNOWN`].
    SessionLine(u8),
}

/// All of them, by their names without the `$`.
pub const ALL: [(&str, Variable); 20] = [
    site("authgear_endpoint", |site| site.endpoint.as_str()),
    site("authgear_endpoint_host", |site| site.endpoint.host()),
    site("authgear_endpoint_scheme", |site| site.endpoint.scheme().as_str()),
    word("authgear_session_valid", |seen| seen.session_valid()),
    session_line("authgear_user_id", 0),
    session_line("authgear_user_anonymous", 1),
    session_line("authgear_user_verified", 2),
    session_line("authgear_user_can_reauthenticate", 3),
    session_line("authgear_user_roles", 4),
    session_line("authgear_session_amr", 5),
    session_line("authgear_session_acr", 6),
    session_line("authgear_session_authenticated_at", 7),
    text("authgear_client_id", |seen| seen.client_id()),
    text("authgear_scope", |seen| seen.scope()),
    word("authgear_credential", |seen| seen.credential()),
    text("authgear_kid", |seen| seen.kid()),
    word("authgear_source", |seen| seen.source()),
    word("authgear_result", |seen| seen.result()),
    word("authgear_reason", |seen| seen.reason()),
    text("authgear_time", |seen| seen.time()),
];

/// How the names of those begin that are a claim each.
pub const CLAIM: &str = "authgear_claim_";

impl Variable {
    /// Its value; `None` where there is none.
    pub fn of(self, request: Request<'_>) -> Option<Cow<'_, str>> {
        let seen = || Inspection::of(request);
        match self {
            Self::Site(text) => Some(Cow::Borrowed(text(conf::site(request)?))),
            Self::Word(word) => word(seen()?).map(Cow::Borrowed),
            Self::Text(text) => text(seen()?).map(Cow::Owned),
            Self::SessionLine(place) => seen()?.session_line(place).map(Cow::Owned),
        }
    }
}

/// The value of a claim's variable, by what its name ends with.
pub fn claim<'r>(request: Request<'r>, name: &str) -> Option<Cow<'r, str>> {
    Inspection::of(request)?.claim([name]).map(Cow::Owned)
}

/// The value of a variable of `authgear_claim_set`, by its place in the configuration.
pub fn claim_set(request: Request<'_>, index: usize) -> Option<Cow<'_, str>> {
    let path = conf::claim_path(request, index)?;
    let path = path.iter().map(String::as_str);
    Inspection::of(request)?.claim(path).map(Cow::Owned)
}

const fn site(name: &'static str, text: fn(&Site) -> &str) -> (&'static str, Variable) {
    (name, Variable::Site(text))
}

const fn word(
    name: &'static str,
    word: fn(Inspection<'_>) -> Option<&'static str>,
) -> (&'static str, Variable) {
    (name, Variable::Word(word))
}

const fn text(name: &'static str, text: fn(Inspection<'_>) -> Option<String>) -> (&'static str, Variable) {
    (name, Variable::Text(text))
}

/// A line of the session has the name of its header, with other signs between the words.
const fn session_line(name: &'static str, place: u8) -> (&'static str, Variable) {
    let [user, anonymous, verified, can_reauthenticate, roles, amr, acr, authenticated_at] = Name::KNOWN;
    let header = match place {
        0 => user,
        1 => anonymous,
        2 => verified,
        3 => can_reauthenticate,
        4 => roles,
        5 => amr,
        6 => acr,
        _ => authenticated_at,
    };
    let (mut name_left, mut header_left) = (name.as_bytes(), header.as_bytes());
    // Past "x-".
    if let [b'x', b'-', rest @ ..] = header_left {
        header_left = rest;
    }
    while let ([byte, name_rest @ ..], [other, header_rest @ ..]) = (name_left, header_left) {
        assert!(
            *byte == *other || (*byte == b'_' && *other == b'-'),
            "the header's name"
        );
        (name_left, header_left) = (name_rest, header_rest);
    }
    assert!(
        name_left.is_empty() && header_left.is_empty(),
        "the header's name"
    );
    (name, Variable::SessionLine(place))
}

//! Headers and cookies into the ordered credentials of a request.
//!
//! The order and the reading are the server's own (its `net/http` cookies among them), save that a cookie
//! whose value RFC 6265 does not allow is refused instead of skipped. The order is fixed: bearer token,
//! `app_session`, `app_access_token`, `session`. A bearer token that came elsewhere than in `Authorization`
//! goes before all of them.

use std::borrow::Cow;
use std::fmt;

use cookie::Cookie;

use crate::header_text::printable;
use crate::jws::{Candidate, Form};

/// Where a credential stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `Authorization: Bearer ...` (RFC 6750), or a token from elsewhere.
    Bearer,
    /// The cookie `app_session`.
    AppSession,
    /// The cookie `app_access_token`.
    AppAccessToken,
    /// The cookie `session`.
    Session,
}

/// Which kinds count where a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Allowed(u8);

/// A name that is none of a credential's kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCredential(pub String);

/// One credential of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential<'h> {
    /// Where it stands.
    pub kind: Kind,
    /// What it holds.
    pub value: Value<'h>,
}

/// What a credential holds. Its `Debug` keeps the secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'h> {
    /// What may be a token that can be judged here: it begins as one does.
    Candidate(Candidate<'h>),
    /// Known to the server alone.
    Remote(Cow<'h, str>),
    /// Bytes that no credential has; never sent on.
    Malformed,
}

/// A request's credentials, in order; at most one of each kind, but for a second bearer token behind one that
/// came from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'h> {
    list: [Option<Credential<'h>>; Kind::ALL.len() + 1],
}

impl Kind {
    /// All of them, in the order in which the server looks.
    pub const ALL: [Self; 4] = [
        Self::Bearer,
        Self::AppSession,
        Self::AppAccessToken,
        Self::Session,
    ];

    /// The word in `authgear_credentials`; of all but the bearer token also the cookie's name, after the
    /// prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::AppSession => "app_session",
            Self::AppAccessToken => "app_access_token",
            Self::Session => "session",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Bearer => 1,
            Self::AppSession => 2,
            Self::AppAccessToken => 4,
            Self::Session => 8,
        }
    }
}

impl Allowed {
    /// Every kind.
    pub const ALL: Self = {
        let (mut bits, mut rest): (u8, &[Kind]) = (0, &Kind::ALL);
        while let [kind, others @ ..] = rest {
            assert!(bits & kind.bit() == 0, "a bit of its own");
            (bits, rest) = (bits | kind.bit(), others);
        }
        Self(bits)
    };

    /// The kinds of these names.
    ///
    /// # Errors
    /// With the first name that is none.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, UnknownCredential> {
        let mut bits = 0;
        for name in names {
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| kind.name() == name)
                .ok_or_else(|| UnknownCredential(name.to_owned()))?;
            bits |= kind.bit();
        }
        Ok(Self(bits))
    }

    /// Whether this kind counts.
    #[must_use]
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// One bit a kind, for a digest.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidate(_) => "Candidate(..)",
            Self::Remote(_) => "Remote(..)",
            Self::Malformed => "Malformed",
        })
    }
}

impl<'h> Value<'h> {
    /// What a credential of this kind holds in these bytes.
    fn of(kind: Kind, bytes: &'h [u8]) -> Self {
        let may_be_token = matches!(kind, Kind::Bearer | Kind::AppAccessToken);
        match Candidate::of(bytes).filter(|_| may_be_token) {
            Some(candidate) => Self::Candidate(candidate),
            None => printable(bytes).map_or(Self::Malformed, |text| Self::Remote(Cow::Borrowed(text))),
        }
    }

    fn into_owned(self) -> Value<'static> {
        match self {
            Self::Candidate(candidate) => Value::Candidate(candidate.into_owned()),
            Self::Remote(text) => Value::Remote(Cow::Owned(text.into_owned())),
            Self::Malformed => Value::Malformed,
        }
    }

    /// What it is, once somebody has to know.
    #[must_use]
    pub fn form(&self) -> Form<'_> {
        match self {
            Self::Candidate(candidate) => candidate.form(),
            Self::Remote(text) => Form::Other(text),
            Self::Malformed => Form::Malformed,
        }
    }

    /// What it holds, printable ASCII; `None` of what no credential has.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.form() {
            Form::Token(token) => Some(token.as_str()),
            Form::Other(text) => Some(text),
            Form::Malformed => None,
        }
    }
}

impl<'h> Credentials<'h> {
    /// Reads the `Authorization` value of a request without cookies. Allocates nothing.
    #[must_use]
    pub fn of_authorization(authorization: Option<&'h [u8]>, allowed: Allowed) -> Self {
        let authorization = authorization.filter(|_| allowed.contains(Kind::Bearer));
        Self {
            list: [authorization.and_then(bearer_token), None, None, None, None],
        }
    }

    /// Reads the `Authorization` value and the `Cookie` values of a request. Allocates nothing but for a
    /// cookie that is a credential.
    pub fn read(
        authorization: Option<&'h [u8]>,
        cookies: impl Iterator<Item = &'h [u8]>,
        prefix: &str,
        allowed: Allowed,
    ) -> Self {
        let Self { mut list } = Self::of_authorization(authorization, allowed);
        let ([_, others @ ..], [_, kinds @ ..]) = (&mut list, Kind::ALL);
        for pair in cookies.flat_map(|line| line.split(|&byte| byte == b';')) {
            let pair = trim_end(trim_start(pair));
            for (&kind, slot) in kinds.iter().zip(others.iter_mut()) {
                if let Some(rest) = rest_of(pair, prefix, kind) {
                    // The first of a name counts, whatever it holds.
                    if slot.is_none() && allowed.contains(kind) {
                        *slot = Some(Credential {
                            kind,
                            value: cookie_value(kind, rest),
                        });
                    }
                }
            }
        }
        // Those that are there, in order.
        list.sort_by_key(Option::is_none);
        Self { list }
    }

    /// The same behind a bearer token from elsewhere than `Authorization`; an empty one is none. Sent in both
    /// places it counts once.
    #[must_use]
    pub fn after(self, token: &'h [u8], allowed: Allowed) -> Self {
        let first = (!token.is_empty() && allowed.contains(Kind::Bearer)).then(|| bearer(token));
        let Self {
            list: [second, third, fourth, fifth, _],
        } = self;
        let list = match first {
            Some(first) if second.as_ref() != Some(&first) => [Some(first), second, third, fourth, fifth],
            Some(_) | None => [second, third, fourth, fifth, None],
        };
        Self { list }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.get(0).is_none()
    }

    /// The credential at a position of the order.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Credential<'h>> {
        self.list.get(at)?.as_ref()
    }

    /// The credentials from a position of the order on that the server can be asked about at once: of two
    /// bearer tokens it would see one.
    pub fn from(&self, at: usize) -> impl Iterator<Item = &Credential<'h>> {
        let others = self.list.iter().skip(at).flatten().enumerate();
        others
            .take_while(|(index, credential)| *index == 0 || credential.kind != Kind::Bearer)
            .map(|(_, credential)| credential)
    }
}

/// The scheme in any case, one space, and at least one byte.
fn bearer_token(header: &[u8]) -> Option<Credential<'_>> {
    const SCHEME: &[u8; 7] = b"bearer ";
    let (scheme, token) = header.split_first_chunk()?;
    if scheme.map(|byte| byte.to_ascii_lowercase()) != *SCHEME || token.is_empty() {
        return None;
    }
    let kind = Kind::Bearer;
    Some(Credential {
        kind,
        value: Value::of(kind, token),
    })
}

/// A token from elsewhere, held to RFC 6750's `b68token`: nothing is known of the syntax around it.
fn bearer(token: &[u8]) -> Credential<'_> {
    let kind = Kind::Bearer;
    let value = match is_b68token(token) {
        true => Value::of(kind, token),
        false => Value::Malformed,
    };
    Credential { kind, value }
}

/// RFC 6750, section 2.1.
fn is_b68token(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let (text, _) = bytes.split_at(bytes.len().saturating_sub(padding));
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte))
}

/// What follows the cookie's name in a pair, `=` included; `None` for another cookie. A pair without `=` is
/// the name alone.
fn rest_of<'p>(pair: &'p [u8], prefix: &str, kind: Kind) -> Option<&'p [u8]> {
    let rest = pair
        .strip_prefix(prefix.as_bytes())?
        .strip_prefix(kind.name().as_bytes())?;
    let after_name = trim_start(rest);
    (after_name.is_empty() || after_name.first() == Some(&b'=')).then_some(after_name)
}

/// Without the optional white space (RFC 9110, section 5.6.3) before it.
fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The value of a cookie, by the `cookie` crate where its bytes are text, and held to RFC 6265's
/// `cookie-octet`.
fn cookie_value(kind: Kind, rest: &[u8]) -> Value<'static> {
    let bytes = rest.strip_prefix(b"=").unwrap_or_default();
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Value::Malformed;
    };
    if text.is_empty() {
        return Value::Remote(Cow::Borrowed(""));
    }
    // Parsed with a name of one letter: white space before the value is then still there to be seen.
    match Cookie::parse(format!("v={text}")) {
        Ok(cookie)
            if cookie.value().len() == text.len() && cookie.value_trimmed().bytes().all(is_cookie_octet) =>
        {
            Value::of(kind, cookie.value_trimmed().as_bytes()).into_owned()
        }
        Ok(_) | Err(_) => Value::Malformed,
    }
}

/// RFC 6265, section 4.1.1.
fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

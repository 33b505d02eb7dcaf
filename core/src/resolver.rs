//! Questions to Authgear's resolver, and the strict reading of its answers.

use std::borrow::Cow;
use std::fmt;

use cookie::Cookie;

use crate::credential::{Credential, Kind};
use crate::ownership;
use crate::session::{is_plain, is_printable, Name, Session, USER_ID, VALID};

/// The most header lines of ours that an answer may have, and their bytes in all.
const MAX_LINES: usize = 64;
const MAX_BYTES: usize = 8 * 1024;

/// What the resolver is asked: the bytes of its two headers, made here and never the client's own. Its `Debug` keeps
/// the secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// `Authorization`
    pub authorization: Option<String>,
    /// `Cookie`
    pub cookie: Option<String>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |header: &Option<String>| header.as_ref().map(|_| "..");
        f.debug_struct("Question")
            .field("authorization", &part(&self.authorization))
            .field("cookie", &part(&self.cookie))
            .finish()
    }
}

/// An answer, whole, and the resolver's own.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// All headers, in order.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// Whether it came without a body.
    pub body_empty: bool,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A session.
    Valid(Session),
    /// The server said `false`.
    Invalid,
    /// The server said nothing: so it answers a credential that is revoked, expired or unknown.
    Silent,
    /// The server never says this.
    Unknown(UnknownAnswer),
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownAnswer {
    /// Not 200, and not the server's own failure.
    Status,
    /// 5xx: the server failed.
    ServerError,
    /// It has a body.
    Body,
    /// A header of ours stands twice, or they contradict each other.
    Contradiction,
    /// A header of ours has a name or a value that can't be handed on.
    BadHeader,
    /// More headers of ours than are handed on.
    TooLarge,
}

impl UnknownAnswer {
    /// As one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "resolver_status",
            Self::ServerError => "resolver_failed",
            Self::Body => "resolver_body",
            Self::Contradiction => "resolver_contradiction",
            Self::BadHeader => "resolver_bad_header",
            Self::TooLarge => "resolver_too_large",
        }
    }
}

impl Question {
    /// The question about these credentials, each once, those that no server could know left out. `None` when none is left.
    #[must_use]
    pub fn about<'c, 'h: 'c>(
        credentials: impl IntoIterator<Item = &'c Credential<'h>>,
        prefix: &str,
    ) -> Option<Self> {
        let mut authorization = None;
        let mut cookies = Vec::new();
        for credential in credentials {
            let Some(text) = credential.value.text() else {
                continue;
            };
            match credential.kind {
                Kind::Bearer => authorization = Some(format!("Bearer {text}")),
                kind @ (Kind::AppSession | Kind::AppAccessToken | Kind::Session) => {
                    cookies.push(format!("{prefix}{}={text}", kind.name()));
                }
            }
        }
        let cookie = (!cookies.is_empty()).then(|| cookies.join("; "));
        (authorization.is_some() || cookie.is_some()).then_some(Self {
            authorization,
            cookie,
        })
    }
}

impl Question {
    /// The question about a token alone, as the bearer.
    #[must_use]
    pub fn about_token(token: &str) -> Self {
        Self {
            authorization: Some(format!("Bearer {token}")),
            cookie: None,
        }
    }
}

/// Reads an answer. Valid and invalid are exactly what the server says so; everything else is unknown.
#[must_use]
pub fn read(answer: &Answer<'_>) -> Reading {
    match lines(answer) {
        Ok(lines) => judge(lines),
        Err(unknown) => Reading::Unknown(unknown),
    }
}

/// Whether a `Set-Cookie` of the resolver's may go on to a client: it names one of the project's own cookies, for its domain.
#[must_use]
pub fn keeps_set_cookie(value: &[u8], prefix: &str) -> bool {
    let Some(cookie) = std::str::from_utf8(value)
        .ok()
        .and_then(|text| Cookie::parse(text).ok())
    else {
        return false;
    };
    let safe = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let ours = cookie.name().strip_prefix(prefix).is_some_and(|name| {
        Kind::ALL
            .iter()
            .any(|kind| *kind != Kind::Bearer && kind.name() == name)
    });
    safe && ours && cookie.domain().is_some_and(|domain| !domain.is_empty())
}

/// The header lines of ours, names in lower case and each once, empty ones left out.
fn lines<'a>(answer: &Answer<'a>) -> Result<Vec<Line<'a>>, UnknownAnswer> {
    match answer.status {
        200 => {}
        500..=599 => return Err(UnknownAnswer::ServerError),
        _ => return Err(UnknownAnswer::Status),
    }
    if !answer.body_empty {
        return Err(UnknownAnswer::Body);
    }
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut bytes: usize = 0;
    for &(name, value) in answer.headers.iter().filter(|(name, _)| ownership::is_ours(name)) {
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        if lines.len() >= MAX_LINES || bytes > MAX_BYTES {
            return Err(UnknownAnswer::TooLarge);
        }
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            return Err(UnknownAnswer::BadHeader);
        };
        let is_known = name == VALID || matches!(Name::of(name), Name::Known(_));
        let name = if is_known || !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(name.to_ascii_lowercase())
        };
        if !(is_known || is_plain(&name)) || !is_printable(value.as_bytes()) {
            return Err(UnknownAnswer::BadHeader);
        }
        if lines.iter().any(|(known, _)| *known == name) {
            return Err(UnknownAnswer::Contradiction);
        }
        lines.push((name, value.trim_ascii()));
    }
    lines.retain(|(_, value)| !value.is_empty());
    Ok(lines)
}

/// A header line of ours: its name in lower case, and its value without white space around it.
type Line<'a> = (Cow<'a, str>, &'a str);

fn judge(mut lines: Vec<Line<'_>>) -> Reading {
    let mut take = |wanted: &str| {
        let at = lines.iter().position(|(name, _)| name == wanted)?;
        Some(lines.remove(at).1)
    };
    match (take(VALID), take(USER_ID)) {
        (None, None) if lines.is_empty() => Reading::Silent,
        (Some("false"), None) if lines.is_empty() => Reading::Invalid,
        (Some("true"), Some(user)) => {
            let others = lines.iter().map(|(name, value)| (name.as_ref(), *value));
            Session::from_lines(user, others)
                .map_or(Reading::Unknown(UnknownAnswer::BadHeader), Reading::Valid)
        }
        (Some(_) | None, _) => Reading::Unknown(UnknownAnswer::Contradiction),
    }
}

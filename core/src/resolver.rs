//! Questions to Authgear's resolver, and the strict reading of its answers.

use std::fmt;

use cookie::Cookie;

use crate::credential::{Credential, Kind};
use crate::header_text::{HeaderText, NotHeaderText};
use crate::made_up::{CookieChoice, MadeUp};
use crate::ownership::{is_canonical, is_ours};
use crate::session::{Name, Session, VALID};
use crate::verdict::UnknownAnswer;

/// The most header lines of ours that an answer may have, and their bytes in all.
const MAX_LINES: usize = 64;
const MAX_BYTES: usize = 8 * 1024;

/// What the resolver is asked: the bytes of its two headers, made here and never the client's own. Its
/// `Debug` keeps the secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// `Authorization`
    pub authorization: Option<String>,
    /// `Cookie`
    pub cookie: Option<String>,
    /// How it is sent first. A made-up cookie is no part of the question: it stands in none of the above.
    pub cookie_choice: CookieChoice,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |header: &Option<String>| header.as_ref().map(|_| "..");
        f.debug_struct("Question")
            .field("authorization", &part(&self.authorization))
            .field("cookie", &part(&self.cookie))
            .field("cookie_choice", &self.cookie_choice)
            .finish()
    }
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A session.
    Valid(Session),
    /// The server said `false`.
    Invalid,
    /// The server said nothing: to a credential that is revoked, expired or unknown, or because its database
    /// failed it half-way. Where a `session` cookie was in the question, it is the latter.
    Silent,
    /// The server never says this.
    Unknown(UnknownAnswer),
}

impl Question {
    /// The question about these credentials, each once, those that no server could know left out. `None` when
    /// none is left.
    #[must_use]
    pub fn about<'c, 'h: 'c>(
        credentials: impl IntoIterator<Item = &'c Credential<'h>>,
        prefix: &str,
    ) -> Option<Self> {
        let mut authorization = None;
        let mut cookies = Vec::new();
        let mut cookie_choice = CookieChoice::WithMadeUp;
        for credential in credentials {
            let Some(text) = credential.value.text() else {
                continue;
            };
            match credential.kind {
                Kind::Bearer => authorization = Some(["Bearer ", text].concat()),
                kind @ (Kind::AppSession | Kind::AppAccessToken | Kind::Session) => {
                    cookies.push([prefix, kind.name(), "=", text].concat());
                    if kind == Kind::Session {
                        cookie_choice = CookieChoice::AsItIs;
                    }
                }
            }
        }
        let cookie = (!cookies.is_empty()).then(|| cookies.join("; "));
        (authorization.is_some() || cookie.is_some()).then_some(Self {
            authorization,
            cookie,
            cookie_choice,
        })
    }

    /// The question about a token alone, as the bearer. Silence is no answer to it: then it is asked once
    /// more, [`CookieChoice::WithMadeUp`].
    #[must_use]
    pub fn about_token(token: &str) -> Self {
        Self {
            authorization: Some(["Bearer ", token].concat()),
            cookie: None,
            cookie_choice: CookieChoice::AsItIs,
        }
    }

    /// The `Cookie` that it is sent with beside a made-up cookie.
    #[must_use]
    pub fn cookie_with(&self, made_up: &MadeUp, prefix: &str) -> String {
        let (before, separator) = self.cookie.as_deref().map_or(("", ""), |cookie| (cookie, "; "));
        let name = Kind::Session.name();
        [before, separator, prefix, name, "=", made_up.as_str()].concat()
    }
}

/// Reads an answer, the resolver's own, as it comes: its status, each header in order, and at last whether a
/// body followed. Valid and invalid are exactly what the server says so; everything else is unknown.
pub struct Reader<'a> {
    lines: Result<AnswerLines<'a>, UnknownAnswer>,
}

impl<'a> Reader<'a> {
    /// The answer has this status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            lines: match status {
                200 => Ok(AnswerLines::default()),
                500..=599 => Err(UnknownAnswer::ServerError),
                _ => Err(UnknownAnswer::Status),
            },
        }
    }

    /// It has this header. The first that is not as the server has it decides.
    pub fn header(&mut self, name: &[u8], value: &'a [u8]) {
        if let Ok(lines) = &mut self.lines {
            if let Err(unknown) = lines.add(name, value) {
                self.lines = Err(unknown);
            }
        }
    }

    /// What it means.
    #[must_use]
    pub fn reading(self, body_empty: bool) -> Reading {
        match self.lines {
            Err(status @ (UnknownAnswer::ServerError | UnknownAnswer::Status)) => Reading::Unknown(status),
            _ if !body_empty => Reading::Unknown(UnknownAnswer::Body),
            Err(unknown) => Reading::Unknown(unknown),
            Ok(lines) => lines.reading(),
        }
    }
}

/// Whether a `Set-Cookie` of the resolver's may go on to a client: it names one of the project's own cookies,
/// for its domain, and is not about a made-up one.
#[must_use]
pub fn keeps_set_cookie(value: &[u8], prefix: &str, cookie_choice: CookieChoice) -> bool {
    let Some(cookie) = std::str::from_utf8(value)
        .ok()
        .and_then(|text| Cookie::parse(text).ok())
    else {
        return false;
    };
    let safe = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let ours = cookie.name().strip_prefix(prefix).is_some_and(|name| {
        Kind::ALL.iter().any(|kind| match kind {
            Kind::Bearer => false,
            Kind::Session => cookie_choice == CookieChoice::AsItIs && kind.name() == name,
            Kind::AppSession | Kind::AppAccessToken => kind.name() == name,
        })
    });
    safe && ours && cookie.domain().is_some_and(|domain| !domain.is_empty())
}

/// The header lines of ours, each name once, the values without white space around them.
#[derive(Default)]
struct AnswerLines<'a> {
    valid: Option<Filled<'a>>,
    known: [Option<Filled<'a>>; Name::KNOWN.len()],
    /// What a resolver of tomorrow sends, names in lower case.
    others: Vec<(String, Filled<'a>)>,
    count: usize,
    bytes: usize,
}

/// The value of a line; `None` of one that is empty, which says nothing.
type Filled<'a> = Option<HeaderText<'a>>;

impl<'a> AnswerLines<'a> {
    /// Takes note of a header, if it is one of ours.
    fn add(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), UnknownAnswer> {
        let line = match Name::position_of(name) {
            Some(position) => self.known.get_mut(position),
            None if name.eq_ignore_ascii_case(VALID.as_bytes()) => Some(&mut self.valid),
            None if is_ours(name) => None,
            None => return Ok(()),
        };
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(name.len()).saturating_add(value.len());
        if self.count > MAX_LINES || self.bytes > MAX_BYTES {
            return Err(UnknownAnswer::TooLarge);
        }
        let value = HeaderText::within(value).map_err(|NotHeaderText| UnknownAnswer::BadHeader)?;
        let Some(line) = line else {
            return self.add_other(name, value);
        };
        match line.replace(value) {
            None => Ok(()),
            Some(_) => Err(UnknownAnswer::Contradiction),
        }
    }

    fn add_other(&mut self, name: &[u8], value: Filled<'a>) -> Result<(), UnknownAnswer> {
        let name = String::from_utf8(name.to_ascii_lowercase()).map_err(|_| UnknownAnswer::BadHeader)?;
        if !is_canonical(&name) {
            return Err(UnknownAnswer::BadHeader);
        }
        if self.others.iter().any(|(known, _)| *known == name) {
            return Err(UnknownAnswer::Contradiction);
        }
        self.others.push((name, value));
        Ok(())
    }

    /// What they say together.
    fn reading(mut self) -> Reading {
        let (valid, known) = (self.valid.flatten(), self.known.map(Option::flatten));
        self.others.sort_unstable();
        let others = self.others.iter();
        let others: Vec<(&str, HeaderText<'_>)> = others
            .filter_map(|(name, value)| Some((name.as_str(), (*value)?)))
            .collect();
        let says_more = known.iter().any(Option::is_some) || !others.is_empty();
        match (valid.map(HeaderText::bytes), &known) {
            (None, _) if !says_more => Reading::Silent,
            (Some(b"false"), _) if !says_more => Reading::Invalid,
            (Some(b"true"), [Some(_), ..]) => Session::from_lines(&known, &others)
                .map_or(Reading::Unknown(UnknownAnswer::BadHeader), Reading::Valid),
            (Some(_) | None, _) => Reading::Unknown(UnknownAnswer::Contradiction),
        }
    }
}

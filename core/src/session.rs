//! The `x-authgear-*` header lines of who is calling.
//!
//! A [`Session`] can only be built of lines that are safe in a request header: printable ASCII, no space at either end, never empty. It holds them
//! in the compact form in which they lie in shared memory, in one order whoever spoke: two sessions that say the same are equal.

use std::fmt;

use crate::claims::{Claims, Flag};
use crate::ownership::is_ours;

/// Says that the session is valid; the only line of one that is not.
pub const VALID: &str = "x-authgear-session-valid";

/// A valid session, as header lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// How many lines; for each the code of its name ([`OTHER`]: the name is in its text) and the length of its text; then all texts, a space behind
    /// each, so that one look over them finds what is not printable. The user comes first.
    bytes: Vec<u8>,
}

/// The name of a line, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name<'s> {
    /// One of [`Name::KNOWN`], by its place there.
    Known(u8),
    /// One that a resolver of tomorrow sends.
    Other(&'s str),
}

/// A text that can't stand in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsafe;

/// The place of the user's line.
const USER: u8 = 0;

/// Bytes that nearly every session fits into.
const ROOM: usize = 160;

/// Stands for a name that is written out before the value, with a space between them.
const OTHER: u8 = u8::MAX;

/// A line's code, and the length of its text (little-endian).
type Head = [u8; 3];

impl Name<'_> {
    /// The names that Authgear has today, in the order in which a session has them.
    pub const KNOWN: [&'static str; 8] = [
        "x-authgear-user-id",
        "x-authgear-user-anonymous",
        "x-authgear-user-verified",
        "x-authgear-user-can-reauthenticate",
        "x-authgear-user-roles",
        "x-authgear-session-amr",
        "x-authgear-session-acr",
        "x-authgear-session-authenticated-at",
    ];
}

impl<'s> Name<'s> {
    /// Where a name, in any case, stands in [`Name::KNOWN`].
    pub(crate) fn place_of(name: &[u8]) -> Option<usize> {
        let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        matches!(name, [b'x' | b'X', ..])
            .then(|| Self::KNOWN.iter().position(is))
            .flatten()
    }

    fn is_known(text: &str) -> bool {
        Self::KNOWN.contains(&text)
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(self) -> &'s str {
        match self {
            Self::Known(place) => Self::KNOWN.get(usize::from(place)).copied().unwrap_or_default(),
            Self::Other(name) => name,
        }
    }
}

impl Session {
    /// The session that a verified token speaks of.
    ///
    /// # Errors
    /// When a claim's value can't stand in a header.
    pub fn from_claims(claims: &Claims) -> Result<Self, Unsafe> {
        let flag = |flag: Option<Flag>| flag.map_or("", Flag::as_str);
        let roles = joined(&claims.roles, ",", &[','])?;
        let amr = joined(&claims.amr, " ", &[',', ' '])?;
        let at = claims.auth_time.map(|at| at.to_string()).unwrap_or_default();
        let values = [
            claims.sub.as_str(),
            flag(claims.is_anonymous),
            flag(claims.is_verified),
            flag(claims.can_reauthenticate),
            &roles,
            &amr,
            claims.acr.as_deref().unwrap_or_default(),
            &at,
        ];
        if claims.sub.is_empty() {
            return Err(Unsafe);
        }
        let mut known = [None; Name::KNOWN.len()];
        for (place, value) in known.iter_mut().zip(values) {
            if !value.is_empty() {
                *place = Some(Safe::of(value.as_bytes())?);
            }
        }
        Self::from_lines(&known, &[])
    }

    /// The session of lines that are sorted already: a value for each of [`Name::KNOWN`], and the others by their names.
    pub(crate) fn from_lines<'l>(
        known: &[Option<Safe<'l>>; Name::KNOWN.len()],
        others: &[(&'l str, Safe<'l>)],
    ) -> Result<Self, Unsafe> {
        if let [None, ..] = known {
            return Err(Unsafe);
        }
        let mut last = "";
        for (name, _) in others {
            if *name <= last || !is_other(name) {
                return Err(Unsafe);
            }
            last = name;
        }
        let count = known.iter().flatten().count().saturating_add(others.len());
        let mut bytes = Vec::with_capacity(ROOM);
        bytes.push(u8::try_from(count).map_err(|_| Unsafe)?);
        bytes.extend(std::iter::repeat_n(Head::default(), count).flatten());
        let mut session = Self { bytes };
        let mut line = 0;
        for (place, value) in (USER..).zip(known) {
            if let Some(value) = value {
                session.push(line, place, &[value.bytes()])?;
                line = line.saturating_add(1);
            }
        }
        for (name, value) in others {
            session.push(line, OTHER, &[name.as_bytes(), value.bytes()])?;
            line = line.saturating_add(1);
        }
        Ok(session)
    }

    /// The session of which [`Self::as_bytes`] gave these; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut lines = Lines::of(bytes)?;
        let ([[USER, ..], ..], true) = (lines.heads, is_printable(lines.texts)) else {
            return None;
        };
        // The one order, each name once and in its one spelling.
        let (mut last, mut least) = ("", USER);
        while !lines.heads.is_empty() {
            let (name, value) = lines.next()?;
            match name {
                Name::Known(place) if place >= least && last.is_empty() => least = place.saturating_add(1),
                Name::Other(name) if name > last && is_other(name) => last = name,
                Name::Known(_) | Name::Other(_) => return None,
            }
            if matches!(value, [] | [b' ', ..] | [.., b' ']) {
                return None;
            }
        }
        lines.texts.is_empty().then(|| Self {
            bytes: bytes.to_vec(),
        })
    }

    /// How many lines [`Self::named_lines`] gives.
    #[must_use]
    pub fn count(&self) -> usize {
        self.named_lines().heads.len()
    }

    /// Its compact form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The part of it in which all values of [`Self::named_lines`] lie, and all names that are [`Name::Other`], a space behind each.
    #[must_use]
    pub fn texts(&self) -> &[u8] {
        self.named_lines().texts
    }

    /// Who the user is.
    #[must_use]
    pub fn user_id(&self) -> &str {
        let first = self.named_lines().next();
        first.map_or("", |(_, value)| std::str::from_utf8(value).unwrap_or_default())
    }

    /// All header lines but the one that says that it is valid, which every session has.
    #[must_use]
    pub fn named_lines(&self) -> Lines<'_> {
        Lines::of(&self.bytes).unwrap_or_default()
    }

    /// All header lines, names in lower case.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self
            .named_lines()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap_or_default()));
        std::iter::once((VALID, "true")).chain(others)
    }

    /// Writes the head of a line, of which there is room, and its text behind those that are there.
    fn push(&mut self, line: usize, code: u8, parts: &[&[u8]]) -> Result<(), Unsafe> {
        let mut length = parts.len().saturating_sub(1);
        for part in parts {
            self.bytes.extend_from_slice(part);
            self.bytes.push(b' ');
            length = length.saturating_add(part.len());
        }
        let [low, high] = u16::try_from(length).map_err(|_| Unsafe)?.to_le_bytes();
        let (_, rest) = self.bytes.split_first_mut().ok_or(Unsafe)?;
        let (heads, _) = rest.as_chunks_mut::<{ size_of::<Head>() }>();
        *heads.get_mut(line).ok_or(Unsafe)? = [code, low, high];
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.lines()).finish()
    }
}

/// The lines of a session, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Lines<'s> {
    heads: &'s [Head],
    texts: &'s [u8],
}

impl<'s> Lines<'s> {
    fn of(bytes: &'s [u8]) -> Option<Self> {
        let (&count, rest) = bytes.split_first()?;
        let (heads, texts) = rest.split_at_checked(usize::from(count).saturating_mul(size_of::<Head>()))?;
        let (heads, _) = heads.as_chunks();
        Some(Self { heads, texts })
    }
}

impl<'s> Iterator for Lines<'s> {
    type Item = (Name<'s>, &'s [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&[code, low, high], heads) = self.heads.split_first()?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (text, texts) = self.texts.split_at_checked(length)?;
        let line = if usize::from(code) < Name::KNOWN.len() {
            (Name::Known(code), text)
        } else {
            other(code, text)?
        };
        (self.heads, self.texts) = (heads, texts.strip_prefix(b" ")?);
        Some(line)
    }
}

/// A line whose name is written out: none of today's.
#[cold]
fn other(code: u8, text: &[u8]) -> Option<(Name<'_>, &[u8])> {
    let text = std::str::from_utf8(text).ok().filter(|_| code == OTHER)?;
    let (name, value) = text.split_once(' ')?;
    Some((Name::Other(name), value.as_bytes()))
}

/// Whether a name may stand beside those that are known.
fn is_other(name: &str) -> bool {
    is_plain(name) && name != VALID && !Name::is_known(name)
}

/// Whether a header name is ours, and spelled as Authgear spells them: what folds to it is not it.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && is_ours(name.as_bytes())
}

/// A text that can stand in a header as it is: printable ASCII, not empty, no space at either end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Safe<'l>(&'l [u8]);

impl<'l> Safe<'l> {
    pub(crate) fn of(bytes: &'l [u8]) -> Result<Self, Unsafe> {
        match bytes {
            [] | [b' ', ..] | [.., b' '] => Err(Unsafe),
            _ if is_printable(bytes) => Ok(Self(bytes)),
            _ => Err(Unsafe),
        }
    }

    /// What is left of printable ASCII without the spaces around it, if anything is.
    pub(crate) fn within(bytes: &'l [u8]) -> Result<Option<Self>, Unsafe> {
        if !is_printable(bytes) {
            return Err(Unsafe);
        }
        let trimmed = bytes.trim_ascii();
        Ok((!trimmed.is_empty()).then_some(Self(trimmed)))
    }

    pub(crate) fn bytes(self) -> &'l [u8] {
        self.0
    }
}

/// Whether all bytes are printable ASCII. Looks at all of them, whatever they are, so that the processor looks at many at once.
pub(crate) fn is_printable(bytes: &[u8]) -> bool {
    let worst = bytes
        .iter()
        .fold(0, |worst: u8, byte| worst.max(byte.wrapping_sub(b' ')));
    worst <= b'~'.wrapping_sub(b' ')
}

/// The same as text, if all of it is printable ASCII.
pub(crate) fn printable(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|_| is_printable(bytes))
}

/// A list in one value. An element that holds what some reader splits at would be read as two: refused, like an empty one.
fn joined(list: &[String], separator: &str, splits: &[char]) -> Result<String, Unsafe> {
    let bad = |element: &String| element.contains(splits) || Safe::of(element.as_bytes()).is_err();
    if list.iter().any(bad) {
        return Err(Unsafe);
    }
    Ok(list.join(separator))
}

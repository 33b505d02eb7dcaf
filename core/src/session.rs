//! The `x-authgear-*` header lines of who is calling.
//!
//! A [`Session`] can only be built of lines that are safe in a request header: printable ASCII, no space at
//! either end, never empty. It holds them in the compact form in which they lie in shared memory, in one
//! order whoever spoke: two sessions that say the same are equal.

use std::fmt;

use crate::header_text::{is_printable, HeaderText, NotHeaderText};
use crate::ownership::is_canonical;

/// Says that the session is valid; the only line of one that is not.
pub const VALID: &str = "x-authgear-session-valid";

/// A valid session, as header lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// How many lines; for each the code of its name ([`OTHER`]: the name is in its text) and the length of
    /// its text; then all texts, a space behind each, so that one look over them finds what is not printable.
    /// The user comes first.
    bytes: Vec<u8>,
}

/// The name of a line, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name<'s> {
    /// One of [`Name::KNOWN`], by its position there.
    Known(u8),
    /// One that a resolver of tomorrow sends.
    Other(&'s str),
}

/// The position of the user's line.
const USER: u8 = 0;

/// Bytes that nearly every session fits into.
const USUAL_LENGTH: usize = 160;

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
    pub(crate) fn position_of(name: &[u8]) -> Option<usize> {
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
            Self::Known(position) => Self::KNOWN
                .get(usize::from(position))
                .copied()
                .unwrap_or_default(),
            Self::Other(name) => name,
        }
    }
}

impl Session {
    /// The session of lines that are sorted already: a value for each of [`Name::KNOWN`], and the others by
    /// their names.
    pub(crate) fn from_lines<'l>(
        known: &[Option<HeaderText<'l>>; Name::KNOWN.len()],
        others: &[(&'l str, HeaderText<'l>)],
    ) -> Result<Self, NotHeaderText> {
        if let [None, ..] = known {
            return Err(NotHeaderText);
        }
        let mut last = "";
        for (name, _) in others {
            if *name <= last || !is_other(name) {
                return Err(NotHeaderText);
            }
            last = name;
        }
        let count = known.iter().flatten().count().saturating_add(others.len());
        let mut bytes = Vec::with_capacity(USUAL_LENGTH);
        bytes.push(u8::try_from(count).map_err(|_| NotHeaderText)?);
        bytes.extend(std::iter::repeat_n(Head::default(), count).flatten());
        let mut session = Self { bytes };
        let mut line = 0;
        for (position, value) in (USER..).zip(known) {
            if let Some(value) = value {
                session.push(line, position, &[value.bytes()])?;
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
                Name::Known(position) if position >= least && last.is_empty() => {
                    least = position.saturating_add(1)
                }
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

    /// The part of it in which all values of [`Self::named_lines`] lie, and all names that are
    /// [`Name::Other`], a space behind each.
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

    /// The values of [`Name::KNOWN`], for who asks for them in their order.
    #[must_use]
    pub(crate) fn known_values(&self) -> KnownValues<'_> {
        let lines = self.named_lines();
        KnownValues { lines, begin: 0 }
    }

    /// All header lines, names in lower case.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self
            .named_lines()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap_or_default()));
        std::iter::once((VALID, "true")).chain(others)
    }

    /// Writes the head of a line, of which there is room, and its text behind those that are there.
    fn push(&mut self, line: usize, code: u8, parts: &[&[u8]]) -> Result<(), NotHeaderText> {
        let mut length = parts.len().saturating_sub(1);
        for part in parts {
            self.bytes.extend_from_slice(part);
            self.bytes.push(b' ');
            length = length.saturating_add(part.len());
        }
        let [low, high] = u16::try_from(length).map_err(|_| NotHeaderText)?.to_le_bytes();
        let (_, rest) = self.bytes.split_first_mut().ok_or(NotHeaderText)?;
        let (heads, _) = rest.as_chunks_mut::<{ size_of::<Head>() }>();
        *heads.get_mut(line).ok_or(NotHeaderText)? = [code, low, high];
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.lines()).finish()
    }
}

/// The values of [`Name::KNOWN`] in a session, found in one pass over its lines.
#[derive(Default)]
pub(crate) struct KnownValues<'s> {
    /// All texts, and the heads from the one on that was looked at last.
    lines: Lines<'s>,
    /// Where the text of the first of them begins.
    begin: usize,
}

impl<'s> KnownValues<'s> {
    /// The value of the name at this position; nothing, too, where one behind it was asked for before.
    #[inline]
    pub(crate) fn get(&mut self, position: u8) -> Option<&'s [u8]> {
        let Lines { heads, texts } = &mut self.lines;
        while let [[code, low, high], rest @ ..] = heads {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            if *code >= position {
                let value = texts.get(self.begin..)?.get(..length)?;
                return (*code == position).then_some(value);
            }
            // Behind each text is a space.
            self.begin = self.begin.wrapping_add(length).wrapping_add(1);
            *heads = rest;
        }
        None
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
    is_canonical(name) && name != VALID && !Name::is_known(name)
}

//! What is remembered, as bytes that outlive a request and are read by other processes.
//!
//! Each record begins with its kind; what is not exactly such a record is none. The format is part of the
//! shared memory's layout version.

use crate::freshness::{Known, LastAnswer, Rejection};
use crate::grant::{Grant, Machine};
use crate::session::Session;
use crate::verify::{Verified, VerifiedMachine};

// 1 was a token without its grant.
const ANSWER_VALID: u8 = 2;
const ANSWER_INVALID: u8 = 3;
const KNOWN_NOTHING: u8 = 4;
const KNOWN_AS_CLAIMED: u8 = 5;
const KNOWN_OTHERWISE: u8 = 6;
const KNOWN_ENDED: u8 = 7;
const KNOWN_BARRED: u8 = 8;
const KNOWN_TOO_LONG: u8 = 9;
const TOKEN: u8 = 10;
const MACHINE_TOKEN: u8 = 11;

/// A token that verified, as it has to be judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whom its claims speak of.
    pub holder: Holder,
    /// The key that vouched for it (RFC 7638).
    pub thumbprint: [u8; 32],
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
    /// The later of `nbf` and `iat`, in seconds since 1970.
    pub not_before: u64,
}

/// Whom a token speaks of, and what it was issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user's session.
    User(Session, Grant),
    /// A machine.
    Machine(Machine),
}

/// An answer of the resolver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose session it is; `None` when it said that there is none.
    pub session: Option<Session>,
    /// When it was given, in milliseconds on the monotonic clock.
    pub at: u64,
}

impl From<Verified> for Token {
    fn from(verified: Verified) -> Self {
        Self {
            holder: Holder::User(verified.session, verified.claims.grant),
            thumbprint: verified.thumbprint,
            iat: verified.claims.iat,
            exp: verified.claims.exp,
            not_before: verified.claims.not_before,
        }
    }
}

impl From<VerifiedMachine> for Token {
    fn from(verified: VerifiedMachine) -> Self {
        Self {
            holder: Holder::Machine(verified.machine),
            thumbprint: verified.thumbprint,
            iat: verified.times.iat,
            exp: verified.times.exp,
            not_before: verified.times.not_before,
        }
    }
}

impl Token {
    /// Whether the times still hold, as [`crate::verify`] holds them. `now` and `leeway` in seconds.
    #[must_use]
    pub fn is_in_time(&self, now: u64, leeway: u64) -> bool {
        self.exp.saturating_add(leeway) > now && self.not_before <= now.saturating_add(leeway)
    }

    /// As bytes: all of it, however long it is. One that is longer than an entry of the table is not
    /// remembered, and so verified again each time.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, grant, session) = match &self.holder {
            Holder::User(session, grant) => (TOKEN, grant, session.as_bytes()),
            Holder::Machine(machine) => (MACHINE_TOKEN, machine.grant(), &[][..]),
        };
        let mut bytes = Vec::with_capacity(session.len().saturating_add(192));
        bytes.push(kind);
        bytes.extend_from_slice(&self.thumbprint);
        push(&mut bytes, &[self.iat, self.exp, self.not_before]);
        grant.write(&mut bytes);
        bytes.extend_from_slice(session);
        bytes
    }

    /// What [`Self::to_bytes`] gave; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (thumbprint, mut rest) = rest.split_first_chunk::<32>()?;
        let (iat, exp, not_before) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let grant = Grant::take(&mut rest)?;
        let holder = match *kind {
            TOKEN => Holder::User(Session::from_bytes(rest)?, grant),
            MACHINE_TOKEN if rest.is_empty() => Holder::Machine(Machine::of(grant)?),
            _ => return None,
        };
        Some(Self {
            holder,
            thumbprint: *thumbprint,
            iat,
            exp,
            not_before,
        })
    }
}

impl Answer {
    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind = if self.session.is_some() {
            ANSWER_VALID
        } else {
            ANSWER_INVALID
        };
        let mut bytes = vec![kind];
        push(&mut bytes, &[self.at]);
        bytes.extend_from_slice(self.session.as_ref().map_or(&[], Session::as_bytes));
        bytes
    }

    /// What [`Self::to_bytes`] gave; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let at = take(&mut rest)?;
        let session = match *kind {
            ANSWER_VALID => Some(Session::from_bytes(rest)?),
            ANSWER_INVALID if rest.is_empty() => None,
            _ => return None,
        };
        Some(Self { session, at })
    }
}

impl Known {
    /// As bytes, at most `room` of them: a session that does not fit gives way to [`LastAnswer::TooLong`].
    #[must_use]
    pub fn to_bytes(&self, room: usize) -> Vec<u8> {
        let (kind, session) = match &self.last_answer {
            LastAnswer::Nothing => (KNOWN_NOTHING, None),
            LastAnswer::Yes(None) => (KNOWN_AS_CLAIMED, None),
            LastAnswer::Yes(Some(session)) => (KNOWN_OTHERWISE, Some(session)),
            LastAnswer::No(Rejection::Ended) => (KNOWN_ENDED, None),
            LastAnswer::No(Rejection::Barred) => (KNOWN_BARRED, None),
            LastAnswer::TooLong => (KNOWN_TOO_LONG, None),
        };
        let mut bytes = vec![kind];
        push(&mut bytes, &[self.at, self.asked_until, self.iat]);
        let Some(session) = session else { return bytes };
        if bytes.len().saturating_add(session.as_bytes().len()) > room {
            if let Some(kind) = bytes.first_mut() {
                *kind = KNOWN_TOO_LONG;
            }
            return bytes;
        }
        bytes.extend_from_slice(session.as_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] gave; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let (at, asked_until, iat) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let last_answer = match *kind {
            KNOWN_OTHERWISE => LastAnswer::Yes(Some(Session::from_bytes(rest)?)),
            _ if !rest.is_empty() => return None,
            KNOWN_NOTHING => LastAnswer::Nothing,
            KNOWN_AS_CLAIMED => LastAnswer::Yes(None),
            KNOWN_ENDED => LastAnswer::No(Rejection::Ended),
            KNOWN_BARRED => LastAnswer::No(Rejection::Barred),
            KNOWN_TOO_LONG => LastAnswer::TooLong,
            _ => return None,
        };
        Some(Self {
            last_answer,
            at,
            asked_until,
            iat,
        })
    }
}

fn push(bytes: &mut Vec<u8>, numbers: &[u64]) {
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

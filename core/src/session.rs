//! The `x-authgear-*` header lines of who is calling.
//!
//! A [`Session`] can only be built of lines that are safe in a request header: printable ASCII, no space at either end, never empty.

use crate::claims::{Claims, Flag};
use crate::ownership::is_ours;

/// Says that the session is valid; the only line of one that is not.
pub const VALID: &str = "x-authgear-session-valid";
/// Who the user is.
pub const USER_ID: &str = "x-authgear-user-id";

/// A valid session, as header lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    user_id: String,
    /// The other lines, in order.
    others: Vec<(Name, String)>,
}

/// A header name: ours by a constant, or one that a resolver of tomorrow sends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Known(&'static str),
    Other(String),
}

/// A text that can't stand in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsafe;

impl Session {
    /// The session that a verified token speaks of.
    ///
    /// # Errors
    /// When a claim's value can't stand in a header.
    pub fn from_claims(claims: &Claims) -> Result<Self, Unsafe> {
        let user_id = safe(&claims.sub).ok_or(Unsafe)?.to_owned();
        let mut others = Vec::with_capacity(7);
        let flags = [
            ("x-authgear-user-anonymous", claims.is_anonymous),
            ("x-authgear-user-verified", claims.is_verified),
            ("x-authgear-user-can-reauthenticate", claims.can_reauthenticate),
        ];
        for (name, flag) in flags {
            others.extend(
                flag.map(Flag::as_str)
                    .map(|value| (Name::Known(name), value.to_owned())),
            );
        }
        let roles = joined(&claims.roles, ",", &[','])?;
        let amr = joined(&claims.amr, " ", &[',', ' '])?;
        let acr = claims.acr.clone().filter(|acr| !acr.is_empty());
        let at = claims.auth_time.map(|at| at.to_string());
        let texts = [
            ("x-authgear-user-roles", roles),
            ("x-authgear-session-amr", amr),
            ("x-authgear-session-acr", acr),
            ("x-authgear-session-authenticated-at", at),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                others.push((Name::Known(name), safe(&text).ok_or(Unsafe)?.to_owned()));
            }
        }
        Ok(Self { user_id, others })
    }

    /// The session that the resolver spoke of: its user, and the other lines of its answer, names in lower case.
    ///
    /// # Errors
    /// When a name is not ours in its plain spelling or is one that every session has, or a value can't stand in a header. Empty values
    /// are left out.
    pub fn from_answer(user_id: &str, lines: impl Iterator<Item = (String, String)>) -> Result<Self, Unsafe> {
        let user_id = safe(user_id).ok_or(Unsafe)?.to_owned();
        let mut others = Vec::new();
        for (name, value) in lines.filter(|(_, value)| !value.is_empty()) {
            if !is_plain(&name) || name == VALID || name == USER_ID {
                return Err(Unsafe);
            }
            safe(&value).ok_or(Unsafe)?;
            others.push((Name::Other(name), value));
        }
        Ok(Self { user_id, others })
    }

    /// Who the user is.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// All header lines, names in lower case.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let first = [(VALID, "true"), (USER_ID, self.user_id.as_str())];
        first.into_iter().chain(
            self.others
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }
}

impl Name {
    fn as_str(&self) -> &str {
        match self {
            Self::Known(name) => name,
            Self::Other(name) => name,
        }
    }
}

/// Whether a header name is ours, and spelled as Authgear spells them: what folds to it is not it.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && is_ours(name.as_bytes())
}

/// `text`, when it can stand in a header as it is: printable ASCII, not empty, no space at either end.
#[must_use]
pub fn safe(text: &str) -> Option<&str> {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (printable && !text.is_empty() && text.trim_ascii().len() == text.len()).then_some(text)
}

/// A list in one value. An element that holds what some reader splits at would be read as two: refused, like an empty one.
fn joined(list: &[String], separator: &str, splits: &[char]) -> Result<Option<String>, Unsafe> {
    let bad = |element: &String| element.contains(splits) || safe(element).is_none();
    if list.iter().any(bad) {
        return Err(Unsafe);
    }
    Ok((!list.is_empty()).then(|| list.join(separator)))
}

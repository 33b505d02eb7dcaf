//! What a token was issued for: a client, and a scope (RFC 9068, section 2.2).
//!
//! What is kept is well-formed: a client's name is printable ASCII (RFC 6749, appendix A.1), a scope is a
//! list of scope-tokens (section 3.3). A claim that is not counts as absent, so that who demands it refuses.
//! A machine's token has to have both right.

use crate::header_text::{is_printable, HeaderText};

/// The scope that Authgear gives to the project's own clients alone: without it, a token is a third party's.
pub const FULL_ACCESS: &str = "https://authgear.com/scopes/full-access";

/// How the `sub` of a machine's token begins.
pub const MACHINE: &str = "client_id_";

/// The client and the scope of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The client, then the scope.
    text: String,
    /// Bytes of the client.
    client: u16,
}

/// A client that came with a token of its own (RFC 6749, section 4.4). It is never a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine(Grant);

/// One or more scope-tokens with a space between them: printable ASCII without `"` and `\`, so that it needs
/// no escape in a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(String);

impl Grant {
    /// Of the claims `client_id` and `scope`.
    #[must_use]
    pub fn new(client_id: Option<&str>, scope: Option<&str>) -> Self {
        let client_id = client_id.filter(|client_id| is_printable(client_id.as_bytes()));
        // A token is shorter than that.
        let (client_id, client) = client_id
            .and_then(|client_id| Some((client_id, u16::try_from(client_id.len()).ok()?)))
            .unwrap_or_default();
        let scope = scope.filter(|scope| is_scope(scope)).unwrap_or_default();
        Self {
            text: [client_id, scope].concat(),
            client,
        }
    }

    /// `client_id`
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        let client_id = self.text.get(..usize::from(self.client))?;
        (!client_id.is_empty()).then_some(client_id)
    }

    /// `scope`, as it stands in the token.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        let scope = self.text.get(usize::from(self.client)..)?;
        (!scope.is_empty()).then_some(scope)
    }

    /// Whether its scope has this scope-token.
    #[must_use]
    pub fn has(&self, token: &str) -> bool {
        self.scope()
            .is_some_and(|scope| scope.split(' ').any(|granted| granted == token))
    }

    /// Writes it behind what is there.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        // Longer than any token: then it is a record that nobody reads.
        let len = u16::try_from(self.text.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&self.client.to_le_bytes());
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(self.text.as_bytes());
    }

    /// What [`Self::write`] wrote, taken off the front; `None` for anything else.
    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        let client = take_length(rest)?;
        let len = take_length(rest)?;
        let (text, after) = rest.split_at_checked(usize::from(len))?;
        let text = std::str::from_utf8(text).ok()?;
        let (client_id, scope) = text.split_at_checked(usize::from(client))?;
        if !is_printable(client_id.as_bytes()) || !(scope.is_empty() || is_scope(scope)) {
            return None;
        }
        *rest = after;
        Some(Self {
            text: text.to_owned(),
            client,
        })
    }
}

impl Machine {
    /// The names of its header lines; it has no other, and says nothing of a session, which it does not have.
    pub const NAMES: [&'static str; 2] = ["x-authgear-client-id", "x-authgear-scope"];

    /// Of a token's claims. `None` when they can't stand in its header lines, or are not those of a machine's
    /// token.
    #[must_use]
    pub fn new(sub: &str, client_id: &str, scope: Option<&str>) -> Option<Self> {
        let is_its_own = sub.strip_prefix(MACHINE) == Some(client_id);
        let scope = scope.filter(|scope| !scope.is_empty());
        let grant = Grant::new(Some(client_id), scope);
        (is_its_own && grant.scope() == scope)
            .then_some(grant)
            .and_then(Self::of)
    }

    /// `None` when there is no client, or one that can't stand in a header.
    pub(crate) fn of(grant: Grant) -> Option<Self> {
        let is_safe = HeaderText::of(grant.client_id()?.as_bytes()).is_ok();
        is_safe.then_some(Self(grant))
    }

    /// The client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.0.client_id().unwrap_or_default()
    }

    /// The client and its scope.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.0
    }

    /// Its header lines: printable ASCII, never empty, no space at either end.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = [self.0.client_id(), self.0.scope()];
        let lines = Self::NAMES.into_iter().zip(values);
        lines.filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Scope {
    /// One scope-token. `None` for anything else.
    #[must_use]
    pub fn token(text: &str) -> Option<Self> {
        is_scope_token(text).then(|| Self(text.to_owned()))
    }

    /// All of these; `None` of none.
    #[must_use]
    pub fn all<'s>(scopes: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let scopes: Vec<&str> = scopes.into_iter().map(Self::as_str).collect();
        (!scopes.is_empty()).then(|| Self(scopes.join(" ")))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 6749, section 3.3. Each record of a token comes by here, so it looks at all bytes, whatever they are,
/// and the processor at many at once.
fn is_scope(text: &str) -> bool {
    let bytes = text.as_bytes();
    if matches!(bytes, [] | [b' ', ..] | [.., b' ']) || !is_printable(bytes) {
        return false;
    }
    let is_escaped = bytes
        .iter()
        .fold(false, |is, &byte| is | (byte == b'"') | (byte == b'\\'));
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let has_two_spaces = pairs.fold(false, |has, (&one, &next)| has | ((one == b' ') & (next == b' ')));
    !is_escaped && !has_two_spaces
}

fn is_scope_token(text: &str) -> bool {
    is_scope(text) && !text.contains(' ')
}

fn take_length(rest: &mut &[u8]) -> Option<u16> {
    let (length, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_le_bytes(*length))
}

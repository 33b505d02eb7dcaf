//! The `session` cookie that is nobody's, and when it goes with a question.
//!
//! The server answers nothing to a dead credential, and nothing to a good one when its database fails it
//! half-way. A bad `session` cookie gets an honest `false`. So a question that holds one tells the two apart:
//! `false` is a no, and silence is the server's failure.

use std::fmt;

/// Random bytes that one cookie takes.
pub const RANDOM: usize = ID + SECRET;
const ID: usize = 16;
const SECRET: usize = 32;
/// Bytes of a value: two letters for each byte of the ID, its hyphens, the dot.
const LENGTH: usize = 2 * ID + 4 + 1 + SECRET;

/// Which `session` cookie a question is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CookieChoice {
    /// Nothing is added: it holds a client's own `session` cookie, or is about a token alone.
    AsItIs,
    /// A made-up `session` cookie goes with it.
    WithMadeUp,
}

/// The value of a `session` cookie, well-formed and nobody's. Its `Debug` keeps it: a log shall show nothing
/// that looks like a session.
#[derive(Clone, PartialEq, Eq)]
pub struct MadeUp(String);

impl MadeUp {
    /// `ID.SECRET`, as the server makes them: a UUID (RFC 9562, version 4), then letters and digits. `random`
    /// is used for nothing else.
    #[must_use]
    pub fn drawn(random: &[u8; RANDOM]) -> Self {
        let (id, secret) = random.split_at(ID);
        let mut value = Vec::with_capacity(LENGTH);
        for (index, &byte) in id.iter().enumerate() {
            let byte = match index {
                6 => byte & 0x0f | 0x40,
                8 => byte & 0x3f | 0x80,
                _ => byte,
            };
            if matches!(index, 4 | 6 | 8 | 10) {
                value.push(b'-');
            }
            value.extend([byte >> 4, byte & 0x0f].map(|digit| letter(b"0123456789abcdef", digit)));
        }
        value.push(b'.');
        // Some letters come a little more often than others: nobody has anything of guessing it.
        value.extend(secret.iter().map(|byte| letter(LETTERS, byte % 62)));
        // All of it is ASCII.
        Self(String::from_utf8(value).unwrap_or_default())
    }

    /// The value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MadeUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MadeUp(..)")
    }
}

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// One of the letters; there is always one.
fn letter(of: &[u8], index: u8) -> u8 {
    of.get(usize::from(index)).copied().unwrap_or(b'0')
}

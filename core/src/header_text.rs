//! Text that can stand in a header as it is.

/// Printable ASCII, not empty, no space at either end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeaderText<'t>(&'t [u8]);

/// Bytes that are no text for a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHeaderText;

impl<'t> HeaderText<'t> {
    pub(crate) fn of(bytes: &'t [u8]) -> Result<Self, NotHeaderText> {
        match bytes {
            [] | [b' ', ..] | [.., b' '] => Err(NotHeaderText),
            _ if is_printable(bytes) => Ok(Self(bytes)),
            _ => Err(NotHeaderText),
        }
    }

    /// What is left of printable ASCII without the spaces around it, if anything is.
    pub(crate) fn within(bytes: &'t [u8]) -> Result<Option<Self>, NotHeaderText> {
        if !is_printable(bytes) {
            return Err(NotHeaderText);
        }
        let trimmed = bytes.trim_ascii();
        Ok((!trimmed.is_empty()).then_some(Self(trimmed)))
    }

    pub(crate) fn bytes(self) -> &'t [u8] {
        self.0
    }
}

/// Whether all bytes are printable ASCII. Looks at all of them, whatever they are, so that the processor
/// looks at many at once.
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

//! The session of an answer, read as the module reads it.

use authgear_core::resolver::{Reader, Reading};
use authgear_core::session::Session;

/// The session that the resolver speaks of with these lines besides the user's; `None` where they make none.
pub fn answered<'l>(user: &str, lines: impl IntoIterator<Item = (&'l str, &'l str)>) -> Option<Session> {
    let mut reader = Reader::new(200);
    reader.header(b"x-authgear-session-valid", b"true");
    reader.header(b"x-authgear-user-id", user.as_bytes());
    for (name, value) in lines {
        reader.header(name.as_bytes(), value.as_bytes());
    }
    match reader.reading(true) {
        Reading::Valid(session) => Some(session),
        Reading::Invalid | Reading::Silent | Reading::Unknown(_) => None,
    }
}

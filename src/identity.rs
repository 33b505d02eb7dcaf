//! Who is calling, as the backend is told: the `x-authgear-*` headers of a request, which are this module's
//! and nobody else's.

use std::ffi::CStr;

use authgear_core::grant::Machine;
use authgear_core::ownership;
use authgear_core::session::{Name, Session, VALID};
use nginx::headers::name::HeaderName;
use nginx::headers::{is_named, replace, AddedHeaders, Found, Ownership};
use nginx::pool::OutOfMemory;
use nginx::request::Request;

use crate::conf;

const OURS: Ownership = Ownership {
    owns: ownership::is_ours,
    connection_without: ownership::connection_without_ours,
};

/// What the backend is told.
#[derive(Clone, Copy)]
pub enum Identity<'s> {
    Session(&'s Session),
    /// A client that is no user.
    Machine(&'s Machine),
    /// That there was a credential, and that it is not good.
    Invalid,
    Nothing,
}

/// What one look at all headers of a request finds.
pub struct HeaderScan<'r> {
    /// The first `Authorization`.
    pub authorization: Option<&'r [u8]>,
    pub has_two_authorizations: bool,
    pub has_cookies: bool,
    /// Which bytes of memory all `Authorization` and `Cookie` headers are. A request keeps what it was
    /// sent, so another number is another credential.
    pub credentials_are_at: usize,
    found: Found,
}

impl<'r> HeaderScan<'r> {
    pub fn of(request: Request<'r>) -> Self {
        let mut scan = Self {
            authorization: None,
            has_two_authorizations: false,
            has_cookies: false,
            credentials_are_at: 0,
            found: Found {
                has_owned: false,
                is_empty: true,
            },
        };
        request.each_header(|name, value| scan.look(name, value));
        scan
    }

    fn look(&mut self, name: &'r [u8], value: &'r [u8]) {
        self.found.is_empty = false;
        if is_named(name, b"authorization") {
            self.has_two_authorizations |= self.authorization.is_some();
            self.authorization.get_or_insert(value);
            self.note_place(value);
        } else if is_named(name, b"cookie") {
            self.has_cookies = true;
            self.note_place(value);
        } else if is_named(name, b"connection") {
            self.found.has_owned |= ownership::connection_without_ours(value).is_some();
        } else {
            self.found.has_owned |= ownership::is_ours(name);
        }
    }

    /// In their order: two that have changed places are others.
    fn note_place(&mut self, value: &[u8]) {
        let place = value.as_ptr().addr() ^ value.len().rotate_right(8);
        self.credentials_are_at = self.credentials_are_at.rotate_left(1).wrapping_add(place);
    }
}

/// Takes every header out that belongs to this module, whoever set it, and its name out of `Connection`; then
/// sets those of the identity.
pub fn set(request: Request<'_>, scan: &HeaderScan<'_>, identity: Identity<'_>) -> Result<(), OutOfMemory> {
    let added = match identity {
        Identity::Session(session) => of_session(request, session)?,
        Identity::Machine(machine) => return set_machine(request, scan, machine),
        Identity::Invalid => {
            let mut added = AddedHeaders::with_room(request, 1, &[])?;
            added.push_fixed(&VALID_NAME, c"false")?;
            added
        }
        Identity::Nothing => AddedHeaders::NONE,
    };
    put(request, scan, &added)
}

/// Takes every header out that belongs to this module, and its name out of `Connection`. Costs nothing when
/// the scan found none.
pub fn strip(request: Request<'_>, scan: &HeaderScan<'_>) -> Result<(), OutOfMemory> {
    put(request, scan, &AddedHeaders::NONE)
}

fn put(request: Request<'_>, scan: &HeaderScan<'_>, added: &AddedHeaders<'_>) -> Result<(), OutOfMemory> {
    replace(request, OURS, scan.found, added, conf::header_variables)
}

fn of_session<'s>(request: Request<'_>, session: &'s Session) -> Result<AddedHeaders<'s>, OutOfMemory> {
    // A space stands behind each text of a session's.
    let room = session.count().saturating_add(1);
    let mut added = AddedHeaders::with_room(request, room, session.texts())?;
    added.push_fixed(&VALID_NAME, c"true")?;
    for (name, value) in session.named_lines() {
        match name {
            Name::Known(index) => {
                if let Some(name) = KNOWN.get(usize::from(index)) {
                    added.push_known(name, value)?;
                }
            }
            Name::Other(name) => added.push_other(name.as_bytes(), value)?,
        }
    }
    Ok(added)
}

/// No user's headers, and nothing of a session: only who the client is, and what its token is good for.
fn set_machine(request: Request<'_>, scan: &HeaderScan<'_>, machine: &Machine) -> Result<(), OutOfMemory> {
    // As a session's texts are: a byte behind each.
    let mut texts = Vec::new();
    let mut parts = Vec::new();
    for (name, value) in machine.lines() {
        for text in [name, value] {
            let start = texts.len();
            texts.extend_from_slice(text.as_bytes());
            parts.push(start..texts.len());
            texts.push(b' ');
        }
    }
    let mut added = AddedHeaders::with_room(request, parts.len() / 2, &texts)?;
    for pair in parts.chunks_exact(2) {
        let [name, value] = pair else { continue };
        let part = |range: &std::ops::Range<usize>| texts.get(range.clone()).unwrap_or_default();
        added.push_other(part(name), part(value))?;
    }
    put(request, scan, &added)
}

/// A name of the session's, `text` being `name` with a NUL behind it.
const fn known(name: &str, text: &'static CStr) -> HeaderName {
    let (mut rest, mut same) = (name.as_bytes(), text.to_bytes());
    while let ([byte, after @ ..], [other, others @ ..]) = (rest, same) {
        assert!(*byte == *other, "the same name");
        (rest, same) = (after, others);
    }
    assert!(rest.is_empty() && same.is_empty(), "the same name");
    HeaderName::new(text, text)
}

const VALID_NAME: HeaderName = known(VALID, c"x-authgear-session-valid");
const KNOWN: [HeaderName; Name::KNOWN.len()] = {
    let [user, anonymous, verified, can_reauthenticate, roles, amr, acr, authenticated_at] = Name::KNOWN;
    [
        known(user, c"x-authgear-user-id"),
        known(anonymous, c"x-authgear-user-anonymous"),
        known(verified, c"x-authgear-user-verified"),
        known(can_reauthenticate, c"x-authgear-user-can-reauthenticate"),
        known(roles, c"x-authgear-user-roles"),
        known(amr, c"x-authgear-session-amr"),
        known(acr, c"x-authgear-session-acr"),
        known(authenticated_at, c"x-authgear-session-authenticated-at"),
    ]
};

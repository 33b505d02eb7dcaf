//! Who is calling, as the backend is told: the `x-authgear-*` headers of a request, which are this module's
//! and nobody else's.

use std::ffi::CStr;
use std::ops::Range;

use authgear_core::grant::Machine;
use authgear_core::ownership;
use authgear_core::session::{Name, Session, VALID};
use nginx::headers::name::HeaderName;
use nginx::headers::{is_named, replace, AddedHeaders, Ownership};
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
    /// Something has to go: a header that is ours, or a name of one in `Connection`.
    has_ours: bool,
}

impl<'r> HeaderScan<'r> {
    pub fn of(request: Request<'r>) -> Self {
        let mut scan = Self {
            authorization: None,
            has_two_authorizations: false,
            has_cookies: false,
            has_ours: false,
        };
        request.each_header(|name, value| scan.look(name, value));
        scan
    }

    fn look(&mut self, name: &'r [u8], value: &'r [u8]) {
        if is_named(name, b"authorization") {
            self.has_two_authorizations |= self.authorization.is_some();
            self.authorization.get_or_insert(value);
        } else if is_named(name, b"cookie") {
            self.has_cookies = true;
        } else if is_named(name, b"connection") {
            self.has_ours |= ownership::connection_without_ours(value).is_some();
        } else {
            self.has_ours |= ownership::is_ours(name);
        }
    }
}

/// Takes every header out that belongs to this module, whoever set it, and its name out of `Connection`; then
/// sets those of the identity.
pub fn set(request: Request<'_>, scan: &HeaderScan<'_>, identity: Identity<'_>) -> Result<(), OutOfMemory> {
    let texts = MachineTexts::of(identity);
    replace(
        request,
        OURS,
        scan.has_ours,
        |request| headers_of(request, identity, &texts),
        conf::header_variables,
    )
}

/// Takes every header out that belongs to this module, and its name out of `Connection`. Costs nothing when
/// the scan found none.
pub fn strip(request: Request<'_>, scan: &HeaderScan<'_>) -> Result<(), OutOfMemory> {
    set(request, scan, Identity::Nothing)
}

fn headers_of<'r, 's>(
    request: Request<'r>,
    identity: Identity<'s>,
    texts: &'s MachineTexts,
) -> Result<AddedHeaders<'r, 's>, OutOfMemory> {
    match identity {
        Identity::Session(session) => of_session(request, session),
        Identity::Machine(_) => texts.headers(request),
        Identity::Invalid => {
            let mut added = AddedHeaders::with_room(request, 1, &[])?;
            added.push_fixed(&VALID_NAME, c"false")?;
            Ok(added)
        }
        Identity::Nothing => Ok(AddedHeaders::NONE),
    }
}

fn of_session<'r, 's>(
    request: Request<'r>,
    session: &'s Session,
) -> Result<AddedHeaders<'r, 's>, OutOfMemory> {
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

/// Names and values of a machine's headers, as a session's texts are: a byte behind each.
#[derive(Default)]
struct MachineTexts {
    bytes: Vec<u8>,
    lines: Vec<[Range<usize>; 2]>,
}

impl MachineTexts {
    /// Nothing for a user's or nobody's.
    fn of(identity: Identity<'_>) -> Self {
        let mut texts = Self::default();
        if let Identity::Machine(machine) = identity {
            for (name, value) in machine.lines() {
                let line = [name, value].map(|text| texts.push(text));
                texts.lines.push(line);
            }
        }
        texts
    }

    fn push(&mut self, text: &str) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        let end = self.bytes.len();
        self.bytes.push(b' ');
        start..end
    }

    fn headers<'r>(&self, request: Request<'r>) -> Result<AddedHeaders<'r, '_>, OutOfMemory> {
        let mut added = AddedHeaders::with_room(request, self.lines.len(), &self.bytes)?;
        for [name, value] in &self.lines {
            let part = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
            added.push_other(part(name), part(value))?;
        }
        Ok(added)
    }
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

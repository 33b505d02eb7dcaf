//! Which header names belong to this project.
//!
//! A backend, or a proxy before it, may read `X_Authgear.User-Id` as `X-Authgear-User-Id`: CGI and WSGI fold
//! names so. Therefore every spelling that folds to ours is ours.

const PREFIX: &[u8; 11] = b"x-authgear-";

/// Whether a header of this name belongs to this project: lower-cased, and with everything outside `[a-z0-9]`
/// folded to `-`, it begins `x-authgear-`.
#[must_use]
#[inline]
pub fn is_ours(name: &[u8]) -> bool {
    // Only two bytes fold to the first: most names are told apart by it.
    matches!(name, [b'x' | b'X', ..]) && folds_to_ours(name)
}

fn folds_to_ours(name: &[u8]) -> bool {
    name.first_chunk().is_some_and(|begin: &[u8; PREFIX.len()]| {
        // As it is spelled nearly always, in either case; then whatever folds to it.
        begin.map(|byte| byte | 0x20) == *PREFIX || begin.map(fold) == *PREFIX
    })
}

/// Whether a header name is ours, and spelled as Authgear spells them: what folds to it is not it.
#[must_use]
pub fn is_canonical(name: &str) -> bool {
    name.bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && is_ours(name.as_bytes())
}

/// What is left of a `Connection` value without the names that are ours; `None` when none of them is.
///
/// The value is a comma-separated list (RFC 9110, section 7.6.1); the rest keeps its order and bytes.
#[must_use]
pub fn connection_without_ours(value: &[u8]) -> Option<Vec<u8>> {
    let options = || value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    if !options().any(is_ours) {
        return None;
    }
    let left: Vec<&[u8]> = options()
        .filter(|option| !option.is_empty() && !is_ours(option))
        .collect();
    Some(left.join(&b", "[..]))
}

fn fold(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        folded @ (b'a'..=b'z' | b'0'..=b'9') => folded,
        _ => b'-',
    }
}

//! Cookies as Go's `net/http` reads them, since that is what stands behind the real resolver.
//!
//! Enters: the `Cookie` lines in order. Leaves: the value of the first readable cookie of a name.

fn token(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn allowed(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && !b"\";\\".contains(&byte)
}

/// Without surrounding quotes; nothing when a byte is left that Go does not allow.
fn value(raw: &[u8]) -> Option<&[u8]> {
    let bare = match raw {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    };
    bare.iter().all(|byte| allowed(*byte)).then_some(bare)
}

/// The first cookie of that name whose value Go would take: it skips the others and goes on.
pub fn first<'a>(lines: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<&'a str> {
    lines
        .into_iter()
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .filter_map(|part| {
            let part = part.trim_ascii();
            let cut = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
            let (left, right) = part.split_at(cut);
            let left = left.trim_ascii();
            (token(left) && left == name.as_bytes()).then(|| value(right.get(1..).unwrap_or_default()))?
        })
        .find_map(|value| std::str::from_utf8(value).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::first;

    fn session(lines: &[&str]) -> Option<String> {
        first(lines.iter().map(|line| line.as_bytes()), "session").map(str::to_owned)
    }

    #[test]
    fn the_first_cookie_of_a_name_counts_over_all_lines() {
        assert_eq!(session(&["a=b; session=1", "session=2"]).unwrap(), "1");
        assert_eq!(session(&["a=b", "session=2"]).unwrap(), "2");
        assert_eq!(session(&["Session=1", "xsession=2"]), None);
    }

    #[test]
    fn quotes_are_taken_off_and_an_empty_value_is_a_value() {
        assert_eq!(session(&["session=\"1\""]).unwrap(), "1");
        assert_eq!(session(&["session="]).unwrap(), "");
        assert_eq!(session(&["session"]).unwrap(), "");
    }

    #[test]
    fn a_value_that_go_refuses_is_skipped_for_the_next() {
        assert_eq!(session(&["session=a\"b; session=2"]).unwrap(), "2");
        assert_eq!(session(&["session=\"a; session=2"]).unwrap(), "2");
        assert_eq!(session(&["session=\u{e9}; session=2"]).unwrap(), "2");
        assert_eq!(session(&["session=a b"]).unwrap(), "a b");
    }
}

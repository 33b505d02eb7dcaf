//! A line in the file of the library, for who has nothing but that: `strings` shows it.

use nginx::NGINX_VERSION;

/// Zero bytes around the line keep it apart from what lies beside it.
const PARTS: &[&str] = &[
    "\0ngx_http_authgear_module ",
    env!("CARGO_PKG_VERSION"),
    " (nginx ",
    NGINX_VERSION,
    ")\0",
];

/// Exported, or the linker would leave out what nobody uses.
#[no_mangle]
pub static ngx_http_authgear_module_version: [u8; length(PARTS)] = joined(PARTS);

const fn length(parts: &[&str]) -> usize {
    let (mut length, mut parts): (usize, _) = (0, parts);
    while let [part, others @ ..] = parts {
        (length, parts) = (length.saturating_add(part.len()), others);
    }
    length
}

const fn joined<const N: usize>(parts: &[&str]) -> [u8; N] {
    let (mut line, mut parts) = ([0; N], parts);
    let mut free: &mut [u8] = &mut line;
    while let [part, others @ ..] = parts {
        let (place, rest) = free.split_at_mut(part.len());
        place.copy_from_slice(part.as_bytes());
        (free, parts) = (rest, others);
    }
    line
}

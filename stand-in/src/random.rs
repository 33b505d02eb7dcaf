//! Random names in the shapes that Authgear uses; all of them from OpenSSL's generator.

use crate::fail::Fail;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn bytes<const N: usize>() -> Result<[u8; N], Fail> {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 letters and digits: an opaque token.
pub fn opaque() -> Result<String, Fail> {
    // The bias of a remainder does not matter to a test.
    Ok(bytes::<32>()?
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(*byte % 62)))
        .map(|letter| char::from(*letter))
        .collect())
}

/// A version 4 UUID: a user, a key.
pub fn uuid() -> Result<String, Fail> {
    let mut bytes = bytes::<16>()?;
    if let Some(byte) = bytes.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x40;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let text = hex(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| text.get(range).unwrap_or_default());
    Ok(parts.join("-"))
}

/// 64 hex digits: a token's `jti`.
pub fn digest() -> Result<String, Fail> {
    Ok(hex(&bytes::<32>()?))
}

/// `UUID.LETTERS`: the value of a session cookie.
pub fn session() -> Result<String, Fail> {
    Ok(format!("{}.{}", uuid()?, opaque()?))
}

/// True so many times of a hundred.
pub fn chance(percent: u8) -> bool {
    // Without randomness it happens: a test that wants it is not misled.
    bytes::<2>().map_or(true, |bytes| u16::from_le_bytes(bytes) % 100 < u16::from(percent))
}

/// One of them; `otherwise` without randomness.
pub fn any<T: Copy, const N: usize>(of: [T; N], otherwise: T) -> T {
    let byte = bytes::<1>().map_or(0, |[byte]| usize::from(byte));
    let place = byte.checked_rem(N).unwrap_or(0);
    of.get(place).copied().unwrap_or(otherwise)
}

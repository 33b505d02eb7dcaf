//! JSON objects, read strictly: what documents and tokens of others hold.

use serde::{Deserialize, Deserializer};

/// Whether JSON is an object: an array of the right values would otherwise be taken for one.
pub(crate) fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

/// Reads a JSON object that is UTF-8 throughout (RFC 8259, section 8.1), also where nobody looks. `None` for
/// anything else.
pub(crate) fn object<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Option<T> {
    if !is_object(json) {
        return None;
    }
    serde_json::from_str(std::str::from_utf8(json).ok()?).ok()
}

/// A member that may be missing, yet is no `null` when it is there.
pub(crate) fn not_null<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

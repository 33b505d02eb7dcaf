//! Spoils a token after it was signed, each way by itself.
//!
//! Enters: the token's parts before their encoding. Leaves: its text.

use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use base64::Engine;
use serde::Deserialize;
use serde_json::{json, Map, Value};

/// What is done to a token after it was signed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tamper {
    Signature,
    Payload,
    Header,
    Padding,
    StrayBits,
    Alphabet,
    EmptySignature,
    TwoParts,
    FourParts,
    Truncate,
}

/// The same JSON object with one member more, or a byte more where it is no object.
fn changed(text: &str, name: &str, value: Value) -> String {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(mut object) => {
            object.insert(name.to_owned(), value);
            Value::Object(object).to_string()
        }
        Err(_) => format!("{text} "),
    }
}

fn padded(part: &str) -> String {
    let missing = 4_usize.wrapping_sub(part.len() % 4) % 4;
    format!("{part}{}", "=".repeat(missing))
}

/// The last letter with one of the bits set that no byte uses, where there are such.
fn with_stray_bits(part: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut letters = part.chars();
    let last = letters.next_back().filter(|_| matches!(part.len() % 4, 2 | 3));
    // Unused bits of a canonical letter are zero, so its place is even and the next one is free.
    let next = last.and_then(|last| ALPHABET.chars().skip_while(|letter| *letter != last).nth(1));
    next.map_or_else(|| part.to_owned(), |next| format!("{}{next}", letters.as_str()))
}

/// The token of these parts, spoilt.
pub fn tampered(tamper: Tamper, header: &str, payload: &str, signature: &[u8]) -> String {
    let (h, p, s) = (
        BASE64URL.encode(header),
        BASE64URL.encode(payload),
        BASE64URL.encode(signature),
    );
    match tamper {
        Tamper::Signature => {
            let mut other = signature.to_vec();
            let middle = other.len() / 2;
            if let Some(byte) = other.get_mut(middle) {
                *byte ^= 1;
            }
            format!("{h}.{p}.{}", BASE64URL.encode(other))
        }
        Tamper::Payload => {
            let other = changed(payload, "sub", json!("00000000-0000-4000-8000-000000000000"));
            format!("{h}.{}.{s}", BASE64URL.encode(other))
        }
        Tamper::Header => format!(
            "{}.{p}.{s}",
            BASE64URL.encode(changed(header, "tampered", json!(true)))
        ),
        Tamper::Padding => format!("{}.{}.{}", padded(&h), padded(&p), padded(&s)),
        Tamper::StrayBits => format!("{h}.{p}.{}", with_stray_bits(&s)),
        Tamper::Alphabet => format!("{h}.{p}.{s}").replace('-', "+").replace('_', "/"),
        Tamper::EmptySignature => format!("{h}.{p}."),
        Tamper::TwoParts => format!("{h}.{p}"),
        Tamper::FourParts => format!("{h}.{p}.{s}.{s}"),
        Tamper::Truncate => {
            let half = signature.get(..signature.len() / 2).unwrap_or_default();
            format!("{h}.{p}.{}", BASE64URL.encode(half))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stray_bits_spell_the_same_signature() {
        let sloppy = base64::engine::GeneralPurpose::new(
            &base64::alphabet::URL_SAFE,
            base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
        );
        for length in [1, 2, 256] {
            let bytes = vec![0xa7; length];
            let stray = with_stray_bits(&BASE64URL.encode(&bytes));
            assert_ne!(stray, BASE64URL.encode(&bytes));
            assert_eq!(sloppy.decode(&stray).unwrap(), bytes);
        }
    }
}

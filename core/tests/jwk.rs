//! Which keys of a document may vouch for a token.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::jwks::{Ignored, MAX_KID};
use authgear_core::policy::Mode;
use authgear_core::verify::verify;
use common::{
    base64url, ignored, ignored_raw, key, key_with, modulus, policy, set, verified, Issuer, NOW, RFC_7638_N,
};
use serde_json::json;

#[test]
fn one_malformed_key_does_not_spoil_the_others() {
    for raw in [
        "null",
        "1",
        "\"RSA\"",
        "[]",
        "{}",
        r#"["RSA",null,null,null,"k","AQAB","AQAB"]"#,
        r#"{"kty":1}"#,
        r#"{"kty":null}"#,
        r#"{"kty":"RSA","kty":"RSA"}"#,
        r#"{"kty":"RSA","kid":1}"#,
        r#"{"kty":"RSA","n":1}"#,
        r#"{"kty":"RSA","n":null}"#,
        r#"{"kty":"RSA","n":"AQAB","e":[]}"#,
        r#"{"kty":"RSA","key_ops":"verify"}"#,
        r#"{"kty":"RSA","key_ops":[1]}"#,
        r#"{"kty":"RSA","use":[]}"#,
        r#"{"kty":"RSA","kid":"\ud800"}"#,
    ] {
        assert_eq!(ignored_raw(raw), Some(Ignored::Malformed), "{raw}");
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(ignored_raw(&deep), Some(Ignored::Malformed));
}

#[test]
fn a_member_that_stands_twice_makes_its_key_malformed() {
    for member in [
        r#""kid":"other""#,
        r#""n":"AQAB""#,
        r#""e":"AQAB""#,
        r#""\u006b\u0069d":"x""#,
    ] {
        let twice = key("k").to_string().replacen('{', &format!("{{{member},"), 1);
        assert_eq!(ignored_raw(&twice), Some(Ignored::Malformed), "{member}");
    }
}

#[test]
fn a_key_says_that_it_is_an_rsa_key_for_rs256_signatures_or_nothing_else() {
    for used in [
        json!({}),
        json!({"use": "sig"}),
        json!({"alg": "RS256"}),
        json!({"use": "sig", "alg": "RS256", "key_ops": ["verify"], "created_at": 1}),
        json!({"key_ops": ["sign", "verify"]}),
        json!({"kid": null}),
        json!({"x5c": ["MIIB"], "x5t": "x", "ext": true}),
    ] {
        assert_eq!(ignored(&key_with(used.clone())), None, "{used}");
    }
    for (why, unused) in [
        (Ignored::OtherPurpose, json!({"use": "enc"})),
        (Ignored::OtherPurpose, json!({"use": ""})),
        (Ignored::OtherPurpose, json!({"use": "SIG"})),
        (Ignored::OtherPurpose, json!({"alg": "RS512"})),
        (Ignored::OtherPurpose, json!({"alg": "PS256"})),
        (Ignored::OtherPurpose, json!({"alg": "RSA-OAEP"})),
        (Ignored::OtherPurpose, json!({"alg": "none"})),
        (Ignored::OtherPurpose, json!({"alg": ""})),
        (Ignored::OtherPurpose, json!({"key_ops": ["sign"]})),
        (Ignored::OtherPurpose, json!({"key_ops": []})),
        (
            Ignored::OtherPurpose,
            json!({"use": "sig", "key_ops": ["encrypt"]}),
        ),
        (Ignored::NotRsa, json!({"kty": "EC"})),
        (Ignored::NotRsa, json!({"kty": "oct", "k": "AQAB"})),
        (Ignored::NotRsa, json!({"kty": "rsa"})),
        (Ignored::NotRsa, json!({"kty": ""})),
        (Ignored::Malformed, json!({"kty": null})),
    ] {
        assert_eq!(ignored(&key_with(unused.clone())), Some(why), "{unused}");
    }
}

#[test]
fn a_null_says_nothing_that_a_key_may_be_used_by() {
    for name in ["use", "alg", "key_ops", "kid"] {
        let raw = key_with(json!({name: null})).to_string();
        let null = raw.replacen('{', &format!("{{\"{name}\":null,"), 1);
        assert_eq!(ignored_raw(&null), Some(Ignored::Malformed), "{name}");
    }
}

#[test]
fn a_kid_is_at_most_256_bytes_long() {
    assert_eq!(ignored(&key(&"k".repeat(MAX_KID))), None);
    assert_eq!(ignored(&key(&"k".repeat(MAX_KID + 1))), Some(Ignored::LongKid));
    assert_eq!(ignored(&key(&"\u{e9}".repeat(MAX_KID / 2))), None);
    assert_eq!(
        ignored(&key(&"\u{e9}".repeat(MAX_KID / 2 + 1))),
        Some(Ignored::LongKid)
    );
}

#[test]
fn a_modulus_has_2048_to_8192_bits() {
    for bits in [2048, 2056, 3072, 4096, 8192] {
        assert_eq!(
            ignored(&key_with(json!({"n": base64url(modulus(bits))}))),
            None,
            "{bits}"
        );
    }
    for bits in [8, 512, 1024, 2040, 2047, 8193, 8200, 16384] {
        let n = base64url(modulus(bits));
        assert_eq!(
            ignored(&key_with(json!({"n": n}))),
            Some(Ignored::BadNumbers),
            "{bits}"
        );
    }
}

#[test]
fn a_modulus_is_odd_and_begins_with_no_zero() {
    let good = modulus(2048);
    let even: Vec<u8> = good[..255].iter().copied().chain([good[255] & 0xfe]).collect();
    let padded = [&[0], &good[..]].concat();
    let short_padded = [&[0, 0], &modulus(2040)[..]].concat();
    for bad in [even, padded, short_padded, vec![0; 256], Vec::new()] {
        assert_eq!(
            ignored(&key_with(json!({"n": base64url(bad)}))),
            Some(Ignored::BadNumbers)
        );
    }
}

#[test]
fn an_exponent_is_odd_from_3_to_33_bits() {
    for good in ["Aw", "BQ", "EQ", "AQAB", "Af____8"] {
        assert_eq!(ignored(&key_with(json!({"e": good}))), None, "{good}");
    }
    let two_to_33_and_1 = base64url([2, 0, 0, 0, 1]);
    let six_bytes = base64url([1, 0, 0, 0, 0, 1]);
    let padded = base64url([0, 1, 0, 1]);
    for bad in [
        "",
        "AA",
        "AQ",
        "Ag",
        "BA",
        "AQAA",
        &two_to_33_and_1,
        &six_bytes,
        &padded,
    ] {
        assert_eq!(
            ignored(&key_with(json!({"e": bad}))),
            Some(Ignored::BadNumbers),
            "{bad}"
        );
    }
}

#[test]
fn numbers_are_strict_base64url() {
    let standard = RFC_7638_N.replace('-', "+").replace('_', "/");
    let stray = RFC_7638_N.strip_suffix('w').unwrap().to_owned() + "x";
    for bad in [
        standard.as_str(),
        stray.as_str(),
        &format!("{RFC_7638_N}="),
        &format!("{RFC_7638_N}=="),
        &format!(" {RFC_7638_N}"),
        &format!("{RFC_7638_N}\n"),
        "",
        "!",
    ] {
        assert_eq!(
            ignored(&key_with(json!({"n": bad}))),
            Some(Ignored::BadNumbers),
            "{bad}"
        );
    }
    for bad in ["AQAB=", "AQA", "AQ AB", "AQAB\u{e9}"] {
        assert_eq!(
            ignored(&key_with(json!({"e": bad}))),
            Some(Ignored::BadNumbers),
            "{bad}"
        );
    }
    assert_eq!(ignored(&key_with(json!({"n": null}))), Some(Ignored::BadNumbers));
    assert_eq!(ignored(&key_with(json!({"e": null}))), Some(Ignored::BadNumbers));
}

#[test]
fn keys_of_other_sizes_and_exponents_vouch_as_well() {
    for (bits, exponent) in [(2048, 3), (3072, 65537)] {
        let issuer = Issuer::new("other", bits, exponent);
        verified(verify(
            &issuer.good(),
            &set(&[issuer.jwk()]),
            &policy(Mode::On),
            NOW,
        ));
    }
}

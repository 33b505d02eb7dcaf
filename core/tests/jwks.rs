//! Which documents are key sets, which of their keys are used, and that a set survives being written down.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::jwks::{
    Ignored, JwksError, KeySet, Parsed, MAX_DOCUMENT, MAX_KEYS, MAX_KID, MAX_SERIALISED,
};
use authgear_core::policy::Mode;
use authgear_core::verify::{verify, Judgement};
use common::{base64url, key, key_with, modulus, policy, set, Issuer, KID, NOW, RFC_7638_N};
use serde_json::{json, Value};

fn parse(keys: Value) -> Result<Parsed, JwksError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

// --- documents

#[test]
fn anything_but_an_object_with_an_array_keys_is_no_key_set() {
    let good = key("good").to_string();
    for document in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"keys\"".to_owned(),
        "{}".to_owned(),
        "{".to_owned(),
        r#"{"keys":null}"#.to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        r#"{"keys":"x"}"#.to_owned(),
        good.clone(),
        format!("[{good}]"),
        format!("[[{good}]]"),
        format!(r#"{{"keys":{good}}}"#),
        format!(r#"{{"Keys":[{good}]}}"#),
        format!(r#"{{"keys":[{good}],"keys":[{good}]}}"#),
        format!(r#"{{"keys":[{good}]"#),
        format!(r#"{{"keys":[{good},]}}"#),
        format!(r#"{{"keys":[{good}]}}x"#),
        format!("\u{feff}{{\"keys\":[{good}]}}"),
        "<html><body>Sign in to the hotel's network</body></html>".to_owned(),
    ] {
        let got = KeySet::parse(document.as_bytes());
        assert_eq!(got.err(), Some(JwksError::NotAKeySet), "{document}");
    }
    assert_eq!(
        KeySet::parse(b"{\"keys\":[\"\xff\"]}").err(),
        Some(JwksError::NotAKeySet)
    );
}

#[test]
fn a_document_without_a_usable_key_is_refused() {
    let useless = [
        json!([]),
        json!([null]),
        json!([1, "x", [], {}]),
        json!([[]]),
        json!([key_with(json!({"use": "enc"}))]),
        json!([key("twice"), key("twice")]),
    ];
    for keys in useless {
        assert_eq!(parse(keys.clone()).err(), Some(JwksError::NoUsableKey), "{keys}");
    }
}

#[test]
fn a_document_of_256_kib_is_read_and_one_byte_more_is_not() {
    let good = json!({"keys": [key("good")], "pad": ""}).to_string();
    let padded = |length: usize| {
        let pad = "x".repeat(length - good.len());
        good.replace(r#""pad":"""#, &format!(r#""pad":"{pad}""#))
    };
    assert!(KeySet::parse(padded(MAX_DOCUMENT).as_bytes()).is_ok());
    let larger = padded(MAX_DOCUMENT + 1);
    assert_eq!(larger.len(), 256 * 1024 + 1);
    assert_eq!(KeySet::parse(larger.as_bytes()).err(), Some(JwksError::TooLarge));
}

#[test]
fn white_space_and_members_that_nobody_names_do_no_harm() {
    let document = format!("\r\n\t {{ \"issuer\": 1e999, \"keys\" : [ {} ] }}\n", key("good"));
    assert_eq!(KeySet::parse(document.as_bytes()).unwrap().set.len(), 1);
}

#[test]
fn a_kid_that_stands_twice_is_unusable_each_time() {
    let twice = |other: Value| parse(json!([key("twice"), other, key("good")])).unwrap();
    for other in [
        key("twice"),
        Issuer::first().jwk_as("twice"),
        json!({"kty": "EC", "kid": "twice"}),
        json!({"kty": "RSA", "kid": "twice", "use": "enc"}),
        json!({"kid": "twice"}),
    ] {
        let parsed = twice(other.clone());
        assert_eq!(parsed.set.len(), 1, "{other}");
        assert!(parsed.set.find(Some("twice")).is_none(), "{other}");
        assert!(parsed.set.find(Some("good")).is_some());
        assert_eq!(parsed.ignored.first(), Some(&Ignored::SameKid), "{other}");
    }
}

#[test]
fn what_is_no_object_takes_no_kid_away() {
    let parsed = parse(json!([["good"], key("good")])).unwrap();
    assert!(parsed.set.find(Some("good")).is_some());
    assert_eq!(parsed.ignored, [Ignored::Malformed]);
}

#[test]
fn sixteen_keys_are_used_in_the_documents_order() {
    assert_eq!(MAX_KEYS, 16);
    let useless = key_with(json!({"use": "enc"}));
    let mut keys = vec![useless];
    keys.extend((0..19).map(|at| key(&at.to_string())));
    let parsed = parse(json!(keys)).unwrap();
    assert_eq!(
        (parsed.set.len(), parsed.beyond, parsed.ignored.len()),
        (16, 3, 1)
    );
    for at in 0..19 {
        assert_eq!(parsed.set.find(Some(&at.to_string())).is_some(), at < 16, "{at}");
    }
    let sixteen = parse(json!((0..16).map(|at| key(&at.to_string())).collect::<Vec<_>>())).unwrap();
    assert_eq!((sixteen.set.len(), sixteen.beyond), (16, 0));
}

// --- finding a key

#[test]
fn a_kid_is_found_byte_for_byte() {
    let called = |issuer: &Issuer, kid: &str| {
        let mut jwk = issuer.jwk();
        jwk["kid"] = json!(kid);
        jwk
    };
    let small = called(Issuer::first(), "a");
    let keys = set(&[small.clone(), called(Issuer::second(), "A"), key("")]);
    let thumbprint = |keys: &KeySet, kid| *keys.find(Some(kid)).unwrap().thumbprint();
    assert_eq!(thumbprint(&keys, "a"), thumbprint(&set(&[small]), "a"));
    assert_ne!(thumbprint(&keys, "a"), thumbprint(&keys, "A"));
    assert_eq!(thumbprint(&keys, ""), thumbprint(&set(&[key("")]), ""));
    assert!(keys.find(Some("b")).is_none());
    assert!(keys.find(None).is_none(), "three keys, and no kid to tell which");
}

#[test]
fn a_key_without_a_kid_vouches_only_for_tokens_without_one() {
    let alone = set(&[key_with(json!({"kid": null}))]);
    assert!(alone.find(None).is_some());
    assert!(alone.find(Some("")).is_none());
    assert!(alone.find(Some("changed")).is_none());
    let beside = set(&[key_with(json!({"kid": null})), key("a")]);
    assert!(beside.find(None).is_none());
    assert!(beside.find(Some("a")).is_some());
}

#[test]
fn an_unusable_key_does_not_count_where_a_token_has_no_kid() {
    let keys = set(&[
        Issuer::first().jwk(),
        key_with(json!({"use": "enc"})),
        json!({"kty": "EC"}),
    ]);
    assert!(keys.find(None).is_some());
}

#[test]
fn a_thumbprint_is_that_of_rfc_7638() {
    let keys =
        set(&[json!({"kty": "RSA", "kid": "2011-04-29", "alg": "RS256", "n": RFC_7638_N, "e": "AQAB"})]);
    let thumbprint = keys.find(Some("2011-04-29")).unwrap().thumbprint();
    assert_eq!(
        base64url(thumbprint),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    assert!(keys.contains(thumbprint));
    assert!(!keys.contains(&[0; 32]));
    let other = set(&[json!({"kty": "RSA", "n": RFC_7638_N, "e": "Aw"})]);
    assert!(!other.contains(thumbprint), "the exponent is part of it");
}

// --- written down

fn same(one: &KeySet, other: &KeySet) {
    assert_eq!(one.to_bytes(), other.to_bytes());
    assert_eq!(one.len(), other.len());
}

#[test]
fn a_set_survives_being_written_down() {
    let sets = [
        set(&[Issuer::first().jwk()]),
        set(&[
            Issuer::first().jwk(),
            key(""),
            key_with(json!({"kid": null})),
            key("\u{e9}"),
            Issuer::second().jwk(),
        ]),
    ];
    for keys in sets {
        let read = KeySet::from_bytes(&keys.to_bytes()).unwrap();
        same(&read, &keys);
        let judgement = verify(&Issuer::first().good(), &read, &policy(Mode::On), NOW);
        assert!(matches!(judgement, Judgement::Verified(_)));
        assert_eq!(
            read.find(Some(KID)).unwrap().thumbprint(),
            keys.find(Some(KID)).unwrap().thumbprint()
        );
    }
}

#[test]
fn what_is_cut_short_is_no_set() {
    let bytes = set(&[Issuer::first().jwk(), key("a")]).to_bytes();
    for end in 0..bytes.len() {
        assert!(
            KeySet::from_bytes(&bytes[..end]).is_none(),
            "{end} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn what_goes_on_or_has_another_format_is_no_set() {
    let bytes = set(&[Issuer::first().jwk()]).to_bytes();
    for rest in [&[0][..], &bytes] {
        assert!(KeySet::from_bytes(&[&bytes, rest].concat()).is_none());
    }
    for at in 0..8 {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(
            KeySet::from_bytes(&other).is_none(),
            "byte {at} is of the format and the count"
        );
    }
    let kid = KID.len().to_le_bytes();
    let longer = (MAX_KID + 1).to_le_bytes();
    let mut long = bytes.clone();
    assert_eq!(long[8..12], kid[..4]);
    long.splice(
        8..12 + KID.len(),
        [&longer[..4], "k".repeat(MAX_KID + 1).as_bytes()].concat(),
    );
    assert!(
        KeySet::from_bytes(&long).is_none(),
        "a kid that no document gives"
    );
    assert!(KeySet::from_bytes(&[0; 4096]).is_none());
    assert!(KeySet::from_bytes(&[255; 4096]).is_none());
}

#[test]
fn the_largest_set_fits_its_place() {
    let keys: Vec<Value> = (0..MAX_KEYS)
        .map(|at| {
            let kid = format!("{at:0>width$}", width = MAX_KID);
            json!({"kty": "RSA", "kid": kid, "n": base64url(modulus(8192)), "e": "Af____8"})
        })
        .collect();
    let keys = set(&keys);
    let bytes = keys.to_bytes();
    assert_eq!((keys.len(), bytes.len()), (MAX_KEYS, MAX_SERIALISED));
    same(&KeySet::from_bytes(&bytes).unwrap(), &keys);
}

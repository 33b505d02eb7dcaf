//! What a token must be to verify before its claims are read: its form, its key, its signature. Each demand
//! is a test of its own. Its header has a file to itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::jws::MAX_TOKEN;
use authgear_core::policy::Mode;
use authgear_core::verdict::Reason;
use authgear_core::verify::{verify, Judgement};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use common::{
    base64url, claiming, headed, header, judge, policy, project, refusal, refused, session, set, verified,
    with_header, Issuer, KID, NOW,
};
use serde_json::json;

fn good() -> String {
    Issuer::first().good()
}

#[test]
fn what_vouches_is_named_by_its_thumbprint() {
    let Judgement::Verified(verified) = judge(&good()) else {
        panic!("not verified");
    };
    assert!(project().contains(&verified.thumbprint));
    assert_eq!(verified.kid.as_deref(), Some(KID));
    assert_eq!((verified.claims.iat, verified.claims.exp), (NOW - 60, NOW + 1740));
}

// --- the form

#[test]
fn a_token_of_16_kib_verifies_and_one_byte_more_does_not() {
    let length = |pad: usize| claiming(json!({"pad": "x".repeat(pad)})).len();
    // Four characters for each three bytes: the last padding that fits is found within a few steps of this
    // estimate.
    let estimate = (MAX_TOKEN - length(0)) * 3 / 4 - 4;
    let fits = (estimate..)
        .take_while(|&pad| length(pad) <= MAX_TOKEN)
        .last()
        .unwrap();
    let token = claiming(json!({"pad": "x".repeat(fits)}));
    assert!(
        (MAX_TOKEN - 1..=MAX_TOKEN).contains(&token.len()),
        "{}",
        token.len()
    );
    session(&token);
    assert_eq!(
        refusal(&claiming(json!({"pad": "x".repeat(fits + 1)}))),
        Reason::TooLarge
    );
}

#[test]
fn length_alone_refuses_whatever_the_bytes_are() {
    assert_eq!(refusal(&"a".repeat(MAX_TOKEN + 1)), Reason::TooLarge);
    assert_eq!(refusal(&"a".repeat(MAX_TOKEN)), Reason::Malformed);
}

#[test]
fn anything_but_three_parts_is_malformed() {
    let token = good();
    let (input, signature) = token.rsplit_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "eyJ..".to_owned(),
        input.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{input}.{signature}.x.y"),
        format!(".{}.{signature}", input.split_once('.').unwrap().1),
    ] {
        assert_eq!(refusal(&bad), Reason::Malformed, "{bad}");
    }
}

#[test]
fn a_jwe_is_refused() {
    let header =
        base64url(json!({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": KID, "typ": "at+jwt"}).to_string());
    assert_eq!(refusal(&format!("{header}.a.a.a.a")), Reason::Malformed);
    assert_eq!(
        refusal(&headed(json!({"alg": "RSA-OAEP", "enc": "A256GCM"}))),
        Reason::UnsupportedAlgorithm
    );
}

#[test]
fn an_unsigned_token_is_refused() {
    let token = good();
    let input = token.rsplit_once('.').unwrap().0;
    assert_eq!(refusal(&format!("{input}.")), Reason::BadSignature);
}

#[test]
fn base64_that_is_not_strict_is_refused_in_each_part() {
    // A header whose length leaves bits over, so that they can stray: "at+jwt" in a longer spelling does.
    let header = json!({"alg": "RS256", "kid": KID, "typ": "application/at+jwt"}).to_string();
    let headers = [header.clone(), format!("{header} "), format!("{header}  ")];
    let token = headers
        .iter()
        .map(|header| with_header(header))
        .find(|token| token.split('.').next().unwrap().len() % 4 == 2)
        .unwrap();
    session(&token);
    let parts: Vec<&str> = token.split('.').collect();
    let spoilt = |part: usize, text: String| {
        let mut parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
        parts[part] = text;
        parts.join(".")
    };
    for (part, &text) in parts.iter().enumerate() {
        for bad in [
            format!("{text}="),
            format!("{text}=="),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}\r\n"),
            format!("{}\t{}", &text[..4], &text[4..]),
            format!("{}+{}", &text[..4], &text[5..]),
            format!("{}/{}", &text[..4], &text[5..]),
            format!("{}\u{e9}{}", &text[..4], &text[5..]),
            format!("{}%3D{}", &text[..4], &text[5..]),
        ] {
            assert_eq!(
                refusal(&spoilt(part, bad.clone())),
                Reason::Malformed,
                "part {part}: {bad}"
            );
        }
    }
    // The last character's low bits mean nothing: another spelling of the same bytes.
    for part in [0, 2] {
        let text = parts[part];
        assert_ne!(text.len() % 4, 0, "part {part} leaves no bits");
        let (rest, last) = text.split_at(text.len() - 1);
        let stray = next(last);
        assert_eq!(
            refusal(&spoilt(part, format!("{rest}{stray}"))),
            Reason::Malformed,
            "part {part}"
        );
    }
}

/// The next character of the base64url alphabet.
fn next(character: &str) -> char {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(character).unwrap();
    char::from(alphabet.as_bytes()[at + 1])
}

// --- the key

#[test]
fn a_kid_that_the_set_does_not_have_is_no_verdict() {
    for kid in ["second", "", "FIRST", "first ", "firs", "first\0"] {
        assert_eq!(judge(&headed(json!({"kid": kid}))), Judgement::NoKey, "{kid:?}");
    }
}

#[test]
fn without_a_kid_the_only_key_vouches() {
    session(&headed(json!({"kid": null})));
}

#[test]
fn without_a_kid_two_keys_vouch_for_nothing() {
    let two = set(&[Issuer::first().jwk(), Issuer::second().jwk()]);
    for issuer in [Issuer::first(), Issuer::second()] {
        let token = issuer.headed(json!({"kid": null}));
        let judgement = verify(&token, &two, &policy(Mode::On), NOW);
        assert_eq!(refused(judgement), Reason::UnknownKey);
    }
}

#[test]
fn a_kid_chooses_its_own_key_and_no_other() {
    let (first, second) = (Issuer::first(), Issuer::second());
    let two = set(&[first.jwk(), second.jwk()]);
    for issuer in [first, second] {
        verified(verify(&issuer.good(), &two, &policy(Mode::On), NOW));
    }
    let crossed = first.headed(json!({"kid": "second"}));
    assert_eq!(
        refused(verify(&crossed, &two, &policy(Mode::On), NOW)),
        Reason::BadSignature
    );
}

#[test]
fn a_kid_that_stands_twice_in_the_set_vouches_for_nothing() {
    let other = Issuer::second().jwk_as(KID);
    let third = json!({"kid": "third", "kty": "RSA", "n": base64url(common::modulus(2048)), "e": "AQAB"});
    let keys = set(&[Issuer::first().jwk(), other, third]);
    assert_eq!(verify(&good(), &keys, &policy(Mode::On), NOW), Judgement::NoKey);
}

#[test]
fn a_kid_that_is_no_string_is_refused() {
    for kid in ["1", "null", "true", "[]", "{}", "[\"first\"]"] {
        let header = format!(r#"{{"alg":"RS256","kid":{kid},"typ":"at+jwt"}}"#);
        assert_eq!(refusal(&with_header(&header)), Reason::Malformed, "{kid}");
    }
}

// --- the signature

#[test]
fn a_changed_payload_or_header_or_signature_is_refused() {
    let (token, other) = (good(), claiming(json!({"sub": "someone-else"})));
    let ([header, payload, signature], [_, other_payload, other_signature]) = (parts(&token), parts(&other));
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bad in [
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{other_signature}"),
        format!("{header}.{payload}.{}", base64url(&bytes[..255])),
        format!("{header}.{payload}.{}", base64url([&[0], &bytes[..]].concat())),
        format!("{header}.{payload}.{signature}AAAA"),
        format!("{header}.{payload}.AAAA{signature}"),
        format!("{header}.{payload}.{}", base64url([0; 256])),
        format!("{header}.{payload}.{}", base64url([255; 256])),
    ] {
        assert_eq!(refusal(&bad), Reason::BadSignature);
    }
    let retyped = base64url(json!({"alg": "RS256", "kid": KID, "typ": "application/at+jwt"}).to_string());
    assert_eq!(
        refusal(&format!("{retyped}.{payload}.{signature}")),
        Reason::BadSignature
    );
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().unwrap()
}

#[test]
fn another_keys_signature_is_refused() {
    assert_eq!(
        refusal(&Issuer::second().headed(json!({"kid": KID}))),
        Reason::BadSignature
    );
}

#[test]
fn a_bad_signature_hides_what_the_claims_say() {
    let token = Issuer::second().sign(&header(), &json!({"iss": "https://evil.example"}).to_string());
    assert_eq!(judge(&token), Judgement::Refused(Reason::BadSignature, None));
}

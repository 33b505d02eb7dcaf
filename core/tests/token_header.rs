//! What a token's header must say for the token to verify, and what it may not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::verdict::Reason;
use common::{base64url, claims, headed, header, refusal, session, with_header, Issuer, KID};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::json;

#[test]
fn no_algorithm_but_rs256_is_looked_at() {
    for alg in [
        "none", "None", "NONE", "", "rs256", "Rs256", "RS256 ", " RS256", "RS384", "RS512", "PS256", "ES256",
        "EdDSA", "HS256", "HS384", "HS512", "nOnE", "RS256\0",
    ] {
        assert_eq!(
            refusal(&headed(json!({"alg": alg}))),
            Reason::UnsupportedAlgorithm,
            "{alg}"
        );
    }
}

#[test]
fn alg_must_be_there_once_and_a_string() {
    for alg in ["1", "null", "true", "[\"RS256\"]", "{\"a\":\"RS256\"}"] {
        let header = format!(r#"{{"alg":{alg},"kid":"{KID}","typ":"at+jwt"}}"#);
        assert_eq!(refusal(&with_header(&header)), Reason::Malformed, "{alg}");
    }
    assert_eq!(refusal(&headed(json!({"alg": null}))), Reason::Malformed);
}

#[test]
fn a_token_signed_by_hmac_with_the_public_key_is_refused() {
    let issuer = Issuer::first();
    let public = issuer.key.rsa().unwrap().public_key_to_pem_pkcs1().unwrap();
    let spki = issuer.key.public_key_to_pem().unwrap();
    for secret in [
        public,
        spki,
        issuer.jwk()["n"].as_str().unwrap().as_bytes().to_vec(),
    ] {
        for alg in ["HS256", "RS256"] {
            let header = json!({"alg": alg, "kid": KID, "typ": "at+jwt"}).to_string();
            let input = format!("{}.{}", base64url(header), base64url(claims().to_string()));
            let key = PKey::hmac(&secret).unwrap();
            let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
            let tag = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
            let wanted = match alg {
                "HS256" => Reason::UnsupportedAlgorithm,
                _ => Reason::BadSignature,
            };
            assert_eq!(refusal(&format!("{input}.{}", base64url(tag))), wanted, "{alg}");
        }
    }
}

#[test]
fn a_pss_signature_under_the_name_rs256_is_refused() {
    let input = format!("{}.{}", base64url(header()), base64url(claims().to_string()));
    let signature = Issuer::first().ps256(input.as_bytes());
    assert_eq!(
        refusal(&format!("{input}.{}", base64url(signature))),
        Reason::BadSignature
    );
}

#[test]
fn a_signature_over_another_digest_is_refused() {
    let input = format!("{}.{}", base64url(header()), base64url(claims().to_string()));
    for digest in [
        MessageDigest::sha1(),
        MessageDigest::sha384(),
        MessageDigest::sha512(),
    ] {
        let mut signer = Signer::new(digest, &Issuer::first().key).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        assert_eq!(
            refusal(&format!("{input}.{}", base64url(signature))),
            Reason::BadSignature
        );
    }
}

#[test]
fn typ_is_an_access_tokens_in_any_case() {
    for typ in [
        "at+jwt",
        "AT+JWT",
        "At+Jwt",
        "application/at+jwt",
        "APPLICATION/AT+JWT",
    ] {
        session(&headed(json!({"typ": typ})));
    }
}

#[test]
fn any_other_typ_is_refused() {
    for typ in [
        "JWT",
        "jwt",
        "",
        "at+jwt ",
        " at+jwt",
        "at jwt",
        "application/jwt",
        "application/application/at+jwt",
        "id+jwt",
        "logout+jwt",
        "dpop+jwt",
        "at\u{2b}\u{212a}wt",
    ] {
        assert_eq!(refusal(&headed(json!({"typ": typ}))), Reason::WrongType, "{typ}");
    }
    assert_eq!(refusal(&headed(json!({"typ": null}))), Reason::WrongType);
}

#[test]
fn typ_that_is_no_string_is_refused() {
    for typ in ["1", "true", "[\"at+jwt\"]", "{}"] {
        let header = format!(r#"{{"alg":"RS256","kid":"{KID}","typ":{typ}}}"#);
        assert_eq!(refusal(&with_header(&header)), Reason::Malformed, "{typ}");
    }
    assert_eq!(
        refusal(&with_header(&format!(
            r#"{{"alg":"RS256","kid":"{KID}","typ":null}}"#
        ))),
        Reason::WrongType
    );
}

#[test]
fn crit_is_refused_whatever_it_holds() {
    for crit in ["[\"exp\"]", "[\"b64\"]", "[]", "null", "\"\"", "0", "false", "{}"] {
        let header = format!(r#"{{"alg":"RS256","kid":"{KID}","typ":"at+jwt","crit":{crit}}}"#);
        assert_eq!(refusal(&with_header(&header)), Reason::CriticalHeader, "{crit}");
        let escaped = header.replace("crit", "\\u0063rit");
        assert_eq!(
            refusal(&with_header(&escaped)),
            Reason::CriticalHeader,
            "{crit}, escaped"
        );
    }
}

#[test]
fn a_header_member_that_counts_stands_once() {
    for twice in [
        r#""alg":"RS256","alg":"RS256""#,
        r#""alg":"none","alg":"RS256""#,
        r#""alg":"RS256","\u0061lg":"RS256""#,
        r#""alg":"RS256","typ":"JWT""#,
        r#""alg":"RS256","kid":"second""#,
        r#""alg":"RS256","crit":[],"crit":[]"#,
    ] {
        let header = format!(r#"{{{twice},"kid":"{KID}","typ":"at+jwt"}}"#);
        assert_eq!(refusal(&with_header(&header)), Reason::Malformed, "{twice}");
    }
}

#[test]
fn a_header_that_is_no_object_is_refused() {
    for header in [
        "",
        "null",
        "1",
        "\"RS256\"",
        "{",
        "{}x",
        "\u{feff}{}",
        r#"["RS256","at+jwt","first"]"#,
        r#" ["RS256","at+jwt","first",null]"#,
    ] {
        assert_eq!(refusal(&with_header(header)), Reason::Malformed, "{header}");
    }
    let twice = format!("{0}{0}", header());
    assert_eq!(refusal(&with_header(&twice)), Reason::Malformed);
}

#[test]
fn keys_that_a_token_brings_along_are_ignored() {
    let (ours, theirs) = (Issuer::first(), Issuer::second());
    let brought = json!({"kid": KID, "jwk": theirs.jwk(), "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x", "x5c": ["MIIB"]});
    assert_eq!(refusal(&theirs.headed(brought.clone())), Reason::BadSignature);
    session(&ours.headed(brought));
}

//! What a token's claims must be for it to verify, each demand as a test of its own, on both sides of each
//! boundary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::jws::claimed_end;
use authgear_core::policy::Mode;
use authgear_core::verdict::Reason;
use authgear_core::verify::{verify, Judgement};
use common::{
    base64url, claiming, claiming_raw, claims, judge, policy, project, refusal, refused, session, verified,
    with_payload, Issuer, KID, NOW, ORIGIN, USER,
};
use serde_json::{json, Value};

const ROLES: &str = "https://authgear.com/claims/user/roles";
const VERIFIED: &str = "https://authgear.com/claims/user/is_verified";

fn judge_with_leeway(token: &str, leeway: u64) -> Judgement {
    let mut policy = policy(Mode::On);
    policy.leeway = leeway;
    verify(token, &project(), &policy, NOW)
}

// --- iss and aud

#[test]
fn iss_is_one_of_the_accepted_byte_for_byte() {
    for iss in [
        json!("https://project.authgear.example/"),
        json!("https://PROJECT.authgear.example"),
        json!("http://project.authgear.example"),
        json!("https://project.authgear.example:443"),
        json!("https://project.authgear.example.evil.example"),
        json!(" https://project.authgear.example"),
        json!(""),
        json!(null),
        json!(1),
        json!([ORIGIN]),
        json!({"iss": ORIGIN}),
    ] {
        assert_eq!(
            refusal(&claiming(json!({"iss": iss}))),
            Reason::WrongIssuer,
            "{iss}"
        );
    }
    let mut two = policy(Mode::On);
    two.issuers.push("https://login.shop.example".to_owned());
    for iss in [ORIGIN, "https://login.shop.example"] {
        verified(verify(&claiming(json!({"iss": iss})), &project(), &two, NOW));
    }
}

#[test]
fn aud_is_an_accepted_string_or_an_array_that_has_one() {
    for aud in [
        json!(ORIGIN),
        json!([ORIGIN]),
        json!(["https://api.example", ORIGIN]),
        json!([ORIGIN, ORIGIN]),
    ] {
        session(&claiming(json!({"aud": aud})));
    }
}

#[test]
fn any_other_aud_is_refused() {
    for aud in [
        json!("https://api.example"),
        json!("https://project.authgear.example/"),
        json!("https://project.authgear.example.evil.example"),
        json!([]),
        json!([""]),
        json!(""),
        json!(["https://api.example"]),
        json!([ORIGIN, 1]),
        json!([ORIGIN, null]),
        json!([[ORIGIN]]),
        json!({"aud": ORIGIN}),
        json!({ORIGIN: ORIGIN}),
        json!(true),
        json!(null),
        json!(format!("{ORIGIN} https://api.example")),
    ] {
        assert_eq!(
            refusal(&claiming(json!({"aud": aud}))),
            Reason::WrongAudience,
            "{aud}"
        );
    }
    assert_eq!(refusal(&claiming_raw("aud", "null")), Reason::WrongAudience);
}

#[test]
fn with_no_audience_accepted_none_is() {
    let mut nobody = policy(Mode::On);
    nobody.audiences.clear();
    assert_eq!(
        refused(verify(&Issuer::first().good(), &project(), &nobody, NOW)),
        Reason::WrongAudience
    );
}

#[test]
fn a_refusal_after_the_signature_says_what_the_token_says_of_itself() {
    let token = claiming(json!({"iss": "https://other.example", "aud": ["a", "b"]}));
    let Judgement::Refused(Reason::WrongIssuer, Some(seen)) = judge(&token) else {
        panic!("not refused for its issuer");
    };
    assert_eq!(
        (seen.iss.as_str(), seen.aud.as_str()),
        ("https://other.example", "a b")
    );
    assert_eq!((seen.typ.as_str(), seen.kid.as_str()), ("at+jwt", KID));
}

#[test]
fn what_a_token_says_of_itself_is_cut_where_it_is_long() {
    let long = "\u{e9}".repeat(1000);
    let Judgement::Refused(Reason::WrongIssuer, Some(seen)) =
        judge(&claiming(json!({"iss": &long, "aud": [&long, &long]})))
    else {
        panic!("not refused for its issuer");
    };
    assert_eq!((seen.iss.chars().count(), seen.aud.chars().count()), (256, 256));
}

// --- time

#[test]
fn exp_is_in_the_future() {
    session(&claiming(json!({"exp": NOW + 1})));
    for exp in [NOW, NOW - 1, 1, 0] {
        assert_eq!(refusal(&claiming(json!({"exp": exp}))), Reason::Expired, "{exp}");
    }
}

#[test]
fn leeway_moves_exp_by_itself_and_no_more() {
    let token = claiming(json!({"exp": NOW - 30}));
    assert_eq!(refused(judge_with_leeway(&token, 30)), Reason::Expired);
    verified(judge_with_leeway(&token, 31));
}

#[test]
fn exp_is_there_and_an_integer_in_range() {
    assert_eq!(refusal(&claiming(json!({"exp": null}))), Reason::Expired);
    for exp in [
        "null",
        "1900000000.0",
        "1.9e9",
        "1900000000.5",
        "\"1900000000\"",
        "-1",
        "-0",
        "true",
        "[]",
        "{}",
        "[1900000000]",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e400",
        "-1e400",
        "123456789012345678901234567890123456789012345678901234567890",
    ] {
        assert_eq!(refusal(&claiming_raw("exp", exp)), Reason::BadClaim, "{exp}");
    }
    session(&claiming_raw("exp", "9223372036854775807"));
    for exp in [
        "01900000000",
        "+1900000000",
        "0x71000000",
        "1_900_000_000",
        "NaN",
        "Infinity",
        "",
    ] {
        assert_eq!(refusal(&claiming_raw("exp", exp)), Reason::Malformed, "{exp}");
    }
}

#[test]
fn the_largest_leeway_and_clock_do_not_overflow() {
    verified(judge_with_leeway(&Issuer::first().good(), u64::MAX));
    let mut policy = policy(Mode::On);
    policy.leeway = u64::MAX;
    assert_eq!(
        refused(verify(&Issuer::first().good(), &project(), &policy, u64::MAX)),
        Reason::Expired
    );
}

#[test]
fn nbf_has_come() {
    for nbf in [0, NOW - 1, NOW] {
        session(&claiming(json!({"nbf": nbf})));
    }
    assert_eq!(refusal(&claiming(json!({"nbf": NOW + 1}))), Reason::NotYetValid);
    let token = claiming(json!({"nbf": NOW + 30}));
    assert_eq!(refused(judge_with_leeway(&token, 29)), Reason::NotYetValid);
    verified(judge_with_leeway(&token, 30));
}

#[test]
fn nbf_that_is_no_integer_is_refused() {
    for nbf in [
        "null",
        "1.5",
        "1.0",
        "\"1\"",
        "-1",
        "true",
        "[]",
        "18446744073709551616",
    ] {
        assert_eq!(refusal(&claiming_raw("nbf", nbf)), Reason::BadClaim, "{nbf}");
    }
}

#[test]
fn iat_has_come_and_counts_as_0_when_absent() {
    session(&claiming(json!({"iat": NOW})));
    let Judgement::Verified(verified_token) = judge(&claiming(json!({"iat": null}))) else {
        panic!("not verified");
    };
    assert_eq!(verified_token.claims.iat, 0);
    assert_eq!(
        refusal(&claiming(json!({"iat": NOW + 1}))),
        Reason::IssuedInFuture
    );
    let token = claiming(json!({"iat": NOW + 30}));
    assert_eq!(refused(judge_with_leeway(&token, 29)), Reason::IssuedInFuture);
    verified(judge_with_leeway(&token, 30));
}

#[test]
fn iat_that_is_no_integer_is_refused() {
    for iat in [
        "null",
        "1.5",
        "1.0",
        "\"1\"",
        "-1",
        "true",
        "[]",
        "1e3",
        "18446744073709551616",
    ] {
        assert_eq!(refusal(&claiming_raw("iat", iat)), Reason::BadClaim, "{iat}");
    }
}

// --- the claims set

#[test]
fn a_claim_that_counts_stands_once() {
    for (name, value) in [
        ("iss", json!(ORIGIN)),
        ("aud", json!(ORIGIN)),
        ("sub", json!(USER)),
        ("exp", json!(NOW + 9)),
        ("iat", json!(1)),
        ("auth_time", json!(1)),
        (ROLES, json!(["root"])),
        (VERIFIED, json!(true)),
    ] {
        let others = claims().to_string();
        let twice = format!(
            "{{{}:{value},{}",
            Value::from(name),
            others.strip_prefix('{').unwrap()
        );
        assert_eq!(refusal(&with_payload(&twice)), Reason::Malformed, "{name}");
        let after = format!(
            "{},{}:{value}}}",
            others.strip_suffix('}').unwrap(),
            Value::from(name)
        );
        assert_eq!(refusal(&with_payload(&after)), Reason::Malformed, "{name}, after");
    }
    let escaped = claims().to_string().replacen('{', r#"{"\u0073ub":"other","#, 1);
    assert_eq!(refusal(&with_payload(&escaped)), Reason::Malformed);
}

#[test]
fn an_escaped_claim_is_the_claim() {
    let escaped = claims().to_string().replace("\"sub\"", r#""\u0073ub""#);
    assert_eq!(session(&with_payload(&escaped)).user_id(), USER);
}

#[test]
fn bytes_that_are_no_utf_8_are_refused_where_nobody_looks() {
    let claims = claims().to_string().replacen('{', r#"{"custom":"~","#, 1);
    let header = r#"{"custom":"~","alg":"RS256","kid":"first","typ":"at+jwt"}"#;
    let token = |header: &[u8], claims: &[u8]| {
        let input = format!("{}.{}", base64url(header), base64url(claims));
        let signature = base64url(Issuer::first().rs256(input.as_bytes()));
        format!("{input}.{signature}")
    };
    let broken = |text: &str| -> Vec<u8> {
        text.bytes()
            .map(|byte| if byte == b'~' { 0xff } else { byte })
            .collect()
    };
    session(&token(header.as_bytes(), claims.as_bytes()));
    assert_eq!(
        refusal(&token(&broken(header), claims.as_bytes())),
        Reason::Malformed
    );
    assert_eq!(
        refusal(&token(header.as_bytes(), &broken(&claims))),
        Reason::Malformed
    );
}

#[test]
fn claims_that_are_no_json_object_are_refused() {
    let good = claims().to_string();
    for payload in [
        "",
        "null",
        "1",
        "\"sub\"",
        "{",
        "[]",
        r#"["sub"]"#,
        r#"[{"sub":"u"}]"#,
        "\u{feff}{}",
        &format!("{good},"),
        &format!("{good}{good}"),
        &format!("[{good}]"),
        &good.replace('"', "'"),
    ] {
        assert_eq!(refusal(&with_payload(payload)), Reason::Malformed, "{payload}");
    }
    // As a sequence, the claims would each have a place: serde's derived reading takes that for a struct.
    let places = format!(r#"["{ORIGIN}","{ORIGIN}","{USER}",{},null,0]"#, NOW + 9);
    assert_eq!(refusal(&with_payload(&places)), Reason::Malformed);
}

#[test]
fn a_half_of_a_surrogate_pair_is_no_text() {
    assert_eq!(refusal(&claiming_raw("sub", r#""\ud800""#)), Reason::NoSubject);
    assert_eq!(refusal(&claiming_raw(ROLES, r#"["\udfff"]"#)), Reason::BadClaim);
}

#[test]
fn claims_of_others_hold_whatever_they_like() {
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    for value in [
        "\"line\\r\\nend\"",
        "\"\\u0000\"",
        "1e999",
        "{\"sub\":\"root\"}",
        &deep,
    ] {
        assert_eq!(session(&claiming_raw("given_name", value)).user_id(), USER);
    }
    assert_eq!(refusal(&claiming_raw("sub", &deep)), Reason::NoSubject);
}

#[test]
fn the_end_that_a_token_claims_is_read_whatever_the_token_is_worth() {
    for token in [
        claiming(json!({"exp": 77})),
        Issuer::second().claims(json!({"exp": 77, "sub": null})),
        format!("eyJ.{}.", base64url(r#"{"exp":77,"a":1}"#)),
    ] {
        assert_eq!(claimed_end(&token), Some(77), "{token:.40}");
    }
    for token in [
        String::new(),
        "opaque".to_owned(),
        "eyJ".to_owned(),
        "eyJ.!.".to_owned(),
        format!("ey.{}.", base64url(r#"{"exp":77}"#)),
        claiming(json!({"exp": null})),
        claiming_raw("exp", "-1"),
        claiming_raw("exp", "77.5"),
        claiming_raw("exp", "\"77\""),
        with_payload("[77]"),
    ] {
        assert_eq!(claimed_end(&token), None, "{token:.40}");
    }
}

//! Properties: what holds for any input of a shape, held to a few hundred of each by proptest.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[allow(dead_code)]
#[path = "../../fuzz/checks.rs"]
mod checks;
mod common;

use authgear_core::claims::{Claims, Flag};
use authgear_core::credential::{Allowed, Credentials, Kind};
use authgear_core::endpoint::{self, Endpoint};
use authgear_core::grant::Grant;
use authgear_core::ownership::{connection_without_ours, is_ours};
use authgear_core::policy::Mode;
use authgear_core::verify::{verify, Judgement};
use common::{base64url, policy, project, Issuer, NOW, ORIGIN};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{json, Value as Json};

/// Bytes as a client would send them to be read in two ways: names, separators, quotes, white space, and what
/// is not text.
fn cookie_line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "session",
            "app_session",
            "app_access_token",
            "golden_",
            "eyJ.a.b",
            "eyJ",
            ".",
            "=",
            "=",
            ";",
            ";",
            "; ",
            " ",
            "\t",
            "\"",
            ",",
            "\\",
            "a",
            "Session",
            "\u{e9}",
            "\u{0}",
            "\u{c}",
            "\u{7f}",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        vec(any::<u8>(), 0..3),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn authorization() -> impl Strategy<Value = Vec<u8>> {
    let scheme = prop::sample::select(vec!["Bearer ", "bearer ", "BEARER  ", "Bearer", "Basic ", ""]);
    (scheme, cookie_line()).prop_map(|(scheme, token)| [scheme.as_bytes(), &token].concat())
}

/// A request as the checks take it: `Authorization`, then `Cookie` lines.
fn request() -> impl Strategy<Value = Vec<u8>> {
    (authorization(), vec(cookie_line(), 0..3)).prop_map(|(first, cookies)| {
        let mut lines = vec![first];
        lines.extend(cookies);
        lines.join(&b'\n')
    })
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => prop::sample::select(vec![
            "x-authgear-session-valid: true", "x-authgear-session-valid: false", "X-Authgear-User-Id: u", "x-authgear-user-id: ",
            "x-authgear-user-roles: admin,editor", "x_authgear_user_id: u", "x-authgear-session-amr: ", "server: s", "x-authgear-: x",
            "set-cookie: golden_session=; Domain=x", "body",
        ])
        .prop_map(|line| line.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12).prop_map(|bytes| [b"x-authgear-user-verified:", bytes.as_slice()].concat()),
        1 => vec(any::<u8>(), 0..12).prop_map(|bytes| [b"x-authgear-", bytes.as_slice(), b": v"].concat()),
    ];
    (
        prop::sample::select(vec!["200", "200", "200", "204", "301", "401", "502"]),
        vec(line, 0..6),
    )
        .prop_map(|(status, lines)| {
            let mut answer = vec![status.as_bytes().to_vec()];
            answer.extend(
                lines
                    .into_iter()
                    .filter(|line| !line.windows(2).any(|pair| pair == b"\n\n")),
            );
            answer.join(&b'\n')
        })
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        prop::sample::select(vec![NOW - 1, NOW, NOW + 1, NOW + 1740, u64::MAX]).prop_map(Json::from),
        prop::sample::select(vec![
            "",
            ORIGIN,
            "client_id_x",
            "admin",
            "a,b",
            "a b",
            " a",
            "a\r\nb",
            "caf\u{e9}",
            "true"
        ])
        .prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Json::from),
            inner.prop_map(|value| json!({ "a": value })),
        ]
    })
}

fn any_claim() -> impl Strategy<Value = String> {
    let names = [
        "iss",
        "aud",
        "exp",
        "nbf",
        "iat",
        "sub",
        "auth_time",
        "amr",
        "acr",
        "custom",
        "https://authgear.com/claims/user/roles",
        "https://authgear.com/claims/user/is_anonymous",
        "https://authgear.com/claims/user/is_verified",
        "https://authgear.com/claims/user/can_reauthenticate",
    ];
    prop::sample::select(names.map(str::to_owned).to_vec())
}

/// Mostly what a header takes, sometimes what it does not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~]{1,8}", "[ -~]{0,8}", any::<String>()]
}

fn flag() -> impl Strategy<Value = Option<Flag>> {
    prop::sample::select(vec![None, Some(Flag::Yes), Some(Flag::No)])
}

proptest! {
    #[test]
    fn no_bytes_verify_as_a_token(data in vec(any::<u8>(), 0..200)) {
        checks::token(&data);
    }

    #[test]
    fn no_three_parts_verify_as_a_token(
        header in any_json(), claims in any_json(), signature in vec(any::<u8>(), 0..300),
    ) {
        let token =
            format!("{}.{}.{}", base64url(header.to_string()), base64url(claims.to_string()), base64url(signature));
        checks::token(token.as_bytes());
        checks::token(claims.to_string().as_bytes());
    }

    #[test]
    fn no_bytes_are_read_as_a_broken_key_set(data in vec(any::<u8>(), 0..400)) {
        checks::jwks(&data);
        checks::jwks(&[&[1, 0, 0, 0, 1, 0, 0, 0], data.as_slice()].concat());
    }

    #[test]
    fn no_member_breaks_a_key_set(
        name in prop::sample::select(vec!["kty", "kid", "use", "alg", "key_ops", "n", "e", "created_at"]),
        value in any_json(),
    ) {
        let mut key = Issuer::first().jwk();
        key[name] = value;
        checks::jwks(json!({ "keys": [key, Issuer::second().jwk()] }).to_string().as_bytes());
    }

    #[test]
    fn a_question_is_read_back_as_the_credentials_it_is_about(request in request()) {
        checks::cookies(&request);
    }

    #[test]
    fn every_evaluation_ends(choices in any::<[u8; 3]>(), answer in answer(), request in request()) {
        checks::evaluation::flow(&[&choices, answer.as_slice(), b"\n\n", &request].concat());
    }

    #[test]
    fn no_answer_gives_an_unsafe_session(answer in answer()) {
        checks::reading(&answer);
    }

    #[test]
    fn no_claims_give_an_unsafe_session(
        sub in text(), acr in prop::option::of(text()), amr in vec(text(), 0..3), roles in vec(text(), 0..3),
        auth_time in any::<Option<u64>>(),
        is_anonymous in flag(), is_verified in flag(), can_reauthenticate in flag(),
    ) {
        let claims = Claims {
            sub, iat: NOW, exp: NOW, not_before: NOW, auth_time, amr, acr, roles,
            is_anonymous, is_verified, can_reauthenticate, grant: Grant::default(),
        };
        if let Ok(session) = claims.session() {
            checks::safe(&session);
        }
    }

    #[test]
    fn a_cookie_is_found_as_the_server_finds_it(cookies in vec(cookie_line(), 0..3)) {
        let read = Credentials::read(None, cookies.iter().map(Vec::as_slice), "", Allowed::ALL);
        for kind in [Kind::AppSession, Kind::AppAccessToken, Kind::Session] {
            let ours = read
                .from(0)
                .find(|credential| credential.kind == kind)
                .map(|found| found.value.text().map(|text| text.as_bytes().to_vec()));
            let theirs = first_of(&cookies, kind.name().as_bytes());
            prop_assert_eq!(ours, theirs.map(|value| allowed_by_rfc_6265(&value).then_some(value)));
        }
    }

    #[test]
    fn ownership_is_the_folded_prefix(name in prop_oneof![
        vec(any::<u8>(), 0..20),
        "[xX][-_. ~][aA]uth[gG]ear[-_.+]?[a-z]{0,4}".prop_map(String::into_bytes),
    ]) {
        let folded: String = name
            .iter()
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .map(|letter| if letter.is_ascii_lowercase() || letter.is_ascii_digit() { letter } else { '-' })
            .collect();
        prop_assert_eq!(is_ours(&name), folded.starts_with("x-authgear-"));
    }

    #[test]
    fn connection_loses_our_names_and_no_other(options in vec(prop_oneof![
        "[a-z-]{1,6}", Just("close".to_owned()), Just("X-Authgear-User-Id".to_owned()), Just("x_authgear_x".to_owned()),
    ], 0..6)) {
        let value = options.join(" , ");
        let others = options.iter().map(String::as_str).filter(|name| !is_ours(name.as_bytes()));
        let others: Vec<&str> = others.collect();
        match connection_without_ours(value.as_bytes()) {
            Some(left) => prop_assert_eq!(left, others.join(", ").into_bytes()),
            None => prop_assert_eq!(others.len(), options.len()),
        }
    }

    #[test]
    fn an_endpoint_is_its_own_normal_form(url in prop_oneof![
        any::<String>(), "(https?|HTTPS?|ftp)://[a-zA-Z0-9.:@_\\[\\]-]{0,12}[/?#$]?[a-z]{0,2}",
    ]) {
        if let Ok(endpoint) = Endpoint::parse(&url) {
            prop_assert_eq!(Endpoint::parse(endpoint.as_str()), Ok(endpoint.clone()));
            prop_assert_eq!(endpoint::issuer(&url), Ok(endpoint.as_str().to_owned()));
            prop_assert!(endpoint.host().starts_with(endpoint.hostname()));
            prop_assert!(!endpoint.as_str().ends_with('/') && !endpoint.hostname().is_empty());
        }
        if let Ok(issuer) = endpoint::issuer(&url) {
            prop_assert_eq!(endpoint::issuer(&issuer), Ok(issuer.clone()));
        }
    }
}

proptest! {
    // Each of these signs, which takes a millisecond.
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_change_of_one_character_verifies(
        at in any::<prop::sample::Index>(), with in prop::sample::select(b"AQgw_-z9.=+/ ".to_vec()),
    ) {
        let mut token = Issuer::first().good().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != with);
        token[at] = with;
        let token = String::from_utf8(token).unwrap();
        let judged = verify(&token, &project(), &policy(Mode::On), NOW);
        prop_assert!(!matches!(judged, Judgement::Verified(_)), "{token}");
    }

    #[test]
    fn no_part_of_one_token_verifies_in_another(
        from in prop::array::uniform3(0..2_usize),
        kid in prop::sample::select(vec!["first", "second", "third"]),
    ) {
        let tokens = [Issuer::first().good(), Issuer::second().claims(json!({ "sub": "another" }))];
        let parts: Vec<Vec<&str>> = tokens.iter().map(|token| token.split('.').collect()).collect();
        let relabelled = base64url(json!({"alg": "RS256", "kid": kid, "typ": "at+jwt"}).to_string());
        let keys = common::set(&[Issuer::first().jwk(), Issuer::second().jwk()]);
        let verifies = |header: &str| {
            let token = format!("{header}.{}.{}", parts[from[1]][1], parts[from[2]][2]);
            matches!(verify(&token, &keys, &policy(Mode::On), NOW), Judgement::Verified(_))
        };
        let whole = from[0] == from[1] && from[1] == from[2];
        prop_assert_eq!(verifies(parts[from[0]][0]), whole);
        let same = from[1] == from[2] && parts[from[1]][0] == relabelled;
        prop_assert_eq!(verifies(&relabelled), same);
    }

    #[test]
    fn a_signed_token_verifies_only_with_claims_that_hold(name in any_claim(), value in any_json()) {
        let mut claims = common::claims();
        claims[&name] = value;
        let token = Issuer::first().sign(r#"{"alg":"RS256","kid":"first","typ":"at+jwt"}"#, &claims.to_string());
        if let Judgement::Verified(verified) = verify(&token, &project(), &policy(Mode::On), NOW) {
            checks::safe(&verified.session);
            prop_assert_eq!(&claims["iss"], ORIGIN);
            prop_assert!(claims["aud"] == ORIGIN || claims["aud"].as_array().unwrap().contains(&Json::from(ORIGIN)));
            prop_assert!(claims["exp"].as_u64().unwrap() > NOW);
            prop_assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_u64().unwrap() <= NOW));
            prop_assert!(claims["iat"].as_u64().unwrap() <= NOW);
            let sub = claims["sub"].as_str().unwrap();
            prop_assert_eq!(sub, verified.session.user_id());
            prop_assert!(!sub.starts_with("client_id_"));
        }
    }
}

/// The first cookie of a name as Go's `net/http` finds it: values of one pair of quotes freed, and none of
/// them looked at.
fn first_of(lines: &[Vec<u8>], name: &[u8]) -> Option<Vec<u8>> {
    let white = |byte: &u8| matches!(byte, b' ' | b'\t');
    let trim = |bytes: &[u8]| -> Vec<u8> {
        let kept = bytes.iter().copied().skip_while(white);
        let mut kept: Vec<u8> = kept.collect();
        while kept.last().is_some_and(white) {
            kept.pop();
        }
        kept
    };
    let joined = lines.join(&b';');
    let pairs = joined.split(|&byte| byte == b';').map(trim);
    for pair in pairs {
        let mut cut = pair.splitn(2, |&byte| byte == b'=');
        if trim(cut.next().unwrap_or_default()) == name {
            let value = cut.next().unwrap_or_default();
            return Some(match value {
                [b'"', inside @ .., b'"'] => inside.to_vec(),
                bare => bare.to_vec(),
            });
        }
    }
    None
}

fn allowed_by_rfc_6265(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(byte))
}

//! Which header lines a token's claims become, which values keep it from verifying because no header could
//! hold them, and a session's bytes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::claims::Claims;
use authgear_core::grant::Grant;
use authgear_core::header_text::NotHeaderText;
use authgear_core::session::{Name, Session};
use authgear_core::verdict::Reason;
use common::answered::answered;
use common::{claiming, claiming_raw, line, refusal, session, Issuer, NOW, USER};
use serde_json::json;

const ROLES: &str = "https://authgear.com/claims/user/roles";
const VERIFIED: &str = "https://authgear.com/claims/user/is_verified";

#[test]
fn a_good_token_gives_exactly_its_headers() {
    let got = session(&Issuer::first().good());
    let lines: Vec<_> = got.lines().collect();
    let at = (NOW - 600).to_string();
    assert_eq!(
        lines,
        [
            ("x-authgear-session-valid", "true"),
            ("x-authgear-user-id", USER),
            ("x-authgear-user-anonymous", "false"),
            ("x-authgear-user-verified", "true"),
            ("x-authgear-user-can-reauthenticate", "true"),
            ("x-authgear-user-roles", "admin,editor"),
            ("x-authgear-session-authenticated-at", at.as_str()),
        ]
    );
}

#[test]
fn an_answers_other_lines_are_ours_by_their_plain_names() {
    let from = |name: &str| answered(USER, [(name, "v")]);
    let session = from("x-authgear-tomorrow").unwrap();
    assert_eq!(line(&session, "x-authgear-tomorrow").as_deref(), Some("v"));
    for name in [
        "x-authgear-session-valid",
        "x-authgear-user-id",
        "x_authgear_tomorrow",
        "x-authgear-a\r\nb",
    ] {
        assert_eq!(from(name), None, "{name:?}");
    }
    for name in ["server", ""] {
        assert_eq!(from(name), answered(USER, []), "{name:?}");
    }
    assert_eq!(from("X-Authgear-Tomorrow"), Some(session));
}

#[test]
fn sub_is_a_string_that_is_not_empty() {
    for sub in [
        json!(null),
        json!(""),
        json!(1),
        json!(["u"]),
        json!({"u": 1}),
        json!(true),
    ] {
        assert_eq!(
            refusal(&claiming(json!({"sub": sub}))),
            Reason::NoSubject,
            "{sub}"
        );
    }
}

#[test]
fn a_machine_is_never_a_user() {
    for sub in ["client_id_", "client_id_web", "client_id_f3b1c9e0"] {
        assert_eq!(
            refusal(&claiming(json!({"sub": sub}))),
            Reason::MachineToken,
            "{sub}"
        );
    }
    for sub in ["client_id", "Client_id_web", "xclient_id_web"] {
        assert_eq!(session(&claiming(json!({"sub": sub}))).user_id(), sub);
    }
}

#[test]
fn a_sub_that_cannot_stand_in_a_header_is_refused() {
    for sub in [
        " u",
        "u ",
        " ",
        "u\n",
        "u\r\nx-evil: 1",
        "u\0",
        "u\t1",
        "\u{7f}",
        "\u{1f}",
        "\u{e9}",
        "\u{202e}u",
        "u\u{a0}",
        "\u{1f600}",
    ] {
        assert_eq!(
            refusal(&claiming(json!({"sub": sub}))),
            Reason::BadClaim,
            "{sub:?}"
        );
    }
    for sub in ["u 1", "~", "a,b", "\"", "100%"] {
        assert_eq!(session(&claiming(json!({"sub": sub}))).user_id(), sub);
    }
}

#[test]
fn a_role_that_would_be_read_as_two_is_refused() {
    for role in [
        "a,b",
        ",",
        "",
        " ",
        " admin",
        "admin ",
        "a\nb",
        "a\tb",
        "a\0b",
        "\u{7f}",
        "\u{e9}",
        "ad\u{200b}min",
    ] {
        assert_eq!(
            refusal(&claiming(json!({ROLES: [role]}))),
            Reason::BadClaim,
            "{role:?}"
        );
        assert_eq!(
            refusal(&claiming(json!({ROLES: ["x", role, "y"]}))),
            Reason::BadClaim,
            "{role:?}"
        );
    }
}

#[test]
fn roles_are_an_array_of_strings_or_absent() {
    for roles in [
        json!("admin"),
        json!(1),
        json!({"admin": true}),
        json!([1]),
        json!([null]),
        json!([["admin"]]),
    ] {
        assert_eq!(
            refusal(&claiming(json!({ROLES: roles}))),
            Reason::BadClaim,
            "{roles}"
        );
    }
    for none in [
        claiming(json!({ROLES: null})),
        claiming(json!({ROLES: []})),
        claiming_raw(ROLES, "null"),
    ] {
        assert_eq!(line(&session(&none), "x-authgear-user-roles"), None);
    }
    let spaced = session(&claiming(json!({ROLES: ["a b", "c:d"]})));
    assert_eq!(line(&spaced, "x-authgear-user-roles").as_deref(), Some("a b,c:d"));
}

#[test]
fn amr_is_joined_by_a_space_and_none_may_hold_one() {
    let two = session(&claiming(json!({"amr": ["pwd", "mfa"]})));
    assert_eq!(line(&two, "x-authgear-session-amr").as_deref(), Some("pwd mfa"));
    for none in [claiming(json!({"amr": []})), claiming_raw("amr", "null")] {
        assert_eq!(line(&session(&none), "x-authgear-session-amr"), None);
    }
    for amr in [
        json!(["pwd mfa"]),
        json!(["pwd,mfa"]),
        json!([""]),
        json!(["p\nx"]),
        json!("pwd"),
        json!([1]),
    ] {
        assert_eq!(refusal(&claiming(json!({"amr": amr}))), Reason::BadClaim, "{amr}");
    }
}

#[test]
fn a_flag_is_a_bool_or_absent() {
    for name in ["is_anonymous", "is_verified", "can_reauthenticate"] {
        let name = format!("https://authgear.com/claims/user/{name}");
        for flag in [json!("true"), json!(1), json!(0), json!([]), json!({})] {
            assert_eq!(
                refusal(&claiming(json!({&name: flag}))),
                Reason::BadClaim,
                "{name}: {flag}"
            );
        }
    }
    let without = session(&claiming(json!({VERIFIED: null})));
    assert_eq!(line(&without, "x-authgear-user-verified"), None);
    assert_eq!(
        line(&without, "x-authgear-user-anonymous").as_deref(),
        Some("false")
    );
}

#[test]
fn auth_time_that_is_no_whole_number_leaves_its_header_out() {
    for at in [
        "1800000000.5",
        "1800000000.0",
        "\"1800000000\"",
        "-1",
        "null",
        "true",
        "[]",
        "18446744073709551616",
    ] {
        let got = session(&claiming_raw("auth_time", at));
        assert_eq!(line(&got, "x-authgear-session-authenticated-at"), None, "{at}");
    }
    let epoch = session(&claiming(json!({"auth_time": 0})));
    assert_eq!(
        line(&epoch, "x-authgear-session-authenticated-at").as_deref(),
        Some("0")
    );
}

#[test]
fn acr_is_sent_when_the_token_has_one() {
    let strong = session(&claiming(
        json!({"acr": "http://schemas.openid.net/pape/policies/2007/06/multi-factor"}),
    ));
    assert!(line(&strong, "x-authgear-session-acr")
        .unwrap()
        .ends_with("multi-factor"));
    for none in [json!(null), json!("")] {
        assert_eq!(
            line(
                &session(&claiming(json!({"acr": none}))),
                "x-authgear-session-acr"
            ),
            None
        );
    }
    for bad in [
        json!(1),
        json!(["a"]),
        json!(" a"),
        json!("a\u{e9}"),
        json!("a\r\nb"),
    ] {
        assert_eq!(refusal(&claiming(json!({"acr": bad}))), Reason::BadClaim, "{bad}");
    }
}

// --- as bytes

/// Lines in compact form: of each the code and the text.
fn coded(lines: &[(u8, &str)]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(lines.len()).unwrap()];
    for (code, text) in lines {
        bytes.push(*code);
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    }
    for (_, text) in lines {
        bytes.extend(text.bytes().chain([b' ']));
    }
    bytes
}

#[test]
fn claims_and_an_answer_that_say_the_same_are_one_session() {
    let claimed = session(&Issuer::first().claims(json!({"amr": ["pwd"], "acr": "strong"})));
    let mut lines: Vec<_> = claimed.lines().skip(2).collect();
    assert_eq!(lines.len(), Name::KNOWN.len() - 1);
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        let said = answered(USER, lines.clone()).unwrap();
        assert_eq!(said, claimed);
        assert_eq!(said.as_bytes(), claimed.as_bytes());
    }
    lines.pop();
    assert_ne!(answered(USER, lines), Some(claimed.clone()));
}

#[test]
fn a_session_comes_back_from_its_bytes() {
    for session in [
        session(&Issuer::first().good()),
        answered("u", []).unwrap(),
        answered("u", [("x-authgear-tomorrow", "v")]).unwrap(),
    ] {
        let again = Session::from_bytes(session.as_bytes()).unwrap();
        assert_eq!(again, session);
        assert!(again.lines().eq(session.lines()));
        assert_eq!(again.user_id(), session.user_id());
        assert_eq!(again.count(), session.count());
        assert_eq!(session.count(), session.named_lines().count());
    }
}

#[test]
fn lines_that_no_session_has_are_none() {
    const OTHER: u8 = u8::MAX;
    let (user, verified, roles) = ((0, "u"), (2, "true"), (4, "admin"));
    let good = coded(&[user, verified, roles, (OTHER, "x-authgear-z v")]);
    assert!(Session::from_bytes(&good).is_some());
    for lines in [
        vec![],
        vec![verified],
        vec![verified, user],
        vec![user, user],
        vec![user, verified, verified],
        vec![user, roles, verified],
        vec![user, (8, "v")],
        vec![user, (2, "")],
        vec![(0, "")],
        vec![(0, " u")],
        vec![(0, "u ")],
        vec![(0, "u\r\nx: y")],
        vec![(0, "u\0")],
        vec![(0, "\u{e9}")],
        vec![user, (OTHER, "x-authgear-z")],
        vec![user, (OTHER, "x-authgear-z ")],
        vec![user, (OTHER, "x-authgear-z  v")],
        vec![user, (OTHER, " v")],
        vec![user, (OTHER, "x-authgear-z v"), verified],
        vec![user, (OTHER, "x-authgear-z v"), (OTHER, "x-authgear-a v")],
        vec![user, (OTHER, "x-authgear-z v"), (OTHER, "x-authgear-z v")],
        vec![user, (OTHER, "x-authgear-user-verified v")],
        vec![user, (OTHER, "x-authgear-session-valid v")],
        vec![user, (OTHER, "X-authgear-z v")],
        vec![user, (OTHER, "x_authgear_z v")],
        vec![user, (OTHER, "host v")],
    ] {
        let bytes = coded(&lines);
        assert_eq!(Session::from_bytes(&bytes), None, "{lines:?}");
    }
}

#[test]
fn bytes_with_anything_changed_are_another_session_or_none() {
    let session = session(&Issuer::first().good());
    let bytes = session.as_bytes();
    for at in 0..bytes.len() {
        assert_eq!(Session::from_bytes(&bytes[..at]), None, "cut at {at}");
        for byte in 0..=u8::MAX {
            let mut changed = bytes.to_vec();
            changed[at] = byte;
            if let Some(other) = Session::from_bytes(&changed) {
                assert_eq!(other.as_bytes(), changed);
                assert_eq!(other == session, byte == bytes[at], "{byte} at {at}");
                let printable =
                    |(_, value): (&str, &str)| value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                assert!(other.lines().all(printable), "{byte} at {at}");
            }
        }
    }
    assert_eq!(Session::from_bytes(&[bytes, b" "].concat()), None);
    assert_eq!(Session::from_bytes(&[bytes, bytes].concat()), None);
}

#[test]
fn a_value_longer_than_a_line_can_say_is_refused() {
    let longest = "u".repeat(usize::from(u16::MAX));
    let longer = format!("{longest}u");
    let claims = |sub| Claims {
        sub,
        iat: 0,
        exp: 0,
        not_before: 0,
        auth_time: None,
        amr: Vec::new(),
        acr: None,
        roles: Vec::new(),
        is_anonymous: None,
        is_verified: None,
        can_reauthenticate: None,
        grant: Grant::default(),
    };
    assert!(claims(longest).session().is_ok());
    assert_eq!(claims(longer).session(), Err(NotHeaderText));
}

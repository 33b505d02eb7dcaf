//! What the resolver's answers mean.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

use authgear_core::made_up::CookieChoice;
use authgear_core::resolver::{keeps_set_cookie, Reader, Reading};
use authgear_core::verdict::UnknownAnswer;

const VALID: (&str, &str) = ("x-authgear-session-valid", "true");
const INVALID: (&str, &str) = ("x-authgear-session-valid", "false");
const USER: (&str, &str) = ("x-authgear-user-id", "u1");

// --- answers

fn read_answer(status: u16, headers: &[(&[u8], &[u8])], body_empty: bool) -> Reading {
    let mut reader = Reader::new(status);
    for (name, value) in headers {
        reader.header(name, value);
    }
    reader.reading(body_empty)
}

fn bytes<'h>(headers: &[(&'h str, &'h str)]) -> Vec<(&'h [u8], &'h [u8])> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect()
}

fn answered(status: u16, headers: &[(&str, &str)]) -> Reading {
    read_answer(status, &bytes(headers), true)
}

fn unknown(status: u16, headers: &[(&str, &str)]) -> UnknownAnswer {
    match answered(status, headers) {
        Reading::Unknown(why) => why,
        other => panic!("{status} {headers:?} is {other:?}"),
    }
}

fn valid(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    match answered(200, headers) {
        Reading::Valid(session) => {
            let lines = session.lines();
            lines
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        }
        other => panic!("{headers:?} is {other:?}"),
    }
}

fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn valid_is_200_true_and_a_user() {
    assert_eq!(valid(&[VALID, USER]), lines(&[VALID, USER]));
    assert_eq!(valid(&[USER, ("date", "now"), VALID]), lines(&[VALID, USER]));
    assert_eq!(
        valid(&[
            ("X-Authgear-Session-Valid", "true"),
            ("X-AUTHGEAR-USER-ID", " u1 ")
        ]),
        lines(&[VALID, USER])
    );
}

#[test]
fn a_header_of_tomorrow_is_handed_on_behind_those_of_today() {
    let (roles, new) = (("x-authgear-user-roles", "a,b"), ("x-authgear-new-thing", "7"));
    assert_eq!(
        valid(&[VALID, new, USER, roles]),
        lines(&[VALID, USER, roles, new])
    );
}

#[test]
fn an_empty_value_is_an_absent_header() {
    let empty = ("x-authgear-session-amr", "");
    assert_eq!(valid(&[empty, VALID, USER]), lines(&[VALID, USER]));
    assert_eq!(
        answered(200, &[INVALID, ("x-authgear-user-roles", " ")]),
        Reading::Invalid
    );
}

#[test]
fn false_alone_is_invalid_and_nothing_at_all_is_silence() {
    let others = [
        ("date", "now"),
        ("server", "authgear"),
        ("set-cookie", "session=; Path=/"),
    ];
    assert_eq!(answered(200, &[INVALID]), Reading::Invalid);
    assert_eq!(
        answered(200, &[&others[..], &[INVALID]].concat()),
        Reading::Invalid
    );
    assert_eq!(answered(200, &[]), Reading::Silent);
    assert_eq!(answered(200, &others), Reading::Silent);
    let empty = [("x-authgear-session-valid", ""), ("x-authgear-user-id", "")];
    assert_eq!(answered(200, &empty), Reading::Silent);
    assert_eq!(
        answered(200, &[("x-authgear", "true"), ("x-authgears", "x")]),
        Reading::Silent
    );
}

#[test]
fn no_status_but_200_is_an_answer_whatever_its_headers_say() {
    for headers in [&[][..], &[INVALID], &[VALID, USER]] {
        for status in [
            0, 100, 101, 199, 201, 202, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 405, 429, 499, 600,
            999,
        ] {
            assert_eq!(unknown(status, headers), UnknownAnswer::Status, "{status}");
        }
        for status in [500, 501, 502, 503, 504, 599] {
            assert_eq!(unknown(status, headers), UnknownAnswer::ServerError, "{status}");
        }
    }
}

#[test]
fn an_answer_with_a_body_is_not_the_resolvers() {
    for headers in [vec![], vec![INVALID], vec![VALID, USER]] {
        let reading = read_answer(200, &bytes(&headers), false);
        assert_eq!(reading, Reading::Unknown(UnknownAnswer::Body));
    }
}

#[test]
fn headers_that_contradict_each_other_are_no_answer() {
    let roles = ("x-authgear-user-roles", "admin");
    for headers in [
        vec![VALID],
        vec![USER],
        vec![VALID, ("x-authgear-user-id", "")],
        vec![VALID, ("x-authgear-user-id", "  ")],
        vec![VALID, roles],
        vec![USER, roles],
        vec![("x-authgear-session-valid", ""), USER],
        vec![roles],
        vec![INVALID, USER],
        vec![INVALID, roles],
        vec![VALID, INVALID, USER],
        vec![INVALID, VALID],
        vec![VALID, VALID, USER],
        vec![INVALID, INVALID],
        vec![VALID, USER, USER],
        vec![VALID, USER, ("x-authgear-user-id", "u2")],
        vec![VALID, USER, ("X-Authgear-User-Id", "")],
        vec![VALID, USER, roles, ("X-Authgear-User-Roles", "root")],
        vec![VALID, USER, ("x-authgear-new", "1"), ("X-Authgear-NEW", "2")],
    ] {
        assert_eq!(
            unknown(200, &headers),
            UnknownAnswer::Contradiction,
            "{headers:?}"
        );
    }
}

#[test]
fn a_word_that_is_neither_true_nor_false_is_no_answer() {
    for word in "TRUE|True|1|yes|maybe|true, true|true, false|truefalse|\"true\"|FALSE|0".split('|') {
        let valid = ("x-authgear-session-valid", word);
        for headers in [vec![valid], vec![valid, USER]] {
            assert_eq!(
                unknown(200, &headers),
                UnknownAnswer::Contradiction,
                "{headers:?}"
            );
        }
    }
}

#[test]
fn a_header_that_cannot_be_handed_on_is_no_answer() {
    for (name, value) in [
        ("x-authgear-user-roles", "a\r\nx-admin: 1"),
        ("x-authgear-user-roles", "a\nb"),
        ("x-authgear-user-roles", "a\0"),
        ("x-authgear-user-roles", "a\tb"),
        ("x-authgear-user-roles", "\u{e9}"),
        ("x-authgear-user-roles", "\u{7f}"),
        ("x-authgear-new", "a\u{1}b"),
        ("x-authgear-new", "a\u{e9}b"),
        ("x_authgear_user_id", "root"),
        ("x-authgear-user_id", "root"),
        ("x-authgear.user-id", "root"),
        ("x-authgear-user-\u{e9}", "a"),
        ("x-authgear-user id", "a"),
        ("x-authgear-user:id", "a"),
        ("X_AUTHGEAR_SESSION_VALID", "true"),
    ] {
        let headers = [VALID, USER, (name, value)];
        assert_eq!(
            unknown(200, &headers),
            UnknownAnswer::BadHeader,
            "{name:?}: {value:?}"
        );
    }
    for user in ["a\nb", "\u{e9}", "a\u{1f}"] {
        assert_eq!(
            unknown(200, &[VALID, ("x-authgear-user-id", user)]),
            UnknownAnswer::BadHeader
        );
    }
    for (name, value) in [("x_authgear_tomorrow", ""), ("x-authgear-tomorrow", "\t")] {
        assert_eq!(
            unknown(200, &[(name, value)]),
            UnknownAnswer::BadHeader,
            "{name:?}: empty"
        );
    }
    let reading = read_answer(200, &[(b"x-authgear-\xff", b"a")], true);
    assert_eq!(reading, Reading::Unknown(UnknownAnswer::BadHeader));
}

#[test]
fn what_others_headers_hold_does_not_matter() {
    let other = ("via", "1.1 \u{e9}\0");
    assert_eq!(valid(&[other, other, VALID, USER]), lines(&[VALID, USER]));
}

#[test]
fn an_answer_has_at_most_64_lines_and_8_kib_of_ours() {
    let more = |count: usize| -> Vec<(String, String)> {
        (0..count)
            .map(|at| (format!("x-authgear-more-{at}"), "v".to_owned()))
            .collect()
    };
    let reading = |more: &[(String, String)]| {
        let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        answered(200, &[VALID, USER].into_iter().chain(more).collect::<Vec<_>>())
    };
    assert!(matches!(reading(&more(62)), Reading::Valid(_)));
    assert_eq!(reading(&more(63)), Reading::Unknown(UnknownAnswer::TooLarge));
    let taken = [VALID, USER, ("x-authgear-long", "")].iter();
    let taken: usize = taken.map(|(name, value)| name.len() + value.len()).sum();
    let long = |length: usize| vec![("x-authgear-long".to_owned(), "v".repeat(length))];
    assert!(matches!(reading(&long(8 * 1024 - taken)), Reading::Valid(_)));
    assert_eq!(
        reading(&long(8 * 1024 - taken + 1)),
        Reading::Unknown(UnknownAnswer::TooLarge)
    );
}

// --- cookies for the client

#[test]
fn a_set_cookie_of_the_projects_own_with_a_domain_is_handed_on() {
    for value in [
        "session=; Domain=example.com; Path=/",
        "session=abc; Path=/; Domain=.example.com; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
        "app_session=x; domain=example.com",
        "app_access_token=eyJ.a.b; DOMAIN=example.com",
    ] {
        assert!(
            keeps_set_cookie(value.as_bytes(), "", CookieChoice::AsItIs),
            "{value}"
        );
        let prefixed = format!("shop_{value}");
        assert!(
            keeps_set_cookie(prefixed.as_bytes(), "shop_", CookieChoice::AsItIs),
            "{prefixed}"
        );
        assert!(
            !keeps_set_cookie(prefixed.as_bytes(), "", CookieChoice::AsItIs),
            "{prefixed}"
        );
        assert!(
            !keeps_set_cookie(value.as_bytes(), "shop_", CookieChoice::AsItIs),
            "{value}"
        );
    }
}

#[test]
fn any_other_set_cookie_is_dropped() {
    for value in [
        "",
        "=",
        "session",
        "session=",
        "session=x; Path=/",
        "session=x; Domain=",
        "session=x; Domain",
        "session=x; Domain=; Path=/",
        "session=x; xDomain=example.com",
        "bearer=x; Domain=example.com",
        "Session=x; Domain=example.com",
        "csrf_token=x; Domain=example.com",
        "xsession=x; Domain=example.com",
        "session=x\r\nset-cookie: a=b; Domain=example.com",
        "session=x\0; Domain=example.com",
        "session=\u{e9}; Domain=example.com",
        "x=y; session=x; Domain=example.com",
    ] {
        assert!(
            !keeps_set_cookie(value.as_bytes(), "", CookieChoice::AsItIs),
            "{value:?}"
        );
    }
    assert!(!keeps_set_cookie(
        b"session=\xff; Domain=example.com",
        "",
        CookieChoice::AsItIs
    ));
}

//! What of a request's headers is a credential, of which kind, and in which order.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::credential::{Allowed, Credential, Credentials, Kind, Value};
use authgear_core::jws::Form;
use common::read;

/// What a credential turns out to hold.
#[derive(Debug, PartialEq)]
enum Held {
    Local(String),
    Remote(String),
    Malformed,
}

fn held(value: &Value<'_>) -> Held {
    match value.form() {
        Form::Token(token) => Held::Local(token.as_str().to_owned()),
        Form::Other(text) => Held::Remote(text.to_owned()),
        Form::Malformed => Held::Malformed,
    }
}

fn listed(credentials: &Credentials<'_>) -> Vec<(Kind, Held)> {
    let list = credentials.from(0);
    list.map(|credential| (credential.kind, held(&credential.value)))
        .collect()
}

fn bearer(header: &str) -> Option<Held> {
    let credentials = read(Some(header), &[], "");
    credentials.get(0).map(|credential| held(&credential.value))
}

/// The one credential of a `Cookie` line.
fn cookie(line: &str) -> Option<(Kind, Held)> {
    let all = listed(&read(None, &[line], ""));
    assert!(all.len() < 2, "{line:?}: {all:?}");
    all.into_iter().next()
}

fn remote(text: &str) -> Held {
    Held::Remote(text.to_owned())
}

fn local(text: &str) -> Held {
    Held::Local(text.to_owned())
}

#[test]
fn every_kind_is_read_in_its_order() {
    let cookies = Kind::ALL.iter().filter(|kind| **kind != Kind::Bearer);
    let line = cookies
        .map(|kind| format!("{}=c", kind.name()))
        .collect::<Vec<_>>();
    let line = line.join("; ");
    let credentials = read(Some("Bearer b"), &[&line], "");
    let kinds: Vec<_> = listed(&credentials).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, Kind::ALL);
    assert!(Kind::ALL.into_iter().all(|kind| Allowed::ALL.contains(kind)));
}

// --- Authorization

#[test]
fn a_bearer_credential_is_the_scheme_one_space_and_at_least_one_byte() {
    for (header, token) in [
        ("Bearer a", "a"),
        ("bearer a", "a"),
        ("BEARER a", "a"),
        ("bEaReR a", "a"),
        ("Bearer  a", " a"),
        ("Bearer a b", "a b"),
        ("Bearer a,b", "a,b"),
        ("Bearer Bearer a", "Bearer a"),
        ("Bearer  ", " "),
    ] {
        assert_eq!(bearer(header), Some(remote(token)), "{header:?}");
    }
}

#[test]
fn anything_else_in_authorization_is_none() {
    for header in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer\ta",
        "Bearer=a",
        "Bearera b",
        " Bearer a",
        "Basic dXNlcjpwYXNz",
        "Beare a",
        "Digest Bearer a",
        "DPoP eyJ.a.b",
        "eyJ.a.b",
        "B\u{e9}arer a",
    ] {
        assert_eq!(bearer(header), None, "{header:?}");
    }
    assert!(read(None, &[], "").is_empty());
}

#[test]
fn bytes_that_no_token_has_are_malformed_and_still_a_credential() {
    for header in [
        "Bearer a\tb",
        "Bearer a\x01b",
        "Bearer \u{e9}",
        "Bearer a\0",
        "Bearer eyJ.a.b\r\nx: y",
        "Bearer \u{7f}",
    ] {
        assert_eq!(bearer(header), Some(Held::Malformed), "{header:?}");
    }
    let credentials = Credentials::read(Some(b"Bearer \xff\xfe"), std::iter::empty(), "", Allowed::ALL);
    assert_eq!(listed(&credentials), [(Kind::Bearer, Held::Malformed)]);
}

#[test]
fn a_token_is_local_when_it_starts_eyj_and_has_two_dots() {
    for token in [
        "eyJ..",
        "eyJ.a.b",
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJ a.b.c",
        "eyJ.!.!",
    ] {
        assert_eq!(bearer(&format!("Bearer {token}")), Some(local(token)), "{token}");
    }
    for token in [
        "eyJ",
        "eyJ.",
        "eyJ.a",
        "eyJ.a.b.c",
        "eyJ.a.b.c.d",
        "EYJ.a.b",
        " eyJ.a.b",
        "ey.J.a",
        "a.b.c",
        "..",
        "xeyJ.a.b",
    ] {
        assert_eq!(bearer(&format!("Bearer {token}")), Some(remote(token)), "{token}");
    }
}

// --- cookies

#[test]
fn only_a_bearer_and_app_access_token_can_be_local() {
    assert_eq!(
        cookie("app_access_token=eyJ.a.b"),
        Some((Kind::AppAccessToken, local("eyJ.a.b")))
    );
    assert_eq!(
        cookie("app_access_token=abc"),
        Some((Kind::AppAccessToken, remote("abc")))
    );
    assert_eq!(
        cookie("app_session=eyJ.a.b"),
        Some((Kind::AppSession, remote("eyJ.a.b")))
    );
    assert_eq!(
        cookie("session=eyJ.a.b"),
        Some((Kind::Session, remote("eyJ.a.b")))
    );
}

#[test]
fn a_cookie_is_found_among_others_by_its_whole_name() {
    for line in [
        "session=v",
        "a=b; session=v; c=d",
        "a=b;session=v;c=d",
        "  session=v  ",
        ";;session=v;;",
        "a; session=v",
        "=x; session=v",
        "\tsession\t=v",
        "session =v",
        "xsession=w; session=v; sessionx=w",
        "my session=w; session=v",
        "other=\"; session=v",
        "other=a\\b\u{e9}; session=v; x",
    ] {
        assert_eq!(cookie(line), Some((Kind::Session, remote("v"))), "{line:?}");
    }
}

#[test]
fn other_cookies_are_no_credential() {
    for line in [
        "",
        ";",
        "=",
        "a=b",
        "sessions=v",
        "xsession=v",
        "Session=v",
        "SESSION=v",
        "session_id=v",
        "ses=v",
        "session x=v",
        "\"session\"=v",
        "$session=v",
        "session.x=v",
        "bearer=v",
        "authorization=Bearer v",
        "a=session=v",
    ] {
        assert_eq!(cookie(line), None, "{line:?}");
    }
}

#[test]
fn an_empty_cookie_counts() {
    for line in [
        "session=",
        "session",
        "session=;a=b",
        "a=b; session",
        "session =",
        "session=\"\"",
    ] {
        assert_eq!(cookie(line), Some((Kind::Session, remote(""))), "{line:?}");
    }
    assert_eq!(
        cookie("app_access_token="),
        Some((Kind::AppAccessToken, remote("")))
    );
}

#[test]
fn quotes_are_taken_off_a_cookie() {
    assert_eq!(cookie("session=\"v\""), Some((Kind::Session, remote("v"))));
    assert_eq!(
        cookie("app_access_token=\"eyJ.a.b\""),
        Some((Kind::AppAccessToken, local("eyJ.a.b")))
    );
}

#[test]
fn a_value_that_rfc_6265_does_not_allow_is_malformed() {
    for value in [
        "\"",
        "\"v",
        "v\"",
        "\"\"v\"\"",
        "a\"b",
        "a b",
        " v",
        "\tv",
        "a,b",
        "a\\b",
        "\u{e9}",
        "a\u{7f}",
        "a\0b",
        "a\x01b",
        "a\tb",
        "\"a b\"",
        "\" v\"",
        "\"v \"",
    ] {
        let line = format!("session={value}");
        assert_eq!(cookie(&line), Some((Kind::Session, Held::Malformed)), "{value:?}");
    }
    let credentials = Credentials::read(None, [&b"session=\xff"[..]].into_iter(), "", Allowed::ALL);
    assert_eq!(listed(&credentials), [(Kind::Session, Held::Malformed)]);
}

#[test]
fn every_byte_that_rfc_6265_allows_is_kept() {
    let allowed: String = (0x21_u8..=0x7e)
        .filter(|byte| !b"\",;\\".contains(byte))
        .map(char::from)
        .collect();
    assert_eq!(allowed.len(), 90);
    assert_eq!(
        cookie(&format!("session={allowed}")),
        Some((Kind::Session, remote(&allowed)))
    );
    assert_eq!(cookie("session=a=b="), Some((Kind::Session, remote("a=b="))));
    assert_eq!(
        cookie("session=%22%0d%0a"),
        Some((Kind::Session, remote("%22%0d%0a")))
    );
}

#[test]
fn the_first_cookie_of_a_name_counts_whatever_it_holds() {
    for (lines, wanted) in [
        (vec!["session=a; session=b"], remote("a")),
        (vec!["session=a", "session=b"], remote("a")),
        (vec!["session=; session=b"], remote("")),
        (vec!["session; session=b"], remote("")),
        (vec!["session=a b; session=b"], Held::Malformed),
        (vec!["x=y", "session=a"], remote("a")),
    ] {
        assert_eq!(
            listed(&read(None, &lines, "")),
            [(Kind::Session, wanted)],
            "{lines:?}"
        );
    }
}

#[test]
fn names_begin_with_the_projects_prefix_and_it_alone() {
    let line = "session=a; shop_session=b; shop_app_session=c; shop_shop_app_access_token=d; Shop_app_access_token=e";
    assert_eq!(
        listed(&read(None, &[line], "shop_")),
        [(Kind::AppSession, remote("c")), (Kind::Session, remote("b"))]
    );
    // With this prefix one cookie's name is another's without it.
    assert_eq!(
        listed(&read(None, &["app_session=a; session=b"], "app_")),
        [(Kind::Session, remote("a"))]
    );
}

// --- order, and what counts

#[test]
fn credentials_stand_in_the_servers_order_however_they_came() {
    let cookies = "session=s; app_access_token=t; app_session=a";
    let all = read(Some("Bearer b"), &[cookies], "");
    assert_eq!(
        listed(&all),
        [
            (Kind::Bearer, remote("b")),
            (Kind::AppSession, remote("a")),
            (Kind::AppAccessToken, remote("t")),
            (Kind::Session, remote("s")),
        ]
    );
    assert_eq!(all.get(3), all.from(3).next());
    assert_eq!(
        (all.get(4), all.from(4).count(), all.from(9).count()),
        (None, 0, 0)
    );
}

#[test]
fn only_the_kinds_that_count_are_read() {
    let cookies = "session=s; app_access_token=t; app_session=a";
    for (names, wanted) in [
        (vec!["bearer"], vec![Kind::Bearer]),
        (vec!["session"], vec![Kind::Session]),
        (vec!["session", "bearer"], vec![Kind::Bearer, Kind::Session]),
        (
            vec!["app_access_token", "app_session"],
            vec![Kind::AppSession, Kind::AppAccessToken],
        ),
        (vec![], vec![]),
    ] {
        let allowed = Allowed::from_names(names.iter().copied()).unwrap();
        let credentials = Credentials::read(Some(b"Bearer b"), [cookies.as_bytes()].into_iter(), "", allowed);
        let kinds: Vec<Kind> = credentials.from(0).map(|credential| credential.kind).collect();
        assert_eq!(kinds, wanted, "{names:?}");
        assert!(Kind::ALL
            .into_iter()
            .all(|kind| allowed.contains(kind) == wanted.contains(&kind)));
    }
}

#[test]
fn the_names_of_the_kinds_are_those_of_the_directive() {
    let all = Allowed::from_names(Kind::ALL.map(Kind::name)).unwrap();
    assert_eq!(all, Allowed::ALL);
    for name in ["", "Bearer", "cookie", "session ", "basic"] {
        assert_eq!(Allowed::from_names(["bearer", name]).unwrap_err().0, name);
    }
    let bits = Kind::ALL.map(|kind| Allowed::from_names([kind.name()]).unwrap().bits());
    assert_eq!(
        bits.iter().fold(0, |all, bit| all ^ bit),
        Allowed::ALL.bits(),
        "a bit for each"
    );
}

#[test]
fn a_secret_does_not_show_when_it_is_debugged() {
    let credential = Credential {
        kind: Kind::Bearer,
        value: Value::Remote("hunter2".into()),
    };
    assert!(!format!("{credential:?}").contains("hunter2"));
}

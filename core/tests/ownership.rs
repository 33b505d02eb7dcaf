//! Which header names are this project's, and what is left of a `Connection` value without them.
#![allow(clippy::unwrap_used)]

use authgear_core::ownership::{connection_without_ours, is_ours};

#[test]
fn every_spelling_that_folds_to_ours_is_ours() {
    for name in [
        "x-authgear-user-id",
        "X-Authgear-User-Id",
        "X-AUTHGEAR-SESSION-VALID",
        "x_authgear_user_id",
        "X_Authgear.User-Id",
        "x.authgear.user.id",
        "x~authgear!user",
        "x-authgear-",
        "x-authgear-something-of-tomorrow",
        "x-authgear--",
        "x authgear user",
        "x\0authgear\0user",
    ] {
        assert!(is_ours(name.as_bytes()), "{name:?}");
    }
    assert!(
        is_ours(b"x\xffauthgear\x80user"),
        "a byte that is no text folds as well"
    );
}

#[test]
fn what_only_looks_like_ours_is_not() {
    for name in [
        "",
        "x",
        "x-authgear",
        "x-authgearuser",
        "xauthgear-user-id",
        "xx-authgear-user-id",
        "-x-authgear-user-id",
        "x--authgear-user-id",
        "http-x-authgear-user-id",
        "authgear-user-id",
        "x-forwarded-for",
        "authorization",
        "x-authge\u{e4}r-user",
        "\u{445}-authgear-user",
    ] {
        assert!(!is_ours(name.as_bytes()), "{name:?}");
    }
}

fn left(value: &str) -> Option<String> {
    connection_without_ours(value.as_bytes()).map(|left| String::from_utf8(left).unwrap())
}

#[test]
fn a_connection_value_without_ours_is_left_alone() {
    for value in [
        "",
        "close",
        "keep-alive, Upgrade",
        "x-authgear",
        "close,,te",
        " , ",
        "x-other ,close",
    ] {
        assert_eq!(left(value), None, "{value:?}");
    }
}

#[test]
fn our_names_leave_a_connection_value_and_the_rest_keeps_its_order() {
    for (value, wanted) in [
        ("x-authgear-user-id", ""),
        ("X-Authgear-User-Id", ""),
        ("close, x-authgear-user-id", "close"),
        ("x-authgear-user-id, close", "close"),
        ("x-authgear-user-id,x_authgear_user_roles", ""),
        (
            "keep-alive,X_Authgear.Session-Valid,Upgrade",
            "keep-alive, Upgrade",
        ),
        (" te ,\tx-authgear-user-id\t, , Upgrade", "te, Upgrade"),
        ("x-authgear-user-id,", ""),
        ("x-authgear-user-id foo, close", "close"),
    ] {
        assert_eq!(left(value).as_deref(), Some(wanted), "{value:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_kept_as_they_are() {
    let left = connection_without_ours(b"\xff\xfe, x-authgear-user-id").unwrap();
    assert_eq!(left, b"\xff\xfe");
}

//! The `session` cookie that is nobody's: its form, which questions it goes with, and what becomes of an
//! answer about it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::made_up::{CookieChoice, MadeUp, RANDOM};
use authgear_core::resolver::{keeps_set_cookie, Question};
use common::read;

const DRAWN: &str = "00010203-0405-4607-8809-0a0b0c0d0e0f.GHIJKLMNOPQRSTUVWXYZabcdefghijkl";

fn made_up() -> MadeUp {
    MadeUp::drawn(&std::array::from_fn(|place| u8::try_from(place).unwrap()))
}

#[test]
fn it_is_well_formed_whatever_is_drawn() {
    assert_eq!(made_up().as_str(), DRAWN);
    for byte in 0..=u8::MAX {
        let drawn = MadeUp::drawn(&[byte; RANDOM]);
        let (id, secret) = drawn.as_str().split_once('.').unwrap();
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert_eq!((&id[14..15], "89ab".contains(&id[19..20])), ("4", true), "{id}");
        assert!(
            id.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')),
            "{id}"
        );
        assert!(
            secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{secret}"
        );
    }
    assert!(
        !format!("{:?}", made_up()).contains("0001"),
        "a log shows no session"
    );
}

#[test]
fn each_random_byte_tells() {
    let zero = MadeUp::drawn(&[0; RANDOM]);
    for place in 0..RANDOM {
        let mut random = [0; RANDOM];
        random[place] = 1;
        assert_ne!(MadeUp::drawn(&random), zero, "{place}");
    }
}

fn question(authorization: Option<&str>, cookies: &str, prefix: &str) -> Question {
    let credentials = read(authorization, &[cookies], prefix);
    Question::about(credentials.from(0), prefix).unwrap()
}

#[test]
fn it_goes_with_what_has_no_session_cookie_of_the_clients() {
    for (authorization, cookies, prefix, before) in [
        (Some("Bearer b"), "", "", ""),
        (None, "app_session=a", "", "app_session=a; "),
        (
            Some("Bearer b"),
            "app_access_token=t; app_session=a",
            "",
            "app_session=a; app_access_token=t; ",
        ),
        (
            None,
            "shop_app_session=a; session=s",
            "shop_",
            "shop_app_session=a; shop_",
        ),
        // One that is not sent on is none.
        (Some("Bearer b"), "session=a b", "", ""),
    ] {
        let question = question(authorization, cookies, prefix);
        assert_eq!(question.cookie_choice, CookieChoice::WithMadeUp, "{cookies:?}");
        let sent = question.cookie_with(&made_up(), prefix);
        assert_eq!(sent, format!("{before}session={DRAWN}"));
        assert!(
            question.cookie.is_none_or(|cookie| !cookie.contains(DRAWN)),
            "it is no part of the question"
        );
    }
}

#[test]
fn a_clients_own_needs_no_other() {
    for (authorization, cookies, prefix) in [
        (Some("Bearer b"), "session=s", ""),
        (None, "session=", ""),
        (None, "shop_session=s; shop_app_session=a", "shop_"),
    ] {
        assert_eq!(
            question(authorization, cookies, prefix).cookie_choice,
            CookieChoice::AsItIs,
            "{cookies:?}"
        );
    }
}

#[test]
fn a_token_alone_is_first_asked_about_without_it() {
    let question = Question::about_token("eyJ.a.b");
    assert_eq!(
        (question.cookie_choice, &question.cookie),
        (CookieChoice::AsItIs, &None)
    );
    assert_eq!(
        question.cookie_with(&made_up(), "shop_"),
        format!("shop_session={DRAWN}"),
        "the second time"
    );
}

#[test]
fn no_word_about_it_goes_on_to_a_client() {
    let keeps = |value: &str, cookie_choice| keeps_set_cookie(value.as_bytes(), "shop_", cookie_choice);
    for (value, with_made_up) in [
        ("shop_session=; Domain=example.com", false),
        ("shop_session=x; Domain=example.com", false),
        (" shop_session =x; Domain=example.com", false),
        ("shop_app_session=; Domain=example.com", true),
        ("shop_app_access_token=; Domain=example.com", true),
    ] {
        assert!(keeps(value, CookieChoice::AsItIs), "{value}");
        assert_eq!(keeps(value, CookieChoice::WithMadeUp), with_made_up, "{value}");
    }
}

//! A claim of a token as a variable's text: what it is, and what is empty.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use authgear_core::claim_text::ClaimReader;
use authgear_core::jws::{Candidate, Form};
use common::evaluation::good;
use common::{claiming, claiming_raw, headed, KID, ORIGIN, USER};
use proptest::prelude::*;
use serde_json::{json, Value};

fn of(token: &str) -> Option<ClaimReader> {
    match Candidate::of(token.as_bytes())?.form() {
        Form::Token(token) => ClaimReader::of(token),
        Form::Other(_) | Form::Malformed => None,
    }
}

fn text(token: &str, path: &[&str]) -> Option<String> {
    of(token).unwrap().text(path.iter().copied())
}

/// The text of a claim with this value.
fn text_of(value: Value) -> Option<String> {
    text(&claiming(json!({ "custom": value })), &["custom"])
}

fn raw(value: &str) -> Option<String> {
    text(&claiming_raw("custom", value), &["custom"])
}

#[test]
fn the_tokens_own_claims_are_found_by_their_names() {
    let token = good();
    for (name, wanted) in [
        ("sub", USER),
        ("iss", ORIGIN),
        ("aud", ORIGIN),
        ("client_id", "web"),
        ("exp", "1800001740"),
        ("https://authgear.com/claims/user/is_verified", "true"),
        ("https://authgear.com/claims/user/roles", "admin,editor"),
        (
            "scope",
            "openid offline_access https://authgear.com/scopes/full-access",
        ),
    ] {
        assert_eq!(text(&token, &[name]).as_deref(), Some(wanted), "{name}");
    }
    for name in ["Sub", "su", "sub ", "", "nbf"] {
        assert_eq!(text(&token, &[name]), None, "{name:?}");
    }
}

#[test]
fn a_value_is_its_text() {
    for (value, wanted) in [
        (json!("gold"), "gold"),
        (json!("caf\u{e9} \"x\", y"), "caf\u{e9} \"x\", y"),
        (json!(0), "0"),
        (json!(-1), "-1"),
        (json!(true), "true"),
        (json!(false), "false"),
        (json!(["a"]), "a"),
        (json!(["a", 1, true]), "a,1,true"),
    ] {
        assert_eq!(text_of(value.clone()).as_deref(), Some(wanted), "{value}");
    }
    for (value, wanted) in [
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("12345678901234567890123", "12345678901234567890123"),
        (r#""\u0061\u00e9""#, "a\u{e9}"),
        (r#""\"\\""#, "\"\\"),
        (" [ \"a\" , 1 ] ", "a,1"),
    ] {
        assert_eq!(raw(value).as_deref(), Some(wanted), "{value}");
    }
}

#[test]
fn what_has_no_text_is_empty() {
    for value in [
        json!(null),
        json!(""),
        json!({}),
        json!({"a": "b"}),
        json!([]),
        json!([""]),
        json!(["a", ""]),
        json!(["a", null]),
        json!(["a", {"b": "c"}]),
        json!(["a", ["b"]]),
    ] {
        assert_eq!(text_of(value.clone()), None, "{value}");
    }
}

#[test]
fn an_element_that_would_read_as_two_empties_the_list() {
    for value in [json!(["user,admin"]), json!(["a", ","]), json!(["a", "b,"])] {
        assert_eq!(text_of(value.clone()), None, "{value}");
    }
}

#[test]
fn a_control_character_empties_it() {
    for letter in (0..0x20).chain([0x7f]) {
        let letter = char::from(letter);
        for value in [json!(format!("a{letter}b")), json!(["a", format!("{letter}")])] {
            assert_eq!(text_of(value.clone()), None, "{value}");
        }
    }
    for value in [r#""a\r\nx-authgear-user-id: b""#, r#""\u0000""#, r#""\ud800""#] {
        assert_eq!(raw(value), None, "{value}");
    }
}

#[test]
fn a_path_leads_into_objects_and_nowhere_else() {
    let token = claiming(json!({
        "https://shop.example/plan": {"name": "gold", "limits": {"rate": 5, "a.b": ["x", "y"]}},
        "list": [{"name": "x"}],
        "text": "name",
    }));
    let plan = "https://shop.example/plan";
    for (path, wanted) in [
        (&[plan, "name"][..], Some("gold")),
        (&[plan, "limits", "rate"], Some("5")),
        (&[plan, "limits", "a.b"], Some("x,y")),
        (&[plan], None),
        (&[plan, "limits"], None),
        (&[plan, "name", "name"], None),
        (&["list", "name"], None),
        (&["list", "0"], None),
        (&["text", "name"], None),
        (&["none", "name"], None),
        (&[], None),
    ] {
        assert_eq!(text(&token, path).as_deref(), wanted, "{path:?}");
    }
}

#[test]
fn a_name_that_stands_twice_is_none() {
    assert_eq!(raw(r#""a","custom":"b""#), None);
    assert_eq!(raw(r#""a","c\u0075stom":"b""#), None);
    let token = claiming_raw("custom", r#"{"plan":"a","plan":"b","other":"c"}"#);
    assert_eq!(text(&token, &["custom", "plan"]), None);
    assert_eq!(text(&token, &["custom", "other"]).as_deref(), Some("c"));
}

#[test]
fn a_kid_without_control_characters_is_told() {
    assert_eq!(of(&good()).unwrap().kid(), Some(KID));
    assert_eq!(of(&headed(json!({"kid": null}))).unwrap().kid(), None);
    assert_eq!(of(&headed(json!({"kid": "a\nb"}))).unwrap().kid(), None);
}

#[test]
fn what_is_no_access_token_has_no_claims_and_none_shows_when_debugged() {
    for token in ["eyJ.a.b", "eyJ", "opaque"] {
        assert_eq!(of(token), None, "{token}");
    }
    assert_eq!(format!("{:?}", of(&good()).unwrap()), "ClaimReader(..)");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z,]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_value_gives_a_text_that_is_two_lines_or_another_list(value in any_value()) {
        let token = claiming(json!({ "custom": value }));
        let Some(text) = text(&token, &["custom"]) else { return Ok(()) };
        prop_assert!(!text.is_empty() && !text.bytes().any(|byte| byte < 0x20 || byte == 0x7f));
        match &value {
            Value::Array(elements) => prop_assert_eq!(text.split(',').count(), elements.len()),
            Value::String(string) => prop_assert_eq!(&text, string),
            Value::Bool(_) | Value::Number(_) => prop_assert_eq!(text, value.to_string()),
            Value::Null | Value::Object(_) => prop_assert!(false, "{value}: {text}"),
        }
    }
}

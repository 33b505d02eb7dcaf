//! What a token was issued for: read from its claims, kept in its record whole, and well-formed or absent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::fs;
use std::path::Path;

use authgear_core::grant::{Grant, Machine, Scope, FULL_ACCESS};
use authgear_core::record::{Holder, Token};
use authgear_core::table::CAPACITY;
use authgear_core::verdict::Reason;
use authgear_core::verify::Judgement;
use common::evaluation::good;
use common::{claiming, claiming_raw, judge, refusal};
use serde_json::{json, Value};

fn token_of(token: &str) -> Token {
    match judge(token) {
        Judgement::Verified(verified) => Token::from(*verified),
        other => panic!("{other:?}"),
    }
}

fn grant_of(token: &str) -> Grant {
    match token_of(token).holder {
        Holder::User(_, grant) => grant,
        Holder::Machine(_) => panic!("a machine"),
    }
}

fn said(grant: &Grant) -> (Option<&str>, Option<&str>) {
    (grant.client_id(), grant.scope())
}

#[test]
fn a_token_has_the_client_and_the_scope_that_stand_in_it() {
    let grant = grant_of(&good());
    let scope = format!("openid offline_access {FULL_ACCESS}");
    assert_eq!(said(&grant), (Some("web"), Some(scope.as_str())));
    for token in ["openid", "offline_access", FULL_ACCESS] {
        assert!(grant.has(token), "{token}");
    }
    for token in [
        "",
        " ",
        "open",
        "openid offline_access",
        "OPENID",
        "https://authgear.com/scopes",
    ] {
        assert!(!grant.has(token), "{token:?}");
    }
}

#[test]
fn what_is_not_well_formed_counts_as_absent_and_the_token_still_verifies() {
    for scope in [
        json!(null),
        json!(""),
        json!(" "),
        json!("a  b"),
        json!(" a"),
        json!("a "),
        json!("a\tb"),
        json!("a\"b"),
        json!("a\\b"),
        json!("caf\u{e9}"),
        json!(["a"]),
        json!(1),
        json!({"a": "b"}),
    ] {
        let grant = grant_of(&claiming(json!({ "scope": scope })));
        assert_eq!(said(&grant), (Some("web"), None), "{scope}");
        assert!(!grant.has("a"));
    }
    for client_id in [
        json!(null),
        json!(""),
        json!("a\n"),
        json!("caf\u{e9}"),
        json!(["web"]),
        json!(1),
    ] {
        let grant = grant_of(&claiming(json!({"client_id": client_id, "scope": "a"})));
        assert_eq!(said(&grant), (None, Some("a")), "{client_id}");
    }
    assert_eq!(
        said(&grant_of(&claiming_raw("scope", "null"))),
        (Some("web"), None)
    );
}

#[test]
fn a_claim_that_requirements_look_at_stands_once() {
    for (name, raw) in [
        ("scope", r#""a","scope":"b""#),
        ("client_id", r#""web","client_id":"app""#),
    ] {
        assert_eq!(refusal(&claiming_raw(name, raw)), Reason::Malformed, "{name}");
    }
}

#[test]
fn the_client_never_runs_into_the_scope() {
    for (client_id, scope) in [
        (Some("a"), Some("b c")),
        (Some("a b"), Some("c")),
        (Some("a b c"), None),
        (None, Some("a b c")),
        (None, None),
    ] {
        let holder = Holder::User(common::session(&good()), Grant::new(client_id, scope));
        let token = Token {
            holder,
            ..token_of(&good())
        };
        let again = Token::from_bytes(&token.to_bytes()).unwrap();
        assert_eq!(again, token);
        match again.holder {
            Holder::User(_, grant) => assert_eq!(said(&grant), (client_id, scope)),
            Holder::Machine(_) => panic!("a machine"),
        }
    }
}

#[test]
fn a_token_that_does_not_fit_an_entry_is_whole_in_its_bytes() {
    let scopes = |count: usize| -> String {
        let scopes: Vec<String> = (0..count).map(|nth| format!("scope:{nth}")).collect();
        scopes.join(" ")
    };
    let length = |claims: Value| token_of(&claiming(claims)).to_bytes().len();
    assert!(length(json!({})) <= CAPACITY, "an ordinary token fits");
    for count in [1, 100, 1_000] {
        let token = token_of(&claiming(json!({"scope": scopes(count)})));
        let bytes = token.to_bytes();
        assert_eq!(bytes.len() > CAPACITY, count > 1, "{count}");
        assert_eq!(Token::from_bytes(&bytes), Some(token), "no fact is lost");
    }
}

#[test]
fn a_record_with_a_grant_that_no_token_has_is_none() {
    let good = token_of(&good()).to_bytes();
    // The kind, the thumbprint and three times come first; then the lengths of the client and of both, and
    // the texts.
    let (head, rest) = good.split_at(57);
    assert_eq!(rest[..7], [3, 0, 64, 0, b'w', b'e', b'b']);
    let session = &rest[4 + 64..];
    let with = |grant: &[u8]| Token::from_bytes(&[head, grant, session].concat());
    assert!(with(&[0, 0, 0, 0]).is_some());
    assert!(with(b"\x01\0\x02\0ab").is_some());
    for grant in [
        &b""[..],
        b"\x01\0",
        b"\x02\0\x01\0a",
        b"\x01\0\x03\0a b",
        b"\x01\0\x02\0\nb",
        b"\x01\0\x02\0a\"",
        b"\x01\0\x02\0a\xff",
        b"\x01\0\x04\0ab  ",
        b"\x01\0\xff\xffab",
    ] {
        assert_eq!(with(grant), None, "{grant:?}");
    }
}

#[test]
fn a_machine_is_of_its_own_client() {
    for (sub, client_id) in [
        ("client_id_m", "x"),
        ("m", "m"),
        ("client_id_", ""),
        ("", ""),
        ("client_id_ ", " "),
    ] {
        assert_eq!(Machine::new(sub, client_id, None), None, "{sub:?} {client_id:?}");
    }
    let machine = Machine::new("client_id_m", "m", Some("a")).unwrap();
    assert_eq!((machine.client_id(), machine.grant().scope()), ("m", Some("a")));
}

#[test]
fn a_scope_is_made_of_scope_tokens() {
    for token in ["a", "https://authgear.com/scopes/full-access", "a|b", "!#[]~"] {
        assert_eq!(Scope::token(token).unwrap().as_str(), token);
    }
    for token in ["", " ", "a b", "a\"", "\\", "\u{7f}", "\u{e9}", "a\n"] {
        assert_eq!(Scope::token(token), None, "{token:?}");
    }
    assert_eq!(Scope::all(&[]), None);
}

#[test]
fn the_corpus_has_a_token_of_each_kind_and_one_of_before() {
    let read = |name: &str| {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/record");
        Token::from_bytes(&fs::read(corpus.join(name)).unwrap())
    };
    assert!(matches!(read("token").unwrap().holder, Holder::User(..)));
    assert!(matches!(read("machine").unwrap().holder, Holder::Machine(_)));
    for name in [
        "token_without_grant",
        "token_cut_short",
        "token_without_session",
        "token_two_spaces_in_scope",
        "token_lying_client",
        "machine_and_more",
        "machine_without_client",
        "machine_line_end",
    ] {
        assert_eq!(read(name), None, "{name}");
    }
}

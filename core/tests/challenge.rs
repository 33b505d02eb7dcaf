//! What a refusal says in `WWW-Authenticate`: one challenge, as RFC 6750, RFC 9470 and RFC 9728 have it,
//! whatever it is made of.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "common/challenge.rs"]
mod reader;

use authgear_core::challenge::{Challenge, ResourceMetadata, ResourceMetadataError};
use authgear_core::grant::Scope;
use authgear_core::require::Requirements;
use authgear_core::verdict::Reason;
use proptest::collection::vec;
use proptest::prelude::*;

const METADATA: &str = "https://api.example.com/.well-known/oauth-protected-resource?a=b,c";

fn scope(tokens: &[&str]) -> Scope {
    let tokens: Vec<Scope> = tokens.iter().map(|token| Scope::token(token).unwrap()).collect();
    Scope::all(&tokens).unwrap()
}

#[test]
fn each_challenge_is_written_as_its_rfc_has_it() {
    let metadata = ResourceMetadata::parse(METADATA).unwrap();
    for (challenge, alone) in [
        (Challenge::Plain, "Bearer"),
        (
            Challenge::InvalidToken(Reason::Expired),
            "Bearer error=\"invalid_token\", error_description=\"expired\"",
        ),
        (
            Challenge::InsufficientScope(scope(&["read", "write"])),
            "Bearer error=\"insufficient_scope\", scope=\"read write\"",
        ),
        (
            Challenge::InsufficientUserAuthentication { max_age: Some(900) },
            "Bearer error=\"insufficient_user_authentication\", max_age=\"900\"",
        ),
        (
            Challenge::InsufficientUserAuthentication { max_age: None },
            "Bearer error=\"insufficient_user_authentication\"",
        ),
    ] {
        assert_eq!(challenge.value(None), alone);
        let separator = if alone == "Bearer" { " " } else { ", " };
        let with = format!("{alone}{separator}resource_metadata=\"{METADATA}\"");
        assert_eq!(challenge.value(Some(&metadata)), with);
        let (scheme, parameters) = reader::read(&with).unwrap();
        assert_eq!(scheme, "Bearer");
        let last = parameters.last().unwrap();
        assert_eq!(last, &("resource_metadata".to_owned(), METADATA.to_owned()));
    }
}

#[test]
fn the_reader_of_these_tests_takes_one_challenge_and_nothing_else() {
    let one = |name: &str, text: &str| ("Bearer".to_owned(), vec![(name.to_owned(), text.to_owned())]);
    assert_eq!(reader::read("Bearer a=\"b\\\"c\""), Some(one("a", "b\"c")));
    for value in [
        "",
        " Bearer",
        "Bearer ",
        "Bearer a",
        "Bearer a=\"b",
        "Bearer a=\"b\"c\"",
        "Bearer a=\"b\", ",
        "Bearer a=\"b\", Basic x=\"y\"",
        "Bearer, Basic",
    ] {
        assert_eq!(reader::read(value), None, "{value:?}");
    }
}

#[test]
fn the_metadata_is_an_absolute_url_that_needs_no_escape() {
    for url in [
        METADATA,
        "http://127.0.0.1:8080/.well-known/oauth-protected-resource",
        "https://[::1]/m",
        "https://api.example.com",
    ] {
        assert_eq!(ResourceMetadata::parse(url).unwrap().as_str(), url);
    }
    for (url, error) in [
        ("https://$host/m", ResourceMetadataError::Variable),
        ("https://api.example.com/a\"b", ResourceMetadataError::Character),
        ("https://api.example.com/a\\b", ResourceMetadataError::Character),
        ("https://api.example.com/a b", ResourceMetadataError::Character),
        (
            "https://api.example.com/caf\u{e9}",
            ResourceMetadataError::Character,
        ),
        (
            "https://api.example.com/\r\nx: y",
            ResourceMetadataError::Character,
        ),
        ("", ResourceMetadataError::NotAUrl),
        ("/m", ResourceMetadataError::NotAUrl),
        ("api.example.com", ResourceMetadataError::NotAUrl),
        ("https://", ResourceMetadataError::NotAUrl),
        ("https://:80/m", ResourceMetadataError::NotAUrl),
        ("ftp://api.example.com/m", ResourceMetadataError::Scheme),
        ("https://a@api.example.com/m", ResourceMetadataError::UserInfo),
        ("https://api.example.com/m#a", ResourceMetadataError::Fragment),
    ] {
        assert_eq!(ResourceMetadata::parse(url), Err(error), "{url:?}");
        assert!(!error.to_string().is_empty());
    }
}

/// Any text, and texts that would break out of a quoted string.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[!-~]{1,20}",
        "https://[a-z]{1,5}/[ -~]{0,20}",
        prop::sample::select(vec![
            "a\", realm=\"x",
            "a\\",
            "a\r\nset-cookie: x",
            "a, Basic",
            "\u{7f}"
        ])
        .prop_map(str::to_owned),
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(vec![
        Reason::Expired,
        Reason::BadSignature,
        Reason::MachineToken,
        Reason::UserBarred,
    ])
}

/// Whatever challenge can be made of these.
fn challenges(texts: &[String], reason: Reason, max_age: Option<u64>) -> Vec<Challenge> {
    let tokens: Vec<Scope> = texts.iter().filter_map(|text| Scope::token(text)).collect();
    let mut challenges = vec![
        Challenge::Plain,
        Challenge::InvalidToken(reason),
        Challenge::InsufficientUserAuthentication { max_age },
    ];
    challenges.extend(Scope::all(&tokens).map(Challenge::InsufficientScope));
    challenges
}

proptest! {
    #[test]
    fn whatever_it_is_made_of_it_is_one_challenge_of_printable_ascii(
        texts in vec(text(), 0..4), reason in reason(), max_age in any::<Option<u64>>(), url in text(),
    ) {
        let metadata = ResourceMetadata::parse(&url).ok();
        for challenge in challenges(&texts, reason, max_age) {
            let value = challenge.value(metadata.as_ref());
            prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value:?}");
            let (scheme, parameters) = reader::read(&value).unwrap();
            prop_assert_eq!(scheme, "Bearer");
            for (name, text) in &parameters {
                // RFC 6750, section 3: what none of its parameters may hold.
                prop_assert!(!text.contains(['"', '\\']), "{name}: {text}");
            }
            let told = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, text)| text.clone());
            prop_assert_eq!(told("resource_metadata"), metadata.as_ref().map(|url| url.as_str().to_owned()));
            prop_assert_eq!(told("scope"), match &challenge {
                Challenge::InsufficientScope(scope) => Some(scope.as_str().to_owned()),
                Challenge::Plain | Challenge::InvalidToken(_) | Challenge::InsufficientUserAuthentication { .. } => None,
            });
            let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), count, "a parameter stands once");
        }
    }

    #[test]
    fn words_are_read_or_refused_and_what_is_said_of_them_is_text(words in vec(text(), 0..4), name in prop::sample::select(vec![
        "role=", "scope=", "client_id=", "amr=", "max_age=", "error=", "$", "",
    ])) {
        let words: Vec<String> = words.iter().map(|word| format!("{name}{word}")).collect();
        match Requirements::parse(words.iter().map(String::as_str), |text| text.parse().ok()) {
            Ok(Some(requirements)) => prop_assert!(!requirements.list().is_empty()),
            Ok(None) => prop_assert_eq!(words, ["off"]),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

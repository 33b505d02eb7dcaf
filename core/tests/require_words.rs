//! The words of `authgear_require`: what each is read as, and everything that can be wrong with them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use authgear_core::grant::Scope;
use authgear_core::require::{Requirement, RequirementError, Requirements};

/// Reads `15m` and plain seconds.
fn seconds(text: &str) -> Option<u64> {
    match text.strip_suffix('m') {
        Some(minutes) => minutes.parse::<u64>().ok()?.checked_mul(60),
        None => text.parse().ok(),
    }
}

fn parse(words: &[&str]) -> Result<Option<Requirements>, RequirementError> {
    Requirements::parse(words.iter().copied(), seconds)
}

fn list(words: &[&str]) -> Vec<Requirement> {
    parse(words).unwrap().unwrap().list().to_vec()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

#[test]
fn each_word_is_its_requirement_in_order() {
    assert_eq!(
        list(&[
            "valid",
            "verified",
            "not_anonymous",
            "role=admin|owner",
            "role=billing",
            "max_age=15m",
            "scope=https://authgear.com/scopes/full-access",
            "scope=read:all",
            "client_id=web|app",
            "first_party",
            "amr=mfa|hwk",
            "$allowed",
            "$not_denied2",
        ]),
        [
            Requirement::Valid,
            Requirement::Verified,
            Requirement::NotAnonymous,
            Requirement::Role(texts(&["admin", "owner"])),
            Requirement::Role(texts(&["billing"])),
            Requirement::MaxAge(900),
            Requirement::Scope(Scope::token("https://authgear.com/scopes/full-access").unwrap()),
            Requirement::Scope(Scope::token("read:all").unwrap()),
            Requirement::ClientId(texts(&["web", "app"])),
            Requirement::FirstParty,
            Requirement::Amr(texts(&["mfa", "hwk"])),
            Requirement::Variable(0, "allowed".to_owned()),
            Requirement::Variable(1, "not_denied2".to_owned()),
        ]
    );
    assert_eq!(list(&["machine"]), [Requirement::Machine]);
    // Only the first sign of equality is one.
    assert_eq!(
        list(&["scope=a=b"]),
        [Requirement::Scope(Scope::token("a=b").unwrap())]
    );
    assert_eq!(list(&["role=a b"]), [Requirement::Role(texts(&["a b"]))]);
}

#[test]
fn off_is_no_requirement_and_stands_alone() {
    assert_eq!(parse(&["off"]), Ok(None));
    for words in [
        &["off", "valid"][..],
        &["valid", "off"],
        &["off", "off"],
        &["off", "error=401"],
        &["off", "nonsense"],
    ] {
        assert_eq!(parse(words), Err(RequirementError::OffBesideOthers), "{words:?}");
    }
}

#[test]
fn nothing_is_not_required() {
    for words in [&[][..], &["error=401"]] {
        assert_eq!(parse(words), Err(RequirementError::Nothing), "{words:?}");
    }
}

/// A word that is refused alone, and why.
type Row = (&'static str, fn(String) -> RequirementError);

const REFUSED: [Row; 62] = [
    ("", RequirementError::Unknown),
    ("Valid", RequirementError::Unknown),
    ("roles=admin", RequirementError::Unknown),
    ("user", RequirementError::Unknown),
    ("=", RequirementError::Unknown),
    ("=admin", RequirementError::Unknown),
    ("!verified", RequirementError::Unknown),
    (" valid", RequirementError::Unknown),
    ("acr=x", RequirementError::Unknown),
    ("OFF", RequirementError::Unknown),
    ("off=1", RequirementError::Unknown),
    ("role", RequirementError::NoValue),
    ("max_age", RequirementError::NoValue),
    ("scope", RequirementError::NoValue),
    ("client_id", RequirementError::NoValue),
    ("amr", RequirementError::NoValue),
    ("error", RequirementError::NoValue),
    ("valid=", RequirementError::UnexpectedValue),
    ("verified=true", RequirementError::UnexpectedValue),
    ("not_anonymous=1", RequirementError::UnexpectedValue),
    ("first_party=on", RequirementError::UnexpectedValue),
    ("machine=m", RequirementError::UnexpectedValue),
    ("role=", RequirementError::EmptyValue),
    ("max_age=", RequirementError::EmptyValue),
    ("scope=", RequirementError::EmptyValue),
    ("client_id=", RequirementError::EmptyValue),
    ("amr=", RequirementError::EmptyValue),
    ("error=", RequirementError::EmptyValue),
    ("role=|", RequirementError::EmptyValue),
    ("role=a|", RequirementError::EmptyValue),
    ("role=|a", RequirementError::EmptyValue),
    ("client_id=a||b", RequirementError::EmptyValue),
    ("amr=mfa|", RequirementError::EmptyValue),
    ("$", RequirementError::VariableName),
    ("$a-b", RequirementError::VariableName),
    ("${a}", RequirementError::VariableName),
    ("$$a", RequirementError::VariableName),
    ("$a$b", RequirementError::VariableName),
    ("$a=b", RequirementError::VariableName),
    ("$caf\u{e9}", RequirementError::VariableName),
    ("role=$role", RequirementError::VariableInValue),
    ("scope=$scope", RequirementError::VariableInValue),
    ("client_id=web|$client", RequirementError::VariableInValue),
    ("amr=$amr", RequirementError::VariableInValue),
    ("max_age=$time", RequirementError::VariableInValue),
    ("role=a,b", RequirementError::Character),
    ("role=caf\u{e9}", RequirementError::Character),
    ("role=a\n", RequirementError::Character),
    ("role= a", RequirementError::Character),
    ("client_id=a |b", RequirementError::Character),
    ("client_id=a\u{7f}", RequirementError::Character),
    ("amr=pwd,otp", RequirementError::Character),
    ("amr=pwd otp", RequirementError::Character),
    ("scope=a b", RequirementError::Scope),
    ("scope=a\"", RequirementError::Scope),
    ("scope=a\\b", RequirementError::Scope),
    ("scope=caf\u{e9}", RequirementError::Scope),
    ("scope=a|b", RequirementError::ScopeAlternatives),
    ("max_age=soon", RequirementError::MaxAge),
    ("max_age=0", RequirementError::MaxAge),
    ("error=404", RequirementError::Error),
    ("error=4 01", RequirementError::Error),
];

#[test]
fn each_thing_that_is_wrong_is_said_of_its_word() {
    for (word, error) in REFUSED {
        let wanted = error(word.to_owned());
        assert_eq!(parse(&[word]), Err(wanted.clone()), "{word:?}");
        assert_eq!(
            parse(&["valid", word, "verified"]),
            Err(wanted.clone()),
            "{word:?}"
        );
        assert!(wanted.to_string().contains(&format!("\"{word}\"")), "{wanted}");
    }
}

#[test]
fn what_may_stand_once_stands_once() {
    for (first, second) in [
        ("valid", "valid"),
        ("verified", "verified"),
        ("not_anonymous", "not_anonymous"),
        ("first_party", "first_party"),
        ("machine", "machine"),
        ("max_age=1m", "max_age=2m"),
        ("client_id=a", "client_id=b"),
        ("role=a", "role=a"),
        ("scope=a", "scope=a"),
        ("amr=a", "amr=a"),
        ("$a", "$a"),
        ("error=401", "error=403"),
        ("error=401", "error=401"),
    ] {
        let error = RequirementError::Twice(second.to_owned());
        assert_eq!(parse(&[first, "scope=x", second]), Err(error));
    }
    for words in [
        ["role=a", "role=b"],
        ["scope=a", "scope=b"],
        ["amr=a", "amr=b"],
        ["$a", "$b"],
    ] {
        assert_eq!(list(&words).len(), 2, "{words:?}");
    }
}

#[test]
fn what_no_machine_fulfils_does_not_stand_beside_machine() {
    for (word, name) in [
        ("verified", "verified"),
        ("not_anonymous", "not_anonymous"),
        ("role=admin", "role"),
        ("max_age=1m", "max_age"),
        ("first_party", "first_party"),
        ("amr=mfa", "amr"),
    ] {
        for words in [["machine", word], [word, "machine"]] {
            let error = RequirementError::NeverAMachines(name.to_owned());
            assert_eq!(parse(&words), Err(error), "{words:?}");
        }
    }
    for word in ["valid", "scope=a", "client_id=m", "$a"] {
        assert!(parse(&["machine", word, "error=401"]).is_ok(), "{word}");
    }
}

#[test]
fn errors_that_are_about_all_words_say_what_to_write() {
    for (error, part) in [
        (RequirementError::Nothing, "\"valid\""),
        (RequirementError::OffBesideOthers, "\"off\""),
        (RequirementError::Twice("valid".to_owned()), "once"),
        (RequirementError::NeverAMachines("role".to_owned()), "\"role\""),
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

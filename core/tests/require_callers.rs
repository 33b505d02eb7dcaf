//! Who may enter: nobody, what is worth nothing, machines, and requirements together.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::collections::BTreeSet;

use authgear_core::basis::Basis;
use authgear_core::credential::Kind;
use authgear_core::grant::{Machine, FULL_ACCESS};
use authgear_core::require::{check, Caller, Denial, Facts, Requirements};
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use common::answered::answered;
use common::require::{
    judged, requirements, resolver, said, said_of, seconds, token, user, AMR, ANONYMOUS, AT, EVERY, ROLES,
    VERIFIED,
};
use common::NOW;

// --- nobody, and what is worth nothing

#[test]
fn without_a_credential_there_is_a_plain_challenge_whatever_is_required() {
    for words in ["valid", EVERY, "machine", "role=admin error=403"] {
        assert_eq!(said(words, Caller::Nobody), "401 no_credential Bearer", "{words}");
    }
}

#[test]
fn an_invalid_credential_is_an_invalid_token_with_its_reason() {
    for words in ["valid", EVERY, "machine", "role=admin error=403"] {
        assert_eq!(
            said(words, Caller::Invalid(Reason::Expired)),
            "401 expired Bearer error=\"invalid_token\", error_description=\"expired\"",
            "{words}"
        );
    }
}

#[test]
fn a_verdict_and_its_basis_say_who_is_calling() {
    let session = user(&[]);
    let machine = Machine::new("client_id_m", "m", None).unwrap();
    let (by_token, of_machine) = (token("web", "a"), Basis::Machine(Kind::Bearer, machine));
    let valid = Verdict::Valid(session, Source::Token);
    let invalid = Verdict::Invalid(Reason::MachineToken);
    assert!(matches!(Caller::of(&Verdict::None, None), Ok(Caller::Nobody)));
    assert!(matches!(
        Caller::of(&Verdict::None, Some(&of_machine)),
        Ok(Caller::Nobody)
    ));
    assert!(matches!(Caller::of(&valid, None), Ok(Caller::User(_, None))));
    assert!(matches!(
        Caller::of(&valid, Some(&by_token)),
        Ok(Caller::User(_, Some(Basis::Token(..))))
    ));
    for basis in [None, Some(&by_token), Some(&resolver(&[Kind::Bearer]))] {
        assert!(matches!(
            Caller::of(&invalid, basis),
            Ok(Caller::Invalid(Reason::MachineToken))
        ));
    }
    assert!(matches!(
        Caller::of(&invalid, Some(&of_machine)),
        Ok(Caller::Machine(_))
    ));
    let expired = Verdict::Invalid(Reason::Expired);
    assert!(matches!(
        Caller::of(&expired, Some(&of_machine)),
        Ok(Caller::Invalid(Reason::Expired))
    ));
    for basis in [None, Some(&by_token), Some(&of_machine)] {
        let unknown = Verdict::Unknown(Why::TimedOut);
        assert_eq!(
            Caller::of(&unknown, basis).err(),
            Some(Why::TimedOut),
            "no refusal"
        );
    }
}

// --- machines

#[test]
fn a_machine_enters_only_where_machines_are_admitted() {
    let machine = Machine::new("client_id_m", "m", Some("read write")).unwrap();
    let caller = Caller::Machine(&machine);
    let no_machine = "401 machine_token Bearer error=\"invalid_token\", error_description=\"machine_token\"";
    for (words, wanted) in [
        ("machine", "ok"),
        ("valid machine", "ok"),
        ("machine scope=read scope=write client_id=x|m", "ok"),
        (
            "machine scope=admin",
            "403 insufficient_scope Bearer error=\"insufficient_scope\", scope=\"admin\"",
        ),
        ("machine client_id=x", "403 wrong_client"),
        ("machine $denied", "403 variable"),
        ("valid", no_machine),
        ("scope=read", no_machine),
        ("client_id=m error=403", no_machine),
        ("verified", no_machine),
        ("not_anonymous", no_machine),
        ("role=admin", no_machine),
        ("max_age=60", no_machine),
        ("amr=mfa", no_machine),
        ("first_party", no_machine),
    ] {
        assert_eq!(said(words, caller), wanted, "{words}");
    }
    assert!(requirements("machine scope=read").admit_machines());
    assert!(!requirements("scope=read").admit_machines());
}

#[test]
fn what_looks_into_a_token_is_told_apart() {
    for (words, first) in [
        ("valid scope=read client_id=shop", Some("scope")),
        ("client_id=shop", Some("client_id")),
        ("machine", Some("machine")),
        (
            "valid verified not_anonymous role=a max_age=1m first_party amr=mfa $x",
            None,
        ),
    ] {
        assert_eq!(requirements(words).word_of_tokens_alone(), first, "{words}");
    }
}

#[test]
fn no_user_is_a_machine() {
    assert_eq!(said_of("machine", &[]), "403 not_a_machine");
    // Nor is one whose name begins as a machine's, if the resolver should ever say so.
    let session = answered("client_id_m", []).unwrap();
    let basis = resolver(&[Kind::Bearer]);
    assert_eq!(
        said("machine", Caller::User(&session, Some(&basis))),
        "403 not_a_machine"
    );
}

// --- together

#[test]
fn every_requirement_must_hold() {
    let at = NOW.to_string();
    let session = user(&[
        (ANONYMOUS, "false"),
        (VERIFIED, "true"),
        (ROLES, "admin"),
        (AMR, "mfa"),
        (AT, &at),
    ]);
    let basis = token("web", &format!("a {FULL_ACCESS}"));
    let facts = Facts {
        caller: Caller::User(&session, Some(&basis)),
        variables: &|_| true,
        leeway: 0,
    };
    assert_eq!(check(&requirements(EVERY), &facts, NOW), Ok(()));
    // One more of each that does not hold, wherever it stands.
    for (word, reason) in [
        ("role=owner", "missing_role"),
        ("scope=b", "insufficient_scope"),
        ("amr=hwk", "missing_amr"),
        ("machine", ""),
    ] {
        for words in [format!("{word} {EVERY}"), format!("{EVERY} {word}")] {
            match Requirements::parse(words.split(' '), seconds) {
                Ok(Some(more)) => {
                    let denial = check(&more, &facts, NOW).unwrap_err();
                    assert_eq!(denial.as_str(), reason, "{words}");
                }
                other => assert!(other.is_err() && word == "machine", "{words}"),
            }
        }
    }
}

#[test]
fn nobody_is_sent_to_sign_in_who_would_be_refused_all_the_same() {
    let refused = |words| {
        let caller = &user(&[(AT, "1")]);
        match judged(words, Caller::User(caller, Some(&token("web", "a")))) {
            Err(refusal) => refusal.reason.as_str(),
            Ok(()) => panic!("{words}"),
        }
    };
    for (words, wanted) in [
        ("max_age=1 amr=mfa scope=b role=admin", "missing_role"),
        ("max_age=1 scope=b client_id=x role=admin", "wrong_client"),
        ("amr=mfa scope=b max_age=1", "insufficient_scope"),
        ("amr=mfa max_age=1", "missing_amr"),
        ("max_age=1 amr=mfa", "authentication_too_old"),
        ("role=admin verified", "missing_role"),
        ("verified role=admin", "not_verified"),
    ] {
        assert_eq!(refused(words), wanted, "{words}");
    }
}

#[test]
fn error_is_the_status_of_what_no_new_token_heals_and_of_nothing_else() {
    let session = user(&[(AT, "1")]);
    for (word, reason) in [
        ("verified", "not_verified"),
        ("not_anonymous", "anonymous"),
        ("role=admin", "missing_role"),
        ("client_id=x", "client_unknown"),
        ("first_party", "not_first_party"),
        ("machine", "not_a_machine"),
        ("$denied", "variable"),
    ] {
        let caller = Caller::User(&session, None);
        assert_eq!(said(word, caller), format!("403 {reason}"));
        assert_eq!(
            said(&format!("{word} error=403"), caller),
            format!("403 {reason}")
        );
        // A 401 has a challenge (RFC 9110, section 15.5.2).
        assert_eq!(
            said(&format!("error=401 {word}"), caller),
            format!("401 {reason} Bearer")
        );
    }
    for words in ["scope=a", "max_age=1", "amr=mfa"] {
        let caller = Caller::User(&session, None);
        let wanted = said(words, caller);
        for error in ["error=401", "error=403"] {
            assert_eq!(said(&format!("{words} {error}"), caller), wanted);
        }
    }
}

#[test]
fn each_reason_is_a_word_of_its_own() {
    let denials = [
        Denial::NoCredential,
        Denial::Invalid(Reason::Expired),
        Denial::NotVerified,
        Denial::Anonymous,
        Denial::MissingRole,
        Denial::WrongClient,
        Denial::ClientUnknown,
        Denial::NotFirstParty,
        Denial::NotAMachine,
        Denial::Variable,
        Denial::InsufficientScope,
        Denial::ScopeUnknown,
        Denial::AuthenticationTooOld,
        Denial::AuthenticationTimeUnknown,
        Denial::MissingAmr,
    ];
    let words: BTreeSet<&str> = denials.iter().map(|denial| denial.as_str()).collect();
    assert_eq!(words.len(), denials.len());
}

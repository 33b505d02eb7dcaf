//! A bearer token that came elsewhere than in `Authorization`: what of its bytes is one, and what becomes of
//! those behind it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::credential::{Allowed, Credentials, Kind};
use authgear_core::flow::{Action, Event};
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{Reason, Source, UnknownAnswer, Verdict, Why};
use common::evaluation::{asked, decided, expired, good, session, Evaluation};
use common::read;

/// What stands in a request, by its kind; `None` is what no credential has.
fn listed<'c>(credentials: &'c Credentials<'_>) -> Vec<(Kind, Option<&'c str>)> {
    let all = (0..5).map_while(|at| credentials.get(at));
    all.map(|credential| (credential.kind, credential.value.text()))
        .collect()
}

#[test]
fn it_goes_before_authorization_and_all_cookies() {
    let cookies = "session=s; app_access_token=t; app_session=a";
    let credentials = read(Some("Bearer b"), &[cookies], "").after(b"first", Allowed::ALL);
    assert_eq!(
        listed(&credentials),
        [
            (Kind::Bearer, Some("first")),
            (Kind::Bearer, Some("b")),
            (Kind::AppSession, Some("a")),
            (Kind::AppAccessToken, Some("t")),
            (Kind::Session, Some("s")),
        ]
    );
}

#[test]
fn an_empty_one_is_none_and_one_that_is_sent_twice_is_one() {
    for token in [&b""[..], b"b"] {
        let credentials = read(Some("Bearer b"), &["session=s"], "").after(token, Allowed::ALL);
        assert_eq!(
            listed(&credentials),
            [(Kind::Bearer, Some("b")), (Kind::Session, Some("s"))]
        );
    }
}

#[test]
fn it_is_no_credential_where_no_bearer_token_counts() {
    let allowed = Allowed::from_names(["app_session", "session"]).unwrap();
    let credentials = Credentials::default().after(b"first", allowed);
    assert!(credentials.is_empty());
}

#[test]
fn its_bytes_are_those_of_rfc_6750() {
    for token in ["a", "aZ09-._~+/", "a=", "a==", "eyJ.e.s", "="] {
        let credentials = Credentials::default().after(token.as_bytes(), Allowed::ALL);
        let wanted = (token != "=").then_some(token);
        assert_eq!(listed(&credentials), [(Kind::Bearer, wanted)], "{token}");
    }
    for token in [
        " a", "a ", "a b", "a=b", "a,b", "a%2e", "a\"", "a;", "a\r\n", "ä", "eyJ.e,s", "Bearer a",
    ] {
        let credentials = Credentials::default().after(token.as_bytes(), Allowed::ALL);
        assert_eq!(listed(&credentials), [(Kind::Bearer, None)], "{token:?}");
    }
}

fn elsewhere(token: &str, authorization: Option<&str>, cookies: &[&str]) -> Evaluation {
    let mut evaluation = Evaluation::new(Mode::On, authorization, cookies);
    evaluation.elsewhere = token.to_owned();
    evaluation
}

/// Whether the verdict is a token's own, and nobody is asked for it.
fn is_of_token(evaluation: Evaluation) -> bool {
    matches!(evaluation.verdict(), Verdict::Valid(_, Source::Token))
}

fn alice() -> Reading {
    Reading::Valid(session())
}

#[test]
fn one_that_verifies_decides_and_nothing_behind_it_is_looked_at() {
    let evaluation = elsewhere(&good(), Some("Bearer opaque"), &["session=s"]);
    assert!(is_of_token(evaluation));
}

#[test]
fn behind_one_that_is_worth_nothing_the_walk_goes_on() {
    for token in [expired(), "no token".to_owned()] {
        let header = format!("Bearer {}", good());
        let evaluation = elsewhere(&token, Some(&header), &[]);
        assert!(is_of_token(evaluation));
        let mut evaluation = elsewhere(&token, None, &["session=s"]);
        assert_eq!(evaluation.question(), ["", "session=s"]);
    }
    let evaluation = elsewhere("no token", None, &[]);
    assert_eq!(
        evaluation.verdict(),
        Verdict::Invalid(Reason::MalformedCredential)
    );
}

#[test]
fn without_authorization_it_is_asked_about_with_all_that_follow() {
    let mut evaluation = elsewhere("opaque", None, &["session=s; app_session=a"]);
    assert_eq!(
        evaluation.question(),
        ["Bearer opaque", "app_session=a; session=s"]
    );
    let verdict = decided(evaluation.step(Event::Answered(Reading::Invalid)));
    assert_eq!(verdict, Verdict::Invalid(Reason::ResolverSaidNo));
}

#[test]
fn of_two_tokens_the_resolver_is_asked_one_after_the_other() {
    let mut evaluation = elsewhere("one", Some("Bearer two"), &["session=s"]);
    assert_eq!(evaluation.question(), ["Bearer one", ""]);
    let second = evaluation.step(Event::Answered(Reading::Invalid));
    assert_eq!(asked(second), ["Bearer two", "session=s"]);
    let verdict = decided(evaluation.step(Event::Answered(alice())));
    assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
}

#[test]
fn a_yes_to_the_first_ends_the_walk_and_so_does_no_answer() {
    let mut evaluation = elsewhere("one", Some("Bearer two"), &[]);
    evaluation.question();
    let verdict = decided(evaluation.step(Event::Answered(alice())));
    assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));

    for (event, why) in [
        (Event::Unanswered(Why::TimedOut), Why::TimedOut),
        (Event::Answered(Reading::Silent), Why::Silent),
        (
            Event::Answered(Reading::Unknown(UnknownAnswer::Status)),
            Why::Answer(UnknownAnswer::Status),
        ),
    ] {
        let mut evaluation = elsewhere("one", Some(&format!("Bearer {}", good())), &[]);
        evaluation.question();
        assert_eq!(decided(evaluation.step(event)), Verdict::Unknown(why));
    }
}

#[test]
fn a_no_to_the_first_is_the_reason_when_the_second_is_worth_nothing_too() {
    let mut evaluation = elsewhere("one", Some(&format!("Bearer {}", expired())), &[]);
    evaluation.question();
    let verdict = evaluation.step(Event::Answered(Reading::Invalid));
    assert!(
        matches!(verdict, Action::Decide(Verdict::Invalid(Reason::ResolverSaidNo))),
        "{verdict:?}"
    );
}

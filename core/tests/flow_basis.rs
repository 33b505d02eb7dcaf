//! What a verdict rests on: which credential, and what its token was issued for; nothing where nobody
//! vouched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::rc::Rc;

use authgear_core::basis::{Basis, Kinds};
use authgear_core::credential::Kind;
use authgear_core::flow::{Action, Event};
use authgear_core::freshness::{Fallback, Freshness, Rejection, TokenAnswer};
use authgear_core::grant::{Grant, FULL_ACCESS};
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{Verdict, Why};
use common::claiming;
use common::evaluation::{expired, good, of_the_next_key, session, Evaluation};
use common::fake_memory::{with, FakeMemory, ASK_FIRST};
use serde_json::json;

fn granted() -> Grant {
    let scope = format!("openid offline_access {FULL_ACCESS}");
    Grant::new(Some("web"), Some(&scope))
}

fn kinds(kinds: &[Kind]) -> Kinds {
    kinds.iter().copied().collect()
}

/// What it rests on once these things have happened after its beginning.
fn basis(evaluation: &mut Evaluation, events: &[Event]) -> Option<Basis> {
    let mut action = evaluation.step(Event::Begin);
    for event in events {
        assert!(
            matches!(action, Action::Ask(_) | Action::AskAboutToken(_)),
            "{action:?}"
        );
        action = evaluation.step(event.clone());
    }
    assert!(
        matches!(action, Action::Decide(_) | Action::DecideAndAsk(..)),
        "{action:?}"
    );
    evaluation.flow.basis().cloned()
}

#[test]
fn a_token_that_verifies_is_what_the_verdict_rests_on() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = Evaluation::new(mode, Some(&format!("Bearer {}", good())), &["session=s"]);
        assert_eq!(
            basis(&mut evaluation, &[]),
            Some(Basis::Token(Kind::Bearer, granted()))
        );
        let mut evaluation = Evaluation::new(mode, None, &[&format!("app_access_token={}", good())]);
        let wanted = Basis::Token(Kind::AppAccessToken, granted());
        assert_eq!(wanted.credential(), Some(Kind::AppAccessToken));
        assert_eq!(wanted.grant(), Some(&granted()));
        assert_eq!(basis(&mut evaluation, &[]), Some(wanted));
    }
}

#[test]
fn behind_a_dead_token_it_rests_on_what_follows() {
    let dead = format!("Bearer {}", expired());
    let cookie = format!(
        "app_access_token={}",
        claiming(json!({"client_id": "app", "scope": "a"}))
    );
    let mut evaluation = Evaluation::new(Mode::On, Some(&dead), &[&cookie]);
    let grant = Grant::new(Some("app"), Some("a"));
    assert_eq!(
        basis(&mut evaluation, &[]),
        Some(Basis::Token(Kind::AppAccessToken, grant))
    );
    let mut evaluation = Evaluation::new(Mode::On, Some(&dead), &["session=s"]);
    let answered = Event::Answered(Reading::Valid(session()));
    let wanted = Basis::Resolver(kinds(&[Kind::Session]));
    assert_eq!(basis(&mut evaluation, &[answered]), Some(wanted));
}

#[test]
fn a_remembered_token_has_the_same_grant() {
    let memory = Rc::new(FakeMemory::default());
    for _ in ["new", "remembered"] {
        let wanted = Basis::Token(Kind::Bearer, granted());
        assert_eq!(basis(&mut with(&memory, Mode::On, &[]), &[]), Some(wanted));
    }
    assert_eq!(memory.count(), 1);
}

#[test]
fn what_the_resolver_said_of_a_token_leaves_it_its_grant() {
    let wanted = Some(Basis::Token(Kind::Bearer, granted()));
    for is_due in [false, true] {
        let memory = FakeMemory::with_freshness(Freshness::Good {
            session: Some(session()),
            is_due,
        });
        assert_eq!(basis(&mut with(&memory, Mode::On, &["session=s"]), &[]), wanted);
    }
    let memory = FakeMemory::with_freshness(ASK_FIRST);
    let yes = Event::TokenAnswered(TokenAnswer::Yes(session()));
    assert_eq!(
        basis(&mut with(&memory, Mode::On, &["session=s"]), &[yes]),
        wanted
    );
    let memory = FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Stale(None)));
    let failed = Event::TokenAnswered(TokenAnswer::Unknown(Why::TimedOut));
    assert_eq!(basis(&mut with(&memory, Mode::On, &[]), &[failed]), wanted);
}

#[test]
fn after_an_end_it_rests_on_what_is_answered_next() {
    let memory = FakeMemory::with_freshness(ASK_FIRST);
    let events = [
        Event::TokenAnswered(TokenAnswer::No(Rejection::Ended)),
        Event::Answered(Reading::Valid(session())),
    ];
    let got = basis(
        &mut with(&memory, Mode::On, &["app_session=a; session=s"]),
        &events,
    );
    let wanted = Basis::Resolver(kinds(&[Kind::AppSession, Kind::Session]));
    assert_eq!(wanted.credential(), None, "the resolver does not say which");
    assert_eq!(got, Some(wanted));
}

#[test]
fn the_resolvers_answer_rests_on_all_that_were_asked_about() {
    for (authorization, cookies, asked) in [
        (Some("Bearer opaque"), "", &[Kind::Bearer][..]),
        (None, "session=s", &[Kind::Session]),
        (None, "app_access_token=opaque", &[Kind::AppAccessToken]),
        (Some("Bearer opaque"), "session=s", &[Kind::Bearer, Kind::Session]),
        (None, "app_session=a b; session=s", &[Kind::Session]),
        (Some("Bearer \u{e9}"), "app_session=a", &[Kind::AppSession]),
    ] {
        for mode in [Mode::On, Mode::Remote] {
            let mut evaluation = Evaluation::new(mode, authorization, &[cookies]);
            let got = basis(&mut evaluation, &[Event::Answered(Reading::Valid(session()))]).unwrap();
            assert_eq!(got, Basis::Resolver(kinds(asked)), "{authorization:?} {cookies}");
            assert_eq!(
                got.credential(),
                asked.first().copied().filter(|_| asked.len() == 1)
            );
            assert_eq!(got.grant(), None);
        }
    }
    // A token that could not be judged here counts as any other.
    let mut evaluation = Evaluation::bearer(Mode::On, &of_the_next_key());
    let got = basis(&mut evaluation, &[Event::Answered(Reading::Valid(session()))]);
    assert_eq!(got, Some(Basis::Resolver(kinds(&[Kind::Bearer]))));
}

#[test]
fn a_remembered_answer_rests_on_the_same() {
    let wanted = Some(Basis::Resolver(kinds(&[Kind::Session])));
    let memory = FakeMemory::answering(Some(session()), true);
    let mut evaluation = Evaluation::new(Mode::On, None, &["session=s"]).remembering(memory);
    assert_eq!(basis(&mut evaluation, &[]), wanted);
    let memory = FakeMemory::answering(Some(session()), false);
    let mut evaluation = Evaluation::new(Mode::On, None, &["session=s"]).remembering(memory);
    assert_eq!(
        basis(&mut evaluation, &[Event::Unanswered(Why::Unreachable)]),
        wanted
    );
}

#[test]
fn where_nobody_vouches_it_rests_on_nothing() {
    let opaque = || Evaluation::new(Mode::On, Some("Bearer opaque"), &["session=s"]);
    for (mut evaluation, events) in [
        (Evaluation::new(Mode::On, None, &[]), vec![]),
        (Evaluation::bearer(Mode::On, &expired()), vec![]),
        (Evaluation::bearer(Mode::Local, &of_the_next_key()), vec![]),
        (opaque(), vec![Event::Answered(Reading::Invalid)]),
        (opaque(), vec![Event::Answered(Reading::Silent)]),
        (opaque(), vec![Event::Unanswered(Why::TimedOut)]),
    ] {
        assert_eq!(basis(&mut evaluation, &events), None, "{events:?}");
    }
    for said in [
        TokenAnswer::No(Rejection::Barred),
        TokenAnswer::No(Rejection::Ended),
        TokenAnswer::Unproven,
        TokenAnswer::Unknown(Why::Limit),
    ] {
        let memory = FakeMemory::with_freshness(ASK_FIRST);
        let got = basis(
            &mut with(&memory, Mode::On, &[]),
            &[Event::TokenAnswered(said.clone())],
        );
        assert_eq!(got, None, "{said:?}");
    }
    for freshness in [
        Freshness::Rejected(Rejection::Barred),
        Freshness::Rejected(Rejection::Ended),
        ASK_FIRST,
    ] {
        let memory = FakeMemory::with_freshness(freshness);
        let mut evaluation = with(&memory, Mode::Local, &[]);
        assert_eq!(basis(&mut evaluation, &[]), None);
        assert!(!matches!(evaluation.verdict(), Verdict::Valid(..)));
    }
}

#[test]
fn cookies_of_sessions_are_all_of_that_kind() {
    for (of, wanted) in [
        (&[][..], false),
        (&[Kind::Session], true),
        (&[Kind::AppSession, Kind::Session], true),
        (&[Kind::Bearer, Kind::Session], false),
        (&[Kind::AppSession, Kind::AppAccessToken, Kind::Session], false),
    ] {
        assert_eq!(kinds(of).are_cookies_of_sessions(), wanted, "{of:?}");
    }
}

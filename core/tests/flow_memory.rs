//! The evaluation with a memory: what is known of a token and of answers, when it is asked about, and what
//! becomes of it then.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::rc::Rc;

use authgear_core::flow::{Action, AskedToken, Event};
use authgear_core::freshness::{Freshness, Rejection, TokenAnswer};
use authgear_core::policy::Mode;
use authgear_core::record::Token;
use authgear_core::resolver::{Question, Reading};
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use authgear_core::verify::{verify, Judgement};
use common::evaluation::{asked, decided, expired, good, of_the_next_key, rotated, session, Evaluation};
use common::fake_memory::{alone, claimed, with, FakeMemory, ASK_FIRST, GOOD};
use common::{claiming, policy, project, set, Issuer, NOW, USER};
use serde_json::json;

// --- a token that verified earlier

#[test]
fn a_token_that_verifies_is_remembered_and_not_verified_again() {
    for mode in [Mode::On, Mode::Local] {
        let memory = Rc::new(FakeMemory::default());
        assert_eq!(
            with(&memory, mode, &[]).verdict(),
            Verdict::Valid(claimed(), Source::Token)
        );
        match verify(&good(), &project(), &policy(mode), NOW) {
            Judgement::Verified(verified) => {
                assert_eq!(
                    *memory.verified.borrow(),
                    [(good().into_bytes(), Token::from(*verified))]
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            with(&memory, mode, &[]).verdict(),
            Verdict::Valid(claimed(), Source::TokenCache)
        );
        assert_eq!(memory.count(), 1);
    }
}

#[test]
fn what_does_not_verify_is_never_remembered() {
    for token in [expired(), of_the_next_key(), format!("{}AAAA", good())] {
        let memory = Rc::new(FakeMemory::default());
        let mut evaluation = Evaluation::bearer(Mode::On, &token).remembering(memory.clone());
        evaluation.step(Event::Begin);
        assert_eq!(memory.count(), 0, "{token:.40}");
    }
}

#[test]
fn a_remembered_token_counts_only_while_its_key_is_in_the_set() {
    let memory = Rc::new(FakeMemory::default());
    with(&memory, Mode::On, &[]).verdict();
    let mut evaluation = with(&memory, Mode::On, &[]);
    evaluation.keys = Some(rotated());
    assert!(matches!(
        evaluation.verdict(),
        Verdict::Valid(_, Source::TokenCache)
    ));
    for (keys, current, wanted) in [
        // Another key under the same name: it is verified again.
        (
            set(&[Issuer::second().jwk_as(common::KID)]),
            true,
            Some(Reason::BadSignature),
        ),
        (set(&[Issuer::second().jwk()]), true, Some(Reason::UnknownKey)),
        (set(&[Issuer::second().jwk()]), false, None),
    ] {
        let mut evaluation = with(&memory, Mode::On, &[]).fetching();
        evaluation.keys = Some(keys);
        evaluation.current = current;
        match (evaluation.step(Event::Begin), wanted) {
            (Action::Decide(Verdict::Invalid(reason)), Some(wanted)) => assert_eq!(reason, wanted),
            (Action::FetchKeys, None) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    let mut evaluation = with(&memory, Mode::On, &[]).without_keys().fetching();
    assert!(matches!(evaluation.step(Event::Begin), Action::FetchKeys));
}

#[test]
fn a_remembered_token_counts_only_in_its_time() {
    let memory = Rc::new(FakeMemory::default());
    with(&memory, Mode::On, &[]).verdict();
    let at = |now, leeway| {
        let mut evaluation = with(&memory, Mode::On, &[]);
        (evaluation.now, evaluation.policy.leeway) = (now, leeway);
        evaluation.verdict()
    };
    let good = Verdict::Valid(claimed(), Source::TokenCache);
    assert_eq!(at(NOW + 1739, 0), good);
    assert_eq!(at(NOW + 1740, 0), Verdict::Invalid(Reason::Expired));
    assert_eq!(at(NOW + 1740, 1), good);
    assert_eq!(at(NOW - 60, 0), good);
    assert_eq!(at(NOW - 61, 0), Verdict::Invalid(Reason::IssuedInFuture));
    assert_eq!(at(NOW - 61, 1), good);
}

#[test]
fn with_remote_no_memory_of_tokens_is_asked() {
    let memory = Rc::new(FakeMemory::default());
    with(&memory, Mode::On, &[]).verdict();
    for freshness in [GOOD, Freshness::Rejected(Rejection::Barred), ASK_FIRST] {
        memory.freshnesses.replace(vec![(NOW - 60, freshness)]);
        let question = with(&memory, Mode::Remote, &["session=s"]).question();
        assert_eq!(question, [format!("Bearer {}", good()), "session=s".to_owned()]);
    }
}

// --- how fresh it is

#[test]
fn the_resolvers_session_goes_before_the_claims() {
    let memory = FakeMemory::with_freshness(Freshness::Good {
        session: Some(session()),
        is_due: false,
    });
    for _ in ["new", "remembered"] {
        let verdict = with(&memory, Mode::On, &[]).verdict();
        assert_eq!(verdict, Verdict::Valid(session(), Source::ResolverCache));
    }
}

#[test]
fn a_token_that_is_due_is_served_at_once_and_asked_about_alone() {
    for (said, wanted) in [
        (None, Verdict::Valid(claimed(), Source::Token)),
        (Some(session()), Verdict::Valid(session(), Source::ResolverCache)),
    ] {
        let memory = FakeMemory::with_freshness(Freshness::Good {
            session: said,
            is_due: true,
        });
        match with(&memory, Mode::On, &["session=s; app_session=a"]).step(Event::Begin) {
            Action::DecideAndAsk(verdict, asked_token) => {
                assert_eq!(verdict, wanted);
                assert_eq!(
                    asked_token,
                    AskedToken {
                        token: good(),
                        claimed: claimed(),
                        iat: NOW - 60,
                        exp: NOW + 1740
                    }
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_token_known_as_ended_is_stepped_over() {
    for mode in [Mode::On, Mode::Local] {
        let memory = FakeMemory::with_freshness(Freshness::Rejected(Rejection::Ended));
        assert_eq!(
            with(&memory, mode, &[]).verdict(),
            Verdict::Invalid(Reason::SessionEnded)
        );
        let cookie = format!("app_access_token={}", claiming(json!({"iat": NOW - 1})));
        assert!(matches!(
            with(&memory, mode, &[&cookie]).verdict(),
            Verdict::Valid(_, Source::Token)
        ));
    }
    let memory = FakeMemory::with_freshness(Freshness::Rejected(Rejection::Ended));
    let mut evaluation = with(&memory, Mode::On, &["session=s"]);
    assert_eq!(evaluation.question(), ["", "session=s"], "beside a live session");
    let verdict = decided(evaluation.step(Event::Answered(Reading::Valid(session()))));
    assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
    let mut evaluation = with(&memory, Mode::On, &["session=s"]);
    evaluation.question();
    let verdict = decided(evaluation.step(Event::Answered(Reading::Invalid)));
    assert_eq!(verdict, Verdict::Invalid(Reason::SessionEnded));
}

#[test]
fn a_token_known_as_barred_ends_the_walk() {
    let memory = FakeMemory::with_freshness(Freshness::Rejected(Rejection::Barred));
    for mode in [Mode::On, Mode::Local] {
        let cookie = format!(
            "app_access_token={}; session=s",
            claiming(json!({"iat": NOW - 1}))
        );
        assert_eq!(
            with(&memory, mode, &[&cookie]).verdict(),
            Verdict::Invalid(Reason::UserBarred)
        );
    }
    // Also behind one that was refused: it is the server's own last word.
    let cookie = format!("app_access_token={}; session=s", good());
    let evaluation = Evaluation::new(Mode::On, Some(&format!("Bearer {}", expired())), &[&cookie]);
    assert_eq!(
        evaluation.remembering(memory).verdict(),
        Verdict::Invalid(Reason::UserBarred)
    );
}

// --- asked about first

#[test]
fn a_token_that_is_asked_about_first_is_asked_about_alone() {
    let memory = FakeMemory::with_freshness(ASK_FIRST);
    let mut evaluation = with(
        &memory,
        Mode::On,
        &["session=s; app_session=a; app_access_token=t"],
    );
    let asked_token = alone(evaluation.step(Event::Begin));
    assert_eq!(
        (asked_token.token.as_str(), asked_token.iat),
        (good().as_str(), NOW - 60)
    );
    assert_eq!(asked_token.claimed.user_id(), USER);
    let question = Question::about_token(&asked_token.token);
    assert_eq!(question.authorization, Some(format!("Bearer {}", good())));
    assert_eq!(question.cookie, None, "never the request's cookies");
    // From a cookie too it is asked about as a bearer, without that cookie.
    let cookie = format!("app_access_token={}; session=s", good());
    let mut evaluation = Evaluation::new(Mode::On, None, &[&cookie]).remembering(memory.clone());
    assert_eq!(alone(evaluation.step(Event::Begin)), asked_token);
    assert!(
        !format!("{asked_token:?}").contains("eyJ"),
        "its secret does not show"
    );
    assert_eq!(
        *memory.questions.borrow(),
        [],
        "it is looked up as no other question"
    );
}

#[test]
fn each_thing_said_of_it_has_its_verdict() {
    for (said, wanted) in [
        (
            TokenAnswer::Yes(session()),
            Verdict::Valid(session(), Source::Resolver),
        ),
        (TokenAnswer::AnotherUser, Verdict::Invalid(Reason::SessionEnded)),
        (
            TokenAnswer::No(Rejection::Ended),
            Verdict::Invalid(Reason::SessionEnded),
        ),
        (
            TokenAnswer::No(Rejection::Barred),
            Verdict::Invalid(Reason::UserBarred),
        ),
        (TokenAnswer::Unproven, Verdict::Unknown(Why::Unproven)),
        (
            TokenAnswer::Unknown(Why::TimedOut),
            Verdict::Unknown(Why::TimedOut),
        ),
        (TokenAnswer::Unknown(Why::Limit), Verdict::Unknown(Why::Limit)),
    ] {
        let memory = FakeMemory::with_freshness(ASK_FIRST);
        let mut evaluation = with(&memory, Mode::On, &[]);
        alone(evaluation.step(Event::Begin));
        assert_eq!(decided(evaluation.step(Event::TokenAnswered(said))), wanted);
    }
}

#[test]
fn after_an_end_a_second_question_is_about_what_follows() {
    for said in [TokenAnswer::No(Rejection::Ended), TokenAnswer::AnotherUser] {
        let memory = FakeMemory::with_freshness(ASK_FIRST);
        let mut evaluation = with(&memory, Mode::On, &["session=s"]);
        alone(evaluation.step(Event::Begin));
        assert_eq!(
            asked(evaluation.step(Event::TokenAnswered(said))),
            ["", "session=s"]
        );
        let verdict = decided(evaluation.step(Event::Answered(Reading::Valid(session()))));
        assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
    }
}

#[test]
fn what_follows_is_not_asked_about_after_any_other_word() {
    for said in [
        TokenAnswer::Yes(session()),
        TokenAnswer::No(Rejection::Barred),
        TokenAnswer::Unproven,
        TokenAnswer::Unknown(Why::Unreachable),
    ] {
        let memory = FakeMemory::with_freshness(ASK_FIRST);
        let mut evaluation = with(&memory, Mode::On, &["session=s"]);
        alone(evaluation.step(Event::Begin));
        decided(evaluation.step(Event::TokenAnswered(said)));
    }
}

#[test]
fn each_of_two_tokens_is_asked_about_for_itself() {
    let memory = FakeMemory::with_freshness(ASK_FIRST);
    memory.freshnesses.borrow_mut().push((NOW - 1, ASK_FIRST));
    let second = claiming(json!({"iat": NOW - 1}));
    let cookie = format!("app_access_token={second}; session=s");
    let mut evaluation = with(&memory, Mode::On, &[&cookie]);
    assert_eq!(alone(evaluation.step(Event::Begin)).token, good());
    assert_eq!(
        alone(evaluation.step(Event::TokenAnswered(TokenAnswer::No(Rejection::Ended)))).token,
        second
    );
    assert_eq!(
        asked(evaluation.step(Event::TokenAnswered(TokenAnswer::No(Rejection::Ended)))),
        ["", "session=s"]
    );
    let verdict = decided(evaluation.step(Event::Answered(Reading::Invalid)));
    assert_eq!(verdict, Verdict::Invalid(Reason::SessionEnded));
}

//! The walk with a memory: what is known of a token and of answers, when it is asked about, and what becomes of it then.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::rc::Rc;

use authgear_core::flow::{Action, Event, Subject};
use authgear_core::freshness::{No, Said, Standing};
use authgear_core::policy::Mode;
use authgear_core::record::Token;
use authgear_core::resolver::{Question, Reading};
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use authgear_core::verify::{verify, Judgement};
use common::recall::{alone, claimed, with, Recall, ASK_FIRST, GOOD};
use common::walk::{asked, decided, expired, good, of_the_next_key, rotated, session, Walk};
use common::{claiming, policy, project, set, Issuer, NOW, USER};
use serde_json::json;

// --- a token that verified earlier

#[test]
fn a_token_that_verifies_is_remembered_and_not_verified_again() {
    for mode in [Mode::On, Mode::Local] {
        let recall = Rc::new(Recall::default());
        assert_eq!(
            with(&recall, mode, &[]).verdict(),
            Verdict::Valid(claimed(), Source::Token)
        );
        match verify(&good(), &project(), &policy(mode), NOW) {
            Judgement::Verified(verified) => {
                assert_eq!(
                    *recall.verified.borrow(),
                    [(good().into_bytes(), Token::from(*verified))]
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            with(&recall, mode, &[]).verdict(),
            Verdict::Valid(claimed(), Source::TokenCache)
        );
        assert_eq!(recall.count(), 1);
    }
}

#[test]
fn what_does_not_verify_is_never_remembered() {
    for token in [expired(), of_the_next_key(), format!("{}AAAA", good())] {
        let recall = Rc::new(Recall::default());
        let mut walk = Walk::bearer(Mode::On, &token).remembering(recall.clone());
        walk.step(Event::Begin);
        assert_eq!(recall.count(), 0, "{token:.40}");
    }
}

#[test]
fn a_remembered_token_counts_only_while_its_key_is_in_the_set() {
    let recall = Rc::new(Recall::default());
    with(&recall, Mode::On, &[]).verdict();
    let mut walk = with(&recall, Mode::On, &[]);
    walk.keys = Some(rotated());
    assert!(matches!(walk.verdict(), Verdict::Valid(_, Source::TokenCache)));
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
        let mut walk = with(&recall, Mode::On, &[]).fetching();
        walk.keys = Some(keys);
        walk.current = current;
        match (walk.step(Event::Begin), wanted) {
            (Action::Decide(Verdict::Invalid(reason)), Some(wanted)) => assert_eq!(reason, wanted),
            (Action::FetchKeys, None) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    let mut walk = with(&recall, Mode::On, &[]).without_keys().fetching();
    assert!(matches!(walk.step(Event::Begin), Action::FetchKeys));
}

#[test]
fn a_remembered_token_counts_only_in_its_time() {
    let recall = Rc::new(Recall::default());
    with(&recall, Mode::On, &[]).verdict();
    let at = |now, leeway| {
        let mut walk = with(&recall, Mode::On, &[]);
        (walk.now, walk.policy.leeway) = (now, leeway);
        walk.verdict()
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
    let recall = Rc::new(Recall::default());
    with(&recall, Mode::On, &[]).verdict();
    for standing in [GOOD, Standing::Not(No::Barred), ASK_FIRST] {
        recall.standings.replace(vec![(NOW - 60, standing)]);
        let question = with(&recall, Mode::Remote, &["session=s"]).question();
        assert_eq!(question, [format!("Bearer {}", good()), "session=s".to_owned()]);
    }
}

// --- how it stands

#[test]
fn the_resolvers_session_goes_before_the_claims() {
    let recall = Recall::standing(Standing::Good {
        session: Some(session()),
        is_due: false,
    });
    for _ in ["new", "remembered"] {
        let verdict = with(&recall, Mode::On, &[]).verdict();
        assert_eq!(verdict, Verdict::Valid(session(), Source::ResolverCache));
    }
}

#[test]
fn a_token_that_is_due_is_served_at_once_and_asked_about_alone() {
    for (said, wanted) in [
        (None, Verdict::Valid(claimed(), Source::Token)),
        (Some(session()), Verdict::Valid(session(), Source::ResolverCache)),
    ] {
        let recall = Recall::standing(Standing::Good {
            session: said,
            is_due: true,
        });
        match with(&recall, Mode::On, &["session=s; app_session=a"]).step(Event::Begin) {
            Action::DecideAndAsk(verdict, subject) => {
                assert_eq!(verdict, wanted);
                assert_eq!(
                    subject,
                    Subject {
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
        let recall = Recall::standing(Standing::Not(No::Ended));
        assert_eq!(
            with(&recall, mode, &[]).verdict(),
            Verdict::Invalid(Reason::SessionEnded)
        );
        let cookie = format!("app_access_token={}", claiming(json!({"iat": NOW - 1})));
        assert!(matches!(
            with(&recall, mode, &[&cookie]).verdict(),
            Verdict::Valid(_, Source::Token)
        ));
    }
    let recall = Recall::standing(Standing::Not(No::Ended));
    let mut walk = with(&recall, Mode::On, &["session=s"]);
    assert_eq!(walk.question(), ["", "session=s"], "beside a live session");
    let verdict = decided(walk.step(Event::Answered(Reading::Valid(session()))));
    assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
    let mut walk = with(&recall, Mode::On, &["session=s"]);
    walk.question();
    let verdict = decided(walk.step(Event::Answered(Reading::Invalid)));
    assert_eq!(verdict, Verdict::Invalid(Reason::SessionEnded));
}

#[test]
fn a_token_known_as_barred_ends_the_walk() {
    let recall = Recall::standing(Standing::Not(No::Barred));
    for mode in [Mode::On, Mode::Local] {
        let cookie = format!(
            "app_access_token={}; session=s",
            claiming(json!({"iat": NOW - 1}))
        );
        assert_eq!(
            with(&recall, mode, &[&cookie]).verdict(),
            Verdict::Invalid(Reason::UserBarred)
        );
    }
    // Also behind one that was refused: it is the server's own last word.
    let cookie = format!("app_access_token={}; session=s", good());
    let walk = Walk::new(Mode::On, Some(&format!("Bearer {}", expired())), &[&cookie]);
    assert_eq!(
        walk.remembering(recall).verdict(),
        Verdict::Invalid(Reason::UserBarred)
    );
}

// --- asked about first

#[test]
fn a_token_that_is_asked_about_first_is_asked_about_alone() {
    let recall = Recall::standing(ASK_FIRST);
    let mut walk = with(
        &recall,
        Mode::On,
        &["session=s; app_session=a; app_access_token=t"],
    );
    let subject = alone(walk.step(Event::Begin));
    assert_eq!((subject.token.as_str(), subject.iat), (good().as_str(), NOW - 60));
    assert_eq!(subject.claimed.user_id(), USER);
    let question = Question::about_token(&subject.token);
    assert_eq!(question.authorization, Some(format!("Bearer {}", good())));
    assert_eq!(question.cookie, None, "never the request's cookies");
    // From a cookie too it is asked about as a bearer, without that cookie.
    let cookie = format!("app_access_token={}; session=s", good());
    let mut walk = Walk::new(Mode::On, None, &[&cookie]).remembering(recall.clone());
    assert_eq!(alone(walk.step(Event::Begin)), subject);
    assert!(
        !format!("{subject:?}").contains("eyJ"),
        "its secret does not show"
    );
    assert_eq!(
        *recall.questions.borrow(),
        [],
        "it is looked up as no other question"
    );
}

#[test]
fn each_thing_said_of_it_has_its_verdict() {
    for (said, wanted) in [
        (Said::Yes(session()), Verdict::Valid(session(), Source::Resolver)),
        (Said::AnotherUser, Verdict::Invalid(Reason::SessionEnded)),
        (Said::No(No::Ended), Verdict::Invalid(Reason::SessionEnded)),
        (Said::No(No::Barred), Verdict::Invalid(Reason::UserBarred)),
        (Said::Unproven, Verdict::Unknown(Why::Unproven)),
        (Said::Unknown(Why::TimedOut), Verdict::Unknown(Why::TimedOut)),
        (Said::Unknown(Why::Limit), Verdict::Unknown(Why::Limit)),
    ] {
        let recall = Recall::standing(ASK_FIRST);
        let mut walk = with(&recall, Mode::On, &[]);
        alone(walk.step(Event::Begin));
        assert_eq!(decided(walk.step(Event::Said(said))), wanted);
    }
}

#[test]
fn after_an_end_a_second_question_is_about_what_follows() {
    for said in [Said::No(No::Ended), Said::AnotherUser] {
        let recall = Recall::standing(ASK_FIRST);
        let mut walk = with(&recall, Mode::On, &["session=s"]);
        alone(walk.step(Event::Begin));
        assert_eq!(asked(walk.step(Event::Said(said))), ["", "session=s"]);
        let verdict = decided(walk.step(Event::Answered(Reading::Valid(session()))));
        assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
    }
}

#[test]
fn what_follows_is_not_asked_about_after_any_other_word() {
    for said in [
        Said::Yes(session()),
        Said::No(No::Barred),
        Said::Unproven,
        Said::Unknown(Why::Unreachable),
    ] {
        let recall = Recall::standing(ASK_FIRST);
        let mut walk = with(&recall, Mode::On, &["session=s"]);
        alone(walk.step(Event::Begin));
        decided(walk.step(Event::Said(said)));
    }
}

#[test]
fn each_of_two_tokens_is_asked_about_for_itself() {
    let recall = Recall::standing(ASK_FIRST);
    recall.standings.borrow_mut().push((NOW - 1, ASK_FIRST));
    let second = claiming(json!({"iat": NOW - 1}));
    let cookie = format!("app_access_token={second}; session=s");
    let mut walk = with(&recall, Mode::On, &[&cookie]);
    assert_eq!(alone(walk.step(Event::Begin)).token, good());
    assert_eq!(alone(walk.step(Event::Said(Said::No(No::Ended)))).token, second);
    assert_eq!(
        asked(walk.step(Event::Said(Said::No(No::Ended)))),
        ["", "session=s"]
    );
    let verdict = decided(walk.step(Event::Answered(Reading::Invalid)));
    assert_eq!(verdict, Verdict::Invalid(Reason::SessionEnded));
}

//! The evaluation where keys are wanting: when they are fetched, how often, and what becomes of a token that
//! nobody here can judge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::flow::{Action, Event};
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use common::evaluation::{asked, decided, expired, good, of_the_next_key, rotated, session, Evaluation};
use common::{claiming, headed, project, Issuer, NOW};
use serde_json::json;

#[test]
fn without_keys_they_are_fetched_before_a_token_is_judged() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = Evaluation::bearer(mode, &good()).without_keys().fetching();
        assert!(matches!(evaluation.step(Event::Begin), Action::FetchKeys));
        evaluation.keys = Some(project());
        assert!(matches!(
            decided(evaluation.step(Event::KeysTried)),
            Verdict::Valid(_, Source::Token)
        ));
    }
}

#[test]
fn after_a_rotation_keys_are_fetched_again_before_a_token_is_judged() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = Evaluation::bearer(mode, &of_the_next_key()).fetching();
        assert!(matches!(evaluation.step(Event::Begin), Action::FetchKeys));
        evaluation.keys = Some(rotated());
        evaluation.current = true;
        assert!(matches!(
            decided(evaluation.step(Event::KeysTried)),
            Verdict::Valid(_, Source::Token)
        ));
    }
}

#[test]
fn keys_are_tried_once_whatever_may_still_be_fetched() {
    for (mode, wanted) in [(Mode::On, None), (Mode::Local, Some(Why::NoKeys))] {
        let mut evaluation = Evaluation::bearer(mode, &good()).without_keys().fetching();
        assert!(matches!(evaluation.step(Event::Begin), Action::FetchKeys));
        match (evaluation.step(Event::KeysTried), wanted) {
            (Action::Decide(Verdict::Unknown(why)), Some(wanted)) => assert_eq!(why, wanted),
            (Action::Ask(_), None) => {}
            (other, _) => panic!("{mode:?}: {other:?}"),
        }
    }
    // The first token took the one fetch; the second must do with what it brought.
    let cookie = format!("app_access_token={}", headed(json!({"kid": "third"})));
    let mut evaluation = Evaluation::new(
        Mode::On,
        Some(&format!("Bearer {}", of_the_next_key())),
        &[&cookie],
    )
    .fetching();
    assert!(matches!(evaluation.step(Event::Begin), Action::FetchKeys));
    let rest = asked(evaluation.step(Event::KeysTried));
    assert!(rest[0].starts_with("Bearer eyJ") && rest[1].starts_with("app_access_token=eyJ"));
}

#[test]
fn a_token_that_cannot_be_judged_is_the_resolvers_to_judge() {
    for evaluation in [
        Evaluation::new(Mode::On, Some(&format!("Bearer {}", good())), &["session=s"]).without_keys(),
        Evaluation::new(
            Mode::On,
            Some(&format!("Bearer {}", of_the_next_key())),
            &["session=s"],
        ),
    ] {
        let mut evaluation = evaluation;
        let [authorization, cookie] = evaluation.question();
        assert!(authorization.starts_with("Bearer eyJ"));
        assert_eq!(
            cookie, "session=s",
            "the question is about it and all that follow"
        );
        let verdict = decided(evaluation.step(Event::Answered(Reading::Valid(session()))));
        assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
    }
}

#[test]
fn a_token_that_cannot_be_judged_is_unknown_where_nobody_may_be_asked() {
    assert_eq!(
        Evaluation::bearer(Mode::Local, &good()).without_keys().verdict(),
        Verdict::Unknown(Why::NoKeys)
    );
    assert_eq!(
        Evaluation::bearer(Mode::Local, &of_the_next_key()).verdict(),
        Verdict::Unknown(Why::UnknownKey)
    );
    // Not what follows, and not what was refused before: it may be the one that is good.
    let header = format!("Bearer {}", expired());
    let cookie = format!("app_access_token={}; session=s", of_the_next_key());
    let evaluation = Evaluation::new(Mode::Local, Some(&header), &[&cookie]);
    assert_eq!(evaluation.verdict(), Verdict::Unknown(Why::UnknownKey));
}

#[test]
fn no_set_at_all_is_never_a_current_one() {
    let mut evaluation = Evaluation::bearer(Mode::Local, &good()).without_keys();
    evaluation.current = true;
    assert_eq!(evaluation.verdict(), Verdict::Unknown(Why::NoKeys));
}

#[test]
fn a_kid_that_is_not_in_a_current_set_does_not_verify() {
    for mode in [Mode::On, Mode::Local] {
        let mut evaluation = Evaluation::bearer(mode, &of_the_next_key()).fetching();
        evaluation.current = true;
        assert_eq!(
            evaluation.verdict(),
            Verdict::Invalid(Reason::UnknownKey),
            "{mode:?}"
        );
    }
    let mut evaluation = Evaluation::new(
        Mode::On,
        Some(&format!("Bearer {}", of_the_next_key())),
        &["session=s"],
    );
    evaluation.current = true;
    assert_eq!(evaluation.question(), ["", "session=s"]);
}

#[test]
fn nothing_is_fetched_or_asked_for_a_token_that_no_key_could_save() {
    for (token, reason) in [
        ("eyJ.a.b".to_owned(), Reason::Malformed),
        (expired(), Reason::Expired),
        (headed(json!({"alg": "none"})), Reason::UnsupportedAlgorithm),
        (headed(json!({"typ": "JWT"})), Reason::WrongType),
        (headed(json!({"crit": ["exp"]})), Reason::CriticalHeader),
        (
            claiming(json!({"iss": "https://other.example"})),
            Reason::WrongIssuer,
        ),
        (
            claiming(json!({"aud": "https://api.example"})),
            Reason::WrongAudience,
        ),
        (claiming(json!({"sub": "client_id_web"})), Reason::MachineToken),
        (claiming(json!({"sub": "a\u{e9}"})), Reason::BadClaim),
        (format!("eyJ{}.a.b", "A".repeat(16 * 1024)), Reason::TooLarge),
    ] {
        for mode in [Mode::On, Mode::Local] {
            let evaluation = Evaluation::bearer(mode, &token).without_keys().fetching();
            assert_eq!(
                evaluation.verdict(),
                Verdict::Invalid(reason),
                "{mode:?} {token:.80}"
            );
        }
    }
    let dead = Issuer::second().claims(json!({"exp": NOW}));
    assert_eq!(
        Evaluation::bearer(Mode::On, &dead).fetching().verdict(),
        Verdict::Invalid(Reason::Expired)
    );
}

#[test]
fn remote_credentials_need_no_keys() {
    for mode in [Mode::On, Mode::Remote] {
        let mut evaluation = Evaluation::new(mode, Some("Bearer opaque"), &[])
            .without_keys()
            .fetching();
        assert_eq!(evaluation.question(), ["Bearer opaque", ""]);
    }
    let mut evaluation = Evaluation::bearer(Mode::Remote, &good())
        .without_keys()
        .fetching();
    assert!(evaluation.question()[0].starts_with("Bearer eyJ"));
}

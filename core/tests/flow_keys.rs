//! The walk where keys are wanting: when they are fetched, how often, and what becomes of a token that nobody here can judge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::flow::{Action, Event};
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{Reason, Source, Verdict, Why};
use common::walk::{asked, decided, expired, good, of_the_next_key, rotated, session, Walk};
use common::{claiming, headed, project, Issuer, NOW};
use serde_json::json;

#[test]
fn without_keys_they_are_fetched_before_a_token_is_judged() {
    for mode in [Mode::On, Mode::Local] {
        let mut walk = Walk::bearer(mode, &good()).without_keys().fetching();
        assert!(matches!(walk.step(Event::Begin), Action::FetchKeys));
        walk.keys = Some(project());
        assert!(matches!(
            decided(walk.step(Event::KeysTried)),
            Verdict::Valid(_, Source::Token)
        ));
    }
}

#[test]
fn after_a_rotation_keys_are_fetched_again_before_a_token_is_judged() {
    for mode in [Mode::On, Mode::Local] {
        let mut walk = Walk::bearer(mode, &of_the_next_key()).fetching();
        assert!(matches!(walk.step(Event::Begin), Action::FetchKeys));
        walk.keys = Some(rotated());
        walk.current = true;
        assert!(matches!(
            decided(walk.step(Event::KeysTried)),
            Verdict::Valid(_, Source::Token)
        ));
    }
}

#[test]
fn keys_are_tried_once_whatever_may_still_be_fetched() {
    for (mode, wanted) in [(Mode::On, None), (Mode::Local, Some(Why::NoKeys))] {
        let mut walk = Walk::bearer(mode, &good()).without_keys().fetching();
        assert!(matches!(walk.step(Event::Begin), Action::FetchKeys));
        match (walk.step(Event::KeysTried), wanted) {
            (Action::Decide(Verdict::Unknown(why)), Some(wanted)) => assert_eq!(why, wanted),
            (Action::Ask(_), None) => {}
            (other, _) => panic!("{mode:?}: {other:?}"),
        }
    }
    // The first token took the one fetch; the second must do with what it brought.
    let cookie = format!("app_access_token={}", headed(json!({"kid": "third"})));
    let mut walk = Walk::new(
        Mode::On,
        Some(&format!("Bearer {}", of_the_next_key())),
        &[&cookie],
    )
    .fetching();
    assert!(matches!(walk.step(Event::Begin), Action::FetchKeys));
    let rest = asked(walk.step(Event::KeysTried));
    assert!(rest[0].starts_with("Bearer eyJ") && rest[1].starts_with("app_access_token=eyJ"));
}

#[test]
fn a_token_that_cannot_be_judged_is_the_resolvers_to_judge() {
    for walk in [
        Walk::new(Mode::On, Some(&format!("Bearer {}", good())), &["session=s"]).without_keys(),
        Walk::new(
            Mode::On,
            Some(&format!("Bearer {}", of_the_next_key())),
            &["session=s"],
        ),
    ] {
        let mut walk = walk;
        let [authorization, cookie] = walk.question();
        assert!(authorization.starts_with("Bearer eyJ"));
        assert_eq!(
            cookie, "session=s",
            "the question is about it and all that follow"
        );
        let verdict = decided(walk.step(Event::Answered(Reading::Valid(session()))));
        assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
    }
}

#[test]
fn a_token_that_cannot_be_judged_is_unknown_where_nobody_may_be_asked() {
    assert_eq!(
        Walk::bearer(Mode::Local, &good()).without_keys().verdict(),
        Verdict::Unknown(Why::NoKeys)
    );
    assert_eq!(
        Walk::bearer(Mode::Local, &of_the_next_key()).verdict(),
        Verdict::Unknown(Why::UnknownKey)
    );
    // Not what follows, and not what was refused before: it may be the one that is good.
    let header = format!("Bearer {}", expired());
    let cookie = format!("app_access_token={}; session=s", of_the_next_key());
    let walk = Walk::new(Mode::Local, Some(&header), &[&cookie]);
    assert_eq!(walk.verdict(), Verdict::Unknown(Why::UnknownKey));
}

#[test]
fn no_set_at_all_is_never_a_current_one() {
    let mut walk = Walk::bearer(Mode::Local, &good()).without_keys();
    walk.current = true;
    assert_eq!(walk.verdict(), Verdict::Unknown(Why::NoKeys));
}

#[test]
fn a_kid_that_is_not_in_a_current_set_does_not_verify() {
    for mode in [Mode::On, Mode::Local] {
        let mut walk = Walk::bearer(mode, &of_the_next_key()).fetching();
        walk.current = true;
        assert_eq!(walk.verdict(), Verdict::Invalid(Reason::UnknownKey), "{mode:?}");
    }
    let mut walk = Walk::new(
        Mode::On,
        Some(&format!("Bearer {}", of_the_next_key())),
        &["session=s"],
    );
    walk.current = true;
    assert_eq!(walk.question(), ["", "session=s"]);
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
            let walk = Walk::bearer(mode, &token).without_keys().fetching();
            assert_eq!(walk.verdict(), Verdict::Invalid(reason), "{mode:?} {token:.80}");
        }
    }
    let dead = Issuer::second().claims(json!({"exp": NOW}));
    assert_eq!(
        Walk::bearer(Mode::On, &dead).fetching().verdict(),
        Verdict::Invalid(Reason::Expired)
    );
}

#[test]
fn remote_credentials_need_no_keys() {
    for mode in [Mode::On, Mode::Remote] {
        let mut walk = Walk::new(mode, Some("Bearer opaque"), &[])
            .without_keys()
            .fetching();
        assert_eq!(walk.question(), ["Bearer opaque", ""]);
    }
    let mut walk = Walk::bearer(Mode::Remote, &good()).without_keys().fetching();
    assert!(walk.question()[0].starts_with("Bearer eyJ"));
}

//! The evaluation of a request's credentials: each row of the two tables of the verdict, in each mode, and
//! that every evaluation ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::flow::{Action, Event};
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{Reason, Source, UnknownAnswer, Verdict, Why};
use common::evaluation::{decided, expired, good, of_the_next_key, session, Evaluation};
use common::{claiming, ORIGIN, USER};
use serde_json::json;

const MODES: [Mode; 3] = [Mode::On, Mode::Local, Mode::Remote];

// --- no credential

#[test]
fn without_a_credential_nobody_is_asked_and_nothing_is_fetched() {
    for mode in MODES {
        for authorization in [None, Some("Basic dXNlcjpwYXNz"), Some("Bearer "), Some("Bearer")] {
            let evaluation = Evaluation::new(mode, authorization, &["theme=dark"])
                .without_keys()
                .fetching();
            assert_eq!(evaluation.verdict(), Verdict::None, "{mode:?} {authorization:?}");
        }
    }
}

/// Bytes that no credential has; some begin as a token does.
const MALFORMED: [&str; 4] = [
    "Bearer \u{e9}",
    "Bearer eyJ\u{e9}",
    "Bearer eyJ.a.b\u{7f}",
    "Bearer eyJ.a.b\r\nx: y",
];

/// Each mode with each of them.
fn malformed(modes: &[Mode]) -> impl Iterator<Item = (Mode, &'static str)> + '_ {
    modes
        .iter()
        .flat_map(|&mode| MALFORMED.map(|bearer| (mode, bearer)))
}

#[test]
fn only_malformed_credentials_are_invalid_and_never_sent() {
    for (mode, bearer) in malformed(&MODES) {
        let evaluation = Evaluation::new(mode, Some(bearer), &["app_session=a b; session=\"x"]);
        assert_eq!(
            evaluation.verdict(),
            Verdict::Invalid(Reason::MalformedCredential),
            "{mode:?} {bearer:?}"
        );
    }
}

#[test]
fn a_malformed_credential_is_stepped_over() {
    for (mode, bearer) in malformed(&[Mode::On, Mode::Remote]) {
        let mut evaluation = Evaluation::new(mode, Some(bearer), &["app_session=a b; session=s"]);
        assert_eq!(evaluation.question(), ["", "session=s"], "{mode:?} {bearer:?}");
        let verdict = decided(evaluation.step(Event::Answered(Reading::Invalid)));
        assert_eq!(
            verdict,
            Verdict::Invalid(Reason::MalformedCredential),
            "{mode:?}: the first reason met"
        );
    }
}

// --- local

#[test]
fn a_token_that_verifies_decides_at_once_whatever_follows() {
    for mode in [Mode::On, Mode::Local] {
        let header = format!("Bearer {}", good());
        let evaluation = Evaluation::new(mode, Some(&header), &["app_session=a; session=s"]);
        match evaluation.verdict() {
            Verdict::Valid(session, Source::Token) => assert_eq!(session.user_id(), USER),
            other => panic!("{other:?}"),
        }
        let cookie = format!("app_access_token={}; session=s", good());
        let evaluation = Evaluation::new(mode, None, &[&cookie]);
        assert!(matches!(evaluation.verdict(), Verdict::Valid(_, Source::Token)));
    }
}

#[test]
fn a_token_that_does_not_verify_is_remembered_and_the_walk_goes_on() {
    let dead = format!("Bearer {}", expired());
    for mode in [Mode::On, Mode::Local] {
        assert_eq!(
            Evaluation::bearer(mode, &expired()).verdict(),
            Verdict::Invalid(Reason::Expired)
        );
        let cookie = format!("app_access_token={}", good());
        let evaluation = Evaluation::new(mode, Some(&dead), &[&cookie]);
        assert!(
            matches!(evaluation.verdict(), Verdict::Valid(_, Source::Token)),
            "{mode:?}"
        );
    }
    let mut evaluation = Evaluation::new(Mode::On, Some(&dead), &["session=s"]);
    assert_eq!(
        evaluation.question(),
        ["", "session=s"],
        "a token refused here does not reach Authgear"
    );
    let verdict = decided(evaluation.step(Event::Answered(Reading::Valid(session()))));
    assert_eq!(verdict, Verdict::Valid(session(), Source::Resolver));
}

#[test]
fn of_several_refused_tokens_the_first_reason_stays() {
    let cookie = format!(
        "app_access_token={}",
        claiming(json!({"iss": "https://other.example"}))
    );
    for mode in [Mode::On, Mode::Local] {
        let evaluation = Evaluation::new(mode, Some(&format!("Bearer {}", expired())), &[&cookie]);
        assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::Expired));
    }
    let mut evaluation = Evaluation::new(Mode::On, Some(&format!("Bearer {}", expired())), &["session=s"]);
    evaluation.question();
    let verdict = decided(evaluation.step(Event::Answered(Reading::Invalid)));
    assert_eq!(verdict, Verdict::Invalid(Reason::Expired));
}

#[test]
fn what_the_first_refused_token_says_of_itself_is_kept_for_the_log() {
    let header = format!("Bearer {}", claiming(json!({"iss": "https://first.example"})));
    let cookie = format!(
        "app_access_token={}",
        claiming(json!({"iss": "https://second.example"}))
    );
    let mut evaluation = Evaluation::new(Mode::On, Some(&header), &[&cookie]);
    assert_eq!(
        decided(evaluation.step(Event::Begin)),
        Verdict::Invalid(Reason::WrongIssuer)
    );
    assert_eq!(
        evaluation.flow.refused_token().unwrap().iss,
        "https://first.example"
    );

    let mut forged = Evaluation::bearer(Mode::On, &format!("{}AAAA", good()));
    assert_eq!(
        decided(forged.step(Event::Begin)),
        Verdict::Invalid(Reason::BadSignature)
    );
    assert_eq!(forged.flow.refused_token(), None, "nobody knows who wrote it");
}

// --- remote

#[test]
fn a_remote_credential_is_asked_about_with_all_that_follow() {
    for mode in [Mode::On, Mode::Remote] {
        let mut evaluation = Evaluation::new(mode, Some("Bearer opaque"), &["session=s; app_session=a"]);
        assert_eq!(
            evaluation.question(),
            ["Bearer opaque", "app_session=a; session=s"],
            "{mode:?}"
        );
        let mut evaluation = Evaluation::new(mode, None, &["session="]);
        assert_eq!(
            evaluation.question(),
            ["", "session="],
            "{mode:?}: an empty cookie counts"
        );
    }
}

#[test]
fn with_remote_the_resolver_decides_every_token() {
    for token in [good(), expired(), "eyJ.!.!".to_owned(), of_the_next_key()] {
        let mut evaluation = Evaluation::new(Mode::Remote, Some(&format!("Bearer {token}")), &["session=s"]);
        assert_eq!(
            evaluation.question(),
            [format!("Bearer {token}"), "session=s".to_owned()]
        );
        let verdict = decided(evaluation.step(Event::Answered(Reading::Invalid)));
        assert_eq!(verdict, Verdict::Invalid(Reason::ResolverSaidNo));
    }
}

#[test]
fn with_local_a_remote_credential_is_invalid_and_ends_the_walk() {
    let cookie = format!("app_session=a; app_access_token={}", good());
    let evaluation = Evaluation::new(Mode::Local, None, &[&cookie]);
    assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::RemoteCredential));
    let evaluation = Evaluation::bearer(Mode::Local, "opaque")
        .without_keys()
        .fetching();
    assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::RemoteCredential));
    let evaluation = Evaluation::new(
        Mode::Local,
        Some(&format!("Bearer {}", expired())),
        &["session=s"],
    );
    assert_eq!(
        evaluation.verdict(),
        Verdict::Invalid(Reason::Expired),
        "the first reason met"
    );
}

#[test]
fn an_answer_stands() {
    for mode in [Mode::On, Mode::Remote] {
        for (event, wanted) in [
            (
                Event::Answered(Reading::Valid(session())),
                Verdict::Valid(session(), Source::Resolver),
            ),
            (
                Event::Answered(Reading::Invalid),
                Verdict::Invalid(Reason::ResolverSaidNo),
            ),
            (Event::Answered(Reading::Silent), Verdict::Unknown(Why::Silent)),
            (
                Event::Answered(Reading::Unknown(UnknownAnswer::Status)),
                Verdict::Unknown(Why::Answer(UnknownAnswer::Status)),
            ),
            (Event::Unanswered(Why::TimedOut), Verdict::Unknown(Why::TimedOut)),
            (
                Event::Unanswered(Why::Unreachable),
                Verdict::Unknown(Why::Unreachable),
            ),
        ] {
            let mut evaluation = Evaluation::new(mode, Some("Bearer opaque"), &["session=s"]);
            evaluation.question();
            assert_eq!(decided(evaluation.step(event)), wanted, "{mode:?}");
        }
    }
}

#[test]
fn a_failure_to_ask_is_not_softened_by_an_earlier_refusal() {
    let mut evaluation = Evaluation::new(Mode::On, Some(&format!("Bearer {}", expired())), &["session=s"]);
    evaluation.question();
    let verdict = decided(evaluation.step(Event::Unanswered(Why::CutShort)));
    assert_eq!(verdict, Verdict::Unknown(Why::CutShort));
}

// --- the end

#[test]
fn every_evaluation_ends_within_three_steps() {
    let tokens = [
        good(),
        expired(),
        of_the_next_key(),
        "opaque".to_owned(),
        "a\u{e9}".to_owned(),
        String::new(),
    ];
    for mode in MODES {
        for [has_keys, current, may_fetch] in
            [0, 1, 2, 3, 4, 5, 6, 7].map(|bits| [bits & 1 > 0, bits & 2 > 0, bits & 4 > 0])
        {
            for first in &tokens {
                for second in &tokens {
                    let cookie = format!("app_access_token={second}; session=s");
                    let mut evaluation = Evaluation::new(mode, Some(&format!("Bearer {first}")), &[&cookie]);
                    evaluation.current = current;
                    evaluation.may_fetch = may_fetch;
                    if !has_keys {
                        evaluation.keys = None;
                    }
                    assert!(steps(&mut evaluation) <= 3, "{mode:?} {first:.20} {second:.20}");
                }
            }
        }
    }
}

/// Carries out an evaluation in which keys are never had and the resolver never answers; fails where it asks
/// for either twice.
fn steps(evaluation: &mut Evaluation) -> usize {
    let (mut fetched, mut asked, mut event) = (0, 0, Event::Begin);
    for count in 1..10 {
        event = match evaluation.step(event) {
            Action::Decide(_) => return count,
            Action::FetchKeys => {
                fetched += 1;
                Event::KeysTried
            }
            Action::Ask(_) => {
                asked += 1;
                Event::Unanswered(Why::TimedOut)
            }
            Action::DecideAndAsk(..) | Action::AskAboutToken(_) => panic!("every token is fresh"),
        };
        assert!(fetched <= 1 && asked <= 1, "{fetched} fetches, {asked} questions");
        assert!(
            asked == 0 || evaluation.policy.mode != Mode::Local,
            "local never asks"
        );
        assert!(
            fetched == 0 || evaluation.policy.mode != Mode::Remote,
            "remote needs no keys"
        );
    }
    panic!("it goes on");
}

#[test]
fn leeway_and_issuers_of_the_location_are_those_that_judge() {
    let mut evaluation = Evaluation::bearer(Mode::Local, &expired());
    evaluation.policy.leeway = 60;
    assert!(matches!(evaluation.verdict(), Verdict::Valid(..)));
    let mut evaluation = Evaluation::bearer(Mode::Local, &good());
    evaluation.policy.issuers = vec![format!("{ORIGIN}.other")];
    assert_eq!(evaluation.verdict(), Verdict::Invalid(Reason::WrongIssuer));
}

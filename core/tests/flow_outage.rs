//! The evaluation with remembered answers, and while the resolver fails: what stands in for it, and what
//! never does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::flow::Event;
use authgear_core::freshness::{Fallback, Freshness, Rejection, TokenAnswer};
use authgear_core::policy::Mode;
use authgear_core::resolver::Reading;
use authgear_core::session::Session;
use authgear_core::verdict::{Reason, Source, UnknownAnswer, Verdict, Why};
use common::evaluation::{asked, decided, expired, session, session_of, Evaluation};
use common::fake_memory::{alone, claimed, with, FakeMemory, ASK_FIRST};

const FAILURES: [Why; 6] = [
    Why::Unreachable,
    Why::TimedOut,
    Why::CutShort,
    Why::Failing,
    Why::Silent,
    Why::Answer(UnknownAnswer::ServerError),
];
const NO_FAILURES: [Why; 7] = [
    Why::Limit,
    Why::NoConnection,
    Why::NotAuthgears,
    Why::Abandoned,
    Why::Answer(UnknownAnswer::Status),
    Why::Answer(UnknownAnswer::Body),
    Why::Answer(UnknownAnswer::Contradiction),
];

/// The event of a question about all that is left that ends so.
fn unanswered(why: Why) -> Event {
    match why {
        Why::Answer(answer) => Event::Answered(Reading::Unknown(answer)),
        Why::Silent => Event::Answered(Reading::Silent),
        why => Event::Unanswered(why),
    }
}

// --- a token

#[test]
fn a_token_past_its_bound_counts_only_while_the_resolver_fails() {
    for (said, wanted) in [
        (None, Verdict::Valid(claimed(), Source::TokenCache)),
        (Some(session()), Verdict::Valid(session(), Source::ResolverCache)),
    ] {
        for why in FAILURES.into_iter().chain(NO_FAILURES) {
            let memory = FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Stale(said.clone())));
            let mut evaluation = with(&memory, Mode::On, &["session=s"]);
            alone(evaluation.step(Event::Begin));
            let got = decided(evaluation.step(Event::TokenAnswered(TokenAnswer::Unknown(why))));
            if FAILURES.contains(&why) {
                assert_eq!(got, wanted, "{why:?}");
            } else {
                assert_eq!(got, Verdict::Unknown(why));
            }
        }
    }
}

#[test]
fn a_token_past_its_bound_does_not_count_when_the_resolver_speaks() {
    let stale = || FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Stale(Some(session()))));
    for (said, wanted) in [
        (
            TokenAnswer::No(Rejection::Ended),
            Verdict::Invalid(Reason::SessionEnded),
        ),
        (
            TokenAnswer::No(Rejection::Barred),
            Verdict::Invalid(Reason::UserBarred),
        ),
        (TokenAnswer::AnotherUser, Verdict::Invalid(Reason::SessionEnded)),
        (TokenAnswer::Unproven, Verdict::Unknown(Why::Unproven)),
        (
            TokenAnswer::Yes(session_of("now")),
            Verdict::Valid(session_of("now"), Source::Resolver),
        ),
    ] {
        let mut evaluation = with(&stale(), Mode::On, &[]);
        alone(evaluation.step(Event::Begin));
        assert_eq!(decided(evaluation.step(Event::TokenAnswered(said))), wanted);
    }
}

#[test]
fn what_nothing_vouches_for_is_unknown_while_the_resolver_fails() {
    for why in FAILURES {
        let mut evaluation = with(&FakeMemory::with_freshness(ASK_FIRST), Mode::On, &["session=s"]);
        alone(evaluation.step(Event::Begin));
        let verdict = decided(evaluation.step(Event::TokenAnswered(TokenAnswer::Unknown(why))));
        assert_eq!(verdict, Verdict::Unknown(why));
    }
}

#[test]
fn a_no_stays_a_no_while_nobody_answers() {
    let silent = FAILURES.into_iter().chain(NO_FAILURES).map(TokenAnswer::Unknown);
    for said in silent.chain([TokenAnswer::Unproven]) {
        let memory = FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Rejected(Rejection::Barred)));
        let mut evaluation = with(&memory, Mode::On, &["session=s"]);
        alone(evaluation.step(Event::Begin));
        assert_eq!(
            decided(evaluation.step(Event::TokenAnswered(said.clone()))),
            Verdict::Invalid(Reason::UserBarred)
        );

        let memory = FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Rejected(Rejection::Ended)));
        let mut evaluation = with(&memory, Mode::On, &["session=s"]);
        alone(evaluation.step(Event::Begin));
        assert_eq!(
            asked(evaluation.step(Event::TokenAnswered(said))),
            ["", "session=s"],
            "the evaluation goes on"
        );
    }
}

#[test]
fn a_yes_heals_a_no_and_another_no_takes_its_place() {
    for no in [Rejection::Ended, Rejection::Barred] {
        for (said, wanted) in [
            (
                TokenAnswer::Yes(session()),
                Verdict::Valid(session(), Source::Resolver),
            ),
            (
                TokenAnswer::No(Rejection::Ended),
                Verdict::Invalid(Reason::SessionEnded),
            ),
            (
                TokenAnswer::No(Rejection::Barred),
                Verdict::Invalid(Reason::UserBarred),
            ),
        ] {
            let memory = FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Rejected(no)));
            let mut evaluation = with(&memory, Mode::On, &[]);
            alone(evaluation.step(Event::Begin));
            assert_eq!(
                decided(evaluation.step(Event::TokenAnswered(said))),
                wanted,
                "{no:?}"
            );
        }
    }
}

#[test]
fn what_counted_for_a_token_does_not_count_for_what_follows() {
    // The token has ended; that a stale session was at hand for it helps no other credential.
    let memory = FakeMemory::with_freshness(Freshness::AskFirst(Fallback::Stale(Some(session()))));
    let mut evaluation = with(&memory, Mode::On, &["session=s"]);
    alone(evaluation.step(Event::Begin));
    asked(evaluation.step(Event::TokenAnswered(TokenAnswer::No(Rejection::Ended))));
    let verdict = decided(evaluation.step(Event::Unanswered(Why::Unreachable)));
    assert_eq!(verdict, Verdict::Unknown(Why::Unreachable));
}

#[test]
fn with_local_what_would_be_asked_about_first_is_unknown() {
    for fallback in [
        Fallback::Unknown,
        Fallback::Stale(Some(session())),
        Fallback::Rejected(Rejection::Ended),
    ] {
        let memory = FakeMemory::with_freshness(Freshness::AskFirst(fallback));
        let verdict = with(&memory, Mode::Local, &["session=s"]).verdict();
        assert_eq!(verdict, Verdict::Unknown(Why::NotRemembered));
    }
}

// --- answers

/// A request that only the resolver can judge, where this answer is remembered.
fn remote(session: Option<Session>, is_fresh: bool, bearer: Option<&str>) -> Evaluation {
    let header = bearer.map(|token| format!("Bearer {token}"));
    Evaluation::new(Mode::On, header.as_deref(), &["session=s; theme=dark"])
        .remembering(FakeMemory::answering(session, is_fresh))
}

#[test]
fn a_fresh_answer_is_not_asked_for_again() {
    assert_eq!(
        remote(Some(session()), true, None).verdict(),
        Verdict::Valid(session(), Source::ResolverCache)
    );
    assert_eq!(
        remote(None, true, None).verdict(),
        Verdict::Invalid(Reason::ResolverSaidNo)
    );
    assert_eq!(
        remote(None, true, Some(&expired())).verdict(),
        Verdict::Invalid(Reason::Expired),
        "the first reason met"
    );
}

#[test]
fn an_answer_is_remembered_under_exactly_what_is_asked() {
    let memory = FakeMemory::answering(Some(session()), true);
    for (authorization, cookies, wanted) in [
        (
            Some("Bearer opaque"),
            "theme=dark; session=s",
            ["Bearer opaque", "session=s"],
        ),
        (
            Some("Basic opaque"),
            "session=s; app_session=\"a\"",
            ["", "app_session=a; session=s"],
        ),
    ] {
        let evaluation = Evaluation::new(Mode::On, authorization, &[cookies]);
        evaluation.remembering(memory.clone()).verdict();
        let question = memory.questions.borrow_mut().pop().unwrap();
        let got = [question.authorization, question.cookie].map(Option::unwrap_or_default);
        assert_eq!(got, wanted, "none of the client's own bytes");
    }
}

#[test]
fn an_answer_of_before_counts_only_while_the_resolver_fails() {
    for (before, wanted) in [
        (Some(session()), Verdict::Valid(session(), Source::ResolverCache)),
        (None, Verdict::Invalid(Reason::ResolverSaidNo)),
    ] {
        for why in FAILURES.into_iter().chain(NO_FAILURES) {
            let mut evaluation = remote(before.clone(), false, None);
            assert_eq!(evaluation.question(), ["", "session=s"]);
            let got = decided(evaluation.step(unanswered(why)));
            if FAILURES.contains(&why) {
                assert_eq!(got, wanted, "{why:?}");
            } else {
                assert_eq!(got, Verdict::Unknown(why));
            }
        }
    }
}

#[test]
fn an_answer_of_before_does_not_count_when_the_resolver_speaks() {
    let now = session_of("now");
    for (reading, wanted) in [
        (Reading::Valid(now.clone()), Verdict::Valid(now, Source::Resolver)),
        (Reading::Invalid, Verdict::Invalid(Reason::ResolverSaidNo)),
    ] {
        let mut evaluation = remote(Some(session()), false, None);
        evaluation.question();
        assert_eq!(decided(evaluation.step(Event::Answered(reading))), wanted);
    }
}

#[test]
fn with_remote_a_tokens_answer_is_remembered_as_any_other() {
    let memory = FakeMemory::answering(Some(session()), true);
    let verdict = with(&memory, Mode::Remote, &["session=s"]).verdict();
    assert_eq!(verdict, Verdict::Valid(session(), Source::ResolverCache));
    let memory = FakeMemory::answering(Some(session()), true);
    assert_eq!(
        with(&memory, Mode::On, &["session=s"]).verdict(),
        Verdict::Valid(claimed(), Source::Token)
    );
    assert_eq!(*memory.questions.borrow(), [], "a good token asks for no answer");
}

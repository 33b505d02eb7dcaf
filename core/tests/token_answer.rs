//! What the resolver's answer to a question about a token alone means, and what is remembered of it: each row
//! of the specification's table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::freshness::{interpret, Interpretation, Known, LastAnswer, Rejection, Times, TokenAnswer};
use authgear_core::made_up::CookieChoice;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{UnknownAnswer, Why};
use common::evaluation::{session, session_of};

const UNKNOWN: [UnknownAnswer; 6] = [
    UnknownAnswer::Status,
    UnknownAnswer::ServerError,
    UnknownAnswer::Body,
    UnknownAnswer::Contradiction,
    UnknownAnswer::BadHeader,
    UnknownAnswer::TooLarge,
];

const CHOICES: [CookieChoice; 2] = [CookieChoice::AsItIs, CookieChoice::WithMadeUp];

/// What it comes to that `reading` is the answer about a token of the user "another", and what is remembered
/// of it: in both manners of asking, each from a resolver that has said yes to a token and from one that has
/// not.
fn table(reading: &Result<Reading, Why>, sub: &str) -> [[Interpretation; 2]; 2] {
    CHOICES.map(|cookie_choice| {
        [true, false].map(|is_proven| interpret(reading.clone(), cookie_choice, sub, is_proven))
    })
}

fn says(said: TokenAnswer) -> Interpretation {
    Interpretation::Answer(said)
}

fn everywhere(said: &TokenAnswer) -> [[Interpretation; 2]; 2] {
    [(); 2].map(|()| [(); 2].map(|()| says(said.clone())))
}

#[test]
fn true_for_the_tokens_own_user_is_a_yes_however_it_was_asked_for() {
    let yes = TokenAnswer::Yes(session());
    assert_eq!(table(&Ok(Reading::Valid(session())), "another"), everywhere(&yes));
    let otherwise = session_of("another-one");
    assert_eq!(
        yes.to_remember(&otherwise),
        Some(LastAnswer::Yes(Some(session()))),
        "its headers replace the claims"
    );
    assert_eq!(
        yes.to_remember(&session()),
        Some(LastAnswer::Yes(None)),
        "kept as the claims where they say the same"
    );
}

#[test]
fn true_for_another_user_is_never_this_ones() {
    for sub in ["", "anothe", "another ", "Another", "anotherx"] {
        let got = table(&Ok(Reading::Valid(session())), sub);
        assert_eq!(got, everywhere(&TokenAnswer::AnotherUser), "{sub:?}");
    }
    assert_eq!(
        TokenAnswer::AnotherUser.to_remember(&session()),
        Some(LastAnswer::No(Rejection::Ended))
    );
}

#[test]
fn false_is_about_the_token_or_about_the_made_up_cookie() {
    let [alone, beside] = table(&Ok(Reading::Invalid), "another");
    let barred = || says(TokenAnswer::No(Rejection::Barred));
    assert_eq!(alone, [barred(), barred()]);
    assert_eq!(
        beside,
        [
            says(TokenAnswer::No(Rejection::Ended)),
            says(TokenAnswer::Unproven)
        ],
        "the end only by one who has said yes before"
    );
    for no in [Rejection::Barred, Rejection::Ended] {
        assert_eq!(
            TokenAnswer::No(no).to_remember(&session()),
            Some(LastAnswer::No(no))
        );
    }
    assert_eq!(
        TokenAnswer::Unproven.to_remember(&session()),
        None,
        "nothing changes"
    );
}

#[test]
fn silence_is_asked_about_once_more_and_then_a_failure() {
    let [alone, beside] = table(&Ok(Reading::Silent), "another");
    assert_eq!(alone, [Interpretation::AskAgain, Interpretation::AskAgain]);
    let silent = || says(TokenAnswer::Unknown(Why::Silent));
    assert_eq!(beside, [silent(), silent()]);
    assert_eq!(TokenAnswer::Unknown(Why::Silent).to_remember(&session()), None);
}

#[test]
fn anything_else_says_nothing_and_changes_nothing() {
    let answers = UNKNOWN.map(|answer| (Ok(Reading::Unknown(answer)), Why::Answer(answer)));
    let failures = [
        Why::Unreachable,
        Why::TimedOut,
        Why::CutShort,
        Why::Failing,
        Why::Limit,
    ];
    let failures = failures.map(|why| (Err(why), why));
    for (reading, why) in answers.into_iter().chain(failures) {
        assert_eq!(table(&reading, "another"), everywhere(&TokenAnswer::Unknown(why)));
        assert_eq!(TokenAnswer::Unknown(why).to_remember(&session()), None);
    }
}

#[test]
fn only_what_no_client_can_bring_about_is_a_failure() {
    for why in [
        Why::Unreachable,
        Why::TimedOut,
        Why::CutShort,
        Why::Failing,
        Why::Silent,
        Why::Answer(UnknownAnswer::ServerError),
    ] {
        assert!(why.is_failure(), "{why:?}");
    }
    let others = UNKNOWN
        .into_iter()
        .filter(|answer| *answer != UnknownAnswer::ServerError);
    for why in others.map(Why::Answer).chain([
        Why::NoKeys,
        Why::UnknownKey,
        Why::NotAuthgears,
        Why::NoConnection,
        Why::Limit,
        Why::Unproven,
        Why::NotRemembered,
        Why::Abandoned,
    ]) {
        assert!(!why.is_failure(), "{why:?}");
    }
}

// --- what is known then

const TIMES: Times = Times {
    asked: 1_000,
    now: 1_500,
    pause: 300,
};

fn known(last_answer: LastAnswer, at: u64) -> Known {
    Known {
        last_answer,
        at,
        asked_until: 7_000,
        iat: 9,
    }
}

fn after(before: Option<&Known>, said: &TokenAnswer) -> Option<Known> {
    Known::after(before.cloned(), said, &session(), 9, &TIMES)
}

#[test]
fn a_yes_is_known_from_when_it_was_asked_for_a_no_from_when_it_came_and_both_free_who_asks_next() {
    for (said, last_answer) in [
        (TokenAnswer::Yes(session()), LastAnswer::Yes(None)),
        (
            TokenAnswer::Yes(session_of("claimed otherwise")),
            LastAnswer::Yes(Some(session_of("claimed otherwise"))),
        ),
        (
            TokenAnswer::No(Rejection::Barred),
            LastAnswer::No(Rejection::Barred),
        ),
        (TokenAnswer::AnotherUser, LastAnswer::No(Rejection::Ended)),
    ] {
        for before in [
            None,
            Some(known(LastAnswer::Nothing, 0)),
            Some(known(LastAnswer::Yes(Some(session())), 900)),
            Some(known(LastAnswer::No(Rejection::Ended), 1_000)),
            Some(known(LastAnswer::TooLong, 900)),
        ] {
            let at = if matches!(last_answer, LastAnswer::No(_)) {
                TIMES.now
            } else {
                TIMES.asked
            };
            let wanted = Known {
                asked_until: 0,
                ..known(last_answer.clone(), at)
            };
            assert_eq!(after(before.as_ref(), &said), Some(wanted), "{before:?}");
        }
    }
}

#[test]
fn what_says_nothing_changes_nothing_but_when_somebody_asks_again() {
    for said in [TokenAnswer::Unproven, TokenAnswer::Unknown(Why::TimedOut)] {
        assert_eq!(after(None, &said), None);
        for last_answer in [
            LastAnswer::Nothing,
            LastAnswer::Yes(Some(session())),
            LastAnswer::No(Rejection::Barred),
            LastAnswer::TooLong,
        ] {
            let before = known(last_answer, 1_400);
            let wanted = Known {
                asked_until: TIMES.now + TIMES.pause,
                ..before.clone()
            };
            assert_eq!(after(Some(&before), &said), Some(wanted));
        }
    }
}

#[test]
fn a_yes_that_was_asked_for_before_another_word_was_heard_changes_nothing() {
    for last_answer in [
        LastAnswer::Yes(None),
        LastAnswer::Yes(Some(session_of("claimed otherwise"))),
        LastAnswer::TooLong,
    ] {
        let before = known(last_answer, TIMES.asked + 1);
        assert_eq!(after(Some(&before), &TokenAnswer::Yes(session())), None);
    }
}

#[test]
fn a_yes_that_was_asked_for_before_a_no_came_does_not_heal_it() {
    for no in [Rejection::Ended, Rejection::Barred] {
        let before = known(LastAnswer::No(no), TIMES.asked + 1);
        assert_eq!(after(Some(&before), &TokenAnswer::Yes(session())), None);
        for other in [Rejection::Ended, Rejection::Barred] {
            let got = after(Some(&before), &TokenAnswer::No(other)).unwrap();
            assert_eq!(
                (got.last_answer, got.at),
                (LastAnswer::No(other), TIMES.now),
                "a later no does"
            );
        }
    }
}

//! What the resolver's answer to a question about a token alone means, and what is remembered of it: each row of the specification's table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::freshness::{heard, Heard, Known, No, Said, Times, Word};
use authgear_core::made_up::Manner;
use authgear_core::resolver::Reading;
use authgear_core::verdict::{UnknownAnswer, Why};
use common::walk::{session, session_of};

const UNKNOWN: [UnknownAnswer; 6] = [
    UnknownAnswer::Status,
    UnknownAnswer::ServerError,
    UnknownAnswer::Body,
    UnknownAnswer::Contradiction,
    UnknownAnswer::BadHeader,
    UnknownAnswer::TooLarge,
];

const MANNERS: [Manner; 2] = [Manner::AsItIs, Manner::WithMadeUp];

/// What it comes to that `reading` is the answer about a token of the user "another", and what is remembered of it: in both manners of asking,
/// each from a resolver that has said yes to a token and from one that has not.
fn table(reading: &Result<Reading, Why>, sub: &str) -> [[Heard; 2]; 2] {
    MANNERS.map(|manner| [true, false].map(|is_proven| heard(reading.clone(), manner, sub, is_proven)))
}

fn says(said: Said) -> Heard {
    Heard::Said(said)
}

fn everywhere(said: &Said) -> [[Heard; 2]; 2] {
    [(); 2].map(|()| [(); 2].map(|()| says(said.clone())))
}

#[test]
fn true_for_the_tokens_own_user_is_a_yes_however_it_was_asked_for() {
    let yes = Said::Yes(session());
    assert_eq!(table(&Ok(Reading::Valid(session())), "another"), everywhere(&yes));
    let otherwise = session_of("another-one");
    assert_eq!(
        yes.word(&otherwise),
        Some(Word::Yes(Some(session()))),
        "its headers replace the claims"
    );
    assert_eq!(
        yes.word(&session()),
        Some(Word::Yes(None)),
        "kept as the claims where they say the same"
    );
}

#[test]
fn true_for_another_user_is_never_this_ones() {
    for sub in ["", "anothe", "another ", "Another", "anotherx"] {
        let got = table(&Ok(Reading::Valid(session())), sub);
        assert_eq!(got, everywhere(&Said::AnotherUser), "{sub:?}");
    }
    assert_eq!(Said::AnotherUser.word(&session()), Some(Word::No(No::Ended)));
}

#[test]
fn false_is_about_the_token_or_about_the_made_up_cookie() {
    let [alone, beside] = table(&Ok(Reading::Invalid), "another");
    let barred = || says(Said::No(No::Barred));
    assert_eq!(alone, [barred(), barred()]);
    assert_eq!(
        beside,
        [says(Said::No(No::Ended)), says(Said::Unproven)],
        "the end only by one who has said yes before"
    );
    for no in [No::Barred, No::Ended] {
        assert_eq!(Said::No(no).word(&session()), Some(Word::No(no)));
    }
    assert_eq!(Said::Unproven.word(&session()), None, "nothing changes");
}

#[test]
fn silence_is_asked_about_once_more_and_then_a_failure() {
    let [alone, beside] = table(&Ok(Reading::Silent), "another");
    assert_eq!(alone, [Heard::AskAgain, Heard::AskAgain]);
    let silent = || says(Said::Unknown(Why::Silent));
    assert_eq!(beside, [silent(), silent()]);
    assert_eq!(Said::Unknown(Why::Silent).word(&session()), None);
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
        assert_eq!(table(&reading, "another"), everywhere(&Said::Unknown(why)));
        assert_eq!(Said::Unknown(why).word(&session()), None);
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

fn known(word: Word, at: u64) -> Known {
    Known {
        word,
        at,
        asked_until: 7_000,
        iat: 9,
    }
}

fn after(before: Option<&Known>, said: &Said) -> Option<Known> {
    Known::after(before.cloned(), said, &session(), 9, &TIMES)
}

#[test]
fn a_yes_is_known_from_when_it_was_asked_for_a_no_from_when_it_came_and_both_free_who_asks_next() {
    for (said, word) in [
        (Said::Yes(session()), Word::Yes(None)),
        (
            Said::Yes(session_of("claimed otherwise")),
            Word::Yes(Some(session_of("claimed otherwise"))),
        ),
        (Said::No(No::Barred), Word::No(No::Barred)),
        (Said::AnotherUser, Word::No(No::Ended)),
    ] {
        for before in [
            None,
            Some(known(Word::Nothing, 0)),
            Some(known(Word::Yes(Some(session())), 900)),
            Some(known(Word::No(No::Ended), 1_000)),
            Some(known(Word::TooLong, 900)),
        ] {
            let at = if matches!(word, Word::No(_)) {
                TIMES.now
            } else {
                TIMES.asked
            };
            let wanted = Known {
                asked_until: 0,
                ..known(word.clone(), at)
            };
            assert_eq!(after(before.as_ref(), &said), Some(wanted), "{before:?}");
        }
    }
}

#[test]
fn what_says_nothing_changes_nothing_but_when_somebody_asks_again() {
    for said in [Said::Unproven, Said::Unknown(Why::TimedOut)] {
        assert_eq!(after(None, &said), None);
        for word in [
            Word::Nothing,
            Word::Yes(Some(session())),
            Word::No(No::Barred),
            Word::TooLong,
        ] {
            let before = known(word, 1_400);
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
    for word in [
        Word::Yes(None),
        Word::Yes(Some(session_of("claimed otherwise"))),
        Word::TooLong,
    ] {
        let before = known(word, TIMES.asked + 1);
        assert_eq!(after(Some(&before), &Said::Yes(session())), None);
    }
}

#[test]
fn a_yes_that_was_asked_for_before_a_no_came_does_not_heal_it() {
    for no in [No::Ended, No::Barred] {
        let before = known(Word::No(no), TIMES.asked + 1);
        assert_eq!(after(Some(&before), &Said::Yes(session())), None);
        for other in [No::Ended, No::Barred] {
            let got = after(Some(&before), &Said::No(other)).unwrap();
            assert_eq!(
                (got.word, got.at),
                (Word::No(other), TIMES.now),
                "a later no does"
            );
        }
    }
}

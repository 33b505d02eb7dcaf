//! How fresh a token is: the interval, the hard bound, what was said of it, and what is not known.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::freshness::{
    assess, Fallback, Freshness, Known, LastAnswer, Moment, Rejection, Revalidate, Rules,
};
use common::evaluation::session;
use common::NOW;

const MINUTE: u64 = 60_000;
/// `authgear_revalidate 60s max=5m`
const RULES: Rules = Rules {
    asks: true,
    revalidate: Some(Revalidate {
        interval: MINUTE,
        max: 5 * MINUTE,
    }),
    stale_if_error: 0,
    leeway: 0,
};
const OFF: Rules = Rules {
    revalidate: None,
    ..RULES
};
const LOCAL: Rules = Rules { asks: false, ..RULES };
/// Long after the memory was made.
const MOMENT: Moment = Moment {
    unix: NOW,
    monotonic: 1_000 * MINUTE,
    age: 900 * MINUTE,
    lost_until: 0,
};
/// A token of an hour ago.
const OLD: u64 = NOW - 3_600;

/// How fresh a token is of which nothing is known, so many milliseconds after it was issued: whole seconds.
fn unknown_for(age: u64, rules: &Rules) -> Freshness {
    assess(None, NOW - age / 1000, 0, rules, &MOMENT)
}

/// The last answer about a token, so many milliseconds ago.
fn known(answer: LastAnswer, ago: u64) -> Option<Known> {
    Some(Known {
        last_answer: answer,
        at: MOMENT.monotonic - ago,
        asked_until: 0,
        iat: OLD,
    })
}

fn after(answer: LastAnswer, ago: u64, rules: &Rules) -> Freshness {
    assess(known(answer, ago), OLD, 0, rules, &MOMENT)
}

fn good() -> Freshness {
    Freshness::Good {
        session: None,
        is_due: false,
    }
}

fn due() -> Freshness {
    Freshness::Good {
        session: None,
        is_due: true,
    }
}

fn ask_first() -> Freshness {
    Freshness::AskFirst(Fallback::Unknown)
}

// --- a token of which nothing was said yet

#[test]
fn a_token_is_confirmed_by_being_issued() {
    for (age, wanted) in [
        (0, good()),
        (MINUTE - 1000, good()),
        (MINUTE, due()),
        (5 * MINUTE, due()),
        (5 * MINUTE + 1000, ask_first()),
        (u64::MAX, ask_first()),
    ] {
        let age = age.min(NOW * 1000);
        assert_eq!(unknown_for(age, &RULES), wanted, "{age} ms");
    }
}

#[test]
fn a_token_of_tomorrow_is_as_fresh_as_one_of_now() {
    for iat in [NOW + 1, NOW + 86_400, u64::MAX] {
        assert_eq!(assess(None, iat, 0, &RULES, &MOMENT), good(), "{iat}");
    }
}

#[test]
fn the_interval_is_spread_over_its_last_fifth() {
    let is_due = |age: u64, spread: u16| {
        let known = known(LastAnswer::Yes(None), age);
        match assess(known, OLD, spread, &RULES, &MOMENT) {
            Freshness::Good { is_due, .. } => is_due,
            other => panic!("{other:?}"),
        }
    };
    let first_due = |spread: u16| (0..=MINUTE).find(|age| is_due(*age, spread)).unwrap();
    let mut last = MINUTE;
    for spread in (0..=u16::MAX).step_by(4369) {
        let due = first_due(spread);
        assert!(due <= last, "the more, the earlier");
        last = due;
        let wanted = MINUTE - MINUTE / 5 * u64::from(spread) / u64::from(u16::MAX);
        assert!(due.abs_diff(wanted) <= 1, "{spread}: {due} is not {wanted}");
    }
    assert_eq!(first_due(0), MINUTE, "the whole interval");
    assert_eq!(first_due(u16::MAX), MINUTE * 4 / 5 + 1);
}

#[test]
fn the_hard_bound_is_not_spread() {
    for spread in [0, 1, u16::MAX / 2, u16::MAX] {
        let at = |age| assess(known(LastAnswer::Yes(None), age), OLD, spread, &RULES, &MOMENT);
        assert_eq!(at(5 * MINUTE), due(), "{spread}");
        assert_eq!(at(5 * MINUTE + 1), ask_first(), "{spread}");
    }
}

#[test]
fn while_somebody_asks_nobody_else_has_to() {
    for (asked_until, wanted) in [
        (MOMENT.monotonic - 1, due()),
        (MOMENT.monotonic, due()),
        (MOMENT.monotonic + 1, good()),
    ] {
        for answer in [LastAnswer::Nothing, LastAnswer::Yes(None)] {
            let known = known(answer, 2 * MINUTE).map(|known| Known { asked_until, ..known });
            let got = assess(known, NOW - 120, 0, &RULES, &MOMENT);
            assert_eq!(got, wanted, "{asked_until}");
        }
    }
    // It is no answer: the hard bound holds.
    let known = known(LastAnswer::Nothing, 0).map(|known| Known {
        asked_until: MOMENT.monotonic + MINUTE,
        ..known
    });
    assert_eq!(assess(known, OLD, 0, &RULES, &MOMENT), ask_first());
}

// --- what the resolver said

#[test]
fn a_yes_confirms_and_its_session_goes_before_the_claims() {
    for said in [None, Some(session())] {
        let good = |is_due| Freshness::Good {
            session: said.clone(),
            is_due,
        };
        for (ago, wanted) in [
            (0, good(false)),
            (MINUTE - 1, good(false)),
            (MINUTE, good(true)),
            (5 * MINUTE, good(true)),
            (5 * MINUTE + 1, ask_first()),
        ] {
            assert_eq!(
                after(LastAnswer::Yes(said.clone()), ago, &RULES),
                wanted,
                "{ago} ms"
            );
        }
    }
}

#[test]
fn a_yes_of_before_the_token_was_issued_takes_nothing_from_its_freshness() {
    let known = known(LastAnswer::Yes(None), 100 * MINUTE);
    assert_eq!(assess(known, NOW - 1, 0, &RULES, &MOMENT), good());
}

#[test]
fn a_no_counts_for_an_interval_and_is_then_asked_about_first() {
    for no in [Rejection::Ended, Rejection::Barred] {
        for (ago, wanted) in [
            (0, Freshness::Rejected(no)),
            (MINUTE - 1, Freshness::Rejected(no)),
            (MINUTE, Freshness::AskFirst(Fallback::Rejected(no))),
            (500 * MINUTE, Freshness::AskFirst(Fallback::Rejected(no))),
        ] {
            assert_eq!(after(LastAnswer::No(no), ago, &RULES), wanted, "{ago} ms");
        }
        // Freshly issued or not, and whatever else is lost or young.
        let moment = Moment {
            age: 0,
            lost_until: NOW,
            ..MOMENT
        };
        let got = assess(known(LastAnswer::No(no), 0), NOW, u16::MAX, &RULES, &moment);
        assert_eq!(got, Freshness::Rejected(no));
    }
}

#[test]
fn what_was_too_long_to_be_remembered_is_asked_about_first() {
    for rules in [RULES, OFF, LOCAL] {
        for ago in [0, MINUTE, 10 * MINUTE] {
            assert_eq!(after(LastAnswer::TooLong, ago, &rules), ask_first(), "{rules:?}");
        }
    }
}

// --- what may have been lost, and a memory that is young

#[test]
fn a_young_memory_serves_and_asks_in_the_background_instead_of_first() {
    for (age, wanted) in [(0, due()), (5 * MINUTE - 1, due()), (5 * MINUTE, ask_first())] {
        let moment = Moment { age, ..MOMENT };
        assert_eq!(assess(None, OLD, 0, &RULES, &moment), wanted, "{age} ms");
    }
}

#[test]
fn what_may_have_been_lost_is_asked_about_first_however_fresh() {
    let moment = |lost_until| Moment {
        age: 0,
        lost_until,
        ..MOMENT
    };
    let iat = NOW - 10;
    for rules in [RULES, OFF] {
        for (lost_until, wanted) in [
            (0, good()),
            (iat - 1, good()),
            (iat, ask_first()),
            (NOW, ask_first()),
        ] {
            let got = assess(None, iat, 0, &rules, &moment(lost_until));
            assert_eq!(got, wanted, "{lost_until} {rules:?}");
            // A question under way is no knowledge.
            let got = assess(known(LastAnswer::Nothing, 0), iat, 0, &rules, &moment(lost_until));
            assert_eq!(got, wanted, "{lost_until} {rules:?}");
            let got = assess(
                known(LastAnswer::Yes(None), 0),
                iat,
                0,
                &rules,
                &moment(lost_until),
            );
            assert_eq!(got, good(), "what is known was not lost");
        }
    }
    let leeway = Rules { leeway: 5, ..RULES };
    for (lost_until, wanted) in [(iat - 6, good()), (iat - 5, ask_first())] {
        let got = assess(None, iat, 0, &leeway, &moment(lost_until));
        assert_eq!(got, wanted, "a token may be dated that far ahead");
    }
}

// --- where nobody is asked

#[test]
fn where_nobody_may_be_asked_only_what_is_known_counts() {
    let moment = Moment {
        lost_until: NOW,
        ..MOMENT
    };
    for rules in [
        LOCAL,
        Rules {
            revalidate: None,
            ..LOCAL
        },
    ] {
        assert_eq!(assess(None, OLD, 0, &rules, &moment), good());
        assert_eq!(after(LastAnswer::Nothing, 0, &rules), good());
        for ago in [0, 500 * MINUTE] {
            let yes = Freshness::Good {
                session: Some(session()),
                is_due: false,
            };
            assert_eq!(after(LastAnswer::Yes(Some(session())), ago, &rules), yes);
            for no in [Rejection::Ended, Rejection::Barred] {
                assert_eq!(after(LastAnswer::No(no), ago, &rules), Freshness::Rejected(no));
            }
        }
    }
}

#[test]
fn with_revalidate_off_no_age_makes_anybody_ask() {
    for age in [0, MINUTE, 500 * MINUTE] {
        assert_eq!(unknown_for(age, &OFF), good());
        assert_eq!(after(LastAnswer::Yes(None), age, &OFF), good());
        assert_eq!(
            after(LastAnswer::No(Rejection::Ended), age, &OFF),
            Freshness::Rejected(Rejection::Ended)
        );
    }
}

// --- clocks

#[test]
fn a_step_of_the_wall_clock_neither_ages_nor_freshens_what_was_confirmed() {
    for unix in [NOW - 1_800, NOW, NOW + 365 * 86_400] {
        let moment = Moment { unix, ..MOMENT };
        for (ago, wanted) in [(0, good()), (2 * MINUTE, due()), (6 * MINUTE, ask_first())] {
            let known = known(LastAnswer::Yes(None), ago);
            assert_eq!(assess(known, OLD, 0, &RULES, &moment), wanted, "{unix} {ago}");
        }
    }
}

#[test]
fn clocks_of_any_reading_overflow_nothing() {
    let ends = [0, 1, u64::MAX - 1, u64::MAX];
    for unix in ends {
        for monotonic in ends {
            for (iat, lost_until) in [(0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
                let moment = Moment {
                    unix,
                    monotonic,
                    age: unix,
                    lost_until,
                };
                let rules = Rules {
                    stale_if_error: u64::MAX,
                    leeway: u64::MAX,
                    revalidate: Some(Revalidate {
                        interval: monotonic,
                        max: unix,
                    }),
                    ..RULES
                };
                for last_answer in [
                    LastAnswer::Nothing,
                    LastAnswer::Yes(None),
                    LastAnswer::No(Rejection::Ended),
                ] {
                    let known = Known {
                        last_answer,
                        at: iat,
                        asked_until: iat,
                        iat,
                    };
                    std::hint::black_box(assess(Some(known), iat, u16::MAX, &rules, &moment));
                }
            }
        }
    }
}

// --- while the resolver fails

#[test]
fn what_was_confirmed_counts_a_while_past_the_bound_while_the_resolver_fails() {
    let rules = Rules {
        stale_if_error: MINUTE,
        ..RULES
    };
    for said in [None, Some(session())] {
        let stale = Freshness::AskFirst(Fallback::Stale(said.clone()));
        for (ago, wanted) in [
            (5 * MINUTE + 1, stale.clone()),
            (6 * MINUTE, stale.clone()),
            (6 * MINUTE + 1, ask_first()),
        ] {
            assert_eq!(
                after(LastAnswer::Yes(said.clone()), ago, &rules),
                wanted,
                "{ago} ms"
            );
        }
    }
    assert_eq!(
        unknown_for(6 * MINUTE, &rules),
        Freshness::AskFirst(Fallback::Stale(None))
    );
    assert_eq!(unknown_for(6 * MINUTE + 1000, &rules), ask_first());
    assert_eq!(after(LastAnswer::TooLong, 0, &rules), ask_first());
}

#[test]
fn what_may_have_been_lost_never_counts_while_the_resolver_fails() {
    let rules = Rules {
        stale_if_error: u64::MAX,
        ..RULES
    };
    let moment = Moment {
        lost_until: NOW,
        ..MOMENT
    };
    assert_eq!(assess(None, OLD, 0, &rules, &moment), ask_first());
}

//! Properties of what is remembered: sessions and records as bytes, the table beside a map, and evaluations
//! with any memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[allow(dead_code)]
#[path = "../../fuzz/checks.rs"]
mod checks;
mod common;

use std::collections::HashMap;

use authgear_core::freshness::{self, Freshness, Known, LastAnswer, Moment, Rejection, Revalidate, Rules};
use authgear_core::grant::{Grant, Machine};
use authgear_core::record::{Answer, Holder, Token};
use authgear_core::session::{Name, Session};
use authgear_core::table::{Entry, Found, Rank};
use common::answered::answered;
use common::memory::{find, key, table, words};
use common::NOW;
use proptest::collection::vec;
use proptest::prelude::*;

/// A session as the resolver may speak of it.
fn session() -> impl Strategy<Value = Session> {
    let name = prop_oneof![
        4 => prop::sample::select(Name::KNOWN[1..].to_vec()).prop_map(str::to_owned),
        1 => "x-authgear-[a-z0-9-]{0,12}",
    ];
    ("[!-~]{1,40}", vec((name, "[!-~]([ -~]{0,30}[!-~])?"), 0..6))
        .prop_filter_map("a name that stands twice", |(user, lines)| {
            answered(&user, lines.iter().map(|(name, value)| (&**name, &**value)))
        })
}

fn last_answer() -> impl Strategy<Value = LastAnswer> {
    prop_oneof![
        Just(LastAnswer::Nothing),
        prop::option::of(session()).prop_map(LastAnswer::Yes),
        prop::sample::select(vec![
            LastAnswer::No(Rejection::Ended),
            LastAnswer::No(Rejection::Barred),
            LastAnswer::TooLong
        ]),
    ]
}

fn known() -> impl Strategy<Value = Known> {
    (last_answer(), time(), time(), time()).prop_map(|(last_answer, at, asked_until, iat)| Known {
        last_answer,
        at,
        asked_until,
        iat,
    })
}

/// Times near each other, and some that are far off.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..2_000_u64, 1 => any::<u64>()]
}

fn rules() -> impl Strategy<Value = Rules> {
    let revalidate = (0..2_000_u64, 0..2_000_u64).prop_map(|(interval, more)| Revalidate {
        interval,
        max: interval + more,
    });
    (any::<bool>(), prop::option::of(revalidate), time(), 0..60_u64).prop_map(
        |(asks, revalidate, stale_if_error, leeway)| Rules {
            asks,
            revalidate,
            stale_if_error,
            leeway,
        },
    )
}

fn moment() -> impl Strategy<Value = Moment> {
    (time(), time(), time(), prop_oneof![Just(0), time()]).prop_map(|(unix, monotonic, age, lost_until)| {
        Moment {
            unix,
            monotonic,
            age,
            lost_until,
        }
    })
}

/// What is done to a table of one or two sets.
#[derive(Clone, Debug)]
enum Deed {
    Put(u64, Vec<u8>, u64, Rank),
    Remove(u64),
    Find(u64),
    Wait(u64),
    Clear,
}

fn deed() -> impl Strategy<Value = Deed> {
    let rank = prop::sample::select(vec![Rank::Ordinary, Rank::Ordinary, Rank::Precious]);
    prop_oneof![
        60 => (0..40_u64, vec(any::<u8>(), 0..40), 0..60_u64, rank).prop_map(|(nth, bytes, end, rank)| Deed::Put(nth, bytes, end, rank)),
        10 => (0..40_u64).prop_map(Deed::Remove),
        40 => (0..40_u64).prop_map(Deed::Find),
        10 => (0..4_u64).prop_map(Deed::Wait),
        1 => Just(Deed::Clear),
    ]
}

proptest! {
    #[test]
    fn a_session_comes_back_from_its_bytes(session in session()) {
        prop_assert_eq!(Session::from_bytes(session.as_bytes()), Some(session.clone()));
        let lines = session.lines().count();
        prop_assert_eq!(session.named_lines().count() + 1, lines);
        checks::record(session.as_bytes());
    }

    #[test]
    fn a_sessions_order_is_one_whatever_the_answers_was(session in session()) {
        let mut lines: Vec<_> = session.lines().skip(2).collect();
        lines.reverse();
        prop_assert_eq!(answered(session.user_id(), lines), Some(session.clone()));
    }

    #[test]
    fn no_change_of_a_sessions_bytes_gives_an_unsafe_one(session in session(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = session.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = with;
        checks::record(&bytes);
        checks::record(&bytes[..at]);
    }

    #[test]
    fn a_record_comes_back_from_its_bytes(
        session in session(), known in known(), thumbprint in any::<[u8; 32]>(), times in any::<[u64; 3]>(), is_valid in any::<bool>(),
        grant in (prop::option::of("[ -~]{0,12}"), prop::option::of("[!#-\\[\\]-~]{1,9}( [a-z]{1,9}){0,3}")), is_machine in any::<bool>(),
    ) {
        let [iat, exp, not_before] = times;
        let answer = Answer { session: is_valid.then(|| session.clone()), at: iat };
        let (client_id, scope) = grant;
        let grant = Grant::new(client_id.as_deref(), scope.as_deref());
        let machine = Machine::new("client_id_m", "m", scope.as_deref()).map(Holder::Machine);
        let holder = machine.filter(|_| is_machine).unwrap_or(Holder::User(session, grant));
        let token = Token { holder, thumbprint, iat, exp, not_before };
        prop_assert_eq!(Known::from_bytes(&known.to_bytes(usize::MAX)), Some(known.clone()));
        prop_assert_eq!(Answer::from_bytes(&answer.to_bytes()), Some(answer.clone()));
        prop_assert_eq!(Token::from_bytes(&token.to_bytes()), Some(token.clone()));
        for bytes in [known.to_bytes(usize::MAX), answer.to_bytes(), token.to_bytes()] {
            checks::record(&bytes);
        }
    }

    #[test]
    fn no_bytes_are_read_as_two_things(kind in 0..14_u8, data in vec(any::<u8>(), 0..120)) {
        checks::record(&data);
        checks::record(&[&[kind], data.as_slice()].concat());
    }

    #[test]
    fn every_evaluation_ends_with_any_memory(
        choices in any::<u8>(), allowed in any::<u8>(), answered in any::<bool>(), script in any::<[u8; 8]>(),
        bearer in prop::sample::select(vec!["eyJ.a.b", "opaque", "eyJ", ""]),
        cookie in prop::sample::select(vec!["app_access_token=eyJ.c.d", "app_access_token=eyJ.c.d; session=s", "session=s", "app_session=a b"]),
    ) {
        let answer = b"200\nx-authgear-session-valid: true\nx-authgear-user-id: u";
        let request = format!("\n\nBearer {bearer}\n{cookie}");
        let choices = [choices, allowed, 2 | u8::from(answered)];
        checks::evaluation::flow(&[&choices[..], &script, answer, request.as_bytes()].concat());
    }

    #[test]
    fn whatever_is_known_of_a_token_it_is_good_only_within_its_bounds(
        known in prop::option::of(known()), iat in time(), spread in any::<u16>(), rules in rules(), moment in moment(),
    ) {
        let last_answer = known.as_ref().map(|known| known.last_answer.clone());
        match freshness::assess(known.clone(), iat, spread, &rules, &moment) {
            Freshness::Good { session, is_due } => {
                let said = match last_answer {
                    Some(LastAnswer::Yes(said)) => said,
                    Some(LastAnswer::Nothing) | None => None,
                    Some(no) => return Err(TestCaseError::fail(format!("good in spite of {no:?}"))),
                };
                prop_assert_eq!(session, said, "what the resolver said goes before the claims");
                prop_assert!(!is_due || rules.asks && rules.revalidate.is_some());
            }
            Freshness::Rejected(no) => prop_assert_eq!(last_answer, Some(LastAnswer::No(no))),
            Freshness::AskFirst(freshness::Fallback::Rejected(no)) => {
                prop_assert!(rules.asks);
                prop_assert_eq!(last_answer, Some(LastAnswer::No(no)));
            }
            Freshness::AskFirst(freshness::Fallback::Stale(_)) => {
                prop_assert!(rules.asks && rules.stale_if_error > 0);
                prop_assert!(!matches!(last_answer, Some(LastAnswer::No(_) | LastAnswer::TooLong)));
            }
            Freshness::AskFirst(freshness::Fallback::Unknown) => prop_assert!(rules.asks || last_answer == Some(LastAnswer::TooLong)),
        }
    }
}

proptest! {
    // Each of these looks at the whole table after each deed.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_is_a_map_that_may_forget_what_it_says_it_forgets(sets in 1..3_usize, deeds in vec(deed(), 0..120)) {
        let words = words(8 * sets);
        let table = table(&words);
        let mut model: HashMap<u64, (Vec<u8>, u64, Rank)> = HashMap::new();
        let mut now = NOW;
        for deed in deeds {
            let mut told = None;
            match deed {
                Deed::Put(nth, bytes, end, rank) => {
                    let mut evicted = Entry::new();
                    let (place, evicts) = table.slot_for(&key(nth), now, &mut evicted);
                    prop_assert!(table.put(place, &key(nth), &bytes, NOW + end, rank));
                    told = evicts.then(|| (evicted.bytes().to_vec(), evicted.end(), evicted.rank()));
                    model.insert(nth, (bytes, NOW + end, rank));
                }
                Deed::Remove(nth) => {
                    table.remove(&key(nth));
                    model.remove(&nth);
                }
                Deed::Find(nth) => match find(&table, &key(nth)) {
                    Ok(bytes) => prop_assert_eq!(Some(&bytes), model.get(&nth).map(|(bytes, ..)| bytes)),
                    Err(found) => prop_assert_eq!((found, model.get(&nth)), (Found::Absent, None)),
                },
                Deed::Wait(seconds) => now += seconds,
                Deed::Clear => {
                    table.clear();
                    model.clear();
                }
            }
            let mut there = HashMap::new();
            table.each(|key, entry| {
                there.insert(*key, (entry.bytes().to_vec(), entry.end(), entry.rank()));
            });
            prop_assert_eq!(there.len(), table.len());
            let gone: Vec<u64> = model.keys().copied().filter(|nth| !there.contains_key(&key(*nth))).collect();
            prop_assert!(gone.len() <= 1, "one gives way for one");
            match gone.first().and_then(|nth| model.remove(nth)) {
                Some(gone) if gone.1 > now => prop_assert_eq!(told, Some(gone), "not told"),
                Some(_) | None => prop_assert_eq!(told, None),
            }
            let wanted: HashMap<_, _> = model.iter().map(|(nth, entry)| (key(*nth), entry.clone())).collect();
            prop_assert_eq!(there, wanted);
        }
    }
}

//! What is remembered, as bytes: it comes back as it was, and nothing else is taken for it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use authgear_core::freshness::{Known, LastAnswer, Rejection};
use authgear_core::grant::{Grant, Machine};
use authgear_core::policy::Mode;
use authgear_core::record::{Answer, Holder, Token};
use authgear_core::session::Session;
use authgear_core::table::CAPACITY;
use authgear_core::verify::{verify, Judgement};
use common::answered::answered;
use common::evaluation::{good, session};
use common::{claiming, policy, project, NOW};
use serde_json::json;

/// Of a real token: what [`Token::from`] makes of its judgement.
fn token_of(token: &str) -> Token {
    match verify(token, &project(), &policy(Mode::On), NOW) {
        Judgement::Verified(verified) => Token::from(*verified),
        other => panic!("{other:?}"),
    }
}

fn known(last_answer: LastAnswer) -> Known {
    Known {
        last_answer,
        at: 1,
        asked_until: u64::MAX,
        iat: NOW,
    }
}

/// A session of exactly so many bytes.
fn of_length(len: usize) -> Session {
    let user = "u".repeat(len - 5);
    let session = answered(&user, []).unwrap();
    assert_eq!(session.as_bytes().len(), len);
    session
}

/// Every record there is, by what it is.
fn every() -> Vec<(&'static str, Vec<u8>)> {
    every_with(&of_length(30))
}

fn every_with(session: &Session) -> Vec<(&'static str, Vec<u8>)> {
    let token = Token {
        holder: Holder::User(session.clone(), Grant::new(Some("web"), Some("a b"))),
        ..token_of(&good())
    };
    let answers = [Some(session.clone()), None].map(|session| Answer { session, at: 77 });
    let last_answers = [
        LastAnswer::Nothing,
        LastAnswer::Yes(None),
        LastAnswer::Yes(Some(session.clone())),
        LastAnswer::No(Rejection::Ended),
        LastAnswer::No(Rejection::Barred),
        LastAnswer::TooLong,
    ];
    let machine = Token {
        holder: Holder::Machine(Machine::new("client_id_m", "m", Some("a b")).unwrap()),
        ..token.clone()
    };
    let mut every = vec![("token", token.to_bytes()), ("token", machine.to_bytes())];
    every.extend(answers.map(|answer| ("answer", answer.to_bytes())));
    every.extend(last_answers.map(|last_answer| ("known", known(last_answer).to_bytes(CAPACITY))));
    every
}

fn kinds(bytes: &[u8]) -> Vec<&'static str> {
    let kinds = [
        ("token", Token::from_bytes(bytes).is_some()),
        ("answer", Answer::from_bytes(bytes).is_some()),
        ("known", Known::from_bytes(bytes).is_some()),
    ];
    kinds
        .iter()
        .filter(|(_, is_it)| *is_it)
        .map(|(kind, _)| *kind)
        .collect()
}

#[test]
fn a_token_is_remembered_with_all_that_it_is_judged_by_again() {
    let claims = json!({"iat": NOW - 60, "nbf": NOW - 30, "exp": NOW + 90});
    let token = token_of(&claiming(claims));
    assert_eq!(Token::from_bytes(&token.to_bytes()), Some(token.clone()));
    assert_eq!(
        (token.iat, token.not_before, token.exp),
        (NOW - 60, NOW - 30, NOW + 90)
    );
    assert!(project().contains(&token.thumbprint));
    assert!(
        token.to_bytes().len() <= CAPACITY,
        "an ordinary token fits a slot"
    );
    // Without nbf, iat takes its place; without both there is no beginning.
    let token = token_of(&claiming(json!({"iat": NOW - 60})));
    assert_eq!(token.not_before, NOW - 60);
    let token = token_of(&claiming(json!({"iat": NOW - 30, "nbf": NOW - 60})));
    assert_eq!(token.not_before, NOW - 30);
    let token = token_of(&claiming(json!({"iat": null})));
    assert_eq!((token.iat, token.not_before), (0, 0));
}

#[test]
fn a_remembered_tokens_times_hold_exactly_as_a_new_ones() {
    for (exp, nbf) in [(NOW + 10, NOW - 10), (NOW + 10, NOW - 60), (NOW + 1, NOW)] {
        let written = claiming(json!({"exp": exp, "nbf": nbf, "iat": NOW - 60}));
        let token = token_of(&written);
        for leeway in [0, 1, 30] {
            for now in NOW - 70..NOW + 50 {
                let mut policy = policy(Mode::On);
                policy.leeway = leeway;
                let verifies = matches!(verify(&written, &project(), &policy, now), Judgement::Verified(_));
                assert_eq!(
                    token.is_in_time(now, leeway),
                    verifies,
                    "{exp} {nbf} {leeway} {now}"
                );
            }
        }
    }
    let endless = Token {
        exp: u64::MAX,
        not_before: 0,
        ..token_of(&good())
    };
    assert!(endless.is_in_time(u64::MAX - 1, u64::MAX));
}

#[test]
fn every_record_comes_back_as_it_was() {
    for session in [session(), of_length(5 + 1), of_length(400)] {
        for (kind, bytes) in every_with(&session) {
            let again = match kind {
                "token" => Token::from_bytes(&bytes).unwrap().to_bytes(),
                "answer" => Answer::from_bytes(&bytes).unwrap().to_bytes(),
                _ => Known::from_bytes(&bytes).unwrap().to_bytes(CAPACITY),
            };
            assert_eq!(again, bytes, "{kind}");
        }
        let answer = Answer {
            session: Some(session.clone()),
            at: 77,
        };
        assert_eq!(Answer::from_bytes(&answer.to_bytes()), Some(answer.clone()));
        let known = known(LastAnswer::Yes(Some(session)));
        assert_eq!(Known::from_bytes(&known.to_bytes(CAPACITY)), Some(known.clone()));
    }
    for last_answer in [
        LastAnswer::Nothing,
        LastAnswer::Yes(None),
        LastAnswer::No(Rejection::Ended),
        LastAnswer::No(Rejection::Barred),
        LastAnswer::TooLong,
    ] {
        let known = known(last_answer);
        assert_eq!(Known::from_bytes(&known.to_bytes(0)), Some(known.clone()));
    }
}

#[test]
fn a_record_is_of_one_kind() {
    for (kind, bytes) in every() {
        assert_eq!(kinds(&bytes), [kind], "{bytes:?}");
        assert_eq!(Session::from_bytes(&bytes), None, "nor is it a session");
    }
    for kind in 0..=u8::MAX {
        if !(2..=11).contains(&kind) {
            for (_, mut bytes) in every() {
                bytes[0] = kind;
                assert_eq!(kinds(&bytes), [""; 0], "{kind}");
            }
        }
    }
}

#[test]
fn a_record_cut_short_is_none() {
    for (kind, bytes) in every().into_iter().chain(every_with(&session())) {
        for len in 0..bytes.len() {
            let cut = kinds(&bytes[..len]);
            assert_eq!(cut, [""; 0], "{kind}: {len} of {}", bytes.len());
        }
    }
}

#[test]
fn a_record_with_something_behind_it_is_none() {
    for (kind, bytes) in every() {
        for more in [&[0][..], &[1], b" ", b"u "] {
            assert_eq!(kinds(&[&bytes, more].concat()), [""; 0], "{kind} {more:?}");
        }
    }
}

#[test]
fn a_session_that_does_not_fit_gives_way_to_too_long() {
    let head = known(LastAnswer::Nothing).to_bytes(CAPACITY).len();
    let largest = known(LastAnswer::Yes(Some(of_length(CAPACITY - head))));
    let bytes = largest.to_bytes(CAPACITY);
    assert_eq!(bytes.len(), CAPACITY);
    assert_eq!(Known::from_bytes(&bytes), Some(largest));

    let larger = known(LastAnswer::Yes(Some(of_length(CAPACITY - head + 1))));
    let bytes = larger.to_bytes(CAPACITY);
    assert_eq!(bytes.len(), head);
    assert_eq!(
        Known::from_bytes(&bytes),
        Some(known(LastAnswer::TooLong)),
        "its times stay"
    );
    for room in [0, 1, head] {
        assert_eq!(larger.to_bytes(room), bytes, "{room}");
    }
}

#[test]
fn bytes_that_no_session_has_are_none_in_any_record() {
    let good = session();
    let mut unsafe_ones = vec![Vec::new()];
    let mut line_end = good.as_bytes().to_vec();
    *line_end.last_mut().unwrap() = b'\n';
    unsafe_ones.push(line_end);
    unsafe_ones.push([good.as_bytes(), good.as_bytes()].concat());
    unsafe_ones.push(good.as_bytes()[1..].to_vec());
    for session in unsafe_ones {
        assert_eq!(Session::from_bytes(&session), None, "{session:?}");
        let head = |bytes: Vec<u8>| bytes[..bytes.len() - good.as_bytes().len()].to_vec();
        let token = Token {
            holder: Holder::User(good.clone(), Grant::default()),
            ..token_of(&common::evaluation::good())
        };
        let answer = Answer {
            session: Some(good.clone()),
            at: 77,
        };
        let known = known(LastAnswer::Yes(Some(good.clone())));
        for head in [
            head(token.to_bytes()),
            head(answer.to_bytes()),
            head(known.to_bytes(CAPACITY)),
        ] {
            assert_eq!(kinds(&[head, session.clone()].concat()), [""; 0], "{session:?}");
        }
    }
}

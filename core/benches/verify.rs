//! What judging a token costs, and reading a request's credentials: nanoseconds a call, the best of a few rounds.
//!
//! The token is one that a real Authgear server issued; `ring`'s own verification of it is the greater part.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::hint::black_box;
use std::time::Instant;

use authgear_core::credential::{Allowed, Credentials};
use authgear_core::flow::{Event, Flow, Keys};
use authgear_core::jwks::KeySet;
use authgear_core::verify::{hopeless, verify, Judgement, Mode, Policy};
use serde_json::Value;

const ROUNDS: u32 = 9;

fn best(name: &str, calls: u32, mut call: impl FnMut()) {
    let round = |_| {
        let begin = Instant::now();
        for _ in 0..calls {
            call();
        }
        begin.elapsed().as_nanos() / u128::from(calls)
    };
    let best = (0..ROUNDS).map(round).min().unwrap();
    println!("{name:<44} {best:>8} ns");
}

fn main() {
    let golden: Value = serde_json::from_str(include_str!("../tests/data/authgear.json")).unwrap();
    let set = &golden["sets"][0];
    let case = &set["cases"][1];
    let header = case["request"]["Authorization"].as_str().unwrap();
    let (_, token) = header.split_once(' ').unwrap();
    let now = case["at"].as_u64().unwrap();
    let keys = KeySet::parse(set["jwks"].to_string().as_bytes()).unwrap().set;
    let origin = set["origin"].as_str().unwrap().to_owned();
    let policy = Policy {
        mode: Mode::On,
        issuers: vec![origin.clone()],
        audiences: vec![origin],
        leeway: 0,
        allowed: Allowed::ALL,
        cookie_prefix: String::new(),
    };
    let bytes = keys.to_bytes();
    let cookies: [&[u8]; 1] = [b"theme=dark; _ga=GA1.1.1234567890.1234567890; consent=yes; lang=en"];
    let current = Keys {
        set: Some(&keys),
        current: true,
        fetchable: false,
        refetchable: false,
    };

    assert!(matches!(
        verify(token, &keys, &policy, now),
        Judgement::Verified(_)
    ));
    best("verify a token of 1.2 KB", 1_000, || {
        black_box(verify(black_box(token), &keys, &policy, now));
    });
    best("all but the signature", 10_000, || {
        black_box(hopeless(black_box(token), &policy, now));
    });
    best("read a request without a credential", 100_000, || {
        black_box(Credentials::read(
            None,
            black_box(cookies).into_iter(),
            "",
            Allowed::ALL,
        ));
    });
    best("walk a request with a bearer token", 1_000, || {
        let credentials = Credentials::read(
            Some(header.as_bytes()),
            black_box(cookies).into_iter(),
            "",
            Allowed::ALL,
        );
        black_box(Flow::new().step(Event::Begin, &credentials, &policy, current, now));
    });
    best("read a key set from shared memory", 10_000, || {
        black_box(KeySet::from_bytes(black_box(&bytes)));
    });
}

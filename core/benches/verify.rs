//! What judging a token costs, reading a request's credentials, and remembering: nanoseconds a call, the best
//! of a few rounds.
//!
//! The token is one that a real Authgear server issued; `ring`'s own verification of it is the greater part.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use authgear_core::basis::Basis;
use authgear_core::credential::{Allowed, Credentials, Kind};
use authgear_core::flow::{Event, Flow, Inputs, Keys, Remembered, VerdictMemory};
use authgear_core::freshness::Freshness;
use authgear_core::jwks::KeySet;
use authgear_core::jws::Candidate;
use authgear_core::policy::{Mode, Policy};
use authgear_core::record::{Holder, Token};
use authgear_core::require::{check, Caller, Facts, Requirements};
use authgear_core::resolver::Question;
use authgear_core::table::{Entry, Found, Key, Rank, Table, COST};
use authgear_core::verify::{refused_without_key, verify, Judgement};
use ring::digest::{digest, SHA256};
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

/// A memory without a digest: what an evaluation costs beside that.
struct Memories<'m> {
    table: Option<Table<'m>>,
    key: Key,
}

impl VerdictMemory for Memories<'_> {
    fn verified(&self, _: &Candidate<'_>) -> Option<Token> {
        let mut entry = Entry::new();
        let found = self.table?.find(&self.key, &mut entry);
        Token::from_bytes(entry.bytes()).filter(|_| found == Found::Here)
    }

    fn remember(&self, _: &Candidate<'_>, _: &Token) {}

    fn freshness(&self, _: &Candidate<'_>, _: u64) -> Freshness {
        Freshness::Good {
            session: None,
            is_due: false,
        }
    }

    fn answer(&self, _: &Question) -> Option<Remembered> {
        None
    }
}

fn nth(nth: u32) -> Key {
    let digest = digest(&SHA256, &nth.to_le_bytes());
    digest.as_ref().try_into().unwrap()
}

fn put(table: &Table<'_>, key: &Key, bytes: &[u8]) {
    let (place, _) = table.slot_for(key, 0, &mut Entry::new());
    assert!(table.put(place, key, bytes, u64::MAX, Rank::Ordinary));
}

/// Looks in a table of room for 120,000, first with one entry and then with 100,000, each looked for in turn.
fn look(words: &[AtomicU64], bytes: &[u8]) {
    let table = Table::over(words).unwrap();
    let mut entry = Entry::new();
    for (name, count) in [
        ("find in a table of 1 entry", 1),
        ("find in a table of 100,000 entries", 100_000),
    ] {
        let keys: Vec<Key> = (0..count).map(nth).collect();
        for key in &keys {
            put(&table, key, bytes);
        }
        let mut turn = keys.iter().cycle();
        best(name, 100_000, || {
            black_box(table.find(black_box(turn.next().unwrap()), &mut entry));
        });
    }
}

/// Four conditions, for the user of a remembered token.
fn require(record: &[u8], now: u64) {
    let words = [
        "not_anonymous",
        "scope=openid",
        "first_party",
        "max_age=1000000000",
    ];
    let requirements = Requirements::parse(words, |text| text.parse().ok());
    let requirements = requirements.unwrap().unwrap();
    let Holder::User(session, grant) = Token::from_bytes(record).unwrap().holder else {
        unreachable!("a user's token");
    };
    let basis = Basis::Token(Kind::Bearer, grant);
    let facts = Facts {
        caller: Caller::User(&session, Some(&basis)),
        variables: &|_| true,
        leeway: 0,
    };
    assert_eq!(check(&requirements, &facts, now), Ok(()));
    best("hold a user to four requirements", 100_000, || {
        check(black_box(&requirements), black_box(&facts), now).ok();
    });
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
        machines: false,
    };
    let bytes = keys.to_bytes();
    let cookies: [&[u8]; 1] = [b"theme=dark; _ga=GA1.1.1234567890.1234567890; consent=yes; lang=en"];
    let current = Keys {
        set: Some(&keys),
        current: true,
    };
    let Judgement::Verified(verified) = verify(token, &keys, &policy, now) else {
        unreachable!("a server issued it");
    };
    let record = Token::from(*verified).to_bytes();
    let words: Vec<AtomicU64> = (0..120_000 * COST / 8).map(|_| AtomicU64::new(0)).collect();
    let table = Table::over(&words).unwrap();
    let key = nth(u32::MAX);

    best("verify a token of 1.2 KB", 1_000, || {
        black_box(verify(black_box(token), &keys, &policy, now));
    });
    best("all but the signature", 10_000, || {
        black_box(refused_without_key(black_box(token), &policy, now));
    });
    best("read a request without a credential", 100_000, || {
        black_box(Credentials::read(
            None,
            black_box(cookies).into_iter(),
            "",
            Allowed::ALL,
        ));
    });
    for (name, calls, table) in [
        ("evaluate a request with a bearer token", 1_000, None),
        (
            "evaluate a request whose token is remembered",
            100_000,
            Some(table),
        ),
    ] {
        if let Some(table) = &table {
            put(table, &key, &record);
        }
        let memory = Memories { table, key };
        best(name, calls, || {
            let credentials = Credentials::read(
                Some(header.as_bytes()),
                black_box(cookies).into_iter(),
                "",
                Allowed::ALL,
            );
            let inputs = Inputs {
                credentials: &credentials,
                policy: &policy,
                keys: &current,
                memory: &memory,
                now,
            };
            black_box(Flow::new().step(Event::Begin, &inputs));
        });
    }
    best("read a token's record", 100_000, || {
        black_box(Token::from_bytes(black_box(&record)));
    });
    require(&record, now);
    table.clear();
    look(&words, &record);
    best("read a key set from shared memory", 10_000, || {
        black_box(KeySet::from_bytes(black_box(&bytes)));
    });
}

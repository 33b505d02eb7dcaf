//! The tokens that the requests carry.
//!
//! What enters: a stand-in. What leaves: header lines for the requests of each row. What always holds: all
//! tokens are one user's, good for a day, and known to the resolver; a signature costs a millisecond or two,
//! so each token is made once a run.

use std::thread;

use authgear_scenarios::stand_in::StandIn;
use serde_json::{json, Value};

use crate::rows::{Load, OPAQUES};

/// How many tokens one wish asks for: their signatures must not take longer than a client waits.
const AT_ONCE: usize = 1000;

/// How long ago the many tokens were issued: longer than revalidation's interval, so that each is due until
/// the resolver has been asked.
const AGE: u64 = 200;

/// All tokens of a run.
pub struct Credentials {
    /// Whose they are.
    pub user: String,
    token: String,
    opaque: Vec<String>,
    many: Vec<String>,
}

impl Credentials {
    /// Makes one JWT, the opaque tokens, and so many further JWTs.
    pub fn make(stand_in: &StandIn, many: usize, threads: usize) -> Self {
        let user = stand_in.control("POST", "/users", &json!({"verified": true, "roles": ["editor"]}));
        let user = user["id"].as_str().expect("a user's id").to_owned();
        let day = json!({"user": user, "lifetime": 86_400});
        let with = |name: &str, value: Value| {
            let mut wish = day.clone();
            wish[name] = value;
            wish
        };
        let one = tokens(stand_in, 1, &day);
        Self {
            token: one[0].clone(),
            opaque: tokens(stand_in, OPAQUES, &with("jwt", json!(false))),
            many: in_parallel(stand_in, many, threads, &with("iat", json!(now() - AGE))),
            user,
        }
    }

    /// The header lines of a row's requests, in the order of sending; an empty line is no header.
    pub fn lines(&self, load: Load) -> Vec<String> {
        let tokens = match load {
            Load::Bare => return vec![String::new()],
            Load::Token => std::slice::from_ref(&self.token),
            Load::Opaque => &self.opaque[..1],
            Load::Opaques(count) => &self.opaque[..count],
            Load::Live(count) | Load::Unseen(count) | Load::Due(count) => &self.many[..count],
        };
        tokens.iter().map(|token| line(token)).collect()
    }

    /// The header line of a request that is not counted: it must not use up a token that is to be seen for
    /// the first time.
    pub fn line_beside(&self, load: Load) -> String {
        match load {
            Load::Bare => String::new(),
            Load::Opaque | Load::Opaques(_) => line(&self.opaque[0]),
            Load::Token | Load::Live(_) | Load::Unseen(_) | Load::Due(_) => line(&self.token),
        }
    }
}

/// How many JWTs beside the one a row needs.
pub fn needed(load: Load) -> usize {
    match load {
        Load::Live(count) | Load::Unseen(count) | Load::Due(count) => count,
        Load::Bare | Load::Token | Load::Opaque | Load::Opaques(_) => 0,
    }
}

fn line(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn in_parallel(stand_in: &StandIn, count: usize, threads: usize, wish: &Value) -> Vec<String> {
    let share = count.div_ceil(threads.max(1));
    thread::scope(|scope| {
        let starts = (0..count).step_by(share.max(1));
        let makers: Vec<_> = starts
            .map(|start| scope.spawn(move || tokens(stand_in, share.min(count - start), wish)))
            .collect();
        let made = makers.into_iter().map(|maker| maker.join().expect("tokens"));
        made.flatten().collect()
    })
}

fn tokens(stand_in: &StandIn, count: usize, wish: &Value) -> Vec<String> {
    let mut tokens = Vec::with_capacity(count);
    while tokens.len() < count {
        let mut wish = wish.clone();
        wish["count"] = json!(AT_ONCE.min(count - tokens.len()));
        let made = stand_in.control("POST", "/tokens", &wish);
        let made = made["tokens"].as_array().expect("tokens");
        tokens.extend(made.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    tokens
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock")
        .as_secs()
}

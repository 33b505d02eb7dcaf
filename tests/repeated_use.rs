//! Clients that keep using what they have, while the server's mind changes.
//!
//! What enters: a fixture and a request. What leaves: when the answer changed, and how long the slowest
//! request took. What always holds: only answers count, never how fast they came one after another.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::{Answer, Request};
use crate::fixture::Fixture;
use crate::soon;
use crate::stand_in::{now, request_with, Credential};
use serde_json::json;

/// Each worker has its own queue at this port, the second: what is sent there reaches all of them.
pub const ALL_WORKERS: &str = "listen 127.0.0.1:%PORT1% reuseport;";
/// Far longer than an interval of a second and an answer take on a loaded machine.
pub const NOTICED: Duration = Duration::from_secs(20);
/// What no request takes that waits for nobody, also on a loaded machine; and less than any answer that is
/// made slow.
pub const AT_ONCE: Duration = Duration::from_millis(1300);
/// Once a background question has reached the stand-in, its answer has been heard after this.
pub const HEARD: Duration = Duration::from_millis(300);

/// What came of using something.
pub struct Used {
    /// The answer that was waited for.
    pub last: Answer,
    /// The longest time that any of the requests took.
    pub slowest: Duration,
    /// The time until that answer.
    pub took: Duration,
}

/// Sends the request again and again until an answer is `enough`; none may be anything that `enough` does not
/// expect.
pub fn use_until(
    fixture: &Fixture,
    request: &Request,
    what: &str,
    mut enough: impl FnMut(&Answer) -> bool,
) -> Used {
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    loop {
        let sent = Instant::now();
        let last = request.send(fixture.port());
        slowest = slowest.max(sent.elapsed());
        let took = begun.elapsed();
        if enough(&last) {
            return Used { last, slowest, took };
        }
        assert!(took < NOTICED, "not within {NOTICED:?}: {what}; {last:?}");
        sleep(Duration::from_millis(40));
    }
}

/// Uses a token until it is invalid; until then it is its user's.
pub fn use_until_invalid(fixture: &Fixture, path: &str, token: &Credential) -> Used {
    let used = use_until(
        fixture,
        &request_with(path, token),
        "the token is invalid",
        |answer| {
            let invalid = answer.ours().len() == 1;
            if !invalid {
                answer.assert_user(&token.user);
            }
            invalid
        },
    );
    used.last.assert_invalid();
    used
}

/// Uses a token that was invalid until it is its user's again.
pub fn use_until_valid(fixture: &Fixture, path: &str, token: &Credential) -> Used {
    let used = use_until(
        fixture,
        &request_with(path, token),
        "the token is valid",
        |answer| {
            let valid = answer.ours().len() > 1;
            if !valid {
                answer.assert_invalid();
            }
            valid
        },
    );
    used.last.assert_user(&token.user);
    used
}

/// Uses the token until the backend is told exactly these roles.
pub fn use_until_roles(fixture: &Fixture, path: &str, token: &Credential, roles: &[&str]) -> Used {
    use_until(
        fixture,
        &request_with(path, token),
        &format!("roles {roles:?}"),
        |answer| {
            answer.assert_user(&token.user);
            answer.seen("x-authgear-user-roles") == roles
        },
    )
}

/// A token whose claims name these roles, issued so many seconds ago.
pub fn with_roles(fixture: &Fixture, seconds: u64, roles: &[&str]) -> Credential {
    let user = fixture.stand_in.user(&json!({"roles": roles}));
    let now = now();
    let wish = json!({"user": user, "iat": now - seconds, "lifetime": 36_000});
    fixture.stand_in.token(&wish)
}

/// Until the resolver, asked the way that `path` asks, has said yes to a token, and nginx has heard it:
/// headerless answers count from now on.
pub fn prove(fixture: &Fixture, path: &str) {
    prove_at(fixture, path, "localhost");
}

/// The same at the server of that name.
pub fn prove_at(fixture: &Fixture, path: &str, host: &str) {
    let token = with_roles(fixture, 3000, &["claimed"]);
    fixture
        .stand_in
        .change(&token.user, &json!({"roles": ["answered"]}));
    let request = request_with(path, &token).with("Host", host);
    use_until(fixture, &request, "the resolver's own yes", |answer| {
        answer.assert_user(&token.user);
        answer.seen("x-authgear-user-roles") == ["answered"]
    });
    fixture.stand_in.forget();
}

/// Waits until the resolver was asked so often, and nginx has heard the answers.
pub fn await_questions(fixture: &Fixture, count: u64) {
    soon("the questions are asked", || {
        fixture.stand_in.count().resolver >= count
    });
    sleep(HEARD);
}

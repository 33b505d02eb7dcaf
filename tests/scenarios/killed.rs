//! Workers that are killed at any moment, also while they write: nobody is blocked, and nothing is believed
//! by mistake.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::repeated_use::{
    prove, use_until_invalid, use_until_roles, use_until_valid, with_roles,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with, Credential};
use serde_json::json;

const LOCATIONS: &str =
    "location / { authgear_resolve on; authgear_revalidate 1s max=2s; proxy_pass http://%BACKEND%; }\n\
    location /late { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /off { authgear_resolve on; authgear_revalidate off; proxy_pass http://%BACKEND%; }\n\
    location /cached { authgear_resolve on; authgear_cache_valid 1s; proxy_pass http://%BACKEND%; }";
const KILLS: usize = 25;

/// What a token's holder must be, whenever an answer comes at all.
enum Expected {
    User,
    Invalid,
    Roles(&'static str),
}

struct Held {
    path: &'static str,
    credential: Credential,
    expected: Expected,
}

impl Held {
    fn assert_right(&self, answer: &Answer) {
        match self.expected {
            // A wipe forgets that the resolver ever said yes: until it does again, its no is none.
            Expected::Invalid if answer.status == 503 => answer.assert_unavailable(503),
            Expected::Invalid => answer.assert_invalid(),
            Expected::User => answer.assert_user(&self.credential.user),
            Expected::Roles(roles) => {
                answer.assert_user(&self.credential.user);
                assert_eq!(answer.seen("x-authgear-user-roles"), [roles], "{answer:?}");
            }
        }
    }
}

fn held(path: &'static str, credential: &Credential, expected: Expected) -> Held {
    Held {
        path,
        credential: credential.clone(),
        expected,
    }
}

/// What is in use during the load: known as ended, as demoted, good, and opaque.
fn all_held(fixture: &Fixture) -> Vec<Held> {
    prove(fixture, "/");
    let ended = [fixture.stand_in.aged(90), fixture.stand_in.aged(90)];
    let demoted = with_roles(fixture, 90, &["admin"]);
    fixture
        .stand_in
        .change(&demoted.user, &json!({"roles": ["reader"]}));
    for token in &ended {
        fixture.stand_in.revoke(token);
        use_until_invalid(fixture, "/", token);
    }
    use_until_roles(fixture, "/", &demoted, &["reader"]);
    let (jwt, opaque) = (fixture.stand_in.jwt(), fixture.stand_in.opaque());
    vec![
        held("/", &ended[0], Expected::Invalid),
        held("/late", &ended[0], Expected::Invalid),
        held("/off", &ended[1], Expected::Invalid),
        held("/", &demoted, Expected::Roles("reader")),
        held("/late", &demoted, Expected::Roles("reader")),
        held("/", &jwt, Expected::User),
        held("/cached", &opaque, Expected::User),
    ]
}

/// Clients that use what is held and tokens that nobody has used, while a worker is killed again and again.
fn under_kills(fixture: &Fixture, held: &[Held], fresh: &[Credential]) -> usize {
    let (over, served, next) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::try_open(fixture.port()) else {
                        continue;
                    };
                    // The connection ends with the worker that is killed.
                    loop {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        let one = &held[turn % held.len()];
                        if exchange(&mut connection, &request_with(one.path, &one.credential))
                            .map(|answer| one.assert_right(&answer))
                            .is_none()
                        {
                            break;
                        }
                        let token = &fresh[turn % fresh.len()];
                        if exchange(&mut connection, &request_with("/off", token))
                            .map(|answer| answer.assert_user(&token.user))
                            .is_none()
                        {
                            break;
                        }
                        served.fetch_add(2, Ordering::Relaxed);
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                }
            });
        }
        for kill in 0..KILLS {
            sleep(Duration::from_millis(60 + 7 * u64::try_from(kill % 9).unwrap()));
            let workers = fixture.nginx.workers();
            signal(workers[kill % workers.len()], "KILL");
            soon("another worker", || {
                fixture.nginx.workers().len() == 2 && fixture.nginx.workers() != workers
            });
        }
        over.store(true, Ordering::Relaxed);
    });
    served.into_inner()
}

fn exchange(connection: &mut Connection, request: &Request) -> Option<Answer> {
    connection.try_send(request).ok()?;
    connection.try_answer().ok()
}

fn run(zone: &str) {
    Setup::new()
        .workers(2)
        .http(zone)
        .server(LOCATIONS)
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            let fresh = fixture.stand_in.tokens(2000, &json!({"iat": now()}));
            let all = all_held(fixture);
            let served = under_kills(fixture, &all, &fresh);
            assert!(served > 200, "only {served} requests were served");
            for one in &all {
                let request = request_with(one.path, &one.credential);
                soon("there is a verdict", || {
                    request.send(fixture.port()).status == 200
                });
                one.assert_right(&request.send(fixture.port()));
            }
            // What is noticed from now on is noticed as ever.
            let last = fixture.stand_in.jwt();
            use_until_valid(fixture, "/", &last);
            fixture.stand_in.revoke(&last);
            use_until_invalid(fixture, "/", &last);
        });
}

#[test]
fn workers_killed_under_load_block_nobody_and_bring_no_ended_token_back() {
    run("authgear_zone zone=authgear:8m;");
}

#[test]
fn nor_do_they_when_every_token_pushes_another_out_of_the_zone() {
    run("authgear_zone zone=authgear:512k;");
}

#[test]
fn a_worker_killed_with_its_questions_leaves_them_to_the_others() {
    Setup::new()
        .workers(2)
        .server(LOCATIONS)
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            prove(fixture, "/");
            let token = fixture.stand_in.aged(90);
            fixture.stand_in.revoke(&token);
            fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
            fixture.stand_in.forget();
            soon("it is asked about", || {
                request_with("/late", &token)
                    .send(fixture.port())
                    .assert_user(&token.user);
                fixture.stand_in.count().resolver > 0
            });
            let workers = fixture.nginx.workers();
            for worker in &workers {
                signal(*worker, "KILL");
            }
            soon("other workers", || {
                let now = fixture.nginx.workers();
                now.len() == 2 && now.iter().all(|worker| !workers.contains(worker))
            });
            fixture.stand_in.heal();
            use_until_invalid(fixture, "/late", &token);
        });
}

//! Keys that outlive their place: a zone of another size, and a fetch whose worker is gone.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::{descriptors, is_connected_to, processor_time, signal};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{Credential, StandIn};
use authgear_scenarios::{eventually, soon};
use serde_json::json;

/// Each worker has its own queue at the second port, so that both get requests.
const BOTH: &str = "listen 127.0.0.1:%PORT1% reuseport; authgear_jwks_valid 10m refetch=1s;\n\
    location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }";
const REQUESTS: usize = 32;
const CROWD: usize = 2000;

/// The next fetch hangs; whoever asks after it is answered.
fn one_fetch_hangs(stand_in: &StandIn) {
    stand_in.keys_fault(json!({"kind": "hang", "times": 1}));
}

#[test]
fn a_zone_of_another_size_keeps_the_keys_while_authgear_fails() {
    for sizes in [["8m", "16m"], ["16m", "4m"]] {
        let [before, after] = sizes.map(|size| format!("authgear_zone zone=authgear:{size};"));
        Setup::new()
            .workers(2)
            .http(&before)
            .server("location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }")
            .run(|fixture| {
                fixture.await_keys();
                let token = fixture.stand_in.jwt();
                let request = Request::get("/local").bearer(&token.value);
                fixture
                    .stand_in
                    .keys_fault(json!({"kind": "status", "status": 500}));
                fixture.reconfigure(|conf| conf.replace(&before, &after));
                for _ in 0..20 {
                    request.send(fixture.port()).assert_user(&token.user);
                }
                soon("they are due after a reload", || {
                    fixture.stand_in.count().jwks > 0
                });
                for _ in 0..20 {
                    request.send(fixture.port()).assert_user(&token.user);
                }
            });
    }
}

fn the_one_that_fetches(fixture: &Fixture) -> u32 {
    eventually("a worker fetches", Duration::from_secs(15), || {
        let mut workers = fixture.nginx.workers().into_iter();
        workers.find(|pid| is_connected_to(*pid, fixture.stand_in.authgear))
    })
}

/// The other one of two.
fn the_one_that_does_not_fetch(fixture: &Fixture) -> u32 {
    let fetching = the_one_that_fetches(fixture);
    let mut workers = fixture.nginx.workers().into_iter();
    workers.find(|pid| *pid != fetching).expect("another worker")
}

/// Many requests wait for the keys that one worker fetches; that worker is killed, and another takes over.
fn kill_the_one_that_fetches(fixture: &Fixture, token: &Credential) {
    let mut waiting: Vec<Connection> = (0..REQUESTS)
        .map(|_| Connection::open(fixture.port_of(1)))
        .collect();
    for connection in &mut waiting {
        connection.send(&Request::get("/local").bearer(&token.value));
    }
    let fetching = the_one_that_fetches(fixture);
    // The other worker's requests shall be waiting by then.
    sleep(Duration::from_millis(300));
    assert_eq!(fixture.stand_in.count().backend, 0, "all wait");
    let killed = Instant::now();
    signal(fetching, "KILL");
    let answers = waiting
        .iter_mut()
        .filter_map(|connection| connection.try_answer().ok());
    let mut of_the_other = 0;
    for answer in answers {
        answer.assert_user(&token.user);
        of_the_other += 1;
    }
    let waited = killed.elapsed();
    assert!(waited < Duration::from_secs(3), "nobody took over for {waited:?}");
    assert!(
        (1..REQUESTS).contains(&of_the_other),
        "{of_the_other} of {REQUESTS} were answered: both workers must have had some"
    );
}

#[test]
fn requests_that_wait_for_the_first_keys_outlive_the_worker_that_fetches_them() {
    Setup::new()
        .workers(2)
        .server(BOTH)
        .before(one_fetch_hangs)
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            let token = fixture.stand_in.jwt();
            kill_the_one_that_fetches(fixture, &token);
        });
}

#[test]
fn requests_that_wait_for_a_new_key_outlive_the_worker_that_fetches_it() {
    Setup::new()
        .workers(2)
        .server(BOTH)
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            fixture.stand_in.rotate();
            let token = fixture.stand_in.jwt();
            one_fetch_hangs(&fixture.stand_in);
            kill_the_one_that_fetches(fixture, &token);
        });
}

#[test]
fn a_thousand_requests_that_wait_for_another_workers_fetch_cost_no_more_than_one() {
    Setup::new()
        .workers(2)
        .connections(4096)
        .server(BOTH)
        .server(
            "authgear_jwks_request /patient;\n\
             location = /patient { internal; proxy_read_timeout 60s; proxy_pass http://%AUTHGEAR%/oauth2/jwks; }",
        )
        .before(|stand_in| stand_in.keys_fault(json!({"kind": "delay", "ms": 4500, "times": 1})))
        .run(|fixture| {
            let token = fixture.stand_in.jwt();
            let other = the_one_that_does_not_fetch(fixture);
            let request = Request::get("/local").bearer(&token.value);
            let mut waiting: Vec<Connection> = (0..CROWD)
                .map(|_| {
                    let mut connection = Connection::open(fixture.port_of(1));
                    connection.send(&request);
                    connection
                })
                .collect();
            soon("the other worker has half of them", || {
                descriptors(other) > CROWD / 3
            });
            sleep(Duration::from_millis(300));
            let before = processor_time(other);
            sleep(Duration::from_secs(2));
            let spent = processor_time(other).saturating_sub(before);
            assert_eq!(fixture.stand_in.count().backend, 0, "all wait");
            assert!(
                spent < Duration::from_millis(150),
                "{spent:?} of processor time in 2 s"
            );
            for connection in &mut waiting {
                connection.answer().assert_user(&token.user);
            }
            assert_eq!(fixture.stand_in.count().jwks, 1, "one fetch for all of them");
        });
}

/// A connection that this worker has accepted.
fn connection_of(fixture: &Fixture, worker: u32) -> Connection {
    eventually("the worker accepts a connection", Duration::from_secs(15), || {
        let before = descriptors(worker);
        let connection = Connection::open(fixture.port_of(1));
        sleep(Duration::from_millis(50));
        (descriptors(worker) > before).then_some(connection)
    })
}

#[test]
fn keys_that_only_another_workers_client_waits_for_are_fetched_by_that_worker_when_the_first_one_leaves() {
    Setup::new()
        .workers(2)
        .server(BOTH)
        .before(one_fetch_hangs)
        .run(|fixture| {
            let token = fixture.stand_in.jwt();
            let other = the_one_that_does_not_fetch(fixture);
            let mut waiting = connection_of(fixture, other);
            waiting.send(&Request::get("/local").bearer(&token.value));
            sleep(Duration::from_millis(300));
            fixture.nginx.signal("QUIT");
            waiting.answer().assert_user(&token.user);
            drop(waiting);
            fixture.nginx.await_end(Duration::from_secs(10));
        });
}

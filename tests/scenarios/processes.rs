//! Reloads, killed workers and quits, with questions in flight.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

/// What clients got while something was done to nginx: for each request its credential and the answer, or why
/// there was none.
type Heard = Vec<(Option<Credential>, Result<Answer, String>)>;

/// Three clients send requests of all kinds, each on a connection of its own, while `act` is at work.
fn under_load(fixture: &Fixture, act: impl FnOnce()) -> Heard {
    let credentials = [
        None,
        Some(fixture.stand_in.jwt()),
        Some(fixture.stand_in.opaque()),
        Some(fixture.stand_in.session()),
    ];
    let (port, over, heard) = (fixture.port(), AtomicBool::new(false), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for client in 0..3 {
            let (credentials, over, heard) = (&credentials, &over, &heard);
            scope.spawn(move || {
                for turn in client.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let credential = credentials[turn % credentials.len()].clone();
                    let request = credential
                        .as_ref()
                        .map_or_else(|| Request::get("/"), |credential| request_with("/", credential));
                    let answer = request.try_send(port).map_err(|error| error.to_string());
                    heard.lock().unwrap().push((credential, answer));
                    sleep(Duration::from_millis(5));
                }
            });
        }
        act();
        over.store(true, Ordering::Relaxed);
    });
    heard.into_inner().unwrap()
}

fn assert_right(credential: Option<&Credential>, answer: &Answer) {
    match credential {
        None => answer.assert_anonymous(),
        Some(credential) => answer.assert_user(&credential.user),
    }
}

#[test]
fn no_request_fails_while_nginx_reloads_with_questions_in_flight() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 120}));
        let heard = under_load(fixture, || {
            for _ in 0..4 {
                sleep(Duration::from_millis(400));
                fixture.nginx.reload();
            }
            sleep(Duration::from_millis(300));
        });
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        assert!(heard.len() > 50, "only {} requests", heard.len());
        for (credential, answer) in &heard {
            let answer = answer
                .as_ref()
                .unwrap_or_else(|error| panic!("a request failed: {error}"));
            assert_right(credential.as_ref(), answer);
        }
    });
}

#[test]
fn reloads_while_the_resolver_hangs_refuse_but_never_hang() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut waiting: Vec<Connection> = (0..20).map(|_| Connection::open(fixture.port())).collect();
        for (index, connection) in waiting.iter_mut().enumerate() {
            connection.send(&Request::get("/").bearer(&format!("unknown{index}")));
        }
        soon("questions are under way", || {
            fixture.stand_in.count().resolver >= 20
        });
        for _ in 0..3 {
            fixture.nginx.reload();
        }
        for connection in &mut waiting {
            connection.answer().assert_unavailable(503);
        }
        fixture.nginx.await_workers(2, Duration::from_secs(10));
    });
}

#[test]
fn a_killed_worker_is_replaced_by_one_that_works() {
    Setup::new()
        .workers(2)
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 60}));
            let heard = under_load(fixture, || {
                for kill in 0..8 {
                    sleep(Duration::from_millis(110 + 30 * kill));
                    let workers = fixture.nginx.workers();
                    signal(workers[0], "KILL");
                    soon("another worker", || {
                        fixture.nginx.workers().len() == 2 && fixture.nginx.workers() != workers
                    });
                }
                sleep(Duration::from_millis(300));
            });
            assert!(heard.iter().filter(|(_, answer)| answer.is_ok()).count() > 30);
            for (credential, answer) in &heard {
                if let Ok(answer) = answer {
                    assert_right(credential.as_ref(), answer);
                }
            }
            let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
            fixture.stand_in.forget();
            for _ in 0..20 {
                request_with("/", &jwt)
                    .send(fixture.port())
                    .assert_user(&jwt.user);
            }
            assert_eq!(
                fixture.stand_in.count().resolver,
                0,
                "keys survive a killed worker"
            );
            request_with("/", &opaque)
                .send(fixture.port())
                .assert_user(&opaque.user);
        });
}

#[test]
fn workers_killed_in_the_middle_of_a_key_fetch_do_not_end_all_fetching() {
    Setup::new()
        .workers(2)
        .server("authgear_jwks_valid 1s;")
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            fixture.stand_in.keys_fault(json!({"kind": "hang"}));
            fixture.stand_in.forget();
            soon("a fetch is under way", || fixture.stand_in.count().jwks > 0);
            for worker in fixture.nginx.workers() {
                signal(worker, "KILL");
            }
            fixture.stand_in.rotate();
            let token = fixture.stand_in.token(&json!({"register": false}));
            fixture.stand_in.heal();
            fixture.stand_in.forget();
            soon("the new key arrives", || {
                let answer = Request::get("/").bearer(&token.value).try_send(fixture.port());
                answer.is_ok_and(|answer| answer.ours().len() > 1)
            });
        });
}

#[test]
fn a_graceful_quit_waits_for_the_answer_of_a_waiting_client() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        let mut waiting: Vec<Connection> = (0..10).map(|_| Connection::open(fixture.port())).collect();
        for connection in &mut waiting {
            connection.send(&request_with("/", &token));
        }
        soon("they ask", || fixture.stand_in.count().resolver > 0);
        fixture.nginx.signal("QUIT");
        for connection in &mut waiting {
            connection.answer().assert_user(&token.user);
        }
        drop(waiting);
        fixture.nginx.await_end(Duration::from_secs(10));
    });
}

#[test]
fn a_graceful_quit_waits_for_keys_that_a_client_waits_for() {
    Setup::new()
        .server("authgear_jwks_valid 10m refetch=1s;")
        .run(|fixture| {
            fixture.await_keys();
            fixture.stand_in.rotate();
            fixture.stand_in.keys_fault(json!({"kind": "delay", "ms": 1200}));
            let token = fixture.stand_in.jwt();
            let mut waiting = Connection::open(fixture.port());
            waiting.send(&request_with("/", &token));
            soon("the keys are being fetched", || fixture.stand_in.count().jwks > 0);
            fixture.nginx.signal("QUIT");
            waiting.answer().assert_user(&token.user);
            drop(waiting);
            fixture.nginx.await_end(Duration::from_secs(10));
        });
}

#[test]
fn a_shutdown_time_out_is_kept_while_questions_hang() {
    Setup::new()
        .workers(2)
        .main("worker_shutdown_timeout 1s;")
        .run(|fixture| {
            fixture.await_keys();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "drip", "ms": 900}));
            let mut waiting: Vec<Connection> = (0..10).map(|_| Connection::open(fixture.port())).collect();
            for (index, connection) in waiting.iter_mut().enumerate() {
                connection.send(&Request::get("/").bearer(&format!("unknown{index}")));
            }
            soon("they ask", || fixture.stand_in.count().resolver == 10);
            let begun = Instant::now();
            fixture.nginx.signal("QUIT");
            fixture.nginx.await_end(Duration::from_secs(10));
            assert!(
                begun.elapsed() < Duration::from_millis(3800),
                "left after {:?}",
                begun.elapsed()
            );
        });
}

#[test]
fn a_quit_does_not_wait_for_keys_that_nobody_waits_for() {
    Setup::new().server("authgear_jwks_valid 1s;").run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.keys_fault(json!({"kind": "hang"}));
        fixture.stand_in.forget();
        soon("a refresh is under way", || fixture.stand_in.count().jwks > 0);
        fixture.nginx.signal("QUIT");
        fixture.nginx.await_end(Duration::from_secs(10));
    });
}

#[test]
fn a_fast_stop_with_everything_in_flight_leaves_in_order() {
    Setup::new()
        .workers(2)
        .server("authgear_jwks_valid 1s;")
        .run(|fixture| {
            fixture.await_keys();
            fixture.stand_in.fault(&json!({"kind": "hang"}));
            let mut waiting: Vec<Connection> = (0..20).map(|_| Connection::open(fixture.port())).collect();
            for (index, connection) in waiting.iter_mut().enumerate() {
                connection.send(&Request::get("/").bearer(&format!("unknown{index}")));
            }
            soon("they ask", || fixture.stand_in.count().resolver >= 10);
            fixture.nginx.signal("TERM");
            fixture.nginx.await_end(Duration::from_secs(5));
        });
}

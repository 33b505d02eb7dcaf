//! Reloads, killed workers and quits, with questions in flight.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::nginx::signal;
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

/// What clients got while something was done to nginx: for each request its credential and the answer, or why
/// there was none.
type Heard = Vec<(Option<Credential>, Result<Answer, String>)>;

/// Three clients send requests of all kinds, each on a connection of its own, while `act` is at work.
fn under_load(scene: &Scene, act: impl FnOnce()) -> Heard {
    let credentials = [
        None,
        Some(scene.stand_in.jwt()),
        Some(scene.stand_in.opaque()),
        Some(scene.stand_in.session()),
    ];
    let (port, over, heard) = (scene.port(), AtomicBool::new(false), Mutex::new(Vec::new()));
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
    Plan::new().workers(2).play(|scene| {
        scene.await_keys();
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 120}));
        let heard = under_load(scene, || {
            for _ in 0..4 {
                sleep(Duration::from_millis(400));
                scene.nginx.reload();
            }
            sleep(Duration::from_millis(300));
        });
        scene.nginx.await_workers(2, Duration::from_secs(10));
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
    Plan::new().workers(2).play(|scene| {
        scene.await_keys();
        scene.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut waiting: Vec<Connection> = (0..20).map(|_| Connection::open(scene.port())).collect();
        for (index, connection) in waiting.iter_mut().enumerate() {
            connection.send(&Request::get("/").bearer(&format!("unknown{index}")));
        }
        soon("questions are under way", || {
            scene.stand_in.count().resolver >= 20
        });
        for _ in 0..3 {
            scene.nginx.reload();
        }
        for connection in &mut waiting {
            connection.answer().assert_unavailable(503);
        }
        scene.nginx.await_workers(2, Duration::from_secs(10));
    });
}

#[test]
fn a_killed_worker_is_replaced_by_one_that_works() {
    Plan::new()
        .workers(2)
        .kills_workers()
        .loses_count()
        .play(|scene| {
            scene.await_keys();
            scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 60}));
            let heard = under_load(scene, || {
                for kill in 0..8 {
                    sleep(Duration::from_millis(110 + 30 * kill));
                    let workers = scene.nginx.workers();
                    signal(workers[0], "KILL");
                    soon("another worker", || {
                        scene.nginx.workers().len() == 2 && scene.nginx.workers() != workers
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
            let [jwt, opaque] = [scene.stand_in.jwt(), scene.stand_in.opaque()];
            scene.stand_in.forget();
            for _ in 0..20 {
                request_with("/", &jwt).send(scene.port()).assert_user(&jwt.user);
            }
            assert_eq!(scene.stand_in.count().resolver, 0, "keys survive a killed worker");
            request_with("/", &opaque)
                .send(scene.port())
                .assert_user(&opaque.user);
        });
}

#[test]
fn workers_killed_in_the_middle_of_a_key_fetch_do_not_end_all_fetching() {
    Plan::new()
        .workers(2)
        .server("authgear_jwks_valid 1s;")
        .kills_workers()
        .loses_count()
        .play(|scene| {
            scene.await_keys();
            scene.stand_in.keys_fault(json!({"kind": "hang"}));
            scene.stand_in.forget();
            soon("a fetch is under way", || scene.stand_in.count().jwks > 0);
            for worker in scene.nginx.workers() {
                signal(worker, "KILL");
            }
            scene.stand_in.rotate();
            let token = scene.stand_in.token(&json!({"register": false}));
            scene.stand_in.heal();
            scene.stand_in.forget();
            soon("the new key arrives", || {
                let answer = Request::get("/").bearer(&token.value).try_send(scene.port());
                answer.is_ok_and(|answer| answer.ours().len() > 1)
            });
        });
}

#[test]
fn a_graceful_quit_waits_for_the_answer_of_a_waiting_client() {
    Plan::new().workers(2).play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        let mut waiting: Vec<Connection> = (0..10).map(|_| Connection::open(scene.port())).collect();
        for connection in &mut waiting {
            connection.send(&request_with("/", &token));
        }
        soon("they ask", || scene.stand_in.count().resolver > 0);
        scene.nginx.signal("QUIT");
        for connection in &mut waiting {
            connection.answer().assert_user(&token.user);
        }
        drop(waiting);
        scene.nginx.await_end(Duration::from_secs(10));
    });
}

#[test]
fn a_graceful_quit_waits_for_keys_that_a_client_waits_for() {
    Plan::new()
        .server("authgear_jwks_valid 10m refetch=1s;")
        .play(|scene| {
            scene.await_keys();
            scene.stand_in.rotate();
            scene.stand_in.keys_fault(json!({"kind": "delay", "ms": 1200}));
            let token = scene.stand_in.jwt();
            let mut waiting = Connection::open(scene.port());
            waiting.send(&request_with("/", &token));
            soon("the keys are being fetched", || scene.stand_in.count().jwks > 0);
            scene.nginx.signal("QUIT");
            waiting.answer().assert_user(&token.user);
            drop(waiting);
            scene.nginx.await_end(Duration::from_secs(10));
        });
}

#[test]
fn a_shutdown_time_out_is_kept_while_questions_hang() {
    Plan::new()
        .workers(2)
        .main("worker_shutdown_timeout 1s;")
        .play(|scene| {
            scene.await_keys();
            scene.stand_in.resolver_fault(json!({"kind": "drip", "ms": 900}));
            let mut waiting: Vec<Connection> = (0..10).map(|_| Connection::open(scene.port())).collect();
            for (index, connection) in waiting.iter_mut().enumerate() {
                connection.send(&Request::get("/").bearer(&format!("unknown{index}")));
            }
            soon("they ask", || scene.stand_in.count().resolver == 10);
            let begun = Instant::now();
            scene.nginx.signal("QUIT");
            scene.nginx.await_end(Duration::from_secs(10));
            assert!(
                begun.elapsed() < Duration::from_millis(3800),
                "left after {:?}",
                begun.elapsed()
            );
        });
}

#[test]
fn a_quit_does_not_wait_for_keys_that_nobody_waits_for() {
    Plan::new().server("authgear_jwks_valid 1s;").play(|scene| {
        scene.await_keys();
        scene.stand_in.keys_fault(json!({"kind": "hang"}));
        scene.stand_in.forget();
        soon("a refresh is under way", || scene.stand_in.count().jwks > 0);
        scene.nginx.signal("QUIT");
        scene.nginx.await_end(Duration::from_secs(10));
    });
}

#[test]
fn a_fast_stop_with_everything_in_flight_leaves_in_order() {
    Plan::new()
        .workers(2)
        .server("authgear_jwks_valid 1s;")
        .play(|scene| {
            scene.await_keys();
            scene.stand_in.fault(&json!({"kind": "hang"}));
            let mut waiting: Vec<Connection> = (0..20).map(|_| Connection::open(scene.port())).collect();
            for (index, connection) in waiting.iter_mut().enumerate() {
                connection.send(&Request::get("/").bearer(&format!("unknown{index}")));
            }
            soon("they ask", || scene.stand_in.count().resolver >= 10);
            scene.nginx.signal("TERM");
            scene.nginx.await_end(Duration::from_secs(5));
        });
}

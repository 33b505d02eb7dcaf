//! By each of the event methods that nginx has on Linux: the vendored nginx is built with all of them,
//! Debian's with one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails shall say so at once"
)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

fn serves(method: &str) {
    Plan::new()
        .workers(2)
        .events(&format!("use {method};"))
        .server("authgear_revalidate 1s max=1m;")
        .play(|scene| {
            scene.await_keys();
            let workers = scene.nginx.workers();
            verdicts(scene);
            questions_in_the_background(scene);
            clients_that_leave(scene);
            time_outs(scene);
            verdicts(scene);
            assert_eq!(scene.nginx.workers(), workers, "no worker has died");
        });
}

fn verdicts(scene: &Scene) {
    let credentials = [
        scene.stand_in.jwt(),
        scene.stand_in.opaque(),
        scene.stand_in.session(),
    ];
    for credential in &credentials {
        let mut kept = Connection::open(scene.port());
        for _ in 0..5 {
            kept.ask(&request_with("/", credential))
                .assert_user(&credential.user);
        }
        Request::post("/", vec![b'x'; 100_000])
            .bearer(&credentials[0].value)
            .send(scene.port())
            .assert_user(&credentials[0].user);
    }
    Request::get("/")
        .bearer("unknown")
        .send(scene.port())
        .assert_invalid();
}

fn questions_in_the_background(scene: &Scene) {
    let token = scene.stand_in.aged(30);
    scene.stand_in.forget();
    scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 300}));
    let begun = Instant::now();
    request_with("/", &token)
        .send(scene.port())
        .assert_user(&token.user);
    assert!(begun.elapsed() < Duration::from_millis(250), "nobody waits");
    soon("it is asked about", || scene.stand_in.count().resolver == 1);
    // It is answered yes.
    sleep(Duration::from_millis(600));
    scene.stand_in.heal();
    scene.stand_in.revoke(&token);
    soon("its end is noticed", || {
        request_with("/", &token).send(scene.port()).ours() == ["x-authgear-session-valid: false"]
    });
}

fn clients_that_leave(scene: &Scene) {
    scene.stand_in.forget();
    scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 700}));
    let mut clients: Vec<Connection> = (0..20).map(|_| Connection::open(scene.port())).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(&Request::get("/").bearer(&format!("unknown{}", index % 5)));
    }
    soon("questions are under way", || scene.stand_in.count().resolver >= 5);
    let leaving = clients.split_off(10);
    for (index, client) in leaving.into_iter().enumerate() {
        if index % 2 == 0 {
            client.leave();
        } else {
            client.reset();
        }
    }
    for stayed in &mut clients {
        stayed.answer().assert_invalid();
    }
    scene.stand_in.heal();
}

fn time_outs(scene: &Scene) {
    scene.stand_in.resolver_fault(json!({"kind": "hang"}));
    let mut waiting: Vec<Connection> = (0..4).map(|_| Connection::open(scene.port())).collect();
    for client in &mut waiting {
        client.send(&Request::get("/").bearer("unknown"));
    }
    // Whoever needs no answer is served meanwhile.
    sleep(Duration::from_millis(100));
    let token = scene.stand_in.jwt();
    request_with("/", &token)
        .send(scene.port())
        .assert_user(&token.user);
    for client in &mut waiting {
        client.answer().assert_unavailable(503);
    }
    scene.stand_in.heal();
}

#[test]
fn epoll() {
    serves("epoll");
}

#[test]
fn poll() {
    serves("poll");
}

#[test]
fn select() {
    serves("select");
}

//! By each of the event methods that nginx has on Linux: the vendored nginx is built with all of them,
//! Debian's with one.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

fn serves(method: &str) {
    Setup::new()
        .workers(2)
        .events(&format!("use {method};"))
        .server("authgear_revalidate 1s max=1m;")
        .run(|fixture| {
            fixture.await_keys();
            let workers = fixture.nginx.workers();
            verdicts(fixture);
            questions_in_the_background(fixture);
            clients_that_leave(fixture);
            time_outs(fixture);
            verdicts(fixture);
            assert_eq!(fixture.nginx.workers(), workers, "no worker has died");
        });
}

fn verdicts(fixture: &Fixture) {
    let credentials = [
        fixture.stand_in.jwt(),
        fixture.stand_in.opaque(),
        fixture.stand_in.session(),
    ];
    for credential in &credentials {
        let mut kept = Connection::open(fixture.port());
        for _ in 0..5 {
            kept.ask(&request_with("/", credential))
                .assert_user(&credential.user);
        }
        Request::post("/", vec![b'x'; 100_000])
            .bearer(&credentials[0].value)
            .send(fixture.port())
            .assert_user(&credentials[0].user);
    }
    Request::get("/")
        .bearer("unknown")
        .send(fixture.port())
        .assert_invalid();
}

fn questions_in_the_background(fixture: &Fixture) {
    let token = fixture.stand_in.aged(30);
    fixture.stand_in.forget();
    fixture
        .stand_in
        .resolver_fault(json!({"kind": "delay", "ms": 300}));
    let begun = Instant::now();
    request_with("/", &token)
        .send(fixture.port())
        .assert_user(&token.user);
    assert!(begun.elapsed() < Duration::from_millis(250), "nobody waits");
    soon("it is asked about", || fixture.stand_in.count().resolver == 1);
    // It is answered yes.
    sleep(Duration::from_millis(600));
    fixture.stand_in.heal();
    fixture.stand_in.revoke(&token);
    soon("its end is noticed", || {
        request_with("/", &token).send(fixture.port()).ours() == ["x-authgear-session-valid: false"]
    });
}

fn clients_that_leave(fixture: &Fixture) {
    fixture.stand_in.forget();
    fixture
        .stand_in
        .resolver_fault(json!({"kind": "delay", "ms": 700}));
    let mut clients: Vec<Connection> = (0..20).map(|_| Connection::open(fixture.port())).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(&Request::get("/").bearer(&format!("unknown{}", index % 5)));
    }
    soon("questions are under way", || {
        fixture.stand_in.count().resolver >= 5
    });
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
    fixture.stand_in.heal();
}

fn time_outs(fixture: &Fixture) {
    fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
    let mut waiting: Vec<Connection> = (0..4).map(|_| Connection::open(fixture.port())).collect();
    for client in &mut waiting {
        client.send(&Request::get("/").bearer("unknown"));
    }
    // Whoever needs no answer is served meanwhile.
    sleep(Duration::from_millis(100));
    let token = fixture.stand_in.jwt();
    request_with("/", &token)
        .send(fixture.port())
        .assert_user(&token.user);
    for client in &mut waiting {
        client.answer().assert_unavailable(503);
    }
    fixture.stand_in.heal();
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

//! Many requests at once: few questions, everybody answered, nobody with another's identity.

use std::collections::HashSet;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

#[test]
fn two_hundred_requests_with_one_token_share_a_question_a_worker() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        for credential in [fixture.stand_in.opaque(), fixture.stand_in.session()] {
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 1500}));
            fixture.stand_in.forget();
            let mut connections: Vec<Connection> =
                (0..200).map(|_| Connection::open(fixture.port())).collect();
            for connection in &mut connections {
                connection.send(&request_with("/", &credential));
            }
            for connection in &mut connections {
                connection.answer().assert_user(&credential.user);
            }
            assert!(
                fixture.stand_in.count().resolver <= 2,
                "{:?}",
                fixture.stand_in.count()
            );
        }
    });
}

#[test]
fn two_hundred_requests_with_two_hundred_credentials_get_their_own_users() {
    let endpoint = "authgear_endpoint http://project.test;";
    let upstream = "upstream project.test { server %AUTHGEAR%; keepalive 16; }";
    Setup::new()
        .workers(2)
        .stand_in("--origin")
        .stand_in("http://project.test")
        .http(upstream)
        .server(endpoint)
        .kept(16)
        .run(|fixture| {
            fixture.await_keys();
            let credentials: Vec<Credential> = (0..60)
                .map(|index| match index % 3 {
                    0 => fixture.stand_in.jwt(),
                    1 => fixture.stand_in.opaque(),
                    _ => fixture.stand_in.session(),
                })
                .collect();
            fixture.stand_in.forget();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 20}));
            for _ in 0..2 {
                let mut connections: Vec<Connection> = credentials
                    .iter()
                    .map(|_| Connection::open(fixture.port()))
                    .collect();
                for _ in 0..3 {
                    for (connection, credential) in connections.iter_mut().zip(&credentials) {
                        connection.send(&request_with("/", credential));
                    }
                    for (connection, credential) in connections.iter_mut().zip(&credentials) {
                        connection.answer().assert_user(&credential.user);
                    }
                }
            }
            // A question carries its credential and nothing of anybody else's.
            let values: HashSet<&str> = credentials
                .iter()
                .map(|credential| credential.value.as_str())
                .collect();
            for entry in fixture
                .stand_in
                .log()
                .iter()
                .filter(|entry| entry["target"] == "resolver")
            {
                let headers = entry["headers"].as_array().unwrap();
                let sent = |name: &str| {
                    headers
                        .iter()
                        .find(|header| header[0] == name)
                        .and_then(|header| header[1].as_str())
                };
                let bearer = sent("authorization").map(|value| value.trim_start_matches("Bearer "));
                // With a token goes a made-up cookie, which is nobody's.
                let cookie = sent("cookie").filter(|cookie| bearer.is_none() || values.contains(cookie));
                let carried: Vec<&str> = bearer.into_iter().chain(cookie).collect();
                assert!(carried.len() == 1 && values.contains(carried[0]), "{entry}");
            }
        });
}

#[test]
fn a_dead_token_asked_about_by_many_is_invalid_for_all() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 300}));
        let mut connections: Vec<Connection> = (0..50).map(|_| Connection::open(fixture.port())).collect();
        for connection in &mut connections {
            connection.send(&Request::get("/").bearer("never-issued"));
        }
        for connection in &mut connections {
            connection.answer().assert_invalid();
        }
    });
}

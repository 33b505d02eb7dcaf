//! Keys that rotate, vanish, age, and come from a server that is down or talks nonsense.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::StandIn;
use serde_json::json;

fn down(stand_in: &StandIn) {
    stand_in.fault(&json!({"kind": "refuse"}));
}

fn send(fixture: &Fixture, path: &str, token: &str) -> Answer {
    Request::get(path).bearer(token).send(fixture.port())
}

#[test]
fn a_good_token_asks_nothing_and_opens_no_connection_to_authgear() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        // The other worker may not have looked at the keys yet; it takes them from shared memory, not from
        // Authgear.
        for _ in 0..30 {
            send(fixture, "/", &token.value).assert_user(&token.user);
        }
        let mut connection = Connection::open(fixture.port());
        for _ in 0..30 {
            connection
                .ask(&Request::get("/").bearer(&token.value))
                .assert_user(&token.user);
        }
        let count = fixture.stand_in.count();
        assert_eq!(
            (count.resolver, count.jwks, count.connections, count.backend),
            (0, 0, 0, 60)
        );
    });
}

#[test]
fn fifty_requests_with_a_new_key_wait_for_one_fetch_over_two_workers() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.rotate();
        let token = fixture.stand_in.jwt();
        fixture.stand_in.keys_fault(json!({"kind": "delay", "ms": 700}));
        let mut waiting: Vec<Connection> = (0..50).map(|_| Connection::open(fixture.port())).collect();
        for connection in &mut waiting {
            connection.send(&Request::get("/").bearer(&token.value));
        }
        for connection in &mut waiting {
            connection.answer().assert_user(&token.user);
        }
        let count = fixture.stand_in.count();
        assert_eq!((count.jwks, count.resolver), (1, 0));
    });
}

#[test]
fn an_unknown_key_is_asked_about_remotely_while_a_refetch_is_paused() {
    Setup::new()
        .server("authgear_jwks_valid 10m refetch=60s;")
        .run(|fixture| {
            fixture.await_keys();
            let foreign = fixture
                .stand_in
                .token(&json!({"key": "foreign", "register": false}));
            send(fixture, "/", &foreign.value).assert_invalid();
            let count = fixture.stand_in.count();
            assert_eq!(
                (count.jwks, count.resolver),
                (1, 0),
                "a key that a fresh set lacks is unknown for good"
            );
            fixture.stand_in.rotate();
            let token = fixture.stand_in.jwt();
            send(fixture, "/", &token.value).assert_user(&token.user);
            send(fixture, "/", &foreign.value).assert_invalid();
            let count = fixture.stand_in.count();
            assert_eq!(
                (count.jwks, count.resolver),
                (1, 2),
                "no second fetch within the minute"
            );
        });
}

#[test]
fn keys_that_nobody_knows_cannot_make_nginx_hammer_authgear() {
    Setup::new().workers(2).server("authgear_jwks_valid 10m refetch=60s; location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }").run(|fixture| {
        fixture.await_keys();
        let mut connections: Vec<Connection> = (0..40).map(|_| Connection::open(fixture.port())).collect();
        for (index, connection) in connections.iter_mut().enumerate() {
            let token = fixture.stand_in.token(&json!({"kid": format!("made-up-{index}"), "register": false}));
            connection.send(&Request::get("/local").bearer(&token.value));
        }
        for connection in &mut connections {
            let answer = connection.answer();
            match answer.status {
                200 => answer.assert_invalid(),
                _ => answer.assert_unavailable(503),
            }
        }
        let count = fixture.stand_in.count();
        assert_eq!((count.jwks, count.resolver), (1, 0));
    });
}

#[test]
fn a_removed_key_stops_vouching_after_a_reload() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.token(&json!({"register": false}));
        fixture.stand_in.rotate();
        fixture.stand_in.drop_old_keys();
        send(fixture, "/", &token.value).assert_user(&token.user);
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        soon("the removed key no longer vouches", || {
            let answer = send(fixture, "/", &token.value);
            if answer.ours().len() > 1 {
                answer.assert_user(&token.user);
                return false;
            }
            answer.assert_invalid();
            true
        });
        let fresh = fixture.stand_in.jwt();
        send(fixture, "/", &fresh.value).assert_user(&fresh.user);
    });
}

#[test]
fn nginx_starts_and_reloads_with_authgear_down_and_recovers() {
    Setup::new()
        .workers(2)
        .server("authgear_jwks_valid 10m refetch=1s;")
        .before(down)
        .run(|fixture| {
            let token = fixture.stand_in.jwt();
            for _ in 0..2 {
                Request::get("/").send(fixture.port()).assert_anonymous();
                send(fixture, "/", &token.value).assert_unavailable(503);
                fixture.nginx.reload();
                fixture.nginx.await_workers(2, Duration::from_secs(10));
            }
            fixture.stand_in.heal();
            soon("Authgear is found again", || {
                send(fixture, "/", &token.value).status == 200
            });
            fixture.await_keys();
            for _ in 0..10 {
                send(fixture, "/", &token.value).assert_user(&token.user);
            }
            assert_eq!(fixture.stand_in.count().resolver, 0);
        });
}

#[test]
fn keys_survive_a_reload_while_authgear_is_down() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        down(&fixture.stand_in);
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        for _ in 0..20 {
            send(fixture, "/", &token.value).assert_user(&token.user);
        }
    });
}

#[test]
fn no_bad_answer_replaces_a_good_key_set() {
    let large = json!({"keys": [], "padding": "x".repeat(300 * 1024)}).to_string();
    let faults = [
        json!({"kind": "garbage"}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 404}),
        json!({"kind": "close"}),
        json!({"kind": "reset"}),
        json!({"kind": "close_mid_answer"}),
        json!({"kind": "close_mid_answer", "after": 300}),
        json!({"kind": "answer", "status": 302, "headers": [["Location", "/oauth2/jwks"]], "body": ""}),
        json!({"kind": "body", "body": "{\"keys\":[]}"}),
        json!({"kind": "body", "body": "[]"}),
        json!({"kind": "body", "body": "<html>sign in to the network</html>"}),
        json!({"kind": "body", "body": ""}),
        json!({"kind": "body", "body": large}),
        json!({"kind": "body", "body": "[[[[[[[[", "repeat": 10_000}),
    ];
    Setup::new()
        .workers(2)
        .server("authgear_jwks_valid 1s stale=1d;")
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.token(&json!({"register": false}));
            for fault in &faults {
                fixture.stand_in.keys_fault(fault.clone());
                fixture.stand_in.forget();
                soon(&format!("the keys are fetched again: {fault}"), || {
                    fixture.stand_in.count().jwks > 0
                });
                // The answer is on its way for a moment; it must change nothing when it has come.
                for _ in 0..5 {
                    send(fixture, "/", &token.value).assert_user(&token.user);
                    sleep(Duration::from_millis(20));
                }
                assert_eq!(fixture.stand_in.count().resolver, 0, "{fault}");
            }
            fixture.stand_in.rotate();
            fixture.stand_in.heal();
            let fresh = fixture.stand_in.token(&json!({"register": false}));
            soon("true keys are taken again", || {
                send(fixture, "/", &fresh.value).ours().len() > 1
            });
        });
}

#[test]
fn a_key_set_older_than_valid_and_stale_is_not_used() {
    let server = "authgear_jwks_valid 1s stale=2s; location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }";
    Setup::new().server(server).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        fixture
            .stand_in
            .keys_fault(json!({"kind": "status", "status": 500}));
        send(fixture, "/", &token.value).assert_user(&token.user);
        assert_eq!(fixture.stand_in.count().resolver, 0, "the set is not too old yet");
        soon("the old set is given up", || {
            let answer = send(fixture, "/local", &token.value);
            answer.status != 200
        });
        send(fixture, "/local", &token.value).assert_unavailable(503);
        send(fixture, "/", &token.value).assert_user(&token.user);
        assert_eq!(
            fixture.stand_in.count().resolver,
            1,
            "what can't be judged here is asked about"
        );
        fixture.stand_in.heal();
        soon("fetched again", || {
            send(fixture, "/local", &token.value).status == 200
        });
    });
}

#[test]
fn keys_are_refreshed_in_the_background_and_nobody_waits() {
    Setup::new()
        .workers(2)
        .server("authgear_jwks_valid 2s;")
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.jwt();
            fixture.stand_in.keys_fault(json!({"kind": "delay", "ms": 1500}));
            let end = Instant::now() + Duration::from_millis(3500);
            let mut slowest = Duration::ZERO;
            while Instant::now() < end {
                let begun = Instant::now();
                send(fixture, "/", &token.value).assert_user(&token.user);
                slowest = slowest.max(begun.elapsed());
                sleep(Duration::from_millis(25));
            }
            let count = fixture.stand_in.count();
            assert!((1..=4).contains(&count.jwks), "{count:?}");
            assert_eq!(count.resolver, 0);
            assert!(
                slowest < Duration::from_millis(1200),
                "a request waited {slowest:?} for a refresh"
            );
        });
}

/// The stand-in's keys in a document of so many kilobytes.
fn padded_keys(stand_in: &StandIn, kilobytes: usize) -> Vec<u8> {
    let mut keys = stand_in.control("GET", "/jwks.json", &json!(null));
    keys["padding"] = json!("x".repeat(kilobytes * 1024));
    keys.to_string().into_bytes()
}

#[test]
fn keys_may_come_from_a_file_of_this_nginx() {
    let server = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_jwks_request /keys; authgear_jwks_valid 1s;\n\
        sendfile on; location = /keys { internal; alias %DIR%/html/keys.json; }\n\
        location / { authgear_resolve local; proxy_pass http://%BACKEND%; } }";
    Setup::new().http(server).run(|fixture| {
        let token = fixture.stand_in.jwt();
        let request = Request::get("/").bearer(&token.value);
        request.send(fixture.port_of(1)).assert_unavailable(503);
        std::fs::write(
            fixture.directory().join("html/keys.json"),
            padded_keys(&fixture.stand_in, 200),
        )
        .unwrap();
        soon("the file is read", || {
            request.send(fixture.port_of(1)).status == 200
        });
        request.send(fixture.port_of(1)).assert_user(&token.user);
    });
}

#[test]
fn a_token_waits_for_hanging_keys_only_so_long_and_is_then_asked_about() {
    fn hanging(stand_in: &StandIn) {
        stand_in.keys_fault(json!({"kind": "hang"}));
    }
    Setup::new().before(hanging).run(|fixture| {
        let token = fixture.stand_in.jwt();
        let begun = Instant::now();
        send(fixture, "/", &token.value).assert_user(&token.user);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        assert_eq!(fixture.stand_in.count().resolver, 1);
        fixture.stand_in.heal();
        soon("keys at last", || {
            fixture.stand_in.forget();
            send(fixture, "/", &token.value).status == 200 && fixture.stand_in.count().resolver == 0
        });
    });
}

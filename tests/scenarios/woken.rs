//! A request that waited has gone on before the word comes that would wake it: nothing is done twice.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use serde_json::json;

/// The backend takes half a second, so that a request is still under way when it would be woken again.
const SERVER: &str = "authgear_unavailable pass;\n\
    location /warm { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ''; }\n\
    location /slow { authgear_resolve on; proxy_pass http://kept/slow/500; proxy_http_version 1.1; proxy_set_header Connection ''; }\n\
    location /file { authgear_resolve on; root %DIR%; }";
const LARGE: usize = 20_000_000;

/// A worker that stands still until both the question's time and that of the request that waits for it are
/// over: when it goes on, it hears of both at once.
fn stalled(request: Vec<u8>, rest: &[u8], check: impl FnOnce(&Fixture, &mut Connection)) {
    Setup::new()
        .http("upstream kept { server %BACKEND%; keepalive 8; }")
        .server(SERVER)
        .run(|fixture| {
            fixture.await_keys();
            fs::write(fixture.directory().join("file"), vec![b'y'; LARGE]).expect("writing a large file");
            Request::get("/warm").send(fixture.port());
            fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
            fixture.stand_in.forget();
            let mut connection = Connection::open(fixture.port());
            connection.send_bytes(&request);
            soon("the resolver is asked", || fixture.stand_in.count().resolver == 1);
            let worker = fixture.nginx.workers()[0];
            signal(worker, "STOP");
            sleep(Duration::from_millis(6500));
            signal(worker, "CONT");
            sleep(Duration::from_millis(300));
            connection.send_bytes(rest);
            check(fixture, &mut connection);
        });
}

/// The backend was asked once, and nothing more is under way.
fn assert_once(fixture: &Fixture) {
    sleep(Duration::from_secs(1));
    let log = fixture.stand_in.backend_log();
    assert_eq!(log.len(), 1, "{log:?}");
}

#[test]
fn a_request_that_is_being_answered_is_not_sent_twice() {
    let request = Request::get("/slow").bearer("unknown").bytes();
    stalled(request, b"", |fixture, connection| {
        connection.answer().assert_anonymous();
        assert_once(fixture);
    });
}

#[test]
fn a_body_that_is_being_read_arrives_whole() {
    let all = Request::post("/slow", vec![b'x'; 3000]).bearer("unknown").bytes();
    let (first, rest) = all.split_at(all.len() - 2000);
    stalled(first.to_vec(), rest, |fixture, connection| {
        connection.answer().assert_anonymous();
        assert_once(fixture);
    });
}

#[test]
fn a_file_that_is_being_sent_is_sent_once() {
    let request = Request::get("/file").bearer("unknown").bytes();
    stalled(request, b"", |_, connection| {
        let answer = connection.answer();
        assert_eq!((answer.status, answer.body.len()), (200, LARGE));
        assert!(
            answer.body.bytes().all(|byte| byte == b'y'),
            "nothing but the file"
        );
    });
}

#[test]
fn what_follows_a_client_that_left_is_done_once() {
    Setup::new()
        .server(
            "location = /after { internal; authgear_resolve off; proxy_pass http://%BACKEND%/slow/2000; }\n\
             location /left { post_action /after; authgear_resolve on; proxy_pass http://%BACKEND%; }",
        )
        .run(|fixture| {
            fixture.await_keys();
            let opaque = fixture.stand_in.opaque();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 800}));
            fixture.stand_in.forget();
            let mut connection = Connection::open(fixture.port());
            connection.send(&Request::get("/left").bearer(&opaque.value));
            soon("the resolver is asked", || fixture.stand_in.count().resolver == 1);
            connection.leave();
            soon("the backend hears of it", || {
                !fixture.stand_in.backend_log().is_empty()
            });
            sleep(Duration::from_secs(1));
            assert_once(fixture);
        });
}

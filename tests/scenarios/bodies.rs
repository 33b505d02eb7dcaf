//! Bodies, pipelines and kept connections around a wait.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

const LARGE: usize = 2 << 20;

#[test]
fn a_body_of_two_megabytes_waits_for_the_answer_and_arrives_whole() {
    Setup::new()
        .server("client_max_body_size 1k; location / { client_max_body_size 4m; authgear_resolve on; proxy_pass http://%BACKEND%; }")
        .server("location /small { authgear_resolve on; proxy_pass http://%BACKEND%; }")
        .server("location /streamed { client_max_body_size 4m; proxy_request_buffering off; authgear_resolve on; proxy_pass http://%BACKEND%; }")
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.opaque();
            fixture.stand_in.resolver_fault(json!({"kind": "delay", "ms": 300}));
            for path in ["/", "/streamed"] {
                let answer = Request::post(path, vec![b'x'; LARGE]).bearer(&token.value).send(fixture.port());
                answer.assert_user(&token.user);
                assert!(answer.body.ends_with(&format!("\n\nbody-length: {LARGE}\n")), "{path}: {answer:?}");
            }
            let small = Request::post("/small", vec![b'x'; 4096]).bearer(&token.value).send(fixture.port());
            assert_eq!(small.status, 413, "{small:?}");
            let questions = fixture.stand_in.log();
            assert!(questions.iter().all(|entry| entry["body_length"] == 0 && entry["method"] == "GET"), "{questions:?}");
        });
}

#[test]
fn a_chunked_body_that_comes_slowly_arrives_whole() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture.stand_in.resolver_fault(json!({"kind": "delay", "ms": 200}));
        let mut connection = Connection::open(fixture.port());
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
            token.value
        );
        for round in 0..2 {
            connection.send_bytes(head.as_bytes());
            for _ in 0..8 {
                connection.send_bytes(format!("1000\r\n{}\r\n", "y".repeat(0x1000)).as_bytes());
                sleep(Duration::from_millis(50));
            }
            connection.send_bytes(b"0\r\n\r\n");
            let answer = connection.answer();
            answer.assert_user(&token.user);
            assert!(answer.body.contains(&format!("body-length: {}", 8 * 0x1000)), "{round}: {answer:?}");
        }
    });
}

#[test]
fn expect_continue_is_answered_after_the_wait() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 200}));
        let mut connection = Connection::open(fixture.port());
        let request = Request::post("/", b"hello".to_vec())
            .bearer(&token.value)
            .with("Expect", "100-continue")
            .bytes();
        let (head, body) = request.split_at(request.len() - 5);
        connection.send_bytes(head);
        sleep(Duration::from_millis(400));
        connection.send_bytes(body);
        connection.answer().assert_user(&token.user);
    });
}

#[test]
fn a_refused_body_leaves_the_connection_usable_or_closed() {
    Setup::new().server("client_max_body_size 4m;").run(|fixture| {
        fixture.await_keys();
        let [opaque, jwt] = [fixture.stand_in.opaque(), fixture.stand_in.jwt()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 500}));
        let mut connection = Connection::open(fixture.port());
        connection.send(&Request::post("/", vec![b'x'; LARGE]).bearer(&opaque.value));
        connection.answer().assert_unavailable(503);
        connection
            .ask(&Request::get("/").bearer(&jwt.value))
            .assert_user(&jwt.user);
    });
}

#[test]
fn pipelined_requests_are_answered_in_order_each_with_its_own_identity() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let [first, second] = [fixture.stand_in.opaque(), fixture.stand_in.opaque()];
        let [jwt, cookie] = [fixture.stand_in.jwt(), fixture.stand_in.session()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 100}));
        let mut connection = Connection::open(fixture.port());
        for _ in 0..3 {
            let requests = [
                Request::get("/anonymous"),
                request_with("/first", &first),
                request_with("/jwt", &jwt),
                Request::post("/second", b"0123456789".to_vec()).bearer(&second.value),
                Request::get("/dead").bearer("never-issued"),
                request_with("/cookie", &cookie),
                Request::get("/anonymous"),
            ];
            connection.send_bytes(&requests.iter().flat_map(Request::bytes).collect::<Vec<u8>>());
            connection.answer().assert_anonymous();
            connection.answer().assert_user(&first.user);
            connection.answer().assert_user(&jwt.user);
            connection.answer().assert_user(&second.user);
            connection.answer().assert_invalid();
            connection.answer().assert_user(&cookie.user);
            connection.answer().assert_anonymous();
        }
    });
}

#[test]
fn a_half_sent_next_request_does_not_disturb_a_waiting_one() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 400}));
        let mut connection = Connection::open(fixture.port());
        let mut bytes = Request::get("/").bearer(&token.value).bytes();
        bytes.extend(b"GET /next HT");
        connection.send_bytes(&bytes);
        sleep(Duration::from_millis(100));
        connection.send_bytes(b"TP/1.1\r\nHost: loc");
        connection.answer().assert_user(&token.user);
        connection.send_bytes(b"alhost\r\n\r\n");
        connection.answer().assert_anonymous();
    });
}

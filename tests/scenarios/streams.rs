//! HTTP/2: streams that wait beside streams that don't, and streams that are reset.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::h2::Streams;
use authgear_scenarios::nginx::has_old_http2;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use serde_json::json;

/// Where HTTP/2 is spoken: `%PORT1%`.
fn setup() -> Setup {
    let listen = if has_old_http2() {
        "listen 127.0.0.1:%PORT1% http2;"
    } else {
        "listen 127.0.0.1:%PORT1%; http2 on;"
    };
    Setup::new().http(&format!(
        "server {{ {listen} authgear_endpoint %ORIGIN%; include %DIR%/authgear.conf;\n\
         location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}"
    ))
}

#[test]
fn a_waiting_stream_holds_up_no_other() {
    setup().run(|fixture| {
        fixture.await_keys();
        let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1200}));
        let bearer = |token: &str| format!("Bearer {token}");
        let mut streams = Streams::open(fixture.port_of(1));
        let waiting = streams.get(
            "/slow-question",
            &[
                ("authorization", &bearer(&opaque.value)),
                ("x-authgear-user-id", "mallory"),
            ],
        );
        let forged = streams.get(
            "/jwt",
            &[
                ("x-authgear-user-id", "mallory"),
                ("authorization", &bearer(&jwt.value)),
            ],
        );
        let anonymous = streams.get("/", &[("x-authgear-session-valid", "true")]);
        let mut answers = [streams.next_answer(), streams.next_answer()];
        answers.sort_by_key(|(stream, _)| *stream);
        assert_eq!([answers[0].0, answers[1].0], [forged, anonymous]);
        answers[0].1.assert_user(&jwt.user);
        answers[1].1.assert_anonymous();
        let (stream, answer) = streams.next_answer();
        assert_eq!(stream, waiting);
        answer.assert_user(&opaque.user);
    });
}

#[test]
fn many_streams_of_one_connection_get_their_own_users() {
    setup().run(|fixture| {
        fixture.await_keys();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 100}));
        let mut streams = Streams::open(fixture.port_of(1));
        let tokens: Vec<_> = (0..40).map(|_| fixture.stand_in.opaque()).collect();
        let opened: Vec<u32> = tokens
            .iter()
            .map(|token| streams.get("/", &[("authorization", &format!("Bearer {}", token.value))]))
            .collect();
        for _ in &tokens {
            let (stream, answer) = streams.next_answer();
            let index = opened.iter().position(|known| *known == stream).unwrap();
            answer.assert_user(&tokens[index].user);
        }
    });
}

#[test]
fn a_stream_that_is_reset_while_it_waits_leaves_the_others_alone() {
    setup().run(|fixture| {
        fixture.await_keys();
        let [first, second] = [fixture.stand_in.opaque(), fixture.stand_in.opaque()];
        let bearer = |token: &str| format!("Bearer {token}");
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 800}));
        let mut streams = Streams::open(fixture.port_of(1));
        for _ in 0..3 {
            fixture.stand_in.forget();
            let mut waiting: Vec<u32> = Vec::new();
            for index in 0..30 {
                let token = if index % 2 == 0 { &first } else { &second };
                waiting.push(streams.get("/", &[("authorization", &bearer(&token.value))]));
            }
            soon("they ask", || fixture.stand_in.count().resolver >= 2);
            let (gone, staying) = waiting.split_at(20);
            for stream in gone {
                streams.reset(*stream);
            }
            for _ in staying {
                let (stream, answer) = streams.next_answer();
                assert!(staying.contains(&stream), "{stream} was reset");
                let token = if (stream / 2) % 2 == waiting[0] / 2 % 2 {
                    &first
                } else {
                    &second
                };
                answer.assert_user(&token.user);
            }
        }
        let last = streams.get("/", &[]);
        let (stream, answer) = streams.next_answer();
        assert_eq!(stream, last);
        answer.assert_anonymous();
    });
}

#[test]
fn a_connection_that_goes_with_its_waiting_streams_leaves_nothing() {
    setup().run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        for round in 0..5 {
            let mut streams = Streams::open(fixture.port_of(1));
            for index in 0..10 {
                streams.get(
                    "/",
                    &[("authorization", &format!("Bearer unknown{round}-{index}"))],
                );
            }
            sleep(Duration::from_millis(100));
        }
        fixture.await_quiet();
        fixture.stand_in.heal();
        let token = fixture.stand_in.opaque();
        soon("answers again", || {
            let mut streams = Streams::open(fixture.port_of(1));
            streams.get("/", &[("authorization", &format!("Bearer {}", token.value))]);
            streams.next_answer().1.status == 200
        });
    });
}

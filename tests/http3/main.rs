//! HTTP/3, where nginx has it: who is calling, what a client forges, and clients that leave while a question
//! about them is under way.

mod client;

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::certificate::Certificate;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use client::Client;
use serde_json::json;

const FORGED: [(&str, &str); 4] = [
    ("x-authgear-session-valid", "true"),
    ("x-authgear-user-id", "mallory"),
    ("x_authgear_user_id", "mallory"),
    ("x-authgear-user-roles", "admin"),
];

/// A second server that speaks HTTP/3 only, on `%PORT1%`. It gives a client that says nothing up after two
/// seconds.
fn over_http3(setup: Setup, scenario: impl FnOnce(&mut Fixture, &dyn Fn(&Fixture) -> Client)) {
    let certificate = Certificate::of("localhost");
    let server = format!(
        "server {{ listen 127.0.0.1:%PORT1% quic; {} keepalive_timeout 2s;\n\
         authgear_endpoint %ORIGIN%; include %DIR%/authgear.conf; underscores_in_headers on;\n\
         location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }}\n\
         location /off {{ proxy_pass http://%BACKEND%; }} }}",
        certificate.directives()
    );
    setup.http(&server).run(|fixture| {
        fixture.await_keys();
        scenario(fixture, &|fixture| Client::open(fixture.port_of(1), &certificate));
    });
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// That one is forged is never a reason not to be who one is.
fn with_forged<'h>(name: &'h str, value: &'h str) -> Vec<(&'h str, &'h str)> {
    let (first, last) = FORGED.split_at(2);
    [first, &[(name, value)], last].concat()
}

#[test]
fn the_backend_learns_who_is_calling_and_nothing_that_a_client_forged() {
    over_http3(Setup::new(), |fixture, open| {
        let mut client = open(fixture);
        let stand_in = &fixture.stand_in;
        let [jwt, opaque, session] = [stand_in.jwt(), stand_in.opaque(), stand_in.session()];
        for _ in 0..3 {
            for user in [&jwt, &opaque] {
                client
                    .get("/", &with_forged("authorization", &bearer(&user.value)))
                    .assert_user(&user.user);
            }
            client
                .get("/", &with_forged("cookie", &session.value))
                .assert_user(&session.user);
            client
                .get("/", &with_forged("authorization", "Bearer unknown"))
                .assert_invalid();
            client.get("/", &FORGED).assert_anonymous();
            client.get("/off", &FORGED).assert_anonymous();
        }
        let (body, token) = (vec![b'x'; 100_000], bearer(&opaque.value));
        client
            .ask("POST", "/", &with_forged("authorization", &token), &body)
            .assert_user(&opaque.user);
        client.leave();
    });
}

#[test]
fn a_waiting_stream_holds_up_no_other() {
    over_http3(Setup::new(), |fixture, open| {
        let mut client = open(fixture);
        let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1200}));
        let waiting = client.send("GET", "/", &[("authorization", &bearer(&opaque.value))], b"");
        soon("it is asked about", || fixture.stand_in.count().resolver == 1);
        let begun = std::time::Instant::now();
        client
            .get("/", &[("authorization", &bearer(&jwt.value))])
            .assert_user(&jwt.user);
        client.get("/", &[]).assert_anonymous();
        assert!(
            begun.elapsed() < Duration::from_millis(900),
            "they wait for nobody"
        );
        client.answer(waiting).assert_user(&opaque.user);
        client.leave();
    });
}

/// In each of three rounds ten streams wait for the resolver when `leave` takes their client away; the next
/// client is served.
fn leaves(leave: impl Fn(Client, Vec<client::Asked>)) {
    over_http3(Setup::new(), |fixture, open| {
        let workers = fixture.nginx.workers();
        let opaque = fixture.stand_in.opaque();
        for round in 0..3 {
            fixture.stand_in.forget();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 700}));
            let mut client = open(fixture);
            let asked = (0..10)
                .map(|index| {
                    // Some of them share a question.
                    let token = bearer(&format!("unknown{round}-{}", index % 4));
                    client.send("GET", "/", &[("authorization", &token)], b"")
                })
                .collect();
            soon("questions are under way", || {
                fixture.stand_in.count().resolver >= 4
            });
            leave(client, asked);
            let token = bearer(&opaque.value);
            let mut next = open(fixture);
            next.get("/", &[("authorization", &token)])
                .assert_user(&opaque.user);
            // The questions end with nobody left to hear them.
            sleep(Duration::from_millis(800));
            fixture.stand_in.heal();
            next.get("/", &[("authorization", &token)])
                .assert_user(&opaque.user);
            next.leave();
        }
        assert_eq!(fixture.nginx.workers(), workers, "no worker has died");
    });
}

#[test]
fn streams_that_are_reset_while_a_question_is_under_way_are_harmless() {
    leaves(|mut client, asked| {
        asked.into_iter().for_each(|asked| client.reset(asked));
        client.get("/", &[]).assert_anonymous();
        client.leave();
    });
}

#[test]
fn a_connection_that_is_closed_while_a_question_is_under_way_is_harmless() {
    leaves(|client, asked| {
        client.leave();
        drop(asked);
    });
}

#[test]
fn a_client_that_vanishes_while_a_question_is_under_way_is_harmless() {
    leaves(|client, asked| {
        client.vanish();
        drop(asked);
    });
}

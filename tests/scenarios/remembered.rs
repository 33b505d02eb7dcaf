//! `authgear_cache_valid`: a resolver's answer is used for its time, for exactly the question it was given
//! to.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::ALL_WORKERS;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

/// `/` remembers nothing. The rest of `/long...` differ in one member of a question's tuple each.
const LOCATIONS: &str = "authgear_cookie_prefix pre_;\n\
    location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /long { authgear_resolve on; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; }\n\
    location /long-remote { authgear_resolve remote; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; }\n\
    location /long-audience { authgear_resolve on; authgear_audience other; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; }\n\
    location /long-leeway { authgear_resolve on; authgear_leeway 5s; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; }\n\
    location /short { authgear_resolve on; authgear_cache_valid 2s; proxy_pass http://%BACKEND%; }\n\
    location /both { authgear_resolve on; authgear_cache_valid 60s invalid=2s; proxy_pass http://%BACKEND%; }\n\
    location /hand-on { authgear_resolve on; authgear_cache_valid 60s invalid=60s; authgear_pass_set_cookie on; proxy_pass http://%BACKEND%; }";
const SECOND: &str = "server { listen 127.0.0.1:%PORT0%; server_name second; authgear_endpoint %ORIGIN%; authgear_cookie_prefix pre_;\n\
    include %DIR%/authgear.conf; location / { authgear_resolve on; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; } }";
/// Longer than what `/short` and `/both` remember for two seconds.
const FORGOTTEN: Duration = Duration::from_millis(2300);

fn setup() -> Setup {
    Setup::new()
        .workers(2)
        .stand_in("--cookie-prefix")
        .stand_in("pre_")
        .stand_in("--cookie-domain")
        .stand_in("example.test")
        .server(ALL_WORKERS)
        .server(LOCATIONS)
        .http(SECOND)
}

fn asked(fixture: &Fixture) -> u64 {
    fixture.stand_in.count().resolver
}

fn use_as(fixture: &Fixture, path: &str, credential: &Credential, times: usize) {
    for _ in 0..times {
        request_with(path, credential)
            .send(fixture.port_of(1))
            .assert_user(&credential.user);
    }
}

#[test]
fn an_answer_is_remembered_by_all_workers_and_over_a_reload() {
    setup().run(|fixture| {
        fixture.await_keys();
        let credentials = [fixture.stand_in.opaque(), fixture.stand_in.session()];
        for credential in &credentials {
            use_as(fixture, "/long", credential, 20);
        }
        assert_eq!(asked(fixture), 2);
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for credential in &credentials {
            use_as(fixture, "/long", credential, 20);
        }
        fixture.stand_in.heal();
        for (index, credential) in credentials.iter().enumerate() {
            use_as(fixture, "/", credential, 3);
            let so_far = 2 + 3 * (u64::try_from(index).unwrap() + 1);
            assert_eq!(asked(fixture), so_far, "where nothing is remembered, each asks");
        }
    });
}

#[test]
fn an_answer_is_remembered_no_longer_than_its_location_says() {
    setup().run(|fixture| {
        fixture.await_keys();
        let credentials = [fixture.stand_in.opaque(), fixture.stand_in.session()];
        for credential in &credentials {
            use_as(fixture, "/short", credential, 3);
            use_as(fixture, "/long", credential, 3);
            fixture.stand_in.revoke(credential);
        }
        sleep(FORGOTTEN);
        for credential in &credentials {
            // The longer time of another location is not this one's.
            request_with("/short", credential)
                .send(fixture.port())
                .assert_invalid();
            request_with("/", credential)
                .send(fixture.port())
                .assert_invalid();
        }
    });
}

#[test]
fn a_no_is_remembered_only_as_long_as_invalid_says() {
    setup().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture.stand_in.change(&token.user, &json!({"barred": true}));
        for _ in 0..5 {
            request_with("/long", &token)
                .send(fixture.port())
                .assert_invalid();
        }
        assert_eq!(asked(fixture), 5, "without invalid= no is remembered");
        for _ in 0..10 {
            request_with("/both", &token)
                .send(fixture.port())
                .assert_invalid();
        }
        assert!(
            asked(fixture) <= 7,
            "ten requests came to {} questions",
            asked(fixture) - 5
        );
        fixture.stand_in.change(&token.user, &json!({"barred": false}));
        sleep(FORGOTTEN);
        use_as(fixture, "/both", &token, 1);
        use_as(fixture, "/long", &token, 1);
    });
}

#[test]
fn a_remembered_answer_counts_for_no_other_policy_and_no_other_server() {
    setup().run(|fixture| {
        fixture.await_keys();
        let credentials = [fixture.stand_in.opaque(), fixture.stand_in.session()];
        let places = [
            ("localhost", "/long"),
            ("localhost", "/long-remote"),
            ("localhost", "/long-audience"),
            ("localhost", "/long-leeway"),
            ("second", "/"),
        ];
        for credential in &credentials {
            for (host, path) in places {
                fixture.stand_in.forget();
                for _ in 0..4 {
                    request_with(path, credential)
                        .with("Host", host)
                        .send(fixture.port())
                        .assert_user(&credential.user);
                }
                assert_eq!(asked(fixture), 1, "{host} {path}");
            }
        }
    });
}

#[test]
fn remembered_answers_are_never_mixed_and_nobody_inherits_one() {
    setup().run(|fixture| {
        fixture.await_keys();
        let cookie_of = |kind: &str| {
            let made = fixture
                .stand_in
                .control("POST", "/sessions", &json!({"kind": kind}));
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (text(&made["cookie"]), text(&made["user"]["id"]))
        };
        let (sessions, apps): (Vec<_>, Vec<_>) = (0..12)
            .map(|_| (cookie_of("session"), cookie_of("app_session")))
            .unzip();
        let opaque: Vec<Credential> = (0..12).map(|_| fixture.stand_in.opaque()).collect();
        let send = |request: Request, user: &str| request.send(fixture.port()).assert_user(user);
        for round in 0..3 {
            for index in 0..12 {
                let (session, session_user) = &sessions[index];
                let (app, app_user) = &apps[(index + round) % 12];
                let bearer = &opaque[(index * 5 + round) % 12];
                let both = format!("{session}; {app}");
                // The server's order: bearer, app_session, session.
                send(Request::get("/both").with("Cookie", session), session_user);
                send(Request::get("/both").with("Cookie", &both), app_user);
                send(Request::get("/both").with("Cookie", app), app_user);
                send(request_with("/both", bearer).with("Cookie", &both), &bearer.user);
                Request::get("/both").send(fixture.port()).assert_anonymous();
                Request::get("/both")
                    .with("Cookie", "theme=dark")
                    .send(fixture.port())
                    .assert_anonymous();
            }
        }
    });
}

#[test]
fn an_answer_to_two_credentials_is_no_answer_to_one_of_them() {
    setup().run(|fixture| {
        fixture.await_keys();
        let (dead, session) = (fixture.stand_in.opaque(), fixture.stand_in.session());
        fixture.stand_in.revoke(&dead);
        let beside = request_with("/both", &dead).with("Cookie", &session.value);
        for _ in 0..3 {
            beside.send(fixture.port()).assert_user(&session.user);
            request_with("/both", &dead).send(fixture.port()).assert_invalid();
            use_as(fixture, "/both", &session, 1);
        }
    });
}

#[test]
fn what_is_not_sent_to_the_resolver_is_no_part_of_the_question() {
    setup().run(|fixture| {
        fixture.await_keys();
        let session = fixture.stand_in.session();
        for index in 0..10 {
            Request::get("/long")
                .with(
                    "Cookie",
                    &format!("theme=t{index}; {}; basket={index}", session.value),
                )
                .with("User-Agent", &format!("agent {index}"))
                .with("X-Forwarded-For", &format!("203.0.113.{index}"))
                .send(fixture.port())
                .assert_user(&session.user);
        }
        assert_eq!(asked(fixture), 1, "it is one question, whoever asks it");
    });
}

#[test]
fn a_set_cookie_is_handed_on_by_those_who_waited_and_never_from_memory() {
    setup().run(|fixture| {
        fixture.await_keys();
        let request = Request::get("/hand-on").with("Cookie", "pre_session=never-issued");
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 500}));
        let mut connections: Vec<Connection> = (0..10).map(|_| Connection::open(fixture.port())).collect();
        connections
            .iter_mut()
            .for_each(|connection| connection.send(&request));
        let mut with = 0;
        for connection in &mut connections {
            let answer = connection.answer();
            answer.assert_invalid();
            with += usize::from(answer.header("set-cookie").is_some());
        }
        assert!(with >= 1, "whoever waited for the answer gets its cookie");
        let before = asked(fixture);
        for _ in 0..10 {
            let answer = request.send(fixture.port());
            answer.assert_invalid();
            assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
        }
        assert_eq!(asked(fixture), before);
    });
}

#[test]
fn an_answer_about_a_token_is_not_remembered_past_the_tokens_end() {
    setup().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.token(&json!({"lifetime": 5}));
        let request = request_with("/long-remote", &token);
        use_as(fixture, "/long-remote", &token, 5);
        assert_eq!(asked(fixture), 1);
        soon("it ends", || request.send(fixture.port()).ours().len() == 1);
        for _ in 0..6 {
            request.send(fixture.port()).assert_invalid();
        }
    });
}

#[test]
fn no_verdict_is_never_remembered() {
    setup().run(|fixture| {
        fixture.await_keys();
        let faults = [json!({"kind": "status", "status": 403}), json!({"kind": "close"})];
        for fault in faults {
            for credential in [fixture.stand_in.opaque(), fixture.stand_in.session()] {
                let request = request_with("/hand-on", &credential);
                fixture.stand_in.resolver_fault(fault.clone());
                request.send(fixture.port()).assert_unavailable(503);
                fixture.stand_in.heal();
                request.send(fixture.port()).assert_user(&credential.user);
            }
        }
    });
}

#[test]
fn a_session_with_very_many_roles_is_told_in_full_from_memory_too() {
    setup().run(|fixture| {
        fixture.await_keys();
        let roles: Vec<String> = (0..120)
            .map(|index| format!("role-number-{index:04}-of"))
            .collect();
        let told = roles.join(",");
        for wish in [json!({"jwt": false}), json!({})] {
            let user = fixture.stand_in.user(&json!({"roles": roles}));
            let mut wish = wish;
            wish["user"] = json!(user);
            let token = fixture.stand_in.token(&wish);
            for path in ["/long", "/long-remote", "/both"] {
                for _ in 0..6 {
                    let answer = request_with(path, &token).send(fixture.port());
                    answer.assert_user(&user);
                    assert_eq!(answer.seen("x-authgear-user-roles"), [told.as_str()]);
                }
            }
        }
    });
}

#[test]
fn many_requests_ask_once_a_worker_and_then_nobody_asks() {
    setup().run(|fixture| {
        fixture.await_keys();
        let session = fixture.stand_in.session();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 600}));
        for _ in 0..3 {
            let mut connections: Vec<Connection> =
                (0..60).map(|_| Connection::open(fixture.port())).collect();
            for connection in &mut connections {
                connection.send(&request_with("/long", &session));
            }
            for connection in &mut connections {
                connection.answer().assert_user(&session.user);
            }
        }
        assert!((1..=2).contains(&asked(fixture)), "{} questions", asked(fixture));
    });
}

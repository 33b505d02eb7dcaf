//! `authgear_cache_valid`: a resolver's answer is used for its time, for exactly the question it was given
//! to.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use authgear_scenarios::steady::ALL_WORKERS;
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

fn plan() -> Plan {
    Plan::new()
        .workers(2)
        .stand_in("--cookie-prefix")
        .stand_in("pre_")
        .stand_in("--cookie-domain")
        .stand_in("example.test")
        .server(ALL_WORKERS)
        .server(LOCATIONS)
        .http(SECOND)
}

fn asked(scene: &Scene) -> u64 {
    scene.stand_in.count().resolver
}

fn use_as(scene: &Scene, path: &str, credential: &Credential, times: usize) {
    for _ in 0..times {
        request_with(path, credential)
            .send(scene.port_of(1))
            .assert_user(&credential.user);
    }
}

#[test]
fn an_answer_is_remembered_by_all_workers_and_over_a_reload() {
    plan().play(|scene| {
        scene.await_keys();
        let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
        for credential in &credentials {
            use_as(scene, "/long", credential, 20);
        }
        assert_eq!(asked(scene), 2);
        scene.nginx.reload();
        scene.nginx.await_workers(2, Duration::from_secs(10));
        scene.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for credential in &credentials {
            use_as(scene, "/long", credential, 20);
        }
        scene.stand_in.heal();
        for (index, credential) in credentials.iter().enumerate() {
            use_as(scene, "/", credential, 3);
            let so_far = 2 + 3 * (u64::try_from(index).unwrap() + 1);
            assert_eq!(asked(scene), so_far, "where nothing is remembered, each asks");
        }
    });
}

#[test]
fn an_answer_is_remembered_no_longer_than_its_location_says() {
    plan().play(|scene| {
        scene.await_keys();
        let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
        for credential in &credentials {
            use_as(scene, "/short", credential, 3);
            use_as(scene, "/long", credential, 3);
            scene.stand_in.revoke(credential);
        }
        sleep(FORGOTTEN);
        for credential in &credentials {
            // The longer time of another location is not this one's.
            request_with("/short", credential)
                .send(scene.port())
                .assert_invalid();
            request_with("/", credential).send(scene.port()).assert_invalid();
        }
    });
}

#[test]
fn a_no_is_remembered_only_as_long_as_invalid_says() {
    plan().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene.stand_in.change(&token.user, &json!({"barred": true}));
        for _ in 0..5 {
            request_with("/long", &token).send(scene.port()).assert_invalid();
        }
        assert_eq!(asked(scene), 5, "without invalid= no is remembered");
        for _ in 0..10 {
            request_with("/both", &token).send(scene.port()).assert_invalid();
        }
        assert!(
            asked(scene) <= 7,
            "ten requests came to {} questions",
            asked(scene) - 5
        );
        scene.stand_in.change(&token.user, &json!({"barred": false}));
        sleep(FORGOTTEN);
        use_as(scene, "/both", &token, 1);
        use_as(scene, "/long", &token, 1);
    });
}

#[test]
fn a_remembered_answer_counts_for_no_other_policy_and_no_other_server() {
    plan().play(|scene| {
        scene.await_keys();
        let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
        let places = [
            ("localhost", "/long"),
            ("localhost", "/long-remote"),
            ("localhost", "/long-audience"),
            ("localhost", "/long-leeway"),
            ("second", "/"),
        ];
        for credential in &credentials {
            for (host, path) in places {
                scene.stand_in.forget();
                for _ in 0..4 {
                    request_with(path, credential)
                        .with("Host", host)
                        .send(scene.port())
                        .assert_user(&credential.user);
                }
                assert_eq!(asked(scene), 1, "{host} {path}");
            }
        }
    });
}

#[test]
fn remembered_answers_are_never_mixed_and_nobody_inherits_one() {
    plan().play(|scene| {
        scene.await_keys();
        let cookie_of = |kind: &str| {
            let made = scene
                .stand_in
                .control("POST", "/sessions", &json!({"kind": kind}));
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (text(&made["cookie"]), text(&made["user"]["id"]))
        };
        let (sessions, apps): (Vec<_>, Vec<_>) = (0..12)
            .map(|_| (cookie_of("session"), cookie_of("app_session")))
            .unzip();
        let opaque: Vec<Credential> = (0..12).map(|_| scene.stand_in.opaque()).collect();
        let send = |request: Request, user: &str| request.send(scene.port()).assert_user(user);
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
                Request::get("/both").send(scene.port()).assert_anonymous();
                Request::get("/both")
                    .with("Cookie", "theme=dark")
                    .send(scene.port())
                    .assert_anonymous();
            }
        }
    });
}

#[test]
fn an_answer_to_two_credentials_is_no_answer_to_one_of_them() {
    plan().play(|scene| {
        scene.await_keys();
        let (dead, session) = (scene.stand_in.opaque(), scene.stand_in.session());
        scene.stand_in.revoke(&dead);
        let beside = request_with("/both", &dead).with("Cookie", &session.value);
        for _ in 0..3 {
            beside.send(scene.port()).assert_user(&session.user);
            request_with("/both", &dead).send(scene.port()).assert_invalid();
            use_as(scene, "/both", &session, 1);
        }
    });
}

#[test]
fn what_is_not_sent_to_the_resolver_is_no_part_of_the_question() {
    plan().play(|scene| {
        scene.await_keys();
        let session = scene.stand_in.session();
        for index in 0..10 {
            Request::get("/long")
                .with(
                    "Cookie",
                    &format!("theme=t{index}; {}; basket={index}", session.value),
                )
                .with("User-Agent", &format!("agent {index}"))
                .with("X-Forwarded-For", &format!("203.0.113.{index}"))
                .send(scene.port())
                .assert_user(&session.user);
        }
        assert_eq!(asked(scene), 1, "it is one question, whoever asks it");
    });
}

#[test]
fn a_set_cookie_is_handed_on_by_those_who_waited_and_never_from_memory() {
    plan().play(|scene| {
        scene.await_keys();
        let request = Request::get("/hand-on").with("Cookie", "pre_session=never-issued");
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 500}));
        let mut herd: Vec<Connection> = (0..10).map(|_| Connection::open(scene.port())).collect();
        herd.iter_mut().for_each(|connection| connection.send(&request));
        let mut with = 0;
        for connection in &mut herd {
            let answer = connection.answer();
            answer.assert_invalid();
            with += usize::from(answer.header("set-cookie").is_some());
        }
        assert!(with >= 1, "whoever waited for the answer gets its cookie");
        let before = asked(scene);
        for _ in 0..10 {
            let answer = request.send(scene.port());
            answer.assert_invalid();
            assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
        }
        assert_eq!(asked(scene), before);
    });
}

#[test]
fn an_answer_about_a_token_is_not_remembered_past_the_tokens_end() {
    plan().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.token(&json!({"lifetime": 5}));
        let request = request_with("/long-remote", &token);
        use_as(scene, "/long-remote", &token, 5);
        assert_eq!(asked(scene), 1);
        soon("it ends", || request.send(scene.port()).ours().len() == 1);
        for _ in 0..6 {
            request.send(scene.port()).assert_invalid();
        }
    });
}

#[test]
fn no_verdict_is_never_remembered() {
    plan().play(|scene| {
        scene.await_keys();
        let faults = [json!({"kind": "status", "status": 403}), json!({"kind": "close"})];
        for fault in faults {
            for credential in [scene.stand_in.opaque(), scene.stand_in.session()] {
                let request = request_with("/hand-on", &credential);
                scene.stand_in.resolver_fault(fault.clone());
                request.send(scene.port()).assert_unavailable(503);
                scene.stand_in.heal();
                request.send(scene.port()).assert_user(&credential.user);
            }
        }
    });
}

#[test]
fn a_session_with_very_many_roles_is_told_in_full_from_memory_too() {
    plan().play(|scene| {
        scene.await_keys();
        let roles: Vec<String> = (0..120)
            .map(|index| format!("role-number-{index:04}-of"))
            .collect();
        let told = roles.join(",");
        for wish in [json!({"jwt": false}), json!({})] {
            let user = scene.stand_in.user(&json!({"roles": roles}));
            let mut wish = wish;
            wish["user"] = json!(user);
            let token = scene.stand_in.token(&wish);
            for path in ["/long", "/long-remote", "/both"] {
                for _ in 0..6 {
                    let answer = request_with(path, &token).send(scene.port());
                    answer.assert_user(&user);
                    assert_eq!(answer.seen("x-authgear-user-roles"), [told.as_str()]);
                }
            }
        }
    });
}

#[test]
fn a_herd_asks_once_a_worker_and_then_nobody_asks() {
    plan().play(|scene| {
        scene.await_keys();
        let session = scene.stand_in.session();
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 600}));
        for _ in 0..3 {
            let mut herd: Vec<Connection> = (0..60).map(|_| Connection::open(scene.port())).collect();
            for connection in &mut herd {
                connection.send(&request_with("/long", &session));
            }
            for connection in &mut herd {
                connection.answer().assert_user(&session.user);
            }
        }
        assert!((1..=2).contains(&asked(scene)), "{} questions", asked(scene));
    });
}

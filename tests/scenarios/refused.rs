//! What the resolver says of a token alone, row by row, and what becomes of the request: ended, barred,
//! another user, yes again.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{
    prove, use_until, use_until_invalid, use_until_roles, use_until_valid, with_roles, ALL_WORKERS, AT_ONCE,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

const FAST: &str =
    "location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }";
/// Longer than the interval of `/fast`.
const AN_INTERVAL: Duration = Duration::from_millis(1200);

fn run(scenario: impl FnOnce(&Fixture)) {
    Setup::new().workers(2).server(FAST).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/fast");
        scenario(fixture);
    });
}

fn assert_logged(fixture: &Fixture, reason: &str) {
    let line = format!("authgear: credential refused: {reason}");
    assert!(fixture.nginx.log().contains(&line), "the log has no {line:?}");
}

/// A token in use, with another user's live session beside it.
fn beside(path: &str, token: &Credential, session: &Credential) -> Request {
    request_with(path, token).with("Cookie", &format!("{}; theme=dark", session.value))
}

#[test]
fn a_revoked_session_is_noticed_within_the_interval_while_no_request_waits() {
    run(|fixture| {
        let token = fixture.stand_in.jwt();
        request_with("/fast", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        fixture.stand_in.revoke(&token);
        let used = use_until_invalid(fixture, "/fast", &token);
        assert!(used.slowest < AT_ONCE, "a request waited {:?}", used.slowest);
        assert!(
            used.took < Duration::from_secs(6),
            "noticed after {:?}",
            used.took
        );
        assert_logged(fixture, "session_ended");
    });
}

#[test]
fn each_way_in_which_a_session_ends_is_noticed_and_a_bearer_is_refused_everywhere() {
    run(|fixture| {
        let stand_in = &fixture.stand_in;
        for way in ["revoked", "disabled", "deleted", "signed out everywhere"] {
            let token = stand_in.jwt();
            use_until_valid(fixture, "/fast", &token);
            match way {
                "revoked" => stand_in.revoke(&token),
                "disabled" => stand_in.change(&token.user, &json!({"disabled": true})),
                "deleted" => stand_in.change(&token.user, &json!({"deleted": true})),
                _ => {
                    let path = format!("/users/{}/revoke-all", token.user);
                    stand_in.control("POST", &path, &json!({}));
                }
            }
            use_until_invalid(fixture, "/fast", &token);
            // Within the interval and after it, in this location and in one that would not have asked yet.
            for path in ["/", "/fast", "/"] {
                request_with(path, &token).send(fixture.port()).assert_invalid();
            }
            sleep(AN_INTERVAL);
            for path in ["/fast", "/"] {
                request_with(path, &token).send(fixture.port()).assert_invalid();
            }
            println!("{way}: noticed");
        }
        assert_logged(fixture, "session_ended");
    });
}

#[test]
fn a_barred_user_is_refused_and_let_in_again_after_an_interval() {
    run(|fixture| {
        let token = with_roles(fixture, 0, &["admin"]);
        use_until_roles(fixture, "/fast", &token, &["admin"]);
        fixture.stand_in.change(&token.user, &json!({"barred": true}));
        use_until_invalid(fixture, "/fast", &token);
        assert_logged(fixture, "user_barred");
        fixture
            .stand_in
            .change(&token.user, &json!({"barred": false, "roles": ["reader"]}));
        let used = use_until_valid(fixture, "/fast", &token);
        assert_eq!(used.last.seen("x-authgear-user-roles"), ["reader"]);
        fixture.stand_in.change(&token.user, &json!({"barred": true}));
        use_until_invalid(fixture, "/fast", &token);
    });
}

#[test]
fn an_ended_token_beside_another_users_live_session_is_that_users() {
    run(|fixture| {
        let (token, session) = (fixture.stand_in.jwt(), fixture.stand_in.session());
        let request = beside("/fast", &token, &session);
        request.send(fixture.port()).assert_user(&token.user);
        fixture.stand_in.forget();
        fixture.stand_in.revoke(&token);
        use_until(
            fixture,
            &request,
            "the evaluation goes on to the other's session",
            |answer| {
                let theirs = answer.seen("x-authgear-user-id") == [session.user.as_str()];
                answer.assert_user(if theirs { &session.user } else { &token.user });
                theirs
            },
        );
        sleep(AN_INTERVAL);
        for _ in 0..3 {
            request.send(fixture.port()).assert_user(&session.user);
        }
        let questions = fixture.stand_in.questions();
        assert!(questions.len() >= 2);
        for question in questions {
            let (bearer, cookie) = (question.get("authorization"), question.get("cookie"));
            match (bearer, cookie) {
                // Alone, or beside a made-up cookie.
                (Some(bearer), cookie) if cookie != Some(&session.value) => {
                    assert_eq!(*bearer, format!("Bearer {}", token.value));
                }
                (None, Some(cookie)) => assert_eq!(*cookie, session.value),
                _ => panic!("one question about two users: {question:?}"),
            }
        }
    });
}

#[test]
fn a_barred_users_token_stops_the_evaluation_before_another_users_session() {
    run(|fixture| {
        let (token, session) = (fixture.stand_in.jwt(), fixture.stand_in.session());
        let request = beside("/fast", &token, &session);
        request.send(fixture.port()).assert_user(&token.user);
        fixture.stand_in.forget();
        fixture.stand_in.change(&token.user, &json!({"barred": true}));
        let used = use_until(fixture, &request, "the user is barred", |answer| {
            let invalid = answer.ours().len() == 1;
            if !invalid {
                answer.assert_user(&token.user);
            }
            invalid
        });
        used.last.assert_invalid();
        sleep(AN_INTERVAL);
        for _ in 0..3 {
            request.send(fixture.port()).assert_invalid();
        }
        let carried = fixture.stand_in.questions();
        assert!(
            carried.iter().all(|question| !question.contains_key("cookie")),
            "the other's session was asked about: {carried:?}"
        );
    });
}

#[test]
fn an_ended_token_without_anything_beside_it_asks_nothing_more_within_the_interval() {
    let long =
        "location /long { authgear_resolve on; authgear_revalidate 40s; proxy_pass http://%BACKEND%; }";
    Setup::new()
        .workers(2)
        .server(ALL_WORKERS)
        .server(long)
        .run(|fixture| {
            fixture.await_keys();
            prove(fixture, "/long");
            let token = fixture.stand_in.aged(60);
            fixture.stand_in.revoke(&token);
            use_until_invalid(fixture, "/long", &token);
            fixture.stand_in.forget();
            for _ in 0..30 {
                request_with("/long", &token)
                    .send(fixture.port_of(1))
                    .assert_invalid();
            }
            assert_eq!(
                fixture.stand_in.count().resolver,
                0,
                "what is known is known to all workers"
            );
        });
}

#[test]
fn what_is_known_of_a_bearer_token_is_known_of_it_in_a_cookie() {
    run(|fixture| {
        let [ended, barred] = [fixture.stand_in.jwt(), fixture.stand_in.jwt()];
        let session = fixture.stand_in.session();
        for token in [&ended, &barred] {
            use_until_valid(fixture, "/fast", token);
        }
        fixture.stand_in.revoke(&ended);
        fixture.stand_in.change(&barred.user, &json!({"barred": true}));
        for token in [&ended, &barred] {
            use_until_invalid(fixture, "/fast", token);
        }
        fixture.stand_in.forget();
        let in_cookie = |token: &Credential, more: &str| {
            let line = format!("app_access_token={}{more}", token.value);
            Request::get("/").with("Cookie", &line).send(fixture.port())
        };
        in_cookie(&ended, "").assert_invalid();
        in_cookie(&barred, "").assert_invalid();
        assert_eq!(fixture.stand_in.count().resolver, 0);
        let beside = format!("; {}", session.value);
        in_cookie(&ended, &beside).assert_user(&session.user);
        in_cookie(&barred, &beside).assert_invalid();
    });
}

#[test]
fn an_answer_about_another_user_ends_the_token_and_is_told_in_the_log() {
    run(|fixture| {
        let token = fixture.stand_in.jwt();
        request_with("/fast", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        let swapped = json!({"kind": "headers", "headers": {"x-authgear-user-id": "somebody-else"}});
        fixture.stand_in.resolver_fault(swapped);
        use_until_invalid(fixture, "/fast", &token);
        let log = fixture.nginx.log();
        let line = log
            .lines()
            .find(|line| line.contains("authgear") && line.contains("another user"))
            .expect("a line about it");
        assert!(line.contains("[error]"), "{line}");
        assert!(!log.contains("somebody-else"), "the log names a user");
        fixture.stand_in.heal();
        use_until_valid(fixture, "/fast", &token);
    });
}

#[test]
fn after_its_interval_a_no_is_asked_about_first_once_for_all() {
    run(|fixture| {
        let token = fixture.stand_in.jwt();
        use_until_valid(fixture, "/fast", &token);
        fixture.stand_in.change(&token.user, &json!({"barred": true}));
        use_until_invalid(fixture, "/fast", &token);
        for healed in [false, true] {
            sleep(AN_INTERVAL);
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 700}));
            fixture.stand_in.change(&token.user, &json!({"barred": !healed}));
            fixture.stand_in.forget();
            let mut connections: Vec<Connection> =
                (0..60).map(|_| Connection::open(fixture.port())).collect();
            for connection in &mut connections {
                connection.send(&request_with("/fast", &token));
            }
            for connection in &mut connections {
                match healed {
                    true => connection.answer().assert_user(&token.user),
                    false => connection.answer().assert_invalid(),
                }
            }
            let asked = fixture.stand_in.count().resolver;
            assert!((1..=2).contains(&asked), "once a worker, not {asked} times");
        }
    });
}

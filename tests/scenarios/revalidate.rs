//! `authgear_revalidate`: served at once, asked about in the background, asked about first beyond `max`.
//!
//! A token's age is chosen by its `iat`, so that it is due when the scenario wants it to be and not when time
//! has passed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::repeated_use::{
    await_questions, prove, use_until_roles, with_roles, ALL_WORKERS, AT_ONCE, HEARD,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with};
use serde_json::json;

/// Long intervals in `/`, short ones in `/fast`, none in `/off` and `/local`.
const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=3s; proxy_pass http://%BACKEND%; }\n\
    location /off { authgear_resolve on; authgear_revalidate off; proxy_pass http://%BACKEND%; }\n\
    location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }";
/// After this the zone is older than `max` of `/bound`.
const OLDER_THAN_MAX: Duration = Duration::from_millis(3300);

#[test]
fn a_due_token_is_served_at_once_and_asked_about_once() {
    Setup::new()
        .workers(2)
        .server(ALL_WORKERS)
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.aged(120);
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 2000}));
            for _ in 0..20 {
                let sent = Instant::now();
                request_with("/", &token)
                    .send(fixture.port_of(1))
                    .assert_user(&token.user);
                assert!(sent.elapsed() < AT_ONCE, "a request waited {:?}", sent.elapsed());
            }
            soon("it is asked about", || fixture.stand_in.count().resolver > 0);
            // The answer has come, and confirms it for a minute, to both workers.
            sleep(Duration::from_millis(2500));
            let asked = fixture.stand_in.count().resolver;
            assert!(asked <= 2, "once a worker at most, not {asked} times");
            for _ in 0..20 {
                request_with("/", &token)
                    .send(fixture.port_of(1))
                    .assert_user(&token.user);
            }
            sleep(HEARD);
            assert_eq!(
                fixture.stand_in.count().resolver,
                asked,
                "a confirmed token is not due"
            );
        });
}

#[test]
fn a_question_about_a_token_carries_it_alone_and_shows_who_asked() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let [bearer, cookie] = [fixture.stand_in.aged(120), fixture.stand_in.aged(120)];
        let others = [fixture.stand_in.session(), fixture.stand_in.opaque()];
        let line = format!("{}; theme=dark", others[0].value);
        let requests = [
            Request::get("/")
                .bearer(&bearer.value)
                .with("Cookie", &format!("app_session={}; {line}", others[1].value)),
            Request::get("/").with("Cookie", &format!("app_access_token={}; {line}", cookie.value)),
        ];
        for (request, token) in requests.into_iter().zip([&bearer, &cookie]) {
            let request = request
                .with("User-Agent", "the asker's own")
                .with("X-Forwarded-For", "203.0.113.9")
                .with("X-Application", "private");
            fixture.stand_in.forget();
            let mut connection = Connection::open_from("127.0.0.77", fixture.port());
            connection.ask(&request).assert_user(&token.user);
            await_questions(fixture, 1);
            let questions = fixture.stand_in.questions();
            assert_eq!(questions.len(), 1);
            let said = |name: &str| questions[0].get(name).map(String::as_str);
            assert_eq!(
                said("authorization"),
                Some(format!("Bearer {}", token.value).as_str())
            );
            assert_eq!(said("cookie"), None, "another's session goes with no token");
            assert_eq!(said("user-agent"), Some("the asker's own"));
            assert_eq!(said("x-forwarded-for"), Some("203.0.113.9, 127.0.0.77"));
            assert_eq!(said("x-application"), None);
        }
    });
}

#[test]
fn a_fresh_token_is_asked_about_by_nobody() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        for token in [fixture.stand_in.jwt(), fixture.stand_in.aged(20)] {
            for _ in 0..20 {
                request_with("/", &token)
                    .send(fixture.port())
                    .assert_user(&token.user);
            }
        }
        sleep(HEARD);
        assert_eq!(fixture.stand_in.count().resolver, 0);
    });
}

#[test]
fn where_revalidation_is_off_or_judgement_local_nothing_is_ever_asked_about_a_token() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let wish = json!({"iat": now() - 30_000, "lifetime": 36_000, "register": false});
        let token = fixture.stand_in.token(&wish);
        sleep(OLDER_THAN_MAX);
        for path in ["/off", "/local"] {
            for _ in 0..5 {
                request_with(path, &token)
                    .send(fixture.port())
                    .assert_user(&token.user);
            }
        }
        sleep(HEARD);
        assert_eq!(fixture.stand_in.count().resolver, 0);
    });
}

#[test]
fn a_token_in_steady_use_is_asked_about_once_an_interval_by_all_workers_together() {
    Setup::new()
        .workers(4)
        .server(ALL_WORKERS)
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.aged(120);
            // Slow, so that the other workers meet it while a question is under way.
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 200}));
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(5) {
                request_with("/fast", &token)
                    .send(fixture.port_of(1))
                    .assert_user(&token.user);
                sleep(Duration::from_millis(15));
            }
            let asked = fixture.stand_in.count().resolver;
            // 5 s are 5 to 7 intervals of 0.8 to 1 s. Each of four workers alone would come to 20.
            assert!((3..=9).contains(&asked), "asked {asked} times in 5 s");
        });
}

#[test]
fn the_resolvers_yes_replaces_all_that_the_claims_said() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let user = fixture.stand_in.user(&json!({"roles": ["admin"]}));
        let wish = json!({"user": user, "iat": now() - 120, "claims": {"acr": "urn:strong", "amr": ["mfa"]}});
        let token = fixture.stand_in.token(&wish);
        fixture
            .stand_in
            .change(&user, &json!({"roles": ["reader"], "verified": true}));
        let request = request_with("/", &token);
        let by_claims = request.send(fixture.port());
        by_claims.assert_user(&user);
        assert_eq!(by_claims.seen("x-authgear-session-acr"), ["urn:strong"]);
        assert_eq!(by_claims.seen("x-authgear-session-amr"), ["mfa"]);
        assert_eq!(by_claims.seen("x-authgear-user-verified"), ["false"]);
        let used = use_until_roles(fixture, "/", &token, &["reader"]);
        assert_eq!(used.last.seen("x-authgear-user-verified"), ["true"]);
        assert!(used.last.seen("x-authgear-session-acr").is_empty());
        assert!(used.last.seen("x-authgear-session-amr").is_empty());
    });
}

#[test]
fn a_role_taken_and_a_role_given_are_noticed_while_in_use_and_nobody_waits() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = with_roles(fixture, 0, &["admin", "editor"]);
        use_until_roles(fixture, "/fast", &token, &["admin,editor"]);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        let steps: [(&[&str], &[&str]); 3] = [
            (&["editor"], &["editor"]),
            (&[], &[]),
            (&["support", "admin"], &["support,admin"]),
        ];
        for (roles, told) in steps {
            fixture.stand_in.change(&token.user, &json!({"roles": roles}));
            let used = use_until_roles(fixture, "/fast", &token, told);
            assert!(used.slowest < AT_ONCE, "a request waited {:?}", used.slowest);
        }
    });
}

#[test]
fn beyond_max_the_question_comes_first_and_many_requests_share_it() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/bound");
        sleep(OLDER_THAN_MAX);
        let good = fixture.stand_in.aged(60);
        let ended = fixture
            .stand_in
            .token(&json!({"iat": now() - 60, "register": false}));
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 700}));
        // An end takes a second asking.
        for (token, askings) in [(&good, 1), (&ended, 2)] {
            fixture.stand_in.forget();
            let mut connections: Vec<Connection> =
                (0..80).map(|_| Connection::open(fixture.port())).collect();
            for connection in &mut connections {
                connection.send(&request_with("/bound", token));
            }
            for connection in &mut connections {
                let answer = connection.answer();
                if token.value == good.value {
                    answer.assert_user(&good.user);
                } else {
                    answer.assert_invalid();
                }
            }
            let asked = fixture.stand_in.count().resolver;
            // The answer takes longer than all these requests, but not longer than an interval and a late
            // straggler.
            assert!((askings..=2 * askings).contains(&asked), "asked {asked} times");
        }
        assert!(fixture
            .nginx
            .log()
            .contains("authgear: credential refused: session_ended"));
    });
}

#[test]
fn beyond_max_a_token_of_a_location_with_longer_times_waits_for_nobody() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        sleep(OLDER_THAN_MAX);
        let token = fixture
            .stand_in
            .token(&json!({"iat": now() - 20, "register": false}));
        request_with("/", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        request_with("/bound", &token)
            .send(fixture.port())
            .assert_invalid();
        // What is known of a token is known everywhere.
        for path in ["/", "/off", "/local"] {
            request_with(path, &token).send(fixture.port()).assert_invalid();
        }
        let count = fixture.stand_in.count();
        assert_eq!(count.resolver, 2, "one question, asked twice, told all");
        // It is ended for good, whatever its interval: asked about again where that may be, and refused where
        // it may not.
        sleep(Duration::from_millis(1300));
        for path in ["/local", "/off", "/fast", "/bound", "/local", "/off"] {
            request_with(path, &token).send(fixture.port()).assert_invalid();
        }
    });
}

#[test]
fn a_young_zone_serves_and_asks_in_the_background() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.aged(30_000);
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let sent = Instant::now();
        request_with("/", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        assert!(sent.elapsed() < AT_ONCE, "it waited {:?}", sent.elapsed());
        soon("it is asked about", || fixture.stand_in.count().resolver == 1);
    });
}

#[test]
fn a_yes_in_one_location_counts_in_all() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        sleep(OLDER_THAN_MAX);
        // Far beyond every max by its claims; vouched for in one location, so that the others need not ask.
        let token = fixture.stand_in.aged(3000);
        request_with("/bound", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        fixture.stand_in.forget();
        for path in ["/", "/", "/", "/"] {
            request_with(path, &token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        sleep(HEARD);
        assert_eq!(fixture.stand_in.count().resolver, 0, "it was confirmed just now");
    });
}

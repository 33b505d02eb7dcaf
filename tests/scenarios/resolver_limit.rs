//! `authgear_resolver_limit`: a slow Authgear takes neither the worker nor other sites with it.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{AT_ONCE, HEARD};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with, Credential, StandIn};
use serde_json::json;

/// Of eight, six questions for requests that wait and two in the background.
const EIGHT: &str = "authgear_resolver_limit 8;";
/// Here a token that had to be left out has another turn after two seconds.
const DUE: &str =
    "location /due { authgear_resolve on; authgear_revalidate 2s max=90s; proxy_pass http://%BACKEND%; }";
const SLOW: Duration = Duration::from_millis(2500);

fn slow(stand_in: &StandIn) {
    stand_in.resolver_fault(json!({"kind": "delay", "ms": 2500}));
}

/// Sends all at once; each answer, and how long it took.
fn all_at_once(fixture: &Fixture, requests: &[Request]) -> Vec<(Answer, Duration)> {
    let port = fixture.port();
    thread::scope(|scope| {
        let clients: Vec<_> = requests
            .iter()
            .map(|request| {
                scope.spawn(move || {
                    let sent = Instant::now();
                    (request.send(port), sent.elapsed())
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn opaque(fixture: &Fixture, count: usize) -> Vec<Credential> {
    fixture.stand_in.tokens(count, &json!({"jwt": false}))
}

fn requests(credentials: &[Credential]) -> Vec<Request> {
    credentials
        .iter()
        .map(|credential| request_with("/", credential))
        .collect()
}

/// So many requests that wait for the resolver.
fn waiting(fixture: &Fixture, count: usize) -> Vec<Connection> {
    let open = |credential: &Credential| {
        let mut connection = Connection::open(fixture.port());
        connection.send(&request_with("/", credential));
        connection
    };
    opaque(fixture, count).iter().map(open).collect()
}

#[test]
fn beyond_the_limit_there_is_no_verdict_at_once_and_nobody_else_notices() {
    let other = StandIn::start(&[]);
    let second = format!(
        "server {{ listen 127.0.0.1:%PORT0%; server_name other; authgear_endpoint {}; include %DIR%/authgear.conf;\n\
         location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}",
        other.origin
    );
    Setup::new().server(EIGHT).http(&second).run(|fixture| {
        fixture.await_keys();
        let credentials = opaque(fixture, 20);
        let jwt = fixture.stand_in.jwt();
        let theirs = [other.opaque(), other.session()];
        slow(&fixture.stand_in);
        let mut six = waiting(fixture, 6);
        soon("six are asked", || fixture.stand_in.count().resolver == 6);
        let begun = Instant::now();
        for credential in &credentials {
            request_with("/", credential)
                .send(fixture.port())
                .assert_unavailable(503);
        }
        for credential in &theirs {
            request_with("/", credential)
                .with("Host", "other")
                .send(fixture.port())
                .assert_user(&credential.user);
        }
        request_with("/", &jwt)
            .send(fixture.port())
            .assert_user(&jwt.user);
        Request::get("/").send(fixture.port()).assert_anonymous();
        assert!(
            begun.elapsed() < Duration::from_millis(2200),
            "they waited: {:?}",
            begun.elapsed()
        );
        assert_eq!(
            fixture.stand_in.count().resolver,
            6,
            "what is refused is not queued"
        );
        assert!(fixture
            .nginx
            .log()
            .contains("authgear: no verdict could be had: resolver_limit"));
        for connection in &mut six {
            assert_eq!(connection.answer().ours()[0], "x-authgear-session-valid: true");
        }
        fixture.stand_in.heal();
        for credential in &credentials {
            request_with("/", credential)
                .send(fixture.port())
                .assert_user(&credential.user);
        }
        assert!(
            !fixture.nginx.log().contains("is failing"),
            "a limit of our own is no failure of Authgear's"
        );
    });
}

#[test]
fn many_requests_are_served_as_far_as_the_limit_goes() {
    Setup::new().server(EIGHT).run(|fixture| {
        fixture.await_keys();
        let credentials = opaque(fixture, 20);
        slow(&fixture.stand_in);
        let answers = all_at_once(fixture, &requests(&credentials));
        let served = answers.iter().filter(|(answer, _)| answer.status == 200);
        assert_eq!(served.count(), 6);
        for (answer, took) in &answers {
            if answer.status == 200 {
                answer.assert_user(&credentials[0].user);
                assert!(*took > SLOW.mul_f32(0.8), "answered without an answer: {took:?}");
            } else {
                answer.assert_unavailable(503);
            }
        }
        let count = fixture.stand_in.count();
        assert_eq!((count.resolver, count.backend), (6, 6));
        // Many that ask the same take one place.
        fixture.stand_in.forget();
        let same = vec![request_with("/", &credentials[0]); 40];
        for (answer, _) in all_at_once(fixture, &same) {
            answer.assert_user(&credentials[0].user);
        }
        assert_eq!(fixture.stand_in.count().resolver, 1);
    });
}

#[test]
fn background_questions_have_a_quarter_and_are_skipped_beyond_it() {
    Setup::new().server(EIGHT).server(DUE).run(|fixture| {
        fixture.await_keys();
        let due = fixture
            .stand_in
            .tokens(12, &json!({"iat": now() - 120, "lifetime": 9000}));
        let use_all = || {
            for token in &due {
                request_with("/due", token)
                    .send(fixture.port())
                    .assert_user(&token.user);
            }
        };
        slow(&fixture.stand_in);
        let begun = Instant::now();
        use_all();
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "they waited {:?}",
            begun.elapsed()
        );
        soon("two are asked about", || fixture.stand_in.count().resolver == 2);
        sleep(SLOW + HEARD);
        assert_eq!(fixture.stand_in.count().resolver, 2, "the others are not queued");
        use_all();
        soon("two more are asked about when they are used again", || {
            fixture.stand_in.count().resolver == 4
        });
    });
}

#[test]
fn neither_kind_of_question_takes_the_others_places() {
    Setup::new().server(EIGHT).run(|fixture| {
        fixture.await_keys();
        let [due, another, third] = [(); 3].map(|()| fixture.stand_in.aged(120));
        slow(&fixture.stand_in);
        let mut six = waiting(fixture, 6);
        soon("six wait", || fixture.stand_in.count().resolver == 6);
        for token in [&due, &another, &third] {
            request_with("/", token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        soon("two in the background besides", || {
            fixture.stand_in.count().resolver == 8
        });
        for connection in &mut six {
            assert_eq!(connection.answer().status, 200);
        }
        sleep(HEARD);
        assert_eq!(fixture.stand_in.count().resolver, 8);
        // And the other way round: two in the background leave six places.
        sleep(SLOW);
        fixture.stand_in.forget();
        let more = [fixture.stand_in.aged(120), fixture.stand_in.aged(120)];
        for token in &more {
            request_with("/", token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        soon("two in the background", || fixture.stand_in.count().resolver == 2);
        let mut connections = waiting(fixture, 6);
        soon("six besides", || fixture.stand_in.count().resolver == 8);
        for connection in &mut connections {
            assert_eq!(connection.answer().status, 200);
        }
    });
}

#[test]
fn a_limit_of_one_is_one_question_for_whoever_waits() {
    let one = "authgear_resolver_limit 1;";
    Setup::new().server(one).server(DUE).run(|fixture| {
        fixture.await_keys();
        let due = fixture.stand_in.aged(120);
        let refused = fixture.stand_in.opaque();
        slow(&fixture.stand_in);
        let mut waiting = waiting(fixture, 1);
        soon("it is asked", || fixture.stand_in.count().resolver == 1);
        request_with("/", &refused)
            .send(fixture.port())
            .assert_unavailable(503);
        request_with("/due", &due)
            .send(fixture.port())
            .assert_user(&due.user);
        assert_eq!(fixture.stand_in.count().resolver, 1, "none beyond the one");
        assert_eq!(waiting[0].answer().status, 200);
        fixture.stand_in.heal();
        soon("the due one has its turn", || {
            request_with("/due", &due)
                .send(fixture.port())
                .assert_user(&due.user);
            fixture.stand_in.count().resolver == 2
        });
    });
}

#[test]
fn a_limit_of_ones_own_is_no_outage() {
    let stale = "authgear_resolver_limit 4; location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
        location /stale { authgear_resolve on; authgear_cache_valid 1s; authgear_stale_if_error 1h; proxy_pass http://%BACKEND%; }";
    Setup::new().server(stale).run(|fixture| {
        fixture.await_keys();
        let remembered = fixture.stand_in.opaque();
        let request = request_with("/stale", &remembered);
        request.send(fixture.port()).assert_user(&remembered.user);
        slow(&fixture.stand_in);
        sleep(Duration::from_millis(1200));
        fixture.stand_in.forget();
        let mut three = waiting(fixture, 3);
        soon("they wait", || fixture.stand_in.count().resolver == 3);
        let sent = Instant::now();
        request.send(fixture.port()).assert_unavailable(503);
        assert!(sent.elapsed() < AT_ONCE, "it waited {:?}", sent.elapsed());
        for connection in &mut three {
            assert_eq!(connection.answer().status, 200);
        }
    });
}

//! The made-up `session` cookie: which questions carry it, what it costs, and who hears of it.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::repeated_use::{prove, HEARD};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{made_up, request_with};

const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=3s; proxy_pass http://%BACKEND%; }\n\
    location /bearer { authgear_resolve on; authgear_credentials bearer; proxy_pass http://%BACKEND%; }";
/// After this the zone is older than `max` of `/bound`.
const OLDER_THAN_MAX: Duration = Duration::from_millis(3300);

#[test]
fn a_dead_credential_costs_one_question_with_a_made_up_cookie_of_its_own() {
    for prefix in ["", "p_"] {
        let own = format!("authgear_cookie_prefix \"{prefix}\";");
        let mut setup = Setup::new().server(LOCATIONS);
        if !prefix.is_empty() {
            setup = setup.server(&own).stand_in("--cookie-prefix").stand_in("p_");
        }
        setup.run(|fixture| {
            fixture.await_keys();
            let dead = Request::get("/").bearer("nobody0000000000000000000000000x");
            let cookie = format!("{prefix}app_session=nobody; theme=dark");
            for request in [dead, Request::get("/").with("Cookie", &cookie)] {
                fixture.stand_in.forget();
                for _ in 0..2 {
                    request.send(fixture.port()).assert_invalid();
                }
                let questions = fixture.stand_in.questions();
                assert_eq!(questions.len(), 2, "one question for each");
                let values: Vec<&str> = questions
                    .iter()
                    .map(|asked| made_up(asked.get("cookie"), prefix))
                    .collect();
                assert_ne!(values[0], values[1], "drawn anew for each question");
            }
            // A client's own session cookie needs no other, and neither does one that counts for nothing take
            // its place.
            fixture.stand_in.forget();
            let own = format!("{prefix}session=nobody");
            Request::get("/")
                .with("Cookie", &own)
                .send(fixture.port())
                .assert_invalid();
            Request::get("/bearer")
                .bearer("nobody")
                .with("Cookie", &own)
                .send(fixture.port())
                .assert_invalid();
            let questions = fixture.stand_in.questions();
            assert_eq!(questions[0].get("cookie"), Some(&own));
            made_up(questions[1].get("cookie"), prefix);
        });
    }
}

#[test]
fn the_cookie_that_clears_a_made_up_one_reaches_no_client() {
    let server = "authgear_pass_set_cookie on;";
    Setup::new()
        .server(server)
        .server(LOCATIONS)
        .stand_in("--cookie-domain")
        .stand_in("authgear.test")
        .run(|fixture| {
            fixture.await_keys();
            let answer = Request::get("/").bearer("nobody").send(fixture.port());
            answer.assert_invalid();
            assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
            let answer = Request::get("/")
                .with("Cookie", "session=nobody")
                .send(fixture.port());
            answer.assert_invalid();
            assert!(
                answer
                    .header("set-cookie")
                    .is_some_and(|cookie| cookie.starts_with("session=;")),
                "{answer:?}"
            );
            // A token that has ended, asked about first.
            prove(fixture, "/bound");
            sleep(OLDER_THAN_MAX);
            let token = fixture.stand_in.aged(60);
            fixture.stand_in.revoke(&token);
            let answer = request_with("/bound", &token).send(fixture.port());
            answer.assert_invalid();
            assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
        });
}

#[test]
fn a_wrong_prefix_is_told_where_a_made_up_cookie_gets_no_answer() {
    Setup::new()
        .stand_in("--cookie-prefix")
        .stand_in("project_")
        .server(LOCATIONS)
        .run(|fixture| {
            fixture.await_keys();
            let dead = Request::get("/").bearer("nobody");
            dead.send(fixture.port()).assert_unavailable(503);
            assert!(
                !fixture.nginx.log().contains("authgear_cookie_prefix"),
                "no yes yet: it may be all else"
            );
            let token = fixture.stand_in.opaque();
            request_with("/", &token)
                .send(fixture.port())
                .assert_user(&token.user);
            dead.send(fixture.port()).assert_unavailable(503);
            sleep(HEARD);
            let log = fixture.nginx.log();
            let lines: Vec<&str> = log
                .lines()
                .filter(|line| line.contains("authgear_cookie_prefix"))
                .collect();
            assert_eq!(lines.len(), 1, "{log}");
            assert!(lines[0].contains("[error]"), "{lines:?}");
        });
}

#[test]
fn a_wrong_prefix_in_one_server_is_no_harm_to_another_that_asks_through_the_same_location() {
    let other =
        "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_cookie_prefix wrong_;\n\
        location / { authgear_resolve on; proxy_pass http://%BACKEND%; } }";
    Setup::new().server(LOCATIONS).http(other).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        let good = request_with("/", &token);
        good.send(fixture.port()).assert_user(&token.user);
        // One yes there, or nothing is said of its prefix.
        request_with("/", &token)
            .send(fixture.port_of(1))
            .assert_user(&token.user);
        for place in 0..10 {
            let dead = Request::get("/").bearer(&format!("nobody{place}"));
            dead.send(fixture.port_of(1)).assert_unavailable(503);
        }
        good.send(fixture.port()).assert_user(&token.user);
        sleep(HEARD);
        let log = fixture.nginx.log();
        assert!(log.contains("made-up cookie \"wrong_session\""), "{log}");
    });
}

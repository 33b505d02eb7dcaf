//! Two projects in one nginx, with the same URIs and one shared memory: nothing of one counts at the other.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{Credential, StandIn};
use serde_json::json;

/// The fixture's own project is `localhost`; `other` is the second one's server.
fn setup(other: &StandIn) -> Setup {
    let server = format!(
        "server {{ listen 127.0.0.1:%PORT0%; server_name other; authgear_endpoint {}; include %DIR%/authgear.conf;\n\
         location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}",
        other.origin
    );
    Setup::new().workers(2).http(&server)
}

fn request(host: &str, credential: &Credential) -> Request {
    authgear_scenarios::stand_in::request_with("/", credential).with("Host", host)
}

fn send(fixture: &Fixture, host: &str, credential: &Credential) -> Answer {
    request(host, credential).send(fixture.port())
}

fn await_both(fixture: &Fixture, other: &StandIn) {
    fixture.await_keys();
    let jwt = other.jwt();
    soon("the other's keys are fetched", || {
        other.forget();
        send(fixture, "other", &jwt).status == 200 && other.count().resolver == 0
    });
    other.forget();
    fixture.stand_in.forget();
}

#[test]
fn credentials_of_one_project_are_never_valid_at_another() {
    let other = StandIn::start(&[]);
    setup(&other).run(|fixture| {
        await_both(fixture, &other);
        let ours = [
            fixture.stand_in.jwt(),
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
        ];
        let theirs = [other.jwt(), other.opaque(), other.session()];
        for _ in 0..3 {
            for (good, bad) in ours.iter().zip(&theirs) {
                send(fixture, "localhost", good).assert_user(&good.user);
                send(fixture, "other", bad).assert_user(&bad.user);
                send(fixture, "other", good).assert_invalid();
                send(fixture, "localhost", bad).assert_invalid();
            }
        }
    });
}

#[test]
fn one_value_known_to_both_is_two_users_even_at_once() {
    let other = StandIn::start(&[]);
    setup(&other).run(|fixture| {
        await_both(fixture, &other);
        let value = "thesamevalueinbothprojects000000";
        let users = [(&fixture.stand_in, "alice"), (&other, "bob")];
        for (stand_in, user) in users {
            stand_in.control("POST", "/users", &json!({"id": user}));
            stand_in.control(
                "POST",
                "/register",
                &json!({"value": value, "kind": "token", "user": user}),
            );
            stand_in.resolver_fault(json!({"kind": "delay", "ms": 400}));
        }
        let mut connections: Vec<Connection> = (0..60).map(|_| Connection::open(fixture.port())).collect();
        for (index, connection) in connections.iter_mut().enumerate() {
            let host = if index % 2 == 0 { "localhost" } else { "other" };
            connection.send(&Request::get("/").with("Host", host).bearer(value));
        }
        for (index, connection) in connections.iter_mut().enumerate() {
            connection.answer().assert_user(users[index % 2].1);
        }
    });
}

#[test]
fn a_key_set_vouches_only_where_its_source_is_configured() {
    let other = StandIn::start(&[]);
    let server = "\
        server { listen 127.0.0.1:%PORT0%; server_name filed; authgear_endpoint %ORIGIN%; authgear_jwks_file %DIR%/test-keys.json;\n\
        location / { authgear_resolve local; proxy_pass http://%BACKEND%; } }\n\
        server { listen 127.0.0.1:%PORT0%; server_name elsewhere; authgear_endpoint %ORIGIN%; authgear_jwks_request /other-keys;\n\
        location = /other-keys { internal; proxy_pass http://OTHER/oauth2/jwks; }\n\
        location / { authgear_resolve local; proxy_pass http://%BACKEND%; } }"
        .replace("OTHER", other.origin.trim_start_matches("http://"));
    let keys = other.control("GET", "/jwks.json", &json!(null)).to_string();
    let path = std::env::temp_dir().join(format!("authgear-scenario-keys-{}.json", std::process::id()));
    fs::write(&path, keys).unwrap();
    Setup::new()
        .http(&server.replace("%DIR%/test-keys.json", path.to_str().unwrap()))
        .run(|fixture| {
            fixture.await_keys();
            let ours = fixture.stand_in.jwt();
            // Signed by the other project's key, and in every other way a token of this one.
            let claims = json!({"iss": fixture.stand_in.origin, "aud": [fixture.stand_in.origin]});
            let theirs = other.token(&json!({"claims": claims}));
            soon("both sets are there", || {
                send(fixture, "elsewhere", &theirs).status == 200
            });
            // The first look at a key that nobody knows is worth a fetch; after that such a token can't be
            // judged without asking.
            send(fixture, "elsewhere", &ours).assert_invalid();
            for _ in 0..3 {
                send(fixture, "localhost", &ours).assert_user(&ours.user);
                send(fixture, "filed", &theirs).assert_user(&theirs.user);
                send(fixture, "elsewhere", &theirs).assert_user(&theirs.user);
                send(fixture, "localhost", &theirs).assert_invalid();
                send(fixture, "filed", &ours).assert_invalid();
                send(fixture, "elsewhere", &ours).assert_unavailable(503);
            }
        });
    fs::remove_file(path).unwrap();
}

#[test]
fn a_question_is_shared_only_within_its_server() {
    let other = StandIn::start(&[]);
    let server = |name: &str, resolver: &str| {
        format!(
            "server {{ listen 127.0.0.1:%PORT0%; server_name {name}; authgear_endpoint %ORIGIN%; authgear_jwks_file KEYS;\n\
             location = /_auth {{ internal; proxy_pass {resolver}/_resolver/resolve; }}\n\
             location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}\n"
        )
    };
    let path = std::env::temp_dir().join(format!("authgear-scenario-shared-{}.json", std::process::id()));
    let servers = server("one", "http://%AUTHGEAR%") + &server("two", &other.origin);
    fs::write(
        &path,
        other.control("GET", "/jwks.json", &json!(null)).to_string(),
    )
    .unwrap();
    Setup::new()
        .http(&servers.replace("KEYS", path.to_str().unwrap()))
        .run(|fixture| {
            let value = "thesamevalueatbothresolvers00000";
            let users = [(&fixture.stand_in, "alice"), (&other, "bob")];
            for (stand_in, user) in users {
                stand_in.control("POST", "/users", &json!({"id": user}));
                let known = json!({"value": value, "kind": "token", "user": user});
                stand_in.control("POST", "/register", &known);
                stand_in.resolver_fault(json!({"kind": "delay", "ms": 400}));
            }
            let mut connections: Vec<Connection> =
                (0..20).map(|_| Connection::open(fixture.port())).collect();
            for (index, connection) in connections.iter_mut().enumerate() {
                let host = if index % 2 == 0 { "one" } else { "two" };
                connection.send(&Request::get("/").with("Host", host).bearer(value));
            }
            for (index, connection) in connections.iter_mut().enumerate() {
                connection.answer().assert_user(users[index % 2].1);
            }
        });
    fs::remove_file(path).unwrap();
}

#[test]
fn one_project_down_does_not_touch_another() {
    let other = StandIn::start(&[]);
    setup(&other).run(|fixture| {
        await_both(fixture, &other);
        other.fault(&json!({"kind": "refuse"}));
        let ours = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        let theirs = [other.jwt(), other.opaque()];
        for _ in 0..8 {
            send(fixture, "other", &theirs[1]).assert_unavailable(503);
            send(fixture, "other", &theirs[0]).assert_user(&theirs[0].user);
            for credential in &ours {
                send(fixture, "localhost", credential).assert_user(&credential.user);
            }
        }
    });
}

/// Servers of one endpoint whose keys come by ways of their own: each has a key set of its own.
fn servers(names: &[String]) -> String {
    let server = |name: &String| {
        format!(
            "server {{ listen 127.0.0.1:%PORT0%; server_name {name}; authgear_endpoint %ORIGIN%; authgear_jwks_request /{name};\n\
             location = /{name} {{ internal; proxy_pass http://%AUTHGEAR%/oauth2/jwks; }}\n\
             location / {{ authgear_resolve local; proxy_pass http://%BACKEND%; }} }}\n"
        )
    };
    names.iter().map(server).collect()
}

#[test]
fn forty_key_sets_lie_in_one_zone_and_others_take_their_place_after_a_reload() {
    let names = |round: usize| -> Vec<String> {
        (0..40)
            .map(|index| format!("round{round}-{index}.test"))
            .collect()
    };
    Setup::new().workers(2).http(&servers(&names(0))).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        for round in 0..5 {
            for name in names(round) {
                soon(&format!("keys of {name}"), || {
                    send(fixture, &name, &token).status == 200
                });
                send(fixture, &name, &token).assert_user(&token.user);
            }
            fixture.stand_in.forget();
            for name in names(round) {
                send(fixture, &name, &token).assert_user(&token.user);
            }
            assert_eq!(fixture.stand_in.count().resolver, 0);
            let (old, new) = (format!("round{round}-"), format!("round{}-", round + 1));
            fixture.reconfigure(|text| text.replace(&old, &new));
        }
    });
}

#[test]
fn a_zone_of_another_size_comes_with_a_reload() {
    Setup::new()
        .workers(2)
        .http("authgear_zone zone=authgear:8m;")
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.jwt();
            for (from, to) in [
                ("8m", "16m"),
                ("16m", "9m"),
                ("zone=authgear", "zone=other"),
                ("other:9m", "other:8m"),
            ] {
                fixture.reconfigure(|text| text.replace(from, to));
                send(fixture, "localhost", &token).assert_user(&token.user);
            }
        });
}

#[test]
fn a_worker_that_leaves_takes_no_place_from_the_key_sets_that_follow_its_own() {
    let names =
        |round: usize| -> Vec<String> { (0..7).map(|index| format!("round{round}-{index}.test")).collect() };
    // With the fixture's own server's there are eight sets, and places for no more.
    let http = servers(&names(0)) + "authgear_zone zone=authgear:724k;";
    Setup::new().http(&http).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        for name in names(0) {
            soon(&format!("keys of {name}"), || {
                send(fixture, &name, &token).status == 200
            });
        }
        fixture.stand_in.rotate();
        fixture.stand_in.keys_fault(json!({"kind": "hang", "times": 1}));
        fixture.stand_in.forget();
        let fresh = fixture.stand_in.jwt();
        let mut waiting = Connection::open(fixture.port());
        waiting.send(&request(&names(0)[3], &fresh));
        soon("a key is asked for", || fixture.stand_in.count().jwks == 1);
        // The worker that asks stays until it has heard that it gets none; by then its set's place is
        // another's.
        fixture.reconfigure(|text| text.replace("round0-", "round1-"));
        assert_eq!(waiting.answer().status, 503);
        for name in names(1) {
            soon(&format!("keys of {name}"), || {
                send(fixture, &name, &fresh).status == 200
            });
        }
        sleep(Duration::from_millis(1500));
        for name in names(1) {
            send(fixture, &name, &fresh).assert_user(&fresh.user);
        }
        let count = fixture.stand_in.count();
        assert_eq!(count.jwks, 1 + 8, "each set is fetched once after the reload");
    });
}

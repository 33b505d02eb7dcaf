//! Two projects in one nginx, with the same URIs and one shared memory: nothing of one counts at the other.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{Credential, StandIn};
use serde_json::json;

/// The scene's own project is `localhost`; `other` is the second one's server.
fn plan(other: &StandIn) -> Plan {
    let server = format!(
        "server {{ listen 127.0.0.1:%PORT0%; server_name other; authgear_endpoint {}; include %DIR%/authgear.conf;\n\
         location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}",
        other.origin
    );
    Plan::new().workers(2).http(&server)
}

fn request(host: &str, credential: &Credential) -> Request {
    authgear_scenarios::stand_in::request_with("/", credential).with("Host", host)
}

fn send(scene: &Scene, host: &str, credential: &Credential) -> Answer {
    request(host, credential).send(scene.port())
}

fn await_both(scene: &Scene, other: &StandIn) {
    scene.await_keys();
    let jwt = other.jwt();
    soon("the other's keys are fetched", || {
        other.forget();
        send(scene, "other", &jwt).status == 200 && other.count().resolver == 0
    });
    other.forget();
    scene.stand_in.forget();
}

#[test]
fn credentials_of_one_project_are_never_valid_at_another() {
    let other = StandIn::start(&[]);
    plan(&other).play(|scene| {
        await_both(scene, &other);
        let ours = [
            scene.stand_in.jwt(),
            scene.stand_in.opaque(),
            scene.stand_in.session(),
        ];
        let theirs = [other.jwt(), other.opaque(), other.session()];
        for _ in 0..3 {
            for (good, bad) in ours.iter().zip(&theirs) {
                send(scene, "localhost", good).assert_user(&good.user);
                send(scene, "other", bad).assert_user(&bad.user);
                send(scene, "other", good).assert_invalid();
                send(scene, "localhost", bad).assert_invalid();
            }
        }
    });
}

#[test]
fn one_value_known_to_both_is_two_users_even_at_once() {
    let other = StandIn::start(&[]);
    plan(&other).play(|scene| {
        await_both(scene, &other);
        let value = "thesamevalueinbothprojects000000";
        let users = [(&scene.stand_in, "alice"), (&other, "bob")];
        for (stand_in, user) in users {
            stand_in.control("POST", "/users", &json!({"id": user}));
            stand_in.control(
                "POST",
                "/register",
                &json!({"value": value, "kind": "token", "user": user}),
            );
            stand_in.resolver_fault(json!({"kind": "delay", "ms": 400}));
        }
        let mut herd: Vec<Connection> = (0..60).map(|_| Connection::open(scene.port())).collect();
        for (index, connection) in herd.iter_mut().enumerate() {
            let host = if index % 2 == 0 { "localhost" } else { "other" };
            connection.send(&Request::get("/").with("Host", host).bearer(value));
        }
        for (index, connection) in herd.iter_mut().enumerate() {
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
    Plan::new()
        .http(&server.replace("%DIR%/test-keys.json", path.to_str().unwrap()))
        .play(|scene| {
            scene.await_keys();
            let ours = scene.stand_in.jwt();
            // Signed by the other project's key, and in every other way a token of this one.
            let claims = json!({"iss": scene.stand_in.origin, "aud": [scene.stand_in.origin]});
            let theirs = other.token(&json!({"claims": claims}));
            soon("both sets are there", || {
                send(scene, "elsewhere", &theirs).status == 200
            });
            // The first look at a key that nobody knows is worth a fetch; after that such a token can't be
            // judged without asking.
            send(scene, "elsewhere", &ours).assert_invalid();
            for _ in 0..3 {
                send(scene, "localhost", &ours).assert_user(&ours.user);
                send(scene, "filed", &theirs).assert_user(&theirs.user);
                send(scene, "elsewhere", &theirs).assert_user(&theirs.user);
                send(scene, "localhost", &theirs).assert_invalid();
                send(scene, "filed", &ours).assert_invalid();
                send(scene, "elsewhere", &ours).assert_unavailable(503);
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
    Plan::new()
        .http(&servers.replace("KEYS", path.to_str().unwrap()))
        .play(|scene| {
            let value = "thesamevalueatbothresolvers00000";
            let users = [(&scene.stand_in, "alice"), (&other, "bob")];
            for (stand_in, user) in users {
                stand_in.control("POST", "/users", &json!({"id": user}));
                let known = json!({"value": value, "kind": "token", "user": user});
                stand_in.control("POST", "/register", &known);
                stand_in.resolver_fault(json!({"kind": "delay", "ms": 400}));
            }
            let mut herd: Vec<Connection> = (0..20).map(|_| Connection::open(scene.port())).collect();
            for (index, connection) in herd.iter_mut().enumerate() {
                let host = if index % 2 == 0 { "one" } else { "two" };
                connection.send(&Request::get("/").with("Host", host).bearer(value));
            }
            for (index, connection) in herd.iter_mut().enumerate() {
                connection.answer().assert_user(users[index % 2].1);
            }
        });
    fs::remove_file(path).unwrap();
}

#[test]
fn one_project_down_does_not_touch_another() {
    let other = StandIn::start(&[]);
    plan(&other).play(|scene| {
        await_both(scene, &other);
        other.fault(&json!({"kind": "refuse"}));
        let ours = [scene.stand_in.jwt(), scene.stand_in.opaque()];
        let theirs = [other.jwt(), other.opaque()];
        for _ in 0..8 {
            send(scene, "other", &theirs[1]).assert_unavailable(503);
            send(scene, "other", &theirs[0]).assert_user(&theirs[0].user);
            for credential in &ours {
                send(scene, "localhost", credential).assert_user(&credential.user);
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
    Plan::new().workers(2).http(&servers(&names(0))).play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.jwt();
        for round in 0..5 {
            for name in names(round) {
                soon(&format!("keys of {name}"), || {
                    send(scene, &name, &token).status == 200
                });
                send(scene, &name, &token).assert_user(&token.user);
            }
            scene.stand_in.forget();
            for name in names(round) {
                send(scene, &name, &token).assert_user(&token.user);
            }
            assert_eq!(scene.stand_in.count().resolver, 0);
            let (old, new) = (format!("round{round}-"), format!("round{}-", round + 1));
            scene.reconfigure(|text| text.replace(&old, &new));
        }
    });
}

#[test]
fn a_zone_of_another_size_comes_with_a_reload() {
    Plan::new()
        .workers(2)
        .http("authgear_zone zone=authgear:8m;")
        .play(|scene| {
            scene.await_keys();
            let token = scene.stand_in.jwt();
            for (from, to) in [
                ("8m", "16m"),
                ("16m", "9m"),
                ("zone=authgear", "zone=other"),
                ("other:9m", "other:8m"),
            ] {
                scene.reconfigure(|text| text.replace(from, to));
                send(scene, "localhost", &token).assert_user(&token.user);
            }
        });
}

#[test]
fn a_worker_that_leaves_takes_no_place_from_the_key_sets_that_follow_its_own() {
    let names =
        |round: usize| -> Vec<String> { (0..7).map(|index| format!("round{round}-{index}.test")).collect() };
    // With the scene's own server's there are eight sets, and places for no more.
    let http = servers(&names(0)) + "authgear_zone zone=authgear:724k;";
    Plan::new().http(&http).play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.jwt();
        for name in names(0) {
            soon(&format!("keys of {name}"), || {
                send(scene, &name, &token).status == 200
            });
        }
        scene.stand_in.rotate();
        scene.stand_in.keys_fault(json!({"kind": "hang", "times": 1}));
        scene.stand_in.forget();
        let fresh = scene.stand_in.jwt();
        let mut waiting = Connection::open(scene.port());
        waiting.send(&request(&names(0)[3], &fresh));
        soon("a key is asked for", || scene.stand_in.count().jwks == 1);
        // The worker that asks stays until it has heard that it gets none; by then its set's place is
        // another's.
        scene.reconfigure(|text| text.replace("round0-", "round1-"));
        assert_eq!(waiting.answer().status, 503);
        for name in names(1) {
            soon(&format!("keys of {name}"), || {
                send(scene, &name, &fresh).status == 200
            });
        }
        sleep(Duration::from_millis(1500));
        for name in names(1) {
            send(scene, &name, &fresh).assert_user(&fresh.user);
        }
        let count = scene.stand_in.count();
        assert_eq!(count.jwks, 1 + 8, "each set is fetched once after the reload");
    });
}

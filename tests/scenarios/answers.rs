//! A resolver that is down, slow, cut short or not Authgear at all: no verdict, and the backend hears nothing.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::{json, Value};

/// The head of an answer whose body never ends.
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nx-authgear-session-valid: true\r\nx-authgear-user-id: mallory\r\nTransfer-Encoding: chunked\r\n\r\n";

fn ask(scene: &Scene, path: &str, credential: &Credential) -> Answer {
    request_with(path, credential).send(scene.port())
}

/// The fault makes every kind of question fail, and its end makes them succeed again.
fn assert_fails_with(scene: &Scene, fault: &Value) {
    let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
    scene.stand_in.resolver_fault(fault.clone());
    scene.stand_in.forget();
    for credential in &credentials {
        let answer = ask(scene, "/", credential);
        assert_eq!(answer.status, 503, "{fault}: {answer:?}");
        answer.assert_unavailable(503);
    }
    Request::get("/").send(scene.port()).assert_anonymous();
    assert_eq!(
        scene.stand_in.count().backend,
        1,
        "{fault}: the backend hears of the anonymous request alone"
    );
    scene.stand_in.heal();
    for credential in &credentials {
        soon(&format!("answers after {fault}"), || {
            ask(scene, "/", credential).status == 200
        });
        ask(scene, "/", credential).assert_user(&credential.user);
    }
}

fn all_fail(faults: &[Value]) {
    Plan::new().play(|scene| {
        scene.await_keys();
        for fault in faults {
            assert_fails_with(scene, fault);
        }
    });
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Value {
    json!({"kind": "answer", "status": status, "headers": headers, "body": body})
}

#[test]
fn a_broken_connection_to_the_resolver_is_no_verdict() {
    all_fail(&[
        json!({"kind": "refuse"}),
        json!({"kind": "close"}),
        json!({"kind": "reset"}),
        json!({"kind": "close_mid_answer"}),
        json!({"kind": "close_mid_answer", "after": 20}),
        json!({"kind": "close_mid_answer", "after": 60}),
        json!({"kind": "garbage"}),
        json!({"kind": "raw", "body": "HTTP/1.1 200 OK\r\n"}),
        json!({"kind": "raw", "body": "HTTP/1.1 200 OK\r\nx-authgear-session-valid: true\r\nx-authgear-user-id: u"}),
        json!({"kind": "raw", "body": format!("{CHUNKED}")}),
        json!({"kind": "raw", "body": format!("{CHUNKED}5\r\nab")}),
        json!({"kind": "raw", "body": format!("{CHUNKED}no number\r\n")}),
        json!({"kind": "raw", "body": format!("{}\r\n{CHUNKED}", "HTTP/1.1 200 OK\r\nx-filler: f".repeat(3000))}),
    ]);
}

#[test]
fn another_status_than_200_is_no_verdict_whatever_its_headers_say() {
    let yes = [
        ("x-authgear-session-valid", "true"),
        ("x-authgear-user-id", "mallory"),
    ];
    let statuses = [
        201, 202, 204, 301, 302, 304, 307, 400, 401, 403, 404, 429, 500, 502, 503, 504,
    ];
    let mut faults: Vec<Value> = [401, 403, 500]
        .iter()
        .map(|status| json!({"kind": "status", "status": status}))
        .collect();
    faults.extend(statuses.iter().map(|status| answer(*status, &yes, "")));
    faults.push(answer(302, &[("Location", "/"), yes[0], yes[1]], ""));
    all_fail(&faults);
}

#[test]
fn an_answer_that_is_not_authgears_is_no_verdict() {
    let yes = ("x-authgear-session-valid", "true");
    let no = ("x-authgear-session-valid", "false");
    let user = ("x-authgear-user-id", "mallory");
    all_fail(&[
        answer(200, &[], "<html>sign in to the network</html>"),
        answer(200, &[yes, user], "x"),
        json!({"kind": "body", "body": "x", "repeat": 1}),
        json!({"kind": "body", "body": "x", "repeat": 2_000_000}),
        answer(200, &[yes], ""),
        answer(200, &[yes, ("x-authgear-user-id", "")], ""),
        answer(200, &[yes, no, user], ""),
        answer(200, &[no, user], ""),
        answer(200, &[user], ""),
        answer(200, &[yes, user, ("x-authgear-user-id", "other")], ""),
        answer(200, &[("x-authgear-session-valid", "maybe"), user], ""),
        answer(200, &[("x-authgear-session-valid", "true, false"), user], ""),
    ]);
}

#[test]
fn an_accel_redirect_in_an_answer_leads_nowhere() {
    Plan::new()
        .server(
            "location = /secret { internal; add_header X-Authgear-Session-Valid true; return 200 secret; }",
        )
        .server("location = /other { internal; proxy_pass http://%BACKEND%; }")
        .play(|scene| {
            scene.await_keys();
            let token = scene.stand_in.opaque();
            for target in ["/secret", "/other", "/", "@nowhere"] {
                let headers = [
                    ("X-Accel-Redirect", target),
                    ("X-Accel-Limit-Rate", "1"),
                    ("X-Accel-Buffering", "no"),
                ];
                scene.stand_in.resolver_fault(answer(200, &headers, "x"));
                scene.stand_in.forget();
                ask(scene, "/", &token).assert_unavailable(503);
                assert_eq!(scene.stand_in.count().backend, 0, "{target}");
            }
        });
}

#[test]
fn what_this_nginx_makes_of_an_answer_is_no_answer() {
    let own = [
        "return 200;",
        "return 204;",
        "return 200 ''; add_header x-authgear-session-valid true always; add_header x-authgear-user-id mallory always;",
        "error_page 500 502 503 504 =200 /fine; proxy_pass http://127.0.0.1:1/;",
        "error_page 404 =200 @fine; proxy_intercept_errors on; proxy_pass http://%AUTHGEAR%/nothing-there;",
        "error_page 404 = @fine; proxy_intercept_errors on; proxy_pass http://%AUTHGEAR%/nothing-there;",
        "proxy_method GET; proxy_pass http://%BACKEND%/;",
        "root %DIR%; try_files /error.log =404;",
        "empty_gif;",
    ];
    let servers: String = own
        .iter()
        .enumerate()
        .map(|(index, location)| {
            format!(
                "server {{ listen 127.0.0.1:%PORT1%; server_name own{index}; authgear_endpoint %ORIGIN%; authgear_credentials bearer;\n\
                 authgear_resolve_request /own; location = /own {{ internal; {location} }}\n\
                 location = /fine {{ add_header x-authgear-session-valid true; add_header x-authgear-user-id mallory; return 200; }}\n\
                 location @fine {{ rewrite ^ /_resolver/resolve break; proxy_pass http://%AUTHGEAR%; }}\n\
                 location / {{ authgear_resolve remote; proxy_pass http://%BACKEND%; }} }}\n"
            )
        })
        .collect();
    Plan::new().http(&servers).play(|scene| {
        let token = scene.stand_in.opaque();
        let dead = Credential {
            value: "never-issued".to_owned(),
            user: String::new(),
        };
        for (index, location) in own.iter().enumerate() {
            for credential in [&token, &dead] {
                scene.stand_in.forget();
                let answer = request_with("/", credential)
                    .with("Host", &format!("own{index}"))
                    .send(scene.port_of(1));
                assert_eq!(answer.status, 503, "{location}: {answer:?}");
                answer.assert_unavailable(503);
                let reached = scene.stand_in.backend_log();
                assert!(
                    reached
                        .iter()
                        .all(|entry| entry["path"] != "/" || location.contains("BACKEND")),
                    "{location}: {reached:?}"
                );
            }
        }
    });
}

#[test]
fn an_answer_from_this_nginxs_cache_is_no_answer() {
    let server = "proxy_cache_path %DIR%/cache keys_zone=answers:1m;\n\
        server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_resolve_request /cached;\n\
        location = /cached { internal; proxy_cache answers; proxy_cache_valid any 1m; proxy_cache_key one; proxy_cache_use_stale error timeout;\n\
        proxy_ignore_headers Cache-Control Expires Set-Cookie Vary; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }\n\
        location / { authgear_resolve remote; proxy_pass http://%BACKEND%; } }";
    Plan::new().http(server).play(|scene| {
        let [first, second] = [scene.stand_in.opaque(), scene.stand_in.opaque()];
        let send = |credential| request_with("/", credential).send(scene.port_of(1));
        send(&first).assert_user(&first.user);
        scene.stand_in.forget();
        send(&second).assert_unavailable(503);
        send(&first).assert_unavailable(503);
        let count = scene.stand_in.count();
        assert_eq!(
            (count.resolver, count.backend),
            (0, 0),
            "the cache answered, and nobody believed it"
        );
    });
}

#[test]
fn a_dripping_answer_is_given_up_after_five_seconds_however_patient_the_location_is() {
    let patient = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_resolve_request /patient;\n\
        location = /patient { internal; proxy_read_timeout 60s; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }\n\
        location / { authgear_resolve remote; proxy_pass http://%BACKEND%; } }";
    Plan::new().http(patient).play(|scene| {
        scene.await_keys();
        let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
        scene.stand_in.resolver_fault(json!({"kind": "drip", "ms": 700}));
        let begun = Instant::now();
        let mut waiting: Vec<Connection> = [0, 1, 1]
            .into_iter()
            .map(|index| Connection::open(scene.port_of(index)))
            .collect();
        for (connection, credential) in
            waiting
                .iter_mut()
                .zip([&credentials[0], &credentials[0], &credentials[1]])
        {
            connection.send(&request_with("/", credential));
        }
        waiting[0].answer().assert_unavailable(503);
        for connection in &mut waiting[1..] {
            connection.answer().assert_unavailable(503);
            let waited = begun.elapsed();
            assert!(
                (Duration::from_secs(4)..Duration::from_secs(9)).contains(&waited),
                "waited {waited:?}"
            );
        }
        scene.stand_in.heal();
        soon("answers again", || ask(scene, "/", &credentials[0]).status == 200);
    });
}

#[test]
fn a_hanging_resolver_holds_up_nobody_who_does_not_need_it() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let [jwt, opaque] = [scene.stand_in.jwt(), scene.stand_in.opaque()];
        scene.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut waiting = Connection::open(scene.port());
        let begun = Instant::now();
        waiting.send(&request_with("/", &opaque));
        for _ in 0..10 {
            ask(scene, "/", &jwt).assert_user(&jwt.user);
            Request::get("/").send(scene.port()).assert_anonymous();
        }
        assert!(begun.elapsed() < Duration::from_millis(2500), "they waited too");
        waiting.answer().assert_unavailable(503);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_late_answer_is_still_an_answer() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500, "times": 1}));
        ask(scene, "/", &token).assert_user(&token.user);
        scene.stand_in.resolver_fault(json!({"kind": "drip", "ms": 1}));
        ask(scene, "/", &token).assert_user(&token.user);
    });
}

#[test]
fn authgear_unavailable_says_what_such_a_request_gets() {
    Plan::new()
        .server(
            "location /504 { authgear_resolve on; authgear_unavailable 504; proxy_pass http://%BACKEND%; }",
        )
        .server(
            "location /pass { authgear_resolve on; authgear_unavailable pass; proxy_pass http://%BACKEND%; }",
        )
        .server("location /page { authgear_resolve on; error_page 503 /sorry; proxy_pass http://%BACKEND%; }")
        .server("location /sorry { authgear_resolve off; return 503 sorry; }")
        .play(|scene| {
            scene.await_keys();
            let token = scene.stand_in.opaque();
            scene
                .stand_in
                .resolver_fault(json!({"kind": "status", "status": 500}));
            scene.stand_in.forget();
            ask(scene, "/", &token).assert_unavailable(503);
            ask(scene, "/504", &token).assert_unavailable(504);
            let page = ask(scene, "/page", &token);
            assert_eq!((page.status, page.body.as_str()), (503, "sorry"), "{page:?}");
            assert_eq!(
                page.headers
                    .iter()
                    .filter(|(name, _)| name == "retry-after")
                    .count(),
                1,
                "{page:?}"
            );
            assert_eq!(scene.stand_in.count().backend, 0);
            let forged = request_with("/pass", &token)
                .with("X-Authgear-User-Id", "mallory")
                .with("X-Authgear-Session-Valid", "true");
            let passed = forged.send(scene.port());
            passed.assert_anonymous();
            assert!(passed.header("retry-after").is_none());
            let late = scene.stand_in.opaque();
            scene.stand_in.resolver_fault(json!({"kind": "hang"}));
            ask(scene, "/pass", &late).assert_anonymous();
        });
}

#[test]
fn many_failures_are_forgotten_when_the_resolver_is_back() {
    Plan::new().workers(2).play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for _ in 0..40 {
            ask(scene, "/", &token).assert_unavailable(503);
        }
        scene.stand_in.heal();
        soon("answers again", || ask(scene, "/", &token).status == 200);
        sleep(Duration::from_millis(1200));
        for _ in 0..20 {
            ask(scene, "/", &token).assert_user(&token.user);
        }
    });
}

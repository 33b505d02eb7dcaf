//! What an administrator may have written around ours: rules, filters, limits, kept connections.

use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use authgear_scenarios::workload::{setup, Workload};
use serde_json::json;

#[test]
fn rules_of_the_server_around_meet_neither_questions_nor_key_fetches() {
    let server = "\
        deny all; auth_basic closed; auth_basic_user_file %DIR%/nobody; auth_request /never;\n\
        limit_req zone=rate; limit_conn one 1; proxy_intercept_errors on; error_page 401 403 404 500 502 503 =200 /fine;\n\
        proxy_cache shared; proxy_cache_valid any 1m; proxy_method DELETE; proxy_hide_header x-authgear-session-valid;\n\
        if ($http_x_let_in = \"\") { return 301 /elsewhere; }\n\
        location = /never { return 403; }\n\
        location = /fine { add_header x-authgear-session-valid true; return 200; }\n\
        location / { allow all; auth_basic off; auth_request off; limit_req zone=generous burst=1000 nodelay; limit_conn many 1000;\n\
        proxy_cache off; proxy_method $request_method; error_page 599 /fine; authgear_resolve on; proxy_pass http://%BACKEND%; }";
    let http = "\
        limit_req_zone all zone=rate:1m rate=1r/m; limit_conn_zone all zone=one:1m;\n\
        limit_req_zone $binary_remote_addr zone=generous:1m rate=1000r/s; limit_conn_zone $binary_remote_addr zone=many:1m;\n\
        proxy_cache_path %DIR%/cache keys_zone=shared:1m;";
    Setup::new().server(server).http(http).run(|fixture| {
        soon("the keys are fetched", || fixture.nginx.log().contains("fetched"));
        fixture.stand_in.forget();
        let credentials = [
            fixture.stand_in.jwt(),
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
            fixture.stand_in.opaque(),
        ];
        for _ in 0..3 {
            for credential in &credentials {
                request_with("/", credential)
                    .with("X-Let-In", "1")
                    .send(fixture.port())
                    .assert_user(&credential.user);
            }
        }
        assert_eq!(fixture.stand_in.count().resolver, 9, "the JWT is judged here");
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        request_with("/", &credentials[1])
            .with("X-Let-In", "1")
            .send(fixture.port())
            .assert_unavailable(503);
    });
}

#[test]
fn filters_of_the_server_around_change_no_answer_of_authgears() {
    let server = "\
        ssi on; ssi_types *; addition_types *; add_before_body /before; add_after_body /after; sub_filter_types *; sub_filter keys locks;\n\
        gzip on; gzip_types *; gzip_min_length 1; gunzip on; limit_rate 2000; charset utf-8; proxy_limit_rate 200000;\n\
        location = /before { proxy_pass http://%BACKEND%; }\n\
        location = /after { return 200 after; }\n\
        location / { authgear_resolve on; ssi off; add_before_body \"\"; add_after_body \"\"; sub_filter nothing-here nothing; gzip off; limit_rate 0;\n\
        proxy_pass http://%BACKEND%; }";
    Setup::new().server(server).run(|fixture| {
        fixture.await_keys();
        for credential in [
            fixture.stand_in.jwt(),
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
        ] {
            for _ in 0..3 {
                request_with("/", &credential)
                    .send(fixture.port())
                    .assert_user(&credential.user);
            }
        }
        assert_eq!(fixture.stand_in.count().resolver, 6, "the JWT is judged here");
    });
}

#[test]
fn an_identity_arrives_where_satisfy_any_admitted_somebody_without_us() {
    let server = "\
        location /any { satisfy any; allow 127.0.0.1; deny all; authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
        location /basic { satisfy any; deny all; auth_basic closed; auth_basic_user_file %DIR%/html/people; authgear_resolve on;\n\
        authgear_credentials app_session session; proxy_pass http://%BACKEND%; }";
    Setup::new().server(server).run(|fixture| {
        fixture.await_keys();
        std::fs::write(fixture.directory().join("html/people"), "someone:{PLAIN}secret\n").unwrap();
        let [opaque, cookie, jwt] = [
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
            fixture.stand_in.jwt(),
        ];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 100}));
        for credential in [&opaque, &cookie, &jwt] {
            request_with("/any", credential)
                .with("X-Authgear-User-Id", "mallory")
                .send(fixture.port())
                .assert_user(&credential.user);
        }
        let basic = |authorization: &str| {
            let request = request_with("/basic", &cookie).with("Authorization", authorization);
            request.with("X-Authgear-User-Id", "mallory").send(fixture.port())
        };
        basic("Basic c29tZW9uZTpzZWNyZXQ=").assert_user(&cookie.user);
        let refused = basic("Basic bm9ib2R5OnNlY3JldA==");
        assert_eq!(
            refused.status, 401,
            "resolving alone never satisfies: {refused:?}"
        );
        // The precontent phase may wait, but never refuses.
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 500}));
        request_with("/any", &opaque)
            .with("X-Authgear-User-Id", "mallory")
            .send(fixture.port())
            .assert_anonymous();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut leaving: Vec<Connection> = (0..20).map(|_| Connection::open(fixture.port())).collect();
        for (index, connection) in leaving.iter_mut().enumerate() {
            connection.send(&Request::get("/any").bearer(&format!("unknown{index}")));
        }
        std::thread::sleep(Duration::from_millis(200));
        leaving.into_iter().for_each(Connection::reset);
    });
}

#[test]
fn connections_kept_to_authgear_may_die_between_questions() {
    let http = "upstream project.test { server %AUTHGEAR%; keepalive 8; }";
    let setup = Setup::new()
        .stand_in("--origin")
        .stand_in("http://project.test")
        .http(http)
        .kept(8);
    setup
        .server("authgear_endpoint http://project.test;")
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.opaque();
            for _ in 0..3 {
                fixture.stand_in.forget();
                for _ in 0..10 {
                    request_with("/", &token)
                        .send(fixture.port())
                        .assert_user(&token.user);
                }
                let count = fixture.stand_in.count();
                assert!(count.connections <= 2, "kept, not opened for each: {count:?}");
                fixture.stand_in.fault(&json!({"kind": "refuse"}));
                fixture.stand_in.heal();
            }
        });
}

#[test]
fn a_flood_of_refusals_does_not_flood_the_log_and_tells_no_secret() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let expired = fixture.stand_in.token(&json!({"lifetime": -10}));
        let mut connection = Connection::open(fixture.port());
        let begun = std::time::Instant::now();
        for _ in 0..600 {
            connection
                .ask(&Request::get("/").bearer(&expired.value))
                .assert_invalid();
        }
        let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
        let lines = fixture
            .nginx
            .log()
            .lines()
            .filter(|line| line.contains("authgear:") && line.contains("expired"))
            .count();
        assert!(
            (1..=seconds * 20).contains(&lines),
            "{lines} lines in {seconds} s"
        );
        let cookie = fixture.stand_in.session();
        fixture.stand_in.resolver_fault(json!({"kind": "garbage"}));
        request_with("/", &cookie)
            .send(fixture.port())
            .assert_unavailable(503);
    });
}

#[test]
fn a_debug_log_brings_nothing_down() {
    let setup = setup().workers(2).main("error_log %DIR%/debug.log debug;");
    setup.run(|fixture| {
        fixture.await_keys();
        let workload = Workload::new(fixture);
        workload.run(fixture, 2, 2);
        fixture.stand_in.rotate();
        workload.run(fixture, 1, 1);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 300}));
        let mut waiting: Vec<Connection> = (0..20).map(|_| Connection::open(fixture.port())).collect();
        for (index, connection) in waiting.iter_mut().enumerate() {
            connection.send(&Request::get("/").bearer(&format!("unknown{}", index % 3)));
        }
        let leaving = waiting.split_off(10);
        leaving.into_iter().for_each(Connection::reset);
        for connection in &mut waiting {
            connection.answer().assert_invalid();
        }
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        workload.run(fixture, 1, 1);
    });
}

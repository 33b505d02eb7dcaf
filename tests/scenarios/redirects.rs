//! Internal redirects and slices: one verdict, one question, one set of headers.

use std::fs;

use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

#[test]
fn a_verdict_follows_internal_redirects_and_is_asked_for_once() {
    let server = "\
        root %DIR%/html;\n\
        location / { authgear_resolve on; try_files /nothing /landing; }\n\
        location = /landing { proxy_pass http://%BACKEND%; }\n\
        location /named { authgear_resolve on; try_files /nothing @named; }\n\
        location @named { proxy_pass http://%BACKEND%; }\n\
        location /rewritten { authgear_resolve on; rewrite ^ /landing-on last; }\n\
        location = /landing-on { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
        location /failing { authgear_resolve on; error_page 404 = @named; proxy_intercept_errors on; proxy_pass http://%BACKEND%/status/404; }\n\
        location /forbidden { authgear_resolve on; error_page 403 =200 /landing-on; deny all; }\n\
        location /twice { authgear_resolve on; try_files /nothing /twice-on; }\n\
        location = /twice-on { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
        location /given-up { authgear_resolve on; try_files /nothing /off; }\n\
        location = /off { authgear_resolve off; proxy_pass http://%BACKEND%; }";
    Setup::new().server(server).run(|fixture| {
        soon("the keys are fetched", || fixture.nginx.log().contains("fetched"));
        let credentials = [
            fixture.stand_in.jwt(),
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
        ];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 50}));
        for credential in &credentials {
            let asked = u64::from(!credential.value.starts_with("eyJ"));
            for path in ["/", "/named", "/rewritten", "/failing", "/forbidden", "/twice"] {
                fixture.stand_in.forget();
                let forged = request_with(path, credential).with("X-Authgear-User-Id", "mallory");
                let answer = forged.send(fixture.port());
                assert_eq!(answer.status, 200, "{path}: {answer:?}");
                answer.assert_user(&credential.user);
                assert_eq!(fixture.stand_in.count().resolver, asked, "{path}");
            }
            request_with("/given-up", credential)
                .send(fixture.port())
                .assert_anonymous();
        }
    });
}

#[test]
fn a_sliced_answer_is_put_together_after_one_question() {
    let server = "\
        location /sliced/ { authgear_resolve on; slice 1k; proxy_set_header Range $slice_range; proxy_pass http://127.0.0.1:%PORT1%/; }";
    let origin =
        "server { listen 127.0.0.1:%PORT1%; root %DIR%/html; add_header seen $http_x_authgear_user_id; }";
    Setup::new().server(server).http(origin).run(|fixture| {
        fixture.await_keys();
        let text: String = (0..1000).map(|number| format!("line {number}\n")).collect();
        fs::write(fixture.directory().join("html/large.txt"), &text).unwrap();
        let token = fixture.stand_in.opaque();
        let answer = request_with("/sliced/large.txt", &token).send(fixture.port());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body == text, "the slices differ from the whole");
        assert_eq!(fixture.stand_in.count().resolver, 1);
    });
}

#[test]
fn each_location_on_the_way_draws_its_own_consequence_of_an_unknown_verdict() {
    let server = "\
        root %DIR%/html; authgear_resolve on;\n\
        location /lenient { authgear_unavailable pass; try_files /nothing @strict; }\n\
        location /admitted { satisfy any; allow all; try_files /nothing @strict; }\n\
        location @strict { proxy_pass http://%BACKEND%; }\n\
        location /strict { error_page 503 = @lenient; proxy_pass http://%BACKEND%; }\n\
        location @lenient { authgear_unavailable pass; proxy_pass http://%BACKEND%; }";
    Setup::new().server(server).run(|fixture| {
        fixture.await_keys();
        // No failure of the resolver's: after five of these it would no longer be asked.
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 403}));
        for credential in [fixture.stand_in.opaque(), fixture.stand_in.session()] {
            let request = |path| request_with(path, &credential).with("X-Authgear-User-Id", "mallory");
            for path in ["/lenient", "/admitted"] {
                fixture.stand_in.forget();
                request(path).send(fixture.port()).assert_unavailable(503);
                let count = fixture.stand_in.count();
                assert_eq!((count.backend, count.resolver), (0, 1), "{path}");
            }
            fixture.stand_in.forget();
            let answer = request("/strict").send(fixture.port());
            answer.assert_anonymous();
            assert_eq!(answer.header("retry-after"), None);
            let count = fixture.stand_in.count();
            assert_eq!((count.backend, count.resolver), (1, 1));
        }
    });
}

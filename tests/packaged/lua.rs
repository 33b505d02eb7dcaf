//! What Lua makes up by itself: a configuration inside each worker, requests that no client has sent.

use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;

use crate::everything::{setup, Loaded};

const LUA: &str = "load_module /usr/lib/nginx/modules/ndk_http_module.so; load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;";
const INIT_WORKER: &str =
    "init_worker_by_lua_block { assert(ngx.timer.at(0, function() ngx.log(ngx.NOTICE, \"a timer ran\") end)) }";

fn lua() -> Setup {
    Setup::new().workers(2).main(LUA).http(INIT_WORKER)
}

#[test]
fn workers_start_where_lua_merges_a_configuration_of_its_own() {
    lua().run(|fixture| {
        fixture.await_keys();
        let workers = fixture.nginx.workers();
        for credential in [
            fixture.stand_in.jwt(),
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
        ] {
            request_with("/", &credential)
                .with("X-Authgear-User-Id", "mallory")
                .send(fixture.port())
                .assert_user(&credential.user);
        }
        soon("Lua's timer runs", || fixture.nginx.log().contains("a timer ran"));
        assert_eq!(fixture.nginx.workers(), workers, "no worker has died");
    });
}

#[test]
fn they_start_too_where_nothing_resolves() {
    lua()
        .server("location / { proxy_pass http://%BACKEND%; }")
        .run(|fixture| {
            let workers = fixture.nginx.workers();
            Request::get("/").send(fixture.port()).assert_anonymous();
            soon("Lua's timer runs", || fixture.nginx.log().contains("a timer ran"));
            assert_eq!(fixture.nginx.workers(), workers, "no worker has died");
        });
}

#[test]
fn what_is_merged_in_a_worker_changes_nothing_for_its_requests() {
    let server = "authgear_credentials bearer; authgear_resolve on; location /open { authgear_resolve off; proxy_pass http://%BACKEND%; }";
    lua().server(server).run(|fixture| {
        fixture.await_keys();
        let [jwt, session] = [fixture.stand_in.jwt(), fixture.stand_in.session()];
        for round in 0..3 {
            request_with("/", &jwt)
                .send(fixture.port())
                .assert_user(&jwt.user);
            request_with("/", &session)
                .send(fixture.port())
                .assert_anonymous();
            request_with("/open", &jwt)
                .send(fixture.port())
                .assert_anonymous();
            if round < 2 {
                fixture.nginx.reload();
                fixture.nginx.await_workers(2, Duration::from_secs(10));
            }
        }
    });
}

#[test]
fn one_process_that_is_master_and_worker_starts() {
    lua().single_process().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        request_with("/", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        soon("Lua's timer runs", || fixture.nginx.log().contains("a timer ran"));
    });
}

#[test]
fn lua_and_its_timers_run_beside_every_module() {
    setup(Loaded::First).workers(2).run(|fixture| {
        fixture.await_keys();
        let count = || -> u64 {
            let answer = Request::get("/lua/ticks").send(fixture.port());
            answer.body.trim().parse().unwrap()
        };
        let before = count();
        soon("timers go on", || count() > before + 3);
        let later = request_with("/lua/later", &fixture.stand_in.jwt()).send(fixture.port());
        assert_eq!((later.status, later.body.trim()), (200, "ran"));
        let workers = fixture.nginx.workers();
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        assert_ne!(fixture.nginx.workers(), workers, "others have taken their place");
    });
}

#[test]
fn what_lua_says_of_access_in_the_server_around_meets_no_question() {
    let server = "access_by_lua_block { ngx.exit(403) }\n\
        location / { access_by_lua_block { return } authgear_resolve on; proxy_pass http://%BACKEND%; }";
    lua().server(server).run(|fixture| {
        fixture.await_keys();
        for credential in [
            fixture.stand_in.jwt(),
            fixture.stand_in.opaque(),
            fixture.stand_in.session(),
        ] {
            request_with("/", &credential)
                .send(fixture.port())
                .assert_user(&credential.user);
        }
    });
}

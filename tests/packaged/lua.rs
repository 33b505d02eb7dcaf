//! What Lua makes up by itself: a configuration inside each worker, requests that no client has sent.

use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::plan::Plan;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;

use crate::everything::{plan, Loaded};

const LUA: &str = "load_module /usr/lib/nginx/modules/ndk_http_module.so; load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;";
const INIT_WORKER: &str =
    "init_worker_by_lua_block { assert(ngx.timer.at(0, function() ngx.log(ngx.NOTICE, \"a timer ran\") end)) }";

fn lua() -> Plan {
    Plan::new().workers(2).main(LUA).http(INIT_WORKER)
}

#[test]
fn workers_start_where_lua_merges_a_configuration_of_its_own() {
    lua().play(|scene| {
        scene.await_keys();
        let workers = scene.nginx.workers();
        for credential in [
            scene.stand_in.jwt(),
            scene.stand_in.opaque(),
            scene.stand_in.session(),
        ] {
            request_with("/", &credential)
                .with("X-Authgear-User-Id", "mallory")
                .send(scene.port())
                .assert_user(&credential.user);
        }
        soon("Lua's timer runs", || scene.nginx.log().contains("a timer ran"));
        assert_eq!(scene.nginx.workers(), workers, "no worker has died");
    });
}

#[test]
fn they_start_too_where_nothing_resolves() {
    lua()
        .server("location / { proxy_pass http://%BACKEND%; }")
        .play(|scene| {
            let workers = scene.nginx.workers();
            Request::get("/").send(scene.port()).assert_anonymous();
            soon("Lua's timer runs", || scene.nginx.log().contains("a timer ran"));
            assert_eq!(scene.nginx.workers(), workers, "no worker has died");
        });
}

#[test]
fn what_is_merged_in_a_worker_changes_nothing_for_its_requests() {
    let server = "authgear_credentials bearer; authgear_resolve on; location /open { authgear_resolve off; proxy_pass http://%BACKEND%; }";
    lua().server(server).play(|scene| {
        scene.await_keys();
        let [jwt, session] = [scene.stand_in.jwt(), scene.stand_in.session()];
        for round in 0..3 {
            request_with("/", &jwt).send(scene.port()).assert_user(&jwt.user);
            request_with("/", &session).send(scene.port()).assert_anonymous();
            request_with("/open", &jwt).send(scene.port()).assert_anonymous();
            if round < 2 {
                scene.nginx.reload();
                scene.nginx.await_workers(2, Duration::from_secs(10));
            }
        }
    });
}

#[test]
fn one_process_that_is_master_and_worker_starts() {
    lua().single_process().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        request_with("/", &token)
            .send(scene.port())
            .assert_user(&token.user);
        soon("Lua's timer runs", || scene.nginx.log().contains("a timer ran"));
    });
}

#[test]
fn lua_and_its_timers_run_beside_every_module() {
    plan(Loaded::First).workers(2).play(|scene| {
        scene.await_keys();
        let count = || -> u64 {
            let answer = Request::get("/lua/ticks").send(scene.port());
            answer.body.trim().parse().unwrap()
        };
        let before = count();
        soon("timers go on", || count() > before + 3);
        let later = request_with("/lua/later", &scene.stand_in.jwt()).send(scene.port());
        assert_eq!((later.status, later.body.trim()), (200, "ran"));
        let workers = scene.nginx.workers();
        scene.nginx.reload();
        scene.nginx.await_workers(2, Duration::from_secs(10));
        assert_ne!(scene.nginx.workers(), workers, "others have taken their place");
    });
}

#[test]
fn what_lua_says_of_access_in_the_server_around_meets_no_question() {
    let server = "access_by_lua_block { ngx.exit(403) }\n\
        location / { access_by_lua_block { return } authgear_resolve on; proxy_pass http://%BACKEND%; }";
    lua().server(server).play(|scene| {
        scene.await_keys();
        for credential in [
            scene.stand_in.jwt(),
            scene.stand_in.opaque(),
            scene.stand_in.session(),
        ] {
            request_with("/", &credential)
                .send(scene.port())
                .assert_user(&credential.user);
        }
    });
}

//! A reload that is refused: nginx goes on with the configuration it has, and so must the module, in workers
//! born later too.

use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;

const LOCAL: &str = "authgear_jwks_valid 10m refetch=1s; location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }";
const SMALL: &str = "http {\nauthgear_zone zone=authgear:8k;";

fn refuse_a_reload(scene: &Scene) {
    scene.try_in_vain(|conf| conf.replacen("http {", SMALL, 1), "too small");
}

/// Questions get answers, and a new key is fetched.
fn assert_works(scene: &Scene) {
    for credential in [scene.stand_in.opaque(), scene.stand_in.session()] {
        request_with("/", &credential)
            .send(scene.port())
            .assert_user(&credential.user);
    }
    scene.stand_in.rotate();
    let token = scene.stand_in.jwt();
    scene.stand_in.forget();
    soon("the new key is fetched", || {
        let answer = Request::get("/local").bearer(&token.value).send(scene.port());
        answer.ours().len() > 1
    });
    let count = scene.stand_in.count();
    assert!(count.jwks > 0 && count.resolver == 0, "{count:?}");
}

#[test]
fn workers_born_after_a_refused_reload_ask_and_fetch() {
    Plan::new()
        .workers(2)
        .server(LOCAL)
        .tolerate("too small")
        .kills_workers()
        .loses_count()
        .play(|scene| {
            scene.await_keys();
            refuse_a_reload(scene);
            assert_works(scene);
            let old = scene.nginx.workers();
            for worker in &old {
                signal(*worker, "KILL");
            }
            soon("workers born after the refusal", || {
                let workers = scene.nginx.workers();
                workers.len() == 2 && workers.iter().all(|worker| !old.contains(worker))
            });
            assert_works(scene);
            scene.nginx.reload();
            scene.nginx.await_workers(2, Duration::from_secs(10));
            assert_works(scene);
        });
}

#[test]
fn a_single_process_asks_and_fetches_after_a_refused_reload() {
    Plan::new()
        .single_process()
        .server(LOCAL)
        .tolerate("too small")
        .play(|scene| {
            scene.await_keys();
            for _ in 0..2 {
                refuse_a_reload(scene);
                assert_works(scene);
            }
        });
}

//! A reload that is refused: nginx goes on with the configuration it has, and so must the module, in workers
//! born later too.

use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;

const LOCAL: &str = "authgear_jwks_valid 10m refetch=1s; location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }";
const SMALL: &str = "http {\nauthgear_zone zone=authgear:8k;";

fn refuse_a_reload(fixture: &Fixture) {
    fixture.try_in_vain(|conf| conf.replacen("http {", SMALL, 1), "too small");
}

/// Questions get answers, and a new key is fetched.
fn assert_works(fixture: &Fixture) {
    for credential in [fixture.stand_in.opaque(), fixture.stand_in.session()] {
        request_with("/", &credential)
            .send(fixture.port())
            .assert_user(&credential.user);
    }
    fixture.stand_in.rotate();
    let token = fixture.stand_in.jwt();
    fixture.stand_in.forget();
    soon("the new key is fetched", || {
        let answer = Request::get("/local").bearer(&token.value).send(fixture.port());
        answer.ours().len() > 1
    });
    let count = fixture.stand_in.count();
    assert!(count.jwks > 0 && count.resolver == 0, "{count:?}");
}

#[test]
fn workers_born_after_a_refused_reload_ask_and_fetch() {
    Setup::new()
        .workers(2)
        .server(LOCAL)
        .tolerate("too small")
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            refuse_a_reload(fixture);
            assert_works(fixture);
            let old = fixture.nginx.workers();
            for worker in &old {
                signal(*worker, "KILL");
            }
            soon("workers born after the refusal", || {
                let workers = fixture.nginx.workers();
                workers.len() == 2 && workers.iter().all(|worker| !old.contains(worker))
            });
            assert_works(fixture);
            fixture.nginx.reload();
            fixture.nginx.await_workers(2, Duration::from_secs(10));
            assert_works(fixture);
        });
}

#[test]
fn a_single_process_asks_and_fetches_after_a_refused_reload() {
    Setup::new()
        .single_process()
        .server(LOCAL)
        .tolerate("too small")
        .run(|fixture| {
            fixture.await_keys();
            for _ in 0..2 {
                refuse_a_reload(fixture);
                assert_works(fixture);
            }
        });
}

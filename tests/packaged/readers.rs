//! Who is calling, as every module meets it that can read a header.

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

use crate::everything::{setup, Loaded};

fn ask(fixture: &Fixture, path: &str, credential: &Credential) -> Answer {
    let forged = request_with(path, credential).with("X-Authgear-User-Id", "mallory");
    forged.with("X_Authgear_User_Id", "mallory").send(fixture.port())
}

fn credentials(fixture: &Fixture) -> [Credential; 3] {
    [
        fixture.stand_in.jwt(),
        fixture.stand_in.opaque(),
        fixture.stand_in.session(),
    ]
}

fn everyone_reads_who_is_calling(fixture: &Fixture) {
    for credential in credentials(fixture) {
        let user = &credential.user;
        let proxied = ask(fixture, "/", &credential);
        proxied.assert_user(user);
        assert_eq!(proxied.seen("x-njs"), [user.as_str()], "{proxied:?}");
        assert_eq!(proxied.seen("x-perl"), [user.as_str()], "{proxied:?}");
        assert_eq!(proxied.header("x-lua"), Some(user.as_str()), "{proxied:?}");
        assert_eq!(proxied.header("x-lua-access"), Some(user.as_str()), "{proxied:?}");
        assert_eq!(proxied.header("x-more"), Some("yes"), "{proxied:?}");
        for (path, after) in [("/lua", "in the master"), ("/njs", "true"), ("/perl", "true")] {
            let answer = ask(fixture, path, &credential);
            assert!(
                answer.body.starts_with(&format!("{user} {after}")),
                "{path}: {answer:?}"
            );
        }
        for path in ["/lua/capture", "/lua/asks-first", "/lua/exec", "/njs/subrequest"] {
            ask(fixture, path, &credential).assert_user(user);
        }
        let echoed = ask(fixture, "/echo", &credential);
        echoed.assert_user(user);
        assert!(echoed.body.trim_end().ends_with(user), "{echoed:?}");
    }
}

#[test]
fn every_module_reads_who_is_calling_with_ours_loaded_first() {
    setup(Loaded::First).run(|fixture| {
        fixture.await_keys();
        everyone_reads_who_is_calling(fixture);
    });
}

#[test]
fn every_module_reads_who_is_calling_with_ours_loaded_last() {
    setup(Loaded::Last).run(|fixture| {
        fixture.await_keys();
        everyone_reads_who_is_calling(fixture);
    });
}

#[test]
fn none_of_them_lets_a_forged_header_by() {
    setup(Loaded::First).run(|fixture| {
        fixture.await_keys();
        for path in [
            "/",
            "/lua/capture",
            "/lua/asks-first",
            "/lua/exec",
            "/njs/subrequest",
        ] {
            let forged = Request::get(path).with("X-Authgear-User-Id", "mallory");
            let answer = forged.with("X_Authgear_User_Id", "mallory").send(fixture.port());
            answer.assert_anonymous();
            assert!(!format!("{answer:?}").contains("mallory"), "{path}: {answer:?}");
        }
        for path in ["/lua", "/njs", "/perl", "/echo"] {
            let answer = Request::get(path)
                .with("X-Authgear-User-Id", "mallory")
                .send(fixture.port());
            assert!(!answer.body.contains("mallory"), "{path}: {answer:?}");
        }
    });
}

#[test]
fn those_who_wait_for_an_answer_wait_beside_every_module() {
    setup(Loaded::First).run(|fixture| {
        fixture.await_keys();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 150}));
        everyone_reads_who_is_calling(fixture);
        let body = vec![b'x'; 100_000];
        let token = fixture.stand_in.opaque();
        Request::post("/", body)
            .bearer(&token.value)
            .send(fixture.port())
            .assert_user(&token.user);
    });
}

#[test]
fn a_header_of_ours_can_be_taken_out_by_another_module() {
    setup(Loaded::First).run(|fixture| {
        fixture.await_keys();
        for credential in credentials(fixture) {
            let answer = ask(fixture, "/more", &credential);
            assert_eq!(
                (answer.status, answer.seen("x-authgear-session-valid")),
                (200, vec!["true"]),
                "{answer:?}"
            );
        }
    });
}

#[test]
fn files_and_channels_are_served_to_whoever_is_calling() {
    setup(Loaded::Last).run(|fixture| {
        fixture.await_keys();
        std::fs::write(fixture.directory().join("html/page.txt"), "a page\n").unwrap();
        for credential in credentials(fixture) {
            let page = ask(fixture, "/files/page.txt", &credential);
            assert_eq!((page.status, page.body.as_str()), (200, "a page\n"), "{page:?}");
            let listing = ask(fixture, "/files/", &credential);
            assert!(listing.body.contains("page.txt"), "{listing:?}");
            let published = Request::post("/channel?id=1", b"news".to_vec()).bearer(&credential.value);
            assert_eq!(published.send(fixture.port()).status / 100, 2);
        }
    });
}

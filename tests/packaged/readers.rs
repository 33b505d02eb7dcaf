//! Who is calling, as every module meets it that can read a header.

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::scene::Scene;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

use crate::everything::{plan, Loaded};

fn ask(scene: &Scene, path: &str, credential: &Credential) -> Answer {
    let forged = request_with(path, credential).with("X-Authgear-User-Id", "mallory");
    forged.with("X_Authgear_User_Id", "mallory").send(scene.port())
}

fn credentials(scene: &Scene) -> [Credential; 3] {
    [
        scene.stand_in.jwt(),
        scene.stand_in.opaque(),
        scene.stand_in.session(),
    ]
}

fn everyone_reads_who_is_calling(scene: &Scene) {
    for credential in credentials(scene) {
        let user = &credential.user;
        let proxied = ask(scene, "/", &credential);
        proxied.assert_user(user);
        assert_eq!(proxied.seen("x-njs"), [user.as_str()], "{proxied:?}");
        assert_eq!(proxied.seen("x-perl"), [user.as_str()], "{proxied:?}");
        assert_eq!(proxied.header("x-lua"), Some(user.as_str()), "{proxied:?}");
        assert_eq!(proxied.header("x-lua-access"), Some(user.as_str()), "{proxied:?}");
        assert_eq!(proxied.header("x-more"), Some("yes"), "{proxied:?}");
        for (path, after) in [("/lua", "in the master"), ("/njs", "true"), ("/perl", "true")] {
            let answer = ask(scene, path, &credential);
            assert!(
                answer.body.starts_with(&format!("{user} {after}")),
                "{path}: {answer:?}"
            );
        }
        for path in ["/lua/capture", "/lua/asks-first", "/lua/exec", "/njs/subrequest"] {
            ask(scene, path, &credential).assert_user(user);
        }
        let echoed = ask(scene, "/echo", &credential);
        echoed.assert_user(user);
        assert!(echoed.body.trim_end().ends_with(user), "{echoed:?}");
    }
}

#[test]
fn every_module_reads_who_is_calling_with_ours_loaded_first() {
    plan(Loaded::First).play(|scene| {
        scene.await_keys();
        everyone_reads_who_is_calling(scene);
    });
}

#[test]
fn every_module_reads_who_is_calling_with_ours_loaded_last() {
    plan(Loaded::Last).play(|scene| {
        scene.await_keys();
        everyone_reads_who_is_calling(scene);
    });
}

#[test]
fn none_of_them_lets_a_forged_header_by() {
    plan(Loaded::First).play(|scene| {
        scene.await_keys();
        for path in [
            "/",
            "/lua/capture",
            "/lua/asks-first",
            "/lua/exec",
            "/njs/subrequest",
        ] {
            let forged = Request::get(path).with("X-Authgear-User-Id", "mallory");
            let answer = forged.with("X_Authgear_User_Id", "mallory").send(scene.port());
            answer.assert_anonymous();
            assert!(!format!("{answer:?}").contains("mallory"), "{path}: {answer:?}");
        }
        for path in ["/lua", "/njs", "/perl", "/echo"] {
            let answer = Request::get(path)
                .with("X-Authgear-User-Id", "mallory")
                .send(scene.port());
            assert!(!answer.body.contains("mallory"), "{path}: {answer:?}");
        }
    });
}

#[test]
fn those_who_wait_for_an_answer_wait_beside_every_module() {
    plan(Loaded::First).play(|scene| {
        scene.await_keys();
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 150}));
        everyone_reads_who_is_calling(scene);
        let body = vec![b'x'; 100_000];
        let token = scene.stand_in.opaque();
        Request::post("/", body)
            .bearer(&token.value)
            .send(scene.port())
            .assert_user(&token.user);
    });
}

#[test]
fn a_header_of_ours_can_be_taken_out_by_another_module() {
    plan(Loaded::First).play(|scene| {
        scene.await_keys();
        for credential in credentials(scene) {
            let answer = ask(scene, "/more", &credential);
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
    plan(Loaded::Last).play(|scene| {
        scene.await_keys();
        std::fs::write(scene.directory().join("html/page.txt"), "a page\n").unwrap();
        for credential in credentials(scene) {
            let page = ask(scene, "/files/page.txt", &credential);
            assert_eq!((page.status, page.body.as_str()), (200, "a page\n"), "{page:?}");
            let listing = ask(scene, "/files/", &credential);
            assert!(listing.body.contains("page.txt"), "{listing:?}");
            let published = Request::post("/channel?id=1", b"news".to_vec()).bearer(&credential.value);
            assert_eq!(published.send(scene.port()).status / 100, 2);
        }
    });
}

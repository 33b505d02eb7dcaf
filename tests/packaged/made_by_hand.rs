//! Configurations and requests that a module makes by hand, with whatever may be missing: `made_by_hand.c` is
//! such a module.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use authgear_scenarios::plan::Plan;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use authgear_scenarios::{client::Request, setting};

const FOLDERS: &str = "core event event/modules os/unix http http/modules http/v2";
const FLAGS: &str = "-shared -fPIC -O1 -Wall -Werror -Wno-unused-parameter";

/// The module, compiled against the headers that the one under test was built with: they lie beside it.
static LIBRARY: LazyLock<String> = LazyLock::new(|| {
    let built = setting("AUTHGEAR_MODULE");
    let beside = Path::new(&built).parent().unwrap().display();
    let library = concat!(env!("CARGO_TARGET_TMPDIR"), "/made_by_hand.so");
    let headers = FOLDERS
        .split(' ')
        .map(|folder| format!("-I{beside}/nginx-src/src/{folder}"));
    let status = Command::new("cc")
        .args(FLAGS.split(' '))
        .args(headers)
        .arg(format!("-I{beside}/objs"))
        .args([
            "-o",
            library,
            concat!(env!("CARGO_MANIFEST_DIR"), "/packaged/made_by_hand.c"),
        ])
        .status();
    assert!(
        status.expect("running cc").success(),
        "made_by_hand.c does not compile"
    );
    library.to_owned()
});

fn plan() -> Plan {
    Plan::new().workers(2).main(&format!("load_module {};", *LIBRARY))
}

#[test]
fn whatever_is_missing_in_a_configuration_that_is_made_by_hand_is_met() {
    plan().http("made_by_hand;").play(|scene| {
        soon("both workers have survived", || {
            scene.nginx.log().matches("made by hand: survived").count() == 2
        });
        scene.await_keys();
        for credential in [scene.stand_in.jwt(), scene.stand_in.opaque()] {
            request_with("/", &credential)
                .send(scene.port())
                .assert_user(&credential.user);
        }
    });
}

#[test]
fn a_location_that_is_made_while_nginx_runs_lets_nobody_in_unasked() {
    let server = "\
        location /on { authgear_resolve on; relocated; proxy_pass http://%BACKEND%; }\n\
        location /off { authgear_resolve off; relocated; proxy_pass http://%BACKEND%; }\n\
        location /unsaid { relocated; proxy_pass http://%BACKEND%; }";
    plan().server(server).play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.jwt();
        let forged = |path: &str| {
            request_with(path, &token)
                .with("X-Authgear-User-Id", "mallory")
                .send(scene.port())
        };
        let refused = forged("/on");
        assert_eq!(
            (refused.status, scene.stand_in.count().backend),
            (500, 0),
            "{refused:?}"
        );
        assert!(
            scene.nginx.log().contains("another module made its location"),
            "the log says why"
        );
        forged("/off").assert_anonymous();
        forged("/unsaid").assert_anonymous();
        Request::get("/unsaid").send(scene.port()).assert_anonymous();
    });
}

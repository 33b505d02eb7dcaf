//! Configurations and requests that a module makes by hand, with whatever may be missing: `made_by_hand.c` is
//! such a module.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use authgear_scenarios::setup::Setup;
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

/// One server, with that module.
pub fn setup() -> Setup {
    Setup::new().main(&format!("load_module {};", *LIBRARY))
}

#[test]
fn whatever_is_missing_in_a_configuration_that_is_made_by_hand_is_met() {
    setup().workers(2).http("made_by_hand;").run(|fixture| {
        soon("both workers have survived", || {
            fixture.nginx.log().matches("made by hand: survived").count() == 2
        });
        fixture.await_keys();
        for credential in [fixture.stand_in.jwt(), fixture.stand_in.opaque()] {
            request_with("/", &credential)
                .send(fixture.port())
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
    setup().workers(2).server(server).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        let forged = |path: &str| {
            request_with(path, &token)
                .with("X-Authgear-User-Id", "mallory")
                .send(fixture.port())
        };
        let refused = forged("/on");
        assert_eq!(
            (refused.status, fixture.stand_in.count().backend),
            (500, 0),
            "{refused:?}"
        );
        assert!(
            fixture.nginx.log().contains("another module made its location"),
            "the log says why"
        );
        forged("/off").assert_anonymous();
        forged("/unsaid").assert_anonymous();
        Request::get("/unsaid").send(fixture.port()).assert_anonymous();
    });
}

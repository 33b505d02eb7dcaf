//! A clock that is set while nginx runs: intervals are of time that passes, not of what the clock says.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;

use authgear_scenarios::client::Request;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{
    await_questions, prove, use_until_invalid, use_until_roles, with_roles, HEARD,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

/// The leeway is for tokens that were issued before the clock was set back.
const LOCATIONS: &str = "authgear_leeway 1h;\n\
    location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }\n\
    location /short { authgear_resolve on; authgear_cache_valid 2s; proxy_pass http://%BACKEND%; }\n\
    location /expiring { authgear_resolve local; authgear_leeway 0s; proxy_pass http://%BACKEND%; }\n\
    location /time { return 200 $msec; }";

/// The clock of one nginx.
struct Clock(PathBuf);

impl Clock {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "authgear-scenario-clock-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/stepped_clock.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(directory.join("clock.so"))
            .arg(source)
            .status()
            .expect("running cc, which nginx is built with");
        assert!(built.success(), "{source} does not compile");
        fs::write(directory.join("step"), "0").unwrap();
        Self(directory)
    }

    fn setup(&self) -> Setup {
        let preload = format!("LD_PRELOAD={}", self.0.join("clock.so").display());
        let step = format!("STEPPED_CLOCK={}", self.0.join("step").display());
        Setup::new()
            .workers(2)
            .server(LOCATIONS)
            .under(&["env", &preload, &step])
    }

    /// Sets the clock so many seconds off, and waits until nginx shows it.
    fn set(&self, fixture: &Fixture, seconds: i64) {
        // In one piece: it may be read at any moment.
        let new = self.0.join("new");
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, self.0.join("step")).unwrap();
        let wanted = i64::try_from(authgear_scenarios::stand_in::now()).unwrap() + seconds;
        let mut right = 0;
        // Often, so that both workers have had some.
        soon("nginx shows the time that was set", || {
            let said = Request::get("/time").send(fixture.port()).body;
            let shown: f64 = said.trim().parse().unwrap();
            #[allow(clippy::cast_precision_loss, reason = "a second more or less")]
            let close = (shown - wanted as f64).abs() < 60.0;
            right = if close { right + 1 } else { 0 };
            right > 10
        });
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_clock_that_is_set_back_stops_no_question_and_prolongs_no_answer() {
    let clock = Clock::new();
    clock.setup().run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/fast");
        // Issued before the time that the clock will be set to: an issue in the future tells nothing of a
        // token's age.
        let [token, ended] = [fixture.stand_in.aged(7200), fixture.stand_in.aged(7200)];
        fixture.stand_in.revoke(&ended);
        use_until_invalid(fixture, "/fast", &ended);
        request_with("/fast", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        let opaque = fixture.stand_in.opaque();
        request_with("/short", &opaque)
            .send(fixture.port())
            .assert_user(&opaque.user);
        clock.set(fixture, -3600);
        fixture.stand_in.revoke(&token);
        fixture.stand_in.revoke(&opaque);
        use_until_invalid(fixture, "/fast", &token);
        use_until_invalid(fixture, "/short", &opaque);
        request_with("/fast", &ended)
            .send(fixture.port())
            .assert_invalid();
    });
}

#[test]
fn a_clock_that_is_set_forward_makes_nothing_due_but_ends_what_has_expired() {
    let clock = Clock::new();
    clock.setup().run(|fixture| {
        fixture.await_keys();
        let confirmed = with_roles(fixture, 120, &["admin"]);
        fixture
            .stand_in
            .change(&confirmed.user, &json!({"roles": ["reader"]}));
        use_until_roles(fixture, "/", &confirmed, &["reader"]);
        let brief = fixture.stand_in.token(&json!({"lifetime": 600}));
        request_with("/expiring", &brief)
            .send(fixture.port())
            .assert_user(&brief.user);
        sleep(HEARD);
        fixture.stand_in.forget();
        clock.set(fixture, 1800);
        for _ in 0..10 {
            request_with("/", &confirmed)
                .send(fixture.port())
                .assert_user(&confirmed.user);
            request_with("/expiring", &brief)
                .send(fixture.port())
                .assert_invalid();
        }
        sleep(HEARD);
        let questions = fixture.stand_in.questions();
        assert!(questions.is_empty(), "no time has passed: {questions:?}");
        // And back again: nothing is stuck.
        clock.set(fixture, 0);
        let due = fixture.stand_in.aged(120);
        request_with("/", &due)
            .send(fixture.port())
            .assert_user(&due.user);
        await_questions(fixture, 1);
    });
}

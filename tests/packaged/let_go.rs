//! A module that reloads have let go, and load again.

use authgear_scenarios::client::Request;
use authgear_scenarios::setup::Setup;

const OTHER: &str = "load_module /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so;";
const OURS: [&str; 3] = ["load_module ", "authgear_", "include "];

fn without_ours(conf: &str) -> String {
    let others = conf
        .lines()
        .filter(|line| !OURS.iter().any(|start| line.starts_with(start)));
    others.collect::<Vec<_>>().join("\n")
}

fn with_another(conf: &str) -> String {
    format!("{OTHER}\n{conf}")
}

#[test]
fn a_reload_that_loads_it_again_is_refused_where_another_module_has_its_index() {
    Setup::new()
        .server("authgear_resolve on;\nlocation / { proxy_pass http://%BACKEND%; }")
        .tolerate("another module has taken its place")
        .run(|fixture| {
            let mut first = String::new();
            fixture.reconfigure(|conf| {
                first = conf.to_owned();
                without_ours(conf)
            });
            // Nobody in this configuration or in the one before has the index any more.
            fixture.reconfigure(without_ours);
            fixture.reconfigure(with_another);
            fixture.try_in_vain(
                |_| with_another(&first),
                "authgear: another module has taken its place since it was let go: restart nginx",
            );
            assert_eq!(Request::get("/").send(fixture.port()).status, 200);
            fixture.reconfigure(|conf| conf.to_owned());
        });
}

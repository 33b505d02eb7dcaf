//! A configuration that outgrows the zone's slots: a zone takes the place of another, and reloads go on as
//! before.

use authgear_scenarios::client::Request;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;

fn servers(range: std::ops::Range<usize>) -> String {
    let server = |index: usize| {
        format!(
            "server {{ listen 127.0.0.1:%PORT0%; server_name grown{index}; authgear_endpoint %ORIGIN%; authgear_jwks_request /grown{index};\n\
             location = /grown{index} {{ internal; proxy_pass http://%AUTHGEAR%/oauth2/jwks; }}\n\
             location / {{ authgear_resolve local; proxy_pass http://%BACKEND%; }} }}\n"
        )
    };
    range.map(server).collect()
}

/// How often the master has mapped shared memory.
fn mappings(pid: u32) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines().filter(|line| line.contains("/dev/zero")).count()
}

#[test]
fn reloads_after_one_that_needed_more_slots_leave_nginx_whole() {
    Setup::new()
        .workers(2)
        .http(&format!("{}#more\n", servers(0..2)))
        .run(|fixture| {
            fixture.await_keys();
            let (token, before) = (fixture.stand_in.jwt(), mappings(fixture.nginx.pid()));
            let serves = |name: &str| {
                let request = Request::get("/").with("Host", name).bearer(&token.value);
                soon(&format!("{name} knows the user"), || {
                    request.send(fixture.port()).status == 200
                });
                request.send(fixture.port()).assert_user(&token.user);
            };
            let more = servers(2..30)
                .replace("%PORT0%", &fixture.port().to_string())
                .replace("%ORIGIN%", &fixture.stand_in.origin)
                .replace("%AUTHGEAR%", &format!("127.0.0.1:{}", fixture.stand_in.authgear))
                .replace("%BACKEND%", &format!("127.0.0.1:{}", fixture.stand_in.backend));
            fixture.reconfigure(|text| text.replace("#more\n", &format!("#begin\n{more}#end\n")));
            for _ in 0..3 {
                serves("grown1");
                serves("grown29");
                fixture.reconfigure(str::to_owned);
            }
            let less = |text: &str| {
                let (begin, rest) = text.split_once("#begin\n").unwrap();
                let (_, end) = rest.split_once("#end\n").unwrap();
                format!("{begin}#more\n{end}")
            };
            for _ in 0..2 {
                fixture.reconfigure(|text| {
                    if text.contains("#begin") {
                        less(text)
                    } else {
                        text.to_owned()
                    }
                });
                serves("grown1");
            }
            assert_eq!(mappings(fixture.nginx.pid()), before, "no zone is left behind");
        });
}

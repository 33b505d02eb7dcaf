//! What is counted is the workers' together: it survives a reload, another size of the zone and a worker that
//! is killed; and it is told as collectors read it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use authgear_scenarios::client::Request;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use openmetrics_parser::prometheus::parse_prometheus;
use serde_json::json;

const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /admin { authgear_resolve on; authgear_require role=admin; proxy_pass http://%BACKEND%; }\n\
    location = /metrics { authgear_metrics; }";
/// The largest of the scenarios' requests, so that each worker serves some.
const REQUESTS: usize = 200;

fn told(fixture: &Fixture) -> String {
    let answer = Request::get("/metrics").send(fixture.port());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// The samples of a family whose labels have these words, summed up.
fn sum(text: &str, name: &str, labels: &str) -> u64 {
    let lines = text
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(labels));
    let values = lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
    values.sum()
}

fn anonymous(fixture: &Fixture) -> u64 {
    sum(
        &told(fixture),
        "nginx_authgear_requests_total",
        "verdict=\"none\"",
    )
}

/// So many requests, each by a connection of its own.
fn send(fixture: &Fixture, name: &str, count: usize) {
    let port = fixture.port();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..count / 8 {
                    let request = Request::get("/").with("Host", name);
                    assert_eq!(request.send(port).status, 200);
                }
            });
        }
    });
}

#[test]
fn numbers_of_all_workers_add_up_and_survive_reloads_and_a_killed_worker() {
    Setup::new()
        .workers(4)
        .kills_workers()
        .http("authgear_zone zone=authgear:8m;")
        .server(LOCATIONS)
        .run(|fixture| {
            let mut expected = u64::try_from(REQUESTS).unwrap();
            send(fixture, "x", REQUESTS);
            assert_eq!(anonymous(fixture), expected, "all workers");
            fixture.reconfigure(str::to_owned);
            assert_eq!(anonymous(fixture), expected, "a reload");
            for size in ["2m", "16m"] {
                fixture.await_quiet();
                fixture.reconfigure(|text| {
                    let (before, rest) = text.split_once("zone=authgear:").unwrap();
                    let (_, after) = rest.split_once(';').unwrap();
                    format!("{before}zone=authgear:{size};{after}")
                });
                assert_eq!(anonymous(fixture), expected, "another size, {size}");
            }
            let worker = *fixture.nginx.workers().first().unwrap();
            signal(worker, "KILL");
            soon("another worker is there", || {
                let workers = fixture.nginx.workers();
                workers.len() == 4 && !workers.contains(&worker)
            });
            send(fixture, "x", REQUESTS);
            expected *= 2;
            assert_eq!(anonymous(fixture), expected, "a killed worker");
        });
}

fn servers(names: impl Iterator<Item = String>) -> String {
    let server = |name: String| {
        format!(
            "server {{ listen 127.0.0.1:%PORT0%; server_name {name}; authgear_endpoint %ORIGIN%;\n\
             location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}\n"
        )
    };
    names.map(server).collect()
}

#[test]
fn servers_beyond_the_room_are_counted_together_and_renamed_ones_get_the_room_of_those_that_went() {
    let names = |letter: char| (0..40).map(move |index| format!("{letter}{index}.example"));
    Setup::new()
        .workers(2)
        .http(&format!(
            "authgear_zone zone=authgear:512k;\n{}",
            servers(names('a'))
        ))
        .server("location = /metrics { authgear_metrics; }")
        .run(|fixture| {
            let count = |text: &str, labels: &str| sum(text, "nginx_authgear_requests_total", labels);
            let serve = |letter: char| {
                for name in names(letter) {
                    send(fixture, &name, 8);
                }
                let text = told(fixture);
                let own = names(letter).filter(|name| count(&text, &format!("server=\"{name}\"")) > 0);
                (own.count(), count(&text, "server=\"\""))
            };
            let (own, rest) = serve('a');
            assert!(own > 5 && own < 40, "{own} servers have numbers of their own");
            let own_requests = u64::try_from(own * 8).unwrap();
            assert_eq!(rest, 320 - own_requests, "the others are counted together");
            fixture.reconfigure(|text| text.replace("server_name a", "server_name b"));
            let (own, _) = serve('b');
            assert!(own > 5, "{own} of the new names have numbers of their own");
            let text = told(fixture);
            assert_eq!(count(&text, "server=\"a"), 0, "what went is not told");
        });
}

/// Everything happens once: the families have samples.
fn live(fixture: &Fixture) {
    let stand_in = &fixture.stand_in;
    fixture.await_keys();
    request_with("/", &stand_in.session()).send(fixture.port());
    request_with("/admin", &stand_in.jwt()).send(fixture.port());
    Request::get("/").bearer("eyJ.x.y").send(fixture.port());
    stand_in.resolver_fault(json!({"kind": "status", "status": 500}));
    request_with("/", &stand_in.opaque()).send(fixture.port());
    stand_in.heal();
}

#[test]
fn the_text_holds_to_the_format_and_json_has_the_same_families() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        live(fixture);
        let text = told(fixture);
        let parsed = parse_prometheus(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let families: BTreeSet<_> = parsed.families.keys().cloned().collect();
        assert_eq!(families, declared(&text));
        for family in parsed.families.values() {
            // A dry run, of which there is none here.
            let may_be_empty = family.family_name == "nginx_authgear_dry_run_refusals_total";
            assert!(
                may_be_empty || family.iter_samples().next().is_some(),
                "{} has no sample\n{text}",
                family.family_name
            );
        }
        let json = Request::get("/metrics")
            .with("Accept", "application/json")
            .send(fixture.port());
        let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
        let in_json: BTreeSet<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(in_json, families);
    });
}

/// The families that the text names.
fn declared(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split_once(' ').unwrap().0.to_owned())
        .collect()
}

/// The names of ours in a document.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| character != '_' && !character.is_ascii_alphanumeric());
    words
        .filter(|word| word.starts_with("nginx_authgear_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn dashboard_alerts_and_document_name_what_is_told_and_nothing_else() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |name: &str| fs::read_to_string(docs.join(name)).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 5);
    Setup::new().server(LOCATIONS).run(|fixture| {
        live(fixture);
        let text = told(fixture);
        let told = &named(&text) | &declared(&text);
        for document in [
            "grafana-dashboard.json",
            "alerts.yml",
            "metrics.md",
            "runbooks.md",
        ] {
            let named = named(&read(document));
            assert!(!named.is_empty(), "{document}");
            let unknown: Vec<_> = named.difference(&told).collect();
            assert!(unknown.is_empty(), "{document} names {unknown:?}");
        }
        let documented = named(&read("metrics.md"));
        let missing: Vec<_> = declared(&text).difference(&documented).cloned().collect();
        assert!(missing.is_empty(), "metrics.md does not name {missing:?}");
    });
}

#[test]
fn a_scrape_waits_for_nobody_while_the_resolver_hangs() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        let session = fixture.stand_in.session();
        let port = fixture.port();
        let waiting = thread::spawn(move || request_with("/", &session).send(port));
        thread::sleep(Duration::from_millis(200));
        let asked = sum(
            &told(fixture),
            "nginx_authgear_resolver_questions_total",
            "result=\"valid\"",
        );
        assert!(!waiting.is_finished(), "the question is still under way");
        assert_eq!(asked, 0);
        assert_eq!(waiting.join().unwrap().status, 200);
    });
}

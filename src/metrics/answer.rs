//! All numbers, as text for who collects them.

use std::collections::BTreeMap;

use authgear_core::counted::{Asked, Decided, Fetched, Refused};
use authgear_core::exposition::{
    json, text, wants_json, Durations, Family, Kind, Number, Sample, JSON, TEXT,
};
use nginx::content::Content;
use nginx::request::Request;
use nginx::{clock, NGINX_VERSION};

use crate::conf::{self, KeySource, Site};
use crate::zone::{self, Event, Owned, ServerNumbers, Tables, Totals, Zone, BOUNDS};

/// The answer to a request: JSON where that is asked for, else the text format of Prometheus.
pub fn answer(request: Request<'_>) -> Content {
    let families = families(request);
    if request.header("accept").any(wants_json) {
        return Content {
            kind: JSON,
            body: json(&families),
        };
    }
    Content {
        kind: TEXT,
        body: text(&families),
    }
}

fn families(request: Request<'_>) -> Vec<Family> {
    let mut families = vec![build_info()];
    zone::with(|zone| {
        let Some((zone, tables)) = zone.and_then(|zone| Some((zone, zone.tables()?))) else {
            return;
        };
        families.extend(of_servers(zone));
        families.extend(of_resolvers(zone));
        families.extend(of_keys(zone));
        families.extend(of_zone(request, zone.totals(), &tables));
    });
    families
}

fn family(name: &'static str, kind: Kind, help: &'static str, samples: Vec<Sample>) -> Family {
    Family {
        name,
        help,
        kind,
        samples,
    }
}

fn single(name: &'static str, kind: Kind, help: &'static str, number: u64) -> Family {
    family(name, kind, help, vec![Sample::of(&[], Number::Whole(number))])
}

fn build_info() -> Family {
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("nginx", NGINX_VERSION)];
    family(
        "nginx_authgear_build_info",
        Kind::Gauge,
        "The versions of the module and of nginx.",
        vec![Sample::of(&labels, Number::Whole(1))],
    )
}

/// The numbers of each server of the running configuration by its name, and of all that have none of their
/// own.
fn servers(zone: Zone<'_>) -> BTreeMap<String, Vec<ServerNumbers<'_>>> {
    let mut servers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    servers.insert(String::new(), vec![zone.totals().rest()]);
    conf::with_sites(|sites| {
        let ids: BTreeMap<_, _> = sites
            .map(|site| (site.counted_as.id, site.counted_as.name.clone()))
            .collect();
        for (id, name) in ids {
            servers.entry(name).or_default().extend(zone.server(&id));
        }
    });
    servers
}

/// One sample of a server.
fn of_server(numbers: &[ServerNumbers<'_>], count: impl Fn(ServerNumbers<'_>) -> u64) -> u64 {
    numbers
        .iter()
        .fold(0, |sum, numbers| sum.saturating_add(count(*numbers)))
}

fn of_servers(zone: Zone<'_>) -> [Family; 3] {
    let servers = servers(zone);
    [
        family(
            "nginx_authgear_requests_total",
            Kind::Counter,
            "Requests by their verdict.",
            servers.iter().flat_map(decided).collect(),
        ),
        family(
            "nginx_authgear_refusals_total",
            Kind::Counter,
            "Credentials and requests that were refused, by reason.",
            refused(&servers, false),
        ),
        family(
            "nginx_authgear_dry_run_refusals_total",
            Kind::Counter,
            "Requests that would have been refused, and were let in by authgear_dry_run, by reason.",
            refused(&servers, true),
        ),
    ]
}

fn decided((name, numbers): (&String, &Vec<ServerNumbers<'_>>)) -> Vec<Sample> {
    let sample = |decided: Decided| {
        let (verdict, source) = decided.words();
        let labels = [
            ("server", name.as_str()),
            ("verdict", verdict),
            ("source", source),
        ];
        let count = of_server(numbers, |numbers| numbers.decided(decided));
        Sample::of(&labels, Number::Whole(count))
    };
    Decided::all().map(sample).collect()
}

/// Those that have happened: there are many reasons, and most never do.
fn refused(servers: &BTreeMap<String, Vec<ServerNumbers<'_>>>, dry_run: bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (name, numbers) in servers {
        for refused in Refused::all() {
            let count = of_server(numbers, |numbers| numbers.refused(refused, dry_run));
            let labels = [("server", name.as_str()), ("reason", refused.as_str())];
            samples.extend((count > 0).then(|| Sample::of(&labels, Number::Whole(count))));
        }
    }
    samples
}

fn of_resolvers(zone: Zone<'_>) -> [Family; 3] {
    let totals = zone.totals();
    let asked = Asked::all().map(|asked| {
        let labels = [("result", asked.as_str())];
        Sample::of(&labels, Number::Whole(totals.asked(asked)))
    });
    let failing = by_endpoint(|site| Some(u64::from(is_failing(zone, site))));
    let failing = failing
        .iter()
        .map(|(endpoint, failing)| Sample::of(&[("endpoint", endpoint)], Number::Whole(*failing)));
    [
        family(
            "nginx_authgear_resolver_questions_total",
            Kind::Counter,
            "Questions to the resolver, by what came of them.",
            asked.collect(),
        ),
        family(
            "nginx_authgear_resolver_seconds",
            Kind::Histogram,
            "How long the resolver took.",
            durations(totals).samples(),
        ),
        family(
            "nginx_authgear_resolver_failing",
            Kind::Gauge,
            "1: the resolver counts as failing, and is asked once a second.",
            failing.collect(),
        ),
    ]
}

fn is_failing(zone: Zone<'_>, site: &Site) -> bool {
    zone.resolver_slots()
        .any(|slot| slot.is(&site.resolver_id) && slot.is_failing())
}

fn durations(totals: Totals<'_>) -> Durations {
    let (times, sum) = totals.times();
    let [counts @ .., longer] = times;
    Durations {
        buckets: BOUNDS.into_iter().zip(counts).collect(),
        longer,
        sum,
    }
}

/// Something about each endpoint that servers are configured with; of several the largest.
fn by_endpoint(of: impl Fn(&Site) -> Option<u64>) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    conf::with_sites(|sites| {
        for site in sites {
            let Some(number) = of(site) else { continue };
            let most = all.entry(site.endpoint.as_str().to_owned()).or_default();
            *most = number.max(*most);
        }
    });
    all
}

fn of_keys(zone: Zone<'_>) -> [Family; 2] {
    let totals = zone.totals();
    let fetched = Fetched::all().map(|fetched| {
        let labels = [("result", fetched.as_str())];
        Sample::of(&labels, Number::Whole(totals.fetched(fetched)))
    });
    let ages = by_endpoint(|site| age(zone, site));
    let ages = ages
        .iter()
        .map(|(endpoint, age)| Sample::of(&[("endpoint", endpoint)], Number::Milliseconds(*age)));
    [
        family(
            "nginx_authgear_key_fetches_total",
            Kind::Counter,
            "Fetches of key sets, by what came of them.",
            fetched.collect(),
        ),
        family(
            "nginx_authgear_jwks_age_seconds",
            Kind::Gauge,
            "How long ago the key set was fetched.",
            ages.collect(),
        ),
    ]
}

/// The age of the set of a server that judges by one that is fetched; `None` as long as there is none.
fn age(zone: Zone<'_>, site: &Site) -> Option<u64> {
    let is_fetched = site.uses_keys && matches!(site.keys, KeySource::Request { .. });
    let state = is_fetched.then(|| zone.key_state(&site.key_set_id)).flatten()?;
    (state.version != 0).then(|| clock::monotonic().saturating_sub(state.fetched_at))
}

fn of_zone(request: Request<'_>, totals: Totals<'_>, tables: &Tables<'_>) -> [Family; 5] {
    let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let by_table = |verdicts, knowledge| {
        [("verdicts", verdicts), ("knowledge", knowledge)]
            .map(|(table, number)| Sample::of(&[("table", table)], Number::Whole(number)))
            .to_vec()
    };
    let Tables {
        verdicts, knowledge, ..
    } = tables;
    [
        family(
            "nginx_authgear_entries",
            Kind::Gauge,
            "What is remembered: verdicts, and what the resolver said of tokens.",
            by_table(whole(verdicts.len()), whole(knowledge.len())),
        ),
        family(
            "nginx_authgear_entries_limit",
            Kind::Gauge,
            "What there is room for.",
            by_table(whole(verdicts.capacity()), whole(knowledge.capacity())),
        ),
        family(
            "nginx_authgear_evictions_total",
            Kind::Counter,
            "What was forgotten for want of room before it was over.",
            by_table(
                totals.count(Event::VerdictEvicted),
                totals.count(Event::KnowledgeEvicted),
            ),
        ),
        single(
            "nginx_authgear_revocations_total",
            Kind::Counter,
            "Tokens that verify, and that the resolver said no to.",
            totals.count(Event::Revoked),
        ),
        single(
            "nginx_authgear_zone_bytes",
            Kind::Gauge,
            "The size of the shared memory.",
            whole(conf::zone_size(request)),
        ),
    ]
}

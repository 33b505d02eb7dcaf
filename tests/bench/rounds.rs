//! The timed part: every row once a round, in an order of its own each time.
//!
//! What enters: rows and a environment. What leaves: what each row did in each round. What always holds: a
//! figure stands only for requests that were answered as they should be, with as many questions to the
//! resolver as the row allows.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::environment::Environment;
use crate::load::{Ammunition, CONNECTIONS};
use crate::options::Options;
use crate::proxy::Proxy;
use crate::rows::{Asks, Load, Row};

/// One row in one round.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Microseconds of the worker's time for each request.
    pub cpu: f64,
    /// Requests a second.
    pub per_second: f64,
    /// Milliseconds within which half of the answers came.
    pub p50: f64,
    /// And 99 of a hundred.
    pub p99: f64,
    /// Requests that reached the backend.
    pub requests: u64,
    /// Questions to the resolver meanwhile.
    pub questions: u64,
}

/// A row, and what is sent to it.
struct Runner<'a> {
    row: &'a Row,
    ammunition: Ammunition,
}

/// Runs all rounds; a round holds one entry for each row, in the order of `rows`.
pub fn run(environment: &Environment, rows: &[Row], options: &Options) -> Vec<Vec<Figures>> {
    let runners: Vec<Runner> = rows.iter().map(|row| Runner::new(environment, row)).collect();
    (0..options.rounds)
        .map(|round| {
            let mut figures: Vec<Option<Figures>> = vec![None; rows.len()];
            for index in order(rows.len(), round) {
                eprintln!("round {} of {}: {}", round + 1, options.rounds, rows[index].name);
                figures[index] = Some(runners[index].measure(environment, options.seconds));
            }
            figures.into_iter().flatten().collect()
        })
        .collect()
}

impl<'a> Runner<'a> {
    fn new(environment: &Environment, row: &'a Row) -> Self {
        let once = matches!(row.load, Load::Unseen(_));
        let lines = environment.credentials.lines(row.load);
        Self {
            row,
            ammunition: Ammunition::write(&environment.directory_of(&row.name), &lines, once),
        }
    }

    /// With an nginx that is started for it: where a process happens to lie in memory is worth some percent,
    /// and stays as it is for its life.
    fn measure(&self, environment: &Environment, seconds: u64) -> Figures {
        let row = self.row;
        let proxy = Proxy::start(environment, row, &environment.machine.for_nginx(), false);
        proxy.warm(environment, row, seconds);
        proxy.check(environment, row);
        if row.far {
            environment
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 50}));
        }
        await_quiet(environment);
        let figures = timed(environment, &proxy, &self.ammunition, seconds);
        if row.far {
            environment.stand_in.heal();
        }
        assert_asked(row, &figures);
        figures
    }
}

/// Waits until no question of an earlier row is on its way any more: it would count for the next.
fn await_quiet(environment: &Environment) {
    let mut before = u64::MAX;
    for _ in 0..50 {
        let now = environment.stand_in.count().resolver;
        if now == before {
            return;
        }
        before = now;
        sleep(Duration::from_millis(150));
    }
}

fn timed(environment: &Environment, proxy: &Proxy, ammunition: &Ammunition, seconds: u64) -> Figures {
    let asked = environment.stand_in.count().resolver;
    let (arrived, spent) = (environment.arrived(), proxy.nanoseconds());
    let seen = ammunition.send(proxy.port, seconds);
    let spent = proxy.nanoseconds() - spent;
    // The second look at the backend's count is in it.
    let requests = environment.arrived() - arrived - 1;
    Figures {
        cpu: spent as f64 / 1000.0 / requests as f64,
        per_second: seen.per_second,
        p50: seen.p50,
        p99: seen.p99,
        requests,
        questions: environment.stand_in.count().resolver - asked,
    }
}

fn assert_asked(row: &Row, figures: &Figures) {
    let Figures {
        requests, questions, ..
    } = *figures;
    // Requests whose clients left at the end may have been asked about, or not any more.
    let under_way = 2 * CONNECTIONS as u64;
    let right = match row.asks {
        Asks::Never => questions == 0,
        Asks::Seldom => questions <= under_way,
        Asks::Behind => questions > 0 && questions < requests / 2,
        Asks::Always => questions.abs_diff(requests) <= under_way,
    };
    assert!(
        right,
        "{}: {questions} questions to the resolver for {requests} requests, but it should ask {:?}",
        row.name, row.asks
    );
}

/// An order of so many rows, the same in each run: what drifts during a round shall not always meet the same
/// row.
fn order(count: usize, round: usize) -> Vec<usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(round as u64 + 1);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}

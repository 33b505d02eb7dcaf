//! The harness of the scenarios: a real nginx with the module, the stand-in Authgear, and clients whose every
//! byte is chosen.
//!
//! What enters: three environment variables that `scripts/test` sets. What leaves: [`fixture::Fixture`], one
//! nginx and one stand-in for one scenario. What always holds: whatever is started is stopped and reaped,
//! after a panic too; a scenario passes only if nginx has nothing grave in its error log and has given back
//! every connection and descriptor.
//!
//! - [`setup`]: the configuration of a scenario
//! - [`fixture`]: its start, and the checks at the end of every scenario
//! - [`nginx`]: the process, its workers and what they hold
//! - [`stand_in`]: the stand-in Authgear and its control
//! - [`certificate`]: for TLS
//! - [`client`]: HTTP/1.1, byte by byte
//! - [`h2`]: as much of HTTP/2 as a client needs to be rude
//! - [`workload`]: requests of every kind, in turn
//! - [`repeated_use`]: clients that keep using what they have
//! - [`valgrind`]: a scenario under valgrind

pub mod certificate;
pub mod client;
pub mod fixture;
pub mod h2;
pub mod nginx;
pub mod repeated_use;
pub mod setup;
pub mod stand_in;
pub mod valgrind;
pub mod workload;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What `scripts/test` says in the environment variable `name`.
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run scripts/test, which builds nginx, the module and the stand-in and says where they are")
    })
}

/// Looks again and again until there is something to see.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// The same for something that is true or not.
pub fn soon(what: &str, look: impl FnMut() -> bool) {
    soon_within(Duration::from_secs(15), what, look);
}

/// The same with a limit of its own.
pub fn soon_within(within: Duration, what: &str, mut look: impl FnMut() -> bool) {
    eventually(what, within, || look().then_some(()));
}

/// A port of 127.0.0.1 that nobody listens on, below those that the system gives to outgoing connections.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static START: LazyLock<u16> = LazyLock::new(|| {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .subsec_nanos();
        u16::try_from((now / 1000 + std::process::id()) % u32::from(COUNT)).unwrap()
    });
    for _ in 0..COUNT {
        let port = FIRST + (*START + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

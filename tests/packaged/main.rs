//! Beside the modules that Debian packages for its nginx, all of them loaded at once: `scripts/setup modules`
//! installs them.
//!
//! These run with Debian's nginx only; `scripts/test` leaves them out elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails shall say so at once"
)]

mod everything;
mod lua;
mod made_by_hand;
mod readers;

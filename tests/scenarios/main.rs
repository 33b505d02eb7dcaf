//! The scenarios, a module for each trouble.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails shall say so at once"
)]
mod answers;
mod bodies;
mod clock;
mod headers;
mod herd;
mod keys;
mod leaving;
mod limits;
mod memory;
mod mix;
mod processes;
mod projects;
mod redirects;
mod refused_reload;
mod streams;
mod surroundings;
mod takeover;
mod valgrind;

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
mod clock_steps;
mod doubted;
mod failing;
mod headers;
mod herd;
mod hosts;
mod keys;
mod killed;
mod leaving;
mod limits;
mod made_up;
mod many_sets;
mod memory;
mod outage;
mod places;
mod processes;
mod projects;
mod redirects;
mod refused;
mod refused_reload;
mod regrown;
mod remembered;
mod reproven;
mod resolver_limit;
mod revalidate;
mod silence;
mod streams;
mod surroundings;
mod takeover;
mod tokens;
mod unheld;
mod valgrind;
mod valgrind_asking;
mod woken;
mod zone;

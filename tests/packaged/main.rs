//! Beside the modules that Debian packages for its nginx, all of them loaded at once: `scripts/setup modules`
//! installs them.
//!
//! These run with Debian's nginx only; `scripts/test` leaves them out elsewhere.

mod everything;
mod let_go;
mod lua;
mod made_by_hand;
mod readers;
mod two_authorizations;
mod variables;
mod ways_in;

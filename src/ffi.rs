//! The only unsafe code of the module: nginx's C structures behind safe faces, one file each.
//!
//! What holds throughout: a worker is one thread; a request's memory lives until its pool is destroyed, and the cycle's until no
//! worker uses that configuration any more; every call from nginx enters through [`entry`].

pub mod bare;
pub mod clock;
pub mod conf;
pub mod context;
pub mod entry;
pub mod errand;
pub mod event;
pub mod filter;
pub mod headers;
pub mod later;
pub mod layout;
pub mod log;
pub mod module;
pub mod park;
pub mod peer;
pub mod phases;
pub mod request;
pub mod tick;
pub mod variable;
pub mod worker;
pub mod zone;

//! nginx's C structures behind safe faces, one file each, for a module of any purpose.
//!
//! What holds throughout: a worker is one thread; a request's memory lives until its pool is destroyed, and
//! the cycle's until no worker uses that configuration any more; every call from nginx enters through
//! [`entry`]. A function that is not `unsafe` keeps its promises whatever it is called with; one that is says
//! what nginx has to have promised.
//!
//! From top to bottom:

pub mod table;
pub mod background;
pub mod content;
pub mod filter;
pub mod headers;
pub mod park;
pub mod peer;
pub mod phases;
pub mod variable;
pub mod context;
pub mod zone;
mod no_peer;
pub mod conf;
pub mod request_log;
pub mod request;
pub mod later;
pub mod timer;
pub mod event;
pub mod pool;
pub mod entry;
pub mod log;
pub mod module;
pub mod worker;
pub mod clock;
pub mod status;
mod layout;

/// The version of nginx that it is built for.
pub const NGINX_VERSION: &str = match nginx_sys::NGINX_VERSION.to_str() {
    Ok(version) => version,
    Err(_) => "",
};

/// nginx's own types, by their own names: for the signatures of what nginx calls.
pub mod sys {
    pub use nginx_sys::{
        ngx_chain_t, ngx_command_t, ngx_conf_t, ngx_cycle_t, ngx_http_module_t, ngx_http_request_t,
        ngx_http_variable_value_t, ngx_int_t, ngx_module_t,
    };
}

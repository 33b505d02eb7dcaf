//! What nginx has read of the module's headers into variables: it keeps the value of `$http_...` for the
//! request's life, and must read it again when the headers have changed. Else a cache that is keyed by one
//! which was looked at early would hand out one user's answers to all.

use std::cell::OnceCell;

use nginx_sys::{ngx_hash_find, ngx_http_core_main_conf_t, ngx_http_variable_t};

use super::name::hash;
use crate::layout;
use crate::module::core_entry;
use crate::request::{bytes, Request};

/// Which of a configuration's variables they are, by their indices: found with the first request whose
/// headers change.
#[derive(Default)]
pub struct HeaderVariables(OnceCell<Box<[usize]>>);

impl HeaderVariables {
    /// Has nginx read them again. `owns` says which headers are the module's, the same each time.
    pub(super) fn forget(&self, request: Request<'_>, owns: fn(&[u8]) -> bool) {
        let variables = configured(request);
        if request.raw().variables.is_null() {
            return;
        }
        let known = self.0.get_or_init(|| find(request, owns));
        // Those of another configuration, if it were one, may be more than the request has.
        for &index in known.iter().filter(|index| **index < variables.len()) {
            // SAFETY: a request has a value for each variable of its configuration.
            let value = unsafe { request.raw().variables.add(index) };
            // SAFETY: ours to change while nginx is in our callback.
            let value = unsafe { &mut *value };
            layout::ngx_http_variable_value_t::VALID.set(value, 0);
            layout::ngx_http_variable_value_t::NOT_FOUND.set(value, 0);
        }
    }
}

fn core(request: Request<'_>) -> Option<&ngx_http_core_main_conf_t> {
    // SAFETY: the request's array of main configurations.
    let core = unsafe { core_entry::<ngx_http_core_main_conf_t>(request.raw().main_conf) };
    // SAFETY: complete since requests are served; nginx keeps it until the cycle ends.
    core.map(|core| unsafe { core.as_ref() })
}

/// All variables of the request's configuration that have an index.
fn configured(request: Request<'_>) -> &[ngx_http_variable_t] {
    // SAFETY: an array of variables.
    core(request).map_or(&[], |core| unsafe { core.variables.as_slice() })
}

/// Which of the configuration's variables are headers of the module's.
fn find(request: Request<'_>, owns: fn(&[u8]) -> bool) -> Box<[usize]> {
    let Some(core) = core(request) else {
        return Box::default();
    };
    let ours = configured(request)
        .iter()
        .enumerate()
        .filter(|(_, variable)| is_ours(core, bytes(&variable.name), owns));
    ours.map(|(index, _)| index).collect()
}

/// Whether a variable of this name is a header of the module's. One that a configuration has defined itself,
/// by `set` say, holds what it was given.
fn is_ours(core: &ngx_http_core_main_conf_t, name: &[u8], owns: fn(&[u8]) -> bool) -> bool {
    const PREFIX: &[u8] = b"http_";
    let header = name.strip_prefix(PREFIX);
    header.is_some_and(owns) && !is_defined(core, name)
}

fn is_defined(core: &ngx_http_core_main_conf_t, name: &[u8]) -> bool {
    let all = (&raw const core.variables_hash).cast_mut();
    // SAFETY: nginx's table of all that are defined by their whole names; it only reads both.
    let found = unsafe { ngx_hash_find(all, hash(name), name.as_ptr().cast_mut(), name.len()) };
    !found.is_null()
}

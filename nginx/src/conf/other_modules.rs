//! What other modules do in a location, as far as it can be known.
//!
//! Their structures are their own. What is read of them is their first member, which is no smaller than what
//! is read and has been the same since before nginx 1.22; or a member whose type and offset the module itself
//! gives away, to a function of nginx's core that fills it.

use std::ffi::{c_char, c_void, CStr};
use std::mem::align_of;
use std::ptr::{self, NonNull};
use std::slice;

use nginx_sys::{
    ngx_array_t, ngx_command_t, ngx_conf_set_keyval_slot, ngx_conf_t, ngx_keyval_t, ngx_module_t, ngx_str_t,
    NGX_HTTP_LOC_CONF_OFFSET,
};

use super::Configurations;
#[cfg(ngx_feature = "http_cache")]
use crate::layout;
use crate::request::bytes;

/// Modules whose work beside ours is worth a warning, by their place in a location's array.
#[derive(Default)]
pub struct OtherModules {
    auth_request: Option<usize>,
    mirror: Option<usize>,
    proxy: Option<usize>,
    lists: Vec<HeaderList>,
}

/// Where a module keeps the headers that it is told to set.
struct HeaderList {
    directive: &'static str,
    module: usize,
    offset: usize,
}

/// What a directive like `proxy_set_header` sends to a location's backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetHeaders {
    /// The directive.
    pub directive: &'static str,
    /// (name, value), as they are written.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl OtherModules {
    /// # Safety
    /// `cf` is the configuration under way.
    pub unsafe fn find(cf: NonNull<ngx_conf_t>) -> Self {
        // SAFETY: the configuration under way.
        let cycle = unsafe { (*cf.as_ptr()).cycle };
        // SAFETY: the cycle under way.
        let modules = unsafe { (*cycle).modules };
        // SAFETY: as above.
        let count = unsafe { (*cycle).modules_n };
        let mut found = Self::default();
        // SAFETY: the array of loaded modules.
        for &module in unsafe { slice::from_raw_parts(modules, count) } {
            // SAFETY: a loaded module stays.
            found.note(unsafe { &*module });
        }
        found
    }

    fn note(&mut self, module: &ngx_module_t) {
        // SAFETY: every loaded module has a name, a C string.
        let name = unsafe { CStr::from_ptr(module.name) };
        let index = module.ctx_index;
        if name == c"ngx_http_auth_request_module" {
            self.auth_request = Some(index);
        } else if name == c"ngx_http_mirror_module" {
            self.mirror = Some(index);
        } else if name == c"ngx_http_proxy_module" {
            self.proxy = Some(index);
            self.lists.extend(HeaderList::of(module, "proxy_set_header"));
        } else if name == c"ngx_http_grpc_module" {
            self.lists.extend(HeaderList::of(module, "grpc_set_header"));
        }
    }

    /// Its configuration begins with the URI that it asks, empty when it is off.
    pub fn auth_request(&self, location: Configurations<'_>) -> Option<Vec<u8>> {
        // SAFETY: that module's first member.
        let uri = unsafe { first_member::<ngx_str_t>(location, self.auth_request) }?;
        (uri.len != 0).then(|| bytes(uri).to_vec())
    }

    /// Its configuration begins with an array of the URIs that it asks, null when it is off.
    pub fn mirrors(&self, location: Configurations<'_>) -> Vec<Vec<u8>> {
        // SAFETY: that module's first member.
        let array = unsafe { first_member::<*const ngx_array_t>(location, self.mirror) };
        // SAFETY: an array of that type.
        let uris = unsafe { elements::<ngx_str_t>(array) };
        uris.iter().map(|uri| bytes(uri).to_vec()).collect()
    }

    /// Its configuration begins with that of its upstream.
    pub fn proxy_cache(&self, location: Configurations<'_>) -> bool {
        #[cfg(ngx_feature = "http_cache")]
        // SAFETY: that module's first member.
        let on = unsafe { first_member::<nginx_sys::ngx_http_upstream_conf_t>(location, self.proxy) }
            .is_some_and(|upstream| layout::ngx_http_upstream_conf_t::CACHE.of(upstream) == 1);
        #[cfg(not(ngx_feature = "http_cache"))]
        let on = false;
        on
    }

    /// The headers that each of these directives sets.
    pub fn set_headers(&self, location: Configurations<'_>) -> Vec<SetHeaders> {
        let of = |list: &HeaderList| {
            let headers = list.headers(location).iter();
            let headers = headers.map(|header| (bytes(&header.key).to_vec(), bytes(&header.value).to_vec()));
            SetHeaders {
                directive: list.directive,
                headers: headers.collect(),
            }
        };
        self.lists.iter().map(of).collect()
    }
}

impl HeaderList {
    /// The list that a directive fills, if it still is nginx's core that does it.
    fn of(module: &ngx_module_t, directive: &'static str) -> Option<Self> {
        let mut next = module.commands.cast_const();
        loop {
            // SAFETY: null, or a module's array of directives, which one without a name ends.
            let command = unsafe { next.as_ref() }.filter(|command| command.name.len != 0)?;
            if bytes(&command.name) == directive.as_bytes() {
                return fills_a_list(command).then_some(Self {
                    directive,
                    module: module.ctx_index,
                    offset: command.offset,
                });
            }
            // SAFETY: not the last one.
            next = unsafe { next.add(1) };
        }
    }

    /// What it holds in a location, its own or inherited.
    fn headers<'c>(&self, location: Configurations<'c>) -> &'c [ngx_keyval_t] {
        // SAFETY: some bytes of that module's.
        let Some(entry) = (unsafe { location.entry::<u8>(self.module) }) else {
            return &[];
        };
        // SAFETY: the module's own directive has nginx write a pointer to such an array there.
        let list = unsafe { entry.as_ptr().add(self.offset) };
        // SAFETY: as above.
        let list = unsafe { list.cast::<*const ngx_array_t>().as_ref() };
        // SAFETY: an array of that type.
        unsafe { elements(list) }
    }
}

/// Whether nginx's own function appends a directive's words to an array of pairs, at an offset in a
/// location's configuration.
fn fills_a_list(command: &ngx_command_t) -> bool {
    type Set = unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char;
    let nginxs: Set = ngx_conf_set_keyval_slot;
    command.set.is_some_and(|set| ptr::fn_addr_eq(set, nginxs))
        && command.conf == NGX_HTTP_LOC_CONF_OFFSET
        && command.offset.is_multiple_of(align_of::<*const ngx_array_t>())
}

/// # Safety
/// `T` is the first member of that module's configuration.
unsafe fn first_member<'c, T>(location: Configurations<'c>, index: Option<usize>) -> Option<&'c T> {
    // SAFETY: the caller vouches for the type.
    let entry = unsafe { location.entry::<T>(index?) };
    // SAFETY: as above; nothing changes it once everything is merged.
    entry.map(|entry| unsafe { entry.as_ref() })
}

/// The elements of an array in a configuration; none where it was never written.
///
/// # Safety
/// The array, if any, is of `T`, and stays until the cycle ends.
unsafe fn elements<'c, T>(array: Option<&*const ngx_array_t>) -> &'c [T] {
    let unset: *const ngx_array_t = ptr::without_provenance(usize::MAX);
    match array {
        // SAFETY: the caller vouches for it.
        Some(&array) if array != unset => unsafe { array.as_ref() },
        Some(_) | None => None,
    }
    // SAFETY: the caller vouches for the type.
    .map_or(&[], |array| unsafe { array.as_slice() })
}

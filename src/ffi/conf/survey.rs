//! nginx's servers and locations, as this module sees them: noted one by one while nginx merges them, read when all are there.
//!
//! What always holds: a server's own level comes first, then every location in it, outer before inner; that is the order of nginx's merge.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_conf_t, ngx_http_conf_addr_t, ngx_http_conf_ctx_t, ngx_http_conf_port_t, ngx_http_core_loc_conf_t,
    ngx_http_core_main_conf_t, ngx_http_core_srv_conf_t, ngx_http_server_name_t,
};

use super::others::OtherModules;
use super::statement::noted_place;
use super::{level, LocationLevel, ServerLevel, ServerRef};
use crate::conf::complete::ServerRead;
use crate::conf::locations::{Facts, Kind};
use crate::conf::{Location, Server};
use crate::ffi::layout;
use crate::ffi::module::{core_entry, own_entry};
use crate::ffi::request::bytes;

/// One location, or a server's own level, noted while nginx merged it.
pub struct Seen {
    server: NonNull<ngx_http_core_srv_conf_t>,
    core: NonNull<ngx_http_core_loc_conf_t>,
    /// Every module's configuration of it.
    configurations: *mut *mut c_void,
    level: NonNull<LocationLevel>,
    /// `None` for a server's own level.
    outer: Option<NonNull<LocationLevel>>,
}

impl Seen {
    /// `None` where it belongs to no server of nginx's: those have a context of their own.
    ///
    /// # Safety
    /// `level` is being merged with `context`, and `outer` is the level around it.
    pub unsafe fn new(
        context: &ngx_http_conf_ctx_t,
        outer: NonNull<LocationLevel>,
        level: NonNull<LocationLevel>,
    ) -> Option<Self> {
        // SAFETY: the array of a server.
        let server = unsafe { core_entry::<ngx_http_core_srv_conf_t>(context.srv_conf) }?;
        // SAFETY: the array of a location.
        let core = unsafe { core_entry::<ngx_http_core_loc_conf_t>(context.loc_conf) }?;
        let own = own_context(server)?.loc_conf;
        let outer = (!ptr::eq(own, context.loc_conf)).then_some(outer);
        Some(Self {
            server,
            core,
            configurations: context.loc_conf,
            level,
            outer,
        })
    }
}

/// Everything that was noted.
#[derive(Default)]
pub struct Survey {
    seen: Vec<Seen>,
    /// Everything is read: what is merged from now on is no part of the configuration.
    is_over: bool,
}

impl Survey {
    /// `None` when it comes too late.
    pub fn push(&mut self, seen: Seen) -> Option<()> {
        (!self.is_over).then(|| self.seen.push(seen))
    }

    /// What was noted; nothing more will be.
    pub fn end(&mut self) -> Self {
        let seen = std::mem::take(&mut self.seen);
        self.is_over = true;
        Self { seen, is_over: true }
    }

    fn servers(&self) -> impl Iterator<Item = &[Seen]> {
        self.seen.chunk_by(|_, next| next.outer.is_some())
    }

    /// What nginx knows of every server.
    ///
    /// # Safety
    /// nginx has merged everything, and nobody changes a level while the result is there.
    pub unsafe fn read<'c>(
        &self,
        cf: NonNull<ngx_conf_t>,
        context: &'c ngx_http_conf_ctx_t,
    ) -> Vec<ServerRead<'c>> {
        // SAFETY: the array of main configurations.
        let main = unsafe { core_entry::<ngx_http_core_main_conf_t>(context.main_conf) };
        // SAFETY: nginx keeps it until the cycle ends.
        let Some(main) = main.map(|main| unsafe { main.as_ref() }) else {
            return Vec::new();
        };
        let modules = OtherModules::find(cf);
        let read = |seen: &[Seen]| {
            let server = seen.first()?.server;
            let mut indices = HashMap::new();
            let facts = seen.iter().enumerate().map(|(index, each)| {
                indices.insert(each.level, index);
                each.facts(
                    each.outer.and_then(|outer| indices.get(&outer).copied()),
                    &modules,
                )
            });
            let facts = facts.collect();
            // SAFETY: as above.
            let core: &'c ngx_http_core_srv_conf_t = unsafe { server.as_ref() };
            // SAFETY: nginx noted the name of a file that it was reading, a C string in the cycle's pool.
            let place = unsafe { noted_place(core.file_name, core.line) };
            // SAFETY: made by create_server(); the caller vouches that nobody changes it.
            let written = unsafe { &level::<ServerLevel>(own_levels(server)?)?.written };
            // SAFETY: made by create_location(); likewise.
            let locations = seen
                .iter()
                .map(|each| unsafe { &(*each.level.as_ptr()).written })
                .collect();
            let (addresses, names) = (addresses(main, server), names(core));
            Some(ServerRead {
                server: unsafe { ServerRef::new(server) },
                place,
                addresses,
                names,
                written,
                locations,
                facts,
            })
        };
        self.servers().filter_map(read).collect()
    }

    /// Gives every level what it came to, in the order of [`Survey::read`].
    ///
    /// # Safety
    /// nginx is in our callback, and nobody has a reference to a level of a server or a location.
    pub unsafe fn store(&self, completed: Vec<(Server, Vec<Location>)>) {
        for (seen, (server, locations)) in self.servers().zip(completed) {
            for (each, location) in seen.iter().zip(locations) {
                // SAFETY: made by create_location(), and the caller vouches that nobody reads it now.
                unsafe { (*each.level.as_ptr()).complete = Some(location) };
            }
            let levels = seen.first().and_then(|first| own_levels(first.server));
            // SAFETY: the array of a server.
            let level = levels.and_then(|levels| unsafe { own_entry::<ServerLevel>(levels) });
            if let Some(level) = level {
                // SAFETY: made by create_server(); as above.
                unsafe { (*level.as_ptr()).complete = server };
            }
        }
    }
}

impl Seen {
    fn facts(&self, outer: Option<usize>, modules: &OtherModules) -> Facts {
        // SAFETY: nginx keeps it until the cycle ends.
        let core = unsafe { self.core.as_ref() };
        let kind = match (
            self.outer,
            is_by_other_means(core),
            layout::ngx_http_core_loc_conf_t::EXACT_MATCH.is_set(core),
        ) {
            (None, _, _) => Kind::Server,
            (Some(_), true, _) => Kind::Other,
            (Some(_), false, false) => Kind::Prefix,
            (Some(_), false, true) => Kind::Exact,
        };
        Facts {
            name: bytes(&core.name).to_vec(),
            kind,
            internal: core.internal == 1,
            auth_request: modules.auth_request(self.configurations),
            mirrors: modules.mirrors(self.configurations),
            set_headers: match core.handler {
                Some(_) => modules.set_headers(self.configurations),
                None => Vec::new(),
            },
            proxy_cache: modules.proxy_cache(self.configurations),
            outer,
        }
    }
}

fn is_by_other_means(core: &ngx_http_core_loc_conf_t) -> bool {
    #[cfg(ngx_feature = "pcre")]
    let regex = !core.regex.is_null();
    #[cfg(not(ngx_feature = "pcre"))]
    let regex = false;
    regex
        || layout::ngx_http_core_loc_conf_t::NAMED.is_set(core)
        || layout::ngx_http_core_loc_conf_t::NONAME.is_set(core)
}

/// All servers of an `http` block.
pub fn servers(context: &ngx_http_conf_ctx_t) -> &[NonNull<ngx_http_core_srv_conf_t>] {
    // SAFETY: the array of main configurations.
    let main = unsafe { core_entry::<ngx_http_core_main_conf_t>(context.main_conf) };
    // SAFETY: nginx keeps it until the cycle ends.
    let servers = main.map(|main| unsafe { &(*main.as_ptr()).servers });
    // SAFETY: an array of pointers, none of them null.
    servers.map_or(&[], |servers| unsafe { servers.as_slice() })
}

/// A server's own array of server levels.
pub fn own_levels(server: NonNull<ngx_http_core_srv_conf_t>) -> Option<*mut *mut c_void> {
    own_context(server).map(|context| context.srv_conf)
}

/// `None` for what is no server of nginx's: each of those has one.
fn own_context<'c>(server: NonNull<ngx_http_core_srv_conf_t>) -> Option<&'c ngx_http_conf_ctx_t> {
    // SAFETY: nginx keeps a server until the cycle ends.
    let context = unsafe { (*server.as_ptr()).ctx };
    // SAFETY: null, or nginx's, which is kept as long.
    unsafe { context.as_ref() }
}

/// The addresses that a server listens on, as nginx prints them.
fn addresses(main: &ngx_http_core_main_conf_t, server: NonNull<ngx_http_core_srv_conf_t>) -> Vec<Vec<u8>> {
    // SAFETY: null, or nginx's array of what the servers listen on.
    let Some(ports) = (unsafe { main.ports.as_ref() }) else {
        return Vec::new();
    };
    // SAFETY: its elements' type.
    let ports = unsafe { ports.as_slice::<ngx_http_conf_port_t>() };
    // SAFETY: likewise.
    let addresses = ports
        .iter()
        .flat_map(|port| unsafe { port.addrs.as_slice::<ngx_http_conf_addr_t>() });
    let listening = addresses.filter(|address| {
        // SAFETY: likewise: the servers of one address.
        let servers = unsafe { address.servers.as_slice::<*mut ngx_http_core_srv_conf_t>() };
        servers.contains(&server.as_ptr())
    });
    listening
        .map(|address| bytes(&address.opt.addr_text).to_vec())
        .collect()
}

fn names(server: &ngx_http_core_srv_conf_t) -> Vec<Vec<u8>> {
    // SAFETY: nginx's array of a server's names.
    let names = unsafe { server.server_names.as_slice::<ngx_http_server_name_t>() };
    let name = |name: &ngx_http_server_name_t| {
        #[cfg(ngx_feature = "pcre")]
        let mark: &[u8] = if name.regex.is_null() { b"" } else { b"~" };
        #[cfg(not(ngx_feature = "pcre"))]
        let mark: &[u8] = b"";
        [mark, bytes(&name.name)].concat()
    };
    names.iter().map(name).collect()
}

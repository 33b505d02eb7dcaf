//! nginx's servers and locations, as a module sees them: noted one by one while nginx merges them, read when
//! all are there.
//!
//! What always holds: a server's own level comes first, then every location in it, outer before inner; that
//! is the order of nginx's merge.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_conf_t, ngx_http_conf_addr_t, ngx_http_conf_ctx_t, ngx_http_conf_port_t, ngx_http_core_loc_conf_t,
    ngx_http_core_main_conf_t, ngx_http_core_srv_conf_t, ngx_http_server_name_t,
};

use super::locations::{Kind, LocationFacts};
use super::other_modules::OtherModules;
use super::statement::{noted_position, Position};
use super::{level, Configurations, Levels, ServerRef};
use crate::layout;
use crate::log::ErrorLog;
use crate::module::{core_entry, own_entry};
use crate::request::bytes;

/// A server as nginx has read it.
pub struct MergedServer<'c, L: Levels> {
    /// The server.
    pub server: ServerRef,
    /// Where it begins.
    pub position: Position,
    /// The addresses it listens on, as nginx prints them.
    pub addresses: Vec<Vec<u8>>,
    /// All its names; a regular expression with its `~`.
    pub names: Vec<Vec<u8>>,
    /// What the module keeps for it.
    pub level: &'c L::Server,
    /// What it keeps for its own level of locations first, then for every location in it.
    pub locations: Vec<&'c L::Location>,
    /// What nginx knows of those locations, in the same order.
    pub facts: Vec<LocationFacts>,
}

/// One location, or a server's own level, noted while nginx merged it.
pub struct MergedLocation<L: Levels> {
    server: NonNull<ngx_http_core_srv_conf_t>,
    core: NonNull<ngx_http_core_loc_conf_t>,
    /// Every module's configuration of it.
    configurations: *mut *mut c_void,
    level: NonNull<L::Location>,
    /// `None` for a server's own level.
    outer: Option<NonNull<L::Location>>,
}

impl<L: Levels> MergedLocation<L> {
    /// `None` where it belongs to no server of nginx's: those have a context of their own.
    ///
    /// # Safety
    /// `level` is being merged with `context`, and `outer` is the level around it.
    pub unsafe fn new(
        context: &ngx_http_conf_ctx_t,
        outer: NonNull<L::Location>,
        level: NonNull<L::Location>,
    ) -> Option<Self> {
        // SAFETY: the array of a server.
        let server = unsafe { core_entry::<ngx_http_core_srv_conf_t>(context.srv_conf) }?;
        // SAFETY: the array of a location.
        let core = unsafe { core_entry::<ngx_http_core_loc_conf_t>(context.loc_conf) }?;
        // SAFETY: a server of nginx's, or what another module has made to look like one.
        let own = unsafe { own_context(server) }?.loc_conf;
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
pub struct Merged<L: Levels> {
    locations: Vec<MergedLocation<L>>,
    /// Everything is read: what is merged from now on is no part of the configuration.
    is_over: bool,
}

impl<L: Levels> Default for Merged<L> {
    fn default() -> Self {
        Self {
            locations: Vec::new(),
            is_over: false,
        }
    }
}

impl<L: Levels> Merged<L> {
    /// `None` when it comes too late.
    pub fn push(&mut self, location: MergedLocation<L>) -> Option<()> {
        (!self.is_over).then(|| self.locations.push(location))
    }

    /// What was noted; nothing more will be.
    pub fn end(&mut self) -> Self {
        let locations = std::mem::take(&mut self.locations);
        self.is_over = true;
        Self {
            locations,
            is_over: true,
        }
    }

    fn servers(&self) -> impl Iterator<Item = &[MergedLocation<L>]> {
        self.locations.chunk_by(|_, next| next.outer.is_some())
    }

    /// What nginx knows of every server.
    ///
    /// # Safety
    /// nginx has merged everything, and nobody changes a level while the result is there.
    pub unsafe fn read<'c>(
        &self,
        cf: NonNull<ngx_conf_t>,
        context: &'c ngx_http_conf_ctx_t,
    ) -> Vec<MergedServer<'c, L>> {
        // SAFETY: the array of main configurations.
        let main = unsafe { core_entry::<ngx_http_core_main_conf_t>(context.main_conf) };
        // SAFETY: nginx keeps it until the cycle ends.
        let Some(main) = main.map(|main| unsafe { main.as_ref() }) else {
            return Vec::new();
        };
        // SAFETY: the configuration under way.
        let modules = unsafe { OtherModules::find(cf) };
        // SAFETY: the caller vouches for it.
        let read = |locations: &[MergedLocation<L>]| unsafe { server(main, &modules, locations) };
        self.servers().filter_map(read).collect()
    }

    /// Gives every level what it came to, in the order of [`Merged::read`].
    ///
    /// # Safety
    /// nginx is in our callback, and nobody has a reference to a level of a server or a location.
    pub unsafe fn store<S, C>(
        &self,
        completed: Vec<(S, Vec<C>)>,
        store_server: impl Fn(&mut L::Server, S),
        store_location: impl Fn(&mut L::Location, C),
    ) {
        for (merged, (server, locations)) in self.servers().zip(completed) {
            for (each, location) in merged.iter().zip(locations) {
                // SAFETY: made by create_location(), and the caller vouches that nobody reads it now.
                store_location(unsafe { &mut *each.level.as_ptr() }, location);
            }
            let Some(first) = merged.first() else { continue };
            // SAFETY: it belongs to a server of nginx's.
            let context = unsafe { own_context(first.server) };
            // SAFETY: the array of a server.
            let level = context.and_then(|context| unsafe { own_entry::<L::Server>(context.srv_conf) });
            if let Some(mut level) = level {
                // SAFETY: made by create_server(); as above.
                store_server(unsafe { level.as_mut() }, server);
            }
        }
    }
}

/// What nginx knows of one server: `merged` has its own level, and each location in it.
///
/// # Safety
/// nginx has merged everything, and nobody changes a level during `'c`.
unsafe fn server<'c, L: Levels>(
    main: &ngx_http_core_main_conf_t,
    modules: &OtherModules,
    merged: &[MergedLocation<L>],
) -> Option<MergedServer<'c, L>> {
    let server = merged.first()?.server;
    let mut indices = HashMap::new();
    let facts = merged.iter().enumerate().map(|(index, each)| {
        indices.insert(each.level, index);
        let outer = each.outer.and_then(|outer| indices.get(&outer).copied());
        each.facts(outer, modules)
    });
    let facts = facts.collect();
    // SAFETY: nginx keeps it until the cycle ends.
    let core: &'c ngx_http_core_srv_conf_t = unsafe { server.as_ref() };
    // SAFETY: it belongs to a server of nginx's.
    let context = unsafe { own_context(server) }?;
    // SAFETY: made by create_location(); the caller vouches that nobody changes it.
    let locations = merged.iter().map(|each| unsafe { &*each.level.as_ptr() });
    Some(MergedServer {
        server: ServerRef(server),
        // SAFETY: nginx noted the name of a file that it was reading, a C string in the cycle's pool.
        position: unsafe { noted_position(core.file_name, core.line) },
        addresses: addresses(main, core),
        names: names(core),
        // SAFETY: made by create_server(); likewise.
        level: unsafe { level(context.srv_conf) }?,
        locations: locations.collect(),
        facts,
    })
}

impl<L: Levels> MergedLocation<L> {
    fn facts(&self, outer: Option<usize>, modules: &OtherModules) -> LocationFacts {
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
        // SAFETY: nginx's array for this location.
        let all = unsafe { Configurations::from_ptr(self.configurations) };
        LocationFacts {
            name: bytes(&core.name).to_vec(),
            kind,
            internal: core.internal == 1,
            auth_request: all.and_then(|all| modules.auth_request(all)),
            mirrors: all.map(|all| modules.mirrors(all)).unwrap_or_default(),
            set_headers: all
                .filter(|_| core.handler.is_some())
                .map(|all| modules.set_headers(all))
                .unwrap_or_default(),
            proxy_cache: all.is_some_and(|all| modules.proxy_cache(all)),
            error_log: ErrorLog::from_ptr(core.error_log),
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
pub fn all(context: &ngx_http_conf_ctx_t) -> &[NonNull<ngx_http_core_srv_conf_t>] {
    // SAFETY: the array of main configurations.
    let main = unsafe { core_entry::<ngx_http_core_main_conf_t>(context.main_conf) };
    // SAFETY: nginx keeps it until the cycle ends.
    let servers = main.map(|main| unsafe { &(*main.as_ptr()).servers });
    // SAFETY: an array of pointers, none of them null.
    servers.map_or(&[], |servers| unsafe { servers.as_slice() })
}

/// A server's own arrays; `None` for what is no server of nginx's: each of those has some.
///
/// # Safety
/// It is kept during `'c`, as nginx keeps a server until the cycle ends.
pub unsafe fn own_context<'c>(server: NonNull<ngx_http_core_srv_conf_t>) -> Option<&'c ngx_http_conf_ctx_t> {
    // SAFETY: the caller vouches for it.
    let context = unsafe { server.as_ref() }.ctx;
    // SAFETY: null, or nginx's, which is kept as long.
    unsafe { context.as_ref() }
}

/// The addresses that a server listens on, as nginx prints them.
fn addresses(main: &ngx_http_core_main_conf_t, server: &ngx_http_core_srv_conf_t) -> Vec<Vec<u8>> {
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
        servers.contains(&ptr::from_ref(server).cast_mut())
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

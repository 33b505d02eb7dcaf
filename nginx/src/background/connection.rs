//! What a background request has in place of a client: a connection with no peer, and a request that never
//! runs nginx's phases.
//!
//! The connection is a slot of nginx's own, on one datagram socket that the worker keeps for all of them and
//! never reads or writes. It is marked as nginx marks its UDP sessions: shared, so that closing it closes no
//! descriptor, and active, so that nothing is registered.

mod counters;
mod repeated;

use std::cell::OnceCell;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::ptr::{addr_of_mut, fn_addr_eq, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use nginx_sys::{
    in_addr, ngx_buf_t, ngx_connection_counter, ngx_connection_t,
    ngx_connection_tcp_nodelay_e_NGX_TCP_NODELAY_DISABLED,
    ngx_connection_tcp_nopush_e_NGX_TCP_NOPUSH_DISABLED, ngx_create_pool, ngx_current_msec, ngx_cycle,
    ngx_event_flags, ngx_event_t, ngx_get_connection, ngx_http_block_reading, ngx_http_close_connection,
    ngx_http_connection_t, ngx_http_core_find_config_phase, ngx_http_core_main_conf_t,
    ngx_http_create_request, ngx_http_event_handler_pt, ngx_http_free_request, ngx_http_log_ctx_t,
    ngx_http_phase_handler_t, ngx_http_request_t, ngx_int_t, ngx_list_init, ngx_list_push, ngx_log_t,
    ngx_table_elt_t, off_t, sockaddr, sockaddr_in, socklen_t, AF_INET, NGX_HTTP_GET, NGX_USE_CLEAR_EVENT,
};

use super::{CannotStart, Outgoing};
use crate::headers::element;
use crate::headers::name::{HeaderName, HOST};
use crate::layout;
use crate::module::core_entry;
use crate::no_peer::{log_line, receive, receive_chain, send_chain};
use crate::pool::Pool;
use crate::status::Status;

type EventHandler = unsafe extern "C" fn(*mut ngx_event_t);
type RequestHandler = unsafe extern "C" fn(*mut ngx_http_request_t);
type Checker = unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_http_phase_handler_t) -> ngx_int_t;

const POOL_SIZE: usize = 1024;
const HTTP_1_1: usize = 1001;
/// What the limit modules write when they have let a request pass: they look at it no more.
const LIMITS_PASSED: u32 = 1;

thread_local! {
    static SOCKET: OnceCell<UnixDatagram> = const { OnceCell::new() };
}

/// A main request that was made here, and not started yet: it is alive, and nobody else has it.
pub struct MainRequest(NonNull<ngx_http_request_t>);

/// Makes one: `woken` runs when its subrequest ends, `dispatch` on events of its connection.
pub fn create(
    outgoing: &Outgoing<'_>,
    woken: RequestHandler,
    dispatch: EventHandler,
) -> Result<MainRequest, CannotStart> {
    let connection = connect(outgoing, dispatch)?;
    // SAFETY: the connection has all that this reads: pool, log with context, buffer, and the server's
    // configuration in `data`.
    let request = unsafe { ngx_http_create_request(connection.as_ptr()) };
    let Some(request) = NonNull::new(request) else {
        // SAFETY: ours, with a pool; nothing else refers to it.
        unsafe { ngx_http_close_connection(connection.as_ptr()) };
        return Err(CannotStart);
    };
    // SAFETY: ours.
    unsafe { (*connection.as_ptr()).data = request.as_ptr().cast() };
    let main = MainRequest(request);
    match dress(&main, outgoing, woken) {
        Ok(()) => Ok(main),
        Err(error) => {
            main.discard();
            Err(error)
        }
    }
}

impl MainRequest {
    pub fn as_ptr(&self) -> *mut ngx_http_request_t {
        self.0.as_ptr()
    }

    pub fn pool(&self) -> Result<Pool<'_>, CannotStart> {
        // SAFETY: a live request.
        let pool = unsafe { self.0.as_ref() }.pool;
        // SAFETY: its own pool.
        unsafe { Pool::from_ptr(pool) }.ok_or(CannotStart)
    }

    /// It has one as long as it lives.
    pub fn connection(&self) -> *mut ngx_connection_t {
        // SAFETY: a live request.
        unsafe { self.0.as_ref() }.connection
    }

    /// Frees it, and its connection.
    pub fn discard(self) {
        let connection = self.connection();
        // SAFETY: nothing of it runs.
        unsafe { ngx_http_free_request(self.as_ptr(), 0) };
        // SAFETY: its request is gone.
        unsafe { ngx_http_close_connection(connection) };
    }

    /// Where in the phases nginx looks for a request's location.
    pub fn find_config_index(&self) -> Option<ngx_int_t> {
        // SAFETY: a live request.
        let configurations = unsafe { self.0.as_ref() }.main_conf;
        // SAFETY: the array of main configurations.
        let core = unsafe { core_entry::<ngx_http_core_main_conf_t>(configurations) }?;
        // SAFETY: nginx keeps it until the cycle ends.
        let core = unsafe { core.as_ref() };
        // Built by nginx when it read its configuration; ended by an entry without a checker.
        let mut handler: *const ngx_http_phase_handler_t = core.phase_engine.handlers;
        let wanted: Checker = ngx_http_core_find_config_phase;
        for index in 0.. {
            // SAFETY: within the array, whose last entry has no checker.
            let checker = unsafe { (*handler).checker }?;
            if fn_addr_eq(checker, wanted) {
                return Some(index);
            }
            // SAFETY: as above.
            handler = unsafe { handler.add(1) };
        }
        None
    }
}

/// A descriptor that nobody ever sends anything to. nginx's upstream code may look whether there is something
/// to read, and must not wait for it.
fn unread_socket() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn connect(
    outgoing: &Outgoing<'_>,
    dispatch: EventHandler,
) -> Result<NonNull<ngx_connection_t>, CannotStart> {
    let descriptor = SOCKET.with(|socket| {
        if socket.get().is_none() {
            let made = unread_socket().map_err(|_| CannotStart)?;
            // It was empty just now, and a worker is one thread.
            socket.set(made).map_err(|_| CannotStart)?;
        }
        socket.get().map(AsRawFd::as_raw_fd).ok_or(CannotStart)
    })?;
    // SAFETY: set by nginx before anything runs; this thread is the only one.
    let cycle = unsafe { ngx_cycle };
    // SAFETY: the running worker's cycle.
    let log = unsafe { (*cycle).log };
    // SAFETY: nginx's own way to get a free slot; null when there is none.
    let connection = NonNull::new(unsafe { ngx_get_connection(descriptor, log) }).ok_or(CannotStart)?;
    // SAFETY: nginx's way to make a pool; null when there is no memory.
    let pool = unsafe { ngx_create_pool(POOL_SIZE, log) };
    // SAFETY: a slot that is ours alone.
    let slot = unsafe { &mut *connection.as_ptr() };
    layout::ngx_connection_t::SHARED.set(slot, 1);
    // So that a worker that leaves says so.
    layout::ngx_connection_t::IDLE.set(slot, 1);
    // A datagram socket takes neither option, and an unbuffered answer would set them.
    layout::ngx_connection_t::TCP_NODELAY.set(slot, ngx_connection_tcp_nodelay_e_NGX_TCP_NODELAY_DISABLED);
    layout::ngx_connection_t::TCP_NOPUSH.set(slot, ngx_connection_tcp_nopush_e_NGX_TCP_NOPUSH_DISABLED);
    slot.pool = pool;
    counters::opened();
    // SAFETY: null, or the slot's own, which lives as long as what is made in it.
    let Some(pool) = (unsafe { Pool::from_ptr(pool) }) else {
        // SAFETY: without a pool only the slot itself has to go back; it is shared, so no descriptor is
        // closed.
        unsafe { nginx_sys::ngx_close_connection(connection.as_ptr()) };
        counters::closed();
        return Err(CannotStart);
    };
    // SAFETY: the running worker's log.
    match furnish(slot, pool, unsafe { *log }, outgoing, dispatch) {
        Ok(()) => Ok(connection),
        Err(error) => {
            // SAFETY: ours, with a pool; no request yet.
            unsafe { ngx_http_close_connection(connection.as_ptr()) };
            Err(error)
        }
    }
}

fn furnish(
    slot: &mut ngx_connection_t,
    pool: Pool<'_>,
    log: ngx_log_t,
    outgoing: &Outgoing<'_>,
    dispatch: EventHandler,
) -> Result<(), CannotStart> {
    let log_context: NonNull<ngx_http_log_ctx_t> = pool.zeroed()?;
    let http: NonNull<ngx_http_connection_t> = pool.zeroed()?;
    let buffer: NonNull<ngx_buf_t> = pool.zeroed()?;
    let byte = pool.keep(&[])?;
    // SAFETY: set by nginx before it starts its processes.
    let counter = unsafe { ngx_connection_counter };
    // SAFETY: an atomic counter of nginx's, shared by its processes.
    let counter = unsafe { AtomicU64::from_ptr(counter.cast()) };
    slot.number = counter.fetch_add(1, Ordering::Relaxed);
    // SAFETY: nginx's clock.
    slot.start_time = unsafe { ngx_current_msec };
    // SAFETY: fresh memory.
    let context = unsafe { &mut *log_context.as_ptr() };
    context.connection = slot;
    let mut copy = log;
    copy.connection = slot.number;
    copy.handler = Some(log_line);
    copy.data = log_context.as_ptr().cast();
    copy.action = c"asking".as_ptr().cast_mut();
    let own_log = pool.store(copy)?;
    slot.log = own_log.as_ptr();
    // SAFETY: it lies in the pool.
    unsafe { pool.set_log(own_log.as_ptr()) };
    // SAFETY: set by nginx when a worker starts.
    let is_edge_triggered = unsafe { ngx_event_flags } & NGX_USE_CLEAR_EVENT as usize != 0;
    for event in [slot.read, slot.write] {
        // SAFETY: nginx gives every connection its two events.
        let event = unsafe { &mut *event };
        event.log = own_log.as_ptr();
        event.handler = Some(dispatch);
        // Neither is ever registered: an edge-triggered method leaves alone what is active, another one what
        // is ready.
        layout::ngx_event_t::ACTIVE.set(event, u32::from(is_edge_triggered));
        layout::ngx_event_t::READY.set(event, u32::from(!is_edge_triggered));
    }
    // SAFETY: as above.
    layout::ngx_event_t::READY.set(unsafe { &mut *slot.write }, 1);
    slot.recv = Some(receive);
    slot.send = Some(receive);
    slot.recv_chain = Some(receive_chain);
    slot.send_chain = Some(send_chain);
    slot.type_ = nginx_sys::__socket_type_SOCK_STREAM as i32;
    address(slot, pool, outgoing)?;
    // SAFETY: fresh memory.
    let empty = unsafe { &mut *buffer.as_ptr() };
    empty.start = byte.data;
    empty.pos = byte.data;
    empty.last = byte.data;
    // SAFETY: the one byte that keep() leaves behind the text.
    empty.end = unsafe { byte.data.add(1) };
    slot.buffer = buffer.as_ptr();
    // SAFETY: fresh memory.
    unsafe { (*http.as_ptr()).conf_ctx = outgoing.server.context().ok_or(CannotStart)? };
    slot.data = http.as_ptr().cast();
    Ok(())
}

/// The addresses that the location's configuration sees: the client's, or loopback.
fn address(slot: &mut ngx_connection_t, pool: Pool<'_>, outgoing: &Outgoing<'_>) -> Result<(), CannotStart> {
    let local: NonNull<sockaddr_in> = pool.zeroed()?;
    // SAFETY: fresh memory.
    let loopback = unsafe { &mut *local.as_ptr() };
    loopback.sin_family = AF_INET as u16;
    loopback.sin_addr = in_addr {
        s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
    };
    slot.local_sockaddr = local.as_ptr().cast();
    slot.local_socklen = size_of::<sockaddr_in>() as socklen_t;
    let Some(client) = outgoing.client else {
        slot.sockaddr = slot.local_sockaddr;
        slot.socklen = slot.local_socklen;
        slot.addr_text = pool.keep(&[b"127.0.0.1"])?;
        return Ok(());
    };
    slot.sockaddr = pool.keep(&[&client.address])?.data.cast::<sockaddr>();
    slot.socklen = socklen_t::try_from(client.address.len()).map_err(|_| CannotStart)?;
    slot.addr_text = pool.keep(&[&client.text])?;
    Ok(())
}

fn dress(main: &MainRequest, outgoing: &Outgoing<'_>, woken: RequestHandler) -> Result<(), CannotStart> {
    // SAFETY: made just now; nobody else has it.
    let raw = unsafe { &mut *main.as_ptr() };
    // SAFETY: the request's own.
    let pool = unsafe { Pool::from_ptr(raw.pool) }.ok_or(CannotStart)?;
    raw.method = NGX_HTTP_GET as usize;
    raw.http_version = HTTP_1_1;
    raw.method_name = pool.keep(&[b"GET"])?;
    raw.http_protocol = pool.keep(&[b"HTTP/1.1"])?;
    raw.request_line = pool.keep(&[b"GET ", outgoing.uri.as_bytes(), b" HTTP/1.1"])?;
    raw.uri = pool.keep(&[outgoing.uri.as_bytes()])?;
    raw.unparsed_uri = raw.uri;
    raw.read_event_handler = Some(ngx_http_block_reading);
    raw.write_event_handler = ngx_http_event_handler_pt::Some(woken);
    layout::ngx_http_request_t::HTTP_STATE
        .set(raw, nginx_sys::ngx_http_state_e_NGX_HTTP_PROCESS_REQUEST_STATE);
    layout::ngx_http_request_t::LOGGED.set(raw, 1);
    layout::ngx_http_request_t::VALID_LOCATION.set(raw, 1);
    layout::ngx_http_request_t::LIMIT_REQ_STATUS.set(raw, LIMITS_PASSED);
    layout::ngx_http_request_t::LIMIT_CONN_STATUS.set(raw, LIMITS_PASSED);
    // No `post_action` of the server either: nginx runs none for a request that looks like one without a
    // redirect left.
    layout::ngx_http_request_t::POST_ACTION.set(raw, 1);
    layout::ngx_http_request_t::URI_CHANGES.set(raw, 0);
    counters::processing(raw);
    let headers = &mut raw.headers_in;
    headers.content_length_n = -1 as off_t;
    // SAFETY: the list of a request that has none yet.
    let rc = unsafe {
        ngx_list_init(
            addr_of_mut!(headers.headers),
            pool.as_ptr(),
            outgoing.headers.len().saturating_add(1),
            size_of::<ngx_table_elt_t>(),
        )
    };
    if !Status(rc).is_ok() {
        return Err(CannotStart);
    }
    repeated::prepare(&mut raw.headers_in, pool)?;
    raw.headers_in.server = pool.keep(&[outgoing.host.as_bytes()])?;
    raw.headers_in.host = push(raw, pool, &HOST, outgoing.host.as_bytes())?;
    for (name, value) in outgoing.headers {
        let Some(value) = value else { continue };
        let element = push(raw, pool, name, value)?;
        point(raw, pool, name, element)?;
    }
    Ok(())
}

fn push<'p>(
    raw: &mut ngx_http_request_t,
    pool: Pool<'p>,
    name: &HeaderName,
    value: &[u8],
) -> Result<&'p mut ngx_table_elt_t, CannotStart> {
    let ready = element(pool, name, value)?;
    // SAFETY: the request's own list, initialised in dress().
    let slot = NonNull::new(unsafe { ngx_list_push(addr_of_mut!(raw.headers_in.headers)) });
    let mut slot: NonNull<ngx_table_elt_t> = slot.ok_or(CannotStart)?.cast();
    // SAFETY: a fresh element.
    unsafe { slot.write(ready) };
    // SAFETY: just written; it lives in the pool, where nobody moves it.
    Ok(unsafe { slot.as_mut() })
}

/// Sets the pointer by which nginx's variables find a header.
fn point(
    raw: &mut ngx_http_request_t,
    pool: Pool<'_>,
    name: &HeaderName,
    element: &mut ngx_table_elt_t,
) -> Result<(), CannotStart> {
    let headers = &mut raw.headers_in;
    match name.text().to_bytes() {
        b"Authorization" => headers.authorization = element,
        b"User-Agent" => headers.user_agent = element,
        b"Cookie" => repeated::cookie(headers, pool, element)?,
        b"X-Forwarded-For" => repeated::forwarded(headers, pool, element)?,
        _ => {}
    }
    Ok(())
}

//! A request of nginx's, as a module reads it. Nothing here changes a header: see `headers`.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use nginx_sys::{
    ngx_connection_t, ngx_http_core_loc_conf_t, ngx_http_request_t, ngx_list_part_t, ngx_log_t, ngx_str_t,
    ngx_table_elt_t, ngx_uint_t, NGX_HTTP_OPTIONS, NGX_HTTP_SATISFY_ALL,
};

use crate::layout;
use crate::log::Log;
use crate::module::core_entry;
use crate::pool::{OutOfMemory, Pool};

/// A request while nginx is calling us about it.
#[derive(Clone, Copy)]
pub struct Request<'r>(NonNull<ngx_http_request_t>, PhantomData<&'r ngx_http_request_t>);

impl<'r> Request<'r> {
    /// Wraps what nginx handed to a callback; `None` for null.
    ///
    /// # Safety
    /// The request must stay alive for `'r`: the time of the callback, of a module that has said by
    /// [`register`](crate::module::register) which it is.
    pub unsafe fn from_ptr(raw: *mut ngx_http_request_t) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self(raw, PhantomData))
    }

    /// The pointer itself, for other files of `ffi`.
    pub(crate) fn as_ptr(self) -> NonNull<ngx_http_request_t> {
        self.0
    }

    /// The structure, for reading: here alone, where each member that is named is proved to lie where it is
    /// thought to.
    pub(crate) fn raw(self) -> &'r ngx_http_request_t {
        // SAFETY: from_ptr()'s caller promised that it lives for 'r; nginx writes to it only while it has
        // control.
        unsafe { self.0.as_ref() }
    }

    /// Whether this is the client's own request, not a subrequest.
    pub fn is_main(self) -> bool {
        self.raw().main == self.0.as_ptr()
    }

    /// The client's own request, which this may be a part of.
    pub fn main(self) -> Option<Self> {
        NonNull::new(self.raw().main).map(|main| Self(main, PhantomData))
    }

    /// Whether its method is `OPTIONS`.
    pub fn is_options(self) -> bool {
        self.raw().method == NGX_HTTP_OPTIONS as usize
    }

    /// Whether its header announces a body.
    pub fn has_body(self) -> bool {
        let headers = &self.raw().headers_in;
        headers.content_length_n > 0 || layout::ngx_http_headers_in_t::CHUNKED.is_set(headers)
    }

    /// Whether it has been redirected internally, or never came from a client.
    pub fn is_internal(self) -> bool {
        layout::ngx_http_request_t::INTERNAL.is_set(self.raw())
    }

    /// Its pool; one that a module has made by hand may have none.
    pub(crate) fn pool(self) -> Result<Pool<'r>, OutOfMemory> {
        // SAFETY: null, or a pool that is destroyed with the request; nginx has handed control to us.
        unsafe { Pool::from_ptr(self.raw().pool) }.ok_or(OutOfMemory)
    }

    /// The log of its connection.
    pub(crate) fn log(self) -> Option<Log<'r>> {
        // SAFETY: null, or a log that outlives the request.
        self.connection()
            .and_then(|connection| unsafe { Log::from_ptr(connection.log) })
    }

    /// The same, for nginx's structures; null where it has none.
    pub(crate) fn log_ptr(self) -> *mut ngx_log_t {
        self.connection()
            .map_or(ptr::null_mut(), |connection| connection.log)
    }

    /// A request of nginx's has a connection as long as it lives; one that a module has made by hand may have
    /// none.
    pub(crate) fn connection(self) -> Option<&'r ngx_connection_t> {
        // SAFETY: null, or a connection that outlives its request.
        unsafe { self.raw().connection.as_ref() }
    }

    /// Every header that the request has now, in order: (name as sent, value).
    pub fn headers(self) -> impl Iterator<Item = (&'r [u8], &'r [u8])> {
        // SAFETY: the part is embedded in the request and its chain lives in its pool.
        unsafe { elements(&raw const self.raw().headers_in.headers.part) }
            .map(|element| (bytes(&element.key), bytes(&element.value)))
    }

    /// The headers, (name as sent, value), each once, for one look at all of them.
    pub fn each_header(self, visit: impl FnMut(&'r [u8], &'r [u8])) {
        // SAFETY: the part is embedded in the request and its chain lives in its pool.
        unsafe { each_element(&raw const self.raw().headers_in.headers.part, visit) };
    }

    /// The values of the headers called `name` (in lower case), in order.
    pub fn header(self, name: &'static str) -> impl Iterator<Item = &'r [u8]> {
        self.headers()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Whether nginx has seen neither an `Authorization` nor a `Cookie`.
    pub fn has_no_credential(self) -> bool {
        let headers = &self.raw().headers_in;
        #[cfg(nginx1_23)]
        let has_cookie = !headers.cookie.is_null();
        #[cfg(not(nginx1_23))]
        let has_cookie = headers.cookies.nelts > 0;
        headers.authorization.is_null() && !has_cookie
    }

    /// The client's address, as nginx prints it.
    pub fn address(self) -> &'r [u8] {
        self.connection()
            .map_or(&[], |connection| bytes(&connection.addr_text))
    }

    /// The status that is about to be answered.
    pub fn answer_status(self) -> usize {
        self.raw().headers_out.status
    }

    /// The status that nginx itself answers with in place of what a handler or a backend says; 0 for none.
    pub fn own_status(self) -> usize {
        self.raw().err_status
    }

    /// Whether another handler of the access phase has refused, and the request will be unless somebody
    /// admits it (`satisfy any`).
    pub fn is_refused(self) -> bool {
        self.raw().access_code != 0
    }

    /// Whether every handler of the access phase has to admit (`satisfy all`).
    pub fn satisfies_all(self) -> bool {
        // SAFETY: the array of the request's location.
        let core = unsafe { core_entry::<ngx_http_core_loc_conf_t>(self.raw().loc_conf) };
        // SAFETY: it lives as long as the cycle.
        core.is_none_or(|core| unsafe { core.as_ref() }.satisfy == NGX_HTTP_SATISFY_ALL as ngx_uint_t)
    }
}

/// The bytes of an nginx string.
pub(crate) fn bytes(text: &ngx_str_t) -> &[u8] {
    if text.len == 0 || text.data.is_null() {
        return &[];
    }
    // SAFETY: an nginx string is a pointer to `len` bytes that live as long as what holds it.
    unsafe { slice::from_raw_parts(text.data, text.len) }
}

/// The elements of a header list, part by part. None of it is borrowed in between.
///
/// # Safety
/// `part` starts a valid list of `ngx_table_elt_t`, whose memory lives for `'l`.
pub(crate) unsafe fn elements<'l>(part: *const ngx_list_part_t) -> impl Iterator<Item = &'l ngx_table_elt_t> {
    let (mut next, mut index) = (part, 0_usize);
    std::iter::from_fn(move || loop {
        // SAFETY: the caller vouches for the list; `next` is null or another part of it.
        let part = unsafe { next.as_ref() }?;
        if index < part.nelts {
            // SAFETY: a part has `nelts` elements of the list's type.
            let element = unsafe { part.elts.cast::<ngx_table_elt_t>().add(index) };
            index = index.saturating_add(1);
            // SAFETY: as above.
            return unsafe { element.as_ref() };
        }
        (next, index) = (part.next, 0);
    })
}

/// The same for one look at all of them: (name, value).
///
/// # Safety
/// As for [`elements`].
pub(crate) unsafe fn each_element<'l>(
    part: *const ngx_list_part_t,
    mut visit: impl FnMut(&'l [u8], &'l [u8]),
) {
    let mut next = part;
    // SAFETY: the caller vouches for the list; `next` is null or another part of it.
    while let Some(part) = unsafe { next.as_ref() } {
        let (first, count): (*const ngx_table_elt_t, _) = (part.elts.cast(), part.nelts);
        next = part.next;
        for index in 0..count {
            // SAFETY: a part has `nelts` elements of the list's type.
            let element = unsafe { first.add(index) };
            // SAFETY: as above; the reference is gone when `visit` is called, which may change the list.
            let element: &'l ngx_table_elt_t = unsafe { &*element };
            let (name, value) = (bytes(&element.key), bytes(&element.value));
            visit(name, value);
        }
    }
}

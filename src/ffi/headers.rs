//! Changing the headers of a client's request: taking `x-authgear-*` out, and putting our own in.
//!
//! What always holds: no element of the list is moved, since nginx keeps pointers to them; nothing changes before all memory was
//! allocated; each function can be called again at any time. Main requests only: a subrequest's list ends inside its parent's.
//!
//! nginx's loops over a header list read the first element of a part without looking at its count, so a part is never left empty.

pub mod name;
mod ours;
pub mod variables;

use std::mem::size_of;
use std::ptr::{self, addr_of_mut};

use authgear_core::ownership;
use authgear_core::session::Session;
use nginx_sys::{
    ngx_list_init, ngx_list_part_t, ngx_list_push, ngx_list_t, ngx_palloc, ngx_pool_t, ngx_str_t,
    ngx_table_elt_t,
};
use ngx::core::Status;

use self::name::HeaderName;
use self::ours::Ours;
#[cfg(nginx1_23)]
use super::layout;
use super::request::{bytes, elements, keep, OutOfMemory, Request};

/// What the backend is told of who is calling.
#[derive(Clone, Copy)]
pub enum Told<'s> {
    Session(&'s Session),
    /// That there was a credential, and that it is not good.
    Invalid,
    Nothing,
}

/// What one look at all headers of a request finds.
#[derive(Default)]
pub struct Survey<'r> {
    /// The first `Authorization`.
    pub authorization: Option<&'r [u8]>,
    pub has_two_authorizations: bool,
    pub has_cookies: bool,
    /// Something has to go: a header that is ours, or a name of one in `Connection`.
    is_touched: bool,
    is_empty: bool,
}

impl<'r> Survey<'r> {
    pub fn of(request: Request<'r>) -> Self {
        let mut survey = Self {
            is_empty: true,
            ..Self::default()
        };
        request.each_header(|element| survey.look(element));
        survey
    }

    fn look(&mut self, element: &'r ngx_table_elt_t) {
        self.is_empty = false;
        let name = bytes(&element.key);
        if is_named(name, b"authorization") {
            self.has_two_authorizations |= self.authorization.is_some();
            self.authorization.get_or_insert(bytes(&element.value));
        } else if is_named(name, b"cookie") {
            self.has_cookies = true;
        } else if is_named(name, b"connection") {
            self.is_touched |= ownership::connection_without_ours(bytes(&element.value)).is_some();
        } else {
            self.is_touched |= ownership::is_ours(name);
        }
    }
}

/// Takes every header out that belongs to this module, whoever set it, and its name out of `Connection`; then sets those of `told`.
pub fn replace_ours(request: Request<'_>, survey: &Survey<'_>, told: Told<'_>) -> Result<(), OutOfMemory> {
    let ours = match told {
        Told::Session(session) => Ours::of(request.pool(), session)?,
        Told::Invalid => Ours::invalid(request.pool())?,
        Told::Nothing => Ours::NONE,
    };
    rebuild(request, survey, ours)
}

/// Takes every header out that belongs to this module, and its name out of `Connection`. Costs nothing when the survey saw none.
pub fn strip(request: Request<'_>, survey: &Survey<'_>) -> Result<(), OutOfMemory> {
    if !survey.is_touched {
        return Ok(());
    }
    rebuild(request, survey, Ours::NONE)
}

/// A header of the answer that the client will get.
pub fn add_to_answer(request: Request<'_>, name: &HeaderName, value: &[u8]) -> Result<(), OutOfMemory> {
    let ready = element(request.pool(), name, value)?;
    // SAFETY: nginx has handed control to us, so nobody else uses the request now.
    let raw = unsafe { &mut *request.as_ptr().as_ptr() };
    // SAFETY: the answer's header list, initialised when nginx made the request; elements are table entries.
    let slot = unsafe { ngx_list_push(&mut raw.headers_out.headers) };
    let slot: *mut ngx_table_elt_t = slot.cast();
    if slot.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: a fresh, unused element of the list.
    unsafe { slot.write(ready) };
    Ok(())
}

/// A header element with its value in `pool`.
pub fn element(
    pool: *mut ngx_pool_t,
    name: &HeaderName,
    value: &[u8],
) -> Result<ngx_table_elt_t, OutOfMemory> {
    // SAFETY: an all-zero element is what nginx's own code starts from; it is then filled.
    let mut element: ngx_table_elt_t = unsafe { std::mem::zeroed() };
    element.hash = name.hash();
    element.key = name.key();
    element.value = keep(pool, &[value])?;
    element.lowcase_key = name.lowcase();
    Ok(element)
}

/// What has to change: found before anything is changed.
struct Changes {
    /// Runs of elements that stay, in order: the first of them and how many.
    kept: Vec<(*mut ngx_table_elt_t, usize)>,
    /// `Connection` elements and what is left of their value.
    connections: Vec<(*mut ngx_table_elt_t, ngx_str_t)>,
}

fn rebuild(request: Request<'_>, survey: &Survey<'_>, ours: Ours) -> Result<(), OutOfMemory> {
    match (survey.is_touched, ours.count) {
        (false, 0) => return Ok(()),
        (false, _) if !survey.is_empty => append(request, ours)?,
        (true | false, _) => {
            let changes = plan(request)?;
            let headers = &request.raw().headers_in.headers;
            let list = relinked(request.pool(), headers, &changes.kept, ours)?;
            commit(request, list, &changes.connections);
        }
    }
    variables::forget(request);
    Ok(())
}

/// Hangs ours behind a list of which nothing has to go, as a part of their own.
fn append(request: Request<'_>, ours: Ours) -> Result<(), OutOfMemory> {
    let node = node(request.pool(), ours.first, ours.count, ptr::null_mut())?;
    // SAFETY: nginx has handed control to us, so nobody else reads or writes the request now.
    let raw = unsafe { &mut *request.as_ptr().as_ptr() };
    let list = &mut raw.headers_in.headers;
    // SAFETY: the last part of the list: the one in the request, or a node of its pool. It has elements, since only a list without any has an
    // empty part.
    unsafe { (*list.last).next = node };
    list.last = node;
    // A full last part: the next push opens a part of its own instead of writing behind ours.
    list.nalloc = ours.count;
    #[cfg(nginx1_23)]
    layout::ngx_http_headers_in_t::MULTI_LINKED.set(&mut raw.headers_in, 0);
    Ok(())
}

fn node(
    pool: *mut ngx_pool_t,
    elts: *mut ngx_table_elt_t,
    nelts: usize,
    next: *mut ngx_list_part_t,
) -> Result<*mut ngx_list_part_t, OutOfMemory> {
    // SAFETY: the request's pool.
    let node: *mut ngx_list_part_t = unsafe { ngx_palloc(pool, size_of::<ngx_list_part_t>()) }.cast();
    if node.is_null() {
        return Err(OutOfMemory);
    }
    let elts = elts.cast();
    // SAFETY: fresh memory of that size.
    unsafe { node.write(ngx_list_part_t { elts, nelts, next }) };
    Ok(node)
}

fn is_connection(element: &ngx_table_elt_t) -> bool {
    is_named(bytes(&element.key), b"connection")
}

/// Whether a name is `wanted`, which has lower-case letters and nothing else, in any case.
fn is_named<const LENGTH: usize>(name: &[u8], wanted: &[u8; LENGTH]) -> bool {
    // One bit tells the cases of a letter apart.
    <&[u8; LENGTH]>::try_from(name).is_ok_and(|name| name.map(|byte| byte | 0x20) == *wanted)
}

fn plan(request: Request<'_>) -> Result<Changes, OutOfMemory> {
    let mut changes = Changes {
        kept: Vec::new(),
        connections: Vec::new(),
    };
    let mut next: *const ngx_list_part_t = &raw const request.raw().headers_in.headers.part;
    // SAFETY: the request's own list; `next` is null or another part of it.
    while let Some(part) = unsafe { next.as_ref() } {
        let mut run: Option<(*mut ngx_table_elt_t, usize)> = None;
        for index in 0..part.nelts {
            // SAFETY: a part has `nelts` elements.
            let at = unsafe { part.elts.cast::<ngx_table_elt_t>().add(index) };
            // SAFETY: as above.
            let element = unsafe { &*at };
            if stays(request, element, at, &mut changes)? {
                run = Some(run.map_or((at, 1), |(first, count)| (first, count.saturating_add(1))));
            } else {
                changes.kept.extend(run.take());
            }
        }
        changes.kept.extend(run);
        next = part.next;
    }
    Ok(changes)
}

/// Whether the element stays; notes what is left of a `Connection` header.
fn stays(
    request: Request<'_>,
    element: &ngx_table_elt_t,
    at: *mut ngx_table_elt_t,
    changes: &mut Changes,
) -> Result<bool, OutOfMemory> {
    if ownership::is_ours(bytes(&element.key)) {
        return Ok(false);
    }
    if !is_connection(element) {
        return Ok(true);
    }
    match ownership::connection_without_ours(bytes(&element.value)) {
        None => Ok(true),
        // Nothing but our names: the whole header goes.
        Some(left) if left.is_empty() => Ok(false),
        Some(left) => {
            changes.connections.push((at, keep(request.pool(), &[&left])?));
            Ok(true)
        }
    }
}

/// A list over the kept runs and a last part with ours; all memory is new.
fn relinked(
    pool: *mut ngx_pool_t,
    old: &ngx_list_t,
    kept: &[(*mut ngx_table_elt_t, usize)],
    ours: Ours,
) -> Result<ngx_list_t, OutOfMemory> {
    let mut runs = kept.to_vec();
    if ours.count > 0 {
        runs.push((ours.first, ours.count));
    }
    let mut list = *old;
    let Some((&(first, count), rest)) = runs.split_first() else {
        // SAFETY: the list is a copy of ours; the pool is the request's.
        let rc = unsafe { ngx_list_init(&mut list, pool, 4, size_of::<ngx_table_elt_t>()) };
        return if Status(rc).is_ok() {
            Ok(list)
        } else {
            Err(OutOfMemory)
        };
    };
    let mut next = ptr::null_mut();
    let mut last: *mut ngx_list_part_t = ptr::null_mut();
    for &(elts, nelts) in rest.iter().rev() {
        let node = node(pool, elts, nelts, next)?;
        if last.is_null() {
            last = node;
        }
        next = node;
    }
    list.part = ngx_list_part_t {
        elts: first.cast(),
        nelts: count,
        next,
    };
    list.last = last;
    // A full last part: the next push opens a part of its own instead of writing behind a run.
    list.nalloc = rest.last().map_or(count, |&(_, nelts)| nelts);
    Ok(list)
}

fn commit(request: Request<'_>, list: ngx_list_t, connections: &[(*mut ngx_table_elt_t, ngx_str_t)]) {
    // SAFETY: nginx has handed control to us, so nobody else reads or writes the request now.
    let raw = unsafe { &mut *request.as_ptr().as_ptr() };
    raw.headers_in.headers = list;
    if raw.headers_in.headers.last.is_null() || raw.headers_in.headers.part.next.is_null() {
        raw.headers_in.headers.last = addr_of_mut!(raw.headers_in.headers.part);
    }
    #[cfg(nginx1_23)]
    layout::ngx_http_headers_in_t::MULTI_LINKED.set(&mut raw.headers_in, 0);
    // SAFETY: the list that was just set.
    let connection =
        unsafe { elements(&raw const raw.headers_in.headers.part) }.find(|element| is_connection(element));
    raw.headers_in.connection =
        connection.map_or(ptr::null_mut(), |element| ptr::from_ref(element).cast_mut());
    for &(connection, left) in connections {
        // SAFETY: an element of the list; elements are never moved or freed while the request lives.
        let element = unsafe { &mut *connection };
        element.value = left;
    }
}

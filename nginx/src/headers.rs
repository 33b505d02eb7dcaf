//! Changing the headers of a client's request: taking out those that a module owns, and putting its own in.
//!
//! What always holds: no element of the list is moved, since nginx keeps pointers to them; nothing changes
//! before all memory was allocated; each function can be called again at any time. Main requests only: a
//! subrequest's list ends inside its parent's.
//!
//! nginx's loops over a header list read the first element of a part without looking at its count, so a part
//! is never left empty.

mod added;
pub mod name;
mod variables;

use std::mem::size_of;
use std::ptr::{self, addr_of_mut, NonNull};

use nginx_sys::{ngx_list_init, ngx_list_part_t, ngx_list_push, ngx_list_t, ngx_str_t, ngx_table_elt_t};

pub use self::added::AddedHeaders;
pub use self::variables::HeaderVariables;

use self::name::HeaderName;
#[cfg(nginx1_23)]
use crate::layout;
use crate::pool::{OutOfMemory, Pool};
use crate::request::{bytes, elements, Request};
use crate::status::Status;

/// Which headers a module owns: no client, and nobody else, sends one.
#[derive(Clone, Copy)]
pub struct Ownership {
    /// Whether a header of this name is the module's. The same each time.
    pub owns: fn(&[u8]) -> bool,
    /// What is left of a `Connection` header's value without the names of such headers; `None` where it has
    /// none.
    pub connection_without: fn(&[u8]) -> Option<Vec<u8>>,
}

/// Takes every header out that the module owns, whoever set it, and its name out of `Connection`; then puts
/// in what `add` makes, and has nginx read the variables of such headers again: `variables` gives those of
/// the request's configuration. Does nothing where nothing is added and `has_owned` says that nothing has to
/// go: neither a header that the module owns, nor a name of one in `Connection`.
pub fn replace<'t>(
    request: Request<'_>,
    ownership: Ownership,
    has_owned: bool,
    add: impl for<'v> FnOnce(Request<'v>) -> Result<AddedHeaders<'v, 't>, OutOfMemory>,
    variables: impl for<'v> FnOnce(Request<'v>) -> Option<&'v HeaderVariables>,
) -> Result<(), OutOfMemory> {
    let added = add(request)?;
    match (has_owned, added.count) {
        (false, 0) => return Ok(()),
        (false, _) if has_headers(request) => append(request, &added)?,
        (true | false, _) => {
            let changes = plan(request, ownership)?;
            let headers = &request.raw().headers_in.headers;
            let list = relinked(request.pool()?, headers, &changes.kept, &added)?;
            commit(request, list, &changes);
        }
    }
    if let Some(variables) = variables(request) {
        variables.forget(request, ownership.owns);
    }
    Ok(())
}

/// Whether the request has any: then its list's last part has.
fn has_headers(request: Request<'_>) -> bool {
    // SAFETY: null in a request that another module has made by hand, else the last part of the list.
    let last = unsafe { request.raw().headers_in.headers.last.as_ref() };
    last.is_some_and(|last| last.nelts > 0)
}

/// A header of the answer that the client will get.
pub fn add_to_answer(request: Request<'_>, name: &HeaderName, value: &[u8]) -> Result<(), OutOfMemory> {
    let ready = element(request.pool()?, name, value)?;
    // SAFETY: nginx has handed control to us, so nobody else uses the request now.
    let raw = unsafe { &mut *request.as_ptr().as_ptr() };
    // SAFETY: the answer's header list, initialised when nginx made the request; elements are table entries.
    let slot = unsafe { ngx_list_push(&mut raw.headers_out.headers) };
    let slot: NonNull<ngx_table_elt_t> = NonNull::new(slot.cast()).ok_or(OutOfMemory)?;
    // SAFETY: a fresh, unused element of the list.
    unsafe { slot.write(ready) };
    Ok(())
}

/// A header element with its value in `pool`.
pub(crate) fn element(
    pool: Pool<'_>,
    name: &HeaderName,
    value: &[u8],
) -> Result<ngx_table_elt_t, OutOfMemory> {
    let value = pool.keep(&[value])?;
    Ok(ngx_table_elt_t {
        value,
        ..name.element()
    })
}

/// What has to change in a request's list: found before anything is changed.
struct Changes {
    /// Runs of elements that stay, in order.
    kept: Vec<Run>,
    /// `Connection` elements and what is left of their value.
    connections: Vec<(NonNull<ngx_table_elt_t>, ngx_str_t)>,
}

/// Elements that lie one behind the other in a request's pool.
#[derive(Clone, Copy)]
struct Run {
    first: *mut ngx_table_elt_t,
    count: usize,
}

impl Run {
    /// A part of a list.
    fn part(self, next: *mut ngx_list_part_t) -> ngx_list_part_t {
        ngx_list_part_t {
            elts: self.first.cast(),
            nelts: self.count,
            next,
        }
    }
}

/// Hangs them behind a list that is not empty and of which nothing has to go, as a part of their own.
fn append(request: Request<'_>, added: &AddedHeaders<'_, '_>) -> Result<(), OutOfMemory> {
    let part = added.run().part(ptr::null_mut());
    let node = request.pool()?.store(part)?.as_ptr();
    // SAFETY: nginx has handed control to us, so nobody else reads or writes the request now.
    let raw = unsafe { &mut *request.as_ptr().as_ptr() };
    let list = &mut raw.headers_in.headers;
    // SAFETY: the last part of the list: the one in the request, or a node of its pool.
    unsafe { (*list.last).next = node };
    list.last = node;
    // A full last part: the next push opens a part of its own instead of writing behind these.
    list.nalloc = added.count;
    #[cfg(nginx1_23)]
    layout::ngx_http_headers_in_t::MULTI_LINKED.set(&mut raw.headers_in, 0);
    Ok(())
}

fn is_connection(element: &ngx_table_elt_t) -> bool {
    is_named(bytes(&element.key), b"connection")
}

/// Whether a header's name is `wanted`, which has lower-case letters and nothing else, in any case.
pub fn is_named<const LENGTH: usize>(name: &[u8], wanted: &[u8; LENGTH]) -> bool {
    // One bit tells the cases of a letter apart.
    <&[u8; LENGTH]>::try_from(name).is_ok_and(|name| name.map(|byte| byte | 0x20) == *wanted)
}

fn plan(request: Request<'_>, ownership: Ownership) -> Result<Changes, OutOfMemory> {
    let mut changes = Changes {
        kept: Vec::new(),
        connections: Vec::new(),
    };
    let mut next: *const ngx_list_part_t = &raw const request.raw().headers_in.headers.part;
    // SAFETY: the request's own list; `next` is null or another part of it.
    while let Some(part) = unsafe { next.as_ref() } {
        let mut run: Option<Run> = None;
        for index in 0..part.nelts {
            // SAFETY: a part has `nelts` elements.
            let first = unsafe { part.elts.cast::<ngx_table_elt_t>().add(index) };
            // SAFETY: as above.
            let element = unsafe { &*first };
            let stays = match left_of(request, ownership, element)? {
                Left::All => true,
                Left::Nothing => false,
                Left::Value(value) => {
                    let changed = NonNull::new(first).map(|first| (first, value));
                    changes.connections.extend(changed);
                    true
                }
            };
            if stays {
                let run = run.get_or_insert(Run { first, count: 0 });
                run.count = run.count.saturating_add(1);
            } else {
                changes.kept.extend(run.take());
            }
        }
        changes.kept.extend(run);
        next = part.next;
    }
    Ok(changes)
}

/// What becomes of an element.
enum Left {
    All,
    Nothing,
    /// It gets this value.
    Value(ngx_str_t),
}

fn left_of(
    request: Request<'_>,
    ownership: Ownership,
    element: &ngx_table_elt_t,
) -> Result<Left, OutOfMemory> {
    if (ownership.owns)(bytes(&element.key)) {
        return Ok(Left::Nothing);
    }
    if !is_connection(element) {
        return Ok(Left::All);
    }
    Ok(match (ownership.connection_without)(bytes(&element.value)) {
        None => Left::All,
        // Nothing but its names: the whole header goes.
        Some(left) if left.is_empty() => Left::Nothing,
        Some(left) => Left::Value(request.pool()?.keep(&[&left])?),
    })
}

/// A list over the kept runs and a last part with what is added; all memory is new.
fn relinked(
    pool: Pool<'_>,
    old: &ngx_list_t,
    kept: &[Run],
    added: &AddedHeaders<'_, '_>,
) -> Result<ngx_list_t, OutOfMemory> {
    let mut runs = kept.to_vec();
    if added.count > 0 {
        runs.push(added.run());
    }
    let mut list = *old;
    let Some((first, rest)) = runs.split_first() else {
        // SAFETY: the list is a copy; the pool is the request's.
        let rc = unsafe { ngx_list_init(&mut list, pool.as_ptr(), 4, size_of::<ngx_table_elt_t>()) };
        return if Status(rc).is_ok() {
            Ok(list)
        } else {
            Err(OutOfMemory)
        };
    };
    let mut next = ptr::null_mut();
    let mut last: *mut ngx_list_part_t = ptr::null_mut();
    for run in rest.iter().rev() {
        let node = pool.store(run.part(next))?.as_ptr();
        if last.is_null() {
            last = node;
        }
        next = node;
    }
    list.part = first.part(next);
    list.last = last;
    // A full last part: the next push opens a part of its own instead of writing behind a run.
    list.nalloc = rest.last().unwrap_or(first).count;
    Ok(list)
}

fn commit(request: Request<'_>, list: ngx_list_t, changes: &Changes) {
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
    for &(connection, left) in &changes.connections {
        // SAFETY: an element of the list; elements are never moved or freed while the request lives.
        let element = unsafe { &mut *connection.as_ptr() };
        element.value = left;
    }
}

//! Timers and posted events, as nginx's inline functions have them. (Those of the bindings move bits where
//! nobody has proved that they lie.)

use std::ptr::{addr_of_mut, null_mut};

use nginx_sys::{
    ngx_current_msec, ngx_event_t, ngx_event_timer_rbtree, ngx_msec_t, ngx_posted_events,
    ngx_queue_insert_before, ngx_queue_remove, ngx_rbtree_delete, ngx_rbtree_insert,
};

use crate::layout;

/// Whether the event stands in the tree of timers.
pub fn is_timer_set(event: &ngx_event_t) -> bool {
    layout::ngx_event_t::TIMER_SET.is_set(event)
}

/// Has the event's handler called in so many milliseconds, whenever it was to be called before.
///
/// # Safety
/// The event stays where it is until its time is over or [`delete_timer`] was called.
pub unsafe fn add_timer(event: *mut ngx_event_t, milliseconds: u64) {
    // SAFETY: the caller vouches for it.
    let event = unsafe { &mut *event };
    if is_timer_set(event) {
        // SAFETY: it stands in the tree.
        unsafe { delete_timer(event) };
    }
    // SAFETY: nginx's clock, written by this thread only.
    let now = unsafe { ngx_current_msec };
    let milliseconds = ngx_msec_t::try_from(milliseconds).unwrap_or(ngx_msec_t::MAX);
    event.timer.key = now.wrapping_add(milliseconds);
    let tree = addr_of_mut!(ngx_event_timer_rbtree);
    // SAFETY: nginx's tree, and a node of it to be, that stays where it is.
    unsafe { ngx_rbtree_insert(tree, &mut event.timer) };
    layout::ngx_event_t::TIMER_SET.set(event, 1);
}

/// Takes the event out of the tree of timers.
///
/// # Safety
/// It stands in it.
pub unsafe fn delete_timer(event: *mut ngx_event_t) {
    // SAFETY: the caller vouches for it.
    let event = unsafe { &mut *event };
    let tree = addr_of_mut!(ngx_event_timer_rbtree);
    // SAFETY: nginx's tree, and a node of it.
    unsafe { ngx_rbtree_delete(tree, &mut event.timer) };
    (event.timer.left, event.timer.right, event.timer.parent) = (null_mut(), null_mut(), null_mut());
    layout::ngx_event_t::TIMER_SET.set(event, 0);
}

/// Has the event's handler called in this turn of the event loop; once, however often it is posted.
///
/// # Safety
/// The event stays where it is until it was handled or [`delete_posted`] was called.
pub unsafe fn post(event: *mut ngx_event_t) {
    // SAFETY: the caller vouches for it.
    let event = unsafe { &mut *event };
    if layout::ngx_event_t::POSTED.is_set(event) {
        return;
    }
    layout::ngx_event_t::POSTED.set(event, 1);
    let queue = addr_of_mut!(ngx_posted_events);
    // SAFETY: nginx's queue, and a link of it to be, that stays where it is.
    unsafe { ngx_queue_insert_before(queue, &mut event.queue) };
}

/// Takes the event out of the queue that it was posted to.
///
/// # Safety
/// It stands in it.
pub unsafe fn delete_posted(event: *mut ngx_event_t) {
    // SAFETY: the caller vouches for it.
    let event = unsafe { &mut *event };
    layout::ngx_event_t::POSTED.set(event, 0);
    // SAFETY: a link of nginx's queue.
    unsafe { ngx_queue_remove(&mut event.queue) };
}

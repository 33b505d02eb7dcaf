//! Headers that may stand several times: nginx chains them since 1.23, and keeps arrays of pointers to them
//! before.

#[cfg(not(nginx1_23))]
use arrays as kept;
#[cfg(nginx1_23)]
use chains as kept;

#[cfg(ngx_feature = "http_x_forwarded_for")]
pub use kept::forwarded;
pub use kept::{cookie, prepare};

/// An nginx that keeps none.
#[cfg(not(ngx_feature = "http_x_forwarded_for"))]
pub fn forwarded(
    _: &mut nginx_sys::ngx_http_headers_in_t,
    _: super::Pool<'_>,
    _: &mut super::ngx_table_elt_t,
) -> Result<(), super::CannotStart> {
    Ok(())
}

#[cfg(nginx1_23)]
mod chains {
    use super::super::{ngx_table_elt_t, CannotStart, Pool};
    use nginx_sys::ngx_http_headers_in_t;

    pub fn prepare(_: &mut ngx_http_headers_in_t, _: Pool<'_>) -> Result<(), CannotStart> {
        Ok(())
    }

    pub fn cookie(
        headers: &mut ngx_http_headers_in_t,
        _: Pool<'_>,
        element: &mut ngx_table_elt_t,
    ) -> Result<(), CannotStart> {
        headers.cookie = element;
        Ok(())
    }

    #[cfg(ngx_feature = "http_x_forwarded_for")]
    pub fn forwarded(
        headers: &mut ngx_http_headers_in_t,
        _: Pool<'_>,
        element: &mut ngx_table_elt_t,
    ) -> Result<(), CannotStart> {
        headers.x_forwarded_for = element;
        Ok(())
    }
}

#[cfg(not(nginx1_23))]
mod arrays {
    use super::super::{ngx_table_elt_t, CannotStart, Pool};
    use nginx_sys::{ngx_array_push, ngx_array_t, ngx_http_headers_in_t};
    use std::mem::size_of;

    pub fn prepare(headers: &mut ngx_http_headers_in_t, pool: Pool<'_>) -> Result<(), CannotStart> {
        array(&mut headers.cookies, pool)?;
        #[cfg(ngx_feature = "http_x_forwarded_for")]
        array(&mut headers.x_forwarded_for, pool)?;
        Ok(())
    }

    pub fn cookie(
        headers: &mut ngx_http_headers_in_t,
        _: Pool<'_>,
        element: &mut ngx_table_elt_t,
    ) -> Result<(), CannotStart> {
        append(&mut headers.cookies, element)
    }

    #[cfg(ngx_feature = "http_x_forwarded_for")]
    pub fn forwarded(
        headers: &mut ngx_http_headers_in_t,
        _: Pool<'_>,
        element: &mut ngx_table_elt_t,
    ) -> Result<(), CannotStart> {
        append(&mut headers.x_forwarded_for, element)
    }

    fn array(array: &mut ngx_array_t, pool: Pool<'_>) -> Result<(), CannotStart> {
        const ROOM: usize = 1;
        array.elts = pool.zeroed_array::<*mut ngx_table_elt_t>(ROOM)?.as_ptr().cast();
        (array.nelts, array.size, array.nalloc, array.pool) =
            (0, size_of::<*mut ngx_table_elt_t>(), ROOM, pool.as_ptr());
        Ok(())
    }

    fn append(array: &mut ngx_array_t, element: &mut ngx_table_elt_t) -> Result<(), CannotStart> {
        // SAFETY: an array of pointers, initialised in prepare().
        let slot: *mut *mut ngx_table_elt_t = unsafe { ngx_array_push(array) }.cast();
        if slot.is_null() {
            return Err(CannotStart);
        }
        // SAFETY: a fresh element of the array.
        unsafe { slot.write(element) };
        Ok(())
    }
}

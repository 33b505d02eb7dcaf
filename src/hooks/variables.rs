//! `$authgear_...`, as nginx asks for them.

use std::ptr::NonNull;

use nginx::pool::OutOfMemory;
use nginx::sys::{ngx_conf_t, ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t};
use nginx::variable;

use crate::conf::error::Fault;
use crate::conf::settings::{ClaimVariable, Setting};
use crate::variables::{claim, claim_set, ALL, CLAIM};

/// Makes them known, before any directive is read.
///
/// # Safety
/// `cf` is what nginx calls preconfiguration with.
pub unsafe fn add(cf: NonNull<ngx_conf_t>) -> Result<(), OutOfMemory> {
    for (index, (name, _)) in ALL.iter().enumerate() {
        // SAFETY: the caller vouches for it.
        unsafe { variable::add(cf, name, evaluate, index) }?;
    }
    // SAFETY: as above.
    unsafe { variable::add_prefix(cf, CLAIM, evaluate_claim) }
}

/// Makes those of `authgear_claim_set` known, once everybody else has defined theirs.
///
/// # Safety
/// `cf` is what nginx calls postconfiguration with.
pub unsafe fn add_claims(cf: NonNull<ngx_conf_t>, claims: &[Setting<ClaimVariable>]) -> Result<(), Fault> {
    for (index, claim) in claims.iter().enumerate() {
        let name = &claim.value.name;
        // SAFETY: the caller vouches for it.
        if unsafe { variable::is_defined(cf, name) } {
            return Err(Fault::VariableTaken {
                name: name.clone(),
                position: claim.position.clone(),
            });
        }
        // SAFETY: as above.
        unsafe { variable::add(cf, name, evaluate_claim_set, index) }?;
    }
    Ok(())
}

unsafe extern "C" fn evaluate(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    index: usize,
) -> ngx_int_t {
    // SAFETY: nginx's own arguments.
    unsafe { variable::evaluate(request, value, |request| ALL.get(index)?.1.of(request)) }
}

unsafe extern "C" fn evaluate_claim(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    data: usize,
) -> ngx_int_t {
    // SAFETY: nginx's own argument, for the prefix that add() has added.
    let name = unsafe { variable::rest(data, CLAIM) };
    // SAFETY: nginx's own arguments.
    unsafe { variable::evaluate(request, value, |request| claim(request, name?)) }
}

unsafe extern "C" fn evaluate_claim_set(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    index: usize,
) -> ngx_int_t {
    // SAFETY: nginx's own arguments.
    unsafe { variable::evaluate(request, value, |request| claim_set(request, index)) }
}

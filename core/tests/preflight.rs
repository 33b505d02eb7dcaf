//! Which request is a preflight: of all that there are, one.

use authgear_core::preflight::Request;

#[test]
fn a_preflight_has_all_of_its_marks_and_nothing_else() {
    for bits in 0..64_u8 {
        let bit = |bit: u8| bits & bit != 0;
        let request = Request {
            is_options: bit(1),
            has_origin: bit(2),
            has_request_method: bit(4),
            has_authorization: bit(8),
            has_cookie: bit(16),
            has_body: bit(32),
        };
        assert_eq!(request.is_preflight(), bits == 1 | 2 | 4, "{request:?}");
    }
}

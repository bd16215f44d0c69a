//! Fields of a head by their names (RFC 9110, 5.1: case does not matter).

use httparse::Header;

/// Returns the values of all fields of a name.
pub fn values<'f, 'b>(fields: &'f [Header<'b>], name: &'f str) -> impl Iterator<Item = &'b [u8]> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// Returns the value of the field of a name. `None`: there is none, or there are several.
pub fn only<'b>(fields: &[Header<'b>], name: &str) -> Option<&'b [u8]> {
    let mut values = values(fields, name);
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_any_case() {
        let field = |name, value| Header { name, value };
        let fields = [field("Range", b"a".as_slice()), field("If-Range", b"b"), field("RANGE", b"c")];
        assert_eq!(values(&fields, "range").collect::<Vec<_>>(), [b"a", b"c"]);
        assert_eq!((only(&fields, "range"), only(&fields, "if-range")), (None, Some(&b"b"[..])));
        assert_eq!((only(&fields, "if"), values(&fields, "if-ranges").next()), (None, None));
    }
}

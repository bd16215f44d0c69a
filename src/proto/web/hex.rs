//! Hexadecimal digits, as digests and names of uploads have them in URLs and texts.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends two digits for each byte, in lower case.
pub fn push(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Returns the byte that two digits say, in either case. `None`: they are not digits.
pub fn byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from((high? << 4) | low?).ok()
}

/// Returns the bytes that digits say, in either case. `None`: they are not all digits, or not two for each of the `N` bytes.
pub fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (place, pair) in bytes.iter_mut().zip(pairs) {
        *place = byte(*pair)?;
    }
    Some(bytes)
}

/// As [`decode`], for digits in lower case only.
pub fn decode_lower<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.iter().any(u8::is_ascii_uppercase) { None } else { decode(digits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_as_bytes() {
        let bytes: [u8; 256] = std::array::from_fn(|index| index as u8);
        let mut text = String::new();
        push(&bytes, &mut text);
        assert_eq!(text, text.to_ascii_lowercase());
        assert_eq!(decode(text.as_bytes()), Some(bytes));
        assert_eq!(decode_lower(text.as_bytes()), Some(bytes));
        let upper = text.to_ascii_uppercase();
        assert_eq!((decode(upper.as_bytes()), decode_lower::<256>(upper.as_bytes())), (Some(bytes), None));
    }

    #[test]
    fn nothing_else_is_taken() {
        for text in ["", "0", "000", "00000", "+1ff", "0x00", "g0ff", " 0ff", "ff0\n", "\u{660}00"] {
            assert_eq!(decode::<2>(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!((decode::<0>(b""), decode::<2>(b"00fF")), (Some([]), Some([0, 255])));
    }
}

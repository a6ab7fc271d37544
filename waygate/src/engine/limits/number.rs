//! Numbers as header values.

use bytes::Bytes;
use http::HeaderValue;

/// The numbers below 1,000 with three digits each. Most numbers in rate-limit headers are among them, and a static
/// value needs no allocation.
static SMALL: [[u8; 3]; 1_000] = small();

const fn small() -> [[u8; 3]; 1_000] {
    let mut all = [[b'0'; 3]; 1_000];
    let (mut hundreds, mut index) = (b'0', 0);
    while hundreds <= b'9' {
        let mut tens = b'0';
        while tens <= b'9' {
            let mut ones = b'0';
            while ones <= b'9' {
                all[index] = [hundreds, tens, ones];
                index += 1;
                ones += 1;
            }
            tens += 1;
        }
        hundreds += 1;
    }
    all
}

/// A number in decimal digits.
pub(super) fn number(value: u64) -> HeaderValue {
    let small = usize::try_from(value)
        .ok()
        .and_then(|index| SMALL.get(index));
    let Some(digits) = small else {
        return large(value);
    };
    let digits = match value {
        0..10 => &digits[2..],
        10..100 => &digits[1..],
        _ => &digits[..],
    };
    HeaderValue::from_maybe_shared(Bytes::from_static(digits)).unwrap_or_else(|_| large(value))
}

/// The number in one allocation; `HeaderValue::from` makes two.
fn large(value: u64) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    let text = Bytes::copy_from_slice(digits.format(value).as_bytes());
    HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_leading_zeros() {
        for value in (0..2_000).chain([10_000, u64::MAX]) {
            assert_eq!(number(value), value.to_string());
        }
    }
}
